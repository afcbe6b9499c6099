// bench.c: `eerie bench`: how long a call of a function takes, for one module or several beside
// each other.
//
// Each call is timed alone, by the monotonic clock, from arguments that are there to results that
// are there. Contenders (modules, functions, devices, numbers of threads, caches, other runtimes)
// take turns, a batch of calls each, so that a machine which gets slower in between does so for
// all. The clock of the process's own processor time costs more than a small call: it is read once
// a batch.
#define _GNU_SOURCE
#include "bench.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fill.h"

// Samples kept at most: 32 MB of them.
#define SAMPLE_LIMIT ((size_t)1 << 22)

typedef struct bench_options {
  ee_cli_model_options_t model;
  ee_cli_strings_t positional, against;
  uint64_t warmup, repetitions, rounds;
  double min_time; // negative: not given
  const char *threads, *caches, *format_name, *fill_name, *onnx;
  bool json, terse, prepared;
  ee_cli_bench_format_t format;
  ee_cli_fill_t fill;
} bench_options_t;

typedef struct field {
  ee_cli_contender_t **items;
  size_t count;
} field_t;

static uint64_t clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

// ---- Lists -------------------------------------------------------------------------------------

// "1,2,4" into its parts; NULL gives none. They live as long as `out_copy`.
static int split(const char *text, char **out_copy, ee_cli_strings_t *out_parts) {
  *out_parts = (ee_cli_strings_t){0};
  *out_copy = text ? strdup(text) : NULL;
  if (!text) return EE_CLI_OK;
  const size_t room = strlen(text) + 2;
  out_parts->items = calloc(room, sizeof *out_parts->items);
  if (!*out_copy || !out_parts->items) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (char *at = *out_copy;; ++at) {
    out_parts->items[out_parts->count++] = at;
    at += strcspn(at, ",");
    if (!*at) return EE_CLI_OK;
    *at = 0;
  }
}

static int read_threads(const char *text, uint64_t *out_threads) {
  enum { THREADS_MAX = 4096 };
  char *end = NULL;
  const unsigned long long number = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || number < 1 || number > THREADS_MAX)
    return ee_cli_fail(EE_CLI_USAGE, "--threads: '%s' is not a number from 1 to %d", text,
                       THREADS_MAX);
  *out_threads = number;
  return EE_CLI_OK;
}

static int read_cache(const char *text, bool *out_cold) {
  *out_cold = strcmp(text, "cold") == 0;
  if (*out_cold || strcmp(text, "warm") == 0) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_USAGE, "--caches: '%s' is not warm or cold", text);
}

// ---- Contenders --------------------------------------------------------------------------------

static void close_contender(ee_cli_contender_t *contender) {
  eerie_prepared_call_release(contender->prepared);
  ee_cli_values_free(&contender->results);
  ee_cli_model_close(&contender->model);
  ee_cli_peer_close(&contender->peer);
  free(contender->samples.ns);
  free((void *)contender->options.modules.items);
  free((void *)contender->options.devices.items);
  free(contender);
}

static void close_field(field_t *field) {
  for (size_t i = 0; i < field->count; ++i)
    close_contender(field->items[i]);
  free(field->items);
  *field = (field_t){0};
}

static ee_cli_contender_t *add_contender(field_t *field) {
  ee_cli_contender_t **const items =
      realloc(field->items, (field->count + 1) * sizeof(ee_cli_contender_t *));
  if (!items) return NULL;
  field->items = items;
  ee_cli_contender_t *const contender = calloc(1, sizeof *contender);
  if (!contender) return NULL;
  contender->min_cpu_ns = -1;
  items[field->count++] = contender;
  return contender;
}

// A copy of the list with one more entry, unless that is NULL.
static bool extend(const ee_cli_strings_t *list, const char *more, ee_cli_strings_t *out_list) {
  out_list->items = calloc(list->count + 1, sizeof *out_list->items);
  if (!out_list->items) return false;
  for (size_t i = 0; i < list->count; ++i)
    out_list->items[i] = list->items[i];
  out_list->count = list->count;
  if (more) out_list->items[out_list->count++] = more;
  return true;
}

// One point of a sweep.
typedef struct point {
  const char *module, *function, *device; // NULL: as the options say
  uint64_t threads;
  bool cold;
} point_t;

