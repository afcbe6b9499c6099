// vmvx_executable.c: executables of format "vmvx-bytecode-fb": kernels that are functions of a
// bytecode module inside the module.
//
// Each kernel is an export that takes (local memory, constants, list of bindings, workgroup id,
// size, count); source: iree/hal/local/loaders/vmvx_module_loader.c of 3.13. The number of a kernel
// is that of the export. One program serves all calls, one at a time. The buffers that a kernel
// sees are made once and lose their bytes when a dispatch is over, so that a kernel which keeps one
// cannot reach memory that is no longer its own.
#include "bridge/vmvx.h"

#include "hal/driver.h"

#define KERNEL_SIGNATURE    "0rrriiiiiiiii_v"
#define CONSTANTS_FUNCTION  "__set_constants"
#define CONSTANTS_SIGNATURE "0r_v"

#define MAX_BINDINGS     64u
#define MAX_LOCAL_MEMORY (65535u * 4096u)
#define ANY_COUNT        UINT32_MAX // the module does not say

typedef struct kernel {
  uint32_t function; // ordinal in the module
  uint32_t constant_count;
  uint32_t binding_count;
  uint32_t local_memory; // bytes
  bool callable;         // has the signature of a kernel
} kernel_t;

typedef struct vmvx_executable {
  ee_hal_executable_t base;
  size_t allocation_size;
  ee_module_t *module;
  ee_vm_program_t *program;
  ee_port_monitor_t monitor; // guards all below, and the program
  ee_vm_buffer_t *local_memory;
  ee_vm_buffer_t *constants;
  ee_vm_list_t *bindings;
  ee_vm_buffer_t *buffers[MAX_BINDINGS]; // made as dispatches need them
  kernel_t kernels[];
} vmvx_executable_t;

// ---- Calls -------------------------------------------------------------------------------------

// Kernels may yield, which means nothing here, but have nothing to wait for.
static eerie_status_t call_to_end(ee_vm_program_t *program, ee_vm_function_t function,
                                  const ee_vm_value_t *arguments, eerie_error_t *err) {
  eerie_status_t status = ee_vm_invoke(program, function, arguments, NULL, err);
  while (status == EERIE_DEFERRED && !ee_vm_pending(program, NULL)) {
    status = ee_vm_resume(program, NULL, err);
  }
  if (status != EERIE_DEFERRED) return status;
  ee_vm_cancel(program);
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "a kernel must not wait");
}

static void lend(ee_vm_buffer_t *buffer, const uint8_t *data, size_t size, bool writable) {
  buffer->data = (uint8_t *)(uintptr_t)data;
  buffer->size = size;
  buffer->writable = writable;
}

static eerie_status_t lend_bindings(vmvx_executable_t *executable,
                                    const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  EE_TRY(ee_vm_list_resize(executable->bindings, dispatch->binding_count, err));
  for (uint32_t i = 0; i < dispatch->binding_count; ++i) {
    ee_vm_buffer_t **buffer = &executable->buffers[i];
    if (!*buffer) {
      EE_TRY(ee_vm_buffer_wrap(executable->base.device->heap, NULL, 0, true, NULL, buffer, err));
    }
    EE_TRY(ee_vm_list_set(executable->bindings, i, EE_VM_VALUE_REF,
                          (ee_vm_value_t){.ref = &(*buffer)->object}, err));
    lend(*buffer, dispatch->bindings[i], dispatch->binding_sizes[i],
         dispatch->binding_access[i] & (EE_HAL_ACCESS_WRITE | EE_HAL_ACCESS_KERNEL_WRITE));
  }
  return EERIE_OK;
}

static void take_back(vmvx_executable_t *executable) {
  lend(executable->constants, NULL, 0, false);
  for (uint32_t i = 0; i < MAX_BINDINGS && executable->buffers[i]; ++i) {
    lend(executable->buffers[i], NULL, 0, false);
  }
}

