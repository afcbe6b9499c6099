// program.c: linking modules into a program, its state, initialisers.
//
// What the interpreter takes for granted beyond the lists of reader and verifier is made sure here:
// imports are called with the letters that they declare, and types exist.
#include "vm/internal.h"

// ---- Names and signatures ----------------------------------------------------------------------

// What follows "module." in `full_name`; empty when it starts otherwise.
static ee_str_t without_module(ee_str_t full_name, ee_str_t module) {
  if (full_name.size <= module.size + 1 || full_name.data[module.size] != '.' ||
      memcmp(full_name.data, module.data, module.size) != 0)
    return (ee_str_t){NULL, 0};
  return (ee_str_t){full_name.data + module.size + 1, full_name.size - module.size - 1};
}

static ee_str_t linked_name(const ee_vm_linked_module_t *linked) {
  return linked->module ? linked->module->name : ee_str_from(linked->native->name);
}

static bool signature_equal(ee_signature_t a, ee_signature_t b) {
  return ee_str_equal(a.arguments, b.arguments) && ee_str_equal(a.results, b.results);
}

// ---- Types -------------------------------------------------------------------------------------

// Stands in the type table where a value type is: no object is of it.
static const ee_object_type_t value_type_stand_in = {"value", NULL};

static const ee_object_type_t *find_type(const ee_vm_linked_module_t *modules, uint32_t count,
                                         ee_str_t name) {
  if (ee_str_equal(name, ee_str_from(ee_vm_list_type.name))) return &ee_vm_list_type;
  if (ee_str_equal(name, ee_str_from(ee_vm_buffer_type.name))) return &ee_vm_buffer_type;
  for (uint32_t i = count; i-- != 0;) {
    const ee_vm_native_module_t *native = modules[i].native;
    for (uint32_t j = 0; native && j < native->type_count; ++j) {
      if (ee_str_equal(name, ee_str_from(native->types[j]->name))) return native->types[j];
    }
  }
  return NULL;
}

static eerie_status_t link_types(const ee_vm_program_t *program, ee_vm_linked_module_t *linked,
                                 eerie_error_t *err) {
  static const struct {
    char name[4];
    uint8_t kind;
  } values[] = {
      {"i8", EE_VM_VALUE_I8},   {"i16", EE_VM_VALUE_I16}, {"i32", EE_VM_VALUE_I32},
      {"i64", EE_VM_VALUE_I64}, {"f32", EE_VM_VALUE_F32}, {"f64", EE_VM_VALUE_F64},
  };
  const ee_module_t *module = linked->module;
  for (uint32_t i = 0; i < module->type_count; ++i) {
    const ee_str_t name = module->types[i];
    ee_vm_type_t *type = &linked->types[i];
    if (ee_str_equal(name, EE_STR("?"))) continue; // anything
    for (size_t j = 0; j < sizeof values / sizeof values[0]; ++j) {
      if (!ee_str_equal(name, ee_str_from(values[j].name))) continue;
      *type = (ee_vm_type_t){&value_type_stand_in, (ee_vm_value_type_t)values[j].kind};
    }
    if (type->ref) continue;
    type->ref = find_type(program->modules, program->module_count, name);
    type->kind = EE_VM_VALUE_REF;
    if (!type->ref) {
      return EE_FAIL(err, EERIE_NOT_FOUND,
                     "module '%.*s' uses the type '%.*s', which no linked module provides",
                     EE_STR_ARG(module->name), EE_STR_ARG(name));
    }
  }
  return EERIE_OK;
}

// ---- Imports -----------------------------------------------------------------------------------

static EE_COLD eerie_status_t bad_import(const ee_module_t *module,
                                         const ee_module_import_t *import, ee_str_t offered,
                                         eerie_error_t *err) {
  (void)module, (void)import, (void)offered;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "module '%.*s' imports '%.*s' with signature %.*s, but what is linked has %.*s",
                 EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                 EE_STR_ARG(import->signature.text), EE_STR_ARG(offered));
}

// The function for `import`, whose name without the module is `name`; or NULL, and *out_offered is
// the signature of another one of that name.
static const ee_vm_native_function_t *find_native(const ee_vm_native_module_t *native,
                                                  ee_str_t name, const ee_module_import_t *import,
                                                  ee_str_t *out_offered) {
  *out_offered = (ee_str_t){NULL, 0};
#if !EERIE_NATIVE_NAMES
  const uint32_t key = ee_vm_native_key(name, import->signature.text);
#endif
  for (uint32_t i = 0; i < native->function_count; ++i) {
    const ee_vm_native_function_t *function = &native->functions[i];
#if EERIE_NATIVE_NAMES
    // The first byte tells most names apart without measuring them.
    if (function->name[0] != name.data[0] || !ee_str_equal(ee_str_from(function->name), name))
      continue;
    *out_offered = ee_str_from(function->calling_convention);
    ee_signature_t signature;
    if (ee_signature_parse(*out_offered, &signature) &&
        signature_equal(signature, import->signature))
      return function;
#else
    if (function->key == key) return function;
#endif
  }
  return NULL;
}

