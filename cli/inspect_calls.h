// inspect_calls.h: what calls of a module's functions would do, found without running a kernel.
#ifndef EERIE_CLI_INSPECT_CALLS_H_
#define EERIE_CLI_INSPECT_CALLS_H_

#include "json.h"
#include "model.h"

typedef struct ee_cli_inspect_calls {
  ee_cli_model_options_t model; // its modules are not looked at
  bool dispatches, memory;
} ee_cli_inspect_calls_t;

// Loads the module at `path` for a device of this machine, calls its functions (or the one that the
// options name) with an observer that lets no kernel run, and prints what was dispatched and what
// memory was used; with `json` appends an object instead. Returns an exit code.
int ee_cli_inspect_calls(const ee_cli_inspect_calls_t *options, const char *path,
                         ee_cli_json_t *json);

#endif // EERIE_CLI_INSPECT_CALLS_H_
