// hal_queue.c: device.queue.*
//
// All take a device, a queue (of which there is one), a fence to wait for and one to signal; either
// may be null. Flags are hints.
#include "bridge/hal_module.h"

// Binding tables up to this size are made on the stack.
#define STACK_BINDINGS 24

typedef struct queue {
  ee_hal_device_t *device;
  ee_hal_fence_t *wait;
  ee_hal_fence_t *signal;
} queue_t;

// device, queue, wait, signal: slots 0 to 3 of every function here
static inline eerie_status_t queue_arguments(ee_vm_call_t *call, queue_t *out_queue) {
  EE_TRY(ee_bridge_device(call, 0, &out_queue->device));
  EE_TRY(ee_bridge_fence_or_null(call, 2, &out_queue->wait));
  return ee_bridge_fence_or_null(call, 3, &out_queue->signal);
}

static inline eerie_status_t submit(ee_vm_call_t *call, const queue_t *queue,
                                    const ee_hal_operation_t *operation) {
  return ee_hal_device_submit(queue->device, queue->wait, queue->signal, operation, call->err);
}

#if EERIE_EVICT
static inline eerie_status_t execute(ee_vm_call_t *call, const queue_t *queue,
                                     const ee_hal_operation_t *operation) {
  return ee_bridge_execute(call, queue->device, queue->wait, queue->signal, operation);
}
#else
#define execute submit
#endif

// An operation that kernels run in.
static ee_hal_operation_t execution(const ee_vm_call_t *call) {
  ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_EXECUTE};
#if EERIE_THREADS
  const ee_bridge_hal_state_t *state = call->state;
  operation.later = state->later && *state->later;
#else
  (void)call;
#endif
  return operation;
}

static const ee_hal_operation_t barrier = {.kind = EE_HAL_QUEUE_BARRIER};

// A binding to a buffer that must be there.
static eerie_status_t buffer_range(ee_vm_call_t *call, uint32_t index, int64_t offset, int64_t size,
                                   ee_hal_binding_t *out_binding) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, index, &buffer));
  *out_binding = (ee_hal_binding_t){buffer, 0, (uint64_t)offset, (uint64_t)size};
  return EERIE_OK;
}

// ..., pool, memory types, usage, size, flags
//
// The bytes are there at once; that they may be used only after `signal` is the module's business.
eerie_status_t ee_bridge_hal_queue_alloca(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  if (EE_UNLIKELY(a[4].i64 != 0)) {
    return EE_FAIL(call->err, EERIE_UNIMPLEMENTED,
                   "allocation from pool %lld; there is only pool 0", (long long)a[4].i64);
  }
  EE_TRY(ee_bridge_allocate(call, queue.device, 5));
  return submit(call, &queue, &barrier);
}

// ..., buffer, flags
eerie_status_t ee_bridge_hal_queue_dealloca(ee_vm_call_t *call) {
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_DEALLOCATE};
  EE_TRY(buffer_range(call, 4, 0, -1, &operation.target));
  return submit(call, &queue, &operation);
}

// ..., target, offset, length, pattern, pattern length, flags
eerie_status_t ee_bridge_hal_queue_fill(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  ee_hal_operation_t operation = {
      .kind = EE_HAL_QUEUE_FILL,
      .pattern = (uint64_t)a[7].i64,
      .pattern_size = (uint32_t)a[8].i32,
  };
  EE_TRY(buffer_range(call, 4, a[5].i64, a[6].i64, &operation.target));
  return submit(call, &queue, &operation);
}

