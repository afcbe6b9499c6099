// embed_object.c: reads the object file in which the compiler put the kernels of a module.
//
// It is a relocatable ELF file of the target's machine. The compiler names its tables
// "<library>_library_query_v0_names" and "..._funcs" (pointers, which are relocations here) and
// "..._attrs" (64 bytes for each kernel); with these a kernel's number is known from its name.
// Source of the tables: iree/hal/local/executable_library.h; of their names: object files of
// compilers 3.11 to 3.13.
#include "embed.h"

#include <stdlib.h>
#include <string.h>

enum {
  SECTION_RELA = 4,
  SECTION_REL = 9,
  SECTION_SYMBOLS = 2,
  ATTRIBUTES_SIZE = 64,
};

typedef struct elf {
  const uint8_t *data;
  size_t size;
  bool wide; // 64 bits
  size_t sections, section_size, section_count;
  eerie_error_t *err;
} elf_t;

typedef struct section {
  uint32_t type, link, info;
  size_t offset, size;
} section_t;

typedef struct symbol {
  const char *name;
  uint32_t section;
  uint64_t value;
  bool global;
} symbol_t;

// ---- Bytes -------------------------------------------------------------------------------------

// Little-endian; 0 past the end, which the checks of ranges then refuse.
static uint64_t read_at(const elf_t *elf, size_t offset, size_t size) {
  uint64_t value = 0;
  if (offset > elf->size || size > elf->size - offset) return 0;
  for (size_t i = size; i-- != 0;)
    value = value << 8 | elf->data[offset + i];
  return value;
}

static bool in_file(const elf_t *elf, uint64_t offset, uint64_t size) {
  return offset <= elf->size && size <= elf->size - offset;
}

// A string that ends within the file; NULL: it does not.
static const char *string_at(const elf_t *elf, uint64_t offset) {
  if (offset >= elf->size) return NULL;
  const char *text = (const char *)elf->data + offset;
  return memchr(text, 0, elf->size - (size_t)offset) ? text : NULL;
}

// ---- Sections and symbols ----------------------------------------------------------------------

static bool section_at(const elf_t *elf, size_t index, section_t *out_section) {
  if (index >= elf->section_count) return false;
  const size_t at = elf->sections + index * elf->section_size;
  const bool wide = elf->wide;
  out_section->type = (uint32_t)read_at(elf, at + 4, 4);
  const uint64_t offset = read_at(elf, at + (wide ? 24 : 16), wide ? 8 : 4);
  const uint64_t size = read_at(elf, at + (wide ? 32 : 20), wide ? 8 : 4);
  out_section->link = (uint32_t)read_at(elf, at + (wide ? 40 : 24), 4);
  out_section->info = (uint32_t)read_at(elf, at + (wide ? 44 : 28), 4);
  if (out_section->type == 8) { // no bytes in the file
    out_section->offset = out_section->size = 0;
    return true;
  }
  if (!in_file(elf, offset, size)) return false;
  out_section->offset = (size_t)offset;
  out_section->size = (size_t)size;
  return true;
}

static bool symbol_at(const elf_t *elf, const section_t *table, size_t index,
                      symbol_t *out_symbol) {
  const size_t entry = elf->wide ? 24 : 16;
  section_t strings;
  if (index >= table->size / entry || !section_at(elf, table->link, &strings)) return false;
  const size_t at = table->offset + index * entry;
  out_symbol->name = string_at(elf, strings.offset + read_at(elf, at, 4));
  out_symbol->global = read_at(elf, at + (elf->wide ? 4 : 12), 1) >> 4 == 1;
  out_symbol->section = (uint32_t)read_at(elf, at + (elf->wide ? 6 : 14), 2);
  out_symbol->value = read_at(elf, at + (elf->wide ? 8 : 4), elf->wide ? 8 : 4);
  return out_symbol->name != NULL;
}

static bool find_symbols(const elf_t *elf, section_t *out_table) {
  for (size_t i = 0; i < elf->section_count; ++i)
    if (section_at(elf, i, out_table) && out_table->type == SECTION_SYMBOLS) return true;
  return false;
}

