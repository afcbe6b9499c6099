// buffer.c: storage, parts of it, and files in memory.
//
// A buffer that owns its bytes is one block of the device's pool: this struct, then the bytes at
// the next multiple of EERIE_BUFFER_ALIGNMENT. Subspans always refer to the storage itself, never
// to one another, so that no chain keeps growing.
#include "hal/driver.h"
#include "hal/observe.h"

static void buffer_destroy(ee_object_t *object);
const ee_object_type_t ee_hal_buffer_type = {"hal.buffer", buffer_destroy};

#define GRANTED_MEMORY                                                                             \
  (EE_HAL_MEMORY_OPTIMAL | EE_HAL_MEMORY_HOST_LOCAL | EE_HAL_MEMORY_HOST_COHERENT |                \
   EE_HAL_MEMORY_HOST_CACHED | EE_HAL_MEMORY_DEVICE_LOCAL)
#define GRANTED_USAGE                                                                              \
  (EE_HAL_USAGE_TRANSFER | EE_HAL_USAGE_DISPATCH | EE_HAL_USAGE_SHARING | EE_HAL_USAGE_MAPPING)

// Has the device use the memory of a buffer, where it does not use all of the host's anyway: where
// kernels run on host memory they do, wherever the driver's own buffers are.
static eerie_status_t import_begin(ee_hal_device_t *device, ee_hal_buffer_t *buffer,
                                   eerie_error_t *err) {
  const ee_hal_driver_t *driver = device->driver;
  if (EE_LIKELY(!driver->buffer_allocate || driver->dispatch)) return EERIE_OK;
#if EERIE_ASYNC_DEVICES
  if (driver->async && driver->async->buffer_import)
    return driver->async->buffer_import(device, buffer, err);
#endif
  (void)buffer;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                 "device %s cannot use host memory in place; eerie_tensor_create copies it",
                 device->name);
}

// The device lets go of it.
static void import_end(ee_hal_device_t *device, ee_hal_buffer_t *buffer) {
#if EERIE_ASYNC_DEVICES
  const ee_hal_async_driver_t *async = device->driver->async;
  if (async && async->buffer_import) device->driver->buffer_free(device, buffer);
#else
  (void)device, (void)buffer;
#endif
}

static void buffer_destroy(ee_object_t *object) {
  ee_hal_buffer_t *buffer = (ee_hal_buffer_t *)object;
  ee_hal_device_t *device = buffer->device;
#if EERIE_PROFILE
  if (EE_UNLIKELY(buffer->memory_kind)) ee_hal_observe_free(buffer);
  if (EE_UNLIKELY(buffer->memory_in_heap)) {
    ee_heap_forget_storage(device->heap, (size_t)buffer->size);
  }
#endif
  if (buffer->storage) {
    ee_hal_buffer_release(buffer->storage);
  } else if (buffer->release) {
    import_end(device, buffer);
    buffer->release(buffer->release_user, buffer);
  } else if (device->driver->buffer_free) {
    device->driver->buffer_free(device, buffer);
  }
  ee_hal_device_free(device, buffer, buffer->block_size);
}

// A block for the struct and `extra` bytes; all fields set but data.
static ee_hal_buffer_t *buffer_new(ee_hal_device_t *device, size_t extra, uint64_t size) {
  size_t total, block_size;
  if (!ee_add_size(sizeof(ee_hal_buffer_t), extra, &total)) return NULL;
  ee_hal_buffer_t *buffer = ee_hal_device_allocate(device, total, &block_size);
  if (!buffer) return NULL;
  ee_object_initialize(&buffer->object, &ee_hal_buffer_type);
  buffer->device = device;
  buffer->storage = NULL;
  buffer->data = NULL;
  buffer->size = size;
  buffer->offset = 0;
  buffer->memory_types = GRANTED_MEMORY;
  buffer->usage = GRANTED_USAGE;
  buffer->access = EE_HAL_ACCESS_ALL;
  ee_atomic_init(&buffer->owners, 1u);
  buffer->release = NULL;
  buffer->release_user = NULL;
  buffer->driver_handle = 0;
  buffer->block_size = block_size;
#if EERIE_PROFILE
  buffer->memory_kind = EE_HAL_MEMORY_KIND_NONE;
  buffer->memory_in_heap = false;
#endif
  return buffer;
}

static EE_COLD eerie_status_t no_memory_for(uint64_t size, eerie_error_t *err) {
  (void)size; // unused in builds without texts
  return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "out of memory for a buffer of %llu bytes",
                 (unsigned long long)size);
}

static uint8_t *align_data(uint8_t *p) {
  const uintptr_t mask = EERIE_BUFFER_ALIGNMENT - 1;
  return p + ((EERIE_BUFFER_ALIGNMENT - ((uintptr_t)p & mask)) & mask);
}

static eerie_status_t allocate_by_driver(ee_hal_device_t *device, uint32_t memory_types,
                                         uint32_t usage, uint64_t size,
                                         ee_hal_buffer_t **out_buffer, eerie_error_t *err) {
  ee_hal_buffer_t *buffer = buffer_new(device, 0, size);
  if (!buffer) return no_memory_for(size, err);
  buffer->memory_types = memory_types;
  buffer->usage = usage;
  const eerie_status_t status = device->driver->buffer_allocate(device, buffer, err);
  if (status != EERIE_OK) {
    ee_hal_device_free(device, buffer, buffer->block_size);
    return status;
  }
  *out_buffer = buffer;
  return EERIE_OK;
}

