// loops_bare.c: in place of loops.c and what it calls: loops stay with the interpreter.
#include "vm/internal.h"

const uint8_t *ee_vm_run_loop(ee_vm_program_t *program, ee_vm_frame_t *frame, const uint8_t *pc) {
  (void)program, (void)frame;
  return pc;
}

void ee_vm_drop_loops(ee_heap_t *heap, ee_vm_linked_module_t *linked) {
  (void)heap, (void)linked;
}
