// registry.c: devices by name, through the drivers of this build.
#include "hal/driver.h"

eerie_status_t ee_hal_device_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                  eerie_error_t *err) {
  for (const ee_hal_driver_t *const *driver = ee_hal_drivers; *driver; ++driver) {
    const eerie_status_t status = (*driver)->device_open(heap, spec, out_device, err);
    if (status != EERIE_NOT_FOUND) return status;
  }
  ee_hal_device_info_t first;
  if (!ee_hal_drivers[0] || !ee_hal_drivers[0]->device_info(0, &first)) first.name = "none";
  return EE_FAIL(err, EERIE_NOT_FOUND, "no device '%.*s' in this build; there is '%s'",
                 EE_STR_ARG(spec), first.name);
}
