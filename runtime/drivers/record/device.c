// device.c: the driver behind a record: allocations, executables, operations.
#include "drivers/record/internal.h"

typedef struct record_device {
  ee_hal_device_t base;
  ee_record_t *record;
} record_device_t;

typedef struct record_executable {
  ee_hal_executable_t base;
  size_t library;
  const char **kernels; // by the number that a lookup gave
  uint32_t kernel_count, kernel_capacity;
} record_executable_t;

// Set in the numbers of kernels that were looked up by name: compilers from 3.12 on do that, older
// ones give the number in the library.
#define NAMED_KERNEL 0x40000000u

// Modules look for a device that is called "local" and something.
#define DEVICE_NAME "local-record"

static ee_record_t *record_of(const ee_hal_device_t *device) {
  return ((const record_device_t *)device)->record;
}

static bool record_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  (void)index, (void)out_info;
  return false;
}

static eerie_status_t record_device_open(ee_heap_t *heap, ee_str_t spec,
                                         ee_hal_device_t **out_device, eerie_error_t *err) {
  (void)heap, (void)out_device;
  return EE_FAIL(err, EERIE_NOT_FOUND, "no device '%.*s' that records", EE_STR_ARG(spec));
}

static void record_device_close(ee_hal_device_t *device) {
  ee_hal_device_deinitialize(device);
  ee_heap_free(device->heap, device, device->allocation_size);
}

// It runs "on" the machine of the static library, whose kernels were compiled for one CPU.
static bool record_query(ee_hal_device_t *device, ee_str_t category, ee_str_t key,
                         int64_t *out_value) {
  (void)device;
  if (ee_str_equal(category, EE_STR("hal.executable.format"))) {
    *out_value = ee_str_equal(key, EE_STR("static"));
    return true;
  }
  *out_value = 1;
  return ee_str_equal(key, EE_STR("concurrency"));
}

// ---- Memory ------------------------------------------------------------------------------------

static eerie_status_t record_allocate(ee_hal_device_t *device, ee_hal_buffer_t *buffer,
                                      eerie_error_t *err) {
  ee_record_t *record = record_of(device);
  // Memory of no kind for no use is a copy of constants that cannot be used where they are, which
  // the bridge fills (hal_buffer.c).
  void *bytes = NULL;
  if (!buffer->memory_types && !buffer->usage) {
    if (buffer->size > SIZE_MAX / 2) return EE_NO_MEMORY(err, SIZE_MAX);
    EE_TRY(ee_record_keep(record, NULL, (size_t)buffer->size, 0, &bytes, err));
  }
  size_t index;
  EE_TRY(ee_record_add_storage(record, buffer->size, bytes, &index, err));
  buffer->data = bytes;
  buffer->driver_handle = index + 1;
  buffer->memory_types = EE_HAL_MEMORY_OPTIMAL | EE_HAL_MEMORY_HOST_LOCAL |
                         EE_HAL_MEMORY_HOST_COHERENT | EE_HAL_MEMORY_HOST_CACHED |
                         EE_HAL_MEMORY_DEVICE_LOCAL;
  buffer->usage |=
      EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH | EE_HAL_USAGE_SHARING | EE_HAL_USAGE_MAPPING;
  return EERIE_OK;
}

static void record_free(ee_hal_device_t *device, ee_hal_buffer_t *buffer) {
  (void)device, (void)buffer; // the record remembers
}

// ---- Executables -------------------------------------------------------------------------------

static eerie_status_t executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                        ee_object_t *data_owner, const uint32_t *constants,
                                        size_t constant_count, ee_hal_executable_t **out_executable,
                                        eerie_error_t *err) {
  (void)data_owner;
  if (!ee_str_equal(format, EE_STR("static"))) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "kernels of format '%.*s', expected a static library: compile for a "
                   "microcontroller",
                   EE_STR_ARG(format));
  }
  record_executable_t *executable = ee_heap_allocate_zeroed(device->heap, sizeof *executable);
  if (!executable) return EE_NO_MEMORY(err, sizeof *executable);
  ee_hal_executable_initialize(&executable->base, device, UINT32_MAX);
  const ee_str_t name = {(const char *)data.data, data.size};
  const eerie_status_t status = ee_record_add_library(record_of(device), name, constants,
                                                      constant_count, &executable->library, err);
  if (status) {
    ee_object_release(&executable->base.object);
    return status;
  }
  *out_executable = &executable->base;
  return EERIE_OK;
}

