// hal_buffer.c: allocator.*, buffer.*, buffer_view.*
#include "bridge/hal_module.h"
#include "hal/observe.h"

// ---- Allocators --------------------------------------------------------------------------------

eerie_status_t ee_bridge_allocate(ee_vm_call_t *call, ee_hal_device_t *device, uint32_t index) {
  const ee_vm_value_t *a = call->arguments + index;
  if (EE_UNLIKELY(a[2].i64 < 0)) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "a buffer of %lld bytes",
                   (long long)a[2].i64);
  }
  ee_hal_buffer_t **out_buffer = (ee_hal_buffer_t **)(void *)&call->results[0].ref;
  EE_TRY(ee_hal_buffer_allocate(device, (uint32_t)a[0].i32, (uint32_t)a[1].i32, (uint64_t)a[2].i64,
                                out_buffer, call->err));
  ee_hal_observe_buffer(*out_buffer, device->heap,
                        index == 2 ? EE_HAL_MEMORY_KIND_STATE : EE_HAL_MEMORY_KIND_TRANSIENT);
  return EERIE_OK;
}

// allocator, queue, memory types, usage, size
eerie_status_t ee_bridge_hal_allocator_allocate(ee_vm_call_t *call) {
  ee_hal_allocator_t *allocator = NULL;
  EE_TRY(ee_bridge_allocator(call, 0, &allocator));
  return ee_bridge_allocate(call, allocator->device, 2);
}

static void release_imported(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  ee_object_release(user);
}

// In place when the device can use the bytes where they are, and kernels may have them.
static eerie_status_t import_in_place(ee_vm_call_t *call, ee_hal_device_t *device,
                                      ee_vm_buffer_t *source, uint8_t *data, uint64_t size,
                                      uint32_t access, ee_hal_buffer_t **out_buffer) {
  // Kernels load vectors from the start of a binding: compilers 3.11 to 3.13 assume 64 bytes.
  // What the verifier has read is constants only, which are copied then.
  if (source->verified || (uintptr_t)data % EERIE_BUFFER_ALIGNMENT != 0) {
    return EE_FAIL(call->err, EERIE_UNAVAILABLE,
                   "device %s uses bytes in place at multiples of %u only", device->name,
                   (unsigned)EERIE_BUFFER_ALIGNMENT);
  }
  EE_TRY(ee_hal_buffer_import(device, data, size, access, release_imported, source, out_buffer,
                              call->err));
  ee_object_retain(&source->object);
  return EERIE_OK;
}

// Constants may be copied: nobody can tell.
static eerie_status_t import_copy(ee_vm_call_t *call, ee_hal_device_t *device, const uint8_t *data,
                                  uint64_t size, ee_hal_buffer_t **out_buffer) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_hal_buffer_allocate(device, 0, 0, size, &buffer, call->err));
  ee_hal_observe_buffer(buffer, device->heap, EE_HAL_MEMORY_KIND_STATE);
  const eerie_status_t status = ee_hal_buffer_write(buffer, 0, data, (size_t)size, call->err);
  if (status != EERIE_OK) {
    ee_hal_buffer_release(buffer);
    return status;
  }
  buffer->access = EE_HAL_ACCESS_READ | EE_HAL_ACCESS_KERNEL_WRITE;
  buffer->usage |= EE_HAL_USAGE_SHARING_IMMUTABLE;
  *out_buffer = buffer;
  return EERIE_OK;
}

