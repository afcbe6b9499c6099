// The public interface as a caller meets it: what it answers, what it refuses and in which words,
// and who owns what.
#include <sys/stat.h>
#include <unistd.h>

#include "behaviour/support.h"

// ---- Names and numbers -------------------------------------------------------------------------

static void versions_agree(void) {
  char expected[32];
  snprintf(expected, sizeof expected, "%d.%d.%d", EERIE_VERSION_MAJOR, EERIE_VERSION_MINOR,
           EERIE_VERSION_PATCH);
  CHECK_STR(eerie_version(), expected);
}

static void statuses_have_names(void) {
  CHECK_STR(eerie_status_name(EERIE_OK), "OK");
  CHECK_STR(eerie_status_name(EERIE_INVALID_ARGUMENT), "INVALID_ARGUMENT");
  CHECK_STR(eerie_status_name(EERIE_INCOMPATIBLE), "INCOMPATIBLE");
  CHECK_STR(eerie_status_name((eerie_status_t)99), "UNKNOWN");
}

static void dtypes_have_names(void) {
  static const struct {
    eerie_dtype_t dtype;
    const char *name;
    unsigned bits;
  } known[] = {
      {EERIE_BOOL, "i1", 8},       {EERIE_I4, "i4", 4},           {EERIE_I8, "i8", 8},
      {EERIE_I64, "i64", 64},      {EERIE_S16, "si16", 16},       {EERIE_U32, "ui32", 32},
      {EERIE_F16, "f16", 16},      {EERIE_F32, "f32", 32},        {EERIE_F64, "f64", 64},
      {EERIE_BF16, "bf16", 16},    {EERIE_F8E5M2, NULL, 8},       {EERIE_F8E4M3FN, NULL, 8},
      {EERIE_COMPLEX64, NULL, 64}, {EERIE_F8E5M2FNUZ, NULL, 8},   {EERIE_F8E4M3FNUZ, NULL, 8},
      {EERIE_F8E8M0FNU, NULL, 8},  {EERIE_COMPLEX128, NULL, 128},
  };
  for (size_t i = 0; i < LENGTH(known); ++i) {
    const char *name = eerie_dtype_name(known[i].dtype);
    CHECK_EQ_INT(eerie_dtype_bits(known[i].dtype), known[i].bits);
    CHECK_EQ_INT(eerie_dtype_parse(name, strlen(name)), known[i].dtype);
    if (known[i].name)
      CHECK_EQ_INT(eerie_dtype_parse(known[i].name, strlen(known[i].name)), known[i].dtype);
  }
  CHECK_EQ_INT(eerie_dtype_parse("i1", 2), EERIE_BOOL);
  CHECK_EQ_INT(eerie_dtype_parse("bool", 4), EERIE_BOOL);
  CHECK_EQ_INT(eerie_dtype_parse("u8", 2), EERIE_U8);
  CHECK_EQ_INT(eerie_dtype_parse("f32x", 3), EERIE_F32);
  CHECK_EQ_INT(eerie_dtype_parse("f33", 3), EERIE_DTYPE_NONE);
  CHECK_EQ_INT(eerie_dtype_parse("", 0), EERIE_DTYPE_NONE);
  CHECK_EQ_INT(eerie_dtype_bits(EERIE_DTYPE_NONE), 0);
}

// ---- Devices and modules -----------------------------------------------------------------------

static void devices_open_by_name_and_number(void) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  eerie_device_info_t info = {0};
  REQUIRE(eerie_device_list(instance, 0, &info));
  CHECK_STR(info.name, "local-sync");
  CHECK(info.description && info.description[0]);
  size_t count = 0;
  while (eerie_device_list(instance, count, &info))
    ++count;
  CHECK(!eerie_device_list(instance, count + 7, &info));

  static const char *const good[] = {"local-sync", "0", NULL};
  for (size_t i = 0; i < LENGTH(good); ++i) {
    eerie_device_t *device = NULL;
    CHECK_OK(eerie_device_open(instance, good[i], &device, &err));
    CHECK_STR(eerie_device_name(device), "local-sync");
    eerie_device_release(device);
  }
  static const char *const bad[] = {"toaster", "", "99", "-1", "volcano://0", "local-sync://9/9/9"};
  for (size_t i = 0; i < LENGTH(bad); ++i) {
    eerie_device_t *device = (eerie_device_t *)instance;
    const eerie_status_t status = eerie_device_open(instance, bad[i], &device, &err);
    CHECK(status == EERIE_NOT_FOUND || status == EERIE_UNIMPLEMENTED ||
          status == EERIE_INVALID_ARGUMENT);
    CHECK_EQ_INT(err.code, status);
    CHECK(device == NULL);
    CHECK_CONTAINS(err.message, "local-sync");
    if (bad[i][0]) CHECK_CONTAINS(err.message, bad[i]);
  }
  eerie_instance_release(instance);
}

static void write_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!CHECK(file != NULL)) return;
  CHECK_EQ_INT(fwrite(data, 1, size, file), size);
  fclose(file);
}

static void refuse_file(eerie_instance_t *instance, const char *path, eerie_status_t expected) {
  eerie_error_t err = {0};
  eerie_module_t *module = (eerie_module_t *)instance;
  const eerie_status_t status = eerie_module_load_file(instance, path, NULL, &module, &err);
  CHECK_STATUS(status, expected);
  CHECK(module == NULL);
  CHECK_CONTAINS(err.message, path);
  CHECK(strchr(err.message, '\n') == NULL);
  CHECK_STATUS(eerie_module_load_file(instance, path, NULL, &module, NULL), expected);
}

static void files_that_are_no_modules_are_refused(void) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  refuse_file(instance, "no/such/file.vmfb", EERIE_NOT_FOUND);
  refuse_file(instance, "/", EERIE_INVALID_ARGUMENT);
  char path[] = "api_test_XXXXXX";
  const int descriptor = mkstemp(path);
  REQUIRE(descriptor >= 0);
  close(descriptor);
  refuse_file(instance, path, EERIE_INVALID_ARGUMENT); // empty
  static const char text[] = "func.func @this_is_text() { return }\n";
  write_file(path, text, sizeof text - 1);
  refuse_file(instance, path, EERIE_INVALID_ARGUMENT);
  write_file(path, "\0", 1);
  refuse_file(instance, path, EERIE_INVALID_ARGUMENT);
  if (geteuid() != 0) {
    chmod(path, 0);
    refuse_file(instance, path, EERIE_PERMISSION_DENIED);
  }
  remove(path);
  eerie_instance_release(instance);
}

