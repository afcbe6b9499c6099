// element.c: elements of every dtype as values and as text, without the help of a C library.
#include "bridge/element.h"

#include "base/status.h"

// ---- Values ------------------------------------------------------------------------------------

typedef enum float_special {
  WITH_INFINITIES, // as IEEE 754
  WITH_NAN,        // all ones is the only NaN, no infinities
  WITH_NAN_ZERO,   // minus zero is the only NaN
  POWERS_OF_TWO,   // an exponent and nothing else; all ones is NaN
} float_special_t;

// Floats narrower than 64 bits.
typedef struct float_format {
  uint32_t element_type;
  uint8_t mantissa_bits;
  uint8_t exponent_bits;
  uint8_t bias;
  uint8_t special;
} float_format_t;

static const float_format_t formats[] = {
    {0x21000020u, 23, 8, 127, WITH_INFINITIES}, // f32
    {0x21000010u, 10, 5, 15, WITH_INFINITIES},  // f16
    {0x22000010u, 7, 8, 127, WITH_INFINITIES},  // bf16
    {0x24000008u, 2, 5, 15, WITH_INFINITIES},   // f8E5M2
    {0x25000008u, 3, 4, 7, WITH_NAN},           // f8E4M3FN
    {0x26000008u, 2, 5, 16, WITH_NAN_ZERO},     // f8E5M2FNUZ
    {0x27000008u, 3, 4, 8, WITH_NAN_ZERO},      // f8E4M3FNUZ
    {0x28000008u, 0, 8, 127, POWERS_OF_TWO},    // f8E8M0FNU
};
#define F64 0x21000040u

uint32_t ee_bridge_element_parts(uint32_t *element_type) {
  if (ee_bridge_element_kind(*element_type) != EE_BRIDGE_KIND_COMPLEX) return 1;
  *element_type = EE_BRIDGE_KIND_FLOAT << 24 | ee_bridge_element_bits(*element_type) / 2;
  return 2;
}

uint64_t ee_bridge_element_get(uint32_t element_type, const uint8_t *data, uint64_t index) {
  const uint32_t width = ee_bridge_element_bits(element_type);
  uint64_t bits = 0;
  if (width % 8 == 0) {
    memcpy(&bits, data + (size_t)(index * (width / 8)), width < 64 ? width / 8 : sizeof bits);
    return bits;
  }
  for (uint32_t i = 0; i < width && i < 64; ++i) {
    const uint64_t at = index * width + i;
    bits |= (uint64_t)(data[at / 8] >> (at % 8) & 1u) << i;
  }
  return bits;
}

static double double_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double power_of_two(int exponent) {
  return double_of_bits((uint64_t)(exponent + 1023) << 52);
}

static bool is_nan(const float_format_t *format, uint32_t mantissa, uint32_t exponent,
                   bool negative) {
  const bool top = exponent == (1u << format->exponent_bits) - 1;
  switch (format->special) {
  case WITH_INFINITIES: return top && mantissa;
  case WITH_NAN: return top && mantissa == (1u << format->mantissa_bits) - 1;
  case WITH_NAN_ZERO: return negative && !exponent && !mantissa;
  default: return top;
  }
}

static double decode(const float_format_t *format, uint32_t bits) {
  const uint32_t mantissa = bits & ((1u << format->mantissa_bits) - 1);
  const uint32_t exponent_mask = (1u << format->exponent_bits) - 1;
  const uint32_t exponent = bits >> format->mantissa_bits & exponent_mask;
  const bool negative = bits >> (format->mantissa_bits + format->exponent_bits) & 1u;
  if (is_nan(format, mantissa, exponent, negative)) return double_of_bits(0x7FF8000000000000u);
  if (format->special == POWERS_OF_TWO) return power_of_two((int)exponent - format->bias);
  if (format->special == WITH_INFINITIES && exponent == exponent_mask) {
    return double_of_bits(negative ? 0xFFF0000000000000u : 0x7FF0000000000000u);
  }
  const double unit =
      power_of_two((exponent ? (int)exponent : 1) - format->bias - format->mantissa_bits);
  const double value = (double)(mantissa + (exponent ? 1u << format->mantissa_bits : 0)) * unit;
  return negative ? -value : value;
}

bool ee_bridge_element_float(uint32_t element_type, uint64_t bits, double *out_value) {
  if (element_type == F64) {
    *out_value = double_of_bits(bits);
    return true;
  }
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; ++i) {
    if (formats[i].element_type != element_type) continue;
    *out_value = decode(&formats[i], (uint32_t)bits);
    return true;
  }
  return false;
}

// ---- Text --------------------------------------------------------------------------------------

static double power_of_ten(int exponent) {
  double power = 1;
  for (; exponent > 0; --exponent)
    power *= 10; // exact up to 10^22
  return power;
}

