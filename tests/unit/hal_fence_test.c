// Tests of runtime/hal/fence.c.
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "unit/hal_support.h"

typedef struct note {
  ee_hal_fence_waiter_t waiter; // first
  int calls;
  int order;
  eerie_status_t status;
} note_t;

static atomic_int notes_taken;

static void take_note(ee_hal_fence_waiter_t *waiter, eerie_status_t status) {
  note_t *note = (note_t *)waiter;
  ++note->calls;
  note->status = status;
  note->order = atomic_fetch_add(&notes_taken, 1);
}

static note_t make_note(void) {
  return (note_t){.waiter = {.function = take_note}};
}

static ee_hal_fence_t *make_fence(fixture_t *f) {
  ee_hal_fence_t *fence = NULL;
  CHECK_OK(ee_hal_fence_create(&f->heap, &fence, NULL));
  return fence;
}

static void drop(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

static void is_pending_then_signaled(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *fence = make_fence(&f);
  CHECK_STATUS(ee_hal_fence_query(fence, NULL), EERIE_DEFERRED);
  CHECK_STATUS(ee_hal_fence_wait(fence, 0, NULL), EERIE_DEADLINE_EXCEEDED);
#if !EERIE_THREADS
  CHECK_STATUS(ee_hal_fence_wait(fence, INT64_MAX, NULL), EERIE_FAILED_PRECONDITION);
#endif
  ee_hal_fence_signal(fence, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(fence, NULL));
  ee_hal_fence_signal(fence, EERIE_ABORTED, NULL); // only the first counts
  CHECK_OK(ee_hal_fence_query(fence, NULL));
  CHECK_OK(ee_hal_fence_wait(fence, INT64_MAX, NULL));
  CHECK_OK(ee_hal_fence_query(NULL, NULL));
  drop(fence);
  fixture_close(&f);
}

static void keeps_the_message_of_a_failure(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *fence = make_fence(&f);
  eerie_error_t cause = {.code = EERIE_ABORTED, .message = "the disk caught fire"};
  ee_hal_fence_signal(fence, EERIE_ABORTED, &cause);
  ee_hal_fence_signal(fence, EERIE_OK, NULL);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_fence_query(fence, &err), EERIE_ABORTED);
  CHECK_STR(err.message, "the disk caught fire");
  CHECK_STATUS(err.code, EERIE_ABORTED);
  CHECK_STATUS(ee_hal_fence_wait(fence, INT64_MAX, NULL), EERIE_ABORTED);
  drop(fence);
  // A status that would read as pending.
  fence = make_fence(&f);
  ee_hal_fence_signal(fence, EERIE_DEFERRED, NULL);
  CHECK_STATUS(ee_hal_fence_wait(fence, INT64_MAX, NULL), EERIE_UNKNOWN);
  drop(fence);
  fixture_close(&f);
}

static void calls_waiters_in_order_once(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *fence = make_fence(&f);
  note_t notes[5];
  atomic_store(&notes_taken, 0);
  for (int i = 0; i < 4; ++i) {
    notes[i] = make_note();
    ee_hal_fence_notify(fence, &notes[i].waiter);
    CHECK_EQ_INT(notes[i].calls, 0);
  }
  ee_hal_fence_signal(fence, EERIE_OK, NULL);
  for (int i = 0; i < 4; ++i) {
    CHECK_EQ_INT(notes[i].calls, 1);
    CHECK_EQ_INT(notes[i].order, i);
    CHECK_OK(notes[i].status);
  }
  notes[4] = make_note();
  ee_hal_fence_notify(fence, &notes[4].waiter); // late: at once
  CHECK_EQ_INT(notes[4].calls, 1);
  notes[4] = make_note();
  ee_hal_fence_notify(NULL, &notes[4].waiter);
  CHECK_EQ_INT(notes[4].calls, 1);
  drop(fence);
  fixture_close(&f);
}

static void tells_waiters_when_it_is_dropped(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *fence = make_fence(&f);
  note_t note = make_note();
  ee_hal_fence_notify(fence, &note.waiter);
  drop(fence);
  CHECK_EQ_INT(note.calls, 1);
  CHECK_STATUS(note.status, EERIE_CANCELLED);
  fixture_close(&f);
}

