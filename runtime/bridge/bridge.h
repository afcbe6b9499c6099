// bridge.h: the native modules that compiled modules import, made of vm and hal.
#ifndef EE_BRIDGE_BRIDGE_H_
#define EE_BRIDGE_BRIDGE_H_

#include "hal/hal.h"
#include "vm/vm.h"

// The `hal` module. `user` of its ee_vm_module_ref_t is an ee_bridge_hal_options_t that lives as
// long as the program is being created; devices are retained in the state.
typedef struct ee_bridge_hal_options {
  ee_hal_device_t *const *devices;
  size_t device_count;
  // Lines of hal.buffer_view.trace; NULL drops them.
  void (*trace)(void *user, ee_str_t line);
  void *trace_user;
  // Weights outside of the modules, in the order in which they are looked at.
  struct ee_params_set *const *parameters;
  size_t parameter_count;
#if EERIE_THREADS
  // Not NULL, and true: the call that runs now is waited for by nobody. Outlives the program.
  const bool *later;
#endif
  bool no_native; // run no kernels but those that the bridge itself interprets
#if EERIE_EVICT
  // NULL: nobody looks. Called before a command list is run, and when it says so after each of its
  // commands as well.
  bool (*between)(void *user);
  void *between_user;
#endif
} ee_bridge_hal_options_t;

// `user` of every module here is the same, and none looks at more of it than it needs.
extern const ee_vm_native_module_t ee_bridge_hal_module;
extern const ee_vm_native_module_t ee_bridge_inline_module;
extern const ee_vm_native_module_t ee_bridge_loader_module;
extern const ee_vm_native_module_t ee_bridge_check_module;
extern const ee_vm_native_module_t ee_bridge_parameters_module;
extern const ee_vm_native_module_t ee_bridge_vmvx_module;

// Executables whose kernels the bridge itself runs: they are made of what it is made of.
typedef struct ee_bridge_format {
  const char *name; // "vmvx-bytecode-fb"
  // `program` is the one that loads; `data_owner` keeps `data` alive and is retained. The device
  // runs kernels on host memory.
  eerie_status_t (*create)(const ee_vm_program_t *program, ee_hal_device_t *device, ee_bytes_t data,
                           ee_object_t *data_owner, const uint32_t *constants,
                           size_t constant_count, ee_hal_executable_t **out_executable,
                           eerie_error_t *err);
} ee_bridge_format_t;

extern const ee_bridge_format_t ee_bridge_vmvx_format;

// What is in this build, NULL-terminated: registry.c, or registry_bare.c where only `hal` is. The
// first module is `hal`.
extern const ee_vm_native_module_t *const ee_bridge_modules[];
extern const ee_bridge_format_t *const ee_bridge_formats[];

// vm wait hook: `object` must be a fence.
eerie_status_t ee_bridge_wait(void *user, ee_object_t *object, int64_t deadline_ns,
                              eerie_error_t *err);

#endif // EE_BRIDGE_BRIDGE_H_
