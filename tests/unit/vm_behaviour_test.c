// vm_behaviour_test.c: what instructions do beyond arithmetic: globals, buffers, lists, references,
// control flow, calls, yields, limits, and that everything is let go in the end.
#include "unit/vm_support.h"

// ---- The module and a program over it ----------------------------------------------------------

typedef struct fixture {
  test_memory_t memory;
  uint8_t *bytes;
  ee_module_t *module;
  ee_vm_program_t *program;
  eerie_error_t err;
  char trace[1024];
} fixture_t;

static void append_line(void *user, ee_str_t line) {
  fixture_t *f = user;
  const size_t size = strlen(f->trace);
  snprintf(f->trace + size, sizeof f->trace - size, "%.*s\n", EE_STR_ARG(line));
}

// False when there is no module to test with.
static bool set_up(fixture_t *f, const ee_vm_program_options_t *limits) {
  *f = (fixture_t){0};
  test_memory_initialize(&f->memory);
  size_t size;
  f->bytes = test_read_file("behaviour.vmfb", &size);
  if (!f->bytes) return false;
  const ee_bytes_t bytes = {f->bytes, size};
  // Two instructions that the compiler writes wrongly, see behaviour.mlir.
  const ee_module_load_options_t unverified = {.trusted = true};
  if (!CHECK_OK(ee_module_load(&f->memory.heap, bytes, &unverified, &f->module, &f->err)))
    return false;
  CHECK(test_patch(f->module, f->bytes, "breaks", 0x8300, 0x6000));
  CHECK(test_patch(f->module, f->bytes, "global_indirect_f32", 0xE102, 0xE002));
  ee_module_release(f->module);
  if (!CHECK_OK_ERR(ee_module_load(&f->memory.heap, bytes, NULL, &f->module, &f->err), &f->err))
    return false;
  ee_vm_program_options_t options = limits ? *limits : (ee_vm_program_options_t){0};
  const ee_vm_module_ref_t refs[] = {{.module = f->module}};
  options.modules = refs;
  options.module_count = 1;
  options.trace = append_line;
  options.trace_user = f;
  return CHECK_OK_ERR(ee_vm_program_create(&f->memory.heap, &options, &f->program, &f->err),
                      &f->err);
}

static void tear_down(fixture_t *f) {
  ee_vm_program_destroy(f->program);
  ee_module_release(f->module);
  test_memory_check_empty(&f->memory);
  free(f->bytes);
}

#define SET_UP(limits)                                                                             \
  fixture_t f;                                                                                     \
  if (!set_up(&f, (limits))) SKIP("no compiled test modules: make_vm.py found no iree-compile")

// Calls with the values given; results land in r[].
#define CALL(name, ...)                                                                            \
  test_call(f.program, (name), (const ee_vm_value_t[]){__VA_ARGS__}, r, &f.err)
#define EXPECT_OK(name, ...) CHECK_OK_ERR(CALL(name, __VA_ARGS__), &f.err)
#define EXPECT_FAILURE(status, text, name, ...)                                                    \
  do {                                                                                             \
    r[0].i64 = -1;                                                                                 \
    CHECK_STATUS(CALL(name, __VA_ARGS__), (status));                                               \
    CHECK_EQ_INT(f.err.code, (status));                                                            \
    CHECK_CONTAINS(f.err.message, (text));                                                         \
    CHECK_CONTAINS(f.err.message, "behaviour." name "+");                                          \
  } while (0)

static ee_vm_value_t vf32(float value) {
  ee_vm_value_t v = {.i64 = 0};
  v.f32 = value;
  return v;
}
static ee_vm_value_t vf64(double value) {
  return (ee_vm_value_t){.f64 = value};
}

static ee_vm_buffer_t *new_buffer(fixture_t *f, const void *bytes, size_t size) {
  ee_vm_buffer_t *buffer = NULL;
  if (CHECK_OK(ee_vm_buffer_create(&f->memory.heap, size, 0, &buffer, &f->err)) && size)
    memcpy(buffer->data, bytes, size);
  return buffer;
}

static unsigned references(const void *object) {
  const ee_object_t *o = object;
#if EERIE_THREADS
  return atomic_load(&((ee_object_t *)(uintptr_t)o)->references);
#else
  return o->references;
#endif
}

// ---- Globals -----------------------------------------------------------------------------------

static void globals(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  REQUIRE(EXPECT_OK("globals_swap", vi32(-5), vi64(INT64_MIN + 3), vf32(0.1f), vf64(1e300)));
  for (int i = 0; i < 4; ++i)
    CHECK_EQ_INT(r[i].i64, 0);
  REQUIRE(EXPECT_OK("globals_swap", vi32(1), vi64(2), vf32(3), vf64(4)));
  CHECK_EQ_INT(r[0].i32, -5);
  CHECK_EQ_INT(r[1].i64, INT64_MIN + 3);
  CHECK(r[2].f32 == 0.1f);
  CHECK(r[3].f64 == 1e300);
  tear_down(&f);
}

