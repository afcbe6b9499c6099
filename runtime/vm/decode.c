// decode.c: makes the decoded form of loops, and keeps it.
//
// Functions are decoded from where a loop begins, once the interpreter went back to such a place
// often enough, and as far as branches lead without an instruction that the form lacks. What was
// made belongs to the program, which one caller at a time uses. Without memory for it, or with a
// function beyond the limits below, the interpreter goes on as before.
#include "vm/decoded.h"

#define TURNS_BEFORE 32u
#define BYTECODE_MAX 0x10000u // bytes of a function
// Instructions looked at for what reads a register, and for what writes it.
#define DEAD_BUDGET 64u
#define COPY_BUDGET 16u
#define CODES_MAX   8u // of a function: loops that do not reach each other
// In an offset of a decoder, and in an entry.
#define BEGINS_BLOCK   0x80000000u
#define LEAVES_AT_ONCE 0x80000000u

// A place where the interpreter may come in: a block of the function.
typedef struct entry {
  uint32_t offset; // of the first instruction in the bytecode
  uint32_t op;     // with LEAVES_AT_ONCE where that is all it does
} entry_t;

typedef struct code {
  struct code *next;
  size_t size; // of this block, which holds all below
  ee_vm_decoded_t *ops;
  uint32_t *offsets; // of each: where the interpreter goes on when left there
  entry_t *entries;  // by offset
  uint32_t entry_count;
} code_t;

struct ee_vm_loops {
  uint32_t turns;
  uint32_t code_count;
  code_t *codes;
};

// ---- Making ------------------------------------------------------------------------------------

// A way on that is to be decoded: a target and its list of moves at `at` (NULL: the first block),
// taken by `op`.
typedef struct edge {
  const uint8_t *at;
  uint32_t op;
  bool other;
} edge_t;

typedef struct decoder {
  const uint8_t *code; // of the function
  ee_vm_decoded_t *ops;
  uint32_t *offsets;
  entry_t *entries;
  edge_t *edges; // to be followed
  uint32_t op_count;
  uint32_t entry_count;
  uint32_t edge_count;
  uint32_t op_max;
  uint32_t entry_max;
  uint32_t edge_max;
  bool begins_block; // the next instruction does
  bool full;
} decoder_t;

// What an instruction reads and writes.
enum { SHAPE_LOAD = 1, SHAPE_STORE = 2 };
typedef struct shape {
  uint8_t count; // of registers; 0: not known
  uint8_t wide;  // bit i: register i has 64 bits
  uint8_t operands;
} shape_t;

// clang-format off
#define CORE_KIND(NAME, expr)                    [EE_VM_OP_##NAME] = EE_DECODED_##NAME + 1,
#define PLAIN_KIND(NAME, operands, count, wide)  CORE_KIND(NAME, )
// Kinds by opcode, plus one.
static const uint8_t kinds[256] = {
  EE_DECODED_LISTED(CORE_KIND)
  EE_DECODED_PLAIN(PLAIN_KIND)
};

#define VALUES 0
#define LOAD   SHAPE_LOAD
#define STORE  SHAPE_STORE
#define UNARY_I32(NAME, expr)   [EE_DECODED_##NAME] = {2, 0x0, 0},
#define BINARY_I32(NAME, expr)  [EE_DECODED_##NAME] = {3, 0x0, 0},
#define UNARY_I64(NAME, expr)   [EE_DECODED_##NAME] = {2, 0x3, 0},
#define BINARY_I64(NAME, expr)  [EE_DECODED_##NAME] = {3, 0x7, 0},
#define SHIFT_I64(NAME, expr)   [EE_DECODED_##NAME] = {3, 0x5, 0},
#define COMPARE_I64(NAME, expr) [EE_DECODED_##NAME] = {3, 0x3, 0},
#define OTHER(NAME, operands, count, wide) [EE_DECODED_##NAME] = {count, wide, operands},
static const shape_t shapes[EE_DECODED_KINDS] = {
  UNARY_I32_INSTRUCTIONS(UNARY_I32)
  ARITHMETIC_I32_INSTRUCTIONS(BINARY_I32)
  COMPARE_I32_INSTRUCTIONS(BINARY_I32)
  UNARY_I64_INSTRUCTIONS(UNARY_I64)
  BINARY_I64_INSTRUCTIONS(BINARY_I64)
  SHIFT_I64_INSTRUCTIONS(SHIFT_I64)
  COMPARE_I64_INSTRUCTIONS(COMPARE_I64)
  EE_DECODED_PLAIN(OTHER)
  [EE_DECODED_MOVE32] = {2, 0x0, 0},
  [EE_DECODED_MOVE64] = {2, 0x3, 0},
  [EE_DECODED_COUNT_A64_GO] = {2, 0x3, 0},
  [EE_DECODED_ADD_F32] = {3, 0x0, 0},
  [EE_DECODED_SUB_F32] = {3, 0x0, 0},
  [EE_DECODED_MUL_F32] = {3, 0x0, 0},
  [EE_DECODED_DIV_F32] = {3, 0x0, 0},
};
#undef VALUES
#undef LOAD
#undef STORE

