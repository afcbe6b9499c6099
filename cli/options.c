// options.c: the command line of every command, and its --help.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "file.h"

void ee_cli_strings_free(ee_cli_strings_t *strings) {
  free((void *)strings->items);
  *strings = (ee_cli_strings_t){0};
}

static bool add_string(ee_cli_strings_t *strings, const char *item) {
  const char **items =
      realloc((void *)strings->items, (strings->count + 1) * sizeof *strings->items);
  if (!items) return false;
  strings->items = items;
  items[strings->count++] = item;
  return true;
}

static bool same_name(const char *name, const char *text, size_t length) {
  size_t i = 0;
  for (; i < length && name[i]; ++i) {
    const char c = text[i] == '-' ? '_' : text[i];
    if ((name[i] == '-' ? '_' : name[i]) != c) return false;
  }
  return i == length && !name[i];
}

static const ee_cli_option_t *find_option(const ee_cli_command_t *command, const char *text,
                                          size_t length) {
  for (size_t i = 0; i < command->option_count; ++i)
    if (same_name(command->options[i].name, text, length)) return &command->options[i];
  return NULL;
}

static void print_help(const ee_cli_command_t *command) {
  printf("eerie %s: %s\n\nUsage: eerie %s %s\n\nOptions:\n", command->name, command->summary,
         command->name, command->arguments);
  for (size_t i = 0; i < command->option_count; ++i) {
    const ee_cli_option_t *option = &command->options[i];
    if (!option->help) continue;
    char left[64];
    const bool optional = option->kind == EE_CLI_OPTIONAL;
    if (!option->name[1])
      snprintf(left, sizeof left, "-%s %s", option->name, option->value ? option->value : "");
    else if (option->value)
      snprintf(left, sizeof left, "--%s%s%s%s", option->name, optional ? "[=" : "=", option->value,
               optional ? "]" : "");
    else
      snprintf(left, sizeof left, "--%s", option->name);
    // Continued lines stand under the first.
    printf("  %-28s ", left);
    if (strlen(left) > 28) printf("\n%31s", "");
    for (const char *c = option->help; *c; ++c) {
      putchar(*c);
      if (*c == '\n') printf("%31s", "");
    }
    putchar('\n');
  }
  if (command->tool_flags)
    printf("  %-28s further options, one a line; # begins a comment\n", "--flagfile=PATH");
  printf("  %-28s this text\n", "--help");
  if (command->notes) printf("\n%s", command->notes);
}

static int unknown_option(const ee_cli_command_t *command, const char *argument, const char *text,
                          size_t length) {
  const int shown = (int)(text - argument) + (int)length;
  char name[64];
  if (length >= sizeof name) length = sizeof name - 1;
  memcpy(name, text, length);
  name[length] = 0;
  for (char *c = name; *c; ++c)
    if (*c == '-') *c = '_';
  const char *names[64];
  size_t count = 0;
  for (size_t i = 0; i < command->option_count && count < 62; ++i)
    if (command->options[i].help && command->options[i].name[1])
      names[count++] = command->options[i].name;
  names[count++] = "help";
  names[count] = NULL;
  const char *nearest = ee_cli_nearest(name, names);
  const char *const status = command->tool_flags ? " (INVALID_ARGUMENT)" : "";
  if (nearest)
    return ee_cli_fail(EE_CLI_USAGE, "unknown option %.*s; did you mean --%s?%s", shown, argument,
                       nearest, status);
  return ee_cli_fail(EE_CLI_USAGE, "unknown option %.*s; see eerie %s --help%s", shown, argument,
                     command->name, status);
}

static int bad_value(const ee_cli_option_t *option, const char *value, const char *expected) {
  return ee_cli_fail(EE_CLI_USAGE, "--%s: '%s' is not %s", option->name, value, expected);
}

static int set_switch(const ee_cli_option_t *option, const char *value) {
  const bool on = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
  if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
    return bad_value(option, value, "true or false");
  *(bool *)option->target = on;
  return EE_CLI_OK;
}

static int set_number(const ee_cli_option_t *option, const char *value) {
  char *end = NULL;
  errno = 0;
  const unsigned long long number = strtoull(value, &end, 10);
  if (*value < '0' || *value > '9' || *end || errno)
    return bad_value(option, value, "a whole number");
  *(uint64_t *)option->target = number;
  return EE_CLI_OK;
}

static int set_real(const ee_cli_option_t *option, const char *value) {
  char *end = NULL;
  const double number = strtod(value, &end);
  if (end == value || *end || !(number >= 0)) return bad_value(option, value, "a number from 0 on");
  *(double *)option->target = number;
  return EE_CLI_OK;
}

// `value` NULL: the option was given without one.
static int set_option(const ee_cli_option_t *option, const char *value) {
  switch (option->kind) {
  case EE_CLI_SWITCH: return set_switch(option, value);
  case EE_CLI_OPTIONAL: *(const char **)option->target = value ? value : ""; return EE_CLI_OK;
  case EE_CLI_STRING: *(const char **)option->target = value; return EE_CLI_OK;
  case EE_CLI_STRINGS:
    return add_string(option->target, value) ? EE_CLI_OK
                                             : ee_cli_fail(EE_CLI_FAILED, "out of memory");
  case EE_CLI_NUMBER: return set_number(option, value);
  case EE_CLI_REAL: return set_real(option, value);
  }
  return EE_CLI_OK;
}

