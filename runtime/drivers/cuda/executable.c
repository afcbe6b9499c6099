// executable.c: from a "cuda-nvptx-fb" or "rocm-hsaco-fb" image to kernels.
//
//   magic | version 0 | size of the flatbuffer (u64) | zeros up to 64 bytes | flatbuffer
//
// Everything that the library would take on trust is checked before: texts end, images are whole,
// kernels take what the file says and fit the device. Source: iree/schemas/cuda_executable_def.fbs
// and hip_executable_def.fbs of 3.11 and 3.13, which are alike but for the magic, and files of
// those compilers for the header.
#include "base/flatbuffer.h"
#include "drivers/cuda/cuda.h"

enum { HEADER_SIZE = 64 };
enum { MAGIC_CUDA = 0x31414443, MAGIC_HIP = 0x31504948 }; // "CDA1", "HIP1"
// Shared memory that a kernel gets without being asked about it. Source: CUDA C++ programming
// guide, "Shared Memory": above 48 KB it must be asked for.
enum { SHARED_WITHOUT_ASKING = 48 << 10 };

// ExecutableDef
enum { FILE_EXPORTS, FILE_MODULES };
// ExportDef
enum {
  EXPORT_MODULE,
  EXPORT_NAME,
  EXPORT_BLOCK,
  EXPORT_SHARED,
  EXPORT_CONSTANTS,
  EXPORT_BINDINGS,
};
// ModuleDef
enum { MODULE_IMAGE };

typedef struct reader {
  ee_cuda_device_t *device;
  ee_cuda_executable_t *executable;
  ee_fb_t fb;
} reader_t;

// ---- The container -----------------------------------------------------------------------------

static eerie_status_t find_flatbuffer(ee_bytes_t data, bool hip, ee_bytes_t *out_flatbuffer,
                                      eerie_error_t *err) {
  const uint32_t expected = hip ? MAGIC_HIP : MAGIC_CUDA;
  if (data.size < HEADER_SIZE) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "truncated executable: %zu bytes, the header has %d",
                   data.size, HEADER_SIZE);
  }
  const uint32_t magic = ee_load_u32(data.data), version = ee_load_u32(data.data + 4);
  if (magic != expected) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the executable begins with 0x%08x, expected '%s'", magic,
                   hip ? "HIP1" : "CDA1");
  }
  if (version != 0) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "executable of version %u; version 0 is known",
                   version);
  }
  const uint64_t size = ee_load_u64(data.data + 8);
  if (size < 8 || size > data.size - HEADER_SIZE) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "truncated executable: its header says %llu bytes, there are %zu",
                   (unsigned long long)size, data.size - HEADER_SIZE);
  }
  *out_flatbuffer = (ee_bytes_t){data.data + HEADER_SIZE, (size_t)size};
  if (ee_load_u32(out_flatbuffer->data + 4) != expected)
    return EE_FAIL(err, EERIE_DATA_LOSS, "the executable's flatbuffer is not a '%s'",
                   hip ? "HIP1" : "CDA1");
  return EERIE_OK;
}

// ---- What the file says of kernels -------------------------------------------------------------

// A struct of three words in the current table; all 1 where it is absent.
static void read_block(ee_fb_t *fb, uint32_t out_block[3]) {
  const uint8_t *block = ee_fb_field(fb, EXPORT_BLOCK, 3 * sizeof(uint32_t));
  for (size_t i = 0; i < 3; ++i)
    out_block[i] = block ? ee_load_u32(block + i * sizeof(uint32_t)) : 1;
}

