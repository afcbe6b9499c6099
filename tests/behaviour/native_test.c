// Functions in C that modules call: what they get and give, what linking refuses and says, objects,
// fences, calls inside of calls, sinks. What must come out is worked out by hand.
#include "behaviour/native_host.h"

// ---- Programs ----------------------------------------------------------------------------------

static bool open_native_with(setup_t *s, const eerie_native_module_t *module,
                             const eerie_instance_options_t *options) {
  const eerie_native_module_t *const natives[] = {module};
  return open_setup_with(s, "native", options,
                         (eerie_program_options_t){.natives = natives, .native_count = 1});
}

// Another program on the same device.
static eerie_program_t *second_program(const setup_t *s, const char *name,
                                       const eerie_native_module_t *native) {
  eerie_error_t err = {0};
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  if (!fine(eerie_module_load_file(s->instance, module_path(name), NULL, &module, &err), &err))
    return NULL;
  const eerie_program_options_t options = {
      .module = module, .device = s->device, .natives = &native, .native_count = native != NULL};
  fine(eerie_program_create(s->instance, &options, &program, &err), &err);
  eerie_module_release(module);
  return program;
}

static bool open_native(setup_t *s, host_t *host) {
  static eerie_native_module_t module; // lives as long as the program
  fill_host(host);
  module = module_of(host);
  return open_native_with(s, &module, NULL);
}

// ---- Tensors -----------------------------------------------------------------------------------

static void tensors_go_in_and_out(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  const int32_t keys[5] = {3, 0, 15, 3, 8};
  eerie_value_t in[2] = {tensor_value(vector(&s, EERIE_I32, 5, keys)),
                         {.kind = EERIE_KIND_I32, .as.i32 = 16}};
  eerie_value_t out;
  if (fine(eerie_call(function_of(&s, "lookup"), in, 2, &out, 1, &err), &err)) {
    const float expected[5] = {1.5f, 0, 7.5f, 1.5f, 4};
    CHECK_EQ_INT(eerie_tensor_count(out.as.tensor), 5);
    CHECK_BYTES(eerie_tensor_data(out.as.tensor), expected, sizeof expected);
    eerie_value_release(&out);
  }
  eerie_value_release(&in[0]);

  eerie_tensor_t *two[2] = {vector(&s, EERIE_F32, 4, one_to_four), vector(&s, EERIE_F32, 4, tens)};
  eerie_tensor_t *results[2] = {NULL, NULL};
  if (fine(eerie_call_tensors(function_of(&s, "divide"), two, 2, results, 2, &err), &err)) {
    for (size_t i = 0; i < 4; ++i) {
      CHECK_NEAR(float_at(results[0], i), 11 * (double)one_to_four[i], 1e-5);
      CHECK_NEAR(float_at(results[1], i), (double)tens[i], 0);
    }
    eerie_tensor_release(results[0]);
    eerie_tensor_release(results[1]);
  }
  if (fine(eerie_call_tensors(function_of(&s, "pure"), two, 1, results, 1, &err), &err)) {
    CHECK_BYTES(eerie_tensor_data(results[0]), one_to_four, sizeof one_to_four);
    eerie_tensor_release(results[0]);
  }
  if (fine(eerie_call_tensors(function_of(&s, "same"), two, 1, results, 1, &err), &err)) {
    for (size_t i = 0; i < 4; ++i)
      CHECK_NEAR(float_at(results[0], i), 2 * (double)one_to_four[i], 0);
    eerie_tensor_release(results[0]);
  }
  eerie_tensor_release(two[0]);
  eerie_tensor_release(two[1]);

  const double six[6] = {1, 2, 3, 4, 5, 0.5};
  const int64_t shape[2] = {2, 3};
  eerie_tensor_t *square = NULL;
  REQUIRE_OK(eerie_tensor_create(s.device, EERIE_F64, 2, shape, six, &square, &err));
  if (fine(eerie_call_tensors(function_of(&s, "matrix"), &square, 1, results, 1, &err), &err)) {
    CHECK_EQ_INT(eerie_tensor_rank(results[0]), 0);
    CHECK_NEAR(*(const double *)eerie_tensor_data(results[0]), 15.5, 0);
    eerie_tensor_release(results[0]);
  }
  eerie_tensor_release(square);
  CHECK_EQ_INT(host.calls, 6); // `start` with the initialiser
  close_setup(&s);
}

static void empty_tensors_pass(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  eerie_value_t in[2] = {tensor_value(vector(&s, EERIE_I32, 0, NULL)), {.kind = EERIE_KIND_I32}};
  eerie_value_t out;
  if (fine(eerie_call(function_of(&s, "lookup"), in, 2, &out, 1, &err), &err)) {
    CHECK_EQ_INT(eerie_tensor_count(out.as.tensor), 0);
    eerie_value_release(&out);
  }
  eerie_value_release(&in[0]);
  close_setup(&s);
}

static void more_values_than_fit_on_the_stack(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four);
  const eerie_value_t in[5] = {tensor_value(x),
                               {.kind = EERIE_KIND_I32, .as.i32 = -7},
                               {.kind = EERIE_KIND_I64, .as.i64 = INT64_MIN},
                               {.kind = EERIE_KIND_F32, .as.f32 = 0.25f},
                               {.kind = EERIE_KIND_F64, .as.f64 = 1e300}};
  eerie_value_t out[8];
  if (fine(eerie_call(function_of(&s, "many"), in, 5, out, 8, &err), &err)) {
    CHECK_NEAR(float_at(out[0].as.tensor, 1), 8, 0);
    CHECK(out[1].as.i64 == INT64_MIN && out[5].as.i64 == INT64_MIN);
    CHECK(out[2].as.f64 == 1e300 && out[7].as.f64 == 1e300);
    CHECK_EQ_INT(out[3].as.i32, -7);
    CHECK_NEAR((double)out[4].as.f32, 0.25, 0);
    CHECK_NEAR(float_at(out[6].as.tensor, 1), 2, 0);
    for (size_t i = 0; i < 8; ++i)
      eerie_value_release(&out[i]);
  }
  eerie_tensor_release(x);
  close_setup(&s);
}

// ---- Scalars, bytes, lists ---------------------------------------------------------------------

static void scalars_bytes_and_lists(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  const eerie_value_t in[5] = {{.kind = EERIE_KIND_I32, .as.i32 = -5},
                               {.kind = EERIE_KIND_I32, .as.i32 = 300},
                               {.kind = EERIE_KIND_I32, .as.i32 = 1},
                               {.kind = EERIE_KIND_F64, .as.f64 = 0.1},
                               {.kind = EERIE_KIND_I64, .as.i64 = INT64_C(1) << 40}};
  eerie_value_t out[2];
  if (fine(eerie_call(function_of(&s, "small"), in, 5, out, 2, &err), &err)) {
    CHECK_EQ_INT(out[0].as.i32, 1);
    CHECK_NEAR((double)out[1].as.f32, 2.5, 0);
  }
  eerie_value_t args[2] = {{.kind = EERIE_KIND_BUFFER}, {.kind = EERIE_KIND_LIST}};
  REQUIRE_OK(eerie_buffer_create(s.instance, "ab", 2, &args[0].as.buffer, &err));
  REQUIRE_OK(eerie_list_create(s.instance, 3, &args[1].as.list, &err));
  REQUIRE_OK(eerie_list_set(args[1].as.list, 0, in[1], &err));
  REQUIRE_OK(eerie_list_set(args[1].as.list, 2, args[0], &err));
  if (fine(eerie_call(function_of(&s, "bytes"), args, 2, out, 1, &err), &err)) {
    CHECK_EQ_INT(eerie_buffer_size(out[0].as.buffer), 6);
    CHECK_BYTES(eerie_buffer_data(out[0].as.buffer), "ababab", 6);
    eerie_value_release(&out[0]);
  }
  if (fine(eerie_call(function_of(&s, "list"), &args[1], 1, out, 1, &err), &err)) {
    eerie_value_t item;
    CHECK_OK(eerie_list_get(out[0].as.list, 0, &item, &err));
    CHECK_EQ_INT(item.kind, EERIE_KIND_BUFFER);
    eerie_value_release(&item);
    CHECK_OK(eerie_list_get(out[0].as.list, 2, &item, &err));
    CHECK_EQ_INT(item.as.i32, 300);
    eerie_value_release(&out[0]);
  }
  // Null references both ways.
  const eerie_value_t nothing[2] = {args[0], {.kind = EERIE_KIND_NONE}};
  if (fine(eerie_call(function_of(&s, "bytes"), nothing, 2, out, 1, &err), &err))
    CHECK_EQ_INT(out[0].kind, EERIE_KIND_NONE);
  eerie_value_release(&args[0]);
  eerie_value_release(&args[1]);
  close_setup(&s);
}