// From what is in slot 4 at the offset in slot 5 to what is in slot 6 at that in slot 7, as many
// bytes as slot 8 says; `kind` tells which of the two is a buffer of the device.
static eerie_status_t transfer(ee_vm_call_t *call, ee_hal_operation_kind_t kind) {
  const ee_vm_value_t *a = call->arguments;
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  ee_hal_operation_t operation = {.kind = kind, .file_offset = (uint64_t)a[5].i64};
  if (kind == EE_HAL_QUEUE_UPDATE) {
    uint8_t *data = NULL;
    EE_TRY(ee_bridge_bytes_range(call, 4, (uint64_t)a[5].i64, (uint64_t)a[8].i64, &data));
    operation.update_data = data;
    operation.update_size = (uint64_t)a[8].i64;
  } else if (kind == EE_HAL_QUEUE_READ) {
    EE_TRY(ee_bridge_file(call, 4, &operation.file));
  } else {
    EE_TRY(buffer_range(call, 4, a[5].i64, a[8].i64, &operation.source));
  }
  if (kind == EE_HAL_QUEUE_WRITE) {
    EE_TRY(ee_bridge_file(call, 6, &operation.file));
    operation.file_offset = (uint64_t)a[7].i64;
  } else {
    EE_TRY(buffer_range(call, 6, a[7].i64, a[8].i64, &operation.target));
  }
  if (kind == EE_HAL_QUEUE_READ && ee_bridge_share_constants(&operation, queue.wait)) {
    return submit(call, &queue, &barrier);
  }
  return submit(call, &queue, &operation);
}

// ..., source bytes, source offset, target, target offset, length, flags
eerie_status_t ee_bridge_hal_queue_update(ee_vm_call_t *call) {
  return transfer(call, EE_HAL_QUEUE_UPDATE);
}

// ..., source, source offset, target, target offset, length, flags
eerie_status_t ee_bridge_hal_queue_copy(ee_vm_call_t *call) {
  return transfer(call, EE_HAL_QUEUE_COPY);
}

// ..., source file, source offset, target, target offset, length, flags
eerie_status_t ee_bridge_hal_queue_read(ee_vm_call_t *call) {
  return transfer(call, EE_HAL_QUEUE_READ);
}

// ..., source, source offset, target file, target offset, length, flags
eerie_status_t ee_bridge_hal_queue_write(ee_vm_call_t *call) {
  return transfer(call, EE_HAL_QUEUE_WRITE);
}

eerie_status_t ee_bridge_hal_queue_barrier(ee_vm_call_t *call) {
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  return submit(call, &queue, &barrier);
}

// ..., list, flags
eerie_status_t ee_bridge_hal_queue_execute(ee_vm_call_t *call) {
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  ee_hal_operation_t operation = execution(call);
  EE_TRY(ee_bridge_commands(call, 4, &operation.commands));
  return execute(call, &queue, &operation);
}

// Reads (buffer, offset, length)... from slot 7 on and submits.
static eerie_status_t execute_with_table(ee_vm_call_t *call, const queue_t *queue,
                                         ee_hal_operation_t *operation, ee_hal_binding_t *bindings,
                                         uint32_t count) {
  const ee_vm_value_t *a = call->arguments + 7;
  for (uint32_t i = 0; i < count; ++i, a += 3) {
    EE_TRY(ee_bridge_binding(call, 7 + 3 * i, 0, a[1].i64, a[2].i64, &bindings[i]));
  }
  operation->bindings = bindings;
  operation->binding_count = count;
  return execute(call, queue, operation);
}

// ..., list, flags, count, (buffer, offset, length)...
eerie_status_t ee_bridge_hal_queue_execute_indirect(ee_vm_call_t *call) {
  queue_t queue;
  EE_TRY(queue_arguments(call, &queue));
  ee_hal_operation_t operation = execution(call);
  EE_TRY(ee_bridge_commands(call, 4, &operation.commands));
  const uint32_t count = (uint32_t)call->arguments[6].i32;
  if (EE_LIKELY(count <= STACK_BINDINGS)) {
    ee_hal_binding_t bindings[STACK_BINDINGS];
    return execute_with_table(call, &queue, &operation, bindings, count);
  }
  size_t size, block_size;
  if (!ee_mul_size(count, sizeof(ee_hal_binding_t), &size))
    return EE_NO_MEMORY(call->err, SIZE_MAX);
  ee_hal_binding_t *bindings = ee_hal_device_allocate(queue.device, size, &block_size);
  if (!bindings) return EE_NO_MEMORY(call->err, size);
  const eerie_status_t status = execute_with_table(call, &queue, &operation, bindings, count);
  ee_hal_device_free(queue.device, bindings, block_size);
  return status;
}

// Nothing is held back, so there is nothing to flush.
eerie_status_t ee_bridge_hal_queue_flush(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  return ee_bridge_device(call, 0, &device);
}
