// How calls hold up over time: threads call functions of several modules with shapes that vary, for
// as long as wanted, and what the calls took and what memory they needed is printed, as JSON.
//
//   sustained FOLDER SECONDS [--threads N] [--rate CALLS_PER_SECOND] [--device NAME]
//
// FOLDER has the modules of tests/modules. Every thread has programs of its own under one instance
// and one device, as a server has. Results are checked, so that a wrong one ends the run. Without
// --rate threads call without a pause, more of them than there are CPUs wait for each other's time
// slices; with it they sleep between calls for times that vary, and the rate is that of all.
//
// Beside the calls runs a control: a loop of arithmetic that touches no memory, as long as a call
// takes. What its times vary is the machine's doing. Times are of the calls alone, from the moment
// that the thread has a CPU: how late a sleeping thread wakes is not among them.
#define _GNU_SOURCE // RUSAGE_THREAD
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "eerie/eerie.h"

enum { THREADS_MAX = 64, LENGTH_MAX = 4096, STEPS = 8, OCTAVES = 40, BUCKETS = STEPS * OCTAVES };
enum { REPORTS = 10, SLOW = 10 }; // times the median

enum { MUL, DYNAMIC, ASYNC, DISPATCHES, MODULES, CONTROL = MODULES, KINDS };
static const char *const kind_names[KINDS] = {"mul", "dynamic", "async", "dispatches", "control"};
static const char *const functions_wanted[MODULES] = {"mul", "double", "mul", "dispatches"};

// Calls by what they took, in eighths of powers of two of nanoseconds. Written by one thread.
typedef struct times {
  _Atomic uint64_t all[BUCKETS];
  _Atomic uint64_t switched[BUCKETS]; // those during which the thread lost its CPU
  _Atomic uint64_t slowest_ns;
} times_t;

typedef struct worker {
  pthread_t thread;
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *const *modules;
  uint64_t random;
  double gap_ns; // between calls, on average; 0: none
  uint64_t due_ns;
  long switches; // of the thread so far
  times_t times[KINDS];
  bool failed;
} worker_t;

typedef struct settings {
  const char *folder;
  const char *device;
  double seconds;
  double rate;
  int threads;
} settings_t;

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

// ---- Times -------------------------------------------------------------------------------------

