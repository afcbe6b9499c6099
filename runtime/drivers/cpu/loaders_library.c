// loaders_library.c: takes the place of loaders.c where kernels are linked into the program and
// import nothing; extension.c and imports_bare.c belong to it.
#include "drivers/cpu/cpu.h"

extern const ee_cpu_loader_t ee_cpu_static_loader;

const ee_cpu_loader_t *const ee_cpu_loaders[] = {
    &ee_cpu_static_loader,
    NULL,
};

const ee_hal_host_kernels_t ee_cpu_host_kernels = {.add_library = ee_cpu_add_library};
