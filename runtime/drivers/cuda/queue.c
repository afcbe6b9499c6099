// queue.c: recordings to the device's stream, step by step or as a graph; events that mark how far
// the stream is.
//
// Step by step all is in order, also what could go side by side: other streams would have to wait
// for this one at each barrier and this one for them, and two calls for each cost as much as the
// launch of a kernel. In a graph (graph.c), which costs them once, it goes side by side.
#include "drivers/cuda/cuda.h"

// A recording becomes a graph when it is handed over for the second time: what is never repeated
// must not pay for it. Below this number of steps calls cost no more than the graph's launch.
enum { GRAPH_USES = 2, GRAPH_STEPS = 2 };

// How long a waiting thread asks before it sleeps in the library.
#define SPIN_NS INT64_C(20000)
// Between two questions of a thread that may wait for so long and no longer.
#define PAUSE_NS INT64_C(50000)

// ---- Events ------------------------------------------------------------------------------------

static ee_cuda_result_t event_take(ee_cuda_device_t *device, ee_cuda_event_t *out_event) {
  *out_event = NULL;
  ee_hal_queued_lock(&device->queued);
  if (device->event_count) *out_event = device->events[--device->event_count];
  ee_hal_queued_unlock(&device->queued);
  if (*out_event) return EE_CUDA_SUCCESS;
  return device->cu->EventCreate(out_event, EE_CUDA_EVENT_BLOCKING | EE_CUDA_EVENT_NO_TIMING);
}

// Keeps an event for the next one, or destroys it where there is no room.
void ee_cuda_event_give(ee_hal_queued_t *queued, uint64_t mark) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  if (device->event_count == device->event_capacity) {
    const uint32_t capacity = device->event_capacity ? 2 * device->event_capacity : 8;
    const size_t unit = sizeof *device->events;
    ee_cuda_event_t *events = ee_heap_resize(queued->base.heap, device->events,
                                             device->event_capacity * unit, capacity * unit);
    if (events) {
      device->events = events;
      device->event_capacity = capacity;
    }
  }
  ee_cuda_event_t event = (ee_cuda_event_t)(uintptr_t)mark;
  if (device->event_count < device->event_capacity) {
    device->events[device->event_count++] = event;
    return;
  }
  ee_cuda_scope_t scope;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return;
  (void)device->cu->EventDestroy(event);
  ee_cuda_leave(device, &scope);
}

// Before what is in flight counts as lost and its memory goes. Where the context is of no use any
// more this returns at once.
void ee_cuda_settle(const ee_cuda_device_t *device) {
  (void)device->cu->StreamSynchronize(device->stream);
}

uint64_t ee_cuda_queue_reached(ee_hal_queued_t *queued) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  uint64_t value = queued->done;
  ee_cuda_scope_t scope;
  if (!queued->first) return value;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) {
    queued->lost = true;
    return value;
  }
  for (const ee_hal_submission_t *s = queued->first; s; s = s->next) {
    if (!s->mark) continue;
    const ee_cuda_result_t result = device->cu->EventQuery((ee_cuda_event_t)(uintptr_t)s->mark);
    if (result == EE_CUDA_NOT_READY) break;
    if (result != EE_CUDA_SUCCESS) {
      queued->lost = true;
      ee_cuda_settle(device);
    }
    value = s->value;
  }
  ee_cuda_leave(device, &scope);
  return value;
}

// Asks again and again; the clock is what ends it.
static ee_cuda_result_t poll_event(const ee_cuda_device_t *device, ee_cuda_event_t event,
                                   int64_t until_ns, int64_t pause_ns) {
  for (;;) {
    const ee_cuda_result_t result = device->cu->EventQuery(event);
    if (result != EE_CUDA_NOT_READY || ee_port_time_ns() >= until_ns) return result;
    if (pause_ns) {
      ee_port_pause(pause_ns);
    } else {
      ee_port_relax();
    }
  }
}

ee_hal_waited_t ee_cuda_queue_wait(ee_hal_queued_t *queued, uint64_t value, uint64_t mark,
                                   uint64_t timeout_ns) {
  (void)value;
  const ee_cuda_device_t *device = ee_cuda_device(queued);
  const ee_cuda_event_t event = (ee_cuda_event_t)(uintptr_t)mark;
  const int64_t now = ee_port_time_ns();
  const bool forever = timeout_ns > (uint64_t)(INT64_MAX - now);
  const int64_t until = forever ? INT64_MAX : now + (int64_t)timeout_ns;
  ee_cuda_scope_t scope;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return EE_HAL_WAITED_LOST;
  const int64_t spin = now + SPIN_NS;
  ee_cuda_result_t result = poll_event(device, event, spin < until ? spin : until, 0);
  if (result == EE_CUDA_NOT_READY) {
    result =
        forever ? device->cu->EventSynchronize(event) : poll_event(device, event, until, PAUSE_NS);
  }
  if (result != EE_CUDA_NOT_READY && result != EE_CUDA_SUCCESS) ee_cuda_settle(device);
  ee_cuda_leave(device, &scope);
  if (result == EE_CUDA_NOT_READY) return EE_HAL_WAITED_TIMEOUT;
  return result == EE_CUDA_SUCCESS ? EE_HAL_WAITED_DONE : EE_HAL_WAITED_LOST;
}

