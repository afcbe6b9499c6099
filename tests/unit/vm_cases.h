// vm_cases.h: runs the lines of a file of cases, see tests/modules/vm/ops.py for what they say.
#ifndef EERIE_TESTS_UNIT_VM_CASES_H_
#define EERIE_TESTS_UNIT_VM_CASES_H_

#include "unit/vm_support.h"

typedef struct vm_case {
  const char *function;
  ee_vm_value_t arguments[8];
  int argument_count;
  char result_letter;
  ee_vm_value_t result;
  const char *code; // of the expected failure
  long ulp;
} vm_case_t;

CHECK_HELPER ee_vm_value_t parse_value(const char *word) {
  ee_vm_value_t value = {.i64 = 0};
  value.i64 = (int64_t)strtoull(word + 1, NULL, 16);
  return value;
}

CHECK_HELPER void parse_case(char *line, vm_case_t *out) {
  *out = (vm_case_t){.function = strtok(line, " ")};
  bool results = false;
  for (const char *word; (word = strtok(NULL, " ")) != NULL;) {
    if (strcmp(word, "->") == 0) {
      results = true;
    } else if (!results) {
      out->arguments[out->argument_count++] = parse_value(word);
    } else if (word[0] == '!') {
      out->code = word + 1;
    } else if (word[0] == '~') {
      out->ulp = strtol(word + 1, NULL, 10);
    } else {
      out->result_letter = word[0];
      out->result = parse_value(word);
    }
  }
}

// Patterns of floats in the order of their values.
CHECK_HELPER int64_t float_order(int64_t bits, char letter) {
  if (letter == 'f') return (int32_t)bits < 0 ? -(bits & 0x7FFFFFFF) : bits;
  return bits < 0 ? -(bits & INT64_MAX) : bits;
}

CHECK_HELPER bool results_agree(const vm_case_t *c, ee_vm_value_t result) {
  if (c->result.i64 == result.i64) return true;
  if (c->result_letter == 'f' && isnan(c->result.f32)) return isnan(result.f32);
  if (c->result_letter == 'F' && isnan(c->result.f64)) return isnan(result.f64);
  const bool is_float = c->result_letter == 'f' || c->result_letter == 'F';
  if (!is_float || c->ulp == 0) return false;
  const int64_t distance =
      float_order(c->result.i64, c->result_letter) - float_order(result.i64, c->result_letter);
  return distance >= -c->ulp && distance <= c->ulp;
}

CHECK_HELPER void run_case(ee_vm_program_t *program, char *line) {
  char text[256];
  snprintf(text, sizeof text, "%s", line);
  vm_case_t c;
  parse_case(line, &c);
  eerie_error_t err = {.code = EERIE_OK};
  ee_vm_value_t result = {.i64 = -1};
  const eerie_status_t status = test_call(program, c.function, c.arguments, &result, &err);
  const char *expected = c.code ? c.code : "OK";
  if (strcmp(eerie_status_name(status), expected) != 0) {
    fprintf(stderr, "%s: got %s %s\n", text, eerie_status_name(status), err.message);
    ++check_failures;
  } else if (c.code ? result.i64 != 0 : !results_agree(&c, result)) {
    fprintf(stderr, "%s: got %016" PRIx64 "\n", text, (uint64_t)result.i64);
    ++check_failures;
  }
}

// "patch FUNCTION FROM TO": exchanges two bytes in the function's code.
CHECK_HELPER void apply_patch(const ee_module_t *module, uint8_t *bytes, char *line) {
  strtok(line, " ");
  const char *name = strtok(NULL, " "), *from = strtok(NULL, " "), *to = strtok(NULL, " ");
  CHECK(test_patch(module, bytes, name, (unsigned)strtoul(from, NULL, 16),
                   (unsigned)strtoul(to, NULL, 16)));
}

CHECK_HELPER void run_case_lines(ee_heap_t *heap, uint8_t *bytes, size_t size, char *cases,
                                 int at_least) {
  eerie_error_t err = {.code = EERIE_OK};
  ee_module_t *module = NULL;
  ee_vm_program_t *program = NULL;
  int count = 0;
  for (char *line = cases, *end; *line; line = end) {
    end = line + strcspn(line, "\n");
    if (*end) *end++ = 0;
    if (!module)
      REQUIRE_OK_ERR(ee_module_load(heap, (ee_bytes_t){bytes, size}, NULL, &module, &err), &err);
    if (strncmp(line, "patch ", 6) == 0) {
      apply_patch(module, bytes, line);
      ee_module_release(module); // to be verified as it is now
      module = NULL;
      continue;
    }
    if (!program) {
      const ee_vm_module_ref_t refs[] = {{.module = module}};
      REQUIRE_OK_ERR(
          ee_vm_program_create(heap, &(ee_vm_program_options_t){.modules = refs, .module_count = 1},
                               &program, &err),
          &err);
    }
    run_case(program, line);
    ++count;
  }
  printf("%d cases\n", count);
  CHECK(count >= at_least);
  ee_vm_program_destroy(program);
  ee_module_release(module);
}

// Runs the calls of `cases` on `module`, at least so many; both files are of make_vm.py.
CHECK_HELPER void run_case_file(const char *module, const char *cases, int at_least) {
  TEST_MODULE_BYTES(bytes, size, module);
  size_t cases_size;
  uint8_t *lines = test_read_file(cases, &cases_size);
  REQUIRE(lines != NULL);
  test_memory_t memory;
  test_memory_initialize(&memory);
  run_case_lines(&memory.heap, bytes, size, (char *)lines, at_least);
  test_memory_check_empty(&memory);
  free(lines);
  free(bytes);
}

#endif // EERIE_TESTS_UNIT_VM_CASES_H_
