// Tests of runtime/drivers/cpu/later.c and of operations that nobody waits for on "local-task":
// that they overlap, that fences order them, and that they let everything go.
#define _DEFAULT_SOURCE // usleep
#include <pthread.h>
#include <unistd.h>

#include "drivers/cpu/cost.h"
#include "drivers/cpu/workers.h"
#include "unit/hal_support.h"

// ---- Kernels -----------------------------------------------------------------------------------

enum { LIMIT_S = 20, MEET = 0, STEP = 1, PAUSE = 2 };

static atomic_uint arrived;

// Ends when as many kernels have come as constant 0 says, and fails when they do not come.
static EE_CPU_KERNEL int meet_kernel(const ee_cpu_environment_t *environment,
                                     const ee_cpu_dispatch_state_t *state,
                                     const ee_cpu_workgroup_state_t *workgroup) {
  (void)environment, (void)workgroup;
  atomic_fetch_add(&arrived, 1u);
  for (int i = 0; i < LIMIT_S * 10000; ++i) {
    if (atomic_load(&arrived) >= state->constants[0]) return 0;
    (void)usleep(100);
  }
  return 1;
}

// Binding 0: x = 31 x + constant 0. The order of several can be told from the result.
static EE_CPU_KERNEL int step_kernel(const ee_cpu_environment_t *environment,
                                     const ee_cpu_dispatch_state_t *state,
                                     const ee_cpu_workgroup_state_t *workgroup) {
  (void)environment, (void)workgroup;
  uint32_t *x = state->bindings[0];
  const uint32_t before = *x;
  if (state->constants[0] % 7 == 0) (void)usleep(200);
  *x = before * 31 + state->constants[0];
  return state->constants[0] == UINT32_MAX ? 77 : 0;
}

static EE_CPU_KERNEL int pause_kernel(const ee_cpu_environment_t *environment,
                                      const ee_cpu_dispatch_state_t *state,
                                      const ee_cpu_workgroup_state_t *workgroup) {
  (void)environment, (void)workgroup;
  (void)usleep(state->constants[0]);
  return 0;
}

static const ee_cpu_kernel_t kernels[] = {meet_kernel, step_kernel, pause_kernel};
static const ee_cpu_kernel_attributes_t attributes[] = {
    {.constant_count = 1, .binding_count = 1},
    {.constant_count = 1, .binding_count = 1},
    {.constant_count = 1, .binding_count = 1},
};
static const char *const names[] = {"meet", "step", "pause"};
static const ee_cpu_library_header_t header = {.version = EE_CPU_LIBRARY_VERSION};
static const ee_cpu_library_t library = {
    .header = &header,
    .exports = {.count = 3, .kernels = kernels, .attributes = attributes, .names = names},
};

// ---- Operations --------------------------------------------------------------------------------

typedef struct later {
  fixture_t f;
  ee_hal_executable_t *executable;
  ee_hal_buffer_t *buffer;
} later_t;

static void later_open(later_t *l, size_t threads) {
  fixture_heap(&l->f);
  const ee_hal_device_options_t options = {.threads = threads};
  CHECK_OK(ee_hal_drivers[0]->device_open_with(&l->f.heap, EE_STR("local-task"), &options,
                                               &l->f.device, NULL));
  l->executable = make_executable(&l->f, &library);
  ((ee_cpu_executable_t *)l->executable)->costs =
      ee_heap_allocate_zeroed(&l->f.heap, 3 * sizeof(ee_cpu_cost_t));
  l->buffer = make_buffer(&l->f, 1024);
  atomic_store(&arrived, 0u);
}

static void later_close(later_t *l) {
  ee_hal_buffer_release(l->buffer);
  ee_object_release(&l->executable->object);
  fixture_close(&l->f);
}

static ee_hal_fence_t *make_fence(later_t *l) {
  ee_hal_fence_t *fence = NULL;
  CHECK_OK(ee_hal_fence_create(&l->f.heap, &fence, NULL));
  return fence;
}

