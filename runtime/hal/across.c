// across.c: command lists with buffers of other devices. See across.h.
#include "hal/across.h"

#if EERIE_ASYNC_DEVICES

// Where a buffer takes the place of another's range, both begin at such a multiple: kernels may be
// compiled for what is known of an offset.
#define ALIGNMENT UINT64_C(256)
// Runs of changed bytes that are closer to each other go back as one.
#define GAP 16u
// Of one list, and of one execution.
#define FOREIGN_LIMIT 1024u

// ---- What lists are recorded with --------------------------------------------------------------

static eerie_status_t foreign_slot(ee_hal_command_list_t *list, const ee_hal_binding_t *binding,
                                   uint32_t *out_slot, eerie_error_t *err) {
  for (const ee_hal_foreign_t *entry = list->foreign; entry; entry = entry->next) {
    const ee_hal_binding_t *known = &entry->binding;
    if (known->buffer != binding->buffer || known->offset != binding->offset ||
        known->size != binding->size) {
      continue;
    }
    *out_slot = entry->slot;
    return EERIE_OK;
  }
  if (list->foreign_count == FOREIGN_LIMIT || list->binding_capacity == UINT32_MAX) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "a command list with more than %u ranges of other devices' buffers",
                   FOREIGN_LIMIT);
  }
  ee_hal_foreign_t *entry = ee_hal_command_list_take(list, sizeof *entry, err);
  if (!entry) return EERIE_RESOURCE_EXHAUSTED;
  ee_hal_buffer_retain(binding->buffer);
  *entry = (ee_hal_foreign_t){list->foreign, *binding, list->binding_capacity++};
  list->foreign = entry;
  ++list->foreign_count;
  *out_slot = entry->slot;
  return EERIE_OK;
}

static eerie_status_t move_out(ee_hal_command_list_t *list, ee_hal_binding_t *binding,
                               eerie_error_t *err) {
  if (EE_LIKELY(ee_hal_device_uses(list->device, binding->buffer, true))) return EERIE_OK;
  uint32_t slot;
  EE_TRY(foreign_slot(list, binding, &slot, err));
  *binding = (ee_hal_binding_t){NULL, slot, 0, binding->size};
  return EERIE_OK;
}

eerie_status_t ee_hal_across_record(ee_hal_command_list_t *list, ee_hal_command_t *command,
                                    eerie_error_t *err) {
  EE_TRY(move_out(list, &command->source, err));
  EE_TRY(move_out(list, &command->target, err));
  ee_hal_binding_t *bindings = (ee_hal_binding_t *)(uintptr_t)command->bindings; // the arena's
  for (uint32_t i = 0; i < command->binding_count; ++i)
    EE_TRY(move_out(list, &bindings[i], err));
  return EERIE_OK;
}

void ee_hal_across_forget(const ee_hal_command_list_t *list) {
  for (const ee_hal_foreign_t *entry = list->foreign; entry; entry = entry->next)
    ee_hal_buffer_release(entry->binding.buffer);
}

// ---- Work on storage of others -----------------------------------------------------------------

// A range of another device's storage that a list uses.
typedef struct part {
  ee_hal_buffer_t *storage; // retained; NULL: none yet
  ee_hal_buffer_t *stand_in;
  uint64_t begin, end; // bytes of the storage that entries of the table have
  uint32_t access;     // EE_HAL_ACCESS_*
  bool used;           // a command has it
  bool comes;          // the commands may read it
  bool goes;           // they write to it
  uint8_t *before;     // what came; NULL: it was taken where it lies, or nothing came
  uint8_t *after;      // what goes; NULL: it is taken where it lies
} part_t;

typedef enum stage { STAGE_FETCH, STAGE_RUN, STAGE_STORE, STAGE_RETURN, STAGE_END } stage_t;

typedef struct crossing {
  ee_hal_steps_t steps;
  stage_t stage;
  ee_hal_device_t *device; // that this is a block of
  ee_hal_fence_t *signal;  // retained
  size_t block_size;
  ee_hal_operation_t operation; // its list is retained, and so are the buffers of `table`
  size_t table_count;
  ee_hal_binding_t *table;
  uint32_t *part_of; // of each entry, its number plus one; 0: none
  size_t part_count;
  part_t parts[]; // as many as the table has entries; the table and `part_of` follow
} crossing_t;

