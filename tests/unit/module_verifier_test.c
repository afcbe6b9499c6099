// Every instruction of opcodes.h, assembled here with legal operands, passes the verifier and the
// disassembler; with each of its registers, ordinals and offsets out of range it does not.
//
// This needs no compiler and reaches instructions that the compiler does not write.
#include "module/opcodes.h"
#include "unit/module_test.h"

typedef struct opcode {
  int prefix; // -1: core
  uint8_t number;
  const char *mnemonic;
  const char *operands;
} opcode_t;

#define EE_OP(number, name, mnemonic, operands)     {-1, number, mnemonic, operands},
#define EE_OP_F32(number, name, mnemonic, operands) {0xE0, number, mnemonic, operands},
#define EE_OP_F64(number, name, mnemonic, operands) {0xE1, number, mnemonic, operands},
static const opcode_t opcodes[] = {EE_OPCODES_CORE(EE_OP) EE_OPCODES_F32(EE_OP_F32)
                                       EE_OPCODES_F64(EE_OP_F64)};
enum { OPCODE_COUNT = sizeof opcodes / sizeof opcodes[0] };

enum { REGISTERS = 8, REFS = 4, GLOBAL_BYTES = 16 };

// ---- A module in memory ------------------------------------------------------------------------

static ee_str_t module_types[2];
static ee_module_import_t module_imports[3];
static ee_module_rodata_t module_rodata[1];
static ee_module_function_t module_functions[2];
static ee_module_t test_module;

static void make_module(void) {
  module_types[0] = EE_STR("vm.buffer");
  module_types[1] = EE_STR("i64");
  module_imports[0] = (ee_module_import_t){.full_name = EE_STR("other.plain")};
  module_imports[1] = (ee_module_import_t){.full_name = EE_STR("other.variadic")};
  module_imports[2] = (ee_module_import_t){.full_name = EE_STR("other.nothing")};
  CHECK(ee_signature_parse(EE_STR("0iIr_Ir"), &module_imports[0].signature));
  CHECK(ee_signature_parse(EE_STR("0iCIrD_i"), &module_imports[1].signature));
  CHECK(ee_signature_parse(EE_STR("0v_v"), &module_imports[2].signature));
  module_rodata[0].bytes = (ee_bytes_t){(const uint8_t *)"text", 4};
  CHECK(ee_signature_parse(EE_STR("0v_v"), &module_functions[0].signature));
  test_module = (ee_module_t){
      .types = module_types,
      .type_count = 2,
      .imports = module_imports,
      .import_count = 3,
      .rodata = module_rodata,
      .rodata_count = 1,
      .functions = module_functions,
      .function_count = 1,
      .global_bytes = GLOBAL_BYTES,
      .global_ref_count = 1,
  };
}

// ---- Assembling --------------------------------------------------------------------------------

typedef struct site {
  uint16_t at;
  char letter; // what stands there: a letter of opcodes.h, or of an element of a list
  bool result;
} site_t;

typedef struct code {
  uint8_t bytes[256];
  uint32_t size;
  site_t sites[32];
  uint32_t site_count;
  uint32_t target_at[4]; // branch targets to be set to the last block
  uint32_t target_count;
  uint32_t blocks;
} code_t;

static void put(code_t *code, uint64_t value, unsigned size) {
  memcpy(code->bytes + code->size, &value, size);
  code->size += size;
}

static void put_site(code_t *code, char letter, bool result, uint64_t value, unsigned size) {
  code->sites[code->site_count++] = (site_t){(uint16_t)code->size, letter, result};
  put(code, value, size);
}

static void align(code_t *code) {
  if (code->size % 2) put(code, 0, 1);
}

static void put_register(code_t *code, char letter, bool result) {
  const bool ref = letter == 'r' || letter == 'm';
  put_site(code, letter, result, ref ? EE_REGISTER_REF_BIT | 1 : 2, 2);
}

static void put_list(code_t *code, const char *letters, bool result) {
  align(code);
  put(code, strlen(letters), 2);
  for (; *letters; ++letters)
    put_register(code, *letters, result);
}

static void put_target(code_t *code) {
  code->target_at[code->target_count++] = code->size;
  put_site(code, 'b', false, 0, 4);
}

static void put_pairs(code_t *code) {
  align(code);
  put(code, 2, 2);
  put_site(code, 'i', false, 3, 2);
  put_site(code, 'i', true, 4, 2);
  put_site(code, 'm', false, EE_REGISTER_REF_BIT | EE_REGISTER_MOVE_BIT | 1, 2);
  put_site(code, 'm', true, EE_REGISTER_REF_BIT | 2, 2);
}

