// profile.c: eerie_profile.h: observers of an instance, figures of memory by kind.
#include "eerie/eerie_profile.h"

#include "api/api.h"

const char *eerie_memory_kind_name(eerie_memory_kind_t kind) {
  static const char *const names[] = {"all",       "constants", "state", "tensors",
                                      "transient", "results",   "code",  "other"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

#if EERIE_PROFILE

// The same struct below and above.
#define SAME_PLACE(member)                                                                         \
  _Static_assert(offsetof(eerie_event_t, member) == offsetof(ee_hal_event_t, member), #member)
SAME_PLACE(begin_ns);
SAME_PLACE(name);
SAME_PLACE(memory);
SAME_PLACE(workgroup_count);
SAME_PLACE(workgroups_done);
SAME_PLACE(source_file);
SAME_PLACE(device);
_Static_assert(sizeof(eerie_event_t) == sizeof(ee_hal_event_t), "eerie_event_t");
_Static_assert(EERIE_EVENT_KERNEL == (int)EE_HAL_EVENT_KERNEL, "eerie_event_kind_t");
_Static_assert(EERIE_MEMORY_RESULTS == (int)EE_HAL_MEMORY_KIND_RESULTS &&
                   EERIE_MEMORY_CODE == (int)EE_HAL_MEMORY_KINDS,
               "eerie_memory_kind_t");

static void pass_on(void *user, const ee_hal_event_t *event) {
  const ee_observer_t *const observer = user;
  void (*const told)(void *, const eerie_event_t *) =
      (void (*)(void *, const eerie_event_t *))observer->told;
  told(observer->told_user, (const eerie_event_t *)(const void *)event);
}

static void observer_begin(ee_observer_t *observer) {
  // The instance's memory may hold anything.
  observer->ticks = (ee_port_ticks_t){0};
  ee_atomic_init(&observer->loading, 0u);
  for (size_t i = 0; i < EE_HAL_MEMORY_KINDS; ++i) {
    ee_atomic_init(&observer->memory[i].current, 0u);
    ee_atomic_init(&observer->memory[i].peak, 0u);
    ee_atomic_init(&observer->memory[i].allocated, 0u);
    ee_atomic_init(&observer->memory[i].outside, 0u);
  }
}

eerie_status_t eerie_instance_observe(eerie_instance_t *instance, const eerie_observer_t *observer,
                                      eerie_error_t *err) {
  (void)err;
  ee_observer_t *const mine = &instance->observer;
  instance->heap.observer = NULL;
  if (!observer) return EERIE_OK;
  if (!instance->heap.counters) observer_begin(mine);
  instance->heap.counters = mine;
  ee_heap_note_other(&instance->heap);
  mine->event = observer->event ? pass_on : NULL;
  mine->user = mine;
  mine->told = (void (*)(void))observer->event;
  mine->told_user = observer->user;
  mine->no_kernels = observer->no_kernels;
  if (observer->event) ee_port_ticks_start(&mine->ticks);
  instance->heap.observer = mine;
  return EERIE_OK;
}

static void part_of_heap(const ee_heap_t *heap, eerie_memory_kind_t kind,
                         eerie_memory_figures_t *out_figures) {
  const bool is_code = kind == EERIE_MEMORY_CODE;
  const uint64_t current = is_code ? heap->code : ee_heap_other(heap);
  const uint64_t peak = is_code ? heap->code_peak : heap->other_peak;
  *out_figures = (eerie_memory_figures_t){
      .current = current, .peak = peak > current ? peak : current, .in_heap = current};
}

void eerie_instance_memory_of(const eerie_instance_t *instance, eerie_memory_kind_t kind,
                              eerie_memory_figures_t *out_figures) {
  *out_figures = (eerie_memory_figures_t){0};
  const ee_observer_t *const observer = instance->heap.counters;
  if (kind == EERIE_MEMORY_CODE || kind == EERIE_MEMORY_OTHER) {
    part_of_heap(&instance->heap, kind, out_figures);
    return;
  }
  if (!observer || (size_t)kind >= EE_HAL_MEMORY_KINDS) return;
  const ee_hal_memory_counter_t *const counter = &observer->memory[kind];
  out_figures->current = ee_load_relaxed(&counter->current);
  out_figures->peak = ee_load_relaxed(&counter->peak);
  out_figures->allocated = ee_load_relaxed(&counter->allocated);
  out_figures->freed = out_figures->allocated - out_figures->current;
  out_figures->in_heap = out_figures->current - ee_load_relaxed(&counter->outside);
}

#else

eerie_status_t eerie_instance_observe(eerie_instance_t *instance, const eerie_observer_t *observer,
                                      eerie_error_t *err) {
  (void)instance;
  if (!observer) return EERIE_OK;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "built with EERIE_PROFILE=0: nothing is observed");
}

void eerie_instance_memory_of(const eerie_instance_t *instance, eerie_memory_kind_t kind,
                              eerie_memory_figures_t *out_figures) {
  (void)instance, (void)kind;
  *out_figures = (eerie_memory_figures_t){0};
}

#endif
