// progress.c: a line for whoever watches.
#define _GNU_SOURCE

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "compiler.h"

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
