// device.c: the CPU as a device.
//
// "local-sync" runs every operation on the thread that submits it. "local-task" is the name under
// which hosts offer several threads (task.c); where there are none it runs inline too.
#include "drivers/cpu/cpu.h"

static const ee_hal_device_info_t device_infos[] = {
    {.name = "local-sync", .driver = "cpu", .description = "the CPU, on the calling thread"},
    {.name = "local-task", .driver = "cpu", .description = "the CPU, on the calling thread"},
};
#define DEVICE_COUNT (sizeof device_infos / sizeof device_infos[0])

static bool cpu_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  if (index >= DEVICE_COUNT) return false;
  *out_info = device_infos[index];
  return true;
}

// Bytes of `spec` that are the device's name; 0 when it is none of ours. There is one CPU: the name
// may be followed by "://", and that by ordinal 0.
static size_t name_size(ee_str_t spec) {
  for (size_t i = 0; i < DEVICE_COUNT; ++i) {
    const ee_str_t name = ee_str_from(device_infos[i].name);
    if (spec.size < name.size || memcmp(spec.data, name.data, name.size) != 0) continue;
    const ee_str_t rest = {spec.data + name.size, spec.size - name.size};
    if (rest.size <= 4 && memcmp(rest.data, "://0", rest.size) == 0 &&
        (rest.size == 0 || rest.size > 2)) {
      return name.size;
    }
  }
  return 0;
}

eerie_status_t ee_cpu_device_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                  eerie_error_t *err) {
  const ee_str_t name = {spec.data, name_size(spec)};
  if (!name.size) {
    return EE_FAIL(err, EERIE_NOT_FOUND,
                   "no CPU device '%.*s'; there are 'local-sync' and "
                   "'local-task', each with ordinal 0",
                   EE_STR_ARG(spec));
  }
  ee_cpu_device_t *device = ee_heap_allocate(heap, sizeof *device);
  if (!device) return EE_NO_MEMORY(err, sizeof *device);
  ee_hal_device_initialize(&device->base, &ee_cpu_driver, heap, name, sizeof *device);
  ee_port_cpu_data(device->features);
  device->extensions = NULL;
  device->images = NULL;
  *out_device = &device->base;
  return EERIE_OK;
}

void ee_cpu_device_close(ee_hal_device_t *device) {
  ee_cpu_extensions_destroy((ee_cpu_device_t *)device);
  ee_hal_device_deinitialize(device);
  ee_heap_free(device->heap, device, device->allocation_size);
}

// The questions that compiled modules ask. Source: query_i64 of IREE's local devices.
bool ee_cpu_device_query(ee_hal_device_t *base, ee_str_t category, ee_str_t key,
                         int64_t *out_value) {
  const ee_cpu_device_t *device = (const ee_cpu_device_t *)base;
  if (ee_str_equal(category, EE_STR("hal.executable.format"))) {
    ee_str_t rest;
    const ee_cpu_loader_t *loader = ee_cpu_loader_find(key, &rest);
    if (loader) *out_value = loader->supports(rest);
    return true;
  }
  if (ee_str_equal(category, EE_STR("hal.device")) ||
      ee_str_equal(category, EE_STR("hal.dispatch"))) {
    *out_value = 1;
    return ee_str_equal(key, EE_STR("concurrency"));
  }
  if (ee_str_equal(category, EE_STR("hal.cpu"))) {
    return ee_cpu_feature(device->features, key, out_value);
  }
  return false;
}

const ee_hal_driver_t ee_cpu_driver = {
    .size = sizeof(ee_hal_driver_t),
    .name = "cpu",
    .device_info = cpu_device_info,
    .device_open = ee_cpu_device_open,
    .device_close = ee_cpu_device_close,
    .query = ee_cpu_device_query,
    .executable_create = ee_cpu_executable_create,
    .executable_destroy = ee_cpu_executable_destroy,
    .executable_lookup = ee_cpu_executable_lookup,
    .dispatch_check = ee_cpu_dispatch_check,
    .run = ee_cpu_run,
    .dispatch = ee_cpu_dispatch,
    .host_kernels = &ee_cpu_host_kernels,
};
