// compile.h: what the files of `eerie compile` share.
//
//   compile.c         the command line
//   compile_flags.c   flags of the compiler: those given, and those chosen by the model
//   compile_list.c    what can be asked for without a source: targets, phases, flags
//   compile_source.c  from MLIR to a module in its file
//   compile_cache.c   modules that were compiled before
//   compile_model.c   a framework's model goes through the importer first
#ifndef EERIE_CLI_COMPILE_H_
#define EERIE_CLI_COMPILE_H_

#include "cache.h"
#include "compiler.h"
#include "eerie/eerie.h"

typedef struct ee_cli_compile_options {
  const char *output, *input_type, *compile_from, *compile_to, *dump_phase, *dump_phases_to, *mode,
      *format, *static_library, *flags, *compiler, *reproducer, *opt_level, *device, *choices,
      *cache;
  uint64_t cache_size_mb;
  ee_cli_strings_t targets, raw, inputs;
  double time_limit;
  uint64_t memory_limit_mb;
  ee_cli_import_options_t import;
  bool split_input, no_verify, list_targets, list_phases, list_plugins, no_isolated, isolated,
      mlir_bytecode, json, quiet, reproducible, no_stamp, print_flags;
} ee_cli_compile_options_t;

// One run of the command.
typedef struct ee_cli_compile_run {
  const ee_cli_compile_options_t *options;
  eerie_compiler_t *compiler;
  size_t errors, warnings;
  bool skip_notes; // the diagnostic that they belong to was skipped
  bool stamped;    // what comes out is a module, which tells where it comes from
  int64_t time;
  char source_sha256[65];
  ee_cli_text_t source;    // of a pipe, which can be read only once
  ee_cli_strings_t chosen; // flags by the model
  ee_cli_cache_t cache;
  char cache_key[65];   // empty: this compile is none for the cache
  char import_key[65];  // the same, of what the model becomes when it is imported
  char mlir_sha256[65]; // of the source that the compiler sees
  bool cached;          // the module was there
  bool printed;         // the compiler had something to say
  bool to_stdout;       // what comes out goes there
  FILE *choice_stream;  // where they are told; NULL: nowhere
  bool imported;
  ee_cli_import_result_t import;
  char static_path[4096], static_temporary[4096];
} ee_cli_compile_run_t;

// ---- compile_flags.c ---------------------------------------------------------------------------

// Adds `item`, which is not copied; false: no memory.
bool ee_cli_compile_add(ee_cli_strings_t *strings, const char *item);
bool ee_cli_compile_starts(const char *text, const char *start);
// Whether an argument is a flag of the compiler.
bool ee_cli_compile_is_raw(const char *argument);
// For the library's listings of flags: adds a copy to the ee_cli_strings_t `user`, which
// ee_cli_compile_free_flags frees.
void ee_cli_compile_keep_flag(void *user, const char *flag);
void ee_cli_compile_free_flags(ee_cli_strings_t *flags);
// Flags by the model. Puts what is chosen before what was given, for the last one counts.
// `out_flags` is the caller's.
int ee_cli_compile_choose_flags(ee_cli_compile_run_t *run, eerie_compile_options_t *what,
                                ee_cli_strings_t *out_flags);
// Whether something before a module is asked for.
bool ee_cli_compile_makes_ir(const eerie_compile_options_t *what);

// ---- compile_list.c ----------------------------------------------------------------------------

int ee_cli_compile_list_targets(bool as_json);
int ee_cli_compile_list_phases(bool as_json);
int ee_cli_compile_list_plugins(ee_cli_compile_run_t *run);
// The flags of a session with the targets and flags of the command line.
int ee_cli_compile_print_flags(ee_cli_compile_run_t *run);

// ---- compile_source.c --------------------------------------------------------------------------

bool ee_cli_compile_contains(const char *text, size_t size, const char *part);
// For the library: what the compiler says on the way. `user` is the run.
void ee_cli_compile_on_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic);
void ee_cli_compile_on_output(void *user, const char *text, size_t size);
// The exit code of what the library answered.
int ee_cli_compile_exit_code(const ee_cli_compile_run_t *run, eerie_status_t status,
                             const eerie_error_t *err);
// An exit code, with a message when there is no such file.
int ee_cli_compile_check_input(const char *path);
// "x/model.mlir" and ".vmfb": "model.vmfb", or with `keep_folder` "x/model.vmfb".
bool ee_cli_compile_derive(const char *path, const char *extension, bool keep_folder, char *out,
                           size_t capacity);
// Static kernels: the compiler writes NAME.o and NAME.h itself. It gets other names for them, and
// the files take theirs when all is done.
bool ee_cli_compile_prepare_static(ee_cli_compile_run_t *run, const char *output);
// Seconds of a clock that only goes forward.
double ee_cli_compile_now(void);
// Writes what the compiler made, and says so. An exit code, as below.
int ee_cli_compile_write(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                         eerie_compiler_output_t *output, double seconds);
// Compiles MLIR, or finds that it was compiled before.
int ee_cli_compile_source(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                          eerie_compile_options_t *what);

// ---- compile_cache.c ---------------------------------------------------------------------------

// Everything that the module depends on: the compiler, this program's choice of flags, the CPU when
// it is for this one, flags, and the source.
void ee_cli_compile_make_key(ee_cli_compile_run_t *run, const char *input,
                             const eerie_compile_options_t *what);
// A folder is found by its place; what is in it is looked at.
void ee_cli_compile_make_import_key(ee_cli_compile_run_t *run, const char *model,
                                    const eerie_compile_options_t *what);
void ee_cli_compile_add_to_cache(const ee_cli_compile_run_t *run, eerie_compiler_output_t *output);
// Whether the module came out of the cache; `out_exit` is then what became of writing it.
bool ee_cli_compile_from_cache(ee_cli_compile_run_t *run, const char *input,
                               const char *output_path, int *out_exit);

// ---- compile_model.c ---------------------------------------------------------------------------

// A framework's model goes through the importer first, into a folder of its own.
int ee_cli_compile_model(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                         eerie_compile_options_t *what);

#endif // EERIE_CLI_COMPILE_H_
