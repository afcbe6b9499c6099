// check.h: the few macros that the unit tests are written with.
//
// A failed check prints file, line and the values, and the test goes on, so that one run shows all
// that is wrong. main is written as
//
//   int main(int argc, char **argv) {
//     static const check_case_t cases[] = {RUN(adds_without_overflow), RUN(refuses_overflow)};
//     return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
//   }
//
// where each case is a `static void name(void)`. Arguments choose cases by name. The exit code is
// 0, 1 when a check failed, and 77 when every case that ran asked to be skipped.
#ifndef EERIE_TESTS_UNIT_CHECK_H_
#define EERIE_TESTS_UNIT_CHECK_H_

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "eerie/eerie_base.h"

typedef struct check_case {
  const char *name;
  void (*run)(void);
} check_case_t;

#define RUN(function)                                                                              \
  { #function, function }

static int check_failures;
static int check_skips;

// Not every test uses every helper.
#if defined(__GNUC__)
#define CHECK_HELPER static __attribute__((unused))
#else
#define CHECK_HELPER static
#endif

CHECK_HELPER bool check_true(bool held, const char *file, int line, const char *text) {
  if (held) return true;
  fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, text);
  ++check_failures;
  return false;
}

CHECK_HELPER bool check_eq_int(intmax_t a, intmax_t b, const char *file, int line,
                               const char *a_text, const char *b_text) {
  if (a == b) return true;
  fprintf(stderr,
          "%s:%d: %s is %" PRIdMAX " (0x%" PRIxMAX "), expected %s = %" PRIdMAX " (0x%" PRIxMAX
          ")\n",
          file, line, a_text, a, (uintmax_t)a, b_text, b, (uintmax_t)b);
  ++check_failures;
  return false;
}

CHECK_HELPER bool check_str(const char *a, const char *b, const char *file, int line,
                            const char *a_text) {
  if (a && b ? strcmp(a, b) == 0 : a == b) return true;
  fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", file, line, a_text, a ? a : "(null)",
          b ? b : "(null)");
  ++check_failures;
  return false;
}

CHECK_HELPER bool check_contains(const char *text, const char *part, const char *file, int line) {
  if (text && strstr(text, part)) return true;
  fprintf(stderr, "%s:%d: \"%s\" does not contain \"%s\"\n", file, line, text ? text : "(null)",
          part);
  ++check_failures;
  return false;
}

CHECK_HELPER bool check_near(double a, double b, double tolerance, const char *file, int line,
                             const char *a_text) {
  if (fabs(a - b) <= tolerance) return true;
  fprintf(stderr, "%s:%d: %s is %.17g, expected %.17g within %g\n", file, line, a_text, a, b,
          tolerance);
  ++check_failures;
  return false;
}

CHECK_HELPER bool check_bytes(const void *a, const void *b, size_t size, const char *file,
                              int line) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < size; ++i) {
    if (x[i] == y[i]) continue;
    fprintf(stderr, "%s:%d: byte %zu of %zu is 0x%02x, expected 0x%02x\n", file, line, i, size,
            x[i], y[i]);
    ++check_failures;
    return false;
  }
  return true;
}

CHECK_HELPER bool check_status(eerie_status_t status, eerie_status_t expected, const char *file,
                               int line, const char *text) {
  if (status == expected) return true;
  fprintf(stderr, "%s:%d: %s returned %d, expected %d\n", file, line, text, (int)status,
          (int)expected);
  ++check_failures;
  return false;
}

// The condition holds. All macros are expressions with the value of the check.
#define CHECK(condition) check_true((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ_INT(value, expected)                                                              \
  check_eq_int((intmax_t)(value), (intmax_t)(expected), __FILE__, __LINE__, #value, #expected)
#define CHECK_STR(value, expected) check_str((value), (expected), __FILE__, __LINE__, #value)
#define CHECK_CONTAINS(text, part) check_contains((text), (part), __FILE__, __LINE__)
#define CHECK_NEAR(value, expected, tolerance)                                                     \
  check_near((value), (expected), (tolerance), __FILE__, __LINE__, #value)
#define CHECK_BYTES(value, expected, size)                                                         \
  check_bytes((value), (expected), (size), __FILE__, __LINE__)
#define CHECK_STATUS(call, expected) check_status((call), (expected), __FILE__, __LINE__, #call)
#define CHECK_OK(call)               CHECK_STATUS(call, EERIE_OK)

// Ends the case when the rest of it would make no sense.
#define REQUIRE(condition)                                                                         \
  do {                                                                                             \
    if (!CHECK(condition)) return;                                                                 \
  } while (0)
#define REQUIRE_OK(call)                                                                           \
  do {                                                                                             \
    if (!CHECK_OK(call)) return;                                                                   \
  } while (0)

// Ends the case without a verdict and says why.
#define SKIP(reason)                                                                               \
  do {                                                                                             \
    printf("skipped: %s\n", (reason));                                                             \
    ++check_skips;                                                                                 \
    return;                                                                                        \
  } while (0)

CHECK_HELPER int check_main(int argc, char **argv, const check_case_t *cases, size_t case_count) {
  int ran = 0;
  for (size_t i = 0; i < case_count; ++i) {
    bool wanted = argc < 2;
    for (int a = 1; a < argc; ++a)
      wanted = wanted || strcmp(argv[a], cases[i].name) == 0;
    if (!wanted) continue;
    const int failures_before = check_failures;
    cases[i].run();
    fflush(stdout);
    if (check_failures != failures_before) fprintf(stderr, "FAILED: %s\n", cases[i].name);
    ++ran;
  }
  if (ran == 0) {
    fprintf(stderr, "no such case\n");
    return 1;
  }
  printf("%d cases, %d skipped, %d failed checks\n", ran, check_skips, check_failures);
  if (check_failures) return 1;
  return check_skips == ran ? 77 : 0;
}

#endif // EERIE_TESTS_UNIT_CHECK_H_
