// gpu_operations.h: every operation of a driver for GPUs against what the host makes of it, memory,
// work that waits for work. A test of a driver includes it once, behind its own support header.
#ifndef EERIE_TESTS_DRIVERS_GPU_OPERATIONS_H_
#define EERIE_TESTS_DRIVERS_GPU_OPERATIONS_H_

#include <pthread.h>

#include "drivers/gpu_support.h"

enum { BYTES = 300 };

static void pattern_fill(uint8_t *bytes, size_t offset, size_t size, uint64_t pattern,
                         uint32_t width) {
  for (size_t i = 0; i < size; ++i)
    bytes[offset + i] = (uint8_t)(pattern >> 8 * (i % width));
}

static void fill_some(fixture_t *f, uint32_t width, uint64_t pattern) {
  uint8_t expected[BYTES];
  for (size_t i = 0; i < BYTES; ++i)
    expected[i] = (uint8_t)(i * 7);
  ee_hal_buffer_t *buffer = make(f, BYTES, expected);
  for (size_t offset = 0; offset < 12; ++offset) {
    for (size_t size = 0; size < 40; size += width) {
      const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                       .target = part(buffer, offset, size),
                                       .pattern = pattern + size,
                                       .pattern_size = width};
      CHECK_OK(run_now(f, &fill));
      pattern_fill(expected, offset, size, pattern + size, width);
    }
  }
  CHECK(holds(buffer, expected, BYTES));
  ee_hal_buffer_release(buffer);
}

static void fills(fixture_t *f) {
  fill_some(f, 1, 0x5A);
  fill_some(f, 2, 0x1234);
  fill_some(f, 4, 0xDEADBEEF);
  fill_some(f, 8, UINT64_C(0x0123456789ABCDEF));
  fill_some(f, 8, UINT64_C(0x0102030401020304));
}
static void fills_any_range(void) {
  on_all(fills);
}

static void updates_and_copies(fixture_t *f) {
  uint8_t expected[BYTES], source[BYTES];
  for (size_t i = 0; i < BYTES; ++i) {
    expected[i] = (uint8_t)i;
    source[i] = (uint8_t)(255 - i % 251);
  }
  ee_hal_buffer_t *to = make(f, BYTES, expected), *from = make(f, BYTES, source);
  for (size_t offset = 0; offset < 9; ++offset) {
    for (size_t size = 0; size < 30; size += 7) {
      const ee_hal_operation_t update = {.kind = EE_HAL_QUEUE_UPDATE,
                                         .target = part(to, offset, size),
                                         .update_data = source + offset,
                                         .update_size = size};
      CHECK_OK(run_now(f, &update));
      memcpy(expected + offset, source + offset, size);
      const ee_hal_operation_t copy = {.kind = EE_HAL_QUEUE_COPY,
                                       .source = part(from, offset + 3, size),
                                       .target = part(to, 100 + 31 * offset / 2, size)};
      CHECK_OK(run_now(f, &copy));
      memcpy(expected + 100 + 31 * offset / 2, source + offset + 3, size);
    }
  }
  CHECK(holds(to, expected, BYTES));
  ee_hal_buffer_release(to);
  ee_hal_buffer_release(from);
}
static void updates_and_copies_any_range(void) {
  on_all(updates_and_copies);
}

// Copies onto a part of themselves give what memmove gives: one behind the other, in one list.
static void overlapping_copies(fixture_t *f) {
  static const size_t places[][3] = {
      // from, to, size
      {0, 1, 40},   {1, 0, 40},   {8, 12, 100}, {12, 8, 100},
      {3, 70, 128}, {70, 3, 128}, {5, 5, 50},   {0, 299, 1},
  };
  uint8_t expected[BYTES];
  for (size_t i = 0; i < BYTES; ++i)
    expected[i] = (uint8_t)(i * 7 + i / 31);
  ee_hal_buffer_t *buffer = make(f, BYTES, expected);
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f->device, 0, 0, &list, NULL));
  for (size_t i = 0; i < LENGTH(places); ++i) {
    const size_t from = places[i][0], to = places[i][1], size = places[i][2];
    const ee_hal_operation_t copy = {.kind = EE_HAL_QUEUE_COPY,
                                     .source = part(buffer, from, size),
                                     .target = part(buffer, to, size)};
    CHECK_OK(run_now(f, &copy));
    memmove(expected + to, expected + from, size);
    const ee_hal_command_t command = {.kind = EE_HAL_COMMAND_COPY,
                                      .source = part(buffer, from, size),
                                      .target = part(buffer, to, size)};
    ee_hal_command_list_barrier(list);
    CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
  }
  CHECK(holds(buffer, expected, BYTES));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  const ee_hal_operation_t execute = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  CHECK_OK(run_now(f, &execute));
  for (size_t i = 0; i < LENGTH(places); ++i)
    memmove(expected + places[i][1], expected + places[i][0], places[i][2]);
  CHECK(holds(buffer, expected, BYTES));
  ee_object_release((ee_object_t *)list);
  ee_hal_buffer_release(buffer);
}
static void copies_may_overlap(void) {
  on_all(overlapping_copies);
}

