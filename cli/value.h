// value.h: arguments and results of functions on the command line.
#ifndef EERIE_CLI_VALUE_H_
#define EERIE_CLI_VALUE_H_

#include "array.h"
#include "file.h"

typedef struct ee_cli_values {
  eerie_value_t *items;
  size_t count;
} ee_cli_values_t;

void ee_cli_values_free(ee_cli_values_t *values);

// Where values that are read come to be.
typedef struct ee_cli_place {
  eerie_instance_t *instance;
  eerie_device_t *device;
} ee_cli_place_t;

// Reads what the command line says of the arguments of a function: `what` is "input" with
// eerie_function_input as `type_at`, or "expected output" with eerie_function_output. A spec may
// give several values (*file.npy). Returns an exit code; when it is not 0 an error was printed and
// there are no values.
int ee_cli_values_read(const ee_cli_place_t *place, const eerie_function_t *function,
                       const char *what,
                       const eerie_type_t *(*type_at)(const eerie_function_t *, size_t),
                       const ee_cli_strings_t *specs, ee_cli_values_t *out_values);

// A view of a tensor's elements. `out_owned` tells whether to free the array: where the host does
// not see the device's memory it is a copy.
eerie_status_t ee_cli_tensor_array(const eerie_tensor_t *tensor, ee_cli_array_t *out_array,
                                   bool *out_owned, eerie_error_t *err);

// Appends a value as iree-run-module prints it, without the newline at the end.
eerie_status_t ee_cli_value_format(ee_cli_text_t *text, const eerie_value_t *value, uint64_t limit,
                                   eerie_error_t *err);
// Appends a value as a .npy array, or with `raw` only its bytes. INVALID_ARGUMENT: a list or fence.
eerie_status_t ee_cli_value_write(ee_cli_text_t *content, const eerie_value_t *value, bool raw,
                                  eerie_error_t *err);

// How close floats must be: |actual - expected| <= absolute + relative * |expected|.
typedef struct ee_cli_tolerance {
  bool exact; // byte for byte instead
  double f16, bf16, f32, f64, relative;
} ee_cli_tolerance_t;

// Compares results with expected ones. Appends what differs in the words of iree-run-module; sets
// `out_equal`.
eerie_status_t ee_cli_values_compare(const ee_cli_values_t *expected, const ee_cli_values_t *actual,
                                     const ee_cli_tolerance_t *tolerance, ee_cli_text_t *report,
                                     bool *out_equal, eerie_error_t *err);

#endif // EERIE_CLI_VALUE_H_
