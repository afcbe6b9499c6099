// embed_private.c: kernels that write to constants, or to inputs, get a copy.
//
// Compilers 3.11 to 3.13 let a kernel update a constant in place where a program keeps it from
// being folded and overwrites a part of it. Firmware has its constants in flash, and the caller's
// inputs are the caller's: what a function's kernels write there becomes a transient that is filled
// before its first use. (On the host modules are mapped, and a written page is the process's own.)
//
// Where nothing tells what a kernel writes, as of a module that was compiled before, it is taken to
// write where that would matter: to what something looks at afterwards. A result that nobody looks
// at is one that compilers remove.
#include <stdlib.h>
#include <string.h>

#include "embed.h"

// Bytes of a read-only storage that a function writes to, with all that it uses together with them.
typedef struct region {
  size_t storage;
  uint64_t begin, end;
  size_t copy; // the storage that takes their place
  size_t step; // the first that uses them
  bool written;
  bool unsure; // of one that is written nothing tells so
} region_t;

// A range of the function's own copy of the plan.
typedef struct use {
  eerie_plan_range_t *range;
  size_t step;
  bool written, unsure;
} use_t;

typedef struct work {
  ee_cli_embed_model_t *model;
  eerie_plan_t *plan; // the model's own
  eerie_plan_function_t *function;
  eerie_error_t *err;
  use_t *uses;
  size_t use_count;
  region_t *regions;
  size_t region_count;
} work_t;

static eerie_status_t no_memory(eerie_error_t *err) {
  return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
}

// Memory that goes with the model; NULL: none left.
static void *allocate(ee_cli_embed_model_t *model, size_t count, size_t size) {
  void **grown = (void **)realloc((void *)model->owned, (model->owned_count + 1) * sizeof *grown);
  if (!grown) return NULL;
  model->owned = grown;
  void *block = calloc(count + 1, size);
  if (block) grown[model->owned_count++] = block;
  return block;
}

static void *duplicate(ee_cli_embed_model_t *model, const void *items, size_t count, size_t size) {
  void *copy = allocate(model, count, size);
  if (copy && count) memcpy(copy, items, count * size);
  return copy;
}

// ---- Which functions ---------------------------------------------------------------------------

static bool is_read_only(const eerie_plan_t *plan, const eerie_plan_range_t *range) {
  const eerie_plan_space_t space = plan->storages[range->storage].space;
  return range->size && (space == EERIE_PLAN_CONSTANT || space == EERIE_PLAN_INPUT);
}

static bool overlap(const eerie_plan_range_t *a, const eerie_plan_range_t *b) {
  return a->storage == b->storage && a->offset < b->offset + b->size &&
         b->offset < a->offset + a->size;
}

// Whether a step behind `index`, or the caller, looks at bytes.
static bool is_seen_after(const eerie_plan_function_t *function, size_t index,
                          const eerie_plan_range_t *range) {
  for (size_t i = index + 1; i < function->step_count; ++i) {
    const eerie_plan_step_t *step = &function->steps[i];
    if (step->kind == EERIE_PLAN_COPY && overlap(&step->source, range)) return true;
    for (size_t j = 0; j < step->binding_count; ++j)
      if (overlap(&step->bindings[j], range)) return true;
  }
  for (size_t i = 0; i < function->output_count; ++i)
    if (overlap(&function->results[i], range)) return true;
  return false;
}

// A kernel must write somewhere.
static bool has_nothing_else(const eerie_plan_t *plan, const eerie_plan_step_t *step) {
  for (size_t i = 0; i < step->binding_count; ++i)
    if (!is_read_only(plan, &step->bindings[i])) return false;
  return true;
}

static use_t use_of(const work_t *work, size_t index, size_t binding) {
  const eerie_plan_step_t *step = &work->function->steps[index];
  const eerie_plan_range_t *range = &step->bindings[binding];
  use_t use = {.range = (eerie_plan_range_t *)(uintptr_t)range, .step = index};
  switch (ee_cli_embed_access_of(work->model, step, binding)) {
  case EE_CLI_EMBED_READ: break;
  case EE_CLI_EMBED_WRITTEN:
  case EE_CLI_EMBED_READ_AND_WRITTEN: use.written = true; break;
  case EE_CLI_EMBED_UNKNOWN:
    use.unsure = use.written =
        has_nothing_else(work->plan, step) || is_seen_after(work->function, index, range);
  }
  return use;
}

