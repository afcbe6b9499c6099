// ptx_module.c: what stands outside of kernels' bodies: versions, variables, entries and their
// parameters.
#include "ptx_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint32_t align_up(uint64_t value, uint32_t align) {
  return (uint32_t)((value + align - 1) / align * align);
}

bool ptx_type_of(const char *word, ptx_type_t *out_type) {
  static const struct {
    const char *name;
    ptx_type_t type;
  } types[] = {
      {"b8", {KIND_BITS, 8, 1}},        {"b16", {KIND_BITS, 16, 1}},
      {"b32", {KIND_BITS, 32, 1}},      {"b64", {KIND_BITS, 64, 1}},
      {"u8", {KIND_UNSIGNED, 8, 1}},    {"u16", {KIND_UNSIGNED, 16, 1}},
      {"u32", {KIND_UNSIGNED, 32, 1}},  {"u64", {KIND_UNSIGNED, 64, 1}},
      {"s8", {KIND_SIGNED, 8, 1}},      {"s16", {KIND_SIGNED, 16, 1}},
      {"s32", {KIND_SIGNED, 32, 1}},    {"s64", {KIND_SIGNED, 64, 1}},
      {"f16", {KIND_FLOAT, 16, 1}},     {"f16x2", {KIND_FLOAT, 16, 2}},
      {"f32", {KIND_FLOAT, 32, 1}},     {"f64", {KIND_FLOAT, 64, 1}},
      {"bf16", {KIND_BFLOAT, 16, 1}},   {"bf16x2", {KIND_BFLOAT, 16, 2}},
      {"pred", {KIND_PREDICATE, 1, 1}},
  };
  for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
    if (strcmp(word, types[i].name) != 0) continue;
    *out_type = types[i].type;
    return true;
  }
  return false;
}

uint32_t ptx_type_size(ptx_type_t type) {
  return (uint32_t)type.bits * type.count / 8;
}

ptx_symbol_t *ptx_symbol(ptx_parser_t *parser, const char *name) {
  // The innermost of a name is the last.
  for (uint32_t i = parser->symbol_count; i-- > 0;) {
    if (strcmp(parser->symbols[i].name, name) == 0) return &parser->symbols[i];
  }
  return NULL;
}

// ---- Variables
// -------------------------------------------------------------------------------------

static bool take_type_word(ptx_parser_t *parser, ptx_type_t *out_type) {
  char word[PTX_NAME];
  if (!ptx_word(&parser->text, word)) return ptx_fail(&parser->text, "a type expected");
  if (word[0] != '.' || !ptx_type_of(word + 1, out_type) || out_type->kind == KIND_PREDICATE)
    return ptx_fail(&parser->text, "'%s' is no type that a variable can have", word);
  return true;
}

static bool take_align(ptx_parser_t *parser, uint32_t *out_align) {
  uint64_t align = 0;
  if (!ptx_integer(&parser->text, &align)) return false;
  if (!align || align > 4096 || (align & (align - 1)))
    return ptx_fail(&parser->text, "an alignment of %" PRIu64, align);
  *out_align = (uint32_t)align;
  return true;
}

// `[N]`, or `[]` where it may be.
static bool take_length(ptx_parser_t *parser, bool may_be_open, uint64_t *out_length) {
  *out_length = 1;
  if (!ptx_accept(&parser->text, '[')) return true;
  *out_length = 0;
  if (ptx_accept(&parser->text, ']'))
    return may_be_open || ptx_fail(&parser->text, "an array without a length");
  if (!ptx_integer(&parser->text, out_length)) return false;
  if (*out_length > UINT64_C(1) << 28)
    return ptx_fail(&parser->text, "an array of %" PRIu64 " elements", *out_length);
  return ptx_expect(&parser->text, ']');
}

static bool take_value(ptx_parser_t *parser, ptx_type_t type, uint8_t *bytes) {
  uint64_t value = 0;
  if (!ptx_number(&parser->text, type, &value)) return false;
  memcpy(bytes, &value, ptx_type_size(type)); // this machine is of little endian, as devices are
  return true;
}

