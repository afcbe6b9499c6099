// module.h: the program form, one immutable module ready to be linked and run.
//
// A module file of any format or release becomes an ee_module_t; the interpreter, the linker and
// `inspect` know only this form. All strings and bytes in it borrow from the file's bytes, which
// the module holds through `release_bytes`. It is immutable after load and may be shared by all
// threads.
//
// Text from the file is well-formed UTF-8 without NUL inside and with one behind, so that its data
// is a C string too; calling conventions that were split and type names that were cut ("vm.list")
// are not.
//
//   archive.c     file bytes -> flatbuffer range and base of the external read-only data
//   reader.c      flatbuffer -> ee_module_t (structure: counts, offsets, names)
//   verifier.c    bytecode of each function (meaning: registers, branches, types, calls)
#ifndef EE_MODULE_MODULE_H_
#define EE_MODULE_MODULE_H_

#include "base/allocator.h"
#include "base/bytes.h"
#include "base/object.h"
#include "base/status.h"

// Bytecode versions that are understood (major in the upper 16 bits). IREE 3.11 to 3.13 write 17.0.
#define EE_BYTECODE_VERSION_MAJOR 17u
#define EE_BYTECODE_VERSION_MINOR 0u

// Feature bits of modules and functions. Source: bytecode_module_def.fbs, FeatureBits.
#define EE_MODULE_FEATURE_F32    (1u << 0)
#define EE_MODULE_FEATURE_F64    (1u << 1)
#define EE_MODULE_FEATURE_YIELD  (1u << 2)
#define EE_MODULE_FEATURE_UNWIND (1u << 3)

// Register ordinals, see opcodes.h.
#define EE_REGISTER_REF_BIT    0x8000u
#define EE_REGISTER_MOVE_BIT   0x4000u
#define EE_REGISTER_REF_MASK   0x3FFFu
#define EE_FUNCTION_IMPORT_BIT 0x80000000u

// A calling convention "0iIrCiD_r" split in two: "iIrCiD" and "r". 'v' alone (nothing) becomes
// empty. Letters: i I f F r, and C...D around the element types of a variadic argument.
typedef struct ee_signature {
  ee_str_t text; // the whole, as it stands in the file
  ee_str_t arguments;
  ee_str_t results;
} ee_signature_t;

typedef struct ee_attribute {
  ee_str_t key;
  ee_str_t value;
} ee_attribute_t;

// A function with a body.
typedef struct ee_module_function {
  ee_signature_t signature;
  const uint8_t *bytecode; // starts with a BLOCK marker
  uint32_t bytecode_size;
  uint32_t requirements; // feature bits
  uint16_t block_count;
  uint16_t register_count; // 32-bit registers, rounded up to an even number
  uint16_t ref_register_count;
  uint16_t attribute_count;
  uint32_t first_attribute; // in ee_module_t.attributes
  uint32_t local_name;      // index + 1 of the export with that body, 0: internal
} ee_module_function_t;

typedef struct ee_module_import {
  ee_str_t full_name; // "hal.fence.create"
  ee_signature_t signature;
  bool optional;
} ee_module_import_t;

typedef struct ee_module_export {
  ee_str_t name;
  uint32_t function; // ordinal in ee_module_t.functions
} ee_module_export_t;

typedef struct ee_module_dependency {
  ee_str_t name;
  uint32_t minimum_version;
  bool optional;
} ee_module_dependency_t;

typedef struct ee_module_rodata {
  ee_bytes_t bytes;
} ee_module_rodata_t;

typedef struct ee_module {
  ee_object_t object;
  ee_heap_t *heap;
  size_t allocation_size; // everything below lives in one block

  ee_bytes_t bytes;     // the whole file
  ee_bytes_t structure; // its flatbuffer: all that was verified; constants may lie in it or apart
  void (*release_bytes)(void *user, ee_bytes_t bytes);
  void *release_user;

  ee_str_t name;
  uint32_t version;
  uint32_t bytecode_version;
  uint32_t requirements;

  // Type names without decoration: "i32", "vm.buffer", "hal.buffer_view", "?" for any reference.
  ee_str_t *types;
  uint32_t type_count;
  ee_module_dependency_t *dependencies;
  uint32_t dependency_count;
  ee_module_import_t *imports;
  uint32_t import_count;
  ee_module_export_t *exports;
  uint32_t export_count;
  ee_module_function_t *functions;
  uint32_t function_count;
  ee_module_rodata_t *rodata;
  uint32_t rodata_count;
  ee_attribute_t *attributes; // of all functions and, first, of the module itself
  uint32_t attribute_count;
  uint32_t module_attribute_count;
  uint32_t global_bytes;
  uint32_t global_ref_count;
  bool private_bytes; // writing to `bytes` harms nothing but what is computed from them
} ee_module_t;

typedef struct ee_module_load_options {
  // Called once when the module no longer needs `bytes`; NULL: the caller keeps them alive.
  void (*release_bytes)(void *user, ee_bytes_t bytes);
  void *release_user;
  // Writing to `bytes` harms nothing but what is computed from them.
  bool private_bytes;
  // Skips verifier.c; only for files that were verified before, such as those in flash.
  bool trusted;
} ee_module_load_options_t;

// Reads, checks and verifies a module. `bytes` are borrowed for the module's life and never
// written. On failure nothing is kept and release_bytes is not called. DATA_LOSS: truncated or
// damaged. INCOMPATIBLE: a bytecode version or feature not in this build. INVALID_ARGUMENT: not a
// module file at all.
eerie_status_t ee_module_load(ee_heap_t *heap, ee_bytes_t bytes,
                              const ee_module_load_options_t *options, ee_module_t **out_module,
                              eerie_error_t *err);

static inline void ee_module_retain(ee_module_t *module) {
  ee_object_retain(&module->object);
}
static inline void ee_module_release(ee_module_t *module) {
  if (module) ee_object_release(&module->object);
}

// Index of the export, or UINT32_MAX.
uint32_t ee_module_find_export(const ee_module_t *module, ee_str_t name);

// Value of a function's attribute (its reflection), such as "iree.abi.declaration"; empty when
// absent.
ee_str_t ee_module_function_attribute(const ee_module_t *module, uint32_t function, ee_str_t key);

// What was stamped behind the module's last byte: a JSON object in one line, not NUL-terminated;
// absent and with what is no stamp, empty. (provenance.c; may be left out.)
ee_str_t ee_module_provenance(const ee_module_t *module);

// Checks one function's bytecode against the whole list in verifier.c.
eerie_status_t ee_module_verify_function(const ee_module_t *module, uint32_t function,
                                         ee_heap_t *scratch, eerie_error_t *err);

// Splits a calling convention; false when it is malformed (version other than '0', unknown letter,
// nested or unclosed C...D, C in results).
bool ee_signature_parse(ee_str_t text, ee_signature_t *out_signature);

// ---- Disassembly (disassembler.c, for inspect; may be left out) ---------------------------------

// Prints instruction by instruction, one line for each call of `sink`, no newline at the end.
eerie_status_t ee_module_disassemble(const ee_module_t *module, uint32_t function,
                                     void (*sink)(void *user, const char *line), void *user,
                                     eerie_error_t *err);

#endif // EE_MODULE_MODULE_H_
