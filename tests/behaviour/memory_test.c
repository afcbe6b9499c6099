// Memory: what an instance says it uses, limits that hold, and that nothing grows.
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/native_host.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EERIE_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EERIE_TEST_SANITIZED 1
#endif
#endif
#ifndef EERIE_TEST_SANITIZED
#define EERIE_TEST_SANITIZED 0
#endif

// An allocator that counts, and can tell a wrong size or a foreign block.
typedef struct counter {
  size_t live_bytes, live_blocks, total_calls;
} counter_t;

static void *counted(void *user, void *pointer, size_t old_size, size_t new_size) {
  counter_t *c = user;
  ++c->total_calls;
  unsigned char *block = pointer ? (unsigned char *)pointer - 64 : NULL;
  if (block) {
    size_t known = 0;
    memcpy(&known, block, sizeof known);
    CHECK_EQ_INT(known, old_size);
  } else {
    CHECK_EQ_INT(old_size, 0);
  }
  if (new_size == 0) {
    if (block) {
      c->live_bytes -= old_size;
      --c->live_blocks;
      free(block);
    }
    return NULL;
  }
  unsigned char *fresh = aligned_alloc(64, (new_size + 64 + 63) / 64 * 64);
  if (!fresh) return NULL;
  memcpy(fresh, &new_size, sizeof new_size);
  if (block) {
    memcpy(fresh + 64, pointer, old_size < new_size ? old_size : new_size);
    free(block);
    c->live_bytes -= old_size;
    --c->live_blocks;
  }
  c->live_bytes += new_size;
  ++c->live_blocks;
  return fresh + 64;
}

static size_t memory_now(const setup_t *s) {
  size_t current = 0, peak = 0;
  eerie_instance_memory(s->instance, &current, &peak);
  CHECK(peak >= current);
  return current;
}

static void all_memory_comes_from_the_allocator_and_goes_back(void) {
  static const char *const names[] = {"mul", "dynamic", "state", "strings", "async", "constants"};
  for (size_t i = 0; i < LENGTH(names); ++i) {
    counter_t counter = {0};
    const eerie_instance_options_t options = {.allocator = {counted, &counter}};
    setup_t s;
    REQUIRE(open_setup_with(&s, names[i], &options, (eerie_program_options_t){0}));
    CHECK(counter.live_bytes > 0);
    // The pages that kernels run in come from the system and count too.
    CHECK(memory_now(&s) >= counter.live_bytes);
    CHECK_EQ_INT((memory_now(&s) - counter.live_bytes) % 4096, 0);
    close_setup(&s);
    CHECK_EQ_INT(counter.live_bytes, 0);
    CHECK_EQ_INT(counter.live_blocks, 0);
  }
}

// Calls `double` with a vector of `length` elements.
static void call_double(const setup_t *s, eerie_function_t *twice, int64_t length) {
  eerie_error_t err = {0};
  eerie_tensor_t *in = vector(s, EERIE_F32, length, NULL), *out = NULL;
  if (fine(eerie_call_tensors(twice, &in, 1, &out, 1, &err), &err))
    CHECK_EQ_INT(eerie_tensor_count(out), length);
  eerie_tensor_release(in);
  eerie_tensor_release(out);
}

static int64_t varying(int i) {
  return 1 + (int64_t)((unsigned)i * 2654435761u >> 8) % 5000;
}

static void memory_does_not_grow_with_varying_shapes(void) {
  setup_t s;
  REQUIRE(open_setup(&s, "dynamic"));
  eerie_function_t *twice = function_of(&s, "double");
  enum { WARM = 2000, CALLS = 100000 };
  for (int i = 0; i < WARM; ++i)
    call_double(&s, twice, varying(i));
  size_t current = 0, warm = 0, peak = 0;
  eerie_instance_memory(s.instance, &current, &warm);
  for (int i = WARM; i < CALLS; ++i)
    call_double(&s, twice, varying(i));
  eerie_instance_memory(s.instance, &current, &peak);
  printf("peak after %d calls %zu bytes, after %d calls %zu\n", WARM, warm, CALLS, peak);
  CHECK(peak <= warm + warm / 4);
  close_setup(&s);
}

