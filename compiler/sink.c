// sink.c: what the compiler writes to: a descriptor of the output's memory file.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

eerie_status_t ee_sink_open(eerie_compiler_output_t *output, iree_compiler_output_t **out_sink,
                            eerie_error_t *err) {
  *out_sink = NULL;
  // The compiler closes the descriptor that it is given.
  const int fd = fcntl(output->fd, F_DUPFD_CLOEXEC, 3);
  if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot open an output: %s",
                            strerror(errno));
  return ee_library_take_error(ee_library.api.output_open_fd(fd, out_sink), "opening an output",
                               err);
}

// Maps what was written: that flushes the compiler's stream and tells whether writing failed.
eerie_status_t ee_sink_close(eerie_compiler_output_t *output, iree_compiler_output_t *sink,
                             eerie_error_t *err) {
  (void)output;
  void *contents;
  uint64_t size;
  iree_compiler_error_t *error = ee_library.api.output_map(sink, &contents, &size);
  if (!error) {
    ee_library.api.output_destroy(sink);
    return EERIE_OK;
  }
  // A stream that could not write remembers it, and destroying it would end the process: it is left
  // alone. One that merely has nothing to map is fine.
  const bool wrote = strstr(ee_library.api.error_message(error), "mmap") != NULL;
  ee_library_take_error(error, "cannot hold the output", err);
  if (wrote) ee_library.api.output_destroy(sink);
  if (err) err->code = EERIE_RESOURCE_EXHAUSTED;
  return EERIE_RESOURCE_EXHAUSTED;
}
