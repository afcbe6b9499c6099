// Observers: what is told of calls, by whom, and the memory of each kind.
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "eerie/eerie_profile.h"

#include "behaviour/support.h"

enum { KEPT = 4096 };

typedef struct seen {
  eerie_event_t events[KEPT];
  atomic_size_t count;
} seen_t;

static void keep(void *user, const eerie_event_t *event) {
  seen_t *seen = user;
  const size_t at = atomic_fetch_add(&seen->count, 1);
  if (at < KEPT) seen->events[at] = *event;
}

static size_t kept(const seen_t *seen) {
  const size_t count = atomic_load(&seen->count);
  CHECK(count <= KEPT);
  return count < KEPT ? count : KEPT;
}

static size_t count_of(const seen_t *seen, eerie_event_kind_t kind) {
  size_t count = 0;
  for (size_t i = 0; i < kept(seen); ++i)
    count += seen->events[i].kind == kind;
  return count;
}

static const eerie_event_t *event_of(const seen_t *seen, eerie_event_kind_t kind) {
  for (size_t i = 0; i < kept(seen); ++i)
    if (seen->events[i].kind == kind) return &seen->events[i];
  return NULL;
}

// Links the program anew, with an observer from the beginning.
static bool open_observed(setup_t *s, const char *name, const char *device, size_t threads,
                          const eerie_observer_t *observer) {
  eerie_error_t err = {0};
  const eerie_device_options_t device_options = {.threads = threads};
  memset(s, 0, sizeof *s);
  if (!fine(eerie_instance_create(NULL, &s->instance, &err), &err) ||
      !fine(eerie_instance_observe(s->instance, observer, &err), &err) ||
      !fine(eerie_device_open_with(s->instance, device, &device_options, &s->device, &err), &err) ||
      !fine(eerie_module_load_file(s->instance, module_path(name), NULL, &s->module, &err), &err))
    return false;
  const eerie_program_options_t options = {.module = s->module, .device = s->device};
  return fine(eerie_program_create(s->instance, &options, &s->program, &err), &err);
}

static eerie_memory_figures_t figures_of(const setup_t *s, eerie_memory_kind_t kind) {
  eerie_memory_figures_t figures;
  eerie_instance_memory_of(s->instance, kind, &figures);
  CHECK(figures.current <= figures.peak && figures.peak <= figures.allocated);
  CHECK_EQ_INT(figures.allocated - figures.freed, figures.current);
  return figures;
}

// Calls a function of two vectors of four floats; what is in element 3.
static float call_mul(const setup_t *s) {
  eerie_error_t err = {0};
  eerie_tensor_t *in[2] = {vector(s, EERIE_F32, 4, one_to_four), vector(s, EERIE_F32, 4, tens)};
  eerie_tensor_t *out = NULL;
  fine(eerie_call_tensors(function_of(s, "mul"), in, 2, &out, 1, &err), &err);
  const float element = float_at(out, 3);
  eerie_tensor_release(out);
  eerie_tensor_release(in[1]);
  eerie_tensor_release(in[0]);
  return element;
}

static bool lies_in(const eerie_event_t *inner, const eerie_event_t *outer) {
  return inner && outer && outer->begin_ns <= inner->begin_ns && inner->begin_ns <= inner->end_ns &&
         inner->end_ns <= outer->end_ns;
}