// Looks for `import` in one module. *out_found: something of that name was there, and either it is
// linked or the failure says what differs.
static eerie_status_t link_import_to(const ee_module_t *module, const ee_module_import_t *import,
                                     ee_vm_linked_module_t *provider,
                                     ee_vm_linked_import_t *linked_import, bool *out_found,
                                     eerie_error_t *err) {
  *out_found = false;
  const ee_str_t name = without_module(import->full_name, linked_name(provider));
  if (name.size == 0) return EERIE_OK;
  if (provider->module) {
    const uint32_t index = ee_module_find_export(provider->module, name);
    if (index == UINT32_MAX) return EERIE_OK;
    *out_found = true;
    const ee_module_function_t *function =
        &provider->module->functions[provider->module->exports[index].function];
    if (!signature_equal(import->signature, function->signature)) {
      return bad_import(module, import, function->signature.text, err);
    }
    linked_import->module = provider;
    linked_import->function = function;
    return EERIE_OK;
  }
  ee_str_t offered;
  linked_import->native = find_native(provider->native, name, import, &offered);
  linked_import->state = provider->state;
  *out_found = linked_import->native || offered.data;
  return linked_import->native || !offered.data ? EERIE_OK
                                                : bad_import(module, import, offered, err);
}

// Looks in the modules before `linked`, the nearest first.
static eerie_status_t link_import(const ee_vm_program_t *program, ee_vm_linked_module_t *linked,
                                  uint32_t index, eerie_error_t *err) {
  const ee_module_t *module = linked->module;
  const ee_module_import_t *import = &module->imports[index];
  const ee_str_t letters = import->signature.arguments;
  ee_vm_linked_import_t *linked_import = &linked->imports[index];
  for (size_t i = 0; i < letters.size; ++i) {
    linked_import->spans += letters.data[i] == 'C';
    linked_import->fixed += linked_import->spans == 0;
  }
  for (const ee_vm_linked_module_t *provider = linked; provider-- != program->modules;) {
    bool found;
    EE_TRY(link_import_to(module, import, (ee_vm_linked_module_t *)(uintptr_t)provider,
                          &linked->imports[index], &found, err));
    if (found) return EERIE_OK;
  }
  if (import->optional) return EERIE_OK;
  return EE_FAIL(
      err, EERIE_NOT_FOUND,
      "module '%.*s' imports '%.*s' with signature %.*s, which no linked module provides",
      EE_STR_ARG(module->name), EE_STR_ARG(import->full_name), EE_STR_ARG(import->signature.text));
}

// Compares the versions of the modules that are there, before imports are looked at: a wrong
// version says more than the import that is missing for it.
static eerie_status_t check_dependencies(const ee_vm_program_t *program,
                                         const ee_vm_linked_module_t *linked, bool absent_ones,
                                         eerie_error_t *err) {
  const ee_module_t *module = linked->module;
  for (uint32_t i = 0; i < module->dependency_count; ++i) {
    const ee_module_dependency_t *dependency = &module->dependencies[i];
    const ee_vm_linked_module_t *provider = linked;
    while (provider != program->modules &&
           !ee_str_equal(linked_name(provider - 1), dependency->name))
      --provider;
    if (provider == program->modules) {
      if (!absent_ones || dependency->optional) continue;
      return EE_FAIL(
          err, EERIE_NOT_FOUND,
          "module '%.*s' needs module '%.*s' of version %u or later, which is not linked",
          EE_STR_ARG(module->name), EE_STR_ARG(dependency->name),
          (unsigned)dependency->minimum_version);
    }
    --provider;
    const uint32_t version =
        provider->module ? provider->module->version : provider->native->version;
    const uint32_t oldest = provider->module ? 0 : provider->native->oldest_version;
    const uint32_t wanted = dependency->minimum_version;
    if (wanted > version || (wanted != 0 && wanted < oldest)) {
      return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                     "module '%.*s' needs module '%.*s' of version %u, this one knows %u to %u",
                     EE_STR_ARG(module->name), EE_STR_ARG(dependency->name), (unsigned)wanted,
                     (unsigned)oldest, (unsigned)version);
    }
  }
  return EERIE_OK;
}

// ---- Linking -----------------------------------------------------------------------------------

