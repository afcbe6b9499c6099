// hal_functions.c: the table of the `hal` module. hal_functions_bare.c takes its place where one
// CPU is the only device.
#include "bridge/hal_functions.h"

// clang-format off
static const ee_vm_native_function_t functions[] = {
  EE_BRIDGE_HAL_FUNCTIONS(EE_BRIDGE_HAL_FUNCTION, EE_BRIDGE_HAL_FUNCTION)
};
// clang-format on

const ee_vm_native_module_t ee_bridge_hal_module = EE_BRIDGE_HAL_MODULE(functions);
