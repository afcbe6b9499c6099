// decode_improve.c: comparisons whose result only a branch asks for, and copies of what could have
// been computed in place.
#include "vm/decode.h"

// Instructions looked at for what reads a register, and for what writes it.
#define DEAD_BUDGET 64u
#define COPY_BUDGET 16u

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
  const ee_vm_shape_t shape = ee_vm_shapes[op->kind];
  if (shape.count == 0) return USE_READ;
  const uint16_t registers[] = {op->a, op->b, op->c, op->d};
  use_t use = USE_NONE;
  for (uint32_t i = shape.operands != 0; i < shape.count; ++i) {
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): no shape has more
    if (registers[i] != (shape.wide >> i & 1u ? reg & ~1u : reg)) continue;
    if (i + 1 < shape.count || shape.operands == EE_VM_SHAPE_STORE) return USE_READ;
    use = USE_WRITTEN;
  }
  return use;
}

// Whether the interpreter may read `reg` when it goes on at `offset`: a return reads what it gives
// back and nothing is left then; of others that is not known.
static bool is_read_outside(const ee_vm_decoder_t *d, uint32_t offset, uint32_t reg) {
  const uint8_t *pc = d->code + offset;
  while (*pc == EE_VM_OP_DISCARD_REFS) { // reads none, and often stands before a return
    const uint8_t *list = ee_vm_list_at(d, pc + 1);
    pc = list + 2 + 2u * ee_load_u16(list);
  }
  if (*pc != EE_VM_OP_RETURN) return true;
  const uint8_t *list = ee_vm_list_at(d, pc + 1);
  for (uint32_t count = ee_load_u16(list); count != 0; --count) {
    const uint32_t given = ee_load_u16(list += 2);
    // 64-bit values are at even numbers; letters would tell which ones are.
    if (!(given & EE_REGISTER_REF_BIT) && given >> 1 == reg >> 1) return true;
  }
  return false;
}

