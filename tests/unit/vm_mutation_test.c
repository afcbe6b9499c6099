// vm_mutation_test.c: modules with damaged code. Whatever the verifier lets through must run, fail
// or hit a limit, and leave nothing behind: the interpreter checks no register, branch or ordinal.
// Under a sanitizer this is the proof that the two lists of checks meet.
#include "unit/vm_support.h"

// xorshift64: the same damage in every run.
static uint64_t random_state;
static uint32_t random_below(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32) % bound;
}

static ee_vm_value_t random_argument(char letter, ee_object_t *buffer, ee_object_t *list) {
  static const int64_t numbers[] = {0, 1, 2, 3, -1, 7, 8, 100, INT32_MAX, INT64_MIN, 0x12345};
  switch (letter) {
  case 'r': {
    ee_object_t *objects[] = {NULL, buffer, list};
    return vref(objects[random_below(3)]);
  }
  case 'i':
  case 'f': return vi32((int32_t)numbers[random_below(11)]);
  default: return vi64(numbers[random_below(11)]);
  }
}

static void call_function(ee_vm_program_t *program, ee_vm_function_t function, ee_object_t *buffer,
                          ee_object_t *list) {
  const ee_signature_t signature = ee_vm_program_function(program, function)->signature;
  ee_vm_value_t arguments[16] = {{0}}, results[16] = {{0}};
  if (signature.arguments.size > 16 || signature.results.size > 16) return;
  for (size_t i = 0; i < signature.arguments.size; ++i)
    arguments[i] = random_argument(signature.arguments.data[i], buffer, list);
  eerie_error_t err;
  eerie_status_t status = ee_vm_invoke(program, function, arguments, results, &err);
  for (int i = 0; i < 5 && status == EERIE_DEFERRED; ++i)
    status = ee_vm_resume(program, results, &err);
  ee_vm_cancel(program);
  for (size_t i = 0; i < signature.results.size && status == EERIE_OK; ++i) {
    if (signature.results.data[i] == 'r') ee_object_release(results[i].ref);
  }
}

static void call_exports(ee_heap_t *heap, ee_module_t *module) {
  const ee_vm_module_ref_t refs[] = {{.module = module}};
  const ee_vm_program_options_t options = {.modules = refs,
                                           .module_count = 1,
                                           .step_limit = 2000,
                                           .stack_limit = 100000,
                                           .call_depth_limit = 50};
  ee_vm_program_t *program;
  if (ee_vm_program_create(heap, &options, &program, NULL) != EERIE_OK) return;
  ee_vm_buffer_t *buffer;
  ee_vm_list_t *list;
  if (CHECK_OK(ee_vm_buffer_create(heap, 40, 0, &buffer, NULL)) &&
      CHECK_OK(ee_vm_list_create(heap, EE_VM_VALUE_NONE, NULL, 0, &list, NULL))) {
    CHECK_OK(ee_vm_list_resize(list, 3, NULL));
    for (uint32_t i = 0; i < module->export_count; ++i) {
      const ee_vm_function_t function = {0, module->exports[i].function};
      call_function(program, function, &buffer->object, &list->object);
    }
    // What was stored in it must not point back at it.
    CHECK_OK(ee_vm_list_resize(list, 0, NULL));
    ee_object_release(&list->object);
    ee_object_release(&buffer->object);
  }
  ee_vm_program_destroy(program);
}

// Damages the code of one function, other bytes of which may then mean other instructions.
static void damage(const ee_module_t *module, uint8_t *bytes) {
  const ee_module_function_t *function = &module->functions[random_below(module->function_count)];
  uint8_t *code = bytes + (function->bytecode - module->bytes.data);
  for (uint32_t n = 1 + random_below(4) / 3; n != 0; --n) {
    uint8_t *byte = &code[random_below(function->bytecode_size)];
    switch (random_below(3)) {
    case 0: *byte = (uint8_t)random_below(0x89); break; // likely an opcode
    case 1: *byte = (uint8_t)random_below(8); break;    // likely a register
    default: *byte = (uint8_t)(*byte ^ 1u << random_below(8));
    }
  }
}

static void damaged(const char *name, int count) {
  TEST_MODULE_BYTES(bytes, size, name);
  test_memory_t memory;
  test_memory_initialize(&memory);
  memory.heap.limit = 1 << 20;
  uint8_t *copy = malloc(size);
  int accepted = 0;
  for (int i = 0; i < count; ++i) {
    memcpy(copy, bytes, size);
    // Several kinds of damage share the cost of a load.
    ee_module_t *module;
    const ee_module_load_options_t unverified = {.trusted = true};
    REQUIRE_OK(ee_module_load(&memory.heap, (ee_bytes_t){copy, size}, &unverified, &module, NULL));
    damage(module, copy);
    ee_module_release(module);
    if (ee_module_load(&memory.heap, (ee_bytes_t){copy, size}, NULL, &module, NULL) != EERIE_OK)
      continue;
    ++accepted;
    call_exports(&memory.heap, module);
    ee_module_release(module);
  }
  printf("%s: %d of %d damaged modules ran\n", name, accepted, count);
  CHECK(accepted > count / 50);
  test_memory_check_empty(&memory);
  free(copy);
  free(bytes);
}

static void damaged_behaviour(void) {
  random_state = 0x9E3779B97F4A7C15u;
  damaged("behaviour.vmfb", 3000);
}

static void damaged_ops(void) {
  random_state = 0xD1B54A32D192ED03u;
  damaged("ops.vmfb", 1500);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(damaged_behaviour), RUN(damaged_ops)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
