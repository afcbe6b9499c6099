// Tests of runtime/hal/buffer.c and buffer_view.c.
#include "unit/hal_support.h"

#define F32 0x21000020u
#define I4  0x10000004u

static void allocates_aligned_bytes(void) {
  fixture_t f;
  fixture_open(&f);
  for (size_t size = 0; size < 5000; size = size * 2 + 1) {
    ee_hal_buffer_t *buffer = make_buffer(&f, size);
    REQUIRE(buffer);
    CHECK_EQ_INT(buffer->size, size);
    CHECK_EQ_INT((uintptr_t)buffer->data % EERIE_BUFFER_ALIGNMENT, 0);
    ee_hal_buffer_release(buffer);
  }
  ee_hal_buffer_t *buffer = NULL;
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_buffer_allocate(f.device, 0, 0, UINT64_MAX, &buffer, &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_STATUS(ee_hal_buffer_allocate(f.device, 0, 0, UINT64_MAX - 100, &buffer, &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(err.message, "18446744073709551515 bytes");
  fixture_close(&f);
}

static void subspans_lie_inside(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 100), *span = NULL, *inner = NULL, *other = NULL;
  REQUIRE_OK(ee_hal_buffer_subspan(buffer, 10, 50, &span, NULL));
  CHECK(span->data == buffer->data + 10);
  CHECK(span->storage == buffer);
  REQUIRE_OK(ee_hal_buffer_subspan(span, 5, 20, &inner, NULL));
  CHECK(inner->data == buffer->data + 15);
  CHECK(inner->storage == buffer); // not a chain
  CHECK_EQ_INT(inner->offset, 15);
  REQUIRE_OK(ee_hal_buffer_subspan(span, 0, 50, &other, NULL));
  CHECK(other == span); // the whole is itself
  ee_hal_buffer_release(other);
  REQUIRE_OK(ee_hal_buffer_subspan(span, 50, 0, &other, NULL));
  ee_hal_buffer_release(other);
  REQUIRE_OK(ee_hal_buffer_subspan(span, 20, UINT64_MAX, &other, NULL));
  CHECK_EQ_INT(other->size, 30);
  ee_hal_buffer_release(other);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_hal_buffer_subspan(span, 51, 0, &other, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(ee_hal_buffer_subspan(span, 40, 11, &other, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "11 bytes at 40");
  CHECK_STATUS(ee_hal_buffer_subspan(span, UINT64_MAX - 1, 2, &other, &err), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(ee_hal_buffer_subspan(span, 51, UINT64_MAX, &other, &err), EERIE_OUT_OF_RANGE);
  ee_hal_buffer_release(buffer); // the spans keep the storage
  memset(inner->data, 7, 20);
  ee_hal_buffer_release(span);
  ee_hal_buffer_release(inner);
  fixture_close(&f);
}

static int released;
static void count_release(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  ++*(int *)user;
}

static void imports_without_a_copy(void) {
  fixture_t f;
  fixture_open(&f);
  static uint8_t bytes[64];
  ee_hal_buffer_t *buffer = NULL, *span = NULL;
  released = 0;
  REQUIRE_OK(ee_hal_buffer_import(f.device, bytes, 64, EE_HAL_ACCESS_READ, count_release, &released,
                                  &buffer, NULL));
  CHECK(buffer->data == bytes);
  REQUIRE_OK(ee_hal_buffer_subspan(buffer, 8, 8, &span, NULL));
  CHECK_EQ_INT(span->access, EE_HAL_ACCESS_READ);
  ee_hal_buffer_release(buffer);
  CHECK_EQ_INT(released, 0);
  ee_hal_buffer_release(span);
  CHECK_EQ_INT(released, 1);
  f.fail_at = atomic_load(&f.allocations) + 1;
  ee_hal_pool_trim(&f.device->pool);
  CHECK_STATUS(ee_hal_buffer_import(f.device, bytes, 64, EE_HAL_ACCESS_READ, count_release,
                                    &released, &buffer, NULL),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_EQ_INT(released, 1); // the caller keeps what failed
  fixture_close(&f);
}

static void shape_sizes_are_checked(void) {
  uint64_t size = 0;
  CHECK(ee_hal_shape_size(F32, 0, NULL, &size) && size == 4);
  CHECK(ee_hal_shape_size(F32, 2, (int64_t[]){3, 5}, &size) && size == 60);
  CHECK(ee_hal_shape_size(I4, 1, (int64_t[]){5}, &size) && size == 3);
  CHECK(ee_hal_shape_size(F32, 2, (int64_t[]){0, INT64_MAX}, &size) && size == 0);
  CHECK(ee_hal_shape_size(F32, 3, (int64_t[]){INT64_MAX, INT64_MAX, 0}, &size) && size == 0);
  CHECK(!ee_hal_shape_size(F32, 1, (int64_t[]){-1}, &size));
  CHECK(!ee_hal_shape_size(F32, 2, (int64_t[]){0, -1}, &size));
  CHECK(!ee_hal_shape_size(F32, 1, (int64_t[]){INT64_MAX}, &size));
  CHECK(!ee_hal_shape_size(F32, 2, (int64_t[]){INT64_MAX, 3}, &size));
  CHECK(!ee_hal_shape_size(I4, 2, (int64_t[]){INT64_MAX, 2}, &size));
}

static void views_fit_their_buffer(void) {
  fixture_t f;
  fixture_open(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, 24);
  ee_hal_buffer_view_t *view = NULL;
  int64_t dims[40] = {2, 3};
  REQUIRE_OK(ee_hal_buffer_view_create(buffer, F32, EE_HAL_ENCODING_DENSE, 2, dims, &view, NULL));
  dims[0] = 9;
  CHECK_EQ_INT(view->dims[0], 2); // its own copy
  CHECK_EQ_INT(view->dims[1], 3);
  char text[32];
  ee_hal_shape_format(text, sizeof text, view->element_type, view->rank, view->dims);
  CHECK_STR(text, "2x3xf32");
  CHECK_EQ_INT(ee_hal_shape_format(text, 5, view->element_type, view->rank, view->dims), 4);
  CHECK_STR(text, "2x3x");
  ee_object_release(&view->object);
  eerie_error_t err = {.code = EERIE_OK};
  dims[0] = 3;
  CHECK_STATUS(ee_hal_buffer_view_create(buffer, F32, EE_HAL_ENCODING_DENSE, 2, dims, &view, &err),
               EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "36 bytes, the buffer has 24");
  dims[0] = -3;
  CHECK_STATUS(ee_hal_buffer_view_create(buffer, F32, EE_HAL_ENCODING_DENSE, 2, dims, &view, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(ee_hal_buffer_view_create(buffer, F32, EE_HAL_ENCODING_DENSE,
                                         EERIE_TENSOR_RANK_LIMIT + 1, dims, &view, &err),
               EERIE_OUT_OF_RANGE);
  ee_hal_buffer_release(buffer);
  fixture_close(&f);
}

static void nothing_is_allocated_after_warm_up(void) {
  fixture_t f;
  fixture_open(&f);
  size_t warm = 0;
  for (int i = 0; i < 50; ++i) {
    ee_hal_buffer_t *a = make_buffer(&f, 1000), *b = make_buffer(&f, 70000), *span = NULL;
    ee_hal_buffer_view_t *view = NULL;
    REQUIRE_OK(ee_hal_buffer_subspan(a, 16, 32, &span, NULL));
    REQUIRE_OK(ee_hal_buffer_view_create(span, F32, EE_HAL_ENCODING_DENSE, 1, (int64_t[]){8}, &view,
                                         NULL));
    ee_hal_buffer_release(a);
    ee_hal_buffer_release(b);
    ee_hal_buffer_release(span);
    ee_object_release(&view->object);
    if (i == 0) warm = atomic_load(&f.allocations);
  }
  CHECK_EQ_INT(atomic_load(&f.allocations), warm);
  fixture_close(&f);
}

static void formats_every_dtype(void) {
  static const struct {
    uint32_t type;
    const char *text;
  } types[] = {
      {0x13000008, "bool"},         {0x10000008, "i8"},     {0x11000010, "si16"},
      {0x12000020, "ui32"},         {0x10000004, "i4"},     {0x21000010, "f16"},
      {0x22000010, "bf16"},         {0x21000040, "f64"},    {0x23000040, "complex<f32>"},
      {0x23000080, "complex<f64>"}, {0x24000008, "f8E5M2"}, {0x25000008, "f8E4M3FN"},
      {0x28000008, "f8E8M0FNU"},    {0x00000020, "x32"},    {0x77000020, "dtype 0x77000020"},
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
    char text[64];
    ee_hal_shape_format(text, sizeof text, types[i].type, 0, NULL);
    CHECK_STR(text, types[i].text);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(allocates_aligned_bytes), RUN(subspans_lie_inside),
      RUN(imports_without_a_copy),  RUN(shape_sizes_are_checked),
      RUN(views_fit_their_buffer),  RUN(nothing_is_allocated_after_warm_up),
      RUN(formats_every_dtype),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