static bool is_affected(const work_t *work) {
  for (size_t i = 0; i < work->function->step_count; ++i) {
    const eerie_plan_step_t *step = &work->function->steps[i];
    if (step->kind != EERIE_PLAN_DISPATCH && is_read_only(work->plan, &step->target)) return true;
    for (size_t j = 0; j < step->binding_count; ++j)
      if (is_read_only(work->plan, &step->bindings[j]) && use_of(work, i, j).written) return true;
  }
  return false;
}

// ---- A function of our own ---------------------------------------------------------------------

static void add_use(work_t *work, use_t use, const eerie_plan_range_t *range) {
  use.range = (eerie_plan_range_t *)(uintptr_t)range;
  if (is_read_only(work->plan, range)) work->uses[work->use_count++] = use;
}

// Copies steps, bindings and results, and lists what they use of read-only storages.
static eerie_status_t copy_function(work_t *work) {
  eerie_plan_function_t *function = work->function;
  ee_cli_embed_model_t *model = work->model;
  const size_t count = function->step_count;
  eerie_plan_step_t *steps = duplicate(model, function->steps, count, sizeof *steps);
  eerie_plan_range_t *results =
      duplicate(model, function->results, function->output_count, sizeof *results);
  size_t most = function->output_count + 2 * count;
  for (size_t i = 0; i < count; ++i)
    most += function->steps[i].binding_count;
  work->uses = allocate(model, most, sizeof *work->uses);
  work->regions = allocate(model, most, sizeof *work->regions);
  if (!steps || !results || !work->uses || !work->regions) return no_memory(work->err);
  for (size_t i = 0; i < count; ++i) {
    if (steps[i].kind == EERIE_PLAN_COPY) add_use(work, (use_t){.step = i}, &steps[i].source);
    if (steps[i].kind != EERIE_PLAN_DISPATCH) {
      add_use(work, (use_t){.step = i, .written = true}, &steps[i].target);
      continue;
    }
    eerie_plan_range_t *bindings =
        duplicate(model, steps[i].bindings, steps[i].binding_count, sizeof *bindings);
    if (!bindings) return no_memory(work->err);
    for (size_t j = 0; j < steps[i].binding_count; ++j)
      add_use(work, use_of(work, i, j), &bindings[j]);
    steps[i].bindings = bindings;
  }
  for (size_t i = 0; i < function->output_count; ++i)
    add_use(work, (use_t){.step = count}, &results[i]);
  function->steps = steps;
  function->results = results;
  return EERIE_OK;
}

// ---- Regions -----------------------------------------------------------------------------------

// Regions are disjoint and in order.
static region_t *region_of(const work_t *work, const eerie_plan_range_t *range) {
  size_t low = 0, high = work->region_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const region_t *region = &work->regions[middle];
    const bool before = region->storage != range->storage ? region->storage < range->storage
                                                          : region->end <= range->offset;
    if (before)
      low = middle + 1;
    else
      high = middle;
  }
  region_t *region = &work->regions[low];
  return low < work->region_count && region->storage == range->storage &&
                 region->begin < range->offset + range->size
             ? region
             : NULL;
}

