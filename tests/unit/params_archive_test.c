// Archives of parameters: what each reader takes from a good file, and that every count, offset and
// length of a bad one is refused by name. The files are made here, byte by byte from the formats;
// tests/cli/params_test.py compares with files that other tools have written.
#include <stdlib.h>

#include "eerie/eerie_parameters.h"
#include "unit/check.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

// ---- Files -------------------------------------------------------------------------------------

typedef struct file {
  uint8_t data[4096];
  size_t size;
} file_t;

static void put(file_t *file, const void *data, size_t size) {
  memcpy(file->data + file->size, data, size);
  file->size += size;
}

static void put_text(file_t *file, const char *text) {
  put(file, text, strlen(text));
}

static void put_number(file_t *file, uint64_t value, size_t size) {
  put(file, &value, size);
}

static void put_zeros_to(file_t *file, size_t offset) {
  while (file->size < offset)
    file->data[file->size++] = 0;
}

// Replaces `width` bytes at `offset`.
static void patch(file_t *file, size_t offset, size_t width, uint64_t value) {
  memcpy(file->data + offset, &value, width);
}

typedef struct world {
  eerie_instance_t *instance;
  eerie_parameters_t *set;
  eerie_error_t err;
  uint8_t *copy; // of exactly the file's size, so that a read past the end is seen
} world_t;

static eerie_status_t load(world_t *w, const file_t *file) {
  w->err = (eerie_error_t){0};
  CHECK_OK(eerie_instance_create(&(eerie_instance_options_t){.memory_limit = 1 << 20}, &w->instance,
                                 NULL));
  CHECK_OK(eerie_parameters_create(w->instance, "s", &w->set, NULL));
  w->copy = malloc(file->size ? file->size : 1);
  if (file->size) memcpy(w->copy, file->data, file->size);
  return eerie_parameters_add_memory(w->set, w->copy, file->size, NULL, &w->err);
}

static void unload(world_t *w) {
  eerie_parameters_release(w->set);
  size_t current = 0, peak = 0;
  eerie_instance_memory(w->instance, &current, &peak);
  static size_t of_instance;
  if (!of_instance) of_instance = current;
  CHECK_EQ_INT(current, of_instance); // nothing is left of the set
  eerie_instance_release(w->instance);
  free(w->copy);
}

typedef struct defect {
  size_t offset, width;
  uint64_t value;
  eerie_status_t status;
  const char *message;
} defect_t;

// The file with one change is refused, with that in the message, and leaves nothing behind.
static void check_defects(const file_t *good, const defect_t *defects, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    file_t file = *good;
    patch(&file, defects[i].offset, defects[i].width, defects[i].value);
    world_t w;
    const bool refused = CHECK_STATUS(load(&w, &file), defects[i].status);
    if (!CHECK_CONTAINS(w.err.message, defects[i].message) || !refused) {
      fprintf(stderr, "  defect at %zu: %s\n", defects[i].offset, w.err.message);
    }
    CHECK_EQ_INT(eerie_parameters_count(w.set), 0);
    unload(&w);
  }
}

// No beginning of the file is a file.
static void check_truncations(const file_t *good) {
  for (size_t size = 0; size < good->size; ++size) {
    file_t file = *good;
    file.size = size;
    world_t w;
    if (!CHECK(load(&w, &file) != EERIE_OK)) fprintf(stderr, "  cut to %zu\n", size);
    CHECK(w.err.message[0]);
    CHECK_EQ_INT(eerie_parameters_count(w.set), 0);
    unload(&w);
  }
}

// ---- .irpa -------------------------------------------------------------------------------------

enum { IRPA_ENTRIES = 96, IRPA_DATA = 96, IRPA_SPLAT = 176, IRPA_SKIP = 272, IRPA_NAMES = 336 };
enum { IRPA_STORAGE = 384, IRPA_END = 448 };

static void put_range(file_t *file, uint64_t offset, uint64_t size) {
  put_number(file, offset, 8);
  put_number(file, size, 8);
}

static void put_irpa_entry(file_t *file, uint64_t size, uint32_t type, uint64_t name,
                           uint64_t name_size) {
  put_number(file, size, 8);
  put_number(file, type, 4);
  put_number(file, 0, 8); // flags
  put_range(file, name, name_size);
  put_range(file, 0, 0);   // metadata
  put_number(file, 64, 8); // alignment
}

// "w": 64 bytes 0, 1, 2, ...; "z": 12 bytes that repeat 1.0f; an entry that is skipped.
static file_t make_irpa(void) {
  file_t file = {.size = 0};
  put_text(&file, "IRPA");
  put_number(&file, 0, 4);
  put_number(&file, 88, 8);
  put_number(&file, 0, 8); // next header
  put_number(&file, 0, 8);
  put_number(&file, 3, 8);
  put_range(&file, IRPA_ENTRIES, IRPA_NAMES - IRPA_ENTRIES);
  put_range(&file, IRPA_NAMES, 7);
  put_range(&file, IRPA_STORAGE, IRPA_END - IRPA_STORAGE);
  put_zeros_to(&file, IRPA_DATA);
  put_irpa_entry(&file, 76, 2, 0, 1);
  put_range(&file, 0, 64);
  put_zeros_to(&file, IRPA_SPLAT);
  put_irpa_entry(&file, 85, 1, 1, 1);
  put_number(&file, 12, 8);
  put_number(&file, 0x3F800000, 8);
  put_number(&file, 0, 8);
  put_number(&file, 4, 1);
  put_zeros_to(&file, IRPA_SKIP);
  put_irpa_entry(&file, 60, 0, 2, 4);
  put_zeros_to(&file, IRPA_NAMES);
  put_text(&file, "wzgone!");
  put_zeros_to(&file, IRPA_STORAGE);
  for (int i = 0; i < 64; ++i)
    put_number(&file, (uint64_t)i, 1);
  return file;
}

