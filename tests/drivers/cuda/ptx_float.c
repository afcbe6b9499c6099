// ptx_float.c: arithmetic of f32 and f64.
#include "ptx_internal.h"

#include <math.h>

static float flushed(float value) {
  return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value;
}

// `expression` is of a, b and c; subnormal numbers are zero before and after where .ftz says so.
#define FORM_F32(name, expression)                                                                 \
  static void name(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {                \
    uint64_t *out = ptx_slot(warp, at->out[0]);                                                    \
    const uint64_t *in_a = ptx_slot(warp, at->in[0]), *in_b = ptx_slot(warp, at->in[1]);           \
    const uint64_t *in_c = ptx_slot(warp, at->in[2]);                                              \
    const uint32_t modifiers = at->modifiers;                                                      \
    PTX_EACH(lane, lanes) {                                                                        \
      float a = ptx_float(in_a[lane]), b = ptx_float(in_b[lane]), c = ptx_float(in_c[lane]);       \
      if (modifiers & MODIFIER_FTZ) a = flushed(a), b = flushed(b), c = flushed(c);                \
      (void)b, (void)c;                                                                            \
      float result = expression;                                                                   \
      if (modifiers & MODIFIER_FTZ) result = flushed(result);                                      \
      if (modifiers & MODIFIER_SAT) result = result > 0 ? result < 1 ? result : 1 : 0;             \
      out[lane] = ptx_float_bits(result);                                                          \
    }                                                                                              \
  }
#define FORM_F64(name, expression)                                                                 \
  static void name(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {                \
    uint64_t *out = ptx_slot(warp, at->out[0]);                                                    \
    const uint64_t *in_a = ptx_slot(warp, at->in[0]), *in_b = ptx_slot(warp, at->in[1]);           \
    const uint64_t *in_c = ptx_slot(warp, at->in[2]);                                              \
    PTX_EACH(lane, lanes) {                                                                        \
      const double a = ptx_double(in_a[lane]), b = ptx_double(in_b[lane]);                         \
      const double c = ptx_double(in_c[lane]);                                                     \
      (void)b, (void)c;                                                                            \
      out[lane] = ptx_double_bits(expression);                                                     \
    }                                                                                              \
  }

// The machine's own rounding where it is to nearest; `exact` is rounded to odd.
#define DIRECTED(nearest, exact)                                                                   \
  (modifiers & (MODIFIER_RZ | MODIFIER_RM | MODIFIER_RP)                                           \
       ? ptx_float(ptx_round(exact, PTX_F32, modifiers))                                           \
       : (nearest))

FORM_F32(add_f32, DIRECTED(a + b, ptx_odd_add(a, b)))
FORM_F32(sub_f32, DIRECTED(a - b, ptx_odd_add(a, -b)))
FORM_F32(mul_f32, DIRECTED(a *b, (double)a *b))
FORM_F32(fma_f32, DIRECTED(fmaf(a, b, c), ptx_odd_fma(a, b, c)))
FORM_F32(div_f32, DIRECTED(a / b, ptx_odd_divide(a, b)))
FORM_F32(rcp_f32, DIRECTED(1 / a, ptx_odd_divide(1, a)))
FORM_F32(sqrt_f32, DIRECTED(sqrtf(a), ptx_odd_root(a)))
FORM_F32(rsqrt_f32, (float)(1 / sqrt(a)))
FORM_F32(abs_f32, fabsf(a))
FORM_F32(neg_f32, -a)
FORM_F32(copysign_f32, copysignf(b, a)) // the first operand's sign, the second's size
FORM_F32(ex2_f32, (float)exp2(a))
FORM_F32(lg2_f32, (float)log2(a))
FORM_F32(sin_f32, (float)sin(a))
FORM_F32(cos_f32, (float)cos(a))
FORM_F32(tanh_f32, (float)tanh(a))

FORM_F64(add_f64, a + b)
FORM_F64(sub_f64, a - b)
FORM_F64(mul_f64, a *b)
FORM_F64(fma_f64, fma(a, b, c))
FORM_F64(div_f64, a / b)
FORM_F64(rcp_f64, 1 / a)
FORM_F64(sqrt_f64, sqrt(a))
FORM_F64(rsqrt_f64, 1 / sqrt(a))
FORM_F64(abs_f64, fabs(a))
FORM_F64(neg_f64, -a)
FORM_F64(copysign_f64, copysign(b, a))

// Of a number and NaN the number, or NaN with .NaN; -0 is less than +0.
static double least(double a, double b, bool keep_nan) {
  if (isnan(a) || isnan(b)) return keep_nan ? NAN : isnan(a) ? b : a;
  if (a == b) return signbit(a) ? a : b;
  return a < b ? a : b;
}
static double greatest(double a, double b, bool keep_nan) {
  return -least(-a, -b, keep_nan);
}

FORM_F32(min_f32, (float)least(a, b, modifiers &MODIFIER_NAN))
FORM_F32(max_f32, (float)greatest(a, b, modifiers &MODIFIER_NAN))
FORM_F64(min_f64, least(a, b, false))
FORM_F64(max_f64, greatest(a, b, false))

enum {
  ARITHMETIC = MODIFIER_ROUND | MODIFIER_FTZ | MODIFIER_SAT,
  ROUNDED = MODIFIER_ROUND | MODIFIER_FTZ,
};

const ptx_form_t ptx_float_forms[] = {
    {"add.f32", "daa", ARITHMETIC, add_f32},
    {"sub.f32", "daa", ARITHMETIC, sub_f32},
    {"mul.f32", "daa", ARITHMETIC, mul_f32},
    {"fma.f32", "daaa", ARITHMETIC, fma_f32},
    {"mad.f32", "daaa", ARITHMETIC, fma_f32},
    {"div.f32", "daa", ROUNDED, div_f32},
    {"div.full.f32", "daa", MODIFIER_FTZ, div_f32},
    {"div.approx.f32", "daa", MODIFIER_FTZ, div_f32},
    {"rcp.f32", "da", ROUNDED, rcp_f32},
    {"rcp.approx.f32", "da", MODIFIER_FTZ, rcp_f32},
    {"sqrt.f32", "da", ROUNDED, sqrt_f32},
    {"sqrt.approx.f32", "da", MODIFIER_FTZ, sqrt_f32},
    {"rsqrt.approx.f32", "da", MODIFIER_FTZ, rsqrt_f32},
    {"abs.f32", "da", MODIFIER_FTZ, abs_f32},
    {"neg.f32", "da", MODIFIER_FTZ, neg_f32},
    {"copysign.f32", "daa", 0, copysign_f32},
    {"min.f32", "daa", MODIFIER_FTZ | MODIFIER_NAN, min_f32},
    {"max.f32", "daa", MODIFIER_FTZ | MODIFIER_NAN, max_f32},
    {"ex2.approx.f32", "da", MODIFIER_FTZ, ex2_f32},
    {"lg2.approx.f32", "da", MODIFIER_FTZ, lg2_f32},
    {"sin.approx.f32", "da", MODIFIER_FTZ, sin_f32},
    {"cos.approx.f32", "da", MODIFIER_FTZ, cos_f32},
    {"tanh.approx.f32", "da", 0, tanh_f32},
    {"add.f64", "daa", MODIFIER_RN, add_f64},
    {"sub.f64", "daa", MODIFIER_RN, sub_f64},
    {"mul.f64", "daa", MODIFIER_RN, mul_f64},
    {"fma.f64", "daaa", MODIFIER_RN, fma_f64},
    {"mad.f64", "daaa", MODIFIER_RN, fma_f64},
    {"div.f64", "daa", MODIFIER_RN, div_f64},
    {"rcp.f64", "da", MODIFIER_RN, rcp_f64},
    {"rcp.approx.f64", "da", MODIFIER_FTZ, rcp_f64},
    {"sqrt.f64", "da", MODIFIER_RN, sqrt_f64},
    {"rsqrt.approx.f64", "da", MODIFIER_FTZ, rsqrt_f64},
    {"abs.f64", "da", 0, abs_f64},
    {"neg.f64", "da", 0, neg_f64},
    {"copysign.f64", "daa", 0, copysign_f64},
    {"min.f64", "daa", 0, min_f64},
    {"max.f64", "daa", 0, max_f64},
    {NULL, NULL, 0, NULL},
};
