// registry.c: the drivers in this build. A build adds or leaves out a line of the table.
#include "hal/driver.h"

extern const ee_hal_driver_t ee_cpu_driver;

const ee_hal_driver_t *const ee_hal_drivers[] = {
    &ee_cpu_driver,
    NULL,
};
