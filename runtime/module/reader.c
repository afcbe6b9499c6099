// reader.c: flatbuffer -> program form.
//
// Checks structure: that everything which is counted, referred to or named is there and in range.
// What the bytecode means is the verifier's matter. Field numbers and defaults are those of
// bytecode_module_def.fbs of IREE 3.13 (the same in 3.11 and 3.12).
//
// Two passes over the same tables: the first counts, so that the whole program form is one block of
// memory; the second fills it in.
#include "base/flatbuffer.h"
#include "module/archive.h"
#include "module/module.h"

// A function's descriptor is a struct of 20 bytes: i32 bytecode_offset, i32 bytecode_length, u32
// requirements, i16 reserved, i16 block_count, i16 i32_register_count, i16 ref_register_count.
enum { DESCRIPTOR_SIZE = 20 };

// Aliased functions are verified each on its own; more than this over the bytecode's size is not
// something that a compiler writes.
enum { BYTECODE_ALIAS_FACTOR = 16 };

// Limits that the encoding of register ordinals sets.
enum { REGISTER_LIMIT = 0x7FFF, REF_REGISTER_LIMIT = EE_REGISTER_REF_MASK + 1 };

enum { FLAG_OPTIONAL = 2 };

// BytecodeModuleDef. A union takes two numbers, its type and its value.
enum {
  MODULE_NAME,
  MODULE_VERSION,
  MODULE_REQUIREMENTS,
  MODULE_ATTRS,
  MODULE_TYPES,
  MODULE_DEPENDENCIES,
  MODULE_IMPORTS,
  MODULE_EXPORTS,
  MODULE_SIGNATURES,
  MODULE_RODATA,
  MODULE_RWDATA,
  MODULE_STATE,
  MODULE_DESCRIPTORS,
  MODULE_BYTECODE_VERSION,
  MODULE_BYTECODE,
};
enum {
  RODATA_COMPRESSION,
  RODATA_COMPRESSION_VALUE,
  RODATA_EMBEDDED,
  RODATA_OFFSET,
  RODATA_LENGTH
};

// The vectors of the module, with what an element takes in the file and in the program form.
enum { ATTRIBUTES, TYPES, DEPENDENCIES, IMPORTS, EXPORTS, RODATA, FUNCTIONS, SIGNATURES, BYTECODE };
enum { VECTOR_COUNT = BYTECODE + 1, PART_COUNT = FUNCTIONS + 1 };
static const struct {
  uint8_t field;
  uint8_t file_size;
  uint8_t memory_size; // 0: not part of the program form
} vector_facts[VECTOR_COUNT] = {
    [ATTRIBUTES] = {MODULE_ATTRS, 4, sizeof(ee_attribute_t)},
    [TYPES] = {MODULE_TYPES, 4, sizeof(ee_str_t)},
    [DEPENDENCIES] = {MODULE_DEPENDENCIES, 4, sizeof(ee_module_dependency_t)},
    [IMPORTS] = {MODULE_IMPORTS, 4, sizeof(ee_module_import_t)},
    [EXPORTS] = {MODULE_EXPORTS, 4, sizeof(ee_module_export_t)},
    [RODATA] = {MODULE_RODATA, 4, sizeof(ee_module_rodata_t)},
    [FUNCTIONS] = {MODULE_DESCRIPTORS, DESCRIPTOR_SIZE, sizeof(ee_module_function_t)},
    [SIGNATURES] = {MODULE_SIGNATURES, 4, 0},
    [BYTECODE] = {MODULE_BYTECODE, 1, 0},
};
#if EERIE_MESSAGES
static const char vector_names[VECTOR_COUNT][21] = {
    [ATTRIBUTES] = "attrs",
    [TYPES] = "types",
    [DEPENDENCIES] = "dependencies",
    [IMPORTS] = "imported_functions",
    [EXPORTS] = "exported_functions",
    [RODATA] = "rodata_segments",
    [FUNCTIONS] = "function_descriptors",
    [SIGNATURES] = "function_signatures",
    [BYTECODE] = "bytecode_data",
};
#define VECTOR_NAME(index) vector_names[index]
#else
#define VECTOR_NAME(index) NULL
#endif

