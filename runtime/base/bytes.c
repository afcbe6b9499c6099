// bytes.c: what bytes.h has that is too long to be inline.
#include "base/bytes.h"

// A later '*' makes every earlier choice final, so one place to return to is enough and the worst
// case is text times pattern, never exponential.
bool ee_str_starts_with(ee_str_t text, const char *prefix) {
  const size_t length = ee_str_length(prefix);
  return text.data && text.size >= length && memcmp(text.data, prefix, length) == 0;
}

bool ee_str_match(ee_str_t text, ee_str_t pattern) {
  size_t t = 0, p = 0;
  size_t star = SIZE_MAX, star_text = 0;
  while (t < text.size) {
    if (p < pattern.size && pattern.data[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size && (pattern.data[p] == '?' || pattern.data[p] == text.data[t])) {
      ++p;
      ++t;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size && pattern.data[p] == '*')
    ++p;
  return p == pattern.size;
}
