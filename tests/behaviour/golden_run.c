// Runs the calls that a script on standard input asks for, through the public interface, and prints
// the results. oracle.py answers the same scripts through IREE's runtime; golden.py writes the
// scripts and compares the answers.
//
// A script is made of lines:
//
//   device NAME             opens a device; "local-sync" without this line
//   module PATH             loads a module; several are linked in order
//   link                    makes the program
//   arg i32|i64 NUMBER      queues an argument; numbers are decimal
//   arg f32|f64 BITS        as the hexadecimal pattern of its bits
//   arg null
//   arg buffer BYTES        hexadecimal, "-" when there are none
//   arg tensor DTYPE RANK DIMENSION... BYTES
//   arg list COUNT          the next COUNT arguments are its elements
//   call NAME               calls with the arguments queued
//
// An answer begins with "call NAME" and ends with "end"; between stand the results, written as
// arguments are, or "error STATUS MESSAGE". Lines that a module traces begin with "trace".
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eerie/eerie.h"

#define MODULES_MAX 8
#define VALUES_MAX  64

typedef struct session {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *modules[MODULES_MAX];
  size_t module_count;
  eerie_program_t *program;
  eerie_value_t args[VALUES_MAX];
  size_t arg_count;
} session_t;

static _Noreturn void die(const char *what, const eerie_error_t *err) {
  fprintf(stderr, "golden_run: %s: %s\n", what, err ? err->message : "malformed script");
  exit(2);
}

static char *next_word(char **cursor) {
  char *word = strsep(cursor, " \n");
  if (!word) die("a word is missing", NULL);
  return word;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  die("not a hexadecimal digit", NULL);
}

// Bytes of a hexadecimal word, for the caller to free.
static unsigned char *parse_bytes(const char *word, size_t *out_size) {
  const size_t size = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
  unsigned char *bytes = malloc(size + 1);
  if (!bytes) die("no memory", NULL);
  for (size_t i = 0; i < size; ++i)
    bytes[i] = (unsigned char)(hex_digit(word[2 * i]) << 4 | hex_digit(word[2 * i + 1]));
  *out_size = size;
  return bytes;
}

static void print_bytes(const void *data, size_t size) {
  const unsigned char *bytes = data;
  if (size == 0) fputs("-", stdout);
  for (size_t i = 0; i < size; ++i)
    printf("%02x", bytes[i]);
}

static eerie_device_t *session_device(session_t *s) {
  eerie_error_t err = {0};
  if (!s->device && eerie_device_open(s->instance, "local-sync", &s->device, &err))
    die("device", &err);
  return s->device;
}

static eerie_value_t read_value(session_t *s, char *line);

static eerie_value_t read_tensor(session_t *s, char *line) {
  eerie_error_t err = {0};
  const eerie_dtype_t dtype = (eerie_dtype_t)strtoul(next_word(&line), NULL, 0);
  const size_t rank = strtoul(next_word(&line), NULL, 10);
  int64_t shape[EERIE_TENSOR_RANK_LIMIT] = {0};
  if (rank > EERIE_TENSOR_RANK_LIMIT) die("rank", NULL);
  for (size_t i = 0; i < rank; ++i)
    shape[i] = strtoll(next_word(&line), NULL, 10);
  size_t size = 0;
  unsigned char *bytes = parse_bytes(next_word(&line), &size);
  eerie_value_t value = {.kind = EERIE_KIND_TENSOR};
  if (eerie_tensor_create(session_device(s), dtype, rank, shape, bytes, &value.as.tensor, &err))
    die("tensor", &err);
  if (eerie_tensor_size(value.as.tensor) != size) die("bytes do not fit the shape", NULL);
  free(bytes);
  return value;
}

