// array.h: a tensor's worth of numbers in the command's own memory, and its spelling.
#ifndef EERIE_CLI_ARRAY_H_
#define EERIE_CLI_ARRAY_H_

#include "cli.h"
#include "eerie/eerie.h"

typedef struct ee_cli_array {
  eerie_dtype_t dtype;
  size_t rank;
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
  uint64_t count; // elements
  size_t size;    // bytes of `data`
  void *data;     // from ee_cli_array_allocate; NULL when there are none
} ee_cli_array_t;

// Frees the data. The function that eerie_tensor_wrap calls in its place is the second one.
void ee_cli_array_free(ee_cli_array_t *array);
void ee_cli_array_release(void *user, void *data);

// Works out count and size from dtype and shape. INVALID_ARGUMENT: more than 2^63 - 1 bytes.
eerie_status_t ee_cli_array_measure(ee_cli_array_t *array, eerie_error_t *err);
// Gives a measured array zeroed memory, aligned for eerie_tensor_wrap. RESOURCE_EXHAUSTED.
eerie_status_t ee_cli_array_allocate(ee_cli_array_t *array, eerie_error_t *err);

// Reads "2x3xf32" or "f32" of `length` characters and measures it.
eerie_status_t ee_cli_array_parse_type(const char *text, size_t length, ee_cli_array_t *array,
                                       eerie_error_t *err);
// Reads "2x3xf32=1 2 3 4 5 6". Values are separated by blanks, commas and brackets; one value
// stands for all; none for zeros.
eerie_status_t ee_cli_array_parse(const char *text, ee_cli_array_t *array, eerie_error_t *err);

// Gives the elements the type `dtype` where that only names the same numbers better (si32 from a
// NumPy file where a function wants i32; raw bytes as bf16) or packs bytes into 4-bit integers.
// Everything else is left as it is.
eerie_status_t ee_cli_array_adopt(ee_cli_array_t *array, eerie_dtype_t dtype, eerie_error_t *err);

// Appends "2x3xf32".
void ee_cli_type_format(ee_cli_text_t *text, eerie_dtype_t dtype, size_t rank,
                        const int64_t *shape);
// Appends "2x3xf32=[1 2 3][4 5 6]", with "..." after `limit` elements.
void ee_cli_array_format(ee_cli_text_t *text, const ee_cli_array_t *array, uint64_t limit);

#endif // EERIE_CLI_ARRAY_H_
