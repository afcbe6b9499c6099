// file.c: whole files in and out.
#define _POSIX_C_SOURCE 200809L
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Systems read and write no more than about 2 GB at a time.
enum { PART = 1 << 30 };

// ---- Reading -----------------------------------------------------------------------------------

static eerie_status_t errno_status(int number) {
  switch (number) {
  case ENOENT:
  case ENOTDIR: return EERIE_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS: return EERIE_PERMISSION_DENIED;
  case EISDIR:
  case ENAMETOOLONG:
  case ELOOP: return EERIE_INVALID_ARGUMENT;
  case ENOMEM:
  case ENOSPC:
  case EMFILE: return EERIE_RESOURCE_EXHAUSTED;
  default: return EERIE_UNAVAILABLE;
  }
}

static eerie_status_t file_error(eerie_error_t *err, const char *verb, const char *path) {
  const int number = errno;
  return ee_cli_error(err, errno_status(number), "cannot %s %s: %s", verb, path, strerror(number));
}

static eerie_status_t read_all(int file, const char *path, ee_cli_text_t *content,
                               eerie_error_t *err) {
  enum { CHUNK = 1 << 16 };
  struct stat info;
  size_t next = CHUNK;
  // One read for a file of known size, and one more that finds its end.
  if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
      (uintmax_t)info.st_size < SIZE_MAX / 4)
    next = (size_t)info.st_size;
  for (;;) {
    const size_t start = content->size;
    char *target = ee_cli_text_grow(content, next);
    if (!target) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    const ssize_t got = read(file, target, next < PART ? next : PART);
    if (got < 0 && errno != EINTR) return file_error(err, "read", path);
    content->size = start + (got > 0 ? (size_t)got : 0);
    if (got == 0) return EERIE_OK;
    next = CHUNK;
  }
}

eerie_status_t ee_cli_read_file(const char *path, ee_cli_text_t *out_content, eerie_error_t *err) {
  *out_content = (ee_cli_text_t){0};
  const bool standard = strcmp(path, "-") == 0;
  const int file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(err, "open", path);
  const eerie_status_t status =
      read_all(file, standard ? "standard input" : path, out_content, err);
  if (!standard) close(file);
  if (status) ee_cli_text_free(out_content);
  return status;
}

// ---- Writing -----------------------------------------------------------------------------------

// Pipes, terminals and devices cannot be replaced, only written to.
static bool is_special(const char *path) {
  struct stat info;
  return strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
}

eerie_status_t ee_cli_output_check(const char *path, eerie_error_t *err) {
  struct stat info;
  if (strcmp(path, "-") == 0) return EERIE_OK;
  if (!*path) return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "the name of an output is empty");
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = EISDIR;
    return file_error(err, "write", path);
  }
  if (is_special(path)) return EERIE_OK;
  const char *const slash = strrchr(path, '/');
  char *const folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  if (!folder) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  const bool writable = access(folder, W_OK | X_OK) == 0;
  free(folder);
  return writable ? EERIE_OK : file_error(err, "write", path);
}

eerie_status_t ee_cli_outputs_open(ee_cli_outputs_t *outputs, const char *path, bool append,
                                   ee_cli_text_t **out_content, eerie_error_t *err) {
  *out_content = NULL;
  for (size_t i = 0; i < outputs->count; ++i) {
    if (strcmp(outputs->items[i].path, path) != 0) continue;
    ee_cli_text_t *content = &outputs->items[i].content;
    if (!append) content->size = 0;
    *out_content = content;
    return EERIE_OK;
  }
  ee_cli_output_t output = {.path = path};
  if (append && !is_special(path) && access(path, F_OK) == 0) {
    const eerie_status_t status = ee_cli_read_file(path, &output.content, err);
    if (status) return status;
  }
  ee_cli_output_t *items = realloc(outputs->items, (outputs->count + 1) * sizeof *outputs->items);
  if (!items) {
    ee_cli_text_free(&output.content);
    return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  }
  outputs->items = items;
  items[outputs->count++] = output;
  *out_content = &items[outputs->count - 1].content;
  return EERIE_OK;
}

eerie_status_t ee_cli_outputs_open_head(ee_cli_outputs_t *outputs, const char *path,
                                        const void *head, size_t size, ee_cli_text_t **out_content,
                                        eerie_error_t *err) {
  const eerie_status_t status = ee_cli_outputs_open(outputs, path, false, out_content, err);
  for (size_t i = 0; !status && i < outputs->count; ++i) {
    if (&outputs->items[i].content != *out_content) continue;
    outputs->items[i].head = head;
    outputs->items[i].head_size = size;
  }
  return status;
}

static bool write_all(int file, const char *data, size_t size) {
  while (size) {
    const ssize_t written = write(file, data, size < PART ? size : PART);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= (size_t)written;
  }
  return true;
}

static bool write_output(int file, const ee_cli_output_t *output) {
  return write_all(file, output->head, output->head_size) &&
         write_all(file, output->content.data, output->content.size);
}

static eerie_status_t write_special(const ee_cli_output_t *output, eerie_error_t *err) {
  const bool standard = strcmp(output->path, "-") == 0;
  fflush(stdout);
  const int file = standard ? STDOUT_FILENO : open(output->path, O_WRONLY | O_CLOEXEC);
  const bool written = file >= 0 && write_output(file, output);
  const eerie_status_t status = written ? EERIE_OK : file_error(err, "write", output->path);
  if (file >= 0 && !standard) close(file);
  return status;
}