static void a_call_tells_what_it_does(void) {
  static seen_t seen;
  setup_t s;
  REQUIRE(open_observed(&s, "mul", "local-sync", 0, &(eerie_observer_t){keep, &seen, false}));
  const eerie_event_t *kernel = event_of(&seen, EERIE_EVENT_KERNEL);
  REQUIRE(kernel != NULL);
  CHECK(strstr(kernel->name, "mul_dispatch_0"));
  CHECK_EQ_INT(kernel->binding_count, 3);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_DISPATCH), 0);
  CHECK(call_mul(&s) == 160);
  const eerie_event_t *call = event_of(&seen, EERIE_EVENT_CALL);
  const eerie_event_t *dispatch = event_of(&seen, EERIE_EVENT_DISPATCH);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_CALL), 1);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_DISPATCH), 1);
  REQUIRE(call && dispatch);
  CHECK(strcmp(call->name, "mul") == 0);
  CHECK(strcmp(dispatch->name, kernel->name) == 0);
  CHECK(lies_in(dispatch, call));
  CHECK_EQ_INT(dispatch->size, 48);
  CHECK_EQ_INT(dispatch->id, kernel->id);
  CHECK_EQ_INT(dispatch->workgroups_done, dispatch->workgroup_count[0] *
                                              dispatch->workgroup_count[1] *
                                              dispatch->workgroup_count[2]);
  CHECK(count_of(&seen, EERIE_EVENT_SUBMIT) > 0);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_ALLOCATE), count_of(&seen, EERIE_EVENT_FREE));
  close_setup(&s);
}

// An allocator whose memory is never zero.
static void *dirty(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  if (!new_size) {
    free(pointer);
    return NULL;
  }
  unsigned char *const moved = realloc(pointer, new_size);
  if (moved && new_size > old_size) memset(moved + old_size, 0xA5, new_size - old_size);
  return moved;
}

static int64_t now_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void times_are_of_the_clock_in_dirty_memory(void) {
  static seen_t seen;
  const eerie_instance_options_t options = {.allocator = {.reallocate = dirty}};
  eerie_error_t err = {0};
  setup_t s;
  REQUIRE(open_setup_with(&s, "mul", &options, (eerie_program_options_t){0}));
  // One that only counts looks at the clock too, though nobody is told.
  CHECK_OK(eerie_instance_observe(s.instance, &(eerie_observer_t){0}, &err));
  CHECK(call_mul(&s) == 160);
  CHECK_OK(eerie_instance_observe(s.instance, &(eerie_observer_t){keep, &seen, false}, &err));
  const int64_t before = now_ns();
  CHECK(call_mul(&s) == 160);
  const int64_t after = now_ns();
  const eerie_event_t *const call = event_of(&seen, EERIE_EVENT_CALL);
  REQUIRE(call != NULL);
  // Two clocks, a millisecond apart at most.
  CHECK(call->begin_ns > before - 1000000 && call->end_ns < after + 1000000);
  close_setup(&s);
}

static void memory_is_told_by_kind(void) {
  setup_t s;
  REQUIRE(open_observed(&s, "constants", "local-sync", 0, &(eerie_observer_t){0}));
  const eerie_memory_figures_t none = figures_of(&s, EERIE_MEMORY_TENSORS);
  CHECK_EQ_INT(none.allocated, 0);
  // 512 x 512 floats, in the file.
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_CONSTANTS).current, 512 * 512 * 4);
  const int64_t shape[2] = {1, 512};
  eerie_error_t err = {0};
  eerie_tensor_t *in = NULL, *out = NULL;
  CHECK_OK(eerie_tensor_create(s.device, EERIE_F32, 2, shape, NULL, &in, &err));
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_TENSORS).current, 2048);
  CHECK_OK(eerie_call_tensors(function_of(&s, "apply"), &in, 1, &out, 1, &err));
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_RESULTS).current, 2048);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_TRANSIENT).current, 0);
  eerie_tensor_release(out);
  eerie_tensor_release(in);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_RESULTS).current, 0);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_RESULTS).peak, 2048);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_TENSORS).freed, 2048);
  eerie_memory_figures_t beyond = {1, 1, 1, 1, 1};
  eerie_instance_memory_of(s.instance, (eerie_memory_kind_t)EERIE_MEMORY_KINDS, &beyond);
  CHECK_EQ_INT(beyond.peak, 0);
  CHECK(strcmp(eerie_memory_kind_name(EERIE_MEMORY_TRANSIENT), "transient") == 0);
  CHECK(strcmp(eerie_memory_kind_name((eerie_memory_kind_t)77), "?") == 0);
  close_setup(&s);
}

