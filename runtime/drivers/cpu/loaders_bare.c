// loaders_bare.c: takes the place of loaders.c and extension.c where there are no kernels of
// machine code; loaders_static.c is for those that are linked into the program.
#include "drivers/cpu/cpu.h"

const ee_hal_host_kernels_t ee_cpu_host_kernels = {.add_library = NULL};

const ee_cpu_loader_t *ee_cpu_loader_find(ee_str_t format, ee_str_t *out_rest) {
  (void)format, (void)out_rest;
  return NULL;
}

eerie_status_t ee_cpu_imports_provide(ee_cpu_executable_t *executable, eerie_error_t *err) {
  (void)executable, (void)err;
  return EERIE_OK;
}

void ee_cpu_imports_forget(ee_cpu_executable_t *executable) {
  (void)executable;
}

void ee_cpu_extensions_destroy(ee_cpu_device_t *device) {
  (void)device;
}
