// timing.c: when the device did what it was given, for an observer.
//
// A recording that is made while somebody looks writes a timestamp behind its first barrier and one
// behind each command: when all work up to there is done. So a command lasts from the end of those
// before it to its own, commands that run beside each other share their time, and the sum of all is
// the time in which the device was busy. Nothing of this is in recordings that nobody looks at.
//
// The device's clock is tied to the host's by VK_KHR_calibrated_timestamps where there is one. Else
// by what must be: nothing begins before it was handed over, nothing ends after it was found to be
// done; the middle of what that leaves is taken.
#include "drivers/vulkan/vulkan.h"
#include "hal/observe.h"

#if EERIE_PROFILE

typedef struct ee_vulkan_timing {
  VkQueryPool pool;
  uint32_t capacity; // commands
  uint32_t count;    // of this recording
  uint64_t *stamps;  // capacity + 1
  ee_hal_event_t *events;
} timing_t;

static void timing_free(ee_vulkan_device_t *device, timing_t *timing) {
  ee_heap_t *heap = device->queued.base.heap;
  if (timing->pool) device->vk.DestroyQueryPool(device->handle, timing->pool, NULL);
  const size_t capacity = timing->capacity;
  ee_heap_free(heap, timing->stamps, (capacity + 1) * sizeof *timing->stamps);
  ee_heap_free(heap, timing->events, capacity * sizeof *timing->events);
  ee_heap_free(heap, timing, sizeof *timing);
}

void ee_vulkan_timing_destroy(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording) {
  if (recording->timing) timing_free(device, recording->timing);
  recording->timing = NULL;
}

// NULL: there is no memory for it, and the recording goes untimed.
static timing_t *timing_new(ee_vulkan_device_t *device, uint32_t capacity) {
  ee_heap_t *heap = device->queued.base.heap;
  timing_t *timing = ee_heap_allocate_zeroed(heap, sizeof *timing);
  if (!timing) return NULL;
  timing->capacity = capacity;
  timing->stamps = ee_heap_allocate(heap, (capacity + (size_t)1) * sizeof *timing->stamps);
  timing->events = ee_heap_allocate(heap, capacity * sizeof *timing->events);
  const VkQueryPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
      .queryType = VK_QUERY_TYPE_TIMESTAMP,
      .queryCount = capacity + 1,
  };
  VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
  if (timing->stamps && timing->events)
    result = device->vk.CreateQueryPool(device->handle, &info, NULL, &timing->pool);
  if (result == VK_SUCCESS) return timing;
  timing->pool = VK_NULL_HANDLE;
  timing_free(device, timing);
  return NULL;
}

static void stamp(const ee_vulkan_device_t *device, const ee_vulkan_recording_t *recording) {
  device->vk.CmdWriteTimestamp(recording->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                               recording->timing->pool, recording->timing->count);
}

void ee_vulkan_timing_begin(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                            size_t commands) {
  recording->base.timed = false;
  if (!ee_hal_observe_tells(device->queued.base.heap) || !device->physical.timestamp_bits) return;
  // More commands than any list has are not timed.
  if (commands == 0 || commands > UINT32_MAX / sizeof(ee_hal_event_t)) return;
  if (recording->timing && recording->timing->capacity < commands)
    ee_vulkan_timing_destroy(device, recording);
  if (!recording->timing) recording->timing = timing_new(device, (uint32_t)commands);
  if (!recording->timing) return;
  recording->base.timed = true;
  recording->timing->count = 0;
  device->vk.CmdResetQueryPool(recording->commands, recording->timing->pool, 0,
                               (uint32_t)commands + 1);
  stamp(device, recording);
}

static void describe_kernel(const ee_vulkan_pipeline_t *pipeline, ee_hal_event_t *event) {
  event->name = pipeline->name;
  memcpy(event->workgroup_size, pipeline->workgroup_size, sizeof event->workgroup_size);
  event->source_file = pipeline->source_file;
  event->source_line = pipeline->source_line;
}

