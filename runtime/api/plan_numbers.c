// plan_numbers.c: globals that are numbers and say where in a buffer a tensor lies.
//
// Where a function stores several tensors of state and returns them, compilers put these into one
// new buffer, and the tensor in a global becomes two: the buffer, which several may share, and an
// offset in it, which the call changes. In a plan buffer and offset are the same for ever.
//
// Nothing in a module tells which numbers are such offsets, or of what, so that is found out: all
// buffers that calls replace become huge ones, each number that calls change becomes a large offset
// that no other has, and what the functions then do shows the numbers in the ranges that they use.
// Every step must be the same but for these, also with all other numbers that were seen: a number
// that does anything else is not an offset, and is refused.
#include "api/plan.h"

#define STRIDE ((uint64_t)1 << 40)
#define HUGE   ((uint64_t)1 << 60)
#define WORD   sizeof(uint64_t)

typedef struct probe {
  ee_plan_t *plan;
  eerie_error_t *err;
  ee_object_t **buffers; // by global: a huge buffer of its own, or NULL
  size_t *storages;      // of these
  uint8_t *seen;         // by call: the numbers that it left
  size_t *changed;       // bytes at which numbers begin that calls change
  size_t changed_count;
} probe_t;

// What one call did.
typedef struct trace {
  ee_record_steps_t steps;
  ee_record_range_t *results;
  uint32_t phase;
} trace_t;

static uint64_t number_at(const uint8_t *bytes, size_t at) {
  uint64_t value;
  memcpy(&value, bytes + at, WORD);
  return value;
}

uint64_t ee_plan_part_offset(const ee_plan_t *plan, const ee_plan_part_t *part) {
  return part->number == SIZE_MAX ? 0 : number_at(plan->numbers.bytes, part->number);
}

static void set_number(uint8_t *bytes, size_t at, uint64_t value) {
  memcpy(bytes + at, &value, WORD);
}

static eerie_status_t refuse(const probe_t *probe, const ee_plan_call_t *call) {
  return EE_FAIL(probe->err, EERIE_FAILED_PRECONDITION,
                 "%s changes a global that is a number: make it a tensor of rank 1, or " NOT_FIXED,
                 call->function->name);
}

// ---- What calls change -------------------------------------------------------------------------

static bool is_known(const probe_t *probe, size_t at) {
  for (size_t i = 0; i < probe->changed_count; ++i)
    if (probe->changed[i] == at) return true;
  return false;
}

static eerie_status_t add_changed_numbers(probe_t *probe, const ee_plan_call_t *call) {
  ee_plan_t *plan = probe->plan;
  const size_t size = plan->numbers.size, words = size / WORD;
  if (memcmp(plan->numbers.bytes + words * WORD, plan->number_copy + words * WORD, size % WORD) !=
      0)
    return refuse(probe, call);
  for (size_t at = 0; at < words * WORD; at += WORD) {
    if (memcmp(plan->numbers.bytes + at, plan->number_copy + at, WORD) == 0 || is_known(probe, at))
      continue;
    probe->changed[probe->changed_count++] = at;
  }
  return EERIE_OK;
}

// Calls every function once as the program begins.
static eerie_status_t find_changes(probe_t *probe) {
  ee_plan_t *plan = probe->plan;
  for (size_t i = 0; i < plan->call_count; ++i) {
    ee_plan_call_t *call = &plan->calls[i];
    EE_TRY(ee_plan_run_call(plan, call, probe->err));
    ee_record_steps_t steps = ee_record_take_steps(&plan->record);
    ee_record_free_steps(&plan->record, &steps);
    EE_TRY(add_changed_numbers(probe, call));
    memcpy(probe->seen + i * plan->numbers.size, plan->numbers.bytes, plan->numbers.size);
    for (size_t j = 0; j < plan->global_count; ++j) {
      ee_plan_global_t *global = &plan->globals[j];
      if (ee_plan_is_changed(global) && *global->slot && global->entry &&
          (*global->slot)->type == &ee_hal_buffer_type &&
          global->entry->type == &ee_hal_buffer_type)
        global->in_parts = true;
    }
    ee_plan_restore_globals(plan);
  }
  return EERIE_OK;
}