static int open_own(const bench_options_t *options, const point_t *point, field_t *field,
                    ee_cli_contender_t **out_contender) {
  ee_cli_contender_t *const contender = *out_contender = add_contender(field);
  static const ee_cli_strings_t none;
  if (!contender) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  contender->options = options->model;
  contender->options.modules = none;
  contender->options.devices = none;
  contender->threads = contender->options.threads = point->threads;
  contender->cold = point->cold;
  if (point->function) contender->options.function = point->function;
  const bool swept = point->device != NULL;
  if (!extend(&options->model.modules, point->module, &contender->options.modules) ||
      !extend(swept ? &none : &options->model.devices, point->device, &contender->options.devices))
    return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  ee_cli_model_t model;
  int exit_code = ee_cli_model_open(&contender->options, &none, &model);
  contender->model = model; // which is closed with the contender
  if (exit_code) return exit_code;
  contender->module = model.name;
  contender->function = eerie_function_name(model.function);
  contender->device = eerie_device_name(model.devices[0]);
  const ee_cli_place_t place = {model.instance, model.devices[0]};
  if (!model.inputs.count && !options->model.inputs.count)
    exit_code = ee_cli_values_fill(&place, model.function, options->fill, &contender->model.inputs);
  if (exit_code) return exit_code;
  contender->results.count = eerie_function_output_count(model.function);
  contender->results.items = calloc(contender->results.count + 1, sizeof(eerie_value_t));
  if (!contender->results.items) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  const ee_cli_values_t *const inputs = &contender->model.inputs;
  eerie_error_t err = {0};
  if (options->prepared &&
      eerie_call_prepare(model.function, inputs->items, inputs->count, &contender->prepared, &err))
    return ee_cli_fail_error(ee_cli_exit_code(err.code), &err);
  return EE_CLI_OK;
}

static int open_peer(const bench_options_t *options, ee_cli_runtime_t runtime,
                     const ee_cli_contender_t *like, field_t *field) {
  ee_cli_contender_t *const contender = add_contender(field);
  if (!contender) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  contender->runtime = runtime;
  contender->module = runtime == EE_CLI_RUNTIME_ORT ? options->onnx : like->module;
  contender->function = like->function;
  contender->device = runtime == EE_CLI_RUNTIME_ORT ? "cpu" : like->device;
  contender->threads = like->threads;
  contender->cold = like->cold;
  return ee_cli_peer_open(contender, like, options->warmup);
}

// ---- Sweeps ------------------------------------------------------------------------------------

typedef struct sweep {
  char *copies[4];
  ee_cli_strings_t modules, functions, devices, threads, caches;
} sweep_t;

static void free_sweep(sweep_t *sweep) {
  ee_cli_strings_free(&sweep->functions);
  ee_cli_strings_free(&sweep->devices);
  ee_cli_strings_free(&sweep->threads);
  ee_cli_strings_free(&sweep->caches);
  for (size_t i = 0; i < 4; ++i)
    free(sweep->copies[i]);
}

static int read_sweep(const bench_options_t *options, sweep_t *out_sweep) {
  const ee_cli_strings_t *const devices = &options->model.devices;
  // Several --device are the devices of one program.
  const char *const device = devices->count == 1 ? devices->items[0] : NULL;
  *out_sweep = (sweep_t){.modules = options->positional};
  int exit_code = split(options->model.function, &out_sweep->copies[0], &out_sweep->functions);
  if (!exit_code) exit_code = split(device, &out_sweep->copies[1], &out_sweep->devices);
  if (!exit_code) exit_code = split(options->threads, &out_sweep->copies[2], &out_sweep->threads);
  if (!exit_code) exit_code = split(options->caches, &out_sweep->copies[3], &out_sweep->caches);
  return exit_code;
}

static const char *part(const ee_cli_strings_t *list, size_t index) {
  return list->count ? list->items[index % list->count] : NULL;
}

static size_t choices(const ee_cli_strings_t *list) {
  return list->count ? list->count : 1;
}

// Point number `index` of the sweep; the last list runs fastest.
static int sweep_point(const sweep_t *sweep, size_t index, point_t *out_point) {
  *out_point = (point_t){0};
  int exit_code = EE_CLI_OK;
  const char *const cache = part(&sweep->caches, index);
  index /= choices(&sweep->caches);
  if (cache) exit_code = read_cache(cache, &out_point->cold);
  const char *const threads = part(&sweep->threads, index);
  index /= choices(&sweep->threads);
  if (threads && !exit_code) exit_code = read_threads(threads, &out_point->threads);
  out_point->device = part(&sweep->devices, index);
  index /= choices(&sweep->devices);
  out_point->function = part(&sweep->functions, index);
  index /= choices(&sweep->functions);
  out_point->module = part(&sweep->modules, index);
  return exit_code;
}

