// vulkan_shim.h: what a test asks of the Vulkan loader that stands in front of the real one.
#ifndef EERIE_TESTS_DRIVERS_VULKAN_SHIM_H_
#define EERIE_TESTS_DRIVERS_VULKAN_SHIM_H_

#include <stdbool.h>
#include <stdint.h>

// One for the process; the symbol `vulkan_shim` of the library.
typedef struct vulkan_shim {
  // To be set by the test, before a device is opened where it is about what devices are.
  long fail_at;         // this fallible call from now on fails, once; 0: none
  long lose_at_submit;  // this submission from now on loses the device; 0: none
  bool lose_at_wait;    // the next wait or look does
  bool no_timeline;     // devices without timeline semaphores
  bool no_float16;      // devices without 16-bit floats
  bool calibration;     // devices whose clock the host can read: those in software count as it does
  bool own_memory;      // memory of the device that the host does not see
  long memory_limit;    // bytes of device memory; 0: as many as there are. One thread then
  bool compile_nothing; // shaders do not reach the driver
  bool no_host_memory;  // devices without the extension for memory of the host
  bool refuse_host_memory; // devices that take none
  long host_block;         // bytes that they take of it at a time; 0: what they do
  long allocation_limit;   // pieces of device memory; 0: as many as there are
  // To be read.
  long calls;      // fallible ones
  long submits;    // submissions
  long recordings; // command buffers that were begun
  long timestamps; // and those that were put into them
  long dispatches;
  long looks;      // at the device's clock
  long cache_size; // bytes that the last pipeline cache was made from
  long live;       // objects that were made and not destroyed
  bool lost;       // the device is lost until this is false again
} vulkan_shim_t;

#endif // EERIE_TESTS_DRIVERS_VULKAN_SHIM_H_
