// Asynchronous calls: fences that other threads signal, failures that travel along, functions that
// wait in their middle, calls that meet a busy program.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "behaviour/support.h"

#define MILLISECOND INT64_C(1000000)

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_ms(long ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static eerie_fence_t *new_fence(const setup_t *s) {
  eerie_error_t err = {0};
  eerie_fence_t *fence = NULL;
  fine(eerie_fence_create(s->instance, &fence, &err), &err);
  return fence;
}

// ---- Fences ------------------------------------------------------------------------------------

static void fences_change_once(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "async"));
  eerie_fence_t *fence = new_fence(&s);
  CHECK_STATUS(eerie_fence_query(fence, &err), EERIE_DEFERRED);
  CHECK_STATUS(eerie_fence_wait(fence, 0, &err), EERIE_DEADLINE_EXCEEDED);
  const int64_t before = now_ns();
  CHECK_STATUS(eerie_fence_wait(fence, 20 * MILLISECOND, &err), EERIE_DEADLINE_EXCEEDED);
  CHECK(now_ns() - before >= 19 * MILLISECOND);
  eerie_fence_signal(fence, EERIE_OK);
  CHECK_OK(eerie_fence_query(fence, &err));
  CHECK_OK(eerie_fence_wait(fence, -1, &err));
  eerie_fence_signal(fence, EERIE_ABORTED); // too late
  CHECK_OK(eerie_fence_query(fence, &err));
  eerie_fence_retain(fence);
  eerie_fence_release(fence);
  eerie_fence_release(fence);

  fence = new_fence(&s);
  eerie_fence_signal(fence, EERIE_ABORTED);
  CHECK_STATUS(eerie_fence_query(fence, &err), EERIE_ABORTED);
  CHECK_STATUS(eerie_fence_wait(fence, -1, &err), EERIE_ABORTED);
  CHECK_STATUS(eerie_fence_query(fence, NULL), EERIE_ABORTED);
  eerie_fence_release(fence);
  close_setup(&s);
}

typedef struct late {
  eerie_fence_t *fence;
  eerie_status_t status;
} late_t;

static void *signal_later(void *argument) {
  const late_t *late = argument;
  sleep_ms(30);
  eerie_fence_signal(late->fence, late->status);
  eerie_fence_release(late->fence);
  return NULL;
}

// Signals (or fails) `fence` from another thread after a while.
static pthread_t start_signal(late_t *late, eerie_fence_t *fence, eerie_status_t status) {
  *late = (late_t){fence, status};
  eerie_fence_retain(fence);
  pthread_t thread;
  CHECK_EQ_INT(pthread_create(&thread, NULL, signal_later, late), 0);
  return thread;
}

static void waiting_ends_when_another_thread_signals(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "async"));
  late_t late;
  eerie_fence_t *fence = new_fence(&s);
  pthread_t thread = start_signal(&late, fence, EERIE_OK);
  CHECK_OK(eerie_fence_wait(fence, -1, &err));
  pthread_join(thread, NULL);
  eerie_fence_release(fence);
  close_setup(&s);
}

// ---- Calls -------------------------------------------------------------------------------------

typedef struct call {
  setup_t s;
  eerie_function_t *function;
  eerie_fence_t *wait, *signal;
  eerie_value_t in[2], out[2];
} call_t;

static bool open_call(call_t *c, const char *name) {
  memset(c, 0, sizeof *c);
  if (!open_setup(&c->s, "async")) return false;
  c->function = function_of(&c->s, name);
  c->wait = new_fence(&c->s);
  c->signal = new_fence(&c->s);
  c->in[0] = tensor_value(vector(&c->s, EERIE_F32, 4, one_to_four));
  c->in[1] = tensor_value(vector(&c->s, EERIE_F32, 4, tens));
  return c->function && c->wait && c->signal;
}

static void close_call(call_t *c) {
  for (size_t i = 0; i < 2; ++i) {
    eerie_value_release(&c->in[i]);
    eerie_value_release(&c->out[i]);
  }
  eerie_fence_release(c->wait);
  eerie_fence_release(c->signal);
  close_setup(&c->s);
}

static void a_call_waits_for_its_fence(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "mul"));
  CHECK(eerie_function_is_async(c.function));
  CHECK_EQ_INT(eerie_function_input_count(c.function), 2);
  CHECK_OK(eerie_call_async(c.function, c.in, 2, c.wait, c.signal, c.out, 1, &err));
  CHECK_EQ_INT(c.out[0].kind, EERIE_KIND_TENSOR); // there at once, as a handle
  CHECK_STATUS(eerie_fence_query(c.signal, &err), EERIE_DEFERRED);
  // What the inputs hold when the fence is signaled counts.
  CHECK_OK(eerie_tensor_write(c.in[0].as.tensor, 12, &(float){5}, 4, &err));
  late_t late;
  pthread_t thread = start_signal(&late, c.wait, EERIE_OK);
  CHECK_OK(eerie_fence_wait(c.signal, -1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 0), 10, 0);
  CHECK_NEAR(float_at(c.out[0].as.tensor, 3), 200, 0);
  pthread_join(thread, NULL);
  close_call(&c);
}