static void globals_by_offset(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  // The module's values take so many bytes; the last 4 and 8 are in range, one more is not.
  const int32_t size = (int32_t)f.module->global_bytes;
  CHECK(size >= 24);
  EXPECT_OK("global_indirect_i32", vi32(size - 4), vi32(0x12345678));
  EXPECT_OK("global_indirect_i32", vi32(size - 4), vi32(1));
  CHECK_EQ_INT(r[0].i32, 0x12345678);
  EXPECT_OK("global_indirect_i64", vi32(size - 8), vi64(-2));
  EXPECT_OK("global_indirect_i64", vi32(size - 8), vi64(-3));
  CHECK_EQ_INT(r[0].i64, -2);
  EXPECT_OK("global_indirect_f32", vi32(0), vf32(2.5f));
  EXPECT_OK("global_indirect_f32", vi32(0), vf32(0));
  CHECK(r[0].f32 == 2.5f);
  EXPECT_OK("global_indirect_f64", vi32(size - 8), vf64(-0.125));
  EXPECT_OK("global_indirect_f64", vi32(size - 8), vf64(0));
  CHECK(r[0].f64 == -0.125);
  static const int32_t steps[] = {1, 4, 100, INT32_MAX};
  for (int i = 0; i < 4; ++i) {
    const int32_t beyond = (int32_t)((uint32_t)size - 3u + (uint32_t)steps[i] - 1u);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_i32", vi32(beyond), vi32(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_i64", vi32(beyond), vi64(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_f32", vi32(beyond), vf32(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_f64", vi32(beyond), vf64(0));
  }
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_i64", vi32(size - 7), vi64(0));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_i32", vi32(-4), vi32(0));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_ref", vi32(2), vref(NULL));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "outside", "global_indirect_ref", vi32(-1), vref(NULL));
  tear_down(&f);
}