// More than the pieces that it is done in.
static void long_overlapping_copies(void) {
  enum { SIZE = 40 << 20, BY = 1000003 };
  gpu_variant(0);
  fixture_t f;
  if (!open_gpu(&f)) return;
  uint8_t *bytes = malloc(SIZE);
  for (size_t i = 0; i < SIZE; ++i)
    bytes[i] = (uint8_t)(i >> 12 ^ i);
  ee_hal_buffer_t *buffer = make(&f, SIZE, bytes);
  for (int up = 0; up < 2; ++up) {
    const size_t from = up ? 0 : BY, to = up ? BY : 0;
    // On the queue: the host would copy what is at hand.
    const ee_hal_operation_t copy = {.kind = EE_HAL_QUEUE_COPY,
                                     .source = part(buffer, from, SIZE - BY),
                                     .target = part(buffer, to, SIZE - BY)};
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = part(buffer, from, 4),
                                     .pattern = 0x11223344,
                                     .pattern_size = 4};
    ee_hal_fence_t *filled = fence_of(&f), *done = fence_of(&f);
    CHECK_OK(ee_hal_device_submit(f.device, NULL, filled, &fill, NULL));
    CHECK_OK(ee_hal_device_submit(f.device, filled, done, &copy, NULL));
    CHECK_OK(ee_hal_fence_wait(done, INT64_MAX, NULL));
    pattern_fill(bytes, from, 4, 0x11223344, 4);
    memmove(bytes + to, bytes + from, SIZE - BY);
    drop(filled);
    drop(done);
  }
  CHECK(holds(buffer, bytes, SIZE));
  ee_hal_buffer_release(buffer);
  free(bytes);
  close_gpu(&f);
}

static void files(fixture_t *f) {
  enum { SIZE = 40 << 20 }; // more than two pieces
  uint8_t *bytes = malloc(SIZE), *back = calloc(1, SIZE);
  for (size_t i = 0; i < SIZE; ++i)
    bytes[i] = (uint8_t)(i >> 12 ^ i);
  ee_hal_file_t *in = NULL, *out = NULL;
  CHECK_OK(ee_hal_file_from_memory(&f->heap, bytes, SIZE, EE_HAL_ACCESS_READ, NULL, &in, NULL));
  CHECK_OK(ee_hal_file_from_memory(&f->heap, back, SIZE, EE_HAL_ACCESS_ALL, NULL, &out, NULL));
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &buffer, NULL));
  ee_hal_fence_t *read = fence_of(f), *written = fence_of(f);
  const ee_hal_operation_t reading = {
      .kind = EE_HAL_QUEUE_READ, .target = part(buffer, 8, SIZE - 8), .file = in, .file_offset = 8};
  const ee_hal_operation_t writing = {.kind = EE_HAL_QUEUE_WRITE,
                                      .source = part(buffer, 8, SIZE - 8),
                                      .file = out,
                                      .file_offset = 8};
  CHECK_OK(ee_hal_device_submit(f->device, NULL, read, &reading, NULL));
  CHECK_OK(ee_hal_device_submit(f->device, read, written, &writing, NULL));
  CHECK_OK(ee_hal_fence_wait(written, INT64_MAX, NULL));
  CHECK(memcmp(bytes + 8, back + 8, SIZE - 8) == 0);
  // What only may be read is not written.
  const ee_hal_operation_t refused = {
      .kind = EE_HAL_QUEUE_WRITE, .source = part(buffer, 0, 4), .file = in};
  CHECK_STATUS(run_now(f, &refused), EERIE_PERMISSION_DENIED);
  drop(read);
  drop(written);
  ee_hal_buffer_release(buffer);
  ee_object_release((ee_object_t *)in);
  ee_object_release((ee_object_t *)out);
  free(bytes);
  free(back);
}
static void files_go_both_ways(void) {
  on_all(files);
}

