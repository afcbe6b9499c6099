// Tests of runtime/hal/command.c and of running lists and operations (drivers/cpu/dispatch.c).
#include "unit/hal_support.h"

// ---- Kernels -----------------------------------------------------------------------------------

// out[id] = constants[0] * in[id], one element a workgroup; the linear id counts x fastest.
static EE_CPU_KERNEL int scale(const ee_cpu_environment_t *environment,
                               const ee_cpu_dispatch_state_t *d,
                               const ee_cpu_workgroup_state_t *w) {
  (void)environment;
  const uint32_t *in = d->bindings[0];
  uint32_t *out = d->bindings[1];
  const size_t id =
      ((size_t)w->id_z * d->workgroup_count_y + w->id_y) * d->workgroup_count_x + w->id_x;
  if (id * 4 + 4 > d->binding_sizes[0] || id * 4 + 4 > d->binding_sizes[1]) return 7;
  out[id] = d->constants[0] * in[id];
  return 0;
}

// Uses all of its scratch memory.
static EE_CPU_KERNEL int scratch(const ee_cpu_environment_t *environment,
                                 const ee_cpu_dispatch_state_t *d,
                                 const ee_cpu_workgroup_state_t *w) {
  (void)environment;
  if (w->local_memory_size < 2 * 4096 || (uintptr_t)w->local_memory % 64) return 8;
  memset(w->local_memory, 3, w->local_memory_size);
  *(uint32_t *)d->bindings[0] += ((uint8_t *)w->local_memory)[8191];
  return 0;
}

static const ee_cpu_library_header_t header = {.version = 6, .name = "test"};
static const ee_cpu_kernel_t kernels[] = {scale, scratch};
static const ee_cpu_kernel_attributes_t attributes[] = {
    {.constant_count = 1, .binding_count = 2},
    {.local_memory_pages = 2, .binding_count = 1},
};
static const char *const names[] = {"scale", "scratch"};
static const ee_cpu_library_t library = {
    .header = &header,
    .exports = {.count = 2, .kernels = kernels, .attributes = attributes, .names = names},
};

// ---- Recording ---------------------------------------------------------------------------------

static ee_hal_command_list_t *make_list(fixture_t *f, uint32_t capacity) {
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f->device, 0, capacity, &list, NULL));
  return list;
}

static void drop(ee_hal_command_list_t *list) {
  ee_object_release((ee_object_t *)list);
}

static eerie_status_t record(ee_hal_command_list_t *list, ee_hal_command_t command,
                             uint64_t update_size, eerie_error_t *err) {
  return ee_hal_command_list_append(list, &command, update_size, err);
}

static ee_hal_command_t fill(ee_hal_binding_t target, uint64_t pattern, uint32_t width) {
  return (ee_hal_command_t){
      .kind = EE_HAL_COMMAND_FILL, .target = target, .pattern = pattern, .pattern_size = width};
}

static ee_hal_command_t copy(ee_hal_binding_t source, ee_hal_binding_t target) {
  return (ee_hal_command_t){.kind = EE_HAL_COMMAND_COPY, .source = source, .target = target};
}

static ee_hal_command_t dispatch(ee_hal_executable_t *executable, uint32_t function,
                                 const uint32_t *constants, uint16_t constant_count,
                                 const ee_hal_binding_t *bindings, uint16_t binding_count) {
  return (ee_hal_command_t){
      .kind = EE_HAL_COMMAND_DISPATCH,
      .executable = executable,
      .function = function,
      .workgroup_count = {1, 1, 1},
      .constants = constants,
      .constant_count = constant_count,
      .bindings = bindings,
      .binding_count = binding_count,
  };
}

static eerie_status_t execute(fixture_t *f, ee_hal_command_list_t *list,
                              const ee_hal_binding_t *table, size_t count, eerie_error_t *err) {
  const ee_hal_operation_t operation = {
      .kind = EE_HAL_QUEUE_EXECUTE, .commands = list, .bindings = table, .binding_count = count};
  return ee_hal_device_submit(f->device, NULL, NULL, &operation, err);
}

// ---- Tests -------------------------------------------------------------------------------------