// A file may declare gigabytes of them in a few bytes.
static void globals_have_a_limit(void) {
  SET_UP(NULL);
  const ee_vm_module_ref_t refs[] = {{.module = f.module}};
  const ee_vm_program_options_t options = {.modules = refs, .module_count = 1};
  const uint32_t bytes = f.module->global_bytes, references_declared = f.module->global_ref_count;
  ee_vm_program_t *program = NULL;
  f.module->global_bytes = 1u << 30;
  CHECK_STATUS(ee_vm_program_create(&f.memory.heap, &options, &program, &f.err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(f.err.message, "the globals of module 'behaviour' take 10737");
  CHECK_CONTAINS(f.err.message, "the limit is 16777216");
  f.module->global_bytes = 0;
  f.module->global_ref_count = 6u << 20;
  CHECK_STATUS(ee_vm_program_create(&f.memory.heap, &options, &program, &f.err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK(program == NULL);
  f.module->global_bytes = bytes;
  f.module->global_ref_count = references_declared;
  tear_down(&f);
}

static void global_references(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1), *b = new_buffer(&f, "b", 1);
  EXPECT_OK("global_buffer_swap", vref(a));
  CHECK(r[0].ref == NULL);
  EXPECT_OK("global_buffer_swap", vref(b));
  CHECK(r[0].ref == &a->object);
  ee_object_release(r[0].ref);
  CHECK_EQ_INT(references(a), 1);
  CHECK_EQ_INT(references(b), 2);
  // A list where a buffer is expected, through the global that takes anything.
  EXPECT_OK("list_new_any", vi32(1));
  ee_object_t *list = r[0].ref;
  EXPECT_OK("global_any_swap", vref(list));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "global_indirect_ref",
                 vi32(1), vref(a));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "global_buffer_swap",
                 vref(list));
  EXPECT_OK("global_indirect_ref", vi32(0), vref(a));
  CHECK(r[0].ref == &b->object);
  ee_object_release(r[0].ref);
  CHECK_EQ_INT(references(list), 2);
  ee_object_release(list);
  ee_object_release(&a->object);
  ee_object_release(&b->object);
  tear_down(&f); // the globals hold the last references
}

// ---- Buffers -----------------------------------------------------------------------------------

static const uint8_t rodata[] = {1, 2, 3, 250, 251, 252, 253, 254, 255, 128, 7};

static void constants(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  REQUIRE(EXPECT_OK("rodata_bytes", vi32(0)));
  ee_vm_buffer_t *bytes = ee_vm_buffer_cast(r[0].ref);
  REQUIRE(bytes != NULL);
  CHECK_EQ_INT(bytes->size, sizeof rodata);
  CHECK_BYTES(bytes->data, rodata, sizeof rodata);
  CHECK(!bytes->writable);
  EXPECT_OK("rodata_text", vi32(0));
  CHECK(ee_str_equal(ee_vm_buffer_str(ee_vm_buffer_cast(r[0].ref)), EE_STR("a text\n")));
  ee_object_release(r[0].ref);
  EXPECT_OK("rodata_nothing", vi32(0));
  ee_object_t *nothing = r[0].ref;
  EXPECT_OK("buffer_length", vref(nothing));
  CHECK_EQ_INT(r[0].i64, 0);
  EXPECT_OK("buffer_hash", vref(nothing), vi64(0), vi64(0));
  ee_object_release(nothing);
  // Read-only for instructions too.
  EXPECT_FAILURE(EERIE_PERMISSION_DENIED, "read-only", "buffer_store_i8", vref(bytes), vi64(0),
                 vi32(0));
  EXPECT_FAILURE(EERIE_PERMISSION_DENIED, "read-only", "buffer_store_f64", vref(bytes), vi64(0),
                 vf64(0));
  EXPECT_FAILURE(EERIE_PERMISSION_DENIED, "read-only", "buffer_fill_i32", vref(bytes), vi64(0),
                 vi64(1), vi32(0));
  EXPECT_FAILURE(EERIE_PERMISSION_DENIED, "read-only", "buffer_copy", vref(bytes), vi64(0),
                 vref(bytes), vi64(1), vi64(1));
  // Outlives program and module.
  ee_vm_program_destroy(f.program);
  ee_module_release(f.module);
  f.program = NULL;
  f.module = NULL;
  CHECK_BYTES(bytes->data, rodata, sizeof rodata);
  ee_object_release(&bytes->object);
  tear_down(&f);
}

// Whether a constant of the module, loaded from bytes that kernels may overwrite, is one that they
// may; `apart` pretends that it lies outside of what was verified.
static bool is_for_kernels(fixture_t *f, bool apart) {
  const ee_bytes_t bytes = f->module->bytes;
  const ee_module_load_options_t options = {.private_bytes = true};
  ee_module_t *module = NULL;
  ee_vm_program_t *program = NULL;
  if (!CHECK_OK(ee_module_load(&f->memory.heap, bytes, &options, &module, NULL))) return false;
  if (apart) module->structure.size = 0;
  const ee_vm_module_ref_t refs[] = {{.module = module}};
  const ee_vm_program_options_t linked = {.modules = refs, .module_count = 1};
  CHECK_OK(ee_vm_program_create(&f->memory.heap, &linked, &program, NULL));
  ee_vm_function_t function;
  ee_vm_value_t result = {0};
  CHECK(ee_vm_program_find(program, EE_STR("rodata_bytes"), &function));
  CHECK_OK(ee_vm_invoke(program, function, NULL, &result, NULL));
  const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(result.ref);
  const bool writable = buffer && buffer->private_bytes;
  ee_object_release(result.ref);
  ee_vm_program_destroy(program);
  ee_module_release(module);
  return writable;
}

static void verified_bytes_are_not_for_kernels(void) {
  SET_UP(NULL);
  CHECK(!is_for_kernels(&f, false));
  CHECK(is_for_kernels(&f, true));
  tear_down(&f);
}

static void buffer_loads_and_stores(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *b = new_buffer(&f, rodata, sizeof rodata);
  // Offsets count elements.
  EXPECT_OK("buffer_load_i8_u", vref(b), vi64(3));
  CHECK_EQ_INT(r[0].i32, 250);
  EXPECT_OK("buffer_load_i8_s", vref(b), vi64(10));
  CHECK_EQ_INT(r[0].i32, 7);
  EXPECT_OK("buffer_load_i8_s", vref(b), vi64(3));
  CHECK_EQ_INT(r[0].i32, -6);
  EXPECT_OK("buffer_load_i16_u", vref(b), vi64(1));
  CHECK_EQ_INT(r[0].i32, 0xFA03);
  EXPECT_OK("buffer_load_i16_s", vref(b), vi64(1));
  CHECK_EQ_INT(r[0].i32, (int16_t)0xFA03);
  EXPECT_OK("buffer_load_i32", vref(b), vi64(1));
  CHECK_EQ_INT(r[0].i32, (int32_t)0xFEFDFCFB);
  EXPECT_OK("buffer_load_i64", vref(b), vi64(0));
  CHECK_EQ_INT(r[0].i64, (int64_t)0xFEFDFCFBFA030201u);
  EXPECT_OK("buffer_store_i8", vref(b), vi64(10), vi32(0x1FF));
  CHECK_EQ_INT(b->data[10], 0xFF);
  EXPECT_OK("buffer_store_i16", vref(b), vi64(4), vi32(0x12345));
  CHECK_BYTES(b->data + 8, "\x45\x23", 2);
  EXPECT_OK("buffer_store_i32", vref(b), vi64(0), vi32(0x01020304));
  CHECK_BYTES(b->data, "\4\3\2\1", 4);
  EXPECT_OK("buffer_store_i64", vref(b), vi64(0), vi64(0x0102030405060708));
  CHECK_BYTES(b->data, "\10\7\6\5\4\3\2\1", 8);
  EXPECT_OK("buffer_store_f32", vref(b), vi64(1), vf32(1.0f));
  CHECK_BYTES(b->data + 4, "\0\0\x80\x3F", 4);
  EXPECT_OK("buffer_load_f32", vref(b), vi64(1));
  CHECK(r[0].f32 == 1.0f);
  EXPECT_OK("buffer_store_f64", vref(b), vi64(0), vf64(-2.0));
  EXPECT_OK("buffer_load_f64", vref(b), vi64(0));
  CHECK(r[0].f64 == -2.0);
  ee_object_release(&b->object);
  tear_down(&f);
}

static void buffer_ranges(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *b = new_buffer(&f, rodata, sizeof rodata); // 11 bytes
  static const int64_t beyond[] = {
      11, 12, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 61, (int64_t)1 << 62};
  for (int i = 0; i < 7; ++i) {
    const ee_vm_value_t at = vi64(beyond[i]);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i8_u", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i8_s", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i16_u", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i16_s", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i32", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_i64", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_f32", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_load_f64", vref(b), at);
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_store_i8", vref(b), at,
                   vi32(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_store_i64", vref(b), at,
                   vi64(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_fill_i8", vref(b), at, vi64(1),
                   vi32(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_fill_f64", vref(b), at,
                   vi64(2), vf64(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_hash", vref(b), at, vi64(1));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_copy", vref(b), vi64(0),
                   vref(b), at, vi64(1));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_copy", vref(b), at, vref(b),
                   vi64(0), vi64(1));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_compare", vref(b), at, vref(b),
                   vi64(0), vi64(1));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_clone", vref(b), at, vi64(1),
                   vi32(0));
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "buffer of 11 bytes", "buffer_copy", vref(b), vi64(1),
                   vref(b), vi64(0), vi64(beyond[i]));
  }
  // Whole elements only: 11 bytes hold five of two, two of four, one of eight.
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "offset 5, length 1", "buffer_load_i16_u", vref(b), vi64(5));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "offset 2, length 1", "buffer_store_i32", vref(b), vi64(2),
                 vi32(0));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "offset 1, length 1", "buffer_load_i64", vref(b), vi64(1));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "offset 1, length 2", "buffer_fill_i32", vref(b), vi64(1),
                 vi64(2), vi32(0));
  // An empty range at the end is a range.
  EXPECT_OK("buffer_copy", vref(b), vi64(11), vref(b), vi64(11), vi64(0));
  EXPECT_OK("buffer_fill_i16", vref(b), vi64(5), vi64(0), vi32(0));
  CHECK_BYTES(b->data, rodata, sizeof rodata);
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got null", "buffer_length",
                 vref(NULL));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got null", "buffer_load_i32",
                 vref(NULL), vi64(0));
  EXPECT_OK("list_new_any", vi32(1));
  ee_object_t *list = r[0].ref;
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "buffer_store_i8",
                 vref(list), vi64(0), vi32(0));
  ee_object_release(list);
  ee_object_release(&b->object);
  tear_down(&f);
}

