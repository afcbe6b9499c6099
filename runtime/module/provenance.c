// provenance.c: where a module comes from, as `eerie compile` stamps it.
//
// The stamp is the comment of the ZIP archive that a module file is (PKWARE's APPNOTE, 4.3.16: the
// last field of the last record, at most 65,535 bytes), so that nothing that reads modules or
// archives sees a difference, and `unzip -z` prints it. A bare module gets the record of an empty
// archive behind its last byte; no offset in a module counts from its end. The comment is
//
//   {"producer":"eerie 0.1.0",...} newline "eerie-stamp:" size of the object, 8 digits, newline
//
// and is found from the end of the file alone. The size is hexadecimal. What does not have this
// form is no stamp: the file may come from anywhere, and a module runs as well without.
#include "base/flatbuffer.h"
#include "module/module.h"

#define STAMP_MARK "\neerie-stamp:"
enum {
  STAMP_MARK_SIZE = sizeof STAMP_MARK - 1,
  STAMP_DIGITS = 8,
  STAMP_END_SIZE = STAMP_MARK_SIZE + STAMP_DIGITS + 1,
  STAMP_LIMIT = 0xffff - STAMP_END_SIZE,
};

// The number of eight digits, or SIZE_MAX.
static size_t stamp_size(const uint8_t *digits) {
  size_t size = 0;
  for (int i = 0; i < STAMP_DIGITS; ++i) {
    const uint8_t c = digits[i];
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return SIZE_MAX;
    size = size * 16 + (size_t)(letter ? c - 'a' + 10 : c - '0');
  }
  return size;
}

ee_str_t ee_module_provenance(const ee_module_t *module) {
  const ee_str_t none = {NULL, 0};
  const ee_bytes_t file = module->bytes;
  if (file.size < STAMP_END_SIZE) return none;
  const uint8_t *const end = file.data + file.size - STAMP_END_SIZE;
  if (memcmp(end, STAMP_MARK, STAMP_MARK_SIZE) != 0 || end[STAMP_END_SIZE - 1] != '\n') return none;
  const size_t size = stamp_size(end + STAMP_MARK_SIZE);
  if (size < 2 || size > STAMP_LIMIT || size > file.size - STAMP_END_SIZE) return none;
  const uint8_t *const text = end - size;
  if (text[0] != '{' || text[size - 1] != '}' || !ee_fb_is_text(text, size)) return none;
  for (size_t i = 0; i < size; ++i) {
    if (text[i] < 0x20 || text[i] == 0x7f) return none;
  }
  return (ee_str_t){(const char *)text, size};
}
