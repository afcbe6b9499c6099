// fill.h: arguments that the command line does not give.
#ifndef EERIE_CLI_FILL_H_
#define EERIE_CLI_FILL_H_

#include "value.h"

typedef enum ee_cli_fill {
  EE_CLI_FILL_RANDOM, // floats from [0, 1), integers and booleans 0 or 1, plain numbers 1
  EE_CLI_FILL_ZERO,
} ee_cli_fill_t;

// "random" or "zero"; false: neither.
bool ee_cli_fill_parse(const char *text, ee_cli_fill_t *out_fill);

// Makes an argument for each input of the function from its type; the same ones each time. Returns
// an exit code: USAGE, with a message, for an input whose shape is open or that has to be made by a
// program.
int ee_cli_values_fill(const ee_cli_place_t *place, const eerie_function_t *function,
                       ee_cli_fill_t fill, ee_cli_values_t *out_values);

#endif // EERIE_CLI_FILL_H_
