// queued.c: devices with a queue and memory of their own: life, recordings that wait, buffers of
// the front end over spans, where bindings lie, bytes for the host.
#include "hal/queued.h"

// Bytes of a buffer that are staged at a time.
#define STAGE_SIZE (UINT64_C(16) << 20)

// ---- Life --------------------------------------------------------------------------------------

void ee_hal_queued_initialize(ee_hal_queued_t *device, const ee_hal_queued_driver_t *driver) {
  device->queue_driver = driver;
  device->description = "";
  ee_port_monitor_initialize(&device->order);
  ee_port_monitor_initialize(&device->lock);
}

static void recording_delete(ee_hal_queued_t *device, ee_hal_recording_t *recording) {
  ee_hal_span_free(device, recording->staging);
  ee_heap_free(device->base.heap, recording->key, recording->key_words * sizeof *recording->key);
  device->queue_driver->recording_destroy(device, recording);
}

void ee_hal_queued_stop(ee_hal_queued_t *device) {
  ee_hal_watcher_end(device);
  while (device->recordings) {
    ee_hal_recording_t *next = device->recordings->next;
    recording_delete(device, device->recordings);
    device->recordings = next;
  }
  ee_hal_spans_destroy(device);
}

void ee_hal_queued_deinitialize(ee_hal_queued_t *device) {
  ee_port_monitor_destroy(&device->lock);
  ee_port_monitor_destroy(&device->order);
}

// ---- Recordings --------------------------------------------------------------------------------

eerie_status_t ee_hal_recording_take(ee_hal_queued_t *device, ee_hal_recording_t **out_recording,
                                     eerie_error_t *err) {
  ee_hal_queued_lock(device);
  ee_hal_recording_t *recording = device->recordings;
  if (recording) device->recordings = recording->next;
  ee_hal_queued_unlock(device);
  if (!recording) EE_TRY(device->queue_driver->recording_create(device, &recording, err));
  recording->next = NULL;
  *out_recording = recording;
  return EERIE_OK;
}

static void drop_staging(ee_hal_queued_t *device, ee_hal_recording_t *recording) {
  ee_hal_span_free(device, recording->staging);
  recording->staging = NULL;
  recording->staging_used = 0;
}

void ee_hal_recording_give(ee_hal_queued_t *device, ee_hal_recording_t *recording) {
  if (!recording) return;
  if (device->queue_driver->recording_clear)
    device->queue_driver->recording_clear(device, recording);
  drop_staging(device, recording);
  ee_hal_queued_lock(device);
  recording->next = device->recordings;
  device->recordings = recording;
  ee_hal_queued_unlock(device);
}

eerie_status_t ee_hal_recording_restage(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                        uint64_t size, eerie_error_t *err) {
  drop_staging(device, recording);
  if (size == 0) return EERIE_OK;
  return ee_hal_span_allocate(device, EE_HAL_PLACE_HOST, size, &recording->staging, err);
}

uint8_t *ee_hal_recording_stage(ee_hal_recording_t *recording, uint64_t size,
                                uint64_t *out_offset) {
  const ee_hal_span_t *span = recording->staging;
  *out_offset = span->offset + recording->staging_used;
  recording->staging_used += (size + 7) & ~UINT64_C(7);
  return span->chunk->data + *out_offset;
}

// ---- Buffers -----------------------------------------------------------------------------------

// Memory that a module asks for to look into it from the host, and not to compute in.
static bool is_for_host(const ee_hal_buffer_t *buffer) {
  const uint32_t local = EE_HAL_MEMORY_DEVICE_LOCAL & ~EE_HAL_MEMORY_DEVICE_VISIBLE;
  return (buffer->memory_types & EE_HAL_MEMORY_HOST_VISIBLE) && !(buffer->memory_types & local);
}

