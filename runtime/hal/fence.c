// fence.c: points in time: pending, then signaled or failed, once.
//
// A fence is one word: the list of those who wait, newest first, or one of two marks that close it.
// Signaling swaps a mark in and calls the waiters, so that querying is a load and nothing is
// locked. Joins do not recurse: a join that becomes complete while a fence is being signaled is put
// on a list and handled after, so that a chain of any length takes the same stack.
#include "hal/driver.h"
#include "hal/observe.h"

typedef struct fence_part fence_part_t;
typedef struct fence_blocker fence_blocker_t; // only where there are threads to block

struct ee_hal_fence {
  ee_object_t object;
  ee_heap_t *heap;
  ee_hal_device_t *device; // retained; NULL: the block is the heap's, not the pool's
  size_t block_size;
  EE_ATOMIC(ee_hal_fence_waiter_t *) waiters;
#if EERIE_THREADS
  EE_ATOMIC(fence_blocker_t *) blocker; // made by the first thread that blocks
#endif
  // A failure, written by the one who took `claimed`, before the list is closed.
  EE_ATOMIC(uint32_t) claimed;
  eerie_status_t status;
  eerie_error_t *error;         // NULL: no text, or no memory for it
  EE_ATOMIC(uint32_t) promised; // an operation that waits will signal it
  ee_hal_fence_t *target;       // retained: ends as this fence does; may be NULL
#if EERIE_ASYNC_DEVICES
  EE_ATOMIC(uint32_t) ahead_claimed;
  ee_hal_device_t *ahead_device;   // kept, written before the value
  EE_ATOMIC(uint64_t) ahead_value; // 0: not ahead
#endif
  // Joins only.
  EE_ATOMIC(uint32_t) remaining;
  ee_hal_fence_waiter_t *mark;   // how it ends; set by the one part that ends it
  ee_hal_fence_t *next_complete; // in that part's list
};

// One fence that a join waits for. Its waiter is called with the join retained.
struct fence_part {
  ee_hal_fence_waiter_t waiter;
  ee_hal_fence_t *source; // borrowed: alive while it calls its waiters
};

#if EERIE_THREADS
// Threads that block on a fence share one lock.
struct fence_blocker {
  ee_hal_fence_waiter_t waiter;
  ee_port_monitor_t monitor;
};

static void blocker_free(ee_hal_fence_t *fence) {
  fence_blocker_t *blocker = ee_load_acquire(&fence->blocker);
  if (!blocker) return;
  ee_port_monitor_destroy(&blocker->monitor);
  ee_heap_free(fence->heap, blocker, sizeof *blocker);
}
#else
static void blocker_free(ee_hal_fence_t *fence) {
  (void)fence;
}
#endif

// Never written; only their addresses count.
static const ee_hal_fence_waiter_t closed_ok, closed_failed;
#define CLOSED_OK     ((ee_hal_fence_waiter_t *)(uintptr_t)&closed_ok)
#define CLOSED_FAILED ((ee_hal_fence_waiter_t *)(uintptr_t)&closed_failed)

static bool is_closed(const ee_hal_fence_waiter_t *head) {
  return head == &closed_ok || head == &closed_failed;
}

static void fence_destroy(ee_object_t *object);
const ee_object_type_t ee_hal_fence_type = {"hal.fence", fence_destroy};

static void fence_initialize(ee_hal_fence_t *fence, ee_heap_t *heap, ee_hal_device_t *device,
                             size_t block_size) {
  ee_object_initialize(&fence->object, &ee_hal_fence_type);
  fence->heap = heap;
  fence->device = device;
  fence->block_size = block_size;
  ee_atomic_init(&fence->waiters, NULL);
#if EERIE_THREADS
  ee_atomic_init(&fence->blocker, NULL);
#endif
  ee_atomic_init(&fence->claimed, 0u);
  ee_atomic_init(&fence->remaining, 0u);
  ee_atomic_init(&fence->promised, 0u);
#if EERIE_ASYNC_DEVICES
  ee_atomic_init(&fence->ahead_claimed, 0u);
  fence->ahead_device = NULL;
  ee_atomic_init(&fence->ahead_value, 0u);
#endif
  fence->target = NULL;
  fence->status = EERIE_OK;
  fence->error = NULL;
  fence->mark = NULL;
  fence->next_complete = NULL;
}

