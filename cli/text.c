// text.c: a growing piece of text.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

// Makes room for `size` more bytes and a NUL.
static bool reserve(ee_cli_text_t *text, size_t size) {
  if (text->failed) return false;
  if (size < text->capacity - text->size) return true;
  size_t capacity = text->capacity;
  while (capacity - text->size <= size) {
    if (capacity > SIZE_MAX / 2) {
      text->failed = true;
      return false;
    }
    capacity = capacity ? capacity * 2 : 256;
  }
  char *data = realloc(text->data, capacity);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

char *ee_cli_text_grow(ee_cli_text_t *text, size_t size) {
  if (!reserve(text, size)) return NULL;
  char *start = text->data + text->size;
  memset(start, 0, size + 1);
  text->size += size;
  return start;
}

void ee_cli_text_append(ee_cli_text_t *text, const void *data, size_t size) {
  if (!reserve(text, size)) return;
  if (size) memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = 0;
}

void ee_cli_text_string(ee_cli_text_t *text, const char *string) {
  ee_cli_text_append(text, string, strlen(string));
}

void ee_cli_text_printf(ee_cli_text_t *text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char small[256];
  const int length = vsnprintf(small, sizeof small, format, args);
  va_end(args);
  if (length < 0) {
    text->failed = true;
  } else if ((size_t)length < sizeof small) {
    ee_cli_text_append(text, small, (size_t)length);
  } else if (reserve(text, (size_t)length)) {
    va_start(args, format);
    vsnprintf(text->data + text->size, (size_t)length + 1, format, args);
    va_end(args);
    text->size += (size_t)length;
  }
}

void ee_cli_text_bytes(ee_cli_text_t *text, uint64_t size) {
  static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
  if (size < 1000) {
    ee_cli_text_printf(text, "%" PRIu64 " byte%s", size, size == 1 ? "" : "s");
    return;
  }
  double value = (double)size / 1000;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
    value /= 1000;
    ++unit;
  }
  ee_cli_text_printf(text, "%.1f %s", value, units[unit]);
}

void ee_cli_text_free(ee_cli_text_t *text) {
  free(text->data);
  *text = (ee_cli_text_t){0};
}
