// loader_module.c: the `hal_loader` module: kernels for modules that run without queues. A dispatch
// takes host bytes and is over when it returns.
//
// Semantics: compiler/Modules/HAL/Loader/hal_loader.imports.mlir of 3.13, and of 3.11, where a
// dispatch takes the number of the kernel and there is no look-up.
#include "bridge/hal_module.h"

// What one dispatch may carry; kernels take no more (library.h of the cpu driver).
#define MAX_CONSTANTS 64
#define MAX_BINDINGS  64

static bool runs_format(const ee_bridge_hal_state_t *state, ee_hal_device_t *device,
                        ee_str_t format) {
  if (ee_bridge_runs_format(device, format)) return true;
  int64_t supported = 0;
  return !state->no_native &&
         ee_hal_device_query(device, EE_STR("hal.executable.format"), format, &supported) &&
         supported != 0;
}

// Whether `module` has, as one of its constants, the name of a format that runs here.
static bool has_other_format(const ee_bridge_hal_state_t *state, ee_hal_device_t *device,
                             const ee_module_t *module) {
  for (uint32_t i = 0; module && i < module->rodata_count; ++i) {
    const ee_bytes_t bytes = module->rodata[i].bytes;
    if (runs_format(state, device, (ee_str_t){(const char *)bytes.data, bytes.size})) return true;
  }
  return false;
}

// A module asks for its formats one after the other, and gives up with a text that names none of
// them. Where none runs the driver says why.
static eerie_status_t explain_refusal(ee_vm_call_t *call, ee_hal_device_t *device,
                                      ee_str_t format) {
  for (uint32_t i = 0; i < ee_vm_program_module_count(call->program); ++i) {
    const ee_module_t *module = ee_vm_program_module(call->program, i);
    if (has_other_format(call->state, device, module)) return EERIE_OK;
  }
  EE_TRY(ee_bridge_check_target(call, device, format));
  ee_hal_executable_t *none = NULL;
  const eerie_status_t status = ee_hal_executable_create(device, format, (ee_bytes_t){NULL, 0},
                                                         NULL, NULL, 0, &none, call->err);
  ee_object_release((ee_object_t *)none);
  return status == EERIE_INCOMPATIBLE ? status : EERIE_OK;
}

// format -> 1: executables of it run here
static eerie_status_t executable_query_support(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  ee_vm_buffer_t *format = NULL;
  EE_TRY(ee_bridge_first_device(call, &device));
  EE_TRY(ee_bridge_bytes(call, 0, &format));
  const ee_str_t name = ee_vm_buffer_str(format);
  call->results[0].i32 = runs_format(call->state, device, name);
  return call->results[0].i32 ? EERIE_OK : explain_refusal(call, device, name);
}

// format, data, constants -> executable
static eerie_status_t executable_load(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_bridge_first_device(call, &device));
  return ee_bridge_executable_create(call, device, 0);
}

// ---- Dispatches --------------------------------------------------------------------------------

// Bindings as kernels take them, and copies of those that had to be moved.
typedef struct bindings {
  uint8_t *data[MAX_BINDINGS];
  size_t sizes[MAX_BINDINGS];
  uint32_t access[MAX_BINDINGS];
  void *copies[MAX_BINDINGS];
  size_t copy_sizes[MAX_BINDINGS];
  uint32_t copy_count;
} bindings_t;

// Kernels load vectors from the start of a binding. Constants of a module that lies anywhere in
// memory are moved; anything else comes from an allocation here, and is aligned.
static eerie_status_t align_binding(ee_vm_call_t *call, ee_hal_device_t *device, uint32_t i,
                                    bindings_t *bindings) {
  if (bindings->access[i] & EE_HAL_ACCESS_WRITE) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                   "binding %u of %zu bytes is not aligned to %d, which kernels need", i,
                   bindings->sizes[i], EERIE_BUFFER_ALIGNMENT);
  }
  const size_t mask = EERIE_BUFFER_ALIGNMENT - 1;
  size_t size;
  uint8_t *copy = NULL;
  if (ee_add_size(bindings->sizes[i], mask, &size)) {
    copy = ee_hal_device_allocate(device, size, &bindings->copy_sizes[bindings->copy_count]);
  }
  if (!copy) return EE_NO_MEMORY(call->err, bindings->sizes[i]);
  bindings->copies[bindings->copy_count++] = copy;
  uint8_t *aligned = copy + ((EERIE_BUFFER_ALIGNMENT - ((uintptr_t)copy & mask)) & mask);
  memcpy(aligned, bindings->data[i], bindings->sizes[i]);
  bindings->data[i] = aligned;
  return EERIE_OK;
}

