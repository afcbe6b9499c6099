// tune.c: `eerie tune`: compiles a model in several ways, measures them here, keeps the best.
//
// Each candidate is a set of flags. Compiles are `eerie compile` itself, calls go through the
// public API. Candidates take turns, so that what else the machine does falls on all of them alike;
// what counts is the least time of a call, and a candidate that is hopeless after some rounds
// leaves. Results are compared with those of the compiler's defaults, and one that differs is no
// candidate.
#define _GNU_SOURCE

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "tune.h"

#define TUNE_PEELED "--iree-llvmcpu-vector-pproc-strategy=peel"
#define TUNE_CHANNELS_LAST                                                                         \
  "--iree-preprocessing-pass-pipeline=builtin.module(util.func("                                   \
  "iree-preprocessing-convert-conv-to-channels-last))"

static const ee_cli_tune_set_t tune_sets[] = {
    // The first is what the others are compared with.
    {"defaults", {"-O0"}},
    {"by-model", {"-O2"}},
    {"tiling", {"-O0", "--iree-opt-data-tiling"}},
    {"tiling-ukernels", {"-O0", "--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all"}},
    {"level3", {"-O0", "--iree-opt-level=O3", "--iree-opt-strip-assertions=false"}},
    {"packed", {"-O0", "--iree-global-opt-data-tiling"}},
    {"peeled", {"-O0", TUNE_PEELED}},
    {"packed-peeled", {"-O0", "--iree-global-opt-data-tiling", TUNE_PEELED}},
    {"im2col", {"-O0", "--iree-opt-data-tiling", "--iree-global-opt-use-im2col-for-convs"}},
    {"im2col-packed-peeled",
     {"-O0", "--iree-global-opt-data-tiling", "--iree-global-opt-use-im2col-for-convs",
      TUNE_PEELED}},
    {"channels-last", {"-O0", "--iree-global-opt-propagate-transposes=false", TUNE_CHANNELS_LAST}},
    {"channels-last-tiling",
     {"-O0", "--iree-opt-data-tiling", "--iree-global-opt-propagate-transposes=false",
      TUNE_CHANNELS_LAST}},
    {"channels-last-padding",
     {"-O0", "--iree-global-opt-propagate-transposes=false",
      "--iree-dispatch-creation-enable-fuse-padding-into-linalg-consumer-ops", TUNE_CHANNELS_LAST}},
    {"inline", {"-O0", "--iree-execution-model=inline-dynamic"}},
    {"inline-peeled", {"-O0", TUNE_PEELED, "--iree-execution-model=inline-dynamic"}},
    {"inline-tiling", {"-O0", "--iree-opt-data-tiling", "--iree-execution-model=inline-dynamic"}},
};
enum { TUNE_SETS = sizeof tune_sets / sizeof tune_sets[0] };

const ee_cli_tune_set_t *ee_cli_tune_set(const tune_run_t *run, const tune_candidate_t *candidate) {
  return candidate->set < TUNE_SETS ? &tune_sets[candidate->set] : &run->tiles;
}

// A signal ends the search between two steps, so that the folder can be removed.
static volatile sig_atomic_t tune_stopped;

static void tune_on_signal(int number) {
  tune_stopped = number;
}

static void tune_watch(bool on) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i)
    if (signal(signals[i], on ? tune_on_signal : SIG_DFL) == SIG_IGN) signal(signals[i], SIG_IGN);
}

static double tune_left(const tune_run_t *run) {
  if (tune_stopped) return -1;
  return run->options->budget - (ee_cli_tune_now() - run->start);
}

EE_CLI_PRINTF(2, 3)
static void tune_progress(const tune_run_t *run, const char *format, ...) {
  if (!run->progress) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "\r\033[K%.0f of %.0f s: ", ee_cli_tune_now() - run->start, run->options->budget);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fflush(stderr);
}

static void tune_progress_end(const tune_run_t *run) {
  if (run->progress) fprintf(stderr, "\r\033[K");
}

// ---- The search --------------------------------------------------------------------------------

// The fastest; one within 2 per cent of it that comes earlier is as good and simpler.
static tune_candidate_t *tune_best(const tune_run_t *run) {
  tune_candidate_t *best = NULL;
  for (size_t i = 0; i < run->count; ++i) {
    tune_candidate_t *candidate = &run->candidates[i];
    if (candidate->state || !candidate->rounds) continue;
    if (!best || ee_cli_tune_least(candidate) < 0.98 * ee_cli_tune_least(best)) best = candidate;
  }
  return best;
}

