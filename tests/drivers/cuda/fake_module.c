// fake_module.c: modules from PTX, their functions, launches.
#include "fake_hsaco.h"
#include "fake_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct function {
  object_t object;
  module_t *module;
  const ptx_kernel_t *kernel;
  uint32_t dynamic_most; // of shared memory, that a launch may ask for
} function_t;

// ---- Modules
// -----------------------------------------------------------------------------------------------

// CUjit_option.
enum {
  JIT_INFO_LOG = 3,
  JIT_INFO_LOG_SIZE = 4,
  JIT_ERROR_LOG = 5,
  JIT_ERROR_LOG_SIZE = 6,
  JIT_MOST = 32
};

typedef struct jit {
  char *log;
  size_t log_size;
} jit_t;

static bool read_options(unsigned count, const int *options, void **values, jit_t *out_jit) {
  *out_jit = (jit_t){0};
  if (count && (!options || !values)) return false;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] < 0 || options[i] > JIT_MOST) return false;
    if (options[i] == JIT_ERROR_LOG) out_jit->log = values[i];
    if (options[i] == JIT_ERROR_LOG_SIZE) out_jit->log_size = (size_t)(uintptr_t)values[i];
  }
  return true;
}

static int image_error(const char *image, const char *log) {
  if (strstr(log, "Unsupported .version")) return UNSUPPORTED_PTX_VERSION;
  return strstr(image, ".version") ? INVALID_PTX : INVALID_IMAGE;
}

static int load_text(module_t **out_module, const char *image, const jit_t *jit) {
  char log[1024];
  ptx_module_t *text =
      ptx_module_parse(image, strlen(image), (uint32_t)fake_cuda.capability, log, sizeof log);
  if (!text) {
    if (jit->log && jit->log_size) (void)snprintf(jit->log, jit->log_size, "%s", log);
    return image_error(image, log);
  }
  *out_module = fake_new(MODULE, fake_current(), sizeof **out_module);
  if (!*out_module) {
    ptx_module_free(text);
    return OUT_OF_MEMORY;
  }
  (*out_module)->text = text;
  return SUCCESS;
}

#ifdef FAKE_HIP
static int load(module_t **out_module, const char *image, const jit_t *jit) {
  char *text = fake_hsaco_text(image, FAKE_HIP_ARCHITECTURE);
  const int result = text ? load_text(out_module, text, jit) : NO_BINARY_FOR_GPU;
  free(text);
  return result;
}
#else
static int load(module_t **out_module, const char *image, const jit_t *jit) {
  static const char elf[] = {0x7f, 'E', 'L', 'F'};
  return memcmp(image, elf, sizeof elf) == 0 ? NO_BINARY_FOR_GPU
                                             : load_text(out_module, image, jit);
}
#endif

FAKE_EXPORT int cuModuleLoadDataEx(module_t **module, const void *image, unsigned count,
                                   int *options, void **values) {
  jit_t jit;
  int result = fake_enter("cuModuleLoadDataEx", NEEDS_CONTEXT);
  if (result == SUCCESS && (!module || !image || !read_options(count, options, values, &jit)))
    result = INVALID_VALUE;
  if (result == SUCCESS) result = load(module, image, &jit);
  return fake_leave(result);
}

void fake_free_module(module_t *module) {
  for (object_t *object = fake_objects(); object;) {
    object_t *next = object->next;
    if (object->kind == FUNCTION && ((function_t *)object)->module == module) {
      fake_forget(object);
      free(object);
    }
    object = next;
  }
  ptx_module_free(module->text);
  fake_forget(module);
  free(module);
}

FAKE_EXPORT int cuModuleUnload(module_t *module) {
  int result = fake_enter("cuModuleUnload", NEEDS_CONTEXT);
  if (!fake_check(module, MODULE)) return fake_leave(result == SUCCESS ? INVALID_HANDLE : result);
  if (module->queued)
    fake_misuse("a module is unloaded while %ld of its kernels are queued", module->queued);
  if (module->graphs) fake_misuse("a module is unloaded while graphs have its kernels");
  while (module->queued)
    fake_wait();
  if (!module->graphs) fake_free_module(module);
  return fake_leave(result);
}

FAKE_EXPORT int cuModuleGetFunction(function_t **function, module_t *module, const char *name) {
  int result = fake_enter("cuModuleGetFunction", NEEDS_CONTEXT);
  if (result == SUCCESS && (!function || !name)) result = INVALID_VALUE;
  if (result == SUCCESS && !fake_check(module, MODULE)) result = INVALID_HANDLE;
  if (result != SUCCESS) return fake_leave(result);
  const ptx_kernel_t *kernel = ptx_module_find(module->text, name);
  if (!kernel) return fake_leave(NOT_FOUND);
  *function = fake_new(FUNCTION, fake_current(), sizeof **function);
  if (!*function) return fake_leave(OUT_OF_MEMORY);
  (*function)->module = module;
  (*function)->kernel = kernel;
  (*function)->dynamic_most = 49152 - ptx_kernel_facts(kernel).shared_size;
  return fake_leave(SUCCESS);
}

// ---- Functions
// -----------------------------------------------------------------------------------------------

// CUfunction_attribute.
enum {
  MAX_THREADS,
  SHARED_SIZE,
  CONST_SIZE,
  LOCAL_SIZE,
  REGISTERS,
  PTX_VERSION,
  BINARY_VERSION,
  CACHE_MODE,
  MAX_DYNAMIC
};

