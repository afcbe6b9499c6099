// array.c: tensors as text: "2x3xf32=[1 2 3][4 5 6]".
#include "array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"

// Windows has a function of its own that gives aligned memory back.
#if !defined(aligned_free)
#define aligned_free free
#endif

void ee_cli_array_free(ee_cli_array_t *array) {
  aligned_free(array->data);
  array->data = NULL;
}

void ee_cli_array_release(void *user, void *data) {
  (void)user;
  aligned_free(data);
}

eerie_status_t ee_cli_array_measure(ee_cli_array_t *array, eerie_error_t *err) {
  const uint64_t bits = ee_cli_dtype_bits(array->dtype);
  uint64_t count = 1;
  bool empty = false, too_large = false;
  for (size_t i = 0; i < array->rank; ++i) {
    const uint64_t size = (uint64_t)array->shape[i];
    if (size == 0)
      empty = true;
    else if (count > (uint64_t)INT64_MAX / size)
      too_large = true;
    else
      count *= size;
  }
  if (empty) count = 0;
  // Sub-byte elements are counted in bytes first: eight of them fill `bits` bytes.
  const uint64_t unit = bits < 8 ? 1 : bits / 8;
  if (count > (uint64_t)INT64_MAX / unit || count * unit > SIZE_MAX) too_large = true;
  if (too_large && !empty)
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "the shape has more than 2^63 - 1 bytes");
  array->count = count;
  array->size = (size_t)(bits < 8 ? count / 8 * bits + (count % 8 * bits + 7) / 8 : count * unit);
  return EERIE_OK;
}

eerie_status_t ee_cli_array_allocate(ee_cli_array_t *array, eerie_error_t *err) {
  array->data = NULL;
  void *data = NULL;
  if (array->size > SIZE_MAX - EERIE_BUFFER_ALIGNMENT ||
      !(data = aligned_alloc(EERIE_BUFFER_ALIGNMENT,
                             (array->size / EERIE_BUFFER_ALIGNMENT + 1) * EERIE_BUFFER_ALIGNMENT)))
    return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "no memory for a tensor of %zu bytes",
                        array->size);
  memset(data, 0, array->size);
  array->data = data;
  return EERIE_OK;
}

// ---- Reading -----------------------------------------------------------------------------------

// Reads digits; false when there are none. Too large a number becomes UINT64_MAX.
static bool parse_dimension(const char **at, const char *end, uint64_t *out_value) {
  const char *const start = *at;
  uint64_t value = 0;
  for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
    const uint64_t digit = (uint64_t)(**at - '0');
    value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
  }
  *out_value = value;
  return *at > start;
}

eerie_status_t ee_cli_array_parse_type(const char *text, size_t length, ee_cli_array_t *array,
                                       eerie_error_t *err) {
  *array = (ee_cli_array_t){0};
  const char *at = text;
  const char *const end = text + length;
  uint64_t size = 0;
  while (parse_dimension(&at, end, &size)) {
    if (at == end || *at != 'x')
      return ee_cli_error(err, EERIE_INVALID_ARGUMENT,
                          "'%.*s' has no element type; expected something like 2x3xf32",
                          (int)length, text);
    ++at;
    if (size > INT64_MAX)
      return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "dimension %zu of '%.*s' is above 2^63 - 1",
                          array->rank, (int)length, text);
    if (array->rank == EERIE_TENSOR_RANK_LIMIT)
      return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "'%.*s' has more than %d dimensions",
                          (int)length, text, EERIE_TENSOR_RANK_LIMIT);
    array->shape[array->rank++] = (int64_t)size;
  }
  if (at < end && (*at == '-' || *at == '?'))
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "dimension %zu of '%.*s' is no whole number",
                        array->rank, (int)length, text);
  array->dtype = ee_cli_dtype_parse(at, (size_t)(end - at));
  if (!array->dtype)
    return ee_cli_error(
        err, EERIE_INVALID_ARGUMENT,
        "'%.*s' is no element type; expected one of i1, i4 to i64, si8 to si64, ui8 "
        "to ui64, f16, bf16, f32, f64, f8E..., cf64, cf128",
        (int)(end - at), at);
  const eerie_status_t status = ee_cli_array_measure(array, err);
  if (status)
    return ee_cli_error(err, status, "the shape '%.*s' has more than 2^63 - 1 bytes", (int)length,
                        text);
  return EERIE_OK;
}

static bool is_separator(char c) {
  return c && strchr(" \t\r\n\v\f,[]", c) != NULL;
}

static eerie_status_t too_few(const ee_cli_array_t *array, uint64_t found, eerie_error_t *err) {
  return ee_cli_error(err, EERIE_OUT_OF_RANGE,
                      "%" PRIu64 " values for a shape of %" PRIu64 " elements", found,
                      array->count);
}

static eerie_status_t parse_elements(const char *text, ee_cli_array_t *array, eerie_error_t *err) {
  uint64_t found = 0;
  for (const char *at = text; *at;) {
    if (is_separator(*at)) {
      ++at;
      continue;
    }
    const char *const start = at;
    while (*at && !is_separator(*at))
      ++at;
    const int shown = at - start > 40 ? 40 : (int)(at - start);
    if (found == array->count)
      return ee_cli_error(err, EERIE_OUT_OF_RANGE,
                          "too many values for a shape of %" PRIu64 " elements, from '%.*s' on",
                          array->count, shown, start);
    ee_cli_bits_t bits;
    if (!ee_cli_element_parse(start, (size_t)(at - start), array->dtype, &bits)) {
      char name[EE_CLI_DTYPE_NAME_SIZE];
      ee_cli_dtype_name(array->dtype, name);
      return ee_cli_error(err, EERIE_INVALID_ARGUMENT,
                          "value %" PRIu64 ", '%.*s', is not of type %s", found, shown, start,
                          name);
    }
    ee_cli_element_set(array->data, array->dtype, found++, bits);
  }
  if (found == 1) {
    const ee_cli_bits_t bits = ee_cli_element_get(array->data, array->dtype, 0);
    for (; found < array->count; ++found)
      ee_cli_element_set(array->data, array->dtype, found, bits);
  }
  return found && found < array->count ? too_few(array, found, err) : EERIE_OK;
}