// ---- Steps -------------------------------------------------------------------------------------

static void launch(const ee_cuda_device_t *device, const ee_cuda_step_t *step,
                   const uint32_t grid[3], ee_cuda_stream_t stream, ee_cuda_failure_t *failure) {
  const ee_cuda_kernel_t *kernel = step->kernel;
  uint8_t *bytes = (uint8_t *)(uintptr_t)(step + 1);
  void *arguments[EE_CUDA_MAX_BINDINGS + EE_CUDA_MAX_CONSTANTS];
  uint32_t count = 0;
  for (uint32_t i = 0; i < kernel->binding_count; ++i, bytes += sizeof(ee_cuda_address_t))
    arguments[count++] = bytes;
  for (uint32_t i = 0; i < kernel->constant_count; ++i, bytes += sizeof(uint32_t))
    arguments[count++] = bytes;
  failure->function = "LaunchKernel";
  failure->result = device->cu->LaunchKernel(kernel->function, grid[0], grid[1], grid[2],
                                             kernel->block[0], kernel->block[1], kernel->block[2],
                                             kernel->shared_size, stream, arguments, NULL);
}

// The counts come to the host, which waits for all before: neither library launches by counts that
// lie on the device.
static void launch_indirect(ee_cuda_device_t *device, const ee_cuda_step_t *step,
                            ee_cuda_stream_t stream, ee_cuda_failure_t *failure,
                            eerie_error_t *err) {
  uint32_t *grid = device->counts;
  failure->function = "MemcpyDtoHAsync";
  failure->result = device->cu->MemcpyDtoHAsync(grid, step->source, 3 * sizeof *grid, stream);
  if (failure->result != EE_CUDA_SUCCESS) return;
  failure->function = "StreamSynchronize";
  failure->result = device->cu->StreamSynchronize(stream);
  if (failure->result != EE_CUDA_SUCCESS) return;
  failure->status = ee_cuda_check_grid(device, step->kernel, grid, err);
  if (failure->status == EERIE_OK && grid[0] && grid[1] && grid[2])
    launch(device, step, grid, stream, failure);
}

static void fill(const ee_cuda_device_t *device, const ee_cuda_step_t *step,
                 ee_cuda_stream_t stream, ee_cuda_failure_t *failure) {
  const ee_cuda_functions_t *cu = device->cu;
  const size_t count = (size_t)step->count;
  if (step->width == 4) {
    failure->function = "MemsetD32Async";
    failure->result = cu->MemsetD32Async(step->target, step->pattern, count, stream);
  } else if (step->width == 2) {
    failure->function = "MemsetD16Async";
    failure->result =
        cu->MemsetD16Async(step->target, (unsigned short)step->pattern, count, stream);
  } else {
    failure->function = "MemsetD8Async";
    failure->result = cu->MemsetD8Async(step->target, (unsigned char)step->pattern, count, stream);
  }
}

static void copy_peer(const ee_cuda_device_t *device, const ee_cuda_step_t *step,
                      ee_cuda_stream_t stream, ee_cuda_failure_t *failure) {
  const ee_cuda_device_t *to = step->target_device, *from = step->source_device;
  const size_t count = (size_t)step->count;
  failure->function = "MemcpyPeerAsync";
  failure->result =
      device->library->hip
          ? device->cu->HipMemcpyPeerAsync(step->target, to->physical.handle, step->source,
                                           from->physical.handle, count, stream)
          : device->cu->MemcpyPeerAsync(step->target, to->context, step->source, from->context,
                                        count, stream);
}

void ee_cuda_step_take(ee_cuda_device_t *device, const ee_cuda_step_t *step,
                       ee_cuda_stream_t stream, ee_cuda_failure_t *failure, eerie_error_t *err) {
  const ee_cuda_functions_t *cu = device->cu;
  const size_t count = (size_t)step->count;
  switch (step->kind) {
  case EE_CUDA_STEP_LAUNCH: launch(device, step, step->grid, stream, failure); break;
  case EE_CUDA_STEP_LAUNCH_INDIRECT: launch_indirect(device, step, stream, failure, err); break;
  case EE_CUDA_STEP_FILL: fill(device, step, stream, failure); break;
  case EE_CUDA_STEP_COPY:
    failure->function = "MemcpyDtoDAsync";
    failure->result = cu->MemcpyDtoDAsync(step->target, step->source, count, stream);
    break;
  case EE_CUDA_STEP_COPY_PEER: copy_peer(device, step, stream, failure); break;
  case EE_CUDA_STEP_UPLOAD:
    failure->function = "MemcpyHtoDAsync";
    failure->result = cu->MemcpyHtoDAsync(step->target, step->host, count, stream);
    break;
  case EE_CUDA_STEP_DOWNLOAD:
    failure->function = "MemcpyDtoHAsync";
    failure->result = cu->MemcpyDtoHAsync(step->host, step->source, count, stream);
    break;
  case EE_CUDA_STEP_STAMP:
    failure->function = "EventRecord";
    failure->result = cu->EventRecord(*step->stamp, stream);
    break;
  }
}

