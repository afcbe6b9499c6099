// vulkan_shim.c: a Vulkan loader in front of the real one, which fails when it is told to.
//
// It is found in the place of the system's (LD_LIBRARY_PATH), opens that by its path
// (EERIE_TEST_VULKAN_LIBRARY), and hands on every entry point but those below. Programs that cannot
// tell it what to do set EERIE_TEST_VULKAN_DISCRETE for `own_memory`.
#define _GNU_SOURCE
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vulkan_shim.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT vulkan_shim_t vulkan_shim;

// The real loader, opened by the first that asks. What it exports finds the driver of each handle
// by itself, so that nothing is kept of instances and devices: threads make and destroy those as
// they like.
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static void *real_library;
static PFN_vkGetInstanceProcAddr real_instance_entry;

static PFN_vkVoidFunction real(const char *name) {
  PFN_vkVoidFunction found = NULL;
  void *exported = dlsym(real_library, name);
  if (exported) memcpy(&found, &exported, sizeof found);
  return found;
}
#define REAL(name) ((PFN_vk##name)real("vk" #name))
// What only the device knows.
#define REAL_OF(device, name) ((PFN_vk##name)REAL(GetDeviceProcAddr)(device, "vk" #name))

static void open_real(void) {
  const char *path = getenv("EERIE_TEST_VULKAN_LIBRARY");
  real_library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!real_library) return;
  real_instance_entry = REAL(GetInstanceProcAddr);
  if (getenv("EERIE_TEST_VULKAN_DISCRETE")) vulkan_shim.own_memory = true;
}

// Several threads may call. What a thread did is over for whom `live` tells that nothing is left.
static void add(long *counter, long step) {
  __atomic_fetch_add(counter, step, __ATOMIC_ACQ_REL);
}

// True for the one that a countdown ends with.
static bool counts_down(long *counter) {
  if (__atomic_load_n(counter, __ATOMIC_RELAXED) <= 0) return false;
  return __atomic_sub_fetch(counter, 1, __ATOMIC_RELAXED) == 0;
}

static bool fails(void) {
  add(&vulkan_shim.calls, 1);
  return counts_down(&vulkan_shim.fail_at);
}

// ---- Things that are made ----------------------------------------------------------------------

#define CREATE(name, info_type, handle_type)                                                       \
  static VKAPI_ATTR VkResult VKAPI_CALL shim_Create##name(VkDevice device, const info_type *info,  \
                                                          const VkAllocationCallbacks *callbacks,  \
                                                          handle_type *out_handle) {               \
    if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;                                             \
    note_##name(info);                                                                             \
    const VkResult result = REAL(Create##name)(device, info, callbacks, out_handle);               \
    add(&vulkan_shim.live, result == VK_SUCCESS);                                                  \
    return result;                                                                                 \
  }                                                                                                \
  static VKAPI_ATTR void VKAPI_CALL shim_Destroy##name(VkDevice device, handle_type handle,        \
                                                       const VkAllocationCallbacks *callbacks) {   \
    add(&vulkan_shim.live, -(long)(handle != VK_NULL_HANDLE));                                     \
    REAL(Destroy##name)(device, handle, callbacks);                                                \
  }
static void note_PipelineCache(const VkPipelineCacheCreateInfo *info) {
  __atomic_store_n(&vulkan_shim.cache_size, (long)info->initialDataSize, __ATOMIC_RELAXED);
}
#define note_Buffer(info)              ((void)0)
#define note_PipelineLayout(info)      ((void)0)
#define note_DescriptorSetLayout(info) ((void)0)
#define note_DescriptorPool(info)      ((void)0)
#define note_CommandPool(info)         ((void)0)
#define note_Semaphore(info)           ((void)0)
#define note_Fence(info)               ((void)0)
#define note_QueryPool(info)           ((void)0)
CREATE(Buffer, VkBufferCreateInfo, VkBuffer)
CREATE(PipelineCache, VkPipelineCacheCreateInfo, VkPipelineCache)
CREATE(PipelineLayout, VkPipelineLayoutCreateInfo, VkPipelineLayout)
CREATE(DescriptorSetLayout, VkDescriptorSetLayoutCreateInfo, VkDescriptorSetLayout)
CREATE(DescriptorPool, VkDescriptorPoolCreateInfo, VkDescriptorPool)
CREATE(CommandPool, VkCommandPoolCreateInfo, VkCommandPool)
CREATE(Semaphore, VkSemaphoreCreateInfo, VkSemaphore)
CREATE(Fence, VkFenceCreateInfo, VkFence)
CREATE(QueryPool, VkQueryPoolCreateInfo, VkQueryPool)

static VKAPI_ATTR VkResult VKAPI_CALL
shim_CreateShaderModule(VkDevice device, const VkShaderModuleCreateInfo *info,
                        const VkAllocationCallbacks *callbacks, VkShaderModule *out_module) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkResult result = VK_SUCCESS;
  if (vulkan_shim.compile_nothing) {
    *out_module = (VkShaderModule)(uintptr_t)1;
  } else {
    result = REAL(CreateShaderModule)(device, info, callbacks, out_module);
  }
  add(&vulkan_shim.live, result == VK_SUCCESS);
  return result;
}