static void drop_fence(ee_hal_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

// A list of one kernel on the four bytes of the buffer at `place`, that nobody waits for.
static eerie_status_t submit(later_t *l, uint32_t function, uint32_t constant, uint32_t place,
                             ee_hal_fence_t *wait, ee_hal_fence_t *signal) {
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_hal_command_list_create(l->f.device, 0, 0, &list, NULL));
  const ee_hal_binding_t binding = part(l->buffer, (uint64_t)place * 4, 4);
  const ee_hal_command_t command = {
      .kind = EE_HAL_COMMAND_DISPATCH,
      .executable = l->executable,
      .function = function,
      .workgroup_count = {1, 1, 1},
      .constant_count = 1,
      .binding_count = 1,
      .constants = &constant,
      .bindings = &binding,
  };
  eerie_status_t status = ee_hal_command_list_append(list, &command, 0, NULL);
  if (status == EERIE_OK) status = ee_hal_command_list_finalize(list, NULL);
  const ee_hal_operation_t operation = {
      .kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .later = true};
  if (status == EERIE_OK) {
    status = ee_hal_device_submit(l->f.device, wait, signal, &operation, NULL);
  }
  ee_object_release(&list->object);
  return status;
}

static int64_t limit(void) {
  return ee_port_time_ns() + (int64_t)LIMIT_S * 1000000000;
}

// ---- Cases -------------------------------------------------------------------------------------

// Each ends only if the other runs too.
static void operations_overlap(void) {
  for (uint32_t threads = 2; threads <= 4; ++threads) {
    later_t l;
    later_open(&l, threads);
    ee_hal_fence_t *done[4];
    for (uint32_t i = 0; i < threads; ++i) {
      done[i] = make_fence(&l);
      CHECK_OK(submit(&l, MEET, threads, i, NULL, done[i]));
    }
    for (uint32_t i = 0; i < threads; ++i) {
      CHECK_OK(ee_hal_fence_wait(done[i], limit(), NULL));
      drop_fence(done[i]);
    }
    later_close(&l);
  }
}

// The same where they wait for one fence first.
static void operations_that_waited_overlap(void) {
  later_t l;
  later_open(&l, 2);
  ee_hal_fence_t *start = make_fence(&l), *done[2];
  for (uint32_t i = 0; i < 2; ++i) {
    done[i] = make_fence(&l);
    CHECK_OK(submit(&l, MEET, 2, i, start, done[i]));
  }
  ee_hal_fence_signal(start, EERIE_OK, NULL);
  for (uint32_t i = 0; i < 2; ++i) {
    CHECK_OK(ee_hal_fence_wait(done[i], limit(), NULL));
    drop_fence(done[i]);
  }
  drop_fence(start);
  later_close(&l);
}

// Chains side by side, submitted before any of it may begin: fences alone order them.
static void fences_order_operations(void) {
  enum { CHAINS = 3, LENGTH = 150 };
  for (uint32_t threads = 1; threads <= 3; ++threads) {
    later_t l;
    later_open(&l, threads);
    ee_hal_fence_t *fences[CHAINS][LENGTH + 1];
    uint32_t expected[CHAINS] = {0};
    for (uint32_t c = 0; c < CHAINS; ++c) {
      for (uint32_t i = 0; i <= LENGTH; ++i)
        fences[c][i] = make_fence(&l);
      for (uint32_t i = 0; i < LENGTH; ++i)
        CHECK_OK(submit(&l, STEP, i + c, c, fences[c][i], fences[c][i + 1]));
      for (uint32_t i = 0; i < LENGTH; ++i)
        expected[c] = expected[c] * 31 + i + c;
    }
    for (uint32_t c = 0; c < CHAINS; ++c)
      ee_hal_fence_signal(fences[c][0], EERIE_OK, NULL);
    for (uint32_t c = 0; c < CHAINS; ++c) {
      CHECK_OK(ee_hal_fence_wait(fences[c][LENGTH], limit(), NULL));
      CHECK_EQ_INT(((const uint32_t *)(const void *)l.buffer->data)[c], expected[c]);
      for (uint32_t i = 0; i <= LENGTH; ++i)
        drop_fence(fences[c][i]);
    }
    later_close(&l);
  }
}

