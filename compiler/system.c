// system.c: system.h by POSIX.
#define _GNU_SOURCE

#include "system.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void *ee_system_open(const char *path, char *reason, size_t capacity) {
  // Local: a second LLVM in the program must not see this one's symbols. Lazy: a third of the
  // functions' addresses is never needed.
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  const char *text = library ? NULL : dlerror();
  snprintf(reason, capacity, "%s", text ? text : "unknown reason");
  return library;
}

void *ee_system_find(void *library, const char *symbol) {
  return dlsym(library, symbol);
}

void ee_system_close(void *library) {
  dlclose(library);
}

bool ee_system_identify(const char *path, ee_system_file_t *out_file) {
  struct stat info;
  if (stat(path, &info) != 0) return false;
  *out_file = (ee_system_file_t){(uint64_t)info.st_dev, (uint64_t)info.st_ino};
  return true;
}

int ee_system_memory_file(void) {
#if defined(__linux__)
  const int memory = memfd_create("eerie-output", MFD_CLOEXEC);
  if (memory >= 0) return memory;
#endif
  const char *folder = getenv("TMPDIR");
  char path[4096];
  const int length =
      snprintf(path, sizeof path, "%s/eerie-output-XXXXXX", folder && *folder ? folder : "/tmp");
  if (length < 0 || (size_t)length >= sizeof path) return -1;
  const int fd = mkstemp(path);
  if (fd < 0) return -1;
  unlink(path);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

void *ee_system_map(int fd, size_t size) {
  void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  return mapping == MAP_FAILED ? NULL : mapping;
}

void ee_system_unmap(void *mapping, size_t size) {
  munmap(mapping, size);
}

bool ee_system_replace(const char *from, const char *to) {
  return rename(from, to) == 0;
}

bool ee_system_resolve(const char *path, char *out_path, size_t capacity) {
  char *found = realpath(path, NULL);
  const bool good = found && strlen(found) < capacity;
  if (good) memcpy(out_path, found, strlen(found) + 1);
  free(found);
  return good;
}

bool ee_system_set_rights(int fd, unsigned rights) {
  return fchmod(fd, (mode_t)rights) == 0;
}
