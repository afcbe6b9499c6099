/* embed.c: calls the functions of embed.mlir on a board, with state in two places at once. */
#include <board.h>
#include <embed.h>

#include "show.h"

static embed_arena_t arena;
static embed_state_t first, second;
static embed_f32_4_t input, output, other;
static embed_i32_2_t numbers;

int board_main(void) {
  int status = embed_init(&arena, &first) | embed_init(&arena, &second);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i)
      input.data[i] = (float)(10 * (i + 1));
    status |= embed_add(&arena, &first, &input, &output);
    show("add", output.data, 4);
  }
  status |= embed_read(&arena, &first, &output);
  show("read", output.data, 4);
  status |= embed_read(&arena, &second, &output);
  show("other", output.data, 4);
  status |= embed_reset(&arena, &first) | embed_read(&arena, &first, &output);
  show("reset", output.data, 4);
  status |= embed_echo(&arena, &first, &input, &output, &other, &numbers);
  show("echo", output.data, 4);
  show("echo", other.data, 4);
  show("numbers", numbers.data, 2);
  return status;
}
