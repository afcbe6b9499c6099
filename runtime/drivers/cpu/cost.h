// cost.h: what kernels take, and whether sharing them among threads brings anything. Estimates:
// threads that write at once lose a measurement, and nothing else.
#ifndef EE_DRIVERS_CPU_COST_H_
#define EE_DRIVERS_CPU_COST_H_

#include "drivers/cpu/cpu.h"

#if EERIE_THREADS

#include <stdatomic.h>

// Of a kernel. `alone`, `shared` and `turns` are of the lists that begin with it.
typedef struct ee_cpu_cost {
  _Atomic uint32_t sixteenths; // of a nanosecond for a workgroup; 0: unknown
  _Atomic uint32_t runs;       // to measure some of them
  _Atomic uint32_t alone;      // what it took by what was expected; 0: unknown
  _Atomic uint32_t shared;     // the same, where workers took part
  _Atomic uint32_t turns;
} ee_cpu_cost_t;

// Nanoseconds that one thread takes; 0: unknown.
static inline uint64_t ee_cpu_cost_estimate(const ee_cpu_cost_t *cost, uint64_t workgroups) {
  if (!cost) return 0;
  const uint64_t each =
      atomic_load_explicit(&((ee_cpu_cost_t *)(uintptr_t)cost)->sixteenths, memory_order_relaxed);
  return workgroups < UINT32_MAX ? each * workgroups / 16 : each * (workgroups / 16);
}

// Is it time to measure a kernel that takes `ns`?
bool ee_cpu_cost_is_due(ee_cpu_cost_t *cost, uint64_t ns);
// What workgroups took one thread.
void ee_cpu_cost_learn(ee_cpu_cost_t *cost, int64_t ns, uint64_t workgroups);
// What they took all threads that had a part in it, in sum.
void ee_cpu_cost_learn_shared(ee_cpu_cost_t *cost, uint64_t ns, uint64_t workgroups);

// How a list, or a kernel without one, is run this time.
typedef struct ee_cpu_choice {
  ee_cpu_cost_t *cost; // NULL: not measured
  bool share;          // what pays
  bool learn;          // from what it takes
} ee_cpu_choice_t;
ee_cpu_choice_t ee_cpu_cost_choose(ee_cpu_cost_t *cost);
// What a list took that was expected to take one thread `expected_ns`.
void ee_cpu_cost_learn_choice(const ee_cpu_choice_t *choice, uint64_t expected_ns, int64_t ns,
                              bool shared);

#endif

#endif // EE_DRIVERS_CPU_COST_H_
