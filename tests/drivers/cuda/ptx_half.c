// ptx_half.c: arithmetic of f16 and bf16, alone and in pairs.
#include "ptx_internal.h"

#include <math.h>

typedef double (*half_function_t)(double a, double b, double c, uint32_t modifiers);

// What is done to each half; results are rounded to odd or exact.
static void each_half(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes,
                      half_function_t function) {
  const ptx_format_t format = at->type.kind == KIND_BFLOAT ? PTX_BF16 : PTX_F16;
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in_a = ptx_slot(warp, at->in[0]), *in_b = ptx_slot(warp, at->in[1]);
  const uint64_t *in_c = ptx_slot(warp, at->in[2]);
  PTX_EACH(lane, lanes) {
    uint64_t result = 0;
    for (uint32_t shift = 0; shift < at->type.count * 16U; shift += 16) {
      const double a = ptx_widen((uint16_t)(in_a[lane] >> shift), format);
      const double b = ptx_widen((uint16_t)(in_b[lane] >> shift), format);
      const double c = ptx_widen((uint16_t)(in_c[lane] >> shift), format);
      double value = function(a, b, c, at->modifiers);
      if (at->modifiers & MODIFIER_SAT) value = value > 0 ? value < 1 ? value : 1 : 0;
      if (at->modifiers & MODIFIER_RELU && value < 0) value = 0;
      result |= (uint64_t)ptx_round(value, format, MODIFIER_RN) << shift;
    }
    out[lane] = result;
  }
}

#define FORM(name, expression)                                                                     \
  static double name##_value(double a, double b, double c, uint32_t modifiers) {                   \
    (void)a, (void)b, (void)c, (void)modifiers;                                                    \
    return expression;                                                                             \
  }                                                                                                \
  static void name(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {                \
    each_half(warp, at, lanes, name##_value);                                                      \
  }

static double least(double a, double b, bool keep_nan) {
  if (isnan(a) || isnan(b)) return keep_nan ? NAN : isnan(a) ? b : a;
  if (a == b) return signbit(a) ? a : b;
  return a < b ? a : b;
}

FORM(add, ptx_odd_add(a, b))
FORM(sub, ptx_odd_add(a, -b))
FORM(mul, a *b) // of 22 bits at most
FORM(fma_half, ptx_odd_fma(a, b, c))
FORM(min, least(a, b, modifiers &MODIFIER_NAN))
FORM(max, -least(-a, -b, modifiers &MODIFIER_NAN))
FORM(ex2, exp2(a))
FORM(tanh_half, tanh(a))

static void change_sign(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes, bool flip) {
  const uint64_t signs = at->type.count == 2 ? 0x80008000 : 0x8000;
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[0]);
  PTX_EACH(lane, lanes) out[lane] = flip ? in[lane] ^ signs : in[lane] & ~signs;
}
static void neg(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  change_sign(warp, at, lanes, true);
}
static void absolute(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  change_sign(warp, at, lanes, false);
}

enum {
  ARITHMETIC = MODIFIER_RN | MODIFIER_SAT,
  FUSED = MODIFIER_RN | MODIFIER_SAT | MODIFIER_RELU,
};

#define FORMS(type)                                                                                \
  {"add." type, "daa", ARITHMETIC, add}, {"sub." type, "daa", ARITHMETIC, sub},                    \
      {"mul." type, "daa", ARITHMETIC, mul}, {"fma." type, "daaa", FUSED, fma_half},               \
      {"min." type, "daa", MODIFIER_NAN, min}, {"max." type, "daa", MODIFIER_NAN, max},            \
      {"neg." type, "da", 0, neg}, {"abs." type, "da", 0, absolute},                               \
      {"ex2.approx." type, "da", 0, ex2}, {                                                        \
    "tanh.approx." type, "da", 0, tanh_half                                                        \
  }

const ptx_form_t ptx_half_forms[] = {
    FORMS("f16"), FORMS("f16x2"), FORMS("bf16"), FORMS("bf16x2"), {NULL, NULL, 0, NULL},
};
