// json.h: a strict reader of JSON text, a token at a time. It allocates nothing and keeps no tree.
#ifndef EE_PARAMS_JSON_H_
#define EE_PARAMS_JSON_H_

#include "base/bytes.h"
#include "base/status.h"

typedef struct ee_json {
  ee_str_t text;
  size_t at;
  eerie_error_t *err;
} ee_json_t;

// Length of the UTF-8 character that `p` begins with, of `available` bytes (1 at least); 0: it is
// none, or is overlong, a surrogate, or past U+10FFFF.
size_t ee_json_utf8_length(const char *p, size_t available);

// All of the following fail with DATA_LOSS, naming the position and what was expected there.

// Takes one of "{}[]:," .
eerie_status_t ee_json_take(ee_json_t *json, char c);
// Whether the next is `c`; if so it is taken.
bool ee_json_try(ee_json_t *json, char c);
// Takes a string, as it is written between its quotes; escapes and UTF-8 are checked.
eerie_status_t ee_json_string(ee_json_t *json, ee_str_t *out_raw);
// Writes a string that ee_json_string gave without its escapes, and returns its length; at most
// that of the raw one. `target` may be NULL.
size_t ee_json_unescape(ee_str_t raw, char *target);
// Takes a whole number from 0 to 2^64 - 1, written without sign, fraction and exponent.
eerie_status_t ee_json_number(ee_json_t *json, uint64_t *out_value);
// Takes a value of any kind, arrays and objects down to 16 levels.
eerie_status_t ee_json_skip(ee_json_t *json);
// Nothing may follow but white space.
eerie_status_t ee_json_end(ee_json_t *json);

#endif // EE_PARAMS_JSON_H_
