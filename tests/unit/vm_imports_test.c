// vm_imports_test.c: native functions, calls between compiled modules, linking and its refusals,
// initialisers, allocation faults, programs of several threads over one module.
#include <pthread.h>

#include "unit/vm_support.h"

// ---- A native module ---------------------------------------------------------------------------

// What a deferring function waits for.
typedef struct event {
  ee_object_t object;
  int *destroyed;
} event_t;

static void event_destroy(ee_object_t *object) {
  event_t *event = (event_t *)(void *)object;
  ++*event->destroyed;
  free(event);
}
static const ee_object_type_t event_type = {"host.event", event_destroy};

// State of the host module, one for each program.
typedef struct host {
  ee_heap_t *heap;
  int *states;       // how many there are, of all programs
  int calls;         // of wait functions since the last one finished
  int events_gone;   // destroyed
  ee_object_t *kept; // what `keep` was given last
  int32_t last_sum;  // what `add` returned last
} host_t;

static eerie_status_t host_create(void *user, ee_heap_t *heap, void **out_state,
                                  eerie_error_t *err) {
  host_t *host = ee_heap_allocate_zeroed(heap, sizeof *host);
  if (!host) return EE_NO_MEMORY(err, sizeof *host);
  host->heap = heap;
  host->states = user;
  if (host->states) ++*host->states;
  *out_state = host;
  return EERIE_OK;
}

static int last_deinit_sum; // by `add`, read after the program is gone

static void host_destroy(void *user, ee_heap_t *heap, void *state) {
  host_t *host = state;
  if (user) --*(int *)user;
  ee_object_release(host->kept);
  ee_heap_free(heap, host, sizeof *host);
}

static eerie_status_t host_add(ee_vm_call_t *call) {
  host_t *host = call->state;
  call->results[0].i32 = host->last_sum = call->arguments[0].i32 + call->arguments[1].i32;
  if (host->states) last_deinit_sum = host->last_sum;
  return EERIE_OK;
}

static eerie_status_t host_mixed(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  for (int i = 0; i < 5; ++i)
    CHECK_EQ_INT(call->results[i].i64, 0);
  call->results[0].f64 = a[3].f64 * 2;
  call->results[1].i64 = a[1].i64 - 1;
  ee_object_retain(a[4].ref);
  call->results[2].ref = a[4].ref;
  call->results[3].f32 = -a[2].f32;
  call->results[4].i32 = a[0].i32 + 1;
  return EERIE_OK;
}

static eerie_status_t host_sum(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  int64_t sum = 0;
  for (int32_t i = 0; i < a[1].i32; ++i)
    sum += a[2 + i].i64;
  call->results[0].i64 = sum * a[0].i32 + a[1].i32;
  return EERIE_OK;
}

// (i32, i64)..., i32, buffer...: folds all into one number that tells every place apart.
static eerie_status_t host_tuples(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  int64_t sum = 0;
  const int32_t pairs = (a++)->i32;
  for (int32_t i = 0; i < pairs; ++i, a += 2)
    sum = sum * 10 + a[0].i32 * a[1].i64;
  sum = sum * 1000 + (a++)->i32;
  const int32_t buffers = (a++)->i32;
  for (int32_t i = 0; i < buffers; ++i, ++a)
    sum = sum * 10 + (int64_t)ee_vm_buffer_cast(a->ref)->size;
  call->results[0].i64 = sum;
  return EERIE_OK;
}

static eerie_status_t host_keep(ee_vm_call_t *call) {
  host_t *host = call->state;
  ee_object_release(host->kept);
  host->kept = call->arguments[0].ref;
  ee_object_retain(host->kept);
  return EERIE_OK;
}

static eerie_status_t host_fail(ee_vm_call_t *call) {
  return EE_FAIL(call->err, (eerie_status_t)call->arguments[0].i32, "refused on demand");
}

// Defers arguments[0] times.
static bool must_wait(ee_vm_call_t *call, eerie_status_t *out_status) {
  host_t *host = call->state;
  if (host->calls == call->arguments[0].i32) {
    host->calls = 0;
    return false;
  }
  event_t *event = malloc(sizeof *event);
  event->destroyed = &host->events_gone;
  ee_object_initialize(&event->object, &event_type);
  call->wait_object = &event->object;
  call->wait_deadline_ns = 1000 + ++host->calls;
  *out_status = EERIE_DEFERRED;
  return true;
}

