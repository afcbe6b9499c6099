// json.c: JSON as RFC 8259 has it, and nothing beyond.
#include "params/json.h"

#define DEPTH_LIMIT 16u

static EE_COLD eerie_status_t expected(const ee_json_t *json, const char *what) {
  (void)what; // unused in builds without texts
  if (json->at >= json->text.size) {
    return EE_FAIL(json->err, EERIE_DATA_LOSS, "the text ends at %zu: expected %s", json->at, what);
  }
  return EE_FAIL(json->err, EERIE_DATA_LOSS, "byte 0x%02x at %zu: expected %s",
                 (unsigned)(uint8_t)json->text.data[json->at], json->at, what);
}

static void skip_space(ee_json_t *json) {
  while (json->at < json->text.size) {
    const char c = json->text.data[json->at];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
    ++json->at;
  }
}

static int peek(ee_json_t *json) {
  skip_space(json);
  return json->at < json->text.size ? (uint8_t)json->text.data[json->at] : -1;
}

bool ee_json_try(ee_json_t *json, char c) {
  if (peek(json) != c) return false;
  ++json->at;
  return true;
}

eerie_status_t ee_json_take(ee_json_t *json, char c) {
  if (ee_json_try(json, c)) return EERIE_OK;
  const char what[] = {'\'', c, '\'', 0};
  return expected(json, what);
}

// ---- Strings -----------------------------------------------------------------------------------

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hexadecimal digits; UINT32_MAX when they are none.
static uint32_t hex4(const char *p, size_t available) {
  uint32_t value = 0;
  if (available < 4) return UINT32_MAX;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(p[i]);
    if (digit < 0) return UINT32_MAX;
    value = value << 4 | (uint32_t)digit;
  }
  return value;
}

// Reads the \u escape whose backslash is at p[0], with its second half where it is a pair. Gives
// the length; 0: malformed.
static size_t read_u_escape(const char *p, size_t available, uint32_t *out_code) {
  const uint32_t first = available >= 6 ? hex4(p + 2, 4) : UINT32_MAX;
  if (first == UINT32_MAX || (first >= 0xDC00 && first < 0xE000)) return 0;
  *out_code = first;
  if (first < 0xD800 || first > 0xDFFF) return 6;
  if (available < 12 || p[6] != '\\' || p[7] != 'u') return 0;
  const uint32_t second = hex4(p + 8, 4);
  if (second < 0xDC00 || second > 0xDFFF) return 0;
  *out_code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  return 12;
}

static char plain_escape(char c) {
  switch (c) {
  case '"':
  case '\\':
  case '/': return c;
  case 'b': return '\b';
  case 'f': return '\f';
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return 0;
  }
}

size_t ee_json_utf8_length(const char *text, size_t available) {
  const uint8_t *p = (const uint8_t *)text;
  if (p[0] < 0x80) return 1;
  const size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || length > available) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
  if (p[0] == 0xED && p[1] > 0x9F) return 0;
  if (p[0] == 0xF0 && p[1] < 0x90) return 0;
  if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
  return length;
}

eerie_status_t ee_json_string(ee_json_t *json, ee_str_t *out_raw) {
  EE_TRY(ee_json_take(json, '"'));
  const size_t start = json->at;
  for (;;) {
    if (json->at >= json->text.size) return expected(json, "the end of a string");
    const char *p = json->text.data + json->at;
    const size_t available = json->text.size - json->at;
    size_t length;
    uint32_t code;
    if (*p == '"') break;
    if ((uint8_t)*p < 0x20) return expected(json, "an escape in place of a control character");
    if (*p != '\\') {
      length = ee_json_utf8_length(p, available);
      if (!length) return expected(json, "UTF-8");
    } else if (available >= 2 && p[1] == 'u') {
      length = read_u_escape(p, available, &code);
      if (!length) return expected(json, "four hexadecimal digits, and both halves of a pair");
    } else {
      length = available >= 2 && plain_escape(p[1]) ? 2 : 0;
      if (!length) return expected(json, "one of the escapes of JSON");
    }
    json->at += length;
  }
  *out_raw = (ee_str_t){json->text.data + start, json->at - start};
  ++json->at;
  return EERIE_OK;
}

static size_t write_utf8(uint32_t code, char *target) {
  const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  if (!target) return length;
  static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = length; i-- > 1; code >>= 6) {
    target[i] = (char)(0x80 | (code & 0x3F));
  }
  target[0] = (char)(first[length] | code);
  return length;
}