typedef struct reader {
  ee_fb_t fb;
  ee_archive_t archive;
  ee_bytes_t file;
  ee_fb_table_t root;
  ee_fb_vector_t vectors[VECTOR_COUNT];
  uint32_t attribute_count; // of the module and all functions
  // While functions are read:
  uint32_t next_attribute;
  uint64_t bytecode_budget;
} reader_t;

// Lets messages name a place that is no element of a vector of tables.
static void enter(reader_t *reader, const char *list, uint32_t index) {
  reader->fb.list = list;
  reader->fb.index = index;
}

static bool contains(ee_str_t text, char c) {
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] == c) return true;
  }
  return false;
}

// Goes to element `index` of a vector of the module.
static void go_to(reader_t *reader, int vector, uint32_t index) {
  ee_fb_table_at(&reader->fb, reader->vectors[vector], index, VECTOR_NAME(vector));
}

// ---- First pass: what is there -----------------------------------------------------------------

static void check_versions(reader_t *reader) {
  const uint32_t version = ee_fb_u32(&reader->fb, MODULE_BYTECODE_VERSION, 0);
  if (version >> 16 == EE_BYTECODE_VERSION_MAJOR && (version & 0xFFFF) <= EE_BYTECODE_VERSION_MINOR)
    return;
  EE_FB_FAIL(&reader->fb, EERIE_INCOMPATIBLE,
             "bytecode version %u.%u is not known; this build runs %u.%u (IREE 3.11 to 3.13)",
             version >> 16, version & 0xFFFF, EE_BYTECODE_VERSION_MAJOR, EE_BYTECODE_VERSION_MINOR);
}

static void check_features(reader_t *reader, uint32_t requirements) {
  uint32_t known = EE_MODULE_FEATURE_YIELD | EE_MODULE_FEATURE_UNWIND;
  if (EERIE_VM_F32) known |= EE_MODULE_FEATURE_F32;
  if (EERIE_VM_F64) known |= EE_MODULE_FEATURE_F64;
  if (requirements & ~known) {
    EE_FB_FAIL(&reader->fb, EERIE_INCOMPATIBLE,
               "requires features 0x%x, of which this build lacks 0x%x%s%s", requirements,
               requirements & ~known,
               requirements & ~known & EE_MODULE_FEATURE_F32 ? " (f32 instructions)" : "",
               requirements & ~known & EE_MODULE_FEATURE_F64 ? " (f64 instructions)" : "");
  }
}

static eerie_status_t survey(reader_t *reader) {
  ee_fb_t *fb = &reader->fb;
  enter(reader, EE_FB_NAME("module"), UINT32_MAX);
  check_versions(reader);
  for (int i = 0; i < VECTOR_COUNT; ++i) {
    reader->vectors[i] =
        ee_fb_vector(fb, vector_facts[i].field, vector_facts[i].file_size, VECTOR_NAME(i));
  }
  const uint32_t count = reader->vectors[FUNCTIONS].count;
  if (reader->vectors[SIGNATURES].count != count) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u function_signatures for %u function_descriptors",
               reader->vectors[SIGNATURES].count, count);
  }
  // What was visited bounds the sum: it cannot overflow.
  reader->attribute_count = reader->vectors[ATTRIBUTES].count;
  for (uint32_t i = 0; i < count && fb->status == EERIE_OK; ++i) {
    go_to(reader, SIGNATURES, i);
    reader->attribute_count += ee_fb_vector(fb, 1, 4, EE_FB_NAME("attrs")).count;
  }
  return fb->status;
}

// ---- One block of memory -----------------------------------------------------------------------

