// Command lists as graphs: what no barrier parts is side by side, and nothing else is. The library
// that stands in the place of NVIDIA's runs a graph's nodes in an order that only the edges bind.
#define _DEFAULT_SOURCE // usleep
#include "drivers/cuda/cuda_support.h"
#include "hal/observe.h"

#define GPU_MAGIC  "CDA1"
#define GPU_FORMAT "cuda-nvptx-fb"
#include "drivers/gpu_images.h"

// A buffer of cells, each one operand of a kernel: a, b -> a * b.
enum { CELLS = 24, CELL = 16, BYTES = CELLS * CELL };

typedef struct bench {
  fixture_t f;
  ee_hal_executable_t *executable;
  uint32_t multiply;
  ee_hal_buffer_t *cells;
  ee_hal_buffer_t *counts; // of workgroups
  uint8_t expected[BYTES];
} bench_t;

// Words of these are numbers between -1 and 1, wherever they are cut: products stay so too.
static uint8_t good_byte(uint32_t number) {
  static const uint8_t bytes[] = {0x3d, 0x3e, 0x3f, 0xbd, 0xbe, 0xbf};
  return bytes[number % LENGTH(bytes)];
}

static bool bench_open(bench_t *bench) {
  static const uint32_t ones[3] = {1, 1, 1};
  memset(bench, 0, sizeof *bench);
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_gpu(&bench->f)) return false;
  CHECK_OK(ee_hal_executable_create(bench->f.device, EE_STR(GPU_FORMAT), (ee_bytes_t){image, size},
                                    NULL, NULL, 0, &bench->executable, NULL));
  CHECK_OK(ee_hal_executable_lookup(
      bench->executable, EE_STR("multiply_dispatch_0_elementwise_4_f32"), &bench->multiply, NULL));
  for (uint32_t i = 0; i < BYTES; ++i)
    bench->expected[i] = good_byte(i * 7 + i / 5);
  bench->cells = make(&bench->f, BYTES, bench->expected);
  bench->counts = make(&bench->f, sizeof ones, (const uint8_t *)ones);
  free(image);
  return true;
}

static void bench_close(bench_t *bench) {
  ee_hal_buffer_release(bench->cells);
  ee_hal_buffer_release(bench->counts);
  ee_object_release((ee_object_t *)bench->executable);
  close_gpu(&bench->f);
}

static ee_hal_command_list_t *new_list(bench_t *bench, uint32_t mode) {
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(bench->f.device, mode, 0, &list, NULL));
  return list;
}

static eerie_status_t execute(bench_t *bench, ee_hal_command_list_t *list) {
  const ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  return run_now(&bench->f, &operation);
}

static void add_multiply(bench_t *bench, ee_hal_command_list_t *list, const uint32_t cells[3],
                         bool indirect) {
  ee_hal_binding_t bindings[3];
  for (size_t i = 0; i < 3; ++i)
    bindings[i] = part(bench->cells, cells[i] * CELL, CELL);
  const ee_hal_command_t command = {
      .kind = indirect ? EE_HAL_COMMAND_DISPATCH_INDIRECT : EE_HAL_COMMAND_DISPATCH,
      .executable = bench->executable,
      .function = bench->multiply,
      .workgroup_count = {1, 1, 1},
      .source = part(bench->counts, 0, indirect ? 12 : 0),
      .binding_count = 3,
      .bindings = bindings,
  };
  CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
}

static void multiply(uint8_t *bytes, const uint32_t cells[3]) {
  float a[4], b[4];
  memcpy(a, bytes + cells[0] * CELL, CELL);
  memcpy(b, bytes + cells[1] * CELL, CELL);
  for (size_t i = 0; i < 4; ++i)
    a[i] *= b[i];
  memcpy(bytes + cells[2] * CELL, a, CELL);
}

// ---- The shape of graphs -----------------------------------------------------------------------

// Kernels that do not need each other, so many between every two barriers.
static void check_shape(const size_t *groups, size_t count) {
  bench_t bench;
  if (!bench_open(&bench)) return;
  ee_hal_command_list_t *list = new_list(&bench, 0);
  long nodes = 0, apart = 0, edges = 0;
  for (size_t i = 0; i < count; ++i) {
    const long here = (long)groups[i], before = i ? (long)groups[i - 1] : 0;
    if (i) ee_hal_command_list_barrier(list);
    for (uint32_t k = 0; k < groups[i]; ++k)
      add_multiply(&bench, list, (const uint32_t[3]){0, 1, 2 + k}, false);
    nodes += here;
    apart += here * (here - 1) / 2;
    // All before to all behind, or by way of a node between them: the sum, not the product.
    if (here > 1)
      edges += before == 1 ? here : before + here;
    else
      edges += before;
  }
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  for (int k = 0; k < 3; ++k)
    CHECK_OK(execute(&bench, list));
  if (fake) {
    CHECK_EQ_INT(fake->nodes, nodes);
    CHECK_EQ_INT(fake->apart, apart);
    CHECK_EQ_INT(fake->edges, edges);
  }
  ee_object_release((ee_object_t *)list);
  bench_close(&bench);
}

