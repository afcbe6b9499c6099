// library.h: the tables through which compiled kernels and a runtime know each other.
//
// Layout of version 0.6 as written by the compiler from 3.11 to 3.13. Source:
// iree/hal/local/executable_library.h (iree_hal_executable_*_v0_t); field order and widths are the
// format, names here are ours. All pointers are of the machine that the kernels are for.
#ifndef EE_DRIVERS_CPU_LIBRARY_H_
#define EE_DRIVERS_CPU_LIBRARY_H_

#include <stddef.h>
#include <stdint.h>

#define EE_CPU_LIBRARY_VERSION 6u
#define EE_CPU_LIBRARY_QUERY   "iree_hal_executable_library_query"

// Kernels for x86-64 that travel as ELF use the System V calling convention on every system. Others
// are those of convention.h.
#if defined(__x86_64__) && defined(_WIN32)
#define EE_CPU_TWO_CONVENTIONS 1
#define EE_CPU_KERNEL          __attribute__((sysv_abi))
#else
#define EE_CPU_TWO_CONVENTIONS 0
#define EE_CPU_KERNEL
#endif

#define EE_CPU_LOCAL_MEMORY_PAGE 4096u
#define EE_CPU_MAX_CONSTANTS     64u
#define EE_CPU_MAX_BINDINGS      64u

// A function of the host, in its own calling convention; kernels reach it through the thunk.
typedef int (*ee_cpu_import_t)(void *params, void *context, void *reserved);
typedef EE_CPU_KERNEL int (*ee_cpu_import_thunk_t)(ee_cpu_import_t function, void *params,
                                                   void *context, void *reserved);

// What a library sees of its host.
typedef struct ee_cpu_environment {
  const uint32_t *constants;
  ee_cpu_import_thunk_t import_thunk;
  const ee_cpu_import_t *import_functions; // one for each import, NULL where optional and absent
  const void **import_contexts;
  uint64_t processor[8]; // ee_port_cpu_data
} ee_cpu_environment_t;

// The same for all workgroups of a dispatch.
typedef struct ee_cpu_dispatch_state {
  uint32_t workgroup_size_x;
  uint32_t workgroup_size_y;
  uint16_t workgroup_size_z;
  uint16_t constant_count;
  uint32_t workgroup_count_x;
  uint32_t workgroup_count_y;
  uint16_t workgroup_count_z;
  uint8_t max_concurrency;
  uint8_t binding_count;
  const uint32_t *constants;
  void *const *bindings;
  const size_t *binding_sizes;
} ee_cpu_dispatch_state_t;

typedef struct ee_cpu_workgroup_state {
  uint32_t id_x;
  uint32_t id_y;
  uint16_t id_z;
  uint16_t reserved;
  uint32_t processor_id;
  void *local_memory;
  uint32_t local_memory_size;
} ee_cpu_workgroup_state_t;

// Runs one workgroup. Anything but 0 is a failure.
typedef EE_CPU_KERNEL int (*ee_cpu_kernel_t)(const ee_cpu_environment_t *environment,
                                             const ee_cpu_dispatch_state_t *dispatch,
                                             const ee_cpu_workgroup_state_t *workgroup);

typedef struct ee_cpu_kernel_attributes {
  uint64_t flags;
  uint16_t local_memory_pages;
  uint8_t constant_count;
  uint8_t binding_count;
  uint32_t workgroup_size_x;
  uint32_t workgroup_size_y;
  uint16_t workgroup_size_z;
  uint16_t parameter_count;
  uint64_t reserved[5];
} ee_cpu_kernel_attributes_t;

typedef struct ee_cpu_library_header {
  uint32_t version;
  const char *name;
  uint32_t features;
  uint32_t sanitizer; // 0: none; others need a host built with the same
} ee_cpu_library_header_t;

typedef struct ee_cpu_library {
  const ee_cpu_library_header_t *header;
  struct {
    uint32_t count;
    const char *const *symbols; // sorted; a leading '?' marks an optional one
  } imports;
  struct {
    uint32_t count;
    const ee_cpu_kernel_t *kernels;
    const ee_cpu_kernel_attributes_t *attributes;
    const void *parameters;
    const void *occupancy;
    const char *const *names;
    const char *const *tags;
    const char *const *parameter_names;
    const void *source_locations;
    const void *stage_locations;
  } exports;
  struct {
    uint32_t count;
  } constants;
  struct {
    uint32_t count;
    const void *files;
  } sources;
} ee_cpu_library_t;

// What a library exports. NULL when it needs a newer host than `max_version`.
typedef EE_CPU_KERNEL const
    ee_cpu_library_t *(*ee_cpu_library_query_t)(uint32_t max_version,
                                                const ee_cpu_environment_t *environment);

// Compiler 3.11 leaves the names out with --iree-llvmcpu-debug-symbols=false, where kernels are
// dispatched by number only.
static inline const char *ee_cpu_kernel_name(const ee_cpu_library_t *library, uint32_t kernel) {
  const char *name = library->exports.names ? library->exports.names[kernel] : NULL;
  return name ? name : "(unnamed)";
}

// The structures above are read by machine code that was compiled elsewhere.
_Static_assert(sizeof(ee_cpu_kernel_attributes_t) == 64, "kernel attributes are 64 bytes");
_Static_assert(sizeof(void *) != 8 || sizeof(ee_cpu_dispatch_state_t) == 48, "dispatch state");
_Static_assert(sizeof(void *) != 8 || sizeof(ee_cpu_workgroup_state_t) == 32, "workgroup state");
_Static_assert(sizeof(void *) != 8 || sizeof(ee_cpu_library_t) == 128, "library");

#endif // EE_DRIVERS_CPU_LIBRARY_H_
