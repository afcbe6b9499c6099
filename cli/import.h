// import.h: what the files of `eerie import` share: import_names.c knows models by their names,
// import_python.c finds Pythons, import_process.c runs them, import_model.c does an import with
// them.
#ifndef EERIE_CLI_IMPORT_H_
#define EERIE_CLI_IMPORT_H_

#include "compiler.h"

enum {
  IMPORT_PATH = 4096,
  IMPORT_PYTHONS = 5,
};

bool ee_cli_import_has_extension(const char *path, size_t size, const char *extension);

// Where pythons were looked for, in their order, and what belongs to them.
typedef struct ee_cli_import_places {
  char library[IMPORT_PATH];                 // libIREECompiler, or empty
  char self[IMPORT_PATH];                    // folder of this program, or empty
  char pythons[IMPORT_PYTHONS][IMPORT_PATH]; // programs that are there
  size_t count;
  bool told; // by EERIE_PYTHON: there is no other
} ee_cli_import_places_t;

// Looks for the compiler and for Pythons; `compiler` as in eerie_compiler_find.
int ee_cli_import_find_places(const char *compiler, ee_cli_import_places_t *places);
// Whether FOLDER/NAME can be run; its path.
bool ee_cli_import_program(const char *folder, size_t folder_size, const char *name,
                           char out[IMPORT_PATH]);
bool ee_cli_import_on_path(const char *name, char out[IMPORT_PATH]);
// The size of PREFIX in PREFIX/lib/python3.N/site-packages/iree/compiler/_mlir_libs/LIBRARY.
size_t ee_cli_import_prefix_size(const char *library);

typedef struct ee_cli_import_process {
  char *const *argv, *const *envp;
  bool quiet_stdout;   // what it prints there is not for standard output
  bool forward;        // print what it says at once
  ee_cli_text_t *text; // else keep it here
  bool gentle;         // a first signal asks it to end; others end it
} ee_cli_import_process_t;

// Runs a program. Returns its exit code, or -1 with errno, or 128 + the signal that ended it.
int ee_cli_import_run(const ee_cli_import_process_t *process);

// The environment of the child: this one with other values of PYTHONPATH and TMPDIR. The two
// entries are freed with the array.
typedef struct ee_cli_import_environment {
  char **entries;
  char *python_path, *temporary;
} ee_cli_import_environment_t;

// `package_folder` goes before PYTHONPATH, `scratch` is the TMPDIR; either may be NULL. false: no
// memory.
bool ee_cli_import_make_environment(ee_cli_import_environment_t *environment,
                                    const char *package_folder, const char *scratch);
void ee_cli_import_free_environment(ee_cli_import_environment_t *environment);

#endif // EERIE_CLI_IMPORT_H_
