// gpu_images.h: executables of a driver for GPUs that are cut and changed: refused, or loaded, but
// nothing else. Behind a driver's support header, and GPU_MAGIC and GPU_FORMAT of its executables.
#ifndef EERIE_TESTS_DRIVERS_GPU_IMAGES_H_
#define EERIE_TESTS_DRIVERS_GPU_IMAGES_H_

#include "drivers/gpu_support.h"

// The kernels' image in the module for the driver: GPU_MAGIC, version 0, size. The last one has
// constants.
CHECK_HELPER uint8_t *find_image(size_t *out_size) {
  FILE *file = fopen(path_of("gpu_" GPU_KIND), "rb");
  if (!CHECK(file != NULL)) return NULL;
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  uint8_t *bytes = malloc(size), *image = NULL;
  rewind(file);
  CHECK_EQ_INT(fread(bytes, 1, size, file), size);
  fclose(file);
  for (size_t i = 0; i + 16 < size; ++i) {
    uint64_t length;
    memcpy(&length, bytes + i + 8, sizeof length);
    if (memcmp(bytes + i, GPU_MAGIC "\0\0\0\0", 8) != 0 || length > size - i - 64) continue;
    *out_size = (size_t)length + 64;
    free(image);
    image = malloc(*out_size);
    memcpy(image, bytes + i, *out_size);
  }
  free(bytes);
  CHECK(image != NULL);
  return image;
}

CHECK_HELPER eerie_status_t load(fixture_t *f, const uint8_t *image, size_t size,
                                 eerie_error_t *err) {
  // In a block of its own, so that sanitizers see what is read beyond.
  uint8_t *copy = malloc(size ? size : 1);
  memcpy(copy, image, size);
  ee_hal_executable_t *executable = NULL;
  const eerie_status_t status = ee_hal_executable_create(
      f->device, EE_STR(GPU_FORMAT), (ee_bytes_t){copy, size}, NULL, NULL, 0, &executable, err);
  ee_object_release((ee_object_t *)executable);
  free(copy);
  return status;
}

// Cut anywhere, any bit of it changed, any word as large as can be.
CHECK_HELPER void damage(fixture_t *f, uint8_t *image, size_t size) {
  CHECK_OK(load(f, image, size, NULL));
  for (size_t cut = 0; cut < size; ++cut) {
    eerie_error_t err = {0};
    CHECK_STATUS(load(f, image, cut, &err), EERIE_DATA_LOSS);
    CHECK_CONTAINS(err.message, "truncated");
  }
  long refused = 0;
  for (size_t at = 0; at < size; ++at) {
    const uint8_t before = image[at];
    image[at] ^= (uint8_t)(1u << at % 8);
    refused += load(f, image, size, NULL) != EERIE_OK;
    image[at] = before;
  }
  for (size_t at = 0; at + 4 <= size; at += 4) {
    uint8_t before[4];
    memcpy(before, image + at, sizeof before);
    memset(image + at, 0xFF, sizeof before);
    refused += load(f, image, size, NULL) != EERIE_OK;
    memcpy(image + at, before, sizeof before);
  }
  CHECK(refused > 100);
}

#endif // EERIE_TESTS_DRIVERS_GPU_IMAGES_H_
