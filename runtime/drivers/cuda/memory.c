// memory.c: chunks of device memory: from a pool of the device's own where it has pools, so that
// taking and giving them back never waits for the work on the device; pinned memory of the host.
#include "drivers/cuda/cuda.h"

// Of spans: what allocations of CUDA are aligned to, and wide loads of kernels need less.
enum { ALIGNMENT = 256 };
// What the pool keeps of what was given back, at points where the stream is waited for.
#define POOL_KEEPS (UINT64_C(64) << 20)

static eerie_status_t create_pool(ee_cuda_device_t *device, eerie_error_t *err) {
  const ee_cuda_functions_t *cu = device->cu;
  if (!device->physical.memory_pools || !cu->MemPoolCreate || !cu->MemPoolDestroy ||
      !cu->MemPoolSetAttribute || !cu->MemPoolTrimTo || !cu->MemAllocFromPoolAsync ||
      !cu->MemFreeAsync) {
    return EERIE_OK;
  }
  const ee_cuda_pool_props_t props = {
      .allocation = EE_CUDA_ALLOCATION_PINNED,
      .location = {.type = EE_CUDA_LOCATION_DEVICE, .id = device->physical.handle},
  };
  ee_cuda_result_t result = cu->MemPoolCreate(&device->pool, &props);
  if (result != EE_CUDA_SUCCESS) {
    device->pool = NULL;
    return ee_cuda_failed(device, err, "MemPoolCreate", result);
  }
  result = cu->StreamCreate(&device->pool_stream, EE_CUDA_STREAM_NON_BLOCKING);
  if (result != EE_CUDA_SUCCESS) {
    device->pool_stream = NULL;
    return ee_cuda_failed(device, err, "StreamCreate", result);
  }
  uint64_t keep = POOL_KEEPS;
  result = cu->MemPoolSetAttribute(device->pool, EE_CUDA_POOL_RELEASE_THRESHOLD, &keep);
  return result == EE_CUDA_SUCCESS ? EERIE_OK
                                   : ee_cuda_failed(device, err, "MemPoolSetAttribute", result);
}

eerie_status_t ee_cuda_memory_create(ee_cuda_device_t *device, eerie_error_t *err) {
  device->queued.memory.alignment = ALIGNMENT;
  device->queued.memory.unified = ee_cuda_is_unified(&device->physical);
  if (!device->queued.memory.unified) EE_TRY(create_pool(device, err));
  void *counts;
  const ee_cuda_result_t result =
      device->cu->MemHostAlloc(&counts, 4 * sizeof *device->counts, EE_CUDA_HOST_PORTABLE);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "MemHostAlloc", result);
  device->counts = counts;
  return EERIE_OK;
}

void ee_cuda_memory_destroy(ee_cuda_device_t *device) {
  if (device->counts) (void)device->cu->MemFreeHost(device->counts);
  if (device->pool_stream) (void)device->cu->StreamDestroy(device->pool_stream);
  if (device->pool) (void)device->cu->MemPoolDestroy(device->pool);
}

static ee_cuda_result_t allocate_host(const ee_cuda_device_t *device, ee_hal_chunk_t *chunk,
                                      const char **out_what) {
  void *data;
  *out_what = "MemHostAlloc";
  ee_cuda_result_t result = device->cu->MemHostAlloc(&data, (size_t)chunk->size,
                                                     EE_CUDA_HOST_PORTABLE | EE_CUDA_HOST_MAPPED);
  if (result != EE_CUDA_SUCCESS) return result;
  chunk->data = data;
  *out_what = "MemHostGetDevicePointer";
  return device->cu->MemHostGetDevicePointer(&chunk->address, data, 0);
}

// Work on other streams, of other devices too, may use it when this returns.
static ee_cuda_result_t allocate_pooled(const ee_cuda_device_t *device, ee_hal_chunk_t *chunk,
                                        const char **out_what) {
  *out_what = "MemAllocFromPoolAsync";
  const ee_cuda_result_t result = device->cu->MemAllocFromPoolAsync(
      &chunk->address, (size_t)chunk->size, device->pool, device->pool_stream);
  if (result != EE_CUDA_SUCCESS) {
    chunk->address = 0;
    return result;
  }
  *out_what = "StreamSynchronize";
  return device->cu->StreamSynchronize(device->pool_stream);
}

static ee_cuda_result_t allocate_device(const ee_cuda_device_t *device, ee_hal_chunk_t *chunk,
                                        const char **out_what) {
  if (device->pool) return allocate_pooled(device, chunk, out_what);
  *out_what = "MemAlloc";
  const ee_cuda_result_t result = device->cu->MemAlloc(&chunk->address, (size_t)chunk->size);
  if (result != EE_CUDA_SUCCESS) chunk->address = 0;
  return result;
}

