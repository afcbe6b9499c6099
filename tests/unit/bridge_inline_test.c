// The `hal_inline` module: allocation, host bytes over buffers, wrapping, queries.
#include "unit/bridge_support.h"

static void allocates_buffer_and_bytes(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  const ee_vm_value_t arguments[] = {of_i32(64), of_i64(100)};
  REQUIRE_OK(bridge_call(&b, "buffer.allocate", arguments));
  ee_hal_buffer_t *buffer = ee_hal_buffer_cast(b.results[0].ref);
  ee_vm_buffer_t *bytes = ee_vm_buffer_cast(b.results[1].ref);
  REQUIRE(buffer && bytes);
  CHECK_EQ_INT(buffer->size, 100);
  CHECK_EQ_INT(bytes->size, 100);
  CHECK(bytes->data == buffer->data);
  CHECK(bytes->writable);
  CHECK_EQ_INT((uintptr_t)bytes->data % 64, 0);

  // A second view of the same bytes; each keeps them alive.
  REQUIRE_OK(bridge_call(&b, "buffer.storage", &(ee_vm_value_t){.ref = &buffer->object}));
  ee_vm_buffer_t *again = ee_vm_buffer_cast(b.results[0].ref);
  REQUIRE(again);
  drop(buffer);
  drop(bytes);
  memset(again->data, 1, again->size);
  drop(again);
  bridge_close(&b);
}

static void allocates_nothing(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  const ee_vm_value_t arguments[] = {of_i32(0), of_i64(0)};
  REQUIRE_OK(bridge_call(&b, "buffer.allocate", arguments));
  drop(b.results[0].ref);
  drop(b.results[1].ref);
  bridge_close(&b);
}

static void refuses_sizes_and_alignments(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  static const struct {
    int32_t alignment;
    int64_t size;
    eerie_status_t status;
  } cases[] = {
      {3, 4, EERIE_INVALID_ARGUMENT},
      {-8, 4, EERIE_INVALID_ARGUMENT},
      {INT32_MIN, 4, EERIE_INVALID_ARGUMENT},
      {1 << 20, 4, EERIE_INVALID_ARGUMENT},
      {64, -1, EERIE_INVALID_ARGUMENT},
      {64, INT64_MIN, EERIE_INVALID_ARGUMENT},
      {64, INT64_MAX, EERIE_RESOURCE_EXHAUSTED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const ee_vm_value_t arguments[] = {of_i32(cases[i].alignment), of_i64(cases[i].size)};
    CHECK_STATUS(bridge_call(&b, "buffer.allocate", arguments), cases[i].status);
  }
  bridge_close(&b);
}

static void allocates_initialized(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  ee_vm_buffer_t *source = make_bytes(&b, "0123456789", 10, false);
  ee_vm_value_t arguments[] = {of_i32(16), of_ref(source), of_i64(3), of_i64(4)};
  REQUIRE_OK(bridge_call(&b, "buffer.allocate.initialized", arguments));
  CHECK_BYTES(ee_hal_buffer_cast(b.results[0].ref)->data, "3456", 4);
  CHECK_EQ_INT(ee_vm_buffer_cast(b.results[1].ref)->size, 4);
  drop(b.results[0].ref);
  drop(b.results[1].ref);
  static const int64_t outside[][2] = {{11, 0}, {3, 8}, {-1, 2}, {0, -1}, {INT64_MAX, INT64_MAX}};
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; ++i) {
    arguments[2] = of_i64(outside[i][0]);
    arguments[3] = of_i64(outside[i][1]);
    CHECK_STATUS(bridge_call(&b, "buffer.allocate.initialized", arguments), EERIE_OUT_OF_RANGE);
  }
  arguments[1] = of_ref(NULL);
  CHECK_STATUS(bridge_call(&b, "buffer.allocate.initialized", arguments), EERIE_INVALID_ARGUMENT);
  drop(source);
  bridge_close(&b);
}

static void wraps_host_bytes(void) {
  static _Alignas(64) uint8_t data[256];
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  for (int writable = 0; writable < 2; ++writable) {
    ee_vm_buffer_t *source = make_bytes(&b, data, sizeof data, writable != 0);
    const ee_vm_value_t arguments[] = {of_ref(source), of_i64(64), of_i64(128)};
    REQUIRE_OK(bridge_call(&b, "buffer.wrap", arguments));
    ee_hal_buffer_t *buffer = ee_hal_buffer_cast(b.results[0].ref);
    REQUIRE(buffer);
    drop(source); // the buffer keeps it
    CHECK(buffer->data == data + 64);
    CHECK_EQ_INT(buffer->size, 128);
    CHECK_EQ_INT((buffer->access & EE_HAL_ACCESS_WRITE) != 0, writable);
    // What was read-only stays so on the way back.
    REQUIRE_OK(bridge_call(&b, "buffer.storage", &(ee_vm_value_t){.ref = &buffer->object}));
    CHECK_EQ_INT(ee_vm_buffer_cast(b.results[0].ref)->writable, writable);
    drop(b.results[0].ref);
    drop(buffer);
  }
  ee_vm_buffer_t *source = make_bytes(&b, data, sizeof data, true);
  const ee_vm_value_t outside[] = {of_ref(source), of_i64(200), of_i64(57)};
  CHECK_STATUS(bridge_call(&b, "buffer.wrap", outside), EERIE_OUT_OF_RANGE);
  drop(source);
  bridge_close(&b);
}

