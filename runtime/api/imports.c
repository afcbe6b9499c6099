// imports.c: what modules import from each other and from native modules, before it is linked.
//
// The virtual machine links an import to the nearest module before it, and refuses what does not
// fit in the letters of calling conventions. Here the same is said in the words of the user: what a
// module offers instead, which order would do, which name means two things. Imports of Eerie's own
// modules are left to the virtual machine.
#include "api/api.h"

#include "eerie/eerie_native.h"

// What follows "module." in `full_name`; empty when it starts otherwise.
static ee_str_t name_within(ee_str_t full_name, ee_str_t module) {
  if (full_name.size <= module.size + 1 || full_name.data[module.size] != '.' ||
      memcmp(full_name.data, module.data, module.size) != 0) {
    return (ee_str_t){NULL, 0};
  }
  return (ee_str_t){full_name.data + module.size + 1, full_name.size - module.size - 1};
}

static bool signature_equal(const ee_signature_t *a, const ee_signature_t *b) {
  return ee_str_equal(a->arguments, b->arguments) && ee_str_equal(a->results, b->results);
}

// ---- Text --------------------------------------------------------------------------------------

// Text that is cut where its room ends.
typedef struct text {
  char data[EERIE_ERROR_MESSAGE_SIZE / 2];
  size_t size;
} text_t;

#if EERIE_MESSAGES

static void put(text_t *text, ee_str_t s) {
  const size_t room = sizeof text->data - 1 - text->size;
  const size_t size = s.size < room ? s.size : room;
  if (size && s.data) memcpy(text->data + text->size, s.data, size);
  text->size += size;
  text->data[text->size] = 0;
}

static void put_letters(text_t *text, ee_str_t letters) {
  put(text, EE_STR("("));
  for (size_t i = 0; i < letters.size; ++i) {
    const char letter = letters.data[i];
    if (letter == 'D') {
      put(text, EE_STR(")..."));
      continue;
    }
    if (i != 0 && letters.data[i - 1] != 'C') put(text, EE_STR(", "));
    switch (letter) {
    case 'i': put(text, EE_STR("i32")); break;
    case 'I': put(text, EE_STR("i64")); break;
    case 'f': put(text, EE_STR("f32")); break;
    case 'F': put(text, EE_STR("f64")); break;
    case 'C': put(text, EE_STR("(")); break;
    default: put(text, EE_STR("ref")); break;
    }
  }
  put(text, EE_STR(")"));
}

// "(ref, i32) -> (ref)"
static const char *readable(text_t *text, const ee_signature_t *signature) {
  text->size = 0;
  put_letters(text, signature->arguments);
  put(text, EE_STR(" -> "));
  put_letters(text, signature->results);
  return text->data;
}

static void put_name(text_t *text, ee_str_t name) {
  if (text->size) put(text, EE_STR(", "));
  put(text, name);
}

#endif

// ---- Native modules ----------------------------------------------------------------------------

static EE_COLD eerie_status_t native_lacks(const ee_module_t *module,
                                           const ee_module_import_t *import,
                                           const eerie_native_module_t *native,
                                           eerie_error_t *err) {
#if EERIE_MESSAGES
  text_t wanted, names = {.size = 0};
  for (size_t i = 0; i < native->function_count; ++i)
    put_name(&names, ee_str_from(native->functions[i].name));
  return EE_FAIL(err, EERIE_NOT_FOUND,
                 "module '%.*s' imports '%.*s' as %s, which native module '%s' lacks; it has: %s",
                 EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                 readable(&wanted, &import->signature), native->name,
                 names.size ? names.data : "nothing");
#else
  (void)module, (void)import, (void)native;
  return EE_FAIL(err, EERIE_NOT_FOUND, "");
#endif
}

static EE_COLD eerie_status_t native_differs(const ee_module_t *module,
                                             const ee_module_import_t *import,
                                             const eerie_native_module_t *native,
                                             const eerie_native_function_t *function,
                                             eerie_error_t *err) {
#if EERIE_MESSAGES
  text_t wanted;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "module '%.*s' imports '%.*s' as %s, native module '%s' offers it as %s",
                 EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                 readable(&wanted, &import->signature), native->name, function->signature);
#else
  (void)module, (void)import, (void)native, (void)function;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "");
#endif
}

static const eerie_native_function_t *find_function(const eerie_native_module_t *native,
                                                    ee_str_t name) {
  for (size_t i = 0; i < native->function_count; ++i) {
    if (ee_str_equal(ee_str_from(native->functions[i].name), name)) return &native->functions[i];
  }
  return NULL;
}

static bool offers(const ee_vm_native_module_t *native, ee_str_t name,
                   const ee_signature_t *wanted) {
  for (uint32_t i = 0; i < native->function_count; ++i) {
    ee_signature_t signature;
    if (ee_str_equal(ee_str_from(native->functions[i].name), name) &&
        ee_signature_parse(ee_str_from(native->functions[i].calling_convention), &signature) &&
        signature_equal(&signature, wanted)) {
      return true;
    }
  }
  return false;
}

