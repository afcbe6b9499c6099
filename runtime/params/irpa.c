// irpa.c: IREE's parameter archives.
//
// Source of the format: runtime/src/iree/schemas/parameter_archive.h of 3.13. A file is a chain of
// archives; each has a header, and three segments whose offsets count from that header:
//
//   header   0 magic, 4 major, 6 minor, 8 header size, 16 offset of the next header or 0, 24 flags,
//            32 entry count, 40 entry segment, 56 metadata segment, 72 storage segment (offset and
//            length each), 88 bytes in all
//   entry    0 size, 8 type, 12 flags, 20 name, 36 metadata (offset and length in the metadata
//            segment each), 52 alignment, 60 what the type adds; the next at a multiple of 16
//     splat  60 length, 68 pattern of 16 bytes, 84 length of the pattern
//     data   60 offset and length in the storage segment
//     external  60 offset and length of the path in the metadata segment, 76 offset and length of
//            the bytes in that file
//
// Checked here: each header and segment lies in the file, each entry in its segment, each name and
// path in the metadata, each range in storage or file; headers follow one another; entry segments
// take no more bytes together than the file has, so that a chain cannot have them read again and
// again.
#include "params/params.h"

#define MAGIC         0x41505249u // "IRPA"
#define PREFIX_SIZE   32u
#define HEADER_SIZE   88u
#define ENTRY_SIZE    60u
#define SPLAT_SIZE    85u
#define DATA_SIZE     76u
#define EXTERNAL_SIZE 92u

enum { ENTRY_SKIP, ENTRY_SPLAT, ENTRY_DATA, ENTRY_EXTERNAL };

// Other files that one archive may name.
#define FILE_LIMIT 256u

typedef struct range {
  uint64_t offset;
  uint64_t size;
} range_t;

typedef struct reader {
  ee_params_set_t *set;
  ee_params_source_t *source;
  eerie_error_t *err;
  ee_bytes_t metadata;
  uint8_t *storage;
  uint64_t storage_size;
  uint64_t entry_bytes;             // of all segments so far
  ee_params_holding_t *other_files; // the set's newest source when the reader began
} reader_t;

static range_t load_range(const uint8_t *p) {
  return (range_t){ee_load_u64(p), ee_load_u64(p + 8)};
}

static bool match(ee_bytes_t bytes) {
  return bytes.size >= 4 && ee_load_u32(bytes.data) == MAGIC;
}

static eerie_status_t outside(reader_t *reader, const char *part, range_t range, uint64_t size) {
  (void)part, (void)range, (void)size; // unused in builds without texts
  return EE_FAIL(reader->err, EERIE_DATA_LOSS, "%s: %llu bytes at %llu do not lie in %llu", part,
                 (unsigned long long)range.size, (unsigned long long)range.offset,
                 (unsigned long long)size);
}

static eerie_status_t text_at(reader_t *reader, const char *part, const uint8_t *p,
                              ee_str_t *out_text) {
  const range_t range = load_range(p);
  *out_text = (ee_str_t){"", 0};
  if (range.size == 0) return EERIE_OK;
  if (!ee_range_ok(range.offset, range.size, reader->metadata.size)) {
    return outside(reader, part, range, reader->metadata.size);
  }
  const char *text = (const char *)reader->metadata.data + (size_t)range.offset;
  *out_text = (ee_str_t){text, (size_t)range.size};
  return EERIE_OK;
}

// ---- Entries -----------------------------------------------------------------------------------

static eerie_status_t read_splat(reader_t *reader, const uint8_t *p, ee_params_entry_t *entry) {
  entry->size = ee_load_u64(p + ENTRY_SIZE);
  entry->pattern_size = p[84];
  const uint32_t size = entry->pattern_size;
  if (size == 0 || size > EE_PARAMS_PATTERN_LIMIT || (size & (size - 1)) != 0) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "splat '%.*s': a pattern of %u bytes: expected 1, 2, 4, 8 or 16",
                   EE_STR_ARG(entry->key), (unsigned)size);
  }
  if (entry->size % size) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "splat '%.*s': %llu bytes are no multiple of the pattern's %u",
                   EE_STR_ARG(entry->key), (unsigned long long)entry->size, (unsigned)size);
  }
  memcpy(entry->pattern, p + 68, size);
  return ee_params_append(reader->set, entry, reader->err);
}

static eerie_status_t read_data(reader_t *reader, const uint8_t *p, ee_params_entry_t *entry) {
  const range_t range = load_range(p + ENTRY_SIZE);
  if (!ee_range_ok(range.offset, range.size, reader->storage_size)) {
    return outside(reader, "bytes in the storage segment", range, reader->storage_size);
  }
  entry->size = range.size;
  entry->data = reader->storage + (size_t)range.offset;
  return ee_params_append(reader->set, entry, reader->err);
}

