// status.c: names of status codes, error records, and the formatter that fills them.
//
// The formatter exists so that the core needs no stdio; it knows what the runtime's messages use
// and nothing of floating point.
#include "base/status.h"

#include "base/bytes.h"

const char *eerie_status_name(eerie_status_t status) {
  static const char *const names[] = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
      "DEFERRED",
      "INCOMPATIBLE",
  };
  const unsigned index = (unsigned)status;
  return index < sizeof names / sizeof names[0] ? names[index] : "UNKNOWN";
}

// ---- Formatting --------------------------------------------------------------------------------

typedef struct text_sink {
  char *buffer;
  size_t capacity;
  size_t length; // of the whole text, written or not
} text_sink_t;

static void sink_fill(text_sink_t *sink, char c, size_t count) {
  if (sink->length < sink->capacity) {
    const size_t room = sink->capacity - sink->length;
    memset(sink->buffer + sink->length, c, count < room ? count : room);
  }
  sink->length += count;
}

static void sink_write(text_sink_t *sink, const char *text, size_t size) {
  if (sink->length < sink->capacity) {
    const size_t room = sink->capacity - sink->length;
    memcpy(sink->buffer + sink->length, text, size < room ? size : room);
  }
  sink->length += size;
}

typedef struct format_spec {
  bool left;
  bool zero;
  int width;
  int precision; // -1: none
  int longs;     // number of 'l', 3 for 'z'; -1 and -2 for 'h' and 'hh'
} format_spec_t;

static void write_padded(text_sink_t *sink, const format_spec_t *spec, const char *sign,
                         const char *text, size_t size) {
  const size_t sign_size = ee_str_length(sign);
  const size_t width = (size_t)spec->width;
  const size_t padding = width > size + sign_size ? width - size - sign_size : 0;
  if (!spec->left && !spec->zero) sink_fill(sink, ' ', padding);
  sink_write(sink, sign, sign_size);
  if (!spec->left && spec->zero) sink_fill(sink, '0', padding);
  sink_write(sink, text, size);
  if (spec->left) sink_fill(sink, ' ', padding);
}

static void write_number(text_sink_t *sink, const format_spec_t *spec, const char *sign,
                         uint64_t value, unsigned base, bool upper) {
  const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  char text[24];
  size_t at = sizeof text;
  do {
    text[--at] = digits[value % base];
    value /= base;
  } while (value);
  write_padded(sink, spec, sign, text + at, sizeof text - at);
}

static int parse_number(const char **format) {
  int value = 0;
  for (; **format >= '0' && **format <= '9'; ++*format) {
    if (value < 10000) value = value * 10 + (**format - '0');
  }
  return value;
}

static const char *parse_length(const char *format, format_spec_t *spec) {
  for (;; ++format) {
    if (*format == 'l')
      ++spec->longs;
    else if (*format == 'z' || *format == 't')
      spec->longs = 3;
    else if (*format == 'j')
      spec->longs = 2;
    else if (*format == 'h')
      --spec->longs;
    else
      return format;
  }
}

