// Spans, patterns, checked arithmetic.
#include "base/bytes.h"

#include "unit/check.h"

static bool matches(const char *text, const char *pattern) {
  return ee_str_match(ee_str_from(text), ee_str_from(pattern));
}

static void matches_patterns(void) {
  CHECK(matches("local-sync", "local*"));
  CHECK(matches("local", "local*"));
  CHECK(matches("", ""));
  CHECK(matches("", "*"));
  CHECK(matches("anything", "*"));
  CHECK(matches("abc", "a?c"));
  CHECK(matches("abcabd", "*abd"));
  CHECK(matches("embedded-elf-x86_64", "*-elf-*"));
  CHECK(matches("aab", "a*b"));
  CHECK(matches("abb", "a*b*"));
  CHECK(!matches("loca", "local*"));
  CHECK(!matches("abc", "a?"));
  CHECK(!matches("", "?"));
  CHECK(!matches("abc", ""));
  CHECK(!matches("abcabd", "*abc"));
  CHECK(!matches("xlocal", "local*"));
}

static void matches_in_bounded_time(void) {
  char text[2001], pattern[201];
  memset(text, 'a', 2000);
  text[2000] = '\0';
  for (size_t i = 0; i < 200; i += 2)
    memcpy(pattern + i, "*a", 2);
  pattern[199] = 'b';
  pattern[200] = '\0';
  CHECK(!matches(text, pattern)); // exponential for those who try every '*' again
}

static void compares_spans(void) {
  CHECK(ee_str_equal(EE_STR("abc"), ee_str_from("abc")));
  CHECK(!ee_str_equal(EE_STR("abc"), EE_STR("abd")));
  CHECK(!ee_str_equal(EE_STR("abc"), EE_STR("ab")));
  CHECK(ee_str_equal((ee_str_t){NULL, 0}, EE_STR("")));
  CHECK_EQ_INT(ee_str_from(NULL).size, 0);
}

static void checks_arithmetic(void) {
  size_t out;
  CHECK(ee_add_size(SIZE_MAX - 1, 1, &out));
  CHECK(!ee_add_size(SIZE_MAX, 1, &out));
  CHECK(ee_mul_size(SIZE_MAX / 2, 2, &out));
  CHECK(!ee_mul_size(SIZE_MAX / 2 + 1, 2, &out));
  CHECK(ee_align_size(65, 64, &out));
  CHECK_EQ_INT(out, 128);
  CHECK(ee_align_size(0, 64, &out));
  CHECK_EQ_INT(out, 0);
  CHECK(!ee_align_size(SIZE_MAX - 5, 64, &out));
}

static void checks_ranges(void) {
  CHECK(ee_range_ok(0, 0, 0));
  CHECK(ee_range_ok(4, 6, 10));
  CHECK(ee_range_ok(10, 0, 10));
  CHECK(!ee_range_ok(4, 7, 10));
  CHECK(!ee_range_ok(11, 0, 10));
  CHECK(!ee_range_ok(UINT64_MAX, 2, 10));
  CHECK(!ee_range_ok(2, UINT64_MAX, 10));
}

static void loads_unaligned(void) {
  const uint8_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  CHECK_EQ_INT(ee_load_u16(bytes + 1), 0x0201);
  CHECK_EQ_INT(ee_load_u32(bytes + 1), 0x04030201);
  CHECK_EQ_INT(ee_load_u64(bytes + 1), 0x0807060504030201);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(matches_patterns),  RUN(matches_in_bounded_time), RUN(compares_spans),
      RUN(checks_arithmetic), RUN(checks_ranges),           RUN(loads_unaligned),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
