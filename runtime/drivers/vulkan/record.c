// record.c: recorded commands of the front end to command buffers of Vulkan.
//
// A command buffer begins with a barrier against all work before it and ends with one towards the
// host, so that what comes later, on either side, sees what it wrote. Between, barriers stand where
// the command list has them.
#include "drivers/vulkan/vulkan.h"

// Updates up to this size lie in the command buffer. Source: vkCmdUpdateBuffer takes 65536 bytes.
#define INLINE_UPDATE 4096u

#define WORK_STAGES                                                                                \
  (VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT |                         \
   VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT)
#define WORK_WRITES (VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT)
#define WORK_ACCESS                                                                                \
  (WORK_WRITES | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT |                         \
   VK_ACCESS_UNIFORM_READ_BIT | VK_ACCESS_INDIRECT_COMMAND_READ_BIT)

// ---- Recordings --------------------------------------------------------------------------------

static eerie_status_t create_pool(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                  eerie_error_t *err) {
  const VkCommandPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
      .queueFamilyIndex = device->physical.queue_family,
  };
  VkResult result = device->vk.CreateCommandPool(device->handle, &info, NULL, &recording->pool);
  if (result != VK_SUCCESS) {
    recording->pool = VK_NULL_HANDLE;
    return ee_vulkan_failed(err, "vkCreateCommandPool", result);
  }
  const VkCommandBufferAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
      .commandPool = recording->pool,
      .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
      .commandBufferCount = 1,
  };
  result = device->vk.AllocateCommandBuffers(device->handle, &allocate, &recording->commands);
  return result == VK_SUCCESS ? EERIE_OK
                              : ee_vulkan_failed(err, "vkAllocateCommandBuffers", result);
}

eerie_status_t ee_vulkan_recording_create(ee_hal_queued_t *queued,
                                          ee_hal_recording_t **out_recording, eerie_error_t *err) {
  ee_vulkan_recording_t *recording = ee_heap_allocate_zeroed(queued->base.heap, sizeof *recording);
  if (!recording) return EE_NO_MEMORY(err, sizeof *recording);
  const eerie_status_t status = create_pool(ee_vulkan_of(queued), recording, err);
  if (status != EERIE_OK) {
    ee_vulkan_recording_destroy(queued, &recording->base);
    return status;
  }
  *out_recording = &recording->base;
  return EERIE_OK;
}

void ee_vulkan_recording_destroy(ee_hal_queued_t *queued, ee_hal_recording_t *base) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  ee_vulkan_recording_t *recording = (ee_vulkan_recording_t *)base;
  ee_vulkan_descriptors_destroy(device, recording);
  ee_vulkan_timing_destroy(device, recording);
  if (recording->pool) device->vk.DestroyCommandPool(device->handle, recording->pool, NULL);
  ee_heap_free(queued->base.heap, recording, sizeof *recording);
}

static void barrier(const ee_vulkan_device_t *device, VkCommandBuffer commands) {
  const VkMemoryBarrier memory = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
      .srcAccessMask = WORK_WRITES,
      .dstAccessMask = WORK_ACCESS,
  };
  device->vk.CmdPipelineBarrier(commands, WORK_STAGES, WORK_STAGES, 0, 1, &memory, 0, NULL, 0,
                                NULL);
}

static eerie_status_t begin(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                            size_t commands, bool again, uint64_t staging, eerie_error_t *err) {
  VkResult result = device->vk.ResetCommandPool(device->handle, recording->pool, 0);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkResetCommandPool", result);
  ee_vulkan_descriptors_reset(device, recording);
  const VkCommandBufferBeginInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
      .flags = again ? VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT
                     : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };
  result = device->vk.BeginCommandBuffer(recording->commands, &info);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkBeginCommandBuffer", result);
  barrier(device, recording->commands);
  ee_vulkan_timing_begin(device, recording, commands);
  return ee_hal_recording_restage(&device->queued, &recording->base, staging, err);
}

