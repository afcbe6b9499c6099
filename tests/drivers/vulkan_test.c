// The driver for Vulkan on whatever device is there.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

#include "drivers/gpu_operations.h"

int main(int argc, char **argv) {
  return vulkan_main(argc, argv, gpu_operations, LENGTH(gpu_operations));
}
