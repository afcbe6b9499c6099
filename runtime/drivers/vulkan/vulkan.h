// vulkan.h: what the files of the vulkan driver share.
//
//   loader.c      the system's loader, instances
//   physical.c    devices: limits, features, names
//   list.c        what can be opened
//   device.c      opening, closing, the driver's table
//   memory.c      chunks of device memory
//   spirv.c       what a shader needs, before it runs
//   layout.c      descriptor set and pipeline layouts
//   executable.c  executables to pipelines
//   cache.c       the pipeline cache's file
//   record.c      commands to a command buffer
//   dispatch.c    dispatches among them
//   queue.c       submission, how far it is
//   timing.c      when the device did what, for an observer
//
// What is not of Vulkan alone - spans, numbers, operations, recordings that are kept - is hal's
// (queued.h). A device has one queue, and work on it is done in the order of submission: each
// command buffer begins with a barrier against everything before it.
#ifndef EE_DRIVERS_VULKAN_VULKAN_H_
#define EE_DRIVERS_VULKAN_VULKAN_H_

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include "hal/observe.h"
#include "hal/queued.h"

// Constants and bindings of one dispatch, as the bridge bounds them.
#define EE_VULKAN_MAX_CONSTANTS 64u
#define EE_VULKAN_MAX_BINDINGS  64u
#define EE_VULKAN_MAX_SETS      4u
#define EE_VULKAN_MAX_DEVICES   16u

// ---- Entry points ------------------------------------------------------------------------------

// Functions that every implementation of 1.1 has; a loader or driver without one is refused.
#define EE_VULKAN_INSTANCE_FUNCTIONS(X)                                                            \
  X(DestroyInstance)                                                                               \
  X(EnumeratePhysicalDevices)                                                                      \
  X(EnumerateDeviceExtensionProperties)                                                            \
  X(GetPhysicalDeviceProperties)                                                                   \
  X(GetPhysicalDeviceProperties2)                                                                  \
  X(GetPhysicalDeviceFeatures2)                                                                    \
  X(GetPhysicalDeviceMemoryProperties)                                                             \
  X(GetPhysicalDeviceQueueFamilyProperties)                                                        \
  X(GetPhysicalDeviceExternalBufferProperties)                                                     \
  X(CreateDevice)                                                                                  \
  X(GetDeviceProcAddr)
#define EE_VULKAN_DEVICE_FUNCTIONS(X)                                                              \
  X(DestroyDevice)                                                                                 \
  X(GetDeviceQueue)                                                                                \
  X(DeviceWaitIdle)                                                                                \
  X(QueueSubmit)                                                                                   \
  X(AllocateMemory)                                                                                \
  X(FreeMemory)                                                                                    \
  X(MapMemory)                                                                                     \
  X(CreateBuffer)                                                                                  \
  X(DestroyBuffer)                                                                                 \
  X(GetBufferMemoryRequirements)                                                                   \
  X(BindBufferMemory)                                                                              \
  X(CreateShaderModule)                                                                            \
  X(DestroyShaderModule)                                                                           \
  X(CreatePipelineCache)                                                                           \
  X(DestroyPipelineCache)                                                                          \
  X(GetPipelineCacheData)                                                                          \
  X(CreateComputePipelines)                                                                        \
  X(DestroyPipeline)                                                                               \
  X(CreatePipelineLayout)                                                                          \
  X(DestroyPipelineLayout)                                                                         \
  X(CreateDescriptorSetLayout)                                                                     \
  X(DestroyDescriptorSetLayout)                                                                    \
  X(CreateDescriptorPool)                                                                          \
  X(DestroyDescriptorPool)                                                                         \
  X(ResetDescriptorPool)                                                                           \
  X(AllocateDescriptorSets)                                                                        \
  X(UpdateDescriptorSets)                                                                          \
  X(CreateCommandPool)                                                                             \
  X(DestroyCommandPool)                                                                            \
  X(ResetCommandPool)                                                                              \
  X(AllocateCommandBuffers)                                                                        \
  X(BeginCommandBuffer)                                                                            \
  X(EndCommandBuffer)                                                                              \
  X(CmdBindPipeline)                                                                               \
  X(CmdBindDescriptorSets)                                                                         \
  X(CmdPushConstants)                                                                              \
  X(CmdDispatch)                                                                                   \
  X(CmdDispatchIndirect)                                                                           \
  X(CmdFillBuffer)                                                                                 \
  X(CmdUpdateBuffer)                                                                               \
  X(CmdCopyBuffer)                                                                                 \
  X(CmdPipelineBarrier)                                                                            \
  X(CreateQueryPool)                                                                               \
  X(DestroyQueryPool)                                                                              \
  X(CmdResetQueryPool)                                                                             \
  X(CmdWriteTimestamp)                                                                             \
  X(GetQueryPoolResults)                                                                           \
  X(CreateSemaphore)                                                                               \
  X(DestroySemaphore)                                                                              \
  X(CreateFence)                                                                                   \
  X(DestroyFence)                                                                                  \
  X(ResetFences)                                                                                   \
  X(GetFenceStatus)                                                                                \
  X(WaitForFences)
