// loader.c: the system's Vulkan loader, opened at run time; instances; how results become errors.
#include "drivers/vulkan/vulkan.h"

// The loader's names, by what the system's libraries are (ee_port_library_kind), and whence it
// comes.
static const struct {
  const char *kind, *name, *source;
} loaders[] = {
    {"elf", "libvulkan.so.1", "Debian's package is libvulkan1"},
    {"elf", "libvulkan.so", "Android has it since version 7"},
    {"dll", "vulkan-1.dll", "it comes with the graphics card's driver"},
    {"dylib", "libvulkan.1.dylib", "the Vulkan SDK has it"},
    {"dylib", "libMoltenVK.dylib", "MoltenVK is it"},
};
#define LOADER_COUNT (sizeof loaders / sizeof loaders[0])

#define OLDEST_VERSION VK_API_VERSION_1_1
// What the driver knows of; newer devices are used as this one.
#define NEWEST_VERSION VK_API_VERSION_1_3

static const char *result_name(VkResult result) {
  switch (result) {
  case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
  case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
  case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
  case VK_ERROR_DEVICE_LOST: return "the device is lost";
  case VK_ERROR_MEMORY_MAP_FAILED: return "memory cannot be mapped";
  case VK_ERROR_LAYER_NOT_PRESENT: return "a layer that was asked for is not there";
  case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is not there";
  case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is not there";
  case VK_ERROR_INCOMPATIBLE_DRIVER: return "no driver for this version is installed";
  case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
  case VK_ERROR_OUT_OF_POOL_MEMORY: return "a pool is used up";
  case VK_ERROR_INVALID_SHADER_NV: return "the driver refuses the shader";
  case VK_ERROR_INVALID_EXTERNAL_HANDLE: return "the driver refuses this memory";
  default: return "failed";
  }
}

static eerie_status_t result_status(VkResult result) {
  switch (result) {
  case VK_ERROR_OUT_OF_HOST_MEMORY:
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
  case VK_ERROR_TOO_MANY_OBJECTS:
  case VK_ERROR_OUT_OF_POOL_MEMORY: return EERIE_RESOURCE_EXHAUSTED;
  case VK_ERROR_DEVICE_LOST: return EERIE_ABORTED;
  case VK_ERROR_INCOMPATIBLE_DRIVER: return EERIE_NOT_FOUND;
  case VK_ERROR_LAYER_NOT_PRESENT:
  case VK_ERROR_EXTENSION_NOT_PRESENT:
  case VK_ERROR_FEATURE_NOT_PRESENT:
  case VK_ERROR_INVALID_SHADER_NV: return EERIE_INCOMPATIBLE;
  case VK_ERROR_INITIALIZATION_FAILED: return EERIE_UNAVAILABLE;
  case VK_ERROR_INVALID_EXTERNAL_HANDLE: return EERIE_UNIMPLEMENTED;
  default: return EERIE_INTERNAL;
  }
}

eerie_status_t ee_vulkan_failed(eerie_error_t *err, const char *function, VkResult result) {
  (void)function, (void)result_name; // unused in builds without texts
  return EE_FAIL(err, result_status(result), "%s: %s (VkResult %d)", function, result_name(result),
                 (int)result);
}

static eerie_status_t open_library(ee_port_library_t *out_library, eerie_error_t *err) {
  const ee_str_t kind = ee_str_from(ee_port_library_kind());
  size_t first = LOADER_COUNT;
  *out_library = (ee_port_library_t){.file = -1};
  for (size_t i = 0; i < LOADER_COUNT; ++i) {
    if (!ee_str_equal(ee_str_from(loaders[i].kind), kind)) continue;
    if (ee_port_library_open(loaders[i].name, out_library, NULL) == EERIE_OK) return EERIE_OK;
    if (first == LOADER_COUNT) first = i;
  }
  if (first == LOADER_COUNT)
    return EE_FAIL(err, EERIE_UNIMPLEMENTED, "no Vulkan loader is known for this system");
  // The first name's reason, and what to do.
  const eerie_status_t status = ee_port_library_open(loaders[first].name, out_library, err);
  EE_ANNOTATE(err, "no Vulkan loader is installed (%s)", loaders[first].source);
  return status;
}

// The extensions of the loader that the driver uses where they are.
typedef struct extensions {
  const char *names[2];
  uint32_t count;
  bool debug_utils;
  bool portability;
} extensions_t;

