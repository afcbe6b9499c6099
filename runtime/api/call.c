// call.c: calls: arguments checked against the signature and put into slots, results taken out.
//
// The check comes before the call, so that a message names the argument as its author did. What the
// module itself asserts is the same again, in the compiler's words; it costs little and stays.
#include "api/api.h"

// Slots on the stack; a function with more arguments or results takes a block from the heap.
#define INLINE_SLOTS 24

// ---- Checking arguments ------------------------------------------------------------------------

// Numbers of the same width and the same family (integers, floats of one format) pass for each
// other: a model compiled from NumPy's signed i32 takes MLIR's signless i32. Families: upper nibble
// of the kind for integers, the whole kind for the rest.
static bool dtype_fits(uint32_t expected, uint32_t actual) {
  if (expected == actual || expected == EERIE_DTYPE_NONE) return true;
  const uint32_t integer = 0x10u, boolean = 0x13u;
  const uint32_t expected_kind = expected >> 24, actual_kind = actual >> 24;
  return (expected & 0xFFu) == (actual & 0xFFu) && (expected_kind & 0xF0u) == integer &&
         (actual_kind & 0xF0u) == integer && expected_kind != boolean && actual_kind != boolean;
}

#if EERIE_MESSAGES

static const char *kind_name(eerie_kind_t kind) {
  static const char *const names[] = {"nothing", "a tensor", "an i32", "an i64",  "an f32",
                                      "an f64",  "bytes",    "a list", "a fence", "an object"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "an unknown kind";
}

// Puts "f: input 0 'x' expects tensor<4xf32>" before what was found. Outputs, which functions in C
// make, count on from the inputs.
static EE_COLD eerie_status_t name_value(const eerie_function_t *function, size_t index,
                                         eerie_status_t status, eerie_error_t *err) {
  const eerie_type_t *type = &function->inputs[index];
  const bool input = index < function->input_count;
  EE_ANNOTATE(err, "%s%s%s %zu%s%s%s expects %s", function->name, function->name[0] ? ": " : "",
              input ? "input" : "output", input ? index : index - function->input_count,
              type->name[0] ? " '" : "", type->name, type->name[0] ? "'" : "",
              type->text[0] ? type->text : kind_name(type->kind));
  return status;
}

#else

#define name_value(function, index, status, err) (status)

#endif

static EE_COLD eerie_status_t wrong_dtype(const eerie_function_t *function, size_t index,
                                          const ee_hal_buffer_view_t *view, eerie_error_t *err) {
  return name_value(function, index,
                    EE_FAIL(err, EERIE_INVALID_ARGUMENT, "got dtype %s",
                            eerie_dtype_name((eerie_dtype_t)view->element_type)),
                    err);
}

static EE_COLD eerie_status_t wrong_rank(const eerie_function_t *function, size_t index,
                                         const ee_hal_buffer_view_t *view, eerie_error_t *err) {
  return name_value(function, index,
                    EE_FAIL(err, EERIE_INVALID_ARGUMENT, "got rank %u, expected %zu",
                            (unsigned)view->rank, function->inputs[index].rank),
                    err);
}

static EE_COLD eerie_status_t wrong_dimension(const eerie_function_t *function, size_t index,
                                              size_t dimension, int64_t actual,
                                              eerie_error_t *err) {
  return name_value(function, index,
                    EE_FAIL(err, EERIE_INVALID_ARGUMENT, "dimension %zu is %lld, expected %lld",
                            dimension, (long long)actual,
                            (long long)function->inputs[index].shape[dimension]),
                    err);
}

static EE_COLD eerie_status_t wrong_kind(const eerie_function_t *function, size_t index,
                                         eerie_kind_t actual, eerie_error_t *err) {
  return name_value(function, index,
                    EE_FAIL(err, EERIE_INVALID_ARGUMENT, "got %s", kind_name(actual)), err);
}

static inline eerie_status_t check_tensor(const eerie_function_t *function, size_t index,
                                          const ee_hal_buffer_view_t *view, eerie_error_t *err) {
  const eerie_type_t *type = &function->inputs[index];
  if (EE_UNLIKELY(!dtype_fits((uint32_t)type->dtype, view->element_type))) {
    return wrong_dtype(function, index, view, err);
  }
  if (type->rank == SIZE_MAX) return EERIE_OK;
  if (EE_UNLIKELY(type->rank != view->rank)) return wrong_rank(function, index, view, err);
  for (size_t i = 0; i < type->rank; ++i) {
    if (EE_UNLIKELY(type->shape[i] >= 0 && type->shape[i] != view->dims[i])) {
      return wrong_dimension(function, index, i, view->dims[i], err);
    }
  }
  return EERIE_OK;
}

eerie_status_t ee_api_value_load(const eerie_function_t *function, size_t index,
                                 const eerie_value_t *value, ee_vm_value_t *slot,
                                 eerie_error_t *err) {
  const eerie_type_t *type = &function->inputs[index];
  const eerie_kind_t kind = value->kind;
  ee_object_t *object = ee_api_value_object(value);
  slot->i64 = 0;
  switch (type->kind) {
  case EERIE_KIND_I32: slot->i32 = value->as.i32; break;
  case EERIE_KIND_I64: slot->i64 = value->as.i64; break;
  case EERIE_KIND_F32: slot->f32 = value->as.f32; break;
  case EERIE_KIND_F64: slot->f64 = value->as.f64; break;
  case EERIE_KIND_TENSOR:
    if (EE_UNLIKELY(kind != EERIE_KIND_TENSOR || !object)) {
      return wrong_kind(function, index, kind != EERIE_KIND_TENSOR ? kind : EERIE_KIND_NONE, err);
    }
    slot->ref = object;
    return check_tensor(function, index, (const ee_hal_buffer_view_t *)object, err);
  case EERIE_KIND_OTHER: // of a type that is not declared: the module itself checks
    if (kind >= EERIE_KIND_I32 && kind <= EERIE_KIND_F64) {
      return wrong_kind(function, index, kind, err);
    }
    slot->ref = object;
    // "!hal.buffer": the storage without the shape
    if (kind == EERIE_KIND_TENSOR &&
        ee_str_equal(ee_str_from(type->text), ee_str_from("!hal.buffer")) && object) {
      slot->ref = (ee_object_t *)((ee_hal_buffer_view_t *)object)->buffer;
    }
    return EERIE_OK;
  default: slot->ref = object; break;
  }
  const bool null_reference = kind == EERIE_KIND_NONE && type->kind >= EERIE_KIND_BUFFER;
  if (EE_UNLIKELY(kind != type->kind && !null_reference)) {
    return wrong_kind(function, index, kind, err);
  }
  return EERIE_OK;
}

// ---- Results -----------------------------------------------------------------------------------

eerie_value_t ee_api_value_store(char letter, const ee_vm_value_t *slot) {
  eerie_value_t value = {.kind = EERIE_KIND_I32};
  switch (letter) {
  case 'i': value.as.i32 = slot->i32; break;
  case 'I':
    value.kind = EERIE_KIND_I64;
    value.as.i64 = slot->i64;
    break;
  case 'f':
    value.kind = EERIE_KIND_F32;
    value.as.f32 = slot->f32;
    break;
  case 'F':
    value.kind = EERIE_KIND_F64;
    value.as.f64 = slot->f64;
    break;
  default: value = ee_api_value_from_object(slot->ref); break;
  }
  return value;
}

static void drop_results(const eerie_function_t *function, ee_vm_value_t *slots) {
  for (size_t i = 0; i < function->output_count; ++i) {
    if (function->results[i] == 'r') ee_object_release(slots[i].ref);
  }
}

// ---- Calling -----------------------------------------------------------------------------------

static EE_COLD eerie_status_t wrong_count(const eerie_function_t *function, const char *what,
                                          size_t actual, size_t expected, eerie_error_t *err) {
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s: got %zu %s, expected %zu%s%s", function->name,
                 actual, what, expected, function->declaration[0] ? ": " : "",
                 function->declaration);
}

