// The driver for Vulkan on whatever device is there, behind a loader that can be told to fail:
// every operation against what the host makes of it, work that waits for work, faults, hostile
// executables.
//
// EERIE_TEST_GPU_MODULES is the folder that make_modules.py filled.
#define _DEFAULT_SOURCE // usleep, popen
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "drivers/vulkan_shim.h"
#include "eerie/eerie.h"
#include "unit/hal_support.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static vulkan_shim_t *shim;

// ---- Devices -----------------------------------------------------------------------------------

static void forget_faults(void) {
  const long live = shim->live;
  memset(shim, 0, sizeof *shim);
  shim->live = live;
}

static bool open_vulkan(fixture_t *f) {
  eerie_error_t err = {.code = EERIE_OK};
  fixture_heap(f);
  if (ee_hal_device_open(&f->heap, EE_STR("vulkan"), &f->device, &err) == EERIE_OK) return true;
  fprintf(stderr, "no device: %s\n", err.message);
  return CHECK(false);
}

// Lets the device go and waits until everything has come back, on the host and in Vulkan: a thread
// of a driver may be about to let go as well.
static void close_fixture(fixture_t *f) {
  // A byte of our own: who gives back the last one looks at the heap once more.
  CHECK(ee_heap_charge(&f->heap, 1));
  ee_hal_device_release(f->device);
  f->device = NULL;
  for (int k = 0; k < 5000 && f->heap.current != 1; ++k)
    usleep(1000);
  ee_heap_discharge(&f->heap, 1);
  CHECK_EQ_INT(atomic_load(&f->live), 0);
}

static void close_vulkan(fixture_t *f) {
  close_fixture(f);
  CHECK_EQ_INT(shim->live, 0);
}

// The kinds of devices that one machine can offer.
typedef struct variant {
  const char *name;
  bool own_memory;
  bool no_timeline;
} variant_t;
static const variant_t variants[] = {
    {"memory shared, timeline", false, false},
    {"memory of its own, timeline", true, false},
    {"memory shared, fences", false, true},
    {"memory of its own, fences", true, true},
};

static void on_all(void (*test)(fixture_t *f)) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    const int before = check_failures;
    fixture_t f;
    if (open_vulkan(&f)) {
      test(&f);
      close_vulkan(&f);
    }
    if (check_failures != before) fprintf(stderr, "  with %s\n", variants[i].name);
  }
  forget_faults();
}

// ---- Buffers -----------------------------------------------------------------------------------

static ee_hal_buffer_t *make(fixture_t *f, size_t size, const uint8_t *bytes) {
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, size, &buffer, NULL));
  CHECK_OK(ee_hal_buffer_write(buffer, 0, bytes, size, NULL));
  CHECK((buffer->data == NULL) == shim->own_memory);
  return buffer;
}

