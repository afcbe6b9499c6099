// module_test.h: what the tests of runtime/module share: a heap, files, loading from a copy of the
// exact size, so that a sanitizer sees any step beyond it.
#ifndef EERIE_TESTS_UNIT_MODULE_TEST_H_
#define EERIE_TESTS_UNIT_MODULE_TEST_H_

#include <stdio.h>
#include <stdlib.h>

#include "module/module.h"
#include "unit/check.h"

// Allocations that may still succeed; negative: any number.
static long test_allocations_left = -1;

CHECK_HELPER void *test_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(pointer);
    return NULL;
  }
  if (test_allocations_left == 0) return NULL;
  if (test_allocations_left > 0) --test_allocations_left;
  return realloc(pointer, new_size);
}

CHECK_HELPER ee_heap_t test_heap(void) {
  ee_heap_t heap;
  ee_heap_initialize(&heap, (eerie_allocator_t){test_reallocate, NULL}, 0);
  return heap;
}

// The whole file in a block of exactly its size; NULL data when it cannot be read. free() it.
CHECK_HELPER ee_bytes_t test_read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return (ee_bytes_t){NULL, 0};
  uint8_t *data = NULL;
  size_t size = 0;
  if (fseek(file, 0, SEEK_END) == 0) {
    const long end = ftell(file);
    rewind(file);
    data = end >= 0 ? malloc(end ? (size_t)end : 1) : NULL;
    size = data ? fread(data, 1, (size_t)end, file) : 0;
  }
  fclose(file);
  return (ee_bytes_t){data, size};
}

CHECK_HELPER void test_drop_line(void *user, const char *line) {
  size_t *lines = user;
  *lines += line[0] != '\0';
}

// Loads from a copy of the first `size` bytes of `data`. A module that loads is walked once more by
// the disassembler, and let go; nothing may stay allocated.
CHECK_HELPER eerie_status_t test_load(const uint8_t *data, size_t size, eerie_error_t *err) {
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) return EERIE_RESOURCE_EXHAUSTED;
  if (size) memcpy(copy, data, size);
  ee_heap_t heap = test_heap();
  ee_module_t *module = NULL;
  const eerie_status_t status = ee_module_load(&heap, (ee_bytes_t){copy, size}, NULL, &module, err);
  if (status == EERIE_OK) {
    size_t lines = 0;
    for (uint32_t i = 0; i < module->function_count; ++i)
      CHECK_OK(ee_module_disassemble(module, i, test_drop_line, &lines, NULL));
    ee_module_release(module);
  } else {
    CHECK(module == NULL);
  }
  CHECK_EQ_INT(heap.current, 0);
  free(copy);
  return status;
}

#endif // EERIE_TESTS_UNIT_MODULE_TEST_H_
