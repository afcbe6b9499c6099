// plan.h: what the files behind eerie_plan.h share.
//
//   plan_record.c  runs initialisers and functions on the recording device; state
//   plan.c         the record in the form of the public header
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
  size_t temporary;   // storage on the way into its place
} ee_plan_global_t;

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
  uint8_t *number_copy;
  ee_plan_call_t *calls;
  size_t call_count;
  void *blocks; // of the public form
} ee_plan_t;

// Zeroed memory that goes with the plan; NULL: none left.
void *ee_plan_allocate(ee_plan_t *plan, size_t count, size_t size);

// Fills program, globals and calls. What is not fixed is refused.
eerie_status_t ee_plan_run(ee_plan_t *plan, eerie_instance_t *instance, eerie_error_t *err);

#endif // EE_API_PLAN_H_
