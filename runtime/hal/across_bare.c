// across_bare.c: takes the place of across.c and across_copy.c in a build without drivers for GPUs:
// all devices run on the host, and use each other's buffers where they are.
#include "hal/across.h"

#if EERIE_ASYNC_DEVICES

bool ee_hal_device_reaches(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer,
                           bool in_kernels) {
  (void)device, (void)in_kernels;
  return buffer->data != NULL;
}

bool ee_hal_across_is_needed(const ee_hal_device_t *device, const ee_hal_operation_t *operation) {
  (void)device, (void)operation;
  return false;
}

eerie_status_t ee_hal_across_submit(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err) {
  (void)signal, (void)operation;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "buffers that device %s does not see", device->name);
}

eerie_status_t ee_hal_across_record(ee_hal_command_list_t *list, ee_hal_command_t *command,
                                    eerie_error_t *err) {
  (void)list, (void)command, (void)err;
  return EERIE_OK;
}

void ee_hal_across_forget(const ee_hal_command_list_t *list) {
  (void)list;
}

#endif
