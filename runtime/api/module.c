// module.c: loading module files and telling what is in them.
#include "api/api.h"

static void unmap_file(void *user, ee_bytes_t bytes) {
  (void)user;
  ee_port_file_unmap(bytes);
}

eerie_status_t eerie_module_load_file(eerie_instance_t *instance, const char *path,
                                      const eerie_module_options_t *options,
                                      eerie_module_t **out_module, eerie_error_t *err) {
  (void)options; // its release is for bytes of the caller's
  *out_module = NULL;
  ee_bytes_t bytes = {NULL, 0};
  EE_TRY(ee_port_file_map(path, &bytes, err));
  if (bytes.size == 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s: the file is empty, expected a module (.vmfb)",
                   path);
  }
  const ee_module_load_options_t load = {.release_bytes = unmap_file, .private_bytes = true};
  ee_module_t *module = NULL;
  const eerie_status_t status = ee_module_load(&instance->heap, bytes, &load, &module, err);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "%s", path);
    ee_port_file_unmap(bytes);
  }
  *out_module = (eerie_module_t *)module;
  return status;
}

// The caller's release function takes plain pointers; this adapter lives as long as the module.
typedef struct borrowed {
  ee_heap_t *heap;
  void (*release)(void *user, const void *data, size_t size);
  void *user;
} borrowed_t;

static void release_borrowed(void *user, ee_bytes_t bytes) {
  borrowed_t *borrowed = user;
  borrowed->release(borrowed->user, bytes.data, bytes.size);
  ee_heap_free(borrowed->heap, borrowed, sizeof *borrowed);
}

eerie_status_t eerie_module_load_memory(eerie_instance_t *instance, const void *data, size_t size,
                                        const eerie_module_options_t *options,
                                        eerie_module_t **out_module, eerie_error_t *err) {
  *out_module = NULL;
  if (!data || size == 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "no bytes to load a module from");
  }
  ee_module_load_options_t load = {0};
  borrowed_t *borrowed = NULL;
  if (options && options->release) {
    borrowed = ee_heap_allocate(&instance->heap, sizeof *borrowed);
    if (!borrowed) return EE_NO_MEMORY(err, sizeof *borrowed);
    *borrowed = (borrowed_t){&instance->heap, options->release, options->user};
    load.release_bytes = release_borrowed;
    load.release_user = borrowed;
  }
  ee_module_t *module = NULL;
  const eerie_status_t status =
      ee_module_load(&instance->heap, (ee_bytes_t){data, size}, &load, &module, err);
  if (status != EERIE_OK) ee_heap_free(&instance->heap, borrowed, sizeof *borrowed);
  *out_module = (eerie_module_t *)module;
  return status;
}

void eerie_module_retain(eerie_module_t *module) {
  ee_object_retain((ee_object_t *)module);
}

void eerie_module_release(eerie_module_t *module) {
  ee_object_release((ee_object_t *)module);
}

// The reader refuses strings without a terminating NUL, so they can be lent as they stand.
static const char *text(ee_str_t s) {
  return s.size ? s.data : "";
}

// "0rr_r" without the version digit.
static const char *convention_text(const ee_signature_t *signature) {
  return signature->text.size > 1 ? signature->text.data + 1 : "";
}

// What a module imports depends on the compiler in these places only; the last that applies counts.
// Without the last two, modules of 3.12 and 3.13 are equal byte for byte. Source: the
// *.imports.mlir that libIREECompiler of each release carries as text.
static const struct {
  const char *name;
  const char *signature; // NULL: any
  const char *release;
} release_marks[] = {
    {"hal.command_buffer.dispatch", "0rriiiiICiDCiirIID_v", "3.11 or older"},
    {"hal.command_buffer.dispatch.indirect", "0rriirIICiDCiirIID_v", "3.11 or older"},
    {"hal_loader.executable.dispatch", "0riiiiCiDCrIID_v", "3.11 or older"},
    {"hal.executable.lookup.function", NULL, "3.12 or newer"},
    {"hal_loader.executable.lookup.function", NULL, "3.12 or newer"},
    {"hal.command_buffer.flush_buffer", NULL, "3.13 or newer"},
    {"hal.command_buffer.invalidate_buffer", NULL, "3.13 or newer"},
};

