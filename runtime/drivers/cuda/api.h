// api.h: the entry points of CUDA's driver library that the driver calls, and their twins of HIP.
//
// Nothing of NVIDIA's or AMD's is included: what is passed is declared here, as the two libraries'
// binary interfaces have it. Where CUDA and HIP agree, a line of the table names both and one
// prototype serves; the few that differ stand in lists of their own.
//
// Source: the CUDA driver API reference (13.0; each function's page names the version it came
// with), the HIP runtime API reference and hip_runtime_api.h of ROCm 6 and 7. Functions whose
// binary interface changed have the name of the newest one ("_v2"), as cuda.h maps it.
#ifndef EE_DRIVERS_CUDA_API_H_
#define EE_DRIVERS_CUDA_API_H_

#include <stddef.h>
#include <stdint.h>

// ---- Types -------------------------------------------------------------------------------------

typedef int ee_cuda_result_t;       // CUresult, hipError_t
typedef int ee_cuda_ordinal_t;      // CUdevice, hipDevice_t
typedef uint64_t ee_cuda_address_t; // CUdeviceptr, hipDeviceptr_t
typedef struct ee_cuda_context_s *ee_cuda_context_t;
typedef struct ee_cuda_stream_s *ee_cuda_stream_t;
typedef struct ee_cuda_event_s *ee_cuda_event_t;
typedef struct ee_cuda_pool_s *ee_cuda_pool_t;
typedef struct ee_cuda_module_s *ee_cuda_module_t;
typedef struct ee_cuda_function_s *ee_cuda_function_t;
typedef struct ee_cuda_graph_s *ee_cuda_graph_t;
typedef struct ee_cuda_node_s *ee_cuda_node_t; // CUgraphNode, hipGraphNode_t
typedef struct ee_cuda_graph_exec_s *ee_cuda_graph_exec_t;

typedef struct ee_cuda_uuid {
  uint8_t bytes[16];
} ee_cuda_uuid_t;

// CUmemLocation, CUmemPoolProps, CUmemAccessDesc.
typedef struct ee_cuda_location {
  int type; // EE_CUDA_LOCATION_DEVICE
  int id;
} ee_cuda_location_t;
typedef struct ee_cuda_pool_props {
  int allocation; // EE_CUDA_ALLOCATION_PINNED
  int handles;    // 0: none
  ee_cuda_location_t location;
  void *security;
  uint8_t reserved[64]; // zeros
} ee_cuda_pool_props_t;
typedef struct ee_cuda_access {
  ee_cuda_location_t location;
  int flags; // EE_CUDA_ACCESS_READ_WRITE
} ee_cuda_access_t;

// ---- Numbers -----------------------------------------------------------------------------------

// Results; HIP's have the same numbers.
enum {
  EE_CUDA_SUCCESS = 0,
  EE_CUDA_INVALID_VALUE = 1,
  EE_CUDA_OUT_OF_MEMORY = 2,
  EE_CUDA_NOT_INITIALIZED = 3,
  EE_CUDA_DEINITIALIZED = 4,
  EE_CUDA_STUB_LIBRARY = 34,
  EE_CUDA_INSUFFICIENT_DRIVER = 35,
  EE_CUDA_DEVICE_UNAVAILABLE = 46,
  EE_CUDA_NO_DEVICE = 100,
  EE_CUDA_INVALID_DEVICE = 101,
  EE_CUDA_INVALID_IMAGE = 200,
  EE_CUDA_NO_BINARY_FOR_GPU = 209,
  EE_CUDA_ECC_UNCORRECTABLE = 214,
  EE_CUDA_INVALID_PTX = 218,
  EE_CUDA_NVLINK_UNCORRECTABLE = 220,
  EE_CUDA_JIT_COMPILER_NOT_FOUND = 221,
  EE_CUDA_UNSUPPORTED_PTX_VERSION = 222,
  EE_CUDA_INVALID_SOURCE = 300,
  EE_CUDA_NOT_FOUND = 500,
  EE_CUDA_NOT_READY = 600,
  EE_CUDA_ILLEGAL_ADDRESS = 700,
  EE_CUDA_LAUNCH_OUT_OF_RESOURCES = 701,
  EE_CUDA_LAUNCH_TIMEOUT = 702,
  EE_CUDA_PEER_ACCESS_ALREADY_ENABLED = 704,
  EE_CUDA_CONTEXT_IS_DESTROYED = 709,
  EE_CUDA_ASSERT = 710,
  EE_CUDA_HOST_MEMORY_ALREADY_REGISTERED = 712,
  EE_CUDA_HARDWARE_STACK_ERROR = 714,
  EE_CUDA_ILLEGAL_INSTRUCTION = 715,
  EE_CUDA_MISALIGNED_ADDRESS = 716,
  EE_CUDA_INVALID_ADDRESS_SPACE = 717,
  EE_CUDA_INVALID_PC = 718,
  EE_CUDA_LAUNCH_FAILED = 719,
  EE_CUDA_NOT_PERMITTED = 800,
  EE_CUDA_NOT_SUPPORTED = 801,
  EE_CUDA_SYSTEM_NOT_READY = 802,
  EE_CUDA_SYSTEM_DRIVER_MISMATCH = 803,
  EE_CUDA_UNKNOWN = 999,
};

