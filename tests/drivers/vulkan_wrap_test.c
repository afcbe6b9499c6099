// Memory of the caller's in place on a Vulkan device: what all drivers of GPUs have in common, and
// what Vulkan asks for.
#define _DEFAULT_SOURCE // usleep, mmap
#include <pthread.h>

#include "drivers/vulkan_support.h"

#include "drivers/gpu_wrap.h"

// Kernels get the memory's address.
static void address_in_place(program_t *p) {
  pages_t pages;
  pages_open(&pages, 2);
  eerie_tensor_t *in = NULL;
  const size_t offset = pages.size / 2 - 256;
  float *const values = (float *)(void *)(pages.data + offset);
  for (int k = 0; k < 100; ++k)
    values[k] = (float)k;
  CHECK_OK(wrap(p->device, &pages, offset, 100, &in, NULL));
  doubles(p, "scale", in, values, 100);
  eerie_tensor_release(in);
  pages_come_back(&pages, 1);
  pages_close(&pages);
}
static void kernels_take_its_address(void) {
  program_t p;
  eerie_error_t err = {0};
  const eerie_status_t status = program_open(&p, "vulkan", "gpu_addresses_vulkan", NULL, &err);
  program_close(&p);
  if (status == EERIE_INCOMPATIBLE) return; // devices without addresses
  on_programs("gpu_addresses_vulkan", address_in_place);
}

// What is only read may be of read-only pages, where the device takes them.
static void read_only_pages(program_t *p) {
  pages_t pages;
  pages_open(&pages, 1);
  float *const values = (float *)(void *)pages.data;
  for (int k = 0; k < 4; ++k)
    values[k] = (float)k;
  CHECK(mprotect(pages.data, pages.size, PROT_READ) == 0);
  eerie_tensor_t *in = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = wrap(p->device, &pages, 0, 4, &in, &err);
  if (status == EERIE_OK) {
    doubles(p, "multiply", in, values, 4);
  } else {
    CHECK_STATUS(status, EERIE_UNIMPLEMENTED);
  }
  eerie_tensor_release(in);
  pages_close(&pages);
}
static void read_only_pages_are_read(void) {
  on_programs("gpu_vulkan", read_only_pages);
}

// ---- What devices refuse -----------------------------------------------------------------------

// Wraps a page at `offset`; the program works on whatever comes of it.
static eerie_status_t wrap_some(size_t offset, eerie_error_t *err) {
  program_t p;
  pages_t pages;
  eerie_tensor_t *in = NULL;
  if (!opened(&p, "gpu_vulkan")) return EERIE_OK;
  pages_open(&pages, 64);
  uint8_t *const begin = pages.data;
  pages.data += (0x10000 - ((uintptr_t)begin & 0xFFFF)) & 0xFFFF; // blocks of 64 KB
  const eerie_status_t status = wrap(p.device, &pages, offset, 0x4000, &in, err);
  CHECK((in != NULL) == (status == EERIE_OK));
  eerie_tensor_release(in);
  CHECK_EQ_INT(atomic_load(&pages.released), status == EERIE_OK);
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  pages.data = begin;
  pages_close(&pages);
  program_close(&p);
  CHECK(gpu_is_gone());
  return status;
}

