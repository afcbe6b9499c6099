// observe.c: what kernels of the CPU tell an observer. See observe.h.
#include "drivers/cpu/observe.h"

#if EERIE_PROFILE

// Where a kernel comes from, in the compiler's words. Source:
// iree_hal_executable_source_location_v0_t in executable_library.h.
typedef struct source_location {
  uint32_t line;
  uint32_t path_size;
  const char *path;
} source_location_t;

// What is known of kernel number `function` without a dispatch.
static void describe(const ee_hal_executable_t *base, uint32_t function, ee_hal_event_t *event) {
  event->function = function;
  event->id = (uint64_t)(uintptr_t)base;
  if (base->kernels) {
    event->name = base->kernels->name ? base->kernels->name(base, function) : "(unnamed)";
    return;
  }
  const ee_cpu_library_t *const library = ((const ee_cpu_executable_t *)base)->library;
  const ee_cpu_kernel_attributes_t *const attributes = &library->exports.attributes[function];
  event->name = ee_cpu_kernel_name(library, function);
  event->workgroup_size[0] = attributes->workgroup_size_x;
  event->workgroup_size[1] = attributes->workgroup_size_y;
  event->workgroup_size[2] = attributes->workgroup_size_z;
  event->binding_count = attributes->binding_count;
  event->constant_count = attributes->constant_count;
  event->local_memory = attributes->local_memory_pages * EE_CPU_LOCAL_MEMORY_PAGE;
  const source_location_t *const locations = library->exports.source_locations;
  // Where the compiler knows no file it leaves the line as it was, too.
  if (!locations || !locations[function].path || !locations[function].path_size) return;
  event->source_file = locations[function].path;
  event->source_line = locations[function].line;
}

void ee_cpu_observe_dispatch(const ee_hal_executable_t *executable,
                             const ee_hal_dispatch_t *dispatch, uint32_t worker,
                             uint64_t workgroups, int64_t begin_ns, int64_t end_ns) {
  ee_hal_event_t event = {
      .kind = EE_HAL_EVENT_DISPATCH, .worker = worker, .begin_ns = begin_ns, .end_ns = end_ns};
  describe(executable, dispatch->function, &event);
  for (uint32_t i = 0; i < dispatch->binding_count; ++i)
    event.size += dispatch->binding_sizes[i];
  for (uint32_t i = 0; i < 3; ++i)
    event.workgroup_count[i] = dispatch->workgroup_count[i];
  event.workgroups_done = workgroups > UINT32_MAX ? UINT32_MAX : (uint32_t)workgroups;
  event.binding_count = dispatch->binding_count;
  event.constant_count = dispatch->constant_count;
  ee_hal_observe_event(executable->device->heap, &event);
}

void ee_cpu_observe_kernels(const ee_hal_executable_t *executable) {
  const int64_t now = ee_hal_observe_begin(executable->device->heap);
  for (uint32_t i = 0; i < executable->function_count; ++i) {
    ee_hal_event_t event = {.kind = EE_HAL_EVENT_KERNEL, .begin_ns = now, .end_ns = now};
    describe(executable, i, &event);
    ee_hal_observe_event(executable->device->heap, &event);
  }
}

#endif
