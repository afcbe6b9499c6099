// Tests of what a program gives to a device for its kernels (drivers/cpu/extension.c, system.c):
// libraries written in C as the compiler writes them, imports in tables, the order among them.
#include "unit/hal_support.h"

// ---- A library ---------------------------------------------------------------------------------

enum { REQUIRED, OPTIONAL, IMPORT_COUNT };

typedef struct params {
  uint32_t *out;
  uint32_t id;
  uint32_t present;
} params_t;

// What is linked in has the host's calling convention, and so has what it is called back by.
typedef int (*thunk_t)(ee_cpu_import_t function, void *params, void *context, void *reserved);

// One binding: word `id` becomes what the first import says of it.
static int kernel(const ee_cpu_environment_t *environment, const ee_cpu_dispatch_state_t *dispatch,
                  const ee_cpu_workgroup_state_t *workgroup) {
  params_t params = {dispatch->bindings[0], workgroup->id_x,
                     environment->import_functions[OPTIONAL] != NULL};
  return ((thunk_t)environment->import_thunk)(
      environment->import_functions[REQUIRED], &params,
      (void *)(uintptr_t)environment->import_contexts[REQUIRED], NULL);
}

static const ee_cpu_kernel_t kernels[] = {(ee_cpu_kernel_t)kernel};
static const ee_cpu_kernel_attributes_t attributes[] = {{.binding_count = 1}};
static const char *const names[] = {"one"};
static const char *const symbols[IMPORT_COUNT] = {[REQUIRED] = "count_up", [OPTIONAL] = "?spare"};

static const ee_cpu_library_header_t header_a = {.version = EE_CPU_LIBRARY_VERSION, .name = "a"};
static const ee_cpu_library_header_t header_b = {.version = EE_CPU_LIBRARY_VERSION, .name = "b"};
static const ee_cpu_library_header_t header_new = {.version = 7, .name = "new"};
static const ee_cpu_library_header_t header_unnamed = {.version = EE_CPU_LIBRARY_VERSION};

#define LIBRARY(of_header)                                                                         \
  {                                                                                                \
    .header = of_header, .imports = {IMPORT_COUNT, symbols}, .exports = {                          \
      .count = 1,                                                                                  \
      .kernels = kernels,                                                                          \
      .attributes = attributes,                                                                    \
      .names = names                                                                               \
    }                                                                                              \
  }
static const ee_cpu_library_t library_a = LIBRARY(&header_a), library_b = LIBRARY(&header_b),
                              library_new = LIBRARY(&header_new),
                              library_unnamed = LIBRARY(&header_unnamed);

static uint64_t seen_processor;

#define QUERY(name)                                                                                \
  static const void *query_##name(uint32_t max_version, const void *environment) {                 \
    seen_processor = ((const ee_cpu_environment_t *)environment)->processor[0];                    \
    return max_version >= EE_CPU_LIBRARY_VERSION ? &library_##name : NULL;                         \
  }
QUERY(a)
QUERY(b)
QUERY(new)
QUERY(unnamed)

static const void *query_none(uint32_t max_version, const void *environment) {
  (void)max_version, (void)environment;
  return NULL;
}

// ---- Imports -----------------------------------------------------------------------------------

static int count_up(void *pointer, void *context, void *reserved) {
  const params_t *params = pointer;
  (void)reserved;
  params->out[params->id] = *(const uint32_t *)context + params->id + 100 * params->present;
  return 0;
}

static int fail(void *pointer, void *context, void *reserved) {
  (void)pointer, (void)context, (void)reserved;
  return 3;
}

static uint32_t start = 10, other_start = 20;
static const ee_hal_kernel_import_t count_from_10 = {"count_up", count_up, &start};

static const ee_hal_host_kernels_t *host_of(const fixture_t *f) {
  return f->device->driver->host_kernels;
}

static eerie_status_t create(fixture_t *f, const char *name, ee_hal_executable_t **out_executable,
                             eerie_error_t *err) {
  *out_executable = NULL;
  return ee_hal_executable_create(f->device, EE_STR("static"),
                                  (ee_bytes_t){(const uint8_t *)name, strlen(name)}, NULL, NULL, 0,
                                  out_executable, err);
}