// What each kind has of the heap adds up to what the instance counts; returns that.
static size_t kinds_add_up(const setup_t *s) {
  uint64_t sum = 0;
  for (int kind = EERIE_MEMORY_CONSTANTS; kind < EERIE_MEMORY_KINDS; ++kind) {
    eerie_memory_figures_t figures;
    eerie_instance_memory_of(s->instance, (eerie_memory_kind_t)kind, &figures);
    CHECK(figures.in_heap <= figures.current);
    CHECK(figures.current <= figures.peak);
    sum += figures.in_heap;
  }
  size_t current = 0, peak = 0;
  eerie_instance_memory(s->instance, &current, &peak);
  CHECK_EQ_INT(sum, current);
  return current;
}

static eerie_memory_figures_t part_of(const setup_t *s, eerie_memory_kind_t kind) {
  eerie_memory_figures_t figures;
  eerie_instance_memory_of(s->instance, kind, &figures);
  return figures;
}

static void kinds_of_memory_add_up(void) {
  enum { ELEMENTS = 100000 };
  static _Alignas(EERIE_BUFFER_ALIGNMENT) float data[ELEMENTS];
  const int64_t shape[1] = {ELEMENTS};
  eerie_error_t err = {0};
  setup_t s;
  REQUIRE(open_observed(&s, "constants", "local-sync", 0, &(eerie_observer_t){0}));
  (void)kinds_add_up(&s);
  CHECK(part_of(&s, EERIE_MEMORY_CODE).current > 4096); // a module, pages of its kernels
  const uint64_t other = part_of(&s, EERIE_MEMORY_OTHER).peak;
  CHECK(other > 0);
  eerie_tensor_t *own = vector(&s, EERIE_F32, ELEMENTS, NULL), *wrapped = NULL;
  CHECK(kinds_add_up(&s) > sizeof data);
  CHECK_OK(eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, data, sizeof data, NULL, NULL, &wrapped,
                             &err));
  (void)kinds_add_up(&s);
  const eerie_memory_figures_t tensors = part_of(&s, EERIE_MEMORY_TENSORS);
  CHECK_EQ_INT(tensors.current, 2 * sizeof data);
  CHECK_EQ_INT(tensors.in_heap, sizeof data); // the other is the caller's
  // A tensor that comes is of no other kind for a moment: the peak does not see it.
  CHECK(part_of(&s, EERIE_MEMORY_OTHER).peak < other + sizeof data / 2);
  eerie_tensor_release(wrapped);
  eerie_tensor_release(own);
  (void)kinds_add_up(&s);
  // Unobserved tensors are of no kind.
  CHECK_OK(eerie_instance_observe(s.instance, NULL, &err));
  own = vector(&s, EERIE_F32, 2 * ELEMENTS, NULL);
  (void)kinds_add_up(&s);
  CHECK(part_of(&s, EERIE_MEMORY_OTHER).current >= 2 * sizeof data);
  eerie_tensor_release(own);
  (void)kinds_add_up(&s);
  close_setup(&s);
}

static void code_goes_with_its_program(void) {
  eerie_error_t err = {0};
  setup_t s;
  REQUIRE(open_setup(&s, "constants"));
  const uint64_t once = part_of(&s, EERIE_MEMORY_CODE).current;
  CHECK_EQ_INT(part_of(&s, EERIE_MEMORY_CODE).peak, once);
  eerie_module_t *module = NULL;
  CHECK_OK(eerie_module_load_file(s.instance, module_path("constants"), NULL, &module, &err));
  CHECK(part_of(&s, EERIE_MEMORY_CODE).current > once);
  eerie_module_release(module);
  CHECK_EQ_INT(part_of(&s, EERIE_MEMORY_CODE).current, once);
  (void)kinds_add_up(&s);
  close_setup(&s);
}