// Sizes of parts are rounded up to this, so that all parts are aligned.
enum { PART_ALIGNMENT = 8 };

// How many elements a part of the program form has.
static uint32_t part_count(const reader_t *reader, int part) {
  return part == ATTRIBUTES ? reader->attribute_count : reader->vectors[part].count;
}

static bool add_part(size_t *size, uint32_t count, size_t element_size) {
  size_t part;
  return ee_mul_size(count, element_size, &part) && ee_align_size(part, PART_ALIGNMENT, &part) &&
         ee_add_size(*size, part, size);
}

static eerie_status_t allocate_module(reader_t *reader, ee_heap_t *heap, ee_module_t **out_module) {
  size_t offsets[PART_COUNT], size = 0;
  bool fits = add_part(&size, 1, sizeof(ee_module_t));
  for (int i = 0; i < PART_COUNT; ++i) {
    offsets[i] = size;
    fits = fits && add_part(&size, part_count(reader, i), vector_facts[i].memory_size);
  }
  if (!fits) return EE_NO_MEMORY(reader->fb.err, SIZE_MAX);
  ee_heap_count_code(heap, size);
  uint8_t *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) {
    ee_heap_forget_code(heap, size);
    return EE_NO_MEMORY(reader->fb.err, size);
  }

  ee_module_t *module = (ee_module_t *)(void *)block;
  module->heap = heap;
  module->allocation_size = size;
  module->types = (ee_str_t *)(void *)(block + offsets[TYPES]);
  module->type_count = reader->vectors[TYPES].count;
  module->dependencies = (ee_module_dependency_t *)(void *)(block + offsets[DEPENDENCIES]);
  module->dependency_count = reader->vectors[DEPENDENCIES].count;
  module->imports = (ee_module_import_t *)(void *)(block + offsets[IMPORTS]);
  module->import_count = reader->vectors[IMPORTS].count;
  module->exports = (ee_module_export_t *)(void *)(block + offsets[EXPORTS]);
  module->export_count = reader->vectors[EXPORTS].count;
  module->functions = (ee_module_function_t *)(void *)(block + offsets[FUNCTIONS]);
  module->function_count = reader->vectors[FUNCTIONS].count;
  module->rodata = (ee_module_rodata_t *)(void *)(block + offsets[RODATA]);
  module->rodata_count = reader->vectors[RODATA].count;
  module->attributes = (ee_attribute_t *)(void *)(block + offsets[ATTRIBUTES]);
  module->attribute_count = reader->attribute_count;
  module->module_attribute_count = reader->vectors[ATTRIBUTES].count;
  *out_module = module;
  return EERIE_OK;
}

// ---- Second pass: fill in ----------------------------------------------------------------------

// Each of these reads the current table into an element of the program form; what it found wrong
// stands in the reader's status.

static void read_attribute(reader_t *reader, ee_module_t *module, uint32_t i) {
  module->attributes[i].key = ee_fb_string(&reader->fb, 0, true, EE_FB_NAME("key"));
  module->attributes[i].value = ee_fb_string(&reader->fb, 1, false, EE_FB_NAME("value"));
}

// "i32" is a value type, "!hal.buffer" a reference; "!vm.list<...>" carries element types that
// lists do not check, "!vm.opaque" and "!vm.ref<?>" stand for anything.
static ee_str_t undecorated_type(reader_t *reader, ee_str_t name) {
  static const char values[][4] = {"i8", "i16", "i32", "i64", "f32", "f64"};
  if (name.size > 1 && name.data[0] == '!') {
    const ee_str_t list = EE_STR("!vm.list");
    if (ee_str_equal(name, EE_STR("!vm.opaque")) || ee_str_equal(name, EE_STR("!vm.ref<?>"))) {
      return EE_STR("?");
    }
    if (name.size > list.size && name.data[list.size] == '<' &&
        ee_str_equal((ee_str_t){name.data, list.size}, list)) {
      name.size = list.size;
    }
    return (ee_str_t){name.data + 1, name.size - 1};
  }
  for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
    if (ee_str_equal(name, ee_str_from(values[i]))) return name;
  }
  EE_FB_FAIL(&reader->fb, EERIE_DATA_LOSS, "full_name \"%.*s\" is no type of the VM",
             EE_STR_ARG(name));
  return name;
}