static void what_is_missing_is_said(void) {
  eerie_error_t err = {0};
  forget_faults();
  shim->no_host_memory = true;
  CHECK_STATUS(wrap_some(0, &err), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(err.message, "VK_EXT_external_memory_host");
  CHECK_CONTAINS(err.message, "eerie_tensor_create");
  CHECK_CONTAINS(err.message, "vulkan:0");
  forget_faults();
  shim->refuse_host_memory = true;
  CHECK_STATUS(wrap_some(0, &err), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(err.message, "vkAllocateMemory");
  forget_faults();
}

// A device that takes more than a page at a time gets whole blocks or nothing.
static void large_blocks_are_filled(void) {
  eerie_error_t err = {0};
  forget_faults();
  shim->host_block = 0x10000;
  CHECK_OK(wrap_some(0, &err));
  CHECK_OK(wrap_some(0x10000, &err));
  CHECK_STATUS(wrap_some(0x1000, &err), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(err.message, "65536");
  shim->host_block = 0x20000; // the address may fit, the size does not
  CHECK_STATUS(wrap_some(0, &err), EERIE_UNIMPLEMENTED);
  forget_faults();
}

// As many allocations as the device grants; memory that waits for reuse makes room.
static void allocations_are_counted(void) {
  enum { MOST = 8 };
  forget_faults();
  shim->allocation_limit = MOST;
  program_t p;
  pages_t pages;
  if (!opened(&p, "gpu_vulkan")) return;
  pages_open(&pages, 1);
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  eerie_tensor_t *tensors[MOST + 1] = {NULL};
  eerie_error_t err = {0};
  int count = 0;
  while (count <= MOST && wrap(p.device, &pages, 0, 4, &tensors[count], &err) == EERIE_OK)
    ++count;
  CHECK(count >= MOST / 2 && count <= MOST);
  CHECK_STATUS(err.code, EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(err.message, "at most 8 times");
  eerie_tensor_release(tensors[0]);
  CHECK_OK(wrap(p.device, &pages, 0, 4, &tensors[0], &err));
  for (int i = 0; i < count; ++i)
    eerie_tensor_release(tensors[i]);
  CHECK_EQ_INT(atomic_load(&pages.released), count + 1);
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  program_close(&p);
  pages_close(&pages);
  forget_faults();
}

// ---- Faults ------------------------------------------------------------------------------------

// All of a wrapped tensor's life; `bytes` is what stays of the host's memory.
static eerie_status_t wrap_once(fixture_t *f, eerie_error_t *err) {
  const eerie_instance_options_t options = {.allocator = {fixture_reallocate, f}};
  program_t p;
  pages_t pages;
  eerie_function_t *function = NULL;
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  pages_open(&pages, 1);
  eerie_status_t status = program_open(&p, "vulkan", "gpu_vulkan", &options, err);
  if (!status) status = eerie_program_find(p.program, "multiply", &function, err);
  if (!status) status = wrap(p.device, &pages, 0, 4, &in[0], err);
  const bool wrapped = in[0] != NULL;
  if (!status) status = wrap(p.device, &pages, 512, 4, &in[1], err);
  const bool both = in[1] != NULL;
  if (!status) status = eerie_call_tensors(function, in, 2, &out, 1, err);
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  eerie_tensor_release(out);
  program_close(&p);
  CHECK_EQ_INT(atomic_load(&pages.released), wrapped + both);
  CHECK_EQ_INT(atomic_load(&f->live), 0);
  CHECK(gpu_is_gone());
  pages_close(&pages);
  return status;
}

static void every_failing_call_is_reported(void) {
  for (int own = 0; own < 2; ++own) {
    for (long n = 1; n < 2000; ++n) {
      forget_faults();
      shim->own_memory = own;
      shim->no_timeline = own;
      shim->fail_at = n;
      fixture_t f;
      fixture_heap(&f);
      eerie_error_t err = {0};
      const eerie_status_t status = wrap_once(&f, &err);
      if (shim->fail_at) break;
      if (status != EERIE_OK) CHECK_CONTAINS(err.message, "vk");
    }
  }
  forget_faults();
}

static void memory_for_it_runs_out(void) {
  for (size_t n = 1; n < 3000; n += 1 + n / 60) {
    fixture_t f;
    fixture_heap(&f);
    f.fail_at = n;
    eerie_error_t err = {0};
    const eerie_status_t status = wrap_once(&f, &err);
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    if (atomic_load(&f.allocations) < n) return;
  }
}

// ---- Threads -----------------------------------------------------------------------------------

static void *wrap_often(void *user) {
  ee_hal_device_t *device = user;
  pages_t pages;
  pages_open(&pages, 1);
  for (int round = 0; round < 50; ++round) {
    fixture_t f = {.device = device};
    ee_hal_buffer_t *buffer = import(&f, &pages, 256);
    if (!buffer) break;
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = part(buffer, 0, 256),
                                     .pattern = (uint64_t)round,
                                     .pattern_size = 4};
    ee_hal_fence_t *done = NULL;
    CHECK_OK(ee_hal_fence_create(device->heap, &done, NULL));
    CHECK_OK(ee_hal_device_submit(device, NULL, done, &fill, NULL));
    CHECK_OK(ee_hal_fence_wait(done, INT64_MAX, NULL));
    CHECK_EQ_INT(pages.data[252], round);
    drop(done);
    ee_hal_buffer_release(buffer);
    pages_come_back(&pages, round + 1);
  }
  pages_close(&pages);
  return NULL;
}
static void on_threads(fixture_t *f) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i)
    CHECK(pthread_create(&threads[i], NULL, wrap_often, f->device) == 0);
  for (int i = 0; i < THREADS; ++i)
    pthread_join(threads[i], NULL);
}
static void threads_wrap_at_once(void) {
  on_all(on_threads);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      GPU_WRAP_CASES,
      RUN(kernels_take_its_address),
      RUN(read_only_pages_are_read),
      RUN(what_is_missing_is_said),
      RUN(large_blocks_are_filled),
      RUN(allocations_are_counted),
      RUN(every_failing_call_is_reported),
      RUN(memory_for_it_runs_out),
      RUN(threads_wrap_at_once),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
