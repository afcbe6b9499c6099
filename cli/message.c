// message.c: how the commands fail: exit codes, error lines, guesses at what was meant.
#include <errno.h>
#include <string.h>

#include "cli.h"

static const char *current_command;

void ee_cli_set_command(const char *name) {
  current_command = name;
}

int ee_cli_exit_code(eerie_status_t status) {
  switch (status) {
  case EERIE_OK: return EE_CLI_OK;
  case EERIE_INVALID_ARGUMENT: return EE_CLI_USAGE;
  case EERIE_NOT_FOUND:
  case EERIE_DATA_LOSS: return EE_CLI_BAD_INPUT;
  case EERIE_INCOMPATIBLE: return EE_CLI_INCOMPATIBLE;
  default: return EE_CLI_FAILED;
  }
}

int ee_cli_exit_code_of_file(eerie_status_t status) {
  switch (status) {
  case EERIE_INVALID_ARGUMENT:
  case EERIE_PERMISSION_DENIED:
  case EERIE_OUT_OF_RANGE:
  case EERIE_UNAVAILABLE: return EE_CLI_BAD_INPUT;
  default: return ee_cli_exit_code(status);
  }
}

static void print_prefix(void) {
  // What was printed so far belongs before the error when both go to one terminal.
  fflush(stdout);
  fputs("eerie", stderr);
  if (current_command) fprintf(stderr, " %s", current_command);
  fputs(": ", stderr);
}

int ee_cli_fail(int exit_code, const char *format, ...) {
  print_prefix();
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return exit_code;
}

int ee_cli_fail_error(int exit_code, const eerie_error_t *err) {
  const char *name = eerie_status_name(err->code);
  if (!err->message[0]) return ee_cli_fail(exit_code, "%s", name);
  return ee_cli_fail(exit_code, "%s (%s)", err->message, name);
}

eerie_status_t ee_cli_error(eerie_error_t *err, eerie_status_t status, const char *format, ...) {
  if (!err) return status;
  err->code = status;
  err->file = NULL;
  err->line = 0;
  va_list args;
  va_start(args, format);
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  return status;
}

// Levenshtein's distance, without the full table: `row` holds distances to prefixes of `b`.
static size_t distance(const char *a, const char *b) {
  enum { LIMIT = 48 };
  size_t row[LIMIT + 1];
  const size_t b_length = strlen(b);
  if (b_length > LIMIT) return SIZE_MAX;
  for (size_t j = 0; j <= b_length; ++j)
    row[j] = j;
  for (size_t i = 0; a[i]; ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b_length; ++j) {
      const size_t replace = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      size_t best = diagonal < row[j] ? diagonal + 1 : row[j] + 1;
      if (replace < best) best = replace;
      row[j + 1] = best;
    }
  }
  return row[b_length];
}

const char *ee_cli_nearest(const char *name, const char *const *names) {
  const size_t length = strlen(name);
  const char *best = NULL;
  size_t best_distance = length / 3 + 2;
  for (; *names; ++names) {
    // Someone who stops in the middle of a word means that word.
    const bool prefix = length >= 3 && strncmp(name, *names, length) == 0;
    const size_t d = prefix ? 1 : distance(name, *names);
    if (d < best_distance) {
      best = *names;
      best_distance = d;
    }
  }
  return best;
}

int ee_cli_flush_stdout(int exit_code) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return exit_code;
  const int failed = ee_cli_fail(EE_CLI_OUTPUT, "cannot write to standard output: %s",
                                 errno ? strerror(errno) : "write error");
  return exit_code ? exit_code : failed;
}