// What stands in for a part begins where the part does, rounded down.
static uint64_t base_of(const part_t *part) {
  return part->begin & ~(ALIGNMENT - 1);
}
static uint64_t size_of(const part_t *part) {
  return part->end - part->begin;
}
static uint64_t skipped(const part_t *part) {
  return part->begin - base_of(part);
}

static void crossing_free(crossing_t *c) {
  for (size_t i = 0; i < c->part_count; ++i) {
    part_t *part = &c->parts[i];
    ee_heap_free(c->steps.heap, part->before, (size_t)size_of(part));
    ee_heap_free(c->steps.heap, part->after, (size_t)size_of(part));
    ee_hal_buffer_release(part->stand_in);
    ee_hal_buffer_release(part->storage);
  }
  for (size_t i = 0; i < c->table_count; ++i)
    if (!c->part_of[i]) ee_hal_buffer_release(c->table[i].buffer);
  ee_object_release((ee_object_t *)c->operation.commands);
  ee_hal_steps_free(&c->steps);
  ee_hal_device_free(c->device, c, c->block_size);
}

static void crossing_end(crossing_t *c) {
  ee_hal_fence_t *signal = c->signal;
  const eerie_status_t status = c->steps.status;
  const eerie_error_t cause = c->steps.error;
  crossing_free(c); // who waits for the signal may expect that all is free
  ee_hal_fence_signal(signal, status, status == EERIE_OK ? NULL : &cause);
  ee_object_release((ee_object_t *)signal);
}

// ---- Steps -------------------------------------------------------------------------------------

// Host memory for the bytes of a part; a failure is noted.
static bool allocate_bytes(crossing_t *c, const part_t *part, uint8_t **out_bytes) {
  *out_bytes = ee_heap_allocate(c->steps.heap, (size_t)size_of(part));
  if (*out_bytes) return true;
  eerie_error_t err;
  ee_hal_steps_note(&c->steps, EE_NO_MEMORY(&err, (size_t)size_of(part)), &err);
  return false;
}

// Brings what will be read to the host, and keeps it where it has to be compared later.
static void fetch(crossing_t *c) {
  for (size_t i = 0; i < c->part_count && c->steps.status == EERIE_OK; ++i) {
    part_t *part = &c->parts[i];
    const uint8_t *data = part->storage->data;
    if (!part->comes || (data && !part->goes) || !allocate_bytes(c, part, &part->before)) continue;
    if (data) {
      memcpy(part->before, data + (size_t)part->begin, (size_t)size_of(part));
    } else {
      ee_hal_steps_move(&c->steps, part->storage, part->begin, part->before, size_of(part), false);
    }
  }
}

static void run(crossing_t *c) {
  for (size_t i = 0; i < c->part_count; ++i) {
    part_t *part = &c->parts[i];
    if (!part->comes) continue;
    uint8_t *bytes = part->before ? part->before : part->storage->data + (size_t)part->begin;
    ee_hal_steps_move(&c->steps, part->stand_in, skipped(part), bytes, size_of(part), true);
  }
  for (size_t i = 0; i < c->part_count; ++i)
    c->parts[i].stand_in->access = c->parts[i].access;
  ee_hal_fence_t *fence = ee_hal_steps_fence(&c->steps);
  if (!fence || c->steps.status != EERIE_OK) {
    ee_hal_fence_signal(fence, EERIE_CANCELLED, NULL);
    return;
  }
  (void)ee_hal_device_submit(c->device, NULL, fence, &c->operation, NULL); // fails the fence
}

// Brings what was written to the host.
static void store(crossing_t *c) {
  for (size_t i = 0; i < c->part_count && c->steps.status == EERIE_OK; ++i) {
    part_t *part = &c->parts[i];
    if (!part->goes || part->stand_in->data || !allocate_bytes(c, part, &part->after)) continue;
    ee_hal_steps_move(&c->steps, part->stand_in, skipped(part), part->after, size_of(part), false);
  }
}

static void give_run(crossing_t *c, const part_t *part, const uint8_t *bytes, size_t begin,
                     size_t end) {
  uint8_t *data = part->storage->data;
  if (data) {
    memcpy(data + (size_t)part->begin + begin, bytes + begin, end - begin);
  } else {
    ee_hal_steps_move(&c->steps, part->storage, part->begin + begin,
                      (uint8_t *)(uintptr_t)bytes + begin, end - begin, true);
  }
}

