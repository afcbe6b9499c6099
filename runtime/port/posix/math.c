// math.c: float functions of the interpreter, by the system's libm.
#include <math.h>

#include "port/math.h"

bool ee_port_math_f32(ee_math_op_t op, float a, float b, float c, float *out) {
  switch (op) {
  case EE_MATH_ATAN: *out = atanf(a); return true;
  case EE_MATH_ATAN2: *out = atan2f(a, b); return true;
  case EE_MATH_COS: *out = cosf(a); return true;
  case EE_MATH_SIN: *out = sinf(a); return true;
  case EE_MATH_EXP: *out = expf(a); return true;
  case EE_MATH_EXP2: *out = exp2f(a); return true;
  case EE_MATH_EXPM1: *out = expm1f(a); return true;
  case EE_MATH_LOG: *out = logf(a); return true;
  case EE_MATH_LOG10: *out = log10f(a); return true;
  case EE_MATH_LOG1P: *out = log1pf(a); return true;
  case EE_MATH_LOG2: *out = log2f(a); return true;
  case EE_MATH_POW: *out = powf(a, b); return true;
  case EE_MATH_SQRT: *out = sqrtf(a); return true;
  case EE_MATH_TANH: *out = tanhf(a); return true;
  case EE_MATH_ERF: *out = erff(a); return true;
  case EE_MATH_REMAINDER: *out = remainderf(a, b); return true;
  case EE_MATH_CEIL: *out = ceilf(a); return true;
  case EE_MATH_FLOOR: *out = floorf(a); return true;
  case EE_MATH_ROUND: *out = roundf(a); return true;
  // To even in the default rounding mode, which nobody here changes.
  case EE_MATH_ROUND_EVEN: *out = rintf(a); return true;
  case EE_MATH_FMA: *out = fmaf(a, b, c); return true;
  }
  return false;
}

bool ee_port_math_f64(ee_math_op_t op, double a, double b, double c, double *out) {
  switch (op) {
  case EE_MATH_ATAN: *out = atan(a); return true;
  case EE_MATH_ATAN2: *out = atan2(a, b); return true;
  case EE_MATH_COS: *out = cos(a); return true;
  case EE_MATH_SIN: *out = sin(a); return true;
  case EE_MATH_EXP: *out = exp(a); return true;
  case EE_MATH_EXP2: *out = exp2(a); return true;
  case EE_MATH_EXPM1: *out = expm1(a); return true;
  case EE_MATH_LOG: *out = log(a); return true;
  case EE_MATH_LOG10: *out = log10(a); return true;
  case EE_MATH_LOG1P: *out = log1p(a); return true;
  case EE_MATH_LOG2: *out = log2(a); return true;
  case EE_MATH_POW: *out = pow(a, b); return true;
  case EE_MATH_SQRT: *out = sqrt(a); return true;
  case EE_MATH_TANH: *out = tanh(a); return true;
  case EE_MATH_ERF: *out = erf(a); return true;
  case EE_MATH_REMAINDER: *out = remainder(a, b); return true;
  case EE_MATH_CEIL: *out = ceil(a); return true;
  case EE_MATH_FLOOR: *out = floor(a); return true;
  case EE_MATH_ROUND: *out = round(a); return true;
  case EE_MATH_ROUND_EVEN: *out = rint(a); return true;
  case EE_MATH_FMA: *out = fma(a, b, c); return true;
  }
  return false;
}