eerie_status_t ee_hal_fence_create(ee_heap_t *heap, ee_hal_fence_t **out_fence,
                                   eerie_error_t *err) {
  ee_hal_fence_t *fence = ee_heap_allocate(heap, sizeof *fence);
  if (!fence) return EE_NO_MEMORY(err, sizeof *fence);
  fence_initialize(fence, heap, NULL, sizeof *fence);
  *out_fence = fence;
  return EERIE_OK;
}

eerie_status_t ee_hal_fence_create_before(ee_heap_t *heap, ee_hal_fence_t *target,
                                          ee_hal_fence_t **out_fence, eerie_error_t *err) {
  EE_TRY(ee_hal_fence_create(heap, out_fence, err));
  (*out_fence)->target = target;
  ee_object_retain((ee_object_t *)target);
  return EERIE_OK;
}

void ee_hal_fence_detach(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence->target);
  fence->target = NULL;
}

eerie_status_t ee_hal_fence_create_pooled(ee_hal_device_t *device, ee_hal_fence_t **out_fence,
                                          eerie_error_t *err) {
  size_t size;
  ee_hal_fence_t *fence = ee_hal_device_allocate(device, sizeof *fence, &size);
  if (!fence) return EE_NO_MEMORY(err, sizeof *fence);
  fence_initialize(fence, device->heap, device, size);
  *out_fence = fence;
  return EERIE_OK;
}

// ---- Signaling ---------------------------------------------------------------------------------

// The first to fail a fence keeps the reason.
static bool record_failure(ee_hal_fence_t *fence, eerie_status_t status,
                           const eerie_error_t *cause) {
  uint32_t unclaimed = 0;
  if (!ee_compare_exchange(&fence->claimed, &unclaimed, 1u)) return false;
  fence->status = status;
  if (cause && cause->message[0]) {
    fence->error = ee_heap_allocate(fence->heap, sizeof *fence->error);
    if (fence->error) *fence->error = *cause;
  }
  return true;
}

// Closes the list; false when it was closed already.
static bool close_list(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *mark,
                       ee_hal_fence_waiter_t **out_waiters) {
  ee_hal_fence_waiter_t *head = ee_load_acquire(&fence->waiters);
  do {
    if (is_closed(head)) return false;
  } while (!ee_compare_exchange(&fence->waiters, &head, mark));
  *out_waiters = head;
  return true;
}

static ee_hal_fence_waiter_t *reverse(ee_hal_fence_waiter_t *head) {
  ee_hal_fence_waiter_t *reversed = NULL;
  while (head) {
    ee_hal_fence_waiter_t *next = head->next;
    head->next = reversed;
    reversed = head;
    head = next;
  }
  return reversed;
}

// Marks what a join's parts are known by; notify calls it when the part is already over.
static void part_done(ee_hal_fence_waiter_t *waiter, eerie_status_t status);

// A part of `join` is over. Takes over the part's reference to the join: true hands it to the
// caller, who must then close the join. That happens once: a part that fails never counts as done.
static bool join_advance(ee_hal_fence_t *join, ee_hal_fence_t *source, eerie_status_t status) {
  if (status != EERIE_OK) {
    eerie_error_t cause;
    cause.message[0] = 0;
    if (source) (void)ee_hal_fence_query(source, &cause);
    if (record_failure(join, status, &cause)) {
      join->mark = CLOSED_FAILED;
      return true;
    }
  } else if (ee_fetch_sub_acq_rel(&join->remaining, 1u) == 1u) {
    join->mark = CLOSED_OK;
    return true;
  }
  ee_object_release(&join->object);
  return false;
}

