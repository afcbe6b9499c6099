// native_host.h: functions in C for tests/modules/native.mlir and link_c.mlir: what tests of native
// modules share. They count what they see in a host_t, the `user` of the module.
#ifndef EERIE_TESTS_BEHAVIOUR_NATIVE_HOST_H_
#define EERIE_TESTS_BEHAVIOUR_NATIVE_HOST_H_

#include <pthread.h>
#include <time.h>

#include "eerie/eerie_native.h"

#include "behaviour/support.h"

// What the functions below share.
typedef struct host {
  float table[16];
  size_t calls;
  // sink
  size_t sunk;
  int64_t last_index;
  float values[64];
  // next
  int32_t queue[8];
  size_t queue_at;
  // later
  eerie_fence_t *fence;
  pthread_t *thread;
  int tries;
  // nested
  eerie_function_t *inner;
  // objects
  int live_strings;
  int starts;
  eerie_tensor_t *kept;
  eerie_instance_t *instance;
} host_t;

static host_t *host_of(eerie_native_call_t *call) {
  host_t *host = call->user;
  ++host->calls;
  CHECK(call->instance != NULL);
  CHECK(call->device != NULL);
  CHECK(call->err != NULL);
  for (size_t i = 0; i < call->output_count; ++i)
    CHECK_EQ_INT(call->outputs[i].kind, EERIE_KIND_NONE);
  return host;
}

static eerie_status_t lookup(eerie_native_call_t *call) {
  const host_t *host = host_of(call);
  const eerie_tensor_t *keys = call->inputs[0].as.tensor;
  const int32_t *key = eerie_tensor_data(keys);
  eerie_tensor_t *found = NULL;
  const eerie_status_t status =
      eerie_native_output_tensor(call, 0, EERIE_F32, 1, eerie_tensor_shape(keys), NULL, &found);
  if (status != EERIE_OK) return status;
  float *value = eerie_tensor_mutable_data(found);
  for (uint64_t i = 0; i < eerie_tensor_count(keys); ++i) {
    if (key[i] >= call->inputs[1].as.i32) // the output is set already: it must not leak
      return eerie_native_fail(call, EERIE_NOT_FOUND, "no key %d among %zu", (int)key[i],
                               (size_t)16);
    value[i] = host->table[key[i]];
  }
  return EERIE_OK;
}

// Quotients, and the second operand itself.
static eerie_status_t divide(eerie_native_call_t *call) {
  host_of(call);
  CHECK_EQ_INT(call->input_count, 2);
  CHECK_EQ_INT(call->output_count, 2);
  const int64_t shape[1] = {4};
  float quotient[4];
  const float *a = eerie_tensor_data(call->inputs[0].as.tensor);
  const float *b = eerie_tensor_data(call->inputs[1].as.tensor);
  for (int i = 0; i < 4; ++i)
    quotient[i] = a[i] / b[i];
  call->outputs[1] = call->inputs[1];
  eerie_value_retain(&call->outputs[1]);
  return eerie_native_output_tensor(call, 0, EERIE_F32, 1, shape, quotient, NULL);
}

static eerie_status_t same(eerie_native_call_t *call) {
  host_of(call);
  call->outputs[0] = call->inputs[0];
  eerie_value_retain(&call->outputs[0]);
  return EERIE_OK;
}

static eerie_status_t matrix(eerie_native_call_t *call) {
  host_of(call);
  const eerie_tensor_t *in = call->inputs[0].as.tensor;
  const double *data = eerie_tensor_data(in);
  double sum = 0;
  for (uint64_t i = 0; i < eerie_tensor_count(in); ++i)
    sum += data[i];
  return eerie_native_output_tensor(call, 0, EERIE_F64, 0, NULL, &sum, NULL);
}

// Calls another program, or the one that calls.
static eerie_status_t nested(eerie_native_call_t *call) {
  const host_t *host = host_of(call);
  eerie_tensor_t *in[2] = {call->inputs[0].as.tensor, call->inputs[0].as.tensor}, *out = NULL;
  const size_t count = eerie_function_input_count(host->inner);
  const eerie_status_t status = eerie_call_tensors(host->inner, in, count, &out, 1, call->err);
  call->outputs[0] = tensor_value(out);
  return status;
}

