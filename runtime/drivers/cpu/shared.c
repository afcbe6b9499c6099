// shared.c: one copy of a module's code for all programs of a device.
//
// An image is known by the bytes that it was loaded from: their address, which stays theirs while
// the entry holds their owner. The pages are of the kind that elf.c makes; nothing of a program is
// in them (constants and imports come with each dispatch).
#include "drivers/cpu/cpu.h"

typedef struct ee_cpu_shared_image {
  struct ee_cpu_shared_image *next;
  ee_bytes_t data;
  ee_object_t *owner; // retained
  uint32_t users;     // guarded by the device's monitor, as the list is
  ee_cpu_library_query_t query;
  uint8_t *pages;
  size_t size;
} shared_image_t;

// Everything of an entry but the counting.
static void use(shared_image_t *entry, ee_cpu_image_t *image) {
  *image = (ee_cpu_image_t){.query = entry->query, .shared = entry};
}

bool ee_cpu_image_find(ee_cpu_device_t *device, ee_bytes_t data, ee_cpu_image_t *out_image) {
  ee_port_monitor_lock(&device->base.monitor);
  shared_image_t *entry = device->images;
  while (entry && (entry->data.data != data.data || entry->data.size != data.size)) {
    entry = entry->next;
  }
  if (entry) ++entry->users;
  ee_port_monitor_unlock(&device->base.monitor);
  if (entry) use(entry, out_image);
  return entry != NULL;
}

// When two threads load the same at once there are two copies, each with its own users.
eerie_status_t ee_cpu_image_share(ee_cpu_device_t *device, ee_bytes_t data, ee_object_t *data_owner,
                                  ee_cpu_image_t *image, eerie_error_t *err) {
  ee_heap_t *heap = device->base.heap;
  // Pages of code count against the limit like all other memory.
  ee_heap_count_code(heap, image->size);
  if (!ee_heap_charge(heap, image->size)) {
    ee_heap_forget_code(heap, image->size);
    return EE_NO_MEMORY(err, image->size);
  }
  shared_image_t *entry = ee_heap_allocate(heap, sizeof *entry);
  if (!entry) {
    ee_heap_forget_code(heap, image->size);
    ee_heap_discharge(heap, image->size);
    return EE_NO_MEMORY(err, sizeof *entry);
  }
  *entry = (shared_image_t){.data = data,
                            .owner = data_owner,
                            .users = 1,
                            .query = image->query,
                            .pages = image->pages,
                            .size = image->size};
  ee_object_retain(data_owner);
  ee_port_monitor_lock(&device->base.monitor);
  entry->next = device->images;
  device->images = entry;
  ee_port_monitor_unlock(&device->base.monitor);
  use(entry, image);
  return EERIE_OK;
}

void ee_cpu_image_release(ee_cpu_device_t *device, ee_cpu_image_t *image) {
  shared_image_t *entry = image->shared;
  ee_port_monitor_lock(&device->base.monitor);
  const bool last = --entry->users == 0;
  if (last) {
    shared_image_t **link = &device->images;
    while (*link != entry) {
      link = &(*link)->next;
    }
    *link = entry->next;
  }
  ee_port_monitor_unlock(&device->base.monitor);
  if (!last) return;
  ee_port_code_free(entry->pages, entry->size);
  ee_heap_forget_code(device->base.heap, entry->size);
  ee_heap_discharge(device->base.heap, entry->size);
  ee_object_release(entry->owner);
  ee_heap_free(device->base.heap, entry, sizeof *entry);
}
