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

/* Of the workgroup's fields those that a kernel of a plan may look at are set, one by one: what
 * compilers make of `= {0}` is a call of memset, which is slower than some kernels. */
static int dispatch(const eerie_micro_plan_t *plan, eerie_micro_kernel_t kernel,
                    const eerie_micro_step_t *step, const eerie_micro_memory_t *memory) {
  void *bindings[EERIE_MICRO_MAX_BINDINGS];
  eerie_micro_dispatch_t state = *step->dispatch;
  const eerie_micro_range_t *range = step->ranges;
  void **binding = bindings;
  for (size_t left = state.binding_count; left; --left)
    *binding++ = address(memory, range++);
  state.bindings = bindings;
  eerie_micro_workgroup_t workgroup;
  workgroup.processor_id = 0;
  workgroup.local_memory = NULL;
  workgroup.local_memory_size = 0;
  uint32_t x, y, z = 0;
  do {
    workgroup.id_z = (uint16_t)z;
    y = 0;
    do {
      workgroup.id_y = y;
      x = 0;
      do {
        workgroup.id_x = x;
        if (kernel(plan->environment, &state, &workgroup)) return EERIE_MICRO_INTERNAL;
      } while (++x < state.workgroup_count_x);
    } while (++y < state.workgroup_count_y);
  } while (++z < state.workgroup_count_z);
  return EERIE_MICRO_OK;
}

static int check_memory(const eerie_micro_plan_t *plan, const eerie_micro_memory_t *memory,
                        size_t memory_count) {
  if (memory_count != plan->memory_count) return EERIE_MICRO_INVALID_ARGUMENT;
  const size_t *size = plan->sizes;
  for (size_t i = 1; i < memory_count; ++i, ++size) {
    const eerie_micro_memory_t *have = &memory[i];
    if (have->size != *size) {
      if (i > EERIE_MICRO_STATE) return EERIE_MICRO_INVALID_ARGUMENT;
      if (have->size < *size) return EERIE_MICRO_RESOURCE_EXHAUSTED;
    }
    /* NULL is as good as any where no bytes are used. */
    if ((uintptr_t)have->data % EERIE_MICRO_ALIGNMENT || (!have->data && *size))
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
