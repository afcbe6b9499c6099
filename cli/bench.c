// bench.c: `eerie bench`: how long a call of a function takes.
//
// Each call is timed alone, by the monotonic clock, from arguments that are there to results that
// are there. Percentiles are the nearest rank, so each is a time that was really taken.
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "json.h"
#include "model.h"

// Samples kept at most: 32 MB of them.
#define SAMPLE_LIMIT ((size_t)1 << 22)

typedef struct bench_options {
  ee_cli_model_options_t model;
  uint64_t warmup, repetitions;
  double min_time; // negative: not given
  bool json;
} bench_options_t;

typedef struct samples {
  uint64_t *ns;
  size_t count, capacity;
} samples_t;

typedef struct summary {
  double min, median, p90, p99, max, mean; // nanoseconds
} summary_t;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

// ---- Measuring ---------------------------------------------------------------------------------

static bool add_sample(samples_t *samples, uint64_t ns) {
  if (samples->count == samples->capacity) {
    const size_t capacity = samples->capacity ? samples->capacity * 2 : 1024;
    uint64_t *grown = realloc(samples->ns, capacity * sizeof *grown);
    if (!grown) return false;
    samples->ns = grown;
    samples->capacity = capacity;
  }
  samples->ns[samples->count++] = ns;
  return true;
}

static eerie_status_t call_once(const ee_cli_model_t *model, ee_cli_values_t *results,
                                uint64_t *out_ns, eerie_error_t *err) {
  const uint64_t start = now_ns();
  const eerie_status_t status =
      eerie_call(model->function, model->inputs.items, model->inputs.count, results->items,
                 results->count, err);
  *out_ns = now_ns() - start;
  for (size_t i = 0; i < results->count; ++i)
    eerie_value_release(&results->items[i]);
  return status;
}

// Calls until both the number of repetitions and the time are reached.
static eerie_status_t measure(const bench_options_t *options, const ee_cli_model_t *model,
                              ee_cli_values_t *results, samples_t *samples, eerie_error_t *err) {
  uint64_t ns = 0;
  for (uint64_t i = 0; i < options->warmup; ++i) {
    const eerie_status_t status = call_once(model, results, &ns, err);
    if (status) return status;
  }
  const double seconds = options->min_time >= 0 ? options->min_time : options->repetitions ? 0 : 1;
  const uint64_t repetitions = options->repetitions ? options->repetitions : 1;
  const uint64_t start = now_ns();
  while (samples->count < SAMPLE_LIMIT &&
         (samples->count < repetitions || (double)(now_ns() - start) < seconds * 1e9)) {
    const eerie_status_t status = call_once(model, results, &ns, err);
    if (status) return status;
    if (!add_sample(samples, ns))
      return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "no memory for %zu times", samples->count);
  }
  return EERIE_OK;
}

