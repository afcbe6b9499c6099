// spans.c: a device's memory in chunks, cut into spans.
//
// Systems grant few allocations (Vulkan 4096 where the limit is least), and each takes long. Spans
// of a chunk hang together by address, so that neighbours which are free become one.
//
// Freed bytes wait for reuse: tensors of a call come back at the next. A chunk that nobody uses is
// kept while chunks hold no more than was once in use at the same time; before an allocation fails
// all such chunks go back to the system.
#include "hal/queued.h"

#define SMALLEST_CHUNK (UINT64_C(1) << 20)
#define LARGEST_CHUNK  (UINT64_C(64) << 20)

// Spans come and go with every call: those that went wait for the next.
static ee_hal_span_t *span_new(ee_hal_queued_t *device) {
  ee_hal_span_t *span = device->memory.unused;
  if (!span) return ee_heap_allocate(device->base.heap, sizeof *span);
  device->memory.unused = span->after;
  return span;
}

static void span_delete(ee_hal_queued_t *device, ee_hal_span_t *span) {
  if (!span) return;
  span->after = device->memory.unused;
  device->memory.unused = span;
}

// ---- Chunks ------------------------------------------------------------------------------------

// Systems grant so many chunks at a time. With the lock held.
static bool count_one(ee_hal_memory_t *memory) {
  if (memory->max_count && memory->count >= memory->max_count) return false;
  ++memory->count;
  return true;
}

static EE_COLD eerie_status_t too_many(const ee_hal_queued_t *device, eerie_error_t *err) {
  return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "device %s allocates memory at most %u times",
                 device->base.name, device->memory.max_count);
}

static void chunk_delete(ee_hal_queued_t *device, ee_hal_chunk_t *chunk) {
  device->queue_driver->chunk_destroy(device, chunk);
  --device->memory.count;
  device->memory.total -= chunk->size;
  span_delete(device, chunk->spans);
  ee_heap_free(device->base.heap, chunk, sizeof *chunk);
}

static eerie_status_t chunk_new(ee_hal_queued_t *device, ee_hal_place_t place, uint64_t size,
                                ee_hal_chunk_t **out_chunk, eerie_error_t *err) {
  ee_hal_memory_t *memory = &device->memory;
  if (!count_one(memory)) return too_many(device, err);
  ee_hal_chunk_t *chunk = ee_heap_allocate_zeroed(device->base.heap, sizeof *chunk);
  ee_hal_span_t *span = span_new(device);
  if (!chunk || !span) {
    ee_heap_free(device->base.heap, chunk, sizeof *chunk);
    span_delete(device, span);
    --memory->count;
    return EE_NO_MEMORY(err, sizeof *chunk);
  }
  *span = (ee_hal_span_t){.chunk = chunk, .size = size};
  chunk->size = size;
  chunk->serial = ++memory->serial;
  chunk->place = place;
  chunk->spans = span;
  memory->total += size;
  const eerie_status_t status = device->queue_driver->chunk_create(device, chunk, err);
  if (status != EERIE_OK) {
    chunk_delete(device, chunk);
    return status;
  }
  chunk->next = memory->chunks;
  memory->chunks = chunk;
  *out_chunk = chunk;
  return EERIE_OK;
}

// Gives chunks that nobody uses back to the system; false: there was none.
static bool drop_idle(ee_hal_queued_t *device) {
  bool any = false;
  for (ee_hal_chunk_t **link = &device->memory.chunks; *link;) {
    ee_hal_chunk_t *chunk = *link;
    if (chunk->live) {
      link = &chunk->next;
      continue;
    }
    *link = chunk->next;
    chunk_delete(device, chunk);
    any = true;
  }
  if (device->queue_driver->trim && device->queue_driver->trim(device)) any = true;
  return any;
}

void ee_hal_spans_destroy(ee_hal_queued_t *device) {
  (void)drop_idle(device); // a device goes after all its buffers
  while (device->memory.unused) {
    ee_hal_span_t *next = device->memory.unused->after;
    ee_heap_free(device->base.heap, device->memory.unused, sizeof *next);
    device->memory.unused = next;
  }
}

// ---- Spans -------------------------------------------------------------------------------------