// Runs kernel 0 for three workgroups into `words`.
static eerie_status_t run(fixture_t *f, ee_hal_executable_t *executable, uint32_t words[3],
                          eerie_error_t *err) {
  ee_hal_buffer_t *buffer = make_buffer(f, 12);
  uint8_t *pointer = buffer->data;
  const size_t size = 12;
  const uint32_t access = EE_HAL_ACCESS_ALL;
  const ee_hal_dispatch_t dispatch = {
      .workgroup_count = {3, 1, 1},
      .binding_count = 1,
      .bindings = &pointer,
      .binding_sizes = &size,
      .binding_access = &access,
  };
  const eerie_status_t status = ee_hal_executable_dispatch(executable, &dispatch, err);
  memcpy(words, buffer->data, 12);
  ee_hal_buffer_release(buffer);
  return status;
}

// ---- Tests -------------------------------------------------------------------------------------

static void libraries_are_found_by_name(void) {
  fixture_t f;
  fixture_open(&f);
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_executable_t *executable = NULL;
  CHECK_STATUS(create(&f, "a", &executable, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "static library 'a'");
  CHECK_CONTAINS(err.message, "it has: none");
  CHECK_OK(host_of(&f)->add_library(f.device, query_a, &err));
  CHECK_OK(host_of(&f)->add_library(f.device, query_b, &err));
  CHECK_EQ_INT(seen_processor, ((ee_cpu_device_t *)f.device)->features[0]);
  CHECK_STATUS(create(&f, "c", &executable, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "it has: b, a");
  CHECK_STATUS(host_of(&f)->add_library(f.device, query_a, &err), EERIE_ALREADY_EXISTS);
  CHECK_CONTAINS(err.message, "a library a already");
  CHECK_STATUS(host_of(&f)->add_library(f.device, query_new, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "library version 0.7; this build runs version 0.6");
  CHECK_STATUS(host_of(&f)->add_library(f.device, query_none, &err), EERIE_INCOMPATIBLE);
  CHECK_STATUS(host_of(&f)->add_library(f.device, query_unnamed, &err), EERIE_INVALID_ARGUMENT);
  CHECK_OK(host_of(&f)->add_imports(f.device, &count_from_10, 1, NULL));
  // The name may end with NULs, as padding.
  CHECK_OK(ee_hal_executable_create(f.device, EE_STR("static"),
                                    (ee_bytes_t){(const uint8_t *)"b\0\0", 3}, NULL, NULL, 0,
                                    &executable, &err));
  CHECK_EQ_INT(executable->function_count, 1);
  ee_object_release(&executable->object);
  CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR("static-x"),
                                        (ee_bytes_t){(const uint8_t *)"b", 1}, NULL, NULL, 0,
                                        &executable, &err),
               EERIE_INCOMPATIBLE);
  fixture_close(&f);
}

static void imports_reach_their_kernels(void) {
  fixture_t f;
  fixture_open(&f);
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_executable_t *executable = NULL;
  uint32_t words[3];
  REQUIRE_OK(host_of(&f)->add_library(f.device, query_a, NULL));
  CHECK_STATUS(create(&f, "a", &executable, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "kernels of a call the function count_up");
  CHECK_OK(host_of(&f)->add_imports(f.device, &count_from_10, 1, NULL));
  // Without the optional one, then with it: an executable keeps what it found when it was loaded.
  CHECK_OK(create(&f, "a", &executable, &err));
  CHECK_OK(run(&f, executable, words, &err));
  CHECK(words[0] == 10 && words[1] == 11 && words[2] == 12);
  const ee_hal_kernel_import_t spare = {"spare", fail, NULL};
  CHECK_OK(host_of(&f)->add_imports(f.device, &spare, 1, NULL));
  ee_hal_executable_t *second = NULL;
  CHECK_OK(create(&f, "a", &second, &err));
  CHECK_OK(run(&f, second, words, &err));
  CHECK(words[0] == 110 && words[1] == 111 && words[2] == 112);
  CHECK_OK(run(&f, executable, words, &err));
  CHECK_EQ_INT(words[0], 10);
  ee_object_release(&second->object);
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void failing_imports_fail_the_dispatch(void) {
  fixture_t f;
  fixture_open(&f);
  eerie_error_t err = {.code = EERIE_OK};
  ee_hal_executable_t *executable = NULL;
  uint32_t words[3];
  const ee_hal_kernel_import_t failing = {"count_up", fail, NULL};
  REQUIRE_OK(host_of(&f)->add_library(f.device, query_a, NULL));
  REQUIRE_OK(host_of(&f)->add_imports(f.device, &failing, 1, NULL));
  REQUIRE_OK(create(&f, "a", &executable, &err));
  CHECK_STATUS(run(&f, executable, words, &err), EERIE_INTERNAL);
  CHECK_CONTAINS(err.message, "kernel one failed with code 3");
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void tables_are_checked(void) {
  fixture_t f;
  fixture_open(&f);
  eerie_error_t err = {.code = EERIE_OK};
  const ee_hal_kernel_import_t twice[] = {{"f", count_up, NULL}, {"f", fail, NULL}};
  CHECK_STATUS(host_of(&f)->add_imports(f.device, twice, 2, &err), EERIE_ALREADY_EXISTS);
  CHECK_CONTAINS(err.message, "a function f already");
  const ee_hal_kernel_import_t known = {"count_up", count_up, &other_start};
  CHECK_OK(host_of(&f)->add_imports(f.device, &count_from_10, 1, &err));
  CHECK_STATUS(host_of(&f)->add_imports(f.device, &known, 1, &err), EERIE_ALREADY_EXISTS);
  const ee_hal_kernel_import_t unnamed = {NULL, count_up, NULL}, empty = {"", count_up, NULL},
                               no_function = {"g", NULL, NULL};
  CHECK_STATUS(host_of(&f)->add_imports(f.device, &unnamed, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(host_of(&f)->add_imports(f.device, &empty, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(host_of(&f)->add_imports(f.device, &no_function, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "import 0 of 1 has no function");
  CHECK_OK(host_of(&f)->add_imports(f.device, NULL, 0, &err));
  CHECK_STATUS(host_of(&f)->add_imports(f.device, twice, SIZE_MAX / 8, &err),
               EERIE_RESOURCE_EXHAUSTED);
  fixture_close(&f);
}

static void memory_may_fail_anywhere(void) {
  fixture_t f;
  fixture_open(&f);
  for (size_t n = 1;; ++n) {
    ee_hal_executable_t *executable = NULL;
    f.fail_at = atomic_load(&f.allocations) + n;
    eerie_status_t status = host_of(&f)->add_library(f.device, query_a, NULL);
    if (status == EERIE_ALREADY_EXISTS) status = EERIE_OK;
    if (status == EERIE_OK) {
      status = host_of(&f)->add_imports(f.device, &count_from_10, 1, NULL);
      if (status == EERIE_ALREADY_EXISTS) status = EERIE_OK;
    }
    if (status == EERIE_OK) status = create(&f, "a", &executable, NULL);
    if (executable) ee_object_release(&executable->object);
    if (status == EERIE_OK) break;
    if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) break;
  }
  f.fail_at = 0;
  fixture_close(&f);
}

#if defined(_WIN32)
#define OURS   "system-dll-"
#define OTHERS "system-elf-"
#else
#define OURS   "system-elf-"
#define OTHERS "system-dll-"
#endif

static void other_systems_are_named(void) {
  fixture_t f;
  fixture_open(&f);
  static const struct {
    const char *format;
    const char *message;
  } cases[] = {
    {OTHERS "x86_64", "a shared library of another system ('" OTHERS "x86_64')"},
    {OURS "nothing", "kernels for an unknown machine"},
#if defined(__riscv)
    {OURS "x86_64", "kernels for x86-64"},
#else
    {OURS "riscv_64", "kernels for riscv64"},
#endif
    {"cuda-nvptx-fb", "'cuda-nvptx-fb' do not run on device local-sync"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ee_hal_executable_t *executable = NULL;
    eerie_error_t err = {.code = EERIE_OK};
    int64_t value = 5;
    CHECK_STATUS(ee_hal_executable_create(f.device, ee_str_from(cases[i].format),
                                          (ee_bytes_t){NULL, 0}, NULL, NULL, 0, &executable, &err),
                 EERIE_INCOMPATIBLE);
    CHECK_CONTAINS(err.message, cases[i].message);
    CHECK(ee_hal_device_query(f.device, EE_STR("hal.executable.format"),
                              ee_str_from(cases[i].format), &value));
    CHECK_EQ_INT(value, 0);
  }
  // Of this system, but damaged.
#if defined(__x86_64__)
  ee_hal_executable_t *executable = NULL;
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_executable_create(f.device, EE_STR(OURS "x86_64"),
                                        (ee_bytes_t){(const uint8_t *)"nothing", 7}, NULL, NULL, 0,
                                        &executable, &err),
               EERIE_DATA_LOSS);
#endif
  fixture_close(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(libraries_are_found_by_name),       RUN(imports_reach_their_kernels),
      RUN(failing_imports_fail_the_dispatch), RUN(tables_are_checked),
      RUN(memory_may_fail_anywhere),          RUN(other_systems_are_named),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
