// Executables for Vulkan: any bytes as an image, on devices that are none. What the driver hands to
// Vulkan is what Vulkan allows, whatever the file says; everything that was made is destroyed.
#include "fuzz/gpu.h"

#include "drivers/vulkan/vulkan.h"

static ee_vulkan_device_t device;
static long live; // objects that were made and not destroyed
static uint64_t read_words;

#define NEW_HANDLE(type) ((type)(uintptr_t)(++live, 0x1000u))

// ---- Vulkan ------------------------------------------------------------------------------------

static VKAPI_ATTR VkResult VKAPI_CALL make_set(VkDevice handle,
                                               const VkDescriptorSetLayoutCreateInfo *info,
                                               const VkAllocationCallbacks *callbacks,
                                               VkDescriptorSetLayout *out_set) {
  (void)handle, (void)callbacks;
  FUZZ_REQUIRE(info->bindingCount <= EE_VULKAN_MAX_BINDINGS);
  for (uint32_t i = 0; i < info->bindingCount; ++i) {
    const VkDescriptorSetLayoutBinding *binding = &info->pBindings[i];
    FUZZ_REQUIRE(binding->descriptorCount == 1);
    FUZZ_REQUIRE(binding->descriptorType == VK_DESCRIPTOR_TYPE_STORAGE_BUFFER ||
                 binding->descriptorType == VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER);
    for (uint32_t k = 0; k < i; ++k)
      FUZZ_REQUIRE(info->pBindings[k].binding != binding->binding);
  }
  *out_set = NEW_HANDLE(VkDescriptorSetLayout);
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL make_layout(VkDevice handle,
                                                  const VkPipelineLayoutCreateInfo *info,
                                                  const VkAllocationCallbacks *callbacks,
                                                  VkPipelineLayout *out_layout) {
  (void)handle, (void)callbacks;
  FUZZ_REQUIRE(info->setLayoutCount <= device.physical.properties.limits.maxBoundDescriptorSets);
  for (uint32_t i = 0; i < info->setLayoutCount; ++i)
    FUZZ_REQUIRE(info->pSetLayouts[i] != VK_NULL_HANDLE);
  for (uint32_t i = 0; i < info->pushConstantRangeCount; ++i) {
    const VkPushConstantRange *range = &info->pPushConstantRanges[i];
    FUZZ_REQUIRE(range->size && range->size % 4 == 0 && range->offset % 4 == 0);
    FUZZ_REQUIRE((uint64_t)range->offset + range->size <=
                 device.physical.properties.limits.maxPushConstantsSize);
  }
  *out_layout = NEW_HANDLE(VkPipelineLayout);
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL make_shader(VkDevice handle,
                                                  const VkShaderModuleCreateInfo *info,
                                                  const VkAllocationCallbacks *callbacks,
                                                  VkShaderModule *out_module) {
  (void)handle, (void)callbacks;
  FUZZ_REQUIRE(info->codeSize && info->codeSize % 4 == 0 && (uintptr_t)info->pCode % 4 == 0);
  for (size_t i = 0; i < info->codeSize / 4; ++i)
    read_words += info->pCode[i];
  *out_module = NEW_HANDLE(VkShaderModule);
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL make_pipelines(VkDevice handle, VkPipelineCache cache,
                                                     uint32_t count,
                                                     const VkComputePipelineCreateInfo *info,
                                                     const VkAllocationCallbacks *callbacks,
                                                     VkPipeline *out_pipelines) {
  (void)handle, (void)cache, (void)callbacks;
  FUZZ_REQUIRE(count == 1 && info->stage.module && info->layout);
  read_words += strlen(info->stage.pName);
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo *subgroup = info->stage.pNext;
  if (subgroup) {
    const uint32_t size = subgroup->requiredSubgroupSize;
    FUZZ_REQUIRE(size && (size & (size - 1)) == 0);
    FUZZ_REQUIRE(size >= device.physical.min_subgroup_size &&
                 size <= device.physical.max_subgroup_size);
  }
  *out_pipelines = NEW_HANDLE(VkPipeline);
  return VK_SUCCESS;
}

#define DESTROY(name, type)                                                                        \
  static VKAPI_ATTR void VKAPI_CALL destroy_##name(VkDevice handle, type object,                   \
                                                   const VkAllocationCallbacks *callbacks) {       \
    (void)handle, (void)callbacks;                                                                 \
    live -= object != VK_NULL_HANDLE;                                                              \
  }
DESTROY(set, VkDescriptorSetLayout)
DESTROY(layout, VkPipelineLayout)
DESTROY(shader, VkShaderModule)
DESTROY(pipeline, VkPipeline)

static VKAPI_ATTR VkResult VKAPI_CALL name_object(VkDevice handle,
                                                  const VkDebugUtilsObjectNameInfoEXT *info) {
  (void)handle;
  read_words += strlen(info->pObjectName);
  return VK_SUCCESS;
}

// ---- Devices -----------------------------------------------------------------------------------

// One that has everything, and one with as little as 1.1 asks for.
static void become(bool large) {
  ee_vulkan_physical_t *physical = &device.physical;
  VkPhysicalDeviceLimits *limits = &physical->properties.limits;
  physical->properties.apiVersion = large ? VK_API_VERSION_1_3 : VK_API_VERSION_1_1;
  physical->features = large ? UINT32_MAX : 0;
  physical->subgroup_size = large ? 32 : 1;
  physical->min_subgroup_size = large ? 8 : 1;
  physical->max_subgroup_size = large ? 64 : 1;
  limits->maxBoundDescriptorSets = large ? 32 : 4;
  limits->maxPushConstantsSize = large ? 256 : 128;
  limits->maxPerStageDescriptorStorageBuffers = large ? 1u << 20 : 4;
  limits->maxPerStageDescriptorUniformBuffers = large ? 1u << 20 : 12;
  limits->maxComputeSharedMemorySize = large ? 65536 : 16384;
  limits->maxComputeWorkGroupInvocations = large ? 1024 : 128;
  limits->maxComputeWorkGroupSize[0] = limits->maxComputeWorkGroupSize[1] = large ? 1024 : 128;
  limits->maxComputeWorkGroupSize[2] = 64;
  device.vk.SetDebugUtilsObjectNameEXT = large ? name_object : NULL;
}

static void open_device(void) {
  static bool open;
  if (open) return;
  open = true;
  gpu_device_initialize(&device.queued.base, &ee_vulkan_driver, sizeof device);
  device.vk.CreateDescriptorSetLayout = make_set;
  device.vk.CreatePipelineLayout = make_layout;
  device.vk.CreateShaderModule = make_shader;
  device.vk.CreateComputePipelines = make_pipelines;
  device.vk.DestroyDescriptorSetLayout = destroy_set;
  device.vk.DestroyPipelineLayout = destroy_layout;
  device.vk.DestroyShaderModule = destroy_shader;
  device.vk.DestroyPipeline = destroy_pipeline;
  strcpy(device.physical.properties.deviceName, "none");
}

// ---- The target --------------------------------------------------------------------------------

// What recording a dispatch counts on.
static void look_at(ee_hal_executable_t *base) {
  const ee_vulkan_executable_t *executable = (const ee_vulkan_executable_t *)base;
  const VkPhysicalDeviceLimits *limits = &device.physical.properties.limits;
  for (uint32_t i = 0; i < base->function_count; ++i) {
    const ee_vulkan_pipeline_t *pipeline = &executable->pipelines[i];
    const ee_vulkan_layout_t *layout = pipeline->layout;
    FUZZ_REQUIRE(pipeline->handle && layout->slot_count <= EE_VULKAN_MAX_BINDINGS);
    FUZZ_REQUIRE(ee_vulkan_constant_count(pipeline) <= EE_VULKAN_MAX_CONSTANTS);
    for (int axis = 0; axis < 3; ++axis)
      FUZZ_REQUIRE(pipeline->workgroup_size[axis] <= limits->maxComputeWorkGroupSize[axis]);
    for (uint32_t k = 0; k < layout->slot_count; ++k)
      FUZZ_REQUIRE(layout->slots[k].set < layout->set_count);
    const ee_vulkan_addresses_t *addresses = pipeline->addresses;
    if (addresses) {
      FUZZ_REQUIRE(addresses->root_offset + 32u <= layout->push_size);
      FUZZ_REQUIRE(addresses->constant_count == 0 ||
                   addresses->constant_offset + 4u * addresses->constant_count <=
                       layout->push_size);
    }
  }
  gpu_look_at(base);
}

static void load(const uint8_t *data, size_t size, bool large, const char *format,
                 size_t constant_count) {
  static const uint32_t constants[] = {1, 2, 3};
  become(large);
  ee_hal_executable_t *executable = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status =
      ee_hal_executable_create(&device.queued.base, ee_str_from(format), (ee_bytes_t){data, size},
                               NULL, constants, constant_count, &executable, &err);
  FUZZ_REQUIRE((status == EERIE_OK) == (executable != NULL));
  if (executable) {
    look_at(executable);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  ee_object_release((ee_object_t *)executable);
  FUZZ_REQUIRE(live == 0);
  gpu_nothing_is_left();
}

static void try_image(const uint8_t *data, size_t size) {
  uint8_t *copy = fuzz_copy(data, size);
  load(copy, size, true, "vulkan-spirv-fb", 0);
  load(copy, size, true, "vulkan-spirv-bda-v1", 3);
  free(copy);
  // Anywhere in memory, as a constant of a module may lie.
  uint8_t *odd = malloc(size + 1);
  if (!odd) abort();
  memcpy(odd + 1, data, size);
  load(odd + 1, size, false, "vulkan-spirv-fb", 3);
  free(odd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  open_device();
  if (!gpu_each_image(data, size, "VKE1", try_image)) try_image(data, size);
  return 0;
}
