// registry.c: the drivers in this build. A build adds or leaves out a line of the table.
#include "hal/driver.h"

#if EERIE_THREADS
extern const ee_hal_driver_t ee_cpu_task_driver;
#define CPU_DRIVER ee_cpu_task_driver
#else
extern const ee_hal_driver_t ee_cpu_driver;
#define CPU_DRIVER ee_cpu_driver
#endif

#if EERIE_DRIVER_VULKAN
extern const ee_hal_driver_t ee_vulkan_driver;
#endif
#if EERIE_DRIVER_CUDA
extern const ee_hal_driver_t ee_cuda_driver;
#endif
#if EERIE_DRIVER_HIP
extern const ee_hal_driver_t ee_hip_driver;
#endif

const ee_hal_driver_t *const ee_hal_drivers[] = {
    &CPU_DRIVER,
#if EERIE_DRIVER_CUDA
    &ee_cuda_driver,
#endif
#if EERIE_DRIVER_HIP
    &ee_hip_driver,
#endif
#if EERIE_DRIVER_VULKAN
    &ee_vulkan_driver,
#endif
    NULL,
};
