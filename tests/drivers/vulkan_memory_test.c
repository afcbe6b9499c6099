// A Vulkan device whose memory runs out, and what it leaves alone then.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

// A device with little memory: what does not fit is refused, what is free is given back to the
// system before that, and what work in flight holds is waited for.
static void little_memory(fixture_t *f) {
  enum { MB = 1 << 20, MOST = 16 };
  ee_hal_buffer_t *buffers[MOST] = {NULL};
  eerie_error_t err = {0};
  eerie_status_t status = EERIE_OK;
  size_t count = 0;
  while (count < MOST && status == EERIE_OK) {
    status = ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, 10 * MB,
                                    &buffers[count], &err);
    count += status == EERIE_OK;
  }
  CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(err.message, "vkAllocateMemory");
  CHECK(count >= 4 && count < 10);
  for (size_t i = 0; i < count; ++i)
    ee_hal_buffer_release(buffers[i]);
  // All of it in one piece.
  ee_hal_buffer_t *large = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, 80 * MB, &large, NULL));
  if (!large) return;
  const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                   .target = part(large, 0, 80 * MB),
                                   .pattern = 1,
                                   .pattern_size = 4};
  CHECK_OK(ee_hal_device_submit(f->device, NULL, NULL, &fill, NULL));
  ee_hal_buffer_release(large); // the submission holds it
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, 70 * MB, &large, NULL));
  ee_hal_buffer_release(large);
}
static void little_memory_is_used_up(void) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    shim->memory_limit = 96 << 20;
    fixture_t f;
    if (open_vulkan(&f)) {
      little_memory(&f);
      close_vulkan(&f);
    }
  }
  forget_faults();
}

// A file's memory is its owner's again when the operation has failed, whichever piece it was.
static eerie_status_t write_file(fixture_t *f, ee_hal_buffer_t *buffer, size_t size, long fail_at) {
  uint8_t *bytes = malloc(size);
  ee_hal_file_t *file = NULL;
  CHECK_OK(ee_hal_file_from_memory(&f->heap, bytes, size, EE_HAL_ACCESS_ALL, NULL, &file, NULL));
  const ee_hal_operation_t write = {
      .kind = EE_HAL_QUEUE_WRITE, .source = whole(buffer), .file = file};
  shim->fail_at = fail_at;
  const eerie_status_t status = run_now(f, &write);
  ee_object_release((ee_object_t *)file);
  free(bytes);
  return status;
}
static void failed_pieces_are_over(void) {
  enum { SIZE = 40 << 20 };
  forget_faults();
  shim->own_memory = true;
  fixture_t f;
  int failures = 0;
  for (long n = 1; n < 100; ++n) {
    if (!open_vulkan(&f)) return;
    ee_hal_buffer_t *buffer = NULL;
    CHECK_OK(ee_hal_buffer_allocate(f.device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &buffer, NULL));
    failures += write_file(&f, buffer, SIZE, n) != EERIE_OK;
    const bool reached = shim->fail_at == 0;
    shim->fail_at = 0;
    CHECK_OK(write_file(&f, buffer, SIZE, 0));
    ee_hal_buffer_release(buffer);
    close_vulkan(&f);
    if (!reached) break;
  }
  CHECK(failures > 5);
  forget_faults();
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(little_memory_is_used_up),
      RUN(failed_pieces_are_over),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
