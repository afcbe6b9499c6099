// find_python.c: where Python keeps packages on systems of POSIX.
//
// The library lies in a wheel: PREFIX/lib/python3.N/site-packages/iree/compiler/_mlir_libs. No
// Python is run to find it, except as the last resort.
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include "find.h"

enum { FIND_PYTHON_WAIT_MS = 10000 };

// Looks through PREFIX/lib{,64}/python3.N/{site,dist}-packages, the newest Python first.
static bool find_in_lib(ee_find_t *search, const char *prefix, const char *lib) {
  char folder[FIND_PATH];
  const int length = snprintf(folder, sizeof folder, "%s/%s", prefix, lib);
  if (length < 0 || (size_t)length >= sizeof folder) return false;
  DIR *entries = opendir(folder);
  if (!entries) return false;
  int best = -1;
  for (const struct dirent *entry; (entry = readdir(entries));) {
    if (strncmp(entry->d_name, "python3", 7) != 0) continue;
    const int minor = entry->d_name[7] == '.' ? atoi(entry->d_name + 8) : 0;
    if (minor <= best) continue;
    for (int dist = 0; dist < 2; ++dist) {
      char name[512];
      const int n = snprintf(name, sizeof name, "%s/%s-packages/" FIND_IN_PACKAGES, entry->d_name,
                             dist ? "dist" : "site");
      if (n < 0 || (size_t)n >= sizeof name) continue;
      if (ee_find_file(search, folder, name)) best = minor;
    }
  }
  closedir(entries);
  return best >= 0;
}

bool ee_find_in_prefix(ee_find_t *search, const char *prefix) {
  return find_in_lib(search, prefix, "lib") || find_in_lib(search, prefix, "lib64") ||
         find_in_lib(search, prefix, "local/lib");
}

static bool find_program_folder(char folder[FIND_PATH]) {
#if defined(__APPLE__)
  char raw[FIND_PATH];
  uint32_t size = sizeof raw;
  if (_NSGetExecutablePath(raw, &size) != 0 || !realpath(raw, folder)) return false;
#else
  const ssize_t length = readlink("/proc/self/exe", folder, FIND_PATH - 1);
  if (length <= 0) return false;
  folder[length] = 0;
#endif
  char *slash = strrchr(folder, '/');
  if (!slash) return false;
  slash[slash == folder] = 0;
  return true;
}

// The prefix of a program is the parent of its bin folder, as named and behind links.
static bool find_beside_python(ee_find_t *search, const char *python) {
  char prefix[FIND_PATH], real[PATH_MAX], named[FIND_PATH] = "";
  for (int resolved = 0; resolved < 2; ++resolved) {
    if (resolved && !realpath(python, real)) return false;
    const int length = snprintf(prefix, sizeof prefix, "%s", resolved ? real : python);
    if (length < 0 || (size_t)length >= sizeof prefix) return false;
    for (int up = 0; up < 2; ++up) {
      char *slash = strrchr(prefix, '/');
      if (!slash) return false;
      *slash = 0;
    }
    if (!*prefix) snprintf(prefix, sizeof prefix, "/");
    if (strcmp(prefix, named) == 0) continue;
    memcpy(named, prefix, sizeof named);
    if (ee_find_report_prefix(search, prefix)) return true;
  }
  return false;
}

// Calls `find_beside_python` for each python3 on PATH; the first goes to `first`.
static bool find_on_path(ee_find_t *search, char first[FIND_PATH]) {
  first[0] = 0;
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    const size_t length = strcspn(at, ":");
    char python[FIND_PATH];
    const int n = snprintf(python, sizeof python, "%.*s/python3", (int)length, at);
    if (length && n > 0 && (size_t)n < sizeof python && access(python, X_OK) == 0) {
      if (!first[0]) memcpy(first, python, sizeof python);
      if (find_beside_python(search, python)) return true;
    }
    at += length + (at[length] == ':');
  }
  if (!first[0]) ee_find_report(search, "PATH: no python3");
  return false;
}

// Reads what a child prints, for a limited time. The child is ended in any case.
static size_t find_listen(pid_t pid, int fd, char *buffer, size_t capacity) {
  size_t size = 0;
  const uint64_t deadline = ee_compiler_now_ms() + FIND_PYTHON_WAIT_MS;
  for (uint64_t now; size < capacity - 1 && (now = ee_compiler_now_ms()) < deadline;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    const int count = poll(&ready, 1, (int)(deadline - now));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const ssize_t got = read(fd, buffer + size, capacity - 1 - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += (size_t)got;
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  buffer[size] = 0;
  return size;
}

// A python3 that is a wrapper script (pyenv, asdf) hides its prefix; only it can tell.
static bool find_by_asking(ee_find_t *search, const char *python) {
  static const char question[] = "import importlib.util as u\n"
                                 "s = u.find_spec('iree.compiler')\n"
                                 "print(list(s.submodule_search_locations)[0], end='')\n";
  int fds[2];
  if (!python[0] || pipe(fds) != 0) return false;
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(fds[1], STDOUT_FILENO);
    if (fds[1] > 2) close(fds[1]);
    if (null > 2) close(null);
    execl(python, python, "-c", question, (char *)NULL);
    _exit(127);
  }
  close(fds[1]);
  char answer[FIND_PATH] = "";
  if (pid > 0) find_listen(pid, fds[0], answer, sizeof answer);
  close(fds[0]);
  if (answer[0] == '/' && ee_find_file(search, answer, "_mlir_libs/" FIND_LIBRARY_NAME)) {
    ee_find_report(search, "%s: found %s", python, search->path);
    return true;
  }
  ee_find_report(search, "%s: cannot import iree.compiler", python);
  return false;
}

bool ee_find_everywhere(ee_find_t *search) {
  char folder[FIND_PATH];
  if (getcwd(folder, sizeof folder) && ee_find_venv_above(search, "current directory", folder))
    return true;
  if (find_program_folder(folder) && ee_find_venv_above(search, "program", folder)) return true;
  if (ee_find_in_variable(search, "VIRTUAL_ENV") || ee_find_in_variable(search, "CONDA_PREFIX"))
    return true;
  char python[FIND_PATH];
  if (find_on_path(search, python)) return true;
  const char *home = getenv("HOME");
  const int length = snprintf(folder, sizeof folder, "%s/.local", home ? home : "");
  if (home && length > 0 && (size_t)length < sizeof folder && ee_find_report_prefix(search, folder))
    return true;
  return find_by_asking(search, python);
}