static eerie_status_t make_buffers(probe_t *probe) {
  ee_plan_t *plan = probe->plan;
  plan->record.phase = 0;
  for (size_t i = 0; i < plan->global_count; ++i) {
    if (!plan->globals[i].in_parts) continue;
    ee_hal_buffer_t *buffer = NULL;
    ee_record_range_t range;
    EE_TRY(ee_hal_buffer_allocate(plan->device, EE_HAL_MEMORY_HOST_LOCAL, EE_HAL_USAGE_TRANSFER,
                                  HUGE, &buffer, probe->err));
    probe->buffers[i] = &buffer->object;
    EE_TRY(ee_record_locate(&plan->record, buffer, &range, probe->err));
    probe->storages[i] = range.storage;
  }
  return EERIE_OK;
}

// ---- Calls that are compared -------------------------------------------------------------------

static void free_trace(probe_t *probe, trace_t *trace) {
  ee_record_free_steps(&probe->plan->record, &trace->steps);
  *trace = (trace_t){0};
}

// Whether a call leaves each number as it was, or as that call left it at first.
static bool leaves_the_same(const probe_t *probe, const ee_plan_call_t *call,
                            const uint8_t *numbers) {
  const size_t size = probe->plan->numbers.size;
  const uint8_t *left = probe->seen + (size_t)(call - probe->plan->calls) * size;
  const uint8_t *now = probe->plan->numbers.bytes;
  for (size_t at = 0; at + WORD <= size; at += WORD)
    if (memcmp(now + at, numbers + at, WORD) != 0 && memcmp(now + at, left + at, WORD) != 0)
      return false;
  return true;
}

// Calls a function with huge buffers and these numbers, and puts everything back.
static eerie_status_t trace_call(probe_t *probe, ee_plan_call_t *call, const uint8_t *numbers,
                                 trace_t *out_trace) {
  ee_plan_t *plan = probe->plan;
  const size_t count = call->function->output_count;
  *out_trace = (trace_t){.results = ee_plan_allocate(plan, count, sizeof *out_trace->results)};
  if (!out_trace->results) return EE_NO_MEMORY(probe->err, count * sizeof *out_trace->results);
  for (size_t i = 0; i < plan->global_count; ++i)
    if (probe->buffers[i]) ee_plan_set_global(&plan->globals[i], probe->buffers[i]);
  memcpy(plan->numbers.bytes, numbers, plan->numbers.size);
  eerie_status_t status = ee_plan_run_call(plan, call, probe->err);
  out_trace->steps = ee_record_take_steps(&plan->record);
  out_trace->phase = call->phase;
  if (count) memcpy(out_trace->results, call->results, count * sizeof *call->results);
  if (!status && !leaves_the_same(probe, call, numbers)) status = refuse(probe, call);
  ee_plan_restore_globals(plan);
  return status;
}

// The global whose huge buffer a range lies in; SIZE_MAX: none.
static size_t global_of(const probe_t *probe, const ee_record_range_t *range) {
  for (size_t i = 0; i < probe->plan->global_count; ++i)
    if (probe->buffers[i] && probe->storages[i] == range->storage) return i;
  return SIZE_MAX;
}

// The how-manieth a storage is among those that its call allocated; constants have one number for
// ever.
static size_t rank_of(const probe_t *probe, const trace_t *trace, size_t storage) {
  const ee_record_t *record = &probe->plan->record;
  if (record->storages[storage].data || record->storages[storage].phase != trace->phase)
    return storage;
  size_t rank = 0;
  for (size_t i = 0; i < storage; ++i)
    rank += record->storages[i].phase == trace->phase && !record->storages[i].data;
  return rank;
}

// `mark` was traced with the numbers that tell themselves, `range` with `numbers`: whether both
// mean the same.
static bool same_range(const probe_t *probe, const trace_t *marked, const ee_record_range_t *mark,
                       const trace_t *trace, const ee_record_range_t *range,
                       const uint8_t *numbers) {
  const size_t global = global_of(probe, mark);
  if (range->size != mark->size) return false;
  if (global == SIZE_MAX)
    return range->offset == mark->offset &&
           rank_of(probe, marked, mark->storage) == rank_of(probe, trace, range->storage);
  uint64_t number = 0;
  const size_t which = (size_t)(mark->offset / STRIDE);
  if (which) number = number_at(numbers, probe->changed[which - 1]);
  return range->storage == mark->storage && range->offset == mark->offset % STRIDE + number;
}

