// hal.h: devices in the abstract: buffers, tensors (buffer views), fences, command lists,
// executables.
//
// The HAL objects are what the `hal` imports of a module work on, and what the public API shows as
// tensors, fences and devices. Everything here is independent of any one driver; a driver
// (driver.h) is asked only to allocate, to load executables and to run operations.
//
//   buffer.c        storage, subspans, files        fence.c     completion, waiting, joining
//   buffer_view.c   shape and dtype over a buffer   command.c   recorded command lists
//   device.c        submission, pending operations  registry.c  drivers by name
//   pool.c          blocks that come back
//
// Threads: objects are reference counted from any thread. A device synchronises itself. A buffer's
// contents belong to whoever the fences say.
#ifndef EE_HAL_HAL_H_
#define EE_HAL_HAL_H_

#include "base/allocator.h"
#include "base/object.h"
#include "hal/atomic.h"
#include "port/port.h"

typedef struct ee_hal_device ee_hal_device_t;
typedef struct ee_hal_allocator ee_hal_allocator_t;
typedef struct ee_hal_buffer ee_hal_buffer_t;
typedef struct ee_hal_buffer_view ee_hal_buffer_view_t;
typedef struct ee_hal_fence ee_hal_fence_t;
typedef struct ee_hal_command_list ee_hal_command_list_t;
typedef struct ee_hal_executable ee_hal_executable_t;
typedef struct ee_hal_file ee_hal_file_t;

// Types as module files name them: "hal.device", "hal.allocator", "hal.buffer", "hal.buffer_view",
// "hal.fence", "hal.command_buffer", "hal.executable", "hal.file", "hal.channel".
extern const ee_object_type_t ee_hal_device_type;
extern const ee_object_type_t ee_hal_allocator_type;
extern const ee_object_type_t ee_hal_buffer_type;
extern const ee_object_type_t ee_hal_buffer_view_type;
extern const ee_object_type_t ee_hal_fence_type;
extern const ee_object_type_t ee_hal_command_list_type;
extern const ee_object_type_t ee_hal_executable_type;
extern const ee_object_type_t ee_hal_file_type;
extern const ee_object_type_t ee_hal_channel_type;

#define EE_HAL_CASTS(name)                                                                         \
  static inline ee_hal_##name##_t *ee_hal_##name##_cast(ee_object_t *object) {                     \
    return object && object->type == &ee_hal_##name##_type ? (ee_hal_##name##_t *)object : NULL;   \
  }
EE_HAL_CASTS(device)
EE_HAL_CASTS(allocator)
EE_HAL_CASTS(buffer)
EE_HAL_CASTS(buffer_view)
EE_HAL_CASTS(fence)
EE_HAL_CASTS(command_list)
EE_HAL_CASTS(executable)
EE_HAL_CASTS(file)

// ---- Buffers ------------------------------------------------------------------------------------

// Bits as modules pass them. Source: enum values in iree/hal/buffer.h of 3.13.
#define EE_HAL_MEMORY_OPTIMAL        (1u << 0)
#define EE_HAL_MEMORY_HOST_VISIBLE   (1u << 1)
#define EE_HAL_MEMORY_HOST_COHERENT  (1u << 2)
#define EE_HAL_MEMORY_HOST_CACHED    (1u << 3)
#define EE_HAL_MEMORY_HOST_LOCAL     (EE_HAL_MEMORY_HOST_VISIBLE | (1u << 6))
#define EE_HAL_MEMORY_DEVICE_VISIBLE (1u << 4)
#define EE_HAL_MEMORY_DEVICE_LOCAL   (EE_HAL_MEMORY_DEVICE_VISIBLE | (1u << 5))

#define EE_HAL_ACCESS_READ  (1u << 0)
#define EE_HAL_ACCESS_WRITE (1u << 1)
// By kernels alone: compilers 3.11 to 3.13 let them update constants in place, where a program
// keeps a constant from being folded and overwrites a part of it.
#define EE_HAL_ACCESS_KERNEL_WRITE (1u << 2)
#define EE_HAL_ACCESS_ALL          (EE_HAL_ACCESS_READ | EE_HAL_ACCESS_WRITE)