static eerie_status_t check_block(const ee_cuda_physical_t *physical,
                                  const ee_cuda_kernel_t *kernel, eerie_error_t *err) {
  const uint32_t *block = kernel->block;
  const bool fits =
      block[0] && block[1] && block[2] && block[0] <= (uint32_t)physical->max_block_x &&
      block[1] <= (uint32_t)physical->max_block_y && block[2] <= (uint32_t)physical->max_block_z &&
      (uint64_t)block[0] * block[1] <= (uint32_t)physical->max_threads &&
      (uint64_t)block[0] * block[1] * block[2] <= (uint32_t)physical->max_threads;
  if (!fits) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "workgroups of %ux%ux%u threads; %s runs those of 1 to %dx%dx%d, %d in all",
                   block[0], block[1], block[2], physical->name, physical->max_block_x,
                   physical->max_block_y, physical->max_block_z, physical->max_threads);
  }
  if (kernel->shared_size <= ee_cuda_most_shared(physical)) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "%u bytes of shared memory; %s has %u",
                 kernel->shared_size, physical->name, ee_cuda_most_shared(physical));
}

static eerie_status_t read_export(reader_t *reader, ee_cuda_kernel_t *kernel) {
  ee_fb_t *fb = &reader->fb;
  ee_heap_t *heap = reader->device->queued.base.heap;
  kernel->module = ee_fb_u32(fb, EXPORT_MODULE, 0);
  const ee_str_t name = ee_fb_string(fb, EXPORT_NAME, true, EE_FB_NAME("kernel_name"));
  read_block(fb, kernel->block);
  kernel->shared_size = ee_fb_u32(fb, EXPORT_SHARED, 0);
  kernel->constant_count = ee_fb_u32(fb, EXPORT_CONSTANTS, 0);
  kernel->binding_count =
      ee_fb_vector(fb, EXPORT_BINDINGS, sizeof(uint64_t), EE_FB_NAME("binding_flags")).count;
  if (fb->status != EERIE_OK) return fb->status;
  kernel->name = ee_heap_allocate(heap, name.size + 1);
  if (!kernel->name) return EE_NO_MEMORY(fb->err, name.size + 1);
  memcpy(kernel->name, name.data, name.size);
  kernel->name[name.size] = 0;
  if (kernel->module >= reader->executable->module_count) {
    return EE_FAIL(fb->err, EERIE_DATA_LOSS, "module %u of %u", kernel->module,
                   reader->executable->module_count);
  }
  if (kernel->constant_count > EE_CUDA_MAX_CONSTANTS ||
      kernel->binding_count > EE_CUDA_MAX_BINDINGS) {
    return EE_FAIL(fb->err, EERIE_OUT_OF_RANGE,
                   "%u constants and %u bindings; the limits are %u, %u", kernel->constant_count,
                   kernel->binding_count, EE_CUDA_MAX_CONSTANTS, EE_CUDA_MAX_BINDINGS);
  }
  return check_block(&reader->device->physical, kernel, fb->err);
}

static eerie_status_t read_exports(reader_t *reader, ee_fb_vector_t list) {
  ee_cuda_executable_t *executable = reader->executable;
  const size_t size = list.count * sizeof *executable->kernels;
  executable->kernels = ee_heap_allocate_zeroed(reader->device->queued.base.heap, size);
  if (!executable->kernels && size) return EE_NO_MEMORY(reader->fb.err, size);
  executable->base.function_count = list.count;
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(&reader->fb, list, i, EE_FB_NAME("exports"));
    ee_cuda_kernel_t *kernel = &executable->kernels[i];
    const eerie_status_t status = read_export(reader, kernel);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->fb.err, "kernel %u%s%s", i, kernel->name ? " " : "",
                  kernel->name ? kernel->name : "");
      return status;
    }
  }
  return EERIE_OK;
}

// ---- Modules -----------------------------------------------------------------------------------

// What the library's compiler says goes into the error, without the white space at its end.
static eerie_status_t load_failed(ee_cuda_device_t *device, ee_cuda_result_t result, char *log,
                                  size_t size, eerie_error_t *err) {
  const eerie_status_t status = ee_cuda_failed(device, err, "ModuleLoadDataEx", result);
  log[size - 1] = 0;
  size_t length = ee_str_length(log);
  while (length && (log[length - 1] == '\n' || log[length - 1] == ' '))
    log[--length] = 0;
  if (length) EE_ANNOTATE(err, "%s", log);
  return status;
}

