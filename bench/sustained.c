// How calls hold up over time: threads call functions of several modules with shapes that vary, for
// as long as wanted, and what the calls took and what memory they needed is printed, as JSON.
//
//   sustained FOLDER SECONDS [THREADS]
//
// FOLDER has the modules of tests/modules. Every thread has programs of its own under one instance
// and one device, as a server has. Results are checked, so that a wrong one ends the run.
#define _DEFAULT_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "eerie/eerie.h"

enum { THREADS_MAX = 64, LENGTH_MAX = 4096, STEPS = 8, OCTAVES = 40, BUCKETS = STEPS * OCTAVES };

typedef struct worker {
  pthread_t thread;
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *const *modules;
  uint64_t random;
  uint64_t calls;
  uint64_t slowest_ns;
  uint64_t buckets[BUCKETS]; // eighths of powers of two of nanoseconds
  bool failed;
} worker_t;

static const char *const names[] = {"mul", "dynamic", "async", "dispatches"};
enum { MODULES = sizeof names / sizeof *names };

static atomic_bool over;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t draw(worker_t *w) {
  w->random ^= w->random << 13; // xorshift64, Marsaglia 2003
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random;
}

static void note(worker_t *w, uint64_t ns) {
  int exponent;
  const double mantissa = frexp((double)(ns ? ns : 1), &exponent); // in [0.5, 1)
  const int bucket = exponent * STEPS + (int)((mantissa - 0.5) * 2 * STEPS);
  ++w->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1];
  if (ns > w->slowest_ns) w->slowest_ns = ns;
  ++w->calls;
}

// Calls `function` with `count` tensors of `length` ones, and checks the first element of the
// result.
static eerie_status_t call_once(worker_t *w, eerie_function_t *function, size_t rank,
                                const int64_t *shape, size_t count, float expected,
                                eerie_error_t *err) {
  static const float ones[LENGTH_MAX] = {1};
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < count && !status; ++i)
    status = eerie_tensor_create(w->device, EERIE_F32, rank, shape, ones, &in[i], err);
  const uint64_t begin = now_ns();
  if (!status) status = eerie_call_tensors(function, in, count, &out, 1, err);
  if (!status) {
    note(w, now_ns() - begin);
    const float found = *(const float *)eerie_tensor_data(out);
    if (found != expected) {
      fprintf(stderr, "sustained: %s gave %g, expected %g\n", eerie_function_name(function),
              (double)found, (double)expected);
      status = EERIE_INTERNAL;
    }
  }
  eerie_tensor_release(out);
  for (size_t i = 0; i < count; ++i)
    eerie_tensor_release(in[i]);
  return status;
}

static eerie_status_t call_any(worker_t *w, eerie_function_t *const *functions,
                               eerie_error_t *err) {
  const int64_t four = 4, square[2] = {4, 4};
  const int64_t length = 1 + (int64_t)(draw(w) % LENGTH_MAX);
  switch (draw(w) % 8) {
  case 0:
  case 1: return call_once(w, functions[0], 1, &four, 2, 1, err);
  case 2: return call_once(w, functions[2], 1, &four, 2, 1, err);
  case 3: return call_once(w, functions[3], 2, square, 2, 1, err);
  default: return call_once(w, functions[1], 1, &length, 1, 2, err);
  }
}

static void *work(void *argument) {
  worker_t *w = argument;
  eerie_error_t err = {0};
  eerie_program_t *programs[MODULES] = {NULL};
  eerie_function_t *functions[MODULES] = {NULL};
  static const char *const wanted[MODULES] = {"mul", "double", "mul", "dispatches"};
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < MODULES && !status; ++i) {
    const eerie_program_options_t options = {.module = w->modules[i], .device = w->device};
    status = eerie_program_create(w->instance, &options, &programs[i], &err);
    if (!status) status = eerie_program_find(programs[i], wanted[i], &functions[i], &err);
  }
  while (!status && !atomic_load_explicit(&over, memory_order_relaxed))
    status = call_any(w, functions, &err);
  if (status) {
    fprintf(stderr, "sustained: %s: %s\n", eerie_status_name(status), err.message);
    w->failed = true;
  }
  for (size_t i = 0; i < MODULES; ++i)
    eerie_program_release(programs[i]);
  return NULL;
}

