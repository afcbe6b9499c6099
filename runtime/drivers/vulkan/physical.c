// physical.c: what a device can do, found out before anything is loaded onto it.
#include "drivers/vulkan/vulkan.h"

// ---- Features that came with extensions --------------------------------------------------------

// Structs of features, chained for asking and for enabling. Each is known from a version on, or
// with its extension.
typedef struct chain {
  VkPhysicalDeviceFeatures2 base;
  VkPhysicalDevice16BitStorageFeatures storage16;
  VkPhysicalDeviceVariablePointersFeatures pointers;
  VkPhysicalDevice8BitStorageFeatures storage8;
  VkPhysicalDeviceShaderFloat16Int8Features float16_int8;
  VkPhysicalDeviceShaderAtomicInt64Features atomics;
  VkPhysicalDeviceVulkanMemoryModelFeatures model;
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
  VkPhysicalDeviceBufferDeviceAddressFeatures addresses;
  VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_sizes;
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot_product;
} chain_t;

typedef struct link {
  uint32_t offset; // in chain_t
  VkStructureType type;
  uint32_t version; // from which on it needs no extension
  const char *extension;
} link_t;

#define LINK(member, type, version, extension)                                                     \
  { offsetof(chain_t, member), VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##type, version, extension }
static const link_t links[] = {
    LINK(storage16, 16BIT_STORAGE_FEATURES, VK_API_VERSION_1_1, ""),
    LINK(pointers, VARIABLE_POINTERS_FEATURES, VK_API_VERSION_1_1, ""),
    LINK(storage8, 8BIT_STORAGE_FEATURES, VK_API_VERSION_1_2, VK_KHR_8BIT_STORAGE_EXTENSION_NAME),
    LINK(float16_int8, SHADER_FLOAT16_INT8_FEATURES, VK_API_VERSION_1_2,
         VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME),
    LINK(atomics, SHADER_ATOMIC_INT64_FEATURES, VK_API_VERSION_1_2,
         VK_KHR_SHADER_ATOMIC_INT64_EXTENSION_NAME),
    LINK(model, VULKAN_MEMORY_MODEL_FEATURES, VK_API_VERSION_1_2,
         VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME),
    LINK(timeline, TIMELINE_SEMAPHORE_FEATURES, VK_API_VERSION_1_2,
         VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME),
    LINK(addresses, BUFFER_DEVICE_ADDRESS_FEATURES, VK_API_VERSION_1_2,
         VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME),
    LINK(subgroup_sizes, SUBGROUP_SIZE_CONTROL_FEATURES, VK_API_VERSION_1_3,
         VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME),
    LINK(dot_product, SHADER_INTEGER_DOT_PRODUCT_FEATURES, VK_API_VERSION_1_3,
         VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME),
};
#define LINK_COUNT (sizeof links / sizeof links[0])

// Extensions that the driver itself uses beside those of the links.
enum { PORTABILITY, HOST_MEMORY, CALIBRATED };
static const char *const other_extensions[] = {
    [PORTABILITY] = "VK_KHR_portability_subset", // must be enabled where it is there
    [HOST_MEMORY] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME,
    [CALIBRATED] = "VK_KHR_calibrated_timestamps",
    "VK_EXT_calibrated_timestamps",
};
#define OTHER_COUNT     (sizeof other_extensions / sizeof other_extensions[0])
#define MOST_EXTENSIONS (LINK_COUNT + OTHER_COUNT)

typedef struct extensions {
  const char *names[MOST_EXTENSIONS]; // those that must be enabled
  uint32_t count;
  bool linked[LINK_COUNT]; // whether the device knows the struct
  bool host_memory;
  bool calibrated;
} extensions_t;

static uint32_t usable_version(const ee_vulkan_instance_t *instance,
                               const VkPhysicalDeviceProperties *properties) {
  return properties->apiVersion < instance->version ? properties->apiVersion : instance->version;
}

static bool lists(const VkExtensionProperties *list, uint32_t count, const char *name) {
  for (uint32_t i = 0; i < count; ++i) {
    if (ee_str_equal(ee_str_from(list[i].extensionName), ee_str_from(name))) return true;
  }
  return false;
}

// Drivers list up to some 250 extensions of 260 bytes each: they are asked for in parts.
static bool device_has(const ee_vulkan_instance_t *instance, VkPhysicalDevice handle,
                       const char *const *names, size_t name_count, bool *out_has) {
  enum { MOST = 512 };
  static const size_t unit = sizeof(VkExtensionProperties);
  uint32_t count = 0;
  memset(out_has, 0, name_count);
  if (instance->EnumerateDeviceExtensionProperties(handle, NULL, &count, NULL) != VK_SUCCESS)
    return false;
  if (count == 0) return true;
  if (count > MOST) count = MOST;
  const eerie_allocator_t allocator = ee_port_allocator();
  if (!allocator.reallocate) return false;
  VkExtensionProperties *list = allocator.reallocate(allocator.user, NULL, 0, count * unit);
  if (!list) return false;
  const size_t size = count * unit;
  const VkResult result = instance->EnumerateDeviceExtensionProperties(handle, NULL, &count, list);
  const bool known = result == VK_SUCCESS || result == VK_INCOMPLETE;
  for (size_t i = 0; known && i < name_count; ++i)
    out_has[i] = names[i][0] && lists(list, count, names[i]);
  allocator.reallocate(allocator.user, list, size, 0);
  return known;
}

static void find_extensions(const ee_vulkan_instance_t *instance, VkPhysicalDevice handle,
                            uint32_t version, extensions_t *out_found) {
  const char *names[MOST_EXTENSIONS];
  bool has[MOST_EXTENSIONS];
  for (size_t i = 0; i < LINK_COUNT; ++i)
    names[i] = links[i].extension;
  for (size_t i = 0; i < OTHER_COUNT; ++i)
    names[LINK_COUNT + i] = other_extensions[i];
  *out_found = (extensions_t){0};
  if (!device_has(instance, handle, names, MOST_EXTENSIONS, has)) memset(has, 0, sizeof has);
  for (size_t i = 0; i < LINK_COUNT; ++i) {
    out_found->linked[i] = version >= links[i].version || has[i];
    if (version < links[i].version && has[i]) out_found->names[out_found->count++] = names[i];
  }
  for (size_t i = 0; i < OTHER_COUNT; ++i) {
    if (out_found->calibrated) break; // the one under its newer name is enough
    if (!has[LINK_COUNT + i]) continue;
    out_found->names[out_found->count++] = other_extensions[i];
    if (i == HOST_MEMORY) out_found->host_memory = true;
    if (i >= CALIBRATED) out_found->calibrated = true;
  }
}

// Chains the structs that the device knows, zeroed.
static void chain_begin(chain_t *chain, const extensions_t *extensions) {
  memset(chain, 0, sizeof *chain);
  chain->base.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  VkBaseOutStructure *last = (VkBaseOutStructure *)&chain->base;
  for (size_t i = 0; i < LINK_COUNT; ++i) {
    if (!extensions->linked[i]) continue;
    VkBaseOutStructure *next = (void *)((char *)chain + links[i].offset);
    next->sType = links[i].type;
    last->pNext = next;
    last = next;
  }
}

static void feature(uint32_t *features, VkBool32 has, ee_vulkan_feature_t bit) {
  if (has) *features |= (uint32_t)bit;
}

static uint32_t read_features(const chain_t *chain) {
  uint32_t f = 0;
  feature(&f, chain->float16_int8.shaderFloat16, EE_VULKAN_FLOAT16);
  feature(&f, chain->base.features.shaderFloat64, EE_VULKAN_FLOAT64);
  feature(&f, chain->float16_int8.shaderInt8, EE_VULKAN_INT8);
  feature(&f, chain->base.features.shaderInt16, EE_VULKAN_INT16);
  feature(&f, chain->base.features.shaderInt64, EE_VULKAN_INT64);
  feature(&f, chain->atomics.shaderBufferInt64Atomics, EE_VULKAN_INT64_ATOMICS);
  feature(&f, chain->storage8.storageBuffer8BitAccess, EE_VULKAN_STORAGE8);
  feature(&f, chain->storage8.uniformAndStorageBuffer8BitAccess, EE_VULKAN_UNIFORM_STORAGE8);
  feature(&f, chain->storage8.storagePushConstant8, EE_VULKAN_PUSH8);
  feature(&f, chain->storage16.storageBuffer16BitAccess, EE_VULKAN_STORAGE16);
  feature(&f, chain->storage16.uniformAndStorageBuffer16BitAccess, EE_VULKAN_UNIFORM_STORAGE16);
  feature(&f, chain->storage16.storagePushConstant16, EE_VULKAN_PUSH16);
  feature(&f, chain->pointers.variablePointers, EE_VULKAN_VARIABLE_POINTERS);
  feature(&f, chain->pointers.variablePointersStorageBuffer, EE_VULKAN_VARIABLE_POINTERS_STORAGE);
  feature(&f, chain->model.vulkanMemoryModel, EE_VULKAN_MEMORY_MODEL);
  feature(&f, chain->model.vulkanMemoryModelDeviceScope, EE_VULKAN_MEMORY_MODEL_DEVICE);
  feature(&f, chain->dot_product.shaderIntegerDotProduct, EE_VULKAN_DOT_PRODUCT);
  feature(&f, chain->subgroup_sizes.subgroupSizeControl, EE_VULKAN_SUBGROUP_SIZES);
  feature(&f, chain->subgroup_sizes.computeFullSubgroups, EE_VULKAN_FULL_SUBGROUPS);
  feature(&f, chain->timeline.timelineSemaphore, EE_VULKAN_TIMELINE);
  feature(&f, chain->addresses.bufferDeviceAddress, EE_VULKAN_ADDRESSES);
  return f;
}

// Of what the device has only that which shaders of modules may need stays in the chain: some
// features cost time just by being enabled.
static void chain_trim(chain_t *chain) {
  const VkPhysicalDeviceFeatures had = chain->base.features;
  memset(&chain->base.features, 0, sizeof chain->base.features);
  chain->base.features.shaderFloat64 = had.shaderFloat64;
  chain->base.features.shaderInt64 = had.shaderInt64;
  chain->base.features.shaderInt16 = had.shaderInt16;
  chain->addresses.bufferDeviceAddressCaptureReplay = VK_FALSE;
  chain->addresses.bufferDeviceAddressMultiDevice = VK_FALSE;
}

// ---- Properties --------------------------------------------------------------------------------

static void read_properties(const ee_vulkan_instance_t *instance, const extensions_t *extensions,
                            ee_vulkan_physical_t *physical) {
  VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
  VkPhysicalDeviceMaintenance3Properties maintenance = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
  VkPhysicalDeviceSubgroupProperties subgroup = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES, .pNext = &maintenance};
  VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
                                     .pNext = &subgroup};
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT, .pNext = &id};
  VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                            .pNext = extensions->host_memory ? (void *)&host
                                                                             : (void *)&id};
  for (size_t i = 0; i < LINK_COUNT; ++i) {
    if (links[i].offset == offsetof(chain_t, subgroup_sizes) && extensions->linked[i])
      maintenance.pNext = &sizes;
  }
  instance->GetPhysicalDeviceProperties2(physical->handle, &properties);
  memcpy(physical->uuid, id.deviceUUID, sizeof physical->uuid);
  physical->subgroup_size = subgroup.subgroupSize;
  physical->min_subgroup_size = sizes.minSubgroupSize;
  physical->max_subgroup_size = sizes.maxSubgroupSize;
  if (!(sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)) {
    physical->features &= ~(uint32_t)EE_VULKAN_SUBGROUP_SIZES;
  }
  physical->max_allocation = maintenance.maxMemoryAllocationSize;
  physical->import_alignment = host.minImportedHostPointerAlignment;
  if (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) {
    physical->features |= (subgroup.supportedOperations & 0xFFu) * EE_VULKAN_SUBGROUP_BASIC;
  }
}

