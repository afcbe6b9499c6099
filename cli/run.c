// run.c: `eerie run`: calls a function of a module once and shows, stores or checks its results.
//
// Options, the forms of values and what is printed are those of iree-run-module 3.13.0, so that a
// script changes one word.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "record.h"

typedef struct run_options {
  ee_cli_model_options_t model;
  ee_cli_strings_t outputs, expected;
  uint64_t element_limit;
  const char *equality_mode, *list_devices;
  ee_cli_tolerance_t tolerance;
  bool list_drivers, statistics, trace;
} run_options_t;

// Events that --trace keeps.
enum { TRACE_EVENTS = 1 << 18 };

static const char run_notes[] =
    "Example:\n"
    "  eerie run --module=mul.vmfb --function=mul --input=\"4xf32=1 2 3 4\" --input=4xf32=10\n"
    "\n"
    "Inputs:   2x3xf32=[1 2 3][4 5 6]  4xi32=7 (all 7)  8xf32 (zeros)  i32=5  2.5  (null)\n"
    "          @x.npy  +x.npy (its next array)  *x.npy (all that are left)\n"
    "          4x4xf32=@x.bin  4x4xf32=+x.bin (the bytes that follow)\n"
    "Outputs:  -  @y.npy  +y.npy (appends)  @y.bin  +y.bin; empty: nothing\n"
    "Exit code: 0, 1 when the run failed or an expected output differs; see eerie help "
    "exit-codes\n";

// ---- Results -----------------------------------------------------------------------------------

static int print_value(const eerie_value_t *value, uint64_t limit, const char *label,
                       size_t index) {
  eerie_error_t err = {0};
  ee_cli_text_t text = {0};
  if (label) ee_cli_text_printf(&text, "%s[%zu]: ", label, index);
  const eerie_status_t status = ee_cli_value_format(&text, value, limit, &err);
  ee_cli_text_string(&text, "\n");
  int exit_code = EE_CLI_OK;
  if (status)
    exit_code = ee_cli_fail_error(EE_CLI_FAILED, &err);
  else if (text.failed)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
  else
    fwrite(text.data, 1, text.size, stdout);
  ee_cli_text_free(&text);
  return exit_code;
}

static bool ends_with(const char *text, const char *end) {
  const size_t text_length = strlen(text), end_length = strlen(end);
  return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

static bool is_file(const char *spec) {
  return *spec && strcmp(spec, "-") != 0;
}

// What can be wrong with --output is found before the function runs.
static int check_outputs(const run_options_t *options, const eerie_function_t *function) {
  const size_t given = options->outputs.count, count = eerie_function_output_count(function);
  if (given && given != count)
    return ee_cli_fail(EE_CLI_USAGE, "%zu --output given, but %s has %zu result%s (OUT_OF_RANGE)",
                       given, eerie_function_name(function), count, count == 1 ? "" : "s");
  for (size_t i = 0; i < given; ++i) {
    const char *const spec = options->outputs.items[i];
    if (!is_file(spec)) continue;
    if (*spec != '@' && *spec != '+')
      return ee_cli_fail(
          EE_CLI_USAGE,
          "output %zu '%s': expected -, @FILE, +FILE to append, or nothing (UNIMPLEMENTED)", i,
          spec);
    eerie_error_t err = {0};
    if (ee_cli_output_check(spec + 1, &err))
      return ee_cli_fail(EE_CLI_OUTPUT, "output %zu: %s (%s)", i, err.message,
                         eerie_status_name(err.code));
  }
  return EE_CLI_OK;
}

static int store_value(ee_cli_outputs_t *files, const char *spec, const eerie_value_t *value) {
  eerie_error_t err = {0};
  ee_cli_text_t *content = NULL;
  eerie_status_t status = ee_cli_outputs_open(files, spec + 1, *spec == '+', &content, &err);
  if (!status) status = ee_cli_value_write(content, value, !ends_with(spec, ".npy"), &err);
  if (!status) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_OUTPUT, "%s: %s (%s)", spec + 1, err.message,
                     eerie_status_name(status));
}

static int write_outputs(const run_options_t *options, const ee_cli_values_t *results) {
  int exit_code = EE_CLI_OK;
  ee_cli_outputs_t files = {0};
  for (size_t i = 0; i < results->count && !exit_code; ++i) {
    const char *const spec = options->outputs.items[i];
    if (is_file(spec))
      exit_code = store_value(&files, spec, &results->items[i]);
    else if (*spec)
      exit_code = print_value(&results->items[i], options->element_limit, NULL, i);
  }
  eerie_error_t err = {0};
  if (!exit_code && ee_cli_outputs_commit(&files, &err))
    exit_code = ee_cli_fail_error(EE_CLI_OUTPUT, &err);
  ee_cli_outputs_free(&files);
  return exit_code;
}

