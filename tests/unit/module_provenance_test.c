// What stands behind a module's last byte: stamps, and what only looks like one.
#include "unit/module_test.h"

static ee_str_t provenance(const char *text, size_t size) {
  // A block of exactly that size, so that a sanitizer sees any step beyond it.
  static uint8_t *copy;
  free(copy);
  copy = malloc(size ? size : 1);
  if (!copy) return (ee_str_t){NULL, 0};
  if (size) memcpy(copy, text, size);
  const ee_module_t module = {.bytes = {copy, size}};
  return ee_module_provenance(&module);
}

#define PROVENANCE(text) provenance(text, sizeof text - 1)

static void finds_stamps(void) {
  CHECK(ee_str_equal(PROVENANCE("module{\"a\":1}\neerie-stamp:00000007\n"), EE_STR("{\"a\":1}")));
  CHECK(ee_str_equal(PROVENANCE("{}\neerie-stamp:00000002\n"), EE_STR("{}")));
  CHECK(ee_str_equal(PROVENANCE("x{\"\xc3\xa4\":\"0123\"}\neerie-stamp:0000000d\n"),
                     EE_STR("{\"\xc3\xa4\":\"0123\"}")));
}

static void refuses_what_is_none(void) {
  static const struct {
    const char *text;
    size_t size;
  } bad[] = {
#define BAD(text) {text, sizeof text - 1}
      BAD(""),
      BAD("\n"),
      BAD("\neerie-stamp:00000000\n"),
      BAD("eerie-stamp:00000002\n"),
      BAD("{\neerie-stamp:00000001\n"),
      BAD("{}\neerie-stamp:00000003\n"), // before the file's first byte
      BAD("{}\neerie-stamp:ffffffff\n"),
      BAD("{}\neerie-stamp:80000002\n"),
      BAD("{}\neerie-stamp:0000000g\n"),
      BAD("{}\neerie-stamp:0000000A\n"),
      BAD("{}\neerie-stamp:      2\n"),
      BAD("{}\neerie-stamp:00000002"),
      BAD("{}\neerie-stamp:00000002\n\n"),
      BAD("{}\neerie-stamp:0000002\n"),
      BAD("{} eerie-stamp:00000002\n"),
      BAD("{}\nEerie-stamp:00000002\n"),
      BAD("[]\neerie-stamp:00000002\n"),
      BAD("{]\neerie-stamp:00000002\n"),
      BAD("{\0}\neerie-stamp:00000003\n"),
      BAD("{\n}\neerie-stamp:00000003\n"),
      BAD("{\x1b}\neerie-stamp:00000003\n"),
      BAD("{\x7f}\neerie-stamp:00000003\n"),
      BAD("{\xff}\neerie-stamp:00000003\n"),
      BAD("{\xc0\x80}\neerie-stamp:00000004\n"),
      BAD("{\xed\xa0\x80}\neerie-stamp:00000005\n"),
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    if (!CHECK(!provenance(bad[i].text, bad[i].size).data)) {
      fprintf(stderr, "  number %zu: %s\n", i, bad[i].text);
    }
  }
}

// As long as the comment of a ZIP archive can be, and one more.
static void keeps_to_the_limit(void) {
  enum { LIMIT = 65535, END = 22 };
  static char text[LIMIT + 2];
  for (int over = 0; over < 2; ++over) {
    const size_t size = LIMIT - END + (size_t)over;
    memset(text, ' ', size);
    text[0] = '{';
    text[size - 1] = '}';
    snprintf(text + size, END + 1, "\neerie-stamp:%08zx\n", size);
    CHECK_EQ_INT(provenance(text, size + END).size, over ? 0 : size);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(finds_stamps), RUN(refuses_what_is_none),
                                       RUN(keeps_to_the_limit)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