// What a buffer may be used for; the bits that Eerie looks at.
#define EE_HAL_USAGE_TRANSFER          0x00000003u
#define EE_HAL_USAGE_DISPATCH          0x00000F00u // indirect parameters, uniforms, storage
#define EE_HAL_USAGE_SHARING           0x00070000u // export, replicate, concurrent
#define EE_HAL_USAGE_SHARING_IMMUTABLE (1u << 19)
#define EE_HAL_USAGE_MAPPING           0x1F000000u

// A range of memory that a device can use. A subspan shares `storage`, the buffer that owns the
// bytes.
struct ee_hal_buffer {
  ee_object_t object;
  ee_hal_device_t *device;  // retained
  ee_hal_buffer_t *storage; // retained; NULL when this is the storage itself
  uint8_t *data;            // host address of byte 0, NULL when the host can't see it
  uint64_t size;            // bytes that may be used
  uint64_t offset;          // of byte 0 in the storage
  uint32_t memory_types;
  uint32_t usage;
  uint32_t access; // EE_HAL_ACCESS_*: constants are read-only
  // Storage only:
  EE_ATOMIC(uint32_t) owners; // hal.buffer.allocation.preserve and discard count here
  void (*release)(void *user, ee_hal_buffer_t *buffer); // imported memory: called at the end
  void *release_user;
  uint64_t driver_handle; // for the driver
  size_t block_size;      // of the device's pool; starts with this struct
#if EERIE_PROFILE
  uint32_t memory_kind; // of storage that is counted, see observe.h; 0: it is not
  uint64_t memory_peak; // the kind's peak without it
  bool memory_in_heap;  // its bytes, which the heap knows as storage
#endif
};

// Allocates from the device, reusing pooled blocks; contents undefined. Any thread.
// `memory_types`, `usage`: what the module asks for; the device may give more.
eerie_status_t ee_hal_buffer_allocate(ee_hal_device_t *device, uint32_t memory_types,
                                      uint32_t usage, uint64_t size, ee_hal_buffer_t **out_buffer,
                                      eerie_error_t *err);
// Wraps host memory without a copy. `release` (may be NULL) is called once when the last user is
// gone, never when this fails. UNIMPLEMENTED: the device does not use this memory where it is.
eerie_status_t ee_hal_buffer_import(ee_hal_device_t *device, uint8_t *data, uint64_t size,
                                    uint32_t access, void (*release)(void *, ee_hal_buffer_t *),
                                    void *release_user, ee_hal_buffer_t **out_buffer,
                                    eerie_error_t *err);
// A part of a buffer; OUT_OF_RANGE when it does not lie inside. The whole range gives the buffer
// itself.
eerie_status_t ee_hal_buffer_subspan(ee_hal_buffer_t *buffer, uint64_t offset, uint64_t size,
                                     ee_hal_buffer_t **out_buffer, eerie_error_t *err);
#if EERIE_ASYNC_DEVICES
// Copies bytes out of a buffer or into it (`source` NULL: zeros), wherever they lie; waits for the
// device where it must. The caller knows that the range is inside and that nobody uses it now.
eerie_status_t ee_hal_buffer_read(const ee_hal_buffer_t *buffer, uint64_t offset, void *target,
                                  size_t size, eerie_error_t *err);
eerie_status_t ee_hal_buffer_write(ee_hal_buffer_t *buffer, uint64_t offset, const void *source,
                                   size_t size, eerie_error_t *err);
