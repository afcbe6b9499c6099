// The driver for CUDA and HIP: operations, on the library that stands in the place of NVIDIA's (of
// AMD's: EERIE_TEST_HIP) or on a device.
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
    CHECK_OK(ee_hal_device_open(&f.heap, EE_STR(GPU_KIND ":1"), &second, NULL));
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

// ---- Lists -------------------------------------------------------------------------------------

enum { PIECE = 64, PIECES = 8 };

// Fills pieces, and behind a barrier copies each to the place of the one before it.
static ee_hal_command_list_t *list_of(fixture_t *f, ee_hal_buffer_t *from, ee_hal_buffer_t *to) {
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f->device, 0, 0, &list, NULL));
  for (size_t i = 0; i < PIECES; ++i) {
    const ee_hal_command_t fill = {.kind = EE_HAL_COMMAND_FILL,
                                   .target = part(from, PIECE * i, PIECE),
                                   .pattern = UINT64_C(0x0102030405060708) * (i + 1),
                                   .pattern_size = 1u << i % 4};
    CHECK_OK(ee_hal_command_list_append(list, &fill, 0, NULL));
  }
  ee_hal_command_list_barrier(list);
  for (size_t i = 0; i < PIECES; ++i) {
    const ee_hal_command_t copy = {.kind = EE_HAL_COMMAND_COPY,
                                   .source = part(from, PIECE * ((i + 1) % PIECES), PIECE),
                                   .target = part(to, PIECE * i, PIECE)};
    CHECK_OK(ee_hal_command_list_append(list, &copy, 0, NULL));
  }
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  return list;
}

// As graphs, whose nodes run in many orders.
static void lists_of_transfers_are_graphs(void) {
  gpu_variant(0);
  fixture_t f;
  if (!open_gpu(&f)) return;
  uint8_t zeros[PIECE * PIECES] = {0}, expected[PIECE * PIECES];
  for (size_t i = 0; i < PIECES; ++i)
    pattern_fill(expected, PIECE * i, PIECE, UINT64_C(0x0102030405060708) * ((i + 1) % PIECES + 1),
                 1u << (i + 1) % PIECES % 4);
  ee_hal_buffer_t *from = make(&f, sizeof zeros, zeros), *to = make(&f, sizeof zeros, zeros);
  ee_hal_command_list_t *list = list_of(&f, from, to);
  const ee_hal_operation_t execute = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  const long graphs = fake ? fake->graphs : 0;
  for (int round = 0; round < 20; ++round) {
    CHECK_OK(ee_hal_buffer_write(from, 0, zeros, sizeof zeros, NULL));
    CHECK_OK(ee_hal_buffer_write(to, 0, zeros, sizeof zeros, NULL));
    CHECK_OK(run_now(&f, &execute));
    CHECK(holds(to, expected, sizeof expected));
  }
  if (fake) CHECK_EQ_INT(fake->graphs - graphs, 19);
  ee_object_release((ee_object_t *)list);
  ee_hal_buffer_release(from);
  ee_hal_buffer_release(to);
  close_gpu(&f);
}

// ---- Memory of the host in place ---------------------------------------------------------------

static void count_release(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  atomic_fetch_add((atomic_int *)user, 1);
}

// From it and into it, between two devices too; programs are in cuda_wrap_test.
static void host_memory_in_place(fixture_t *f) {
  enum { SIZE = 1024 };
  uint8_t *bytes = aligned_alloc(4096, 4096), expected[SIZE];
  ee_hal_buffer_t *in_place = NULL, *here = make(f, SIZE, memset(expected, 3, SIZE));
  ee_hal_device_t *second = NULL;
  atomic_int released = 0;
  for (size_t i = 0; i < SIZE; ++i)
    bytes[i] = expected[i] = (uint8_t)(i * 5);
  CHECK_OK(ee_hal_buffer_import(f->device, bytes, SIZE, EE_HAL_ACCESS_ALL, count_release, &released,
                                &in_place, NULL));
  const ee_hal_operation_t out = {
      .kind = EE_HAL_QUEUE_COPY, .source = whole(in_place), .target = whole(here)};
  const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                   .target = part(in_place, 100, 900),
                                   .pattern = 9,
                                   .pattern_size = 1};
  CHECK_OK(run_now(f, &out));
  CHECK(holds(here, expected, SIZE));
  CHECK_OK(run_now(f, &fill));
  memset(expected + 100, 9, 900);
  CHECK(memcmp(bytes, expected, SIZE) == 0);
  if (fake && CHECK_OK(ee_hal_device_open(&f->heap, EE_STR(GPU_KIND ":1"), &second, NULL))) {
    ee_hal_buffer_t *there = NULL;
    CHECK_OK(ee_hal_buffer_allocate(second, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &there, NULL));
    const ee_hal_operation_t across = {
        .kind = EE_HAL_QUEUE_COPY, .source = whole(in_place), .target = whole(there)};
    ee_hal_fence_t *done = fence_of(f);
    CHECK_OK(ee_hal_device_submit(second, NULL, done, &across, NULL));
    CHECK_OK(ee_hal_fence_wait(done, INT64_MAX, NULL));
    CHECK(holds(there, expected, SIZE));
    drop(done);
    ee_hal_buffer_release(there);
    ee_hal_device_release(second);
  }
  ee_hal_buffer_release(here);
  ee_hal_buffer_release(in_place);
  for (int k = 0; k < 5000 && !atomic_load(&released); ++k)
    usleep(1000); // a thread of the driver's may be about to let go
  CHECK_EQ_INT(atomic_load(&released), 1);
  free(bytes);
}
static void host_memory_is_used_in_place(void) {
  on_all(host_memory_in_place);
}

int main(int argc, char **argv) {
  static const check_case_t more[] = {
      RUN(devices_copy_to_each_other),
      RUN(lists_of_transfers_are_graphs),
      RUN(host_memory_is_used_in_place),
  };
  check_case_t cases[LENGTH(gpu_operations) + LENGTH(more)];
  memcpy(cases, gpu_operations, sizeof gpu_operations);
  memcpy(cases + LENGTH(gpu_operations), more, sizeof more);
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
