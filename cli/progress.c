// progress.c: a line for whoever watches, and diagnostics as compilers print them.
#define _GNU_SOURCE

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "compiler.h"

// ---- Progress ----------------------------------------------------------------------------------

// The signal handler reads the text, which does not change while the timer runs.
static char progress_text[160];
static volatile sig_atomic_t progress_seconds, progress_shown;
static bool progress_on;

static void progress_write(const char *text, size_t size) {
  while (size) {
    const ssize_t done = write(STDERR_FILENO, text, size);
    if (done <= 0) return;
    text += done;
    size -= (size_t)done;
  }
}

static void progress_tick(int signal_number) {
  (void)signal_number;
  progress_seconds = progress_seconds + 1;
  progress_shown = 1;
  char digits[16];
  size_t at = sizeof digits;
  for (int seconds = progress_seconds; seconds && at; seconds /= 10)
    digits[--at] = (char)('0' + seconds % 10);
  progress_write("\r", 1);
  progress_write(progress_text, strlen(progress_text));
  progress_write(digits + at, sizeof digits - at);
  progress_write(" s", 2);
}

static void progress_timer(int seconds) {
  const struct itimerval timer = {.it_interval = {.tv_sec = seconds},
                                  .it_value = {.tv_sec = seconds}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

void ee_cli_progress_start(const char *what) {
  if (!isatty(STDERR_FILENO)) return;
  snprintf(progress_text, sizeof progress_text, "%.140s ... ", what);
  progress_seconds = progress_shown = 0;
  struct sigaction action = {.sa_handler = progress_tick, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
  progress_on = true;
  progress_timer(1);
}

void ee_cli_progress_clear(void) {
  if (!progress_shown) return;
  progress_write("\r\033[K", 4);
  progress_shown = 0;
}

void ee_cli_progress_stop(void) {
  if (!progress_on) return;
  progress_on = false;
  progress_timer(0);
  signal(SIGALRM, SIG_DFL);
  ee_cli_progress_clear();
}

// ---- Diagnostics -------------------------------------------------------------------------------

// A source may hold anything; a terminal must not act on it.
static void diagnostic_print_text(const char *text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = (unsigned char)text[i];
    fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, stderr);
  }
}

// The start of line number `number`, cut to `capacity`; false where there is none.
static bool diagnostic_read_line(const char *path, uint32_t number, char *line, size_t capacity) {
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  size_t size = 0;
  int c = 0;
  for (uint32_t at = 1; at <= number && (c = getc(file)) != EOF;) {
    if (c == '\n')
      ++at;
    else if (at == number && size + 1 < capacity)
      line[size++] = (char)c;
  }
  fclose(file);
  line[size] = 0;
  return size > 0;
}

static void diagnostic_print_source(const eerie_compiler_diagnostic_t *diagnostic) {
  enum { WIDTH = 120 };
  char line[WIDTH] = "";
  if (!diagnostic->column || diagnostic->column >= WIDTH ||
      !diagnostic_read_line(diagnostic->file, diagnostic->line, line, sizeof line))
    return;
  fputs("  ", stderr);
  diagnostic_print_text(line, strlen(line));
  fputs("\n  ", stderr);
  for (uint32_t i = 1; i < diagnostic->column && line[i - 1]; ++i)
    fputc(line[i - 1] == '\t' ? '\t' : ' ', stderr);
  fputs("^\n", stderr);
}

void ee_cli_print_diagnostic(const eerie_compiler_diagnostic_t *diagnostic) {
  ee_cli_progress_clear();
  fflush(stdout);
  const bool placed = diagnostic->file && diagnostic->line;
  if (placed) fprintf(stderr, "%s:%u:%u: ", diagnostic->file, diagnostic->line, diagnostic->column);
  fprintf(stderr, "%s: ", eerie_compiler_severity_name(diagnostic->severity));
  diagnostic_print_text(diagnostic->message, diagnostic->message_size);
  fputc('\n', stderr);
  if (placed) diagnostic_print_source(diagnostic);
}