static bool same_step(const ee_record_step_t *a, const ee_record_step_t *b) {
  return a->kind == b->kind && a->library == b->library && a->kernel == b->kernel &&
         a->ordinal == b->ordinal &&
         memcmp(a->workgroup_count, b->workgroup_count, sizeof a->workgroup_count) == 0 &&
         a->pattern == b->pattern && a->pattern_size == b->pattern_size &&
         a->constant_count == b->constant_count && a->range_count == b->range_count &&
         memcmp(a->constants, b->constants, a->constant_count * sizeof *a->constants) == 0;
}

static bool same_trace(const probe_t *probe, const ee_plan_call_t *call, const trace_t *marked,
                       const trace_t *trace, const uint8_t *numbers) {
  const ee_record_step_t *a = marked->steps.first, *b = trace->steps.first;
  for (; a && b; a = a->next, b = b->next) {
    if (!same_step(a, b)) return false;
    for (uint32_t i = 0; i < a->range_count; ++i)
      if (!same_range(probe, marked, &a->ranges[i], trace, &b->ranges[i], numbers)) return false;
  }
  for (size_t i = 0; i < call->function->output_count; ++i)
    if (!same_range(probe, marked, &marked->results[i], trace, &trace->results[i], numbers))
      return false;
  return a == b;
}

// ---- What the numbers are ----------------------------------------------------------------------

// The part of a global that begins at a number; a new one where there is none.
static ee_plan_part_t *part_of(ee_plan_t *plan, ee_plan_global_t *global, size_t number) {
  for (size_t i = 0; i < plan->part_count; ++i)
    if (plan->parts[i].global == global && plan->parts[i].number == number) return &plan->parts[i];
  ee_plan_part_t *part = &plan->parts[plan->part_count++];
  *part = (ee_plan_part_t){.global = global, .number = number};
  return part;
}

// Learns from a range of a call with numbers that tell themselves. A number belongs to one buffer.
static bool learn(probe_t *probe, const ee_record_range_t *range) {
  ee_plan_t *plan = probe->plan;
  const size_t index = global_of(probe, range);
  if (index == SIZE_MAX) return true;
  ee_plan_global_t *global = &plan->globals[index];
  const size_t which = (size_t)(range->offset / STRIDE);
  if (which > probe->changed_count) return false;
  const size_t number = which ? probe->changed[which - 1] : SIZE_MAX;
  for (size_t i = 0; which && i < plan->part_count; ++i)
    if (plan->parts[i].number == number && plan->parts[i].global != global) return false;
  ee_plan_part_t *part = part_of(plan, global, number);
  const uint64_t end = range->offset % STRIDE + range->size;
  if (end > part->size) part->size = end;
  return true;
}

static bool learn_all(probe_t *probe, const ee_plan_call_t *call, const trace_t *marked) {
  for (const ee_record_step_t *step = marked->steps.first; step; step = step->next)
    for (uint32_t i = 0; i < step->range_count; ++i)
      if (!learn(probe, &step->ranges[i])) return false;
  for (size_t i = 0; i < call->function->output_count; ++i)
    if (!learn(probe, &marked->results[i])) return false;
  return true;
}

// Compares what a call does with what it does with other numbers that there have been.
static eerie_status_t compare(probe_t *probe, ee_plan_call_t *call, const trace_t *marked) {
  const ee_plan_t *plan = probe->plan;
  for (size_t i = 0; i <= plan->call_count; ++i) {
    const uint8_t *numbers =
        i < plan->call_count ? probe->seen + i * plan->numbers.size : plan->number_copy;
    trace_t trace;
    eerie_status_t status = trace_call(probe, call, numbers, &trace);
    if (!status && !same_trace(probe, call, marked, &trace, numbers)) status = refuse(probe, call);
    free_trace(probe, &trace);
    if (status) return status;
  }
  return EERIE_OK;
}

static eerie_status_t examine(probe_t *probe, ee_plan_call_t *call, const uint8_t *marks) {
  trace_t marked;
  eerie_status_t status = trace_call(probe, call, marks, &marked);
  if (!status && !learn_all(probe, call, &marked)) status = refuse(probe, call);
  if (!status) status = compare(probe, call, &marked);
  free_trace(probe, &marked);
  return status;
}

// ---- A place for ever --------------------------------------------------------------------------

