// tensor_copy.c: tensors from one device to another; hosts only.
#include "api/api.h"

// As tensors that the caller makes are (tensor.c).
#define TENSOR_MEMORY (EE_HAL_MEMORY_DEVICE_LOCAL | EE_HAL_MEMORY_HOST_VISIBLE)
#define TENSOR_USAGE  (EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH | 0x07000000u) // mapping

eerie_device_t *eerie_tensor_device(const eerie_tensor_t *tensor) {
  return (eerie_device_t *)ee_api_tensor(tensor)->buffer->device;
}

// Room for the same on `device`.
static eerie_status_t make_target(const ee_hal_buffer_view_t *source, uint64_t size,
                                  ee_hal_device_t *device, ee_hal_buffer_view_t **out_view,
                                  eerie_error_t *err) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_hal_buffer_allocate(device, TENSOR_MEMORY, TENSOR_USAGE, size, &buffer, err));
  ee_hal_observe_buffer(buffer, device->heap, EE_HAL_MEMORY_KIND_TENSORS);
  const eerie_status_t status = ee_hal_buffer_view_create(
      buffer, source->element_type, source->encoding, source->rank, source->dims, out_view, err);
  ee_hal_buffer_release(buffer);
  return status;
}

static eerie_status_t copy(const eerie_tensor_t *tensor, ee_hal_device_t *device,
                           ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                           ee_hal_buffer_view_t **out_view, eerie_error_t *err) {
  const ee_hal_buffer_view_t *source = ee_api_tensor(tensor);
  const uint64_t size = eerie_tensor_size(tensor);
  EE_TRY(make_target(source, size, device, out_view, err));
  const ee_hal_operation_t operation = {
      .kind = size ? EE_HAL_QUEUE_COPY : EE_HAL_QUEUE_BARRIER,
      .source = {source->buffer, 0, 0, size},
      .target = {(*out_view)->buffer, 0, 0, size},
  };
  return ee_hal_device_submit(device, wait, signal, &operation, err);
}

// Copies behind `signal`, which fails with what goes wrong here.
static eerie_status_t copy_fenced(const eerie_tensor_t *tensor, eerie_device_t *device,
                                  ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                                  eerie_tensor_t **out_tensor, eerie_error_t *err) {
  ee_hal_buffer_view_t *view = NULL;
  const eerie_status_t status = copy(tensor, ee_api_device(device), wait, signal, &view, err);
  if (status != EERIE_OK) {
    ee_hal_fence_signal(signal, status, err);
    ee_object_release((ee_object_t *)view);
    return status;
  }
  *out_tensor = (eerie_tensor_t *)view;
  return EERIE_OK;
}

eerie_status_t eerie_tensor_copy_async(const eerie_tensor_t *tensor, eerie_device_t *device,
                                       eerie_fence_t *wait, eerie_fence_t *signal,
                                       eerie_tensor_t **out_tensor, eerie_error_t *err) {
  *out_tensor = NULL;
  eerie_error_t own = {.code = EERIE_OK};
  if (!err) err = &own;
  ee_heap_t *heap = ee_api_device(device)->heap;
  ee_hal_fence_t *before = NULL;
  // The caller's may be waited for already (ee_hal_fence_create_before). Without one there is still
  // somebody to signal, so that nothing waits here.
  eerie_status_t status = signal
                              ? ee_hal_fence_create_before(heap, ee_api_fence(signal), &before, err)
                              : ee_hal_fence_create(heap, &before, err);
  if (status == EERIE_OK) {
    status = copy_fenced(tensor, device, ee_api_fence(wait), before, out_tensor, err);
  } else {
    ee_hal_fence_signal(ee_api_fence(signal), status, err);
  }
  ee_object_release((ee_object_t *)before);
  return status;
}

eerie_status_t eerie_tensor_copy(const eerie_tensor_t *tensor, eerie_device_t *device,
                                 eerie_tensor_t **out_tensor, eerie_error_t *err) {
  *out_tensor = NULL;
  eerie_error_t own = {.code = EERIE_OK};
  if (!err) err = &own;
  ee_hal_fence_t *done = NULL;
  EE_TRY(ee_hal_fence_create(ee_api_device(device)->heap, &done, err));
  eerie_status_t status = copy_fenced(tensor, device, NULL, done, out_tensor, err);
  if (status == EERIE_OK) status = ee_hal_fence_wait(done, INT64_MAX, err);
  ee_object_release((ee_object_t *)done);
  if (status == EERIE_OK) return EERIE_OK;
  eerie_tensor_release(*out_tensor);
  *out_tensor = NULL;
  return status;
}