static void read_type(reader_t *reader, ee_module_t *module, uint32_t i) {
  const ee_str_t name = ee_fb_string(&reader->fb, 0, true, EE_FB_NAME("full_name"));
  if (name.size) module->types[i] = undecorated_type(reader, name);
}

static void read_dependency(reader_t *reader, ee_module_t *module, uint32_t i) {
  ee_module_dependency_t *dependency = &module->dependencies[i];
  dependency->name = ee_fb_string(&reader->fb, 0, true, EE_FB_NAME("name"));
  dependency->minimum_version = ee_fb_u32(&reader->fb, 1, 0);
  dependency->optional = (ee_fb_u32(&reader->fb, 2, 1) & FLAG_OPTIONAL) != 0;
}

static void read_signature(reader_t *reader, ee_signature_t *signature) {
  const ee_str_t text = ee_fb_string(&reader->fb, 0, true, EE_FB_NAME("calling_convention"));
  if (text.size && !ee_signature_parse(text, signature)) {
    EE_FB_FAIL(&reader->fb, EERIE_DATA_LOSS,
               "calling_convention \"%.*s\" is malformed, expected such as \"0iIrCiD_r\"",
               EE_STR_ARG(text));
  }
}

static void read_import(reader_t *reader, ee_module_t *module, uint32_t i) {
  ee_fb_t *fb = &reader->fb;
  ee_module_import_t *import = &module->imports[i];
  import->full_name = ee_fb_string(fb, 0, true, EE_FB_NAME("full_name"));
  import->optional = (ee_fb_u32(fb, 2, 1) & FLAG_OPTIONAL) != 0;
  if (import->full_name.size && !contains(import->full_name, '.')) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "full_name \"%.*s\" names no module",
               EE_STR_ARG(import->full_name));
  }
  ee_fb_child(fb, 1, EE_FB_NAME("signature"));
  read_signature(reader, &import->signature);
}

static void read_descriptor(reader_t *reader, const uint8_t *descriptor,
                            ee_module_function_t *function) {
  ee_fb_t *fb = &reader->fb;
  const uint32_t offset = ee_load_u32(descriptor);
  const uint32_t length = ee_load_u32(descriptor + 4);
  const uint32_t registers = ee_load_u16(descriptor + 16);
  const uint32_t ref_registers = ee_load_u16(descriptor + 18);
  if (length == 0 || !ee_range_ok(offset, length, reader->vectors[BYTECODE].count)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "bytecode of %u bytes at offset %u is not inside bytecode_data of %u bytes", length,
               offset, reader->vectors[BYTECODE].count);
    return;
  }
  if (registers > REGISTER_LIMIT || ref_registers > REF_REGISTER_LIMIT) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "%u registers and %u reference registers, expected at most %d and %d", registers,
               ref_registers, REGISTER_LIMIT, REF_REGISTER_LIMIT);
    return;
  }
  function->bytecode = reader->vectors[BYTECODE].data + offset;
  function->bytecode_size = length;
  function->requirements = ee_load_u32(descriptor + 8);
  function->block_count = ee_load_u16(descriptor + 14);
  function->register_count = (uint16_t)((registers + 1) & ~1u);
  function->ref_register_count = (uint16_t)ref_registers;
  check_features(reader, function->requirements);
}

