// ops_f32.c: the f32 instructions.
//
// Each call does one instruction; float arithmetic costs more than the call. A build without
// EERIE_VM_F32 leaves this file out.
#include "vm/internal.h"

#include "port/math.h"

#define ALIAS(NAME, CORE_NAME) [EE_VM_F32_##NAME] = EE_VM_OP_##CORE_NAME + 1

const uint8_t ee_vm_f32_aliases[EE_VM_F32_OPCODE_END] = {
    ALIAS(GLOBAL_LOAD_F32, GLOBAL_LOAD_I32),
    ALIAS(GLOBAL_STORE_F32, GLOBAL_STORE_I32),
    ALIAS(GLOBAL_LOAD_INDIRECT_F32, GLOBAL_LOAD_INDIRECT_I32),
    ALIAS(GLOBAL_STORE_INDIRECT_F32, GLOBAL_STORE_INDIRECT_I32),
    ALIAS(CONST_F32_ZERO, CONST_I32_ZERO),
    ALIAS(CONST_F32, CONST_I32),
    ALIAS(SELECT_F32, SELECT_I32),
    ALIAS(SWITCH_F32, SWITCH_I32),
    ALIAS(BUFFER_LOAD_F32, BUFFER_LOAD_I32),
    ALIAS(BUFFER_STORE_F32, BUFFER_STORE_I32),
    ALIAS(BUFFER_FILL_F32, BUFFER_FILL_I32),
};

static inline float load_f32(const uint32_t *registers) {
  float value;
  memcpy(&value, registers, sizeof value);
  return value;
}
static inline void store_f32(uint32_t *registers, float value) {
  memcpy(registers, &value, sizeof value);
}

// Rounds half away from zero, as the compiler's conversions to integers mean it.
static float round_f32(float value) {
  float rounded = value;
  (void)ee_port_math_f32(EE_MATH_ROUND, value, 0, 0, &rounded);
  return rounded;
}

// The conversions between f32 and 64-bit integers are spelled out: where the CPU has none, the
// compiler's own pull in two kilobytes of double arithmetic.

// The integer that |value| is; `value` is one, and below 2^64.
static uint64_t f32_magnitude(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int exponent = (int)(bits >> 23 & 0xFF) - 150;
  const uint64_t digits = (bits & 0x7FFFFF) | 0x800000;
  if (exponent >= 0) return digits << exponent;
  return exponent > -24 ? digits >> -exponent : 0;
}

// To the nearest, half to even: 32 bits with the last one standing for all that follow round as the
// whole does, and what is left is a power of two.
static float u64_to_f32(uint64_t value) {
  const uint32_t high = (uint32_t)(value >> 32);
  if (high == 0) return (float)(uint32_t)value;
  const int shift = 32 - __builtin_clz(high);
  uint32_t digits = (uint32_t)(value >> shift);
  digits |= (value & ((UINT64_C(1) << shift) - 1)) != 0;
  const uint32_t scale_bits = (uint32_t)(127 + shift) << 23;
  float scale;
  memcpy(&scale, &scale_bits, sizeof scale);
  return (float)digits * scale;
}

static float i64_to_f32(int64_t value) {
  return value < 0 ? -u64_to_f32(0 - (uint64_t)value) : u64_to_f32((uint64_t)value);
}

// Out of range and NaN give INT64_MIN, as x86-64 does and with it the results of IREE's tools
// there. Conversions to 32 bits keep the low half, for the same reason.
static uint64_t round_f32_to_i64(float value) {
  const float rounded = round_f32(value);
  if (!(rounded >= -0x1p63f && rounded < 0x1p63f)) return UINT64_C(1) << 63;
  return rounded < 0 ? 0 - f32_magnitude(rounded) : f32_magnitude(rounded);
}

static uint64_t round_f32_to_u64(float value) {
  const float rounded = round_f32(value);
  return rounded >= 0x1p63f && rounded < 0x1p64f ? f32_magnitude(rounded) : round_f32_to_i64(value);
}