// Another thread that looks at the device all the time.
typedef struct looker {
  fixture_t *f;
  atomic_bool stop;
} looker_t;
static void *look(void *user) {
  static const uint8_t zeros[64];
  looker_t *looker = user;
  ee_hal_buffer_t *buffer = make(looker->f, sizeof zeros, zeros);
  const ee_hal_operation_t fill = {
      .kind = EE_HAL_QUEUE_FILL, .target = whole(buffer), .pattern = 7, .pattern_size = 1};
  while (!atomic_load(&looker->stop))
    CHECK_OK(run_now(looker->f, &fill));
  ee_hal_buffer_release(buffer);
  return NULL;
}

// The last piece is short: whoever finishes it must not be ahead of those before it.
static void files_and_a_looker(fixture_t *f) {
  enum { SIZE = (32 << 20) + 64, ROUNDS = 1 };
  uint8_t *bytes = malloc(SIZE);
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &buffer, NULL));
  ee_hal_file_t *file = NULL;
  CHECK_OK(ee_hal_file_from_memory(&f->heap, bytes, SIZE, EE_HAL_ACCESS_ALL, NULL, &file, NULL));
  looker_t looker = {.f = f};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, look, &looker) == 0);
  for (int round = 1; round <= ROUNDS; ++round) {
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = whole(buffer),
                                     .pattern = (uint64_t)round,
                                     .pattern_size = 1};
    const ee_hal_operation_t write = {
        .kind = EE_HAL_QUEUE_WRITE, .source = whole(buffer), .file = file};
    ee_hal_fence_t *filled = fence_of(f), *written = fence_of(f);
    CHECK_OK(ee_hal_device_submit(f->device, NULL, filled, &fill, NULL));
    CHECK_OK(ee_hal_device_submit(f->device, filled, written, &write, NULL));
    CHECK_OK(ee_hal_fence_wait(written, INT64_MAX, NULL));
    size_t at = 0;
    while (at < SIZE && bytes[at] == round)
      ++at;
    CHECK_EQ_INT(at, SIZE);
    drop(filled);
    drop(written);
  }
  atomic_store(&looker.stop, true);
  pthread_join(thread, NULL);
  ee_object_release((ee_object_t *)file);
  ee_hal_buffer_release(buffer);
  free(bytes);
}
static void files_are_whole_when_told(void) {
  on_all(files_and_a_looker);
}

static void ranges(fixture_t *f) {
  static const uint8_t zeros[64];
  ee_hal_buffer_t *buffer = make(f, 64, zeros);
  const ee_hal_operation_t bad[] = {
      {.kind = EE_HAL_QUEUE_FILL, .target = part(buffer, 60, 8), .pattern_size = 4},
      {.kind = EE_HAL_QUEUE_FILL, .target = part(buffer, 0, 6), .pattern_size = 4},
      {.kind = EE_HAL_QUEUE_FILL, .target = part(buffer, 0, 6), .pattern_size = 3},
      {.kind = EE_HAL_QUEUE_COPY, .source = part(buffer, 0, 8), .target = part(buffer, 57, 8)},
      {.kind = EE_HAL_QUEUE_COPY, .source = part(buffer, 0, 8), .target = part(buffer, 32, 9)},
      {.kind = EE_HAL_QUEUE_UPDATE, .target = part(buffer, 65, 0), .update_data = zeros},
  };
  for (size_t i = 0; i < LENGTH(bad); ++i) {
    const eerie_status_t status = run_now(f, &bad[i]);
    CHECK(status == EERIE_OUT_OF_RANGE || status == EERIE_INVALID_ARGUMENT);
  }
  buffer->access = EE_HAL_ACCESS_READ;
  const ee_hal_operation_t fill = {
      .kind = EE_HAL_QUEUE_FILL, .target = part(buffer, 0, 8), .pattern_size = 4};
  CHECK_STATUS(run_now(f, &fill), EERIE_PERMISSION_DENIED);
  ee_hal_buffer_release(buffer);
}
static void ranges_are_checked(void) {
  on_all(ranges);
}