// Flags and choices, alike in both.
enum {
  EE_CUDA_STREAM_NON_BLOCKING = 1,
  EE_CUDA_EVENT_DEFAULT = 0,
  EE_CUDA_EVENT_BLOCKING = 1,
  EE_CUDA_EVENT_NO_TIMING = 2,
  EE_CUDA_HOST_PORTABLE = 1,
  EE_CUDA_HOST_MAPPED = 2,
  EE_CUDA_REGISTER_PORTABLE = 1,
  EE_CUDA_REGISTER_MAPPED = 2,
  EE_CUDA_CAPTURE_THREAD_LOCAL = 1,
  EE_CUDA_CAPTURE_ACTIVE = 1,
  EE_CUDA_CAPTURE_SET_DEPENDENCIES = 1,
  EE_CUDA_LOCATION_DEVICE = 1,
  EE_CUDA_ALLOCATION_PINNED = 1,
  EE_CUDA_ACCESS_READ_WRITE = 3,
  EE_CUDA_POOL_RELEASE_THRESHOLD = 4, // uint64_t
  EE_CUDA_FUNCTION_MAX_THREADS = 0,
  EE_CUDA_FUNCTION_SHARED_SIZE = 1,
  EE_CUDA_FUNCTION_MAX_DYNAMIC_SHARED = 8,
};
// CUjit_option: values are passed as pointers are.
enum {
  EE_CUDA_JIT_ERROR_LOG = 5,
  EE_CUDA_JIT_ERROR_LOG_SIZE = 6,
};

// Attributes of devices: X(member, CUDA's number, HIP's number).
#define EE_CUDA_ATTRIBUTES(X)                                                                      \
  X(max_threads, 1, 56)                                                                            \
  X(max_block_x, 2, 26)                                                                            \
  X(max_block_y, 3, 27)                                                                            \
  X(max_block_z, 4, 28)                                                                            \
  X(max_grid_x, 5, 29)                                                                             \
  X(max_grid_y, 6, 30)                                                                             \
  X(max_grid_z, 7, 31)                                                                             \
  X(max_shared, 8, 74)                                                                             \
  X(warp_size, 10, 87)                                                                             \
  X(processors, 16, 63)                                                                            \
  X(integrated, 18, 16)                                                                            \
  X(can_map_host, 19, 3)                                                                           \
  X(major, 75, 23)                                                                                 \
  X(minor, 76, 61)
// The same, 0 where a library does not know the number.
#define EE_CUDA_OPTIONAL_ATTRIBUTES(X)                                                             \
  X(max_shared_opt_in, 97, 75)                                                                     \
  X(memory_pools, 115, 88)

// ---- Functions ---------------------------------------------------------------------------------