static eerie_status_t run_workgroups(vmvx_executable_t *executable,
                                     const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  const uint32_t *count = dispatch->workgroup_count;
  const ee_vm_function_t function = {1, executable->kernels[dispatch->function].function};
  ee_vm_value_t arguments[12] = {
      {.ref = &executable->local_memory->object},
      {.ref = &executable->constants->object},
      {.ref = &executable->bindings->object},
  };
  for (uint32_t i = 0; i < 3; ++i) {
    arguments[6 + i].i32 = 1; // workgroup size
    arguments[9 + i].i32 = (int32_t)count[i];
  }
  for (uint32_t z = 0; z < count[2]; ++z) {
    for (uint32_t y = 0; y < count[1]; ++y) {
      for (uint32_t x = 0; x < count[0]; ++x) {
        arguments[3].i32 = (int32_t)x;
        arguments[4].i32 = (int32_t)y;
        arguments[5].i32 = (int32_t)z;
        const eerie_status_t status = call_to_end(executable->program, function, arguments, err);
        if (EE_LIKELY(status == EERIE_OK)) continue;
        EE_ANNOTATE(err, "kernel %.*s, workgroup %u %u %u",
                    EE_STR_ARG(executable->module->exports[dispatch->function].name), x, y, z);
        return status;
      }
    }
  }
  return EERIE_OK;
}

// ---- What the HAL asks -------------------------------------------------------------------------

static void vmvx_destroy(ee_hal_executable_t *base) {
  vmvx_executable_t *executable = (vmvx_executable_t *)base;
  ee_heap_t *heap = base->device->heap;
  ee_vm_program_destroy(executable->program);
  ee_object_release((ee_object_t *)executable->local_memory);
  ee_object_release((ee_object_t *)executable->constants);
  ee_object_release((ee_object_t *)executable->bindings);
  for (uint32_t i = 0; i < MAX_BINDINGS; ++i) {
    ee_object_release((ee_object_t *)executable->buffers[i]);
  }
  ee_module_release(executable->module);
  ee_port_monitor_destroy(&executable->monitor);
  ee_heap_free(heap, executable, executable->allocation_size);
}

static eerie_status_t vmvx_lookup(ee_hal_executable_t *base, ee_str_t name, uint32_t *out_function,
                                  eerie_error_t *err) {
  const vmvx_executable_t *executable = (const vmvx_executable_t *)base;
  *out_function = ee_module_find_export(executable->module, name);
  if (*out_function != UINT32_MAX) return EERIE_OK;
  *out_function = 0;
  return EE_FAIL(err, EERIE_NOT_FOUND, "no kernel '%.*s' among the %u of executable %.*s",
                 EE_STR_ARG(name), executable->module->export_count,
                 EE_STR_ARG(executable->module->name));
}

static eerie_status_t vmvx_check(ee_hal_executable_t *base, uint32_t function,
                                 size_t constant_count, size_t binding_count, eerie_error_t *err) {
  const vmvx_executable_t *executable = (const vmvx_executable_t *)base;
  if (function >= base->function_count || !executable->kernels[function].callable) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "executable %.*s has no kernel %u",
                   EE_STR_ARG(executable->module->name), function);
  }
  const kernel_t *kernel = &executable->kernels[function];
  if ((kernel->constant_count != ANY_COUNT && kernel->constant_count != constant_count) ||
      (kernel->binding_count != ANY_COUNT && kernel->binding_count != binding_count) ||
      binding_count > MAX_BINDINGS) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "kernel %.*s takes %d constants and %d bindings (-1: any, up to %u), the "
                   "dispatch gives %zu and %zu",
                   EE_STR_ARG(executable->module->exports[function].name),
                   (int)kernel->constant_count, (int)kernel->binding_count, MAX_BINDINGS,
                   constant_count, binding_count);
  }
  return EERIE_OK;
}