static void observers_come_and_go(void) {
  static seen_t first, second;
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "mul"));
  eerie_tensor_t *early = vector(&s, EERIE_F32, 100, NULL);
  CHECK_OK(eerie_instance_observe(s.instance, NULL, &err)); // none yet
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_NONE).allocated, 0);
  CHECK_OK(eerie_instance_observe(s.instance, &(eerie_observer_t){keep, &first, false}, &err));
  eerie_tensor_release(early); // was not counted, and is not told
  CHECK_EQ_INT(kept(&first), 0);
  CHECK(call_mul(&s) == 160);
  eerie_tensor_t *late = vector(&s, EERIE_F32, 100, NULL);
  const size_t count = kept(&first);
  CHECK(count > 0);
  CHECK_OK(eerie_instance_observe(s.instance, NULL, &err));
  const eerie_memory_figures_t before = figures_of(&s, EERIE_MEMORY_TENSORS);
  CHECK(call_mul(&s) == 160);
  CHECK_EQ_INT(kept(&first), count);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_TENSORS).allocated, before.allocated);
  CHECK_OK(eerie_instance_observe(s.instance, &(eerie_observer_t){keep, &second, false}, &err));
  eerie_tensor_release(late); // counted under the first
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_TENSORS).current, 0);
  CHECK_EQ_INT(count_of(&second, EERIE_EVENT_FREE), 1);
  CHECK_EQ_INT(kept(&first), count);
  close_setup(&s);
}

static void kernels_can_be_left_out(void) {
  static seen_t seen;
  setup_t s;
  REQUIRE(open_observed(&s, "chain", "local-sync", 0, &(eerie_observer_t){keep, &seen, true}));
  const int64_t shape[2] = {4, 4};
  eerie_error_t err = {0};
  eerie_tensor_t *in = NULL, *out = NULL;
  CHECK_OK(eerie_tensor_create(s.device, EERIE_F32, 2, shape, NULL, &in, &err));
  // The compiler folds the first additions away or not: as many as a real call has.
  CHECK_OK(eerie_call_tensors(function_of(&s, "chain"), &in, 1, &out, 1, &err));
  const size_t dispatches = count_of(&seen, EERIE_EVENT_DISPATCH);
  CHECK_EQ_INT(dispatches, 64);
  eerie_tensor_release(out);
  CHECK_OK(eerie_instance_observe(s.instance, &(eerie_observer_t){keep, &seen, false}, &err));
  CHECK_OK(eerie_call_tensors(function_of(&s, "chain"), &in, 1, &out, 1, &err));
  CHECK(float_at(out, 0) == 64);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_DISPATCH), 2 * dispatches);
  eerie_tensor_release(out);
  eerie_tensor_release(in);
  close_setup(&s);
}

static void waits_are_told(void) {
  static seen_t seen;
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_observed(&s, "mul", "local-sync", 0, &(eerie_observer_t){keep, &seen, false}));
  eerie_fence_t *fence = NULL;
  CHECK_OK(eerie_fence_create(s.instance, &fence, &err));
  CHECK_STATUS(eerie_fence_wait(fence, 1, &err), EERIE_DEADLINE_EXCEEDED);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_WAIT), 1);
  eerie_fence_signal(fence, EERIE_OK);
  CHECK_OK(eerie_fence_wait(fence, -1, &err)); // nothing to wait for
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_WAIT), 1);
  eerie_fence_release(fence);
  close_setup(&s);
}