static void a_failed_fence_fails_what_waits(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "mul"));
  CHECK_OK(eerie_call_async(c.function, c.in, 2, c.wait, c.signal, c.out, 1, &err));
  late_t late;
  pthread_t thread = start_signal(&late, c.wait, EERIE_ABORTED);
  CHECK_STATUS(eerie_fence_wait(c.signal, -1, &err), EERIE_ABORTED);
  CHECK_EQ_INT(err.code, EERIE_ABORTED);
  pthread_join(thread, NULL);
  eerie_value_release(&c.out[0]);
  // The program is none the worse for it.
  CHECK_OK(eerie_call(c.function, c.in, 2, c.out, 1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 3), 160, 0);
  close_call(&c);
}

static void fences_may_be_left_out(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "mul"));
  CHECK_OK(eerie_call_async(c.function, c.in, 2, NULL, c.signal, c.out, 1, &err));
  CHECK_OK(eerie_fence_wait(c.signal, -1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 1), 40, 0);
  eerie_value_release(&c.out[0]);
  CHECK_OK(eerie_call_async(c.function, c.in, 2, NULL, NULL, c.out, 1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 1), 40, 0);
  close_call(&c);
}

static void calls_chain_through_fences(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "mul"));
  enum { STEPS = 50 };
  eerie_fence_t *before = c.wait;
  eerie_fence_retain(before);
  eerie_value_t x = c.in[0];
  eerie_tensor_retain(x.as.tensor);
  const float ones[4] = {1, 1, 2, 1};
  CHECK_OK(eerie_tensor_write(c.in[1].as.tensor, 0, ones, sizeof ones, &err));
  for (int i = 0; i < STEPS; ++i) {
    eerie_fence_t *after = new_fence(&c.s);
    const eerie_value_t in[2] = {x, c.in[1]};
    eerie_value_t out = {0};
    if (!fine(eerie_call_async(c.function, in, 2, before, after, &out, 1, &err), &err)) break;
    eerie_value_release(&x);
    eerie_fence_release(before);
    x = out;
    before = after;
  }
  CHECK_STATUS(eerie_fence_query(before, &err), EERIE_DEFERRED);
  late_t late;
  pthread_t thread = start_signal(&late, c.wait, EERIE_OK);
  CHECK_OK(eerie_fence_wait(before, -1, &err));
  CHECK_NEAR(float_at(x.as.tensor, 1), 2, 0);
  CHECK_NEAR(float_at(x.as.tensor, 2), 3 * pow(2, STEPS), 0);
  pthread_join(thread, NULL);
  eerie_value_release(&x);
  eerie_fence_release(before);
  close_call(&c);
}

static void a_synchronous_function_runs_behind_fences(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "mul_sync"));
  CHECK(!eerie_function_is_async(c.function));
  late_t late;
  pthread_t thread = start_signal(&late, c.wait, EERIE_OK);
  CHECK_OK(eerie_call_async(c.function, c.in, 2, c.wait, c.signal, c.out, 1, &err));
  CHECK_OK(eerie_fence_query(c.signal, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 2), 90, 0);
  pthread_join(thread, NULL);
  eerie_value_release(&c.out[0]);
  eerie_fence_t *failed = new_fence(&c.s), *after = new_fence(&c.s);
  eerie_fence_signal(failed, EERIE_CANCELLED);
  CHECK_STATUS(eerie_call_async(c.function, c.in, 2, failed, after, c.out, 1, &err),
               EERIE_CANCELLED);
  CHECK_EQ_INT(c.out[0].kind, EERIE_KIND_NONE);
  CHECK_STATUS(eerie_fence_query(after, &err), EERIE_CANCELLED);
  eerie_fence_release(failed);
  eerie_fence_release(after);
  close_call(&c);
}

static eerie_status_t resume_until_done(call_t *c, eerie_error_t *err) {
  eerie_status_t status = EERIE_DEFERRED;
  for (int i = 0; i < 10000 && status == EERIE_DEFERRED; ++i) {
    status = eerie_call_resume(c->function, c->out, 1, err);
    if (status == EERIE_DEFERRED) sleep_ms(1);
  }
  return status;
}

