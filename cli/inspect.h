// inspect.h: what the files of `eerie inspect` share.
#ifndef EERIE_CLI_INSPECT_H_
#define EERIE_CLI_INSPECT_H_

#include <stdbool.h>

#include "inspect_calls.h"
#include "json.h"

// Is this constant the name of a format of kernels?
bool ee_cli_is_kernel_format(const unsigned char *bytes, size_t size);

// Are the module's kernels in a file of their own, to be linked into a program?
bool ee_cli_has_static_kernels(const eerie_module_t *module);

// The same as ee_cli_inspect_calls of such a module: no device of this machine can be asked for its
// kernels, so calls are recorded. What cannot be recorded is named and no failure.
int ee_cli_inspect_static(const ee_cli_inspect_calls_t *options, eerie_instance_t *instance,
                          eerie_module_t *module, const char *path, ee_cli_json_t *json);

#endif // EERIE_CLI_INSPECT_H_
