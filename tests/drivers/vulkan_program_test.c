// Programs on a Vulkan device, and what they are told when it fails: calls that fail, memory that
// runs out, a device that is lost or lacks something.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

// ---- Programs ----------------------------------------------------------------------------------

static void functions_give_their_results(void) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    program_t p;
    if (!opened(&p, "gpu_vulkan")) continue;
    for (int k = 0; k < 20; ++k)
      CHECK_OK(call_product(&p, "multiply", 4, (float)k, NULL));
    for (int64_t count = 0; count < 600; count += 37)
      CHECK_OK(call_product(&p, "scale", count, 3, NULL));
    program_close(&p);
    CHECK_EQ_INT(shim->live, 0);
  }
  forget_faults();
}

// Kernels that take addresses instead of descriptors, where the device has them.
static void kernels_take_addresses(void) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    program_t p;
    eerie_error_t err = {0};
    const eerie_status_t status = program_open(&p, "vulkan", "gpu_addresses_vulkan", NULL, &err);
    if (status == EERIE_INCOMPATIBLE) {
      CHECK_CONTAINS(err.message, "vulkan-spirv-bda-v1");
    } else if (CHECK_OK(status)) {
      for (int k = 0; k < 20; ++k)
        CHECK_OK(call_product(&p, "multiply", 4, (float)k, NULL));
      for (int64_t count = 1; count < 600; count += 37)
        CHECK_OK(call_product(&p, "scale", count, 3, NULL));
    }
    program_close(&p);
    CHECK_EQ_INT(shim->live, 0);
  }
  forget_faults();
}

// One module with kernels for the CPU and for Vulkan.
static void one_module_runs_on_both(void) {
  static const char *const devices[] = {"vulkan", "local-sync", "local-task"};
  for (size_t i = 0; i < LENGTH(devices); ++i) {
    program_t p;
    eerie_error_t err = {0};
    if (CHECK_OK(program_open(&p, devices[i], "gpu_both", NULL, &err)))
      CHECK_OK(call_product(&p, "multiply", 4, 3, NULL));
    program_close(&p);
  }
}

static void lists_are_recorded_once(void) {
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  for (int k = 0; k < 5; ++k)
    CHECK_OK(call_product(&p, "multiply", 4, (float)k, NULL));
  const long recordings = shim->recordings, submits = shim->submits;
  for (int k = 0; k < 50; ++k)
    CHECK_OK(call_product(&p, "multiply", 4, (float)k, NULL));
  CHECK_EQ_INT(shim->recordings, recordings);
  CHECK_EQ_INT(shim->submits, submits + 50); // one for a call
  program_close(&p);
}

static void state_stays(void) {
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
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
  if (!opened(&p, "gpu_async_vulkan")) return;
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
  CHECK_EQ_INT(shim->live, 0);
}

// ---- Faults ------------------------------------------------------------------------------------

// All of a program's life, with what goes wrong; counts the bytes that stay.
static eerie_status_t live_once(size_t *out_live, eerie_error_t *err) {
  fixture_t f;
  fixture_heap(&f);
  const eerie_instance_options_t options = {.allocator = {fixture_reallocate, &f}};
  program_t p;
  eerie_status_t status = program_open(&p, "vulkan", "gpu_vulkan", &options, err);
  if (!status) status = call_product(&p, "multiply", 4, 1, err);
  if (!status) status = call_product(&p, "scale", 100, 1, err);
  program_close(&p);
  *out_live = atomic_load(&f.live);
  return status;
}

static void every_failing_call_is_reported(void) {
  for (int own = 0; own < 2; ++own) {
    long failures = 0;
    for (long n = 1; n < 2000; ++n) {
      forget_faults();
      shim->own_memory = own;
      shim->no_timeline = own;
      shim->fail_at = n;
      eerie_error_t err = {0};
      size_t live = 0;
      const eerie_status_t status = live_once(&live, &err);
      CHECK_EQ_INT(live, 0);
      CHECK_EQ_INT(shim->live, 0);
      if (shim->fail_at) break;         // it was never reached
      if (status == EERIE_OK) continue; // there was another way
      ++failures;
      CHECK(status == EERIE_RESOURCE_EXHAUSTED || status == EERIE_INTERNAL ||
            status == EERIE_UNAVAILABLE);
      CHECK(strstr(err.message, "vk") != NULL);
    }
    CHECK(failures > 15);
  }
  forget_faults();
}

