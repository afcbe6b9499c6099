// library.c: shared libraries, from a file or from memory.
#define _GNU_SOURCE // memfd_create

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/port.h"

#define PATH_SIZE 256

const char *ee_port_library_kind(void) {
#if defined(__APPLE__)
  return "dylib";
#else
  return "elf";
#endif
}

static eerie_status_t open_path(const char *path, eerie_status_t code, const char *what,
                                ee_port_library_t *out_library, eerie_error_t *err) {
  *out_library = (ee_port_library_t){.file = -1};
  out_library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (out_library->handle) return EERIE_OK;
  const char *reason = dlerror();
  (void)what; // unused in builds without texts
  return EE_FAIL(err, code, "%s: %s", what, reason ? reason : "no reason given");
}

eerie_status_t ee_port_library_open(const char *path, ee_port_library_t *out_library,
                                    eerie_error_t *err) {
  return open_path(path, EERIE_NOT_FOUND, "cannot open the shared library", out_library, err);
}

// ---- From memory -------------------------------------------------------------------------------

static bool write_all(int file, ee_bytes_t bytes) {
  while (bytes.size) {
    const ssize_t written = write(file, bytes.data, bytes.size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = (ee_bytes_t){bytes.data + written, bytes.size - (size_t)written};
  }
  return true;
}

#if defined(__linux__)
// A file without a name. It stays open as long as the library is: the loader takes a path that it
// has seen for the same library, and this one is made of the number of the descriptor.
static int file_create(char path[PATH_SIZE]) {
  const int file = memfd_create("eerie-kernels", MFD_CLOEXEC);
  if (file >= 0) (void)snprintf(path, PATH_SIZE, "/proc/self/fd/%d", file);
  return file;
}

static void file_forget(const char *path) {
  (void)path;
}
#else
static int file_create(char path[PATH_SIZE]) {
  const char *folder = getenv("TMPDIR");
  const int length = snprintf(path, PATH_SIZE, "%s/eerie-XXXXXX", folder ? folder : "/tmp");
  if (length < 0 || length >= PATH_SIZE) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return mkstemp(path);
}

static void file_forget(const char *path) {
  (void)unlink(path);
}
#endif

eerie_status_t ee_port_library_load(ee_bytes_t image, ee_port_library_t *out_library,
                                    eerie_error_t *err) {
  char path[PATH_SIZE];
  *out_library = (ee_port_library_t){.file = -1};
  const int file = file_create(path);
  if (file < 0) {
    return EE_FAIL(err, EERIE_UNAVAILABLE, "no temporary file for a shared library: %s",
                   strerror(errno));
  }
  eerie_status_t status;
  if (write_all(file, image)) {
    status = open_path(path, EERIE_DATA_LOSS, "a shared library in memory", out_library, err);
  } else {
    status = EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "a temporary file of %zu bytes: %s", image.size,
                     strerror(errno));
  }
  file_forget(path);
  if (status == EERIE_OK) {
    out_library->file = file;
  } else {
    (void)close(file);
  }
  return status;
}

void *ee_port_library_find(const ee_port_library_t *library, const char *symbol) {
  return dlsym(library->handle, symbol);
}

void ee_port_library_close(ee_port_library_t *library) {
  if (library->handle) (void)dlclose(library->handle);
  if (library->file >= 0) (void)close((int)library->file);
  *library = (ee_port_library_t){.file = -1};
}
