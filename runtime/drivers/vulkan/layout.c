// layout.c: descriptor set layouts and pipeline layouts of an executable.
//
// Source of fields: iree/schemas/vulkan_executable_def.fbs, the same from 3.11 to 3.13.
#include "drivers/vulkan/executable.h"

// DescriptorSetLayoutBindingDef
enum { BINDING_NUMBER, BINDING_TYPE, BINDING_COUNT };
// DescriptorSetLayoutDef
enum { SET_BINDINGS };
// PipelineLayoutDef
enum { LAYOUT_SETS, LAYOUT_RANGES };
enum { RANGE_SIZE = 12 }; // PushConstantRange: stages, offset, size

// ---- Sets --------------------------------------------------------------------------------------

static eerie_status_t check_set(const ee_vulkan_set_t *set, eerie_error_t *err) {
  for (uint32_t i = 0; i < set->count; ++i) {
    const uint32_t type = (uint32_t)set->types[i];
    if (type != VK_DESCRIPTOR_TYPE_STORAGE_BUFFER && type != VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER) {
      return EE_FAIL(err, EERIE_INCOMPATIBLE,
                     "binding %u is a descriptor of type %u; buffers (6 and 7) are known",
                     set->numbers[i], type);
    }
    for (uint32_t k = 0; k < i; ++k) {
      if (set->numbers[k] != set->numbers[i]) continue;
      return EE_FAIL(err, EERIE_DATA_LOSS, "binding %u stands twice in a set", set->numbers[i]);
    }
  }
  return EERIE_OK;
}

static eerie_status_t read_set(ee_fb_t *fb, ee_vulkan_set_t *set) {
  const ee_fb_vector_t bindings = ee_fb_vector(fb, SET_BINDINGS, 4, EE_FB_NAME("bindings"));
  if (bindings.count > EE_VULKAN_MAX_BINDINGS) {
    EE_FB_FAIL(fb, EERIE_OUT_OF_RANGE, "a set of %u bindings; the limit is %u", bindings.count,
               EE_VULKAN_MAX_BINDINGS);
    return fb->status;
  }
  for (uint32_t i = 0; i < bindings.count && fb->status == EERIE_OK; ++i) {
    ee_fb_table_at(fb, bindings, i, EE_FB_NAME("bindings"));
    set->numbers[i] = ee_fb_u32(fb, BINDING_NUMBER, 0);
    set->types[i] = (VkDescriptorType)ee_fb_u32(fb, BINDING_TYPE, 0);
    const uint32_t count = ee_fb_u32(fb, BINDING_COUNT, 0);
    if (count != 1) EE_FB_FAIL(fb, EERIE_INCOMPATIBLE, "an array of %u descriptors", count);
  }
  if (fb->status != EERIE_OK) return fb->status;
  set->count = bindings.count;
  return check_set(set, fb->err);
}

static eerie_status_t create_set(ee_vulkan_device_t *device, ee_vulkan_set_t *set,
                                 eerie_error_t *err) {
  VkDescriptorSetLayoutBinding bindings[EE_VULKAN_MAX_BINDINGS];
  for (uint32_t i = 0; i < set->count; ++i) {
    bindings[i] = (VkDescriptorSetLayoutBinding){
        .binding = set->numbers[i],
        .descriptorType = set->types[i],
        .descriptorCount = 1,
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
    // The driver's tables grow with the highest number.
    if (set->numbers[i] >= 4 * EE_VULKAN_MAX_BINDINGS) {
      return EE_FAIL(err, EERIE_OUT_OF_RANGE, "binding number %u; they end below %u",
                     set->numbers[i], 4 * EE_VULKAN_MAX_BINDINGS);
    }
  }
  const VkDescriptorSetLayoutCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
      .bindingCount = set->count,
      .pBindings = bindings,
  };
  const VkResult result =
      device->vk.CreateDescriptorSetLayout(device->handle, &info, NULL, &set->handle);
  if (result == VK_SUCCESS) return EERIE_OK;
  set->handle = VK_NULL_HANDLE;
  return ee_vulkan_failed(err, "vkCreateDescriptorSetLayout", result);
}

