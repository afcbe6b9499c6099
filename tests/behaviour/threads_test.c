// Many threads over one module and one device, each with a program of its own; and two threads that
// want the same program at the same time. Meant for ThreadSanitizer too.
#include <pthread.h>

#include "behaviour/support.h"

enum { THREADS = 6, CALLS = 300 };

typedef struct worker {
  const setup_t *s;
  int number;
  eerie_status_t status;
  int wrong;
  int busy;
} worker_t;

static void run_threads(void *(*body)(void *), const setup_t *s, worker_t *workers) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i) {
    workers[i] = (worker_t){.s = s, .number = i};
    CHECK_EQ_INT(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
    CHECK_OK(workers[i].status);
    CHECK_EQ_INT(workers[i].wrong, 0);
  }
}

static void *own_program(void *argument) {
  worker_t *w = argument;
  eerie_program_t *program = NULL;
  eerie_function_t *next = NULL, *accumulate = NULL;
  const eerie_program_options_t options = {.module = w->s->module, .device = w->s->device};
  w->status = eerie_program_create(w->s->instance, &options, &program, NULL);
  if (w->status == EERIE_OK) w->status = eerie_program_find(program, "next", &next, NULL);
  if (w->status == EERIE_OK)
    w->status = eerie_program_find(program, "accumulate", &accumulate, NULL);
  const float step = (float)(w->number + 1), steps[4] = {step, step, step, step};
  const int64_t shape[1] = {4};
  for (int i = 1; i <= CALLS && w->status == EERIE_OK; ++i) {
    eerie_value_t count = {0};
    eerie_tensor_t *in = NULL, *out = NULL;
    w->status = eerie_call(next, NULL, 0, &count, 1, NULL);
    w->wrong += count.as.i32 != i;
    if (w->status == EERIE_OK)
      w->status = eerie_tensor_create(w->s->device, EERIE_F32, 1, shape, steps, &in, NULL);
    if (w->status == EERIE_OK) w->status = eerie_call_tensors(accumulate, &in, 1, &out, 1, NULL);
    if (w->status == EERIE_OK)
      w->wrong += ((const float *)eerie_tensor_data(out))[0] != 1 + step * (float)i;
    eerie_tensor_release(in);
    eerie_tensor_release(out);
  }
  eerie_program_release(program);
  return NULL;
}

static void programs_of_one_module_run_in_threads(void) {
  setup_t s;
  worker_t workers[THREADS];
  REQUIRE(open_setup(&s, "state"));
  run_threads(own_program, &s, workers);
  close_setup(&s);
}

static void *own_everything(void *argument) {
  worker_t *w = argument;
  for (int i = 0; i < 10 && w->status == EERIE_OK; ++i) {
    eerie_instance_t *instance = NULL;
    eerie_device_t *device = NULL;
    eerie_module_t *module = NULL;
    w->status = eerie_instance_create(NULL, &instance, NULL);
    if (w->status == EERIE_OK) w->status = eerie_device_open(instance, NULL, &device, NULL);
    if (w->status == EERIE_OK)
      w->status = eerie_module_load_file(instance,
                                         w->number % 2 ? EERIE_TEST_MODULES "/mul.vmfb"
                                                       : EERIE_TEST_MODULES "/state.vmfb",
                                         NULL, &module, NULL);
    eerie_program_t *program = NULL;
    const eerie_program_options_t options = {.module = module, .device = device};
    if (w->status == EERIE_OK) w->status = eerie_program_create(instance, &options, &program, NULL);
    eerie_program_release(program);
    eerie_module_release(module);
    eerie_device_release(device);
    eerie_instance_release(instance);
  }
  return NULL;
}

static void whole_sessions_run_in_threads(void) {
  setup_t s = {0};
  worker_t workers[THREADS];
  run_threads(own_everything, &s, workers);
}

