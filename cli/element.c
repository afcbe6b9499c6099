// element.c: numbers of every dtype to and from text.
//
// The spellings are iree-run-module's (seen in its output, version 3.13.0): integers in decimal,
// floats by %G, and hexadecimal bytes in memory order for what it has no text for: i1 and complex.
#include "element.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Types -------------------------------------------------------------------------------------

static const struct {
  ee_cli_number_t number;
  unsigned bits; // 0: the name ends with the number of bits
  const char *name;
} type_names[] = {
    // Those that start with another's name come before it.
    {EE_CLI_BOOL, 8, "i1"},
    {EE_CLI_BOOL, 8, "bool"},
    {EE_CLI_F8E5M2FNUZ, 8, "f8E5M2FNUZ"},
    {EE_CLI_F8E4M3FNUZ, 8, "f8E4M3FNUZ"},
    {EE_CLI_F8E5M2, 8, "f8E5M2"},
    {EE_CLI_F8E4M3FN, 8, "f8E4M3FN"},
    {EE_CLI_F8E8M0FNU, 8, "f8E8M0FNU"},
    {EE_CLI_COMPLEX, 64, "complex<f32>"},
    {EE_CLI_COMPLEX, 128, "complex<f64>"},
    {EE_CLI_INT, 0, "i"},
    {EE_CLI_SINT, 0, "si"},
    {EE_CLI_UINT, 0, "ui"},
    {EE_CLI_UINT, 0, "u"},
    {EE_CLI_BRAIN, 0, "bf"},
    {EE_CLI_COMPLEX, 0, "cf"},
    {EE_CLI_IEEE, 0, "f"},
    {EE_CLI_OPAQUE, 0, "*"},
};
enum { TYPE_NAMES = sizeof type_names / sizeof type_names[0] };

static eerie_dtype_t make_dtype(ee_cli_number_t number, unsigned bits) {
  return (eerie_dtype_t)((uint32_t)number << 24 | bits);
}

// Which widths each kind of number comes in.
static bool has_width(ee_cli_number_t number, unsigned bits) {
  switch (number) {
  case EE_CLI_INT:
  case EE_CLI_SINT:
  case EE_CLI_UINT:
    return bits == 2 || bits == 4 || bits == 8 || bits == 16 || bits == 32 || bits == 64;
  case EE_CLI_IEEE: return bits == 16 || bits == 32 || bits == 64;
  case EE_CLI_BRAIN: return bits == 16;
  case EE_CLI_COMPLEX: return bits == 64 || bits == 128;
  case EE_CLI_OPAQUE: return bits == 8 || bits == 16 || bits == 32 || bits == 64 || bits == 128;
  default: return bits == 8;
  }
}

bool ee_cli_dtype_is_float(eerie_dtype_t dtype) {
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  return number >= EE_CLI_IEEE && number <= EE_CLI_F8E8M0FNU && number != EE_CLI_COMPLEX;
}

void ee_cli_dtype_name(eerie_dtype_t dtype, char out_name[EE_CLI_DTYPE_NAME_SIZE]) {
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  const char *name = "*";
  bool with_bits = true;
  for (size_t i = 0; i < TYPE_NAMES; ++i) {
    // "complex<f32>" is understood, but cf64 is what iree-run-module writes.
    if (type_names[i].number != number || (number == EE_CLI_COMPLEX && type_names[i].bits))
      continue;
    name = type_names[i].name;
    with_bits = type_names[i].bits == 0;
    break;
  }
  if (with_bits)
    snprintf(out_name, EE_CLI_DTYPE_NAME_SIZE, "%s%u", name, ee_cli_dtype_bits(dtype));
  else
    snprintf(out_name, EE_CLI_DTYPE_NAME_SIZE, "%s", name);
}