// A kernel that fails fails its fence, and so what waits for that.
static void failures_arrive(void) {
  later_t l;
  later_open(&l, 2);
  ee_hal_fence_t *first = make_fence(&l), *second = make_fence(&l);
  CHECK_OK(submit(&l, STEP, UINT32_MAX, 0, NULL, first));
  CHECK_OK(submit(&l, STEP, 5, 1, first, second));
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_EQ_INT(ee_hal_fence_wait(second, limit(), &err), EERIE_INTERNAL);
  CHECK(strstr(err.message, "77") != NULL);
  CHECK_EQ_INT(((const uint32_t *)(const void *)l.buffer->data)[1], 0);
  drop_fence(first);
  drop_fence(second);
  later_close(&l);
}

// Work that is under way when the device is released is over after that: nothing is left.
static void a_release_waits(void) {
  for (int i = 0; i < 20; ++i) {
    later_t l;
    later_open(&l, 2);
    ee_hal_fence_t *done = make_fence(&l);
    CHECK_OK(submit(&l, PAUSE, 1000, 0, NULL, done));
    CHECK_OK(submit(&l, PAUSE, 1000, 1, done, NULL));
    drop_fence(done);
    later_close(&l);
  }
}

static atomic_bool empty;

static void heap_is_empty(ee_heap_t *heap) {
  (void)heap;
  atomic_store(&empty, true);
}

// What nobody holds but an operation that waits is closed by the thread that runs it.
static void an_operation_may_be_the_last(void) {
  for (int i = 0; i < 20; ++i) {
    later_t l;
    later_open(&l, 3);
    atomic_store(&empty, false);
    l.f.heap.on_empty = heap_is_empty; // after it nobody looks at the heap
    ee_hal_fence_t *start = make_fence(&l), *done = make_fence(&l);
    CHECK_OK(submit(&l, PAUSE, 100, 0, start, done));
    ee_hal_buffer_release(l.buffer);
    ee_object_release(&l.executable->object);
    ee_hal_device_release(l.f.device);
    ee_hal_fence_signal(start, EERIE_OK, NULL);
    drop_fence(start);
    CHECK_OK(ee_hal_fence_wait(done, limit(), NULL));
    drop_fence(done);
    const int64_t end = limit();
    while (!atomic_load(&empty) && ee_port_time_ns() < end)
      (void)usleep(100);
    CHECK(atomic_load(&empty));
    CHECK_EQ_INT(atomic_load(&l.f.live), 0);
  }
}

typedef struct client {
  later_t *l;
  uint32_t place;
} client_t;

static void *client_main(void *argument) {
  const client_t *client = argument;
  for (uint32_t i = 0; i < 200; ++i) {
    ee_hal_fence_t *done = make_fence(client->l);
    CHECK_OK(submit(client->l, STEP, i, client->place, NULL, done));
    CHECK_OK(ee_hal_fence_wait(done, limit(), NULL));
    drop_fence(done);
  }
  return NULL;
}

static void threads_submit_at_once(void) {
  enum { CLIENTS = 4 };
  later_t l;
  later_open(&l, 2);
  pthread_t threads[CLIENTS];
  client_t clients[CLIENTS];
  for (uint32_t i = 0; i < CLIENTS; ++i) {
    clients[i] = (client_t){&l, i};
    pthread_create(&threads[i], NULL, client_main, &clients[i]);
  }
  uint32_t expected = 0;
  for (uint32_t i = 0; i < 200; ++i)
    expected = expected * 31 + i;
  for (uint32_t i = 0; i < CLIENTS; ++i) {
    pthread_join(threads[i], NULL);
    CHECK_EQ_INT(((const uint32_t *)(const void *)l.buffer->data)[i], expected);
  }
  later_close(&l);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(operations_overlap),      RUN(operations_that_waited_overlap),
      RUN(fences_order_operations), RUN(failures_arrive),
      RUN(a_release_waits),         RUN(an_operation_may_be_the_last),
      RUN(threads_submit_at_once),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
