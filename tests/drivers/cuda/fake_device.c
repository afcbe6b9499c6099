// fake_device.c: the library, its devices, their primary contexts, and the objects that exist.
#include "fake_internal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FAKE_SHOWN fake_cuda_t fake_cuda = {
    .devices = 1,
    .capability = 80,
    .version = 12040,
    .memory = UINT64_C(1) << 30,
    .seed = 1,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool initialized;
static context_t contexts[MOST_DEVICES];
static object_t *objects;

void fake_lock(void) {
  (void)pthread_mutex_lock(&lock);
}
void fake_unlock(void) {
  (void)pthread_mutex_unlock(&lock);
}
void fake_wait(void) {
  (void)pthread_cond_wait(&change, &lock);
}
void fake_changed(void) {
  (void)pthread_cond_broadcast(&change);
}

// splitmix64 (Steele, Lea and Flood, 2014): any seed will do.
size_t fake_chance(size_t count) {
  uint64_t bits = fake_cuda.seed += UINT64_C(0x9e3779b97f4a7c15);
  bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
  return (size_t)((bits ^ bits >> 31) % count);
}

void fake_misuse(const char *format, ...) {
  ++fake_cuda.misuses;
  va_list arguments;
  va_start(arguments, format);
  (void)fputs("fake_cuda: misuse: ", stderr);
  (void)vfprintf(stderr, format, arguments);
  (void)fputc('\n', stderr);
  va_end(arguments);
}

// ---- Objects -----------------------------------------------------------------------------------

// Tests look at it while threads of the driver let go: what those did is over at 0.
static void count_live(long step) {
  __atomic_fetch_add(&fake_cuda.live, step, __ATOMIC_ACQ_REL);
}

void *fake_new(kind_t kind, context_t *context, size_t size) {
  object_t *object = calloc(1, size);
  if (!object) return NULL;
  *object = (object_t){kind, context, objects};
  objects = object;
  count_live(kind != FUNCTION); // those go with their modules
  return object;
}

void fake_forget(void *forgotten) {
  for (object_t **at = &objects; *at; at = &(*at)->next) {
    if (*at != forgotten) continue;
    count_live(-((*at)->kind != FUNCTION));
    *at = (*at)->next;
    return;
  }
}

void *fake_check(const void *handle, kind_t kind) {
  for (object_t *object = objects; object; object = object->next) {
    if (object == handle) return object->kind == kind ? object : NULL;
  }
  return NULL;
}

object_t *fake_objects(void) {
  return objects;
}

static void destroy(object_t *object) {
  switch (object->kind) {
  case ALLOCATION: fake_free_allocation((allocation_t *)object); return;
  case MODULE: fake_free_module((module_t *)object); return;
  case GRAPH:
  case EXEC: fake_graph_free((graph_t *)object); return;
  case EVENT: fake_free_event(object); return;
  default: fake_forget(object); free(object);
  }
}

// ---- The library
// ---------------------------------------------------------------------------------------

static void read_number(const char *name, long long most, void (*set)(long long value)) {
  const char *text = getenv(name);
  if (!text) return;
  const long long value = strtoll(text, NULL, 10);
  if (value >= 0 && value <= most) set(value);
}
static void set_devices(long long value) {
  fake_cuda.devices = (int)value;
}
static void set_capability(long long value) {
  fake_cuda.capability = (int)value;
}
static void set_memory(long long value) {
  fake_cuda.memory = (uint64_t)value;
}
static void set_delay(long long value) {
  fake_cuda.delay = (unsigned)value;
}
static void set_seed(long long value) {
  fake_cuda.seed = (uint64_t)value;
}

// FUNCTION:CALL:CODE
static void read_failure(void) {
  static char function[64];
  const char *text = getenv("FAKE_CUDA_FAIL");
  if (!text ||
      sscanf(text, "%63[^:]:%ld:%d", function, &fake_cuda.fail_at, &fake_cuda.fail_with) != 3)
    return;
  fake_cuda.fail = function;
}

