// Tensors from one device to another by eerie.h, calls with tensors of another device, and the same
// module on two GPUs at once: two of Vulkan where the machine has them, otherwise one opened twice.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

enum { CPU, FIRST, SECOND, DEVICES };

typedef struct world {
  eerie_instance_t *instance;
  eerie_device_t *devices[DEVICES];
} world_t;

static bool world_open(world_t *w) {
  memset(w, 0, sizeof *w);
  CHECK_OK(eerie_instance_create(NULL, &w->instance, NULL));
  CHECK_OK(eerie_device_open(w->instance, "local-task", &w->devices[CPU], NULL));
  CHECK_OK(eerie_device_open(w->instance, "vulkan:0", &w->devices[FIRST], NULL));
  if (eerie_device_open(w->instance, "vulkan:1", &w->devices[SECOND], NULL))
    CHECK_OK(eerie_device_open(w->instance, "vulkan:0", &w->devices[SECOND], NULL));
  return w->devices[CPU] && w->devices[FIRST] && w->devices[SECOND];
}

static void world_close(world_t *w) {
  for (size_t i = 0; i < DEVICES; ++i)
    eerie_device_release(w->devices[i]);
  eerie_instance_release(w->instance);
}

static void on_worlds(void (*test)(world_t *w)) {
  for (size_t i = 0; i < LENGTH(variants); ++i) {
    forget_faults();
    shim->own_memory = variants[i].own_memory;
    shim->no_timeline = variants[i].no_timeline;
    const int before = check_failures;
    world_t w;
    if (CHECK(world_open(&w))) test(&w);
    world_close(&w);
    if (check_failures != before) fprintf(stderr, "  with %s\n", variants[i].name);
  }
  forget_faults();
}

enum { COUNT = 1024 };

static eerie_tensor_t *numbers(eerie_device_t *device, float factor) {
  float data[COUNT];
  for (int i = 0; i < COUNT; ++i)
    data[i] = factor * (float)i;
  eerie_tensor_t *tensor = NULL;
  CHECK_OK(eerie_tensor_create(device, EERIE_F32, 1, (int64_t[]){COUNT}, data, &tensor, NULL));
  return tensor;
}

static bool are_numbers(const eerie_tensor_t *tensor, float factor) {
  float data[COUNT] = {0};
  if (!CHECK(tensor) || !CHECK_OK(eerie_tensor_read(tensor, 0, data, sizeof data, NULL)))
    return false;
  int i = 0;
  while (i < COUNT && data[i] == factor * (float)i)
    ++i;
  if (i < COUNT) fprintf(stderr, "number %d is %g, expected %g\n", i, data[i], factor * (float)i);
  return i == COUNT;
}

// ---- Copies ------------------------------------------------------------------------------------

static void copy_everywhere(world_t *w) {
  for (size_t from = 0; from < DEVICES; ++from) {
    for (size_t to = 0; to < DEVICES; ++to) {
      eerie_tensor_t *source = numbers(w->devices[from], 3), *copy = NULL;
      CHECK_OK(eerie_tensor_copy(source, w->devices[to], &copy, NULL));
      CHECK(eerie_tensor_device(copy) == w->devices[to]);
      CHECK(eerie_tensor_device(source) == w->devices[from]);
      CHECK_EQ_INT(eerie_tensor_rank(copy), 1);
      CHECK_EQ_INT(eerie_tensor_shape(copy)[0], COUNT);
      CHECK_EQ_INT(eerie_tensor_dtype(copy), EERIE_F32);
      const float other = 7;
      CHECK_OK(eerie_tensor_write(source, 0, &other, sizeof other, NULL)); // it is a copy
      CHECK(are_numbers(copy, 3));
      eerie_tensor_release(copy);
      eerie_tensor_release(source);
    }
  }
}
static void tensors_go_everywhere(void) {
  on_worlds(copy_everywhere);
}