// Gives changed bytes back; one run after the other.
static void give_back(crossing_t *c, const part_t *part) {
  const uint8_t *bytes = part->after ? part->after : part->stand_in->data + (size_t)skipped(part);
  const size_t size = (size_t)size_of(part);
  if (!part->before) {
    give_run(c, part, bytes, 0, size);
    return;
  }
  for (size_t begin = 0; begin < size;) {
    if (bytes[begin] == part->before[begin]) {
      ++begin;
      continue;
    }
    size_t end = begin + 1; // of the last byte that differs
    for (size_t at = end; at < size && at - end < GAP; ++at)
      if (bytes[at] != part->before[at]) end = at + 1;
    give_run(c, part, bytes, begin, end);
    begin = end;
  }
}

static bool crossing_advance(ee_hal_steps_t *steps) {
  crossing_t *c = (crossing_t *)steps;
  const stage_t stage = steps->status == EERIE_OK ? c->stage : STAGE_END;
  switch (stage) {
  case STAGE_FETCH: fetch(c); break;
  case STAGE_RUN: run(c); break;
  case STAGE_STORE: store(c); break;
  case STAGE_RETURN:
    for (size_t i = 0; i < c->part_count; ++i)
      if (c->parts[i].goes) give_back(c, &c->parts[i]);
    break;
  case STAGE_END: crossing_end(c); return false;
  }
  c->stage = (stage_t)(stage + 1);
  return true;
}

// ---- What the commands use ---------------------------------------------------------------------

// The part behind a binding and the range of its storage; NULL: it is no part's.
static part_t *part_behind(crossing_t *c, const ee_hal_binding_t *binding, uint64_t *out_begin,
                           uint64_t *out_end) {
  if (binding->buffer || binding->slot >= c->table_count || !c->part_of[binding->slot]) return NULL;
  const ee_hal_binding_t *entry = &c->table[binding->slot];
  part_t *part = &c->parts[c->part_of[binding->slot] - 1];
  // The driver says what is wrong with ranges when it resolves them.
  const uint64_t offset = binding->offset < entry->size ? binding->offset : entry->size;
  const uint64_t rest = entry->size - offset;
  *out_begin = entry->offset + base_of(part) + offset;
  *out_end = *out_begin + (binding->size < rest ? binding->size : rest);
  return part;
}

static void note_read(crossing_t *c, const ee_hal_binding_t *binding) {
  uint64_t begin, end;
  part_t *part = part_behind(c, binding, &begin, &end);
  if (!part) return;
  // What the first command of all replaces as a whole does not have to come.
  if (!part->used || !part->goes) part->comes = true;
  part->used = true;
}

// `whole`: each byte of the range is written.
static void note_write(crossing_t *c, const ee_hal_binding_t *binding, bool whole) {
  uint64_t begin, end;
  part_t *part = part_behind(c, binding, &begin, &end);
  if (!part) return;
  const bool replaced = whole && !part->used && begin == part->begin && end == part->end;
  if (!replaced && (!part->used || !part->goes)) part->comes = true;
  part->used = true;
  part->goes = true;
}

static void note_command(crossing_t *c, const ee_hal_command_t *command) {
  switch (command->kind) {
  case EE_HAL_COMMAND_FILL:
  case EE_HAL_COMMAND_UPDATE: note_write(c, &command->target, true); break;
  case EE_HAL_COMMAND_COPY:
    note_read(c, &command->source);
    note_write(c, &command->target, true);
    break;
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    note_read(c, &command->source); // and as the other:
  // fall through
  case EE_HAL_COMMAND_DISPATCH:
    for (uint32_t i = 0; i < command->binding_count; ++i) {
      const ee_hal_binding_t *binding = &command->bindings[i];
      uint64_t begin, end;
      const part_t *part = part_behind(c, binding, &begin, &end);
      if (!part) continue;
      const uint32_t writes = EE_HAL_ACCESS_WRITE | EE_HAL_ACCESS_KERNEL_WRITE;
      note_read(c, binding);
      if (part->access & writes) note_write(c, binding, false);
    }
    break;
  }
}