// allocator, try, queue, memory types, usage, source, offset, length
eerie_status_t ee_bridge_hal_allocator_import(ee_vm_call_t *call) {
  ee_hal_allocator_t *allocator = NULL;
  ee_vm_buffer_t *source = NULL;
  EE_TRY(ee_bridge_allocator(call, 0, &allocator));
  EE_TRY(ee_bridge_bytes(call, 5, &source));
  const bool try_only = call->arguments[1].i32 != 0;
  const bool constant = (uint32_t)call->arguments[4].i32 & EE_HAL_USAGE_SHARING_IMMUTABLE;
  const uint64_t offset = (uint64_t)call->arguments[6].i64;
  uint64_t size = (uint64_t)call->arguments[7].i64;
  if (size == UINT64_MAX && offset <= source->size) size = source->size - offset;
  uint8_t *data = NULL;
  EE_TRY(ee_bridge_bytes_range(call, 5, offset, size, &data));
  if (!source->writable && !constant) {
    return EE_FAIL(call->err, EERIE_PERMISSION_DENIED,
                   "read-only bytes can be imported for constant use only");
  }
  ee_hal_buffer_t *buffer = NULL;
  eerie_status_t status =
      import_in_place(call, allocator->device, source, data, size,
                      !constant               ? EE_HAL_ACCESS_ALL
                      : source->private_bytes ? EE_HAL_ACCESS_READ | EE_HAL_ACCESS_KERNEL_WRITE
                                              : EE_HAL_ACCESS_READ,
                      &buffer);
  if (status != EERIE_OK && status != EERIE_RESOURCE_EXHAUSTED) {
    if (try_only) return EERIE_OK; // null: the module copies
    if (constant && status == EERIE_UNAVAILABLE)
      status = import_copy(call, allocator->device, data, size, &buffer);
  }
  call->results[0].ref = (ee_object_t *)buffer;
  return status;
}

// ---- Buffers -----------------------------------------------------------------------------------

static EE_COLD eerie_status_t name_failure(ee_vm_call_t *call, const ee_vm_buffer_t *name,
                                           eerie_status_t status) {
  (void)call, (void)name;
  EE_ANNOTATE(call->err, "%.*s", EE_STR_ARG(ee_vm_buffer_str(name)));
  return status;
}

static eerie_status_t check_place(ee_vm_call_t *call, const ee_hal_device_t *device,
                                  const ee_hal_buffer_t *buffer) {
  if (EE_LIKELY(buffer->device == device)) return EERIE_OK;
#if EERIE_ASYNC_DEVICES
  return ee_bridge_check_place(call, device, buffer);
#else
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                 "the buffer belongs to another device (%s) than the module's (%s)",
                 buffer->device->name, device->name);
#endif
}

static eerie_status_t check_buffer(ee_vm_call_t *call, const ee_hal_buffer_t *buffer,
                                   const ee_hal_allocator_t *allocator) {
  const uint64_t minimum = (uint64_t)call->arguments[3].i64;
  const uint32_t memory_types = (uint32_t)call->arguments[4].i32;
  const uint32_t usage = (uint32_t)call->arguments[5].i32;
  if (EE_UNLIKELY(buffer->size < minimum)) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "expected at least %llu bytes, got %llu",
                   (unsigned long long)minimum, (unsigned long long)buffer->size);
  }
  if (EE_UNLIKELY(memory_types & ~buffer->memory_types)) {
    return EE_FAIL(call->err, EERIE_PERMISSION_DENIED,
                   "expected memory of types 0x%x, the buffer has 0x%x", memory_types,
                   buffer->memory_types);
  }
  if (EE_UNLIKELY(usage & ~buffer->usage)) {
    return EE_FAIL(call->err, EERIE_PERMISSION_DENIED,
                   "expected a buffer for uses 0x%x, this one allows 0x%x", usage, buffer->usage);
  }
  return check_place(call, allocator->device, buffer);
}

// buffer, name, allocator, minimum size, memory types, usage
eerie_status_t ee_bridge_hal_buffer_assert(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  ee_vm_buffer_t *name = NULL;
  ee_hal_allocator_t *allocator = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  EE_TRY(ee_bridge_bytes(call, 1, &name));
  EE_TRY(ee_bridge_allocator(call, 2, &allocator));
  const eerie_status_t status = check_buffer(call, buffer, allocator);
  return EE_LIKELY(status == EERIE_OK) ? status : name_failure(call, name, status);
}

static eerie_status_t storage_of(ee_vm_call_t *call, ee_hal_buffer_t **out_storage) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  *out_storage = buffer->storage ? buffer->storage : buffer;
  return EERIE_OK;
}