// No path joins two kernels that no barrier parts; one joins all others.
static void only_barriers_order(void) {
  static const size_t shapes[][4] = {{2},           {1, 1},       {1, 1, 1, 1}, {2, 2},
                                     {1, 5},        {5, 1},       {3, 1, 2},    {20, 20},
                                     {7, 20, 3, 9}, {1, 9, 1, 9}, {22, 1, 1}};
  gpu_variant(0);
  for (size_t i = 0; i < LENGTH(shapes); ++i) {
    size_t count = 0;
    while (count < LENGTH(shapes[i]) && shapes[i][count])
      ++count;
    check_shape(shapes[i], count);
  }
}

// ---- Lists by chance ---------------------------------------------------------------------------

typedef enum step_kind { FILL, UPDATE, COPY, MULTIPLY, NOTHING, STEP_KINDS } step_kind_t;
typedef struct step {
  step_kind_t kind;
  uint32_t target, source, size; // bytes
  uint32_t cells[3];
  uint64_t pattern;
  uint32_t width;
  uint8_t bytes[BYTES];
} step_t;

enum { STEPS = 50 };
typedef struct script {
  uint32_t state; // of chance
  bool indirect;
  step_t steps[STEPS];
  // Since the last barrier:
  bool read[CELLS], written[CELLS];
} script_t;

// xorshift (Marsaglia, 2003).
static uint32_t chance(script_t *script, uint32_t count) {
  script->state ^= script->state << 13;
  script->state ^= script->state >> 17;
  script->state ^= script->state << 5;
  return script->state % count;
}

static void choose_place(script_t *script, uint32_t *out_at, uint32_t size) {
  *out_at = chance(script, (BYTES - size) / 8 + 1) * 8;
}

static void choose_step(script_t *script, step_t *step) {
  memset(step, 0, sizeof *step);
  step->kind = (step_kind_t)chance(script, STEP_KINDS);
  // As many kernels as all the rest: they are what takes longest to have its number.
  if (chance(script, 2)) step->kind = MULTIPLY;
  for (size_t i = 0; i < 3; ++i)
    step->cells[i] = chance(script, CELLS);
  while (step->cells[2] == step->cells[0] || step->cells[2] == step->cells[1])
    step->cells[2] = chance(script, CELLS);
  step->size = 8 * (1 + chance(script, 8));
  choose_place(script, &step->target, step->size);
  choose_place(script, &step->source, step->size); // on itself, now and then
  step->width = 1u << chance(script, 4);
  for (uint32_t i = 0; i < 8; ++i)
    step->pattern |= (uint64_t)good_byte(chance(script, 1000)) << 8 * i;
  for (uint32_t i = 0; i < step->size; ++i)
    step->bytes[i] = good_byte(chance(script, 1000));
}

// Marks what is read or written; false: another since the last barrier stands against it.
static bool touch(script_t *script, uint32_t at, uint32_t size, bool write, bool mark) {
  bool free = true;
  for (uint32_t cell = at / CELL; cell <= (at + size - 1) / CELL; ++cell) {
    if (script->written[cell] || (write && script->read[cell])) free = false;
    if (mark) *(write ? &script->written[cell] : &script->read[cell]) = true;
  }
  return free;
}

static bool touch_all(script_t *script, const step_t *step, bool mark) {
  const uint32_t *cells = step->cells;
  bool free = true;
  if (step->kind == COPY) free = touch(script, step->source, step->size, false, mark);
  if (step->kind == FILL || step->kind == UPDATE || step->kind == COPY)
    return touch(script, step->target, step->size, true, mark) && free;
  if (step->kind != MULTIPLY) return true;
  free = touch(script, cells[0] * CELL, CELL, false, mark);
  free = touch(script, cells[1] * CELL, CELL, false, mark) && free;
  return touch(script, cells[2] * CELL, CELL, true, mark) && free;
}

static void add_step(bench_t *bench, script_t *script, ee_hal_command_list_t *list,
                     const step_t *step) {
  ee_hal_command_t command = {.target = part(bench->cells, step->target, step->size)};
  switch (step->kind) {
  case MULTIPLY:
    add_multiply(bench, list, step->cells, script->indirect && chance(script, 4) == 0);
    return;
  case FILL:
  case NOTHING:
    command.kind = EE_HAL_COMMAND_FILL;
    command.pattern = step->pattern;
    command.pattern_size = step->width;
    if (step->kind == NOTHING) command.target.size = 0;
    break;
  case COPY:
    command.kind = EE_HAL_COMMAND_COPY;
    command.source = part(bench->cells, step->source, step->size);
    break;
  default: command.kind = EE_HAL_COMMAND_UPDATE; command.update_data = step->bytes;
  }
  CHECK_OK(ee_hal_command_list_append(list, &command, step->kind == UPDATE ? step->size : 0, NULL));
}

