// store.c: files that a library keeps for itself, in the user's folder of caches.
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/port.h"

#define PATH_SIZE 1024

// The folder of the XDG base directory specification.
bool ee_port_cache_folder(char *out_path, size_t capacity) {
  const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (base && base[0] == '/') {
    length = snprintf(out_path, capacity, "%s/eerie", base);
  } else if (home && home[0] == '/') {
    length = snprintf(out_path, capacity, "%s/.cache/eerie", home);
  }
  return length > 0 && (size_t)length < capacity;
}

// Makes all folders above a file.
static bool make_folders(const char *path) {
  char folder[PATH_SIZE];
  const size_t length = strlen(path);
  if (length >= sizeof folder) return false;
  for (size_t i = 1; i < length; ++i) {
    if (path[i] != '/') continue;
    memcpy(folder, path, i);
    folder[i] = 0;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return false;
  }
  return true;
}

static bool write_all(int file, ee_bytes_t bytes) {
  while (bytes.size) {
    const ssize_t written = write(file, bytes.data, bytes.size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = (ee_bytes_t){bytes.data + written, bytes.size - (size_t)written};
  }
  return true;
}

static eerie_status_t failed(const char *path, int system_error, eerie_error_t *err) {
  (void)path; // unused in builds without texts
  return EE_FAIL(err, EERIE_UNAVAILABLE, "cannot write %s: %s", path, strerror(system_error));
}

eerie_status_t ee_port_file_replace(const char *path, ee_bytes_t bytes, eerie_error_t *err) {
  static _Atomic unsigned serial;
  char temporary[PATH_SIZE];
  const unsigned number = atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed);
  const int length =
      snprintf(temporary, sizeof temporary, "%s.%lu.%u", path, (unsigned long)getpid(), number);
  if (length < 0 || (size_t)length >= sizeof temporary) return failed(path, ENAMETOOLONG, err);
  if (!make_folders(path)) return failed(path, errno, err);
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed(temporary, errno, err);
  // What a crash of the system leaves behind must not be a new name for old bytes.
  const bool written = write_all(file, bytes) && fsync(file) == 0;
  int system_error = errno;
  const bool closed = close(file) == 0;
  if (written && closed && rename(temporary, path) == 0) return EERIE_OK;
  if (written) system_error = errno;
  (void)unlink(temporary);
  return failed(path, system_error, err);
}
