// ptx_body.c: the statements of a kernel: registers, labels, guards; and the operands of
// instructions.
#include "ptx_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// ---- Slots
// -------------------------------------------------------------------------------------------

// Registers come first and constants behind them; how many registers there will be is not known
// before the end of the text, so a constant's slot has this bit until then.
#define CONSTANT_SLOT (UINT32_C(1) << 31)

uint32_t ptx_constant(ptx_parser_t *parser, ptx_special_t special, uint64_t value) {
  ptx_kernel_t *kernel = parser->kernel;
  for (uint32_t i = 0; i < kernel->constant_count; ++i) {
    if (kernel->constants[i].special == special && kernel->constants[i].value == value)
      return i | CONSTANT_SLOT;
  }
  if (!ptx_grow(&parser->text, &kernel->constants, kernel->constant_count,
                sizeof *kernel->constants))
    return 0;
  kernel->constants[kernel->constant_count] = (ptx_constant_t){(uint8_t)special, value};
  return kernel->constant_count++ | CONSTANT_SLOT;
}

static void settle(const ptx_kernel_t *kernel, uint32_t *slot) {
  if (*slot & CONSTANT_SLOT) *slot = (*slot & ~CONSTANT_SLOT) + kernel->register_count;
}

static void settle_slots(ptx_kernel_t *kernel) {
  for (uint32_t i = 0; i < kernel->code_count; ++i) {
    for (int k = 0; k < PTX_INS; ++k)
      settle(kernel, &kernel->code[i].in[k]);
  }
}

// ---- Registers
// ---------------------------------------------------------------------------------------

static bool add_registers(ptx_parser_t *parser, const char *name, uint64_t count, uint8_t bits) {
  ptx_kernel_t *kernel = parser->kernel;
  const uint64_t total = kernel->register_count + (count ? count : 1);
  if (total > 1 << 16) return ptx_fail(&parser->text, "more than 65536 registers");
  if (!ptx_grow(&parser->text, &parser->registers, parser->registers_count,
                sizeof *parser->registers))
    return false;
  ptx_registers_t *added = &parser->registers[parser->registers_count++];
  *added =
      (ptx_registers_t){.count = (uint32_t)count, .first = kernel->register_count, .bits = bits};
  memcpy(added->prefix, name, strlen(name) + 1);
  kernel->register_count = (uint32_t)total;
  return true;
}

// `.reg .b32 %r<5>, %x;`
static bool take_registers(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  char word[PTX_NAME];
  ptx_type_t type;
  if (!ptx_word(text, word) || word[0] != '.' || !ptx_type_of(word + 1, &type))
    return ptx_fail(text, "a register's type expected");
  do {
    uint64_t count = 0;
    if (!ptx_word(text, word)) return ptx_fail(text, "a register's name expected");
    if (ptx_accept(text, '<') && (!ptx_integer(text, &count) || !ptx_expect(text, '>')))
      return false;
    if (!add_registers(parser, word, count, (uint8_t)(type.bits * type.count))) return false;
  } while (ptx_accept(text, ','));
  return ptx_expect(text, ';');
}

static const ptx_registers_t *find_registers(const ptx_parser_t *parser, const char *name,
                                             uint32_t *out_slot) {
  const size_t length = strlen(name);
  size_t stem = length;
  while (stem > 0 && name[stem - 1] >= '0' && name[stem - 1] <= '9')
    --stem;
  for (uint32_t i = parser->registers_count; i-- > 0;) {
    const ptx_registers_t *found = &parser->registers[i];
    if (!found->count) {
      *out_slot = found->first;
      if (strcmp(found->prefix, name) == 0) return found;
      continue;
    }
    // A prefix may end in digits itself: any cut of them will do.
    const size_t prefix = strlen(found->prefix);
    if (prefix < stem || prefix >= length || memcmp(found->prefix, name, prefix) != 0) continue;
    const unsigned long index = strtoul(name + prefix, NULL, 10);
    if (index >= found->count) continue;
    *out_slot = found->first + (uint32_t)index;
    return found;
  }
  return NULL;
}

