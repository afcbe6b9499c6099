// program.c: linking modules, finding functions.
#include "api/api.h"

#include "port/port.h"

// Functions whose names start so are the compiler's own: initialisers.
static bool is_internal(ee_str_t name) {
  return name.size >= 2 && name.data[0] == '_' && name.data[1] == '_';
}

// Whether `name` is "module.function".
static bool is_function_of(ee_str_t name, ee_str_t module) {
  return name.size > module.size && name.data[module.size] == '.' &&
         memcmp(name.data, module.data, module.size) == 0;
}

static bool needs_native(const ee_module_t *module, ee_str_t name) {
  for (uint32_t i = 0; i < module->import_count; ++i) {
    if (is_function_of(module->imports[i].full_name, name)) return true;
  }
  for (uint32_t i = 0; i < module->dependency_count; ++i) {
    if (ee_str_equal(module->dependencies[i].name, name)) return true;
  }
  return false;
}

static bool needs_device(const ee_module_t *module) {
  return needs_native(module, EE_STR("hal")) || needs_native(module, EE_STR("hal_inline")) ||
         needs_native(module, EE_STR("hal_loader"));
}

static void program_destroy(ee_object_t *object) {
  eerie_program_t *program = (eerie_program_t *)object;
  for (size_t i = 0; i < program->function_count; ++i) {
    ee_api_function_forget(program->heap, &program->functions[i]);
  }
  ee_vm_program_destroy(program->vm);
  ee_object_release((ee_object_t *)program->signal); // of a call that was not resumed
  ee_object_release(program->natives);               // deinitialisers may call them
#if EERIE_EVICT
  ee_api_evict_free(program->relief);
#endif
  ee_heap_free(program->heap, program, program->allocation_size);
}

static const ee_object_type_t program_type = {"program", program_destroy};

static void trace_line(void *user, ee_str_t line) {
  const eerie_program_t *program = user;
  if (program->trace) program->trace(program->trace_user, line.data, line.size);
}

// ---- Waiting -----------------------------------------------------------------------------------

void ee_api_wait_begin(eerie_program_t *program) {
  program->wait_end_ns = program->wait_limit_ms
                             ? ee_port_time_ns() + (int64_t)program->wait_limit_ms * 1000000
                             : INT64_MAX;
}

eerie_status_t ee_api_wait(void *user, ee_object_t *object, int64_t deadline_ns,
                           eerie_error_t *err) {
  const eerie_program_t *program = user;
  const bool limited = program->wait_end_ns < deadline_ns;
  const eerie_status_t status =
      ee_bridge_wait(NULL, object, limited ? program->wait_end_ns : deadline_ns, err);
  if (!limited || status != EERIE_DEADLINE_EXCEEDED) return status;
  return EE_FAIL(err, status, "waited longer than the limit of %u ms",
                 (unsigned)program->wait_limit_ms);
}

// ---- Linking -----------------------------------------------------------------------------------

// The modules and devices of the options, whichever way they were given.
typedef struct inputs {
  eerie_module_t *const *modules;
  size_t module_count;
  eerie_device_t *const *devices;
  size_t device_count;
} inputs_t;

static eerie_status_t gather_inputs(const eerie_program_options_t *options, inputs_t *inputs,
                                    eerie_error_t *err) {
  *inputs =
      (inputs_t){options->modules, options->module_count, options->devices, options->device_count};
  if (options->module) {
    inputs->modules = &options->module;
    inputs->module_count = 1;
  }
  if (options->device) {
    inputs->devices = &options->device;
    inputs->device_count = 1;
  }
  if (inputs->module_count == 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "a program needs at least one module");
  }
  for (size_t i = 0; i < inputs->module_count; ++i) {
    if (inputs->modules[i]) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "module %zu of the program is NULL", i);
  }
  for (size_t i = 0; i < inputs->device_count; ++i) {
    if (inputs->devices[i]) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "device %zu of the program is NULL", i);
  }
  return EERIE_OK;
}

static bool any_needs_native(const inputs_t *inputs, ee_str_t name) {
  for (size_t i = 0; i < inputs->module_count; ++i) {
    if (needs_native(ee_api_module(inputs->modules[i]), name)) return true;
  }
  return false;
}

// Functions in C are linked before the modules that import them.
static eerie_status_t create_natives(eerie_program_t *program, eerie_instance_t *instance,
                                     const eerie_program_options_t *options, const inputs_t *inputs,
                                     ee_api_natives_t **out_natives, eerie_error_t *err) {
  const ee_api_natives_options_t natives = {
      .instance = instance,
      .device = inputs->device_count ? inputs->devices[0] : NULL,
      .modules = inputs->modules,
      .module_count = inputs->module_count,
      .natives = options->natives,
      .native_count = options->native_count,
  };
  const eerie_status_t status = ee_api_natives_create(&natives, out_natives, err);
  program->natives = (ee_object_t *)*out_natives;
  return status;
}

