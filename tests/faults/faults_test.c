// Every allocation fails once: for each scenario the n-th request for memory is refused, for n = 1,
// 2, ... until the scenario needs no n-th request. Each time the scenario must fail with
// RESOURCE_EXHAUSTED and a text, give no output, and leave no memory behind.
//
// Two forms: only the n-th request fails, or all from the n-th on.
#include "behaviour/native_host.h"

#include "eerie/eerie_parameters.h"

// ---- An allocator that fails when told ---------------------------------------------------------

typedef struct faulty {
  size_t requests, fail_at;
  bool stays;  // every request from fail_at on fails
  bool failed; // a request was refused
  size_t live_bytes;
} faulty_t;

static void *faulty_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  faulty_t *f = user;
  if (new_size == 0) {
    f->live_bytes -= old_size;
    free(pointer);
    return NULL;
  }
  ++f->requests;
  if (f->requests == f->fail_at || (f->stays && f->fail_at && f->requests > f->fail_at)) {
    f->failed = true;
    return NULL;
  }
  void *fresh = realloc(pointer, new_size);
  if (fresh) f->live_bytes += new_size - old_size;
  return fresh;
}

// ---- Steps -------------------------------------------------------------------------------------

// What a scenario makes; released in any case, in an order that varies.
typedef struct world {
  faulty_t *faults;
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *modules[2];
  eerie_program_t *program;
  eerie_tensor_t *tensors[4];
  eerie_value_t values[8];
  eerie_fence_t *fences[3];
  eerie_parameters_t *parameters[3];
  eerie_buffer_t *buffer;
  eerie_list_t *list;
  eerie_error_t err;
} world_t;

#define STEP(call)                                                                                 \
  do {                                                                                             \
    const eerie_status_t step_status = (call);                                                     \
    if (step_status != EERIE_OK) return step_status;                                               \
  } while (0)

static eerie_status_t open_world(world_t *w) {
  const eerie_instance_options_t options = {.allocator = {faulty_reallocate, w->faults}};
  STEP(eerie_instance_create(&options, &w->instance, &w->err));
  return eerie_device_open(w->instance, "local-sync", &w->device, &w->err);
}

static eerie_status_t open_program(world_t *w, const char *name) {
  STEP(open_world(w));
  STEP(eerie_module_load_file(w->instance, module_path(name), NULL, &w->modules[0], &w->err));
  const eerie_program_options_t options = {.module = w->modules[0], .device = w->device};
  return eerie_program_create(w->instance, &options, &w->program, &w->err);
}

static eerie_status_t find(world_t *w, const char *name, eerie_function_t **out_function) {
  return eerie_program_find(w->program, name, out_function, &w->err);
}

static eerie_status_t make_vector(world_t *w, size_t index, int64_t length) {
  return eerie_tensor_create(w->device, EERIE_F32, 1, &length, NULL, &w->tensors[index], &w->err);
}

static void close_world(world_t *w) {
  for (size_t i = 0; i < LENGTH(w->values); ++i)
    eerie_value_release(&w->values[i]);
  for (size_t i = 0; i < LENGTH(w->tensors); ++i)
    eerie_tensor_release(w->tensors[i]);
  for (size_t i = 0; i < LENGTH(w->fences); ++i)
    eerie_fence_release(w->fences[i]);
  for (size_t i = 0; i < LENGTH(w->parameters); ++i)
    eerie_parameters_release(w->parameters[i]);
  eerie_buffer_release(w->buffer);
  eerie_list_release(w->list);
  if (w->faults->fail_at % 2) { // parents first, and children first
    eerie_instance_release(w->instance);
    eerie_device_release(w->device);
    eerie_module_release(w->modules[0]);
    eerie_module_release(w->modules[1]);
    eerie_program_release(w->program);
  } else {
    eerie_program_release(w->program);
    eerie_module_release(w->modules[1]);
    eerie_module_release(w->modules[0]);
    eerie_device_release(w->device);
    eerie_instance_release(w->instance);
  }
}

