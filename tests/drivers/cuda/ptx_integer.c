// ptx_integer.c: arithmetic of integers and bits.
#include "ptx_internal.h"

// One function for each instruction: `expression` is of a, b, c (or x, y, z as they lie in the
// slots).
#define FORM(name, type, expression)                                                               \
  static void name(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {                \
    uint64_t *out = ptx_slot(warp, at->out[0]);                                                    \
    const uint64_t *in_a = ptx_slot(warp, at->in[0]), *in_b = ptx_slot(warp, at->in[1]);           \
    const uint64_t *in_c = ptx_slot(warp, at->in[2]);                                              \
    PTX_EACH(lane, lanes) {                                                                        \
      const type a = (type)in_a[lane], b = (type)in_b[lane], c = (type)in_c[lane];                 \
      const uint64_t x = in_a[lane], y = in_b[lane], z = in_c[lane];                               \
      (void)a, (void)b, (void)c, (void)x, (void)y, (void)z;                                        \
      out[lane] = (uint64_t)(expression);                                                          \
    }                                                                                              \
  }
// The same for the widths that PTX has. `bits` is an unsigned type, `value` what operands are read
// as.
#define FORM_UNSIGNED(name, expression)                                                            \
  FORM(name##_u16, uint16_t, (uint16_t)(expression))                                               \
  FORM(name##_u32, uint32_t, (uint32_t)(expression))                                               \
  FORM(name##_u64, uint64_t, expression)
#define FORM_SIGNED(name, expression)                                                              \
  FORM(name##_s16, int16_t, (uint16_t)(expression))                                                \
  FORM(name##_s32, int32_t, (uint32_t)(expression))                                                \
  FORM(name##_s64, int64_t, expression)

// Sums and products of two's complement are the same for both signs.
FORM_UNSIGNED(add, x + y)
FORM_UNSIGNED(sub, x - y)
FORM_UNSIGNED(mul_lo, x *y)
FORM_UNSIGNED(mad_lo, x *y + z)
FORM(mul_wide_u16, uint16_t, (uint32_t)a *b)
FORM(mul_wide_s16, int16_t, (uint32_t)((int32_t)a *b))
FORM(mul_wide_u32, uint32_t, (uint64_t)a *b)
FORM(mul_wide_s32, int32_t, (int64_t)a *b)
FORM(mad_wide_u16, uint16_t, (uint32_t)(a *(uint32_t)b + z))
FORM(mad_wide_s16, int16_t, (uint32_t)((uint64_t)((int32_t)a *b) + z))
FORM(mad_wide_u32, uint32_t, (uint64_t)a *b + z)
FORM(mad_wide_s32, int32_t, (uint64_t)((int64_t)a *b) + z)

__extension__ typedef unsigned __int128 wide_t;
__extension__ typedef __int128 signed_wide_t;
FORM(mul_hi_u16, uint16_t, ((uint32_t)a * b) >> 16)
FORM(mul_hi_s16, int16_t, (uint16_t)(((int32_t)a * b) >> 16))
FORM(mul_hi_u32, uint32_t, ((uint64_t)a * b) >> 32)
FORM(mul_hi_s32, int32_t, (uint32_t)(((int64_t)a * b) >> 32))
FORM(mul_hi_u64, uint64_t, ((wide_t)a * b) >> 64)
FORM(mul_hi_s64, int64_t, ((signed_wide_t)a * b) >> 64)
FORM(mad_hi_u32, uint32_t, (uint32_t)((((uint64_t)a * b) >> 32) + z))
FORM(mad_hi_s32, int32_t, (uint32_t)((uint64_t)(((int64_t)a * b) >> 32) + z))
FORM(mad_hi_u64, uint64_t, (uint64_t)(((wide_t)a * b) >> 64) + z)
FORM(mad_hi_s64, int64_t, (uint64_t)(((signed_wide_t)a * b) >> 64) + z)

// By zero the result is not specified ("div"); devices have been seen to give all ones.
FORM_UNSIGNED(div, b ? (uint64_t)a / b : UINT64_MAX)
FORM_UNSIGNED(rem, b ? a % b : a)
FORM_SIGNED(div, b == 0 ? -1 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
FORM_SIGNED(rem, b == 0 ? a : b == -1 ? 0 : a % b)
FORM_UNSIGNED(min, a < b ? a : b)
FORM_UNSIGNED(max, a > b ? a : b)
FORM_SIGNED(min, a < b ? a : b)
FORM_SIGNED(max, a > b ? a : b)
FORM_SIGNED(abs, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)
FORM_SIGNED(neg, 0 - (uint64_t)a)

static uint32_t add_saturated(int32_t a, int32_t b, int sign) {
  const int64_t sum = (int64_t)a + (int64_t)sign * b;
  return (uint32_t)(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
}
FORM(add_s32, int32_t, at->modifiers &MODIFIER_SAT ? add_saturated(a, b, 1) : (uint32_t)(x + y))
FORM(sub_s32, int32_t, at->modifiers &MODIFIER_SAT ? add_saturated(a, b, -1) : (uint32_t)(x - y))

// Shifts by as many bits as there are, or more, leave the sign or zero.
FORM(shl_b16, uint16_t, y > 15 ? 0 : (uint16_t)(a << y))
FORM(shl_b32, uint32_t, y > 31 ? 0 : a << y)
FORM(shl_b64, uint64_t, y > 63 ? 0 : a << y)
FORM(shr_u16, uint16_t, y > 15 ? 0 : a >> y)
FORM(shr_u32, uint32_t, y > 31 ? 0 : a >> y)
FORM(shr_u64, uint64_t, y > 63 ? 0 : a >> y)
FORM(shr_s16, int16_t, (uint16_t)(a >> (y > 15 ? 15 : y)))
FORM(shr_s32, int32_t, (uint32_t)(a >> (y > 31 ? 31 : y)))
FORM(shr_s64, int64_t, a >> (y > 63 ? 63 : y))

static uint32_t funnel(uint64_t low, uint64_t high, uint64_t by, bool left) {
  const uint64_t both = high << 32 | low;
  return (uint32_t)(left ? both << by >> 32 : both >> by);
}
FORM(shf_l_wrap, uint32_t, funnel(x, y, z & 31, true))
FORM(shf_r_wrap, uint32_t, funnel(x, y, z & 31, false))
FORM(shf_l_clamp, uint32_t, z > 31 ? x : funnel(x, y, z, true))
FORM(shf_r_clamp, uint32_t, z > 31 ? y : funnel(x, y, z, false))

// ---- Bits
// ----------------------------------------------------------------------------------------------

FORM(and_bits, uint64_t, x &y)
FORM(or_bits, uint64_t, x | y)
FORM(xor_bits, uint64_t, x ^ y)
FORM(not_pred, uint64_t, x ^ 1)
FORM(not_b16, uint64_t, (uint16_t)~x)
FORM(not_b32, uint64_t, (uint32_t)~x)
FORM(not_b64, uint64_t, ~x)
FORM(cnot, uint64_t, x == 0)
FORM(popc, uint64_t, __builtin_popcountll(x))
FORM(clz_b32, uint64_t, x ? __builtin_clzll(x) - 32 : 32)
FORM(clz_b64, uint64_t, x ? __builtin_clzll(x) : 64)

static uint64_t reversed(uint64_t value, unsigned bits) {
  uint64_t result = 0;
  for (unsigned i = 0; i < bits; ++i)
    result |= (value >> i & 1) << (bits - 1 - i);
  return result;
}
FORM(brev_b32, uint64_t, reversed(x, 32))
FORM(brev_b64, uint64_t, reversed(x, 64))

// "bfe": `length` bits from `begin` on; a signed field's sign is its highest bit, or the value's
// where the field goes beyond.
static uint64_t field(uint64_t value, uint64_t begin, uint64_t length, unsigned bits,
                      bool is_signed) {
  begin &= 255, length &= 255;
  const uint64_t last = begin + length - 1 < bits ? begin + length - 1 : bits - 1;
  const bool fill = is_signed && length && (value >> last & 1);
  uint64_t result = 0;
  for (uint64_t i = 0; i < bits; ++i) {
    const bool bit = i < length && begin + i < bits ? value >> (begin + i) & 1 : fill;
    result |= (uint64_t)bit << i;
  }
  return result;
}
FORM(bfe_u32, uint64_t, field(x, y, z, 32, false))
FORM(bfe_s32, uint64_t, field(x, y, z, 32, true))
FORM(bfe_u64, uint64_t, field(x, y, z, 64, false))
FORM(bfe_s64, uint64_t, field(x, y, z, 64, true))

static uint64_t inserted(uint64_t from, uint64_t into, uint64_t begin, uint64_t length,
                         unsigned bits) {
  begin &= 255, length &= 255;
  for (uint64_t i = 0; i < length && begin + i < bits; ++i) {
    const uint64_t bit = UINT64_C(1) << (begin + i);
    into = (into & ~bit) | (from >> i & 1) << (begin + i);
  }
  return into;
}
FORM(bfi_b32, uint64_t, inserted(x, y, z, ptx_slot(warp, at->in[3])[lane], 32))
FORM(bfi_b64, uint64_t, inserted(x, y, z, ptx_slot(warp, at->in[3])[lane], 64))

// "bfind": the highest bit that is set, or of a negative number the highest that is not.
static uint32_t highest(uint64_t value, unsigned bits, bool is_signed) {
  if (is_signed && value >> (bits - 1) & 1) value = ~value & (UINT64_MAX >> (64 - bits));
  return value ? 63 - (uint32_t)__builtin_clzll(value) : UINT32_MAX;
}
FORM(bfind_u32, uint64_t, highest(x, 32, false))
FORM(bfind_s32, uint64_t, highest(x, 32, true))
FORM(bfind_u64, uint64_t, highest(x, 64, false))
FORM(bfind_s64, uint64_t, highest(x, 64, true))

// "prmt": each nibble of the selector names one of 8 bytes; its highest bit asks for that byte's
// sign.
static uint32_t permuted(uint64_t low, uint64_t high, uint64_t selector) {
  const uint64_t bytes = high << 32 | low;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t choice = selector >> (4 * i) & 15;
    uint32_t byte = bytes >> (8 * (choice & 7)) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}
FORM(prmt_b32, uint64_t, permuted(x, y, z))

// "lop3": a truth table of three inputs.
static uint32_t looked_up(uint64_t a, uint64_t b, uint64_t c, uint64_t table) {
  uint32_t result = 0;
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned index = (unsigned)((a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1));
    result |= (uint32_t)(table >> index & 1) << i;
  }
  return result;
}
FORM(lop3_b32, uint64_t, looked_up(x, y, z, ptx_slot(warp, at->in[3])[lane]))

// Products of four bytes, and a sum.
static uint32_t dot4(uint64_t a, uint64_t b, uint64_t c, bool a_signed, bool b_signed) {
  int64_t sum = (int64_t)c;
  for (unsigned i = 0; i < 32; i += 8) {
    const int64_t x = a_signed ? (int8_t)(a >> i) : (uint8_t)(a >> i);
    const int64_t y = b_signed ? (int8_t)(b >> i) : (uint8_t)(b >> i);
    sum += x * y;
  }
  return (uint32_t)sum;
}
FORM(dp4a_uu, uint64_t, dot4(x, y, z, false, false))
FORM(dp4a_us, uint64_t, dot4(x, y, z, false, true))
FORM(dp4a_su, uint64_t, dot4(x, y, z, true, false))
FORM(dp4a_ss, uint64_t, dot4(x, y, z, true, true))

// ---- Their names
// -----------------------------------------------------------------------------------------

#define SAME(name, operands, run)                                                                  \
  {name ".u16", operands, 0, run##_u16}, {name ".s16", operands, 0, run##_u16},                    \
      {name ".u32", operands, 0, run##_u32}, {name ".u64", operands, 0, run##_u64}, {              \
    name ".s64", operands, 0, run##_u64                                                            \
  }
#define SIGNED(name, operands, run)                                                                \
  {name ".s16", operands, 0, run##_s16}, {name ".s32", operands, 0, run##_s32}, {                  \
    name ".s64", operands, 0, run##_s64                                                            \
  }
#define UNSIGNED(name, operands, run)                                                              \
  {name ".u16", operands, 0, run##_u16}, {name ".u32", operands, 0, run##_u32}, {                  \
    name ".u64", operands, 0, run##_u64                                                            \
  }

const ptx_form_t ptx_integer_forms[] = {
    SAME("add", "daa", add),
    {"add.s32", "daa", MODIFIER_SAT, add_s32},
    SAME("sub", "daa", sub),
    {"sub.s32", "daa", MODIFIER_SAT, sub_s32},
    SAME("mul.lo", "daa", mul_lo),
    {"mul.lo.s32", "daa", 0, mul_lo_u32},
    SAME("mad.lo", "daaa", mad_lo),
    {"mad.lo.s32", "daaa", 0, mad_lo_u32},
    {"mul.wide.u16", "Daa", 0, mul_wide_u16},
    {"mul.wide.s16", "Daa", 0, mul_wide_s16},
    {"mul.wide.u32", "Daa", 0, mul_wide_u32},
    {"mul.wide.s32", "Daa", 0, mul_wide_s32},
    {"mad.wide.u16", "DaaA", 0, mad_wide_u16},
    {"mad.wide.s16", "DaaA", 0, mad_wide_s16},
    {"mad.wide.u32", "DaaA", 0, mad_wide_u32},
    {"mad.wide.s32", "DaaA", 0, mad_wide_s32},
    UNSIGNED("mul.hi", "daa", mul_hi),
    SIGNED("mul.hi", "daa", mul_hi),
    {"mad.hi.u32", "daaa", 0, mad_hi_u32},
    {"mad.hi.s32", "daaa", 0, mad_hi_s32},
    {"mad.hi.u64", "daaa", 0, mad_hi_u64},
    {"mad.hi.s64", "daaa", 0, mad_hi_s64},
    UNSIGNED("div", "daa", div),
    SIGNED("div", "daa", div),
    UNSIGNED("rem", "daa", rem),
    SIGNED("rem", "daa", rem),
    UNSIGNED("min", "daa", min),
    SIGNED("min", "daa", min),
    UNSIGNED("max", "daa", max),
    SIGNED("max", "daa", max),
    SIGNED("abs", "da", abs),
    SIGNED("neg", "da", neg),
    {"dp4a.u32.u32", "daaa", 0, dp4a_uu},
    {"dp4a.u32.s32", "daaa", 0, dp4a_us},
    {"dp4a.s32.u32", "daaa", 0, dp4a_su},
    {"dp4a.s32.s32", "daaa", 0, dp4a_ss},
    {NULL, NULL, 0, NULL},
};

const ptx_form_t ptx_logic_forms[] = {
    {"and.pred", "daa", 0, and_bits},
    {"and.b16", "daa", 0, and_bits},
    {"and.b32", "daa", 0, and_bits},
    {"and.b64", "daa", 0, and_bits},
    {"or.pred", "daa", 0, or_bits},
    {"or.b16", "daa", 0, or_bits},
    {"or.b32", "daa", 0, or_bits},
    {"or.b64", "daa", 0, or_bits},
    {"xor.pred", "daa", 0, xor_bits},
    {"xor.b16", "daa", 0, xor_bits},
    {"xor.b32", "daa", 0, xor_bits},
    {"xor.b64", "daa", 0, xor_bits},
    {"not.pred", "da", 0, not_pred},
    {"not.b16", "da", 0, not_b16},
    {"not.b32", "da", 0, not_b32},
    {"not.b64", "da", 0, not_b64},
    {"cnot.b16", "da", 0, cnot},
    {"cnot.b32", "da", 0, cnot},
    {"cnot.b64", "da", 0, cnot},
    {"shl.b16", "dau", 0, shl_b16},
    {"shl.b32", "dau", 0, shl_b32},
    {"shl.b64", "dau", 0, shl_b64},
    {"shr.b16", "dau", 0, shr_u16},
    {"shr.b32", "dau", 0, shr_u32},
    {"shr.b64", "dau", 0, shr_u64},
    {"shr.u16", "dau", 0, shr_u16},
    {"shr.u32", "dau", 0, shr_u32},
    {"shr.u64", "dau", 0, shr_u64},
    {"shr.s16", "dau", 0, shr_s16},
    {"shr.s32", "dau", 0, shr_s32},
    {"shr.s64", "dau", 0, shr_s64},
    {"shf.l.wrap.b32", "daau", 0, shf_l_wrap},
    {"shf.r.wrap.b32", "daau", 0, shf_r_wrap},
    {"shf.l.clamp.b32", "daau", 0, shf_l_clamp},
    {"shf.r.clamp.b32", "daau", 0, shf_r_clamp},
    {"popc.b32", "ea", 0, popc},
    {"popc.b64", "ea", 0, popc},
    {"clz.b32", "ea", 0, clz_b32},
    {"clz.b64", "ea", 0, clz_b64},
    {"brev.b32", "da", 0, brev_b32},
    {"brev.b64", "da", 0, brev_b64},
    {"bfe.u32", "dauu", 0, bfe_u32},
    {"bfe.s32", "dauu", 0, bfe_s32},
    {"bfe.u64", "dauu", 0, bfe_u64},
    {"bfe.s64", "dauu", 0, bfe_s64},
    {"bfi.b32", "daauu", 0, bfi_b32},
    {"bfi.b64", "daauu", 0, bfi_b64},
    {"bfind.u32", "ea", 0, bfind_u32},
    {"bfind.s32", "ea", 0, bfind_s32},
    {"bfind.u64", "ea", 0, bfind_u64},
    {"bfind.s64", "ea", 0, bfind_s64},
    {"prmt.b32", "daau", 0, prmt_b32},
    {"lop3.b32", "daaau", 0, lop3_b32},
    {NULL, NULL, 0, NULL},
};
