// cache.c: compiled pipelines, kept in a file between processes.
//
// The driver's own data stands behind a header of ours: what Vulkan checks of its data is vendor,
// device and a UUID, not whether all of it is there and as it was written. The file is written
// whole beside its place and then put there, so that readers see the old or the new one, whoever
// writes at the same time and whatever ends a writer. Of two writers at once the second gives up:
// what it has compiled is written when another process has compiled it.
#include "drivers/vulkan/vulkan.h"

#define CACHE_MAGIC   UINT64_C(0x3143505645455245) // "EREEVPC1"
#define CACHE_LIMIT   ((size_t)256 << 20)
#define CACHE_VERSION 1u

typedef struct header {
  uint64_t magic;
  uint32_t version;
  uint32_t vendor;
  uint32_t device;
  uint32_t driver;
  uint8_t uuid[VK_UUID_SIZE];
  uint64_t size;
  uint64_t hash; // of the data
} header_t;
_Static_assert(sizeof(header_t) == 56, "the header has no gaps");

// FNV-1a.
static uint64_t hash_of(const uint8_t *data, size_t size) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325);
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ data[i]) * UINT64_C(0x100000001B3);
  return hash;
}

static header_t header_for(const ee_vulkan_device_t *device, const uint8_t *data, size_t size) {
  const VkPhysicalDeviceProperties *properties = &device->physical.properties;
  header_t header = {
      .magic = CACHE_MAGIC,
      .version = CACHE_VERSION,
      .vendor = properties->vendorID,
      .device = properties->deviceID,
      .driver = properties->driverVersion,
      .size = size,
      .hash = hash_of(data, size),
  };
  memcpy(header.uuid, properties->pipelineCacheUUID, sizeof header.uuid);
  return header;
}

// The data in a file's bytes; empty when it is not a sound file for this device.
static ee_bytes_t data_in(const ee_vulkan_device_t *device, ee_bytes_t file) {
  const ee_bytes_t none = {NULL, 0};
  if (file.size <= sizeof(header_t) || file.size - sizeof(header_t) > CACHE_LIMIT) return none;
  const ee_bytes_t data = {file.data + sizeof(header_t), file.size - sizeof(header_t)};
  const header_t expected = header_for(device, data.data, data.size);
  return memcmp(file.data, &expected, sizeof expected) == 0 ? data : none;
}

// "<folder>/vulkan-VENDOR-DEVICE-UUID.bin"; leaves `cache_path` NULL where there is no folder.
static eerie_status_t set_path(ee_vulkan_device_t *device, eerie_error_t *err) {
  char folder[512], path[640], uuid[EE_HAL_UUID_TEXT];
  if (!ee_port_cache_folder(folder, sizeof folder)) return EERIE_OK;
  const VkPhysicalDeviceProperties *properties = &device->physical.properties;
  ee_hal_uuid_format(properties->pipelineCacheUUID, uuid);
  const size_t length = ee_format(path, sizeof path, "%s/vulkan-%04x-%04x-%s.bin", folder,
                                  properties->vendorID, properties->deviceID, uuid);
  if (length >= sizeof path) return EERIE_OK;
  device->cache_path = ee_heap_allocate(device->queued.base.heap, length + 1);
  if (!device->cache_path) return EE_NO_MEMORY(err, length + 1);
  memcpy(device->cache_path, path, length + 1);
  return EERIE_OK;
}

eerie_status_t ee_vulkan_cache_create(ee_vulkan_device_t *device, eerie_error_t *err) {
  EE_TRY(set_path(device, err));
  ee_bytes_t file = {NULL, 0}, data = {NULL, 0};
  if (device->cache_path && ee_port_file_map(device->cache_path, &file, NULL) == EERIE_OK)
    data = data_in(device, file);
  VkPipelineCacheCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
      .initialDataSize = data.size,
      .pInitialData = data.data,
  };
  VkResult result = device->vk.CreatePipelineCache(device->handle, &info, NULL, &device->cache);
  if (result != VK_SUCCESS && data.size) {
    info.initialDataSize = 0;
    info.pInitialData = NULL;
    result = device->vk.CreatePipelineCache(device->handle, &info, NULL, &device->cache);
  }
  device->cache_size = data.size;
  ee_port_file_unmap(file);
  if (result == VK_SUCCESS) return EERIE_OK;
  device->cache = VK_NULL_HANDLE;
  return ee_vulkan_failed(err, "vkCreatePipelineCache", result);
}

// Without memory or a place to write there is no file, and nothing else changes.
static void write_file(ee_vulkan_device_t *device) {
  size_t size = 0;
  if (device->vk.GetPipelineCacheData(device->handle, device->cache, &size, NULL) != VK_SUCCESS ||
      size <= device->cache_size || size > CACHE_LIMIT) {
    return;
  }
  const size_t total = sizeof(header_t) + size;
  uint8_t *file = ee_heap_allocate(device->queued.base.heap, total);
  if (!file) return;
  if (device->vk.GetPipelineCacheData(device->handle, device->cache, &size,
                                      file + sizeof(header_t)) == VK_SUCCESS) {
    const header_t header = header_for(device, file + sizeof(header_t), size);
    memcpy(file, &header, sizeof header);
    (void)ee_port_file_replace(device->cache_path, (ee_bytes_t){file, sizeof header + size}, NULL);
  }
  ee_heap_free(device->queued.base.heap, file, total);
}

void ee_vulkan_cache_destroy(ee_vulkan_device_t *device) {
  if (device->cache) {
    if (device->cache_path && !device->queued.lost) write_file(device);
    device->vk.DestroyPipelineCache(device->handle, device->cache, NULL);
    device->cache = VK_NULL_HANDLE;
  }
  if (device->cache_path) {
    ee_heap_free(device->queued.base.heap, device->cache_path,
                 ee_str_length(device->cache_path) + 1);
    device->cache_path = NULL;
  }
}
