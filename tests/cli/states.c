/* states.c: steps of states.mlir on a board, in the order of the test's @drive. */
#include <board.h>
#include <states.h>

#include "show.h"

static states_arena_t arena;
static states_state_t state;
static states_f32_5_t input = {{0.25f, -1.5f, 3.0f, 0.1f, -0.7f}};
static states_f32_5_t hidden;
static states_f32_2x3_t cell;
static states_f32_2_t left, sum;

static int step(void) {
  const int status = states_step(&arena, &state, &input, &hidden, &cell);
  show("hidden", hidden.data, 5);
  show("cell", cell.data, 6);
  return status;
}

int board_main(void) {
  int status = states_init(&arena, &state);
  status |= states_exchange(&arena, &state, &left, &sum);
  status |= states_exchange(&arena, &state, &left, &sum);
  status |= step();
  status |= step();
  status |= states_turn(&arena, &state, &hidden);
  show("hidden", hidden.data, 5);
  status |= step();
  status |= states_look(&arena, &state, &hidden, &cell);
  show("hidden", hidden.data, 5);
  show("cell", cell.data, 6);
  show("left", left.data, 2);
  show("sum", sum.data, 2);
  return status;
}
