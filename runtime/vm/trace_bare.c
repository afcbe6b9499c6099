// trace_bare.c: in place of trace.c and note.c: nothing is printed, and no module notes failures.
#include "vm/internal.h"

void ee_vm_trace_line(const ee_vm_program_t *program, const uint8_t *text, const uint8_t *list,
                      const uint32_t *regs, ee_object_t **refs) {
  (void)program, (void)text, (void)regs;
  // Registers that the instruction moves are given up all the same.
  for (uint32_t count = ee_load_u16(list); count != 0; --count) {
    const uint32_t reg = ee_load_u16(list += 2);
    if ((reg & EE_REGISTER_REF_BIT) && (reg & EE_REGISTER_MOVE_BIT)) ee_vm_put_ref(refs, reg, NULL);
  }
}

eerie_status_t ee_vm_settle_notes(ee_vm_program_t *program, eerie_status_t status,
                                  eerie_error_t *err) {
  (void)program, (void)err;
  return status;
}