static void executable_destroy(ee_hal_executable_t *base) {
  record_executable_t *executable = (record_executable_t *)base;
  ee_heap_t *heap = base->device->heap;
  ee_heap_free(heap, (void *)executable->kernels,
               executable->kernel_capacity * sizeof *executable->kernels);
  ee_heap_free(heap, executable, sizeof *executable);
}

static eerie_status_t grow_kernels(record_executable_t *executable, eerie_error_t *err) {
  if (executable->kernel_count < executable->kernel_capacity) return EERIE_OK;
  ee_heap_t *heap = executable->base.device->heap;
  const uint32_t capacity = executable->kernel_capacity ? executable->kernel_capacity * 2 : 16;
  const size_t size = capacity * sizeof *executable->kernels;
  const char **grown = ee_heap_allocate_zeroed(heap, size);
  if (!grown) return EE_NO_MEMORY(err, size);
  const size_t old_size = executable->kernel_count * sizeof *grown;
  if (old_size) memcpy((void *)grown, (const void *)executable->kernels, old_size);
  ee_heap_free(heap, (void *)executable->kernels, old_size);
  executable->kernels = grown;
  executable->kernel_capacity = capacity;
  return EERIE_OK;
}

static eerie_status_t executable_lookup(ee_hal_executable_t *base, ee_str_t name,
                                        uint32_t *out_function, eerie_error_t *err) {
  record_executable_t *executable = (record_executable_t *)base;
  for (uint32_t i = 0; i < executable->kernel_count; ++i) {
    *out_function = NAMED_KERNEL | i;
    if (ee_str_equal(ee_str_from(executable->kernels[i]), name)) return EERIE_OK;
  }
  EE_TRY(grow_kernels(executable, err));
  void *copy;
  EE_TRY(ee_record_keep(record_of(base->device), name.data, name.size, 1, &copy, err));
  executable->kernels[executable->kernel_count] = copy;
  *out_function = NAMED_KERNEL | executable->kernel_count++;
  return EERIE_OK;
}

static eerie_status_t dispatch_check(ee_hal_executable_t *base, uint32_t function,
                                     size_t constant_count, size_t binding_count,
                                     eerie_error_t *err) {
  const record_executable_t *executable = (const record_executable_t *)base;
  (void)constant_count;
  if ((function & NAMED_KERNEL) && (function & ~NAMED_KERNEL) >= executable->kernel_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "kernel %u was not looked up",
                   function & ~NAMED_KERNEL);
  }
  if (binding_count > EE_RECORD_MAX_BINDINGS) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a dispatch with %zu bindings; the limit is %u",
                   binding_count, EE_RECORD_MAX_BINDINGS);
  }
  return EERIE_OK;
}

// ---- Operations --------------------------------------------------------------------------------

// The part of a storage that a binding means, checked against the real buffer.
static eerie_status_t locate(ee_record_t *record, const ee_hal_binding_t *binding,
                             const ee_hal_operation_t *table, uint32_t access,
                             ee_record_range_t *out_range, eerie_error_t *err) {
  uint8_t *data;
  uint64_t size;
  EE_TRY(ee_hal_binding_resolve(binding, table->bindings, table->binding_count, access, &data,
                                &size, err));
  const ee_hal_binding_t *entry = binding->buffer ? NULL : &table->bindings[binding->slot];
  EE_TRY(ee_record_locate(record, entry ? entry->buffer : binding->buffer, out_range, err));
  out_range->offset += binding->offset + (entry ? entry->offset : 0);
  out_range->size = size;
  return EERIE_OK;
}

static eerie_status_t record_dispatch(ee_record_t *record, const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table, eerie_error_t *err) {
  const record_executable_t *executable = (const record_executable_t *)command->executable;
  const uint32_t *counts = command->workgroup_count;
  const bool named = command->function & NAMED_KERNEL;
  ee_record_range_t ranges[EE_RECORD_MAX_BINDINGS];
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    EE_TRY(locate(record, &command->bindings[i], table, 0, &ranges[i], err));
  }
  if (!counts[0] || !counts[1] || !counts[2]) return EERIE_OK;
  const ee_record_step_t step = {
      .kind = EE_RECORD_DISPATCH,
      .library = executable->library,
      .kernel = named ? executable->kernels[command->function & ~NAMED_KERNEL] : NULL,
      .ordinal = named ? 0 : command->function,
      .workgroup_count = {counts[0], counts[1], counts[2]},
      .constant_count = command->constant_count,
      .range_count = command->binding_count,
      .constants = command->constants,
  };
  return ee_record_add_step(record, &step, ranges, err);
}

