// verifier.c: establishes everything about bytecode that the interpreter then trusts.
//
// Each function is walked once, instruction by instruction, along the operand strings of opcodes.h;
// two bitmaps with a bit per byte remember where blocks start and where branches go. Time and
// memory are linear in the function's size. docs/verification.md lists the checks made here, those
// of the reader, and those that the interpreter makes because values decide them.
//
// A function, as its bytes:
//
//   BLOCK instruction* terminator   BLOCK instruction* terminator   ...   zero padding
#include "module/module.h"
#include "module/opcodes.h"

enum {
#define EE_OP(number, name, mnemonic, operands) OP_##name = number,
  EE_OPCODES_CORE(EE_OP)
#undef EE_OP
};

// Operand strings by number, empty where there is no instruction. In place, not by pointer: a table
// of pointers costs a shared library three times its size in relocations.
typedef char operand_text_t[8];
#define EE_OP(number, name, mnemonic, operands) [number] = operands,
static const operand_text_t plain_operands[] = {EE_OPCODES_PLAIN(EE_OP)};
#if EERIE_VM_F32
static const operand_text_t f32_operands[] = {EE_OPCODES_F32(EE_OP)};
#endif
#if EERIE_VM_F64
static const operand_text_t f64_operands[] = {EE_OPCODES_F64(EE_OP)};
#endif
#undef EE_OP

// A list of u16 items in the bytecode.
typedef struct item_list {
  const uint8_t *items;
  uint32_t count;
} item_list_t;

typedef struct verifier {
  const ee_module_t *module;
  const ee_module_function_t *function;
  const uint8_t *code;
  uint32_t size;
  uint32_t pc;
  uint8_t *blocks;  // bit set: a BLOCK marker is at that offset
  uint8_t *targets; // bit set: a branch goes to that offset
  uint32_t block_count;
  eerie_error_t *err;
  // Of the instruction at hand:
  unsigned opcode; // prefix, if there is one
  uint32_t number; // behind the prefix
  const ee_signature_t *callee;
  bool callee_is_import;
  bool has_segments;
  item_list_t segments;
  uint32_t case_count;
} verifier_t;

#define VERIFY_FAIL(v, ...) EE_FAIL((v)->err, EERIE_DATA_LOSS, __VA_ARGS__)

static void set_bit(uint8_t *bitmap, uint32_t index) {
  bitmap[index / 8] = (uint8_t)(bitmap[index / 8] | 1u << index % 8);
}

// ---- Fields ------------------------------------------------------------------------------------

static eerie_status_t take(verifier_t *v, uint32_t size, const uint8_t **out_bytes) {
  if (v->pc > v->size || size > v->size - v->pc) {
    return VERIFY_FAIL(v, "reaches past the end of the function (%u bytes)", v->size);
  }
  *out_bytes = v->code + v->pc;
  v->pc += size;
  return EERIE_OK;
}

static eerie_status_t take_number(verifier_t *v, uint32_t size, uint32_t *out_value) {
  const uint8_t *bytes = v->code;
  EE_TRY(take(v, size, &bytes));
  *out_value = 0;
  memcpy(out_value, bytes, size);
  return EERIE_OK;
}

static eerie_status_t take_u16(verifier_t *v, uint32_t *out_value) {
  return take_number(v, 2, out_value);
}

static eerie_status_t take_u32(verifier_t *v, uint32_t *out_value) {
  return take_number(v, 4, out_value);
}

static eerie_status_t take_list(verifier_t *v, uint32_t item_size, item_list_t *out_list) {
  v->pc = (v->pc + 1) & ~1u;
  EE_TRY(take_u16(v, &out_list->count));
  return take(v, out_list->count * item_size, &out_list->items);
}

// An ordinal below `limit`.
static eerie_status_t check_ordinal(verifier_t *v, const char *what, uint32_t ordinal,
                                    uint32_t limit) {
  (void)what; // without messages
  if (ordinal < limit) return EERIE_OK;
  return VERIFY_FAIL(v, "%s %u does not exist (there are %u)", what, ordinal, limit);
}