// ---- Making ready ------------------------------------------------------------------------------

// Whether a part ends before another begins, in the order in which they stand.
static bool is_before(const part_t *a, const part_t *b) {
  if (a->storage != b->storage) return (uintptr_t)a->storage < (uintptr_t)b->storage;
  return a->end <= b->begin;
}

// Puts a range among the parts, which are in order and do not overlap. Ranges that do are one, as
// what is written to one is read in the other. Takes over the reference to the storage.
static void insert_part(crossing_t *c, part_t part) {
  size_t first = 0;
  while (first < c->part_count && is_before(&c->parts[first], &part))
    ++first;
  size_t end = first;
  for (; end < c->part_count && !is_before(&part, &c->parts[end]); ++end) {
    const part_t *other = &c->parts[end];
    if (other->begin < part.begin) part.begin = other->begin;
    if (other->end > part.end) part.end = other->end;
    part.access |= other->access;
    ee_hal_buffer_release(other->storage);
  }
  memmove(&c->parts[first + 1], &c->parts[end], (c->part_count - end) * sizeof part);
  c->part_count = c->part_count - (end - first) + 1;
  c->parts[first] = part;
}

// The entry's range becomes one of its storage, and that a part or in one.
static eerie_status_t add_entry(crossing_t *c, size_t index, eerie_error_t *err) {
  ee_hal_binding_t *entry = &c->table[index];
  ee_hal_buffer_t *buffer = entry->buffer;
  uint8_t *data;
  uint64_t size;
  EE_TRY(ee_hal_binding_resolve(entry, NULL, 0, 0, &data, &size, err));
  ee_hal_buffer_t *storage = buffer->storage ? buffer->storage : buffer;
  const uint64_t begin = buffer->offset + entry->offset;
  ee_hal_buffer_retain(storage);
  insert_part(c, (part_t){storage, NULL, begin, begin + size, .access = buffer->access});
  ee_hal_buffer_release(buffer);
  *entry = (ee_hal_binding_t){storage, 0, begin, size};
  c->part_of[index] = 1; // which is known when all are there
  return EERIE_OK;
}

// Has an entry point to what stands in for its part.
static void place_entry(crossing_t *c, size_t index) {
  ee_hal_binding_t *entry = &c->table[index];
  size_t i = 0;
  while (c->parts[i].storage != entry->buffer || c->parts[i].end < entry->offset + entry->size ||
         c->parts[i].begin > entry->offset)
    ++i;
  entry->buffer = c->parts[i].stand_in;
  entry->offset -= base_of(&c->parts[i]);
  c->part_of[index] = (uint32_t)i + 1;
}

static eerie_status_t add_stand_in(crossing_t *c, part_t *part, eerie_error_t *err) {
  const uint32_t usage = EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH;
  return ee_hal_buffer_allocate(c->device, EE_HAL_MEMORY_DEVICE_LOCAL, usage,
                                part->end - base_of(part), &part->stand_in, err);
}

static eerie_status_t prepare(crossing_t *c, eerie_error_t *err) {
  size_t count = 0;
  for (size_t i = 0; i < c->table_count; ++i) {
    if (ee_hal_device_uses(c->device, c->table[i].buffer, true)) continue;
    if (++count > FOREIGN_LIMIT) {
      return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                     "an execution with more than %u buffers of other devices", FOREIGN_LIMIT);
    }
    EE_TRY(add_entry(c, i, err));
  }
  for (size_t i = 0; i < c->part_count; ++i)
    EE_TRY(add_stand_in(c, &c->parts[i], err));
  for (size_t i = 0; i < c->table_count; ++i)
    if (c->part_of[i]) place_entry(c, i);
  for (const ee_hal_command_t *command = c->operation.commands->first; command;
       command = command->next)
    note_command(c, command);
  return EERIE_OK;
}

