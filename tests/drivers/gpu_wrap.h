// gpu_wrap.h: memory of the caller's that a GPU uses where it is (eerie_tensor_wrap). A test of a
// driver includes it once, behind its own support header, and on POSIX systems.
#ifndef EERIE_TESTS_DRIVERS_GPU_WRAP_H_
#define EERIE_TESTS_DRIVERS_GPU_WRAP_H_

#include <sys/mman.h>

#include "drivers/gpu_support.h"

// ---- Memory ------------------------------------------------------------------------------------

// Pages between two that nobody may touch, and how often they were released.
typedef struct pages {
  uint8_t *all; // with the two
  uint8_t *data;
  size_t size;
  atomic_int released;
  uint8_t seen; // byte `look` when they were
  size_t look;
} pages_t;

CHECK_HELPER void pages_open(pages_t *p, size_t count) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  memset(p, 0, sizeof *p);
  p->size = count * page;
  p->all = mmap(NULL, p->size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!CHECK(p->all != MAP_FAILED)) exit(1);
  p->data = p->all + page;
  CHECK(mprotect(p->data, p->size, PROT_READ | PROT_WRITE) == 0);
}

CHECK_HELPER void pages_close(pages_t *p) {
  munmap(p->all, p->size + 2 * (size_t)(p->data - p->all));
}

static void pages_release(void *user, void *data) {
  pages_t *p = user;
  CHECK((uint8_t *)data >= p->data && (uint8_t *)data <= p->data + p->size);
  p->seen = p->data[p->look];
  atomic_fetch_add(&p->released, 1);
}

static void pages_let_go(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  pages_release(user, ((pages_t *)user)->data);
}

// A thread of the driver's may be about to let go.
CHECK_HELPER bool pages_come_back(pages_t *p, int count) {
  for (int k = 0; k < 5000 && atomic_load(&p->released) < count; ++k)
    usleep(1000);
  return CHECK_EQ_INT(atomic_load(&p->released), count);
}

CHECK_HELPER eerie_status_t wrap(eerie_device_t *device, pages_t *p, size_t offset, int64_t count,
                                 eerie_tensor_t **out_tensor, eerie_error_t *err) {
  return eerie_tensor_wrap(device, EERIE_F32, 1, &count, p->data + offset,
                           (size_t)count * sizeof(float), pages_release, p, out_tensor, err);
}

// A driver without a way to do it says so; false: this one.
CHECK_HELPER bool wraps(program_t *p) {
  pages_t pages;
  eerie_tensor_t *tensor = NULL;
  eerie_error_t err = {0};
  pages_open(&pages, 1);
  const eerie_status_t status = wrap(p->device, &pages, 0, 4, &tensor, &err);
  if (status != EERIE_OK) {
    CHECK_STATUS(status, EERIE_UNIMPLEMENTED);
    CHECK_CONTAINS(err.message, "eerie_tensor_create");
    printf("  not here: %s\n", err.message);
  }
  eerie_tensor_release(tensor);
  CHECK_EQ_INT(atomic_load(&pages.released), status == EERIE_OK);
  pages_close(&pages);
  return status == EERIE_OK;
}

CHECK_HELPER void on_programs(const char *name, void (*test)(program_t *p)) {
  for (size_t i = 0; i < GPU_VARIANTS; ++i) {
    gpu_variant(i);
    const int before = check_failures;
    program_t p;
    if (!opened(&p, name)) continue;
    if (wraps(&p)) test(&p);
    program_close(&p);
    CHECK(gpu_is_gone());
    if (check_failures != before) fprintf(stderr, "  with %s\n", gpu_variant_name(i));
  }
  gpu_variant(0);
}

// ---- Calls -------------------------------------------------------------------------------------

// function(tensor, twos) is twice what the tensor holds.
CHECK_HELPER void doubles(program_t *p, const char *name, eerie_tensor_t *in, const float *values,
                          int64_t count) {
  eerie_function_t *function = NULL;
  eerie_tensor_t *twos = NULL, *out = NULL;
  eerie_error_t err = {0};
  CHECK_OK(eerie_program_find(p->program, name, &function, &err));
  CHECK_OK(vector(p, count, 2, 0, &twos, &err));
  if (!CHECK_OK(eerie_call_tensors(function, (eerie_tensor_t *[]){in, twos}, 2, &out, 1, &err)))
    fprintf(stderr, "%s\n", err.message);
  float result[1024] = {0};
  if (out) CHECK_OK(eerie_tensor_read(out, 0, result, (size_t)count * sizeof(float), &err));
  for (int64_t i = 0; i < count; ++i)
    if (!CHECK(result[i] == 2 * values[i])) break;
  eerie_tensor_release(out);
  eerie_tensor_release(twos);
}