static void buffer_blocks(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  REQUIRE(EXPECT_OK("buffer_alloc", vi64(100), vi32(64)));
  ee_vm_buffer_t *b = ee_vm_buffer_cast(r[0].ref);
  CHECK_EQ_INT(b->size, 100);
  CHECK_EQ_INT((uintptr_t)b->data % 64, 0);
  for (int i = 0; i < 100; ++i)
    CHECK_EQ_INT(b->data[i], 0);
  EXPECT_OK("buffer_fill_i8", vref(b), vi64(1), vi64(3), vi32(0xAB));
  EXPECT_OK("buffer_fill_i16", vref(b), vi64(2), vi64(3), vi32(0x1234));
  EXPECT_OK("buffer_fill_i32", vref(b), vi64(4), vi64(2), vi32(0x01020304));
  EXPECT_OK("buffer_fill_i64", vref(b), vi64(3), vi64(3), vi64(0x1122334455667788));
  EXPECT_OK("buffer_fill_f32", vref(b), vi64(12), vi64(1), vf32(1.0f));
  EXPECT_OK("buffer_fill_f64", vref(b), vi64(7), vi64(1), vf64(1.0));
  static const uint8_t expected[64] = {
      0,    0xAB, 0xAB, 0xAB, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12, 0,    0,    0,
      0,    0,    0,    4,    3,    2,    1,    4,    3,    2,    1,    0x88, 0x77,
      0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
      0x11, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0,    0,    0x80, 0x3F,
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0xF0, 0x3F};
  CHECK_BYTES(b->data, expected, sizeof expected);
  // Overlapping copies behave as if through a third buffer.
  for (int i = 0; i < 100; ++i)
    b->data[i] = (uint8_t)i;
  EXPECT_OK("buffer_copy", vref(b), vi64(0), vref(b), vi64(10), vi64(50));
  for (int i = 10; i < 60; ++i)
    CHECK_EQ_INT(b->data[i], i - 10);
  EXPECT_OK("buffer_compare", vref(b), vi64(0), vref(b), vi64(10), vi64(10));
  CHECK_EQ_INT(r[0].i32, 1);
  EXPECT_OK("buffer_compare", vref(b), vi64(0), vref(b), vi64(11), vi64(10));
  CHECK_EQ_INT(r[0].i32, 0);
  EXPECT_OK("buffer_clone", vref(b), vi64(20), vi64(30), vi32(32));
  ee_vm_buffer_t *clone = ee_vm_buffer_cast(r[0].ref);
  CHECK_EQ_INT(clone->size, 30);
  CHECK_BYTES(clone->data, b->data + 20, 30);
  CHECK_EQ_INT((uintptr_t)clone->data % 32, 0);
  EXPECT_OK("buffer_length", vref(clone));
  CHECK_EQ_INT(r[0].i64, 30);
  ee_object_release(&clone->object);
  ee_object_release(&b->object);
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "negative", "buffer_alloc", vi64(-1), vi32(0));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "power of two", "buffer_alloc", vi64(1), vi32(24));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "power of two", "buffer_alloc", vi64(1), vi32(-16));
  EXPECT_FAILURE(EERIE_RESOURCE_EXHAUSTED, "out of memory", "buffer_alloc",
                 vi64((int64_t)(SIZE_MAX / 4)), vi32(16));
  if (sizeof(size_t) < 8)
    EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "too large", "buffer_alloc", vi64(INT64_MAX / 2), vi32(16));
  EXPECT_OK("buffer_alloc", vi64(0), vi32(0));
  ee_object_release(r[0].ref);
  tear_down(&f);
}

// The vectors of the SipHash paper: key 00..0f, messages 00, 00 01, ... of growing length.
// Source: appendix A of Aumasson, Bernstein: SipHash, 2012 (length 15), and its reference code.
static void buffer_hashes(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  uint8_t message[64];
  for (int i = 0; i < 64; ++i)
    message[i] = (uint8_t)i;
  ee_vm_buffer_t *b = new_buffer(&f, message, sizeof message);
  EXPECT_OK("buffer_hash", vref(b), vi64(0), vi64(15));
  CHECK_EQ_INT(r[0].i64, (int64_t)0xa129ca6149be45e5u);
  EXPECT_OK("buffer_hash", vref(b), vi64(0), vi64(0));
  CHECK_EQ_INT(r[0].i64, (int64_t)0x726fdb47dd0e0e31u);
  EXPECT_OK("buffer_hash", vref(b), vi64(0), vi64(8));
  CHECK_EQ_INT(r[0].i64, (int64_t)0x93f5f5799a932462u);
  EXPECT_OK("buffer_hash", vref(b), vi64(0), vi64(63));
  CHECK_EQ_INT(r[0].i64, (int64_t)0x958a324ceb064572u);
  ee_object_release(&b->object);
  tear_down(&f);
}

