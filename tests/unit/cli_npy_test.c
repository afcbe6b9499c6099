// NumPy files: what NumPy writes is read (tests/cli compares with NumPy itself), and what is
// damaged is refused.
#include "cli/npy.h"

#include "unit/check.h"

// A file of one array with this header text and data.
static ee_cli_text_t make_file(const char *header, const void *data, size_t size) {
  ee_cli_text_t text = {0};
  const size_t length = strlen(header);
  const char start[10] = {
      '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(length & 0xff), (char)(length >> 8)};
  ee_cli_text_append(&text, start, sizeof start);
  ee_cli_text_string(&text, header);
  ee_cli_text_append(&text, data, size);
  return text;
}

static eerie_status_t read_file(ee_cli_text_t *file, ee_cli_array_t *array, eerie_error_t *err) {
  size_t offset = 0;
  const eerie_status_t status = ee_cli_npy_read(file, "x.npy", &offset, array, err);
  ee_cli_text_free(file);
  return status;
}

static void check_read(const char *header, const void *data, size_t size, const char *expected) {
  ee_cli_array_t array;
  eerie_error_t err = {0};
  ee_cli_text_t file = make_file(header, data, size), text = {0};
  if (!CHECK_OK(read_file(&file, &array, &err))) {
    fprintf(stderr, "  %s\n", err.message);
    return;
  }
  ee_cli_array_format(&text, &array, 100);
  CHECK_STR(text.data, expected);
  ee_cli_text_free(&text);
  ee_cli_array_free(&array);
}

static void check_refused(const char *header, size_t size, eerie_status_t status,
                          const char *reason) {
  static const char zeros[64];
  ee_cli_array_t array;
  eerie_error_t err = {0};
  ee_cli_text_t file = make_file(header, zeros, size);
  if (!CHECK_STATUS(read_file(&file, &array, &err), status)) fprintf(stderr, "  %s\n", header);
  CHECK(array.data == NULL);
  CHECK_CONTAINS(err.message, reason);
}

static void headers_in_any_order(void) {
  const float f[6] = {1, 2, 3, 4, 5, 6};
  check_read("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", f, sizeof f,
             "2x3xf32=[1 2 3][4 5 6]");
  check_read("{\"shape\":(6,),\"descr\":\"=f4\",\"fortran_order\":False}", f, sizeof f,
             "6xf32=1 2 3 4 5 6");
  check_read("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", f, 4, "f32=1");
  check_read("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", "\x01", 1, "1xi1=01");
  check_read("{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }", "\x80\x3f", 2,
             "1x*16=803F");
}

static void orders_are_undone(void) {
  const float columns[6] = {1, 4, 2, 5, 3, 6};
  check_read("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", columns, sizeof columns,
             "2x3xf32=[1 2 3][4 5 6]");
  check_read("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }",
             "\x00\x00\x00\x01\xff\xff\xff\xfe", 8, "2xsi32=1 -2");
  check_read("{'descr': '>c8', 'fortran_order': False, 'shape': (), }",
             "\x3f\x80\x00\x00\x40\x00\x00\x00", 8, "cf64=0000803F00000040");
}

static void damage_is_named(void) {
  check_refused("", 0, EERIE_DATA_LOSS, "no dictionary");
  check_refused("{'descr': '<f4'}", 0, EERIE_DATA_LOSS, "missing");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23,
                EERIE_OUT_OF_RANGE, "truncated: 23 of 24 bytes");
  check_refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3), }", 24, EERIE_DATA_LOSS,
                "neither True nor False");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }", 24, EERIE_DATA_LOSS,
                "no number");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", 24, EERIE_DATA_LOSS,
                "does not end");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 24,
                EERIE_DATA_LOSS, "above 2^63 - 1");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,9), }", 24,
                EERIE_DATA_LOSS, "more than 2^63 - 1 bytes");
  check_refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 24, EERIE_UNIMPLEMENTED,
                "'|O' cannot be read");
  check_refused("{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }", 24,
                EERIE_UNIMPLEMENTED, "'<U3' cannot be read");
  check_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 24,
                EERIE_UNIMPLEMENTED, "structures");
  check_refused("{'descr: '<f4'", 24, EERIE_DATA_LOSS, "no key and colon");
}

