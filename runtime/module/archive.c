// archive.c: file bytes -> flatbuffer and base of the external read-only data.
//
// A module file comes in two forms that differ in what stands in front:
//
//   ZIP:   local header (30 bytes) | "module.fb" | extra field | flatbuffer | rodata ... |
//   directory bare:                                                        flatbuffer | rodata ...
//
// The ZIP form keeps its entries uncompressed, so that a module can be read in place and unzip can
// still take it apart; sizes stand in a ZIP64 field that is not needed here. The flatbuffer has a
// 32-bit size in front. External read-only data starts at the next multiple of 64 after it, counted
// from the start of the file. Source: archive.h and bytecode_module_def.fbs of IREE 3.13, files
// written by iree-compile 3.13.0 with --iree-vm-emit-polyglot-zip=true and =false; the ZIP fields
// are those of PKWARE's APPNOTE, section 4.3.7.
#include "module/archive.h"

enum {
  ZIP_HEADER_SIZE = 30,
  SIZE_PREFIX = 4,
  RODATA_ALIGNMENT = 64,
  SMALLEST_FLATBUFFER = 8, // root offset and file identifier
};

static bool has_prefix(ee_bytes_t bytes, const char *text, size_t size) {
  return bytes.size >= size && memcmp(bytes.data, text, size) == 0;
}

// Finds where the flatbuffer's size prefix stands in a ZIP file.
static eerie_status_t skip_zip_header(ee_bytes_t file, size_t *out_offset, eerie_error_t *err) {
  if (file.size < ZIP_HEADER_SIZE) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "truncated: ZIP header of %d bytes, the file has %zu",
                   ZIP_HEADER_SIZE, file.size);
  }
  const unsigned method = ee_load_u16(file.data + 8);
  const size_t name_size = ee_load_u16(file.data + 26);
  const size_t extra_size = ee_load_u16(file.data + 28);
  const size_t offset = ZIP_HEADER_SIZE + name_size + extra_size;
  if (offset > file.size) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "truncated: ZIP entry starts at %zu, the file has %zu bytes", offset, file.size);
  }
  const ee_str_t name = {(const char *)file.data + ZIP_HEADER_SIZE, name_size};
  if (!ee_str_equal(name, EE_STR("module.fb"))) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "not a module file: ZIP archive whose first entry is \"%.*s\", expected "
                   "\"module.fb\"",
                   EE_STR_ARG(name));
  }
  if (method != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "ZIP entry module.fb is compressed (method %u); modules are read in place and "
                   "must be stored (method 0)",
                   method);
  }
  *out_offset = offset;
  return EERIE_OK;
}

eerie_status_t ee_archive_open(ee_bytes_t file, ee_archive_t *out_archive, eerie_error_t *err) {
  memset(out_archive, 0, sizeof *out_archive);
  if (file.size == 0) return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "not a module file: it is empty");

  size_t offset = 0;
  const bool zip = has_prefix(file, "PK\003\004", 4);
  if (zip) EE_TRY(skip_zip_header(file, &offset, err));

  const ee_bytes_t rest = {file.data + offset, file.size - offset};
  if (zip && rest.size < SIZE_PREFIX + SMALLEST_FLATBUFFER) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "truncated: %zu bytes after the ZIP header", rest.size);
  }
  if (rest.size < SIZE_PREFIX + SMALLEST_FLATBUFFER ||
      memcmp(rest.data + SIZE_PREFIX + 4, "IREE", 4) != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "not a module file: no identifier \"IREE\" at byte %zu",
                   offset + SIZE_PREFIX + 4);
  }
  const size_t size = ee_load_u32(rest.data);
  if (size > rest.size - SIZE_PREFIX || size < SMALLEST_FLATBUFFER) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "truncated: the flatbuffer says %zu bytes, %zu are in the file", size,
                   rest.size - SIZE_PREFIX);
  }
  out_archive->flatbuffer = (ee_bytes_t){rest.data + SIZE_PREFIX, size};
  if (!ee_align_size(offset + SIZE_PREFIX + size, RODATA_ALIGNMENT, &out_archive->rodata_base)) {
    out_archive->rodata_base = SIZE_MAX;
  }
  return EERIE_OK;
}
