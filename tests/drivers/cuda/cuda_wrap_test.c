// Memory of the caller's in place on a CUDA device: what all drivers of GPUs have in common, and
// what comes of pages that can be registered once.
#define _DEFAULT_SOURCE // usleep, mmap
#include <pthread.h>

#include "drivers/cuda/cuda_support.h"

#define GPU_MAGIC  "CDA1"
#define GPU_FORMAT "cuda-nvptx-fb"
#include "drivers/gpu_images.h"
#include "drivers/gpu_wrap.h"

static size_t page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

// ---- Pages -------------------------------------------------------------------------------------

// Tensors in pages of another one share its registration, whichever goes first; who has such pages
// and others is refused.
static void pages_are_registered_once(void) {
  gpu_variant(0);
  program_t p;
  pages_t pages;
  if (!opened(&p, "gpu_cuda")) return;
  pages_open(&pages, 6);
  float *const values = (float *)(void *)(pages.data + 2 * page_size());
  for (int k = 0; k < 4; ++k)
    values[k] = (float)k;
  const size_t page = page_size(), count = 3 * page / sizeof(float);
  eerie_tensor_t *large = NULL, *small = NULL, *half = NULL, *last = NULL;
  eerie_error_t err = {0};
  const long registered = fake ? fake->registered : 0;
  CHECK_OK(wrap(p.device, &pages, page, (int64_t)count, &large, &err));
  CHECK_OK(wrap(p.device, &pages, 2 * page, 4, &small, &err));
  if (fake) CHECK_EQ_INT(fake->registered - registered, 1);
  if (fake) {
    CHECK_STATUS(wrap(p.device, &pages, 3 * page, (int64_t)count, &half, &err),
                 EERIE_UNIMPLEMENTED);
    CHECK_CONTAINS(err.message, "already");
    CHECK_CONTAINS(err.message, "eerie_tensor_create");
    CHECK_CONTAINS(err.message, "cuda:0");
  }
  CHECK_OK(wrap(p.device, &pages, 4 * page, 4, &last, &err)); // behind all of them
  eerie_tensor_release(large);
  doubles(&p, "multiply", small, values, 4);
  eerie_tensor_release(small);
  if (fake) CHECK_EQ_INT(fake->registered - registered, 1);
  CHECK_OK(wrap(p.device, &pages, 2 * page, (int64_t)(page / sizeof(float)), &half, &err));
  eerie_tensor_release(half);
  eerie_tensor_release(last);
  pages_come_back(&pages, 4);
  if (fake) CHECK_EQ_INT(fake->registered, registered);
  program_close(&p);
  pages_close(&pages);
}