static eerie_status_t vmvx_run(ee_hal_executable_t *base, const ee_hal_dispatch_t *dispatch,
                               eerie_error_t *err) {
  vmvx_executable_t *executable = (vmvx_executable_t *)base;
  ee_port_monitor_lock(&executable->monitor);
  eerie_status_t status = lend_bindings(executable, dispatch, err);
  if (status == EERIE_OK) {
    lend(executable->constants, (const uint8_t *)dispatch->constants,
         dispatch->constant_count * sizeof(uint32_t), false);
    executable->local_memory->size = executable->kernels[dispatch->function].local_memory;
    status = run_workgroups(executable, dispatch, err);
  }
  take_back(executable);
  ee_port_monitor_unlock(&executable->monitor);
  return status;
}

static const char *vmvx_name(const ee_hal_executable_t *base, uint32_t function) {
  const ee_module_t *module = ((const vmvx_executable_t *)base)->module;
  // Strings of a module end with NUL.
  return function < base->function_count ? module->exports[function].name.data : "";
}

static const ee_hal_kernels_t vmvx_kernels = {
    .destroy = vmvx_destroy,
    .lookup = vmvx_lookup,
    .check = vmvx_check,
    .run = vmvx_run,
    .name = vmvx_name,
};

// ---- Loading -----------------------------------------------------------------------------------

static void release_data(void *user, ee_bytes_t bytes) {
  ee_heap_forget_code(user, bytes.size);
  ee_heap_free(user, (void *)(uintptr_t)bytes.data, bytes.size);
}

// Loads from a copy: kernels may overwrite constants where they lie, and a module could have made
// one of the bytecode that is being run.
static eerie_status_t load_module(ee_heap_t *heap, ee_bytes_t data, ee_module_t **out_module,
                                  eerie_error_t *err) {
  if (data.size == 0) return ee_module_load(heap, data, NULL, out_module, err); // which refuses it
  ee_heap_count_code(heap, data.size);
  uint8_t *copy = ee_heap_allocate(heap, data.size);
  if (!copy) {
    ee_heap_forget_code(heap, data.size);
    return EE_NO_MEMORY(err, data.size);
  }
  memcpy(copy, data.data, data.size);
  const ee_bytes_t bytes = {copy, data.size};
  const ee_module_load_options_t options = {.release_bytes = release_data, .release_user = heap};
  const eerie_status_t status = ee_module_load(heap, bytes, &options, out_module, err);
  if (status != EERIE_OK) release_data(heap, bytes);
  return status;
}

// The number that an attribute of a function spells; `absent` when there is none.
static uint32_t number_of(const ee_module_t *module, uint32_t function, ee_str_t key,
                          uint32_t absent) {
  const ee_str_t text = ee_module_function_attribute(module, function, key);
  uint32_t value = 0;
  if (text.size == 0) return absent;
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] < '0' || text.data[i] > '9' || value > UINT32_MAX / 20) return absent;
    value = value * 10 + (uint32_t)(text.data[i] - '0');
  }
  return value;
}

static eerie_status_t describe_kernels(vmvx_executable_t *executable, uint32_t *out_local_memory,
                                       eerie_error_t *err) {
  const ee_module_t *module = executable->module;
  *out_local_memory = 0;
  for (uint32_t i = 0; i < module->export_count; ++i) {
    const uint32_t function = module->exports[i].function;
    kernel_t *kernel = &executable->kernels[i];
    *kernel = (kernel_t){
        .function = function,
        .constant_count = number_of(module, function, EE_STR("constant_count"), ANY_COUNT),
        .binding_count = number_of(module, function, EE_STR("binding_count"), ANY_COUNT),
        .local_memory = number_of(module, function, EE_STR("local_memory"), 0),
        .callable =
            ee_str_equal(module->functions[function].signature.text, EE_STR(KERNEL_SIGNATURE)),
    };
    if (kernel->local_memory > MAX_LOCAL_MEMORY) {
      return EE_FAIL(err, EERIE_OUT_OF_RANGE, "kernel %.*s asks for %u bytes of local memory",
                     EE_STR_ARG(module->exports[i].name), kernel->local_memory);
    }
    if (kernel->local_memory > *out_local_memory) *out_local_memory = kernel->local_memory;
  }
  return EERIE_OK;
}

