// vm_support.h: what the tests of the virtual machine share: a heap that counts and fails on
// demand, test modules from the build folder, programs over them.
#ifndef EERIE_TESTS_UNIT_VM_SUPPORT_H_
#define EERIE_TESTS_UNIT_VM_SUPPORT_H_

#include <stdlib.h>

#include "unit/check.h"
#include "vm/vm.h"

// ---- Memory ------------------------------------------------------------------------------------

// Fails allocation number `fail_at` (1 is the first; 0: none) and keeps count. One thread only.
typedef struct test_memory {
  size_t live_bytes;
  size_t live_blocks;
  size_t count;
  size_t fail_at;
  ee_heap_t heap;
} test_memory_t;

CHECK_HELPER void *test_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  test_memory_t *memory = user;
  if (new_size == 0) {
    if (pointer) {
      --memory->live_blocks;
      memory->live_bytes -= old_size;
    }
    free(pointer);
    return NULL;
  }
  // Sizes beyond reason do not reach malloc: sanitizers end the process for them.
  if (++memory->count == memory->fail_at || new_size > (size_t)1 << 30) return NULL;
  void *block = realloc(pointer, new_size);
  if (!block) return NULL;
  if (!pointer) ++memory->live_blocks;
  memory->live_bytes += new_size - (pointer ? old_size : 0);
  return block;
}

CHECK_HELPER void test_memory_initialize(test_memory_t *memory) {
  *memory = (test_memory_t){0};
  ee_heap_initialize(&memory->heap, (eerie_allocator_t){test_reallocate, memory}, 0);
}

CHECK_HELPER void test_memory_check_empty(const test_memory_t *memory) {
  CHECK_EQ_INT(memory->live_blocks, 0);
  CHECK_EQ_INT(memory->live_bytes, 0);
}

// ---- Files -------------------------------------------------------------------------------------

// Reads a file that make_vm.py made; NULL when it is not there. Freed by the caller.
CHECK_HELPER uint8_t *test_read_file(const char *name, size_t *out_size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/vm_modules/%s", EERIE_TEST_BINARY_DIR, name);
  *out_size = 0;
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  fseek(file, 0, SEEK_SET);
  uint8_t *bytes = malloc((size_t)size + 1);
  if (bytes && fread(bytes, 1, (size_t)size, file) != (size_t)size) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  if (!bytes) return NULL;
  bytes[size] = 0;
  *out_size = (size_t)size;
  return bytes;
}

// Bytes of a test module as they came from the compiler. Skips the case where there are none,
// where there was no compiler to make them.
#define TEST_MODULE_BYTES(bytes, size, name)                                                       \
  size_t size;                                                                                     \
  uint8_t *bytes = test_read_file((name), &size);                                                  \
  if (!bytes) SKIP("no compiled test modules: make_vm.py found no iree-compile")

CHECK_HELPER void test_free_bytes(void *user, ee_bytes_t bytes) {
  (void)user;
  free((void *)(uintptr_t)bytes.data);
}

// Exchanges two bytes in the code of an exported function, where they stand first. Instructions
// that the compiler cannot write come into the tests so. `bytes` are those that `module` is read
// from.
CHECK_HELPER bool test_patch(const ee_module_t *module, uint8_t *bytes, const char *function,
                             unsigned from, unsigned to) {
  const uint32_t index = ee_module_find_export(module, ee_str_from(function));
  if (index == UINT32_MAX) return false;
  const ee_module_function_t *f = &module->functions[module->exports[index].function];
  uint8_t *code = bytes + (f->bytecode - module->bytes.data);
  for (uint32_t i = 0; i + 1 < f->bytecode_size; ++i) {
    if (((unsigned)code[i] << 8 | code[i + 1]) != from) continue;
    code[i] = (uint8_t)(to >> 8);
    code[i + 1] = (uint8_t)(to & 0xFF);
    return true;
  }
  return false;
}

// ---- Programs ----------------------------------------------------------------------------------

CHECK_HELPER bool check_ok(eerie_status_t status, const eerie_error_t *err, const char *file,
                           int line) {
  if (status == EERIE_OK) return true;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, eerie_status_name(status), err->message);
  ++check_failures;
  return false;
}
#define CHECK_OK_ERR(call, err) check_ok((call), (err), __FILE__, __LINE__)
#define REQUIRE_OK_ERR(call, err)                                                                  \
  do {                                                                                             \
    if (!CHECK_OK_ERR(call, err)) return;                                                          \
  } while (0)

CHECK_HELPER ee_vm_value_t vi32(int32_t value) {
  ee_vm_value_t v = {.i64 = 0};
  v.i32 = value;
  return v;
}
CHECK_HELPER ee_vm_value_t vi64(int64_t value) {
  return (ee_vm_value_t){.i64 = value};
}
CHECK_HELPER ee_vm_value_t vref(void *object) {
  return (ee_vm_value_t){.ref = object};
}

// Calls an export by name; NOT_FOUND when there is none.
CHECK_HELPER eerie_status_t test_call(ee_vm_program_t *program, const char *name,
                                      const ee_vm_value_t *arguments, ee_vm_value_t *results,
                                      eerie_error_t *err) {
  ee_vm_function_t function;
  if (!ee_vm_program_find(program, ee_str_from(name), &function)) {
    snprintf(err->message, sizeof err->message, "no function %s", name);
    return EERIE_NOT_FOUND;
  }
  return ee_vm_invoke(program, function, arguments, results, err);
}

#endif // EERIE_TESTS_UNIT_VM_SUPPORT_H_