// Closes `fence`, whose failure, if it is one, is recorded; calls its waiters, and collects the
// joins that are complete now.
static void complete_one(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *mark,
                         ee_hal_fence_t ***joins_tail) {
  ee_hal_fence_waiter_t *waiters;
  if (!close_list(fence, mark, &waiters)) return;
  const eerie_status_t status = mark == &closed_ok ? EERIE_OK : fence->status;
  for (ee_hal_fence_waiter_t *waiter = reverse(waiters), *next; waiter; waiter = next) {
    next = waiter->next; // the callee may free it
    if (waiter->function != part_done) {
      waiter->function(waiter, status);
      continue;
    }
    ee_hal_fence_t *join = waiter->user;
    if (!join_advance(join, fence, status)) continue;
    join->next_complete = NULL;
    **joins_tail = join;
    *joins_tail = &join->next_complete;
  }
  // One who comes too late to fail the fence may be writing the error.
  ee_hal_fence_signal(fence->target, status, status == EERIE_OK ? NULL : fence->error);
}

static void complete_joins(ee_hal_fence_t *joins, ee_hal_fence_t **tail) {
  while (joins) {
    ee_hal_fence_t *join = joins;
    complete_one(join, join->mark, &tail);
    joins = join->next_complete; // after: completing may have appended to it
    ee_object_release(&join->object);
  }
}

static void complete(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *mark) {
  ee_hal_fence_t *joins = NULL, **tail = &joins;
  complete_one(fence, mark, &tail);
  if (joins) complete_joins(joins, tail);
}

void ee_hal_fence_signal(ee_hal_fence_t *fence, eerie_status_t status, const eerie_error_t *cause) {
  if (!fence) return;
  if (EE_LIKELY(status == EERIE_OK)) {
    // Nearly always nobody waits: one exchange and done.
    ee_hal_fence_waiter_t *nobody = NULL;
    if (!fence->target && ee_compare_exchange(&fence->waiters, &nobody, CLOSED_OK)) return;
    complete(fence, CLOSED_OK);
    return;
  }
  if (status == EERIE_DEFERRED) status = EERIE_UNKNOWN; // it would read as pending
  if (record_failure(fence, status, cause)) complete(fence, CLOSED_FAILED);
}

static void fence_destroy(ee_object_t *object) {
  ee_hal_fence_t *fence = (ee_hal_fence_t *)object;
  ee_hal_fence_waiter_t *head = ee_load_acquire(&fence->waiters);
  if ((head || fence->target) && !is_closed(head)) {
    eerie_error_t cause = {.code = EERIE_CANCELLED};
    (void)EE_FAIL(&cause, EERIE_CANCELLED, "the fence was dropped before anyone signaled it");
    ee_hal_fence_signal(fence, EERIE_CANCELLED, &cause);
  }
  ee_object_release((ee_object_t *)fence->target);
  blocker_free(fence);
  ee_heap_free(fence->heap, fence->error, sizeof *fence->error);
  ee_hal_device_t *device = fence->device;
#if EERIE_ASYNC_DEVICES
  ee_hal_device_t *ahead_device = fence->ahead_device;
#endif
  if (device) {
    ee_hal_device_free(device, fence, fence->block_size);
  } else {
    ee_heap_free(fence->heap, fence, fence->block_size);
  }
#if EERIE_ASYNC_DEVICES
  if (ahead_device) ee_hal_device_drop(ahead_device);
#endif
}

// ---- Ahead of the host -------------------------------------------------------------------------

#if EERIE_ASYNC_DEVICES

// Makes sure that a fence which a device will signal is signaled though nobody calls the device.
static void watch(const ee_hal_fence_t *fence) {
  const uint64_t value = ee_load_acquire(&fence->ahead_value);
  if (value) fence->ahead_device->driver->async->watch(fence->ahead_device, value);
}