// Whether the clock of timestamps is among those that the host can read.
static bool has_device_clock(const ee_vulkan_instance_t *instance, VkPhysicalDevice handle) {
  enum { MOST = 16 };
  VkTimeDomainEXT domains[MOST];
  uint32_t count = MOST;
  PFN_vkVoidFunction found =
      instance->get(instance->handle, "vkGetPhysicalDeviceCalibrateableTimeDomainsKHR");
  if (!found)
    found = instance->get(instance->handle, "vkGetPhysicalDeviceCalibrateableTimeDomainsEXT");
  const PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsEXT get =
      (PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsEXT)found;
  if (!get || get(handle, &count, domains) < 0) return false; // VK_INCOMPLETE is no failure
  for (uint32_t i = 0; i < count; ++i)
    if (domains[i] == VK_TIME_DOMAIN_DEVICE_EXT) return true;
  return false;
}

// Queues that only compute run beside those that a display needs.
static void find_queue_family(const ee_vulkan_instance_t *instance,
                              ee_vulkan_physical_t *physical) {
  enum { MOST = 32 };
  VkQueueFamilyProperties families[MOST];
  uint32_t count = MOST, found = UINT32_MAX;
  instance->GetPhysicalDeviceQueueFamilyProperties(physical->handle, &count, families);
  for (uint32_t i = 0; i < count; ++i) {
    const VkQueueFlags flags = families[i].queueFlags;
    if (!families[i].queueCount || !(flags & VK_QUEUE_COMPUTE_BIT)) continue;
    if (found == UINT32_MAX || !(flags & VK_QUEUE_GRAPHICS_BIT)) found = i;
    if (!(flags & VK_QUEUE_GRAPHICS_BIT)) break;
  }
  physical->queue_family = found;
  if (found != UINT32_MAX) physical->timestamp_bits = families[found].timestampValidBits;
  if (physical->timestamp_bits > 64) physical->timestamp_bits = 64;
}

