// queue.c: work in flight: numbered, handed to the queue, waited for.
//
// A timeline semaphore counts what is done; where the device has none, each submission has a fence.
// Whoever waits for a number waits in Vulkan, and then finishes all submissions that are done:
// gives back what they held and signals the fences of the front end. No thread of the driver's is
// needed for that, and a call that waits for its result passes through none. Only when something
// else than a waiting thread depends on a submission is there a thread, which does the same.
#include "drivers/vulkan/vulkan.h"

typedef struct ee_vulkan_watcher {
  ee_port_thread_t thread;
  ee_port_monitor_t monitor;
  ee_heap_t *heap;
  ee_vulkan_device_t *device; // kept while `active`
  uint64_t wanted;
  bool active;
  bool stop;
  bool gone; // the device went on the watcher's own thread
} watcher_t;

// ---- Submissions -------------------------------------------------------------------------------

ee_vulkan_submission_t *ee_vulkan_submission_new(ee_vulkan_device_t *device, size_t objects) {
  size_t size, block_size;
  if (!ee_mul_size(objects, sizeof(ee_object_t *), &size) ||
      !ee_add_size(size, sizeof(ee_vulkan_submission_t), &size)) {
    return NULL;
  }
  // The block keeps the device until the submission is done.
  ee_vulkan_submission_t *submission = ee_hal_device_allocate(&device->base, size, &block_size);
  if (!submission) return NULL;
  *submission = (ee_vulkan_submission_t){.block_size = block_size, .on_queue = true};
  return submission;
}

void ee_vulkan_submission_keep(ee_vulkan_submission_t *submission, void *object) {
  if (!object) return;
  ee_object_retain(object);
  submission->objects[submission->object_count++] = object;
}

static void submission_free(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission) {
  ee_hal_device_free(&device->base, submission, submission->block_size);
}

// Gives back what it held; the fences stay.
static void let_go(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission) {
  ee_vulkan_span_free(device, submission->span);
  ee_vulkan_recording_t *recording = submission->recording;
  if (recording && !recording->kept) ee_vulkan_recording_give(device, recording);
  for (uint32_t i = 0; i < submission->object_count; ++i)
    ee_object_release(submission->objects[i]);
}

void ee_vulkan_submission_drop(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission) {
  if (submission->recording && submission->recording->in_flight) {
    ee_vulkan_lock(device);
    ee_vulkan_recording_over(device, submission->recording);
    ee_vulkan_unlock(device);
  }
  let_go(device, submission);
  ee_object_release((ee_object_t *)submission->signal);
  submission_free(device, submission);
}

// ---- Fences of Vulkan --------------------------------------------------------------------------

static VkResult fence_take(ee_vulkan_device_t *device, VkFence *out_fence) {
  if (device->fence_count) {
    *out_fence = device->fences[--device->fence_count];
    return VK_SUCCESS;
  }
  const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  return device->vk.CreateFence(device->handle, &info, NULL, out_fence);
}

