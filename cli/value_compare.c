// value_compare.c: --expected_output: results against what they should be.
//
// Messages and tolerances are those of iree-run-module 3.13.0. It reports equal scalars as a
// mismatch of types; here they are equal.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "element.h"
#include "value.h"

static double absolute_tolerance(const ee_cli_tolerance_t *tolerance, eerie_dtype_t dtype) {
  switch (dtype) {
  case EERIE_F16: return tolerance->f16;
  case EERIE_BF16: return tolerance->bf16;
  case EERIE_F32: return tolerance->f32;
  case EERIE_F64: return tolerance->f64;
  default: return -1; // compared exactly
  }
}

// NaN equals NaN; nothing but itself equals an infinity.
static bool is_close(double actual, double expected, double absolute, double relative) {
  if (actual == expected || (isnan(actual) && isnan(expected))) return true;
  if (!isfinite(expected)) return false;
  return fabs(actual - expected) <= absolute + relative * fabs(expected);
}

// The first element that differs; the count when none does.
static uint64_t first_difference(const ee_cli_array_t *expected, const ee_cli_array_t *actual,
                                 const ee_cli_tolerance_t *tolerance) {
  const double absolute = tolerance->exact ? -1 : absolute_tolerance(tolerance, expected->dtype);
  for (uint64_t i = 0; i < expected->count; ++i) {
    const ee_cli_bits_t e = ee_cli_element_get(expected->data, expected->dtype, i);
    const ee_cli_bits_t a = ee_cli_element_get(actual->data, actual->dtype, i);
    const bool same = absolute < 0 ? memcmp(&e, &a, sizeof e) == 0
                                   : is_close(ee_cli_element_value(a, actual->dtype),
                                              ee_cli_element_value(e, expected->dtype), absolute,
                                              tolerance->relative);
    if (!same) return i;
  }
  return expected->count;
}

// NumPy has no signless integers: those of its files match by width.
static bool same_dtype(eerie_dtype_t a, eerie_dtype_t b) {
  if (a == b) return true;
  const bool signless =
      ee_cli_dtype_number(a) == EE_CLI_INT || ee_cli_dtype_number(b) == EE_CLI_INT;
  return signless && ee_cli_dtype_is_integer(a) && ee_cli_dtype_is_integer(b) &&
         ee_cli_dtype_bits(a) == ee_cli_dtype_bits(b);
}

