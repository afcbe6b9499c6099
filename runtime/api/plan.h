// plan.h: what the files behind eerie_plan.h share.
//
//   plan_record.c   runs initialisers and functions on the recording device; state
//   plan_numbers.c  globals that are numbers
//   plan_copies.c   copies of copies
//   plan.c          the record in the form of the public header
#ifndef EE_API_PLAN_H_
#define EE_API_PLAN_H_

#include "eerie/eerie_plan.h"

#include "api/api.h"
#include "drivers/record/record.h"
#include "vm/globals.h"

// One function, recorded.
typedef struct ee_plan_call {
  uint32_t phase; // of the call that counts
  ee_record_steps_t steps;
  size_t *inputs; // storages
  ee_record_range_t *results;
  eerie_function_t *function;
} ee_plan_call_t;

// A global that holds a reference.
typedef struct ee_plan_global {
  ee_object_t **slot;
  ee_object_t *entry; // what is in it when a call begins; retained
  bool state;         // calls put another tensor into it
  bool in_parts;      // it holds tensors at offsets that calls change: plan_numbers.c
  size_t temporary;   // storage on the way into its place
} ee_plan_global_t;

// Bytes that begin where a number says which calls change: a number of 64 bits in a global; or, of
// the same buffer, all that lies at fixed offsets.
typedef struct ee_plan_part {
  ee_plan_global_t *global; // that has the buffer
  size_t number;            // byte of the module's numbers; SIZE_MAX: none
  uint64_t size;            // that calls look at
  uint64_t place;           // in the buffer, for ever
  size_t temporary;         // storage on the way there
} ee_plan_part_t;

// Bytes that go from one buffer to another.
typedef struct ee_plan_piece {
  uint64_t from, to, size;
} ee_plan_piece_t;

#define NOT_FIXED                                                                                  \
  "what it does cannot be put down in a plan; the interpreter runs it (docs/embedded.md)"

typedef struct ee_plan {
  eerie_plan_t base;
  ee_heap_t *heap;
  ee_record_t record;
  eerie_module_t *module;
  ee_hal_device_t *device;
  eerie_program_t *program;
  uint32_t phases; // so far; 0 is initialisation
  ee_record_steps_t init_steps;
  ee_plan_global_t *globals;
  size_t global_count;
  ee_vm_globals_t numbers; // of the module
  uint8_t *number_copy;    // what they are when a call begins
  ee_plan_part_t *parts;
  size_t part_count;
  ee_plan_call_t *calls;
  size_t call_count;
  void *blocks; // of the public form
} ee_plan_t;

// Zeroed memory that goes with the plan; NULL: none left.
void *ee_plan_allocate(ee_plan_t *plan, size_t count, size_t size);

// Fills program, globals and calls. What is not fixed is refused.
eerie_status_t ee_plan_run(ee_plan_t *plan, eerie_instance_t *instance, eerie_error_t *err);

// Finds the numbers that are offsets, and settles them and the globals that they belong to.
// FAILED_PRECONDITION: a call changes one that is none.
eerie_status_t ee_plan_find_parts(ee_plan_t *plan, eerie_error_t *err);
uint64_t ee_plan_part_offset(const ee_plan_t *plan, const ee_plan_part_t *part); // now

// Runs a function once: its steps are in the record, `call` knows inputs and results.
eerie_status_t ee_plan_run_call(ee_plan_t *plan, ee_plan_call_t *call, eerie_error_t *err);
// Whether the call has put something else into the global.
bool ee_plan_is_changed(const ee_plan_global_t *global);
void ee_plan_set_global(ee_plan_global_t *global, ee_object_t *object);
// Puts back what was in the globals, and what the numbers were, before the call.
void ee_plan_restore_globals(ee_plan_t *plan);
// Copies from where the bytes came from, and without what nobody then looks at. The plan's storages
// are known.
void ee_plan_shorten_copies(ee_plan_t *plan, ee_record_steps_t *steps,
                            const ee_record_range_t *results, size_t result_count);

// Gives a global a place of `size` bytes for ever, to which pieces of what is in it go.
eerie_status_t ee_plan_settle_global(ee_plan_t *plan, ee_plan_global_t *global, uint64_t size,
                                     const ee_plan_piece_t *pieces, size_t piece_count,
                                     eerie_error_t *err);

#endif // EE_API_PLAN_H_
