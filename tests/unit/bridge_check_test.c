// The `check` module: what holds, what does not and how that is told, for elements of every width.
#include "unit/bridge_support.h"

#define F32 0x21000020u
#define F64 0x21000040u
#define F16 0x21000010u
#define I8  0x10000008u
#define I32 0x10000020u

static void expects_scalars(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  const ee_vm_value_t zero = of_i32(0), seven = of_i32(7);
  CHECK_OK(bridge_call(&b, "expect_true", &seven));
  CHECK_OK(bridge_call(&b, "expect_false", &zero));
  CHECK_STATUS(bridge_call(&b, "expect_true", &zero), EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "expected nonzero, got 0");
  CHECK_STATUS(bridge_call(&b, "expect_false", &seven), EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "expected 0, got 7");
  bridge_close(&b);
}

// Compares two tensors that are thrown away.
static eerie_status_t compare(bridge_t *b, const char *function, ee_hal_buffer_view_t *actual,
                              ee_hal_buffer_view_t *expected, float absolute, float relative) {
  const ee_vm_value_t arguments[] = {of_ref(NULL), of_ref(actual), of_ref(expected),
                                     of_f32(absolute), of_f32(relative)};
  const eerie_status_t status = bridge_call(b, function, arguments);
  drop(actual);
  drop(expected);
  return status;
}

static void expects_equal_tensors(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  static const float a[] = {1, 2, 3, -4.5f, 5, 6}, e[] = {1, 2, 3, 0x1p-30f, 5, 7};
  static const int64_t dims[] = {2, 3}, turned[] = {3, 2};
  CHECK_OK(compare(&b, "expect_eq", make_tensor(&b, F32, 2, dims, a),
                   make_tensor(&b, F32, 2, dims, a), 0, 0));
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, F32, 2, dims, a),
                       make_tensor(&b, F32, 2, dims, e), 0, 0),
               EERIE_ABORTED);
  CHECK_STR(b.err.message, "check.expect_eq: element [1][0] of 2x3xf32: expected 9.31322575E-10, "
                           "got -4.5 (2 of 6 elements differ)");
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, F32, 2, dims, a),
                       make_tensor(&b, F32, 2, turned, a), 0, 0),
               EERIE_ABORTED);
  CHECK_STR(b.err.message, "check.expect_eq: expected a tensor of 3x2xf32, got 2x3xf32");
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, I32, 2, dims, a),
                       make_tensor(&b, F32, 2, dims, a), 0, 0),
               EERIE_ABORTED);
  // A scalar has no index, an empty tensor no elements.
  static const int64_t none[] = {0, 3};
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, F32, 0, NULL, a),
                       make_tensor(&b, F32, 0, NULL, a + 1), 0, 0),
               EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "expected 2, got 1");
  CHECK_OK(compare(&b, "expect_eq", make_tensor(&b, F32, 2, none, NULL),
                   make_tensor(&b, F32, 2, none, NULL), 0, 0));
  bridge_close(&b);
}

static void tells_elements_of_every_width(void) {
  static const struct {
    uint32_t element_type;
    uint64_t actual, expected;
    const char *text;
  } cases[] = {
      {I8, 0xFF, 1, "expected 1, got -1"},
      {0x12000008u, 0xFF, 1, "expected 1, got 255"},
      {0x13000008u, 1, 0, "expected 0, got 1"},
      {0x10000010u, 0x8000, 0x7FFF, "expected 32767, got -32768"},
      {0x12000020u, 0xFFFFFFFFu, 0, "expected 0, got 4294967295"},
      {0x10000040u, 1ull << 63, 0, "expected 0, got -9223372036854775808"},
      {F16, 0x3C00, 0xFC00, "expected -INF, got 1"},
      {F16, 0x0001, 0x7E00, "expected NAN, got 5.96046448E-08"},
      {0x22000010u, 0x3FC0, 0x4000, "expected 2, got 1.5"},
      {0x24000008u, 0x3C, 0x40, "expected 2, got 1"},
      {0x25000008u, 0x38, 0x7E, "expected 448, got 1"},
      {0x26000008u, 0x40, 0x80, "expected NAN, got 1"},
      {0x27000008u, 0x40, 0x48, "expected 2, got 1"},
      {0x28000008u, 0x7F, 0x80, "expected 2, got 1"},
      {F64, 0x3FF8000000000000u, 0x7FF0000000000000u, "expected INF, got 1.5"},
      {F64, 0x40FE240C9FBE76C9u, 0x4341C37937E08000u, "expected 1E+16, got 123456.789"},
      {F32, 0x3F7FFFFFu, 0x461C4000u, "expected 10000, got 0.99999994"},
      {0x23000040u, 0xC00000003F800000u, 0x3F80000000000000u, "expected 0+1j, got 1+-2j"},
  };
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    CHECK_STATUS(compare(&b, "expect_eq",
                         make_tensor(&b, cases[i].element_type, 0, NULL, &cases[i].actual),
                         make_tensor(&b, cases[i].element_type, 0, NULL, &cases[i].expected), 0, 0),
                 EERIE_ABORTED);
    CHECK_CONTAINS(b.err.message, cases[i].text);
  }
  // Elements that share a byte are told one by one; what is behind the last does not count.
  static const int64_t dims[] = {4};
  static const uint8_t low[] = {0x21, 0x43}, high[] = {0x21, 0x53};
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, 0x10000004u, 1, dims, low),
                       make_tensor(&b, 0x10000004u, 1, dims, high), 0, 0),
               EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "element [3] of 4xi4: expected 5, got 4 (1 of 4 elements differ)");
  bridge_close(&b);
}

