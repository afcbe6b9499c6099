// How long a call takes: calls one function of a module in a loop, as iree-benchmark-module does,
// and prints the time of one call in nanoseconds.
//
//   call MODULE FUNCTION SECONDS [NUMBER]
//
// Arguments are made once from the function's types: NUMBER (1) for integers, ones for floats and
// in tensors, dynamic dimensions 4; four floats where a tensor is not declared. Results are
// released in the loop. Modules may import `host.first`, which returns the first of its two
// tensors.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eerie/eerie_native.h"

enum { VALUES_MAX = 16 };

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what, const eerie_error_t *err) {
  fprintf(stderr, "call: %s: %s\n", what, err->message);
  exit(1);
}

static eerie_status_t first(eerie_native_call_t *call) {
  call->outputs[0] = call->inputs[0];
  eerie_value_retain(&call->outputs[0]);
  return EERIE_OK;
}

static const eerie_native_function_t functions[] = {
    {"first", "(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>", first},
};
static const eerie_native_module_t host = {
    .name = "host", .functions = functions, .function_count = 1};
static const eerie_native_module_t *const natives[] = {&host};

static eerie_value_t make_argument(eerie_device_t *device, const eerie_type_t *type,
                                   int32_t number) {
  eerie_value_t value = {.kind = type->kind};
  eerie_error_t err = {0};
  if (type->kind == EERIE_KIND_I32) value.as.i32 = number;
  if (type->kind == EERIE_KIND_I64) value.as.i64 = number;
  if (type->kind == EERIE_KIND_F32) value.as.f32 = 1;
  if (type->kind == EERIE_KIND_F64) value.as.f64 = 1;
  if (type->kind != EERIE_KIND_TENSOR) return value;
  const bool declared = type->rank != SIZE_MAX;
  const eerie_dtype_t dtype = declared ? type->dtype : EERIE_F32;
  const size_t rank = declared ? type->rank : 1;
  int64_t shape[EERIE_TENSOR_RANK_LIMIT] = {4};
  for (size_t i = 0; declared && i < rank; ++i)
    shape[i] = type->shape[i] < 0 ? 4 : type->shape[i];
  if (eerie_tensor_create(device, dtype, rank, shape, NULL, &value.as.tensor, &err))
    die(type->text, &err);
  if (dtype == EERIE_F32) {
    float *data = eerie_tensor_mutable_data(value.as.tensor);
    for (uint64_t i = 0; i < eerie_tensor_count(value.as.tensor); ++i)
      data[i] = 1;
  }
  return value;
}

static void call_many(eerie_function_t *function, const eerie_value_t *inputs, uint64_t count) {
  const size_t input_count = eerie_function_input_count(function);
  const size_t output_count = eerie_function_output_count(function);
  eerie_value_t outputs[VALUES_MAX];
  eerie_error_t err = {0};
  for (uint64_t i = 0; i < count; ++i) {
    if (eerie_call(function, inputs, input_count, outputs, output_count, &err))
      die(eerie_function_name(function), &err);
    for (size_t k = 0; k < output_count; ++k)
      eerie_value_release(&outputs[k]);
  }
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5) {
    fprintf(stderr, "usage: call MODULE FUNCTION SECONDS [NUMBER]\n");
    return 2;
  }
  const double wanted = strtod(argv[3], NULL);
  const int32_t number = argc == 5 ? (int32_t)strtol(argv[4], NULL, 10) : 1;
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *function = NULL;
  if (eerie_instance_create(NULL, &instance, &err) ||
      eerie_device_open(instance, "local-sync", &device, &err) ||
      eerie_module_load_file(instance, argv[1], NULL, &module, &err) ||
      eerie_program_create(
          instance,
          &(eerie_program_options_t){
              .module = module, .device = device, .natives = natives, .native_count = 1},
          &program, &err) ||
      eerie_program_find(program, argv[2], &function, &err))
    die(argv[1], &err);
  eerie_value_t inputs[VALUES_MAX] = {{0}};
  const size_t input_count = eerie_function_input_count(function);
  if (input_count > VALUES_MAX || eerie_function_output_count(function) > VALUES_MAX) return 2;
  for (size_t i = 0; i < input_count; ++i)
    inputs[i] = make_argument(device, eerie_function_input(function, i), number);

  // Ever more calls until they take long enough; only the last round counts.
  uint64_t count = 16;
  double real = 0, cpu = 0;
  for (;; count *= real < wanted / 8 ? 8 : 2) {
    real = -seconds_of(CLOCK_MONOTONIC);
    cpu = -seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    call_many(function, inputs, count);
    real += seconds_of(CLOCK_MONOTONIC);
    cpu += seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (real >= wanted) break;
  }
  printf("{\"calls\": %llu, \"real_ns\": %.1f, \"cpu_ns\": %.1f}\n", (unsigned long long)count,
         real / (double)count * 1e9, cpu / (double)count * 1e9);

  for (size_t i = 0; i < input_count; ++i)
    eerie_value_release(&inputs[i]);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return 0;
}
