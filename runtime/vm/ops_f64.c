// ops_f64.c: the f64 instructions.
//
// Each call does one instruction; double arithmetic costs more than the call. A build without
// EERIE_VM_F64 leaves this file out.
#include "vm/internal.h"

#include "port/math.h"

#define ALIAS(NAME, CORE_NAME) [EE_VM_F64_##NAME] = EE_VM_OP_##CORE_NAME + 1

const uint8_t ee_vm_f64_aliases[EE_VM_F64_OPCODE_END] = {
    ALIAS(GLOBAL_LOAD_F64, GLOBAL_LOAD_I64),
    ALIAS(GLOBAL_STORE_F64, GLOBAL_STORE_I64),
    ALIAS(GLOBAL_LOAD_INDIRECT_F64, GLOBAL_LOAD_INDIRECT_I64),
    ALIAS(GLOBAL_STORE_INDIRECT_F64, GLOBAL_STORE_INDIRECT_I64),
    ALIAS(CONST_F64_ZERO, CONST_I64_ZERO),
    ALIAS(CONST_F64, CONST_I64),
    ALIAS(SELECT_F64, SELECT_I64),
    ALIAS(SWITCH_F64, SWITCH_I64),
    ALIAS(BUFFER_LOAD_F64, BUFFER_LOAD_I64),
    ALIAS(BUFFER_STORE_F64, BUFFER_STORE_I64),
    ALIAS(BUFFER_FILL_F64, BUFFER_FILL_I64),
};

static inline double load_f64(const uint32_t *registers) {
  double value;
  memcpy(&value, registers, sizeof value);
  return value;
}
static inline void store_f64(uint32_t *registers, double value) {
  memcpy(registers, &value, sizeof value);
}

// See ops_f32.c for the choice of results out of range.
static double round_f64(double value) {
  double rounded = value;
  (void)ee_port_math_f64(EE_MATH_ROUND, value, 0, 0, &rounded);
  return rounded;
}

static int64_t round_f64_to_i64(double value) {
  const double rounded = round_f64(value);
  return rounded >= -0x1p63 && rounded < 0x1p63 ? (int64_t)rounded : INT64_MIN;
}

static uint64_t round_f64_to_u64(double value) {
  const double rounded = round_f64(value);
  return rounded >= 0x1p63 && rounded < 0x1p64 ? (uint64_t)rounded
                                               : (uint64_t)round_f64_to_i64(value);
}

