// vm_ops_test.c: every instruction on values, against results that Python computed, and proof that
// the test modules together contain every instruction there is.
#include "module/opcodes.h"
#include "unit/vm_support.h"

// ---- ops.cases ---------------------------------------------------------------------------------

typedef struct ops_case {
  const char *function;
  ee_vm_value_t arguments[8];
  int argument_count;
  char result_letter;
  ee_vm_value_t result;
  const char *code; // of the expected failure
  long ulp;
} ops_case_t;

static ee_vm_value_t parse_value(const char *word) {
  ee_vm_value_t value = {.i64 = 0};
  value.i64 = (int64_t)strtoull(word + 1, NULL, 16);
  return value;
}

static void parse_case(char *line, ops_case_t *out) {
  *out = (ops_case_t){.function = strtok(line, " ")};
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
static int64_t float_order(int64_t bits, char letter) {
  if (letter == 'f') return (int32_t)bits < 0 ? -(bits & 0x7FFFFFFF) : bits;
  return bits < 0 ? -(bits & INT64_MAX) : bits;
}

static bool results_agree(const ops_case_t *c, ee_vm_value_t result) {
  if (c->result.i64 == result.i64) return true;
  if (c->result_letter == 'f' && isnan(c->result.f32)) return isnan(result.f32);
  if (c->result_letter == 'F' && isnan(c->result.f64)) return isnan(result.f64);
  const bool is_float = c->result_letter == 'f' || c->result_letter == 'F';
  if (!is_float || c->ulp == 0) return false;
  const int64_t distance =
      float_order(c->result.i64, c->result_letter) - float_order(result.i64, c->result_letter);
  return distance >= -c->ulp && distance <= c->ulp;
}

static void run_case(ee_vm_program_t *program, char *line) {
  char text[256];
  snprintf(text, sizeof text, "%s", line);
  ops_case_t c;
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
static void apply_patch(const ee_module_t *module, uint8_t *bytes, char *line) {
  strtok(line, " ");
  const char *name = strtok(NULL, " "), *from = strtok(NULL, " "), *to = strtok(NULL, " ");
  CHECK(test_patch(module, bytes, name, (unsigned)strtoul(from, NULL, 16),
                   (unsigned)strtoul(to, NULL, 16)));
}

static void run_cases(ee_heap_t *heap, uint8_t *bytes, size_t size, char *cases) {
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
  printf("%d cases of value instructions\n", count);
  CHECK(count > 10000);
  ee_vm_program_destroy(program);
  ee_module_release(module);
}

static void value_instructions(void) {
  TEST_MODULE_BYTES(bytes, size, "ops.vmfb");
  size_t cases_size;
  uint8_t *cases = test_read_file("ops.cases", &cases_size);
  REQUIRE(cases != NULL);
  test_memory_t memory;
  test_memory_initialize(&memory);
  run_cases(&memory.heap, bytes, size, (char *)cases);
  test_memory_check_empty(&memory);
  free(cases);
  free(bytes);
}

// ---- Coverage ----------------------------------------------------------------------------------

static const struct {
  const char *mnemonic;
} all_instructions[] = {
#define EE_OP(number, NAME, mnemonic, operands) {mnemonic},
    EE_OPCODES_CORE(EE_OP) EE_OPCODES_F32(EE_OP) EE_OPCODES_F64(EE_OP)
#undef EE_OP
};
#define INSTRUCTION_COUNT (sizeof all_instructions / sizeof all_instructions[0])
static bool instruction_seen[INSTRUCTION_COUNT];

// Finds the mnemonic in a line of disassembly, as a word.
static void note_line(void *user, const char *line) {
  (void)user;
  for (size_t i = 0; i < INSTRUCTION_COUNT; ++i) {
    const char *mnemonic = all_instructions[i].mnemonic;
    const size_t size = strlen(mnemonic);
    for (const char *at = line; (at = strstr(at, mnemonic)) != NULL; at += size) {
      const char before = at == line ? ' ' : at[-1], after = at[size];
      const bool starts = before == ' ' || (before == '.' && at - line >= 3 && at[-2] == 'm');
      if (starts && (after == ' ' || after == 0 || after == '\n')) instruction_seen[i] = true;
    }
  }
}

static void every_instruction_is_in_a_test_module(void) {
  static const char *const names[] = {"ops.vmfb", "behaviour.vmfb", "imports.vmfb"};
  test_memory_t memory;
  test_memory_initialize(&memory);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    TEST_MODULE_BYTES(bytes, size, names[i]);
    eerie_error_t err;
    ee_module_t *module;
    REQUIRE_OK_ERR(ee_module_load(&memory.heap, (ee_bytes_t){bytes, size}, NULL, &module, &err),
                   &err);
    for (uint32_t f = 0; f < module->function_count; ++f)
      CHECK_OK(ee_module_disassemble(module, f, note_line, NULL, &err));
    ee_module_release(module);
    free(bytes);
  }
  // Not in compiled modules: prefixes print as what they belong to, and what the compiler cannot
  // write is patched in by the tests.
  static const char *const others[] = {
      "<f32>",         "<f64>",         "cast.si32.f64", "cast.ui32.f64",
      "cast.f64.si32", "cast.f64.ui32", "cond_break",    "global.load.indirect.f32"};
  for (size_t i = 0; i < INSTRUCTION_COUNT; ++i) {
    bool other = false;
    for (size_t j = 0; j < sizeof others / sizeof others[0]; ++j)
      other = other || strcmp(all_instructions[i].mnemonic, others[j]) == 0;
    if (other || instruction_seen[i]) continue;
    fprintf(stderr, "no test module has %s\n", all_instructions[i].mnemonic);
    ++check_failures;
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(value_instructions),
                                       RUN(every_instruction_is_in_a_test_module)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