static eerie_status_t host_wait(ee_vm_call_t *call) {
  eerie_status_t status;
  if (must_wait(call, &status)) return status;
  call->results[0].i32 = call->arguments[0].i32 * 10;
  return EERIE_OK;
}

static eerie_status_t host_wait_buffer(ee_vm_call_t *call) {
  eerie_status_t status;
  // A result that comes too early must not leak.
  ee_object_retain(call->arguments[1].ref);
  call->results[0].ref = call->arguments[1].ref;
  return must_wait(call, &status) ? status : EERIE_OK;
}

static eerie_status_t host_wait_sum(ee_vm_call_t *call) {
  eerie_status_t status;
  if (must_wait(call, &status)) return status;
  for (int32_t i = 0; i < call->arguments[1].i32; ++i)
    call->results[0].i32 += call->arguments[2 + i].i32;
  return EERIE_OK;
}

static eerie_status_t host_reenter(ee_vm_call_t *call) {
  ee_vm_function_t function;
  CHECK(ee_vm_program_find(call->program, EE_STR("behaviour.fibonacci"), &function));
  const ee_vm_value_t argument = vi32(1);
  return ee_vm_invoke(call->program, function, &argument, call->results, call->err);
}

static const ee_object_type_t *const host_types[] = {&event_type};
static const ee_vm_native_function_t host_functions[] = {
    {"add", "0iI_i", host_fail}, // another signature of the same name comes first
    {"add", "0ii_i", host_add},
    {"mixed", "0iIfFr_FIrfi", host_mixed},
    {"sum", "0iCID_I", host_sum},
    {"tuples", "0CiIDiCrD_I", host_tuples},
    {"keep", "0r_v", host_keep},
    {"fail", "0i_v", host_fail},
    {"wait", "0i_i", host_wait},
    {"wait_buffer", "0ir_r", host_wait_buffer},
    {"wait_sum", "0iCiD_i", host_wait_sum},
    {"add_more", "0ii_i", host_add},
};
static const ee_vm_native_module_t host_module = {
    .name = "host",
    .version = 3,
    .functions = host_functions,
    .function_count = sizeof host_functions / sizeof host_functions[0],
    .types = host_types,
    .type_count = 1,
    .create_state = host_create,
    .destroy_state = host_destroy,
};

// ---- Fixture -----------------------------------------------------------------------------------

typedef struct fixture {
  test_memory_t memory;
  uint8_t *bytes[2];
  ee_module_t *modules[2]; // behaviour, imports
  ee_vm_module_ref_t refs[3];
  ee_vm_program_t *program;
  int states;
  eerie_error_t err;
} fixture_t;

static bool load(fixture_t *f, int index, const char *name) {
  size_t size;
  f->bytes[index] = test_read_file(name, &size);
  if (!f->bytes[index]) return false;
  // behaviour.vmfb has two functions that only vm_behaviour_test.c makes right.
  const ee_module_load_options_t options = {.trusted = index == 0};
  return CHECK_OK_ERR(ee_module_load(&f->memory.heap, (ee_bytes_t){f->bytes[index], size}, &options,
                                     &f->modules[index], &f->err),
                      &f->err);
}

static bool set_up_modules(fixture_t *f) {
  *f = (fixture_t){0};
  test_memory_initialize(&f->memory);
  if (!load(f, 0, "behaviour.vmfb") || !load(f, 1, "imports.vmfb")) return false;
  f->refs[0] = (ee_vm_module_ref_t){.native = &host_module, .user = &f->states};
  f->refs[1] = (ee_vm_module_ref_t){.module = f->modules[0]};
  f->refs[2] = (ee_vm_module_ref_t){.module = f->modules[1]};
  return true;
}

static eerie_status_t link(fixture_t *f, const ee_vm_module_ref_t *refs, size_t count) {
  const ee_vm_program_options_t options = {.modules = refs, .module_count = count};
  return ee_vm_program_create(&f->memory.heap, &options, &f->program, &f->err);
}

