// ptx.h: runs PTX kernels on the CPU, so that what the CUDA driver is told can be checked by
// numbers.
//
// Text goes in as the compiler writes it (LLVM's NVPTX back end); an instruction or directive that
// is not known is an error of ptx_module_parse that names it. Facts are of NVIDIA's "Parallel
// Thread Execution ISA"; sections are named where they are needed. A launch runs in the caller's
// thread, a warp at a time, its 32 lanes in step.
#ifndef EERIE_TESTS_DRIVERS_CUDA_PTX_H_
#define EERIE_TESTS_DRIVERS_CUDA_PTX_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ptx_module ptx_module_t;
typedef struct ptx_kernel ptx_kernel_t;

// A parameter of a kernel within the block of bytes that a launch takes.
typedef struct ptx_param {
  uint32_t offset;
  uint32_t size;
} ptx_param_t;

typedef struct ptx_facts {
  const char *name;
  const ptx_param_t *params;
  uint32_t param_count;
  uint32_t param_size;  // of all, with what alignment leaves between
  uint32_t max_threads; // of a block: .maxntid's product, or 0
  uint32_t shared_size; // bytes of a block that are known before the launch
  uint32_t local_size;  // bytes of a thread
  uint32_t register_count;
} ptx_facts_t;

// The memory that kernels reach through addresses.
typedef struct ptx_range {
  uint64_t begin, end; // addresses of the device
  uint8_t *bytes;      // where `begin` lies here
  bool read_only;
} ptx_range_t;

typedef struct ptx_launch {
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared;
  const uint8_t *params; // param_size bytes
  // Finds the range that an address lies in; false where there is none.
  bool (*find)(void *user, uint64_t address, ptx_range_t *out_range);
  void *user;
} ptx_launch_t;

typedef enum ptx_result {
  PTX_OK,
  PTX_ILLEGAL_ADDRESS,
  PTX_MISALIGNED_ADDRESS,
  PTX_TRAP,
  PTX_DEADLOCK,  // threads wait for others that never come
  PTX_NO_MEMORY, // of the host
} ptx_result_t;

// NULL with the reason in `log` (ended by a zero, cut to `log_size`) when the text is not good for
// a device of compute capability `capability` (80: 8.0). `text` ends at `size`, or at a zero
// before.
ptx_module_t *ptx_module_parse(const char *text, size_t size, uint32_t capability, char *log,
                               size_t log_size);
void ptx_module_free(ptx_module_t *module);

const ptx_kernel_t *ptx_module_kernel(const ptx_module_t *module, uint32_t index); // NULL: no more
const ptx_kernel_t *ptx_module_find(const ptx_module_t *module, const char *name); // NULL: none
ptx_facts_t ptx_kernel_facts(const ptx_kernel_t *kernel);

// `message` (of `message_size` bytes, ended by a zero) tells what happened where and to which
// thread.
ptx_result_t ptx_kernel_run(const ptx_kernel_t *kernel, const ptx_launch_t *launch, char *message,
                            size_t message_size);

#endif // EERIE_TESTS_DRIVERS_CUDA_PTX_H_