static void take_steps(ee_cuda_device_t *device, const ee_cuda_recording_t *recording,
                       ee_cuda_failure_t *failure, eerie_error_t *err) {
  const uint8_t *at = recording->steps, *end = at + recording->size;
  while (at < end && failure->result == EE_CUDA_SUCCESS && failure->status == EERIE_OK) {
    const ee_cuda_step_t *step = (const void *)at;
    ee_cuda_step_take(device, step, device->stream, failure, err);
    at += step->size;
  }
}

// ---- Submitting --------------------------------------------------------------------------------

static bool is_worth_a_graph(const ee_cuda_device_t *device, ee_cuda_recording_t *recording) {
  return device->capture && recording->again && !recording->on_host && !recording->base.timed &&
         recording->step_count >= GRAPH_STEPS && ++recording->uses == GRAPH_USES;
}

static void issue(ee_cuda_device_t *device, ee_cuda_recording_t *recording,
                  ee_cuda_failure_t *failure, eerie_error_t *err) {
  if (!recording->graph && is_worth_a_graph(device, recording))
    ee_cuda_graph_make(device, recording);
  if (recording->graph) {
    failure->function = "GraphLaunch";
    failure->result = device->cu->GraphLaunch(recording->graph, device->stream);
  } else {
    take_steps(device, recording, failure, err);
  }
}

static eerie_status_t submit_entered(ee_cuda_device_t *device, ee_hal_submission_t *submission,
                                     eerie_error_t *err) {
  ee_cuda_event_t event;
  ee_cuda_failure_t failure = {.function = "EventCreate"};
  failure.result = event_take(device, &event);
  if (failure.result != EE_CUDA_SUCCESS)
    return ee_cuda_failed(device, err, failure.function, failure.result);
  issue(device, (ee_cuda_recording_t *)submission->recording, &failure, err);
  if (failure.result == EE_CUDA_SUCCESS && failure.status == EERIE_OK) {
    failure.function = "EventRecord";
    failure.result = device->cu->EventRecord(event, device->stream);
  }
  submission->mark = (uint64_t)(uintptr_t)event;
  if (failure.result == EE_CUDA_SUCCESS && failure.status == EERIE_OK) return EERIE_OK;
  // What was taken of it is over before its memory goes.
  (void)device->cu->StreamSynchronize(device->stream);
  ee_hal_queued_lock(&device->queued);
  ee_cuda_event_give(&device->queued, submission->mark);
  ee_hal_queued_unlock(&device->queued);
  submission->mark = 0;
  return failure.status != EERIE_OK ? failure.status
                                    : ee_cuda_failed(device, err, failure.function, failure.result);
}

eerie_status_t ee_cuda_queue_submit(ee_hal_queued_t *queued, ee_hal_submission_t *submission,
                                    eerie_error_t *err) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  ee_cuda_scope_t scope;
  const ee_cuda_result_t result = ee_cuda_enter(device, &scope);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "CtxPushCurrent", result);
  const eerie_status_t status = submit_entered(device, submission, err);
  ee_cuda_leave(device, &scope);
  return status;
}

// ---- Life --------------------------------------------------------------------------------------

eerie_status_t ee_cuda_queue_create(ee_cuda_device_t *device, eerie_error_t *err) {
  const ee_cuda_functions_t *cu = device->cu;
  ee_cuda_result_t result = cu->StreamCreate(&device->stream, EE_CUDA_STREAM_NON_BLOCKING);
  if (result != EE_CUDA_SUCCESS) device->stream = NULL;
  if (result == EE_CUDA_SUCCESS && ee_cuda_graph_is_known(cu)) {
    result = cu->StreamCreate(&device->capture, EE_CUDA_STREAM_NON_BLOCKING);
    if (result != EE_CUDA_SUCCESS) device->capture = NULL;
  }
  return result == EE_CUDA_SUCCESS ? EERIE_OK : ee_cuda_failed(device, err, "StreamCreate", result);
}

void ee_cuda_queue_destroy(ee_cuda_device_t *device) {
  const ee_cuda_functions_t *cu = device->cu;
#if EERIE_PROFILE
  if (device->clock_event) (void)cu->EventDestroy(device->clock_event);
#endif
  while (device->event_count)
    (void)cu->EventDestroy(device->events[--device->event_count]);
  if (device->capture) (void)cu->StreamDestroy(device->capture);
  if (device->stream) {
    (void)cu->StreamSynchronize(device->stream);
    (void)cu->StreamDestroy(device->stream);
  }
}
