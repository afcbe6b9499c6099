// hal_device.c: device.*, devices.*, executable.*, ex.file.*, channel.*
#include "bridge/hal_module.h"

eerie_status_t ee_bridge_hal_device_allocator(ee_vm_call_t *call) {
  const ee_bridge_hal_state_t *state = call->state;
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  for (size_t i = 0; i < state->device_count; ++i) {
    if (state->devices[i].device != device) continue;
    call->results[0].ref = &state->devices[i].allocator->object;
    ee_object_retain(call->results[0].ref);
    return EERIE_OK;
  }
  return ee_hal_allocator_create(device, (ee_hal_allocator_t **)(void *)&call->results[0].ref,
                                 call->err);
}

bool ee_bridge_runs_format(const ee_hal_device_t *device, ee_str_t format) {
  if (!device->driver->dispatch) return false;
  for (const ee_bridge_format_t *const *entry = ee_bridge_formats; *entry; ++entry) {
    if (ee_str_equal(format, ee_str_from((*entry)->name))) return true;
  }
  return false;
}

// device, category, key -> known, value
eerie_status_t ee_bridge_hal_device_query(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  ee_vm_buffer_t *category = NULL, *key = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  EE_TRY(ee_bridge_bytes(call, 1, &category));
  EE_TRY(ee_bridge_bytes(call, 2, &key));
  const ee_str_t name = ee_vm_buffer_str(key);
  const bool is_format = ee_str_equal(ee_vm_buffer_str(category), EE_STR("hal.executable.format"));
  const ee_bridge_hal_state_t *state = call->state;
  call->results[0].i32 =
      ee_hal_device_query(device, ee_vm_buffer_str(category), name, &call->results[1].i64);
  if (is_format && state->no_native) call->results[1].i64 = 0;
  if (is_format && ee_bridge_runs_format(device, name)) {
    call->results[0].i32 = 1;
    call->results[1].i64 = 1;
  }
  if (call->results[1].i64 == 0 &&
      (is_format || ee_str_equal(ee_vm_buffer_str(category), EE_STR("hal.device.id")))) {
    return ee_bridge_explain_refusal(call, device);
  }
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_devices_count(ee_vm_call_t *call) {
  const ee_bridge_hal_state_t *state = call->state;
  call->results[0].i32 = (int32_t)state->device_count;
  return EERIE_OK;
}

// Null past the end: that is how modules find out.
eerie_status_t ee_bridge_hal_devices_get(ee_vm_call_t *call) {
  const ee_bridge_hal_state_t *state = call->state;
  const uint32_t index = (uint32_t)call->arguments[0].i32;
  if (index >= state->device_count) return EERIE_OK;
  call->results[0].ref = (ee_object_t *)state->devices[index].device;
  ee_object_retain(call->results[0].ref);
  return EERIE_OK;
}

eerie_status_t ee_bridge_executable_create(ee_vm_call_t *call, ee_hal_device_t *device,
                                           uint32_t index) {
  ee_vm_buffer_t *format = NULL, *data = NULL, *constants = NULL;
  EE_TRY(ee_bridge_bytes(call, index, &format));
  EE_TRY(ee_bridge_bytes(call, index + 1, &data));
  EE_TRY(ee_bridge_bytes_or_null(call, index + 2, &constants));
  const size_t constants_size = constants ? constants->size : 0;
  if (constants_size % sizeof(uint32_t) ||
      (constants && (uintptr_t)constants->data % sizeof(uint32_t))) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                   "executable constants of %zu bytes: expected aligned words of 4",
                   constants_size);
  }
  const ee_str_t name = ee_vm_buffer_str(format);
  const ee_bytes_t bytes = {data->data, data->size};
  const uint32_t *words = constants ? (const uint32_t *)(const void *)constants->data : NULL;
  const size_t word_count = constants_size / sizeof(uint32_t);
  ee_hal_executable_t **out = (ee_hal_executable_t **)(void *)&call->results[0].ref;
  for (const ee_bridge_format_t *const *entry = ee_bridge_formats; *entry; ++entry) {
    if (!device->driver->dispatch || !ee_str_equal(name, ee_str_from((*entry)->name))) continue;
    return (*entry)->create(call->program, device, bytes, &data->object, words, word_count, out,
                            call->err);
  }
  EE_TRY(ee_bridge_check_target(call, device, name));
  // Bytes that may change have no owner that could promise otherwise.
  return ee_hal_executable_create(device, name, bytes, data->writable ? NULL : &data->object, words,
                                  word_count, out, call->err);
}

// device, queue, format, data, constants
eerie_status_t ee_bridge_hal_executable_create(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  return ee_bridge_executable_create(call, device, 2);
}

// executable, name
eerie_status_t ee_bridge_hal_executable_lookup(ee_vm_call_t *call) {
  ee_hal_executable_t *executable = NULL;
  ee_vm_buffer_t *name = NULL;
  EE_TRY(ee_bridge_executable(call, 0, &executable));
  EE_TRY(ee_bridge_bytes(call, 1, &name));
  uint32_t function = 0;
  EE_TRY(ee_hal_executable_lookup(executable, ee_vm_buffer_str(name), &function, call->err));
  call->results[0].i64 = function;
  return EERIE_OK;
}

// device, queue, access, bytes, offset, length, flags
eerie_status_t ee_bridge_hal_file_from_memory(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_device_t *device = NULL;
  ee_vm_buffer_t *bytes = NULL;
  uint8_t *data = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  EE_TRY(ee_bridge_bytes(call, 3, &bytes));
  EE_TRY(ee_bridge_bytes_range(call, 3, (uint64_t)a[4].i64, (uint64_t)a[5].i64, &data));
  const uint32_t access = (uint32_t)a[2].i32;
  if ((access & EE_HAL_ACCESS_WRITE) && !bytes->writable) {
    return EE_FAIL(call->err, EERIE_PERMISSION_DENIED, "read-only bytes as a file to write");
  }
  return ee_hal_file_from_memory(device->heap, data, (uint64_t)a[5].i64, access, &bytes->object,
                                 (ee_hal_file_t **)(void *)&call->results[0].ref, call->err);
}

eerie_status_t ee_bridge_hal_no_collectives(ee_vm_call_t *call) {
  return EE_FAIL(call->err, EERIE_UNIMPLEMENTED,
                 "collectives between devices are not supported: no device in this build has "
                 "channels");
}
