// native.c: modules in C that the caller of eerie_program_create gives.
//
// Each becomes a native module of the virtual machine: a table whose calling conventions are read
// off the signatures, and one function that stands behind all entries and brings arguments and
// results from one form to the other. Each function has two entries, the second for models that
// hand it fences. All that is made for a program lies in one object, which objects of the modules'
// own types keep alive.
//
// Checks at linking that say more than the virtual machine does are in imports.c.
#include "api/native.h"

static void forget_function(ee_heap_t *heap, ee_native_function_t *function) {
  ee_api_function_forget(heap, &function->types);
  ee_heap_free(heap, function->objects, function->block_size);
}

static void natives_destroy(ee_object_t *object) {
  ee_natives_t *natives = (ee_natives_t *)object;
  for (size_t i = 0; i < natives->base.count; ++i) {
    const ee_native_module_t *module = &natives->modules[i];
    for (uint32_t j = 0; j < module->vm.function_count; ++j)
      forget_function(natives->heap, &module->functions[j]);
  }
  eerie_instance_t *instance = natives->instance;
  eerie_device_release(natives->device);
  ee_heap_free(natives->heap, natives, natives->allocation_size);
  eerie_instance_release(instance);
}

static const ee_object_type_t natives_type = {"natives", natives_destroy};

static eerie_status_t check_function(const eerie_native_module_t *module, size_t index,
                                     eerie_error_t *err) {
  const eerie_native_function_t *function = &module->functions[index];
  if (!function->name || !function->name[0] || !function->signature || !function->function) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "function %zu of native module '%s' lacks a name, a signature or the function",
                   index, module->name);
  }
  for (size_t i = 0; i < index; ++i) {
    if (!ee_str_equal(ee_str_from(module->functions[i].name), ee_str_from(function->name))) {
      continue;
    }
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "native module '%s' has two functions '%s'",
                   module->name, function->name);
  }
  return EERIE_OK;
}

static eerie_status_t check_name(const ee_api_natives_options_t *options, size_t index,
                                 eerie_error_t *err) {
  const ee_str_t name = ee_str_from(options->natives[index]->name);
  // The part of an import's name before the first dot is the module.
  for (size_t i = 0; i < name.size; ++i) {
    if (name.data[i] != '.') continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "native module '%s' has a dot in its name, where functions begin", name.data);
  }
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    if (!ee_str_equal(name, ee_str_from(ee_bridge_modules[i]->name))) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "native module '%s' has the name of one of Eerie's",
                   name.data);
  }
  for (size_t i = 0; i < index; ++i) {
    if (!ee_str_equal(name, ee_str_from(options->natives[i]->name))) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "two native modules have the name '%s'", name.data);
  }
  for (size_t i = 0; i < options->module_count; ++i) {
    if (!ee_str_equal(name, ee_api_module(options->modules[i])->name)) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS,
                   "a native module and a compiled one have the name '%s'", name.data);
  }
  return EERIE_OK;
}

// Counts what is declared, and refuses what cannot be.
static eerie_status_t check_modules(const ee_api_natives_options_t *options, size_t *out_types,
                                    size_t *out_entries, eerie_error_t *err) {
  *out_types = *out_entries = 0;
  for (size_t i = 0; i < options->native_count; ++i) {
    const eerie_native_module_t *module = options->natives[i];
    if (!module || !module->name || !module->name[0]) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "native module %zu %s", i,
                     module ? "has no name" : "is NULL");
    }
    EE_TRY(check_name(options, i, err));
    for (size_t j = 0; j < module->function_count; ++j) {
      EE_TRY(check_function(module, j, err));
    }
    // Twice as many cannot overflow: each takes more bytes than two.
    *out_entries += 2 * module->function_count;
    *out_types += module->type_count;
  }
  return EERIE_OK;
}

static bool is_builtin_type(ee_str_t name) {
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    for (uint32_t j = 0; j < ee_bridge_modules[i]->type_count; ++j) {
      if (ee_str_equal(name, ee_str_from(ee_bridge_modules[i]->types[j]->name))) return true;
    }
  }
  return ee_str_starts_with(name, "vm.") || ee_str_starts_with(name, "util.");
}

static eerie_status_t add_types(ee_natives_t *natives, ee_native_module_t *module,
                                eerie_error_t *err) {
  const eerie_native_module_t *declared = module->declared;
  for (size_t i = 0; i < declared->type_count; ++i) {
    const eerie_native_type_t *type = &declared->types[i];
    const ee_str_t name = ee_str_from(type->name);
    if (name.size == 0) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "type %zu of native module '%s' has no name", i,
                     declared->name);
    }
    if (is_builtin_type(name) || ee_native_find_type(natives, name)) {
      return EE_FAIL(err, EERIE_ALREADY_EXISTS,
                     "native module '%s' has a type '%s', which there is already", declared->name,
                     type->name);
    }
    ee_native_type_t *added = &natives->types[natives->type_count++];
    *added = (ee_native_type_t){{type->name, ee_native_object_destroy}, type};
    module->type_table[i] = &added->object;
  }
  return EERIE_OK;
}