// ---- Registers ---------------------------------------------------------------------------------

// `letter` is one of i I f F r m, or * for any. References may move where `may_move` says so.
static eerie_status_t check_register(verifier_t *v, char letter, unsigned reg, bool may_move) {
  const bool is_ref = (reg & EE_REGISTER_REF_BIT) != 0;
  const bool wants_ref = letter == 'r' || letter == 'm';
  const unsigned ordinal = is_ref ? reg & EE_REGISTER_REF_MASK : reg;
  const unsigned limit = is_ref ? v->function->ref_register_count : v->function->register_count;
  if (letter != '*' && is_ref != wants_ref) {
    return VERIFY_FAIL(v, "register %u is %s reference, expected %s", ordinal, is_ref ? "a" : "no",
                       wants_ref ? "one" : "a value");
  }
  const unsigned width = letter == 'I' || letter == 'F' ? 2 : 1;
  if (ordinal + width > limit) {
    return VERIFY_FAIL(v, "%s register %u does not exist (there are %u)",
                       is_ref ? "reference" : "value", ordinal, limit);
  }
  if (width == 2 && ordinal % 2 != 0) {
    return VERIFY_FAIL(v, "register %u of a 64-bit value is odd", ordinal);
  }
  if (is_ref && (reg & EE_REGISTER_MOVE_BIT) && !may_move) {
    return VERIFY_FAIL(v, "reference register %u moves where it may not", ordinal);
  }
  return EERIE_OK;
}

static eerie_status_t check_list(verifier_t *v, char letter, item_list_t list, bool may_move) {
  for (uint32_t i = 0; i < list.count; ++i) {
    EE_TRY(check_register(v, letter, ee_load_u16(list.items + 2 * (size_t)i), may_move));
  }
  return EERIE_OK;
}

// Pairs copy one 32-bit register or one reference; a 64-bit value travels as two pairs.
static eerie_status_t check_branch_operands(verifier_t *v) {
  item_list_t pairs;
  EE_TRY(take_list(v, 4, &pairs));
  for (uint32_t i = 0; i < pairs.count; ++i) {
    const unsigned source = ee_load_u16(pairs.items + 4 * (size_t)i);
    const unsigned target = ee_load_u16(pairs.items + 4 * (size_t)i + 2);
    EE_TRY(check_register(v, '*', source, true));
    EE_TRY(check_register(v, '*', target, false));
    if ((source ^ target) & EE_REGISTER_REF_BIT) {
      return VERIFY_FAIL(v, "branch operand %u copies between a reference and a value", i);
    }
  }
  return EERIE_OK;
}

// How often the tuple of an argument stands in the register list.
static eerie_status_t read_segment(verifier_t *v, const item_list_t *segments, uint32_t argument,
                                   bool variadic, uint32_t *out_repeat) {
  *out_repeat = 1;
  if (!segments) return variadic ? VERIFY_FAIL(v, "plain call of a variadic import") : EERIE_OK;
  if (argument >= segments->count) {
    return VERIFY_FAIL(v, "no segment size for argument %u (there are %u)", argument,
                       segments->count);
  }
  const int size = (int16_t)ee_load_u16(segments->items + 2 * (size_t)argument);
  if (variadic ? size < 0 : size != -1 && size != 1) {
    return VERIFY_FAIL(v, "segment size %d for %s argument %u", size,
                       variadic ? "variadic" : "plain", argument);
  }
  if (variadic) *out_repeat = (uint32_t)size;
  return EERIE_OK;
}

