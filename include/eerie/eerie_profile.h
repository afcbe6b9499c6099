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

// What memory is for: the first five kinds are of tensors, and those that events tell of.
typedef enum eerie_memory_kind {
  EERIE_MEMORY_NONE = 0,
  EERIE_MEMORY_CONSTANTS, // weights and constants where they lie: in the mapping of a file
  EERIE_MEMORY_STATE,     // variables, and constants that had to be copied
  EERIE_MEMORY_TENSORS,   // made by the program: eerie_tensor_create, eerie_tensor_wrap
  EERIE_MEMORY_TRANSIENT, // between the kernels of a call
  EERIE_MEMORY_RESULTS,
  EERIE_MEMORY_CODE,  // kernels made runnable, what modules and executables are read into
  EERIE_MEMORY_OTHER, // the rest of what eerie_instance_memory counts: programs, stacks, devices,
                      // blocks that wait for the next call, tensors that nobody has observed
} eerie_memory_kind_t;
#define EERIE_MEMORY_KINDS 8

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
  uint32_t worker;  // of the device's threads; 0: the thread that calls, and where `device` is set
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
  // What a device with a queue of its own has done, by the device's clock turned into the system's:
  // its name, "vulkan:0", which stays as long as the device. NULL: a thread of this process did it.
  const char *device;
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

// Bytes of one kind: of tensors those that were allocated while an observer looked, of code all.
// The peak of OTHER is known from the first observer on. What all kinds have `in_heap`, NONE left
// out, adds up to the current bytes of eerie_instance_memory while nothing is under way; peaks are
// of different moments and do not.
typedef struct eerie_memory_figures {
  uint64_t current;
  uint64_t peak;             // most at one time
  uint64_t allocated, freed; // in all; 0 for CODE and OTHER, where that is not counted
  uint64_t in_heap;          // of `current`: what eerie_instance_memory counts. The rest lies in a
                             // mapped file, in the caller's memory or in that of a device
} eerie_memory_figures_t;

// NONE gives STATE, TENSORS, TRANSIENT and RESULTS together. Any thread.
EERIE_API void eerie_instance_memory_of(const eerie_instance_t *instance, eerie_memory_kind_t kind,
                                        eerie_memory_figures_t *out_figures);
// "constants", "state", "tensors", "transient", "results", "code", "other"; "all" for NONE. Static.
EERIE_API const char *eerie_memory_kind_name(eerie_memory_kind_t kind);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_PROFILE_H_
