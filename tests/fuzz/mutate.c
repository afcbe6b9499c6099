// mutate.c: changes an input in place, for formats full of offsets and counts: what libFuzzer
// inserts or erases by itself moves everything behind it, and the reader refuses the file at once.
#include "fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void change_once(uint8_t *data, size_t size, uint32_t *state) {
  const size_t at = next_random(state) % size;
  const size_t room = size - at;
  static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x10};
  switch (next_random(state) % 8) {
  case 0: data[at] = (uint8_t)next_random(state); break;
  case 1: data[at] = (uint8_t)(data[at] + 1); break;
  case 2: data[at] = (uint8_t)(data[at] - 1); break;
  case 3: data[at] ^= (uint8_t)(1u << next_random(state) % 8); break;
  case 4: data[at] = edges[next_random(state) % sizeof edges]; break;
  case 5: data[at] = (uint8_t)(next_random(state) % 0x90); break; // opcodes, registers
  case 6: memset(data + at, edges[next_random(state) % 5], room < 4 ? room : 4); break;
  default: { // a piece from elsewhere: an instruction, a table
    size_t length = 1 + next_random(state) % 24;
    const size_t from = next_random(state) % size;
    if (length > room) length = room;
    if (length > size - from) length = size - from;
    memmove(data + at, data + from, length);
    break;
  }
  }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  uint32_t state = seed;
  if (fuzz_change_form && fuzz_change_form(data, size, &state)) return size;
  if (size == 0 || next_random(&state) % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (uint32_t changes = 1 + next_random(&state) % 4; changes > 0; --changes)
    change_once(data, size, &state);
  return size;
}
