// native.c: modules in C that the caller of eerie_program_create gives.
//
// Each becomes a native module of the virtual machine: a table whose calling conventions are read
// off the signatures, and one function that stands behind all entries and brings arguments and
// results from one form to the other. Each function has two entries, the second for models that
// hand it fences. All that is made for a program lies in one object, which objects of the modules'
// own types keep alive.
//
// Checks at linking that say more than the virtual machine does are in imports.c.
#include "eerie/eerie_native.h"

#include "api/api.h"

// Values of a call on the stack; a function with more takes a block from the heap.
#define INLINE_VALUES 16

// ---- What is made for a program ----------------------------------------------------------------

// An entry of a module's table.
typedef struct native_function {
  eerie_function_t types; // nameless; is_async: with fences
  const eerie_native_function_t *declared;
  bool is_async; // sees the fences
  // For each input and output its type, if it is one of those that native modules have, and else
  // NULL. Convention and declaration stand behind them.
  const ee_object_type_t **objects;
  size_t block_size;
} native_function_t;

typedef struct natives natives_t;

typedef struct native_module {
  ee_vm_native_module_t vm;
  const eerie_native_module_t *declared;
  natives_t *natives;
  native_function_t *functions;        // one for each entry of `table`
  ee_vm_native_function_t *table;      // vm.functions
  const ee_object_type_t **type_table; // vm.types
} native_module_t;

// A type as the virtual machine knows it.
typedef struct native_type {
  ee_object_type_t object;
  const eerie_native_type_t *declared;
} native_type_t;

struct natives {
  ee_api_natives_t base;
  ee_heap_t *heap;
  size_t allocation_size;
  eerie_instance_t *instance;
  eerie_device_t *device;
  native_module_t *modules;
  native_type_t *types;
  size_t type_count;
};

// An object of one of those types.
typedef struct native_object {
  ee_object_t object;
  natives_t *natives;
  const eerie_native_type_t *declared;
  void *data;
} native_object_t;

// The call that a function sees, and what is behind it.
typedef struct native_call {
  eerie_native_call_t call;
  ee_vm_call_t *vm;
  const native_module_t *module;
} native_call_t;

static void forget_function(ee_heap_t *heap, native_function_t *function) {
  ee_api_function_forget(heap, &function->types);
  ee_heap_free(heap, function->objects, function->block_size);
}

static void natives_destroy(ee_object_t *object) {
  natives_t *natives = (natives_t *)object;
  for (size_t i = 0; i < natives->base.count; ++i) {
    const native_module_t *module = &natives->modules[i];
    for (uint32_t j = 0; j < module->vm.function_count; ++j)
      forget_function(natives->heap, &module->functions[j]);
  }
  eerie_instance_t *instance = natives->instance;
  eerie_device_release(natives->device);
  ee_heap_free(natives->heap, natives, natives->allocation_size);
  eerie_instance_release(instance);
}

static const ee_object_type_t natives_type = {"natives", natives_destroy};

// ---- Calls -------------------------------------------------------------------------------------

// A status that a function may fail with; anything else would be taken for something it is not.
static eerie_status_t sane_status(eerie_status_t status) {
  const unsigned code = (unsigned)status;
  return code <= (unsigned)EERIE_INCOMPATIBLE ? status : EERIE_UNKNOWN;
}

static EE_COLD eerie_status_t wrong_object(const native_function_t *function, size_t index,
                                           eerie_error_t *err) {
  const eerie_function_t *types = &function->types;
  const bool is_input = index < types->input_count;
  (void)is_input;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s %zu expects %s, got an object of another type",
                 is_input ? "input" : "output", is_input ? index : index - types->input_count,
                 types->inputs[index].text);
}

// Checks input or output `index` (outputs count on from the inputs) and gives its slot.
static eerie_status_t check_value(const native_function_t *function, size_t index,
                                  const eerie_value_t *value, ee_vm_value_t *slot,
                                  eerie_error_t *err) {
  EE_TRY(ee_api_value_load(&function->types, index, value, slot, err));
  const ee_object_type_t *type = function->objects[index];
  if (EE_UNLIKELY(type && slot->ref && slot->ref->type != type))
    return wrong_object(function, index, err);
  return EERIE_OK;
}

