// Error records and the formatter behind them; snprintf is the oracle.
#include "base/status.h"

#include "base/bytes.h"
#include "unit/check.h"

#define CHECK_FORMAT(...)                                                                          \
  do {                                                                                             \
    char ours[128], theirs[128];                                                                   \
    const size_t length = ee_format(ours, sizeof ours, __VA_ARGS__);                               \
    const int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);                             \
    CHECK_EQ_INT(length, expected);                                                                \
    CHECK_STR(ours, theirs);                                                                       \
  } while (0)

static void formats_like_snprintf(void) {
  CHECK_FORMAT("plain");
  CHECK_FORMAT("%%");
  CHECK_FORMAT("%s|%.3s|%.*s|%8s|%-8s|", "text", "longer", 2, "cut", "right", "left");
  CHECK_FORMAT("%c%c", 'a', 'b');
  CHECK_FORMAT("%d %i %d %d", 0, -1, INT_MAX, INT_MIN);
  CHECK_FORMAT("%u %x %X %08x %4u %-4u|", 7u, 0xBEEFu, 0xBEEFu, 0x1Fu, 42u, 42u);
  CHECK_FORMAT("%05d %5d %-5d|", -42, -42, -42);
  CHECK_FORMAT("%lld %llu %llx", -5000000000LL, ULLONG_MAX, 0x123456789ABCDEFULL);
  CHECK_FORMAT("%ld %lu %lx", LONG_MIN, ULONG_MAX, 0xABCDUL);
  CHECK_FORMAT("%zu %zx", SIZE_MAX, (size_t)255);
  CHECK_FORMAT("%lld", LLONG_MIN);
  CHECK_FORMAT("%*d|", 6, 42);
}

static void never_writes_past_the_end(void) {
  for (size_t capacity = 0; capacity < 12; ++capacity) {
    char buffer[16];
    memset(buffer, '#', sizeof buffer);
    CHECK_EQ_INT(ee_format(buffer, capacity, "%s-%08d", "abc", 1234), 12);
    if (capacity) CHECK_EQ_INT(strlen(buffer), capacity - 1);
    for (size_t i = capacity; i < sizeof buffer; ++i)
      CHECK_EQ_INT(buffer[i], '#');
  }
}

static void names_every_code(void) {
  CHECK_STR(eerie_status_name(EERIE_OK), "OK");
  CHECK_STR(eerie_status_name(EERIE_INVALID_ARGUMENT), "INVALID_ARGUMENT");
  CHECK_STR(eerie_status_name(EERIE_DATA_LOSS), "DATA_LOSS");
  CHECK_STR(eerie_status_name(EERIE_INCOMPATIBLE), "INCOMPATIBLE");
  CHECK_STR(eerie_status_name((eerie_status_t)19), "UNKNOWN");
  CHECK_STR(eerie_status_name((eerie_status_t)-1), "UNKNOWN");
}

static void records_and_annotates(void) {
  eerie_error_t err = {0};
  CHECK_STATUS(EE_FAIL(&err, EERIE_NOT_FOUND, "no %s", "file"), EERIE_NOT_FOUND);
  CHECK_EQ_INT(err.code, EERIE_NOT_FOUND);
  CHECK_STATUS(EE_FAIL(NULL, EERIE_ABORTED, "nobody listens"), EERIE_ABORTED);
#if EERIE_MESSAGES
  CHECK_STR(err.message, "no file");
  CHECK_CONTAINS(err.file, "base_status_test.c");
  EE_ANNOTATE(&err, "module %d", 3);
  CHECK_STR(err.message, "module 3: no file");
  EE_FAIL(&err, EERIE_NOT_FOUND, "line\nand\ttab and \x1b[31m");
  CHECK_STR(err.message, "line and tab and ?[31m");
#endif
}

static void cuts_what_does_not_fit(void) {
#if EERIE_MESSAGES
  char text[EERIE_ERROR_MESSAGE_SIZE * 2];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  for (size_t length = EERIE_ERROR_MESSAGE_SIZE - 6; length < EERIE_ERROR_MESSAGE_SIZE + 6;
       ++length) {
    eerie_error_t err = {0};
    EE_FAIL(&err, EERIE_UNKNOWN, "short");
    EE_ANNOTATE(&err, "%.*s", (int)length, text);
    const size_t kept = length < EERIE_ERROR_MESSAGE_SIZE ? length : EERIE_ERROR_MESSAGE_SIZE - 1;
    CHECK(strlen(err.message) < sizeof err.message);
    CHECK_BYTES(err.message, text, kept < sizeof err.message - 3 ? kept : sizeof err.message - 4);
    EE_FAIL(&err, EERIE_UNKNOWN, "%.*s", (int)length, text);
    EE_ANNOTATE(&err, "ab");
    CHECK_BYTES(err.message, "ab: xxx", 7);
    CHECK(strlen(err.message) < sizeof err.message);
  }
#endif
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(formats_like_snprintf), RUN(never_writes_past_the_end), RUN(names_every_code),
      RUN(records_and_annotates), RUN(cuts_what_does_not_fit),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