static eerie_status_t record_fill(ee_record_t *record, const ee_hal_binding_t *target,
                                  uint64_t pattern, uint32_t width, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_record_range_t range;
  EE_TRY(locate(record, target, table, EE_HAL_ACCESS_WRITE, &range, err));
  if ((width != 1 && width != 2 && width != 4 && width != 8) || range.size % width != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a fill of %llu bytes is not made of whole patterns of %u bytes",
                   (unsigned long long)range.size, width);
  }
  if (range.size == 0) return EERIE_OK;
  const ee_record_step_t step = {
      .kind = EE_RECORD_FILL, .pattern = pattern, .pattern_size = width, .range_count = 1};
  return ee_record_add_step(record, &step, &range, err);
}

static eerie_status_t record_copy(ee_record_t *record, const ee_hal_binding_t *source,
                                  const ee_hal_binding_t *target, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_record_range_t from, to;
  EE_TRY(locate(record, source, table, EE_HAL_ACCESS_READ, &from, err));
  EE_TRY(locate(record, target, table, EE_HAL_ACCESS_WRITE, &to, err));
  return ee_record_copy(record, &to, &from, err);
}

// From bytes that are known, and may be gone later.
static eerie_status_t record_bytes(ee_record_t *record, const ee_hal_binding_t *target,
                                   const uint8_t *bytes, const ee_hal_operation_t *table,
                                   eerie_error_t *err) {
  ee_record_range_t to, from = {0};
  EE_TRY(locate(record, target, table, EE_HAL_ACCESS_WRITE, &to, err));
  if (to.size == 0) return EERIE_OK;
  if (to.size > SIZE_MAX / 2) return EE_NO_MEMORY(err, SIZE_MAX);
  void *copy;
  EE_TRY(ee_record_keep(record, bytes, (size_t)to.size, 0, &copy, err));
  EE_TRY(ee_record_add_storage(record, to.size, copy, &from.storage, err));
  from.size = to.size;
  return ee_record_copy(record, &to, &from, err);
}

// Constants that could not be imported are read into a buffer for immutable use: nobody writes to
// it again, and the buffer may as well be the constant.
static bool is_constant_load(const ee_record_t *record, const ee_hal_operation_t *operation,
                             const ee_record_range_t *to) {
  const ee_record_storage_t *storage = &record->storages[to->storage];
  return operation->target.buffer->usage & EE_HAL_USAGE_SHARING_IMMUTABLE && !storage->data &&
         to->offset == 0 && to->size == storage->size && to->size;
}

static eerie_status_t keep_constant(ee_record_t *record, const ee_record_range_t *to,
                                    const uint8_t *bytes, eerie_error_t *err) {
  if (to->size > SIZE_MAX / 2) return EE_NO_MEMORY(err, SIZE_MAX);
  void *copy;
  EE_TRY(ee_record_keep(record, bytes, (size_t)to->size, 0, &copy, err));
  record->storages[to->storage].data = copy;
  return EERIE_OK;
}

static eerie_status_t record_read(ee_record_t *record, const ee_hal_operation_t *operation,
                                  eerie_error_t *err) {
  const ee_hal_file_t *file = operation->file;
  ee_record_range_t to;
  EE_TRY(locate(record, &operation->target, operation, EE_HAL_ACCESS_WRITE, &to, err));
  if (!ee_range_ok(operation->file_offset, to.size, file->size)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%llu bytes at %llu do not lie in a file of %llu",
                   (unsigned long long)to.size, (unsigned long long)operation->file_offset,
                   (unsigned long long)file->size);
  }
  const uint8_t *bytes = file->data + (size_t)operation->file_offset;
  return is_constant_load(record, operation, &to)
             ? keep_constant(record, &to, bytes, err)
             : record_bytes(record, &operation->target, bytes, operation, err);
}

static eerie_status_t record_command(ee_record_t *record, const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, eerie_error_t *err) {
  switch (command->kind) {
  case EE_HAL_COMMAND_DISPATCH: return record_dispatch(record, command, table, err);
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "the number of workgroups of a dispatch is a computed value");
  case EE_HAL_COMMAND_FILL:
    return record_fill(record, &command->target, command->pattern, command->pattern_size, table,
                       err);
  case EE_HAL_COMMAND_UPDATE:
    return record_bytes(record, &command->target, command->update_data, table, err);
  case EE_HAL_COMMAND_COPY:
    return record_copy(record, &command->source, &command->target, table, err);
  }
  return EERIE_OK;
}

