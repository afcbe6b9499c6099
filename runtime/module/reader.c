// reader.c: flatbuffer -> program form.
//
// Checks structure: that everything which is counted, referred to or named is there and in range.
// What the bytecode means is the verifier's matter. Field numbers and defaults are those of
// bytecode_module_def.fbs of IREE 3.13 (the same in 3.11 and 3.12).
//
// Two passes over the same tables: the first counts, so that the whole program form is one block of
// memory; the second fills it in.
#include "module/archive.h"
#include "module/flatbuffer.h"
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

typedef struct reader {
  ee_fb_t fb;
  ee_archive_t archive;
  ee_bytes_t file;
  ee_fb_table_t root;
  ee_fb_vector_t attributes, types, dependencies, imports, exports, signatures, rodata;
  ee_fb_vector_t descriptors, bytecode;
  uint32_t attribute_count; // of the module and all functions
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

static ee_fb_vector_t read_tables(reader_t *reader, unsigned field, const char *name) {
  return ee_fb_vector(&reader->fb, reader->root, field, 4, name);
}

// ---- First pass: what is there -----------------------------------------------------------------

static eerie_status_t check_versions(reader_t *reader) {
  ee_fb_t *fb = &reader->fb;
  const uint32_t version = ee_fb_u32(fb, reader->root, MODULE_BYTECODE_VERSION, 0);
  if (version >> 16 != EE_BYTECODE_VERSION_MAJOR ||
      (version & 0xFFFF) > EE_BYTECODE_VERSION_MINOR) {
    EE_FB_FAIL(fb, EERIE_INCOMPATIBLE,
               "bytecode version %u.%u is not known; this build runs %u.%u (IREE 3.11 to 3.13)",
               version >> 16, version & 0xFFFF, EE_BYTECODE_VERSION_MAJOR,
               EE_BYTECODE_VERSION_MINOR);
  }
  return fb->status;
}

static eerie_status_t check_features(reader_t *reader, uint32_t requirements) {
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
  return reader->fb.status;
}

static ee_fb_vector_t signature_attributes(reader_t *reader, uint32_t function,
                                           ee_fb_table_t *out_signature) {
  *out_signature =
      ee_fb_table_at(&reader->fb, reader->signatures, function, EE_FB_NAME("function_signatures"));
  return ee_fb_vector(&reader->fb, *out_signature, 1, 4, EE_FB_NAME("attrs"));
}

static eerie_status_t survey(reader_t *reader) {
  ee_fb_t *fb = &reader->fb;
  enter(reader, EE_FB_NAME("module"), UINT32_MAX);
  EE_TRY(check_versions(reader));
  reader->attributes = read_tables(reader, MODULE_ATTRS, EE_FB_NAME("attrs"));
  reader->types = read_tables(reader, MODULE_TYPES, EE_FB_NAME("types"));
  reader->dependencies = read_tables(reader, MODULE_DEPENDENCIES, EE_FB_NAME("dependencies"));
  reader->imports = read_tables(reader, MODULE_IMPORTS, EE_FB_NAME("imported_functions"));
  reader->exports = read_tables(reader, MODULE_EXPORTS, EE_FB_NAME("exported_functions"));
  reader->signatures = read_tables(reader, MODULE_SIGNATURES, EE_FB_NAME("function_signatures"));
  reader->rodata = read_tables(reader, MODULE_RODATA, EE_FB_NAME("rodata_segments"));
  reader->descriptors = ee_fb_vector(fb, reader->root, MODULE_DESCRIPTORS, DESCRIPTOR_SIZE,
                                     EE_FB_NAME("function_descriptors"));
  reader->bytecode =
      ee_fb_vector(fb, reader->root, MODULE_BYTECODE, 1, EE_FB_NAME("bytecode_data"));
  if (reader->signatures.count != reader->descriptors.count) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u function_signatures for %u function_descriptors",
               reader->signatures.count, reader->descriptors.count);
  }
  // What was visited bounds the sum: it cannot overflow.
  reader->attribute_count = reader->attributes.count;
  for (uint32_t i = 0; i < reader->signatures.count && fb->status == EERIE_OK; ++i) {
    ee_fb_table_t signature;
    reader->attribute_count += signature_attributes(reader, i, &signature).count;
  }
  return fb->status;
}

// ---- One block of memory -----------------------------------------------------------------------

typedef struct layout {
  size_t size;
  bool fits;
} layout_t;

static size_t reserve(layout_t *layout, uint32_t count, size_t element_size) {
  const size_t offset = layout->size;
  size_t size;
  layout->fits = layout->fits && ee_mul_size(count, element_size, &size) &&
                 ee_add_size(size, 7, &size) &&
                 ee_add_size(offset, size & ~(size_t)7, &layout->size);
  return offset;
}