// Register list against the letters of a signature; `segments` for the C...D among them.
static eerie_status_t check_signature(verifier_t *v, ee_str_t letters, const item_list_t *segments,
                                      item_list_t list, bool may_move, const char *what) {
  (void)what; // without messages
  uint32_t at = 0, argument = 0;
  for (size_t i = 0; i < letters.size; ++i, ++argument) {
    const bool variadic = letters.data[i] == 'C';
    const size_t first = variadic ? i + 1 : i;
    uint32_t repeat;
    EE_TRY(read_segment(v, segments, argument, variadic, &repeat));
    while (variadic && letters.data[i] != 'D')
      ++i;
    const size_t end = variadic ? i : i + 1;
    for (; repeat > 0; --repeat) {
      for (size_t k = first; k < end; ++k, ++at) {
        if (at >= list.count) goto wrong_count;
        const unsigned reg = ee_load_u16(list.items + 2 * (size_t)at);
        EE_TRY(check_register(v, letters.data[k], reg, may_move));
      }
    }
  }
  if (segments && argument != segments->count) {
    return VERIFY_FAIL(v, "%u segment sizes for %u arguments", segments->count, argument);
  }
  if (at == list.count) return EERIE_OK;
wrong_count:
  return VERIFY_FAIL(v, "%u %s, expected \"%.*s\"", list.count, what, EE_STR_ARG(letters));
}

// ---- Operands ----------------------------------------------------------------------------------

static eerie_status_t check_branch_target(verifier_t *v) {
  uint32_t target;
  EE_TRY(take_u32(v, &target));
  if (target >= v->size) {
    return VERIFY_FAIL(v, "branch to 0x%x, past the end of the function (%u bytes)", target,
                       v->size);
  }
  set_bit(v->targets, target);
  return EERIE_OK;
}

static eerie_status_t check_global(verifier_t *v, uint32_t size) {
  uint32_t offset;
  EE_TRY(take_u32(v, &offset));
  if (!ee_range_ok(offset, size, v->module->global_bytes)) {
    return VERIFY_FAIL(v, "global of %u bytes at %u, past the end of the state (%u bytes)", size,
                       offset, v->module->global_bytes);
  }
  if (offset % size != 0) {
    return VERIFY_FAIL(v, "global of %u bytes at %u is not aligned", size, offset);
  }
  return EERIE_OK;
}

// Lists may hold values; everywhere else the type says what a reference must be.
static eerie_status_t check_type(verifier_t *v) {
  uint32_t ordinal;
  EE_TRY(take_u32(v, &ordinal));
  EE_TRY(check_ordinal(v, "type", ordinal, v->module->type_count));
  const ee_str_t name = v->module->types[ordinal];
  const bool is_value = name.size <= 3 && (name.data[0] == 'i' || name.data[0] == 'f');
  if (is_value && v->opcode != OP_LIST_ALLOC) {
    return VERIFY_FAIL(v, "type %u (%.*s) is no reference type", ordinal, EE_STR_ARG(name));
  }
  return EERIE_OK;
}

static eerie_status_t check_callee(verifier_t *v) {
  uint32_t ordinal;
  EE_TRY(take_u32(v, &ordinal));
  v->callee_is_import = (ordinal & EE_FUNCTION_IMPORT_BIT) != 0;
  ordinal &= ~EE_FUNCTION_IMPORT_BIT;
  if (v->callee_is_import) {
    EE_TRY(check_ordinal(v, "import", ordinal, v->module->import_count));
    v->callee = &v->module->imports[ordinal].signature;
    return EERIE_OK;
  }
  if (v->opcode != OP_CALL && v->opcode != OP_CALL_YIELDABLE) {
    return VERIFY_FAIL(v, "function %u is no import, which the instruction needs", ordinal);
  }
  EE_TRY(check_ordinal(v, "function", ordinal, v->module->function_count));
  v->callee = &v->module->functions[ordinal].signature;
  return EERIE_OK;
}