__attribute__((constructor)) static void read_environment(void) {
  read_number("FAKE_CUDA_DEVICES", MOST_DEVICES, set_devices);
  read_number("FAKE_CUDA_CAPABILITY", 999, set_capability);
  read_number("FAKE_CUDA_MEMORY", INT64_MAX, set_memory);
  read_number("FAKE_CUDA_DELAY", 1000000, set_delay);
  read_number("FAKE_CUDA_SEED", INT64_MAX, set_seed);
  read_failure();
}

__attribute__((destructor)) static void report(void) {
  static const char *const names[KINDS] = {"contexts",  "allocations", "pools",
                                           "streams",   "events",      "modules",
                                           "functions", "graphs",      "executable graphs"};
  const char *leaks = getenv("FAKE_CUDA_LEAKS");
  const bool ignore = leaks && strcmp(leaks, "ignore") == 0;
  bool bad = fake_cuda.misuses > 0;
  for (int kind = 0; kind < KINDS && !ignore; ++kind) {
    long count = 0;
    for (const object_t *object = objects; object; object = object->next)
      count += object->kind == (kind_t)kind && kind != FUNCTION;
    if (!count) continue;
    (void)fprintf(stderr, "fake_cuda: not freed at the end: %ld %s\n", count, names[kind]);
    bad = true;
  }
  if (!bad) return;
  (void)fflush(NULL);
  _exit(86);
}

static bool is_to_fail(const char *function) {
  if (!fake_cuda.fail || (fake_cuda.fail[0] && strcmp(fake_cuda.fail, function) != 0)) return false;
  ++fake_cuda.calls;
  return fake_cuda.fail_at && --fake_cuda.fail_at == 0;
}

int fake_enter(const char *function, needs_t needs) {
  fake_lock();
#ifndef FAKE_HIP // whose runtime begins by itself
  if (needs >= NEEDS_DRIVER && !initialized) return NOT_INITIALIZED;
#endif
  if (is_to_fail(function)) return fake_cuda.fail_with ? fake_cuda.fail_with : OUT_OF_MEMORY;
  if (needs < NEEDS_CONTEXT) return SUCCESS;
  const context_t *context = fake_current();
  if (!context) return INVALID_CONTEXT;
  if (!context->references) return CONTEXT_IS_DESTROYED;
  return context->failed;
}

int fake_leave(int result) {
  fake_unlock();
  return result;
}

FAKE_EXPORT int cuInit(unsigned flags) {
  int result = fake_enter("cuInit", NEEDS_NOTHING);
  if (result == SUCCESS && flags) result = INVALID_VALUE;
  if (result == SUCCESS && fake_cuda.devices == 0) result = NO_DEVICE;
  if (result == SUCCESS) initialized = true;
  return fake_leave(result);
}

FAKE_EXPORT int cuDriverGetVersion(int *version) {
  int result = fake_enter("cuDriverGetVersion", NEEDS_NOTHING);
  if (result == SUCCESS && !version) result = INVALID_VALUE;
  if (result == SUCCESS) *version = fake_cuda.version;
  return fake_leave(result);
}

typedef struct text {
  int code;
  const char *name, *text;
} text_t;
static const text_t texts[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const text_t *text_of(int code) {
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    if (texts[i].code == code) return &texts[i];
  }
  return NULL;
}

FAKE_EXPORT int cuGetErrorName(int code, const char **name) {
  const text_t *text = text_of(code);
  if (!name) return INVALID_VALUE;
  *name = text ? text->name : NULL;
  return text ? SUCCESS : INVALID_VALUE;
}

FAKE_EXPORT int cuGetErrorString(int code, const char **string) {
  const text_t *text = text_of(code);
  if (!string) return INVALID_VALUE;
  *string = text ? text->text : NULL;
  return text ? SUCCESS : INVALID_VALUE;
}

// ---- Devices
// -------------------------------------------------------------------------------------------

bool fake_is_device(int device) {
  return device >= 0 && device < fake_cuda.devices;
}
context_t *fake_context_of(int device) {
  contexts[device].device = device;
  return &contexts[device];
}