static void joins_wait_for_all_parts(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *parts[4] = {make_fence(&f), NULL, make_fence(&f), make_fence(&f)};
  ee_hal_fence_signal(parts[3], EERIE_OK, NULL);
  ee_hal_fence_t *join = NULL;
  REQUIRE_OK(ee_hal_fence_join(&f.heap, parts, 4, &join, NULL));
  note_t note = make_note();
  ee_hal_fence_notify(join, &note.waiter);
  ee_hal_fence_signal(parts[0], EERIE_OK, NULL);
  CHECK_STATUS(ee_hal_fence_query(join, NULL), EERIE_DEFERRED);
  ee_hal_fence_signal(parts[2], EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(join, NULL));
  CHECK_EQ_INT(note.calls, 1);
  drop(join);
  // Nothing to wait for.
  REQUIRE_OK(ee_hal_fence_join(&f.heap, parts, 4, &join, NULL));
  CHECK_OK(ee_hal_fence_query(join, NULL));
  drop(join);
  REQUIRE_OK(ee_hal_fence_join(&f.heap, NULL, 0, &join, NULL));
  CHECK_OK(ee_hal_fence_query(join, NULL));
  drop(join);
  for (int i = 0; i < 4; ++i)
    drop(parts[i]);
  fixture_close(&f);
}

static void joins_fail_with_their_first_failing_part(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *parts[3] = {make_fence(&f), make_fence(&f), make_fence(&f)};
  ee_hal_fence_t *join = NULL;
  REQUIRE_OK(ee_hal_fence_join(&f.heap, parts, 3, &join, NULL));
  eerie_error_t cause = {.code = EERIE_DATA_LOSS, .message = "first"};
  ee_hal_fence_signal(parts[1], EERIE_DATA_LOSS, &cause);
  cause = (eerie_error_t){.code = EERIE_ABORTED, .message = "second"};
  ee_hal_fence_signal(parts[0], EERIE_ABORTED, &cause);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_fence_query(join, &err), EERIE_DATA_LOSS);
  CHECK_STR(err.message, "first");
  drop(join); // one part is still pending
  for (int i = 0; i < 3; ++i)
    drop(parts[i]);
  // A join of a part that failed before.
  ee_hal_fence_t *failed = make_fence(&f);
  ee_hal_fence_signal(failed, EERIE_ABORTED, &cause);
  REQUIRE_OK(ee_hal_fence_join(&f.heap, &failed, 1, &join, NULL));
  CHECK_STATUS(ee_hal_fence_query(join, &err), EERIE_ABORTED);
  drop(join);
  drop(failed);
  fixture_close(&f);
}

// A chain of joins takes the same stack, however long.
static void long_chains_of_joins_do_not_recurse(void) {
  enum { LENGTH = 100000 };
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *first = make_fence(&f), *last = first;
  ee_object_retain((ee_object_t *)first);
  for (int i = 0; i < LENGTH; ++i) {
    ee_hal_fence_t *parts[2] = {last, first}, *join = NULL;
    REQUIRE_OK(ee_hal_fence_join(&f.heap, parts, 2, &join, NULL));
    drop(last);
    last = join;
  }
  CHECK_STATUS(ee_hal_fence_query(last, NULL), EERIE_DEFERRED);
  ee_hal_fence_signal(first, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(last, NULL));
  drop(first);
  drop(last);
  fixture_close(&f);
}

static void a_dropped_part_cancels_the_join(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *part_fence = make_fence(&f), *join = NULL;
  REQUIRE_OK(ee_hal_fence_join(&f.heap, &part_fence, 1, &join, NULL));
  drop(part_fence);
  CHECK_STATUS(ee_hal_fence_query(join, NULL), EERIE_CANCELLED);
  drop(join);
  fixture_close(&f);
}

static void pooled_fences_cost_no_allocation(void) {
  fixture_t f;
  fixture_open(&f);
  size_t warm = 0;
  for (int i = 0; i < 100; ++i) {
    ee_hal_fence_t *a = NULL, *b = NULL;
    REQUIRE_OK(ee_hal_fence_create_pooled(f.device, &a, NULL));
    REQUIRE_OK(ee_hal_fence_create_pooled(f.device, &b, NULL));
    ee_hal_fence_signal(a, EERIE_OK, NULL);
    drop(a);
    drop(b);
    if (i == 0) warm = atomic_load(&f.allocations);
  }
  CHECK_EQ_INT(atomic_load(&f.allocations), warm);
  fixture_close(&f);
}

