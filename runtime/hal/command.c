// command.c: recorded command lists.
//
// Commands lie in the list's arena in the order of recording and are run by walking them. What can
// be checked is checked here, once; the ranges of slots, whose buffers come with the execution, are
// checked when they are resolved (ee_hal_binding_resolve).
#include "hal/across.h"

#define FIRST_ARENA_SIZE 960u
#define ARENA_BLOCK_SIZE 3840u

static void list_destroy(ee_object_t *object);
const ee_object_type_t ee_hal_command_list_type = {"hal.command_buffer", list_destroy};

static void release_command(const ee_hal_command_t *command) {
  ee_hal_buffer_release(command->source.buffer);
  ee_hal_buffer_release(command->target.buffer);
  ee_object_release((ee_object_t *)command->executable);
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    ee_hal_buffer_release(command->bindings[i].buffer);
  }
}

static void list_destroy(ee_object_t *object) {
  ee_hal_command_list_t *list = (ee_hal_command_list_t *)object;
  ee_hal_device_t *device = list->device;
  for (const ee_hal_command_t *command = list->first; command; command = command->next) {
    release_command(command);
  }
#if EERIE_ASYNC_DEVICES
  if (list->recorded) device->driver->async->forget(list);
  ee_hal_across_forget(list);
#endif
  ee_hal_command_block_t *block = list->blocks;
  while (block) {
    ee_hal_command_block_t *next = block->next;
    if (block->block_size) ee_hal_device_free(device, block, block->block_size);
    block = next;
  }
  ee_hal_device_free(device, list, list->block_size);
}

eerie_status_t ee_hal_command_list_create(ee_hal_device_t *device, uint32_t mode,
                                          uint32_t binding_capacity,
                                          ee_hal_command_list_t **out_list, eerie_error_t *err) {
  size_t size;
  ee_hal_command_list_t *list =
      ee_hal_device_allocate(device, sizeof *list + FIRST_ARENA_SIZE, &size);
  if (!list) return EE_NO_MEMORY(err, sizeof *list + FIRST_ARENA_SIZE);
  ee_object_initialize(&list->object, &ee_hal_command_list_type);
  list->device = device;
  list->mode = mode;
  list->binding_capacity = binding_capacity;
  list->first = list->last = NULL;
  list->block_size = size;
  list->finalized = list->barrier = false;
  list->blocks = &list->own;
#if EERIE_ASYNC_DEVICES
  list->recorded = NULL;
  list->foreign = NULL;
  list->foreign_count = 0;
#endif
  list->own = (ee_hal_command_block_t){.capacity = size - sizeof *list};
  *out_list = list;
  return EERIE_OK;
}

// ---- The arena ---------------------------------------------------------------------------------

// Each piece starts at a multiple of 8, which suits all that is stored here.
static void *arena_take(ee_hal_command_list_t *list, size_t size, eerie_error_t *err) {
  ee_hal_command_block_t *block = list->blocks;
  size_t rounded;
  if (!ee_align_size(size, 8, &rounded)) rounded = SIZE_MAX;
  if (rounded > block->capacity - block->used) {
    size_t wanted, block_size;
    if (!ee_add_size(rounded, sizeof *block, &wanted)) wanted = SIZE_MAX;
    if (wanted < ARENA_BLOCK_SIZE) wanted = ARENA_BLOCK_SIZE;
    block = ee_hal_device_allocate(list->device, wanted, &block_size);
    if (!block) {
      (void)EE_NO_MEMORY(err, wanted);
      return NULL;
    }
    *block = (ee_hal_command_block_t){
        .next = list->blocks, .block_size = block_size, .capacity = block_size - sizeof *block};
    list->blocks = block;
  }
  void *piece = (uint8_t *)(block + 1) + block->used;
  block->used += rounded;
  return piece;
}

#if EERIE_ASYNC_DEVICES
void *ee_hal_command_list_take(ee_hal_command_list_t *list, size_t size, eerie_error_t *err) {
  return arena_take(list, size, err);
}
#endif

// ---- Checks ------------------------------------------------------------------------------------

// Those that the execution brings.
static uint32_t slot_count(const ee_hal_command_list_t *list) {
#if EERIE_ASYNC_DEVICES
  return list->binding_capacity - list->foreign_count;
#else
  return list->binding_capacity;
#endif
}

static eerie_status_t check_binding(const ee_hal_command_list_t *list,
                                    const ee_hal_binding_t *binding, eerie_error_t *err) {
  if (!binding->buffer) {
    if (binding->slot < slot_count(list)) return EERIE_OK;
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "binding slot %u of a command list with %u slots",
                   binding->slot, slot_count(list));
  }
  uint8_t *data;
  uint64_t size;
  return ee_hal_binding_resolve(binding, NULL, 0, 0, &data, &size, err);
}