// Arguments arrive in the first registers, 64-bit ones at the next even ordinal. A descriptor
// counts the registers that instructions name, which may leave out arguments that none of them
// uses.
static void add_argument_registers(reader_t *reader, ee_module_function_t *function) {
  const ee_str_t arguments = function->signature.arguments;
  size_t values = 0, refs = 0;
  for (size_t i = 0; i < arguments.size; ++i) {
    switch (arguments.data[i]) {
    case 'r': ++refs; break;
    case 'I':
    case 'F': values = (values + 1) / 2 * 2 + 2; break;
    default: ++values; break;
    }
  }
  if (values > REGISTER_LIMIT || refs > REF_REGISTER_LIMIT) {
    EE_FB_FAIL(&reader->fb, EERIE_DATA_LOSS,
               "arguments need %zu registers and %zu reference registers, expected at most %d and "
               "%d",
               values, refs, REGISTER_LIMIT, REF_REGISTER_LIMIT);
    return;
  }
  if (values > function->register_count) function->register_count = (uint16_t)((values + 1) & ~1u);
  if (refs > function->ref_register_count) function->ref_register_count = (uint16_t)refs;
}

static void read_function(reader_t *reader, ee_module_t *module, uint32_t i) {
  ee_fb_t *fb = &reader->fb;
  ee_module_function_t *function = &module->functions[i];
  read_signature(reader, &function->signature);
  if (contains(function->signature.arguments, 'C')) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "variadic arguments, which only imports can have");
  }
  const ee_fb_vector_t attributes = ee_fb_vector(fb, 1, 4, EE_FB_NAME("attrs"));
  if (attributes.count > UINT16_MAX) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u attrs, expected at most 65535", attributes.count);
  }
  function->first_attribute = reader->next_attribute;
  function->attribute_count = (uint16_t)attributes.count;
  for (uint32_t k = 0; k < attributes.count && fb->status == EERIE_OK; ++k) {
    ee_fb_table_at(fb, attributes, k, EE_FB_NAME("attrs"));
    read_attribute(reader, module, reader->next_attribute++);
    if (fb->status != EERIE_OK) EE_ANNOTATE(fb->err, "function_signatures[%u]", i);
  }

  enter(reader, VECTOR_NAME(FUNCTIONS), i);
  read_descriptor(reader, reader->vectors[FUNCTIONS].data + (size_t)i * DESCRIPTOR_SIZE, function);
  add_argument_registers(reader, function);
  if (function->bytecode_size > reader->bytecode_budget) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "functions share bytecode too often (over %d times its size)",
               BYTECODE_ALIAS_FACTOR);
  }
  reader->bytecode_budget -= function->bytecode_size;
}

static void read_export(reader_t *reader, ee_module_t *module, uint32_t i) {
  ee_fb_t *fb = &reader->fb;
  const ee_str_t name = ee_fb_string(fb, 0, true, EE_FB_NAME("local_name"));
  const uint32_t ordinal = ee_fb_u32(fb, 1, 0);
  if (ordinal >= module->function_count) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "\"%.*s\" is function %u of %u", EE_STR_ARG(name), ordinal,
               module->function_count);
    return;
  }
  module->exports[i] = (ee_module_export_t){name, ordinal};
  ee_module_function_t *function = &module->functions[ordinal];
  if (function->local_name == 0) function->local_name = i + 1;
  // The linker calls these two without arguments.
  if ((ee_str_equal(name, EE_STR("__init")) || ee_str_equal(name, EE_STR("__deinit"))) &&
      (function->signature.arguments.size || function->signature.results.size)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "\"%.*s\" must take and return nothing", EE_STR_ARG(name));
  }
}