// Between putting something into a fence and looking for what another thread may have put there: of
// two threads that come here, the second sees what the first did before.
static void take_turn(ee_hal_fence_t *fence) {
  (void)ee_fetch_sub_acq_rel(&fence->ahead_claimed, 0u);
}

void ee_hal_fence_set_ahead(ee_hal_fence_t *fence, ee_hal_device_t *device, uint64_t value) {
  for (; fence; fence = fence->target) {
    uint32_t unclaimed = 0;
    if (!ee_compare_exchange(&fence->ahead_claimed, &unclaimed, 1u)) return;
    ee_store_release(&fence->promised, 1u);
    ee_hal_device_keep(device);
    fence->ahead_device = device;
    ee_store_release(&fence->ahead_value, value);
    // Who comes to wait looks at the value after it is in the list: one of the two sees the other.
    take_turn(fence);
    const ee_hal_fence_waiter_t *head = ee_load_acquire(&fence->waiters);
    if (head && !is_closed(head)) watch(fence);
  }
}

uint64_t ee_hal_fence_ahead(const ee_hal_fence_t *fence, const ee_hal_device_t *device) {
  const uint64_t value = ee_load_acquire(&fence->ahead_value);
  return value && fence->ahead_device == device ? value : 0;
}

eerie_status_t ee_hal_fence_poll(ee_hal_fence_t *fence, eerie_error_t *err) {
  const eerie_status_t status = ee_hal_fence_query(fence, err);
  if (EE_LIKELY(status != EERIE_DEFERRED)) return status;
  const uint64_t value = ee_load_acquire(&fence->ahead_value);
  if (!value) return status;
  fence->ahead_device->driver->async->wait(fence->ahead_device, value, 0);
  return ee_hal_fence_query(fence, err);
}

// Waits in the device instead of for another thread; the fence may be pending still.
static void wait_ahead(const ee_hal_fence_t *fence, int64_t deadline_ns) {
  const uint64_t value = ee_load_acquire(&fence->ahead_value);
  if (value) fence->ahead_device->driver->async->wait(fence->ahead_device, value, deadline_ns);
}

#endif

// ---- Asking and waiting ------------------------------------------------------------------------

static EE_COLD eerie_status_t report_failure(const ee_hal_fence_t *fence, eerie_error_t *err) {
  if (!fence->error) {
    return EE_FAIL(err, fence->status, "what the fence stands for failed");
  }
  if (err) *err = *fence->error;
  if (err) err->code = fence->status;
  return fence->status;
}

eerie_status_t ee_hal_fence_query(ee_hal_fence_t *fence, eerie_error_t *err) {
  if (!fence) return EERIE_OK;
  const ee_hal_fence_waiter_t *head = ee_load_acquire(&fence->waiters);
  if (EE_LIKELY(head == &closed_ok)) return EERIE_OK;
  return head == &closed_failed ? report_failure(fence, err) : EERIE_DEFERRED;
}

// Puts `node` among those that wait, or calls it when the fence is over; false then.
static bool hang(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *node) {
  if (fence) {
    ee_hal_fence_waiter_t *head = ee_load_acquire(&fence->waiters);
    while (!is_closed(head)) {
      node->next = head;
      if (ee_compare_exchange(&fence->waiters, &head, node)) return true;
    }
  }
  node->function(node, ee_hal_fence_query(fence, NULL));
  return false;
}

void ee_hal_fence_notify(ee_hal_fence_t *fence, ee_hal_fence_waiter_t *node) {
#if EERIE_ASYNC_DEVICES
  // Hung, the node may be called by another thread which lets the last reference go.
  ee_object_retain((ee_object_t *)fence);
  if (hang(fence, node)) {
    take_turn(fence);
    watch(fence);
  }
  ee_object_release((ee_object_t *)fence);
#else
  (void)hang(fence, node);
#endif
}

