// loaders.c: the ways in which kernels come that this build takes. A build adds or leaves out a
// line.
#include "drivers/cpu/cpu.h"

extern const ee_cpu_loader_t ee_cpu_elf_level_loader;
extern const ee_cpu_loader_t ee_cpu_elf_loader;
extern const ee_cpu_loader_t ee_cpu_static_loader;
extern const ee_cpu_loader_t ee_cpu_system_loader;

const ee_cpu_loader_t *const ee_cpu_loaders[] = {
    &ee_cpu_elf_loader,
    &ee_cpu_elf_level_loader,
    &ee_cpu_static_loader,
    &ee_cpu_system_loader,
    NULL,
};

const ee_hal_host_kernels_t ee_cpu_host_kernels = {
    .add_library = ee_cpu_add_library,
    .add_imports = ee_cpu_add_imports,
    .add_plugin = ee_cpu_add_plugin,
};
