// host.c: memory of the program's own that kernels use where it is (eerie_tensor_wrap).
//
// The library registers whole pages, each one once at a time: a tensor whose pages are all
// registered for another one shares that registration, one that has such pages and others too
// gets an error.
#include "drivers/cuda/cuda.h"

typedef struct ee_cuda_registered {
  struct ee_cuda_registered *next;
  uint8_t *data; // the first page
  uint64_t size;
  ee_cuda_address_t address;
  uint32_t chunks; // that lie in it
} registered_t;

// From the begin of the first page that has some of it to the end of the last.
static eerie_status_t take_pages(ee_hal_chunk_t *chunk, eerie_error_t *err) {
  const uint64_t page = ee_port_page_size();
  const uint64_t before = (uintptr_t)chunk->data & (page - 1);
  uint64_t size;
  if (!ee_add_u64(chunk->size, before + page - 1, &size) || size > SIZE_MAX) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "no memory has %llu bytes",
                   (unsigned long long)chunk->size);
  }
  chunk->data -= before;
  chunk->size = size & ~(page - 1);
  return EERIE_OK;
}

static registered_t *find_registered(const ee_cuda_device_t *device, const ee_hal_chunk_t *chunk) {
  registered_t *found = device->registered;
  while (found && (chunk->data < found->data || chunk->size > found->size ||
                   (uint64_t)(chunk->data - found->data) > found->size - chunk->size))
    found = found->next;
  return found;
}

// In the device's context.
static ee_cuda_result_t map_pages(const ee_cuda_device_t *device, registered_t *pages,
                                  const char **out_what) {
  const ee_cuda_functions_t *cu = device->cu;
  *out_what = "MemHostRegister";
  ee_cuda_result_t result = cu->MemHostRegister(
      pages->data, (size_t)pages->size, EE_CUDA_REGISTER_PORTABLE | EE_CUDA_REGISTER_MAPPED);
  if (result != EE_CUDA_SUCCESS) return result;
  *out_what = "MemHostGetDevicePointer";
  result = cu->MemHostGetDevicePointer(&pages->address, pages->data, 0);
  if (result != EE_CUDA_SUCCESS) (void)cu->MemHostUnregister(pages->data);
  return result;
}

// With `registering` held.
static ee_cuda_result_t register_pages(ee_cuda_device_t *device, registered_t *pages,
                                       const char **out_what) {
  ee_cuda_scope_t scope;
  *out_what = "CtxPushCurrent";
  ee_cuda_result_t result = ee_cuda_enter(device, &scope);
  if (result != EE_CUDA_SUCCESS) return result;
  result = map_pages(device, pages, out_what);
  if (ee_cuda_is_sticky(result)) ee_cuda_settle(device);
  ee_cuda_leave(device, &scope);
  if (result != EE_CUDA_SUCCESS) return result;
  pages->next = device->registered;
  device->registered = pages;
  return EE_CUDA_SUCCESS;
}

// A library that does not take the memory, for one reason or another, may take other memory.
static EE_COLD eerie_status_t refuse(ee_cuda_device_t *device, const char *what,
                                     ee_cuda_result_t result, eerie_error_t *err) {
  eerie_status_t status = ee_cuda_failed(device, err, what, result);
  switch (result) {
  case EE_CUDA_INVALID_VALUE: // pages that are not there, or only to be read
  case EE_CUDA_HOST_MEMORY_ALREADY_REGISTERED:
  case EE_CUDA_NOT_PERMITTED:
  case EE_CUDA_NOT_SUPPORTED:
    status = EERIE_UNIMPLEMENTED;
    if (err) err->code = status;
    EE_ANNOTATE(err, "eerie_tensor_create copies what is not taken in place");
    break;
  default: break;
  }
  return status;
}

eerie_status_t ee_cuda_chunk_import(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                    eerie_error_t *err) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  EE_TRY(take_pages(chunk, err));
  registered_t *pages = ee_heap_allocate_zeroed(queued->base.heap, sizeof *pages);
  if (!pages) return EE_NO_MEMORY(err, sizeof *pages);
  pages->data = chunk->data;
  pages->size = chunk->size;
  const char *what;
  ee_cuda_result_t result = EE_CUDA_SUCCESS;
  ee_port_monitor_lock(&device->registering);
  registered_t *found = find_registered(device, chunk);
  if (!found) result = register_pages(device, pages, &what);
  registered_t *const used = found ? found : pages;
  if (result == EE_CUDA_SUCCESS) ++used->chunks;
  ee_port_monitor_unlock(&device->registering);
  if (result != EE_CUDA_SUCCESS || found) ee_heap_free(queued->base.heap, pages, sizeof *pages);
  if (result != EE_CUDA_SUCCESS) return refuse(device, what, result, err);
  chunk->data = used->data;
  chunk->size = used->size;
  chunk->address = used->address;
  chunk->handle[0] = (uint64_t)(uintptr_t)used;
  return EERIE_OK;
}

// With `registering` held, so that nobody registers the pages before they are free.
static void unregister(ee_cuda_device_t *device, const registered_t *pages) {
  registered_t **link = &device->registered;
  while (*link != pages)
    link = &(*link)->next;
  *link = pages->next;
  ee_cuda_scope_t scope;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return;
  (void)device->cu->MemHostUnregister(pages->data);
  ee_cuda_leave(device, &scope);
}

void ee_cuda_chunk_let_go(ee_hal_queued_t *queued, const ee_hal_chunk_t *chunk) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  registered_t *pages = (registered_t *)(uintptr_t)chunk->handle[0];
  if (!pages) return; // one that was refused
  ee_port_monitor_lock(&device->registering);
  const bool last = --pages->chunks == 0;
  if (last) unregister(device, pages);
  ee_port_monitor_unlock(&device->registering);
  if (last) ee_heap_free(queued->base.heap, pages, sizeof *pages);
}