static eerie_value_t read_list(session_t *s, size_t count) {
  eerie_error_t err = {0};
  eerie_value_t value = {.kind = EERIE_KIND_LIST};
  if (eerie_list_create(s->instance, count, &value.as.list, &err)) die("list", &err);
  char *line = NULL;
  size_t capacity = 0;
  for (size_t i = 0; i < count; ++i) {
    if (getline(&line, &capacity, stdin) < 0 || strncmp(line, "arg ", 4) != 0)
      die("a list's element is missing", NULL);
    eerie_value_t element = read_value(s, line + 4);
    if (eerie_list_set(value.as.list, i, element, &err)) die("list element", &err);
    eerie_value_release(&element);
  }
  free(line);
  return value;
}

static eerie_value_t read_value(session_t *s, char *line) {
  const char *kind = next_word(&line);
  eerie_value_t value = {.kind = EERIE_KIND_NONE};
  if (strcmp(kind, "null") == 0) return value;
  if (strcmp(kind, "tensor") == 0) return read_tensor(s, line);
  const char *word = next_word(&line);
  if (strcmp(kind, "i32") == 0) {
    value.kind = EERIE_KIND_I32;
    value.as.i32 = (int32_t)strtol(word, NULL, 10);
  } else if (strcmp(kind, "i64") == 0) {
    value.kind = EERIE_KIND_I64;
    value.as.i64 = strtoll(word, NULL, 10);
  } else if (strcmp(kind, "f32") == 0) {
    const uint32_t bits = (uint32_t)strtoul(word, NULL, 16);
    value.kind = EERIE_KIND_F32;
    memcpy(&value.as.f32, &bits, sizeof bits);
  } else if (strcmp(kind, "f64") == 0) {
    const uint64_t bits = strtoull(word, NULL, 16);
    value.kind = EERIE_KIND_F64;
    memcpy(&value.as.f64, &bits, sizeof bits);
  } else if (strcmp(kind, "buffer") == 0) {
    eerie_error_t err = {0};
    size_t size = 0;
    unsigned char *bytes = parse_bytes(word, &size);
    value.kind = EERIE_KIND_BUFFER;
    if (eerie_buffer_create(s->instance, bytes, size, &value.as.buffer, &err)) die("buffer", &err);
    free(bytes);
  } else if (strcmp(kind, "list") == 0) {
    return read_list(s, strtoul(word, NULL, 10));
  } else {
    die("unknown kind of argument", NULL);
  }
  return value;
}

static void print_tensor(const eerie_tensor_t *tensor) {
  const size_t rank = eerie_tensor_rank(tensor);
  printf("tensor 0x%08x %zu ", (unsigned)eerie_tensor_dtype(tensor), rank);
  for (size_t i = 0; i < rank; ++i)
    printf("%" PRId64 " ", eerie_tensor_shape(tensor)[i]);
  const size_t size = (size_t)eerie_tensor_size(tensor);
  void *copy = malloc(size + 1);
  eerie_error_t err = {0};
  if (!copy) die("no memory", NULL);
  if (eerie_tensor_read(tensor, 0, copy, size, &err)) die("read", &err);
  print_bytes(copy, size);
  free(copy);
  putchar('\n');
}

static void print_value(const eerie_value_t *value) {
  uint32_t bits32 = 0;
  uint64_t bits64 = 0;
  switch (value->kind) {
  case EERIE_KIND_NONE: printf("null\n"); break;
  case EERIE_KIND_I32: printf("i32 %" PRId32 "\n", value->as.i32); break;
  case EERIE_KIND_I64: printf("i64 %" PRId64 "\n", value->as.i64); break;
  case EERIE_KIND_F32:
    memcpy(&bits32, &value->as.f32, sizeof bits32);
    printf("f32 %08" PRIx32 "\n", bits32);
    break;
  case EERIE_KIND_F64:
    memcpy(&bits64, &value->as.f64, sizeof bits64);
    printf("f64 %016" PRIx64 "\n", bits64);
    break;
  case EERIE_KIND_TENSOR: print_tensor(value->as.tensor); break;
  case EERIE_KIND_BUFFER:
    printf("buffer ");
    print_bytes(eerie_buffer_data(value->as.buffer), eerie_buffer_size(value->as.buffer));
    putchar('\n');
    break;
  case EERIE_KIND_LIST:
    printf("list %zu\n", eerie_list_count(value->as.list));
    for (size_t i = 0; i < eerie_list_count(value->as.list); ++i) {
      eerie_value_t element = {0};
      eerie_error_t err = {0};
      if (eerie_list_get(value->as.list, i, &element, &err)) die("list element", &err);
      print_value(&element);
      eerie_value_release(&element);
    }
    break;
  case EERIE_KIND_FENCE: printf("fence\n"); break;
  case EERIE_KIND_OTHER: printf("other\n"); break;
  }
}

