// across.h: operations of one device on buffers of another; hosts only.
//
// A device uses the buffers of another where they are when both see them: a host device all that
// have `data`, others what their driver says (`reaches` in driver.h). What is left goes through
// host memory, in steps that hang on fences, so that no thread waits:
//
//   across_copy.c   copies between two devices, piece by piece; fills and files, on the device
//   whose
//                   buffer it is
//   across.c        command lists: for each storage of another device a buffer of this one takes
//   its
//                   place. What the commands read comes in before, what they changed goes back
//                   after
//
// What goes back are runs of bytes that differ from those that came in, so that two devices may
// write to different parts of one buffer at the same time, 16 bytes apart.
#ifndef EE_HAL_ACROSS_H_
#define EE_HAL_ACROSS_H_

#include "hal/driver.h"

#if EERIE_ASYNC_DEVICES

// Whether `device` uses `buffer`, of another one, where it is; in a COPY that is an operation of
// its own, or (`in_kernels`) in anything.
bool ee_hal_device_reaches(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer,
                           bool in_kernels);
// The same, of any buffer; NULL is no matter.
static inline bool ee_hal_device_uses(const ee_hal_device_t *device, const ee_hal_buffer_t *buffer,
                                      bool in_kernels) {
  return EE_LIKELY(!buffer || buffer->device == device) ||
         ee_hal_device_reaches(device, buffer, in_kernels);
}

// Whether the operation has buffers that the device does not use where they are.
bool ee_hal_across_is_needed(const ee_hal_device_t *device, const ee_hal_operation_t *operation);
// Starts such an operation, whose wait is over, and signals `signal` when it is done; NULL: returns
// when it is. An error means that nothing was begun; the caller then fails `signal`.
eerie_status_t ee_hal_across_submit(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err);

// ---- Recording ---------------------------------------------------------------------------------

// A range that a list was recorded with, of a buffer that its device does not reach. Commands find
// it in a slot behind those that the execution brings.
typedef struct ee_hal_foreign {
  struct ee_hal_foreign *next;
  ee_hal_binding_t binding; // its buffer is retained
  uint32_t slot;
} ee_hal_foreign_t;

// Moves buffers that the list's device does not reach out of the bindings of a command, a copy in
// the list's arena that retains nothing yet.
eerie_status_t ee_hal_across_record(ee_hal_command_list_t *list, ee_hal_command_t *command,
                                    eerie_error_t *err);
void ee_hal_across_forget(const ee_hal_command_list_t *list);

// ---- Between the files -------------------------------------------------------------------------

eerie_status_t ee_hal_across_transfer(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                      const ee_hal_operation_t *operation, eerie_error_t *err);
eerie_status_t ee_hal_across_execute(ee_hal_device_t *device, ee_hal_fence_t *signal,
                                     const ee_hal_operation_t *operation, eerie_error_t *err);

// Room in the list's arena (command.c).
void *ee_hal_command_list_take(ee_hal_command_list_t *list, size_t size, eerie_error_t *err);

// Work in steps: each begins when the fences of the one before it are over, on whatever thread
// finds that out.
typedef struct ee_hal_steps {
  ee_hal_fence_waiter_t waiter;
  ee_heap_t *heap;
  // Starts the next step. false: there is none, and the struct may be gone.
  bool (*advance)(struct ee_hal_steps *steps);
  EE_ATOMIC(uint32_t) turns; // of the two who may go on, those who have not come yet
  eerie_status_t status;     // the first failure
  eerie_error_t error;
  ee_hal_fence_t **fences; // those of the step under way
  size_t fence_count, fence_capacity;
} ee_hal_steps_t;

// A fence for something that the step starts, borrowed; NULL: no memory, which is then the failure.
ee_hal_fence_t *ee_hal_steps_fence(ee_hal_steps_t *steps);
// Moves bytes as part of the step.
void ee_hal_steps_move(ee_hal_steps_t *steps, ee_hal_buffer_t *buffer, uint64_t offset,
                       uint8_t *host, uint64_t size, bool to_buffer);
// Notes a failure, where it is the first.
void ee_hal_steps_note(ee_hal_steps_t *steps, eerie_status_t status, const eerie_error_t *cause);
// Begins, or goes on. The last use of `steps` by the caller.
void ee_hal_steps_run(ee_hal_steps_t *steps);
void ee_hal_steps_free(ee_hal_steps_t *steps);

#endif
#endif // EE_HAL_ACROSS_H_