static eerie_status_t check_native(const ee_module_t *module, const ee_module_import_t *import,
                                   const eerie_native_module_t *native,
                                   const ee_vm_module_ref_t *ref, eerie_error_t *err) {
  const ee_str_t name = name_within(import->full_name, ee_str_from(native->name));
  if (name.size == 0) return EERIE_OK;
  const eerie_native_function_t *function = find_function(native, name);
  if (!function) return import->optional ? EERIE_OK : native_lacks(module, import, native, err);
  if (offers(ref->native, name, &import->signature)) return EERIE_OK;
  return native_differs(module, import, native, function, err);
}

// ---- Compiled modules --------------------------------------------------------------------------

static EE_COLD eerie_status_t module_lacks(const ee_module_t *module,
                                           const ee_module_import_t *import,
                                           const ee_module_t *provider, eerie_error_t *err) {
#if EERIE_MESSAGES
  text_t wanted, names = {.size = 0};
  for (uint32_t i = 0; i < provider->export_count; ++i) {
    const ee_str_t name = provider->exports[i].name;
    if (name.size < 2 || memcmp(name.data, "__", 2) != 0) put_name(&names, name);
  }
  return EE_FAIL(err, EERIE_NOT_FOUND,
                 "module '%.*s' imports '%.*s' as %s, which module '%.*s' lacks; it exports: %s",
                 EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                 readable(&wanted, &import->signature), EE_STR_ARG(provider->name),
                 names.size ? names.data : "nothing");
#else
  (void)module, (void)import, (void)provider;
  return EE_FAIL(err, EERIE_NOT_FOUND, "");
#endif
}

static EE_COLD eerie_status_t module_differs(const ee_module_t *module,
                                             const ee_module_import_t *import,
                                             const ee_module_t *provider, uint32_t function,
                                             eerie_error_t *err) {
#if EERIE_MESSAGES
  text_t wanted, offered;
  const ee_str_t declaration =
      ee_module_function_attribute(provider, function, EE_STR("iree.abi.declaration"));
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "module '%.*s' imports '%.*s' as %s, module '%.*s' exports it as %s%s%.*s",
                 EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                 readable(&wanted, &import->signature), EE_STR_ARG(provider->name),
                 readable(&offered, &provider->functions[function].signature),
                 declaration.size ? ": " : "", EE_STR_ARG(declaration));
#else
  (void)module, (void)import, (void)provider, (void)function;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "");
#endif
}

// One import of module `index` among the compiled modules.
static eerie_status_t check_compiled(const ee_api_natives_options_t *options, size_t index,
                                     const ee_module_import_t *import, eerie_error_t *err) {
  const ee_module_t *module = ee_api_module(options->modules[index]), *found = NULL;
  const ee_module_t *nearest = NULL, *later = NULL;
  uint32_t function = 0;
  for (size_t i = 0; i < options->module_count; ++i) {
    const ee_module_t *provider = ee_api_module(options->modules[i]);
    const ee_str_t name = name_within(import->full_name, provider->name);
    if (name.size == 0 || i == index) continue;
    const uint32_t ordinal = ee_module_find_export(provider, name);
    if (i > index) {
      if (ordinal != UINT32_MAX && !later) later = provider;
      continue;
    }
    nearest = provider;
    if (ordinal == UINT32_MAX) continue;
    if (found && ee_str_equal(found->name, provider->name)) {
      return EE_FAIL(err, EERIE_ALREADY_EXISTS,
                     "module '%.*s' imports '%.*s', which two modules of the name '%.*s' export",
                     EE_STR_ARG(module->name), EE_STR_ARG(import->full_name),
                     EE_STR_ARG(provider->name));
    }
    found = provider;
    function = provider->exports[ordinal].function;
  }
  if (found) {
    return signature_equal(&import->signature, &found->functions[function].signature)
               ? EERIE_OK
               : module_differs(module, import, found, function, err);
  }
  if (import->optional) return EERIE_OK;
  if (later) {
    return EE_FAIL(err, EERIE_NOT_FOUND,
                   "module '%.*s' imports '%.*s' from a module behind it: put '%.*s' before '%.*s'",
                   EE_STR_ARG(module->name), EE_STR_ARG(import->full_name), EE_STR_ARG(later->name),
                   EE_STR_ARG(module->name));
  }
  return nearest ? module_lacks(module, import, nearest, err) : EERIE_OK;
}

eerie_status_t ee_api_imports_check(const ee_api_natives_options_t *options,
                                    const ee_vm_module_ref_t *refs, eerie_error_t *err) {
  for (size_t i = 0; i < options->module_count; ++i) {
    const ee_module_t *module = ee_api_module(options->modules[i]);
    for (uint32_t j = 0; j < module->import_count; ++j) {
      const ee_module_import_t *import = &module->imports[j];
      for (size_t k = 0; k < options->native_count; ++k) {
        EE_TRY(check_native(module, import, options->natives[k], &refs[k], err));
      }
      EE_TRY(check_compiled(options, i, import, err));
    }
  }
  return EERIE_OK;
}