static void reads_irpa(void) {
  const file_t file = make_irpa();
  CHECK_EQ_INT(file.size, IRPA_END);
  world_t w;
  REQUIRE_OK(load(&w, &file));
  eerie_parameter_info_t info;
  CHECK_EQ_INT(eerie_parameters_count(w.set), 2);
  REQUIRE_OK(eerie_parameters_find(w.set, "w", &info, NULL));
  CHECK_STR(info.key, "w");
  CHECK_EQ_INT(info.size, 64);
  CHECK(info.data == w.copy + IRPA_STORAGE);
  CHECK_EQ_INT(info.source_offset, IRPA_STORAGE);
  CHECK_EQ_INT(info.pattern_size, 0);
  CHECK(info.rank == SIZE_MAX);
  CHECK_STR(info.type_name, "");
  REQUIRE_OK(eerie_parameters_find(w.set, "z", &info, NULL));
  CHECK(info.data == NULL);
  CHECK_EQ_INT(info.size, 12);
  CHECK_EQ_INT(info.pattern_size, 4);
  CHECK_BYTES(info.pattern, "\0\0\x80\x3f", 4);
  CHECK_STATUS(eerie_parameters_find(w.set, "gone", &info, &w.err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(w.err.message, "'gone' among the 2 of scope 's'");
  CHECK(info.key == NULL);
  CHECK(!eerie_parameters_entry(w.set, 2, &info));
  // A second archive with a key that is there changes nothing.
  CHECK_STATUS(eerie_parameters_add_memory(w.set, w.copy, file.size, NULL, &w.err),
               EERIE_ALREADY_EXISTS);
  CHECK_CONTAINS(w.err.message, "'w'");
  CHECK_EQ_INT(eerie_parameters_count(w.set), 2);
  CHECK_OK(eerie_parameters_find(w.set, "z", &info, NULL));
  unload(&w);
}

static void refuses_bad_irpa(void) {
  const file_t good = make_irpa();
  const uint64_t huge = UINT64_MAX - 7;
  const defect_t defects[] = {
      {0, 1, 'J', EERIE_INVALID_ARGUMENT, "none of the formats"},
      {4, 2, 1, EERIE_INCOMPATIBLE, ".irpa: version 1.0"},
      {6, 2, 2, EERIE_INCOMPATIBLE, "version 0.2"},
      {8, 8, 87, EERIE_DATA_LOSS, "header of 87 bytes"},
      {8, 8, huge, EERIE_DATA_LOSS, "header of 18446744073709551608 bytes"},
      {16, 8, 1, EERIE_DATA_LOSS, "header at 1: begins with 0x00415052"},
      {16, 8, IRPA_END, EERIE_DATA_LOSS, "header at 448: 0 bytes are left"},
      {16, 8, IRPA_END + 1, EERIE_DATA_LOSS, "next header 449 bytes after 0"},
      {16, 8, huge, EERIE_DATA_LOSS, "next header"},
      {32, 8, 4, EERIE_DATA_LOSS, "entry 3 of 4: the entry segment ends"},
      {32, 8, huge, EERIE_DATA_LOSS, "the entry segment ends"},
      {40, 8, huge, EERIE_DATA_LOSS, "entry segment"},
      {48, 8, huge, EERIE_DATA_LOSS, "entry segment"},
      {48, 8, 50, EERIE_DATA_LOSS, "entry 0 of 3"},
      {56, 8, IRPA_END, EERIE_DATA_LOSS, "metadata segment: 7 bytes at 448"},
      {64, 8, huge, EERIE_DATA_LOSS, "metadata segment"},
      {64, 8, 0, EERIE_DATA_LOSS, "name: 1 bytes at 0 do not lie in 0"},
      {72, 8, IRPA_STORAGE + 1, EERIE_DATA_LOSS, "storage segment"},
      {80, 8, 65, EERIE_DATA_LOSS, "storage segment: 65 bytes at 384"},
      {80, 8, 63, EERIE_DATA_LOSS, "bytes in the storage segment: 64 bytes at 0 do not lie in 63"},
      {IRPA_DATA, 8, 75, EERIE_DATA_LOSS, "entry 0 of 3: size 75: expected at least 76"},
      {IRPA_DATA, 8, huge, EERIE_DATA_LOSS, "entry 0 of 3: size 18446744073709551608"},
      {IRPA_DATA + 8, 4, 4, EERIE_UNIMPLEMENTED, "entry 0 of 3: type 4"},
      {IRPA_DATA + 8, 4, 3, EERIE_DATA_LOSS, "size 76: expected at least 92"},
      {IRPA_DATA + 20, 8, 7, EERIE_DATA_LOSS, "entry 0 of 3: name: 1 bytes at 7 do not lie in 7"},
      {IRPA_DATA + 28, 8, huge, EERIE_DATA_LOSS, "name"},
      {IRPA_DATA + 60, 8, 1, EERIE_DATA_LOSS, "64 bytes at 1 do not lie in 64"},
      {IRPA_DATA + 60, 8, huge, EERIE_DATA_LOSS, "bytes in the storage segment"},
      {IRPA_DATA + 68, 8, 65, EERIE_DATA_LOSS, "65 bytes at 0"},
      {IRPA_SPLAT, 8, 84, EERIE_DATA_LOSS, "size 84: expected at least 85"},
      {IRPA_SPLAT + 20, 8, 0, EERIE_ALREADY_EXISTS, "key 'w' is there twice"},
      {IRPA_SPLAT + 60, 8, 13, EERIE_DATA_LOSS, "splat 'z': 13 bytes are no multiple"},
      {IRPA_SPLAT + 84, 1, 0, EERIE_DATA_LOSS, "splat 'z': a pattern of 0 bytes"},
      {IRPA_SPLAT + 84, 1, 3, EERIE_DATA_LOSS, "pattern of 3 bytes"},
      {IRPA_SPLAT + 84, 1, 17, EERIE_DATA_LOSS, "pattern of 17 bytes"},
      {IRPA_SPLAT + 84, 1, 32, EERIE_DATA_LOSS, "pattern of 32 bytes"},
      {IRPA_NAMES, 1, 0, EERIE_DATA_LOSS, "has a NUL at byte 0"},
  };
  check_defects(&good, defects, LENGTH(defects));
  file_t metadata = good;
  patch(&metadata, IRPA_DATA + 36, 8, 7);
  const defect_t defect = {IRPA_DATA + 44, 8, 1, EERIE_DATA_LOSS, "metadata: 1 bytes at 7"};
  check_defects(&metadata, &defect, 1);
  check_truncations(&good);
}

// Two headers in one file; offsets count from their header.
static void follows_chained_headers(void) {
  file_t file = make_irpa();
  const file_t second = make_irpa();
  patch(&file, 16, 8, IRPA_END);
  put(&file, second.data, second.size);
  memcpy(file.data + IRPA_END + IRPA_NAMES, "ab", 2);
  world_t w;
  REQUIRE_OK(load(&w, &file));
  CHECK_EQ_INT(eerie_parameters_count(w.set), 4);
  eerie_parameter_info_t info;
  REQUIRE_OK(eerie_parameters_find(w.set, "a", &info, NULL));
  CHECK(info.data == w.copy + IRPA_END + IRPA_STORAGE);
  unload(&w);
  // What is wrong with a later one is said with its place.
  const defect_t defect = {IRPA_END + 4, 2, 9, EERIE_INCOMPATIBLE, "archive at 448: version 9.0"};
  check_defects(&file, &defect, 1);
  // Headers that share an entry table would have it read as often as there are headers.
  file_t shared = make_irpa();
  patch(&shared, 32, 8, 0); // no entries: no keys that would be there twice
  patch(&shared, 40, 8, 0);
  patch(&shared, 48, 8, IRPA_END);
  patch(&shared, 16, 8, IRPA_END);
  put(&shared, shared.data, 96);
  patch(&shared, IRPA_END + 16, 8, 0);
  patch(&shared, IRPA_END + 48, 8, 96);
  patch(&shared, IRPA_END + 56, 8, 0);
  patch(&shared, IRPA_END + 72, 8, 0);
  patch(&shared, IRPA_END + 80, 8, 0);
  REQUIRE_OK(load(&w, &shared));
  unload(&w);
  const defect_t overlap = {48, 8, IRPA_END + 1, EERIE_DATA_LOSS, "entry segments of 545 bytes"};
  check_defects(&shared, &overlap, 1);
}

// ---- .gguf -------------------------------------------------------------------------------------

static void put_string(file_t *file, const char *text) {
  put_number(file, strlen(text), 8);
  put_text(file, text);
}

static size_t put_gguf_tensor(file_t *file, const char *name, uint32_t type, uint64_t inner,
                              uint64_t outer, uint64_t offset) {
  const size_t start = file->size;
  put_string(file, name);
  put_number(file, 2, 4);
  put_number(file, inner, 8);
  put_number(file, outer, 8);
  put_number(file, type, 4);
  put_number(file, offset, 8);
  return start;
}

// Where what the tests change stands.
typedef struct gguf {
  file_t file;
  size_t alignment, strings, nested, first, second, data;
} gguf_t;

// "w": f32 of 2x3; "q": Q4_0 of 1x32, 18 bytes.
static gguf_t make_gguf(uint32_t version) {
  gguf_t g = {.file = {.size = 0}};
  file_t *file = &g.file;
  put_text(file, "GGUF");
  put_number(file, version, 4);
  put_number(file, 2, 8);
  put_number(file, 4, 8);
  g.alignment = file->size;
  put_string(file, "general.alignment");
  put_number(file, 4, 4);
  put_number(file, 64, 4);
  put_string(file, "name");
  put_number(file, 8, 4);
  put_string(file, "a model");
  g.strings = file->size;
  put_string(file, "tokens");
  put_number(file, 9, 4);
  put_number(file, 8, 4);
  put_number(file, 2, 8);
  put_string(file, "one");
  put_string(file, "");
  g.nested = file->size;
  put_string(file, "n");
  put_number(file, 9, 4);
  put_number(file, 9, 4);
  put_number(file, 2, 8);
  for (int i = 0; i < 2; ++i) {
    put_number(file, 5, 4);
    put_number(file, 3, 8);
    put_number(file, 7, 8);
    put_number(file, 7, 4);
  }
  g.first = put_gguf_tensor(file, "w", 0, 3, 2, 0);
  g.second = put_gguf_tensor(file, "q", 2, 32, 1, 64);
  put_zeros_to(file, (file->size + 63) & ~(size_t)63);
  g.data = file->size;
  for (int i = 0; i < 82; ++i)
    put_number(file, (uint64_t)i, 1);
  return g;
}

static void reads_gguf(void) {
  for (uint32_t version = 2; version <= 3; ++version) {
    const gguf_t g = make_gguf(version);
    world_t w;
    REQUIRE_OK(load(&w, &g.file));
    eerie_parameter_info_t info;
    CHECK_EQ_INT(eerie_parameters_count(w.set), 2);
    REQUIRE(eerie_parameters_entry(w.set, 0, &info));
    CHECK_STR(info.key, "w");
    CHECK_STR(info.type_name, "F32");
    CHECK_EQ_INT(info.dtype, EERIE_F32);
    CHECK_EQ_INT(info.size, 24);
    CHECK_EQ_INT(info.rank, 2);
    CHECK_EQ_INT(info.shape[0], 2); // sizes stand innermost first in the file
    CHECK_EQ_INT(info.shape[1], 3);
    CHECK_EQ_INT(info.source_offset, g.data);
    REQUIRE(eerie_parameters_entry(w.set, 1, &info));
    CHECK_STR(info.type_name, "Q4_0");
    CHECK_EQ_INT(info.dtype, EERIE_DTYPE_NONE);
    CHECK_EQ_INT(info.size, 18);
    CHECK_EQ_INT(info.source_offset, g.data + 64);
    unload(&w);
  }
}

static void refuses_bad_gguf(void) {
  const gguf_t g = make_gguf(3);
  const uint64_t huge = UINT64_MAX - 7;
  const size_t nested = g.nested + 9, first = g.first, second = g.second;
  const defect_t defects[] = {
      {4, 4, 1, EERIE_INCOMPATIBLE, ".gguf: version 1"},
      {4, 4, 0x03000000, EERIE_INCOMPATIBLE, "little-endian"},
      {8, 8, 4, EERIE_DATA_LOSS, "tensor 3 of 4"}, // the third one is made of padding
      {8, 8, huge, EERIE_DATA_LOSS, "tensor 3 of 18446744073709551608"},
      {16, 8, 6, EERIE_DATA_LOSS, "metadata 5 of 6"}, // the fifth one is the first tensor
      {16, 8, huge, EERIE_DATA_LOSS, "metadata 5 of 18446744073709551608"},
      {g.alignment, 8, huge, EERIE_DATA_LOSS, "metadata 0 of 4 (''): key at"},
      {g.alignment + 25, 4, 5, EERIE_DATA_LOSS, "('general.alignment'): type 5, expected 4"},
      {g.alignment + 25, 4, 13, EERIE_DATA_LOSS, "type 13: the last one known is 12"},
      {g.alignment + 29, 4, 0, EERIE_DATA_LOSS, "0 is no power of two"},
      {g.alignment + 29, 4, 48, EERIE_DATA_LOSS, "48 is no power of two"},
      {g.alignment + 29, 4, 1u << 31, EERIE_DATA_LOSS, "past the end of the file"},
      {g.strings + 18, 4, 13, EERIE_DATA_LOSS, "metadata 2 of 4 ('tokens'): type 13"},
      {g.strings + 22, 8, huge, EERIE_DATA_LOSS, "metadata 2 of 4 ('tokens'): string at"},
      {g.strings + 30, 8, huge, EERIE_DATA_LOSS, "string at"},
      {nested + 8, 8, huge, EERIE_DATA_LOSS, "metadata 3 of 4 ('n')"},
      {nested + 16, 4, 14, EERIE_DATA_LOSS, "type 14"},
      {nested + 20, 8, huge / 4, EERIE_DATA_LOSS, "array at"},
      {nested + 20, 8, UINT64_MAX, EERIE_DATA_LOSS, "array at"},
      {first, 8, huge, EERIE_DATA_LOSS, "tensor 0 of 2 (''): name at"},
      {first + 8, 1, 0, EERIE_DATA_LOSS, "has a NUL"},
      {first + 8, 1, 'q', EERIE_ALREADY_EXISTS, "key 'q' is there twice"},
      {first + 9, 4, 33, EERIE_DATA_LOSS, "tensor 0 of 2 ('w'): rank 33: expected at most 32"},
      {first + 9, 4, UINT32_MAX, EERIE_DATA_LOSS, "rank 4294967295"},
      {first + 13, 8, UINT64_MAX, EERIE_DATA_LOSS, "a dimension of 18446744073709551615"},
      {first + 13, 8, INT64_MAX, EERIE_DATA_LOSS, "overflow"},
      {first + 13, 8, 30, EERIE_DATA_LOSS, "240 bytes at 0 do not lie in the 82"},
      {first + 29, 4, 4, EERIE_UNIMPLEMENTED, "type 4 is not one of those known"},
      {first + 29, 4, 1000, EERIE_UNIMPLEMENTED, "type 1000"},
      {first + 29, 4, 2, EERIE_DATA_LOSS, "blocks of 32 elements, which do not fill the rows"},
      {first + 33, 8, 32, EERIE_DATA_LOSS, "offset 32 is no multiple of the alignment 64"},
      {first + 33, 8, 128, EERIE_DATA_LOSS, "24 bytes at 128 do not lie in the 82"},
      {first + 33, 8, UINT64_MAX - 63, EERIE_DATA_LOSS, "do not lie"},
      {second + 13, 8, 48, EERIE_DATA_LOSS, "('q'): type Q4_0 has blocks of 32"},
  };
  check_defects(&g.file, defects, LENGTH(defects));
  check_truncations(&g.file);
  // Arrays in arrays in arrays ...
  file_t deep = {.size = 0};
  put_text(&deep, "GGUF");
  put_number(&deep, 3, 4);
  put_number(&deep, 0, 8);
  put_number(&deep, 1, 8);
  put_string(&deep, "deep");
  put_number(&deep, 9, 4);
  for (int i = 0; i < 7; ++i) {
    put_number(&deep, 9, 4);
    put_number(&deep, 1, 8);
  }
  put_number(&deep, 0, 4);
  put_number(&deep, 1, 8);
  put_number(&deep, 0, 1);
  world_t w;
  CHECK_OK(load(&w, &deep));
  unload(&w);
  const defect_t deeper = {deep.size - 13, 4, 9, EERIE_DATA_LOSS, "beyond 8 levels"};
  check_defects(&deep, &deeper, 1);
}

// ---- .safetensors ------------------------------------------------------------------------------

static file_t make_safetensors(const char *header, size_t data_size) {
  file_t file = {.size = 0};
  put_number(&file, strlen(header), 8);
  put_text(&file, header);
  for (size_t i = 0; i < data_size; ++i)
    put_number(&file, i, 1);
  return file;
}

static void reads_safetensors(void) {
  const file_t file = make_safetensors(
      "{\"__metadata__\":{\"format\":\"pt\"}, \"b\":{\"dtype\":\"F16\",\"shape\":[2,0],"
      "\"data_offsets\":[24,24]},\n"
      "\"w\\u00e9\\uD83D\\ude00\\\"\":{\"data_offsets\":[0,24],\"shape\":[2,3],\"dtype\":\"F32\","
      "\"more\":[1,-2.5e+3,{\"x\":[true,false,null]},\"\"]},"
      "\"s\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]}}   ",
      26);
  world_t w;
  REQUIRE_OK(load(&w, &file));
  eerie_parameter_info_t info;
  CHECK_EQ_INT(eerie_parameters_count(w.set), 3);
  REQUIRE_OK(eerie_parameters_find(w.set, "w\xc3\xa9\xf0\x9f\x98\x80\"", &info, NULL));
  CHECK_EQ_INT(info.dtype, EERIE_F32);
  CHECK_EQ_INT(info.rank, 2);
  CHECK_EQ_INT(info.shape[0], 2);
  CHECK_EQ_INT(info.shape[1], 3);
  CHECK_EQ_INT(info.source_offset, file.size - 26);
  REQUIRE_OK(eerie_parameters_find(w.set, "s", &info, NULL));
  CHECK_EQ_INT(info.rank, 0);
  CHECK_EQ_INT(info.size, 2);
  CHECK_STR(info.type_name, "BF16");
  REQUIRE_OK(eerie_parameters_find(w.set, "b", &info, NULL));
  CHECK_EQ_INT(info.size, 0);
  unload(&w);
  const file_t none = make_safetensors("{}", 0);
  CHECK_OK(load(&w, &none));
  CHECK_EQ_INT(eerie_parameters_count(w.set), 0);
  unload(&w);
}

static void reads_every_dtype(void) {
  static const struct {
    const char *name;
    eerie_dtype_t dtype;
    unsigned bits;
  } dtypes[] = {
      {"BOOL", EERIE_BOOL, 8},
      {"U8", EERIE_U8, 8},
      {"I8", EERIE_I8, 8},
      {"F8_E5M2", EERIE_F8E5M2, 8},
      {"F8_E4M3", EERIE_F8E4M3FN, 8},
      {"F8_E8M0", EERIE_F8E8M0FNU, 8},
      {"F8_E4M3FNUZ", EERIE_F8E4M3FNUZ, 8},
      {"F8_E5M2FNUZ", EERIE_F8E5M2FNUZ, 8},
      {"I16", EERIE_I16, 16},
      {"U16", EERIE_U16, 16},
      {"F16", EERIE_F16, 16},
      {"BF16", EERIE_BF16, 16},
      {"I32", EERIE_I32, 32},
      {"U32", EERIE_U32, 32},
      {"F32", EERIE_F32, 32},
      {"C64", EERIE_COMPLEX64, 64},
      {"F64", EERIE_F64, 64},
      {"I64", EERIE_I64, 64},
      {"U64", EERIE_U64, 64},
      {"F4", EERIE_DTYPE_NONE, 4},
      {"F6_E2M3", EERIE_DTYPE_NONE, 6},
      {"F6_E3M2", EERIE_DTYPE_NONE, 6},
  };
  for (size_t i = 0; i < LENGTH(dtypes); ++i) {
    char header[200];
    snprintf(header, sizeof header,
             "{\"t\":{\"dtype\":\"%s\",\"shape\":[3,4],\"data_offsets\":[0,%u]}}", dtypes[i].name,
             12 * dtypes[i].bits / 8);
    const file_t file = make_safetensors(header, 12 * dtypes[i].bits / 8);
    world_t w;
    eerie_parameter_info_t info;
    CHECK_OK(load(&w, &file));
    CHECK_OK(eerie_parameters_find(w.set, "t", &info, NULL));
    CHECK_EQ_INT(info.dtype, dtypes[i].dtype);
    CHECK_STR(info.type_name, dtypes[i].name);
    if (info.dtype) CHECK_EQ_INT(eerie_dtype_bits(info.dtype), dtypes[i].bits);
    unload(&w);
  }
}

static void check_header(const char *header, size_t data_size, eerie_status_t status,
                         const char *message) {
  const file_t file = make_safetensors(header, data_size);
  world_t w;
  const bool refused = CHECK_STATUS(load(&w, &file), status);
  if (!CHECK_CONTAINS(w.err.message, message) || !refused) {
    fprintf(stderr, "  %s\n  %s\n", header, w.err.message);
  }
  unload(&w);
}

static void refuses_bad_safetensors(void) {
#define T(dtype, shape, offsets)                                                                   \
  "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
  static const struct {
    const char *header;
    size_t data_size;
    const char *message;
  } cases[] = {
      {"{ ", 0, ".safetensors: header: the text ends at 2: expected '\"'"},
      {"{} {", 0, "expected nothing more"},
      {"{\"t\"}", 0, "expected ':'"},
      {"{\"t\":1}", 0, "tensor 't': byte 0x31 at 5: expected '{'"},
      {"{\"t\":{}}", 0, "tensor 't': dtype is missing"},
      {"{\"t\":{\"dtype\":\"F32\"}}", 0, "shape is missing"},
      {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is missing"},
      {"{\"t\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, "dtype is there twice"},
      {"{\"t\":{\"dtype\":\"F32\",}}", 4, "expected '\"'"},
      {"{\"t\":{\"dtype\":\"F32\"},}", 4, "shape is missing"},
      {T("F32", "[1,]", "[0,4]"), 4, "expected a whole number that is not negative"},
      {T("F32", "[-1]", "[0,4]"), 4, "expected a whole number that is not negative"},
      {T("F32", "[1.0]", "[0,4]"), 4, "expected a whole number"},
      {T("F32", "[1e0]", "[0,4]"), 4, "expected a whole number"},
      {T("F32", "[01]", "[0,4]"), 4, "leading zeros"},
      {T("F32", "[18446744073709551616]", "[0,4]"), 4, "below 2^64"},
      {T("F32", "[9223372036854775808]", "[0,4]"), 4, "a dimension of 9223372036854775808"},
      {T("F32", "[4294967296,4294967296]", "[0,4]"), 4, "no whole number of bytes"},
      {T("F4", "[3]", "[0,2]"), 2, "dtype F4 make no whole number of bytes"},
      {T("F32", "[2]", "[0,4]"), 4, "dtype and shape take 8 bytes, data_offsets has 4"},
      {T("F32", "[1]", "[0]"), 4, "expected ','"},
      {T("F32", "[1]", "[0,4,5]"), 4, "expected ']'"},
      {T("F32", "[1]", "[4,0]"), 4, "bytes 4 to 0 do not lie in the 4"},
      {T("F32", "[1]", "[4,8]"), 4, "bytes 4 to 8 do not lie in the 4"},
      {T("F32", "[1]", "[4,8]"), 8, "tensor 't' begins at byte 4, the one before it ends at 0"},
      {T("F32", "[1]", "[0,4]"), 5, "the tensors take 4 bytes, 5 are behind the header"},
      {T("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 4,
       "a rank above 32"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
       6, "tensor 'b' begins at byte 2, the one before it ends at 4"},
      {"{\"a\\u0000\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "has a NUL"},
      {"{\"a\x01\":{}}", 0, "expected an escape in place of a control character"},
      {"{\"a\\q\":{}}", 0, "expected one of the escapes"},
      {"{\"a\\", 0, "expected one of the escapes"},
      {"{\"\\u12\":{}}", 0, "four hexadecimal digits"},
      {"{\"\\u12g4\":{}}", 0, "four hexadecimal digits"},
      {"{\"\\ud83d\":{}}", 0, "both halves of a pair"},
      {"{\"\\ud83d\\u0041\":{}}", 0, "both halves of a pair"},
      {"{\"\\ude00\":{}}", 0, "both halves of a pair"},
      {"{\"\xff\":{}}", 0, "expected UTF-8"},
      {"{\"\xc0\x80\":{}}", 0, "expected UTF-8"},
      {"{\"\xed\xa0\x80\":{}}", 0, "expected UTF-8"},
      {"{\"\xf4\x90\x80\x80\":{}}", 0, "expected UTF-8"},
      {"{\"\xe2\x82\":{}}", 0, "expected UTF-8"},
      {"{\"__metadata__\":{\"a\":}}", 0, "expected a value"},
      {"{\"__metadata__\":[1,]}", 0, "expected a value"},
      {"{\"__metadata__\":[1 2]}", 0, "expected ','"},
      {"{\"__metadata__\":{\"a\" 1}}", 0, "expected ':'"},
      {"{\"__metadata__\":{1:2}}", 0, "expected '\"'"},
      {"{\"__metadata__\":-}", 0, "expected a digit"},
      {"{\"__metadata__\":1.}", 0, "expected a digit"},
      {"{\"__metadata__\":1e+}", 0, "expected a digit"},
      {"{\"__metadata__\":nul}", 0, "expected a value"},
      {"{\"__metadata__\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", 0, "no more than 16 levels"},
      {"{\"__metadata__\":[1}}", 0, "expected ','"},
  };
  for (size_t i = 0; i < LENGTH(cases); ++i)
    check_header(cases[i].header, cases[i].data_size, EERIE_DATA_LOSS, cases[i].message);
  check_header(T("F3", "[1]", "[0,4]"), 4, EERIE_UNIMPLEMENTED, "dtype 'F3'");
  check_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
               "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
               0, EERIE_ALREADY_EXISTS, "key 'a' is there twice");
  check_header("{\"__metadata__\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", 0, EERIE_OK, "");
  const file_t good = make_safetensors(T("F32", "[1]", "[0,4]"), 4);
  check_truncations(&good);
  const defect_t defects[] = {
      {0, 8, 5000, EERIE_DATA_LOSS, "a header of 5000 bytes: 58 are left"},
      {0, 8, 100000001, EERIE_INVALID_ARGUMENT, "none of the formats"},
      {0, 8, UINT64_MAX, EERIE_INVALID_ARGUMENT, "none of the formats"},
  };
  check_defects(&good, defects, LENGTH(defects));
#undef T
}

// ---- Sets --------------------------------------------------------------------------------------

static void finds_among_many(void) {
  world_t w = {.err = {0}};
  REQUIRE_OK(eerie_instance_create(NULL, &w.instance, NULL));
  REQUIRE_OK(eerie_parameters_create(w.instance, NULL, &w.set, NULL));
  CHECK_STR(eerie_parameters_scope(w.set), "");
  enum { COUNT = 3000 }; // several runs of those added one by one
  eerie_parameter_info_t info;
  for (unsigned i = 0; i < COUNT; ++i) {
    char key[16];
    snprintf(key, sizeof key, "k%u", i * 7919 % COUNT);
    const eerie_parameter_info_t added = {
        .key = key, .size = i * 4ull, .pattern_size = 4, .pattern = {1, 2, 3, 4}, .rank = SIZE_MAX};
    REQUIRE_OK(eerie_parameters_add(w.set, &added, NULL, &w.err));
  }
  for (unsigned i = 0; i < COUNT; ++i) {
    char key[16];
    snprintf(key, sizeof key, "k%u", i * 7919 % COUNT);
    REQUIRE_OK(eerie_parameters_find(w.set, key, &info, NULL));
    CHECK_EQ_INT(info.size, i * 4);
    REQUIRE(eerie_parameters_entry(w.set, i, &info)); // the order of adding
    CHECK_STR(info.key, key);
  }
  CHECK_STATUS(eerie_parameters_find(w.set, "k", &info, NULL), EERIE_NOT_FOUND);
  CHECK_STATUS(eerie_parameters_find(w.set, "k3000", &info, NULL), EERIE_NOT_FOUND);
  for (unsigned i = 0; i < COUNT; i += 7) {
    REQUIRE(eerie_parameters_entry(w.set, i, &info));
    info.data = &w;
    info.size = 1;
    CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, NULL), EERIE_ALREADY_EXISTS);
  }
  // An archive on top of them, refused and taken.
  file_t file = make_irpa();
  memcpy(file.data + IRPA_NAMES, "k", 1);
  REQUIRE_OK(eerie_parameters_add_memory(w.set, file.data, file.size, NULL, &w.err));
  CHECK_STATUS(eerie_parameters_add_memory(w.set, file.data, file.size, NULL, &w.err),
               EERIE_ALREADY_EXISTS);
  CHECK_EQ_INT(eerie_parameters_count(w.set), COUNT + 2);
  for (unsigned i = 0; eerie_parameters_entry(w.set, i, &info); ++i) {
    eerie_parameter_info_t found;
    REQUIRE_OK(eerie_parameters_find(w.set, info.key, &found, NULL));
    CHECK(found.key == info.key);
  }
  CHECK_STATUS(eerie_parameters_find(w.set, "", &info, NULL), EERIE_NOT_FOUND);
  eerie_parameters_release(w.set);
  eerie_instance_release(w.instance);
}

static int releases;
static void count_release(void *user, const void *data, size_t size) {
  (void)data;
  releases += size == 64 && user == &releases;
}

static void keeps_what_it_is_given(void) {
  world_t w = {.err = {0}};
  static float data[16];
  const int64_t shape[] = {4, 4}, negative[] = {-1};
  REQUIRE_OK(eerie_instance_create(NULL, &w.instance, NULL));
  REQUIRE_OK(eerie_parameters_create(w.instance, "x", &w.set, NULL));
  const eerie_parameters_options_t options = {.release = count_release, .user = &releases};
  eerie_parameter_info_t info = {
      .key = "d", .size = 64, .data = data, .dtype = EERIE_F32, .rank = 2, .shape = shape};
  releases = 0;
  REQUIRE_OK(eerie_parameters_add(w.set, &info, &options, &w.err));
  CHECK_STATUS(eerie_parameters_add(w.set, &info, &options, &w.err), EERIE_ALREADY_EXISTS);
  CHECK_CONTAINS(w.err.message, "'d'");
  CHECK_EQ_INT(releases, 0); // a failure leaves the bytes to the caller
  info = (eerie_parameter_info_t){.key = "e", .size = 8, .rank = 1, .shape = negative};
  CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(w.err.message, "pattern of 0");
  info.pattern_size = 3;
  CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  info.pattern_size = 8;
  CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(w.err.message, "dimension 0 is negative: -1");
  info.rank = 33;
  CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  info.rank = SIZE_MAX;
  info.size = 9;
  CHECK_STATUS(eerie_parameters_add(w.set, &info, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  info = (eerie_parameter_info_t){.key = "empty", .size = 0, .rank = SIZE_MAX};
  CHECK_OK(eerie_parameters_add(w.set, &info, NULL, &w.err));
  REQUIRE_OK(eerie_parameters_find(w.set, "d", &info, NULL));
  CHECK(info.data == data && info.shape != shape && info.shape[1] == 4);
  CHECK_STR(info.type_name, "f32");
  CHECK_STR(info.source, "");
  CHECK_EQ_INT(eerie_parameters_count(w.set), 2);
  eerie_parameters_release(w.set);
  CHECK_EQ_INT(releases, 1);
  eerie_instance_release(w.instance);
}

static void shares_what_another_set_has(void) {
  const file_t file = make_irpa();
  world_t w;
  REQUIRE_OK(load(&w, &file));
  eerie_parameters_t *other = NULL;
  REQUIRE_OK(eerie_parameters_create(w.instance, "other", &other, NULL));
  CHECK_OK(eerie_parameters_add_from(other, "z", w.set, "w", &w.err));
  CHECK_OK(eerie_parameters_add_from(other, NULL, w.set, "w", &w.err));
  CHECK_STATUS(eerie_parameters_add_from(other, "w", w.set, "z", &w.err), EERIE_ALREADY_EXISTS);
  CHECK_OK(eerie_parameters_add_from(other, "splat", w.set, "z", &w.err));
  CHECK_STATUS(eerie_parameters_add_from(other, "x", w.set, "x", &w.err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(w.err.message, "no parameter 'x' among the 2 of scope 's'");
  eerie_parameter_info_t info;
  CHECK_EQ_INT(eerie_parameters_count(other), 3);
  REQUIRE_OK(eerie_parameters_find(other, "z", &info, NULL));
  CHECK(info.data == w.copy + IRPA_STORAGE);
  REQUIRE_OK(eerie_parameters_find(other, "splat", &info, NULL));
  CHECK_EQ_INT(info.pattern_size, 4);
  eerie_parameters_release(other);
  unload(&w);
}

// ---- Writing -----------------------------------------------------------------------------------

typedef struct sink {
  file_t file;
  size_t refuse_at; // byte at which writing fails; 0: never
  size_t stop_at;   // byte at which progress stops it; 0: never
  uint64_t total;
} sink_t;

static eerie_status_t sink_write(void *user, const void *data, size_t size) {
  sink_t *sink = user;
  if (sink->refuse_at && sink->file.size + size > sink->refuse_at) return EERIE_PERMISSION_DENIED;
  if (sink->file.size + size > sizeof sink->file.data) return EERIE_RESOURCE_EXHAUSTED;
  put(&sink->file, data, size);
  return EERIE_OK;
}

static eerie_status_t sink_progress(void *user, uint64_t done, uint64_t total) {
  sink_t *sink = user;
  CHECK_EQ_INT(done, sink->file.size);
  sink->total = total;
  return sink->stop_at && done >= sink->stop_at ? EERIE_CANCELLED : EERIE_OK;
}

// A stored tensor of each alignment, one of a type that has no name, a splat, an empty one.
static void fill_set(world_t *w) {
  static const uint8_t bytes[256] = {1, 2, 3};
  const int64_t vector[] = {5}, matrix[] = {4, 4}, none[] = {0, 7};
  const eerie_parameter_info_t infos[] = {
      {.key = "odd", .size = 5, .data = bytes, .dtype = EERIE_I8, .rank = 1, .shape = vector},
      {.key = "w \"\\\n\xc3\xa9",
       .size = 64,
       .data = bytes,
       .dtype = EERIE_F32,
       .rank = 2,
       .shape = matrix},
      {.key = "raw", .size = 18, .data = bytes, .rank = SIZE_MAX},
      {.key = "splat", .size = 48, .pattern_size = 16, .pattern = {1, 2, 3, 4}, .rank = SIZE_MAX},
      {.key = "none", .size = 0, .data = bytes, .dtype = EERIE_F64, .rank = 2, .shape = none},
      {.key = "half", .size = 10, .data = bytes, .dtype = EERIE_BF16, .rank = 1, .shape = vector},
      {.key = "scalar", .size = 8, .data = bytes, .dtype = EERIE_F64, .rank = 0},
      {.key = "", .size = 128, .data = bytes, .rank = SIZE_MAX},
  };
  CHECK_OK(eerie_instance_create(NULL, &w->instance, NULL));
  CHECK_OK(eerie_parameters_create(w->instance, "s", &w->set, NULL));
  for (size_t i = 0; i < LENGTH(infos); ++i)
    CHECK_OK(eerie_parameters_add(w->set, &infos[i], NULL, &w->err));
}

static void check_same(const eerie_parameters_t *set, const eerie_parameters_t *again,
                       bool safetensors) {
  eerie_parameter_info_t a, b;
  CHECK_EQ_INT(eerie_parameters_count(again), eerie_parameters_count(set));
  for (size_t i = 0; eerie_parameters_entry(set, i, &a); ++i) {
    if (!CHECK_OK(eerie_parameters_find(again, a.key, &b, NULL))) continue;
    CHECK_EQ_INT(b.size, a.size);
    if (a.data && a.size) {
      CHECK_BYTES(b.data, a.data, (size_t)a.size);
      if (a.size % 64 == 0 || !safetensors) CHECK_EQ_INT(b.source_offset % 64, 0);
    } else if (a.size && !safetensors) {
      CHECK_EQ_INT(b.pattern_size, a.pattern_size);
      CHECK_BYTES(b.pattern, a.pattern, a.pattern_size);
    } else if (a.size) {
      for (size_t k = 0; k < a.size; k += a.pattern_size)
        CHECK_BYTES((const uint8_t *)b.data + k, a.pattern, a.pattern_size);
    }
    if (!safetensors) continue;
    CHECK_EQ_INT(b.dtype, a.dtype ? a.dtype : EERIE_U8);
    CHECK_EQ_INT(b.rank, a.rank == SIZE_MAX ? 1 : a.rank);
    if (a.rank != SIZE_MAX && a.rank) CHECK_BYTES(b.shape, a.shape, a.rank * sizeof *a.shape);
  }
}

static void writes_what_it_reads(void) {
  for (int format = 0; format < 2; ++format) {
    world_t w = {.err = {0}}, again;
    fill_set(&w);
    sink_t sink = {.total = 0};
    const eerie_parameters_write_options_t options = {.progress = sink_progress, .user = &sink};
    REQUIRE_OK(eerie_parameters_write(w.set, (eerie_parameters_format_t)format, sink_write, &sink,
                                      &options, &w.err));
    CHECK_EQ_INT(sink.total, sink.file.size);
    REQUIRE_OK(load(&again, &sink.file));
    check_same(w.set, again.set, format == EERIE_PARAMETERS_SAFETENSORS);
    unload(&again);
    // Whatever fails on the way is told.
    for (size_t i = 1; i < sink.file.size; i += 7) {
      sink_t small = {.refuse_at = i};
      CHECK_STATUS(eerie_parameters_write(w.set, (eerie_parameters_format_t)format, sink_write,
                                          &small, NULL, &w.err),
                   EERIE_PERMISSION_DENIED);
      CHECK_CONTAINS(w.err.message, "could not be written past byte");
    }
    sink_t stopped = {.stop_at = 1};
    const eerie_parameters_write_options_t stop = {.progress = sink_progress, .user = &stopped};
    CHECK_STATUS(eerie_parameters_write(w.set, (eerie_parameters_format_t)format, sink_write,
                                        &stopped, &stop, &w.err),
                 EERIE_CANCELLED);
    CHECK_CONTAINS(w.err.message, "stopped after");
    eerie_parameters_release(w.set);
    eerie_instance_release(w.instance);
  }
}

static void refuses_to_write_what_cannot_be(void) {
  static const char *const keys[] = {"__metadata__", "\xff"};
  static const char *const messages[] = {"'__metadata__' means something else", "is no UTF-8"};
  for (size_t i = 0; i < LENGTH(keys); ++i) {
    world_t w = {.err = {0}};
    sink_t sink = {.total = 0};
    REQUIRE_OK(eerie_instance_create(NULL, &w.instance, NULL));
    REQUIRE_OK(eerie_parameters_create(w.instance, "s", &w.set, NULL));
    const eerie_parameter_info_t info = {
        .key = keys[i], .size = 1, .pattern_size = 1, .rank = SIZE_MAX};
    CHECK_OK(eerie_parameters_add(w.set, &info, NULL, NULL));
    CHECK_STATUS(eerie_parameters_write(w.set, EERIE_PARAMETERS_SAFETENSORS, sink_write, &sink,
                                        NULL, &w.err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_CONTAINS(w.err.message, messages[i]);
    CHECK_STATUS(eerie_parameters_write(w.set, (eerie_parameters_format_t)9, sink_write, &sink,
                                        NULL, &w.err),
                 EERIE_INVALID_ARGUMENT);
    eerie_parameters_release(w.set);
    eerie_instance_release(w.instance);
  }
}

// ---- Other files -------------------------------------------------------------------------------

static bool write_file(const char *name, const file_t *file) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", EERIE_TEST_BINARY_DIR, name);
  FILE *out = fopen(path, "wb");
  if (!out) return false;
  const bool written = fwrite(file->data, 1, file->size, out) == file->size;
  return fclose(out) == 0 && written;
}

// An archive whose one entry lies in the file `name` beside it.
static file_t make_external(const char *name, uint64_t offset, uint64_t size) {
  file_t file = {.size = 0};
  put_text(&file, "IRPA");
  put_number(&file, 0, 4);
  put_number(&file, 88, 8);
  put_number(&file, 0, 8);
  put_number(&file, 0, 8);
  put_number(&file, 1, 8);
  put_range(&file, 96, 96);
  put_range(&file, 192, 1 + strlen(name));
  put_range(&file, 0, 0);
  put_zeros_to(&file, 96);
  put_irpa_entry(&file, 92, 3, 0, 1);
  put_range(&file, 1, strlen(name));
  put_range(&file, offset, size);
  put_zeros_to(&file, 192);
  put_text(&file, "k");
  put_text(&file, name);
  return file;
}

static void reads_files_beside_an_archive(void) {
  static const struct {
    const char *name;
    uint64_t offset, size;
    eerie_status_t status;
    const char *message;
  } cases[] = {
      {"params_other.bin", 8, 16, EERIE_OK, ""},
      {"./params_other.bin", 0, 64, EERIE_OK, ""},
      {"params_other.bin", 1, 64, EERIE_DATA_LOSS, "bytes in another file: 64 bytes at 1"},
      {"params_none.bin", 0, 1, EERIE_NOT_FOUND, "params_none.bin"},
      {"../params_other.bin", 0, 1, EERIE_PERMISSION_DENIED, "beside the archive or below"},
      {"a/../../x", 0, 1, EERIE_PERMISSION_DENIED, "beside the archive or below"},
      {"..", 0, 1, EERIE_PERMISSION_DENIED, "beside the archive or below"},
      {"/etc/passwd", 0, 1, EERIE_PERMISSION_DENIED, "beside the archive or below"},
      {"", 0, 1, EERIE_PERMISSION_DENIED, "beside the archive or below"},
  };
  file_t other = {.size = 0};
  for (int i = 0; i < 64; ++i)
    put_number(&other, (uint64_t)i, 1);
  REQUIRE(write_file("params_other.bin", &other));
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    const file_t file = make_external(cases[i].name, cases[i].offset, cases[i].size);
    REQUIRE(write_file("params_external.irpa", &file));
    world_t w = {.err = {0}};
    REQUIRE_OK(eerie_instance_create(NULL, &w.instance, NULL));
    REQUIRE_OK(eerie_parameters_create(w.instance, "s", &w.set, NULL));
    CHECK_STATUS(eerie_parameters_add_file(w.set, EERIE_TEST_BINARY_DIR "/params_external.irpa",
                                           NULL, &w.err),
                 cases[i].status);
    CHECK_CONTAINS(w.err.message, cases[i].message);
    eerie_parameter_info_t info;
    if (cases[i].status == EERIE_OK) {
      REQUIRE_OK(eerie_parameters_find(w.set, "k", &info, NULL));
      CHECK_BYTES(info.data, other.data + cases[i].offset, (size_t)cases[i].size);
      CHECK_CONTAINS(info.source, "params_other.bin");
      CHECK_EQ_INT(info.source_offset, cases[i].offset);
    }
    eerie_parameters_release(w.set);
    eerie_instance_release(w.instance);
  }
  const file_t file = make_external("params_other.bin", 0, 1);
  world_t w;
  CHECK_STATUS(load(&w, &file), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(w.err.message, "which an archive in memory cannot name");
  unload(&w);
  check_truncations(&file);
}

static void names_the_file(void) {
  world_t w = {.err = {0}};
  REQUIRE_OK(eerie_instance_create(NULL, &w.instance, NULL));
  REQUIRE_OK(eerie_parameters_create(w.instance, "s", &w.set, NULL));
  static const char path[] = EERIE_TEST_BINARY_DIR "/params_bad.irpa";
  remove(path);
  CHECK_STATUS(eerie_parameters_add_file(w.set, path, NULL, &w.err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(w.err.message, path);
  file_t file = {.size = 0};
  REQUIRE(write_file("params_bad.irpa", &file));
  CHECK_STATUS(eerie_parameters_add_file(w.set, path, NULL, &w.err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(w.err.message, "params_bad.irpa: no archive of parameters: 0 bytes");
  file = make_irpa();
  file.size -= 1;
  REQUIRE(write_file("params_bad.irpa", &file));
  CHECK_STATUS(eerie_parameters_add_file(w.set, path, NULL, &w.err), EERIE_DATA_LOSS);
  CHECK_CONTAINS(w.err.message, "params_bad.irpa: .irpa: storage segment: 64 bytes at 384");
  eerie_parameters_release(w.set);
  eerie_instance_release(w.instance);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(reads_irpa),
      RUN(refuses_bad_irpa),
      RUN(follows_chained_headers),
      RUN(reads_gguf),
      RUN(refuses_bad_gguf),
      RUN(reads_safetensors),
      RUN(reads_every_dtype),
      RUN(refuses_bad_safetensors),
      RUN(finds_among_many),
      RUN(keeps_what_it_is_given),
      RUN(shares_what_another_set_has),
      RUN(writes_what_it_reads),
      RUN(refuses_to_write_what_cannot_be),
      RUN(reads_files_beside_an_archive),
      RUN(names_the_file),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
