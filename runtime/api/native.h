// native.h: what the files about native modules share: native.c makes and checks them,
// native_signature.c reads their functions' signatures, native_call.c stands behind their entries.
#ifndef EE_API_NATIVE_H_
#define EE_API_NATIVE_H_

#include "eerie/eerie_native.h"

#include "api/api.h"

// An entry of a module's table.
typedef struct ee_native_function {
  eerie_function_t types; // nameless; is_async: with fences
  const eerie_native_function_t *declared;
  bool is_async; // sees the fences
  // For each input and output its type, if it is one of those that native modules have, and else
  // NULL. Convention and declaration stand behind them.
  const ee_object_type_t **objects;
  size_t block_size;
} ee_native_function_t;

typedef struct ee_natives ee_natives_t;

typedef struct ee_native_module {
  ee_vm_native_module_t vm;
  const eerie_native_module_t *declared;
  ee_natives_t *natives;
  ee_native_function_t *functions;     // one for each entry of `table`
  ee_vm_native_function_t *table;      // vm.functions
  const ee_object_type_t **type_table; // vm.types
} ee_native_module_t;

// A type as the virtual machine knows it.
typedef struct ee_native_type {
  ee_object_type_t object;
  const eerie_native_type_t *declared;
} ee_native_type_t;

struct ee_natives {
  ee_api_natives_t base;
  ee_heap_t *heap;
  size_t allocation_size;
  eerie_instance_t *instance;
  eerie_device_t *device;
  ee_native_module_t *modules;
  ee_native_type_t *types;
  size_t type_count;
};

// The one function behind all entries of all tables.
eerie_status_t ee_native_call(ee_vm_call_t *vm);
// Destroys an object of any of the modules' types.
void ee_native_object_destroy(ee_object_t *object);
// The type of that name among those of the modules added so far; NULL: none.
const ee_object_type_t *ee_native_find_type(const ee_natives_t *natives, ee_str_t name);
// Fills an entry of the table and what stands behind it. After an error too `function` is one that
// ee_api_function_forget takes.
eerie_status_t ee_native_describe(const ee_natives_t *natives, const char *module,
                                  const eerie_native_function_t *declared, bool fenced,
                                  ee_native_function_t *function, ee_vm_native_function_t *entry,
                                  eerie_error_t *err);

#endif // EE_API_NATIVE_H_
