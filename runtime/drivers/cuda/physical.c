// physical.c: devices as the library knows them: limits, architecture; in words; which of them a
// name means.
//
// What is listed is looked up once for a process and kept: a list is asked for one by one, and its
// strings must stay. Opening a device looks again.
#include "drivers/cuda/cuda.h"

static eerie_status_t read_attributes(const ee_cuda_library_t *library,
                                      ee_cuda_physical_t *physical, eerie_error_t *err) {
  static const struct {
    uint16_t offset;
    uint8_t number[2];
    bool optional;
  } attributes[] = {
#define REQUIRED(member, cuda, hip) {offsetof(ee_cuda_physical_t, member), {cuda, hip}, false},
#define OPTIONAL(member, cuda, hip) {offsetof(ee_cuda_physical_t, member), {cuda, hip}, true},
      EE_CUDA_ATTRIBUTES(REQUIRED) EE_CUDA_OPTIONAL_ATTRIBUTES(OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
  };
  for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; ++i) {
    int value = 0;
    const ee_cuda_result_t result = library->functions.DeviceGetAttribute(
        &value, attributes[i].number[library->hip], physical->handle);
    if (result != EE_CUDA_SUCCESS && !attributes[i].optional)
      return ee_cuda_library_failed(library, err, "DeviceGetAttribute", result);
    if (result != EE_CUDA_SUCCESS) value = 0;
    memcpy((uint8_t *)physical + attributes[i].offset, &value, sizeof value);
  }
  return EERIE_OK;
}

// "gfx942:sramecc+:xnack-" without what follows the colon.
static eerie_status_t read_architecture(const ee_cuda_library_t *library,
                                        ee_cuda_physical_t *physical, eerie_error_t *err) {
  if (!library->hip) {
    ee_format(physical->architecture, sizeof physical->architecture, "sm_%d%d", physical->major,
              physical->minor);
    return EERIE_OK;
  }
  // Newer libraries write no more than the name of the function stands for; room for more all the
  // same.
  union {
    uint64_t align;
    char bytes[2 * EE_HIP_PROPERTIES_SIZE];
  } properties;
  memset(&properties, 0, sizeof properties);
  const ee_cuda_result_t result =
      library->functions.GetDeviceProperties(&properties, physical->handle);
  if (result != EE_CUDA_SUCCESS)
    return ee_cuda_library_failed(library, err, "DeviceGetProperties", result);
  const char *name = properties.bytes + EE_HIP_ARCHITECTURE_AT;
  size_t size = 0;
  while (size < sizeof physical->architecture - 1 && name[size] && name[size] != ':')
    ++size;
  memcpy(physical->architecture, name, size);
  return EERIE_OK;
}

eerie_status_t ee_cuda_physical_read(const ee_cuda_library_t *library, uint32_t ordinal,
                                     ee_cuda_physical_t *out_physical, eerie_error_t *err) {
  const ee_cuda_functions_t *cu = &library->functions;
  memset(out_physical, 0, sizeof *out_physical);
  out_physical->ordinal = ordinal;
  const char *what = "DeviceGet";
  ee_cuda_result_t result = cu->DeviceGet(&out_physical->handle, (int)ordinal);
  if (result == EE_CUDA_SUCCESS) {
    what = "DeviceGetName";
    result = cu->DeviceGetName(out_physical->name, (int)sizeof out_physical->name - 1,
                               out_physical->handle);
  }
  size_t size = 0;
  if (result == EE_CUDA_SUCCESS) {
    what = "DeviceTotalMem";
    result = cu->DeviceTotalMem(&size, out_physical->handle);
  }
  ee_cuda_uuid_t uuid = {{0}};
  if (result == EE_CUDA_SUCCESS) {
    what = "DeviceGetUuid";
    result = cu->DeviceGetUuid(&uuid, out_physical->handle);
  }
  if (result != EE_CUDA_SUCCESS) return ee_cuda_library_failed(library, err, what, result);
  out_physical->memory = size;
  memcpy(out_physical->uuid, uuid.bytes, sizeof uuid.bytes);
  EE_TRY(read_attributes(library, out_physical, err));
  return read_architecture(library, out_physical, err);
}

eerie_status_t ee_cuda_physical_count(const ee_cuda_library_t *library, uint32_t *out_count,
                                      eerie_error_t *err) {
  int count = 0;
  *out_count = 0;
  const ee_cuda_result_t result = library->functions.DeviceGetCount(&count);
  if (result != EE_CUDA_SUCCESS)
    return ee_cuda_library_failed(library, err, "DeviceGetCount", result);
  if (count > 0) *out_count = (uint32_t)count;
  if (*out_count > EE_CUDA_MAX_DEVICES) *out_count = EE_CUDA_MAX_DEVICES;
  return EERIE_OK;
}

