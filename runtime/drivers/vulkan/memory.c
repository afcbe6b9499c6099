// memory.c: chunks of device memory, which hal cuts into spans, and host memory used in place.
//
// All memory that the host sees is coherent: what either side writes needs no flush to reach the
// other, only the barriers at the ends of command buffers.
#include "drivers/vulkan/vulkan.h"

// ---- Types of memory ---------------------------------------------------------------------------

// The first type with all of `required` and the most of `wanted`, among those in `allowed`.
static uint32_t find_type(const VkPhysicalDeviceMemoryProperties *memory, uint32_t allowed,
                          VkMemoryPropertyFlags required, VkMemoryPropertyFlags wanted) {
  uint32_t best = UINT32_MAX;
  int best_score = -1;
  for (uint32_t i = 0; i < memory->memoryTypeCount; ++i) {
    const VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
    if (!(allowed >> i & 1) || (flags & required) != required) continue;
    const int score = __builtin_popcount(flags & wanted);
    if (score > best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

static VkBufferUsageFlags buffer_usage(const ee_vulkan_device_t *device) {
  const VkBufferUsageFlags usage =
      VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
      VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT |
      VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT;
  return device->physical.features & EE_VULKAN_ADDRESSES
             ? usage | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT
             : usage;
}

static VkResult create_buffer(const ee_vulkan_device_t *device, const void *next, uint64_t size,
                              VkBuffer *out_buffer) {
  const VkBufferCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
      .pNext = next,
      .size = size,
      .usage = buffer_usage(device),
      .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  const VkResult result = device->vk.CreateBuffer(device->handle, &info, NULL, out_buffer);
  if (result != VK_SUCCESS) *out_buffer = VK_NULL_HANDLE;
  return result;
}

static const VkMemoryPropertyFlags host_flags =
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

// Which types buffers like ours may lie in.
static eerie_status_t choose_types(ee_vulkan_device_t *device, eerie_error_t *err) {
  VkBuffer probe;
  const VkResult result = create_buffer(device, NULL, device->queued.memory.alignment, &probe);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkCreateBuffer", result);
  VkMemoryRequirements needs;
  device->vk.GetBufferMemoryRequirements(device->handle, probe, &needs);
  device->vk.DestroyBuffer(device->handle, probe, NULL);
  const VkPhysicalDeviceMemoryProperties *types = &device->physical.memory;
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  const uint32_t allowed = needs.memoryTypeBits;
  device->memory_types[EE_HAL_PLACE_HOST] =
      find_type(types, allowed, host_flags, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  device->memory_types[EE_HAL_PLACE_DEVICE] =
      device->physical.unified
          ? find_type(types, allowed, host_flags | local, VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
          : find_type(types, allowed, local, 0);
  if (device->memory_types[EE_HAL_PLACE_DEVICE] == UINT32_MAX)
    device->memory_types[EE_HAL_PLACE_DEVICE] = find_type(types, allowed, 0, local);
  if (device->physical.unified)
    device->memory_types[EE_HAL_PLACE_HOST] = device->memory_types[EE_HAL_PLACE_DEVICE];
  if (device->memory_types[EE_HAL_PLACE_HOST] != UINT32_MAX) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "device %s has no memory that the host sees",
                 device->physical.properties.deviceName);
}

#define HOST_MEMORY VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

// Whether buffers like ours may lie in host memory. SwiftShader takes it and does not say so: its
// answer knows file descriptors only.
static void find_import(ee_vulkan_device_t *device) {
  enum { GOOGLE = 0x1AE0 };
  if (!device->physical.import_alignment || device->physical.properties.vendorID == GOOGLE) return;
  const VkPhysicalDeviceExternalBufferInfo info = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
      .usage = buffer_usage(device),
      .handleType = HOST_MEMORY,
  };
  VkExternalBufferProperties found = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
  device->instance.GetPhysicalDeviceExternalBufferProperties(device->physical.handle, &info,
                                                             &found);
  if (!(found.externalMemoryProperties.externalMemoryFeatures &
        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT))
    device->physical.import_alignment = 0;
}

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

eerie_status_t ee_vulkan_memory_create(ee_vulkan_device_t *device, eerie_error_t *err) {
  const VkPhysicalDeviceLimits *limits = &device->physical.properties.limits;
  ee_hal_memory_t *memory = &device->queued.memory;
  // All are powers of two.
  memory->alignment = larger(EERIE_BUFFER_ALIGNMENT, limits->minStorageBufferOffsetAlignment);
  memory->alignment = larger(memory->alignment, limits->minUniformBufferOffsetAlignment);
  memory->max_allocation = device->physical.max_allocation;
  memory->max_count = limits->maxMemoryAllocationCount;
  memory->unified = device->physical.unified;
  find_import(device);
  return choose_types(device, err);
}

// ---- Chunks ------------------------------------------------------------------------------------

// Gives the chunk's buffer `size` bytes of memory.
static VkResult chunk_bind(ee_vulkan_device_t *device, ee_hal_chunk_t *chunk, const void *next,
                           uint64_t size, uint32_t type, const char **out_what) {
  const VkBuffer buffer = ee_vulkan_buffer_of(chunk);
  const VkMemoryAllocateFlagsInfo flags = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
      .pNext = next,
      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
  };
  const bool addresses = device->physical.features & EE_VULKAN_ADDRESSES;
  const VkMemoryAllocateInfo info = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
      .pNext = addresses ? &flags : next,
      .allocationSize = size,
      .memoryTypeIndex = type,
  };
  *out_what = "vkAllocateMemory";
  VkDeviceMemory memory;
  VkResult result = device->vk.AllocateMemory(device->handle, &info, NULL, &memory);
  if (result != VK_SUCCESS) return result;
  chunk->handle[EE_VULKAN_HANDLE_MEMORY] = (uint64_t)memory;
  *out_what = "vkBindBufferMemory";
  result = device->vk.BindBufferMemory(device->handle, buffer, memory, 0);
  if (result == VK_SUCCESS && addresses) {
    const VkBufferDeviceAddressInfo address = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = buffer};
    chunk->address = device->vk.GetBufferDeviceAddress(device->handle, &address);
  }
  return result;
}