// Owners are those that may deallocate the bytes at a point of the timeline. Here memory goes with
// its last reference, so they are only counted.
eerie_status_t ee_bridge_hal_buffer_preserve(ee_vm_call_t *call) {
  ee_hal_buffer_t *storage = NULL;
  EE_TRY(storage_of(call, &storage));
  (void)ee_fetch_add_relaxed(&storage->owners, 1u);
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_buffer_discard(ee_vm_call_t *call) {
  ee_hal_buffer_t *storage = NULL;
  EE_TRY(storage_of(call, &storage));
  call->results[0].i32 = ee_fetch_sub_acq_rel(&storage->owners, 1u) == 1u;
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_buffer_is_terminal(ee_vm_call_t *call) {
  ee_hal_buffer_t *storage = NULL;
  EE_TRY(storage_of(call, &storage));
  call->results[0].i32 = ee_load_acquire(&storage->owners) == 1u;
  return EERIE_OK;
}

// buffer, offset, length
eerie_status_t ee_bridge_hal_buffer_subspan(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  return ee_hal_buffer_subspan(buffer, (uint64_t)call->arguments[1].i64,
                               (uint64_t)call->arguments[2].i64,
                               (ee_hal_buffer_t **)(void *)&call->results[0].ref, call->err);
}

eerie_status_t ee_bridge_hal_buffer_length(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  call->results[0].i64 = (int64_t)buffer->size;
  return EERIE_OK;
}

// Up to four bytes of a buffer that the host sees, for buffer.load and buffer.store.
static eerie_status_t scalar_at(ee_vm_call_t *call, uint32_t index, int64_t offset, int32_t size,
                                uint32_t access, ee_hal_buffer_t **out_buffer) {
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_bridge_buffer(call, index, &buffer));
  if (size < 0 || size > 4) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "a scalar of %d bytes; at most 4 fit", size);
  }
  const ee_hal_binding_t binding = {buffer, 0, (uint64_t)offset, (uint64_t)size};
  uint8_t *data;
  uint64_t length;
  EE_TRY(ee_hal_binding_resolve(&binding, NULL, 0, access, &data, &length, call->err));
  *out_buffer = buffer;
  return EERIE_OK;
}

// buffer, offset, length
eerie_status_t ee_bridge_hal_buffer_load(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  const int64_t offset = call->arguments[1].i64;
  const int32_t size = call->arguments[2].i32;
  EE_TRY(scalar_at(call, 0, offset, size, EE_HAL_ACCESS_READ, &buffer));
  return ee_hal_buffer_read(buffer, (uint64_t)offset, &call->results[0].i32, (size_t)size,
                            call->err);
}

// value, buffer, offset, length
eerie_status_t ee_bridge_hal_buffer_store(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL;
  const int64_t offset = call->arguments[2].i64;
  const int32_t size = call->arguments[3].i32;
  EE_TRY(scalar_at(call, 1, offset, size, EE_HAL_ACCESS_WRITE, &buffer));
  return ee_hal_buffer_write(buffer, (uint64_t)offset, &call->arguments[0].i32, (size_t)size,
                             call->err);
}

// ---- Buffer views ------------------------------------------------------------------------------

// A shape in the arguments: a count, then an i64 in each slot.
typedef struct shape {
  uint32_t rank;
  const int64_t *dims;
} shape_t;
_Static_assert(sizeof(ee_vm_value_t) == sizeof(int64_t), "slots of i64 are an array of int64_t");

static shape_t shape_at(const ee_vm_call_t *call, uint32_t index) {
  return (shape_t){(uint32_t)call->arguments[index].i32, &call->arguments[index + 1].i64};
}

// buffer, offset, length, element type, encoding, shape
eerie_status_t ee_bridge_hal_view_create(ee_vm_call_t *call) {
  ee_hal_buffer_t *buffer = NULL, *span = NULL;
  EE_TRY(ee_bridge_buffer(call, 0, &buffer));
  EE_TRY(ee_hal_buffer_subspan(buffer, (uint64_t)call->arguments[1].i64,
                               (uint64_t)call->arguments[2].i64, &span, call->err));
  ee_hal_observe_result(buffer);
  const shape_t shape = shape_at(call, 5);
  const eerie_status_t status = ee_hal_buffer_view_create(
      span, (uint32_t)call->arguments[3].i32, (uint32_t)call->arguments[4].i32, shape.rank,
      shape.dims, (ee_hal_buffer_view_t **)(void *)&call->results[0].ref, call->err);
  ee_hal_buffer_release(span);
  return status;
}