// Adds `count` things of `size` bytes to a block, aligned; false when the block grows too large.
static bool add_array(size_t *block_size, size_t count, size_t size, size_t *out_offset) {
  size_t bytes;
  return ee_align_size(*block_size, sizeof(uint64_t), out_offset) &&
         ee_mul_size(count, size, &bytes) && ee_add_size(*out_offset, bytes, block_size);
}

static eerie_status_t allocate_module(ee_heap_t *heap, ee_vm_linked_module_t *linked,
                                      eerie_error_t *err) {
  const ee_module_t *module = linked->module;
  size_t size = 0, imports, types, global_refs, globals;
  if (!add_array(&size, module->import_count, sizeof *linked->imports, &imports) ||
      !add_array(&size, module->type_count, sizeof *linked->types, &types) ||
      !add_array(&size, module->global_ref_count, sizeof(void *), &global_refs) ||
      !add_array(&size, module->global_bytes, 1, &globals))
    return EE_NO_MEMORY(err, SIZE_MAX);
  if (EE_UNLIKELY(size - global_refs > EERIE_VM_GLOBAL_BYTES_LIMIT)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "the globals of module '%.*s' take %zu bytes, the limit is %zu",
                   EE_STR_ARG(module->name), size - global_refs,
                   (size_t)EERIE_VM_GLOBAL_BYTES_LIMIT);
  }
  if (size == 0) size = 1;
  uint8_t *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) return EE_NO_MEMORY(err, size);
  linked->block = block;
  linked->block_size = size;
  linked->imports = (ee_vm_linked_import_t *)(void *)(block + imports);
  linked->types = (ee_vm_type_t *)(void *)(block + types);
  linked->global_refs = (ee_object_t **)(void *)(block + global_refs);
  linked->globals = block + globals;
  return EERIE_OK;
}

static eerie_status_t link_compiled(ee_vm_program_t *program, ee_vm_linked_module_t *linked,
                                    eerie_error_t *err) {
  ee_module_t *module = linked->module;
  EE_TRY(allocate_module(program->heap, linked, err));
  EE_TRY(check_dependencies(program, linked, false, err));
  for (uint32_t i = 0; i < module->import_count; ++i)
    EE_TRY(link_import(program, linked, i, err));
  EE_TRY(check_dependencies(program, linked, true, err));
  EE_TRY(link_types(program, linked, err));
  return ee_vm_rodata_create(program->heap, module, &linked->rodata, err);
}

// Calls an export, when there is one of that name. The reader has made sure that it takes and
// returns nothing.
static eerie_status_t call_hook(ee_vm_program_t *program, uint32_t index, ee_str_t name,
                                eerie_error_t *err) {
  const ee_module_t *module = program->modules[index].module;
  if (!module) return EERIE_OK;
  const uint32_t export_index = ee_module_find_export(module, name);
  if (export_index == UINT32_MAX) return EERIE_OK;
  const ee_vm_function_t function = {index, module->exports[export_index].function};
  return ee_vm_invoke_blocking(program, function, err);
}

static eerie_status_t link_module(ee_vm_program_t *program, const ee_vm_module_ref_t *ref,
                                  eerie_error_t *err) {
  const uint32_t index = program->module_count++;
  ee_vm_linked_module_t *linked = &program->modules[index];
  linked->module = ref->module;
  linked->native = ref->native;
  linked->user = ref->user;
  if (linked->module) {
    ee_module_retain(linked->module);
    EE_TRY(link_compiled(program, linked, err));
    EE_TRY(call_hook(program, index, EE_STR("__init"), err));
    linked->initialized = true;
    return EERIE_OK;
  }
  if (!linked->native->create_state) return EERIE_OK;
  EE_TRY(linked->native->create_state(linked->user, program->heap, &linked->state, err));
  linked->has_state = true;
  return EERIE_OK;
}

