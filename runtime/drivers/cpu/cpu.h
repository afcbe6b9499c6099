// cpu.h: what the files of the cpu driver share.
//
//   device.c      opening, queries             dispatch.c    running operations and kernels
//   task.c        the same over threads        workers.c     those threads
//   task_list.c   a submission's commands      task_job.c    those that threads share
//   topology.c    how many, and where          cost.c        what kernels take
//   later.c       threads for what nobody waits for
//   executable.c  libraries of kernels         features.c    CPU features by name
//   loaders.c     formats to loaders           elf.c         kernels that travel as ELF
//   elf_machine.c what differs between machines
//   extension.c   kernels linked into the program
//   imports.c     functions that kernels import
//   plugin.c      such functions in shared libraries
//   system.c      kernels that travel as a shared library
//   shared.c      images that several executables have
//   convention.h  calling kernels
#ifndef EE_DRIVERS_CPU_CPU_H_
#define EE_DRIVERS_CPU_CPU_H_

#include "drivers/cpu/library.h"
#include "hal/driver.h"

// What a program has given to a device (eerie_kernels.h): kernels of its own, or functions for
// kernels to call. Immutable once it hangs on the device, and there as long as the device.
typedef struct ee_cpu_extension {
  struct ee_cpu_extension *next; // an older one
  void (*destroy)(ee_heap_t *heap, struct ee_cpu_extension *extension);
  ee_cpu_library_query_t query; // kernels; NULL: functions
  const char *name;             // of the kernels
  // Fills in what it has of the functions that `symbols` name and that are NULL so far. Fails when
  // it is in trouble, not when it lacks one.
  eerie_status_t (*resolve)(struct ee_cpu_extension *extension, size_t count,
                            const char *const *symbols, ee_cpu_import_t *functions,
                            const void **contexts, eerie_error_t *err);
} ee_cpu_extension_t;

typedef struct ee_cpu_device {
  ee_hal_device_t base;
  uint64_t features[8]; // ee_port_cpu_data
  // Guarded by base.monitor.
  ee_cpu_extension_t *extensions;     // newest first
  struct ee_cpu_shared_image *images; // of loaded executables, see shared.c
} ee_cpu_device_t;

extern const ee_hal_driver_t ee_cpu_driver;      // all devices run inline
extern const ee_hal_driver_t ee_cpu_task_driver; // "local-task" has threads; hosts only
eerie_status_t ee_cpu_device_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                  eerie_error_t *err);
void ee_cpu_device_close(ee_hal_device_t *device);
bool ee_cpu_device_query(ee_hal_device_t *device, ee_str_t category, ee_str_t key,
                         int64_t *out_value);

// An image that a loader has made runnable.
typedef struct ee_cpu_image {
  ee_cpu_library_query_t query;
  uint8_t *pages; // NULL: nothing to free
  size_t size;
  ee_port_library_t library; // of the system's loader
#if EE_CPU_TWO_CONVENTIONS
  bool host_convention; // functions follow the system's, not that of ELF
#endif
  struct ee_cpu_shared_image *shared; // not NULL: the pages are others' too, and counted there
} ee_cpu_image_t;

// One way in which kernels come. `rest` is what stands behind the prefix in the name of a format.
typedef struct ee_cpu_loader {
  const char *prefix; // of the formats that it knows, "embedded-elf-"
  // Does this build, on this machine, run executables of the format?
  bool (*supports)(ee_str_t rest);
  // `data_owner` (or NULL) keeps `data` alive, in place and unchanged.
  // INCOMPATIBLE: a format that the loader knows but does not support, and what it is.
  eerie_status_t (*load)(ee_cpu_device_t *device, ee_str_t rest, ee_bytes_t data,
                         ee_object_t *data_owner, ee_cpu_image_t *out_image, eerie_error_t *err);
  void (*unload)(ee_cpu_device_t *device, ee_cpu_image_t *image);
} ee_cpu_loader_t;

// Programs of one module share its code. ee_cpu_image_share hands the pages of `image`, loaded from
// `data`, to the device; ee_cpu_image_find takes those that another program brought. What either
// gave is given back with ee_cpu_image_release, the last of which frees.
bool ee_cpu_image_find(ee_cpu_device_t *device, ee_bytes_t data, ee_cpu_image_t *out_image);
eerie_status_t ee_cpu_image_share(ee_cpu_device_t *device, ee_bytes_t data, ee_object_t *data_owner,
                                  ee_cpu_image_t *image, eerie_error_t *err);
void ee_cpu_image_release(ee_cpu_device_t *device, ee_cpu_image_t *image);

// What is in this build: loaders.c, loaders_static.c (kernels linked into the program and nothing
// else) or loaders_bare.c (no kernels). The table of loaders ends with NULL.
extern const ee_cpu_loader_t *const ee_cpu_loaders[];
extern const ee_hal_host_kernels_t ee_cpu_host_kernels;

typedef struct ee_cpu_executable {
  ee_hal_executable_t base;
  const ee_cpu_library_t *library;
  const ee_cpu_loader_t *loader;
  ee_cpu_image_t image;
  ee_cpu_environment_t environment;
  size_t allocation_size;
  struct ee_cpu_cost *costs; // of each kernel, see cost.h; may be NULL
  // constants follow
} ee_cpu_executable_t;