// A turn of a long life with functions in C: shapes that vary, bytes, lists, objects, failures.
static void call_natives(const setup_t *s, int i) {
  eerie_error_t err = {0};
  const int64_t length = varying(i) % 700;
  eerie_value_t values[2] = {tensor_value(vector(s, EERIE_I32, length, NULL)),
                             {.kind = EERIE_KIND_I32, .as.i32 = i % 5 != 0 || length == 0}};
  eerie_value_t out[2];
  CHECK_STATUS(eerie_call(function_of(s, "lookup"), values, 2, out, 1, &err),
               values[1].as.i32 ? EERIE_OK : EERIE_NOT_FOUND);
  eerie_value_release(&out[0]);
  eerie_value_release(&values[0]);

  values[0].kind = EERIE_KIND_BUFFER;
  values[1].kind = EERIE_KIND_LIST;
  CHECK_OK(eerie_buffer_create(s->instance, "0123456789", (size_t)length % 10, &values[0].as.buffer,
                               &err));
  CHECK_OK(eerie_list_create(s->instance, (size_t)length % 20, &values[1].as.list, &err));
  for (size_t k = 0; k < (size_t)length % 20; ++k)
    CHECK_OK(eerie_list_set(values[1].as.list, k, values[0], &err));
  CHECK_OK(eerie_call(function_of(s, "bytes"), values, 2, out, 1, &err));
  eerie_value_release(&out[0]);
  CHECK_OK(eerie_call(function_of(s, "list"), &values[1], 1, out, 1, &err));
  eerie_value_release(&out[0]);
  CHECK_OK(eerie_call(function_of(s, "make"), values, 1, out, 1, &err));
  const eerie_value_t strings[2] = {out[0], out[0]};
  eerie_value_t joined[2];
  CHECK_OK(eerie_call(function_of(s, "join"), strings, 2, joined, 2, &err));
  eerie_value_release(&joined[0]);
  eerie_value_release(&out[0]);
  eerie_value_release(&values[0]);
  eerie_value_release(&values[1]);
}

static void memory_does_not_grow_with_native_calls(void) {
  host_t host;
  fill_host(&host);
  const eerie_native_module_t module = module_of(&host), *natives[] = {&module};
  setup_t s;
  REQUIRE(open_setup_with(&s, "native", NULL,
                          (eerie_program_options_t){.natives = natives, .native_count = 1}));
  enum { WARM = 2000, TURNS = 25000 }; // five calls each
  for (int i = 0; i < WARM; ++i)
    call_natives(&s, i);
  size_t current = 0, warm = 0, peak = 0;
  eerie_instance_memory(s.instance, &current, &warm);
  for (int i = WARM; i < TURNS; ++i)
    call_natives(&s, i);
  eerie_instance_memory(s.instance, &current, &peak);
  printf("peak after %d turns %zu bytes, after %d turns %zu\n", WARM, warm, TURNS, peak);
  CHECK(peak <= warm + warm / 4);
  CHECK_EQ_INT(host.live_strings, 0);
  close_setup(&s);
}

static void memory_does_not_grow_with_programs_or_errors(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "dynamic"));
  const eerie_program_options_t options = {.module = s.module, .device = s.device};
  size_t warm = 0;
  for (int i = 0; i < 300; ++i) {
    eerie_program_t *program = NULL;
    eerie_function_t *function = NULL;
    REQUIRE_OK(eerie_program_create(s.instance, &options, &program, &err));
    CHECK(eerie_program_find(program, "nosuch", &function, &err) != EERIE_OK);
    REQUIRE_OK(eerie_program_find(program, "same_length", &function, &err));
    eerie_tensor_t *in[2] = {vector(&s, EERIE_I32, 3, NULL), vector(&s, EERIE_I32, 4, NULL)};
    eerie_tensor_t *out = NULL;
    CHECK_STATUS(eerie_call_tensors(function, in, 2, &out, 1, &err), EERIE_FAILED_PRECONDITION);
    eerie_tensor_release(in[0]);
    eerie_tensor_release(in[1]);
    eerie_program_release(program);
    if (i == 20) warm = memory_now(&s);
  }
  CHECK_EQ_INT(memory_now(&s), warm);
  close_setup(&s);
}

