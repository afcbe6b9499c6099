// hal_module.c: the state of the `hal` module in a program; hal_functions.c has its table.
#include "bridge/hal_functions.h"

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

const ee_object_type_t *const ee_bridge_hal_types[EE_BRIDGE_HAL_TYPE_COUNT] = {
    &ee_hal_allocator_type,  &ee_hal_buffer_type,       &ee_hal_buffer_view_type,
    &ee_hal_channel_type,    &ee_hal_command_list_type, &ee_hal_device_type,
    &ee_hal_executable_type, &ee_hal_fence_type,        &ee_hal_file_type,
};

eerie_status_t ee_bridge_first_device(ee_vm_call_t *call, ee_hal_device_t **out_device) {
  const ee_bridge_hal_state_t *state = call->state;
  if (state->device_count == 0) {
    return EE_FAIL(call->err, EERIE_FAILED_PRECONDITION, "the program has no device");
  }
  *out_device = state->devices[0].device;
  return EERIE_OK;
}

// ---- Arguments ---------------------------------------------------------------------------------

#if defined(__OPTIMIZE_SIZE__)
ee_object_t *ee_bridge_reference(ee_vm_call_t *call, uint32_t index, const ee_object_type_t *type) {
  ee_object_t *object = call->arguments[index].ref;
  if (EE_LIKELY(object && object->type == type)) return object;
  (void)ee_bridge_wrong_type(call, index, type);
  return NULL;
}
#endif

eerie_status_t ee_bridge_wrong_type(ee_vm_call_t *call, uint32_t index,
                                    const ee_object_type_t *expected) {
  const ee_object_t *object = call->arguments[index].ref;
  (void)object, (void)expected; // unused in builds without texts
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "argument slot %u must be a %s, it is %s",
                 index, expected->name, object ? object->type->name : "null");
}

eerie_status_t ee_bridge_bytes_range(ee_vm_call_t *call, uint32_t index, uint64_t offset,
                                     uint64_t size, uint8_t **out_data) {
  ee_vm_buffer_t *bytes = NULL;
  EE_TRY(ee_bridge_bytes(call, index, &bytes));
  if (!ee_range_ok(offset, size, bytes->size)) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE,
                   "%llu bytes at %llu do not lie in a host buffer of %zu",
                   (unsigned long long)size, (unsigned long long)offset, bytes->size);
  }
  *out_data = bytes->data + (size_t)offset;
  return EERIE_OK;
}
