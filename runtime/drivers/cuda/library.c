// library.c: the libraries of CUDA and HIP, opened at run time; how results become errors.
#include "drivers/cuda/cuda.h"

// Names that a library goes by, a system has few of them; the first is what errors speak of.
static const char *const cuda_names[] = {"libcuda.so.1", "nvcuda.dll", NULL};
static const char *const hip_names[] = {"libamdhip64.so", "libamdhip64.so.7", "libamdhip64.so.6",
                                        "amdhip64_7.dll", "amdhip64_6.dll",   NULL};

// Pools and graphs as they are used came with 11.4, of 2021.
enum { OLDEST_CUDA = 11040 };

typedef struct loader {
  EE_ATOMIC(uint32_t) busy;
  bool open;
  const char *const *files;
  const char *hint;
  ee_cuda_library_t library;
} loader_t;

static loader_t loaders[] = {
    [EE_CUDA_KIND_CUDA] = {.files = cuda_names,
                           .hint = "no driver of NVIDIA's is installed",
                           .library = {.kind = "cuda", .name = "CUDA", .format = "cuda-nvptx-fb"}},
    [EE_CUDA_KIND_HIP] =
        {.files = hip_names,
         .hint = "HIP, a part of ROCm, is not installed",
         .library = {.kind = "hip", .name = "HIP", .format = "rocm-hsaco-fb", .hip = true}},
};

// ---- Errors ------------------------------------------------------------------------------------

bool ee_cuda_is_sticky(ee_cuda_result_t result) {
  switch (result) {
  case EE_CUDA_ECC_UNCORRECTABLE:
  case EE_CUDA_NVLINK_UNCORRECTABLE:
  case EE_CUDA_ILLEGAL_ADDRESS:
  case EE_CUDA_LAUNCH_TIMEOUT:
  case EE_CUDA_CONTEXT_IS_DESTROYED:
  case EE_CUDA_ASSERT:
  case EE_CUDA_HARDWARE_STACK_ERROR:
  case EE_CUDA_ILLEGAL_INSTRUCTION:
  case EE_CUDA_MISALIGNED_ADDRESS:
  case EE_CUDA_INVALID_ADDRESS_SPACE:
  case EE_CUDA_INVALID_PC:
  case EE_CUDA_LAUNCH_FAILED:
  case EE_CUDA_DEINITIALIZED:
  case EE_CUDA_UNKNOWN: return true;
  default: return false;
  }
}

static eerie_status_t result_status(ee_cuda_result_t result) {
  switch (result) {
  case EE_CUDA_OUT_OF_MEMORY:
  case EE_CUDA_LAUNCH_OUT_OF_RESOURCES: return EERIE_RESOURCE_EXHAUSTED;
  case EE_CUDA_INVALID_IMAGE:
  case EE_CUDA_INVALID_SOURCE: return EERIE_DATA_LOSS;
  case EE_CUDA_NO_BINARY_FOR_GPU:
  case EE_CUDA_INVALID_PTX:
  case EE_CUDA_UNSUPPORTED_PTX_VERSION:
  case EE_CUDA_JIT_COMPILER_NOT_FOUND: return EERIE_INCOMPATIBLE;
  case EE_CUDA_NOT_FOUND: return EERIE_NOT_FOUND;
  case EE_CUDA_NO_DEVICE:
  case EE_CUDA_INVALID_DEVICE: return EERIE_NOT_FOUND;
  case EE_CUDA_STUB_LIBRARY:
  case EE_CUDA_INSUFFICIENT_DRIVER:
  case EE_CUDA_DEVICE_UNAVAILABLE:
  case EE_CUDA_SYSTEM_NOT_READY:
  case EE_CUDA_SYSTEM_DRIVER_MISMATCH: return EERIE_UNAVAILABLE;
  case EE_CUDA_NOT_SUPPORTED: return EERIE_UNIMPLEMENTED;
  default: return ee_cuda_is_sticky(result) ? EERIE_ABORTED : EERIE_INTERNAL;
  }
}