static bool take_values(ptx_parser_t *parser, ptx_type_t type, uint8_t *bytes, uint64_t size) {
  if (!ptx_accept(&parser->text, '=')) return true;
  const uint32_t step = ptx_type_size(type);
  if (!ptx_accept(&parser->text, '{')) return take_value(parser, type, bytes);
  uint64_t at = 0;
  do {
    if (at + step > size)
      return ptx_fail(&parser->text, "more values than the variable has elements");
    if (!take_value(parser, type, bytes + at)) return false;
    at += step;
  } while (ptx_accept(&parser->text, ','));
  return ptx_expect(&parser->text, '}');
}

static bool place_global(ptx_parser_t *parser, ptx_symbol_t *symbol, ptx_type_t type) {
  ptx_module_t *module = parser->module;
  const size_t at = align_up(module->global_size, symbol->align);
  const size_t size = at + symbol->size;
  uint8_t *globals = realloc(module->globals, size ? size : 1);
  if (!globals) return ptx_fail(&parser->text, "out of memory");
  memset(globals + module->global_size, 0, size - module->global_size);
  module->globals = globals;
  module->global_size = size;
  symbol->offset = PTX_GLOBAL_WINDOW + at;
  return take_values(parser, type, globals + at, symbol->size);
}

static bool place(ptx_parser_t *parser, ptx_symbol_t *symbol, ptx_type_t type) {
  switch (symbol->space) {
  case SPACE_GLOBAL:
  case SPACE_CONST: return place_global(parser, symbol, type);
  case SPACE_LOCAL:
    if (!parser->kernel) return ptx_fail(&parser->text, ".local outside of a kernel");
    symbol->offset = align_up(parser->kernel->local_size, symbol->align);
    parser->kernel->local_size = (uint32_t)(symbol->offset + symbol->size);
    return true;
  default: return true; // shared: when a kernel uses it
  }
}

bool ptx_variable(ptx_parser_t *parser, ptx_space_t space, bool external) {
  ptx_text_t *text = &parser->text;
  ptx_symbol_t symbol = {.space = (uint8_t)space};
  ptx_type_t type;
  if (external && space != SPACE_SHARED)
    return ptx_fail(text, ".extern of a space other than .shared");
  if (ptx_accept_word(text, ".align") && !take_align(parser, &symbol.align)) return false;
  if (!take_type_word(parser, &type)) return false;
  if (!ptx_word(text, symbol.name)) return ptx_fail(text, "a variable's name expected");
  uint64_t length = 0;
  if (!take_length(parser, external, &length)) return false;
  symbol.dynamic = external && !length;
  symbol.size = length * ptx_type_size(type);
  if (!symbol.align) symbol.align = ptx_type_size(type);
  if (!ptx_grow(text, &parser->symbols, parser->symbol_count, sizeof symbol)) return false;
  if (!place(parser, &symbol, type)) return false;
  parser->symbols[parser->symbol_count++] = symbol;
  return ptx_expect(text, ';');
}

// ---- Entries
// -----------------------------------------------------------------------------------------

static bool take_param(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  ptx_kernel_t *kernel = parser->kernel;
  ptx_symbol_t symbol = {.space = SPACE_PARAM};
  ptx_type_t type;
  uint32_t ignored = 0;
  if (!ptx_accept_word(text, ".param")) return ptx_fail(text, "'.param' expected");
  if (ptx_accept_word(text, ".align") && !take_align(parser, &symbol.align)) return false;
  if (!take_type_word(parser, &type)) return false;
  if (ptx_accept_word(text, ".ptr")) { // what a pointer points to
    (void)(ptx_accept_word(text, ".global") || ptx_accept_word(text, ".shared") ||
           ptx_accept_word(text, ".const") || ptx_accept_word(text, ".local"));
    if (ptx_accept_word(text, ".align") && !take_align(parser, &ignored)) return false;
  }
  if (!ptx_word(text, symbol.name)) return ptx_fail(text, "a parameter's name expected");
  uint64_t length = 0;
  if (!take_length(parser, false, &length)) return false;
  symbol.size = length * ptx_type_size(type);
  if (!symbol.align) symbol.align = ptx_type_size(type);
  symbol.offset = align_up(kernel->param_size, symbol.align);
  kernel->param_size = (uint32_t)(symbol.offset + symbol.size);
  // ISA, ".param": 4352 bytes before version 8.1.
  if (kernel->param_size > 32764)
    return ptx_fail(text, "parameters of %" PRIu32 " bytes", kernel->param_size);
  if (!ptx_grow(text, &kernel->params, kernel->param_count, sizeof *kernel->params)) return false;
  kernel->params[kernel->param_count++] =
      (ptx_param_t){(uint32_t)symbol.offset, (uint32_t)symbol.size};
  if (!ptx_grow(text, &parser->symbols, parser->symbol_count, sizeof symbol)) return false;
  parser->symbols[parser->symbol_count++] = symbol;
  return true;
}