static void read_rodata(reader_t *reader, ee_module_t *module, uint32_t i) {
  ee_fb_t *fb = &reader->fb;
  ee_bytes_t *bytes = &module->rodata[i].bytes;
  // 1 is UncompressedDataDef; a compressed form is not defined yet.
  const unsigned compression = ee_fb_u8(fb, RODATA_COMPRESSION, 0);
  if (compression > 1) {
    EE_FB_FAIL(fb, EERIE_INCOMPATIBLE, "compression type %u is not known, expected 0 or 1",
               compression);
  }
  if (ee_fb_has(fb, RODATA_EMBEDDED)) {
    const ee_fb_vector_t data = ee_fb_vector(fb, RODATA_EMBEDDED, 1, EE_FB_NAME("embedded_data"));
    *bytes = (ee_bytes_t){data.data, data.count};
    return;
  }
  const uint64_t offset = ee_fb_u64(fb, RODATA_OFFSET, 0);
  const uint64_t length = ee_fb_u64(fb, RODATA_LENGTH, 0);
  const size_t base = reader->archive.rodata_base;
  const size_t available = reader->file.size > base ? reader->file.size - base : 0;
  if (!ee_range_ok(offset, length, available)) {
    EE_FB_FAIL(
        fb, EERIE_DATA_LOSS,
        "truncated: external data of %llu bytes at offset %llu, the file has %zu bytes of it",
        (unsigned long long)length, (unsigned long long)offset, available);
    return;
  }
  *bytes = (ee_bytes_t){reader->file.data + (length ? base + (size_t)offset : 0), (size_t)length};
}

static void read_state(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  fb->table = reader->root;
  enter(reader, EE_FB_NAME("module_state"), UINT32_MAX);
  ee_fb_child(fb, MODULE_STATE, EE_FB_NAME("module_state"));
  module->global_bytes = ee_fb_u32(fb, 0, 0);
  module->global_ref_count = ee_fb_u32(fb, 1, 0);
  if (module->global_bytes > INT32_MAX || module->global_ref_count > INT32_MAX) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u bytes and %u references, expected less than 2^31",
               module->global_bytes, module->global_ref_count);
  }
}

typedef void (*element_reader_t)(reader_t *reader, ee_module_t *module, uint32_t index);

static void read_elements(reader_t *reader, ee_module_t *module, int vector,
                          element_reader_t read) {
  const uint32_t count = reader->vectors[vector].count;
  for (uint32_t i = 0; i < count && reader->fb.status == EERIE_OK; ++i) {
    go_to(reader, vector, i);
    read(reader, module, i);
  }
}

static eerie_status_t fill(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  fb->table = reader->root;
  enter(reader, EE_FB_NAME("module"), UINT32_MAX);
  module->name = ee_fb_string(fb, MODULE_NAME, true, EE_FB_NAME("name"));
  module->version = ee_fb_u32(fb, MODULE_VERSION, 0);
  module->bytecode_version = ee_fb_u32(fb, MODULE_BYTECODE_VERSION, 0);
  module->requirements = ee_fb_u32(fb, MODULE_REQUIREMENTS, 0);
  check_features(reader, module->requirements);
  reader->next_attribute = reader->vectors[ATTRIBUTES].count;
  reader->bytecode_budget = (uint64_t)reader->vectors[BYTECODE].count * BYTECODE_ALIAS_FACTOR;
  read_elements(reader, module, ATTRIBUTES, read_attribute);
  read_elements(reader, module, TYPES, read_type);
  read_elements(reader, module, DEPENDENCIES, read_dependency);
  read_elements(reader, module, IMPORTS, read_import);
  read_elements(reader, module, SIGNATURES, read_function);
  read_elements(reader, module, EXPORTS, read_export);
  read_elements(reader, module, RODATA, read_rodata);
  read_state(reader, module);
  return fb->status;
}

// ---- The module --------------------------------------------------------------------------------

static void free_module(ee_heap_t *heap, ee_module_t *module) {
  ee_heap_forget_code(heap, module->allocation_size);
  ee_heap_free(heap, module, module->allocation_size);
}

static void destroy_module(ee_object_t *object) {
  ee_module_t *module = (ee_module_t *)object;
  if (module->release_bytes) module->release_bytes(module->release_user, module->bytes);
  free_module(module->heap, module);
}

