// flatbuffer.h: bounded access to a flatbuffer that nobody vouches for.
//
// Every offset, table, vector and string is checked when it is reached. The first defect is kept in
// `status` and in the caller's error record; from then on all functions return absent and zero
// without looking at the bytes, so that a reader may fetch all fields of a table and ask once.
//
// Fields are read from the current table: the root after ee_fb_open, then where ee_fb_child and
// ee_fb_table_at went. `table` may be kept and set back.
//
// Shared tables are legal, and a small file can list the same one a million times. `work` holds
// what may still be visited, in bytes, so that reading stays linear in the size of the file.
//
// Layout: a table starts with the signed distance back to its vtable; a vtable holds its own size,
// the table's size, then a 16-bit offset in the table for each field, 0 for absent ones. References
// are unsigned 32-bit distances forward. Vectors and strings start with a 32-bit count; a string
// has a NUL behind it. Source: https://flatbuffers.dev/internals
#ifndef EE_BASE_FLATBUFFER_H_
#define EE_BASE_FLATBUFFER_H_

#include "base/bytes.h"
#include "base/status.h"

// Positions count from the start of the flatbuffer. The zero table is absent: all its fields are.
typedef struct ee_fb_table {
  uint32_t position;
  uint32_t vtable;
  uint16_t vtable_size;
  uint16_t size;
} ee_fb_table_t;

typedef struct ee_fb {
  ee_bytes_t bytes;
  ee_fb_table_t table; // the current one
  uint64_t work;
  eerie_status_t status;
  eerie_error_t *err;
  // What is being read, for messages: "<list>[<index>].<field>".
  const char *list;
  uint32_t index;
} ee_fb_t;

typedef struct ee_fb_vector {
  const uint8_t *data;
  uint32_t count;
} ee_fb_vector_t;

// Field names cost bytes in a build that prints none.
#if EERIE_MESSAGES
#define EE_FB_NAME(text) (text)
#else
#define EE_FB_NAME(text) ((const char *)0)
#endif

// Starts reading; the root table must be there, and becomes the current one.
void ee_fb_open(ee_fb_t *fb, ee_bytes_t bytes, eerie_error_t *err);

// Records a defect of the thing being read, unless there is one already.
#define EE_FB_FAIL(fb, code, ...)                                                                  \
  do {                                                                                             \
    if ((fb)->status == EERIE_OK) {                                                                \
      (fb)->status = EE_FAIL((fb)->err, (code), __VA_ARGS__);                                      \
      ee_fb_annotate(fb);                                                                          \
    }                                                                                              \
  } while (0)
void ee_fb_annotate(ee_fb_t *fb);

bool ee_fb_has(ee_fb_t *fb, unsigned field);
// The `size` bytes of a scalar or struct, or NULL when it is absent or the table is damaged.
const uint8_t *ee_fb_field(ee_fb_t *fb, unsigned field, uint32_t size);
// Scalars; `otherwise` when the field is absent.
uint8_t ee_fb_u8(ee_fb_t *fb, unsigned field, uint8_t otherwise);
uint32_t ee_fb_u32(ee_fb_t *fb, unsigned field, uint32_t otherwise);
uint64_t ee_fb_u64(ee_fb_t *fb, unsigned field, uint64_t otherwise);
// Goes to a table that the current one refers to, or to one without fields when it is absent.
void ee_fb_child(ee_fb_t *fb, unsigned field, const char *name);
ee_fb_vector_t ee_fb_vector(ee_fb_t *fb, unsigned field, size_t element_size, const char *name);
// UTF-8 without NUL inside and with one behind, so that its data is a C string as well. With
// `required`, absent or empty is a defect.
ee_str_t ee_fb_string(ee_fb_t *fb, unsigned field, bool required, const char *name);
// Well-formed UTF-8 without NUL.
bool ee_fb_is_text(const uint8_t *text, size_t size);
// Goes to an element of a vector of tables, which must be there; also sets what messages call the
// place.
void ee_fb_table_at(ee_fb_t *fb, ee_fb_vector_t vector, uint32_t index, const char *list);

#endif // EE_BASE_FLATBUFFER_H_