// Hands outputs over. Results are zero after a failure, and the outputs still whole.
static eerie_status_t store_outputs(const native_function_t *function, eerie_value_t *outputs,
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

static eerie_status_t take_fences(const native_function_t *function, const ee_vm_call_t *vm,
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

static eerie_status_t take_inputs(const native_function_t *function, const ee_vm_call_t *vm,
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

static eerie_status_t run_function(const native_module_t *module, const native_function_t *function,
                                   ee_vm_call_t *vm, eerie_value_t *values) {
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

static eerie_status_t call_native(ee_vm_call_t *vm) {
  const native_module_t *module = vm->state;
  const native_function_t *function = &module->functions[vm->native - module->table];
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

static void native_object_destroy(ee_object_t *object) {
  native_object_t *native = (native_object_t *)object;
  natives_t *natives = native->natives;
  if (native->declared->destroy) native->declared->destroy(native->data);
  ee_heap_free(natives->heap, native, sizeof *native);
  ee_object_release(&natives->base.object);
}

static const ee_object_type_t *find_object_type(const natives_t *natives,
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
  natives_t *natives = ((native_call_t *)call)->module->natives;
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
  if (object->type->destroy != native_object_destroy) return NULL;
  const native_object_t *native = (const native_object_t *)object;
  return native->declared == type ? native->data : NULL;
}

// ---- Signatures --------------------------------------------------------------------------------

// A signature while it is read.
typedef struct signature {
  const natives_t *natives;
  const char *module;
  const eerie_native_function_t *declared;
  ee_api_scan_t scan;
  char *letters; // where the next letter of the calling convention goes
  const char *arguments_end;
  ee_str_t results; // the text behind the arrow, without parentheses
  eerie_error_t *err;
} signature_t;

static EE_COLD eerie_status_t bad_signature(const signature_t *s, const char *at,
                                            const char *expected) {
  (void)at, (void)expected;
  return EE_FAIL(s->err, EERIE_INVALID_ARGUMENT,
                 "native function '%s.%s': expected %s at character %zu of the signature '%s'",
                 s->module, s->declared->name, expected, (size_t)(at - s->declared->signature) + 1,
                 s->declared->signature);
}

static bool has_prefix(ee_str_t text, const char *prefix) {
  const size_t length = ee_str_length(prefix);
  return text.size >= length && memcmp(text.data, prefix, length) == 0;
}

static const ee_object_type_t *find_named_type(const natives_t *natives, ee_str_t name) {
  for (size_t i = 0; i < natives->type_count; ++i) {
    if (ee_str_equal(name, ee_str_from(natives->types[i].object.name)))
      return &natives->types[i].object;
  }
  return NULL;
}

// i1 to i32, si8, ui64, ...: the letter, or 0.
static char integer_letter(ee_str_t type) {
  size_t at = type.data[0] == 's' || type.data[0] == 'u';
  if (at + 1 >= type.size || type.data[at] != 'i' || type.data[at + 1] == '0') return 0;
  unsigned bits = 0;
  for (++at; at < type.size; ++at) {
    if (type.data[at] < '0' || type.data[at] > '9' || bits > 64) return 0;
    bits = bits * 10 + (unsigned)(type.data[at] - '0');
  }
  if (bits == 64) return 'I';
  return bits <= 32 ? 'i' : 0;
}

// The register that a value of the type takes, or 0 for what is no type.
static char type_letter(const natives_t *natives, ee_str_t type) {
  if (type.size == 0) return 0;
  if (ee_str_equal(type, EE_STR("f32"))) return 'f';
  if (ee_str_equal(type, EE_STR("f64"))) return 'F';
  if (ee_str_equal(type, EE_STR("index"))) return 'I';
  if (ee_str_equal(type, EE_STR("tensor"))) return 'r';
  if (has_prefix(type, "tensor<") && type.data[type.size - 1] == '>') return 'r';
  if (has_prefix(type, "!util.") || has_prefix(type, "!vm.") || has_prefix(type, "!hal.")) {
    return 'r';
  }
  if (type.data[0] == '!' && find_named_type(natives, (ee_str_t){type.data + 1, type.size - 1})) {
    return 'r';
  }
  return integer_letter(type);
}

static bool next_is(signature_t *s, const char *token) {
  ee_api_scan_spaces(&s->scan);
  return ee_api_scan_accept(&s->scan, token);
}

static eerie_status_t read_type(signature_t *s) {
  ee_api_scan_spaces(&s->scan);
  const char *at = s->scan.at;
  const char letter = type_letter(s->natives, ee_api_scan_type(&s->scan));
  if (!letter) return bad_signature(s, at, "a known type");
  *s->letters++ = letter;
  return EERIE_OK;
}

// "(type, %name: type)" or "()", without the first parenthesis.
static eerie_status_t read_list(signature_t *s) {
  if (next_is(s, ")")) return EERIE_OK;
  do {
    EE_TRY(read_type(s));
  } while (next_is(s, ","));
  return next_is(s, ")") ? EERIE_OK : bad_signature(s, s->scan.at, "',' or ')'");
}

// Reads "(...) -> type", "(...) -> (...)" or "(...)", behind "async" or not.
static eerie_status_t read_signature(signature_t *s, native_function_t *function) {
  eerie_function_t *types = &function->types;
  *s->letters++ = '0';
  types->arguments = s->letters;
  function->is_async = next_is(s, "async");
  if (!next_is(s, "(")) return bad_signature(s, s->scan.at, "'('");
  EE_TRY(read_list(s));
  s->arguments_end = s->scan.at;
  types->input_count = (size_t)(s->letters - types->arguments);
  if (types->is_async) {
    *s->letters++ = 'r';
    *s->letters++ = 'r';
  }
  *s->letters++ = '_';
  types->results = s->letters;
  s->results = (ee_str_t){s->scan.at, 0};
  if (next_is(s, "->")) {
    const bool listed = next_is(s, "(");
    s->results.data = s->scan.at;
    EE_TRY(listed ? read_list(s) : read_type(s));
    s->results.size = (size_t)(s->scan.at - s->results.data) - listed;
  }
  types->output_count = (size_t)(s->letters - types->results);
  *s->letters++ = 0;
  ee_api_scan_spaces(&s->scan);
  return s->scan.at == s->scan.end ? EERIE_OK : bad_signature(s, s->scan.at, "the end");
}

static char *append(char *at, const char *text, size_t size) {
  memcpy(at, text, size);
  return at + size;
}

// What the letters do not say: elements of tensors, types of objects.
static eerie_status_t check_types(const signature_t *s, native_function_t *function) {
  const eerie_function_t *types = &function->types;
  for (size_t i = 0; i < types->input_count + types->output_count; ++i) {
    const eerie_type_t *type = &types->inputs[i];
    const ee_str_t text = ee_str_from(type->text);
    if (text.size && text.data[0] == '!') {
      function->objects[i] = find_named_type(s->natives, (ee_str_t){text.data + 1, text.size - 1});
    } else if (has_prefix(text, "tensor<") &&
               (type->rank == SIZE_MAX || type->dtype == EERIE_DTYPE_NONE)) {
      return EE_FAIL(s->err, EERIE_INVALID_ARGUMENT,
                     "native function '%s.%s': '%s' is no tensor of a known element type",
                     s->module, s->declared->name, type->text);
    }
  }
  return EERIE_OK;
}

// Fills an entry of the table and what stands behind it.
static eerie_status_t describe_function(const natives_t *natives, const char *module,
                                        const eerie_native_function_t *declared, bool fenced,
                                        native_function_t *function, ee_vm_native_function_t *entry,
                                        eerie_error_t *err) {
  const size_t length = ee_str_length(declared->signature);
  // A letter, and an object's type, for at most every other character; a few more for what is
  // written around them.
  size_t objects_size;
  if (!ee_mul_size(length / 2 + 1, sizeof(void *), &objects_size) ||
      !ee_add_size(objects_size, 2 * length + 24, &function->block_size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  function->declared = declared;
  function->objects = ee_heap_allocate_zeroed(natives->heap, function->block_size);
  if (!function->objects) return EE_NO_MEMORY(err, function->block_size);
  char *convention = (char *)function->objects + objects_size;
  eerie_function_t *types = &function->types;
  types->name = "";
  types->is_async = fenced;
  signature_t s = {
      .natives = natives,
      .module = module,
      .declared = declared,
      .scan = {declared->signature, declared->signature + length},
      .letters = convention,
      .err = err,
  };
  const eerie_status_t status = read_signature(&s, function);
  if (status != EERIE_OK) {
    types->input_count = types->output_count = 0;
    return status;
  }
  // As compilers write it: with parentheses around one result too.
  char *declaration = s.letters, *at = declaration;
  at = append(at, declared->signature, (size_t)(s.arguments_end - declared->signature));
  at = append(at, " -> (", 5);
  at = append(at, s.results.data, s.results.size);
  *at++ = ')';
  types->declaration = declaration;
  EE_TRY(ee_api_types_describe(natives->heap, (ee_str_t){declaration, (size_t)(at - declaration)},
                               types, err));
  *entry = (ee_vm_native_function_t){declared->name, convention, call_native};
  return check_types(&s, function);
}

// ---- Modules -----------------------------------------------------------------------------------

static eerie_status_t check_function(const eerie_native_module_t *module, size_t index,
                                     eerie_error_t *err) {
  const eerie_native_function_t *function = &module->functions[index];
  if (!function->name || !function->name[0] || !function->signature || !function->function) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "function %zu of native module '%s' lacks a name, a signature or the function",
                   index, module->name);
  }
  for (size_t i = 0; i < index; ++i) {
    if (!ee_str_equal(ee_str_from(module->functions[i].name), ee_str_from(function->name))) {
      continue;
    }
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "native module '%s' has two functions '%s'",
                   module->name, function->name);
  }
  return EERIE_OK;
}

static eerie_status_t check_name(const ee_api_natives_options_t *options, size_t index,
                                 eerie_error_t *err) {
  const ee_str_t name = ee_str_from(options->natives[index]->name);
  // The part of an import's name before the first dot is the module.
  for (size_t i = 0; i < name.size; ++i) {
    if (name.data[i] != '.') continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "native module '%s' has a dot in its name, where functions begin", name.data);
  }
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    if (!ee_str_equal(name, ee_str_from(ee_bridge_modules[i]->name))) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "native module '%s' has the name of one of Eerie's",
                   name.data);
  }
  for (size_t i = 0; i < index; ++i) {
    if (!ee_str_equal(name, ee_str_from(options->natives[i]->name))) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS, "two native modules have the name '%s'", name.data);
  }
  for (size_t i = 0; i < options->module_count; ++i) {
    if (!ee_str_equal(name, ee_api_module(options->modules[i])->name)) continue;
    return EE_FAIL(err, EERIE_ALREADY_EXISTS,
                   "a native module and a compiled one have the name '%s'", name.data);
  }
  return EERIE_OK;
}