static void answers_queries(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  ee_vm_buffer_t *category = make_text(&b, "hal.cpu");
  ee_vm_buffer_t *key = make_text(&b, "no-such-feature");
  const ee_vm_value_t arguments[] = {of_ref(category), of_ref(key)};
  REQUIRE_OK(bridge_call(&b, "device.query.i64", arguments));
  CHECK_EQ_INT(b.results[0].i32, 0);
  const ee_vm_value_t nothing[] = {of_ref(NULL), of_ref(key)};
  CHECK_STATUS(bridge_call(&b, "device.query.i64", nothing), EERIE_INVALID_ARGUMENT);
  drop(category);
  drop(key);
  bridge_close(&b);
}

// Functions that are the same as those of `hal` find what they need.
static void makes_tensors(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  ee_hal_buffer_t *buffer = make_buffer(&b.f, 24);
  const ee_vm_value_t create[] = {of_ref(buffer), of_i64(0), of_i64(24), of_i32(0x21000020),
                                  of_i32(1),      of_i32(2), of_i64(2),  of_i64(3)};
  REQUIRE_OK(bridge_call(&b, "buffer_view.create", create));
  ee_object_t *view = b.results[0].ref;
  ee_vm_value_t one = of_ref(view);
  CHECK_OK(bridge_call(&b, "buffer_view.rank", &one));
  CHECK_EQ_INT(b.results[0].i32, 2);
  const ee_vm_value_t dim[] = {of_ref(view), of_i32(1)};
  CHECK_OK(bridge_call(&b, "buffer_view.dim", dim));
  CHECK_EQ_INT(b.results[0].i64, 3);
  const ee_vm_value_t past[] = {of_ref(view), of_i32(2)};
  CHECK_STATUS(bridge_call(&b, "buffer_view.dim", past), EERIE_OUT_OF_RANGE);
  ee_vm_value_t span[] = {of_ref(buffer), of_i64(8), of_i64(16)};
  CHECK_OK(bridge_call(&b, "buffer.subspan", span));
  drop(b.results[0].ref);
  span[2] = of_i64(17);
  CHECK_STATUS(bridge_call(&b, "buffer.subspan", span), EERIE_OUT_OF_RANGE);
  drop(view);
  drop(buffer);
  bridge_close(&b);
}

// Every function with nothing where an object should be, and with an object of another kind.
static void refuses_other_objects(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_inline_module, 0);
  ee_vm_list_t *other = NULL;
  REQUIRE_OK(ee_vm_list_create(&b.f.heap, EE_VM_VALUE_NONE, NULL, 0, &other, NULL));
  for (uint32_t i = 0; i < b.module->function_count; ++i) {
    const ee_vm_native_function_t *function = &b.module->functions[i];
    if (!strchr(function->calling_convention, 'r') ||
        strchr(function->calling_convention, 'r') > strchr(function->calling_convention, '_')) {
      continue;
    }
    for (int kind = 0; kind < 2; ++kind) {
      ee_vm_value_t arguments[8];
      memset(arguments, 0, sizeof arguments);
      uint32_t slot = 0;
      for (const char *letter = function->calling_convention + 1; *letter != '_'; ++letter) {
        if (*letter == 'r' && kind) arguments[slot].ref = &other->object;
        if (*letter == 'C') break; // count 0
        ++slot;
      }
      CHECK_STATUS(bridge_call_as(&b, function->name, function->calling_convention, arguments),
                   EERIE_INVALID_ARGUMENT);
    }
  }
  drop(other);
  bridge_close(&b);
}

// Memory that runs out anywhere is an answer, and nothing leaks.
static void survives_lack_of_memory(void) {
  for (size_t fail_at = 1; fail_at < 6; ++fail_at) {
    bridge_t b;
    bridge_open(&b, &ee_bridge_inline_module, 0);
    ee_vm_buffer_t *source = make_bytes(&b, "0123456789", 10, false);
    b.f.fail_at = atomic_load(&b.f.allocations) + fail_at;
    const ee_vm_value_t arguments[] = {of_i32(16), of_ref(source), of_i64(0), of_i64(10)};
    const eerie_status_t status = bridge_call(&b, "buffer.allocate.initialized", arguments);
    if (status == EERIE_OK) {
      drop(b.results[0].ref);
      drop(b.results[1].ref);
    } else {
      CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
    }
    b.f.fail_at = 0;
    drop(source);
    bridge_close(&b);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(allocates_buffer_and_bytes),
      RUN(allocates_nothing),
      RUN(refuses_sizes_and_alignments),
      RUN(allocates_initialized),
      RUN(wraps_host_bytes),
      RUN(answers_queries),
      RUN(makes_tensors),
      RUN(refuses_other_objects),
      RUN(survives_lack_of_memory),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