static void reports_missing_memory(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_fence_t *fence = NULL, *part_fence = make_fence(&f);
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(ee_hal_fence_create(&f.heap, &fence, NULL), EERIE_RESOURCE_EXHAUSTED);
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(ee_hal_fence_create_pooled(f.device, &fence, NULL), EERIE_RESOURCE_EXHAUSTED);
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(ee_hal_fence_join(&f.heap, &part_fence, 1, &fence, NULL), EERIE_RESOURCE_EXHAUSTED);
#if EERIE_THREADS
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(ee_hal_fence_wait(part_fence, 0, NULL), EERIE_RESOURCE_EXHAUSTED);
#endif
  // Without memory for the text the code stays.
  eerie_error_t cause = {.code = EERIE_ABORTED, .message = "text"};
  f.fail_at = atomic_load(&f.allocations) + 1;
  ee_hal_fence_signal(part_fence, EERIE_ABORTED, &cause);
  CHECK_STATUS(ee_hal_fence_query(part_fence, NULL), EERIE_ABORTED);
  drop(part_fence);
  fixture_close(&f);
}

#if EERIE_THREADS
static void *signal_later(void *user) {
  struct timespec pause = {.tv_nsec = 2000000};
  nanosleep(&pause, NULL);
  ee_hal_fence_signal(user, EERIE_OK, NULL);
  drop(user);
  return NULL;
}

static void *block_on(void *user) {
  CHECK_OK(ee_hal_fence_wait(user, INT64_MAX, NULL));
  drop(user);
  return NULL;
}

static void threads_wait_for_each_other(void) {
  fixture_t f;
  fixture_open(&f);
  for (int round = 0; round < 30; ++round) {
    ee_hal_fence_t *fence = make_fence(&f);
    pthread_t threads[4];
    for (int i = 0; i < 3; ++i) {
      ee_object_retain((ee_object_t *)fence);
      pthread_create(&threads[i], NULL, block_on, fence);
    }
    ee_object_retain((ee_object_t *)fence);
    pthread_create(&threads[3], NULL, signal_later, fence);
    const eerie_status_t status = ee_hal_fence_wait(fence, ee_port_time_ns() + 500000, NULL);
    CHECK(status == EERIE_DEADLINE_EXCEEDED || status == EERIE_OK);
    CHECK_OK(ee_hal_fence_wait(fence, INT64_MAX, NULL));
    drop(fence);
    for (int i = 0; i < 4; ++i)
      pthread_join(threads[i], NULL);
  }
  fixture_close(&f);
}

static void *signal_now(void *user) {
  ee_hal_fence_signal(user, EERIE_OK, NULL);
  return NULL;
}

static void *fail_now(void *user) {
  eerie_error_t cause = {.code = EERIE_ABORTED, .message = "failed"};
  ee_hal_fence_signal(user, EERIE_ABORTED, &cause);
  return NULL;
}

static void races_have_one_winner(void) {
  fixture_t f;
  fixture_open(&f);
  for (int round = 0; round < 200; ++round) {
    ee_hal_fence_t *parts[2] = {make_fence(&f), make_fence(&f)}, *join = NULL;
    REQUIRE_OK(ee_hal_fence_join(&f.heap, parts, 2, &join, NULL));
    note_t note = make_note();
    ee_hal_fence_notify(join, &note.waiter);
    pthread_t threads[3];
    pthread_create(&threads[0], NULL, signal_now, parts[0]);
    pthread_create(&threads[1], NULL, signal_now, parts[1]);
    pthread_create(&threads[2], NULL, fail_now, parts[1]);
    for (int i = 0; i < 3; ++i)
      pthread_join(threads[i], NULL);
    CHECK_EQ_INT(note.calls, 1);
    CHECK_STATUS(ee_hal_fence_query(join, NULL), note.status);
    CHECK(note.status == EERIE_OK || note.status == EERIE_ABORTED);
    drop(parts[0]);
    drop(parts[1]);
    drop(join);
  }
  fixture_close(&f);
}
#endif

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
    RUN(is_pending_then_signaled),
    RUN(keeps_the_message_of_a_failure),
    RUN(calls_waiters_in_order_once),
    RUN(tells_waiters_when_it_is_dropped),
    RUN(joins_wait_for_all_parts),
    RUN(joins_fail_with_their_first_failing_part),
    RUN(long_chains_of_joins_do_not_recurse),
    RUN(a_dropped_part_cancels_the_join),
    RUN(pooled_fences_cost_no_allocation),
    RUN(reports_missing_memory),
#if EERIE_THREADS
    RUN(threads_wait_for_each_other),
    RUN(races_have_one_winner),
#endif
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
