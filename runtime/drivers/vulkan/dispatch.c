// dispatch.c: dispatches in a command buffer: descriptors or addresses, constants, counts.
#include "drivers/vulkan/vulkan.h"

// ---- Descriptors -------------------------------------------------------------------------------

typedef struct ee_vulkan_descriptors {
  struct ee_vulkan_descriptors *next;
  VkDescriptorPool pool;
} descriptors_t;

// Sets and descriptors of one pool; dispatches with more bindings than the average take more pools.
#define POOL_SETS        64u
#define POOL_DESCRIPTORS 512u

void ee_vulkan_descriptors_reset(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording) {
  for (const descriptors_t *pool = recording->descriptors; pool; pool = pool->next)
    (void)device->vk.ResetDescriptorPool(device->handle, pool->pool, 0); // never fails
  recording->descriptors_used = NULL;
}

void ee_vulkan_descriptors_destroy(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording) {
  while (recording->descriptors) {
    descriptors_t *next = recording->descriptors->next;
    device->vk.DestroyDescriptorPool(device->handle, recording->descriptors->pool, NULL);
    ee_heap_free(device->queued.base.heap, recording->descriptors, sizeof *recording->descriptors);
    recording->descriptors = next;
  }
}

static VkResult new_pool(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording) {
  descriptors_t *descriptors = ee_heap_allocate(device->queued.base.heap, sizeof *descriptors);
  if (!descriptors) return VK_ERROR_OUT_OF_HOST_MEMORY;
  const VkDescriptorPoolSize sizes[2] = {
      {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, POOL_DESCRIPTORS},
      {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, EE_VULKAN_MAX_BINDINGS},
  };
  const VkDescriptorPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
      .maxSets = POOL_SETS,
      .poolSizeCount = 2,
      .pPoolSizes = sizes,
  };
  const VkResult result =
      device->vk.CreateDescriptorPool(device->handle, &info, NULL, &descriptors->pool);
  if (result != VK_SUCCESS) {
    ee_heap_free(device->queued.base.heap, descriptors, sizeof *descriptors);
    return result;
  }
  // Behind the one in use, so that the order of use stays.
  descriptors_t **link = &recording->descriptors;
  while (*link)
    link = &(*link)->next;
  descriptors->next = NULL;
  *link = descriptors;
  return VK_SUCCESS;
}

static VkResult allocate_sets(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                              const ee_vulkan_layout_t *layout, VkDescriptorSet *out_sets) {
  descriptors_t *pool = recording->descriptors_used;
  for (;;) {
    if (!pool) pool = recording->descriptors;
    if (!pool) {
      const VkResult result = new_pool(device, recording);
      if (result != VK_SUCCESS) return result;
      pool = recording->descriptors;
    }
    recording->descriptors_used = pool;
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool->pool,
        .descriptorSetCount = layout->set_count,
        .pSetLayouts = layout->sets,
    };
    const VkResult result = device->vk.AllocateDescriptorSets(device->handle, &info, out_sets);
    if (result != VK_ERROR_OUT_OF_POOL_MEMORY && result != VK_ERROR_FRAGMENTED_POOL) return result;
    if (!pool->next) {
      const VkResult grown = new_pool(device, recording);
      if (grown != VK_SUCCESS) return grown;
    }
    pool = pool->next;
  }
}

static eerie_status_t check_binding(const ee_vulkan_device_t *device,
                                    const ee_vulkan_pipeline_t *pipeline, uint32_t i,
                                    const ee_hal_range_t *range, eerie_error_t *err) {
  const VkPhysicalDeviceLimits *limits = &device->physical.properties.limits;
  const bool uniform = pipeline->layout->types[i] == VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
  const uint64_t alignment =
      uniform ? limits->minUniformBufferOffsetAlignment : limits->minStorageBufferOffsetAlignment;
  const uint64_t most = uniform ? limits->maxUniformBufferRange : limits->maxStorageBufferRange;
  if (range->offset % alignment) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "%s: binding %u begins at byte %llu of memory; device %s wants multiples of "
                   "%llu",
                   pipeline->name, i, (unsigned long long)range->offset, device->queued.base.name,
                   (unsigned long long)alignment);
  }
  if (range->size > most) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%s: binding %u of %llu bytes; device %s allows %llu",
                   pipeline->name, i, (unsigned long long)range->size, device->queued.base.name,
                   (unsigned long long)most);
  }
  return EERIE_OK;
}

// Kernels read and write words: the last one may reach past the binding's end, into bytes that
// belong to the same memory.
static VkDescriptorBufferInfo descriptor_of(const ee_hal_range_t *range) {
  uint64_t size = (range->size + 3) & ~UINT64_C(3);
  if (size > range->room) size = range->room;
  if (size == 0)
    return (VkDescriptorBufferInfo){ee_vulkan_buffer_of(range->chunk), 0, 4}; // of an empty tensor
  return (VkDescriptorBufferInfo){ee_vulkan_buffer_of(range->chunk), range->offset, size};
}