// X(member, CUDA's name, HIP's name, parameters); all return ee_cuda_result_t. A library that lacks
// one is refused.
#define EE_CUDA_FUNCTIONS(X)                                                                       \
  X(Init, cuInit, hipInit, (unsigned flags))                                                       \
  X(DriverGetVersion, cuDriverGetVersion, hipDriverGetVersion, (int *version))                     \
  X(DeviceGetCount, cuDeviceGetCount, hipGetDeviceCount, (int *count))                             \
  X(DeviceGet, cuDeviceGet, hipDeviceGet, (ee_cuda_ordinal_t * device, int ordinal))               \
  X(DeviceGetName, cuDeviceGetName, hipDeviceGetName,                                              \
    (char *name, int capacity, ee_cuda_ordinal_t device))                                          \
  X(DeviceGetAttribute, cuDeviceGetAttribute, hipDeviceGetAttribute,                               \
    (int *value, int attribute, ee_cuda_ordinal_t device))                                         \
  X(DeviceTotalMem, cuDeviceTotalMem_v2, hipDeviceTotalMem,                                        \
    (size_t * size, ee_cuda_ordinal_t device))                                                     \
  X(DeviceGetUuid, cuDeviceGetUuid, hipDeviceGetUuid,                                              \
    (ee_cuda_uuid_t * uuid, ee_cuda_ordinal_t device))                                             \
  X(DeviceCanAccessPeer, cuDeviceCanAccessPeer, hipDeviceCanAccessPeer,                            \
    (int *can, ee_cuda_ordinal_t device, ee_cuda_ordinal_t peer))                                  \
  X(MemAlloc, cuMemAlloc_v2, hipMalloc, (ee_cuda_address_t * address, size_t size))                \
  X(MemFree, cuMemFree_v2, hipFree, (ee_cuda_address_t address))                                   \
  X(MemHostAlloc, cuMemHostAlloc, hipHostMalloc, (void **data, size_t size, unsigned flags))       \
  X(MemFreeHost, cuMemFreeHost, hipHostFree, (void *data))                                         \
  X(MemHostRegister, cuMemHostRegister_v2, hipHostRegister,                                        \
    (void *data, size_t size, unsigned flags))                                                     \
  X(MemHostUnregister, cuMemHostUnregister, hipHostUnregister, (void *data))                       \
  X(MemHostGetDevicePointer, cuMemHostGetDevicePointer_v2, hipHostGetDevicePointer,                \
    (ee_cuda_address_t * address, void *data, unsigned flags))                                     \
  X(StreamCreate, cuStreamCreate, hipStreamCreateWithFlags,                                        \
    (ee_cuda_stream_t * stream, unsigned flags))                                                   \
  X(StreamDestroy, cuStreamDestroy_v2, hipStreamDestroy, (ee_cuda_stream_t stream))                \
  X(StreamSynchronize, cuStreamSynchronize, hipStreamSynchronize, (ee_cuda_stream_t stream))       \
  X(EventCreate, cuEventCreate, hipEventCreateWithFlags,                                           \
    (ee_cuda_event_t * event, unsigned flags))                                                     \
  X(EventDestroy, cuEventDestroy_v2, hipEventDestroy, (ee_cuda_event_t event))                     \
  X(EventRecord, cuEventRecord, hipEventRecord, (ee_cuda_event_t event, ee_cuda_stream_t stream))  \
  X(EventQuery, cuEventQuery, hipEventQuery, (ee_cuda_event_t event))                              \
  X(EventSynchronize, cuEventSynchronize, hipEventSynchronize, (ee_cuda_event_t event))            \
  X(EventElapsedTime, cuEventElapsedTime, hipEventElapsedTime,                                     \
    (float *milliseconds, ee_cuda_event_t begin, ee_cuda_event_t end))                             \
  X(MemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync,                                     \
    (ee_cuda_address_t target, const void *source, size_t size, ee_cuda_stream_t stream))          \
  X(MemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync,                                     \
    (void *target, ee_cuda_address_t source, size_t size, ee_cuda_stream_t stream))                \
  X(MemcpyDtoDAsync, cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync,                                     \
    (ee_cuda_address_t target, ee_cuda_address_t source, size_t size, ee_cuda_stream_t stream))    \
  X(MemsetD8Async, cuMemsetD8Async, hipMemsetD8Async,                                              \
    (ee_cuda_address_t target, unsigned char value, size_t count, ee_cuda_stream_t stream))        \
  X(MemsetD16Async, cuMemsetD16Async, hipMemsetD16Async,                                           \
    (ee_cuda_address_t target, unsigned short value, size_t count, ee_cuda_stream_t stream))       \
  X(MemsetD32Async, cuMemsetD32Async, hipMemsetD32Async,                                           \
    (ee_cuda_address_t target, unsigned value, size_t count, ee_cuda_stream_t stream))             \
  X(ModuleLoadDataEx, cuModuleLoadDataEx, hipModuleLoadDataEx,                                     \
    (ee_cuda_module_t * module, const void *image, unsigned count, int *options, void **values))   \
  X(ModuleUnload, cuModuleUnload, hipModuleUnload, (ee_cuda_module_t module))                      \
  X(ModuleGetFunction, cuModuleGetFunction, hipModuleGetFunction,                                  \
    (ee_cuda_function_t * function, ee_cuda_module_t module, const char *name))                    \
  X(FuncGetAttribute, cuFuncGetAttribute, hipFuncGetAttribute,                                     \
    (int *value, int attribute, ee_cuda_function_t function))                                      \
  X(FuncSetAttribute, cuFuncSetAttribute, hipFuncSetAttribute,                                     \
    (ee_cuda_function_t function, int attribute, int value))                                       \
  X(LaunchKernel, cuLaunchKernel, hipModuleLaunchKernel,                                           \
    (ee_cuda_function_t function, unsigned grid_x, unsigned grid_y, unsigned grid_z,               \
     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_size,                   \
     ee_cuda_stream_t stream, void **parameters, void **extra))

