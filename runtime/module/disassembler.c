// disassembler.c: bytecode as text, an instruction a line, for people.
//
//   0x0012  add.i32 %i0, %i1 -> %i2
//   0x001a  call @hal.fence.create(%r1!, %i2) -> %r3
//   0x002c  cond_br %i0, ^0x40(%i2 = %i1, %r0 = %r4!), ^0x58
//
// %i and %r are value and reference registers; a 64-bit value is called by the first of its two;
// '!' says that the register gives its reference away. It prints by the operand strings of
// opcodes.h and believes nothing, so that modules loaded as trusted can be looked at too. A build
// may leave it out.
#include "module/module.h"
#include "module/opcodes.h"

enum { LINE_SIZE = 400, PREVIEW_SIZE = 40 };

// The instructions of one set: their numbers, and their texts in the same order, each mnemonic and
// each operand string ended by a NUL. One run of text, since a table of pointers is relocated at
// load and a table of arrays is mostly padding.
typedef struct instruction_set {
  const uint8_t *numbers;
  size_t count;
  const char *texts;
} instruction_set_t;

#define EE_OP(number, name, mnemonic, operands) number,
static const uint8_t core_numbers[] = {EE_OPCODES_CORE(EE_OP)};
static const uint8_t f32_numbers[] = {EE_OPCODES_F32(EE_OP)};
static const uint8_t f64_numbers[] = {EE_OPCODES_F64(EE_OP)};
#undef EE_OP
#define EE_OP(number, name, mnemonic, operands) mnemonic "\0" operands "\0"
static const char core_texts[] = EE_OPCODES_CORE(EE_OP);
static const char f32_texts[] = EE_OPCODES_F32(EE_OP);
static const char f64_texts[] = EE_OPCODES_F64(EE_OP);
#undef EE_OP

enum { PREFIX_F32 = 0xE0, PREFIX_F64 = 0xE1 };

typedef struct printer {
  const ee_module_t *module;
  const uint8_t *code;
  uint32_t size;
  uint32_t pc;
  bool damaged; // a field reached past the end; what is read from then on is zero
  bool hex;     // immediates are floats
  uint32_t case_count;
  size_t length;
  char line[LINE_SIZE];
} printer_t;

EE_PRINTF(2, 3) static void print(printer_t *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t room = sizeof p->line - p->length;
  const size_t length = ee_vformat(p->line + p->length, room, format, arguments);
  va_end(arguments);
  p->length += length < room ? length : room - 1;
  if (length >= room) memcpy(p->line + sizeof p->line - 4, "...", 4);
}

// ---- Fields ------------------------------------------------------------------------------------

static const uint8_t *take(printer_t *p, uint32_t size) {
  if (p->damaged || p->pc > p->size || size > p->size - p->pc) {
    p->damaged = true;
    return NULL;
  }
  p->pc += size;
  return p->code + p->pc - size;
}

static uint32_t take_u16(printer_t *p) {
  const uint8_t *bytes = take(p, 2);
  return bytes ? ee_load_u16(bytes) : 0;
}

static uint32_t take_u32(printer_t *p) {
  const uint8_t *bytes = take(p, 4);
  return bytes ? ee_load_u32(bytes) : 0;
}

// Count of the list that starts at the next even offset.
static uint32_t take_count(printer_t *p) {
  p->pc = (p->pc + 1) & ~1u;
  return take_u16(p);
}

// ---- Printing ----------------------------------------------------------------------------------

static void print_register(printer_t *p, unsigned reg) {
  if (reg & EE_REGISTER_REF_BIT) {
    print(p, "%%r%u%s", reg & EE_REGISTER_REF_MASK, reg & EE_REGISTER_MOVE_BIT ? "!" : "");
  } else {
    print(p, "%%i%u", reg);
  }
}

