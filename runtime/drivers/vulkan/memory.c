// memory.c: device memory in chunks, cut into spans.
//
// Systems grant few allocations (4096 where the limit is least), and each takes long. A chunk is
// one VkBuffer over one VkDeviceMemory, mapped for good where the host sees it. Spans of a chunk
// hang together by address, so that neighbours which are free become one.
//
// Freed bytes wait for reuse: tensors of a call come back at the next. A chunk that nobody uses is
// kept while chunks hold no more than was once in use at the same time; before an allocation fails
// all such chunks go back to the system.
#include "drivers/vulkan/vulkan.h"

#define SMALLEST_CHUNK (UINT64_C(1) << 20)
#define LARGEST_CHUNK  (UINT64_C(64) << 20)

typedef struct ee_vulkan_memory {
  ee_vulkan_chunk_t *chunks;
  ee_vulkan_span_t *unused; // by `after`
  uint32_t types[2];        // of memory, by kind; the same where memory is unified
  uint64_t alignment;
  uint64_t serial;
  uint64_t total; // of all chunks
  uint64_t live;  // in use
  uint64_t peak;  // highest `live`
} ee_vulkan_memory_t;

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
static eerie_status_t choose_types(ee_vulkan_device_t *device, ee_vulkan_memory_t *memory,
                                   eerie_error_t *err) {
  VkBuffer probe;
  const VkResult result = create_buffer(device, memory->alignment, &probe);
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkCreateBuffer", result);
  VkMemoryRequirements needs;
  device->vk.GetBufferMemoryRequirements(device->handle, probe, &needs);
  device->vk.DestroyBuffer(device->handle, probe, NULL);
  const VkPhysicalDeviceMemoryProperties *types = &device->physical.memory;
  const VkMemoryPropertyFlags host =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  const uint32_t allowed = needs.memoryTypeBits;
  memory->types[EE_VULKAN_MEMORY_HOST] =
      find_type(types, allowed, host, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  memory->types[EE_VULKAN_MEMORY_DEVICE] =
      device->physical.unified
          ? find_type(types, allowed, host | local, VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
          : find_type(types, allowed, local, 0);
  if (memory->types[EE_VULKAN_MEMORY_DEVICE] == UINT32_MAX)
    memory->types[EE_VULKAN_MEMORY_DEVICE] = find_type(types, allowed, 0, local);
  if (device->physical.unified)
    memory->types[EE_VULKAN_MEMORY_HOST] = memory->types[EE_VULKAN_MEMORY_DEVICE];
  if (memory->types[EE_VULKAN_MEMORY_HOST] != UINT32_MAX) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "device %s has no memory that the host sees",
                 device->physical.properties.deviceName);
}

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

eerie_status_t ee_vulkan_memory_create(ee_vulkan_device_t *device, eerie_error_t *err) {
  ee_vulkan_memory_t *memory = ee_heap_allocate_zeroed(device->base.heap, sizeof *memory);
  if (!memory) return EE_NO_MEMORY(err, sizeof *memory);
  device->memory = memory;
  const VkPhysicalDeviceLimits *limits = &device->physical.properties.limits;
  // All are powers of two.
  memory->alignment = larger(EERIE_BUFFER_ALIGNMENT, limits->minStorageBufferOffsetAlignment);
  memory->alignment = larger(memory->alignment, limits->minUniformBufferOffsetAlignment);
  memory->alignment = larger(memory->alignment, limits->nonCoherentAtomSize);
  return choose_types(device, memory, err);
}

// Spans come and go with every call: those that went wait for the next.
static ee_vulkan_span_t *span_new(ee_vulkan_device_t *device) {
  ee_vulkan_span_t *span = device->memory->unused;
  if (!span) return ee_heap_allocate(device->base.heap, sizeof *span);
  device->memory->unused = span->after;
  return span;
}

static void span_delete(ee_vulkan_device_t *device, ee_vulkan_span_t *span) {
  if (!span) return;
  span->after = device->memory->unused;
  device->memory->unused = span;
}

// ---- Chunks ------------------------------------------------------------------------------------

static VkResult chunk_bind(ee_vulkan_device_t *device, ee_vulkan_chunk_t *chunk,
                           const char **out_what) {
  VkMemoryRequirements needs;
  device->vk.GetBufferMemoryRequirements(device->handle, chunk->buffer, &needs);
  const VkMemoryAllocateFlagsInfo flags = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
  };
  const bool addresses = device->physical.features & EE_VULKAN_ADDRESSES;
  const VkMemoryAllocateInfo info = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
      .pNext = addresses ? &flags : NULL,
      .allocationSize = needs.size,
      .memoryTypeIndex = device->memory->types[chunk->kind],
  };
  *out_what = "vkAllocateMemory";
  VkResult result = device->vk.AllocateMemory(device->handle, &info, NULL, &chunk->memory);
  if (result != VK_SUCCESS) {
    chunk->memory = VK_NULL_HANDLE;
    return result;
  }
  *out_what = "vkBindBufferMemory";
  result = device->vk.BindBufferMemory(device->handle, chunk->buffer, chunk->memory, 0);
  if (result == VK_SUCCESS && (chunk->kind == EE_VULKAN_MEMORY_HOST || device->physical.unified)) {
    void *data = NULL;
    *out_what = "vkMapMemory";
    result = device->vk.MapMemory(device->handle, chunk->memory, 0, VK_WHOLE_SIZE, 0, &data);
    chunk->data = data;
  }
  if (result == VK_SUCCESS && addresses) {
    const VkBufferDeviceAddressInfo address = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = chunk->buffer};
    chunk->address = device->vk.GetBufferDeviceAddress(device->handle, &address);
  }
  return result;
}

