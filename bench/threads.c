// What threads bring: calls one function on "local-sync" and on "local-task" in turn, and prints
// for each the least and the middle of the times of a call, in nanoseconds.
//
//   threads MODULE FUNCTION SECONDS THREADS
//
// Both are measured in slices of a fiftieth of SECONDS, one after the other, so that what else the
// machine does meets both. Arguments are made once from the function's types, ones, dynamic
// dimensions 4; results are released in the loop.
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eerie/eerie.h"

enum { VALUES_MAX = 16, SLICES = 50, SLICES_LEAST = 5, DEVICES = 2 };

typedef struct contender {
  eerie_device_t *device;
  eerie_program_t *program;
  eerie_function_t *function;
  eerie_tensor_t *inputs[VALUES_MAX];
  double slices[SLICES]; // the least time of a call, of each
  double means[SLICES];
} contender_t;

static double clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

static void check(eerie_status_t status, const eerie_error_t *err) {
  if (status == EERIE_OK) return;
  fprintf(stderr, "threads: %s\n", err->message);
  exit(1);
}

static eerie_tensor_t *make_input(eerie_device_t *device, const eerie_type_t *type) {
  eerie_error_t err = {0};
  eerie_tensor_t *tensor = NULL;
  const size_t rank = type->rank == SIZE_MAX ? 1 : type->rank;
  int64_t shape[EERIE_TENSOR_RANK_LIMIT] = {4};
  size_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (type->rank != SIZE_MAX) shape[i] = type->shape[i] < 0 ? 4 : type->shape[i];
    count *= (size_t)shape[i];
  }
  float *ones = malloc(count * sizeof *ones);
  for (size_t i = 0; ones && i < count; ++i)
    ones[i] = 1;
  check(eerie_tensor_create(device, EERIE_F32, rank, shape, ones, &tensor, &err), &err);
  free(ones);
  return tensor;
}

static void call(contender_t *c) {
  eerie_error_t err = {0};
  eerie_tensor_t *outputs[VALUES_MAX];
  const size_t count = eerie_function_output_count(c->function);
  check(eerie_call_tensors(c->function, c->inputs, eerie_function_input_count(c->function), outputs,
                           count, &err),
        &err);
  for (size_t i = 0; i < count; ++i)
    eerie_tensor_release(outputs[i]);
}

// A slice: the least and the mean time of its calls. A clock is read once in `batch` calls. Where
// all the work is on this thread, the mean of its processor time counts as the least if it is less:
// it has no part of other programs in it.
static void measure(contender_t *c, double ns, unsigned batch, int slice, bool alone) {
  const double begin = now_ns(), cpu_begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  double least = 1e30, last = begin;
  unsigned long calls = 0;
  do {
    for (unsigned i = 0; i < batch; ++i)
      call(c);
    const double now = now_ns();
    if ((now - last) / batch < least) least = (now - last) / batch;
    last = now;
    calls += batch;
  } while (last - begin < ns);
  const double cpu = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_begin) / (double)calls;
  c->slices[slice] = alone && cpu < least ? cpu : least;
  c->means[slice] = (last - begin) / (double)calls;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: threads MODULE FUNCTION SECONDS THREADS\n");
    return 2;
  }
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_module_t *module = NULL;
  contender_t contenders[DEVICES] = {{0}};
  check(eerie_instance_create(NULL, &instance, &err), &err);
  check(eerie_module_load_file(instance, argv[1], NULL, &module, &err), &err);
  for (int i = 0; i < DEVICES; ++i) {
    contender_t *c = &contenders[i];
    const eerie_device_options_t options = {.threads = strtoul(argv[4], NULL, 10)};
    check(eerie_device_open_with(instance, i ? "local-task" : "local-sync", &options, &c->device,
                                 &err),
          &err);
    check(eerie_program_create(instance,
                               &(eerie_program_options_t){.module = module, .device = c->device},
                               &c->program, &err),
          &err);
    check(eerie_program_find(c->program, argv[2], &c->function, &err), &err);
    for (size_t j = 0; j < eerie_function_input_count(c->function); ++j)
      c->inputs[j] = make_input(c->device, eerie_function_input(c->function, j));
    for (int j = 0; j < 5; ++j)
      call(c);
  }
  const double seconds = strtod(argv[3], NULL), slice_ns = seconds * 1e9 / SLICES / DEVICES;
  const double begin = now_ns();
  call(&contenders[0]);
  const double once = now_ns() - begin;
  const unsigned batch = once < 20000 ? (unsigned)(20000 / once) + 1 : 1;
  // Slices of one long call each are fewer.
  int slices = 0;
  for (; slices < SLICES && (slices < SLICES_LEAST || now_ns() - begin < 2e9 * seconds); ++slices)
    for (int i = 0; i < DEVICES; ++i)
      measure(&contenders[i], slice_ns, batch, slices, i == 0);
  for (int i = 0; i < DEVICES; ++i) {
    contender_t *c = &contenders[i];
    qsort(c->slices, (size_t)slices, sizeof *c->slices, ascending);
    qsort(c->means, (size_t)slices, sizeof *c->means, ascending);
    printf("%s %.1f %.1f\n", eerie_device_name(c->device), c->slices[0], c->means[slices / 2]);
    for (size_t j = 0; j < eerie_function_input_count(c->function); ++j)
      eerie_tensor_release(c->inputs[j]);
    eerie_program_release(c->program);
    eerie_device_release(c->device);
  }
  eerie_module_release(module);
  eerie_instance_release(instance);
  return 0;
}