static void copy_small(world_t *w) {
  eerie_tensor_t *empty = NULL, *copy = NULL, *half = NULL;
  CHECK_OK(
      eerie_tensor_create(w->devices[CPU], EERIE_F64, 2, (int64_t[]){0, 5}, NULL, &empty, NULL));
  CHECK_OK(eerie_tensor_copy(empty, w->devices[FIRST], &copy, NULL));
  CHECK_EQ_INT(eerie_tensor_shape(copy)[1], 5);
  eerie_tensor_release(copy);
  eerie_tensor_release(empty);
  const uint8_t packed[2] = {0x21, 0x03}; // three numbers of four bits
  CHECK_OK(
      eerie_tensor_create(w->devices[FIRST], EERIE_I4, 1, (int64_t[]){3}, packed, &half, NULL));
  CHECK_OK(eerie_tensor_copy(half, w->devices[SECOND], &copy, NULL));
  uint8_t bytes[2] = {0};
  CHECK_OK(eerie_tensor_read(copy, 0, bytes, 2, NULL));
  CHECK(memcmp(bytes, packed, 2) == 0);
  eerie_tensor_release(copy);
  eerie_tensor_release(half);
}
static void small_tensors_too(void) {
  on_worlds(copy_small);
}

// Copies that wait for each other are started backwards, and begin when the first may.
static void copies_in_a_row(world_t *w) {
  eerie_fence_t *fences[3];
  for (size_t i = 0; i < LENGTH(fences); ++i)
    CHECK_OK(eerie_fence_create(w->instance, &fences[i], NULL));
  eerie_tensor_t *source = numbers(w->devices[FIRST], 2), *there = NULL, *back = NULL;
  CHECK_OK(eerie_tensor_copy_async(source, w->devices[SECOND], fences[0], fences[1], &there, NULL));
  CHECK_OK(eerie_tensor_copy_async(there, w->devices[CPU], fences[1], fences[2], &back, NULL));
  CHECK_STATUS(eerie_fence_query(fences[2], NULL), EERIE_DEFERRED);
  eerie_fence_signal(fences[0], EERIE_OK);
  CHECK_OK(eerie_fence_wait(fences[2], -1, NULL));
  CHECK(are_numbers(there, 2) && are_numbers(back, 2));
  eerie_tensor_release(there);
  eerie_tensor_release(back);
  for (size_t i = 0; i < LENGTH(fences); ++i)
    eerie_fence_release(fences[i]);
  // What it waits for fails.
  eerie_fence_t *failed = NULL, *after = NULL;
  CHECK_OK(eerie_fence_create(w->instance, &failed, NULL));
  CHECK_OK(eerie_fence_create(w->instance, &after, NULL));
  CHECK_OK(eerie_tensor_copy_async(source, w->devices[SECOND], failed, after, &there, NULL));
  eerie_fence_signal(failed, EERIE_ABORTED);
  CHECK_STATUS(eerie_fence_wait(after, -1, NULL), EERIE_ABORTED);
  eerie_tensor_release(there);
  eerie_fence_release(failed);
  eerie_fence_release(after);
  eerie_tensor_release(source);
}
static void copies_wait_for_fences(void) {
  on_worlds(copies_in_a_row);
}

// ---- Calls -------------------------------------------------------------------------------------

typedef struct model {
  eerie_module_t *module;
  eerie_program_t *program;
  eerie_function_t *function;
} model_t;

static bool model_open(world_t *w, const char *name, const char *function, size_t device,
                       model_t *m) {
  memset(m, 0, sizeof *m);
  eerie_error_t err = {0};
  eerie_status_t status =
      eerie_module_load_file(w->instance, path_of(name), NULL, &m->module, &err);
  const eerie_program_options_t options = {.module = m->module, .device = w->devices[device]};
  if (!status) status = eerie_program_create(w->instance, &options, &m->program, &err);
  if (!status) status = eerie_program_find(m->program, function, &m->function, &err);
  if (status) fprintf(stderr, "%s\n", err.message);
  return CHECK_OK(status);
}

static void model_close(model_t *m) {
  eerie_program_release(m->program);
  eerie_module_release(m->module);
}

