// convention.h: calling kernels in the way that they were compiled for.
//
// Kernels that travel as ELF follow the convention of System V on every system. Those that the
// compiler makes for Windows, as a DLL or to be linked into a program, follow the one of Windows,
// which on x86-64 is another. Everywhere else there is one, and a call is a call.
#ifndef EE_DRIVERS_CPU_CONVENTION_H_
#define EE_DRIVERS_CPU_CONVENTION_H_

#include "drivers/cpu/cpu.h"

#if EE_CPU_TWO_CONVENTIONS

typedef int (*ee_cpu_host_kernel_t)(const ee_cpu_environment_t *environment,
                                    const ee_cpu_dispatch_state_t *dispatch,
                                    const ee_cpu_workgroup_state_t *workgroup);
typedef const ee_cpu_library_t *(*ee_cpu_host_query_t)(uint32_t max_version,
                                                       const ee_cpu_environment_t *environment);

// A stack grows on Windows when the next page below it is touched. Code compiled for another system
// may skip pages, so they are touched before: a frame of this size does that.
#define EE_CPU_STACK_OF_KERNELS (64u * 1024)
static __attribute__((noinline, unused)) void ee_cpu_stack_grow(void) {
  uint8_t room[EE_CPU_STACK_OF_KERNELS];
  __asm__ volatile("" : : "r"(room) : "memory");
}

// gcc takes two calls for one that differ in nothing but their convention (seen with 12.2), so
// something else has to differ.
#define EE_CPU_OTHER_CONVENTION(result) __asm__ volatile("" : "+r"(result))

static inline int ee_cpu_kernel_call(const ee_cpu_executable_t *executable, ee_cpu_kernel_t kernel,
                                     const ee_cpu_dispatch_state_t *dispatch,
                                     const ee_cpu_workgroup_state_t *workgroup) {
  if (executable->image.host_convention) {
    int code =
        ((ee_cpu_host_kernel_t)(uintptr_t)kernel)(&executable->environment, dispatch, workgroup);
    EE_CPU_OTHER_CONVENTION(code);
    return code;
  }
  ee_cpu_stack_grow();
  return kernel(&executable->environment, dispatch, workgroup);
}

static inline const ee_cpu_library_t *ee_cpu_library_ask(const ee_cpu_image_t *image,
                                                         const ee_cpu_environment_t *environment) {
  if (image->host_convention) {
    const ee_cpu_library_t *library =
        ((ee_cpu_host_query_t)(uintptr_t)image->query)(EE_CPU_LIBRARY_VERSION, environment);
    EE_CPU_OTHER_CONVENTION(library);
    return library;
  }
  return image->query(EE_CPU_LIBRARY_VERSION, environment);
}

#else

#define ee_cpu_kernel_call(executable, kernel, dispatch, workgroup)                                \
  ((kernel)(&(executable)->environment, (dispatch), (workgroup)))
#define ee_cpu_library_ask(image, environment)                                                     \
  ((image)->query(EE_CPU_LIBRARY_VERSION, (environment)))

#endif
#endif // EE_DRIVERS_CPU_CONVENTION_H_
