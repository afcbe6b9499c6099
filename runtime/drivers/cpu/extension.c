// extension.c: what a program gives to a device for its kernels: libraries of kernels that are
// linked into the program (executables of format "static"); imports.c has functions that kernels
// import.
//
// Both hang on the device in one list, newest first, and stay as long as it does: kernels keep
// pointers to them. Nothing here needs an operating system. The table of loaders is searched here
// too: a build that has neither has no kernels.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/cpu.h"

// ---- The list ----------------------------------------------------------------------------------

ee_cpu_extension_t *ee_cpu_extension_newest(ee_cpu_device_t *device) {
  ee_port_monitor_lock(&device->base.monitor);
  ee_cpu_extension_t *extension = device->extensions;
  ee_port_monitor_unlock(&device->base.monitor);
  return extension; // what it links to does not change
}

void ee_cpu_extension_add(ee_cpu_device_t *device, ee_cpu_extension_t *extension) {
  ee_port_monitor_lock(&device->base.monitor);
  extension->next = device->extensions;
  device->extensions = extension;
  ee_port_monitor_unlock(&device->base.monitor);
}

void ee_cpu_extensions_destroy(ee_cpu_device_t *device) {
  while (device->extensions) {
    ee_cpu_extension_t *extension = device->extensions;
    device->extensions = extension->next;
    extension->destroy(device->base.heap, extension);
  }
}

// ---- Libraries ---------------------------------------------------------------------------------

static void library_destroy(ee_heap_t *heap, ee_cpu_extension_t *extension) {
  ee_heap_free(heap, extension, sizeof *extension);
}

static const ee_cpu_extension_t *find_library(ee_cpu_device_t *device, ee_str_t name) {
  for (const ee_cpu_extension_t *entry = ee_cpu_extension_newest(device); entry;
       entry = entry->next) {
    if (entry->query && ee_str_equal(ee_str_from(entry->name), name)) return entry;
  }
  return NULL;
}

eerie_status_t ee_cpu_add_library(ee_hal_device_t *base, ee_hal_kernel_query_t query,
                                  eerie_error_t *err) {
  ee_cpu_device_t *device = (ee_cpu_device_t *)base;
  ee_cpu_environment_t environment = {0};
  memcpy(environment.processor, device->features, sizeof environment.processor);
  const ee_cpu_library_t *library = query(EE_CPU_LIBRARY_VERSION, &environment);
  EE_TRY(ee_cpu_library_check(library, err));
  const char *name = library->header->name;
  if (!name || !name[0]) return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a library without a name");
  if (find_library(device, ee_str_from(name))) {
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "device %s has a library %s already", base->name,
                   name);
  }
  ee_cpu_extension_t *extension = ee_heap_allocate_zeroed(base->heap, sizeof *extension);
  if (!extension) return EE_NO_MEMORY(err, sizeof *extension);
  extension->destroy = library_destroy;
  extension->query = (ee_cpu_library_query_t)(uintptr_t)query;
  extension->name = name;
  ee_cpu_extension_add(device, extension);
  return EERIE_OK;
}

static EE_COLD eerie_status_t library_missing(ee_cpu_device_t *device, ee_str_t name,
                                              eerie_error_t *err) {
#if EERIE_MESSAGES
  char known[EERIE_ERROR_MESSAGE_SIZE / 2];
  size_t used = 0;
  known[0] = 0;
  for (const ee_cpu_extension_t *entry = ee_cpu_extension_newest(device); entry;
       entry = entry->next) {
    if (!entry->query || used >= sizeof known) continue;
    used += ee_format(known + used, sizeof known - used, "%s%s", used ? ", " : "", entry->name);
  }
#endif
  return EE_FAIL(err, EERIE_NOT_FOUND,
                 "the kernels are in the static library '%.*s', which device %s was not given "
                 "(eerie_device_add_library); it has: %s",
                 EE_STR_ARG(name), device->base.name, used ? known : "none");
}

// The executable's data is the name of its library.
static eerie_status_t static_load(ee_cpu_device_t *device, ee_str_t rest, ee_bytes_t data,
                                  ee_object_t *data_owner, ee_cpu_image_t *out_image,
                                  eerie_error_t *err) {
  (void)data_owner;
  ee_str_t name = {(const char *)data.data, data.size};
  if (rest.size) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "static kernels of the unknown kind '%.*s'",
                   EE_STR_ARG(rest));
  }
  while (name.size && !name.data[name.size - 1]) {
    --name.size;
  }
  const ee_cpu_extension_t *library = find_library(device, name);
  if (!library) return library_missing(device, name, err);
  out_image->query = library->query;
#if EE_CPU_TWO_CONVENTIONS
  out_image->host_convention = true;
#endif
  return EERIE_OK;
}

static bool static_supports(ee_str_t rest) {
  return rest.size == 0;
}

static void static_unload(ee_cpu_device_t *device, ee_cpu_image_t *image) {
  (void)device, (void)image;
}

const ee_cpu_loader_t ee_cpu_static_loader = {"static", static_supports, static_load,
                                              static_unload};

// ---- Loaders -----------------------------------------------------------------------------------

const ee_cpu_loader_t *ee_cpu_loader_find(ee_str_t format, ee_str_t *out_rest) {
  for (const ee_cpu_loader_t *const *entry = ee_cpu_loaders; *entry; ++entry) {
    const ee_str_t prefix = ee_str_from((*entry)->prefix);
    if (format.size < prefix.size || memcmp(format.data, prefix.data, prefix.size) != 0) continue;
    *out_rest = (ee_str_t){format.data + prefix.size, format.size - prefix.size};
    return *entry;
  }
  return NULL;
}
