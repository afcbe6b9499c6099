// hal_functions_bare.c: takes the place of hal_functions.c where one CPU is the only device:
// without collectives, choice between devices, memory that is shared with others, files that are
// written, fences of the program's, and what only tells people something. A module that imports one
// of these is refused when it is linked.
#include "bridge/hal_functions.h"

#define LEFT_OUT(name, signature, function)

// clang-format off
static const ee_vm_native_function_t functions[] = {
  EE_BRIDGE_HAL_FUNCTIONS(EE_BRIDGE_HAL_FUNCTION, LEFT_OUT)
};
// clang-format on

const ee_vm_native_module_t ee_bridge_hal_module = EE_BRIDGE_HAL_MODULE(functions);
