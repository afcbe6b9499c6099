// compiler_support.h: what the tests of the compiler binding share.
#ifndef EERIE_TESTS_UNIT_COMPILER_SUPPORT_H_
#define EERIE_TESTS_UNIT_COMPILER_SUPPORT_H_

#include <stdlib.h>
#include <unistd.h>

#include "eerie/eerie_compiler.h"
#include "unit/check.h"

static const char multiply_source[] =
    "func.func @mul(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {\n"
    "  %0 = arith.mulf %a, %b : tensor<4xf32>\n"
    "  return %0 : tensor<4xf32>\n"
    "}\n";

// The operation in line 2, column 8 does not exist.
static const char wrong_source[] = "func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {\n"
                                   "  %0 = arith.mulx %a, %a : tensor<4xf32>\n"
                                   "  return %0 : tensor<4xf32>\n"
                                   "}\n";

static eerie_compiler_t *compiler;

// Opens the compiler for all cases. False, having said why, where there is none.
CHECK_HELPER bool open_compiler(void) {
  eerie_error_t err = {0};
  if (eerie_compiler_load(NULL, &compiler, &err) == EERIE_OK) return true;
  printf("skipped: %s\n", err.message);
  return false;
}

// Keeps what the compiler says.
typedef struct heard {
  int count[4]; // by severity
  char file[256];
  char message[512]; // of the first error
  uint32_t line, column;
  char printed[4096];
  size_t printed_size;
} heard_t;

CHECK_HELPER void hear_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  heard_t *heard = user;
  const bool first_error =
      diagnostic->severity == EERIE_COMPILER_ERROR && heard->count[EERIE_COMPILER_ERROR] == 0;
  ++heard->count[diagnostic->severity];
  if (!first_error) return;
  snprintf(heard->file, sizeof heard->file, "%s", diagnostic->file ? diagnostic->file : "");
  snprintf(heard->message, sizeof heard->message, "%.*s", (int)diagnostic->message_size,
           diagnostic->message);
  heard->line = diagnostic->line;
  heard->column = diagnostic->column;
}

CHECK_HELPER void hear_output(void *user, const char *text, size_t size) {
  heard_t *heard = user;
  const size_t room = sizeof heard->printed - 1 - heard->printed_size;
  if (size > room) size = room;
  memcpy(heard->printed + heard->printed_size, text, size);
  heard->printed_size += size;
}

// A list of texts.
typedef struct texts {
  char all[1 << 16]; // a line each
  size_t size;
  int count;
} texts_t;

CHECK_HELPER void hear_text(void *user, const char *text) {
  texts_t *texts = user;
  const int length =
      snprintf(texts->all + texts->size, sizeof texts->all - texts->size, "%s\n", text);
  if (length > 0 && (size_t)length < sizeof texts->all - texts->size) texts->size += (size_t)length;
  ++texts->count;
}

CHECK_HELPER bool write_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file) return false;
  const bool good = fwrite(data, 1, size, file) == size;
  return fclose(file) == 0 && good;
}

// The size of a file, its start in `data`; -1 when there is none.
CHECK_HELPER long read_file(const char *path, void *data, size_t capacity) {
  FILE *file = fopen(path, "rb");
  if (!file) return -1;
  const size_t size = fread(data, 1, capacity, file);
  fclose(file);
  return (long)size;
}

// A new folder for the test's files.
CHECK_HELPER const char *test_folder(void) {
  static char folder[4096];
  if (folder[0]) return folder;
  const char *given = getenv("EERIE_TEST_FOLDER"), *base = getenv("TMPDIR");
  if (given) {
    snprintf(folder, sizeof folder, "%s", given);
    return folder;
  }
  snprintf(folder, sizeof folder, "%s/eerie-test-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder)) folder[0] = 0;
  return folder;
}

CHECK_HELPER const char *test_path(const char *name) {
  static char path[4 * 4200];
  static int next;
  char *slot = path + (next++ % 4) * 4200;
  snprintf(slot, 4200, "%s/%s", test_folder(), name);
  return slot;
}

CHECK_HELPER void remove_test_folder(void) {
  char command[4200];
  if (!test_folder()[0]) return;
  snprintf(command, sizeof command, "rm -rf '%s'", test_folder());
  if (system(command) != 0) printf("cannot remove %s\n", test_folder());
}

#endif // EERIE_TESTS_UNIT_COMPILER_SUPPORT_H_