static int read_against(const bench_options_t *options, ee_cli_runtime_t *out_runtimes,
                        size_t *out_count) {
  *out_count = 0;
  for (size_t i = 0; i < options->against.count; ++i) {
    const char *const name = options->against.items[i];
    const bool ort = strcmp(name, "onnxruntime") == 0;
    if (!ort && strcmp(name, "iree") != 0)
      return ee_cli_fail(EE_CLI_USAGE, "--against: '%s' is not iree or onnxruntime", name);
    if (ort && !options->onnx)
      return ee_cli_fail(EE_CLI_USAGE, "--against=onnxruntime needs the model: --onnx=FILE.onnx");
    if (!ort && options->model.devices.count > 1)
      return ee_cli_fail(EE_CLI_USAGE, "--against=iree: for one device only");
    if (*out_count == 2) return ee_cli_fail(EE_CLI_USAGE, "--against: more often than twice");
    out_runtimes[(*out_count)++] = ort ? EE_CLI_RUNTIME_ORT : EE_CLI_RUNTIME_IREE;
  }
  return EE_CLI_OK;
}

// Whether another contender measures the same: ONNX Runtime knows no modules and devices.
static bool is_there(const field_t *field, ee_cli_runtime_t runtime,
                     const ee_cli_contender_t *like) {
  for (size_t i = 0; i < field->count; ++i) {
    const ee_cli_contender_t *const other = field->items[i];
    if (other->runtime == runtime && runtime == EE_CLI_RUNTIME_ORT &&
        other->threads == like->threads && other->cold == like->cold)
      return true;
  }
  return false;
}

static int open_field(const bench_options_t *options, const sweep_t *sweep, field_t *field) {
  ee_cli_runtime_t against[2];
  size_t against_count = 0;
  int exit_code = read_against(options, against, &against_count);
  const size_t total = choices(&sweep->modules) * choices(&sweep->functions) *
                       choices(&sweep->devices) * choices(&sweep->threads) *
                       choices(&sweep->caches);
  for (size_t i = 0; i < total && !exit_code; ++i) {
    point_t point;
    exit_code = sweep_point(sweep, i, &point);
    ee_cli_contender_t *own = NULL;
    if (!exit_code) exit_code = open_own(options, &point, field, &own);
    for (size_t k = 0; k < against_count && !exit_code; ++k) {
      if (is_there(field, against[k], own)) continue;
      if (own->cold && against[k] == EE_CLI_RUNTIME_IREE) {
        fprintf(stderr, "eerie bench: iree-benchmark-module has no cold caches; left out there\n");
        continue;
      }
      exit_code = open_peer(options, against[k], own, field);
    }
  }
  return exit_code;
}

// ---- Measuring ---------------------------------------------------------------------------------

bool ee_cli_samples_add(ee_cli_samples_t *samples, uint64_t ns) {
  if (samples->count >= SAMPLE_LIMIT) return true;
  if (samples->count == samples->capacity) {
    const size_t capacity = samples->capacity ? samples->capacity * 2 : 1024;
    uint64_t *const grown = realloc(samples->ns, capacity * sizeof *grown);
    if (!grown) return false;
    samples->ns = grown;
    samples->capacity = capacity;
  }
  samples->ns[samples->count++] = ns;
  return true;
}

// Writes to twice as much memory as the last cache holds, so that nothing else is left in it.
typedef struct sweeper {
  unsigned char *memory;
  size_t size;
} sweeper_t;

static bool sweeper_open(sweeper_t *sweeper) {
  long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  sweeper->size = 2 * (cache > 0 ? (size_t)cache : (size_t)32 << 20);
  sweeper->memory = calloc(sweeper->size, 1);
  return sweeper->memory != NULL;
}

static void sweep_caches(const sweeper_t *sweeper) {
  enum { LINE = 64 };
  volatile unsigned char *const memory = sweeper->memory;
  for (size_t i = 0; i < sweeper->size; i += LINE)
    memory[i] = (unsigned char)(memory[i] + 1);
}

