// fake_memory.c: memory of devices and pinned memory of the host, and which addresses are whose.
#include "fake_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Addresses of devices are none of this process: who follows one here falls. Between two there is
// room that belongs to nobody.
static address_t next_address = UINT64_C(0xd00000000000);
enum { ALIGNMENT = 512, GAP = 1 << 16, POISON = 0xcb };
enum { REGISTER_PORTABLE = 1, REGISTER_MAPPED = 2, REGISTER_READ_ONLY = 8 };

static allocation_t *as_allocation(object_t *object) {
  return object && object->kind == ALLOCATION ? (allocation_t *)object : NULL;
}

static uint64_t used_of(int device) {
  uint64_t used = 0;
  for (object_t *object = fake_objects(); object; object = object->next) {
    const allocation_t *allocation = as_allocation(object);
    if (allocation && allocation->device == device) used += allocation->size;
  }
  return used;
}

// Of a device, or (-1) of the host.
static allocation_t *allocate(context_t *context, int device, uint64_t size) {
  if (device >= 0 && (size > fake_cuda.memory || used_of(device) > fake_cuda.memory - size))
    return NULL;
  allocation_t *allocation = fake_new(ALLOCATION, context, sizeof *allocation);
  if (!allocation) return NULL;
  allocation->device = device;
  allocation->size = size;
  allocation->born = true;
  allocation->bytes = malloc(size);
  if (!allocation->bytes) {
    fake_forget(allocation);
    free(allocation);
    return NULL;
  }
  memset(allocation->bytes, POISON, size);
  allocation->address = device < 0 ? (address_t)(uintptr_t)allocation->bytes : next_address;
  if (device >= 0) next_address += (size + GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return allocation;
}

void fake_free_allocation(allocation_t *allocation) {
  fake_forget(allocation);
  fake_cuda.registered -= allocation->registered;
  if (!allocation->registered) free(allocation->bytes);
  free(allocation);
}

// ---- Who reaches what
// ------------------------------------------------------------------------------------

static bool may_reach(const context_t *context, const allocation_t *allocation) {
  if (allocation->registered) {
    return (allocation->flags & REGISTER_MAPPED) &&
           (!context || (allocation->flags & REGISTER_PORTABLE) ||
            allocation->object.context == context);
  }
  if (!context || allocation->device < 0 || allocation->device == context->device) return true;
  return allocation->pool ? allocation->access[context->device]
                          : context->peers[allocation->device];
}

static allocation_t *find(address_t address) {
  for (object_t *object = fake_objects(); object; object = object->next) {
    allocation_t *allocation = as_allocation(object);
    if (allocation && address >= allocation->address &&
        address - allocation->address < allocation->size)
      return allocation;
  }
  return NULL;
}

uint8_t *fake_reach(const context_t *context, address_t address, uint64_t *out_left) {
  const allocation_t *allocation = find(address);
  if (!allocation || !allocation->born || !may_reach(context, allocation)) return NULL;
  *out_left = allocation->size - (address - allocation->address);
  return allocation->bytes + (address - allocation->address);
}

bool fake_find_range(void *user, uint64_t address, ptx_range_t *out_range) {
  fake_lock();
  const allocation_t *allocation = find(address);
  const bool good = allocation && allocation->born && may_reach(user, allocation);
  if (good) {
    *out_range = (ptx_range_t){
        .begin = allocation->address,
        .end = allocation->address + allocation->size,
        .bytes = allocation->bytes,
    };
  }
  fake_unlock();
  return good;
}

// Where an allocation begins.
allocation_t *fake_allocation_at(address_t address) {
  allocation_t *allocation = find(address);
  return allocation && allocation->address == address ? allocation : NULL;
}

// Memory of the host's, by its own address.
static const allocation_t *find_pinned(const void *data, uint64_t size) {
  const uint8_t *bytes = data;
  for (object_t *object = fake_objects(); object; object = object->next) {
    const allocation_t *allocation = as_allocation(object);
    if (allocation && allocation->device < 0 && bytes >= allocation->bytes &&
        (uint64_t)(bytes - allocation->bytes) < allocation->size &&
        size <= allocation->size - (uint64_t)(bytes - allocation->bytes))
      return allocation;
  }
  return NULL;
}

bool fake_is_pinned(const void *data, uint64_t size) {
  return find_pinned(data, size) != NULL;
}

// ---- At once
// -----------------------------------------------------------------------------------------------

FAKE_EXPORT int cuMemAlloc_v2(address_t *address, size_t size) {
  int result = fake_enter("cuMemAlloc", NEEDS_CONTEXT);
  if (result == SUCCESS && (!address || !size)) result = INVALID_VALUE;
  if (result == SUCCESS) {
    const allocation_t *allocation = allocate(fake_current(), fake_current()->device, size);
    if (allocation)
      *address = allocation->address;
    else
      result = OUT_OF_MEMORY;
  }
  return fake_leave(result);
}

// Waits for what the context does: so do the drivers.
FAKE_EXPORT int cuMemFree_v2(address_t address) {
  int result = fake_enter("cuMemFree", NEEDS_CONTEXT);
  if (result == SUCCESS) {
    const allocation_t *allocation = fake_allocation_at(address);
    if (!allocation || allocation->device < 0 || allocation->dying) result = INVALID_VALUE;
  }
  if (result == SUCCESS) {
    fake_wait_for_context(fake_current());
    fake_free_allocation(fake_allocation_at(address));
    result = fake_current()->failed;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuMemHostAlloc(void **data, size_t size, unsigned flags) {
  int result = fake_enter("cuMemHostAlloc", NEEDS_CONTEXT);
  if (result == SUCCESS && (!data || !size || flags > 7)) result = INVALID_VALUE;
  if (result == SUCCESS) {
    const allocation_t *allocation = allocate(fake_current(), -1, size);
    if (allocation)
      *data = allocation->bytes;
    else
      result = OUT_OF_MEMORY;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuMemFreeHost(void *data) {
  int result = fake_enter("cuMemFreeHost", NEEDS_CONTEXT);
  if (result == SUCCESS) {
    const allocation_t *allocation = fake_allocation_at((address_t)(uintptr_t)data);
    if (!allocation || allocation->device >= 0 || allocation->registered) result = INVALID_VALUE;
  }
  if (result == SUCCESS) {
    fake_wait_for_context(fake_current());
    fake_free_allocation(fake_allocation_at((address_t)(uintptr_t)data));
    result = fake_current()->failed;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuMemHostGetDevicePointer_v2(address_t *address, void *data, unsigned flags) {
  int result = fake_enter("cuMemHostGetDevicePointer", NEEDS_CONTEXT);
  const allocation_t *pinned = find_pinned(data, 1);
  if (result == SUCCESS && (!address || flags || !pinned || !may_reach(fake_current(), pinned)))
    result = INVALID_VALUE;
  if (result == SUCCESS)
    *address = pinned->address + (address_t)((const uint8_t *)data - pinned->bytes);
  return fake_leave(result);
}

// ---- Memory of the caller's
// -----------------------------------------------------------------------------

// Whether all of it is there, to be read and written.
static bool is_writable(uintptr_t begin, uintptr_t end) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512], rights[5];
  unsigned long long from, to;
  while (maps && begin < end && fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) == 3 && begin >= from && begin < to &&
        rights[0] == 'r' && rights[1] == 'w')
      begin = (uintptr_t)to; // they stand in order
  }
  if (maps) (void)fclose(maps);
  return begin >= end;
}

// Pages are registered as a whole; those of the library's own memory need not be whole.
static bool is_registered(uintptr_t begin, uintptr_t end, uintptr_t page) {
  for (object_t *object = fake_objects(); object; object = object->next) {
    const allocation_t *allocation = as_allocation(object);
    if (!allocation || allocation->device >= 0) continue;
    const uintptr_t first = (uintptr_t)allocation->bytes, last = first + allocation->size;
    const uintptr_t mask = allocation->registered ? page - 1 : 0;
    if (begin < ((last + mask) & ~mask) && (first & ~mask) < end) return true;
  }
  return false;
}

// Devices see it at another address than the host, as the documents let it be: who takes the one
// for the other falls.
FAKE_EXPORT int cuMemHostRegister_v2(void *data, size_t size, unsigned flags) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)data;
  const uintptr_t begin = at & ~(page - 1), end = (at + size + page - 1) & ~(page - 1);
  int result = fake_enter("cuMemHostRegister", NEEDS_CONTEXT);
  if (result == SUCCESS && (!data || !size || flags > 15 || end < begin)) result = INVALID_VALUE;
  if (result == SUCCESS && (fake_cuda.no_register || (flags & REGISTER_READ_ONLY)))
    result = NOT_SUPPORTED;
  if (result == SUCCESS && is_registered(begin, end, page)) result = ALREADY_REGISTERED;
  if (result == SUCCESS && !is_writable(begin, end)) result = INVALID_VALUE;
  if (result != SUCCESS) return fake_leave(result);
  allocation_t *allocation = fake_new(ALLOCATION, fake_current(), sizeof *allocation);
  if (!allocation) return fake_leave(OUT_OF_MEMORY);
  allocation->device = -1;
  allocation->size = size;
  allocation->bytes = data;
  allocation->born = allocation->registered = true;
  allocation->flags = flags;
  allocation->address = next_address + at % page;
  next_address += (size + page + GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  ++fake_cuda.registered;
  return fake_leave(SUCCESS);
}

FAKE_EXPORT int cuMemHostUnregister(void *data) {
  int result = fake_enter("cuMemHostUnregister", NEEDS_CONTEXT);
  const allocation_t *pinned = find_pinned(data, 1);
  if (result == SUCCESS && (!pinned || !pinned->registered || pinned->bytes != data))
    result = NOT_REGISTERED;
  if (result == SUCCESS) fake_free_allocation(fake_allocation_at(pinned->address));
  return fake_leave(result);
}

// ---- Pools
// -----------------------------------------------------------------------------------------------

// CUmemPoolProps, CUmemAccessDesc.
typedef struct location {
  int type, id;
} location_t;
typedef struct pool_props {
  int allocation, handles;
  location_t location;
  void *security;
  size_t most;
  unsigned short usage;
  uint8_t reserved[54];
} pool_props_t;
typedef struct access {
  location_t location;
  int flags;
} access_t;
enum {
  PINNED = 1,
  ON_DEVICE = 1,
  ACCESS_NONE = 0,
  ACCESS_READ = 1,
  ACCESS_READ_WRITE = 3,
  ATTRIBUTES = 8
};

static bool are_good(const pool_props_t *props) {
  static const uint8_t zeros[sizeof props->reserved];
  return props->allocation == PINNED && props->handles == 0 && props->location.type == ON_DEVICE &&
         fake_is_device(props->location.id) && !props->security && !props->usage &&
         memcmp(props->reserved, zeros, sizeof zeros) == 0;
}

FAKE_NEWER int cuMemPoolCreate(pool_t **pool, const pool_props_t *props) {
  int result = fake_enter("cuMemPoolCreate", NEEDS_DRIVER);
  if (result == SUCCESS && (!pool || !props || !are_good(props))) result = INVALID_VALUE;
  if (result == SUCCESS && fake_cuda.no_pools) result = NOT_SUPPORTED;
  if (result == SUCCESS) {
    *pool = fake_new(POOL, fake_context_of(props->location.id), sizeof **pool);
    if (!*pool) return fake_leave(OUT_OF_MEMORY);
    (*pool)->device = props->location.id;
    (*pool)->access[props->location.id] = true;
  }
  return fake_leave(result);
}

static int enter_pool(const char *function, const void *pool) {
  const int result = fake_enter(function, NEEDS_DRIVER);
  return result == SUCCESS && !fake_check(pool, POOL) ? INVALID_VALUE : result;
}

// Allocations stay, and go as if the pool were there.
FAKE_NEWER int cuMemPoolDestroy(pool_t *pool) {
  const int result = enter_pool("cuMemPoolDestroy", pool);
  if (result == SUCCESS) {
    fake_forget(pool);
    free(pool);
  }
  return fake_leave(result);
}

FAKE_NEWER int cuMemPoolSetAttribute(pool_t *pool, int attribute, void *value) {
  int result = enter_pool("cuMemPoolSetAttribute", pool);
  if (result == SUCCESS && (!value || attribute < 1 || attribute > ATTRIBUTES))
    result = INVALID_VALUE;
  return fake_leave(result);
}

FAKE_NEWER int cuMemPoolSetAccess(pool_t *pool, const access_t *access, size_t count) {
  int result = enter_pool("cuMemPoolSetAccess", pool);
  for (size_t i = 0; result == SUCCESS && i < count; ++i) {
    const location_t location = access[i].location;
    const bool known = access[i].flags == ACCESS_NONE || access[i].flags == ACCESS_READ ||
                       access[i].flags == ACCESS_READ_WRITE;
    if (location.type != ON_DEVICE || !known)
      result = INVALID_VALUE;
    else if (!fake_is_device(location.id))
      result = INVALID_DEVICE;
    else if (location.id == pool->device && access[i].flags != ACCESS_READ_WRITE)
      result = INVALID_DEVICE;
    else if (location.id != pool->device && fake_cuda.no_peers)
      result = INVALID_DEVICE;
    if (result == SUCCESS) pool->access[location.id] = access[i].flags == ACCESS_READ_WRITE;
  }
  for (object_t *object = fake_objects(); result == SUCCESS && object; object = object->next) {
    allocation_t *allocation = as_allocation(object);
    if (allocation && allocation->pool == pool)
      memcpy(allocation->access, pool->access, sizeof pool->access);
  }
  return fake_leave(result);
}

FAKE_NEWER int cuMemPoolTrimTo(pool_t *pool, size_t keep) {
  (void)keep;
  return fake_leave(enter_pool("cuMemPoolTrimTo", pool));
}

FAKE_NEWER int cuMemAllocFromPoolAsync(address_t *address, size_t size, pool_t *pool,
                                       void *stream) {
  int result = fake_enter("cuMemAllocFromPoolAsync", NEEDS_CONTEXT);
  if (result == SUCCESS && (!address || !size || !fake_check(pool, POOL))) result = INVALID_VALUE;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && fake_is_capturing(stream))
    result = CAPTURE_UNSUPPORTED; // a node that is not known here
  if (result == SUCCESS) {
    allocation_t *allocation = allocate(fake_context_of(pool->device), pool->device, size);
    if (!allocation) return fake_leave(OUT_OF_MEMORY);
    allocation->pool = pool;
    allocation->born = false;
    memcpy(allocation->access, pool->access, sizeof pool->access);
    *address = allocation->address;
    work_t *work = fake_work_new(WORK_BIRTH);
    if (work) work->allocation = allocation;
    result = work ? fake_enqueue(stream, work) : OUT_OF_MEMORY;
  }
  return fake_leave(result);
}

// From the pool or not: cuMemAlloc's can be freed this way too.
FAKE_NEWER int cuMemFreeAsync(address_t address, void *stream) {
  int result = fake_enter("cuMemFreeAsync", NEEDS_CONTEXT);
  allocation_t *allocation = fake_allocation_at(address);
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && (!allocation || allocation->device < 0 || allocation->dying))
    result = INVALID_VALUE;
  if (result == SUCCESS && fake_is_capturing(stream)) result = CAPTURE_UNSUPPORTED;
  if (result == SUCCESS) {
    work_t *work = fake_work_new(WORK_DEATH);
    if (!work) return fake_leave(OUT_OF_MEMORY);
    allocation->dying = true;
    work->allocation = allocation;
    result = fake_enqueue(stream, work);
  }
  return fake_leave(result);
}