// NULL where a library lacks one; what needs it is done another way.
#define EE_CUDA_OPTIONAL_FUNCTIONS(X)                                                              \
  X(MemPoolCreate, cuMemPoolCreate, hipMemPoolCreate,                                              \
    (ee_cuda_pool_t * pool, const ee_cuda_pool_props_t *props))                                    \
  X(MemPoolDestroy, cuMemPoolDestroy, hipMemPoolDestroy, (ee_cuda_pool_t pool))                    \
  X(MemPoolSetAttribute, cuMemPoolSetAttribute, hipMemPoolSetAttribute,                            \
    (ee_cuda_pool_t pool, int attribute, void *value))                                             \
  X(MemPoolSetAccess, cuMemPoolSetAccess, hipMemPoolSetAccess,                                     \
    (ee_cuda_pool_t pool, const ee_cuda_access_t *access, size_t count))                           \
  X(MemPoolTrimTo, cuMemPoolTrimTo, hipMemPoolTrimTo, (ee_cuda_pool_t pool, size_t keep))          \
  X(MemAllocFromPoolAsync, cuMemAllocFromPoolAsync, hipMallocFromPoolAsync,                        \
    (ee_cuda_address_t * address, size_t size, ee_cuda_pool_t pool, ee_cuda_stream_t stream))      \
  X(MemFreeAsync, cuMemFreeAsync, hipFreeAsync,                                                    \
    (ee_cuda_address_t address, ee_cuda_stream_t stream))                                          \
  X(StreamBeginCapture, cuStreamBeginCapture_v2, hipStreamBeginCapture,                            \
    (ee_cuda_stream_t stream, int mode))                                                           \
  X(StreamEndCapture, cuStreamEndCapture, hipStreamEndCapture,                                     \
    (ee_cuda_stream_t stream, ee_cuda_graph_t * graph))                                            \
  X(StreamGetCaptureInfo, cuStreamGetCaptureInfo_v2, hipStreamGetCaptureInfo_v2,                   \
    (ee_cuda_stream_t stream, int *status, uint64_t *id, ee_cuda_graph_t *graph,                   \
     const ee_cuda_node_t **nodes, size_t *count))                                                 \
  X(StreamUpdateCaptureDependencies, cuStreamUpdateCaptureDependencies,                            \
    hipStreamUpdateCaptureDependencies,                                                            \
    (ee_cuda_stream_t stream, ee_cuda_node_t * nodes, size_t count, unsigned flags))               \
  X(GraphAddEmptyNode, cuGraphAddEmptyNode, hipGraphAddEmptyNode,                                  \
    (ee_cuda_node_t * node, ee_cuda_graph_t graph, const ee_cuda_node_t *nodes, size_t count))     \
  X(GraphInstantiate, cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags,                   \
    (ee_cuda_graph_exec_t * exec, ee_cuda_graph_t graph, unsigned long long flags))                \
  X(GraphLaunch, cuGraphLaunch, hipGraphLaunch,                                                    \
    (ee_cuda_graph_exec_t exec, ee_cuda_stream_t stream))                                          \
  X(GraphExecDestroy, cuGraphExecDestroy, hipGraphExecDestroy, (ee_cuda_graph_exec_t exec))        \
  X(GraphDestroy, cuGraphDestroy, hipGraphDestroy, (ee_cuda_graph_t graph))