static inline eerie_status_t check_counts(const eerie_function_t *function, size_t input_count,
                                          size_t output_count, eerie_error_t *err) {
  if (EE_UNLIKELY(input_count != function->input_count)) {
    return wrong_count(function, "inputs", input_count, function->input_count, err);
  }
  if (EE_UNLIKELY(output_count != function->output_count)) {
    return wrong_count(function, "outputs", output_count, function->output_count, err);
  }
  return EERIE_OK;
}

// Waits out whatever a deferred call waits for, as often as it takes.
static eerie_status_t finish_deferred(const eerie_function_t *function, ee_vm_value_t *results,
                                      eerie_error_t *err) {
  ee_vm_program_t *vm = function->program->vm;
  ee_api_wait_begin(function->program);
  eerie_status_t status = EERIE_DEFERRED;
  while (status == EERIE_DEFERRED) {
    int64_t deadline = INT64_MAX;
    ee_object_t *object = ee_vm_pending(vm, &deadline);
    if (object) {
      // The function finds out about a failed or late fence by itself and says so in its own way;
      // only a wait that cannot be made ends the call here.
      eerie_error_t cause = {.code = EERIE_OK};
      status = ee_api_wait(function->program, object, deadline, &cause);
      const bool limited =
          status == EERIE_DEADLINE_EXCEEDED && function->program->wait_end_ns < deadline;
      if (limited || status == EERIE_UNIMPLEMENTED || status == EERIE_FAILED_PRECONDITION) {
        if (err) *err = cause;
        ee_vm_cancel(vm);
        return status;
      }
    }
    status = ee_vm_resume(vm, results, err);
  }
  return status;
}