static int compare_results(const run_options_t *options, const ee_cli_values_t *expected,
                           const ee_cli_values_t *results) {
  eerie_error_t err = {0};
  ee_cli_text_t report = {0};
  bool equal = false;
  const eerie_status_t status =
      ee_cli_values_compare(expected, results, &options->tolerance, &report, &equal, &err);
  int exit_code = equal ? EE_CLI_OK : EE_CLI_FAILED;
  if (status) {
    exit_code = ee_cli_fail_error(EE_CLI_FAILED, &err);
  } else {
    if (report.size) fwrite(report.data, 1, report.size, stdout);
    if (equal) puts("[SUCCESS] all function outputs matched their expected values.");
  }
  ee_cli_text_free(&report);
  return exit_code;
}

static int show_results(const run_options_t *options, const ee_cli_values_t *expected,
                        const ee_cli_values_t *results) {
  int exit_code = EE_CLI_OK;
  if (options->outputs.count) exit_code = write_outputs(options, results);
  if (!exit_code && options->expected.count)
    exit_code = compare_results(options, expected, results);
  if (options->outputs.count || options->expected.count) return exit_code;
  for (size_t i = 0; i < results->count && !exit_code; ++i)
    exit_code = print_value(&results->items[i], options->element_limit, "result", i);
  return exit_code;
}

// ---- The call ----------------------------------------------------------------------------------

static int call(const run_options_t *options, const ee_cli_model_t *model,
                const ee_cli_values_t *expected) {
  eerie_error_t err = {0};
  ee_cli_values_t results = {.count = eerie_function_output_count(model->function)};
  results.items = calloc(results.count + 1, sizeof *results.items);
  if (!results.items) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  printf("EXEC @%s\n", eerie_function_name(model->function));
  fflush(stdout);
  const eerie_status_t status = eerie_call(model->function, model->inputs.items,
                                           model->inputs.count, results.items, results.count, &err);
  int exit_code = EE_CLI_OK;
  if (status == EERIE_NOT_FOUND || status == EERIE_DATA_LOSS)
    exit_code = ee_cli_fail_error(EE_CLI_FAILED, &err); // the function's words, not about a file
  else if (status)
    exit_code = ee_cli_fail_error(ee_cli_exit_code(status), &err);
  else
    exit_code = show_results(options, expected, &results);
  ee_cli_values_free(&results);
  return exit_code;
}

static void print_statistics(const ee_cli_model_t *model) {
  size_t current = 0, peak = 0;
  eerie_instance_memory(model->instance, &current, &peak);
  ee_cli_text_t text = {0};
  ee_cli_text_string(&text, "memory: ");
  ee_cli_text_bytes(&text, current);
  ee_cli_text_string(&text, " in use, ");
  ee_cli_text_bytes(&text, peak);
  ee_cli_text_string(&text, " at most\n");
  // The words of iree-run-module, by what memory is for instead of where it is.
  static const eerie_memory_kind_t order[] = {
      EERIE_MEMORY_CONSTANTS, EERIE_MEMORY_STATE, EERIE_MEMORY_TENSORS, EERIE_MEMORY_TRANSIENT,
      EERIE_MEMORY_RESULTS,   EERIE_MEMORY_NONE,  EERIE_MEMORY_CODE,    EERIE_MEMORY_OTHER};
  for (size_t i = 0; i < sizeof order / sizeof *order; ++i) {
    const eerie_memory_kind_t kind = order[i];
    eerie_memory_figures_t figures;
    eerie_instance_memory_of(model->instance, kind, &figures);
    if (kind == EERIE_MEMORY_CODE || kind == EERIE_MEMORY_OTHER) {
      ee_cli_text_printf(&text, "%12s: %12" PRIu64 "B peak / %12" PRIu64 "B live\n",
                         eerie_memory_kind_name(kind), figures.peak, figures.current);
      continue;
    }
    ee_cli_text_printf(&text,
                       "%12s: %12" PRIu64 "B peak / %12" PRIu64 "B allocated / %12" PRIu64
                       "B freed / %12" PRIu64 "B live\n",
                       eerie_memory_kind_name(kind), figures.peak, figures.allocated, figures.freed,
                       figures.current);
  }
  fflush(stdout);
  if (!text.failed) fputs(text.data, stderr);
  ee_cli_text_free(&text);
}

static int run(const run_options_t *options, const ee_cli_strings_t *positional) {
  ee_cli_model_t model = {0};
  ee_cli_record_t record = {0};
  ee_cli_values_t expected = {0};
  if (options->trace && ee_cli_record_open(&record, TRACE_EVENTS)) return EE_CLI_FAILED;
  const eerie_observer_t observer =
      options->trace ? ee_cli_record_observer(&record) : (eerie_observer_t){0};
  ee_cli_model_options_t model_options = options->model;
  if (options->trace || options->statistics) model_options.observer = &observer;
  int exit_code = ee_cli_model_open(&model_options, positional, &model);
  if (!exit_code) exit_code = check_outputs(options, model.function);
  if (!exit_code) {
    const ee_cli_place_t place = {model.instance, model.devices[0]};
    exit_code = ee_cli_values_read(&place, model.function, "expected output", eerie_function_output,
                                   &options->expected, &expected);
  }
  const size_t first = ee_cli_record_count(&record);
  if (!exit_code) exit_code = call(options, &model, &expected);
  fflush(stdout);
  if (!exit_code && options->trace) exit_code = ee_cli_record_print(&record, first, stderr);
  if (!exit_code && options->statistics) print_statistics(&model);
  ee_cli_values_free(&expected);
  ee_cli_model_close(&model);
  ee_cli_record_close(&record);
  return exit_code;
}

