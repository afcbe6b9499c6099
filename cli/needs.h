// needs.h: what a module wants from outside before it can run.
#ifndef EERIE_CLI_NEEDS_H_
#define EERIE_CLI_NEEDS_H_

#include "cli.h"
#include "eerie/eerie.h"

// A parameter: `size` is the bytes that are read of it, from its beginning on.
typedef struct ee_cli_need {
  char *scope, *key; // text, with \x41 for what cannot be printed
  uint64_t size;
} ee_cli_need_t;

typedef struct ee_cli_needs {
  ee_cli_need_t *items;
  size_t count;
  bool incomplete; // a call whose keys do not stand in the module, or no memory
} ee_cli_needs_t;

// Finds the parameters that the module's code asks for, as far as that shows without running it.
void ee_cli_needs_find(const eerie_module_t *module, ee_cli_needs_t *out_needs);
void ee_cli_needs_free(ee_cli_needs_t *needs);

// Whether the import is a function of a module that the runtime brings along ("hal.fence.create").
bool ee_cli_import_is_provided(const char *name);

#endif // EERIE_CLI_NEEDS_H_
