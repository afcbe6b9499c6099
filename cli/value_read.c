// value_read.c: --input=... made into arguments.
//
//   2x3xf32=1 2 3 4 5 6   a tensor; 2x3xf32=@file.bin reads its bytes, + goes on where the file was
//   5, 2.5, i32=5         a scalar, where the function has one
//   @file.npy             the first array of a file; +file.npy the next; *file.npy all others
//   &4xf32                storage
//   (null), (ignored)     nothing
//   "text", @file         host bytes
//
// The form is iree-run-module's. A file is read once, however many values come from it.
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "npy.h"
#include "value.h"

// A file that values come from, and how far they have got.
typedef struct source {
  const char *path;
  ee_cli_text_t content;
  size_t offset;
} source_t;

typedef struct reader {
  const ee_cli_place_t *place;
  ee_cli_values_t *values;
  const eerie_type_t *type; // of the next value; NULL: there is none
  bool expected;            // results to compare with, not arguments
  source_t *sources;
  size_t source_count;
  bool in_file; // whatever fails now is the file's fault, not the command line's
  eerie_error_t *err;
} reader_t;

static eerie_status_t no_memory(reader_t *reader) {
  return ee_cli_error(reader->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
}

// Takes over `value`, also when it fails.
static eerie_status_t push(reader_t *reader, eerie_value_t value) {
  ee_cli_values_t *values = reader->values;
  eerie_value_t *items = realloc(values->items, (values->count + 1) * sizeof *items);
  if (!items) {
    eerie_value_release(&value);
    return no_memory(reader);
  }
  values->items = items;
  items[values->count++] = value;
  return EERIE_OK;
}

// ---- Files -------------------------------------------------------------------------------------

// Finds a file that was read before, or reads it. `restart`: from its beginning. NULL: the error
// has been filled in. The next call may move it.
static source_t *open_source(reader_t *reader, const char *path, bool restart) {
  reader->in_file = true;
  for (size_t i = 0; i < reader->source_count; ++i) {
    source_t *source = &reader->sources[i];
    if (strcmp(source->path, path) != 0) continue;
    if (restart) source->offset = 0;
    return source;
  }
  source_t *sources = realloc(reader->sources, (reader->source_count + 1) * sizeof *sources);
  if (!sources) {
    no_memory(reader);
    return NULL;
  }
  reader->sources = sources;
  source_t *source = &sources[reader->source_count];
  *source = (source_t){.path = path};
  if (ee_cli_read_file(path, &source->content, reader->err)) return NULL;
  ++reader->source_count;
  return source;
}

static void close_sources(reader_t *reader) {
  for (size_t i = 0; i < reader->source_count; ++i)
    ee_cli_text_free(&reader->sources[i].content);
  free(reader->sources);
}

// The bytes of a tensor from where the file is.
static eerie_status_t read_raw(reader_t *reader, const char *spec, ee_cli_array_t *array) {
  source_t *const source = open_source(reader, spec + 1, spec[0] == '@');
  if (!source) return reader->err->code;
  const size_t left = source->content.size - source->offset;
  if (array->size > left)
    return ee_cli_error(reader->err, EERIE_OUT_OF_RANGE, "%s has %zu bytes left, %zu are needed",
                        source->path, left, array->size);
  const eerie_status_t status = ee_cli_array_allocate(array, reader->err);
  if (status) return status;
  if (array->size) memcpy(array->data, source->content.data + source->offset, array->size);
  source->offset += array->size;
  return EERIE_OK;
}

// ---- Values ------------------------------------------------------------------------------------

// Kernels of other devices may reach memory of the host slowly, and whenever they read it.
static bool is_cpu(const eerie_device_t *device) {
  return strncmp(eerie_device_name(device), "local", 5) == 0;
}

// Turns an array into a tensor that owns its memory, or has a copy of it on devices with memory of
// their own.
static eerie_status_t push_array(reader_t *reader, ee_cli_array_t *array) {
  eerie_value_t value = {.kind = EERIE_KIND_TENSOR};
  eerie_device_t *const device = reader->place->device;
  eerie_status_t status;
  if (is_cpu(device)) {
    status =
        eerie_tensor_wrap(device, array->dtype, array->rank, array->shape, array->data, array->size,
                          ee_cli_array_release, NULL, &value.as.tensor, reader->err);
  } else {
    status = eerie_tensor_create(device, array->dtype, array->rank, array->shape, array->data,
                                 &value.as.tensor, reader->err);
    if (!status) ee_cli_array_free(array);
  }
  if (status) {
    ee_cli_array_free(array);
    return status;
  }
  return push(reader, value);
}

static eerie_status_t read_tensor(reader_t *reader, const char *spec) {
  const char *const content = strchr(spec, '=');
  const bool from_file = content && (content[1] == '@' || content[1] == '+');
  ee_cli_array_t array = {0};
  eerie_status_t status = EERIE_OK;
  if (from_file) {
    status = ee_cli_array_parse_type(spec, (size_t)(content - spec), &array, reader->err);
    if (!status) status = read_raw(reader, content + 1, &array);
  } else {
    status = ee_cli_array_parse(spec, &array, reader->err);
  }
  return status ? status : push_array(reader, &array);
}

// NumPy's types are fewer than ours: the declared one decides what its bytes are, and whether they
// are 4-bit integers. Its integers are signed or unsigned, which a module takes for signless ones.
static bool adopts(const reader_t *reader, const ee_cli_array_t *array) {
  if (!reader->type || !reader->type->dtype) return false;
  return ee_cli_dtype_number(array->dtype) == EE_CLI_OPAQUE ||
         ee_cli_dtype_bits(reader->type->dtype) < 8;
}

static eerie_status_t read_npy(reader_t *reader, source_t *source) {
  ee_cli_array_t array;
  eerie_status_t status =
      ee_cli_npy_read(&source->content, source->path, &source->offset, &array, reader->err);
  if (status) return status;
  if (adopts(reader, &array)) status = ee_cli_array_adopt(&array, reader->type->dtype, reader->err);
  if (!status) return push_array(reader, &array);
  ee_cli_array_free(&array);
  return status;
}

static eerie_status_t read_buffer(reader_t *reader, const char *data, size_t size) {
  eerie_value_t value = {.kind = EERIE_KIND_BUFFER};
  const eerie_status_t status =
      eerie_buffer_create(reader->place->instance, data, size, &value.as.buffer, reader->err);
  return status ? status : push(reader, value);
}

// Scalars: the numbers of a tensor of rank 0, with or without its type in front.
static eerie_status_t read_scalar(reader_t *reader, const char *spec) {
  static const struct {
    eerie_kind_t kind;
    eerie_dtype_t dtype;
    const char *name;
  } scalars[] = {{EERIE_KIND_I32, EERIE_I32, "i32"},
                 {EERIE_KIND_I64, EERIE_I64, "i64"},
                 {EERIE_KIND_F32, EERIE_F32, "f32"},
                 {EERIE_KIND_F64, EERIE_F64, "f64"}};
  for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; ++i) {
    if (scalars[i].kind != reader->type->kind) continue;
    const size_t length = strlen(scalars[i].name);
    const bool typed = strncmp(spec, scalars[i].name, length) == 0 && spec[length] == '=';
    const char *const number = typed ? spec + length + 1 : spec;
    ee_cli_bits_t bits;
    if (!ee_cli_element_parse(number, strlen(number), scalars[i].dtype, &bits))
      return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT, "'%.40s' is no number of type %s",
                          number, scalars[i].name);
    eerie_value_t value = {.kind = scalars[i].kind};
    memcpy(&value.as, bits.bytes, sizeof value.as.i64);
    return push(reader, value);
  }
  return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT, "not a scalar");
}

