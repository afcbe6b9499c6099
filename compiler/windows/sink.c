// sink.c: what the compiler writes to: its own memory. A descriptor is no way to it, because its C
// library is another than ours and numbers descriptors by itself.
#include "compiler/internal.h"

eerie_status_t ee_sink_open(eerie_compiler_output_t *output, iree_compiler_output_t **out_sink,
                            eerie_error_t *err) {
  (void)output;
  *out_sink = NULL;
  return ee_library_take_error(ee_library.api.output_open_memory(out_sink), "opening an output",
                               err);
}

eerie_status_t ee_sink_close(eerie_compiler_output_t *output, iree_compiler_output_t *sink,
                             eerie_error_t *err) {
  void *contents = NULL;
  uint64_t size = 0;
  eerie_status_t status =
      ee_library_take_error(ee_library.api.output_map(sink, &contents, &size), "an output", err);
  if (!status && size <= SIZE_MAX)
    status = eerie_compiler_output_append(output, contents, (size_t)size, err);
  ee_library.api.output_destroy(sink);
  return status;
}