static void initialisers_call_the_host(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  CHECK_EQ_INT(host.starts, 1);
  // A second program of the same module has state of its own, and the host in common.
  const eerie_native_module_t module = module_of(&host), *natives[] = {&module};
  const eerie_program_options_t options = {
      .module = s.module, .device = s.device, .natives = natives, .native_count = 1};
  eerie_program_t *second = NULL;
  REQUIRE_OK(eerie_program_create(s.instance, &options, &second, &err));
  eerie_program_t *const programs[2] = {s.program, second};
  for (int i = 0; i < 2; ++i) {
    eerie_function_t *function = NULL;
    eerie_value_t out;
    REQUIRE_OK(eerie_program_find(programs[i], "start_count", &function, &err));
    CHECK_OK(eerie_call(function, NULL, 0, &out, 1, &err));
    CHECK_EQ_INT(out.as.i32, i + 1);
  }
  eerie_program_release(second);
  close_setup(&s);
}

// ---- Sinks and callbacks -----------------------------------------------------------------------

static void a_loop_streams_to_a_sink(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  eerie_value_t n = {.kind = EERIE_KIND_I64, .as.i64 = 20};
  CHECK_OK(eerie_call(function_of(&s, "stream"), &n, 1, NULL, 0, &err));
  CHECK_EQ_INT(host.sunk, 20);
  for (size_t i = 0; i < 20; ++i)
    CHECK_NEAR((double)host.values[i], (double)(i * i), 0);
  CHECK_EQ_INT(host.last_index, 19);
  // The sink ends the loop: it has room for 44 more.
  n.as.i64 = 1000;
  CHECK_STATUS(eerie_call(function_of(&s, "stream"), &n, 1, NULL, 0, &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(err.message, "stream+");
  CHECK_CONTAINS(err.message, ": host.sink: full after 64");
  CHECK_EQ_INT(host.last_index, 44);
  close_setup(&s);
}

static void a_loop_streams_tensors(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  const eerie_value_t in[2] = {tensor_value(vector(&s, EERIE_F32, 4, one_to_four)),
                               {.kind = EERIE_KIND_I64, .as.i64 = 10}};
  eerie_value_t out;
  if (fine(eerie_call(function_of(&s, "stream_tensors"), in, 2, &out, 1, &err), &err)) {
    CHECK_EQ_INT(host.sunk, 10);
    for (size_t i = 0; i < 10; ++i)
      CHECK_NEAR((double)host.values[i], 3.0 * (1 << i), 0);
    CHECK_NEAR(float_at(out.as.tensor, 2), 3 * 1024, 0);
    // What a sink retained stays as it was when the model has gone on.
    CHECK_NEAR(float_at(host.kept, 2), 3 * 512, 0);
    eerie_value_release(&out);
  }
  eerie_value_release(&(eerie_value_t){in[0].kind, {.tensor = in[0].as.tensor}});
  close_setup(&s);
  CHECK_NEAR(float_at(host.kept, 2), 3 * 512, 0);
  eerie_tensor_release(host.kept);
}

static void a_source_feeds_a_loop(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  const int32_t queue[8] = {5, 7, 0, 100, -1, 3, 4, -1};
  memcpy(host.queue, queue, sizeof queue);
  eerie_value_t out;
  CHECK_OK(eerie_call(function_of(&s, "drain"), NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 112);
  CHECK_OK(eerie_call(function_of(&s, "drain"), NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 7);
  close_setup(&s);
}

// ---- What linking refuses ----------------------------------------------------------------------

// Tries to make a program of golden module `name`; the message must contain both texts.
static void refuse(const char *name, const eerie_native_module_t *const *natives, size_t count,
                   eerie_status_t expected, const char *text, const char *more) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  REQUIRE_OK(eerie_module_load_file(instance, module_path(name), NULL, &module, &err));
  const eerie_program_options_t options = {
      .module = module, .natives = natives, .native_count = count};
  CHECK_STATUS(eerie_program_create(instance, &options, &program, &err), expected);
  CHECK(program == NULL);
  CHECK_EQ_INT(err.code, expected);
  CHECK_CONTAINS(err.message, text);
  CHECK_CONTAINS(err.message, more);
  eerie_module_release(module);
  size_t current = 0, peak = 0;
  eerie_instance_memory(instance, &current, &peak);
  CHECK(current < 1000); // nothing but the instance
  eerie_instance_release(instance);
}

// A copy of the functions with one entry changed.
typedef struct changed {
  eerie_native_function_t functions[FUNCTIONS];
  eerie_native_module_t module;
} changed_t;

static const eerie_native_module_t *change(changed_t *c, host_t *host, const char *name,
                                           const char *signature, eerie_native_fn_t function) {
  fill_host(host);
  c->module = module_of(host);
  c->module.functions = c->functions;
  memcpy(c->functions, functions, sizeof functions);
  for (size_t i = 0; i < FUNCTIONS; ++i) {
    if (strcmp(functions[i].name, name) != 0) continue;
    if (signature) c->functions[i].signature = signature;
    if (function) c->functions[i].function = function;
  }
  return &c->module;
}

static void imports_that_nobody_provides(void) {
  host_t host;
  fill_host(&host);
  refuse("native", NULL, 0, EERIE_NOT_FOUND, "'host.", "module 'native'");
  eerie_native_module_t few = module_of(&host), other = few;
  const eerie_native_module_t *natives[2] = {&few, &other};
  few.function_count = 2;
  refuse("native", natives, 1, EERIE_NOT_FOUND,
         "module 'native' imports 'host.pure' as (ref) -> (ref), which native module 'host' lacks",
         "it has: lookup, divide");
  few.function_count = 0;
  refuse("native", natives, 1, EERIE_NOT_FOUND, "'host.lookup'", "it has: nothing");
  other.name = "guest";
  refuse("native", &natives[1], 1, EERIE_NOT_FOUND, "'host.", "no linked module provides");
}

static void signatures_that_differ(void) {
  static const struct {
    const char *name, *signature, *text, *more;
  } cases[] = {
      {"lookup", "(tensor<?xi32>, i64) -> tensor<?xf32>",
       "module 'native' imports 'host.lookup' as (ref, i32) -> (ref)",
       "native module 'host' offers it as (tensor<?xi32>, i64) -> tensor<?xf32>"},
      {"lookup", "(tensor<?xi32>) -> tensor<?xf32>", "'host.lookup'", "(ref, i32) -> (ref)"},
      {"sink", "(index, f32) -> i32", "'host.sink' as (i64, f32) -> ()", "(index, f32) -> i32"},
      {"small", "(i32, i32, i32, f64, i64) -> (i32, f64)", "'host.small'", "(i32, f32)"},
      {"start", "()", "'host.start' as () -> (i32)", "offers it as ()"},
      // Optional ones must fit too when they are there.
      {"string.forward", "(!custom.string)", "'host.string.forward'", "offers it as"},
  };
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    host_t host;
    changed_t c;
    const eerie_native_module_t *natives[] = {
        change(&c, &host, cases[i].name, cases[i].signature, NULL)};
    refuse("native", natives, 1, EERIE_INVALID_ARGUMENT, cases[i].text, cases[i].more);
  }
}

static void signatures_that_cannot_be_read(void) {
  static const struct {
    const char *signature, *text;
  } cases[] = {
      {"", "expected '(' at character 1 of the signature ''"},
      {"tensor<?xf32>", "expected '(' at character 1"},
      {"(f32", "expected ',' or ')' at character 5"},
      {"(f32,)", "expected a known type at character 6"},
      {"(f32,, f32)", "expected a known type at character 6"},
      {"(f32) f32", "expected the end at character 7"},
      {"(f32) -> ", "expected a known type at character 10"},
      {"(f32) -> f32, f32", "expected the end at character 13"},
      {"(f32) -> (f32", "expected ',' or ')' at character 14"},
      {"(f32) -> (f32) ->", "expected the end at character 16"},
      {"(i33) -> f32", "expected a known type at character 2"},
      {"(i0) -> f32", "expected a known type at character 2"},
      {"(i) -> f32", "expected a known type at character 2"},
      {"(i99999999999999999999)", "expected a known type at character 2"},
      {"(i3x2)", "expected a known type at character 2"},
      {"(f16) -> f32", "expected a known type at character 2"},
      {"(f32, float)", "expected a known type at character 7"},
      {"(tensor<4xf32)", "expected a known type at character 2"},
      {"(!custom.strings)", "expected a known type at character 2"},
      {"(!)", "expected a known type at character 2"},
      {"(%x: )", "expected a known type at character 2"},
      {"(%x)", "expected a known type at character 2"},
      {"(tensor<4xf33>)", "'tensor<4xf33>' is no tensor of a known element type"},
      {"(tensor<*xf32>)", "'tensor<*xf32>' is no tensor"},
      {"(tensor<>)", "'tensor<>' is no tensor"},
      {"(f32) -> tensor<99999999999999999999xf32>", "is no tensor of a known element type"},
      {"async f32", "expected '(' at character 7"},
      {"(\"", "expected a known type at character 2"},
      {"(((((((((", "expected a known type at character 2"},
      {"(tensor<<<<<<<)", "expected a known type at character 2"},
  };
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    host_t host;
    changed_t c;
    const eerie_native_module_t *natives[] = {
        change(&c, &host, "unused", cases[i].signature, NULL)};
    refuse("native", natives, 1, EERIE_INVALID_ARGUMENT,
           "native function 'host.unused': ", cases[i].text);
  }
}

static void signatures_that_can_be_read(void) {
  static const char *const texts[] = {
      "()",
      "( )",
      "() -> ()",
      "()->()",
      " ( f32 , i64 ) -> ( f32 ) ",
      "async()",
      "async () -> i1",
      "(%a: tensor<?x?xcomplex<f32>>, %b: tensor<0xi1>, si8, ui64, index) -> tensor<bf16>",
      "(tensor<4xf32, #encoding<(1, 2)>>) -> !hal.buffer",
      "(!vm.list<i32>, !hal.fence)",
      "(tensor<1x2x3x4x5x6x7x8xf8E4M3FN>)",
      "(tensor<4xi4>) -> (tensor)",
  };
  for (size_t i = 0; i < LENGTH(texts); ++i) {
    setup_t s;
    host_t host;
    changed_t c;
    if (CHECK(open_native_with(&s, change(&c, &host, "unused", texts[i], NULL), NULL)))
      close_setup(&s);
    else
      fprintf(stderr, "%s\n", texts[i]);
  }
}

static void names_that_are_taken(void) {
  host_t host;
  fill_host(&host);
  eerie_native_module_t a = module_of(&host), b = a;
  const eerie_native_module_t *natives[2] = {&a, &b};
  refuse("native", natives, 2, EERIE_ALREADY_EXISTS, "two native modules", "'host'");
  b.name = "hal";
  refuse("native", natives, 2, EERIE_ALREADY_EXISTS, "'hal'", "one of Eerie's");
  b.name = "vmvx"; // though no module of this program wants it
  refuse("native", natives, 2, EERIE_ALREADY_EXISTS, "'vmvx'", "one of Eerie's");
  b.name = "native";
  refuse("native", natives, 2, EERIE_ALREADY_EXISTS, "a native module and a compiled one",
         "'native'");
  b.name = "";
  refuse("native", natives, 2, EERIE_INVALID_ARGUMENT, "native module 1", "no name");
  b.name = NULL;
  refuse("native", natives, 2, EERIE_INVALID_ARGUMENT, "native module 1", "no name");
  b.name = "host.string";
  refuse("native", natives, 2, EERIE_INVALID_ARGUMENT, "'host.string'", "dot");
  natives[1] = NULL;
  refuse("native", natives, 2, EERIE_INVALID_ARGUMENT, "native module 1", "NULL");

  changed_t c;
  natives[0] = change(&c, &host, "unused", NULL, NULL);
  c.functions[FUNCTIONS - 1].name = "lookup";
  refuse("native", natives, 1, EERIE_ALREADY_EXISTS, "two functions", "'lookup'");
  c.functions[FUNCTIONS - 1].name = NULL;
  refuse("native", natives, 1, EERIE_INVALID_ARGUMENT, "function 20 of native module 'host'", "");
  natives[0] = change(&c, &host, "unused", NULL, NULL);
  c.functions[FUNCTIONS - 1].function = NULL;
  refuse("native", natives, 1, EERIE_INVALID_ARGUMENT, "function 20 of native module 'host'", "");
  natives[0] = change(&c, &host, "unused", NULL, NULL);
  c.functions[FUNCTIONS - 1].signature = NULL;
  refuse("native", natives, 1, EERIE_INVALID_ARGUMENT, "function 20 of native module 'host'", "");
}

static void types_that_are_taken(void) {
  static const eerie_native_type_t twice[] = {{"custom.string", NULL}, {"custom.string", NULL}};
  static const eerie_native_type_t taken[] = {{"hal.buffer_view", NULL}, {"vm.list", NULL}};
  static const eerie_native_type_t nameless[] = {{NULL, NULL}};
  host_t host;
  fill_host(&host);
  eerie_native_module_t a = module_of(&host), b = {"types", .types = twice, .type_count = 1};
  const eerie_native_module_t *natives[2] = {&a, &b};
  refuse("native", natives, 2, EERIE_ALREADY_EXISTS, "'types'", "'custom.string'");
  refuse("native", &natives[1], 1, EERIE_NOT_FOUND, "'host.", "no linked module");
  b.type_count = 2;
  refuse("native", &natives[1], 1, EERIE_ALREADY_EXISTS, "'types'", "'custom.string'");
  b.types = taken;
  refuse("native", &natives[1], 1, EERIE_ALREADY_EXISTS, "'types'", "'hal.buffer_view'");
  b.types = taken + 1;
  b.type_count = 1;
  refuse("native", &natives[1], 1, EERIE_ALREADY_EXISTS, "'types'", "'vm.list'");
  b.types = nameless;
  refuse("native", &natives[1], 1, EERIE_INVALID_ARGUMENT, "type 0", "'types'");
  a.type_count = 0;
  refuse("native", natives, 1, EERIE_INVALID_ARGUMENT, "'host.string.create'",
         "a known type at character 19");
}

// ---- What calls refuse -------------------------------------------------------------------------

// What `badly` puts into its output.
static eerie_value_t bad_output;
static eerie_status_t bad_status;

static eerie_status_t badly(eerie_native_call_t *call) {
  host_of(call);
  if (call->output_count > 0) call->outputs[0] = bad_output;
  eerie_value_retain(&bad_output);
  return bad_status;
}

// Calls `same` with four floats and expects its failure.
static void fail_same(const eerie_native_module_t *module, eerie_status_t expected,
                      const char *text) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_native_with(&s, module, NULL));
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four), *out = NULL;
  CHECK_STATUS(eerie_call_tensors(function_of(&s, "same"), &x, 1, &out, 1, &err), expected);
  CHECK_EQ_INT(err.code, expected);
  CHECK(out == NULL);
  CHECK_CONTAINS(err.message, "host.same: ");
  CHECK_CONTAINS(err.message, text);
  // And with nobody to tell.
  CHECK_STATUS(eerie_call_tensors(function_of(&s, "same"), &x, 1, &out, 1, NULL), expected);
  eerie_tensor_release(x);
  close_setup(&s);
}

