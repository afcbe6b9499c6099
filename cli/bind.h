// bind.h: what the files of `eerie bind` share: bind.c gathers the functions of a module,
// bind_function.c writes one, bind_header.c all that stands around them.
#ifndef EERIE_CLI_BIND_H_
#define EERIE_CLI_BIND_H_

#include "cli.h"
#include "declaration.h"
#include "eerie/eerie.h"

// One function to be bound.
typedef struct ee_cli_bound {
  eerie_export_info_t export;
  ee_cli_declaration_t types;
  char *name; // as an identifier
} ee_cli_bound_t;

typedef struct ee_cli_binder {
  const char *module_path;
  char *prefix;       // "model"
  char *guard_prefix; // "MODEL"
  bool embed;
  ee_cli_bound_t *functions;
  size_t function_count;
  ee_cli_text_t text;
} ee_cli_binder_t;

// The C type of a tensor whose shape is known, where no type before is the same.
void ee_cli_bind_write_type(ee_cli_binder_t *binder, const ee_cli_declared_t *type);
// The C function for number `number`.
void ee_cli_bind_write_function(ee_cli_binder_t *binder, size_t number);
// The whole header; `bytes` is the module, for binder->embed.
void ee_cli_bind_write_header(ee_cli_binder_t *binder, const ee_cli_text_t *bytes);

#endif // EERIE_CLI_BIND_H_
