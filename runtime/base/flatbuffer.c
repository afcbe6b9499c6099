// flatbuffer.c: every check that stands between a flatbuffer's bytes and their use.
#include "base/flatbuffer.h"

// How often over the file's size may be visited before it counts as an attack. Compilers share
// vtables and may share strings; nothing that they write comes near.
enum { WORK_FACTOR = 16, WORK_BASE = 4096 };

void ee_fb_annotate(ee_fb_t *fb) {
  if (!fb->list) return;
  if (fb->index == UINT32_MAX)
    EE_ANNOTATE(fb->err, "%s", fb->list);
  else
    EE_ANNOTATE(fb->err, "%s[%u]", fb->list, fb->index);
}

// True when [position, position + size) is inside and aligned; what lies there is charged to work.
static bool visit(ee_fb_t *fb, uint64_t position, uint64_t size, uint32_t alignment,
                  const char *name) {
  (void)name; // without messages
  if (fb->status != EERIE_OK) return false;
  if (!ee_range_ok(position, size, fb->bytes.size)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "%s: %llu bytes at offset %llu reach past the flatbuffer's %zu bytes", name,
               (unsigned long long)size, (unsigned long long)position, fb->bytes.size);
    return false;
  }
  if (position & (alignment - 1)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%s: offset %llu is not aligned to %u", name,
               (unsigned long long)position, alignment);
    return false;
  }
  if (size > fb->work) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "%s: the flatbuffer refers to the same bytes too often (over %d times its size)",
               name, WORK_FACTOR);
    return false;
  }
  fb->work -= size;
  return true;
}

// Makes the table at `position` the current one; none when it is damaged.
static void open_table(ee_fb_t *fb, uint64_t position, const char *name) {
  fb->table = (ee_fb_table_t){0};
  if (!visit(fb, position, 4, 4, name)) return;
  const int64_t vtable = (int64_t)position - (int32_t)ee_load_u32(fb->bytes.data + position);
  if (vtable < 0) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%s: vtable before the start of the flatbuffer", name);
    return;
  }
  if (!visit(fb, (uint64_t)vtable, 4, 2, name)) return;
  const ee_fb_table_t table = {
      .position = (uint32_t)position,
      .vtable = (uint32_t)vtable,
      .vtable_size = ee_load_u16(fb->bytes.data + vtable),
      .size = ee_load_u16(fb->bytes.data + vtable + 2),
  };
  if (table.vtable_size < 4 || table.vtable_size % 2 != 0 || table.size < 4) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%s: vtable of %u bytes for a table of %u", name,
               table.vtable_size, table.size);
    return;
  }
  if (!visit(fb, table.vtable, table.vtable_size, 2, name)) return;
  if (visit(fb, position, table.size, 4, name)) fb->table = table;
}

const uint8_t *ee_fb_field(ee_fb_t *fb, unsigned field, uint32_t size) {
  const uint32_t entry = 4 + 2 * field;
  if (fb->status != EERIE_OK || entry + 2 > fb->table.vtable_size) return NULL;
  const uint32_t offset = ee_load_u16(fb->bytes.data + fb->table.vtable + entry);
  if (offset == 0) return NULL;
  if (offset < 4 || offset + size > fb->table.size) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "field %u of %u bytes at %u lies outside its table of %u bytes",
               field, size, offset, fb->table.size);
    return NULL;
  }
  return fb->bytes.data + fb->table.position + offset;
}

// Where the reference at `at` goes.
static uint64_t follow(const ee_fb_t *fb, const uint8_t *at) {
  return (uint64_t)(at - fb->bytes.data) + ee_load_u32(at);
}

void ee_fb_open(ee_fb_t *fb, ee_bytes_t bytes, eerie_error_t *err) {
  memset(fb, 0, sizeof *fb);
  fb->bytes = bytes;
  fb->work = (uint64_t)bytes.size * WORK_FACTOR + WORK_BASE;
  fb->err = err;
  const char *name = EE_FB_NAME("root table");
  if (visit(fb, 0, 4, 4, name)) open_table(fb, follow(fb, bytes.data), name);
}