// .maxntid, .reqntid: a product of one to three numbers; the others are about speed.
static bool take_bounds(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  for (;;) {
    const bool threads = ptx_accept_word(text, ".maxntid") || ptx_accept_word(text, ".reqntid");
    if (!threads && !ptx_accept_word(text, ".minnctapersm") && !ptx_accept_word(text, ".maxnreg"))
      return true;
    uint64_t product = 1, value = 0;
    do {
      if (!ptx_integer(text, &value)) return false;
      product *= value;
    } while (ptx_accept(text, ','));
    if (threads) parser->kernel->max_threads = (uint32_t)product;
  }
}

static bool resolve_labels(ptx_parser_t *parser) {
  for (uint32_t i = 0; i < parser->use_count; ++i) {
    const ptx_label_t *use = &parser->uses[i];
    const ptx_label_t *found = NULL;
    for (uint32_t k = 0; k < parser->label_count && !found; ++k) {
      if (strcmp(parser->labels[k].name, use->name) == 0) found = &parser->labels[k];
    }
    ptx_instruction_t *branch = &parser->kernel->code[use->at];
    parser->text.line = found ? parser->text.line : branch->line;
    if (!found) return ptx_fail(&parser->text, "Label '%s' is not defined", use->name);
    branch->target = found->at;
  }
  return true;
}

// The text may go off the end of a kernel, which then ends.
static bool end_code(ptx_parser_t *parser) {
  ptx_kernel_t *kernel = parser->kernel;
  if (!ptx_grow(&parser->text, &kernel->code, kernel->code_count, sizeof *kernel->code))
    return false;
  kernel->code[kernel->code_count++] =
      (ptx_instruction_t){.flow = FLOW_END, .line = parser->text.line};
  return true;
}

static bool read_kernel(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  ptx_kernel_t *kernel = parser->kernel;
  char name[PTX_NAME];
  if (!ptx_word(text, name)) return ptx_fail(text, "an entry's name expected");
  kernel->name = strdup(name);
  if (!kernel->name) return ptx_fail(text, "out of memory");
  kernel->register_count = 1;
  kernel->dynamic_align = 1;
  if (ptx_accept(text, '(') && !ptx_accept(text, ')')) {
    do {
      if (!take_param(parser)) return false;
    } while (ptx_accept(text, ','));
    if (!ptx_expect(text, ')')) return false;
  }
  return take_bounds(parser) && ptx_expect(text, '{') && ptx_body(parser) && end_code(parser) &&
         resolve_labels(parser);
}

static bool take_entry(ptx_parser_t *parser) {
  ptx_module_t *module = parser->module;
  if (!ptx_grow(&parser->text, &module->kernels, module->kernel_count, sizeof *module->kernels))
    return false;
  const uint32_t symbols = parser->symbol_count;
  parser->kernel = &module->kernels[module->kernel_count++];
  *parser->kernel = (ptx_kernel_t){.module = module};
  parser->registers_count = parser->label_count = parser->use_count = 0;
  for (uint32_t i = 0; i < symbols; ++i)
    parser->symbols[i].placed = false;
  const bool good = read_kernel(parser);
  parser->symbol_count = symbols;
  parser->kernel = NULL;
  return good;
}

// ---- A module
// ------------------------------------------------------------------------------------------

static bool take_version(ptx_parser_t *parser) {
  uint64_t major = 0, minor = 0;
  if (!ptx_integer(&parser->text, &major) || !ptx_expect(&parser->text, '.') ||
      !ptx_integer(&parser->text, &minor))
    return false;
  parser->version = (uint32_t)(major * 10 + minor);
  if (major < 6 || major > 9)
    return ptx_fail(&parser->text,
                    "Unsupported .version %" PRIu64 ".%" PRIu64 "; current version is '9.0'", major,
                    minor);
  return true;
}

