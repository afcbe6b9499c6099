// shapes.h: what the operands of each instruction are, for interpreter_compact.c.
#ifndef EE_VM_SHAPES_H_
#define EE_VM_SHAPES_H_

#include "vm/internal.h"

// What an operand is in bytecode, and what is fetched: the value of a register, 32 bits of it or
// 64; the reference in one; four bytes that stand in the instruction.
typedef enum operand_kind { I, L, R, W } operand_kind_t;

typedef struct operand {
  uint64_t value; // of a reference: the address of the object
  uint16_t reg;   // with the bits of references; not of W
  uint16_t kind;
} operand_t;

enum { OPERANDS_MAX = 6 };

// Two bits each, then their number. Lists, strings and the targets of branches are not among them:
// whoever needs these finds `pc` behind the last operand of the shape. The result, if there is one,
// is the last operand and is fetched like the others, to nobody's use.
#define S0(...)              0
#define S1(a)                ((a) | 1 << 12)
#define S2(a, b)             ((a) | (b) << 2 | 2 << 12)
#define S3(a, b, c)          ((a) | (b) << 2 | (c) << 4 | 3 << 12)
#define S4(a, b, c, d)       ((a) | (b) << 2 | (c) << 4 | (d) << 6 | 4 << 12)
#define S5(a, b, c, d, e)    ((a) | (b) << 2 | (c) << 4 | (d) << 6 | (e) << 8 | 5 << 12)
#define S6(a, b, c, d, e, f) (S5(a, b, c, d, e) + ((f) << 10 | 1 << 12))
#define SHAPE_COUNT(shape)   ((shape) >> 12 & 7u)
// Registers of 32 bits are extended by their sign.
#define SIGNED 0x8000