// Of an archive that comes from anywhere, a path may name only what lies beside it or below.
static bool is_local(ee_str_t path) {
  if (path.size == 0 || path.data[0] == '/') return false;
  for (size_t i = 0; i < path.size; ++i) {
    const char c = path.data[i];
    if (c == 0 || c == '\\' || c == ':') return false;
    const bool starts = i == 0 || path.data[i - 1] == '/';
    const bool up = starts && c == '.' && i + 1 < path.size && path.data[i + 1] == '.';
    if (up && (i + 2 == path.size || path.data[i + 2] == '/')) return false;
  }
  return true;
}

// The file that `name`, relative to the archive, means.
static eerie_status_t open_beside(reader_t *reader, ee_str_t name,
                                  ee_params_source_t **out_source) {
  const char *base = reader->source->path;
  size_t folder = 0;
  for (size_t i = 0; base[i]; ++i) {
    if (base[i] == '/') folder = i + 1;
  }
  size_t size;
  if (!ee_add_size(folder + 1, name.size, &size)) return EE_NO_MEMORY(reader->err, SIZE_MAX);
  char *path = ee_heap_allocate(reader->set->heap, size);
  if (!path) return EE_NO_MEMORY(reader->err, size);
  memcpy(path, base, folder);
  memcpy(path + folder, name.data, name.size);
  path[size - 1] = 0;
  const ee_str_t text = {path, size - 1};
  eerie_status_t status = EERIE_OK;
  size_t count = 0;
  const ee_params_holding_t *known = reader->set->sources;
  for (; known != reader->other_files; known = known->next, ++count) {
    if (ee_str_equal(ee_str_from(known->source->path), text)) break;
  }
  if (known != reader->other_files) {
    *out_source = known->source;
  } else if (count == FILE_LIMIT) {
    status = EE_FAIL(reader->err, EERIE_RESOURCE_EXHAUSTED, "more than %u other files",
                     (unsigned)FILE_LIMIT);
  } else {
    status = ee_params_source_open(reader->set->heap, path, reader->source->writable, out_source,
                                   reader->err);
    if (status == EERIE_OK) {
      status = ee_params_set_hold(reader->set, *out_source, reader->err);
      ee_object_release(&(*out_source)->object);
    }
  }
  ee_heap_free(reader->set->heap, path, size);
  return status;
}

static eerie_status_t read_external(reader_t *reader, const uint8_t *p, ee_params_entry_t *entry) {
  ee_str_t path;
  EE_TRY(text_at(reader, "path of another file", p + ENTRY_SIZE, &path));
  if (!reader->source->path[0]) {
    return EE_FAIL(reader->err, EERIE_UNIMPLEMENTED,
                   "'%.*s' lies in the file '%.*s', which an archive in memory cannot name",
                   EE_STR_ARG(entry->key), EE_STR_ARG(path));
  }
  if (!is_local(path)) {
    return EE_FAIL(reader->err, EERIE_PERMISSION_DENIED,
                   "'%.*s' lies in '%.*s': only files beside the archive or below are read",
                   EE_STR_ARG(entry->key), EE_STR_ARG(path));
  }
  EE_TRY(open_beside(reader, path, &entry->source));
  const range_t range = load_range(p + 76);
  if (!ee_range_ok(range.offset, range.size, entry->source->size)) {
    return outside(reader, "bytes in another file", range, entry->source->size);
  }
  entry->size = range.size;
  entry->data = entry->source->data + (size_t)range.offset;
  return ee_params_append(reader->set, entry, reader->err);
}

// `available` bytes from `p` on are in the entry segment.
static eerie_status_t read_entry(reader_t *reader, const uint8_t *p, uint64_t available,
                                 uint64_t *out_size) {
  static const uint8_t minimum[] = {ENTRY_SIZE, SPLAT_SIZE, DATA_SIZE, EXTERNAL_SIZE};
  if (available < ENTRY_SIZE) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "the entry segment ends: %llu bytes are left, expected at least %u",
                   (unsigned long long)available, ENTRY_SIZE);
  }
  const uint64_t size = ee_load_u64(p);
  const uint32_t type = ee_load_u32(p + 8);
  if (type > ENTRY_EXTERNAL) {
    return EE_FAIL(reader->err, EERIE_UNIMPLEMENTED, "type %u: the known ones are 0 to %u", type,
                   (unsigned)ENTRY_EXTERNAL);
  }
  if (size < minimum[type] || size > available) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "size %llu: expected at least %u and at most the %llu that are left",
                   (unsigned long long)size, minimum[type], (unsigned long long)available);
  }
  *out_size = size;
  ee_params_entry_t entry = {.source = reader->source, .rank = EE_PARAMS_NO_RANK};
  ee_str_t metadata;
  EE_TRY(text_at(reader, "name", p + 20, &entry.key));
  EE_TRY(text_at(reader, "metadata", p + 36, &metadata));
  switch (type) {
  case ENTRY_SPLAT: return read_splat(reader, p, &entry);
  case ENTRY_DATA: return read_data(reader, p, &entry);
  case ENTRY_EXTERNAL: return read_external(reader, p, &entry);
  default: return EERIE_OK;
  }
}

