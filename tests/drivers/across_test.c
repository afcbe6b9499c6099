// Work of one device on buffers of others: a CPU with threads and two devices of Vulkan, which are
// two GPUs where the machine has them, and twice the same otherwise. Graphs of operations made by
// chance must leave what the same operations leave one after the other.
#define _DEFAULT_SOURCE // usleep
#include <pthread.h>

#include "drivers/vulkan_support.h"

enum { DEVICES = 3, BUFFERS = 5, REGIONS = 4, REGION = 512, SIZE = REGIONS * REGION, OPS = 40 };

static ee_hal_device_t *open_one(fixture_t *f, const char *name) {
  ee_hal_device_t *device = NULL;
  eerie_error_t err = {.code = EERIE_OK};
  if (ee_hal_device_open(&f->heap, ee_str_from(name), &device, &err) == EERIE_OK) return device;
  return NULL;
}

static bool open_all(fixture_t *f, ee_hal_device_t *devices[DEVICES]) {
  fixture_heap(f);
  devices[0] = open_one(f, "local-task");
  devices[1] = open_one(f, "vulkan:0");
  devices[2] = open_one(f, "vulkan:1");
  if (!devices[2]) devices[2] = open_one(f, "vulkan:0");
  return CHECK(devices[0] && devices[1] && devices[2]);
}

static void close_all(fixture_t *f, ee_hal_device_t *devices[DEVICES]) {
  for (size_t i = 1; i < DEVICES; ++i)
    ee_hal_device_release(devices[i]);
  f->device = devices[0];
  close_vulkan(f);
}

// ---- Graphs ------------------------------------------------------------------------------------

// What an operation does to a range of one buffer; ranges lie in one region each.
typedef struct use {
  uint32_t buffer, region, offset, size;
} use_t;

typedef struct graph {
  fixture_t *f;
  ee_hal_device_t **devices;
  uint32_t random;
  ee_hal_buffer_t *buffers[BUFFERS];
  uint8_t expected[BUFFERS][SIZE];
  ee_hal_fence_t *done[OPS];
  uint32_t count;
  ee_hal_fence_t *start; // NULL: operations begin at once
  // Who has written a region last and who has read it since: bits of numbers of operations.
  uint64_t writers[BUFFERS][REGIONS], readers[BUFFERS][REGIONS];
  uint64_t waits; // of the operation that is being made
  uint8_t file[OPS][REGION], file_expected[OPS][REGION];
} graph_t;

static uint32_t choose(graph_t *g, uint32_t count) {
  g->random = g->random * 1664525u + 1013904223u;
  return (g->random >> 8) % count;
}

static void reads(graph_t *g, uint32_t buffer, uint32_t region) {
  g->waits |= g->writers[buffer][region];
  g->readers[buffer][region] |= UINT64_C(1) << g->count;
}

static void writes(graph_t *g, uint32_t buffer, uint32_t region) {
  g->waits |= g->writers[buffer][region] | g->readers[buffer][region];
  g->writers[buffer][region] = UINT64_C(1) << g->count;
  g->readers[buffer][region] = 0;
}

static use_t choose_use(graph_t *g, bool write) {
  use_t use = {.buffer = choose(g, BUFFERS), .region = choose(g, REGIONS)};
  use.offset = use.region * REGION + 4 * choose(g, REGION / 8);
  use.size = 4 * (1 + choose(g, REGION / 8));
  if (choose(g, 4) == 0) {
    use.offset = use.region * REGION;
    use.size = REGION;
  }
  (write ? writes : reads)(g, use.buffer, use.region);
  return use;
}

static uint8_t *expected_of(graph_t *g, const use_t *use) {
  return &g->expected[use->buffer][use->offset];
}

static ee_hal_binding_t place_of(const graph_t *g, const use_t *use) {
  return part(g->buffers[use->buffer], use->offset, use->size);
}

// Source and target of a copy, of one size, that do not overlap.
static void choose_copy(graph_t *g, use_t *source, use_t *target) {
  *source = choose_use(g, false);
  do {
    target->buffer = choose(g, BUFFERS);
    target->region = choose(g, REGIONS);
  } while (target->buffer == source->buffer && target->region == source->region);
  target->offset = target->region * REGION;
  target->size = source->size;
  writes(g, target->buffer, target->region);
}