// Replaces the inputs by the scalar 100, which halve_until brings below one.
static void take_hundred(call_t *c) {
  eerie_error_t err = {0};
  const float hundred = 100;
  eerie_value_release(&c->in[0]);
  c->in[0].kind = EERIE_KIND_TENSOR;
  fine(eerie_tensor_create(c->s.device, EERIE_F32, 0, NULL, &hundred, &c->in[0].as.tensor, &err),
       &err);
}

static void a_function_that_waits_in_its_middle_resumes(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "halve_until"));
  take_hundred(&c);
  CHECK_STATUS(eerie_call_async(c.function, c.in, 1, c.wait, c.signal, c.out, 1, &err),
               EERIE_DEFERRED);
  CHECK_EQ_INT(c.out[0].kind, EERIE_KIND_NONE);
  CHECK_STATUS(eerie_call_resume(c.function, c.out, 1, &err), EERIE_DEFERRED);
  // The program is busy until then.
  eerie_value_t other = {0};
  CHECK_STATUS(eerie_call(c.function, c.in, 1, &other, 1, &err), EERIE_UNAVAILABLE);
  CHECK_EQ_INT(other.kind, EERIE_KIND_NONE);
  late_t late;
  pthread_t thread = start_signal(&late, c.wait, EERIE_OK);
  CHECK_OK(resume_until_done(&c, &err));
  CHECK_OK(eerie_fence_wait(c.signal, -1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 0), 0.78125, 0);
  pthread_join(thread, NULL);
  CHECK(eerie_call_resume(c.function, &other, 1, &err) != EERIE_OK); // nothing is deferred now
  CHECK_OK(eerie_call(c.function, c.in, 1, &other, 1, &err));
  eerie_value_release(&other);
  close_call(&c);
}

static void a_failure_reaches_a_function_in_its_middle(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "halve_until"));
  take_hundred(&c);
  CHECK_STATUS(eerie_call_async(c.function, c.in, 1, c.wait, c.signal, c.out, 1, &err),
               EERIE_DEFERRED);
  eerie_fence_signal(c.wait, EERIE_DATA_LOSS);
  CHECK_STATUS(resume_until_done(&c, &err), EERIE_DATA_LOSS);
  CHECK_EQ_INT(c.out[0].kind, EERIE_KIND_NONE);
  CHECK(eerie_fence_query(c.signal, &err) != EERIE_OK);
  eerie_value_t other = {0};
  CHECK_OK(eerie_call(c.function, c.in, 1, &other, 1, &err));
  CHECK_NEAR(float_at(other.as.tensor, 0), 0.78125, 0);
  eerie_value_release(&other);
  close_call(&c);
}

static void a_forgotten_fence_is_an_error(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "forgets"));
  CHECK(eerie_function_is_async(c.function));
  CHECK_STATUS(eerie_call(c.function, NULL, 0, NULL, 0, &err), EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(err.message, "forgets");
  close_call(&c);
}

// Bytes that are allocated now.
static void *count_bytes(void *user, void *pointer, size_t old_size, size_t new_size) {
  size_t *live = user;
  void *result = new_size ? realloc(pointer, new_size) : NULL;
  if (!new_size) free(pointer);
  if (result || !new_size) *live += new_size - (pointer ? old_size : 0);
  return result;
}

// A module that would have operations wait for each other is refused, and what it began goes with
// the caller's fences.
static void fences_tie_no_knots(void) {
  static const struct {
    const char *function;
    eerie_status_t status;
    const char *text;
  } cases[] = {
      {"fine", EERIE_OK, ""},
      {"knot", EERIE_FAILED_PRECONDITION, "waited for already"},
      {"knot_kept", EERIE_FAILED_PRECONDITION, "to be signaled already"},
      {"twice", EERIE_FAILED_PRECONDITION, "to be signaled already"},
      {"forget", EERIE_FAILED_PRECONDITION, "never signals its fence"},
  };
  size_t live = 0;
  const eerie_instance_options_t options = {.allocator = {count_bytes, &live}};
  setup_t s;
  eerie_error_t err = {0};
  eerie_fence_t *waits[5] = {NULL}, *signals[5] = {NULL};
  REQUIRE(open_setup_with(&s, "knots", &options, (eerie_program_options_t){0}));
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    waits[i] = new_fence(&s);
    signals[i] = new_fence(&s);
    CHECK_STATUS(eerie_call_async(function_of(&s, cases[i].function), NULL, 0, waits[i], signals[i],
                                  NULL, 0, &err),
                 cases[i].status);
    if (cases[i].status == EERIE_OK) continue;
    CHECK_CONTAINS(err.message, cases[i].text);
    CHECK_STATUS(eerie_fence_query(signals[i], &err), cases[i].status); // those behind it learn it
  }
  CHECK_STATUS(eerie_fence_query(signals[0], &err), EERIE_DEFERRED);
  eerie_fence_signal(waits[0], EERIE_OK);
  CHECK_OK(eerie_fence_query(signals[0], &err));
  // Called as if they were synchronous.
  CHECK_OK(eerie_call(function_of(&s, "fine"), NULL, 0, NULL, 0, &err));
  for (size_t i = 1; i < LENGTH(cases); ++i) {
    const bool refused = eerie_call(function_of(&s, cases[i].function), NULL, 0, NULL, 0, &err) ==
                         EERIE_FAILED_PRECONDITION;
    // Nothing is pending there: "twice" and "knot_kept" have nothing to wait for.
    CHECK_EQ_INT(refused, strcmp(cases[i].function, "knot") == 0 ||
                              strcmp(cases[i].function, "forget") == 0);
  }
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    eerie_fence_release(waits[i]);
    eerie_fence_release(signals[i]);
  }
  close_setup(&s);
  CHECK_EQ_INT(live, 0);
}