static void put_operand(code_t *code, const opcode_t *opcode, const char **text) {
  const bool result = **text == '=';
  if (result) ++*text;
  const char letter = *(*text)++;
  const bool variadic = strstr(opcode->mnemonic, "variadic") != NULL;
  switch (letter) {
  case 'c': put(code, 42, (unsigned)(*(*text)++ - '0')); break;
  case 'g': put_site(code, *(*text)++, false, 8, 4); break;
  case 'G':
  case 't':
  case 'd': put_site(code, letter, false, 0, 4); break;
  case 'k': put_site(code, letter, false, EE_FUNCTION_IMPORT_BIT | (variadic ? 1u : 0u), 4); break;
  case 's':
    put(code, 2, 2);
    put(code, 'o' | 'k' << 8, 2);
    break;
  case 'n': put(code, 2, 2); break;
  case 'b': put_target(code); break;
  case 'p': put_pairs(code); break;
  case 'B':
    put_target(code);
    put_pairs(code);
    put_target(code);
    put_pairs(code);
    break;
  case 'z':
    align(code);
    put(code, 2, 2);
    put(code, 0xFFFF, 2);
    put(code, 2, 2);
    break;
  case 'v': {
    const char element[] = {*(*text)++, '\0'};
    if (element[0] != '*')
      put_list(code, (char[]){element[0], element[0], '\0'}, false);
    else if (variadic)
      put_list(code, "iIrIr", false);
    else if (strncmp(opcode->mnemonic, "call", 4) == 0)
      put_list(code, "iIr", false);
    else if (strcmp(opcode->mnemonic, "return") == 0)
      put_list(code, "", false);
    else if (strcmp(opcode->mnemonic, "discard.refs") == 0)
      put_list(code, "mm", false);
    else
      put_list(code, "im", false);
    break;
  }
  case '*': put_list(code, variadic ? "i" : "Ir", true); break;
  default: put_register(code, letter, result); break;
  }
}

static bool ends_block(const opcode_t *opcode) {
  static const char *const names[] = {
      "br",    "cond_br", "br_table",   "return",         "fail",
      "yield", "break",   "cond_break", "call.yieldable", "call.variadic.yieldable"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (opcode->prefix < 0 && strcmp(opcode->mnemonic, names[i]) == 0) return true;
  }
  return false;
}

// A block with the one instruction, and a block that returns.
static void assemble(code_t *code, const opcode_t *opcode) {
  *code = (code_t){.blocks = 2};
  put(code, 0x79, 1);
  if (opcode->prefix >= 0) put(code, (uint64_t)opcode->prefix, 1);
  put(code, opcode->number, 1);
  for (const char *text = opcode->operands; *text;)
    put_operand(code, opcode, &text);
  if (!ends_block(opcode)) {
    put(code, 0x56, 1); // br
    put_target(code);
    align(code);
    put(code, 0, 2);
  }
  for (uint32_t i = 0; i < code->target_count; ++i)
    memcpy(code->bytes + code->target_at[i], &code->size, 4);
  put(code, 0x79, 1);
  put(code, 0x5A, 1); // return
  align(code);
  put(code, 0, 2);
}

// In a block of exactly its size, so that a sanitizer sees any step beyond it.
static eerie_status_t verify(const code_t *code, eerie_error_t *err) {
  uint8_t *copy = malloc(code->size);
  if (!copy) return EERIE_RESOURCE_EXHAUSTED;
  memcpy(copy, code->bytes, code->size);
  ee_module_function_t *function = &module_functions[0];
  function->bytecode = copy;
  function->bytecode_size = code->size;
  function->requirements = EE_MODULE_FEATURE_F32 | EE_MODULE_FEATURE_F64;
  function->block_count = (uint16_t)code->blocks;
  function->register_count = REGISTERS;
  function->ref_register_count = REFS;
  ee_heap_t heap = test_heap();
  const eerie_status_t status = ee_module_verify_function(&test_module, 0, &heap, err);
  CHECK_EQ_INT(heap.current, 0);
  size_t lines = 0;
  const eerie_status_t printed =
      ee_module_disassemble(&test_module, 0, test_drop_line, &lines, NULL);
  if (status == EERIE_OK) CHECK_OK(printed);
  free(copy);
  return status;
}

static bool is_instruction(const opcode_t *opcode) {
  return opcode->mnemonic[0] != '<';
}

// ---- Cases -------------------------------------------------------------------------------------

static void accepts_every_instruction(void) {
  make_module();
  int count = 0;
  for (size_t i = 0; i < OPCODE_COUNT; ++i) {
    if (!is_instruction(&opcodes[i])) continue;
    code_t code;
    eerie_error_t err = {0};
    assemble(&code, &opcodes[i]);
    if (!CHECK_OK(verify(&code, &err))) {
      fprintf(stderr, "  %s: %s\n", opcodes[i].mnemonic, err.message);
    }
    ++count;
  }
  CHECK_EQ_INT(count, 264); // 136 core without the block marker, 63 f32, 65 f64
}

