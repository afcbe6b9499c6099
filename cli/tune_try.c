// tune_try.c: one candidate of a search: compiled by `eerie compile`, opened, called and timed
// through the public API, its results held against the first's.
#define _GNU_SOURCE

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tune.h"

double ee_cli_tune_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- Compiling ---------------------------------------------------------------------------------

// Runs this program; what it prints goes to files, where they are not NULL. Returns its exit code,
// or -1.
static int tune_spawn(const char *const *argv, const char *out, const char *log) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    if ((out && !freopen(out, "w", stdout)) || (log && !freopen(log, "w", stderr))) _exit(127);
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  int state = 0;
  while (pid > 0 && waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

void ee_cli_tune_told_path(const tune_candidate_t *candidate, char *out, size_t capacity) {
  snprintf(out, capacity, "%s.flags", candidate->module);
}

bool ee_cli_tune_compile(const tune_run_t *run, tune_candidate_t *candidate, double left,
                         bool show) {
  const tune_options_t *options = run->options;
  const char *argv[64 + TUNE_FLAGS];
  char limit[40], log[TUNE_PATH + 64], told[TUNE_PATH + 80];
  size_t count = 0;

  snprintf(limit, sizeof limit, "--time-limit=%.1f", left > 1 || show ? left + 1 : 1);
  snprintf(log, sizeof log, "%s/log", run->folder);
  ee_cli_tune_told_path(candidate, told, sizeof told);
  argv[count++] = "eerie";
  argv[count++] = "compile";
  argv[count++] = run->mlir;
  argv[count++] = "--output";
  argv[count++] = candidate->module;
  argv[count++] = "--quiet";
  argv[count++] = "--print-flags";
  // The first must come to an end: there is nothing without it.
  if (!show) argv[count++] = limit;
  for (size_t i = 0; i < options->targets.count && i < 8; ++i) {
    argv[count++] = "--target";
    argv[count++] = options->targets.items[i];
  }
  if (options->compiler) {
    argv[count++] = "--compiler";
    argv[count++] = options->compiler;
  }
  if (options->input_type) {
    argv[count++] = "--input-type";
    argv[count++] = options->input_type;
  }
  for (size_t i = 0; i < TUNE_FLAGS && ee_cli_tune_set(run, candidate)->flags[i]; ++i)
    argv[count++] = ee_cli_tune_set(run, candidate)->flags[i];
  argv[count] = NULL;
  const double start = ee_cli_tune_now();
  const int exit_code = tune_spawn(argv, told, show ? NULL : log);
  candidate->compile_seconds = ee_cli_tune_now() - start;
  return exit_code == 0;
}

int ee_cli_tune_import(tune_run_t *run) {
  if (!ee_cli_import_takes(run->input)) {
    if (!realpath(run->input, run->mlir))
      return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: %s", run->input, strerror(errno));
    return EE_CLI_OK;
  }
  snprintf(run->mlir, sizeof run->mlir, "%s/model.mlir", run->folder);
  const char *argv[] = {"eerie",   "import",           run->input, "--output",
                        run->mlir, "--inline-weights", "--quiet",  NULL};
  const int exit_code = tune_spawn(argv, NULL, NULL);
  return exit_code < 0 ? EE_CLI_FAILED : exit_code;
}

// ---- Calling -----------------------------------------------------------------------------------

int ee_cli_tune_open(const tune_run_t *run, tune_candidate_t *candidate) {
  const tune_options_t *options = run->options;
  ee_cli_model_options_t what = {
      .function = options->function, .inputs = options->inputs, .parameters = options->parameters};
  const char *module = candidate->module;
  what.modules = (ee_cli_strings_t){.items = &module, .count = 1};
  const tune_place_t *place = &run->places[candidate->place];
  const char *device = place->device;
  what.devices = (ee_cli_strings_t){.items = &device, .count = 1};
  what.threads = place->threads;
  what.spin_us = place->spin_us;
  const ee_cli_strings_t none = {0};
  candidate->open = true;
  return ee_cli_model_open(&what, &none, &candidate->model);
}

static eerie_status_t tune_call(tune_candidate_t *candidate, ee_cli_values_t *results,
                                double *out_ns, eerie_error_t *err) {
  ee_cli_model_t *model = &candidate->model;
  const double start = ee_cli_tune_now();
  const eerie_status_t status =
      eerie_call(model->function, model->inputs.items, model->inputs.count, results->items,
                 results->count, err);
  *out_ns = (ee_cli_tune_now() - start) * 1e9;
  return status;
}

static bool tune_results(const tune_candidate_t *candidate, ee_cli_values_t *out_results) {
  out_results->count = eerie_function_output_count(candidate->model.function);
  out_results->items = calloc(out_results->count + 1, sizeof *out_results->items);
  return out_results->items != NULL;
}

int ee_cli_tune_check(tune_run_t *run, tune_candidate_t *candidate) {
  eerie_error_t err = {0};
  ee_cli_values_t results = {0};
  double ns = 0;
  if (!tune_results(candidate, &results)) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  const eerie_status_t status = tune_call(candidate, &results, &ns, &err);
  if (status) {
    ee_cli_values_free(&results);
    return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  }
  if (!run->expected.items) {
    run->expected = results;
    return EE_CLI_OK;
  }
  const double near = run->options->tolerance;
  const ee_cli_tolerance_t tolerance = {
      .f16 = 16 * near, .bf16 = 64 * near, .f32 = near, .f64 = near, .relative = near};
  ee_cli_text_t report = {0};
  bool equal = false;
  if (ee_cli_values_compare(&run->expected, &results, &tolerance, &report, &equal, &err))
    equal = false;
  ee_cli_text_free(&report);
  ee_cli_values_free(&results);
  if (!equal) candidate->state = "other results";
  return EE_CLI_OK;
}

bool ee_cli_tune_round(tune_candidate_t *candidate) {
  enum { CALLS_MOST = 1000 };
  static const double long_enough = 5e6;
  eerie_error_t err = {0};
  ee_cli_values_t results = {0};
  double least = INFINITY, sum = 0;
  if (!tune_results(candidate, &results)) return false;
  bool good = true;
  for (int i = 0; good && i < CALLS_MOST && (i < 2 || sum < long_enough); ++i) {
    double ns = 0;
    good = !tune_call(candidate, &results, &ns, &err);
    for (size_t k = 0; k < results.count; ++k)
      eerie_value_release(&results.items[k]);
    sum += ns;
    if (ns < least) least = ns;
  }
  free(results.items);
  candidate->ns[candidate->rounds++] = least;
  return good;
}

double ee_cli_tune_least(const tune_candidate_t *candidate) {
  double least = INFINITY;
  for (size_t i = 0; i < candidate->rounds; ++i)
    if (candidate->ns[i] < least) least = candidate->ns[i];
  return least;
}

static int tune_compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double ee_cli_tune_median(const tune_candidate_t *candidate) {
  double sorted[TUNE_ROUNDS_MOST];
  if (!candidate->rounds) return INFINITY;
  memcpy(sorted, candidate->ns, candidate->rounds * sizeof *sorted);
  qsort(sorted, candidate->rounds, sizeof *sorted, tune_compare);
  return sorted[candidate->rounds / 2];
}
