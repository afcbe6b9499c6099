// elf.h: code that travels as an ELF image, for those who know what is in it.
#ifndef EE_DRIVERS_CPU_ELF_H_
#define EE_DRIVERS_CPU_ELF_H_

#include "drivers/cpu/cpu.h"
#include "drivers/cpu/elf_machine.h"

typedef struct ee_elf_image {
  uint8_t *entry; // the export that was asked for
  uint8_t *pages; // given back with ee_port_code_free
  size_t size;
} ee_elf_image_t;

// Copies an image to pages of its own and makes it runnable; `data` is not needed any longer.
// INCOMPATIBLE: another machine, or no such export. DATA_LOSS: anything that elf.c does not expect.
eerie_status_t ee_elf_load(ee_bytes_t data, ee_str_t export, ee_elf_image_t *out_image,
                           eerie_error_t *err);

// OK: a shared object for this machine, as far as its header tells.
eerie_status_t ee_elf_check_machine(ee_bytes_t data, eerie_error_t *err);
// OK: the end of an executable format, "x86_64", is this machine.
eerie_status_t ee_elf_check_arch(ee_str_t arch, eerie_error_t *err);

#endif // EE_DRIVERS_CPU_ELF_H_