// ---- Lists -------------------------------------------------------------------------------------

static void lists_of_values(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  REQUIRE(EXPECT_OK("list_new_i8", vi32(3)));
  ee_object_t *list = r[0].ref;
  EXPECT_OK("list_size", vref(list));
  CHECK_EQ_INT(r[0].i32, 3);
  EXPECT_OK("list_get_i32", vref(list), vi32(2));
  CHECK_EQ_INT(r[0].i32, 0);
  EXPECT_OK("list_set_i32", vref(list), vi32(1), vi32(0x1FE));
  EXPECT_OK("list_get_i32", vref(list), vi32(1));
  CHECK_EQ_INT(r[0].i32, -2);
  EXPECT_OK("list_get_i64", vref(list), vi32(1));
  CHECK_EQ_INT(r[0].i64, -2);
  EXPECT_OK("list_set_i64", vref(list), vi32(0), vi64(0x1234567F));
  EXPECT_OK("list_get_i32", vref(list), vi32(0));
  CHECK_EQ_INT(r[0].i32, 0x7F);
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "list of 3 elements", "list_get_i32", vref(list), vi32(3));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "list of 3 elements", "list_set_i64", vref(list), vi32(-1),
                 vi64(0));
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "i8", "list_set_f32", vref(list), vi32(0), vf32(1));
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "i8", "list_get_f64", vref(list), vi32(0));
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "ref", "list_set_ref", vref(list), vi32(0), vref(NULL));
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "ref", "list_get_buffer", vref(list), vi32(0));
  EXPECT_OK("list_resize", vref(list), vi32(1));
  EXPECT_OK("list_resize", vref(list), vi32(2));
  EXPECT_OK("list_get_i32", vref(list), vi32(1));
  CHECK_EQ_INT(r[0].i32, 0); // what was cut off is gone
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "the most is", "list_resize", vref(list), vi32(-1));
  EXPECT_FAILURE(EERIE_OUT_OF_RANGE, "the most is", "list_reserve", vref(list), vi32(INT32_MIN));
  EXPECT_OK("list_reserve", vref(list), vi32(1000));
  EXPECT_OK("list_size", vref(list));
  CHECK_EQ_INT(r[0].i32, 2);
  ee_object_release(list);

  EXPECT_OK("list_new_i64", vi32(1));
  list = r[0].ref;
  EXPECT_OK("list_set_i64", vref(list), vi32(0), vi64(0x1122334455667788));
  EXPECT_OK("list_get_i64", vref(list), vi32(0));
  CHECK_EQ_INT(r[0].i64, 0x1122334455667788);
  EXPECT_OK("list_get_i32", vref(list), vi32(0));
  CHECK_EQ_INT(r[0].i32, 0x55667788);
  EXPECT_OK("list_set_i32", vref(list), vi32(0), vi32(-9));
  EXPECT_OK("list_get_i64", vref(list), vi32(0));
  CHECK_EQ_INT(r[0].i64, -9);
  ee_object_release(list);

  EXPECT_OK("list_new_f32", vi32(1));
  list = r[0].ref;
  EXPECT_OK("list_set_f64", vref(list), vi32(0), vf64(0.1));
  EXPECT_OK("list_get_f32", vref(list), vi32(0));
  CHECK(r[0].f32 == 0.1f);
  EXPECT_OK("list_get_f64", vref(list), vi32(0));
  CHECK(r[0].f64 == (double)0.1f);
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "f32", "list_get_i32", vref(list), vi32(0));
  ee_object_release(list);
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.list, got null", "list_size", vref(NULL));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.list, got null", "list_get_f32", vref(NULL),
                 vi32(0));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.list, got null", "list_set_f64", vref(NULL),
                 vi32(0), vf64(0));
  tear_down(&f);
}