static uint64_t align_up(uint64_t size) {
  return (size + EERIE_BUFFER_ALIGNMENT - 1) / EERIE_BUFFER_ALIGNMENT * EERIE_BUFFER_ALIGNMENT;
}

// Puts the parts of a global one behind the other; what lies at fixed offsets stays there.
static eerie_status_t settle_global(probe_t *probe, ee_plan_global_t *global,
                                    ee_plan_piece_t *pieces) {
  ee_plan_t *plan = probe->plan;
  uint64_t size = 0;
  size_t count = 0;
  for (int numbered = 0; numbered < 2; ++numbered) {
    for (size_t i = 0; i < plan->part_count; ++i) {
      ee_plan_part_t *part = &plan->parts[i];
      if (part->global != global || (part->number != SIZE_MAX) != (numbered != 0)) continue;
      part->place = align_up(size);
      size = part->place + part->size;
      pieces[count++] = (ee_plan_piece_t){ee_plan_part_offset(plan, part), part->place, part->size};
    }
  }
  return ee_plan_settle_global(plan, global, size, pieces, count, probe->err);
}

static eerie_status_t settle(probe_t *probe) {
  ee_plan_t *plan = probe->plan;
  ee_plan_piece_t *pieces = ee_plan_allocate(plan, plan->part_count, sizeof *pieces);
  if (!pieces) return EE_NO_MEMORY(probe->err, plan->part_count * sizeof *pieces);
  for (size_t i = 0; i < plan->global_count; ++i)
    if (plan->globals[i].in_parts) EE_TRY(settle_global(probe, &plan->globals[i], pieces));
  for (size_t i = 0; i < plan->part_count; ++i)
    if (plan->parts[i].number != SIZE_MAX)
      set_number(plan->number_copy, plan->parts[i].number, plan->parts[i].place);
  ee_plan_restore_globals(plan);
  return EERIE_OK;
}

static bool is_offset(const ee_plan_t *plan, size_t number) {
  for (size_t i = 0; i < plan->part_count; ++i)
    if (plan->parts[i].number == number) return true;
  return false;
}

static eerie_status_t run(probe_t *probe) {
  ee_plan_t *plan = probe->plan;
  EE_TRY(find_changes(probe));
  if (!probe->changed_count) {
    for (size_t i = 0; i < plan->global_count; ++i)
      plan->globals[i].in_parts = false;
    return EERIE_OK;
  }
  EE_TRY(make_buffers(probe));
  uint8_t *marks = ee_plan_allocate(plan, plan->numbers.size, 1);
  if (!marks) return EE_NO_MEMORY(probe->err, plan->numbers.size);
  memcpy(marks, plan->number_copy, plan->numbers.size);
  for (size_t i = 0; i < probe->changed_count; ++i)
    set_number(marks, probe->changed[i], (i + 1) * STRIDE);
  for (size_t i = 0; i < plan->call_count; ++i)
    EE_TRY(examine(probe, &plan->calls[i], marks));
  // One that shows in no range is something else.
  for (size_t i = 0; i < probe->changed_count; ++i)
    if (!is_offset(plan, probe->changed[i])) return refuse(probe, &plan->calls[0]);
  return settle(probe);
}

eerie_status_t ee_plan_find_parts(ee_plan_t *plan, eerie_error_t *err) {
  const size_t words = plan->numbers.size / WORD;
  if (plan->numbers.size == 0) return EERIE_OK;
  probe_t probe = {.plan = plan, .err = err};
  probe.changed = ee_plan_allocate(plan, words, sizeof *probe.changed);
  plan->parts = ee_plan_allocate(plan, words + plan->global_count, sizeof *plan->parts);
  probe.buffers = ee_plan_allocate(plan, plan->global_count, sizeof *probe.buffers);
  probe.storages = ee_plan_allocate(plan, plan->global_count, sizeof *probe.storages);
  probe.seen = ee_plan_allocate(plan, plan->call_count, plan->numbers.size);
  if (!probe.changed || !plan->parts || !probe.buffers || !probe.storages || !probe.seen)
    return EE_NO_MEMORY(err, plan->numbers.size);
  const eerie_status_t status = run(&probe);
  for (size_t i = 0; i < plan->global_count; ++i) {
    if (!probe.buffers[i]) continue;
    ee_object_release(probe.buffers[i]);
    plan->record.storages[probe.storages[i]].size = 0; // nobody uses it any more
  }
  return status;
}