static eerie_status_t call_once(ee_cli_contender_t *contender, uint64_t *out_ns,
                                eerie_error_t *err) {
  const ee_cli_model_t *const model = &contender->model;
  ee_cli_values_t *const results = &contender->results;
  const uint64_t start = clock_ns(CLOCK_MONOTONIC);
  const eerie_status_t status =
      contender->prepared
          ? eerie_prepared_call_run(contender->prepared, results->items, results->count, err)
          : eerie_call(model->function, model->inputs.items, model->inputs.count, results->items,
                       results->count, err);
  *out_ns = clock_ns(CLOCK_MONOTONIC) - start;
  for (size_t i = 0; i < results->count; ++i)
    eerie_value_release(&results->items[i]);
  return status;
}

static int call_failed(const ee_cli_contender_t *contender, eerie_status_t status,
                       const eerie_error_t *err) {
  (void)contender;
  return ee_cli_fail_error(ee_cli_exit_code(status), err);
}

static int warm_up(ee_cli_contender_t *contender, uint64_t calls) {
  eerie_error_t err = {0};
  uint64_t ns = 0;
  for (uint64_t i = 0; i < calls; ++i) {
    const eerie_status_t status = call_once(contender, &ns, &err);
    if (status) return call_failed(contender, status, &err);
  }
  return EE_CLI_OK;
}

// Calls until both the number of calls and the time are reached.
static int measure_own(ee_cli_contender_t *contender, const sweeper_t *sweeper, double seconds,
                       uint64_t calls) {
  eerie_error_t err = {0};
  const uint64_t start = clock_ns(CLOCK_MONOTONIC);
  uint64_t cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID), cpu_ns = 0, done = 0;
  while (!done || done < calls || (double)(clock_ns(CLOCK_MONOTONIC) - start) < seconds * 1e9) {
    uint64_t ns = 0;
    if (contender->cold) {
      sweep_caches(sweeper);
      cpu_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    }
    const eerie_status_t status = call_once(contender, &ns, &err);
    if (status) return call_failed(contender, status, &err);
    if (contender->cold) cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    if (!ee_cli_samples_add(&contender->samples, ns))
      return ee_cli_fail(EE_CLI_FAILED, "no memory for %zu times", contender->samples.count);
    ++done;
  }
  if (!contender->cold) cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
  const double cpu = (double)cpu_ns / (double)done;
  if (contender->min_cpu_ns < 0 || cpu < contender->min_cpu_ns) contender->min_cpu_ns = cpu;
  contender->calls += done;
  eerie_instance_memory(contender->model.instance, NULL, &contender->peak_bytes);
  return EE_CLI_OK;
}

// All contenders take a turn in each round, each time another one first.
static int measure(const bench_options_t *options, field_t *field) {
  sweeper_t sweeper = {0};
  int exit_code = EE_CLI_OK;
  for (size_t i = 0; i < field->count && !exit_code; ++i) {
    if (field->items[i]->cold && !sweeper.memory && !sweeper_open(&sweeper))
      exit_code = ee_cli_fail(EE_CLI_FAILED, "no memory to fill the caches with");
    if (!exit_code && field->items[i]->runtime == EE_CLI_RUNTIME_EERIE)
      exit_code = warm_up(field->items[i], options->warmup);
  }
  const double seconds = options->min_time >= 0 ? options->min_time : options->repetitions ? 0 : 1;
  const uint64_t rounds = options->rounds ? options->rounds : 1;
  for (uint64_t round = 0; round < rounds && !exit_code; ++round) {
    // What a number of calls that the rounds do not divide leaves over goes to the first ones.
    const uint64_t calls =
        options->repetitions / rounds + (round < options->repetitions % rounds ? 1 : 0);
    if (options->repetitions && !calls && seconds == 0) break;
    for (size_t i = 0; i < field->count && !exit_code; ++i) {
      ee_cli_contender_t *const contender =
          field->items[(i + (size_t)(round % field->count)) % field->count];
      exit_code = contender->runtime == EE_CLI_RUNTIME_EERIE
                      ? measure_own(contender, &sweeper, seconds / (double)rounds, calls)
                      : ee_cli_peer_measure(contender, seconds / (double)rounds, calls);
    }
  }
  free(sweeper.memory);
  return exit_code;
}

