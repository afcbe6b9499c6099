// fake_hsaco.c: kernels of AMD's devices, of which only the description is read: PTX is made of it
// that takes the same parameters and looks at the first byte behind each pointer.
//
// Source: "User Guide for AMDGPU Backend" of LLVM, sections "Note Records" and "Code Object V5
// Metadata"; MessagePack's specification.
#include "fake_hsaco.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MACHINE_AMDGPU = 224, NOTE_METADATA = 32 };

// ---- MessagePack
// -----------------------------------------------------------------------------------------

typedef struct pack {
  const uint8_t *at, *end;
} pack_t;
typedef enum sort { SORT_NONE, SORT_NUMBER, SORT_TEXT, SORT_LIST, SORT_MAP } sort_t;
typedef struct value {
  sort_t sort;
  uint64_t number; // or how many elements, pairs or characters
  const char *text;
} value_t;

static uint64_t big_endian(pack_t *pack, unsigned size) {
  uint64_t number = 0;
  for (unsigned i = 0; i < size && pack->at < pack->end; ++i)
    number = number << 8 | *pack->at++;
  return number;
}

static value_t text_of(pack_t *pack, uint64_t size) {
  if (size > (uint64_t)(pack->end - pack->at)) return (value_t){0};
  const value_t value = {SORT_TEXT, size, (const char *)pack->at};
  pack->at += size;
  return value;
}

// A value, or the head of a list or map, whose elements follow.
static value_t take(pack_t *pack) {
  if (pack->at >= pack->end) return (value_t){0};
  const uint8_t tag = *pack->at++;
  if (tag < 0x80) return (value_t){SORT_NUMBER, tag, NULL};
  if (tag < 0x90) return (value_t){SORT_MAP, tag & 15, NULL};
  if (tag < 0xa0) return (value_t){SORT_LIST, tag & 15, NULL};
  if (tag < 0xc0) return text_of(pack, tag & 31);
  switch (tag) {
  case 0xc2:
  case 0xc3: return (value_t){SORT_NUMBER, tag & 1, NULL};
  case 0xcc:
  case 0xcd:
  case 0xce:
  case 0xcf: return (value_t){SORT_NUMBER, big_endian(pack, 1U << (tag - 0xcc)), NULL};
  case 0xd9:
  case 0xda: return text_of(pack, big_endian(pack, 1U << (tag - 0xd9)));
  case 0xdc: return (value_t){SORT_LIST, big_endian(pack, 2), NULL};
  case 0xde: return (value_t){SORT_MAP, big_endian(pack, 2), NULL};
  default: return (value_t){0};
  }
}

// Past a value whose head was taken.
static void skip(pack_t *pack, value_t value) {
  uint64_t left = value.sort == SORT_LIST  ? value.number
                  : value.sort == SORT_MAP ? value.number * 2
                                           : 0;
  while (left-- > 0 && pack->at < pack->end) {
    const value_t inner = take(pack);
    left += inner.sort == SORT_LIST ? inner.number : inner.sort == SORT_MAP ? inner.number * 2 : 0;
  }
}

// The value of a key of the map that begins at `map`, and where its elements are; SORT_NONE: no
// such key.
static value_t find(pack_t map, const char *key, pack_t *out_inside) {
  const value_t head = take(&map);
  for (uint64_t i = 0; head.sort == SORT_MAP && i < head.number; ++i) {
    const value_t name = take(&map);
    const value_t value = take(&map);
    *out_inside = map;
    if (name.sort == SORT_TEXT && name.number == strlen(key) &&
        memcmp(name.text, key, name.number) == 0)
      return value;
    skip(&map, value);
  }
  return (value_t){0};
}

static uint64_t number_of(pack_t map, const char *key) {
  pack_t inside;
  const value_t value = find(map, key, &inside);
  return value.sort == SORT_NUMBER ? value.number : 0;
}

// ---- The note
// ------------------------------------------------------------------------------------------------

