// store.c: files that a library keeps for itself, in the user's folder of caches.
#define _DEFAULT_SOURCE // flock

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

// Opens the file that is to take the place of another and locks it: the system takes the lock from
// whoever ends, however it ends, so what a killed process left is written by the next. -1: errno
// says why; EWOULDBLOCK: another process is at it.
static int open_locked(const char *path) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return -1;
    // Where a file system has no locks, two writers at once may leave bytes that readers refuse.
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      (void)close(file);
      errno = EWOULDBLOCK;
      return -1;
    }
    // Before it was locked, who had it may have put it in its place, and it must not be written.
    struct stat opened, named;
    if (fstat(file, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
        opened.st_dev == named.st_dev)
      return file;
    (void)close(file);
  }
  errno = EWOULDBLOCK;
  return -1;
}

eerie_status_t ee_port_file_replace(const char *path, ee_bytes_t bytes, eerie_error_t *err) {
  char next[PATH_SIZE];
  const int length = snprintf(next, sizeof next, "%s.new", path);
  if (length < 0 || (size_t)length >= sizeof next) return failed(path, ENAMETOOLONG, err);
  if (!make_folders(path)) return failed(path, errno, err);
  const int file = open_locked(next);
  if (file < 0) return failed(next, errno, err);
  // What a crash of the system leaves behind must not be a new name for old bytes.
  const bool replaced = ftruncate(file, 0) == 0 && write_all(file, bytes) && fsync(file) == 0 &&
                        rename(next, path) == 0;
  const int system_error = errno;
  if (!replaced) (void)unlink(next);
  (void)close(file);
  return replaced ? EERIE_OK : failed(path, system_error, err);
}