// ---- Scenarios ---------------------------------------------------------------------------------

static eerie_status_t opening(world_t *w) {
  STEP(open_world(w));
  eerie_device_t *second = NULL;
  STEP(eerie_device_open(w->instance, NULL, &second, &w->err));
  eerie_device_release(second);
  return EERIE_OK;
}

static eerie_status_t programs(world_t *w) {
  return open_program(w, "kernels");
}

static eerie_status_t two_modules(world_t *w) {
  STEP(open_program(w, "link_a"));
  STEP(eerie_module_load_file(w->instance, module_path("link_b"), NULL, &w->modules[1], &w->err));
  eerie_program_release(w->program);
  w->program = NULL;
  const eerie_program_options_t options = {
      .modules = w->modules, .module_count = 2, .device = w->device};
  STEP(eerie_program_create(w->instance, &options, &w->program, &w->err));
  eerie_function_t *function = NULL;
  STEP(find(w, "scale_by_ten", &function));
  const eerie_value_t seven = {.kind = EERIE_KIND_I32, .as.i32 = 7};
  return eerie_call(function, &seven, 1, w->values, 1, &w->err);
}

static eerie_status_t memory_modules(world_t *w) {
  static _Alignas(64) unsigned char bytes[1 << 16];
  FILE *file = fopen(module_path("mul"), "rb");
  if (!file) return EERIE_NOT_FOUND;
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  STEP(open_world(w));
  STEP(eerie_module_load_memory(w->instance, bytes, size, NULL, &w->modules[0], &w->err));
  // The device comes with the program.
  const eerie_program_options_t options = {.module = w->modules[0]};
  return eerie_program_create(w->instance, &options, &w->program, &w->err);
}

static eerie_status_t tensors(world_t *w) {
  STEP(open_world(w));
  STEP(make_vector(w, 0, 10));
  STEP(make_vector(w, 1, 100000));
  STEP(make_vector(w, 2, 0));
  static _Alignas(64) float data[4];
  const int64_t shape[1] = {4};
  return eerie_tensor_wrap(w->device, EERIE_F32, 1, shape, data, sizeof data, NULL, NULL,
                           &w->tensors[3], &w->err);
}

static int release_count;
static void count_release(void *user, void *data) {
  (void)user, (void)data;
  ++release_count;
}

static eerie_status_t wrapping(world_t *w) {
  static _Alignas(64) float data[4];
  const int64_t shape[1] = {4};
  STEP(open_world(w));
  release_count = 0;
  const eerie_status_t status = eerie_tensor_wrap(w->device, EERIE_F32, 1, shape, data, sizeof data,
                                                  count_release, NULL, &w->tensors[0], &w->err);
  CHECK_EQ_INT(release_count, 0);
  eerie_tensor_release(w->tensors[0]);
  CHECK_EQ_INT(release_count, status == EERIE_OK);
  w->tensors[0] = NULL;
  return status;
}

static eerie_status_t calls(world_t *w) {
  STEP(open_program(w, "dynamic"));
  eerie_function_t *function = NULL;
  STEP(find(w, "double", &function));
  for (int64_t length = 1; length < 100000; length *= 7) {
    STEP(make_vector(w, 0, length));
    STEP(eerie_call_tensors(function, w->tensors, 1, &w->tensors[1], 1, &w->err));
    eerie_tensor_release(w->tensors[0]);
    eerie_tensor_release(w->tensors[1]);
    w->tensors[0] = w->tensors[1] = NULL;
  }
  return EERIE_OK;
}

static eerie_status_t loops_over_tensors(world_t *w) {
  STEP(open_program(w, "control"));
  eerie_function_t *function = NULL;
  STEP(find(w, "double_until", &function));
  const int64_t shape[1] = {4};
  STEP(eerie_tensor_create(w->device, EERIE_F32, 1, shape, one_to_four, &w->tensors[0], &w->err));
  const eerie_value_t in[2] = {tensor_value(w->tensors[0]),
                               {.kind = EERIE_KIND_F32, .as.f32 = 100}};
  return eerie_call(function, in, 2, w->values, 2, &w->err);
}

