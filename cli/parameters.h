// parameters.h: parameter files as commands name them.
#ifndef EERIE_CLI_PARAMETERS_H_
#define EERIE_CLI_PARAMETERS_H_

#include "cli.h"
#include "eerie/eerie_parameters.h"

// One set for each scope. Zero-initialise it.
typedef struct ee_cli_parameters {
  eerie_parameters_t **sets;
  size_t count;
} ee_cli_parameters_t;

// Opens files named "scope=file", or "file" for keys without a scope. Returns an exit code and
// prints errors. Close it in both cases.
int ee_cli_parameters_open(eerie_instance_t *instance, const ee_cli_strings_t *files,
                           ee_cli_parameters_t *out_parameters);
void ee_cli_parameters_close(ee_cli_parameters_t *parameters);

#endif // EERIE_CLI_PARAMETERS_H_
