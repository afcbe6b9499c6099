// tensor.c: tensors, which are buffer views of the HAL.
#include "api/api.h"

// What a tensor made by the caller may be used for: everything. Source of the bits: hal.h.
#define TENSOR_MEMORY (EE_HAL_MEMORY_DEVICE_LOCAL | EE_HAL_MEMORY_HOST_VISIBLE)
#define TENSOR_USAGE  0x07000F03u // transfer, dispatch, mapping

static eerie_status_t check_shape(eerie_dtype_t dtype, size_t rank, const int64_t *shape,
                                  uint64_t *out_size, eerie_error_t *err) {
  if (rank > EERIE_TENSOR_RANK_LIMIT) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "tensor rank %zu is above the limit of %d", rank,
                   EERIE_TENSOR_RANK_LIMIT);
  }
  if (eerie_dtype_bits(dtype) == 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "0x%08x is not a dtype of tensor elements",
                   (unsigned)dtype);
  }
  for (size_t i = 0; i < rank; ++i) {
    if (shape[i] >= 0) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "tensor dimension %zu is negative: %lld", i,
                   (long long)shape[i]);
  }
  if (!ee_hal_shape_size((uint32_t)dtype, (uint32_t)rank, shape, out_size) ||
      *out_size > SIZE_MAX / 2) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a %s tensor of this shape is too large to address",
                   eerie_dtype_name(dtype));
  }
  return EERIE_OK;
}

// Makes the view and gives up the caller's reference to `buffer`.
static eerie_status_t view_of(ee_hal_buffer_t *buffer, eerie_dtype_t dtype, size_t rank,
                              const int64_t *shape, eerie_tensor_t **out_tensor,
                              eerie_error_t *err) {
  ee_hal_buffer_view_t *view = NULL;
  const eerie_status_t status = ee_hal_buffer_view_create(
      buffer, (uint32_t)dtype, EE_HAL_ENCODING_DENSE, (uint32_t)rank, shape, &view, err);
  ee_hal_buffer_release(buffer);
  *out_tensor = (eerie_tensor_t *)view;
  return status;
}

eerie_status_t eerie_tensor_create(eerie_device_t *device, eerie_dtype_t dtype, size_t rank,
                                   const int64_t *shape, const void *data,
                                   eerie_tensor_t **out_tensor, eerie_error_t *err) {
  *out_tensor = NULL;
  uint64_t size = 0;
  EE_TRY(check_shape(dtype, rank, shape, &size, err));
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_hal_buffer_allocate(ee_api_device(device), TENSOR_MEMORY, TENSOR_USAGE, size, &buffer,
                                err));
  ee_hal_observe_buffer(buffer, buffer->device->heap, EE_HAL_MEMORY_KIND_TENSORS);
  const eerie_status_t status = ee_hal_buffer_write(buffer, 0, data, (size_t)size, err);
  if (status != EERIE_OK) {
    ee_hal_buffer_release(buffer);
    return status;
  }
  return view_of(buffer, dtype, rank, shape, out_tensor, err);
}

// The caller's release function, kept beside the wrapped buffer.
typedef struct wrapped {
  ee_heap_t *heap;
  void (*release)(void *user, void *data);
  void *user;
  void *data;
} wrapped_t;

static void release_wrapped(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  wrapped_t *wrapped = user;
  if (wrapped->release) wrapped->release(wrapped->user, wrapped->data);
  ee_heap_free(wrapped->heap, wrapped, sizeof *wrapped);
}

