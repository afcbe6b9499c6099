// plan_record.c: runs a program on the recording device, and makes its state stay in one place.
//
// A function that updates a tensor in a global does it in one of two ways: its kernels write to the
// buffer where it is, or it makes a new buffer and puts that into the global. A plan knows only
// fixed places, so the second way becomes the first: each such global gets a buffer for ever, in
// which initialisation puts the first value, and behind a function's steps comes a copy of what it
// left there.
#include "api/plan.h"

// Branches and calls in one call, and milliseconds that it waits: a plan of as many steps as are
// recorded at most takes a fraction of it, and what never ends must end here. Nothing is waited for
// on a device that has done all at once.
#define STEP_LIMIT    ((uint64_t)1 << 20)
#define WAIT_LIMIT_MS 100

// ---- Functions that can be planned -------------------------------------------------------------

static eerie_status_t check_type(const eerie_function_t *function, const eerie_type_t *type,
                                 const char *what, eerie_error_t *err) {
  if (!*type->text) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "%s: the module does not tell the types of its %ss (it has no "
                   "iree.abi.declaration), and a plan needs them: compile it from functions of "
                   "tensors, or run the module in the interpreter",
                   function->name, what);
  }
  if (type->kind != EERIE_KIND_TENSOR) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "%s: %s '%s' is of type %s, and a plan knows tensors only: make it a tensor, "
                   "such as tensor<1xi32>, or run the module in the interpreter",
                   function->name, what, type->name, type->text);
  }
  bool open = type->rank == SIZE_MAX || type->dtype == EERIE_DTYPE_NONE;
  for (size_t i = 0; !open && i < type->rank; ++i)
    open = type->shape[i] < 0;
  if (!open) return EERIE_OK;
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                 "%s: %s '%s' is of type %s, and a plan needs fixed shapes: fix them at compile "
                 "time, or run the module in the interpreter",
                 function->name, what, type->name, type->text);
}

static eerie_status_t check_function(const eerie_function_t *function, eerie_error_t *err) {
  for (size_t i = 0; i < function->input_count; ++i)
    EE_TRY(check_type(function, &function->inputs[i], "input", err));
  for (size_t i = 0; i < function->output_count; ++i)
    EE_TRY(check_type(function, &function->outputs[i], "output", err));
  return EERIE_OK;
}

// ---- One call ----------------------------------------------------------------------------------

static eerie_status_t create_input(ee_plan_t *plan, const eerie_type_t *type, size_t *out_storage,
                                   eerie_value_t *out_value, eerie_error_t *err) {
  uint64_t size;
  if (!ee_hal_shape_size((uint32_t)type->dtype, (uint32_t)type->rank, type->shape, &size)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%s has no size", type->text);
  }
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(ee_hal_buffer_allocate(plan->device, EE_HAL_MEMORY_HOST_LOCAL, EE_HAL_USAGE_TRANSFER, size,
                                &buffer, err));
  ee_record_range_t range;
  ee_hal_buffer_view_t *view = NULL;
  eerie_status_t status = ee_record_locate(&plan->record, buffer, &range, err);
  if (!status)
    status = ee_hal_buffer_view_create(buffer, (uint32_t)type->dtype, EE_HAL_ENCODING_DENSE,
                                       (uint32_t)type->rank, type->shape, &view, err);
  ee_hal_buffer_release(buffer);
  if (status) return status;
  *out_storage = range.storage;
  *out_value = (eerie_value_t){.kind = EERIE_KIND_TENSOR, .as.tensor = (eerie_tensor_t *)view};
  return EERIE_OK;
}

static eerie_status_t locate_view(ee_plan_t *plan, const ee_hal_buffer_view_t *view,
                                  ee_record_range_t *out_range, eerie_error_t *err) {
  EE_TRY(ee_record_locate(&plan->record, view->buffer, out_range, err));
  if (!ee_hal_shape_size(view->element_type, view->rank, view->dims, &out_range->size)) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a tensor has no size");
  }
  return EERIE_OK;
}

