// device_options.c: devices with threads of their own.
#include "api/api.h"

// The name of device number `name`; others are names already.
static const char *find_name(eerie_instance_t *instance, const char *name) {
  size_t index = 0;
  for (const char *c = name ? name : ""; *c; ++c) {
    if (*c < '0' || *c > '9' || index > 1000) return name;
    index = index * 10 + (size_t)(*c - '0');
  }
  eerie_device_info_t info;
  if ((!name || *name) && eerie_device_list(instance, index, &info)) return info.name;
  return name ? name : "default";
}

eerie_status_t eerie_device_open_with(eerie_instance_t *instance, const char *name,
                                      const eerie_device_options_t *options,
                                      eerie_device_t **out_device, eerie_error_t *err) {
  *out_device = NULL;
  const eerie_device_options_t given = options ? *options : (eerie_device_options_t){0};
  const ee_hal_device_options_t internal = {
      .threads = given.threads,
      .max_threads = given.max_threads,
      .cpus = given.cpus,
      .cores = (uint32_t)given.cores,
      .pin = given.pin,
      .spin_us = given.spin_us,
      .share = ee_api_device(given.share),
  };
  const ee_str_t spec = ee_str_from(find_name(instance, name));
  ee_hal_device_t *device = NULL;
  eerie_status_t status = EERIE_NOT_FOUND;
  for (const ee_hal_driver_t *const *driver = ee_hal_drivers; *driver && status == EERIE_NOT_FOUND;
       ++driver) {
    status = (*driver)->device_open_with
                 ? (*driver)->device_open_with(&instance->heap, spec, &internal, &device, err)
                 : (*driver)->device_open(&instance->heap, spec, &device, err);
  }
  // In its words, which name what there is.
  if (status == EERIE_NOT_FOUND) return eerie_device_open(instance, name, out_device, err);
  if (status == EERIE_OK) *out_device = (eerie_device_t *)device;
  return status;
}