// `base` multiplied by itself: squares, and the reciprocal last. This order, and an exponent of 32
// bits, is what IREE's interpreter comes to, bit for bit. Compilers have the instruction from 3.12
// on.
static float power_f32(float base, int32_t exponent) {
  uint32_t left = exponent < 0 ? 0u - (uint32_t)exponent : (uint32_t)exponent;
  float result = 1;
  for (;;) {
    if (left & 1) result *= base;
    left >>= 1;
    if (left == 0) break;
    base *= base;
  }
  return exponent < 0 ? 1 / result : result;
}

#define U16(at)          ee_load_u16(pc + 1 + (at))
#define REG32(at)        regs[U16(at)]
#define REG64(at)        ee_vm_load64(regs + U16(at))
#define SET64(at, value) ee_vm_store64(regs + U16(at), (value))
#define GET(at)          load_f32(regs + U16(at))
#define SET(at, value)   store_f32(regs + U16(at), (value))
#define REF(at)          refs[U16(at) & EE_REGISTER_REF_MASK]
#define CASE(NAME)       case EE_VM_F32_##NAME:
#define DONE(size)                                                                                 \
  do {                                                                                             \
    *out_size = 1 + (size);                                                                        \
    return EERIE_OK;                                                                               \
  } while (0)

#define UNARY(NAME, expr)                                                                          \
  CASE(NAME) {                                                                                     \
    const float a = GET(0);                                                                        \
    SET(2, (expr));                                                                                \
    DONE(4);                                                                                       \
  }
#define BINARY(NAME, expr)                                                                         \
  CASE(NAME) {                                                                                     \
    const float a = GET(0), b = GET(2);                                                            \
    SET(4, (expr));                                                                                \
    DONE(6);                                                                                       \
  }
#define COMPARE(NAME, expr)                                                                        \
  CASE(NAME) {                                                                                     \
    const float a = GET(0), b = GET(2);                                                            \
    REG32(4) = (expr);                                                                             \
    DONE(6);                                                                                       \
  }
// A function of the port, with 1 or 2 operands.
#define MATH(NAME, math_op, count)                                                                 \
  CASE(NAME) {                                                                                     \
    op = (math_op);                                                                                \
    operand_count = (count);                                                                       \
    break;                                                                                         \
  }

