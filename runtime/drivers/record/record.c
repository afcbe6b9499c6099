// record.c: the record itself: storages, libraries, steps.
#include "drivers/record/record.h"

#include "drivers/record/internal.h"

// A block that the record owns; its bytes follow, aligned as any.
typedef struct ee_record_piece {
  struct ee_record_piece *next;
  size_t allocation_size;
} ee_record_piece_t;

#define PIECE_ALIGNMENT ((size_t)EERIE_BUFFER_ALIGNMENT)

eerie_status_t ee_record_keep(ee_record_t *record, const void *bytes, size_t size, size_t extra,
                              void **out_copy, eerie_error_t *err) {
  size_t total;
  if (!ee_add_size(size, extra, &total) ||
      !ee_add_size(total, sizeof(ee_record_piece_t) + PIECE_ALIGNMENT, &total)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  ee_record_piece_t *piece = ee_heap_allocate_zeroed(record->heap, total);
  if (!piece) return EE_NO_MEMORY(err, total);
  piece->next = record->pieces;
  piece->allocation_size = total;
  record->pieces = piece;
  uint8_t *start = (uint8_t *)(piece + 1);
  start += (PIECE_ALIGNMENT - (uintptr_t)start % PIECE_ALIGNMENT) % PIECE_ALIGNMENT;
  if (bytes && size) memcpy(start, bytes, size);
  *out_copy = start;
  return EERIE_OK;
}

// Room for one more element in an array of them.
static eerie_status_t grow(ee_heap_t *heap, void **items, size_t count, size_t *capacity,
                           size_t element_size, eerie_error_t *err) {
  if (count < *capacity) return EERIE_OK;
  const size_t wanted = *capacity ? *capacity * 2 : 16;
  size_t size;
  if (!ee_mul_size(wanted, element_size, &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  void *grown = ee_heap_allocate_zeroed(heap, size);
  if (!grown) return EE_NO_MEMORY(err, size);
  if (count) memcpy(grown, *items, count * element_size);
  ee_heap_free(heap, *items, *capacity * element_size);
  *items = grown;
  *capacity = wanted;
  return EERIE_OK;
}

eerie_status_t ee_record_add_storage(ee_record_t *record, uint64_t size, const uint8_t *data,
                                     size_t *out_index, eerie_error_t *err) {
  if (record->storage_count == EE_RECORD_MAX_STORAGES) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "more than %u allocations and constants",
                   EE_RECORD_MAX_STORAGES);
  }
  EE_TRY(grow(record->heap, (void **)&record->storages, record->storage_count,
              &record->storage_capacity, sizeof *record->storages, err));
  *out_index = record->storage_count++;
  record->storages[*out_index] =
      (ee_record_storage_t){.size = size, .data = data, .phase = record->phase};
  return EERIE_OK;
}

eerie_status_t ee_record_add_library(ee_record_t *record, ee_str_t name, const uint32_t *constants,
                                     size_t constant_count, size_t *out_index, eerie_error_t *err) {
  void *own_name, *own_constants;
  EE_TRY(ee_record_keep(record, name.data, name.size, 1, &own_name, err));
  EE_TRY(ee_record_keep(record, constants, constant_count * sizeof *constants, 0, &own_constants,
                        err));
  EE_TRY(grow(record->heap, (void **)&record->libraries, record->library_count,
              &record->library_capacity, sizeof *record->libraries, err));
  *out_index = record->library_count++;
  record->libraries[*out_index] = (ee_record_library_t){own_name, own_constants, constant_count};
  return EERIE_OK;
}

// Constants are known by where they are.
static eerie_status_t find_constant(ee_record_t *record, const uint8_t *data, uint64_t size,
                                    size_t *out_index, eerie_error_t *err) {
  for (size_t i = 0; i < record->storage_count; ++i) {
    *out_index = i;
    if (record->storages[i].data == data && record->storages[i].size == size) return EERIE_OK;
  }
  return ee_record_add_storage(record, size, data, out_index, err);
}

eerie_status_t ee_record_locate(ee_record_t *record, const ee_hal_buffer_t *buffer,
                                ee_record_range_t *out_range, eerie_error_t *err) {
  const ee_hal_buffer_t *root = buffer->storage ? buffer->storage : buffer;
  *out_range = (ee_record_range_t){.offset = buffer->offset, .size = buffer->size};
  if (root->driver_handle) {
    out_range->storage = (size_t)(root->driver_handle - 1);
    return EERIE_OK;
  }
  if (root->access & EE_HAL_ACCESS_WRITE) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "host memory of %llu bytes is used in place and may be written",
                   (unsigned long long)root->size);
  }
  return find_constant(record, root->data, root->size, &out_range->storage, err);
}

