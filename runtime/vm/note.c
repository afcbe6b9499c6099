// note.c: failures that do not end the call. Where no module notes any, trace_bare.c takes its
// place.
#include "vm/internal.h"

typedef struct ee_vm_notes {
  unsigned count;
  eerie_error_t first;
} notes_t;

eerie_status_t ee_vm_note_failure(ee_vm_program_t *program, eerie_error_t *failure,
                                  eerie_error_t *err) {
  if (program->frame != EE_VM_NO_FRAME) {
    const ee_vm_frame_t *frame = ee_vm_frame_at(program, program->frame);
    ee_vm_annotate_location(frame, frame->pc, failure);
  }
  if (!program->notes) {
    program->notes = ee_heap_allocate(program->heap, sizeof *program->notes);
    if (!program->notes) return EE_NO_MEMORY(err, sizeof *program->notes);
    *program->notes = (notes_t){0, *failure};
  }
  ++program->notes->count;
  if (program->trace) {
    EE_ANNOTATE(failure, "failed");
    program->trace(program->trace_user, ee_str_from(failure->message));
  }
  return EERIE_OK;
}

eerie_status_t ee_vm_settle_notes(ee_vm_program_t *program, eerie_status_t status,
                                  eerie_error_t *err) {
  notes_t *notes = program->notes;
  program->notes = NULL;
  if (status == EERIE_OK) {
    status = notes->first.code;
    if (err) *err = notes->first;
    if (notes->count > 1) EE_ANNOTATE(err, "%u failures, the first", notes->count);
  }
  ee_heap_free(program->heap, notes, sizeof *notes);
  return status;
}