// `base` multiplied by itself: squares, and the reciprocal last. This order, and an exponent of 32
// bits, is what IREE's interpreter comes to, bit for bit. Compilers have the instruction from 3.12
// on.
static double power_f64(double base, int32_t exponent) {
  uint32_t left = exponent < 0 ? 0u - (uint32_t)exponent : (uint32_t)exponent;
  double result = 1;
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
#define GET(at)          load_f64(regs + U16(at))
#define SET(at, value)   store_f64(regs + U16(at), (value))
#define REF(at)          refs[U16(at) & EE_REGISTER_REF_MASK]
#define CASE(NAME)       case EE_VM_F64_##NAME:
#define DONE(size)                                                                                 \
  do {                                                                                             \
    *out_size = 1 + (size);                                                                        \
    return EERIE_OK;                                                                               \
  } while (0)

#define UNARY(NAME, expr)                                                                          \
  CASE(NAME) {                                                                                     \
    const double a = GET(0);                                                                       \
    SET(2, (expr));                                                                                \
    DONE(4);                                                                                       \
  }
#define BINARY(NAME, expr)                                                                         \
  CASE(NAME) {                                                                                     \
    const double a = GET(0), b = GET(2);                                                           \
    SET(4, (expr));                                                                                \
    DONE(6);                                                                                       \
  }
#define COMPARE(NAME, expr)                                                                        \
  CASE(NAME) {                                                                                     \
    const double a = GET(0), b = GET(2);                                                           \
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

eerie_status_t ee_vm_step_f64(const uint8_t *pc, uint32_t *regs, ee_object_t **refs,
                              uint32_t *out_size, eerie_error_t *err) {
  ee_math_op_t op;
  uint32_t operand_count;
  switch (*pc) {
    CASE(LIST_GET_F64) {
      const ee_vm_list_t *list = ee_vm_list_cast(REF(0));
      if (!list) return ee_vm_bad_object(REF(0), "vm.list", err);
      ee_vm_value_t value;
      EE_TRY(ee_vm_list_get(list, REG32(2), EE_VM_VALUE_F64, &value, err));
      SET(4, value.f64);
      DONE(6);
    }
    CASE(LIST_SET_F64) {
      ee_vm_list_t *list = ee_vm_list_cast(REF(0));
      if (!list) return ee_vm_bad_object(REF(0), "vm.list", err);
      const ee_vm_value_t value = {.f64 = GET(4)};
      EE_TRY(ee_vm_list_set(list, REG32(2), EE_VM_VALUE_F64, value, err));
      DONE(6);
    }

    BINARY(ADD_F64, a + b)
    BINARY(SUB_F64, a - b)
    BINARY(MUL_F64, a * b)
    BINARY(DIV_F64, a / b)
    MATH(REM_F64, EE_MATH_REMAINDER, 2)
    CASE(FMA_F64) {
      const double a = GET(0), b = GET(2), c = GET(4);
#if defined(EE_MATH_FUSED_F64)
      SET(6, __builtin_fma(a, b, c));
#else
      const double product = a * b;
      SET(6, product + c);
#endif
      DONE(8);
    }
    UNARY(ABS_F64, __builtin_fabs(a))
    UNARY(NEG_F64, -a)
    MATH(CEIL_F64, EE_MATH_CEIL, 1)
    MATH(FLOOR_F64, EE_MATH_FLOOR, 1)
    MATH(ROUND_F64, EE_MATH_ROUND, 1)
    MATH(ROUND_F64_EVEN, EE_MATH_ROUND_EVEN, 1)
    // A NaN on the right loses, one on the left wins: what IREE's interpreter does.
    BINARY(MIN_F64, b < a ? b : a)
    BINARY(MAX_F64, a < b ? b : a)

    CASE(TRUNC_F64_F32) {
      const float value = (float)GET(0);
      memcpy(&REG32(2), &value, sizeof value);
      DONE(4);
    }
    CASE(EXT_F32_F64) {
      float value;
      memcpy(&value, &REG32(0), sizeof value);
      SET(2, (double)value);
      DONE(4);
    }
    CASE(CAST_SI32_F64) {
      SET(2, (double)(int32_t)REG32(0));
      DONE(4);
    }
    CASE(CAST_UI32_F64) {
      SET(2, (double)REG32(0));
      DONE(4);
    }
    CASE(CAST_SI64_F64) {
      SET(2, (double)(int64_t)REG64(0));
      DONE(4);
    }
    CASE(CAST_UI64_F64) {
      SET(2, (double)REG64(0));
      DONE(4);
    }
    CASE(CAST_F64_SI32)
    CASE(CAST_F64_UI32) {
      REG32(2) = (uint32_t)(uint64_t)round_f64_to_i64(GET(0));
      DONE(4);
    }
    CASE(CAST_F64_SI64) {
      SET64(2, (uint64_t)round_f64_to_i64(GET(0)));
      DONE(4);
    }
    CASE(CAST_F64_UI64) {
      SET64(2, round_f64_to_u64(GET(0)));
      DONE(4);
    }
    CASE(BITCAST_I64_F64)
    CASE(BITCAST_F64_I64) {
      SET64(2, REG64(0));
      DONE(4);
    }

    CASE(FPOWI_F64) {
      SET(4, power_f64(GET(0), (int32_t)REG64(2)));
      DONE(6);
    }
    MATH(ATAN_F64, EE_MATH_ATAN, 1)
    MATH(ATAN2_F64, EE_MATH_ATAN2, 2)
    MATH(COS_F64, EE_MATH_COS, 1)
    MATH(SIN_F64, EE_MATH_SIN, 1)
    MATH(EXP_F64, EE_MATH_EXP, 1)
    MATH(EXP2_F64, EE_MATH_EXP2, 1)
    MATH(EXPM1_F64, EE_MATH_EXPM1, 1)
    MATH(LOG_F64, EE_MATH_LOG, 1)
    MATH(LOG10_F64, EE_MATH_LOG10, 1)
    MATH(LOG1P_F64, EE_MATH_LOG1P, 1)
    MATH(LOG2_F64, EE_MATH_LOG2, 1)
    MATH(POW_F64, EE_MATH_POW, 2)
    MATH(RSQRT_F64, EE_MATH_SQRT, 1)
    MATH(SQRT_F64, EE_MATH_SQRT, 1)
    MATH(TANH_F64, EE_MATH_TANH, 1)
    MATH(ERF_F64, EE_MATH_ERF, 1)

    // "o" (ordered) is false for a NaN and "u" true, but for inequality, which is true in both.
    COMPARE(CMP_EQ_F64_O, a == b)
    COMPARE(CMP_EQ_F64_U, !(a < b || a > b))
    COMPARE(CMP_NE_F64_O, a != b)
    COMPARE(CMP_NE_F64_U, a != b)
    COMPARE(CMP_LT_F64_O, a < b)
    COMPARE(CMP_LT_F64_U, !(a >= b))
    COMPARE(CMP_LTE_F64_O, a <= b)
    COMPARE(CMP_LTE_F64_U, !(a > b))
    CASE(CMP_NAN_F64) {
      const double a = GET(0);
      REG32(2) = a != a;
      DONE(4);
    }
  default: return EE_FAIL(err, EERIE_DATA_LOSS, "no such f64 instruction: 0x%02X", (unsigned)*pc);
  }

  const double a = GET(0);
  const double b = operand_count > 1 ? GET(2) : 0;
  double result;
  if (!ee_port_math_f64(op, a, b, 0, &result)) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "f64 instruction 0x%02X needs libm, which this build does without",
                   (unsigned)*pc);
  }
  if (*pc == EE_VM_F64_RSQRT_F64) result = 1 / result;
  SET(2 * operand_count, result);
  DONE(2 * operand_count + 2);
}
