// buffer.c: buffers of the front end over spans; where bindings lie; copies for the host.
#include "drivers/vulkan/vulkan.h"

// Memory that a module asks for to look into it from the host, and not to compute in.
static bool is_for_host(const ee_hal_buffer_t *buffer) {
  const uint32_t local = EE_HAL_MEMORY_DEVICE_LOCAL & ~EE_HAL_MEMORY_DEVICE_VISIBLE;
  return (buffer->memory_types & EE_HAL_MEMORY_HOST_VISIBLE) && !(buffer->memory_types & local);
}

eerie_status_t ee_vulkan_buffer_allocate(ee_hal_device_t *base, ee_hal_buffer_t *buffer,
                                         eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_device(base);
  const ee_vulkan_memory_kind_t kind =
      is_for_host(buffer) ? EE_VULKAN_MEMORY_HOST : EE_VULKAN_MEMORY_DEVICE;
  ee_vulkan_span_t *span;
  eerie_status_t status = ee_vulkan_span_allocate(device, kind, buffer->size, &span, err);
  if (status == EERIE_RESOURCE_EXHAUSTED) {
    // What is in flight may hold memory that is free when it is done.
    ee_vulkan_queue_wait(base, UINT64_MAX, INT64_MAX);
    status = ee_vulkan_span_allocate(device, kind, buffer->size, &span, err);
  }
  if (status != EERIE_OK) return status;
  buffer->driver_handle = (uint64_t)(uintptr_t)span;
  buffer->data = span->chunk->data ? span->chunk->data + span->offset : NULL;
  // A caller who asked for both gets what the device is fast with; the front end copies then.
  buffer->memory_types |= EE_HAL_MEMORY_DEVICE_LOCAL | EE_HAL_MEMORY_OPTIMAL;
  buffer->usage |= EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH | EE_HAL_USAGE_SHARING;
  if (buffer->data) {
    buffer->memory_types |=
        EE_HAL_MEMORY_HOST_VISIBLE | EE_HAL_MEMORY_HOST_COHERENT | EE_HAL_MEMORY_HOST_CACHED;
    buffer->usage |= EE_HAL_USAGE_MAPPING;
  }
  return EERIE_OK;
}

void ee_vulkan_buffer_free(ee_hal_device_t *base, ee_hal_buffer_t *buffer) {
  ee_vulkan_span_free(ee_vulkan_device(base), ee_vulkan_span_of(buffer));
}

eerie_status_t ee_vulkan_range_resolve(const ee_hal_binding_t *binding,
                                       const ee_hal_operation_t *table, uint32_t access,
                                       ee_vulkan_range_t *out_range, eerie_error_t *err) {
  uint8_t *data;
  EE_TRY(ee_hal_binding_resolve(binding, table ? table->bindings : NULL,
                                table ? table->binding_count : 0, access, &data, &out_range->size,
                                err));
  const ee_hal_binding_t *entry = binding->buffer ? NULL : &table->bindings[binding->slot];
  const ee_hal_buffer_t *buffer = entry ? entry->buffer : binding->buffer;
  const ee_vulkan_span_t *span = ee_vulkan_span_of(buffer);
  // Both offsets were found to lie in the buffer.
  const uint64_t in_storage = buffer->offset + (entry ? entry->offset : 0) + binding->offset;
  out_range->buffer = buffer;
  out_range->chunk = span->chunk;
  out_range->offset = span->offset + in_storage;
  out_range->room = span->size - in_storage;
  return EERIE_OK;
}

// ---- For the host ------------------------------------------------------------------------------

// Bytes of a buffer that are staged at a time.
#define STAGE_SIZE (UINT64_C(16) << 20)

static eerie_status_t transfer_stage(ee_vulkan_device_t *device, ee_hal_buffer_t *buffer,
                                     const ee_hal_binding_t *binding, ee_vulkan_span_t *stage,
                                     bool write, eerie_error_t *err) {
  ee_vulkan_range_t range;
  EE_TRY(ee_vulkan_range_resolve(binding, NULL, 0, &range, err));
  ee_vulkan_submission_t *submission = ee_vulkan_submission_new(device, 1);
  if (!submission) return EE_NO_MEMORY(err, sizeof *submission);
  ee_vulkan_submission_keep(submission, buffer);
  eerie_status_t status = ee_vulkan_recording_take(device, &submission->recording, err);
  if (status == EERIE_OK)
    status = ee_vulkan_record_staged(device, submission->recording, stage, &range, write, err);
  if (status != EERIE_OK) {
    ee_vulkan_submission_drop(device, submission);
    return status;
  }
  ee_hal_fence_t *fence = NULL;
  status = ee_hal_fence_create(device->base.heap, &fence, err);
  if (status != EERIE_OK) {
    ee_vulkan_submission_drop(device, submission);
    return status;
  }
  submission->signal = fence;
  ee_object_retain((ee_object_t *)fence);
  status = ee_vulkan_queue_submit(device, submission, err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(fence, INT64_MAX, err);
  ee_object_release((ee_object_t *)fence);
  return status;
}

eerie_status_t ee_vulkan_buffer_transfer(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host,
                                         size_t size, bool write, eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_device(buffer->device);
  ee_vulkan_span_t *stage;
  const uint64_t most = size < STAGE_SIZE ? size : STAGE_SIZE;
  EE_TRY(ee_vulkan_span_allocate(device, EE_VULKAN_MEMORY_HOST, most, &stage, err));
  uint8_t *staged = stage->chunk->data + stage->offset;
  if (write && !host) memset(staged, 0, (size_t)most);
  eerie_status_t status = EERIE_OK;
  for (uint64_t done = 0; done < size && status == EERIE_OK;) {
    const uint64_t part = size - done < most ? size - done : most;
    const ee_hal_binding_t binding = {buffer, 0, offset + done, part};
    if (write && host) memcpy(staged, host + done, (size_t)part);
    status = transfer_stage(device, buffer, &binding, stage, write, err);
    if (!write && status == EERIE_OK) memcpy(host + done, staged, (size_t)part);
    done += part;
  }
  ee_vulkan_span_free(device, stage);
  return status;
}
