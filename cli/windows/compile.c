// compile.c: parts of `eerie compile` that the command for Windows does without: models that a
// Python process would import, the cache, a line that tells of progress.
#include "cli/compile.h"

int ee_cli_compile_model(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                         eerie_compile_options_t *what) {
  (void)run, (void)output_path, (void)what;
  return ee_cli_fail(
      EE_CLI_MISSING,
      "%s: on Windows eerie compile takes MLIR; `eerie import` makes it of a model on "
      "Linux or macOS",
      input);
}

// ---- The cache ---------------------------------------------------------------------------------

int ee_cli_cache_open(const char *given, uint64_t limit_mb, ee_cli_cache_t *out_cache) {
  *out_cache = (ee_cli_cache_t){.limit = limit_mb};
  if (!given || strcmp(given, "off") == 0) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_USAGE, "--cache: there is no cache on Windows");
}

void ee_cli_compile_make_key(ee_cli_compile_run_t *run, const char *input,
                             const eerie_compile_options_t *what) {
  (void)run, (void)input, (void)what;
}

void ee_cli_compile_add_to_cache(const ee_cli_compile_run_t *run, eerie_compiler_output_t *output) {
  (void)run, (void)output;
}

bool ee_cli_compile_from_cache(ee_cli_compile_run_t *run, const char *input,
                               const char *output_path, int *out_exit) {
  (void)run, (void)input, (void)output_path, (void)out_exit;
  return false;
}

// ---- Progress ----------------------------------------------------------------------------------

void ee_cli_progress_start(const char *what) {
  (void)what;
}

void ee_cli_progress_clear(void) {}

void ee_cli_progress_stop(void) {}