static ee_hal_span_t *find_span(const ee_hal_memory_t *memory, ee_hal_place_t place,
                                uint64_t size) {
  ee_hal_span_t *best = NULL;
  for (const ee_hal_chunk_t *chunk = memory->chunks; chunk; chunk = chunk->next) {
    if (chunk->place != place || chunk->size - chunk->live < size) continue;
    for (ee_hal_span_t *span = chunk->spans; span; span = span->after) {
      if (span->used || span->size < size) continue;
      if (!best || span->size < best->size) best = span;
      if (best->size == size) return best;
    }
  }
  return best;
}

// Cuts `size` bytes off the front; the rest becomes a span of its own.
static bool split(ee_hal_queued_t *device, ee_hal_span_t *span, uint64_t size) {
  if (span->size == size) return true;
  ee_hal_span_t *rest = span_new(device);
  if (!rest) return false;
  *rest = (ee_hal_span_t){
      .chunk = span->chunk,
      .before = span,
      .after = span->after,
      .offset = span->offset + size,
      .size = span->size - size,
  };
  if (rest->after) rest->after->before = rest;
  span->after = rest;
  span->size = size;
  return true;
}

// Joins a free span with the one after it, if that is free too.
static void join_after(ee_hal_queued_t *device, ee_hal_span_t *span) {
  ee_hal_span_t *after = span->after;
  if (!after || after->used) return;
  span->size += after->size;
  span->after = after->after;
  if (span->after) span->after->before = span;
  span_delete(device, after);
}

// As many bytes as all chunks have, within bounds, so that their number stays small.
static uint64_t chunk_size(const ee_hal_memory_t *memory, uint64_t wanted) {
  uint64_t size = memory->total;
  if (size < SMALLEST_CHUNK) size = SMALLEST_CHUNK;
  if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
  if (memory->max_allocation && size > memory->max_allocation)
    size = memory->max_allocation & ~(memory->alignment - 1);
  return wanted > size ? wanted : size;
}

static eerie_status_t grow(ee_hal_queued_t *device, ee_hal_place_t place, uint64_t size,
                           ee_hal_span_t **out_span, eerie_error_t *err) {
  ee_hal_chunk_t *chunk = NULL;
  eerie_status_t status = chunk_new(device, place, chunk_size(&device->memory, size), &chunk, err);
  // What is needed and no more, then after giving back what is idle.
  if (status != EERIE_OK) status = chunk_new(device, place, size, &chunk, err);
  if (status != EERIE_OK && drop_idle(device)) status = chunk_new(device, place, size, &chunk, err);
  if (status == EERIE_OK) *out_span = chunk->spans;
  return status;
}

static eerie_status_t allocate_locked(ee_hal_queued_t *device, ee_hal_place_t place, uint64_t size,
                                      ee_hal_span_t **out_span, eerie_error_t *err) {
  ee_hal_memory_t *memory = &device->memory;
  ee_hal_span_t *span = find_span(memory, place, size);
  if (!span) EE_TRY(grow(device, place, size, &span, err));
  if (!split(device, span, size)) return EE_NO_MEMORY(err, sizeof *span);
  span->used = true;
  span->chunk->live += size;
  memory->live += size;
  if (memory->live > memory->peak) memory->peak = memory->live;
  *out_span = span;
  return EERIE_OK;
}

static EE_COLD eerie_status_t too_large(const ee_hal_queued_t *device, uint64_t size,
                                        eerie_error_t *err) {
  (void)size; // unused in builds without texts
  return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                 "%llu bytes in one piece; device %s allocates at most %llu",
                 (unsigned long long)size, device->base.name,
                 (unsigned long long)device->memory.max_allocation);
}

eerie_status_t ee_hal_span_allocate(ee_hal_queued_t *device, ee_hal_place_t place, uint64_t size,
                                    ee_hal_span_t **out_span, eerie_error_t *err) {
  const uint64_t mask = device->memory.alignment - 1;
  const uint64_t most = device->memory.max_allocation;
  uint64_t rounded;
  if (!ee_add_u64(size ? size : 1, mask, &rounded) || (most && (rounded & ~mask) > most))
    return too_large(device, size, err);
  if (device->memory.unified) place = EE_HAL_PLACE_DEVICE;
  ee_hal_queued_lock(device);
  const eerie_status_t status = allocate_locked(device, place, rounded & ~mask, out_span, err);
  ee_hal_queued_unlock(device);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "device %s: a buffer of %llu bytes", device->base.name,
                (unsigned long long)size);
  }
  return status;
}

