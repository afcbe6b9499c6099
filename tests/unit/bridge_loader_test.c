// The `hal_loader` module and the executables of bytecode that it loads: kernels that behave,
// kernels that keep what is not theirs, dispatches that no compiler makes.
#include <pthread.h>
#include <stdlib.h>

#include "unit/bridge_support.h"

// ---- What the cases share ----------------------------------------------------------------------

typedef struct loader {
  bridge_t b;
  uint8_t *bytes;
  size_t size;
  ee_vm_buffer_t *format, *data;
  ee_hal_executable_t *executable;
} loader_t;

static uint8_t *read_kernels(size_t *out_size) {
  FILE *file = fopen(EERIE_TEST_BINARY_DIR "/vm_modules/kernels.vmfb", "rb");
  *out_size = 0;
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  fseek(file, 0, SEEK_SET);
  uint8_t *bytes = malloc(size);
  if (bytes && fread(bytes, 1, size, file) == size) *out_size = size;
  fclose(file);
  return bytes;
}

static eerie_status_t load(loader_t *l, const void *data, size_t size, const void *constants,
                           size_t constants_size) {
  ee_vm_buffer_t *bytes = make_bytes(&l->b, data, size, false);
  ee_vm_buffer_t *words = constants ? make_bytes(&l->b, constants, constants_size, false) : NULL;
  const ee_vm_value_t arguments[] = {of_ref(l->format), of_ref(bytes), of_ref(words)};
  const eerie_status_t status = bridge_call(&l->b, "executable.load", arguments);
  drop(bytes); // the executable keeps what it needs
  drop(words);
  return status;
}

// False: the kernels were not compiled.
static bool loader_open(loader_t *l, uint64_t step_limit) {
  memset(l, 0, sizeof *l);
  l->bytes = read_kernels(&l->size);
  if (!l->size) return false;
  bridge_open(&l->b, &ee_bridge_loader_module, step_limit);
  l->format = make_text(&l->b, "vmvx-bytecode-fb");
  static const int32_t constant = 1000;
  if (!CHECK_OK(load(l, l->bytes, l->size, &constant, sizeof constant))) {
    fprintf(stderr, "  %s\n", l->b.err.message);
    exit(1);
  }
  l->executable = ee_hal_executable_cast(l->b.results[0].ref);
  return true;
}

static void loader_close(loader_t *l) {
  drop(l->executable);
  drop(l->format);
  bridge_close(&l->b);
  free(l->bytes);
}

#define OPEN(l, step_limit)                                                                        \
  loader_t l;                                                                                      \
  if (!loader_open(&l, (step_limit)))                                                              \
  SKIP("no compiled test modules: build with iree-compile at hand")

static int64_t find(loader_t *l, const char *name) {
  ee_vm_buffer_t *text = make_text(&l->b, name);
  const ee_vm_value_t arguments[] = {of_ref(l->executable), of_ref(text)};
  CHECK_OK(bridge_call(&l->b, "executable.lookup.function", arguments));
  drop(text);
  return l->b.results[0].i64;
}

typedef struct span {
  ee_vm_buffer_t *bytes;
  int64_t offset, length;
} span_t;

static eerie_status_t dispatch(loader_t *l, int64_t function, const uint32_t count[3],
                               const uint32_t *constants, uint32_t constant_count,
                               const span_t *spans, uint32_t span_count) {
  ee_vm_value_t arguments[300] = {of_ref(l->executable),     of_i64(function),
                                  of_i32((int32_t)count[0]), of_i32((int32_t)count[1]),
                                  of_i32((int32_t)count[2]), of_i32((int32_t)constant_count)};
  ee_vm_value_t *next = arguments + 6;
  for (uint32_t i = 0; i < constant_count; ++i)
    *next++ = of_i32((int32_t)constants[i]);
  *next++ = of_i32((int32_t)span_count);
  for (uint32_t i = 0; i < span_count; ++i) {
    *next++ = of_ref(spans[i].bytes);
    *next++ = of_i64(spans[i].offset);
    *next++ = of_i64(spans[i].length);
  }
  return bridge_call_as(&l->b, "executable.dispatch", "0rIiiiCiDCrIID_v", arguments);
}

static const uint32_t once[3] = {1, 1, 1};

// One binding of whole bytes.
static eerie_status_t dispatch_one(loader_t *l, const char *name, ee_vm_buffer_t *bytes) {
  const span_t span = {bytes, 0, bytes ? (int64_t)bytes->size : 0};
  return dispatch(l, find(l, name), once, NULL, 0, &span, bytes ? 1 : 0);
}

