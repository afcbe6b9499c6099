// cpu.h: what the files of the cpu driver share.
//
//   device.c      opening, queries             dispatch.c    running operations and kernels
//   executable.c  libraries of kernels         features.c    CPU features by name
//   loaders.c     formats to loaders           elf.c         kernels that travel as ELF
//   elf_machine.c what differs between machines
#ifndef EE_DRIVERS_CPU_CPU_H_
#define EE_DRIVERS_CPU_CPU_H_

#include "drivers/cpu/library.h"
#include "hal/driver.h"

typedef struct ee_cpu_device {
  ee_hal_device_t base;
  uint64_t features[8]; // ee_port_cpu_data
} ee_cpu_device_t;

// An image that a loader has made runnable.
typedef struct ee_cpu_image {
  ee_cpu_library_query_t query;
  uint8_t *pages; // NULL: nothing to free
  size_t size;
} ee_cpu_image_t;

// One way in which kernels come.
typedef struct ee_cpu_loader {
  // Does this build, on this machine, run executables of `format`?
  bool (*supports)(ee_str_t format);
  // `format` may be one that the loader knows but does not support: INCOMPATIBLE says what it is.
  // NOT_FOUND: no format of this loader.
  eerie_status_t (*load)(ee_str_t format, ee_bytes_t data, ee_cpu_image_t *out_image,
                         eerie_error_t *err);
  void (*unload)(ee_cpu_image_t *image);
} ee_cpu_loader_t;

// NULL-terminated (loaders.c, or loaders_bare.c where there is nothing to load).
extern const ee_cpu_loader_t *const ee_cpu_loaders[];

typedef struct ee_cpu_executable {
  ee_hal_executable_t base;
  const ee_cpu_library_t *library;
  const ee_cpu_loader_t *loader;
  ee_cpu_image_t image;
  ee_cpu_environment_t environment;
  size_t allocation_size;
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

eerie_status_t ee_cpu_run(ee_hal_device_t *device, const ee_hal_operation_t *operation,
                          eerie_error_t *err);
eerie_status_t ee_cpu_dispatch(ee_hal_device_t *device, ee_hal_executable_t *executable,
                               const ee_hal_dispatch_t *dispatch, eerie_error_t *err);

// Whether `features` (ee_port_cpu_data) has the feature that LLVM calls `name` on this
// architecture. false: a name that is not in the table.
bool ee_cpu_feature(const uint64_t features[8], ee_str_t name, int64_t *out_value);

#endif // EE_DRIVERS_CPU_CPU_H_