// Anywhere in pages, over the bound of two, up to the last byte; what the host writes between calls
// is what the next one reads.
static void call_in_place(program_t *p) {
  enum { COUNT = 300 };
  pages_t pages;
  pages_open(&pages, 2);
  const size_t half = pages.size / 2, bytes = COUNT * sizeof(float);
  const size_t offsets[] = {0, 256, half - 256, half, (pages.size - bytes) & ~(size_t)255};
  for (size_t i = 0; i < LENGTH(offsets); ++i) {
    eerie_tensor_t *in = NULL;
    eerie_error_t err = {0};
    float *const values = (float *)(void *)(pages.data + offsets[i]);
    if (!CHECK_OK(wrap(p->device, &pages, offsets[i], COUNT, &in, &err))) continue;
    CHECK(eerie_tensor_data(in) == values);
    for (int round = 0; round < 4; ++round) {
      for (int k = 0; k < COUNT; ++k)
        values[k] = (float)(round * 1000 + k);
      doubles(p, "scale", in, values, COUNT);
    }
    CHECK_EQ_INT(atomic_load(&pages.released), (int)i);
    eerie_tensor_release(in);
    pages_come_back(&pages, (int)i + 1);
  }
  pages_close(&pages);
}
static void calls_take_memory_in_place(void) {
  on_programs("gpu_" GPU_KIND, call_in_place);
}

// Two tensors of one page, and no bytes at all.
static void share_a_page(program_t *p) {
  pages_t pages;
  pages_open(&pages, 1);
  eerie_tensor_t *a = NULL, *b = NULL, *empty = NULL;
  eerie_error_t err = {0};
  CHECK_OK(wrap(p->device, &pages, 0, 4, &a, &err));
  CHECK_OK(wrap(p->device, &pages, 1024, 4, &b, &err));
  float *const first = (float *)(void *)pages.data, *const second = first + 256;
  for (int k = 0; k < 4; ++k) {
    first[k] = (float)k;
    second[k] = (float)(100 - k);
  }
  doubles(p, "multiply", a, first, 4);
  eerie_tensor_release(a);
  doubles(p, "multiply", b, second, 4);
  eerie_tensor_release(b);
  CHECK_OK(eerie_tensor_wrap(p->device, EERIE_F32, 1, (int64_t[]){0}, NULL, 0, NULL, NULL, &empty,
                             &err));
  doubles(p, "scale", empty, NULL, 0);
  CHECK(eerie_tensor_data(empty) == NULL);
  eerie_tensor_release(empty);
  pages_come_back(&pages, 2);
  pages_close(&pages);
}
static void tensors_share_pages(void) {
  on_programs("gpu_" GPU_KIND, share_a_page);
}

// Other devices: a CPU uses it where it is, copies go anywhere.
static void go_elsewhere(program_t *p) {
  program_t cpu;
  eerie_error_t err = {0};
  if (!CHECK_OK(program_open(&cpu, "local-sync", "gpu_cpu", NULL, &err))) return;
  pages_t pages;
  pages_open(&pages, 1);
  float *const values = (float *)(void *)pages.data;
  for (int k = 0; k < 4; ++k)
    values[k] = (float)k;
  eerie_tensor_t *in = NULL, *here = NULL, *back = NULL;
  CHECK_OK(wrap(p->device, &pages, 0, 4, &in, &err));
  doubles(&cpu, "multiply", in, values, 4);
  CHECK_OK(eerie_tensor_copy(in, cpu.device, &here, &err));
  CHECK_OK(eerie_tensor_copy(here, p->device, &back, &err));
  doubles(p, "multiply", back, values, 4);
  eerie_tensor_release(in);
  eerie_tensor_release(here);
  eerie_tensor_release(back);
  pages_come_back(&pages, 1);
  pages_close(&pages);
  program_close(&cpu);
}
static void other_devices_see_it(void) {
  on_programs("gpu_" GPU_KIND, go_elsewhere);
}