// Counts what is declared, and refuses what cannot be.
static eerie_status_t check_modules(const ee_api_natives_options_t *options, size_t *out_types,
                                    size_t *out_entries, eerie_error_t *err) {
  *out_types = *out_entries = 0;
  for (size_t i = 0; i < options->native_count; ++i) {
    const eerie_native_module_t *module = options->natives[i];
    if (!module || !module->name || !module->name[0]) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "native module %zu %s", i,
                     module ? "has no name" : "is NULL");
    }
    EE_TRY(check_name(options, i, err));
    for (size_t j = 0; j < module->function_count; ++j) {
      EE_TRY(check_function(module, j, err));
    }
    // Twice as many cannot overflow: each takes more bytes than two.
    *out_entries += 2 * module->function_count;
    *out_types += module->type_count;
  }
  return EERIE_OK;
}

static bool is_builtin_type(ee_str_t name) {
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    for (uint32_t j = 0; j < ee_bridge_modules[i]->type_count; ++j) {
      if (ee_str_equal(name, ee_str_from(ee_bridge_modules[i]->types[j]->name))) return true;
    }
  }
  return has_prefix(name, "vm.") || has_prefix(name, "util.");
}

static eerie_status_t add_types(natives_t *natives, native_module_t *module, eerie_error_t *err) {
  const eerie_native_module_t *declared = module->declared;
  for (size_t i = 0; i < declared->type_count; ++i) {
    const eerie_native_type_t *type = &declared->types[i];
    const ee_str_t name = ee_str_from(type->name);
    if (name.size == 0) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "type %zu of native module '%s' has no name", i,
                     declared->name);
    }
    if (is_builtin_type(name) || find_named_type(natives, name)) {
      return EE_FAIL(err, EERIE_ALREADY_EXISTS,
                     "native module '%s' has a type '%s', which there is already", declared->name,
                     type->name);
    }
    native_type_t *added = &natives->types[natives->type_count++];
    *added = (native_type_t){{type->name, native_object_destroy}, type};
    module->type_table[i] = &added->object;
  }
  return EERIE_OK;
}