eerie_status_t ee_vm_program_create(ee_heap_t *heap, const ee_vm_program_options_t *options,
                                    ee_vm_program_t **out_program, eerie_error_t *err) {
  *out_program = NULL;
  for (size_t i = 0; i < options->module_count; ++i) {
    if (!options->modules[i].module == !options->modules[i].native) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                     "module %zu of the program must be either compiled or native", i);
    }
  }
  size_t size;
  if (options->module_count > UINT32_MAX ||
      !ee_mul_size(options->module_count, sizeof(ee_vm_linked_module_t), &size) ||
      !ee_add_size(size, sizeof(ee_vm_program_t), &size))
    return EE_NO_MEMORY(err, SIZE_MAX);
  ee_vm_program_t *program = ee_heap_allocate_zeroed(heap, size);
  if (!program) return EE_NO_MEMORY(err, size);
  program->heap = heap;
  program->allocation_size = size;
  program->modules = (ee_vm_linked_module_t *)(void *)(program + 1);
  program->frame = EE_VM_NO_FRAME;
  program->stack_limit = options->stack_limit ? options->stack_limit : EERIE_VM_STACK_LIMIT;
  program->depth_limit =
      options->call_depth_limit ? options->call_depth_limit : EERIE_VM_CALL_DEPTH_LIMIT;
  program->step_limit = options->step_limit;
  program->pending_deadline_ns = INT64_MAX;
  program->trace = options->trace;
  program->trace_user = options->trace_user;
  program->wait = options->wait;
  program->wait_user = options->wait_user;
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < options->module_count && status == EERIE_OK; ++i)
    status = link_module(program, &options->modules[i], err);
  if (status != EERIE_OK) {
    ee_vm_program_destroy(program);
    return status;
  }
  *out_program = program;
  return EERIE_OK;
}

static void unlink_module(ee_vm_program_t *program, ee_vm_linked_module_t *linked) {
  if (linked->has_state && linked->native->destroy_state)
    linked->native->destroy_state(linked->user, program->heap, linked->state);
  if (!linked->module) return;
  ee_vm_drop_loops(program->heap, linked);
  if (linked->block) {
    for (uint32_t i = 0; i < linked->module->global_ref_count; ++i)
      ee_object_release(linked->global_refs[i]);
    ee_heap_free(program->heap, linked->block, linked->block_size);
  }
  ee_vm_rodata_release(linked->rodata, linked->module->rodata_count);
  ee_module_release(linked->module);
}

void ee_vm_program_destroy(ee_vm_program_t *program) {
  if (!program) return;
  ee_vm_cancel(program);
  for (uint32_t i = program->module_count; i-- != 0;) {
    // Nobody is left to tell that a deinitialiser failed.
    if (program->modules[i].initialized) (void)call_hook(program, i, EE_STR("__deinit"), NULL);
  }
  for (uint32_t i = program->module_count; i-- != 0;)
    unlink_module(program, &program->modules[i]);
  ee_heap_free(program->heap, program->stack, program->stack_size);
  ee_heap_free(program->heap, program, program->allocation_size);
}

void ee_vm_program_get_limits(const ee_vm_program_t *program, ee_vm_program_options_t *options) {
  options->stack_limit = program->stack_limit;
  options->call_depth_limit = program->depth_limit;
  options->step_limit = program->step_limit;
}

// ---- Looking things up -------------------------------------------------------------------------

uint32_t ee_vm_program_module_count(const ee_vm_program_t *program) {
  return program->module_count;
}

const ee_module_t *ee_vm_program_module(const ee_vm_program_t *program, uint32_t index) {
  return index < program->module_count ? program->modules[index].module : NULL;
}

void ee_vm_program_unused_constants(const ee_vm_program_t *program,
                                    void (*unused)(const ee_module_t *module, ee_bytes_t bytes)) {
  for (uint32_t i = 0; i < program->module_count; ++i) {
    const ee_vm_linked_module_t *linked = &program->modules[i];
    for (uint32_t j = 0; linked->module && j < linked->module->rodata_count; ++j) {
      if (ee_object_is_unique(&linked->rodata[j].object))
        unused(linked->module, linked->module->rodata[j].bytes);
    }
  }
}

bool ee_vm_program_find(const ee_vm_program_t *program, ee_str_t name, ee_vm_function_t *out) {
  *out = (ee_vm_function_t){0, 0};
  // Names of functions may contain dots, so both readings of each name are tried.
  for (uint32_t i = program->module_count; i-- != 0;) {
    const ee_module_t *module = program->modules[i].module;
    if (!module) continue;
    uint32_t index = ee_module_find_export(module, name);
    const ee_str_t qualified = without_module(name, module->name);
    if (index == UINT32_MAX && qualified.size != 0)
      index = ee_module_find_export(module, qualified);
    if (index == UINT32_MAX) continue;
    *out = (ee_vm_function_t){i, module->exports[index].function};
    return true;
  }
  return false;
}

const ee_module_function_t *ee_vm_program_function(const ee_vm_program_t *program,
                                                   ee_vm_function_t function) {
  if (function.module >= program->module_count) return NULL;
  const ee_module_t *module = program->modules[function.module].module;
  if (!module || function.ordinal >= module->function_count) return NULL;
  return &module->functions[function.ordinal];
}

const ee_object_type_t *ee_vm_program_type(const ee_vm_program_t *program, ee_str_t name) {
  return find_type(program->modules, program->module_count, name);
}