// A barrier stands where it must, and now and then where it need not.
static void write_list(bench_t *bench, script_t *script, ee_hal_command_list_t *list) {
  memset(script->read, 0, sizeof script->read);
  memset(script->written, 0, sizeof script->written);
  for (size_t i = 0; i < STEPS; ++i) {
    step_t *step = &script->steps[i];
    choose_step(script, step);
    if (!touch_all(script, step, false) || chance(script, 16) == 0) {
      ee_hal_command_list_barrier(list);
      memset(script->read, 0, sizeof script->read);
      memset(script->written, 0, sizeof script->written);
    }
    (void)touch_all(script, step, true);
    add_step(bench, script, list, step);
  }
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
}

// What the list makes of the bytes, one step after the other.
static void follow(const script_t *script, uint8_t *bytes) {
  for (size_t i = 0; i < STEPS; ++i) {
    const step_t *step = &script->steps[i];
    uint8_t *target = bytes + step->target;
    switch (step->kind) {
    case FILL:
      for (uint32_t k = 0; k < step->size; ++k)
        target[k] = (uint8_t)(step->pattern >> 8 * (k % step->width));
      break;
    case UPDATE: memcpy(target, step->bytes, step->size); break;
    case COPY: memmove(target, bytes + step->source, step->size); break;
    case MULTIPLY: multiply(bytes, step->cells); break;
    default: break;
    }
  }
}

static void try_list(bench_t *bench, uint32_t seed, uint32_t mode, bool indirect) {
  enum { RUNS = 4 };
  script_t *script = calloc(1, sizeof *script);
  script->state = seed * UINT32_C(2654435761) + 1;
  script->indirect = indirect;
  ee_hal_command_list_t *list = new_list(bench, mode);
  write_list(bench, script, list);
  const long graphs = fake ? fake->graphs : 0;
  const int before = check_failures;
  for (int k = 0; k < RUNS; ++k) {
    CHECK_OK(execute(bench, list));
    follow(script, bench->expected);
    CHECK(holds(bench->cells, bench->expected, BYTES));
  }
  // From the second time on it is a graph, but where the host has to know counts.
  if (fake) CHECK_EQ_INT(fake->graphs - graphs, mode || indirect ? 0 : RUNS - 1);
  if (check_failures != before) {
    fprintf(stderr, "  list %u\n", seed);
    CHECK_OK(ee_hal_buffer_write(bench->cells, 0, bench->expected, BYTES, NULL));
  }
  ee_object_release((ee_object_t *)list);
  free(script);
}

static void lists_give_what_their_order_gives(void) {
  enum { LISTS = 120 };
  gpu_variant(0);
  bench_t bench;
  if (!bench_open(&bench)) return;
  for (uint32_t seed = 1; seed <= LISTS; ++seed) {
    if (fake) fake->seed = seed;
    try_list(&bench, seed, 0, false);
  }
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    try_list(&bench, seed, 0, true);
    try_list(&bench, seed, EE_HAL_COMMAND_MODE_ONE_SHOT, false);
  }
  bench_close(&bench);
}

// ---- Observed ----------------------------------------------------------------------------------

#if EERIE_PROFILE
typedef struct seen {
  size_t dispatches, transfers;
  int64_t last_ns;
  bool ordered;
} seen_t;

static void see(void *user, const ee_hal_event_t *event) {
  seen_t *seen = user;
  if (event->kind != EE_HAL_EVENT_DISPATCH && event->kind != EE_HAL_EVENT_TRANSFER) return;
  if (!event->device) return; // the host's part of it
  seen->dispatches += event->kind == EE_HAL_EVENT_DISPATCH;
  seen->transfers += event->kind == EE_HAL_EVENT_TRANSFER;
  seen->ordered &= event->begin_ns >= seen->last_ns && event->end_ns >= event->begin_ns;
  seen->last_ns = event->end_ns;
}