static eerie_status_t chains(world_t *w) {
  STEP(open_program(w, "chain"));
  eerie_function_t *function = NULL;
  STEP(find(w, "chain", &function));
  const int64_t shape[2] = {4, 4};
  STEP(eerie_tensor_create(w->device, EERIE_F32, 2, shape, NULL, &w->tensors[0], &w->err));
  return eerie_call_tensors(function, w->tensors, 1, &w->tensors[1], 1, &w->err);
}

static eerie_status_t state(world_t *w) {
  STEP(open_program(w, "state"));
  eerie_function_t *keep = NULL, *kept = NULL, *accumulate = NULL;
  STEP(find(w, "keep", &keep));
  STEP(find(w, "kept", &kept));
  STEP(find(w, "accumulate", &accumulate));
  const int64_t shape[1] = {3};
  STEP(eerie_tensor_create(w->device, EERIE_I32, 1, shape, NULL, &w->tensors[0], &w->err));
  STEP(eerie_call_tensors(keep, w->tensors, 1, NULL, 0, &w->err));
  STEP(eerie_call_tensors(kept, NULL, 0, &w->tensors[1], 1, &w->err));
  STEP(make_vector(w, 2, 4));
  return eerie_call_tensors(accumulate, &w->tensors[2], 1, &w->tensors[3], 1, &w->err);
}

static eerie_status_t deep_calls(world_t *w) {
  STEP(open_program(w, "recursion"));
  eerie_function_t *function = NULL;
  STEP(find(w, "deep", &function));
  const eerie_value_t depth = {.kind = EERIE_KIND_I32, .as.i32 = 500};
  return eerie_call(function, &depth, 1, w->values, 1, &w->err);
}

static eerie_status_t bytes_and_lists(world_t *w) {
  STEP(open_program(w, "strings"));
  eerie_function_t *mixed = NULL, *echo = NULL, *squares = NULL;
  STEP(find(w, "list_mixed", &mixed));
  STEP(find(w, "list_echo", &echo));
  STEP(find(w, "list_of_i32", &squares));
  STEP(eerie_buffer_create(w->instance, "bytes", 5, &w->buffer, &w->err));
  STEP(eerie_list_create(w->instance, 3, &w->list, &w->err));
  const eerie_value_t buffer = {.kind = EERIE_KIND_BUFFER, .as.buffer = w->buffer};
  STEP(eerie_list_set(w->list, 1, buffer, &w->err));
  STEP(eerie_call(mixed, &buffer, 1, &w->values[0], 1, &w->err));
  const eerie_value_t list = {.kind = EERIE_KIND_LIST, .as.list = w->list};
  STEP(eerie_call(echo, &list, 1, &w->values[1], 1, &w->err));
  const eerie_value_t many = {.kind = EERIE_KIND_I64, .as.i64 = 1000};
  STEP(eerie_call(squares, &many, 1, &w->values[2], 1, &w->err));
  return eerie_list_get(w->list, 1, &w->values[3], &w->err);
}

static eerie_status_t make_fences(world_t *w) {
  for (size_t i = 0; i < LENGTH(w->fences); ++i)
    STEP(eerie_fence_create(w->instance, &w->fences[i], &w->err));
  return EERIE_OK;
}

static eerie_status_t asynchronous(world_t *w) {
  STEP(open_program(w, "async"));
  eerie_function_t *mul = NULL;
  STEP(find(w, "mul", &mul));
  STEP(make_fences(w));
  STEP(make_vector(w, 0, 4));
  const eerie_value_t in[2] = {tensor_value(w->tensors[0]), tensor_value(w->tensors[0])};
  STEP(eerie_call_async(mul, in, 2, w->fences[0], w->fences[1], &w->values[0], 1, &w->err));
  STEP(eerie_call_async(mul, in, 2, w->fences[1], w->fences[2], &w->values[1], 1, &w->err));
  eerie_fence_signal(w->fences[0], EERIE_OK);
  return eerie_fence_wait(w->fences[2], -1, &w->err);
}

