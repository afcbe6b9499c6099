// fence_bare.c: takes the place of fence.c where nothing waits: there are no threads, devices
// finish an operation before they return, and the program gives no fence of its own that is
// pending.
//
// A fence is then a status, pending until it is signaled. Whoever would have to wait for a pending
// one is told FAILED_PRECONDITION, for nobody could signal it meanwhile.
#include "hal/driver.h"

struct ee_hal_fence {
  ee_object_t object;
  ee_heap_t *heap;
  ee_hal_device_t *device; // retained; NULL: the block is the heap's, not the pool's
  size_t block_size;
  ee_hal_fence_t *target; // retained: ends as this fence does; may be NULL
  eerie_status_t status;  // DEFERRED: pending
};

static void fence_destroy(ee_object_t *object) {
  ee_hal_fence_t *fence = (ee_hal_fence_t *)object;
  ee_hal_fence_signal(fence, EERIE_CANCELLED, NULL);
  ee_object_release((ee_object_t *)fence->target);
  if (fence->device) {
    ee_hal_device_free(fence->device, fence, fence->block_size);
  } else {
    ee_heap_free(fence->heap, fence, fence->block_size);
  }
}
const ee_object_type_t ee_hal_fence_type = {"hal.fence", fence_destroy};

static eerie_status_t fence_new(ee_heap_t *heap, ee_hal_device_t *device,
                                ee_hal_fence_t **out_fence, eerie_error_t *err) {
  size_t size = sizeof(ee_hal_fence_t);
  ee_hal_fence_t *fence =
      device ? ee_hal_device_allocate(device, size, &size) : ee_heap_allocate(heap, size);
  if (!fence) return EE_NO_MEMORY(err, sizeof *fence);
  *fence = (ee_hal_fence_t){
      .heap = heap, .device = device, .block_size = size, .status = EERIE_DEFERRED};
  ee_object_initialize(&fence->object, &ee_hal_fence_type);
  *out_fence = fence;
  return EERIE_OK;
}

eerie_status_t ee_hal_fence_create(ee_heap_t *heap, ee_hal_fence_t **out_fence,
                                   eerie_error_t *err) {
  return fence_new(heap, NULL, out_fence, err);
}

eerie_status_t ee_hal_fence_create_pooled(ee_hal_device_t *device, ee_hal_fence_t **out_fence,
                                          eerie_error_t *err) {
  return fence_new(device->heap, device, out_fence, err);
}

eerie_status_t ee_hal_fence_create_before(ee_heap_t *heap, ee_hal_fence_t *target,
                                          ee_hal_fence_t **out_fence, eerie_error_t *err) {
  EE_TRY(fence_new(heap, NULL, out_fence, err));
  (*out_fence)->target = target;
  ee_object_retain((ee_object_t *)target);
  return EERIE_OK;
}

void ee_hal_fence_detach(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence->target);
  fence->target = NULL;
}

// Chains of targets are as long as the program makes them: two.
void ee_hal_fence_signal(ee_hal_fence_t *fence, eerie_status_t status, const eerie_error_t *cause) {
  (void)cause;
  for (; fence && fence->status == EERIE_DEFERRED; fence = fence->target)
    fence->status = status == EERIE_DEFERRED ? EERIE_UNKNOWN : status;
}

eerie_status_t ee_hal_fence_query(ee_hal_fence_t *fence, eerie_error_t *err) {
  if (!fence || fence->status == EERIE_OK || fence->status == EERIE_DEFERRED) {
    return fence ? fence->status : EERIE_OK;
  }
  return EE_FAIL(err, fence->status, "what the fence stands for failed");
}

static EE_COLD eerie_status_t never(eerie_error_t *err) {
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "a pending fence, which nobody would signal");
}

eerie_status_t ee_hal_fence_wait(ee_hal_fence_t *fence, int64_t deadline_ns, eerie_error_t *err) {
  (void)deadline_ns;
  const eerie_status_t status = ee_hal_fence_query(fence, err);
  return status == EERIE_DEFERRED ? never(err) : status;
}

void ee_hal_fence_notify(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *node) {
  node->function(node, ee_hal_fence_wait(fence, 0, NULL));
}

eerie_status_t ee_hal_fence_promise(ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                                    eerie_error_t *err) {
  (void)wait, (void)signal;
  return never(err);
}

bool ee_hal_fence_is_forgotten(const ee_hal_fence_t *fence) {
  return fence->status == EERIE_DEFERRED;
}

eerie_status_t ee_hal_fence_join(ee_heap_t *heap, ee_hal_fence_t *const *fences, size_t count,
                                 ee_hal_fence_t **out_fence, eerie_error_t *err) {
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < count && status == EERIE_OK; ++i)
    status = ee_hal_fence_query(fences[i], NULL);
  if (status == EERIE_DEFERRED) return never(err);
  EE_TRY(fence_new(heap, NULL, out_fence, err));
  (*out_fence)->status = status;
  return EERIE_OK;
}