eerie_dtype_t ee_cli_dtype_parse(const char *name, size_t length) {
  for (size_t i = 0; i < TYPE_NAMES; ++i) {
    const char *const start = type_names[i].name;
    const size_t start_length = strlen(start);
    if (length < start_length || memcmp(name, start, start_length) != 0) continue;
    if (type_names[i].bits) {
      if (length != start_length) continue;
      return make_dtype(type_names[i].number, type_names[i].bits);
    }
    unsigned bits = 0;
    size_t at = start_length;
    for (; at < length && name[at] >= '0' && name[at] <= '9' && bits < 1000; ++at)
      bits = bits * 10 + (unsigned)(name[at] - '0');
    if (at == length && at > start_length && has_width(type_names[i].number, bits))
      return make_dtype(type_names[i].number, bits);
  }
  return EERIE_DTYPE_NONE;
}

// ---- Bits in memory ----------------------------------------------------------------------------

ee_cli_bits_t ee_cli_element_get(const void *data, eerie_dtype_t dtype, uint64_t index) {
  ee_cli_bits_t bits = {{0}};
  const unsigned width = ee_cli_dtype_bits(dtype);
  const unsigned char *const bytes = data;
  if (width < 8) {
    const uint64_t bit = index * width;
    bits.bytes[0] = (unsigned char)((bytes[bit / 8] >> (bit % 8)) & ((1u << width) - 1));
  } else {
    memcpy(bits.bytes, bytes + index * ((width + 7) / 8), (width + 7) / 8);
  }
  return bits;
}

void ee_cli_element_set(void *data, eerie_dtype_t dtype, uint64_t index, ee_cli_bits_t bits) {
  const unsigned width = ee_cli_dtype_bits(dtype);
  unsigned char *const bytes = data;
  if (width < 8) {
    const uint64_t bit = index * width;
    const unsigned mask = ((1u << width) - 1) << (bit % 8);
    bytes[bit / 8] =
        (unsigned char)((bytes[bit / 8] & ~mask) | (((unsigned)bits.bytes[0] << (bit % 8)) & mask));
  } else {
    memcpy(bytes + index * ((width + 7) / 8), bits.bytes, (width + 7) / 8);
  }
}

// An integer of `width` bits, little end first only where the machine is.
static uint64_t load_integer(ee_cli_bits_t bits, unsigned width) {
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  switch (width) {
  case 16: memcpy(&u16, bits.bytes, sizeof u16); return u16;
  case 32: memcpy(&u32, bits.bytes, sizeof u32); return u32;
  case 64: memcpy(&u64, bits.bytes, sizeof u64); return u64;
  default: memcpy(&u8, bits.bytes, sizeof u8); return u8;
  }
}

static ee_cli_bits_t store_integer(uint64_t value, unsigned width) {
  ee_cli_bits_t bits = {{0}};
  const uint8_t u8 = (uint8_t)(width < 8 ? value & ((1u << width) - 1) : value);
  const uint16_t u16 = (uint16_t)value;
  const uint32_t u32 = (uint32_t)value;
  switch (width) {
  case 16: memcpy(bits.bytes, &u16, sizeof u16); break;
  case 32: memcpy(bits.bytes, &u32, sizeof u32); break;
  case 64: memcpy(bits.bytes, &value, sizeof value); break;
  default: memcpy(bits.bytes, &u8, sizeof u8); break;
  }
  return bits;
}

// ---- Small floats ------------------------------------------------------------------------------

// Layout of a float of at most 16 bits: a sign, `exponent` bits with `bias`, `mantissa` bits.
// What the largest exponent means differs: IEEE: infinities and NaNs. FN: numbers like any other,
// but all ones is NaN. FNUZ: numbers, and minus zero is the only NaN.
// (OCP 8-bit floating point specification 1.0; the names are LLVM's, in APFloat.h.)
typedef enum small_kind { SMALL_IEEE, SMALL_FN, SMALL_FNUZ } small_kind_t;
typedef struct small_float {
  int exponent, mantissa, bias;
  small_kind_t kind;
} small_float_t;