static bool is_scalar(const eerie_type_t *type) {
  return type->kind >= EERIE_KIND_I32 && type->kind <= EERIE_KIND_F64;
}

static eerie_status_t read_null(reader_t *reader) {
  eerie_value_t value = {.kind = EERIE_KIND_NONE};
  // What is expected to be anything is no number.
  if (is_scalar(reader->type) && !reader->expected) value.kind = reader->type->kind; // zero
  return push(reader, value);
}

static eerie_status_t read_bytes(reader_t *reader, const char *spec) {
  const size_t length = strlen(spec);
  if (spec[0] == '"' && length >= 2 && spec[length - 1] == '"')
    return read_buffer(reader, spec + 1, length - 2);
  if (spec[0] != '@')
    return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT,
                        "is for an argument of bytes; expected \"text\", @file or (null)");
  source_t *const source = open_source(reader, spec + 1, true);
  return source ? read_buffer(reader, source->content.data, source->content.size)
                : reader->err->code;
}

static eerie_status_t read_spec(reader_t *reader, const char *spec) {
  const eerie_kind_t kind = reader->type->kind;
  if (!*spec) return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT, "is empty");
  if (strcmp(spec, "(null)") == 0 || strcmp(spec, "(ignored)") == 0) return read_null(reader);
  // Something else than the function gives, which the comparison says.
  if (reader->expected && kind >= EERIE_KIND_BUFFER && kind <= EERIE_KIND_FENCE &&
      !strchr("\"@+*", spec[0]) && strpbrk(spec, "x="))
    return read_tensor(reader, spec);
  if (kind == EERIE_KIND_LIST || kind == EERIE_KIND_FENCE)
    return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT,
                        "is for a %s, which only a program can make; expected (null)",
                        kind == EERIE_KIND_LIST ? "list" : "fence");
  if (kind == EERIE_KIND_BUFFER) return read_bytes(reader, spec);
  if (spec[0] == '@' || spec[0] == '+') {
    source_t *const source = open_source(reader, spec + 1, spec[0] == '@');
    return source ? read_npy(reader, source) : reader->err->code;
  }
  if (is_scalar(reader->type)) return read_scalar(reader, spec);
  if (spec[0] == '&') ++spec;
  if (!strpbrk(spec, "x="))
    return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT,
                        "is for %s; expected a shape and type with values, like 4x2xf32=0",
                        reader->type->text[0] ? reader->type->text : "a tensor");
  return read_tensor(reader, spec);
}

