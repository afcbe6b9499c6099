// async.c: what devices with memory and a queue of their own need of the front end; hosts only.
#include "hal/driver.h"

#if EERIE_ASYNC_DEVICES

// ---- Bytes of buffers --------------------------------------------------------------------------

eerie_status_t ee_hal_buffer_read(const ee_hal_buffer_t *buffer, uint64_t offset, void *target,
                                  size_t size, eerie_error_t *err) {
  if (size == 0) return EERIE_OK;
  if (buffer->data) {
    memcpy(target, buffer->data + (size_t)offset, size);
    return EERIE_OK;
  }
  return buffer->device->driver->async->transfer((ee_hal_buffer_t *)(uintptr_t)buffer, offset,
                                                 target, size, false, err);
}

eerie_status_t ee_hal_buffer_write(ee_hal_buffer_t *buffer, uint64_t offset, const void *source,
                                   size_t size, eerie_error_t *err) {
  if (size == 0) return EERIE_OK;
  if (!buffer->data) {
    return buffer->device->driver->async->transfer(buffer, offset, (uint8_t *)(uintptr_t)source,
                                                   size, true, err);
  }
  if (source) {
    memcpy(buffer->data + (size_t)offset, source, size);
  } else {
    memset(buffer->data + (size_t)offset, 0, size);
  }
  return EERIE_OK;
}

void ee_hal_device_settle(ee_hal_device_t *device) {
  if (device && device->driver->async) device->driver->async->watch(device, UINT64_MAX);
}

#endif
