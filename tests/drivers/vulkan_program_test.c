// Programs on a Vulkan device, and what they are told when it fails: calls that fail, memory that
// runs out, a device that is lost or lacks something.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

#include "drivers/gpu_programs.h"

// ---- Programs ----------------------------------------------------------------------------------

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
    CHECK(gpu_is_gone());
  }
  forget_faults();
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

// ---- Faults ------------------------------------------------------------------------------------

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
      CHECK(gpu_is_gone());
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
  CHECK(gpu_is_gone());
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

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      GPU_PROGRAM_CASES,
      RUN(kernels_take_addresses),
      RUN(lists_are_recorded_once),
      RUN(every_failing_call_is_reported),
      RUN(a_lost_device_is_reported),
      RUN(what_the_device_lacks_is_refused),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