static eerie_status_t record_commands(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                                      eerie_error_t *err) {
  const ee_hal_command_list_t *list = operation->commands;
  if (!list || !list->finalized || list->device != device ||
      operation->binding_count < list->binding_capacity) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "a command list that is not finalized, or another device's, or without its "
                   "bindings");
  }
  for (const ee_hal_command_t *command = list->first; command; command = command->next) {
    EE_TRY(record_command(record_of(device), command, operation, err));
  }
  return EERIE_OK;
}

static eerie_status_t record_run(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                                 eerie_error_t *err) {
  ee_record_t *record = record_of(device);
  switch (operation->kind) {
  case EE_HAL_QUEUE_EXECUTE: return record_commands(device, operation, err);
  case EE_HAL_QUEUE_BARRIER:
  case EE_HAL_QUEUE_DEALLOCATE: return EERIE_OK;
  case EE_HAL_QUEUE_FILL:
    return record_fill(record, &operation->target, operation->pattern, operation->pattern_size,
                       operation, err);
  case EE_HAL_QUEUE_UPDATE:
    return record_bytes(record, &operation->target, operation->update_data, operation, err);
  case EE_HAL_QUEUE_COPY:
    return record_copy(record, &operation->source, &operation->target, operation, err);
  case EE_HAL_QUEUE_READ: return record_read(record, operation, err);
  case EE_HAL_QUEUE_WRITE:
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the module writes to a file");
  }
  return EERIE_OK;
}

#if EERIE_ASYNC_DEVICES

// What is in the record is done as far as anybody may know.
static eerie_status_t record_submit(ee_hal_device_t *device, uint64_t after, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err) {
  (void)after;
  EE_TRY(record_run(device, operation, err));
  ee_hal_fence_signal(signal, EERIE_OK, NULL);
  return EERIE_OK;
}

static void record_wait(ee_hal_device_t *device, uint64_t value, int64_t deadline_ns) {
  (void)device, (void)value, (void)deadline_ns;
}

static void record_watch(ee_hal_device_t *device, uint64_t value) {
  (void)device, (void)value;
}

// The host has no values to read; one that it writes is known now and for ever.
static eerie_status_t record_transfer(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host,
                                      size_t size, bool write, eerie_error_t *err) {
  const ee_hal_binding_t target = {buffer, 0, offset, size};
  const ee_hal_operation_t none = {.kind = EE_HAL_QUEUE_BARRIER};
  ee_record_t *record = record_of(buffer->device);
  if (!write) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "a computed value is read, and what is done next may depend on it");
  }
  return host ? record_bytes(record, &target, host, &none, err)
              : record_fill(record, &target, 0, 1, &none, err);
}

static void record_forget(ee_hal_command_list_t *list) {
  (void)list;
}

static const ee_hal_async_driver_t record_async = {
    .id = DEVICE_NAME,
    .submit = record_submit,
    .wait = record_wait,
    .watch = record_watch,
    .transfer = record_transfer,
    .forget = record_forget,
};

#endif

// Kernels run on host memory as far as anybody can tell, so constants may be used in place; a
// dispatch by addresses, outside of a command list, tells nothing about buffers.
static eerie_status_t dispatch_at_once(ee_hal_device_t *device, ee_hal_executable_t *executable,
                                       const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  (void)device, (void)executable, (void)dispatch;
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                 "the module calls kernels without a command list, as those of the execution "
                 "model inline-dynamic do");
}

static const ee_hal_driver_t record_driver = {
    .size = sizeof(ee_hal_driver_t),
    .name = "record",
    .device_info = record_device_info,
    .device_open = record_device_open,
    .device_close = record_device_close,
    .query = record_query,
    .buffer_allocate = record_allocate,
    .buffer_free = record_free,
    .executable_create = executable_create,
    .executable_destroy = executable_destroy,
    .executable_lookup = executable_lookup,
    .dispatch_check = dispatch_check,
    .run = record_run,
    .dispatch = dispatch_at_once,
#if EERIE_ASYNC_DEVICES
    .async = &record_async,
#endif
};

eerie_status_t ee_record_device_create(ee_record_t *record, ee_hal_device_t **out_device,
                                       eerie_error_t *err) {
  record_device_t *device = ee_heap_allocate_zeroed(record->heap, sizeof *device);
  if (!device) return EE_NO_MEMORY(err, sizeof *device);
  ee_hal_device_initialize(&device->base, &record_driver, record->heap, ee_str_from(DEVICE_NAME),
                           sizeof *device);
  device->record = record;
  *out_device = &device->base;
  return EERIE_OK;
}