// Reads the option at argv[*i], and the argument after it if that is its value. One dash is for
// names of one letter.
static int parse_option(const ee_cli_command_t *command, int argc, char **argv, int *i) {
  const bool is_short = argv[*i][1] != '-';
  const char *text = argv[*i] + (is_short ? 1 : 2);
  const size_t length = strcspn(text, "=");
  const ee_cli_option_t *option = find_option(command, text, length);
  int exit_code = EE_CLI_OK;
  if (!option && !is_short && command->tool_flags &&
      ee_cli_tool_flag(text, length, text[length] ? text + length + 1 : NULL, &exit_code))
    return exit_code;
  if (!option || (is_short && length > 1)) return unknown_option(command, argv[*i], text, length);
  const char *value = text[length] ? text + length + 1 : NULL;
  const bool needs_value = option->kind != EE_CLI_SWITCH && option->kind != EE_CLI_OPTIONAL;
  if (!value && needs_value) {
    if (*i + 1 >= argc)
      return ee_cli_fail(EE_CLI_USAGE, "--%s needs a value: --%s=%s", option->name, option->name,
                         option->value);
    value = argv[++*i];
  }
  return set_option(option, value);
}

// Arguments from a file, a line each, which stand where --flagfile= stood. They live to the end of
// the process, as those of main do.
typedef struct flag_file {
  struct flag_file *next;
  ee_cli_text_t content;
  char **lines;
} flag_file_t;
static flag_file_t *flag_files;

static int split_lines(flag_file_t *file, int *out_count) {
  size_t lines = 2;
  for (size_t i = 0; i < file->content.size; ++i)
    lines += file->content.data[i] == '\n';
  file->lines = calloc(lines, sizeof *file->lines);
  if (!file->lines) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  int count = 0;
  for (char *at = file->content.data; at && *at;) {
    char *const start = at + strspn(at, " \t\r");
    at = start + strcspn(start, "\n");
    char *end = at;
    if (*at) ++at;
    while (end > start && strchr(" \t\r", end[-1]))
      --end;
    *end = 0;
    if (*start && *start != '#') file->lines[count++] = start;
  }
  *out_count = count;
  return EE_CLI_OK;
}

static int read_flag_file(const char *path, char ***out_lines, int *out_count) {
  eerie_error_t err = {0};
  flag_file_t *const file = calloc(1, sizeof *file);
  if (!file) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  file->next = flag_files;
  flag_files = file;
  const eerie_status_t status = ee_cli_read_file(path, &file->content, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
  const int exit_code = split_lines(file, out_count);
  *out_lines = file->lines;
  return exit_code;
}

typedef struct parser {
  const ee_cli_command_t *command;
  ee_cli_strings_t *positional;
  bool options_over, help;
} parser_t;

static int parse_arguments(parser_t *parser, int argc, char **argv, unsigned depth);

static int parse_flag_file(parser_t *parser, const char *path, unsigned depth) {
  enum { DEPTH_LIMIT = 8 };
  if (depth == DEPTH_LIMIT)
    return ee_cli_fail(EE_CLI_USAGE, "--flagfile=%s: files in files beyond %d levels", path,
                       DEPTH_LIMIT);
  char **lines = NULL;
  int count = 0;
  const int exit_code = read_flag_file(path, &lines, &count);
  return exit_code ? exit_code : parse_arguments(parser, count, lines, depth + 1);
}

static int parse_argument(parser_t *parser, int argc, char **argv, int *i, unsigned depth) {
  static const char flag_file[] = "--flagfile=";
  const ee_cli_command_t *const command = parser->command;
  char *const argument = argv[*i];
  const bool is_option = !parser->options_over && argument[0] == '-' && argument[1];
  if (is_option && strcmp(argument, "--") == 0) {
    parser->options_over = true;
    return EE_CLI_OK;
  }
  if (is_option && command->tool_flags && strncmp(argument, flag_file, sizeof flag_file - 1) == 0)
    return parse_flag_file(parser, argument + sizeof flag_file - 1, depth);
  if (is_option) return parse_option(command, argc, argv, i);
  if (!parser->positional)
    return ee_cli_fail(EE_CLI_USAGE, "unexpected argument '%s'; see eerie %s --help", argument,
                       command->name);
  return add_string(parser->positional, argument) ? EE_CLI_OK
                                                  : ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

static int parse_arguments(parser_t *parser, int argc, char **argv, unsigned depth) {
  for (int i = 0; i < argc; ++i) {
    if (!parser->options_over && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
      print_help(parser->command);
      parser->help = true;
    }
    if (parser->help) return EE_CLI_OK;
    const int exit_code = parse_argument(parser, argc, argv, &i, depth);
    if (exit_code) return exit_code;
  }
  return EE_CLI_OK;
}

bool ee_cli_parse_options(const ee_cli_command_t *command, int argc, char **argv,
                          ee_cli_strings_t *positional, int *out_exit) {
  parser_t parser = {.command = command, .positional = positional};
  *out_exit = parse_arguments(&parser, argc - 1, argv + 1, 0);
  return *out_exit == EE_CLI_OK && !parser.help;
}