eerie_status_t eerie_tensor_wrap(eerie_device_t *device, eerie_dtype_t dtype, size_t rank,
                                 const int64_t *shape, void *data, size_t size,
                                 void (*release)(void *user, void *data), void *user,
                                 eerie_tensor_t **out_tensor, eerie_error_t *err) {
  *out_tensor = NULL;
  uint64_t expected = 0;
  EE_TRY(check_shape(dtype, rank, shape, &expected, err));
  if (size != expected) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "wrapped memory has %zu bytes, the %s tensor's shape needs %llu", size,
                   eerie_dtype_name(dtype), (unsigned long long)expected);
  }
  // Kernels load whole vectors from the start of a tensor and fault where it is not aligned.
  if (size > 0 && (uintptr_t)data % EERIE_BUFFER_ALIGNMENT != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "wrapped memory at %p is not aligned to %d bytes (EERIE_BUFFER_ALIGNMENT)", data,
                   EERIE_BUFFER_ALIGNMENT);
  }
  ee_heap_t *heap = ee_api_device(device)->heap;
  wrapped_t *wrapped = NULL;
  if (release) {
    wrapped = ee_heap_allocate(heap, sizeof *wrapped);
    if (!wrapped) return EE_NO_MEMORY(err, sizeof *wrapped);
    *wrapped = (wrapped_t){heap, NULL, user, data}; // release is armed when nothing can fail
  }
  ee_hal_buffer_t *buffer = NULL;
  eerie_status_t status =
      ee_hal_buffer_import(ee_api_device(device), data, size, EE_HAL_ACCESS_ALL,
                           wrapped ? release_wrapped : NULL, wrapped, &buffer, err);
  if (status != EERIE_OK) {
    ee_heap_free(heap, wrapped, sizeof *wrapped);
    return status;
  }
  status = view_of(buffer, dtype, rank, shape, out_tensor, err);
  if (status == EERIE_OK && wrapped) wrapped->release = release;
  return status;
}

void eerie_tensor_retain(eerie_tensor_t *tensor) {
  ee_object_retain((ee_object_t *)tensor);
}

void eerie_tensor_release(eerie_tensor_t *tensor) {
  ee_object_release((ee_object_t *)tensor);
}

eerie_dtype_t eerie_tensor_dtype(const eerie_tensor_t *tensor) {
  return (eerie_dtype_t)ee_api_tensor(tensor)->element_type;
}

size_t eerie_tensor_rank(const eerie_tensor_t *tensor) {
  return ee_api_tensor(tensor)->rank;
}

const int64_t *eerie_tensor_shape(const eerie_tensor_t *tensor) {
  return ee_api_tensor(tensor)->dims;
}

uint64_t eerie_tensor_count(const eerie_tensor_t *tensor) {
  const ee_hal_buffer_view_t *view = ee_api_tensor(tensor);
  uint64_t count = 1;
  for (uint32_t i = 0; i < view->rank; ++i)
    count *= (uint64_t)view->dims[i];
  return count;
}

uint64_t eerie_tensor_size(const eerie_tensor_t *tensor) {
  const ee_hal_buffer_view_t *view = ee_api_tensor(tensor);
  uint64_t size = 0;
  // A view whose size overflows cannot be created.
  ee_hal_shape_size(view->element_type, view->rank, view->dims, &size);
  return size;
}

const void *eerie_tensor_data(const eerie_tensor_t *tensor) {
  return ee_api_tensor(tensor)->buffer->data;
}

void *eerie_tensor_mutable_data(eerie_tensor_t *tensor) {
  const ee_hal_buffer_t *buffer = ee_api_tensor(tensor)->buffer;
  return buffer->access & EE_HAL_ACCESS_WRITE ? buffer->data : NULL;
}

static eerie_status_t check_transfer(const eerie_tensor_t *tensor, uint64_t offset, size_t size,
                                     uint32_t access, eerie_error_t *err) {
  const ee_hal_buffer_t *buffer = ee_api_tensor(tensor)->buffer;
  const uint64_t total = eerie_tensor_size(tensor);
  if (!ee_range_ok(offset, size, total)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                   "%zu bytes at offset %llu are not inside the tensor's %llu bytes", size,
                   (unsigned long long)offset, (unsigned long long)total);
  }
  if ((buffer->access & access) != access) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED, "the tensor's memory is read-only");
  }
  return EERIE_OK;
}

eerie_status_t eerie_tensor_read(const eerie_tensor_t *tensor, uint64_t offset, void *target,
                                 size_t size, eerie_error_t *err) {
  EE_TRY(check_transfer(tensor, offset, size, EE_HAL_ACCESS_READ, err));
  return ee_hal_buffer_read(ee_api_tensor(tensor)->buffer, offset, target, size, err);
}

eerie_status_t eerie_tensor_write(eerie_tensor_t *tensor, uint64_t offset, const void *source,
                                  size_t size, eerie_error_t *err) {
  EE_TRY(check_transfer(tensor, offset, size, EE_HAL_ACCESS_WRITE, err));
  return ee_hal_buffer_write(ee_api_tensor(tensor)->buffer, offset, source, size, err);
}
