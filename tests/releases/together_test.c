// Modules of several compiler releases in one process at the same time: side by side on one device,
// in threads, linked with each other in every pairing; and what no release makes, refused.
//
// EERIE_TEST_GOLDEN is the folder of the golden modules.
#include <pthread.h>

#include "behaviour/support.h"

static const struct {
  const char *name;
  uint32_t hal;
  const char *told; // by eerie_module_info
} releases[] = {
    {"3.11.0", 6, "3.11 or older"},
    {"3.12.0", 7, "3.12 or newer"},
    {"3.13.0", 7, "3.12 or newer"},
};
enum { RELEASES = LENGTH(releases), CALLS = 40 };

typedef struct shared {
  eerie_instance_t *instance;
  eerie_device_t *device;
} shared_t;

static bool open_shared(shared_t *s) {
  eerie_error_t err = {0};
  return fine(eerie_instance_create(NULL, &s->instance, &err), &err) &&
         fine(eerie_device_open(s->instance, "local-sync", &s->device, &err), &err);
}

static void close_shared(shared_t *s) {
  eerie_device_release(s->device);
  size_t current = 0, peak = 0;
  eerie_instance_memory(s->instance, &current, &peak);
  eerie_instance_release(s->instance);
}

static eerie_module_t *load(const shared_t *s, const char *folder, const char *name) {
  char path[1024];
  eerie_error_t err = {0};
  eerie_module_t *module = NULL;
  snprintf(path, sizeof path, "%s/%s.vmfb", folder, name);
  fine(eerie_module_load_file(s->instance, path, NULL, &module, &err), &err);
  return module;
}

static eerie_module_t *load_golden(const shared_t *s, size_t release, const char *name) {
  char folder[512];
  snprintf(folder, sizeof folder, "%s/%s", EERIE_TEST_GOLDEN, releases[release].name);
  return load(s, folder, name);
}