static void tear_down(fixture_t *f) {
  ee_vm_program_destroy(f->program);
  ee_module_release(f->modules[0]);
  ee_module_release(f->modules[1]);
  CHECK_EQ_INT(f->states, 0);
  test_memory_check_empty(&f->memory);
  free(f->bytes[0]);
  free(f->bytes[1]);
}

#define SET_UP_MODULES()                                                                           \
  fixture_t f;                                                                                     \
  if (!set_up_modules(&f)) SKIP("no compiled test modules: make_vm.py found no iree-compile")
#define SET_UP()                                                                                   \
  SET_UP_MODULES();                                                                                \
  REQUIRE_OK_ERR(link(&f, f.refs, 3), &f.err)
#define CALL(name, ...)                                                                            \
  test_call(f.program, (name), (const ee_vm_value_t[]){__VA_ARGS__}, r, &f.err)
#define EXPECT_OK(name, ...) CHECK_OK_ERR(CALL(name, __VA_ARGS__), &f.err)

static ee_vm_buffer_t *new_buffer(fixture_t *f, size_t size) {
  ee_vm_buffer_t *buffer = NULL;
  CHECK_OK(ee_vm_buffer_create(&f->memory.heap, size, 0, &buffer, &f->err));
  return buffer;
}

static bool is_alone(ee_vm_buffer_t *buffer) {
  return ee_object_is_unique(&buffer->object);
}

// ---- Native functions --------------------------------------------------------------------------

static void native_calls(void) {
  SET_UP();
  ee_vm_value_t r[5] = {{0}};
  ee_vm_buffer_t *b = new_buffer(&f, 7);
  EXPECT_OK("imports.add", vi32(40), vi32(2));
  CHECK_EQ_INT(r[0].i32, 42);
  ee_vm_value_t c = {.i64 = 0}, d = {.f64 = 1e10};
  c.f32 = 2.5f;
  EXPECT_OK("imports.mixed", vi32(1), vi64(-1234567890123), c, d, vref(b));
  CHECK_EQ_INT(r[0].i32, 2);
  CHECK(r[1].f32 == -2.5f);
  CHECK(r[2].ref == &b->object);
  CHECK_EQ_INT(r[3].i64, -1234567890124);
  CHECK(r[4].f64 == 2e10);
  ee_object_release(r[2].ref);
  EXPECT_OK("imports.sum", vi64(10000000000), vi64(200), vi64(-3));
  CHECK_EQ_INT(r[0].i64, 0);
  CHECK_EQ_INT(r[1].i64, 20000000001);
  CHECK_EQ_INT(r[2].i64, 20000000397);
  EXPECT_OK("imports.tuples", vi32(2), vi64(3), vi32(4), vi64(5), vi32(9), vref(b));
  CHECK_EQ_INT(r[0].i64, 80009777);
  CHECK_EQ_INT(r[1].i64, 9);
  EXPECT_OK("imports.keep", vref(b));
  EXPECT_OK("imports.keep", vref(NULL));
  CHECK(is_alone(b));
  CHECK_STATUS(CALL("imports.fail", vi32(EERIE_ABORTED)), EERIE_ABORTED);
  CHECK_STR(f.err.message, "imports.fail+1: host.fail: refused on demand");
  EXPECT_OK("imports.optionals", vi32(0));
  CHECK_EQ_INT(r[0].i32, 0);
  CHECK_EQ_INT(r[1].i32, 1);
  CHECK_STATUS(CALL("imports.call_missing", vi32(0)), EERIE_NOT_FOUND);
  CHECK_CONTAINS(f.err.message, "'host.missing'");
  ee_object_release(&b->object);
  tear_down(&f);
}