static void lists_of_anything(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  REQUIRE(EXPECT_OK("list_new_any", vi32(4)));
  ee_object_t *list = r[0].ref;
  ee_vm_buffer_t *b = new_buffer(&f, "b", 1);
  // Never set: null as a reference, no value.
  EXPECT_OK("list_get_buffer", vref(list), vi32(0));
  CHECK(r[0].ref == NULL);
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "none", "list_get_i32", vref(list), vi32(0));
  EXPECT_OK("list_set_i32", vref(list), vi32(0), vi32(-7));
  EXPECT_OK("list_get_i64", vref(list), vi32(0));
  CHECK_EQ_INT(r[0].i64, -7);
  EXPECT_OK("list_set_f64", vref(list), vi32(1), vf64(0.1));
  EXPECT_OK("list_get_f64", vref(list), vi32(1));
  CHECK(r[0].f64 == 0.1);
  EXPECT_OK("list_set_f32", vref(list), vi32(1), vf32(0.1f));
  EXPECT_OK("list_get_f64", vref(list), vi32(1));
  CHECK(r[0].f64 == (double)0.1f);
  EXPECT_OK("list_set_ref", vref(list), vi32(0), vref(b)); // in place of the integer
  CHECK_EQ_INT(references(b), 2);
  EXPECT_OK("list_get_buffer", vref(list), vi32(0));
  CHECK(r[0].ref == &b->object);
  ee_object_release(r[0].ref);
  // Of another type: null.
  EXPECT_OK("list_get_list", vref(list), vi32(0));
  CHECK(r[0].ref == NULL);
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "ref", "list_get_i32", vref(list), vi32(0));
  EXPECT_OK("list_set_i64", vref(list), vi32(0), vi64(1)); // lets the buffer go
  CHECK_EQ_INT(references(b), 1);
  EXPECT_OK("list_set_ref", vref(list), vi32(2), vref(b));
  EXPECT_OK("list_set_ref", vref(list), vi32(3), vref(b));
  CHECK_EQ_INT(references(b), 3);
  EXPECT_OK("list_resize", vref(list), vi32(3));
  CHECK_EQ_INT(references(b), 2);
  // A list of lists takes lists and nothing else.
  EXPECT_OK("list_new_lists", vi32(2));
  ee_object_t *lists = r[0].ref;
  EXPECT_OK("list_set_ref", vref(lists), vi32(0), vref(list));
  EXPECT_OK("list_get_list", vref(lists), vi32(0));
  CHECK(r[0].ref == list);
  ee_object_release(r[0].ref);
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.list, got vm.buffer", "list_set_ref",
                 vref(lists), vi32(1), vref(b));
  EXPECT_OK("list_set_ref", vref(lists), vi32(0), vref(NULL));
  ee_object_release(lists);
  ee_object_release(list);
  CHECK_EQ_INT(references(b), 1);
  ee_object_release(&b->object);
  tear_down(&f);
}

static void lists_in_lists(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  EXPECT_OK("list_new_any", vi32(2));
  ee_object_t *outer = r[0].ref;
  EXPECT_OK("list_new_any", vi32(2));
  ee_object_t *inner = r[0].ref;
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "contain itself", "list_set_ref", vref(outer), vi32(0),
                 vref(outer));
  EXPECT_OK("list_set_ref", vref(outer), vi32(0), vref(inner));
  EXPECT_OK("list_set_ref", vref(outer), vi32(1), vref(inner));
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, "contain itself", "list_set_ref", vref(inner), vi32(0),
                 vref(outer));
  ee_object_release(inner);
  ee_object_release(outer);
  // Long chains are made from the inside of the stack's limits, and let go without recursion.
  REQUIRE(EXPECT_OK("list_chain", vi32(300000)));
  ee_object_t *chain = r[0].ref;
  REQUIRE(chain != NULL);
  EXPECT_OK("list_new_any", vi32(1));
  outer = r[0].ref;
  EXPECT_FAILURE(EERIE_RESOURCE_EXHAUSTED, "32 levels", "list_set_ref", vref(outer), vi32(0),
                 vref(chain));
  ee_object_release(outer);
  ee_object_release(chain);
  tear_down(&f);
}

// ---- References --------------------------------------------------------------------------------

static void references_move(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1), *b = new_buffer(&f, "b", 1),
                 *c = new_buffer(&f, "c", 1);
  EXPECT_OK("null", vi32(0));
  CHECK(r[0].ref == NULL);
  EXPECT_OK("ref_same", vref(a), vref(a));
  CHECK(r[0].i32 == 1 && r[1].i32 == 0 && r[2].i32 == 1);
  EXPECT_OK("ref_same", vref(NULL), vref(b));
  CHECK(r[0].i32 == 0 && r[1].i32 == 1 && r[2].i32 == 0);
  EXPECT_OK("ref_cast_buffer", vref(a));
  CHECK(r[0].ref == &a->object);
  ee_object_release(r[0].ref);
  EXPECT_OK("ref_cast_buffer", vref(NULL));
  CHECK(r[0].ref == NULL);
  EXPECT_OK("list_new_any", vi32(1));
  ee_object_t *list = r[0].ref;
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "ref_cast_buffer",
                 vref(list));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "ref_select", vi32(1),
                 vref(list), vref(b));
  EXPECT_FAILURE(EERIE_INVALID_ARGUMENT, "expected a vm.buffer, got vm.list", "ref_switch", vi32(1),
                 vref(a), vref(list), vref(b));
  ee_object_release(list);
  for (int condition = 0; condition < 2; ++condition) {
    EXPECT_OK("ref_select", vi32(condition), vref(a), vref(b));
    CHECK(r[0].ref == (condition ? &a->object : &b->object));
    ee_object_release(r[0].ref);
    EXPECT_OK("ref_select_kept", vi32(condition), vref(a), vref(b));
    CHECK(r[0].ref == (condition ? &a->object : &b->object));
    CHECK(r[1].ref == &a->object && r[2].ref == &b->object);
    for (int i = 0; i < 3; ++i)
      ee_object_release(r[i].ref);
  }
  for (int i = -1; i < 4; ++i) {
    EXPECT_OK("ref_switch", vi32(i), vref(a), vref(b), vref(c));
    CHECK(r[0].ref == (i == 0 ? &a->object : i == 1 ? &b->object : &c->object));
    ee_object_release(r[0].ref);
  }
  EXPECT_OK("ref_assign", vref(a));
  CHECK(r[0].ref == &a->object && r[1].ref == &a->object);
  ee_object_release(r[0].ref);
  ee_object_release(r[1].ref);
  EXPECT_OK("ref_discard", vref(a), vref(b));
  CHECK_EQ_INT(r[0].i32, 77);
  EXPECT_OK("ref_rotate", vi32(4), vref(a), vref(b));
  CHECK(r[0].ref == &b->object && r[1].ref == &a->object);
  ee_object_release(r[0].ref);
  ee_object_release(r[1].ref);
  CHECK_EQ_INT(references(a), 1);
  CHECK_EQ_INT(references(b), 1);
  CHECK_EQ_INT(references(c), 1);
  ee_object_release(&a->object);
  ee_object_release(&b->object);
  ee_object_release(&c->object);
  tear_down(&f);
}