// What newer versions or extensions have; NULL where it is missing.
#define EE_VULKAN_OPTIONAL_FUNCTIONS(X)                                                            \
  X(WaitSemaphores)                                                                                \
  X(GetSemaphoreCounterValue)                                                                      \
  X(GetBufferDeviceAddress)                                                                        \
  X(GetCalibratedTimestampsEXT)                                                                    \
  X(GetMemoryHostPointerPropertiesEXT)                                                             \
  X(SetDebugUtilsObjectNameEXT)

#define EE_VULKAN_POINTER(name) PFN_vk##name name;
#define EE_VULKAN_NAME(name)    "vk" #name "\0"

typedef struct ee_vulkan_instance {
  ee_port_library_t library;
  PFN_vkGetInstanceProcAddr get;
  VkInstance handle;
  uint32_t version; // of the interface, that both sides know
  bool debug_utils;
  EE_VULKAN_INSTANCE_FUNCTIONS(EE_VULKAN_POINTER)
} ee_vulkan_instance_t;

typedef struct ee_vulkan_functions {
  EE_VULKAN_DEVICE_FUNCTIONS(EE_VULKAN_POINTER)
  EE_VULKAN_OPTIONAL_FUNCTIONS(EE_VULKAN_POINTER)
} ee_vulkan_functions_t;

// Puts the functions of `names`, each with its NUL and an empty one behind them, into pointers that
// stand in a row, NULL where `find` finds none. Returns the last name that is missing, or NULL.
typedef PFN_vkVoidFunction (*ee_vulkan_find_t)(const void *owner, const char *name);
const char *ee_vulkan_load(const char *names, ee_vulkan_find_t find, const void *owner,
                           void *out_pointers);

// Opens the loader and makes an instance. NOT_FOUND: there is no loader; INCOMPATIBLE: Vulkan 1.0.
eerie_status_t ee_vulkan_instance_open(ee_vulkan_instance_t *out_instance, eerie_error_t *err);
void ee_vulkan_instance_close(ee_vulkan_instance_t *instance);

// The status that stands for a failed call of `function`, "vkAllocateMemory".
EE_COLD eerie_status_t ee_vulkan_failed(eerie_error_t *err, const char *function, VkResult result);

// ---- Physical devices --------------------------------------------------------------------------

