// observe.h: telling an observer (eerie_profile.h) what happens.
//
// The observer hangs on the heap, which everything under an instance has at hand. While there is
// none, each place that would tell costs a branch; where EERIE_PROFILE is 0, as in a core without a
// system, not a byte. What is done when there is one stands in observe.c, a host's file.
#ifndef EE_HAL_OBSERVE_H_
#define EE_HAL_OBSERVE_H_

#include "hal/hal.h"
#include "port/ticks.h"

// The values of eerie_event_kind_t and eerie_memory_kind_t.
typedef enum ee_hal_event_kind {
  EE_HAL_EVENT_CALL = 1,
  EE_HAL_EVENT_SUBMIT,
  EE_HAL_EVENT_DISPATCH,
  EE_HAL_EVENT_TRANSFER,
  EE_HAL_EVENT_WAIT,
  EE_HAL_EVENT_ALLOCATE,
  EE_HAL_EVENT_FREE,
  EE_HAL_EVENT_KERNEL,
} ee_hal_event_kind_t;
typedef enum ee_hal_memory_kind {
  EE_HAL_MEMORY_KIND_NONE = 0,
  EE_HAL_MEMORY_KIND_CONSTANTS,
  EE_HAL_MEMORY_KIND_STATE,
  EE_HAL_MEMORY_KIND_TENSORS,
  EE_HAL_MEMORY_KIND_TRANSIENT,
  EE_HAL_MEMORY_KIND_RESULTS,
  EE_HAL_MEMORY_KINDS,
} ee_hal_memory_kind_t;

#if EERIE_PROFILE

// The layout of eerie_event_t, whose header says what each member is.
typedef struct ee_hal_event {
  ee_hal_event_kind_t kind;
  uint32_t worker;
  int64_t begin_ns;
  int64_t end_ns;
  const char *name;
  uint64_t size;
  uint64_t id;
  ee_hal_memory_kind_t memory;
  uint32_t function;
  uint32_t workgroup_count[3];
  uint32_t workgroup_size[3];
  uint32_t workgroups_done;
  uint32_t binding_count;
  uint32_t constant_count;
  uint32_t local_memory;
  const char *source_file;
  uint32_t source_line;
  const char *device;
} ee_hal_event_t;

typedef struct ee_hal_memory_counter {
  EE_ATOMIC(uint64_t) current;
  EE_ATOMIC(uint64_t) peak;
  EE_ATOMIC(uint64_t) allocated;
  EE_ATOMIC(uint64_t) outside; // of `current`: what the heap does not have
} ee_hal_memory_counter_t;

typedef struct ee_observer {
  void (*event)(void *user, const ee_hal_event_t *event); // NULL: only counts
  void *user;
  void (*told)(void); // what `event` passes it on to, in the types of the public interface
  void *told_user;
  bool no_kernels;
  ee_port_ticks_t ticks;       // the clock of all that is told
  EE_ATOMIC(uint32_t) loading; // programs whose initialisers run: what they make is state
  // The first counts all of these kinds but constants.
  ee_hal_memory_counter_t memory[EE_HAL_MEMORY_KINDS];
} ee_observer_t;

// When something began; 0: nobody looks. Not to be held against ee_port_time_ns: see ticks.h.
static inline int64_t ee_hal_observe_begin(const ee_heap_t *heap) {
  return EE_UNLIKELY(heap->observer != NULL) ? ee_port_ticks_ns(&heap->observer->ticks) : 0;
}
// The same, of commands that ee_hal_observe_command has something to say about.
static inline int64_t ee_hal_observe_transfer(const ee_heap_t *heap,
                                              const ee_hal_command_t *command) {
  const bool dispatch =
      command->kind == EE_HAL_COMMAND_DISPATCH || command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
  return dispatch ? 0 : ee_hal_observe_begin(heap);
}
// The same, of operations that do something.
static inline int64_t ee_hal_observe_operation(const ee_heap_t *heap,
                                               ee_hal_operation_kind_t kind) {
  const bool nothing = kind == EE_HAL_QUEUE_BARRIER || kind == EE_HAL_QUEUE_DEALLOCATE;
  return nothing ? 0 : ee_hal_observe_begin(heap);
}
static inline bool ee_hal_observe_skips(const ee_heap_t *heap) {
  return heap->observer && heap->observer->no_kernels;
}

void ee_hal_observe_event(const ee_heap_t *heap, const ee_hal_event_t *event);
// What began at `begin_ns` (not 0) is over.
EE_COLD void ee_hal_observe_span(const ee_heap_t *heap, ee_hal_event_kind_t kind, const char *name,
                                 uint64_t size, int64_t begin_ns);
EE_COLD void ee_hal_observe_submit(const ee_heap_t *heap, ee_hal_operation_kind_t kind,
                                   int64_t begin_ns);
