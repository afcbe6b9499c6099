/* eerie_micro.h: what the C that `eerie embed` writes and the compiler's kernels tell each other.
 *
 * A function of the model has become a function of C that calls one kernel after the other. Beside
 * the model's own files this header is all that a firmware needs: no heap, no files, no writable
 * data, and of the C library memcpy and memset. Any number of calls may run at once, each with an
 * arena of its own.
 */
#ifndef EERIE_MICRO_H_
#define EERIE_MICRO_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts up when what stands here changes. */
#define EERIE_MICRO_VERSION 2

/* Status codes; the numbers are those of eerie_status_t. */
#define EERIE_MICRO_OK                 0
#define EERIE_MICRO_INVALID_ARGUMENT   3  /* an input or output of another size, or not aligned */
#define EERIE_MICRO_RESOURCE_EXHAUSTED 8  /* the arena or the state is too small */
#define EERIE_MICRO_INTERNAL           13 /* a kernel failed */
#define EERIE_MICRO_INCOMPATIBLE       18 /* program, plan and kernels do not fit each other */

/* What memory must be aligned to: kernels load vectors. */
#define EERIE_MICRO_ALIGNMENT 64

#if defined(__cplusplus)
#define EERIE_MICRO_ALIGNED alignas(EERIE_MICRO_ALIGNMENT)
#else
#define EERIE_MICRO_ALIGNED _Alignas(EERIE_MICRO_ALIGNMENT)
#endif

/* ---- Kernels: the compiler's interface --------------------------------------------------------
 * Version 0.6, as compilers 3.11 to 3.13 write it. Source: iree/hal/local/executable_library.h;
 * order and width of fields are the format. */

#define EERIE_MICRO_LIBRARY_VERSION 6u

typedef struct eerie_micro_environment {
  const uint32_t *constants;
  void *import_thunk;
  const void *import_functions;
  const void *import_contexts;
  uint64_t processor[8];
} eerie_micro_environment_t;

typedef struct eerie_micro_dispatch {
  uint32_t workgroup_size_x, workgroup_size_y;
  uint16_t workgroup_size_z, constant_count;
  uint32_t workgroup_count_x, workgroup_count_y;
  uint16_t workgroup_count_z;
  uint8_t max_concurrency, binding_count;
  const uint32_t *constants;
  const void *const *bindings;
  const size_t *binding_sizes;
} eerie_micro_dispatch_t;

typedef struct eerie_micro_workgroup {
  uint32_t id_x, id_y;
  uint16_t id_z, reserved;
  uint32_t processor_id;
  void *local_memory;
  uint32_t local_memory_size;
} eerie_micro_workgroup_t;

typedef int (*eerie_micro_kernel_t)(const eerie_micro_environment_t *environment,
                                    const eerie_micro_dispatch_t *dispatch,
                                    const eerie_micro_workgroup_t *workgroup);

typedef struct eerie_micro_library {
  const struct {
    uint32_t version;
    const char *name;
  } * header;
  struct {
    uint32_t count;
    const char *const *symbols;
  } imports;
  struct {
    uint32_t count;
    const eerie_micro_kernel_t *kernels;
    /* more follows that plans do without */
  } exports;
} eerie_micro_library_t;

typedef const eerie_micro_library_t *(*eerie_micro_query_t)(
    uint32_t max_version, const eerie_micro_environment_t *environment);

/* ---- For the generated C ----------------------------------------------------------------------
 */

/* `size` bytes onto `to`: the first `period` of `pattern`, over and over. */
static inline void eerie_micro_fill(uint8_t *to, size_t size, uint64_t pattern, size_t period) {
  for (size_t i = 0; i < size; ++i)
    to[i] = i < period ? (uint8_t)(pattern >> (8 * i)) : to[i - period];
}

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* EERIE_MICRO_H_ */