// The slots of one call: arguments, the fences of the coarse model, then results.
typedef struct slots {
  ee_vm_value_t *arguments;
  ee_vm_value_t *results;
  ee_vm_value_t *block; // NULL: the caller's inline storage
  size_t block_size;
} slots_t;

static inline eerie_status_t take_slots(const eerie_function_t *function, ee_vm_value_t *storage,
                                        slots_t *slots, eerie_error_t *err) {
  const size_t argument_count = function->input_count + 2;
  const size_t count = argument_count + function->output_count;
  *slots = (slots_t){storage, storage + argument_count, NULL, 0};
  if (EE_LIKELY(count <= INLINE_SLOTS)) return EERIE_OK;
  slots->block_size = count * sizeof(ee_vm_value_t);
  slots->block = ee_heap_allocate(function->program->heap, slots->block_size);
  if (!slots->block) return EE_NO_MEMORY(err, slots->block_size);
  slots->arguments = slots->block;
  slots->results = slots->block + argument_count;
  return EERIE_OK;
}

static inline void give_slots(const eerie_function_t *function, slots_t *slots) {
  if (slots->block) ee_heap_free(function->program->heap, slots->block, slots->block_size);
}

// A function that is over has signaled its fence, or an operation will.
static eerie_status_t check_signaled(const eerie_function_t *function, const ee_hal_fence_t *signal,
                                     eerie_error_t *err) {
  (void)function;
  if (EE_LIKELY(!signal || !ee_hal_fence_is_forgotten(signal))) return EERIE_OK;
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "%s never signals its fence", function->name);
}

// A coarse-fences function called as if it were synchronous: its signal fence is waited for.
static eerie_status_t run_fenced(const eerie_function_t *function, slots_t *slots,
                                 eerie_error_t *err) {
  ee_hal_fence_t *signal = NULL;
  EE_TRY(ee_hal_fence_create(function->program->heap, &signal, err));
  ee_api_wait_begin(function->program);
  slots->arguments[function->input_count].i64 = 0;
  slots->arguments[function->input_count].ref = NULL;
  slots->arguments[function->input_count + 1].ref = (ee_object_t *)signal;
  eerie_status_t status =
      ee_vm_invoke(function->program->vm, function->vm, slots->arguments, slots->results, err);
  if (status == EERIE_DEFERRED) status = finish_deferred(function, slots->results, err);
  if (status == EERIE_OK) {
    status = check_signaled(function, signal, err);
    if (status == EERIE_OK) {
      status = ee_hal_fence_wait(signal, function->program->wait_end_ns, err);
    }
    if (status != EERIE_OK) drop_results(function, slots->results);
  }
  ee_object_release((ee_object_t *)signal);
  return status;
}

static inline eerie_status_t run_unseen(const eerie_function_t *function, slots_t *slots,
                                        eerie_error_t *err) {
  if (function->is_async) return run_fenced(function, slots, err);
  const eerie_status_t status =
      ee_vm_invoke(function->program->vm, function->vm, slots->arguments, slots->results, err);
  return EE_LIKELY(status != EERIE_DEFERRED) ? status
                                             : finish_deferred(function, slots->results, err);
}

static inline eerie_status_t run(const eerie_function_t *function, slots_t *slots,
                                 eerie_error_t *err) {
  const int64_t begin_ns = ee_hal_observe_begin(function->program->heap);
  const eerie_status_t status = run_unseen(function, slots, err);
  if (begin_ns) {
    ee_hal_observe_span(function->program->heap, EE_HAL_EVENT_CALL, function->name, 0, begin_ns);
  }
  return status;
}

