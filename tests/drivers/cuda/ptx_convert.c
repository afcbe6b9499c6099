// ptx_convert.c: cvt, from any type to any other.
#include "ptx_internal.h"

#include <math.h>

// A value on its way: floats as a double, which holds each of them; integers as they are.
typedef struct number {
  bool is_float, is_signed;
  double real;
  uint64_t whole;
} number_t;

static ptx_format_t format_of(ptx_type_t type) {
  if (type.bits == 32) return PTX_F32;
  return type.kind == KIND_BFLOAT ? PTX_BF16 : PTX_F16;
}

static bool is_float(ptx_type_t type) {
  return type.kind == KIND_FLOAT || type.kind == KIND_BFLOAT;
}

static number_t read(uint64_t bits, ptx_type_t type) {
  number_t number = {.is_float = is_float(type), .is_signed = type.kind == KIND_SIGNED};
  const uint32_t unused = 64U - type.bits;
  if (number.is_float) {
    number.real = type.bits == 64
                      ? ptx_double(bits)
                      : ptx_widen((uint32_t)(bits << unused >> unused), format_of(type));
  } else if (number.is_signed) {
    number.whole = (uint64_t)((int64_t)(bits << unused) >> unused);
  } else {
    number.whole = bits << unused >> unused;
  }
  return number;
}

static double integral(double value, uint32_t modifiers) {
  if (modifiers & MODIFIER_RZ) return trunc(value);
  if (modifiers & MODIFIER_RM) return floor(value);
  if (modifiers & MODIFIER_RP) return ceil(value);
  return nearbyint(value);
}

static uint64_t least_of(ptx_type_t type) {
  return type.kind == KIND_SIGNED ? UINT64_MAX << (type.bits - 1) : 0;
}
static uint64_t greatest_of(ptx_type_t type) {
  return UINT64_MAX >> (64 - type.bits) >> (type.kind == KIND_SIGNED);
}

// ISA, "cvt": what lies outside is clamped; NaN becomes zero, or the highest bit alone where either
// side has 64 bits.
static uint64_t float_to_integer(double value, const ptx_instruction_t *at) {
  const ptx_type_t to = at->type;
  if (isnan(value)) return at->from.bits == 64 || to.bits == 64 ? UINT64_C(1) << (to.bits - 1) : 0;
  const double whole = integral(value, at->modifiers);
  const bool is_signed = to.kind == KIND_SIGNED;
  const double end = ldexp(1, to.bits - is_signed);
  if (whole >= end) return greatest_of(to);
  if (is_signed) return whole < -end ? least_of(to) : (uint64_t)(int64_t)whole;
  return whole <= 0 ? 0 : (uint64_t)whole;
}

static uint64_t integer_to_integer(number_t number, const ptx_instruction_t *at) {
  if (!(at->modifiers & MODIFIER_SAT)) return number.whole;
  const bool negative = number.is_signed && (int64_t)number.whole < 0;
  if (negative) {
    const bool below =
        at->type.kind != KIND_SIGNED || (int64_t)number.whole < (int64_t)least_of(at->type);
    return below ? least_of(at->type) : number.whole;
  }
  return number.whole > greatest_of(at->type) ? greatest_of(at->type) : number.whole;
}

// An integer's halves are doubles without an error; their sum has one at most.
static double real_of(number_t number, ptx_type_t to) {
  if (number.is_float) return number.real;
  const double low = (double)(number.whole & UINT32_MAX);
  const uint32_t above = (uint32_t)(number.whole >> 32);
  const double high = ldexp(number.is_signed ? (double)(int32_t)above : (double)above, 32);
  return to.bits == 64 ? high + low : ptx_odd_add(high, low);
}

static double limited(double value, uint32_t modifiers) {
  if (modifiers & MODIFIER_SAT) return value > 0 ? value < 1 ? value : 1 : 0;
  if (modifiers & MODIFIER_RELU && value < 0) return 0;
  return value;
}

static uint64_t to_float(number_t number, const ptx_instruction_t *at) {
  double value = real_of(number, at->type);
  if (at->modifiers & MODIFIER_INTEGRAL && isfinite(value))
    value = copysign(integral(value, at->modifiers), value);
  value = limited(value, at->modifiers);
  if (at->type.bits == 64) return ptx_double_bits(value);
  const ptx_format_t format = format_of(at->type);
  uint32_t bits = ptx_round(value, format, at->modifiers);
  if (at->modifiers & MODIFIER_FTZ && at->type.bits == 32 && !(bits & 0x7f800000))
    bits &= 0x80000000;
  return bits;
}

static uint64_t converted(uint64_t bits, const ptx_instruction_t *at) {
  number_t number = read(bits, at->from);
  if (at->modifiers & MODIFIER_FTZ && at->from.bits == 32 &&
      fpclassify((float)number.real) == FP_SUBNORMAL)
    number.real = copysign(0, number.real);
  if (is_float(at->type)) return to_float(number, at);
  return number.is_float ? float_to_integer(number.real, at) : integer_to_integer(number, at);
}

