// driver.h: what a device driver provides.
//
// A driver is one folder under drivers/ and one ee_hal_driver_t. The HAL front end owns objects,
// reference counts, ranges, pools and the order given by fences; a driver is asked for little else
// than to load executables and to run operations whose waits are over. Slots marked optional may be
// NULL.
#ifndef EE_HAL_DRIVER_H_
#define EE_HAL_DRIVER_H_

#include "hal/hal.h"
#include "hal/pool.h"

typedef struct ee_hal_device_info {
  const char *name;        // "local-sync": what `--device` takes
  const char *driver;      // "cpu"
  const char *description; // one line for people
#if EERIE_ASYNC_DEVICES
  // NULL: the driver does not tell.
  const char *target; // what `eerie compile --target` takes for it
  const char *uuid;
  const char *limits; // one line for people
  bool emulated;      // a CPU does the work
#endif
} ee_hal_device_info_t;

// What a program gives to a device whose kernels run on the host: eerie_kernels.h, which says what
// each does. NULL: not in this build.
typedef const void *(*ee_hal_kernel_query_t)(uint32_t max_version, const void *environment);
typedef struct ee_hal_kernel_import {
  const char *symbol;
  int (*function)(void *params, void *context, void *reserved);
  void *context;
} ee_hal_kernel_import_t;
// How a device with threads of its own is opened: eerie_device_options_t, which says what each
// does.
typedef struct ee_hal_device_options {
  size_t threads;
  size_t max_threads;
  const char *cpus;
  uint32_t cores;
  bool pin;
  int32_t spin_us;
  ee_hal_device_t *share;
} ee_hal_device_options_t;

typedef struct ee_hal_host_kernels {
  eerie_status_t (*add_library)(ee_hal_device_t *device, ee_hal_kernel_query_t query,
                                eerie_error_t *err);
  eerie_status_t (*add_imports)(ee_hal_device_t *device, const ee_hal_kernel_import_t *imports,
                                size_t count, eerie_error_t *err);
  eerie_status_t (*add_plugin)(ee_hal_device_t *device, const char *path, eerie_error_t *err);
} ee_hal_host_kernels_t;

#if EERIE_ASYNC_DEVICES
typedef struct ee_hal_async_driver {
  // What modules call such devices ("vulkan"), whatever their names are.
  const char *id;
  // Takes over an operation that begins when number `after` is done (0: now, what it waited for is
  // over) and signals `signal` (may be NULL) when it is done itself: at once, or it marks the fence
  // with ee_hal_fence_set_ahead before it returns and signals it later. An error means that nothing
  // of it was done; the front end then fails `signal`.
  eerie_status_t (*submit)(ee_hal_device_t *device, uint64_t after, ee_hal_fence_t *signal,
                           const ee_hal_operation_t *operation, eerie_error_t *err);
  // Returns when all up to number `value` are done and their fences signaled, or the deadline
  // (INT64_MAX: none, 0: only looks) has passed. May also return when another thread is at it.
  void (*wait)(ee_hal_device_t *device, uint64_t value, int64_t deadline_ns);
  // Number `value` is waited for by somebody who will not call `wait`: a thread of the driver's has
  // to.
  void (*watch)(ee_hal_device_t *device, uint64_t value);
  // Copies between the host and a buffer without `data`, at once. Whoever calls knows that nothing
  // on the device uses the bytes. `write` with `host` NULL writes zeros.
  eerie_status_t (*transfer)(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host, size_t size,
                             bool write, eerie_error_t *err);
  // The list goes, with what `list->recorded` says.
  void (*forget)(ee_hal_command_list_t *list);
  // Optional: whether `device` can use `buffer`, of another device of this driver, where it is: in
  // kernels and all, or only as one side of a COPY that is an operation of its own (`in_kernels`
  // false), as between peers. Operations then come with such buffers. What they wait for says when
  // the bytes are there, as ever. NULL: never. What is not reached goes through host memory
  // (across.h), and the driver sees buffers of its own device only.
  bool (*reaches)(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer, bool in_kernels);
  // Optional: has the device use memory of the host where it is, `buffer->size` bytes from
  // `buffer->data` on: sets `driver_handle` and the bits that it grants. `buffer_free` undoes it,
  // before the memory's owner is told. UNIMPLEMENTED: not this memory, the message says why.
  // NULL: never.
  eerie_status_t (*buffer_import)(ee_hal_device_t *device, ee_hal_buffer_t *buffer,
                                  eerie_error_t *err);
} ee_hal_async_driver_t;
#endif

