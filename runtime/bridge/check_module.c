// check_module.c: the `check` module: expectations of compiled tests. One that does not hold is
// noted with the element, what was expected and what was found, and the test goes on; when the
// function that was called from outside is over, it fails with ABORTED (ee_vm_note_failure).
//
// Semantics: compiler/Modules/Check/check.imports.mlir and modules/check of 3.13; the same in 3.11
// and 3.12. Beyond IREE's, tolerances also apply to complex numbers, part by part.
#include "bridge/element.h"
#include "bridge/hal_module.h"

#define DIGITS 9 // tell any two floats of 32 bits apart

// ---- Text --------------------------------------------------------------------------------------

#if EERIE_MESSAGES

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

// A complex number is a sum: "1+-2j".
static void format_element(char *text, size_t capacity, uint32_t element_type, const uint8_t *data,
                           uint64_t index) {
  char parts[2][EE_BRIDGE_ELEMENT_TEXT];
  const uint32_t count = ee_bridge_element_parts(&element_type);
  for (uint32_t i = 0; i < count; ++i) {
    ee_bridge_element_format(parts[i], element_type, data, index * count + i, DIGITS);
  }
  ee_format(text, capacity, count == 2 ? "%s+%sj" : "%s", parts[0], count == 2 ? parts[1] : "");
}

#endif

// Elements that are not as expected: how many of how many, and the first.
typedef struct differences {
  uint64_t count;
  uint64_t refused;
  uint64_t first;
} differences_t;

