// device.c: devices of CUDA and HIP: opening, closing, contexts of threads, the drivers' tables.
#include "drivers/cuda/cuda.h"

// ---- Contexts ----------------------------------------------------------------------------------

ee_cuda_result_t ee_cuda_enter(const ee_cuda_device_t *device, ee_cuda_scope_t *out_scope) {
  out_scope->ordinal = 0;
  if (!device->library->hip) return device->cu->CtxPushCurrent(device->context);
  const ee_cuda_result_t result = device->cu->GetDevice(&out_scope->ordinal);
  if (result != EE_CUDA_SUCCESS || out_scope->ordinal == device->physical.handle) return result;
  return device->cu->SetDevice(device->physical.handle);
}

void ee_cuda_leave(const ee_cuda_device_t *device, const ee_cuda_scope_t *scope) {
  ee_cuda_context_t context;
  if (!device->library->hip) {
    (void)device->cu->CtxPopCurrent(&context);
  } else if (scope->ordinal != device->physical.handle) {
    (void)device->cu->SetDevice(scope->ordinal);
  }
}

eerie_status_t ee_cuda_failed(ee_cuda_device_t *device, eerie_error_t *err, const char *function,
                              ee_cuda_result_t result) {
  const eerie_status_t status = ee_cuda_library_failed(device->library, err, function, result);
  if (ee_cuda_is_sticky(result)) {
    ee_hal_queued_lose(&device->queued);
    EE_ANNOTATE(err, "device %s is lost; release it and open it again", device->queued.base.name);
  }
  return status;
}

// ---- Life --------------------------------------------------------------------------------------

static const ee_hal_queued_driver_t queue_driver = {
    .thread = "eerie-gpu",
    .chunk_create = ee_cuda_chunk_create,
    .chunk_destroy = ee_cuda_chunk_destroy,
    .chunk_import = ee_cuda_chunk_import,
    .trim = ee_cuda_memory_trim,
    .recording_create = ee_cuda_recording_create,
    .recording_destroy = ee_cuda_recording_destroy,
    .recording_clear = ee_cuda_recording_clear,
    .record_list = ee_cuda_record_list,
    .record_transfer = ee_cuda_record_transfer,
    .record_staged = ee_cuda_record_staged,
    .submit = ee_cuda_queue_submit,
    .reached = ee_cuda_queue_reached,
    .wait = ee_cuda_queue_wait,
    .tell = ee_cuda_timing_tell,
    .mark_give = ee_cuda_event_give,
};

static eerie_status_t open_context(ee_cuda_device_t *device, eerie_error_t *err) {
  ee_cuda_result_t result = EE_CUDA_SUCCESS;
  if (!device->library->hip) {
    result = device->cu->DevicePrimaryCtxRetain(&device->context, device->physical.handle);
    if (result != EE_CUDA_SUCCESS)
      return ee_cuda_failed(device, err, "DevicePrimaryCtxRetain", result);
  }
  device->entered = true;
  return EERIE_OK;
}

// What is made in the context.
static eerie_status_t open_parts(ee_cuda_device_t *device, eerie_error_t *err) {
  ee_cuda_scope_t scope;
  const ee_cuda_result_t result = ee_cuda_enter(device, &scope);
  if (result != EE_CUDA_SUCCESS) return ee_cuda_failed(device, err, "CtxPushCurrent", result);
  eerie_status_t status = ee_cuda_queue_create(device, err);
  if (status == EERIE_OK) status = ee_cuda_memory_create(device, err);
  ee_cuda_leave(device, &scope);
  return status;
}

static eerie_status_t open_device(ee_cuda_device_t *device, ee_cuda_kind_t kind, ee_str_t which,
                                  eerie_error_t *err) {
  EE_TRY(ee_cuda_library_open(kind, &device->library, err));
  device->cu = &device->library->functions;
  EE_TRY(ee_cuda_physical_choose(device->library, which, &device->physical, err));
  device->queued.description = device->physical.name;
  EE_TRY(open_context(device, err));
  return open_parts(device, err);
}

static void close_device(ee_cuda_device_t *device) {
  ee_cuda_scope_t scope;
  ee_hal_queued_stop(&device->queued);
  if (!device->entered) return;
  if (ee_cuda_enter(device, &scope) == EE_CUDA_SUCCESS) {
    ee_cuda_queue_destroy(device);
    ee_cuda_memory_destroy(device);
    ee_cuda_leave(device, &scope);
  }
  // The last one to release a context that is of no use any more makes room for a new one.
  if (device->context) (void)device->cu->DevicePrimaryCtxRelease(device->physical.handle);
}