// What shaders may use and what the driver itself does. Bits of ee_vulkan_physical_t.features.
typedef enum ee_vulkan_feature {
  EE_VULKAN_FLOAT16 = 1u << 0,
  EE_VULKAN_FLOAT64 = 1u << 1,
  EE_VULKAN_INT8 = 1u << 2,
  EE_VULKAN_INT16 = 1u << 3,
  EE_VULKAN_INT64 = 1u << 4,
  EE_VULKAN_INT64_ATOMICS = 1u << 5,
  EE_VULKAN_STORAGE8 = 1u << 6,
  EE_VULKAN_UNIFORM_STORAGE8 = 1u << 7,
  EE_VULKAN_PUSH8 = 1u << 8,
  EE_VULKAN_STORAGE16 = 1u << 9,
  EE_VULKAN_UNIFORM_STORAGE16 = 1u << 10,
  EE_VULKAN_PUSH16 = 1u << 11,
  EE_VULKAN_VARIABLE_POINTERS = 1u << 12,
  EE_VULKAN_VARIABLE_POINTERS_STORAGE = 1u << 13,
  EE_VULKAN_MEMORY_MODEL = 1u << 14,
  EE_VULKAN_MEMORY_MODEL_DEVICE = 1u << 15,
  EE_VULKAN_DOT_PRODUCT = 1u << 16,
  EE_VULKAN_SUBGROUP_BASIC =
      1u << 17, // this and the next in the order of VkSubgroupFeatureFlagBits
  EE_VULKAN_SUBGROUP_VOTE = 1u << 18,
  EE_VULKAN_SUBGROUP_ARITHMETIC = 1u << 19,
  EE_VULKAN_SUBGROUP_BALLOT = 1u << 20,
  EE_VULKAN_SUBGROUP_SHUFFLE = 1u << 21,
  EE_VULKAN_SUBGROUP_SHUFFLE_RELATIVE = 1u << 22,
  EE_VULKAN_SUBGROUP_CLUSTERED = 1u << 23,
  EE_VULKAN_SUBGROUP_QUAD = 1u << 24,
  EE_VULKAN_SUBGROUP_SIZES = 1u << 25, // a pipeline may ask for a size
  EE_VULKAN_FULL_SUBGROUPS = 1u << 26,
  EE_VULKAN_TIMELINE = 1u << 27,
  EE_VULKAN_ADDRESSES = 1u << 28,
  EE_VULKAN_CALIBRATED = 1u << 29, // the host can read the clock of its timestamps
} ee_vulkan_feature_t;

typedef struct ee_vulkan_physical {
  VkPhysicalDevice handle;
  VkPhysicalDeviceProperties properties;
  VkPhysicalDeviceMemoryProperties memory;
  uint8_t uuid[VK_UUID_SIZE];
  uint32_t features; // EE_VULKAN_*
  uint32_t subgroup_size;
  uint32_t min_subgroup_size, max_subgroup_size;
  uint64_t max_allocation;
  uint64_t import_alignment; // of host memory used in place, and of its size; 0: it is not
  uint32_t queue_family;     // UINT32_MAX: it computes nothing
  uint32_t timestamp_bits;   // of the queue's; 0: it has none
  bool unified;              // memory of the device is the host's too
} ee_vulkan_physical_t;

// Looks at a device; false: nothing that modules run on.
bool ee_vulkan_physical_read(const ee_vulkan_instance_t *instance, VkPhysicalDevice handle,
                             ee_vulkan_physical_t *out_physical);
// The handles of all, at most EE_VULKAN_MAX_DEVICES.
eerie_status_t ee_vulkan_physical_list(const ee_vulkan_instance_t *instance,
                                       VkPhysicalDevice out_handles[EE_VULKAN_MAX_DEVICES],
                                       uint32_t *out_count, eerie_error_t *err);
// Makes the logical device with all features that the driver knows and the device has.
eerie_status_t ee_vulkan_physical_create(const ee_vulkan_instance_t *instance,
                                         const ee_vulkan_physical_t *physical, VkDevice *out_device,
                                         eerie_error_t *err);
// What `eerie compile --target` takes for it: "vulkan:ampere".
const char *ee_vulkan_physical_target(const ee_vulkan_physical_t *physical);

// ---- Devices -----------------------------------------------------------------------------------

