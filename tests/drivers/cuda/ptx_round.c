// ptx_round.c: floats of few bits, and results that are rounded once although they pass through a
// double.
//
// A sum, product, quotient or root of values of p bits, rounded to odd in 2p+2 bits or more, rounds
// to p bits as the exact result does, in every direction (Boldo and Melquiond, "Emulation of FMA
// and correctly rounded sums", 2008). A double has 53; the widest format here 24.
#include "ptx_internal.h"

#include <math.h>

uint32_t ptx_round(double value, ptx_format_t format, uint32_t rounding) {
  const int smallest = 2 - (1 << (format.exponent_bits - 1)); // exponent of normal numbers
  const uint32_t infinity = ((UINT32_C(1) << format.exponent_bits) - 1) << format.fraction_bits;
  const uint32_t sign = UINT32_C(1) << (format.fraction_bits + format.exponent_bits);
  if (isnan(value)) return sign - 1; // "NaN ... canonical": all bits but the sign
  const bool negative = signbit(value);
  const double size = fabs(value);
  if (isinf(value)) return infinity | (negative ? sign : 0);
  int exponent = size > 0 ? ilogb(size) : smallest;
  if (exponent < smallest) exponent = smallest;
  // The value in units of the last place, which a double holds exactly.
  const double units = ldexp(size, format.fraction_bits - exponent);
  double whole = floor(units);
  const double rest = units - whole;
  if (rounding & MODIFIER_RM)
    whole += negative && rest > 0;
  else if (rounding & MODIFIER_RP)
    whole += !negative && rest > 0;
  else if (!(rounding & MODIFIER_RZ))
    whole += rest > 0.5 || (rest == 0.5 && fmod(whole, 2) == 1);
  // The leading one, and a carry out of the fraction, count the exponent up by themselves.
  const int steps = exponent - smallest;
  uint32_t bits = infinity;
  if (steps < (1 << format.exponent_bits) - 2)
    bits = ((uint32_t)steps << format.fraction_bits) + (uint32_t)whole;
  if (bits >= infinity) {
    const bool away = rounding & MODIFIER_RM   ? negative
                      : rounding & MODIFIER_RP ? !negative
                                               : !(rounding & MODIFIER_RZ);
    bits = away ? infinity : infinity - 1;
  }
  return bits | (negative ? sign : 0);
}

double ptx_widen(uint32_t bits, ptx_format_t format) {
  const uint32_t fraction = bits & ((UINT32_C(1) << format.fraction_bits) - 1);
  const uint32_t most = (UINT32_C(1) << format.exponent_bits) - 1;
  const uint32_t exponent = bits >> format.fraction_bits & most;
  const bool negative = bits >> (format.fraction_bits + format.exponent_bits) & 1;
  const int smallest = 2 - (1 << (format.exponent_bits - 1));
  double value;
  if (exponent == most) {
    value = fraction ? NAN : INFINITY;
  } else {
    const uint32_t whole = exponent ? fraction | UINT32_C(1) << format.fraction_bits : fraction;
    value = ldexp(whole, smallest + (int)(exponent ? exponent - 1 : 0) - format.fraction_bits);
  }
  return negative ? -value : value;
}

// `rounded` is the exact result rounded to nearest, `error` what is left of it, its sign at least.
static double odd(double rounded, double error) {
  if (error == 0 || isnan(error) || isinf(rounded) || isnan(rounded)) return rounded;
  if (ptx_double_bits(rounded) & 1) return rounded;
  return nextafter(rounded, error > 0 ? INFINITY : -INFINITY);
}

double ptx_odd_add(double a, double b) {
  const double sum = a + b;
  // Knuth's two-sum: exact.
  const double part = sum - a;
  return odd(sum, (a - (sum - part)) + (b - part));
}

double ptx_odd_fma(double a, double b, double c) {
  return ptx_odd_add(a * b, c);
}

double ptx_odd_divide(double a, double b) {
  const double quotient = a / b;
  const double error = fma(-quotient, b, a);
  return odd(quotient, b < 0 ? -error : error);
}

double ptx_odd_root(double a) {
  const double root = sqrt(a);
  return odd(root, fma(-root, root, a));
}
