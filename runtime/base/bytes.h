// bytes.h: spans, strings without terminators, unaligned little-endian loads, checked arithmetic.
#ifndef EE_BASE_BYTES_H_
#define EE_BASE_BYTES_H_

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// -ffreestanding makes memcpy a function like any other, and with it every load below a call. The
// builtins become instructions where the size is known, and calls of the same functions elsewhere.
#if defined(__GNUC__) && defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 0
#define memcpy  __builtin_memcpy
#define memmove __builtin_memmove
#define memset  __builtin_memset
#define memcmp  __builtin_memcmp
#endif

// Borrowed bytes.
typedef struct ee_bytes {
  const uint8_t *data;
  size_t size;
} ee_bytes_t;

// Borrowed text, not NUL-terminated. Printed with "%.*s", EE_STR_ARG(text).
typedef struct ee_str {
  const char *data;
  size_t size;
} ee_str_t;

#define EE_STR_ARG(s)   ((int)((s).size > 400 ? 400 : (s).size)), ((s).size ? (s).data : "")
#define EE_STR(literal) ((ee_str_t){(literal), sizeof(literal) - 1})

// strlen, which a build without an OS has not. NULL has length 0.
static inline size_t ee_str_length(const char *text) {
  size_t length = 0;
  while (text && text[length])
    ++length;
  return length;
}
static inline ee_str_t ee_str_from(const char *text) {
  return (ee_str_t){text, ee_str_length(text)};
}
static inline bool ee_str_equal(ee_str_t a, ee_str_t b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool ee_str_starts_with(ee_str_t text, const char *prefix);

// Matches `text` against a pattern in which '*' stands for any run of characters and '?' for one;
// the HAL asks for devices and formats so ("local*").
bool ee_str_match(ee_str_t text, ee_str_t pattern);

static inline uint16_t ee_load_u16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint32_t ee_load_u32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint64_t ee_load_u64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
// All formats that Eerie reads are little-endian, as are all machines that it supports.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Eerie reads module files in place and needs a little-endian machine"
#endif

// Checked arithmetic on sizes: true and *out when the result fits, false when not.
static inline bool ee_add_size(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool ee_mul_size(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool ee_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool ee_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
// Rounds up to a power of two `alignment`; false when that overflows.
static inline bool ee_align_size(size_t value, size_t alignment, size_t *out) {
  size_t sum;
  if (!ee_add_size(value, alignment - 1, &sum)) return false;
  *out = sum & ~(alignment - 1);
  return true;
}
// True when [offset, offset + length) lies in [0, size).
static inline bool ee_range_ok(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

#endif // EE_BASE_BYTES_H_
