// imports.c: functions that a program gives to the kernels of a device, and what kernels import.
// Where kernels import nothing imports_bare.c takes its place.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/cpu.h"

// ---- Imports -----------------------------------------------------------------------------------

typedef struct import_table {
  ee_cpu_extension_t extension;
  size_t size; // of the block
  size_t count;
  ee_hal_kernel_import_t imports[];
} import_table_t;

// Kernels mark a function that they can do without with '?'.
static ee_str_t symbol_name(const char *symbol) {
  return ee_str_from(symbol[0] == '?' ? symbol + 1 : symbol);
}

static const ee_hal_kernel_import_t *find_import(const import_table_t *table, ee_str_t name) {
  for (size_t i = 0; i < table->count; ++i) {
    if (ee_str_equal(ee_str_from(table->imports[i].symbol), name)) return &table->imports[i];
  }
  return NULL;
}

static eerie_status_t table_resolve(ee_cpu_extension_t *extension, size_t count,
                                    const char *const *symbols, ee_cpu_import_t *functions,
                                    const void **contexts, eerie_error_t *err) {
  (void)err;
  for (size_t i = 0; i < count; ++i) {
    const ee_hal_kernel_import_t *import =
        functions[i] ? NULL
                     : find_import((const import_table_t *)extension, symbol_name(symbols[i]));
    if (!import) continue;
    functions[i] = import->function;
    contexts[i] = import->context;
  }
  return EERIE_OK;
}

static void table_destroy(ee_heap_t *heap, ee_cpu_extension_t *extension) {
  ee_heap_free(heap, extension, ((import_table_t *)extension)->size);
}

// Whether the device's tables have a function `name`; plugins are only asked when kernels load.
static bool has_import(ee_cpu_device_t *device, ee_str_t name) {
  for (const ee_cpu_extension_t *entry = ee_cpu_extension_newest(device); entry;
       entry = entry->next) {
    if (entry->resolve == table_resolve && find_import((const import_table_t *)entry, name)) {
      return true;
    }
  }
  return false;
}

eerie_status_t ee_cpu_add_imports(ee_hal_device_t *base, const ee_hal_kernel_import_t *imports,
                                  size_t count, eerie_error_t *err) {
  ee_cpu_device_t *device = (ee_cpu_device_t *)base;
  size_t size;
  if (!ee_mul_size(count, sizeof *imports, &size) ||
      !ee_add_size(size, sizeof(import_table_t), &size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  import_table_t *table = ee_heap_allocate_zeroed(base->heap, size);
  if (!table) return EE_NO_MEMORY(err, size);
  table->extension.destroy = table_destroy;
  table->extension.resolve = table_resolve;
  table->size = size;
  eerie_status_t status = EERIE_OK;
  for (; table->count < count && status == EERIE_OK; ++table->count) {
    const ee_hal_kernel_import_t *import = &imports[table->count];
    if (!import->symbol || !import->symbol[0] || !import->function) {
      status = EE_FAIL(err, EERIE_INVALID_ARGUMENT, "import %zu of %zu has no %s", table->count,
                       count, import->function ? "symbol" : "function");
    } else if (find_import(table, ee_str_from(import->symbol)) ||
               has_import(device, ee_str_from(import->symbol))) {
      status = EE_FAIL(err, EERIE_ALREADY_EXISTS, "device %s has a function %s already", base->name,
                       import->symbol);
    }
    table->imports[table->count] = *import;
  }
  if (status != EERIE_OK) {
    table_destroy(base->heap, &table->extension);
    return status;
  }
  ee_cpu_extension_add(device, &table->extension);
  return EERIE_OK;
}

// ---- Kernels and their imports -----------------------------------------------------------------

// Kernels have the calling convention of their machine's ELF, the host has its own.
static EE_CPU_KERNEL int call_import(ee_cpu_import_t function, void *params, void *context,
                                     void *reserved) {
  return function(params, context, reserved);
}

#if EE_CPU_TWO_CONVENTIONS
static int call_host_import(ee_cpu_import_t function, void *params, void *context, void *reserved) {
  int code = function(params, context, reserved);
  EE_CPU_OTHER_CONVENTION(code);
  return code;
}
#endif

static eerie_status_t check_provided(const ee_cpu_executable_t *executable, eerie_error_t *err) {
  const ee_cpu_library_t *library = executable->library;
  for (uint32_t i = 0; i < library->imports.count; ++i) {
    const char *symbol = library->imports.symbols[i];
    if (symbol[0] == '?' || executable->environment.import_functions[i]) continue;
    return EE_FAIL(err, EERIE_NOT_FOUND,
                   "the kernels of %s call the function %s, which nothing that device %s was given "
                   "offers (eerie_device_add_imports, eerie_device_add_plugin)",
                   library->header->name ? library->header->name : "(unnamed)", symbol,
                   executable->base.device->name);
  }
  return EERIE_OK;
}

static eerie_status_t check_symbols(const ee_cpu_library_t *library, eerie_error_t *err) {
  for (uint32_t i = 0; i < library->imports.count; ++i) {
    if (library->imports.symbols && library->imports.symbols[i]) continue;
    return EE_FAIL(err, EERIE_DATA_LOSS, "import %u of %u has no name", i, library->imports.count);
  }
  return EERIE_OK;
}

// One block: functions, then contexts.
eerie_status_t ee_cpu_imports_provide(ee_cpu_executable_t *executable, eerie_error_t *err) {
  ee_cpu_device_t *device = (ee_cpu_device_t *)executable->base.device;
  ee_cpu_environment_t *environment = &executable->environment;
  const ee_cpu_library_t *library = executable->library;
  const size_t count = library->imports.count;
  size_t size;
  if (count == 0) return EERIE_OK;
  EE_TRY(check_symbols(library, err));
  if (!ee_mul_size(count, sizeof(void *) * 2, &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  void **table = ee_heap_allocate_zeroed(device->base.heap, size);
  if (!table) return EE_NO_MEMORY(err, size);
  environment->import_thunk = call_import;
#if EE_CPU_TWO_CONVENTIONS
  if (executable->image.host_convention)
    environment->import_thunk = (ee_cpu_import_thunk_t)(uintptr_t)call_host_import;
#endif
  environment->import_functions = (ee_cpu_import_t *)(void *)table;
  environment->import_contexts = (const void **)(table + count);
  for (ee_cpu_extension_t *entry = ee_cpu_extension_newest(device); entry; entry = entry->next) {
    if (!entry->resolve) continue;
    EE_TRY(entry->resolve(entry, count, library->imports.symbols, (ee_cpu_import_t *)(void *)table,
                          environment->import_contexts, err));
  }
  return check_provided(executable, err);
}

void ee_cpu_imports_forget(ee_cpu_executable_t *executable) {
  if (!executable->environment.import_functions) return;
  ee_heap_free(executable->base.device->heap,
               (void *)(uintptr_t)executable->environment.import_functions,
               executable->library->imports.count * sizeof(void *) * 2);
}
