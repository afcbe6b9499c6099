// queue.c: recordings to the device's queue, and how far it is: a timeline semaphore counts what is
// done; where the device has none, each submission has a fence for its mark.
#include "drivers/vulkan/vulkan.h"

// ---- Fences ------------------------------------------------------------------------------------

static VkResult fence_take(ee_vulkan_device_t *device, VkFence *out_fence) {
  *out_fence = VK_NULL_HANDLE;
  ee_hal_queued_lock(&device->queued);
  if (device->fence_count) *out_fence = device->fences[--device->fence_count];
  ee_hal_queued_unlock(&device->queued);
  if (*out_fence) return VK_SUCCESS;
  const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  const VkResult result = device->vk.CreateFence(device->handle, &info, NULL, out_fence);
  if (result != VK_SUCCESS) *out_fence = VK_NULL_HANDLE;
  return result;
}

// Keeps a fence for the next one, or destroys it where there is no room.
void ee_vulkan_fence_give(ee_hal_queued_t *queued, uint64_t mark) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const VkFence fence = (VkFence)mark;
  if (device->fence_count == device->fence_capacity) {
    const uint32_t capacity = device->fence_capacity ? 2 * device->fence_capacity : 8;
    const size_t unit = sizeof *device->fences;
    VkFence *fences = ee_heap_resize(queued->base.heap, device->fences,
                                     device->fence_capacity * unit, capacity * unit);
    if (fences) {
      device->fences = fences;
      device->fence_capacity = capacity;
    }
  }
  if (device->fence_count < device->fence_capacity &&
      device->vk.ResetFences(device->handle, 1, &fence) == VK_SUCCESS) {
    device->fences[device->fence_count++] = fence;
  } else {
    device->vk.DestroyFence(device->handle, fence, NULL);
  }
}

// ---- How far it is -----------------------------------------------------------------------------

uint64_t ee_vulkan_queue_reached(ee_hal_queued_t *queued) {
  const ee_vulkan_device_t *device = ee_vulkan_of(queued);
  uint64_t value = queued->done;
  if (device->timeline) {
    const VkResult result =
        device->vk.GetSemaphoreCounterValue(device->handle, device->timeline, &value);
    if (result != VK_SUCCESS) queued->lost = true;
    return value;
  }
  for (const ee_hal_submission_t *s = queued->first; s; s = s->next) {
    if (!s->mark) continue;
    const VkResult result = device->vk.GetFenceStatus(device->handle, (VkFence)s->mark);
    if (result == VK_NOT_READY) break;
    if (result != VK_SUCCESS) queued->lost = true;
    value = s->value;
  }
  return value;
}

static VkResult wait_timeline(const ee_vulkan_device_t *device, uint64_t value,
                              uint64_t timeout_ns) {
  const VkSemaphoreWaitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
      .semaphoreCount = 1,
      .pSemaphores = &device->timeline,
      .pValues = &value,
  };
  return device->vk.WaitSemaphores(device->handle, &info, timeout_ns);
}

ee_hal_waited_t ee_vulkan_queue_wait(ee_hal_queued_t *queued, uint64_t value, uint64_t mark,
                                     uint64_t timeout_ns) {
  const ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const VkFence fence = (VkFence)mark;
  const VkResult result =
      device->timeline ? wait_timeline(device, value, timeout_ns)
                       : device->vk.WaitForFences(device->handle, 1, &fence, VK_TRUE, timeout_ns);
  if (result == VK_TIMEOUT) return EE_HAL_WAITED_TIMEOUT;
  return result == VK_SUCCESS ? EE_HAL_WAITED_DONE : EE_HAL_WAITED_LOST;
}

// ---- Submitting --------------------------------------------------------------------------------

static VkResult submit(const ee_vulkan_device_t *device, const ee_hal_submission_t *submission,
                       VkFence fence) {
  const ee_vulkan_recording_t *recording = (const void *)submission->recording;
  const VkTimelineSemaphoreSubmitInfo timeline = {
      .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
      .signalSemaphoreValueCount = 1,
      .pSignalSemaphoreValues = &submission->value,
  };
  const VkSubmitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
      .pNext = device->timeline ? &timeline : NULL,
      .commandBufferCount = 1,
      .pCommandBuffers = &recording->commands,
      .signalSemaphoreCount = device->timeline ? 1 : 0,
      .pSignalSemaphores = &device->timeline,
  };
  return device->vk.QueueSubmit(device->queue, 1, &info, fence);
}

eerie_status_t ee_vulkan_queue_submit(ee_hal_queued_t *queued, ee_hal_submission_t *submission,
                                      eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  VkFence fence = VK_NULL_HANDLE;
  const char *what = "vkCreateFence";
  VkResult result = device->timeline ? VK_SUCCESS : fence_take(device, &fence);
  if (result == VK_SUCCESS) {
    what = "vkQueueSubmit";
    result = submit(device, submission, fence);
  }
  if (result == VK_SUCCESS) {
    submission->mark = (uint64_t)fence;
    return EERIE_OK;
  }
  ee_hal_queued_lock(queued);
  if (fence) ee_vulkan_fence_give(queued, (uint64_t)fence);
  if (result == VK_ERROR_DEVICE_LOST) queued->lost = true;
  ee_hal_queued_unlock(queued);
  return result == VK_ERROR_DEVICE_LOST ? ee_hal_queued_lost_error(queued, err)
                                        : ee_vulkan_failed(err, what, result);
}

// ---- Life --------------------------------------------------------------------------------------

eerie_status_t ee_vulkan_queue_create(ee_vulkan_device_t *device, eerie_error_t *err) {
  if (!(device->physical.features & EE_VULKAN_TIMELINE)) return EERIE_OK;
  const VkSemaphoreTypeCreateInfo type = {
      .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                      .pNext = &type};
  const VkResult result =
      device->vk.CreateSemaphore(device->handle, &info, NULL, &device->timeline);
  if (result == VK_SUCCESS) return EERIE_OK;
  device->timeline = VK_NULL_HANDLE;
  return ee_vulkan_failed(err, "vkCreateSemaphore", result);
}

void ee_vulkan_queue_destroy(ee_vulkan_device_t *device) {
  ee_heap_t *heap = device->queued.base.heap;
  while (device->fence_count)
    device->vk.DestroyFence(device->handle, device->fences[--device->fence_count], NULL);
  ee_heap_free(heap, device->fences, device->fence_capacity * sizeof *device->fences);
  if (device->timeline) device->vk.DestroySemaphore(device->handle, device->timeline, NULL);
}
