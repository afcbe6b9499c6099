// ptx_text.c: words and numbers of PTX text, and where in it something is wrong.
#include "ptx_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ptx_fail(ptx_text_t *text, const char *format, ...) {
  if (text->failed) return false;
  text->failed = true;
  if (!text->log_size) return false;
  // As the real one has it.
  const int length =
      snprintf(text->log, text->log_size,
               "ptxas application ptx input, line %" PRIu32 "; error   : ", text->line);
  if (length < 0 || (size_t)length >= text->log_size) return false;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text->log + length, text->log_size - (size_t)length, format, arguments);
  va_end(arguments);
  return false;
}

static bool starts(const ptx_text_t *text, const char *with) {
  const size_t length = strlen(with);
  return (size_t)(text->end - text->at) >= length && memcmp(text->at, with, length) == 0;
}

static void skip_comment(ptx_text_t *text) {
  while (text->at < text->end && !starts(text, "*/"))
    text->line += *text->at++ == '\n';
  text->at = starts(text, "*/") ? text->at + 2 : text->end;
}

void ptx_skip_space(ptx_text_t *text) {
  while (text->at < text->end) {
    if (starts(text, "//")) {
      while (text->at < text->end && *text->at != '\n')
        ++text->at;
    } else if (starts(text, "/*")) {
      skip_comment(text);
    } else if (strchr(" \t\r\n", *text->at)) {
      text->line += *text->at++ == '\n';
    } else {
      return;
    }
  }
}

char ptx_peek(ptx_text_t *text) {
  ptx_skip_space(text);
  return text->at < text->end ? *text->at : '\0';
}

bool ptx_accept(ptx_text_t *text, char character) {
  if (ptx_peek(text) != character || !character) return false;
  ++text->at;
  return true;
}

bool ptx_expect(ptx_text_t *text, char character) {
  if (ptx_accept(text, character)) return true;
  const size_t left = (size_t)(text->end - text->at);
  return ptx_fail(text, "Parsing error near '%.*s': syntax error, '%c' expected",
                  (int)(left < 16 ? left : 16), text->at, character);
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
         (c && strchr("_$%.:", c));
}

bool ptx_word(ptx_text_t *text, char word[PTX_NAME]) {
  const char first = ptx_peek(text);
  if (!in_word(first) || is_digit(first) || first == ':') return false;
  size_t length = 0;
  // A colon belongs to it only where it is double ("ld.L2::128B"); a single one ends a label.
  while (text->at < text->end && in_word(*text->at)) {
    const bool doubled = starts(text, "::");
    if (*text->at == ':' && !doubled) break;
    for (int i = 0; i < (doubled ? 2 : 1); ++i) {
      if (length + 1 == PTX_NAME)
        return ptx_fail(text, "a name of more than %d characters", PTX_NAME);
      word[length++] = *text->at++;
    }
  }
  word[length] = '\0';
  return true;
}

bool ptx_accept_word(ptx_text_t *text, const char *word) {
  const ptx_text_t before = *text;
  char found[PTX_NAME];
  if (ptx_word(text, found) && strcmp(found, word) == 0) return true;
  *text = before;
  return false;
}

static int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

static bool digits(ptx_text_t *text, unsigned base, unsigned most, uint64_t *out_value) {
  unsigned count = 0;
  *out_value = 0;
  while (text->at < text->end && (unsigned)digit_of(*text->at) < base && count < most) {
    *out_value = *out_value * base + (unsigned)digit_of(*text->at++);
    ++count;
  }
  return count || ptx_fail(text, "a number without digits");
}

// ISA, section "Integer Constants".
static bool unsigned_integer(ptx_text_t *text, uint64_t *out_value) {
  unsigned base = 10;
  if (starts(text, "0x") || starts(text, "0X"))
    base = 16, text->at += 2;
  else if (starts(text, "0b") || starts(text, "0B"))
    base = 2, text->at += 2;
  else if (*text->at == '0' && text->at + 1 < text->end && is_digit(text->at[1]))
    base = 8;
  if (!digits(text, base, 64, out_value)) return false;
  if (text->at < text->end && *text->at == 'U') ++text->at;
  return true;
}

bool ptx_integer(ptx_text_t *text, uint64_t *out_value) {
  const bool negative = ptx_accept(text, '-');
  if (!is_digit(ptx_peek(text))) return ptx_fail(text, "an integer expected");
  if (!unsigned_integer(text, out_value)) return false;
  if (negative) *out_value = 0 - *out_value;
  return true;
}

// ISA, section "Floating-Point Constants": 0f and 8 digits, 0d and 16.
static bool hex_float(ptx_text_t *text, ptx_type_t type, uint64_t *out_value) {
  const bool is_single = text->at[1] == 'f' || text->at[1] == 'F';
  const unsigned count = is_single ? 8 : 16;
  text->at += 2;
  const char *begin = text->at;
  if (!digits(text, 16, count, out_value)) return false;
  if (text->at != begin + count) return ptx_fail(text, "a float's bits need %u digits", count);
  if (type.bits != count * 4)
    return ptx_fail(text, "a constant of %u bits for an operand of %u", count * 4, type.bits);
  return true;
}

static bool decimal_float(ptx_text_t *text, ptx_type_t type, uint64_t *out_value) {
  char number[64];
  size_t length = 0;
  while (text->at < text->end && length + 1 < sizeof number &&
         (is_digit(*text->at) || strchr(".eE+-", *text->at)))
    number[length++] = *text->at++;
  number[length] = '\0';
  const double value = strtod(number, NULL);
  *out_value = type.bits == 32 ? ptx_float_bits((float)value) : ptx_double_bits(value);
  return true;
}

static bool is_decimal_float(const ptx_text_t *text) {
  const char *at = text->at;
  while (at < text->end && is_digit(*at))
    ++at;
  return at < text->end && *at == '.';
}

bool ptx_number(ptx_text_t *text, ptx_type_t type, uint64_t *out_value) {
  const bool negative = ptx_accept(text, '-');
  if (!is_digit(ptx_peek(text))) return ptx_fail(text, "a number expected");
  const bool hex =
      starts(text, "0f") || starts(text, "0F") || starts(text, "0d") || starts(text, "0D");
  if (hex || is_decimal_float(text)) {
    if (hex ? !hex_float(text, type, out_value) : !decimal_float(text, type, out_value))
      return false;
    if (negative) *out_value ^= UINT64_C(1) << (type.bits - 1);
    return true;
  }
  if (type.kind == KIND_FLOAT && type.bits > 16)
    return ptx_fail(text, "an integer for an operand that is a float");
  if (!unsigned_integer(text, out_value)) return false;
  if (negative) *out_value = 0 - *out_value;
  return true;
}

bool ptx_grow(ptx_text_t *text, void *array_address, uint32_t count, size_t element_size) {
  // To twice as many when there are 2^n.
  if (count & (count - 1)) return true;
  void *old = NULL;
  memcpy(&old, array_address, sizeof old);
  void *grown = realloc(old, (count ? (size_t)count * 2 : 1) * element_size);
  if (!grown) return ptx_fail(text, "out of memory");
  memcpy(array_address, &grown, sizeof grown);
  return true;
}
