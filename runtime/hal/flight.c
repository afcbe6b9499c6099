// flight.c: work in flight: numbered, handed to the queue, waited for.
//
// The driver tells how far its queue is, by a number that it counts or by a mark for each
// submission (a fence, an event). Whoever waits for a number waits in the driver, and then finishes
// all submissions that are done: gives back what they held and signals the fences of the front end.
// No thread is needed for that, and a call that waits for its result passes through none. Only when
// something else than a waiting thread depends on a submission is there a thread, which does the
// same.
#include "hal/queued.h"

typedef struct ee_hal_watcher {
  ee_port_thread_t thread;
  ee_port_monitor_t monitor;
  ee_heap_t *heap;
  ee_hal_queued_t *device; // kept while `active`
  uint64_t wanted;
  bool active;
  bool stop;
  bool gone; // the device went on the watcher's own thread
} watcher_t;

// ---- Submissions -------------------------------------------------------------------------------

ee_hal_submission_t *ee_hal_submission_new(ee_hal_queued_t *device, size_t objects) {
  size_t size, block_size;
  if (!ee_mul_size(objects, sizeof(ee_object_t *), &size) ||
      !ee_add_size(size, sizeof(ee_hal_submission_t), &size)) {
    return NULL;
  }
  // The block keeps the device until the submission is done.
  ee_hal_submission_t *submission = ee_hal_device_allocate(&device->base, size, &block_size);
  if (!submission) return NULL;
  *submission = (ee_hal_submission_t){.block_size = block_size, .on_queue = true};
  return submission;
}

void ee_hal_submission_keep(ee_hal_submission_t *submission, void *object) {
  if (!object) return;
  ee_object_retain(object);
  submission->objects[submission->object_count++] = object;
}

static void submission_free(ee_hal_queued_t *device, ee_hal_submission_t *submission) {
  ee_hal_device_free(&device->base, submission, submission->block_size);
}

// Gives back what it held; the fences stay.
static void let_go(ee_hal_queued_t *device, ee_hal_submission_t *submission) {
  ee_hal_span_free(device, submission->span);
  ee_hal_recording_t *recording = submission->recording;
  if (recording && !recording->kept) ee_hal_recording_give(device, recording);
  for (uint32_t i = 0; i < submission->object_count; ++i)
    ee_object_release(submission->objects[i]);
}

void ee_hal_submission_drop(ee_hal_queued_t *device, ee_hal_submission_t *submission) {
  if (submission->recording) {
    ee_hal_queued_lock(device);
    if (submission->recording->in_flight) --submission->recording->in_flight;
    ee_hal_queued_unlock(device);
  }
  let_go(device, submission);
  ee_object_release((ee_object_t *)submission->signal);
  submission_free(device, submission);
}

// ---- Completion --------------------------------------------------------------------------------

void ee_hal_queued_lose(ee_hal_queued_t *device) {
  ee_hal_queued_lock(device);
  device->lost = true;
  ee_hal_queued_unlock(device);
}

eerie_status_t ee_hal_queued_lost_error(const ee_hal_queued_t *device, eerie_error_t *err) {
  return EE_FAIL(err, EERIE_ABORTED,
                 "device %s (%s) is lost: the work on it failed; release it and open it again",
                 device->base.name, device->description);
}

eerie_status_t ee_hal_queued_check_lost(ee_hal_queued_t *device, eerie_error_t *err) {
  ee_hal_queued_lock(device);
  const bool lost = device->lost;
  ee_hal_queued_unlock(device);
  return EE_LIKELY(!lost) ? EERIE_OK : ee_hal_queued_lost_error(device, err);
}

// Takes what is done out of the list, with the lock held.
static ee_hal_submission_t *take_done(ee_hal_queued_t *device) {
  const uint64_t value = device->queue_driver->reached(device);
  ee_hal_submission_t *first = device->first, **link = &device->first;
  while (*link && (device->lost || (*link)->value <= value)) {
    ee_hal_submission_t *submission = *link;
    if (submission->value > device->done) device->done = submission->value;
    if (submission->recording) {
      if (EE_UNLIKELY(submission->recording->timed) && !device->lost)
        device->queue_driver->tell(device, submission);
      --submission->recording->in_flight;
    }
    // Now, as what comes after it may be told by another thread as soon as the lock is free.
    if (submission->host && !device->lost)
      memcpy(submission->host, ee_hal_span_data(submission->span), (size_t)submission->host_size);
    link = &submission->next;
  }
  if (link == &device->first) return NULL;
  device->first = *link;
  if (!device->first) device->last = NULL;
  *link = NULL;
  return first;
}

