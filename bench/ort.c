// How long a call of ONNX Runtime takes through its C interface: calls one model in a loop and
// prints the least and the mean time of a call, in nanoseconds.
//
//   ort LIBRARY MODEL THREADS SECONDS
//
// LIBRARY is the wheel's libonnxruntime, which comes without a header. Its functions stand in one
// table whose order never changes, new ones come at the end; the numbers here are positions in it.
// Source: onnxruntime_c_api.h, struct OrtApi. Arguments are made once, one half in every element of
// floats, ones of bytes; results are made by the runtime and released in the loop. With one thread
// the mean of its processor time over some milliseconds counts as the least if it is less: it has
// no part of other programs in it.
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  GET_ERROR_MESSAGE = 2,
  CREATE_ENV = 3,
  CREATE_SESSION = 7,
  RUN = 9,
  CREATE_SESSION_OPTIONS = 10,
  SET_INTRA_THREADS = 24,
  SET_INTER_THREADS = 25,
  INPUT_COUNT = 30,
  OUTPUT_COUNT = 31,
  INPUT_TYPE_INFO = 33,
  INPUT_NAME = 36,
  OUTPUT_NAME = 37,
  CREATE_TENSOR_WITH_DATA = 49,
  CAST_TO_TENSOR_INFO = 55,
  ELEMENT_TYPE = 60,
  DIMENSION_COUNT = 61,
  DIMENSIONS = 62,
  CREATE_CPU_MEMORY_INFO = 69,
  DEFAULT_ALLOCATOR = 78,
  RELEASE_VALUE = 96,
  API_VERSION = 12,
  VALUES_MAX = 8,
  RANK_MAX = 8,
};
enum { TYPE_FLOAT = 1, TYPE_INT8 = 3 }; // ONNXTensorElementDataType

typedef void *object_t;
typedef void (*any_function_t)(void);
typedef struct api_base {
  const any_function_t *(*get_api)(uint32_t version);
  const char *(*version)(void);
} api_base_t;

static const any_function_t *api;

// A function of the table, in its type.
#define API(position, result, ...) ((result(*)(__VA_ARGS__))api[position])

static void check(object_t status) {
  if (!status) return;
  fprintf(stderr, "ort: %s\n", API(GET_ERROR_MESSAGE, const char *, object_t)(status));
  exit(1);
}

static double clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

static object_t open_session(const char *model, int threads) {
  object_t env = NULL, options = NULL, session = NULL;
  enum { WARNINGS = 2 };
  check(API(CREATE_ENV, object_t, int, const char *, object_t *)(WARNINGS, "bench", &env));
  check(API(CREATE_SESSION_OPTIONS, object_t, object_t *)(&options));
  check(API(SET_INTRA_THREADS, object_t, object_t, int)(options, threads));
  check(API(SET_INTER_THREADS, object_t, object_t, int)(options, 1));
  check(API(CREATE_SESSION, object_t, object_t, const char *, object_t,
            object_t *)(env, model, options, &session));
  return session;
}

static object_t make_input(object_t session, size_t index) {
  object_t info = NULL, memory = NULL, tensor = NULL, value = NULL;
  size_t rank = 0, count = 1;
  int64_t shape[RANK_MAX];
  int type = 0;
  check(API(INPUT_TYPE_INFO, object_t, object_t, size_t, object_t *)(session, index, &info));
  check(API(CAST_TO_TENSOR_INFO, object_t, object_t, object_t *)(info, &tensor));
  check(API(ELEMENT_TYPE, object_t, object_t, int *)(tensor, &type));
  check(API(DIMENSION_COUNT, object_t, object_t, size_t *)(tensor, &rank));
  if (rank > RANK_MAX || (type != TYPE_FLOAT && type != TYPE_INT8)) {
    fprintf(stderr, "ort: input %zu has rank %zu and type %d\n", index, rank, type);
    exit(1);
  }
  check(API(DIMENSIONS, object_t, object_t, int64_t *, size_t)(tensor, shape, rank));
  for (size_t i = 0; i < rank; ++i) {
    if (shape[i] < 0) shape[i] = 4;
    count *= (size_t)shape[i];
  }
  const size_t size = count * (type == TYPE_FLOAT ? sizeof(float) : 1);
  char *const data = aligned_alloc(64, (size + 63) / 64 * 64);
  if (!data) exit(1);
  for (size_t i = 0; i < count; ++i) {
    if (type == TYPE_FLOAT)
      memcpy(data + i * sizeof(float), &(float){0.5f}, sizeof(float));
    else
      data[i] = 1;
  }
  check(API(CREATE_CPU_MEMORY_INFO, object_t, int, int, object_t *)(1, 0, &memory));
  check(API(CREATE_TENSOR_WITH_DATA, object_t, object_t, void *, size_t, const int64_t *, size_t,
            int, object_t *)(memory, data, size, shape, rank, type, &value));
  return value;
}

