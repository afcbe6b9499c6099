// vm_ops_test.c: every instruction on values, against results that Python computed, and proof that
// the test modules together contain every instruction there is.
#include "module/opcodes.h"
#include "unit/vm_cases.h"

static void value_instructions(void) {
  run_case_file("ops.vmfb", "ops.cases", 20000);
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