eerie_status_t ee_api_check_counts(const eerie_function_t *function, size_t input_count,
                                   size_t output_count, eerie_error_t *err) {
  return check_counts(function, input_count, output_count, err);
}

eerie_status_t ee_api_call_run(const eerie_function_t *function, ee_vm_value_t *arguments,
                               ee_vm_value_t *results, eerie_error_t *err) {
  return run(function, &(slots_t){.arguments = arguments, .results = results}, err);
}

static eerie_status_t load_values(const eerie_function_t *function, const eerie_value_t *inputs,
                                  slots_t *slots, eerie_error_t *err) {
  for (size_t i = 0; i < function->input_count; ++i) {
    EE_TRY(ee_api_value_load(function, i, &inputs[i], &slots->arguments[i], err));
  }
  return EERIE_OK;
}

static void store_values(const eerie_function_t *function, const slots_t *slots,
                         eerie_value_t *outputs) {
  for (size_t i = 0; i < function->output_count; ++i) {
    outputs[i] = ee_api_value_store(function->results[i], &slots->results[i]);
  }
}

eerie_status_t eerie_call(eerie_function_t *function, const eerie_value_t *inputs,
                          size_t input_count, eerie_value_t *outputs, size_t output_count,
                          eerie_error_t *err) {
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = (eerie_value_t){.kind = EERIE_KIND_NONE};
  EE_TRY(check_counts(function, input_count, output_count, err));
  ee_vm_value_t storage[INLINE_SLOTS];
  slots_t slots;
  EE_TRY(take_slots(function, storage, &slots, err));
  eerie_status_t status = load_values(function, inputs, &slots, err);
  if (status == EERIE_OK) status = run(function, &slots, err);
  if (status == EERIE_OK) store_values(function, &slots, outputs);
  give_slots(function, &slots);
  return status;
}

// Takes the tensors out; a result of another kind is an error, and then all are dropped.
static eerie_status_t store_tensors(const eerie_function_t *function, slots_t *slots,
                                    eerie_tensor_t **outputs, eerie_error_t *err) {
  for (size_t i = 0; i < function->output_count; ++i) {
    const ee_object_t *object = function->results[i] == 'r' ? slots->results[i].ref : NULL;
    if (object && object->type == &ee_hal_buffer_view_type) continue;
    drop_results(function, slots->results);
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s: output %zu is no tensor (%s): use eerie_call",
                   function->name, i, function->outputs[i].text);
  }
  for (size_t i = 0; i < function->output_count; ++i) {
    outputs[i] = (eerie_tensor_t *)slots->results[i].ref;
  }
  return EERIE_OK;
}

eerie_status_t eerie_call_tensors(eerie_function_t *function, eerie_tensor_t *const *inputs,
                                  size_t input_count, eerie_tensor_t **outputs, size_t output_count,
                                  eerie_error_t *err) {
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = NULL;
  EE_TRY(check_counts(function, input_count, output_count, err));
  ee_vm_value_t storage[INLINE_SLOTS];
  slots_t slots;
  EE_TRY(take_slots(function, storage, &slots, err));
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < input_count && status == EERIE_OK; ++i) {
    const eerie_value_t value = {.kind = EERIE_KIND_TENSOR, .as.tensor = inputs[i]};
    status = ee_api_value_load(function, i, &value, &slots.arguments[i], err);
  }
  if (status == EERIE_OK) status = run(function, &slots, err);
  if (status == EERIE_OK) status = store_tensors(function, &slots, outputs, err);
  give_slots(function, &slots);
  return status;
}

// ---- Asynchronous calls ------------------------------------------------------------------------

// A synchronous function behind fences: wait, run, signal.
static eerie_status_t call_behind_fences(eerie_function_t *function, slots_t *slots,
                                         eerie_fence_t *wait, eerie_fence_t *signal,
                                         eerie_error_t *err) {
  eerie_error_t cause = {.code = EERIE_OK};
  eerie_status_t status = ee_hal_fence_wait(ee_api_fence(wait), INT64_MAX, &cause);
  if (status == EERIE_OK) status = run(function, slots, &cause);
  if (status != EERIE_OK && err) *err = cause;
  if (signal) ee_hal_fence_signal(ee_api_fence(signal), status, &cause);
  return status;
}