static eerie_status_t link_modules(eerie_program_t *program, eerie_instance_t *instance,
                                   const eerie_program_options_t *options, const inputs_t *inputs,
                                   eerie_error_t *err) {
  ee_bridge_hal_options_t hal = {
      .devices = (ee_hal_device_t *const *)(const void *)inputs->devices,
      .device_count = inputs->device_count,
      .trace = trace_line,
      .trace_user = program,
      .parameters = (struct ee_params_set *const *)(const void *)options->parameters,
      .parameter_count = options->parameters_count,
      .no_native = options->no_native,
  };
#if EERIE_THREADS
  hal.later = &program->later;
#endif
  ee_api_natives_t *natives = NULL;
  EE_TRY(create_natives(program, instance, options, inputs, &natives, err));
  const size_t native_count = natives ? natives->count : 0;
  size_t limit = inputs->module_count + native_count, size;
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    ++limit;
  }
  if (!ee_mul_size(limit, sizeof(ee_vm_module_ref_t), &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  ee_vm_module_ref_t *modules = ee_heap_allocate_zeroed(program->heap, size);
  if (!modules) return EE_NO_MEMORY(err, size);
  size_t count = 0;
  for (size_t i = 0; ee_bridge_modules[i]; ++i) {
    const ee_vm_native_module_t *native = ee_bridge_modules[i];
    // `hal` also brings the types, which modules may name without importing a function.
    if (i != 0 && !any_needs_native(inputs, ee_str_from(native->name))) continue;
    modules[count++] = (ee_vm_module_ref_t){.native = native, .user = &hal};
  }
  for (size_t i = 0; i < native_count; ++i) {
    modules[count++] = natives->refs[i];
  }
  for (size_t i = 0; i < inputs->module_count; ++i) {
    modules[count++].module = ee_api_module(inputs->modules[i]);
  }
  const ee_vm_program_options_t vm = {
      .modules = modules,
      .module_count = count,
      .stack_limit = options->stack_limit,
      .call_depth_limit = options->call_depth_limit,
      .step_limit = options->step_limit,
      .trace = trace_line,
      .trace_user = program,
      .wait = ee_api_wait,
      .wait_user = program,
  };
#if EERIE_EVICT
  program->relief = ee_api_evict_begin(program->heap, inputs->modules, inputs->module_count, &hal);
#endif
#if EERIE_PROFILE
  ee_hal_observe_loading(program->heap, true);
#endif
  eerie_status_t status = ee_vm_program_create(program->heap, &vm, &program->vm, err);
#if EERIE_ASYNC_DEVICES
  if (status == EERIE_INCOMPATIBLE) {
    status = ee_api_refusal_explain(inputs->modules, inputs->module_count, inputs->devices,
                                    inputs->device_count, err);
  }
#endif
#if EERIE_PROFILE
  ee_hal_observe_loading(program->heap, false);
#endif
#if EERIE_EVICT
  ee_api_evict_end(program->relief);
#endif
  ee_heap_free(program->heap, modules, size);
  return status;
}

static eerie_status_t describe_functions(eerie_program_t *program, eerie_error_t *err) {
  for (uint32_t i = 0; i < ee_vm_program_module_count(program->vm); ++i) {
    const ee_module_t *module = ee_vm_program_module(program->vm, i);
    for (uint32_t j = 0; module && j < module->export_count; ++j) {
      const ee_module_export_t *entry = &module->exports[j];
      if (is_internal(entry->name)) continue;
      eerie_function_t *function = &program->functions[program->function_count];
      *function = (eerie_function_t){
          .program = program, .vm = {i, entry->function}, .name = entry->name.data};
      EE_TRY(ee_api_function_describe(program->heap, module, &module->functions[entry->function],
                                      function, err));
      ++program->function_count;
    }
  }
  return EERIE_OK;
}

eerie_status_t eerie_program_create(eerie_instance_t *instance,
                                    const eerie_program_options_t *options,
                                    eerie_program_t **out_program, eerie_error_t *err) {
  *out_program = NULL;
  inputs_t inputs;
  EE_TRY(gather_inputs(options, &inputs, err));
  size_t function_limit = 0;
  bool device_needed = options->native_count != 0; // they make tensors
  for (size_t i = 0; i < inputs.module_count; ++i) {
    const ee_module_t *module = ee_api_module(inputs.modules[i]);
    function_limit += module->export_count;
    device_needed |= needs_device(module);
  }
  size_t size;
  if (!ee_mul_size(function_limit, sizeof(eerie_function_t), &size) ||
      !ee_add_size(size, sizeof(eerie_program_t), &size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }

  eerie_device_t *own_device = NULL;
  if (device_needed && inputs.device_count == 0) {
    EE_TRY(eerie_device_open(instance, NULL, &own_device, err));
    inputs.devices = &own_device;
    inputs.device_count = 1;
  }
  eerie_program_t *program = ee_heap_allocate_zeroed(&instance->heap, size);
  if (!program) {
    eerie_device_release(own_device);
    return EE_NO_MEMORY(err, size);
  }
  ee_object_initialize(&program->object, &program_type);
  program->heap = &instance->heap;
  program->allocation_size = size;
  program->trace = options->trace;
  program->trace_user = options->trace_user;
  program->wait_limit_ms = options->wait_limit_ms;
  ee_api_wait_begin(program);
  eerie_status_t status = link_modules(program, instance, options, &inputs, err);
  if (status == EERIE_OK) status = describe_functions(program, err);
  if (status == EERIE_OK) ee_api_evict_constants(program->vm);
  eerie_device_release(own_device); // the hal module's state holds its own reference
  if (status != EERIE_OK) {
    eerie_program_release(program);
    return status;
  }
  *out_program = program;
  return EERIE_OK;
}

void eerie_program_retain(eerie_program_t *program) {
  ee_object_retain((ee_object_t *)program);
}

void eerie_program_release(eerie_program_t *program) {
  ee_object_release((ee_object_t *)program);
}

// ---- Functions ---------------------------------------------------------------------------------

#if EERIE_MESSAGES
// "a, b, c" of what can be called, cut where the record ends.
static void list_functions(const eerie_program_t *program, char *text, size_t capacity) {
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < program->function_count && used < capacity; ++i) {
    used +=
        ee_format(text + used, capacity - used, "%s%s", i ? ", " : "", program->functions[i].name);
  }
}
#endif

// Only failures need the list of names.
static EE_COLD eerie_status_t not_found(const eerie_program_t *program, const char *name,
                                        eerie_error_t *err) {
#if EERIE_MESSAGES
  char names[EERIE_ERROR_MESSAGE_SIZE / 2];
  list_functions(program, names, sizeof names);
  if (!name) {
    return EE_FAIL(err, EERIE_NOT_FOUND, "of %zu functions one must be named: %s",
                   program->function_count, names);
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no function '%s'; the program exports: %s", name,
                 program->function_count ? names : "nothing");
#else
  (void)program;
  (void)name;
  return EE_FAIL(err, EERIE_NOT_FOUND, "");
#endif
}

// A function imported from ONNX comes twice: "f", and "f$async" with fences.
static bool is_async_twin(const char *name) {
  static const char suffix[] = "$async";
  const size_t length = ee_str_length(name), end = sizeof suffix - 1;
  return length > end && memcmp(name + length - end, suffix, end) == 0;
}

eerie_status_t eerie_program_find(eerie_program_t *program, const char *name,
                                  eerie_function_t **out_function, eerie_error_t *err) {
  *out_function = NULL;
  if (!name) {
    for (size_t i = 0; i < program->function_count; ++i) {
      if (is_async_twin(program->functions[i].name)) continue;
      if (*out_function) {
        *out_function = NULL;
        return not_found(program, name, err);
      }
      *out_function = &program->functions[i];
    }
    return *out_function ? EERIE_OK : not_found(program, name, err);
  }
  // A bare name means the last module that exports it; "module.name" that module's.
  ee_vm_function_t vm;
  if (!ee_vm_program_find(program->vm, ee_str_from(name), &vm))
    return not_found(program, name, err);
  for (size_t i = 0; i < program->function_count; ++i) {
    eerie_function_t *function = &program->functions[i];
    if (function->vm.module != vm.module || function->vm.ordinal != vm.ordinal) continue;
    // Two exports may share one body: prefer the one that was named.
    const size_t length = ee_str_length(function->name), asked = ee_str_length(name);
    const bool named =
        asked >= length && memcmp(name + asked - length, function->name, length) == 0;
    if (!*out_function || named) *out_function = function;
    if (named) break;
  }
  return *out_function ? EERIE_OK : not_found(program, name, err);
}

eerie_function_t *eerie_program_function(eerie_program_t *program, size_t index) {
  return index < program->function_count ? &program->functions[index] : NULL;
}

const char *eerie_function_name(const eerie_function_t *function) {
  return function->name;
}

size_t eerie_function_input_count(const eerie_function_t *function) {
  return function->input_count;
}

size_t eerie_function_output_count(const eerie_function_t *function) {
  return function->output_count;
}

const eerie_type_t *eerie_function_input(const eerie_function_t *function, size_t index) {
  return index < function->input_count ? &function->inputs[index] : NULL;
}

const eerie_type_t *eerie_function_output(const eerie_function_t *function, size_t index) {
  return index < function->output_count ? &function->outputs[index] : NULL;
}

const char *eerie_function_declaration(const eerie_function_t *function) {
  return function->declaration;
}

bool eerie_function_is_async(const eerie_function_t *function) {
  return function->is_async;
}
