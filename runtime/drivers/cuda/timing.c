// timing.c: when the device did what it was given, for an observer.
//
// A recording that is made while somebody looks has an event before its first step and one behind
// the steps of each command. Such a recording never becomes a graph, whose parts have no events of
// their own. Nothing of this is in recordings that nobody looks at.
//
// Neither library tells its device's clock, only what lies between two events, as a float of
// milliseconds: so each event is measured from the one before it, the first from the last of the
// submission before. To the host's clock it is tied by what must be: nothing begins before it was
// handed over, nothing ends after it was found to be done.
#include "drivers/cuda/cuda.h"

#if EERIE_PROFILE

typedef struct ee_cuda_timing {
  uint32_t capacity;       // commands
  uint32_t count;          // of this recording
  uint32_t made;           // stamps
  ee_cuda_event_t *stamps; // capacity + 1
  ee_hal_event_t *events;
} timing_t;

static void timing_free(ee_cuda_device_t *device, timing_t *timing) {
  ee_heap_t *heap = device->queued.base.heap;
  ee_cuda_scope_t scope;
  if (timing->made && ee_cuda_enter(device, &scope) == EE_CUDA_SUCCESS) {
    for (uint32_t i = 0; i < timing->made; ++i)
      (void)device->cu->EventDestroy(timing->stamps[i]);
    ee_cuda_leave(device, &scope);
  }
  const size_t capacity = timing->capacity;
  ee_heap_free(heap, timing->stamps, (capacity + 1) * sizeof *timing->stamps);
  ee_heap_free(heap, timing->events, capacity * sizeof *timing->events);
  ee_heap_free(heap, timing, sizeof *timing);
}

void ee_cuda_timing_destroy(ee_cuda_device_t *device, ee_cuda_recording_t *recording) {
  if (recording->timing) timing_free(device, recording->timing);
  recording->timing = NULL;
}

static bool make_stamps(ee_cuda_device_t *device, timing_t *timing) {
  ee_cuda_scope_t scope;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return false;
  ee_cuda_result_t result = EE_CUDA_SUCCESS;
  while (timing->made <= timing->capacity && result == EE_CUDA_SUCCESS) {
    result = device->cu->EventCreate(&timing->stamps[timing->made], EE_CUDA_EVENT_DEFAULT);
    if (result == EE_CUDA_SUCCESS) ++timing->made;
  }
  ee_cuda_leave(device, &scope);
  return result == EE_CUDA_SUCCESS;
}

// NULL: there is no memory for it, and the recording goes untimed.
static timing_t *timing_new(ee_cuda_device_t *device, uint32_t capacity) {
  ee_heap_t *heap = device->queued.base.heap;
  timing_t *timing = ee_heap_allocate_zeroed(heap, sizeof *timing);
  if (!timing) return NULL;
  timing->capacity = capacity;
  timing->stamps = ee_heap_allocate(heap, (capacity + (size_t)1) * sizeof *timing->stamps);
  timing->events = ee_heap_allocate(heap, capacity * sizeof *timing->events);
  if (timing->stamps && timing->events && make_stamps(device, timing)) return timing;
  timing_free(device, timing);
  return NULL;
}

static eerie_status_t stamp(ee_cuda_device_t *device, ee_cuda_recording_t *recording,
                            eerie_error_t *err) {
  ee_cuda_step_t *step = ee_cuda_step_add(&device->queued, recording, EE_CUDA_STEP_STAMP, 0, err);
  if (!step) return EERIE_RESOURCE_EXHAUSTED;
  step->stamp = &recording->timing->stamps[recording->timing->count];
  return EERIE_OK;
}

eerie_status_t ee_cuda_timing_begin(ee_cuda_device_t *device, ee_cuda_recording_t *recording,
                                    size_t commands, eerie_error_t *err) {
  recording->base.timed = false;
  // More commands than any list has are not timed.
  if (!ee_hal_observe_tells(device->queued.base.heap) || commands == 0 ||
      commands > UINT32_MAX / sizeof(ee_hal_event_t)) {
    return EERIE_OK;
  }
  if (recording->timing && recording->timing->capacity < commands)
    ee_cuda_timing_destroy(device, recording);
  if (!recording->timing) recording->timing = timing_new(device, (uint32_t)commands);
  if (!recording->timing) return EERIE_OK;
  recording->base.timed = true;
  recording->timing->count = 0;
  return stamp(device, recording, err);
}

