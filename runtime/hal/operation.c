// operation.c: operations of the front end to submissions.
//
// Bytes between host and device go the shortest way: where what came before is over and the host
// sees the buffer, they are copied at once; else through staging memory, in pieces, in the order of
// the queue.
#include "hal/queued.h"

// Of a file that is staged.
#define PIECE_SIZE (UINT64_C(16) << 20)

typedef struct request {
  ee_hal_queued_t *device;
  uint64_t after;
  ee_hal_fence_t *signal;
  const ee_hal_operation_t *operation;
} request_t;

static eerie_status_t done_now(const request_t *request) {
  ee_hal_fence_signal(request->signal, EERIE_OK, NULL);
  return EERIE_OK;
}

static void set_signal(ee_hal_submission_t *submission, ee_hal_fence_t *signal) {
  submission->signal = signal;
  ee_object_retain((ee_object_t *)signal);
}

// ---- Command lists -----------------------------------------------------------------------------

static eerie_status_t check_list(const request_t *request, eerie_error_t *err) {
  const ee_hal_command_list_t *list = request->operation->commands;
  if (!list || !list->finalized) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the command list is not finalized");
  }
  if (list->device != &request->device->base) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a command list of another device");
  }
  if (request->operation->binding_count < list->binding_capacity) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "the command list takes %u bindings, the execution gives %zu",
                   list->binding_capacity, request->operation->binding_count);
  }
  return EERIE_OK;
}

static eerie_status_t submit_list(const request_t *request, eerie_error_t *err) {
  const ee_hal_operation_t *operation = request->operation;
  EE_TRY(check_list(request, err));
  if (!operation->commands->first)
    return ee_hal_queued_note(request->device, request->after, request->signal, err);
  ee_hal_submission_t *submission =
      ee_hal_submission_new(request->device, operation->binding_count + 1);
  if (!submission) return EE_NO_MEMORY(err, sizeof *submission);
  ee_hal_submission_keep(submission, operation->commands);
  for (size_t i = 0; i < operation->binding_count; ++i)
    ee_hal_submission_keep(submission, operation->bindings[i].buffer);
  const eerie_status_t status =
      ee_hal_replay_take(request->device, operation, &submission->recording, err);
  if (status != EERIE_OK) {
    ee_hal_submission_drop(request->device, submission);
    return status;
  }
  set_signal(submission, request->signal);
  return ee_hal_queued_hand_over(request->device, submission, err);
}

// ---- Fills, updates, copies --------------------------------------------------------------------

static eerie_status_t submit_transfer(const request_t *request, ee_hal_command_kind_t kind,
                                      eerie_error_t *err) {
  const ee_hal_operation_t *operation = request->operation;
  ee_hal_command_t command = {
      .kind = kind,
      .source = operation->source,
      .target = operation->target,
      .pattern = operation->pattern,
      .pattern_size = operation->pattern_size,
      .update_data = operation->update_data,
  };
  if (kind == EE_HAL_COMMAND_UPDATE) command.target.size = operation->update_size;
  ee_hal_submission_t *submission = ee_hal_submission_new(request->device, 2);
  if (!submission) return EE_NO_MEMORY(err, sizeof *submission);
  ee_hal_submission_keep(submission, operation->source.buffer);
  ee_hal_submission_keep(submission, operation->target.buffer);
  eerie_status_t status = ee_hal_recording_take(request->device, &submission->recording, err);
  if (status == EERIE_OK)
    status = request->device->queue_driver->record_transfer(request->device, submission->recording,
                                                            &command, err);
  if (status != EERIE_OK) {
    ee_hal_submission_drop(request->device, submission);
    return status;
  }
  set_signal(submission, request->signal);
  return ee_hal_queued_hand_over(request->device, submission, err);
}

// Whether the host may touch a buffer right now.
static bool is_at_hand(const request_t *request, const ee_hal_binding_t *binding) {
  return request->after == 0 && binding->buffer && binding->buffer->data;
}

static eerie_status_t resolve(const ee_hal_binding_t *binding, uint32_t access, uint8_t **out_data,
                              uint64_t *out_size, eerie_error_t *err) {
  return ee_hal_binding_resolve(binding, NULL, 0, access, out_data, out_size, err);
}

static eerie_status_t update(const request_t *request, eerie_error_t *err) {
  const ee_hal_operation_t *operation = request->operation;
  uint8_t *data;
  uint64_t size;
  EE_TRY(resolve(&operation->target, EE_HAL_ACCESS_WRITE, &data, &size, err));
  if (size != operation->update_size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "an update of %llu bytes onto %llu",
                   (unsigned long long)operation->update_size, (unsigned long long)size);
  }
  if (!is_at_hand(request, &operation->target)) {
    return submit_transfer(request, EE_HAL_COMMAND_UPDATE, err);
  }
  if (size) memcpy(data, operation->update_data, (size_t)size);
  return done_now(request);
}

static eerie_status_t copy(const request_t *request, eerie_error_t *err) {
  const ee_hal_operation_t *operation = request->operation;
  if (!is_at_hand(request, &operation->source) || !is_at_hand(request, &operation->target)) {
    return submit_transfer(request, EE_HAL_COMMAND_COPY, err);
  }
  uint8_t *from, *to;
  uint64_t from_size, to_size;
  EE_TRY(resolve(&operation->source, EE_HAL_ACCESS_READ, &from, &from_size, err));
  EE_TRY(resolve(&operation->target, EE_HAL_ACCESS_WRITE, &to, &to_size, err));
  if (from_size != to_size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a copy of %llu bytes onto %llu",
                   (unsigned long long)from_size, (unsigned long long)to_size);
  }
  if (from_size) memmove(to, from, (size_t)from_size);
  return done_now(request);
}

