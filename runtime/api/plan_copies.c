// plan_copies.c: copies of copies become copies from where the bytes came from.
//
// A compiler gathers what it returns in one new buffer, from which state then goes to its place.
// What lies in between is nobody's business in a plan, and often the whole arena.
#include "api/plan.h"

static bool overlap(const ee_record_range_t *a, const ee_record_range_t *b) {
  return a->storage == b->storage && a->offset < b->offset + b->size &&
         b->offset < a->offset + a->size;
}

static bool contains(const ee_record_range_t *a, const ee_record_range_t *b) {
  return a->storage == b->storage && a->offset <= b->offset &&
         b->offset + b->size <= a->offset + a->size;
}

// Which of a dispatch's bindings are written is not known here.
static bool may_write(const ee_record_step_t *step, const ee_record_range_t *range) {
  const uint32_t count = step->kind == EE_RECORD_DISPATCH ? step->range_count : 1;
  for (uint32_t i = 0; i < count; ++i)
    if (overlap(&step->ranges[i], range)) return true;
  return false;
}

// The last step before `end` that writes into `range`; NULL: none.
static ee_record_step_t *last_writer(const ee_record_steps_t *steps, const ee_record_step_t *end,
                                     const ee_record_range_t *range) {
  ee_record_step_t *last = NULL;
  for (ee_record_step_t *step = steps->first; step != end; step = step->next)
    if (may_write(step, range)) last = step;
  return last;
}

static bool is_written_between(const ee_record_step_t *begin, const ee_record_step_t *end,
                               const ee_record_range_t *range) {
  for (const ee_record_step_t *step = begin->next; step != end; step = step->next)
    if (may_write(step, range)) return true;
  return false;
}

// What `copy` copies is a copy, or a fill, itself.
static bool shorten(const ee_record_steps_t *steps, ee_record_step_t *copy) {
  ee_record_range_t *target = &copy->ranges[0], *source = &copy->ranges[1];
  const ee_record_step_t *writer = last_writer(steps, copy, source);
  if (!writer || writer->kind == EE_RECORD_DISPATCH || !contains(&writer->ranges[0], source))
    return false;
  const uint64_t skipped = source->offset - writer->ranges[0].offset;
  if (writer->kind == EE_RECORD_FILL) {
    if (skipped % writer->pattern_size || source->size % writer->pattern_size) return false;
    copy->kind = EE_RECORD_FILL;
    copy->pattern = writer->pattern;
    copy->pattern_size = writer->pattern_size;
    copy->range_count = 1;
    return true;
  }
  const ee_record_range_t from = {writer->ranges[1].storage, writer->ranges[1].offset + skipped,
                                  source->size};
  if (overlap(&from, target) || is_written_between(writer, copy, &from)) return false;
  *source = from;
  return true;
}

// Whether anything looks at what a step writes.
static bool is_wanted(const ee_plan_t *plan, const ee_record_step_t *step,
                      const ee_record_range_t *results, size_t result_count) {
  const ee_record_range_t *target = &step->ranges[0];
  if (plan->base.storages[target->storage].space != EERIE_PLAN_TRANSIENT) return true;
  for (const ee_record_step_t *later = step->next; later; later = later->next) {
    const uint32_t first = later->kind == EE_RECORD_DISPATCH ? 0 : 1;
    for (uint32_t i = first; i < later->range_count; ++i)
      if (overlap(&later->ranges[i], target)) return true;
  }
  for (size_t i = 0; i < result_count; ++i)
    if (overlap(&results[i], target)) return true;
  return false;
}

static void drop_unwanted(ee_plan_t *plan, ee_record_steps_t *steps,
                          const ee_record_range_t *results, size_t result_count) {
  ee_record_steps_t kept = {NULL, NULL};
  while (steps->first) {
    ee_record_step_t *step = steps->first;
    const bool wanted =
        step->kind == EE_RECORD_DISPATCH || is_wanted(plan, step, results, result_count);
    steps->first = step->next;
    step->next = NULL;
    ee_record_steps_t one = {step, step};
    if (wanted)
      ee_record_join_steps(&kept, one);
    else
      ee_record_free_steps(&plan->record, &one);
  }
  *steps = kept;
}

void ee_plan_shorten_copies(ee_plan_t *plan, ee_record_steps_t *steps,
                            const ee_record_range_t *results, size_t result_count) {
  bool shorter = false;
  for (ee_record_step_t *step = steps->first; step; step = step->next)
    while (step->kind == EE_RECORD_COPY && shorten(steps, step))
      shorter = true;
  if (shorter) drop_unwanted(plan, steps, results, result_count);
}
