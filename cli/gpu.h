// gpu.h: devices that are named by what they can do: the GPU of this machine, the best for a
// module.
#ifndef EE_CLI_GPU_H_
#define EE_CLI_GPU_H_

#include "model.h"

// "vulkan:native" becomes the target of this machine's device, a static string; others stay. NULL
// with an error printed when there is no such device.
const char *ee_cli_native_target(const char *target);

// Opens the best device that the model's modules have code for, and says on stderr which it is.
// Returns an exit code; when it is not 0, an error was printed.
int ee_cli_device_auto(const eerie_device_options_t *options, ee_cli_model_t *model,
                       eerie_device_t **out_device);

#endif // EE_CLI_GPU_H_
