// plan.c: eerie_plan.h: the record in the form of the public header.
#include "api/plan.h"

typedef struct block {
  struct block *next;
  size_t size;
} block_t;

void *ee_plan_allocate(ee_plan_t *plan, size_t count, size_t size) {
  size_t total;
  if (!ee_mul_size(count ? count : 1, size, &total) ||
      !ee_add_size(total, sizeof(block_t) + 8, &total)) {
    return NULL;
  }
  block_t *block = ee_heap_allocate_zeroed(plan->heap, total);
  if (!block) return NULL;
  *block = (block_t){plan->blocks, total};
  plan->blocks = block;
  return block + 1;
}

// ---- Storages ----------------------------------------------------------------------------------

// Marks what is used after initialisation.
static void mark_used(const ee_plan_t *plan, bool *used) {
  for (size_t i = 0; i < plan->call_count; ++i) {
    const ee_plan_call_t *call = &plan->calls[i];
    for (const ee_record_step_t *step = call->steps.first; step; step = step->next)
      for (uint32_t j = 0; j < step->range_count; ++j)
        used[step->ranges[j].storage] = true;
    for (size_t j = 0; j < call->function->output_count; ++j)
      used[call->results[j].storage] = true;
  }
}

static eerie_status_t build_storages(ee_plan_t *plan, eerie_error_t *err) {
  const size_t count = plan->record.storage_count;
  eerie_plan_storage_t *storages = ee_plan_allocate(plan, count, sizeof *storages);
  bool *used = ee_plan_allocate(plan, count, sizeof *used);
  if (!storages || !used) return EE_NO_MEMORY(err, count * sizeof *storages);
  mark_used(plan, used);
  for (size_t i = 0; i < count; ++i) {
    const ee_record_storage_t *storage = &plan->record.storages[i];
    storages[i] = (eerie_plan_storage_t){.space = EERIE_PLAN_TRANSIENT,
                                         .size = storage->size,
                                         .data = storage->data,
                                         .function = SIZE_MAX};
    if (storage->data) {
      storages[i].space = EERIE_PLAN_CONSTANT;
    } else if (storage->phase == 0 && used[i]) {
      storages[i].space = EERIE_PLAN_STATE;
    }
    for (size_t j = 0; j < plan->call_count; ++j)
      if (storage->phase && plan->calls[j].phase == storage->phase) storages[i].function = j;
  }
  for (size_t i = 0; i < plan->call_count; ++i) {
    for (size_t j = 0; j < plan->calls[i].function->input_count; ++j) {
      eerie_plan_storage_t *storage = &storages[plan->calls[i].inputs[j]];
      storage->space = EERIE_PLAN_INPUT;
      storage->input = j;
    }
  }
  plan->base.storages = storages;
  plan->base.storage_count = count;
  return EERIE_OK;
}

// A transient belongs to one function; another's would have travelled in something that is neither
// an argument nor a tensor in a global.
static eerie_status_t check_range(const ee_plan_t *plan, const eerie_plan_range_t *range,
                                  size_t function, eerie_error_t *err) {
  const eerie_plan_storage_t *storage = &plan->base.storages[range->storage];
  const bool local = storage->space == EERIE_PLAN_TRANSIENT || storage->space == EERIE_PLAN_INPUT;
  if (!local || storage->function == function) return EERIE_OK;
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                 "%s uses memory of another call: what it does cannot be put down in a plan",
                 function == SIZE_MAX ? "initialisation" : plan->calls[function].function->name);
}

// ---- Functions ---------------------------------------------------------------------------------

static eerie_plan_range_t range_of(const ee_record_range_t *range) {
  return (eerie_plan_range_t){range->storage, range->offset, range->size};
}

static eerie_status_t build_step(ee_plan_t *plan, const ee_record_step_t *step, size_t function,
                                 eerie_plan_step_t *out_step, eerie_error_t *err) {
  eerie_plan_range_t *ranges = ee_plan_allocate(plan, step->range_count, sizeof *ranges);
  if (!ranges) return EE_NO_MEMORY(err, step->range_count * sizeof *ranges);
  for (uint32_t i = 0; i < step->range_count; ++i) {
    ranges[i] = range_of(&step->ranges[i]);
    EE_TRY(check_range(plan, &ranges[i], function, err));
  }
  if (step->kind == EE_RECORD_DISPATCH) {
    const uint32_t *count = step->workgroup_count;
    *out_step = (eerie_plan_step_t){
        .kind = EERIE_PLAN_DISPATCH,
        .library = step->library,
        .kernel = step->kernel,
        .ordinal = step->ordinal,
        .workgroup_count = {count[0], count[1], count[2]},
        .constants = step->constants,
        .constant_count = step->constant_count,
        .bindings = ranges,
        .binding_count = step->range_count,
    };
    return EERIE_OK;
  }
  const bool copy = step->kind == EE_RECORD_COPY;
  *out_step = (eerie_plan_step_t){
      .kind = copy ? EERIE_PLAN_COPY : EERIE_PLAN_FILL,
      .target = ranges[0],
      .pattern = step->pattern,
      .pattern_size = step->pattern_size,
  };
  if (copy) out_step->source = ranges[1];
  return EERIE_OK;
}