// The modules' kernels are for x86-64; elsewhere those of vmvx stand in, which no linked pair has.
static bool has_x86(void) {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

static const char *elementwise_name(void) {
  return has_x86() ? "cpu-elementwise" : "vmvx-elementwise";
}

// ---- What a module tells of itself -------------------------------------------------------------

static void modules_tell_their_release(void) {
  shared_t s = {0};
  REQUIRE(open_shared(&s));
  for (size_t i = 0; i < RELEASES; ++i) {
    eerie_module_info_t info;
    eerie_module_t *module = load_golden(&s, i, "cpu-elementwise");
    REQUIRE(module != NULL);
    eerie_module_info(module, &info);
    CHECK_EQ_INT(info.hal_version, releases[i].hal);
    CHECK_STR(info.release, releases[i].told);
    eerie_module_release(module);
    // No function of `hal` that a release has changed: nobody can tell.
    module = load_golden(&s, i, "vmvx_inline-elementwise");
    REQUIRE(module != NULL);
    eerie_module_info(module, &info);
    CHECK_EQ_INT(info.hal_version, 0);
    CHECK_STR(info.release, "");
    eerie_module_release(module);
  }
  close_shared(&s);
}

// ---- Side by side ------------------------------------------------------------------------------

// x * y + y of 3 x 5 numbers
static int wrong_products(eerie_device_t *device, eerie_function_t *dynamic, float seed) {
  float x[15], y[15];
  const int64_t shape[2] = {3, 5};
  for (size_t i = 0; i < 15; ++i) {
    x[i] = seed + (float)i;
    y[i] = (float)i / 4 - 2;
  }
  eerie_error_t err = {0};
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  int wrong = 0;
  if (eerie_tensor_create(device, EERIE_F32, 2, shape, x, &in[0], &err) ||
      eerie_tensor_create(device, EERIE_F32, 2, shape, y, &in[1], &err) ||
      eerie_call_tensors(dynamic, in, 2, &out, 1, &err)) {
    fprintf(stderr, "%s\n", err.message);
    wrong = 1;
  }
  for (size_t i = 0; i < 15 && !wrong; ++i)
    wrong += float_at(out, i) != x[i] * y[i] + y[i];
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  eerie_tensor_release(out);
  return wrong;
}

typedef struct worker {
  const shared_t *s;
  eerie_module_t *module;
  int number;
  int wrong;
} worker_t;

static void *call_own_program(void *argument) {
  worker_t *w = argument;
  eerie_program_t *program = NULL;
  eerie_function_t *dynamic = NULL;
  const eerie_program_options_t options = {.module = w->module, .device = w->s->device};
  eerie_error_t err = {0};
  if (eerie_program_create(w->s->instance, &options, &program, &err) ||
      eerie_program_find(program, "dynamic", &dynamic, &err)) {
    fprintf(stderr, "%s\n", err.message);
    w->wrong = 1;
  }
  for (int i = 0; i < CALLS && w->wrong == 0; ++i)
    w->wrong += wrong_products(w->s->device, dynamic, (float)(w->number + i));
  eerie_program_release(program);
  return NULL;
}

// Two threads for each release, on one device; before that, calls in turn on this thread.
static void releases_run_side_by_side(void) {
  shared_t s = {0};
  REQUIRE(open_shared(&s));
  eerie_module_t *modules[RELEASES];
  eerie_program_t *programs[RELEASES];
  eerie_function_t *functions[RELEASES];
  eerie_error_t err = {0};
  for (size_t i = 0; i < RELEASES; ++i) {
    modules[i] = load_golden(&s, i, elementwise_name());
    REQUIRE(modules[i] != NULL);
    const eerie_program_options_t options = {.module = modules[i], .device = s.device};
    REQUIRE(fine(eerie_program_create(s.instance, &options, &programs[i], &err), &err));
    REQUIRE(fine(eerie_program_find(programs[i], "dynamic", &functions[i], &err), &err));
  }
  for (size_t round = 0; round < 3; ++round)
    for (size_t i = 0; i < RELEASES; ++i)
      CHECK_EQ_INT(wrong_products(s.device, functions[i], (float)(10 * round + i)), 0);
  pthread_t threads[2 * RELEASES];
  worker_t workers[2 * RELEASES];
  for (size_t i = 0; i < LENGTH(threads); ++i) {
    workers[i] = (worker_t){.s = &s, .module = modules[i % RELEASES], .number = (int)i};
    REQUIRE(pthread_create(&threads[i], NULL, call_own_program, &workers[i]) == 0);
  }
  for (size_t i = 0; i < LENGTH(threads); ++i) {
    pthread_join(threads[i], NULL);
    CHECK_EQ_INT(workers[i].wrong, 0);
  }
  for (size_t i = 0; i < RELEASES; ++i) {
    eerie_program_release(programs[i]);
    eerie_module_release(modules[i]);
  }
  close_shared(&s);
}

// ---- Linked ------------------------------------------------------------------------------------

typedef struct pair {
  eerie_module_t *part;
  eerie_module_t *whole;
  eerie_program_t *program;
} pair_t;

static eerie_function_t *find(const pair_t *p, const char *name) {
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  fine(eerie_program_find(p->program, name, &function, &err), &err);
  return function;
}

// (x + 1) * y - 1 through both modules, then 2 x + 1 behind a fence of the other.
static void check_tensors(const shared_t *s, const pair_t *p) {
  const setup_t setup = {.device = s->device};
  eerie_error_t err = {0};
  eerie_tensor_t *in[2] = {vector(&setup, EERIE_F32, 4, one_to_four),
                           vector(&setup, EERIE_F32, 4, tens)};
  eerie_tensor_t *out = NULL;
  if (CHECK(in[0] && in[1]) &&
      fine(eerie_call_tensors(find(p, "through"), in, 2, &out, 1, &err), &err)) {
    for (size_t i = 0; i < 4; ++i)
      CHECK(float_at(out, i) == (one_to_four[i] + 1) * tens[i] - 1);
  }
  eerie_tensor_release(out);
  out = NULL;
  if (fine(eerie_call_tensors(find(p, "awaits"), in, 1, &out, 1, &err), &err)) {
    for (size_t i = 0; i < 4; ++i)
      CHECK(float_at(out, i) == 2 * one_to_four[i] + 1);
  }
  eerie_tensor_release(out);
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
}

// Every program has the state of its own `part`.
static void check_state(const pair_t *p, int32_t by) {
  eerie_error_t err = {0};
  const eerie_value_t step = {.kind = EERIE_KIND_I32, .as.i32 = by};
  eerie_value_t counts[2] = {{0}};
  if (fine(eerie_call(find(p, "twice"), &step, 1, counts, 2, &err), &err)) {
    CHECK_EQ_INT(counts[0].as.i32, by);
    CHECK_EQ_INT(counts[1].as.i32, 2 * by);
  }
}

static void releases_link_in_every_pairing(void) {
  if (!has_x86()) return;
  shared_t s = {0};
  pair_t pairs[RELEASES * RELEASES] = {{0}};
  REQUIRE(open_shared(&s));
  for (size_t i = 0; i < LENGTH(pairs); ++i) {
    pair_t *p = &pairs[i];
    eerie_error_t err = {0};
    p->part = load_golden(&s, i / RELEASES, "cpu-part");
    p->whole = load_golden(&s, i % RELEASES, "cpu-whole");
    REQUIRE(p->part && p->whole);
    eerie_module_t *const modules[2] = {p->part, p->whole};
    const eerie_program_options_t options = {
        .modules = modules, .module_count = 2, .device = s.device};
    REQUIRE(fine(eerie_program_create(s.instance, &options, &p->program, &err), &err));
  }
  for (size_t i = 0; i < LENGTH(pairs); ++i) {
    check_tensors(&s, &pairs[i]);
    check_state(&pairs[i], (int32_t)i + 1);
  }
  for (size_t i = 0; i < LENGTH(pairs); ++i) {
    eerie_program_release(pairs[i].program);
    eerie_module_release(pairs[i].part);
    eerie_module_release(pairs[i].whole);
  }
  close_shared(&s);
}

// One program of three modules, each of another release.
static void three_releases_make_one_program(void) {
  if (!has_x86()) return;
  shared_t s = {0};
  REQUIRE(open_shared(&s));
  for (size_t first = 0; first < RELEASES; ++first) {
    eerie_error_t err = {0};
    pair_t p = {0};
    eerie_module_t *const modules[3] = {
        load_golden(&s, first, "cpu-elementwise"),
        load_golden(&s, (first + 1) % RELEASES, "cpu-part"),
        load_golden(&s, (first + 2) % RELEASES, "cpu-whole"),
    };
    REQUIRE(modules[0] && modules[1] && modules[2]);
    const eerie_program_options_t options = {
        .modules = modules, .module_count = 3, .device = s.device};
    if (fine(eerie_program_create(s.instance, &options, &p.program, &err), &err)) {
      check_tensors(&s, &p);
      check_state(&p, 7);
      CHECK_EQ_INT(wrong_products(s.device, find(&p, "module.dynamic"), 5), 0);
    }
    eerie_program_release(p.program);
    for (size_t i = 0; i < 3; ++i)
      eerie_module_release(modules[i]);
  }
  close_shared(&s);
}

// ---- Refused -----------------------------------------------------------------------------------

static void unknown_versions_are_refused(void) {
  static const struct {
    const char *name;
    const char *found;
  } cases[] = {{"hal_5", "'hal' of version 5"}, {"hal_8", "'hal' of version 8"}};
  shared_t s = {0};
  REQUIRE(open_shared(&s));
  for (size_t i = 0; i < LENGTH(cases); ++i) {
    eerie_error_t err = {0};
    eerie_program_t *program = NULL;
    eerie_module_t *module = load(&s, EERIE_TEST_GOLDEN "/refused", cases[i].name);
    REQUIRE(module != NULL);
    const eerie_program_options_t options = {.module = module, .device = s.device};
    CHECK_STATUS(eerie_program_create(s.instance, &options, &program, &err),
                 EERIE_FAILED_PRECONDITION);
    CHECK(program == NULL);
    CHECK_CONTAINS(err.message, cases[i].found);
    CHECK_CONTAINS(err.message, "6 to 7");
    eerie_module_release(module);
  }
  close_shared(&s);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(modules_tell_their_release),     RUN(releases_run_side_by_side),
      RUN(releases_link_in_every_pairing), RUN(three_releases_make_one_program),
      RUN(unknown_versions_are_refused),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
