// preload.c: a module in memory instead of a mapped file, whose pages are the file's: weights in
// huge pages are a copy.
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "model.h"

// Stands in front of the bytes.
typedef struct copy {
  eerie_allocator_t allocator;
  size_t size; // of all, this struct included
} copy_t;

static void release_copy(void *user, const void *data, size_t size) {
  (void)data;
  (void)size;
  const copy_t copy = *(copy_t *)user;
  copy.allocator.reallocate(copy.allocator.user, user, copy.size, 0);
}

static bool read_exactly(int file, char *data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(file, data + done, size - done);
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static eerie_status_t load_open_file(eerie_instance_t *instance, int file, const char *path,
                                     eerie_allocator_t allocator, eerie_module_t **out_module,
                                     eerie_error_t *err) {
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "%s: a directory or device", path);
  const size_t size = (size_t)info.st_size;
  const size_t whole = size + sizeof(copy_t) + EERIE_BUFFER_ALIGNMENT;
  if ((uintmax_t)info.st_size > SIZE_MAX / 2)
    return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "%s: too large a file", path);
  copy_t *copy = allocator.reallocate(allocator.user, NULL, 0, whole);
  if (!copy)
    return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "%s: no memory for %zu bytes", path, size);
  *copy = (copy_t){allocator, whole};
  const uintptr_t mask = EERIE_BUFFER_ALIGNMENT - 1;
  char *const data = (char *)(((uintptr_t)(copy + 1) + mask) & ~mask);
  const eerie_module_options_t options = {.release = release_copy, .user = copy};
  const eerie_status_t status =
      read_exactly(file, data, size)
          ? eerie_module_load_memory(instance, data, size, &options, out_module, err)
          : ee_cli_error(err, EERIE_UNAVAILABLE, "cannot read %s", path);
  if (status) release_copy(copy, NULL, 0);
  return status;
}

eerie_status_t ee_cli_module_preload(eerie_instance_t *instance, const char *path,
                                     eerie_allocator_t allocator, eerie_module_t **out_module,
                                     eerie_error_t *err) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  // In the library's words.
  if (file < 0) return eerie_module_load_file(instance, path, NULL, out_module, err);
  const eerie_status_t status = load_open_file(instance, file, path, allocator, out_module, err);
  close(file);
  return status;
}
