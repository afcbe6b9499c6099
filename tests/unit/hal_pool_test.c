// Tests of runtime/hal/pool.c.
#include <pthread.h>

#include "unit/hal_support.h"

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
  CHECK(highest <= 1000000u * 5 / 4 + EERIE_POOL_SLACK);
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

#if EERIE_THREADS
enum { LARGEST = 64 << 7, HELD = 3, THREADS = 4 };

static void *hammer(void *user) {
  ee_hal_pool_t *pool = user;
  for (int i = 0; i < 20000; ++i) {
    size_t sizes[HELD];
    char *blocks[HELD];
    for (int j = 0; j < HELD; ++j) {
      blocks[j] = ee_hal_pool_allocate(pool, (size_t)(64 << (i + j) % 8), &sizes[j]);
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
  CHECK_EQ_INT(pool.live + atomic_load(&pool.missed), 0);
  CHECK(pool.waiting <= (size_t)(THREADS * HELD * LARGEST) + EERIE_POOL_SLACK);
  ee_hal_pool_trim(&pool);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  ee_hal_pool_deinitialize(&pool);
}

// As if a thread had been kept from running between taking the flag and giving it back.
static void does_not_grow_while_the_flag_is_taken(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_hal_pool_t pool;
  ee_hal_pool_initialize(&pool, &f.heap);
  size_t size;
  void *before = ee_hal_pool_allocate(&pool, LARGEST, &size);
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
#endif

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
    RUN(gives_enough_and_little_more),
    RUN(reuses_after_warm_up),
    RUN(does_not_grow_over_new_sizes),
    RUN(gives_waiting_blocks_back_before_it_fails),
#if EERIE_THREADS
    RUN(serves_threads_at_once),
    RUN(does_not_grow_while_the_flag_is_taken),
#endif
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