static eerie_status_t end(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                          eerie_error_t *err) {
  const VkMemoryBarrier memory = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
      .srcAccessMask = WORK_WRITES,
      .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT,
  };
  device->vk.CmdPipelineBarrier(recording->commands, WORK_STAGES, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                                &memory, 0, NULL, 0, NULL);
  const VkResult result = device->vk.EndCommandBuffer(recording->commands);
  return result == VK_SUCCESS ? EERIE_OK : ee_vulkan_failed(err, "vkEndCommandBuffer", result);
}

// ---- Transfers ---------------------------------------------------------------------------------

static void copy_bytes(const ee_vulkan_device_t *device, VkCommandBuffer commands, VkBuffer from,
                       uint64_t from_offset, VkBuffer to, uint64_t to_offset, uint64_t size) {
  const VkBufferCopy region = {.srcOffset = from_offset, .dstOffset = to_offset, .size = size};
  device->vk.CmdCopyBuffer(commands, from, to, 1, &region);
}

static void copy_staged(const ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                        const uint8_t *bytes, uint64_t size, VkBuffer to, uint64_t to_offset) {
  uint64_t offset;
  memcpy(ee_hal_recording_stage(&recording->base, size, &offset), bytes, (size_t)size);
  copy_bytes(device, recording->commands, ee_vulkan_buffer_of(recording->base.staging->chunk),
             offset, to, to_offset, size);
}

// The pattern's bytes from `phase` on, repeated.
static uint32_t pattern_word(uint64_t pattern, uint32_t width, uint64_t phase) {
  uint8_t bytes[4];
  for (uint32_t i = 0; i < 4; ++i)
    bytes[i] = (uint8_t)(pattern >> 8 * ((phase + i) % width));
  return ee_load_u32(bytes);
}

// Fills of Vulkan write words: what stands out on both sides is copied, and between them stands the
// pattern as it lies in words there. `width` is 1, 2 or 4.
static void fill_words(const ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                       const ee_hal_range_t *target, uint64_t pattern, uint32_t width) {
  const uint64_t end_offset = target->offset + target->size;
  const uint64_t first = (target->offset + 3) & ~UINT64_C(3), last = end_offset & ~UINT64_C(3);
  const VkBuffer buffer = ee_vulkan_buffer_of(target->chunk);
  uint8_t edge[4];
  for (uint32_t i = 0; i < 4; ++i)
    edge[i] = (uint8_t)(pattern >> 8 * (i % width));
  if (first >= last) {
    // Within two words.
    uint8_t all[8];
    for (uint32_t i = 0; i < 8; ++i)
      all[i] = (uint8_t)(pattern >> 8 * (i % width));
    copy_staged(device, recording, all, target->size, buffer, target->offset);
    return;
  }
  if (first > target->offset)
    copy_staged(device, recording, edge, first - target->offset, buffer, target->offset);
  const uint32_t word = pattern_word(pattern, width, first - target->offset);
  device->vk.CmdFillBuffer(recording->commands, buffer, first, last - first, word);
  if (end_offset > last) {
    const uint32_t tail = pattern_word(pattern, width, last - target->offset);
    memcpy(edge, &tail, sizeof edge);
    copy_staged(device, recording, edge, end_offset - last, buffer, last);
  }
}

// A pattern of two different words is written once and then copied onto what follows, twice as much
// each time.
static void fill_pairs(const ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                       const ee_hal_range_t *target, uint64_t pattern) {
  const VkBuffer buffer = ee_vulkan_buffer_of(target->chunk);
  const VkCommandBuffer commands = recording->commands;
  uint8_t bytes[sizeof pattern];
  for (uint32_t i = 0; i < sizeof bytes; ++i)
    bytes[i] = (uint8_t)(pattern >> 8 * i);
  if (target->offset % 4 == 0)
    device->vk.CmdUpdateBuffer(commands, buffer, target->offset, sizeof bytes, bytes);
  else
    copy_staged(device, recording, bytes, sizeof bytes, buffer, target->offset);
  for (uint64_t done = sizeof pattern; done < target->size;) {
    const uint64_t rest = target->size - done, next = done < rest ? done : rest;
    barrier(device, commands);
    copy_bytes(device, commands, buffer, target->offset, buffer, target->offset + done, next);
    done += next;
  }
}

