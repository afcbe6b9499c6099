// signature_bare.c: takes the place of signature.c where nobody reads types: arguments and results
// are known by the letters of the calling convention. Tensors are checked by the module itself,
// whose functions begin with assertions of shape and element type.
#include "api/api.h"

static eerie_kind_t kind_of(char letter) {
  switch (letter) {
  case 'i': return EERIE_KIND_I32;
  case 'I': return EERIE_KIND_I64;
  case 'f': return EERIE_KIND_F32;
  case 'F': return EERIE_KIND_F64;
  default: return EERIE_KIND_OTHER;
  }
}

static void describe(const char *letters, size_t count, eerie_type_t *types) {
  for (size_t i = 0; i < count; ++i)
    types[i] =
        (eerie_type_t){.kind = kind_of(letters[i]), .name = "", .text = "", .rank = SIZE_MAX};
}

eerie_status_t ee_api_function_describe(ee_heap_t *heap, const ee_module_t *module,
                                        const ee_module_function_t *body,
                                        eerie_function_t *function, eerie_error_t *err) {
  const ee_str_t model =
      ee_module_function_attribute(module, function->vm.ordinal, EE_STR("iree.abi.model"));
  function->declaration = "";
  function->arguments = body->signature.arguments.data;
  function->results = body->signature.results.data;
  function->input_count = body->signature.arguments.size;
  function->output_count = body->signature.results.size;
  // The coarse model hands a wait and a signal fence in behind the arguments.
  function->is_async = ee_str_equal(model, EE_STR("coarse-fences")) && function->input_count >= 2 &&
                       function->arguments[function->input_count - 1] == 'r' &&
                       function->arguments[function->input_count - 2] == 'r';
  if (function->is_async) function->input_count -= 2;
  return ee_api_types_describe(heap, (ee_str_t){NULL, 0}, function, err);
}

eerie_status_t ee_api_types_describe(ee_heap_t *heap, ee_str_t declaration,
                                     eerie_function_t *function, eerie_error_t *err) {
  (void)declaration;
  const size_t count = function->input_count + function->output_count;
  function->storage_size = count * sizeof(eerie_type_t); // no more than a module has types
  if (!count) return EERIE_OK;
  function->inputs = ee_heap_allocate(heap, function->storage_size);
  if (!function->inputs) return EE_NO_MEMORY(err, function->storage_size);
  function->outputs = function->inputs + function->input_count;
  describe(function->arguments, function->input_count, function->inputs);
  describe(function->results, function->output_count, function->outputs);
  return EERIE_OK;
}

void ee_api_function_forget(ee_heap_t *heap, eerie_function_t *function) {
  ee_heap_free(heap, function->inputs, function->storage_size);
}
