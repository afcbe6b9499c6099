// executable.c: from an image to kernels that can be dispatched.
//
// The library's tables lie in memory that the image's own code returned, so they are as trusted as
// that code; what is checked is what a newer or foreign compiler would do differently.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/cpu.h"
#include "drivers/cpu/observe.h"

eerie_status_t ee_cpu_library_check(const ee_cpu_library_t *library, eerie_error_t *err) {
  if (!library || !library->header) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "the kernels offer no library of version 0.%u or older, which this build runs",
                   EE_CPU_LIBRARY_VERSION);
  }
  const ee_cpu_library_header_t *header = library->header;
  if (header->version != EE_CPU_LIBRARY_VERSION) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "kernels of library version %u.%u; this build runs version 0.%u",
                   header->version >> 16, header->version & 0xFFFFu, EE_CPU_LIBRARY_VERSION);
  }
  if (header->sanitizer != 0) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "the kernels are built for sanitizer %u, which needs a host built with it",
                   header->sanitizer);
  }
  return EERIE_OK;
}

static eerie_status_t check_exports(const ee_cpu_library_t *library, eerie_error_t *err) {
  if (library->exports.count == 0) return EERIE_OK;
  if (!library->exports.kernels || !library->exports.attributes) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the kernel table lacks functions or attributes");
  }
  for (uint32_t i = 0; i < library->exports.count; ++i) {
    const ee_cpu_kernel_attributes_t *attributes = &library->exports.attributes[i];
    if (!library->exports.kernels[i]) {
      return EE_FAIL(err, EERIE_DATA_LOSS, "kernel %u of %u has no code", i,
                     library->exports.count);
    }
    if (attributes->constant_count > EE_CPU_MAX_CONSTANTS ||
        attributes->binding_count > EE_CPU_MAX_BINDINGS) {
      return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                     "kernel %s takes %u constants and %u bindings; the limits are %u and %u",
                     ee_cpu_kernel_name(library, i), attributes->constant_count,
                     attributes->binding_count, EE_CPU_MAX_CONSTANTS, EE_CPU_MAX_BINDINGS);
    }
  }
  return EERIE_OK;
}

static eerie_status_t load_image(ee_cpu_executable_t *executable, ee_str_t format, ee_bytes_t data,
                                 ee_object_t *data_owner, eerie_error_t *err) {
  ee_hal_device_t *device = executable->base.device;
  ee_str_t rest;
  const ee_cpu_loader_t *loader = ee_cpu_loader_find(format, &rest);
  if (!loader) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "executables of format '%.*s' do not run on device %s",
                   EE_STR_ARG(format), device->name);
  }
  EE_TRY(loader->load((ee_cpu_device_t *)device, rest, data, data_owner, &executable->image, err));
  // Pages of code count against the limit like all other memory.
  ee_heap_count_code(device->heap, executable->image.size);
  if (!ee_heap_charge(device->heap, executable->image.size)) {
    ee_heap_forget_code(device->heap, executable->image.size);
    loader->unload((ee_cpu_device_t *)device, &executable->image);
    return EE_NO_MEMORY(err, executable->image.size);
  }
  executable->loader = loader;
  return EERIE_OK;
}

static eerie_status_t check_library(ee_cpu_executable_t *executable, size_t constant_count,
                                    eerie_error_t *err) {
  const ee_cpu_library_t *library = executable->library;
  EE_TRY(ee_cpu_library_check(library, err));
  EE_TRY(check_exports(library, err));
  if (library->constants.count != constant_count) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "the executable takes %u constants, the module gives %zu",
                   library->constants.count, constant_count);
  }
  return EERIE_OK;
}

// Layout of the block: executable, constants.
static ee_cpu_executable_t *executable_new(ee_hal_device_t *device, const uint32_t *constants,
                                           size_t constant_count) {
  size_t total;
  if (!ee_mul_size(constant_count, sizeof *constants, &total) ||
      !ee_add_size(total, sizeof(ee_cpu_executable_t), &total)) {
    return NULL;
  }
  ee_cpu_executable_t *executable = ee_heap_allocate_zeroed(device->heap, total);
  if (!executable) return NULL;
  ee_hal_executable_initialize(&executable->base, device, 0);
  executable->allocation_size = total;
  if (constant_count) memcpy(executable + 1, constants, constant_count * sizeof *constants);
  executable->environment.constants = (const uint32_t *)(executable + 1);
  memcpy(executable->environment.processor, ((ee_cpu_device_t *)device)->features,
         sizeof executable->environment.processor);
  return executable;
}

eerie_status_t ee_cpu_executable_create(ee_hal_device_t *device, ee_str_t format, ee_bytes_t data,
                                        ee_object_t *data_owner, const uint32_t *constants,
                                        size_t constant_count, ee_hal_executable_t **out_executable,
                                        eerie_error_t *err) {
  ee_cpu_executable_t *executable = executable_new(device, constants, constant_count);
  if (!executable) return EE_NO_MEMORY(err, sizeof *executable);
  eerie_status_t status = load_image(executable, format, data, data_owner, err);
  if (status == EERIE_OK) {
    executable->library = ee_cpu_library_ask(&executable->image, &executable->environment);
    status = check_library(executable, constant_count, err);
  }
  if (status == EERIE_OK) status = ee_cpu_imports_provide(executable, err);
  if (status != EERIE_OK) {
    ee_object_release(&executable->base.object);
    return status;
  }
  executable->base.function_count = executable->library->exports.count;
#if EERIE_PROFILE
  if (device->heap->observer) ee_cpu_observe_kernels(&executable->base);
#endif
  *out_executable = &executable->base;
  return EERIE_OK;
}

void ee_cpu_executable_destroy(ee_hal_executable_t *base) {
  ee_cpu_executable_t *executable = (ee_cpu_executable_t *)base;
  ee_heap_t *heap = base->device->heap;
  ee_cpu_imports_forget(executable);
  if (executable->loader) {
    ee_heap_forget_code(heap, executable->image.size);
    ee_heap_discharge(heap, executable->image.size);
    executable->loader->unload((ee_cpu_device_t *)base->device, &executable->image);
  }
  ee_heap_free(heap, executable, executable->allocation_size);
}

eerie_status_t ee_cpu_executable_lookup(ee_hal_executable_t *base, ee_str_t name,
                                        uint32_t *out_function, eerie_error_t *err) {
  const ee_cpu_library_t *library = ((ee_cpu_executable_t *)base)->library;
  for (uint32_t i = 0; i < library->exports.count; ++i) {
    if (!ee_str_equal(ee_str_from(ee_cpu_kernel_name(library, i)), name)) continue;
    *out_function = i;
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no kernel '%.*s' among the %u of executable %s",
                 EE_STR_ARG(name), library->exports.count,
                 library->header->name ? library->header->name : "(unnamed)");
}

eerie_status_t ee_cpu_dispatch_check(ee_hal_executable_t *base, uint32_t function,
                                     size_t constant_count, size_t binding_count,
                                     eerie_error_t *err) {
  const ee_cpu_library_t *library = ((ee_cpu_executable_t *)base)->library;
  if (function >= library->exports.count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "kernel %u of an executable with %u", function,
                   library->exports.count);
  }
  const ee_cpu_kernel_attributes_t *attributes = &library->exports.attributes[function];
  if (constant_count != attributes->constant_count || binding_count != attributes->binding_count) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "kernel %s takes %u constants and %u bindings, the dispatch gives %zu and %zu",
                   ee_cpu_kernel_name(library, function), attributes->constant_count,
                   attributes->binding_count, constant_count, binding_count);
  }
  return EERIE_OK;
}