#if EERIE_THREADS
static void wake_blocked(ee_hal_fence_waiter_t *waiter, eerie_status_t status) {
  (void)status;
  fence_blocker_t *blocker = (fence_blocker_t *)waiter;
  ee_port_monitor_lock(&blocker->monitor);
  ee_port_monitor_notify_all(&blocker->monitor);
  ee_port_monitor_unlock(&blocker->monitor);
}

// The fence's lock; made, and told of the signal, by whoever comes first.
static fence_blocker_t *fence_blocker(ee_hal_fence_t *fence) {
  fence_blocker_t *present = ee_load_acquire(&fence->blocker);
  if (present) return present;
  fence_blocker_t *blocker = ee_heap_allocate(fence->heap, sizeof *blocker);
  if (!blocker) return NULL;
  blocker->waiter = (ee_hal_fence_waiter_t){.function = wake_blocked};
  ee_port_monitor_initialize(&blocker->monitor);
  if (ee_compare_exchange(&fence->blocker, &present, blocker)) {
    (void)hang(fence, &blocker->waiter);
    return blocker;
  }
  ee_port_monitor_destroy(&blocker->monitor);
  ee_heap_free(fence->heap, blocker, sizeof *blocker);
  return present;
}

// Until the signal or the deadline; what the fence says then.
static eerie_status_t block(ee_hal_fence_t *fence, int64_t deadline_ns, eerie_error_t *err) {
  fence_blocker_t *blocker = fence_blocker(fence);
  if (!blocker) return EE_NO_MEMORY(err, sizeof *blocker);
  eerie_status_t status;
  ee_port_monitor_lock(&blocker->monitor);
  // The signal closes the list before it takes the lock, so a wait that begins here sees the one or
  // the other.
  bool woken = true;
  while ((status = ee_hal_fence_query(fence, err)) == EERIE_DEFERRED && woken) {
    woken = ee_port_monitor_wait(&blocker->monitor, deadline_ns);
  }
  ee_port_monitor_unlock(&blocker->monitor);
  return status;
}
#else
static eerie_status_t block(ee_hal_fence_t *fence, int64_t deadline_ns, eerie_error_t *err) {
  (void)fence, (void)deadline_ns, (void)err;
  return EERIE_DEFERRED; // nobody else runs while this one waits
}
#endif

eerie_status_t ee_hal_fence_wait(ee_hal_fence_t *fence, int64_t deadline_ns, eerie_error_t *err) {
  eerie_status_t status = ee_hal_fence_query(fence, err);
  if (status == EERIE_DEFERRED) {
    const int64_t begin_ns = ee_hal_observe_begin(fence->heap);
#if EERIE_ASYNC_DEVICES
    wait_ahead(fence, deadline_ns);
    status = ee_hal_fence_query(fence, err);
    if (status == EERIE_DEFERRED) status = block(fence, deadline_ns, err);
#else
    status = block(fence, deadline_ns, err);
#endif
    if (begin_ns) ee_hal_observe_span(fence->heap, EE_HAL_EVENT_WAIT, "fence", 0, begin_ns);
  }
  if (status != EERIE_DEFERRED) return status;
  if (deadline_ns == INT64_MAX) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "waiting for a fence that nobody can signal: there are no other threads");
  }
  return EE_FAIL(err, EERIE_DEADLINE_EXCEEDED, "the fence was not signaled in time");
}

eerie_status_t ee_hal_fence_promise(ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                                    eerie_error_t *err) {
  if (!signal) return EERIE_OK;
  const ee_hal_fence_waiter_t *head = ee_load_acquire(&signal->waiters);
  const bool awaited = head && !is_closed(head);
  uint32_t unpromised = 0;
  if (EE_LIKELY(signal != wait && !awaited &&
                ee_compare_exchange(&signal->promised, &unpromised, 1u))) {
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the fence to signal is %s already",
                 unpromised ? "to be signaled" : "waited for");
}