static void expect_refusal(const code_t *code, const opcode_t *opcode, const char *what) {
  eerie_error_t err = {0};
  if (!CHECK_STATUS(verify(code, &err), EERIE_DATA_LOSS)) {
    fprintf(stderr, "  %s: %s\n", opcode->mnemonic, what);
  }
  CHECK(!EERIE_MESSAGES || err.message[0]);
}

static void refuse_value(const code_t *good, const opcode_t *opcode, uint32_t at, uint64_t value,
                         unsigned size, const char *what) {
  code_t code = *good;
  memcpy(code.bytes + at, &value, size);
  expect_refusal(&code, opcode, what);
}

static void break_site(const code_t *good, const opcode_t *opcode, site_t site) {
  const uint32_t at = site.at;
  switch (site.letter) {
  case 'i':
  case 'f':
    refuse_value(good, opcode, at, REGISTERS, 2, "value register out of range");
    if (strcmp(opcode->mnemonic, "trace") != 0 && strcmp(opcode->mnemonic, "print") != 0) {
      refuse_value(good, opcode, at, EE_REGISTER_REF_BIT | 1, 2, "reference for a value");
    }
    break;
  case 'I':
  case 'F':
    refuse_value(good, opcode, at, REGISTERS, 2, "wide register out of range");
    refuse_value(good, opcode, at, REGISTERS - 1, 2, "wide register half out of range");
    refuse_value(good, opcode, at, 3, 2, "odd wide register");
    refuse_value(good, opcode, at, EE_REGISTER_REF_BIT | 1, 2, "reference for a wide value");
    break;
  case 'r':
  case 'm':
    refuse_value(good, opcode, at, EE_REGISTER_REF_BIT | REFS, 2, "reference out of range");
    if (site.letter == 'r' && strncmp(opcode->mnemonic, "call", 4) != 0) {
      refuse_value(good, opcode, at, EE_REGISTER_REF_BIT | EE_REGISTER_MOVE_BIT | 1, 2, "moves");
    }
    if (site.result) {
      refuse_value(good, opcode, at, EE_REGISTER_REF_BIT | EE_REGISTER_MOVE_BIT | 1, 2,
                   "written register moves");
    }
    if (strcmp(opcode->mnemonic, "trace") != 0 && strcmp(opcode->mnemonic, "print") != 0) {
      refuse_value(good, opcode, at, 1, 2, "value for a reference");
    }
    break;
  case '4':
    refuse_value(good, opcode, at, GLOBAL_BYTES, 4, "global out of range");
    refuse_value(good, opcode, at, 0xFFFFFFFC, 4, "global offset that wraps");
    refuse_value(good, opcode, at, 2, 4, "unaligned global");
    break;
  case '8':
    refuse_value(good, opcode, at, GLOBAL_BYTES, 4, "wide global out of range");
    refuse_value(good, opcode, at, GLOBAL_BYTES - 4, 4, "wide global half out of range");
    refuse_value(good, opcode, at, 0xFFFFFFF8, 4, "wide global offset that wraps");
    refuse_value(good, opcode, at, 4, 4, "unaligned wide global");
    break;
  case 'G':
  case 'd': refuse_value(good, opcode, at, 1, 4, "ordinal out of range"); break;
  case 't':
    refuse_value(good, opcode, at, 2, 4, "type out of range");
    if (strcmp(opcode->mnemonic, "list.alloc") != 0) {
      refuse_value(good, opcode, at, 1, 4, "value type for a reference");
    }
    break;
  case 'k':
    refuse_value(good, opcode, at, EE_FUNCTION_IMPORT_BIT | 3, 4, "import out of range");
    refuse_value(good, opcode, at, 1, 4, "function out of range");
    if (strncmp(opcode->mnemonic, "call", 4) == 0) {
      refuse_value(good, opcode, at, EE_FUNCTION_IMPORT_BIT | 2, 4, "other import");
    }
    break;
  case 'b':
    refuse_value(good, opcode, at, good->size, 4, "branch past the end");
    refuse_value(good, opcode, at, 1, 4, "branch into a block");
    break;
  default: CHECK(false); break;
  }
}

static void refuses_each_operand_out_of_range(void) {
  make_module();
  for (size_t i = 0; i < OPCODE_COUNT; ++i) {
    if (!is_instruction(&opcodes[i])) continue;
    code_t code;
    assemble(&code, &opcodes[i]);
    for (uint32_t k = 0; k < code.site_count; ++k)
      break_site(&code, &opcodes[i], code.sites[k]);
  }
}