// ---- Lists, as iree-run-module prints them ------------------------------------------------------

// "local-sync://", "vulkan://UUID": the driver's name there is what stands before the colon.
// `wanted`: only those of one driver; "" for all.
static int list_devices(const char *wanted, bool drivers) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  const eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  eerie_device_info_t info;
  size_t shown = 0;
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    const int length = (int)strcspn(info.name, ":");
    if (*wanted &&
        (strlen(wanted) != (size_t)length || memcmp(wanted, info.name, (size_t)length) != 0))
      continue;
    ++shown;
    if (drivers)
      printf("%16.*s: %s\n", length, info.name, info.description);
    else
      printf("%.*s://%s\n", length, info.name, info.uuid ? info.uuid : "");
  }
  eerie_instance_release(instance);
  return shown || !*wanted ? EE_CLI_OK
                           : ee_cli_fail(EE_CLI_INCOMPATIBLE, "no driver '%s' (NOT_FOUND)", wanted);
}

int eerie_cli_run(int argc, char **argv) {
  run_options_t options = {
      .element_limit = 1024,
      .equality_mode = "approximate",
      // iree-run-module's defaults.
      .tolerance = {.f16 = 1e-3, .bf16 = 1e-2, .f32 = 1e-4, .f64 = 1e-4, .relative = 1e-5}};
  const ee_cli_option_t table[] = {
      EE_CLI_MODEL_OPTIONS(&options.model),
      EE_CLI_THREADS_OPTION(&options.model),
      EE_CLI_TASK_OPTIONS(&options.model),
      {"output", "WHERE", EE_CLI_STRINGS, &options.outputs,
       "where a result goes, in order: -, @y.npy, +y.npy, @y.bin"},
      {"expected_output", "VALUE", EE_CLI_STRINGS, &options.expected,
       "what a result must be, in order, like --input;\n(ignored) for whatever it is"},
      {"output_max_element_count", "N", EE_CLI_NUMBER, &options.element_limit,
       "elements of a result that are printed; default 1024"},
      {"print_max_element_count", "N", EE_CLI_NUMBER, &options.element_limit, NULL},
      {"equality_mode", "MODE", EE_CLI_STRING, &options.equality_mode,
       "approximate (|a - e| <= threshold + rtol * |e|) or exact"},
      {"expected_f16_threshold", "X", EE_CLI_REAL, &options.tolerance.f16, "default 0.001"},
      {"expected_bf16_threshold", "X", EE_CLI_REAL, &options.tolerance.bf16, "default 0.01"},
      {"expected_f32_threshold", "X", EE_CLI_REAL, &options.tolerance.f32, "default 0.0001"},
      {"expected_f64_threshold", "X", EE_CLI_REAL, &options.tolerance.f64, "default 0.0001"},
      {"expected_rtol", "X", EE_CLI_REAL, &options.tolerance.relative, "default 0.00001"},
      {"list_devices", "DRIVER", EE_CLI_OPTIONAL, &options.list_devices,
       "print the names for --device and stop"},
      {"list_drivers", NULL, EE_CLI_SWITCH, &options.list_drivers, "print the drivers and stop"},
      {"print_statistics", NULL, EE_CLI_SWITCH, &options.statistics,
       "print memory use by kind on standard error at the end"},
      {"trace", NULL, EE_CLI_SWITCH, &options.trace,
       "print each dispatch of the call on standard error:\nworkgroups, bytes, time, GFLOP/s "
       "where the kernel tells"},
  };
  const ee_cli_command_t command = {.name = "run",
                                    .summary = "call a function of a compiled module",
                                    .arguments = "[options] [MODULE...]",
                                    .notes = run_notes,
                                    .tool_flags = true,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t positional = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &positional, &exit_code)) {
    options.tolerance.exact = strcmp(options.equality_mode, "exact") == 0;
    if (!options.tolerance.exact && strcmp(options.equality_mode, "approximate") != 0)
      exit_code = ee_cli_fail(EE_CLI_USAGE, "--equality_mode: '%s' is not approximate or exact",
                              options.equality_mode);
    else if (options.list_devices || options.list_drivers)
      exit_code =
          list_devices(options.list_devices ? options.list_devices : "", options.list_drivers);
    else
      exit_code = run(&options, &positional);
  }
  ee_cli_strings_free(&positional);
  ee_cli_strings_free(&options.outputs);
  ee_cli_strings_free(&options.expected);
  ee_cli_model_options_free(&options.model);
  return ee_cli_flush_stdout(exit_code);
}
