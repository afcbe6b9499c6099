// What an observer is told of a Vulkan device: when it did what, by its own clock; and that nobody
// pays for it who does not look.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"
#include "eerie/eerie_profile.h"

enum { KEPT = 512 };

typedef struct seen {
  eerie_event_t events[KEPT];
  size_t count;
} seen_t;

// Events of these tests come from one thread.
static void keep(void *user, const eerie_event_t *event) {
  seen_t *seen = user;
  if (seen->count < KEPT) seen->events[seen->count++] = *event;
}

static void observe(program_t *p, seen_t *seen) {
  const eerie_observer_t observer = {.event = keep, .user = seen};
  seen->count = 0;
  CHECK_OK(eerie_instance_observe(p->instance, &observer, NULL));
}

// Number `n` of the events of a kind; NULL: there are fewer.
static const eerie_event_t *event_of(const seen_t *seen, eerie_event_kind_t kind, size_t n) {
  for (size_t i = 0; i < seen->count; ++i)
    if (seen->events[i].kind == kind && n-- == 0) return &seen->events[i];
  return NULL;
}

static void check_dispatch(const seen_t *seen) {
  const eerie_event_t *call = event_of(seen, EERIE_EVENT_CALL, 0);
  const eerie_event_t *dispatch = event_of(seen, EERIE_EVENT_DISPATCH, 0);
  if (!CHECK(call != NULL) || !CHECK(dispatch != NULL)) return;
  CHECK(event_of(seen, EERIE_EVENT_DISPATCH, 1) == NULL);
  CHECK_CONTAINS(dispatch->device, "vulkan:");
  CHECK(call->device == NULL);
  CHECK_CONTAINS(dispatch->name, "multiply_dispatch_0");
  CHECK_EQ_INT(dispatch->size, 48);
  CHECK_EQ_INT(dispatch->binding_count, 3);
  CHECK_EQ_INT(dispatch->workgroup_count[0], 1);
  CHECK_EQ_INT(dispatch->workgroups_done, 1);
  CHECK(dispatch->workgroup_size[0] > 0);
  // Clocks are tied together to some microseconds; a call that waits for its result spans it.
  const int64_t slack = 20000;
  CHECK(dispatch->end_ns > dispatch->begin_ns);
  CHECK(dispatch->begin_ns >= call->begin_ns - slack);
  CHECK(dispatch->end_ns <= call->end_ns + slack);
}

static void kernels_have_times(void) {
  for (int own = 0; own < 2; ++own) {
    for (int calibrated = 0; calibrated < 2; ++calibrated) {
      forget_faults();
      shim->own_memory = shim->no_timeline = own;
      shim->calibration = calibrated;
      program_t p;
      if (!opened(&p, "gpu_vulkan")) return;
      seen_t seen;
      for (int k = 0; k < 3; ++k) {
        observe(&p, &seen);
        CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
        CHECK_OK(eerie_instance_observe(p.instance, NULL, NULL));
        check_dispatch(&seen);
      }
      CHECK((shim->looks > 0) == calibrated);
      program_close(&p);
      CHECK(gpu_is_gone());
    }
  }
  forget_faults();
}

static void nobody_looks_and_nothing_is_written(void) {
  forget_faults();
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  seen_t seen;
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  CHECK_EQ_INT(shim->timestamps, 0);
  observe(&p, &seen);
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  CHECK_EQ_INT(shim->timestamps, 2);
  CHECK_OK(eerie_instance_observe(p.instance, NULL, NULL));
  // The recordings of before are there again, and those of the observer when there is one.
  const long recordings = shim->recordings;
  for (int k = 0; k < 5; ++k) {
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    observe(&p, &seen);
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    check_dispatch(&seen);
    CHECK_OK(eerie_instance_observe(p.instance, NULL, NULL));
  }
  CHECK_EQ_INT(shim->timestamps, 2);
  CHECK_EQ_INT(shim->recordings, recordings);
  program_close(&p);
}

