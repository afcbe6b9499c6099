// buffer_view.c: shape and dtype over a buffer.
#include "hal/driver.h"

static void view_destroy(ee_object_t *object) {
  ee_hal_buffer_view_t *view = (ee_hal_buffer_view_t *)object;
  ee_hal_buffer_t *buffer = view->buffer;
  // The view is a block of the pool that the buffer keeps alive.
  ee_hal_device_free(buffer->device, view, view->block_size);
  ee_hal_buffer_release(buffer);
}
const ee_object_type_t ee_hal_buffer_view_type = {"hal.buffer_view", view_destroy};

bool ee_hal_shape_size(uint32_t element_type, uint32_t rank, const int64_t *dims,
                       uint64_t *out_size) {
  // A zero anywhere makes the tensor empty, whatever the other dimensions multiply to.
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) return false;
    empty = empty || dims[i] == 0;
  }
  *out_size = 0;
  if (empty) return true;
  // In bits: that the limit is 2^61 bytes bothers nobody.
  uint64_t bits = element_type & 0xFFu;
  for (uint32_t i = 0; i < rank; ++i) {
    if (!ee_mul_u64(bits, (uint64_t)dims[i], &bits)) return false;
  }
  *out_size = bits / 8u + (bits % 8u != 0);
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
  ee_hal_buffer_view_t *view = ee_hal_device_allocate(buffer->device, wanted, &block_size);
  if (!view) return EE_NO_MEMORY(err, wanted);
  ee_object_initialize(&view->object, &ee_hal_buffer_view_type);
  ee_hal_buffer_retain(buffer);
  view->buffer = buffer;
  view->element_type = element_type;
  view->encoding = encoding;
  view->rank = rank;
  view->block_size = block_size;
  view->dims = (int64_t *)(view + 1);
  for (uint32_t i = 0; i < rank; ++i)
    view->dims[i] = dims[i];
  *out_view = view;
  return EERIE_OK;
}

// ---- Text --------------------------------------------------------------------------------------

// By numerical kind, the top byte of an element type. Source: iree/hal/buffer_view.h of 3.13.
static const struct {
  uint8_t kind;
  char prefix[5];
} kinds[] = {
    {0x00, "x"}, {0x10, "i"}, {0x11, "si"}, {0x12, "ui"}, {0x20, "f"}, {0x21, "f"}, {0x22, "bf"},
};
static const char *const f8_names[] = {"f8E5M2", "f8E4M3FN", "f8E5M2FNUZ", "f8E4M3FNUZ",
                                       "f8E8M0FNU"};

static size_t format_dtype(char *text, size_t capacity, uint32_t element_type) {
  const uint32_t kind = element_type >> 24, bits = element_type & 0xFFu;
  if (kind == 0x13 && bits == 8) return ee_format(text, capacity, "bool");
  if (kind == 0x23) return ee_format(text, capacity, "complex<f%u>", bits / 2);
  if (kind >= 0x24 && kind < 0x24 + sizeof f8_names / sizeof *f8_names && bits == 8) {
    return ee_format(text, capacity, "%s", f8_names[kind - 0x24]);
  }
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    if (kinds[i].kind == kind) return ee_format(text, capacity, "%s%u", kinds[i].prefix, bits);
  }
  return ee_format(text, capacity, "dtype 0x%08x", element_type);
}

size_t ee_hal_shape_format(char *text, size_t capacity, uint32_t element_type, uint32_t rank,
                           const int64_t *dims) {
  size_t length = 0;
  for (uint32_t i = 0; i < rank && length < capacity; ++i) {
    length += ee_format(text + length, capacity - length, "%lldx", (long long)dims[i]);
  }
  if (length < capacity) length += format_dtype(text + length, capacity - length, element_type);
  return length < capacity ? length : capacity - 1;
}