uint8_t ptx_register_bits(const ptx_parser_t *parser, uint32_t slot) {
  for (uint32_t i = parser->registers_count; i-- > 0;) {
    const ptx_registers_t *found = &parser->registers[i];
    if (slot >= found->first && slot < found->first + (found->count ? found->count : 1))
      return found->bits;
  }
  return 64; // the slot that nobody reads
}

// ---- Operands
// ----------------------------------------------------------------------------------------

static bool special_register(const char *name, ptx_special_t *out_special) {
  static const struct {
    const char *name;
    ptx_special_t first;
    bool vector;
  } specials[] = {
      {"%tid", SPECIAL_TID, true},
      {"%ntid", SPECIAL_NTID, true},
      {"%ctaid", SPECIAL_CTAID, true},
      {"%nctaid", SPECIAL_NCTAID, true},
      {"%laneid", SPECIAL_LANE, false},
      {"%warpid", SPECIAL_WARP, false},
      {"%nwarpid", SPECIAL_WARPS, false},
      {"%lanemask_eq", SPECIAL_LANES_EQ, false},
      {"%lanemask_lt", SPECIAL_LANES_LT, false},
      {"%lanemask_le", SPECIAL_LANES_LE, false},
      {"%lanemask_gt", SPECIAL_LANES_GT, false},
      {"%lanemask_ge", SPECIAL_LANES_GE, false},
      {"%dynamic_smem_size", SPECIAL_DYNAMIC_SIZE, false},
      {"%total_smem_size", SPECIAL_TOTAL_SIZE, false},
  };
  for (size_t i = 0; i < sizeof specials / sizeof specials[0]; ++i) {
    const size_t length = strlen(specials[i].name);
    if (strncmp(name, specials[i].name, length) != 0) continue;
    const char *rest = name + length;
    *out_special = specials[i].first;
    if (!specials[i].vector && !*rest) return true;
    if (specials[i].vector && rest[0] == '.' && rest[1] >= 'x' && rest[1] <= 'z' && !rest[2]) {
      *out_special += (ptx_special_t)(rest[1] - 'x');
      return true;
    }
  }
  return false;
}

// A variable in shared memory gets its place in the kernel that uses it.
static void place_shared(ptx_kernel_t *kernel, ptx_symbol_t *symbol) {
  if (symbol->placed) return;
  symbol->placed = true;
  if (symbol->dynamic) {
    if (symbol->align > kernel->dynamic_align) kernel->dynamic_align = symbol->align;
    return;
  }
  symbol->offset =
      (kernel->shared_size + (uint64_t)symbol->align - 1) / symbol->align * symbol->align;
  kernel->shared_size = (uint32_t)(symbol->offset + symbol->size);
}

static uint32_t symbol_slot(ptx_parser_t *parser, ptx_symbol_t *symbol) {
  if (symbol->space == SPACE_SHARED) place_shared(parser->kernel, symbol);
  return symbol->dynamic ? ptx_constant(parser, SPECIAL_DYNAMIC, 0)
                         : ptx_constant(parser, SPECIAL_VALUE, symbol->offset);
}

static bool check_bits(ptx_parser_t *parser, const char *name, uint32_t bits, ptx_type_t type,
                       bool may_be_wider) {
  const uint32_t wanted = (uint32_t)type.bits * type.count;
  // Registers of 8 bits there are none of: those of 16 and more stand for them.
  const bool good = may_be_wider && wanted != 1 ? bits >= wanted && bits != 1 : bits == wanted;
  return good ||
         ptx_fail(&parser->text,
                  "Arguments mismatch: register '%s' of %" PRIu32 " bits, operand of %" PRIu32,
                  name, bits, wanted);
}

static bool source(ptx_parser_t *parser, ptx_type_t type, bool may_be_wider, uint32_t *out_slot) {
  ptx_text_t *text = &parser->text;
  char name[PTX_NAME];
  uint64_t value = 0;
  ptx_special_t special;
  if (!ptx_word(text, name)) {
    if (!ptx_number(text, type, &value)) return false;
    const uint32_t bits = (uint32_t)type.bits * type.count;
    if (bits < 64) value &= (UINT64_C(1) << bits) - 1;
    *out_slot = ptx_constant(parser, SPECIAL_VALUE, value);
    return !text->failed;
  }
  const ptx_registers_t *found = find_registers(parser, name, out_slot);
  if (found) return check_bits(parser, name, found->bits, type, may_be_wider);
  if (special_register(name, &special)) {
    *out_slot = ptx_constant(parser, special, 0);
    return !text->failed && check_bits(parser, name, 32, type, may_be_wider);
  }
  ptx_symbol_t *symbol = ptx_symbol(parser, name);
  if (!symbol) return ptx_fail(text, "Unknown symbol '%s'", name);
  *out_slot = symbol_slot(parser, symbol);
  return !text->failed &&
         (type.bits == 64 || type.bits == 32 || ptx_fail(text, "an address of %u bits", type.bits));
}