// What most functions of a device begin with.
static int enter_device(const char *function, int device, const void *out) {
  const int result = fake_enter(function, NEEDS_DRIVER);
  if (result != SUCCESS) return result;
  if (!out) return INVALID_VALUE;
  return fake_is_device(device) ? SUCCESS : INVALID_DEVICE;
}

FAKE_EXPORT int cuDeviceGetCount(int *count) {
  int result = fake_enter("cuDeviceGetCount", NEEDS_DRIVER);
  if (result == SUCCESS && !count) result = INVALID_VALUE;
  if (result == SUCCESS) *count = fake_cuda.devices;
  return fake_leave(result);
}

FAKE_EXPORT int cuDeviceGet(int *device, int ordinal) {
  const int result = enter_device("cuDeviceGet", ordinal, device);
  if (result == SUCCESS) *device = ordinal;
  return fake_leave(result);
}

FAKE_EXPORT int cuDeviceGetName(char *name, int capacity, int device) {
  int result = enter_device("cuDeviceGetName", device, name);
  if (result == SUCCESS && capacity <= 0) result = INVALID_VALUE;
  if (result == SUCCESS) (void)snprintf(name, (size_t)capacity, "Interpreted PTX %d", device);
  return fake_leave(result);
}

FAKE_EXPORT int cuDeviceGetUuid(uint8_t *uuid, int device) {
  const int result = enter_device("cuDeviceGetUuid", device, uuid);
  for (int i = 0; result == SUCCESS && i < 16; ++i)
    uuid[i] = (uint8_t)(i == 15 ? device + 1 : 0xe0 + i);
  return fake_leave(result);
}

FAKE_EXPORT int cuDeviceTotalMem_v2(size_t *size, int device) {
  const int result = enter_device("cuDeviceTotalMem", device, size);
  if (result == SUCCESS) *size = fake_cuda.memory;
  return fake_leave(result);
}

// CUdevice_attribute; the numbers of an A100's limits.
static bool attribute_value(int attribute, int *out_value) {
  switch (attribute) {
  case 1: *out_value = 1024; return true;      // MAX_THREADS_PER_BLOCK
  case 2: *out_value = 1024; return true;      // MAX_BLOCK_DIM_X
  case 3: *out_value = 1024; return true;      // ..._Y
  case 4: *out_value = 64; return true;        // ..._Z
  case 5: *out_value = INT32_MAX; return true; // MAX_GRID_DIM_X
  case 6: *out_value = 65535; return true;     // ..._Y
  case 7: *out_value = 65535; return true;     // ..._Z
  case 8: *out_value = 49152; return true;     // MAX_SHARED_MEMORY_PER_BLOCK
  case 9: *out_value = 65536; return true;     // TOTAL_CONSTANT_MEMORY
  case 10: *out_value = 32; return true;       // WARP_SIZE
  case 12: *out_value = 65536; return true;    // MAX_REGISTERS_PER_BLOCK
  case 13: *out_value = 1410000; return true;  // CLOCK_RATE
  case 16: *out_value = 4; return true;        // MULTIPROCESSOR_COUNT
  case 18: *out_value = 0; return true;        // INTEGRATED
  case 19: *out_value = 1; return true;        // CAN_MAP_HOST_MEMORY
  case 20: *out_value = 0; return true;        // COMPUTE_MODE
  case 41: *out_value = 1; return true;        // UNIFIED_ADDRESSING
  case 75: *out_value = fake_cuda.capability / 10; return true;
  case 76: *out_value = fake_cuda.capability % 10; return true;
  case 97:
    *out_value = fake_cuda.old_shared ? 49152 : 166912;
    return true;                                           // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
  case 115: *out_value = !fake_cuda.no_pools; return true; // MEMORY_POOLS_SUPPORTED
  default: return false;
  }
}

FAKE_EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int result = enter_device("cuDeviceGetAttribute", device, value);
  if (result == SUCCESS && !attribute_value(attribute, value)) result = INVALID_VALUE;
  return fake_leave(result);
}

