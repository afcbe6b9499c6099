// fake_hip.c: the names that HIP has for the same, and where it differs: no contexts but the device
// that a thread has chosen, other numbers of attributes, kernels in code objects.
//
// Source: hip_runtime_api.h of ROCm 5.2 (Debian) and the HIP runtime API reference.
#include "fake_internal.h"

#include <string.h>

extern _Thread_local int fake_hip_device;

// HIP's name, CUDA's function, parameters, arguments.
#define SAME(name, function, parameters, arguments)                                                \
  int function parameters;                                                                         \
  FAKE_SHOWN int name parameters;                                                                  \
  int name parameters {                                                                            \
    return function arguments;                                                                     \
  }

SAME(hipInit, cuInit, (unsigned flags), (flags))
SAME(hipDriverGetVersion, cuDriverGetVersion, (int *version), (version))
SAME(hipGetDeviceCount, cuDeviceGetCount, (int *count), (count))
SAME(hipDeviceGet, cuDeviceGet, (int *device, int ordinal), (device, ordinal))
SAME(hipDeviceGetName, cuDeviceGetName, (char *name, int capacity, int device),
     (name, capacity, device))
SAME(hipDeviceTotalMem, cuDeviceTotalMem_v2, (size_t * size, int device), (size, device))
SAME(hipDeviceGetUuid, cuDeviceGetUuid, (uint8_t * uuid, int device), (uuid, device))
SAME(hipDeviceCanAccessPeer, cuDeviceCanAccessPeer, (int *can, int device, int peer),
     (can, device, peer))
SAME(hipMalloc, cuMemAlloc_v2, (address_t * address, size_t size), (address, size))
SAME(hipHostMalloc, cuMemHostAlloc, (void **data, size_t size, unsigned flags), (data, size, flags))
SAME(hipHostFree, cuMemFreeHost, (void *data), (data))
SAME(hipHostRegister, cuMemHostRegister_v2, (void *data, size_t size, unsigned flags),
     (data, size, flags))
SAME(hipHostUnregister, cuMemHostUnregister, (void *data), (data))
SAME(hipHostGetDevicePointer, cuMemHostGetDevicePointer_v2,
     (address_t * address, void *data, unsigned flags), (address, data, flags))
SAME(hipStreamCreateWithFlags, cuStreamCreate, (void **stream, unsigned flags), (stream, flags))
SAME(hipStreamDestroy, cuStreamDestroy_v2, (void *stream), (stream))
SAME(hipStreamSynchronize, cuStreamSynchronize, (void *stream), (stream))
SAME(hipEventCreateWithFlags, cuEventCreate, (void **event, unsigned flags), (event, flags))
SAME(hipEventDestroy, cuEventDestroy_v2, (void *event), (event))
SAME(hipEventRecord, cuEventRecord, (void *event, void *stream), (event, stream))
SAME(hipEventQuery, cuEventQuery, (void *event), (event))
SAME(hipEventSynchronize, cuEventSynchronize, (void *event), (event))
SAME(hipEventElapsedTime, cuEventElapsedTime, (float *time, void *begin, void *end),
     (time, begin, end))
SAME(hipMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2,
     (address_t target, const void *source, size_t size, void *stream),
     (target, source, size, stream))
SAME(hipMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2,
     (void *target, address_t source, size_t size, void *stream), (target, source, size, stream))
SAME(hipMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2,
     (address_t target, address_t source, size_t size, void *stream),
     (target, source, size, stream))
SAME(hipMemsetD8Async, cuMemsetD8Async,
     (address_t target, unsigned char value, size_t count, void *stream),
     (target, value, count, stream))
SAME(hipMemsetD16Async, cuMemsetD16Async,
     (address_t target, unsigned short value, size_t count, void *stream),
     (target, value, count, stream))
SAME(hipMemsetD32Async, cuMemsetD32Async,
     (address_t target, unsigned value, size_t count, void *stream), (target, value, count, stream))
SAME(hipModuleLoadDataEx, cuModuleLoadDataEx,
     (void **module, const void *image, unsigned count, int *options, void **values),
     (module, image, count, options, values))
SAME(hipModuleUnload, cuModuleUnload, (void *module), (module))
SAME(hipModuleGetFunction, cuModuleGetFunction, (void **function, void *module, const char *name),
     (function, module, name))
SAME(hipFuncGetAttribute, cuFuncGetAttribute, (int *value, int attribute, void *function),
     (value, attribute, function))
SAME(hipModuleLaunchKernel, cuLaunchKernel,
     (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
      unsigned block_y, unsigned block_z, unsigned shared_size, void *stream, void **parameters,
      void **extra),
     (function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_size, stream, parameters,
      extra))
SAME(hipMemPoolCreate, cuMemPoolCreate, (void **pool, const void *props), (pool, props))
SAME(hipMemPoolDestroy, cuMemPoolDestroy, (void *pool), (pool))
SAME(hipMemPoolSetAttribute, cuMemPoolSetAttribute, (void *pool, int attribute, void *value),
     (pool, attribute, value))
SAME(hipMemPoolSetAccess, cuMemPoolSetAccess, (void *pool, const void *access, size_t count),
     (pool, access, count))
SAME(hipMemPoolTrimTo, cuMemPoolTrimTo, (void *pool, size_t keep), (pool, keep))
SAME(hipMallocFromPoolAsync, cuMemAllocFromPoolAsync,
     (address_t * address, size_t size, void *pool, void *stream), (address, size, pool, stream))