eerie_status_t ee_hal_buffer_allocate(ee_hal_device_t *device, uint32_t memory_types,
                                      uint32_t usage, uint64_t size, ee_hal_buffer_t **out_buffer,
                                      eerie_error_t *err) {
  if (device->driver->buffer_allocate) {
    return allocate_by_driver(device, memory_types, usage, size, out_buffer, err);
  }
  size_t extra = EERIE_BUFFER_ALIGNMENT - 1;
  if (size > SIZE_MAX || !ee_add_size((size_t)size, extra, &extra)) return no_memory_for(size, err);
  const bool counted = ee_hal_observe_storage(device->heap, (size_t)size);
  ee_hal_buffer_t *buffer = buffer_new(device, extra, size);
  if (!buffer) {
    if (counted) ee_hal_observe_no_storage(device->heap, (size_t)size);
    return no_memory_for(size, err);
  }
  ee_hal_observe_in_heap(buffer, counted);
  buffer->usage |= usage & EE_HAL_USAGE_SHARING_IMMUTABLE;
  buffer->data = align_data((uint8_t *)(buffer + 1));
  *out_buffer = buffer;
  return EERIE_OK;
}

eerie_status_t ee_hal_buffer_import(ee_hal_device_t *device, uint8_t *data, uint64_t size,
                                    uint32_t access, void (*release)(void *, ee_hal_buffer_t *),
                                    void *release_user, ee_hal_buffer_t **out_buffer,
                                    eerie_error_t *err) {
  ee_hal_buffer_t *buffer = buffer_new(device, 0, size);
  if (!buffer) return no_memory_for(size, err);
  buffer->data = data;
  buffer->access = access;
  if (!(access & EE_HAL_ACCESS_WRITE)) buffer->usage |= EE_HAL_USAGE_SHARING_IMMUTABLE;
  const eerie_status_t status = import_begin(device, buffer, err);
  if (EE_UNLIKELY(status != EERIE_OK)) {
    ee_hal_device_free(device, buffer, buffer->block_size);
    return status;
  }
  buffer->release = release;
  buffer->release_user = release_user;
  ee_hal_observe_buffer(buffer, device->heap,
                        access & EE_HAL_ACCESS_WRITE ? EE_HAL_MEMORY_KIND_TENSORS
                                                     : EE_HAL_MEMORY_KIND_CONSTANTS);
  *out_buffer = buffer;
  return EERIE_OK;
}

eerie_status_t ee_hal_buffer_subspan(ee_hal_buffer_t *buffer, uint64_t offset, uint64_t size,
                                     ee_hal_buffer_t **out_buffer, eerie_error_t *err) {
  if (size == UINT64_MAX && offset <= buffer->size) size = buffer->size - offset;
  if (!ee_range_ok(offset, size, buffer->size)) {
    return EE_FAIL(
        err, EERIE_OUT_OF_RANGE, "subspan of %llu bytes at %llu does not lie in the buffer of %llu",
        (unsigned long long)size, (unsigned long long)offset, (unsigned long long)buffer->size);
  }
  if (offset == 0 && size == buffer->size) {
    ee_hal_buffer_retain(buffer);
    *out_buffer = buffer;
    return EERIE_OK;
  }
  ee_hal_buffer_t *span = buffer_new(buffer->device, 0, size);
  if (!span) return no_memory_for(size, err);
  span->storage = buffer->storage ? buffer->storage : buffer;
  ee_hal_buffer_retain(span->storage);
  span->data = buffer->data ? buffer->data + (size_t)offset : NULL;
  span->offset = buffer->offset + offset;
  span->memory_types = buffer->memory_types;
  span->usage = buffer->usage;
  span->access = buffer->access;
  span->driver_handle = buffer->driver_handle;
  *out_buffer = span;
  return EERIE_OK;
}

// ---- Files -------------------------------------------------------------------------------------

static void file_destroy(ee_object_t *object) {
  ee_hal_file_t *file = (ee_hal_file_t *)object;
  ee_object_release(file->owner);
  ee_heap_free(file->heap, file, sizeof *file);
}
const ee_object_type_t ee_hal_file_type = {"hal.file", file_destroy};

eerie_status_t ee_hal_file_from_memory(ee_heap_t *heap, uint8_t *data, uint64_t size,
                                       uint32_t access, ee_object_t *owner,
                                       ee_hal_file_t **out_file, eerie_error_t *err) {
  ee_hal_file_t *file = ee_heap_allocate(heap, sizeof *file);
  if (!file) return EE_NO_MEMORY(err, sizeof *file);
  ee_object_initialize(&file->object, &ee_hal_file_type);
  file->heap = heap;
  file->data = data;
  file->size = size;
  file->access = access;
  file->owner = owner;
  ee_object_retain(owner);
  *out_file = file;
  return EERIE_OK;
}
