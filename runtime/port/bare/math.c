// math.c: float functions of the interpreter where there is no libm: rounding, and what the FPU
// does with one instruction. All others answer false. A product that has a libm leaves this file
// out and takes posix/math.c, which needs nothing but C.
#include <float.h>

#include "eerie/eerie_config.h"
#include "port/math.h"

// From this magnitude on every value is an integer. The additions below round to one.
#define F32_INTEGERS 0x1p23f
#define F64_INTEGERS 0x1p52

// Adding and subtracting the bound rounds to an integer, half to even, as long as the arithmetic is
// done in the type itself (no excess precision) and not reassociated.
#if FLT_EVAL_METHOD != 0
#error "this file needs float arithmetic without excess precision"
#endif

#define DEFINE_ROUNDING(type, suffix, fabs_, copysign_, integers)                                  \
  static type even_##suffix(type a) {                                                              \
    const type magnitude = fabs_(a);                                                               \
    if (!(magnitude < (integers))) return a;                                                       \
    const type sum = magnitude + (integers);                                                       \
    return copysign_(sum - (integers), a);                                                         \
  }                                                                                                \
  static bool round_##suffix(ee_math_op_t op, type a, type *out) {                                 \
    type result = even_##suffix(a);                                                                \
    switch (op) {                                                                                  \
    case EE_MATH_CEIL: result += result < a ? 1 : 0; break;                                        \
    case EE_MATH_FLOOR: result -= result > a ? 1 : 0; break;                                       \
    case EE_MATH_ROUND:                                                                            \
      if (fabs_(a - result) == (type)0.5 && fabs_(result) < fabs_(a))                              \
        result += copysign_((type)1, a);                                                           \
      break;                                                                                       \
    case EE_MATH_ROUND_EVEN: break;                                                                \
    default: return false;                                                                         \
    }                                                                                              \
    *out = copysign_(result, a); /* -0.25 rounds to -0 */                                          \
    return true;                                                                                   \
  }

DEFINE_ROUNDING(float, f32, __builtin_fabsf, __builtin_copysignf, F32_INTEGERS)

bool ee_port_math_f32(ee_math_op_t op, float a, float b, float c, float *out) {
  (void)b, (void)c;
#if defined(__ARM_FP) && (__ARM_FP & 4) && defined(__arm__)
  if (op == EE_MATH_SQRT) {
    __asm__("vsqrt.f32 %0, %1" : "=t"(*out) : "t"(a));
    return true;
  }
#if defined(__ARM_FEATURE_FMA)
  if (op == EE_MATH_FMA) {
    __asm__("vfma.f32 %0, %1, %2" : "+t"(c) : "t"(a), "t"(b));
    *out = c;
    return true;
  }
#endif
#endif
  return round_f32(op, a, out);
}

#if EERIE_VM_F64
DEFINE_ROUNDING(double, f64, __builtin_fabs, __builtin_copysign, F64_INTEGERS)

bool ee_port_math_f64(ee_math_op_t op, double a, double b, double c, double *out) {
  (void)b, (void)c;
  return round_f64(op, a, out);
}
#endif