static small_float_t small_layout(ee_cli_number_t number) {
  switch (number) {
  case EE_CLI_BRAIN: return (small_float_t){8, 7, 127, SMALL_IEEE};
  case EE_CLI_F8E5M2: return (small_float_t){5, 2, 15, SMALL_IEEE};
  case EE_CLI_F8E4M3FN: return (small_float_t){4, 3, 7, SMALL_FN};
  case EE_CLI_F8E5M2FNUZ: return (small_float_t){5, 2, 16, SMALL_FNUZ};
  case EE_CLI_F8E4M3FNUZ: return (small_float_t){4, 3, 8, SMALL_FNUZ};
  default: return (small_float_t){5, 10, 15, SMALL_IEEE};
  }
}

static double small_to_double(small_float_t f, unsigned bits) {
  const unsigned sign = 1u << (f.exponent + f.mantissa);
  const unsigned mantissa_mask = (1u << f.mantissa) - 1;
  const unsigned exponent_mask = (1u << f.exponent) - 1;
  const unsigned mantissa = bits & mantissa_mask;
  const unsigned exponent = (bits >> f.mantissa) & exponent_mask;
  const double one = bits & sign ? -1.0 : 1.0;
  if (f.kind == SMALL_FNUZ && (bits & (sign * 2 - 1)) == sign) return (double)NAN;
  if (exponent == exponent_mask) {
    if (f.kind == SMALL_IEEE) return mantissa ? (double)NAN : one * (double)INFINITY;
    if (f.kind == SMALL_FN && mantissa == mantissa_mask) return (double)NAN;
  }
  if (exponent == 0) return one * ldexp(mantissa, 1 - f.bias - f.mantissa);
  return one * ldexp(mantissa + mantissa_mask + 1, (int)exponent - f.bias - f.mantissa);
}

// Rounds to nearest, ties to even; what is too large becomes infinity, or NaN without infinities.
static unsigned small_from_double(small_float_t f, double value) {
  const unsigned sign_bit = 1u << (f.exponent + f.mantissa);
  const unsigned exponent_mask = (1u << f.exponent) - 1;
  const unsigned sign = signbit(value) ? sign_bit : 0;
  const unsigned infinity = exponent_mask << f.mantissa;
  unsigned nan = infinity | 1u << (f.mantissa - 1) | sign;
  if (f.kind == SMALL_FN) nan = infinity | ((1u << f.mantissa) - 1) | sign;
  if (f.kind == SMALL_FNUZ) nan = sign_bit;
  if (isnan(value)) return nan;
  // There is no minus zero where it would be the NaN.
  if (value == 0) return f.kind == SMALL_FNUZ ? 0 : sign;
  const unsigned overflow = f.kind == SMALL_IEEE ? infinity | sign : nan;
  if (isinf(value)) return overflow;

  int exponent = 0;
  frexp(value, &exponent);
  // The unit in the last place is that of the smallest normal number from there on down.
  const int last = (exponent - 1 < 1 - f.bias ? 1 - f.bias : exponent - 1) - f.mantissa;
  // Exact: a power of two; nearbyint rounds ties to even in the default mode.
  const double rounded = nearbyint(ldexp(fabs(value), -last));
  // Rounding up to the next power of two carries into the exponent by itself.
  const double bits = rounded + ldexp(last + f.mantissa + f.bias - 1, f.mantissa);
  const double limit = f.kind == SMALL_IEEE ? infinity : sign_bit;
  if (bits >= limit) return overflow;
  const unsigned result = (unsigned)bits;
  if (f.kind == SMALL_FN && result == (nan & ~sign_bit)) return nan;
  if (f.kind == SMALL_FNUZ && result == 0) return 0;
  return result | sign;
}