static eerie_status_t deferred(world_t *w) {
  STEP(open_program(w, "async"));
  eerie_function_t *halve = NULL;
  STEP(find(w, "halve_until", &halve));
  STEP(make_fences(w));
  const float hundred = 100;
  STEP(eerie_tensor_create(w->device, EERIE_F32, 0, NULL, &hundred, &w->tensors[0], &w->err));
  const eerie_value_t in = tensor_value(w->tensors[0]);
  eerie_status_t status =
      eerie_call_async(halve, &in, 1, w->fences[0], w->fences[1], w->values, 1, &w->err);
  eerie_fence_signal(w->fences[0], EERIE_OK);
  while (status == EERIE_DEFERRED)
    status = eerie_call_resume(halve, w->values, 1, &w->err);
  STEP(status);
  return eerie_fence_wait(w->fences[1], -1, &w->err);
}

// Functions in C: tensors, more values than the stack takes, lists, objects.
static eerie_status_t natives(world_t *w) {
  static host_t host;
  static eerie_native_module_t module;
  fill_host(&host);
  module = module_of(&host);
  const eerie_native_module_t *const modules[] = {&module};
  STEP(open_world(w));
  STEP(eerie_module_load_file(w->instance, module_path("native"), NULL, &w->modules[0], &w->err));
  const eerie_program_options_t options = {
      .module = w->modules[0], .device = w->device, .natives = modules, .native_count = 1};
  STEP(eerie_program_create(w->instance, &options, &w->program, &w->err));
  eerie_function_t *divide_it = NULL, *many_of = NULL, *turn = NULL, *make = NULL, *join = NULL;
  STEP(find(w, "divide", &divide_it));
  STEP(find(w, "many", &many_of));
  STEP(find(w, "list", &turn));
  STEP(find(w, "make", &make));
  STEP(find(w, "join", &join));
  STEP(make_vector(w, 0, 4));
  eerie_tensor_t *const two[2] = {w->tensors[0], w->tensors[0]};
  STEP(eerie_call_tensors(divide_it, two, 2, &w->tensors[1], 2, &w->err));
  const eerie_value_t in[5] = {tensor_value(w->tensors[0]),
                               {.kind = EERIE_KIND_I32},
                               {.kind = EERIE_KIND_I64},
                               {.kind = EERIE_KIND_F32},
                               {.kind = EERIE_KIND_F64}};
  STEP(eerie_tensor_write(w->tensors[0], 0, one_to_four, sizeof one_to_four, &w->err));
  STEP(eerie_call(many_of, in, 5, w->values, 8, &w->err));
  for (size_t i = 0; i < LENGTH(w->values); ++i)
    eerie_value_release(&w->values[i]);
  STEP(eerie_list_create(w->instance, 3, &w->list, &w->err));
  const eerie_value_t list_value = {.kind = EERIE_KIND_LIST, .as.list = w->list};
  STEP(eerie_call(turn, &list_value, 1, &w->values[0], 1, &w->err));
  STEP(eerie_buffer_create(w->instance, "text", 4, &w->buffer, &w->err));
  const eerie_value_t text = {.kind = EERIE_KIND_BUFFER, .as.buffer = w->buffer};
  STEP(eerie_call(make, &text, 1, &w->values[1], 1, &w->err));
  const eerie_value_t strings[2] = {w->values[1], w->values[1]};
  return eerie_call(join, strings, 2, &w->values[2], 2, &w->err);
}

// ---- The sweep ---------------------------------------------------------------------------------

