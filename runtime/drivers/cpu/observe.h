// observe.h: what kernels of the CPU tell an observer; nothing where EERIE_PROFILE is 0.
#ifndef EE_DRIVERS_CPU_OBSERVE_H_
#define EE_DRIVERS_CPU_OBSERVE_H_

#include "drivers/cpu/cpu.h"
#include "hal/observe.h"

#if EERIE_PROFILE
// A dispatch, or the `workgroups` of it that `worker` has done (0: the thread that calls), from
// `begin_ns` to `end_ns`, both of ee_hal_observe_begin.
EE_COLD void ee_cpu_observe_dispatch(const ee_hal_executable_t *executable,
                                     const ee_hal_dispatch_t *dispatch, uint32_t worker,
                                     uint64_t workgroups, int64_t begin_ns, int64_t end_ns);
// The kernels of an executable that was loaded.
EE_COLD void ee_cpu_observe_kernels(const ee_hal_executable_t *executable);
#else
#define ee_cpu_observe_dispatch(executable, dispatch, worker, workgroups, begin_ns, end_ns)        \
  ((void)0)
#endif

#endif // EE_DRIVERS_CPU_OBSERVE_H_
