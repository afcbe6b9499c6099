// check.c: `eerie check`: calls the tests that a module is made of.
//
// A test is an exported function without arguments; it fails when its call does, as that of a
// function of the `check` module's does whose expectation does not hold. Each has a program of its
// own, so that no test sees what another one left. (The same in iree-check-module.)
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "model.h"

typedef struct check_options {
  ee_cli_model_options_t model;
  ee_cli_strings_t functions;
  bool json, expect_failure;
} check_options_t;

typedef struct check_run {
  const check_options_t *options;
  ee_cli_model_t model;
  ee_cli_json_t json;
  ee_cli_strings_t tests; // names of exports
  size_t failed;
  ee_cli_text_t messages; // of the test that runs, each ended by a NUL
} check_run_t;

// ---- What there is to call ---------------------------------------------------------------------

static bool add_test(ee_cli_strings_t *tests, const char *name) {
  const char **items = realloc((void *)tests->items, (tests->count + 1) * sizeof *tests->items);
  if (!items) return false;
  tests->items = items;
  items[tests->count++] = name;
  return true;
}

static bool is_named(const ee_cli_strings_t *names, const char *name) {
  for (size_t i = 0; i < names->count; ++i)
    if (strcmp(names->items[i], name) == 0) return true;
  return false;
}

// Initialisers and what the compiler made for itself are no tests.
static bool is_internal(const char *name) {
  return strncmp(name, "__", 2) == 0 || strchr(name, '$');
}

static int find_tests(check_run_t *run) {
  const ee_cli_strings_t *const wanted = &run->options->functions;
  const eerie_module_t *const module = run->model.modules[run->model.module_count - 1];
  eerie_export_info_t info;
  for (size_t i = 0; eerie_module_export(module, i, &info); ++i) {
    const bool chosen = wanted->count ? is_named(wanted, info.name) : !is_internal(info.name);
    if (chosen && !add_test(&run->tests, info.name))
      return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  }
  for (size_t i = 0; i < wanted->count; ++i)
    if (!is_named(&run->tests, wanted->items[i]))
      return ee_cli_fail(EE_CLI_USAGE, "%s exports no function '%s' (NOT_FOUND)", run->model.name,
                         wanted->items[i]);
  if (!run->tests.count)
    return ee_cli_fail(EE_CLI_USAGE, "%s exports no function that could be a test (NOT_FOUND)",
                       run->model.name);
  return EE_CLI_OK;
}

// ---- Calls -------------------------------------------------------------------------------------

static void add_message(check_run_t *run, const char *text, size_t length) {
  ee_cli_text_append(&run->messages, text, length);
  ee_cli_text_append(&run->messages, "", 1);
}

// Expectations that do not hold come as lines; others are what the module prints.
static void check_on_line(void *user, const char *line, size_t length) {
  check_run_t *const run = user;
  static const char mark[] = "failed: ";
  const size_t mark_length = sizeof mark - 1;
  if (length > mark_length && memcmp(line, mark, mark_length) == 0) {
    add_message(run, line + mark_length, length - mark_length);
    return;
  }
  fflush(stdout);
  fwrite(line, 1, length, stderr);
  fputc('\n', stderr);
}

static eerie_status_t call_test(check_run_t *run, const char *name, eerie_error_t *err) {
  eerie_module_info_t info;
  eerie_module_info(run->model.modules[run->model.module_count - 1], &info);
  ee_cli_text_t full = {0};
  ee_cli_text_printf(&full, "%s.%s", info.name, name);
  eerie_function_t *function = NULL;
  eerie_status_t status = full.failed
                              ? ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory")
                              : eerie_program_find(run->model.program, full.data, &function, err);
  ee_cli_text_free(&full);
  if (status) return status;
  const size_t inputs = eerie_function_input_count(function);
  const size_t outputs = eerie_function_output_count(function);
  // What needs something from outside is no test, but one that was meant to be may not be missed.
  if (inputs || outputs)
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT,
                        "a test has neither arguments nor results, this has %zu and %zu: %s",
                        inputs, outputs, eerie_function_declaration(function));
  return eerie_call(function, NULL, 0, NULL, 0, err);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void print_messages(const check_run_t *run) {
  for (size_t at = 0; at < run->messages.size; at += strlen(run->messages.data + at) + 1)
    printf("        %s\n", run->messages.data + at);
}