static bool take_target(ptx_parser_t *parser) {
  char word[PTX_NAME];
  do {
    if (!ptx_word(&parser->text, word)) return ptx_fail(&parser->text, "a target expected");
    unsigned long number = 0;
    char *end = word;
    if (strncmp(word, "sm_", 3) == 0) number = strtoul(word + 3, &end, 10);
    // A letter after the number binds the code to that very device.
    const bool exact = *end == 'a';
    if (end == word || (*end && !exact)) {
      if (strcmp(word, "debug") == 0) continue;
      return ptx_fail(&parser->text, "Unsupported .target '%s'", word);
    }
    parser->target = (uint32_t)number;
    if (number > parser->capability || (exact && number != parser->capability))
      return ptx_fail(&parser->text,
                      "SM version specified by .target is higher than default SM version assumed");
  } while (ptx_accept(&parser->text, ','));
  return true;
}

static bool take_address_size(ptx_parser_t *parser) {
  uint64_t bits = 0;
  if (!ptx_integer(&parser->text, &bits)) return false;
  return bits == 64 || ptx_fail(&parser->text, "addresses of %" PRIu64 " bits", bits);
}

static bool take_directive(ptx_parser_t *parser) {
  ptx_text_t *text = &parser->text;
  char word[PTX_NAME];
  if (!ptx_word(text, word))
    return ptx_fail(text, "Parsing error near '%c': syntax error", ptx_peek(text));
  if (strcmp(word, ".version") == 0) return take_version(parser);
  if (!parser->version) return ptx_fail(text, "Missing .version directive at start of file");
  if (strcmp(word, ".target") == 0) return take_target(parser);
  if (!parser->target) return ptx_fail(text, "Missing .target directive");
  if (strcmp(word, ".address_size") == 0) return take_address_size(parser);
  const bool external = strcmp(word, ".extern") == 0;
  if (external || strcmp(word, ".visible") == 0 || strcmp(word, ".weak") == 0) {
    if (!ptx_word(text, word)) return ptx_fail(text, "a directive expected");
  }
  if (strcmp(word, ".entry") == 0 && !external) return take_entry(parser);
  if (strcmp(word, ".global") == 0) return ptx_variable(parser, SPACE_GLOBAL, external);
  if (strcmp(word, ".const") == 0) return ptx_variable(parser, SPACE_CONST, external);
  if (strcmp(word, ".shared") == 0) return ptx_variable(parser, SPACE_SHARED, external);
  return ptx_fail(text, "Unknown directive '%s'", word);
}

ptx_module_t *ptx_module_parse(const char *source, size_t size, uint32_t capability, char *log,
                               size_t log_size) {
  if (log_size) log[0] = '\0';
  const char *end = memchr(source, '\0', size);
  ptx_parser_t parser = {
      .text = {.at = source,
               .end = end ? end : source + size,
               .line = 1,
               .log = log,
               .log_size = log_size},
      .capability = capability,
      .module = calloc(1, sizeof *parser.module),
  };
  bool good = parser.module || ptx_fail(&parser.text, "out of memory");
  while (good && ptx_peek(&parser.text))
    good = take_directive(&parser);
  if (good && !parser.target)
    good = ptx_fail(&parser.text, "Missing .version directive at start of file");
  free(parser.symbols);
  free(parser.registers);
  free(parser.labels);
  free(parser.uses);
  if (good) return parser.module;
  ptx_module_free(parser.module);
  return NULL;
}

void ptx_module_free(ptx_module_t *module) {
  for (uint32_t i = 0; module && i < module->kernel_count; ++i) {
    free(module->kernels[i].name);
    free(module->kernels[i].params);
    free(module->kernels[i].constants);
    free(module->kernels[i].code);
  }
  if (!module) return;
  free(module->kernels);
  free(module->globals);
  free(module);
}

const ptx_kernel_t *ptx_module_kernel(const ptx_module_t *module, uint32_t index) {
  return index < module->kernel_count ? &module->kernels[index] : NULL;
}

const ptx_kernel_t *ptx_module_find(const ptx_module_t *module, const char *name) {
  for (uint32_t i = 0; i < module->kernel_count; ++i) {
    if (strcmp(module->kernels[i].name, name) == 0) return &module->kernels[i];
  }
  return NULL;
}

ptx_facts_t ptx_kernel_facts(const ptx_kernel_t *kernel) {
  return (ptx_facts_t){
      .name = kernel->name,
      .params = kernel->params,
      .param_count = kernel->param_count,
      .param_size = kernel->param_size,
      .max_threads = kernel->max_threads,
      .shared_size = kernel->shared_size,
      .local_size = kernel->local_size,
      .register_count = kernel->register_count,
  };
}
