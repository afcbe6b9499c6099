// system.c: system.h made real; the streams of the command; patterns of names.
#undef rename
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fnmatch.h"

// Before main: what is printed is the same bytes as on other systems.
__attribute__((constructor)) static void streams_are_bytes(void) {
  (void)_setmode(_fileno(stdin), _O_BINARY);
  (void)_setmode(_fileno(stdout), _O_BINARY);
  (void)_setmode(_fileno(stderr), _O_BINARY);
}

char *strndup(const char *text, size_t size) {
  const size_t length = strnlen(text, size);
  char *copy = malloc(length + 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

void *memmem(const void *data, size_t size, const void *part, size_t part_size) {
  const char *bytes = data;
  if (part_size == 0) return (void *)(uintptr_t)data;
  for (size_t at = 0; part_size <= size && at <= size - part_size; ++at)
    if (memcmp(bytes + at, part, part_size) == 0) return (void *)(uintptr_t)(bytes + at);
  return NULL;
}

int ee_cli_windows_rename(const char *from, const char *to) {
  if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) return 0;
  errno = GetLastError() == ERROR_FILE_NOT_FOUND ? ENOENT : EACCES;
  return -1;
}

// ---- Patterns ----------------------------------------------------------------------------------

// Matches one character against the set behind '['; NULL: the set does not end, and is no set.
static const char *match_set(const char *at, char c, bool *out_match) {
  const bool negated = *at == '!' || *at == '^';
  bool found = false;
  if (negated) ++at;
  for (bool first = true; first || *at != ']'; first = false) {
    if (!*at) return NULL;
    const char low = *at++;
    char high = low;
    if (at[0] == '-' && at[1] && at[1] != ']') {
      high = at[1];
      at += 2;
    }
    found = found || (c >= low && c <= high);
  }
  *out_match = found != negated;
  return at + 1;
}

// Does `c` match what stands at `*pattern`, which is then behind it?
static bool match_one(const char **pattern, char c) {
  const char *at = *pattern;
  bool match = true;
  if (*at == '[') {
    const char *end = match_set(at + 1, c, &match);
    if (end) {
      *pattern = end;
      return match;
    }
  }
  if (*at == '\\' && at[1]) ++at;
  *pattern = at + 1;
  return *at == c;
}

int fnmatch(const char *pattern, const char *text, int flags) {
  const char *star = NULL, *resume = NULL;
  (void)flags;
  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      resume = text;
      continue;
    }
    const char *next = pattern;
    if (*pattern == '?' || (*pattern && match_one(&next, *text))) {
      pattern = *pattern == '?' ? pattern + 1 : next;
      ++text;
    } else if (star) {
      pattern = star;
      text = ++resume;
    } else {
      return FNM_NOMATCH;
    }
  }
  while (*pattern == '*')
    ++pattern;
  return *pattern ? FNM_NOMATCH : 0;
}