static eerie_status_t load_module(ee_cuda_device_t *device, const void *image,
                                  ee_cuda_module_t *out_module, eerie_error_t *err) {
  char log[256] = {0};
  int options[] = {EE_CUDA_JIT_ERROR_LOG, EE_CUDA_JIT_ERROR_LOG_SIZE};
  void *values[] = {log, (void *)(uintptr_t)sizeof log};
  // Images for AMD's GPUs are compiled already.
  const unsigned option_count = device->library->hip ? 0 : 2;
  const ee_cuda_result_t result =
      device->cu->ModuleLoadDataEx(out_module, image, option_count, options, values);
  if (result == EE_CUDA_SUCCESS) return EERIE_OK;
  *out_module = NULL;
  return load_failed(device, result, log, sizeof log, err);
}

static eerie_status_t ask_shared(ee_cuda_device_t *device, const ee_cuda_kernel_t *kernel,
                                 eerie_error_t *err) {
  int fixed = 0;
  ee_cuda_result_t result =
      device->cu->FuncGetAttribute(&fixed, EE_CUDA_FUNCTION_SHARED_SIZE, kernel->function);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "FuncGetAttribute", result);
  const uint64_t all = (uint64_t)kernel->shared_size + (uint32_t)(fixed > 0 ? fixed : 0);
  if (all > ee_cuda_most_shared(&device->physical)) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "%llu bytes of shared memory; %s has %u",
                   (unsigned long long)all, device->physical.name,
                   ee_cuda_most_shared(&device->physical));
  }
  // AMD's grant all that there is; hipFuncSetAttribute knows functions of the host's program only.
  if (device->library->hip) return EERIE_OK;
  if (all <= SHARED_WITHOUT_ASKING || !kernel->shared_size) return EERIE_OK;
  result = device->cu->FuncSetAttribute(kernel->function, EE_CUDA_FUNCTION_MAX_DYNAMIC_SHARED,
                                        (int)kernel->shared_size);
  return result == EE_CUDA_SUCCESS ? EERIE_OK
                                   : ee_cuda_failed(device, err, "FuncSetAttribute", result);
}

static eerie_status_t find_kernel(ee_cuda_device_t *device, ee_cuda_module_t module,
                                  ee_cuda_kernel_t *kernel, eerie_error_t *err) {
  int most = 0;
  ee_cuda_result_t result = device->cu->ModuleGetFunction(&kernel->function, module, kernel->name);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "ModuleGetFunction", result);
  result = device->cu->FuncGetAttribute(&most, EE_CUDA_FUNCTION_MAX_THREADS, kernel->function);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "FuncGetAttribute", result);
  // check_block has bounded the product.
  const uint32_t threads = kernel->block[0] * kernel->block[1] * kernel->block[2];
  if (most > 0 && threads > (uint32_t)most) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "workgroups of %u threads; with the registers that it takes %s runs %d", threads,
                   device->physical.name, most);
  }
  return ask_shared(device, kernel, err);
}

// The image in the current table, as the library takes it.
static eerie_status_t find_image(reader_t *reader, uint32_t module, const void **out_image) {
  ee_fb_t *fb = &reader->fb;
  ee_cuda_executable_t *executable = reader->executable;
  if (reader->device->library->hip) {
    const ee_fb_vector_t image = ee_fb_vector(fb, MODULE_IMAGE, 1, EE_FB_NAME("hsaco_image"));
    *out_image = image.data;
    if (fb->status != EERIE_OK) return fb->status;
    return ee_cuda_hsaco_check((ee_bytes_t){image.data, image.count}, fb->err);
  }
  const ee_str_t ptx = ee_fb_string(fb, MODULE_IMAGE, true, EE_FB_NAME("ptx_image"));
  *out_image = ptx.data;
  if (fb->status != EERIE_OK) return fb->status;
  EE_TRY(ee_cuda_ptx_check(&reader->device->physical, ptx, fb->err));
  return ee_cuda_ptx_check_kernels(ptx, module, executable->kernels,
                                   executable->base.function_count, fb->err);
}