// ---- Files -------------------------------------------------------------------------------------

// A piece between a file and a buffer, through staging memory. The last one signals.
static eerie_status_t submit_piece(const request_t *request, const ee_hal_binding_t *binding,
                                   uint8_t *in_file, uint64_t size, bool write, bool last,
                                   eerie_error_t *err) {
  ee_hal_queued_t *device = request->device;
  ee_hal_range_t range;
  EE_TRY(ee_hal_range_resolve(binding, NULL, write ? EE_HAL_ACCESS_READ : EE_HAL_ACCESS_WRITE,
                              &range, err));
  ee_hal_submission_t *submission = ee_hal_submission_new(device, 2);
  if (!submission) return EE_NO_MEMORY(err, sizeof *submission);
  ee_hal_submission_keep(submission, binding->buffer);
  ee_hal_submission_keep(submission, request->operation->file);
  eerie_status_t status =
      ee_hal_span_allocate(device, EE_HAL_PLACE_HOST, size, &submission->span, err);
  if (status == EERIE_OK) status = ee_hal_recording_take(device, &submission->recording, err);
  if (status == EERIE_OK) {
    status = device->queue_driver->record_staged(device, submission->recording, submission->span,
                                                 &range, !write, err);
  }
  if (status != EERIE_OK) {
    ee_hal_submission_drop(device, submission);
    return status;
  }
  if (write) {
    submission->host = in_file;
    submission->host_size = size;
  } else {
    memcpy(ee_hal_span_data(submission->span), in_file, (size_t)size);
  }
  if (last) set_signal(submission, request->signal);
  return ee_hal_queued_hand_over(device, submission, err);
}

static uint64_t last_submitted(ee_hal_queued_t *device) {
  ee_hal_queued_lock(device);
  const uint64_t value = device->submitted;
  ee_hal_queued_unlock(device);
  return value;
}

// Two pieces at most hold staging memory at a time.
static eerie_status_t submit_pieces(const request_t *request, const ee_hal_binding_t *whole,
                                    uint8_t *in_file, uint64_t size, bool write,
                                    eerie_error_t *err) {
  uint64_t before = 0;
  eerie_status_t status = EERIE_OK;
  for (uint64_t done = 0; done < size;) {
    const uint64_t part = size - done < PIECE_SIZE ? size - done : PIECE_SIZE;
    const ee_hal_binding_t binding = {whole->buffer, 0, whole->offset + done, part};
    const uint64_t current = last_submitted(request->device);
    status = submit_piece(request, &binding, in_file + done, part, write, done + part == size, err);
    if (status != EERIE_OK) break;
    done += part;
    if (before && done < size) ee_hal_queued_wait(&request->device->base, before, INT64_MAX);
    before = current + 1;
  }
  // Who is told of a failure may free the file's memory: pieces on their way are waited for.
  if (status != EERIE_OK)
    ee_hal_queued_wait(&request->device->base, last_submitted(request->device), INT64_MAX);
  return status;
}

static eerie_status_t file_transfer(const request_t *request, const ee_hal_binding_t *binding,
                                    bool write, eerie_error_t *err) {
  const ee_hal_operation_t *operation = request->operation;
  const ee_hal_file_t *file = operation->file;
  uint8_t *data;
  uint64_t size;
  EE_TRY(resolve(binding, write ? EE_HAL_ACCESS_READ : EE_HAL_ACCESS_WRITE, &data, &size, err));
  if (!ee_range_ok(operation->file_offset, size, file->size)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%llu bytes at %llu do not lie in a file of %llu",
                   (unsigned long long)size, (unsigned long long)operation->file_offset,
                   (unsigned long long)file->size);
  }
  if (write && !(file->access & EE_HAL_ACCESS_WRITE)) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED, "the file is read-only");
  }
  if (size == 0) return ee_hal_queued_note(request->device, request->after, request->signal, err);
  uint8_t *in_file = file->data + (size_t)operation->file_offset;
  // What is written to the file by work in flight must be there before it is read again.
  if (request->after && !write && (file->access & EE_HAL_ACCESS_WRITE))
    ee_hal_queued_wait(&request->device->base, request->after, INT64_MAX);
  if (!is_at_hand(request, binding))
    return submit_pieces(request, binding, in_file, size, write, err);
  memmove(write ? in_file : data, write ? data : in_file, (size_t)size);
  return done_now(request);
}

eerie_status_t ee_hal_queued_run(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                                 eerie_error_t *err) {
  return ee_hal_queued_submit(base, 0, NULL, operation, err);
}

eerie_status_t ee_hal_queued_submit(ee_hal_device_t *base, uint64_t after, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err) {
  ee_hal_queued_t *device = ee_hal_queued(base);
  const request_t request = {device, after, signal, operation};
  EE_TRY(ee_hal_queued_check_lost(device, err));
  switch (operation->kind) {
  case EE_HAL_QUEUE_EXECUTE: return submit_list(&request, err);
  case EE_HAL_QUEUE_BARRIER:
  case EE_HAL_QUEUE_DEALLOCATE: // memory goes with its last reference
    return ee_hal_queued_note(device, after, signal, err);
  case EE_HAL_QUEUE_FILL: return submit_transfer(&request, EE_HAL_COMMAND_FILL, err);
  case EE_HAL_QUEUE_UPDATE: return update(&request, err);
  case EE_HAL_QUEUE_COPY: return copy(&request, err);
  case EE_HAL_QUEUE_READ: return file_transfer(&request, &operation->target, false, err);
  case EE_HAL_QUEUE_WRITE: return file_transfer(&request, &operation->source, true, err);
  }
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "operation of unknown kind %d", (int)operation->kind);
}