static void submit(graph_t *g, const ee_hal_operation_t *operation) {
  ee_hal_fence_t *parts[OPS + 1], *wait = NULL;
  size_t count = 0;
  if (g->start) parts[count++] = g->start;
  for (uint32_t i = 0; i < g->count; ++i)
    if (g->waits >> i & 1) parts[count++] = g->done[i];
  if (count) CHECK_OK(ee_hal_fence_join(&g->f->heap, parts, count, &wait, NULL));
  g->done[g->count] = fence_of(g->f);
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_device_t *device = g->devices[choose(g, DEVICES)];
  if (operation->commands) device = operation->commands->device;
  if (!CHECK_OK(ee_hal_device_submit(device, wait, g->done[g->count], operation, &err)))
    fprintf(stderr, "  %s\n", err.message);
  ee_object_release((ee_object_t *)wait);
  ++g->count;
}

// ---- Operations --------------------------------------------------------------------------------

static void add_fill(graph_t *g) {
  const use_t use = choose_use(g, true);
  const uint32_t width = 1u << choose(g, 3);
  const uint64_t pattern = choose(g, UINT32_MAX);
  for (uint32_t i = 0; i < use.size; ++i)
    expected_of(g, &use)[i] = (uint8_t)(pattern >> 8 * (i % width));
  submit(g, &(ee_hal_operation_t){.kind = EE_HAL_QUEUE_FILL,
                                  .target = place_of(g, &use),
                                  .pattern = pattern,
                                  .pattern_size = width});
}

static void add_update(graph_t *g) {
  const use_t use = choose_use(g, true);
  uint8_t bytes[REGION];
  for (uint32_t i = 0; i < use.size; ++i)
    bytes[i] = (uint8_t)choose(g, 256);
  memcpy(expected_of(g, &use), bytes, use.size);
  submit(g, &(ee_hal_operation_t){.kind = EE_HAL_QUEUE_UPDATE,
                                  .target = place_of(g, &use),
                                  .update_data = bytes,
                                  .update_size = use.size});
}

static void add_copy(graph_t *g) {
  use_t source, target;
  choose_copy(g, &source, &target);
  memcpy(expected_of(g, &target), expected_of(g, &source), source.size);
  submit(g, &(ee_hal_operation_t){.kind = EE_HAL_QUEUE_COPY,
                                  .source = place_of(g, &source),
                                  .target = place_of(g, &target)});
}

// Each operation has a file of its own.
static void add_file(graph_t *g, bool write) {
  const use_t use = choose_use(g, !write);
  uint8_t *bytes = g->file[g->count];
  for (uint32_t i = 0; i < REGION; ++i)
    bytes[i] = g->file_expected[g->count][i] = (uint8_t)choose(g, 256);
  if (write) {
    memcpy(g->file_expected[g->count], expected_of(g, &use), use.size);
  } else {
    memcpy(expected_of(g, &use), bytes, use.size);
  }
  ee_hal_file_t *file = NULL;
  CHECK_OK(ee_hal_file_from_memory(&g->f->heap, bytes, REGION,
                                   write ? EE_HAL_ACCESS_ALL : EE_HAL_ACCESS_READ, NULL, &file,
                                   NULL));
  ee_hal_operation_t operation = {.kind = write ? EE_HAL_QUEUE_WRITE : EE_HAL_QUEUE_READ,
                                  .file = file};
  *(write ? &operation.source : &operation.target) = place_of(g, &use);
  submit(g, &operation);
  ee_object_release((ee_object_t *)file);
}

// ---- Command lists -----------------------------------------------------------------------------

enum { COMMANDS = 4, SLOTS = 2 * COMMANDS };

typedef struct recording {
  ee_hal_command_list_t *list;
  ee_hal_binding_t table[SLOTS];
  uint32_t slots;
} recording_t;

// A binding to the use: fixed, in a slot of its own, or in one that has the whole buffer.
static ee_hal_binding_t bind(graph_t *g, recording_t *r, const use_t *use) {
  const uint32_t how = choose(g, 3);
  if (how == 0 || r->slots == SLOTS) return place_of(g, use);
  const uint32_t index = r->slots++;
  if (how == 1) {
    r->table[index] = place_of(g, use);
    return slot(index, 0, use->size);
  }
  r->table[index] = whole(g->buffers[use->buffer]);
  for (uint32_t i = 0; i < REGIONS; ++i)
    reads(g, use->buffer, i);
  return slot(index, use->offset, use->size);
}

