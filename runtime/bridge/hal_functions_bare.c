// hal_functions_bare.c: takes the place of hal_functions.c where one CPU is the only device:
// without collectives, choice between devices, memory that is shared with others, files that are
// written, fences of the program's, and what only tells people something. A module that imports one
// of these is refused when it is linked.
#include "bridge/hal_module.h"

// As in hal_functions.c: sorted by name, the newest signature first.
static const ee_vm_native_function_t functions[] = {
    {"allocator.allocate", "0rIiiI_r", ee_bridge_hal_allocator_allocate},
    {"allocator.import", "0riIiirII_r", ee_bridge_hal_allocator_import},
    {"buffer.assert", "0rrrIii_v", ee_bridge_hal_buffer_assert},
    {"buffer.length", "0r_I", ee_bridge_hal_buffer_length},
    {"buffer.load", "0rIi_i", ee_bridge_hal_buffer_load},
    {"buffer.store", "0irIi_v", ee_bridge_hal_buffer_store},
    {"buffer.subspan", "0rII_r", ee_bridge_hal_buffer_subspan},
    {"buffer_view.assert", "0rriiCID_v", ee_bridge_hal_view_assert},
    {"buffer_view.buffer", "0r_r", ee_bridge_hal_view_buffer},
    {"buffer_view.create", "0rIIiiCID_r", ee_bridge_hal_view_create},
    {"buffer_view.dim", "0ri_I", ee_bridge_hal_view_dim},
    {"buffer_view.element_type", "0r_i", ee_bridge_hal_view_element_type},
    {"buffer_view.encoding_type", "0r_i", ee_bridge_hal_view_encoding_type},
    {"buffer_view.rank", "0r_i", ee_bridge_hal_view_rank},
    {"command_buffer.copy_buffer", "0riirIrIII_v", ee_bridge_hal_commands_copy},
    {"command_buffer.create", "0riiIi_r", ee_bridge_hal_commands_create},
    {"command_buffer.dispatch", "0rrIiiiICiDCiirIID_v", ee_bridge_hal_commands_dispatch},
    {"command_buffer.dispatch", "0rriiiiICiDCiirIID_v", ee_bridge_hal_commands_dispatch_ordinal},
    {"command_buffer.dispatch.indirect", "0rrIirIICiDCiirIID_v",
     ee_bridge_hal_commands_dispatch_indirect},
    {"command_buffer.dispatch.indirect", "0rriirIICiDCiirIID_v",
     ee_bridge_hal_commands_dispatch_indirect_ordinal},
    {"command_buffer.execution_barrier", "0riiI_v", ee_bridge_hal_commands_barrier},
    {"command_buffer.fill_buffer", "0rrIIiIiI_v", ee_bridge_hal_commands_fill},
    {"command_buffer.finalize", "0r_v", ee_bridge_hal_commands_finalize},
    {"command_buffer.update_buffer", "0rrIrIIiI_v", ee_bridge_hal_commands_update},
    {"device.allocator", "0r_r", ee_bridge_hal_device_allocator},
    {"device.query.i64", "0rrr_iI", ee_bridge_hal_device_query},
    {"device.queue.alloca", "0rIrrIiiII_r", ee_bridge_hal_queue_alloca},
    {"device.queue.barrier", "0rIrrI_v", ee_bridge_hal_queue_barrier},
    {"device.queue.copy", "0rIrrrIrIII_v", ee_bridge_hal_queue_copy},
    {"device.queue.dealloca", "0rIrrrI_v", ee_bridge_hal_queue_dealloca},
    {"device.queue.execute", "0rIrrrI_v", ee_bridge_hal_queue_execute},
    {"device.queue.execute.indirect", "0rIrrrICrIID_v", ee_bridge_hal_queue_execute_indirect},
    {"device.queue.fill", "0rIrrrIIIiI_v", ee_bridge_hal_queue_fill},
    {"device.queue.read", "0rIrrrIrIII_v", ee_bridge_hal_queue_read},
    {"device.queue.update", "0rIrrrIrIII_v", ee_bridge_hal_queue_update},
    {"devices.count", "0v_i", ee_bridge_hal_devices_count},
    {"devices.get", "0i_r", ee_bridge_hal_devices_get},
    {"ex.file.from_memory", "0rIirIIi_r", ee_bridge_hal_file_from_memory},
    {"executable.create", "0rIrrr_r", ee_bridge_hal_executable_create},
    {"executable.lookup.function", "0rr_I", ee_bridge_hal_executable_lookup},
    {"fence.await", "0iICrD_i", ee_bridge_hal_fence_await},
    {"fence.create", "0rI_r", ee_bridge_hal_fence_create},
    {"fence.join", "0ICrD_r", ee_bridge_hal_fence_join},
    {"fence.signal", "0r_v", ee_bridge_hal_fence_signal},
};

static const ee_object_type_t *const types[] = {
    &ee_hal_allocator_type,  &ee_hal_buffer_type,       &ee_hal_buffer_view_type,
    &ee_hal_channel_type,    &ee_hal_command_list_type, &ee_hal_device_type,
    &ee_hal_executable_type, &ee_hal_fence_type,        &ee_hal_file_type,
};

const ee_vm_native_module_t ee_bridge_hal_module = {
    .name = "hal",
    .oldest_version = 6,
    .version = 7,
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .types = types,
    .type_count = sizeof types / sizeof types[0],
    .create_state = ee_bridge_state_create,
    .destroy_state = ee_bridge_state_destroy,
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
