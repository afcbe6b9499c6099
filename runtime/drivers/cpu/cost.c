// cost.c: what kernels take, and whether sharing brings anything. See cost.h.
#include "drivers/cpu/cost.h"

#if EERIE_THREADS

// Of so many runs some are done the other way, alone or shared, to know what is better.
#define ROUND       512u
#define OTHER_WAY   8u
#define LEARN_EVERY 8u
#define ONE         256u // in `alone` and `shared`
// Cheap kernels are measured once in so many runs, and the first few times.
#define MEASURE_EVERY 32u
#define MEASURE_FIRST 4u
// From here on measuring costs nothing beside.
#define MEASURE_ALWAYS_NS 20000u

// Believes in less at once, in more slowly: what is too much was mostly somebody else.
void ee_cpu_cost_learn(ee_cpu_cost_t *cost, int64_t ns, uint64_t workgroups) {
  if (!cost || !workgroups || ns < 0) return;
  uint64_t now = (uint64_t)ns * 16 / workgroups;
  if (now < 1) now = 1;
  if (now > UINT32_MAX) now = UINT32_MAX;
  const uint64_t before = atomic_load_explicit(&cost->sixteenths, memory_order_relaxed);
  if (before && now > 2 * before) now = 2 * before;
  if (before && now > before) now = before + (now - before + 7) / 8;
  if (now > UINT32_MAX) now = UINT32_MAX;
  atomic_store_explicit(&cost->sixteenths, (uint32_t)now, memory_order_relaxed);
}

// What a kernel took while others worked too: no more is believed than it took alone. Caches that
// are cold and memory that others use make it more, and taken for what it takes alone that would
// make sharing look good.
void ee_cpu_cost_learn_shared(ee_cpu_cost_t *cost, uint64_t ns, uint64_t workgroups) {
  if (!cost || !workgroups || ns >= INT64_MAX / 16) return;
  const uint64_t now = ns * 16 / workgroups;
  const uint64_t before = atomic_load_explicit(&cost->sixteenths, memory_order_relaxed);
  if (!before || now < before) ee_cpu_cost_learn(cost, (int64_t)ns, workgroups);
}

bool ee_cpu_cost_is_due(ee_cpu_cost_t *cost, uint64_t ns) {
  if (!cost) return false;
  const uint32_t runs = atomic_load_explicit(&cost->runs, memory_order_relaxed);
  atomic_store_explicit(&cost->runs, runs + 1, memory_order_relaxed);
  return runs < MEASURE_FIRST || runs % MEASURE_EVERY == 0 || ns >= MEASURE_ALWAYS_NS;
}

// Runs come in rounds, which end with some in the way that looked worse so far: what others do on
// the machine changes, and where cores have their caches apart, what one kernel gains by being
// shared the next one may lose, which has to fetch the data from there. Of those only the later
// ones count, when caches are as that way leaves them.
ee_cpu_choice_t ee_cpu_cost_choose(ee_cpu_cost_t *cost) {
  ee_cpu_choice_t choice = {.cost = cost, .share = true};
  if (!cost) return choice;
  const uint32_t turns = atomic_load_explicit(&cost->turns, memory_order_relaxed);
  atomic_store_explicit(&cost->turns, turns + 1, memory_order_relaxed);
  const uint32_t alone = atomic_load_explicit(&cost->alone, memory_order_relaxed);
  const uint32_t shared = atomic_load_explicit(&cost->shared, memory_order_relaxed);
  const bool better = !alone || !shared || shared < alone;
  const uint32_t turn = turns % ROUND;
  choice.share = (turn >= ROUND - OTHER_WAY) != better;
  choice.learn = turn < ROUND - OTHER_WAY ? turn % LEARN_EVERY == 0 : turn >= ROUND - OTHER_WAY / 2;
  return choice;
}

// Keeps what was taken, as a share of what was expected: that cancels out where the two ways are
// compared.
void ee_cpu_cost_learn_choice(const ee_cpu_choice_t *choice, uint64_t expected_ns, int64_t ns,
                              bool shared) {
  if (!choice->learn || !expected_ns || ns < 0 || ns > INT64_MAX / ONE) return;
  _Atomic uint32_t *way = shared ? &choice->cost->shared : &choice->cost->alone;
  uint64_t now = (uint64_t)ns * ONE / expected_ns;
  if (now < 1) now = 1;
  if (now > 4 * ONE) now = 4 * ONE; // somebody was kept from running
  const uint64_t before = atomic_load_explicit(way, memory_order_relaxed);
  if (before) now = (3 * before + now + 2) / 4;
  atomic_store_explicit(way, (uint32_t)now, memory_order_relaxed);
}

#endif
