// gpu.h: what the fuzz targets for executables of GPUs share: a device without a driver's library,
// whose memory is counted.
#ifndef EERIE_TESTS_FUZZ_GPU_H_
#define EERIE_TESTS_FUZZ_GPU_H_

#include "fuzz/fuzz.h"
#include "hal/driver.h"

static ee_heap_t gpu_heap;

static inline void *gpu_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user, (void)old_size;
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

static inline void gpu_device_initialize(ee_hal_device_t *device, const ee_hal_driver_t *driver,
                                         size_t size) {
  ee_heap_initialize(&gpu_heap, (eerie_allocator_t){gpu_reallocate, NULL}, 64 << 20);
  ee_hal_device_initialize(device, driver, &gpu_heap, EE_STR("none"), size);
}

// Calls `each` for the images that lie in a module, or for bytes that begin as one.
static inline bool gpu_each_image(const uint8_t *data, size_t size, const char *magic,
                                  void (*each)(const uint8_t *image, size_t size)) {
  enum { HEADER_SIZE = 64 };
  bool found = size >= 4 && memcmp(data, magic, 4) == 0;
  if (found) each(data, size);
  for (size_t at = 4; at + HEADER_SIZE <= size; ++at) {
    uint64_t length;
    if (memcmp(data + at, magic, 4) != 0 || memcmp(data + at + 4, "\0\0\0", 4) != 0) continue;
    memcpy(&length, data + at + 8, sizeof length);
    if (length > size - at - HEADER_SIZE) continue;
    found = true;
    each(data + at, HEADER_SIZE + (size_t)length);
  }
  return found;
}

// Everything has come back, byte for byte.
static inline void gpu_nothing_is_left(void) {
  FUZZ_REQUIRE(gpu_heap.current == 0);
}

// Looks for kernels by names, and what dispatches of them may give.
static inline void gpu_look_at(ee_hal_executable_t *executable) {
  static const char *const names[] = {"", "add", "gpu_dispatch_0_elementwise_4_f32"};
  const ee_hal_driver_t *driver = executable->device->driver;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    uint32_t function = UINT32_MAX;
    if (driver->executable_lookup(executable, ee_str_from(names[i]), &function, NULL) == EERIE_OK)
      FUZZ_REQUIRE(function < executable->function_count);
  }
  eerie_error_t err = {0};
  for (uint32_t i = 0; i <= executable->function_count; ++i)
    (void)ee_hal_executable_check(executable, i, 1, 2, &err);
  FUZZ_REQUIRE(ee_hal_executable_check(executable, executable->function_count, 0, 0, &err) !=
               EERIE_OK);
}

#endif // EERIE_TESTS_FUZZ_GPU_H_
