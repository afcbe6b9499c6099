/* eerie_micro.c: see eerie_micro.h. */
#include "eerie_micro.h"

#include <string.h>

static uint8_t *address(const eerie_micro_memory_t *memory, const eerie_micro_range_t *range) {
  return (uint8_t *)((uintptr_t)memory[range->base].data + (uintptr_t)range->offset);
}

static void copy(const eerie_micro_step_t *step, const eerie_micro_memory_t *memory) {
  uint8_t *to = address(memory, &step->ranges[0]);
  const uint8_t *from = address(memory, &step->ranges[1]);
  memcpy(to, from, step->period);
  for (size_t i = step->period; i < step->number; ++i)
    to[i] = to[i - step->period];
}

static int dispatch(const eerie_micro_plan_t *plan, eerie_micro_kernel_t kernel,
                    const eerie_micro_step_t *step, const eerie_micro_memory_t *memory) {
  void *bindings[EERIE_MICRO_MAX_BINDINGS];
  eerie_micro_dispatch_t state = *step->dispatch;
  for (size_t i = 0; i < state.binding_count; ++i)
    bindings[i] = address(memory, &step->ranges[i]);
  state.bindings = bindings;
  eerie_micro_workgroup_t workgroup = {0};
  for (; workgroup.id_z < state.workgroup_count_z; ++workgroup.id_z) {
    for (workgroup.id_y = 0; workgroup.id_y < state.workgroup_count_y; ++workgroup.id_y) {
      for (workgroup.id_x = 0; workgroup.id_x < state.workgroup_count_x; ++workgroup.id_x) {
        if (kernel(plan->environment, &state, &workgroup)) return EERIE_MICRO_INTERNAL;
      }
    }
  }
  return EERIE_MICRO_OK;
}

static int check_memory(const eerie_micro_plan_t *plan, const eerie_micro_memory_t *memory,
                        size_t memory_count) {
  if (memory_count != plan->memory_count) return EERIE_MICRO_INVALID_ARGUMENT;
  for (size_t i = 1; i < memory_count; ++i) {
    const size_t size = plan->sizes[i - 1];
    if (memory[i].size != size) {
      if (i > EERIE_MICRO_STATE) return EERIE_MICRO_INVALID_ARGUMENT;
      if (memory[i].size < size) return EERIE_MICRO_RESOURCE_EXHAUSTED;
    }
    /* NULL is as good as any where no bytes are used. */
    if (size && (!memory[i].data || (uintptr_t)memory[i].data % EERIE_MICRO_ALIGNMENT))
      return EERIE_MICRO_INVALID_ARGUMENT;
  }
  return EERIE_MICRO_OK;
}

int eerie_micro_run(const eerie_micro_plan_t *plan, const eerie_micro_memory_t *memory,
                    size_t memory_count) {
  if (plan->version != EERIE_MICRO_PLAN_VERSION) return EERIE_MICRO_INCOMPATIBLE;
  const eerie_micro_library_t *library =
      plan->query(EERIE_MICRO_LIBRARY_VERSION, plan->environment);
  if (!library || library->header->version != EERIE_MICRO_LIBRARY_VERSION ||
      library->imports.count || library->exports.count != plan->kernel_count) {
    return EERIE_MICRO_INCOMPATIBLE;
  }
  int status = check_memory(plan, memory, memory_count);
  const eerie_micro_step_t *step = plan->steps, *end = step + plan->step_count;
  for (; status == EERIE_MICRO_OK && step != end; ++step) {
    if (step->dispatch)
      status = dispatch(plan, library->exports.kernels[step->number], step, memory);
    else
      copy(step, memory);
  }
  return status;
}
