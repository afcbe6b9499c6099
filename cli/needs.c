// needs.c: parameters and functions that a module wants.
//
// Compiled code asks for parameters by calls of io_parameters.load, gather and scatter, with
// constants for the scope and for three tables, which end the arguments:
//
//   keys   8 bytes each: offset and length (u32) in the text that follows as an argument
//   spans  24 bytes each: offset in the parameter, offset in the buffer, length (u64)
//
// (io_parameters.imports.mlir and modules/io/parameters of IREE 3.13; the same in 3.11.) The code
// is read as the disassembler prints it, in the order in which it stands, and each register holds
// the constant that it was given last.
#include "needs.h"

#include <stdlib.h>
#include <string.h>

enum { REGISTER_LIMIT = 1 << 14, ARGUMENT_LIMIT = 16, KEY_SIZE = 8, SPAN_SIZE = 24 };

#define NULL_OBJECT UINT32_MAX // in place of a constant's number: no scope

typedef struct finder {
  const eerie_module_t *module;
  ee_cli_needs_t *needs;
  uint32_t *constants; // of each register, its number plus one
} finder_t;

typedef struct bytes {
  const unsigned char *data;
  size_t size;
} bytes_t;

// ---- The list ----------------------------------------------------------------------------------

static char *printable(const unsigned char *text, size_t size) {
  ee_cli_text_t out = {0};
  ee_cli_text_append(&out, "", 0);
  for (size_t i = 0; i < size; ++i) {
    if (text[i] >= 0x20 && text[i] < 0x7f && text[i] != '\\')
      ee_cli_text_append(&out, text + i, 1);
    else
      ee_cli_text_printf(&out, "\\x%02x", (unsigned)text[i]);
  }
  if (out.failed) ee_cli_text_free(&out);
  return out.data;
}

static void add_need(ee_cli_needs_t *needs, bytes_t scope, bytes_t key, uint64_t size) {
  ee_cli_need_t need = {printable(scope.data, scope.size), printable(key.data, key.size), size};
  ee_cli_need_t *items = NULL;
  if (!need.scope || !need.key) goto failed;
  for (size_t i = 0; i < needs->count; ++i) {
    ee_cli_need_t *const old = &needs->items[i];
    if (strcmp(old->scope, need.scope) != 0 || strcmp(old->key, need.key) != 0) continue;
    if (old->size < size) old->size = size;
    free(need.scope);
    free(need.key);
    return;
  }
  items = realloc(needs->items, (needs->count + 1) * sizeof *items);
  if (!items) goto failed;
  needs->items = items;
  items[needs->count++] = need;
  return;
failed:
  free(need.scope);
  free(need.key);
  needs->incomplete = true;
}

void ee_cli_needs_free(ee_cli_needs_t *needs) {
  for (size_t i = 0; i < needs->count; ++i) {
    free(needs->items[i].scope);
    free(needs->items[i].key);
  }
  free(needs->items);
  *needs = (ee_cli_needs_t){0};
}

// ---- A call ------------------------------------------------------------------------------------

static uint64_t load(const unsigned char *at, int size) {
  uint64_t value = 0;
  while (size-- > 0)
    value = value << 8 | at[size];
  return value;
}

static bool constant_of(const finder_t *finder, uint32_t reg, bytes_t *out) {
  const void *data = NULL;
  if (reg >= REGISTER_LIMIT || !finder->constants[reg]) return false;
  *out = (bytes_t){(const unsigned char *)"", 0};
  if (finder->constants[reg] == NULL_OBJECT) return true;
  if (!eerie_module_constant(finder->module, finder->constants[reg] - 1, &data, &out->size))
    return false;
  out->data = data;
  return true;
}

// The registers of objects among the arguments of a call, up to the closing bracket.
static size_t parse_arguments(const char *at, uint32_t registers[ARGUMENT_LIMIT]) {
  size_t count = 0;
  for (; *at && *at != ')'; ++at) {
    if (at[0] != '%' || at[1] != 'r') continue;
    if (count < ARGUMENT_LIMIT) registers[count] = (uint32_t)strtoul(at + 2, NULL, 10);
    ++count;
  }
  return count;
}