bool ptx_source(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot) {
  return source(parser, type, false, out_slot);
}

bool ptx_wide_source(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot) {
  return source(parser, type, true, out_slot);
}

static bool target(ptx_parser_t *parser, ptx_type_t type, bool may_be_wider, uint32_t *out_slot) {
  char name[PTX_NAME];
  if (!ptx_word(&parser->text, name)) return ptx_fail(&parser->text, "a register expected");
  *out_slot = 0;
  if (strcmp(name, "_") == 0) return true;
  const ptx_registers_t *found = find_registers(parser, name, out_slot);
  if (!found) return ptx_fail(&parser->text, "Unknown symbol '%s'", name);
  return check_bits(parser, name, found->bits, type, may_be_wider);
}

bool ptx_target(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot) {
  return target(parser, type, false, out_slot);
}

bool ptx_wide_target(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot) {
  return target(parser, type, true, out_slot);
}

static bool symbol_fits(ptx_parser_t *parser, const ptx_symbol_t *symbol, ptx_space_t space) {
  const bool generic = space == SPACE_GENERIC && symbol->space == SPACE_GLOBAL;
  return generic || symbol->space == space ||
         ptx_fail(&parser->text, "State space mismatch between instruction and address of '%s'",
                  symbol->name);
}

bool ptx_address(ptx_parser_t *parser, ptx_space_t space, uint32_t *out_slot, int64_t *out_offset) {
  ptx_text_t *text = &parser->text;
  char name[PTX_NAME];
  uint64_t offset = 0;
  *out_offset = 0;
  if (!ptx_expect(text, '[')) return false;
  if (!ptx_word(text, name)) { // an address that is a number
    if (!ptx_integer(text, &offset)) return false;
    *out_slot = ptx_constant(parser, SPECIAL_VALUE, offset);
    return !text->failed && ptx_expect(text, ']');
  }
  const ptx_registers_t *found = find_registers(parser, name, out_slot);
  if (found) {
    // ISA, "Addresses as Operands": 32 bits are enough for a space of its own.
    if (found->bits != 64 && !(found->bits == 32 && space == SPACE_SHARED))
      return ptx_fail(text, "an address in register '%s' of %u bits", name, found->bits);
  } else {
    ptx_symbol_t *symbol = ptx_symbol(parser, name);
    if (!symbol) return ptx_fail(text, "Unknown symbol '%s'", name);
    if (!symbol_fits(parser, symbol, space)) return false;
    *out_slot = symbol_slot(parser, symbol);
  }
  if (ptx_accept(text, '+') || ptx_peek(text) == '-') {
    if (!ptx_integer(text, &offset)) return false;
    *out_offset = (int64_t)offset;
  }
  return !text->failed && ptx_expect(text, ']');
}

bool ptx_comma(ptx_parser_t *parser) {
  return ptx_expect(&parser->text, ',');
}

// ---- Statements
// --------------------------------------------------------------------------------------

static bool add_label(ptx_parser_t *parser, const char *name) {
  ptx_text_t *text = &parser->text;
  for (uint32_t i = 0; i < parser->label_count; ++i) {
    if (strcmp(parser->labels[i].name, name) == 0)
      return ptx_fail(text, "Duplicate definition of label '%s'", name);
  }
  if (!ptx_grow(text, &parser->labels, parser->label_count, sizeof *parser->labels)) return false;
  ptx_label_t *label = &parser->labels[parser->label_count++];
  label->at = parser->kernel->code_count;
  memcpy(label->name, name, strlen(name) + 1);
  return true;
}