eerie_status_t ee_cuda_chunk_create(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                    eerie_error_t *err) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  if (chunk->size > SIZE_MAX) return EE_NO_MEMORY(err, SIZE_MAX);
  const bool host = chunk->place == EE_HAL_PLACE_HOST || queued->memory.unified;
  const char *what = "CtxPushCurrent";
  ee_cuda_scope_t scope;
  ee_cuda_result_t result = ee_cuda_enter(device, &scope);
  if (result == EE_CUDA_SUCCESS) {
    result = (host ? allocate_host : allocate_device)(device, chunk, &what);
    if (ee_cuda_is_sticky(result)) ee_cuda_settle(device);
    ee_cuda_leave(device, &scope);
  }
  if (result == EE_CUDA_SUCCESS) return EERIE_OK;
  if (ee_cuda_is_sticky(result)) queued->lost = true; // the lock is held
  return ee_cuda_library_failed(device->library, err, what, result);
}

void ee_cuda_chunk_destroy(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk) {
  const ee_cuda_device_t *device = ee_cuda_device(queued);
  ee_cuda_scope_t scope;
  if (chunk->place == EE_HAL_PLACE_CALLER) {
    ee_cuda_chunk_let_go(queued, chunk);
    return;
  }
  if ((!chunk->data && !chunk->address) || ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return;
  if (chunk->data) {
    (void)device->cu->MemFreeHost(chunk->data);
  } else if (device->pool) {
    (void)device->cu->MemFreeAsync(chunk->address, device->pool_stream);
  } else {
    (void)device->cu->MemFree(chunk->address);
  }
  ee_cuda_leave(device, &scope);
}

bool ee_cuda_memory_trim(ee_hal_queued_t *queued) {
  const ee_cuda_device_t *device = ee_cuda_device(queued);
  ee_cuda_scope_t scope;
  if (!device->pool || ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return false;
  (void)device->cu->StreamSynchronize(device->pool_stream); // what was freed is idle then
  const bool trimmed = device->cu->MemPoolTrimTo(device->pool, 0) == EE_CUDA_SUCCESS;
  ee_cuda_leave(device, &scope);
  return trimmed;
}

// ---- Peers -------------------------------------------------------------------------------------

// Lets kernels of `device` use the memory of `other`: its context's, and its pool's.
static bool enable_peer(const ee_cuda_device_t *device, const ee_cuda_device_t *other) {
  const ee_cuda_functions_t *cu = device->cu;
  const ee_cuda_access_t access = {
      .location = {.type = EE_CUDA_LOCATION_DEVICE, .id = device->physical.handle},
      .flags = EE_CUDA_ACCESS_READ_WRITE,
  };
  int can = 0;
  ee_cuda_scope_t scope;
  if (cu->DeviceCanAccessPeer(&can, device->physical.handle, other->physical.handle) !=
          EE_CUDA_SUCCESS ||
      !can || ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) {
    return false;
  }
  ee_cuda_result_t result = device->library->hip
                                ? cu->DeviceEnablePeerAccess(other->physical.handle, 0)
                                : cu->CtxEnablePeerAccess(other->context, 0);
  if (result == EE_CUDA_PEER_ACCESS_ALREADY_ENABLED) result = EE_CUDA_SUCCESS;
  if (result == EE_CUDA_SUCCESS && other->pool) {
    result = cu->MemPoolSetAccess ? cu->MemPoolSetAccess(other->pool, &access, 1)
                                  : EE_CUDA_NOT_SUPPORTED;
  }
  ee_cuda_leave(device, &scope);
  return result == EE_CUDA_SUCCESS;
}

// Copies between devices go in any case, by way of the host where there is no other. Two of ours
// may be one of the library's, whose memory is one.
bool ee_cuda_reaches(const ee_hal_device_t *base, const ee_hal_buffer_t *buffer, bool in_kernels) {
  if (base->driver != buffer->device->driver) return false;
  const ee_cuda_device_t *device = (const ee_cuda_device_t *)base;
  ee_cuda_device_t *other = ee_cuda_device(ee_hal_queued(buffer->device));
  if (device->physical.handle == other->physical.handle) return true;
  // The program's pages are registered for one device, and the host has them at hand.
  if (ee_hal_span_of(buffer)->chunk->place == EE_HAL_PLACE_CALLER) return false;
  if (!in_kernels) return true;
  const uint32_t bit = UINT32_C(1) << device->physical.ordinal;
  ee_hal_queued_lock(&other->queued);
  if (!(other->peers_asked & bit)) {
    other->peers_asked |= bit;
    if (enable_peer(device, other)) other->peers |= bit;
  }
  const bool reached = other->peers & bit;
  ee_hal_queued_unlock(&other->queued);
  return reached;
}