static eerie_status_t bind_buffers(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                   const ee_vulkan_pipeline_t *pipeline,
                                   const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                   eerie_error_t *err) {
  const ee_vulkan_layout_t *layout = pipeline->layout;
  if (layout->set_count == 0) return EERIE_OK;
  VkDescriptorSet sets[EE_VULKAN_MAX_SETS];
  VkDescriptorBufferInfo buffers[EE_VULKAN_MAX_BINDINGS];
  VkWriteDescriptorSet writes[EE_VULKAN_MAX_BINDINGS];
  const VkResult result = allocate_sets(device, recording, layout, sets);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkAllocateDescriptorSets", result);
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    ee_hal_range_t range;
    EE_TRY(ee_hal_range_resolve(&command->bindings[i], table, 0, &range, err));
    EE_TRY(check_binding(device, pipeline, i, &range, err));
    buffers[i] = descriptor_of(&range);
    writes[i] = (VkWriteDescriptorSet){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = sets[layout->slots[i].set],
        .dstBinding = layout->slots[i].binding,
        .descriptorCount = 1,
        .descriptorType = layout->types[i],
        .pBufferInfo = &buffers[i],
    };
  }
  device->vk.UpdateDescriptorSets(device->handle, command->binding_count, writes, 0, NULL);
  device->vk.CmdBindDescriptorSets(recording->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                                   layout->handle, 0, layout->set_count, sets, 0, NULL);
  return EERIE_OK;
}

static eerie_status_t check_address(const ee_vulkan_pipeline_t *pipeline, uint32_t i,
                                    uint64_t address, const ee_hal_range_t *range,
                                    eerie_error_t *err) {
  const ee_vulkan_addresses_t *needs = pipeline->addresses;
  if (needs->alignments[i] && address % needs->alignments[i]) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "%s: binding %u is at byte %llu of memory, not at a multiple of %llu",
                   pipeline->name, i, (unsigned long long)range->offset,
                   (unsigned long long)needs->alignments[i]);
  }
  if (range->size < needs->lengths[i]) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%s: binding %u has %llu bytes, %llu are needed",
                   pipeline->name, i, (unsigned long long)range->size,
                   (unsigned long long)needs->lengths[i]);
  }
  return EERIE_OK;
}

// Writes the table of addresses into staging memory, and the root that points to it.
static eerie_status_t push_addresses(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                     const ee_vulkan_pipeline_t *pipeline,
                                     const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, eerie_error_t *err) {
  uint64_t addresses[EE_VULKAN_MAX_BINDINGS], offset = 0;
  const size_t size = command->binding_count * sizeof *addresses;
  for (uint32_t i = 0; i < command->binding_count; ++i) {
    ee_hal_range_t range;
    EE_TRY(ee_hal_range_resolve(&command->bindings[i], table, 0, &range, err));
    addresses[i] = range.chunk->address + range.offset;
    EE_TRY(check_address(pipeline, i, addresses[i], &range, err));
  }
  // Source: the root of dispatch ABI version 1 of compiler 3.13: addresses of the tables of
  // bindings and constants, where in each the kernel's begin, flags, a word of zeros.
  uint64_t root[4] = {0};
  if (size) {
    memcpy(ee_hal_recording_stage(&recording->base, size, &offset), addresses, size);
    root[0] = recording->base.staging->chunk->address + offset;
  }
  device->vk.CmdPushConstants(recording->commands, pipeline->layout->handle,
                              VK_SHADER_STAGE_COMPUTE_BIT, pipeline->addresses->root_offset,
                              sizeof root, root);
  return EERIE_OK;
}

static eerie_status_t check_counts(const ee_vulkan_device_t *device, const char *name,
                                   const uint32_t counts[3], eerie_error_t *err) {
  const uint32_t *most = device->physical.properties.limits.maxComputeWorkGroupCount;
  (void)name; // unused in builds without texts
  if (counts[0] <= most[0] && counts[1] <= most[1] && counts[2] <= most[2]) return EERIE_OK;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                 "%s: %ux%ux%u workgroups; device %s runs at most %ux%ux%u in a dispatch", name,
                 counts[0], counts[1], counts[2], device->queued.base.name, most[0], most[1],
                 most[2]);
}

eerie_status_t ee_vulkan_record_dispatch(ee_vulkan_device_t *device,
                                         ee_vulkan_recording_t *recording,
                                         const ee_hal_command_t *command,
                                         const ee_hal_operation_t *table, eerie_error_t *err) {
  const ee_vulkan_pipeline_t *pipeline = ee_vulkan_pipeline_of(command);
  const VkCommandBuffer commands = recording->commands;
  const uint32_t *counts = command->workgroup_count;
  const bool indirect = command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
  if (!indirect) {
    EE_TRY(check_counts(device, pipeline->name, counts, err));
    if (!counts[0] || !counts[1] || !counts[2]) return EERIE_OK;
  }
  device->vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  EE_TRY((pipeline->addresses ? push_addresses : bind_buffers)(device, recording, pipeline, command,
                                                               table, err));
  if (command->constant_count) {
    device->vk.CmdPushConstants(commands, pipeline->layout->handle, VK_SHADER_STAGE_COMPUTE_BIT,
                                pipeline->addresses ? pipeline->addresses->constant_offset : 0,
                                command->constant_count * (uint32_t)sizeof(uint32_t),
                                command->constants);
  }
  if (!indirect) {
    device->vk.CmdDispatch(commands, counts[0], counts[1], counts[2]);
    return EERIE_OK;
  }
  ee_hal_binding_t source = command->source;
  ee_hal_range_t range;
  source.size = 3 * sizeof(uint32_t);
  EE_TRY(ee_hal_range_resolve(&source, table, EE_HAL_ACCESS_READ, &range, err));
  if (range.offset % 4) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "%s: workgroup counts at byte %llu of memory: not a multiple of 4",
                   pipeline->name, (unsigned long long)range.offset);
  }
  device->vk.CmdDispatchIndirect(commands, ee_vulkan_buffer_of(range.chunk), range.offset);
  return EERIE_OK;
}
