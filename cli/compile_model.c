// compile_model.c: a framework's model goes through the importer first.
#define _GNU_SOURCE

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compile.h"
#include "file.h"

// What lies between the two steps: a folder of its own, and weights on their way to their place.
typedef struct compile_between {
  char folder[4096], mlir[4096 + 64], result[4096 + 64];
  char archive[4096 + 64], archive_temporary[4096 + 64];
  bool archive_moves; // from the temporary name; one that --parameters names is there already
} compile_between_t;

// The signal handler sees this one, which does not change while handlers are there.
static const compile_between_t *compile_kept;

static void compile_on_signal(int number) {
  unlink(compile_kept->mlir);
  unlink(compile_kept->result);
  unlink(compile_kept->archive_temporary);
  rmdir(compile_kept->folder);
  signal(number, SIG_DFL);
  raise(number);
}

static void compile_watch(const compile_between_t *between) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  if (between) compile_kept = between;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
    if (signal(signals[i], between ? compile_on_signal : SIG_DFL) == SIG_IGN)
      signal(signals[i], SIG_IGN);
  if (!between) compile_kept = NULL;
}

static int compile_remove_entry(const char *path, const struct stat *info, int kind,
                                struct FTW *place) {
  (void)info;
  (void)kind;
  (void)place;
  remove(path);
  return 0;
}

static int compile_begin_between(compile_between_t *between, const char *output_path) {
  const char *temporary = getenv("TMPDIR");
  const int length = snprintf(between->folder, sizeof between->folder, "%s/eerie-import-XXXXXX",
                              temporary && *temporary ? temporary : "/tmp");
  if (length < 0 || (size_t)length >= sizeof between->folder || !mkdtemp(between->folder))
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot create a folder like %s: %s", between->folder,
                       strerror(errno));
  snprintf(between->mlir, sizeof between->mlir, "%s/model.mlir", between->folder);
  snprintf(between->result, sizeof between->result, "%s/result", between->folder);
  // Weights that are too large for the module go beside it, or beside nothing: into this folder.
  char extension[64];
  snprintf(extension, sizeof extension, ".%ld.tmp.irpa", (long)getpid());
  const bool standard = strcmp(output_path, "-") == 0;
  if (!ee_cli_compile_derive(standard ? "model" : output_path, ".irpa", true, between->archive,
                             sizeof between->archive) ||
      !ee_cli_compile_derive(between->archive, extension, true, between->archive_temporary,
                             sizeof between->archive_temporary))
    return ee_cli_fail(EE_CLI_USAGE, "the name of the output is too long");
  return EE_CLI_OK;
}

static int compile_import(ee_cli_compile_run_t *run, const char *input,
                          compile_between_t *between) {
  const ee_cli_compile_options_t *options = run->options;
  int exit_code = ee_cli_import_model(&(ee_cli_import_t){.model = input,
                                                         .output = between->mlir,
                                                         .compiler = options->compiler,
                                                         .archive = between->archive_temporary,
                                                         .result = between->result,
                                                         .scratch = between->folder,
                                                         .program = "compile",
                                                         .quiet = options->quiet,
                                                         .options = &options->import});
  ee_cli_import_result_t *result = &run->import;
  if (!exit_code) exit_code = ee_cli_import_read_result(between->result, result);
  // What is told of it from here on is where it will be.
  between->archive_moves = strcmp(result->parameters, between->archive_temporary) == 0;
  if (between->archive_moves)
    snprintf(result->parameters, sizeof result->parameters, "%s", between->archive);
  return exit_code;
}

// The archive takes its place when the module has its own.
static int compile_end_import(const ee_cli_compile_run_t *run, const compile_between_t *between) {
  const ee_cli_import_result_t *import = &run->import;
  if (!import->parameters[0]) return EE_CLI_OK;
  eerie_error_t err = {0};
  if (between->archive_moves && ee_cli_file_put(between->archive_temporary, between->archive, &err))
    return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  if (!run->options->quiet)
    fprintf(stderr,
            "eerie compile: the weights are in %s: run the module with --parameters=%s%s%s\n",
            import->parameters, import->parameter_scope, *import->parameter_scope ? "=" : "",
            import->parameters);
  return EE_CLI_OK;
}

static int64_t compile_time_of_day(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The module of a model that was imported and compiled before.
static bool compile_model_from_cache(ee_cli_compile_run_t *run, const char *input,
                                     const char *output_path, const eerie_compile_options_t *what,
                                     int *out_exit) {
  ee_cli_cached_import_t entry;
  ee_cli_compile_make_import_key(run, input, what);
  if (!run->import_key[0] || !ee_cli_cache_find_import(&run->cache, run->import_key, input, &entry))
    return false;
  eerie_compile_options_t imported = *what;
  if (!imported.input_type) imported.input_type = entry.result.input_type;
  run->imported = true;
  run->import = entry.result;
  memcpy(run->mlir_sha256, entry.source_sha256, sizeof run->mlir_sha256);
  ee_cli_compile_make_key(run, input, &imported);
  if (ee_cli_compile_from_cache(run, input, output_path, out_exit)) return true;
  run->cache_key[0] = run->mlir_sha256[0] = 0;
  run->imported = false;
  return false;
}

int ee_cli_compile_model(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                         eerie_compile_options_t *what) {
  int exit_code = EE_CLI_OK;
  const int64_t begun_ns = compile_time_of_day();
  run->to_stdout = strcmp(output_path, "-") == 0;
  if (compile_model_from_cache(run, input, output_path, what, &exit_code)) return exit_code;
  compile_between_t *between = calloc(1, sizeof *between);
  if (!between) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  exit_code = compile_begin_between(between, output_path);
  if (!exit_code) exit_code = compile_import(run, input, between);
  if (!exit_code) {
    run->imported = true;
    what->source_path = between->mlir;
    if (!what->input_type) what->input_type = run->import.input_type;
    compile_watch(between);
    exit_code = ee_cli_compile_source(run, input, output_path, what);
    compile_watch(NULL);
    if (!exit_code && run->import_key[0] && run->mlir_sha256[0])
      ee_cli_cache_add_import(&run->cache, run->import_key, input, run->mlir_sha256, &run->import,
                              begun_ns);
  }
  if (!exit_code) exit_code = compile_end_import(run, between);
  if (exit_code) unlink(between->archive_temporary);
  if (between->mlir[0]) nftw(between->folder, compile_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  free(between);
  if (ee_cli_import_signal()) raise(ee_cli_import_signal());
  return exit_code;
}