static bool find_metadata(const uint8_t *image, pack_t *out_pack) {
  Elf64_Ehdr head;
  memcpy(&head, image, sizeof head);
  if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_machine != MACHINE_AMDGPU) return false;
  for (uint32_t i = 0; i < head.e_shnum; ++i) {
    Elf64_Shdr section;
    memcpy(&section, image + head.e_shoff + (size_t)i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOTE) continue;
    Elf64_Nhdr note;
    memcpy(&note, image + section.sh_offset, sizeof note);
    if (note.n_type != NOTE_METADATA) continue;
    const uint8_t *begin = image + section.sh_offset + sizeof note + (note.n_namesz + 3) / 4 * 4;
    *out_pack = (pack_t){begin, begin + note.n_descsz};
    return true;
  }
  return false;
}

// ---- PTX
// -------------------------------------------------------------------------------------------------------

typedef struct text {
  char *bytes;
  size_t length, capacity;
} text_t;

__attribute__((format(printf, 2, 3))) static void add(text_t *text, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof line ||
      text->capacity - text->length <= (size_t)length)
    return;
  memcpy(text->bytes + text->length, line, (size_t)length + 1);
  text->length += (size_t)length;
}

// Explicit parameters; the others are the runtime's.
static bool is_pointer(pack_t argument, bool *out_hidden) {
  pack_t inside;
  const value_t kind = find(argument, ".value_kind", &inside);
  *out_hidden = kind.sort != SORT_TEXT || strncmp(kind.text, "hidden_", 7) == 0;
  return kind.sort == SORT_TEXT && strncmp(kind.text, "global_buffer", 13) == 0;
}

static void add_kernel(text_t *text, pack_t kernel) {
  pack_t inside;
  const value_t name = find(kernel, ".name", &inside);
  const value_t arguments = find(kernel, ".args", &inside);
  if (name.sort != SORT_TEXT) return;
  text_t body = {.bytes = (char[16384]){0}, .capacity = 16384};
  add(text, ".visible .entry %.*s(", (int)name.number, name.text);
  for (uint64_t i = 0; arguments.sort == SORT_LIST && i < arguments.number; ++i) {
    bool hidden = false;
    const bool pointer = is_pointer(inside, &hidden);
    const unsigned size = (unsigned)number_of(inside, ".size");
    if (!hidden) add(text, "%s.param .b%u p%u", i ? ", " : "", size * 8, (unsigned)i);
    if (pointer) add(&body, "ld.param.b64 %%a, [p%u]; ld.global.b8 %%b, [%%a];\n", (unsigned)i);
    const value_t argument = take(&inside);
    skip(&inside, argument);
  }
  add(text, ") .maxntid %u {\n.reg .b64 %%a; .reg .b16 %%b; .reg .b32 %%t; .reg .pred %%p;\n",
      (unsigned)number_of(kernel, ".max_flat_workgroup_size"));
  const unsigned shared = (unsigned)number_of(kernel, ".group_segment_fixed_size");
  if (shared) add(text, ".shared .align 16 .b8 kept[%u]; mov.u64 %%a, kept;\n", shared);
  add(text, "mov.u32 %%t, %%tid.x; setp.ne.u32 %%p, %%t, 0; @%%p ret;\n%s", "");
  if (text->capacity - text->length > body.length) {
    memcpy(text->bytes + text->length, body.bytes, body.length + 1);
    text->length += body.length;
  }
  add(text, "ret;\n}\n");
}

char *fake_hsaco_text(const void *image, const char *architecture) {
  enum { CAPACITY = 1 << 22 };
  pack_t metadata, inside;
  if (!find_metadata(image, &metadata)) return NULL;
  const value_t target = find(metadata, "amdhsa.target", &inside);
  const size_t length = strlen(architecture);
  if (target.sort != SORT_TEXT || target.number < length ||
      memcmp(target.text + target.number - length, architecture, length) != 0)
    return NULL;
  text_t text = {.bytes = malloc(CAPACITY), .capacity = CAPACITY};
  if (!text.bytes) return NULL;
  add(&text, ".version 7.0\n.target sm_70\n.address_size 64\n");
  const value_t kernels = find(metadata, "amdhsa.kernels", &inside);
  for (uint64_t i = 0; kernels.sort == SORT_LIST && i < kernels.number; ++i) {
    add_kernel(&text, inside);
    const value_t kernel = take(&inside);
    skip(&inside, kernel);
  }
  return text.bytes;
}
