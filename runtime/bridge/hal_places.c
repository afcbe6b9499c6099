// hal_places.c: programs with several devices: whose buffers a device takes, and where those are
// put that several devices use.
#include "bridge/hal_module.h"

#if EERIE_ASYNC_DEVICES
#include "hal/across.h"

eerie_status_t ee_bridge_check_place(ee_vm_call_t *call, const ee_hal_device_t *device,
                                     const ee_hal_buffer_t *buffer) {
  if (EE_LIKELY(ee_hal_device_uses(device, buffer, true))) return EERIE_OK;
  const ee_bridge_hal_state_t *state = call->state;
  for (size_t i = 0; i < state->device_count; ++i) {
    if (state->devices[i].device == buffer->device) return EERIE_OK;
  }
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                 "the buffer belongs to another device (%s) than the module's (%s), which does not "
                 "reach it: copy it there first",
                 buffer->device->name, device->name);
}

// Whether `user` will use buffers of `owner` where they are, as far as that can be told before
// there is one.
static bool will_use(const ee_hal_device_t *user, const ee_hal_device_t *owner) {
  return user == owner || (!user->driver->async && owner->host_memory);
}
#endif

// The device whose memory most of the others use in place, the first of several: with a CPU and a
// GPU that shares the CPU's memory that is the GPU.
static int32_t best_place(ee_vm_call_t *call, int32_t count) {
  int32_t best = 0;
#if EERIE_ASYNC_DEVICES
  int32_t most = 0;
  for (int32_t i = 0; i < count; ++i) {
    const ee_hal_device_t *owner = (const ee_hal_device_t *)call->arguments[4 + 2 * i].ref;
    int32_t users = 0;
    for (int32_t j = 0; j < count; ++j)
      users += will_use((const ee_hal_device_t *)call->arguments[4 + 2 * j].ref, owner);
    if (users <= most) continue;
    most = users;
    best = i;
  }
#else
  (void)call, (void)count;
#endif
  return best;
}

// memory types, usage, flags, count, (device, queue)... -> device, queue
eerie_status_t ee_bridge_hal_allocator_select(ee_vm_call_t *call) {
  const int32_t count = call->arguments[3].i32;
  if (count < 1) return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "no device to select from");
  ee_hal_device_t *device = NULL;
  for (int32_t i = 0; i < count; ++i)
    EE_TRY(ee_bridge_device(call, 4 + 2 * (uint32_t)i, &device));
  const int32_t place = best_place(call, count);
  device = (ee_hal_device_t *)call->arguments[4 + 2 * place].ref;
  ee_hal_device_retain(device);
  call->results[0].ref = (ee_object_t *)device;
  call->results[1].i64 = call->arguments[5 + 2 * place].i64;
  return EERIE_OK;
}
