// plugin.h: the tables through which a plugin offers functions that kernels import.
//
// Layout of version 0.1. Source: iree/hal/local/executable_plugin.h of 3.11 to 3.13
// (iree_hal_executable_plugin_*_t); field order and widths are the format, names here are ours.
#ifndef EE_DRIVERS_CPU_PLUGIN_H_
#define EE_DRIVERS_CPU_PLUGIN_H_

#include "drivers/cpu/library.h"

#define EE_CPU_PLUGIN_VERSION 1u
#define EE_CPU_PLUGIN_QUERY   "iree_hal_executable_plugin_query"

// Bits of ee_cpu_plugin_header_t.features.
#define EE_CPU_PLUGIN_STANDALONE  (1u << 0) // needs nothing but this interface
#define EE_CPU_PLUGIN_FULL_STATUS (1u << 1) // its statuses are objects of IREE's runtime

// A status is a code of eerie_status_t in a pointer's clothes.
typedef struct ee_cpu_plugin_status *ee_cpu_plugin_status_t;
#define EE_CPU_PLUGIN_STATUS_MASK 0x1Fu

typedef enum ee_cpu_plugin_memory {
  EE_CPU_PLUGIN_ALLOCATE = 0,
  EE_CPU_PLUGIN_ALLOCATE_ZEROED = 1,
  EE_CPU_PLUGIN_RESIZE = 2,
  EE_CPU_PLUGIN_FREE = 3,
} ee_cpu_plugin_memory_t;

typedef struct ee_cpu_plugin_allocator {
  void *self;
  // `size` points to the bytes that are asked for, as one size_t; not used by FREE.
  ee_cpu_plugin_status_t (*control)(void *self, ee_cpu_plugin_memory_t command, const size_t *size,
                                    void **inout_pointer);
} ee_cpu_plugin_allocator_t;

typedef struct ee_cpu_plugin_environment {
  ee_cpu_plugin_allocator_t allocator; // valid until unload
} ee_cpu_plugin_environment_t;

typedef struct ee_cpu_plugin_header {
  uint32_t version;
  const char *name;
  const char *description;
  uint32_t features;
  uint32_t sanitizer; // as in ee_cpu_library_header_t
  uint64_t reserved[8];
} ee_cpu_plugin_header_t;

typedef struct ee_cpu_plugin_request {
  size_t count;
  const char *const *symbols; // sorted; '?' marks an optional one
  void **functions;           // those that are not NULL are taken
  void **contexts;
} ee_cpu_plugin_request_t;

typedef struct ee_cpu_plugin_table {
  const ee_cpu_plugin_header_t *header;
  ee_cpu_plugin_status_t (*load)(const ee_cpu_plugin_environment_t *environment,
                                 size_t parameter_count, const void *parameters, void **out_self);
  void (*unload)(void *self);
  // NOT_FOUND: not all of them; what it has is filled in. A bit of `out_resolution` tells of
  // optional ones that are missing.
  ee_cpu_plugin_status_t (*resolve)(void *self, const ee_cpu_plugin_request_t *request,
                                    uint32_t *out_resolution);
} ee_cpu_plugin_table_t;

// What a plugin exports. NULL when it needs a newer host than `max_version`.
typedef const ee_cpu_plugin_table_t *(*ee_cpu_plugin_query_t)(uint32_t max_version, void *reserved);

_Static_assert(sizeof(void *) != 8 || sizeof(ee_cpu_plugin_header_t) == 96, "plugin header");

#endif // EE_DRIVERS_CPU_PLUGIN_H_
