// kernels.c: eerie_kernels.h: what a program gives to devices whose kernels run on the host.
#include "eerie/eerie_kernels.h"

#include "api/api.h"

// The driver takes the public struct under another name.
_Static_assert(sizeof(eerie_kernel_import_t) == sizeof(ee_hal_kernel_import_t) &&
                   offsetof(eerie_kernel_import_t, function) ==
                       offsetof(ee_hal_kernel_import_t, function) &&
                   offsetof(eerie_kernel_import_t, context) ==
                       offsetof(ee_hal_kernel_import_t, context),
               "imports of kernels");

static const ee_hal_host_kernels_t *host_kernels(const eerie_device_t *device) {
  static const ee_hal_host_kernels_t none;
  const ee_hal_host_kernels_t *table = ee_api_device(device)->driver->host_kernels;
  return table ? table : &none;
}

static EE_COLD eerie_status_t refused(const eerie_device_t *device, const char *what,
                                      eerie_error_t *err) {
  (void)device, (void)what; // unused in builds without texts
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "device %s takes no %s in this build",
                 ee_api_device(device)->name, what);
}

eerie_status_t eerie_device_add_library(eerie_device_t *device, eerie_kernel_library_query_t query,
                                        eerie_error_t *err) {
  const ee_hal_host_kernels_t *table = host_kernels(device);
  if (!table->add_library) return refused(device, "libraries of kernels", err);
  if (!query) return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "the query function is NULL");
  return table->add_library(ee_api_device(device), query, err);
}

eerie_status_t eerie_device_add_imports(eerie_device_t *device,
                                        const eerie_kernel_import_t *imports, size_t count,
                                        eerie_error_t *err) {
  const ee_hal_host_kernels_t *table = host_kernels(device);
  if (!table->add_imports) return refused(device, "functions for kernels", err);
  if (count && !imports) return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "the imports are NULL");
  return table->add_imports(ee_api_device(device),
                            (const ee_hal_kernel_import_t *)(const void *)imports, count, err);
}

eerie_status_t eerie_device_add_plugin(eerie_device_t *device, const char *path,
                                       eerie_error_t *err) {
  const ee_hal_host_kernels_t *table = host_kernels(device);
  if (!table->add_plugin) return refused(device, "plugins", err);
  if (!path) return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "the path is NULL");
  return table->add_plugin(ee_api_device(device), path, err);
}
