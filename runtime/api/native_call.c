// native_call.c: what happens when a model calls a function in C: arguments become values, outputs
// become results, and between them the fences of asynchronous models; then what such a function may
// ask for while it runs.
#include "api/native.h"

// An object of one of those types.
typedef struct native_object {
  ee_object_t object;
  ee_natives_t *natives;
  const eerie_native_type_t *declared;
  void *data;
} native_object_t;

// The call that a function sees, and what is behind it.
typedef struct native_call {
  eerie_native_call_t call;
  ee_vm_call_t *vm;
  const ee_native_module_t *module;
} native_call_t;

// Values of a call on the stack; a function with more takes a block from the heap.
#define INLINE_VALUES 16

// A status that a function may fail with; anything else would be taken for something it is not.
static eerie_status_t sane_status(eerie_status_t status) {
  const unsigned code = (unsigned)status;
  return code <= (unsigned)EERIE_INCOMPATIBLE ? status : EERIE_UNKNOWN;
}

static EE_COLD eerie_status_t wrong_object(const ee_native_function_t *function, size_t index,
                                           eerie_error_t *err) {
  const eerie_function_t *types = &function->types;
  const bool is_input = index < types->input_count;
  (void)is_input;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s %zu expects %s, got an object of another type",
                 is_input ? "input" : "output", is_input ? index : index - types->input_count,
                 types->inputs[index].text);
}

// Checks input or output `index` (outputs count on from the inputs) and gives its slot.
static eerie_status_t check_value(const ee_native_function_t *function, size_t index,
                                  const eerie_value_t *value, ee_vm_value_t *slot,
                                  eerie_error_t *err) {
  EE_TRY(ee_api_value_load(&function->types, index, value, slot, err));
  const ee_object_type_t *type = function->objects[index];
  if (EE_UNLIKELY(type && slot->ref && slot->ref->type != type))
    return wrong_object(function, index, err);
  return EERIE_OK;
}

// Hands outputs over. Results are zero after a failure, and the outputs still whole.
static eerie_status_t store_outputs(const ee_native_function_t *function, eerie_value_t *outputs,
                                    ee_vm_value_t *results, eerie_error_t *err) {
  const eerie_function_t *types = &function->types;
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < types->output_count && status == EERIE_OK; ++i)
    status = check_value(function, types->input_count + i, &outputs[i], &results[i], err);
  for (size_t i = 0; i < types->output_count; ++i) {
    if (status != EERIE_OK) {
      results[i].i64 = 0;
      continue;
    }
    // A tensor where its storage is wanted: the reference changes owner.
    ee_object_t *object = ee_api_value_object(&outputs[i]);
    if (types->results[i] == 'r' && results[i].ref != object) {
      ee_object_retain(results[i].ref);
      ee_object_release(object);
    }
  }
  return status;
}

static void drop_outputs(eerie_value_t *outputs, size_t count) {
  for (size_t i = 0; i < count; ++i)
    eerie_value_release(&outputs[i]);
}

// The fences of a model that hands some over.
typedef struct fences {
  ee_hal_fence_t *wait;
  ee_hal_fence_t *signal;
} fences_t;

static eerie_status_t take_fences(const ee_native_function_t *function, const ee_vm_call_t *vm,
                                  fences_t *fences, eerie_error_t *err) {
  if (EE_LIKELY(!function->types.is_async)) return EERIE_OK;
  const ee_vm_value_t *slots = vm->arguments + function->types.input_count;
  for (size_t i = 0; i < 2; ++i) {
    if (!slots[i].ref || slots[i].ref->type == &ee_hal_fence_type) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "expects a fence, got a %s",
                   slots[i].ref->type->name);
  }
  *fences = (fences_t){(ee_hal_fence_t *)slots[0].ref, (ee_hal_fence_t *)slots[1].ref};
  return EERIE_OK;
}