static void a_warm_call_asks_the_system_for_nothing(void) {
  counter_t counter = {0};
  const eerie_instance_options_t options = {.allocator = {counted, &counter}};
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup_with(&s, "mul", &options, (eerie_program_options_t){0}));
  eerie_function_t *mul = function_of(&s, "mul");
  eerie_tensor_t *x = vector(&s, EERIE_F32, 4, one_to_four);
  eerie_tensor_t *in[2] = {x, x}, *out = NULL;
  size_t before = 0;
  for (int i = 0; i < 100; ++i) {
    if (i == 10) before = counter.total_calls;
    CHECK_OK(eerie_call_tensors(mul, in, 2, &out, 1, &err));
    eerie_tensor_release(out);
  }
  CHECK_EQ_INT(counter.total_calls, before);
  eerie_tensor_release(x);
  close_setup(&s);
}

static void a_memory_limit_holds(void) {
  setup_t s;
  eerie_error_t err = {0};
  const eerie_instance_options_t options = {.memory_limit = 1 << 20};
  REQUIRE(open_setup_with(&s, "dynamic", &options, (eerie_program_options_t){0}));
  eerie_function_t *twice = function_of(&s, "double");
  eerie_tensor_t *in = vector(&s, EERIE_F32, 150 * 1000, NULL), *out = NULL; // 600 KB
  CHECK_STATUS(eerie_call_tensors(twice, &in, 1, &out, 1, &err), EERIE_RESOURCE_EXHAUSTED);
  CHECK(out == NULL);
  CHECK_CONTAINS(err.message, "600000");
  eerie_tensor_release(in);
  const int64_t large[1] = {1 << 20};
  CHECK_STATUS(eerie_tensor_create(s.device, EERIE_F32, 1, large, NULL, &in, &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK(in == NULL);
  size_t current = 0, peak = 0;
  eerie_instance_memory(s.instance, &current, &peak);
  CHECK(peak <= options.memory_limit);
  call_double(&s, twice, 1000); // smaller ones still go
  close_setup(&s);

  // Too little for anything: refused at whichever step it shows.
  const eerie_instance_options_t tiny = {.memory_limit = 300};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_status_t status = eerie_instance_create(&tiny, &instance, &err);
  if (status == EERIE_OK) status = eerie_device_open(instance, NULL, &device, &err);
  eerie_module_t *module = NULL;
  if (status == EERIE_OK)
    status = eerie_module_load_file(instance, module_path("dynamic"), NULL, &module, &err);
  CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
}

static void a_module_cannot_take_more_than_the_limit(void) {
  setup_t s;
  eerie_error_t err = {0};
  const eerie_instance_options_t options = {.memory_limit = 1 << 20};
  REQUIRE(open_setup_with(&s, "vm", &options, (eerie_program_options_t){0}));
  eerie_value_t size = {.kind = EERIE_KIND_I64, .as.i64 = 100 << 20}, out = {0};
  CHECK_STATUS(eerie_call(function_of(&s, "allocate"), &size, 1, &out, 1, &err),
               EERIE_RESOURCE_EXHAUSTED);
  const eerie_value_t list[5] = {{.kind = EERIE_KIND_I32, .as.i32 = 1 << 30},
                                 {.kind = EERIE_KIND_I32},
                                 {.kind = EERIE_KIND_I64},
                                 {.kind = EERIE_KIND_F32},
                                 {.kind = EERIE_KIND_F64}};
  eerie_value_t results[5];
  CHECK_STATUS(eerie_call(function_of(&s, "lists"), list, 5, results, 5, &err),
               EERIE_RESOURCE_EXHAUSTED);
  size.as.i64 = 1000;
  CHECK_OK(eerie_call(function_of(&s, "allocate"), &size, 1, &out, 1, &err));
  close_setup(&s);
}

// ---- Resident memory ---------------------------------------------------------------------------

#define WEIGHTS 25165824 // bytes, of the modules `resident`, `resident_packed` and `resident_read`

// The most that this process has had in memory, in bytes; 0: the system does not tell.
static size_t resident_peak(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[128];
  size_t kilobytes = 0;
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmHWM: %zu", &kilobytes) == 1) break;
  }
  if (file) fclose(file);
  return kilobytes * 1024;
}

static float weight_at(uint64_t index) {
  return (float)(index * 2654435761u % 1000003) / 1000003.0f - 0.5f;
}

static void check_product(const setup_t *s) {
  eerie_error_t err = {0};
  const int64_t shape[2] = {1, 1024};
  float one[1024] = {[0] = 1}; // takes the first row of each matrix
  eerie_tensor_t *in = NULL, *out = NULL;
  REQUIRE_OK(eerie_tensor_create(s->device, EERIE_F32, 2, shape, one, &in, &err));
  if (CHECK_OK(eerie_call_tensors(function_of(s, "apply"), &in, 1, &out, 1, &err))) {
    const float *row = eerie_tensor_data(out);
    for (uint64_t i = 0; i < 1024; ++i) {
      double sum = 0;
      for (uint64_t m = 0; m < 6; ++m)
        sum += (double)weight_at(m << 20 | i);
      if (!CHECK_NEAR(row[i], sum, 1e-5)) break;
    }
  }
  eerie_tensor_release(in);
  eerie_tensor_release(out);
}

static void check_constants(const setup_t *s) {
  eerie_error_t err = {0};
  eerie_tensor_t *out = NULL;
  if (!CHECK_OK(eerie_call_tensors(function_of(s, "apply"), NULL, 0, &out, 1, &err))) return;
  const float *all = eerie_tensor_data(out);
  for (uint64_t i = 0; i < WEIGHTS / sizeof *all; ++i) {
    if (!CHECK(all[i] == weight_at(i))) break;
  }
  CHECK(eerie_tensor_mutable_data(out) == NULL);
  CHECK_STATUS(eerie_call(function_of(s, "overwrite"), NULL, 0, NULL, 0, &err),
               EERIE_PERMISSION_DENIED);
  eerie_tensor_release(out);
}

// What a module brings along is used where the file is mapped. In a process of its own, so that the
// peak is that of this one call.
static void check_resident(const char *name, void (*use)(const setup_t *s), size_t more) {
  if (!resident_peak()) SKIP("the system does not tell resident memory");
  fflush(stdout);
  fflush(stderr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const size_t before = resident_peak();
    setup_t s;
    if (open_setup(&s, name)) {
      use(&s);
      close_setup(&s);
    }
    const size_t after = resident_peak();
    printf("%s: %zu bytes more for %d of weights\n", name, after - before, WEIGHTS);
#if !EERIE_TEST_SANITIZED // which have memory of their own for each byte
    CHECK(after - before <= WEIGHTS + more);
#else
    (void)more;
#endif
    fflush(stdout);
    _exit(check_failures ? 1 : 0);
  }
  int status = 0;
  CHECK_EQ_INT(waitpid(child, &status, 0), child);
  CHECK_EQ_INT(status, 0);
}

static void weights_are_used_in_place(void) {
  check_resident("resident", check_product, 10u << 20);
}

// Packed they are another 24 MB; of those in the file only so many are in memory as were read since
// the last look.
static void weights_that_were_packed_leave_memory(void) {
  if (access("/proc/self/pagemap", R_OK) != 0) SKIP("the system does not tell which pages to drop");
  check_resident("resident_packed", check_product, 18u << 20);
}

static void weights_that_are_read_are_used_in_place(void) {
  check_resident("resident_read", check_constants, 10u << 20);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(weights_are_used_in_place), // first: a process knows its peak only
      RUN(weights_that_are_read_are_used_in_place),
      RUN(weights_that_were_packed_leave_memory),
      RUN(all_memory_comes_from_the_allocator_and_goes_back),
      RUN(memory_does_not_grow_with_varying_shapes),
      RUN(memory_does_not_grow_with_native_calls),
      RUN(memory_does_not_grow_with_programs_or_errors),
      RUN(a_warm_call_asks_the_system_for_nothing),
      RUN(a_memory_limit_holds),
      RUN(a_module_cannot_take_more_than_the_limit),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