// The whole file in memory at an address that is a multiple of 64, plus `shift`; free(*block).
static unsigned char *read_module(const char *name, size_t shift, size_t *out_size, void **block) {
  FILE *file = fopen(module_path(name), "rb");
  if (!CHECK(file != NULL)) return NULL;
  struct stat status;
  fstat(fileno(file), &status);
  const size_t size = (size_t)status.st_size;
  *block = aligned_alloc(64, (size + shift + 127) / 64 * 64);
  unsigned char *bytes = (unsigned char *)*block + shift;
  CHECK_EQ_INT(fread(bytes, 1, size, file), size);
  fclose(file);
  *out_size = size;
  return bytes;
}

static void every_cut_of_a_module_is_refused(void) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  size_t size = 0;
  void *block = NULL;
  unsigned char *bytes = read_module("mul", 0, &size, &block);
  REQUIRE(bytes);
  // The module is a flatbuffer in the middle of a ZIP archive; of the archive's directory, which
  // follows, nobody reads anything.
  static const char directory[] = "PK\1\2";
  size_t end = 0;
  for (size_t at = 0; at + 4 < size; ++at)
    if (end == 0 && memcmp(bytes + at, directory, 4) == 0) end = at;
  REQUIRE(end > 0);
  for (size_t cut = 0; cut < end; cut += cut < 512 ? 1 : 97) {
    unsigned char *copy = malloc(cut + 1);
    memcpy(copy, bytes, cut);
    eerie_module_t *module = NULL;
    const eerie_status_t status =
        eerie_module_load_memory(instance, copy, cut, NULL, &module, &err);
    CHECK(status == EERIE_INVALID_ARGUMENT || status == EERIE_DATA_LOSS);
    CHECK(module == NULL);
    free(copy);
  }
  free(block);
  eerie_instance_release(instance);
}

static int released_count;
static void count_release(void *user, const void *data, size_t size) {
  (void)data, (void)size;
  ++released_count;
  CHECK(user == &released_count);
}

static void modules_load_from_memory_at_any_address(void) {
  static const size_t shifts[] = {0, 1, 4, 8, 16};
  for (size_t i = 0; i < LENGTH(shifts); ++i) {
    setup_t s = {0};
    eerie_error_t err = {0};
    size_t size = 0;
    void *block = NULL;
    const unsigned char *bytes = read_module("constants", shifts[i], &size, &block);
    REQUIRE(bytes);
    released_count = 0;
    const eerie_module_options_t options = {.release = count_release, .user = &released_count};
    REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
    REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
    const eerie_status_t status =
        eerie_module_load_memory(s.instance, bytes, size, &options, &s.module, &err);
    if (status != EERIE_OK) { // an address that does not suit must be said, not crashed on
      CHECK_STATUS(status, EERIE_INVALID_ARGUMENT);
      CHECK_CONTAINS(err.message, "align");
      CHECK(shifts[i] != 0 && shifts[i] != 16);
      CHECK_EQ_INT(released_count, 0);
    } else {
      const eerie_program_options_t with = {.module = s.module, .device = s.device};
      if (fine(eerie_program_create(s.instance, &with, &s.program, &err), &err)) {
        eerie_function_t *weights = function_of(&s, "weights");
        eerie_tensor_t *out = NULL;
        fine(eerie_call_tensors(weights, NULL, 0, &out, 1, &err), &err);
        CHECK_EQ_INT(eerie_tensor_count(out), 512 * 512);
        CHECK_NEAR(float_at(out, 0), -0.5, 0);
        eerie_module_release(s.module);
        s.module = NULL;
        CHECK_EQ_INT(released_count, 0);
        eerie_tensor_release(out);
      }
    }
    const bool loaded = s.program != NULL;
    close_setup(&s);
    CHECK_EQ_INT(released_count, loaded ? 1 : 0);
    free(block);
  }
}

static void modules_are_described(void) {
  setup_t s;
  REQUIRE(open_setup(&s, "async"));
  eerie_module_info_t info = {0};
  eerie_module_info(s.module, &info);
  CHECK_STR(info.name, "module");
  CHECK_EQ_INT(info.bytecode_version, 0x00110000);
  CHECK_EQ_INT(info.hal_version, 7);
  CHECK(info.export_count >= 6);
  CHECK(info.import_count > 5);
  CHECK(info.function_count >= info.export_count);
  CHECK(info.constant_count >= 1);
  CHECK(info.file_size > 1000);
  bool found = false;
  size_t count = 0;
  for (eerie_export_info_t e; eerie_module_export(s.module, count, &e); ++count) {
    if (strcmp(e.name, "mul_sync") != 0) continue;
    found = true;
    CHECK_STR(e.calling_convention, "rr_r");
    CHECK_CONTAINS(e.declaration, "sync func @mul_sync(");
    CHECK_CONTAINS(e.declaration, "tensor<4xf32>");
  }
  CHECK(found);
  CHECK_EQ_INT(count, info.export_count);
  eerie_export_info_t none;
  CHECK(!eerie_module_export(s.module, count, &none));
  count = 0;
  found = false;
  for (eerie_import_info_t i; eerie_module_import(s.module, count, &i); ++count)
    found = found || strcmp(i.name, "hal.fence.create") == 0;
  CHECK(found);
  CHECK_EQ_INT(count, info.import_count);
  const void *data = NULL;
  size_t size = 0;
  CHECK(eerie_module_constant(s.module, 0, &data, &size));
  CHECK(!eerie_module_constant(s.module, info.constant_count, &data, &size));
  close_setup(&s);
}

static size_t line_count;
static void count_line(void *user, const char *line) {
  (void)user;
  if (line[0]) ++line_count;
}

static void functions_disassemble(void) {
  setup_t s;
  REQUIRE(open_setup(&s, "scalars"));
  eerie_error_t err = {0};
  eerie_module_info_t info = {0};
  eerie_module_info(s.module, &info);
  for (size_t i = 0; i < info.function_count; ++i) {
    line_count = 0;
    const eerie_status_t status = eerie_module_disassemble(s.module, i, count_line, NULL, &err);
    if (status == EERIE_UNIMPLEMENTED) break;
    CHECK_OK(status);
    CHECK(line_count > 0);
  }
  CHECK_STATUS(eerie_module_disassemble(s.module, info.function_count, count_line, NULL, &err),
               EERIE_OUT_OF_RANGE);
  close_setup(&s);
}

// ---- Programs ----------------------------------------------------------------------------------

