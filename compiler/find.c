// find.c: where libIREECompiler is on this machine.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include "internal.h"

#if defined(__APPLE__)
#define FIND_LIBRARY_NAME "libIREECompiler.dylib"
#else
#define FIND_LIBRARY_NAME "libIREECompiler.so"
#endif
#define FIND_IN_PACKAGES "iree/compiler/_mlir_libs/" FIND_LIBRARY_NAME
#define FIND_INSTALL                                                                               \
  "install it with `python3 -m pip install iree-base-compiler==3.13.0` (in Eerie's source tree: "  \
  "`make setup`)"

enum { FIND_PATH = 4096, FIND_PYTHON_WAIT_MS = 10000 };

// One search: the answer, and somebody who wants to hear of each place.
typedef struct find_search {
  char path[FIND_PATH];
  eerie_compiler_text_fn on_place;
  void *user;
} find_search_t;

EE_COMPILER_PRINTF(2, 3) static void find_report(find_search_t *search, const char *format, ...) {
  if (!search->on_place) return;
  char text[FIND_PATH + 128];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  search->on_place(search->user, text);
}

// True when `folder`/`name` is a file; it is then the answer.
static bool find_file(find_search_t *search, const char *folder, const char *name) {
  char path[FIND_PATH];
  const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  struct stat info;
  if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0 ||
      !S_ISREG(info.st_mode))
    return false;
  memcpy(search->path, path, sizeof path);
  return true;
}

// Looks through PREFIX/lib{,64}/python3.N/{site,dist}-packages, the newest Python first.
static bool find_in_lib(find_search_t *search, const char *prefix, const char *lib) {
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
      if (find_file(search, folder, name)) best = minor;
    }
  }
  closedir(entries);
  return best >= 0;
}

static bool find_in_prefix(find_search_t *search, const char *prefix) {
  return find_in_lib(search, prefix, "lib") || find_in_lib(search, prefix, "lib64") ||
         find_in_lib(search, prefix, "local/lib");
}

// A folder that somebody named: an environment, site-packages, or where the library itself is.
static bool find_in_folder(find_search_t *search, const char *folder) {
  return find_file(search, folder, FIND_LIBRARY_NAME) ||
         find_file(search, folder, FIND_IN_PACKAGES) ||
         find_file(search, folder, "lib/" FIND_LIBRARY_NAME) || find_in_prefix(search, folder);
}

static bool find_report_prefix(find_search_t *search, const char *prefix) {
  if (find_in_prefix(search, prefix)) {
    find_report(search, "%s: found %s", prefix, search->path);
    return true;
  }
  find_report(search, "%s: no iree-base-compiler in it", prefix);
  return false;
}

// Looks for .venv in `folder` and every parent of it.
static bool find_venv_above(find_search_t *search, const char *what, const char *folder) {
  char at[FIND_PATH], venv[FIND_PATH];
  if (strlen(folder) >= sizeof at) return false;
  snprintf(at, sizeof at, "%s", folder);
  bool any = false;
  for (;;) {
    struct stat info;
    const int length = snprintf(venv, sizeof venv, "%s/.venv", strcmp(at, "/") ? at : "");
    if (length > 0 && (size_t)length < sizeof venv && stat(venv, &info) == 0) {
      any = true;
      if (find_report_prefix(search, venv)) return true;
    }
    char *slash = strrchr(at, '/');
    if (!slash || !strcmp(at, "/")) break;
    slash[slash == at] = 0;
  }
  if (!any) find_report(search, "%s: no .venv in %s or above", what, folder);
  return false;
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

static bool find_in_variable(find_search_t *search, const char *name) {
  const char *prefix = getenv(name);
  if (!prefix || !*prefix) {
    find_report(search, "%s: not set", name);
    return false;
  }
  return find_report_prefix(search, prefix);
}

// The prefix of a program is the parent of its bin folder, as named and behind links.
static bool find_beside_python(find_search_t *search, const char *python) {
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
    if (find_report_prefix(search, prefix)) return true;
  }
  return false;
}