// f8E8M0FNU is a power of two, 2^(bits - 127), without sign and zero; 0xff is NaN. Halfway between
// two powers goes up, zero and negative numbers become the smallest.
static unsigned scale_from_double(double value) {
  if (!isfinite(value)) return 0xff;
  if (value <= 0) return 0;
  int exponent = 0;
  const double fraction = frexp(value, &exponent);
  const int biased = exponent - (fraction < 0.75) + 127;
  return biased < 0 ? 0 : biased > 0xff ? 0xff : (unsigned)biased;
}

static ee_cli_bits_t store_float(double value, eerie_dtype_t dtype) {
  ee_cli_bits_t bits = {{0}};
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  const unsigned width = ee_cli_dtype_bits(dtype);
  if (width == 64) {
    memcpy(bits.bytes, &value, sizeof value);
  } else if (width == 32) {
    const float single = (float)value;
    memcpy(bits.bytes, &single, sizeof single);
  } else if (number == EE_CLI_F8E8M0FNU) {
    bits = store_integer(scale_from_double(value), width);
  } else {
    bits = store_integer(small_from_double(small_layout(number), value), width);
  }
  return bits;
}

double ee_cli_element_value(ee_cli_bits_t bits, eerie_dtype_t dtype) {
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  const unsigned width = ee_cli_dtype_bits(dtype);
  if (width == 64) {
    double value;
    memcpy(&value, bits.bytes, sizeof value);
    return value;
  }
  if (width == 32) {
    float value;
    memcpy(&value, bits.bytes, sizeof value);
    return (double)value;
  }
  const unsigned integer = (unsigned)load_integer(bits, width);
  if (number == EE_CLI_F8E8M0FNU)
    return integer == 0xff ? (double)NAN : ldexp(1.0, (int)integer - 127);
  return small_to_double(small_layout(number), integer);
}

// ---- Text to bits ------------------------------------------------------------------------------

static bool parse_integer(const char *text, bool is_signed_only, bool is_unsigned, unsigned width,
                          ee_cli_bits_t *out_bits) {
  const bool negative = text[0] == '-';
  const char *digits = text + (negative || text[0] == '+');
  if (*digits < '0' || *digits > '9') return false;
  char *end = NULL;
  errno = 0;
  // Base 0 as in C: 0x for hexadecimal, a leading 0 for octal.
  const uint64_t magnitude = strtoull(digits, &end, 0);
  if (*end || errno) return false;
  const uint64_t all = UINT64_MAX >> (64 - width);
  const uint64_t half = UINT64_C(1) << (width - 1);
  // A signless integer may be written either way: 255 and -1 are the same i8.
  const uint64_t limit = negative ? (is_unsigned ? 0 : half) : (is_signed_only ? half - 1 : all);
  if (magnitude > limit) return false;
  *out_bits = store_integer(negative ? 0 - magnitude : magnitude, width);
  return true;
}

