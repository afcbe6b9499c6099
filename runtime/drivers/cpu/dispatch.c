// dispatch.c: runs operations on the calling thread: command lists, transfers, kernels.
//
// Every range that a module names is resolved against the real buffer just before it is touched
// (ee_hal_binding_resolve); nothing a module passes reads or writes outside of a buffer here.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/cpu.h"
#include "drivers/cpu/observe.h"

// ---- Transfers ---------------------------------------------------------------------------------

static void fill_bytes(uint8_t *data, size_t size, uint64_t pattern, uint32_t width) {
  if (width == 1) {
    memset(data, (int)(pattern & 0xFFu), size);
    return;
  }
  // Doubles what is filled; `width` divides `size`.
  memcpy(data, &pattern, width);
  for (size_t done = width; done < size;) {
    const size_t next = done < size - done ? done : size - done;
    memcpy(data + done, data, next);
    done += next;
  }
}

static eerie_status_t run_fill(const ee_hal_binding_t *target, uint64_t pattern, uint32_t width,
                               const ee_hal_operation_t *table, eerie_error_t *err) {
  uint8_t *data;
  uint64_t size;
  EE_TRY(ee_hal_binding_resolve(target, table->bindings, table->binding_count, EE_HAL_ACCESS_WRITE,
                                &data, &size, err));
  if ((width != 1 && width != 2 && width != 4 && width != 8) || size % width != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a fill of %llu bytes is not made of whole patterns of %u bytes",
                   (unsigned long long)size, width);
  }
  if (size) fill_bytes(data, (size_t)size, pattern, width);
  return EERIE_OK;
}

static eerie_status_t run_copy(const ee_hal_binding_t *source, const ee_hal_binding_t *target,
                               const ee_hal_operation_t *table, eerie_error_t *err) {
  uint8_t *from, *to;
  uint64_t from_size, to_size;
  EE_TRY(ee_hal_binding_resolve(source, table->bindings, table->binding_count, EE_HAL_ACCESS_READ,
                                &from, &from_size, err));
  EE_TRY(ee_hal_binding_resolve(target, table->bindings, table->binding_count, EE_HAL_ACCESS_WRITE,
                                &to, &to_size, err));
  if (from_size != to_size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a copy of %llu bytes onto %llu",
                   (unsigned long long)from_size, (unsigned long long)to_size);
  }
  if (from_size) memmove(to, from, (size_t)from_size);
  return EERIE_OK;
}

static eerie_status_t run_update(const ee_hal_binding_t *target, const uint8_t *bytes,
                                 uint64_t bytes_size, const ee_hal_operation_t *table,
                                 eerie_error_t *err) {
  uint8_t *to;
  uint64_t size;
  EE_TRY(ee_hal_binding_resolve(target, table->bindings, table->binding_count, EE_HAL_ACCESS_WRITE,
                                &to, &size, err));
  if (size != bytes_size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "an update of %llu bytes onto %llu",
                   (unsigned long long)bytes_size, (unsigned long long)size);
  }
  if (size) memmove(to, bytes, (size_t)size);
  return EERIE_OK;
}

// Between a file in memory and a buffer; `binding` is the buffer's side.
static eerie_status_t run_file(const ee_hal_operation_t *operation, const ee_hal_binding_t *binding,
                               bool write, eerie_error_t *err) {
  const ee_hal_file_t *file = operation->file;
  uint8_t *data;
  uint64_t size;
  EE_TRY(ee_hal_binding_resolve(binding, NULL, 0, write ? EE_HAL_ACCESS_READ : EE_HAL_ACCESS_WRITE,
                                &data, &size, err));
  if (!ee_range_ok(operation->file_offset, size, file->size)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%llu bytes at %llu do not lie in a file of %llu",
                   (unsigned long long)size, (unsigned long long)operation->file_offset,
                   (unsigned long long)file->size);
  }
  if (write && !(file->access & EE_HAL_ACCESS_WRITE)) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED, "the file is read-only");
  }
  if (size == 0) return EERIE_OK;
  uint8_t *in_file = file->data + (size_t)operation->file_offset;
  memmove(write ? in_file : data, write ? data : in_file, (size_t)size);
  return EERIE_OK;
}