// Parameters of the caller's, of a pattern, and of an archive.
static eerie_status_t parameters(world_t *w) {
  static const char header[] =
      "{\"su\\u006d\":{\"dtype\":\"F32\",\"shape\":[32],\"data_offsets\":[0,128]}}";
  static _Alignas(64) float weights[64 * 32];
  static _Alignas(8) unsigned char archive[8 + sizeof header - 1 + 128];
  static const char *const scopes[] = {"model", "", "state"};
  const eerie_parameter_info_t infos[] = {
      {.key = "w", .size = sizeof weights, .data = weights, .rank = SIZE_MAX},
      {.key = "b", .size = 128, .pattern_size = 1, .rank = SIZE_MAX},
      {.key = "scale", .size = 28, .data = weights + 1, .rank = SIZE_MAX},
  };
  archive[0] = sizeof header - 1;
  memcpy(archive + 8, header, sizeof header - 1);
  STEP(open_world(w));
  STEP(eerie_module_load_file(w->instance, module_path("parameters"), NULL, &w->modules[0],
                              &w->err));
  for (size_t i = 0; i < LENGTH(scopes); ++i)
    STEP(eerie_parameters_create(w->instance, scopes[i], &w->parameters[i], &w->err));
  for (size_t i = 0; i < LENGTH(infos); ++i)
    STEP(eerie_parameters_add(w->parameters[i / 2], &infos[i], NULL, &w->err));
  STEP(eerie_parameters_add_memory(w->parameters[2], archive, sizeof archive, NULL, &w->err));
  const eerie_program_options_t options = {.module = w->modules[0],
                                           .device = w->device,
                                           .parameters = w->parameters,
                                           .parameters_count = LENGTH(w->parameters)};
  STEP(eerie_program_create(w->instance, &options, &w->program, &w->err));
  eerie_function_t *function = NULL;
  STEP(find(w, "scale", &function));
  return eerie_call(function, NULL, 0, w->values, 1, &w->err);
}

static const struct {
  const char *name;
  eerie_status_t (*run)(world_t *w);
} scenarios[] = {
    {"opening", opening},
    {"programs", programs},
    {"two modules", two_modules},
    {"modules in memory", memory_modules},
    {"tensors", tensors},
    {"wrapping", wrapping},
    {"calls", calls},
    {"loops over tensors", loops_over_tensors},
    {"chains", chains},
    {"state", state},
    {"deep calls", deep_calls},
    {"bytes and lists", bytes_and_lists},
    {"asynchronous calls", asynchronous},
    {"deferred calls", deferred},
    {"functions in C", natives},
    {"parameters", parameters},
};

// One run with the n-th request refused. True while there was an n-th request.
static bool run_once(size_t scenario, size_t n, bool stays) {
  faulty_t faults = {.fail_at = n, .stays = stays};
  world_t w = {.faults = &faults};
  const eerie_status_t status = scenarios[scenario].run(&w);
  bool good = true;
  if (!faults.failed) {
    good = CHECK_OK(status);
  } else if (status != EERIE_OK) { // a cache that does without is no failure
    good = CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED) && good;
    good = CHECK_EQ_INT(w.err.code, status) && good;
    good = CHECK(w.err.message[0] != '\0') && good;
  }
  close_world(&w);
  good = CHECK_EQ_INT(faults.live_bytes, 0) && good;
  if (!good)
    fprintf(stderr, "%s, request %zu%s: %s\n", scenarios[scenario].name, n,
            stays ? " and all after it" : "", w.err.message);
  return faults.failed;
}

static void sweep(bool stays) {
  for (size_t i = 0; i < LENGTH(scenarios); ++i) {
    size_t n = 1;
    while (n < 100000 && run_once(i, n, stays))
      ++n;
    printf("%-20s %zu requests\n", scenarios[i].name, n - 1);
    CHECK(n > 1);
  }
}

static void one_request_fails(void) {
  sweep(false);
}

static void all_requests_fail_from_one_on(void) {
  sweep(true);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(one_request_fails),
      RUN(all_requests_fail_from_one_on),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