typedef struct ee_vulkan_device {
  ee_hal_queued_t queued;
  ee_vulkan_instance_t instance;
  ee_vulkan_physical_t physical;
  ee_vulkan_functions_t vk;
  VkDevice handle;
  VkQueue queue;
  uint32_t memory_types[2]; // by place; the same where memory is unified
  VkSemaphore timeline;     // counts what is done; NULL: fences instead
  VkFence *fences;          // free ones; only without a timeline
  uint32_t fence_count, fence_capacity;
#if EERIE_PROFILE
  ee_hal_device_clock_t clock;
  uint64_t clock_base; // the timestamp that `clock` counts from; 0: none yet
#endif
  // Pipelines.
  VkPipelineCache cache;
  size_t cache_size; // of its data when it was read
  char *cache_path;  // NULL: not kept
} ee_vulkan_device_t;

static inline ee_vulkan_device_t *ee_vulkan_device(ee_hal_device_t *base) {
  return (ee_vulkan_device_t *)base;
}
static inline ee_vulkan_device_t *ee_vulkan_of(ee_hal_queued_t *queued) {
  return (ee_vulkan_device_t *)queued;
}

extern const ee_hal_driver_t ee_vulkan_driver;
bool ee_vulkan_device_info(uint32_t index, ee_hal_device_info_t *out_info);
// Finds the device that `which` names: "" (the first), an ordinal, a UUID.
eerie_status_t ee_vulkan_choose(const ee_vulkan_instance_t *instance, ee_str_t which,
                                ee_vulkan_physical_t *out_physical, uint32_t *out_ordinal,
                                eerie_error_t *err);
// Names an object for debuggers and validation layers, where they ask for it.
void ee_vulkan_name(const ee_vulkan_device_t *device, VkObjectType type, uint64_t handle,
                    const char *name);

// ---- Memory ------------------------------------------------------------------------------------

// A chunk is one VkBuffer over one VkDeviceMemory, mapped for good where the host sees it.
enum { EE_VULKAN_HANDLE_BUFFER, EE_VULKAN_HANDLE_MEMORY }; // of ee_hal_chunk_t.handle
static inline VkBuffer ee_vulkan_buffer_of(const ee_hal_chunk_t *chunk) {
  return (VkBuffer)chunk->handle[EE_VULKAN_HANDLE_BUFFER];
}

// Chooses types of memory.
eerie_status_t ee_vulkan_memory_create(ee_vulkan_device_t *device, eerie_error_t *err);
eerie_status_t ee_vulkan_chunk_create(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                      eerie_error_t *err);
void ee_vulkan_chunk_destroy(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk);
eerie_status_t ee_vulkan_chunk_import(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                      eerie_error_t *err);

// ---- Executables -------------------------------------------------------------------------------

// One descriptor: of a shader's, or that a layout offers.
typedef struct ee_vulkan_slot {
  uint32_t set;
  uint32_t binding;
} ee_vulkan_slot_t;

// Variables with a descriptor; several may share one.
#define EE_VULKAN_MAX_DECORATED 128u
typedef struct ee_vulkan_decorated {
  uint32_t id;
  ee_vulkan_slot_t slot;
} ee_vulkan_decorated_t;

// A shader module and what it says about itself (spirv.c).
typedef struct ee_vulkan_shader {
  const uint32_t *words;
  uint32_t word_count;
  uint32_t bound; // of ids
  uint32_t entry_count;
  uint64_t shared_size; // bytes of workgroup memory
  uint64_t push_size;   // bytes of constants
  uint32_t decorated_count;
  ee_vulkan_decorated_t decorated[EE_VULKAN_MAX_DECORATED];
} ee_vulkan_shader_t;

// What an entry point says of itself.
typedef struct ee_vulkan_entry {
  uint32_t workgroup_size[3]; // 0: it does not say
} ee_vulkan_entry_t;

// A descriptor set layout; in the order of the file.
typedef struct ee_vulkan_set {
  VkDescriptorSetLayout handle;
  uint32_t count;
  uint32_t numbers[EE_VULKAN_MAX_BINDINGS];
  VkDescriptorType types[EE_VULKAN_MAX_BINDINGS];
} ee_vulkan_set_t;