static uint32_t most_threads(const function_t *function) {
  const uint32_t most = ptx_kernel_facts(function->kernel).max_threads;
  return most && most < 1024 ? most : 1024;
}

FAKE_EXPORT int cuFuncGetAttribute(int *value, int attribute, function_t *function) {
  int result = fake_enter("cuFuncGetAttribute", NEEDS_CONTEXT);
  if (result == SUCCESS && !value) result = INVALID_VALUE;
  if (result == SUCCESS && !fake_check(function, FUNCTION)) result = INVALID_HANDLE;
  if (result != SUCCESS) return fake_leave(result);
  const ptx_facts_t facts = ptx_kernel_facts(function->kernel);
  switch (attribute) {
  case MAX_THREADS: *value = (int)most_threads(function); break;
  case SHARED_SIZE: *value = (int)facts.shared_size; break;
  case CONST_SIZE: *value = 0; break;
  case LOCAL_SIZE: *value = (int)facts.local_size; break;
  case REGISTERS: *value = (int)(facts.register_count < 255 ? facts.register_count : 255); break;
  case PTX_VERSION:
  case BINARY_VERSION: *value = fake_cuda.capability; break;
  case MAX_DYNAMIC: *value = (int)function->dynamic_most; break;
  default: result = INVALID_VALUE;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuFuncSetAttribute(function_t *function, int attribute, int value) {
  int result = fake_enter("cuFuncSetAttribute", NEEDS_CONTEXT);
  if (result == SUCCESS && !fake_check(function, FUNCTION)) result = INVALID_HANDLE;
  if (result != SUCCESS) return fake_leave(result);
  const int most =
      (fake_cuda.old_shared ? 49152 : 166912) - (int)ptx_kernel_facts(function->kernel).shared_size;
  if (attribute != MAX_DYNAMIC || value < 0 || value > most) result = INVALID_VALUE;
  if (result == SUCCESS) function->dynamic_most = (uint32_t)value;
  return fake_leave(result);
}

// ---- Launches
// ------------------------------------------------------------------------------------------------

static int check_dimensions(const function_t *function, const ptx_launch_t *launch) {
  static const uint32_t most_block[] = {1024, 1024, 64}, most_grid[] = {INT32_MAX, 65535, 65535};
  uint64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    if (!launch->grid[i] || launch->grid[i] > most_grid[i] || !launch->block[i] ||
        launch->block[i] > most_block[i])
      return INVALID_VALUE;
    threads *= launch->block[i];
  }
  if (threads > 1024 || launch->dynamic_shared > function->dynamic_most) return INVALID_VALUE;
  return threads > most_threads(function) ? LAUNCH_OUT_OF_RESOURCES : SUCCESS;
}

// CU_LAUNCH_PARAM_*: the end, the buffer, a pointer to its size.
static int read_extra(void **extra, uint8_t *params, size_t size) {
  const uint8_t *buffer = NULL;
  size_t given = 0;
  for (; extra[0]; extra += 2) {
    const uintptr_t what = (uintptr_t)extra[0];
    if (what == 1)
      buffer = extra[1];
    else if (what == 2)
      memcpy(&given, extra[1], sizeof given);
    else
      return INVALID_VALUE;
  }
  if (!buffer || given != size) return INVALID_VALUE;
  memcpy(params, buffer, size);
  return SUCCESS;
}

static int read_params(const ptx_facts_t *facts, void **parameters, void **extra, uint8_t *params) {
  if (parameters && extra) return INVALID_VALUE;
  if (extra) return read_extra(extra, params, facts->param_size);
  if (facts->param_count && !parameters) return INVALID_VALUE;
  for (uint32_t i = 0; i < facts->param_count; ++i)
    memcpy(params + facts->params[i].offset, parameters[i], facts->params[i].size);
  return SUCCESS;
}

static int enqueue_launch(const function_t *function, const ptx_launch_t *launch, void *stream,
                          void **parameters, void **extra) {
  const ptx_facts_t facts = ptx_kernel_facts(function->kernel);
  work_t *work = fake_work_new(WORK_LAUNCH);
  if (!work) return OUT_OF_MEMORY;
  work->kernel = function->kernel;
  work->module = function->module;
  work->launch = *launch;
  work->params = calloc(1, facts.param_size ? facts.param_size : 1);
  const int result =
      work->params ? read_params(&facts, parameters, extra, work->params) : OUT_OF_MEMORY;
  if (result == SUCCESS) return fake_enqueue(stream, work);
  fake_work_free(work);
  return result;
}

FAKE_EXPORT int cuLaunchKernel(function_t *function, unsigned grid_x, unsigned grid_y,
                               unsigned grid_z, unsigned block_x, unsigned block_y,
                               unsigned block_z, unsigned shared_size, void *stream,
                               void **parameters, void **extra) {
  const ptx_launch_t launch = {
      .grid = {grid_x, grid_y, grid_z},
      .block = {block_x, block_y, block_z},
      .dynamic_shared = shared_size,
  };
  int result = fake_enter("cuLaunchKernel", NEEDS_CONTEXT);
  if (result == SUCCESS && !fake_check(function, FUNCTION)) result = INVALID_HANDLE;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && function->object.context != fake_current()) result = INVALID_HANDLE;
  if (result == SUCCESS) result = check_dimensions(function, &launch);
  if (result == SUCCESS) result = enqueue_launch(function, &launch, stream, parameters, extra);
  return fake_leave(result);
}
