// globals.c: a look at the state of a program.
#include "vm/globals.h"

#include "vm/internal.h"

ee_vm_globals_t ee_vm_program_globals(const ee_vm_program_t *program, uint32_t index) {
  const ee_vm_linked_module_t *linked = &program->modules[index];
  if (!linked->module) return (ee_vm_globals_t){0};
  return (ee_vm_globals_t){linked->global_refs, linked->module->global_ref_count, linked->globals,
                           linked->module->global_bytes};
}