static void chunk_destroy(ee_vulkan_device_t *device, ee_vulkan_chunk_t *chunk) {
  device->memory->total -= chunk->size;
  if (chunk->buffer) device->vk.DestroyBuffer(device->handle, chunk->buffer, NULL);
  if (chunk->memory) device->vk.FreeMemory(device->handle, chunk->memory, NULL); // unmaps too
  span_delete(device, chunk->spans);
  ee_heap_free(device->base.heap, chunk, sizeof *chunk);
}

static VkResult chunk_create(ee_vulkan_device_t *device, ee_vulkan_memory_kind_t kind,
                             uint64_t size, ee_vulkan_chunk_t **out_chunk, const char **out_what) {
  ee_vulkan_memory_t *memory = device->memory;
  ee_vulkan_chunk_t *chunk = ee_heap_allocate_zeroed(device->base.heap, sizeof *chunk);
  ee_vulkan_span_t *span = span_new(device);
  *out_what = "a chunk";
  if (!chunk || !span) {
    ee_heap_free(device->base.heap, chunk, sizeof *chunk);
    span_delete(device, span);
    return VK_ERROR_OUT_OF_HOST_MEMORY;
  }
  *span = (ee_vulkan_span_t){.chunk = chunk, .size = size};
  chunk->size = size;
  chunk->serial = ++memory->serial;
  chunk->kind = kind;
  chunk->spans = span;
  memory->total += size;
  *out_what = "vkCreateBuffer";
  VkResult result = create_buffer(device, size, &chunk->buffer);
  if (result == VK_SUCCESS) result = chunk_bind(device, chunk, out_what);
  if (result != VK_SUCCESS) {
    chunk_destroy(device, chunk);
    return result;
  }
  char name[48];
  ee_format(name, sizeof name, "eerie chunk %llu", (unsigned long long)chunk->serial);
  ee_vulkan_name(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)chunk->buffer, name);
  chunk->next = memory->chunks;
  memory->chunks = chunk;
  *out_chunk = chunk;
  return VK_SUCCESS;
}

// Gives chunks that nobody uses back to the system; false: there was none.
static bool drop_idle(ee_vulkan_device_t *device) {
  bool any = false;
  for (ee_vulkan_chunk_t **link = &device->memory->chunks; *link;) {
    ee_vulkan_chunk_t *chunk = *link;
    if (chunk->live) {
      link = &chunk->next;
      continue;
    }
    *link = chunk->next;
    chunk_destroy(device, chunk);
    any = true;
  }
  return any;
}

void ee_vulkan_memory_destroy(ee_vulkan_device_t *device) {
  if (!device->memory) return;
  (void)drop_idle(device); // a device goes after all its buffers
  while (device->memory->unused) {
    ee_vulkan_span_t *next = device->memory->unused->after;
    ee_heap_free(device->base.heap, device->memory->unused, sizeof *next);
    device->memory->unused = next;
  }
  ee_heap_free(device->base.heap, device->memory, sizeof *device->memory);
  device->memory = NULL;
}

// ---- Spans -------------------------------------------------------------------------------------

static ee_vulkan_span_t *find_span(const ee_vulkan_memory_t *memory, ee_vulkan_memory_kind_t kind,
                                   uint64_t size) {
  ee_vulkan_span_t *best = NULL;
  for (const ee_vulkan_chunk_t *chunk = memory->chunks; chunk; chunk = chunk->next) {
    if (memory->types[chunk->kind] != memory->types[kind]) continue;
    if (chunk->size - chunk->live < size) continue;
    for (ee_vulkan_span_t *span = chunk->spans; span; span = span->after) {
      if (span->used || span->size < size) continue;
      if (!best || span->size < best->size) best = span;
      if (best->size == size) return best;
    }
  }
  return best;
}

