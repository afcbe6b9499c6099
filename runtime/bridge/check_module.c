// check_module.c: the `check` module: expectations of compiled tests. One that does not hold ends
// the call with ABORTED and tells the element, what was expected and what was found; the virtual
// machine puts the function before it.
//
// Semantics: compiler/Modules/Check/check.imports.mlir and modules/check of 3.13; the same in 3.11
// and 3.12, where a failed expectation is noted and the test goes on.
#include "bridge/hal_module.h"

// ---- Elements ----------------------------------------------------------------------------------

// Kinds of elements, the top byte of an element type. Source: iree/hal/buffer_view.h of 3.13.
#define KIND_UNSIGNED 0x12u
#define KIND_BOOL     0x13u

typedef enum float_special {
  WITH_INFINITIES, // as IEEE 754
  WITH_NAN,        // all ones is the only NaN, no infinities
  WITH_NAN_ZERO,   // minus zero is the only NaN
  POWERS_OF_TWO,   // an exponent and nothing else
} float_special_t;

// Floats narrower than 32 bits.
static const struct small_float {
  uint32_t element_type;
  uint8_t mantissa_bits;
  uint8_t exponent_bits;
  uint8_t bias;
  uint8_t special;
} small_floats[] = {
    {0x21000010u, 10, 5, 15, WITH_INFINITIES}, {0x22000010u, 7, 8, 127, WITH_INFINITIES},
    {0x24000008u, 2, 5, 15, WITH_INFINITIES},  {0x25000008u, 3, 4, 7, WITH_NAN},
    {0x26000008u, 2, 5, 16, WITH_NAN_ZERO},    {0x27000008u, 3, 4, 8, WITH_NAN_ZERO},
    {0x28000008u, 0, 8, 127, POWERS_OF_TWO},
};

static double double_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double power_of_two(int exponent) {
  return double_of_bits((uint64_t)(exponent + 1023) << 52);
}

static double not_a_number(void) {
  return double_of_bits(0x7FF8000000000000u);
}

static double decode_small_float(const struct small_float *format, uint32_t bits) {
  if (format->special == POWERS_OF_TWO) {
    return bits == 0xFFu ? not_a_number() : power_of_two((int)bits - format->bias);
  }
  const uint32_t mantissa = bits & ((1u << format->mantissa_bits) - 1);
  const uint32_t exponent_mask = (1u << format->exponent_bits) - 1;
  const uint32_t exponent = bits >> format->mantissa_bits & exponent_mask;
  const bool negative = bits >> (format->mantissa_bits + format->exponent_bits) & 1u;
  const bool ones = mantissa == (1u << format->mantissa_bits) - 1;
  if (format->special == WITH_INFINITIES && exponent == exponent_mask) {
    if (mantissa) return not_a_number();
    return double_of_bits(negative ? 0xFFF0000000000000u : 0x7FF0000000000000u);
  }
  if (format->special == WITH_NAN && exponent == exponent_mask && ones) return not_a_number();
  if (format->special == WITH_NAN_ZERO && negative && !exponent && !mantissa) {
    return not_a_number();
  }
  const double unit =
      power_of_two((exponent ? (int)exponent : 1) - format->bias - format->mantissa_bits);
  const double value = (double)(mantissa + (exponent ? 1u << format->mantissa_bits : 0)) * unit;
  return negative ? -value : value;
}

// The float at `data`, or false when elements of the type are no floats.
static bool load_float(uint32_t element_type, const uint8_t *data, double *out_value) {
  if (element_type == 0x21000040u) {
    memcpy(out_value, data, sizeof *out_value);
    return true;
  }
  if (element_type == 0x21000020u) {
    float value;
    memcpy(&value, data, sizeof value);
    *out_value = (double)value;
    return true;
  }
  for (size_t i = 0; i < sizeof small_floats / sizeof small_floats[0]; ++i) {
    if (small_floats[i].element_type != element_type) continue;
    const uint32_t bits = (element_type & 0xFFu) == 8 ? data[0] : ee_load_u16(data);
    *out_value = decode_small_float(&small_floats[i], bits);
    return true;
  }
  return false;
}