// Whoever calls the plan gives memory for what the module declares, whatever it computes.
static eerie_status_t check_size(const eerie_function_t *function, size_t output, uint64_t size,
                                 eerie_error_t *err) {
  const eerie_type_t *type = &function->outputs[output];
  uint64_t declared = 0;
  if (ee_hal_shape_size((uint32_t)type->dtype, (uint32_t)type->rank, type->shape, &declared) &&
      declared == size) {
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_DATA_LOSS, "%s: output %zu has %llu bytes, its type %s has %llu",
                 function->name, output, (unsigned long long)size, type->text,
                 (unsigned long long)declared);
}

static eerie_status_t locate_results(ee_plan_t *plan, ee_plan_call_t *call,
                                     const eerie_value_t *outputs, eerie_error_t *err) {
  for (size_t i = 0; i < call->function->output_count; ++i) {
    const ee_hal_buffer_view_t *view = ee_api_tensor(outputs[i].as.tensor);
    if (outputs[i].kind != EERIE_KIND_TENSOR || !view) {
      return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "%s: output %zu is no tensor",
                     call->function->name, i);
    }
    EE_TRY(locate_view(plan, view, &call->results[i], err));
    EE_TRY(check_size(call->function, i, call->results[i].size, err));
  }
  return EERIE_OK;
}

static eerie_status_t call_with(ee_plan_t *plan, ee_plan_call_t *call, eerie_value_t *values,
                                eerie_error_t *err) {
  const eerie_function_t *function = call->function;
  eerie_value_t *outputs = values + function->input_count;
  for (size_t i = 0; i < function->input_count; ++i) {
    EE_TRY(create_input(plan, &function->inputs[i], &call->inputs[i], &values[i], err));
  }
  EE_TRY(eerie_call(call->function, values, function->input_count, outputs, function->output_count,
                    err));
  return locate_results(plan, call, outputs, err);
}

eerie_status_t ee_plan_run_call(ee_plan_t *plan, ee_plan_call_t *call, eerie_error_t *err) {
  const eerie_function_t *function = call->function;
  const size_t count = function->input_count + function->output_count;
  const size_t size = (count + 1) * sizeof(eerie_value_t);
  eerie_value_t *values = ee_heap_allocate_zeroed(plan->heap, size);
  if (!values) return EE_NO_MEMORY(err, size);
  call->phase = plan->record.phase = ++plan->phases;
  const eerie_status_t status = call_with(plan, call, values, err);
  for (size_t i = 0; i < count; ++i)
    eerie_value_release(&values[i]);
  ee_heap_free(plan->heap, values, size);
  if (status == EERIE_UNIMPLEMENTED || status == EERIE_FAILED_PRECONDITION) {
    EE_ANNOTATE(err, "%s: " NOT_FIXED, function->name);
    return EERIE_FAILED_PRECONDITION;
  }
  if (status) EE_ANNOTATE(err, "%s", function->name);
  return status;
}

// ---- State -------------------------------------------------------------------------------------

static bool is_tensor(const ee_object_t *object) {
  return object &&
         (object->type == &ee_hal_buffer_type || object->type == &ee_hal_buffer_view_type);
}

static eerie_status_t locate_object(ee_plan_t *plan, ee_object_t *object,
                                    ee_record_range_t *out_range, eerie_error_t *err) {
  const ee_hal_buffer_view_t *view = ee_hal_buffer_view_cast(object);
  return view ? locate_view(plan, view, out_range, err)
              : ee_record_locate(&plan->record, ee_hal_buffer_cast(object), out_range, err);
}

// Of buffers without a shape the size may differ: constants are longer for alignment.
static bool same_form(ee_object_t *a, ee_object_t *b) {
  if (!a || !b || !is_tensor(a) || a->type != b->type) return false;
  const ee_hal_buffer_view_t *x = ee_hal_buffer_view_cast(a), *y = ee_hal_buffer_view_cast(b);
  return !x || (x->element_type == y->element_type && x->rank == y->rank &&
                memcmp(x->dims, y->dims, x->rank * sizeof *x->dims) == 0);
}