// After the function of an asynchronous call is over; takes over `signal`. The caller's fence fails
// with a call that fails.
static eerie_status_t settle_async(const eerie_function_t *function, slots_t *slots,
                                   ee_hal_fence_t *take_signal, eerie_status_t status,
                                   eerie_error_t *cause, eerie_error_t *err) {
  if (status == EERIE_OK) {
    status = check_signaled(function, take_signal, cause);
    if (status != EERIE_OK) drop_results(function, slots->results);
  }
  if (EE_UNLIKELY(status != EERIE_OK)) {
    ee_hal_fence_signal(take_signal, status, cause);
    if (err) *err = *cause;
  }
  ee_object_release((ee_object_t *)take_signal);
  return status;
}

// What an asynchronous call has to do may go on after it has returned.
static inline void set_later(eerie_program_t *program, bool later) {
#if EERIE_THREADS
  program->later = later;
#else
  (void)program, (void)later;
#endif
}

// The module gets a fence of its own in the place of the caller's.
static eerie_status_t call_fenced(const eerie_function_t *function, slots_t *slots,
                                  ee_hal_fence_t *wait, ee_hal_fence_t *signal,
                                  eerie_error_t *err) {
  eerie_program_t *program = function->program;
  ee_hal_fence_t *before = NULL;
  if (signal) EE_TRY(ee_hal_fence_create_before(program->heap, signal, &before, err));
  slots->arguments[function->input_count].ref = (ee_object_t *)wait;
  slots->arguments[function->input_count + 1].ref = (ee_object_t *)before;
  eerie_error_t cause = {.code = EERIE_OK};
  const int64_t begin_ns = ee_hal_observe_begin(program->heap);
  set_later(program, true);
  const eerie_status_t status =
      ee_vm_invoke(program->vm, function->vm, slots->arguments, slots->results, &cause);
  set_later(program, false);
  if (begin_ns) {
    ee_hal_observe_span(program->heap, EE_HAL_EVENT_CALL, function->name, 0, begin_ns);
  }
  if (status == EERIE_DEFERRED) {
    program->signal = before;
    return status;
  }
  // A program that is busy has done nothing: the call may be made again with the same fence.
  if (status == EERIE_UNAVAILABLE && before && ee_object_is_unique((ee_object_t *)before)) {
    ee_hal_fence_detach(before);
  }
  return settle_async(function, slots, before, status, &cause, err);
}

eerie_status_t eerie_call_async(eerie_function_t *function, const eerie_value_t *inputs,
                                size_t input_count, eerie_fence_t *wait, eerie_fence_t *signal,
                                eerie_value_t *outputs, size_t output_count, eerie_error_t *err) {
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = (eerie_value_t){.kind = EERIE_KIND_NONE};
  EE_TRY(check_counts(function, input_count, output_count, err));
  ee_vm_value_t storage[INLINE_SLOTS];
  slots_t slots;
  EE_TRY(take_slots(function, storage, &slots, err));
  eerie_status_t status = load_values(function, inputs, &slots, err);
  if (status == EERIE_OK && !function->is_async) {
    status = call_behind_fences(function, &slots, wait, signal, err);
  } else if (status == EERIE_OK) {
    status = call_fenced(function, &slots, ee_api_fence(wait), ee_api_fence(signal), err);
  }
  if (status == EERIE_OK) store_values(function, &slots, outputs);
  give_slots(function, &slots);
  return status;
}

eerie_status_t eerie_call_resume(eerie_function_t *function, eerie_value_t *outputs,
                                 size_t output_count, eerie_error_t *err) {
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = (eerie_value_t){.kind = EERIE_KIND_NONE};
  EE_TRY(check_counts(function, function->input_count, output_count, err));
  ee_vm_value_t storage[INLINE_SLOTS];
  slots_t slots;
  EE_TRY(take_slots(function, storage, &slots, err));
  eerie_error_t cause = {.code = EERIE_OK};
  set_later(function->program, true);
  eerie_status_t status = ee_vm_resume(function->program->vm, slots.results, &cause);
  set_later(function->program, false);
  if (status != EERIE_DEFERRED) {
    ee_hal_fence_t *signal = function->program->signal;
    function->program->signal = NULL;
    status = settle_async(function, &slots, signal, status, &cause, err);
  }
  if (status == EERIE_OK) store_values(function, &slots, outputs);
  give_slots(function, &slots);
  return status;
}