static bool same_type(const ee_cli_array_t *a, const ee_cli_array_t *b) {
  return same_dtype(a->dtype, b->dtype) && a->rank == b->rank &&
         memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

static void report_type(ee_cli_text_t *report, const ee_cli_array_t *array) {
  ee_cli_type_format(report, array->dtype, array->rank, array->shape);
}

// What differs, in one line; false when nothing does.
static bool report_difference(ee_cli_text_t *report, const ee_cli_array_t *expected,
                              const ee_cli_array_t *actual, const ee_cli_tolerance_t *tolerance) {
  if (!same_type(expected, actual)) {
    ee_cli_text_string(report, "metadata is ");
    report_type(report, actual);
    ee_cli_text_string(report, "; expected that the view matches ");
    report_type(report, expected);
    return true;
  }
  const uint64_t at = first_difference(expected, actual, tolerance);
  if (at == expected->count) return false;
  char found[EE_CLI_ELEMENT_TEXT_SIZE], wanted[EE_CLI_ELEMENT_TEXT_SIZE];
  ee_cli_element_format(ee_cli_element_get(actual->data, actual->dtype, at), actual->dtype, found);
  ee_cli_element_format(ee_cli_element_get(expected->data, expected->dtype, at), expected->dtype,
                        wanted);
  ee_cli_text_printf(report, "element at index %" PRIu64 " (%s) does not match the expected (%s)",
                     at, found, wanted);
  return true;
}

static bool compare_arrays(size_t index, const ee_cli_array_t *expected,
                           const ee_cli_array_t *actual, const ee_cli_tolerance_t *tolerance,
                           ee_cli_text_t *report) {
  enum { SHOWN = 1024 };
  ee_cli_text_t difference = {0};
  const bool differs = report_difference(&difference, expected, actual, tolerance);
  if (differs) {
    ee_cli_text_printf(report, "[FAILED] result[%zu]: ", index);
    ee_cli_text_append(report, difference.data, difference.size);
    ee_cli_text_string(report, "; expected that the view is equal to contents of a view of ");
    report_type(report, expected);
    ee_cli_text_string(report, "\n  expected:\n");
    ee_cli_array_format(report, expected, SHOWN);
    ee_cli_text_string(report, "\n  actual:\n");
    ee_cli_array_format(report, actual, SHOWN);
    ee_cli_text_string(report, "\n");
  }
  ee_cli_text_free(&difference);
  return !differs;
}

static eerie_status_t compare_tensors(size_t index, const eerie_tensor_t *expected,
                                      const eerie_tensor_t *actual,
                                      const ee_cli_tolerance_t *tolerance, ee_cli_text_t *report,
                                      bool *out_equal, eerie_error_t *err) {
  ee_cli_array_t arrays[2] = {{0}};
  bool owned[2] = {false, false};
  eerie_status_t status = ee_cli_tensor_array(expected, &arrays[0], &owned[0], err);
  if (!status) status = ee_cli_tensor_array(actual, &arrays[1], &owned[1], err);
  if (!status) *out_equal = compare_arrays(index, &arrays[0], &arrays[1], tolerance, report);
  for (int i = 0; i < 2; ++i)
    if (owned[i]) ee_cli_array_free(&arrays[i]);
  return status;
}

static const char *type_name(const eerie_value_t *value) {
  switch (value->kind) {
  case EERIE_KIND_NONE: return "empty";
  case EERIE_KIND_I32: return "i32";
  case EERIE_KIND_I64: return "i64";
  case EERIE_KIND_F32: return "f32";
  case EERIE_KIND_F64: return "f64";
  default: return eerie_value_type_name(value);
  }
}

static bool is_scalar(eerie_kind_t kind) {
  return kind >= EERIE_KIND_I32 && kind <= EERIE_KIND_F64;
}

static bool same_scalar(const eerie_value_t *a, const eerie_value_t *b) {
  switch (a->kind) {
  case EERIE_KIND_I32: return a->as.i32 == b->as.i32;
  case EERIE_KIND_I64: return a->as.i64 == b->as.i64;
  case EERIE_KIND_F32: return a->as.f32 == b->as.f32 || (isnan(a->as.f32) && isnan(b->as.f32));
  default: return a->as.f64 == b->as.f64 || (isnan(a->as.f64) && isnan(b->as.f64));
  }
}

// "i32=5" without its type.
static void report_number(ee_cli_text_t *report, const char *label, const eerie_value_t *value) {
  ee_cli_text_printf(report, "\n  %s: ", label);
  switch (value->kind) {
  case EERIE_KIND_I32: ee_cli_text_printf(report, "%" PRId32, value->as.i32); break;
  case EERIE_KIND_I64: ee_cli_text_printf(report, "%" PRId64, value->as.i64); break;
  case EERIE_KIND_F32: ee_cli_text_printf(report, "%G", (double)value->as.f32); break;
  default: ee_cli_text_printf(report, "%G", value->as.f64); break;
  }
}

static bool compare_scalars(size_t index, const eerie_value_t *expected,
                            const eerie_value_t *actual, ee_cli_text_t *report) {
  if (same_scalar(expected, actual)) return true;
  ee_cli_text_printf(report, "[FAILED] result[%zu]: %s values differ", index, type_name(actual));
  report_number(report, "expected", expected);
  report_number(report, "actual", actual);
  ee_cli_text_string(report, "\n");
  return false;
}

static bool compare_buffers(size_t index, const eerie_buffer_t *expected,
                            const eerie_buffer_t *actual, ee_cli_text_t *report) {
  const size_t size = eerie_buffer_size(expected);
  if (size == eerie_buffer_size(actual) &&
      (size == 0 || memcmp(eerie_buffer_data(expected), eerie_buffer_data(actual), size) == 0))
    return true;
  ee_cli_text_printf(report, "[FAILED] result[%zu]: bytes differ; expected %zu, got %zu\n", index,
                     size, eerie_buffer_size(actual));
  return false;
}

eerie_status_t ee_cli_values_compare(const ee_cli_values_t *expected, const ee_cli_values_t *actual,
                                     const ee_cli_tolerance_t *tolerance, ee_cli_text_t *report,
                                     bool *out_equal, eerie_error_t *err) {
  *out_equal = expected->count == actual->count;
  if (!*out_equal)
    ee_cli_text_printf(report, "[FAILED] expected %zu list elements but %zu provided\n",
                       expected->count, actual->count);
  const size_t count = *out_equal ? expected->count : 0;
  for (size_t i = 0; i < count; ++i) {
    const eerie_value_t *const e = &expected->items[i], *const a = &actual->items[i];
    bool equal = false;
    if (e->kind == EERIE_KIND_NONE) continue; // (ignored)
    if (e->kind != a->kind || e->kind == EERIE_KIND_LIST || e->kind >= EERIE_KIND_FENCE) {
      ee_cli_text_printf(report,
                         "[FAILED] result[%zu]: variant types mismatch; expected %s but got %s\n",
                         i, type_name(e), type_name(a));
    } else if (is_scalar(e->kind)) {
      equal = compare_scalars(i, e, a, report);
    } else if (e->kind == EERIE_KIND_BUFFER) {
      equal = compare_buffers(i, e->as.buffer, a->as.buffer, report);
    } else {
      const eerie_status_t status =
          compare_tensors(i, e->as.tensor, a->as.tensor, tolerance, report, &equal, err);
      if (status) return status;
    }
    *out_equal = *out_equal && equal;
  }
  return EERIE_OK;
}
