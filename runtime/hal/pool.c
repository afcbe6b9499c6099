// pool.c: free lists by size class behind one flag, and shelves in front of them. See pool.h for
// what it promises.
#include "hal/pool.h"
#include "port/port.h"

#define SMALLEST 64u

// How long who closes a pool looks for a flag before it lets others run, and for how long then.
#define SPIN_TURNS 1000u
#define PAUSE_NS   50000

// `out` of a pool that is open is above this, whatever shelves count.
#define OPEN (SIZE_MAX / 2 + 1)

// Of a size that is not 0. On 64-bit Windows a long is narrower than a size.
#if SIZE_MAX > ULONG_MAX
#define LOG2(size) (63u - (uint32_t)__builtin_clzll(size))
#else
#define LOG2(size) ((uint32_t)(sizeof(long) * CHAR_BIT) - 1u - (uint32_t)__builtin_clzl(size))
#endif

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
  const uint32_t octave = LOG2(last) - 6u;
  const size_t steps = (last >> (octave + 4u)) + 1; // 5 to 8
  *out_class = octave * 4u + (uint32_t)steps - 4u;  // 8 steps are the first of the next octave
  *out_size = steps << (octave + 4u);
  return *out_class < EE_HAL_POOL_CLASSES;
}
#if EERIE_THREADS
static inline bool try_flag(EE_ATOMIC(uint32_t) * busy) {
  return ee_load_relaxed(busy) == 0 &&
         atomic_exchange_explicit(busy, 1u, memory_order_acquire) == 0;
}
#endif