// Bytes of an element; 0: elements do not fill whole bytes, or are wider than any that is known.
static size_t element_size(uint32_t element_type) {
  const uint32_t bits = element_type & 0xFFu;
  return bits % 8 == 0 && bits <= 128 ? bits / 8 : 0;
}

// ---- Text --------------------------------------------------------------------------------------

#if EERIE_MESSAGES

// digits / unit, with as many decimals as `unit` has zeros.
static size_t format_decimal(char *text, size_t capacity, uint64_t digits, uint64_t unit) {
  const size_t used = ee_format(text, capacity, "%llu", (unsigned long long)(digits / unit));
  if (unit == 1 || used >= capacity) return used;
  const uint64_t decimals = digits % unit + unit; // a one before them keeps their zeros
  char fraction[24];
  ee_format(fraction, sizeof fraction, "%llu", (unsigned long long)decimals);
  return used + ee_format(text + used, capacity - used, ".%s", fraction + 1);
}

static uint64_t power_of_ten(int exponent) {
  uint64_t power = 1;
  while (exponent-- > 0) {
    power *= 10;
  }
  return power;
}

// Nine digits, which tell any two floats of 32 bits apart.
static void format_float(char *text, size_t capacity, double value) {
  if (value < 0) {
    ee_format(text, capacity, "-");
    ++text;
    --capacity;
    value = -value;
  }
  if (value != value || value > 0x1.fffffffffffffp1023) {
    ee_format(text, capacity, "%s", value != value ? "nan" : "inf");
    return;
  }
  int exponent = 0;
  for (; value >= 10; ++exponent) {
    value /= 10;
  }
  for (; value != 0 && value < 1; --exponent) {
    value *= 10;
  }
  uint64_t digits = (uint64_t)(value * 1e8 + 0.5);
  if (digits >= 1000000000u) {
    digits /= 10;
    ++exponent;
  }
  int decimals = 8;
  for (; decimals > 0 && digits % 10 == 0; --decimals) {
    digits /= 10;
  }
  // Plain notation where it is short.
  if (exponent >= -5 && exponent <= decimals) {
    format_decimal(text, capacity, digits, power_of_ten(decimals - exponent));
  } else if (exponent >= 0 && exponent <= 8) {
    format_decimal(text, capacity, digits * power_of_ten(exponent - decimals), 1);
  } else {
    const size_t used = format_decimal(text, capacity, digits, power_of_ten(decimals));
    if (used < capacity) ee_format(text + used, capacity - used, "e%d", exponent);
  }
}

static void format_element(char *text, size_t capacity, uint32_t element_type,
                           const uint8_t *data) {
  double value;
  if (load_float(element_type, data, &value)) {
    format_float(text, capacity, value);
    return;
  }
  const uint32_t kind = element_type >> 24;
  const size_t size = element_size(element_type);
  if (size > sizeof(uint64_t)) {
    ee_format(text, capacity, "0x%016llx...", (unsigned long long)ee_load_u64(data));
    return;
  }
  uint64_t bits = 0;
  memcpy(&bits, data, size);
  if (kind == KIND_UNSIGNED || kind == 0 || kind == KIND_BOOL) {
    ee_format(text, capacity, "%llu", (unsigned long long)bits);
    return;
  }
  const unsigned unused = 64 - 8 * (unsigned)size;
  ee_format(text, capacity, "%lld", (long long)(bits << unused) >> unused);
}

// " [1][2]"; nothing for a scalar.
static void format_index(char *text, size_t capacity, const ee_hal_buffer_view_t *view,
                         uint64_t index) {
  text[0] = 0;
  uint64_t count = 1;
  for (uint32_t i = 0; i < view->rank; ++i) {
    count *= (uint64_t)view->dims[i];
  }
  size_t used = 0;
  for (uint32_t i = 0; i < view->rank && used < capacity; ++i) {
    count /= (uint64_t)view->dims[i];
    used += ee_format(text + used, capacity - used, i ? "[%llu]" : " [%llu]",
                      (unsigned long long)(index / count));
    index %= count;
  }
}