size_t ee_vformat(char *buffer, size_t capacity, const char *format, va_list arguments) {
  // Its own copy: a va_list that is a parameter has another type than one that is a variable, and
  // only the latter's address can be handed on everywhere.
  va_list list;
  va_copy(list, arguments);
  text_sink_t sink = {buffer, capacity ? capacity - 1 : 0, 0};
  while (*format) {
    if (*format != '%') {
      const char *start = format;
      while (*format && *format != '%')
        ++format;
      sink_write(&sink, start, (size_t)(format - start));
      continue;
    }
    ++format;
    format_spec_t spec = {.precision = -1};
    for (;; ++format) {
      if (*format == '0')
        spec.zero = true;
      else if (*format == '-')
        spec.left = true;
      else
        break;
    }
    if (*format == '*') {
      spec.width = va_arg(list, int);
      if (spec.width < 0) spec.width = 0;
      ++format;
    } else {
      spec.width = parse_number(&format);
    }
    if (*format == '.') {
      ++format;
      if (*format == '*') {
        spec.precision = va_arg(list, int);
        ++format;
      } else {
        spec.precision = parse_number(&format);
      }
    }
    format = parse_length(format, &spec);
    switch (*format) {
    case 's': {
      const char *text = va_arg(list, const char *);
      if (!text) text = "(null)";
      size_t size = 0;
      while ((spec.precision < 0 || size < (size_t)spec.precision) && text[size])
        ++size;
      write_padded(&sink, &spec, "", text, size);
      break;
    }
    case 'c': {
      const char c = (char)va_arg(list, int);
      write_padded(&sink, &spec, "", &c, 1);
      break;
    }
    case 'd':
    case 'i': {
      int64_t value;
      if (spec.longs == 3)
        value = va_arg(list, ptrdiff_t);
      else if (spec.longs == 2)
        value = va_arg(list, long long);
      else if (spec.longs == 1)
        value = va_arg(list, long);
      else
        value = va_arg(list, int);
      if (spec.longs == -1) value = (short)value;
      if (spec.longs == -2) value = (signed char)value;
      const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
      write_number(&sink, &spec, value < 0 ? "-" : "", magnitude, 10, false);
      break;
    }
    case 'u':
    case 'x':
    case 'X': {
      uint64_t value;
      if (spec.longs == 3)
        value = va_arg(list, size_t);
      else if (spec.longs == 2)
        value = va_arg(list, unsigned long long);
      else if (spec.longs == 1)
        value = va_arg(list, unsigned long);
      else
        value = va_arg(list, unsigned);
      if (spec.longs == -1) value = (unsigned short)value;
      if (spec.longs == -2) value = (unsigned char)value;
      write_number(&sink, &spec, "", value, *format == 'u' ? 10 : 16, *format == 'X');
      break;
    }
    case 'p': write_number(&sink, &spec, "0x", (uintptr_t)va_arg(list, void *), 16, false); break;
    case '%': sink_write(&sink, "%", 1); break;
    default:
      // A letter outside the subset: nothing after it can be read from the arguments any more.
      sink_write(&sink, "%?", 2);
      goto done;
    }
    ++format;
  }
done:
  va_end(list);
  if (capacity) buffer[sink.length < capacity - 1 ? sink.length : capacity - 1] = '\0';
  return sink.length;
}

size_t ee_format(char *buffer, size_t capacity, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t length = ee_vformat(buffer, capacity, format, arguments);
  va_end(arguments);
  return length;
}

// ---- Error records -----------------------------------------------------------------------------

#if EERIE_MESSAGES

// Names in messages come from files: what could break a line or drive a terminal is replaced.
static void make_one_line(char *text) {
  for (; *text; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20 || c == 0x7F) *text = c == '\n' || c == '\t' ? ' ' : '?';
  }
}

eerie_status_t ee_error_set(eerie_error_t *err, uint32_t code_and_line, const char *file,
                            const char *format, ...) {
  const eerie_status_t code = (eerie_status_t)(code_and_line & 0xFF);
  if (!err) return code;
  err->code = code;
  err->file = file;
  err->line = (int)(code_and_line >> 8);
  va_list arguments;
  va_start(arguments, format);
  ee_vformat(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  make_one_line(err->message);
  return code;
}

void ee_error_annotate(eerie_error_t *err, const char *format, ...) {
  if (!err) return;
  va_list arguments;
  va_start(arguments, format);
  const size_t length = ee_vformat(NULL, 0, format, arguments);
  va_end(arguments);
  const size_t room = sizeof err->message - 1;
  const size_t prefix = length + 2;
  if (prefix < room) {
    size_t kept = ee_str_length(err->message);
    if (kept > room - prefix) kept = room - prefix;
    memmove(err->message + prefix, err->message, kept);
    err->message[prefix + kept] = '\0';
  }
  va_start(arguments, format);
  ee_vformat(err->message, prefix < room ? length + 1 : sizeof err->message, format, arguments);
  va_end(arguments);
  if (prefix < room) memcpy(err->message + length, ": ", 2);
  make_one_line(err->message);
}

#else

eerie_status_t ee_error_set_code(eerie_error_t *err, eerie_status_t code) {
  if (!err) return code;
  err->code = code;
  err->file = NULL;
  err->line = 0;
  err->message[0] = '\0';
  return code;
}

#endif
