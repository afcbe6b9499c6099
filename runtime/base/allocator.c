// allocator.c: the bookkeeping in front of the caller's allocator.
//
// Bytes are counted before they are taken, so that threads which allocate at the same moment cannot
// pass the limit together. A request for nothing takes one byte: NULL always means failure.
#include "base/allocator.h"

#if EERIE_THREADS
#include <stdatomic.h>
#endif

static size_t charged_size(size_t size) {
  return size ? size : 1;
}

// As statistics and a limit the counters order nothing, so relaxed is enough to charge. Discharging
// releases, and the one who reaches zero acquires: it may free what all others used.
#if EERIE_THREADS
bool ee_heap_charge(ee_heap_t *heap, size_t size) {
  size_t current = atomic_load_explicit(&heap->current, memory_order_relaxed);
  size_t sum;
  do {
    if (!ee_add_size(current, size, &sum)) return false;
    if (heap->limit && sum > heap->limit) return false;
  } while (!atomic_compare_exchange_weak_explicit(&heap->current, &current, sum,
                                                  memory_order_relaxed, memory_order_relaxed));
  size_t peak = atomic_load_explicit(&heap->peak, memory_order_relaxed);
  while (sum > peak && !atomic_compare_exchange_weak_explicit(
                           &heap->peak, &peak, sum, memory_order_relaxed, memory_order_relaxed)) {
  }
#if EERIE_PROFILE
  if (EE_UNLIKELY(heap->counters != NULL)) ee_heap_note_other(heap);
#endif
  return true;
}

void ee_heap_discharge(ee_heap_t *heap, size_t size) {
  if (atomic_fetch_sub_explicit(&heap->current, size, memory_order_acq_rel) != size) return;
  if (heap->on_empty) heap->on_empty(heap);
}
#else
bool ee_heap_charge(ee_heap_t *heap, size_t size) {
  size_t sum;
  if (!ee_add_size(heap->current, size, &sum)) return false;
  if (heap->limit && sum > heap->limit) return false;
  heap->current = sum;
  if (sum > heap->peak) heap->peak = sum;
#if EERIE_PROFILE
  if (heap->counters) ee_heap_note_other(heap);
#endif
  return true;
}

void ee_heap_discharge(ee_heap_t *heap, size_t size) {
  heap->current -= size;
  if (heap->current == 0 && heap->on_empty) heap->on_empty(heap);
}
#endif

void ee_heap_initialize(ee_heap_t *heap, eerie_allocator_t allocator, size_t limit) {
  heap->allocator = allocator;
  heap->limit = limit;
  heap->on_empty = NULL;
#if EERIE_PROFILE
  heap->observer = NULL;
  heap->counters = NULL;
#endif
#if EERIE_PROFILE
  heap->code = heap->code_peak = heap->storage = heap->other_peak = 0;
#endif
#if EERIE_THREADS
  atomic_init(&heap->current, 0);
  atomic_init(&heap->peak, 0);
#else
  heap->current = 0;
  heap->peak = 0;
#endif
}

void *ee_heap_allocate(ee_heap_t *heap, size_t size) {
  size = charged_size(size);
  if (!ee_heap_charge(heap, size)) return NULL;
  void *pointer = heap->allocator.reallocate(heap->allocator.user, NULL, 0, size);
  if (!pointer) ee_heap_discharge(heap, size);
  return pointer;
}

void *ee_heap_allocate_zeroed(ee_heap_t *heap, size_t size) {
  void *pointer = ee_heap_allocate(heap, size);
  if (pointer) memset(pointer, 0, charged_size(size));
  return pointer;
}

void *ee_heap_resize(ee_heap_t *heap, void *pointer, size_t old_size, size_t new_size) {
  if (!pointer) return ee_heap_allocate(heap, new_size);
  old_size = charged_size(old_size);
  new_size = charged_size(new_size);
  if (new_size > old_size && !ee_heap_charge(heap, new_size - old_size)) return NULL;
  void *moved = heap->allocator.reallocate(heap->allocator.user, pointer, old_size, new_size);
  if (!moved) {
    if (new_size > old_size) ee_heap_discharge(heap, new_size - old_size);
    return NULL;
  }
  if (new_size < old_size) ee_heap_discharge(heap, old_size - new_size);
  return moved;
}

void ee_heap_free(ee_heap_t *heap, void *pointer, size_t size) {
  if (!pointer) return;
  size = charged_size(size);
  heap->allocator.reallocate(heap->allocator.user, pointer, size, 0);
  ee_heap_discharge(heap, size);
}