// Memory that is both the device's and the host's is fast for both only where there is but one.
static bool is_unified(const ee_vulkan_physical_t *physical) {
  const VkPhysicalDeviceType type = physical->properties.deviceType;
  if (type != VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU && type != VK_PHYSICAL_DEVICE_TYPE_CPU)
    return false;
  const VkMemoryPropertyFlags both = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                     VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  for (uint32_t i = 0; i < physical->memory.memoryTypeCount; ++i) {
    if ((physical->memory.memoryTypes[i].propertyFlags & both) == both) return true;
  }
  return false;
}

bool ee_vulkan_physical_read(const ee_vulkan_instance_t *instance, VkPhysicalDevice handle,
                             ee_vulkan_physical_t *out_physical) {
  memset(out_physical, 0, sizeof *out_physical);
  out_physical->handle = handle;
  instance->GetPhysicalDeviceProperties(handle, &out_physical->properties);
  const uint32_t version = usable_version(instance, &out_physical->properties);
  if (version < VK_API_VERSION_1_1) return false;
  find_queue_family(instance, out_physical);
  if (out_physical->queue_family == UINT32_MAX) return false;
  extensions_t extensions;
  find_extensions(instance, handle, version, &extensions);
  chain_t chain;
  chain_begin(&chain, &extensions);
  instance->GetPhysicalDeviceFeatures2(handle, &chain.base);
  out_physical->features = read_features(&chain);
  if (extensions.calibrated && has_device_clock(instance, handle))
    out_physical->features |= EE_VULKAN_CALIBRATED;
  read_properties(instance, &extensions, out_physical);
  instance->GetPhysicalDeviceMemoryProperties(handle, &out_physical->memory);
  out_physical->unified = is_unified(out_physical);
  return true;
}

