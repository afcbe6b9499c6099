// cuda.h: what the files of the driver for CUDA and HIP share.
//
// One driver over two libraries, which agree in all but a few entry points (api.h); what differs
// stands in library.c, where each library is a row.
//
//   library.c   the two libraries, opened     physical.c    devices: limits, names, which one
//   device.c    opening, closing, tables      memory.c      chunks from pools, pinned memory
//   ptx.c       what PTX needs to run         executable.c  images to kernels
//   hsaco.c     whether AMD's are whole       record.c      commands to steps
//   queue.c     steps to a stream             graph.c       steps to a graph
//   timing.c    when commands were done       host.c        the program's memory, where it is
//
// A device has one stream, and all its work is in order there; hal/queued.h has the rest. Events
// mark the ends of submissions. A thread's own current context is put back before a function of the
// driver returns.
#ifndef EE_DRIVERS_CUDA_CUDA_H_
#define EE_DRIVERS_CUDA_CUDA_H_

#include "drivers/cuda/api.h"
#include "hal/queued.h"

// Constants and bindings of one dispatch, as the bridge bounds them.
#define EE_CUDA_MAX_CONSTANTS 64u
#define EE_CUDA_MAX_BINDINGS  64u
#define EE_CUDA_MAX_DEVICES   32u
// Of kernels and modules each; compilers put a few hundred into one file at most.
#define EE_CUDA_MAX_PARTS 4096u

// ---- Libraries ---------------------------------------------------------------------------------

typedef struct ee_cuda_library {
  const char *kind;   // "cuda": what devices and modules call it
  const char *name;   // "CUDA"
  const char *format; // of executables
  bool hip;
  ee_cuda_functions_t functions;
} ee_cuda_library_t;

typedef enum ee_cuda_kind { EE_CUDA_KIND_CUDA, EE_CUDA_KIND_HIP } ee_cuda_kind_t;

// Opens a library where that was not done yet; it stays open to the end of the process, as neither
// can be closed safely. NOT_FOUND: it is not installed; INCOMPATIBLE: too old; UNAVAILABLE: it
// finds no device or does not work.
eerie_status_t ee_cuda_library_open(ee_cuda_kind_t kind, const ee_cuda_library_t **out_library,
                                    eerie_error_t *err);
// The status that stands for a failed call of `function`, "cuMemAlloc".
EE_COLD eerie_status_t ee_cuda_library_failed(const ee_cuda_library_t *library, eerie_error_t *err,
                                              const char *function, ee_cuda_result_t result);

// ---- Devices -----------------------------------------------------------------------------------

#define EE_CUDA_MEMBER(member, cuda, hip) int member;
typedef struct ee_cuda_physical {
  ee_cuda_ordinal_t handle;
  uint32_t ordinal;
  char name[128];
  char architecture[32]; // "sm_90", "gfx942"
  uint8_t uuid[16];
  uint64_t memory;
  EE_CUDA_ATTRIBUTES(EE_CUDA_MEMBER)
  EE_CUDA_OPTIONAL_ATTRIBUTES(EE_CUDA_MEMBER)
} ee_cuda_physical_t;

eerie_status_t ee_cuda_physical_read(const ee_cuda_library_t *library, uint32_t ordinal,
                                     ee_cuda_physical_t *out_physical, eerie_error_t *err);
eerie_status_t ee_cuda_physical_count(const ee_cuda_library_t *library, uint32_t *out_count,
                                      eerie_error_t *err);
// Finds the device that `which` names: "" (the first), an ordinal, a UUID.
eerie_status_t ee_cuda_physical_choose(const ee_cuda_library_t *library, ee_str_t which,
                                       ee_cuda_physical_t *out_physical, eerie_error_t *err);
// Whether its memory is the host's, and fast for both.
static inline bool ee_cuda_is_unified(const ee_cuda_physical_t *physical) {
  return physical->integrated && physical->can_map_host;
}
static inline uint32_t ee_cuda_most_shared(const ee_cuda_physical_t *physical) {
  return (uint32_t)(physical->max_shared_opt_in > physical->max_shared ? physical->max_shared_opt_in
                                                                       : physical->max_shared);
}

