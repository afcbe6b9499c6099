// device.c: Vulkan devices: opening, closing, questions, the driver's table.
#include "drivers/vulkan/vulkan.h"

static const char kind_name[] = "vulkan";

static const ee_hal_queued_driver_t queue_driver = {
    .thread = "eerie-vulkan",
    .chunk_create = ee_vulkan_chunk_create,
    .chunk_destroy = ee_vulkan_chunk_destroy,
    .chunk_import = ee_vulkan_chunk_import,
    .recording_create = ee_vulkan_recording_create,
    .recording_destroy = ee_vulkan_recording_destroy,
    .record_list = ee_vulkan_record_list,
    .record_transfer = ee_vulkan_record_transfer,
    .record_staged = ee_vulkan_record_staged,
    .submit = ee_vulkan_queue_submit,
    .reached = ee_vulkan_queue_reached,
    .wait = ee_vulkan_queue_wait,
    .tell = ee_vulkan_timing_tell,
    .mark_give = ee_vulkan_fence_give,
};

static PFN_vkVoidFunction find_function(const void *owner, const char *name) {
  const ee_vulkan_device_t *device = owner;
  return device->instance.GetDeviceProcAddr(device->handle, name);
}

// Under their names of old where they came with an extension.
static PFN_vkVoidFunction find_optional(const void *owner, const char *name) {
  char old[64];
  const PFN_vkVoidFunction found = find_function(owner, name);
  if (found) return found;
  ee_format(old, sizeof old, "%sKHR", name);
  return find_function(owner, old);
}

static void load_optional(ee_vulkan_device_t *device) {
  static const char names[] = EE_VULKAN_OPTIONAL_FUNCTIONS(EE_VULKAN_NAME);
  (void)ee_vulkan_load(names, find_optional, device,
                       (char *)&device->vk + offsetof(ee_vulkan_functions_t, WaitSemaphores));
  if (!device->vk.WaitSemaphores || !device->vk.GetSemaphoreCounterValue)
    device->physical.features &= ~(uint32_t)EE_VULKAN_TIMELINE;
  if (!device->vk.GetBufferDeviceAddress)
    device->physical.features &= ~(uint32_t)EE_VULKAN_ADDRESSES;
  if (!device->vk.GetCalibratedTimestampsEXT) // of the extension's newer name
    device->vk.GetCalibratedTimestampsEXT =
        (PFN_vkGetCalibratedTimestampsEXT)find_function(device, "vkGetCalibratedTimestampsKHR");
  if (!(device->physical.features & EE_VULKAN_CALIBRATED))
    device->vk.GetCalibratedTimestampsEXT = NULL;
  if (!device->vk.GetMemoryHostPointerPropertiesEXT) device->physical.import_alignment = 0;
  if (!device->instance.debug_utils) device->vk.SetDebugUtilsObjectNameEXT = NULL;
}

static eerie_status_t load_functions(ee_vulkan_device_t *device, eerie_error_t *err) {
  static const char names[] = EE_VULKAN_DEVICE_FUNCTIONS(EE_VULKAN_NAME);
  const char *missing = ee_vulkan_load(names, find_function, device, &device->vk);
  if (missing) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "device %s has no %s",
                   device->physical.properties.deviceName, missing);
  }
  load_optional(device);
  return EERIE_OK;
}

void ee_vulkan_name(const ee_vulkan_device_t *device, VkObjectType type, uint64_t handle,
                    const char *name) {
  if (!device->vk.SetDebugUtilsObjectNameEXT) return;
  const VkDebugUtilsObjectNameInfoEXT info = {
      .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
      .objectType = type,
      .objectHandle = handle,
      .pObjectName = name,
  };
  (void)device->vk.SetDebugUtilsObjectNameEXT(device->handle, &info);
}

static eerie_status_t open_logical(ee_vulkan_device_t *device, ee_str_t which,
                                   uint32_t *out_ordinal, eerie_error_t *err) {
  EE_TRY(ee_vulkan_instance_open(&device->instance, err));
  EE_TRY(ee_vulkan_choose(&device->instance, which, &device->physical, out_ordinal, err));
  device->queued.description = device->physical.properties.deviceName;
  EE_TRY(ee_vulkan_physical_create(&device->instance, &device->physical, &device->handle, err));
  EE_TRY(load_functions(device, err));
  device->vk.GetDeviceQueue(device->handle, device->physical.queue_family, 0, &device->queue);
  return EERIE_OK;
}