// ---- Kernels -----------------------------------------------------------------------------------

void ee_cpu_scratch_release(ee_hal_device_t *device, const ee_cpu_scratch_t *scratch) {
  if (scratch->block) ee_hal_device_free(device, scratch->block, scratch->block_size);
}

eerie_status_t ee_cpu_scratch_reserve(ee_hal_device_t *device, ee_cpu_scratch_t *scratch,
                                      size_t size, eerie_error_t *err) {
  if (size <= scratch->size) return EERIE_OK;
  ee_cpu_scratch_release(device, scratch);
  *scratch = (ee_cpu_scratch_t){0};
  const size_t mask = EERIE_BUFFER_ALIGNMENT - 1;
  scratch->block = ee_hal_device_allocate(device, size + mask, &scratch->block_size);
  if (!scratch->block) return EE_NO_MEMORY(err, size);
  uint8_t *start = scratch->block;
  scratch->data = start + ((EERIE_BUFFER_ALIGNMENT - ((uintptr_t)start & mask)) & mask);
  scratch->size = size;
  return EERIE_OK;
}

EE_COLD eerie_status_t ee_cpu_kernel_failed(const ee_cpu_library_t *library, uint32_t function,
                                            int code, eerie_error_t *err) {
  (void)library, (void)function, (void)code; // unused in builds without texts
  return EE_FAIL(err, EERIE_INTERNAL, "kernel %s failed with code %d",
                 ee_cpu_kernel_name(library, function), code);
}

static EE_COLD eerie_status_t too_many_workgroups(uint32_t z, eerie_error_t *err) {
  (void)z; // unused in builds without texts
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a dispatch of %u workgroups in z; the limit is 65535",
                 z);
}

static eerie_status_t run_workgroups(const ee_cpu_executable_t *executable, uint32_t function,
                                     const ee_cpu_dispatch_state_t *state,
                                     const ee_cpu_scratch_t *scratch, eerie_error_t *err) {
  const ee_cpu_kernel_t kernel = executable->library->exports.kernels[function];
  ee_cpu_workgroup_state_t workgroup = {
      .local_memory = scratch->data,
      .local_memory_size = (uint32_t)scratch->size,
  };
  for (uint32_t z = 0; z < state->workgroup_count_z; ++z) {
    workgroup.id_z = (uint16_t)z;
    for (uint32_t y = 0; y < state->workgroup_count_y; ++y) {
      workgroup.id_y = y;
      for (uint32_t x = 0; x < state->workgroup_count_x; ++x) {
        workgroup.id_x = x;
        const int code = ee_cpu_kernel_call(executable, kernel, state, &workgroup);
        if (EE_UNLIKELY(code != 0)) {
          return ee_cpu_kernel_failed(executable->library, function, code, err);
        }
      }
    }
  }
  return EERIE_OK;
}

eerie_status_t ee_cpu_dispatch_state(const ee_cpu_executable_t *executable,
                                     const ee_hal_dispatch_t *dispatch,
                                     ee_cpu_dispatch_state_t *out_state, eerie_error_t *err) {
  const ee_cpu_kernel_attributes_t *attributes =
      &executable->library->exports.attributes[dispatch->function];
  const uint32_t *counts = dispatch->workgroup_count;
  if (EE_UNLIKELY(counts[2] > UINT16_MAX)) return too_many_workgroups(counts[2], err);
  *out_state = (ee_cpu_dispatch_state_t){
      .workgroup_size_x = attributes->workgroup_size_x,
      .workgroup_size_y = attributes->workgroup_size_y,
      .workgroup_size_z = attributes->workgroup_size_z,
      .constant_count = (uint16_t)dispatch->constant_count,
      .workgroup_count_x = counts[0],
      .workgroup_count_y = counts[1],
      .workgroup_count_z = (uint16_t)counts[2],
      .max_concurrency = 1,
      .binding_count = (uint8_t)dispatch->binding_count,
      .constants = dispatch->constants,
      .bindings = (void *const *)(const void *)dispatch->bindings,
      .binding_sizes = dispatch->binding_sizes,
  };
  return EERIE_OK;
}