eerie_status_t ee_vulkan_sets_read(ee_vulkan_device_t *device, ee_vulkan_executable_t *executable,
                                   ee_fb_t *fb, ee_fb_vector_t list) {
  ee_heap_t *heap = device->queued.base.heap;
  executable->sets = ee_heap_allocate_zeroed(heap, list.count * sizeof *executable->sets);
  if (!executable->sets && list.count)
    return EE_NO_MEMORY(fb->err, list.count * sizeof *executable->sets);
  executable->set_count = list.count;
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(fb, list, i, EE_FB_NAME("descriptor_set_layouts"));
    eerie_status_t status = read_set(fb, &executable->sets[i]);
    if (status == EERIE_OK) status = create_set(device, &executable->sets[i], fb->err);
    if (status != EERIE_OK) {
      EE_ANNOTATE(fb->err, "descriptor set layout %u", i);
      return status;
    }
  }
  return EERIE_OK;
}

// ---- Pipeline layouts --------------------------------------------------------------------------

static eerie_status_t read_ranges(ee_fb_t *fb, ee_vulkan_layout_t *layout) {
  const ee_fb_vector_t ranges =
      ee_fb_vector(fb, LAYOUT_RANGES, RANGE_SIZE, EE_FB_NAME("push_constant_ranges"));
  for (uint32_t i = 0; i < ranges.count; ++i) {
    const uint8_t *range = ranges.data + (size_t)i * RANGE_SIZE;
    const uint64_t range_end = (uint64_t)ee_load_u32(range + 4) + ee_load_u32(range + 8);
    if (range_end > EE_VULKAN_MAX_CONSTANTS * sizeof(uint32_t) || range_end % 4) {
      EE_FB_FAIL(fb, EERIE_OUT_OF_RANGE, "push constants end at byte %llu; the limit is %zu",
                 (unsigned long long)range_end, EE_VULKAN_MAX_CONSTANTS * sizeof(uint32_t));
      break;
    }
    if (range_end > layout->push_size) layout->push_size = (uint32_t)range_end;
  }
  return fb->status;
}

static eerie_status_t add_set(const ee_vulkan_executable_t *executable, uint32_t ordinal,
                              ee_vulkan_layout_t *layout, eerie_error_t *err) {
  if (ordinal >= executable->set_count) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "descriptor set layout %u; there are %u", ordinal,
                   executable->set_count);
  }
  const ee_vulkan_set_t *set = &executable->sets[ordinal];
  if (layout->slot_count + set->count > EE_VULKAN_MAX_BINDINGS) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "more than %u bindings", EE_VULKAN_MAX_BINDINGS);
  }
  for (uint32_t i = 0; i < set->count; ++i) {
    layout->slots[layout->slot_count] = (ee_vulkan_slot_t){layout->set_count, set->numbers[i]};
    layout->types[layout->slot_count++] = set->types[i];
  }
  layout->sets[layout->set_count++] = set->handle;
  return EERIE_OK;
}

static eerie_status_t check_limits(const ee_vulkan_physical_t *physical,
                                   const ee_vulkan_layout_t *layout, eerie_error_t *err) {
  const VkPhysicalDeviceLimits *limits = &physical->properties.limits;
  uint32_t storage = 0, uniform = 0;
  for (uint32_t i = 0; i < layout->slot_count; ++i)
    ++*(layout->types[i] == VK_DESCRIPTOR_TYPE_STORAGE_BUFFER ? &storage : &uniform);
  if (storage > limits->maxPerStageDescriptorStorageBuffers ||
      uniform > limits->maxPerStageDescriptorUniformBuffers) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "a kernel with %u bindings of storage and %u uniform; device %s allows %u and "
                   "%u",
                   storage, uniform, physical->properties.deviceName,
                   limits->maxPerStageDescriptorStorageBuffers,
                   limits->maxPerStageDescriptorUniformBuffers);
  }
  if (layout->push_size > limits->maxPushConstantsSize) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "a kernel with %u bytes of constants; device %s allows %u", layout->push_size,
                   physical->properties.deviceName, limits->maxPushConstantsSize);
  }
  return EERIE_OK;
}