static void record_command(graph_t *g, recording_t *r) {
  ee_hal_command_t command = {.kind = EE_HAL_COMMAND_COPY};
  use_t source = {0}, target;
  uint64_t update_size = 0;
  uint8_t bytes[REGION];
  switch (choose(g, 3)) {
  case 0:
    choose_copy(g, &source, &target);
    memcpy(expected_of(g, &target), expected_of(g, &source), source.size);
    command.source = bind(g, r, &source);
    break;
  case 1:
    command.kind = EE_HAL_COMMAND_FILL;
    target = choose_use(g, true);
    command.pattern = choose(g, 256);
    command.pattern_size = 1;
    memset(expected_of(g, &target), (int)command.pattern, target.size);
    break;
  default:
    command.kind = EE_HAL_COMMAND_UPDATE;
    target = choose_use(g, true);
    for (uint32_t i = 0; i < target.size; ++i)
      bytes[i] = (uint8_t)choose(g, 256);
    memcpy(expected_of(g, &target), bytes, target.size);
    command.update_data = bytes;
    update_size = target.size;
  }
  command.target = bind(g, r, &target);
  CHECK_OK(ee_hal_command_list_append(r->list, &command, update_size, NULL));
  ee_hal_command_list_barrier(r->list);
}

static void add_list(graph_t *g) {
  recording_t r = {.slots = 0};
  const uint32_t mode = choose(g, 2) ? EE_HAL_COMMAND_MODE_ONE_SHOT : 0;
  CHECK_OK(ee_hal_command_list_create(g->devices[choose(g, DEVICES)], mode, SLOTS, &r.list, NULL));
  const uint32_t commands = choose(g, COMMANDS + 1);
  for (uint32_t i = 0; i < commands; ++i)
    record_command(g, &r);
  CHECK_OK(ee_hal_command_list_finalize(r.list, NULL));
  submit(g, &(ee_hal_operation_t){.kind = EE_HAL_QUEUE_EXECUTE,
                                  .commands = r.list,
                                  .bindings = r.table,
                                  .later = choose(g, 2) == 0,
                                  .binding_count = SLOTS});
  ee_object_release((ee_object_t *)r.list);
}

// ---- Running a graph ---------------------------------------------------------------------------

static void graph_begin(graph_t *g) {
  for (uint32_t i = 0; i < BUFFERS; ++i) {
    ee_hal_device_t *device = g->devices[choose(g, DEVICES)];
    CHECK_OK(
        ee_hal_buffer_allocate(device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, SIZE, &g->buffers[i], NULL));
    for (uint32_t k = 0; k < SIZE; ++k)
      g->expected[i][k] = (uint8_t)(i + k);
    CHECK_OK(ee_hal_buffer_write(g->buffers[i], 0, g->expected[i], SIZE, NULL));
  }
  if (choose(g, 2)) g->start = fence_of(g->f);
}

static void graph_add(graph_t *g) {
  g->waits = 0;
  switch (choose(g, 8)) {
  case 0: add_fill(g); break;
  case 1: add_update(g); break;
  case 2:
  case 3: add_copy(g); break;
  case 4: add_file(g, false); break;
  case 5: add_file(g, true); break;
  default: add_list(g);
  }
}

static bool graph_end(graph_t *g) {
  bool right = true;
  if (g->start) ee_hal_fence_signal(g->start, EERIE_OK, NULL);
  for (uint32_t i = OPS; i-- > 0;) {
    eerie_error_t err = {.code = EERIE_OK};
    if (!CHECK_OK(ee_hal_fence_wait(g->done[i], INT64_MAX, &err)))
      fprintf(stderr, "  operation %u: %s\n", i, err.message);
    right &= CHECK(memcmp(g->file[i], g->file_expected[i], REGION) == 0);
    drop(g->done[i]);
  }
  for (uint32_t i = 0; i < BUFFERS; ++i) {
    if (!CHECK(holds(g->buffers[i], g->expected[i], SIZE))) {
      fprintf(stderr, "  buffer %u of %s\n", i, g->buffers[i]->device->name);
      right = false;
    }
    ee_hal_buffer_release(g->buffers[i]);
  }
  drop(g->start);
  return right;
}

static void run_graph(fixture_t *f, ee_hal_device_t **devices, uint32_t seed) {
  graph_t *g = calloc(1, sizeof *g);
  *g = (graph_t){.f = f, .devices = devices, .random = seed};
  graph_begin(g);
  while (g->count < OPS)
    graph_add(g);
  if (!graph_end(g)) fprintf(stderr, "  graph %u\n", seed);
  free(g);
}

static void on_kinds(void (*test)(fixture_t *f, ee_hal_device_t **devices)) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    const int before = check_failures;
    fixture_t f;
    ee_hal_device_t *devices[DEVICES];
    if (open_all(&f, devices)) {
      test(&f, devices);
      close_all(&f, devices);
    }
    if (check_failures != before) fprintf(stderr, "  with %s\n", variants[i].name);
  }
  forget_faults();
}

enum { GRAPHS = 24, THREADS = 3 };

