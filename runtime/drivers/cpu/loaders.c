// loaders.c: the formats of kernels that this build takes. A build adds or leaves out a line.
#include "drivers/cpu/cpu.h"

extern const ee_cpu_loader_t ee_cpu_elf_loader;

const ee_cpu_loader_t *const ee_cpu_loaders[] = {
    &ee_cpu_elf_loader,
    NULL,
};