static void refuse_addresses(program_t *p) {
  pages_t pages;
  pages_open(&pages, 1);
  eerie_tensor_t *in = NULL;
  eerie_error_t err = {0};
  CHECK_STATUS(wrap(p->device, &pages, 4, 4, &in, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "EERIE_BUFFER_ALIGNMENT");
  // Aligned for the CPU, and not for every device.
  const eerie_status_t status = wrap(p->device, &pages, EERIE_BUFFER_ALIGNMENT, 4, &in, &err);
  CHECK(status == EERIE_OK || status == EERIE_UNIMPLEMENTED);
  if (status) CHECK_CONTAINS(err.message, "aligned");
  eerie_tensor_release(in);
  CHECK_EQ_INT(atomic_load(&pages.released), status == EERIE_OK);
  pages_close(&pages);
}
static void addresses_are_checked(void) {
  on_programs("gpu_" GPU_KIND, refuse_addresses);
}

// ---- Operations --------------------------------------------------------------------------------

CHECK_HELPER ee_hal_buffer_t *import(fixture_t *f, pages_t *p, size_t size) {
  ee_hal_buffer_t *buffer = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = ee_hal_buffer_import(f->device, p->data, size, EE_HAL_ACCESS_ALL,
                                                     pages_let_go, p, &buffer, &err);
  CHECK(status == EERIE_OK || status == EERIE_UNIMPLEMENTED);
  return buffer;
}

// Work in flight keeps the memory, and the host sees what it wrote; a part of an odd size leaves
// its neighbours alone.
static void written_in_place(fixture_t *f) {
  pages_t pages;
  pages_open(&pages, 2);
  pages.look = 1;
  memset(pages.data, 5, pages.size);
  ee_hal_buffer_t *buffer = import(f, &pages, 1023);
  if (buffer) {
    ee_hal_fence_t *start = fence_of(f), *end = fence_of(f);
    const ee_hal_operation_t fill = {.kind = EE_HAL_QUEUE_FILL,
                                     .target = part(buffer, 1, 1022),
                                     .pattern = 9,
                                     .pattern_size = 1};
    CHECK_OK(ee_hal_device_submit(f->device, start, end, &fill, NULL));
    ee_hal_buffer_release(buffer);
    CHECK_EQ_INT(atomic_load(&pages.released), 0);
    ee_hal_fence_signal(start, EERIE_OK, NULL);
    CHECK_OK(ee_hal_fence_wait(end, INT64_MAX, NULL));
    pages_come_back(&pages, 1);
    CHECK_EQ_INT(pages.seen, 9);
    CHECK(pages.data[0] == 5 && pages.data[1022] == 9 && pages.data[1023] == 5);
    drop(start);
    drop(end);
  }
  pages_close(&pages);
}
static void work_in_flight_keeps_memory(void) {
  on_all(written_in_place);
}

// Lists that are recorded once tell memory that was wrapped again from that of before.
static void wrap_and_copy(fixture_t *f, pages_t *p, ee_hal_command_list_t *list, int round) {
  ee_hal_buffer_t *from = import(f, p, 512), *to = NULL;
  if (!from) return;
  CHECK_OK(ee_hal_buffer_allocate(f->device, EE_HAL_MEMORY_DEVICE_LOCAL, 0, 512, &to, NULL));
  memset(p->data, round + 1, 512);
  const ee_hal_binding_t bindings[] = {part(from, 0, 512), part(to, 0, 512)};
  const ee_hal_operation_t execute = {
      .kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .bindings = bindings, .binding_count = 2};
  CHECK_OK(run_now(f, &execute));
  CHECK(holds(to, p->data, 512));
  ee_hal_buffer_release(from);
  ee_hal_buffer_release(to);
}

static void wrapped_again(fixture_t *f) {
  pages_t pages[2];
  pages_open(&pages[0], 1);
  pages_open(&pages[1], 1);
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f->device, 0, 2, &list, NULL));
  const ee_hal_command_t copy = {
      .kind = EE_HAL_COMMAND_COPY, .source = slot(0, 0, 512), .target = slot(1, 0, 512)};
  CHECK_OK(ee_hal_command_list_append(list, &copy, 0, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  for (int round = 0; round < 8; ++round)
    wrap_and_copy(f, &pages[round % 2], list, round);
  ee_object_release((ee_object_t *)list);
  pages_close(&pages[0]);
  pages_close(&pages[1]);
}
static void memory_is_wrapped_again(void) {
  on_all(wrapped_again);
}

#define GPU_WRAP_CASES                                                                             \
  RUN(calls_take_memory_in_place), RUN(tensors_share_pages), RUN(other_devices_see_it),            \
      RUN(addresses_are_checked), RUN(work_in_flight_keeps_memory), RUN(memory_is_wrapped_again)

#endif // EERIE_TESTS_DRIVERS_GPU_WRAP_H_