static bool holds(ee_hal_buffer_t *buffer, const uint8_t *expected, size_t size) {
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

static ee_hal_fence_t *fence_of(fixture_t *f) {
  ee_hal_fence_t *fence = NULL;
  CHECK_OK(ee_hal_fence_create(&f->heap, &fence, NULL));
  return fence;
}

static void drop(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

// Submits and waits.
static eerie_status_t run_now(fixture_t *f, const ee_hal_operation_t *operation) {
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_fence_t *done = fence_of(f);
  eerie_status_t status = ee_hal_device_submit(f->device, NULL, done, operation, &err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(done, INT64_MAX, &err);
  drop(done);
  return status;
}

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
  for (size_t offset = 0; offset < 12; offset += width) {
    for (size_t size = 0; size < 40; size += width) {
      if (width >= 4 && offset % 4) continue;
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
  CHECK(shim->live < 40);
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
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->no_timeline = variants[i].no_timeline;
    fixture_t f;
    if (!open_vulkan(&f)) return;
    static const uint8_t zeros[64];
    ee_hal_buffer_t *buffer = make(&f, sizeof zeros, zeros);
    const ee_hal_operation_t fill = {
        .kind = EE_HAL_QUEUE_FILL, .target = whole(buffer), .pattern = 7, .pattern_size = 1};
    for (int k = 0; k < 20; ++k)
      CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &fill, NULL));
    ee_hal_buffer_release(buffer);
    ee_hal_device_settle(f.device);
    close_fixture(&f);
    CHECK_EQ_INT(shim->live, 0);
  }
  forget_faults();
}

// ---- Programs ----------------------------------------------------------------------------------

typedef struct program {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
} program_t;

static const char *path_of(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s.vmfb", EERIE_TEST_GPU_MODULES, name);
  return path;
}

static eerie_status_t program_open(program_t *p, const char *device, const char *name,
                                   const eerie_instance_options_t *options, eerie_error_t *err) {
  memset(p, 0, sizeof *p);
  eerie_status_t status = eerie_instance_create(options, &p->instance, err);
  if (!status) status = eerie_device_open(p->instance, device, &p->device, err);
  if (!status) status = eerie_module_load_file(p->instance, path_of(name), NULL, &p->module, err);
  const eerie_program_options_t given = {.module = p->module, .device = p->device};
  if (!status) status = eerie_program_create(p->instance, &given, &p->program, err);
  return status;
}

static void program_close(program_t *p) {
  eerie_program_release(p->program);
  eerie_module_release(p->module);
  eerie_device_release(p->device);
  eerie_instance_release(p->instance);
}

static eerie_status_t vector(program_t *p, int64_t count, float first, float step,
                             eerie_tensor_t **out_tensor, eerie_error_t *err) {
  float data[1024];
  for (int64_t i = 0; i < count; ++i)
    data[i] = first + step * (float)i;
  return eerie_tensor_create(p->device, EERIE_F32, 1, &count, data, out_tensor, err);
}

// function(vector, vector)[i] is what it should be.
static eerie_status_t call_product(program_t *p, const char *name, int64_t count, float first,
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

static bool opened(program_t *p, const char *name) {
  eerie_error_t err = {0};
  if (program_open(p, "vulkan", name, NULL, &err) == EERIE_OK) return true;
  fprintf(stderr, "%s: %s\n", name, err.message);
  program_close(p);
  return CHECK(false);
}

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

// ---- Executables -------------------------------------------------------------------------------

// The kernels' image in a module: "VKE1", version 0, size. The last one has push constants.
static uint8_t *find_image(size_t *out_size) {
  FILE *file = fopen(path_of("gpu_vulkan"), "rb");
  if (!CHECK(file != NULL)) return NULL;
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  uint8_t *bytes = malloc(size), *image = NULL;
  rewind(file);
  CHECK_EQ_INT(fread(bytes, 1, size, file), size);
  fclose(file);
  for (size_t i = 0; i + 16 < size; ++i) {
    uint64_t length;
    memcpy(&length, bytes + i + 8, sizeof length);
    if (memcmp(bytes + i, "VKE1\0\0\0\0", 8) != 0 || length > size - i - 64) continue;
    *out_size = (size_t)length + 64;
    free(image);
    image = malloc(*out_size);
    memcpy(image, bytes + i, *out_size);
  }
  free(bytes);
  CHECK(image != NULL);
  return image;
}

static eerie_status_t load(fixture_t *f, const uint8_t *image, size_t size, eerie_error_t *err) {
  // In a block of its own, so that sanitizers see what is read beyond.
  uint8_t *copy = malloc(size ? size : 1);
  memcpy(copy, image, size);
  ee_hal_executable_t *executable = NULL;
  const eerie_status_t status =
      ee_hal_executable_create(f->device, EE_STR("vulkan-spirv-fb"), (ee_bytes_t){copy, size}, NULL,
                               NULL, 0, &executable, err);
  ee_object_release((ee_object_t *)executable);
  free(copy);
  return status;
}

static void executables_are_checked(void) {
  forget_faults();
  shim->compile_nothing = true; // what is checked is checked before
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_vulkan(&f)) return;
  CHECK_OK(load(&f, image, size, NULL));
  for (size_t cut = 0; cut < size; ++cut) {
    eerie_error_t err = {0};
    CHECK_STATUS(load(&f, image, cut, &err), EERIE_DATA_LOSS);
    CHECK_CONTAINS(err.message, "truncated");
  }
  // Any bit of it, and any word as large as can be: an error or not, but nothing else.
  long refused = 0;
  for (size_t at = 0; at < size; ++at) {
    const uint8_t before = image[at];
    image[at] ^= (uint8_t)(1u << at % 8);
    refused += load(&f, image, size, NULL) != EERIE_OK;
    image[at] = before;
  }
  for (size_t at = 0; at + 4 <= size; at += 4) {
    uint8_t before[4];
    memcpy(before, image + at, sizeof before);
    memset(image + at, 0xFF, sizeof before);
    refused += load(&f, image, size, NULL) != EERIE_OK;
    memcpy(image + at, before, sizeof before);
  }
  CHECK(refused > 100);
  free(image);
  CHECK_EQ_INT(shim->live < 20, true);
  close_vulkan(&f);
  forget_faults();
}

// Changes the first word `from` behind `opcode` words of the shader; false: there is none.
static uint32_t *find_instruction(uint8_t *image, size_t size, uint32_t opcode) {
  for (size_t at = 64; at + 4 <= size; at += 4) {
    uint32_t word;
    memcpy(&word, image + at, sizeof word);
    if (word != 0x07230203) continue;
    for (size_t i = at + 20; i + 4 <= size;) {
      memcpy(&word, image + i, sizeof word);
      if ((word & 0xFFFF) == opcode) return (uint32_t *)(void *)(image + i);
      if (!(word >> 16)) return NULL;
      i += (size_t)(word >> 16) * 4;
    }
  }
  return NULL;
}

typedef struct defect {
  uint32_t opcode;
  size_t word;
  uint32_t value;
  const char *expected;
} defect_t;

static void shaders_are_checked(void) {
  static const defect_t defects[] = {
      {17, 1, 9999, "capability 9999"},         // OpCapability
      {17, 1, 6033, "capability 6033"},         // AtomicFloat32AddEXT
      {17, 0, 0x00000011, "truncated SPIR-V"},  // an instruction without words
      {17, 0, 0xFFFF0011, "truncated SPIR-V"},  // one that reaches past the end
      {14, 1, 2, "physical addresses"},         // OpMemoryModel Physical64
      {15, 1, 4, "no compute entry point"},     // OpEntryPoint Fragment
      {16, 3, 100000, "workgroups of 100000x"}, // OpExecutionMode LocalSize
      {21, 2, 24, "integers of 24 bits"},       // OpTypeInt
      {22, 2, 128, "floats of 128 bits"},       // OpTypeFloat
  };
  forget_faults();
  shim->compile_nothing = true;
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_vulkan(&f)) return;
  for (size_t i = 0; i < LENGTH(defects); ++i) {
    uint32_t *word = find_instruction(image, size, defects[i].opcode);
    if (!CHECK(word != NULL)) continue;
    const uint32_t before = word[defects[i].word];
    word[defects[i].word] = defects[i].value;
    eerie_error_t err = {0};
    CHECK(load(&f, image, size, &err) != EERIE_OK);
    CHECK_CONTAINS(err.message, defects[i].expected);
    word[defects[i].word] = before;
  }
  // A binding that the layout does not have.
  for (uint32_t *word = find_instruction(image, size, 71); (word[0] & 0xFFFF) == 71;
       word += word[0] >> 16) {
    if (word[2] != 33) continue;
    const uint32_t before = word[3];
    word[3] = 17;
    eerie_error_t err = {0};
    CHECK_STATUS(load(&f, image, size, &err), EERIE_DATA_LOSS);
    CHECK_CONTAINS(err.message, "binding 17 of set 0");
    word[3] = before;
    break;
  }
  free(image);
  close_vulkan(&f);
  forget_faults();
}

