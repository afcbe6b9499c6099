// declaration.c: reads the declarations that compiled modules carry.
//
// The compiler writes one for each exported function ("iree.abi.declaration"); attributes after a
// type, in braces, are passed over.
#include "declaration.h"

#include <stdlib.h>
#include <string.h>

typedef struct parser {
  const char *text;
  const char *at;
  eerie_error_t *err;
} parser_t;

static eerie_status_t expected(const parser_t *parser, const char *what) {
  return ee_cli_error(parser->err, EERIE_INVALID_ARGUMENT,
                      "the declaration '%s' has no %s at character %zu", parser->text, what,
                      (size_t)(parser->at - parser->text));
}

static void skip_spaces(parser_t *parser) {
  while (*parser->at == ' ')
    ++parser->at;
}

static bool take(parser_t *parser, const char *word) {
  skip_spaces(parser);
  const size_t length = strlen(word);
  if (strncmp(parser->at, word, length) != 0) return false;
  parser->at += length;
  return true;
}

static char *copy(const char *text, size_t length) {
  char *result = malloc(length + 1);
  if (!result) return NULL;
  memcpy(result, text, length);
  result[length] = 0;
  return result;
}

// Moves past a type: to the comma, brace or parenthesis that ends it, whatever is nested inside.
static void skip_type(parser_t *parser) {
  int depth = 0;
  for (; *parser->at; ++parser->at) {
    const char c = *parser->at;
    const bool arrow = c == '>' && parser->at > parser->text && parser->at[-1] == '-';
    if (c == '<' || c == '(' || c == '[') ++depth;
    if (depth == 0 && (c == ',' || c == ')' || c == '{' || c == ' ')) return;
    if ((c == '>' && !arrow) || c == ')' || c == ']') --depth;
  }
}

static void skip_attributes(parser_t *parser) {
  skip_spaces(parser);
  if (*parser->at != '{') return;
  int depth = 0;
  for (; *parser->at; ++parser->at) {
    if (*parser->at == '{') ++depth;
    if (*parser->at == '}' && --depth == 0) {
      ++parser->at;
      return;
    }
  }
}

// "?x4xf32" between the angle brackets of a tensor.
static void read_shape(const char *text, size_t size, ee_cli_declared_t *declared) {
  size_t rank = 0;
  const char *at = text, *const end = text + size;
  while (at < end && rank < EERIE_TENSOR_RANK_LIMIT) {
    char *after = NULL;
    const bool dynamic = *at == '?';
    const long long length = dynamic ? -1 : strtoll(at, &after, 10);
    const char *const next = dynamic ? at + 1 : after;
    if (next == at || next >= end || *next != 'x') break;
    declared->shape[rank++] = length;
    at = next + 1;
  }
  // What is left is the dtype, and perhaps an encoding after a comma.
  size_t length = 0;
  while (at + length < end && at[length] != ',')
    ++length;
  declared->dtype = eerie_dtype_parse(at, length);
  declared->rank = declared->dtype == EERIE_DTYPE_NONE ? SIZE_MAX : rank;
}

static void read_type(ee_cli_declared_t *declared) {
  static const struct {
    const char *name;
    eerie_kind_t kind;
  } scalars[] = {
      {"i1", EERIE_KIND_I32},  {"i8", EERIE_KIND_I32},  {"i16", EERIE_KIND_I32},
      {"i32", EERIE_KIND_I32}, {"i64", EERIE_KIND_I64}, {"index", EERIE_KIND_I64},
      {"f32", EERIE_KIND_F32}, {"f64", EERIE_KIND_F64},
  };
  const char *const text = declared->text;
  const size_t size = strlen(text);
  declared->kind = EERIE_KIND_OTHER;
  declared->rank = SIZE_MAX;
  if (strncmp(text, "tensor<", 7) == 0 && text[size - 1] == '>') {
    declared->kind = EERIE_KIND_TENSOR;
    read_shape(text + 7, size - 8, declared);
  }
  for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; ++i)
    if (strcmp(scalars[i].name, text) == 0) declared->kind = scalars[i].kind;
}

static eerie_status_t read_one(parser_t *parser, ee_cli_declared_t *declared) {
  if (!take(parser, "%")) return expected(parser, "'%'");
  const char *const name = parser->at;
  while (*parser->at && *parser->at != ':' && *parser->at != ' ')
    ++parser->at;
  declared->name = copy(name, (size_t)(parser->at - name));
  if (!take(parser, ":")) return expected(parser, "':'");
  skip_spaces(parser);
  const char *const type = parser->at;
  skip_type(parser);
  declared->text = copy(type, (size_t)(parser->at - type));
  if (!declared->name || !declared->text)
    return ee_cli_error(parser->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  if (!*declared->text) return expected(parser, "type");
  read_type(declared);
  skip_attributes(parser);
  return EERIE_OK;
}

static eerie_status_t read_list(parser_t *parser, ee_cli_declared_t **items, size_t *count) {
  if (!take(parser, "(")) return expected(parser, "'('");
  if (take(parser, ")")) return EERIE_OK;
  for (;;) {
    ee_cli_declared_t *const grown = realloc(*items, (*count + 1) * sizeof **items);
    if (!grown) return ee_cli_error(parser->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
    *items = grown;
    grown[*count] = (ee_cli_declared_t){0};
    ++*count;
    const eerie_status_t status = read_one(parser, &grown[*count - 1]);
    if (status) return status;
    if (take(parser, ",")) continue;
    return take(parser, ")") ? EERIE_OK : expected(parser, "')'");
  }
}

eerie_status_t ee_cli_declaration_parse(const char *text, ee_cli_declaration_t *out_declaration,
                                        eerie_error_t *err) {
  *out_declaration = (ee_cli_declaration_t){0};
  parser_t parser = {text, strchr(text, '('), err};
  if (!parser.at) {
    parser.at = text;
    return expected(&parser, "argument list");
  }
  eerie_status_t status =
      read_list(&parser, &out_declaration->inputs, &out_declaration->input_count);
  // A function without results has no arrow.
  if (status == EERIE_OK && take(&parser, "->"))
    status = read_list(&parser, &out_declaration->outputs, &out_declaration->output_count);
  if (status) ee_cli_declaration_free(out_declaration);
  return status;
}

static void free_list(ee_cli_declared_t *items, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    free(items[i].name);
    free(items[i].text);
  }
  free(items);
}

void ee_cli_declaration_free(ee_cli_declaration_t *declaration) {
  free_list(declaration->inputs, declaration->input_count);
  free_list(declaration->outputs, declaration->output_count);
  *declaration = (ee_cli_declaration_t){0};
}
