// The driver for CUDA: operations, on the library that stands in the place of NVIDIA's or on a
// device.
#define _DEFAULT_SOURCE // usleep
#include "drivers/cuda/cuda_support.h"

#include "drivers/gpu_operations.h"

// ---- Two devices -------------------------------------------------------------------------------

// What one has goes to the other and back, by either's queue; without reaching each other too.
static void devices_copy_to_each_other(void) {
  enum { SIZE = 4096 };
  for (int apart = 0; fake && apart < 2; ++apart) {
    gpu_variant(0);
    fake->no_peers = apart;
    fixture_t f;
    ee_hal_device_t *second = NULL;
    if (!open_gpu(&f)) return;
    CHECK_OK(ee_hal_device_open(&f.heap, EE_STR("cuda:1"), &second, NULL));
    uint8_t bytes[SIZE], zeros[SIZE] = {0};
    for (size_t i = 0; i < SIZE; ++i)
      bytes[i] = (uint8_t)(i * 7 + i / 256);
    ee_hal_buffer_t *here = make(&f, SIZE, bytes), *there = NULL, *back = make(&f, SIZE, zeros);
    CHECK_OK(ee_hal_buffer_allocate(second, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &there, NULL));
    const ee_hal_operation_t out = {
        .kind = EE_HAL_QUEUE_COPY, .source = whole(here), .target = whole(there)};
    const ee_hal_operation_t in = {
        .kind = EE_HAL_QUEUE_COPY, .source = whole(there), .target = whole(back)};
    ee_hal_fence_t *copied = fence_of(&f), *done = fence_of(&f);
    CHECK_OK(ee_hal_device_submit(f.device, NULL, copied, &out, NULL));
    CHECK_OK(ee_hal_device_submit(second, copied, done, &in, NULL));
    CHECK_OK(ee_hal_fence_wait(done, INT64_MAX, NULL));
    CHECK(holds(back, bytes, SIZE));
    CHECK(f.device->driver->async->reaches(f.device, there, true) == !apart);
    drop(copied);
    drop(done);
    ee_hal_buffer_release(here);
    ee_hal_buffer_release(there);
    ee_hal_buffer_release(back);
    ee_hal_device_release(second);
    close_gpu(&f);
  }
  if (fake) fake->no_peers = false;
}

int main(int argc, char **argv) {
  check_case_t cases[LENGTH(gpu_operations) + 1];
  memcpy(cases, gpu_operations, sizeof gpu_operations);
  cases[LENGTH(gpu_operations)] = (check_case_t)RUN(devices_copy_to_each_other);
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
