// eerie_plan.h: what a module does, as a list instead of a program.
//
// A module whose shapes are fixed and whose control flow does not depend on values does the same at
// every call: the same dispatches and copies on the same ranges of memory. eerie_plan_record finds
// out which, by running each function once on a device that writes down what it is told, and
// computes nothing. What microcontrollers run in place of an interpreter (`eerie embed`) is made of
// this.
//
//   eerie_plan_t *plan = NULL;
//   if (!eerie_plan_record(instance, module, &plan, &err))
//     for (size_t f = 0; f < plan->function_count; ++f)
//       for (size_t s = 0; s < plan->functions[f].step_count; ++s)
//         show(&plan->functions[f].steps[s]);
//   eerie_plan_release(plan);
//
// It is part of the `eerie` command, and of the static library eerie_plan in a build tree; libeerie
// does without.
#ifndef EERIE_EERIE_PLAN_H_
#define EERIE_EERIE_PLAN_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a run of memory is for.
typedef enum eerie_plan_space {
  EERIE_PLAN_CONSTANT,  // bytes that are known now and never change
  EERIE_PLAN_STATE,     // keeps what it holds between calls
  EERIE_PLAN_INPUT,     // an argument of one function, read only
  EERIE_PLAN_TRANSIENT, // used inside of one call of one function
} eerie_plan_space_t;

typedef struct eerie_plan_storage {
  eerie_plan_space_t space;
  uint64_t size;
  const uint8_t *data; // of constants
  size_t function;     // of inputs and transients: the only one that uses it
  size_t input;        // of inputs: which
} eerie_plan_storage_t;

// Bytes of a storage.
typedef struct eerie_plan_range {
  size_t storage; // index
  uint64_t offset;
  uint64_t size;
} eerie_plan_range_t;

typedef enum eerie_plan_kind {
  EERIE_PLAN_DISPATCH,
  EERIE_PLAN_FILL,
  EERIE_PLAN_COPY,
} eerie_plan_kind_t;

// One thing to do. Steps run in order, one after the other.
typedef struct eerie_plan_step {
  eerie_plan_kind_t kind;
  // DISPATCH
  size_t library;     // index
  const char *kernel; // its name; NULL: it is known by number alone
  uint32_t ordinal;   // its number, when there is no name
  uint32_t workgroup_count[3];
  const uint32_t *constants;
  size_t constant_count;
  const eerie_plan_range_t *bindings;
  size_t binding_count;
  // FILL, COPY
  eerie_plan_range_t target;
  eerie_plan_range_t source; // COPY; as long as the target
  uint64_t pattern;          // FILL
  uint32_t pattern_size;     // 1, 2, 4 or 8; divides the target's size
} eerie_plan_step_t;

typedef struct eerie_plan_function {
  const char *name; // "" for initialisation
  const eerie_type_t *inputs;
  size_t input_count;
  const eerie_type_t *outputs;
  size_t output_count;
  const eerie_plan_step_t *steps;
  size_t step_count;
  const eerie_plan_range_t *results; // where each output is when the steps are done
} eerie_plan_function_t;

// Kernels that are linked into the program under this name.
typedef struct eerie_plan_library {
  const char *name; // "model_linked"
  const uint32_t *constants;
  size_t constant_count;
} eerie_plan_library_t;

typedef struct eerie_plan {
  const eerie_plan_library_t *libraries;
  size_t library_count;
  const eerie_plan_storage_t *storages;
  size_t storage_count;
  // What fills the state; to be done once, before the first call of a function.
  eerie_plan_function_t initialization;
  const eerie_plan_function_t *functions;
  size_t function_count;
} eerie_plan_t;

// Records `module`, whose kernels are a static library (target cortex-m4f and its kin), and which
// the plan retains. FAILED_PRECONDITION: what it does is not the same at every call, and the
// message says why: a function has open shapes or takes numbers that are no tensors; it reads a
// computed value to decide what to do; it counts in a global that is no tensor. INCOMPATIBLE: its
// kernels are no static library. DEADLINE_EXCEEDED: a call takes more than 2^20 branches and calls,
// as one that never ends. OUT_OF_RANGE: it has more than 65,536 steps and bindings, or makes as
// many tensors. Otherwise what loading or calling it gives. Any thread.
EERIE_API eerie_status_t eerie_plan_record(eerie_instance_t *instance, eerie_module_t *module,
                                           eerie_plan_t **out_plan, eerie_error_t *err);
// NULL is harmless.
EERIE_API void eerie_plan_release(eerie_plan_t *plan);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_PLAN_H_