typedef struct ee_vulkan_layout {
  VkPipelineLayout handle;
  VkDescriptorSetLayout sets[EE_VULKAN_MAX_SETS]; // borrowed from the executable
  uint32_t set_count;
  uint32_t push_size; // bytes
  uint32_t slot_count;
  ee_vulkan_slot_t slots[EE_VULKAN_MAX_BINDINGS]; // of binding i of a dispatch
  VkDescriptorType types[EE_VULKAN_MAX_BINDINGS];
} ee_vulkan_layout_t;

// How kernels that take addresses instead of descriptors find their bindings: constants begin with
// a root, which points to a table of addresses in memory.
typedef struct ee_vulkan_addresses {
  uint32_t root_offset;
  uint32_t constant_offset;
  uint32_t constant_count;
  uint32_t binding_count;
  uint64_t alignments[EE_VULKAN_MAX_BINDINGS]; // that each address needs, powers of two
  uint64_t lengths[EE_VULKAN_MAX_BINDINGS];    // bytes that must be there
} ee_vulkan_addresses_t;

typedef struct ee_vulkan_pipeline {
  VkPipeline handle;
  const ee_vulkan_layout_t *layout;
  ee_vulkan_addresses_t *addresses; // NULL: descriptors
  char *name;
  uint32_t workgroup_size[3];
  char *source_file; // NULL: the file does not tell
  uint32_t source_line;
} ee_vulkan_pipeline_t;

typedef struct ee_vulkan_executable {
  ee_hal_executable_t base;
  ee_vulkan_pipeline_t *pipelines; // base.function_count
  ee_vulkan_layout_t *layouts;
  uint32_t layout_count;
  ee_vulkan_set_t *sets;
  uint32_t set_count;
} ee_vulkan_executable_t;

static inline const ee_vulkan_pipeline_t *ee_vulkan_pipeline_of(const ee_hal_command_t *command) {
  return &((const ee_vulkan_executable_t *)command->executable)->pipelines[command->function];
}

eerie_status_t ee_vulkan_executable_create(ee_hal_device_t *device, ee_str_t format,
                                           ee_bytes_t data, ee_object_t *data_owner,
                                           const uint32_t *constants, size_t constant_count,
                                           ee_hal_executable_t **out_executable,
                                           eerie_error_t *err);
void ee_vulkan_executable_destroy(ee_hal_executable_t *executable);
// Whether the device runs executables of the format.
bool ee_vulkan_runs_format(const ee_vulkan_physical_t *physical, ee_str_t format);
static inline uint32_t ee_vulkan_constant_count(const ee_vulkan_pipeline_t *pipeline) {
  return pipeline->addresses ? pipeline->addresses->constant_count
                             : pipeline->layout->push_size / (uint32_t)sizeof(uint32_t);
}
static inline uint32_t ee_vulkan_binding_count(const ee_vulkan_pipeline_t *pipeline) {
  return pipeline->addresses ? pipeline->addresses->binding_count : pipeline->layout->slot_count;
}
eerie_status_t ee_vulkan_executable_lookup(ee_hal_executable_t *executable, ee_str_t name,
                                           uint32_t *out_function, eerie_error_t *err);
eerie_status_t ee_vulkan_dispatch_check(ee_hal_executable_t *executable, uint32_t function,
                                        size_t constant_count, size_t binding_count,
                                        eerie_error_t *err);

// Checks the form of a shader and what it needs of the device.
eerie_status_t ee_vulkan_shader_check(ee_heap_t *heap, const ee_vulkan_physical_t *physical,
                                      ee_vulkan_shader_t *shader, eerie_error_t *err);
// Checks entry point `name` of a checked shader against the layout of its pipeline.
eerie_status_t ee_vulkan_entry_check(const ee_vulkan_physical_t *physical,
                                     const ee_vulkan_shader_t *shader,
                                     const ee_vulkan_layout_t *layout, ee_str_t name,
                                     ee_vulkan_entry_t *out_entry, eerie_error_t *err);

// ---- The pipeline cache ------------------------------------------------------------------------

// Makes the device's cache from its file where there is a sound one.
eerie_status_t ee_vulkan_cache_create(ee_vulkan_device_t *device, eerie_error_t *err);
// Writes it where it has grown, and destroys it.
void ee_vulkan_cache_destroy(ee_vulkan_device_t *device);

