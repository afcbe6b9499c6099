/* vm_native_key_test.c: the numbers that imports have in builds without names. */
#include "vm/native_key.h"

#include "bridge/hal_functions.h"
#include "check.h"

typedef struct known {
  const char *name, *signature;
  uint32_t key; // made by the preprocessor
} known_t;

#define KNOWN(name, signature, function) {name, signature, EE_VM_NATIVE_KEY(name, signature)},
// clang-format off
static const known_t known[] = {EE_BRIDGE_HAL_FUNCTIONS(KNOWN, KNOWN)};
// clang-format on
enum { COUNT = sizeof known / sizeof *known };

// What is made at compile time is what linking makes of an import.
static void agrees(void) {
  for (size_t i = 0; i < COUNT; ++i) {
    CHECK(known[i].key ==
          ee_vm_native_key(ee_str_from(known[i].name), ee_str_from(known[i].signature)));
  }
}

// Different functions have different numbers, and so have those that differ in one letter of a
// signature, or have a letter more in the name and one less in the signature.
static void differs(void) {
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t j = 0; j < i; ++j)
      CHECK(known[i].key != known[j].key);
    char text[64];
    const size_t length = strlen(known[i].signature);
    for (size_t at = 0; at < length; ++at) {
      memcpy(text, known[i].signature, length + 1);
      for (const char *letter = "iIfFrCDv_"; *letter; ++letter) {
        if (known[i].signature[at] == *letter) continue;
        text[at] = *letter;
        const uint32_t key = ee_vm_native_key(ee_str_from(known[i].name), ee_str_from(text));
        for (size_t j = 0; j < COUNT; ++j) {
          if (strcmp(known[j].name, known[i].name) != 0 || strcmp(known[j].signature, text) != 0)
            CHECK(known[j].key != key);
        }
      }
    }
    CHECK(snprintf(text, sizeof text, "%s0", known[i].name) < (int)sizeof text);
    CHECK(known[i].key != ee_vm_native_key(ee_str_from(text), ee_str_from(known[i].signature + 1)));
  }
}

static void empty(void) {
  CHECK(ee_vm_native_key((ee_str_t){NULL, 0}, (ee_str_t){NULL, 0}) == EE_VM_NATIVE_KEY("", ""));
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(agrees), RUN(differs), RUN(empty)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
