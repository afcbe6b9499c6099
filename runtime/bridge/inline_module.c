// inline_module.c: the `hal_inline` module: buffers and tensors for modules that run without
// queues, on host bytes. What it has in common with `hal` is the same function.
//
// Semantics: compiler/Modules/HAL/Inline/hal_inline.imports.mlir of 3.13; the same in 3.11
// and 3.12.
#include "bridge/hal_module.h"
#include "hal/observe.h"

// Host bytes over the bytes of a device's buffer, which they keep alive.
static eerie_status_t storage_of(ee_vm_call_t *call, ee_hal_buffer_t *buffer,
                                 ee_object_t **out_storage) {
  if (!buffer->data && buffer->size != 0) {
    return EE_FAIL(call->err, EERIE_UNIMPLEMENTED,
                   "device %s keeps buffers where the host cannot reach them",
                   buffer->device->name);
  }
  ee_vm_buffer_t *storage = NULL;
  EE_TRY(ee_vm_buffer_wrap(call->heap, buffer->data, (size_t)buffer->size,
                           (buffer->access & EE_HAL_ACCESS_WRITE) != 0, &buffer->object, &storage,
                           call->err));
  *out_storage = &storage->object;
  return EERIE_OK;
}

// Leaves the buffer and its bytes in the two results.
static eerie_status_t allocate(ee_vm_call_t *call, int32_t alignment, int64_t size) {
  if (alignment < 0 || (alignment & (alignment - 1)) != 0 || alignment > EERIE_BUFFER_ALIGNMENT) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                   "a buffer aligned to %d: expected a power of two up to %d", alignment,
                   EERIE_BUFFER_ALIGNMENT);
  }
  if (size < 0) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "a buffer of %lld bytes", (long long)size);
  }
  ee_hal_device_t *device = NULL;
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_first_device(call, &device));
  EE_TRY(
      ee_hal_buffer_allocate(device, EE_HAL_MEMORY_HOST_LOCAL | EE_HAL_MEMORY_DEVICE_VISIBLE,
                             EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH | EE_HAL_USAGE_MAPPING,
                             (uint64_t)size, &buffer, call->err));
  ee_hal_observe_buffer(buffer, device->heap, EE_HAL_MEMORY_KIND_TRANSIENT);
  call->results[0].ref = &buffer->object;
  return storage_of(call, buffer, &call->results[1].ref);
}

// alignment, size -> buffer, bytes
static eerie_status_t buffer_allocate(ee_vm_call_t *call) {
  return allocate(call, call->arguments[0].i32, call->arguments[1].i64);
}

// alignment, source, offset, length -> buffer, bytes
static eerie_status_t buffer_allocate_initialized(ee_vm_call_t *call) {
  const int64_t offset = call->arguments[2].i64, length = call->arguments[3].i64;
  uint8_t *source = NULL;
  EE_TRY(ee_bridge_bytes_range(call, 1, (uint64_t)offset, (uint64_t)length, &source));
  EE_TRY(allocate(call, call->arguments[0].i32, length));
  if (length != 0) {
    memcpy(((ee_hal_buffer_t *)(void *)call->results[0].ref)->data, source, (size_t)length);
  }
  return EERIE_OK;
}

static void release_wrapped(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  ee_object_release(user);
}

// source, offset, length -> buffer over the same bytes
static eerie_status_t buffer_wrap(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  ee_vm_buffer_t *source = NULL;
  uint8_t *data = NULL;
  const uint64_t length = (uint64_t)call->arguments[2].i64;
  EE_TRY(ee_bridge_first_device(call, &device));
  EE_TRY(ee_bridge_bytes(call, 0, &source));
  EE_TRY(ee_bridge_bytes_range(call, 0, (uint64_t)call->arguments[1].i64, length, &data));
  EE_TRY(ee_hal_buffer_import(
      device, data, length, source->writable ? EE_HAL_ACCESS_ALL : EE_HAL_ACCESS_READ,
      release_wrapped, source, (ee_hal_buffer_t **)(void *)&call->results[0].ref, call->err));
  ee_object_retain(&source->object);
  return EERIE_OK;
}

static eerie_status_t buffer_storage(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  return storage_of(call, buffer, &call->results[0].ref);
}

// category, key -> known, value
static eerie_status_t device_query(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  ee_vm_buffer_t *category = NULL, *key = NULL;
  EE_TRY(ee_bridge_first_device(call, &device));
  EE_TRY(ee_bridge_bytes(call, 0, &category));
  EE_TRY(ee_bridge_bytes(call, 1, &key));
  call->results[0].i32 = ee_hal_device_query(device, ee_vm_buffer_str(category),
                                             ee_vm_buffer_str(key), &call->results[1].i64);
  return EERIE_OK;
}

static const ee_vm_native_function_t functions[] = {
    {"buffer.allocate", "0iI_rr", buffer_allocate},
    {"buffer.allocate.initialized", "0irII_rr", buffer_allocate_initialized},
    {"buffer.length", "0r_I", ee_bridge_hal_buffer_length},
    {"buffer.storage", "0r_r", buffer_storage},
    {"buffer.subspan", "0rII_r", ee_bridge_hal_buffer_subspan},
    {"buffer.wrap", "0rII_r", buffer_wrap},
    {"buffer_view.assert", "0rriiCID_v", ee_bridge_hal_view_assert},
    {"buffer_view.buffer", "0r_r", ee_bridge_hal_view_buffer},
    {"buffer_view.create", "0rIIiiCID_r", ee_bridge_hal_view_create},
    {"buffer_view.dim", "0ri_I", ee_bridge_hal_view_dim},
    {"buffer_view.element_type", "0r_i", ee_bridge_hal_view_element_type},
    {"buffer_view.encoding_type", "0r_i", ee_bridge_hal_view_encoding_type},
    {"buffer_view.rank", "0r_i", ee_bridge_hal_view_rank},
    {"buffer_view.trace", "0rCrD_v", ee_bridge_hal_view_trace},
    {"device.query.i64", "0rr_iI", device_query},
};

static const ee_object_type_t *const types[] = {&ee_hal_buffer_type, &ee_hal_buffer_view_type};

const ee_vm_native_module_t ee_bridge_inline_module = {
    .name = "hal_inline",
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .types = types,
    .type_count = sizeof types / sizeof types[0],
    .create_state = ee_bridge_state_create,
    .destroy_state = ee_bridge_state_destroy,
};