// The list of registers that `v` or `=*` announces.
static eerie_status_t check_register_list(verifier_t *v, char letter, bool result) {
  item_list_t list;
  EE_TRY(take_list(v, 2, &list));
  if (letter != '*') return check_list(v, letter, list, true);
  if (result) return check_signature(v, v->callee->results, NULL, list, false, "results");
  switch (v->opcode) {
  case OP_RETURN:
    return check_signature(v, v->function->signature.results, NULL, list, true, "results");
  case OP_DISCARD_REFS: return check_list(v, 'm', list, true);
  case OP_CALL:
  case OP_CALL_YIELDABLE:
  case OP_CALL_VARIADIC:
  case OP_CALL_VARIADIC_YIELDABLE:
    return check_signature(v, v->callee->arguments, v->has_segments ? &v->segments : NULL, list,
                           true, "arguments");
  default: return check_list(v, '*', list, true);
  }
}

static eerie_status_t check_branch_table(verifier_t *v) {
  for (uint32_t i = 0; i < v->case_count; ++i) {
    EE_TRY(check_branch_target(v));
    EE_TRY(check_branch_operands(v));
  }
  return EERIE_OK;
}

// Checks the operand that starts at `*text`, and moves past it.
static eerie_status_t check_operand(verifier_t *v, const char **text) {
  uint32_t value;
  const uint8_t *bytes;
  const bool result = **text == '=';
  if (result) ++*text;
  const char letter = *(*text)++;
  switch (letter) {
  case 'c': return take(v, (uint32_t)(*(*text)++ - '0'), &bytes);
  case 'g': return check_global(v, (uint32_t)(*(*text)++ - '0'));
  case 'G':
    EE_TRY(take_u32(v, &value));
    return check_ordinal(v, "global reference", value, v->module->global_ref_count);
  case 't': return check_type(v);
  case 'd':
    EE_TRY(take_u32(v, &value));
    return check_ordinal(v, "rodata segment", value, v->module->rodata_count);
  case 'k': return check_callee(v);
  case 's': EE_TRY(take_u16(v, &value)); return take(v, value, &bytes);
  case 'n': return take_u16(v, &v->case_count);
  case 'b': return check_branch_target(v);
  case 'p': return check_branch_operands(v);
  case 'B': return check_branch_table(v);
  case 'z': v->has_segments = true; return take_list(v, 2, &v->segments);
  case 'v': return check_register_list(v, *(*text)++, false);
  case '*': return check_register_list(v, '*', true);
  default:
    EE_TRY(take_u16(v, &value));
    return check_register(v, letter, value, letter == 'm' && !result);
  }
}

// ---- Instructions and functions ----------------------------------------------------------------

static const char *find_operands(const operand_text_t *set, size_t size, unsigned number) {
  return number < size / sizeof set[0] ? set[number] : "";
}

// Reads the number behind a prefix and gives its operand string, empty when it is not in this
// build.
static eerie_status_t decode_extension(verifier_t *v, bool f32, const char **out_operands) {
  (void)out_operands; // in a build with neither
  if (!(v->function->requirements & (f32 ? EE_MODULE_FEATURE_F32 : EE_MODULE_FEATURE_F64))) {
    return VERIFY_FAIL(v, "%s instruction in a function that does not require the feature",
                       f32 ? "f32" : "f64");
  }
  EE_TRY(take_number(v, 1, &v->number));
#if EERIE_VM_F32
  if (f32) *out_operands = find_operands(f32_operands, sizeof f32_operands, v->number);
#endif
#if EERIE_VM_F64
  if (!f32) *out_operands = find_operands(f64_operands, sizeof f64_operands, v->number);
#endif
  return EERIE_OK;
}

// Reads the opcode and gives its operand string.
static eerie_status_t decode_opcode(verifier_t *v, const char **out_operands) {
  EE_TRY(take_number(v, 1, &v->number));
  v->opcode = v->number;
  *out_operands = "";
  if (v->opcode == OP_PREFIX_F32 || v->opcode == OP_PREFIX_F64) {
    EE_TRY(decode_extension(v, v->opcode == OP_PREFIX_F32, out_operands));
  } else {
    *out_operands = find_operands(plain_operands, sizeof plain_operands, v->opcode);
  }
  if (**out_operands || v->opcode == OP_BLOCK) return EERIE_OK;
  return VERIFY_FAIL(v, "opcode 0x%02x is not known", v->number);
}

