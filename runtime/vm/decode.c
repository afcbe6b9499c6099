// decode.c: makes the decoded form of a loop: from where it begins, as far as branches lead without
// an instruction that the form lacks.
#include "vm/decode.h"

#define BYTECODE_MAX 0x10000u // bytes of a function

// clang-format off
#define CORE_KIND(NAME, expr)                    [EE_VM_OP_##NAME] = EE_DECODED_##NAME + 1,
#define PLAIN_KIND(NAME, operands, count, wide)  CORE_KIND(NAME, )
// Kinds by opcode, plus one.
static const uint8_t kinds[256] = {
  EE_DECODED_LISTED(CORE_KIND)
  EE_DECODED_PLAIN(PLAIN_KIND)
};

#define VALUES 0
#define LOAD   EE_VM_SHAPE_LOAD
#define STORE  EE_VM_SHAPE_STORE
#define UNARY_I32(NAME, expr)   [EE_DECODED_##NAME] = {2, 0x0, 0},
#define BINARY_I32(NAME, expr)  [EE_DECODED_##NAME] = {3, 0x0, 0},
#define UNARY_I64(NAME, expr)   [EE_DECODED_##NAME] = {2, 0x3, 0},
#define BINARY_I64(NAME, expr)  [EE_DECODED_##NAME] = {3, 0x7, 0},
#define SHIFT_I64(NAME, expr)   [EE_DECODED_##NAME] = {3, 0x5, 0},
#define COMPARE_I64(NAME, expr) [EE_DECODED_##NAME] = {3, 0x3, 0},
#define OTHER(NAME, operands, count, wide) [EE_DECODED_##NAME] = {count, wide, operands},
const ee_vm_shape_t ee_vm_shapes[EE_DECODED_KINDS] = {
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

static ee_vm_decoded_t *emit(ee_vm_decoder_t *d, ee_decoded_kind_t kind, uint32_t offset) {
  // One too many is written over the last: the code is thrown away.
  if (d->op_count == d->op_max) d->full = true, --d->op_count;
  d->offsets[d->op_count] = d->begins_block ? offset | EE_VM_BEGINS_BLOCK : offset;
  d->begins_block = false;
  ee_vm_decoded_t *op = &d->ops[d->op_count++];
  *op = (ee_vm_decoded_t){.kind = kind};
  return op;
}

static bool is_known(const ee_vm_decoder_t *d, uint32_t offset) {
  const uint32_t at = ee_vm_find_entry(d->entries, d->entry_count, offset);
  return at != d->entry_count && d->entries[at].offset == offset;
}

static void add_entry(ee_vm_decoder_t *d, uint32_t offset) {
  if (d->entry_count == d->entry_max) {
    d->full = true;
    return;
  }
  const uint32_t at = ee_vm_find_entry(d->entries, d->entry_count, offset);
  memmove(d->entries + at + 1, d->entries + at, (d->entry_count - at) * sizeof(ee_vm_entry_t));
  d->entries[at] = (ee_vm_entry_t){offset, d->op_count};
  ++d->entry_count;
  d->begins_block = true;
}

static void add_edge(ee_vm_decoder_t *d, ee_vm_edge_t edge) {
  if (d->edge_count == d->edge_max) {
    d->full = true;
    return;
  }
  d->edges[d->edge_count++] = edge;
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

static void emit_moves(ee_vm_decoder_t *d, const uint8_t *list, uint32_t offset) {
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

static void emit_go(ee_vm_decoder_t *d, ee_decoded_kind_t kind, uint32_t target, uint32_t offset) {
  emit(d, kind, offset)->to.taken = (int32_t)target;
}

// A branch to what is decoded already: one instruction where it copies at most two wide registers.
static void emit_branch(ee_vm_decoder_t *d, const uint8_t *at, uint32_t offset) {
  const uint8_t *list = ee_vm_list_at(d, at + 4);
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
static void end_with_condition(ee_vm_decoder_t *d, uint32_t op, const uint8_t *pc) {
  const uint8_t *taken = pc + 2;
  const uint8_t *list = ee_vm_list_at(d, taken + 4);
  const uint8_t *other = list + 2 + 4u * ee_load_u16(list);
  d->ops[op].to.taken = (int32_t)target_of(taken);
  d->ops[op].to.other = (int32_t)target_of(other);
  add_edge(d, (ee_vm_edge_t){other, op, true});
  add_edge(d, (ee_vm_edge_t){taken, op, false});
}

static uint32_t register_bytes(const char operands[8]) {
  uint32_t bytes = 0;
  for (; *operands; ++operands)
    bytes += *operands == '=' ? 0 : 2;
  return bytes;
}

// A float instruction, `pc` at its number; returns what follows, NULL when it was not decoded.
static const uint8_t *decode_float(ee_vm_decoder_t *d, bool wide, const uint8_t *pc,
                                   uint32_t offset) {
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
static const uint8_t *decode_one(ee_vm_decoder_t *d, uint32_t opcode, const uint8_t *pc,
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
  const uint32_t count = ee_vm_shapes[kind].count;
  ee_vm_decoded_t *op = emit(d, kind, offset);
  op->a = ee_load_u16(pc), op->b = ee_load_u16(pc + 2);
  if (count > 2) op->c = ee_load_u16(pc + 4);
  if (count > 3) op->d = ee_load_u16(pc + 6);
  return pc + 2u * count;
}

// Decodes the block whose first instruction is at `offset`, and what follows it without a choice.
static void decode_from(ee_vm_decoder_t *d, uint32_t offset) {
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
    emit_moves(d, ee_vm_list_at(d, pc + 4), offset);
    add_entry(d, target);
    pc = d->code + target;
  }
}

// Decodes what edges lead to, through the moves on them, until all is known.
static void follow_edges(ee_vm_decoder_t *d) {
  while (d->edge_count != 0 && !d->full) {
    const ee_vm_edge_t edge = d->edges[--d->edge_count];
    const uint8_t *list = ee_vm_list_at(d, edge.at + 4);
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

static int32_t distance(const ee_vm_decoder_t *d, uint32_t from, int32_t target) {
  return ((int32_t)ee_vm_op_at(d, target) - (int32_t)from) * (int32_t)sizeof(ee_vm_decoded_t);
}

static void settle_op(const ee_vm_decoder_t *d, uint32_t index, const void *const *handlers) {
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
  d->offsets[index] &= ~EE_VM_BEGINS_BLOCK;
#undef BOTH
}

// Targets become distances, kinds handlers, and entries that leave at once say so.
static void settle(ee_vm_decoder_t *d) {
  const void *handlers[EE_DECODED_KINDS];
  ee_vm_decoded_handlers(handlers);
  for (uint32_t i = 0; i < d->op_count; ++i)
    settle_op(d, i, handlers);
  for (uint32_t i = 0; i < d->entry_count; ++i) {
    const ee_vm_decoded_t *op = &d->ops[d->entries[i].op];
    if (op->handler == handlers[EE_DECODED_EXIT]) d->entries[i].op |= EE_VM_LEAVES_AT_ONCE;
  }
}

// Puts what was made into a block of its size.
static ee_vm_code_t *keep(ee_heap_t *heap, const ee_vm_decoder_t *d) {
  const size_t ops = sizeof(ee_vm_code_t);
  const size_t offsets = ops + d->op_count * sizeof(ee_vm_decoded_t);
  const size_t entries = offsets + d->op_count * sizeof(uint32_t);
  const size_t size = entries + d->entry_count * sizeof(ee_vm_entry_t);
  ee_vm_code_t *code = ee_heap_allocate(heap, size);
  if (!code) return NULL;
  uint8_t *block = (uint8_t *)code;
  *code = (ee_vm_code_t){
      .size = size,
      .ops = (ee_vm_decoded_t *)(void *)(block + ops),
      .offsets = (uint32_t *)(void *)(block + offsets),
      .entries = (ee_vm_entry_t *)(void *)(block + entries),
      .entry_count = d->entry_count,
  };
  memcpy(code->ops, d->ops, d->op_count * sizeof *d->ops);
  memcpy(code->offsets, d->offsets, d->op_count * sizeof *d->offsets);
  memcpy(code->entries, d->entries, d->entry_count * sizeof *d->entries);
  return code;
}

ee_vm_code_t *ee_vm_decode(ee_heap_t *heap, const ee_module_function_t *function, uint32_t offset) {
  // No instruction has less than two bytes for each one that it becomes, but for the marker of a
  // block, which becomes none; and a block has at least its marker and three bytes.
  const uint32_t size = function->bytecode_size;
  if (size > BYTECODE_MAX) return NULL;
  ee_vm_decoder_t d = {
      .code = function->bytecode,
      .op_max = size / 2 + 2,
      .entry_max = size / 4 + 2,
      .edge_max = size / 4 + 2,
  };
  const size_t offsets = d.op_max * sizeof(ee_vm_decoded_t);
  const size_t entries = offsets + (d.op_max + 1u) / 2 * 2 * sizeof(uint32_t);
  const size_t edges = entries + d.entry_max * sizeof(ee_vm_entry_t);
  const size_t scratch_size = edges + d.edge_max * sizeof(ee_vm_edge_t);
  uint8_t *scratch = ee_heap_allocate(heap, scratch_size);
  if (!scratch) return NULL;
  d.ops = (ee_vm_decoded_t *)(void *)scratch;
  d.offsets = (uint32_t *)(void *)(scratch + offsets);
  d.entries = (ee_vm_entry_t *)(void *)(scratch + entries);
  d.edges = (ee_vm_edge_t *)(void *)(scratch + edges);
  decode_from(&d, offset);
  follow_edges(&d);
  ee_vm_code_t *code = NULL;
  if (!d.full) {
    ee_vm_improve(&d);
    settle(&d);
    code = keep(heap, &d);
  }
  ee_heap_free(heap, scratch, scratch_size);
  return code;
}
