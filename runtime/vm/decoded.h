// decoded.h: bytecode in a form that is quicker to execute, made where loops turn.
//
// An instruction of bytecode becomes one of fixed size whose handler, registers and targets need no
// more decoding; a comparison and the branch on it become one, as do a branch and the registers
// that it copies. It covers what loops over numbers consist of. Anything else, and whatever fails,
// is an exit: registers are as the bytecode has them at that place, where the interpreter goes on.
//
// decode.h says who makes it, decoded_run.c executes it.
#ifndef EE_VM_DECODED_H_
#define EE_VM_DECODED_H_

#include "vm/integers.h"
#include "vm/internal.h"

// What stands in the lists of integers.h, under the same names, and comparisons once more with
// the branch behind them, which do not write their result: nobody asks for it.
#define EE_DECODED_LISTED(OP)                                                                      \
  UNARY_I32_INSTRUCTIONS(OP)                                                                       \
  ARITHMETIC_I32_INSTRUCTIONS(OP)                                                                  \
  COMPARE_I32_INSTRUCTIONS(OP)                                                                     \
  UNARY_I64_INSTRUCTIONS(OP)                                                                       \
  BINARY_I64_INSTRUCTIONS(OP)                                                                      \
  SHIFT_I64_INSTRUCTIONS(OP)                                                                       \
  COMPARE_I64_INSTRUCTIONS(OP)
#define EE_DECODED_COMPARE(OP)                                                                     \
  COMPARE_I32_INSTRUCTIONS(OP)                                                                     \
  COMPARE_I64_INSTRUCTIONS(OP)
// Other instructions of bytecode: their number of registers, and which of them are wide (bit 0: the
// first). Of VALUES the last is written; LOAD and STORE have a buffer first, and STORE writes none.
#define EE_DECODED_PLAIN(OP)                                                                       \
  OP(SELECT_I32, VALUES, 4, 0x0)                                                                   \
  OP(SELECT_I64, VALUES, 4, 0xE)                                                                   \
  OP(FMA_I32, VALUES, 4, 0x0)                                                                      \
  OP(FMA_I64, VALUES, 4, 0xF)                                                                      \
  OP(TRUNC_I64_I32, VALUES, 2, 0x1)                                                                \
  OP(EXT_I32_I64_S, VALUES, 2, 0x2)                                                                \
  OP(EXT_I32_I64_U, VALUES, 2, 0x2)                                                                \
  OP(CMP_NZ_I64, VALUES, 2, 0x1)                                                                   \
  OP(DIV_I32_S, VALUES, 3, 0x0)                                                                    \
  OP(DIV_I32_U, VALUES, 3, 0x0)                                                                    \
  OP(REM_I32_S, VALUES, 3, 0x0)                                                                    \
  OP(REM_I32_U, VALUES, 3, 0x0)                                                                    \
  OP(DIV_I64_S, VALUES, 3, 0x7)                                                                    \
  OP(DIV_I64_U, VALUES, 3, 0x7)                                                                    \
  OP(REM_I64_S, VALUES, 3, 0x7)                                                                    \
  OP(REM_I64_U, VALUES, 3, 0x7)                                                                    \
  OP(BUFFER_LOAD_I8_U, LOAD, 3, 0x2)                                                               \
  OP(BUFFER_LOAD_I8_S, LOAD, 3, 0x2)                                                               \
  OP(BUFFER_LOAD_I16_U, LOAD, 3, 0x2)                                                              \
  OP(BUFFER_LOAD_I16_S, LOAD, 3, 0x2)                                                              \
  OP(BUFFER_LOAD_I32, LOAD, 3, 0x2)                                                                \
  OP(BUFFER_LOAD_I64, LOAD, 3, 0x6)                                                                \
  OP(BUFFER_STORE_I8, STORE, 3, 0x2)                                                               \
  OP(BUFFER_STORE_I16, STORE, 3, 0x2)                                                              \
  OP(BUFFER_STORE_I32, STORE, 3, 0x2)                                                              \
  OP(BUFFER_STORE_I64, STORE, 3, 0x6)

// What only the decoded form has:
//   EXIT     leaves for the interpreter
//   SET32/64 writes a constant
//   MOVE32/64, MOVES   copies a register, or as the list of a branch in the bytecode says
//   COUNT    counts a step
//   GO       goes to `taken`; its other forms count and copy before: A64 from a to b, B64 c to d
//   BRANCH   counts, and goes to `taken` if register a is not zero, else to `other`
//   ADD_F32 to DIV_F32  the commonest of floats; FLOAT32, FLOAT64: any other, at `pc`
#define EE_DECODED_OWN(OP)                                                                         \
  OP(EXIT)                                                                                         \
  OP(SET32)                                                                                        \
  OP(SET64)                                                                                        \
  OP(MOVE32)                                                                                       \
  OP(MOVE64)                                                                                       \
  OP(MOVES)                                                                                        \
  OP(COUNT)                                                                                        \
  OP(GO)                                                                                           \
  OP(COUNT_GO)                                                                                     \
  OP(COUNT_A64_GO)                                                                                 \
  OP(COUNT_A64_B64_GO)                                                                             \
  OP(BRANCH)                                                                                       \
  OP(ADD_F32)                                                                                      \
  OP(SUB_F32)                                                                                      \
  OP(MUL_F32)                                                                                      \
  OP(DIV_F32)                                                                                      \
  OP(FLOAT32)                                                                                      \
  OP(FLOAT64)

// clang-format off
#define EE_DECODED_NAME(NAME)                EE_DECODED_##NAME,
#define EE_DECODED_LISTED_NAME(NAME, expr)   EE_DECODED_##NAME,
#define EE_DECODED_PLAIN_NAME(NAME, operands, count, wide)   EE_DECODED_##NAME,
#define EE_DECODED_BRANCH_NAME(NAME, expr)   EE_DECODED_##NAME##_BRANCH,
typedef enum ee_decoded_kind {
  EE_DECODED_LISTED(EE_DECODED_LISTED_NAME)
  EE_DECODED_COMPARE(EE_DECODED_BRANCH_NAME)
  EE_DECODED_PLAIN(EE_DECODED_PLAIN_NAME)
  EE_DECODED_OWN(EE_DECODED_NAME)
  EE_DECODED_KINDS
} ee_decoded_kind_t;
// clang-format on

typedef struct ee_vm_decoded {
  union {
    const void *handler;
    ee_decoded_kind_t kind; // while it is made
  };
  uint16_t a, b, c, d; // registers, in the order of the bytecode's operands
  union {
    uint64_t value;
    const uint8_t *pc;
    // From this instruction, in bytes.
    struct {
      int32_t taken, other;
    } to;
  };
} ee_vm_decoded_t;

// Where handlers are, by kind.
void ee_vm_decoded_handlers(const void *handlers[EE_DECODED_KINDS]);
// Executes from `op` on; returns the instruction that it left at, which was not done.
const ee_vm_decoded_t *ee_vm_decoded_run(const ee_vm_decoded_t *op, uint32_t *regs,
                                         ee_object_t **refs, uint64_t *steps_left);

#endif // EE_VM_DECODED_H_