static VKAPI_ATTR void VKAPI_CALL shim_DestroyShaderModule(VkDevice device, VkShaderModule module,
                                                           const VkAllocationCallbacks *callbacks) {
  add(&vulkan_shim.live, -(long)(module != VK_NULL_HANDLE));
  if (!vulkan_shim.compile_nothing) REAL(DestroyShaderModule)(device, module, callbacks);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_CreateComputePipelines(
    VkDevice device, VkPipelineCache cache, uint32_t count, const VkComputePipelineCreateInfo *info,
    const VkAllocationCallbacks *callbacks, VkPipeline *out_pipelines) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkResult result = VK_SUCCESS;
  if (vulkan_shim.compile_nothing) {
    for (uint32_t i = 0; i < count; ++i)
      out_pipelines[i] = (VkPipeline)(uintptr_t)1;
  } else {
    result = REAL(CreateComputePipelines)(device, cache, count, info, callbacks, out_pipelines);
  }
  if (result == VK_SUCCESS) add(&vulkan_shim.live, count);
  return result;
}

static VKAPI_ATTR void VKAPI_CALL shim_DestroyPipeline(VkDevice device, VkPipeline pipeline,
                                                       const VkAllocationCallbacks *callbacks) {
  add(&vulkan_shim.live, -(long)(pipeline != VK_NULL_HANDLE));
  if (!vulkan_shim.compile_nothing) REAL(DestroyPipeline)(device, pipeline, callbacks);
}

static VKAPI_ATTR VkResult VKAPI_CALL
shim_SetDebugUtilsObjectNameEXT(VkDevice device, const VkDebugUtilsObjectNameInfoEXT *info) {
  if (vulkan_shim.compile_nothing && info->objectHandle == 1) return VK_SUCCESS;
  return REAL_OF(device, SetDebugUtilsObjectNameEXT)(device, info);
}

// What is allocated of a limited memory.
enum { HELD_MOST = 128 };
static struct {
  VkDeviceMemory memory;
  long size;
} held[HELD_MOST];

// Notes `size` bytes more, or only asks whether they fit.
static bool hold(VkDeviceMemory memory, long size) {
  long all = size;
  size_t free_place = HELD_MOST;
  for (size_t i = 0; i < HELD_MOST; ++i) {
    all += held[i].size;
    if (!held[i].memory) free_place = i;
  }
  if (all > vulkan_shim.memory_limit || free_place == HELD_MOST) return false;
  held[free_place].memory = memory;
  held[free_place].size = memory ? size : 0;
  return true;
}