static void several_graphs(fixture_t *f, ee_hal_device_t **devices) {
  for (uint32_t seed = 1; seed <= GRAPHS; ++seed)
    run_graph(f, devices, seed);
}
static void graphs_give_what_a_sequence_gives(void) {
  on_kinds(several_graphs);
}

typedef struct worker {
  pthread_t thread;
  fixture_t *f;
  ee_hal_device_t **devices;
  uint32_t seed;
} worker_t;

static void *work(void *user) {
  const worker_t *worker = user;
  for (uint32_t i = 0; i < 8; ++i)
    run_graph(worker->f, worker->devices, worker->seed + i);
  return NULL;
}

static void graphs_on_threads(fixture_t *f, ee_hal_device_t **devices) {
  worker_t workers[THREADS];
  for (uint32_t i = 0; i < THREADS; ++i) {
    workers[i] = (worker_t){.f = f, .devices = devices, .seed = 1000 * (i + 1)};
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  }
  for (uint32_t i = 0; i < THREADS; ++i)
    pthread_join(workers[i].thread, NULL);
}
static void threads_share_the_devices(void) {
  on_kinds(graphs_on_threads);
}

// ---- Ends --------------------------------------------------------------------------------------

static ee_hal_buffer_t *make_on(ee_hal_device_t *device, const uint8_t *bytes, size_t size) {
  ee_hal_buffer_t *buffer = NULL;
  CHECK_OK(ee_hal_buffer_allocate(device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, size, &buffer, NULL));
  if (buffer) CHECK_OK(ee_hal_buffer_write(buffer, 0, bytes, size, NULL));
  return buffer;
}

// A wait that fails, and one that nobody will ever signal.
static void failed_waits(fixture_t *f, ee_hal_device_t **devices) {
  static const uint8_t bytes[64] = {1};
  ee_hal_buffer_t *a = make_on(devices[1], bytes, 64), *b = make_on(devices[2], bytes, 64);
  const ee_hal_operation_t copy = {
      .kind = EE_HAL_QUEUE_COPY, .source = whole(a), .target = whole(b)};
  for (int kind = 0; kind < 2; ++kind) {
    ee_hal_fence_t *wait = fence_of(f), *signal = fence_of(f);
    CHECK_OK(ee_hal_device_submit(devices[2], wait, signal, &copy, NULL));
    eerie_error_t cause;
    (void)EE_FAIL(&cause, EERIE_DATA_LOSS, "the reason");
    if (kind == 0) ee_hal_fence_signal(wait, EERIE_DATA_LOSS, &cause);
    drop(wait);
    eerie_error_t err = {.code = EERIE_OK};
    CHECK_STATUS(ee_hal_fence_wait(signal, INT64_MAX, &err),
                 kind == 0 ? EERIE_DATA_LOSS : EERIE_CANCELLED);
    if (kind == 0) CHECK_STR(err.message, "the reason");
    drop(signal);
  }
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
}
static void failures_are_passed_on(void) {
  on_kinds(failed_waits);
}

