// mutate_executable.c: changes numbers of an executable and leaves its form: what is compiled for
// GPUs is a header of 64 bytes and a flatbuffer, in which SPIR-V is words.
//
// Nothing here knows a schema: a word of a table that leads to something like a table, a vector or
// a text is taken for a reference, and what is none is a number to change.
#include "fuzz/fuzz.h"

enum { HEADER_SIZE = 64, NUMBERS_MAX = 512, DEPTH_MAX = 6, SPIRV_MAGIC = 0x07230203 };

typedef struct numbers {
  const uint8_t *data;
  size_t size;
  size_t at[NUMBERS_MAX]; // of words
  size_t count;
  size_t left; // tables and elements to look at
} numbers_t;

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static uint32_t word_at(const uint8_t *data, size_t at) {
  uint32_t word;
  memcpy(&word, data + at, sizeof word);
  return word;
}

static uint16_t half_at(const uint8_t *data, size_t at) {
  uint16_t half;
  memcpy(&half, data + at, sizeof half);
  return half;
}

static void add(numbers_t *numbers, size_t at) {
  if (numbers->count < NUMBERS_MAX) numbers->at[numbers->count++] = at;
}

static bool is_table(const numbers_t *numbers, size_t at) {
  if (at % 4 || at + 4 > numbers->size) return false;
  const int64_t vtable = (int64_t)at - (int32_t)word_at(numbers->data, at);
  if (vtable < HEADER_SIZE || (size_t)vtable + 4 > numbers->size) return false;
  const uint16_t vtable_size = half_at(numbers->data, (size_t)vtable);
  const uint16_t table_size = half_at(numbers->data, (size_t)vtable + 2);
  return vtable_size >= 4 && vtable_size % 2 == 0 && vtable_size <= 64 && table_size >= 4 &&
         (size_t)vtable + vtable_size <= numbers->size && at + table_size <= numbers->size;
}

static void find_in_table(numbers_t *numbers, size_t at, int depth);

// What a reference leads to: a table; or a vector, whose count is a number, of tables, words, text.
static bool find_behind(numbers_t *numbers, size_t at, int depth) {
  const size_t target = at + word_at(numbers->data, at);
  if (target <= at || target % 4 || target + 4 > numbers->size) return false;
  if (is_table(numbers, target)) {
    find_in_table(numbers, target, depth + 1);
    return true;
  }
  const uint32_t count = word_at(numbers->data, target);
  if (count == 0 || count > numbers->size - target - 4) return false;
  add(numbers, target);
  for (uint32_t i = 0; i < count && i < 64 && target + 8 + 4 * (size_t)i <= numbers->size; ++i) {
    const size_t element = target + 4 + 4 * (size_t)i;
    const size_t child = element + word_at(numbers->data, element);
    if (child < numbers->size && is_table(numbers, child))
      find_in_table(numbers, child, depth + 1);
    else
      add(numbers, element);
  }
  return true;
}

static void find_in_table(numbers_t *numbers, size_t at, int depth) {
  if (depth > DEPTH_MAX || numbers->left == 0) return;
  --numbers->left;
  const size_t vtable = (size_t)((int64_t)at - (int32_t)word_at(numbers->data, at));
  const uint16_t vtable_size = half_at(numbers->data, vtable);
  const uint16_t table_size = half_at(numbers->data, vtable + 2);
  for (size_t field = 4; field < vtable_size; field += 2) {
    const uint16_t offset = half_at(numbers->data, vtable + field);
    if (offset < 4 || offset + 4 > table_size || offset % 4) continue;
    if (!find_behind(numbers, at + offset, depth)) add(numbers, at + offset);
  }
}

// The operands of SPIR-V's instructions up to the first function's.
static void find_in_shader(numbers_t *numbers, size_t at) {
  enum { FUNCTION = 54 };
  for (size_t i = at + 20; i + 4 <= numbers->size;) {
    const uint32_t word = word_at(numbers->data, i);
    const size_t length = (size_t)(word >> 16) * 4;
    if ((word & 0xFFFF) == FUNCTION || length == 0 || length > numbers->size - i) return;
    for (size_t k = 0; k < length; k += 4)
      add(numbers, i + k);
    i += length;
  }
}

static void change_number(uint8_t *data, const numbers_t *numbers, uint32_t *state) {
  static const uint32_t edges[] = {
      0,    1,    2,    3,    4,     31,    64,         65,         255,        256,
      1024, 1025, 4096, 4097, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, UINT32_MAX};
  const size_t at = numbers->at[next_random(state) % numbers->count];
  uint32_t word = word_at(data, at);
  switch (next_random(state) % 5) {
  case 0: word = edges[next_random(state) % (sizeof edges / sizeof *edges)]; break;
  case 1: word += 1; break;
  case 2: word -= 1; break;
  case 3: word ^= 1u << next_random(state) % 32; break;
  default: word = word_at(data, numbers->at[next_random(state) % numbers->count]); break;
  }
  memcpy(data + at, &word, sizeof word);
}

bool fuzz_change_form(uint8_t *data, size_t size, uint32_t *state) {
  if (size < HEADER_SIZE + 8 || next_random(state) % 4 == 0) return false;
  numbers_t numbers = {.data = data, .size = size, .left = 200};
  const size_t root = HEADER_SIZE + word_at(data, HEADER_SIZE);
  if (next_random(state) % 2 == 0) {
    for (size_t i = HEADER_SIZE; i + 24 <= size; i += 4)
      if (word_at(data, i) == SPIRV_MAGIC) find_in_shader(&numbers, i);
  }
  if (numbers.count == 0 && root < size && is_table(&numbers, root))
    find_in_table(&numbers, root, 0);
  if (numbers.count == 0) return false;
  for (uint32_t changes = 1 + next_random(state) % 3; changes > 0; --changes)
    change_number(data, &numbers, state);
  return true;
}
