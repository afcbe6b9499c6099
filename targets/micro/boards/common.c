/* common.c: what boards of all kinds share: text, the paint on the stack. */
#include "board.h"

extern uint32_t board_stack_limit[], board_stack_top[];

#define PAINT 0xA5C3A5C3u
/* Bytes below the caller that are in use while painting. */
#define IN_USE 192u

void board_stack_paint(void) {
  uint32_t here;
  uint32_t *const end = (uint32_t *)(((uintptr_t)&here - IN_USE) & ~(uintptr_t)3);
  for (volatile uint32_t *word = board_stack_limit; word < end; ++word)
    *word = PAINT;
}

size_t board_stack_used(void) {
  const volatile uint32_t *word = board_stack_limit;
  while (word < board_stack_top && *word == PAINT)
    ++word;
  return (size_t)((uintptr_t)board_stack_top - (uintptr_t)word);
}

void board_write_hex(uint32_t value) {
  char text[9];
  for (int i = 0; i < 8; ++i)
    text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
  text[8] = 0;
  board_write(text);
}

void board_write_number(uint32_t value) {
  char text[11];
  char *at = text + sizeof text - 1;
  *at = 0;
  do
    *--at = (char)('0' + value % 10);
  while (value /= 10);
  board_write(at);
}
