// params.h: weights outside of the module: sets of named byte ranges, and the archives that they
// come from.
//
//   set.c      a set: keys, where their bytes are, look-up        registry.c     formats in this
//   build irpa.c     gguf.c     safetensors.c     one reader a format    json.c         for
//   safetensors write.c    write_irpa.c     write_safetensors.c                a set as one archive
//
// An archive is bytes, mapped or handed in, that a set's entries point into; nothing is copied but
// keys and shapes. Every count, offset and length in it is checked by its reader before an entry is
// made, so whoever uses an entry may trust it.
//
// Threads: a set belongs to one thread while it is filled; afterwards it is immutable and shared.
#ifndef EE_PARAMS_PARAMS_H_
#define EE_PARAMS_PARAMS_H_

#include "base/allocator.h"
#include "base/bytes.h"
#include "base/object.h"
#include "base/status.h"

// Dtypes of parameters are the numbers of eerie_dtype_t; those that formats know by name.
enum {
  EE_PARAMS_NO_DTYPE = 0,
  EE_PARAMS_BOOL = 0x13000008,
  EE_PARAMS_I8 = 0x10000008,
  EE_PARAMS_I16 = 0x10000010,
  EE_PARAMS_I32 = 0x10000020,
  EE_PARAMS_I64 = 0x10000040,
  EE_PARAMS_U8 = 0x12000008,
  EE_PARAMS_U16 = 0x12000010,
  EE_PARAMS_U32 = 0x12000020,
  EE_PARAMS_U64 = 0x12000040,
  EE_PARAMS_F16 = 0x21000010,
  EE_PARAMS_F32 = 0x21000020,
  EE_PARAMS_F64 = 0x21000040,
  EE_PARAMS_BF16 = 0x22000010,
  EE_PARAMS_C64 = 0x23000040,
  EE_PARAMS_F8E5M2 = 0x24000008,
  EE_PARAMS_F8E4M3FN = 0x25000008,
  EE_PARAMS_F8E5M2FNUZ = 0x26000008,
  EE_PARAMS_F8E4M3FNUZ = 0x27000008,
  EE_PARAMS_F8E8M0FNU = 0x28000008,
};

// ---- Sources: where bytes are ------------------------------------------------------------------

// Bytes that entries point into: a mapped file, or the caller's memory. Kept alive by its set and
// by every buffer that uses the bytes in place.
typedef struct ee_params_source {
  ee_object_t object;
  ee_heap_t *heap;
  uint8_t *data;
  size_t size;
  bool mapped;
  bool writable;
  void (*release)(void *user, const void *data, size_t size); // memory: may be NULL
  void *user;
  size_t allocation_size;
  char path[]; // NUL-terminated; "" for memory
} ee_params_source_t;

// Maps a file; writable: what is written goes to the file.
eerie_status_t ee_params_source_open(ee_heap_t *heap, const char *path, bool writable,
                                     ee_params_source_t **out_source, eerie_error_t *err);
// Borrows memory. `release` is armed by the caller, once nothing can fail any more.
eerie_status_t ee_params_source_wrap(ee_heap_t *heap, void *data, size_t size, bool writable,
                                     ee_params_source_t **out_source, eerie_error_t *err);
// The bytes will not be looked at soon: a mapping gives their memory back.
void ee_params_source_evict(const ee_params_source_t *source, const uint8_t *data, size_t size);

// ---- Sets --------------------------------------------------------------------------------------

#define EE_PARAMS_PATTERN_LIMIT 16
#define EE_PARAMS_NO_RANK       SIZE_MAX

typedef struct ee_params_entry {
  ee_str_t key;               // NUL-terminated, in the set's arena
  uint64_t size;              // bytes, as a module sees them
  uint8_t *data;              // in `source`; NULL for a splat
  ee_params_source_t *source; // NULL for a splat that comes from no file
  uint8_t pattern_size;       // of a splat: 1, 2, 4, 8 or 16; else 0
  uint8_t pattern[EE_PARAMS_PATTERN_LIMIT];
  uint32_t dtype;        // EE_PARAMS_NO_DTYPE: not told, or one that only the name can tell
  const char *type_name; // as the file spells it; "" when not told
  size_t rank;           // EE_PARAMS_NO_RANK: not told
  const int64_t *shape;  // row-major, outermost first; in the set's arena
} ee_params_entry_t;

// A source that a set holds a reference to; in the set's arena.
typedef struct ee_params_holding {
  struct ee_params_holding *next;
  ee_params_source_t *source;
} ee_params_holding_t;

typedef struct ee_params_block {
  struct ee_params_block *next;
  size_t capacity;
  size_t used;
} ee_params_block_t;

// What a module asked for; see eerie_parameters_observe.
typedef void (*ee_params_observer_t)(void *user, const char *key, size_t key_size, uint64_t offset,
                                     uint64_t size, bool found);

