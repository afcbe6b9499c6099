// options.c: the command line of every command, and its --help.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

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
  if (nearest)
    return ee_cli_fail(EE_CLI_USAGE, "unknown option %.*s; did you mean --%s?", shown, argument,
                       nearest);
  return ee_cli_fail(EE_CLI_USAGE, "unknown option %.*s; see eerie %s --help", shown, argument,
                     command->name);
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

bool ee_cli_parse_options(const ee_cli_command_t *command, int argc, char **argv,
                          ee_cli_strings_t *positional, int *out_exit) {
  *out_exit = EE_CLI_OK;
  bool options_over = false;
  for (int i = 1; i < argc; ++i) {
    const char *argument = argv[i];
    if (!options_over && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)) {
      print_help(command);
      return false;
    }
    if (!options_over && strcmp(argument, "--") == 0) {
      options_over = true;
    } else if (!options_over && argument[0] == '-' && argument[1]) {
      *out_exit = parse_option(command, argc, argv, &i);
    } else if (!positional) {
      *out_exit = ee_cli_fail(EE_CLI_USAGE, "unexpected argument '%s'; see eerie %s --help",
                              argument, command->name);
    } else if (!add_string(positional, argument)) {
      *out_exit = ee_cli_fail(EE_CLI_FAILED, "out of memory");
    }
    if (*out_exit) return false;
  }
  return true;
}
