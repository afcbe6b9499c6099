// The functions that imports.mlir calls, as a plugin: the layout is that of
// iree/hal/local/executable_plugin.h, in words of its own, because a plugin must not need Eerie.
//
// Compiled twice: as a shared library of the system, and with -DSTANDALONE as an image that needs
// nothing (`embedded:`). Its state comes from the host's allocator and is counted.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct status *status_t; // the code as a pointer
#define OK        ((status_t)0)
#define NOT_FOUND ((status_t)5)

typedef struct allocator {
  void *self;
  status_t (*control)(void *self, int command, const void *size, void **inout_pointer);
} allocator_t;

typedef struct environment {
  allocator_t allocator;
} environment_t;

typedef struct request {
  size_t count;
  const char *const *symbols;
  void **functions;
  void **contexts;
} request_t;

typedef struct header {
  uint32_t version;
  const char *name;
  const char *description;
  uint32_t features;
  uint32_t sanitizer;
  uint64_t reserved[8];
} header_t;

typedef struct plugin {
  const header_t *header;
  status_t (*load)(const environment_t *environment, size_t count, const void *parameters,
                   void **out_self);
  void (*unload)(void *self);
  status_t (*resolve)(void *self, const request_t *request, uint32_t *out_resolution);
} plugin_t;

// ---- The functions -----------------------------------------------------------------------------

typedef struct scale_params {
  const float *x;
  size_t x_offset;
  const float *y;
  size_t y_offset;
  float *z;
  size_t z_offset;
  size_t count;
  size_t workgroup;
  float factor;
  uint32_t processor_id;
  const uint64_t *processor_data;
} scale_params_t;

static int scale(void *pointer, void *context, void *reserved) {
  const scale_params_t *p = pointer;
  (void)reserved;
  if (!context || !p->processor_data) return 1;
  const size_t begin = p->workgroup * 64, rest = p->count - begin;
  for (size_t i = begin; i < begin + (rest < 64 ? rest : 64); ++i)
    p->z[p->z_offset + i] = p->x[p->x_offset + i] * p->y[p->y_offset + i] * p->factor;
  return 0;
}

typedef struct total_params {
  float sum; // results stand first
  const float *x;
  size_t x_offset;
  size_t count;
} total_params_t;

static int total(void *pointer, void *context, void *reserved) {
  total_params_t *p = pointer;
  (void)reserved;
  if (!context) return 1;
  p->sum = 0;
  for (size_t i = 0; i < p->count; ++i)
    p->sum += p->x[p->x_offset + i];
  return 0;
}

// ---- The plugin --------------------------------------------------------------------------------

// Compiled with other values for plugins that a host must refuse.
#if !defined(VERSION)
#define VERSION 1
#endif
#if !defined(FEATURES)
#if defined(STANDALONE)
#define FEATURES 1
#else
#define FEATURES 0
#endif
#endif
#if !defined(LOAD_STATUS)
#define LOAD_STATUS 0
#endif

typedef struct state {
  allocator_t allocator;
  uint64_t loads;
} state_t;

static void unload(void *self) {
  state_t *state = self;
  void *pointer = state;
  const allocator_t allocator = state->allocator;
  allocator.control(allocator.self, 3, NULL, &pointer);
}

static status_t load(const environment_t *environment, size_t count, const void *parameters,
                     void **out_self) {
  (void)count, (void)parameters;
  // 0: malloc, 1: calloc, 2: realloc, 3: free
  const size_t small = sizeof(state_t), large = 1000;
  void *pointer = NULL;
  status_t status =
      environment->allocator.control(environment->allocator.self, 1, &small, &pointer);
  if (status) return status;
  state_t *state = pointer;
  if (state->loads != 0) return (status_t)13; // not zeroed
  state->loads = 77;
  state->allocator = environment->allocator;
  status = environment->allocator.control(environment->allocator.self, 2, &large, &pointer);
  if (status) {
    unload(state);
    return status;
  }
  state = pointer;
  if (state->loads != 77) return (status_t)13; // not kept
  *out_self = state;
  if (LOAD_STATUS) unload(state);
  return (status_t)(uintptr_t)LOAD_STATUS;
}

static bool same(const char *a, const char *b) {
  while (*a && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

static status_t resolve(void *self, const request_t *request, uint32_t *out_resolution) {
  bool missing = false;
  *out_resolution = 0;
  for (size_t i = 0; i < request->count; ++i) {
    const bool optional = request->symbols[i][0] == '?';
    const char *symbol = request->symbols[i] + optional;
    if (request->functions[i]) continue;
    if (same(symbol, "test_scale")) {
      request->functions[i] = (void *)(uintptr_t)scale;
      request->contexts[i] = self;
    } else if (same(symbol, "test_total")) {
      request->functions[i] = (void *)(uintptr_t)total;
      request->contexts[i] = self;
    } else if (optional) {
      *out_resolution |= 1;
    } else {
      missing = true;
    }
  }
  return missing ? NOT_FOUND : OK;
}

static const header_t header = {
    .version = VERSION,
    .name = "test_functions",
    .description = "the functions of imports.mlir",
    .features = FEATURES,
};
static const plugin_t plugin = {&header, load, unload, resolve};

__attribute__((visibility("default"))) const plugin_t *
iree_hal_executable_plugin_query(uint32_t max_version, void *reserved) {
  (void)reserved;
  return max_version >= 1 ? &plugin : NULL;
}
