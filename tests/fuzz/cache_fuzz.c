// What lies on disk from one run to the next, and the command or a driver reads: any bytes as an
// entry of the compile cache, as the note of an import, as Vulkan's pipeline cache. A damaged one
// is not found, and no more comes of it. Those that carry a hash are tried with the right one too.
#include "fuzz/fuzz.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cli/cache.h"
#ifdef FUZZ_VULKAN
#include "drivers/vulkan/vulkan.h"
#endif

static const char key[65] = "0000000000000000000000000000000000000000000000000000000000000000";
static ee_cli_cache_t cache;
static char model_path[3200], below_path[3200], pipelines_path[3300];

// One folder for the process, which is left as it was found.
static void remove_folder(void) {
  char path[EE_CLI_CACHE_PATH];
  for (int kind = EE_CLI_CACHE_MODULE; kind <= EE_CLI_CACHE_IMPORT; ++kind) {
    ee_cli_cache_path(&cache, key, (ee_cli_cache_kind_t)kind, path);
    unlink(path);
  }
  unlink(model_path);
  if (pipelines_path[0]) unlink(pipelines_path);
  rmdir(below_path);
  rmdir(cache.folder);
}

static void make_folder(void) {
  const char *base = getenv("TMPDIR");
  snprintf(cache.folder, sizeof cache.folder, "%.2000s/eerie-fuzz-XXXXXX",
           base && *base ? base : "/tmp");
  if (!mkdtemp(cache.folder)) abort();
  cache.limit = 1 << 30;
  snprintf(model_path, sizeof model_path, "%s/model.onnx", cache.folder);
  snprintf(below_path, sizeof below_path, "%s/eerie", cache.folder); // of drivers
  FILE *file = fopen(model_path, "wb");
  if (!file || fclose(file) != 0 || mkdir(below_path, 0777) != 0) abort();
  atexit(remove_folder);
}

static void put(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
}

static void hash(const uint8_t *data, size_t size, char out[65]) {
  ee_cli_sha256_t sha256;
  ee_cli_sha256_begin(&sha256);
  ee_cli_sha256_add(&sha256, data, size);
  ee_cli_sha256_end(&sha256, out);
}

// ---- Compiled modules --------------------------------------------------------------------------

static void try_module(const uint8_t *data, size_t size) {
  char path[EE_CLI_CACHE_PATH];
  ee_cli_cache_path(&cache, key, EE_CLI_CACHE_MODULE, path);
  put(path, data, size);
  ee_cli_cached_t entry;
  const bool found = ee_cli_cache_find(&cache, key, &entry);
  FUZZ_REQUIRE(found == (access(path, F_OK) == 0)); // a damaged one is removed
  if (found) {
    const char *begin = entry.bytes.data, *end = begin + entry.bytes.size;
    const char *module = entry.module;
    FUZZ_REQUIRE(entry.flags >= begin && entry.flags + entry.flags_size == module);
    FUZZ_REQUIRE(entry.module_size && module + entry.module_size == end);
  } else {
    FUZZ_REQUIRE(!entry.bytes.data);
  }
  ee_cli_text_free(&entry.bytes);
}

// ---- Imports -----------------------------------------------------------------------------------

static void try_import(const uint8_t *data, size_t size) {
  char path[EE_CLI_CACHE_PATH];
  ee_cli_cache_path(&cache, key, EE_CLI_CACHE_IMPORT, path);
  put(path, data, size);
  ee_cli_cached_import_t import;
  if (!ee_cli_cache_find_import(&cache, key, model_path, &import)) return;
  FUZZ_REQUIRE(strlen(import.source_sha256) == 64);
  FUZZ_REQUIRE(strlen(import.result.input_type) < sizeof import.result.input_type);
  FUZZ_REQUIRE(strlen(import.result.route) < sizeof import.result.route);
}