static void host_memory_runs_out(void) {
  for (size_t n = 1; n < 3000; n += 1 + n / 40) {
    fixture_t f;
    fixture_heap(&f);
    f.fail_at = n;
    const eerie_instance_options_t options = {.allocator = {fixture_reallocate, &f}};
    program_t p;
    eerie_error_t err = {0};
    eerie_status_t status = program_open(&p, "vulkan", "gpu_vulkan", &options, &err);
    if (!status) status = call_product(&p, "multiply", 4, 1, &err);
    program_close(&p);
    CHECK_EQ_INT(atomic_load(&f.live), 0);
    CHECK_EQ_INT(shim->live, 0);
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    if (atomic_load(&f.allocations) < n) return;
  }
}

static void lose(bool at_wait, bool no_timeline) {
  forget_faults();
  shim->no_timeline = no_timeline;
  program_t p;
  eerie_error_t err = {0};
  if (!opened(&p, "gpu_vulkan")) return;
  CHECK_OK(call_product(&p, "multiply", 4, 1, &err));
  if (at_wait) {
    shim->lose_at_wait = true;
  } else {
    shim->lose_at_submit = 1;
  }
  CHECK_STATUS(call_product(&p, "multiply", 4, 1, &err), EERIE_ABORTED);
  CHECK_CONTAINS(err.message, "lost");
  CHECK_STATUS(call_product(&p, "multiply", 4, 1, &err), EERIE_ABORTED);
  program_close(&p);
  CHECK_EQ_INT(shim->live, 0);
  // A new device works.
  forget_faults();
  if (!opened(&p, "gpu_vulkan")) return;
  CHECK_OK(call_product(&p, "multiply", 4, 1, &err));
  program_close(&p);
}

static void a_lost_device_is_reported(void) {
  for (int i = 0; i < 4; ++i)
    lose(i & 1, i & 2);
  forget_faults();
}

static void what_the_device_lacks_is_refused(void) {
  forget_faults();
  shim->no_float16 = true;
  program_t p;
  eerie_error_t err = {0};
  CHECK_STATUS(program_open(&p, "vulkan", "gpu_half_vulkan", NULL, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "which device");
  program_close(&p);
  CHECK_STATUS(program_open(&p, "vulkan", "gpu_cpu", NULL, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "vulkan-spirv-fb");
  program_close(&p);
  CHECK_STATUS(program_open(&p, "local-sync", "gpu_vulkan", NULL, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "vulkan-spirv-fb");
  program_close(&p);
  forget_faults();
}

static void names_find_devices(void) {
  eerie_instance_t *instance = NULL;
  eerie_error_t err = {0};
  CHECK_OK(eerie_instance_create(NULL, &instance, &err));
  eerie_device_info_t info = {0};
  size_t count = 0;
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    if (strcmp(info.driver, "vulkan") != 0) continue;
    ++count;
    CHECK(info.target && info.uuid && info.limits);
    char by_uuid[64];
    snprintf(by_uuid, sizeof by_uuid, "vulkan://%s", info.uuid);
    const char *const names[] = {info.name, by_uuid};
    for (size_t k = 0; k < LENGTH(names); ++k) {
      eerie_device_t *device = NULL;
      CHECK_OK(eerie_device_open(instance, names[k], &device, &err));
      if (device) CHECK_STR(eerie_device_name(device), info.name);
      eerie_device_release(device);
    }
  }
  CHECK(count > 0);
  static const char *const bad[] = {"vulkan:99", "vulkan:toaster",
                                    "vulkan://00000000-0000-0000-0000-000000000000"};
  for (size_t i = 0; i < LENGTH(bad); ++i) {
    eerie_device_t *device = NULL;
    CHECK(eerie_device_open(instance, bad[i], &device, &err) != EERIE_OK);
    CHECK(device == NULL);
    CHECK_CONTAINS(err.message, bad[i]);
  }
  eerie_instance_release(instance);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(names_find_devices),
      RUN(functions_give_their_results),
      RUN(kernels_take_addresses),
      RUN(one_module_runs_on_both),
      RUN(lists_are_recorded_once),
      RUN(state_stays),
      RUN(asynchronous_calls_queue_up),
      RUN(every_failing_call_is_reported),
      RUN(host_memory_runs_out),
      RUN(a_lost_device_is_reported),
      RUN(what_the_device_lacks_is_refused),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