static void missing_imports_are_named(void) {
  setup_t s = {0};
  eerie_error_t err = {0};
  REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
  REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
  REQUIRE_OK(eerie_module_load_file(s.instance, module_path("link_b"), NULL, &s.module, &err));
  const eerie_program_options_t options = {.module = s.module, .device = s.device};
  s.program = (eerie_program_t *)s.instance;
  CHECK_STATUS(eerie_program_create(s.instance, &options, &s.program, &err), EERIE_NOT_FOUND);
  CHECK(s.program == NULL);
  CHECK_CONTAINS(err.message, "link_a.");
  CHECK_CONTAINS(err.message, "link_b");
  // The wrong order is the same as not being there.
  eerie_module_t *other = NULL;
  REQUIRE_OK(eerie_module_load_file(s.instance, module_path("link_a"), NULL, &other, &err));
  eerie_module_t *const wrong[] = {s.module, other}, *const right[] = {other, s.module};
  const eerie_program_options_t backwards = {
      .modules = wrong, .module_count = 2, .device = s.device};
  CHECK_STATUS(eerie_program_create(s.instance, &backwards, &s.program, &err), EERIE_NOT_FOUND);
  const eerie_program_options_t forwards = {
      .modules = right, .module_count = 2, .device = s.device};
  if (fine(eerie_program_create(s.instance, &forwards, &s.program, &err), &err)) {
    eerie_function_t *function = NULL;
    CHECK_OK(eerie_program_find(s.program, "link_b.scale_by_ten", &function, &err));
    CHECK_OK(eerie_program_find(s.program, "link_a.scale", &function, &err));
    CHECK_STATUS(eerie_program_find(s.program, "link_b.scale", &function, &err), EERIE_NOT_FOUND);
  }
  eerie_module_release(other);
  close_setup(&s);
}

static void modules_for_other_machines_are_named(void) {
#if defined(__x86_64__)
  static const char *const others[] = {"mul_aarch64", "mul_vulkan"};
  static const char *const words[] = {"aarch64", "vulkan"};
#else
  static const char *const others[] = {"mul_x86_64", "mul_vulkan"};
  static const char *const words[] = {"x86", "vulkan"};
#endif
  for (size_t i = 0; i < LENGTH(others); ++i) {
    setup_t s = {0};
    eerie_error_t err = {0};
    REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
    REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
    REQUIRE_OK(eerie_module_load_file(s.instance, module_path(others[i]), NULL, &s.module, &err));
    const eerie_program_options_t options = {.module = s.module, .device = s.device};
    CHECK_STATUS(eerie_program_create(s.instance, &options, &s.program, &err), EERIE_INCOMPATIBLE);
    CHECK(s.program == NULL);
    CHECK_CONTAINS(err.message, words[i]);
    close_setup(&s);
  }
}

static void functions_are_found_and_described(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "dynamic"));
  eerie_function_t *function = (eerie_function_t *)&s;
  CHECK_STATUS(eerie_program_find(s.program, "nothing_like_it", &function, &err), EERIE_NOT_FOUND);
  CHECK(function == NULL);
  CHECK_CONTAINS(err.message, "nothing_like_it");
  CHECK_CONTAINS(err.message, "same_length");
  CHECK_STATUS(eerie_program_find(s.program, NULL, &function, &err), EERIE_NOT_FOUND);
  CHECK_OK(eerie_program_find(s.program, "module.dims", &function, &err));
  function = function_of(&s, "dims");
  REQUIRE(function);
  CHECK_STR(eerie_function_name(function), "dims");
  CHECK_CONTAINS(eerie_function_declaration(function), "tensor<?x3x?xi32>");
  CHECK(!eerie_function_is_async(function));
  CHECK_EQ_INT(eerie_function_input_count(function), 1);
  CHECK_EQ_INT(eerie_function_output_count(function), 3);
  const eerie_type_t *type = eerie_function_input(function, 0);
  REQUIRE(type);
  CHECK_EQ_INT(type->kind, EERIE_KIND_TENSOR);
  CHECK_EQ_INT(type->dtype, EERIE_I32);
  CHECK_EQ_INT(type->rank, 3);
  CHECK_EQ_INT(type->shape[0], -1);
  CHECK_EQ_INT(type->shape[1], 3);
  CHECK_EQ_INT(type->shape[2], -1);
  CHECK_STR(type->text, "tensor<?x3x?xi32>");
  CHECK(eerie_function_input(function, 1) == NULL);
  CHECK_EQ_INT(eerie_function_output(function, 2)->kind, EERIE_KIND_I64);
  CHECK(eerie_function_output(function, 3) == NULL);
  size_t count = 0;
  while (eerie_program_function(s.program, count))
    ++count;
  CHECK(count >= 9);
  for (size_t i = 0; i < count; ++i) {
    const char *name = eerie_function_name(eerie_program_function(s.program, i));
    CHECK(strstr(name, "__init") == NULL);
  }
  close_setup(&s);

  REQUIRE(open_setup(&s, "mul"));
  CHECK_OK(eerie_program_find(s.program, NULL, &function, &err));
  CHECK_STR(eerie_function_name(function), "mul");
  close_setup(&s);
}

