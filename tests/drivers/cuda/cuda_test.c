// The driver for CUDA: operations, on the library that stands in the place of NVIDIA's or on a
// device.
#define _DEFAULT_SOURCE // usleep
#include "drivers/cuda/cuda_support.h"

#include "drivers/gpu_operations.h"

int main(int argc, char **argv) {
  return cuda_main(argc, argv, gpu_operations, LENGTH(gpu_operations));
}
