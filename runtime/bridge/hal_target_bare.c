// hal_target_bare.c: in place of hal_target.c where kernels are linked in and the CPU is known.
#include "bridge/hal_module.h"

eerie_status_t ee_bridge_check_target(ee_vm_call_t *call, ee_hal_device_t *device,
                                      ee_str_t format) {
  const ee_bridge_hal_state_t *state = call->state;
  (void)device, (void)format;
  if (!state->no_native) return EERIE_OK;
  return EE_FAIL(call->err, EERIE_PERMISSION_DENIED, "no_native");
}

eerie_status_t ee_bridge_explain_refusal(ee_vm_call_t *call, ee_hal_device_t *device) {
  (void)call, (void)device;
  return EERIE_OK;
}