static void let_go(VkDeviceMemory memory) {
  for (size_t i = 0; memory && i < HELD_MOST; ++i) {
    if (held[i].memory != memory) continue;
    held[i].memory = VK_NULL_HANDLE;
    held[i].size = 0;
  }
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_AllocateMemory(VkDevice device,
                                                          const VkMemoryAllocateInfo *info,
                                                          const VkAllocationCallbacks *callbacks,
                                                          VkDeviceMemory *out_memory) {
  const bool limited = vulkan_shim.memory_limit > 0;
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  if (limited && !hold(VK_NULL_HANDLE, (long)info->allocationSize))
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkMemoryAllocateInfo changed = *info;
  for (const VkBaseInStructure *next = info->pNext; next; next = next->pNext) {
    if (vulkan_shim.refuse_host_memory &&
        next->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT)
      return VK_ERROR_INVALID_EXTERNAL_HANDLE;
  }
  if (vulkan_shim.own_memory) changed.memoryTypeIndex = 0; // the only one of software devices
  const VkResult result = REAL(AllocateMemory)(device, &changed, callbacks, out_memory);
  if (limited && result == VK_SUCCESS) (void)hold(*out_memory, (long)info->allocationSize);
  add(&vulkan_shim.live, result == VK_SUCCESS);
  return result;
}

static VKAPI_ATTR void VKAPI_CALL shim_FreeMemory(VkDevice device, VkDeviceMemory memory,
                                                  const VkAllocationCallbacks *callbacks) {
  add(&vulkan_shim.live, -(long)(memory != VK_NULL_HANDLE));
  if (vulkan_shim.memory_limit) let_go(memory);
  REAL(FreeMemory)(device, memory, callbacks);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_MapMemory(VkDevice device, VkDeviceMemory memory,
                                                     VkDeviceSize offset, VkDeviceSize size,
                                                     VkMemoryMapFlags flags, void **out_data) {
  if (fails()) return VK_ERROR_MEMORY_MAP_FAILED;
  return REAL(MapMemory)(device, memory, offset, size, flags, out_data);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_GetMemoryHostPointerPropertiesEXT(
    VkDevice device, VkExternalMemoryHandleTypeFlagBits type, const void *pointer,
    VkMemoryHostPointerPropertiesEXT *properties) {
  if (fails()) return VK_ERROR_OUT_OF_HOST_MEMORY;
  const VkResult result =
      REAL_OF(device, GetMemoryHostPointerPropertiesEXT)(device, type, pointer, properties);
  if (vulkan_shim.own_memory) properties->memoryTypeBits = 2; // that the host sees
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_BindBufferMemory(VkDevice device, VkBuffer buffer,
                                                            VkDeviceMemory memory,
                                                            VkDeviceSize offset) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(BindBufferMemory)(device, buffer, memory, offset);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_AllocateDescriptorSets(
    VkDevice device, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *out_sets) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(AllocateDescriptorSets)(device, info, out_sets);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_AllocateCommandBuffers(
    VkDevice device, const VkCommandBufferAllocateInfo *info, VkCommandBuffer *out_commands) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(AllocateCommandBuffers)(device, info, out_commands);
}

static VKAPI_ATTR VkResult VKAPI_CALL
shim_BeginCommandBuffer(VkCommandBuffer commands, const VkCommandBufferBeginInfo *info) {
  add(&vulkan_shim.recordings, 1);
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(BeginCommandBuffer)(commands, info);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_EndCommandBuffer(VkCommandBuffer commands) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(EndCommandBuffer)(commands);
}

static VKAPI_ATTR void VKAPI_CALL shim_CmdWriteTimestamp(VkCommandBuffer commands,
                                                         VkPipelineStageFlagBits stage,
                                                         VkQueryPool pool, uint32_t query) {
  add(&vulkan_shim.timestamps, 1);
  REAL(CmdWriteTimestamp)(commands, stage, pool, query);
}

static VKAPI_ATTR void VKAPI_CALL shim_CmdDispatch(VkCommandBuffer commands, uint32_t x, uint32_t y,
                                                   uint32_t z) {
  add(&vulkan_shim.dispatches, 1);
  REAL(CmdDispatch)(commands, x, y, z);
}

// ---- The queue ---------------------------------------------------------------------------------

// A device that is lost does nothing any more: what it was given is waited for first.
static void lose(void) {
  __atomic_store_n(&vulkan_shim.lost, true, __ATOMIC_RELAXED);
}

static bool is_lost(void) {
  return __atomic_load_n(&vulkan_shim.lost, __ATOMIC_RELAXED);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_QueueSubmit(VkQueue queue, uint32_t count,
                                                       const VkSubmitInfo *infos, VkFence fence) {
  add(&vulkan_shim.submits, 1);
  if (counts_down(&vulkan_shim.lose_at_submit)) {
    (void)REAL(QueueWaitIdle)(queue);
    lose();
  }
  if (is_lost()) return VK_ERROR_DEVICE_LOST;
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return REAL(QueueSubmit)(queue, count, infos, fence);
}

static bool lost_now(VkDevice device) {
  if (__atomic_load_n(&vulkan_shim.lose_at_wait, __ATOMIC_RELAXED) &&
      __atomic_exchange_n(&vulkan_shim.lose_at_wait, false, __ATOMIC_RELAXED)) {
    (void)REAL(DeviceWaitIdle)(device);
    lose();
  }
  return is_lost();
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_WaitSemaphores(VkDevice device,
                                                          const VkSemaphoreWaitInfo *info,
                                                          uint64_t timeout) {
  if (lost_now(device)) return VK_ERROR_DEVICE_LOST;
  return REAL(WaitSemaphores)(device, info, timeout);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_GetSemaphoreCounterValue(VkDevice device,
                                                                    VkSemaphore semaphore,
                                                                    uint64_t *out_value) {
  if (lost_now(device)) return VK_ERROR_DEVICE_LOST;
  return REAL(GetSemaphoreCounterValue)(device, semaphore, out_value);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_WaitForFences(VkDevice device, uint32_t count,
                                                         const VkFence *fences, VkBool32 all,
                                                         uint64_t timeout) {
  if (lost_now(device)) return VK_ERROR_DEVICE_LOST;
  return REAL(WaitForFences)(device, count, fences, all, timeout);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_GetFenceStatus(VkDevice device, VkFence fence) {
  if (lost_now(device)) return VK_ERROR_DEVICE_LOST;
  return REAL(GetFenceStatus)(device, fence);
}

// ---- What devices are --------------------------------------------------------------------------

static VKAPI_ATTR void VKAPI_CALL
shim_GetPhysicalDeviceFeatures2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  REAL(GetPhysicalDeviceFeatures2)(device, features);
  for (VkBaseOutStructure *next = features->pNext; next; next = next->pNext) {
    if (vulkan_shim.no_timeline &&
        next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES)
      ((VkPhysicalDeviceTimelineSemaphoreFeatures *)next)->timelineSemaphore = VK_FALSE;
    if (vulkan_shim.no_float16 &&
        next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES)
      ((VkPhysicalDeviceShaderFloat16Int8Features *)next)->shaderFloat16 = VK_FALSE;
  }
}

// Devices in software take the host's clock for their timestamps, so that reading it can be played
// where they do not offer it.
static VKAPI_ATTR VkResult VKAPI_CALL shim_GetPhysicalDeviceCalibrateableTimeDomainsEXT(
    VkPhysicalDevice device, uint32_t *count, VkTimeDomainEXT *domains) {
  (void)device;
  if (domains && *count && vulkan_shim.calibration) domains[0] = VK_TIME_DOMAIN_DEVICE_EXT;
  *count = vulkan_shim.calibration;
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_GetCalibratedTimestampsEXT(
    VkDevice device, uint32_t count, const VkCalibratedTimestampInfoEXT *infos,
    uint64_t *out_timestamps, uint64_t *out_deviation) {
  (void)device;
  add(&vulkan_shim.looks, 1);
  struct timespec now;
  if (count != 1 || infos->timeDomain != VK_TIME_DOMAIN_DEVICE_EXT) return VK_ERROR_UNKNOWN;
  clock_gettime(CLOCK_MONOTONIC, &now);
  *out_timestamps = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  *out_deviation = 1000;
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_EnumerateDeviceExtensionProperties(
    VkPhysicalDevice device, const char *layer, uint32_t *count, VkExtensionProperties *list) {
  const uint32_t room = *count;
  const VkResult result = REAL(EnumerateDeviceExtensionProperties)(device, layer, count, list);
  for (uint32_t i = 0; list && vulkan_shim.no_host_memory && i < *count; ++i) {
    if (strcmp(list[i].extensionName, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) == 0)
      list[i].extensionName[0] = '-';
  }
  if (!vulkan_shim.calibration || layer || result != VK_SUCCESS) return result;
  if (list && *count == room) return VK_INCOMPLETE;
  if (list)
    list[*count] =
        (VkExtensionProperties){.extensionName = VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME};
  ++*count;
  return result;
}

static VKAPI_ATTR void VKAPI_CALL
shim_GetPhysicalDeviceProperties(VkPhysicalDevice device, VkPhysicalDeviceProperties *properties) {
  REAL(GetPhysicalDeviceProperties)(device, properties);
  if (vulkan_shim.own_memory) properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
  if (vulkan_shim.allocation_limit)
    properties->limits.maxMemoryAllocationCount = (uint32_t)vulkan_shim.allocation_limit;
}

static VKAPI_ATTR void VKAPI_CALL shim_GetPhysicalDeviceProperties2(
    VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties) {
  REAL(GetPhysicalDeviceProperties2)(device, properties);
  for (VkBaseOutStructure *next = properties->pNext; next; next = next->pNext) {
    if (vulkan_shim.host_block &&
        next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT)
      ((VkPhysicalDeviceExternalMemoryHostPropertiesEXT *)next)->minImportedHostPointerAlignment =
          (VkDeviceSize)vulkan_shim.host_block;
  }
}

static VKAPI_ATTR void VKAPI_CALL shim_GetPhysicalDeviceMemoryProperties(
    VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *memory) {
  REAL(GetPhysicalDeviceMemoryProperties)(device, memory);
  if (!vulkan_shim.own_memory) return;
  memory->memoryTypeCount = 2;
  memory->memoryTypes[1] = memory->memoryTypes[0];
  memory->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  memory->memoryTypes[1].propertyFlags =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
}

static VKAPI_ATTR void VKAPI_CALL shim_GetBufferMemoryRequirements(VkDevice device, VkBuffer buffer,
                                                                   VkMemoryRequirements *needs) {
  REAL(GetBufferMemoryRequirements)(device, buffer, needs);
  if (vulkan_shim.own_memory) needs->memoryTypeBits = 3;
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_CreateDevice(VkPhysicalDevice physical,
                                                        const VkDeviceCreateInfo *info,
                                                        const VkAllocationCallbacks *callbacks,
                                                        VkDevice *out_device) {
  if (fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  // Without what only is played.
  const char *names[32];
  VkDeviceCreateInfo changed = *info;
  changed.enabledExtensionCount = 0;
  changed.ppEnabledExtensionNames = names;
  for (uint32_t i = 0; i < info->enabledExtensionCount && i < 32; ++i) {
    const char *name = info->ppEnabledExtensionNames[i];
    if (vulkan_shim.calibration && strcmp(name, VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME) == 0)
      continue;
    names[changed.enabledExtensionCount++] = name;
  }
  return REAL(CreateDevice)(physical, &changed, callbacks, out_device);
}

static VKAPI_ATTR VkResult VKAPI_CALL shim_CreateInstance(const VkInstanceCreateInfo *info,
                                                          const VkAllocationCallbacks *callbacks,
                                                          VkInstance *out_instance) {
  if (fails()) return VK_ERROR_OUT_OF_HOST_MEMORY;
  return REAL(CreateInstance)(info, callbacks, out_instance);
}

// ---- Entry points ------------------------------------------------------------------------------

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL shim_GetDeviceProcAddr(VkDevice device,
                                                                       const char *name);

#define PAIR(name)                                                                                 \
  {"vkCreate" #name, (PFN_vkVoidFunction)shim_Create##name}, {                                     \
    "vkDestroy" #name, (PFN_vkVoidFunction)shim_Destroy##name                                      \
  }
#define ONE(name)                                                                                  \
  { "vk" #name, (PFN_vkVoidFunction)shim_##name }
static const struct {
  const char *name;
  PFN_vkVoidFunction function;
} table[] = {
    PAIR(Buffer),
    PAIR(PipelineCache),
    PAIR(PipelineLayout),
    PAIR(DescriptorSetLayout),
    PAIR(DescriptorPool),
    PAIR(CommandPool),
    PAIR(Semaphore),
    PAIR(Fence),
    PAIR(QueryPool),
    PAIR(ShaderModule),
    ONE(CreateComputePipelines),
    ONE(DestroyPipeline),
    ONE(AllocateMemory),
    ONE(FreeMemory),
    ONE(MapMemory),
    ONE(BindBufferMemory),
    ONE(AllocateDescriptorSets),
    ONE(AllocateCommandBuffers),
    ONE(BeginCommandBuffer),
    ONE(EndCommandBuffer),
    ONE(CmdWriteTimestamp),
    ONE(CmdDispatch),
    ONE(GetPhysicalDeviceCalibrateableTimeDomainsEXT),
    ONE(GetCalibratedTimestampsEXT),
    ONE(EnumerateDeviceExtensionProperties),
    ONE(QueueSubmit),
    ONE(WaitSemaphores),
    ONE(GetSemaphoreCounterValue),
    ONE(WaitForFences),
    ONE(GetFenceStatus),
    ONE(GetPhysicalDeviceFeatures2),
    ONE(GetPhysicalDeviceProperties),
    ONE(GetPhysicalDeviceProperties2),
    ONE(GetMemoryHostPointerPropertiesEXT),
    ONE(GetPhysicalDeviceMemoryProperties),
    ONE(GetBufferMemoryRequirements),
    ONE(CreateInstance),
    ONE(CreateDevice),
    ONE(GetDeviceProcAddr),
    ONE(SetDebugUtilsObjectNameEXT),
};

static PFN_vkVoidFunction own(const char *name) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
    if (strcmp(table[i].name, name) == 0) return table[i].function;
  }
  return NULL;
}

static bool is_played(const char *name) {
  return vulkan_shim.calibration && strcmp(name, "vkGetCalibratedTimestampsEXT") == 0;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL shim_GetDeviceProcAddr(VkDevice device,
                                                                       const char *name) {
  const PFN_vkVoidFunction known = REAL(GetDeviceProcAddr)(device, name);
  const PFN_vkVoidFunction mine = known || is_played(name) ? own(name) : NULL;
  return mine ? mine : known;
}

EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance,
                                                                      const char *name) {
  (void)pthread_once(&opened, open_real);
  if (!real_instance_entry) return NULL;
  const PFN_vkVoidFunction known = real_instance_entry(instance, name);
  const PFN_vkVoidFunction mine = known || is_played(name) ? own(name) : NULL;
  return mine ? mine : known;
}
