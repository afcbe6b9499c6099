// A whole call: any bytes as a module, linked, and each of its functions called with arguments of
// the kinds that it declares, under limits of memory, depth and steps. Modules with native code are
// left alone.
#include "fuzz/fuzz.h"

enum { FUNCTIONS_MAX = 40, VALUES_MAX = 16, ELEMENTS_MAX = 4096, FENCES_MAX = 32 };

typedef struct world {
  eerie_instance_t *instance;
  eerie_device_t *device;
  uint32_t random;
  eerie_fence_t *fences[FENCES_MAX];
  size_t fence_count;
} world_t;

static uint32_t next_random(world_t *w) {
  w->random = w->random * 1664525u + 1013904223u;
  return w->random >> 8;
}

// Small numbers, and the edges.
static int64_t some_number(world_t *w) {
  static const int64_t edges[] = {-1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 20};
  const uint32_t choice = next_random(w) % 16;
  return choice < sizeof edges / sizeof *edges ? edges[choice] : (int64_t)(choice - 6);
}

static eerie_value_t some_tensor(world_t *w, const eerie_type_t *type) {
  eerie_value_t value = {.kind = EERIE_KIND_NONE};
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
  const size_t rank = type->rank == SIZE_MAX ? next_random(w) % 3 : type->rank;
  const eerie_dtype_t dtype = type->dtype == EERIE_DTYPE_NONE ? EERIE_F32 : type->dtype;
  int64_t count = 1;
  if (rank > EERIE_TENSOR_RANK_LIMIT) return value;
  for (size_t i = 0; i < rank; ++i) {
    const bool known = type->rank != SIZE_MAX && type->shape[i] >= 0;
    shape[i] = known ? type->shape[i] : (int64_t)(next_random(w) % 5);
    if (shape[i] > ELEMENTS_MAX) return value;
    count *= shape[i];
    if (count > ELEMENTS_MAX) return value;
  }
  value.kind = EERIE_KIND_TENSOR;
  if (eerie_tensor_create(w->device, dtype, rank, shape, NULL, &value.as.tensor, NULL))
    value.kind = EERIE_KIND_NONE;
  return value;
}

static eerie_value_t some_buffer(world_t *w) {
  eerie_value_t value = {.kind = EERIE_KIND_BUFFER};
  static const char bytes[40] = "some bytes, \1\2\3\4\5\6\7 and zeros";
  if (eerie_buffer_create(w->instance, bytes, next_random(w) % sizeof bytes, &value.as.buffer,
                          NULL))
    value.kind = EERIE_KIND_NONE;
  return value;
}

static eerie_value_t some_list(world_t *w) {
  eerie_value_t value = {.kind = EERIE_KIND_LIST};
  if (eerie_list_create(w->instance, 4, &value.as.list, NULL)) {
    value.kind = EERIE_KIND_NONE;
    return value;
  }
  eerie_value_t buffer = some_buffer(w);
  (void)eerie_list_set(value.as.list, 0, buffer, NULL);
  eerie_value_release(&buffer);
  const eerie_value_t number = {.kind = EERIE_KIND_I32, .as.i32 = (int32_t)some_number(w)};
  (void)eerie_list_set(value.as.list, 1, number, NULL);
  const eerie_value_t wide = {.kind = EERIE_KIND_F64, .as.f64 = 1.5};
  (void)eerie_list_set(value.as.list, 2, wide, NULL);
  return value;
}

static eerie_value_t some_value(world_t *w, const eerie_type_t *type) {
  eerie_value_t value = {.kind = type->kind};
  switch (type->kind) {
  case EERIE_KIND_I32: value.as.i32 = (int32_t)some_number(w); break;
  case EERIE_KIND_I64: value.as.i64 = some_number(w); break;
  case EERIE_KIND_F32: value.as.f32 = (float)some_number(w); break;
  case EERIE_KIND_F64: value.as.f64 = (double)some_number(w); break;
  case EERIE_KIND_TENSOR: return some_tensor(w, type);
  case EERIE_KIND_BUFFER: return some_buffer(w);
  case EERIE_KIND_LIST: return some_list(w);
  case EERIE_KIND_OTHER: // what a function declares nothing about may get anything
    switch (next_random(w) % 4) {
    case 0: return some_buffer(w);
    case 1: return some_list(w);
    case 2: return some_tensor(w, &(eerie_type_t){.rank = SIZE_MAX});
    default: value.kind = EERIE_KIND_NONE; break;
    }
    break;
  default: value.kind = EERIE_KIND_NONE; break;
  }
  return value;
}

