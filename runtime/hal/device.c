// device.c: devices in front of their drivers: submission, operations that wait, bindings.
//
// An operation whose wait is over runs at once on the calling thread. One that must wait is copied,
// with references to all it needs, and hangs on its wait fence; when that is signaled it moves to
// the device's ready list, which one thread at a time runs down. So a chain of waiting operations
// of any length takes no more stack than two, and those that wait for one fence run in the order in
// which they were submitted.
#include "hal/across.h"
#include "hal/observe.h"

typedef struct ee_hal_pending {
  ee_hal_fence_waiter_t waiter;
  struct ee_hal_pending *next; // in the ready list
  ee_hal_device_t *device;     // that this is a block of
  ee_hal_fence_t *wait;        // borrowed: alive while it calls the waiter
  ee_hal_fence_t *signal;      // retained, may be NULL
  size_t block_size;
  eerie_status_t wait_status;
  eerie_error_t *wait_error; // of a failed wait; NULL: no text
#if EERIE_THREADS
  ee_hal_task_t task;
#endif
#if EERIE_ASYNC_DEVICES
  bool across; // with buffers of other devices
#endif
  ee_hal_operation_t operation;
  // bindings and update bytes follow
} pending_t;

// ---- Life --------------------------------------------------------------------------------------

static void device_destroy(ee_object_t *object) {
  ee_hal_device_t *device = (ee_hal_device_t *)object;
#if EERIE_THREADS
  if (device->driver->settle) device->driver->settle(device);
#endif
  if (ee_hal_pool_close(&device->pool)) device->driver->device_close(device);
}
const ee_object_type_t ee_hal_device_type = {"hal.device", device_destroy};

// A channel joins devices for collectives; no driver has one, only the name is known.
static void channel_destroy(ee_object_t *object) {
  (void)object;
}
const ee_object_type_t ee_hal_channel_type = {"hal.channel", channel_destroy};

void ee_hal_device_initialize(ee_hal_device_t *device, const ee_hal_driver_t *driver,
                              ee_heap_t *heap, ee_str_t name, size_t allocation_size) {
  ee_object_initialize(&device->object, &ee_hal_device_type);
  device->driver = driver;
  device->heap = heap;
  const size_t length = name.size < sizeof device->name ? name.size : sizeof device->name - 1;
  memset(device->name, 0, sizeof device->name);
  memcpy(device->name, name.data, length);
#if EERIE_ASYNC_DEVICES
  device->host_memory = !driver->buffer_allocate;
#endif
  device->allocation_size = allocation_size;
  ee_hal_pool_initialize(&device->pool, heap);
  ee_port_monitor_initialize(&device->monitor);
  device->ready_first = device->ready_last = NULL;
  device->draining = false;
}

void ee_hal_device_deinitialize(ee_hal_device_t *device) {
  ee_port_monitor_destroy(&device->monitor);
  ee_hal_pool_deinitialize(&device->pool);
}

static void allocator_destroy(ee_object_t *object) {
  ee_hal_allocator_t *allocator = (ee_hal_allocator_t *)object;
  ee_hal_device_free(allocator->device, allocator, allocator->block_size);
}
const ee_object_type_t ee_hal_allocator_type = {"hal.allocator", allocator_destroy};

eerie_status_t ee_hal_allocator_create(ee_hal_device_t *device, ee_hal_allocator_t **out_allocator,
                                       eerie_error_t *err) {
  size_t size;
  ee_hal_allocator_t *allocator = ee_hal_device_allocate(device, sizeof *allocator, &size);
  if (!allocator) return EE_NO_MEMORY(err, sizeof *allocator);
  ee_object_initialize(&allocator->object, &ee_hal_allocator_type);
  allocator->device = device;
  allocator->block_size = size;
  *out_allocator = allocator;
  return EERIE_OK;
}

