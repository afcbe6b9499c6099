// instance.c: instances, devices by name, version.
#include "api/api.h"

#define VERSION_TEXT_(a, b, c) #a "." #b "." #c
#define VERSION_TEXT(a, b, c)  VERSION_TEXT_(a, b, c)

const char *eerie_version(void) {
  return VERSION_TEXT(EERIE_VERSION_MAJOR, EERIE_VERSION_MINOR, EERIE_VERSION_PATCH);
}

// ---- Instances ---------------------------------------------------------------------------------

static void instance_destroy(ee_object_t *object) {
  eerie_instance_t *instance = (eerie_instance_t *)object;
  ee_heap_discharge(&instance->heap, sizeof *instance);
}

static const ee_object_type_t instance_type = {"instance", instance_destroy};

static void instance_free(ee_heap_t *heap) {
  eerie_instance_t *instance =
      (eerie_instance_t *)(void *)((char *)heap - offsetof(eerie_instance_t, heap));
  const eerie_allocator_t allocator = heap->allocator;
  allocator.reallocate(allocator.user, instance, sizeof *instance, 0);
}

eerie_status_t eerie_instance_create(const eerie_instance_options_t *options,
                                     eerie_instance_t **out_instance, eerie_error_t *err) {
  *out_instance = NULL;
  eerie_allocator_t allocator = options ? options->allocator : (eerie_allocator_t){0};
  const size_t limit = options ? options->memory_limit : 0;
  if (!allocator.reallocate) allocator = ee_port_allocator();
  if (!allocator.reallocate) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                   "this system has no malloc: give an allocator in eerie_instance_options_t");
  }
  if (limit && limit < sizeof(eerie_instance_t)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "memory limit of %zu bytes is below %zu", limit,
                   sizeof(eerie_instance_t));
  }
  eerie_instance_t *instance =
      allocator.reallocate(allocator.user, NULL, 0, sizeof(eerie_instance_t));
  if (!instance) return EE_NO_MEMORY(err, sizeof(eerie_instance_t));
  ee_object_initialize(&instance->object, &instance_type);
  ee_heap_initialize(&instance->heap, allocator, limit);
  instance->heap.on_empty = instance_free;
  ee_heap_charge(&instance->heap, sizeof *instance);
  *out_instance = instance;
  return EERIE_OK;
}

void eerie_instance_retain(eerie_instance_t *instance) {
  ee_object_retain((ee_object_t *)instance);
}

void eerie_instance_release(eerie_instance_t *instance) {
  ee_object_release((ee_object_t *)instance);
}

void eerie_instance_memory(const eerie_instance_t *instance, size_t *out_current,
                           size_t *out_peak) {
  if (out_current) *out_current = instance->heap.current;
  if (out_peak) *out_peak = instance->heap.peak;
}

// ---- Devices -----------------------------------------------------------------------------------

static bool device_info_at(size_t index, ee_hal_device_info_t *out_info) {
  for (size_t i = 0; ee_hal_drivers[i]; ++i) {
    for (uint32_t j = 0; ee_hal_drivers[i]->device_info(j, out_info); ++j) {
      if (index-- == 0) return true;
    }
  }
  return false;
}

bool eerie_device_list(eerie_instance_t *instance, size_t index, eerie_device_info_t *out_info) {
  (void)instance;
  ee_hal_device_info_t info;
  if (!device_info_at(index, &info)) return false;
  *out_info = (eerie_device_info_t){
      .name = info.name, .driver = info.driver, .description = info.description};
#if EERIE_ASYNC_DEVICES
  out_info->target = info.target;
  out_info->uuid = info.uuid;
  out_info->limits = info.limits;
  out_info->emulated = info.emulated;
#endif
  return true;
}

// A device number, or false when `name` is no number.
static bool parse_ordinal(const char *name, size_t *out_ordinal) {
  size_t value = 0;
  if (!*name) return false;
  for (const char *c = name; *c; ++c) {
    if (*c < '0' || *c > '9' || value > 1000) return false;
    value = value * 10 + (size_t)(*c - '0');
  }
  *out_ordinal = value;
  return true;
}

eerie_status_t eerie_device_open(eerie_instance_t *instance, const char *name,
                                 eerie_device_t **out_device, eerie_error_t *err) {
  *out_device = NULL;
  size_t ordinal = 0;
  if (!name || parse_ordinal(name, &ordinal)) {
    ee_hal_device_info_t info;
    // A number that is none is reported as a name that is none.
    if (device_info_at(ordinal, &info)) name = info.name;
  }
  if (!name) name = "default";
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_hal_device_open(&instance->heap, ee_str_from(name), &device, err));
  *out_device = (eerie_device_t *)device;
  return EERIE_OK;
}

void eerie_device_retain(eerie_device_t *device) {
  ee_hal_device_retain(ee_api_device(device));
}

void eerie_device_release(eerie_device_t *device) {
#if EERIE_ASYNC_DEVICES
  ee_hal_device_settle(ee_api_device(device));
#endif
  ee_hal_device_release(ee_api_device(device));
}

const char *eerie_device_name(const eerie_device_t *device) {
  return ee_api_device(device)->name;
}