static void bump(_Atomic uint64_t *counter) {
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

// Has the thread lost its CPU since the last question?
static bool was_switched(worker_t *w) {
  struct rusage usage;
  if (getrusage(RUSAGE_THREAD, &usage)) return false;
  const long switches = usage.ru_nivcsw + usage.ru_nvcsw;
  const bool more = switches != w->switches;
  w->switches = switches;
  return more;
}

static void note(worker_t *w, int kind, uint64_t ns) {
  times_t *times = &w->times[kind];
  int exponent;
  const double mantissa = frexp((double)(ns ? ns : 1), &exponent); // in [0.5, 1)
  int bucket = exponent * STEPS + (int)((mantissa - 0.5) * 2 * STEPS);
  if (bucket >= BUCKETS) bucket = BUCKETS - 1;
  bump(&times->all[bucket]);
  if (was_switched(w)) bump(&times->switched[bucket]);
  if (ns > atomic_load_explicit(&times->slowest_ns, memory_order_relaxed))
    atomic_store_explicit(&times->slowest_ns, ns, memory_order_relaxed);
}

// ---- Calls -------------------------------------------------------------------------------------

// Calls a function with `count` tensors that begin with 1, and checks the first element of the
// result.
static eerie_status_t call_once(worker_t *w, eerie_function_t *const *functions, int kind,
                                size_t rank, const int64_t *shape, size_t count, float expected,
                                eerie_error_t *err) {
  static const float ones[LENGTH_MAX] = {1};
  eerie_function_t *function = functions[kind];
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < count && !status; ++i)
    status = eerie_tensor_create(w->device, EERIE_F32, rank, shape, ones, &in[i], err);
  const uint64_t begin = now_ns();
  if (!status) status = eerie_call_tensors(function, in, count, &out, 1, err);
  if (!status) {
    note(w, kind, now_ns() - begin);
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

static void call_nothing(worker_t *w) {
  const uint64_t begin = now_ns();
  uint64_t value = w->random | 1;
  for (int i = 0; i < 500; ++i) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
  }
  atomic_signal_fence(memory_order_seq_cst);
  const uint64_t ns = now_ns() - begin;
  w->random = value;
  note(w, CONTROL, ns);
}

static eerie_status_t call_any(worker_t *w, eerie_function_t *const *functions,
                               eerie_error_t *err) {
  const int64_t four = 4, square[2] = {4, 4};
  const int64_t length = 1 + (int64_t)(draw(w) % LENGTH_MAX);
  switch (draw(w) % 8) {
  case 0:
  case 1: return call_once(w, functions, MUL, 1, &four, 2, 1, err);
  case 2: return call_once(w, functions, ASYNC, 1, &four, 2, 1, err);
  case 3: return call_once(w, functions, DISPATCHES, 2, square, 2, 1, err);
  default: return call_once(w, functions, DYNAMIC, 1, &length, 1, 2, err);
  }
}

// Sleeps until the next call is due. Who is late does not make up for it: calls in a burst would
// tell of the machine's pauses.
static void pause_between(worker_t *w) {
  if (w->gap_ns <= 0) return;
  const double share = (double)(draw(w) % 1024) / 1024; // of two gaps
  const uint64_t now = now_ns();
  w->due_ns += (uint64_t)(2 * share * w->gap_ns);
  if (w->due_ns < now) w->due_ns = now;
  const struct timespec due = {(time_t)(w->due_ns / 1000000000u), (long)(w->due_ns % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR) {
  }
  (void)was_switched(w);
}

static void *work(void *argument) {
  worker_t *w = argument;
  eerie_error_t err = {0};
  eerie_program_t *programs[MODULES] = {NULL};
  eerie_function_t *functions[MODULES] = {NULL};
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < MODULES && !status; ++i) {
    const eerie_program_options_t options = {.module = w->modules[i], .device = w->device};
    status = eerie_program_create(w->instance, &options, &programs[i], &err);
    if (!status) status = eerie_program_find(programs[i], functions_wanted[i], &functions[i], &err);
  }
  w->due_ns = now_ns();
  (void)was_switched(w);
  while (!status && !atomic_load_explicit(&over, memory_order_relaxed)) {
    pause_between(w);
    status = call_any(w, functions, &err);
    if (draw(w) % 4 == 0) call_nothing(w);
  }
  if (status) {
    fprintf(stderr, "sustained: %s: %s\n", eerie_status_name(status), err.message);
    w->failed = true;
    atomic_store(&over, true);
  }
  for (size_t i = 0; i < MODULES; ++i)
    eerie_program_release(programs[i]);
  return NULL;
}

// ---- Reports -----------------------------------------------------------------------------------

// Of one kind of all threads, or of several.
typedef struct sum {
  uint64_t all[BUCKETS];
  uint64_t switched[BUCKETS];
  uint64_t calls;
  uint64_t slowest_ns;
} sum_t;

static void sum_add(sum_t *sum, const worker_t *workers, int threads, int kind) {
  for (int i = 0; i < threads; ++i) {
    times_t *times = (times_t *)(uintptr_t)&workers[i].times[kind];
    for (int bucket = 0; bucket < BUCKETS; ++bucket) {
      const uint64_t all = atomic_load_explicit(&times->all[bucket], memory_order_relaxed);
      sum->all[bucket] += all;
      sum->calls += all;
      sum->switched[bucket] += atomic_load_explicit(&times->switched[bucket], memory_order_relaxed);
    }
    const uint64_t slowest = atomic_load_explicit(&times->slowest_ns, memory_order_relaxed);
    if (slowest > sum->slowest_ns) sum->slowest_ns = slowest;
  }
}

static double bucket_end_ns(int bucket) {
  return ldexp(0.5 + (bucket % STEPS + 1) / (2.0 * STEPS), bucket / STEPS);
}

// The upper end of the bucket in which that share of the calls ends.
static double percentile_ns(const sum_t *sum, double share) {
  uint64_t seen = 0;
  for (int bucket = 0; bucket < BUCKETS; ++bucket) {
    seen += sum->all[bucket];
    if (seen && (double)seen >= share * (double)sum->calls) return bucket_end_ns(bucket);
  }
  return 0;
}

static void print_times(FILE *file, const sum_t *sum) {
  const double median = percentile_ns(sum, 0.5);
  uint64_t slow = 0, switched = 0, all_switched = 0;
  for (int bucket = 0; bucket < BUCKETS; ++bucket) {
    all_switched += sum->switched[bucket];
    if (bucket_end_ns(bucket) <= SLOW * median) continue;
    slow += sum->all[bucket];
    switched += sum->switched[bucket];
  }
  fprintf(file,
          "\"calls\": %llu, \"median_ns\": %.0f, \"p99_ns\": %.0f, \"p999_ns\": %.0f, "
          "\"p9999_ns\": %.0f, \"max_ns\": %llu, \"switched\": %llu, \"slow\": %llu, "
          "\"slow_switched\": %llu",
          (unsigned long long)sum->calls, median, percentile_ns(sum, 0.99),
          percentile_ns(sum, 0.999), percentile_ns(sum, 0.9999),
          (unsigned long long)sum->slowest_ns, (unsigned long long)all_switched,
          (unsigned long long)slow, (unsigned long long)switched);
}

typedef struct memory {
  size_t bytes;
  size_t peak_bytes;
  long resident_kb;
} memory_t;

static memory_t memory_now(eerie_instance_t *instance) {
  memory_t memory = {0};
  eerie_instance_memory(instance, &memory.bytes, &memory.peak_bytes);
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return memory;
  long pages = 0, resident = 0;
  if (fscanf(file, "%ld %ld", &pages, &resident) == 2)
    memory.resident_kb = resident * (sysconf(_SC_PAGESIZE) / 1024);
  fclose(file);
  return memory;
}

static void print_memory(FILE *file, const char *when, const memory_t *memory) {
  fprintf(file, "\"%s\": {\"bytes\": %zu, \"peak_bytes\": %zu, \"resident_kb\": %ld}", when,
          memory->bytes, memory->peak_bytes, memory->resident_kb);
}

static void print_all(FILE *file, const worker_t *workers, const settings_t *settings) {
  static sum_t sum;
  memset(&sum, 0, sizeof sum);
  for (int kind = 0; kind < MODULES; ++kind)
    sum_add(&sum, workers, settings->threads, kind);
  print_times(file, &sum);
}

// One line for people, while it runs.
static void print_progress(const worker_t *workers, const settings_t *settings, int tenth,
                           const memory_t *memory) {
  fprintf(stderr, "{\"tenths\": %d, ", tenth);
  print_all(stderr, workers, settings);
  fprintf(stderr, ", ");
  print_memory(stderr, "memory", memory);
  fprintf(stderr, "}\n");
}

static void print_result(const worker_t *workers, const settings_t *settings,
                         const memory_t memory[3]) {
  static const char *const moments[] = {"start", "tenth", "end"};
  printf("{\"threads\": %d, \"seconds\": %g, \"rate\": %g, \"device\": \"%s\", ", settings->threads,
         settings->seconds, settings->rate, settings->device);
  print_all(stdout, workers, settings);
  printf(", \"memory\": {");
  for (int i = 0; i < 3; ++i) {
    print_memory(stdout, moments[i], &memory[i]);
    printf(i < 2 ? ", " : "}, \"kinds\": {");
  }
  for (int kind = 0; kind < KINDS; ++kind) {
    static sum_t sum;
    memset(&sum, 0, sizeof sum);
    sum_add(&sum, workers, settings->threads, kind);
    printf("%s\"%s\": {", kind ? ", " : "", kind_names[kind]);
    print_times(stdout, &sum);
    printf("}");
  }
  printf("}}\n");
}

// ---- The run -----------------------------------------------------------------------------------

static void sleep_for(double seconds) {
  for (double left = seconds; left > 0 && !atomic_load(&over); left -= 0.1)
    usleep((useconds_t)((left < 0.1 ? left : 0.1) * 1e6));
}

static int run(worker_t *workers, const settings_t *settings, eerie_instance_t *instance) {
  memory_t memory[3] = {memory_now(instance)};
  int started = 0;
  while (started < settings->threads &&
         !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
    ++started;
  bool failed = started < settings->threads;
  // The first tenth is for pools to fill.
  for (int tenth = 1; tenth <= REPORTS && !failed && !atomic_load(&over); ++tenth) {
    sleep_for(settings->seconds / REPORTS);
    memory[2] = memory_now(instance);
    if (tenth == 1) memory[1] = memory[2];
    print_progress(workers, settings, tenth, &memory[2]);
  }
  atomic_store(&over, true);
  for (int i = 0; i < started; ++i) {
    pthread_join(workers[i].thread, NULL);
    failed |= workers[i].failed;
  }
  print_result(workers, settings, memory);
  return failed;
}

static bool read_settings(int argc, char **argv, settings_t *out) {
  *out = (settings_t){.device = "local-sync", .threads = 8};
  if (argc < 3 || argc % 2 == 0) return false;
  out->folder = argv[1];
  out->seconds = strtod(argv[2], NULL);
  for (int i = 3; i < argc; i += 2) {
    if (!strcmp(argv[i], "--threads")) {
      out->threads = atoi(argv[i + 1]);
    } else if (!strcmp(argv[i], "--rate")) {
      out->rate = strtod(argv[i + 1], NULL);
    } else if (!strcmp(argv[i], "--device")) {
      out->device = argv[i + 1];
    } else {
      return false;
    }
  }
  return out->seconds > 0 && out->rate >= 0 && out->threads >= 1 && out->threads <= THREADS_MAX;
}

int main(int argc, char **argv) {
  settings_t settings;
  if (!read_settings(argc, argv, &settings)) {
    fprintf(stderr,
            "usage: sustained FOLDER SECONDS [--threads N, at most %d] [--rate CALLS_PER_SECOND]\n"
            "                 [--device NAME]\n",
            THREADS_MAX);
    return 2;
  }
  static worker_t workers[THREADS_MAX];
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *modules[MODULES] = {NULL};
  eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (!status) status = eerie_device_open(instance, settings.device, &device, &err);
  for (size_t i = 0; i < MODULES && !status; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.vmfb", settings.folder, kind_names[i]);
    status = eerie_module_load_file(instance, path, NULL, &modules[i], &err);
  }
  if (status) fprintf(stderr, "sustained: %s: %s\n", eerie_status_name(status), err.message);
  for (int i = 0; i < settings.threads; ++i) {
    workers[i].instance = instance;
    workers[i].device = device;
    workers[i].modules = modules;
    workers[i].random = 0x9E3779B97F4A7C15u * (uint64_t)(i + 1);
    workers[i].gap_ns = settings.rate > 0 ? 1e9 * settings.threads / settings.rate : 0;
  }
  const int failed = status ? 1 : run(workers, &settings, instance);
  for (size_t i = 0; i < MODULES; ++i)
    eerie_module_release(modules[i]);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return failed;
}