// ---- Control flow and calls --------------------------------------------------------------------

static void control_flow(void) {
  SET_UP(NULL);
  ee_vm_value_t r[5] = {{0}};
  static const int32_t table[][2] = {{-1, -1}, {0, 15}, {1, 30}, {2, -5}, {3, -1}, {INT32_MAX, -1}};
  for (int i = 0; i < 6; ++i) {
    EXPECT_OK("branch_table", vi32(table[i][0]), vi32(5));
    CHECK_EQ_INT(r[0].i32, table[i][1]);
  }
  EXPECT_OK("breaks", vi32(1), vi32(4));
  CHECK_EQ_INT(r[0].i32, 5);
  EXPECT_OK("breaks", vi32(0), vi32(4));
  CHECK_EQ_INT(r[0].i32, 4);
  EXPECT_OK("sum_to", vi64(100000));
  CHECK_EQ_INT(r[0].i64, 5000050000);
  EXPECT_FAILURE(EERIE_NOT_FOUND, ": the message", "fail_with", vi32(5));
  EXPECT_FAILURE(EERIE_UNAUTHENTICATED, ": the message", "fail_with", vi32(16));
  // Codes that would mean something to our callers, or nothing.
  EXPECT_FAILURE(EERIE_UNKNOWN, ": the message", "fail_with", vi32(0));
  EXPECT_FAILURE(EERIE_UNKNOWN, ": the message", "fail_with", vi32(EERIE_DEFERRED));
  EXPECT_FAILURE(EERIE_UNKNOWN, ": the message", "fail_with", vi32(-1));
  EXPECT_FAILURE(EERIE_DATA_LOSS, "DATA_LOSS", "fail_silently", vi32(15));
  ee_vm_buffer_t *b = new_buffer(&f, "b", 1);
  EXPECT_OK("trace_values", vi32(-12), vref(b));
  CHECK_STR(f.trace, "event: -12, vm.buffer, null\nprinted: -12\n");
  CHECK_EQ_INT(references(b), 1);
  ee_object_release(&b->object);
  tear_down(&f);
}

static void calls(void) {
  SET_UP(NULL);
  ee_vm_value_t r[5] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1), *b = new_buffer(&f, "b", 1);
  EXPECT_OK("call_mixed", vi32(1), vi64(-1234567890123), vf32(2.5f), vref(a), vf64(-7.75), vi32(41),
            vref(b));
  CHECK_EQ_INT(r[0].i64, -1234567890123);
  CHECK(r[1].f32 == 2.5f);
  CHECK(r[2].ref == &b->object);
  CHECK_EQ_INT(r[3].i32, 42);
  CHECK(r[4].f64 == -7.75);
  ee_object_release(r[2].ref);
  EXPECT_OK("fibonacci", vi32(20));
  CHECK_EQ_INT(r[0].i32, 6765);
  EXPECT_OK("recurse", vi32(1000), vref(a));
  CHECK_EQ_INT(r[0].i32, 1000);
  CHECK_EQ_INT(references(a), 1);
  // All frames let their references go.
  r[0].i64 = r[1].i64 = -1;
  EXPECT_FAILURE(EERIE_FAILED_PRECONDITION, ": deep", "fail_deep", vi32(500), vref(a));
  CHECK(r[0].i64 == 0 && r[1].ref == NULL);
  CHECK_EQ_INT(references(a), 1);
  ee_object_release(&a->object);
  ee_object_release(&b->object);
  tear_down(&f);
}

static void limits(void) {
  SET_UP((&(ee_vm_program_options_t){.call_depth_limit = 100, .step_limit = 100000}));
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1);
  EXPECT_OK("recurse", vi32(99), vref(a));
  EXPECT_FAILURE(EERIE_RESOURCE_EXHAUSTED, "limit of 100", "recurse", vi32(100), vref(a));
  EXPECT_FAILURE(EERIE_RESOURCE_EXHAUSTED, "limit of 100", "recurse", vi32(-1), vref(a));
  EXPECT_OK("sum_to", vi64(90000));
  EXPECT_FAILURE(EERIE_DEADLINE_EXCEEDED, "more than 100000", "forever", vi64(1));
  EXPECT_OK("sum_to", vi64(90000)); // counted anew in each call
  CHECK_EQ_INT(references(a), 1);
  ee_object_release(&a->object);
  tear_down(&f);
}

static void stack_limit(void) {
  SET_UP((&(ee_vm_program_options_t){.stack_limit = 10000}));
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1);
  EXPECT_OK("recurse", vi32(50), vref(a));
  EXPECT_FAILURE(EERIE_RESOURCE_EXHAUSTED, "the limit is 10000", "recurse", vi32(1000), vref(a));
  CHECK_EQ_INT(references(a), 1);
  ee_object_release(&a->object);
  tear_down(&f);
}

