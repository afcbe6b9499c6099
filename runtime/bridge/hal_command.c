// hal_command.c: command_buffer.*
#include "bridge/hal_module.h"

// What one dispatch may carry; kernels take no more (library.h of the cpu driver).
#define MAX_CONSTANTS 64
#define MAX_BINDINGS  64

// Dispatch flags that change where arguments come from. Source: iree/hal/command_buffer.h of 3.13.
#define DISPATCH_CUSTOM_ARGUMENTS (7u << 2)

// device, modes, categories, queue, binding capacity
eerie_status_t ee_bridge_hal_commands_create(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  return ee_hal_command_list_create(
      device, (uint32_t)call->arguments[1].i32, (uint32_t)call->arguments[4].i32,
      (ee_hal_command_list_t **)(void *)&call->results[0].ref, call->err);
}

eerie_status_t ee_bridge_hal_commands_finalize(ee_vm_call_t *call) {
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  return ee_hal_command_list_finalize(list, call->err);
}

// Debug groups say nothing to a device without a tracer.
eerie_status_t ee_bridge_hal_commands_note(ee_vm_call_t *call) {
  ee_hal_command_list_t *list = NULL;
  return ee_bridge_commands(call, 0, &list);
}

// list, source stages, target stages, flags
eerie_status_t ee_bridge_hal_commands_barrier(ee_vm_call_t *call) {
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  ee_hal_command_list_barrier(list);
  return EERIE_OK;
}

// list, buffer, flags, arguments, slot
eerie_status_t ee_bridge_hal_commands_advise(ee_vm_call_t *call) {
  ee_hal_command_list_t *list = NULL;
  ee_hal_buffer_t *buffer;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  return ee_bridge_buffer_or_null(call, 1, &buffer);
}

// list, slot, buffer, offset, length: makes writes of one side visible to the other. Host and
// device share their memory, and what runs after a submission sees all of it.
eerie_status_t ee_bridge_hal_commands_visibility(ee_vm_call_t *call) {
  ee_hal_command_list_t *list = NULL;
  ee_hal_buffer_t *buffer;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  return ee_bridge_buffer_or_null(call, 2, &buffer);
}

// list, target, offset, length, slot, pattern, pattern length, flags
eerie_status_t ee_bridge_hal_commands_fill(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_FILL,
      .pattern = (uint64_t)a[5].i64,
      .pattern_size = (uint32_t)a[6].i32,
  };
  EE_TRY(ee_bridge_binding(call, 1, (uint32_t)a[4].i32, a[2].i64, a[3].i64, &command.target));
  return ee_hal_command_list_append(list, &command, 0, call->err);
}

// list, source bytes, source offset, target, target offset, length, slot, flags
eerie_status_t ee_bridge_hal_commands_update(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  ee_hal_command_t command = {.kind = EE_HAL_COMMAND_UPDATE};
  uint8_t *data = NULL;
  EE_TRY(ee_bridge_bytes_range(call, 1, (uint64_t)a[2].i64, (uint64_t)a[5].i64, &data));
  command.update_data = data;
  EE_TRY(ee_bridge_binding(call, 3, (uint32_t)a[6].i32, a[4].i64, a[5].i64, &command.target));
  return ee_hal_command_list_append(list, &command, (uint64_t)a[5].i64, call->err);
}

// list, source slot, target slot, source, source offset, target, target offset, length, flags
eerie_status_t ee_bridge_hal_commands_copy(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  ee_hal_command_t command = {.kind = EE_HAL_COMMAND_COPY};
  EE_TRY(ee_bridge_binding(call, 3, (uint32_t)a[1].i32, a[4].i64, a[7].i64, &command.source));
  EE_TRY(ee_bridge_binding(call, 5, (uint32_t)a[2].i32, a[6].i64, a[7].i64, &command.target));
  return ee_hal_command_list_append(list, &command, 0, call->err);
}