// Sets that are about convolutions are for models that have some; all dialects name them so.
static bool tune_is_pointless(const tune_run_t *run, const char *set) {
  const bool about = strncmp(set, "im2col", 6) == 0 || strncmp(set, "channels-last", 13) == 0;
  ee_cli_text_t text = {0};
  if (!about || ee_cli_read_file(run->mlir, &text, NULL)) return false;
  const bool found = !text.data || memmem(text.data, text.size, "onv", 3);
  ee_cli_text_free(&text);
  return !found;
}

// Compiles, opens and checks one. An error is the run's only for the first.
static int tune_prepare(tune_run_t *run, tune_candidate_t *candidate) {
  const bool first = candidate == run->candidates;
  const char *name = ee_cli_tune_set(run, candidate)->name;
  if (!first && tune_left(run) < run->options->budget / 4) {
    candidate->state = "no time";
    return EE_CLI_OK;
  }
  if (tune_is_pointless(run, name)) {
    candidate->state = "no convolutions";
    return EE_CLI_OK;
  }
  const char *const device = run->places[candidate->place].device;
  if (strncmp(name, "inline", 6) == 0 && strncmp(device, "local-sync", 10) != 0) {
    candidate->state = "not for this device";
    return EE_CLI_OK;
  }
  // A set is compiled for its first device, and serves the others.
  const bool again = !first && candidate[-1].set == candidate->set && candidate[-1].open;
  if (again && candidate[-1].state && strcmp(candidate[-1].state, "does not compile") == 0) {
    candidate->state = candidate[-1].state;
    return EE_CLI_OK;
  }
  tune_progress(run, "compiling %s", name);
  if (!again && !ee_cli_tune_compile(run, candidate, tune_left(run), first)) {
    candidate->state = "does not compile";
    return first ? EE_CLI_FAILED : EE_CLI_OK;
  }
  int exit_code = ee_cli_tune_open(run, candidate);
  if (!exit_code) exit_code = ee_cli_tune_check(run, candidate);
  if (exit_code && !first) candidate->state = "does not run";
  candidate->live = !exit_code && !candidate->state;
  return first ? exit_code : EE_CLI_OK;
}

// Until `rounds` are over, or all but `spare` seconds of the time.
static void tune_measure(tune_run_t *run, size_t rounds, double spare) {
  for (size_t round = 0; round < rounds; ++round) {
    if (tune_stopped || (round >= TUNE_ROUNDS_LEAST && tune_left(run) <= spare)) break;
    size_t live = 0;
    for (size_t i = 0; i < run->count; ++i) {
      tune_candidate_t *candidate = &run->candidates[i];
      if (!candidate->live || tune_stopped) continue;
      ++live;
      tune_progress(run, "round %zu, %s", round + 1, ee_cli_tune_set(run, candidate)->name);
      if (!ee_cli_tune_round(candidate)) {
        candidate->state = "does not run";
        candidate->live = false;
      }
    }
    const tune_candidate_t *best = tune_best(run);
    for (size_t i = 0; best && round + 1 >= TUNE_ROUNDS_TRIAL && i < run->count; ++i) {
      // Late in a run less is enough: ever more rounds have had the chance to be a good one.
      const double hopeless = round + 1 >= 10 ? 1.1 : round + 1 >= 5 ? 1.3 : 2;
      if (&run->candidates[i] != best &&
          ee_cli_tune_least(&run->candidates[i]) > hopeless * ee_cli_tune_least(best))
        run->candidates[i].live = false;
    }
    if (live < 2 && round + 1 >= 20) break;
  }
}

// ---- The command -------------------------------------------------------------------------------

static int tune_remove_entry(const char *path, const struct stat *info, int kind,
                             struct FTW *place) {
  (void)info;
  (void)kind;
  (void)place;
  remove(path);
  return 0;
}

static void tune_add_place(tune_run_t *run, const char *device, uint64_t threads,
                           const char *spin_us) {
  if (run->place_count == TUNE_PLACES) return;
  tune_place_t *place = &run->places[run->place_count++];
  *place = (tune_place_t){.device = device, .threads = threads, .spin_us = spin_us};
  char count[32] = "";
  if (threads) snprintf(count, sizeof count, ", %" PRIu64 " threads", threads);
  snprintf(place->name, sizeof place->name, "%.24s%s%s", device, count,
           spin_us ? ", no spinning" : "");
}

static bool tune_add_candidate(tune_run_t *run, size_t set, size_t place) {
  tune_candidate_t *candidate = &run->candidates[run->count];
  candidate->set = set;
  candidate->place = place;
  candidate->ns = calloc(TUNE_ROUNDS_MOST, sizeof *candidate->ns);
  if (!candidate->ns) return false;
  snprintf(candidate->module, sizeof candidate->module, "%s/%zu.vmfb", run->folder, set);
  ++run->count;
  return true;
}

