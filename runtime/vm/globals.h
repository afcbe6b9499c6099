// globals.h: a look at the state of a program, for who records what its calls change.
#ifndef EE_VM_GLOBALS_H_
#define EE_VM_GLOBALS_H_

#include "vm/vm.h"

typedef struct ee_vm_globals {
  ee_object_t **refs; // may be written: each holds a reference, or NULL
  size_t ref_count;
  uint8_t *bytes; // of globals that are numbers; may be written
  size_t size;
} ee_vm_globals_t;

// The globals of module `index` of an idle program; none of a native module's.
ee_vm_globals_t ee_vm_program_globals(const ee_vm_program_t *program, uint32_t index);

#endif // EE_VM_GLOBALS_H_