#define OPERANDS(number, NAME, mnemonic, operands) [number] = operands,
// What is not another number of an integer instruction names nothing but registers.
static const char f32_operands[EE_VM_F32_OPCODE_END][8] = {EE_OPCODES_F32(OPERANDS)};
static const char f64_operands[EE_VM_F64_OPCODE_END][8] = {EE_OPCODES_F64(OPERANDS)};
// clang-format on

static ee_vm_decoded_t *emit(decoder_t *d, ee_decoded_kind_t kind, uint32_t offset) {
  // One too many is written over the last: the code is thrown away.
  if (d->op_count == d->op_max) d->full = true, --d->op_count;
  d->offsets[d->op_count] = d->begins_block ? offset | BEGINS_BLOCK : offset;
  d->begins_block = false;
  ee_vm_decoded_t *op = &d->ops[d->op_count++];
  *op = (ee_vm_decoded_t){.kind = kind};
  return op;
}

// Index of the first entry whose offset is not below.
static uint32_t find_entry(const entry_t *entries, uint32_t count, uint32_t offset) {
  uint32_t low = 0;
  while (low != count) {
    const uint32_t middle = low + (count - low) / 2;
    if (entries[middle].offset < offset) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return low;
}

static bool is_known(const decoder_t *d, uint32_t offset) {
  const uint32_t at = find_entry(d->entries, d->entry_count, offset);
  return at != d->entry_count && d->entries[at].offset == offset;
}

static void add_entry(decoder_t *d, uint32_t offset) {
  if (d->entry_count == d->entry_max) {
    d->full = true;
    return;
  }
  const uint32_t at = find_entry(d->entries, d->entry_count, offset);
  memmove(d->entries + at + 1, d->entries + at, (d->entry_count - at) * sizeof(entry_t));
  d->entries[at] = (entry_t){offset, d->op_count};
  ++d->entry_count;
  d->begins_block = true;
}

static void add_edge(decoder_t *d, edge_t edge) {
  if (d->edge_count == d->edge_max) {
    d->full = true;
    return;
  }
  d->edges[d->edge_count++] = edge;
}

static const uint8_t *aligned(const decoder_t *d, const uint8_t *pc) {
  return pc + ((uintptr_t)(pc - d->code) & 1u);
}

// Where the block that a branch at `at` leads to has its first instruction.
static uint32_t target_of(const uint8_t *at) {
  return ee_load_u32(at) + 1;
}

// Whether the two pairs there copy the halves of a 64-bit register, as in remap_registers.
static bool is_wide(const uint8_t *pairs, uint32_t count) {
  const uint32_t pair = ee_load_u32(pairs);
  return count >= 2 && !(pair & (EE_REGISTER_REF_BIT | EE_REGISTER_REF_BIT << 16 | 0x00010001u)) &&
         ee_load_u32(pairs + 4) == pair + 0x00010001u;
}

static void emit_moves(decoder_t *d, const uint8_t *list, uint32_t offset) {
  const uint32_t count = ee_load_u16(list);
  const uint8_t *pairs = list + 2;
  for (uint32_t i = 0; i < count; ++i) {
    if (ee_load_u16(pairs + 4 * i) & EE_REGISTER_REF_BIT) {
      emit(d, EE_DECODED_MOVES, offset)->pc = list;
      return;
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    const bool wide = is_wide(pairs + 4 * i, count - i);
    ee_vm_decoded_t *op = emit(d, wide ? EE_DECODED_MOVE64 : EE_DECODED_MOVE32, offset);
    op->a = ee_load_u16(pairs + 4 * i);
    op->b = ee_load_u16(pairs + 4 * i + 2);
    i += wide;
  }
}

static void emit_go(decoder_t *d, ee_decoded_kind_t kind, uint32_t target, uint32_t offset) {
  emit(d, kind, offset)->to.taken = (int32_t)target;
}

// A branch to what is decoded already: one instruction where it copies at most two wide registers.
static void emit_branch(decoder_t *d, const uint8_t *at, uint32_t offset) {
  const uint8_t *list = aligned(d, at + 4);
  const uint8_t *pairs = list + 2;
  const uint32_t count = ee_load_u16(list), target = target_of(at);
  if (count == 0) {
    emit_go(d, EE_DECODED_COUNT_GO, target, offset);
  } else if (count == 2 && is_wide(pairs, 2)) {
    emit_go(d, EE_DECODED_COUNT_A64_GO, target, offset);
  } else if (count == 4 && is_wide(pairs, 4) && is_wide(pairs + 8, 2)) {
    emit_go(d, EE_DECODED_COUNT_A64_B64_GO, target, offset);
  } else {
    emit(d, EE_DECODED_COUNT, offset);
    emit_moves(d, list, offset);
    emit_go(d, EE_DECODED_GO, target, offset);
    return;
  }
  ee_vm_decoded_t *op = &d->ops[d->op_count - 1];
  if (count >= 2) op->a = ee_load_u16(pairs), op->b = ee_load_u16(pairs + 2);
  if (count == 4) op->c = ee_load_u16(pairs + 8), op->d = ee_load_u16(pairs + 10);
}

// The branch at `pc`, behind its number, as the end of the instruction `op`.
static void end_with_condition(decoder_t *d, uint32_t op, const uint8_t *pc) {
  const uint8_t *taken = pc + 2;
  const uint8_t *list = aligned(d, taken + 4);
  const uint8_t *other = list + 2 + 4u * ee_load_u16(list);
  d->ops[op].to.taken = (int32_t)target_of(taken);
  d->ops[op].to.other = (int32_t)target_of(other);
  add_edge(d, (edge_t){other, op, true});
  add_edge(d, (edge_t){taken, op, false});
}

static uint32_t register_bytes(const char operands[8]) {
  uint32_t bytes = 0;
  for (; *operands; ++operands)
    bytes += *operands == '=' ? 0 : 2;
  return bytes;
}

// A float instruction, `pc` at its number; returns what follows, NULL when it was not decoded.
static const uint8_t *decode_float(decoder_t *d, bool wide, const uint8_t *pc, uint32_t offset) {
  const uint32_t number = *pc;
  ee_decoded_kind_t kind = wide ? EE_DECODED_FLOAT64 : EE_DECODED_FLOAT32;
  if (number >= (wide ? (uint32_t)EE_VM_F64_OPCODE_END : (uint32_t)EE_VM_F32_OPCODE_END))
    return NULL;
  switch (wide ? UINT32_MAX : number) {
  case EE_VM_F32_ADD_F32: kind = EE_DECODED_ADD_F32; break;
  case EE_VM_F32_SUB_F32: kind = EE_DECODED_SUB_F32; break;
  case EE_VM_F32_MUL_F32: kind = EE_DECODED_MUL_F32; break;
  case EE_VM_F32_DIV_F32: kind = EE_DECODED_DIV_F32; break;
  default: break;
  }
  ee_vm_decoded_t *op = emit(d, kind, offset);
  if (kind == EE_DECODED_FLOAT32 || kind == EE_DECODED_FLOAT64) {
    op->pc = pc;
  } else {
    op->a = ee_load_u16(pc + 1), op->b = ee_load_u16(pc + 3), op->c = ee_load_u16(pc + 5);
  }
  return pc + 1 + register_bytes(wide ? f64_operands[number] : f32_operands[number]);
}

// The instruction `opcode`, its operands at `pc`; returns what follows, NULL when nothing of it is
// decoded any more: it ends the block, or is no instruction of the form.
static const uint8_t *decode_one(decoder_t *d, uint32_t opcode, const uint8_t *pc,
                                 uint32_t offset) {
  const uint32_t has_number = EE_VM_OP_CONST_I32 == opcode   ? 4
                              : opcode == EE_VM_OP_CONST_I64 ? 8
                                                             : 0;
  switch (opcode) {
  case EE_VM_OP_BLOCK: return pc;
  case EE_VM_OP_CONST_I32_ZERO:
  case EE_VM_OP_CONST_I32:
  case EE_VM_OP_CONST_I64_ZERO:
  case EE_VM_OP_CONST_I64: {
    const bool wide = opcode == EE_VM_OP_CONST_I64_ZERO || opcode == EE_VM_OP_CONST_I64;
    ee_vm_decoded_t *op = emit(d, wide ? EE_DECODED_SET64 : EE_DECODED_SET32, offset);
    if (has_number) op->value = wide ? ee_load_u64(pc) : ee_load_u32(pc);
    op->a = ee_load_u16(pc + has_number);
    return pc + has_number + 2;
  }
  case EE_VM_OP_COND_BR: {
    const uint32_t index = d->op_count;
    emit(d, EE_DECODED_BRANCH, offset)->a = ee_load_u16(pc);
    if (!d->full) end_with_condition(d, index, pc);
    return NULL;
  }
  default: break;
  }
  if (kinds[opcode] == 0) {
    emit(d, EE_DECODED_EXIT, offset);
    return NULL;
  }
  const ee_decoded_kind_t kind = (ee_decoded_kind_t)(kinds[opcode] - 1);
  const uint32_t count = shapes[kind].count;
  ee_vm_decoded_t *op = emit(d, kind, offset);
  op->a = ee_load_u16(pc), op->b = ee_load_u16(pc + 2);
  if (count > 2) op->c = ee_load_u16(pc + 4);
  if (count > 3) op->d = ee_load_u16(pc + 6);
  return pc + 2u * count;
}

// Decodes the block whose first instruction is at `offset`, and what follows it without a choice.
static void decode_from(decoder_t *d, uint32_t offset) {
  add_entry(d, offset);
  const uint8_t *pc = d->code + offset;
  while (pc && !d->full) {
    offset = (uint32_t)(pc - d->code);
    uint32_t opcode = *pc++;
    if (opcode == EE_VM_OP_PREFIX_F32 || opcode == EE_VM_OP_PREFIX_F64) {
      const bool wide = opcode == EE_VM_OP_PREFIX_F64;
      uint32_t alias = 0;
      if (wide && *pc < EE_VM_F64_OPCODE_END) alias = ee_vm_f64_aliases[*pc];
      if (!wide && *pc < EE_VM_F32_OPCODE_END) alias = ee_vm_f32_aliases[*pc];
      if (alias == 0) {
        pc = decode_float(d, wide, pc, offset);
        if (!pc) emit(d, EE_DECODED_EXIT, offset);
        continue;
      }
      opcode = alias - 1, ++pc;
    }
    if (opcode != EE_VM_OP_BR) {
      pc = decode_one(d, opcode, pc, offset);
      continue;
    }
    const uint32_t target = target_of(pc);
    if (is_known(d, target)) {
      emit_branch(d, pc, offset);
      return;
    }
    emit(d, EE_DECODED_COUNT, offset);
    emit_moves(d, aligned(d, pc + 4), offset);
    add_entry(d, target);
    pc = d->code + target;
  }
}

// Decodes what edges lead to, through the moves on them, until all is known.
static void follow_edges(decoder_t *d) {
  while (d->edge_count != 0 && !d->full) {
    const edge_t edge = d->edges[--d->edge_count];
    const uint8_t *list = aligned(d, edge.at + 4);
    const uint32_t target = target_of(edge.at);
    const bool known = is_known(d, target);
    if (ee_load_u16(list) != 0) {
      // Targets are offsets in the bytecode until all is there; negative: indices of instructions.
      const int32_t stub = -(int32_t)d->op_count - 1;
      if (edge.other) {
        d->ops[edge.op].to.other = stub;
      } else {
        d->ops[edge.op].to.taken = stub;
      }
      emit_moves(d, list, target);
      if (known) emit_go(d, EE_DECODED_GO, target, target);
    }
    if (!known) decode_from(d, target);
  }
}

// ---- Making it better --------------------------------------------------------------------------

// The instruction that a target not settled yet means.
static uint32_t op_at(const decoder_t *d, int32_t target) {
  if (target < 0) return (uint32_t)(-target - 1);
  return d->entries[find_entry(d->entries, d->entry_count, (uint32_t)target)].op;
}

typedef enum use { USE_NONE, USE_WRITTEN, USE_READ } use_t;

// What `op` does with the 32-bit register `reg`.
static use_t use_of(const ee_vm_decoded_t *op, uint32_t reg) {
  switch (op->kind) {
  case EE_DECODED_COUNT:
  case EE_DECODED_GO:
  case EE_DECODED_COUNT_GO: return USE_NONE;
  case EE_DECODED_SET32: return op->a == reg ? USE_WRITTEN : USE_NONE;
  case EE_DECODED_SET64: return op->a == (reg & ~1u) ? USE_WRITTEN : USE_NONE;
  case EE_DECODED_BRANCH: return op->a == reg ? USE_READ : USE_NONE;
  default: break;
  }
  const shape_t shape = shapes[op->kind];
  if (shape.count == 0) return USE_READ;
  const uint16_t registers[] = {op->a, op->b, op->c, op->d};
  use_t use = USE_NONE;
  for (uint32_t i = shape.operands != 0; i < shape.count; ++i) {
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): no shape has more
    if (registers[i] != (shape.wide >> i & 1u ? reg & ~1u : reg)) continue;
    if (i + 1 < shape.count || shape.operands == SHAPE_STORE) return USE_READ;
    use = USE_WRITTEN;
  }
  return use;
}

// Whether the interpreter may read `reg` when it goes on at `offset`: a return reads what it gives
// back and nothing is left then; of others that is not known.
static bool is_read_outside(const decoder_t *d, uint32_t offset, uint32_t reg) {
  const uint8_t *pc = d->code + offset;
  while (*pc == EE_VM_OP_DISCARD_REFS) { // reads none, and often stands before a return
    const uint8_t *list = aligned(d, pc + 1);
    pc = list + 2 + 2u * ee_load_u16(list);
  }
  if (*pc != EE_VM_OP_RETURN) return true;
  const uint8_t *list = aligned(d, pc + 1);
  for (uint32_t count = ee_load_u16(list); count != 0; --count) {
    const uint32_t given = ee_load_u16(list += 2);
    // 64-bit values are at even numbers; letters would tell which ones are.
    if (!(given & EE_REGISTER_REF_BIT) && given >> 1 == reg >> 1) return true;
  }
  return false;
}

// Whether on every way from `index` on the register is written before it is read. What fails on the
// way ends the call, which makes registers worth nothing. Looks at `*budget` instructions at most.
static bool is_dead(const decoder_t *d, uint32_t reg, uint32_t index, uint32_t *budget) {
  for (; *budget != 0; --*budget) {
    const ee_vm_decoded_t *op = &d->ops[index];
    if (op->kind == EE_DECODED_EXIT)
      return !is_read_outside(d, d->offsets[index] & ~BEGINS_BLOCK, reg);
    const use_t use = use_of(op, reg);
    if (use != USE_NONE) return use == USE_WRITTEN;
    switch (op->kind) {
    case EE_DECODED_BRANCH:
      --*budget;
      if (!is_dead(d, reg, op_at(d, op->to.other), budget)) return false;
      index = op_at(d, op->to.taken);
      break;
    case EE_DECODED_GO:
    case EE_DECODED_COUNT_GO:
    case EE_DECODED_COUNT_A64_GO: index = op_at(d, op->to.taken); break;
    default: ++index;
    }
  }
  return false;
}

static ee_decoded_kind_t kind_with_branch(ee_decoded_kind_t kind) {
#define CASE(NAME, expr)                                                                           \
  case EE_DECODED_##NAME: return EE_DECODED_##NAME##_BRANCH;
  switch (kind) {
    EE_DECODED_COMPARE(CASE)
  default: return EE_DECODED_KINDS;
  }
#undef CASE
}

// Makes one of a comparison and the branch behind it where that is all that its result is for.
// Storing it costs more than time: where the register then serves as half of a 64-bit one, the
// processor may take a later load for one of the half.
static void fuse(decoder_t *d) {
  for (uint32_t i = 0; i + 1 < d->op_count; ++i) {
    ee_vm_decoded_t *op = &d->ops[i];
    const ee_decoded_kind_t fused = kind_with_branch(op->kind);
    const ee_vm_decoded_t *branch = op + 1;
    if (fused == EE_DECODED_KINDS || branch->kind != EE_DECODED_BRANCH || branch->a != op->c)
      continue;
    uint32_t budget = DEAD_BUDGET;
    if (!is_dead(d, op->c, op_at(d, branch->to.taken), &budget) ||
        !is_dead(d, op->c, op_at(d, branch->to.other), &budget))
      continue;
    op->kind = fused;
    op->to = branch->to;
    d->offsets[i] = d->offsets[i + 1];
  }
}

// ---- Copies

static bool overlap(uint32_t a, uint32_t b, bool wide) {
  return wide ? a >> 1 == b >> 1 : a == b;
}

static bool touches(const ee_vm_decoded_t *op, uint32_t reg, bool wide) {
  return use_of(op, reg) != USE_NONE || (wide && use_of(op, reg + 1) != USE_NONE);
}

// Where `op` names the one register that it writes, if that is `reg`, of that width.
static uint16_t *writes_only(ee_vm_decoded_t *op, uint32_t reg, bool wide) {
  const shape_t shape = shapes[op->kind];
  uint16_t *const registers[] = {&op->a, &op->b, &op->c, &op->d};
  if (op->kind == (wide ? EE_DECODED_SET64 : EE_DECODED_SET32)) return op->a == reg ? &op->a : NULL;
  if (shape.count == 0 || shape.operands == SHAPE_STORE || op->kind == EE_DECODED_COUNT_A64_GO)
    return NULL;
  uint16_t *last = registers[shape.count - 1];
  return *last == reg && (shape.wide >> (shape.count - 1) & 1u) == wide ? last : NULL;
}

// Whether what computes `source` can write `target` instead: it stands shortly before `index` in
// the same block, and nothing between asks for either.
static bool redirect(decoder_t *d, uint32_t index, uint32_t source, uint32_t target, bool wide) {
  for (uint32_t i = index, left = COPY_BUDGET; left != 0 && i != 0; --left) {
    if (d->offsets[i] & BEGINS_BLOCK) return false;
    ee_vm_decoded_t *op = &d->ops[--i];
    if (op->kind == EE_DECODED_COUNT) continue;
    uint16_t *written = writes_only(op, source, wide);
    if (written) {
      *written = (uint16_t)target;
      return true;
    }
    const shape_t shape = shapes[op->kind];
    const bool known =
        shape.count != 0 || op->kind == EE_DECODED_SET32 || op->kind == EE_DECODED_SET64;
    if (!known || op->kind == EE_DECODED_COUNT_A64_GO || touches(op, source, wide) ||
        touches(op, target, wide))
      return false;
  }
  return false;
}

static bool is_dead_at(const decoder_t *d, uint32_t reg, uint32_t index, bool wide) {
  uint32_t budget = DEAD_BUDGET;
  if (!is_dead(d, reg, index, &budget)) return false;
  budget = DEAD_BUDGET;
  return !wide || is_dead(d, reg + 1, index, &budget);
}

// The copies that a branch back makes, which mostly are of what was just computed.
static void drop_copies(decoder_t *d) {
  for (uint32_t i = 0; i < d->op_count; ++i) {
    ee_vm_decoded_t *op = &d->ops[i];
    if (op->kind != EE_DECODED_COUNT_A64_GO && op->kind != EE_DECODED_COUNT_A64_B64_GO) continue;
    const uint32_t target = op_at(d, op->to.taken);
    // The second reads what the first has written, or writes what it reads: left alone.
    const bool two = op->kind == EE_DECODED_COUNT_A64_B64_GO;
    if (two && (overlap(op->b, op->c, true) || overlap(op->a, op->d, true))) continue;
    const bool free_a = is_dead_at(d, op->a, target, true) && !(two && overlap(op->a, op->c, true));
    if (two && is_dead_at(d, op->c, target, true) && !overlap(op->a, op->c, true) &&
        !overlap(op->b, op->d, true) && redirect(d, i, op->c, op->d, true)) {
      op->kind = EE_DECODED_COUNT_A64_GO;
    }
    if (!free_a || overlap(op->a, op->b, true) || !redirect(d, i, op->a, op->b, true)) continue;
    if (op->kind == EE_DECODED_COUNT_A64_GO) {
      op->kind = EE_DECODED_COUNT_GO;
    } else {
      op->kind = EE_DECODED_COUNT_A64_GO;
      op->a = op->c, op->b = op->d;
    }
  }
}

static int32_t distance(const decoder_t *d, uint32_t from, int32_t target) {
  return ((int32_t)op_at(d, target) - (int32_t)from) * (int32_t)sizeof(ee_vm_decoded_t);
}

static void settle_op(const decoder_t *d, uint32_t index, const void *const *handlers) {
#define BOTH(NAME, expr) case EE_DECODED_##NAME##_BRANCH:
  ee_vm_decoded_t *op = &d->ops[index];
  switch (op->kind) {
    EE_DECODED_COMPARE(BOTH)
  case EE_DECODED_BRANCH:
    op->to.other = distance(d, index, op->to.other);
    op->to.taken = distance(d, index, op->to.taken);
    break;
  case EE_DECODED_GO:
  case EE_DECODED_COUNT_GO:
  case EE_DECODED_COUNT_A64_GO:
  case EE_DECODED_COUNT_A64_B64_GO: op->to.taken = distance(d, index, op->to.taken); break;
  default: break;
  }
  op->handler = handlers[op->kind];
  d->offsets[index] &= ~BEGINS_BLOCK;
#undef BOTH
}

// Targets become distances, kinds handlers, and entries that leave at once say so.
static void settle(decoder_t *d) {
  const void *handlers[EE_DECODED_KINDS];
  ee_vm_decoded_handlers(handlers);
  for (uint32_t i = 0; i < d->op_count; ++i)
    settle_op(d, i, handlers);
  for (uint32_t i = 0; i < d->entry_count; ++i) {
    const ee_vm_decoded_t *op = &d->ops[d->entries[i].op];
    if (op->handler == handlers[EE_DECODED_EXIT]) d->entries[i].op |= LEAVES_AT_ONCE;
  }
}

// Puts what was made into a block of its size.
static code_t *keep(ee_heap_t *heap, const decoder_t *d) {
  const size_t ops = sizeof(code_t);
  const size_t offsets = ops + d->op_count * sizeof(ee_vm_decoded_t);
  const size_t entries = offsets + d->op_count * sizeof(uint32_t);
  const size_t size = entries + d->entry_count * sizeof(entry_t);
  code_t *code = ee_heap_allocate(heap, size);
  if (!code) return NULL;
  uint8_t *block = (uint8_t *)code;
  *code = (code_t){
      .size = size,
      .ops = (ee_vm_decoded_t *)(void *)(block + ops),
      .offsets = (uint32_t *)(void *)(block + offsets),
      .entries = (entry_t *)(void *)(block + entries),
      .entry_count = d->entry_count,
  };
  memcpy(code->ops, d->ops, d->op_count * sizeof *d->ops);
  memcpy(code->offsets, d->offsets, d->op_count * sizeof *d->offsets);
  memcpy(code->entries, d->entries, d->entry_count * sizeof *d->entries);
  return code;
}

// Decodes from `offset` on. NULL: no memory, or more than the bounds allow.
static code_t *decode(ee_heap_t *heap, const ee_module_function_t *function, uint32_t offset) {
  // No instruction has less than two bytes for each one that it becomes, but for the marker of a
  // block, which becomes none; and a block has at least its marker and three bytes.
  const uint32_t size = function->bytecode_size;
  if (size > BYTECODE_MAX) return NULL;
  decoder_t d = {
      .code = function->bytecode,
      .op_max = size / 2 + 2,
      .entry_max = size / 4 + 2,
      .edge_max = size / 4 + 2,
  };
  const size_t offsets = d.op_max * sizeof(ee_vm_decoded_t);
  const size_t entries = offsets + (d.op_max + 1u) / 2 * 2 * sizeof(uint32_t);
  const size_t edges = entries + d.entry_max * sizeof(entry_t);
  const size_t scratch_size = edges + d.edge_max * sizeof(edge_t);
  uint8_t *scratch = ee_heap_allocate(heap, scratch_size);
  if (!scratch) return NULL;
  d.ops = (ee_vm_decoded_t *)(void *)scratch;
  d.offsets = (uint32_t *)(void *)(scratch + offsets);
  d.entries = (entry_t *)(void *)(scratch + entries);
  d.edges = (edge_t *)(void *)(scratch + edges);
  decode_from(&d, offset);
  follow_edges(&d);
  code_t *code = NULL;
  if (!d.full) {
    fuse(&d);
    drop_copies(&d);
    settle(&d);
    code = keep(heap, &d);
  }
  ee_heap_free(heap, scratch, scratch_size);
  return code;
}

// ---- Finding -----------------------------------------------------------------------------------

static const entry_t *entry_of(const code_t *code, uint32_t offset) {
  const uint32_t at = find_entry(code->entries, code->entry_count, offset);
  return at != code->entry_count && code->entries[at].offset == offset ? &code->entries[at] : NULL;
}

// The code that has the block at `offset`, made now if need be; NULL: there will be none.
static const code_t *find_code(ee_heap_t *heap, struct ee_vm_loops *loops,
                               const ee_module_function_t *function, uint32_t offset) {
  for (const code_t *code = loops->codes; code; code = code->next) {
    if (entry_of(code, offset)) return code;
  }
  if (loops->code_count == CODES_MAX) return NULL;
  code_t *code = decode(heap, function, offset);
  if (!code) {
    loops->code_count = CODES_MAX; // not tried again
    return NULL;
  }
  code->next = loops->codes;
  loops->codes = code;
  ++loops->code_count;
  return code;
}

static struct ee_vm_loops *loops_of(ee_vm_program_t *program, const ee_vm_frame_t *frame) {
  ee_vm_linked_module_t *linked = frame->module;
  const ee_module_t *module = linked->module;
  if (EE_UNLIKELY(!linked->loops)) {
    linked->loops =
        ee_heap_allocate_zeroed(program->heap, module->function_count * sizeof *linked->loops);
    if (!linked->loops) return NULL;
  }
  return &linked->loops[frame->function - module->functions];
}

const uint8_t *ee_vm_run_loop(ee_vm_program_t *program, ee_vm_frame_t *frame, const uint8_t *pc) {
  struct ee_vm_loops *loops = loops_of(program, frame);
  if (!loops || ++loops->turns < TURNS_BEFORE) return pc;
  --loops->turns;
  const ee_module_function_t *function = frame->function;
  const uint32_t offset = (uint32_t)(pc - function->bytecode);
  const code_t *code = find_code(program->heap, loops, function, offset);
  if (!code) return pc;
  const uint32_t entry = entry_of(code, offset)->op;
  if (entry & LEAVES_AT_ONCE) return pc;
  const ee_vm_decoded_t *left = ee_vm_decoded_run(code->ops + entry, ee_vm_frame_registers(frame),
                                                  ee_vm_frame_refs(frame), &program->steps_left);
  return function->bytecode + code->offsets[left - code->ops];
}

void ee_vm_drop_loops(ee_heap_t *heap, ee_vm_linked_module_t *linked) {
  if (!linked->loops) return;
  const uint32_t count = linked->module->function_count;
  for (uint32_t i = 0; i < count; ++i) {
    for (code_t *code = linked->loops[i].codes, *next; code; code = next) {
      next = code->next;
      ee_heap_free(heap, code, code->size);
    }
  }
  ee_heap_free(heap, linked->loops, count * sizeof *linked->loops);
}