static void show_test(check_run_t *run, const char *name, eerie_status_t status, double seconds) {
  if (!run->options->json) {
    printf("%-7s %s\n", status ? "FAILED" : "OK", name);
    print_messages(run);
    fflush(stdout);
    return;
  }
  ee_cli_json_t *const json = &run->json;
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "name", name);
  ee_cli_json_bool(json, "passed", !status);
  ee_cli_json_string(json, "status", eerie_status_name(status));
  ee_cli_json_open(json, "messages", '[');
  for (size_t at = 0; at < run->messages.size; at += strlen(run->messages.data + at) + 1)
    ee_cli_json_string(json, NULL, run->messages.data + at);
  ee_cli_json_close(json, ']');
  ee_cli_json_real(json, "seconds", seconds);
  ee_cli_json_close(json, '}');
}

static int run_test(check_run_t *run, const char *name) {
  run->messages.size = 0;
  const int exit_code = ee_cli_model_link(&run->options->model, &run->model, check_on_line, run);
  if (exit_code) return exit_code;
  const double start = now();
  eerie_error_t err = {0};
  const eerie_status_t status = call_test(run, name, &err);
  // Expectations have been told one by one, and the call fails with the first of them.
  if (status && (status != EERIE_ABORTED || !run->messages.size)) {
    ee_cli_text_t text = {0};
    ee_cli_text_printf(&text, "%s (%s)", err.message, eerie_status_name(status));
    if (!text.failed) add_message(run, text.data, text.size);
    ee_cli_text_free(&text);
  }
  run->failed += status != EERIE_OK;
  show_test(run, name, status, now() - start);
  return run->messages.failed ? ee_cli_fail(EE_CLI_FAILED, "out of memory") : EE_CLI_OK;
}

// ---- The command -------------------------------------------------------------------------------

static int finish(check_run_t *run) {
  const size_t count = run->tests.count, passed = count - run->failed;
  const bool good = (run->failed == 0) != run->options->expect_failure;
  int exit_code = good ? EE_CLI_OK : EE_CLI_FAILED;
  if (run->options->json) {
    ee_cli_json_close(&run->json, ']');
    ee_cli_json_number(&run->json, "passed", passed);
    ee_cli_json_number(&run->json, "failed", run->failed);
    ee_cli_json_close(&run->json, '}');
    const int print_code = ee_cli_json_print(&run->json);
    return exit_code ? exit_code : print_code;
  }
  printf("%zu test%s: %zu OK, %zu FAILED%s\n", count, count == 1 ? "" : "s", passed, run->failed,
         !run->options->expect_failure ? ""
         : good                        ? ", as expected"
                                       : "; a failure was expected");
  return exit_code;
}

static int check(const check_options_t *options, const ee_cli_strings_t *positional) {
  check_run_t run = {.options = options};
  int exit_code = ee_cli_model_load(&options->model, positional, &run.model);
  if (!exit_code) exit_code = find_tests(&run);
  if (!exit_code && options->json) {
    ee_cli_json_open(&run.json, NULL, '{');
    ee_cli_json_string(&run.json, "file", run.model.name);
    ee_cli_json_open(&run.json, "tests", '[');
  }
  for (size_t i = 0; i < run.tests.count && !exit_code; ++i)
    exit_code = run_test(&run, run.tests.items[i]);
  if (!exit_code) exit_code = finish(&run);
  ee_cli_text_free(&run.json.text);
  ee_cli_text_free(&run.messages);
  ee_cli_strings_free(&run.tests);
  ee_cli_model_close(&run.model);
  return exit_code;
}

int eerie_cli_check(int argc, char **argv) {
  check_options_t options = {0};
  const ee_cli_option_t table[] = {
      EE_CLI_PROGRAM_OPTIONS(&options.model),
      EE_CLI_THREADS_OPTION(&options.model),
      EE_CLI_TASK_OPTIONS(&options.model),
      {"function", "NAME", EE_CLI_STRINGS, &options.functions,
       "a test to run; may be repeated. Default: all that the\nlast module exports"},
      {"expect_failure", NULL, EE_CLI_SWITCH, &options.expect_failure,
       "exit with 0 when a test fails, with 1 when all hold"},
      {"json", NULL, EE_CLI_SWITCH, &options.json, "print JSON"},
  };
  const ee_cli_command_t command = {
      .name = "check",
      .summary = "run the tests in a compiled module",
      .arguments = "[options] [MODULE...]",
      .notes =
          "A test is an exported function without arguments and results; it fails when an\n"
          "expectation of the check module (check.expect_eq and others) does not hold, or with\n"
          "any other error. The exit code is 0 when all hold and 1 when one fails.\n"
          "\n"
          "Example:\n"
          "  eerie compile tests.mlir -o tests.vmfb\n"
          "  eerie check tests.vmfb --device=local-task\n",
      .tool_flags = true,
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t positional = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &positional, &exit_code))
    exit_code = check(&options, &positional);
  ee_cli_strings_free(&positional);
  ee_cli_strings_free(&options.functions);
  ee_cli_model_options_free(&options.model);
  return ee_cli_flush_stdout(exit_code);
}