static void what_is_not_taken_is_said(void) {
  gpu_variant(0);
  program_t p;
  pages_t pages;
  if (!fake || !opened(&p, "gpu_cuda")) return;
  pages_open(&pages, 2);
  eerie_tensor_t *in = NULL;
  eerie_error_t err = {0};
  fake->no_register = true;
  CHECK_STATUS(wrap(p.device, &pages, 0, 4, &in, &err), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(err.message, "cuMemHostRegister");
  CHECK_CONTAINS(err.message, "eerie_tensor_create");
  gpu_variant(0);
  // Pages that are not there, or only to be read.
  CHECK(mprotect(pages.data + page_size(), page_size(), PROT_READ) == 0);
  const int64_t count = (int64_t)(pages.size / sizeof(float));
  CHECK_STATUS(wrap(p.device, &pages, 0, count, &in, &err), EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(err.message, "invalid argument");
  CHECK_STATUS(wrap(p.device, &pages, page_size(), 4, &in, &err), EERIE_UNIMPLEMENTED);
  CHECK_STATUS(eerie_tensor_wrap(p.device, EERIE_U8, 1, (int64_t[]){INT64_MAX / 16}, pages.data,
                                 INT64_MAX / 16, NULL, NULL, &in, &err),
               EERIE_UNIMPLEMENTED);
  CHECK_OK(wrap(p.device, &pages, 0, 4, &in, &err));
  eerie_tensor_release(in);
  pages_come_back(&pages, 1);
  CHECK_EQ_INT(fake->registered, 0);
  program_close(&p);
  pages_close(&pages);
}

// The release function may be absent: the pages go all the same.
static void nobody_need_be_told(void) {
  gpu_variant(0);
  program_t p;
  pages_t pages;
  if (!opened(&p, "gpu_cuda")) return;
  pages_open(&pages, 1);
  eerie_tensor_t *in = NULL;
  float *const values = (float *)(void *)pages.data;
  for (int k = 0; k < 4; ++k)
    values[k] = (float)k;
  CHECK_OK(
      eerie_tensor_wrap(p.device, EERIE_F32, 1, (int64_t[]){4}, values, 16, NULL, NULL, &in, NULL));
  doubles(&p, "multiply", in, values, 4);
  eerie_tensor_release(in);
  if (fake) CHECK_EQ_INT(fake->registered, 0);
  program_close(&p);
  pages_close(&pages);
}

// ---- Kernels -----------------------------------------------------------------------------------

// A kernel reads one part of the memory and writes another, by a list that becomes a graph, while
// the memory is wrapped anew now and then.
static void kernels_both_ways(fixture_t *f) {
  size_t size = 0;
  uint8_t *image = find_image(&size);
  ee_hal_executable_t *executable = NULL;
  uint32_t function = 0;
  CHECK_OK(ee_hal_executable_create(f->device, EE_STR(GPU_FORMAT), (ee_bytes_t){image, size}, NULL,
                                    NULL, 0, &executable, NULL));
  CHECK_OK(ee_hal_executable_lookup(executable, EE_STR("multiply_dispatch_0_elementwise_4_f32"),
                                    &function, NULL));
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f->device, 0, 1, &list, NULL));
  for (uint32_t k = 0; k < 2; ++k) {
    const ee_hal_binding_t bindings[] = {slot(0, 0, 16), slot(0, 256, 16),
                                         slot(0, 4096 + 256 * k, 16)};
    const ee_hal_command_t command = {.kind = EE_HAL_COMMAND_DISPATCH,
                                      .executable = executable,
                                      .function = function,
                                      .workgroup_count = {1, 1, 1},
                                      .binding_count = 3,
                                      .bindings = bindings};
    CHECK_OK(ee_hal_command_list_append(list, &command, 0, NULL));
  }
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  pages_t pages;
  pages_open(&pages, 2);
  const long graphs = fake ? fake->graphs : 0;
  for (int wrapped = 0; wrapped < 3; ++wrapped) {
    ee_hal_buffer_t *buffer = import(f, &pages, pages.size);
    if (!buffer) break;
    const ee_hal_binding_t table = whole(buffer);
    const ee_hal_operation_t execute = {
        .kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .bindings = &table, .binding_count = 1};
    float *const in = (float *)(void *)pages.data, *const out = in + 1024;
    for (int round = 0; round < 3; ++round) {
      for (int k = 0; k < 4; ++k) {
        in[k] = (float)(10 * wrapped + round + k);
        in[64 + k] = 3;
        out[k] = out[64 + k] = -1;
      }
      CHECK_OK(run_now(f, &execute));
      for (int k = 0; k < 4; ++k)
        CHECK(out[k] == 3 * in[k] && out[64 + k] == 3 * in[k]);
    }
    ee_hal_buffer_release(buffer);
    pages_come_back(&pages, wrapped + 1);
  }
  if (fake) CHECK_EQ_INT(fake->graphs - graphs, 6);
  ee_object_release((ee_object_t *)list);
  ee_object_release((ee_object_t *)executable);
  free(image);
  pages_close(&pages);
}
static void kernels_read_and_write_it(void) {
  gpu_variant(0);
  fixture_t f;
  if (!open_gpu(&f)) return;
  kernels_both_ways(&f);
  close_gpu(&f);
}

// Another GPU's kernels get a copy, and its copies go by the host.
static void other_gpus_see_it(void) {
  for (int apart = 0; fake && apart < 2; ++apart) {
    gpu_variant(0);
    fake->no_peers = apart;
    program_t p, other;
    eerie_error_t err = {0};
    if (!opened(&p, "gpu_cuda")) return;
    CHECK_OK(program_open(&other, "cuda:1", "gpu_cuda", NULL, &err));
    pages_t pages;
    pages_open(&pages, 1);
    float *const values = (float *)(void *)pages.data;
    for (int k = 0; k < 4; ++k)
      values[k] = (float)(k + 5);
    eerie_tensor_t *in = NULL, *there = NULL, *back = NULL;
    CHECK_OK(wrap(p.device, &pages, 0, 4, &in, &err));
    if (CHECK_OK(eerie_tensor_copy(in, other.device, &there, &err)))
      doubles(&other, "multiply", there, values, 4);
    if (there && CHECK_OK(eerie_tensor_copy(there, p.device, &back, &err)))
      doubles(&p, "multiply", back, values, 4);
    // The same pages a second time: the library says no.
    eerie_tensor_t *again = NULL;
    CHECK_STATUS(wrap(other.device, &pages, 0, 4, &again, &err), EERIE_UNIMPLEMENTED);
    eerie_tensor_release(in);
    eerie_tensor_release(there);
    eerie_tensor_release(back);
    pages_come_back(&pages, 1);
    pages_close(&pages);
    program_close(&other);
    program_close(&p);
  }
  if (fake) fake->no_peers = false;
}

