// Executables for CUDA and HIP: any bytes as an image, on devices without a library. What the
// driver hands to the library is whole, whatever the file says: texts end, parts of images lie
// inside, and arguments are as many as kernels read.
#include "fuzz/gpu.h"

#include <elf.h>

#include "drivers/cuda/cuda.h"

static ee_cuda_library_t libraries[2] = {
    {.kind = "cuda", .name = "CUDA", .format = "cuda-nvptx-fb"},
    {.kind = "hip", .name = "HIP", .format = "rocm-hsaco-fb", .hip = true},
};
static ee_cuda_device_t devices[2];
static long live, entered; // modules that are loaded, contexts that were entered and not left
static uint64_t read_bytes;
static bool hip; // the library in use

// ---- The libraries -----------------------------------------------------------------------------

static uint64_t sum(const uint8_t *bytes, uint64_t size) {
  uint64_t total = 0;
  for (uint64_t i = 0; i < size; ++i)
    total += bytes[i];
  return total;
}

// Reads what a loader reads: all segments and all sections.
static void read_elf(const uint8_t *image) {
  Elf64_Ehdr header;
  memcpy(&header, image, sizeof header);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    memcpy(&segment, image + header.e_phoff + i * sizeof segment, sizeof segment);
    read_bytes += sum(image + segment.p_offset, segment.p_filesz);
  }
  for (size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    memcpy(&section, image + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS)
      read_bytes += sum(image + section.sh_offset, section.sh_size);
  }
}

static ee_cuda_result_t load_module(ee_cuda_module_t *module, const void *image, unsigned count,
                                    int *options, void **values) {
  FUZZ_REQUIRE(entered > 0);
  if (hip) {
    FUZZ_REQUIRE(count == 0);
    read_elf(image);
  } else {
    read_bytes += strlen(image);
    // The log is the library's to fill, to its last byte.
    FUZZ_REQUIRE(count == 2 && options[0] == EE_CUDA_JIT_ERROR_LOG);
    memset(values[0], ' ', (size_t)(uintptr_t)values[1]);
    // One image in some is not to its taste.
    if (strstr(image, "nov.")) return EE_CUDA_INVALID_PTX;
  }
  ++live;
  *module = (ee_cuda_module_t)(uintptr_t)0x1000;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t unload_module(ee_cuda_module_t module) {
  FUZZ_REQUIRE(module != NULL && entered > 0);
  --live;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t get_function(ee_cuda_function_t *function, ee_cuda_module_t module,
                                     const char *name) {
  FUZZ_REQUIRE(module != NULL);
  read_bytes += strlen(name);
  if (strstr(name, "absent")) return EE_CUDA_NOT_FOUND;
  *function = (ee_cuda_function_t)(uintptr_t)0x2000;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t get_attribute(int *value, int attribute, ee_cuda_function_t function) {
  FUZZ_REQUIRE(function != NULL);
  *value = attribute == EE_CUDA_FUNCTION_MAX_THREADS ? 512 : 1024;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t set_attribute(ee_cuda_function_t function, int attribute, int value) {
  FUZZ_REQUIRE(function != NULL && attribute == EE_CUDA_FUNCTION_MAX_DYNAMIC_SHARED);
  FUZZ_REQUIRE(value > 0 && (uint32_t)value <= ee_cuda_most_shared(&devices[0].physical));
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t push_context(ee_cuda_context_t context) {
  (void)context;
  ++entered;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t pop_context(ee_cuda_context_t *context) {
  --entered;
  *context = NULL;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t get_device(int *ordinal) {
  *ordinal = 1; // another one is the thread's own
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t set_device(int ordinal) {
  entered += ordinal == 0 ? 1 : -1;
  return EE_CUDA_SUCCESS;
}

static ee_cuda_result_t error_string(ee_cuda_result_t result, const char **text) {
  (void)result;
  *text = "an error";
  return EE_CUDA_SUCCESS;
}

static const char *hip_error_string(ee_cuda_result_t result) {
  (void)result;
  return "an error";
}

// ---- Devices -----------------------------------------------------------------------------------

static void open_device(size_t index) {
  ee_cuda_functions_t *functions = &libraries[index].functions;
  functions->ModuleLoadDataEx = load_module;
  functions->ModuleUnload = unload_module;
  functions->ModuleGetFunction = get_function;
  functions->FuncGetAttribute = get_attribute;
  functions->FuncSetAttribute = set_attribute;
  functions->CtxPushCurrent = push_context;
  functions->CtxPopCurrent = pop_context;
  functions->GetDevice = get_device;
  functions->SetDevice = set_device;
  functions->GetErrorString = error_string;
  functions->HipGetErrorString = hip_error_string;
  ee_cuda_device_t *device = &devices[index];
  gpu_device_initialize(&device->queued.base, index ? &ee_hip_driver : &ee_cuda_driver,
                        sizeof *device);
  device->library = &libraries[index];
  device->cu = functions;
  device->physical = (ee_cuda_physical_t){
      .name = "none",
      .architecture = "sm_80",
      .max_threads = 1024,
      .max_block_x = 1024,
      .max_block_y = 1024,
      .max_block_z = 64,
      .max_shared = 49152,
      .max_shared_opt_in = 166912,
      .major = 8,
      .minor = 0,
  };
}

// ---- The target --------------------------------------------------------------------------------

// What launching a kernel counts on.
static void look_at(ee_hal_executable_t *base) {
  const ee_cuda_executable_t *executable = (const ee_cuda_executable_t *)base;
  for (uint32_t i = 0; i < base->function_count; ++i) {
    const ee_cuda_kernel_t *kernel = &executable->kernels[i];
    FUZZ_REQUIRE(kernel->function && (hip || kernel->checked));
    FUZZ_REQUIRE(kernel->constant_count <= EE_CUDA_MAX_CONSTANTS);
    FUZZ_REQUIRE(kernel->binding_count <= EE_CUDA_MAX_BINDINGS);
    const uint64_t threads = (uint64_t)kernel->block[0] * kernel->block[1] * kernel->block[2];
    FUZZ_REQUIRE(threads > 0 && threads <= 512);
  }
  gpu_look_at(base);
}

static void try_image(const uint8_t *data, size_t size) {
  hip = size >= 4 && memcmp(data, "HIP1", 4) == 0;
  uint8_t *copy = fuzz_copy(data, size);
  ee_hal_executable_t *executable = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status =
      ee_hal_executable_create(&devices[hip].queued.base, ee_str_from(libraries[hip].format),
                               (ee_bytes_t){copy, size}, NULL, NULL, 0, &executable, &err);
  FUZZ_REQUIRE((status == EERIE_OK) == (executable != NULL) && entered == 0);
  if (executable) {
    look_at(executable);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  ee_object_release((ee_object_t *)executable);
  FUZZ_REQUIRE(live == 0 && entered == 0);
  gpu_nothing_is_left();
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!devices[0].library) {
    open_device(0);
    open_device(1);
  }
  const bool found = gpu_each_image(data, size, "CDA1", try_image);
  if (!gpu_each_image(data, size, "HIP1", try_image) && !found) try_image(data, size);
  return 0;
}