static eerie_status_t read_module(reader_t *reader, uint32_t module) {
  ee_cuda_executable_t *executable = reader->executable;
  const void *image;
  EE_TRY(find_image(reader, module, &image));
  EE_TRY(load_module(reader->device, image, &executable->modules[module], reader->fb.err));
  for (uint32_t i = 0; i < executable->base.function_count; ++i) {
    ee_cuda_kernel_t *kernel = &executable->kernels[i];
    if (kernel->module != module) continue;
    const eerie_status_t status =
        find_kernel(reader->device, executable->modules[module], kernel, reader->fb.err);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->fb.err, "kernel %u %s", i, kernel->name);
      return status;
    }
  }
  return EERIE_OK;
}

static eerie_status_t read_modules(reader_t *reader, ee_fb_vector_t list) {
  for (uint32_t i = 0; i < list.count; ++i) {
    ee_fb_table_at(&reader->fb, list, i, EE_FB_NAME("modules"));
    const eerie_status_t status = read_module(reader, i);
    if (status != EERIE_OK) {
      EE_ANNOTATE(reader->fb.err, "module %u", i);
      return status;
    }
  }
  return EERIE_OK;
}

static eerie_status_t read_all(reader_t *reader, ee_bytes_t flatbuffer, eerie_error_t *err) {
  ee_fb_t *fb = &reader->fb;
  ee_cuda_executable_t *executable = reader->executable;
  ee_fb_open(fb, flatbuffer, err);
  const ee_fb_vector_t exports = ee_fb_vector(fb, FILE_EXPORTS, 4, EE_FB_NAME("exports"));
  const ee_fb_vector_t modules = ee_fb_vector(fb, FILE_MODULES, 4, EE_FB_NAME("modules"));
  if (fb->status != EERIE_OK) return fb->status;
  if (exports.count > EE_CUDA_MAX_PARTS || modules.count > EE_CUDA_MAX_PARTS) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "%u kernels, %u modules; the limit is %u of each",
                   exports.count, modules.count, EE_CUDA_MAX_PARTS);
  }
  const size_t size = modules.count * sizeof(ee_cuda_module_t);
  executable->modules = ee_heap_allocate_zeroed(reader->device->queued.base.heap, size);
  if (!executable->modules && size) return EE_NO_MEMORY(err, size);
  executable->module_count = modules.count;
  EE_TRY(read_exports(reader, exports));
  ee_cuda_scope_t scope;
  const ee_cuda_result_t result = ee_cuda_enter(reader->device, &scope);
  if (result != EE_CUDA_SUCCESS)
    return ee_cuda_failed(reader->device, err, "CtxPushCurrent", result);
  const eerie_status_t status = read_modules(reader, modules);
  ee_cuda_leave(reader->device, &scope);
  return status;
}

// ---- The slots ---------------------------------------------------------------------------------

eerie_status_t ee_cuda_executable_create(ee_hal_device_t *base, ee_str_t format, ee_bytes_t data,
                                         ee_object_t *data_owner, const uint32_t *constants,
                                         size_t constant_count,
                                         ee_hal_executable_t **out_executable, eerie_error_t *err) {
  ee_cuda_device_t *device = ee_cuda_device(ee_hal_queued(base));
  (void)constants;
  if (!ee_str_equal(format, ee_str_from(device->library->format))) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "executables of format '%.*s' do not run on device %s, which takes %s",
                   EE_STR_ARG(format), base->name, device->library->format);
  }
  if (constant_count) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                   "executables of format '%.*s' take no constants, %zu are given",
                   EE_STR_ARG(format), constant_count);
  }
  EE_TRY(ee_hal_queued_check_lost(&device->queued, err));
  ee_bytes_t flatbuffer;
  EE_TRY(find_flatbuffer(data, device->library->hip, &flatbuffer, err));
  ee_cuda_executable_t *executable = ee_heap_allocate_zeroed(base->heap, sizeof *executable);
  if (!executable) return EE_NO_MEMORY(err, sizeof *executable);
  ee_hal_executable_initialize(&executable->base, base, 0);
  executable->owner = data_owner;
  ee_object_retain(data_owner);
  reader_t reader = {.device = device, .executable = executable};
  const eerie_status_t status = read_all(&reader, flatbuffer, err);
  if (status != EERIE_OK) {
    ee_object_release(&executable->base.object);
    return status;
  }
  ee_cuda_timing_kernels(executable);
  *out_executable = &executable->base;
  return EERIE_OK;
}