static VkResult chunk_map(ee_vulkan_device_t *device, ee_hal_chunk_t *chunk,
                          const char **out_what) {
  if (chunk->place != EE_HAL_PLACE_HOST && !device->physical.unified) return VK_SUCCESS;
  void *data = NULL;
  *out_what = "vkMapMemory";
  const VkResult result =
      device->vk.MapMemory(device->handle, (VkDeviceMemory)chunk->handle[EE_VULKAN_HANDLE_MEMORY],
                           0, VK_WHOLE_SIZE, 0, &data);
  chunk->data = data;
  return result;
}

static VkResult chunk_buffer(const ee_vulkan_device_t *device, ee_hal_chunk_t *chunk,
                             const void *next, VkMemoryRequirements *out_needs,
                             const char **out_what) {
  VkBuffer buffer;
  *out_what = "vkCreateBuffer";
  const VkResult result = create_buffer(device, next, chunk->size, &buffer);
  chunk->handle[EE_VULKAN_HANDLE_BUFFER] = (uint64_t)buffer;
  if (result != VK_SUCCESS) return result;
  char name[48];
  ee_format(name, sizeof name, "eerie chunk %llu", (unsigned long long)chunk->serial);
  ee_vulkan_name(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)buffer, name);
  device->vk.GetBufferMemoryRequirements(device->handle, buffer, out_needs);
  return VK_SUCCESS;
}

eerie_status_t ee_vulkan_chunk_create(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                      eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const char *what;
  VkMemoryRequirements needs;
  VkResult result = chunk_buffer(device, chunk, NULL, &needs, &what);
  if (result == VK_SUCCESS)
    result = chunk_bind(device, chunk, NULL, needs.size, device->memory_types[chunk->place], &what);
  if (result == VK_SUCCESS) result = chunk_map(device, chunk, &what);
  return result == VK_SUCCESS ? EERIE_OK : ee_vulkan_failed(err, what, result);
}

void ee_vulkan_chunk_destroy(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk) {
  const ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const VkDeviceMemory memory = (VkDeviceMemory)chunk->handle[EE_VULKAN_HANDLE_MEMORY];
  const VkBuffer buffer = ee_vulkan_buffer_of(chunk);
  if (buffer) device->vk.DestroyBuffer(device->handle, buffer, NULL);
  if (memory) device->vk.FreeMemory(device->handle, memory, NULL); // unmaps too
}

// ---- Host memory in place ----------------------------------------------------------------------

// Devices take whole blocks of such memory, mostly the system's pages: those that hold some of it
// are there as a whole. Larger blocks need not be, so memory must fill them.
static eerie_status_t whole_blocks(const ee_vulkan_device_t *device, ee_hal_chunk_t *chunk,
                                   eerie_error_t *err) {
  const uint64_t block = device->physical.import_alignment;
  const uint64_t before = (uintptr_t)chunk->data & (block - 1);
  const uint64_t size = (before + chunk->size + block - 1) & ~(block - 1);
  if (block > ee_port_page_size() && size != chunk->size) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED, "%p is not the begin of whole blocks of %llu bytes",
                   (void *)chunk->data, (unsigned long long)block);
  }
  chunk->data -= before;
  chunk->size = size;
  return EERIE_OK;
}

static VkResult chunk_take(ee_vulkan_device_t *device, ee_hal_chunk_t *chunk,
                           const char **out_what) {
  *out_what = "vkGetMemoryHostPointerPropertiesEXT";
  VkMemoryHostPointerPropertiesEXT properties = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
  VkResult result = device->vk.GetMemoryHostPointerPropertiesEXT(device->handle, HOST_MEMORY,
                                                                 chunk->data, &properties);
  if (result != VK_SUCCESS) return result;
  const VkExternalMemoryBufferCreateInfo external = {
      .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
      .handleTypes = HOST_MEMORY,
  };
  VkMemoryRequirements needs;
  result = chunk_buffer(device, chunk, &external, &needs, out_what);
  if (result != VK_SUCCESS) return result;
  const uint32_t type =
      find_type(&device->physical.memory, needs.memoryTypeBits & properties.memoryTypeBits,
                host_flags, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  // The buffer has all bytes of the blocks, and there are no more.
  if (type == UINT32_MAX || needs.size > chunk->size) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
  const VkImportMemoryHostPointerInfoEXT import = {
      .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
      .handleType = HOST_MEMORY,
      .pHostPointer = chunk->data,
  };
  return chunk_bind(device, chunk, &import, chunk->size, type, out_what);
}

eerie_status_t ee_vulkan_chunk_import(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                      eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  if (!device->physical.import_alignment) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "%s has no " VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME
                   "; eerie_tensor_create copies it",
                   queued->description);
  }
  EE_TRY(whole_blocks(device, chunk, err));
  const char *what;
  const VkResult result = chunk_take(device, chunk, &what);
  return result == VK_SUCCESS ? EERIE_OK : ee_vulkan_failed(err, what, result);
}