static int compare_uses(const void *first, const void *second) {
  const eerie_plan_range_t *a = ((const use_t *)first)->range, *b = ((const use_t *)second)->range;
  if (a->storage != b->storage) return a->storage < b->storage ? -1 : 1;
  return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool touch(const region_t *a, const region_t *b) {
  return a->storage == b->storage && a->end > b->begin && b->end > a->begin;
}

static void join(region_t *region, const region_t *other) {
  if (other->begin < region->begin) region->begin = other->begin;
  if (other->end > region->end) region->end = other->end;
  if (other->step < region->step) region->step = other->step;
  region->written |= other->written;
  region->unsure |= other->unsure;
}

// Puts a region behind those before it, as one with those that it touches. One that is written
// begins where memory is aligned, and so may reach those before it.
static void add_region(work_t *work, region_t region) {
  if (region.written) region.begin -= region.begin % EE_CLI_EMBED_ALIGNMENT;
  while (work->region_count && touch(&work->regions[work->region_count - 1], &region)) {
    join(&region, &work->regions[--work->region_count]);
    if (region.written) region.begin -= region.begin % EE_CLI_EMBED_ALIGNMENT;
  }
  work->regions[work->region_count++] = region;
}

// Uses that overlap, however many are between them, are of one region; what nothing in it writes
// can stay where it is.
static void find_regions(work_t *work) {
  qsort(work->uses, work->use_count, sizeof *work->uses, compare_uses);
  for (size_t i = 0; i < work->use_count; ++i) {
    const use_t *use = &work->uses[i];
    add_region(work, (region_t){.storage = use->range->storage,
                                .begin = use->range->offset,
                                .end = use->range->offset + use->range->size,
                                .step = use->step,
                                .written = use->written,
                                .unsure = use->unsure});
  }
  size_t count = 0;
  for (size_t i = 0; i < work->region_count; ++i)
    if (work->regions[i].written) work->regions[count++] = work->regions[i];
  work->region_count = count;
}

// ---- Copies ------------------------------------------------------------------------------------

static eerie_status_t add_storages(work_t *work, size_t function) {
  eerie_plan_t *plan = work->plan;
  const size_t count = plan->storage_count;
  eerie_plan_storage_t *storages =
      allocate(work->model, count + work->region_count, sizeof *storages);
  if (!storages) return no_memory(work->err);
  memcpy(storages, plan->storages, count * sizeof *storages);
  for (size_t i = 0; i < work->region_count; ++i) {
    region_t *region = &work->regions[i];
    region->copy = count + i;
    storages[count + i] = (eerie_plan_storage_t){
        .space = EERIE_PLAN_TRANSIENT, .size = region->end - region->begin, .function = function};
    if (region->unsure) work->model->unsure_size += region->end - region->begin;
  }
  plan->storages = storages;
  plan->storage_count += work->region_count;
  return EERIE_OK;
}

static eerie_status_t add_copies(work_t *work) {
  eerie_plan_function_t *function = work->function;
  eerie_plan_step_t *steps =
      allocate(work->model, function->step_count + work->region_count, sizeof *steps);
  if (!steps) return no_memory(work->err);
  size_t count = 0;
  for (size_t i = 0; i <= function->step_count; ++i) {
    for (size_t j = 0; j < work->region_count; ++j) {
      const region_t *region = &work->regions[j];
      const uint64_t size = region->end - region->begin;
      if (region->step == i)
        steps[count++] = (eerie_plan_step_t){.kind = EERIE_PLAN_COPY,
                                             .target = {region->copy, 0, size},
                                             .source = {region->storage, region->begin, size}};
    }
    if (i < function->step_count) steps[count++] = function->steps[i];
  }
  function->steps = steps;
  function->step_count = count;
  return EERIE_OK;
}

static eerie_status_t protect(work_t *work, size_t function) {
  if (!is_affected(work)) return EERIE_OK;
  eerie_status_t status = copy_function(work);
  if (status) return status;
  find_regions(work);
  status = add_storages(work, function);
  for (size_t i = 0; i < work->use_count && !status; ++i) {
    eerie_plan_range_t *range = work->uses[i].range;
    const region_t *region = region_of(work, range);
    if (!region) continue;
    range->offset -= region->begin;
    range->storage = region->copy;
  }
  return status ? status : add_copies(work);
}

eerie_status_t ee_cli_embed_protect(ee_cli_embed_model_t *model, eerie_error_t *err) {
  const eerie_plan_t *given = model->plan;
  eerie_plan_t *plan = duplicate(model, given, 1, sizeof *plan);
  eerie_plan_function_t *functions =
      duplicate(model, given->functions, given->function_count, sizeof *functions);
  if (!plan || !functions) return no_memory(err);
  plan->functions = functions;
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i <= plan->function_count && !status; ++i) {
    const bool init = i == plan->function_count;
    work_t work = {.model = model,
                   .plan = plan,
                   .function = init ? &plan->initialization : &functions[i],
                   .err = err};
    status = protect(&work, init ? SIZE_MAX : i);
  }
  model->plan = plan;
  return status;
}

void ee_cli_embed_protect_free(ee_cli_embed_model_t *model) {
  for (size_t i = 0; i < model->owned_count; ++i)
    free(model->owned[i]);
  free((void *)model->owned);
  model->owned = NULL;
  model->owned_count = 0;
}