// ---- Command buffers ---------------------------------------------------------------------------

// A command buffer and all that it needs.
typedef struct ee_vulkan_recording {
  ee_hal_recording_t base;
  VkCommandPool pool;
  VkCommandBuffer commands;
  struct ee_vulkan_descriptors *descriptors;      // pools
  struct ee_vulkan_descriptors *descriptors_used; // the one in use; NULL: the first
  struct ee_vulkan_timing *timing;                // NULL: none yet
} ee_vulkan_recording_t;

eerie_status_t ee_vulkan_recording_create(ee_hal_queued_t *queued,
                                          ee_hal_recording_t **out_recording, eerie_error_t *err);
void ee_vulkan_recording_destroy(ee_hal_queued_t *queued, ee_hal_recording_t *recording);
eerie_status_t ee_vulkan_record_list(ee_hal_queued_t *queued, ee_hal_recording_t *recording,
                                     const ee_hal_operation_t *operation, bool again,
                                     eerie_error_t *err);
eerie_status_t ee_vulkan_record_transfer(ee_hal_queued_t *queued, ee_hal_recording_t *recording,
                                         const ee_hal_command_t *command, eerie_error_t *err);
eerie_status_t ee_vulkan_record_staged(ee_hal_queued_t *queued, ee_hal_recording_t *recording,
                                       const ee_hal_span_t *span, const ee_hal_range_t *range,
                                       bool to_buffer, eerie_error_t *err);

// The pools of descriptors: all of it is free again; all of it goes.
void ee_vulkan_descriptors_reset(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording);
void ee_vulkan_descriptors_destroy(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording);
eerie_status_t ee_vulkan_record_dispatch(ee_vulkan_device_t *device,
                                         ee_vulkan_recording_t *recording,
                                         const ee_hal_command_t *command,
                                         const ee_hal_operation_t *table, eerie_error_t *err);

// ---- The queue ---------------------------------------------------------------------------------

eerie_status_t ee_vulkan_queue_create(ee_vulkan_device_t *device, eerie_error_t *err);
// All work is over.
void ee_vulkan_queue_destroy(ee_vulkan_device_t *device);
eerie_status_t ee_vulkan_queue_submit(ee_hal_queued_t *queued, ee_hal_submission_t *submission,
                                      eerie_error_t *err);
uint64_t ee_vulkan_queue_reached(ee_hal_queued_t *queued);
ee_hal_waited_t ee_vulkan_queue_wait(ee_hal_queued_t *queued, uint64_t value, uint64_t mark,
                                     uint64_t timeout_ns);
void ee_vulkan_fence_give(ee_hal_queued_t *queued, uint64_t mark);

// ---- Timestamps --------------------------------------------------------------------------------

#if EERIE_PROFILE
// At the begin of a recording, behind its first barrier: sets `timed` where somebody looks.
void ee_vulkan_timing_begin(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                            size_t commands);
// Behind each command of a recording that is timed, `commands` of them at most.
EE_COLD void ee_vulkan_timing_command(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                      const ee_hal_command_t *command,
                                      const ee_hal_operation_t *table);
// The submission is done: tells of its commands. With the lock held, so that all come in order.
EE_COLD void ee_vulkan_timing_tell(ee_hal_queued_t *queued, const ee_hal_submission_t *submission);
void ee_vulkan_timing_destroy(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording);
// The kernels of an executable that was loaded.
void ee_vulkan_timing_kernels(const ee_vulkan_executable_t *executable);
#else
#define ee_vulkan_timing_begin(device, recording, commands)         ((void)(commands))
#define ee_vulkan_timing_command(device, recording, command, table) ((void)0)
#define ee_vulkan_timing_tell                                       NULL
#define ee_vulkan_timing_destroy(device, recording)                 ((void)0)
#define ee_vulkan_timing_kernels(executable)                        ((void)0)
#endif

#endif // EE_DRIVERS_VULKAN_VULKAN_H_
