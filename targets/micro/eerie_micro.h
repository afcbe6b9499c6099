/* eerie_micro.h: runs what `eerie embed` has written: a plan, in place of an interpreter.
 *
 * A plan lists the kernels of a model with the memory that each works on. This file and
 * eerie_micro.c are all that a firmware needs beside the model's own files. They use no heap, no
 * files, no writable data, and of the C library memcpy and memset. Any number of calls may run at
 * once, each with an arena of its own.
 *
 * The model's header has a typed function for each function of the model; those call
 * eerie_micro_run, which nobody else needs to.
 */
#ifndef EERIE_MICRO_H_
#define EERIE_MICRO_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Status codes; the numbers are those of eerie_status_t. */
#define EERIE_MICRO_OK                 0
#define EERIE_MICRO_INVALID_ARGUMENT   3  /* an input or output of another size, or not aligned */
#define EERIE_MICRO_RESOURCE_EXHAUSTED 8  /* the arena or the state is too small */
#define EERIE_MICRO_INTERNAL           13 /* a kernel failed */
#define EERIE_MICRO_INCOMPATIBLE       18 /* plan, runtime and kernels do not fit each other */

/* What memory must be aligned to: kernels load vectors. */
#define EERIE_MICRO_ALIGNMENT 64

#if defined(__cplusplus)
#define EERIE_MICRO_ALIGNED alignas(EERIE_MICRO_ALIGNMENT)
#else
#define EERIE_MICRO_ALIGNED _Alignas(EERIE_MICRO_ALIGNMENT)
#endif

/* The most bindings that a kernel of the model has; the generated build files set it where it must
 * be larger. Each takes the bytes of a pointer on the stack. */
#ifndef EERIE_MICRO_MAX_BINDINGS
#define EERIE_MICRO_MAX_BINDINGS 8
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
  void *const *bindings;
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

/* ---- Plans ------------------------------------------------------------------------------------
 */

/* Counts up when the structures below change. */
#define EERIE_MICRO_PLAN_VERSION 0x45450001u

/* An address: that of memory number `base` and `offset` more. Memory 0 is at address 0, which makes
 * pointers to constants. */
typedef struct eerie_micro_range {
  const uint8_t *offset;
  size_t base;
} eerie_micro_range_t;

/* One thing to do: a dispatch of kernel `number`, whose bindings are `ranges`; or, without a
 * `dispatch`, `number` bytes onto ranges[0] from the `period` bytes at ranges[1], over and over. */
typedef struct eerie_micro_step {
  const eerie_micro_dispatch_t *dispatch; /* all but the bindings */
  const eerie_micro_range_t *ranges;
  size_t number;
  size_t period;
} eerie_micro_step_t;

typedef struct eerie_micro_plan {
  uint32_t version; /* EERIE_MICRO_PLAN_VERSION */
  uint16_t kernel_count;
  uint16_t memory_count;
  const size_t *sizes; /* of memory 1 and on */
  const eerie_micro_step_t *steps;
  size_t step_count;
  eerie_micro_query_t query;
  const eerie_micro_environment_t *environment;
} eerie_micro_plan_t;

/* Memory of a call: nothing, the arena, the state, the inputs, the outputs, in this order. */
typedef struct eerie_micro_memory {
  void *data;
  size_t size;
} eerie_micro_memory_t;

#define EERIE_MICRO_ARENA 1
#define EERIE_MICRO_STATE 2

/* Runs all steps. What does not fit is refused before the first. */
int eerie_micro_run(const eerie_micro_plan_t *plan, const eerie_micro_memory_t *memory,
                    size_t memory_count);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* EERIE_MICRO_H_ */
