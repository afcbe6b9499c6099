// diagnostics.c: from the compiler's text to severity, place and message.
//
// The C API delivers a diagnostic as one text, made by FormattingDiagnosticHandler in IREE's
// compiler/src/iree/compiler/API/Internal/Diagnostics.cpp:
//
//   FILE:LINE:COLUMN: message            or   loc(...): message
//   <empty line>
//   FILE:LINE:COLUMN: text of a note     any number of them
//
// where FILE of a piece of a split source is "within split at NAME:LINE offset ".
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { DIAGNOSTIC_PATH = 4096 };

typedef struct diagnostic_place {
  size_t file_size; // bytes of the file's name; 0: none
  uint32_t line, column;
  size_t message_at; // where the message begins
} diagnostic_place_t;

static const char *diagnostic_number(const char *at, const char *end, uint32_t *out_value) {
  uint64_t value = 0;
  const char *start = at;
  for (; at < end && *at >= '0' && *at <= '9' && value <= UINT32_MAX; ++at)
    value = value * 10 + (uint64_t)(*at - '0');
  if (at == start || value > UINT32_MAX) return NULL;
  *out_value = (uint32_t)value;
  return at;
}

// "loc(...): ", brackets balanced.
static bool diagnostic_unknown_place(const char *text, const char *end,
                                     diagnostic_place_t *out_place) {
  if (end - text < 4 || memcmp(text, "loc(", 4) != 0) return false;
  int depth = 0;
  for (const char *at = text; at < end && *at != '\n'; ++at) {
    depth += (*at == '(') - (*at == ')');
    if (*at != ')' || depth != 0) continue;
    if (end - at < 3 || at[1] != ':' || at[2] != ' ') return false;
    out_place->message_at = (size_t)(at + 3 - text);
    return true;
  }
  return false;
}

// True when text begins with a place.
static bool diagnostic_place_at(const char *text, const char *end, diagnostic_place_t *out_place) {
  *out_place = (diagnostic_place_t){0};
  if (diagnostic_unknown_place(text, end, out_place)) return true;
  for (const char *at = text; at < end && *at != '\n'; ++at) {
    if (*at != ':') continue;
    uint32_t line, column;
    const char *next = diagnostic_number(at + 1, end, &line);
    if (!next || next >= end || *next != ':') continue;
    next = diagnostic_number(next + 1, end, &column);
    if (!next || end - next < 2 || next[0] != ':' || next[1] != ' ') continue;
    *out_place = (diagnostic_place_t){.file_size = (size_t)(at - text),
                                      .line = line,
                                      .column = column,
                                      .message_at = (size_t)(next + 2 - text)};
    return true;
  }
  return false;
}

// Turns a place in a piece of a split source into one of the whole.
static void diagnostic_unsplit(char *file, uint32_t *line) {
  static const char before[] = "within split at ", after[] = " offset ";
  const size_t before_size = sizeof before - 1, after_size = sizeof after - 1;
  const size_t size = strlen(file);
  if (size <= before_size + after_size || strncmp(file, before, before_size) != 0 ||
      strcmp(file + size - after_size, after) != 0)
    return;
  file[size - after_size] = 0;
  char *colon = strrchr(file, ':');
  uint32_t first;
  if (!colon || !diagnostic_number(colon + 1, file + size - after_size, &first)) return;
  *colon = 0;
  memmove(file, file + before_size, strlen(file + before_size) + 1);
  *line = first + *line - (*line > 0);
}

void ee_diagnostics_deliver(eerie_compiler_severity_t severity, const char *text, size_t size,
                            eerie_compiler_diagnostic_fn on_diagnostic, void *user) {
  const char *const end = text + size;
  for (bool first = true; text < end || first; first = false) {
    diagnostic_place_t place;
    diagnostic_place_at(text, end, &place);
    // The next part starts after an empty line that a place follows.
    const char *stop = end;
    for (const char *at = text + place.message_at; end - at > 2; ++at) {
      diagnostic_place_t next;
      if (at[0] != '\n' || at[1] != '\n' || !diagnostic_place_at(at + 2, end, &next)) continue;
      stop = at;
      break;
    }
    char file[DIAGNOSTIC_PATH] = "";
    const size_t file_size = place.file_size < sizeof file ? place.file_size : sizeof file - 1;
    memcpy(file, text, file_size);
    file[file_size] = 0;
    diagnostic_unsplit(file, &place.line);
    on_diagnostic(user, &(eerie_compiler_diagnostic_t){
                            .severity = first ? severity : EERIE_COMPILER_NOTE,
                            .message = text + place.message_at,
                            .message_size = (size_t)(stop - text) - place.message_at,
                            .file = file_size ? file : NULL,
                            .line = place.line,
                            .column = place.column,
                        });
    text = stop == end ? end : stop + 2;
  }
}

const char *eerie_compiler_severity_name(eerie_compiler_severity_t severity) {
  switch (severity) {
  case EERIE_COMPILER_NOTE: return "note";
  case EERIE_COMPILER_WARNING: return "warning";
  case EERIE_COMPILER_REMARK: return "remark";
  case EERIE_COMPILER_ERROR: break;
  }
  return "error";
}
