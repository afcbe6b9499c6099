// gpu_programs.h: programs on a device of a driver for GPUs: results, state, asynchronous calls,
// names, memory of the host that runs out. A test of a driver includes it once, behind its own
// support header.
#ifndef EERIE_TESTS_DRIVERS_GPU_PROGRAMS_H_
#define EERIE_TESTS_DRIVERS_GPU_PROGRAMS_H_

#include "drivers/gpu_support.h"

static void functions_give_their_results(void) {
  for (size_t i = 0; i < GPU_VARIANTS; ++i) {
    gpu_variant(i);
    program_t p;
    if (!opened(&p, "gpu_" GPU_KIND)) continue;
    for (int k = 0; k < 20; ++k)
      CHECK_OK(call_product(&p, "multiply", 4, (float)k, NULL));
    for (int64_t count = 0; count < 600; count += 37)
      CHECK_OK(call_product(&p, "scale", count, 3, NULL));
    program_close(&p);
    CHECK(gpu_is_gone());
  }
  gpu_variant(0);
}

// One module with kernels for the CPU and for the GPU.
static void one_module_runs_on_both(void) {
  static const char *const devices[] = {GPU_KIND, "local-sync", "local-task"};
  for (size_t i = 0; i < LENGTH(devices); ++i) {
    program_t p;
    eerie_error_t err = {0};
    if (CHECK_OK(program_open(&p, devices[i], GPU_BOTH, NULL, &err)))
      CHECK_OK(call_product(&p, "multiply", 4, 3, NULL));
    program_close(&p);
  }
}

static void state_stays(void) {
  program_t p;
  if (!opened(&p, "gpu_" GPU_KIND)) return;
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  CHECK_OK(eerie_program_find(p.program, "accumulate", &function, &err));
  eerie_tensor_t *in = NULL, *out = NULL;
  CHECK_OK(vector(&p, 8, 1, 1, &in, &err));
  for (int k = 1; k <= 10; ++k) {
    CHECK_OK(eerie_call_tensors(function, &in, 1, &out, 1, &err));
    float result[8] = {0};
    CHECK_OK(eerie_tensor_read(out, 0, result, sizeof result, &err));
    CHECK(result[7] == (float)(8 * k));
    eerie_tensor_release(out);
  }
  eerie_tensor_release(in);
  program_close(&p);
}

// Calls in a row, each with what the one before gave, and one wait at the end.
static void asynchronous_calls_queue_up(void) {
  enum { CALLS = 12, SIZE = 1024 };
  program_t p;
  if (!opened(&p, "gpu_async_" GPU_KIND)) return;
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  CHECK_OK(eerie_program_find(p.program, "twice", &function, &err));
  CHECK(eerie_function_is_async(function));
  eerie_value_t values[CALLS + 1] = {{.kind = EERIE_KIND_TENSOR}};
  eerie_fence_t *fences[CALLS + 1] = {NULL};
  CHECK_OK(vector(&p, SIZE, 1, 0, &values[0].as.tensor, &err));
  for (int k = 0; k < CALLS; ++k) {
    CHECK_OK(eerie_fence_create(p.instance, &fences[k + 1], &err));
    CHECK_OK(eerie_call_async(function, &values[k], 1, fences[k], fences[k + 1], &values[k + 1], 1,
                              &err));
  }
  CHECK_OK(eerie_fence_wait(fences[CALLS], -1, &err));
  float result[SIZE] = {0};
  CHECK_OK(eerie_tensor_read(values[CALLS].as.tensor, 0, result, sizeof result, &err));
  CHECK(result[SIZE - 1] == 4096);
  for (int k = 0; k <= CALLS; ++k) {
    eerie_value_release(&values[k]);
    eerie_fence_release(fences[k]);
  }
  program_close(&p);
  CHECK(gpu_is_gone());
}

// All of a program's life, with what goes wrong; counts the bytes that stay.
static eerie_status_t live_once(size_t *out_live, eerie_error_t *err) {
  fixture_t f;
  fixture_heap(&f);
  const eerie_instance_options_t options = {.allocator = {fixture_reallocate, &f}};
  program_t p;
  eerie_status_t status = program_open(&p, GPU_KIND, "gpu_" GPU_KIND, &options, err);
  if (!status) status = call_product(&p, "multiply", 4, 1, err);
  if (!status) status = call_product(&p, "scale", 100, 1, err);
  program_close(&p);
  *out_live = atomic_load(&f.live);
  return status;
}

static void host_memory_runs_out(void) {
  for (size_t n = 1; n < 3000; n += 1 + n / 40) {
    fixture_t f;
    fixture_heap(&f);
    f.fail_at = n;
    const eerie_instance_options_t options = {.allocator = {fixture_reallocate, &f}};
    program_t p;
    eerie_error_t err = {0};
    eerie_status_t status = program_open(&p, GPU_KIND, "gpu_" GPU_KIND, &options, &err);
    if (!status) status = call_product(&p, "multiply", 4, 1, &err);
    program_close(&p);
    CHECK_EQ_INT(atomic_load(&f.live), 0);
    CHECK(gpu_is_gone());
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    if (atomic_load(&f.allocations) < n) return;
  }
}

static void names_find_devices(void) {
  eerie_instance_t *instance = NULL;
  eerie_error_t err = {0};
  CHECK_OK(eerie_instance_create(NULL, &instance, &err));
  eerie_device_info_t info = {0};
  size_t count = 0;
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    if (strcmp(info.driver, GPU_KIND) != 0) continue;
    ++count;
    CHECK(info.target && info.uuid && info.limits);
    char by_uuid[64];
    snprintf(by_uuid, sizeof by_uuid, GPU_KIND "://%s", info.uuid);
    const char *const names[] = {info.name, by_uuid};
    for (size_t k = 0; k < LENGTH(names); ++k) {
      eerie_device_t *device = NULL;
      CHECK_OK(eerie_device_open(instance, names[k], &device, &err));
      if (device) CHECK_STR(eerie_device_name(device), info.name);
      eerie_device_release(device);
    }
  }
  CHECK(count > 0);
  static const char *const bad[] = {GPU_KIND ":99", GPU_KIND ":toaster",
                                    GPU_KIND "://00000000-0000-0000-0000-000000000000"};
  for (size_t i = 0; i < LENGTH(bad); ++i) {
    eerie_device_t *device = NULL;
    CHECK(eerie_device_open(instance, bad[i], &device, &err) != EERIE_OK);
    CHECK(device == NULL);
    CHECK_CONTAINS(err.message, bad[i]);
  }
  eerie_instance_release(instance);
}

#define GPU_PROGRAM_CASES                                                                          \
  RUN(names_find_devices), RUN(functions_give_their_results), RUN(one_module_runs_on_both),        \
      RUN(state_stays), RUN(asynchronous_calls_queue_up), RUN(host_memory_runs_out)

#endif // EERIE_TESTS_DRIVERS_GPU_PROGRAMS_H_
