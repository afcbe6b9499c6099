// Numbers of every dtype to and from text. Expected bits are NumPy's and ml_dtypes'.
#include "cli/element.h"

#include <stdlib.h>

#include "unit/check.h"

static uint64_t bits_of(const char *text, eerie_dtype_t dtype) {
  ee_cli_bits_t bits;
  if (!CHECK(ee_cli_element_parse(text, strlen(text), dtype, &bits))) {
    fprintf(stderr, "  %s as %s\n", text, eerie_dtype_name(dtype));
    return 0;
  }
  uint64_t value = 0;
  memcpy(&value, bits.bytes, sizeof value);
  return value;
}

static bool refused(const char *text, eerie_dtype_t dtype) {
  ee_cli_bits_t bits;
  return !ee_cli_element_parse(text, strlen(text), dtype, &bits);
}

static const char *text_of(uint64_t value, eerie_dtype_t dtype) {
  static char text[EE_CLI_ELEMENT_TEXT_SIZE];
  ee_cli_bits_t bits = {{0}};
  memcpy(bits.bytes, &value, sizeof value);
  ee_cli_element_format(bits, dtype, text);
  return text;
}

static void names_go_both_ways(void) {
  static const struct {
    const char *name;
    eerie_dtype_t dtype;
  } names[] = {{"i1", EERIE_BOOL},
               {"i4", EERIE_I4},
               {"i8", EERIE_I8},
               {"i64", EERIE_I64},
               {"si8", EERIE_S8},
               {"si64", EERIE_S64},
               {"ui16", EERIE_U16},
               {"f16", EERIE_F16},
               {"bf16", EERIE_BF16},
               {"f32", EERIE_F32},
               {"f64", EERIE_F64},
               {"cf64", EERIE_COMPLEX64},
               {"cf128", EERIE_COMPLEX128},
               {"f8E5M2", EERIE_F8E5M2},
               {"f8E4M3FN", EERIE_F8E4M3FN},
               {"f8E5M2FNUZ", EERIE_F8E5M2FNUZ},
               {"f8E4M3FNUZ", EERIE_F8E4M3FNUZ},
               {"f8E8M0FNU", EERIE_F8E8M0FNU}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    char name[EE_CLI_DTYPE_NAME_SIZE];
    ee_cli_dtype_name(names[i].dtype, name);
    CHECK_STR(name, names[i].name);
    CHECK_EQ_INT(ee_cli_dtype_parse(name, strlen(name)), names[i].dtype);
  }
  CHECK_EQ_INT(ee_cli_dtype_parse("bool", 4), EERIE_BOOL);
  CHECK_EQ_INT(ee_cli_dtype_parse("u8", 2), EERIE_U8);
  CHECK_EQ_INT(ee_cli_dtype_parse("complex<f32>", 12), EERIE_COMPLEX64);
  static const char *const wrong[] = {"",
                                      "f",
                                      "f33",
                                      "i0",
                                      "i128",
                                      "float32",
                                      "f8",
                                      "f8E4M3",
                                      "F32",
                                      "i32 ",
                                      "ui",
                                      "bf32",
                                      "i99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
    CHECK_EQ_INT(ee_cli_dtype_parse(wrong[i], strlen(wrong[i])), EERIE_DTYPE_NONE);
}

static void integers_keep_their_range(void) {
  CHECK_EQ_INT(bits_of("-128", EERIE_I8), 0x80);
  CHECK_EQ_INT(bits_of("255", EERIE_I8), 0xff);
  CHECK_EQ_INT(bits_of("0x1F", EERIE_S8), 0x1f);
  CHECK_EQ_INT(bits_of("+7", EERIE_U8), 7);
  CHECK_EQ_INT(bits_of("-8", EERIE_I4), 8);
  CHECK_EQ_INT(bits_of("15", EERIE_I4), 15);
  CHECK(bits_of("18446744073709551615", EERIE_U64) == UINT64_MAX);
  CHECK(bits_of("-9223372036854775808", EERIE_I64) == (uint64_t)INT64_MIN);
  CHECK(refused("256", EERIE_I8));
  CHECK(refused("-129", EERIE_I8));
  CHECK(refused("128", EERIE_S8));
  CHECK(refused("-1", EERIE_U8));
  CHECK(refused("16", EERIE_U4));
  CHECK(refused("18446744073709551616", EERIE_U64));
  CHECK(refused("-9223372036854775809", EERIE_I64));
  CHECK(refused("4294967296", EERIE_I32));
}

static void what_is_no_number_is_refused(void) {
  static const char *const wrong[] = {"", "x", "1x", "1.5.2", "--1", "1 2", "0x", "-", "1e", "nul"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    CHECK(refused(wrong[i], EERIE_F32));
    CHECK(refused(wrong[i], EERIE_I32));
    CHECK(refused(wrong[i], EERIE_BOOL));
    CHECK(refused(wrong[i], EERIE_COMPLEX64));
  }
  CHECK(refused("1.5", EERIE_I32));
  CHECK(refused("2", EERIE_BOOL));
  CHECK(refused("1+2", EERIE_COMPLEX64));
  char endless[4000];
  memset(endless, '1', sizeof endless - 1);
  endless[sizeof endless - 1] = 0;
  CHECK(refused(endless, EERIE_F64));
}

static void floats_round_to_nearest_even(void) {
  CHECK_EQ_INT(bits_of("1.5", EERIE_F32), 0x3fc00000);
  CHECK_EQ_INT(bits_of("65504", EERIE_F16), 0x7bff);
  CHECK_EQ_INT(bits_of("65520", EERIE_F16), 0x7c00); // halfway to 65536, which is infinity
  CHECK_EQ_INT(bits_of("65519", EERIE_F16), 0x7bff);
  CHECK_EQ_INT(bits_of("5.9604645e-8", EERIE_F16), 1); // the smallest
  CHECK_EQ_INT(bits_of("-0", EERIE_F16), 0x8000);
  CHECK_EQ_INT(bits_of("1.00390625", EERIE_BF16), 0x3f80); // tie: down to even
  CHECK_EQ_INT(bits_of("1.01171875", EERIE_BF16), 0x3f82); // tie: up to even
  CHECK_EQ_INT(bits_of("448", EERIE_F8E4M3FN), 0x7e);
  CHECK_EQ_INT(bits_of("464", EERIE_F8E4M3FN), 0x7e);
  CHECK_EQ_INT(bits_of("465", EERIE_F8E4M3FN), 0x7f); // NaN: there is no infinity
  CHECK_EQ_INT(bits_of("inf", EERIE_F8E5M2), 0x7c);
  CHECK_EQ_INT(bits_of("-0", EERIE_F8E4M3FNUZ), 0);
  CHECK_EQ_INT(bits_of("nan", EERIE_F8E5M2FNUZ), 0x80);
  CHECK_EQ_INT(bits_of("1", EERIE_F8E8M0FNU), 127);
  CHECK_EQ_INT(bits_of("-inf", EERIE_F32), 0xff800000);
}

static void other_forms(void) {
  CHECK_EQ_INT(bits_of("true", EERIE_BOOL), 1);
  CHECK_EQ_INT(bits_of("01", EERIE_BOOL), 1);
  CHECK_EQ_INT(bits_of("0", EERIE_BOOL), 0);
  const float complex[2] = {1.5f, -2};
  uint64_t bits;
  memcpy(&bits, complex, sizeof bits);
  CHECK(bits_of("1.5-2j", EERIE_COMPLEX64) == bits);
  CHECK(bits_of("0000C03F000000C0", EERIE_COMPLEX64) == bits);
  const float imaginary[2] = {0, 3};
  memcpy(&bits, imaginary, sizeof bits);
  CHECK(bits_of("3i", EERIE_COMPLEX64) == bits);
}

static void texts_are_those_of_iree_run_module(void) {
  CHECK_STR(text_of(0x80, EERIE_I8), "-128");
  CHECK_STR(text_of(0x80, EERIE_U8), "128");
  CHECK_STR(text_of(0xf, EERIE_I4), "-1");
  CHECK_STR(text_of(0x8000000000000000u, EERIE_I64), "-9223372036854775808");
  CHECK_STR(text_of(0x3dcccccd, EERIE_F32), "0.1");
  CHECK_STR(text_of(0x4b7fffff, EERIE_F32), "1.67772E+07");
  CHECK_STR(text_of(0x7f800000, EERIE_F32), "INF");
  CHECK_STR(text_of(0x7fc00000, EERIE_F32), "NAN");
  CHECK_STR(text_of(0x3c00, EERIE_F16), "1");
  CHECK_STR(text_of(1, EERIE_BOOL), "01");
  CHECK_STR(text_of(0x400000003f800000u, EERIE_COMPLEX64), "0000803F00000040");
}

// Every bit pattern of the small floats: exact in text with nine digits, and back.
static void small_floats_survive_text(void) {
  static const eerie_dtype_t dtypes[] = {EERIE_F16,      EERIE_BF16,       EERIE_F8E5M2,
                                         EERIE_F8E4M3FN, EERIE_F8E5M2FNUZ, EERIE_F8E4M3FNUZ,
                                         EERIE_F8E8M0FNU};
  for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; ++d) {
    const uint32_t end = 1u << ee_cli_dtype_bits(dtypes[d]);
    for (uint32_t i = 0; i < end; ++i) {
      const uint16_t small = (uint16_t)i;
      ee_cli_bits_t bits = {{0}};
      memcpy(bits.bytes, &small, sizeof small);
      const double value = ee_cli_element_value(bits, dtypes[d]);
      if (isnan(value)) continue;
      char text[64];
      snprintf(text, sizeof text, "%.9g", value);
      if (bits_of(text, dtypes[d]) == i) continue;
      fprintf(stderr, "%s %s 0x%x\n", eerie_dtype_name(dtypes[d]), text, i);
      CHECK(false);
      return;
    }
  }
}

static void packed_elements_stay_apart(void) {
  unsigned char bytes[3] = {0xff, 0xff, 0xff};
  ee_cli_bits_t bits = {{5}};
  ee_cli_element_set(bytes, EERIE_I4, 1, bits);
  ee_cli_element_set(bytes, EERIE_I4, 4, bits);
  const unsigned char expected[3] = {0x5f, 0xff, 0xf5};
  CHECK_BYTES(bytes, expected, 3);
  CHECK_EQ_INT(ee_cli_element_get(bytes, EERIE_I4, 1).bytes[0], 5);
  CHECK_EQ_INT(ee_cli_element_get(bytes, EERIE_I4, 2).bytes[0], 15);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(names_go_both_ways),
                                       RUN(integers_keep_their_range),
                                       RUN(what_is_no_number_is_refused),
                                       RUN(floats_round_to_nearest_even),
                                       RUN(other_forms),
                                       RUN(texts_are_those_of_iree_run_module),
                                       RUN(small_floats_survive_text),
                                       RUN(packed_elements_stay_apart)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
