// pool.h: blocks that come back: what makes a call cost no allocation after warm-up.
//
// Every object that a call makes on a device (buffers, tensors, fences, command lists) is a block
// of its device's pool. Sizes are rounded up to classes, four to a doubling, so at most a fifth of
// a block is lost; a freed block waits in its class for the next one of that size.
//
// How much waits is bounded by what was once in use: live + waiting bytes never pass the highest
// number of live bytes seen by more than EERIE_POOL_SLACK, so calls with ever new shapes do not let
// memory grow.
//
// Threads: one flag guards the lists, held for a few instructions, and nobody waits for it: who
// finds it taken goes to the heap. Its holder may be kept from running for long, so what others
// free in the meantime must not wait for it.
#ifndef EE_HAL_POOL_H_
#define EE_HAL_POOL_H_

#include "base/allocator.h"
#include "hal/atomic.h"

#define EE_HAL_POOL_CLASSES 112 // 64 bytes to 14 GiB; larger blocks go to the heap

typedef struct ee_hal_pool_block {
  struct ee_hal_pool_block *next;
  size_t size;
} ee_hal_pool_block_t;

typedef struct ee_hal_pool {
  ee_heap_t *heap;
  EE_ATOMIC(uint32_t) busy;
  EE_ATOMIC(size_t) missed; // bytes allocated less bytes freed while the flag was taken
  size_t live;              // bytes of classes in use
  size_t waiting;           // bytes in `free`
  size_t peak;              // highest `live`
  ee_hal_pool_block_t *free[EE_HAL_POOL_CLASSES];
} ee_hal_pool_t;

void ee_hal_pool_initialize(ee_hal_pool_t *pool, ee_heap_t *heap);
// All blocks must have come back.
void ee_hal_pool_deinitialize(ee_hal_pool_t *pool);

// A block of at least `size` bytes, contents undefined, aligned as the heap aligns; NULL when there
// is no memory even after all that waits was given back. `out_size` is what free takes.
void *ee_hal_pool_allocate(ee_hal_pool_t *pool, size_t size, size_t *out_size);
void ee_hal_pool_free(ee_hal_pool_t *pool, void *block, size_t size);

// Gives all waiting blocks back to the heap; false when there were none.
bool ee_hal_pool_trim(ee_hal_pool_t *pool);

#endif // EE_HAL_POOL_H_