typedef struct ee_cuda_device {
  ee_hal_queued_t queued;
  const ee_cuda_library_t *library;
  const ee_cuda_functions_t *cu;
  ee_cuda_physical_t physical;
  ee_cuda_context_t context; // primary; CUDA only
  bool entered;              // the context is there
  ee_cuda_stream_t stream;
  ee_cuda_stream_t capture;      // that graphs are recorded on, with `order` held; NULL: no graphs
  ee_cuda_pool_t pool;           // NULL: none
  ee_cuda_stream_t pool_stream;  // has no work, so that what the pool gives is there at once
  uint32_t peers_asked, peers;   // a bit for each ordinal: whose kernels reach this one's memory
  ee_port_monitor_t registering; // guards `registered`, and what is done for it
  struct ee_cuda_registered *registered; // pages of the program's
  uint32_t *counts;        // pinned: workgroup counts that come back, with `order` held
  ee_cuda_event_t *events; // free ones, with the lock held
  uint32_t event_count, event_capacity;
#if EERIE_PROFILE
  ee_hal_device_clock_t clock;
  ee_cuda_event_t clock_event; // the last one whose time is known; NULL: none yet
  double clock_ns;             // its time
#endif
} ee_cuda_device_t;

static inline ee_cuda_device_t *ee_cuda_device(ee_hal_queued_t *queued) {
  return (ee_cuda_device_t *)queued;
}

// Makes the device's context the calling thread's, and gives that back.
typedef struct ee_cuda_scope {
  int ordinal; // HIP's: of the thread
} ee_cuda_scope_t;
ee_cuda_result_t ee_cuda_enter(const ee_cuda_device_t *device, ee_cuda_scope_t *out_scope);
void ee_cuda_leave(const ee_cuda_device_t *device, const ee_cuda_scope_t *scope);
// Whether a result says that the device's context is of no use any more.
bool ee_cuda_is_sticky(ee_cuda_result_t result);
// The status of a failed call. One that lost the device says so; others are the library's.
EE_COLD eerie_status_t ee_cuda_failed(ee_cuda_device_t *device, eerie_error_t *err,
                                      const char *function, ee_cuda_result_t result);

extern const ee_hal_driver_t ee_cuda_driver, ee_hip_driver;
bool ee_cuda_device_info(uint32_t index, ee_hal_device_info_t *out_info);
bool ee_hip_device_info(uint32_t index, ee_hal_device_info_t *out_info);

// ---- Memory ------------------------------------------------------------------------------------

eerie_status_t ee_cuda_memory_create(ee_cuda_device_t *device, eerie_error_t *err);
void ee_cuda_memory_destroy(ee_cuda_device_t *device);
eerie_status_t ee_cuda_chunk_create(ee_hal_queued_t *device, ee_hal_chunk_t *chunk,
                                    eerie_error_t *err);
void ee_cuda_chunk_destroy(ee_hal_queued_t *device, ee_hal_chunk_t *chunk);
bool ee_cuda_memory_trim(ee_hal_queued_t *device);
eerie_status_t ee_cuda_chunk_import(ee_hal_queued_t *device, ee_hal_chunk_t *chunk,
                                    eerie_error_t *err);
// What was imported.
void ee_cuda_chunk_let_go(ee_hal_queued_t *device, const ee_hal_chunk_t *chunk);
// The slot of driver.h.
bool ee_cuda_reaches(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer, bool in_kernels);

// ---- Executables -------------------------------------------------------------------------------

typedef struct ee_cuda_kernel {
  ee_cuda_function_t function;
  char *name;
  uint32_t block[3];
  uint32_t shared_size; // dynamic
  uint32_t constant_count;
  uint32_t binding_count;
  uint32_t module; // of the executable
  bool checked;    // against its module's text
} ee_cuda_kernel_t;

typedef struct ee_cuda_executable {
  ee_hal_executable_t base;
  ee_cuda_kernel_t *kernels; // base.function_count
  ee_cuda_module_t *modules;
  uint32_t module_count;
  ee_object_t *owner; // of the file, which a library may go on to read; may be NULL
} ee_cuda_executable_t;

