// executable.h: what the two files that read executables share.
#ifndef EE_DRIVERS_VULKAN_EXECUTABLE_H_
#define EE_DRIVERS_VULKAN_EXECUTABLE_H_

#include "base/flatbuffer.h"
#include "drivers/vulkan/vulkan.h"

// Read and make the layouts that the list describes; what was made is freed with the executable.
eerie_status_t ee_vulkan_sets_read(ee_vulkan_device_t *device, ee_vulkan_executable_t *executable,
                                   ee_fb_t *fb, ee_fb_vector_t list);
eerie_status_t ee_vulkan_layouts_read(ee_vulkan_device_t *device,
                                      ee_vulkan_executable_t *executable, ee_fb_t *fb,
                                      ee_fb_vector_t list);
void ee_vulkan_layouts_free(ee_vulkan_device_t *device, ee_vulkan_executable_t *executable);

#endif // EE_DRIVERS_VULKAN_EXECUTABLE_H_