// `bra LABEL`: to where is known at the kernel's end.
static bool parse_branch(ptx_parser_t *parser, const char *word, ptx_instruction_t *instruction) {
  char name[PTX_NAME];
  if (strcmp(word, "bra") != 0 && strcmp(word, "bra.uni") != 0)
    return ptx_fail(&parser->text, "Unknown modifier of '%s'", word);
  if (!ptx_word(&parser->text, name)) return ptx_fail(&parser->text, "a label expected");
  if (!ptx_grow(&parser->text, &parser->uses, parser->use_count, sizeof *parser->uses))
    return false;
  ptx_label_t *use = &parser->uses[parser->use_count++];
  use->at = parser->kernel->code_count;
  memcpy(use->name, name, strlen(name) + 1);
  instruction->flow = FLOW_BRANCH;
  return true;
}

static bool take_guard(ptx_parser_t *parser, ptx_instruction_t *instruction) {
  if (!ptx_accept(&parser->text, '@')) return true;
  instruction->guarded = true;
  instruction->guard_negated = ptx_accept(&parser->text, '!');
  return ptx_target(parser, PTX_PREDICATE, &instruction->guard);
}

static bool take_instruction(ptx_parser_t *parser, const char *first) {
  ptx_text_t *text = &parser->text;
  ptx_kernel_t *kernel = parser->kernel;
  ptx_instruction_t instruction = {.line = text->line};
  char word[PTX_NAME];
  if (first) {
    memcpy(word, first, strlen(first) + 1);
  } else if (!take_guard(parser, &instruction)) {
    return false;
  } else if (!ptx_word(text, word)) {
    return ptx_fail(text, "an instruction expected");
  }
  const bool is_branch = strncmp(word, "bra", 3) == 0 && (word[3] == '\0' || word[3] == '.');
  if (is_branch ? !parse_branch(parser, word, &instruction)
                : !ptx_parse_instruction(parser, word, &instruction))
    return false;
  if (!ptx_grow(text, &kernel->code, kernel->code_count, sizeof *kernel->code)) return false;
  kernel->code[kernel->code_count++] = instruction;
  return ptx_expect(text, ';');
}

static bool skip_line(ptx_text_t *text) {
  while (text->at < text->end && *text->at != '\n')
    ++text->at;
  return true;
}

static bool take_body_directive(ptx_parser_t *parser, const char *word) {
  if (strcmp(word, ".reg") == 0) return take_registers(parser);
  if (strcmp(word, ".shared") == 0) return ptx_variable(parser, SPACE_SHARED, false);
  if (strcmp(word, ".local") == 0) return ptx_variable(parser, SPACE_LOCAL, false);
  // Hints, and where the code is from.
  if (strcmp(word, ".pragma") == 0 || strcmp(word, ".loc") == 0) return skip_line(&parser->text);
  return ptx_fail(&parser->text, "Unknown directive '%s'", word);
}

static bool statement(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  char word[PTX_NAME];
  if (ptx_peek(text) == '@') return take_instruction(parser, NULL);
  if (!ptx_word(text, word))
    return ptx_fail(text, "Parsing error near '%c': syntax error", ptx_peek(text));
  if (word[0] == '.') return take_body_directive(parser, word);
  if (ptx_accept(text, ':')) return add_label(parser, word);
  return take_instruction(parser, word);
}

// Blocks within it have names of their own.
enum { MOST_BLOCKS = 16 };

bool ptx_body(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  uint32_t registers[MOST_BLOCKS], symbols[MOST_BLOCKS];
  uint32_t depth = 0;
  for (;;) {
    if (!ptx_peek(text)) return ptx_fail(text, "the end of the text in a kernel");
    if (ptx_accept(text, '{')) {
      if (depth == MOST_BLOCKS)
        return ptx_fail(text, "more than %d blocks in each other", MOST_BLOCKS);
      registers[depth] = parser->registers_count;
      symbols[depth++] = parser->symbol_count;
    } else if (ptx_accept(text, '}')) {
      if (!depth) break;
      parser->registers_count = registers[--depth];
      parser->symbol_count = symbols[depth];
    } else if (!statement(parser)) {
      return false;
    }
  }
  settle_slots(parser->kernel);
  return true;
}
