// across_copy.c: what goes between the memories of two devices. See across.h.
#include "hal/across.h"

#if EERIE_ASYNC_DEVICES

// Of bytes that neither device's host side sees, at a time.
#define PIECE_SIZE (UINT64_C(8) << 20)

// ---- Steps -------------------------------------------------------------------------------------

void ee_hal_steps_note(ee_hal_steps_t *steps, eerie_status_t status, const eerie_error_t *cause) {
  if (status == EERIE_OK || steps->status != EERIE_OK) return;
  steps->status = status;
  steps->error = *cause;
}

ee_hal_fence_t *ee_hal_steps_fence(ee_hal_steps_t *steps) {
  eerie_error_t err;
  err.message[0] = 0;
  ee_hal_fence_t *fence = NULL;
  ee_hal_steps_note(steps, ee_hal_fence_create(steps->heap, &fence, &err), &err);
  if (fence && steps->fence_count == steps->fence_capacity) {
    const size_t capacity = steps->fence_capacity ? 2 * steps->fence_capacity : 4;
    ee_hal_fence_t **fences =
        ee_heap_resize(steps->heap, steps->fences, steps->fence_capacity * sizeof *steps->fences,
                       capacity * sizeof *steps->fences);
    if (!fences) {
      ee_hal_steps_note(steps, EE_NO_MEMORY(&err, capacity * sizeof *steps->fences), &err);
      ee_object_release((ee_object_t *)fence);
      return NULL;
    }
    steps->fences = fences;
    steps->fence_capacity = capacity;
  }
  if (fence) steps->fences[steps->fence_count++] = fence;
  return fence;
}

// True for the second of two: who hangs the waiter, and the waiter.
static bool comes_second(ee_hal_steps_t *steps) {
  return ee_fetch_sub_acq_rel(&steps->turns, 1u) == 1u;
}

static void go_on(ee_hal_fence_waiter_t *waiter, eerie_status_t status) {
  (void)status;
  ee_hal_steps_t *steps = (ee_hal_steps_t *)waiter;
  if (comes_second(steps)) ee_hal_steps_run(steps);
}

// Waits for the fences of a step, in any order, as all must be over. false: another thread goes on,
// and may have freed `steps`.
static bool settle(ee_hal_steps_t *steps) {
  while (steps->fence_count) {
    ee_hal_fence_t *fence = steps->fences[steps->fence_count - 1];
    eerie_error_t cause;
    cause.message[0] = 0;
    const eerie_status_t status = ee_hal_fence_query(fence, &cause);
    if (status == EERIE_DEFERRED) {
      // Where the fence is signaled meanwhile this thread goes on, not one more function down.
      steps->waiter = (ee_hal_fence_waiter_t){.function = go_on};
      ee_atomic_init(&steps->turns, 2u);
      ee_hal_fence_notify(fence, &steps->waiter);
      if (!comes_second(steps)) return false;
      continue;
    }
    ee_hal_steps_note(steps, status, &cause);
    ee_object_release((ee_object_t *)fence);
    --steps->fence_count;
  }
  return true;
}

void ee_hal_steps_run(ee_hal_steps_t *steps) {
  while (settle(steps) && steps->advance(steps)) {
  }
}

void ee_hal_steps_free(ee_hal_steps_t *steps) {
  ee_heap_free(steps->heap, steps->fences, steps->fence_capacity * sizeof *steps->fences);
}

// By the buffer's own device, to or from a file of these bytes.
static eerie_status_t move(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host, uint64_t size,
                           bool to_buffer, ee_hal_fence_t *signal, eerie_error_t *err) {
  ee_hal_device_t *device = buffer->device;
  ee_hal_file_t *file = NULL;
  EE_TRY(ee_hal_file_from_memory(device->heap, host, size, EE_HAL_ACCESS_ALL, NULL, &file, err));
  ee_hal_operation_t operation = {.kind = to_buffer ? EE_HAL_QUEUE_READ : EE_HAL_QUEUE_WRITE,
                                  .file = file};
  *(to_buffer ? &operation.target : &operation.source) =
      (ee_hal_binding_t){buffer, 0, offset, size};
  const eerie_status_t status = ee_hal_device_submit(device, NULL, signal, &operation, err);
  ee_object_release((ee_object_t *)file);
  return status;
}

void ee_hal_steps_move(ee_hal_steps_t *steps, ee_hal_buffer_t *buffer, uint64_t offset,
                       uint8_t *host, uint64_t size, bool to_buffer) {
  ee_hal_fence_t *fence = ee_hal_steps_fence(steps);
  if (!fence) return;
  eerie_error_t err;
  err.message[0] = 0;
  const eerie_status_t status = move(buffer, offset, host, size, to_buffer, fence, &err);
  if (status != EERIE_OK) ee_hal_fence_signal(fence, status, &err);
}

// ---- Copies ------------------------------------------------------------------------------------

