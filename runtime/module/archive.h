// archive.h: where the parts of a module file lie.
#ifndef EE_MODULE_ARCHIVE_H_
#define EE_MODULE_ARCHIVE_H_

#include "base/bytes.h"
#include "base/status.h"

typedef struct ee_archive {
  ee_bytes_t flatbuffer; // without its size prefix
  size_t rodata_base;    // offset in the file that external read-only data is relative to; may lie
                         // past the end of a file that has none
} ee_archive_t;

// INVALID_ARGUMENT: no module file. DATA_LOSS: one that was cut off.
eerie_status_t ee_archive_open(ee_bytes_t file, ee_archive_t *out_archive, eerie_error_t *err);

#endif // EE_MODULE_ARCHIVE_H_