static eerie_status_t record_fill(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                  const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_hal_range_t target;
  EE_TRY(ee_hal_fill_resolve(command, table, &target, err));
  if (target.size == 0) return EERIE_OK;
  const uint64_t pattern = command->pattern;
  if (command->pattern_size == 8 && (uint32_t)pattern != (uint32_t)(pattern >> 32)) {
    fill_pairs(device, recording, &target, pattern);
  } else {
    fill_words(device, recording, &target, pattern,
               command->pattern_size == 8 ? 4 : command->pattern_size);
  }
  return EERIE_OK;
}

static eerie_status_t record_update(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                    const ee_hal_command_t *command,
                                    const ee_hal_operation_t *table, eerie_error_t *err) {
  ee_hal_range_t target;
  EE_TRY(ee_hal_update_resolve(command, table, &target, err));
  if (target.size == 0) return EERIE_OK;
  if (target.size <= INLINE_UPDATE && target.size % 4 == 0 && target.offset % 4 == 0) {
    device->vk.CmdUpdateBuffer(recording->commands, ee_vulkan_buffer_of(target.chunk),
                               target.offset, target.size, command->update_data);
  } else {
    copy_staged(device, recording, command->update_data, target.size,
                ee_vulkan_buffer_of(target.chunk), target.offset);
  }
  return EERIE_OK;
}

// Piece by piece through staging memory, from the end on which no piece is overwritten before it is
// read.
static void move_bytes(const ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                       const ee_hal_range_t *source, const ee_hal_range_t *target) {
  const VkCommandBuffer commands = recording->commands;
  const VkBuffer buffer = ee_vulkan_buffer_of(source->chunk),
                 staged = ee_vulkan_buffer_of(recording->base.staging->chunk);
  const uint64_t piece = ee_hal_moved_piece(source->size);
  uint64_t offset;
  (void)ee_hal_recording_stage(&recording->base, piece, &offset);
  for (uint64_t done = 0; done < source->size;) {
    const uint64_t size = source->size - done < piece ? source->size - done : piece;
    const uint64_t at = target->offset < source->offset ? done : source->size - done - size;
    if (done) barrier(device, commands);
    copy_bytes(device, commands, buffer, source->offset + at, staged, offset, size);
    barrier(device, commands);
    copy_bytes(device, commands, staged, offset, buffer, target->offset + at, size);
    done += size;
  }
}

static eerie_status_t record_copy(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                  const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                  eerie_error_t *err) {
  ee_hal_range_t source, target;
  EE_TRY(ee_hal_copy_resolve(command, table, &source, &target, err));
  if (source.size == 0) return EERIE_OK;
  if (ee_hal_range_overlap(&source, &target)) {
    if (source.offset != target.offset) move_bytes(device, recording, &source, &target);
    return EERIE_OK;
  }
  copy_bytes(device, recording->commands, ee_vulkan_buffer_of(source.chunk), source.offset,
             ee_vulkan_buffer_of(target.chunk), target.offset, source.size);
  return EERIE_OK;
}

// Bytes of staging that a command may take.
static uint64_t staging_size(const ee_hal_command_t *command, const ee_hal_operation_t *table) {
  switch (command->kind) {
  case EE_HAL_COMMAND_FILL: return 16;
  case EE_HAL_COMMAND_UPDATE: return command->target.size + 7;
  case EE_HAL_COMMAND_COPY: return ee_hal_moved_staging(command, table);
  case EE_HAL_COMMAND_DISPATCH:
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    return ee_vulkan_pipeline_of(command)->addresses ? command->binding_count * sizeof(uint64_t)
                                                     : 0;
  }
  return 0;
}