bool ee_hal_device_query(ee_hal_device_t *device, ee_str_t category, ee_str_t key,
                         int64_t *out_value) {
  *out_value = 0;
  if (ee_str_equal(category, EE_STR("hal.device.id"))) {
    const char *id = device->name;
#if EERIE_ASYNC_DEVICES
    if (device->driver->async) id = device->driver->async->id;
#endif
    *out_value = ee_str_match(ee_str_from(id), key);
    return true;
  }
  return device->driver->query(device, category, key, out_value);
}

// ---- Executables -------------------------------------------------------------------------------

static void executable_destroy(ee_object_t *object) {
  ee_hal_executable_t *executable = (ee_hal_executable_t *)object;
  ee_hal_device_t *device = executable->device;
  if (executable->kernels) {
    executable->kernels->destroy(executable);
  } else {
    device->driver->executable_destroy(executable);
  }
  ee_hal_device_drop(device);
}
const ee_object_type_t ee_hal_executable_type = {"hal.executable", executable_destroy};

void ee_hal_executable_initialize(ee_hal_executable_t *executable, ee_hal_device_t *device,
                                  uint32_t function_count) {
  ee_object_initialize(&executable->object, &ee_hal_executable_type);
  ee_hal_device_keep(device);
  executable->device = device;
  executable->function_count = function_count;
  executable->kernels = NULL;
}

eerie_status_t ee_hal_executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                        ee_object_t *data_owner, const uint32_t *constants,
                                        size_t constant_count, ee_hal_executable_t **out_executable,
                                        eerie_error_t *err) {
  return device->driver->executable_create(device, format, data, data_owner, constants,
                                           constant_count, out_executable, err);
}

eerie_status_t ee_hal_executable_lookup(ee_hal_executable_t *executable, ee_str_t name,
                                        uint32_t *out_function, eerie_error_t *err) {
  if (executable->kernels) return executable->kernels->lookup(executable, name, out_function, err);
  return executable->device->driver->executable_lookup(executable, name, out_function, err);
}

eerie_status_t ee_hal_executable_check(ee_hal_executable_t *executable, uint32_t function,
                                       size_t constant_count, size_t binding_count,
                                       eerie_error_t *err) {
  return (executable->kernels ? executable->kernels->check
                              : executable->device->driver->dispatch_check)(
      executable, function, constant_count, binding_count, err);
}

eerie_status_t ee_hal_executable_dispatch(ee_hal_executable_t *executable,
                                          const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  ee_hal_device_t *device = executable->device;
  if (!device->driver->dispatch) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED, "device %s runs no kernels on host memory",
                   device->name);
  }
  EE_TRY(ee_hal_executable_check(executable, dispatch->function, dispatch->constant_count,
                                 dispatch->binding_count, err));
  return device->driver->dispatch(device, executable, dispatch, err);
}

// ---- Bindings ----------------------------------------------------------------------------------

static EE_COLD eerie_status_t binding_refused(const ee_hal_binding_t *binding, uint64_t available,
                                              eerie_error_t *err) {
  (void)available; // unused in builds without texts
  if (binding->size == UINT64_MAX) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "offset %llu is past the end of a range of %llu bytes",
                   (unsigned long long)binding->offset, (unsigned long long)available);
  }
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%llu bytes at %llu do not lie in a range of %llu",
                 (unsigned long long)binding->size, (unsigned long long)binding->offset,
                 (unsigned long long)available);
}

// Narrows [*base, *base + *available) to the binding's part of it.
static bool narrow(const ee_hal_binding_t *binding, uint64_t *base, uint64_t *available) {
  if (binding->offset > *available) return false;
  const uint64_t rest = *available - binding->offset;
  const uint64_t size = binding->size == UINT64_MAX ? rest : binding->size;
  if (size > rest) return false;
  *base += binding->offset;
  *available = size;
  return true;
}

