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
} ee_bridge_hal_options_t;

extern const ee_vm_native_module_t ee_bridge_hal_module;

// vm wait hook: `object` must be a fence.
eerie_status_t ee_bridge_wait(void *user, ee_object_t *object, int64_t deadline_ns,
                              eerie_error_t *err);

#endif // EE_BRIDGE_BRIDGE_H_