static crossing_t *crossing_new(ee_hal_device_t *device, size_t table_count) {
  size_t size, block_size;
  const size_t unit = sizeof(part_t) + sizeof(ee_hal_binding_t) + sizeof(uint32_t);
  if (!ee_mul_size(table_count, unit, &size) || !ee_add_size(size, sizeof(crossing_t), &size)) {
    return NULL;
  }
  crossing_t *c = ee_hal_device_allocate(device, size, &block_size);
  if (!c) return NULL;
  memset(c, 0, size);
  c->steps = (ee_hal_steps_t){.heap = device->heap, .advance = crossing_advance};
  c->device = device;
  c->block_size = block_size;
  c->table_count = table_count;
  c->table = (ee_hal_binding_t *)(void *)(c->parts + table_count);
  c->part_of = (uint32_t *)(void *)(c->table + table_count);
  return c;
}

static crossing_t *crossing_of(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                               eerie_error_t *err) {
  const ee_hal_command_list_t *list = operation->commands;
  const size_t own = list->binding_capacity - list->foreign_count;
  if (operation->binding_count < own) {
    (void)EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                  "the command list takes %zu bindings, the execution gives %zu", own,
                  operation->binding_count);
    return NULL;
  }
  crossing_t *c = crossing_new(device, list->binding_capacity);
  if (!c) {
    (void)EE_NO_MEMORY(err, list->binding_capacity * sizeof(part_t));
    return NULL;
  }
  for (size_t i = 0; i < own; ++i)
    c->table[i] = operation->bindings[i];
  for (const ee_hal_foreign_t *entry = list->foreign; entry; entry = entry->next)
    c->table[entry->slot] = entry->binding;
  for (size_t i = 0; i < c->table_count; ++i)
    ee_hal_buffer_retain(c->table[i].buffer);
  c->operation = *operation;
  c->operation.complete = true;
  c->operation.bindings = c->table;
  c->operation.binding_count = c->table_count;
  ee_object_retain((ee_object_t *)c->operation.commands);
  return c;
}

eerie_status_t ee_hal_across_execute(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                     const ee_hal_operation_t *operation, eerie_error_t *err) {
  const ee_hal_command_list_t *list = operation->commands;
  if (!list || !list->finalized || list->device != device) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a command list that is not finalized, or another device's");
  }
  crossing_t *c = crossing_of(device, operation, err);
  if (!c) return err->code;
  const eerie_status_t status = prepare(c, err);
  if (status != EERIE_OK) {
    crossing_free(c);
    return status;
  }
  c->signal = signal;
  ee_object_retain((ee_object_t *)signal);
  ee_hal_steps_run(&c->steps);
  return EERIE_OK;
}

// ---- Operations --------------------------------------------------------------------------------

bool ee_hal_device_reaches(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer,
                           bool in_kernels) {
  const ee_hal_async_driver_t *async = device->driver->async;
  if (!async) return buffer->data != NULL;
  return async->reaches && buffer->device->driver == device->driver &&
         async->reaches(device, buffer, in_kernels);
}

bool ee_hal_across_is_needed(const ee_hal_device_t *device, const ee_hal_operation_t *operation) {
  const ee_hal_operation_kind_t kind = operation->kind;
  if (kind == EE_HAL_QUEUE_BARRIER || kind == EE_HAL_QUEUE_DEALLOCATE) return false;
  const bool in_kernels = kind != EE_HAL_QUEUE_COPY;
  if (!ee_hal_device_uses(device, operation->source.buffer, in_kernels) ||
      !ee_hal_device_uses(device, operation->target.buffer, in_kernels)) {
    return true;
  }
  for (size_t i = 0; i < operation->binding_count; ++i) {
    if (!ee_hal_device_uses(device, operation->bindings[i].buffer, true)) return true;
  }
  return operation->commands && operation->commands->foreign_count && !operation->complete;
}

static eerie_status_t start(ee_hal_device_t *device, ee_hal_fence_t *signal,
                            const ee_hal_operation_t *operation, eerie_error_t *err) {
  return operation->kind == EE_HAL_QUEUE_EXECUTE
             ? ee_hal_across_execute(device, signal, operation, err)
             : ee_hal_across_transfer(device, signal, operation, err);
}

eerie_status_t ee_hal_across_submit(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err) {
  if (signal) return start(device, signal, operation, err);
  // Whoever comes next could not know when it is done.
  ee_hal_fence_t *own = NULL;
  EE_TRY(ee_hal_fence_create(device->heap, &own, err));
  eerie_status_t status = start(device, own, operation, err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(own, INT64_MAX, err);
  ee_object_release((ee_object_t *)own);
  return status;
}

#endif