eerie_status_t ee_vulkan_physical_list(const ee_vulkan_instance_t *instance,
                                       VkPhysicalDevice out_handles[EE_VULKAN_MAX_DEVICES],
                                       uint32_t *out_count, eerie_error_t *err) {
  *out_count = EE_VULKAN_MAX_DEVICES;
  const VkResult result =
      instance->EnumeratePhysicalDevices(instance->handle, out_count, out_handles);
  if (result == VK_SUCCESS || result == VK_INCOMPLETE) return EERIE_OK;
  *out_count = 0;
  return ee_vulkan_failed(err, "vkEnumeratePhysicalDevices", result);
}

eerie_status_t ee_vulkan_physical_create(const ee_vulkan_instance_t *instance,
                                         const ee_vulkan_physical_t *physical, VkDevice *out_device,
                                         eerie_error_t *err) {
  extensions_t extensions;
  find_extensions(instance, physical->handle, usable_version(instance, &physical->properties),
                  &extensions);
  chain_t chain;
  chain_begin(&chain, &extensions);
  instance->GetPhysicalDeviceFeatures2(physical->handle, &chain.base);
  chain_trim(&chain);
  const float priority = 1.0f;
  const VkDeviceQueueCreateInfo queue = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
      .queueFamilyIndex = physical->queue_family,
      .queueCount = 1,
      .pQueuePriorities = &priority,
  };
  const VkDeviceCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
      .pNext = &chain.base,
      .queueCreateInfoCount = 1,
      .pQueueCreateInfos = &queue,
      .enabledExtensionCount = extensions.count,
      .ppEnabledExtensionNames = extensions.names,
  };
  const VkResult result = instance->CreateDevice(physical->handle, &info, NULL, out_device);
  if (result == VK_SUCCESS) return EERIE_OK;
  *out_device = NULL;
  return ee_vulkan_failed(err, "vkCreateDevice", result);
}

// ---- For people --------------------------------------------------------------------------------

// Vendors by PCI numbers. The names are targets of compilers 3.11 to 3.13, which stand for what all
// devices of that line can do: vp_android_baseline_2022 is what the plain "vulkan" means.
const char *ee_vulkan_physical_target(const ee_vulkan_physical_t *physical) {
  const uint32_t f = physical->features;
  const uint32_t small = EE_VULKAN_FLOAT16 | EE_VULKAN_INT8 | EE_VULKAN_INT16 | EE_VULKAN_STORAGE8 |
                         EE_VULKAN_STORAGE16 | EE_VULKAN_SUBGROUP_ARITHMETIC |
                         EE_VULKAN_SUBGROUP_SHUFFLE;
  if ((f & small) != small) return "vulkan";
  switch (physical->properties.vendorID) {
  case 0x10DE: return f & EE_VULKAN_INT64 ? "vulkan:turing" : "vulkan";
  case 0x1002: return f & EE_VULKAN_INT64 ? "vulkan:rdna3" : "vulkan";
  case 0x13B5: return "vulkan:valhall";
  case 0x5143: return "vulkan:adreno";
  default: return "vulkan";
  }
}
