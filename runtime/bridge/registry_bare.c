// registry_bare.c: takes the place of registry.c where modules import `hal` alone.
#include "bridge/bridge.h"

const ee_vm_native_module_t *const ee_bridge_modules[] = {
    &ee_bridge_hal_module,
    NULL,
};

const ee_bridge_format_t *const ee_bridge_formats[] = {
    NULL,
};