static void tensors_that_do_not_fit(void) {
  static const struct {
    const char *signature, *text;
  } cases[] = {
      {"(tensor<3xf32>) -> tensor", "input 0 expects tensor<3xf32>: dimension 0 is 4, expected 3"},
      {"(%rows: tensor<?x?xf32>) -> tensor",
       "input 0 'rows' expects tensor<?x?xf32>: got rank 1, expected 2"},
      {"(tensor<4xf64>) -> tensor", "input 0 expects tensor<4xf64>: got dtype f32"},
      {"(!util.buffer) -> tensor", "input 0 expects !util.buffer: got a tensor"},
      {"(!custom.string) -> tensor", "input 0 expects !custom.string, got an object of another"},
      {"(tensor) -> tensor<5xf32>", "output 0 expects tensor<5xf32>: dimension 0 is 4, expected 5"},
      {"(tensor) -> tensor<f32>", "output 0 expects tensor<f32>: got rank 1, expected 0"},
      {"(tensor) -> (%y: tensor<4xi32>)", "output 0 'y' expects tensor<4xi32>: got dtype f32"},
      {"(tensor) -> !util.list<?>", "output 0 expects !util.list<?>: got a tensor"},
      {"(tensor) -> !custom.string", "output 0 expects !custom.string, got an object of another"},
  };
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    host_t host;
    changed_t c;
    fail_same(change(&c, &host, "same", cases[i].signature, NULL), EERIE_INVALID_ARGUMENT,
              cases[i].text);
  }
}