static eerie_status_t allocate_module(reader_t *reader, ee_heap_t *heap, ee_module_t **out_module) {
  layout_t layout = {0, true};
  reserve(&layout, 1, sizeof(ee_module_t));
  const size_t types = reserve(&layout, reader->types.count, sizeof(ee_str_t));
  const size_t dependencies =
      reserve(&layout, reader->dependencies.count, sizeof(ee_module_dependency_t));
  const size_t imports = reserve(&layout, reader->imports.count, sizeof(ee_module_import_t));
  const size_t exports = reserve(&layout, reader->exports.count, sizeof(ee_module_export_t));
  const size_t functions =
      reserve(&layout, reader->descriptors.count, sizeof(ee_module_function_t));
  const size_t rodata = reserve(&layout, reader->rodata.count, sizeof(ee_module_rodata_t));
  const size_t attributes = reserve(&layout, reader->attribute_count, sizeof(ee_attribute_t));
  uint8_t *block = layout.fits ? ee_heap_allocate_zeroed(heap, layout.size) : NULL;
  if (!block) return EE_NO_MEMORY(reader->fb.err, layout.fits ? layout.size : SIZE_MAX);

  ee_module_t *module = (ee_module_t *)(void *)block;
  module->heap = heap;
  module->allocation_size = layout.size;
  module->types = (ee_str_t *)(void *)(block + types);
  module->type_count = reader->types.count;
  module->dependencies = (ee_module_dependency_t *)(void *)(block + dependencies);
  module->dependency_count = reader->dependencies.count;
  module->imports = (ee_module_import_t *)(void *)(block + imports);
  module->import_count = reader->imports.count;
  module->exports = (ee_module_export_t *)(void *)(block + exports);
  module->export_count = reader->exports.count;
  module->functions = (ee_module_function_t *)(void *)(block + functions);
  module->function_count = reader->descriptors.count;
  module->rodata = (ee_module_rodata_t *)(void *)(block + rodata);
  module->rodata_count = reader->rodata.count;
  module->attributes = (ee_attribute_t *)(void *)(block + attributes);
  module->attribute_count = reader->attribute_count;
  module->module_attribute_count = reader->attributes.count;
  *out_module = module;
  return EERIE_OK;
}

// ---- Second pass: fill in ----------------------------------------------------------------------

static eerie_status_t read_attributes(reader_t *reader, ee_fb_vector_t vector,
                                      ee_attribute_t *attributes) {
  for (uint32_t i = 0; i < vector.count && reader->fb.status == EERIE_OK; ++i) {
    const ee_fb_table_t table = ee_fb_table_at(&reader->fb, vector, i, EE_FB_NAME("attrs"));
    attributes[i].key = ee_fb_string(&reader->fb, table, 0, true, EE_FB_NAME("key"));
    attributes[i].value = ee_fb_string(&reader->fb, table, 1, false, EE_FB_NAME("value"));
  }
  return reader->fb.status;
}

// "i32" is a value type, "!hal.buffer" a reference; "!vm.list<...>" carries element types that
// lists do not check, "!vm.opaque" and "!vm.ref<?>" stand for anything.
static ee_str_t undecorated_type(reader_t *reader, ee_str_t name) {
  static const char *const values[] = {"i8", "i16", "i32", "i64", "f32", "f64"};
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

static eerie_status_t read_types(reader_t *reader, ee_module_t *module) {
  for (uint32_t i = 0; i < module->type_count && reader->fb.status == EERIE_OK; ++i) {
    const ee_fb_table_t table = ee_fb_table_at(&reader->fb, reader->types, i, EE_FB_NAME("types"));
    const ee_str_t name = ee_fb_string(&reader->fb, table, 0, true, EE_FB_NAME("full_name"));
    if (name.size) module->types[i] = undecorated_type(reader, name);
  }
  return reader->fb.status;
}

static eerie_status_t read_dependencies(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  for (uint32_t i = 0; i < module->dependency_count && fb->status == EERIE_OK; ++i) {
    const ee_fb_table_t table =
        ee_fb_table_at(fb, reader->dependencies, i, EE_FB_NAME("dependencies"));
    module->dependencies[i] = (ee_module_dependency_t){
        .name = ee_fb_string(fb, table, 0, true, EE_FB_NAME("name")),
        .minimum_version = ee_fb_u32(fb, table, 1, 0),
        .optional = (ee_fb_u32(fb, table, 2, 1) & FLAG_OPTIONAL) != 0,
    };
  }
  return fb->status;
}

static ee_signature_t read_signature(reader_t *reader, ee_fb_table_t table) {
  ee_signature_t signature = {.text = {NULL, 0}};
  const ee_str_t text = ee_fb_string(&reader->fb, table, 0, true, EE_FB_NAME("calling_convention"));
  if (text.size && !ee_signature_parse(text, &signature)) {
    EE_FB_FAIL(&reader->fb, EERIE_DATA_LOSS,
               "calling_convention \"%.*s\" is malformed, expected such as \"0iIrCiD_r\"",
               EE_STR_ARG(text));
  }
  return signature;
}

static eerie_status_t read_imports(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  for (uint32_t i = 0; i < module->import_count && fb->status == EERIE_OK; ++i) {
    const ee_fb_table_t table =
        ee_fb_table_at(fb, reader->imports, i, EE_FB_NAME("imported_functions"));
    const ee_str_t name = ee_fb_string(fb, table, 0, true, EE_FB_NAME("full_name"));
    const ee_fb_table_t signature = ee_fb_child(fb, table, 1, EE_FB_NAME("signature"));
    module->imports[i] = (ee_module_import_t){
        .full_name = name,
        .signature = read_signature(reader, signature),
        .optional = (ee_fb_u32(fb, table, 2, 1) & FLAG_OPTIONAL) != 0,
    };
    if (name.size && !contains(name, '.')) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "full_name \"%.*s\" names no module", EE_STR_ARG(name));
    }
  }
  return fb->status;
}

