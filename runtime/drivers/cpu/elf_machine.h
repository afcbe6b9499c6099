// elf_machine.h: what the ELF loader must know of a machine: a line of a table.
#ifndef EE_DRIVERS_CPU_ELF_MACHINE_H_
#define EE_DRIVERS_CPU_ELF_MACHINE_H_

#include "base/bytes.h"

typedef struct ee_elf_machine {
  uint16_t id;       // e_machine
  uint16_t relative; // relocation type: the image's address is added to a word
  uint8_t word_size; // 8: ELFCLASS64, 4: ELFCLASS32
  bool native;       // this build runs it
  const char *name;  // for people
  const char *arch;  // as in the executable format "embedded-elf-<arch>"
} ee_elf_machine_t;

// The line for `id` and `word_size`, or NULL.
const ee_elf_machine_t *ee_elf_machine_find(uint16_t id, uint8_t word_size);
// The line for the end of an executable format, or NULL.
const ee_elf_machine_t *ee_elf_machine_by_arch(ee_str_t arch);
// The machine that this build runs on; NULL when the table does not have it.
const ee_elf_machine_t *ee_elf_machine_native(void);

#endif // EE_DRIVERS_CPU_ELF_MACHINE_H_