// Cuts `size` bytes off the front; the rest becomes a span of its own.
static bool split(ee_vulkan_device_t *device, ee_vulkan_span_t *span, uint64_t size) {
  if (span->size == size) return true;
  ee_vulkan_span_t *rest = span_new(device);
  if (!rest) return false;
  *rest = (ee_vulkan_span_t){
      .chunk = span->chunk,
      .before = span,
      .after = span->after,
      .offset = span->offset + size,
      .size = span->size - size,
  };
  if (rest->after) rest->after->before = rest;
  span->after = rest;
  span->size = size;
  return true;
}

// Joins a free span with the one after it, if that is free too.
static void join_after(ee_vulkan_device_t *device, ee_vulkan_span_t *span) {
  ee_vulkan_span_t *after = span->after;
  if (!after || after->used) return;
  span->size += after->size;
  span->after = after->after;
  if (span->after) span->after->before = span;
  span_delete(device, after);
}

// As many bytes as all chunks have, within bounds, so that their number stays small.
static uint64_t chunk_size(const ee_vulkan_device_t *device, uint64_t wanted) {
  uint64_t size = device->memory->total;
  if (size < SMALLEST_CHUNK) size = SMALLEST_CHUNK;
  if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
  if (device->physical.max_allocation && size > device->physical.max_allocation)
    size = device->physical.max_allocation & ~(device->memory->alignment - 1);
  return wanted > size ? wanted : size;
}

static VkResult grow(ee_vulkan_device_t *device, ee_vulkan_memory_kind_t kind, uint64_t size,
                     ee_vulkan_span_t **out_span, const char **out_what) {
  ee_vulkan_chunk_t *chunk = NULL;
  VkResult result = chunk_create(device, kind, chunk_size(device, size), &chunk, out_what);
  // What is needed and no more, then after giving back what is idle.
  if (result != VK_SUCCESS) result = chunk_create(device, kind, size, &chunk, out_what);
  if (result != VK_SUCCESS && drop_idle(device))
    result = chunk_create(device, kind, size, &chunk, out_what);
  if (result == VK_SUCCESS) *out_span = chunk->spans;
  return result;
}

static eerie_status_t allocate_locked(ee_vulkan_device_t *device, ee_vulkan_memory_kind_t kind,
                                      uint64_t size, ee_vulkan_span_t **out_span,
                                      eerie_error_t *err) {
  ee_vulkan_memory_t *memory = device->memory;
  ee_vulkan_span_t *span = find_span(memory, kind, size);
  if (!span) {
    const char *what;
    const VkResult result = grow(device, kind, size, &span, &what);
    if (result != VK_SUCCESS) return ee_vulkan_failed(err, what, result);
  }
  if (!split(device, span, size)) return EE_NO_MEMORY(err, sizeof *span);
  span->used = true;
  span->chunk->live += size;
  memory->live += size;
  if (memory->live > memory->peak) memory->peak = memory->live;
  *out_span = span;
  return EERIE_OK;
}

eerie_status_t ee_vulkan_span_allocate(ee_vulkan_device_t *device, ee_vulkan_memory_kind_t kind,
                                       uint64_t size, ee_vulkan_span_t **out_span,
                                       eerie_error_t *err) {
  const uint64_t mask = device->memory->alignment - 1;
  const uint64_t most = device->physical.max_allocation;
  uint64_t rounded;
  if (!ee_add_u64(size ? size : 1, mask, &rounded) || (most && (rounded & ~mask) > most)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "%llu bytes in one piece; device %s allocates at most %llu",
                   (unsigned long long)size, device->base.name, (unsigned long long)most);
  }
  ee_vulkan_lock(device);
  const eerie_status_t status = allocate_locked(device, kind, rounded & ~mask, out_span, err);
  ee_vulkan_unlock(device);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "device %s: a buffer of %llu bytes", device->base.name,
                (unsigned long long)size);
  }
  return status;
}

static void chunk_unlink(ee_vulkan_memory_t *memory, const ee_vulkan_chunk_t *chunk) {
  ee_vulkan_chunk_t **link = &memory->chunks;
  while (*link != chunk)
    link = &(*link)->next;
  *link = chunk->next;
}

void ee_vulkan_span_free(ee_vulkan_device_t *device, ee_vulkan_span_t *span) {
  if (!span) return;
  ee_vulkan_memory_t *memory = device->memory;
  ee_vulkan_chunk_t *chunk = span->chunk;
  ee_vulkan_lock(device);
  span->used = false;
  chunk->live -= span->size;
  memory->live -= span->size;
  join_after(device, span);
  if (span->before && !span->before->used) join_after(device, span->before);
  if (chunk->live == 0 && memory->total > memory->peak + LARGEST_CHUNK) {
    chunk_unlink(memory, chunk);
    chunk_destroy(device, chunk);
  }
  ee_vulkan_unlock(device);
}