static eerie_status_t run_kernel(ee_hal_device_t *device, ee_hal_executable_t *base,
                                 const ee_hal_dispatch_t *dispatch, ee_cpu_scratch_t *scratch,
                                 eerie_error_t *err) {
  if (base->kernels) return base->kernels->run(base, dispatch, err);
  const ee_cpu_executable_t *executable = (const ee_cpu_executable_t *)base;
  const size_t local_size = ee_cpu_local_size(executable, dispatch->function);
  if (local_size) EE_TRY(ee_cpu_scratch_reserve(device, scratch, local_size, err));
  ee_cpu_dispatch_state_t state;
  EE_TRY(ee_cpu_dispatch_state(executable, dispatch, &state, err));
  return run_workgroups(executable, dispatch->function, &state, scratch, err);
}

#if EERIE_PROFILE
static eerie_status_t run_observed(ee_hal_device_t *device, ee_hal_executable_t *executable,
                                   const ee_hal_dispatch_t *dispatch, ee_cpu_scratch_t *scratch,
                                   eerie_error_t *err) {
  const int64_t begin_ns = ee_hal_observe_begin(device->heap);
  if (EE_LIKELY(begin_ns == 0)) return run_kernel(device, executable, dispatch, scratch, err);
  const uint32_t *const count = dispatch->workgroup_count;
  eerie_status_t status = EERIE_OK;
  if (!ee_hal_observe_skips(device->heap)) {
    status = run_kernel(device, executable, dispatch, scratch, err);
  }
  ee_cpu_observe_dispatch(executable, dispatch, 0, (uint64_t)count[0] * count[1] * count[2],
                          begin_ns, ee_hal_observe_begin(device->heap));
  return status;
}
#else
#define run_observed run_kernel
#endif

eerie_status_t ee_cpu_dispatch_resolve(const ee_hal_command_t *command, const uint32_t counts[3],
                                       const ee_hal_operation_t *table,
                                       const ee_cpu_arguments_t *arguments,
                                       ee_hal_dispatch_t *out_dispatch, eerie_error_t *err) {
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    const ee_hal_binding_t *binding = &command->bindings[i];
    uint64_t size;
    EE_TRY(ee_hal_binding_resolve(binding, table->bindings, table->binding_count, 0,
                                  &arguments->bindings[i], &size, err));
    arguments->sizes[i] = (size_t)size;
    arguments->access[i] =
        (binding->buffer ? binding->buffer : table->bindings[binding->slot].buffer)->access;
  }
  *out_dispatch = (ee_hal_dispatch_t){
      .function = command->function,
      .workgroup_count = {counts[0], counts[1], counts[2]},
      .constants = command->constants,
      .constant_count = command->constant_count,
      .binding_count = command->binding_count,
      .bindings = arguments->bindings,
      .binding_sizes = arguments->sizes,
      .binding_access = arguments->access,
  };
  return EERIE_OK;
}

static eerie_status_t run_dispatch(ee_hal_device_t *device, const ee_hal_command_t *command,
                                   const uint32_t counts[3], const ee_hal_operation_t *table,
                                   ee_cpu_scratch_t *scratch, eerie_error_t *err) {
  uint8_t *bindings[EE_CPU_MAX_BINDINGS];
  size_t sizes[EE_CPU_MAX_BINDINGS];
  uint32_t access[EE_CPU_MAX_BINDINGS];
  const ee_cpu_arguments_t arguments = {bindings, sizes, access};
  ee_hal_dispatch_t dispatch;
  EE_TRY(ee_cpu_dispatch_resolve(command, counts, table, &arguments, &dispatch, err));
  return run_observed(device, command->executable, &dispatch, scratch, err);
}

eerie_status_t ee_cpu_dispatch(ee_hal_device_t *device, ee_hal_executable_t *executable,
                               const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  ee_cpu_scratch_t scratch = {0};
  const eerie_status_t status = run_observed(device, executable, dispatch, &scratch, err);
  ee_cpu_scratch_release(device, &scratch);
  return status;
}