static void allocations(fixture_t *f) {
  ee_hal_buffer_t *buffers[200];
  for (int round = 0; round < 6; ++round) {
    for (size_t i = 0; i < LENGTH(buffers); ++i) {
      const size_t size = (i * 7919 + (size_t)round * 104729) % 100000;
      CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, size, &buffers[i],
                                      NULL));
    }
    for (size_t i = 0; i < LENGTH(buffers); ++i)
      ee_hal_buffer_release(buffers[(i * 37) % LENGTH(buffers)]);
  }
  // Rounds after the first took what was there.
  CHECK(gpu_live() < 40);
  ee_hal_buffer_t *huge = NULL;
  CHECK_STATUS(ee_hal_buffer_allocate(f->device, 0, 0, UINT64_MAX - 5, &huge, NULL),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_STATUS(ee_hal_buffer_allocate(f->device, 0, 0, UINT64_C(1) << 50, &huge, NULL),
               EERIE_RESOURCE_EXHAUSTED);
}
static void memory_comes_back(void) {
  on_all(allocations);
}

// ---- Work that waits for work ------------------------------------------------------------------

enum { CHAIN = 40 };

// Each step copies a byte further; the host waits for the last one only.
static void chain_on_device(fixture_t *f) {
  uint8_t bytes[CHAIN * 4] = {42, 43, 44, 45}, expected[CHAIN * 4];
  ee_hal_buffer_t *buffer = make(f, sizeof bytes, bytes);
  ee_hal_fence_t *fences[CHAIN] = {NULL};
  for (size_t i = 0; i + 1 < CHAIN; ++i) {
    fences[i] = fence_of(f);
    const ee_hal_operation_t copy = {.kind = EE_HAL_QUEUE_COPY,
                                     .source = part(buffer, 4 * i, 4),
                                     .target = part(buffer, 4 * i + 4, 4)};
    // The first begins on the queue as well, behind a barrier that is over at once.
    CHECK_OK(ee_hal_device_submit(f->device, i ? fences[i - 1] : NULL, fences[i], &copy, NULL));
  }
  CHECK_OK(ee_hal_fence_wait(fences[CHAIN - 2], INT64_MAX, NULL));
  for (size_t i = 0; i + 1 < CHAIN; ++i) {
    CHECK_OK(ee_hal_fence_query(fences[i], NULL));
    drop(fences[i]);
  }
  for (size_t i = 0; i < sizeof expected; ++i)
    expected[i] = (uint8_t)(42 + i % 4);
  CHECK(holds(buffer, expected, sizeof expected));
  ee_hal_buffer_release(buffer);
}
static void chains_stay_on_the_device(void) {
  on_all(chain_on_device);
}

static const ee_hal_operation_t barrier_operation = {.kind = EE_HAL_QUEUE_BARRIER};

static void joined_fences(fixture_t *f) {
  static const uint8_t zeros[256];
  ee_hal_buffer_t *buffer = make(f, sizeof zeros, zeros);
  ee_hal_fence_t *parts[3], *join = NULL, *after = fence_of(f);
  for (size_t i = 0; i < LENGTH(parts); ++i) {
    parts[i] = fence_of(f);
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = part(buffer, 64 * i, 64),
                                     .pattern = i + 1,
                                     .pattern_size = 1};
    CHECK_OK(ee_hal_device_submit(f->device, NULL, parts[i], &fill, NULL));
  }
  CHECK_OK(ee_hal_fence_join(&f->heap, parts, LENGTH(parts), &join, NULL));
  CHECK_OK(ee_hal_device_submit(f->device, join, after, &barrier_operation, NULL));
  CHECK_OK(ee_hal_fence_wait(after, INT64_MAX, NULL));
  CHECK_OK(ee_hal_fence_query(join, NULL));
  uint8_t expected[256] = {0};
  for (size_t i = 0; i < 192; ++i)
    expected[i] = (uint8_t)(i / 64 + 1);
  CHECK(holds(buffer, expected, sizeof expected));
  for (size_t i = 0; i < LENGTH(parts); ++i)
    drop(parts[i]);
  drop(join);
  drop(after);
  ee_hal_buffer_release(buffer);
}
static void fences_join(void) {
  on_all(joined_fences);
}