static void limits_of_a_program_hold(void) {
  setup_t s;
  eerie_error_t err = {0};
  eerie_value_t out = {0};
  REQUIRE(open_setup_with(&s, "control", NULL, (eerie_program_options_t){.step_limit = 100000}));
  eerie_function_t *endless = function_of(&s, "endless");
  CHECK_STATUS(eerie_call(endless, NULL, 0, &out, 1, &err), EERIE_DEADLINE_EXCEEDED);
  CHECK_CONTAINS(err.message, "100000");
  CHECK_STATUS(eerie_call(endless, NULL, 0, &out, 1, &err), EERIE_DEADLINE_EXCEEDED);
  const eerie_value_t seven = {.kind = EERIE_KIND_I64, .as.i64 = 7};
  CHECK_OK(eerie_call(function_of(&s, "collatz"), &seven, 1, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 16);
  close_setup(&s);

  REQUIRE(
      open_setup_with(&s, "recursion", NULL, (eerie_program_options_t){.call_depth_limit = 50}));
  eerie_value_t depth = {.kind = EERIE_KIND_I32, .as.i32 = 40};
  eerie_function_t *deep = function_of(&s, "deep");
  CHECK_OK(eerie_call(deep, &depth, 1, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 40);
  depth.as.i32 = 60;
  CHECK_STATUS(eerie_call(deep, &depth, 1, &out, 1, &err), EERIE_RESOURCE_EXHAUSTED);
  CHECK_EQ_INT(out.kind, EERIE_KIND_NONE);
  CHECK_CONTAINS(err.message, "50");
  close_setup(&s);

  REQUIRE(open_setup_with(&s, "recursion", NULL, (eerie_program_options_t){.stack_limit = 8192}));
  depth.as.i32 = 1000;
  CHECK_STATUS(eerie_call(function_of(&s, "deep"), &depth, 1, &out, 1, &err),
               EERIE_RESOURCE_EXHAUSTED);
  close_setup(&s);
}

// ---- Calls -------------------------------------------------------------------------------------

static void wrong_arguments_are_named(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "mul"));
  eerie_function_t *mul = function_of(&s, "mul");
  eerie_tensor_t *good = vector(&s, EERIE_F32, 4, one_to_four);
  eerie_tensor_t *longer = vector(&s, EERIE_F32, 5, NULL);
  eerie_tensor_t *integers = vector(&s, EERIE_I32, 4, NULL);
  const int64_t square[2] = {2, 2};
  eerie_tensor_t *matrix = NULL;
  REQUIRE_OK(eerie_tensor_create(s.device, EERIE_F32, 2, square, one_to_four, &matrix, &err));
  eerie_tensor_t *out = NULL;

  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good, longer}, 2, &out, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "mul: input 1");
  CHECK_CONTAINS(err.message, "dimension 0 is 5, expected 4");
  CHECK(out == NULL);
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){integers, good}, 2, &out, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "mul: input 0");
  CHECK_CONTAINS(err.message, "tensor<4xf32>");
  CHECK_CONTAINS(err.message, "i32");
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good, matrix}, 2, &out, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "mul: input 1");
  CHECK_CONTAINS(err.message, "rank 2");
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good}, 1, &out, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "1 inputs, expected 2");
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good, good}, 2, &out, 0, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "0 outputs, expected 1");
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good, NULL}, 2, &out, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "input 1");
  const eerie_value_t mixed[2] = {tensor_value(good), {.kind = EERIE_KIND_F32, .as.f32 = 1}};
  eerie_value_t value = {.kind = EERIE_KIND_I32};
  CHECK_STATUS(eerie_call(mul, mixed, 2, &value, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "input 1");
  CHECK_EQ_INT(value.kind, EERIE_KIND_NONE);
  // No error record, no harm; and the program goes on working.
  CHECK_STATUS(eerie_call_tensors(mul, (eerie_tensor_t *[]){good}, 1, &out, 1, NULL),
               EERIE_INVALID_ARGUMENT);
  CHECK_OK(eerie_call_tensors(mul, (eerie_tensor_t *[]){good, good}, 2, &out, 1, &err));
  CHECK_NEAR(float_at(out, 3), 16, 0);
  eerie_tensor_release(out);
  eerie_tensor_release(matrix);
  eerie_tensor_release(integers);
  eerie_tensor_release(longer);
  eerie_tensor_release(good);
  close_setup(&s);
}

static void expect_product(eerie_prepared_call_t *call, const float *expected) {
  eerie_error_t err = {0};
  eerie_value_t out = {.kind = EERIE_KIND_NONE};
  if (!fine(eerie_prepared_call_run(call, &out, 1, &err), &err)) return;
  for (size_t i = 0; i < 4; ++i)
    CHECK_NEAR(float_at(out.as.tensor, i), expected[i], 0);
  eerie_value_release(&out);
}

static void check_prepared(const char *module) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, module));
  eerie_function_t *mul = function_of(&s, "mul");
  eerie_tensor_t *a = vector(&s, EERIE_F32, 4, one_to_four);
  eerie_tensor_t *b = vector(&s, EERIE_F32, 4, one_to_four);
  eerie_tensor_t *longer = vector(&s, EERIE_F32, 5, NULL);
  const eerie_value_t both[2] = {tensor_value(a), tensor_value(b)};
  const eerie_value_t wrong[2] = {tensor_value(a), tensor_value(longer)};
  eerie_prepared_call_t *call = NULL;

  CHECK_STATUS(eerie_call_prepare(mul, wrong, 2, &call, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "input 1");
  CHECK(call == NULL);
  CHECK_STATUS(eerie_call_prepare(mul, both, 1, &call, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "1 inputs, expected 2");
  REQUIRE_OK(eerie_call_prepare(mul, both, 2, &call, &err));
  expect_product(call, (const float[]){1, 4, 9, 16});
  expect_product(call, (const float[]){1, 4, 9, 16});
  // What is in the tensors counts when it runs.
  CHECK_OK(eerie_tensor_write(b, 0, (const float[]){2, 2, 2, 2}, 16, &err));
  expect_product(call, (const float[]){2, 4, 6, 8});
  // Another value for an input, or none that fits.
  eerie_tensor_t *c = vector(&s, EERIE_F32, 4, (const float[]){-1, 0, 1, 10});
  const eerie_value_t other = tensor_value(c);
  CHECK_OK(eerie_prepared_call_bind(call, 0, &other, &err));
  eerie_tensor_release(c);
  expect_product(call, (const float[]){-2, 0, 2, 20});
  CHECK_STATUS(eerie_prepared_call_bind(call, 1, &wrong[1], &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "dimension 0 is 5, expected 4");
  CHECK_STATUS(eerie_prepared_call_bind(call, 2, &other, &err), EERIE_OUT_OF_RANGE);
  eerie_value_t none = {.kind = EERIE_KIND_I32};
  CHECK_STATUS(eerie_prepared_call_run(call, &none, 0, &err), EERIE_INVALID_ARGUMENT);
  expect_product(call, (const float[]){-2, 0, 2, 20});
  // It keeps all that it needs.
  eerie_tensor_release(longer);
  eerie_tensor_release(b);
  eerie_tensor_release(a);
  eerie_program_release(s.program);
  s.program = NULL;
  expect_product(call, (const float[]){-2, 0, 2, 20});
  eerie_prepared_call_release(call);
  close_setup(&s);
}

static void prepared_calls_keep_their_inputs(void) {
  check_prepared("mul");
  check_prepared("async");
}

static void prepared_calls_of_numbers(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "control"));
  eerie_value_t count = {.kind = EERIE_KIND_I64, .as.i64 = 10}, sum = {.kind = EERIE_KIND_NONE};
  eerie_prepared_call_t *call = NULL;
  REQUIRE_OK(eerie_call_prepare(function_of(&s, "sum_to"), &count, 1, &call, &err));
  CHECK_OK(eerie_prepared_call_run(call, &sum, 1, &err));
  CHECK_EQ_INT(sum.as.i64, 45);
  count.as.i64 = 101;
  CHECK_OK(eerie_prepared_call_bind(call, 0, &count, &err));
  CHECK_OK(eerie_prepared_call_run(call, &sum, 1, &err));
  CHECK_EQ_INT(sum.as.i64, 5050);
  const eerie_value_t single = {.kind = EERIE_KIND_F32, .as.f32 = 1};
  CHECK_STATUS(eerie_prepared_call_bind(call, 0, &single, &err), EERIE_INVALID_ARGUMENT);
  eerie_prepared_call_release(call);
  eerie_prepared_call_release(NULL);
  close_setup(&s);
}