// The permissions of the file that is replaced, or those of any new file.
static mode_t output_mode(const char *path) {
  struct stat info;
  if (stat(path, &info) == 0) return info.st_mode & 07777;
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// Makes a file beside `path`; the caller frees its name. The file's number, or -1 with errno set.
static int open_beside(const char *path, char **out_name) {
  static const char suffix[] = ".XXXXXX";
  const size_t size = strlen(path) + sizeof suffix;
  char *name = malloc(size);
  if (!name) {
    errno = ENOMEM;
    return -1;
  }
  snprintf(name, size, "%s%s", path, suffix);
  const int file = mkstemp(name);
  if (file < 0) {
    const int number = errno;
    free(name);
    errno = number;
    return -1;
  }
  *out_name = name;
  return file;
}

static eerie_status_t write_temporary(ee_cli_output_t *output, eerie_error_t *err) {
  const int file = open_beside(output->path, &output->temporary);
  if (file < 0) return file_error(err, "write", output->path);
  bool written = write_output(file, output);
  if (written) written = fchmod(file, output_mode(output->path)) == 0;
  const int number = errno;
  // Some file systems tell only now that they are full.
  if (close(file) != 0) return file_error(err, "write", output->path);
  errno = number;
  return written ? EERIE_OK : file_error(err, "write", output->path);
}

eerie_status_t ee_cli_outputs_commit(ee_cli_outputs_t *outputs, eerie_error_t *err) {
  for (size_t i = 0; i < outputs->count; ++i) {
    ee_cli_output_t *output = &outputs->items[i];
    if (output->content.failed)
      return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "no memory for the content of %s",
                          output->path);
    const bool special = is_special(output->path);
    const eerie_status_t status = special ? EERIE_OK : write_temporary(output, err);
    if (status) return status;
  }
  for (size_t i = 0; i < outputs->count; ++i) {
    ee_cli_output_t *output = &outputs->items[i];
    if (!output->temporary) {
      const eerie_status_t status = write_special(output, err);
      if (status) return status;
      continue;
    }
    if (rename(output->temporary, output->path) != 0) return file_error(err, "write", output->path);
    free(output->temporary);
    output->temporary = NULL;
  }
  return EERIE_OK;
}

void ee_cli_outputs_free(ee_cli_outputs_t *outputs) {
  for (size_t i = 0; i < outputs->count; ++i) {
    ee_cli_output_t *output = &outputs->items[i];
    if (output->temporary) unlink(output->temporary);
    free(output->temporary);
    ee_cli_text_free(&output->content);
  }
  free(outputs->items);
  *outputs = (ee_cli_outputs_t){0};
}

// ---- Streams -----------------------------------------------------------------------------------

eerie_status_t ee_cli_stream_open(ee_cli_stream_t *stream, const char *path, eerie_error_t *err) {
  *stream = (ee_cli_stream_t){.path = path};
  int file;
  if (strcmp(path, "-") == 0) {
    fflush(stdout);
    file = dup(STDOUT_FILENO);
  } else if (is_special(path)) {
    file = open(path, O_WRONLY | O_CLOEXEC);
  } else {
    file = open_beside(path, &stream->temporary);
  }
  if (file < 0) return file_error(err, "write", path);
  stream->file = file + 1;
  return EERIE_OK;
}

eerie_status_t ee_cli_stream_write(ee_cli_stream_t *stream, const void *data, size_t size,
                                   eerie_error_t *err) {
  return write_all(stream->file - 1, data, size) ? EERIE_OK
                                                 : file_error(err, "write", stream->path);
}

eerie_status_t ee_cli_stream_commit(ee_cli_stream_t *stream, eerie_error_t *err) {
  const int file = stream->file - 1;
  stream->file = 0;
  const bool ready = !stream->temporary || fchmod(file, output_mode(stream->path)) == 0;
  const int number = errno;
  if (close(file) != 0) return file_error(err, "write", stream->path);
  errno = number;
  if (!ready || (stream->temporary && rename(stream->temporary, stream->path) != 0))
    return file_error(err, "write", stream->path);
  free(stream->temporary);
  stream->temporary = NULL;
  return EERIE_OK;
}

void ee_cli_stream_free(ee_cli_stream_t *stream) {
  if (stream->file) close(stream->file - 1);
  if (stream->temporary) (void)unlink(stream->temporary);
  free(stream->temporary);
  *stream = (ee_cli_stream_t){0};
}

// ---- Files that others made --------------------------------------------------------------------

// Copies the bytes of `made` to what is no regular file.
static eerie_status_t copy_out(int made, const char *path, eerie_error_t *err) {
  char bytes[1 << 14];
  ee_cli_stream_t stream = {0};
  eerie_status_t status = ee_cli_stream_open(&stream, path, err);
  ssize_t size = 1;
  while (!status && size) {
    size = read(made, bytes, sizeof bytes);
    if (size < 0 && errno != EINTR) status = file_error(err, "write", path);
    if (size > 0) status = ee_cli_stream_write(&stream, bytes, (size_t)size, err);
  }
  if (!status) status = ee_cli_stream_commit(&stream, err);
  ee_cli_stream_free(&stream);
  return status;
}

eerie_status_t ee_cli_file_put(const char *made, const char *path, eerie_error_t *err) {
  if (!is_special(path)) return rename(made, path) == 0 ? EERIE_OK : file_error(err, "write", path);
  const int file = open(made, O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(err, "read", made);
  const eerie_status_t status = copy_out(file, path, err);
  close(file);
  unlink(made);
  return status;
}