#else
static inline eerie_status_t ee_hal_buffer_read(const ee_hal_buffer_t *buffer, uint64_t offset,
                                                void *target, size_t size, eerie_error_t *err) {
  (void)err;
  if (size) memcpy(target, buffer->data + (size_t)offset, size);
  return EERIE_OK;
}
static inline eerie_status_t ee_hal_buffer_write(ee_hal_buffer_t *buffer, uint64_t offset,
                                                 const void *source, size_t size,
                                                 eerie_error_t *err) {
  (void)err;
  if (size && source) memcpy(buffer->data + (size_t)offset, source, size);
  if (size && !source) memset(buffer->data + (size_t)offset, 0, size);
  return EERIE_OK;
}
#endif
static inline void ee_hal_buffer_retain(ee_hal_buffer_t *buffer) {
  ee_object_retain((ee_object_t *)buffer);
}
static inline void ee_hal_buffer_release(ee_hal_buffer_t *buffer) {
  ee_object_release((ee_object_t *)buffer);
}

// ---- Buffer views: tensors ----------------------------------------------------------------------

// Element types are IREE's numbers: numerical kind in the top byte, bits in the lowest
// (0x21000020 is f32); the public eerie_dtype_t has the same values.
#define EE_HAL_ENCODING_DENSE 1u

struct ee_hal_buffer_view {
  ee_object_t object;
  ee_hal_buffer_t *buffer; // retained
  uint32_t element_type;
  uint32_t encoding;
  uint32_t rank;
  size_t block_size; // of the buffer's device's pool
  int64_t *dims;     // `rank` of them, in the same block
};

// Checks that the shape's bytes fit in the buffer. `buffer` is retained.
eerie_status_t ee_hal_buffer_view_create(ee_hal_buffer_t *buffer, uint32_t element_type,
                                         uint32_t encoding, uint32_t rank, const int64_t *dims,
                                         ee_hal_buffer_view_t **out_view, eerie_error_t *err);
// Bytes of a dense tensor, sub-byte elements packed and rounded up; false on overflow or a negative
// dimension.
bool ee_hal_shape_size(uint32_t element_type, uint32_t rank, const int64_t *dims,
                       uint64_t *out_size);

// Writes a shape and dtype as people write them, "2x3xf32", NUL-terminated and cut to fit; returns
// the length written.
size_t ee_hal_shape_format(char *text, size_t capacity, uint32_t element_type, uint32_t rank,
                           const int64_t *dims);

// ---- Fences -------------------------------------------------------------------------------------

// A point in time that operations wait for and signal: pending, signaled, or failed with a status.
// Joined fences are signaled when all their parts are. When the last reference to a pending fence
// goes, nobody can signal it any more: what waits for it is told CANCELLED.
eerie_status_t ee_hal_fence_create(ee_heap_t *heap, ee_hal_fence_t **out_fence, eerie_error_t *err);
// The same, from the device's pool; retains the device.
eerie_status_t ee_hal_fence_create_pooled(ee_hal_device_t *device, ee_hal_fence_t **out_fence,
                                          eerie_error_t *err);
// NULL fences and signaled ones add nothing.
eerie_status_t ee_hal_fence_join(ee_heap_t *heap, ee_hal_fence_t *const *fences, size_t count,
                                 ee_hal_fence_t **out_fence, eerie_error_t *err);
// OK: signaled. DEFERRED: pending. Otherwise the status it failed with, its message put into `err`.
// NULL is signaled. Any thread.
eerie_status_t ee_hal_fence_query(ee_hal_fence_t *fence, eerie_error_t *err);
// Signals (EERIE_OK) or fails the fence and runs what waits for it, on this thread. Only the first
// call counts. `cause` (may be NULL) gives the message of a failure.
void ee_hal_fence_signal(ee_hal_fence_t *fence, eerie_status_t status, const eerie_error_t *cause);
// Blocks. DEADLINE_EXCEEDED when `deadline_ns` (monotonic, INT64_MAX: none) passes first;
// FAILED_PRECONDITION where there are no threads, so that nobody could signal.
eerie_status_t ee_hal_fence_wait(ee_hal_fence_t *fence, int64_t deadline_ns, eerie_error_t *err);
// Calls `function` once when the fence is signaled, failed or dropped: at once, on this thread, if
// it is already. `node` is the caller's storage and must live until then. Waiters are called in the
// order in which they came. Any thread.
typedef struct ee_hal_fence_waiter {
  void (*function)(struct ee_hal_fence_waiter *self, eerie_status_t status);
  struct ee_hal_fence_waiter *next;
  void *user;
} ee_hal_fence_waiter_t;
void ee_hal_fence_notify(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *node);