static const char *release_of(const ee_module_t *module) {
  size_t found = 0;
  const size_t count = sizeof release_marks / sizeof release_marks[0];
  for (uint32_t i = 0; i < module->import_count; ++i) {
    const ee_module_import_t *import = &module->imports[i];
    for (size_t mark = count; mark > found; --mark) {
      const char *signature = release_marks[mark - 1].signature;
      if (ee_str_equal(import->full_name, ee_str_from(release_marks[mark - 1].name)) &&
          (!signature || ee_str_equal(import->signature.text, ee_str_from(signature)))) {
        found = mark;
      }
    }
  }
  return found ? release_marks[found - 1].release : "";
}

void eerie_module_info(const eerie_module_t *handle, eerie_module_info_t *out_info) {
  const ee_module_t *module = ee_api_module(handle);
  *out_info = (eerie_module_info_t){
      .name = text(module->name),
      .bytecode_version = module->bytecode_version,
      .export_count = module->export_count,
      .import_count = module->import_count,
      .function_count = module->function_count,
      .constant_count = module->rodata_count,
      .global_bytes = module->global_bytes,
      .global_ref_count = module->global_ref_count,
      .file_size = module->bytes.size,
      .release = release_of(module),
  };
  for (uint32_t i = 0; i < module->dependency_count; ++i) {
    const ee_module_dependency_t *dependency = &module->dependencies[i];
    if (ee_str_equal(dependency->name, EE_STR("hal"))) {
      out_info->hal_version = dependency->minimum_version;
    }
  }
  for (uint32_t i = 0; i < module->rodata_count; ++i) {
    out_info->constant_bytes += module->rodata[i].bytes.size;
  }
  const ee_str_t provenance = ee_module_provenance(module);
  out_info->provenance = provenance.data;
  out_info->provenance_size = provenance.size;
}

bool eerie_module_export(const eerie_module_t *handle, size_t index,
                         eerie_export_info_t *out_info) {
  const ee_module_t *module = ee_api_module(handle);
  if (index >= module->export_count) return false;
  const ee_module_export_t *entry = &module->exports[index];
  *out_info = (eerie_export_info_t){
      .name = text(entry->name),
      .declaration = text(
          ee_module_function_attribute(module, entry->function, EE_STR("iree.abi.declaration"))),
      .calling_convention = convention_text(&module->functions[entry->function].signature),
      .function = entry->function,
  };
  return true;
}

bool eerie_module_import(const eerie_module_t *handle, size_t index,
                         eerie_import_info_t *out_info) {
  const ee_module_t *module = ee_api_module(handle);
  if (index >= module->import_count) return false;
  const ee_module_import_t *entry = &module->imports[index];
  *out_info = (eerie_import_info_t){
      .name = text(entry->full_name),
      .calling_convention = convention_text(&entry->signature),
      .optional = entry->optional,
  };
  return true;
}

bool eerie_module_constant(const eerie_module_t *handle, size_t index, const void **out_data,
                           size_t *out_size) {
  const ee_module_t *module = ee_api_module(handle);
  if (index >= module->rodata_count) return false;
  *out_data = module->rodata[index].bytes.data;
  *out_size = module->rodata[index].bytes.size;
  return true;
}

eerie_status_t eerie_module_disassemble(const eerie_module_t *handle, size_t function,
                                        void (*sink)(void *user, const char *line), void *user,
                                        eerie_error_t *err) {
  const ee_module_t *module = ee_api_module(handle);
  if (function >= module->function_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "function %zu of a module that has %u", function,
                   (unsigned)module->function_count);
  }
#if EERIE_DISASSEMBLER
  return ee_module_disassemble(module, (uint32_t)function, sink, user, err);
#else
  (void)sink;
  (void)user;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build has no disassembler");
#endif
}