typedef struct ee_params_set {
  ee_object_t object;
  ee_heap_t *heap;
  ee_params_entry_t *entries; // in the order of adding
  uint32_t *sorted;           // their numbers in the order of keys, in two runs: see set.c
  size_t merged;              // length of the first
  size_t count;
  size_t capacity;              // of both arrays
  ee_params_holding_t *sources; // newest first
  ee_params_block_t *blocks;    // keys, shapes, holdings
  ee_params_observer_t observer;
  void *observer_user;
  ee_str_t scope; // NUL-terminated, behind this struct
} ee_params_set_t;

eerie_status_t ee_params_set_create(ee_heap_t *heap, ee_str_t scope, ee_params_set_t **out_set,
                                    eerie_error_t *err);

// Adds every parameter of an archive, telling its format. The set holds a reference to the source
// from then on. INVALID_ARGUMENT: none of the formats; DATA_LOSS, INCOMPATIBLE, UNIMPLEMENTED: what
// the reader says; ALREADY_EXISTS: a key. On failure the set is as before.
eerie_status_t ee_params_set_add_archive(ee_params_set_t *set, ee_params_source_t *source,
                                         eerie_error_t *err);
// Adds one parameter; key and shape are copied. `source` may be NULL for a splat.
eerie_status_t ee_params_set_add(ee_params_set_t *set, const ee_params_entry_t *entry,
                                 eerie_error_t *err);
// NULL: none.
const ee_params_entry_t *ee_params_set_find(const ee_params_set_t *set, ee_str_t key);

// Writes `size` bytes of an entry's splat from byte `offset` of it on to `target`.
void ee_params_fill(const ee_params_entry_t *entry, uint64_t offset, uint8_t *target, size_t size);

// Bytes of a shape whose blocks of `block_length` elements take `block_bits`; false on overflow, or
// where blocks do not divide the innermost dimension, or bytes the bits.
bool ee_params_shape_size(size_t rank, const int64_t *shape, uint32_t block_length,
                          uint32_t block_bits, uint64_t *out_size);

// ---- For readers -------------------------------------------------------------------------------

// A format of archives. `name` is for messages.
typedef struct ee_params_format {
  const char *name;
  bool (*match)(ee_bytes_t bytes);
  // Appends an entry for each parameter with ee_params_append.
  eerie_status_t (*read)(ee_params_set_t *set, ee_params_source_t *source, eerie_error_t *err);
} ee_params_format_t;

extern const ee_params_format_t ee_params_irpa;
extern const ee_params_format_t ee_params_gguf;
extern const ee_params_format_t ee_params_safetensors;
// What is in this build, NULL-terminated (registry.c): a build adds or leaves out a line, and the
// file behind it.
extern const ee_params_format_t *const ee_params_formats[];

// Appends an entry that is looked up only after the whole archive was read; key and shape are
// copied. DATA_LOSS: a key with a NUL in it.
eerie_status_t ee_params_append(ee_params_set_t *set, const ee_params_entry_t *entry,
                                eerie_error_t *err);
// Bytes of the set's arena, aligned for int64_t; NULL when there is no memory.
void *ee_params_allocate(ee_params_set_t *set, size_t size);
// Keeps a source alive as long as the set.
eerie_status_t ee_params_set_hold(ee_params_set_t *set, ee_params_source_t *source,
                                  eerie_error_t *err);

// Sorts numbers so that none `comes_before` its predecessor: in n log n steps whatever they are,
// and without memory.
void ee_params_sort(uint32_t *items, size_t count,
                    bool (*comes_before)(const void *context, uint32_t a, uint32_t b),
                    const void *context);

// ---- Writing -----------------------------------------------------------------------------------

// Where an archive goes, front to back.
typedef struct ee_params_output {
  eerie_status_t (*write)(void *user, const void *data, size_t size);
  void *user;
  eerie_status_t (*progress)(void *user, uint64_t done, uint64_t total); // may be NULL
  void *progress_user;
  uint64_t done;
  uint64_t total;
  eerie_error_t *err;
} ee_params_output_t;

eerie_status_t ee_params_write(ee_params_output_t *output, const void *data, size_t size);
// Zeros up to byte `offset` of the archive.
eerie_status_t ee_params_write_to(ee_params_output_t *output, uint64_t offset);
// The bytes of a parameter; a splat is written out.
eerie_status_t ee_params_write_entry(ee_params_output_t *output, const ee_params_entry_t *entry);

eerie_status_t ee_params_write_irpa(const ee_params_set_t *set, ee_params_output_t *output);
eerie_status_t ee_params_write_safetensors(const ee_params_set_t *set, ee_params_output_t *output);
// The name that .safetensors has for a dtype; NULL: none.
const char *ee_params_safetensors_name(uint32_t dtype);

#endif // EE_PARAMS_PARAMS_H_
