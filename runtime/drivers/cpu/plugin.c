// plugin.c: functions that kernels import, from a shared library that is opened at run time.
//
// A plugin is code of the process like any other library. It stays open and loaded as long as its
// device, because kernels keep pointers into it.
#include "drivers/cpu/plugin.h"
#include "drivers/cpu/cpu.h"
#include "drivers/cpu/elf.h"

typedef struct plugin {
  ee_cpu_extension_t extension;
  const ee_cpu_plugin_table_t *table;
  void *self;
  bool loaded;
  // The code is one of these.
  ee_port_library_t library;
  ee_elf_image_t image;
} plugin_t;

// ---- Memory for plugins ------------------------------------------------------------------------

// The heap wants to know sizes again, plugins do not tell them: they stand before each block.
typedef union block {
  size_t size; // with this header
  max_align_t alignment;
} block_t;

static ee_cpu_plugin_status_t status_of(eerie_status_t code) {
  return (ee_cpu_plugin_status_t)(uintptr_t)code;
}

static ee_cpu_plugin_status_t allocate(ee_heap_t *heap, const size_t *wanted, bool zeroed,
                                       bool resize, void **inout_pointer) {
  block_t *old = resize && *inout_pointer ? (block_t *)*inout_pointer - 1 : NULL;
  size_t size;
  if (!wanted || *wanted == 0) return status_of(EERIE_INVALID_ARGUMENT);
  if (!ee_add_size(*wanted, sizeof(block_t), &size)) return status_of(EERIE_RESOURCE_EXHAUSTED);
  block_t *block = zeroed ? ee_heap_allocate_zeroed(heap, size)
                          : ee_heap_resize(heap, old, old ? old->size : 0, size);
  if (!block) return status_of(EERIE_RESOURCE_EXHAUSTED);
  block->size = size;
  *inout_pointer = block + 1;
  return status_of(EERIE_OK);
}

static ee_cpu_plugin_status_t control(void *self, ee_cpu_plugin_memory_t command,
                                      const size_t *size, void **inout_pointer) {
  ee_heap_t *heap = self;
  switch (command) {
  case EE_CPU_PLUGIN_ALLOCATE: return allocate(heap, size, false, false, inout_pointer);
  case EE_CPU_PLUGIN_ALLOCATE_ZEROED: return allocate(heap, size, true, false, inout_pointer);
  case EE_CPU_PLUGIN_RESIZE: return allocate(heap, size, false, true, inout_pointer);
  case EE_CPU_PLUGIN_FREE:
    if (*inout_pointer) {
      block_t *block = (block_t *)*inout_pointer - 1;
      ee_heap_free(heap, block, block->size);
      *inout_pointer = NULL;
    }
    return status_of(EERIE_OK);
  }
  return status_of(EERIE_UNIMPLEMENTED);
}

// ---- Functions ---------------------------------------------------------------------------------

static eerie_status_t code_of(ee_cpu_plugin_status_t status) {
  return (eerie_status_t)((uintptr_t)status & EE_CPU_PLUGIN_STATUS_MASK);
}

static const char *name_of(const ee_cpu_plugin_table_t *table) {
  return table->header->name ? table->header->name : "(unnamed)";
}

static eerie_status_t plugin_resolve(ee_cpu_extension_t *extension, size_t count,
                                     const char *const *symbols, ee_cpu_import_t *functions,
                                     const void **contexts, eerie_error_t *err) {
  const plugin_t *plugin = (const plugin_t *)extension;
  const ee_cpu_plugin_request_t request = {count, symbols, (void **)(void *)functions,
                                           (void **)(void *)contexts};
  uint32_t resolution = 0;
  const eerie_status_t code = code_of(plugin->table->resolve(plugin->self, &request, &resolution));
  if (code == EERIE_OK || code == EERIE_NOT_FOUND) return EERIE_OK;
  return EE_FAIL(err, code, "plugin %s failed to provide the functions that kernels import",
                 name_of(plugin->table));
}

// ---- Life --------------------------------------------------------------------------------------

static void plugin_destroy(ee_heap_t *heap, ee_cpu_extension_t *extension) {
  plugin_t *plugin = (plugin_t *)extension;
  if (plugin->loaded) plugin->table->unload(plugin->self);
  if (plugin->image.pages) {
    ee_heap_discharge(heap, plugin->image.size);
    ee_port_code_free(plugin->image.pages, plugin->image.size);
  }
  ee_port_library_close(&plugin->library);
  ee_heap_free(heap, plugin, sizeof *plugin);
}