// ---- Faults ------------------------------------------------------------------------------------

// All of a wrapped tensor's life, two in a page and one in another.
static eerie_status_t wrap_once(fixture_t *f, size_t *out_live, eerie_error_t *err) {
  const eerie_instance_options_t options = {.allocator = {fixture_reallocate, f}};
  static const size_t offsets[] = {0, 512, 4096};
  program_t p;
  pages_t pages;
  eerie_function_t *function = NULL;
  eerie_tensor_t *in[3] = {NULL, NULL, NULL}, *out = NULL;
  pages_open(&pages, 2);
  int wrapped = 0;
  eerie_status_t status = program_open(&p, "cuda", "gpu_cuda", &options, err);
  if (!status) status = eerie_program_find(p.program, "multiply", &function, err);
  for (size_t i = 0; !status && i < 3; ++i) {
    status = wrap(p.device, &pages, offsets[i], 4, &in[i], err);
    wrapped += in[i] != NULL;
  }
  if (!status) status = eerie_call_tensors(function, in, 2, &out, 1, err);
  for (size_t i = 0; i < 3; ++i)
    eerie_tensor_release(in[i]);
  eerie_tensor_release(out);
  program_close(&p);
  CHECK_EQ_INT(atomic_load(&pages.released), wrapped);
  *out_live = atomic_load(&f->live);
  pages_close(&pages);
  return status;
}

static void every_failing_call_is_reported(void) {
  static const int codes[] = {0, 1, 712, 999};
  for (size_t c = 0; fake && c < LENGTH(codes); ++c) {
    for (long n = 1; n < 2000; ++n) {
      gpu_variant((size_t)n % 2);
      const long misuses = fake->misuses;
      fake->fail = "";
      fake->fail_at = n;
      fake->fail_with = codes[c];
      fixture_t f;
      fixture_heap(&f);
      eerie_error_t err = {0};
      size_t live = 0;
      const eerie_status_t status = wrap_once(&f, &live, &err);
      const bool reached = !fake->fail_at;
      if (reached) forget_undone(misuses);
      CHECK_EQ_INT(live, 0);
      CHECK(gpu_is_gone());
      CHECK_EQ_INT(fake->registered, 0);
      if (!reached) break;
      if (status) CHECK_CONTAINS(err.message, "cu");
    }
  }
  gpu_variant(0);
}

// What the library says of a registration, and that none is left without an address.
static void answers_become_errors(void) {
  static const char *const functions[] = {"cuMemHostRegister", "cuMemHostGetDevicePointer"};
  static const struct {
    int code;
    eerie_status_t status;
  } answers[] = {{2, EERIE_RESOURCE_EXHAUSTED}, {1, EERIE_UNIMPLEMENTED},
                 {712, EERIE_UNIMPLEMENTED},    {800, EERIE_UNIMPLEMENTED},
                 {801, EERIE_UNIMPLEMENTED},    {304, EERIE_INTERNAL}};
  gpu_variant(0);
  program_t p;
  pages_t pages;
  if (!fake || !opened(&p, "gpu_cuda")) return;
  pages_open(&pages, 1);
  eerie_tensor_t *in = NULL;
  for (size_t i = 0; i < LENGTH(functions) * LENGTH(answers); ++i) {
    eerie_error_t err = {0};
    fake->fail = functions[i % LENGTH(functions)];
    fake->fail_at = 1;
    fake->fail_with = answers[i / LENGTH(functions)].code;
    CHECK_STATUS(wrap(p.device, &pages, 0, 4, &in, &err), answers[i / LENGTH(functions)].status);
    CHECK_EQ_INT(err.code, answers[i / LENGTH(functions)].status);
    CHECK_CONTAINS(err.message, fake->fail);
    CHECK_EQ_INT(fake->registered, 0);
  }
  gpu_variant(0);
  CHECK_OK(wrap(p.device, &pages, 0, 4, &in, NULL));
  eerie_tensor_release(in);
  pages_come_back(&pages, 1);
  program_close(&p);
  pages_close(&pages);
}