FAKE_EXPORT int cuDeviceCanAccessPeer(int *can, int device, int peer) {
  int result = enter_device("cuDeviceCanAccessPeer", device, can);
  if (result == SUCCESS && !fake_is_device(peer)) result = INVALID_DEVICE;
  if (result == SUCCESS) *can = device != peer && !fake_cuda.no_peers;
  return fake_leave(result);
}

// ---- Contexts
// ------------------------------------------------------------------------------------------

// Those that a thread has pushed, the current one last.
enum { MOST_PUSHED = 32 };
static _Thread_local context_t *pushed[MOST_PUSHED];
static _Thread_local int pushed_count;

#ifdef FAKE_HIP
_Thread_local int fake_hip_device;
// A device of HIP has its context from the first use on, to the process's end.
context_t *fake_current(void) {
  context_t *context = &contexts[fake_hip_device];
  context->device = fake_hip_device;
  if (!context->references) context->references = 1;
  return context;
}
#else
context_t *fake_current(void) {
  return pushed_count ? pushed[pushed_count - 1] : NULL;
}
#endif

FAKE_EXPORT int cuDevicePrimaryCtxRetain(context_t **context, int device) {
  int result = enter_device("cuDevicePrimaryCtxRetain", device, context);
  if (result == SUCCESS) {
    context_t *found = &contexts[device];
    if (found->references++ == 0) {
      *found = (context_t){.device = device, .references = 1};
      count_live(1);
    }
    *context = found;
  }
  return fake_leave(result);
}

// The last reference takes with it all that the context has, which is an omission of the caller's
// unless the device was lost.
static void end_context(context_t *context) {
  fake_end_streams(context);
  long left = 0;
  for (object_t *object = objects, *next = NULL; object; object = next) {
    next = object->next;
    if (object->context != context) continue;
    left += object->kind != FUNCTION;
    destroy(object);
    next = objects; // others may have gone with it
  }
  if (left && !context->failed)
    fake_misuse("a context is released while %ld of its objects exist", left);
  context->failed = SUCCESS;
  count_live(-1);
}

FAKE_EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  int result = fake_enter("cuDevicePrimaryCtxRelease", NEEDS_DRIVER);
  if (result == SUCCESS && !fake_is_device(device)) result = INVALID_DEVICE;
  if (result == SUCCESS && !contexts[device].references) result = INVALID_CONTEXT;
  if (result == SUCCESS && --contexts[device].references == 0) end_context(&contexts[device]);
  return fake_leave(result);
}

static bool is_context(const context_t *context) {
  for (int i = 0; i < MOST_DEVICES; ++i) {
    if (context == &contexts[i]) return true;
  }
  return false;
}

FAKE_EXPORT int cuCtxPushCurrent_v2(context_t *context) {
  int result = fake_enter("cuCtxPushCurrent", NEEDS_DRIVER);
  if (result == SUCCESS && (!is_context(context) || pushed_count == MOST_PUSHED))
    result = INVALID_CONTEXT;
  if (result == SUCCESS && !context->references) result = CONTEXT_IS_DESTROYED;
  if (result == SUCCESS) {
    pushed[pushed_count++] = context;
    ++fake_cuda.pushed;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuCtxPopCurrent_v2(context_t **context) {
  int result = fake_enter("cuCtxPopCurrent", NEEDS_DRIVER);
  if (result == SUCCESS && !pushed_count) result = INVALID_CONTEXT;
  if (result == SUCCESS) {
    --fake_cuda.pushed;
    --pushed_count;
    if (context) *context = pushed[pushed_count];
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuCtxEnablePeerAccess(context_t *peer, unsigned flags) {
  int result = fake_enter("cuCtxEnablePeerAccess", NEEDS_CONTEXT);
  if (result == SUCCESS && flags) result = INVALID_VALUE;
  if (result == SUCCESS && (!is_context(peer) || peer == fake_current())) result = INVALID_CONTEXT;
  if (result == SUCCESS && fake_cuda.no_peers) result = PEER_ACCESS_UNSUPPORTED;
  if (result == SUCCESS && fake_current()->peers[peer->device])
    result = PEER_ACCESS_ALREADY_ENABLED;
  if (result == SUCCESS) fake_current()->peers[peer->device] = true;
  return fake_leave(result);
}