static eerie_status_t create_layout(ee_vulkan_device_t *device, ee_vulkan_layout_t *layout,
                                    eerie_error_t *err) {
  const VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, layout->push_size};
  const VkPipelineLayoutCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
      .setLayoutCount = layout->set_count,
      .pSetLayouts = layout->sets,
      .pushConstantRangeCount = layout->push_size ? 1 : 0,
      .pPushConstantRanges = &range,
  };
  const VkResult result =
      device->vk.CreatePipelineLayout(device->handle, &info, NULL, &layout->handle);
  if (result == VK_SUCCESS) return EERIE_OK;
  layout->handle = VK_NULL_HANDLE;
  return ee_vulkan_failed(err, "vkCreatePipelineLayout", result);
}

static eerie_status_t read_layout(ee_vulkan_device_t *device,
                                  const ee_vulkan_executable_t *executable, ee_fb_t *fb,
                                  ee_vulkan_layout_t *layout) {
  const ee_fb_vector_t ordinals =
      ee_fb_vector(fb, LAYOUT_SETS, 4, EE_FB_NAME("descriptor_set_layout_ordinals"));
  EE_TRY(read_ranges(fb, layout));
  if (ordinals.count > EE_VULKAN_MAX_SETS ||
      ordinals.count > device->physical.properties.limits.maxBoundDescriptorSets) {
    return EE_FAIL(fb->err, EERIE_OUT_OF_RANGE, "%u descriptor sets; the limit is %u",
                   ordinals.count, EE_VULKAN_MAX_SETS);
  }
  for (uint32_t i = 0; i < ordinals.count; ++i)
    EE_TRY(add_set(executable, ee_load_u32(ordinals.data + 4 * (size_t)i), layout, fb->err));
  EE_TRY(check_limits(&device->physical, layout, fb->err));
  return create_layout(device, layout, fb->err);
}

eerie_status_t ee_vulkan_layouts_read(ee_vulkan_device_t *device,
                                      ee_vulkan_executable_t *executable, ee_fb_t *fb,
                                      ee_fb_vector_t list) {
  ee_heap_t *heap = device->queued.base.heap;
  executable->layouts = ee_heap_allocate_zeroed(heap, list.count * sizeof *executable->layouts);
  if (!executable->layouts && list.count)
    return EE_NO_MEMORY(fb->err, list.count * sizeof *executable->layouts);
  executable->layout_count = list.count;
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(fb, list, i, EE_FB_NAME("pipeline_layouts"));
    const eerie_status_t status = read_layout(device, executable, fb, &executable->layouts[i]);
    if (status != EERIE_OK) {
      EE_ANNOTATE(fb->err, "pipeline layout %u", i);
      return status;
    }
  }
  return EERIE_OK;
}

void ee_vulkan_layouts_free(ee_vulkan_device_t *device, ee_vulkan_executable_t *executable) {
  ee_heap_t *heap = device->queued.base.heap;
  for (uint32_t i = 0; i < executable->layout_count; ++i) {
    const VkPipelineLayout handle = executable->layouts[i].handle;
    if (handle) device->vk.DestroyPipelineLayout(device->handle, handle, NULL);
  }
  for (uint32_t i = 0; i < executable->set_count; ++i) {
    const VkDescriptorSetLayout handle = executable->sets[i].handle;
    if (handle) device->vk.DestroyDescriptorSetLayout(device->handle, handle, NULL);
  }
  ee_heap_free(heap, executable->layouts, executable->layout_count * sizeof *executable->layouts);
  ee_heap_free(heap, executable->sets, executable->set_count * sizeof *executable->sets);
}
