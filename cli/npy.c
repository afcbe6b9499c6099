// npy.c: NumPy's format for arrays.
//
//   0x93 "NUMPY", major, minor, header length (2 bytes; 4 from major 2 on), header, elements
//
// The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), },
// padded with blanks to a multiple of 64 with a newline at the end.
// (numpy.org, reference, numpy.lib.format: versions 1.0 to 3.0.)
#include "npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"

static const char npy_magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

static bool host_is_little(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 1;
}

// ---- Reading -----------------------------------------------------------------------------------

typedef struct npy_header {
  bool has_descr, has_order, has_shape;
  bool fortran, swapped;
} npy_header_t;

typedef struct npy_reader {
  const char *at, *end; // the rest of the dictionary
  const char *path;
  ee_cli_array_t *array;
  npy_header_t header;
  eerie_error_t *err;
} npy_reader_t;

static eerie_status_t damaged(npy_reader_t *reader, const char *what) {
  return ee_cli_error(reader->err, EERIE_DATA_LOSS, "%s: damaged .npy header: %s", reader->path,
                      what);
}

static void skip_blanks(npy_reader_t *reader) {
  while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
    ++reader->at;
}

static bool take(npy_reader_t *reader, char c) {
  skip_blanks(reader);
  if (reader->at == reader->end || *reader->at != c) return false;
  ++reader->at;
  return true;
}

// A quoted string without escapes.
static bool take_string(npy_reader_t *reader, const char **out_text, size_t *out_length) {
  skip_blanks(reader);
  if (reader->at == reader->end || (*reader->at != '\'' && *reader->at != '"')) return false;
  const char quote = *reader->at++;
  const char *close = memchr(reader->at, quote, (size_t)(reader->end - reader->at));
  if (!close) return false;
  *out_text = reader->at;
  *out_length = (size_t)(close - reader->at);
  reader->at = close + 1;
  return true;
}

static bool take_word(npy_reader_t *reader, const char *word) {
  skip_blanks(reader);
  const size_t length = strlen(word);
  if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
    return false;
  reader->at += length;
  return true;
}

static bool is_key(const char *key, const char *text, size_t length) {
  return strlen(key) == length && memcmp(key, text, length) == 0;
}

// "<f4": byte order, kind, bytes.
static eerie_status_t read_descr(npy_reader_t *reader) {
  const char *text = NULL;
  size_t length = 0;
  skip_blanks(reader);
  if (reader->at < reader->end && *reader->at == '[')
    return ee_cli_error(reader->err, EERIE_UNIMPLEMENTED,
                        "%s: holds structures; only arrays of numbers can be read", reader->path);
  if (!take_string(reader, &text, &length)) return damaged(reader, "no type");
  const char *const whole = text;
  const size_t whole_length = length;
  bool little = host_is_little();
  if (length && strchr("<>|=", *text) && *text) {
    if (*text == '<') little = true;
    if (*text == '>') little = false;
    ++text;
    --length;
  }
  static const char kinds[] = "?biufcV";
  static const ee_cli_number_t numbers[] = {EE_CLI_BOOL, EE_CLI_BOOL,    EE_CLI_SINT,  EE_CLI_UINT,
                                            EE_CLI_IEEE, EE_CLI_COMPLEX, EE_CLI_OPAQUE};
  const char *const kind = length && *text ? strchr(kinds, *text) : NULL;
  unsigned bytes = 0;
  for (size_t i = 1; i < length && text[i] >= '0' && text[i] <= '9' && bytes < 100; ++i)
    bytes = bytes * 10 + (unsigned)(text[i] - '0');
  if (kind && *kind == '?') bytes = 1;
  // Which widths exist is the names' business: "f" and 4 bytes make f32.
  static const char *const names[] = {"i1", "i1", "si", "ui", "f", "cf", "*"};
  char name[16];
  eerie_dtype_t dtype = EERIE_DTYPE_NONE;
  if (kind && numbers[kind - kinds] == EE_CLI_BOOL) {
    dtype = bytes == 1 ? EERIE_BOOL : EERIE_DTYPE_NONE;
  } else if (kind) {
    snprintf(name, sizeof name, "%s%u", names[kind - kinds], bytes * 8);
    dtype = ee_cli_dtype_parse(name, strlen(name));
  }
  if (!dtype)
    return ee_cli_error(reader->err, EERIE_UNIMPLEMENTED,
                        "%s: elements of NumPy type '%.*s' cannot be read; expected bool, int, "
                        "uint, float or complex",
                        reader->path, (int)(whole_length > 40 ? 40 : whole_length), whole);
  reader->array->dtype = dtype;
  reader->header.has_descr = true;
  reader->header.swapped = little != host_is_little() && bytes > 1;
  return EERIE_OK;
}