static const ee_object_type_t module_type = {"module", destroy_module};

static eerie_status_t verify_module(const ee_module_t *module, eerie_error_t *err) {
  for (uint32_t i = 0; i < module->function_count; ++i) {
    EE_TRY(ee_module_verify_function(module, i, module->heap, err));
  }
  return EERIE_OK;
}

eerie_status_t ee_module_load(ee_heap_t *heap, ee_bytes_t bytes,
                              const ee_module_load_options_t *options, ee_module_t **out_module,
                              eerie_error_t *err) {
  *out_module = NULL;
  reader_t reader = {.file = bytes};
  EE_TRY(ee_archive_open(bytes, &reader.archive, err));
  ee_fb_open(&reader.fb, reader.archive.flatbuffer, err);
  reader.root = reader.fb.table;
  EE_TRY(survey(&reader));

  ee_module_t *module = NULL;
  EE_TRY(allocate_module(&reader, heap, &module));
  ee_object_initialize(&module->object, &module_type);
  module->bytes = bytes;
  module->structure = reader.archive.flatbuffer;
  eerie_status_t status = fill(&reader, module);
  if (status == EERIE_OK && !(options && options->trusted)) status = verify_module(module, err);
  if (status != EERIE_OK) {
    free_module(heap, module);
    return status;
  }
  if (options) {
    module->release_bytes = options->release_bytes;
    module->release_user = options->release_user;
    module->private_bytes = options->private_bytes;
  }
  *out_module = module;
  return EERIE_OK;
}

uint32_t ee_module_find_export(const ee_module_t *module, ee_str_t name) {
  for (uint32_t i = 0; i < module->export_count; ++i) {
    if (ee_str_equal(module->exports[i].name, name)) return i;
  }
  return UINT32_MAX;
}

ee_str_t ee_module_function_attribute(const ee_module_t *module, uint32_t function, ee_str_t key) {
  if (function < module->function_count) {
    const ee_module_function_t *f = &module->functions[function];
    for (uint32_t i = 0; i < f->attribute_count; ++i) {
      const ee_attribute_t *attribute = &module->attributes[f->first_attribute + i];
      if (ee_str_equal(attribute->key, key)) return attribute->value;
    }
  }
  return (ee_str_t){NULL, 0};
}

// ---- Calling conventions -----------------------------------------------------------------------

// The letters of one side; `variadic` allows C...D. 'v' alone is nothing.
// Source: the comment on iree_vm_function_signature_t in runtime/src/iree/vm/module.h.
static bool parse_letters(ee_str_t text, bool variadic, ee_str_t *out_letters) {
  if (text.size == 1 && text.data[0] == 'v') text.size = 0;
  size_t open = SIZE_MAX;
  for (size_t i = 0; i < text.size; ++i) {
    switch (text.data[i]) {
    case 'i':
    case 'I':
    case 'f':
    case 'F':
    case 'r': break;
    case 'C':
      if (!variadic || open != SIZE_MAX) return false;
      open = i;
      break;
    case 'D':
      if (open == SIZE_MAX || open + 1 == i) return false;
      open = SIZE_MAX;
      break;
    default: return false;
    }
  }
  *out_letters = text;
  return open == SIZE_MAX;
}

bool ee_signature_parse(ee_str_t text, ee_signature_t *out_signature) {
  if (text.size < 2 || text.data[0] != '0') return false;
  size_t split = 1;
  while (split < text.size && text.data[split] != '_')
    ++split;
  if (split == text.size) return false;
  const ee_str_t arguments = {text.data + 1, split - 1};
  const ee_str_t results = {text.data + split + 1, text.size - split - 1};
  out_signature->text = text;
  return parse_letters(arguments, true, &out_signature->arguments) &&
         parse_letters(results, false, &out_signature->results);
}
