/* overwrite.c: calls overwrite.mlir on a board; what lies in flash must be the same afterwards,
 * also on a board whose flash is memory that can be written. */
#include <board.h>
#include <overwrite.h>

#include "show.h"

extern const uint32_t board_flash[], board_data_load[];

static overwrite_arena_t arena;
static overwrite_i32_2x3_t input = {{{-1, -2, -3}, {-4, -5, -6}}};
static overwrite_i32_5x6_t output;
static overwrite_i32_2x3_t twice;

static uint32_t checksum(void) {
  uint32_t sum = 0;
  for (const uint32_t *word = board_flash; word < board_data_load; ++word)
    sum = sum * 31 + *word;
  return sum;
}

int board_main(void) {
  const uint32_t before = checksum();
  int status = overwrite_overwrite(&arena, &input, &output);
  show("overwrite", output.data, 30);
  status |= overwrite_both(&arena, &input, &output, &twice);
  show("both", output.data, 30);
  show("twice", twice.data, 6);
  board_write(checksum() == before ? "flash same\n" : "flash changed\n");
  return status;
}