// ---- Lists -------------------------------------------------------------------------------------

static eerie_status_t record_one(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                 const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                 eerie_error_t *err) {
  switch (command->kind) {
  case EE_HAL_COMMAND_DISPATCH:
  case EE_HAL_COMMAND_DISPATCH_INDIRECT:
    if (ee_hal_observe_skips(device->queued.base.heap)) return EERIE_OK;
    return ee_vulkan_record_dispatch(device, recording, command, table, err);
  case EE_HAL_COMMAND_FILL: return record_fill(device, recording, command, table, err);
  case EE_HAL_COMMAND_UPDATE: return record_update(device, recording, command, table, err);
  case EE_HAL_COMMAND_COPY: return record_copy(device, recording, command, table, err);
  }
  return EERIE_OK;
}

static eerie_status_t record_command(ee_vulkan_device_t *device, ee_vulkan_recording_t *recording,
                                     const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, eerie_error_t *err) {
  if (command->after_barrier) barrier(device, recording->commands);
  EE_TRY(record_one(device, recording, command, table, err));
  if (EE_UNLIKELY(recording->base.timed))
    ee_vulkan_timing_command(device, recording, command, table);
  return EERIE_OK;
}

eerie_status_t ee_vulkan_record_list(ee_hal_queued_t *queued, ee_hal_recording_t *base,
                                     const ee_hal_operation_t *operation, bool again,
                                     eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  ee_vulkan_recording_t *recording = (ee_vulkan_recording_t *)base;
  uint64_t staging = 0;
  size_t count = 0;
  for (const ee_hal_command_t *c = operation->commands->first; c; c = c->next) {
    // At most what the list holds in memory or a piece for a command, so the sum fits.
    staging += staging_size(c, operation);
    ++count;
  }
  EE_TRY(begin(device, recording, count, again, staging, err));
  for (const ee_hal_command_t *c = operation->commands->first; c; c = c->next) {
    EE_TRY(record_command(device, recording, c, operation, err));
  }
  return end(device, recording, err);
}

eerie_status_t ee_vulkan_record_transfer(ee_hal_queued_t *queued, ee_hal_recording_t *base,
                                         const ee_hal_command_t *command, eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  ee_vulkan_recording_t *recording = (ee_vulkan_recording_t *)base;
  EE_TRY(begin(device, recording, 1, false, staging_size(command, NULL), err));
  EE_TRY(record_command(device, recording, command, NULL, err));
  return end(device, recording, err);
}

eerie_status_t ee_vulkan_record_staged(ee_hal_queued_t *queued, ee_hal_recording_t *base,
                                       const ee_hal_span_t *span, const ee_hal_range_t *range,
                                       bool to_buffer, eerie_error_t *err) {
  ee_vulkan_device_t *device = ee_vulkan_of(queued);
  ee_vulkan_recording_t *recording = (ee_vulkan_recording_t *)base;
  EE_TRY(begin(device, recording, 1, false, 0, err));
  const VkBuffer staged = ee_vulkan_buffer_of(span->chunk),
                 buffer = ee_vulkan_buffer_of(range->chunk);
  if (to_buffer) {
    copy_bytes(device, recording->commands, staged, span->offset, buffer, range->offset,
               range->size);
  } else {
    copy_bytes(device, recording->commands, buffer, range->offset, staged, span->offset,
               range->size);
  }
  if (EE_UNLIKELY(recording->base.timed)) {
    const ee_hal_command_t command = {
        .kind = EE_HAL_COMMAND_COPY,
        .target = {(ee_hal_buffer_t *)(uintptr_t)range->buffer, 0, 0, range->size}};
    ee_vulkan_timing_command(device, recording, &command, NULL);
  }
  return end(device, recording, err);
}
