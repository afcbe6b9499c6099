// loops.c: where loops turn often, the decoded form of them.
//
// What was made belongs to the program, which one caller at a time uses. Without memory for it, or
// with a function beyond the bounds, the interpreter goes on as before.
#include "vm/decode.h"

#define TURNS_BEFORE 32u
#define CODES_MAX    8u // of a function: loops that do not reach each other

struct ee_vm_loops {
  uint32_t turns;
  uint32_t code_count;
  ee_vm_code_t *codes;
};

static const ee_vm_entry_t *entry_of(const ee_vm_code_t *code, uint32_t offset) {
  const uint32_t at = ee_vm_find_entry(code->entries, code->entry_count, offset);
  return at != code->entry_count && code->entries[at].offset == offset ? &code->entries[at] : NULL;
}

// The code that has the block at `offset`, made now if need be, and its entry there; NULL: there
// will be none.
static const ee_vm_code_t *find_code(ee_heap_t *heap, struct ee_vm_loops *loops,
                                     const ee_module_function_t *function, uint32_t offset,
                                     const ee_vm_entry_t **out_entry) {
  for (const ee_vm_code_t *code = loops->codes; code; code = code->next) {
    *out_entry = entry_of(code, offset);
    if (*out_entry) return code;
  }
  if (loops->code_count == CODES_MAX) return NULL;
  ee_vm_code_t *code = ee_vm_decode(heap, function, offset);
  if (!code) {
    loops->code_count = CODES_MAX; // not tried again
    return NULL;
  }
  code->next = loops->codes;
  loops->codes = code;
  ++loops->code_count;
  *out_entry = entry_of(code, offset);
  return code;
}

static struct ee_vm_loops *loops_of(ee_vm_program_t *program, const ee_vm_frame_t *frame) {
  ee_vm_linked_module_t *linked = frame->module;
  const ee_module_t *module = linked->module;
  if (EE_UNLIKELY(!linked->loops)) {
    linked->loops =
        ee_heap_allocate_zeroed(program->heap, module->function_count * sizeof *linked->loops);
    if (!linked->loops) return NULL;
  }
  return &linked->loops[frame->function - module->functions];
}

const uint8_t *ee_vm_run_loop(ee_vm_program_t *program, ee_vm_frame_t *frame, const uint8_t *pc) {
  struct ee_vm_loops *loops = loops_of(program, frame);
  if (!loops || ++loops->turns < TURNS_BEFORE) return pc;
  --loops->turns;
  const ee_module_function_t *function = frame->function;
  const uint32_t offset = (uint32_t)(pc - function->bytecode);
  const ee_vm_entry_t *entry;
  const ee_vm_code_t *code = find_code(program->heap, loops, function, offset, &entry);
  if (!code || entry->op & EE_VM_LEAVES_AT_ONCE) return pc;
  const ee_vm_decoded_t *left =
      ee_vm_decoded_run(code->ops + entry->op, ee_vm_frame_registers(frame),
                        ee_vm_frame_refs(frame), &program->steps_left);
  return function->bytecode + code->offsets[left - code->ops];
}

void ee_vm_drop_loops(ee_heap_t *heap, ee_vm_linked_module_t *linked) {
  if (!linked->loops) return;
  const uint32_t count = linked->module->function_count;
  for (uint32_t i = 0; i < count; ++i) {
    for (ee_vm_code_t *code = linked->loops[i].codes, *next; code; code = next) {
      next = code->next;
      ee_heap_free(heap, code, code->size);
    }
  }
  ee_heap_free(heap, linked->loops, count * sizeof *linked->loops);
}