// The first `count` significant digits of a positive finite value, rounded to even:
// digits * 10^(exponent - count + 1).
static uint32_t significant_digits(double value, int count, int *out_exponent) {
  int exponent = 0;
  double leading = value; // brought between 1 and 10 to find the exponent only
  while (leading >= 10) {
    leading /= 10;
    ++exponent;
  }
  while (leading < 1) {
    leading *= 10;
    --exponent;
  }
  // In two steps, so that neither power overflows.
  const double limit = power_of_ten(count);
  const int shift = count - 1 - exponent, step = shift > 300 ? 300 : shift;
  double scaled = shift >= 0 ? value * power_of_ten(step) * power_of_ten(shift - step)
                             : value / power_of_ten(-shift);
  if (scaled >= limit) { // the division above came out just below 10
    scaled /= 10;
    ++exponent;
  }
  uint32_t digits = (uint32_t)scaled;
  const double rest = scaled - digits;
  if (rest > 0.5 || (rest == 0.5 && digits % 2)) ++digits;
  if ((double)digits >= limit) {
    digits /= 10;
    ++exponent;
  }
  *out_exponent = exponent;
  return digits;
}

// Text that grows; all that is written here fits.
typedef struct text {
  char *data;
  size_t length;
} text_t;

static void put(text_t *text, char c) {
  text->data[text->length++] = c;
  text->data[text->length] = 0;
}

static void put_text(text_t *text, const char *more) {
  for (; *more; ++more)
    put(text, *more);
}

// `digits` of a number, `count` of them, the point behind the first `point`.
static void put_digits(text_t *text, uint32_t digits, int count, int point) {
  char figures[16];
  ee_format(figures, sizeof figures, "%u", digits);
  if (point <= 0) put_text(text, "0.");
  for (int i = point; i < 0; ++i)
    put(text, '0');
  for (int i = 0; i < count || i < point; ++i) {
    if (i == point && i > 0) put(text, '.');
    put(text, i < count ? figures[i] : '0');
  }
}

static void put_float(text_t *text, double value, int digit_count) {
  if (value != value) {
    put_text(text, "NAN");
    return;
  }
  if (value < 0 || (value == 0 && 1 / value < 0)) {
    put(text, '-');
    value = -value;
  }
  if (value == 0 || value > 0x1.fffffffffffffp1023) {
    put_text(text, value == 0 ? "0" : "INF");
    return;
  }
  int exponent, count = digit_count;
  uint32_t digits = significant_digits(value, count, &exponent);
  for (; count > 1 && digits % 10 == 0; --count)
    digits /= 10;
  if (exponent >= -4 && exponent < digit_count) {
    put_digits(text, digits, count, exponent + 1);
    return;
  }
  put_digits(text, digits, count, 1);
  const unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
  text->length +=
      ee_format(text->data + text->length, 8, "E%c%02u", exponent < 0 ? '-' : '+', magnitude);
}

// Kinds 0x1.: integers. Signless ones are shown as signed.
static void put_integer(text_t *text, uint32_t element_type, uint64_t bits) {
  const uint32_t kind = ee_bridge_element_kind(element_type);
  if (kind == EE_BRIDGE_KIND_UNSIGNED || kind == EE_BRIDGE_KIND_BOOL) {
    text->length += ee_format(text->data, 24, "%llu", (unsigned long long)bits);
    return;
  }
  const uint32_t unused = 64 - ee_bridge_element_bits(element_type);
  const int64_t value = (int64_t)(bits << unused) >> unused;
  text->length += ee_format(text->data, 24, "%lld", (long long)value);
}

void ee_bridge_element_format(char text[EE_BRIDGE_ELEMENT_TEXT], uint32_t element_type,
                              const uint8_t *data, uint64_t index, int digits) {
  text_t out = {text, 0};
  text[0] = 0;
  const uint32_t width = ee_bridge_element_bits(element_type);
  const uint64_t bits = width <= 64 ? ee_bridge_element_get(element_type, data, index) : 0;
  double value;
  if (ee_bridge_element_float(element_type, bits, &value)) {
    put_float(&out, value, digits);
  } else if (width - 1 < 64 && (width % 8 || ee_bridge_element_kind(element_type) >> 4 == 1)) {
    put_integer(&out, element_type, bits);
  } else {
    // At most 32 bytes. No type has more than 64 bits that do not fill bytes; it would show
    // nothing.
    const size_t size = width % 8 ? 0 : width / 8;
    const uint8_t *bytes = data + (size_t)(index * size);
    for (size_t i = 0; i < size; ++i)
      out.length += ee_format(text + out.length, 3, "%02X", bytes[i]);
  }
}
