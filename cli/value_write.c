// value_write.c: results as text, as .npy files and as bytes.
#include <inttypes.h>
#include <string.h>

#include "element.h"
#include "npy.h"
#include "value.h"

eerie_status_t ee_cli_tensor_array(const eerie_tensor_t *tensor, ee_cli_array_t *out_array,
                                   bool *out_owned, eerie_error_t *err) {
  *out_array =
      (ee_cli_array_t){.dtype = eerie_tensor_dtype(tensor), .rank = eerie_tensor_rank(tensor)};
  *out_owned = false;
  if (out_array->rank > EERIE_TENSOR_RANK_LIMIT)
    return ee_cli_error(err, EERIE_INTERNAL, "a tensor of rank %zu", out_array->rank);
  for (size_t i = 0; i < out_array->rank; ++i)
    out_array->shape[i] = eerie_tensor_shape(tensor)[i];
  eerie_status_t status = ee_cli_array_measure(out_array, err);
  if (status) return status;
  if (out_array->size > eerie_tensor_size(tensor))
    return ee_cli_error(err, EERIE_INTERNAL, "a tensor of %zu bytes with memory of %" PRIu64,
                        out_array->size, eerie_tensor_size(tensor));
  // Only read through this pointer while the array is not owned.
  const void *const data = eerie_tensor_data(tensor);
  if (data || out_array->size == 0) {
    memcpy(&out_array->data, &data, sizeof data);
    return EERIE_OK;
  }
  status = ee_cli_array_allocate(out_array, err);
  if (status) return status;
  status = eerie_tensor_read(tensor, 0, out_array->data, out_array->size, err);
  if (status)
    ee_cli_array_free(out_array);
  else
    *out_owned = true;
  return status;
}

// ---- Text --------------------------------------------------------------------------------------

static eerie_status_t format_value(ee_cli_text_t *text, const eerie_value_t *value, uint64_t limit,
                                   unsigned depth, eerie_error_t *err);

static eerie_status_t format_tensor(ee_cli_text_t *text, const eerie_tensor_t *tensor,
                                    uint64_t limit, eerie_error_t *err) {
  ee_cli_array_t array;
  bool owned = false;
  const eerie_status_t status = ee_cli_tensor_array(tensor, &array, &owned, err);
  if (status) return status;
  ee_cli_text_string(text, "hal.buffer_view\n");
  ee_cli_array_format(text, &array, limit);
  if (owned) ee_cli_array_free(&array);
  return EERIE_OK;
}

static eerie_status_t format_list(ee_cli_text_t *text, const eerie_list_t *list, uint64_t limit,
                                  unsigned depth, eerie_error_t *err) {
  ee_cli_text_string(text, "vm.list\n");
  for (size_t i = 0; i < eerie_list_count(list); ++i) {
    eerie_value_t item = {0};
    eerie_status_t status = eerie_list_get(list, i, &item, err);
    if (status) return status;
    ee_cli_text_printf(text, "child_list[%zu]: ", i);
    status = format_value(text, &item, limit, depth + 1, err);
    eerie_value_release(&item);
    if (status) return status;
    ee_cli_text_string(text, "\n");
  }
  return EERIE_OK;
}

static eerie_status_t format_value(ee_cli_text_t *text, const eerie_value_t *value, uint64_t limit,
                                   unsigned depth, eerie_error_t *err) {
  // A list may hold itself.
  enum { DEPTH_LIMIT = 32 };
  switch (value->kind) {
  case EERIE_KIND_NONE: ee_cli_text_string(text, "(null)"); break;
  case EERIE_KIND_TENSOR: return format_tensor(text, value->as.tensor, limit, err);
  case EERIE_KIND_I32: ee_cli_text_printf(text, "i32=%" PRId32, value->as.i32); break;
  case EERIE_KIND_I64: ee_cli_text_printf(text, "i64=%" PRId64, value->as.i64); break;
  case EERIE_KIND_F32: ee_cli_text_printf(text, "f32=%g", (double)value->as.f32); break;
  case EERIE_KIND_F64: ee_cli_text_printf(text, "f64=%g", value->as.f64); break;
  case EERIE_KIND_LIST:
    if (depth < DEPTH_LIMIT) return format_list(text, value->as.list, limit, depth, err);
    ee_cli_text_string(text, "vm.list\n...");
    break;
  // Types that iree-run-module has no text for, either.
  case EERIE_KIND_BUFFER:
  case EERIE_KIND_FENCE:
  case EERIE_KIND_OTHER:
    ee_cli_text_printf(text, "%s\n(no printer)", eerie_value_type_name(value));
    break;
  }
  return EERIE_OK;
}

eerie_status_t ee_cli_value_format(ee_cli_text_t *text, const eerie_value_t *value, uint64_t limit,
                                   eerie_error_t *err) {
  return format_value(text, value, limit, 0, err);
}

// ---- Files -------------------------------------------------------------------------------------

// A scalar, bytes or nothing as an array: rank 0, i8 of that length, i8 of length 0. It lives as
// long as `value`.
static bool plain_array(const eerie_value_t *value, ee_cli_array_t *out_array) {
  *out_array = (ee_cli_array_t){.count = 1};
  const void *data = &value->as;
  switch (value->kind) {
  case EERIE_KIND_I32: out_array->dtype = EERIE_I32; break;
  case EERIE_KIND_I64: out_array->dtype = EERIE_I64; break;
  case EERIE_KIND_F32: out_array->dtype = EERIE_F32; break;
  case EERIE_KIND_F64: out_array->dtype = EERIE_F64; break;
  case EERIE_KIND_NONE:
  case EERIE_KIND_BUFFER:
  case EERIE_KIND_OTHER:
    if (value->kind == EERIE_KIND_OTHER && strcmp(eerie_value_type_name(value), "hal.buffer") != 0)
      return false;
    out_array->dtype = EERIE_I8;
    out_array->rank = 1;
    data = eerie_value_bytes(value, &out_array->count);
    out_array->shape[0] = (int64_t)out_array->count;
    break;
  default: return false;
  }
  out_array->size = (size_t)out_array->count * (ee_cli_dtype_bits(out_array->dtype) / 8);
  memcpy(&out_array->data, &data, sizeof data); // read only
  return true;
}

eerie_status_t ee_cli_value_write(ee_cli_text_t *content, const eerie_value_t *value, bool raw,
                                  eerie_error_t *err) {
  ee_cli_array_t array;
  bool owned = false;
  if (value->kind == EERIE_KIND_TENSOR) {
    const eerie_status_t status = ee_cli_tensor_array(value->as.tensor, &array, &owned, err);
    if (status) return status;
  } else if (!plain_array(value, &array)) {
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT,
                        "the result is no tensor, number or bytes and cannot go into a file");
  }
  if (raw)
    ee_cli_text_append(content, array.data, array.size);
  else
    ee_cli_npy_write(content, &array);
  if (owned) ee_cli_array_free(&array);
  return EERIE_OK;
}