static inline const ee_cuda_kernel_t *ee_cuda_kernel_of(const ee_hal_command_t *command) {
  return &((const ee_cuda_executable_t *)command->executable)->kernels[command->function];
}

eerie_status_t ee_cuda_executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                         ee_object_t *data_owner, const uint32_t *constants,
                                         size_t constant_count,
                                         ee_hal_executable_t **out_executable, eerie_error_t *err);
void ee_cuda_executable_destroy(ee_hal_executable_t *executable);
eerie_status_t ee_cuda_executable_lookup(ee_hal_executable_t *executable, ee_str_t name,
                                         uint32_t *out_function, eerie_error_t *err);
eerie_status_t ee_cuda_dispatch_check(ee_hal_executable_t *executable, uint32_t function,
                                      size_t constant_count, size_t binding_count,
                                      eerie_error_t *err);

// Whether a device can run PTX, by what it says of itself.
eerie_status_t ee_cuda_ptx_check(const ee_cuda_physical_t *physical, ee_str_t ptx,
                                 eerie_error_t *err);
// Whether the kernels of a module take so many addresses and then so many words: the library reads
// as many arguments as a kernel has.
eerie_status_t ee_cuda_ptx_check_kernels(ee_str_t ptx, uint32_t module, ee_cuda_kernel_t *kernels,
                                         uint32_t count, eerie_error_t *err);
// Whether an image for AMD's GPUs is whole: its library looks for the end in the image itself.
eerie_status_t ee_cuda_hsaco_check(ee_bytes_t image, eerie_error_t *err);

// ---- Steps -------------------------------------------------------------------------------------

typedef enum ee_cuda_step_kind {
  EE_CUDA_STEP_LAUNCH,
  EE_CUDA_STEP_LAUNCH_INDIRECT, // counts are read from `source`
  EE_CUDA_STEP_FILL,
  EE_CUDA_STEP_COPY,
  EE_CUDA_STEP_COPY_PEER, // between `target_device` and `source_device`
  EE_CUDA_STEP_UPLOAD,    // from `host`
  EE_CUDA_STEP_DOWNLOAD,  // to `host`
  EE_CUDA_STEP_STAMP,     // of a recording that is timed: `stamp`
} ee_cuda_step_kind_t;

// What a step comes after. In a stream it comes after all in any case.
typedef enum ee_cuda_order {
  EE_CUDA_ORDER_STEP,    // the step before it, as it is of one command with it
  EE_CUDA_ORDER_COMMAND, // what the command before it comes after
  EE_CUDA_ORDER_BARRIER, // all before it
} ee_cuda_order_t;

// A call of the library, all of it known and checked. Bytes of arguments follow a launch: addresses
// of bindings, then constants.
typedef struct ee_cuda_step {
  uint32_t size; // to the next one
  ee_cuda_step_kind_t kind;
  ee_cuda_order_t order;
  ee_cuda_address_t target;
  ee_cuda_address_t source;
  const ee_cuda_device_t *target_device, *source_device;
  uint8_t *host;
  uint64_t count; // bytes; of a fill: patterns
  uint32_t pattern;
  uint32_t width; // of a pattern: 1, 2, 4
  const ee_cuda_kernel_t *kernel;
  uint32_t grid[3];
  const ee_cuda_event_t *stamp; // which event, each run may have another
} ee_cuda_step_t;

typedef struct ee_cuda_recording {
  ee_hal_recording_t base;
  uint8_t *steps;
  size_t size, capacity;
  uint32_t step_count;
  ee_cuda_order_t order;         // of the next step
  uint32_t uses;                 // since it was recorded
  bool again;                    // it will be used more than once
  bool on_host;                  // a step waits for the host
  ee_cuda_graph_exec_t graph;    // NULL: none
  struct ee_cuda_timing *timing; // NULL: none yet
} ee_cuda_recording_t;

eerie_status_t ee_cuda_recording_create(ee_hal_queued_t *device, ee_hal_recording_t **out_recording,
                                        eerie_error_t *err);