// Opaque bytes pass for anything, and integers of one width for each other, whatever their sign:
// that is what modules are compiled against. Source: behaviour of iree-run-module 3.13.
static bool dtypes_agree(uint32_t actual, uint32_t expected) {
  const uint32_t kind_mask = 0xFF000000u;
  if (actual == expected || (actual & kind_mask) == 0) return true;
  const bool integers = (actual >> 28) == 1 && (expected >> 28) == 1;
  return integers && (actual & 0xFFu) == (expected & 0xFFu);
}

static EE_COLD eerie_status_t view_refused(ee_vm_call_t *call, const char *what,
                                           const ee_hal_buffer_view_t *view, uint32_t element_type,
                                           shape_t shape) {
#if EERIE_MESSAGES
  char expected[96], actual[96];
  ee_hal_shape_format(expected, sizeof expected, element_type, shape.rank, shape.dims);
  ee_hal_shape_format(actual, sizeof actual, view->element_type, view->rank, view->dims);
#else
  (void)what, (void)view, (void)element_type, (void)shape;
#endif
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "wrong %s: expected %s, got %s", what, expected,
                 actual);
}

static EE_COLD eerie_status_t dimension_refused(ee_vm_call_t *call, uint32_t i,
                                                const ee_hal_buffer_view_t *view,
                                                uint32_t element_type, shape_t shape) {
#if EERIE_MESSAGES
  char what[64];
  ee_format(what, sizeof what, "size of dimension %u (%lld, not %lld)", i, (long long)view->dims[i],
            (long long)shape.dims[i]);
  return view_refused(call, what, view, element_type, shape);
#else
  (void)i;
  return view_refused(call, "", view, element_type, shape);
#endif
}

static eerie_status_t check_view(ee_vm_call_t *call, const ee_hal_buffer_view_t *view) {
  const uint32_t element_type = (uint32_t)call->arguments[2].i32;
  const uint32_t encoding = (uint32_t)call->arguments[3].i32;
  const shape_t shape = shape_at(call, 4);
  if (EE_UNLIKELY(view->encoding != 0 && view->encoding != encoding)) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "wrong encoding: expected 0x%x, got 0x%x",
                   encoding, view->encoding);
  }
  if (EE_UNLIKELY(!dtypes_agree(view->element_type, element_type))) {
    return view_refused(call, "element type", view, element_type, shape);
  }
  if (EE_UNLIKELY(view->rank != shape.rank)) {
    return view_refused(call, "rank", view, element_type, shape);
  }
  for (uint32_t i = 0; i < shape.rank; ++i) {
    if (EE_LIKELY(view->dims[i] == shape.dims[i])) continue;
    return dimension_refused(call, i, view, element_type, shape);
  }
  return EERIE_OK;
}

// view, name, element type, encoding, shape
eerie_status_t ee_bridge_hal_view_assert(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  ee_vm_buffer_t *name = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  EE_TRY(ee_bridge_bytes(call, 1, &name));
  const eerie_status_t status = check_view(call, view);
  return EE_LIKELY(status == EERIE_OK) ? status : name_failure(call, name, status);
}

eerie_status_t ee_bridge_hal_view_buffer(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  ee_hal_buffer_retain(view->buffer);
  call->results[0].ref = &view->buffer->object;
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_view_element_type(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  call->results[0].i32 = (int32_t)view->element_type;
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_view_encoding_type(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  call->results[0].i32 = (int32_t)view->encoding;
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_view_rank(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  call->results[0].i32 = (int32_t)view->rank;
  return EERIE_OK;
}

// view, axis
eerie_status_t ee_bridge_hal_view_dim(ee_vm_call_t *call) {
  ee_hal_buffer_view_t *view = NULL;
  EE_TRY(ee_bridge_view(call, 0, &view));
  const uint32_t axis = (uint32_t)call->arguments[1].i32;
  if (axis >= view->rank) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE, "dimension %u of a tensor of rank %u", axis,
                   view->rank);
  }
  call->results[0].i64 = view->dims[axis];
  return EERIE_OK;
}