// Notes that an operation which waits for `wait`, pending, will signal `signal` (may be NULL).
// FAILED_PRECONDITION when they might come to wait for each other, which would never end and never
// be freed: a fence must be given to its one signaler before anybody waits for it, so that all
// waiting goes one way.
eerie_status_t ee_hal_fence_promise(ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                                    eerie_error_t *err);
// Pending, and no operation will signal it.
bool ee_hal_fence_is_forgotten(const ee_hal_fence_t *fence);

#if EERIE_ASYNC_DEVICES
// A pending fence is ahead when a device's queue holds what will signal it: more work for that
// queue need not wait for it on the host. `value`: its number there (driver.h). Only the first call
// counts.
void ee_hal_fence_set_ahead(ee_hal_fence_t *fence, ee_hal_device_t *device, uint64_t value);
// The number on `device`'s queue, 0: the fence is not ahead there.
uint64_t ee_hal_fence_ahead(const ee_hal_fence_t *fence, const ee_hal_device_t *device);
// As query, after a look at the device that a pending fence is ahead on.
eerie_status_t ee_hal_fence_poll(ee_hal_fence_t *fence, eerie_error_t *err);
#else
#define ee_hal_fence_poll ee_hal_fence_query
#endif

// A fence in front of `target`, which ends as it does, CANCELLED when it is dropped. It is what a
// module gets in the place of a program's fence: that one may be waited for before it is promised,
// by asynchronous calls that are started backwards.
eerie_status_t ee_hal_fence_create_before(ee_heap_t *heap, ee_hal_fence_t *target,
                                          ee_hal_fence_t **out_fence, eerie_error_t *err);
// Lets go of the target, when nobody else has the fence yet.
void ee_hal_fence_detach(ee_hal_fence_t *fence);

// ---- Executables --------------------------------------------------------------------------------

// One dispatch to kernels that run on host memory.
typedef struct ee_hal_dispatch {
  uint32_t function;
  uint32_t workgroup_count[3];
  const uint32_t *constants;
  uint32_t constant_count;
  uint32_t binding_count;
  uint8_t *const *bindings; // host addresses
  const size_t *binding_sizes;
  const uint32_t *binding_access; // EE_HAL_ACCESS_*
} ee_hal_dispatch_t;

// What an executable does that the driver of its device did not load: the kernels are functions of
// the host, such as an interpreter above the HAL. Only on devices that have the slot `dispatch`.
typedef struct ee_hal_kernels {
  void (*destroy)(ee_hal_executable_t *executable); // frees it; not the device
  eerie_status_t (*lookup)(ee_hal_executable_t *executable, ee_str_t name, uint32_t *out_function,
                           eerie_error_t *err);
  eerie_status_t (*check)(ee_hal_executable_t *executable, uint32_t function, size_t constant_count,
                          size_t binding_count, eerie_error_t *err);
  // All workgroups, on the calling thread. Several threads may call at once.
  eerie_status_t (*run)(ee_hal_executable_t *executable, const ee_hal_dispatch_t *dispatch,
                        eerie_error_t *err);
  // Optional: what people call it.
  const char *(*name)(const ee_hal_executable_t *executable, uint32_t function);
} ee_hal_kernels_t;

// Loaded kernels; the struct of whoever loaded them starts with this.
struct ee_hal_executable {
  ee_object_t object;
  ee_hal_device_t *device; // retained
  uint32_t function_count;
  const ee_hal_kernels_t *kernels; // NULL: the driver's
};

// NOT_FOUND / INCOMPATIBLE: the device runs no such format; DATA_LOSS: malformed.
eerie_status_t ee_hal_executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                        ee_object_t *data_owner, const uint32_t *constants,
                                        size_t constant_count, ee_hal_executable_t **out_executable,
                                        eerie_error_t *err);
