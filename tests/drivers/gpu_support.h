// gpu_support.h: what the tests of all drivers for GPUs share: devices, buffers, fences, programs.
//
// EERIE_TEST_GPU_MODULES is the folder that make_modules.py filled. Before this header stands, for
// each driver: GPU_KIND ("vulkan"), GPU_BOTH (a module for it and the CPU), GPU_VARIANTS (how many
// kinds of devices one machine offers); behind it the functions declared below.
#ifndef EERIE_TESTS_DRIVERS_GPU_SUPPORT_H_
#define EERIE_TESTS_DRIVERS_GPU_SUPPORT_H_

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "eerie/eerie.h"
#include "unit/hal_support.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

// Devices opened from now on are of that kind, and nothing fails.
static void gpu_variant(size_t index);
static const char *gpu_variant_name(size_t index);
// Whether the host does not see their memory.
static bool gpu_own_memory(void);
// Objects of the device's library that were made and not destroyed.
static long gpu_live(void);

// Whether all of them have been destroyed: a thread of a driver may be about to let go.
CHECK_HELPER bool gpu_is_gone(void) {
  for (int k = 0; k < 5000 && gpu_live() != 0; ++k)
    usleep(1000);
  return CHECK_EQ_INT(gpu_live(), 0);
}

// ---- Devices -----------------------------------------------------------------------------------

CHECK_HELPER bool open_gpu(fixture_t *f) {
  eerie_error_t err = {.code = EERIE_OK};
  fixture_heap(f);
  if (ee_hal_device_open(&f->heap, EE_STR(GPU_KIND), &f->device, &err) == EERIE_OK) return true;
  fprintf(stderr, "no device: %s\n", err.message);
  return CHECK(false);
}

// Lets the device go and waits until everything has come back, on the host and in its library: a
// thread of a driver may be about to let go as well.
CHECK_HELPER void close_fixture(fixture_t *f) {
  // A byte of our own: who gives back the last one looks at the heap once more.
  CHECK(ee_heap_charge(&f->heap, 1));
  ee_hal_device_release(f->device);
  f->device = NULL;
  for (int k = 0; k < 5000 && f->heap.current != 1; ++k)
    usleep(1000);
  ee_heap_discharge(&f->heap, 1);
  CHECK_EQ_INT(atomic_load(&f->live), 0);
}

CHECK_HELPER void close_gpu(fixture_t *f) {
  close_fixture(f);
  CHECK(gpu_is_gone());
}

CHECK_HELPER void on_all(void (*test)(fixture_t *f)) {
  for (size_t i = 0; i < GPU_VARIANTS; ++i) {
    gpu_variant(i);
    const int before = check_failures;
    fixture_t f;
    if (open_gpu(&f)) {
      test(&f);
      close_gpu(&f);
    }
    if (check_failures != before) fprintf(stderr, "  with %s\n", gpu_variant_name(i));
  }
  gpu_variant(0);
}

// ---- Buffers -----------------------------------------------------------------------------------

CHECK_HELPER ee_hal_buffer_t *make(fixture_t *f, size_t size, const uint8_t *bytes) {
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, size, &buffer, NULL));
  CHECK_OK(ee_hal_buffer_write(buffer, 0, bytes, size, NULL));
  CHECK((buffer->data == NULL) == gpu_own_memory());
  return buffer;
}

CHECK_HELPER bool holds(ee_hal_buffer_t *buffer, const uint8_t *expected, size_t size) {
  uint8_t *bytes = malloc(size + 1);
  CHECK_OK(ee_hal_buffer_read(buffer, 0, bytes, size, NULL));
  size_t at = 0;
  while (at < size && bytes[at] == expected[at])
    ++at;
  if (at < size)
    fprintf(stderr, "byte %zu is 0x%02x, expected 0x%02x\n", at, bytes[at], expected[at]);
  free(bytes);
  return at == size;
}

CHECK_HELPER ee_hal_fence_t *fence_of(fixture_t *f) {
  ee_hal_fence_t *fence = NULL;
  CHECK_OK(ee_hal_fence_create(&f->heap, &fence, NULL));
  return fence;
}

CHECK_HELPER void drop(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

// Submits and waits.
CHECK_HELPER eerie_status_t run_now(fixture_t *f, const ee_hal_operation_t *operation) {
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_fence_t *done = fence_of(f);
  eerie_status_t status = ee_hal_device_submit(f->device, NULL, done, operation, &err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(done, INT64_MAX, &err);
  drop(done);
  return status;
}

// ---- Programs ----------------------------------------------------------------------------------

typedef struct program {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
} program_t;

CHECK_HELPER const char *path_of(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s.vmfb", EERIE_TEST_GPU_MODULES, name);
  return path;
}

CHECK_HELPER eerie_status_t program_open(program_t *p, const char *device, const char *name,
                                         const eerie_instance_options_t *options,
                                         eerie_error_t *err) {
  memset(p, 0, sizeof *p);
  eerie_status_t status = eerie_instance_create(options, &p->instance, err);
  if (!status) status = eerie_device_open(p->instance, device, &p->device, err);
  if (!status) status = eerie_module_load_file(p->instance, path_of(name), NULL, &p->module, err);
  const eerie_program_options_t given = {.module = p->module, .device = p->device};
  if (!status) status = eerie_program_create(p->instance, &given, &p->program, err);
  return status;
}

CHECK_HELPER void program_close(program_t *p) {
  eerie_program_release(p->program);
  eerie_module_release(p->module);
  eerie_device_release(p->device);
  eerie_instance_release(p->instance);
}

CHECK_HELPER eerie_status_t vector(program_t *p, int64_t count, float first, float step,
                                   eerie_tensor_t **out_tensor, eerie_error_t *err) {
  float data[1024];
  for (int64_t i = 0; i < count; ++i)
    data[i] = first + step * (float)i;
  return eerie_tensor_create(p->device, EERIE_F32, 1, &count, data, out_tensor, err);
}

// function(vector, vector)[i] is what it should be.
CHECK_HELPER eerie_status_t call_product(program_t *p, const char *name, int64_t count, float first,
                                         eerie_error_t *err) {
  eerie_function_t *function = NULL;
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  eerie_status_t status = eerie_program_find(p->program, name, &function, err);
  if (!status) status = vector(p, count, first, 1, &in[0], err);
  if (!status) status = vector(p, count, 2, 0, &in[1], err);
  if (!status) status = eerie_call_tensors(function, in, 2, &out, 1, err);
  float result[1024];
  if (!status) status = eerie_tensor_read(out, 0, result, (size_t)count * sizeof(float), err);
  for (int64_t i = 0; !status && i < count; ++i)
    CHECK(result[i] == 2 * (first + (float)i));
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  eerie_tensor_release(out);
  return status;
}

CHECK_HELPER bool opened(program_t *p, const char *name) {
  eerie_error_t err = {0};
  if (program_open(p, GPU_KIND, name, NULL, &err) == EERIE_OK) return true;
  fprintf(stderr, "%s: %s\n", name, err.message);
  program_close(p);
  return CHECK(false);
}

#endif // EERIE_TESTS_DRIVERS_GPU_SUPPORT_H_
