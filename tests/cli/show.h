/* show.h: what programs on boards write for embed_test.py to read. */
#ifndef EERIE_TESTS_CLI_SHOW_H_
#define EERIE_TESTS_CLI_SHOW_H_

#include <board.h>
#include <stddef.h>
#include <stdint.h>

/* A line: the name, and the bits of so many elements of 32 bits. */
static void show(const char *name, const void *data, size_t count) {
  const uint32_t *words = data;
  board_write(name);
  for (size_t i = 0; i < count; ++i) {
    board_write(" ");
    board_write_hex(words[i]);
  }
  board_write("\n");
}

#endif /* EERIE_TESTS_CLI_SHOW_H_ */