// A call that only starts is told when it has started.
static void asynchronous_calls_are_told(void) {
  static seen_t seen;
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_observed(&s, "async", "local-sync", 0, &(eerie_observer_t){keep, &seen, false}));
  eerie_value_t in[2] = {tensor_value(vector(&s, EERIE_F32, 4, one_to_four)),
                         tensor_value(vector(&s, EERIE_F32, 4, tens))};
  eerie_value_t out = {.kind = EERIE_KIND_NONE};
  eerie_fence_t *wait = NULL, *signal = NULL;
  CHECK_OK(eerie_fence_create(s.instance, &wait, &err));
  CHECK_OK(eerie_fence_create(s.instance, &signal, &err));
  CHECK_OK(eerie_call_async(function_of(&s, "mul"), in, 2, wait, signal, &out, 1, &err));
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_CALL), 1);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_DISPATCH), 0);
  eerie_fence_signal(wait, EERIE_OK);
  CHECK_OK(eerie_fence_wait(signal, -1, &err));
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_DISPATCH), 1);
  CHECK(float_at(out.as.tensor, 3) == 160);
  eerie_value_release(&out);
  eerie_value_release(&in[0]);
  eerie_value_release(&in[1]);
  eerie_fence_release(wait);
  eerie_fence_release(signal);
  close_setup(&s);
}

// ---- Threads -----------------------------------------------------------------------------------

typedef struct caller {
  const setup_t *setup;
  eerie_program_t *program;
  pthread_t thread;
} caller_t;

enum { CALLERS = 3, CALLS = 40 };

static void *call_often(void *user) {
  const caller_t *caller = user;
  eerie_error_t err = {0};
  eerie_function_t *apply = NULL;
  const int64_t shape[2] = {1, 512};
  eerie_tensor_t *in = NULL, *out = NULL;
  CHECK_OK(eerie_program_find(caller->program, "apply", &apply, &err));
  CHECK_OK(eerie_tensor_create(caller->setup->device, EERIE_F32, 2, shape, NULL, &in, &err));
  for (int i = 0; i < CALLS; ++i) {
    fine(eerie_call_tensors(apply, &in, 1, &out, 1, &err), &err);
    eerie_tensor_release(out);
  }
  eerie_tensor_release(in);
  return NULL;
}

// Whoever did a part of a dispatch tells of that part, and of nothing else.
static void workers_tell_their_shares(void) {
  static seen_t seen;
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_observed(&s, "constants", "local-task", 3, &(eerie_observer_t){keep, &seen, false}));
  caller_t callers[CALLERS];
  const eerie_program_options_t options = {.module = s.module, .device = s.device};
  for (size_t i = 0; i < CALLERS; ++i) {
    callers[i].setup = &s;
    REQUIRE(fine(eerie_program_create(s.instance, &options, &callers[i].program, &err), &err));
  }
  for (size_t i = 0; i < CALLERS; ++i)
    REQUIRE(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]) == 0);
  for (size_t i = 0; i < CALLERS; ++i) {
    pthread_join(callers[i].thread, NULL);
    eerie_program_release(callers[i].program);
  }
  uint64_t done = 0, all = 0;
  for (size_t i = 0; i < kept(&seen); ++i) {
    const eerie_event_t *event = &seen.events[i];
    if (event->kind != EERIE_EVENT_DISPATCH) continue;
    CHECK(event->worker < 3);
    CHECK(event->begin_ns <= event->end_ns);
    done += event->workgroups_done;
    all =
        (uint64_t)event->workgroup_count[0] * event->workgroup_count[1] * event->workgroup_count[2];
  }
  CHECK(all > 0);
  CHECK_EQ_INT(done, all * CALLERS * CALLS);
  CHECK_EQ_INT(count_of(&seen, EERIE_EVENT_CALL), CALLERS * CALLS);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_RESULTS).current, 0);
  CHECK_EQ_INT(figures_of(&s, EERIE_MEMORY_RESULTS).allocated, CALLERS * CALLS * 2048);
  close_setup(&s);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(a_call_tells_what_it_does),   RUN(times_are_of_the_clock_in_dirty_memory),
      RUN(memory_is_told_by_kind),      RUN(kinds_of_memory_add_up),
      RUN(code_goes_with_its_program),  RUN(observers_come_and_go),
      RUN(kernels_can_be_left_out),     RUN(waits_are_told),
      RUN(asynchronous_calls_are_told), RUN(workers_tell_their_shares),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