static uint64_t size_of(ee_object_t *object) {
  const ee_hal_buffer_view_t *view = ee_hal_buffer_view_cast(object);
  return view ? view->buffer->size : ee_hal_buffer_cast(object)->size;
}

// An object of the same form with `size` bytes of its own.
static eerie_status_t create_like(ee_plan_t *plan, ee_object_t *object, uint64_t size,
                                  ee_object_t **out_object, eerie_error_t *err) {
  const ee_hal_buffer_view_t *view = ee_hal_buffer_view_cast(object);
  ee_hal_buffer_t *copy = NULL;
  EE_TRY(ee_hal_buffer_allocate(plan->device, EE_HAL_MEMORY_HOST_LOCAL, EE_HAL_USAGE_TRANSFER, size,
                                &copy, err));
  *out_object = &copy->object;
  if (!view) return EERIE_OK;
  ee_hal_buffer_view_t *copy_view = NULL;
  const eerie_status_t status = ee_hal_buffer_view_create(copy, view->element_type, view->encoding,
                                                          view->rank, view->dims, &copy_view, err);
  ee_hal_buffer_release(copy);
  *out_object = &copy_view->object;
  return status;
}

// The part of `range` that begins at `offset` and has `size` bytes, or as many as there are.
static ee_record_range_t part_of(const ee_record_range_t *range, uint64_t offset, uint64_t size) {
  ee_record_range_t part = *range;
  offset = offset < range->size ? offset : range->size;
  part.offset += offset;
  part.size -= offset;
  if (size < part.size) part.size = size;
  return part;
}

static void shorten(ee_record_range_t *a, ee_record_range_t *b) {
  a->size = b->size = a->size < b->size ? a->size : b->size;
}

static eerie_status_t copy_piece(ee_plan_t *plan, ee_object_t *source, ee_object_t *target,
                                 const ee_plan_piece_t *piece, eerie_error_t *err) {
  ee_record_range_t from, to;
  EE_TRY(locate_object(plan, source, &from, err));
  EE_TRY(locate_object(plan, target, &to, err));
  from = part_of(&from, piece->from, piece->size);
  to = part_of(&to, piece->to, piece->size);
  shorten(&from, &to);
  return ee_record_copy(&plan->record, &to, &from, err);
}

eerie_status_t ee_plan_settle_global(ee_plan_t *plan, ee_plan_global_t *global, uint64_t size,
                                     const ee_plan_piece_t *pieces, size_t piece_count,
                                     eerie_error_t *err) {
  plan->record.phase = 0;
  ee_object_t *own = NULL;
  EE_TRY(create_like(plan, global->entry, size, &own, err));
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < piece_count && !status; ++i)
    status = copy_piece(plan, global->entry, own, &pieces[i], err);
  ee_record_join_steps(&plan->init_steps, ee_record_take_steps(&plan->record));
  ee_object_release(global->entry);
  global->entry = own;
  global->state = true;
  return status;
}

void ee_plan_set_global(ee_plan_global_t *global, ee_object_t *object) {
  ee_object_retain(object);
  ee_object_release(*global->slot);
  *global->slot = object;
}

void ee_plan_restore_globals(ee_plan_t *plan) {
  if (plan->numbers.size) memcpy(plan->numbers.bytes, plan->number_copy, plan->numbers.size);
  for (size_t i = 0; i < plan->global_count; ++i) {
    ee_plan_global_t *global = &plan->globals[i];
    if (*global->slot != global->entry) ee_plan_set_global(global, global->entry);
  }
}