static void calls_between_modules(void) {
  SET_UP();
  ee_vm_value_t r[2] = {{0}};
  ee_vm_buffer_t *b = new_buffer(&f, 1);
  EXPECT_OK("imports.fibonacci_there", vi32(15));
  CHECK_EQ_INT(r[0].i32, 610);
  EXPECT_OK("imports.recurse_there", vi32(1000), vref(b));
  CHECK_EQ_INT(r[0].i32, 1000);
  CHECK_STATUS(CALL("imports.recurse_there", vi32(2000), vref(b)), EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(f.err.message, "behaviour.recurse+");
  CHECK_STATUS(CALL("imports.fail_there", vi32(20), vref(b)), EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(f.err.message, "behaviour.fail_deep+");
  CHECK_CONTAINS(f.err.message, ": deep");
  CHECK(is_alone(b));
  CHECK_STATUS(CALL("imports.yield_there", vi32(1), vref(b)), EERIE_DEFERRED);
  CHECK_STATUS(ee_vm_resume(f.program, r, &f.err), EERIE_DEFERRED);
  CHECK_STATUS(ee_vm_resume(f.program, r, &f.err), EERIE_DEFERRED);
  CHECK_OK(ee_vm_resume(f.program, r, &f.err));
  CHECK_EQ_INT(r[0].i32, 3);
  CHECK(r[1].ref == &b->object);
  ee_object_release(r[1].ref);
  ee_object_release(&b->object);
  tear_down(&f);
}

// Resumes until the call is done, checking what it waits for each time.
static eerie_status_t resume_all(fixture_t *f, eerie_status_t status, int expected_waits,
                                 ee_vm_value_t *r) {
  int waits = 0;
  while (status == EERIE_DEFERRED) {
    int64_t deadline;
    const ee_object_t *pending = ee_vm_pending(f->program, &deadline);
    CHECK(pending && pending->type == &event_type);
    CHECK_EQ_INT(deadline, 1000 + ++waits);
    status = ee_vm_resume(f->program, r, &f->err);
  }
  CHECK_EQ_INT(waits, expected_waits);
  CHECK(ee_vm_pending(f->program, NULL) == NULL);
  return status;
}

static void native_functions_that_wait(void) {
  SET_UP();
  ee_vm_value_t r[2] = {{0}};
  ee_vm_buffer_t *b = new_buffer(&f, 1);
  for (int n = 0; n < 4; ++n) {
    CHECK_OK(resume_all(&f, CALL("imports.wait", vi32(n)), n, r));
    CHECK_EQ_INT(r[0].i32, 10 * n + 1);
    CHECK_OK(resume_all(&f, CALL("imports.wait_plain", vi32(n)), n, r));
    CHECK_EQ_INT(r[0].i32, 10 * n);
    CHECK_OK(resume_all(&f, CALL("imports.wait_buffer", vi32(n), vref(b)), n, r));
    CHECK(r[0].ref == &b->object);
    ee_object_release(r[0].ref);
    CHECK(is_alone(b));
    CHECK_OK(resume_all(&f, CALL("imports.wait_sum", vi32(n), vi32(30), vi32(12)), n, r));
    CHECK_EQ_INT(r[0].i32, 42);
  }
  CHECK_STATUS(CALL("imports.wait_buffer", vi32(2), vref(b)), EERIE_DEFERRED);
  ee_vm_cancel(f.program);
  CHECK(ee_vm_pending(f.program, NULL) == NULL);
  CHECK(is_alone(b));
  ee_object_release(&b->object);
  tear_down(&f);
}

static void native_function_that_calls_back(void) {
  SET_UP_MODULES();
  ee_vm_native_function_t functions[sizeof host_functions / sizeof host_functions[0]];
  memcpy(functions, host_functions, sizeof host_functions);
  functions[1].function = host_reenter;
  ee_vm_native_module_t reentering = host_module;
  reentering.functions = functions;
  f.refs[0].native = &reentering;
  REQUIRE_OK_ERR(link(&f, f.refs, 3), &f.err);
  ee_vm_value_t r[1] = {{0}};
  CHECK_STATUS(CALL("imports.add", vi32(1), vi32(2)), EERIE_UNAVAILABLE);
  CHECK_CONTAINS(f.err.message, "another call");
  EXPECT_OK("imports.fibonacci_there", vi32(10));
  tear_down(&f);
}

// ---- Linking -----------------------------------------------------------------------------------

static void refused_programs(void) {
  SET_UP_MODULES();
  const ee_vm_module_ref_t host_only[] = {f.refs[0], f.refs[2]};
  CHECK_STATUS(link(&f, host_only, 2), EERIE_NOT_FOUND);
  CHECK_STR(f.err.message, "module 'imports' imports 'behaviour.fibonacci' with signature 0i_i, "
                           "which no linked module provides");
  // Modules see those before them only.
  const ee_vm_module_ref_t late[] = {f.refs[0], f.refs[2], f.refs[1]};
  CHECK_STATUS(link(&f, late, 3), EERIE_NOT_FOUND);
  const ee_vm_module_ref_t nothing[] = {f.refs[2]};
  CHECK_STATUS(link(&f, nothing, 1), EERIE_NOT_FOUND);
  CHECK_CONTAINS(f.err.message, "'host.add' with signature 0ii_i");
  const ee_vm_module_ref_t neither[] = {{0}};
  CHECK_STATUS(link(&f, neither, 1), EERIE_INVALID_ARGUMENT);
  const ee_vm_module_ref_t both[] = {{.module = f.modules[0], .native = &host_module}};
  CHECK_STATUS(link(&f, both, 1), EERIE_INVALID_ARGUMENT);
  CHECK(f.program == NULL);

  // A native function of another signature.
  ee_vm_native_function_t functions[sizeof host_functions / sizeof host_functions[0]];
  memcpy(functions, host_functions, sizeof host_functions);
  functions[2].calling_convention = "0iIfFr_FIrf";
  ee_vm_native_module_t other = host_module;
  other.functions = functions;
  f.refs[0].native = &other;
  CHECK_STATUS(link(&f, f.refs, 3), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(f.err.message, "'host.mixed' with signature 0iIfFr_FIrfi");
  CHECK_CONTAINS(f.err.message, "0iIfFr_FIrf");
  f.refs[0].native = &host_module;

  // A compiled function of another signature: a module of the same name, made by hand.
  ee_module_function_t fibonacci = {.signature = {EE_STR("0I_i"), EE_STR("I"), EE_STR("i")}};
  ee_module_export_t export = {EE_STR("fibonacci"), 0};
  ee_module_t fake = {.name = EE_STR("behaviour"),
                      .exports = &export,
                      .export_count = 1,
                      .functions = &fibonacci,
                      .function_count = 1};
  ee_object_initialize(&fake.object, NULL);
  f.refs[1].module = &fake;
  CHECK_STATUS(link(&f, f.refs, 3), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(f.err.message, "'behaviour.fibonacci' with signature 0i_i");
  CHECK_CONTAINS(f.err.message, "0I_i");
  CHECK(ee_object_is_unique(&fake.object));

  // Types and versions, likewise.
  ee_str_t types[] = {EE_STR("i32"), EE_STR("?"), EE_STR("host.event"), EE_STR("hal.fence")};
  ee_module_dependency_t dependency = {EE_STR("host"), 3, false};
  fake.types = types;
  fake.type_count = 3;
  fake.dependencies = &dependency;
  fake.dependency_count = 1;
  REQUIRE_OK_ERR(link(&f, f.refs, 2), &f.err);
  CHECK(ee_vm_program_type(f.program, EE_STR("host.event")) == &event_type);
  ee_vm_program_destroy(f.program);
  fake.type_count = 4;
  CHECK_STATUS(link(&f, f.refs, 2), EERIE_NOT_FOUND);
  CHECK_STR(f.err.message,
            "module 'behaviour' uses the type 'hal.fence', which no linked module provides");
  fake.type_count = 3;
  dependency.minimum_version = 4;
  CHECK_STATUS(link(&f, f.refs, 2), EERIE_FAILED_PRECONDITION);
  CHECK_STR(f.err.message,
            "module 'behaviour' needs module 'host' of version 4, this one knows 0 to 3");
  dependency = (ee_module_dependency_t){EE_STR("hal"), 1, false};
  CHECK_STATUS(link(&f, f.refs, 2), EERIE_NOT_FOUND);
  CHECK_CONTAINS(f.err.message, "needs module 'hal' of version 1 or later, which is not linked");
  dependency.optional = true;
  CHECK_OK(link(&f, f.refs, 2));
  tear_down(&f);
}

// ---- Initialisers ------------------------------------------------------------------------------

static int hook_waits;

static eerie_status_t wait_hook(void *user, ee_object_t *object, int64_t deadline_ns,
                                eerie_error_t *err) {
  CHECK(object->type == &event_type);
  CHECK_EQ_INT(deadline_ns, 1000 + ++hook_waits);
  if (hook_waits == *(int *)user) return EE_FAIL(err, EERIE_CANCELLED, "enough");
  return EERIE_OK;
}

static void initialisers(void) {
  TEST_MODULE_BYTES(bytes, size, "init.vmfb");
  test_memory_t memory;
  test_memory_initialize(&memory);
  eerie_error_t err;
  ee_module_t *module;
  ee_vm_program_t *program;
  int states = 0, enough = 0;
  REQUIRE_OK_ERR(ee_module_load(&memory.heap, (ee_bytes_t){bytes, size}, NULL, &module, &err),
                 &err);
  const ee_vm_module_ref_t refs[] = {{.native = &host_module, .user = &states}, {.module = module}};
  ee_vm_program_options_t options = {.modules = refs, .module_count = 2};
  CHECK_STATUS(ee_vm_program_create(&memory.heap, &options, &program, &err),
               EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(err.message, "host.event");
  CHECK(program == NULL);
  options.wait = wait_hook;
  options.wait_user = &enough;
  last_deinit_sum = 0;
  REQUIRE_OK_ERR(ee_vm_program_create(&memory.heap, &options, &program, &err), &err);
  CHECK_EQ_INT(hook_waits, 3);
  ee_vm_value_t r[1] = {{0}};
  CHECK_OK_ERR(test_call(program, "get", NULL, r, &err), &err);
  CHECK_EQ_INT(r[0].i32, 30);
  CHECK_EQ_INT(last_deinit_sum, 0);
  ee_vm_program_destroy(program);
  CHECK_EQ_INT(last_deinit_sum, 60);
  // The hook gives up: no program, and no deinitialiser for what was not initialised.
  hook_waits = last_deinit_sum = 0;
  enough = 2;
  CHECK_STATUS(ee_vm_program_create(&memory.heap, &options, &program, &err), EERIE_CANCELLED);
  CHECK_STR(err.message, "enough");
  CHECK_EQ_INT(last_deinit_sum, 0);
  CHECK_EQ_INT(states, 0);
  ee_module_release(module);
  test_memory_check_empty(&memory);
  free(bytes);
}

// ---- Faults ------------------------------------------------------------------------------------

// Everything that allocates, once.
static eerie_status_t run_all(fixture_t *f) {
  ee_vm_value_t r[5] = {{0}};
  eerie_status_t status = link(f, f->refs, 3);
  if (status != EERIE_OK) return status;
  ee_vm_buffer_t *b = NULL;
  status = ee_vm_buffer_wrap(&f->memory.heap, (uint8_t *)(uintptr_t) "12345678", 8, false, NULL, &b,
                             &f->err);
  if (status != EERIE_OK) return status;
  static const struct {
    const char *name;
    int32_t number;
  } calls[] = {{"list_chain", 5},       {"list_new_any", 100}, {"list_new_lists", 3},
               {"list_new_f32", 4},     {"recurse", 200},      {"imports.recurse_there", 300},
               {"imports.optionals", 0}};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0] && status == EERIE_OK; ++i) {
    r[0].i64 = 0;
    const ee_vm_value_t arguments[] = {vi32(calls[i].number), vref(b)};
    status = test_call(f->program, calls[i].name, arguments, r, &f->err);
    if (strncmp(calls[i].name, "list_", 5) == 0) ee_object_release(r[0].ref);
  }
  if (status == EERIE_OK) {
    const ee_vm_value_t arguments[] = {vref(b), vi64(1), vi64(5), vi32(16)};
    status = test_call(f->program, "buffer_clone", arguments, r, &f->err);
    ee_object_release(r[0].ref);
  }
  if (status == EERIE_OK) {
    const ee_vm_value_t arguments[] = {vi64(100), vi32(64)};
    status = test_call(f->program, "buffer_alloc", arguments, r, &f->err);
    ee_object_release(r[0].ref);
  }
  CHECK(is_alone(b));
  ee_object_release(&b->object);
  return status;
}

static void allocation_faults(void) {
  SET_UP_MODULES();
  const size_t bytes = f.memory.live_bytes, blocks = f.memory.live_blocks;
  eerie_status_t status = EERIE_INTERNAL;
  size_t n = 0, refused = 0;
  do {
    f.memory.count = 0;
    f.memory.fail_at = ++n;
    status = run_all(&f);
    // What would only make loops quicker is done without.
    if (status != EERIE_OK) refused += CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
    ee_vm_program_destroy(f.program);
    f.program = NULL;
    CHECK_EQ_INT(f.memory.live_bytes, bytes);
    CHECK_EQ_INT(f.memory.live_blocks, blocks);
  } while (f.memory.count >= n && n < 1000);
  f.memory.fail_at = 0;
  CHECK_OK(status);
  printf("%zu allocations failed one at a time, and %zu calls with them\n", n - 1, refused);
  CHECK(refused > 15);
  tear_down(&f);
}

// ---- Threads -----------------------------------------------------------------------------------

static void *system_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user, (void)old_size;
  if (new_size != 0) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

typedef struct thread_job {
  ee_heap_t *heap;
  ee_vm_module_ref_t refs[3];
  ee_vm_program_t *shared;
  bool agreed;
  int busy; // times that the shared program was taken
} thread_job_t;

static void *thread_main(void *argument) {
  thread_job_t *job = argument;
  job->agreed = false;
  ee_vm_program_t *program;
  const ee_vm_program_options_t options = {.modules = job->refs, .module_count = 3};
  if (ee_vm_program_create(job->heap, &options, &program, NULL) != EERIE_OK) return NULL;
  bool agreed = true;
  eerie_error_t err;
  for (int i = 0; i < 200; ++i) {
    ee_vm_value_t r[1] = {{0}};
    const ee_vm_value_t twelve = vi32(12), nothing = vi32(0);
    agreed = agreed &&
             test_call(program, "imports.fibonacci_there", &twelve, r, &err) == EERIE_OK &&
             r[0].i32 == 144;
    agreed = agreed && test_call(program, "rodata_bytes", &nothing, r, &err) == EERIE_OK &&
             ee_vm_buffer_cast(r[0].ref)->size == 11;
    ee_object_release(r[0].ref);
    const eerie_status_t status = test_call(job->shared, "fibonacci", &twelve, r, &err);
    if (status == EERIE_UNAVAILABLE) {
      ++job->busy;
    } else {
      agreed = agreed && status == EERIE_OK && r[0].i32 == 144;
    }
  }
  ee_vm_program_destroy(program);
  job->agreed = agreed;
  return NULL;
}

// Each thread has its own program over the same modules; one more is shared, and says when it is
// busy.
static void threads_share_modules(void) {
  SET_UP_MODULES();
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){system_reallocate, NULL}, 0);
  // Modules from the heap that all threads may use.
  ee_module_t *modules[2];
  for (int i = 0; i < 2; ++i) {
    const ee_module_load_options_t options = {.trusted = true};
    REQUIRE_OK(ee_module_load(&heap, f.modules[i]->bytes, &options, &modules[i], &f.err));
  }
  const ee_vm_module_ref_t refs[] = {
      {.native = &host_module}, {.module = modules[0]}, {.module = modules[1]}};
  const ee_vm_program_options_t options = {.modules = refs, .module_count = 3};
  ee_vm_program_t *shared;
  REQUIRE_OK(ee_vm_program_create(&heap, &options, &shared, &f.err));
  thread_job_t jobs[4] = {{0}};
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    jobs[i] = (thread_job_t){.heap = &heap, .shared = shared};
    memcpy(jobs[i].refs, refs, sizeof refs);
    REQUIRE(pthread_create(&threads[i], NULL, thread_main, &jobs[i]) == 0);
  }
  int busy = 0;
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(jobs[i].agreed);
    busy += jobs[i].busy;
  }
  printf("the shared program was busy %d of 800 times\n", busy);
  ee_vm_program_destroy(shared);
  ee_module_release(modules[0]);
  ee_module_release(modules[1]);
  CHECK_EQ_INT(heap.current, 0);
  tear_down(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(native_calls),
      RUN(calls_between_modules),
      RUN(native_functions_that_wait),
      RUN(native_function_that_calls_back),
      RUN(refused_programs),
      RUN(initialisers),
      RUN(allocation_faults),
      RUN(threads_share_modules),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
