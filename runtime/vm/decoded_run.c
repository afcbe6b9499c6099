// decoded_run.c: executes the decoded form of loops.
//
// As in interpreter.c each handler jumps to the next one; here its address stands in the
// instruction.
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpedantic" // labels as values
#endif

#include "vm/decoded.h"
#include "vm/instructions.h"

#if THREADED

#define A32           regs[op->a]
#define B32           regs[op->b]
#define C32           regs[op->c]
#define D32           regs[op->d]
#define A64           ee_vm_load64(regs + op->a)
#define B64           ee_vm_load64(regs + op->b)
#define C64           ee_vm_load64(regs + op->c)
#define SET_B64(v)    ee_vm_store64(regs + op->b, (v))
#define SET_C64(v)    ee_vm_store64(regs + op->c, (v))
#define SET_D64(v)    ee_vm_store64(regs + op->d, (v))
#define HANDLER(NAME) handle_##NAME:
#define DISPATCH()    goto * op->handler
#define NEXT()                                                                                     \
  do {                                                                                             \
    ++op;                                                                                          \
    DISPATCH();                                                                                    \
  } while (0)
#define GO_TO(distance)                                                                            \
  do {                                                                                             \
    op = (const ee_vm_decoded_t *)(const void *)((const char *)op + (distance));                   \
    DISPATCH();                                                                                    \
  } while (0)
#define COUNT()                                                                                    \
  do {                                                                                             \
    if (EE_UNLIKELY(steps == 0)) goto leave;                                                       \
    --steps;                                                                                       \
  } while (0)

#define INSTRUCTION(NAME, load, store)                                                             \
  HANDLER(NAME) {                                                                                  \
    load;                                                                                          \
    store;                                                                                         \
    NEXT();                                                                                        \
  }
#define LOAD_UNARY_I32         const uint32_t a = A32
#define LOAD_BINARY_I32        const uint32_t a = A32, b = B32
#define LOAD_UNARY_I64         const uint64_t a = A64
#define LOAD_BINARY_I64        const uint64_t a = A64, b = B64
#define LOAD_SHIFT_I64         const uint64_t a = A64, b = B32 & 63u
#define UNARY_I32(NAME, expr)  INSTRUCTION(NAME, LOAD_UNARY_I32, B32 = (uint32_t)(expr))
#define BINARY_I32(NAME, expr) INSTRUCTION(NAME, LOAD_BINARY_I32, C32 = (uint32_t)(expr))
#define UNARY_I64(NAME, expr)  INSTRUCTION(NAME, LOAD_UNARY_I64, SET_B64((uint64_t)(expr)))
#define BINARY_I64(NAME, expr) INSTRUCTION(NAME, LOAD_BINARY_I64, SET_C64((uint64_t)(expr)))
#define SHIFT_I64(NAME, expr)  INSTRUCTION(NAME, LOAD_SHIFT_I64, SET_C64((uint64_t)(expr)))
#define COMPARE(NAME, load, expr)                                                                  \
  HANDLER(NAME) {                                                                                  \
    load;                                                                                          \
    C32 = (expr);                                                                                  \
    NEXT();                                                                                        \
  }                                                                                                \
  HANDLER(NAME##_BRANCH) {                                                                         \
    load;                                                                                          \
    COUNT();                                                                                       \
    if (expr) GO_TO(op->to.taken);                                                                 \
    GO_TO(op->to.other);                                                                           \
  }
#define COMPARE_I32(NAME, expr) COMPARE(NAME, LOAD_BINARY_I32, expr)
#define COMPARE_I64(NAME, expr) COMPARE(NAME, LOAD_BINARY_I64, expr)

// What the interpreter has an error for is left to it.
#define DIVIDE(NAME, width, type, set, refuse, expr)                                               \
  HANDLER(NAME) {                                                                                  \
    const type a = (type)A##width, b = (type)B##width;                                             \
    if (EE_UNLIKELY(b == 0 || (refuse))) goto leave;                                               \
    set(expr);                                                                                     \
    NEXT();                                                                                        \
  }
#define SET_C32(v) C32 = (uint32_t)(v)
#define FLOAT(NAME, op_)                                                                           \
  HANDLER(NAME) {                                                                                  \
    float a, b;                                                                                    \
    memcpy(&a, &A32, sizeof a);                                                                    \
    memcpy(&b, &B32, sizeof b);                                                                    \
    a = a op_ b;                                                                                   \
    memcpy(&C32, &a, sizeof a);                                                                    \
    NEXT();                                                                                        \
  }