static void convert(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[0]);
  // A register that is wider than the type is filled with zeros or the sign: `mode` has its bits.
  const uint32_t unused = 64U - at->mode;
  const uint32_t above = 64U - at->type.bits;
  PTX_EACH(lane, lanes) {
    uint64_t value = converted(in[lane], at) << above;
    value = at->type.kind == KIND_SIGNED ? (uint64_t)((int64_t)value >> above) : value >> above;
    out[lane] = value << unused >> unused;
  }
}

// Two values of 32 bits to a pair of halves, the first the high one.
static void convert_pair(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *high = ptx_slot(warp, at->in[0]), *low = ptx_slot(warp, at->in[1]);
  PTX_EACH(lane, lanes) {
    const uint64_t a = converted(high[lane], at), b = converted(low[lane], at);
    out[lane] = a << 16 | b;
  }
}

// The most usual ones, that only cut a value or leave it.
static void keep_low(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[0]);
  const uint32_t bits = at->type.bits < at->from.bits ? at->type.bits : at->from.bits;
  const uint64_t mask = UINT64_MAX >> (64U - bits);
  PTX_EACH(lane, lanes) out[lane] = in[lane] & mask;
}

static bool take_modifiers(ptx_mnemonic_t *mnemonic, uint16_t *out_modifiers) {
  static const char *const words[] = {"rn",  "rz",  "rm",  "rp",  "rni",  "rzi",
                                      "rmi", "rpi", "ftz", "sat", "relu", NULL};
  static const uint16_t bits[] = {
      MODIFIER_RN,
      MODIFIER_RZ,
      MODIFIER_RM,
      MODIFIER_RP,
      MODIFIER_RN | MODIFIER_INTEGRAL,
      MODIFIER_RZ | MODIFIER_INTEGRAL,
      MODIFIER_RM | MODIFIER_INTEGRAL,
      MODIFIER_RP | MODIFIER_INTEGRAL,
      MODIFIER_FTZ,
      MODIFIER_SAT,
      MODIFIER_RELU,
  };
  for (;;) {
    const int found = ptx_take_any(mnemonic, words);
    if (found < 0) return true;
    if (bits[found] & MODIFIER_ROUND && *out_modifiers & MODIFIER_ROUND) return false;
    *out_modifiers |= bits[found];
  }
}

// Whether a type has all values of another, so that nothing is to be saturated.
static bool holds_all(ptx_type_t to, ptx_type_t from) {
  const bool widens = from.kind == KIND_UNSIGNED && to.kind == KIND_SIGNED && to.bits > from.bits;
  return widens || (to.kind == from.kind && to.bits >= from.bits);
}

// ISA, "cvt": where a direction of rounding has to stand, and which.
static bool check_rounding(const ptx_instruction_t *at) {
  const bool from = is_float(at->from), to = is_float(at->type);
  const bool rounds = at->modifiers & MODIFIER_ROUND;
  const bool whole = at->modifiers & MODIFIER_INTEGRAL;
  if (!from && !to)
    return !rounds && !(at->modifiers & MODIFIER_SAT && holds_all(at->type, at->from));
  if (from && !to) return rounds && whole;
  if (!from)
    return rounds && !whole &&
           (at->type.bits < 64 || at->from.bits < 64 || at->modifiers & MODIFIER_RN);
  if (at->type.bits < at->from.bits) return rounds && !whole;
  if (at->type.bits == at->from.bits && at->type.kind == at->from.kind) return !rounds || whole;
  return !rounds || (at->type.bits == at->from.bits && !whole);
}

static bool parse_cvt(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  uint16_t modifiers = 0;
  if (!take_modifiers(mnemonic, &modifiers) || !ptx_take_type(mnemonic, &out->type) ||
      !ptx_take_type(mnemonic, &out->from))
    return false;
  out->modifiers = modifiers;
  if (out->from.count != 1 || out->from.kind == KIND_PREDICATE ||
      out->type.kind == KIND_PREDICATE || out->from.kind == KIND_BITS ||
      out->type.kind == KIND_BITS || !check_rounding(out))
    return false;
  if (out->type.count == 2) {
    if (out->from.bits != 32 || !is_float(out->from)) return false;
    out->run = convert_pair;
    return ptx_target(parser, out->type, &out->out[0]) && ptx_comma(parser) &&
           ptx_source(parser, out->from, &out->in[0]) && ptx_comma(parser) &&
           ptx_source(parser, out->from, &out->in[1]);
  }
  out->mode = 64;
  const bool cuts =
      out->type.kind == KIND_UNSIGNED && out->from.kind == KIND_UNSIGNED && !modifiers;
  out->run = cuts ? keep_low : convert;
  if (!ptx_wide_target(parser, out->type, &out->out[0])) return false;
  if (out->type.kind == KIND_SIGNED) out->mode = ptx_register_bits(parser, out->out[0]);
  return ptx_comma(parser) && ptx_wide_source(parser, out->from, &out->in[0]);
}

const ptx_family_t ptx_convert_families[] = {{"cvt", parse_cvt}, {NULL, NULL}};