// Work that a device does on a thread of its own.
typedef struct ee_hal_task {
  struct ee_hal_task *next;
  void (*run)(struct ee_hal_task *task);
  uint64_t float_mode; // of the thread that it comes from
} ee_hal_task_t;

typedef struct ee_hal_driver {
  uint32_t size; // sizeof(ee_hal_driver_t): tables grow at the end only
  const char *name;

  // Lists what this driver could open now. false: `index` is past the end.
  bool (*device_info)(uint32_t index, ee_hal_device_info_t *out_info);
  // `spec` is the whole device string, "local-sync" or "vulkan://0"; NOT_FOUND when it is not this
  // driver's.
  eerie_status_t (*device_open)(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                eerie_error_t *err);
  void (*device_close)(ee_hal_device_t *device);

  bool (*query)(ee_hal_device_t *device, ee_str_t category, ee_str_t key, int64_t *out_value);

  // Optional: storage that is not plain host memory. The front end has filled in the buffer's size
  // and bits; the driver sets `data` (or NULL), `driver_handle` and the bits that it grants. NULL:
  // the front end allocates host memory.
  eerie_status_t (*buffer_allocate)(ee_hal_device_t *device, ee_hal_buffer_t *buffer,
                                    eerie_error_t *err);
  void (*buffer_free)(ee_hal_device_t *device, ee_hal_buffer_t *buffer);

  // `data_owner` keeps `data` alive and may be retained. The executable starts with an
  // ee_hal_executable_t that the driver initialises (type ee_hal_executable_type).
  eerie_status_t (*executable_create)(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                      ee_object_t *data_owner, const uint32_t *constants,
                                      size_t constant_count, ee_hal_executable_t **out_executable,
                                      eerie_error_t *err);
  // Frees it; the front end then releases the device.
  void (*executable_destroy)(ee_hal_executable_t *executable);
  eerie_status_t (*executable_lookup)(ee_hal_executable_t *executable, ee_str_t name,
                                      uint32_t *out_function, eerie_error_t *err);
  // Checks a dispatch when it is recorded: function ordinal, constant and binding counts.
  eerie_status_t (*dispatch_check)(ee_hal_executable_t *executable, uint32_t function,
                                   size_t constant_count, size_t binding_count, eerie_error_t *err);

  // Runs one operation whose waits are over. Inline devices finish it before they return.
  eerie_status_t (*run)(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                        eerie_error_t *err);

  // Optional, for devices whose kernels run on host memory: does one dispatch at once; its counts
  // are checked. Such a device also runs executables with `kernels` of their own.
  eerie_status_t (*dispatch)(ee_hal_device_t *device, ee_hal_executable_t *executable,
                             const ee_hal_dispatch_t *dispatch, eerie_error_t *err);

  // Optional: devices whose kernels run on the host.
  const ee_hal_host_kernels_t *host_kernels;

  // Optional: `device_open` with options, for devices with threads of their own.
  eerie_status_t (*device_open_with)(ee_heap_t *heap, ee_str_t spec,
                                     const ee_hal_device_options_t *options,
                                     ee_hal_device_t **out_device, eerie_error_t *err);

#if EERIE_ASYNC_DEVICES
  // Optional: devices whose work goes on after they were given it, and which may keep memory where
  // the host sees none. With `submit` come all slots below; `run` is not called then.
  //
  // Such a device has one queue, in order: what is given to it is numbered from 1 on, and whatever
  // has number N is done when all up to N are. That is how work waits for work on the device
  // without the host between them.
  const ee_hal_async_driver_t *async;
#endif

  // Optional: has `task`, which does `operation`, run on another thread; tasks begin in the order
  // in which they come. false: it is not worth it, or there is no thread; the front end runs it.
  bool (*later)(ee_hal_device_t *device, const ee_hal_operation_t *operation, ee_hal_task_t *task);
  // With `later`: waits for the tasks that came so far; not on a thread that runs them.
  void (*settle)(ee_hal_device_t *device);
} ee_hal_driver_t;