static void read_descriptor(reader_t *reader, const uint8_t *descriptor,
                            ee_module_function_t *function) {
  ee_fb_t *fb = &reader->fb;
  const uint32_t offset = ee_load_u32(descriptor);
  const uint32_t length = ee_load_u32(descriptor + 4);
  const uint32_t registers = ee_load_u16(descriptor + 16);
  const uint32_t ref_registers = ee_load_u16(descriptor + 18);
  if (length == 0 || !ee_range_ok(offset, length, reader->bytecode.count)) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "bytecode of %u bytes at offset %u is not inside bytecode_data of %u bytes", length,
               offset, reader->bytecode.count);
    return;
  }
  if (registers > REGISTER_LIMIT || ref_registers > REF_REGISTER_LIMIT) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS,
               "%u registers and %u reference registers, expected at most %d and %d", registers,
               ref_registers, REGISTER_LIMIT, REF_REGISTER_LIMIT);
    return;
  }
  function->bytecode = reader->bytecode.data + offset;
  function->bytecode_size = length;
  function->requirements = ee_load_u32(descriptor + 8);
  function->block_count = ee_load_u16(descriptor + 14);
  function->register_count = (uint16_t)((registers + 1) & ~1u);
  function->ref_register_count = (uint16_t)ref_registers;
  check_features(reader, function->requirements);
}

static eerie_status_t read_functions(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  uint32_t attribute = reader->attributes.count;
  uint64_t bytecode_budget = (uint64_t)reader->bytecode.count * BYTECODE_ALIAS_FACTOR;
  for (uint32_t i = 0; i < module->function_count && fb->status == EERIE_OK; ++i) {
    ee_module_function_t *function = &module->functions[i];
    ee_fb_table_t table;
    const ee_fb_vector_t attributes = signature_attributes(reader, i, &table);
    function->signature = read_signature(reader, table);
    if (contains(function->signature.arguments, 'C')) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "variadic arguments, which only imports can have");
    }
    function->first_attribute = attribute;
    function->attribute_count = (uint16_t)attributes.count;
    if (attributes.count > UINT16_MAX) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u attrs, expected at most 65535", attributes.count);
    }
    if (read_attributes(reader, attributes, module->attributes + attribute) != EERIE_OK) {
      EE_ANNOTATE(fb->err, "function_signatures[%u]", i);
      return fb->status;
    }
    attribute += attributes.count;

    enter(reader, EE_FB_NAME("function_descriptors"), i);
    read_descriptor(reader, reader->descriptors.data + (size_t)i * DESCRIPTOR_SIZE, function);
    if (function->bytecode_size > bytecode_budget) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "functions share bytecode too often (over %d times its size)",
                 BYTECODE_ALIAS_FACTOR);
    }
    bytecode_budget -= function->bytecode_size;
  }
  return fb->status;
}

static eerie_status_t read_exports(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  for (uint32_t i = 0; i < module->export_count && fb->status == EERIE_OK; ++i) {
    const ee_fb_table_t table =
        ee_fb_table_at(fb, reader->exports, i, EE_FB_NAME("exported_functions"));
    const ee_str_t name = ee_fb_string(fb, table, 0, true, EE_FB_NAME("local_name"));
    const uint32_t ordinal = ee_fb_u32(fb, table, 1, 0);
    if (ordinal >= module->function_count) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS, "\"%.*s\" is function %u of %u", EE_STR_ARG(name), ordinal,
                 module->function_count);
      break;
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
  return fb->status;
}