static eerie_status_t read_shape(npy_reader_t *reader) {
  if (!take(reader, '(')) return damaged(reader, "no shape");
  ee_cli_array_t *const array = reader->array;
  array->rank = 0;
  while (!take(reader, ')')) {
    skip_blanks(reader);
    uint64_t size = 0;
    const char *const start = reader->at;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; ++reader->at) {
      const uint64_t digit = (uint64_t)(*reader->at - '0');
      if (size > ((uint64_t)INT64_MAX - digit) / 10)
        return damaged(reader, "a dimension above 2^63 - 1");
      size = size * 10 + digit;
    }
    if (reader->at == start) return damaged(reader, "a dimension that is no number");
    if (array->rank == EERIE_TENSOR_RANK_LIMIT)
      return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT, "%s: more than %d dimensions",
                          reader->path, EERIE_TENSOR_RANK_LIMIT);
    array->shape[array->rank++] = (int64_t)size;
    if (!take(reader, ',') && (reader->at == reader->end || *reader->at != ')'))
      return damaged(reader, "the shape does not end");
  }
  reader->header.has_shape = true;
  return EERIE_OK;
}

static eerie_status_t read_dictionary(npy_reader_t *reader) {
  if (!take(reader, '{')) return damaged(reader, "no dictionary");
  while (!take(reader, '}')) {
    const char *key = NULL;
    size_t length = 0;
    if (!take_string(reader, &key, &length) || !take(reader, ':'))
      return damaged(reader, "no key and colon");
    eerie_status_t status = EERIE_OK;
    if (is_key("descr", key, length)) {
      status = read_descr(reader);
    } else if (is_key("shape", key, length)) {
      status = read_shape(reader);
    } else if (is_key("fortran_order", key, length)) {
      reader->header.fortran = take_word(reader, "True");
      if (!reader->header.fortran && !take_word(reader, "False"))
        return damaged(reader, "fortran_order is neither True nor False");
      reader->header.has_order = true;
    } else {
      return damaged(reader, "a key other than descr, fortran_order and shape");
    }
    if (status) return status;
    if (!take(reader, ',') && (reader->at == reader->end || *reader->at != '}'))
      return damaged(reader, "the dictionary does not end");
  }
  const npy_header_t *const header = &reader->header;
  if (!header->has_descr || !header->has_order || !header->has_shape)
    return damaged(reader, "descr, fortran_order or shape is missing");
  return EERIE_OK;
}

static void swap_bytes(ee_cli_array_t *array) {
  const bool complex = ee_cli_dtype_number(array->dtype) == EE_CLI_COMPLEX;
  const size_t size = ee_cli_dtype_bits(array->dtype) / 8 / (complex ? 2 : 1);
  unsigned char *const bytes = array->data;
  for (size_t at = 0; at + size <= array->size; at += size) {
    for (size_t i = 0; i < size / 2; ++i) {
      const unsigned char byte = bytes[at + i];
      bytes[at + i] = bytes[at + size - 1 - i];
      bytes[at + size - 1 - i] = byte;
    }
  }
}

// Copies elements that lie first dimension fastest to where the last is fastest.
static void copy_fortran(ee_cli_array_t *array, const char *source) {
  const size_t size = ee_cli_dtype_bits(array->dtype) / 8;
  int64_t position[EERIE_TENSOR_RANK_LIMIT] = {0};
  for (uint64_t i = 0; i < array->count; ++i) {
    uint64_t target = 0;
    for (size_t d = 0; d < array->rank; ++d)
      target = target * (uint64_t)array->shape[d] + (uint64_t)position[d];
    memcpy((char *)array->data + target * size, source + i * size, size);
    for (size_t d = 0; d < array->rank && ++position[d] == array->shape[d]; ++d)
      position[d] = 0;
  }
}

static eerie_status_t read_elements(npy_reader_t *reader, const char *source, size_t available) {
  ee_cli_array_t *const array = reader->array;
  eerie_status_t status = ee_cli_array_measure(array, reader->err);
  if (status) return damaged(reader, "the shape has more than 2^63 - 1 bytes");
  if (array->size > available)
    return ee_cli_error(reader->err, EERIE_OUT_OF_RANGE,
                        "%s: truncated: %zu of %zu bytes of elements", reader->path, available,
                        array->size);
  status = ee_cli_array_allocate(array, reader->err);
  if (status) return status;
  if (reader->header.fortran && array->rank > 1)
    copy_fortran(array, source);
  else if (array->size)
    memcpy(array->data, source, array->size);
  if (reader->header.swapped) swap_bytes(array);
  return EERIE_OK;
}