eerie_status_t ee_cli_array_parse(const char *text, ee_cli_array_t *array, eerie_error_t *err) {
  const size_t type_length = strcspn(text, "=");
  eerie_status_t status = ee_cli_array_parse_type(text, type_length, array, err);
  if (!status) status = ee_cli_array_allocate(array, err);
  if (!status && text[type_length]) status = parse_elements(text + type_length + 1, array, err);
  if (status) ee_cli_array_free(array);
  return status;
}

// ---- Other names for the same numbers ----------------------------------------------------------

static eerie_status_t pack(ee_cli_array_t *array, eerie_dtype_t dtype, eerie_error_t *err) {
  ee_cli_array_t packed = *array;
  packed.dtype = dtype;
  eerie_status_t status = ee_cli_array_measure(&packed, err);
  if (!status) status = ee_cli_array_allocate(&packed, err);
  if (status) return status;
  for (uint64_t i = 0; i < array->count; ++i) {
    char text[EE_CLI_ELEMENT_TEXT_SIZE];
    ee_cli_bits_t bits;
    ee_cli_element_format(ee_cli_element_get(array->data, array->dtype, i), array->dtype, text);
    if (!ee_cli_element_parse(text, strlen(text), dtype, &bits)) {
      ee_cli_array_free(&packed);
      return ee_cli_error(err, EERIE_INVALID_ARGUMENT,
                          "element %" PRIu64 ", %s, does not fit %u bits", i, text,
                          ee_cli_dtype_bits(dtype));
    }
    ee_cli_element_set(packed.data, dtype, i, bits);
  }
  ee_cli_array_free(array);
  *array = packed;
  return EERIE_OK;
}

eerie_status_t ee_cli_array_adopt(ee_cli_array_t *array, eerie_dtype_t dtype, eerie_error_t *err) {
  const unsigned from = ee_cli_dtype_bits(array->dtype), to = ee_cli_dtype_bits(dtype);
  const bool integers = ee_cli_dtype_is_integer(array->dtype) && ee_cli_dtype_is_integer(dtype);
  const bool bytes = ee_cli_dtype_number(array->dtype) == EE_CLI_OPAQUE;
  if (from == to && (integers || bytes)) array->dtype = dtype;
  if (from == 8 && to < 8 && integers) return pack(array, dtype, err);
  return EERIE_OK;
}

// ---- Writing -----------------------------------------------------------------------------------

void ee_cli_type_format(ee_cli_text_t *text, eerie_dtype_t dtype, size_t rank,
                        const int64_t *shape) {
  char name[EE_CLI_DTYPE_NAME_SIZE];
  ee_cli_dtype_name(dtype, name);
  for (size_t i = 0; i < rank; ++i)
    ee_cli_text_printf(text, "%" PRId64 "x", shape[i]);
  ee_cli_text_string(text, name);
}

// A row: the elements of the last dimension. What does not fit the limit any more is "...".
static void format_row(ee_cli_text_t *text, const ee_cli_array_t *array, uint64_t length,
                       uint64_t *index, uint64_t *limit) {
  const uint64_t shown = length < *limit ? length : *limit;
  for (uint64_t i = 0; i < shown && !text->failed; ++i) {
    char element[EE_CLI_ELEMENT_TEXT_SIZE];
    ee_cli_element_format(ee_cli_element_get(array->data, array->dtype, *index + i), array->dtype,
                          element);
    if (i) ee_cli_text_append(text, " ", 1);
    ee_cli_text_string(text, element);
  }
  if (shown < length) ee_cli_text_string(text, "...");
  *limit -= shown;
  *index += length;
}

// All rows are visited, also those past the limit: iree-run-module prints their brackets, too. The
// position is an odometer over all dimensions but the last.
void ee_cli_array_format(ee_cli_text_t *text, const ee_cli_array_t *array, uint64_t limit) {
  ee_cli_type_format(text, array->dtype, array->rank, array->shape);
  ee_cli_text_append(text, "=", 1);
  uint64_t index = 0;
  if (array->rank < 2) {
    format_row(text, array, array->rank ? (uint64_t)array->shape[0] : 1, &index, &limit);
    return;
  }
  const size_t outer = array->rank - 1;
  int64_t position[EERIE_TENSOR_RANK_LIMIT] = {0};
  size_t level = 0; // brackets that are open
  // A shape like 1000000000000x0 has no elements and no end of rows.
  uint64_t rows_left = UINT64_C(1) << 20;
  while (!text->failed) {
    if (level == outer) {
      if (rows_left-- == 0) {
        ee_cli_text_string(text, "...");
        return;
      }
      format_row(text, array, (uint64_t)array->shape[outer], &index, &limit);
    } else if (position[level] < array->shape[level]) {
      ee_cli_text_append(text, "[", 1);
      ++position[level++];
      if (level < outer) position[level] = 0;
      continue;
    }
    if (level == 0) break;
    ee_cli_text_append(text, "]", 1);
    --level;
  }
}