// clang-format off
static const uint16_t shapes[] = {
  [EE_VM_OP_GLOBAL_LOAD_I32] = S2(W, I), [EE_VM_OP_GLOBAL_STORE_I32] = S2(W, I),
  [EE_VM_OP_GLOBAL_LOAD_INDIRECT_I32] = S2(I, I), [EE_VM_OP_GLOBAL_STORE_INDIRECT_I32] = S2(I, I),
  [EE_VM_OP_GLOBAL_LOAD_I64] = S2(W, L), [EE_VM_OP_GLOBAL_STORE_I64] = S2(W, L),
  [EE_VM_OP_GLOBAL_LOAD_INDIRECT_I64] = S2(I, L), [EE_VM_OP_GLOBAL_STORE_INDIRECT_I64] = S2(I, L),
  [EE_VM_OP_GLOBAL_LOAD_REF] = S3(W, W, R), [EE_VM_OP_GLOBAL_STORE_REF] = S3(W, W, R),
  [EE_VM_OP_GLOBAL_LOAD_INDIRECT_REF] = S3(I, W, R),
  [EE_VM_OP_GLOBAL_STORE_INDIRECT_REF] = S3(I, W, R),
  [EE_VM_OP_CONST_I32_ZERO] = S1(I), [EE_VM_OP_CONST_I32] = S2(W, I),
  [EE_VM_OP_CONST_I64_ZERO] = S1(L), [EE_VM_OP_CONST_I64] = S3(W, W, L),
  [EE_VM_OP_CONST_REF_ZERO] = S1(R), [EE_VM_OP_CONST_REF_RODATA] = S2(W, R),
  [EE_VM_OP_LIST_ALLOC] = S3(W, I, R), [EE_VM_OP_LIST_RESERVE] = S2(R, I),
  [EE_VM_OP_LIST_SIZE] = S2(R, I), [EE_VM_OP_LIST_RESIZE] = S2(R, I),
  [EE_VM_OP_LIST_GET_I32] = S3(R, I, I), [EE_VM_OP_LIST_SET_I32] = S3(R, I, I),
  [EE_VM_OP_LIST_GET_I64] = S3(R, I, L), [EE_VM_OP_LIST_SET_I64] = S3(R, I, L),
  [EE_VM_OP_LIST_GET_REF] = S4(R, I, W, R), [EE_VM_OP_LIST_SET_REF] = S3(R, I, R),
  [EE_VM_OP_SELECT_I32] = S4(I, I, I, I), [EE_VM_OP_SELECT_I64] = S4(I, L, L, L),
  [EE_VM_OP_SELECT_REF] = S5(I, W, R, R, R),
  [EE_VM_OP_SWITCH_I32] = S2(I, I), [EE_VM_OP_SWITCH_I64] = S2(I, L),
  [EE_VM_OP_SWITCH_REF] = S3(I, W, R),
  [EE_VM_OP_ADD_I32] = S3(I, I, I), [EE_VM_OP_ADD_I64] = S3(L, L, L),
  [EE_VM_OP_SUB_I32] = S3(I, I, I), [EE_VM_OP_SUB_I64] = S3(L, L, L),
  [EE_VM_OP_MUL_I32] = S3(I, I, I), [EE_VM_OP_MUL_I64] = S3(L, L, L),
  [EE_VM_OP_DIV_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_DIV_I64_S] = S3(L, L, L),
  [EE_VM_OP_DIV_I32_U] = S3(I, I, I), [EE_VM_OP_DIV_I64_U] = S3(L, L, L),
  [EE_VM_OP_REM_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_REM_I64_S] = S3(L, L, L),
  [EE_VM_OP_REM_I32_U] = S3(I, I, I), [EE_VM_OP_REM_I64_U] = S3(L, L, L),
  [EE_VM_OP_FMA_I32] = S4(I, I, I, I), [EE_VM_OP_FMA_I64] = S4(L, L, L, L),
  [EE_VM_OP_NOT_I32] = S2(I, I), [EE_VM_OP_NOT_I64] = S2(L, L),
  [EE_VM_OP_AND_I32] = S3(I, I, I), [EE_VM_OP_AND_I64] = S3(L, L, L),
  [EE_VM_OP_OR_I32] = S3(I, I, I), [EE_VM_OP_OR_I64] = S3(L, L, L),
  [EE_VM_OP_XOR_I32] = S3(I, I, I), [EE_VM_OP_XOR_I64] = S3(L, L, L),
  [EE_VM_OP_SHL_I32] = S3(I, I, I), [EE_VM_OP_SHL_I64] = S3(L, I, L),
  [EE_VM_OP_SHR_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_SHR_I64_S] = S3(L, I, L),
  [EE_VM_OP_SHR_I32_U] = S3(I, I, I), [EE_VM_OP_SHR_I64_U] = S3(L, I, L),
  [EE_VM_OP_TRUNC_I32_I8] = S2(I, I), [EE_VM_OP_TRUNC_I32_I16] = S2(I, I),
  [EE_VM_OP_TRUNC_I64_I32] = S2(L, I),
  [EE_VM_OP_EXT_I8_I32_S] = S2(I, I), [EE_VM_OP_EXT_I8_I32_U] = S2(I, I),
  [EE_VM_OP_EXT_I16_I32_S] = S2(I, I), [EE_VM_OP_EXT_I16_I32_U] = S2(I, I),
  [EE_VM_OP_EXT_I32_I64_S] = SIGNED | S2(I, L), [EE_VM_OP_EXT_I32_I64_U] = S2(I, L),
  [EE_VM_OP_CMP_EQ_I32] = S3(I, I, I), [EE_VM_OP_CMP_EQ_I64] = S3(L, L, I),
  [EE_VM_OP_CMP_NE_I32] = S3(I, I, I), [EE_VM_OP_CMP_NE_I64] = S3(L, L, I),
  [EE_VM_OP_CMP_LT_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_CMP_LT_I64_S] = S3(L, L, I),
  [EE_VM_OP_CMP_LT_I32_U] = S3(I, I, I), [EE_VM_OP_CMP_LT_I64_U] = S3(L, L, I),
  [EE_VM_OP_CMP_NZ_I32] = S2(I, I), [EE_VM_OP_CMP_NZ_I64] = S2(L, I),
  [EE_VM_OP_CMP_EQ_REF] = S3(R, R, I), [EE_VM_OP_CMP_NE_REF] = S3(R, R, I),
  [EE_VM_OP_CMP_NZ_REF] = S2(R, I),
  [EE_VM_OP_BR] = S0(), [EE_VM_OP_COND_BR] = S1(I), [EE_VM_OP_BR_TABLE] = S1(I),
  [EE_VM_OP_CALL] = S1(W), [EE_VM_OP_CALL_VARIADIC] = S1(W),
  [EE_VM_OP_CALL_YIELDABLE] = S1(W), [EE_VM_OP_CALL_VARIADIC_YIELDABLE] = S1(W),
  [EE_VM_OP_RETURN] = S0(), [EE_VM_OP_FAIL] = S1(I), [EE_VM_OP_IMPORT_RESOLVED] = S2(W, I),
  [EE_VM_OP_YIELD] = S0(), [EE_VM_OP_TRACE] = S0(), [EE_VM_OP_PRINT] = S0(),
  [EE_VM_OP_COND_BREAK] = S1(I), [EE_VM_OP_BREAK] = S0(),
  [EE_VM_OP_BUFFER_LOAD_I8_U] = S3(R, L, I), [EE_VM_OP_BUFFER_LOAD_I8_S] = S3(R, L, I),
  [EE_VM_OP_BUFFER_LOAD_I16_U] = S3(R, L, I), [EE_VM_OP_BUFFER_LOAD_I16_S] = S3(R, L, I),
  [EE_VM_OP_BUFFER_LOAD_I32] = S3(R, L, I), [EE_VM_OP_BUFFER_LOAD_I64] = S3(R, L, L),
  [EE_VM_OP_BUFFER_STORE_I8] = S3(R, L, I), [EE_VM_OP_BUFFER_STORE_I16] = S3(R, L, I),
  [EE_VM_OP_BUFFER_STORE_I32] = S3(R, L, I), [EE_VM_OP_BUFFER_STORE_I64] = S3(R, L, L),
  [EE_VM_OP_BUFFER_ALLOC] = S3(L, I, R), [EE_VM_OP_BUFFER_CLONE] = S5(R, L, L, I, R),
  [EE_VM_OP_BUFFER_LENGTH] = S2(R, L), [EE_VM_OP_BUFFER_COPY] = S5(R, L, R, L, L),
  [EE_VM_OP_BUFFER_COMPARE] = S6(R, L, R, L, L, I),
  [EE_VM_OP_BUFFER_FILL_I8] = S4(R, L, L, I), [EE_VM_OP_BUFFER_FILL_I16] = S4(R, L, L, I),
  [EE_VM_OP_BUFFER_FILL_I32] = S4(R, L, L, I), [EE_VM_OP_BUFFER_FILL_I64] = S4(R, L, L, L),
  [EE_VM_OP_CTLZ_I32] = S2(I, I), [EE_VM_OP_CTLZ_I64] = S2(L, L),
  [EE_VM_OP_ABS_I32] = SIGNED | S2(I, I), [EE_VM_OP_ABS_I64] = S2(L, L),
  [EE_VM_OP_BLOCK] = S0(),
  [EE_VM_OP_MIN_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_MIN_I64_S] = S3(L, L, L),
  [EE_VM_OP_MIN_I32_U] = S3(I, I, I), [EE_VM_OP_MIN_I64_U] = S3(L, L, L),
  [EE_VM_OP_MAX_I32_S] = SIGNED | S3(I, I, I), [EE_VM_OP_MAX_I64_S] = S3(L, L, L),
  [EE_VM_OP_MAX_I32_U] = S3(I, I, I), [EE_VM_OP_MAX_I64_U] = S3(L, L, L),
  [EE_VM_OP_CAST_ANY_REF] = S3(R, W, R), [EE_VM_OP_BUFFER_HASH] = S4(R, L, L, L),
  [EE_VM_OP_DISCARD_REFS] = S0(), [EE_VM_OP_ASSIGN_REF] = S2(R, R),
};
// clang-format on

#endif // EE_VM_SHAPES_H_
