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
//
// In front of these lists small blocks wait in shelves, of which each thread has its own as long as
// there are no more threads than shelves: threads that call at once touch none of the same memory.
// Blocks on shelves count as live, a shelf holds EE_HAL_POOL_SHELF_SIZE bytes at most. A shelf has
// a flag too, as threads may share one; it is handled alike.
#ifndef EE_HAL_POOL_H_
#define EE_HAL_POOL_H_

#include "base/allocator.h"
#include "hal/atomic.h"

#define EE_HAL_POOL_CLASSES 112 // 64 bytes to 14 GiB; larger blocks go to the heap

typedef struct ee_hal_pool_block {
  struct ee_hal_pool_block *next;
  size_t size;
} ee_hal_pool_block_t;

#if EERIE_THREADS
#define EE_HAL_POOL_SHELVES       16u
#define EE_HAL_POOL_SHELF_CLASSES 37u // 64 bytes to 32 KiB
#define EE_HAL_POOL_SHELF_SIZE    ((size_t)EERIE_POOL_SLACK)

typedef struct ee_hal_pool_shelf {
  EE_ATOMIC(uint32_t) busy;
  size_t waiting; // bytes in `free`
  size_t out;     // blocks taken from here less blocks put here, modulo 2^n
  ee_hal_pool_block_t *free[EE_HAL_POOL_SHELF_CLASSES];
  uint8_t apart[64]; // from the next one: a CPU's cache moves lines of this size
} ee_hal_pool_shelf_t;
#endif

typedef struct ee_hal_pool {
  ee_heap_t *heap;
  EE_ATOMIC(uint32_t) busy;
  EE_ATOMIC(size_t) missed; // bytes allocated less bytes freed while the flag was taken
  EE_ATOMIC(size_t) out;    // blocks in use but for what shelves count; far above 0 while open
  size_t live;              // bytes of classes in use
  size_t waiting;           // bytes in `free`
  size_t peak;              // highest `live`
  ee_hal_pool_block_t *free[EE_HAL_POOL_CLASSES];
#if EERIE_THREADS
  uint8_t apart[64];
  ee_hal_pool_shelf_t shelves[EE_HAL_POOL_SHELVES];
#endif
} ee_hal_pool_t;

void ee_hal_pool_initialize(ee_hal_pool_t *pool, ee_heap_t *heap);
// All blocks must have come back.
void ee_hal_pool_deinitialize(ee_hal_pool_t *pool);

// What a pool belongs to lives as long as somebody holds it or a block is in use. Called once, when
// nobody holds it any longer; true: no block is in use either. Otherwise the call that gives the
// last one back says so. Blocks may go on to be allocated meanwhile by those who have one.
bool ee_hal_pool_close(ee_hal_pool_t *pool);
// Counts as one more block in use; true as for free.
void ee_hal_pool_keep(ee_hal_pool_t *pool);
bool ee_hal_pool_drop(ee_hal_pool_t *pool);

// A block of at least `size` bytes, contents undefined, aligned as the heap aligns; NULL when there
// is no memory even after all that waits was given back. `out_size` is what free takes.
void *ee_hal_pool_allocate(ee_hal_pool_t *pool, size_t size, size_t *out_size);
// true: the pool is closed and this was the last block in use.
bool ee_hal_pool_free(ee_hal_pool_t *pool, void *block, size_t size);

// Gives all waiting blocks back to the heap; false when there were none.
bool ee_hal_pool_trim(ee_hal_pool_t *pool);

#endif // EE_HAL_POOL_H_
