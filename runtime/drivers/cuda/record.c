// record.c: recorded commands of the front end to steps: every range resolved and checked, every
// argument in its place, so that handing them over can fail in the library alone.
//
// Each step says what it comes after, for graphs; a stream runs them in order.
#include "drivers/cuda/cuda.h"

// ---- Recordings --------------------------------------------------------------------------------

eerie_status_t ee_cuda_recording_create(ee_hal_queued_t *device, ee_hal_recording_t **out_recording,
                                        eerie_error_t *err) {
  ee_cuda_recording_t *recording = ee_heap_allocate_zeroed(device->base.heap, sizeof *recording);
  if (!recording) return EE_NO_MEMORY(err, sizeof *recording);
  *out_recording = &recording->base;
  return EERIE_OK;
}

// A graph goes before the modules whose kernels it has.
void ee_cuda_recording_clear(ee_hal_queued_t *queued, ee_hal_recording_t *base) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)base;
  ee_cuda_scope_t scope;
  if (!recording->graph) return;
  if (ee_cuda_enter(device, &scope) == EE_CUDA_SUCCESS) {
    (void)device->cu->GraphExecDestroy(recording->graph);
    ee_cuda_leave(device, &scope);
  }
  recording->graph = NULL;
}

void ee_cuda_recording_destroy(ee_hal_queued_t *device, ee_hal_recording_t *base) {
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)base;
  ee_cuda_recording_clear(device, base);
  ee_cuda_timing_destroy(ee_cuda_device(device), recording);
  ee_heap_free(device->base.heap, recording->steps, recording->capacity);
  ee_heap_free(device->base.heap, recording, sizeof *recording);
}

static eerie_status_t begin(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                            size_t commands, bool again, uint64_t staging, eerie_error_t *err) {
  ee_cuda_recording_clear(device, &recording->base);
  recording->size = 0;
  recording->step_count = recording->uses = 0;
  recording->again = again;
  recording->order = EE_CUDA_ORDER_BARRIER;
  recording->on_host = false;
  EE_TRY(ee_cuda_timing_begin(ee_cuda_device(device), recording, commands, err));
  return ee_hal_recording_restage(device, &recording->base, staging, err);
}

ee_cuda_step_t *ee_cuda_step_add(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                 ee_cuda_step_kind_t kind, size_t extra, eerie_error_t *err) {
  const size_t size = sizeof(ee_cuda_step_t) + ((extra + 7) & ~(size_t)7);
  if (recording->capacity - recording->size < size) {
    const size_t capacity = 2 * recording->capacity + size + 512;
    uint8_t *steps =
        ee_heap_resize(device->base.heap, recording->steps, recording->capacity, capacity);
    if (!steps) {
      (void)EE_NO_MEMORY(err, capacity);
      return NULL;
    }
    recording->steps = steps;
    recording->capacity = capacity;
  }
  ee_cuda_step_t *step = (void *)(recording->steps + recording->size);
  memset(step, 0, size);
  step->size = (uint32_t)size;
  step->kind = kind;
  step->order = recording->order;
  recording->order = EE_CUDA_ORDER_STEP;
  recording->size += size;
  ++recording->step_count;
  return step;
}

static ee_cuda_address_t address_of(const ee_hal_range_t *range) {
  return range->chunk->address + range->offset;
}

// ---- Fills, updates, copies --------------------------------------------------------------------

static eerie_status_t add_fill(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                               ee_cuda_address_t target, uint64_t count, uint32_t pattern,
                               uint32_t width, eerie_error_t *err) {
  ee_cuda_step_t *step = ee_cuda_step_add(device, recording, EE_CUDA_STEP_FILL, 0, err);
  if (!step) return EERIE_RESOURCE_EXHAUSTED;
  step->target = target;
  step->count = count;
  step->pattern = pattern;
  step->width = width;
  return EERIE_OK;
}