eerie_status_t ee_cpu_executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                        ee_object_t *data_owner, const uint32_t *constants,
                                        size_t constant_count, ee_hal_executable_t **out_executable,
                                        eerie_error_t *err);
void ee_cpu_executable_destroy(ee_hal_executable_t *executable);
eerie_status_t ee_cpu_executable_lookup(ee_hal_executable_t *executable, ee_str_t name,
                                        uint32_t *out_function, eerie_error_t *err);
eerie_status_t ee_cpu_dispatch_check(ee_hal_executable_t *executable, uint32_t function,
                                     size_t constant_count, size_t binding_count,
                                     eerie_error_t *err);

// The loader that knows `format`, and the rest of its name; NULL: none.
const ee_cpu_loader_t *ee_cpu_loader_find(ee_str_t format, ee_str_t *out_rest);

// OK: a library that this build runs.
eerie_status_t ee_cpu_library_check(const ee_cpu_library_t *library, eerie_error_t *err);

// Finds the functions that an executable's kernels import. NOT_FOUND names one that nothing offers.
// Bare builds have nothing to load and no imports.
eerie_status_t ee_cpu_imports_provide(ee_cpu_executable_t *executable, eerie_error_t *err);
void ee_cpu_imports_forget(ee_cpu_executable_t *executable);
void ee_cpu_extensions_destroy(ee_cpu_device_t *device);

// What hangs on a device, newest first; each links to an older one.
ee_cpu_extension_t *ee_cpu_extension_newest(ee_cpu_device_t *device);
// Hangs an extension on a device.
void ee_cpu_extension_add(ee_cpu_device_t *device, ee_cpu_extension_t *extension);
eerie_status_t ee_cpu_add_library(ee_hal_device_t *device, ee_hal_kernel_query_t query,
                                  eerie_error_t *err);
eerie_status_t ee_cpu_add_imports(ee_hal_device_t *device, const ee_hal_kernel_import_t *imports,
                                  size_t count, eerie_error_t *err);
eerie_status_t ee_cpu_add_plugin(ee_hal_device_t *device, const char *path, eerie_error_t *err);

eerie_status_t ee_cpu_run(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                          eerie_error_t *err);
eerie_status_t ee_cpu_dispatch(ee_hal_device_t *device, ee_hal_executable_t *executable,
                               const ee_hal_dispatch_t *dispatch, eerie_error_t *err);

// ---- What the ways to run a command list share (dispatch.c) ----

// Scratch memory of kernels, one block for all dispatches of a list.
typedef struct ee_cpu_scratch {
  void *block;
  size_t block_size;
  uint8_t *data;
  size_t size;
} ee_cpu_scratch_t;
eerie_status_t ee_cpu_scratch_reserve(ee_hal_device_t *device, ee_cpu_scratch_t *scratch,
                                      size_t size, eerie_error_t *err);
void ee_cpu_scratch_release(ee_hal_device_t *device, const ee_cpu_scratch_t *scratch);
static inline size_t ee_cpu_local_size(const ee_cpu_executable_t *executable, uint32_t function) {
  return (size_t)executable->library->exports.attributes[function].local_memory_pages *
         EE_CPU_LOCAL_MEMORY_PAGE;
}

eerie_status_t ee_cpu_commands_check(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                                     eerie_error_t *err);
// One command, all of it, on this thread.
eerie_status_t ee_cpu_command_run(ee_hal_device_t *device, const ee_hal_command_t *command,
                                  const ee_hal_operation_t *table, ee_cpu_scratch_t *scratch,
                                  eerie_error_t *err);
// The workgroup counts of an indirect dispatch.
eerie_status_t ee_cpu_dispatch_counts(const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table, uint32_t out_counts[3],
                                      eerie_error_t *err);
// Finds the buffers of a dispatch, whose counts were checked when it was recorded. `arguments` has
// room for as many as it has bindings, and must stay while the dispatch runs.
typedef struct ee_cpu_arguments {
  uint8_t **bindings;
  size_t *sizes;
  uint32_t *access;
} ee_cpu_arguments_t;
eerie_status_t ee_cpu_dispatch_resolve(const ee_hal_command_t *command, const uint32_t counts[3],
                                       const ee_hal_operation_t *table,
                                       const ee_cpu_arguments_t *arguments,
                                       ee_hal_dispatch_t *out_dispatch, eerie_error_t *err);
eerie_status_t ee_cpu_dispatch_state(const ee_cpu_executable_t *executable,
                                     const ee_hal_dispatch_t *dispatch,
                                     ee_cpu_dispatch_state_t *out_state, eerie_error_t *err);
EE_COLD eerie_status_t ee_cpu_kernel_failed(const ee_cpu_library_t *library, uint32_t function,
                                            int code, eerie_error_t *err);

// Whether `features` (ee_port_cpu_data) has the feature that LLVM calls `name` on this
// architecture. false: a name that is not in the table.
bool ee_cpu_feature(const uint64_t features[8], ee_str_t name, int64_t *out_value);

#endif // EE_DRIVERS_CPU_CPU_H_