// The front end's part of a device; a driver's own struct starts with it.
struct ee_hal_device {
  ee_object_t object;
  const ee_hal_driver_t *driver;
  ee_heap_t *heap;
  char name[32];
#if EERIE_ASYNC_DEVICES
  bool host_memory; // all its buffers have `data`, so that host devices use them too; by the driver
#endif
  size_t allocation_size;
  ee_hal_pool_t pool;
  // Operations whose wait is over, run in order by one thread at a time.
  ee_port_monitor_t monitor; // guards the rest
  struct ee_hal_pending *ready_first;
  struct ee_hal_pending *ready_last;
  bool draining;
};

// Fills the front end's part; the driver then owns one reference for its caller. When the last
// reference goes the front end calls driver->device_close, which ends with
// ee_hal_device_deinitialize and frees the struct.
void ee_hal_device_initialize(ee_hal_device_t *device, const ee_hal_driver_t *driver,
                              ee_heap_t *heap, ee_str_t name, size_t allocation_size);
void ee_hal_device_deinitialize(ee_hal_device_t *device);

// Every block of a device's pool that is in use keeps the device; so the objects of a call hold it
// without a count that all threads share.
static inline void *ee_hal_device_allocate(ee_hal_device_t *device, size_t size, size_t *out_size) {
  return ee_hal_pool_allocate(&device->pool, size, out_size);
}
static inline void ee_hal_device_free(ee_hal_device_t *device, void *block, size_t size) {
  if (EE_UNLIKELY(ee_hal_pool_free(&device->pool, block, size)))
    device->driver->device_close(device);
}
// The same for what holds a device without a block of it, as work under way does. A reference
// (ee_hal_device_retain) is for those who were given one: when the last of them has gone, blocks
// and these alone count.
static inline void ee_hal_device_keep(ee_hal_device_t *device) {
  ee_hal_pool_keep(&device->pool);
}
static inline void ee_hal_device_drop(ee_hal_device_t *device) {
  if (EE_UNLIKELY(ee_hal_pool_drop(&device->pool))) device->driver->device_close(device);
}
// Fills the front end's part of an executable; keeps the device.
void ee_hal_executable_initialize(ee_hal_executable_t *executable, ee_hal_device_t *device,
                                  uint32_t function_count);

// Resolves a binding against the table: a host address (NULL when the device has none) and a
// length, or OUT_OF_RANGE with names. Used by drivers on every operation.
eerie_status_t ee_hal_binding_resolve(const ee_hal_binding_t *binding,
                                      const ee_hal_binding_t *table, size_t table_count,
                                      uint32_t access, uint8_t **out_data, uint64_t *out_size,
                                      eerie_error_t *err);

#if EERIE_ASYNC_DEVICES
// Somebody lets go of the device who may have left work in flight that nobody waits for: a thread
// sees to its end, as what is in flight holds the device.
void ee_hal_device_settle(ee_hal_device_t *device);
#endif

// The drivers in this build, NULL-terminated (drivers/registry.c).
extern const ee_hal_driver_t *const ee_hal_drivers[];

// Opens "local-sync", "local-task", "local-sync://0" and so on through the drivers in order.
eerie_status_t ee_hal_device_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                  eerie_error_t *err);

#endif // EE_HAL_DRIVER_H_