static eerie_status_t add_functions(const ee_natives_t *natives, ee_native_module_t *module,
                                    eerie_error_t *err) {
  const eerie_native_module_t *declared = module->declared;
  for (size_t i = 0; i < declared->function_count; ++i) {
    const eerie_native_function_t *function = &declared->functions[i];
    for (int fenced = 0; fenced < 2; ++fenced) {
      // Counted first, so that what is half made is given back too.
      const uint32_t entry = module->vm.function_count++;
      EE_TRY(ee_native_describe(natives, declared->name, function, fenced != 0,
                                &module->functions[entry], &module->table[entry], err));
    }
  }
  return EERIE_OK;
}

static eerie_status_t state_of_user(void *user, ee_heap_t *heap, void **out_state,
                                    eerie_error_t *err) {
  (void)heap, (void)err;
  *out_state = user;
  return EERIE_OK;
}

// Adds `count` things of `size` bytes to a block; all of them are aligned as pointers are.
static bool add_array(size_t *block_size, size_t count, size_t size, size_t *out_offset) {
  size_t bytes;
  return ee_align_size(*block_size, sizeof(void *), out_offset) &&
         ee_mul_size(count, size, &bytes) && ee_add_size(*out_offset, bytes, block_size);
}

static eerie_status_t allocate(const ee_api_natives_options_t *options, size_t type_count,
                               size_t entry_count, ee_natives_t **out_natives, eerie_error_t *err) {
  const size_t count = options->native_count;
  ee_heap_t *heap = &options->instance->heap;
  size_t size = sizeof(ee_natives_t), refs, modules, types, type_tables, functions, tables;
  if (entry_count > UINT32_MAX || type_count > UINT32_MAX ||
      !add_array(&size, count, sizeof(ee_vm_module_ref_t), &refs) ||
      !add_array(&size, count, sizeof(ee_native_module_t), &modules) ||
      !add_array(&size, type_count, sizeof(ee_native_type_t), &types) ||
      !add_array(&size, type_count, sizeof(ee_object_type_t *), &type_tables) ||
      !add_array(&size, entry_count, sizeof(ee_native_function_t), &functions) ||
      !add_array(&size, entry_count, sizeof(ee_vm_native_function_t), &tables)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  char *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) return EE_NO_MEMORY(err, size);
  ee_natives_t *natives = (ee_natives_t *)(void *)block;
  ee_object_initialize(&natives->base.object, &natives_type);
  natives->heap = heap;
  natives->allocation_size = size;
  natives->instance = options->instance;
  eerie_instance_retain(natives->instance);
  natives->device = options->device;
  eerie_device_retain(natives->device);
  natives->base.refs = (ee_vm_module_ref_t *)(void *)(block + refs);
  natives->modules = (ee_native_module_t *)(void *)(block + modules);
  natives->types = (ee_native_type_t *)(void *)(block + types);
  natives->modules[0].type_table = (const ee_object_type_t **)(void *)(block + type_tables);
  natives->modules[0].functions = (ee_native_function_t *)(void *)(block + functions);
  natives->modules[0].table = (ee_vm_native_function_t *)(void *)(block + tables);
  *out_natives = natives;
  return EERIE_OK;
}

static eerie_status_t fill(ee_natives_t *natives, const ee_api_natives_options_t *options,
                           eerie_error_t *err) {
  for (size_t i = 0; i < options->native_count; ++i) {
    ee_native_module_t *module = &natives->modules[i];
    if (i != 0) {
      const ee_native_module_t *before = module - 1;
      module->type_table = before->type_table + before->vm.type_count;
      module->functions = before->functions + before->vm.function_count;
      module->table = before->table + before->vm.function_count;
    }
    module->declared = options->natives[i];
    module->natives = natives;
    module->vm = (ee_vm_native_module_t){
        .name = module->declared->name,
        .version = UINT32_MAX, // whatever a model asks for: its functions are what counts
        .functions = module->table,
        .types = module->type_table,
        .type_count = (uint32_t)module->declared->type_count,
        .create_state = state_of_user,
    };
    natives->base.refs[natives->base.count++] =
        (ee_vm_module_ref_t){.native = &module->vm, .user = module};
    EE_TRY(add_types(natives, module, err));
    EE_TRY(add_functions(natives, module, err));
  }
  return EERIE_OK;
}

eerie_status_t ee_api_natives_create(const ee_api_natives_options_t *options,
                                     ee_api_natives_t **out_natives, eerie_error_t *err) {
  *out_natives = NULL;
  ee_natives_t *natives = NULL;
  eerie_status_t status = EERIE_OK;
  if (options->native_count != 0) {
    size_t type_count, entry_count;
    EE_TRY(check_modules(options, &type_count, &entry_count, err));
    EE_TRY(allocate(options, type_count, entry_count, &natives, err));
    status = fill(natives, options, err);
  }
  if (status == EERIE_OK) {
    status = ee_api_imports_check(options, natives ? natives->base.refs : NULL, err);
  }
  if (status != EERIE_OK) {
    ee_object_release((ee_object_t *)natives);
    return status;
  }
  *out_natives = (ee_api_natives_t *)natives;
  return EERIE_OK;
}