static void read_call(finder_t *finder, const char *arguments, size_t scope_at) {
  uint32_t registers[ARGUMENT_LIMIT] = {0};
  const size_t count = parse_arguments(arguments, registers);
  bytes_t scope, keys, text, spans;
  if (count < scope_at + 4 || count > ARGUMENT_LIMIT ||
      !constant_of(finder, registers[scope_at], &scope) ||
      !constant_of(finder, registers[count - 3], &keys) ||
      !constant_of(finder, registers[count - 2], &text) ||
      !constant_of(finder, registers[count - 1], &spans)) {
    finder->needs->incomplete = true;
    return;
  }
  for (size_t i = 0; i < keys.size / KEY_SIZE && i < spans.size / SPAN_SIZE; ++i) {
    const uint64_t start = load(keys.data + i * KEY_SIZE, 4);
    const uint64_t length = load(keys.data + i * KEY_SIZE + 4, 4);
    const uint64_t offset = load(spans.data + i * SPAN_SIZE, 8);
    const uint64_t size = load(spans.data + i * SPAN_SIZE + 16, 8);
    if (start > text.size || length > text.size - start || offset > UINT64_MAX - size)
      finder->needs->incomplete = true;
    else
      add_need(finder->needs, scope, (bytes_t){text.data + start, (size_t)length}, offset + size);
  }
}

// ---- Lines -------------------------------------------------------------------------------------

static void set_register(finder_t *finder, const char *name, uint32_t constant) {
  const unsigned long reg = strtoul(name, NULL, 10);
  if (reg < REGISTER_LIMIT) finder->constants[reg] = constant;
}

// Where the results of an instruction stand: behind its last arrow, so that the text of a constant
// cannot look like one.
static const char *results_of(const char *line) {
  const char *results = NULL;
  for (const char *at = line; (at = strstr(at, "-> ")); at += 3)
    results = at;
  return results;
}

// Objects that a branch hands to a block: "%r5 = %r6!".
static void forget_block_arguments(finder_t *finder, const char *line) {
  for (const char *at = line; (at = strstr(at, "%r")); at += 2) {
    const char *const end = at + 2 + strspn(at + 2, "0123456789");
    if (strncmp(end, " = ", 3) == 0) set_register(finder, at + 2, 0);
  }
}

static void on_line(void *user, const char *line) {
  finder_t *const finder = user;
  static const struct {
    const char *call;
    size_t scope; // which object among the arguments
  } calls[] = {
      {"@io_parameters.load(", 3}, {"@io_parameters.gather(", 3}, {"@io_parameters.scatter(", 4}};
  static const char constant[] = "const.ref.rodata rodata[", zero[] = "const.ref.zero -> %r";
  const char *const at = strstr(line, constant);
  const char *const null = strstr(line, zero);
  const char *const results = results_of(line);
  if (at && results && strncmp(results, "-> %r", 5) == 0) {
    const unsigned long number = strtoul(at + sizeof constant - 1, NULL, 10);
    set_register(finder, results + 5, number < UINT32_MAX - 1 ? (uint32_t)number + 1 : 0);
    return;
  }
  if (!at && null) {
    set_register(finder, null + sizeof zero - 1, NULL_OBJECT);
    return;
  }
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    const char *const call = strstr(line, calls[i].call);
    if (call) read_call(finder, call + strlen(calls[i].call), calls[i].scope);
  }
  for (const char *target = results; target && (target = strstr(target, "%r")); target += 2)
    set_register(finder, target + 2, 0);
  if (!results) forget_block_arguments(finder, line);
}

static bool wants_parameters(const eerie_module_t *module) {
  static const char prefix[] = "io_parameters.";
  eerie_import_info_t import;
  for (size_t i = 0; eerie_module_import(module, i, &import); ++i)
    if (strncmp(import.name, prefix, sizeof prefix - 1) == 0) return true;
  return false;
}

void ee_cli_needs_find(const eerie_module_t *module, ee_cli_needs_t *out_needs) {
  *out_needs = (ee_cli_needs_t){0};
  if (!wants_parameters(module)) return;
  finder_t finder = {.module = module, .needs = out_needs};
  finder.constants = malloc(REGISTER_LIMIT * sizeof *finder.constants);
  if (!finder.constants) {
    out_needs->incomplete = true;
    return;
  }
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  for (size_t i = 0; i < info.function_count; ++i) {
    memset(finder.constants, 0, REGISTER_LIMIT * sizeof *finder.constants);
    if (eerie_module_disassemble(module, i, on_line, &finder, NULL)) out_needs->incomplete = true;
  }
  free(finder.constants);
}

bool ee_cli_import_is_provided(const char *name) {
  static const char *const modules[] = {"hal.",           "hal_inline.", "hal_loader.",
                                        "io_parameters.", "vmvx.",       "check."};
  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; ++i)
    if (strncmp(name, modules[i], strlen(modules[i])) == 0) return true;
  return false;
}