typedef struct copy {
  ee_hal_steps_t steps;
  ee_hal_device_t *device;          // that this is a block of
  ee_hal_fence_t *signal;           // retained
  ee_hal_buffer_t *source, *target; // retained
  uint64_t from, to, left;
  uint64_t piece;   // of the step under way
  uint8_t *staging; // NULL: the host sees a side
  uint64_t staging_size;
  bool loaded; // the piece is in `staging`
  size_t block_size;
} copy_t;

static void copy_end(copy_t *copy) {
  ee_hal_fence_t *signal = copy->signal;
  const eerie_status_t status = copy->steps.status;
  const eerie_error_t cause = copy->steps.error;
  ee_hal_buffer_release(copy->source);
  ee_hal_buffer_release(copy->target);
  ee_heap_free(copy->steps.heap, copy->staging, (size_t)copy->staging_size);
  ee_hal_steps_free(&copy->steps);
  ee_hal_device_free(copy->device, copy, copy->block_size);
  ee_hal_fence_signal(signal, status, status == EERIE_OK ? NULL : &cause);
  ee_object_release((ee_object_t *)signal);
}

// Starts what brings the piece a step further.
static void copy_piece(copy_t *copy) {
  uint8_t *const from = copy->source->data, *const to = copy->target->data;
  if (copy->loaded || from) {
    uint8_t *host = copy->loaded ? copy->staging : from + (size_t)copy->from;
    ee_hal_steps_move(&copy->steps, copy->target, copy->to, host, copy->piece, true);
  } else {
    uint8_t *host = to ? to + (size_t)copy->to : copy->staging;
    ee_hal_steps_move(&copy->steps, copy->source, copy->from, host, copy->piece, false);
  }
}

static bool copy_advance(ee_hal_steps_t *steps) {
  copy_t *copy = (copy_t *)steps;
  if (copy->piece && copy->staging && !copy->loaded) {
    copy->loaded = true;
  } else {
    copy->from += copy->piece;
    copy->to += copy->piece;
    copy->left -= copy->piece;
    copy->piece = copy->left < PIECE_SIZE ? copy->left : PIECE_SIZE;
    copy->loaded = false;
  }
  if (steps->status != EERIE_OK || copy->left == 0) {
    copy_end(copy);
    return false;
  }
  copy_piece(copy);
  return true;
}

// The places of a copy, checked.
static eerie_status_t copy_check(const ee_hal_operation_t *operation, uint64_t *out_size,
                                 eerie_error_t *err) {
  uint8_t *data;
  uint64_t target_size;
  EE_TRY(ee_hal_binding_resolve(&operation->source, NULL, 0, EE_HAL_ACCESS_READ, &data, out_size,
                                err));
  EE_TRY(ee_hal_binding_resolve(&operation->target, NULL, 0, EE_HAL_ACCESS_WRITE, &data,
                                &target_size, err));
  if (*out_size == target_size) return EERIE_OK;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a copy of %llu bytes onto %llu",
                 (unsigned long long)*out_size, (unsigned long long)target_size);
}

static eerie_status_t copy_start(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                 const ee_hal_operation_t *operation, eerie_error_t *err) {
  uint64_t size;
  EE_TRY(copy_check(operation, &size, err));
  size_t block_size;
  copy_t *copy = ee_hal_device_allocate(device, sizeof *copy, &block_size);
  if (!copy) return EE_NO_MEMORY(err, sizeof *copy);
  *copy = (copy_t){
      .steps = {.heap = device->heap, .advance = copy_advance},
      .device = device,
      .signal = signal,
      .source = operation->source.buffer,
      .target = operation->target.buffer,
      .from = operation->source.offset,
      .to = operation->target.offset,
      .left = size,
      .block_size = block_size,
  };
  if (!copy->source->data && !copy->target->data && size) {
    copy->staging_size = size < PIECE_SIZE ? size : PIECE_SIZE;
    copy->staging = ee_heap_allocate(device->heap, (size_t)copy->staging_size);
    if (!copy->staging) {
      const eerie_status_t status = EE_NO_MEMORY(err, (size_t)copy->staging_size);
      ee_hal_device_free(device, copy, block_size);
      return status;
    }
  }
  ee_object_retain((ee_object_t *)signal);
  ee_hal_buffer_retain(copy->source);
  ee_hal_buffer_retain(copy->target);
  ee_hal_steps_run(&copy->steps);
  return EERIE_OK;
}

// ---- Operations --------------------------------------------------------------------------------

eerie_status_t ee_hal_across_transfer(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                      const ee_hal_operation_t *operation, eerie_error_t *err) {
  const ee_hal_buffer_t *source = operation->source.buffer, *target = operation->target.buffer;
  if (source && target && source->device != target->device) {
    return copy_start(device, signal, operation, err);
  }
  // All of it is another device's, which then does it.
  const ee_hal_buffer_t *place = target ? target : source;
  ee_hal_operation_t there = *operation;
  there.later = false; // the signal is promised already
  return ee_hal_device_submit(place->device, NULL, signal, &there, err);
}

#endif