// The submission is done, or will never be.
static void finish(ee_hal_queued_t *device, ee_hal_submission_t *submission, bool lost) {
  let_go(device, submission);
  ee_hal_fence_t *signal = submission->signal;
  if (EE_UNLIKELY(lost)) {
    eerie_error_t cause;
    const eerie_status_t status = ee_hal_queued_lost_error(device, &cause);
    ee_hal_fence_signal(signal, status, &cause);
  } else {
    ee_hal_fence_signal(signal, EERIE_OK, NULL);
  }
  ee_object_release((ee_object_t *)signal);
  bool last = true;
  if (submission->mark) {
    ee_hal_queued_lock(device);
    submission->retired = true;
    last = submission->waiters == 0;
    if (last) device->queue_driver->mark_give(device, submission->mark);
    ee_hal_queued_unlock(device);
  }
  if (last) submission_free(device, submission);
}

static void retire(ee_hal_queued_t *device) {
  ee_hal_queued_lock(device);
  ee_hal_submission_t *submission = take_done(device);
  const bool lost = device->lost;
  ee_hal_queued_unlock(device);
  while (submission) {
    ee_hal_submission_t *next = submission->next;
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

// The first submission that is not before `value`, if there is a mark to wait for; it stays until
// `unpin`.
static ee_hal_submission_t *pin(ee_hal_queued_t *device, uint64_t value, bool *out_by_number) {
  ee_hal_queued_lock(device);
  ee_hal_submission_t *submission = device->first;
  while (submission && (!submission->on_queue || submission->value < value))
    submission = submission->next;
  *out_by_number = submission && !submission->mark;
  if (submission && submission->mark) {
    ++submission->waiters;
  } else {
    submission = NULL;
  }
  ee_hal_queued_unlock(device);
  return submission;
}

static void unpin(ee_hal_queued_t *device, ee_hal_submission_t *submission) {
  ee_hal_queued_lock(device);
  const bool last = --submission->waiters == 0 && submission->retired;
  if (last) device->queue_driver->mark_give(device, submission->mark);
  ee_hal_queued_unlock(device);
  if (last) submission_free(device, submission);
}

static void wait_for(ee_hal_queued_t *device, uint64_t value, uint64_t timeout_ns) {
  bool by_number;
  ee_hal_submission_t *submission = pin(device, value, &by_number);
  if (!submission && !by_number) return; // done in the meantime
  const ee_hal_waited_t waited =
      device->queue_driver->wait(device, value, submission ? submission->mark : 0, timeout_ns);
  if (submission) unpin(device, submission);
  if (waited == EE_HAL_WAITED_LOST) ee_hal_queued_lose(device);
}

void ee_hal_queued_wait(ee_hal_device_t *base, uint64_t value, int64_t deadline_ns) {
  ee_hal_queued_t *device = ee_hal_queued(base);
  ee_hal_queued_lock(device);
  if (value > device->submitted) value = device->submitted;
  const bool pending = value > device->done && !device->lost;
  ee_hal_queued_unlock(device);
  // The last submission may be all that keeps the device.
  ee_hal_device_keep(base);
  const uint64_t timeout_ns = pending && deadline_ns ? timeout_until(deadline_ns) : 0;
  if (timeout_ns) wait_for(device, value, timeout_ns);
  retire(device);
  ee_hal_device_drop(base);
}

// ---- Handing over ------------------------------------------------------------------------------

static void append(ee_hal_queued_t *device, ee_hal_submission_t *submission) {
  submission->next = NULL;
  if (device->last) {
    device->last->next = submission;
  } else {
    device->first = submission;
  }
  device->last = submission;
}

// The number is given, and seen by others, when the work is on the queue; who holds `order` alone
// changes it.
static eerie_status_t submit_in_order(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                                      eerie_error_t *err) {
  EE_TRY(ee_hal_queued_check_lost(device, err));
  submission->value = device->submitted + 1;
  if (EE_UNLIKELY(submission->recording->timed))
    submission->submitted_ns = ee_hal_observe_begin(device->base.heap);
  const eerie_status_t status = device->queue_driver->submit(device, submission, err);
  if (status != EERIE_OK) return status;
  ee_hal_queued_lock(device);
  device->submitted = submission->value;
  append(device, submission);
  ee_hal_queued_unlock(device);
  return EERIE_OK;
}

eerie_status_t ee_hal_queued_hand_over(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                                       eerie_error_t *err) {
  ee_hal_fence_t *signal = submission->signal;
  ee_object_retain((ee_object_t *)signal); // others may finish the submission at once
  ee_hal_queued_lock(device);
  if (!submission->recording->in_flight) submission->recording->in_flight = 1;
  ee_hal_queued_unlock(device);
  ee_port_monitor_lock(&device->order);
  const eerie_status_t status = submit_in_order(device, submission, err);
  const uint64_t value = device->submitted;
  ee_port_monitor_unlock(&device->order);
  if (status == EERIE_OK) {
    ee_hal_fence_set_ahead(signal, &device->base, value);
  } else {
    ee_hal_submission_drop(device, submission);
  }
  ee_object_release((ee_object_t *)signal);
  return status;
}

// Behind all that are not after number `after`.
static void insert_note(ee_hal_queued_t *device, ee_hal_submission_t *note) {
  ee_hal_submission_t **link = &device->first;
  while (*link && (*link)->value <= note->value)
    link = &(*link)->next;
  note->next = *link;
  *link = note;
  if (!note->next) device->last = note;
}

eerie_status_t ee_hal_queued_note(ee_hal_queued_t *device, uint64_t after, ee_hal_fence_t *signal,
                                  eerie_error_t *err) {
  if (!signal) return EERIE_OK;
  ee_hal_submission_t *note = after ? ee_hal_submission_new(device, 0) : NULL;
  if (after && !note) return EE_NO_MEMORY(err, sizeof *note);
  bool pending = false;
  if (note) {
    note->on_queue = false;
    note->value = after;
    note->signal = signal;
    ee_object_retain((ee_object_t *)signal);
    ee_hal_queued_lock(device);
    pending = after > device->done;
    if (pending) insert_note(device, note);
    ee_hal_queued_unlock(device);
  }
  if (pending) {
    ee_hal_fence_set_ahead(signal, &device->base, after);
    return EERIE_OK;
  }
  if (note) ee_hal_submission_drop(device, note);
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
  ee_hal_queued_t *device = watcher->device;
  ee_port_monitor_lock(&watcher->monitor);
  while (!watcher->active && !watcher->stop)
    (void)ee_port_monitor_wait(&watcher->monitor, INT64_MAX);
  const bool stop = watcher->stop;
  const uint64_t wanted = watcher->wanted;
  ee_port_monitor_unlock(&watcher->monitor);
  if (stop) return false;
  ee_hal_queued_wait(&device->base, wanted, INT64_MAX);
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

static watcher_t *watcher_start(ee_hal_queued_t *device) {
  watcher_t *watcher = ee_heap_allocate_zeroed(device->base.heap, sizeof *watcher);
  if (!watcher) return NULL;
  watcher->heap = device->base.heap;
  watcher->device = device;
  ee_port_monitor_initialize(&watcher->monitor);
  if (ee_port_thread_start(watch_thread, watcher, device->queue_driver->thread, &watcher->thread,
                           NULL) == EERIE_OK) {
    return watcher;
  }
  watcher_free(watcher);
  return NULL;
}

void ee_hal_queued_watch(ee_hal_device_t *base, uint64_t value) {
  ee_hal_queued_t *device = ee_hal_queued(base);
  ee_hal_queued_lock(device);
  if (value > device->submitted) value = device->submitted;
  const bool pending = value > device->done;
  if (pending && !device->watcher) device->watcher = watcher_start(device);
  watcher_t *watcher = device->watcher;
  ee_hal_queued_unlock(device);
  if (!pending) return;
  if (!watcher) {
    // Without a thread this one does its work.
    ee_hal_queued_wait(base, value, INT64_MAX);
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

void ee_hal_watcher_end(ee_hal_queued_t *device) {
  watcher_t *watcher = device->watcher;
  if (!watcher) return;
  device->watcher = NULL;
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