// ---- The command -------------------------------------------------------------------------------

static int bench(const bench_options_t *options) {
  field_t field = {0};
  sweep_t sweep;
  int exit_code = read_sweep(options, &sweep);
  if (!exit_code) exit_code = open_field(options, &sweep, &field);
  if (!exit_code) exit_code = measure(options, &field);
  if (!exit_code)
    exit_code = ee_cli_bench_show(options->format, options->warmup, field.items, field.count);
  close_field(&field);
  free_sweep(&sweep);
  return exit_code;
}

static int check_options(bench_options_t *options) {
  if (options->json) options->format_name = "json";
  if (options->terse) options->format_name = "terse";
  if (!ee_cli_bench_format_parse(options->format_name, &options->format))
    return ee_cli_fail(EE_CLI_USAGE, "--format: '%s' is not table, md, csv, json, jsonl or terse",
                       options->format_name);
  if (!ee_cli_fill_parse(options->fill_name, &options->fill))
    return ee_cli_fail(EE_CLI_USAGE, "--fill: '%s' is not random or zero", options->fill_name);
  return EE_CLI_OK;
}

static const char bench_notes[] =
    "Lists make a sweep: several modules, --function=f,g, --device=a,b, --threads=1,2,4,\n"
    "--caches=warm,cold; contenders take turns. Modules that the others import from are given\n"
    "with --module=.\n"
    "\n"
    "Example:\n"
    "  eerie bench mul.vmfb --input=4xf32=1 --input=4xf32=10\n"
    "  eerie bench default.vmfb tuned.vmfb --function=main --against=iree --format=md\n"
    "  eerie bench net.vmfb --against=onnxruntime --onnx=net.onnx\n";

int eerie_cli_bench(int argc, char **argv) {
  bench_options_t options = {
      .warmup = 5, .rounds = 10, .min_time = -1, .format_name = "table", .fill_name = "random"};
  const ee_cli_option_t table[] = {
      EE_CLI_MODEL_OPTIONS(&options.model),
      {"fill", "HOW", EE_CLI_STRING, &options.fill_name,
       "arguments where no --input is given and shapes are fixed:\nrandom (default) or zero"},
      {"warmup", "N", EE_CLI_NUMBER, &options.warmup,
       "calls before the first timed one; default 5"},
      {"repetitions", "N", EE_CLI_NUMBER, &options.repetitions, "calls to time at least"},
      {"min-time", "SECONDS", EE_CLI_REAL, &options.min_time,
       "how long to go on at least, each contender; default 1, with\n--repetitions 0"},
      {"rounds", "N", EE_CLI_NUMBER, &options.rounds, "turns that the contenders take; default 10"},
      {"threads", "N,...", EE_CLI_STRING, &options.threads,
       "threads that work on a call, of local-task"},
      {"caches", "HOW,...", EE_CLI_STRING, &options.caches,
       "warm (default), or cold: caches are filled with other\nmemory before each call"},
      {"prepared", NULL, EE_CLI_SWITCH, &options.prepared,
       "check and bind the arguments once (eerie_call_prepare)"},
      {"against", "RUNTIME", EE_CLI_STRINGS, &options.against,
       "another runtime beside it, where installed: iree\n(iree-benchmark-module) or onnxruntime; "
       "may be repeated"},
      {"onnx", "FILE", EE_CLI_STRING, &options.onnx, "the same model, for --against=onnxruntime"},
      {"format", "FORMAT", EE_CLI_STRING, &options.format_name,
       "table (default), md, csv, json or jsonl; those for programs\nin nanoseconds"},
      {"json", NULL, EE_CLI_SWITCH, &options.json, "the same as --format=json"},
      {"terse", NULL, EE_CLI_SWITCH, &options.terse,
       "one line each: least ns, median ns, calls, least\nns of processor time"},
  };
  const ee_cli_command_t command = {.name = "bench",
                                    .summary = "time the calls of functions, side by side",
                                    .arguments = "[options] [MODULE...]",
                                    .notes = bench_notes,
                                    .tool_flags = true,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &options.positional, &exit_code)) {
    exit_code = check_options(&options);
    if (!exit_code) exit_code = bench(&options);
  }
  ee_cli_strings_free(&options.positional);
  ee_cli_strings_free(&options.against);
  ee_cli_model_options_free(&options.model);
  return ee_cli_flush_stdout(exit_code);
}