SAME(hipFreeAsync, cuMemFreeAsync, (address_t address, void *stream), (address, stream))
SAME(hipStreamBeginCapture, cuStreamBeginCapture_v2, (void *stream, int mode), (stream, mode))
SAME(hipStreamEndCapture, cuStreamEndCapture, (void *stream, void **graph), (stream, graph))
SAME(hipStreamGetCaptureInfo_v2, cuStreamGetCaptureInfo_v2,
     (void *stream, int *status, uint64_t *id, void **graph, void ***nodes, size_t *count),
     (stream, status, id, graph, nodes, count))
SAME(hipStreamUpdateCaptureDependencies, cuStreamUpdateCaptureDependencies,
     (void *stream, void **nodes, size_t count, unsigned flags), (stream, nodes, count, flags))
SAME(hipGraphAddEmptyNode, cuGraphAddEmptyNode,
     (void **node, void *graph, void **nodes, size_t count), (node, graph, nodes, count))
SAME(hipGraphInstantiateWithFlags, cuGraphInstantiateWithFlags,
     (void **exec, void *graph, unsigned long long flags), (exec, graph, flags))
SAME(hipGraphLaunch, cuGraphLaunch, (void *exec, void *stream), (exec, stream))
SAME(hipGraphExecDestroy, cuGraphExecDestroy, (void *exec), (exec))
SAME(hipGraphDestroy, cuGraphDestroy, (void *graph), (graph))

int cuMemFree_v2(address_t address);
FAKE_SHOWN int hipFree(address_t address);
int hipFree(address_t address) {
  return address ? cuMemFree_v2(address) : SUCCESS;
}

// hipDeviceAttribute_t to CUdevice_attribute.
int cuDeviceGetAttribute(int *value, int attribute, int device);
FAKE_SHOWN int hipDeviceGetAttribute(int *value, int attribute, int device);
int hipDeviceGetAttribute(int *value, int attribute, int device) {
  static const int numbers[][2] = {{56, 1},  {26, 2},  {27, 3},  {28, 4},  {29, 5},  {30, 6},
                                   {31, 7},  {74, 8},  {87, 10}, {63, 16}, {16, 18}, {3, 19},
                                   {23, 75}, {61, 76}, {75, 97}, {88, 115}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    if (numbers[i][0] == attribute) return cuDeviceGetAttribute(value, numbers[i][1], device);
  }
  return INVALID_VALUE;
}

// A function of the host's is asked for, as the compiler of HIP makes them: one of a module is
// none.
FAKE_SHOWN int hipFuncSetAttribute(const void *function, int attribute, int value);
int hipFuncSetAttribute(const void *function, int attribute, int value) {
  (void)function, (void)attribute, (void)value;
  return 98; // hipErrorInvalidDeviceFunction
}

FAKE_SHOWN int hipSetDevice(int ordinal);
int hipSetDevice(int ordinal) {
  if (!fake_is_device(ordinal)) return INVALID_DEVICE;
  fake_hip_device = ordinal;
  return SUCCESS;
}

FAKE_SHOWN int hipGetDevice(int *ordinal);
int hipGetDevice(int *ordinal) {
  if (!ordinal) return INVALID_VALUE;
  *ordinal = fake_hip_device;
  return SUCCESS;
}

// hipDeviceProp_t of ROCm 6: the name first, gcnArchName at byte 1160.
FAKE_SHOWN int hipGetDevicePropertiesR0600(void *properties, int ordinal);
int hipGetDevicePropertiesR0600(void *properties, int ordinal) {
  enum { SIZE = 1472, ARCHITECTURE_AT = 1160 };
  if (!properties) return INVALID_VALUE;
  if (!fake_is_device(ordinal)) return INVALID_DEVICE;
  memset(properties, 0, SIZE);
  (void)cuDeviceGetName(properties, 256, ordinal);
  memcpy((char *)properties + ARCHITECTURE_AT, FAKE_HIP_ARCHITECTURE ":sramecc+:xnack-",
         sizeof FAKE_HIP_ARCHITECTURE ":sramecc+:xnack-");
  return SUCCESS;
}

int cuCtxEnablePeerAccess(context_t *peer, unsigned flags);
FAKE_SHOWN int hipDeviceEnablePeerAccess(int peer, unsigned flags);
int hipDeviceEnablePeerAccess(int peer, unsigned flags) {
  return fake_is_device(peer) ? cuCtxEnablePeerAccess(fake_context_of(peer), flags)
                              : INVALID_DEVICE;
}

int cuMemcpyPeerAsync(address_t target, context_t *target_context, address_t source,
                      context_t *source_context, size_t size, void *stream);
FAKE_SHOWN int hipMemcpyPeerAsync(address_t target, int target_device, address_t source,
                                  int source_device, size_t size, void *stream);
int hipMemcpyPeerAsync(address_t target, int target_device, address_t source, int source_device,
                       size_t size, void *stream) {
  if (!fake_is_device(target_device) || !fake_is_device(source_device)) return INVALID_DEVICE;
  return cuMemcpyPeerAsync(target, fake_context_of(target_device), source,
                           fake_context_of(source_device), size, stream);
}

int cuGetErrorString(int code, const char **string);
FAKE_SHOWN const char *hipGetErrorString(int code);
const char *hipGetErrorString(int code) {
  const char *string = NULL;
  return cuGetErrorString(code, &string) == SUCCESS ? string : "unknown error";
}