static void describe_kernel(const ee_cuda_kernel_t *kernel, ee_hal_event_t *event) {
  event->name = kernel->name;
  memcpy(event->workgroup_size, kernel->block, sizeof event->workgroup_size);
  event->local_memory = kernel->shared_size;
}

eerie_status_t ee_cuda_timing_command(ee_cuda_device_t *device, ee_cuda_recording_t *recording,
                                      const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table, eerie_error_t *err) {
  timing_t *timing = recording->timing;
  ee_hal_event_t *event = &timing->events[timing->count++];
  ee_hal_observe_describe(&device->queued.base, command, table, event);
  if (command->executable) describe_kernel(ee_cuda_kernel_of(command), event);
  return stamp(device, recording, err);
}

// What lies between two events; false: the library does not say.
static bool measure(const ee_cuda_device_t *device, ee_cuda_event_t from, ee_cuda_event_t to,
                    double *out_ns) {
  float milliseconds = 0;
  const ee_cuda_result_t result = device->cu->EventElapsedTime(&milliseconds, from, to);
  *out_ns = (double)milliseconds * 1e6;
  return result == EE_CUDA_SUCCESS;
}

// Puts the last stamp in the place of the one that all later ones are measured from.
static void keep_last(ee_cuda_device_t *device, timing_t *timing) {
  const ee_cuda_event_t last = timing->stamps[timing->count];
  if (device->clock_event) {
    timing->stamps[timing->count] = device->clock_event;
  } else if (device->cu->EventCreate(&timing->stamps[timing->count], EE_CUDA_EVENT_DEFAULT) !=
             EE_CUDA_SUCCESS) {
    timing->stamps[timing->count] = last;
    return;
  }
  device->clock_event = last;
}

// The device's clock counts from the first event that was ever told.
static void tell_all(ee_cuda_device_t *device, const ee_hal_submission_t *submission,
                     timing_t *timing) {
  ee_hal_queued_t *queued = &device->queued;
  double gap = 0, all;
  if ((device->clock_event && !measure(device, device->clock_event, timing->stamps[0], &gap)) ||
      !measure(device, timing->stamps[0], timing->stamps[timing->count], &all)) {
    return;
  }
  double begin = device->clock_ns + gap, part;
  device->clock_ns = begin + all;
  ee_hal_device_clock_meet(&device->clock, (int64_t)begin, submission->submitted_ns,
                           (int64_t)device->clock_ns, ee_hal_observe_begin(queued->base.heap));
  for (uint32_t i = 0; i < timing->count; ++i) {
    ee_hal_event_t event = timing->events[i];
    if (!measure(device, timing->stamps[i], timing->stamps[i + 1], &part)) break;
    ee_hal_observe_on_device(&queued->base, &device->clock, &event, (int64_t)begin,
                             (int64_t)(begin + part));
    begin += part;
  }
  keep_last(device, timing);
}

void ee_cuda_timing_tell(ee_hal_queued_t *queued, const ee_hal_submission_t *submission) {
  ee_cuda_device_t *device = ee_cuda_device(queued);
  ee_cuda_recording_t *recording = (ee_cuda_recording_t *)submission->recording;
  ee_cuda_scope_t scope;
  if (!submission->submitted_ns || !ee_hal_observe_tells(queued->base.heap) ||
      ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) {
    return;
  }
  tell_all(device, submission, recording->timing);
  ee_cuda_leave(device, &scope);
}

void ee_cuda_timing_kernels(const ee_cuda_executable_t *executable) {
  if (!ee_hal_observe_tells(executable->base.device->heap)) return;
  for (uint32_t i = 0; i < executable->base.function_count; ++i) {
    const ee_cuda_kernel_t *kernel = &executable->kernels[i];
    ee_hal_event_t event = {.binding_count = kernel->binding_count,
                            .constant_count = kernel->constant_count};
    describe_kernel(kernel, &event);
    ee_hal_observe_kernel(&executable->base, i, &event);
  }
}

#endif