static eerie_status_t build_steps(ee_plan_t *plan, const ee_record_steps_t *from, size_t function,
                                  eerie_plan_function_t *out_function, eerie_error_t *err) {
  size_t count = 0;
  for (const ee_record_step_t *step = from->first; step; step = step->next)
    ++count;
  eerie_plan_step_t *steps = ee_plan_allocate(plan, count, sizeof *steps);
  if (!steps) return EE_NO_MEMORY(err, count * sizeof *steps);
  size_t i = 0;
  for (const ee_record_step_t *step = from->first; step; step = step->next)
    EE_TRY(build_step(plan, step, function, &steps[i++], err));
  out_function->steps = steps;
  out_function->step_count = count;
  return EERIE_OK;
}

static eerie_status_t build_function(ee_plan_t *plan, size_t index,
                                     eerie_plan_function_t *out_function, eerie_error_t *err) {
  const ee_plan_call_t *call = &plan->calls[index];
  const eerie_function_t *function = call->function;
  eerie_plan_range_t *results = ee_plan_allocate(plan, function->output_count, sizeof *results);
  if (!results) return EE_NO_MEMORY(err, function->output_count * sizeof *results);
  for (size_t i = 0; i < function->output_count; ++i) {
    results[i] = range_of(&call->results[i]);
    EE_TRY(check_range(plan, &results[i], index, err));
  }
  *out_function = (eerie_plan_function_t){
      .name = function->name,
      .inputs = function->inputs,
      .input_count = function->input_count,
      .outputs = function->outputs,
      .output_count = function->output_count,
      .results = results,
  };
  return build_steps(plan, &call->steps, index, out_function, err);
}

static eerie_status_t build(ee_plan_t *plan, eerie_error_t *err) {
  EE_TRY(build_storages(plan, err));
  ee_plan_shorten_copies(plan, &plan->init_steps, NULL, 0);
  for (size_t i = 0; i < plan->call_count; ++i)
    ee_plan_shorten_copies(plan, &plan->calls[i].steps, plan->calls[i].results,
                           plan->calls[i].function->output_count);
  eerie_plan_function_t *functions = ee_plan_allocate(plan, plan->call_count, sizeof *functions);
  eerie_plan_library_t *libraries =
      ee_plan_allocate(plan, plan->record.library_count, sizeof *libraries);
  if (!functions || !libraries) return EE_NO_MEMORY(err, plan->call_count * sizeof *functions);
  for (size_t i = 0; i < plan->record.library_count; ++i) {
    const ee_record_library_t *library = &plan->record.libraries[i];
    libraries[i] =
        (eerie_plan_library_t){library->name, library->constants, library->constant_count};
  }
  plan->base.libraries = libraries;
  plan->base.library_count = plan->record.library_count;
  plan->base.initialization.name = "";
  EE_TRY(build_steps(plan, &plan->init_steps, SIZE_MAX, &plan->base.initialization, err));
  for (size_t i = 0; i < plan->call_count; ++i)
    EE_TRY(build_function(plan, i, &functions[i], err));
  plan->base.functions = functions;
  plan->base.function_count = plan->call_count;
  return EERIE_OK;
}

// ---- Life --------------------------------------------------------------------------------------

eerie_status_t eerie_plan_record(eerie_instance_t *instance, eerie_module_t *module,
                                 eerie_plan_t **out_plan, eerie_error_t *err) {
  *out_plan = NULL;
  ee_plan_t *plan = ee_heap_allocate_zeroed(&instance->heap, sizeof *plan);
  if (!plan) return EE_NO_MEMORY(err, sizeof *plan);
  plan->heap = plan->record.heap = &instance->heap;
  plan->module = module;
  ee_object_retain((ee_object_t *)ee_api_module(module));
  eerie_status_t status = ee_plan_run(plan, instance, err);
  if (!status) status = build(plan, err);
  if (status) {
    eerie_plan_release(&plan->base);
    return status;
  }
  *out_plan = &plan->base;
  return EERIE_OK;
}

void eerie_plan_release(eerie_plan_t *base) {
  ee_plan_t *plan = (ee_plan_t *)base;
  if (!plan) return;
  for (size_t i = 0; i < plan->global_count; ++i)
    ee_object_release(plan->globals[i].entry);
  for (size_t i = 0; i < plan->call_count; ++i)
    ee_record_free_steps(&plan->record, &plan->calls[i].steps);
  ee_record_free_steps(&plan->record, &plan->init_steps);
  eerie_program_release(plan->program);
  ee_hal_device_release(plan->device);
  ee_record_destroy(&plan->record);
  eerie_module_release(plan->module);
  while (plan->blocks) {
    block_t *next = ((block_t *)plan->blocks)->next;
    ee_heap_free(plan->heap, plan->blocks, ((block_t *)plan->blocks)->size);
    plan->blocks = next;
  }
  ee_heap_free(plan->heap, plan, sizeof *plan);
}
