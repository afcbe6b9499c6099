// observe.c: what is told and counted while an observer looks. See observe.h.
#include "hal/observe.h"

#if EERIE_PROFILE

#include "hal/driver.h"

void ee_hal_observe_event(const ee_heap_t *heap, const ee_hal_event_t *event) {
  const ee_observer_t *const observer = heap->observer;
  if (observer && observer->event) observer->event(observer->user, event);
}

void ee_hal_observe_span(const ee_heap_t *heap, ee_hal_event_kind_t kind, const char *name,
                         uint64_t size, int64_t begin_ns) {
  const ee_hal_event_t event = {.kind = kind,
                                .begin_ns = begin_ns,
                                .end_ns = ee_hal_observe_begin(heap),
                                .name = name,
                                .size = size};
  ee_hal_observe_event(heap, &event);
}

void ee_hal_observe_submit(const ee_heap_t *heap, ee_hal_operation_kind_t kind, int64_t begin_ns) {
  static const char *const names[] = {"barrier", "execute", "fill",  "update",
                                      "copy",    "read",    "write", "deallocate"};
  const char *const name = (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "other";
  ee_hal_observe_span(heap, EE_HAL_EVENT_SUBMIT, name, 0, begin_ns);
}

void ee_hal_observe_command(const ee_heap_t *heap, const ee_hal_command_t *command, uint32_t worker,
                            int64_t begin_ns) {
  ee_hal_event_t event = {.kind = EE_HAL_EVENT_TRANSFER,
                          .worker = worker,
                          .begin_ns = begin_ns,
                          .end_ns = ee_hal_observe_begin(heap)};
  if (command->target.size != UINT64_MAX) event.size = command->target.size;
  switch (command->kind) {
  case EE_HAL_COMMAND_FILL: event.name = "fill"; break;
  case EE_HAL_COMMAND_UPDATE: event.name = "update"; break;
  case EE_HAL_COMMAND_COPY: event.name = "copy"; break;
  default: return;
  }
  ee_hal_observe_event(heap, &event);
}

void ee_hal_observe_kernel(const ee_hal_executable_t *executable, uint32_t function,
                           ee_hal_event_t *event) {
  const ee_heap_t *const heap = executable->device->heap;
  event->kind = EE_HAL_EVENT_KERNEL;
  event->begin_ns = event->end_ns = ee_hal_observe_begin(heap);
  event->id = (uint64_t)(uintptr_t)executable;
  event->function = function;
  ee_hal_observe_event(heap, event);
}

// ---- Devices with clocks of their own ----------------------------------------------------------
#if EERIE_ASYNC_DEVICES

// Clocks drift: of the time since the last look that is how much they may have come apart, 1/8192.
enum { DRIFT_SHIFT = 13 };

static uint64_t bytes_of(const ee_hal_binding_t *binding, const ee_hal_operation_t *table) {
  uint8_t *data;
  uint64_t size = 0;
  (void)ee_hal_binding_resolve(binding, table ? table->bindings : NULL,
                               table ? table->binding_count : 0, 0, &data, &size, NULL);
  return size;
}

void ee_hal_observe_describe(const ee_hal_device_t *device, const ee_hal_command_t *command,
                             const ee_hal_operation_t *table, ee_hal_event_t *out_event) {
  *out_event = (ee_hal_event_t){.kind = EE_HAL_EVENT_TRANSFER, .device = device->name};
  switch (command->kind) {
  case EE_HAL_COMMAND_FILL: out_event->name = "fill"; break;
  case EE_HAL_COMMAND_UPDATE: out_event->name = "update"; break;
  case EE_HAL_COMMAND_COPY: out_event->name = "copy"; break;
  case EE_HAL_COMMAND_DISPATCH:
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    out_event->kind = EE_HAL_EVENT_DISPATCH;
    out_event->name = "(unnamed)";
    out_event->id = (uint64_t)(uintptr_t)command->executable;
    out_event->function = command->function;
    out_event->binding_count = command->binding_count;
    out_event->constant_count = command->constant_count;
    for (uint32_t i = 0; i < command->binding_count; ++i)
      out_event->size += bytes_of(&command->bindings[i], table);
    if (command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT) return; // counts are the device's
    memcpy(out_event->workgroup_count, command->workgroup_count, sizeof out_event->workgroup_count);
    uint64_t all = 1;
    for (uint32_t i = 0; i < 3; ++i)
      if (all <= UINT32_MAX) all *= command->workgroup_count[i];
    out_event->workgroups_done = all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
    return;
  }
  out_event->size = bytes_of(&command->target, table);
}

void ee_hal_device_clock_meet(ee_hal_device_clock_t *clock, int64_t first, int64_t earliest,
                              int64_t last, int64_t latest) {
  int64_t least = earliest - first, most = latest - last;
  // One look alone may contradict itself: the clocks do not run at the very same speed.
  if (most < least) most = least;
  if (clock->set_ns) {
    const int64_t drift = latest > clock->set_ns ? (latest - clock->set_ns) >> DRIFT_SHIFT : 0;
    const int64_t known_least = clock->least - drift, known_most = clock->most + drift;
    // What contradicts what was known takes its place.
    if (known_least <= most && least <= known_most) {
      if (least < known_least) least = known_least;
      if (most > known_most) most = known_most;
    }
  }
  clock->least = least;
  clock->most = most;
  clock->set_ns = latest;
}

void ee_hal_observe_on_device(const ee_hal_device_t *device, ee_hal_device_clock_t *clock,
                              ee_hal_event_t *event, int64_t begin, int64_t end) {
  const int64_t offset = clock->least + (clock->most - clock->least) / 2;
  event->begin_ns = begin + offset;
  event->end_ns = end + offset;
  // A look that moved the clock must not move what comes later before what was told, nor make it
  // shorter.
  const int64_t late = clock->told_ns - event->begin_ns;
  if (late > 0) {
    event->begin_ns += late;
    event->end_ns += late;
  }
  clock->told_ns = event->end_ns;
  ee_hal_observe_event(device->heap, event);
}

#endif

// ---- Memory ------------------------------------------------------------------------------------

static void count_up(ee_hal_memory_counter_t *counter, const ee_hal_buffer_t *storage) {
  const uint64_t size = storage->size;
  if (!storage->memory_in_heap) (void)ee_fetch_add_relaxed(&counter->outside, size);
  const uint64_t now = ee_fetch_add_relaxed(&counter->current, size) + size;
  (void)ee_fetch_add_relaxed(&counter->allocated, size);
  uint64_t peak = ee_load_relaxed(&counter->peak);
  while (now > peak && !ee_compare_exchange(&counter->peak, &peak, now)) {
  }
}

static void count_down(ee_hal_memory_counter_t *counter, const ee_hal_buffer_t *storage) {
  if (!storage->memory_in_heap) (void)ee_fetch_sub_acq_rel(&counter->outside, storage->size);
  (void)ee_fetch_sub_acq_rel(&counter->current, storage->size);
}

static void tell_memory(const ee_hal_buffer_t *buffer, ee_hal_event_kind_t what) {
  const ee_heap_t *const heap = buffer->device->heap;
  if (!heap->observer || !heap->observer->event) return;
  const int64_t now = ee_hal_observe_begin(heap);
  const ee_hal_memory_kind_t kind = (ee_hal_memory_kind_t)buffer->memory_kind;
  const ee_hal_event_t event = {.kind = what,
                                .begin_ns = now,
                                .end_ns = now,
                                .size = buffer->size,
                                .id = (uint64_t)(uintptr_t)buffer,
                                .memory = kind};
  ee_hal_observe_event(buffer->device->heap, &event);
}

void ee_hal_observe_allocate(ee_hal_buffer_t *buffer, ee_hal_memory_kind_t kind) {
  ee_observer_t *const observer = buffer->device->heap->observer;
  if (!observer || buffer->storage || buffer->memory_kind) return;
  if (kind == EE_HAL_MEMORY_KIND_TRANSIENT && ee_load_relaxed(&observer->loading)) {
    kind = EE_HAL_MEMORY_KIND_STATE;
  }
  buffer->memory_kind = (uint32_t)kind;
  buffer->memory_peak = ee_load_relaxed(&observer->memory[kind].peak);
  count_up(&observer->memory[kind], buffer);
  if (kind != EE_HAL_MEMORY_KIND_CONSTANTS) count_up(&observer->memory[0], buffer);
  tell_memory(buffer, EE_HAL_EVENT_ALLOCATE);
}

// Takes it out of what is transient, also of a peak that was reached since it was made.
void ee_hal_observe_move(ee_hal_buffer_t *storage) {
  ee_observer_t *const observer = storage->device->heap->counters;
  ee_hal_memory_counter_t *const from = &observer->memory[storage->memory_kind];
  count_down(from, storage);
  (void)ee_fetch_sub_acq_rel(&from->allocated, storage->size);
  uint64_t peak = ee_load_relaxed(&from->peak), lower;
  do {
    if (peak <= storage->memory_peak) break;
    lower =
        peak - storage->size > storage->memory_peak ? peak - storage->size : storage->memory_peak;
  } while (!ee_compare_exchange(&from->peak, &peak, lower));
  tell_memory(storage, EE_HAL_EVENT_FREE);
  storage->memory_kind = EE_HAL_MEMORY_KIND_RESULTS;
  count_up(&observer->memory[EE_HAL_MEMORY_KIND_RESULTS], storage);
  tell_memory(storage, EE_HAL_EVENT_ALLOCATE);
}

void ee_hal_observe_loading(const ee_heap_t *heap, bool begins) {
  if (!heap->counters) return;
  if (begins)
    (void)ee_fetch_add_relaxed(&heap->counters->loading, 1u);
  else
    (void)ee_fetch_sub_acq_rel(&heap->counters->loading, 1u);
}

void ee_hal_observe_free(ee_hal_buffer_t *buffer) {
  ee_observer_t *const observer = buffer->device->heap->counters;
  const uint32_t kind = buffer->memory_kind;
  count_down(&observer->memory[kind], buffer);
  if (kind != EE_HAL_MEMORY_KIND_CONSTANTS) count_down(&observer->memory[0], buffer);
  tell_memory(buffer, EE_HAL_EVENT_FREE);
}

#endif
