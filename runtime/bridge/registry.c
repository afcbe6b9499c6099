// registry.c: the native modules and formats of executables in this build. A build adds or leaves
// out a line, and the file behind it.
#include "bridge/bridge.h"

const ee_vm_native_module_t *const ee_bridge_modules[] = {
    &ee_bridge_hal_module,
    &ee_bridge_inline_module,
    &ee_bridge_loader_module,
    &ee_bridge_check_module,
    &ee_bridge_parameters_module,
    &ee_bridge_vmvx_module,
    NULL,
};

const ee_bridge_format_t *const ee_bridge_formats[] = {
    &ee_bridge_vmvx_format,
    NULL,
};
