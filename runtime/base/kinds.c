// kinds.c: what the bytes of a heap are for, as far as eerie_profile.h tells kinds apart. See
// allocator.h.
//
// Bytes are counted before they are charged, so that nobody takes them for what is of no kind. They
// are forgotten before they are given back, as the heap may go with the last of them: a thread that
// looks in between sees them among the rest.
#include "base/allocator.h"

#if EERIE_PROFILE

#if EERIE_THREADS
#include <stdatomic.h>

static size_t add(ee_heap_count_t *count, size_t size) {
  return atomic_fetch_add_explicit(count, size, memory_order_acq_rel) + size;
}

static void subtract(ee_heap_count_t *count, size_t size) {
  (void)atomic_fetch_sub_explicit(count, size, memory_order_acq_rel);
}

static void raise_to(ee_heap_count_t *peak, size_t now) {
  size_t seen = atomic_load_explicit(peak, memory_order_relaxed);
  while (now > seen && !atomic_compare_exchange_weak_explicit(
                           peak, &seen, now, memory_order_relaxed, memory_order_relaxed)) {
  }
}
#else
static size_t add(ee_heap_count_t *count, size_t size) {
  return *count += size;
}

static void subtract(ee_heap_count_t *count, size_t size) {
  *count -= size;
}

static void raise_to(ee_heap_count_t *peak, size_t now) {
  if (now > *peak) *peak = now;
}
#endif

size_t ee_heap_other(const ee_heap_t *heap) {
  const size_t all = heap->current;
  const size_t known = heap->code + heap->storage;
  return all > known ? all - known : 0;
}

void ee_heap_note_other(ee_heap_t *heap) {
  raise_to(&heap->other_peak, ee_heap_other(heap));
}

void ee_heap_count_code(ee_heap_t *heap, size_t size) {
  raise_to(&heap->code_peak, add(&heap->code, size));
}

void ee_heap_forget_code(ee_heap_t *heap, size_t size) {
  subtract(&heap->code, size);
}

void ee_heap_count_storage(ee_heap_t *heap, size_t size) {
  (void)add(&heap->storage, size);
}

void ee_heap_forget_storage(ee_heap_t *heap, size_t size) {
  subtract(&heap->storage, size);
}

#endif