static bool is_terminator(unsigned opcode) {
  switch (opcode) {
  case OP_BR:
  case OP_COND_BR:
  case OP_BR_TABLE:
  case OP_RETURN:
  case OP_FAIL:
  case OP_YIELD:
  case OP_BREAK:
  case OP_COND_BREAK:
  case OP_CALL_YIELDABLE:
  case OP_CALL_VARIADIC_YIELDABLE: return true;
  default: return false;
  }
}

static bool is_padding(const verifier_t *v, uint32_t from) {
  for (uint32_t i = from; i < v->size; ++i) {
    if (v->code[i] != 0) return false;
  }
  return from > 0;
}

// `in_block`: a block was begun and not yet ended.
static eerie_status_t check_instruction(verifier_t *v, bool *in_block) {
  const uint32_t start = v->pc;
  const char *operands;
  v->has_segments = false;
  EE_TRY(decode_opcode(v, &operands));
  if (v->opcode == OP_BLOCK) {
    if (*in_block) return VERIFY_FAIL(v, "block begins before the last one was ended");
    *in_block = true;
    ++v->block_count;
    set_bit(v->blocks, start);
    return EERIE_OK;
  }
  if (!*in_block) return VERIFY_FAIL(v, "instruction outside of a block");
  while (*operands)
    EE_TRY(check_operand(v, &operands));
  if (is_terminator(v->opcode)) *in_block = false;
  return EERIE_OK;
}

static eerie_status_t check_instructions(verifier_t *v) {
  bool in_block = false;
  while (v->pc < v->size) {
    const uint32_t start = v->pc;
    if (!in_block && is_padding(v, start)) break;
    const eerie_status_t status = check_instruction(v, &in_block);
    if (status != EERIE_OK) {
      EE_ANNOTATE(v->err, "instruction 0x%02x at 0x%x", v->code[start], start);
      return status;
    }
  }
  if (in_block) return VERIFY_FAIL(v, "ends without a terminator");
  if (v->block_count != v->function->block_count) {
    return VERIFY_FAIL(v, "has %u blocks, expected %u", v->block_count, v->function->block_count);
  }
  for (uint32_t i = 0; i < v->size; ++i) {
    if ((v->targets[i / 8] & ~v->blocks[i / 8]) >> i % 8 & 1) {
      return VERIFY_FAIL(v, "branch to 0x%x, where no block starts", i);
    }
  }
  return EERIE_OK;
}

eerie_status_t ee_module_verify_function(const ee_module_t *module, uint32_t function,
                                         ee_heap_t *scratch, eerie_error_t *err) {
  if (function >= module->function_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "function %u does not exist (there are %u)", function,
                   module->function_count);
  }
  verifier_t v = {.module = module, .function = &module->functions[function], .err = err};
  v.code = v.function->bytecode;
  v.size = v.function->bytecode_size;
  const size_t bitmap_size = (size_t)v.size / 8 + 1;
  v.blocks = ee_heap_allocate_zeroed(scratch, 2 * bitmap_size);
  if (!v.blocks) return EE_NO_MEMORY(err, 2 * bitmap_size);
  v.targets = v.blocks + bitmap_size;
  const eerie_status_t status = check_instructions(&v);
  ee_heap_free(scratch, v.blocks, 2 * bitmap_size);
  if (status != EERIE_OK) {
    const uint32_t export = v.function->local_name;
    const ee_str_t name = export ? module->exports[export - 1].name : EE_STR("(internal)");
    EE_ANNOTATE(err, "function %u %.*s", function, EE_STR_ARG(name));
    (void)name;
  }
  return status;
}