// Fences that the function itself knows nothing of: it is called when its arguments are there.
static eerie_status_t await_arguments(ee_vm_call_t *vm, ee_hal_fence_t *wait, eerie_error_t *err) {
  const eerie_status_t status = ee_hal_fence_query(wait, err);
  if (status != EERIE_DEFERRED) return status;
  ee_object_retain((ee_object_t *)wait);
  vm->wait_object = (ee_object_t *)wait;
  return status;
}

static eerie_status_t take_inputs(const ee_native_function_t *function, const ee_vm_call_t *vm,
                                  eerie_value_t *inputs, eerie_error_t *err) {
  const eerie_function_t *types = &function->types;
  for (size_t i = 0; i < types->input_count; ++i) {
    ee_vm_value_t same;
    inputs[i] = ee_api_value_store(types->arguments[i], &vm->arguments[i]);
    EE_TRY(check_value(function, i, &inputs[i], &same, err));
  }
  return EERIE_OK;
}

// Ends a call that failed or waits. `cause` is what the function left as its reason.
static EE_COLD eerie_status_t end_badly(const eerie_native_call_t *call, const fences_t *fences,
                                        eerie_status_t status, eerie_error_t *cause,
                                        eerie_error_t *err) {
  drop_outputs(call->outputs, call->output_count);
  if (status == EERIE_DEFERRED) return status;
  // A text that was left for another status says nothing about this one.
  if (cause->code != status) {
    (void)EE_FAIL(cause, status, "failed with %s", eerie_status_name(status));
  }
  if (err) *err = *cause;
  ee_hal_fence_signal(fences->signal, status, cause);
  return status;
}

static eerie_status_t run_function(const ee_native_module_t *module,
                                   const ee_native_function_t *function, ee_vm_call_t *vm,
                                   eerie_value_t *values) {
  const eerie_function_t *types = &function->types;
  eerie_error_t cause;
  cause.code = EERIE_OK;
  cause.line = 0;
  cause.file = NULL;
  cause.message[0] = 0;
  native_call_t native = {
      .call = {.user = module->declared->user,
               .instance = module->natives->instance,
               .device = module->natives->device,
               .inputs = values,
               .input_count = types->input_count,
               .outputs = values + types->input_count,
               .output_count = types->output_count,
               .err = &cause},
      .vm = vm,
      .module = module,
  };
  eerie_native_call_t *call = &native.call;
  for (size_t i = 0; i < types->output_count; ++i)
    call->outputs[i] = (eerie_value_t){.kind = EERIE_KIND_NONE};
  fences_t fences = {NULL, NULL};
  eerie_status_t status = take_fences(function, vm, &fences, &cause);
  if (status == EERIE_OK) status = take_inputs(function, vm, values, &cause);
  if (function->is_async) {
    call->wait = (eerie_fence_t *)fences.wait;
    call->signal = (eerie_fence_t *)fences.signal;
  } else if (status == EERIE_OK && EE_UNLIKELY(fences.wait)) {
    status = await_arguments(vm, fences.wait, &cause);
  }
  if (EE_LIKELY(status == EERIE_OK)) status = sane_status(function->declared->function(call));
  if (EE_LIKELY(status == EERIE_OK)) {
    cause.code = EERIE_OK;
    status = store_outputs(function, call->outputs, vm->results, &cause);
  }
  if (EE_UNLIKELY(status != EERIE_OK)) return end_badly(call, &fences, status, &cause, vm->err);
  if (!function->is_async) ee_hal_fence_signal(fences.signal, EERIE_OK, NULL);
  return status;
}

eerie_status_t ee_native_call(ee_vm_call_t *vm) {
  const ee_native_module_t *module = vm->state;
  const ee_native_function_t *function = &module->functions[vm->native - module->table];
  const size_t count = function->types.input_count + function->types.output_count;
  eerie_value_t storage[INLINE_VALUES];
  if (EE_LIKELY(count <= INLINE_VALUES)) return run_function(module, function, vm, storage);
  const size_t size = count * sizeof(eerie_value_t);
  eerie_value_t *values = ee_heap_allocate(vm->heap, size);
  if (!values) return EE_NO_MEMORY(vm->err, size);
  const eerie_status_t status = run_function(module, function, vm, values);
  ee_heap_free(vm->heap, values, size);
  return status;
}