static bool try_lock(ee_hal_pool_t *pool) {
#if EERIE_THREADS
  return try_flag(&pool->busy);
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

// ---- Shelves -----------------------------------------------------------------------------------

static void free_listed(ee_hal_pool_t *pool, uint32_t index, ee_hal_pool_block_t *block,
                        size_t size);

#if EERIE_THREADS
static inline ee_hal_pool_shelf_t *own_shelf(ee_hal_pool_t *pool) {
  return &pool->shelves[ee_port_thread_number() % EE_HAL_POOL_SHELVES];
}

static inline void *shelf_take(ee_hal_pool_shelf_t *shelf, uint32_t index, size_t size) {
  if (EE_UNLIKELY(!try_flag(&shelf->busy))) return NULL;
  ee_hal_pool_block_t *block = shelf->free[index];
  if (EE_LIKELY(block != NULL)) {
    shelf->free[index] = block->next;
    shelf->waiting -= size;
    ++shelf->out;
  }
  ee_store_release(&shelf->busy, 0u);
  return block;
}

static inline bool shelf_put(ee_hal_pool_shelf_t *shelf, uint32_t index, ee_hal_pool_block_t *block,
                             size_t size) {
  if (EE_UNLIKELY(!try_flag(&shelf->busy))) return false;
  const bool fits = shelf->waiting + size <= EE_HAL_POOL_SHELF_SIZE;
  if (EE_LIKELY(fits)) {
    block->size = size;
    block->next = shelf->free[index];
    shelf->free[index] = block;
    shelf->waiting += size;
    --shelf->out;
  }
  ee_store_release(&shelf->busy, 0u);
  return fits;
}

// Moves all that waits on shelves to the lists.
static void clear_shelves(ee_hal_pool_t *pool) {
  for (uint32_t i = 0; i < EE_HAL_POOL_SHELVES; ++i) {
    ee_hal_pool_shelf_t *shelf = &pool->shelves[i];
    for (uint32_t c = 0; c < EE_HAL_POOL_SHELF_CLASSES; ++c) {
      if (!try_flag(&shelf->busy)) break;
      ee_hal_pool_block_t *block = shelf->free[c];
      shelf->free[c] = NULL;
      for (ee_hal_pool_block_t *one = block; one; one = one->next)
        shelf->waiting -= one->size;
      ee_store_release(&shelf->busy, 0u);
      while (block) {
        ee_hal_pool_block_t *next = block->next;
        free_listed(pool, c, block, block->size);
        block = next;
      }
    }
  }
}
#else
static void clear_shelves(ee_hal_pool_t *pool) {
  (void)pool;
}
#endif

// ---- The pool ----------------------------------------------------------------------------------

void ee_hal_pool_initialize(ee_hal_pool_t *pool, ee_heap_t *heap) {
  memset(pool, 0, sizeof *pool);
  pool->heap = heap;
  ee_atomic_init(&pool->busy, 0u);
  ee_atomic_init(&pool->missed, 0);
  ee_atomic_init(&pool->out, OPEN);
}

#if EERIE_THREADS
// Who holds a flag is about to give it back; but it may be a thread that this one keeps from
// running.
static void await_flag(EE_ATOMIC(uint32_t) * busy) {
  for (uint32_t turn = 1; !try_flag(busy); ++turn) {
    if (turn % SPIN_TURNS) {
      ee_port_relax();
    } else {
      ee_port_pause(PAUSE_NS);
    }
  }
}
#endif

bool ee_hal_pool_close(ee_hal_pool_t *pool) {
  size_t open = OPEN;
#if EERIE_THREADS
  // Shelves whose flags stay taken are out of use: from here on one number counts.
  for (uint32_t i = 0; i < EE_HAL_POOL_SHELVES; ++i) {
    await_flag(&pool->shelves[i].busy);
    open -= pool->shelves[i].out;
  }
#endif
  return ee_fetch_sub_acq_rel(&pool->out, open) == open;
}

void ee_hal_pool_keep(ee_hal_pool_t *pool) {
  (void)ee_fetch_add_relaxed(&pool->out, 1);
}

bool ee_hal_pool_drop(ee_hal_pool_t *pool) {
  return ee_fetch_sub_acq_rel(&pool->out, 1) == 1;
}

bool ee_hal_pool_trim(ee_hal_pool_t *pool) {
  clear_shelves(pool);
  if (!try_lock(pool)) return false;
  catch_up(pool);
  const bool any = pool->waiting > 0;
  shrink(pool, 0, pool->live);
  unlock(pool);
  return any;
}

void ee_hal_pool_deinitialize(ee_hal_pool_t *pool) {
#if EERIE_THREADS
  for (uint32_t i = 0; i < EE_HAL_POOL_SHELVES; ++i)
    ee_store_release(&pool->shelves[i].busy, 0u); // see ee_hal_pool_close
#endif
  clear_shelves(pool);
  catch_up(pool);
  shrink(pool, 0, 0);
}

static EE_COLD void *allocate_fresh(ee_hal_pool_t *pool, size_t size) {
  void *block = ee_heap_allocate(pool->heap, size);
  if (block || !ee_hal_pool_trim(pool)) return block;
  return ee_heap_allocate(pool->heap, size);
}

// A block of a class, of the lists or the heap.
static void *allocate_listed(ee_hal_pool_t *pool, uint32_t index, size_t size) {
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

void *ee_hal_pool_allocate(ee_hal_pool_t *pool, size_t size, size_t *out_size) {
  uint32_t index;
  void *block;
  if (EE_UNLIKELY(!class_of(size, &index, out_size))) {
    *out_size = size;
    block = allocate_fresh(pool, size);
  } else {
#if EERIE_THREADS
    if (index < EE_HAL_POOL_SHELF_CLASSES) {
      block = shelf_take(own_shelf(pool), index, *out_size);
      if (EE_LIKELY(block != NULL)) return block;
    }
#endif
    block = allocate_listed(pool, index, *out_size);
  }
  if (block) ee_hal_pool_keep(pool);
  return block;
}

static void free_listed(ee_hal_pool_t *pool, uint32_t index, ee_hal_pool_block_t *block,
                        size_t size) {
#if EERIE_THREADS
  if (EE_UNLIKELY(!try_lock(pool))) {
    ee_heap_free(pool->heap, block, size);
    ee_fetch_add_relaxed(&pool->missed, 0 - size);
    return;
  }
#endif
  catch_up(pool);
  put(pool, index, block, size);
  unlock(pool);
}

bool ee_hal_pool_free(ee_hal_pool_t *pool, void *memory, size_t size) {
  uint32_t index;
  size_t rounded;
  if (EE_UNLIKELY(!class_of(size, &index, &rounded) || rounded != size)) {
    ee_heap_free(pool->heap, memory, size);
    return ee_hal_pool_drop(pool);
  }
#if EERIE_THREADS
  if (index < EE_HAL_POOL_SHELF_CLASSES && shelf_put(own_shelf(pool), index, memory, size)) {
    return false;
  }
#endif
  free_listed(pool, index, memory, size);
  return ee_hal_pool_drop(pool);
}