static eerie_status_t add_functions(const natives_t *natives, native_module_t *module,
                                    eerie_error_t *err) {
  const eerie_native_module_t *declared = module->declared;
  for (size_t i = 0; i < declared->function_count; ++i) {
    const eerie_native_function_t *function = &declared->functions[i];
    for (int fenced = 0; fenced < 2; ++fenced) {
      // Counted first, so that what is half made is given back too.
      const uint32_t entry = module->vm.function_count++;
      EE_TRY(describe_function(natives, declared->name, function, fenced != 0,
                               &module->functions[entry], &module->table[entry], err));
    }
  }
  return EERIE_OK;
}

static eerie_status_t state_of_user(void *user, ee_heap_t *heap, void **out_state,
                                    eerie_error_t *err) {
  (void)heap, (void)err;
  *out_state = user;
  return EERIE_OK;
}

// Adds `count` things of `size` bytes to a block; all of them are aligned as pointers are.
static bool add_array(size_t *block_size, size_t count, size_t size, size_t *out_offset) {
  size_t bytes;
  return ee_align_size(*block_size, sizeof(void *), out_offset) &&
         ee_mul_size(count, size, &bytes) && ee_add_size(*out_offset, bytes, block_size);
}

static eerie_status_t allocate(const ee_api_natives_options_t *options, size_t type_count,
                               size_t entry_count, natives_t **out_natives, eerie_error_t *err) {
  const size_t count = options->native_count;
  ee_heap_t *heap = &options->instance->heap;
  size_t size = sizeof(natives_t), refs, modules, types, type_tables, functions, tables;
  if (entry_count > UINT32_MAX || type_count > UINT32_MAX ||
      !add_array(&size, count, sizeof(ee_vm_module_ref_t), &refs) ||
      !add_array(&size, count, sizeof(native_module_t), &modules) ||
      !add_array(&size, type_count, sizeof(native_type_t), &types) ||
      !add_array(&size, type_count, sizeof(ee_object_type_t *), &type_tables) ||
      !add_array(&size, entry_count, sizeof(native_function_t), &functions) ||
      !add_array(&size, entry_count, sizeof(ee_vm_native_function_t), &tables)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  char *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) return EE_NO_MEMORY(err, size);
  natives_t *natives = (natives_t *)(void *)block;
  ee_object_initialize(&natives->base.object, &natives_type);
  natives->heap = heap;
  natives->allocation_size = size;
  natives->instance = options->instance;
  eerie_instance_retain(natives->instance);
  natives->device = options->device;
  eerie_device_retain(natives->device);
  natives->base.refs = (ee_vm_module_ref_t *)(void *)(block + refs);
  natives->modules = (native_module_t *)(void *)(block + modules);
  natives->types = (native_type_t *)(void *)(block + types);
  natives->modules[0].type_table = (const ee_object_type_t **)(void *)(block + type_tables);
  natives->modules[0].functions = (native_function_t *)(void *)(block + functions);
  natives->modules[0].table = (ee_vm_native_function_t *)(void *)(block + tables);
  *out_natives = natives;
  return EERIE_OK;
}

