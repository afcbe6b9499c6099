/* planned.c: a planned model on a board: all images, watermarks, planted faults, instructions.
 *
 * "model.h" is made for each model: it names the generated header, types and functions;
 * "model_again.h" includes the generated source under other names. */
#include "case.h"
#include "model.h"

#include <stdbool.h>
#include <string.h>

#define GUARD 64
#define PAINT 0xA5

/* The arena between two runs of painted bytes. */
static struct {
  EERIE_MICRO_ALIGNED uint8_t before[GUARD];
  model_arena_t arena;
  uint8_t after[GUARD];
} guarded;
#if MODEL_HAS_STATE
static model_state_t state;
#endif
static model_input_t input;
static model_output_t output;

static void paint_arena(void) {
  uint8_t *bytes = (uint8_t *)&guarded;
  for (size_t i = 0; i < sizeof guarded; ++i)
    bytes[i] = PAINT;
}

/* Bytes of the arena up to the last that is not as it was painted; more than it has where a guard
 * was touched. */
static uint32_t arena_used(void) {
  for (size_t i = 0; i < GUARD; ++i)
    if (guarded.before[i] != PAINT || guarded.after[i] != PAINT) return UINT32_MAX;
  uint32_t used = MODEL_ARENA_SIZE;
  while (used && guarded.arena.bytes[used - 1] == PAINT)
    --used;
  return used;
}

/* What every call begins with. */
#if MODEL_HAS_STATE
#define STATE       &state,
#define SIZED_STATE &state, sizeof state,
#else
#define STATE
#define SIZED_STATE
#endif

static int classify(void) {
  return model_typed(&guarded.arena, STATE & input, &output);
}

/* ---- The same plan with other kernels ----------------------------------------------------------
 *
 * The model's source once more, with kernels, copies and fills from here. */

static eerie_micro_library_t chosen;

static const eerie_micro_library_t *chosen_library(uint32_t max_version,
                                                   const eerie_micro_environment_t *environment) {
  (void)max_version, (void)environment;
  return chosen.exports.kernels ? &chosen : NULL;
}

typedef eerie_micro_kernel_t kernel_t;
static uint32_t ticks;
static bool idle;      /* time what measuring takes */
static kernel_t timed; /* the kernel whose place timed_kernel has; NULL: time copies and fills */

static void timed_memcpy(void *to, const void *from, size_t size) {
  const uint32_t begin = board_ticks();
  if (!idle || timed) memcpy(to, from, size);
  if (!timed) ticks += (board_ticks() - begin) & BOARD_TICKS;
}

static void timed_memset(void *to, int value, size_t size) {
  const uint32_t begin = board_ticks();
  if (!idle || timed) memset(to, value, size);
  if (!timed) ticks += (board_ticks() - begin) & BOARD_TICKS;
}

static void timed_fill(uint8_t *to, size_t size, uint64_t pattern, size_t period) {
  const uint32_t begin = board_ticks();
  if (!idle || timed) eerie_micro_fill(to, size, pattern, period);
  if (!timed) ticks += (board_ticks() - begin) & BOARD_TICKS;
}

static void (*const timers[])(void) = {(void (*)(void))timed_memcpy, (void (*)(void))timed_memset,
                                       (void (*)(void))timed_fill};

#define memcpy           timed_memcpy
#define memset           timed_memset
#define eerie_micro_fill timed_fill
#include "model_again.h"
#undef memcpy
#undef memset
#undef eerie_micro_fill

#define KERNEL_PARAMETERS                                                                          \
  const eerie_micro_environment_t *e, const eerie_micro_dispatch_t *d,                             \
      const eerie_micro_workgroup_t *w

const eerie_micro_library_t *MODEL_QUERY(uint32_t max_version, const eerie_micro_environment_t *e);

static int failing_kernel(KERNEL_PARAMETERS) {
  (void)e, (void)d, (void)w;
  return 1;
}

static int no_kernel(KERNEL_PARAMETERS) {
  (void)e, (void)d, (void)w;
  return 0;
}

enum { MOST_KERNELS = 64 };
static const kernel_t *real_kernels;
static kernel_t kernels[MOST_KERNELS];