static eerie_status_t add_copy(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                               ee_cuda_address_t target, ee_cuda_address_t source, uint64_t size,
                               eerie_error_t *err) {
  ee_cuda_step_t *step = ee_cuda_step_add(device, recording, EE_CUDA_STEP_COPY, 0, err);
  if (!step) return EERIE_RESOURCE_EXHAUSTED;
  step->target = target;
  step->source = source;
  step->count = size;
  return EERIE_OK;
}

// Between bytes that the host sees and the device's.
static eerie_status_t add_staged(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                 ee_cuda_step_kind_t kind, uint8_t *host, ee_cuda_address_t address,
                                 uint64_t size, eerie_error_t *err) {
  ee_cuda_step_t *step = ee_cuda_step_add(device, recording, kind, 0, err);
  if (!step) return EERIE_RESOURCE_EXHAUSTED;
  step->host = host;
  step->target = step->source = address;
  step->count = size;
  return EERIE_OK;
}

// The fewest bytes that the pattern is a repetition of.
static uint32_t narrow_pattern(uint64_t pattern, uint32_t width) {
  while (width > 1) {
    const uint32_t half = width / 2 * 8;
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    if ((pattern & mask) != (pattern >> half & mask)) break;
    width /= 2;
  }
  return width;
}

// What no fill of the library does, patterns of 8 bytes and others at odd places: once by the byte,
// then copied onto what follows, twice as much each time.
static eerie_status_t add_doubling(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                   ee_cuda_address_t target, uint64_t size, uint64_t pattern,
                                   uint32_t width, eerie_error_t *err) {
  if (width == 8 && target % 4 == 0) {
    EE_TRY(add_fill(device, recording, target, 1, (uint32_t)pattern, 4, err));
    EE_TRY(add_fill(device, recording, target + 4, 1, (uint32_t)(pattern >> 32), 4, err));
  } else {
    for (uint32_t i = 0; i < width; ++i)
      EE_TRY(add_fill(device, recording, target + i, 1, (uint8_t)(pattern >> 8 * i), 1, err));
  }
  for (uint64_t done = width; done < size;) {
    const uint64_t rest = size - done, next = done < rest ? done : rest;
    EE_TRY(add_copy(device, recording, target + done, target, next, err));
    done += next;
  }
  return EERIE_OK;
}

static eerie_status_t record_fill(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                  const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_hal_range_t range;
  EE_TRY(ee_hal_fill_resolve(command, table, &range, err));
  if (range.size == 0) return EERIE_OK;
  const ee_cuda_address_t target = address_of(&range);
  const uint32_t width = narrow_pattern(command->pattern, command->pattern_size);
  if (width == 8 || target % width)
    return add_doubling(device, recording, target, range.size, command->pattern, width, err);
  return add_fill(device, recording, target, range.size / width, (uint32_t)command->pattern, width,
                  err);
}

static eerie_status_t record_update(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                    const ee_hal_command_t *command,
                                    const ee_hal_operation_t *table, eerie_error_t *err) {
  ee_hal_range_t range;
  EE_TRY(ee_hal_update_resolve(command, table, &range, err));
  if (range.size == 0) return EERIE_OK;
  uint64_t offset;
  uint8_t *bytes = ee_hal_recording_stage(&recording->base, range.size, &offset);
  memcpy(bytes, command->update_data, (size_t)range.size);
  return add_staged(device, recording, EE_CUDA_STEP_UPLOAD, bytes, address_of(&range), range.size,
                    err);
}

// Piece by piece through staging memory, from the end on which no piece is overwritten before it is
// read.
static eerie_status_t move_bytes(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                 const ee_hal_range_t *source, const ee_hal_range_t *target,
                                 eerie_error_t *err) {
  const uint64_t piece = ee_hal_moved_piece(source->size);
  uint64_t offset;
  uint8_t *staged = ee_hal_recording_stage(&recording->base, piece, &offset);
  for (uint64_t done = 0; done < source->size;) {
    const uint64_t size = source->size - done < piece ? source->size - done : piece;
    const uint64_t at = target->offset < source->offset ? done : source->size - done - size;
    EE_TRY(add_staged(device, recording, EE_CUDA_STEP_DOWNLOAD, staged, address_of(source) + at,
                      size, err));
    EE_TRY(add_staged(device, recording, EE_CUDA_STEP_UPLOAD, staged, address_of(target) + at, size,
                      err));
    done += size;
  }
  return EERIE_OK;
}

