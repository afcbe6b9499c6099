// buffer_view.c: shape and dtype over a buffer.
#include "hal/driver.h"

static void view_destroy(ee_object_t *object) {
  ee_hal_buffer_view_t *view = (ee_hal_buffer_view_t *)object;
  ee_hal_buffer_t *buffer = view->buffer;
  // The view is a block of the pool that the buffer keeps alive.
  ee_hal_pool_free(&buffer->device->pool, view, view->block_size);
  ee_hal_buffer_release(buffer);
}
const ee_object_type_t ee_hal_buffer_view_type = {"hal.buffer_view", view_destroy};

bool ee_hal_shape_size(uint32_t element_type, uint32_t rank, const int64_t *dims,
                       uint64_t *out_size) {
  const uint32_t bits = element_type & 0xFFu;
  uint64_t count = 1;
  // A zero anywhere makes the tensor empty, whatever the other dimensions multiply to.
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) return false;
    empty = empty || dims[i] == 0;
  }
  for (uint32_t i = 0; i < rank && !empty; ++i) {
    if (!ee_mul_u64(count, (uint64_t)dims[i], &count)) return false;
  }
  if (empty) count = 0;
  if (bits % 8u == 0) return ee_mul_u64(count, bits / 8u, out_size);
  uint64_t total_bits;
  if (!ee_mul_u64(count, bits, &total_bits) || !ee_add_u64(total_bits, 7u, &total_bits)) {
    return false;
  }
  *out_size = total_bits / 8u;
  return true;
}

eerie_status_t ee_hal_buffer_view_create(ee_hal_buffer_t *buffer, uint32_t element_type,
                                         uint32_t encoding, uint32_t rank, const int64_t *dims,
                                         ee_hal_buffer_view_t **out_view, eerie_error_t *err) {
  if (rank > EERIE_TENSOR_RANK_LIMIT) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a tensor of rank %u; this build has at most %d", rank,
                   EERIE_TENSOR_RANK_LIMIT);
  }
  // Other encodings lay their bytes out in their own way; only the module knows how many.
  uint64_t size = 0;
  if (!ee_hal_shape_size(element_type, rank, dims, &size)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "a tensor shape with a negative dimension, or too large to address");
  }
  if (encoding == EE_HAL_ENCODING_DENSE && size > buffer->size) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                   "the tensor's shape takes %llu bytes, the buffer has %llu",
                   (unsigned long long)size, (unsigned long long)buffer->size);
  }
  size_t block_size;
  const size_t wanted = sizeof(ee_hal_buffer_view_t) + rank * sizeof(int64_t);
  ee_hal_buffer_view_t *view =
      ee_hal_pool_allocate(&buffer->device->pool, wanted, &block_size);
  if (!view) return EE_NO_MEMORY(err, wanted);
  ee_object_initialize(&view->object, &ee_hal_buffer_view_type);
  ee_hal_buffer_retain(buffer);
  view->buffer = buffer;
  view->element_type = element_type;
  view->encoding = encoding;
  view->rank = rank;
  view->block_size = block_size;
  view->dims = (int64_t *)(view + 1);
  for (uint32_t i = 0; i < rank; ++i) view->dims[i] = dims[i];
  *out_view = view;
  return EERIE_OK;
}