// Asynchronous calls, many in flight: each kernel is told of once, in order, none upon another.
static void events_of_a_stream_do_not_overlap(void) {
  enum { CALLS = 12, SIZE = 1024 };
  forget_faults();
  program_t p;
  if (!opened(&p, "gpu_async_vulkan")) return;
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  CHECK_OK(eerie_program_find(p.program, "twice", &function, &err));
  CHECK(eerie_function_is_async(function));
  eerie_value_t in = {.kind = EERIE_KIND_TENSOR}, out[CALLS];
  eerie_fence_t *fences[CALLS] = {NULL};
  CHECK_OK(vector(&p, SIZE, 1, 0, &in.as.tensor, &err));
  seen_t seen;
  observe(&p, &seen);
  for (int k = 0; k < CALLS; ++k) {
    CHECK_OK(eerie_fence_create(p.instance, &fences[k], &err));
    CHECK_OK(eerie_call_async(function, &in, 1, NULL, fences[k], &out[k], 1, &err));
  }
  for (int k = 0; k < CALLS; ++k)
    CHECK_OK(eerie_fence_wait(fences[k], -1, &err));
  CHECK_OK(eerie_instance_observe(p.instance, NULL, NULL));
  int64_t last = 0;
  for (size_t k = 0; k < CALLS; ++k) {
    const eerie_event_t *dispatch = event_of(&seen, EERIE_EVENT_DISPATCH, k);
    if (!CHECK(dispatch != NULL)) break;
    CHECK(dispatch->begin_ns >= last);
    CHECK(dispatch->end_ns >= dispatch->begin_ns);
    last = dispatch->end_ns;
  }
  CHECK(event_of(&seen, EERIE_EVENT_DISPATCH, CALLS) == NULL);
  for (int k = 0; k < CALLS; ++k) {
    float result[SIZE];
    CHECK_OK(eerie_tensor_read(out[k].as.tensor, 0, result, sizeof result, &err));
    CHECK(result[0] == 2 && result[SIZE - 1] == 2);
    eerie_value_release(&out[k]);
    eerie_fence_release(fences[k]);
  }
  eerie_value_release(&in);
  program_close(&p);
  CHECK(gpu_is_gone());
}

// Kernels are named when they are loaded; what is left out is told of and does not run.
static void kernels_are_told_and_left_out(void) {
  forget_faults();
  eerie_error_t err = {0};
  program_t p;
  memset(&p, 0, sizeof p);
  seen_t seen;
  CHECK_OK(eerie_instance_create(NULL, &p.instance, &err));
  seen.count = 0;
  const eerie_observer_t observer = {.event = keep, .user = &seen, .no_kernels = true};
  CHECK_OK(eerie_instance_observe(p.instance, &observer, &err));
  CHECK_OK(eerie_device_open(p.instance, "vulkan", &p.device, &err));
  CHECK_OK(eerie_module_load_file(p.instance, path_of("gpu_vulkan"), NULL, &p.module, &err));
  const eerie_program_options_t options = {.module = p.module, .device = p.device};
  CHECK_OK(eerie_program_create(p.instance, &options, &p.program, &err));
  const eerie_event_t *kernel = event_of(&seen, EERIE_EVENT_KERNEL, 0);
  if (CHECK(kernel != NULL)) CHECK_CONTAINS(kernel->name, "_dispatch_");
  eerie_function_t *function = NULL;
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  const long dispatches = shim->dispatches;
  CHECK_OK(eerie_program_find(p.program, "multiply", &function, &err));
  CHECK_OK(vector(&p, 4, 1, 1, &in[0], &err));
  CHECK_OK(vector(&p, 4, 2, 0, &in[1], &err));
  CHECK_OK(eerie_call_tensors(function, in, 2, &out, 1, &err));
  CHECK(event_of(&seen, EERIE_EVENT_DISPATCH, 0) != NULL);
  CHECK_EQ_INT(shim->dispatches, dispatches);
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  eerie_tensor_release(out);
  program_close(&p);
}

// Every call that can fail, failing: a call goes on untimed or says why.
static void failing_queries_leave_calls_alone(void) {
  for (long n = 1; n < 200; ++n) {
    forget_faults();
    program_t p;
    if (!opened(&p, "gpu_vulkan")) return;
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    seen_t seen;
    observe(&p, &seen);
    shim->fail_at = n;
    eerie_error_t err = {0};
    const eerie_status_t status = call_product(&p, "multiply", 4, 1, &err);
    const bool reached = !shim->fail_at;
    shim->fail_at = 0;
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    program_close(&p);
    CHECK(gpu_is_gone());
    if (!reached) break;
  }
  forget_faults();
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(kernels_have_times),
      RUN(nobody_looks_and_nothing_is_written),
      RUN(events_of_a_stream_do_not_overlap),
      RUN(kernels_are_told_and_left_out),
      RUN(failing_queries_leave_calls_alone),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