// Copies what a call left in a global to the place of its state: through a transient when it lies
// where other state is, for that may be overwritten meanwhile (`half` 0: into the transient; 1: the
// rest).
static eerie_status_t copy_state(ee_plan_t *plan, const ee_plan_global_t *global,
                                 const ee_plan_piece_t *piece, size_t *temporary, int half,
                                 eerie_error_t *err) {
  ee_record_t *record = &plan->record;
  ee_record_range_t from, to;
  EE_TRY(locate_object(plan, *global->slot, &from, err));
  EE_TRY(locate_object(plan, global->entry, &to, err));
  from = part_of(&from, piece->from, piece->size);
  to = part_of(&to, piece->to, piece->size);
  shorten(&from, &to);
  const ee_record_storage_t *storage = &record->storages[from.storage];
  const bool twice = storage->phase == 0 && !storage->data;
  if (from.storage == to.storage && from.offset == to.offset) return EERIE_OK;
  ee_record_range_t between = {*temporary, 0, from.size};
  if (half == 0) {
    if (!twice) return EERIE_OK;
    EE_TRY(ee_record_add_storage(record, from.size, NULL, &between.storage, err));
    *temporary = between.storage;
    return ee_record_copy(record, &between, &from, err);
  }
  return ee_record_copy(record, &to, twice ? &between : &from, err);
}

// Everything has happened when a call is
// over, so one fence is as good as another.
bool ee_plan_is_changed(const ee_plan_global_t *global) {
  const ee_object_t *now = *global->slot;
  return now != global->entry && (!now || now->type != &ee_hal_fence_type) &&
         (!global->entry || global->entry->type != &ee_hal_fence_type);
}

// Looks for globals that turn out to be state. *out_found: there was one.
static eerie_status_t settle_globals(ee_plan_t *plan, const ee_plan_call_t *call, bool *out_found,
                                     eerie_error_t *err) {
  for (size_t i = 0; i < plan->global_count; ++i) {
    ee_plan_global_t *global = &plan->globals[i];
    if (!ee_plan_is_changed(global)) continue;
    if (!same_form(*global->slot, global->entry)) {
      return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                     "%s puts something of another form into a global: " NOT_FIXED,
                     call->function->name);
    }
    const uint64_t size = size_of(*global->slot), had = size_of(global->entry);
    if (global->in_parts || (global->state && size <= had)) continue;
    *out_found = true;
    const ee_plan_piece_t all = {0, 0, had};
    EE_TRY(ee_plan_settle_global(plan, global, size > had ? size : had, &all, 1, err));
  }
  return EERIE_OK;
}

static eerie_status_t check_parts(const ee_plan_t *plan, const ee_plan_call_t *call,
                                  eerie_error_t *err) {
  for (size_t i = 0; i < plan->part_count; ++i) {
    const ee_plan_part_t *part = &plan->parts[i];
    if (part->number == SIZE_MAX || ee_plan_is_changed(part->global) ||
        ee_plan_part_offset(plan, part) == part->place)
      continue;
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "%s moves a tensor inside of its buffer: " NOT_FIXED, call->function->name);
  }
  return EERIE_OK;
}

static eerie_status_t copy_states(ee_plan_t *plan, uint32_t phase, eerie_error_t *err) {
  plan->record.phase = phase;
  for (int half = 0; half < 2; ++half) {
    for (size_t i = 0; i < plan->global_count; ++i) {
      ee_plan_global_t *global = &plan->globals[i];
      const ee_plan_piece_t all = {0, 0, UINT64_MAX};
      if (!ee_plan_is_changed(global) || global->in_parts) continue;
      EE_TRY(copy_state(plan, global, &all, &global->temporary, half, err));
    }
    for (size_t i = 0; i < plan->part_count; ++i) {
      ee_plan_part_t *part = &plan->parts[i];
      const ee_plan_piece_t piece = {ee_plan_part_offset(plan, part), part->place, part->size};
      if (!ee_plan_is_changed(part->global)) continue;
      EE_TRY(copy_state(plan, part->global, &piece, &part->temporary, half, err));
    }
  }
  return EERIE_OK;
}

// Records a function, with the copies that belong to it.
static eerie_status_t record_call(ee_plan_t *plan, ee_plan_call_t *call, bool *out_found,
                                  eerie_error_t *err) {
  ee_record_free_steps(&plan->record, &call->steps);
  EE_TRY(ee_plan_run_call(plan, call, err));
  call->steps = ee_record_take_steps(&plan->record);
  eerie_status_t status = settle_globals(plan, call, out_found, err);
  if (!status) status = check_parts(plan, call, err);
  if (!status && !*out_found) status = copy_states(plan, call->phase, err);
  ee_record_join_steps(&call->steps, ee_record_take_steps(&plan->record));
  ee_plan_restore_globals(plan);
  return status;
}