static void unload_modules(ee_cuda_device_t *device, ee_cuda_executable_t *executable) {
  ee_cuda_scope_t scope;
  if (ee_cuda_enter(device, &scope) != EE_CUDA_SUCCESS) return;
  for (uint32_t i = 0; i < executable->module_count; ++i) {
    if (executable->modules[i]) (void)device->cu->ModuleUnload(executable->modules[i]);
  }
  ee_cuda_leave(device, &scope);
}

void ee_cuda_executable_destroy(ee_hal_executable_t *base) {
  ee_cuda_executable_t *executable = (ee_cuda_executable_t *)base;
  ee_cuda_device_t *device = ee_cuda_device(ee_hal_queued(base->device));
  ee_heap_t *heap = base->device->heap;
  unload_modules(device, executable);
  for (uint32_t i = 0; i < base->function_count; ++i) {
    char *name = executable->kernels[i].name;
    if (name) ee_heap_free(heap, name, ee_str_length(name) + 1);
  }
  ee_heap_free(heap, executable->kernels, base->function_count * sizeof *executable->kernels);
  ee_heap_free(heap, executable->modules, executable->module_count * sizeof *executable->modules);
  ee_object_release(executable->owner);
  ee_heap_free(heap, executable, sizeof *executable);
}

// PTX has no names with every character: the compiler writes '_' for those that are no letter or
// digit (sanitizeSymbolName in CUDATarget.cpp), into the text and into the list of exports, while
// the program asks for `f$async_dispatch_0` all the same.
static bool is_name(const char *kernel, ee_str_t name) {
  if (ee_str_length(kernel) != name.size) return false;
  for (size_t i = 0; i < name.size; ++i) {
    const char c = name.data[i];
    const bool kept =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (kernel[i] != c && (kept || kernel[i] != '_')) return false;
  }
  return true;
}

eerie_status_t ee_cuda_executable_lookup(ee_hal_executable_t *base, ee_str_t name,
                                         uint32_t *out_function, eerie_error_t *err) {
  const ee_cuda_executable_t *executable = (const ee_cuda_executable_t *)base;
  for (uint32_t i = 0; i < base->function_count; ++i) {
    if (!is_name(executable->kernels[i].name, name)) continue;
    *out_function = i;
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_NOT_FOUND, "no kernel '%.*s' among the %u of the executable",
                 EE_STR_ARG(name), base->function_count);
}

eerie_status_t ee_cuda_dispatch_check(ee_hal_executable_t *base, uint32_t function,
                                      size_t constant_count, size_t binding_count,
                                      eerie_error_t *err) {
  const ee_cuda_executable_t *executable = (const ee_cuda_executable_t *)base;
  if (function >= base->function_count) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "kernel %u of an executable with %u", function,
                   base->function_count);
  }
  const ee_cuda_kernel_t *kernel = &executable->kernels[function];
  if (constant_count != kernel->constant_count || binding_count != kernel->binding_count) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "kernel %s takes %u constants and %u bindings, the dispatch gives %zu and %zu",
                   kernel->name, kernel->constant_count, kernel->binding_count, constant_count,
                   binding_count);
  }
  return EERIE_OK;
}
