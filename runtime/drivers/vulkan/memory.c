// memory.c: chunks of device memory, which hal cuts into spans.
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

static VkResult create_buffer(const ee_vulkan_device_t *device, uint64_t size,
                              VkBuffer *out_buffer) {
  const VkBufferCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
      .size = size,
      .usage = buffer_usage(device),
      .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  const VkResult result = device->vk.CreateBuffer(device->handle, &info, NULL, out_buffer);
  if (result != VK_SUCCESS) *out_buffer = VK_NULL_HANDLE;
  return result;
}

// Which types buffers like ours may lie in.
static eerie_status_t choose_types(ee_vulkan_device_t *device, eerie_error_t *err) {
  VkBuffer probe;
  const VkResult result = create_buffer(device, device->queued.memory.alignment, &probe);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkCreateBuffer", result);
  VkMemoryRequirements needs;
  device->vk.GetBufferMemoryRequirements(device->handle, probe, &needs);
  device->vk.DestroyBuffer(device->handle, probe, NULL);
  const VkPhysicalDeviceMemoryProperties *types = &device->physical.memory;
  const VkMemoryPropertyFlags host =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  const uint32_t allowed = needs.memoryTypeBits;
  device->memory_types[EE_HAL_PLACE_HOST] =
      find_type(types, allowed, host, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  device->memory_types[EE_HAL_PLACE_DEVICE] =
      device->physical.unified
          ? find_type(types, allowed, host | local, VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
          : find_type(types, allowed, local, 0);
  if (device->memory_types[EE_HAL_PLACE_DEVICE] == UINT32_MAX)
    device->memory_types[EE_HAL_PLACE_DEVICE] = find_type(types, allowed, 0, local);
  if (device->physical.unified)
    device->memory_types[EE_HAL_PLACE_HOST] = device->memory_types[EE_HAL_PLACE_DEVICE];
  if (device->memory_types[EE_HAL_PLACE_HOST] != UINT32_MAX) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "device %s has no memory that the host sees",
                 device->physical.properties.deviceName);
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
  memory->alignment = larger(memory->alignment, limits->nonCoherentAtomSize);
  memory->max_allocation = device->physical.max_allocation;
  memory->unified = device->physical.unified;
  return choose_types(device, err);
}

// ---- Chunks ------------------------------------------------------------------------------------

static VkResult chunk_bind(ee_vulkan_device_t *device, ee_hal_chunk_t *chunk,
                           const char **out_what) {
  const VkBuffer buffer = ee_vulkan_buffer_of(chunk);
  VkMemoryRequirements needs;
  device->vk.GetBufferMemoryRequirements(device->handle, buffer, &needs);
  const VkMemoryAllocateFlagsInfo flags = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
  };
  const bool addresses = device->physical.features & EE_VULKAN_ADDRESSES;
  const VkMemoryAllocateInfo info = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
      .pNext = addresses ? &flags : NULL,
      .allocationSize = needs.size,
      .memoryTypeIndex = device->memory_types[chunk->place],
  };
  *out_what = "vkAllocateMemory";
  VkDeviceMemory memory;
  VkResult result = device->vk.AllocateMemory(device->handle, &info, NULL, &memory);
  if (result != VK_SUCCESS) return result;
  chunk->handle[EE_VULKAN_HANDLE_MEMORY] = (uint64_t)memory;
  *out_what = "vkBindBufferMemory";
  result = device->vk.BindBufferMemory(device->handle, buffer, memory, 0);
  if (result == VK_SUCCESS && (chunk->place == EE_HAL_PLACE_HOST || device->physical.unified)) {
    void *data = NULL;
    *out_what = "vkMapMemory";
    result = device->vk.MapMemory(device->handle, memory, 0, VK_WHOLE_SIZE, 0, &data);
    chunk->data = data;
  }
  if (result == VK_SUCCESS && addresses) {
    const VkBufferDeviceAddressInfo address = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = buffer};
    chunk->address = device->vk.GetBufferDeviceAddress(device->handle, &address);
  }
  return result;
}

eerie_status_t ee_vulkan_chunk_create(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk,
                                      eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const char *what = "vkCreateBuffer";
  VkBuffer buffer;
  VkResult result = create_buffer(device, chunk->size, &buffer);
  chunk->handle[EE_VULKAN_HANDLE_BUFFER] = (uint64_t)buffer;
  if (result == VK_SUCCESS) result = chunk_bind(device, chunk, &what);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, what, result);
  char name[48];
  ee_format(name, sizeof name, "eerie chunk %llu", (unsigned long long)chunk->serial);
  ee_vulkan_name(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)buffer, name);
  return EERIE_OK;
}

void ee_vulkan_chunk_destroy(ee_hal_queued_t *queued, ee_hal_chunk_t *chunk) {
  const ee_vulkan_device_t *device = ee_vulkan_of(queued);
  const VkDeviceMemory memory = (VkDeviceMemory)chunk->handle[EE_VULKAN_HANDLE_MEMORY];
  const VkBuffer buffer = ee_vulkan_buffer_of(chunk);
  if (buffer) device->vk.DestroyBuffer(device->handle, buffer, NULL);
  if (memory) device->vk.FreeMemory(device->handle, memory, NULL); // unmaps too
}