// (bytes, offset, length)... from `slot` on
static eerie_status_t gather_bindings(ee_vm_call_t *call, ee_hal_executable_t *executable,
                                      uint32_t slot, uint32_t count, bindings_t *bindings) {
  for (uint32_t i = 0; i < count; ++i, slot += 3) {
    ee_vm_buffer_t *bytes = NULL;
    const uint64_t size = (uint64_t)call->arguments[slot + 2].i64;
    EE_TRY(ee_bridge_bytes(call, slot, &bytes));
    EE_TRY(ee_bridge_bytes_range(call, slot, (uint64_t)call->arguments[slot + 1].i64, size,
                                 &bindings->data[i]));
    bindings->sizes[i] = (size_t)size;
    bindings->access[i] = bytes->writable ? EE_HAL_ACCESS_ALL : EE_HAL_ACCESS_READ;
    if (!executable->kernels && size != 0 && (uintptr_t)bytes->data % EERIE_BUFFER_ALIGNMENT != 0) {
      EE_TRY(align_binding(call, executable->device, i, bindings));
    }
  }
  return EERIE_OK;
}

// executable, kernel, x, y, z, constants, bindings
static eerie_status_t dispatch(ee_vm_call_t *call, uint64_t function) {
  const ee_vm_value_t *a = call->arguments;
  ee_hal_executable_t *executable = NULL;
  EE_TRY(ee_bridge_executable(call, 0, &executable));
  const uint32_t constant_count = (uint32_t)a[5].i32;
  const uint32_t binding_count =
      constant_count <= MAX_CONSTANTS ? (uint32_t)a[6 + constant_count].i32 : 0;
  if (function > UINT32_MAX || constant_count > MAX_CONSTANTS || binding_count > MAX_BINDINGS) {
    return EE_FAIL(
        call->err, EERIE_OUT_OF_RANGE,
        "dispatch of kernel %llu with %u constants and %u bindings; the limits are %u and "
        "%u",
        (unsigned long long)function, constant_count, binding_count, MAX_CONSTANTS, MAX_BINDINGS);
  }
  uint32_t constants[MAX_CONSTANTS];
  for (uint32_t i = 0; i < constant_count; ++i) {
    constants[i] = (uint32_t)a[6 + i].i32;
  }
  bindings_t bindings;
  bindings.copy_count = 0;
  eerie_status_t status =
      gather_bindings(call, executable, 7 + constant_count, binding_count, &bindings);
  if (status == EERIE_OK) {
    const ee_hal_dispatch_t operation = {
        .function = (uint32_t)function,
        .workgroup_count = {(uint32_t)a[2].i32, (uint32_t)a[3].i32, (uint32_t)a[4].i32},
        .constants = constants,
        .constant_count = constant_count,
        .binding_count = binding_count,
        .bindings = bindings.data,
        .binding_sizes = bindings.sizes,
        .binding_access = bindings.access,
    };
    status = ee_hal_executable_dispatch(executable, &operation, call->err);
  }
  for (uint32_t i = 0; i < bindings.copy_count; ++i) {
    ee_hal_device_free(executable->device, bindings.copies[i], bindings.copy_sizes[i]);
  }
  return status;
}

static eerie_status_t executable_dispatch(ee_vm_call_t *call) {
  return dispatch(call, (uint64_t)call->arguments[1].i64);
}

static eerie_status_t executable_dispatch_ordinal(ee_vm_call_t *call) {
  return dispatch(call, (uint32_t)call->arguments[1].i32);
}

static const ee_vm_native_function_t functions[] = {
    {"executable.dispatch", "0rIiiiCiDCrIID_v", executable_dispatch},
    {"executable.dispatch", "0riiiiCiDCrIID_v", executable_dispatch_ordinal},
    {"executable.load", "0rrr_r", executable_load},
    {"executable.lookup.function", "0rr_I", ee_bridge_hal_executable_lookup},
    {"executable.query_support", "0r_i", executable_query_support},
};

static const ee_object_type_t *const types[] = {&ee_hal_executable_type};

const ee_vm_native_module_t ee_bridge_loader_module = {
    .name = "hal_loader",
    .version = 1,
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .types = types,
    .type_count = sizeof types / sizeof types[0],
    .create_state = ee_bridge_state_create,
    .destroy_state = ee_bridge_state_destroy,
};