static eerie_status_t many(eerie_native_call_t *call) {
  host_of(call);
  CHECK_EQ_INT(call->input_count, 12);
  CHECK_EQ_INT(call->output_count, 8);
  const eerie_value_t *in = call->inputs;
  static const eerie_kind_t kinds[12] = {EERIE_KIND_TENSOR, EERIE_KIND_TENSOR, EERIE_KIND_TENSOR,
                                         EERIE_KIND_TENSOR, EERIE_KIND_I32,    EERIE_KIND_I64,
                                         EERIE_KIND_F32,    EERIE_KIND_F64,    EERIE_KIND_I32,
                                         EERIE_KIND_I64,    EERIE_KIND_F32,    EERIE_KIND_F64};
  for (size_t i = 0; i < 12; ++i)
    CHECK_EQ_INT(in[i].kind, kinds[i]);
  for (size_t i = 0; i < 4; ++i)
    CHECK_NEAR(float_at(in[i].as.tensor, 3), 4 * (double)(i + 1), 0);
  static const size_t order[8] = {3, 5, 7, 4, 6, 9, 0, 11};
  for (size_t i = 0; i < 8; ++i) {
    call->outputs[i] = in[order[i]];
    eerie_value_retain(&call->outputs[i]);
  }
  return EERIE_OK;
}

static eerie_status_t small(eerie_native_call_t *call) {
  host_of(call);
  const eerie_value_t *in = call->inputs;
  CHECK_EQ_INT(in[0].as.i32, -5);
  CHECK_EQ_INT(in[1].as.i32, 300);
  CHECK_EQ_INT(in[2].as.i32, 1);
  CHECK_NEAR(in[3].as.f64, 0.1, 0);
  CHECK_EQ_INT(in[4].as.i64, INT64_C(1) << 40);
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = 1};
  call->outputs[1] = (eerie_value_t){.kind = EERIE_KIND_F32, .as.f32 = 2.5f};
  return EERIE_OK;
}

static eerie_status_t sink(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  host->last_index = call->inputs[0].as.i64;
  if (host->sunk == LENGTH(host->values))
    return eerie_native_fail(call, EERIE_RESOURCE_EXHAUSTED, "full after %zu", host->sunk);
  host->values[host->sunk++] = call->inputs[1].as.f32;
  return EERIE_OK;
}

static eerie_status_t tensor_sink(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  host->values[host->sunk++] = float_at(call->inputs[0].as.tensor, 2);
  eerie_tensor_retain(call->inputs[0].as.tensor);
  eerie_tensor_release(host->kept);
  host->kept = call->inputs[0].as.tensor;
  return EERIE_OK;
}

static eerie_status_t next(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  const int32_t n = host->queue_at < LENGTH(host->queue) ? host->queue[host->queue_at++] : -1;
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = n};
  return EERIE_OK;
}

// The bytes of the first argument, once for each element of the list; null for no list.
static eerie_status_t bytes(eerie_native_call_t *call) {
  host_of(call);
  if (call->inputs[1].kind == EERIE_KIND_NONE) return EERIE_OK;
  const eerie_buffer_t *buffer = call->inputs[0].as.buffer;
  const size_t size = eerie_buffer_size(buffer), count = eerie_list_count(call->inputs[1].as.list);
  char text[256];
  CHECK(size * count <= sizeof text);
  for (size_t i = 0; i < count; ++i)
    memcpy(text + i * size, eerie_buffer_data(buffer), size);
  call->outputs[0].kind = EERIE_KIND_BUFFER;
  return eerie_buffer_create(call->instance, text, size * count, &call->outputs[0].as.buffer,
                             call->err);
}

// A list of the same in the opposite order.
static eerie_status_t list(eerie_native_call_t *call) {
  host_of(call);
  const eerie_list_t *in = call->inputs[0].as.list;
  const size_t count = eerie_list_count(in);
  eerie_list_t *out = NULL;
  eerie_status_t status = eerie_list_create(call->instance, count, &out, call->err);
  for (size_t i = 0; i < count && status == EERIE_OK; ++i) {
    eerie_value_t value;
    status = eerie_list_get(in, i, &value, call->err);
    if (status == EERIE_OK) status = eerie_list_set(out, count - 1 - i, value, call->err);
    eerie_value_release(&value);
  }
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_LIST, .as.list = out};
  return status;
}

static void *signal_soon(void *fence) {
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  eerie_fence_signal(fence, EERIE_OK);
  return NULL;
}

// Done when the host's fence is.
static eerie_status_t later(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  ++host->tries;
  const eerie_status_t status = eerie_fence_query(host->fence, call->err);
  if (status == EERIE_DEFERRED) {
    // Only now, so that there is something to wait for.
    if (host->thread) CHECK(pthread_create(host->thread, NULL, signal_soon, host->fence) == 0);
    host->thread = NULL;
    return eerie_native_wait(call, host->fence);
  }
  if (status != EERIE_OK) return status;
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = 21};
  return EERIE_OK;
}

// Done at the third try, and knows of nothing to wait for.
static eerie_status_t poll(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  if (++host->tries < 3) return EERIE_DEFERRED;
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = host->tries};
  return EERIE_OK;
}