// A GPU does not take another's; a CPU takes what it sees.
static void call_with_others(world_t *w) {
  model_t gpu, cpu;
  if (!model_open(w, "gpu_vulkan", "scale", FIRST, &gpu)) return;
  if (!model_open(w, "gpu_cpu", "scale", CPU, &cpu)) return;
  eerie_tensor_t *a = numbers(w->devices[SECOND], 2), *ones = numbers(w->devices[SECOND], 1);
  eerie_tensor_t *inputs[2] = {a, ones}, *output = NULL;
  eerie_error_t err = {0};
  CHECK_STATUS(eerie_call_tensors(gpu.function, inputs, 2, &output, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "copy it there first");
  CHECK_CONTAINS(err.message, eerie_device_name(w->devices[FIRST]));
  CHECK_CONTAINS(err.message, eerie_device_name(w->devices[SECOND]));
  const eerie_status_t status = eerie_call_tensors(cpu.function, inputs, 2, &output, 1, &err);
  CHECK_STATUS(status, shim->own_memory ? EERIE_INVALID_ARGUMENT : EERIE_OK);
  if (status == EERIE_OK) {
    float result = 0;
    CHECK_OK(eerie_tensor_read(output, 100 * sizeof result, &result, sizeof result, NULL));
    CHECK(result == 20000);
    eerie_tensor_release(output);
  }
  eerie_tensor_release(a);
  eerie_tensor_release(ones);
  model_close(&gpu);
  model_close(&cpu);
}
static void tensors_of_others_are_refused(void) {
  on_worlds(call_with_others);
}

// Calls of one function on two GPUs and the CPU, each with what the one before has given, moved
// from device to device; all are under way at once.
static void three_in_flight(world_t *w) {
  enum { ROUNDS = 12 };
  static const char *const names[DEVICES] = {"gpu_async_cpu", "gpu_async_vulkan",
                                             "gpu_async_vulkan"};
  model_t models[DEVICES];
  for (size_t i = 0; i < DEVICES; ++i)
    if (!model_open(w, names[i], "twice", i, &models[i])) return;
  eerie_fence_t *start = NULL, *before;
  CHECK_OK(eerie_fence_create(w->instance, &start, NULL));
  before = start;
  eerie_tensor_t *tensor = numbers(w->devices[CPU], 1);
  for (size_t i = 0; i < ROUNDS; ++i) {
    eerie_fence_t *moved = NULL, *called = NULL;
    CHECK_OK(eerie_fence_create(w->instance, &moved, NULL));
    CHECK_OK(eerie_fence_create(w->instance, &called, NULL));
    const size_t place = i % DEVICES;
    eerie_tensor_t *here = NULL;
    CHECK_OK(eerie_tensor_copy_async(tensor, w->devices[place], before, moved, &here, NULL));
    eerie_tensor_release(tensor);
    const eerie_value_t input = {.kind = EERIE_KIND_TENSOR, .as.tensor = here};
    eerie_value_t output = {0};
    CHECK_OK(eerie_call_async(models[place].function, &input, 1, moved, called, &output, 1, NULL));
    eerie_tensor_release(here);
    tensor = output.as.tensor;
    if (i) eerie_fence_release(before);
    eerie_fence_release(moved);
    before = called;
  }
  CHECK_STATUS(eerie_fence_query(before, NULL), EERIE_DEFERRED);
  eerie_fence_signal(start, EERIE_OK);
  CHECK_OK(eerie_fence_wait(before, -1, NULL));
  CHECK(are_numbers(tensor, 1 << ROUNDS));
  eerie_tensor_release(tensor);
  eerie_fence_release(before);
  eerie_fence_release(start);
  for (size_t i = 0; i < DEVICES; ++i)
    model_close(&models[i]);
}
static void devices_work_at_once(void) {
  on_worlds(three_in_flight);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(tensors_go_everywhere),         RUN(small_tensors_too),    RUN(copies_wait_for_fences),
      RUN(tensors_of_others_are_refused), RUN(devices_work_at_once),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
