// fill.c: arguments from the types of a function, for commands that only want it to run.
//
// Random floats lie in [0, 1), where no common function of a network is at its edge; integers are 0
// or 1, which are indices that a table of two rows has.
#include "fill.h"

#include <stdlib.h>
#include <string.h>

#include "element.h"

bool ee_cli_fill_parse(const char *text, ee_cli_fill_t *out_fill) {
  *out_fill = strcmp(text, "zero") == 0 ? EE_CLI_FILL_ZERO : EE_CLI_FILL_RANDOM;
  return *out_fill == EE_CLI_FILL_ZERO || strcmp(text, "random") == 0;
}

// SplitMix64, whose constants are public domain (Vigna).
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

// An element of the type; false: a type that has no numbers here, which stays zero.
static bool random_element(eerie_dtype_t dtype, uint64_t random, ee_cli_bits_t *out_bits) {
  char text[32];
  if (ee_cli_dtype_is_float(dtype))
    snprintf(text, sizeof text, "%.6g", (double)(random >> 40) / 16777216.0);
  else if (ee_cli_dtype_is_integer(dtype) || dtype == EERIE_BOOL)
    snprintf(text, sizeof text, "%d", (int)(random >> 63));
  else
    return false;
  return ee_cli_element_parse(text, strlen(text), dtype, out_bits);
}

static void fill_array(ee_cli_array_t *array, uint64_t *state) {
  if (array->dtype == EERIE_F32) {
    float *const data = array->data;
    for (uint64_t i = 0; i < array->count; ++i)
      data[i] = (float)(next_random(state) >> 40) / 16777216.0f;
    return;
  }
  // What takes text to make is made a few hundred times, and then repeated.
  enum { VARIANTS = 256 };
  ee_cli_bits_t variants[VARIANTS];
  for (size_t i = 0; i < VARIANTS; ++i) {
    variants[i] = (ee_cli_bits_t){{0}};
    if (!random_element(array->dtype, next_random(state), &variants[i])) return;
  }
  for (uint64_t i = 0; i < array->count; ++i)
    ee_cli_element_set(array->data, array->dtype, i, variants[i % VARIANTS]);
}

static int open_shape(const eerie_function_t *function, size_t index, const eerie_type_t *type) {
  return ee_cli_fail(EE_CLI_USAGE,
                     "%s: input %zu%s%s%s is %s, whose shape is open: give each argument with "
                     "--input=, such as --input=2x3xf32 for zeros (INVALID_ARGUMENT)",
                     eerie_function_name(function), index, type->name[0] ? " '" : "", type->name,
                     type->name[0] ? "'" : "", type->text[0] ? type->text : "of unknown type");
}

static int fill_tensor(const ee_cli_place_t *place, const eerie_function_t *function, size_t index,
                       ee_cli_fill_t fill, uint64_t *state, eerie_value_t *out_value) {
  const eerie_type_t *const type = eerie_function_input(function, index);
  ee_cli_array_t array = {.dtype = type->dtype, .rank = type->rank};
  if (type->dtype == EERIE_DTYPE_NONE || type->rank > EERIE_TENSOR_RANK_LIMIT)
    return open_shape(function, index, type);
  for (size_t i = 0; i < type->rank; ++i) {
    if (type->shape[i] < 0) return open_shape(function, index, type);
    array.shape[i] = type->shape[i];
  }
  eerie_error_t err = {0};
  eerie_status_t status = ee_cli_array_measure(&array, &err);
  if (!status) status = ee_cli_array_allocate(&array, &err);
  if (!status && fill == EE_CLI_FILL_RANDOM) fill_array(&array, state);
  if (!status)
    status = eerie_tensor_create(place->device, array.dtype, array.rank, array.shape, array.data,
                                 &out_value->as.tensor, &err);
  ee_cli_array_free(&array);
  return status ? ee_cli_fail_error(ee_cli_exit_code(status), &err) : EE_CLI_OK;
}

static int fill_value(const ee_cli_place_t *place, const eerie_function_t *function, size_t index,
                      ee_cli_fill_t fill, uint64_t *state, eerie_value_t *out_value) {
  const eerie_type_t *const type = eerie_function_input(function, index);
  const int one = fill != EE_CLI_FILL_ZERO;
  int exit_code = EE_CLI_OK;
  eerie_value_t value = {.kind = type->kind};
  switch (type->kind) {
  case EERIE_KIND_TENSOR:
    exit_code = fill_tensor(place, function, index, fill, state, &value);
    break;
  case EERIE_KIND_I32: value.as.i32 = one; break;
  case EERIE_KIND_I64: value.as.i64 = one; break;
  case EERIE_KIND_F32: value.as.f32 = (float)one; break;
  case EERIE_KIND_F64: value.as.f64 = one; break;
  default: exit_code = open_shape(function, index, type); break;
  }
  if (!exit_code) *out_value = value;
  return exit_code;
}

int ee_cli_values_fill(const ee_cli_place_t *place, const eerie_function_t *function,
                       ee_cli_fill_t fill, ee_cli_values_t *out_values) {
  uint64_t state = 1;
  const size_t count = eerie_function_input_count(function);
  *out_values = (ee_cli_values_t){.items = calloc(count + 1, sizeof(eerie_value_t))};
  if (!out_values->items) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  int exit_code = EE_CLI_OK;
  for (size_t i = 0; i < count && !exit_code; ++i) {
    exit_code = fill_value(place, function, i, fill, &state, &out_values->items[i]);
    if (!exit_code) ++out_values->count;
  }
  if (exit_code) ee_cli_values_free(out_values);
  return exit_code;
}