// Every prefix of a file is refused without reading past its end; sanitizers watch.
static void every_prefix_is_refused(void) {
  const float f[2] = {1, 2};
  ee_cli_text_t file =
      make_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", f, sizeof f);
  for (size_t size = 0; size < file.size; ++size) {
    ee_cli_text_t prefix = {0};
    ee_cli_text_append(&prefix, file.data, size);
    ee_cli_array_t array;
    eerie_error_t err = {0};
    CHECK(read_file(&prefix, &array, &err) != EERIE_OK);
    CHECK(err.message[0]);
  }
  ee_cli_text_free(&file);
}

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

// Whatever is in the header, a file is read or refused with a message; sanitizers watch.
static void random_damage_is_survived(void) {
  static const char characters[] = "{}()'\",:<>|= \n0123456789fiubVOTFales-";
  const float f[6] = {1, 2, 3, 4, 5, 6};
  uint32_t state = 12345;
  for (int round = 0; round < 50000; ++round) {
    ee_cli_text_t file =
        make_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", f, sizeof f);
    for (uint32_t edits = 1 + next_random(&state) % 4; edits; --edits)
      file.data[next_random(&state) % 70] =
          characters[next_random(&state) % (sizeof characters - 1)];
    ee_cli_array_t array;
    eerie_error_t err = {0};
    if (read_file(&file, &array, &err))
      CHECK(err.message[0] && !array.data);
    else
      CHECK(array.size <= sizeof f);
    ee_cli_array_free(&array);
  }
}

static void arrays_follow_each_other(void) {
  ee_cli_text_t file = {0};
  ee_cli_array_t array;
  eerie_error_t err = {0};
  static const char *const literals[] = {"f32=1", "2x2xi64=[1 2][3 4]", "3xui8=1 2 3",
                                         "2xi1=01 00"};
  static const char *const expected[] = {"f32=1", "2x2xsi64=[1 2][3 4]", "3xui8=1 2 3",
                                         "2xi1=01 00"};
  for (size_t i = 0; i < 4; ++i) {
    REQUIRE_OK(ee_cli_array_parse(literals[i], &array, &err));
    const size_t before = file.size;
    ee_cli_npy_write(&file, &array);
    CHECK_EQ_INT((file.size - before - array.size) % 64, 0);
    ee_cli_array_free(&array);
  }
  size_t offset = 0;
  for (size_t i = 0; i < 4; ++i) {
    ee_cli_text_t text = {0};
    REQUIRE_OK(ee_cli_npy_read(&file, "x.npy", &offset, &array, &err));
    ee_cli_array_format(&text, &array, 100);
    CHECK_STR(text.data, expected[i]);
    ee_cli_text_free(&text);
    ee_cli_array_free(&array);
  }
  CHECK_STATUS(ee_cli_npy_read(&file, "x.npy", &offset, &array, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "x.npy: there is no further array");
  ee_cli_text_free(&file);
}

static void four_bits_become_bytes(void) {
  ee_cli_text_t file = {0}, text = {0};
  ee_cli_array_t array;
  eerie_error_t err = {0};
  REQUIRE_OK(ee_cli_array_parse("3xi4=1 -2 7", &array, &err));
  ee_cli_npy_write(&file, &array);
  ee_cli_array_free(&array);
  size_t offset = 0;
  REQUIRE_OK(ee_cli_npy_read(&file, "x.npy", &offset, &array, &err));
  ee_cli_array_format(&text, &array, 100);
  CHECK_STR(text.data, "3xsi8=1 -2 7");
  ee_cli_text_free(&text);
  ee_cli_text_free(&file);
  ee_cli_array_free(&array);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(headers_in_any_order),    RUN(orders_are_undone),         RUN(damage_is_named),
      RUN(every_prefix_is_refused), RUN(random_damage_is_survived), RUN(arrays_follow_each_other),
      RUN(four_bits_become_bytes)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