// ---- Steps -------------------------------------------------------------------------------------

eerie_status_t ee_record_add_step(ee_record_t *record, const ee_record_step_t *step,
                                  const ee_record_range_t *ranges, eerie_error_t *err) {
  record->used += step->range_count + 1u;
  if (record->used > EE_RECORD_MAX_RANGES) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a call with more than %u steps and bindings",
                   EE_RECORD_MAX_RANGES);
  }
  const size_t ranges_size = step->range_count * sizeof *ranges;
  const size_t constants_size = step->constant_count * sizeof *step->constants;
  const size_t size = sizeof *step + ranges_size + constants_size;
  ee_record_step_t *copy = ee_heap_allocate_zeroed(record->heap, size);
  if (!copy) return EE_NO_MEMORY(err, size);
  *copy = *step;
  copy->next = NULL;
  copy->allocation_size = size;
  memcpy(copy->ranges, ranges, ranges_size);
  uint8_t *constants = (uint8_t *)copy->ranges + ranges_size;
  if (constants_size) memcpy(constants, step->constants, constants_size);
  copy->constants = (const uint32_t *)(const void *)constants;
  ee_record_join_steps(&record->steps, (ee_record_steps_t){copy, copy});
  return EERIE_OK;
}

eerie_status_t ee_record_copy(ee_record_t *record, const ee_record_range_t *target,
                              const ee_record_range_t *source, eerie_error_t *err) {
  if (target->size != source->size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a copy of %llu bytes onto %llu",
                   (unsigned long long)source->size, (unsigned long long)target->size);
  }
  if (target->size == 0) return EERIE_OK;
  const bool apart = target->storage != source->storage ||
                     target->offset + target->size <= source->offset ||
                     source->offset + source->size <= target->offset;
  if (!apart) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "a copy of %llu bytes onto themselves",
                   (unsigned long long)source->size);
  }
  const ee_record_range_t ranges[2] = {*target, *source};
  return ee_record_add_step(record, &(ee_record_step_t){.kind = EE_RECORD_COPY, .range_count = 2},
                            ranges, err);
}

ee_record_steps_t ee_record_take_steps(ee_record_t *record) {
  const ee_record_steps_t steps = record->steps;
  record->steps = (ee_record_steps_t){NULL, NULL};
  record->used = 0;
  return steps;
}

void ee_record_join_steps(ee_record_steps_t *steps, ee_record_steps_t more) {
  if (!more.first) return;
  if (steps->last) {
    steps->last->next = more.first;
  } else {
    steps->first = more.first;
  }
  steps->last = more.last;
}

void ee_record_free_steps(ee_record_t *record, ee_record_steps_t *steps) {
  while (steps->first) {
    ee_record_step_t *next = steps->first->next;
    ee_heap_free(record->heap, steps->first, steps->first->allocation_size);
    steps->first = next;
  }
  steps->last = NULL;
}

void ee_record_destroy(ee_record_t *record) {
  ee_record_free_steps(record, &record->steps);
  while (record->pieces) {
    ee_record_piece_t *next = record->pieces->next;
    ee_heap_free(record->heap, record->pieces, record->pieces->allocation_size);
    record->pieces = next;
  }
  ee_heap_free(record->heap, record->storages, record->storage_capacity * sizeof *record->storages);
  ee_heap_free(record->heap, record->libraries,
               record->library_capacity * sizeof *record->libraries);
  *record = (ee_record_t){.heap = record->heap};
}