// The beginning of some bytes in quotes, with what is no printable ASCII as dots.
static void print_preview(printer_t *p, const uint8_t *bytes, size_t size) {
  print(p, "\"");
  for (size_t i = 0; i < size && i < PREVIEW_SIZE; ++i) {
    print(p, "%c", bytes[i] >= 0x20 && bytes[i] < 0x7F ? bytes[i] : '.');
  }
  print(p, size > PREVIEW_SIZE ? "\"..." : "\"");
}

static void print_register_list(printer_t *p) {
  const uint32_t count = take_count(p);
  for (uint32_t i = 0; i < count && !p->damaged; ++i) {
    if (i) print(p, ", ");
    print_register(p, take_u16(p));
  }
}

static void print_segments(printer_t *p) {
  const uint32_t count = take_count(p);
  for (uint32_t i = 0; i < count && !p->damaged; ++i)
    print(p, "%s%d", i ? ", " : "[", (int16_t)take_u16(p));
  print(p, "]");
}

static void print_branch_operands(printer_t *p) {
  const uint32_t count = take_count(p);
  for (uint32_t i = 0; i < count && !p->damaged; ++i) {
    const unsigned source = take_u16(p);
    print(p, i ? ", " : "(");
    print_register(p, take_u16(p));
    print(p, " = ");
    print_register(p, source);
  }
  if (count) print(p, ")");
}

static void print_callee(printer_t *p) {
  const ee_module_t *module = p->module;
  const uint32_t ordinal = take_u32(p);
  const uint32_t index = ordinal & ~EE_FUNCTION_IMPORT_BIT;
  if (ordinal & EE_FUNCTION_IMPORT_BIT) {
    if (index < module->import_count) {
      print(p, "@%.*s", EE_STR_ARG(module->imports[index].full_name));
    } else {
      print(p, "@import[%u]", index);
    }
    return;
  }
  const uint32_t export = index < module->function_count ? module->functions[index].local_name : 0;
  if (export)
    print(p, "@%.*s", EE_STR_ARG(module->exports[export - 1].name));
  else
    print(p, "@function[%u]", index);
}

static void print_rodata(printer_t *p) {
  const uint32_t index = take_u32(p);
  print(p, "rodata[%u]", index);
  if (index >= p->module->rodata_count) return;
  const ee_bytes_t bytes = p->module->rodata[index].bytes;
  print(p, " %zu bytes ", bytes.size);
  print_preview(p, bytes.data, bytes.size);
}

static void print_constant(printer_t *p, uint32_t size) {
  const uint8_t *bytes = take(p, size);
  if (!bytes) return;
  const uint64_t bits = size == 4 ? ee_load_u32(bytes) : ee_load_u64(bytes);
  if (p->hex)
    print(p, "0x%llx", (unsigned long long)bits);
  else
    print(p, "%lld", size == 4 ? (long long)(int32_t)bits : (long long)bits);
}

// Prints the operand at `*text` and moves past it.
static void print_operand(printer_t *p, const char **text) {
  const char letter = *(*text)++;
  switch (letter) {
  case 'c': print_constant(p, (uint32_t)(*(*text)++ - '0')); break;
  case 'g':
    ++*text;
    print(p, "global+%u", take_u32(p));
    break;
  case 'G': print(p, "global_ref[%u]", take_u32(p)); break;
  case 't': {
    const uint32_t type = take_u32(p);
    if (type < p->module->type_count)
      print(p, "<%.*s>", EE_STR_ARG(p->module->types[type]));
    else
      print(p, "<type[%u]>", type);
    break;
  }
  case 'd': print_rodata(p); break;
  case 'k': print_callee(p); break;
  case 's': {
    const uint32_t size = take_u16(p);
    const uint8_t *bytes = take(p, size);
    print_preview(p, bytes, bytes ? size : 0);
    break;
  }
  case 'n': p->case_count = take_u16(p); break;
  case 'b': print(p, "^0x%x", take_u32(p)); break;
  case 'p': print_branch_operands(p); break;
  case 'B':
    for (uint32_t i = 0; i < p->case_count && !p->damaged; ++i) {
      print(p, "%s%u: ^0x%x", i ? ", " : "", i, take_u32(p));
      print_branch_operands(p);
    }
    break;
  case 'z': print_segments(p); break;
  case 'v':
    ++*text;
    print(p, "(");
    print_register_list(p);
    print(p, ")");
    break;
  case '*': print_register_list(p); break;
  default: print_register(p, take_u16(p)); break;
  }
}