static void results_outlive_everything(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "results"));
  eerie_function_t *same = function_of(&s, "same"), *constant = function_of(&s, "constant");
  eerie_tensor_t *in = vector(&s, EERIE_F32, 4, one_to_four), *out = NULL, *k = NULL;
  CHECK_OK(eerie_call_tensors(same, &in, 1, &out, 1, &err));
  CHECK_OK(eerie_call_tensors(constant, NULL, 0, &k, 1, &err));
  eerie_tensor_release(in);
  close_setup(&s);
  CHECK_NEAR(float_at(out, 2), 3, 0);
  REQUIRE(k);
  CHECK_EQ_INT(((const int32_t *)eerie_tensor_data(k))[5], 6);
  CHECK_STR(eerie_dtype_name(eerie_tensor_dtype(k)), "i32");
  eerie_tensor_release(out);
  eerie_tensor_release(k);
}

static void constants_cannot_be_spoilt(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "results"));
  eerie_function_t *constant = function_of(&s, "constant");
  eerie_tensor_t *k = NULL;
  REQUIRE_OK(eerie_call_tensors(constant, NULL, 0, &k, 1, &err));
  int32_t *mutable_data = eerie_tensor_mutable_data(k);
  const int32_t wrong = -1;
  const eerie_status_t status = eerie_tensor_write(k, 0, &wrong, sizeof wrong, &err);
  CHECK(status == (mutable_data ? EERIE_OK : EERIE_PERMISSION_DENIED));
  eerie_tensor_release(k);
  REQUIRE_OK(eerie_call_tensors(constant, NULL, 0, &k, 1, &err));
  CHECK_EQ_INT(((const int32_t *)eerie_tensor_data(k))[0], 1);
  eerie_tensor_release(k);
  close_setup(&s);
}

static void errors_of_a_model_keep_its_words(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "control"));
  const eerie_value_t in[2] = {{.kind = EERIE_KIND_I32, .as.i32 = 1}, {.kind = EERIE_KIND_I32}};
  eerie_value_t out = {0};
  CHECK_STATUS(eerie_call(function_of(&s, "checked_divide"), in, 2, &out, 1, &err),
               EERIE_FAILED_PRECONDITION);
  CHECK_EQ_INT(err.code, EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(err.message, "checked_divide");
  CHECK_CONTAINS(err.message, "division by zero refused by the model");
  close_setup(&s);
}

static void wrong_helpers_for_results_are_named(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "results"));
  eerie_function_t *element = function_of(&s, "one_of_each");
  eerie_tensor_t *in[2] = {vector(&s, EERIE_F32, 4, one_to_four), NULL}, *out[4];
  CHECK_STATUS(eerie_call_tensors(element, in, 2, out, 4, &err), EERIE_INVALID_ARGUMENT);
  for (size_t i = 0; i < 4; ++i)
    CHECK(out[i] == NULL);
  const eerie_value_t values[2] = {tensor_value(in[0]), {.kind = EERIE_KIND_I32, .as.i32 = 1}};
  eerie_value_t results[4] = {{0}};
  CHECK_OK(eerie_call(element, values, 2, results, 4, &err));
  CHECK_EQ_INT(results[1].kind, EERIE_KIND_I32);
  CHECK_EQ_INT(results[1].as.i32, 2);
  for (size_t i = 0; i < 4; ++i) {
    eerie_value_release(&results[i]);
    CHECK_EQ_INT(results[i].kind, EERIE_KIND_NONE);
    eerie_value_release(&results[i]);
  }
  eerie_value_release(NULL);
  eerie_tensor_release(in[0]);
  close_setup(&s);
}

typedef struct traced {
  char text[4096];
  size_t length;
} traced_t;

static void collect_trace(void *user, const char *line, size_t length) {
  traced_t *traced = user;
  if (length + 2 > sizeof traced->text - traced->length) return;
  memcpy(traced->text + traced->length, line, length);
  traced->length += length;
  traced->text[traced->length++] = '\n';
}

static void traces_reach_the_caller(void) {
  setup_t s;
  eerie_error_t err = {0};
  traced_t traced = {{0}, 0};
  REQUIRE(open_setup_with(
      &s, "trace", NULL, (eerie_program_options_t){.trace = collect_trace, .trace_user = &traced}));
  const int64_t shape[2] = {2, 2};
  eerie_tensor_t *in = NULL, *out = NULL;
  REQUIRE_OK(eerie_tensor_create(s.device, EERIE_F32, 2, shape, one_to_four, &in, &err));
  CHECK_OK(eerie_call_tensors(function_of(&s, "traced"), &in, 1, &out, 1, &err));
  CHECK_CONTAINS(traced.text, "input");
  CHECK_CONTAINS(traced.text, "output");
  CHECK_CONTAINS(traced.text, "2x2xf32");
  CHECK_CONTAINS(traced.text, "8");
  eerie_tensor_release(in);
  eerie_tensor_release(out);
  close_setup(&s);
}

// ---- Tensors -----------------------------------------------------------------------------------