size_t ee_json_unescape(ee_str_t raw, char *target) {
  size_t size = 0;
  for (size_t i = 0; i < raw.size;) {
    const char *p = raw.data + i;
    char *end = target ? target + size : NULL;
    uint32_t code = 0;
    if (*p != '\\') {
      if (end) *end = *p;
      ++size;
      ++i;
    } else if (p[1] == 'u') {
      i += read_u_escape(p, raw.size - i, &code);
      size += write_utf8(code, end);
    } else {
      if (end) *end = plain_escape(p[1]);
      ++size;
      i += 2;
    }
  }
  return size;
}

// ---- Other values ------------------------------------------------------------------------------

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

static int char_at(const ee_json_t *json, size_t at) {
  return at < json->text.size ? (uint8_t)json->text.data[at] : -1;
}

eerie_status_t ee_json_number(ee_json_t *json, uint64_t *out_value) {
  uint64_t value = 0;
  if (!is_digit(peek(json))) return expected(json, "a whole number that is not negative");
  const size_t start = json->at;
  for (; is_digit(char_at(json, json->at)); ++json->at) {
    if (!ee_mul_u64(value, 10, &value) ||
        !ee_add_u64(value, (uint64_t)(json->text.data[json->at] - '0'), &value)) {
      return expected(json, "a number below 2^64");
    }
  }
  const int after = char_at(json, json->at);
  if (after == '.' || after == 'e' || after == 'E') return expected(json, "a whole number");
  if (json->at - start > 1 && json->text.data[start] == '0') {
    json->at = start;
    return expected(json, "a number without leading zeros");
  }
  *out_value = value;
  return EERIE_OK;
}

static eerie_status_t skip_digits(ee_json_t *json) {
  if (!is_digit(char_at(json, json->at))) return expected(json, "a digit");
  while (is_digit(char_at(json, json->at)))
    ++json->at;
  return EERIE_OK;
}

static eerie_status_t skip_number(ee_json_t *json) {
  if (char_at(json, json->at) == '-') ++json->at;
  if (char_at(json, json->at) == '0') {
    ++json->at;
  } else {
    EE_TRY(skip_digits(json));
  }
  if (char_at(json, json->at) == '.') {
    ++json->at;
    EE_TRY(skip_digits(json));
  }
  int c = char_at(json, json->at);
  if (c != 'e' && c != 'E') return EERIE_OK;
  c = char_at(json, ++json->at);
  if (c == '+' || c == '-') ++json->at;
  return skip_digits(json);
}

static eerie_status_t skip_word(ee_json_t *json, ee_str_t word) {
  if (json->text.size - json->at < word.size ||
      memcmp(json->text.data + json->at, word.data, word.size) != 0) {
    return expected(json, "a value");
  }
  json->at += word.size;
  return EERIE_OK;
}

static eerie_status_t skip_scalar(ee_json_t *json) {
  ee_str_t text;
  switch (peek(json)) {
  case '"': return ee_json_string(json, &text);
  case 't': return skip_word(json, EE_STR("true"));
  case 'f': return skip_word(json, EE_STR("false"));
  case 'n': return skip_word(json, EE_STR("null"));
  case '-': return skip_number(json);
  default: return is_digit(peek(json)) ? skip_number(json) : expected(json, "a value");
  }
}

static eerie_status_t skip_key(ee_json_t *json) {
  ee_str_t key;
  EE_TRY(ee_json_string(json, &key));
  return ee_json_take(json, ':');
}

eerie_status_t ee_json_skip(ee_json_t *json) {
  char closers[DEPTH_LIMIT];
  uint32_t depth = 0;
  for (;;) {
    // A value begins here.
    const int c = peek(json);
    bool opened = c == '{' || c == '[';
    if (opened) {
      if (depth == DEPTH_LIMIT) return expected(json, "no more than 16 levels");
      closers[depth++] = c == '{' ? '}' : ']';
      ++json->at;
    } else {
      EE_TRY(skip_scalar(json));
    }
    // What follows it: the first member of what it opened, the next one, or ends.
    for (;; opened = false) {
      if (depth == 0) return EERIE_OK;
      const char closer = closers[depth - 1];
      if (ee_json_try(json, closer)) {
        --depth;
        continue;
      }
      if (!opened) EE_TRY(ee_json_take(json, ','));
      if (closer == '}') EE_TRY(skip_key(json));
      break;
    }
  }
}

eerie_status_t ee_json_end(ee_json_t *json) {
  return peek(json) < 0 ? EERIE_OK : expected(json, "nothing more");
}
