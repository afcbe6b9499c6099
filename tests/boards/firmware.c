/* firmware.c: the smallest whole program around a planned model, to be weighed: start-up, kernels,
 * weights, one image, one line of text. "model.h" is made for each model. */
#include <board.h>
#include <model.h>

#include "image.h"

static model_arena_t arena;
#if MODEL_HAS_STATE
static model_state_t state;
#endif
static model_output_t scores;

static int classify(void) {
#if MODEL_HAS_STATE
  const int status = model_init(&arena, &state);
  return status ? status : model_typed(&arena, &state, &image, &scores);
#else
  return model_typed(&arena, &image, &scores);
#endif
}

int board_main(void) {
  const int status = classify();
  if (status) return status;
  uint32_t best = 0;
  for (uint32_t i = 1; i < 10; ++i)
    if (scores.data[0][i] > scores.data[0][best]) best = i;
  board_write("this is a ");
  board_write_number(best);
  board_write("\n");
  return 0;
}
