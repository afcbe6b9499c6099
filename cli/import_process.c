// import_process.c: runs an importer as a process of its own, with what it says and with signals
// that end both.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "import.h"

extern char **environ;

static volatile sig_atomic_t import_child, import_ended_by, import_gentle;

int ee_cli_import_signal(void) {
  return import_ended_by;
}

// The first signal lets Python tidy up where nobody else would.
static void import_on_signal(int number) {
  const int how = import_gentle && !import_ended_by ? SIGTERM : SIGKILL;
  import_ended_by = number;
  if (import_child > 0) kill(-(pid_t)import_child, how);
}

static const int import_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { IMPORT_SIGNALS = 3 };

static void import_watch(struct sigaction old[IMPORT_SIGNALS]) {
  struct sigaction action = {.sa_handler = import_on_signal};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < IMPORT_SIGNALS; ++i) {
    sigaction(import_signals[i], NULL, &old[i]);
    if (old[i].sa_handler != SIG_IGN) sigaction(import_signals[i], &action, NULL);
  }
}

static void import_watch_no_more(const struct sigaction old[IMPORT_SIGNALS]) {
  for (int i = 0; i < IMPORT_SIGNALS; ++i)
    sigaction(import_signals[i], &old[i], NULL);
}

static void import_become(const ee_cli_import_process_t *process, int pipe_end) {
  setpgid(0, 0); // signals reach what it starts, too
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  if (process->quiet_stdout) dup2(pipe_end, STDOUT_FILENO);
  dup2(pipe_end, STDERR_FILENO);
  if (pipe_end > 2) close(pipe_end);
  if (null > 2) close(null);
  for (int i = 0; i < IMPORT_SIGNALS; ++i)
    if (signal(import_signals[i], SIG_DFL) == SIG_IGN) signal(import_signals[i], SIG_IGN);
  execve(process->argv[0], process->argv, process->envp);
  _exit(127);
}

static void import_listen(const ee_cli_import_process_t *process, int fd) {
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    if (!process->forward) {
      ee_cli_text_append(process->text, buffer, (size_t)got);
      continue;
    }
    ee_cli_progress_clear();
    fwrite(buffer, 1, (size_t)got, stderr);
  }
}

int ee_cli_import_run(const ee_cli_import_process_t *process) {
  int fds[2];
  if (pipe(fds) != 0) return -1;
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  fflush(stdout);
  struct sigaction old[IMPORT_SIGNALS];
  import_ended_by = 0;
  import_gentle = process->gentle;
  import_watch(old);
  const pid_t pid = fork();
  if (pid == 0) import_become(process, fds[1]);
  const int error = errno;
  if (pid > 0) setpgid(pid, pid); // here too, whoever comes first
  import_child = (sig_atomic_t)pid;
  close(fds[1]);
  // A signal between the fork and the line above found no child.
  if (import_ended_by && pid > 0) kill(-pid, SIGKILL);
  if (pid > 0) import_listen(process, fds[0]);
  close(fds[0]);
  int state = 0;
  while (pid > 0 && waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  import_child = 0;
  import_watch_no_more(old);
  if (pid < 0) {
    errno = error;
    return -1;
  }
  return WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

static char *import_join(const char *name, const char *first, const char *second) {
  ee_cli_text_t text = {0};
  ee_cli_text_printf(&text, "%s=%s%s%s", name, first, second && *second ? ":" : "",
                     second && *second ? second : "");
  return text.data;
}

bool ee_cli_import_make_environment(ee_cli_import_environment_t *environment,
                                    const char *package_folder, const char *scratch) {
  size_t count = 0, kept = 0;
  while (environ[count])
    ++count;
  environment->entries = calloc(count + 3, sizeof *environment->entries);
  if (!environment->entries) return false;
  if (package_folder)
    environment->python_path = import_join("PYTHONPATH", package_folder, getenv("PYTHONPATH"));
  if (scratch) environment->temporary = import_join("TMPDIR", scratch, NULL);
  for (size_t i = 0; i < count; ++i)
    if (!(package_folder && strncmp(environ[i], "PYTHONPATH=", 11) == 0) &&
        !(scratch && strncmp(environ[i], "TMPDIR=", 7) == 0))
      environment->entries[kept++] = environ[i];
  if (environment->python_path) environment->entries[kept++] = environment->python_path;
  if (environment->temporary) environment->entries[kept++] = environment->temporary;
  return true;
}

void ee_cli_import_free_environment(ee_cli_import_environment_t *environment) {
  free((void *)environment->entries);
  free(environment->python_path);
  free(environment->temporary);
}