eerie_status_t ee_hal_binding_resolve(const ee_hal_binding_t *binding,
                                      const ee_hal_binding_t *table, size_t table_count,
                                      uint32_t access, uint8_t **out_data, uint64_t *out_size,
                                      eerie_error_t *err) {
  const ee_hal_buffer_t *buffer = binding->buffer;
  uint64_t base = 0, available;
  if (buffer) {
    available = buffer->size;
  } else {
    if (EE_UNLIKELY(binding->slot >= table_count || !table[binding->slot].buffer)) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                     "binding slot %u has no buffer (the table has %zu entries)", binding->slot,
                     table_count);
    }
    const ee_hal_binding_t *entry = &table[binding->slot];
    buffer = entry->buffer;
    available = buffer->size;
    if (EE_UNLIKELY(!narrow(entry, &base, &available))) {
      return binding_refused(entry, available, err);
    }
  }
  if (EE_UNLIKELY(!narrow(binding, &base, &available))) {
    return binding_refused(binding, available, err);
  }
  if (EE_UNLIKELY(access & ~buffer->access)) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED, "the buffer is read-only");
  }
  *out_data = buffer->data ? buffer->data + (size_t)base : NULL;
  *out_size = available;
  return EERIE_OK;
}

// ---- Operations that wait ----------------------------------------------------------------------

static void retain_operation(const ee_hal_operation_t *operation) {
  ee_object_retain((ee_object_t *)operation->commands);
  ee_hal_buffer_retain(operation->source.buffer);
  ee_hal_buffer_retain(operation->target.buffer);
  ee_object_retain((ee_object_t *)operation->file);
  for (size_t i = 0; i < operation->binding_count; ++i) {
    ee_hal_buffer_retain(operation->bindings[i].buffer);
  }
}

static void release_operation(const ee_hal_operation_t *operation) {
  ee_object_release((ee_object_t *)operation->commands);
  ee_hal_buffer_release(operation->source.buffer);
  ee_hal_buffer_release(operation->target.buffer);
  ee_object_release((ee_object_t *)operation->file);
  for (size_t i = 0; i < operation->binding_count; ++i) {
    ee_hal_buffer_release(operation->bindings[i].buffer);
  }
}

// Runs an operation whose wait is over and signals `signal`. `after`: what it comes after on the
// queue of a device that has one.
static inline eerie_status_t run_operation(ee_hal_device_t *device, uint64_t after,
                                           ee_hal_fence_t *signal,
                                           const ee_hal_operation_t *operation,
                                           eerie_error_t *err) {
  const int64_t begin_ns = ee_hal_observe_operation(device->heap, operation->kind);
  eerie_status_t status;
#if EERIE_ASYNC_DEVICES
  if (device->driver->async) {
    status = device->driver->async->submit(device, after, signal, operation, err);
    if (status == EERIE_OK) signal = NULL; // the device's to signal
  } else {
    status = device->driver->run(device, operation, err);
  }
#else
  (void)after;
  status = device->driver->run(device, operation, err);
#endif
  if (begin_ns) ee_hal_observe_submit(device->heap, operation->kind, begin_ns);
  ee_hal_fence_signal(signal, status, status == EERIE_OK ? NULL : err);
  return status;
}

#if EERIE_ASYNC_DEVICES
static eerie_status_t run_across(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                 const ee_hal_operation_t *operation, eerie_error_t *err) {
  const eerie_status_t status = ee_hal_across_submit(device, signal, operation, err);
  if (status != EERIE_OK) ee_hal_fence_signal(signal, status, err);
  return status;
}
#endif

static void pending_run(pending_t *pending) {
  ee_hal_device_t *device = pending->device;
  const eerie_status_t status = pending->wait_status;
  if (status == EERIE_OK) {
    eerie_error_t err;
    err.message[0] = 0;
#if EERIE_ASYNC_DEVICES
    if (pending->across) {
      (void)run_across(device, pending->signal, &pending->operation, &err);
    } else
#endif
      (void)run_operation(device, 0, pending->signal, &pending->operation, &err);
  } else {
    ee_hal_fence_signal(pending->signal, status, pending->wait_error);
  }
  release_operation(&pending->operation);
  ee_object_release((ee_object_t *)pending->signal);
  ee_heap_free(device->heap, pending->wait_error, sizeof *pending->wait_error);
  ee_hal_device_free(device, pending, pending->block_size);
}

