/* whole.c: calls whole.mlir on a board. */
#include <board.h>
#include <whole.h>

#include "show.h"

static whole_arena_t arena;
static whole_f32_1x4_t x = {{{1, 2, 3, 4}}};
static whole_f32_1x16_t y = {{{1, 2}}};
static whole_f32_1x16_t first;
static whole_f32_1x2_t second;
static whole_f32_1x20_t joined;

int board_main(void) {
  int status = whole_whole(&arena, &x, &y, &first, &second);
  status |= whole_joined(&arena, &x, &y, &joined);
  show("first", first.data, 16);
  show("second", second.data, 2);
  show("joined", joined.data, 20);
  return status;
}
