// prepared.c: calls whose inputs are checked and put into slots once, and made as often as needed.
#include "api/api.h"

// Slots: inputs, the two fences of the coarse model, results.
struct eerie_prepared_call {
  eerie_function_t *function; // of a program that is retained
  eerie_value_t *inputs;      // retained; behind the slots
  size_t allocation_size;
  ee_vm_value_t slots[];
};

static eerie_status_t bind(eerie_prepared_call_t *call, size_t index, const eerie_value_t *value,
                           eerie_error_t *err) {
  ee_vm_value_t slot;
  EE_TRY(ee_api_value_load(call->function, index, value, &slot, err));
  ee_object_t *old = ee_api_value_object(&call->inputs[index]);
  call->slots[index] = slot;
  call->inputs[index] = *value;
  ee_object_retain(ee_api_value_object(value));
  ee_object_release(old);
  return EERIE_OK;
}

static eerie_status_t allocate(eerie_function_t *function, eerie_prepared_call_t **out_call,
                               eerie_error_t *err) {
  const size_t slots = function->input_count + 2 + function->output_count;
  const size_t slot_bytes = slots * sizeof(ee_vm_value_t); // no more than a module has types
  const size_t size =
      sizeof(eerie_prepared_call_t) + slot_bytes + function->input_count * sizeof(eerie_value_t);
  eerie_prepared_call_t *call = ee_heap_allocate_zeroed(function->program->heap, size);
  if (!call) return EE_NO_MEMORY(err, size);
  eerie_program_retain(function->program);
  call->function = function;
  call->allocation_size = size;
  call->inputs = (eerie_value_t *)(void *)(call->slots + slots);
  *out_call = call;
  return EERIE_OK;
}

eerie_status_t eerie_call_prepare(eerie_function_t *function, const eerie_value_t *inputs,
                                  size_t input_count, eerie_prepared_call_t **out_call,
                                  eerie_error_t *err) {
  *out_call = NULL;
  EE_TRY(ee_api_check_counts(function, input_count, function->output_count, err));
  eerie_prepared_call_t *call = NULL;
  EE_TRY(allocate(function, &call, err));
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < input_count && status == EERIE_OK; ++i)
    status = bind(call, i, &inputs[i], err);
  if (status != EERIE_OK) {
    eerie_prepared_call_release(call);
    return status;
  }
  *out_call = call;
  return EERIE_OK;
}

eerie_status_t eerie_prepared_call_bind(eerie_prepared_call_t *call, size_t index,
                                        const eerie_value_t *value, eerie_error_t *err) {
  if (index >= call->function->input_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%s: input %zu, there are %zu", call->function->name,
                   index, call->function->input_count);
  }
  return bind(call, index, value, err);
}

eerie_status_t eerie_prepared_call_run(eerie_prepared_call_t *call, eerie_value_t *outputs,
                                       size_t output_count, eerie_error_t *err) {
  const eerie_function_t *function = call->function;
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = (eerie_value_t){.kind = EERIE_KIND_NONE};
  EE_TRY(ee_api_check_counts(function, function->input_count, output_count, err));
  ee_vm_value_t *results = call->slots + function->input_count + 2;
  EE_TRY(ee_api_call_run(function, call->slots, results, err));
  for (size_t i = 0; i < output_count; ++i)
    outputs[i] = ee_api_value_store(function->results[i], &results[i]);
  return EERIE_OK;
}

void eerie_prepared_call_release(eerie_prepared_call_t *call) {
  if (!call) return;
  eerie_program_t *program = call->function->program;
  for (size_t i = 0; i < call->function->input_count; ++i)
    ee_object_release(ee_api_value_object(&call->inputs[i]));
  ee_heap_free(program->heap, call, call->allocation_size);
  eerie_program_release(program);
}
