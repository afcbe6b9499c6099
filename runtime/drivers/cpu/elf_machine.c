// elf_machine.c: the machines that kernels are compiled for.
//
// Sources: e_machine and relocation numbers from the psABI of each machine; format names as the
// compiler writes them (3.11 to 3.13). RELA and REL tables need no column: both are read where the
// file has them.
#include "drivers/cpu/elf_machine.h"

#if defined(__x86_64__)
#define NATIVE_ID 62
#elif defined(__aarch64__)
#define NATIVE_ID 183
#elif defined(__arm__)
#define NATIVE_ID 40
#elif defined(__riscv)
#define NATIVE_ID 243
#elif defined(__i386__)
#define NATIVE_ID 3
#else
#define NATIVE_ID 0
#endif

#define MACHINE(id, word_size, relative, name, arch)                                               \
  { id, relative, word_size, id == NATIVE_ID &&word_size == sizeof(void *), name, arch }

static const ee_elf_machine_t machines[] = {
    MACHINE(62, 8, 8, "x86-64", "x86_64"),      // R_X86_64_RELATIVE
    MACHINE(183, 8, 1027, "aarch64", "arm_64"), // R_AARCH64_RELATIVE
    MACHINE(40, 4, 23, "arm", "arm_32"),        // R_ARM_RELATIVE
    MACHINE(243, 8, 3, "riscv64", "riscv_64"),  // R_RISCV_RELATIVE
    MACHINE(243, 4, 3, "riscv32", "riscv_32"),  MACHINE(3, 4, 8, "x86", "x86_32"), // R_386_RELATIVE
};
#define MACHINE_COUNT (sizeof machines / sizeof machines[0])

const ee_elf_machine_t *ee_elf_machine_find(uint16_t id, uint8_t word_size) {
  for (size_t i = 0; i < MACHINE_COUNT; ++i) {
    if (machines[i].id == id && machines[i].word_size == word_size) return &machines[i];
  }
  return NULL;
}

const ee_elf_machine_t *ee_elf_machine_by_arch(ee_str_t arch) {
  for (size_t i = 0; i < MACHINE_COUNT; ++i) {
    if (ee_str_equal(arch, ee_str_from(machines[i].arch))) return &machines[i];
  }
  return NULL;
}

const ee_elf_machine_t *ee_elf_machine_native(void) {
  for (size_t i = 0; i < MACHINE_COUNT; ++i) {
    if (machines[i].native) return &machines[i];
  }
  return NULL;
}
