// registry_bare.c: takes the place of registry.c where there is no system: no threads.
#include "hal/driver.h"

extern const ee_hal_driver_t ee_cpu_driver;

const ee_hal_driver_t *const ee_hal_drivers[] = {
    &ee_cpu_driver,
    NULL,
};