// Each round that finds state is in vain, and finds at least one global more.
static eerie_status_t record_calls(ee_plan_t *plan, eerie_error_t *err) {
  for (bool found = true; found;) {
    found = false;
    for (size_t i = 0; i < plan->call_count; ++i)
      EE_TRY(record_call(plan, &plan->calls[i], &found, err));
  }
  return EERIE_OK;
}

// ---- The program -------------------------------------------------------------------------------

static eerie_status_t prepare_globals(ee_plan_t *plan, eerie_error_t *err) {
  ee_vm_globals_t globals = {0};
  for (uint32_t i = 0; i < ee_vm_program_module_count(plan->program->vm); ++i)
    if (ee_vm_program_module(plan->program->vm, i))
      globals = ee_vm_program_globals(plan->program->vm, i);
  plan->numbers = globals;
  plan->number_copy = ee_plan_allocate(plan, globals.size, 1);
  plan->globals = ee_plan_allocate(plan, globals.ref_count, sizeof *plan->globals);
  if (!plan->number_copy || !plan->globals) return EE_NO_MEMORY(err, globals.size);
  if (globals.size) memcpy(plan->number_copy, globals.bytes, globals.size);
  plan->global_count = globals.ref_count;
  for (size_t i = 0; i < globals.ref_count; ++i) {
    plan->globals[i] = (ee_plan_global_t){.slot = &globals.refs[i], .entry = globals.refs[i]};
    ee_object_retain(globals.refs[i]);
  }
  return EERIE_OK;
}

// Beside "f" compilers export "f$async", the same for callers with fences, where a model comes from
// PyTorch or ONNX.
static bool is_twin(const eerie_program_t *program, const eerie_function_t *function) {
  const ee_str_t name = ee_str_from(function->name), ending = EE_STR("$async");
  if (name.size <= ending.size) return false;
  const ee_str_t stem = {name.data, name.size - ending.size};
  if (memcmp(stem.data + stem.size, ending.data, ending.size) != 0) return false;
  for (size_t i = 0; i < program->function_count; ++i)
    if (ee_str_equal(ee_str_from(program->functions[i].name), stem)) return true;
  return false;
}

static eerie_status_t prepare_calls(ee_plan_t *plan, eerie_error_t *err) {
  const size_t count = plan->program->function_count;
  plan->calls = ee_plan_allocate(plan, count, sizeof *plan->calls);
  if (!plan->calls) return EE_NO_MEMORY(err, count * sizeof *plan->calls);
  for (size_t i = 0; i < count; ++i) {
    if (is_twin(plan->program, &plan->program->functions[i])) continue;
    ee_plan_call_t *call = &plan->calls[plan->call_count++];
    call->function = &plan->program->functions[i];
    EE_TRY(check_function(call->function, err));
    call->inputs = ee_plan_allocate(plan, call->function->input_count, sizeof *call->inputs);
    call->results = ee_plan_allocate(plan, call->function->output_count, sizeof *call->results);
    if (!call->inputs || !call->results) return EE_NO_MEMORY(err, sizeof *call->results);
  }
  return EERIE_OK;
}

eerie_status_t ee_plan_run(ee_plan_t *plan, eerie_instance_t *instance, eerie_error_t *err) {
  EE_TRY(ee_record_device_create(&plan->record, &plan->device, err));
  const eerie_program_options_t options = {.module = plan->module,
                                           .device = (eerie_device_t *)plan->device,
                                           .step_limit = STEP_LIMIT,
                                           .wait_limit_ms = WAIT_LIMIT_MS};
  EE_TRY(eerie_program_create(instance, &options, &plan->program, err));
  plan->init_steps = ee_record_take_steps(&plan->record);
  if (plan->program->function_count == 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "the module has no function to call");
  }
  EE_TRY(prepare_calls(plan, err));
  EE_TRY(prepare_globals(plan, err));
  EE_TRY(ee_plan_find_parts(plan, err));
  return record_calls(plan, err);
}
