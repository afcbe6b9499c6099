// Tests of runtime/hal/device.c and registry.c: opening, queries, operations that wait.
#include <pthread.h>

#include "unit/hal_support.h"

static ee_hal_fence_t *make_fence(fixture_t *f) {
  ee_hal_fence_t *fence = NULL;
  CHECK_OK(ee_hal_fence_create_pooled(f->device, &fence, NULL));
  return fence;
}

static void drop(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

static void opens_by_name(void) {
  fixture_t f;
  fixture_heap(&f);
  static const char *const good[] = {"local-sync", "local-task", "local-sync://", "local-sync://0",
                                     "local-task://0"};
  for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
    ee_hal_device_t *device = NULL;
    if (!CHECK_OK(ee_hal_device_open(&f.heap, ee_str_from(good[i]), &device, NULL))) continue;
    CHECK(strncmp(device->name, good[i], 10) == 0 && strlen(device->name) == 10);
    ee_hal_device_release(device);
  }
  static const char *const bad[] = {"",       "local", "local-syncs",  "local-sync://1",
                                    "abacus", "://",   "local-sync:/", "local-sync://00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    ee_hal_device_t *device = NULL;
    eerie_error_t err = {.code = EERIE_OK};
    CHECK_STATUS(ee_hal_device_open(&f.heap, ee_str_from(bad[i]), &device, &err), EERIE_NOT_FOUND);
    CHECK_CONTAINS(err.message, "local-sync");
  }
  f.fail_at = atomic_load(&f.allocations) + 1;
  ee_hal_device_t *device = NULL;
  CHECK_STATUS(ee_hal_device_open(&f.heap, EE_STR("local-sync"), &device, NULL),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

static void answers_the_questions_of_modules(void) {
  fixture_t f;
  fixture_open(&f);
  static const struct {
    const char *category, *key;
    bool known;
    int64_t value; // -1: depends on the machine
  } queries[] = {
    {"hal.device.id", "local*", true, 1},
    {"hal.device.id", "local-sync", true, 1},
    {"hal.device.id", "local-task", true, 0},
    {"hal.device.id", "vulkan*", true, 0},
    {"hal.device", "concurrency", true, 1},
    {"hal.dispatch", "concurrency", true, 1},
    {"hal.device", "colour", false, -1},
    {"hal.cpu", "no-such-feature", false, 0},
    {"", "", false, 0},
    {"hal.executable.format", "vmvx-bytecode-fb", true, 0},
#if defined(__x86_64__)
    {"hal.executable.format", "embedded-elf-x86_64", true, 1},
    {"hal.executable.format", "embedded-elf-arm_64", true, 0},
    {"hal.cpu", "sse3", true, -1},
    {"hal.cpu", "avx512f", true, -1},
#elif defined(__aarch64__)
    {"hal.executable.format", "embedded-elf-arm_64", true, 1},
    {"hal.executable.format", "embedded-elf-x86_64", true, 0},
#endif
  };
  for (size_t i = 0; i < sizeof queries / sizeof *queries; ++i) {
    int64_t value = 99;
    const bool known = ee_hal_device_query(f.device, ee_str_from(queries[i].category),
                                           ee_str_from(queries[i].key), &value);
    if (!CHECK_EQ_INT(known, queries[i].known) ||
        (queries[i].value >= 0 && !CHECK_EQ_INT(value, queries[i].value))) {
      fprintf(stderr, "  asked for %s %s\n", queries[i].category, queries[i].key);
    }
  }
  fixture_close(&f);
}

static ee_hal_operation_t add_one_byte(ee_hal_buffer_t *buffer, uint64_t at, uint8_t value) {
  return (ee_hal_operation_t){.kind = EE_HAL_QUEUE_FILL,
                              .target = part(buffer, at, 1),
                              .pattern = value,
                              .pattern_size = 1};
}

static void runs_when_the_wait_is_over(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 8);
  ee_hal_fence_t *wait = make_fence(&f), *signal = make_fence(&f);
  uint8_t bytes[2] = {1, 2};
  const ee_hal_operation_t update = {.kind = EE_HAL_QUEUE_UPDATE,
                                     .target = part(buffer, 0, 2),
                                     .update_data = bytes,
                                     .update_size = 2};
  CHECK_OK(ee_hal_device_submit(f.device, wait, signal, &update, NULL));
  memset(bytes, 0, 2); // copied
  uint8_t *data = buffer->data;
  ee_hal_buffer_retain(buffer);
  ee_hal_buffer_release(buffer);
  CHECK_STATUS(ee_hal_fence_query(signal, NULL), EERIE_DEFERRED);
  CHECK_EQ_INT(data[1], 0);
  ee_hal_fence_signal(wait, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(signal, NULL));
  CHECK_EQ_INT(data[1], 2);
  drop(wait);
  drop(signal);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void keeps_the_order_of_submission(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 1);
  ee_hal_fence_t *wait = make_fence(&f);
  for (uint8_t i = 1; i <= 100; ++i) {
    const ee_hal_operation_t fill = add_one_byte(buffer, 0, i);
    CHECK_OK(ee_hal_device_submit(f.device, wait, NULL, &fill, NULL));
  }
  ee_hal_fence_signal(wait, EERIE_OK, NULL);
  CHECK_EQ_INT(buffer->data[0], 100);
  drop(wait);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

// Each waits for the one before: the stack must not grow with the chain.
static void long_chains_do_not_recurse(void) {
  enum { LENGTH = 100000 };
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 1);
  ee_hal_fence_t *first = make_fence(&f), *last = first;
  ee_object_retain((ee_object_t *)first);
  for (int i = 0; i < LENGTH; ++i) {
    ee_hal_fence_t *next = make_fence(&f);
    const ee_hal_operation_t fill = add_one_byte(buffer, 0, (uint8_t)i);
    REQUIRE_OK(ee_hal_device_submit(f.device, last, next, &fill, NULL));
    drop(last);
    last = next;
  }
  ee_hal_fence_signal(first, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(last, NULL));
  CHECK_EQ_INT(buffer->data[0], (uint8_t)(LENGTH - 1));
  drop(first);
  drop(last);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void failures_travel_with_their_message(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4);
  ee_hal_fence_t *wait = make_fence(&f), *middle = make_fence(&f), *end = make_fence(&f);
  ee_hal_operation_t fill = add_one_byte(buffer, 0, 1);
  CHECK_OK(ee_hal_device_submit(f.device, wait, middle, &fill, NULL));
  CHECK_OK(ee_hal_device_submit(f.device, middle, end, &fill, NULL));
  eerie_error_t cause = {.code = EERIE_DATA_LOSS, .message = "bad sector 7"}, err = cause;
  ee_hal_fence_signal(wait, EERIE_DATA_LOSS, &cause);
  err.message[0] = 0;
  CHECK_STATUS(ee_hal_fence_query(end, &err), EERIE_DATA_LOSS);
  CHECK_STR(err.message, "bad sector 7");
  CHECK_EQ_INT(buffer->data[0], 0);
  // A wait that failed before.
  ee_hal_fence_t *late = make_fence(&f);
  CHECK_OK(ee_hal_device_submit(f.device, wait, late, &fill, NULL));
  CHECK_STATUS(ee_hal_fence_query(late, NULL), EERIE_DATA_LOSS);
  CHECK_STATUS(ee_hal_device_submit(f.device, wait, NULL, &fill, NULL), EERIE_DATA_LOSS);
  drop(late);
  // The operation's own failure: returned at once, or carried by the fence when it came later.
  fill.target.offset = 4;
  late = make_fence(&f);
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, late, &fill, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(ee_hal_fence_query(late, NULL), EERIE_OUT_OF_RANGE);
  drop(late);
  late = make_fence(&f);
  ee_hal_fence_t *again = make_fence(&f);
  CHECK_OK(ee_hal_device_submit(f.device, again, late, &fill, &err));
  ee_hal_fence_signal(again, EERIE_OK, NULL);
  CHECK_STATUS(ee_hal_fence_query(late, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "1 bytes at 4");
  drop(again);
  drop(late);
  drop(wait);
  drop(middle);
  drop(end);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

// Operations whose fence is dropped end, tell so, and keep nothing, not even the device.
static void dropped_waits_cancel(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4);
  ee_hal_fence_t *wait = NULL, *signal = NULL, *after = NULL;
  CHECK_OK(ee_hal_fence_create(&f.heap, &wait, NULL));
  CHECK_OK(ee_hal_fence_create(&f.heap, &signal, NULL));
  CHECK_OK(ee_hal_fence_create(&f.heap, &after, NULL));
  const ee_hal_operation_t fill = add_one_byte(buffer, 0, 1);
  CHECK_OK(ee_hal_device_submit(f.device, wait, signal, &fill, NULL));
  CHECK_OK(ee_hal_device_submit(f.device, signal, after, &fill, NULL));
  ee_hal_buffer_release(buffer);
  drop(signal);
  ee_hal_device_release(f.device); // only the operations hold it now
  CHECK(atomic_load(&f.live) > 0);
  drop(wait);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_fence_query(after, &err), EERIE_CANCELLED);
  CHECK_CONTAINS(err.message, "dropped");
  drop(after);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

static void submissions_fail_without_memory(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4);
  ee_hal_fence_t *wait = make_fence(&f), *signal = make_fence(&f);
  const ee_hal_operation_t fill = add_one_byte(buffer, 0, 1);
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(ee_hal_device_submit(f.device, wait, signal, &fill, NULL), EERIE_RESOURCE_EXHAUSTED);
  CHECK_STATUS(ee_hal_fence_query(signal, NULL), EERIE_RESOURCE_EXHAUSTED);
  drop(wait);
  drop(signal);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void no_allocation_after_warm_up(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4);
  size_t warm = 0;
  for (int i = 0; i < 50; ++i) {
    ee_hal_fence_t *wait = make_fence(&f), *signal = make_fence(&f);
    const ee_hal_operation_t fill = add_one_byte(buffer, 0, 1);
    CHECK_OK(ee_hal_device_submit(f.device, wait, signal, &fill, NULL));
    ee_hal_fence_signal(wait, EERIE_OK, NULL);
    CHECK_OK(ee_hal_device_submit(f.device, signal, NULL, &fill, NULL));
    drop(wait);
    drop(signal);
    if (i == 0) warm = atomic_load(&f.allocations);
  }
  CHECK_EQ_INT(atomic_load(&f.allocations), warm);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

#if EERIE_THREADS
typedef struct job {
  fixture_t *f;
  ee_hal_buffer_t *buffer;
  uint64_t at;
} job_t;

static void *submit_and_signal(void *user) {
  const job_t *job = user;
  for (int i = 0; i < 500; ++i) {
    ee_hal_fence_t *wait = make_fence(job->f), *signal = make_fence(job->f);
    const ee_hal_operation_t fill = add_one_byte(job->buffer, job->at, (uint8_t)(i + 1));
    CHECK_OK(ee_hal_device_submit(job->f->device, wait, signal, &fill, NULL));
    ee_hal_fence_signal(wait, EERIE_OK, NULL);
    CHECK_OK(ee_hal_fence_wait(signal, INT64_MAX, NULL)); // another thread may be running it
    drop(wait);
    drop(signal);
  }
  return NULL;
}

static void threads_share_a_device(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4 * 64);
  pthread_t threads[4];
  job_t jobs[4];
  for (uint64_t i = 0; i < 4; ++i) {
    jobs[i] = (job_t){&f, buffer, i * 64};
    pthread_create(&threads[i], NULL, submit_and_signal, &jobs[i]);
  }
  for (int i = 0; i < 4; ++i)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; ++i)
    CHECK_EQ_INT(buffer->data[i * 64], (uint8_t)500);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}
#endif

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
    RUN(opens_by_name),
    RUN(answers_the_questions_of_modules),
    RUN(runs_when_the_wait_is_over),
    RUN(keeps_the_order_of_submission),
    RUN(long_chains_do_not_recurse),
    RUN(failures_travel_with_their_message),
    RUN(dropped_waits_cancel),
    RUN(submissions_fail_without_memory),
    RUN(no_allocation_after_warm_up),
#if EERIE_THREADS
    RUN(threads_share_a_device),
#endif
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
