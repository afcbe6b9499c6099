// loaders_bare.c: takes the place of loaders.c where no code is loaded at run time.
#include "drivers/cpu/cpu.h"

const ee_cpu_loader_t *const ee_cpu_loaders[] = {
    NULL,
};