eerie_status_t ee_hal_queued_buffer_allocate(ee_hal_device_t *base, ee_hal_buffer_t *buffer,
                                             eerie_error_t *err) {
  ee_hal_queued_t *device = ee_hal_queued(base);
  const ee_hal_place_t place = is_for_host(buffer) ? EE_HAL_PLACE_HOST : EE_HAL_PLACE_DEVICE;
  ee_hal_span_t *span;
  eerie_status_t status = ee_hal_span_allocate(device, place, buffer->size, &span, err);
  if (status == EERIE_RESOURCE_EXHAUSTED) {
    // What is in flight may hold memory that is free when it is done.
    ee_hal_queued_wait(base, UINT64_MAX, INT64_MAX);
    status = ee_hal_span_allocate(device, place, buffer->size, &span, err);
  }
  if (status != EERIE_OK) return status;
  buffer->driver_handle = (uint64_t)(uintptr_t)span;
  buffer->data = span->chunk->data ? ee_hal_span_data(span) : NULL;
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

eerie_status_t ee_hal_queued_buffer_import(ee_hal_device_t *base, ee_hal_buffer_t *buffer,
                                           eerie_error_t *err) {
  ee_hal_span_t *span = NULL;
  // Kernels get an address of no bytes too, which cannot be somebody's.
  EE_TRY(buffer->size
             ? ee_hal_span_import(ee_hal_queued(base), buffer->data, buffer->size, &span, err)
             : ee_hal_span_allocate(ee_hal_queued(base), EE_HAL_PLACE_DEVICE, 0, &span, err));
  buffer->driver_handle = (uint64_t)(uintptr_t)span;
  return EERIE_OK;
}

void ee_hal_queued_buffer_free(ee_hal_device_t *base, ee_hal_buffer_t *buffer) {
  ee_hal_span_free(ee_hal_queued(base), ee_hal_span_of(buffer));
}

eerie_status_t ee_hal_range_resolve(const ee_hal_binding_t *binding,
                                    const ee_hal_operation_t *table, uint32_t access,
                                    ee_hal_range_t *out_range, eerie_error_t *err) {
  uint8_t *data;
  EE_TRY(ee_hal_binding_resolve(binding, table ? table->bindings : NULL,
                                table ? table->binding_count : 0, access, &data, &out_range->size,
                                err));
  const ee_hal_binding_t *entry = binding->buffer ? NULL : &table->bindings[binding->slot];
  const ee_hal_buffer_t *buffer = entry ? entry->buffer : binding->buffer;
  const ee_hal_span_t *span = ee_hal_span_of(buffer);
  // Both offsets were found to lie in the buffer.
  const uint64_t in_storage = buffer->offset + (entry ? entry->offset : 0) + binding->offset;
  out_range->buffer = buffer;
  out_range->chunk = span->chunk;
  out_range->offset = span->offset + in_storage;
  out_range->room = span->size - in_storage;
  return EERIE_OK;
}

// ---- For the host ------------------------------------------------------------------------------

static eerie_status_t record_stage(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                                   const ee_hal_binding_t *binding, const ee_hal_span_t *stage,
                                   bool write, eerie_error_t *err) {
  ee_hal_range_t range;
  EE_TRY(ee_hal_range_resolve(binding, NULL, 0, &range, err));
  EE_TRY(ee_hal_recording_take(device, &submission->recording, err));
  EE_TRY(device->queue_driver->record_staged(device, submission->recording, stage, &range, write,
                                             err));
  return ee_hal_fence_create(device->base.heap, &submission->signal, err);
}

static eerie_status_t transfer_stage(ee_hal_queued_t *device, const ee_hal_binding_t *binding,
                                     const ee_hal_span_t *stage, bool write, eerie_error_t *err) {
  ee_hal_submission_t *submission = ee_hal_submission_new(device, 1);
  if (!submission) return EE_NO_MEMORY(err, sizeof *submission);
  ee_hal_submission_keep(submission, binding->buffer);
  eerie_status_t status = record_stage(device, submission, binding, stage, write, err);
  if (status != EERIE_OK) {
    ee_hal_submission_drop(device, submission);
    return status;
  }
  ee_hal_fence_t *fence = submission->signal;
  ee_object_retain((ee_object_t *)fence);
  status = ee_hal_queued_hand_over(device, submission, err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(fence, INT64_MAX, err);
  ee_object_release((ee_object_t *)fence);
  return status;
}

eerie_status_t ee_hal_queued_transfer(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host,
                                      size_t size, bool write, eerie_error_t *err) {
  ee_hal_queued_t *device = ee_hal_queued(buffer->device);
  ee_hal_span_t *stage;
  const uint64_t most = size < STAGE_SIZE ? size : STAGE_SIZE;
  EE_TRY(ee_hal_span_allocate(device, EE_HAL_PLACE_HOST, most, &stage, err));
  uint8_t *staged = ee_hal_span_data(stage);
  if (write && !host) memset(staged, 0, (size_t)most);
  eerie_status_t status = EERIE_OK;
  for (uint64_t done = 0; done < size && status == EERIE_OK;) {
    const uint64_t part = size - done < most ? size - done : most;
    const ee_hal_binding_t binding = {buffer, 0, offset + done, part};
    if (write && host) memcpy(staged, host + done, (size_t)part);
    status = transfer_stage(device, &binding, stage, write, err);
    if (!write && status == EERIE_OK) memcpy(host + done, staged, (size_t)part);
    done += part;
  }
  ee_hal_span_free(device, stage);
  return status;
}

// ---- Names -------------------------------------------------------------------------------------

bool ee_hal_name_rest(ee_str_t spec, ee_str_t kind, ee_str_t *out_rest) {
  if (spec.size < kind.size || memcmp(spec.data, kind.data, kind.size) != 0) return false;
  const ee_str_t rest = {spec.data + kind.size, spec.size - kind.size};
  if (rest.size && rest.data[0] != ':') return false;
  const size_t skipped = rest.size >= 3 && memcmp(rest.data, "://", 3) == 0 ? 3 : rest.size ? 1 : 0;
  *out_rest = (ee_str_t){rest.data + skipped, rest.size - skipped};
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool parse_uuid(ee_str_t text, uint8_t out_uuid[16]) {
  if (text.size > 4 && memcmp(text.data, "GPU-", 4) == 0)
    text = (ee_str_t){text.data + 4, text.size - 4};
  size_t bytes = 0;
  for (size_t i = 0; i < text.size;) {
    if (text.data[i] == '-') {
      ++i;
      continue;
    }
    if (i + 1 >= text.size || bytes == 16) return false;
    const int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
    if (high < 0 || low < 0) return false;
    out_uuid[bytes++] = (uint8_t)(high * 16 + low);
    i += 2;
  }
  return bytes == 16;
}

static bool parse_ordinal(ee_str_t text, uint32_t *out_ordinal) {
  *out_ordinal = 0;
  if (text.size > 4) return false;
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *out_ordinal = *out_ordinal * 10 + (uint32_t)(text.data[i] - '0');
  }
  return true;
}

bool ee_hal_choice_parse(ee_str_t rest, ee_hal_choice_t *out_choice) {
  out_choice->by_uuid = !parse_ordinal(rest, &out_choice->ordinal);
  return !out_choice->by_uuid || parse_uuid(rest, out_choice->uuid);
}

void ee_hal_uuid_format(const uint8_t uuid[16], char out_text[EE_HAL_UUID_TEXT]) {
  size_t at = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out_text[at++] = '-';
    ee_format(out_text + at, 3, "%02x", uuid[i]);
    at += 2;
  }
}