eerie_status_t ee_cuda_library_failed(const ee_cuda_library_t *library, eerie_error_t *err,
                                      const char *function, ee_cuda_result_t result) {
  const char *text = NULL;
  if (library->hip) {
    text = library->functions.HipGetErrorString(result);
  } else if (library->functions.GetErrorString(result, &text) != EE_CUDA_SUCCESS) {
    text = NULL;
  }
  (void)function, (void)text; // unused in builds without texts
  return EE_FAIL(err, result_status(result), "%s%s: %s (error %d)",
                 library->hip ? "HIP's twin of cu" : "cu", function, text ? text : "failed",
                 (int)result);
}

// ---- Entry points ------------------------------------------------------------------------------

static void find(const ee_port_library_t *file, const char *symbol, void *out_function,
                 const char **missing) {
  void *const address = ee_port_library_find(file, symbol);
  memcpy(out_function, &address, sizeof address); // ISO C has no cast for it
  if (!address && missing) *missing = symbol;
}

static const char *find_all(const ee_port_library_t *file, bool hip, ee_cuda_functions_t *f) {
  const char *missing = NULL;
#define REQUIRED(member, cuda, hip_name, parameters)                                               \
  find(file, hip ? #hip_name : #cuda, &f->member, &missing);
#define OPTIONAL(member, cuda, hip_name, parameters)                                               \
  find(file, hip ? #hip_name : #cuda, &f->member, NULL);
#define OWN(member, name, parameters) find(file, #name, &f->member, &missing);
  EE_CUDA_FUNCTIONS(REQUIRED)
  EE_CUDA_OPTIONAL_FUNCTIONS(OPTIONAL)
  if (hip) {
    EE_HIP_OWN_FUNCTIONS(OWN)
    find(file, EE_HIP_ERROR_STRING, &f->HipGetErrorString, &missing);
  } else {
    EE_CUDA_OWN_FUNCTIONS(OWN)
  }
#undef REQUIRED
#undef OPTIONAL
#undef OWN
  return missing;
}

static eerie_status_t open_file(const loader_t *loader, ee_port_library_t *out_file,
                                eerie_error_t *err) {
  for (size_t i = 0; loader->files[i]; ++i) {
    if (ee_port_library_open(loader->files[i], out_file, NULL) == EERIE_OK) return EERIE_OK;
  }
  const eerie_status_t status = ee_port_library_open(loader->files[0], out_file, err);
  EE_ANNOTATE(err, "%s", loader->hint);
  return status;
}

static eerie_status_t check_version(const ee_cuda_library_t *library, eerie_error_t *err) {
  int version = 0;
  const ee_cuda_result_t result = library->functions.DriverGetVersion(&version);
  if (result != EE_CUDA_SUCCESS) {
    return ee_cuda_library_failed(library, err, "DriverGetVersion", result);
  }
  if (library->hip || version >= OLDEST_CUDA) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE,
                 "the driver is for CUDA %d.%d; one for 11.4 or newer is needed", version / 1000,
                 version % 1000 / 10);
}

static eerie_status_t open_library(loader_t *loader, eerie_error_t *err) {
  ee_port_library_t file = {.file = -1};
  EE_TRY(open_file(loader, &file, err));
  ee_cuda_library_t *library = &loader->library;
  const char *missing = find_all(&file, library->hip, &library->functions);
  eerie_status_t status = EERIE_OK;
  if (missing) {
    status = EE_FAIL(err, EERIE_INCOMPATIBLE, "the driver of %s is too old: it has no %s",
                     library->name, missing);
  }
  if (status == EERIE_OK) status = check_version(library, err);
  if (status == EERIE_OK) {
    const ee_cuda_result_t result = library->functions.Init(0);
    if (result != EE_CUDA_SUCCESS) status = ee_cuda_library_failed(library, err, "Init", result);
  }
  // A library that has begun to work has threads: only one that has not is closed.
  if (missing) ee_port_library_close(&file);
  return status;
}

eerie_status_t ee_cuda_library_open(ee_cuda_kind_t kind, const ee_cuda_library_t **out_library,
                                    eerie_error_t *err) {
  loader_t *loader = &loaders[kind];
  uint32_t expected = 0;
  while (!ee_compare_exchange(&loader->busy, &expected, 1u)) {
    expected = 0;
    ee_port_relax();
  }
  eerie_status_t status = EERIE_OK;
  if (!loader->open) status = open_library(loader, err);
  loader->open = status == EERIE_OK;
  ee_store_release(&loader->busy, 0u);
  *out_library = &loader->library;
  return status;
}
