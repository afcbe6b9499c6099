// The heap's book-keeping: current and peak bytes, the limit, failures of the allocator below.
#include "base/allocator.h"

#include <stdlib.h>

#include "unit/check.h"

typedef struct below {
  size_t bytes; // what the sizes we are told sum up to
  bool refuse;
} below_t;

static void *below_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  below_t *below = user;
  if (new_size == 0) {
    below->bytes -= old_size;
    free(pointer);
    return NULL;
  }
  if (below->refuse) return NULL;
  below->bytes += new_size - (pointer ? old_size : 0);
  return realloc(pointer, new_size);
}

static void counts_bytes(void) {
  below_t below = {0};
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){below_reallocate, &below}, 0);
  char *a = ee_heap_allocate(&heap, 100);
  char *b = ee_heap_allocate_zeroed(&heap, 50);
  REQUIRE(a && b);
  for (int i = 0; i < 50; ++i)
    CHECK_EQ_INT(b[i], 0);
  CHECK_EQ_INT(heap.current, 150);
  memset(a, 7, 100);
  a = ee_heap_resize(&heap, a, 100, 300);
  REQUIRE(a);
  CHECK_EQ_INT(a[99], 7);
  CHECK_EQ_INT(heap.current, 350);
  a = ee_heap_resize(&heap, a, 300, 10);
  CHECK_EQ_INT(heap.current, 60);
  CHECK_EQ_INT(heap.peak, 350);
  CHECK_EQ_INT(below.bytes, 60);
  ee_heap_free(&heap, a, 10);
  ee_heap_free(&heap, b, 50);
  ee_heap_free(&heap, NULL, 99);
  CHECK_EQ_INT(heap.current, 0);
  CHECK_EQ_INT(below.bytes, 0);
}

static void keeps_the_limit(void) {
  below_t below = {0};
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){below_reallocate, &below}, 100);
  void *a = ee_heap_allocate(&heap, 60);
  REQUIRE(a);
  CHECK(ee_heap_allocate(&heap, 41) == NULL);
  CHECK(ee_heap_allocate(&heap, SIZE_MAX) == NULL);
  CHECK(ee_heap_resize(&heap, a, 60, 101) == NULL);
  CHECK_EQ_INT(heap.current, 60);
  void *b = ee_heap_allocate(&heap, 40);
  CHECK(b != NULL);
  ee_heap_free(&heap, b, 40);
  ee_heap_free(&heap, a, 60);
  CHECK_EQ_INT(heap.current, 0);
}

static void survives_refusals(void) {
  below_t below = {0};
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){below_reallocate, &below}, 0);
  void *a = ee_heap_allocate(&heap, 10);
  REQUIRE(a);
  below.refuse = true;
  CHECK(ee_heap_allocate(&heap, 10) == NULL);
  CHECK(ee_heap_allocate_zeroed(&heap, 10) == NULL);
  CHECK(ee_heap_resize(&heap, a, 10, 20) == NULL);
  CHECK_EQ_INT(heap.current, 10);
  ee_heap_free(&heap, a, 10);
  CHECK_EQ_INT(heap.current, 0);
}

static void gives_something_for_nothing(void) {
  below_t below = {0};
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){below_reallocate, &below}, 0);
  void *a = ee_heap_allocate(&heap, 0);
  CHECK(a != NULL);
  a = ee_heap_resize(&heap, a, 0, 8);
  CHECK(a != NULL);
  ee_heap_free(&heap, a, 8);
  CHECK_EQ_INT(heap.current, 0);
  CHECK_EQ_INT(below.bytes, 0);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(counts_bytes),
      RUN(keeps_the_limit),
      RUN(survives_refusals),
      RUN(gives_something_for_nothing),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