// Reads a number at `text` up to `out_end`. Rounds once to double and, like iree-run-module, a
// second time to float for the narrower types.
static bool parse_real(const char *text, unsigned width, double *out_value, const char **out_end) {
  char *end = NULL;
  // strtod skips blanks, which a token does not have, and reads "nan(...)" and hexadecimal.
  *out_value = width == 64 ? strtod(text, &end) : (double)strtof(text, &end);
  *out_end = end;
  return end != text;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool parse_hex_bytes(const char *text, size_t length, size_t size, ee_cli_bits_t *out_bits) {
  if (length != size * 2) return false;
  for (size_t i = 0; i < size; ++i) {
    const int high = hex_digit(text[i * 2]), low = hex_digit(text[i * 2 + 1]);
    if (high < 0 || low < 0) return false;
    out_bits->bytes[i] = (unsigned char)(high * 16 + low);
  }
  return true;
}

// "1.5+2j", "-3i", "4"; or sixteen (thirty-two) hexadecimal digits.
static bool parse_complex(const char *text, size_t length, unsigned width,
                          ee_cli_bits_t *out_bits) {
  if (parse_hex_bytes(text, length, width / 8, out_bits)) return true;
  double parts[2] = {0, 0};
  const char *at = text;
  if (!parse_real(text, width / 2, &parts[0], &at)) return false;
  if (*at == 'i' || *at == 'j') {
    parts[1] = parts[0];
    parts[0] = 0;
    ++at;
  } else if (*at == '+' || *at == '-') {
    if (!parse_real(at, width / 2, &parts[1], &at) || (*at != 'i' && *at != 'j')) return false;
    ++at;
  }
  if (*at) return false;
  const eerie_dtype_t half = make_dtype(EE_CLI_IEEE, width / 2);
  for (int i = 0; i < 2; ++i) {
    const ee_cli_bits_t part = store_float(parts[i], half);
    memcpy(out_bits->bytes + (size_t)i * width / 16, part.bytes, width / 16);
  }
  return true;
}

static bool parse_bool(const char *text, ee_cli_bits_t *out_bits) {
  static const char *const words[] = {"0", "1", "00", "01", "false", "true"};
  for (unsigned i = 0; i < sizeof words / sizeof words[0]; ++i) {
    if (strcmp(text, words[i]) != 0) continue;
    out_bits->bytes[0] = i & 1;
    return true;
  }
  return false;
}

bool ee_cli_element_parse(const char *text, size_t length, eerie_dtype_t dtype,
                          ee_cli_bits_t *out_bits) {
  *out_bits = (ee_cli_bits_t){{0}};
  // Longer than any number needs to be to be exact: 17 digits, signs, exponents, twice.
  char token[128];
  if (length == 0 || length >= sizeof token || memchr(text, 0, length)) return false;
  memcpy(token, text, length);
  token[length] = 0;
  const unsigned width = ee_cli_dtype_bits(dtype);
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  switch (number) {
  case EE_CLI_INT:
  case EE_CLI_SINT:
  case EE_CLI_UINT:
    return parse_integer(token, number == EE_CLI_SINT, number == EE_CLI_UINT, width, out_bits);
  case EE_CLI_BOOL: return parse_bool(token, out_bits);
  case EE_CLI_COMPLEX: return parse_complex(token, length, width, out_bits);
  case EE_CLI_OPAQUE: return parse_hex_bytes(token, length, width / 8, out_bits);
  default: break;
  }
  double value = 0;
  const char *end = NULL;
  if (!parse_real(token, width, &value, &end) || *end) return false;
  *out_bits = store_float(value, dtype);
  return true;
}

// ---- Bits to text ------------------------------------------------------------------------------

static void format_integer(uint64_t value, bool is_unsigned, unsigned width, char *out_text) {
  const uint64_t half = UINT64_C(1) << (width - 1);
  if (is_unsigned || value < half) {
    snprintf(out_text, EE_CLI_ELEMENT_TEXT_SIZE, "%" PRIu64, value);
  } else {
    const uint64_t magnitude = (half - value) + half;
    snprintf(out_text, EE_CLI_ELEMENT_TEXT_SIZE, "-%" PRIu64, magnitude);
  }
}

void ee_cli_element_format(ee_cli_bits_t bits, eerie_dtype_t dtype,
                           char out_text[EE_CLI_ELEMENT_TEXT_SIZE]) {
  const unsigned width = ee_cli_dtype_bits(dtype);
  if (ee_cli_dtype_is_integer(dtype)) {
    format_integer(load_integer(bits, width), ee_cli_dtype_number(dtype) == EE_CLI_UINT, width,
                   out_text);
  } else if (ee_cli_dtype_is_float(dtype)) {
    snprintf(out_text, EE_CLI_ELEMENT_TEXT_SIZE, "%G", ee_cli_element_value(bits, dtype));
  } else {
    size_t size = (width + 7) / 8;
    if (size > sizeof bits.bytes) size = sizeof bits.bytes;
    for (size_t i = 0; i < size; ++i)
      snprintf(out_text + 2 * i, 3, "%02X", (unsigned)bits.bytes[i]);
    if (size == 0) out_text[0] = 0;
  }
}