// Cut anywhere, with any number of blocks declared: never accepted, never read beyond.
static void refuses_every_prefix(void) {
  make_module();
  for (size_t i = 0; i < OPCODE_COUNT; ++i) {
    if (!is_instruction(&opcodes[i])) continue;
    code_t code;
    assemble(&code, &opcodes[i]);
    const uint32_t size = code.size;
    for (uint32_t cut = 1; cut < size; ++cut) {
      code.size = cut;
      code.blocks = 1;
      // What ends its block and goes nowhere is a function of its own.
      const bool whole = ends_block(&opcodes[i]) && code.target_count == 0 && cut + 6 >= size;
      if (verify(&code, NULL) == EERIE_OK) CHECK(whole);
    }
  }
}

static void refuses_extensions_that_are_not_required(void) {
  make_module();
  const uint8_t bytes[] = {0x79, 0xE0, 0x04, 0, 0, 0x5A, 0, 0};
  ee_module_function_t *function = &module_functions[0];
  function->bytecode = bytes;
  function->bytecode_size = sizeof bytes;
  function->block_count = 1;
  function->register_count = REGISTERS;
  ee_heap_t heap = test_heap();
  function->requirements = EE_MODULE_FEATURE_F32;
  CHECK_OK(ee_module_verify_function(&test_module, 0, &heap, NULL));
  function->requirements = EE_MODULE_FEATURE_F64;
  CHECK_STATUS(ee_module_verify_function(&test_module, 0, &heap, NULL), EERIE_DATA_LOSS);
  CHECK_STATUS(ee_module_verify_function(&test_module, 1, &heap, NULL), EERIE_OUT_OF_RANGE);
}

static void allows_only_zeros_behind_the_end(void) {
  make_module();
  code_t code = {.blocks = 1};
  put(&code, 0x79, 1);
  put(&code, 0x5A, 1);
  put(&code, 0, 2);
  put(&code, 0, 4);
  CHECK_OK(verify(&code, NULL));
  code.bytes[7] = 1;
  CHECK_STATUS(verify(&code, NULL), EERIE_DATA_LOSS);
  code.bytes[7] = 0x79;
  CHECK_STATUS(verify(&code, NULL), EERIE_DATA_LOSS);
  const uint8_t zeros[8] = {0};
  memcpy(code.bytes, zeros, sizeof zeros);
  CHECK_STATUS(verify(&code, NULL), EERIE_DATA_LOSS);
}

static char printed[32][400];
static size_t printed_count;

static void keep_line(void *user, const char *line) {
  (void)user;
  if (printed_count < 32) snprintf(printed[printed_count++], sizeof printed[0], "%s", line);
}

static void check_listing(const char *mnemonic, const char *expected) {
  for (size_t i = 0; i < OPCODE_COUNT; ++i) {
    if (strcmp(opcodes[i].mnemonic, mnemonic) != 0) continue;
    code_t code;
    assemble(&code, &opcodes[i]);
    module_functions[0].bytecode = code.bytes;
    module_functions[0].bytecode_size = code.size;
    printed_count = 0;
    CHECK_OK(ee_module_disassemble(&test_module, 0, keep_line, NULL, NULL));
    CHECK_STR(printed[0], "0x0000  <block>");
    CHECK_STR(printed[1], expected);
  }
}

static void prints_instructions(void) {
  make_module();
  check_listing("add.i32", "0x0001  add.i32 %i2, %i2 -> %i2");
  check_listing("const.i32", "0x0001  const.i32 42 -> %i2");
  check_listing("const.f64", "0x0001  const.f64 0x2a -> %i2");
  check_listing("global.load.ref", "0x0001  global.load.ref global_ref[0], <vm.buffer> -> %r1");
  check_listing("const.ref.rodata", "0x0001  const.ref.rodata rodata[0] 4 bytes \"text\" -> %r1");
  check_listing("call", "0x0001  call @other.plain(%i2, %i2, %r1) -> %i2, %r1");
  check_listing("call.variadic",
                "0x0001  call.variadic @other.variadic [-1, 2] (%i2, %i2, %r1, %i2, %r1) -> %i2");
  check_listing("br", "0x0001  br ^0x10(%i4 = %i3, %r2 = %r1!)");
  check_listing("fail", "0x0001  fail %i2, \"ok\"");
  check_listing("cond_break", "0x0001  cond_break %i2, ^0x12(%i4 = %i3, %r2 = %r1!)");
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(accepts_every_instruction),
      RUN(refuses_each_operand_out_of_range),
      RUN(refuses_every_prefix),
      RUN(refuses_extensions_that_are_not_required),
      RUN(allows_only_zeros_behind_the_end),
      RUN(prints_instructions),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
