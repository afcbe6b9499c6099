// declaration.h: the types of a function as the compiler wrote them into the module.
#ifndef EERIE_CLI_DECLARATION_H_
#define EERIE_CLI_DECLARATION_H_

#include "cli.h"
#include "eerie/eerie.h"

// One argument or result.
typedef struct ee_cli_declared {
  char *name; // "input0"
  char *text; // "tensor<?x4xf32>", "i32"
  eerie_kind_t kind;
  eerie_dtype_t dtype;                    // tensors
  size_t rank;                            // tensors; SIZE_MAX: not told
  int64_t shape[EERIE_TENSOR_RANK_LIMIT]; // -1: dynamic
} ee_cli_declared_t;

typedef struct ee_cli_declaration {
  ee_cli_declared_t *inputs;
  size_t input_count;
  ee_cli_declared_t *outputs;
  size_t output_count;
} ee_cli_declaration_t;

// Reads "sync func @f(%a: tensor<4xf32>) -> (%b: i32)". INVALID_ARGUMENT: it is not of this form,
// and the message says where.
eerie_status_t ee_cli_declaration_parse(const char *text, ee_cli_declaration_t *out_declaration,
                                        eerie_error_t *err);
void ee_cli_declaration_free(ee_cli_declaration_t *declaration);

#endif // EERIE_CLI_DECLARATION_H_
