// json.c: a writer of JSON that keeps commas and indentation right (RFC 8259).
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

// Length of the UTF-8 character at `at`; 0 when it is none.
static size_t utf8_length(const unsigned char *at) {
  const size_t length = at[0] < 0x80                     ? 1
                        : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                        : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                        : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                         : 0;
  for (size_t i = 1; i < length; ++i)
    if ((at[i] & 0xc0) != 0x80) return 0;
  // Longer forms than necessary, surrogates, and what is above U+10FFFF.
  if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
      (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
    return 0;
  return length;
}

static void append_quoted(ee_cli_text_t *text, const char *value) {
  ee_cli_text_append(text, "\"", 1);
  for (const unsigned char *at = (const unsigned char *)value; *at;) {
    const size_t length = utf8_length(at);
    if (*at == '"' || *at == '\\')
      ee_cli_text_printf(text, "\\%c", *at);
    else if (*at < 0x20 || *at == 0x7f)
      ee_cli_text_printf(text, "\\u%04x", (unsigned)*at);
    else if (length)
      ee_cli_text_append(text, at, length);
    else
      ee_cli_text_string(text, "\\ufffd");
    at += length ? length : 1;
  }
  ee_cli_text_append(text, "\"", 1);
}

static void new_line(ee_cli_json_t *json) {
  if (json->compact) return;
  ee_cli_text_string(&json->text, "\n");
  for (unsigned i = 0; i < json->depth; ++i)
    ee_cli_text_string(&json->text, "  ");
}

// What stands before a value.
static void begin(ee_cli_json_t *json, const char *name) {
  if (json->has_members) ee_cli_text_string(&json->text, ",");
  if (json->depth) new_line(json);
  json->has_members = true;
  if (!name) return;
  append_quoted(&json->text, name);
  ee_cli_text_string(&json->text, json->compact ? ":" : ": ");
}

void ee_cli_json_open(ee_cli_json_t *json, const char *name, char bracket) {
  begin(json, name);
  ee_cli_text_append(&json->text, &bracket, 1);
  ++json->depth;
  json->has_members = false;
}

void ee_cli_json_close(ee_cli_json_t *json, char bracket) {
  --json->depth;
  if (json->has_members) new_line(json);
  ee_cli_text_append(&json->text, &bracket, 1);
  json->has_members = true;
}

void ee_cli_json_string(ee_cli_json_t *json, const char *name, const char *value) {
  begin(json, name);
  if (value)
    append_quoted(&json->text, value);
  else
    ee_cli_text_string(&json->text, "null");
}

void ee_cli_json_number(ee_cli_json_t *json, const char *name, uint64_t value) {
  begin(json, name);
  ee_cli_text_printf(&json->text, "%" PRIu64, value);
}

void ee_cli_json_real(ee_cli_json_t *json, const char *name, double value) {
  begin(json, name);
  if (isfinite(value))
    ee_cli_text_printf(&json->text, "%.17g", value);
  else
    ee_cli_text_string(&json->text, "null");
}

void ee_cli_json_bool(ee_cli_json_t *json, const char *name, bool value) {
  begin(json, name);
  ee_cli_text_string(&json->text, value ? "true" : "false");
}

int ee_cli_json_print(ee_cli_json_t *json) {
  const bool failed = json->text.failed;
  if (!failed) puts(json->text.data ? json->text.data : "");
  ee_cli_text_free(&json->text);
  return failed ? ee_cli_fail(EE_CLI_FAILED, "out of memory") : EE_CLI_OK;
}