static void name_of(object_t session, int position, size_t index, const char **out_name) {
  object_t allocator = NULL;
  check(API(DEFAULT_ALLOCATOR, object_t, object_t *)(&allocator));
  char *name = NULL;
  check(API(position, object_t, object_t, size_t, object_t, char **)(session, index, allocator,
                                                                     &name));
  *out_name = name;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: ort LIBRARY MODEL THREADS SECONDS\n");
    return 2;
  }
  void *const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  const api_base_t *(*base)(void) = NULL;
  if (library) *(void **)&base = dlsym(library, "OrtGetApiBase");
  if (!base || !(api = base()->get_api(API_VERSION))) {
    fprintf(stderr, "ort: %s is no ONNX Runtime\n", argv[1]);
    return 1;
  }
  object_t session = open_session(argv[2], atoi(argv[3]));
  size_t input_count = 0, output_count = 0;
  check(API(INPUT_COUNT, object_t, object_t, size_t *)(session, &input_count));
  check(API(OUTPUT_COUNT, object_t, object_t, size_t *)(session, &output_count));
  if (input_count > VALUES_MAX || output_count > VALUES_MAX) return 2;
  const char *inputs[VALUES_MAX], *outputs[VALUES_MAX];
  object_t values[VALUES_MAX];
  for (size_t i = 0; i < input_count; ++i) {
    name_of(session, INPUT_NAME, i, &inputs[i]);
    values[i] = make_input(session, i);
  }
  for (size_t i = 0; i < output_count; ++i)
    name_of(session, OUTPUT_NAME, i, &outputs[i]);
  const double wanted = strtod(argv[4], NULL) * 1e9;
  const bool alone = atoi(argv[3]) == 1;
  double least = 1e30, begin = 0, last = 0, slice = 0, cpu = 0;
  unsigned batch = 1;
  unsigned long calls = 0, before = 0;
  for (int warm = 3;; --warm) {
    for (unsigned i = 0; i < batch; ++i) {
      object_t results[VALUES_MAX] = {0};
      check(API(RUN, object_t, object_t, object_t, const char *const *, const object_t *, size_t,
                const char *const *, size_t, object_t *)(session, NULL, inputs, values, input_count,
                                                         outputs, output_count, results));
      for (size_t k = 0; k < output_count; ++k)
        API(RELEASE_VALUE, void, object_t)(results[k]);
    }
    const double now = now_ns();
    if (warm > 0) {
      // A clock is read once in some calls where they are short.
      const double once = now - last;
      if (warm == 1 && once < 20000) batch = (unsigned)(20000 / once) + 1;
      last = begin = slice = now_ns();
      cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
      continue;
    }
    if ((now - last) / batch < least) least = (now - last) / batch;
    last = now;
    calls += batch;
    if (alone && now - slice >= 5e6) {
      const double cpu_now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
      if ((cpu_now - cpu) / (double)(calls - before) < least)
        least = (cpu_now - cpu) / (double)(calls - before);
      before = calls;
      last = slice = now_ns();
      cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    }
    if (now - begin >= wanted) break;
  }
  printf("%.1f %.1f\n", least, (last - begin) / (double)calls);
  return 0;
}