eerie_status_t ee_cli_npy_read(const ee_cli_text_t *content, const char *path, size_t *offset,
                               ee_cli_array_t *out_array, eerie_error_t *err) {
  *out_array = (ee_cli_array_t){0};
  const char *const data = content->data + *offset;
  const size_t size = content->size - *offset;
  if (size == 0 && *offset)
    return ee_cli_error(err, EERIE_OUT_OF_RANGE, "%s: there is no further array in the file", path);
  if (size < 10 || memcmp(data, npy_magic, sizeof npy_magic) != 0)
    return ee_cli_error(err, EERIE_INVALID_ARGUMENT, "%s: %s is no .npy array", path,
                        *offset ? "what follows"
                        : size  ? "the file"
                                : "the empty file");
  const unsigned char *const bytes = (const unsigned char *)data;
  const unsigned version = bytes[6];
  size_t start = 10;
  size_t length = bytes[8] | (size_t)bytes[9] << 8;
  if (version < 1 || version > 3)
    return ee_cli_error(err, EERIE_UNIMPLEMENTED, "%s: .npy version %u; known are 1 to 3", path,
                        version);
  if (version > 1) {
    start = 12;
    if (size >= 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  }
  if (size < start || length > size - start)
    return ee_cli_error(err, EERIE_DATA_LOSS, "%s: truncated within the header of an array", path);
  npy_reader_t reader = {.at = data + start,
                         .end = data + start + length,
                         .path = path,
                         .array = out_array,
                         .err = err};
  eerie_status_t status = read_dictionary(&reader);
  if (!status) status = read_elements(&reader, data + start + length, size - start - length);
  if (status) {
    ee_cli_array_free(out_array);
    return status;
  }
  *offset += start + length + out_array->size;
  return EERIE_OK;
}

// ---- Writing -----------------------------------------------------------------------------------

static char kind_of(eerie_dtype_t dtype) {
  switch (ee_cli_dtype_number(dtype)) {
  case EE_CLI_BOOL: return 'b';
  case EE_CLI_INT:
  case EE_CLI_SINT: return 'i';
  case EE_CLI_UINT: return 'u';
  case EE_CLI_IEEE: return 'f';
  case EE_CLI_COMPLEX: return 'c';
  default: return 'V';
  }
}

static void write_header(ee_cli_text_t *text, const ee_cli_array_t *array) {
  const unsigned size = (ee_cli_dtype_bits(array->dtype) + 7) / 8;
  ee_cli_text_t header = {0};
  const char order = size == 1 ? '|' : host_is_little() ? '<' : '>';
  ee_cli_text_printf(&header, "{'descr': '%c%c%u', 'fortran_order': False, 'shape': (", order,
                     kind_of(array->dtype), size);
  for (size_t i = 0; i < array->rank; ++i)
    ee_cli_text_printf(&header, "%s%" PRId64 "%s", i ? ", " : "", array->shape[i],
                       array->rank == 1 ? "," : "");
  ee_cli_text_string(&header, "), }");
  // 10 bytes before the header, 1 for the newline.
  while ((10 + header.size + 1) % 64 && !header.failed)
    ee_cli_text_append(&header, " ", 1);
  ee_cli_text_append(&header, "\n", 1);
  const char length[2] = {(char)(header.size & 0xff), (char)(header.size >> 8)};
  ee_cli_text_append(text, npy_magic, sizeof npy_magic);
  ee_cli_text_append(text, "\x01\x00", 2);
  ee_cli_text_append(text, length, 2);
  ee_cli_text_append(text, header.data, header.size);
  if (header.failed) text->failed = true;
  ee_cli_text_free(&header);
}

void ee_cli_npy_write(ee_cli_text_t *text, const ee_cli_array_t *array) {
  write_header(text, array);
  const unsigned bits = ee_cli_dtype_bits(array->dtype);
  if (bits >= 8) {
    ee_cli_text_append(text, array->data, array->size);
    return;
  }
  for (uint64_t i = 0; i < array->count && !text->failed; ++i) {
    unsigned value = ee_cli_element_get(array->data, array->dtype, i).bytes[0];
    const bool negative =
        ee_cli_dtype_number(array->dtype) != EE_CLI_UINT && (value >> (bits - 1)) & 1;
    if (negative) value |= 0xffu << bits;
    const char byte = (char)(value & 0xff);
    ee_cli_text_append(text, &byte, 1);
  }
}
