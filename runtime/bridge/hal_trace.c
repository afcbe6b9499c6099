// hal_trace.c: buffer_view.trace: tensors as text, a line each, as iree-run-module prints them.
//
//   === key ===
//   2x2xf32=[1.5 2E+06][-3E-07 4]
//
// What does not fit the line is cut and ends with "...".
#include "bridge/hal_module.h"

#define LINE_SIZE 2048

typedef struct line {
  char text[LINE_SIZE];
  size_t length;
  bool full;
} line_t;

static void put(line_t *line, const char *text) {
  static const char cut[] = "...";
  const size_t size = strlen(text);
  if (line->full) return;
  if (size + sizeof cut > LINE_SIZE - line->length) {
    line->full = true;
    memcpy(line->text + line->length, cut, sizeof cut - 1);
    line->length += sizeof cut - 1;
    return;
  }
  memcpy(line->text + line->length, text, size);
  line->length += size;
}

// ---- Numbers -----------------------------------------------------------------------------------

// IEEE-like floats of any width up to 32 bits, by field widths.
static double small_float(uint32_t bits, uint32_t exponent_bits, uint32_t mantissa_bits) {
  const uint32_t exponent_mask = (1u << exponent_bits) - 1, bias = exponent_mask >> 1;
  const uint32_t exponent = bits >> mantissa_bits & exponent_mask;
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const bool negative = bits >> (exponent_bits + mantissa_bits) & 1u;
  uint64_t wide;
  if (exponent == exponent_mask) {
    wide = 0x7FFull << 52 | (uint64_t)mantissa << (52 - mantissa_bits);
  } else if (exponent != 0) {
    wide = (uint64_t)(exponent + 1023 - bias) << 52 | (uint64_t)mantissa << (52 - mantissa_bits);
  } else {
    double value = mantissa; // subnormal: mantissa * 2^(1 - bias - mantissa_bits)
    for (uint32_t i = 0; i < bias + mantissa_bits - 1; ++i)
      value /= 2;
    return negative ? -value : value;
  }
  wide |= (uint64_t)negative << 63;
  double value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

static double power_of_ten(int exponent) {
  double power = 1;
  for (; exponent > 0; --exponent)
    power *= 10; // exact up to 10^22
  return power;
}

// Six significant digits of a positive finite value, rounded to even: digits * 10^(exponent - 5).
static uint32_t six_digits(double value, int *out_exponent) {
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
  const int shift = 5 - exponent, step = shift > 300 ? 300 : shift;
  double scaled = shift >= 0 ? value * power_of_ten(step) * power_of_ten(shift - step)
                             : value / power_of_ten(-shift);
  if (scaled >= 1000000) { // the division above came out just below 10
    scaled /= 10;
    ++exponent;
  }
  uint32_t digits = (uint32_t)scaled;
  const double rest = scaled - digits;
  if (rest > 0.5 || (rest == 0.5 && digits % 2)) ++digits;
  if (digits >= 1000000) {
    digits = 100000;
    ++exponent;
  }
  *out_exponent = exponent;
  return digits;
}

// As "%.6G" does.
static void put_double(line_t *line, double value) {
  char text[32];
  if (value != value) {
    put(line, "NAN");
    return;
  }
  if (value < 0 || (value == 0 && 1 / value < 0)) {
    put(line, "-");
    value = -value;
  }
  if (value == 0 || value > 1.7976931348623157e308) {
    put(line, value == 0 ? "0" : "INF");
    return;
  }
  int exponent;
  uint32_t digits = six_digits(value, &exponent);
  int count = 6; // significant digits without trailing zeros
  while (count > 1 && digits % 10 == 0) {
    digits /= 10;
    --count;
  }
  ee_format(text, sizeof text, "%u", digits);
  const bool scientific = exponent < -4 || exponent > 5;
  const int point = scientific ? 1 : exponent + 1; // digits before the point
  if (point <= 0) put(line, "0.");
  for (int i = point; i < 0; ++i)
    put(line, "0");
  for (int i = 0; i < count || i < point; ++i) {
    if (i == point && i > 0) put(line, ".");
    const char digit[2] = {i < count ? text[i] : '0', 0};
    put(line, digit);
  }
  if (!scientific) return;
  const unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
  ee_format(text, sizeof text, "E%c%02u", exponent < 0 ? '-' : '+', magnitude);
  put(line, text);
}

static void put_integer(line_t *line, const uint8_t *data, uint32_t size, bool is_signed) {
  uint64_t bits = 0;
  memcpy(&bits, data, size);
  char text[32];
  if (is_signed) {
    const uint32_t unused = 64 - 8 * size;
    const long long value = (long long)((int64_t)(bits << unused) >> unused);
    ee_format(text, sizeof text, "%lld", value);
  } else {
    ee_format(text, sizeof text, "%llu", (unsigned long long)bits);
  }
  put(line, text);
}

static void put_bytes(line_t *line, const uint8_t *data, uint32_t size) {
  char text[4];
  for (uint32_t i = size; i-- > 0;) {
    ee_format(text, sizeof text, "%02X", data[i]);
    put(line, text);
  }
}

// `size` bytes, one element. Kinds: the top byte of element types, see ee_hal_shape_format.
static void put_element(line_t *line, uint32_t element_type, const uint8_t *data, uint32_t size) {
  const uint32_t kind = element_type >> 24;
  if ((kind >> 4) == 1) {
    put_integer(line, data, size, kind != 0x12);
  } else if (kind == 0x21 && size == 8) {
    double value;
    memcpy(&value, data, sizeof value);
    put_double(line, value);
  } else if (kind == 0x21 && size == 4) {
    put_double(line, small_float(ee_load_u32(data), 8, 23));
  } else if ((kind == 0x21 || kind == 0x22) && size == 2) {
    const bool brain = kind == 0x22;
    put_double(line, small_float(ee_load_u16(data), brain ? 8 : 5, brain ? 7 : 10));
  } else {
    put_bytes(line, data, size);
  }
}

// ---- Tensors -----------------------------------------------------------------------------------

// Dimension `d` and those inside it, from element `*at` on: rows of the innermost in brackets, and
// a bracket more for each dimension around them but the outermost.
static void put_dimension(line_t *line, const ee_hal_buffer_view_t *view, uint32_t d, size_t *at) {
  const uint32_t size = (view->element_type & 0xFFu) / 8;
  const int64_t count = d < view->rank ? view->dims[d] : 1;
  for (int64_t i = 0; i < count && !line->full; ++i) {
    if (d + 1 < view->rank) {
      put(line, "[");
      put_dimension(line, view, d + 1, at);
      put(line, "]");
      continue;
    }
    if (i > 0) put(line, " ");
    put_element(line, view->element_type, view->buffer->data + *at, size);
    *at += size;
  }
}

static void put_view(line_t *line, const ee_hal_buffer_view_t *view) {
  char shape[128];
  ee_hal_shape_format(shape, sizeof shape, view->element_type, view->rank, view->dims);
  put(line, shape);
  put(line, "=");
  const uint32_t bits = view->element_type & 0xFFu;
  uint64_t bytes = 0;
  if (!view->buffer->data || bits == 0 || bits % 8 || bits > 128 || view->encoding > 1 ||
      !ee_hal_shape_size(view->element_type, view->rank, view->dims, &bytes) ||
      bytes > view->buffer->size) {
    put(line, "...");
    return;
  }
  size_t at = 0;
  put_dimension(line, view, 0, &at);
}

static void emit(const ee_bridge_hal_state_t *state, line_t *line) {
  state->trace(state->trace_user, (ee_str_t){line->text, line->length});
  line->length = 0;
  line->full = false;
}

// key, count, view...
eerie_status_t ee_bridge_hal_view_trace(ee_vm_call_t *call) {
  const ee_bridge_hal_state_t *state = call->state;
  ee_vm_buffer_t *key = NULL;
  EE_TRY(ee_bridge_bytes(call, 0, &key));
  const uint32_t count = (uint32_t)call->arguments[1].i32;
  ee_hal_buffer_view_t *view = NULL;
  for (uint32_t i = 0; i < count; ++i)
    EE_TRY(ee_bridge_view(call, 2 + i, &view));
  if (!state->trace) return EERIE_OK;
  line_t line = {.length = 0};
  line.length =
      ee_format(line.text, sizeof line.text, "=== %.*s ===", EE_STR_ARG(ee_vm_buffer_str(key)));
  emit(state, &line);
  for (uint32_t i = 0; i < count; ++i) {
    EE_TRY(ee_bridge_view(call, 2 + i, &view));
    put_view(&line, view);
    emit(state, &line);
  }
  emit(state, &line);
  return EERIE_OK;
}