// Keeps a fence for the next one, or destroys it where there is no room.
static void fence_give(ee_vulkan_device_t *device, VkFence fence) {
  if (!fence) return;
  if (device->fence_count == device->fence_capacity) {
    const uint32_t capacity = device->fence_capacity ? 2 * device->fence_capacity : 8;
    const size_t unit = sizeof *device->fences;
    VkFence *fences = ee_heap_resize(device->base.heap, device->fences,
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

// ---- Completion --------------------------------------------------------------------------------

static void lose(ee_vulkan_device_t *device) {
  ee_vulkan_lock(device);
  device->lost = true;
  ee_vulkan_unlock(device);
}

static EE_COLD eerie_status_t lost_error(const ee_vulkan_device_t *device, eerie_error_t *err) {
  return EE_FAIL(err, EERIE_ABORTED,
                 "device %s (%s) is lost: the work on it failed; release it and open it again",
                 device->base.name, device->physical.properties.deviceName);
}

eerie_status_t ee_vulkan_check_lost(ee_vulkan_device_t *device, eerie_error_t *err) {
  ee_vulkan_lock(device);
  const bool lost = device->lost;
  ee_vulkan_unlock(device);
  return EE_LIKELY(!lost) ? EERIE_OK : lost_error(device, err);
}

// How far the queue has come, with the lock held.
static uint64_t reached(ee_vulkan_device_t *device) {
  uint64_t value = device->done;
  if (device->timeline) {
    const VkResult result =
        device->vk.GetSemaphoreCounterValue(device->handle, device->timeline, &value);
    if (result != VK_SUCCESS) device->lost = true;
    return value;
  }
  for (const ee_vulkan_submission_t *s = device->first; s; s = s->next) {
    if (!s->on_queue) continue;
    const VkResult result = device->vk.GetFenceStatus(device->handle, s->fence);
    if (result == VK_NOT_READY) break;
    if (result != VK_SUCCESS) device->lost = true;
    value = s->value;
  }
  return value;
}

// Takes what is done out of the list, with the lock held.
static ee_vulkan_submission_t *take_done(ee_vulkan_device_t *device) {
  const uint64_t value = reached(device);
  ee_vulkan_submission_t *first = device->first, **link = &device->first;
  while (*link && (device->lost || (*link)->value <= value)) {
    ee_vulkan_submission_t *submission = *link;
    if (submission->value > device->done) device->done = submission->value;
    if (submission->recording) {
      if (EE_UNLIKELY(submission->recording->timed) && !device->lost)
        ee_vulkan_timing_tell(device, submission);
      ee_vulkan_recording_over(device, submission->recording);
    }
    link = &submission->next;
  }
  if (link == &device->first) return NULL;
  device->first = *link;
  if (!device->first) device->last = NULL;
  *link = NULL;
  return first;
}

// The submission is done, or will never be.
static void finish(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission, bool lost) {
  if (submission->host && !lost) {
    const ee_vulkan_span_t *span = submission->span;
    memcpy(submission->host, span->chunk->data + span->offset, (size_t)submission->host_size);
  }
  let_go(device, submission);
  ee_hal_fence_t *signal = submission->signal;
  if (EE_UNLIKELY(lost)) {
    eerie_error_t cause;
    const eerie_status_t status = lost_error(device, &cause);
    ee_hal_fence_signal(signal, status, &cause);
  } else {
    ee_hal_fence_signal(signal, EERIE_OK, NULL);
  }
  ee_object_release((ee_object_t *)signal);
  bool last = true;
  if (submission->fence) {
    ee_vulkan_lock(device);
    submission->retired = true;
    last = submission->waiters == 0;
    if (last) fence_give(device, submission->fence);
    ee_vulkan_unlock(device);
  }
  if (last) submission_free(device, submission);
}

static void retire(ee_vulkan_device_t *device) {
  ee_vulkan_lock(device);
  ee_vulkan_submission_t *submission = take_done(device);
  const bool lost = device->lost;
  ee_vulkan_unlock(device);
  while (submission) {
    ee_vulkan_submission_t *next = submission->next;
    finish(device, submission, lost);
    submission = next;
  }
}

// ---- Waiting -----------------------------------------------------------------------------------

static uint64_t timeout_until(int64_t deadline_ns) {
  if (deadline_ns == INT64_MAX) return UINT64_MAX;
  const int64_t now = ee_port_time_ns();
  return deadline_ns > now ? (uint64_t)(deadline_ns - now) : 0;
}

static VkResult wait_timeline(ee_vulkan_device_t *device, uint64_t value, uint64_t timeout_ns) {
  const VkSemaphoreWaitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
      .semaphoreCount = 1,
      .pSemaphores = &device->timeline,
      .pValues = &value,
  };
  return device->vk.WaitSemaphores(device->handle, &info, timeout_ns);
}

// Waits for the fence of the first submission that is not before `value`.
static VkResult wait_fence(ee_vulkan_device_t *device, uint64_t value, uint64_t timeout_ns) {
  ee_vulkan_lock(device);
  ee_vulkan_submission_t *submission = device->first;
  while (submission && (!submission->on_queue || submission->value < value))
    submission = submission->next;
  if (submission) ++submission->waiters;
  ee_vulkan_unlock(device);
  if (!submission) return VK_SUCCESS;
  const VkResult result =
      device->vk.WaitForFences(device->handle, 1, &submission->fence, VK_TRUE, timeout_ns);
  ee_vulkan_lock(device);
  const bool last = --submission->waiters == 0 && submission->retired;
  if (last) fence_give(device, submission->fence);
  ee_vulkan_unlock(device);
  if (last) submission_free(device, submission);
  return result;
}

void ee_vulkan_queue_wait(ee_hal_device_t *base, uint64_t value, int64_t deadline_ns) {
  ee_vulkan_device_t *device = ee_vulkan_device(base);
  ee_vulkan_lock(device);
  if (value > device->submitted) value = device->submitted;
  const bool pending = value > device->done && !device->lost;
  ee_vulkan_unlock(device);
  // The last submission may be all that keeps the device.
  ee_hal_device_keep(base);
  const uint64_t timeout_ns = pending && deadline_ns ? timeout_until(deadline_ns) : 0;
  if (pending && timeout_ns) {
    const VkResult result = device->timeline ? wait_timeline(device, value, timeout_ns)
                                             : wait_fence(device, value, timeout_ns);
    if (result != VK_SUCCESS && result != VK_TIMEOUT) lose(device);
  }
  retire(device);
  ee_hal_device_drop(base);
}

// ---- Submitting --------------------------------------------------------------------------------

static void append(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission) {
  submission->next = NULL;
  if (device->last) {
    device->last->next = submission;
  } else {
    device->first = submission;
  }
  device->last = submission;
}

static VkResult submit_locked(ee_vulkan_device_t *device, ee_vulkan_submission_t *submission) {
  const uint64_t value = device->submitted + 1;
  const VkTimelineSemaphoreSubmitInfo timeline = {
      .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
      .signalSemaphoreValueCount = 1,
      .pSignalSemaphoreValues = &value,
  };
  const VkSubmitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
      .pNext = device->timeline ? &timeline : NULL,
      .commandBufferCount = 1,
      .pCommandBuffers = &submission->recording->commands,
      .signalSemaphoreCount = device->timeline ? 1 : 0,
      .pSignalSemaphores = &device->timeline,
  };
  VkResult result = VK_SUCCESS;
  ee_vulkan_timing_submitted(device, submission);
  if (!device->timeline) result = fence_take(device, &submission->fence);
  if (result == VK_SUCCESS)
    result = device->vk.QueueSubmit(device->queue, 1, &info, submission->fence);
  if (result == VK_SUCCESS) {
    device->submitted = submission->value = value;
    append(device, submission);
  } else {
    fence_give(device, submission->fence);
    submission->fence = VK_NULL_HANDLE;
    if (result == VK_ERROR_DEVICE_LOST) device->lost = true;
  }
  return result;
}

eerie_status_t ee_vulkan_queue_submit(ee_vulkan_device_t *device,
                                      ee_vulkan_submission_t *submission, eerie_error_t *err) {
  ee_hal_fence_t *signal = submission->signal;
  ee_object_retain((ee_object_t *)signal); // others may finish the submission at once
  if (!submission->recording->in_flight) submission->recording->in_flight = 1;
  ee_vulkan_lock(device);
  const bool lost = device->lost;
  const VkResult result = lost ? VK_ERROR_DEVICE_LOST : submit_locked(device, submission);
  const uint64_t value = device->submitted;
  ee_vulkan_unlock(device);
  eerie_status_t status = EERIE_OK;
  if (result == VK_SUCCESS) {
    ee_hal_fence_set_ahead(signal, &device->base, value);
  } else {
    status = result == VK_ERROR_DEVICE_LOST ? lost_error(device, err)
                                            : ee_vulkan_failed(err, "vkQueueSubmit", result);
    ee_vulkan_submission_drop(device, submission);
  }
  ee_object_release((ee_object_t *)signal);
  return status;
}

// Behind all that are not after number `after`.
static void insert_note(ee_vulkan_device_t *device, ee_vulkan_submission_t *note) {
  ee_vulkan_submission_t **link = &device->first;
  while (*link && (*link)->value <= note->value)
    link = &(*link)->next;
  note->next = *link;
  *link = note;
  if (!note->next) device->last = note;
}

eerie_status_t ee_vulkan_queue_note(ee_vulkan_device_t *device, uint64_t after,
                                    ee_hal_fence_t *signal, eerie_error_t *err) {
  if (!signal) return EERIE_OK;
  ee_vulkan_submission_t *note = after ? ee_vulkan_submission_new(device, 0) : NULL;
  if (after && !note) return EE_NO_MEMORY(err, sizeof *note);
  bool pending = false;
  if (note) {
    note->on_queue = false;
    note->value = after;
    note->signal = signal;
    ee_object_retain((ee_object_t *)signal);
    ee_vulkan_lock(device);
    pending = after > device->done;
    if (pending) insert_note(device, note);
    ee_vulkan_unlock(device);
  }
  if (pending) {
    ee_hal_fence_set_ahead(signal, &device->base, after);
    return EERIE_OK;
  }
  if (note) ee_vulkan_submission_drop(device, note);
  ee_hal_fence_signal(signal, EERIE_OK, NULL);
  return EERIE_OK;
}

// ---- The thread that watches -------------------------------------------------------------------

static void watcher_free(watcher_t *watcher) {
  ee_port_monitor_destroy(&watcher->monitor);
  ee_heap_free(watcher->heap, watcher, sizeof *watcher);
}

// One round: waits until all that is wanted is done. False: the thread has to end.
static bool watch_round(watcher_t *watcher) {
  ee_vulkan_device_t *device = watcher->device;
  ee_port_monitor_lock(&watcher->monitor);
  while (!watcher->active && !watcher->stop)
    (void)ee_port_monitor_wait(&watcher->monitor, INT64_MAX);
  const bool stop = watcher->stop;
  const uint64_t wanted = watcher->wanted;
  ee_port_monitor_unlock(&watcher->monitor);
  if (stop) return false;
  ee_vulkan_queue_wait(&device->base, wanted, INT64_MAX);
  ee_port_monitor_lock(&watcher->monitor);
  const bool over = watcher->wanted == wanted;
  if (over) watcher->active = false;
  ee_port_monitor_unlock(&watcher->monitor);
  if (over) ee_hal_device_drop(&device->base);
  return !watcher->gone;
}

static void watch_thread(void *user) {
  watcher_t *watcher = user;
  while (watch_round(watcher)) {
  }
  if (watcher->gone) watcher_free(watcher);
}

static watcher_t *watcher_start(ee_vulkan_device_t *device) {
  watcher_t *watcher = ee_heap_allocate_zeroed(device->base.heap, sizeof *watcher);
  if (!watcher) return NULL;
  watcher->heap = device->base.heap;
  watcher->device = device;
  ee_port_monitor_initialize(&watcher->monitor);
  if (ee_port_thread_start(watch_thread, watcher, "eerie-vulkan", &watcher->thread, NULL) ==
      EERIE_OK) {
    return watcher;
  }
  watcher_free(watcher);
  return NULL;
}

void ee_vulkan_queue_watch(ee_hal_device_t *base, uint64_t value) {
  ee_vulkan_device_t *device = ee_vulkan_device(base);
  ee_vulkan_lock(device);
  if (value > device->submitted) value = device->submitted;
  const bool pending = value > device->done;
  if (pending && !device->watcher) device->watcher = watcher_start(device);
  watcher_t *watcher = device->watcher;
  ee_vulkan_unlock(device);
  if (!pending) return;
  if (!watcher) {
    // Without a thread this one does its work.
    ee_vulkan_queue_wait(base, value, INT64_MAX);
    return;
  }
  ee_port_monitor_lock(&watcher->monitor);
  if (value > watcher->wanted) watcher->wanted = value;
  if (!watcher->active) {
    watcher->active = true;
    ee_hal_device_keep(base);
  }
  ee_port_monitor_notify_all(&watcher->monitor);
  ee_port_monitor_unlock(&watcher->monitor);
}

static void watcher_end(watcher_t *watcher) {
  if (ee_port_thread_is_self(&watcher->thread)) {
    // It has finished the last submission, and with it the device; it ends by itself.
    ee_port_thread_detach(&watcher->thread);
    watcher->gone = true;
    return;
  }
  ee_port_monitor_lock(&watcher->monitor);
  watcher->stop = true;
  ee_port_monitor_notify_all(&watcher->monitor);
  ee_port_monitor_unlock(&watcher->monitor);
  ee_port_thread_join(&watcher->thread);
  watcher_free(watcher);
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
  // Nothing is in flight, as what is holds the device.
  if (device->watcher) watcher_end(device->watcher);
  (void)device->vk.DeviceWaitIdle(device->handle);
  while (device->recordings) {
    ee_vulkan_recording_t *next = device->recordings->next;
    ee_vulkan_recording_destroy(device, device->recordings);
    device->recordings = next;
  }
  while (device->fence_count)
    device->vk.DestroyFence(device->handle, device->fences[--device->fence_count], NULL);
  ee_heap_free(device->base.heap, device->fences, device->fence_capacity * sizeof *device->fences);
  if (device->timeline) device->vk.DestroySemaphore(device->handle, device->timeline, NULL);
}