// The same bytes with the hash that they should have, where the form has room for one.
static void try_hashed(const uint8_t *data, size_t size) {
  static const char module_head[] = "eerie-cache 1 ", import_head[] = "eerie-import 1 ";
  const bool module = size > 80 && memcmp(data, module_head, sizeof module_head - 1) == 0;
  const bool import = size > 80 && memcmp(data, import_head, sizeof import_head - 1) == 0;
  if (!module && !import) return;
  const size_t at = module ? sizeof module_head - 1 : sizeof import_head - 1;
  const uint8_t *line_end = memchr(data + at, '\n', size - at);
  if (!line_end || line_end < data + at + 64) return;
  uint8_t *copy = fuzz_copy(data, size);
  char text[65];
  const size_t rest = (size_t)(line_end - data) + 1;
  hash(data + rest, size - rest, text);
  memcpy(copy + at, text, 64);
  if (module)
    try_module(copy, size);
  else
    try_import(copy, size);
  free(copy);
}

// ---- Pipelines ---------------------------------------------------------------------------------

#ifdef FUZZ_VULKAN

static ee_vulkan_device_t device;
static ee_heap_t heap;
static uint64_t read_bytes;

static VKAPI_ATTR VkResult VKAPI_CALL create(VkDevice handle, const VkPipelineCacheCreateInfo *info,
                                             const VkAllocationCallbacks *callbacks,
                                             VkPipelineCache *out_cache) {
  (void)handle, (void)callbacks;
  for (size_t i = 0; i < info->initialDataSize; ++i)
    read_bytes += ((const uint8_t *)info->pInitialData)[i];
  // Of some data the driver makes nothing.
  if (info->initialDataSize % 5 == 4) return VK_ERROR_INITIALIZATION_FAILED;
  *out_cache = (VkPipelineCache)(uintptr_t)1;
  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy(VkDevice handle, VkPipelineCache object,
                                          const VkAllocationCallbacks *callbacks) {
  (void)handle, (void)object, (void)callbacks;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_data(VkDevice handle, VkPipelineCache object,
                                               size_t *size, void *data) {
  (void)handle, (void)object;
  if (data) memset(data, 7, *size);
  *size = device.cache_size; // nothing was added
  return VK_SUCCESS;
}

static void *reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user, (void)old_size;
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

// Right is what the header says of the device and of the data.
static void correct(uint8_t *file, size_t size) {
  uint64_t data_size = size - 56, fnv = UINT64_C(0xCBF29CE484222325);
  for (size_t i = 56; i < size; ++i)
    fnv = (fnv ^ file[i]) * UINT64_C(0x100000001B3);
  memcpy(file + 40, &data_size, sizeof data_size);
  memcpy(file + 48, &fnv, sizeof fnv);
}

static void put_pipelines(const uint8_t *data, size_t size) {
  put(pipelines_path, data, size);
  eerie_error_t err = {0};
  FUZZ_REQUIRE(ee_vulkan_cache_create(&device, &err) == EERIE_OK); // with it or without
  FUZZ_REQUIRE(device.cache_size == 0 || device.cache_size == size - 56);
  ee_vulkan_cache_destroy(&device);
  FUZZ_REQUIRE(heap.current == 0);
}

static void try_pipelines(const uint8_t *data, size_t size) {
  if (!device.vk.CreatePipelineCache) {
    ee_heap_initialize(&heap, (eerie_allocator_t){reallocate, NULL}, 0);
    device.queued.base.heap = &heap;
    device.vk.CreatePipelineCache = create;
    device.vk.DestroyPipelineCache = destroy;
    device.vk.GetPipelineCacheData = get_data;
    // Where it looks is what it says.
    setenv("XDG_CACHE_HOME", cache.folder, 1);
    if (ee_vulkan_cache_create(&device, NULL) != EERIE_OK || !device.cache_path) abort();
    snprintf(pipelines_path, sizeof pipelines_path, "%s", device.cache_path);
    ee_vulkan_cache_destroy(&device);
  }
  put_pipelines(data, size);
  if (size <= 56) return;
  uint8_t *copy = fuzz_copy(data, size);
  correct(copy, size);
  put_pipelines(copy, size);
  free(copy);
}

#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!cache.folder[0]) make_folder();
  try_module(data, size);
  try_import(data, size);
  try_hashed(data, size);
#ifdef FUZZ_VULKAN
  try_pipelines(data, size);
#endif
  return 0;
}