static eerie_status_t read_rodata(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  for (uint32_t i = 0; i < module->rodata_count && fb->status == EERIE_OK; ++i) {
    const ee_fb_table_t table =
        ee_fb_table_at(fb, reader->rodata, i, EE_FB_NAME("rodata_segments"));
    // 1 is UncompressedDataDef; a compressed form is not defined yet.
    const unsigned compression = ee_fb_u8(fb, table, RODATA_COMPRESSION, 0);
    if (compression > 1) {
      EE_FB_FAIL(fb, EERIE_INCOMPATIBLE, "compression type %u is not known, expected 0 or 1",
                 compression);
      break;
    }
    if (ee_fb_has(fb, table, RODATA_EMBEDDED)) {
      const ee_fb_vector_t data =
          ee_fb_vector(fb, table, RODATA_EMBEDDED, 1, EE_FB_NAME("embedded_data"));
      module->rodata[i].bytes = (ee_bytes_t){data.data, data.count};
      continue;
    }
    const uint64_t offset = ee_fb_u64(fb, table, RODATA_OFFSET, 0);
    const uint64_t length = ee_fb_u64(fb, table, RODATA_LENGTH, 0);
    const size_t base = reader->archive.rodata_base;
    const size_t available = reader->file.size > base ? reader->file.size - base : 0;
    if (!ee_range_ok(offset, length, available)) {
      EE_FB_FAIL(fb, EERIE_DATA_LOSS,
                 "truncated: external data of %llu bytes at offset %llu, the file has %zu bytes of "
                 "it",
                 (unsigned long long)length, (unsigned long long)offset, available);
      break;
    }
    module->rodata[i].bytes = (ee_bytes_t){
        length ? reader->file.data + base + (size_t)offset : reader->file.data, (size_t)length};
  }
  return fb->status;
}

static eerie_status_t read_state(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  enter(reader, EE_FB_NAME("module_state"), UINT32_MAX);
  const ee_fb_table_t state =
      ee_fb_child(fb, reader->root, MODULE_STATE, EE_FB_NAME("module_state"));
  module->global_bytes = ee_fb_u32(fb, state, 0, 0);
  module->global_ref_count = ee_fb_u32(fb, state, 1, 0);
  if (module->global_bytes > INT32_MAX || module->global_ref_count > INT32_MAX) {
    EE_FB_FAIL(fb, EERIE_DATA_LOSS, "%u bytes and %u references, expected less than 2^31",
               module->global_bytes, module->global_ref_count);
  }
  return fb->status;
}

static eerie_status_t fill(reader_t *reader, ee_module_t *module) {
  ee_fb_t *fb = &reader->fb;
  enter(reader, EE_FB_NAME("module"), UINT32_MAX);
  module->name = ee_fb_string(fb, reader->root, MODULE_NAME, true, EE_FB_NAME("name"));
  module->version = ee_fb_u32(fb, reader->root, MODULE_VERSION, 0);
  module->bytecode_version = ee_fb_u32(fb, reader->root, MODULE_BYTECODE_VERSION, 0);
  module->requirements = ee_fb_u32(fb, reader->root, MODULE_REQUIREMENTS, 0);
  EE_TRY(check_features(reader, module->requirements));
  EE_TRY(read_attributes(reader, reader->attributes, module->attributes));
  EE_TRY(read_types(reader, module));
  EE_TRY(read_dependencies(reader, module));
  EE_TRY(read_imports(reader, module));
  EE_TRY(read_functions(reader, module));
  EE_TRY(read_exports(reader, module));
  EE_TRY(read_rodata(reader, module));
  return read_state(reader, module);
}

// ---- The module --------------------------------------------------------------------------------

static void destroy_module(ee_object_t *object) {
  ee_module_t *module = (ee_module_t *)object;
  if (module->release_bytes) module->release_bytes(module->release_user, module->bytes);
  ee_heap_free(module->heap, module, module->allocation_size);
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
  reader.root = ee_fb_open(&reader.fb, reader.archive.flatbuffer, err);
  EE_TRY(reader.fb.status);
  EE_TRY(survey(&reader));

  ee_module_t *module = NULL;
  EE_TRY(allocate_module(&reader, heap, &module));
  ee_object_initialize(&module->object, &module_type);
  module->bytes = bytes;
  eerie_status_t status = fill(&reader, module);
  if (status == EERIE_OK && !(options && options->trusted)) status = verify_module(module, err);
  if (status != EERIE_OK) {
    ee_heap_free(heap, module, module->allocation_size);
    return status;
  }
  if (options) {
    module->release_bytes = options->release_bytes;
    module->release_user = options->release_user;
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
