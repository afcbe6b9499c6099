// hal_pieces.c: command lists run a command at a time, so that somebody can look in between.
//
// While a program is made, its initialisers may run through more constants than should be in memory
// at once; see ee_bridge_hal_options_t.between. On devices in host memory an operation that waits
// for nothing is done when its submission returns.
#include "bridge/hal_module.h"

#if EERIE_EVICT

static eerie_status_t run_pieces(const ee_bridge_hal_state_t *state, ee_hal_device_t *device,
                                 const ee_hal_operation_t *operation, eerie_error_t *err) {
  ee_hal_command_list_t piece = *operation->commands;
  ee_hal_operation_t one = *operation;
  one.commands = &piece;
  eerie_status_t status = EERIE_OK;
  for (ee_hal_command_t *command = piece.first; command && status == EERIE_OK;
       command = command->next) {
    // A program that is not there yet shares no list with anybody.
    ee_hal_command_t *const next = command->next;
    command->next = NULL;
    piece.first = piece.last = command;
    status = ee_hal_device_submit(device, NULL, NULL, &one, err);
    command->next = next;
    (void)state->between(state->between_user);
  }
  return status;
}

eerie_status_t ee_bridge_execute(ee_vm_call_t *call, ee_hal_device_t *device, ee_hal_fence_t *wait,
                                 ee_hal_fence_t *signal, const ee_hal_operation_t *operation) {
  const ee_bridge_hal_state_t *state = call->state;
  const ee_hal_command_list_t *list = operation->commands;
  if (EE_LIKELY(!state->between || !state->between(state->between_user)) ||
      device->driver->buffer_allocate || !list->finalized || !list->first ||
      ee_hal_fence_query(wait, NULL) != EERIE_OK) {
    return ee_hal_device_submit(device, wait, signal, operation, call->err);
  }
  eerie_error_t own;
  own.message[0] = 0;
  eerie_error_t *const err = call->err ? call->err : &own;
  const eerie_status_t status = run_pieces(state, device, operation, err);
  ee_hal_fence_signal(signal, status, status == EERIE_OK ? NULL : err);
  return status;
}

#endif