// Whether on every way from `index` on the register is written before it is read. What fails on the
// way ends the call, which makes registers worth nothing. Looks at `*budget` instructions at most.
static bool is_dead(const ee_vm_decoder_t *d, uint32_t reg, uint32_t index, uint32_t *budget) {
  for (; *budget != 0; --*budget) {
    const ee_vm_decoded_t *op = &d->ops[index];
    if (op->kind == EE_DECODED_EXIT)
      return !is_read_outside(d, d->offsets[index] & ~EE_VM_BEGINS_BLOCK, reg);
    const use_t use = use_of(op, reg);
    if (use != USE_NONE) return use == USE_WRITTEN;
    switch (op->kind) {
    case EE_DECODED_BRANCH:
      --*budget;
      if (!is_dead(d, reg, ee_vm_op_at(d, op->to.other), budget)) return false;
      index = ee_vm_op_at(d, op->to.taken);
      break;
    case EE_DECODED_GO:
    case EE_DECODED_COUNT_GO:
    case EE_DECODED_COUNT_A64_GO: index = ee_vm_op_at(d, op->to.taken); break;
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
static void fuse(ee_vm_decoder_t *d) {
  for (uint32_t i = 0; i + 1 < d->op_count; ++i) {
    ee_vm_decoded_t *op = &d->ops[i];
    const ee_decoded_kind_t fused = kind_with_branch(op->kind);
    const ee_vm_decoded_t *branch = op + 1;
    if (fused == EE_DECODED_KINDS || branch->kind != EE_DECODED_BRANCH || branch->a != op->c)
      continue;
    uint32_t budget = DEAD_BUDGET;
    if (!is_dead(d, op->c, ee_vm_op_at(d, branch->to.taken), &budget) ||
        !is_dead(d, op->c, ee_vm_op_at(d, branch->to.other), &budget))
      continue;
    op->kind = fused;
    op->to = branch->to;
    d->offsets[i] = d->offsets[i + 1];
  }
}

// ---- Copies of 64-bit registers ----------------------------------------------------------------

static bool overlap(uint32_t a, uint32_t b) {
  return a >> 1 == b >> 1;
}

static bool touches(const ee_vm_decoded_t *op, uint32_t reg) {
  return use_of(op, reg) != USE_NONE || use_of(op, reg + 1) != USE_NONE;
}

// Where `op` names the one register that it writes, if that is `reg`, whole.
static uint16_t *writes_only(ee_vm_decoded_t *op, uint32_t reg) {
  const ee_vm_shape_t shape = ee_vm_shapes[op->kind];
  uint16_t *const registers[] = {&op->a, &op->b, &op->c, &op->d};
  if (op->kind == EE_DECODED_SET64) return op->a == reg ? &op->a : NULL;
  if (shape.count == 0 || shape.operands == EE_VM_SHAPE_STORE ||
      op->kind == EE_DECODED_COUNT_A64_GO)
    return NULL;
  uint16_t *last = registers[shape.count - 1];
  return *last == reg && (shape.wide >> (shape.count - 1) & 1u) ? last : NULL;
}

// Whether what computes `source` can write `target` instead: it stands shortly before `index` in
// the same block, and nothing between asks for either.
static bool redirect(ee_vm_decoder_t *d, uint32_t index, uint32_t source, uint32_t target) {
  for (uint32_t i = index, left = COPY_BUDGET; left != 0 && i != 0; --left) {
    if (d->offsets[i] & EE_VM_BEGINS_BLOCK) return false;
    ee_vm_decoded_t *op = &d->ops[--i];
    if (op->kind == EE_DECODED_COUNT) continue;
    uint16_t *written = writes_only(op, source);
    if (written) {
      *written = (uint16_t)target;
      return true;
    }
    const ee_vm_shape_t shape = ee_vm_shapes[op->kind];
    const bool known =
        shape.count != 0 || op->kind == EE_DECODED_SET32 || op->kind == EE_DECODED_SET64;
    if (!known || op->kind == EE_DECODED_COUNT_A64_GO || touches(op, source) || touches(op, target))
      return false;
  }
  return false;
}

static bool is_dead_whole(const ee_vm_decoder_t *d, uint32_t reg, uint32_t index) {
  uint32_t budget = DEAD_BUDGET;
  if (!is_dead(d, reg, index, &budget)) return false;
  budget = DEAD_BUDGET;
  return is_dead(d, reg + 1, index, &budget);
}

// The copies that a branch back makes, which mostly are of what was just computed.
static void drop_copies(ee_vm_decoder_t *d) {
  for (uint32_t i = 0; i < d->op_count; ++i) {
    ee_vm_decoded_t *op = &d->ops[i];
    if (op->kind != EE_DECODED_COUNT_A64_GO && op->kind != EE_DECODED_COUNT_A64_B64_GO) continue;
    const uint32_t target = ee_vm_op_at(d, op->to.taken);
    // The second reads what the first has written, or writes what it reads: left alone.
    const bool two = op->kind == EE_DECODED_COUNT_A64_B64_GO;
    if (two && (overlap(op->b, op->c) || overlap(op->a, op->d))) continue;
    const bool free_a = is_dead_whole(d, op->a, target) && !(two && overlap(op->a, op->c));
    if (two && is_dead_whole(d, op->c, target) && !overlap(op->a, op->c) &&
        !overlap(op->b, op->d) && redirect(d, i, op->c, op->d)) {
      op->kind = EE_DECODED_COUNT_A64_GO;
    }
    if (!free_a || overlap(op->a, op->b) || !redirect(d, i, op->a, op->b)) continue;
    if (op->kind == EE_DECODED_COUNT_A64_GO) {
      op->kind = EE_DECODED_COUNT_GO;
    } else {
      op->kind = EE_DECODED_COUNT_A64_GO;
      op->a = op->c, op->b = op->d;
    }
  }
}

void ee_vm_improve(ee_vm_decoder_t *d) {
  fuse(d);
  drop_copies(d);
}