bool ee_hal_fence_is_forgotten(const ee_hal_fence_t *fence) {
  return !is_closed(ee_load_acquire(&fence->waiters)) && !ee_load_relaxed(&fence->promised);
}

// ---- Joining -----------------------------------------------------------------------------------

static void part_done(ee_hal_fence_waiter_t *waiter, eerie_status_t status) {
  fence_part_t *part = (fence_part_t *)waiter;
  ee_hal_fence_t *join = waiter->user;
  if (!join_advance(join, part->source, status)) return;
  complete(join, join->mark);
  ee_object_release(&join->object);
}

#if EERIE_ASYNC_DEVICES
// A join is ahead where all its parts are, and then at the last of them.
typedef struct join_ahead {
  ee_hal_device_t *device; // NULL: no part yet
  uint64_t value;
  bool possible;
} join_ahead_t;

static void join_ahead_add(join_ahead_t *ahead, const ee_hal_fence_t *part) {
  const uint64_t value = ee_load_acquire(&part->ahead_value);
  if (!value || (ahead->device && ahead->device != part->ahead_device)) {
    ahead->possible = false;
    return;
  }
  // The caller holds the part, and that the device.
  ahead->device = part->ahead_device;
  if (value > ahead->value) ahead->value = value;
}

static void join_ahead_end(const join_ahead_t *ahead, ee_hal_fence_t *join,
                           ee_hal_fence_t *const *fences, size_t count) {
  if (ahead->possible) {
    if (ahead->device) ee_hal_fence_set_ahead(join, ahead->device, ahead->value);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    if (ee_hal_fence_query(fences[i], NULL) != EERIE_DEFERRED) continue;
    take_turn(fences[i]);
    watch(fences[i]);
  }
}
#endif

eerie_status_t ee_hal_fence_join(ee_heap_t *heap, ee_hal_fence_t *const *fences, size_t count,
                                 ee_hal_fence_t **out_fence, eerie_error_t *err) {
  uint32_t pending = 0;
  for (size_t i = 0; i < count; ++i) {
    if (ee_hal_fence_query(fences[i], NULL) != EERIE_OK) ++pending;
  }
  size_t size;
  if (!ee_mul_size(pending, sizeof(fence_part_t), &size) ||
      !ee_add_size(size, sizeof(ee_hal_fence_t), &size)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "too many fences to join: %zu", count);
  }
  ee_hal_fence_t *join = ee_heap_allocate(heap, size);
  if (!join) return EE_NO_MEMORY(err, size);
  fence_initialize(join, heap, NULL, size);
  // One more than there are parts, so that none completes the join while others are being added.
  ee_atomic_init(&join->remaining, pending + 1u);
  fence_part_t *part = (fence_part_t *)(join + 1);
  uint32_t added = 0;
#if EERIE_ASYNC_DEVICES
  join_ahead_t ahead = {.possible = true};
#endif
  for (size_t i = 0; i < count && added < pending; ++i) {
    if (ee_hal_fence_query(fences[i], NULL) == EERIE_OK) continue;
#if EERIE_ASYNC_DEVICES
    join_ahead_add(&ahead, fences[i]);
#endif
    part->waiter = (ee_hal_fence_waiter_t){.function = part_done, .user = join};
    part->source = fences[i];
    ee_object_retain(&join->object);
    (void)hang(fences[i], &part->waiter);
    ++part;
    ++added;
  }
#if EERIE_ASYNC_DEVICES
  join_ahead_end(&ahead, join, fences, count);
#endif
  // Those signaled since they were counted, and the extra one.
  const uint32_t surplus = pending + 1u - added;
  if (ee_fetch_sub_acq_rel(&join->remaining, surplus) == surplus) complete(join, CLOSED_OK);
  *out_fence = join;
  return EERIE_OK;
}