static void outputs_that_are_wrong(void) {
  host_t host;
  changed_t c;
  eerie_error_t err = {0};
  bad_status = EERIE_OK;
  bad_output = (eerie_value_t){.kind = EERIE_KIND_NONE};
  fail_same(change(&c, &host, "same", "(tensor) -> tensor<4xf32>", badly), EERIE_INVALID_ARGUMENT,
            "output 0 expects tensor<4xf32>: got nothing");
  bad_output = (eerie_value_t){.kind = EERIE_KIND_F32, .as.f32 = 1};
  fail_same(change(&c, &host, "same", "(tensor) -> tensor", badly), EERIE_INVALID_ARGUMENT,
            "output 0 expects tensor: got an f32");
  bad_output = (eerie_value_t){.kind = (eerie_kind_t)99};
  fail_same(change(&c, &host, "same", NULL, badly), EERIE_INVALID_ARGUMENT,
            "output 0 expects tensor: got an unknown kind");
  eerie_instance_t *instance = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  bad_output = (eerie_value_t){.kind = EERIE_KIND_BUFFER};
  REQUIRE_OK(eerie_buffer_create(instance, "x", 1, &bad_output.as.buffer, &err));
  fail_same(change(&c, &host, "same", NULL, badly), EERIE_INVALID_ARGUMENT,
            "output 0 expects tensor: got bytes");
  // It was given two references by two calls, and both are gone: the third is ours.
  eerie_value_release(&bad_output);
  size_t current = 0, peak = 0;
  eerie_instance_memory(instance, &current, &peak);
  CHECK(current < 1000);
  eerie_instance_release(instance);
}

static void statuses_of_all_kinds(void) {
  host_t host;
  changed_t c;
  bad_output = (eerie_value_t){.kind = EERIE_KIND_NONE};
  bad_status = EERIE_UNAUTHENTICATED;
  fail_same(change(&c, &host, "same", NULL, badly), EERIE_UNAUTHENTICATED,
            "failed with UNAUTHENTICATED");
  bad_status = (eerie_status_t)77;
  fail_same(change(&c, &host, "same", NULL, badly), EERIE_UNKNOWN, "failed with UNKNOWN");
  bad_status = (eerie_status_t)-1;
  fail_same(change(&c, &host, "same", NULL, badly), EERIE_UNKNOWN, "failed with UNKNOWN");
}

static eerie_status_t recovers(eerie_native_call_t *call) {
  // What failed on the way does not count when the function says that it is well.
  CHECK_STATUS(eerie_native_fail(call, EERIE_ABORTED, "never mind"), EERIE_ABORTED);
  return same(call);
}

static eerie_status_t misuses(eerie_native_call_t *call) {
  eerie_value_t object;
  static const eerie_native_type_t foreign = {"custom.string", NULL};
  CHECK_STATUS(eerie_native_output_tensor(call, 1, EERIE_F32, 0, NULL, NULL, NULL),
               EERIE_OUT_OF_RANGE);
  CHECK_STATUS(eerie_native_output_tensor(call, 0, EERIE_F32, 1, (int64_t[]){-1}, NULL, NULL),
               EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(eerie_native_object_create(call, &foreign, NULL, &object), EERIE_INVALID_ARGUMENT);
  CHECK_EQ_INT(object.kind, EERIE_KIND_NONE);
  CHECK(eerie_native_object_data(&call->inputs[0], &types[0]) == NULL);
  CHECK(eerie_native_object_data(&object, &types[0]) == NULL);
  CHECK_STATUS(eerie_native_fail(call, EERIE_OK, "x"), EERIE_UNKNOWN);
  CHECK_STATUS(eerie_native_fail(call, EERIE_DEFERRED, "x"), EERIE_UNKNOWN);
  // An output that is set twice.
  CHECK_OK(eerie_native_output_tensor(call, 0, EERIE_F32, 0, NULL, NULL, NULL));
  CHECK_OK(eerie_native_output_tensor(call, 0, EERIE_F32, 0, NULL, NULL, NULL));
  return eerie_native_fail(call, EERIE_DATA_LOSS, "%s %zu %lld %x %c %.*s\n%%", "text", (size_t)7,
                           -1LL, 255u, 'c', 2, "xyz");
}

static void messages_of_the_host(void) {
  setup_t s;
  host_t host;
  changed_t c;
  eerie_error_t err = {0};
  fail_same(change(&c, &host, "same", NULL, misuses), EERIE_DATA_LOSS, "text 7 -1 ff c xy %");
  REQUIRE(open_native_with(&s, change(&c, &host, "same", NULL, recovers), NULL));
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four), *out = NULL;
  err.line = 12345;
  CHECK_OK(eerie_call_tensors(function_of(&s, "same"), &x, 1, &out, 1, &err));
  CHECK_EQ_INT(err.line, 12345); // success leaves the record alone
  CHECK_EQ_INT(err.code, EERIE_OK);
  eerie_tensor_release(out);
  // The output that `lookup` had set is released.
  size_t before = 0, after = 0, peak = 0;
  const int32_t keys[2] = {1, 9};
  const eerie_value_t in[2] = {tensor_value(vector(&s, EERIE_I32, 2, keys)),
                               {.kind = EERIE_KIND_I32, .as.i32 = 5}};
  eerie_value_t value;
  for (int i = 0; i < 3; ++i) {
    CHECK_STATUS(eerie_call(function_of(&s, "lookup"), in, 2, &value, 1, &err), EERIE_NOT_FOUND);
    CHECK_CONTAINS(err.message, "host.lookup: no key 9 among 16");
    CHECK_EQ_INT(value.kind, EERIE_KIND_NONE);
    eerie_instance_memory(s.instance, i ? &after : &before, &peak);
  }
  CHECK_EQ_INT(after, before);
  eerie_tensor_release(in[0].as.tensor);
  eerie_tensor_release(x);
  close_setup(&s);
}

