/* planned.c: a planned model on a board: all images, watermarks, planted faults, instructions.
 *
 * "model.h" is made for each model: it names the generated header, types, function and plan. */
#include "case.h"
#include "model.h"

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

static int classify(void) {
#if MODEL_HAS_STATE
  return model_run(&guarded.arena, &state, &input, &output);
#else
  return model_run(&guarded.arena, &input, &output);
#endif
}

/* ---- Planted faults ---------------------------------------------------------------------------
 */

enum { INPUT = 3, OUTPUT = 4, MEMORY = 5 };

static void fill_memory(eerie_micro_memory_t *memory) {
  memory[0] = (eerie_micro_memory_t){NULL, 0};
  memory[EERIE_MICRO_ARENA] = (eerie_micro_memory_t){&guarded.arena, MODEL_ARENA_SIZE};
  memory[EERIE_MICRO_STATE] = (eerie_micro_memory_t){NULL, 0};
#if MODEL_HAS_STATE
  memory[EERIE_MICRO_STATE] = (eerie_micro_memory_t){&state, sizeof state};
#endif
  memory[INPUT] = (eerie_micro_memory_t){&input, sizeof input.data};
  memory[OUTPUT] = (eerie_micro_memory_t){&output, sizeof output.data};
}

static const eerie_micro_library_t *no_library(uint32_t version,
                                               const eerie_micro_environment_t *environment) {
  (void)version, (void)environment;
  return NULL;
}

static void plant_faults(void) {
  eerie_micro_memory_t memory[MEMORY];
  eerie_micro_plan_t plan = model_plan;
  fill_memory(memory);
  write_line("whole", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  memory[EERIE_MICRO_ARENA].size = MODEL_ARENA_SIZE - 1;
  write_line("small-arena", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  fill_memory(memory);
  memory[EERIE_MICRO_ARENA].data = NULL;
  write_line("no-arena", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  fill_memory(memory);
  memory[EERIE_MICRO_ARENA].data = guarded.arena.bytes + 4;
  write_line("unaligned-arena", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  fill_memory(memory);
  memory[INPUT].size -= 4;
  write_line("short-input", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  memory[INPUT].size += 8;
  write_line("long-input", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  fill_memory(memory);
  memory[OUTPUT].size -= 4;
  write_line("short-output", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  fill_memory(memory);
  write_line("missing-memory", (uint32_t)eerie_micro_run(&plan, memory, MEMORY - 1));
  plan.version ^= 1;
  write_line("other-version", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  plan = model_plan;
  plan.kernel_count++;
  write_line("other-kernels", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
  plan = model_plan;
  plan.query = no_library;
  write_line("no-kernels", (uint32_t)eerie_micro_run(&plan, memory, MEMORY));
}

/* ---- Instructions -----------------------------------------------------------------------------
 */

static int no_kernel(const eerie_micro_environment_t *environment,
                     const eerie_micro_dispatch_t *dispatch,
                     const eerie_micro_workgroup_t *workgroup) {
  (void)environment, (void)dispatch, (void)workgroup;
  return 0;
}

/* Instructions of a dispatch's kernel, one workgroup after the other, without what calls it. */
static uint32_t time_kernel(eerie_micro_kernel_t kernel, const eerie_micro_step_t *step,
                            const eerie_micro_memory_t *memory) {
  void *bindings[EERIE_MICRO_MAX_BINDINGS];
  eerie_micro_dispatch_t dispatch = *step->dispatch;
  eerie_micro_workgroup_t workgroup = {0};
  uint32_t ticks = 0;
  for (size_t i = 0; i < dispatch.binding_count; ++i)
    bindings[i] = (uint8_t *)((uintptr_t)memory[step->ranges[i].base].data +
                              (uintptr_t)step->ranges[i].offset);
  dispatch.bindings = bindings;
  const uint32_t count =
      dispatch.workgroup_count_x * dispatch.workgroup_count_y * dispatch.workgroup_count_z;
  for (uint32_t i = 0; i < count; ++i) {
    workgroup.id_x = i % dispatch.workgroup_count_x;
    workgroup.id_y = i / dispatch.workgroup_count_x % dispatch.workgroup_count_y;
    workgroup.id_z = (uint16_t)(i / dispatch.workgroup_count_x / dispatch.workgroup_count_y);
    const uint32_t begin = board_ticks();
    kernel(model_plan.environment, &dispatch, &workgroup);
    ticks += board_ticks() - begin;
  }
  return ticks;
}

static void count_instructions(void) {
  eerie_micro_memory_t memory[MEMORY];
  fill_memory(memory);
  const uint32_t begin = board_ticks();
  (void)classify();
  write_line("ticks-total", board_ticks() - begin);
  const eerie_micro_library_t *library =
      model_plan.query(EERIE_MICRO_LIBRARY_VERSION, model_plan.environment);
  uint32_t kernels = 0, empty = 0;
  for (size_t i = 0; i < model_plan.step_count; ++i) {
    const eerie_micro_step_t *step = &model_plan.steps[i];
    if (!step->dispatch) {
      /* A fill or copy is work of the model too. */
      const uint32_t start = board_ticks();
      (void)eerie_micro_run(&(eerie_micro_plan_t){.version = EERIE_MICRO_PLAN_VERSION,
                                                  .kernel_count = model_plan.kernel_count,
                                                  .memory_count = model_plan.memory_count,
                                                  .sizes = model_plan.sizes,
                                                  .steps = step,
                                                  .step_count = 1,
                                                  .query = model_plan.query,
                                                  .environment = model_plan.environment},
                            memory, MEMORY);
      kernels += board_ticks() - start;
      const uint32_t again = board_ticks();
      (void)eerie_micro_run(&(eerie_micro_plan_t){.version = EERIE_MICRO_PLAN_VERSION,
                                                  .kernel_count = model_plan.kernel_count,
                                                  .memory_count = model_plan.memory_count,
                                                  .sizes = model_plan.sizes,
                                                  .steps = step,
                                                  .step_count = 0,
                                                  .query = model_plan.query,
                                                  .environment = model_plan.environment},
                            memory, MEMORY);
      empty += board_ticks() - again;
      continue;
    }
    kernels += time_kernel(library->exports.kernels[step->number], step, memory);
    empty += time_kernel(no_kernel, step, memory);
  }
  write_line("ticks-kernels", kernels - empty);
}

/* ---- The program ------------------------------------------------------------------------------
 */

int board_main(void) {
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