static eerie_status_t link_kernels(vmvx_executable_t *executable, const ee_vm_program_t *parent,
                                   eerie_error_t *err) {
  ee_hal_device_t *device = executable->base.device;
  const ee_bridge_hal_options_t environment = {.devices = &device, .device_count = 1};
  const ee_vm_module_ref_t modules[] = {
      {.native = &ee_bridge_vmvx_module, .user = (void *)(uintptr_t)&environment},
      {.module = executable->module},
  };
  ee_vm_program_options_t options = {.modules = modules, .module_count = 2};
  ee_vm_program_get_limits(parent, &options);
  uint32_t local_memory;
  EE_TRY(describe_kernels(executable, &local_memory, err));
  EE_TRY(ee_vm_buffer_create(device->heap, local_memory, EERIE_BUFFER_ALIGNMENT,
                             &executable->local_memory, err));
  EE_TRY(ee_vm_buffer_wrap(device->heap, NULL, 0, false, NULL, &executable->constants, err));
  EE_TRY(ee_vm_list_create(device->heap, EE_VM_VALUE_REF, &ee_vm_buffer_type, 0,
                           &executable->bindings, err));
  return ee_vm_program_create(device->heap, &options, &executable->program, err);
}

static eerie_status_t set_constants(vmvx_executable_t *executable, const uint32_t *constants,
                                    size_t constant_count, eerie_error_t *err) {
  const ee_module_t *module = executable->module;
  const uint32_t index = ee_module_find_export(module, EE_STR(CONSTANTS_FUNCTION));
  if ((index == UINT32_MAX) != (constant_count == 0)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "executable %.*s takes %s constants, the module gives %zu",
                   EE_STR_ARG(module->name), index == UINT32_MAX ? "no" : "some", constant_count);
  }
  if (index == UINT32_MAX) return EERIE_OK;
  const ee_vm_function_t function = {1, module->exports[index].function};
  const ee_str_t signature = module->functions[function.ordinal].signature.text;
  if (!ee_str_equal(signature, EE_STR(CONSTANTS_SIGNATURE))) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s has the signature %.*s, not %s",
                   CONSTANTS_FUNCTION, EE_STR_ARG(signature), CONSTANTS_SIGNATURE);
  }
  lend(executable->constants, (const uint8_t *)constants, constant_count * sizeof(uint32_t), false);
  const ee_vm_value_t argument = {.ref = &executable->constants->object};
  const eerie_status_t status = call_to_end(executable->program, function, &argument, err);
  take_back(executable);
  return status;
}

static eerie_status_t vmvx_create(const ee_vm_program_t *program, ee_hal_device_t *device,
                                  ee_bytes_t data, ee_object_t *data_owner,
                                  const uint32_t *constants, size_t constant_count,
                                  ee_hal_executable_t **out_executable, eerie_error_t *err) {
  (void)data_owner;
  ee_module_t *module = NULL;
  EE_TRY(load_module(device->heap, data, &module, err));
  size_t size = 0;
  vmvx_executable_t *executable = NULL;
  if (ee_mul_size(module->export_count, sizeof(kernel_t), &size) &&
      ee_add_size(size, sizeof *executable, &size)) {
    executable = ee_heap_allocate_zeroed(device->heap, size);
  }
  if (!executable) {
    ee_module_release(module);
    return EE_NO_MEMORY(err, size);
  }
  ee_hal_executable_initialize(&executable->base, device, module->export_count);
  executable->base.kernels = &vmvx_kernels;
  executable->allocation_size = size;
  executable->module = module;
  ee_port_monitor_initialize(&executable->monitor);
  eerie_status_t status = link_kernels(executable, program, err);
  if (status == EERIE_OK) status = set_constants(executable, constants, constant_count, err);
  if (status != EERIE_OK) {
    ee_object_release(&executable->base.object);
    return status;
  }
  *out_executable = &executable->base;
  return EERIE_OK;
}

const ee_bridge_format_t ee_bridge_vmvx_format = {"vmvx-bytecode-fb", vmvx_create};