static eerie_status_t check_table(const ee_cpu_plugin_table_t *table, eerie_error_t *err) {
  if (!table || !table->header) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "it has no interface of version 0.%u or older",
                   EE_CPU_PLUGIN_VERSION);
  }
  const ee_cpu_plugin_header_t *header = table->header;
  if (header->version != EE_CPU_PLUGIN_VERSION) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "interface version %u.%u; this build knows 0.%u",
                   header->version >> 16, header->version & 0xFFFFu, EE_CPU_PLUGIN_VERSION);
  }
  if (header->sanitizer != 0) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "plugin %s is built for sanitizer %u, which needs a host built with it",
                   name_of(table), header->sanitizer);
  }
  if (header->features & ~EE_CPU_PLUGIN_STANDALONE) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "plugin %s needs %s of its host", name_of(table),
                   header->features & EE_CPU_PLUGIN_FULL_STATUS
                       ? "status objects of IREE's runtime (FULL_STATUS)"
                       : "an unknown feature");
  }
  if (!table->load || !table->unload || !table->resolve) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "plugin %s lacks load, unload or resolve", name_of(table));
  }
  return EERIE_OK;
}

static bool ends_with(ee_str_t text, ee_str_t end) {
  return text.size >= end.size && memcmp(text.data + text.size - end.size, end.data, end.size) == 0;
}

// Standalone plugins are small ELF images like kernels are. `iree-run-module` tells them by these
// two signs.
static bool is_image(const char **path) {
  const ee_str_t prefix = EE_STR("embedded:"), text = ee_str_from(*path);
  if (text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0) {
    *path += prefix.size;
    return true;
  }
  return ends_with(text, EE_STR(".sos"));
}

static eerie_status_t load_image(plugin_t *plugin, ee_heap_t *heap, const char *path,
                                 eerie_error_t *err) {
  ee_bytes_t file;
  if (EE_CPU_TWO_CONVENTIONS)
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "a plugin as an ELF image calls and is called in another way than this system's "
                   "programs; build it as a DLL");
  EE_TRY(ee_port_file_map(path, &file, err));
  const eerie_status_t status = ee_elf_load(file, EE_STR(EE_CPU_PLUGIN_QUERY), &plugin->image, err);
  ee_port_file_unmap(file);
  if (status == EERIE_OK && !ee_heap_charge(heap, plugin->image.size)) {
    const size_t size = plugin->image.size;
    ee_port_code_free(plugin->image.pages, size);
    plugin->image.pages = NULL;
    return EE_NO_MEMORY(err, size);
  }
  return status;
}

static eerie_status_t load_plugin(plugin_t *plugin, ee_heap_t *heap, const char *path,
                                  eerie_error_t *err) {
  ee_cpu_plugin_query_t query;
  if (is_image(&path)) {
    EE_TRY(load_image(plugin, heap, path, err));
    query = (ee_cpu_plugin_query_t)(uintptr_t)plugin->image.entry;
  } else {
    EE_TRY(ee_port_library_open(path, &plugin->library, err));
    query = (ee_cpu_plugin_query_t)(uintptr_t)ee_port_library_find(&plugin->library,
                                                                   EE_CPU_PLUGIN_QUERY);
  }
  if (!query) return EE_FAIL(err, EERIE_NOT_FOUND, "no export %s", EE_CPU_PLUGIN_QUERY);
  plugin->table = query(EE_CPU_PLUGIN_VERSION, NULL);
  EE_TRY(check_table(plugin->table, err));
  const ee_cpu_plugin_environment_t environment = {.allocator = {heap, control}};
  const eerie_status_t code = code_of(plugin->table->load(&environment, 0, NULL, &plugin->self));
  if (code != EERIE_OK)
    return EE_FAIL(err, code, "plugin %s failed to load", name_of(plugin->table));
  plugin->loaded = true;
  return EERIE_OK;
}

eerie_status_t ee_cpu_add_plugin(ee_hal_device_t *device, const char *path, eerie_error_t *err) {
  plugin_t *plugin = ee_heap_allocate_zeroed(device->heap, sizeof *plugin);
  if (!plugin) return EE_NO_MEMORY(err, sizeof *plugin);
  plugin->extension.destroy = plugin_destroy;
  plugin->extension.resolve = plugin_resolve;
  plugin->library.file = -1;
  const eerie_status_t status = load_plugin(plugin, device->heap, path, err);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "%s", path);
    plugin_destroy(device->heap, &plugin->extension);
    return status;
  }
  ee_cpu_extension_add((ee_cpu_device_t *)device, &plugin->extension);
  return EERIE_OK;
}