static void fills_with_every_pattern_width(void) {
  fixture_t f;
  fixture_open(&f);
  static const uint64_t pattern = 0x8877665544332211u;
  for (uint32_t width = 1; width <= 8; width *= 2) {
    for (uint64_t size = 0; size <= 40; size += width) {
      ee_hal_buffer_t *buffer = make_buffer(&f, 64);
      ee_hal_command_list_t *list = make_list(&f, 0);
      CHECK_OK(record(list, fill(part(buffer, 8, size), pattern, width), 0, NULL));
      CHECK_OK(ee_hal_command_list_finalize(list, NULL));
      CHECK_OK(execute(&f, list, NULL, 0, NULL));
      uint8_t expected[64] = {0};
      for (uint64_t i = 0; i < size; ++i)
        expected[8 + i] = (uint8_t)(pattern >> 8 * (i % width));
      CHECK_BYTES(buffer->data, expected, 64);
      drop(list);
      ee_hal_buffer_release(buffer);
    }
  }
  fixture_close(&f);
}

static void refuses_odd_fills(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 64);
  ee_hal_command_list_t *list = make_list(&f, 0);
  eerie_error_t err = {.code = EERIE_OK};
  static const uint32_t widths[] = {0, 3, 5, 16, UINT32_MAX};
  for (size_t i = 0; i < 5; ++i) {
    CHECK_STATUS(record(list, fill(part(buffer, 0, 0), 0, widths[i]), 0, &err),
                 EERIE_INVALID_ARGUMENT);
  }
  CHECK_STATUS(record(list, fill(part(buffer, 2, 4), 0, 4), 0, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(record(list, fill(part(buffer, 4, 6), 0, 4), 0, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "6 bytes at 4");
  CHECK_STATUS(record(list, fill(part(buffer, 60, 8), 0, 4), 0, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(record(list, fill(part(buffer, UINT64_MAX - 3, 8), 0, 4), 0, &err),
               EERIE_OUT_OF_RANGE);
  CHECK_STATUS(record(list, fill(slot(0, 0, 8), 0, 4), 0, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "slot 0");
  // "To the end" of a slot whose bytes are no whole number of patterns.
  drop(list);
  list = make_list(&f, 1);
  CHECK_OK(record(list, fill(slot(0, 0, UINT64_MAX), 0, 4), 0, &err));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  ee_hal_binding_t table = part(buffer, 0, 7);
  CHECK_STATUS(execute(&f, list, &table, 1, &err), EERIE_INVALID_ARGUMENT);
  drop(list);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void copies_and_updates(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *a = make_buffer(&f, 32), *b = make_buffer(&f, 32);
  for (uint8_t i = 0; i < 32; ++i)
    a->data[i] = i;
  ee_hal_command_list_t *list = make_list(&f, 1);
  CHECK_OK(record(list, copy(part(a, 4, 8), slot(0, 16, 8)), 0, NULL));
  CHECK_OK(record(list, copy(part(a, 0, 16), part(a, 8, 16)), 0, NULL)); // overlaps itself
  uint8_t bytes[] = {9, 8, 7};
  const ee_hal_command_t update = {
      .kind = EE_HAL_COMMAND_UPDATE, .target = slot(0, 1, 3), .update_data = bytes};
  CHECK_OK(record(list, update, 3, NULL));
  memset(bytes, 0, 3); // the list has its own copy
  ee_hal_command_list_barrier(list);
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  ee_hal_binding_t table = whole(b);
  CHECK_OK(execute(&f, list, &table, 1, NULL));
  CHECK_BYTES(b->data, ((uint8_t[]){0, 9, 8, 7}), 4);
  CHECK_BYTES(b->data + 16, ((uint8_t[]){4, 5, 6, 7, 8, 9, 10, 11}), 8);
  CHECK_BYTES(a->data + 8, ((uint8_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}), 16);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(record(list, update, 3, &err), EERIE_FAILED_PRECONDITION);
  CHECK_STATUS(ee_hal_command_list_finalize(list, &err), EERIE_FAILED_PRECONDITION);
  drop(list);
  list = make_list(&f, 1);
  CHECK_STATUS(record(list, update, 4, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(record(list, copy(part(a, 25, 8), part(b, 0, 8)), 0, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(record(list, copy(part(a, 0, 8), part(b, 33, 0)), 0, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(execute(&f, list, &table, 1, &err), EERIE_FAILED_PRECONDITION); // not finalized
  drop(list);
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
  fixture_close(&f);
}

static void slots_are_checked_when_they_are_filled(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 32);
  ee_hal_command_list_t *list = make_list(&f, 2);
  CHECK_OK(record(list, fill(slot(1, 8, 16), 5, 1), 0, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_binding_t table[2] = {whole(buffer), whole(buffer)};
  CHECK_OK(execute(&f, list, table, 2, NULL));
  CHECK_STATUS(execute(&f, list, table, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "takes 2 bindings, the execution gives 1");
  table[1].buffer = NULL;
  CHECK_STATUS(execute(&f, list, table, 2, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "slot 1 has no buffer");
  table[1] = part(buffer, 0, 23); // inside the buffer, but not inside its entry
  CHECK_STATUS(execute(&f, list, table, 2, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "16 bytes at 8");
  table[1] = part(buffer, 16, 17);
  CHECK_STATUS(execute(&f, list, table, 2, &err), EERIE_OUT_OF_RANGE);
  table[1] = part(buffer, UINT64_MAX, 1);
  CHECK_STATUS(execute(&f, list, table, 2, &err), EERIE_OUT_OF_RANGE);
  table[1] = part(buffer, 33, UINT64_MAX);
  CHECK_STATUS(execute(&f, list, table, 2, &err), EERIE_OUT_OF_RANGE);
  drop(list);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void read_only_buffers_stay_as_they_are(void) {
  fixture_t f;
  fixture_open(&f);
  static _Alignas(64) uint8_t bytes[16] = {1, 2, 3};
  ee_hal_buffer_t *constant = NULL;
  REQUIRE_OK(
      ee_hal_buffer_import(f.device, bytes, 16, EE_HAL_ACCESS_READ, NULL, NULL, &constant, NULL));
  ee_hal_command_list_t *list = make_list(&f, 0);
  CHECK_OK(record(list, fill(whole(constant), 5, 1), 0, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(execute(&f, list, NULL, 0, &err), EERIE_PERMISSION_DENIED);
  CHECK_EQ_INT(bytes[0], 1);
  drop(list);
  ee_hal_buffer_release(constant);
  fixture_close(&f);
}

static void runs_kernels_over_all_workgroups(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_executable_t *executable = make_executable(&f, &library);
  ee_hal_buffer_t *in = make_buffer(&f, 24 * 4), *out = make_buffer(&f, 24 * 4);
  for (uint32_t i = 0; i < 24; ++i)
    ((uint32_t *)in->data)[i] = i;
  uint32_t factor = 3;
  ee_hal_binding_t bindings[2] = {slot(0, 0, UINT64_MAX), whole(out)};
  ee_hal_command_t command = dispatch(executable, 0, &factor, 1, bindings, 2);
  memcpy(command.workgroup_count, (uint32_t[]){2, 3, 4}, sizeof command.workgroup_count);
  ee_hal_command_list_t *list = make_list(&f, 1);
  CHECK_OK(record(list, command, 0, NULL));
  factor = 0; // copied
  bindings[0].slot = 99;
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  const ee_hal_binding_t table = whole(in);
  CHECK_OK(execute(&f, list, &table, 1, NULL));
  for (uint32_t i = 0; i < 24; ++i)
    CHECK_EQ_INT(((uint32_t *)out->data)[i], 3 * i);
  // The kernel's own refusal names it.
  eerie_error_t err = {.code = EERIE_OK};
  const ee_hal_binding_t short_table = part(in, 0, 8);
  CHECK_STATUS(execute(&f, list, &short_table, 1, &err), EERIE_INTERNAL);
  CHECK_CONTAINS(err.message, "kernel scale failed with code 7");
  drop(list);
  ee_hal_buffer_release(in);
  ee_hal_buffer_release(out);
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void refuses_wrong_dispatches(void) {
  fixture_t f, other;
  fixture_open(&f);
  fixture_open(&other);
  ee_hal_executable_t *executable = make_executable(&f, &library);
  ee_hal_buffer_t *buffer = make_buffer(&f, 64);
  const uint32_t constants[2] = {1, 2};
  const ee_hal_binding_t bindings[3] = {whole(buffer), whole(buffer), whole(buffer)};
  ee_hal_command_list_t *list = make_list(&f, 0);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(record(list, dispatch(executable, 2, constants, 1, bindings, 2), 0, &err),
               EERIE_OUT_OF_RANGE);
  CHECK_STATUS(record(list, dispatch(executable, 0, constants, 2, bindings, 2), 0, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "kernel scale takes 1 constants and 2 bindings");
  CHECK_STATUS(record(list, dispatch(executable, 0, constants, 1, bindings, 3), 0, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(record(list, dispatch(NULL, 0, constants, 1, bindings, 2), 0, &err),
               EERIE_INVALID_ARGUMENT);
  const ee_hal_binding_t outside[2] = {part(buffer, 60, 8), whole(buffer)};
  CHECK_STATUS(record(list, dispatch(executable, 0, constants, 1, outside, 2), 0, &err),
               EERIE_OUT_OF_RANGE);
  ee_hal_command_list_t *foreign = make_list(&other, 0);
  CHECK_STATUS(record(foreign, dispatch(executable, 0, constants, 1, bindings, 2), 0, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_OK(ee_hal_command_list_finalize(foreign, NULL));
  CHECK_STATUS(execute(&f, foreign, NULL, 0, &err), EERIE_INVALID_ARGUMENT);
  drop(foreign);
  ee_hal_command_t command = dispatch(executable, 0, constants, 1, bindings, 2);
  command.workgroup_count[2] = 65536;
  CHECK_OK(record(list, command, 0, &err));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  CHECK_STATUS(execute(&f, list, NULL, 0, &err), EERIE_OUT_OF_RANGE);
  drop(list);
  ee_hal_buffer_release(buffer);
  ee_object_release(&executable->object);
  fixture_close(&f);
  fixture_close(&other);
}

static void indirect_dispatches_read_their_counts(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_executable_t *executable = make_executable(&f, &library);
  ee_hal_buffer_t *buffer = make_buffer(&f, 64), *counts = make_buffer(&f, 16);
  ((uint32_t *)buffer->data)[2] = 5;
  const uint32_t factor = 2;
  const ee_hal_binding_t bindings[2] = {whole(buffer), whole(buffer)};
  ee_hal_command_t command = dispatch(executable, 0, &factor, 1, bindings, 2);
  command.kind = EE_HAL_COMMAND_DISPATCH_INDIRECT;
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_command_list_t *list = make_list(&f, 0);
  command.source = part(counts, 8, 12);
  CHECK_STATUS(record(list, command, 0, &err), EERIE_OUT_OF_RANGE);
  command.source = part(counts, 2, 12);
  CHECK_STATUS(record(list, command, 0, &err), EERIE_INVALID_ARGUMENT);
  command.source = part(counts, 4, 12);
  CHECK_OK(record(list, command, 0, &err));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  CHECK_OK(execute(&f, list, NULL, 0, &err)); // no workgroups at all
  CHECK_EQ_INT(((uint32_t *)buffer->data)[2], 5);
  memcpy(counts->data + 4, (uint32_t[]){3, 1, 1}, 12);
  CHECK_OK(execute(&f, list, NULL, 0, &err));
  CHECK_EQ_INT(((uint32_t *)buffer->data)[2], 10);
  drop(list);
  ee_hal_buffer_release(buffer);
  ee_hal_buffer_release(counts);
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void kernels_get_scratch_memory(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_executable_t *executable = make_executable(&f, &library);
  ee_hal_buffer_t *buffer = make_buffer(&f, 4);
  const ee_hal_binding_t binding = whole(buffer);
  ee_hal_command_list_t *list = make_list(&f, 0);
  CHECK_OK(record(list, dispatch(executable, 1, NULL, 0, &binding, 1), 0, NULL));
  CHECK_OK(record(list, dispatch(executable, 1, NULL, 0, &binding, 1), 0, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  CHECK_OK(execute(&f, list, NULL, 0, NULL));
  CHECK_EQ_INT(*(uint32_t *)buffer->data, 6);
  const size_t warm = atomic_load(&f.allocations);
  for (int i = 0; i < 10; ++i)
    CHECK_OK(execute(&f, list, NULL, 0, NULL));
  CHECK_EQ_INT(atomic_load(&f.allocations), warm);
  ee_hal_pool_trim(&f.device->pool);
  f.fail_at = atomic_load(&f.allocations) + 1;
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(execute(&f, list, NULL, 0, &err), EERIE_RESOURCE_EXHAUSTED);
  drop(list);
  ee_hal_buffer_release(buffer);
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void long_lists_and_large_updates(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 100000);
  uint8_t *bytes = malloc(100000);
  for (size_t i = 0; i < 100000; ++i)
    bytes[i] = (uint8_t)(i * 7);
  ee_hal_command_list_t *list = make_list(&f, 0);
  for (uint64_t i = 0; i < 500; ++i)
    CHECK_OK(record(list, fill(part(buffer, i, 1), i, 1), 0, NULL));
  const ee_hal_command_t update = {
      .kind = EE_HAL_COMMAND_UPDATE, .target = part(buffer, 0, 100000), .update_data = bytes};
  CHECK_OK(record(list, update, 100000, NULL));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  CHECK_OK(execute(&f, list, NULL, 0, NULL));
  CHECK_BYTES(buffer->data, bytes, 100000);
  drop(list);
  // No memory for any block of the arena: the list stays whole.
  list = make_list(&f, 0);
  ee_hal_pool_trim(&f.device->pool);
  f.fail_at = atomic_load(&f.allocations) + 1;
  CHECK_STATUS(record(list, update, 100000, NULL), EERIE_RESOURCE_EXHAUSTED);
  CHECK_OK(record(list, update, 100000, NULL));
  drop(list);
  free(bytes);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void single_operations(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *a = make_buffer(&f, 16), *b = make_buffer(&f, 16);
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_operation_t o = {
      .kind = EE_HAL_QUEUE_FILL, .target = part(a, 4, 8), .pattern = 0x0102, .pattern_size = 2};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &o, NULL));
  CHECK_BYTES(a->data, ((uint8_t[]){0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 0, 0, 0, 0}), 16);
  o.pattern_size = 3;
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, NULL, &o, &err), EERIE_INVALID_ARGUMENT);
  o = (ee_hal_operation_t){
      .kind = EE_HAL_QUEUE_COPY, .source = part(a, 4, 4), .target = part(b, 12, 4)};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &o, NULL));
  CHECK_BYTES(b->data + 12, ((uint8_t[]){2, 1, 2, 1}), 4);
  o.source.size = 5;
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, NULL, &o, &err), EERIE_OUT_OF_RANGE);
  const uint8_t bytes[] = {5, 6};
  o = (ee_hal_operation_t){
      .kind = EE_HAL_QUEUE_UPDATE, .target = part(b, 0, 2), .update_data = bytes, .update_size = 2};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &o, NULL));
  CHECK_EQ_INT(b->data[1], 6);
  static uint8_t contents[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  ee_hal_file_t *file = NULL;
  REQUIRE_OK(ee_hal_file_from_memory(&f.heap, contents, 8, EE_HAL_ACCESS_READ, NULL, &file, NULL));
  o = (ee_hal_operation_t){
      .kind = EE_HAL_QUEUE_READ, .file = file, .file_offset = 3, .target = part(b, 0, 5)};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &o, NULL));
  CHECK_BYTES(b->data, ((uint8_t[]){4, 5, 6, 7, 8}), 5);
  o.file_offset = 4;
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, NULL, &o, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "file of 8");
  o.file_offset = UINT64_MAX;
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, NULL, &o, &err), EERIE_OUT_OF_RANGE);
  o = (ee_hal_operation_t){.kind = EE_HAL_QUEUE_WRITE, .file = file, .source = part(b, 0, 2)};
  CHECK_STATUS(ee_hal_device_submit(f.device, NULL, NULL, &o, &err), EERIE_PERMISSION_DENIED);
  file->access = EE_HAL_ACCESS_ALL;
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &o, NULL));
  CHECK_EQ_INT(contents[0], 4);
  ee_object_release(&file->object);
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
  fixture_close(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(fills_with_every_pattern_width),
      RUN(refuses_odd_fills),
      RUN(copies_and_updates),
      RUN(slots_are_checked_when_they_are_filled),
      RUN(read_only_buffers_stay_as_they_are),
      RUN(runs_kernels_over_all_workgroups),
      RUN(refuses_wrong_dispatches),
      RUN(indirect_dispatches_read_their_counts),
      RUN(kernels_get_scratch_memory),
      RUN(long_lists_and_large_updates),
      RUN(single_operations),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
