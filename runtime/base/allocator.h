// allocator.h: the one way to memory.
#ifndef EE_BASE_ALLOCATOR_H_
#define EE_BASE_ALLOCATOR_H_

#include "base/bytes.h"
#include "base/status.h"

#if EERIE_THREADS
typedef _Atomic size_t ee_heap_count_t;
#else
typedef size_t ee_heap_count_t;
#endif

// An allocator with bookkeeping in front of it: current and peak bytes, and a limit. An instance
// has one, and every object made under that instance takes its memory from it. Thread-safe.
typedef struct ee_heap {
  eerie_allocator_t allocator;
  size_t limit; // bytes that may be taken at once; 0: none
  // Called by whoever gives back the last byte, after which the heap is not touched again: the
  // heap's owner may hold a byte count of its own (ee_heap_charge) and free the heap here. NULL:
  // nothing.
  void (*on_empty)(struct ee_heap *heap);
#if EERIE_PROFILE
  struct ee_observer *observer; // hal/observe.h; NULL: nobody looks
  struct ee_observer *counters; // the same, of whoever looked first, for ever
  // Of `current`: what it is for. The rest is of no kind, and its peak known while `counters` is.
  ee_heap_count_t code; // executables and modules
  ee_heap_count_t code_peak;
  ee_heap_count_t storage; // of tensors that were made while an observer looked
  ee_heap_count_t other_peak;
#endif
  ee_heap_count_t current;
  ee_heap_count_t peak;
} ee_heap_t;

// `allocator.reallocate` must not be NULL (the port supplies the system's own). `limit` 0: none.
void ee_heap_initialize(ee_heap_t *heap, eerie_allocator_t allocator, size_t limit);

// Counts bytes that were not allocated here, such as the block that holds the heap itself.
bool ee_heap_charge(ee_heap_t *heap, size_t size);
void ee_heap_discharge(ee_heap_t *heap, size_t size);

// NULL when the allocator has none or the limit is reached. Contents are undefined.
void *ee_heap_allocate(ee_heap_t *heap, size_t size);
// The same, zeroed.
void *ee_heap_allocate_zeroed(ee_heap_t *heap, size_t size);
// Like realloc; on NULL the old block stays.
void *ee_heap_resize(ee_heap_t *heap, void *pointer, size_t old_size, size_t new_size);
// `size` is the size last asked for; NULL is harmless.
void ee_heap_free(ee_heap_t *heap, void *pointer, size_t size);

// Tells what bytes are for: before they are allocated or charged, and before they are given back.
// See kinds.c, a host's file.
#if EERIE_PROFILE
void ee_heap_count_code(ee_heap_t *heap, size_t size);
void ee_heap_forget_code(ee_heap_t *heap, size_t size);
void ee_heap_count_storage(ee_heap_t *heap, size_t size);
void ee_heap_forget_storage(ee_heap_t *heap, size_t size);
// What is of no kind now; and a moment at which it may be the most.
size_t ee_heap_other(const ee_heap_t *heap);
void ee_heap_note_other(ee_heap_t *heap);
#else
#define ee_heap_count_code(heap, size)  ((void)0)
#define ee_heap_forget_code(heap, size) ((void)0)
#endif

#endif // EE_BASE_ALLOCATOR_H_
