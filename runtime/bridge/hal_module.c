// hal_module.c: the state of the `hal` module in a program; hal_functions.c has its table.
#include "bridge/hal_module.h"

void ee_bridge_state_destroy(void *user, ee_heap_t *heap, void *memory) {
  (void)user;
  ee_bridge_hal_state_t *state = memory;
  for (size_t i = 0; i < state->device_count; ++i) {
#if EERIE_ASYNC_DEVICES
    ee_hal_device_settle(state->devices[i].device);
#endif
    ee_object_release((ee_object_t *)state->devices[i].allocator);
    ee_hal_device_release(state->devices[i].device);
  }
  ee_heap_free(heap, state, state->allocation_size);
}

eerie_status_t ee_bridge_state_create(void *user, ee_heap_t *heap, void **out_state,
                                      eerie_error_t *err) {
  const ee_bridge_hal_options_t *options = user;
  size_t size;
  if (!ee_mul_size(options->device_count, sizeof(ee_bridge_hal_device_t), &size) ||
      !ee_add_size(size, sizeof(ee_bridge_hal_state_t), &size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  ee_bridge_hal_state_t *state = ee_heap_allocate_zeroed(heap, size);
  if (!state) return EE_NO_MEMORY(err, size);
  state->trace = options->trace;
  state->trace_user = options->trace_user;
#if EERIE_EVICT
  state->between = options->between;
  state->between_user = options->between_user;
#endif
  state->no_native = options->no_native;
#if EERIE_THREADS
  state->later = options->later;
#endif
  state->allocation_size = size;
  for (size_t i = 0; i < options->device_count; ++i) {
    ee_bridge_hal_device_t *entry = &state->devices[state->device_count];
    const eerie_status_t status =
        ee_hal_allocator_create(options->devices[i], &entry->allocator, err);
    if (status != EERIE_OK) {
      ee_bridge_state_destroy(user, heap, state);
      return status;
    }
    entry->device = options->devices[i];
    ee_hal_device_retain(entry->device);
    ++state->device_count;
  }
  *out_state = state;
  return EERIE_OK;
}
