// integers.h: the arithmetic of integers, as lists for whoever executes it.
#ifndef EE_VM_INTEGERS_H_
#define EE_VM_INTEGERS_H_

// Instructions that read one or two integers and write one, by what they have in common: an
// expression of `a` and `b`. Arithmetic wraps, which it does on unsigned types in C.
#define UNARY_I32_INSTRUCTIONS(OP)                                                                 \
  OP(ABS_I32, (int32_t)a < 0 ? 0u - a : a)                                                         \
  OP(NOT_I32, ~a)                                                                                  \
  OP(CTLZ_I32, a ? __builtin_clz(a) : 32)                                                          \
  OP(TRUNC_I32_I8, (uint8_t)a)                                                                     \
  OP(TRUNC_I32_I16, (uint16_t)a)                                                                   \
  OP(EXT_I8_I32_S, (int8_t)a)                                                                      \
  OP(EXT_I8_I32_U, (uint8_t)a)                                                                     \
  OP(EXT_I16_I32_S, (int16_t)a)                                                                    \
  OP(EXT_I16_I32_U, (uint16_t)a)                                                                   \
  OP(CMP_NZ_I32, a != 0)
#define ARITHMETIC_I32_INSTRUCTIONS(OP)                                                            \
  OP(ADD_I32, a + b)                                                                               \
  OP(SUB_I32, a - b)                                                                               \
  OP(MUL_I32, a *b)                                                                                \
  OP(MIN_I32_S, (int32_t)a < (int32_t)b ? a : b)                                                   \
  OP(MIN_I32_U, a < b ? a : b)                                                                     \
  OP(MAX_I32_S, (int32_t)a < (int32_t)b ? b : a)                                                   \
  OP(MAX_I32_U, a < b ? b : a)                                                                     \
  OP(AND_I32, a &b)                                                                                \
  OP(OR_I32, a | b)                                                                                \
  OP(XOR_I32, a ^ b)                                                                               \
  OP(SHL_I32, a << (b & 31u))                                                                      \
  OP(SHR_I32_S, (int32_t)a >> (b & 31u))                                                           \
  OP(SHR_I32_U, a >> (b & 31u))
#define COMPARE_I32_INSTRUCTIONS(OP)                                                               \
  OP(CMP_EQ_I32, a == b)                                                                           \
  OP(CMP_NE_I32, a != b)                                                                           \
  OP(CMP_LT_I32_S, (int32_t)a < (int32_t)b)                                                        \
  OP(CMP_LT_I32_U, a < b)
#define UNARY_I64_INSTRUCTIONS(OP)                                                                 \
  OP(ABS_I64, (int64_t)a < 0 ? 0u - a : a)                                                         \
  OP(NOT_I64, ~a)                                                                                  \
  OP(CTLZ_I64, a ? __builtin_clzll(a) : 64)
#define BINARY_I64_INSTRUCTIONS(OP)                                                                \
  OP(ADD_I64, a + b)                                                                               \
  OP(SUB_I64, a - b)                                                                               \
  OP(MUL_I64, a *b)                                                                                \
  OP(MIN_I64_S, (int64_t)a < (int64_t)b ? a : b)                                                   \
  OP(MIN_I64_U, a < b ? a : b)                                                                     \
  OP(MAX_I64_S, (int64_t)a < (int64_t)b ? b : a)                                                   \
  OP(MAX_I64_U, a < b ? b : a)                                                                     \
  OP(AND_I64, a &b)                                                                                \
  OP(OR_I64, a | b)                                                                                \
  OP(XOR_I64, a ^ b)
#define SHIFT_I64_INSTRUCTIONS(OP)                                                                 \
  OP(SHL_I64, a << b)                                                                              \
  OP(SHR_I64_S, (int64_t)a >> b)                                                                   \
  OP(SHR_I64_U, a >> b)
#define COMPARE_I64_INSTRUCTIONS(OP)                                                               \
  OP(CMP_EQ_I64, a == b)                                                                           \
  OP(CMP_NE_I64, a != b)                                                                           \
  OP(CMP_LT_I64_S, (int64_t)a < (int64_t)b)                                                        \
  OP(CMP_LT_I64_U, a < b)

#endif // EE_VM_INTEGERS_H_