// Records a dispatch whose kernel is `function`; from slot 6 on there are flags, count,
// constant..., count, (reserved, slot, buffer, offset, length)...
static eerie_status_t record_dispatch(ee_vm_call_t *call, ee_hal_command_t *command,
                                      uint64_t function) {
  const uint32_t index = 6;
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_bridge_commands(call, 0, &list));
  EE_TRY(ee_bridge_executable(call, 1, &command->executable));
  if (EE_UNLIKELY((uint64_t)a[index].i64 & DISPATCH_CUSTOM_ARGUMENTS)) {
    return EE_FAIL(call->err, EERIE_UNIMPLEMENTED,
                   "dispatches with custom arguments (flags 0x%llx)",
                   (unsigned long long)a[index].i64);
  }
  const uint32_t constant_count = (uint32_t)a[index + 1].i32;
  const ee_vm_value_t *constant = &a[index + 2];
  if (function > UINT32_MAX || constant_count > MAX_CONSTANTS) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE, "dispatch of kernel %llu with %u constants",
                   (unsigned long long)function, constant_count);
  }
  const uint32_t binding_count = (uint32_t)constant[constant_count].i32;
  if (binding_count > MAX_BINDINGS) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE, "a dispatch with %u bindings; the limit is %u",
                   binding_count, MAX_BINDINGS);
  }
  uint32_t constants[MAX_CONSTANTS];
  ee_hal_binding_t bindings[MAX_BINDINGS];
  for (uint32_t i = 0; i < constant_count; ++i)
    constants[i] = (uint32_t)constant[i].i32;
  uint32_t at = index + 3 + constant_count;
  for (uint32_t i = 0; i < binding_count; ++i, at += 5) {
    EE_TRY(ee_bridge_binding(call, at + 2, (uint32_t)a[at + 1].i32, a[at + 3].i64, a[at + 4].i64,
                             &bindings[i]));
  }
  command->function = (uint32_t)function;
  command->constant_count = (uint16_t)constant_count;
  command->binding_count = (uint16_t)binding_count;
  command->constants = constants;
  command->bindings = bindings;
  const eerie_status_t status = ee_hal_command_list_append(list, command, 0, call->err);
  command->constants = NULL; // the list has copies
  command->bindings = NULL;
  return status;
}

// list, executable, function, x, y, z, flags, constants, bindings
static eerie_status_t dispatch(ee_vm_call_t *call, uint64_t function) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_DISPATCH,
      .workgroup_count = {(uint32_t)a[3].i32, (uint32_t)a[4].i32, (uint32_t)a[5].i32},
  };
  return record_dispatch(call, &command, function);
}

// list, executable, function, slot, buffer, offset, flags, constants, bindings
static eerie_status_t dispatch_indirect(ee_vm_call_t *call, uint64_t function) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_command_t command = {.kind = EE_HAL_COMMAND_DISPATCH_INDIRECT};
  EE_TRY(ee_bridge_binding(call, 4, (uint32_t)a[3].i32, a[5].i64, 3 * sizeof(uint32_t),
                           &command.source));
  return record_dispatch(call, &command, function);
}

// From version 7 on a kernel is named by what executable.lookup.function returned.
eerie_status_t ee_bridge_hal_commands_dispatch(ee_vm_call_t *call) {
  return dispatch(call, (uint64_t)call->arguments[2].i64);
}

eerie_status_t ee_bridge_hal_commands_dispatch_indirect(ee_vm_call_t *call) {
  return dispatch_indirect(call, (uint64_t)call->arguments[2].i64);
}

// Before, by its place in the executable.
eerie_status_t ee_bridge_hal_commands_dispatch_ordinal(ee_vm_call_t *call) {
  return dispatch(call, (uint32_t)call->arguments[2].i32);
}

eerie_status_t ee_bridge_hal_commands_dispatch_indirect_ordinal(ee_vm_call_t *call) {
  return dispatch_indirect(call, (uint32_t)call->arguments[2].i32);
}