static void tensors_refuse_impossible_shapes(void) {
  setup_t s = {0};
  eerie_error_t err = {0};
  REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
  REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
  static const int64_t shapes[][3] = {
      {-1, 1, 1},
      {INT64_MAX, 1, 1},
      {INT64_MAX, INT64_MAX, 1},
      {(int64_t)1 << 31, (int64_t)1 << 31, 4},
      {INT64_MIN, 1, 1},
      {(int64_t)1 << 62, 2, 2},
  };
  for (size_t i = 0; i < LENGTH(shapes); ++i) {
    eerie_tensor_t *tensor = (eerie_tensor_t *)s.instance;
    const eerie_status_t status =
        eerie_tensor_create(s.device, EERIE_F32, 3, shapes[i], NULL, &tensor, &err);
    CHECK(status == EERIE_INVALID_ARGUMENT || status == EERIE_RESOURCE_EXHAUSTED);
    CHECK(tensor == NULL);
    float data[4] = {0};
    tensor = (eerie_tensor_t *)s.instance;
    CHECK_STATUS(eerie_tensor_wrap(s.device, EERIE_F32, 3, shapes[i], data, sizeof data, NULL, NULL,
                                   &tensor, &err),
                 EERIE_INVALID_ARGUMENT);
    CHECK(tensor == NULL);
  }
  int64_t many[EERIE_TENSOR_RANK_LIMIT + 1];
  for (size_t i = 0; i < LENGTH(many); ++i)
    many[i] = 1;
  eerie_tensor_t *tensor = NULL;
  CHECK_STATUS(eerie_tensor_create(s.device, EERIE_F32, LENGTH(many), many, NULL, &tensor, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_OK(eerie_tensor_create(s.device, EERIE_F32, LENGTH(many) - 1, many, NULL, &tensor, &err));
  CHECK_EQ_INT(eerie_tensor_rank(tensor), EERIE_TENSOR_RANK_LIMIT);
  eerie_tensor_release(tensor);
  // A dimension of zero makes any shape empty, whatever the others are.
  const int64_t hollow[3] = {0, (int64_t)1 << 40, (int64_t)1 << 40};
  tensor = NULL;
  if (eerie_tensor_create(s.device, EERIE_F32, 3, hollow, NULL, &tensor, &err) == EERIE_OK)
    CHECK_EQ_INT(eerie_tensor_size(tensor), 0);
  eerie_tensor_release(tensor);
  close_setup(&s);
}

static void tensors_read_and_write_in_bounds(void) {
  setup_t s = {0};
  eerie_error_t err = {0};
  REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
  REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
  eerie_tensor_t *t = vector(&s, EERIE_F32, 4, NULL);
  float copy[4] = {9, 9, 9, 9};
  CHECK_OK(eerie_tensor_read(t, 0, copy, sizeof copy, &err));
  CHECK_NEAR(copy[3], 0, 0);
  CHECK_OK(eerie_tensor_write(t, 4, one_to_four, 8, &err));
  CHECK_NEAR(float_at(t, 2), 2, 0);
  CHECK_OK(eerie_tensor_read(t, 16, copy, 0, &err));
  CHECK_STATUS(eerie_tensor_read(t, 16, copy, 1, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(eerie_tensor_read(t, 1, copy, 16, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(eerie_tensor_read(t, UINT64_MAX, copy, 16, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(eerie_tensor_write(t, UINT64_MAX - 3, copy, 4, &err), EERIE_OUT_OF_RANGE);
  CHECK(((uintptr_t)eerie_tensor_data(t) & (EERIE_BUFFER_ALIGNMENT - 1)) == 0);
  eerie_tensor_retain(t);
  eerie_tensor_release(t);
  CHECK_NEAR(float_at(t, 2), 2, 0);
  eerie_tensor_release(t);
  // Sub-byte elements: three nibbles take two bytes.
  const unsigned char nibbles[2] = {0x21, 0x03};
  t = vector(&s, EERIE_I4, 3, nibbles);
  CHECK_EQ_INT(eerie_tensor_size(t), 2);
  CHECK_EQ_INT(eerie_tensor_count(t), 3);
  eerie_tensor_release(t);
  close_setup(&s);
}

typedef struct wrapped {
  int released;
  void *data;
} wrapped_t;

static void release_wrapped(void *user, void *data) {
  wrapped_t *w = user;
  ++w->released;
  CHECK(w->data == data);
}

static void wrapped_memory_is_not_copied(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "results"));
  float *data = aligned_alloc(64, 64);
  memcpy(data, one_to_four, sizeof one_to_four);
  wrapped_t w = {0, data};
  const int64_t shape[1] = {4};
  eerie_tensor_t *in = NULL, *out = NULL;
  REQUIRE_OK(
      eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, data, 16, release_wrapped, &w, &in, &err));
  CHECK(eerie_tensor_data(in) == data);
  CHECK(eerie_tensor_mutable_data(in) == data);
  CHECK_OK(eerie_call_tensors(function_of(&s, "same"), &in, 1, &out, 1, &err));
  CHECK(eerie_tensor_data(out) == data);
  data[1] = 77;
  CHECK_NEAR(float_at(out, 1), 77, 0);
  eerie_tensor_release(in);
  CHECK_EQ_INT(w.released, 0); // the result is the same memory
  eerie_tensor_t *both[2] = {out, out}, *sum[2] = {NULL, NULL};
  CHECK_OK(eerie_call_tensors(function_of(&s, "sum_and_difference"), both, 2, sum, 2, &err));
  CHECK_NEAR(float_at(sum[0], 1), 154, 0);
  CHECK_NEAR(float_at(sum[1], 1), 0, 0);
  CHECK_NEAR(data[1], 77, 0); // an input is read, never written
  eerie_tensor_release(sum[0]);
  eerie_tensor_release(sum[1]);
  eerie_tensor_release(out);
  CHECK_EQ_INT(w.released, 1);
  free(data);
  close_setup(&s);
}

static void wrapping_checks_size_and_address(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "mul"));
  char *block = aligned_alloc(64, 128);
  memset(block, 0, 128);
  const int64_t shape[1] = {4};
  wrapped_t w = {0, NULL};
  eerie_tensor_t *t = NULL;
  CHECK_STATUS(
      eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, block, 15, release_wrapped, &w, &t, &err),
      EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "15");
  CHECK_CONTAINS(err.message, "16");
  CHECK(t == NULL);
  for (size_t shift = 1; shift < 4; ++shift) {
    CHECK_STATUS(eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, block + shift, 16,
                                   release_wrapped, &w, &t, &err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_CONTAINS(err.message, "align");
    CHECK(t == NULL);
  }
  for (size_t shift = 4; shift < 64; shift += 12) { // kernels load whole vectors from the start
    CHECK_STATUS(eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, block + shift, 16,
                                   release_wrapped, &w, &t, &err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_CONTAINS(err.message, "64");
  }
  CHECK_EQ_INT(w.released, 0);
  free(block);
  close_setup(&s);
}

static void a_wrapped_tensor_outlives_its_makers(void) {
  setup_t s = {0};
  eerie_error_t err = {0};
  _Alignas(EERIE_BUFFER_ALIGNMENT) float data[4] = {1, 2, 3, 4};
  wrapped_t w = {0, data};
  const int64_t shape[1] = {4};
  REQUIRE_OK(eerie_instance_create(NULL, &s.instance, &err));
  REQUIRE_OK(eerie_device_open(s.instance, NULL, &s.device, &err));
  eerie_tensor_t *t = NULL;
  REQUIRE_OK(eerie_tensor_wrap(s.device, EERIE_F32, 1, shape, data, sizeof data, release_wrapped,
                               &w, &t, &err));
  eerie_device_release(s.device);
  eerie_instance_release(s.instance);
  CHECK_NEAR(float_at(t, 3), 4, 0);
  CHECK_EQ_INT(w.released, 0);
  eerie_tensor_release(t);
  CHECK_EQ_INT(w.released, 1);
}

// ---- Bytes and lists ---------------------------------------------------------------------------

static void buffers_hold_bytes(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "strings"));
  eerie_value_t in = {.kind = EERIE_KIND_BUFFER}, out = {0};
  REQUIRE_OK(eerie_buffer_create(s.instance, "abc", 3, &in.as.buffer, &err));
  CHECK_EQ_INT(eerie_buffer_size(in.as.buffer), 3);
  CHECK_OK(eerie_call(function_of(&s, "reverse"), &in, 1, &out, 1, &err));
  CHECK_EQ_INT(out.kind, EERIE_KIND_BUFFER);
  CHECK_BYTES(eerie_buffer_data(out.as.buffer), "cba", 3);
  uint64_t size = 0;
  CHECK_BYTES(eerie_value_bytes(&out, &size), "cba", 3);
  CHECK_EQ_INT(size, 3);
  CHECK_STR(eerie_value_type_name(&out), "vm.buffer");
  eerie_value_release(&out);
  CHECK(eerie_value_bytes(&out, &size) == NULL);
  CHECK_EQ_INT(size, 0);
  CHECK_STR(eerie_value_type_name(&out), "");
  const eerie_value_t number = {.kind = EERIE_KIND_I64, .as.i64 = 5};
  CHECK(eerie_value_bytes(&number, &size) == NULL);
  CHECK_EQ_INT(size, 0);
  eerie_value_t four = {.kind = EERIE_KIND_TENSOR};
  four.as.tensor = vector(&s, EERIE_F32, 4, one_to_four);
  CHECK_BYTES(eerie_value_bytes(&four, &size), one_to_four, sizeof one_to_four);
  CHECK_EQ_INT(size, sizeof one_to_four);
  CHECK_STR(eerie_value_type_name(&four), "hal.buffer_view");
  eerie_value_release(&four);
  eerie_value_release(&in);
  eerie_buffer_t *zeros = NULL;
  REQUIRE_OK(eerie_buffer_create(s.instance, NULL, 5, &zeros, &err));
  CHECK_BYTES(eerie_buffer_data(zeros), "\0\0\0\0\0", 5);
  eerie_buffer_retain(zeros);
  eerie_buffer_release(zeros);
  eerie_buffer_release(zeros);
  zeros = (eerie_buffer_t *)s.instance;
  CHECK_STATUS(eerie_buffer_create(s.instance, NULL, SIZE_MAX, &zeros, &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK(zeros == NULL);
  eerie_buffer_release(NULL);
  close_setup(&s);
}

static void lists_hold_values_of_any_kind(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "strings"));
  eerie_list_t *list = NULL, *inner = NULL;
  REQUIRE_OK(eerie_list_create(s.instance, 6, &list, &err));
  REQUIRE_OK(eerie_list_create(s.instance, 0, &inner, &err));
  eerie_tensor_t *tensor = vector(&s, EERIE_F32, 4, one_to_four);
  const eerie_value_t values[] = {
      {.kind = EERIE_KIND_I32, .as.i32 = -5},      {.kind = EERIE_KIND_I64, .as.i64 = 1ll << 40},
      {.kind = EERIE_KIND_F32, .as.f32 = 1.5f},    {.kind = EERIE_KIND_F64, .as.f64 = 2.5},
      {.kind = EERIE_KIND_LIST, .as.list = inner}, tensor_value(tensor)};
  for (size_t i = 0; i < LENGTH(values); ++i)
    CHECK_OK(eerie_list_set(list, i, values[i], &err));
  eerie_list_release(inner);
  eerie_tensor_release(tensor);
  for (size_t i = 0; i < LENGTH(values); ++i) {
    eerie_value_t got = {0};
    CHECK_OK(eerie_list_get(list, i, &got, &err));
    CHECK_EQ_INT(got.kind, values[i].kind);
    eerie_value_release(&got);
  }
  eerie_value_t got = {.kind = EERIE_KIND_I32};
  CHECK_STATUS(eerie_list_get(list, 6, &got, &err), EERIE_OUT_OF_RANGE);
  CHECK_EQ_INT(got.kind, EERIE_KIND_NONE);
  CHECK_STATUS(eerie_list_get(list, SIZE_MAX, &got, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(eerie_list_set(list, 6, values[0], &err), EERIE_OUT_OF_RANGE);
  // Overwriting lets the old value go.
  CHECK_OK(eerie_list_set(list, 5, (eerie_value_t){.kind = EERIE_KIND_NONE}, &err));
  CHECK_OK(eerie_list_get(list, 5, &got, &err));
  CHECK_EQ_INT(got.kind, EERIE_KIND_NONE);
  CHECK_EQ_INT(eerie_list_count(list), 6);
  const eerie_value_t argument = {.kind = EERIE_KIND_LIST, .as.list = list};
  eerie_value_t out = {0};
  CHECK_OK(eerie_call(function_of(&s, "list_echo"), &argument, 1, &out, 1, &err));
  CHECK_EQ_INT(out.kind, EERIE_KIND_LIST);
  CHECK(out.as.list == list);
  eerie_value_release(&out);
  CHECK_OK(eerie_call(function_of(&s, "list_size"), &argument, 1, &out, 1, &err));
  CHECK_EQ_INT(out.as.i64, 6);
  eerie_list_release(list);
  list = (eerie_list_t *)s.instance;
  CHECK(eerie_list_create(s.instance, SIZE_MAX / 2, &list, &err) != EERIE_OK);
  CHECK(list == NULL);
  close_setup(&s);
}

static eerie_value_t list_value(eerie_list_t *list) {
  return (eerie_value_t){.kind = EERIE_KIND_LIST, .as.list = list};
}

static void lists_never_contain_themselves(void) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_list_t *a = NULL, *b = NULL;
  REQUIRE_OK(eerie_instance_create(NULL, &instance, &err));
  REQUIRE_OK(eerie_list_create(instance, 2, &a, &err));
  REQUIRE_OK(eerie_list_create(instance, 2, &b, &err));
  CHECK_STATUS(eerie_list_set(a, 0, list_value(a), &err), EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(err.message, "itself");
  CHECK_OK(eerie_list_set(a, 0, list_value(b), &err));
  CHECK_OK(eerie_list_set(a, 1, list_value(b), &err));
  CHECK_STATUS(eerie_list_set(b, 0, list_value(a), &err), EERIE_FAILED_PRECONDITION);
  eerie_list_release(a);
  eerie_list_release(b);
  // Lists in lists in lists end somewhere.
  REQUIRE_OK(eerie_list_create(instance, 1, &a, &err));
  eerie_status_t status = EERIE_OK;
  for (int depth = 0; depth < 1000 && status == EERIE_OK; ++depth) {
    REQUIRE_OK(eerie_list_create(instance, 1, &b, &err));
    status = eerie_list_set(b, 0, list_value(a), &err);
    eerie_list_release(a);
    a = b;
  }
  CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
  eerie_list_release(a);
  eerie_instance_release(instance);
}

// ---- Counterparts of the test programs that users of the Rust binding know ----------------------

static void several_programs_keep_apart(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "state"));
  eerie_program_t *second = NULL;
  const eerie_program_options_t options = {.module = s.module, .device = s.device};
  REQUIRE_OK(eerie_program_create(s.instance, &options, &second, &err));
  eerie_function_t *a = function_of(&s, "next"), *b = NULL;
  REQUIRE_OK(eerie_program_find(second, "next", &b, &err));
  eerie_value_t out = {0};
  for (int i = 1; i <= 3; ++i) {
    CHECK_OK(eerie_call(a, NULL, 0, &out, 1, &err));
    CHECK_EQ_INT(out.as.i32, i);
  }
  CHECK_OK(eerie_call(b, NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 1);
  eerie_program_release(second);
  CHECK_OK(eerie_call(a, NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 4);
  // Several sessions of everything.
  setup_t t;
  REQUIRE(open_setup(&t, "state"));
  CHECK_OK(eerie_call(function_of(&t, "next"), NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 1);
  close_setup(&s);
  CHECK_OK(eerie_call(function_of(&t, "next"), NULL, 0, &out, 1, &err));
  CHECK_EQ_INT(out.as.i32, 2);
  close_setup(&t);
}

static void booleans_and_mixed_types(void) {
  setup_t s;
  eerie_error_t err = {0};
  REQUIRE(open_setup(&s, "dtypes"));
  const unsigned char x[4] = {1, 1, 0, 0}, y[4] = {1, 0, 1, 0}, expected[4] = {0, 1, 1, 0};
  eerie_tensor_t *in[2] = {vector(&s, EERIE_BOOL, 4, x), vector(&s, EERIE_BOOL, 4, y)}, *out = NULL;
  CHECK_OK(eerie_call_tensors(function_of(&s, "i1"), in, 2, &out, 1, &err));
  CHECK_EQ_INT(eerie_tensor_dtype(out), EERIE_BOOL);
  CHECK_BYTES(eerie_tensor_data(out), expected, 4);
  eerie_tensor_release(out);
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  const int8_t a[4] = {1, -2, 3, -4};
  const int64_t b[4] = {10, 20, 30, 257};
  const uint16_t halves[4] = {0x3C00, 0x4000, 0x3800, 0};
  const double d[4] = {0.5, 1, 2, 3};
  eerie_tensor_t *mixed[4] = {vector(&s, EERIE_I8, 4, a), vector(&s, EERIE_I64, 4, b),
                              vector(&s, EERIE_F16, 4, halves), vector(&s, EERIE_F64, 4, d)};
  eerie_tensor_t *results[2] = {NULL, NULL};
  CHECK_OK(eerie_call_tensors(function_of(&s, "mixed"), mixed, 4, results, 2, &err));
  REQUIRE(results[0] && results[1]);
  CHECK_NEAR(((const double *)eerie_tensor_data(results[0]))[0], 16.5, 0);
  CHECK_EQ_INT(((const int8_t *)eerie_tensor_data(results[1]))[3], 1);
  for (size_t i = 0; i < 4; ++i)
    eerie_tensor_release(mixed[i]);
  eerie_tensor_release(results[0]);
  eerie_tensor_release(results[1]);
  close_setup(&s);
}

// ---- Nothing ----------------------------------------------------------------------------------

static void nothing_is_harmless(void) {
  eerie_instance_release(NULL);
  eerie_device_release(NULL);
  eerie_module_release(NULL);
  eerie_program_release(NULL);
  eerie_tensor_release(NULL);
  eerie_buffer_release(NULL);
  eerie_list_release(NULL);
  eerie_fence_release(NULL);
  eerie_value_release(NULL);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(versions_agree),
      RUN(statuses_have_names),
      RUN(dtypes_have_names),
      RUN(devices_open_by_name_and_number),
      RUN(files_that_are_no_modules_are_refused),
      RUN(every_cut_of_a_module_is_refused),
      RUN(modules_load_from_memory_at_any_address),
      RUN(modules_are_described),
      RUN(functions_disassemble),
      RUN(missing_imports_are_named),
      RUN(modules_for_other_machines_are_named),
      RUN(functions_are_found_and_described),
      RUN(limits_of_a_program_hold),
      RUN(wrong_arguments_are_named),
      RUN(prepared_calls_keep_their_inputs),
      RUN(prepared_calls_of_numbers),
      RUN(results_outlive_everything),
      RUN(constants_cannot_be_spoilt),
      RUN(errors_of_a_model_keep_its_words),
      RUN(wrong_helpers_for_results_are_named),
      RUN(traces_reach_the_caller),
      RUN(tensors_refuse_impossible_shapes),
      RUN(tensors_read_and_write_in_bounds),
      RUN(wrapped_memory_is_not_copied),
      RUN(wrapping_checks_size_and_address),
      RUN(a_wrapped_tensor_outlives_its_makers),
      RUN(buffers_hold_bytes),
      RUN(lists_hold_values_of_any_kind),
      RUN(lists_never_contain_themselves),
      RUN(several_programs_keep_apart),
      RUN(booleans_and_mixed_types),
      RUN(nothing_is_harmless),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
