/* case.h: what the programs of this folder share: images, and text for results. */
#ifndef EERIE_TESTS_BOARDS_CASE_H_
#define EERIE_TESTS_BOARDS_CASE_H_

#include "board.h"

/* Made for a test: the images' pixels, 0..16, which are a sixteenth of that to the model. */
#include "images.h"

static inline void write_line(const char *name, uint32_t value) {
  board_write(name);
  board_write(" ");
  board_write_number(value);
  board_write("\n");
}

static inline void read_image(size_t index, float *pixels) {
  for (size_t i = 0; i < IMAGE_PIXELS; ++i)
    pixels[i] = (float)images[index][i] / 16.0f;
}

static inline void write_scores(size_t index, const void *scores) {
  const uint32_t *words = scores;
  board_write("scores ");
  board_write_number((uint32_t)index);
  for (size_t i = 0; i < 10; ++i) {
    board_write(" ");
    board_write_hex(words[i]);
  }
  board_write("\n");
}

#endif /* EERIE_TESTS_BOARDS_CASE_H_ */