// A command that `worker` has run; dispatches are told by who runs them.
EE_COLD void ee_hal_observe_command(const ee_heap_t *heap, const ee_hal_command_t *command,
                                    uint32_t worker, int64_t begin_ns);
EE_COLD void ee_hal_observe_allocate(ee_hal_buffer_t *buffer, ee_hal_memory_kind_t kind);
EE_COLD void ee_hal_observe_free(ee_hal_buffer_t *buffer);
EE_COLD void ee_hal_observe_move(ee_hal_buffer_t *storage);
// A kernel that was loaded; `event` has what its driver knows of it.
EE_COLD void ee_hal_observe_kernel(const ee_hal_executable_t *executable, uint32_t function,
                                   ee_hal_event_t *event);
// Initialisers of a program begin or are over.
EE_COLD void ee_hal_observe_loading(const ee_heap_t *heap, bool begins);

#if EERIE_ASYNC_DEVICES
// ---- Devices that do things later and have a clock of their own ----
//
// Their drivers ask when they record a command whether it has to be timed, describe it then and
// keep the event beside the recording. When the device has done it, it is told with its times.

static inline bool ee_hal_observe_tells(const ee_heap_t *heap) {
  return EE_UNLIKELY(heap->observer != NULL) && heap->observer->event != NULL;
}
// All that will be told of a dispatch, fill, update or copy but its times and what the driver knows
// of a kernel: name, workgroup_size, local_memory, source. `table`: the execution's; may be NULL.
EE_COLD void ee_hal_observe_describe(const ee_hal_device_t *device, const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, ee_hal_event_t *out_event);

// How a device's clock, in nanoseconds from any moment on, stands to the observer's. All zero
// before the first look. One thread at a time.
typedef struct ee_hal_device_clock {
  int64_t least, most; // the observer's time minus the device's lies between
  int64_t set_ns;
  int64_t told_ns; // the end of what was told last
} ee_hal_device_clock_t;
// A look at both: the device's clock showed `first` not before the observer's showed `earliest`,
// and `last` not after it showed `latest`. All looks are taken together, the older ones with some
// drift.
EE_COLD void ee_hal_device_clock_meet(ee_hal_device_clock_t *clock, int64_t first, int64_t earliest,
                                      int64_t last, int64_t latest);
// Tells a described event that lasted from `begin` to `end` of the device's clock. One queue's
// events come in order and do not overlap.
EE_COLD void ee_hal_observe_on_device(const ee_hal_device_t *device, ee_hal_device_clock_t *clock,
                                      ee_hal_event_t *event, int64_t begin, int64_t end);
#endif

// Storage of the heap that is about to be allocated: is it counted there?
static inline bool ee_hal_observe_storage(ee_heap_t *heap, size_t size) {
  if (EE_LIKELY(heap->observer == NULL)) return false;
  ee_heap_count_storage(heap, size);
  return true;
}
#define ee_hal_observe_no_storage(heap, size)   ee_heap_forget_storage(heap, size)
#define ee_hal_observe_in_heap(buffer, in_heap) ((void)((buffer)->memory_in_heap = (in_heap)))

// New storage: what it is for.
static inline void ee_hal_observe_buffer(ee_hal_buffer_t *buffer, const ee_heap_t *heap,
                                         ee_hal_memory_kind_t kind) {
  if (EE_UNLIKELY(heap->observer != NULL)) ee_hal_observe_allocate(buffer, kind);
}
// A module makes a tensor of it, which it does with results: only then it shows what it is.
static inline void ee_hal_observe_result(ee_hal_buffer_t *buffer) {
  ee_hal_buffer_t *const storage = buffer->storage ? buffer->storage : buffer;
  if (EE_UNLIKELY(storage->memory_kind == EE_HAL_MEMORY_KIND_TRANSIENT)) {
    ee_hal_observe_move(storage);
  }
}

#else

#define ee_hal_observe_transfer(heap, command)              ((void)(heap), (int64_t)0)
#define ee_hal_observe_operation(heap, kind)                ((void)(heap), (int64_t)0)
#define ee_hal_observe_begin(heap)                          ((void)(heap), (int64_t)0)
#define ee_hal_observe_skips(heap)                          false
#define ee_hal_observe_span(heap, kind, name, size, from)   ((void)0)
#define ee_hal_observe_submit(heap, kind, from)             ((void)0)
#define ee_hal_observe_command(heap, command, worker, from) ((void)0)
#define ee_hal_observe_storage(heap, size)                  ((void)(heap), false)
#define ee_hal_observe_no_storage(heap, size)               ((void)0)
#define ee_hal_observe_in_heap(buffer, in_heap)             ((void)(in_heap))
#define ee_hal_observe_tells(heap)                          ((void)(heap), false)
#define ee_hal_observe_buffer(buffer, heap, kind)           ((void)0)
#define ee_hal_observe_result(buffer)                       ((void)0)

#endif

#endif // EE_HAL_OBSERVE_H_