static eerie_status_t fill(natives_t *natives, const ee_api_natives_options_t *options,
                           eerie_error_t *err) {
  for (size_t i = 0; i < options->native_count; ++i) {
    native_module_t *module = &natives->modules[i];
    if (i != 0) {
      const native_module_t *before = module - 1;
      module->type_table = before->type_table + before->vm.type_count;
      module->functions = before->functions + before->vm.function_count;
      module->table = before->table + before->vm.function_count;
    }
    module->declared = options->natives[i];
    module->natives = natives;
    module->vm = (ee_vm_native_module_t){
        .name = module->declared->name,
        .version = UINT32_MAX, // whatever a model asks for: its functions are what counts
        .functions = module->table,
        .types = module->type_table,
        .type_count = (uint32_t)module->declared->type_count,
        .create_state = state_of_user,
    };
    natives->base.refs[natives->base.count++] =
        (ee_vm_module_ref_t){.native = &module->vm, .user = module};
    EE_TRY(add_types(natives, module, err));
    EE_TRY(add_functions(natives, module, err));
  }
  return EERIE_OK;
}

eerie_status_t ee_api_natives_create(const ee_api_natives_options_t *options,
                                     ee_api_natives_t **out_natives, eerie_error_t *err) {
  *out_natives = NULL;
  natives_t *natives = NULL;
  eerie_status_t status = EERIE_OK;
  if (options->native_count != 0) {
    size_t type_count, entry_count;
    EE_TRY(check_modules(options, &type_count, &entry_count, err));
    EE_TRY(allocate(options, type_count, entry_count, &natives, err));
    status = fill(natives, options, err);
  }
  if (status == EERIE_OK) {
    status = ee_api_imports_check(options, natives ? natives->base.refs : NULL, err);
  }
  if (status != EERIE_OK) {
    ee_object_release((ee_object_t *)natives);
    return status;
  }
  *out_natives = (ee_api_natives_t *)natives;
  return EERIE_OK;
}