static eerie_status_t check_fill(const ee_hal_command_t *command, eerie_error_t *err) {
  const uint32_t width = command->pattern_size;
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a fill pattern of %u bytes; 1, 2, 4 or 8 are known", width);
  }
  const bool whole = command->target.size == UINT64_MAX;
  if (command->target.offset % width || (!whole && command->target.size % width)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a fill of %llu bytes at %llu is not made of whole patterns of %u bytes",
                   (unsigned long long)command->target.size,
                   (unsigned long long)command->target.offset, width);
  }
  return EERIE_OK;
}

static eerie_status_t check_dispatch(const ee_hal_command_list_t *list,
                                     const ee_hal_command_t *command, eerie_error_t *err) {
  if (!command->executable) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a dispatch without an executable");
  }
  if (command->executable->device != list->device) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a dispatch of another device's executable");
  }
  EE_TRY(ee_hal_executable_check(command->executable, command->function, command->constant_count,
                                 command->binding_count, err));
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    EE_TRY(check_binding(list, &command->bindings[i], err));
  }
  if (command->kind == EE_HAL_COMMAND_DISPATCH) return EERIE_OK;
  if (command->source.offset % sizeof(uint32_t)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "workgroup counts at offset %llu are not aligned to 4 bytes",
                   (unsigned long long)command->source.offset);
  }
  return check_binding(list, &command->source, err);
}

static eerie_status_t check_command(const ee_hal_command_list_t *list,
                                    const ee_hal_command_t *command, uint64_t update_size,
                                    eerie_error_t *err) {
  switch (command->kind) {
  case EE_HAL_COMMAND_DISPATCH:
  case EE_HAL_COMMAND_DISPATCH_INDIRECT: return check_dispatch(list, command, err);
  case EE_HAL_COMMAND_FILL:
    EE_TRY(check_fill(command, err));
    return check_binding(list, &command->target, err);
  case EE_HAL_COMMAND_UPDATE:
    if (command->target.size != update_size) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "an update of %llu bytes onto %llu",
                     (unsigned long long)update_size, (unsigned long long)command->target.size);
    }
    return check_binding(list, &command->target, err);
  case EE_HAL_COMMAND_COPY:
    EE_TRY(check_binding(list, &command->source, err));
    return check_binding(list, &command->target, err);
  }
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "command of unknown kind %d", (int)command->kind);
}

// ---- Recording ---------------------------------------------------------------------------------

static eerie_status_t append_copy(ee_hal_command_list_t *list, const ee_hal_command_t *command,
                                  uint64_t update_size, eerie_error_t *err) {
  const size_t constants_size = command->constant_count * sizeof(uint32_t);
  const size_t bindings_size = command->binding_count * sizeof(ee_hal_binding_t);
  size_t total = sizeof *command + bindings_size + constants_size;
  if (update_size > SIZE_MAX || !ee_add_size(total, (size_t)update_size, &total)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  ee_hal_command_t *copy = arena_take(list, total, err);
  if (!copy) return EERIE_RESOURCE_EXHAUSTED;
  *copy = *command;
  copy->next = NULL;
  copy->after_barrier = list->barrier;
  uint8_t *tail = (uint8_t *)(copy + 1);
  if (bindings_size) copy->bindings = memcpy(tail, command->bindings, bindings_size);
  tail += bindings_size;
  if (constants_size) copy->constants = memcpy(tail, command->constants, constants_size);
  tail += constants_size;
  if (update_size) copy->update_data = memcpy(tail, command->update_data, (size_t)update_size);
#if EERIE_ASYNC_DEVICES
  EE_TRY(ee_hal_across_record(list, copy, err));
#endif
  ee_hal_buffer_retain(copy->source.buffer);
  ee_hal_buffer_retain(copy->target.buffer);
  ee_object_retain((ee_object_t *)copy->executable);
  for (uint32_t i = 0; i < copy->binding_count; ++i)
    ee_hal_buffer_retain(copy->bindings[i].buffer);
  list->barrier = false;
  if (list->last) {
    list->last->next = copy;
  } else {
    list->first = copy;
  }
  list->last = copy;
  return EERIE_OK;
}

eerie_status_t ee_hal_command_list_append(ee_hal_command_list_t *list,
                                          const ee_hal_command_t *command, uint64_t update_size,
                                          eerie_error_t *err) {
  if (list->finalized) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "the command list is finalized; nothing more can be recorded");
  }
  EE_TRY(check_command(list, command, update_size, err));
  return append_copy(list, command, update_size, err);
}

eerie_status_t ee_hal_command_list_finalize(ee_hal_command_list_t *list, eerie_error_t *err) {
  if (list->finalized) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the command list is finalized already");
  }
  list->finalized = true;
  return EERIE_OK;
}
