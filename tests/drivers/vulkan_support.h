// vulkan_support.h: what the tests of the Vulkan driver share: the loader that fails on demand and
// the kinds of devices that it makes.
#ifndef EERIE_TESTS_DRIVERS_VULKAN_SUPPORT_H_
#define EERIE_TESTS_DRIVERS_VULKAN_SUPPORT_H_

#include "drivers/vulkan_shim.h"

static vulkan_shim_t *shim;

// The kinds of devices that one machine can offer.
typedef struct variant {
  const char *name;
  bool own_memory;
  bool no_timeline;
} variant_t;
static const variant_t variants[] = {
    {"memory shared, timeline", false, false},
    {"memory of its own, timeline", true, false},
    {"memory shared, fences", false, true},
    {"memory of its own, fences", true, true},
};

#define GPU_KIND     "vulkan"
#define GPU_BOTH     "gpu_both" // the module for both kinds of devices
#define GPU_VARIANTS (sizeof variants / sizeof *variants)
#include "drivers/gpu_support.h"

CHECK_HELPER void forget_faults(void) {
  const long live = shim->live;
  memset(shim, 0, sizeof *shim);
  shim->live = live;
}

CHECK_HELPER void gpu_variant(size_t index) {
  forget_faults();
  shim->own_memory = variants[index].own_memory;
  shim->no_timeline = variants[index].no_timeline;
}
CHECK_HELPER const char *gpu_variant_name(size_t index) {
  return variants[index].name;
}
CHECK_HELPER bool gpu_own_memory(void) {
  return shim->own_memory;
}
CHECK_HELPER long gpu_live(void) {
  return __atomic_load_n(&shim->live, __ATOMIC_ACQUIRE);
}

CHECK_HELPER bool open_vulkan(fixture_t *f) {
  return open_gpu(f);
}
CHECK_HELPER void close_vulkan(fixture_t *f) {
  close_gpu(f);
}

// The process's device, or the reason why there is none: then all is skipped.
CHECK_HELPER int vulkan_main(int argc, char **argv, const check_case_t *cases, size_t count) {
  void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  shim = library ? dlsym(library, "vulkan_shim") : NULL;
  eerie_error_t err = {0};
  fixture_t f;
  fixture_heap(&f);
  if (!shim || ee_hal_device_open(&f.heap, EE_STR("vulkan"), &f.device, &err) != EERIE_OK) {
    printf("skipped: no Vulkan device: %s\n", shim ? err.message : "no loader");
    return 77;
  }
  printf("on %s\n", f.device->name);
  ee_hal_device_release(f.device);
  return check_main(argc, argv, cases, count);
}

#endif // EERIE_TESTS_DRIVERS_VULKAN_SUPPORT_H_