void ee_cuda_recording_clear(ee_hal_queued_t *device, ee_hal_recording_t *recording);
void ee_cuda_recording_destroy(ee_hal_queued_t *device, ee_hal_recording_t *recording);
eerie_status_t ee_cuda_record_list(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                   const ee_hal_operation_t *operation, bool again,
                                   eerie_error_t *err);
eerie_status_t ee_cuda_record_transfer(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                       const ee_hal_command_t *command, eerie_error_t *err);
eerie_status_t ee_cuda_record_staged(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                     const ee_hal_span_t *span, const ee_hal_range_t *range,
                                     bool to_buffer, eerie_error_t *err);

// A new step with `extra` bytes behind it, zeroed; NULL: no memory.
ee_cuda_step_t *ee_cuda_step_add(ee_hal_queued_t *device, ee_cuda_recording_t *recording,
                                 ee_cuda_step_kind_t kind, size_t extra, eerie_error_t *err);

// The place of one failure: which function and how.
typedef struct ee_cuda_failure {
  const char *function;
  ee_cuda_result_t result;
  eerie_status_t status; // where it is not the library's
} ee_cuda_failure_t;
// Makes the call.
void ee_cuda_step_take(ee_cuda_device_t *device, const ee_cuda_step_t *step,
                       ee_cuda_stream_t stream, ee_cuda_failure_t *failure, eerie_error_t *err);
// Makes a recording's graph, with `order` held. Nothing depends on it: where it cannot be made
// there is none.
void ee_cuda_graph_make(ee_cuda_device_t *device, ee_cuda_recording_t *recording);
// Whether the library can.
bool ee_cuda_graph_is_known(const ee_cuda_functions_t *cu);

// ---- Times -------------------------------------------------------------------------------------

#if EERIE_PROFILE
// At the begin of a recording: sets `timed` where somebody looks.
eerie_status_t ee_cuda_timing_begin(ee_cuda_device_t *device, ee_cuda_recording_t *recording,
                                    size_t commands, eerie_error_t *err);
// Behind each command of a recording that is timed, `commands` of them at most.
EE_COLD eerie_status_t ee_cuda_timing_command(ee_cuda_device_t *device,
                                              ee_cuda_recording_t *recording,
                                              const ee_hal_command_t *command,
                                              const ee_hal_operation_t *table, eerie_error_t *err);
EE_COLD void ee_cuda_timing_tell(ee_hal_queued_t *device, const ee_hal_submission_t *submission);
void ee_cuda_timing_destroy(ee_cuda_device_t *device, ee_cuda_recording_t *recording);
// The kernels of an executable that was loaded.
void ee_cuda_timing_kernels(const ee_cuda_executable_t *executable);
#else
#define ee_cuda_timing_begin(device, recording, commands, err)         ((void)(commands), EERIE_OK)
#define ee_cuda_timing_command(device, recording, command, table, err) ((void)(command), EERIE_OK)
#define ee_cuda_timing_tell                                            NULL
#define ee_cuda_timing_destroy(device, recording)                      ((void)0)
#define ee_cuda_timing_kernels(executable)                             ((void)0)
#endif

// ---- The queue ---------------------------------------------------------------------------------

eerie_status_t ee_cuda_queue_create(ee_cuda_device_t *device, eerie_error_t *err);
void ee_cuda_queue_destroy(ee_cuda_device_t *device);
eerie_status_t ee_cuda_queue_submit(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                                    eerie_error_t *err);
// Waits for the stream, in the device's context, whatever comes of it.
void ee_cuda_settle(const ee_cuda_device_t *device);
uint64_t ee_cuda_queue_reached(ee_hal_queued_t *device);
ee_hal_waited_t ee_cuda_queue_wait(ee_hal_queued_t *device, uint64_t value, uint64_t mark,
                                   uint64_t timeout_ns);
void ee_cuda_event_give(ee_hal_queued_t *device, uint64_t mark);
// The counts of an indirect dispatch or a recorded one, against the device's limits.
eerie_status_t ee_cuda_check_grid(const ee_cuda_device_t *device, const ee_cuda_kernel_t *kernel,
                                  const uint32_t grid[3], eerie_error_t *err);

#endif // EE_DRIVERS_CUDA_CUDA_H_