// Whatever allocation fails, it is said, and all comes back.
static void no_memory_for(fixture_t *f, ee_hal_device_t **devices, bool as_list) {
  static const uint8_t bytes[300] = {7};
  ee_hal_buffer_t *a = make_on(devices[1], bytes, 300), *b = make_on(devices[2], bytes, 300);
  ee_hal_operation_t operation = {
      .kind = EE_HAL_QUEUE_COPY, .source = whole(a), .target = whole(b)};
  ee_hal_command_list_t *list = NULL;
  if (as_list) {
    CHECK_OK(ee_hal_command_list_create(devices[0], 0, 0, &list, NULL));
    const ee_hal_command_t command = {
        .kind = EE_HAL_COMMAND_COPY, .source = part(a, 0, 300), .target = part(b, 0, 300)};
    CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
    CHECK_OK(ee_hal_command_list_finalize(list, NULL));
    operation = (ee_hal_operation_t){.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  }
  eerie_status_t status = EERIE_RESOURCE_EXHAUSTED;
  for (size_t n = 1; status != EERIE_OK && n < 200; ++n) {
    ee_hal_fence_t *signal = fence_of(f);
    (void)ee_hal_pool_trim(&devices[0]->pool);
    f->fail_at = atomic_load(&f->allocations) + n;
    eerie_error_t err = {.code = EERIE_OK};
    status =
        ee_hal_device_submit(as_list ? devices[0] : devices[2], NULL, signal, &operation, &err);
    const eerie_status_t end = ee_hal_fence_wait(signal, INT64_MAX, &err);
    f->fail_at = 0;
    if (status == EERIE_OK) status = end;
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    drop(signal);
  }
  CHECK_OK(status);
  CHECK(holds(b, bytes, 300));
  ee_object_release((ee_object_t *)list);
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
}
static void copy_without_memory(fixture_t *f, ee_hal_device_t **devices) {
  no_memory_for(f, devices, false);
}
static void list_without_memory(fixture_t *f, ee_hal_device_t **devices) {
  no_memory_for(f, devices, true);
}
static void memory_runs_out(void) {
  on_kinds(copy_without_memory);
  on_kinds(list_without_memory);
}

// Ranges that do not lie in the buffers of others are found before anything moves.
static void wrong_ranges(fixture_t *f, ee_hal_device_t **devices) {
  static const uint8_t bytes[64];
  ee_hal_buffer_t *a = make_on(devices[1], bytes, 64), *b = make_on(devices[2], bytes, 32);
  const ee_hal_operation_t longer = {
      .kind = EE_HAL_QUEUE_COPY, .source = whole(a), .target = whole(b)};
  CHECK_STATUS(ee_hal_device_submit(devices[2], NULL, NULL, &longer, NULL), EERIE_OUT_OF_RANGE);
  const ee_hal_operation_t outside = {
      .kind = EE_HAL_QUEUE_COPY, .source = part(a, 60, 8), .target = part(b, 0, 8)};
  CHECK_STATUS(ee_hal_device_submit(devices[0], NULL, NULL, &outside, NULL), EERIE_OUT_OF_RANGE);
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(devices[2], 0, 1, &list, NULL));
  const ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_COPY, .source = slot(0, 60, 8), .target = part(b, 0, 8)};
  CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
  const ee_hal_command_t hidden = {
      .kind = EE_HAL_COMMAND_COPY, .source = slot(1, 0, 8), .target = part(a, 0, 8)};
  CHECK_STATUS(ee_hal_command_list_append(list, &hidden, 0, NULL), EERIE_OUT_OF_RANGE);
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  ee_hal_binding_t table[1] = {whole(a)};
  ee_hal_operation_t execute = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .bindings = table};
  CHECK_STATUS(ee_hal_device_submit(devices[2], NULL, NULL, &execute, NULL),
               EERIE_INVALID_ARGUMENT); // no table
  execute.binding_count = 1;
  CHECK_STATUS(ee_hal_device_submit(devices[2], NULL, NULL, &execute, NULL), EERIE_OUT_OF_RANGE);
  table[0] = part(a, 60, 8);
  CHECK_STATUS(ee_hal_device_submit(devices[2], NULL, NULL, &execute, NULL), EERIE_OUT_OF_RANGE);
  ee_object_release((ee_object_t *)list);
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
  (void)f;
}
static void ranges_are_checked(void) {
  on_kinds(wrong_ranges);
}

// Many megabytes in pieces, and a chain that goes round the devices.
static void long_way(fixture_t *f, ee_hal_device_t **devices) {
  enum { LARGE = 20 << 20, ROUNDS = 6 };
  uint8_t *bytes = malloc(LARGE);
  for (size_t i = 0; i < LARGE; ++i)
    bytes[i] = (uint8_t)(i * 2654435761u >> 13);
  ee_hal_buffer_t *buffers[DEVICES];
  for (size_t i = 0; i < DEVICES; ++i)
    buffers[i] = make_on(devices[i], i ? NULL : bytes, LARGE);
  ee_hal_fence_t *before = NULL;
  for (size_t i = 0; i < ROUNDS; ++i) {
    ee_hal_fence_t *after = fence_of(f);
    const ee_hal_operation_t copy = {.kind = EE_HAL_QUEUE_COPY,
                                     .source = whole(buffers[i % DEVICES]),
                                     .target = whole(buffers[(i + 1) % DEVICES])};
    CHECK_OK(ee_hal_device_submit(devices[(i * 2) % DEVICES], before, after, &copy, NULL));
    drop(before);
    before = after;
  }
  CHECK_OK(ee_hal_fence_wait(before, INT64_MAX, NULL));
  drop(before);
  for (size_t i = 0; i < DEVICES; ++i) {
    CHECK(holds(buffers[i], bytes, LARGE));
    ee_hal_buffer_release(buffers[i]);
  }
  free(bytes);
}
static void large_buffers_go_in_pieces(void) {
  on_kinds(long_way);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(graphs_give_what_a_sequence_gives),
      RUN(threads_share_the_devices),
      RUN(failures_are_passed_on),
      RUN(memory_runs_out),
      RUN(ranges_are_checked),
      RUN(large_buffers_go_in_pieces),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
