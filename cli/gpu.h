// gpu.h: devices that are named by what they can do: the GPU of this machine, the best for a
// module.
#ifndef EE_CLI_GPU_H_
#define EE_CLI_GPU_H_

#include "model.h"

// "vulkan:native" becomes the target of this machine's device, a static string; others stay. NULL
// with an error printed when there is no such device.
const char *ee_cli_native_target(const char *target);

// Adds the best device that the model's modules run on beside those that it has, or as many as they
// want, and says on stderr which. Returns an exit code; when it is not 0, an error was printed.
int ee_cli_devices_auto(const eerie_device_options_t *options, ee_cli_model_t *model);

#endif // EE_CLI_GPU_H_