eerie_status_t ee_cuda_physical_choose(const ee_cuda_library_t *library, ee_str_t which,
                                       ee_cuda_physical_t *out_physical, eerie_error_t *err) {
  ee_hal_choice_t choice;
  if (!ee_hal_choice_parse(which, &choice)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "no %s device is named so: '%.*s' is neither a number nor a UUID", library->name,
                   EE_STR_ARG(which));
  }
  uint32_t count;
  EE_TRY(ee_cuda_physical_count(library, &count, err));
  if (!choice.by_uuid && choice.ordinal < count)
    return ee_cuda_physical_read(library, choice.ordinal, out_physical, err);
  for (uint32_t i = 0; choice.by_uuid && i < count; ++i) {
    EE_TRY(ee_cuda_physical_read(library, i, out_physical, err));
    if (memcmp(out_physical->uuid, choice.uuid, sizeof choice.uuid) == 0) return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no %s device '%.*s'; there are %u, from 0 on",
                 library->name, EE_STR_ARG(which), count);
}

// ---- For people --------------------------------------------------------------------------------

typedef struct entry {
  char name[16];
  char description[192];
  char uuid[EE_HAL_UUID_TEXT];
  char limits[192];
  char target[40];
} entry_t;

typedef struct listing {
  EE_ATOMIC(uint32_t) state; // 0: not looked up, 1: somebody is at it, 2: there
  uint32_t count;
  entry_t entries[EE_CUDA_MAX_DEVICES];
} listing_t;

static listing_t cuda_listing, hip_listing;

// The newest that compilers 3.11 to 3.13 make code for and the device can run: a device runs PTX
// for older ones. All of AMD's have code of their own.
static void format_target(const ee_cuda_library_t *library, const ee_cuda_physical_t *physical,
                          char *text, size_t capacity) {
  static const int known[] = {86, 80, 75, 70, 60};
  if (library->hip) {
    ee_format(text, capacity, "rocm:%s", physical->architecture);
    return;
  }
  const int capability = physical->major * 10 + physical->minor;
  size_t i = 0;
  while (i + 1 < sizeof known / sizeof known[0] && known[i] > capability)
    ++i;
  // Code for 8.6 leaves much of the larger 9.0 unused that code for 8.0 uses.
  const int best = capability >= 90 ? 80 : known[i];
  ee_format(text, capacity, "cuda:sm_%d", best);
}

static void describe(const ee_cuda_library_t *library, const ee_cuda_physical_t *physical,
                     entry_t *out_entry) {
  ee_format(out_entry->name, sizeof out_entry->name, "%s:%u", library->kind, physical->ordinal);
  ee_format(out_entry->description, sizeof out_entry->description, "%s (%sGPU, %s)", physical->name,
            physical->integrated ? "integrated " : "", physical->architecture);
  ee_hal_uuid_format(physical->uuid, out_entry->uuid);
  ee_format(out_entry->limits, sizeof out_entry->limits,
            "%llu MiB%s, %d multiprocessors, blocks of %d threads with %u KiB, warps of %d%s",
            (unsigned long long)(physical->memory >> 20),
            ee_cuda_is_unified(physical) ? " shared with the host" : "", physical->processors,
            physical->max_threads, ee_cuda_most_shared(physical) >> 10, physical->warp_size,
            physical->memory_pools ? ", memory pools" : "");
  format_target(library, physical, out_entry->target, sizeof out_entry->target);
}

static void look_up(ee_cuda_kind_t kind, listing_t *listing) {
  const ee_cuda_library_t *library;
  uint32_t count = 0;
  if (ee_cuda_library_open(kind, &library, NULL) != EERIE_OK) return;
  (void)ee_cuda_physical_count(library, &count, NULL);
  for (uint32_t i = 0; i < count; ++i) {
    ee_cuda_physical_t physical;
    if (ee_cuda_physical_read(library, i, &physical, NULL) != EERIE_OK) continue;
    describe(library, &physical, &listing->entries[listing->count++]);
  }
}

static bool info(ee_cuda_kind_t kind, const char *driver, listing_t *listing, uint32_t index,
                 ee_hal_device_info_t *out_info) {
  uint32_t fresh = 0;
  if (ee_compare_exchange(&listing->state, &fresh, 1u)) {
    look_up(kind, listing);
    ee_store_release(&listing->state, 2u);
  }
  while (ee_load_acquire(&listing->state) != 2u)
    ee_port_relax();
  if (index >= listing->count) return false;
  const entry_t *entry = &listing->entries[index];
  *out_info = (ee_hal_device_info_t){
      .name = entry->name,
      .driver = driver,
      .description = entry->description,
      .target = entry->target,
      .uuid = entry->uuid,
      .limits = entry->limits,
  };
  return true;
}

bool ee_cuda_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  return info(EE_CUDA_KIND_CUDA, "cuda", &cuda_listing, index, out_info);
}
bool ee_hip_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  return info(EE_CUDA_KIND_HIP, "hip", &hip_listing, index, out_info);
}