#endif

// An element that is not as expected; `expected` NULL: anything but zero was.
static EE_COLD eerie_status_t element_refused(ee_vm_call_t *call, const ee_hal_buffer_view_t *view,
                                              uint64_t index, const uint8_t *actual,
                                              const uint8_t *expected, uint64_t refused,
                                              uint64_t count) {
  (void)view, (void)index, (void)actual, (void)expected, (void)refused, (void)count;
#if EERIE_MESSAGES
  char at[64], found[40], wanted[40] = "nonzero", shape[96];
  format_index(at, sizeof at, view, index);
  format_element(found, sizeof found, view->element_type, actual);
  if (expected) format_element(wanted, sizeof wanted, view->element_type, expected);
  ee_hal_shape_format(shape, sizeof shape, view->element_type, view->rank, view->dims);
#endif
  return EE_FAIL(call->err, EERIE_ABORTED,
                 "element%s of %s: expected %s, got %s (%llu of %llu elements differ)", at, shape,
                 wanted, found, (unsigned long long)refused, (unsigned long long)count);
}

static EE_COLD eerie_status_t types_refused(ee_vm_call_t *call, const ee_hal_buffer_view_t *actual,
                                            const ee_hal_buffer_view_t *expected) {
  (void)actual, (void)expected;
#if EERIE_MESSAGES
  char found[96], wanted[96];
  ee_hal_shape_format(found, sizeof found, actual->element_type, actual->rank, actual->dims);
  ee_hal_shape_format(wanted, sizeof wanted, expected->element_type, expected->rank,
                      expected->dims);
#endif
  return EE_FAIL(call->err, EERIE_ABORTED, "expected a tensor of %s, got %s", wanted, found);
}

static EE_COLD eerie_status_t dtype_unknown(ee_vm_call_t *call, const ee_hal_buffer_view_t *view) {
  (void)view;
#if EERIE_MESSAGES
  char shape[96];
  ee_hal_shape_format(shape, sizeof shape, view->element_type, view->rank, view->dims);
#endif
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                 "there is no such expectation of elements like those of %s", shape);
}

// ---- Tensors -----------------------------------------------------------------------------------

typedef struct tensor {
  const ee_hal_buffer_view_t *view;
  const uint8_t *data;
  uint64_t size;
} tensor_t;

static eerie_status_t tensor_at(ee_vm_call_t *call, uint32_t slot, tensor_t *out_tensor) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, slot, &view));
  const ee_hal_buffer_t *buffer = view->buffer;
  *out_tensor = (tensor_t){.view = view, .data = buffer->data};
  // That the bytes fit in the buffer was checked when the view was made.
  (void)ee_hal_shape_size(view->element_type, view->rank, view->dims, &out_tensor->size);
  if (out_tensor->size != 0 && !buffer->data) {
    return EE_FAIL(call->err, EERIE_UNIMPLEMENTED,
                   "device %s keeps tensors where the host cannot compare them",
                   buffer->device->name);
  }
  return EERIE_OK;
}

