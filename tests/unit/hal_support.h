// hal_support.h: what the tests of hal, cpu driver and bridge share: memory that counts and fails
// on demand, a CPU device, executables made of C functions.
#ifndef EERIE_TESTS_UNIT_HAL_SUPPORT_H_
#define EERIE_TESTS_UNIT_HAL_SUPPORT_H_

#include <stdatomic.h>
#include <stdlib.h>

#include "drivers/cpu/cpu.h"
#include "hal/driver.h"
#include "unit/check.h"

// ---- Memory ------------------------------------------------------------------------------------

// Counts allocations and live bytes from any thread; fails allocation number `fail_at` (1 is the
// first; 0: none).
typedef struct fixture {
  atomic_size_t allocations;
  atomic_size_t live;
  size_t fail_at;
  ee_heap_t heap;
  ee_hal_device_t *device;
} fixture_t;

CHECK_HELPER void *fixture_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  fixture_t *f = user;
  if (new_size == 0) {
    if (pointer) atomic_fetch_sub(&f->live, old_size);
    free(pointer);
    return NULL;
  }
  if (atomic_fetch_add(&f->allocations, 1) + 1 == f->fail_at) return NULL;
  // Address sanitizers end the program at such sizes instead of answering.
  if (new_size > SIZE_MAX >> (sizeof new_size == 8 ? 28 : 2)) return NULL;
  void *block = realloc(pointer, new_size);
  if (block) atomic_fetch_add(&f->live, new_size - (pointer ? old_size : 0));
  return block;
}

CHECK_HELPER void fixture_heap(fixture_t *f) {
  memset(f, 0, sizeof *f);
  ee_heap_initialize(&f->heap, (eerie_allocator_t){fixture_reallocate, f}, 0);
}

CHECK_HELPER void fixture_open(fixture_t *f) {
  eerie_error_t err = {.code = EERIE_OK};
  fixture_heap(f);
  if (ee_hal_device_open(&f->heap, EE_STR("local-sync"), &f->device, &err) != EERIE_OK) {
    fprintf(stderr, "no device: %s\n", err.message);
    exit(1);
  }
}

// Lets the device go; everything must have come back.
CHECK_HELPER void fixture_close(fixture_t *f) {
  ee_hal_device_release(f->device);
  f->device = NULL;
  CHECK_EQ_INT(atomic_load(&f->live), 0);
  CHECK_EQ_INT(f->heap.current, 0);
}

// ---- Buffers -----------------------------------------------------------------------------------

CHECK_HELPER ee_hal_buffer_t *make_buffer(fixture_t *f, size_t size) {
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, 0, 0, size, &buffer, NULL));
  if (buffer) memset(buffer->data, 0, size);
  return buffer;
}

CHECK_HELPER ee_hal_binding_t whole(ee_hal_buffer_t *buffer) {
  return (ee_hal_binding_t){.buffer = buffer, .size = UINT64_MAX};
}

CHECK_HELPER ee_hal_binding_t part(ee_hal_buffer_t *buffer, uint64_t offset, uint64_t size) {
  return (ee_hal_binding_t){.buffer = buffer, .offset = offset, .size = size};
}

CHECK_HELPER ee_hal_binding_t slot(uint32_t index, uint64_t offset, uint64_t size) {
  return (ee_hal_binding_t){.slot = index, .offset = offset, .size = size};
}

// ---- Executables -------------------------------------------------------------------------------

// Wraps a library of kernels written in C, as a loader would.
CHECK_HELPER ee_hal_executable_t *make_executable(fixture_t *f, const ee_cpu_library_t *library) {
  ee_cpu_executable_t *executable = ee_heap_allocate_zeroed(&f->heap, sizeof *executable);
  if (!executable) return NULL;
  ee_hal_executable_initialize(&executable->base, f->device, library->exports.count);
  executable->allocation_size = sizeof *executable;
  executable->library = library;
  return &executable->base;
}

#endif // EERIE_TESTS_UNIT_HAL_SUPPORT_H_
