// embed_private.c: kernels that write to constants, or to inputs, get a copy.
//
// Compilers 3.11 to 3.13 let a kernel update a constant in place where a program keeps it from
// being folded and overwrites a part of it. Firmware has its constants in flash, and the caller's
// inputs are the caller's: what a function's kernels write there becomes a transient that is filled
// before its first use. (On the host modules are mapped, and a written page is the process's own.)
#include <stdlib.h>
#include <string.h>

#include "embed.h"

// Bytes of a read-only storage that a function writes to, with all that it uses together with them.
typedef struct region {
  size_t storage;
  uint64_t begin, end;
  size_t copy; // the storage that takes their place
  size_t step; // the first that uses them
} region_t;

// A range of the function's own copy of the plan.
typedef struct use {
  eerie_plan_range_t *range;
  size_t step;
  bool written;
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

static bool writes(const ee_cli_embed_model_t *model, const eerie_plan_step_t *step, size_t index) {
  const ee_cli_embed_access_kind_t kind = ee_cli_embed_access_of(model->accesses, step, index);
  return kind == EE_CLI_EMBED_WRITTEN || kind == EE_CLI_EMBED_READ_AND_WRITTEN;
}

// A kernel whose accesses are not known must write somewhere.
static eerie_status_t check_unknown(const work_t *work, const eerie_plan_step_t *step) {
  size_t read_only = 0;
  for (size_t i = 0; i < step->binding_count; ++i) {
    if (ee_cli_embed_access_of(work->model->accesses, step, i) != EE_CLI_EMBED_UNKNOWN)
      return EERIE_OK;
    read_only += is_read_only(work->plan, &step->bindings[i]);
  }
  if (!step->binding_count || read_only < step->binding_count) return EERIE_OK;
  return ee_cli_error(work->err, EERIE_FAILED_PRECONDITION,
                      "%s: kernel '%s' has constants and inputs only, so it writes to one of them, "
                      "and nothing tells which in a module that is compiled: give eerie embed the "
                      "model itself, or run the module in the interpreter",
                      work->function->name, step->kernel ? step->kernel : "of a number");
}

static eerie_status_t is_affected(const work_t *work, bool *out_affected) {
  *out_affected = false;
  for (size_t i = 0; i < work->function->step_count; ++i) {
    const eerie_plan_step_t *step = &work->function->steps[i];
    if (step->kind != EERIE_PLAN_DISPATCH) continue;
    const eerie_status_t status = check_unknown(work, step);
    if (status) return status;
    for (size_t j = 0; j < step->binding_count; ++j)
      if (is_read_only(work->plan, &step->bindings[j]) && writes(work->model, step, j))
        *out_affected = true;
  }
  return EERIE_OK;
}

// ---- A function of our own ---------------------------------------------------------------------

static void add_use(work_t *work, const eerie_plan_range_t *range, size_t step, bool written) {
  if (is_read_only(work->plan, range))
    work->uses[work->use_count++] = (use_t){(eerie_plan_range_t *)(uintptr_t)range, step, written};
}

// Copies steps, bindings and results, and lists what they use of read-only storages.
static eerie_status_t copy_function(work_t *work) {
  eerie_plan_function_t *function = work->function;
  ee_cli_embed_model_t *model = work->model;
  const size_t count = function->step_count;
  eerie_plan_step_t *steps = duplicate(model, function->steps, count, sizeof *steps);
  eerie_plan_range_t *results =
      duplicate(model, function->results, function->output_count, sizeof *results);
  size_t most = function->output_count + count;
  for (size_t i = 0; i < count; ++i)
    most += function->steps[i].binding_count;
  work->uses = allocate(model, most, sizeof *work->uses);
  work->regions = allocate(model, most, sizeof *work->regions);
  if (!steps || !results || !work->uses || !work->regions) return no_memory(work->err);
  for (size_t i = 0; i < count; ++i) {
    if (steps[i].kind == EERIE_PLAN_COPY) add_use(work, &steps[i].source, i, false);
    if (steps[i].kind != EERIE_PLAN_DISPATCH) continue;
    eerie_plan_range_t *bindings =
        duplicate(model, steps[i].bindings, steps[i].binding_count, sizeof *bindings);
    if (!bindings) return no_memory(work->err);
    for (size_t j = 0; j < steps[i].binding_count; ++j)
      add_use(work, &bindings[j], i, writes(model, &steps[i], j));
    steps[i].bindings = bindings;
  }
  for (size_t i = 0; i < function->output_count; ++i)
    add_use(work, &results[i], count, false);
  function->steps = steps;
  function->results = results;
  return EERIE_OK;
}

// ---- Regions -----------------------------------------------------------------------------------

static region_t *region_of(const work_t *work, const eerie_plan_range_t *range) {
  for (size_t i = 0; i < work->region_count; ++i) {
    region_t *region = &work->regions[i];
    if (region->storage == range->storage && range->offset < region->end &&
        region->begin < range->offset + range->size)
      return region;
  }
  return NULL;
}

// Lengthens a region to have all of a range; whether that changed it.
static bool extend(region_t *region, const use_t *use) {
  const region_t before = *region;
  const uint64_t begin = use->range->offset / EE_CLI_EMBED_ALIGNMENT * EE_CLI_EMBED_ALIGNMENT;
  const uint64_t end = use->range->offset + use->range->size;
  if (begin < region->begin) region->begin = begin;
  if (end > region->end) region->end = end;
  if (use->step < region->step) region->step = use->step;
  return before.begin != region->begin || before.end != region->end;
}

// Two that have grown into each other become one; whether there were any.
static bool join_regions(work_t *work) {
  for (size_t i = 0; i < work->region_count; ++i) {
    for (size_t j = i + 1; j < work->region_count; ++j) {
      region_t *a = &work->regions[i], *b = &work->regions[j];
      if (a->storage != b->storage || a->end <= b->begin || b->end <= a->begin) continue;
      if (b->begin < a->begin) a->begin = b->begin;
      if (b->end > a->end) a->end = b->end;
      if (b->step < a->step) a->step = b->step;
      *b = work->regions[--work->region_count];
      return true;
    }
  }
  return false;
}

static void find_regions(work_t *work) {
  for (size_t i = 0; i < work->use_count; ++i) {
    const use_t *use = &work->uses[i];
    if (!use->written || region_of(work, use->range)) continue;
    region_t *region = &work->regions[work->region_count++];
    *region = (region_t){use->range->storage, use->range->offset, use->range->offset, 0, use->step};
    (void)extend(region, use);
  }
  for (bool grown = true; grown;) {
    grown = join_regions(work);
    for (size_t i = 0; i < work->use_count; ++i) {
      region_t *region = region_of(work, work->uses[i].range);
      if (region && extend(region, &work->uses[i])) grown = true;
    }
  }
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
  bool affected;
  eerie_status_t status = is_affected(work, &affected);
  if (status || !affected) return status;
  status = copy_function(work);
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