// Once warm, a call that makes no objects takes nothing from the heap.
static void no_allocation_when_warm(void) {
  SET_UP(NULL);
  ee_vm_value_t r[5] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1);
  EXPECT_OK("recurse", vi32(100), vref(a));
  const size_t count = f.memory.count;
  for (int i = 0; i < 100; ++i) {
    EXPECT_OK("recurse", vi32(100), vref(a));
    EXPECT_OK("fibonacci", vi32(5));
  }
  CHECK_EQ_INT(f.memory.count, count);
  ee_object_release(&a->object);
  tear_down(&f);
}

// ---- Yields ------------------------------------------------------------------------------------

static void yields(void) {
  SET_UP(NULL);
  ee_vm_value_t r[4] = {{0}};
  ee_vm_buffer_t *a = new_buffer(&f, "a", 1);
  static const char *const names[] = {"yield_three", "call_yielding"};
  for (int n = 0; n < 2; ++n) {
    CHECK_STATUS(CALL(names[n], vi32(5), vref(a)), EERIE_DEFERRED);
    int64_t deadline;
    CHECK(ee_vm_pending(f.program, &deadline) == NULL);
    CHECK_EQ_INT(deadline, INT64_MAX);
    // Nobody else gets in between.
    CHECK_STATUS(CALL("fibonacci", vi32(1)), EERIE_UNAVAILABLE);
    CHECK_CONTAINS(f.err.message, "resume or cancel");
    CHECK_STATUS(ee_vm_resume(f.program, r, &f.err), EERIE_DEFERRED);
    CHECK_STATUS(ee_vm_resume(f.program, r, &f.err), EERIE_DEFERRED);
    CHECK_OK(ee_vm_resume(f.program, r, &f.err));
    CHECK_EQ_INT(r[0].i32, n == 0 ? 7 : 107);
    CHECK(r[1].ref == &a->object);
    ee_object_release(r[1].ref);
    CHECK_STATUS(ee_vm_resume(f.program, r, &f.err), EERIE_FAILED_PRECONDITION);
  }
  // Cancelled in the middle.
  CHECK_STATUS(CALL("call_yielding", vi32(5), vref(a)), EERIE_DEFERRED);
  CHECK_EQ_INT(references(a), 2);
  ee_vm_cancel(f.program);
  ee_vm_cancel(f.program);
  CHECK_EQ_INT(references(a), 1);
  EXPECT_OK("fibonacci", vi32(2));
  // Destroyed in the middle.
  CHECK_STATUS(CALL("call_yielding", vi32(5), vref(a)), EERIE_DEFERRED);
  ee_vm_program_destroy(f.program);
  f.program = NULL;
  CHECK_EQ_INT(references(a), 1);
  ee_object_release(&a->object);
  tear_down(&f);
}

// ---- Looking things up -------------------------------------------------------------------------

static void lookups(void) {
  SET_UP(NULL);
  ee_vm_function_t function;
  CHECK(ee_vm_program_find(f.program, EE_STR("behaviour.calls"), &function) == false);
  CHECK(ee_vm_program_find(f.program, EE_STR("behaviour."), &function) == false);
  CHECK(ee_vm_program_find(f.program, EE_STR("behaviour"), &function) == false);
  CHECK(ee_vm_program_find(f.program, EE_STR(""), &function) == false);
  CHECK(ee_vm_program_find(f.program, EE_STR("other.fibonacci"), &function) == false);
  REQUIRE(ee_vm_program_find(f.program, EE_STR("behaviour.fibonacci"), &function));
  ee_vm_function_t same;
  REQUIRE(ee_vm_program_find(f.program, EE_STR("fibonacci"), &same));
  CHECK(function.module == same.module && function.ordinal == same.ordinal);
  CHECK(
      ee_str_equal(ee_vm_program_function(f.program, function)->signature.arguments, EE_STR("i")));
  CHECK(ee_vm_program_function(f.program, (ee_vm_function_t){1, 0}) == NULL);
  CHECK(ee_vm_program_function(f.program, (ee_vm_function_t){0, 100000}) == NULL);
  ee_vm_value_t r[1] = {{0}};
  CHECK_STATUS(ee_vm_invoke(f.program, (ee_vm_function_t){3, 0}, NULL, r, &f.err), EERIE_NOT_FOUND);
  CHECK_EQ_INT(ee_vm_program_module_count(f.program), 1);
  CHECK(ee_vm_program_module(f.program, 0) == f.module);
  CHECK(ee_vm_program_module(f.program, 1) == NULL);
  CHECK(ee_vm_program_type(f.program, EE_STR("vm.buffer")) == &ee_vm_buffer_type);
  CHECK(ee_vm_program_type(f.program, EE_STR("vm.list")) == &ee_vm_list_type);
  CHECK(ee_vm_program_type(f.program, EE_STR("hal.fence")) == NULL);
  tear_down(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(globals),
      RUN(globals_by_offset),
      RUN(globals_have_a_limit),
      RUN(global_references),
      RUN(constants),
      RUN(verified_bytes_are_not_for_kernels),
      RUN(buffer_loads_and_stores),
      RUN(buffer_ranges),
      RUN(buffer_blocks),
      RUN(buffer_hashes),
      RUN(lists_of_values),
      RUN(lists_of_anything),
      RUN(lists_in_lists),
      RUN(references_move),
      RUN(control_flow),
      RUN(calls),
      RUN(limits),
      RUN(stack_limit),
      RUN(no_allocation_when_warm),
      RUN(yields),
      RUN(lookups),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