static void find_extensions(const ee_vulkan_instance_t *instance, extensions_t *out_found) {
  enum { MOST = 64 };
  VkExtensionProperties list[MOST];
  uint32_t count = MOST;
  *out_found = (extensions_t){0};
  const PFN_vkEnumerateInstanceExtensionProperties enumerate =
      (PFN_vkEnumerateInstanceExtensionProperties)instance->get(
          NULL, "vkEnumerateInstanceExtensionProperties");
  if (!enumerate) return;
  const VkResult result = enumerate(NULL, &count, list);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE) return;
  for (uint32_t i = 0; i < count; ++i) {
    const ee_str_t name = ee_str_from(list[i].extensionName);
    if (ee_str_equal(name, EE_STR(VK_EXT_DEBUG_UTILS_EXTENSION_NAME))) {
      out_found->debug_utils = true;
      out_found->names[out_found->count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    } else if (ee_str_equal(name, EE_STR(VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME))) {
      out_found->portability = true;
      out_found->names[out_found->count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    }
  }
}

static eerie_status_t check_version(ee_vulkan_instance_t *instance, eerie_error_t *err) {
  const PFN_vkEnumerateInstanceVersion get_version =
      (PFN_vkEnumerateInstanceVersion)instance->get(NULL, "vkEnumerateInstanceVersion");
  uint32_t version = VK_API_VERSION_1_0;
  const VkResult result = get_version ? get_version(&version) : VK_SUCCESS;
  if (result != VK_SUCCESS) return ee_vulkan_failed(err, "vkEnumerateInstanceVersion", result);
  if (version < OLDEST_VERSION) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "the Vulkan loader is of version %u.%u; 1.1 is needed",
                   VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
  }
  instance->version = version < NEWEST_VERSION ? version : NEWEST_VERSION;
  return EERIE_OK;
}

static eerie_status_t create_instance(ee_vulkan_instance_t *instance, eerie_error_t *err) {
  extensions_t extensions;
  find_extensions(instance, &extensions);
  const PFN_vkCreateInstance create = (PFN_vkCreateInstance)instance->get(NULL, "vkCreateInstance");
  if (!create) return EE_FAIL(err, EERIE_INCOMPATIBLE, "the Vulkan loader has no vkCreateInstance");
  const VkApplicationInfo application = {
      .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
      .pApplicationName = "eerie",
      .pEngineName = "eerie",
      .apiVersion = instance->version,
  };
  const VkInstanceCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
      .flags = extensions.portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
      .pApplicationInfo = &application,
      .enabledExtensionCount = extensions.count,
      .ppEnabledExtensionNames = extensions.names,
  };
  const VkResult result = create(&info, NULL, &instance->handle);
  if (result != VK_SUCCESS) {
    instance->handle = NULL;
    return ee_vulkan_failed(err, "vkCreateInstance", result);
  }
  instance->debug_utils = extensions.debug_utils;
  return EERIE_OK;
}

const char *ee_vulkan_load(const char *names, ee_vulkan_find_t find, const void *owner,
                           void *out_pointers) {
  const char *missing = NULL;
  for (char *place = out_pointers; *names; names += strlen(names) + 1) {
    const PFN_vkVoidFunction found = find(owner, names);
    memcpy(place, &found, sizeof found); // pointers to functions are of one size
    place += sizeof found;
    if (!found) missing = names;
  }
  return missing;
}

static PFN_vkVoidFunction find_function(const void *owner, const char *name) {
  const ee_vulkan_instance_t *instance = owner;
  return instance->get(instance->handle, name);
}

static eerie_status_t load_functions(ee_vulkan_instance_t *instance, eerie_error_t *err) {
  static const char names[] = EE_VULKAN_INSTANCE_FUNCTIONS(EE_VULKAN_NAME);
  const char *missing =
      ee_vulkan_load(names, find_function, instance,
                     (char *)instance + offsetof(ee_vulkan_instance_t, DestroyInstance));
  if (!missing) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "the Vulkan loader has no %s", missing);
}

eerie_status_t ee_vulkan_instance_open(ee_vulkan_instance_t *out_instance, eerie_error_t *err) {
  *out_instance = (ee_vulkan_instance_t){.library = {.file = -1}};
  EE_TRY(open_library(&out_instance->library, err));
  void *const entry = ee_port_library_find(&out_instance->library, "vkGetInstanceProcAddr");
  eerie_status_t status = EERIE_OK;
  if (entry) {
    memcpy(&out_instance->get, &entry, sizeof entry); // ISO C has no cast for it
  } else {
    status = EE_FAIL(err, EERIE_INCOMPATIBLE, "the Vulkan loader has no vkGetInstanceProcAddr");
  }
  if (status == EERIE_OK) status = check_version(out_instance, err);
  if (status == EERIE_OK) status = create_instance(out_instance, err);
  if (status == EERIE_OK) status = load_functions(out_instance, err);
  if (status != EERIE_OK) ee_vulkan_instance_close(out_instance);
  return status;
}

void ee_vulkan_instance_close(ee_vulkan_instance_t *instance) {
  if (instance->handle && instance->DestroyInstance)
    instance->DestroyInstance(instance->handle, NULL);
  instance->handle = NULL;
  ee_port_library_close(&instance->library);
}
