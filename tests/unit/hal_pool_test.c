// Tests of runtime/hal/pool.c.
#include <pthread.h>

#include "unit/hal_support.h"

// What waits beside the lists, for the one thread of most tests.
#if EERIE_THREADS
#define SHELF_SIZE EE_HAL_POOL_SHELF_SIZE
#else
#define SHELF_SIZE 0u
#endif

static void gives_enough_and_little_more(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  for (size_t size = 0; size < 100000; size += 1 + size / 7) {
    size_t got = 0;
    void *block = ee_hal_pool_allocate(&pool, size, &got);
    if (!CHECK(block != NULL)) break;
    if (!CHECK(got >= size) || !CHECK(got <= 64 || got <= size + size / 4 + 16)) break;
    memset(block, 0xA5, got);
    ee_hal_pool_free(&pool, block, got);
  }
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

static void reuses_after_warm_up(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  size_t after_first = 0;
  for (int round = 0; round < 100; ++round) {
    void *blocks[40];
    size_t sizes[40];
    for (int i = 0; i < 40; ++i)
      blocks[i] = ee_hal_pool_allocate(&pool, 50u << (i % 12), &sizes[i]);
    for (int i = 0; i < 40; ++i)
      ee_hal_pool_free(&pool, blocks[i], sizes[i]);
    if (round == 0) after_first = atomic_load(&f.allocations);
  }
  CHECK_EQ_INT(atomic_load(&f.allocations), after_first);
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

// Calls with ever new shapes: what waits never passes the most that was in use by more than the
// slack.
static void does_not_grow_over_new_sizes(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  size_t highest = 0;
  uint32_t random = 1;
  for (int i = 0; i < 100000; ++i) {
    random = random * 1664525u + 1013904223u;
    size_t size;
    void *block = ee_hal_pool_allocate(&pool, random % 1000000u, &size);
    ee_hal_pool_free(&pool, block, size);
    if (atomic_load(&f.live) > highest) highest = atomic_load(&f.live);
  }
  CHECK(highest <= 1000000u * 5 / 4 + EERIE_POOL_SLACK + SHELF_SIZE);
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

static void gives_waiting_blocks_back_before_it_fails(void) {
  fixture_t f;
  fixture_heap(&f);
  f.heap.limit = 100000;
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  void *blocks[4];
  size_t sizes[4];
  for (int i = 0; i < 4; ++i)
    CHECK((blocks[i] = ee_hal_pool_allocate(&pool, 20000, &sizes[i])));
  for (int i = 0; i < 4; ++i)
    ee_hal_pool_free(&pool, blocks[i], sizes[i]);
  void *large = ee_hal_pool_allocate(&pool, 70000, &sizes[0]);
  CHECK(large != NULL);
  CHECK(!ee_hal_pool_allocate(&pool, 70000, &sizes[1]));
  CHECK(!ee_hal_pool_allocate(&pool, SIZE_MAX, &sizes[1]));
  ee_hal_pool_free(&pool, large, sizes[0]);
  ee_hal_pool_trim(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  ee_hal_pool_deinitialize(&pool);
}

static void closes_after_the_last_block(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  size_t size, large_size;
  void *block = ee_hal_pool_allocate(&pool, 100, &size);
  CHECK(!ee_hal_pool_free(&pool, block, size));
  block = ee_hal_pool_allocate(&pool, 100, &size);
  void *large = ee_hal_pool_allocate(&pool, 1000000, &large_size);
  CHECK(!ee_hal_pool_close(&pool));
  ee_hal_pool_keep(&pool);
  CHECK(!ee_hal_pool_free(&pool, block, size));
  block = ee_hal_pool_allocate(&pool, 100, &size);
  CHECK(!ee_hal_pool_free(&pool, large, large_size));
  CHECK(!ee_hal_pool_drop(&pool));
  CHECK(ee_hal_pool_free(&pool, block, size));
  ee_hal_pool_deinitialize(&pool);
  ee_hal_pool_initialize(&pool, &f.heap);
  block = ee_hal_pool_allocate(&pool, 100, &size);
  CHECK(!ee_hal_pool_free(&pool, block, size));
  CHECK(ee_hal_pool_close(&pool));
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

#if EERIE_THREADS
// Three of the largest do not fit on a shelf.
enum { LARGEST = 64 << 9, HELD = 3, THREADS = 4 };

static void *hammer(void *user) {
  ee_hal_pool_t *pool = user;
  for (int i = 0; i < 4000; ++i) {
    size_t sizes[HELD];
    char *blocks[HELD];
    for (int j = 0; j < HELD; ++j) {
      blocks[j] = ee_hal_pool_allocate(pool, (size_t)(64 << (i + j) % 10), &sizes[j]);
      if (blocks[j]) memset(blocks[j], i, 64);
    }
    for (int j = 0; j < HELD; ++j) {
      if (blocks[j]) ee_hal_pool_free(pool, blocks[j], sizes[j]);
    }
  }
  return NULL;
}

static void serves_threads_at_once(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i)
    pthread_create(&threads[i], NULL, hammer, &pool);
  for (int i = 0; i < THREADS; ++i)
    pthread_join(threads[i], NULL);
  CHECK(pool.waiting <= (size_t)(THREADS * HELD * LARGEST) + EERIE_POOL_SLACK);
  CHECK(atomic_load(&f.live) <=
        (size_t)(THREADS * HELD * LARGEST) + EERIE_POOL_SLACK + THREADS * SHELF_SIZE);
  ee_hal_pool_trim(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  CHECK_EQ_INT(pool.live + atomic_load(&pool.missed), 0);
  ee_hal_pool_deinitialize(&pool);
}

// As if a thread had been kept from running between taking the flags and giving them back.
static void does_not_grow_while_the_flags_are_taken(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  size_t size;
  void *before = ee_hal_pool_allocate(&pool, LARGEST, &size);
  for (uint32_t i = 0; i < EE_HAL_POOL_SHELVES; ++i)
    atomic_store(&pool.shelves[i].busy, 1u);
  atomic_store(&pool.busy, 1u);
  f.heap.limit = 4 * LARGEST;
  for (int i = 0; i < 1000; ++i) {
    void *block = ee_hal_pool_allocate(&pool, LARGEST, &size);
    if (!CHECK(block != NULL)) break;
    ee_hal_pool_free(&pool, block, size);
  }
  void *during = ee_hal_pool_allocate(&pool, LARGEST, &size);
  CHECK(during != NULL);
  ee_hal_pool_free(&pool, before, size);
  atomic_store(&pool.busy, 0u);
  // The count is right again: nothing is in use.
  ee_hal_pool_free(&pool, during, size);
  CHECK_EQ_INT(pool.live, 0);
  CHECK(pool.waiting <= LARGEST + EERIE_POOL_SLACK);
  CHECK(pool.peak <= 2 * LARGEST);
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

// What one thread allocates and another frees waits on one shelf no longer than it has room.
static void bounds_what_others_free(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  for (int i = 0; i < 1000; ++i) {
    // Allocated past the shelf, as by another thread.
    for (uint32_t j = 0; j < EE_HAL_POOL_SHELVES; ++j)
      atomic_store(&pool.shelves[j].busy, 1u);
    size_t size;
    void *block = ee_hal_pool_allocate(&pool, 4096, &size);
    for (uint32_t j = 0; j < EE_HAL_POOL_SHELVES; ++j)
      atomic_store(&pool.shelves[j].busy, 0u);
    ee_hal_pool_free(&pool, block, size);
  }
  CHECK(atomic_load(&f.live) <= 8192 + EERIE_POOL_SLACK + SHELF_SIZE);
  ee_hal_pool_deinitialize(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

// Gives back blocks that another thread took, and says how often it was told to be the last.
typedef struct giver {
  ee_hal_pool_t *pool;
  void *blocks[64];
  size_t sizes[64];
  int last;
} giver_t;

static void *give_back(void *user) {
  giver_t *giver = user;
  for (int i = 0; i < 64; ++i)
    giver->last += ee_hal_pool_free(giver->pool, giver->blocks[i], giver->sizes[i]);
  return NULL;
}

// The pool is closed while threads give back what is in use: one of all is the last, once.
static void one_is_the_last(void) {
  for (int round = 0; round < 50; ++round) {
    fixture_t f;
    fixture_heap(&f);
    ee_hal_pool_t pool;
    ee_hal_pool_initialize(&pool, &f.heap);
    giver_t givers[THREADS] = {{.pool = &pool}, {.pool = &pool}, {.pool = &pool}, {.pool = &pool}};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; ++i)
      for (int j = 0; j < 64; ++j)
        givers[i].blocks[j] = ee_hal_pool_allocate(&pool, 64u << j % 12, &givers[i].sizes[j]);
    for (int i = 0; i < THREADS; ++i)
      pthread_create(&threads[i], NULL, give_back, &givers[i]);
    int last = ee_hal_pool_close(&pool);
    for (int i = 0; i < THREADS; ++i) {
      pthread_join(threads[i], NULL);
      last += givers[i].last;
    }
    CHECK_EQ_INT(last, 1);
    ee_hal_pool_deinitialize(&pool);
    CHECK_EQ_INT(atomic_load(&f.live), 0);
  }
}
#endif

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
    RUN(gives_enough_and_little_more),
    RUN(reuses_after_warm_up),
    RUN(does_not_grow_over_new_sizes),
    RUN(gives_waiting_blocks_back_before_it_fails),
    RUN(closes_after_the_last_block),
#if EERIE_THREADS
    RUN(serves_threads_at_once),
    RUN(does_not_grow_while_the_flags_are_taken),
    RUN(bounds_what_others_free),
    RUN(one_is_the_last),
#endif
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