static void expects_almost_equal_tensors(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  static const struct {
    double actual, expected;
    float absolute, relative;
    bool holds;
  } cases[] = {
      {1, 1.0001, 1e-3f, 0, true},
      {1, 1.01, 1e-3f, 0, false},
      {100, 101, 0, 0.02f, true},
      {100, 103, 0, 0.02f, false},
      {0, -0.0, 0, 0, true},
      {NAN, NAN, 0, 0, true},
      {NAN, 1, 100, 100, false},
      {1, NAN, 100, 100, false},
      {INFINITY, INFINITY, 0, 0, true},
      {INFINITY, -INFINITY, 100, 100, false},
      {1, INFINITY, 100, 100, false},
      {INFINITY, 1, 100, 100, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const eerie_status_t status = compare(
        &b, "expect_almost_eq", make_tensor(&b, F64, 0, NULL, &cases[i].actual),
        make_tensor(&b, F64, 0, NULL, &cases[i].expected), cases[i].absolute, cases[i].relative);
    if (!CHECK_STATUS(status, cases[i].holds ? EERIE_OK : EERIE_ABORTED)) {
      fprintf(stderr, "  case %zu: %s\n", i, b.err.message);
    }
  }
  // Complex numbers part by part; i4 of an odd count without what pads the last byte.
  static const float here[] = {1, -2}, near[] = {1.001f, -2.001f}, far[] = {1, -2.1f};
  CHECK_OK(compare(&b, "expect_almost_eq", make_tensor(&b, 0x23000040u, 0, NULL, here),
                   make_tensor(&b, 0x23000040u, 0, NULL, near), 0.01f, 0));
  CHECK_STATUS(compare(&b, "expect_almost_eq", make_tensor(&b, 0x23000040u, 0, NULL, here),
                       make_tensor(&b, 0x23000040u, 0, NULL, far), 0.01f, 0),
               EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "expected 1+-2.0999999");
  static const double wide[] = {1, 2}, other[] = {1, 3};
  CHECK_STATUS(compare(&b, "expect_eq", make_tensor(&b, 0x23000080u, 0, NULL, wide),
                       make_tensor(&b, 0x23000080u, 0, NULL, other), 0, 0),
               EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "expected 1+3j, got 1+2j");
  static const int64_t three[] = {3};
  static const uint8_t padded[] = {0x21, 0xA3}, plain[] = {0x21, 0x03};
  CHECK_OK(compare(&b, "expect_eq", make_tensor(&b, 0x10000004u, 1, three, padded),
                   make_tensor(&b, 0x10000004u, 1, three, plain), 0, 0));
  static const int32_t one = 1;
  CHECK_STATUS(compare(&b, "expect_almost_eq", make_tensor(&b, I32, 0, NULL, &one),
                       make_tensor(&b, I32, 0, NULL, &one), 0, 0),
               EERIE_INVALID_ARGUMENT);
  bridge_close(&b);
}

static void expects_all_true(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  static const int64_t dims[] = {3};
  static const uint8_t yes[] = {1, 255, 2}, no[] = {1, 0, 0};
  static const float minus_zero[] = {1, 2, -0.0f};
  ee_vm_value_t arguments[] = {of_ref(NULL), of_ref(make_tensor(&b, I8, 1, dims, yes))};
  CHECK_OK(bridge_call(&b, "expect_all_true", arguments));
  drop(arguments[1].ref);
  arguments[1] = of_ref(make_tensor(&b, I8, 1, dims, no));
  CHECK_STATUS(bridge_call(&b, "expect_all_true", arguments), EERIE_ABORTED);
  CHECK_STR(b.err.message, "check.expect_all_true: element [1] of 3xi8: expected nonzero, got 0 (2 "
                           "of 3 elements differ)");
  drop(arguments[1].ref);
  arguments[1] = of_ref(make_tensor(&b, F32, 1, dims, minus_zero));
  CHECK_STATUS(bridge_call(&b, "expect_all_true", arguments), EERIE_ABORTED);
  drop(arguments[1].ref);
  static const uint8_t nibbles[] = {0xF1, 0x02}, gap[] = {0xF1, 0xF0};
  arguments[1] = of_ref(make_tensor(&b, 0x10000004u, 1, dims, nibbles));
  CHECK_OK(bridge_call(&b, "expect_all_true", arguments));
  drop(arguments[1].ref);
  arguments[1] = of_ref(make_tensor(&b, 0x10000004u, 1, dims, gap));
  CHECK_STATUS(bridge_call(&b, "expect_all_true", arguments), EERIE_ABORTED);
  CHECK_CONTAINS(b.err.message, "element [2] of 3xi4: expected nonzero, got 0 (1 of 3 elements");
  drop(arguments[1].ref);
  arguments[1] = of_ref(NULL);
  CHECK_STATUS(bridge_call(&b, "expect_all_true", arguments), EERIE_INVALID_ARGUMENT);
  bridge_close(&b);
}

// Every f16, and every byte as each kind of f8, against the C library's arithmetic.
static void decodes_small_floats(void) {
  static const struct {
    uint32_t element_type;
    int mantissa, exponent, bias;
    int specials; // 0: infinities, 1: one NaN at the top, 2: -0 is NaN
  } formats[] = {
      {F16, 10, 5, 15, 0},       {0x22000010u, 7, 8, 127, 0}, {0x24000008u, 2, 5, 15, 0},
      {0x25000008u, 3, 4, 7, 1}, {0x26000008u, 2, 5, 16, 2},  {0x27000008u, 3, 4, 8, 2},
  };
  bridge_t b;
  bridge_open(&b, &ee_bridge_check_module, 0);
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; ++i) {
    const int width = 1 + formats[i].mantissa + formats[i].exponent;
    for (uint32_t bits = 0; bits < 1u << width; bits += 7) {
      const int mantissa = (int)(bits & ((1u << formats[i].mantissa) - 1));
      const int exponent = (int)(bits >> formats[i].mantissa & ((1u << formats[i].exponent) - 1));
      const bool negative = bits >> (width - 1), top = exponent == (1 << formats[i].exponent) - 1;
      double value = ldexp(mantissa + (exponent ? 1 << formats[i].mantissa : 0),
                           (exponent ? exponent : 1) - formats[i].bias - formats[i].mantissa);
      if (formats[i].specials == 0 && top) value = mantissa ? NAN : INFINITY;
      if (formats[i].specials == 1 && top && mantissa == (1 << formats[i].mantissa) - 1)
        value = NAN;
      if (formats[i].specials == 2 && negative && value == 0) value = NAN;
      if (negative) value = -value;
      const uint32_t other = bits ^ 1u; // another element, so that this one is told
      (void)compare(&b, "expect_eq", make_tensor(&b, formats[i].element_type, 0, NULL, &bits),
                    make_tensor(&b, formats[i].element_type, 0, NULL, &other), 0, 0);
      const char *got = strstr(b.err.message, "got ");
      REQUIRE(got);
      double parsed = 0;
      if (strncmp(got, "got NAN", 7) == 0) {
        parsed = NAN;
      } else {
        REQUIRE(sscanf(got, "got %lf", &parsed) == 1);
      }
      if (value != value) {
        CHECK(parsed != parsed);
      } else {
        CHECK(value == parsed || fabs(value - parsed) <= 1e-8 * fabs(value));
      }
    }
  }
  bridge_close(&b);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(expects_scalars),
      RUN(expects_equal_tensors),
      RUN(tells_elements_of_every_width),
      RUN(expects_almost_equal_tensors),
      RUN(expects_all_true),
      RUN(decodes_small_floats),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
