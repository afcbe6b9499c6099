// Tensor literals and how tensors are printed.
#include "cli/array.h"

#include "unit/check.h"

static const char *round_trip(const char *literal, uint64_t limit) {
  static char result[1024];
  eerie_error_t err = {0};
  ee_cli_array_t array;
  if (ee_cli_array_parse(literal, &array, &err)) {
    snprintf(result, sizeof result, "%s", err.message);
    return result;
  }
  ee_cli_text_t text = {0};
  ee_cli_array_format(&text, &array, limit);
  snprintf(result, sizeof result, "%s", text.data);
  ee_cli_text_free(&text);
  ee_cli_array_free(&array);
  return result;
}

static void check_refused(const char *literal, eerie_status_t status, const char *reason) {
  eerie_error_t err = {0};
  ee_cli_array_t array;
  CHECK_STATUS(ee_cli_array_parse(literal, &array, &err), status);
  CHECK(array.data == NULL);
  CHECK_CONTAINS(err.message, reason);
}

// As iree-run-module prints them.
static void literals_come_back(void) {
  CHECK_STR(round_trip("f32=7", 1024), "f32=7");
  CHECK_STR(round_trip("4xf32=1 2 3 4", 1024), "4xf32=1 2 3 4");
  CHECK_STR(round_trip("4xf32=1,2,3,4", 1024), "4xf32=1 2 3 4");
  CHECK_STR(round_trip("2x2xi32=[[1 2][3 4]]", 1024), "2x2xi32=[1 2][3 4]");
  CHECK_STR(round_trip("1x2x3xsi8=1 2 3 -4 5 6", 1024), "1x2x3xsi8=[[1 2 3][-4 5 6]]");
  CHECK_STR(round_trip("2x2xi32=7", 1024), "2x2xi32=[7 7][7 7]");
  CHECK_STR(round_trip("3xi16", 1024), "3xi16=0 0 0");
  CHECK_STR(round_trip("3xi16=", 1024), "3xi16=0 0 0");
  CHECK_STR(round_trip("0x3xf32=", 1024), "0x3xf32=");
  CHECK_STR(round_trip("3x0xf32=", 1024), "3x0xf32=[][][]");
  CHECK_STR(round_trip("3xi1=1 0 true", 1024), "3xi1=01 00 01");
  CHECK_STR(round_trip("5xi4=1 2 3 -4 5", 1024), "5xi4=1 2 3 -4 5");
  CHECK_STR(round_trip("2xcomplex<f32>=1 1+2j", 1024), "2xcf64=0000803F00000000 0000803F00000040");
}

static void long_ones_are_cut(void) {
  CHECK_STR(round_trip("6xi32=1 2 3 4 5 6", 4), "6xi32=1 2 3 4...");
  CHECK_STR(round_trip("3x2xi32=1 2 3 4 5 6", 3), "3x2xi32=[1 2][3...][...]");
  CHECK_STR(round_trip("2xi32=1 2", 0), "2xi32=...");
}

static void counts_must_fit(void) {
  check_refused("4xf32=1 2", EERIE_OUT_OF_RANGE, "2 values for a shape of 4 elements");
  check_refused("2xf32=1 2 3", EERIE_OUT_OF_RANGE,
                "too many values for a shape of 2 elements, from '3' on");
  check_refused("f32=1 2", EERIE_OUT_OF_RANGE, "too many");
  check_refused("0xf32=1", EERIE_OUT_OF_RANGE, "too many");
}

static void bad_literals_say_why(void) {
  check_refused("2xf32=1 abc", EERIE_INVALID_ARGUMENT, "value 1, 'abc', is not of type f32");
  check_refused("2xf99=1", EERIE_INVALID_ARGUMENT, "'f99' is no element type");
  check_refused("2x=1", EERIE_INVALID_ARGUMENT, "'' is no element type");
  check_refused("2=1", EERIE_INVALID_ARGUMENT, "has no element type");
  check_refused("-2xf32=1", EERIE_INVALID_ARGUMENT, "no whole number");
  check_refused("?xf32=1", EERIE_INVALID_ARGUMENT, "no whole number");
  check_refused("9223372036854775808xf32=1", EERIE_INVALID_ARGUMENT,
                "dimension 0 of '9223372036854775808xf32' is above 2^63");
  check_refused("99999999999999999999999xf32=1", EERIE_INVALID_ARGUMENT, "above 2^63");
  check_refused("9223372036854775807xf32=1", EERIE_INVALID_ARGUMENT, "more than 2^63 - 1 bytes");
  check_refused("4294967296x4294967296xi8=1", EERIE_INVALID_ARGUMENT, "more than 2^63 - 1 bytes");
  check_refused("1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1xf32",
                EERIE_INVALID_ARGUMENT, "more than 32 dimensions");
}

static void huge_ones_find_no_memory(void) {
  eerie_error_t err = {0};
  ee_cli_array_t array;
  CHECK_STATUS(ee_cli_array_parse("4611686018427387904xi8", &array, &err),
               sizeof(size_t) == 8 ? EERIE_RESOURCE_EXHAUSTED : EERIE_INVALID_ARGUMENT);
}

static void rows_without_elements_end(void) {
  ee_cli_array_t array = {.dtype = EERIE_F32, .rank = 2, .shape = {INT64_MAX, 0}};
  ee_cli_text_t text = {0};
  CHECK_OK(ee_cli_array_measure(&array, NULL));
  ee_cli_array_format(&text, &array, 10);
  CHECK(text.size < 4000000);
  CHECK_CONTAINS(text.data + text.size - 5, "...");
  ee_cli_text_free(&text);
}

static void types_are_adopted(void) {
  eerie_error_t err = {0};
  ee_cli_array_t array;
  REQUIRE_OK(ee_cli_array_parse("3xsi8=1 -2 7", &array, &err));
  CHECK_OK(ee_cli_array_adopt(&array, EERIE_F32, &err));
  CHECK_EQ_INT(array.dtype, EERIE_S8);
  CHECK_OK(ee_cli_array_adopt(&array, EERIE_I8, &err));
  CHECK_EQ_INT(array.dtype, EERIE_I8);
  CHECK_OK(ee_cli_array_adopt(&array, EERIE_I4, &err));
  CHECK_EQ_INT(array.dtype, EERIE_I4);
  const unsigned char packed[2] = {0xe1, 0x07};
  CHECK_EQ_INT(array.size, 2);
  CHECK_BYTES(array.data, packed, 2);
  ee_cli_array_free(&array);
  REQUIRE_OK(ee_cli_array_parse("1xsi8=100", &array, &err));
  CHECK_STATUS(ee_cli_array_adopt(&array, EERIE_I4, &err), EERIE_INVALID_ARGUMENT);
  ee_cli_array_free(&array);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(literals_come_back),   RUN(long_ones_are_cut),        RUN(counts_must_fit),
      RUN(bad_literals_say_why), RUN(huge_ones_find_no_memory), RUN(rows_without_elements_end),
      RUN(types_are_adopted)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