static eerie_status_t record_copy(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                  const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_hal_range_t source, target;
  EE_TRY(ee_hal_copy_resolve(command, table, &source, &target, err));
  if (source.size == 0 || address_of(&source) == address_of(&target)) return EERIE_OK;
  if (ee_hal_range_overlap(&source, &target))
    return move_bytes(device, recording, &source, &target, err);
  EE_TRY(add_copy(device, recording, address_of(&target), address_of(&source), source.size, err));
  if (source.buffer->device == target.buffer->device) return EERIE_OK;
  ee_cuda_step_t *step = (void *)(recording->steps + recording->size - sizeof *step);
  step->kind = EE_CUDA_STEP_COPY_PEER;
  step->target_device = ee_cuda_device(ee_hal_queued(target.buffer->device));
  step->source_device = ee_cuda_device(ee_hal_queued(source.buffer->device));
  return EERIE_OK;
}

// ---- Dispatches --------------------------------------------------------------------------------

eerie_status_t ee_cuda_check_grid(const ee_cuda_device_t *device, const ee_cuda_kernel_t *kernel,
                                  const uint32_t grid[3], eerie_error_t *err) {
  const ee_cuda_physical_t *most = &device->physical;
  (void)kernel; // unused in builds without texts
  if (grid[0] <= (uint32_t)most->max_grid_x && grid[1] <= (uint32_t)most->max_grid_y &&
      grid[2] <= (uint32_t)most->max_grid_z) {
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                 "%s: %ux%ux%u workgroups; device %s runs at most %dx%dx%d in a dispatch",
                 kernel->name, grid[0], grid[1], grid[2], device->queued.base.name,
                 most->max_grid_x, most->max_grid_y, most->max_grid_z);
}

static eerie_status_t put_arguments(const ee_hal_command_t *command,
                                    const ee_hal_operation_t *table, ee_cuda_step_t *step,
                                    eerie_error_t *err) {
  uint8_t *at = (uint8_t *)(step + 1);
  for (uint32_t i = 0; i < command->binding_count; ++i, at += sizeof(ee_cuda_address_t)) {
    ee_hal_range_t range;
    EE_TRY(ee_hal_range_resolve(&command->bindings[i], table, 0, &range, err));
    const ee_cuda_address_t address = address_of(&range);
    memcpy(at, &address, sizeof address);
  }
  if (command->constant_count)
    memcpy(at, command->constants, command->constant_count * sizeof *command->constants);
  return EERIE_OK;
}

static eerie_status_t find_counts(const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                  const ee_cuda_kernel_t *kernel, ee_cuda_step_t *step,
                                  eerie_error_t *err) {
  ee_hal_binding_t source = command->source;
  ee_hal_range_t range;
  source.size = 3 * sizeof(uint32_t);
  EE_TRY(ee_hal_range_resolve(&source, table, EE_HAL_ACCESS_READ, &range, err));
  step->source = address_of(&range);
  if (step->source % sizeof(uint32_t) == 0) return EERIE_OK;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "%s: workgroup counts at byte %llu of memory: not a multiple of 4", kernel->name,
                 (unsigned long long)range.offset);
}

static eerie_status_t record_dispatch(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                      const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table, eerie_error_t *err) {
  const ee_cuda_kernel_t *kernel = ee_cuda_kernel_of(command);
  const bool indirect = command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
  const uint32_t *grid = command->workgroup_count;
  if (!indirect) {
    EE_TRY(ee_cuda_check_grid(ee_cuda_device(device), kernel, grid, err));
    if (!grid[0] || !grid[1] || !grid[2]) return EERIE_OK;
  }
  ee_cuda_step_t *step = ee_cuda_step_add(
      device, recording, indirect ? EE_CUDA_STEP_LAUNCH_INDIRECT : EE_CUDA_STEP_LAUNCH,
      command->binding_count * sizeof(ee_cuda_address_t) +
          command->constant_count * sizeof(uint32_t),
      err);
  if (!step) return EERIE_RESOURCE_EXHAUSTED;
  step->kernel = kernel;
  if (indirect) {
    recording->on_host = true;
    EE_TRY(find_counts(command, table, kernel, step, err));
  } else {
    memcpy(step->grid, grid, sizeof step->grid);
  }
  return put_arguments(command, table, step, err);
}