bool ee_fb_has(ee_fb_t *fb, unsigned field) {
  return ee_fb_field(fb, field, 1) != NULL;
}

uint8_t ee_fb_u8(ee_fb_t *fb, unsigned field, uint8_t otherwise) {
  const uint8_t *at = ee_fb_field(fb, field, 1);
  return at ? *at : otherwise;
}

uint32_t ee_fb_u32(ee_fb_t *fb, unsigned field, uint32_t otherwise) {
  const uint8_t *at = ee_fb_field(fb, field, 4);
  return at ? ee_load_u32(at) : otherwise;
}

uint64_t ee_fb_u64(ee_fb_t *fb, unsigned field, uint64_t otherwise) {
  const uint8_t *at = ee_fb_field(fb, field, 8);
  return at ? ee_load_u64(at) : otherwise;
}

void ee_fb_child(ee_fb_t *fb, unsigned field, const char *name) {
  const uint8_t *at = ee_fb_field(fb, field, 4);
  if (at)
    open_table(fb, follow(fb, at), name);
  else
    fb->table = (ee_fb_table_t){0};
}

ee_fb_vector_t ee_fb_vector(ee_fb_t *fb, unsigned field, size_t element_size, const char *name) {
  const ee_fb_vector_t none = {0};
  const uint8_t *at = ee_fb_field(fb, field, 4);
  if (!at) return none;
  const uint64_t position = follow(fb, at);
  if (!visit(fb, position, 4, 4, name)) return none;
  const uint32_t count = ee_load_u32(fb->bytes.data + position);
  if (!visit(fb, position + 4, (uint64_t)count * element_size, 4, name)) return none;
  return (ee_fb_vector_t){fb->bytes.data + position + 4, count};
}

// RFC 3629: shortest form, no surrogates, up to U+10FFFF.
bool ee_fb_is_text(const uint8_t *text, size_t size) {
  size_t i = 0;
  while (i < size) {
    const uint8_t c = text[i++];
    if (c == 0) return false;
    if (c < 0x80) continue;
    const unsigned more = c >= 0xC2 && c <= 0xDF   ? 1
                          : (c & 0xF0) == 0xE0     ? 2
                          : c >= 0xF0 && c <= 0xF4 ? 3
                                                   : 0;
    if (more == 0 || more > size - i) return false;
    const uint8_t next = text[i];
    if ((c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F) || (c == 0xF0 && next < 0x90) ||
        (c == 0xF4 && next > 0x8F)) {
      return false;
    }
    for (unsigned k = 0; k < more; ++k) {
      if ((text[i++] & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

ee_str_t ee_fb_string(ee_fb_t *fb, unsigned field, bool required, const char *name) {
  const ee_str_t none = {NULL, 0};
  const ee_fb_vector_t vector = ee_fb_vector(fb, field, 1, name);
  if (fb->status != EERIE_OK) return none;
  if (vector.count == 0) {
    if (required) EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%s is missing", name);
    return none;
  }
  const uint64_t end = (uint64_t)(vector.data - fb->bytes.data) + vector.count;
  if (!visit(fb, end, 1, 1, name)) return none;
  if (fb->bytes.data[end] != 0 || !ee_fb_is_text(vector.data, vector.count)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%s is not text (UTF-8, ended by one NUL)", name);
    return none;
  }
  return (ee_str_t){(const char *)vector.data, vector.count};
}

void ee_fb_table_at(ee_fb_t *fb, ee_fb_vector_t vector, uint32_t index, const char *list) {
  if (fb->status != EERIE_OK) return;
  fb->list = list;
  fb->index = index;
  open_table(fb, follow(fb, vector.data + 4 * (size_t)index), EE_FB_NAME("table"));
}