static int timed_kernel(KERNEL_PARAMETERS) {
  const kernel_t kernel = idle ? no_kernel : timed;
  const uint32_t begin = board_ticks();
  const int status = kernel(e, d, w);
  ticks += (board_ticks() - begin) & BOARD_TICKS;
  return status;
}

/* ---- Planted faults ---------------------------------------------------------------------------
 */

static void plant_faults(void) {
  const size_t size = MODEL_ARENA_SIZE, in = sizeof input.data, out = sizeof output.data;
  uint8_t *arena = guarded.arena.bytes;
  const struct {
    const char *name;
    int status;
  } faults[] = {
      {"whole", model_sized(arena, size, SIZED_STATE & input, in, &output, out)},
      {"small-arena", model_sized(arena, size - 1, SIZED_STATE & input, in, &output, out)},
      {"no-arena", model_sized(NULL, size, SIZED_STATE & input, in, &output, out)},
      {"unaligned-arena", model_sized(arena + 4, size, SIZED_STATE & input, in, &output, out)},
      {"short-input", model_sized(arena, size, SIZED_STATE & input, in - 4, &output, out)},
      {"long-input", model_sized(arena, size, SIZED_STATE & input, in + 4, &output, out)},
      {"no-input", model_sized(arena, size, SIZED_STATE NULL, in, &output, out)},
      {"short-output", model_sized(arena, size, SIZED_STATE & input, in, &output, out - 4)},
      {"other-plan", model_run(MODEL_PLAN ^ 1, arena, STATE & input, &output)},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; ++i)
    write_line(faults[i].name, (uint32_t)faults[i].status);
  chosen = *MODEL_QUERY(EERIE_MICRO_LIBRARY_VERSION, NULL);
  real_kernels = chosen.exports.kernels;
  chosen.exports.kernels = NULL;
  write_line("no-kernels", (uint32_t)model_again(MODEL_PLAN, arena, STATE & input, &output));
  for (size_t i = 0; i < MOST_KERNELS; ++i)
    kernels[i] = failing_kernel;
  chosen.exports.kernels = kernels;
  write_line("failing-kernel", (uint32_t)model_again(MODEL_PLAN, arena, STATE & input, &output));
  chosen.exports.count++;
  write_line("other-kernels", (uint32_t)model_again(MODEL_PLAN, arena, STATE & input, &output));
  chosen.exports.count--;
}

/* ---- Instructions -----------------------------------------------------------------------------
 */

/* Of one kernel, or where there is none of that number of copies and fills, in a whole call. */
static uint32_t ticks_inside(size_t number, bool nothing) {
  timed = number < chosen.exports.count ? real_kernels[number] : NULL;
  for (size_t i = 0; i < chosen.exports.count; ++i)
    kernels[i] = i == number ? timed_kernel : real_kernels[i];
  idle = nothing;
  ticks = 0;
  (void)model_again(MODEL_PLAN, &guarded.arena, STATE & input, &output);
  return ticks;
}

static void count_instructions(void) {
  const uint32_t begin = board_ticks();
  (void)classify();
  write_line("ticks-total", (board_ticks() - begin) & BOARD_TICKS);
  if (chosen.exports.count > MOST_KERNELS) return;
  uint32_t inside = 0;
  for (size_t i = 0; i <= chosen.exports.count; ++i)
    inside += ticks_inside(i, false) - ticks_inside(i, true);
  write_line("ticks-kernels", inside);
}

/* ---- The program ------------------------------------------------------------------------------
 */

int board_main(void) {
  (void)timers; /* a model need not use all */
#if MODEL_HAS_STATE
  if (model_init(&guarded.arena, &state)) return 2;
#endif
  for (size_t i = 0; i < IMAGE_COUNT; ++i) {
    read_image(i, (float *)(void *)input.data);
    if (i == 0) {
      paint_arena();
      board_stack_paint();
    }
    const int status = classify();
    if (status) {
      write_line("failed", (uint32_t)status);
      return 1;
    }
    if (i == 0) {
      write_line("stack", (uint32_t)board_stack_used());
      write_line("arena", arena_used());
    }
    write_scores(i, output.data);
  }
  write_line("arena-after", arena_used());
  plant_faults();
  count_instructions();
  return 0;
}