static eerie_status_t start(eerie_native_call_t *call) {
  host_t *host = host_of(call);
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I32, .as.i32 = ++host->starts};
  return EERIE_OK;
}

// ---- Objects

typedef struct string {
  host_t *host;
  size_t size;
  char *text;
} string_t;

static void string_destroy(void *data) {
  string_t *string = data;
  --string->host->live_strings;
  free(string->text);
  free(string);
}

static const eerie_native_type_t types[] = {{"custom.string", string_destroy},
                                            {"custom.nothing", NULL}};

static eerie_status_t make_string(eerie_native_call_t *call, const char *a, size_t a_size,
                                  const char *b, size_t b_size) {
  host_t *host = host_of(call);
  string_t *string = malloc(sizeof *string);
  string->host = host;
  string->size = a_size + b_size;
  string->text = malloc(string->size + 1);
  if (a_size) memcpy(string->text, a, a_size);
  if (b_size) memcpy(string->text + a_size, b, b_size);
  ++host->live_strings;
  const eerie_status_t status =
      eerie_native_object_create(call, &types[0], string, &call->outputs[0]);
  if (status != EERIE_OK) string_destroy(string);
  return status;
}

static eerie_status_t string_create(eerie_native_call_t *call) {
  const eerie_buffer_t *buffer = call->inputs[0].as.buffer;
  return make_string(call, eerie_buffer_data(buffer), eerie_buffer_size(buffer), NULL, 0);
}

static eerie_status_t string_length(eerie_native_call_t *call) {
  host_of(call);
  const string_t *string = eerie_native_object_data(&call->inputs[0], &types[0]);
  CHECK(eerie_native_object_data(&call->inputs[0], &types[1]) == NULL);
  if (!string) return eerie_native_fail(call, EERIE_INVALID_ARGUMENT, "no string");
  call->outputs[0] = (eerie_value_t){.kind = EERIE_KIND_I64, .as.i64 = (int64_t)string->size};
  return EERIE_OK;
}

static eerie_status_t string_join(eerie_native_call_t *call) {
  const string_t *a = eerie_native_object_data(&call->inputs[0], &types[0]);
  const string_t *b = eerie_native_object_data(&call->inputs[1], &types[0]);
  return make_string(call, a->text, a->size, b->text, b->size);
}

// ---- Programs of it

static const eerie_native_function_t functions[] = {
    {"lookup", "(%keys: tensor<?xi32>, i32) -> tensor<?xf32>", lookup},
    {"divide", "(tensor<4xf32>, !hal.buffer_view) -> (tensor<4xf32>, tensor)", divide},
    {"pure", "(tensor<4xf32>) -> tensor<4xf32>", same},
    {"same", "(tensor) -> (tensor)", same},
    {"matrix", "(tensor<2x?xf64>) -> tensor<f64>", matrix},
    {"nested", "(tensor<4xf32>) -> tensor<4xf32>", nested},
    {"many",
     "(tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, i32, i64, f32, f64, i32, index, "
     "f32, f64) -> (tensor<4xf32>, i64, f64, i32, f32, i64, tensor<4xf32>, f64)",
     many},
    {"small", "(i8, i16, i1, f64, i64) -> (i1, f32)", small},
    {"sink", "(index, f32)", sink},
    {"tensor_sink", "( tensor<4xf32> ) -> ()", tensor_sink},
    {"next", "()->i32", next},
    {"bytes", "(!util.buffer, !util.list<?>) -> !util.buffer", bytes},
    {"list", "(!util.list<?>) -> !util.list<?>", list},
    {"later", "() -> i32", later},
    {"poll", "() -> (i32)", poll},
    {"start", "() -> si32", start},
    {"string.create", "(!util.buffer) -> !custom.string", string_create},
    {"string.length", "(!custom.string) -> index", string_length},
    {"string.join", "(!custom.string, !custom.string) -> !custom.string", string_join},
    {"string.forward", "(!custom.string) -> !custom.string", same},
    {"unused", "(f32) -> f32", same},
};
// The last two are "string.forward", which is optional, and one that nobody imports.
enum { FUNCTIONS = LENGTH(functions), WITHOUT_FORWARD = FUNCTIONS - 2 };

CHECK_HELPER eerie_native_module_t module_of(host_t *host) {
  return (eerie_native_module_t){"host", functions, FUNCTIONS, types, LENGTH(types), host};
}

CHECK_HELPER void fill_host(host_t *host) {
  *host = (host_t){0};
  for (int i = 0; i < 16; ++i)
    host->table[i] = (float)i / 4;
}

#endif // EERIE_TESTS_BEHAVIOUR_NATIVE_HOST_H_