// ---- Headers -----------------------------------------------------------------------------------

static eerie_status_t find_segment(reader_t *reader, const char *name, uint64_t base,
                                   const uint8_t *p, ee_bytes_t *out_bytes) {
  const range_t range = load_range(p);
  const uint64_t size = reader->source->size - base;
  if (!ee_range_ok(range.offset, range.size, size)) return outside(reader, name, range, size);
  *out_bytes =
      (ee_bytes_t){reader->source->data + (size_t)(base + range.offset), (size_t)range.size};
  return EERIE_OK;
}

static eerie_status_t read_entries(reader_t *reader, ee_bytes_t entries, uint64_t count) {
  uint64_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t size = 0;
    const uint64_t rest = at < entries.size ? entries.size - at : 0;
    const eerie_status_t status =
        read_entry(reader, rest ? entries.data + (size_t)at : entries.data, rest, &size);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->err, "entry %llu of %llu", (unsigned long long)i,
                  (unsigned long long)count);
      return status;
    }
    at += (size + 15) & ~(uint64_t)15; // size is at most the segment's: no overflow
  }
  return EERIE_OK;
}

// Reads the archive at `base`, of which a prefix is known to be there.
static eerie_status_t read_archive(reader_t *reader, uint64_t base) {
  const uint8_t *p = reader->source->data + (size_t)base;
  const uint64_t size = reader->source->size - base;
  const unsigned major = ee_load_u16(p + 4), minor = ee_load_u16(p + 6);
  if (major != 0 || minor != 0) {
    return EE_FAIL(reader->err, EERIE_INCOMPATIBLE, "version %u.%u: this build reads 0.0", major,
                   minor);
  }
  const uint64_t header_size = ee_load_u64(p + 8);
  if (header_size < HEADER_SIZE || header_size > size) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "header of %llu bytes: expected at least %u and at most the %llu that follow",
                   (unsigned long long)header_size, HEADER_SIZE, (unsigned long long)size);
  }
  ee_bytes_t entries = {NULL, 0}, storage = {NULL, 0};
  EE_TRY(find_segment(reader, "entry segment", base, p + 40, &entries));
  EE_TRY(find_segment(reader, "metadata segment", base, p + 56, &reader->metadata));
  EE_TRY(find_segment(reader, "storage segment", base, p + 72, &storage));
  reader->storage = (uint8_t *)(uintptr_t)storage.data;
  reader->storage_size = storage.size;
  reader->entry_bytes += entries.size; // fewer headers than bytes: no overflow
  if (reader->entry_bytes > reader->source->size) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "entry segments of %llu bytes together in a file of %zu",
                   (unsigned long long)reader->entry_bytes, reader->source->size);
  }
  return read_entries(reader, entries, ee_load_u64(p + 32));
}

static eerie_status_t read(ee_params_set_t *set, ee_params_source_t *source, eerie_error_t *err) {
  reader_t reader = {.set = set, .source = source, .err = err, .other_files = set->sources};
  for (uint64_t base = 0;;) {
    const uint64_t size = source->size - base;
    const uint8_t *p = source->data + (size_t)base;
    if (size < PREFIX_SIZE) {
      return EE_FAIL(err, EERIE_DATA_LOSS, "header at %llu: %llu bytes are left, expected %u",
                     (unsigned long long)base, (unsigned long long)size, PREFIX_SIZE);
    }
    if (ee_load_u32(p) != MAGIC) {
      return EE_FAIL(err, EERIE_DATA_LOSS, "header at %llu: begins with 0x%08x, expected 0x%08x",
                     (unsigned long long)base, (unsigned)ee_load_u32(p), MAGIC);
    }
    const eerie_status_t status = read_archive(&reader, base);
    if (status != EERIE_OK) {
      if (base) EE_ANNOTATE(err, "archive at %llu", (unsigned long long)base);
      return status;
    }
    const uint64_t next = ee_load_u64(p + 16);
    if (next == 0) return EERIE_OK;
    if (next > size) {
      return EE_FAIL(err, EERIE_DATA_LOSS,
                     "next header %llu bytes after %llu, past the end of the file (%zu)",
                     (unsigned long long)next, (unsigned long long)base, source->size);
    }
    base += next;
  }
}

const ee_params_format_t ee_params_irpa = {".irpa", match, read};