static eerie_fence_t *new_fence(world_t *w) {
  if (w->fence_count == FENCES_MAX ||
      eerie_fence_create(w->instance, &w->fences[w->fence_count], NULL) != EERIE_OK) {
    return NULL;
  }
  return w->fences[w->fence_count++];
}

// Fences for an asynchronous call. What is waited for is new, or was in an earlier call, and what
// is signaled is newer: the caller ties no knots. They are signaled, or not, when the program is
// gone.
static void some_fences(world_t *w, eerie_fence_t **out_wait, eerie_fence_t **out_signal) {
  const uint32_t choice = next_random(w);
  if (choice & 1 && w->fence_count) {
    *out_wait = w->fences[(choice >> 8) % w->fence_count];
  } else if (choice & 2) {
    *out_wait = new_fence(w);
  }
  if (choice & 12) *out_signal = new_fence(w);
}

static void drop_fences(world_t *w) {
  for (size_t i = 0; i < w->fence_count; ++i) {
    if (next_random(w) % 2) eerie_fence_signal(w->fences[i], EERIE_OK);
    eerie_fence_release(w->fences[i]);
  }
}

static void call(world_t *w, eerie_function_t *function) {
  const size_t input_count = eerie_function_input_count(function);
  const size_t output_count = eerie_function_output_count(function);
  if (input_count > VALUES_MAX || output_count > VALUES_MAX) return;
  eerie_value_t inputs[VALUES_MAX], outputs[VALUES_MAX];
  for (size_t i = 0; i < input_count; ++i)
    inputs[i] = some_value(w, eerie_function_input(function, i));
  eerie_error_t err = {0};
  eerie_fence_t *wait = NULL, *signal = NULL;
  if (eerie_function_is_async(function)) some_fences(w, &wait, &signal);
  const eerie_status_t status =
      eerie_call_async(function, inputs, input_count, wait, signal, outputs, output_count, &err);
  for (size_t i = 0; i < output_count; ++i) {
    FUZZ_REQUIRE(status == EERIE_OK || outputs[i].kind == EERIE_KIND_NONE);
    eerie_value_release(&outputs[i]);
  }
  for (size_t i = 0; i < input_count; ++i)
    eerie_value_release(&inputs[i]);
}

static void ignore_line(void *user, const char *line, size_t length) {
  FUZZ_REQUIRE(memchr(line, '\0', length) == NULL || user == NULL);
}

static void run(world_t *w, eerie_module_t *module) {
  const eerie_program_options_t options = {.module = module,
                                           .device = w->device,
                                           .stack_limit = 64 << 10,
                                           .call_depth_limit = 64,
                                           .step_limit = 2000,
                                           .trace = ignore_line,
                                           .wait_limit_ms = 20};
  eerie_program_t *program = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_program_create(w->instance, &options, &program, &err);
  FUZZ_REQUIRE((status == EERIE_OK) == (program != NULL));
  // Twice, so that what the first round left in globals is met by the second.
  for (size_t i = 0; program && i < 2 * FUNCTIONS_MAX; ++i) {
    eerie_function_t *function = eerie_program_function(program, i % FUNCTIONS_MAX);
    if (function) call(w, function);
  }
  eerie_program_release(program);
  drop_fences(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (fuzz_has_native_code(data, size)) return 0;
  world_t w = {.random = 1};
  for (size_t i = 0; i < size; i += 61)
    w.random = w.random * 31 + data[i];
  if (eerie_instance_create(&(eerie_instance_options_t){.memory_limit = 8 << 20}, &w.instance,
                            NULL) ||
      eerie_device_open(w.instance, NULL, &w.device, NULL))
    abort();
  uint8_t *copy = fuzz_copy(data, size);
  eerie_module_t *module = NULL;
  if (eerie_module_load_memory(w.instance, copy, size, NULL, &module, NULL) == EERIE_OK)
    run(&w, module);
  eerie_module_release(module);
  eerie_device_release(w.device);
  eerie_instance_release(w.instance);
  free(copy);
  return 0;
}