static void memory_for_it_runs_out(void) {
  gpu_variant(0);
  for (size_t n = 1; n < 3000; n += 1 + n / 60) {
    fixture_t f;
    fixture_heap(&f);
    f.fail_at = n;
    eerie_error_t err = {0};
    size_t live = 0;
    const eerie_status_t status = wrap_once(&f, &live, &err);
    CHECK(status == EERIE_OK || status == EERIE_RESOURCE_EXHAUSTED);
    CHECK_EQ_INT(live, 0);
    CHECK(gpu_is_gone());
    if (atomic_load(&f.allocations) < n) return;
  }
}

static void a_lost_device_lets_go(void) {
  gpu_variant(0);
  program_t p;
  pages_t pages;
  if (!fake || !opened(&p, "gpu_cuda")) return;
  pages_open(&pages, 2);
  eerie_tensor_t *in = NULL, *more = NULL;
  eerie_error_t err = {0};
  CHECK_OK(wrap(p.device, &pages, 0, 4, &in, &err));
  fake->lose_with = 700;
  CHECK_STATUS(call_product(&p, "multiply", 4, 1, &err), EERIE_ABORTED);
  CHECK_STATUS(wrap(p.device, &pages, page_size(), 4, &more, &err), EERIE_ABORTED);
  eerie_tensor_release(in);
  pages_come_back(&pages, 1);
  program_close(&p);
  CHECK(gpu_is_gone());
  CHECK_EQ_INT(fake->registered, 0);
  pages_close(&pages);
}

// ---- Threads -----------------------------------------------------------------------------------

// All threads wrap parts of the same page.
typedef struct shared {
  fixture_t *f;
  pages_t *pages;
  size_t offset;
} shared_t;

static void nothing(void *user, ee_hal_buffer_t *buffer) {
  (void)user, (void)buffer;
}

static void *wrap_often(void *user) {
  const shared_t *shared = user;
  uint8_t *const data = shared->pages->data + shared->offset;
  for (int round = 0; round < 100; ++round) {
    ee_hal_buffer_t *buffer = NULL;
    ee_hal_fence_t *done = NULL;
    if (!CHECK_OK(ee_hal_buffer_import(shared->f->device, data, 256, EE_HAL_ACCESS_ALL, nothing,
                                       NULL, &buffer, NULL)))
      break;
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = part(buffer, 0, 256),
                                     .pattern = (uint64_t)round,
                                     .pattern_size = 4};
    CHECK_OK(ee_hal_fence_create(shared->f->device->heap, &done, NULL));
    CHECK_OK(ee_hal_device_submit(shared->f->device, NULL, done, &fill, NULL));
    CHECK_OK(ee_hal_fence_wait(done, INT64_MAX, NULL));
    CHECK_EQ_INT(data[252], round);
    drop(done);
    ee_hal_buffer_release(buffer);
  }
  return NULL;
}

static void threads_share_a_page(void) {
  enum { THREADS = 4 };
  gpu_variant(0);
  fixture_t f;
  pages_t pages;
  if (!open_gpu(&f)) return;
  pages_open(&pages, 1);
  pthread_t threads[THREADS];
  shared_t shared[THREADS];
  for (size_t i = 0; i < THREADS; ++i) {
    shared[i] = (shared_t){&f, &pages, 256 * i};
    CHECK(pthread_create(&threads[i], NULL, wrap_often, &shared[i]) == 0);
  }
  for (size_t i = 0; i < THREADS; ++i)
    pthread_join(threads[i], NULL);
  close_gpu(&f);
  pages_close(&pages);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      GPU_WRAP_CASES,
      RUN(pages_are_registered_once),
      RUN(what_is_not_taken_is_said),
      RUN(nobody_need_be_told),
      RUN(kernels_read_and_write_it),
      RUN(other_gpus_see_it),
      RUN(every_failing_call_is_reported),
      RUN(answers_become_errors),
      RUN(memory_for_it_runs_out),
      RUN(a_lost_device_lets_go),
      RUN(threads_share_a_page),
  };
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