eerie_status_t ee_vm_step_f32(const uint8_t *pc, uint32_t *regs, ee_object_t **refs,
                              uint32_t *out_size, eerie_error_t *err) {
  ee_math_op_t op;
  uint32_t operand_count;
  switch (*pc) {
    CASE(LIST_GET_F32) {
      const ee_vm_list_t *list = ee_vm_list_cast(REF(0));
      if (!list) return ee_vm_bad_object(REF(0), "vm.list", err);
      ee_vm_value_t value;
      EE_TRY(ee_vm_list_get(list, REG32(2), EE_VM_VALUE_F32, &value, err));
      SET(4, value.f32);
      DONE(6);
    }
    CASE(LIST_SET_F32) {
      ee_vm_list_t *list = ee_vm_list_cast(REF(0));
      if (!list) return ee_vm_bad_object(REF(0), "vm.list", err);
      const ee_vm_value_t value = {.f32 = GET(4)};
      EE_TRY(ee_vm_list_set(list, REG32(2), EE_VM_VALUE_F32, value, err));
      DONE(6);
    }

    BINARY(ADD_F32, a + b)
    BINARY(SUB_F32, a - b)
    BINARY(MUL_F32, a * b)
    BINARY(DIV_F32, a / b)
    MATH(REM_F32, EE_MATH_REMAINDER, 2)
    CASE(FMA_F32) {
      const float a = GET(0), b = GET(2), c = GET(4);
#if defined(EE_MATH_FUSED_F32)
      SET(6, __builtin_fmaf(a, b, c));
#else
      const float product = a * b;
      SET(6, product + c);
#endif
      DONE(8);
    }
    UNARY(ABS_F32, __builtin_fabsf(a))
    UNARY(NEG_F32, -a)
    MATH(CEIL_F32, EE_MATH_CEIL, 1)
    MATH(FLOOR_F32, EE_MATH_FLOOR, 1)
    MATH(ROUND_F32, EE_MATH_ROUND, 1)
    MATH(ROUND_F32_EVEN, EE_MATH_ROUND_EVEN, 1)
    // A NaN on the right loses, one on the left wins: what IREE's interpreter does.
    BINARY(MIN_F32, b < a ? b : a)
    BINARY(MAX_F32, a < b ? b : a)

    CASE(CAST_SI32_F32) {
      SET(2, (float)(int32_t)REG32(0));
      DONE(4);
    }
    CASE(CAST_UI32_F32) {
      SET(2, (float)REG32(0));
      DONE(4);
    }
    CASE(CAST_SI64_F32) {
      SET(2, i64_to_f32((int64_t)REG64(0)));
      DONE(4);
    }
    CASE(CAST_UI64_F32) {
      SET(2, u64_to_f32(REG64(0)));
      DONE(4);
    }
    CASE(CAST_F32_SI32)
    CASE(CAST_F32_UI32) {
      REG32(2) = (uint32_t)round_f32_to_i64(GET(0));
      DONE(4);
    }
    CASE(CAST_F32_SI64) {
      SET64(2, round_f32_to_i64(GET(0)));
      DONE(4);
    }
    CASE(CAST_F32_UI64) {
      SET64(2, round_f32_to_u64(GET(0)));
      DONE(4);
    }
    CASE(BITCAST_I32_F32)
    CASE(BITCAST_F32_I32) {
      REG32(2) = REG32(0);
      DONE(4);
    }

    CASE(FPOWI_F32) {
      SET(4, power_f32(GET(0), (int32_t)REG64(2)));
      DONE(6);
    }
    MATH(ATAN_F32, EE_MATH_ATAN, 1)
    MATH(ATAN2_F32, EE_MATH_ATAN2, 2)
    MATH(COS_F32, EE_MATH_COS, 1)
    MATH(SIN_F32, EE_MATH_SIN, 1)
    MATH(EXP_F32, EE_MATH_EXP, 1)
    MATH(EXP2_F32, EE_MATH_EXP2, 1)
    MATH(EXPM1_F32, EE_MATH_EXPM1, 1)
    MATH(LOG_F32, EE_MATH_LOG, 1)
    MATH(LOG10_F32, EE_MATH_LOG10, 1)
    MATH(LOG1P_F32, EE_MATH_LOG1P, 1)
    MATH(LOG2_F32, EE_MATH_LOG2, 1)
    MATH(POW_F32, EE_MATH_POW, 2)
    MATH(RSQRT_F32, EE_MATH_SQRT, 1)
    MATH(SQRT_F32, EE_MATH_SQRT, 1)
    MATH(TANH_F32, EE_MATH_TANH, 1)
    MATH(ERF_F32, EE_MATH_ERF, 1)

    // "o" (ordered) is false for a NaN and "u" true, but for inequality, which is true in both.
    COMPARE(CMP_EQ_F32_O, a == b)
    COMPARE(CMP_EQ_F32_U, !(a < b || a > b))
    COMPARE(CMP_NE_F32_O, a != b)
    COMPARE(CMP_NE_F32_U, a != b)
    COMPARE(CMP_LT_F32_O, a < b)
    COMPARE(CMP_LT_F32_U, !(a >= b))
    COMPARE(CMP_LTE_F32_O, a <= b)
    COMPARE(CMP_LTE_F32_U, !(a > b))
    CASE(CMP_NAN_F32) {
      const float a = GET(0);
      REG32(2) = a != a;
      DONE(4);
    }
  default: return EE_FAIL(err, EERIE_DATA_LOSS, "no such f32 instruction: 0x%02X", (unsigned)*pc);
  }

  const float a = GET(0);
  const float b = operand_count > 1 ? GET(2) : 0;
  float result;
  if (!ee_port_math_f32(op, a, b, 0, &result)) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "f32 instruction 0x%02X needs libm, which this build does without",
                   (unsigned)*pc);
  }
  if (*pc == EE_VM_F32_RSQRT_F32) result = 1 / result;
  SET(2 * operand_count, result);
  DONE(2 * operand_count + 2);
}