// ---- Calls inside of calls ---------------------------------------------------------------------

static void a_function_calls_programs(void) {
  setup_t s;
  host_t host, second;
  changed_t c;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  eerie_program_t *other = second_program(&s, "mul", NULL);
  eerie_function_t *mul = NULL;
  REQUIRE_OK(eerie_program_find(other, "mul", &mul, &err));
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four), *out = NULL;
  for (int i = 0; i < 3; ++i) {
    host.inner = mul;
    if (fine(eerie_call_tensors(function_of(&s, "nested"), &x, 1, &out, 1, &err), &err)) {
      for (size_t j = 0; j < 4; ++j)
        CHECK_NEAR(float_at(out, j), (double)one_to_four[j] * (double)one_to_four[j], 0);
      eerie_tensor_release(out);
    }
    // The program that calls is busy, and goes on to work.
    host.inner = function_of(&s, "pure");
    CHECK_STATUS(eerie_call_tensors(function_of(&s, "nested"), &x, 1, &out, 1, &err),
                 EERIE_UNAVAILABLE);
    CHECK_CONTAINS(err.message, "host.nested: the program is in the middle of another call");
  }
  // What the inner call says is what the outer one says.
  eerie_program_t *third = second_program(&s, "native", change(&c, &second, "same", NULL, nested));
  eerie_tensor_t *three = vector(&s, EERIE_F32, 3, one_to_four);
  eerie_function_t *through = NULL;
  second.inner = mul;
  REQUIRE_OK(eerie_program_find(third, "same", &through, &err));
  CHECK_STATUS(eerie_call_tensors(through, &three, 1, &out, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "host.same: mul: input 0 'input0' expects tensor<4xf32>: dimension");
  eerie_tensor_release(three);
  eerie_tensor_release(x);
  eerie_program_release(third);
  eerie_program_release(other);
  close_setup(&s);
}

// ---- Objects -----------------------------------------------------------------------------------

static eerie_value_t bytes_value(const setup_t *s, const char *text) {
  eerie_error_t err = {0};
  eerie_value_t value = {.kind = EERIE_KIND_BUFFER};
  fine(eerie_buffer_create(s->instance, text, strlen(text), &value.as.buffer, &err), &err);
  return value;
}

static void objects_belong_to_the_host(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  eerie_value_t hello = bytes_value(&s, "hello"), length;
  CHECK_OK(eerie_call(function_of(&s, "length_of"), &hello, 1, &length, 1, &err));
  CHECK_EQ_INT(length.as.i64, 5);
  CHECK_EQ_INT(host.live_strings, 0);
  eerie_value_t made, joined[2];
  CHECK_OK(eerie_call(function_of(&s, "make"), &hello, 1, &made, 1, &err));
  CHECK_EQ_INT(made.kind, EERIE_KIND_OTHER);
  CHECK_STR(eerie_value_type_name(&made), "custom.string");
  CHECK_EQ_INT(host.live_strings, 1);
  const string_t *string = eerie_native_object_data(&made, &types[0]);
  REQUIRE(string != NULL);
  CHECK_BYTES(string->text, "hello", 5);
  const eerie_value_t two[2] = {made, made};
  CHECK_OK(eerie_call(function_of(&s, "join"), two, 2, joined, 2, &err));
  CHECK_EQ_INT(joined[1].as.i64, 10);
  CHECK_EQ_INT(host.live_strings, 2);
  // Something else where a string is wanted, and nothing.
  const eerie_value_t wrong[2] = {made, hello}, none[2] = {made, {.kind = EERIE_KIND_NONE}};
  eerie_value_t out[2];
  CHECK(eerie_call(function_of(&s, "join"), wrong, 2, out, 2, &err) != EERIE_OK);
  (void)none;
  // Objects outlive the program, the device and the instance.
  eerie_value_release(&hello);
  close_setup(&s);
  CHECK_EQ_INT(host.live_strings, 2);
  string = eerie_native_object_data(&joined[0], &types[0]);
  REQUIRE(string != NULL);
  CHECK_BYTES(string->text, "hellohello", 10);
  eerie_value_release(&made);
  eerie_value_release(&joined[0]);
  CHECK_EQ_INT(host.live_strings, 0);
}

static void an_optional_import_has_a_fallback(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  fill_host(&host);
  eerie_native_module_t without = module_of(&host);
  without.function_count = WITHOUT_FORWARD;
  REQUIRE(open_native_with(&s, &without, NULL));
  eerie_value_t hello = bytes_value(&s, "hello"), length;
  CHECK_OK(eerie_call(function_of(&s, "length_of"), &hello, 1, &length, 1, &err));
  CHECK_EQ_INT(length.as.i64, 10); // the model's own joins two
  eerie_value_release(&hello);
  close_setup(&s);
}

// ---- Waiting -----------------------------------------------------------------------------------