static bool same_type(const ee_hal_buffer_view_t *a, const ee_hal_buffer_view_t *b) {
  if (a->element_type != b->element_type || a->rank != b->rank) return false;
  return a->rank == 0 || memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

// Whether two elements are taken for equal.
typedef struct tolerance {
  bool exact;
  double absolute;
  double relative;
} tolerance_t;

static bool element_holds(const tolerance_t *tolerance, uint32_t element_type, size_t size,
                          const uint8_t *actual, const uint8_t *expected) {
  if (memcmp(actual, expected, size) == 0) return true;
  double a, e;
  if (tolerance->exact || !load_float(element_type, actual, &a) ||
      !load_float(element_type, expected, &e)) {
    return false;
  }
  if (a == e || (a != a && e != e)) return true;
  const double difference = a > e ? a - e : e - a, magnitude = e < 0 ? -e : e;
  if (!(magnitude <= 0x1.fffffffffffffp1023)) return false;
  return difference <= tolerance->absolute + tolerance->relative * magnitude;
}

static eerie_status_t compare(ee_vm_call_t *call, const tolerance_t *tolerance) {
  tensor_t actual, expected;
  EE_TRY(tensor_at(call, 1, &actual));
  EE_TRY(tensor_at(call, 2, &expected));
  if (!same_type(actual.view, expected.view)) {
    return types_refused(call, actual.view, expected.view);
  }
  const uint32_t element_type = actual.view->element_type;
  double probe;
  static const uint8_t zeros[8];
  if (!tolerance->exact && !load_float(element_type, zeros, &probe)) {
    return dtype_unknown(call, actual.view);
  }
  // Elements that share bytes are compared byte by byte.
  const size_t size = element_size(element_type) ? element_size(element_type) : 1;
  const uint64_t count = actual.size / size;
  uint64_t first = 0, refused = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = (size_t)(i * size);
    if (element_holds(tolerance, element_type, size, actual.data + at, expected.data + at))
      continue;
    if (refused++ == 0) first = i;
  }
  if (refused == 0) return EERIE_OK;
  if (!element_size(element_type)) {
    return EE_FAIL(call->err, EERIE_ABORTED,
                   "byte %llu: expected 0x%02x, got 0x%02x (%llu of %llu bytes differ)",
                   (unsigned long long)first, expected.data[first], actual.data[first],
                   (unsigned long long)refused, (unsigned long long)count);
  }
  const size_t at = (size_t)(first * size);
  return element_refused(call, actual.view, first, actual.data + at, expected.data + at, refused,
                         count);
}

// ---- The functions -----------------------------------------------------------------------------

static eerie_status_t expect_true(ee_vm_call_t *call) {
  if (call->arguments[0].i32 != 0) return EERIE_OK;
  return EE_FAIL(call->err, EERIE_ABORTED, "expected nonzero, got 0");
}

static eerie_status_t expect_false(ee_vm_call_t *call) {
  if (call->arguments[0].i32 == 0) return EERIE_OK;
  return EE_FAIL(call->err, EERIE_ABORTED, "expected 0, got %d", call->arguments[0].i32);
}

static bool is_zero(uint32_t element_type, const uint8_t *data, size_t size) {
  double value;
  if (load_float(element_type, data, &value)) return value == 0;
  for (size_t i = 0; i < size; ++i) {
    if (data[i] != 0) return false;
  }
  return true;
}

// device, tensor
static eerie_status_t expect_all_true(ee_vm_call_t *call) {
  tensor_t tensor;
  EE_TRY(tensor_at(call, 1, &tensor));
  const uint32_t element_type = tensor.view->element_type;
  const size_t size = element_size(element_type);
  if (size == 0) return dtype_unknown(call, tensor.view);
  const uint64_t count = tensor.size / size;
  uint64_t first = 0, refused = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (!is_zero(element_type, tensor.data + (size_t)(i * size), size)) continue;
    if (refused++ == 0) first = i;
  }
  if (refused == 0) return EERIE_OK;
  return element_refused(call, tensor.view, first, tensor.data + (size_t)(first * size), NULL,
                         refused, count);
}

// device, actual, expected
static eerie_status_t expect_eq(ee_vm_call_t *call) {
  return compare(call, &(tolerance_t){.exact = true});
}

// device, actual, expected, absolute and relative tolerance
static eerie_status_t expect_almost_eq(ee_vm_call_t *call) {
  const tolerance_t tolerance = {
      .absolute = (double)call->arguments[3].f32,
      .relative = (double)call->arguments[4].f32,
  };
  return compare(call, &tolerance);
}

static const ee_vm_native_function_t functions[] = {
    {"expect_all_true", "0rr_v", expect_all_true},
    {"expect_almost_eq", "0rrrff_v", expect_almost_eq},
    {"expect_eq", "0rrr_v", expect_eq},
    {"expect_false", "0i_v", expect_false},
    {"expect_true", "0i_v", expect_true},
};

const ee_vm_native_module_t ee_bridge_check_module = {
    .name = "check",
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
};