// In the reverse order of opening; parts that were not made are skipped.
static void close_logical(ee_vulkan_device_t *device) {
  if (device->handle && device->vk.DestroyDevice) {
    ee_hal_watcher_end(&device->queued);
    (void)device->vk.DeviceWaitIdle(device->handle); // of a lost one there may be work in flight
    ee_hal_queued_stop(&device->queued);
    ee_vulkan_queue_destroy(device);
    ee_vulkan_cache_destroy(device);
    device->vk.DestroyDevice(device->handle, NULL);
  }
  if (device->instance.get) ee_vulkan_instance_close(&device->instance);
}

static void vulkan_close(ee_hal_device_t *base) {
  ee_vulkan_device_t *device = ee_vulkan_device(base);
  close_logical(device);
  ee_hal_queued_deinitialize(&device->queued);
  ee_hal_device_deinitialize(base);
  ee_heap_free(base->heap, device, base->allocation_size);
}

static eerie_status_t vulkan_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                  eerie_error_t *err) {
  ee_str_t which;
  if (!ee_hal_name_rest(spec, ee_str_from(kind_name), &which)) {
    return EE_FAIL(err, EERIE_NOT_FOUND, "'%.*s' names no Vulkan device", EE_STR_ARG(spec));
  }
  ee_vulkan_device_t *device = ee_heap_allocate_zeroed(heap, sizeof *device);
  if (!device) return EE_NO_MEMORY(err, sizeof *device);
  ee_hal_device_t *base = &device->queued.base;
  ee_hal_device_initialize(base, &ee_vulkan_driver, heap, EE_STR("vulkan"), sizeof *device);
  ee_hal_queued_initialize(&device->queued, &queue_driver);
  uint32_t ordinal = 0;
  eerie_status_t status = open_logical(device, which, &ordinal, err);
  if (status == EERIE_OK) status = ee_vulkan_memory_create(device, err);
  if (status == EERIE_OK) status = ee_vulkan_cache_create(device, err);
  if (status == EERIE_OK) status = ee_vulkan_queue_create(device, err);
  if (status != EERIE_OK) {
    // To the registry NOT_FOUND says that another driver may know the name; none does.
    EE_ANNOTATE(err, "device %.*s", EE_STR_ARG(spec));
    ee_hal_device_release(base);
    return status == EERIE_NOT_FOUND ? EERIE_UNAVAILABLE : status;
  }
  ee_format(base->name, sizeof base->name, "%s:%u", kind_name, ordinal);
  base->host_memory = device->physical.unified;
  ee_vulkan_name(device, VK_OBJECT_TYPE_QUEUE, (uint64_t)(uintptr_t)device->queue, "eerie queue");
  *out_device = base;
  return EERIE_OK;
}

// The questions that compiled modules ask. Source: query_i64 of IREE's vulkan devices, 3.11, 3.13.
static bool vulkan_query(ee_hal_device_t *base, ee_str_t category, ee_str_t key,
                         int64_t *out_value) {
  if (ee_str_equal(category, EE_STR("hal.executable.format"))) {
    *out_value = ee_vulkan_runs_format(&ee_vulkan_device(base)->physical, key);
    return true;
  }
  if (ee_str_equal(category, EE_STR("hal.device")) ||
      ee_str_equal(category, EE_STR("hal.dispatch"))) {
    *out_value = 1;
    return ee_str_equal(key, EE_STR("concurrency"));
  }
  return false;
}

static const ee_hal_async_driver_t async_driver = {
    .id = kind_name,
    .submit = ee_hal_queued_submit,
    .wait = ee_hal_queued_wait,
    .watch = ee_hal_queued_watch,
    .transfer = ee_hal_queued_transfer,
    .forget = ee_hal_queued_forget,
    .buffer_import = ee_hal_queued_buffer_import,
};

const ee_hal_driver_t ee_vulkan_driver = {
    .size = sizeof(ee_hal_driver_t),
    .name = kind_name,
    .device_info = ee_vulkan_device_info,
    .device_open = vulkan_open,
    .device_close = vulkan_close,
    .query = vulkan_query,
    .buffer_allocate = ee_hal_queued_buffer_allocate,
    .buffer_free = ee_hal_queued_buffer_free,
    .executable_create = ee_vulkan_executable_create,
    .executable_destroy = ee_vulkan_executable_destroy,
    .executable_lookup = ee_vulkan_executable_lookup,
    .dispatch_check = ee_vulkan_dispatch_check,
    .run = ee_hal_queued_run,
    .async = &async_driver,
};