static long resident_kb(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// The upper end of the bucket in which that share of the calls ends.
static double percentile_ns(const worker_t *workers, int count, uint64_t calls, double share) {
  const double wanted = share * (double)calls;
  uint64_t seen = 0;
  for (int bucket = 0; bucket < BUCKETS; ++bucket) {
    for (int i = 0; i < count; ++i)
      seen += workers[i].buckets[bucket];
    if ((double)seen >= wanted)
      return ldexp(0.5 + (bucket % STEPS + 1) / (2.0 * STEPS), bucket / STEPS);
  }
  return INFINITY;
}

static int run(worker_t *workers, int count, double seconds, eerie_instance_t *instance) {
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) return 1;
  }
  // The first tenth is for pools to fill.
  size_t early = 0, late = 0, peak = 0;
  usleep((useconds_t)(seconds * 1e5));
  eerie_instance_memory(instance, &early, &peak);
  const size_t early_peak = peak;
  const long early_kb = resident_kb();
  for (double left = seconds * 0.9; left > 0; left -= 1)
    usleep((useconds_t)((left < 1 ? left : 1) * 1e6));
  eerie_instance_memory(instance, &late, &peak);
  const long late_kb = resident_kb();
  atomic_store(&over, true);
  uint64_t calls = 0, slowest = 0;
  bool failed = false;
  for (int i = 0; i < count; ++i) {
    pthread_join(workers[i].thread, NULL);
    calls += workers[i].calls;
    failed |= workers[i].failed;
    if (workers[i].slowest_ns > slowest) slowest = workers[i].slowest_ns;
  }
  printf("{\"threads\": %d, \"seconds\": %g, \"calls\": %llu, \"median_ns\": %.0f, "
         "\"p99_ns\": %.0f, \"p999_ns\": %.0f, \"max_ns\": %llu, "
         "\"peak_bytes_at_a_tenth\": %zu, \"peak_bytes\": %zu, "
         "\"resident_kb_at_a_tenth\": %ld, \"resident_kb\": %ld}\n",
         count, seconds, (unsigned long long)calls, percentile_ns(workers, count, calls, 0.5),
         percentile_ns(workers, count, calls, 0.99), percentile_ns(workers, count, calls, 0.999),
         (unsigned long long)slowest, early_peak, peak, early_kb, late_kb);
  return failed;
}

int main(int argc, char **argv) {
  const double seconds = argc > 2 ? strtod(argv[2], NULL) : 0;
  const int count = argc > 3 ? atoi(argv[3]) : 8;
  if (argc < 3 || argc > 4 || !(seconds > 0) || count < 1 || count > THREADS_MAX) {
    fprintf(stderr, "usage: sustained FOLDER SECONDS [THREADS, at most %d]\n", THREADS_MAX);
    return 2;
  }
  static worker_t workers[THREADS_MAX];
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *modules[MODULES] = {NULL};
  eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (!status) status = eerie_device_open(instance, "local-sync", &device, &err);
  for (size_t i = 0; i < MODULES && !status; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.vmfb", argv[1], names[i]);
    status = eerie_module_load_file(instance, path, NULL, &modules[i], &err);
  }
  if (status) fprintf(stderr, "sustained: %s: %s\n", eerie_status_name(status), err.message);
  for (int i = 0; i < count; ++i) {
    workers[i] = (worker_t){.instance = instance,
                            .device = device,
                            .modules = modules,
                            .random = 0x9E3779B97F4A7C15u * (uint64_t)(i + 1)};
  }
  const int failed = status ? 1 : run(workers, count, seconds, instance);
  for (size_t i = 0; i < MODULES; ++i)
    eerie_module_release(modules[i]);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return failed;
}
