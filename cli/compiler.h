// compiler.h: what `compile` and `import` share.
#ifndef EERIE_CLI_COMPILER_H_
#define EERIE_CLI_COMPILER_H_

#include "cli.h"
#include "eerie/eerie_compiler.h"

// Shows on the terminal, once a second from the first on, that something goes on. Does nothing
// where stderr is no terminal.
void ee_cli_progress_start(const char *what);
// Takes the line away, so that other text can be printed; it comes back with the next second.
void ee_cli_progress_clear(void);
void ee_cli_progress_stop(void);

// Prints "file:line:column: severity: message" on stderr, and the line of the file with a mark.
void ee_cli_print_diagnostic(const eerie_compiler_diagnostic_t *diagnostic);

typedef struct ee_cli_import {
  const char *model;    // the .onnx file
  const char *output;   // the MLIR file to write
  const char *compiler; // --compiler, or NULL: tells the Python environment
  uint64_t opset;       // convert to that version of the operators first; 0: as they are
  bool external_params; // large weights go to `output` with .irpa in place of .mlir
  const char *const *flags;
  size_t flag_count;
} ee_cli_import_t;

// Has iree-import-onnx turn an ONNX model into MLIR. Prints what is wrong; returns an exit code. On
// failure the output is as it was.
int ee_cli_import_onnx(const ee_cli_import_t *import);

bool ee_cli_has_extension(const char *path, const char *extension);

#endif // EERIE_CLI_COMPILER_H_
