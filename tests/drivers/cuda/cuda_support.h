// cuda_support.h: what the tests of the driver for CUDA and HIP share: the library that stands in
// the place of NVIDIA's (of AMD's: EERIE_TEST_HIP), or that one itself, and the kinds of devices.
#ifndef EERIE_TESTS_DRIVERS_CUDA_CUDA_SUPPORT_H_
#define EERIE_TESTS_DRIVERS_CUDA_CUDA_SUPPORT_H_

#include "drivers/cuda/fake.h"

// NULL: the library is no fake, and the device a real one.
static fake_cuda_t *fake;

#ifdef EERIE_TEST_HIP
#define GPU_KIND    "hip"
#define GPU_LIBRARY "libamdhip64.so"
#else
#define GPU_KIND    "cuda"
#define GPU_LIBRARY "libcuda.so.1"
#endif
#define GPU_BOTH     "gpu_both_cuda" // the module for both kinds of devices
#define GPU_VARIANTS (fake ? 3u : 1u)
#include "drivers/gpu_support.h"

CHECK_HELPER void gpu_variant(size_t index) {
  if (!fake) return;
  fake->no_pools = index == 1;
  fake->old_shared = index == 1;
  fake->no_register = false;
  fake->delay = index == 2 ? 200 : 0;
  fake->fail = NULL;
  fake->fail_at = 0;
  fake->fail_with = fake->lose_with = 0;
}
CHECK_HELPER const char *gpu_variant_name(size_t index) {
  static const char *const names[] = {"pools", "no pools", "slow streams"};
  return names[index];
}
CHECK_HELPER bool gpu_own_memory(void) {
  return true;
}
CHECK_HELPER long gpu_live(void) {
  return fake ? __atomic_load_n(&fake->live, __ATOMIC_ACQUIRE) : 0;
}

CHECK_HELPER int (*find_function(const char *name))(uintptr_t) {
  void *library = dlopen(GPU_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  void *const address = library ? dlsym(library, name) : NULL;
  int (*function)(uintptr_t) = NULL;
  memcpy(&function, &address, sizeof address);
  if (library) dlclose(library);
  return function;
}

// A call that failed by our order did nothing: what it was to give back is still there, which is no
// fault of the driver's.
CHECK_HELPER void forget_undone(long misuses) {
  int (*const pop)(uintptr_t) = find_function("cuCtxPopCurrent_v2");
  int (*const release)(uintptr_t) = find_function("cuDevicePrimaryCtxRelease_v2");
  while (fake->pushed > 0 && pop && pop(0) == 0) {
  }
  while (gpu_live() > 0 && release && release(0) == 0) {
  }
  fake->pushed = 0; // those of threads that have ended
  fake->misuses = misuses;
}

// The process's device, or the reason why there is none: then all is skipped.
CHECK_HELPER int cuda_main(int argc, char **argv, const check_case_t *cases, size_t count) {
  void *library = dlopen(GPU_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  fake = library ? dlsym(library, "fake_cuda") : NULL;
  if (fake) fake->devices = 2;
  eerie_error_t err = {0};
  fixture_t f;
  fixture_heap(&f);
  if (ee_hal_device_open(&f.heap, EE_STR(GPU_KIND), &f.device, &err) != EERIE_OK) {
    printf("skipped: no device of the kind " GPU_KIND ": %s\n", err.message);
    return fake ? 1 : 77;
  }
  printf("on %s\n", f.device->name);
  ee_hal_device_release(f.device);
  const int failed = check_main(argc, argv, cases, count);
  return failed || !fake ? failed
                         : !(CHECK_EQ_INT(fake->misuses, 0) && CHECK_EQ_INT(fake->pushed, 0));
}

#endif // EERIE_TESTS_DRIVERS_CUDA_CUDA_SUPPORT_H_