// ---- Lists -------------------------------------------------------------------------------------

static eerie_status_t record_one(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                 const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                 eerie_error_t *err) {
  switch (command->kind) {
  case EE_HAL_COMMAND_DISPATCH:
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    if (ee_hal_observe_skips(device->base.heap)) return EERIE_OK;
    return record_dispatch(device, recording, command, table, err);
  case EE_HAL_COMMAND_FILL: return record_fill(device, recording, command, table, err);
  case EE_HAL_COMMAND_UPDATE: return record_update(device, recording, command, table, err);
  case EE_HAL_COMMAND_COPY: return record_copy(device, recording, command, table, err);
  }
  return EERIE_OK;
}

static eerie_status_t record_command(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                     const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, eerie_error_t *err) {
  // Behind a command without steps a barrier is still to come.
  if (command->after_barrier)
    recording->order = EE_CUDA_ORDER_BARRIER;
  else if (recording->order == EE_CUDA_ORDER_STEP)
    recording->order = EE_CUDA_ORDER_COMMAND;
  EE_TRY(record_one(device, recording, command, table, err));
  if (EE_LIKELY(!recording->base.timed)) return EERIE_OK;
  return ee_cuda_timing_command(ee_cuda_device(device), recording, command, table, err);
}

// Bytes of staging that a command takes, as ee_hal_recording_stage rounds them.
static uint64_t staging_size(const ee_hal_command_t *command, const ee_hal_operation_t *table) {
  if (command->kind == EE_HAL_COMMAND_UPDATE) return command->target.size + 7;
  return command->kind == EE_HAL_COMMAND_COPY ? ee_hal_moved_staging(command, table) : 0;
}

eerie_status_t ee_cuda_record_list(ee_hal_queued_t *device, ee_hal_recording_t *base,
                                   const ee_hal_operation_t *operation, bool again,
                                   eerie_error_t *err) {
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)base;
  uint64_t staging = 0;
  size_t commands = 0;
  for (const ee_hal_command_t *c = operation->commands->first; c; c = c->next, ++commands)
    staging += staging_size(c, operation); // of bytes that are in memory, so the sum fits
  EE_TRY(begin(device, recording, commands, again, staging, err));
  for (const ee_hal_command_t *c = operation->commands->first; c; c = c->next)
    EE_TRY(record_command(device, recording, c, operation, err));
  return EERIE_OK;
}

eerie_status_t ee_cuda_record_transfer(ee_hal_queued_t *device, ee_hal_recording_t *base,
                                       const ee_hal_command_t *command, eerie_error_t *err) {
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)base;
  EE_TRY(begin(device, recording, 1, false, staging_size(command, NULL), err));
  return record_command(device, recording, command, NULL, err);
}

eerie_status_t ee_cuda_record_staged(ee_hal_queued_t *device, ee_hal_recording_t *base,
                                     const ee_hal_span_t *span, const ee_hal_range_t *range,
                                     bool to_buffer, eerie_error_t *err) {
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)base;
  EE_TRY(begin(device, recording, 1, false, 0, err));
  EE_TRY(add_staged(device, recording, to_buffer ? EE_CUDA_STEP_UPLOAD : EE_CUDA_STEP_DOWNLOAD,
                    ee_hal_span_data(span), address_of(range), range->size, err));
  if (EE_LIKELY(!recording->base.timed)) return EERIE_OK;
  const ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_COPY,
      .target = {(ee_hal_buffer_t *)(uintptr_t)range->buffer, 0, 0, range->size},
  };
  return ee_cuda_timing_command(ee_cuda_device(device), recording, &command, NULL, err);
}
