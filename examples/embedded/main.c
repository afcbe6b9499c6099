/* main.c: firmware that says which digit it sees: one call of the model, one line of text.
 *
 * The model's files come from `eerie embed`; all memory is static. */
#include <board.h>
#include <digits.h>
#include <image.h> /* digits_f32_1x64_t image: what is to be recognised */

static digits_arena_t arena;
static digits_f32_1x10_t scores;

int board_main(void) {
  const int status = digits_classify(&arena, &image, &scores);
  if (status) {
    board_write("failed\n");
    return status;
  }
  uint32_t best = 0;
  for (uint32_t i = 1; i < 10; ++i)
    if (scores.data[0][i] > scores.data[0][best]) best = i;
  board_write("this is a ");
  board_write_number(best);
  board_write("\n");
  return 0;
}