static void *same_program(void *argument) {
  worker_t *w = argument;
  eerie_function_t *sum_to = NULL;
  w->status = eerie_program_find(w->s->program, "sum_to", &sum_to, NULL);
  const eerie_value_t n = {.kind = EERIE_KIND_I64, .as.i64 = 2000};
  for (int i = 0; i < CALLS && w->status == EERIE_OK; ++i) {
    eerie_value_t sum = {0};
    eerie_error_t err = {0};
    const eerie_status_t status = eerie_call(sum_to, &n, 1, &sum, 1, &err);
    if (status == EERIE_UNAVAILABLE) {
      ++w->busy; // refused, not corrupted
      w->wrong += strstr(err.message, "another call") == NULL;
    } else {
      w->status = status;
      w->wrong += sum.as.i64 != 1999000;
    }
  }
  return NULL;
}

static void a_busy_program_says_so(void) {
  setup_t s;
  worker_t workers[THREADS];
  REQUIRE(open_setup(&s, "control"));
  run_threads(same_program, &s, workers);
  int busy = 0;
  for (int i = 0; i < THREADS; ++i)
    busy += workers[i].busy;
  printf("%d of %d calls met a busy program\n", busy, THREADS * CALLS);
  close_setup(&s);
}

static void *share_tensor(void *argument) {
  worker_t *w = argument;
  eerie_program_t *program = NULL;
  eerie_function_t *same = NULL;
  const eerie_program_options_t options = {.module = w->s->module, .device = w->s->device};
  w->status = eerie_program_create(w->s->instance, &options, &program, NULL);
  if (w->status == EERIE_OK) w->status = eerie_program_find(program, "constant", &same, NULL);
  for (int i = 0; i < CALLS && w->status == EERIE_OK; ++i) {
    eerie_tensor_t *out = NULL;
    w->status = eerie_call_tensors(same, NULL, 0, &out, 1, NULL);
    if (w->status == EERIE_OK) w->wrong += ((const int32_t *)eerie_tensor_data(out))[5] != 6;
    eerie_tensor_retain(out);
    eerie_tensor_release(out);
    eerie_tensor_release(out);
  }
  eerie_program_release(program);
  return NULL;
}

static void constants_are_shared_between_threads(void) {
  setup_t s;
  worker_t workers[THREADS];
  REQUIRE(open_setup(&s, "results"));
  run_threads(share_tensor, &s, workers);
  close_setup(&s);
}

// One thread makes asynchronous calls, another signals their fences in turn.
typedef struct conveyor {
  eerie_fence_t *waits[CALLS];
} conveyor_t;

static void *signal_all(void *argument) {
  conveyor_t *conveyor = argument;
  for (int i = 0; i < CALLS; ++i) {
    eerie_fence_signal(conveyor->waits[i], EERIE_OK);
    eerie_fence_release(conveyor->waits[i]);
  }
  return NULL;
}

static void fences_cross_threads(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "async"));
  static conveyor_t conveyor;
  eerie_fence_t *signals[CALLS];
  for (int i = 0; i < CALLS; ++i) {
    REQUIRE_OK(eerie_fence_create(s.instance, &conveyor.waits[i], &err));
    REQUIRE_OK(eerie_fence_create(s.instance, &signals[i], &err));
    eerie_fence_retain(conveyor.waits[i]);
  }
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, signal_all, &conveyor) == 0);
  eerie_function_t *mul = function_of(&s, "mul");
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four), *y = vector(&s, EERIE_F32, 4, tens);
  const eerie_value_t in[2] = {tensor_value(x), tensor_value(y)};
  eerie_value_t out[CALLS];
  for (int i = 0; i < CALLS; ++i) {
    CHECK_OK(eerie_call_async(mul, in, 2, conveyor.waits[i], signals[i], &out[i], 1, &err));
    eerie_fence_release(conveyor.waits[i]);
  }
  for (int i = 0; i < CALLS; ++i) {
    CHECK_OK(eerie_fence_wait(signals[i], -1, &err));
    CHECK_NEAR(float_at(out[i].as.tensor, 3), 160, 0);
    eerie_value_release(&out[i]);
    eerie_fence_release(signals[i]);
  }
  pthread_join(thread, NULL);
  eerie_tensor_release(x);
  eerie_tensor_release(y);
  close_setup(&s);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(programs_of_one_module_run_in_threads),
      RUN(whole_sessions_run_in_threads),
      RUN(a_busy_program_says_so),
      RUN(constants_are_shared_between_threads),
      RUN(fences_cross_threads),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