// ---- Inside of a function ----------------------------------------------------------------------

eerie_status_t eerie_native_fail(eerie_native_call_t *call, eerie_status_t status,
                                 const char *format, ...) {
  status = sane_status(status);
  if (status == EERIE_OK || status == EERIE_DEFERRED) status = EERIE_UNKNOWN;
  char text[EERIE_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  ee_vformat(text, sizeof text, format, arguments);
  va_end(arguments);
  return EE_FAIL(call->err, status, "%s", text);
}

eerie_status_t eerie_native_output_tensor(eerie_native_call_t *call, size_t index,
                                          eerie_dtype_t dtype, size_t rank, const int64_t *shape,
                                          const void *data, eerie_tensor_t **out_tensor) {
  if (out_tensor) *out_tensor = NULL;
  if (index >= call->output_count) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE, "there is no output %zu of %zu", index,
                   call->output_count);
  }
  eerie_tensor_t *tensor = NULL;
  EE_TRY(eerie_tensor_create(call->device, dtype, rank, shape, data, &tensor, call->err));
  eerie_value_release(&call->outputs[index]);
  call->outputs[index] = (eerie_value_t){.kind = EERIE_KIND_TENSOR, .as.tensor = tensor};
  if (out_tensor) *out_tensor = tensor;
  return EERIE_OK;
}

eerie_status_t eerie_native_wait(eerie_native_call_t *call, eerie_fence_t *fence) {
  ee_vm_call_t *vm = ((native_call_t *)call)->vm;
  eerie_fence_retain(fence);
  ee_object_release(vm->wait_object);
  vm->wait_object = (ee_object_t *)fence;
  return EERIE_DEFERRED;
}

void ee_native_object_destroy(ee_object_t *object) {
  native_object_t *native = (native_object_t *)object;
  ee_natives_t *natives = native->natives;
  if (native->declared->destroy) native->declared->destroy(native->data);
  ee_heap_free(natives->heap, native, sizeof *native);
  ee_object_release(&natives->base.object);
}

static const ee_object_type_t *find_object_type(const ee_natives_t *natives,
                                                const eerie_native_type_t *declared) {
  for (size_t i = 0; i < natives->type_count; ++i) {
    if (natives->types[i].declared == declared) return &natives->types[i].object;
  }
  return NULL;
}

eerie_status_t eerie_native_object_create(eerie_native_call_t *call,
                                          const eerie_native_type_t *type, void *data,
                                          eerie_value_t *out_value) {
  *out_value = (eerie_value_t){.kind = EERIE_KIND_NONE};
  ee_natives_t *natives = ((native_call_t *)call)->module->natives;
  const ee_object_type_t *object_type = find_object_type(natives, type);
  if (!object_type) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                   "no native module of the program has the type '%s'", type->name);
  }
  native_object_t *object = ee_heap_allocate(natives->heap, sizeof *object);
  if (!object) return EE_NO_MEMORY(call->err, sizeof *object);
  ee_object_initialize(&object->object, object_type);
  ee_object_retain(&natives->base.object);
  object->natives = natives;
  object->declared = type;
  object->data = data;
  *out_value = (eerie_value_t){.kind = EERIE_KIND_OTHER, .as.other = object};
  return EERIE_OK;
}

void *eerie_native_object_data(const eerie_value_t *value, const eerie_native_type_t *type) {
  if (value->kind != EERIE_KIND_OTHER || !value->as.other) return NULL;
  const ee_object_t *object = value->as.other;
  if (object->type->destroy != ee_native_object_destroy) return NULL;
  const native_object_t *native = (const native_object_t *)object;
  return native->declared == type ? native->data : NULL;
}