// ---- Kernels that behave -----------------------------------------------------------------------

static void knows_formats(void) {
  OPEN(l, 0);
  ee_vm_value_t argument = of_ref(l.format);
  CHECK_OK(bridge_call(&l.b, "executable.query_support", &argument));
  CHECK_EQ_INT(l.b.results[0].i32, 1);
  ee_vm_buffer_t *other = make_text(&l.b, "vulkan-spirv-fb");
  // No module of the program has another one to ask for, so this is the end of it.
  argument = of_ref(other);
  CHECK_STATUS(bridge_call(&l.b, "executable.query_support", &argument), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(l.b.err.message, "vulkan-spirv-fb");
  const ee_vm_value_t arguments[] = {of_ref(other), of_ref(l.format), of_ref(NULL)};
  CHECK_STATUS(bridge_call(&l.b, "executable.load", arguments), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(l.b.err.message, "vulkan-spirv-fb");
  drop(other);
  loader_close(&l);
}

static void runs_every_workgroup(void) {
  OPEN(l, 0);
  int32_t in[5] = {1, -2, 3, 4, 5}, out[7] = {0};
  static const uint32_t constants[] = {99, 10}, count[3] = {4, 1, 1};
  const span_t spans[] = {{make_bytes(&l.b, in, sizeof in, false), 4, 16},
                          {make_bytes(&l.b, out, sizeof out, true), 4, 20}};
  const int64_t scale = find(&l, "scale");
  CHECK_OK(dispatch(&l, scale, count, constants, 2, spans, 2));
  static const int32_t want[7] = {0, 980, 1030, 1040, 1050, 0, 0};
  CHECK_BYTES(out, want, sizeof out);
  // By number, as 3.11 does.
  memset(out, 0, sizeof out);
  const ee_vm_value_t arguments[] = {of_ref(l.executable),
                                     of_i32((int32_t)scale),
                                     of_i32(4),
                                     of_i32(1),
                                     of_i32(1),
                                     of_i32(2),
                                     of_i32(99),
                                     of_i32(10),
                                     of_i32(2),
                                     of_ref(spans[0].bytes),
                                     of_i64(4),
                                     of_i64(16),
                                     of_ref(spans[1].bytes),
                                     of_i64(4),
                                     of_i64(20)};
  CHECK_OK(bridge_call_as(&l.b, "executable.dispatch", "0riiiiCiDCrIID_v", arguments));
  CHECK_BYTES(out, want, sizeof out);
  drop(spans[0].bytes);
  drop(spans[1].bytes);
  loader_close(&l);
}

static void tells_workgroups_where_they_are(void) {
  OPEN(l, 0);
  int32_t out[7] = {0};
  const span_t span = {make_bytes(&l.b, out, sizeof out, true), 0, sizeof out};
  static const uint32_t count[3] = {3, 2, 4};
  CHECK_OK(dispatch(&l, find(&l, "where"), count, NULL, 0, &span, 1));
  static const int32_t want[7] = {2, 1, 3, 3, 2, 4, 4096};
  CHECK_BYTES(out, want, sizeof out);
  // No workgroup, no work.
  static const uint32_t none[3] = {3, 0, 4};
  memset(out, 0, sizeof out);
  CHECK_OK(dispatch(&l, find(&l, "where"), none, NULL, 0, &span, 1));
  CHECK_EQ_INT(out[6], 0);
  drop(span.bytes);
  loader_close(&l);
}

static void calls_vmvx(void) {
  OPEN(l, 0);
  int32_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] = {0};
  span_t spans[] = {{make_bytes(&l.b, in, sizeof in, false), 0, sizeof in},
                    {make_bytes(&l.b, out, sizeof out, true), 0, sizeof out}};
  CHECK_OK(dispatch(&l, find(&l, "double"), once, NULL, 0, spans, 2));
  for (int i = 0; i < 8; ++i)
    CHECK_EQ_INT(out[i], 2 * in[i]);
  spans[1].length = 31;
  CHECK_STATUS(dispatch(&l, find(&l, "double"), once, NULL, 0, spans, 2), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(l.b.err.message, "kernel double, workgroup 0 0 0");
  // Constants of the module are not written to.
  const span_t read_only[] = {spans[0], {spans[0].bytes, 0, sizeof in}};
  CHECK_STATUS(dispatch(&l, find(&l, "double"), once, NULL, 0, read_only, 2),
               EERIE_PERMISSION_DENIED);
  drop(spans[0].bytes);
  drop(spans[1].bytes);
  loader_close(&l);
}

static void lets_kernels_yield(void) {
  OPEN(l, 0);
  int32_t out = 0;
  ee_vm_buffer_t *bytes = make_bytes(&l.b, &out, sizeof out, true);
  CHECK_OK(dispatch_one(&l, "yields", bytes));
  CHECK_EQ_INT(out, 7);
  drop(bytes);
  loader_close(&l);
}

// ---- Kernels that do not -----------------------------------------------------------------------

static void takes_bindings_back(void) {
  OPEN(l, 0);
  int32_t *memory = malloc(sizeof *memory);
  REQUIRE(memory);
  ee_vm_buffer_t *bytes = make_bytes(&l.b, memory, sizeof *memory, true);
  CHECK_OK(dispatch_one(&l, "keep", bytes));
  drop(bytes);
  free(memory);
  CHECK_STATUS(dispatch_one(&l, "use_kept", NULL), EERIE_OUT_OF_RANGE);
  loader_close(&l);
}

static void makes_the_list_anew(void) {
  OPEN(l, 0);
  int32_t data[2] = {5, 0};
  ee_vm_buffer_t *bytes = make_bytes(&l.b, data, sizeof data, true);
  CHECK_OK(dispatch_one(&l, "spoil", bytes));
  static const uint32_t constants[] = {0, 3};
  const span_t spans[] = {{bytes, 0, 4}, {bytes, 4, 4}};
  CHECK_OK(dispatch(&l, find(&l, "scale"), once, constants, 2, spans, 2));
  CHECK_EQ_INT(data[1], 1015);
  drop(bytes);
  loader_close(&l);
}

static void passes_failures_on(void) {
  OPEN(l, 0);
  CHECK_STATUS(dispatch_one(&l, "fails", NULL), EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(l.b.err.message, "kernel fails, workgroup 0 0 0");
  CHECK_CONTAINS(l.b.err.message, "refused by the kernel");
  loader_close(&l);
}

static void limits_steps(void) {
  OPEN(l, 10000);
  CHECK_STATUS(dispatch_one(&l, "spins", NULL), EERIE_DEADLINE_EXCEEDED);
  loader_close(&l);
}

// ---- Dispatches that no compiler makes ---------------------------------------------------------

static void refuses_dispatches(void) {
  OPEN(l, 0);
  int32_t data[4] = {0};
  ee_vm_buffer_t *bytes = make_bytes(&l.b, data, sizeof data, true);
  const span_t whole_span = {bytes, 0, sizeof data};
  static const uint32_t constants[65];
  const int64_t where = find(&l, "where"), scale = find(&l, "scale");
  // No kernel: past the end, of another signature, the setter of constants, beyond 32 bits.
  const int64_t functions[] = {-1, 1000, find(&l, "helper"), find(&l, "__set_constants"),
                               where + (1ll << 32)};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    CHECK_STATUS(dispatch(&l, functions[i], once, NULL, 0, &whole_span, 1), EERIE_OUT_OF_RANGE);
  }
  CHECK_STATUS(dispatch(&l, where, once, NULL, 0, NULL, 0), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(dispatch(&l, scale, once, constants, 1, &whole_span, 1), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(dispatch(&l, scale, once, constants, 65, &whole_span, 1), EERIE_OUT_OF_RANGE);
  static span_t many[65];
  for (size_t i = 0; i < 65; ++i)
    many[i] = whole_span;
  CHECK_STATUS(dispatch(&l, where, once, NULL, 0, many, 65), EERIE_OUT_OF_RANGE);
  static const int64_t ranges[][2] = {{0, 17}, {17, 0}, {-1, 1}, {0, -1}, {16, 1}, {INT64_MAX, 2}};
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; ++i) {
    const span_t span = {bytes, ranges[i][0], ranges[i][1]};
    CHECK_STATUS(dispatch(&l, where, once, NULL, 0, &span, 1), EERIE_OUT_OF_RANGE);
  }
  const span_t null = {NULL, 0, 0};
  CHECK_STATUS(dispatch(&l, where, once, NULL, 0, &null, 1), EERIE_INVALID_ARGUMENT);
  ee_vm_buffer_t *name = make_text(&l.b, "no_such_kernel");
  const ee_vm_value_t arguments[] = {of_ref(l.executable), of_ref(name)};
  CHECK_STATUS(bridge_call(&l.b, "executable.lookup.function", arguments), EERIE_NOT_FOUND);
  drop(name);
  drop(bytes);
  loader_close(&l);
}

static void refuses_constants(void) {
  OPEN(l, 0);
  static const int32_t constants[2] = {1, 2};
  CHECK_STATUS(load(&l, l.bytes, l.size, NULL, 0), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(load(&l, l.bytes, l.size, constants, 3), EERIE_INVALID_ARGUMENT);
  CHECK_OK(load(&l, l.bytes, l.size, constants, 8)); // more than it reads
  drop(l.b.results[0].ref);
  loader_close(&l);
}

static void refuses_damaged_executables(void) {
  OPEN(l, 0);
  l.b.f.heap.limit = 64u << 20; // a damaged count of globals may ask for gigabytes
  static const int32_t constant = 1;
  for (size_t size = 0; size < l.size; size += 1 + size / 40) {
    const eerie_status_t status = load(&l, l.bytes, size, &constant, sizeof constant);
    if (status == EERIE_OK) drop(l.b.results[0].ref); // the end of the container says nothing new
    CHECK(status != EERIE_OK || size > l.size * 3 / 4);
  }
  uint8_t *copy = malloc(l.size);
  REQUIRE(copy);
  for (size_t at = 0; at < l.size; at += 7) {
    memcpy(copy, l.bytes, l.size);
    copy[at] ^= 0x41;
    if (load(&l, copy, l.size, &constant, sizeof constant) == EERIE_OK) drop(l.b.results[0].ref);
  }
  free(copy);
  loader_close(&l);
}

static void survives_lack_of_memory(void) {
  OPEN(l, 0);
  static const int32_t constant = 1;
  for (size_t fail_at = 1;; ++fail_at) {
    l.b.f.fail_at = atomic_load(&l.b.f.allocations) + 2 + fail_at; // two are of the test itself
    const eerie_status_t status = load(&l, l.bytes, l.size, &constant, sizeof constant);
    l.b.f.fail_at = 0;
    if (status == EERIE_OK) {
      drop(l.b.results[0].ref);
      CHECK(fail_at > 5);
      break;
    }
    if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) break;
  }
  loader_close(&l);
}

// ---- Beside the queue --------------------------------------------------------------------------

// The same executable in a command list.
static void runs_in_command_lists(void) {
  OPEN(l, 0);
  ee_hal_buffer_t *in = make_buffer(&l.b.f, 32), *out = make_buffer(&l.b.f, 32);
  for (int32_t i = 0; i < 8; ++i)
    memcpy(in->data + 4 * i, &i, 4);
  for (int written = 1; written >= 0; --written) {
    if (!written) out->access = EE_HAL_ACCESS_READ;
    ee_hal_command_list_t *list = NULL;
    REQUIRE_OK(ee_hal_command_list_create(l.b.f.device, 0, 1, &list, NULL));
    const ee_hal_binding_t bindings[] = {whole(in), slot(0, 0, UINT64_MAX)};
    ee_hal_command_t command = {
        .kind = EE_HAL_COMMAND_DISPATCH,
        .executable = l.executable,
        .function = (uint32_t)find(&l, "double"),
        .workgroup_count = {1, 1, 1},
        .binding_count = 2,
        .bindings = bindings,
    };
    CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
    command.function = (uint32_t)find(&l, "helper");
    CHECK_STATUS(ee_hal_command_list_append(list, &command, 0, NULL), EERIE_OUT_OF_RANGE);
    CHECK_OK(ee_hal_command_list_finalize(list, NULL));
    const ee_hal_binding_t table = whole(out);
    const ee_hal_operation_t operation = {
        .kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .bindings = &table, .binding_count = 1};
    CHECK_STATUS(ee_hal_device_submit(l.b.f.device, NULL, NULL, &operation, NULL),
                 written ? EERIE_OK : EERIE_PERMISSION_DENIED);
    int32_t last;
    memcpy(&last, out->data + 28, 4);
    CHECK_EQ_INT(last, 14);
    drop(list);
  }
  ee_hal_buffer_release(in);
  ee_hal_buffer_release(out);
  loader_close(&l);
}

typedef struct caller {
  ee_hal_executable_t *executable;
  uint32_t function;
  bool good;
} caller_t;

static void *call_often(void *user) {
  caller_t *caller = user;
  int32_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
  uint8_t *bindings[] = {(uint8_t *)in, (uint8_t *)out};
  static const size_t sizes[] = {sizeof in, sizeof out};
  static const uint32_t access[] = {EE_HAL_ACCESS_READ, EE_HAL_ACCESS_ALL};
  const ee_hal_dispatch_t operation = {
      .function = caller->function,
      .workgroup_count = {1, 1, 1},
      .binding_count = 2,
      .bindings = bindings,
      .binding_sizes = sizes,
      .binding_access = access,
  };
  caller->good = true;
  for (int i = 0; i < 500; ++i) {
    memset(out, 0, sizeof out);
    caller->good = caller->good &&
                   ee_hal_executable_dispatch(caller->executable, &operation, NULL) == EERIE_OK &&
                   out[0] == 2 && out[7] == 16;
  }
  return NULL;
}

static void serves_several_threads(void) {
  OPEN(l, 0);
  pthread_t threads[4];
  caller_t callers[4];
  for (int i = 0; i < 4; ++i) {
    callers[i] = (caller_t){l.executable, (uint32_t)find(&l, "double"), false};
    REQUIRE(pthread_create(&threads[i], NULL, call_often, &callers[i]) == 0);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(callers[i].good);
  }
  loader_close(&l);
}

// ---- Kernels of machine code -------------------------------------------------------------------

// Copies binding 0 to binding 1 and says by its result whether both are aligned.
static EE_CPU_KERNEL int aligned_copy(const ee_cpu_environment_t *environment,
                                      const ee_cpu_dispatch_state_t *state,
                                      const ee_cpu_workgroup_state_t *workgroup) {
  (void)environment, (void)workgroup;
  memcpy(state->bindings[1], state->bindings[0], state->binding_sizes[0]);
  return (uintptr_t)state->bindings[0] % EERIE_BUFFER_ALIGNMENT == 0 &&
                 (uintptr_t)state->bindings[1] % EERIE_BUFFER_ALIGNMENT == 0
             ? 0
             : 1;
}

static void aligns_constants(void) {
  static const ee_cpu_library_header_t header = {.version = EE_CPU_LIBRARY_VERSION, .name = "copy"};
  static const ee_cpu_kernel_t kernels[] = {aligned_copy};
  static const ee_cpu_kernel_attributes_t attributes[] = {{.binding_count = 2}};
  static const char *const names[] = {"copy"};
  ee_cpu_library_t library = {.header = &header};
  library.exports.count = 1;
  library.exports.kernels = kernels;
  library.exports.attributes = attributes;
  library.exports.names = names;
  loader_t l = {0};
  bridge_open(&l.b, &ee_bridge_loader_module, 0);
  l.executable = make_executable(&l.b.f, &library);
  REQUIRE(l.executable);
  static _Alignas(64) uint8_t source[129], target[128];
  for (size_t i = 0; i < sizeof source; ++i)
    source[i] = (uint8_t)i;
  ee_vm_buffer_t *odd = make_bytes(&l.b, source + 1, 128, false);
  ee_vm_buffer_t *out = make_bytes(&l.b, target, 128, true);
  const span_t spans[] = {{odd, 64, 64}, {out, 64, 64}};
  CHECK_OK(dispatch(&l, 0, once, NULL, 0, spans, 2));
  CHECK_BYTES(target + 64, source + 65, 64);
  // What is written cannot be moved.
  ee_vm_buffer_t *odd_out = make_bytes(&l.b, target + 1, 64, true);
  const span_t refused[] = {{odd, 0, 32}, {odd_out, 0, 32}};
  CHECK_STATUS(dispatch(&l, 0, once, NULL, 0, refused, 2), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(l.b.err.message, "binding 1");
  drop(odd);
  drop(out);
  drop(odd_out);
  drop(l.executable);
  bridge_close(&l.b);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(knows_formats),
      RUN(runs_every_workgroup),
      RUN(tells_workgroups_where_they_are),
      RUN(calls_vmvx),
      RUN(lets_kernels_yield),
      RUN(takes_bindings_back),
      RUN(makes_the_list_anew),
      RUN(passes_failures_on),
      RUN(limits_steps),
      RUN(refuses_dispatches),
      RUN(refuses_constants),
      RUN(refuses_damaged_executables),
      RUN(survives_lack_of_memory),
      RUN(runs_in_command_lists),
      RUN(serves_several_threads),
      RUN(aligns_constants),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