#define ELEMENT(access)                                                                            \
  uint8_t *element =                                                                               \
      find_element(ee_vm_buffer_cast(refs[op->a & EE_REGISTER_REF_MASK]), B64, (access));          \
  if (EE_UNLIKELY(!element)) goto leave
#define BUFFER_LOAD(NAME, type, shift)                                                             \
  HANDLER(NAME) {                                                                                  \
    ELEMENT(shift);                                                                                \
    type value;                                                                                    \
    memcpy(&value, element, sizeof value);                                                         \
    C32 = (uint32_t)value;                                                                         \
    NEXT();                                                                                        \
  }
#define BUFFER_STORE(NAME, type, shift)                                                            \
  HANDLER(NAME) {                                                                                  \
    ELEMENT((shift) | ELEMENT_WRITE);                                                              \
    const type value = (type)C32;                                                                  \
    memcpy(element, &value, sizeof value);                                                         \
    NEXT();                                                                                        \
  }

#if !defined(__clang__)
__attribute__((noclone)) // labels have addresses: there can be one copy only
#endif
static const ee_vm_decoded_t *
run(const ee_vm_decoded_t *op, uint32_t *regs, ee_object_t **refs, uint64_t *steps_left,
    const void **handlers) {
  if (handlers) {
    // clang-format off
#define DISTANCE(NAME)              (int32_t)((const char *)&&handle_##NAME - (const char *)&&leave),
#define LISTED_DISTANCE(NAME, expr) DISTANCE(NAME)
#define PLAIN_DISTANCE(NAME, operands, count, wide) DISTANCE(NAME)
#define BRANCH_DISTANCE(NAME, expr) DISTANCE(NAME##_BRANCH)
    static const int32_t distances[EE_DECODED_KINDS] = {
      EE_DECODED_LISTED(LISTED_DISTANCE)
      EE_DECODED_COMPARE(BRANCH_DISTANCE)
      EE_DECODED_PLAIN(PLAIN_DISTANCE)
      EE_DECODED_OWN(DISTANCE)
    };
    // clang-format on
    for (size_t i = 0; i < EE_DECODED_KINDS; ++i)
      handlers[i] = (const char *)&&leave + distances[i];
    return NULL;
  }
  uint64_t steps = *steps_left;
  DISPATCH();

  // ---- Branches ----

  HANDLER(COUNT) {
    COUNT();
    NEXT();
  }
  HANDLER(GO) GO_TO(op->to.taken);
  HANDLER(COUNT_GO) {
    COUNT();
    GO_TO(op->to.taken);
  }
  HANDLER(COUNT_A64_GO) {
    COUNT();
    SET_B64(A64);
    GO_TO(op->to.taken);
  }
  HANDLER(COUNT_A64_B64_GO) {
    COUNT();
    SET_B64(A64);
    SET_D64(C64);
    GO_TO(op->to.taken);
  }
  HANDLER(BRANCH) {
    COUNT();
    if (A32) GO_TO(op->to.taken);
    GO_TO(op->to.other);
  }

  // ---- Moves, constants, conditional assignment ----

  HANDLER(MOVE32) {
    B32 = A32;
    NEXT();
  }
  HANDLER(MOVE64) {
    SET_B64(A64);
    NEXT();
  }
  HANDLER(MOVES) {
    remap_registers(op->pc, regs, refs);
    NEXT();
  }
  HANDLER(SET32) {
    A32 = (uint32_t)op->value;
    NEXT();
  }
  HANDLER(SET64) {
    ee_vm_store64(regs + op->a, op->value);
    NEXT();
  }
  HANDLER(SELECT_I32) {
    D32 = A32 ? B32 : C32;
    NEXT();
  }
  HANDLER(SELECT_I64) {
    SET_D64(A32 ? B64 : C64);
    NEXT();
  }

  // ---- Integers ----

  UNARY_I32_INSTRUCTIONS(UNARY_I32)
  ARITHMETIC_I32_INSTRUCTIONS(BINARY_I32)
  COMPARE_I32_INSTRUCTIONS(COMPARE_I32)
  UNARY_I64_INSTRUCTIONS(UNARY_I64)
  BINARY_I64_INSTRUCTIONS(BINARY_I64)
  SHIFT_I64_INSTRUCTIONS(SHIFT_I64)
  COMPARE_I64_INSTRUCTIONS(COMPARE_I64)
  DIVIDE(DIV_I32_S, 32, int32_t, SET_C32, b == -1 && a == INT32_MIN, a / b)
  DIVIDE(DIV_I32_U, 32, uint32_t, SET_C32, false, a / b)
  DIVIDE(REM_I32_S, 32, int32_t, SET_C32, false, b == -1 ? 0 : a % b)
  DIVIDE(REM_I32_U, 32, uint32_t, SET_C32, false, a % b)
  DIVIDE(DIV_I64_S, 64, int64_t, SET_C64, b == -1 && a == INT64_MIN, (uint64_t)(a / b))
  DIVIDE(DIV_I64_U, 64, uint64_t, SET_C64, false, a / b)
  DIVIDE(REM_I64_S, 64, int64_t, SET_C64, false, (uint64_t)(b == -1 ? 0 : a % b))
  DIVIDE(REM_I64_U, 64, uint64_t, SET_C64, false, a % b)
  HANDLER(FMA_I32) {
    D32 = A32 * B32 + C32;
    NEXT();
  }
  HANDLER(FMA_I64) {
    SET_D64(A64 * B64 + C64);
    NEXT();
  }
  HANDLER(TRUNC_I64_I32) {
    B32 = (uint32_t)A64;
    NEXT();
  }
  HANDLER(EXT_I32_I64_S) {
    SET_B64((uint64_t)(int64_t)(int32_t)A32);
    NEXT();
  }
  HANDLER(EXT_I32_I64_U) {
    SET_B64(A32);
    NEXT();
  }
  HANDLER(CMP_NZ_I64) {
    B32 = A64 != 0;
    NEXT();
  }

  // ---- Buffers ----

  BUFFER_LOAD(BUFFER_LOAD_I8_U, uint8_t, 0)
  BUFFER_LOAD(BUFFER_LOAD_I8_S, int8_t, 0)
  BUFFER_LOAD(BUFFER_LOAD_I16_U, uint16_t, 1)
  BUFFER_LOAD(BUFFER_LOAD_I16_S, int16_t, 1)
  BUFFER_LOAD(BUFFER_LOAD_I32, uint32_t, 2)
  HANDLER(BUFFER_LOAD_I64) {
    ELEMENT(3);
    SET_C64(ee_load_u64(element));
    NEXT();
  }
  BUFFER_STORE(BUFFER_STORE_I8, uint8_t, 0)
  BUFFER_STORE(BUFFER_STORE_I16, uint16_t, 1)
  BUFFER_STORE(BUFFER_STORE_I32, uint32_t, 2)
  HANDLER(BUFFER_STORE_I64) {
    ELEMENT(3 | ELEMENT_WRITE);
    memcpy(element, &C32, 8);
    NEXT();
  }

  // ---- Floats ----

  FLOAT(ADD_F32, +)
  FLOAT(SUB_F32, -)
  FLOAT(MUL_F32, *)
  FLOAT(DIV_F32, /)
  HANDLER(FLOAT32) {
#if EERIE_VM_F32
    uint32_t size;
    if (EE_LIKELY(ee_vm_step_f32(op->pc, regs, refs, &size, NULL) == EERIE_OK)) NEXT();
#endif
    goto leave;
  }
  HANDLER(FLOAT64) {
#if EERIE_VM_F64
    uint32_t size;
    if (EE_LIKELY(ee_vm_step_f64(op->pc, regs, refs, &size, NULL) == EERIE_OK)) NEXT();
#endif
    goto leave;
  }

  HANDLER(EXIT)
leave:
  *steps_left = steps;
  return op;
}

void ee_vm_decoded_handlers(const void *handlers[EE_DECODED_KINDS]) {
  (void)run(NULL, NULL, NULL, NULL, handlers);
}

const ee_vm_decoded_t *ee_vm_decoded_run(const ee_vm_decoded_t *op, uint32_t *regs,
                                         ee_object_t **refs, uint64_t *steps_left) {
  return run(op, regs, refs, steps_left, NULL);
}

#else // The interpreter of this build does not ask for loops.

void ee_vm_decoded_handlers(const void *handlers[EE_DECODED_KINDS]) {
  for (size_t i = 0; i < EE_DECODED_KINDS; ++i)
    handlers[i] = NULL;
}

const ee_vm_decoded_t *ee_vm_decoded_run(const ee_vm_decoded_t *op, uint32_t *regs,
                                         ee_object_t **refs, uint64_t *steps_left) {
  (void)regs, (void)refs, (void)steps_left;
  return op;
}

#endif