static void a_function_waits(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  REQUIRE(open_native(&s, &host));
  REQUIRE_OK(eerie_fence_create(s.instance, &host.fence, &err));
  eerie_function_t *function = function_of(&s, "later");
  eerie_value_t out;
  pthread_t thread;
  host.thread = &thread;
  CHECK_OK(eerie_call(function, NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 42);
  CHECK_EQ_INT(host.tries, 2);
  pthread_join(thread, NULL);
  // Signaled already: at once.
  CHECK_OK(eerie_call(function, NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(host.tries, 3);
  eerie_fence_release(host.fence);
  // Failed: what the fence failed with.
  REQUIRE_OK(eerie_fence_create(s.instance, &host.fence, &err));
  eerie_fence_signal(host.fence, EERIE_ABORTED);
  CHECK_STATUS(eerie_call(function, NULL, 0, &out, 1, &err), EERIE_ABORTED);
  CHECK_CONTAINS(err.message, "host.later: ");
  eerie_fence_release(host.fence);
  // Nothing to wait for: tried again at once.
  host.tries = 0;
  CHECK_OK(eerie_call(function_of(&s, "poll"), NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 3);
  close_setup(&s);
}

static void waiting_ends_with_the_limit(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  fill_host(&host);
  const eerie_native_module_t module = module_of(&host), *natives[] = {&module};
  REQUIRE(open_setup_with(
      &s, "native", NULL,
      (eerie_program_options_t){.natives = natives, .native_count = 1, .wait_limit_ms = 20}));
  REQUIRE_OK(eerie_fence_create(s.instance, &host.fence, &err));
  eerie_value_t out;
  CHECK_STATUS(eerie_call(function_of(&s, "later"), NULL, 0, &out, 1, &err),
               EERIE_DEADLINE_EXCEEDED);
  CHECK_CONTAINS(err.message, "20 ms");
  // The program is free again.
  eerie_fence_signal(host.fence, EERIE_OK);
  CHECK_OK(eerie_call(function_of(&s, "later"), NULL, 0, &out, 1, &err));
  eerie_fence_release(host.fence);
  close_setup(&s);
}

static void a_waiting_function_defers_its_caller(void) {
  setup_t s;
  host_t host;
  eerie_error_t err = {0};
  fill_host(&host);
  static const eerie_native_function_t table[] = {
      {"async", "(tensor<?xi32>) -> tensor<?xi32>", same},
      {"effect", "(tensor<?xi32>) -> tensor<?xi32>", same},
      {"later", "() -> i32", later},
  };
  const eerie_native_module_t module = {"host", table, 3, .user = &host}, *natives[] = {&module};
  REQUIRE(open_setup_with(&s, "native_async", NULL,
                          (eerie_program_options_t){.natives = natives, .native_count = 1}));
  REQUIRE_OK(eerie_fence_create(s.instance, &host.fence, &err));
  eerie_function_t *function = function_of(&s, "later");
  eerie_fence_t *done = NULL;
  eerie_value_t out;
  REQUIRE_OK(eerie_fence_create(s.instance, &done, &err));
  CHECK_STATUS(eerie_call_async(function, NULL, 0, NULL, done, &out, 1, &err), EERIE_DEFERRED);
  CHECK_STATUS(eerie_call_resume(function, &out, 1, &err), EERIE_DEFERRED);
  CHECK_STATUS(eerie_fence_query(done, &err), EERIE_DEFERRED);
  eerie_fence_signal(host.fence, EERIE_OK);
  CHECK_OK(eerie_call_resume(function, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 21);
  CHECK_OK(eerie_fence_query(done, &err));
  eerie_fence_release(done);
  eerie_fence_release(host.fence);

  // A function that knows of no fences is called when its arguments are there. (a * a) squared.
  const int32_t numbers[3] = {2, 3, -4};
  const eerie_value_t in = tensor_value(vector(&s, EERIE_I32, 3, numbers));
  eerie_fence_t *wait = NULL, *signal = NULL;
  REQUIRE_OK(eerie_fence_create(s.instance, &wait, &err));
  REQUIRE_OK(eerie_fence_create(s.instance, &signal, &err));
  host.calls = 0;
  CHECK_STATUS(eerie_call_async(function_of(&s, "async"), &in, 1, wait, signal, &out, 1, &err),
               EERIE_DEFERRED);
  CHECK_EQ_INT(host.calls, 0);
  eerie_fence_signal(wait, EERIE_OK);
  CHECK_OK(eerie_call_resume(function_of(&s, "async"), &out, 1, &err));
  CHECK_EQ_INT(host.calls, 1);
  CHECK_OK(eerie_fence_wait(signal, -1, &err));
  const int32_t expected[3] = {16, 81, 256};
  CHECK_BYTES(eerie_tensor_data(out.as.tensor), expected, sizeof expected);
  eerie_value_release(&out);
  eerie_fence_release(wait);
  eerie_fence_release(signal);

  // What its caller waits for fails.
  REQUIRE_OK(eerie_fence_create(s.instance, &wait, &err));
  REQUIRE_OK(eerie_fence_create(s.instance, &signal, &err));
  eerie_fence_signal(wait, EERIE_UNAVAILABLE);
  CHECK_STATUS(eerie_call_async(function_of(&s, "async"), &in, 1, wait, signal, &out, 1, &err),
               EERIE_UNAVAILABLE);
  CHECK_EQ_INT(host.calls, 1);
  eerie_fence_release(wait);
  eerie_fence_release(signal);
  eerie_tensor_release(in.as.tensor);
  close_setup(&s);
}

// ---- Fences that the function sees -------------------------------------------------------------

enum { ON_A_THREAD, AT_ONCE, FAILING, LATE_FAILURE };

typedef struct worker {
  int how;
  size_t calls, fenced;
  pthread_t thread;
  bool running;
} worker_t;

typedef struct job {
  eerie_tensor_t *in, *out;
  eerie_fence_t *wait, *signal;
  int how;
} job_t;

static void add_one(const eerie_tensor_t *in, eerie_tensor_t *out) {
  const int32_t *x = eerie_tensor_data(in);
  int32_t *y = eerie_tensor_mutable_data(out);
  for (uint64_t i = 0; i < eerie_tensor_count(in); ++i)
    y[i] = x[i] + 1;
}

static void *work(void *data) {
  job_t *job = data;
  eerie_status_t status = eerie_fence_wait(job->wait, -1, NULL);
  if (status == EERIE_OK && job->how == LATE_FAILURE) status = EERIE_DATA_LOSS;
  if (status == EERIE_OK) add_one(job->in, job->out);
  eerie_fence_signal(job->signal, status);
  eerie_fence_release(job->wait);
  eerie_fence_release(job->signal);
  eerie_tensor_release(job->in);
  eerie_tensor_release(job->out);
  free(job);
  return NULL;
}

static eerie_status_t increment(eerie_native_call_t *call) {
  worker_t *worker = call->user;
  ++worker->calls;
  worker->fenced += call->signal != NULL;
  eerie_tensor_t *in = call->inputs[0].as.tensor, *out = NULL;
  const eerie_status_t status =
      eerie_native_output_tensor(call, 0, EERIE_I32, 1, eerie_tensor_shape(in), NULL, &out);
  if (status != EERIE_OK) return status;
  if (worker->how == FAILING) return eerie_native_fail(call, EERIE_CANCELLED, "not today");
  if (!call->signal) { // the results must be there on return
    add_one(in, out);
    return EERIE_OK;
  }
  if (worker->how == AT_ONCE) {
    CHECK_OK(eerie_fence_wait(call->wait, -1, call->err));
    add_one(in, out);
    eerie_fence_signal(call->signal, EERIE_OK);
    return EERIE_OK;
  }
  job_t *job = malloc(sizeof *job);
  *job = (job_t){in, out, call->wait, call->signal, worker->how};
  eerie_tensor_retain(in);
  eerie_tensor_retain(out);
  eerie_fence_retain(call->wait);
  eerie_fence_retain(call->signal);
  worker->running = pthread_create(&worker->thread, NULL, work, job) == 0;
  CHECK(worker->running);
  return EERIE_OK;
}

static void join(worker_t *worker) {
  if (worker->running) pthread_join(worker->thread, NULL);
  worker->running = false;
}

static eerie_status_t never(eerie_native_call_t *call) {
  return eerie_native_fail(call, EERIE_INTERNAL, "not to be called");
}

static const eerie_native_function_t async_table[] = {
    {"async", "async (tensor<?xi32>) -> tensor<?xi32>", increment},
    {"effect", "async (tensor<?xi32>) -> tensor<?xi32>", increment},
    {"later", "() -> i32", never},
};

static const int32_t three_numbers[3] = {2, 3, -4};
static const int32_t three_results[3] = {25, 100, 289}; // (x * x + 1) squared

// The same functions under a model with fences and one without.
static void fences_are_handed_over(void) {
  static const char *const models[] = {"native_async", "native_sync"};
  static const char *const names[] = {"async", "effect"};
  for (size_t i = 0; i < 2 * 2 * 2; ++i) {
    setup_t s;
    eerie_error_t err = {0};
    worker_t worker = {.how = i & 4 ? AT_ONCE : ON_A_THREAD};
    const eerie_native_module_t module = {"host", async_table, 3, .user = &worker};
    const eerie_native_module_t *const natives[] = {&module};
    REQUIRE(open_setup_with(&s, models[i & 1], NULL,
                            (eerie_program_options_t){.natives = natives, .native_count = 1}));
    eerie_function_t *function = function_of(&s, names[i >> 1 & 1]);
    CHECK_EQ_INT(eerie_function_is_async(function), !(i & 1));
    eerie_tensor_t *in = vector(&s, EERIE_I32, 3, three_numbers), *out = NULL;
    for (int j = 0; j < 20; ++j) {
      if (fine(eerie_call_tensors(function, &in, 1, &out, 1, &err), &err))
        CHECK_BYTES(eerie_tensor_data(out), three_results, sizeof three_results);
      eerie_tensor_release(out);
      join(&worker);
    }
    CHECK_EQ_INT(worker.calls, 20);
    CHECK_EQ_INT(worker.fenced, i & 1 ? 0 : 20);
    eerie_tensor_release(in);
    close_setup(&s);
  }
}

static void an_asynchronous_call_returns_before_its_functions_do(void) {
  setup_t s;
  eerie_error_t err = {0};
  worker_t worker = {.how = ON_A_THREAD};
  const eerie_native_module_t module = {"host", async_table, 3, .user = &worker};
  const eerie_native_module_t *const natives[] = {&module};
  REQUIRE(open_setup_with(&s, "native_async", NULL,
                          (eerie_program_options_t){.natives = natives, .native_count = 1}));
  const eerie_value_t in = tensor_value(vector(&s, EERIE_I32, 3, three_numbers));
  for (int i = 0; i < 20; ++i) {
    eerie_fence_t *wait = NULL, *signal = NULL;
    eerie_value_t out;
    REQUIRE_OK(eerie_fence_create(s.instance, &wait, &err));
    REQUIRE_OK(eerie_fence_create(s.instance, &signal, &err));
    CHECK_OK(eerie_call_async(function_of(&s, "async"), &in, 1, wait, signal, &out, 1, &err));
    CHECK_STATUS(eerie_fence_query(signal, &err), EERIE_DEFERRED);
    // Sometimes what is waited for fails.
    const bool fails = i % 4 == 3;
    eerie_fence_signal(wait, fails ? EERIE_ABORTED : EERIE_OK);
    CHECK_STATUS(eerie_fence_wait(signal, -1, &err), fails ? EERIE_ABORTED : EERIE_OK);
    join(&worker);
    if (!fails) CHECK_BYTES(eerie_tensor_data(out.as.tensor), three_results, sizeof three_results);
    eerie_value_release(&out);
    eerie_fence_release(wait);
    eerie_fence_release(signal);
  }
  eerie_tensor_release(in.as.tensor);
  close_setup(&s);
}

static void failures_go_through_fences(void) {
  setup_t s;
  eerie_error_t err = {0};
  worker_t worker = {.how = FAILING};
  const eerie_native_module_t module = {"host", async_table, 3, .user = &worker};
  const eerie_native_module_t *const natives[] = {&module};
  REQUIRE(open_setup_with(&s, "native_async", NULL,
                          (eerie_program_options_t){.natives = natives, .native_count = 1}));
  eerie_tensor_t *in = vector(&s, EERIE_I32, 3, three_numbers), *out = NULL;
  CHECK_STATUS(eerie_call_tensors(function_of(&s, "async"), &in, 1, &out, 1, &err),
               EERIE_CANCELLED);
  CHECK_CONTAINS(err.message, "host.async: not today");
  worker.how = LATE_FAILURE;
  CHECK_STATUS(eerie_call_tensors(function_of(&s, "async"), &in, 1, &out, 1, &err),
               EERIE_DATA_LOSS);
  join(&worker);
  worker.how = ON_A_THREAD;
  if (fine(eerie_call_tensors(function_of(&s, "async"), &in, 1, &out, 1, &err), &err))
    CHECK_BYTES(eerie_tensor_data(out), three_results, sizeof three_results);
  join(&worker);
  eerie_tensor_release(out);
  eerie_tensor_release(in);
  close_setup(&s);
}

// ---- Several modules ---------------------------------------------------------------------------

typedef struct linked {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *a, *b, *c;
} linked_t;

static bool open_linked(linked_t *l) {
  eerie_error_t err = {0};
  *l = (linked_t){0};
  return fine(eerie_instance_create(NULL, &l->instance, &err), &err) &&
         fine(eerie_device_open(l->instance, NULL, &l->device, &err), &err) &&
         fine(eerie_module_load_file(l->instance, module_path("link_a"), NULL, &l->a, &err),
              &err) &&
         fine(eerie_module_load_file(l->instance, module_path("link_b"), NULL, &l->b, &err),
              &err) &&
         fine(eerie_module_load_file(l->instance, module_path("link_c"), NULL, &l->c, &err), &err);
}

static void close_linked(linked_t *l) {
  eerie_module_release(l->a);
  eerie_module_release(l->b);
  eerie_module_release(l->c);
  eerie_device_release(l->device);
  eerie_instance_release(l->instance);
}

static eerie_status_t link(const linked_t *l, eerie_module_t *const *modules, size_t count,
                           const eerie_native_module_t *native, eerie_program_t **out_program,
                           eerie_error_t *err) {
  const eerie_program_options_t options = {.modules = modules,
                                           .module_count = count,
                                           .device = l->device,
                                           .natives = &native,
                                           .native_count = native != NULL};
  return eerie_program_create(l->instance, &options, out_program, err);
}

static void modules_call_each_other(void) {
  linked_t l;
  host_t host;
  eerie_error_t err = {0};
  fill_host(&host);
  REQUIRE(open_linked(&l));
  const eerie_native_module_t native = module_of(&host);
  eerie_module_t *const modules[] = {l.a, l.b, l.c};
  // Twice: each program has a counter of its own.
  for (int i = 1; i <= 2; ++i) {
    setup_t s = {.instance = l.instance, .device = l.device};
    REQUIRE_OK(link(&l, modules, 3, &native, &s.program, &err));
    eerie_value_t out[3];
    CHECK_OK(eerie_call(function_of(&s, "state"), NULL, 0, out, 3, &err));
    CHECK_EQ_INT(out[0].as.i32, 1); // the counter of link_a when link_c was initialised
    CHECK_EQ_INT(out[1].as.i32, i); // the host's
    CHECK_EQ_INT(out[2].as.i32, 2); // now
    CHECK_OK(eerie_call(function_of(&s, "calls_twice"), NULL, 0, out, 2, &err));
    CHECK_EQ_INT(out[1].as.i32, 4);

    const eerie_value_t n = {.kind = EERIE_KIND_I64, .as.i64 = 5};
    CHECK_OK(eerie_call(function_of(&s, "lists"), &n, 1, out, 2, &err));
    CHECK_EQ_INT(out[1].as.i32, 100);
    eerie_value_t item;
    CHECK_EQ_INT(eerie_list_count(out[0].as.list), 5);
    CHECK_OK(eerie_list_get(out[0].as.list, 1, &item, &err));
    CHECK_EQ_INT(item.as.i32, 3); // the host has turned it round
    eerie_value_release(&out[0]);

    const eerie_value_t two = {.kind = EERIE_KIND_I64, .as.i64 = 2};
    CHECK_OK(eerie_call(function_of(&s, "link_c.bytes"), &two, 1, out, 1, &err));
    CHECK_BYTES(eerie_buffer_data(out[0].as.buffer), "\1\2\3\372\1\2\3\372", 8);
    eerie_value_release(&out[0]);

    eerie_tensor_t *in[2] = {vector(&s, EERIE_F32, 4, one_to_four), vector(&s, EERIE_F32, 4, tens)};
    eerie_tensor_t *sum = NULL;
    if (fine(eerie_call_tensors(function_of(&s, "tensors"), in, 2, &sum, 1, &err), &err)) {
      for (size_t j = 0; j < 4; ++j)
        CHECK_NEAR(float_at(sum, j), 1.1, 1e-6);
    }
    eerie_tensor_release(sum);
    const eerie_value_t values[2] = {tensor_value(in[0]), tensor_value(in[1])};
    if (fine(eerie_call(function_of(&s, "fences"), values, 2, out, 2, &err), &err)) {
      for (size_t j = 0; j < 4; ++j)
        CHECK_NEAR(float_at(out[0].as.tensor, j), (double)one_to_four[j] * (double)tens[j], 0);
      CHECK_EQ_INT(out[1].as.i32, 0);
    }
    eerie_value_release(&out[0]);
    eerie_tensor_release(in[0]);
    eerie_tensor_release(in[1]);
    // What the host says arrives through two modules.
    changed_t c;
    eerie_program_t *failing = NULL;
    eerie_function_t *lists = NULL;
    host_t unused;
    bad_status = EERIE_OUT_OF_RANGE;
    bad_output = (eerie_value_t){.kind = EERIE_KIND_NONE};
    REQUIRE_OK(link(&l, modules, 3, change(&c, &unused, "list", NULL, badly), &failing, &err));
    REQUIRE_OK(eerie_program_find(failing, "lists", &lists, &err));
    CHECK_STATUS(eerie_call(lists, &n, 1, out, 2, &err), EERIE_OUT_OF_RANGE);
    CHECK_CONTAINS(err.message, "host.list: failed with OUT_OF_RANGE");
    eerie_program_release(failing);
    eerie_program_release(s.program);
  }
  close_linked(&l);
}

static void modules_are_linked_in_order(void) {
  linked_t l;
  host_t host;
  eerie_error_t err = {0};
  eerie_program_t *program = NULL;
  fill_host(&host);
  REQUIRE(open_linked(&l));
  const eerie_native_module_t native = module_of(&host);
  eerie_module_t *const backwards[] = {l.b, l.a};
  CHECK_STATUS(link(&l, backwards, 2, NULL, &program, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "module 'link_b' imports 'link_a.scale' from a module behind it");
  CHECK_CONTAINS(err.message, "put 'link_a' before 'link_b'");
  eerie_module_t *const missing[] = {l.a, l.c};
  CHECK_STATUS(link(&l, missing, 2, &native, &program, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "'link_b.scale_by_ten'");
  // A module twice, and two of one name that somebody imports from.
  eerie_module_t *const twice[] = {l.a, l.a};
  if (fine(link(&l, twice, 2, NULL, &program, &err), &err)) eerie_program_release(program);
  eerie_module_t *const unclear[] = {l.a, l.a, l.b};
  CHECK_STATUS(link(&l, unclear, 3, NULL, &program, &err), EERIE_ALREADY_EXISTS);
  CHECK_CONTAINS(err.message, "'link_a.scale', which two modules of the name 'link_a' export");
  close_linked(&l);
}

// ---- Threads -----------------------------------------------------------------------------------

typedef struct thread_case {
  const setup_t *s;
  const eerie_native_module_t *module;
  int failures;
} thread_case_t;

// A program for each thread; the module of functions, which hold no state, is shared.
static void *call_from_thread(void *data) {
  thread_case_t *c = data;
  eerie_program_t *program = NULL;
  eerie_function_t *function = NULL;
  const eerie_program_options_t options = {
      .module = c->s->module, .device = c->s->device, .natives = &c->module, .native_count = 1};
  eerie_error_t err = {0};
  if (eerie_program_create(c->s->instance, &options, &program, &err) ||
      eerie_program_find(program, "same", &function, &err)) {
    ++c->failures;
  }
  for (int i = 0; function && i < 200; ++i) {
    const int64_t length = 1 + i % 4;
    eerie_tensor_t *x = NULL, *y = NULL;
    if (eerie_tensor_create(c->s->device, EERIE_F32, 1, &length, tens, &x, &err) ||
        eerie_call_tensors(function, &x, 1, &y, 1, &err) || float_at(y, 0) != 20.0f) {
      ++c->failures;
    }
    eerie_tensor_release(x);
    eerie_tensor_release(y);
  }
  eerie_program_release(program);
  return NULL;
}

static eerie_status_t stateless_same(eerie_native_call_t *call) {
  call->outputs[0] = call->inputs[0];
  eerie_value_retain(&call->outputs[0]);
  return EERIE_OK;
}

static eerie_status_t stateless_start(eerie_native_call_t *call) {
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = 1};
  return EERIE_OK;
}

static void programs_in_threads_share_a_module(void) {
  setup_t s;
  host_t host;
  changed_t c;
  change(&c, &host, "same", NULL, stateless_same);
  for (size_t i = 0; i < FUNCTIONS; ++i)
    if (strcmp(c.functions[i].name, "start") == 0) c.functions[i].function = stateless_start;
  REQUIRE(open_native_with(&s, &c.module, NULL));
  enum { THREADS = 4 };
  thread_case_t thread_cases[THREADS];
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; ++i) {
    thread_cases[i] = (thread_case_t){&s, &c.module, 0};
    REQUIRE(pthread_create(&threads[i], NULL, call_from_thread, &thread_cases[i]) == 0);
  }
  for (size_t i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
    CHECK_EQ_INT(thread_cases[i].failures, 0);
  }
  close_setup(&s);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(tensors_go_in_and_out),
      RUN(empty_tensors_pass),
      RUN(more_values_than_fit_on_the_stack),
      RUN(scalars_bytes_and_lists),
      RUN(initialisers_call_the_host),
      RUN(a_loop_streams_to_a_sink),
      RUN(a_loop_streams_tensors),
      RUN(a_source_feeds_a_loop),
      RUN(imports_that_nobody_provides),
      RUN(signatures_that_differ),
      RUN(signatures_that_cannot_be_read),
      RUN(signatures_that_can_be_read),
      RUN(names_that_are_taken),
      RUN(types_that_are_taken),
      RUN(tensors_that_do_not_fit),
      RUN(outputs_that_are_wrong),
      RUN(statuses_of_all_kinds),
      RUN(messages_of_the_host),
      RUN(a_function_calls_programs),
      RUN(objects_belong_to_the_host),
      RUN(an_optional_import_has_a_fallback),
      RUN(a_function_waits),
      RUN(waiting_ends_with_the_limit),
      RUN(a_waiting_function_defers_its_caller),
      RUN(fences_are_handed_over),
      RUN(an_asynchronous_call_returns_before_its_functions_do),
      RUN(failures_go_through_fences),
      RUN(modules_call_each_other),
      RUN(modules_are_linked_in_order),
      RUN(programs_in_threads_share_a_module),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