static bool ends_with(const char *text, const char *end) {
  const size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

// The symbol of the file whose name ends so.
static bool find_symbol(const elf_t *elf, const section_t *table, const char *end,
                        symbol_t *out_symbol) {
  for (size_t i = 1; i < table->size / (elf->wide ? 24 : 16); ++i)
    if (symbol_at(elf, table, i, out_symbol) && out_symbol->section &&
        ends_with(out_symbol->name, end))
      return true;
  return false;
}

// ---- The header --------------------------------------------------------------------------------

static eerie_status_t open_elf(elf_t *elf, const char *path, const ee_cli_embed_target_t *target) {
  if (elf->size < 64 || memcmp(elf->data, "\177ELF", 4) != 0 || elf->data[5] != 1)
    return ee_cli_error(elf->err, EERIE_INVALID_ARGUMENT,
                        "%s is no object file, expected one that eerie compile wrote beside the "
                        "module",
                        path);
  elf->wide = elf->data[4] == 2;
  const unsigned machine = (unsigned)read_at(elf, 18, 2);
  const unsigned size = elf->wide ? 8 : 4;
  if (machine != target->machine || size != target->address_size)
    return ee_cli_error(elf->err, EERIE_INCOMPATIBLE,
                        "%s is for machine %u with addresses of %u bytes, target %s is machine %u "
                        "with %u",
                        path, machine, size, target->name, (unsigned)target->machine,
                        (unsigned)target->address_size);
  elf->sections = (size_t)read_at(elf, elf->wide ? 40 : 32, size);
  elf->section_size = (size_t)read_at(elf, elf->wide ? 58 : 46, 2);
  elf->section_count = (size_t)read_at(elf, elf->wide ? 60 : 48, 2);
  const bool good = elf->section_size >= (elf->wide ? 64u : 40u) &&
                    in_file(elf, elf->sections, (uint64_t)elf->section_size * elf->section_count);
  return good ? EERIE_OK
              : ee_cli_error(elf->err, EERIE_DATA_LOSS, "%s: its sections lie outside of the file",
                             path);
}

// ---- Kernels -----------------------------------------------------------------------------------

static void read_attributes(const elf_t *elf, size_t at, ee_cli_embed_kernel_t *kernel) {
  kernel->local_memory_pages = (uint16_t)read_at(elf, at + 8, 2);
  kernel->constant_count = (uint8_t)read_at(elf, at + 10, 1);
  kernel->binding_count = (uint8_t)read_at(elf, at + 11, 1);
  kernel->workgroup_size[0] = (uint32_t)read_at(elf, at + 12, 4);
  kernel->workgroup_size[1] = (uint32_t)read_at(elf, at + 16, 4);
  kernel->workgroup_size[2] = (uint32_t)read_at(elf, at + 20, 2);
}

// A table of pointers in the object file.
typedef struct table {
  const char *end; // of its symbol's name
  bool functions;  // it has functions, which have the names, and not strings
  const char **names;
  size_t count;
} table_t;

// What a pointer in the table will lead to: a string that is the name, or the function itself.
static void read_name(const elf_t *elf, const section_t *symbols, const section_t *relocations,
                      size_t at, const section_t *section, const table_t *table) {
  const size_t word = elf->wide ? 8 : 4;
  const uint64_t offset = read_at(elf, at, word);
  const uint64_t info = read_at(elf, at + word, word);
  symbol_t symbol;
  section_t target;
  if (offset % word || offset / word >= table->count || offset >= section->size) return;
  if (!symbol_at(elf, symbols, (size_t)(elf->wide ? info >> 32 : info >> 8), &symbol) ||
      !section_at(elf, symbol.section, &target))
    return;
  if (table->functions) {
    if (*symbol.name) table->names[offset / word] = symbol.name;
    return;
  }
  // Without a field of its own the addend is what stands in the place.
  uint64_t addend = relocations->type == SECTION_RELA
                        ? read_at(elf, at + 2 * word, word)
                        : read_at(elf, section->offset + (size_t)offset, word);
  const uint64_t start = symbol.value + addend;
  if (start < target.size) table->names[offset / word] = string_at(elf, target.offset + start);
}

// Whether there is that table.
static bool read_table(const elf_t *elf, const section_t *symbols, const table_t *table) {
  section_t section, relocations;
  symbol_t symbol;
  if (!find_symbol(elf, symbols, table->end, &symbol) || !section_at(elf, symbol.section, &section))
    return false;
  for (size_t i = 0; i < elf->section_count; ++i) {
    if (!section_at(elf, i, &relocations) || relocations.info != symbol.section) continue;
    const bool with_addend = relocations.type == SECTION_RELA;
    if (!with_addend && relocations.type != SECTION_REL) continue;
    const size_t entry = (elf->wide ? 16u : 8u) + (with_addend ? (elf->wide ? 8u : 4u) : 0);
    for (size_t j = 0; j < relocations.size / entry; ++j)
      read_name(elf, symbols, &relocations, relocations.offset + j * entry, &section, table);
  }
  return true;
}

// That of names is absent from what compiler 3.11 writes.
static bool read_names(const elf_t *elf, const section_t *symbols, ee_cli_embed_object_t *object) {
  const size_t count = object->kernel_count;
  const char **names = (const char **)calloc(count + 1, sizeof *names);
  if (!names) return false;
  read_table(elf, symbols, &(table_t){"_library_query_v0_funcs", true, names, count});
  read_table(elf, symbols, &(table_t){"_library_query_v0_names", false, names, count});
  for (size_t i = 0; i < count; ++i)
    object->kernels[i].name = names[i];
  free((void *)names);
  return true;
}

// What kernels call of their host they reach through a table that firmware does not have.
static eerie_status_t check_imports(const elf_t *elf, const section_t *symbols, const char *path) {
  const char *name = NULL;
  if (!read_table(elf, symbols, &(table_t){"_library_query_v0_import_names", false, &name, 1}))
    return EERIE_OK;
  return ee_cli_error(elf->err, EERIE_FAILED_PRECONDITION,
                      "kernels of %s call functions of their host, such as '%.64s', which a plan "
                      "does not give; the interpreter does",
                      path, name ? name : "");
}

static eerie_status_t read_kernels(const elf_t *elf, const section_t *symbols, const char *path,
                                   ee_cli_embed_object_t *object) {
  symbol_t attributes;
  section_t section;
  if (!find_symbol(elf, symbols, "_library_query_v0_attrs", &attributes) ||
      !section_at(elf, attributes.section, &section) || section.size % ATTRIBUTES_SIZE)
    return ee_cli_error(elf->err, EERIE_INVALID_ARGUMENT,
                        "%s has no table of kernels, expected a static library that eerie compile "
                        "wrote",
                        path);
  object->kernel_count = section.size / ATTRIBUTES_SIZE;
  object->kernels = calloc(object->kernel_count + 1, sizeof *object->kernels);
  if (!object->kernels) return ee_cli_error(elf->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  for (size_t i = 0; i < object->kernel_count; ++i)
    read_attributes(elf, section.offset + i * ATTRIBUTES_SIZE, &object->kernels[i]);
  return read_names(elf, symbols, object)
             ? EERIE_OK
             : ee_cli_error(elf->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
}

static eerie_status_t read_undefined(const elf_t *elf, const section_t *symbols,
                                     ee_cli_embed_object_t *object) {
  const size_t count = symbols->size / (elf->wide ? 24 : 16);
  object->undefined = (const char **)calloc(count + 1, sizeof *object->undefined);
  if (!object->undefined) return ee_cli_error(elf->err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  symbol_t symbol;
  for (size_t i = 1; i < count; ++i)
    if (symbol_at(elf, symbols, i, &symbol) && symbol.global && !symbol.section)
      object->undefined[object->undefined_count++] = symbol.name;
  return EERIE_OK;
}

// Whether a symbol has a name and can be called by it in C, as compilers of firmware take it.
static bool is_callable(const char *name) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$";
  static const char digits[] = "0123456789";
  size_t at = 0;
  if (!name) return false;
  while (name[at] && (strchr(letters, name[at]) || (at && strchr(digits, name[at]))))
    ++at;
  return at && !name[at];
}

static eerie_status_t read_elf(elf_t *elf, const char *path, const ee_cli_embed_target_t *target,
                               ee_cli_embed_object_t *object) {
  eerie_status_t status = open_elf(elf, path, target);
  section_t symbols = {0};
  symbol_t query = {0};
  if (!status && !find_symbols(elf, &symbols))
    status = ee_cli_error(elf->err, EERIE_DATA_LOSS, "%s has no symbols", path);
  if (!status) status = read_kernels(elf, &symbols, path, object);
  if (!status) status = check_imports(elf, &symbols, path);
  if (!status) status = read_undefined(elf, &symbols, object);
  if (!status && !find_symbol(elf, &symbols, "_library_query", &query))
    status = ee_cli_error(elf->err, EERIE_INVALID_ARGUMENT,
                          "%s has no function that ends in _library_query", path);
  if (!status && !is_callable(query.name))
    status = ee_cli_error(elf->err, EERIE_INVALID_ARGUMENT,
                          "%s has its kernels under the name '%.64s', which C cannot call", path,
                          query.name ? query.name : "");
  if (!status) object->query = query.name;
  return status;
}

eerie_status_t ee_cli_embed_object_read(const char *path, const ee_cli_embed_target_t *target,
                                        ee_cli_embed_object_t *out_object, eerie_error_t *err) {
  *out_object = (ee_cli_embed_object_t){0};
  eerie_status_t status = ee_cli_read_file(path, &out_object->file, err);
  elf_t elf = {
      .data = (const uint8_t *)out_object->file.data, .size = out_object->file.size, .err = err};
  if (!status) status = read_elf(&elf, path, target, out_object);
  if (status) ee_cli_embed_object_free(out_object);
  return status;
}

bool ee_cli_embed_object_calls(const ee_cli_embed_object_t *object, const char *name) {
  for (size_t i = 0; i < object->undefined_count; ++i)
    if (strcmp(object->undefined[i], name) == 0) return true;
  return false;
}

void ee_cli_embed_object_free(ee_cli_embed_object_t *object) {
  free(object->kernels);
  free((void *)object->undefined);
  ee_cli_text_free(&object->file);
  *object = (ee_cli_embed_object_t){0};
}
