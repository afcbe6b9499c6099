// output.c: what comes out of the compiler, held in a memory file.
//
// The compiler's own outputs are not handed out: their destructor ends the process when a write had
// failed (a full disk), and its files can be left half written. The compiler writes to memory that
// the kernel keeps, and this file brings it to where it shall go.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

eerie_status_t ee_output_create(const eerie_allocator_t *allocator,
                                eerie_compiler_output_t **out_output, eerie_error_t *err) {
  *out_output = NULL;
  eerie_compiler_output_t *output = ee_compiler_resize(allocator, NULL, 0, sizeof *output);
  if (!output) return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for an output");
  *output = (eerie_compiler_output_t){.allocator = *allocator, .fd = ee_system_memory_file()};
  if (output->fd < 0) {
    const int error = errno;
    ee_compiler_resize(allocator, output, sizeof *output, 0);
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot create a memory file: %s",
                            strerror(error));
  }
  *out_output = output;
  return EERIE_OK;
}

eerie_status_t eerie_compiler_output_create(eerie_compiler_t *compiler,
                                            eerie_compiler_output_t **out_output,
                                            eerie_error_t *err) {
  return ee_output_create(&compiler->allocator, out_output, err);
}

void eerie_compiler_output_release(eerie_compiler_output_t *output) {
  if (!output) return;
  if (output->mapping) ee_system_unmap(output->mapping, output->size);
  close(output->fd);
  const eerie_allocator_t allocator = output->allocator;
  ee_compiler_resize(&allocator, output, sizeof *output, 0);
}

eerie_status_t eerie_compiler_output_append(eerie_compiler_output_t *output, const void *data,
                                            size_t size, eerie_error_t *err) {
  if (output->mapped)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "the output is mapped, nothing can be appended");
  if (lseek(output->fd, 0, SEEK_END) < 0 || !ee_compiler_write_all(output->fd, data, size))
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot append %zu bytes to an output",
                            size);
  return EERIE_OK;
}

eerie_status_t eerie_compiler_output_map(eerie_compiler_output_t *output, const void **out_data,
                                         size_t *out_size, eerie_error_t *err) {
  *out_data = NULL;
  *out_size = 0;
  if (!output->mapped) {
    struct stat info;
    if (fstat(output->fd, &info) != 0 || info.st_size < 0 || (uintmax_t)info.st_size > SIZE_MAX)
      return EE_COMPILER_FAIL(err, EERIE_INTERNAL, "cannot tell the size of an output");
    const size_t size = (size_t)info.st_size;
    if (size) {
      void *mapping = ee_system_map(output->fd, size);
      if (!mapping)
        return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                                "cannot map an output of %zu bytes: %s", size, strerror(errno));
      output->mapping = mapping;
    }
    output->size = size;
    output->mapped = true;
  }
  *out_data = output->mapping;
  *out_size = output->size;
  return EERIE_OK;
}

eerie_status_t eerie_compiler_output_write_fd(eerie_compiler_output_t *output, int fd,
                                              eerie_error_t *err) {
  const void *data;
  size_t size;
  const eerie_status_t status = eerie_compiler_output_map(output, &data, &size, err);
  if (status) return status;
  if (!ee_compiler_write_all(fd, data, size))
    return EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno),
                            "cannot write %zu bytes to file descriptor %d: %s", size, fd,
                            strerror(errno));
  return EERIE_OK;
}

// Creates a file beside `path` under a name that nobody has, with the rights of any new file.
static int output_temporary(const char *path, char *out_name, size_t capacity) {
  static atomic_uint counter;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int length = snprintf(out_name, capacity, "%s.%ld-%u.tmp", path, (long)getpid(),
                                atomic_fetch_add(&counter, 1));
    if (length < 0 || (size_t)length >= capacity) {
      errno = ENAMETOOLONG;
      return -1;
    }
    const int fd = open(out_name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

// Puts a new file in the place of `path`; of one that was there the rights are kept.
static eerie_status_t output_replace(const char *path, const void *data, size_t size,
                                     const struct stat *old, eerie_error_t *err) {
  char temporary[4096];
  const int fd = output_temporary(path, temporary, sizeof temporary);
  if (fd < 0)
    return EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno), "cannot write %s: %s", path,
                            strerror(errno));
  bool good = ee_compiler_write_all(fd, data, size) &&
              (!old || ee_system_set_rights(fd, old->st_mode & 07777));
  int error = errno;
  if (close(fd) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && !ee_system_replace(temporary, path)) {
    good = false;
    error = errno;
  }
  if (good) return EERIE_OK;
  unlink(temporary);
  return EE_COMPILER_FAIL(err, ee_compiler_errno_status(error), "cannot write %s: %s", path,
                          strerror(error));
}

eerie_status_t eerie_compiler_output_write_file(eerie_compiler_output_t *output, const char *path,
                                                eerie_error_t *err) {
  const void *data;
  size_t size;
  eerie_status_t status = eerie_compiler_output_map(output, &data, &size, err);
  if (status) return status;
  struct stat info;
  const bool exists = stat(path, &info) == 0;
  if (exists && S_ISDIR(info.st_mode))
    return EE_COMPILER_FAIL(err, EERIE_PERMISSION_DENIED, "cannot write %s: it is a folder", path);
  if (!exists || S_ISREG(info.st_mode)) {
    if (exists && access(path, W_OK) != 0)
      return EE_COMPILER_FAIL(err, EERIE_PERMISSION_DENIED, "cannot write %s: %s", path,
                              strerror(errno));
    // A link stays a link: its target is what gets replaced.
    char target[4096];
    if (exists && ee_system_resolve(path, target, sizeof target)) path = target;
    return output_replace(path, data, size, exists ? &info : NULL, err);
  }
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno), "cannot write %s: %s", path,
                            strerror(errno));
  status = EERIE_OK;
  if (!ee_compiler_write_all(fd, data, size))
    status = EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno), "cannot write %s: %s", path,
                              strerror(errno));
  close(fd);
  return status;
}
