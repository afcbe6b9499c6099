// fake_hsaco.h: what stands in the place of kernels for AMD's devices.
#ifndef EERIE_TESTS_DRIVERS_CUDA_FAKE_HSACO_H_
#define EERIE_TESTS_DRIVERS_CUDA_FAKE_HSACO_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// PTX for the kernels of a code object, to be freed; NULL when the image is none for
// `architecture`.
char *fake_hsaco_text(const void *image, const char *architecture);

#endif // EERIE_TESTS_DRIVERS_CUDA_FAKE_HSACO_H_