// The mnemonic of instruction number `op`, its operands behind the NUL; NULL when there is none.
static const char *find_instruction(const instruction_set_t *set, unsigned op) {
  const char *text = set->texts;
  for (size_t i = 0; i < set->count; ++i) {
    if (set->numbers[i] == op) return text;
    text += ee_str_length(text) + 1;
    text += ee_str_length(text) + 1;
  }
  return NULL;
}

static const char *read_opcode(printer_t *p) {
  static const instruction_set_t core = {core_numbers, sizeof core_numbers, core_texts};
  static const instruction_set_t f32 = {f32_numbers, sizeof f32_numbers, f32_texts};
  static const instruction_set_t f64 = {f64_numbers, sizeof f64_numbers, f64_texts};
  const uint8_t *bytes = take(p, 1);
  const unsigned opcode = bytes ? *bytes : 0;
  p->hex = opcode == PREFIX_F32 || opcode == PREFIX_F64;
  if (!p->hex) return find_instruction(&core, opcode);
  bytes = take(p, 1);
  if (!bytes) return NULL;
  return find_instruction(opcode == PREFIX_F32 ? &f32 : &f64, *bytes);
}

// Operands and lists that stand close to what is before them get no comma.
static const char *separator(char before, char letter) {
  if (before == 0) return " ";
  if (letter == 'p' || letter == 'n' || (before == 'k' && letter == 'v')) return "";
  if (before == 'k' || before == 'z') return " ";
  return ", ";
}

static void print_instruction(printer_t *p, const char *mnemonic) {
  print(p, "%s", mnemonic);
  char before = 0;
  for (const char *text = mnemonic + ee_str_length(mnemonic) + 1; *text;) {
    if (*text == '=') {
      ++text;
      // A call without results says nothing.
      if (*text == '*' && p->pc + 2 <= p->size && take_count(p) == 0) break;
      if (*text == '*') p->pc -= 2;
      print(p, " -> ");
    } else {
      print(p, "%s", separator(before, *text));
    }
    before = *text;
    print_operand(p, &text);
  }
}

eerie_status_t ee_module_disassemble(const ee_module_t *module, uint32_t function,
                                     void (*sink)(void *user, const char *line), void *user,
                                     eerie_error_t *err) {
  if (function >= module->function_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "function %u does not exist (there are %u)", function,
                   module->function_count);
  }
  const ee_module_function_t *f = &module->functions[function];
  printer_t p = {.module = module, .code = f->bytecode, .size = f->bytecode_size};
  // Zeros to the end are padding: no function ends with an instruction that is all zeros.
  uint32_t end = p.size;
  while (end > 0 && p.code[end - 1] == 0)
    --end;
  while (p.pc < end) {
    const uint32_t start = p.pc;
    p.length = 0;
    print(&p, "0x%04x  ", start);
    const char *mnemonic = read_opcode(&p);
    if (!mnemonic) {
      return EE_FAIL(err, EERIE_DATA_LOSS, "function %u: no instruction 0x%02x at 0x%x", function,
                     p.code[start], start);
    }
    print_instruction(&p, mnemonic);
    if (p.damaged) {
      return EE_FAIL(err, EERIE_DATA_LOSS,
                     "function %u: the instruction at 0x%x reaches past the end (%u bytes)",
                     function, start, p.size);
    }
    sink(user, p.line);
  }
  return EERIE_OK;
}
