// fake.h: what a test asks of the library that stands in the place of libcuda.so.1 or
// libamdhip64.so.
//
// The library keeps to what NVIDIA's documents of the driver API say and no less strictly: wrong
// arguments are refused, work is done later by a thread for each stream, addresses are checked when
// they are used, an error of the device stays. What a caller must not do and a device would not
// tell (unloading a module whose kernels are queued) is a misuse: told on the standard error, and
// counted. A process that ends with misuses, or with objects that were not destroyed, ends with
// exit code 86.
//
// Of the environment, for programs that know nothing of this file: FAKE_CUDA_DEVICES,
// FAKE_CUDA_CAPABILITY (80: 8.0), FAKE_CUDA_MEMORY (bytes), FAKE_CUDA_DELAY (of each operation,
// microseconds), FAKE_CUDA_SEED, FAKE_CUDA_FAIL (FUNCTION:CALL:CODE) and FAKE_CUDA_LEAKS=ignore.
#ifndef EERIE_TESTS_DRIVERS_CUDA_FAKE_H_
#define EERIE_TESTS_DRIVERS_CUDA_FAKE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One for the process: the symbol `fake_cuda` of the library. To be changed while nothing is
// called.
typedef struct fake_cuda {
  // To be set by the test; what devices are before the first call of cuInit.
  int devices;      // 1
  int capability;   // 80
  int version;      // of the driver: 12040
  uint64_t memory;  // bytes of a device: 1 GiB
  bool no_peers;    // devices do not reach each other's memory
  bool no_pools;    // devices without pools of memory
  bool old_shared;  // no more shared memory than 48 KiB
  bool no_register; // memory of the host cannot be registered
  unsigned delay;   // microseconds before each operation of a stream
  const char *fail; // this function fails ("": any that can) ...
  long fail_at;     // ... at this call of it from now on, once; 0: never
  int fail_with;    // with this code; 0: out of memory
  int lose_with;    // the next operation of a stream fails with this code, for good
  uint64_t seed;    // of chance, which says which of a graph's nodes that are ready runs first
  // To be read.
  long calls;    // of functions that `fail` is about
  long launches; // kernels that ran
  long copies;   // and fills, done by streams
  long graphs;   // launches of graphs
  // Of the graph that was made executable last:
  long nodes; // that do something
  long edges;
  long apart;      // pairs of such nodes that no path joins
  long registered; // pieces of the host's memory that are
  long live;       // objects that were made and not destroyed: contexts, memory, streams, ...
  long pushed;     // contexts that were pushed and not popped, by all threads
  long misuses;
} fake_cuda_t;

#endif // EERIE_TESTS_DRIVERS_CUDA_FAKE_H_