static void cuda_close(ee_hal_device_t *base) {
  ee_cuda_device_t *device = ee_cuda_device(ee_hal_queued(base));
  close_device(device);
  ee_hal_queued_deinitialize(&device->queued);
  ee_port_monitor_destroy(&device->registering);
  ee_hal_device_deinitialize(base);
  ee_heap_free(base->heap, device->events, device->event_capacity * sizeof *device->events);
  ee_heap_free(base->heap, device, base->allocation_size);
}

static eerie_status_t open_kind(ee_cuda_kind_t kind, const ee_hal_driver_t *driver, ee_heap_t *heap,
                                ee_str_t spec, ee_hal_device_t **out_device, eerie_error_t *err) {
  ee_str_t which;
  if (!ee_hal_name_rest(spec, ee_str_from(driver->name), &which)) {
    return EE_FAIL(err, EERIE_NOT_FOUND, "'%.*s' names no device of kind %s", EE_STR_ARG(spec),
                   driver->name);
  }
  ee_cuda_device_t *device = ee_heap_allocate_zeroed(heap, sizeof *device);
  if (!device) return EE_NO_MEMORY(err, sizeof *device);
  ee_hal_device_t *base = &device->queued.base;
  ee_hal_device_initialize(base, driver, heap, ee_str_from(driver->name), sizeof *device);
  ee_hal_queued_initialize(&device->queued, &queue_driver);
  ee_port_monitor_initialize(&device->registering);
  const eerie_status_t status = open_device(device, kind, which, err);
  if (status != EERIE_OK) {
    // To the registry NOT_FOUND says that another driver may know the name; none does.
    EE_ANNOTATE(err, "device %.*s", EE_STR_ARG(spec));
    ee_hal_device_release(base);
    return status == EERIE_NOT_FOUND ? EERIE_UNAVAILABLE : status;
  }
  base->host_memory = device->queued.memory.unified;
  ee_format(base->name, sizeof base->name, "%s:%u", driver->name, device->physical.ordinal);
  *out_device = base;
  return EERIE_OK;
}

static eerie_status_t cuda_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                eerie_error_t *err) {
  return open_kind(EE_CUDA_KIND_CUDA, &ee_cuda_driver, heap, spec, out_device, err);
}
static eerie_status_t hip_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                               eerie_error_t *err) {
  return open_kind(EE_CUDA_KIND_HIP, &ee_hip_driver, heap, spec, out_device, err);
}

// ---- Tables ------------------------------------------------------------------------------------

// The questions that compiled modules ask. Source: query_i64 of IREE's cuda and hip devices, 3.11,
// 3.13.
static bool cuda_query(ee_hal_device_t *base, ee_str_t category, ee_str_t key, int64_t *out_value) {
  if (ee_str_equal(category, EE_STR("hal.executable.format"))) {
    const ee_cuda_device_t *device = ee_cuda_device(ee_hal_queued(base));
    *out_value = ee_str_equal(key, ee_str_from(device->library->format));
    return true;
  }
  if (ee_str_equal(category, EE_STR("hal.device")) ||
      ee_str_equal(category, EE_STR("hal.dispatch"))) {
    *out_value = 1;
    return ee_str_equal(key, EE_STR("concurrency"));
  }
  return false;
}

#define ASYNC_DRIVER(kind)                                                                         \
  {                                                                                                \
    .id = kind, .submit = ee_hal_queued_submit, .wait = ee_hal_queued_wait,                        \
    .watch = ee_hal_queued_watch, .transfer = ee_hal_queued_transfer,                              \
    .forget = ee_hal_queued_forget, .reaches = ee_cuda_reaches,                                    \
    .buffer_import = ee_hal_queued_buffer_import,                                                  \
  }
static const ee_hal_async_driver_t cuda_async_driver = ASYNC_DRIVER("cuda");
static const ee_hal_async_driver_t hip_async_driver = ASYNC_DRIVER("hip");

#define DRIVER(kind, info, open, async_table)                                                      \
  {                                                                                                \
    .size = sizeof(ee_hal_driver_t), .name = kind, .device_info = info, .device_open = open,       \
    .device_close = cuda_close, .query = cuda_query,                                               \
    .buffer_allocate = ee_hal_queued_buffer_allocate, .buffer_free = ee_hal_queued_buffer_free,    \
    .executable_create = ee_cuda_executable_create,                                                \
    .executable_destroy = ee_cuda_executable_destroy,                                              \
    .executable_lookup = ee_cuda_executable_lookup, .dispatch_check = ee_cuda_dispatch_check,      \
    .run = ee_hal_queued_run, .async = async_table,                                                \
  }
const ee_hal_driver_t ee_cuda_driver =
    DRIVER("cuda", ee_cuda_device_info, cuda_open, &cuda_async_driver);
const ee_hal_driver_t ee_hip_driver =
    DRIVER("hip", ee_hip_device_info, hip_open, &hip_async_driver);