// CUDA's alone, required.
#define EE_CUDA_OWN_FUNCTIONS(X)                                                                   \
  X(GetErrorName, cuGetErrorName, (ee_cuda_result_t result, const char **name))                    \
  X(GetErrorString, cuGetErrorString, (ee_cuda_result_t result, const char **text))                \
  X(DevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain,                                              \
    (ee_cuda_context_t * context, ee_cuda_ordinal_t device))                                       \
  X(DevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (ee_cuda_ordinal_t device))             \
  X(CtxPushCurrent, cuCtxPushCurrent_v2, (ee_cuda_context_t context))                              \
  X(CtxPopCurrent, cuCtxPopCurrent_v2, (ee_cuda_context_t * context))                              \
  X(CtxEnablePeerAccess, cuCtxEnablePeerAccess, (ee_cuda_context_t peer, unsigned flags))          \
  X(MemcpyPeerAsync, cuMemcpyPeerAsync,                                                            \
    (ee_cuda_address_t target, ee_cuda_context_t target_context, ee_cuda_address_t source,         \
     ee_cuda_context_t source_context, size_t size, ee_cuda_stream_t stream))

// HIP's alone, required. Properties: 1472 bytes, the name of the architecture ("gfx942:sramecc+")
// at byte 1160.
#define EE_HIP_OWN_FUNCTIONS(X)                                                                    \
  X(SetDevice, hipSetDevice, (int ordinal))                                                        \
  X(GetDevice, hipGetDevice, (int *ordinal))                                                       \
  X(GetDeviceProperties, hipGetDevicePropertiesR0600, (void *properties, int ordinal))             \
  X(DeviceEnablePeerAccess, hipDeviceEnablePeerAccess, (int peer, unsigned flags))                 \
  X(HipMemcpyPeerAsync, hipMemcpyPeerAsync,                                                        \
    (ee_cuda_address_t target, int target_ordinal, ee_cuda_address_t source, int source_ordinal,   \
     size_t size, ee_cuda_stream_t stream))
enum {
  EE_HIP_PROPERTIES_SIZE = 1472,
  EE_HIP_ARCHITECTURE_AT = 1160,
  EE_HIP_ARCHITECTURE_SIZE = 256
};
// Returns the text: const char *hipGetErrorString(hipError_t). Required.
#define EE_HIP_ERROR_STRING "hipGetErrorString"

#define EE_CUDA_POINTER(member, cuda, hip, parameters) ee_cuda_result_t(*member) parameters;
#define EE_CUDA_OWN_POINTER(member, name, parameters)  ee_cuda_result_t(*member) parameters;

// Both libraries' functions; those of the other one are NULL.
typedef struct ee_cuda_functions {
  EE_CUDA_FUNCTIONS(EE_CUDA_POINTER)
  EE_CUDA_OPTIONAL_FUNCTIONS(EE_CUDA_POINTER)
  EE_CUDA_OWN_FUNCTIONS(EE_CUDA_OWN_POINTER)
  EE_HIP_OWN_FUNCTIONS(EE_CUDA_OWN_POINTER)
  const char *(*HipGetErrorString)(ee_cuda_result_t result);
} ee_cuda_functions_t;

#endif // EE_DRIVERS_CUDA_API_H_
