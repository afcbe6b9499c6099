// pool.c: free lists by size class behind one flag. See pool.h for what it promises.
#include "hal/pool.h"

#define SMALLEST 64u

// Class c holds blocks of (4 + c % 4) * 16 << (c / 4) bytes: 64, 80, 96, 112, 128, 160, ...
// false when no class is as large.
static bool class_of(size_t size, uint32_t *out_class, size_t *out_size) {
  if (size <= SMALLEST) {
    *out_class = 0;
    *out_size = SMALLEST;
    return true;
  }
  if (size > SIZE_MAX / 2) return false;
  const size_t last = size - 1; // at least 64
  const uint32_t octave = (uint32_t)(sizeof(long) * CHAR_BIT) - 7u - (uint32_t)__builtin_clzl(last);
  const size_t steps = (last >> (octave + 4u)) + 1; // 5 to 8
  *out_class = octave * 4u + (uint32_t)steps - 4u;  // 8 steps are the first of the next octave
  *out_size = steps << (octave + 4u);
  return *out_class < EE_HAL_POOL_CLASSES;
}
_Static_assert(sizeof(long) >= sizeof(size_t), "__builtin_clzl takes a size");

static bool try_lock(ee_hal_pool_t *pool) {
#if EERIE_THREADS
  return ee_load_relaxed(&pool->busy) == 0 &&
         atomic_exchange_explicit(&pool->busy, 1u, memory_order_acquire) == 0;
#else
  (void)pool;
  return true;
#endif
}

static void unlock(ee_hal_pool_t *pool) {
  ee_store_release(&pool->busy, 0u);
}

static size_t allowed_bytes(const ee_hal_pool_t *pool) {
  size_t allowed;
  return ee_add_size(pool->peak, EERIE_POOL_SLACK, &allowed) ? allowed : SIZE_MAX;
}

// Gives waiting blocks back, largest first, until `extra` more bytes keep the bound.
static void shrink(ee_hal_pool_t *pool, size_t extra, size_t allowed) {
  for (uint32_t c = EE_HAL_POOL_CLASSES; c-- > 0 && pool->waiting > 0;) {
    while (pool->free[c]) {
      if (pool->live + pool->waiting + extra <= allowed) return;
      ee_hal_pool_block_t *block = pool->free[c];
      pool->free[c] = block->next;
      pool->waiting -= block->size;
      ee_heap_free(pool->heap, block, block->size);
    }
  }
}

// Keeps a block that was in use, or gives it back where the bound is passed: what is allocated
// while the flag is taken comes on top of what waits.
static inline void put(ee_hal_pool_t *pool, uint32_t index, ee_hal_pool_block_t *block,
                       size_t size) {
  if (EE_UNLIKELY(pool->live + pool->waiting > allowed_bytes(pool))) {
    pool->live -= size;
    ee_heap_free(pool->heap, block, size);
    return;
  }
  block->size = size;
  block->next = pool->free[index];
  pool->free[index] = block;
  pool->waiting += size;
  pool->live -= size;
}

// Counts what was allocated and given back past the lists.
static inline void catch_up(ee_hal_pool_t *pool) {
#if EERIE_THREADS
  if (EE_LIKELY(ee_load_relaxed(&pool->missed) == 0)) return;
  // Modulo 2^n, as more may have been given back than allocated.
  pool->live += atomic_exchange_explicit(&pool->missed, 0, memory_order_relaxed);
  if (pool->live > pool->peak) pool->peak = pool->live;
#else
  (void)pool;
#endif
}

void ee_hal_pool_initialize(ee_hal_pool_t *pool, ee_heap_t *heap) {
  memset(pool, 0, sizeof *pool);
  pool->heap = heap;
  ee_atomic_init(&pool->busy, 0u);
  ee_atomic_init(&pool->missed, 0);
}

bool ee_hal_pool_trim(ee_hal_pool_t *pool) {
  if (!try_lock(pool)) return false;
  catch_up(pool);
  const bool any = pool->waiting > 0;
  shrink(pool, 0, pool->live);
  unlock(pool);
  return any;
}

void ee_hal_pool_deinitialize(ee_hal_pool_t *pool) {
  catch_up(pool);
  shrink(pool, 0, 0);
}

static EE_COLD void *allocate_fresh(ee_hal_pool_t *pool, size_t size) {
  void *block = ee_heap_allocate(pool->heap, size);
  if (block || !ee_hal_pool_trim(pool)) return block;
  return ee_heap_allocate(pool->heap, size);
}

void *ee_hal_pool_allocate(ee_hal_pool_t *pool, size_t size, size_t *out_size) {
  uint32_t index;
  if (EE_UNLIKELY(!class_of(size, &index, out_size))) {
    *out_size = size;
    return allocate_fresh(pool, size);
  }
  size = *out_size;
  if (EE_UNLIKELY(!try_lock(pool))) {
#if EERIE_THREADS
    void *block = allocate_fresh(pool, size);
    if (block) ee_fetch_add_relaxed(&pool->missed, size);
    return block;
#endif
  }
  catch_up(pool);
  ee_hal_pool_block_t *block = pool->free[index];
  if (EE_LIKELY(block != NULL)) {
    pool->free[index] = block->next;
    pool->waiting -= size;
    pool->live += size;
    if (pool->live > pool->peak) pool->peak = pool->live;
    unlock(pool);
    return block;
  }
  shrink(pool, size,
         pool->live + size > pool->peak ? pool->live + size + EERIE_POOL_SLACK
                                        : allowed_bytes(pool));
  unlock(pool);
  block = allocate_fresh(pool, size);
#if EERIE_THREADS
  if (block) ee_fetch_add_relaxed(&pool->missed, size);
#else
  if (block) pool->live += size;
  if (pool->live > pool->peak) pool->peak = pool->live;
#endif
  return block;
}

void ee_hal_pool_free(ee_hal_pool_t *pool, void *memory, size_t size) {
  uint32_t index;
  size_t rounded;
  if (EE_UNLIKELY(!class_of(size, &index, &rounded) || rounded != size)) {
    ee_heap_free(pool->heap, memory, size);
    return;
  }
#if EERIE_THREADS
  if (EE_UNLIKELY(!try_lock(pool))) {
    ee_heap_free(pool->heap, memory, size);
    ee_fetch_add_relaxed(&pool->missed, 0 - size);
    return;
  }
#endif
  catch_up(pool);
  put(pool, index, memory, size);
  unlock(pool);
}