void ee_vulkan_timing_command(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                              const ee_hal_command_t *command, const ee_hal_operation_t *table) {
  timing_t *timing = recording->timing;
  ee_hal_event_t *event = &timing->events[timing->count++];
  ee_hal_observe_describe(&device->queued.base, command, table, event);
  if (command->executable) describe_kernel(ee_vulkan_pipeline_of(command), event);
  stamp(device, recording);
}

// Nanoseconds from stamp `from` on, which may be earlier.
static int64_t nanoseconds(const ee_vulkan_device_t *device, uint64_t from, uint64_t to) {
  const uint32_t unused = 64 - device->physical.timestamp_bits;
  // The counter goes round: the difference's top bit is its sign.
  const int64_t counts = (int64_t)((to - from) << unused) >> unused;
  return (int64_t)((double)counts * (double)device->physical.properties.limits.timestampPeriod);
}

// The device's clock now, between two looks at the observer's; false: it cannot be read.
static bool look_at_clock(ee_vulkan_device_t *device, uint64_t *out_stamp, int64_t *out_before,
                          int64_t *out_after) {
  if (!device->vk.GetCalibratedTimestampsEXT) return false;
  const VkCalibratedTimestampInfoEXT info = {
      .sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT,
      .timeDomain = VK_TIME_DOMAIN_DEVICE_EXT,
  };
  uint64_t deviation;
  *out_before = ee_hal_observe_begin(device->queued.base.heap);
  const VkResult result =
      device->vk.GetCalibratedTimestampsEXT(device->handle, 1, &info, out_stamp, &deviation);
  *out_after = ee_hal_observe_begin(device->queued.base.heap);
  return result == VK_SUCCESS;
}

// Ties the clocks together; the device's counts from the first stamp that it ever gave.
static void meet(ee_vulkan_device_t *device, const ee_hal_submission_t *submission, uint64_t first,
                 uint64_t last) {
  uint64_t now;
  int64_t before, after;
  if (!device->clock_base) device->clock_base = first ? first : 1;
  const uint64_t base = device->clock_base;
  if (look_at_clock(device, &now, &before, &after)) {
    const int64_t at = nanoseconds(device, base, now);
    ee_hal_device_clock_meet(&device->clock, at, before, at, after);
  } else {
    ee_hal_device_clock_meet(&device->clock, nanoseconds(device, base, first),
                             submission->submitted_ns, nanoseconds(device, base, last),
                             ee_hal_observe_begin(device->queued.base.heap));
  }
}

void ee_vulkan_timing_tell(ee_hal_queued_t *queued, const ee_hal_submission_t *submission) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const ee_vulkan_recording_t *recording = (const void *)submission->recording;
  timing_t *timing = recording->timing;
  if (!recording->base.timed || !submission->submitted_ns ||
      !ee_hal_observe_tells(device->queued.base.heap))
    return;
  const uint32_t count = timing->count;
  const VkResult result = device->vk.GetQueryPoolResults(
      device->handle, timing->pool, 0, count + 1, (count + 1) * sizeof *timing->stamps,
      timing->stamps, sizeof *timing->stamps, VK_QUERY_RESULT_64_BIT);
  if (result != VK_SUCCESS) return;
  meet(device, submission, timing->stamps[0], timing->stamps[count]);
  for (uint32_t i = 0; i < count; ++i) {
    ee_hal_event_t event = timing->events[i];
    ee_hal_observe_on_device(&device->queued.base, &device->clock, &event,
                             nanoseconds(device, device->clock_base, timing->stamps[i]),
                             nanoseconds(device, device->clock_base, timing->stamps[i + 1]));
  }
}

void ee_vulkan_timing_kernels(const ee_vulkan_executable_t *executable) {
  if (!ee_hal_observe_tells(executable->base.device->heap)) return;
  for (uint32_t i = 0; i < executable->base.function_count; ++i) {
    const ee_vulkan_pipeline_t *pipeline = &executable->pipelines[i];
    ee_hal_event_t event = {.binding_count = ee_vulkan_binding_count(pipeline),
                            .constant_count = ee_vulkan_constant_count(pipeline)};
    describe_kernel(pipeline, &event);
    ee_hal_observe_kernel(&executable->base, i, &event);
  }
}

#endif