// `expected` NULL: anything but zero was.
static EE_COLD eerie_status_t element_refused(ee_vm_call_t *call, const ee_hal_buffer_view_t *view,
                                              const uint8_t *actual, const uint8_t *expected,
                                              const differences_t *differences) {
  (void)view, (void)actual, (void)expected, (void)differences;
#if EERIE_MESSAGES
  char at[64], shape[96], found[2 * EE_BRIDGE_ELEMENT_TEXT];
  char wanted[2 * EE_BRIDGE_ELEMENT_TEXT] = "nonzero";
  format_index(at, sizeof at, view, differences->first);
  format_element(found, sizeof found, view->element_type, actual, differences->first);
  if (expected) {
    format_element(wanted, sizeof wanted, view->element_type, expected, differences->first);
  }
  ee_hal_shape_format(shape, sizeof shape, view->element_type, view->rank, view->dims);
#endif
  return EE_FAIL(call->err, EERIE_ABORTED,
                 "element%s of %s: expected %s, got %s (%llu of %llu elements differ)", at, shape,
                 wanted, found, (unsigned long long)differences->refused,
                 (unsigned long long)differences->count);
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

static uint64_t element_count(const tensor_t *tensor) {
  uint64_t count = 1;
  for (uint32_t i = 0; i < tensor->view->rank; ++i)
    count *= (uint64_t)tensor->view->dims[i];
  return count;
}

// Whether two elements are taken for equal.
typedef struct tolerance {
  bool exact;
  double absolute;
  double relative;
} tolerance_t;

// As NumPy's isclose with NaNs equal; elements that are no floats are never close.
static bool is_close(const tolerance_t *tolerance, uint32_t element_type, uint64_t actual,
                     uint64_t expected) {
  double a, e;
  if (!ee_bridge_element_float(element_type, actual, &a) ||
      !ee_bridge_element_float(element_type, expected, &e)) {
    return false;
  }
  if (a == e || (a != a && e != e)) return true;
  const double difference = a > e ? a - e : e - a, magnitude = e < 0 ? -e : e;
  if (!(magnitude <= 0x1.fffffffffffffp1023)) return false;
  return difference <= tolerance->absolute + tolerance->relative * magnitude;
}

static bool element_holds(const tolerance_t *tolerance, uint32_t element_type,
                          const uint8_t *actual, const uint8_t *expected, uint64_t index) {
  const uint32_t bits = ee_bridge_element_bits(element_type);
  if (bits % 8 == 0 && bits > 64) {
    const size_t size = bits / 8, at = (size_t)(index * size);
    if (memcmp(actual + at, expected + at, size) == 0) return true;
    if (tolerance->exact) return false;
  }
  const uint32_t parts = ee_bridge_element_parts(&element_type);
  for (uint32_t i = 0; i < parts; ++i) {
    const uint64_t a = ee_bridge_element_get(element_type, actual, index * parts + i);
    const uint64_t e = ee_bridge_element_get(element_type, expected, index * parts + i);
    if (a != e && (tolerance->exact || !is_close(tolerance, element_type, a, e))) return false;
  }
  return true;
}

static eerie_status_t compare(ee_vm_call_t *call, const tolerance_t *tolerance) {
  tensor_t actual, expected;
  EE_TRY(tensor_at(call, 1, &actual));
  EE_TRY(tensor_at(call, 2, &expected));
  if (!same_type(actual.view, expected.view)) {
    return types_refused(call, actual.view, expected.view);
  }
  const uint32_t element_type = actual.view->element_type;
  uint32_t part_type = element_type;
  (void)ee_bridge_element_parts(&part_type);
  double probe;
  if (!tolerance->exact && !ee_bridge_element_float(part_type, 0, &probe)) {
    return dtype_unknown(call, actual.view);
  }
  differences_t differences = {.count = element_count(&actual)};
  for (uint64_t i = 0; actual.size != 0 && i < differences.count; ++i) {
    if (element_holds(tolerance, element_type, actual.data, expected.data, i)) continue;
    if (differences.refused++ == 0) differences.first = i;
  }
  if (differences.refused == 0) return EERIE_OK;
  return element_refused(call, actual.view, actual.data, expected.data, &differences);
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

// All parts of it.
static bool is_zero(uint32_t element_type, const uint8_t *data, uint64_t index) {
  const uint32_t parts = ee_bridge_element_parts(&element_type);
  for (uint32_t i = 0; i < parts; ++i) {
    const uint64_t bits = ee_bridge_element_get(element_type, data, index * parts + i);
    double value;
    if (ee_bridge_element_float(element_type, bits, &value) ? value != 0 : bits != 0) return false;
  }
  return true;
}

// device, tensor
static eerie_status_t expect_all_true(ee_vm_call_t *call) {
  tensor_t tensor;
  EE_TRY(tensor_at(call, 1, &tensor));
  uint32_t part_type = tensor.view->element_type;
  (void)ee_bridge_element_parts(&part_type);
  if (ee_bridge_element_bits(part_type) - 1 >= 64) return dtype_unknown(call, tensor.view);
  differences_t differences = {.count = element_count(&tensor)};
  for (uint64_t i = 0; tensor.size != 0 && i < differences.count; ++i) {
    if (!is_zero(tensor.view->element_type, tensor.data, i)) continue;
    if (differences.refused++ == 0) differences.first = i;
  }
  if (differences.refused == 0) return EERIE_OK;
  return element_refused(call, tensor.view, tensor.data, NULL, &differences);
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

// What does not hold is noted, and the test goes on; anything else that fails ends it.
static eerie_status_t note(ee_vm_call_t *call, const char *name,
                           eerie_status_t (*expect)(ee_vm_call_t *call)) {
  eerie_error_t error, *err = call->err;
  error.message[0] = 0;
  call->err = &error;
  const eerie_status_t status = expect(call);
  call->err = err;
  (void)name;
  if (status == EERIE_ABORTED) {
    EE_ANNOTATE(&error, "check.%s", name);
    return ee_vm_note_failure(call->program, &error, err);
  }
  if (status != EERIE_OK && err) *err = error;
  return status;
}

#define NOTED(name)                                                                                \
  static eerie_status_t noted_##name(ee_vm_call_t *call) {                                         \
    return note(call, #name, name);                                                                \
  }
NOTED(expect_all_true)
NOTED(expect_almost_eq)
NOTED(expect_eq)
NOTED(expect_false)
NOTED(expect_true)

static const ee_vm_native_function_t functions[] = {
    {"expect_all_true", "0rr_v", noted_expect_all_true},
    {"expect_almost_eq", "0rrrff_v", noted_expect_almost_eq},
    {"expect_eq", "0rrr_v", noted_expect_eq},
    {"expect_false", "0i_v", noted_expect_false},
    {"expect_true", "0i_v", noted_expect_true},
};

const ee_vm_native_module_t ee_bridge_check_module = {
    .name = "check",
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
};
