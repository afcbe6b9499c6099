// fuzz.h: what the fuzz targets share. Each target is a file with LLVMFuzzerTestOneInput; linked
// with libFuzzer it searches, linked with replay.c it runs the inputs that it is given.
#ifndef EERIE_TESTS_FUZZ_FUZZ_H_
#define EERIE_TESTS_FUZZ_FUZZ_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eerie/eerie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Changes an input that is of the target's form; false: something else should. For mutate.c, where
// a target knows better than it.
__attribute__((weak)) bool fuzz_change_form(uint8_t *data, size_t size, uint32_t *state);

// What must hold whatever the input is.
#define FUZZ_REQUIRE(condition)                                                                    \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

// A copy of exactly `size` bytes at a multiple of 64, so that a byte read past the end is seen.
// free() it.
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size) {
  void *copy = NULL;
  if (posix_memalign(&copy, 64, size ? size : 1) != 0) abort();
  if (size) memcpy(copy, data, size);
  return copy;
}

// Whether native code is in the input: it is as trusted as its file, and not to be run here.
static inline bool fuzz_has_native_code(const uint8_t *data, size_t size) {
  return memmem(data, size,
                "\x7f"
                "ELF",
                4) != NULL;
}

#endif // EERIE_TESTS_FUZZ_FUZZ_H_
