// eerie_profile.h: seeing what the runtime does: calls, dispatches, transfers, waits, memory.
//
// An observer is a function that is told of each thing that has happened, with its begin and end.
// `eerie run --trace`, `eerie profile` and `eerie inspect --memory` are made of it:
//
//   static void show(void *user, const eerie_event_t *event) {
//     if (event->kind == EERIE_EVENT_DISPATCH)
//       fprintf(user, "%s %lld ns\n", event->name, (long long)(event->end_ns - event->begin_ns));
//   }
//   ...
//   eerie_instance_observe(instance, &(eerie_observer_t){.event = show, .user = stderr}, &err);
//
// Without an observer this costs a branch for each of these things; builds with EERIE_PROFILE=0
// have none of it.
#ifndef EERIE_EERIE_PROFILE_H_
#define EERIE_EERIE_PROFILE_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// What memory of tensors is for.
typedef enum eerie_memory_kind {
  EERIE_MEMORY_NONE = 0,
  EERIE_MEMORY_CONSTANTS, // weights and constants where they lie: in the mapping of a file
  EERIE_MEMORY_STATE,     // variables, and constants that had to be copied
  EERIE_MEMORY_TENSORS,   // made by the program: eerie_tensor_create, eerie_tensor_wrap
  EERIE_MEMORY_TRANSIENT, // between the kernels of a call
  EERIE_MEMORY_RESULTS,
} eerie_memory_kind_t;
#define EERIE_MEMORY_KINDS 6

typedef enum eerie_event_kind {
  EERIE_EVENT_CALL = 1, // of a function, from the program's side; `name`. Of eerie_call_async what
                        // it took to start it
  EERIE_EVENT_SUBMIT,   // an operation that a device was given and ran; `name`: "execute", ...
  EERIE_EVENT_DISPATCH, // of a kernel, or the share of it that one worker has done
  EERIE_EVENT_TRANSFER, // `name`: "fill", "copy", "update"; `size`
  EERIE_EVENT_WAIT,     // a thread slept until a fence was signaled
  EERIE_EVENT_ALLOCATE, // memory of a tensor: `memory`, `size`, `id`; a moment
  EERIE_EVENT_FREE,     // the same memory, given back
  EERIE_EVENT_KERNEL,   // a kernel was loaded; told once, before it runs
} eerie_event_kind_t;

// Something that has happened. Pointers are borrowed for the time of the call; names of kernels and
// functions stay as long as the program.
typedef struct eerie_event {
  eerie_event_kind_t kind;
  uint32_t worker;  // of the device's threads; 0: the thread that calls
  int64_t begin_ns; // of the system's monotonic clock
  int64_t end_ns;   // the same as begin_ns for what is a moment
  const char *name;
  uint64_t size; // bytes: of all bindings of a dispatch, of a transfer, of memory
  uint64_t id;   // of memory: the same for its ALLOCATE and FREE. Of a kernel: its executable
  eerie_memory_kind_t memory;
  // Of dispatches and kernels.
  uint32_t function; // number in its executable
  uint32_t workgroup_count[3];
  uint32_t workgroup_size[3]; // 0: the kernel does not say
  uint32_t workgroups_done;   // by this worker
  uint32_t binding_count;
  uint32_t constant_count;
  uint32_t local_memory;   // bytes
  const char *source_file; // where the kernel comes from; NULL: the module does not tell
  uint32_t source_line;
} eerie_event_t;

typedef struct eerie_observer {
  // Called on the thread on which it happened, several of them at once where a device has threads.
  // It must not call functions of the instance that make or release things. NULL: only the figures
  // below are kept.
  void (*event)(void *user, const eerie_event_t *event);
  void *user;
  // Dispatches are told of and not run: what calls would do and allocate shows in no time, and
  // results hold whatever their memory held.
  bool no_kernels;
} eerie_observer_t;

// Observes everything under an instance from now on, in place of an observer before; NULL ends
// that. Not while calls are under way. UNIMPLEMENTED: a build without EERIE_PROFILE.
EERIE_API eerie_status_t eerie_instance_observe(eerie_instance_t *instance,
                                                const eerie_observer_t *observer,
                                                eerie_error_t *err);

// Bytes of one kind that were allocated while an observer looked.
typedef struct eerie_memory_figures {
  uint64_t current;
  uint64_t peak; // most at one time
  uint64_t allocated, freed;
} eerie_memory_figures_t;

// NONE gives all kinds but CONSTANTS together. Any thread.
EERIE_API void eerie_instance_memory_of(const eerie_instance_t *instance, eerie_memory_kind_t kind,
                                        eerie_memory_figures_t *out_figures);
// "constants", "state", "tensors", "transient", "results"; "all" for NONE. Static.
EERIE_API const char *eerie_memory_kind_name(eerie_memory_kind_t kind);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_PROFILE_H_
