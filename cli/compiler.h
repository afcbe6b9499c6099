// compiler.h: what `compile` and `import` share.
#ifndef EERIE_CLI_COMPILER_H_
#define EERIE_CLI_COMPILER_H_

#include "cli.h"
#include "eerie/eerie_compiler.h"
#include "sha256.h"

// Shows on the terminal, once a second from the first on, that something goes on. Does nothing
// where stderr is no terminal.
void ee_cli_progress_start(const char *what);
// Takes the line away, so that other text can be printed; it comes back with the next second.
void ee_cli_progress_clear(void);
void ee_cli_progress_stop(void);

// Prints "file:line:column: severity: message" on stderr, and the line of the file with a mark.
void ee_cli_print_diagnostic(const eerie_compiler_diagnostic_t *diagnostic);

// ---- Importing ---------------------------------------------------------------------------------

// Options of an import, which `eerie compile` has too.
typedef struct ee_cli_import_options {
  ee_cli_strings_t dims, inputs, weights, rewrites, no_rewrites;
  const char *function, *parameters, *parameter_scope, *route;
  uint64_t opset;
  bool inline_weights, trust_pickle, keep_f64, verbose;
} ee_cli_import_options_t;

// Rows of a table of options.
#define EE_CLI_IMPORT_OPTIONS(o)                                                                   \
  {"dim", "NAME=SIZE", EE_CLI_STRINGS, &(o)->dims,                                                 \
   "a dimension by name: a size, LEAST:MOST, or ? for\nany; may be repeated"},                     \
      {"input", "SHAPExDTYPE", EE_CLI_STRINGS, &(o)->inputs,                                       \
       "an example input of a Python function: 1x784xf32;\none for each argument"},                \
      {"weights", "ARGUMENT", EE_CLI_STRINGS, &(o)->weights,                                       \
       "of a JAX function: this argument, by name or\nposition, is the model's weights"},          \
      {"verbose", NULL, EE_CLI_SWITCH, &(o)->verbose,                                              \
       "what frameworks say while they import, too"},                                              \
      {"parameters", "FILE", EE_CLI_STRING, &(o)->parameters,                                      \
       "write the weights to this .irpa or .safetensors\ninstead of into the module"},             \
      {"parameter_scope", "SCOPE", EE_CLI_STRING, &(o)->parameter_scope,                           \
       "their scope (default: model)"},                                                            \
      {"inline_weights", NULL, EE_CLI_SWITCH, &(o)->inline_weights,                                \
       "keep weights inside however large they are"},                                              \
      {"opset", "N", EE_CLI_NUMBER, &(o)->opset, "convert ONNX operators to this version first"},  \
      {"no_rewrite", "NAME", EE_CLI_STRINGS, &(o)->no_rewrites,                                    \
       "leave out a rewrite of ONNX graphs: constants,\nbatchnorm, transposes, integers, "         \
       "quantised, windows"},                                                                      \
      {"trust_pickle", NULL, EE_CLI_SWITCH, &(o)->trust_pickle,                                    \
       "load a pickle, which can run any code: only one\nthat you made yourself"},                 \
      {"keep_f64", NULL, EE_CLI_SWITCH, &(o)->keep_f64, "64-bit floats stay what they are"},       \
      {"route", "NAME", EE_CLI_STRING, &(o)->route, "this way of importing and no other"}, {       \
    "function", "NAME", EE_CLI_STRING, &(o)->function, "the function's name in the module"         \
  }

void ee_cli_import_options_free(ee_cli_import_options_t *options);

typedef struct ee_cli_import {
  const char *model;    // file, folder, or "file.py:name"
  const char *output;   // the MLIR file to write; NULL with `check`
  const char *compiler; // --compiler, or NULL: tells the Python environment
  const char *archive;  // where weights go that are too large for the module; NULL: beside `output`
  const char *result;   // file that is told what was done; NULL: standard error is
  const char *scratch;  // folder for temporary files, which the caller removes; or NULL
  const char *program;  // "compile" or "import": who complains
  bool check, json, quiet;
  const ee_cli_import_options_t *options;
} ee_cli_import_t;

// Has the Python package eerie turn a model into MLIR; ONNX models go through iree-import-onnx
// where it is not installed. Prints what is wrong; returns an exit code. On failure outputs are as
// they were. A signal that would have ended the process ends the import; ee_cli_import_signal has
// it.
int ee_cli_import_model(const ee_cli_import_t *import);

// The signal that ended an import: the caller tidies up and lets itself be ended by it; else 0.
int ee_cli_import_signal(void);

// What an import was said to be in its result file.
typedef struct ee_cli_import_result {
  char input_type[32], route[32], parameters[4096 + 64], parameter_scope[256];
  // Lines "file=PATH" and "tool=PATH" of what the import depended on; empty where nobody knows.
  ee_cli_text_t depends; // the caller frees it
} ee_cli_import_result_t;
int ee_cli_import_read_result(const char *path, ee_cli_import_result_t *out_result);

// Adds to a key what decides how a model is imported, beside the model: the options, and who is
// asked to do it. False: that is not known.
bool ee_cli_import_key(const ee_cli_import_options_t *options, const char *compiler,
                       ee_cli_sha256_t *hash);

// Whether a source has to be imported before the compiler can have it, as its name, its first bytes
// or being a folder tells.
bool ee_cli_import_takes(const char *source);
// The path without ":name" of a function in a Python file.
void ee_cli_import_path(const char *source, char *out, size_t capacity);
// "x/model.onnx" and ".mlir": "model.mlir"; "model.py:net" becomes "net.mlir".
bool ee_cli_import_derive(const char *source, const char *extension, char *out, size_t capacity);

#endif // EERIE_CLI_COMPILER_H_