// Runs what is ready, unless another thread, or this one further up its stack, is at it.
static void device_drain(ee_hal_device_t *device) {
  ee_hal_device_keep(device); // the last operation may be the last to hold it
  ee_port_monitor_lock(&device->monitor);
  if (!device->draining) {
    device->draining = true;
    for (pending_t *pending; (pending = device->ready_first) != NULL;) {
      device->ready_first = pending->next;
      if (!device->ready_first) device->ready_last = NULL;
      ee_port_monitor_unlock(&device->monitor);
      pending_run(pending);
      ee_port_monitor_lock(&device->monitor);
    }
    device->draining = false;
  }
  ee_port_monitor_unlock(&device->monitor);
  ee_hal_device_drop(device);
}

#if EERIE_THREADS
// On another thread. Whoever waits for the signal may let all go after it, and expects that it
// goes: what the operation holds is released before.
static void task_run(ee_hal_task_t *task) {
  pending_t *pending = (pending_t *)((uint8_t *)task - offsetof(pending_t, task));
  ee_hal_device_t *device = pending->device;
  const ee_hal_operation_t *operation = &pending->operation;
  eerie_error_t err;
  err.message[0] = 0;
  const int64_t begin_ns = ee_hal_observe_operation(device->heap, operation->kind);
  const eerie_status_t status = device->driver->run(device, operation, &err);
  if (begin_ns) ee_hal_observe_submit(device->heap, operation->kind, begin_ns);
  release_operation(operation);
  ee_hal_fence_signal(pending->signal, status, &err);
  ee_object_release((ee_object_t *)pending->signal);
  ee_hal_device_free(device, pending, pending->block_size);
}

// Hands it to another thread; false: it has to be run here.
static bool run_later(pending_t *pending) {
  const ee_hal_driver_t *driver = pending->device->driver;
  if (!pending->operation.later || !driver->later) return false;
#if EERIE_ASYNC_DEVICES
  if (pending->across) return false;
#endif
  pending->task.run = task_run;
  return driver->later(pending->device, &pending->operation, &pending->task);
}
#endif

static void wait_over(ee_hal_fence_waiter_t *waiter, eerie_status_t status) {
  pending_t *pending = (pending_t *)waiter;
  ee_hal_device_t *device = pending->device;
  pending->wait_status = status;
#if EERIE_THREADS
  if (status == EERIE_OK && run_later(pending)) return;
#endif
  if (status != EERIE_OK) {
    pending->wait_error = ee_heap_allocate_zeroed(device->heap, sizeof *pending->wait_error);
    (void)ee_hal_fence_query(pending->wait, pending->wait_error);
  }
  pending->next = NULL;
  ee_hal_device_keep(device); // running the operation frees it
  ee_port_monitor_lock(&device->monitor);
  if (device->ready_last) {
    device->ready_last->next = pending;
  } else {
    device->ready_first = pending;
  }
  device->ready_last = pending;
  ee_port_monitor_unlock(&device->monitor);
  device_drain(device);
  ee_hal_device_drop(device);
}

