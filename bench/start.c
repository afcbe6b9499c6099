// How long a process takes from start to end, and the most memory it holds: runs commands in turn.
//
//   start ROUNDS -- COMMAND... [-- COMMAND...]
//
// Prints a line for each run: number of the command, microseconds, kilobytes. What the commands
// print is dropped. A small program of its own, because a child's memory counts from its fork.
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 4 };

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int run(int number, char **command) {
  const double before = now_us();
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execv(command[0], command);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) < 0) return 1;
  printf("%d %.1f %ld\n", number, now_us() - before, usage.ru_maxrss);
  if (status == 0) return 0;
  fprintf(stderr, "start: %s ended with %d\n", command[0], status);
  return 1;
}

int main(int argc, char **argv) {
  char **commands[COMMANDS_MAX];
  int count = 0;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--") != 0) continue;
    if (count == COMMANDS_MAX || i + 1 == argc) return 2;
    argv[i] = NULL; // ends the command before
    commands[count++] = argv + i + 1;
  }
  if (count == 0) {
    fprintf(stderr, "usage: start ROUNDS -- COMMAND... [-- COMMAND...]\n");
    return 2;
  }
  for (int round = atoi(argv[1]); round > 0; --round)
    for (int i = 0; i < count; ++i)
      if (run(i, commands[i]) != 0) return 1;
  return 0;
}