// The caller's own fences may be waited for before the call that signals them is made.
static void calls_may_start_backwards(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "knots"));
  eerie_function_t *fine_one = function_of(&s, "fine");
  eerie_fence_t *fences[4];
  for (size_t i = 0; i < 4; ++i)
    fences[i] = new_fence(&s);
  for (size_t i = 3; i-- > 0;) {
    CHECK_OK(eerie_call_async(fine_one, NULL, 0, fences[i], fences[i + 1], NULL, 0, &err));
  }
  CHECK_STATUS(eerie_fence_query(fences[3], &err), EERIE_DEFERRED);
  eerie_fence_signal(fences[0], EERIE_OK);
  CHECK_OK(eerie_fence_query(fences[3], &err));
  for (size_t i = 0; i < 4; ++i)
    eerie_fence_release(fences[i]);
  close_setup(&s);
}

static void waiting_has_a_limit(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup_with(&s, "async", NULL, (eerie_program_options_t){.wait_limit_ms = 30}));
  eerie_function_t *waits = function_of(&s, "waits_for_ever");
  eerie_value_t out = {0};
  for (int i = 0; i < 2; ++i) { // each call has the whole of it
    const int64_t before = now_ns();
    CHECK_STATUS(eerie_call(waits, NULL, 0, &out, 1, &err), EERIE_DEADLINE_EXCEEDED);
    CHECK(now_ns() - before >= 29 * MILLISECOND);
    CHECK_CONTAINS(err.message, "30 ms");
  }
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four), *in[2] = {x, x}, *product = NULL;
  CHECK_OK(eerie_call_tensors(function_of(&s, "mul"), in, 2, &product, 1, &err));
  eerie_tensor_release(product);
  eerie_tensor_release(x);
  close_setup(&s);
}

static void programs_may_go_while_calls_wait(void) {
  call_t c;
  eerie_error_t err = {0};
  REQUIRE(open_call(&c, "halve_until"));
  take_hundred(&c);
  CHECK_STATUS(eerie_call_async(c.function, c.in, 1, c.wait, c.signal, c.out, 1, &err),
               EERIE_DEFERRED);
  close_call(&c); // a deferred call is let go with its program

  REQUIRE(open_call(&c, "mul"));
  CHECK_OK(eerie_call_async(c.function, c.in, 2, c.wait, c.signal, c.out, 1, &err));
  eerie_program_release(c.s.program);
  c.s.program = NULL;
  eerie_module_release(c.s.module);
  c.s.module = NULL;
  eerie_fence_signal(c.wait, EERIE_OK); // the work keeps what it needs
  CHECK_OK(eerie_fence_wait(c.signal, -1, &err));
  CHECK_NEAR(float_at(c.out[0].as.tensor, 3), 160, 0);
  close_call(&c);

  REQUIRE(open_call(&c, "mul"));
  CHECK_OK(eerie_call_async(c.function, c.in, 2, c.wait, c.signal, c.out, 1, &err));
  close_call(&c); // never signaled: nothing leaks
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(fences_change_once),
      RUN(waiting_ends_when_another_thread_signals),
      RUN(a_call_waits_for_its_fence),
      RUN(a_failed_fence_fails_what_waits),
      RUN(fences_may_be_left_out),
      RUN(calls_chain_through_fences),
      RUN(a_synchronous_function_runs_behind_fences),
      RUN(a_function_that_waits_in_its_middle_resumes),
      RUN(a_failure_reaches_a_function_in_its_middle),
      RUN(a_forgotten_fence_is_an_error),
      RUN(fences_tie_no_knots),
      RUN(calls_may_start_backwards),
      RUN(waiting_has_a_limit),
      RUN(programs_may_go_while_calls_wait),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
