// list.c: the devices that could be opened, in words, and which of them a name means.
//
// What is listed is looked up once for a process and kept: a list is asked for one by one, and its
// strings must stay. Opening a device looks again.
#include "drivers/vulkan/vulkan.h"

typedef struct entry {
  char name[16];
  char description[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE + 64];
  char uuid[EE_HAL_UUID_TEXT];
  char limits[320];
  const char *target;
  bool emulated;
} entry_t;

static struct {
  EE_ATOMIC(uint32_t) state; // 0: not looked up, 1: somebody is at it, 2: there
  uint32_t count;
  entry_t entries[EE_VULKAN_MAX_DEVICES];
} listing;

// ---- Words -------------------------------------------------------------------------------------

static const char *type_name(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated GPU";
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return "GPU";
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return "virtual GPU";
  case VK_PHYSICAL_DEVICE_TYPE_CPU: return "software";
  default: return "device";
  }
}

static uint64_t device_memory(const ee_vulkan_physical_t *physical) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < physical->memory.memoryHeapCount; ++i) {
    const VkMemoryHeap *heap = &physical->memory.memoryHeaps[i];
    if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap->size > most) most = heap->size;
  }
  return most;
}

static void describe_limits(const ee_vulkan_physical_t *physical, char *text, size_t capacity) {
  static const struct {
    uint32_t feature;
    const char *name;
  } kinds[] = {
      {EE_VULKAN_FLOAT16, "f16"}, {EE_VULKAN_FLOAT64, "f64"}, {EE_VULKAN_INT8, "i8"},
      {EE_VULKAN_INT16, "i16"},   {EE_VULKAN_INT64, "i64"},
  };
  const VkPhysicalDeviceLimits *limits = &physical->properties.limits;
  size_t at = ee_format(
      text, capacity,
      "%llu MiB%s, workgroups of %u with %u KiB, subgroups of %u, bindings of "
      "%llu MiB at multiples of %llu, %u bytes of constants, %s",
      (unsigned long long)(device_memory(physical) >> 20),
      physical->unified ? " shared with the host" : "", limits->maxComputeWorkGroupInvocations,
      limits->maxComputeSharedMemorySize >> 10, physical->subgroup_size,
      (unsigned long long)limits->maxStorageBufferRange >> 20,
      (unsigned long long)limits->minStorageBufferOffsetAlignment, limits->maxPushConstantsSize,
      physical->features & EE_VULKAN_TIMELINE ? "timelines" : "no timelines");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && at < capacity; ++i) {
    if (physical->features & kinds[i].feature)
      at += ee_format(text + at, capacity - at, " %s", kinds[i].name);
  }
}

static void describe(const ee_vulkan_physical_t *physical, uint32_t ordinal, entry_t *out_entry) {
  const uint32_t version = physical->properties.apiVersion;
  ee_format(out_entry->name, sizeof out_entry->name, "vulkan:%u", ordinal);
  ee_format(out_entry->description, sizeof out_entry->description, "%s (%s, Vulkan %u.%u.%u)",
            physical->properties.deviceName, type_name(physical->properties.deviceType),
            VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
            VK_API_VERSION_PATCH(version));
  ee_hal_uuid_format(physical->uuid, out_entry->uuid);
  describe_limits(physical, out_entry->limits, sizeof out_entry->limits);
  out_entry->target = ee_vulkan_physical_target(physical);
  out_entry->emulated = physical->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
}

// ---- The list ----------------------------------------------------------------------------------

static void look_up(void) {
  ee_vulkan_instance_t instance;
  if (ee_vulkan_instance_open(&instance, NULL) != EERIE_OK) return;
  VkPhysicalDevice handles[EE_VULKAN_MAX_DEVICES];
  uint32_t count = 0;
  (void)ee_vulkan_physical_list(&instance, handles, &count, NULL);
  for (uint32_t i = 0; i < count; ++i) {
    ee_vulkan_physical_t physical;
    if (!ee_vulkan_physical_read(&instance, handles[i], &physical)) continue;
    describe(&physical, listing.count, &listing.entries[listing.count]);
    ++listing.count;
  }
  ee_vulkan_instance_close(&instance);
}

bool ee_vulkan_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  uint32_t fresh = 0;
  if (ee_compare_exchange(&listing.state, &fresh, 1u)) {
    look_up();
    ee_store_release(&listing.state, 2u);
  }
  while (ee_load_acquire(&listing.state) != 2u)
    ee_port_relax();
  if (index >= listing.count) return false;
  const entry_t *entry = &listing.entries[index];
  *out_info = (ee_hal_device_info_t){
      .name = entry->name,
      .driver = "vulkan",
      .description = entry->description,
      .target = entry->target,
      .uuid = entry->uuid,
      .limits = entry->limits,
      .emulated = entry->emulated,
  };
  return true;
}

// ---- Which one ---------------------------------------------------------------------------------

eerie_status_t ee_vulkan_choose(const ee_vulkan_instance_t *instance, ee_str_t which,
                                ee_vulkan_physical_t *out_physical, uint32_t *out_ordinal,
                                eerie_error_t *err) {
  VkPhysicalDevice handles[EE_VULKAN_MAX_DEVICES];
  uint32_t count = 0, usable = 0;
  ee_hal_choice_t choice;
  EE_TRY(ee_vulkan_physical_list(instance, handles, &count, err));
  if (!ee_hal_choice_parse(which, &choice)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "no Vulkan device is named so: '%.*s' is neither a number nor a UUID",
                   EE_STR_ARG(which));
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!ee_vulkan_physical_read(instance, handles[i], out_physical)) continue;
    *out_ordinal = usable++;
    const bool found = choice.by_uuid
                           ? memcmp(out_physical->uuid, choice.uuid, sizeof choice.uuid) == 0
                           : *out_ordinal == choice.ordinal;
    if (found) return EERIE_OK;
  }
  if (usable == 0) {
    return EE_FAIL(err, EERIE_NOT_FOUND,
                   "no Vulkan device: the loader knows %u, none of version 1.1 that computes",
                   count);
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no Vulkan device '%.*s'; there are %u, from 0 on",
                 EE_STR_ARG(which), usable);
}