// Work of the CPU waits for the GPU's, and that for the CPU's; nobody calls the GPU's device.
static void across_devices(fixture_t *f) {
  static const uint8_t zeros[64];
  fixture_t cpu;
  fixture_open(&cpu);
  ee_hal_buffer_t *there = make(f, sizeof zeros, zeros), *here = make_buffer(&cpu, 64);
  ee_hal_fence_t *start = fence_of(f), *gpu = fence_of(f), *end = fence_of(f), *again = fence_of(f);
  const ee_hal_operation_t on_gpu = {
      .kind = EE_HAL_QUEUE_FILL, .target = whole(there), .pattern = 7, .pattern_size = 1};
  const ee_hal_operation_t on_cpu = {
      .kind = EE_HAL_QUEUE_FILL, .target = whole(here), .pattern = 9, .pattern_size = 1};
  CHECK_OK(ee_hal_device_submit(f->device, start, gpu, &on_gpu, NULL));
  CHECK_OK(ee_hal_device_submit(cpu.device, gpu, end, &on_cpu, NULL));
  CHECK_OK(ee_hal_device_submit(f->device, end, again, &on_gpu, NULL));
  CHECK_STATUS(ee_hal_fence_query(end, NULL), EERIE_DEFERRED);
  ee_hal_fence_signal(start, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_wait(end, INT64_MAX, NULL));
  CHECK_EQ_INT(here->data[63], 9);
  CHECK_OK(ee_hal_fence_wait(again, INT64_MAX, NULL));
  // What one has goes to the other, whichever is asked.
  uint8_t expected[64];
  memset(expected, 9, sizeof expected);
  const ee_hal_operation_t up = {
      .kind = EE_HAL_QUEUE_COPY, .source = whole(here), .target = whole(there)};
  CHECK_OK(run_now(f, &up));
  CHECK(holds(there, expected, sizeof expected));
  memset(here->data, 0, sizeof expected);
  const ee_hal_operation_t down = {
      .kind = EE_HAL_QUEUE_COPY, .source = part(there, 0, 60), .target = part(here, 4, 60)};
  CHECK_OK(ee_hal_device_submit(cpu.device, NULL, NULL, &down, NULL));
  CHECK_EQ_INT(here->data[3], 0);
  CHECK_EQ_INT(here->data[63], 9);
  drop(start);
  drop(gpu);
  drop(end);
  drop(again);
  ee_hal_buffer_release(there);
  ee_hal_buffer_release(here);
  close_fixture(&cpu);
}
static void devices_wait_for_each_other(void) {
  on_all(across_devices);
}

// Work is left in flight and everything is let go.
static void left_alone(void) {
  for (size_t i = 0; i < GPU_VARIANTS; ++i) {
    gpu_variant(i);
    fixture_t f;
    if (!open_gpu(&f)) return;
    static const uint8_t zeros[64];
    ee_hal_buffer_t *buffer = make(&f, sizeof zeros, zeros);
    const ee_hal_operation_t fill = {
        .kind = EE_HAL_QUEUE_FILL, .target = whole(buffer), .pattern = 7, .pattern_size = 1};
    for (int k = 0; k < 20; ++k)
      CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &fill, NULL));
    ee_hal_buffer_release(buffer);
    ee_hal_device_settle(f.device);
    close_fixture(&f);
    CHECK(gpu_is_gone());
  }
  gpu_variant(0);
}

static const check_case_t gpu_operations[] = {
    RUN(fills_any_range),    RUN(updates_and_copies_any_range),
    RUN(copies_may_overlap), RUN(long_overlapping_copies),
    RUN(files_go_both_ways), RUN(ranges_are_checked),
    RUN(memory_comes_back),  RUN(chains_stay_on_the_device),
    RUN(fences_join),        RUN(devices_wait_for_each_other),
    RUN(left_alone),         RUN(files_are_whole_when_told),
};

#endif // EERIE_TESTS_DRIVERS_GPU_OPERATIONS_H_