// A copy of an operation with all that it needs.
static eerie_status_t pending_create(ee_hal_device_t *device, ee_hal_fence_t *wait,
                                     ee_hal_fence_t *signal, const ee_hal_operation_t *operation,
                                     pending_t **out_pending, eerie_error_t *err) {
  size_t bindings_size, total, block_size;
  if (operation->update_size > SIZE_MAX ||
      !ee_mul_size(operation->binding_count, sizeof(ee_hal_binding_t), &bindings_size) ||
      !ee_add_size(sizeof(pending_t), bindings_size, &total) ||
      !ee_add_size(total, (size_t)operation->update_size, &total)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  pending_t *pending = ee_hal_device_allocate(device, total, &block_size);
  if (!pending) return EE_NO_MEMORY(err, total);
  *pending = (pending_t) {
    .waiter = {.function = wait_over}, .device = device, .wait = wait, .signal = signal,
    .block_size = block_size,
#if EERIE_ASYNC_DEVICES
    .across = ee_hal_across_is_needed(device, operation),
#endif
    .operation = *operation,
  };
  uint8_t *tail = (uint8_t *)(pending + 1);
  if (bindings_size) {
    pending->operation.bindings = memcpy(tail, operation->bindings, bindings_size);
  }
  if (operation->update_size) {
    pending->operation.update_data =
        memcpy(tail + bindings_size, operation->update_data, (size_t)operation->update_size);
  }
  ee_object_retain((ee_object_t *)signal);
  retain_operation(&pending->operation);
  *out_pending = pending;
  return EERIE_OK;
}

static eerie_status_t submit_pending(ee_hal_device_t *device, ee_hal_fence_t *wait,
                                     ee_hal_fence_t *signal, const ee_hal_operation_t *operation,
                                     eerie_error_t *err) {
  pending_t *pending;
  EE_TRY(pending_create(device, wait, signal, operation, &pending, err));
  ee_hal_fence_notify(wait, &pending->waiter);
  return EERIE_OK;
}

#if EERIE_THREADS
// An operation whose wait is over and that nobody waits for.
static eerie_status_t submit_later(ee_hal_device_t *device, ee_hal_fence_t *wait,
                                   ee_hal_fence_t *signal, const ee_hal_operation_t *operation,
                                   eerie_error_t *err) {
  EE_TRY(ee_hal_fence_promise(wait, signal, err));
  pending_t *pending;
  const eerie_status_t status = pending_create(device, wait, signal, operation, &pending, err);
  if (status != EERIE_OK) {
    ee_hal_fence_signal(signal, status, err);
    return status;
  }
  if (!run_later(pending)) pending_run(pending);
  return EERIE_OK;
}
#endif

// ---- Submission --------------------------------------------------------------------------------

eerie_status_t ee_hal_device_submit(ee_hal_device_t *device, ee_hal_fence_t *wait,
                                    ee_hal_fence_t *signal, const ee_hal_operation_t *operation,
                                    eerie_error_t *err) {
  eerie_error_t own;
  if (!err) {
    own.message[0] = 0;
    err = &own; // the signal fence carries the text, also when the caller does not want it
  }
  eerie_status_t status;
#if EERIE_ASYNC_DEVICES
  const bool across = ee_hal_across_is_needed(device, operation);
#endif
  status = ee_hal_fence_query(wait, err);
  if (EE_UNLIKELY(status == EERIE_DEFERRED)) {
#if EERIE_ASYNC_DEVICES
    const uint64_t after = across ? 0 : ee_hal_fence_ahead(wait, device);
    if (after) return run_operation(device, after, signal, operation, err);
#endif
    EE_TRY(ee_hal_fence_promise(wait, signal, err)); // it is another operation's to signal
    status = submit_pending(device, wait, signal, operation, err);
    if (status != EERIE_OK) ee_hal_fence_signal(signal, status, err);
    return status;
  }
  if (EE_UNLIKELY(status != EERIE_OK)) {
    ee_hal_fence_signal(signal, status, err);
    return signal ? EERIE_OK : status;
  }
#if EERIE_ASYNC_DEVICES
  if (EE_UNLIKELY(across)) {
    EE_TRY(ee_hal_fence_promise(wait, signal, err));
    return run_across(device, signal, operation, err);
  }
#endif
#if EERIE_THREADS
  if (EE_UNLIKELY(operation->later) && signal && device->driver->later) {
    return submit_later(device, wait, signal, operation, err);
  }
#endif
  return run_operation(device, 0, signal, operation, err);
}