eerie_status_t ee_hal_executable_lookup(ee_hal_executable_t *executable, ee_str_t name,
                                        uint32_t *out_function, eerie_error_t *err);
// Checks what can be known of a dispatch before it runs: function ordinal, counts.
eerie_status_t ee_hal_executable_check(ee_hal_executable_t *executable, uint32_t function,
                                       size_t constant_count, size_t binding_count,
                                       eerie_error_t *err);
// Checks a dispatch and runs it at once on this thread. UNIMPLEMENTED: the device is no host.
eerie_status_t ee_hal_executable_dispatch(ee_hal_executable_t *executable,
                                          const ee_hal_dispatch_t *dispatch, eerie_error_t *err);

// ---- Command lists ------------------------------------------------------------------------------

// Where a command finds a buffer: fixed when recorded, or in a slot of the binding table given at
// execution (`buffer` NULL).
typedef struct ee_hal_binding {
  ee_hal_buffer_t *buffer; // retained by the list
  uint32_t slot;
  uint64_t offset;
  uint64_t size; // UINT64_MAX: to the end
} ee_hal_binding_t;

typedef enum ee_hal_command_kind {
  EE_HAL_COMMAND_DISPATCH,
  EE_HAL_COMMAND_DISPATCH_INDIRECT, // workgroup counts are read from `source` when it runs
  EE_HAL_COMMAND_FILL,
  EE_HAL_COMMAND_UPDATE,
  EE_HAL_COMMAND_COPY,
} ee_hal_command_kind_t;

// One recorded command. Constants, bindings and update bytes stand in the list's arena.
typedef struct ee_hal_command {
  ee_hal_command_kind_t kind;
  struct ee_hal_command *next;
  ee_hal_binding_t source; // copy, dispatch indirect
  ee_hal_binding_t target; // fill, update, copy
  uint64_t pattern;
  uint32_t pattern_size;
  const uint8_t *update_data;
  ee_hal_executable_t *executable; // retained by the list
  uint32_t function;
  uint32_t workgroup_count[3];
  uint16_t constant_count;
  uint16_t binding_count;
  bool after_barrier; // all before it must be done; set by the list
  const uint32_t *constants;
  const ee_hal_binding_t *bindings;
} ee_hal_command_t;

#define EE_HAL_COMMAND_MODE_ONE_SHOT (1u << 0)

// A run of the list's arena; the first one lies in the list's own block.
typedef struct ee_hal_command_block {
  struct ee_hal_command_block *next;
  size_t block_size; // of the device's pool; 0: part of the list
  size_t capacity;
  size_t used;
} ee_hal_command_block_t;

struct ee_hal_command_list {
  ee_object_t object;
  ee_hal_device_t *device; // retained
  uint32_t mode;
  uint32_t binding_capacity; // slots of the table that execution must bring
  ee_hal_command_t *first;
  ee_hal_command_t *last;
  size_t block_size; // of the device's pool
  bool finalized;
  bool barrier;                   // the next command comes after one
  ee_hal_command_block_t *blocks; // newest first
#if EERIE_ASYNC_DEVICES
  void *recorded;                 // the driver's own form of it; NULL: none yet
  struct ee_hal_foreign *foreign; // buffers of other devices, in the last slots (across.h)
  uint32_t foreign_count;
#endif
  ee_hal_command_block_t own; // its bytes follow
};

eerie_status_t ee_hal_command_list_create(ee_hal_device_t *device, uint32_t mode,
                                          uint32_t binding_capacity,
                                          ee_hal_command_list_t **out_list, eerie_error_t *err);
// Records a command. `command` is copied, with its constants, bindings and update bytes; buffers
// and executable are retained. Checked here: alignment of offsets and lengths for fills, ranges of
// fixed buffers, slots below the capacity, function ordinal and the counts that the executable
// expects.
eerie_status_t ee_hal_command_list_append(ee_hal_command_list_t *list,
                                          const ee_hal_command_t *command, uint64_t update_size,
                                          eerie_error_t *err);
