// compile_flags.c: the compiler's flags: those of the command line, and those chosen by the model.
#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "gpu.h"

bool ee_cli_compile_add(ee_cli_strings_t *strings, const char *item) {
  const char **items =
      realloc((void *)strings->items, (strings->count + 1) * sizeof *strings->items);
  if (!items) return false;
  strings->items = items;
  items[strings->count++] = item;
  return true;
}

bool ee_cli_compile_starts(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

// Options of the program iree-compile that look like flags of the compiler.
static bool compile_is_own(const char *flag) {
  return strcmp(flag, "iree-hal-list-target-backends") == 0 ||
         strcmp(flag, "iree-list-plugins") == 0;
}

bool ee_cli_compile_is_raw(const char *argument) {
  if (argument[0] != '-') return false;
  const char *name = argument + 1 + (argument[1] == '-');
  return (ee_cli_compile_starts(name, "iree-") || ee_cli_compile_starts(name, "mlir-")) &&
         !compile_is_own(name);
}

void ee_cli_compile_keep_flag(void *user, const char *flag) {
  char *copy = strdup(flag);
  if (copy && !ee_cli_compile_add(user, copy)) free(copy);
} // NOLINT(clang-analyzer-unix.Malloc): the list has it

void ee_cli_compile_free_flags(ee_cli_strings_t *flags) {
  for (size_t i = 0; i < flags->count; ++i)
    free((void *)(uintptr_t)flags->items[i]);
  ee_cli_strings_free(flags);
}

// ---- By the model -------------------------------------------------------------------------------

static bool compile_is_given(const ee_cli_compile_options_t *options, const char *flag) {
  const char *name = flag + strspn(flag, "-");
  const size_t size = strcspn(name, "=");
  for (size_t i = 0; i < options->raw.count; ++i) {
    const char *other = options->raw.items[i] + strspn(options->raw.items[i], "-");
    if (strcspn(other, "=") == size && memcmp(name, other, size) == 0) return true;
  }
  return false;
}

static void compile_on_choice(void *user, const char *flag, const char *reason) {
  ee_cli_compile_run_t *run = user;
  if (run->choice_stream)
    fprintf(run->choice_stream, "%s%s# %s\n", flag ? flag : "", flag ? "  " : "", reason);
  if (flag) ee_cli_compile_keep_flag(&run->chosen, flag);
}

// Flags from a file as `eerie tune` writes it: one a line, # begins a comment.
static int compile_read_choices(ee_cli_compile_run_t *run, const char *path) {
  ee_cli_text_t text = {0};
  eerie_error_t err = {0};
  const eerie_status_t status = ee_cli_read_file(path, &text, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
  int exit_code = EE_CLI_OK;
  size_t number = 0;
  for (char *at = text.data; at && *at && !exit_code;) {
    char *line = at + strspn(at, " \t\r");
    at = line + strcspn(line, "\n");
    if (*at) *at++ = 0;
    ++number;
    for (size_t end = strlen(line); end && strchr(" \t\r", line[end - 1]);)
      line[--end] = 0;
    if (!*line || *line == '#') continue;
    if (!ee_cli_compile_is_raw(line))
      exit_code = ee_cli_fail(EE_CLI_BAD_INPUT, "%s:%zu: '%.80s' is no flag of the compiler", path,
                              number, line);
    else if (!compile_is_given(run->options, line))
      compile_on_choice(run, line, path);
  }
  ee_cli_text_free(&text);
  return exit_code;
}

int ee_cli_compile_choose_flags(ee_cli_compile_run_t *run, eerie_compile_options_t *what,
                                ee_cli_strings_t *out_flags) {
  eerie_error_t err = {0};
  const ee_cli_compile_options_t *options = run->options;
  if (options->print_flags) run->choice_stream = run->to_stdout || options->json ? stderr : stdout;
  int exit_code = EE_CLI_OK;
  if (options->choices) {
    exit_code = compile_read_choices(run, options->choices);
  } else {
    const eerie_status_t status =
        eerie_compiler_choose_flags(run->compiler, what, compile_on_choice, run, NULL, &err);
    if (status)
      exit_code = ee_cli_fail(ee_cli_compile_exit_code(run, status, &err), "%s", err.message);
  }
  if (exit_code) return exit_code;
  bool good = true;
  for (size_t i = 0; i < run->chosen.count; ++i)
    good = ee_cli_compile_add(out_flags, run->chosen.items[i]) && good;
  for (size_t i = 0; i < options->raw.count; ++i)
    good = ee_cli_compile_add(out_flags, options->raw.items[i]) && good;
  what->flags = out_flags->items;
  what->flag_count = out_flags->count;
  what->opt_level = EERIE_COMPILER_OPT_DEFAULT;
  return good ? EE_CLI_OK : ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

bool ee_cli_compile_makes_ir(const eerie_compile_options_t *what) {
  return what->format == EERIE_COMPILER_IR_TEXT || what->format == EERIE_COMPILER_IR_BYTECODE ||
         what->pipeline == EERIE_COMPILER_PRECOMPILE ||
         (what->compile_to && strcmp(what->compile_to, "end") != 0);
}