// Under an observer a list that is a graph else has times for each command, in order.
static void an_observer_sees_each_command(void) {
  enum { LISTS = 6 };
  gpu_variant(0);
  bench_t bench;
  if (!bench_open(&bench)) return;
  ee_heap_t *heap = &bench.f.heap;
  script_t *script = calloc(1, sizeof *script);
  for (uint32_t seed = 1; seed <= LISTS; ++seed) {
    script->state = seed;
    ee_hal_command_list_t *list = new_list(&bench, 0);
    write_list(&bench, script, list);
    size_t kernels = 0;
    for (size_t i = 0; i < STEPS; ++i)
      kernels += script->steps[i].kind == MULTIPLY;
    for (int k = 0; k < 6; ++k) {
      seen_t seen = {.last_ns = INT64_MIN, .ordered = true};
      ee_observer_t observer = {.event = see, .user = &seen};
      ee_port_ticks_start(&observer.ticks);
      const long graphs = fake ? fake->graphs : 0;
      if (k % 2) heap->observer = &observer;
      CHECK_OK(execute(&bench, list));
      heap->observer = NULL;
      follow(script, bench.expected);
      CHECK(holds(bench.cells, bench.expected, BYTES));
      CHECK_EQ_INT(seen.dispatches, k % 2 ? kernels : 0);
      CHECK_EQ_INT(seen.dispatches + seen.transfers, k % 2 ? STEPS : 0);
      CHECK(seen.ordered);
      if (fake) CHECK_EQ_INT(fake->graphs - graphs, k == 2 || k == 4);
    }
    ee_object_release((ee_object_t *)list);
  }
  free(script);
  bench_close(&bench);
}
#endif

// ---- Faults ------------------------------------------------------------------------------------

// A graph that cannot be made is none, and the list does what it does without.
static void a_list_needs_no_graph(void) {
  static const char *const functions[] = {
      "cuStreamBeginCapture", "cuStreamGetCaptureInfo", "cuStreamUpdateCaptureDependencies",
      "cuGraphAddEmptyNode",  "cuStreamEndCapture",     "cuGraphInstantiate"};
  for (size_t i = 0; fake && i < LENGTH(functions); ++i) {
    long calls = 0;
    for (long n = 1; n < 60; n += 7) {
      gpu_variant(0);
      bench_t bench;
      if (!bench_open(&bench)) return;
      script_t *script = calloc(1, sizeof *script);
      script->state = (uint32_t)n;
      ee_hal_command_list_t *list = new_list(&bench, 0);
      write_list(&bench, script, list);
      const long graphs = fake->graphs, misuses = fake->misuses;
      fake->fail = functions[i];
      fake->fail_at = n;
      for (int k = 0; k < 3; ++k) {
        CHECK_OK(execute(&bench, list));
        follow(script, bench.expected);
        CHECK(holds(bench.cells, bench.expected, BYTES));
      }
      const bool failed = fake->fail_at == 0;
      calls += failed;
      CHECK_EQ_INT(fake->graphs - graphs, failed ? 0 : 2);
      ee_object_release((ee_object_t *)list);
      free(script);
      gpu_variant(0);
      bench_close(&bench);
      // A capture that did not end by our order goes with its stream, behind its kernels.
      if (failed && strcmp(functions[i], "cuStreamEndCapture") == 0) fake->misuses = misuses;
      if (!failed) break;
    }
    CHECK(calls > 0);
  }
}

static void host_memory_for_a_graph_runs_out(void) {
  enum { RUNS = 3 };
  gpu_variant(0);
  for (size_t n = 1; n < 100; ++n) {
    bench_t bench;
    if (!bench_open(&bench)) return;
    script_t *script = calloc(1, sizeof *script);
    script->state = 5;
    ee_hal_command_list_t *list = new_list(&bench, 0);
    write_list(&bench, script, list);
    const ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
    ee_hal_fence_t *fences[RUNS];
    for (size_t k = 0; k < RUNS; ++k)
      fences[k] = fence_of(&bench.f);
    const size_t allocations = atomic_load(&bench.f.allocations);
    bench.f.fail_at = allocations + n;
    for (size_t k = 0; k < RUNS; ++k) {
      const eerie_status_t status =
          ee_hal_device_submit(bench.f.device, NULL, fences[k], &operation, NULL);
      CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
      if (status != EERIE_OK) continue; // nothing of it was done
      CHECK_OK(ee_hal_fence_wait(fences[k], INT64_MAX, NULL));
      follow(script, bench.expected);
    }
    const bool reached = atomic_load(&bench.f.allocations) >= allocations + n;
    bench.f.fail_at = 0;
    CHECK(holds(bench.cells, bench.expected, BYTES));
    for (size_t k = 0; k < RUNS; ++k)
      drop(fences[k]);
    ee_object_release((ee_object_t *)list);
    free(script);
    bench_close(&bench);
    if (!reached) return;
  }
  CHECK(false);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
    RUN(only_barriers_order),
    RUN(lists_give_what_their_order_gives),
#if EERIE_PROFILE
    RUN(an_observer_sees_each_command),
#endif
    RUN(a_list_needs_no_graph),
    RUN(host_memory_for_a_graph_runs_out),
  };
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