eerie_status_t ee_cpu_dispatch_counts(const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table, uint32_t out_counts[3],
                                      eerie_error_t *err) {
  uint8_t *data;
  uint64_t size;
  ee_hal_binding_t source = command->source;
  source.size = 3 * sizeof *out_counts;
  EE_TRY(ee_hal_binding_resolve(&source, table->bindings, table->binding_count, EE_HAL_ACCESS_READ,
                                &data, &size, err));
  memcpy(out_counts, data, 3 * sizeof *out_counts);
  return EERIE_OK;
}

static eerie_status_t run_dispatch_indirect(ee_hal_device_t *device,
                                            const ee_hal_command_t *command,
                                            const ee_hal_operation_t *table,
                                            ee_cpu_scratch_t *scratch, eerie_error_t *err) {
  uint32_t counts[3];
  EE_TRY(ee_cpu_dispatch_counts(command, table, counts, err));
  return run_dispatch(device, command, counts, table, scratch, err);
}

// ---- Lists and operations ----------------------------------------------------------------------

eerie_status_t ee_cpu_command_run(ee_hal_device_t *device, const ee_hal_command_t *command,
                                  const ee_hal_operation_t *table, ee_cpu_scratch_t *scratch,
                                  eerie_error_t *err) {
  switch (command->kind) {
  case EE_HAL_COMMAND_DISPATCH:
    return run_dispatch(device, command, command->workgroup_count, table, scratch, err);
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    return run_dispatch_indirect(device, command, table, scratch, err);
  case EE_HAL_COMMAND_FILL:
    return run_fill(&command->target, command->pattern, command->pattern_size, table, err);
  case EE_HAL_COMMAND_UPDATE:
    return run_update(&command->target, command->update_data, command->target.size, table, err);
  case EE_HAL_COMMAND_COPY: return run_copy(&command->source, &command->target, table, err);
  }
  return EERIE_OK;
}

eerie_status_t ee_cpu_commands_check(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                                     eerie_error_t *err) {
  const ee_hal_command_list_t *list = operation->commands;
  if (!list || !list->finalized) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the command list is not finalized");
  }
  if (list->device != device) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a command list of another device");
  }
  if (operation->binding_count < list->binding_capacity) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "the command list takes %u bindings, the execution gives %zu",
                   list->binding_capacity, operation->binding_count);
  }
  return EERIE_OK;
}

static eerie_status_t run_commands(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                                   eerie_error_t *err) {
  EE_TRY(ee_cpu_commands_check(device, operation, err));
  ee_cpu_scratch_t scratch = {0};
  eerie_status_t status = EERIE_OK;
  // As IREE's local devices do, so that answers agree to the bit.
  const uint64_t float_mode = ee_port_float_flush();
  for (const ee_hal_command_t *command = operation->commands->first; command && status == EERIE_OK;
       command = command->next) {
    const int64_t begin_ns = ee_hal_observe_transfer(device->heap, command);
    status = ee_cpu_command_run(device, command, operation, &scratch, err);
    if (begin_ns) ee_hal_observe_command(device->heap, command, 0, begin_ns);
  }
  ee_port_float_restore(float_mode);
  ee_cpu_scratch_release(device, &scratch);
  return status;
}

eerie_status_t ee_cpu_run(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                          eerie_error_t *err) {
  switch (operation->kind) {
  case EE_HAL_QUEUE_EXECUTE: return run_commands(device, operation, err);
  case EE_HAL_QUEUE_BARRIER:
  case EE_HAL_QUEUE_DEALLOCATE: return EERIE_OK; // memory goes with its last reference
  case EE_HAL_QUEUE_FILL:
    return run_fill(&operation->target, operation->pattern, operation->pattern_size, operation,
                    err);
  case EE_HAL_QUEUE_UPDATE:
    return run_update(&operation->target, operation->update_data, operation->update_size, operation,
                      err);
  case EE_HAL_QUEUE_COPY: return run_copy(&operation->source, &operation->target, operation, err);
  case EE_HAL_QUEUE_READ: return run_file(operation, &operation->target, false, err);
  case EE_HAL_QUEUE_WRITE: return run_file(operation, &operation->source, true, err);
  }
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "operation of unknown kind %d", (int)operation->kind);
}