// `*file.npy`: every array from where the file is to its end.
static eerie_status_t read_all(reader_t *reader, const eerie_function_t *function,
                               const eerie_type_t *(*type_at)(const eerie_function_t *, size_t),
                               const char *path) {
  source_t *const source = open_source(reader, path, false);
  if (!source) return reader->err->code;
  eerie_status_t status = EERIE_OK;
  while (!status && source->offset < source->content.size) {
    reader->type = type_at(function, reader->values->count);
    status = read_npy(reader, source);
  }
  return status;
}

// Blanks around a spec do not count. NULL: no memory.
static char *trimmed(const char *spec) {
  static const char blanks[] = " \t\r\n";
  spec += strspn(spec, blanks);
  size_t length = strlen(spec);
  while (length && strchr(blanks, spec[length - 1]))
    --length;
  return strndup(spec, length);
}

// Reads one spec, whatever number of values it gives.
static eerie_status_t read_values(reader_t *reader, const eerie_function_t *function,
                                  const eerie_type_t *(*type_at)(const eerie_function_t *, size_t),
                                  const char *spec) {
  if (!spec) return no_memory(reader);
  reader->in_file = false;
  reader->type = type_at(function, reader->values->count);
  if (spec[0] == '*' && spec[1] && !strchr(spec, '='))
    return read_all(reader, function, type_at, spec + 1);
  if (!reader->type)
    return ee_cli_error(reader->err, EERIE_INVALID_ARGUMENT, "is one too many for %s: %s",
                        eerie_function_name(function), eerie_function_declaration(function));
  return read_spec(reader, spec);
}

static int report(const reader_t *reader, const char *what, size_t index, const char *spec,
                  eerie_status_t status) {
  int exit_code = reader->in_file ? ee_cli_exit_code_of_file(status) : ee_cli_exit_code(status);
  if (reader->in_file && status == EERIE_UNIMPLEMENTED) exit_code = EE_CLI_BAD_INPUT;
  if (!reader->in_file && status == EERIE_OUT_OF_RANGE) exit_code = EE_CLI_USAGE;
  return ee_cli_fail(exit_code, "%s %zu '%.60s%s': %s (%s)", what, index, spec,
                     strlen(spec) > 60 ? "..." : "", reader->err->message,
                     eerie_status_name(status));
}

int ee_cli_values_read(const ee_cli_place_t *place, const eerie_function_t *function,
                       const char *what,
                       const eerie_type_t *(*type_at)(const eerie_function_t *, size_t),
                       const ee_cli_strings_t *specs, ee_cli_values_t *out_values) {
  *out_values = (ee_cli_values_t){0};
  eerie_error_t err = {0};
  reader_t reader = {.place = place,
                     .values = out_values,
                     .expected = type_at == eerie_function_output,
                     .err = &err};
  int exit_code = EE_CLI_OK;
  // Paths in the sources point into these.
  char **texts = calloc(specs->count + 1, sizeof(char *));
  if (!texts) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (size_t i = 0; i < specs->count && !exit_code; ++i) {
    texts[i] = trimmed(specs->items[i]);
    const eerie_status_t status = read_values(&reader, function, type_at, texts[i]);
    if (status) exit_code = report(&reader, what, i, specs->items[i], status);
  }
  close_sources(&reader);
  for (size_t i = 0; i < specs->count; ++i)
    free(texts[i]);
  free(texts);
  if (exit_code) ee_cli_values_free(out_values);
  return exit_code;
}

void ee_cli_values_free(ee_cli_values_t *values) {
  for (size_t i = 0; i < values->count; ++i)
    eerie_value_release(&values->items[i]);
  free(values->items);
  *values = (ee_cli_values_t){0};
}