static int tune_begin(tune_run_t *run) {
  const char *temporary = getenv("TMPDIR");
  const tune_options_t *options = run->options;
  const int length = snprintf(run->folder, sizeof run->folder, "%s/eerie-tune-XXXXXX",
                              temporary && *temporary ? temporary : "/tmp");
  if (length < 0 || (size_t)length >= sizeof run->folder || !mkdtemp(run->folder)) {
    run->folder[0] = 0;
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot create a temporary folder: %s", strerror(errno));
  }
  for (size_t i = 0; i < options->devices.count; ++i)
    tune_add_place(run, options->devices.items[i], 0, NULL);
  const size_t devices = run->place_count;
  run->candidates = calloc(TUNE_SETS * devices + TUNE_PLACES, sizeof *run->candidates);
  if (!run->candidates) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (size_t i = 0; i < TUNE_SETS * devices; ++i)
    if (!tune_add_candidate(run, i / devices, i % devices))
      return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  return ee_cli_tune_import(run);
}

static void tune_end(tune_run_t *run) {
  ee_cli_values_free(&run->expected);
  for (size_t i = 0; run->candidates && i < run->count; ++i) {
    if (run->candidates[i].open) ee_cli_model_close(&run->candidates[i].model);
    free(run->candidates[i].ns);
  }
  free(run->candidates);
  ee_cli_text_free(&run->tiles_spec);
  if (run->folder[0]) nftw(run->folder, tune_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

// The fastest that threads can share: not one whose dispatches are plain calls.
static tune_candidate_t *tune_best_shared(const tune_run_t *run) {
  tune_candidate_t *best = NULL;
  for (size_t i = 0; i < run->count; ++i) {
    tune_candidate_t *candidate = &run->candidates[i];
    const bool inlined = strncmp(ee_cli_tune_set(run, candidate)->name, "inline", 6) == 0;
    if (candidate->state || !candidate->rounds || inlined) continue;
    if (!best || ee_cli_tune_least(candidate) < 0.98 * ee_cli_tune_least(best)) best = candidate;
  }
  return best;
}

static size_t tune_cores(void) {
#if defined(__linux__)
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
#else
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (size_t)online : 1;
#endif
}

// Tiles for the model's own products, which the module of the compiler's defaults names.
static int tune_tiles(tune_run_t *run) {
  const tune_options_t *options = run->options;
  char path[TUNE_PATH + 64];
  snprintf(path, sizeof path, "%s/tiles.mlir", run->folder);
  if (tune_left(run) < options->budget / 4 ||
      !ee_cli_tune_tiles(run->candidates->module, run->places[0].device, &options->parameters,
                         &run->tiles_spec))
    return EE_CLI_OK;
  FILE *file = fopen(path, "w");
  const bool good =
      file && fwrite(run->tiles_spec.data, 1, run->tiles_spec.size, file) == run->tiles_spec.size;
  if ((file && fclose(file) != 0) || !good)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", path, strerror(errno));
  snprintf(run->tiles_flag, sizeof run->tiles_flag, "--iree-codegen-tuning-spec-path=%.4160s",
           path);
  run->tiles = (ee_cli_tune_set_t){"tiles", {"-O0", run->tiles_flag}};
  if (!tune_add_candidate(run, TUNE_SETS, 0)) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  return tune_prepare(run, &run->candidates[run->count - 1]);
}

// With the flags that won: how many threads, and whether those without work spin.
static int tune_threads(tune_run_t *run) {
  tune_candidate_t *const best = tune_best(run), *const shared = tune_best_shared(run);
  const size_t cores = tune_cores(), first = run->count;
  if (!best || !shared || cores < 2 || tune_left(run) <= 0) return EE_CLI_OK;
  for (size_t threads = 2; threads < cores; threads *= 2)
    tune_add_place(run, "local-task", threads, NULL);
  tune_add_place(run, "local-task", cores, NULL);
  tune_add_place(run, "local-task", cores, "0");
  for (size_t i = 0; i < run->count; ++i)
    run->candidates[i].live = false;
  best->live = shared->live = true;
  for (size_t i = run->options->devices.count; i < run->place_count; ++i)
    if (!tune_add_candidate(run, shared->set, i))
      return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (size_t i = first; i < run->count; ++i) {
    tune_candidate_t *candidate = &run->candidates[i];
    candidate->compile_seconds = shared->compile_seconds;
    int exit_code = ee_cli_tune_open(run, candidate);
    if (!exit_code) exit_code = ee_cli_tune_check(run, candidate);
    if (exit_code) candidate->state = "does not run";
    candidate->live = !candidate->state;
  }
  tune_measure(run, TUNE_ROUNDS_MOST / 2, 0);
  return EE_CLI_OK;
}

static int tune(const tune_options_t *options, const char *input) {
  tune_run_t run = {.options = options,
                    .input = input,
                    .start = ee_cli_tune_now(),
                    .progress = !options->quiet && isatty(STDERR_FILENO)};
  tune_watch(true);
  int exit_code = tune_begin(&run);
  for (size_t i = 0; !exit_code && i < run.count; ++i)
    exit_code = tune_prepare(&run, &run.candidates[i]);
  if (!exit_code) exit_code = tune_tiles(&run);
  if (!exit_code)
    tune_measure(&run, TUNE_ROUNDS_MOST / 2, options->threads ? options->budget / 8 : 0);
  if (!exit_code && options->threads) exit_code = tune_threads(&run);
  tune_progress_end(&run);
  const tune_candidate_t *best = exit_code || tune_stopped ? NULL : tune_best(&run);
  if (best)
    exit_code = ee_cli_tune_tell(&run, best);
  else if (!exit_code && !tune_stopped)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "nothing could be measured");
  tune_end(&run);
  tune_watch(false);
  if (tune_stopped) raise(tune_stopped);
  return exit_code;
}

static int tune_checked(tune_options_t *options, const ee_cli_strings_t *words) {
  static const char *const tables[] = {"md", "csv", "json", NULL};
  static const char *const device[] = {"local-sync"};
  bool known = !options->table;
  for (size_t i = 0; tables[i] && !known; ++i)
    known = strcmp(options->table, tables[i]) == 0;
  if (!known)
    return ee_cli_fail(EE_CLI_USAGE, "--table: '%s' is none of md, csv, json", options->table);
  if (words->count != 1)
    return ee_cli_fail(EE_CLI_USAGE, words->count ? "more than one model; eerie tune takes one"
                                                  : "no model; see eerie tune --help");
  tune_options_t what = *options;
  if (what.devices.count > TUNE_PLACES / 2)
    return ee_cli_fail(EE_CLI_USAGE, "--device: %zu of them are more than %d", what.devices.count,
                       TUNE_PLACES / 2);
  what.threads = !what.devices.count;
  if (!what.devices.count) what.devices = (ee_cli_strings_t){(const char **)(uintptr_t)device, 1};
  return tune(&what, words->items[0]);
}

int eerie_cli_tune(int argc, char **argv) {
  tune_options_t o = {.budget = 60, .tolerance = 1e-4};
  const ee_cli_option_t table[] = {
      {"output", "FILE", EE_CLI_STRING, &o.output, "where the best module goes"},
      {"choices", "FILE", EE_CLI_STRING, &o.choices,
       "where its flags go, for eerie compile --choices=FILE"},
      {"table", "FORMAT", EE_CLI_STRING, &o.table, "of what was tried: md (default), csv, json"},
      {"budget", "SECONDS", EE_CLI_REAL, &o.budget, "time for all of it; default 60"},
      {"tolerance", "X", EE_CLI_REAL, &o.tolerance,
       "how far results may be from those of the compiler's\ndefaults, absolute and relative; "
       "default 1e-4"},
      {"input", "VALUE", EE_CLI_STRINGS, &o.inputs, "an argument, in order; see docs/cli.md"},
      {"function", "NAME", EE_CLI_STRING, &o.function,
       "the function; not needed when there is only one"},
      {"device", "NAME", EE_CLI_STRINGS, &o.devices,
       "where to run; repeated: each is tried. Default:\nlocal-sync, and the best flags with "
       "threads too"},
      {"parameters", "SCOPE=FILE", EE_CLI_STRINGS, &o.parameters, "weights outside of the model"},
      {"target", "TARGET", EE_CLI_STRINGS, &o.targets, "as eerie compile has it; default: host"},
      {"input_type", "TYPE", EE_CLI_STRING, &o.input_type, "as eerie compile has it"},
      {"compiler", "PATH", EE_CLI_STRING, &o.compiler, "as eerie compile has it"},
      {"quiet", NULL, EE_CLI_SWITCH, &o.quiet, "no progress on a terminal"},
  };
  const ee_cli_command_t command = {
      .name = "tune",
      .summary = "find the flags that make a model fastest on this machine",
      .arguments = "[options] MODEL",
      .notes = "MODEL is MLIR, or what eerie import takes.\n"
               "\n"
               "Example:\n"
               "  eerie tune mul.mlir --input=4xf32=1 --input=4xf32=10 --budget=30 \\\n"
               "    --output=mul.vmfb --choices=mul.choices\n",
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t words = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &words, &exit_code))
    exit_code = tune_checked(&o, &words);
  ee_cli_strings_free(&o.devices);
  ee_cli_strings_free(&o.inputs);
  ee_cli_strings_free(&o.parameters);
  ee_cli_strings_free(&o.targets);
  ee_cli_strings_free(&words);
  return ee_cli_flush_stdout(exit_code);
}
