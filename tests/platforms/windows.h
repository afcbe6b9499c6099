// windows.h: what tests take from POSIX and Windows does not have; put before each of them by the
// build for Windows.
#ifndef EERIE_TESTS_PLATFORMS_WINDOWS_H_
#define EERIE_TESTS_PLATFORMS_WINDOWS_H_

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The system's macros for floats convert.
#pragma GCC diagnostic ignored "-Wfloat-conversion"

// The piece of *cursor up to one of `ends`, which becomes its end.
static inline char *strsep(char **cursor, const char *ends) {
  char *piece = *cursor;
  if (!piece) return NULL;
  char *end = piece + strcspn(piece, ends);
  *cursor = *end ? end + 1 : NULL;
  *end = 0;
  return piece;
}

// A line with its end, in memory that grows; -1: none.
static inline long long getline(char **line, size_t *capacity, FILE *stream) {
  size_t size = 0;
  for (int c; (c = fgetc(stream)) != EOF;) {
    if (size + 2 > *capacity) {
      char *grown = realloc(*line, 2 * size + 64);
      if (!grown) return -1;
      *line = grown;
      *capacity = 2 * size + 64;
    }
    (*line)[size++] = (char)c;
    (*line)[size] = 0;
    if (c == '\n') break;
  }
  return size ? (long long)size : -1;
}

#endif // EERIE_TESTS_PLATFORMS_WINDOWS_H_