static int compare_ns(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static double rank(const samples_t *samples, unsigned percent) {
  const size_t at = (samples->count * percent + 99) / 100;
  return (double)samples->ns[at ? at - 1 : 0];
}

static summary_t summarise(samples_t *samples) {
  if (!samples->count) return (summary_t){0};
  double sum = 0;
  for (size_t i = 0; i < samples->count; ++i)
    sum += (double)samples->ns[i];
  qsort(samples->ns, samples->count, sizeof *samples->ns, compare_ns);
  return (summary_t){.min = (double)samples->ns[0],
                     .median = rank(samples, 50),
                     .p90 = rank(samples, 90),
                     .p99 = rank(samples, 99),
                     .max = (double)samples->ns[samples->count - 1],
                     .mean = sum / (double)samples->count};
}

// ---- Showing -----------------------------------------------------------------------------------

static void print_time(const char *label, double ns) {
  static const char *const units[] = {"ns", "us", "ms", "s"};
  size_t unit = 0;
  while (ns >= 999.5 && unit < 3) {
    ns /= 1000;
    ++unit;
  }
  // Three digits that count.
  const int decimals = unit == 0 || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2;
  printf("  %-7s %7.*f %s\n", label, decimals, ns, units[unit]);
}

static int show(const bench_options_t *options, const ee_cli_model_t *model,
                const samples_t *samples, const summary_t *summary) {
  const char *const name = eerie_function_name(model->function);
  if (!options->json) {
    printf("%s: %zu call%s, after %" PRIu64 " to warm up\n", name, samples->count,
           samples->count == 1 ? "" : "s", options->warmup);
    print_time("min", summary->min);
    print_time("median", summary->median);
    print_time("p90", summary->p90);
    print_time("p99", summary->p99);
    print_time("mean", summary->mean);
    return EE_CLI_OK;
  }
  size_t current = 0, peak = 0;
  eerie_instance_memory(model->instance, &current, &peak);
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '{');
  ee_cli_json_string(&json, "function", name);
  ee_cli_json_string(&json, "device", eerie_device_name(model->devices[0]));
  ee_cli_json_number(&json, "warmup", options->warmup);
  ee_cli_json_number(&json, "calls", samples->count);
  ee_cli_json_real(&json, "min_ns", summary->min);
  ee_cli_json_real(&json, "median_ns", summary->median);
  ee_cli_json_real(&json, "p90_ns", summary->p90);
  ee_cli_json_real(&json, "p99_ns", summary->p99);
  ee_cli_json_real(&json, "max_ns", summary->max);
  ee_cli_json_real(&json, "mean_ns", summary->mean);
  ee_cli_json_number(&json, "peak_bytes", peak);
  ee_cli_json_close(&json, '}');
  return ee_cli_json_print(&json);
}

static int bench(const bench_options_t *options, const ee_cli_strings_t *positional) {
  ee_cli_model_t model;
  eerie_error_t err = {0};
  samples_t samples = {0};
  ee_cli_values_t results = {0};
  int exit_code = ee_cli_model_open(&options->model, positional, &model);
  if (exit_code) goto done;
  results.count = eerie_function_output_count(model.function);
  results.items = calloc(results.count + 1, sizeof *results.items);
  if (!results.items) {
    exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
    goto done;
  }
  const eerie_status_t status = measure(options, &model, &results, &samples, &err);
  if (status) {
    exit_code = ee_cli_fail_error(ee_cli_exit_code(status), &err);
    goto done;
  }
  const summary_t summary = summarise(&samples);
  exit_code = show(options, &model, &samples, &summary);
done:
  ee_cli_values_free(&results);
  free(samples.ns);
  ee_cli_model_close(&model);
  return exit_code;
}

int eerie_cli_bench(int argc, char **argv) {
  bench_options_t options = {.warmup = 5, .min_time = -1};
  const ee_cli_option_t table[] = {
      EE_CLI_MODEL_OPTIONS(&options.model),
      {"warmup", "N", EE_CLI_NUMBER, &options.warmup,
       "calls before the first timed one; default 5"},
      {"repetitions", "N", EE_CLI_NUMBER, &options.repetitions, "calls to time at least"},
      {"min-time", "SECONDS", EE_CLI_REAL, &options.min_time,
       "how long to go on at least; default 1, with --repetitions 0"},
      {"json", NULL, EE_CLI_SWITCH, &options.json, "print JSON, times in nanoseconds"},
  };
  const ee_cli_command_t command = {
      .name = "bench",
      .summary = "time the calls of a function",
      .arguments = "[options] [MODULE...]",
      .notes = "Example:\n"
               "  eerie bench --module=mul.vmfb --input=4xf32=1 --input=4xf32=10\n",
      .tool_flags = true,
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t positional = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &positional, &exit_code))
    exit_code = bench(&options, &positional);
  ee_cli_strings_free(&positional);
  ee_cli_model_options_free(&options.model);
  return ee_cli_flush_stdout(exit_code);
}