// Calls `find_beside_python` for each python3 on PATH; the first goes to `first`.
static bool find_on_path(find_search_t *search, char first[FIND_PATH]) {
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
  if (!first[0]) find_report(search, "PATH: no python3");
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
static bool find_by_asking(find_search_t *search, const char *python) {
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
  if (answer[0] == '/' && find_file(search, answer, "_mlir_libs/" FIND_LIBRARY_NAME)) {
    find_report(search, "%s: found %s", python, search->path);
    return true;
  }
  find_report(search, "%s: cannot import iree.compiler", python);
  return false;
}

static bool find_everywhere(find_search_t *search) {
  char folder[FIND_PATH];
  if (getcwd(folder, sizeof folder) && find_venv_above(search, "current directory", folder))
    return true;
  if (find_program_folder(folder) && find_venv_above(search, "program", folder)) return true;
  if (find_in_variable(search, "VIRTUAL_ENV") || find_in_variable(search, "CONDA_PREFIX"))
    return true;
  char python[FIND_PATH];
  if (find_on_path(search, python)) return true;
  const char *home = getenv("HOME");
  const int length = snprintf(folder, sizeof folder, "%s/.local", home ? home : "");
  if (home && length > 0 && (size_t)length < sizeof folder && find_report_prefix(search, folder))
    return true;
  return find_by_asking(search, python);
}

// A path that somebody chose: it is that or nothing.
static eerie_status_t find_named(find_search_t *search, const char *what, const char *path,
                                 eerie_error_t *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE, "no compiler at %s (%s): %s; " FIND_INSTALL,
                            path, what, strerror(errno));
  if (S_ISDIR(info.st_mode)) {
    if (find_in_folder(search, path)) return EERIE_OK;
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE,
                            "no " FIND_LIBRARY_NAME " in the folder %s (%s); " FIND_INSTALL, path,
                            what);
  }
  const int length = snprintf(search->path, sizeof search->path, "%s", path);
  if (length < 0 || (size_t)length >= sizeof search->path)
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE, "the path of the compiler (%s) is too long",
                            what);
  return EERIE_OK;
}

// Gathers places for an error message, as many as it holds.
typedef struct find_places {
  char text[EERIE_ERROR_MESSAGE_SIZE];
  size_t size;
} find_places_t;

static void find_add_place(void *user, const char *text) {
  find_places_t *places = user;
  const int length = snprintf(places->text + places->size, sizeof places->text - places->size,
                              "%s%s", places->size ? "; " : "", text);
  if (length > 0) places->size += (size_t)length;
  if (places->size >= sizeof places->text) places->size = sizeof places->text - 1;
}

eerie_status_t eerie_compiler_find(const char *library_path, char *out_path, size_t capacity,
                                   eerie_error_t *err) {
  if (capacity) out_path[0] = 0;
  find_places_t places = {.size = 0};
  find_search_t search = {.on_place = find_add_place, .user = &places};
  const char *variable = getenv("EERIE_COMPILER_LIB");
  eerie_status_t status = EERIE_OK;
  if (library_path) {
    status = find_named(&search, "the path given", library_path, err);
  } else if (variable && *variable) {
    status = find_named(&search, "EERIE_COMPILER_LIB", variable, err);
  } else if (!find_everywhere(&search)) {
    status = EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE,
                              "no IREE compiler found: " FIND_INSTALL
                              "; searched: EERIE_COMPILER_LIB: not set; %s",
                              places.text);
  }
  if (status) return status;
  const size_t size = strlen(search.path) + 1;
  if (size > capacity)
    return EE_COMPILER_FAIL(err, EERIE_OUT_OF_RANGE, "the compiler's path takes %zu bytes, not %zu",
                            size, capacity);
  memcpy(out_path, search.path, size);
  return EERIE_OK;
}

void eerie_compiler_list_places(eerie_compiler_text_fn on_place, void *user) {
  find_search_t search = {.on_place = on_place, .user = user};
  const char *variable = getenv("EERIE_COMPILER_LIB");
  if (variable && *variable) {
    eerie_error_t err = {0};
    if (find_named(&search, "EERIE_COMPILER_LIB", variable, &err))
      find_report(&search, "EERIE_COMPILER_LIB: %s", err.message);
    else
      find_report(&search, "EERIE_COMPILER_LIB: %s", search.path);
    return;
  }
  find_report(&search, "EERIE_COMPILER_LIB: not set");
  find_everywhere(&search);
}