static void print_error(const eerie_error_t *err) {
  printf("error %s %s\n", eerie_status_name(err->code), err->message);
}

static void call(session_t *s, const char *name) {
  printf("call %s\n", name);
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  eerie_value_t outputs[VALUES_MAX] = {{0}};
  if (!s->program) {
    printf("error FAILED_PRECONDITION no program\n");
  } else if (eerie_program_find(s->program, name, &function, &err)) {
    print_error(&err);
  } else {
    const size_t output_count = eerie_function_output_count(function);
    if (eerie_call(function, s->args, s->arg_count, outputs, output_count, &err)) {
      print_error(&err);
    } else {
      for (size_t i = 0; i < output_count; ++i)
        print_value(&outputs[i]);
    }
    for (size_t i = 0; i < output_count; ++i)
      eerie_value_release(&outputs[i]);
  }
  for (size_t i = 0; i < s->arg_count; ++i)
    eerie_value_release(&s->args[i]);
  s->arg_count = 0;
  printf("end\n");
}

static void trace_line(void *user, const char *line, size_t length) {
  (void)user;
  printf("trace %.*s\n", (int)length, line);
}

static void load_module(session_t *s, const char *path) {
  eerie_error_t err = {0};
  if (s->module_count == MODULES_MAX) die("too many modules", NULL);
  if (eerie_module_load_file(s->instance, path, NULL, &s->modules[s->module_count], &err))
    die(path, &err);
  ++s->module_count;
}

static void link_modules(session_t *s) {
  eerie_error_t err = {0};
  eerie_device_t *device = session_device(s);
  const eerie_program_options_t options = {.modules = s->modules,
                                           .module_count = s->module_count,
                                           .device = device,
                                           .trace = trace_line};
  printf("call link\n");
  if (eerie_program_create(s->instance, &options, &s->program, &err)) print_error(&err);
  printf("end\n");
}

int main(void) {
  session_t s = {0};
  eerie_error_t err = {0};
  if (eerie_instance_create(NULL, &s.instance, &err)) die("instance", &err);
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    char *cursor = line;
    const char *verb = next_word(&cursor);
    if (strcmp(verb, "arg") == 0) {
      if (s.arg_count == VALUES_MAX) die("too many arguments", NULL);
      s.args[s.arg_count] = read_value(&s, cursor);
      ++s.arg_count;
    } else if (strcmp(verb, "call") == 0) {
      call(&s, next_word(&cursor));
    } else if (strcmp(verb, "module") == 0) {
      load_module(&s, next_word(&cursor));
    } else if (strcmp(verb, "link") == 0) {
      link_modules(&s);
    } else if (strcmp(verb, "device") == 0) {
      if (eerie_device_open(s.instance, next_word(&cursor), &s.device, &err)) die("device", &err);
    } else {
      die("unknown line", NULL);
    }
    fflush(stdout);
  }
  free(line);
  eerie_program_release(s.program);
  for (size_t i = 0; i < s.module_count; ++i)
    eerie_module_release(s.modules[i]);
  eerie_device_release(s.device);
  size_t current = 0, peak = 0;
  eerie_instance_memory(s.instance, &current, &peak);
  eerie_instance_release(s.instance);
  return 0;
}