// What is recorded from here on begins when all before it is done. Without barriers in between
// commands may run in any order, and at the same time.
static inline void ee_hal_command_list_barrier(ee_hal_command_list_t *list) {
  if (!list->finalized) list->barrier = true;
}
eerie_status_t ee_hal_command_list_finalize(ee_hal_command_list_t *list, eerie_error_t *err);

// ---- Files: constants in host memory that are read into buffers ---------------------------------

struct ee_hal_file {
  ee_object_t object;
  ee_heap_t *heap;
  uint8_t *data; // written only when `access` has EE_HAL_ACCESS_WRITE
  uint64_t size;
  uint32_t access;
  ee_object_t *owner; // retained: keeps `data` alive
};
eerie_status_t ee_hal_file_from_memory(ee_heap_t *heap, uint8_t *data, uint64_t size,
                                       uint32_t access, ee_object_t *owner,
                                       ee_hal_file_t **out_file, eerie_error_t *err);

// ---- Devices and submission ---------------------------------------------------------------------

typedef enum ee_hal_operation_kind {
  EE_HAL_QUEUE_BARRIER,
  EE_HAL_QUEUE_EXECUTE,
  EE_HAL_QUEUE_FILL,
  EE_HAL_QUEUE_UPDATE,
  EE_HAL_QUEUE_COPY,
  EE_HAL_QUEUE_READ,  // file -> buffer
  EE_HAL_QUEUE_WRITE, // buffer -> file
  EE_HAL_QUEUE_DEALLOCATE,
} ee_hal_operation_kind_t;

// One operation on a device's queue. Borrowed by submit, which copies and retains what it keeps.
typedef struct ee_hal_operation {
  ee_hal_operation_kind_t kind;
  ee_hal_command_list_t *commands;
#if EERIE_THREADS
  bool later; // nobody waits for it at once: it may go on after submit has returned
#endif
#if EERIE_ASYNC_DEVICES
  bool complete; // the table has all slots of the list (across.h)
#endif
  const ee_hal_binding_t *bindings; // binding table of EXECUTE, fixed buffers only
  size_t binding_count;
  ee_hal_binding_t source;
  ee_hal_binding_t target;
  const uint8_t *update_data;
  uint64_t update_size;
  uint64_t pattern;
  uint32_t pattern_size;
  ee_hal_file_t *file;
  uint64_t file_offset;
} ee_hal_operation_t;

// Runs `operation` once `wait` is signaled, then signals `signal`. Either may be NULL. When nothing
// has to be waited for, an inline device has done all of it on return. A failure of the operation
// itself is returned and also fails `signal`. A failed `wait` fails `signal` with the same status,
// or is returned when there is no `signal`.
eerie_status_t ee_hal_device_submit(ee_hal_device_t *device, ee_hal_fence_t *wait,
                                    ee_hal_fence_t *signal, const ee_hal_operation_t *operation,
                                    eerie_error_t *err);

// Answers a module's question about the device: ("hal.device.id", "local*"),
// ("hal.executable.format", "embedded-elf-x86_64"), ("hal.device", "concurrency"), ("hal.cpu",
// feature name)... false: unknown.
bool ee_hal_device_query(ee_hal_device_t *device, ee_str_t category, ee_str_t key,
                         int64_t *out_value);

// What hal.device.allocator gives: a name for the device's memory.
struct ee_hal_allocator {
  ee_object_t object;
  ee_hal_device_t *device; // retained
  size_t block_size;
};
eerie_status_t ee_hal_allocator_create(ee_hal_device_t *device, ee_hal_allocator_t **out_allocator,
                                       eerie_error_t *err);

static inline void ee_hal_device_retain(ee_hal_device_t *device) {
  ee_object_retain((ee_object_t *)device);
}
static inline void ee_hal_device_release(ee_hal_device_t *device) {
  ee_object_release((ee_object_t *)device);
}

#endif // EE_HAL_HAL_H_