// ---- Memory of callers -------------------------------------------------------------------------

// A chunk that is one span, and none that others are cut from.
typedef struct imported {
  ee_hal_chunk_t chunk;
  ee_hal_span_t span;
} imported_t;

static void imported_delete(ee_hal_queued_t *device, imported_t *imported) {
  device->queue_driver->chunk_destroy(device, &imported->chunk);
  ee_heap_free(device->base.heap, imported, sizeof *imported);
  ee_hal_queued_lock(device);
  --device->memory.count;
  ee_hal_queued_unlock(device);
}

static imported_t *imported_new(ee_hal_queued_t *device, uint8_t *data, uint64_t size,
                                eerie_error_t *err) {
  imported_t *imported = ee_heap_allocate_zeroed(device->base.heap, sizeof *imported);
  if (!imported) {
    (void)EE_NO_MEMORY(err, sizeof *imported);
    return NULL;
  }
  ee_hal_queued_lock(device);
  const bool counted =
      count_one(&device->memory) || (drop_idle(device) && count_one(&device->memory));
  const uint64_t serial = ++device->memory.serial;
  ee_hal_queued_unlock(device);
  if (!counted) {
    ee_heap_free(device->base.heap, imported, sizeof *imported);
    (void)too_many(device, err);
    return NULL;
  }
  imported->chunk = (ee_hal_chunk_t){
      .spans = &imported->span,
      .size = size,
      .serial = serial,
      .place = EE_HAL_PLACE_CALLER,
      .data = data,
  };
  return imported;
}

eerie_status_t ee_hal_span_import(ee_hal_queued_t *device, uint8_t *data, uint64_t size,
                                  ee_hal_span_t **out_span, eerie_error_t *err) {
  const ee_hal_memory_t *memory = &device->memory;
  if ((uintptr_t)data & (memory->alignment - 1)) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "host memory at %p is not aligned to %llu bytes, as device %s needs it in place",
                   (void *)data, (unsigned long long)memory->alignment, device->base.name);
  }
  if (memory->max_allocation && size > memory->max_allocation) {
    return too_large(device, size, err);
  }
  imported_t *imported = imported_new(device, data, size, err);
  if (!imported) return EERIE_RESOURCE_EXHAUSTED;
  const eerie_status_t status = device->queue_driver->chunk_import(device, &imported->chunk, err);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "device %s: %llu bytes of host memory in place", device->base.name,
                (unsigned long long)size);
    imported_delete(device, imported);
    return status;
  }
  // Kernels read and write words: the last one is the tensor's, in whose page it ends.
  imported->span = (ee_hal_span_t){
      .chunk = &imported->chunk,
      .offset = (uint64_t)(data - imported->chunk.data),
      .size = (size + 3) & ~UINT64_C(3),
      .used = true,
  };
  *out_span = &imported->span;
  return EERIE_OK;
}

// ---- Giving back -------------------------------------------------------------------------------

static void chunk_unlink(ee_hal_memory_t *memory, const ee_hal_chunk_t *chunk) {
  ee_hal_chunk_t **link = &memory->chunks;
  while (*link != chunk)
    link = &(*link)->next;
  *link = chunk->next;
}

void ee_hal_span_free(ee_hal_queued_t *device, ee_hal_span_t *span) {
  if (!span) return;
  ee_hal_memory_t *memory = &device->memory;
  ee_hal_chunk_t *chunk = span->chunk;
  if (EE_UNLIKELY(chunk->place == EE_HAL_PLACE_CALLER)) {
    imported_delete(device, (imported_t *)chunk);
    return;
  }
  ee_hal_queued_lock(device);
  span->used = false;
  chunk->live -= span->size;
  memory->live -= span->size;
  join_after(device, span);
  if (span->before && !span->before->used) join_after(device, span->before);
  if (chunk->live == 0 && memory->total > memory->peak + LARGEST_CHUNK) {
    chunk_unlink(memory, chunk);
    chunk_delete(device, chunk);
  }
  ee_hal_queued_unlock(device);
}