// ---- The pipeline cache ------------------------------------------------------------------------

// The only file in the folder of caches that was set up for this test.
static bool cache_file(char *out_path, size_t capacity) {
  char command[1100];
  snprintf(command, sizeof command, "ls \"%s\"/eerie/vulkan-*.bin 2>/dev/null",
           getenv("XDG_CACHE_HOME"));
  FILE *list = popen(command, "r");
  const bool found = list && fgets(out_path, (int)capacity, list);
  if (list) pclose(list);
  if (found) out_path[strcspn(out_path, "\n")] = 0;
  return found;
}

static void a_damaged_cache_is_not_used(void) {
  char path[1024], *bytes = NULL;
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  program_close(&p);
  if (!CHECK(cache_file(path, sizeof path))) return;
  FILE *file = fopen(path, "rb");
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  bytes = malloc((size_t)size);
  CHECK_EQ_INT(fread(bytes, 1, (size_t)size, file), size);
  fclose(file);
  // Cut, changed, of another version, not of ours at all: each is replaced by a sound one.
  for (int defect = 0; defect < 4; ++defect) {
    file = fopen(path, "wb");
    if (!CHECK(file != NULL)) break;
    static const long places[] = {0, 8, 60, 0};
    if (defect < 3) bytes[places[defect]] ^= 1;
    fwrite(bytes, 1, (size_t)(defect == 3 ? size / 2 : size), file);
    if (defect < 3) bytes[places[defect]] ^= 1;
    fclose(file);
    if (!opened(&p, "gpu_vulkan")) break;
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    program_close(&p);
  }
  free(bytes);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(names_find_devices),
      RUN(fills_any_range),
      RUN(updates_and_copies_any_range),
      RUN(files_go_both_ways),
      RUN(ranges_are_checked),
      RUN(memory_comes_back),
      RUN(chains_stay_on_the_device),
      RUN(fences_join),
      RUN(devices_wait_for_each_other),
      RUN(left_alone),
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
      RUN(executables_are_checked),
      RUN(shaders_are_checked),
      RUN(a_damaged_cache_is_not_used),
  };
  void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  shim = library ? dlsym(library, "vulkan_shim") : NULL;
  eerie_error_t err = {0};
  fixture_t f;
  fixture_heap(&f);
  if (!shim || ee_hal_device_open(&f.heap, EE_STR("vulkan"), &f.device, &err) != EERIE_OK) {
    printf("skipped: no Vulkan device: %s\n", shim ? err.message : "no loader");
    return 77;
  }
  printf("on %s\n", f.device->name);
  ee_hal_device_release(f.device);
  return check_main(argc, argv, cases, LENGTH(cases));
}
