// Tests of the `hal` module (runtime/bridge/hal_*.c): each function is called as the interpreter
// calls it, with good, wrong and hostile arguments. Compiled programs are the business of
// tests/modules.
#include "bridge/bridge.h"
#include "unit/hal_support.h"

#define F32 0x21000020u

// ---- A program's side of a call -----------------------------------------------------------------

typedef struct host {
  fixture_t f;
  void *state;
  ee_vm_program_t *program; // of no module: for functions that ask which ones there are
  char traced[512];
} host_t;

static void trace(void *user, ee_str_t line) {
  host_t *h = user;
  const size_t at = strlen(h->traced);
  snprintf(h->traced + at, sizeof h->traced - at, "%.*s\n", (int)line.size, line.data);
}

static void host_open(host_t *h) {
  memset(h, 0, sizeof *h);
  fixture_open(&h->f);
  const ee_bridge_hal_options_t options = {
      .devices = &h->f.device, .device_count = 1, .trace = trace, .trace_user = h};
  CHECK_OK(
      ee_bridge_hal_module.create_state((void *)(uintptr_t)&options, &h->f.heap, &h->state, NULL));
  const ee_vm_module_ref_t module = {.native = &ee_bridge_hal_module,
                                     .user = (void *)(uintptr_t)&options};
  CHECK_OK(ee_vm_program_create(&h->f.heap,
                                &(ee_vm_program_options_t){.modules = &module, .module_count = 1},
                                &h->program, NULL));
}

static void host_close(host_t *h) {
  ee_vm_program_destroy(h->program);
  ee_bridge_hal_module.destroy_state(NULL, &h->f.heap, h->state);
  fixture_close(&h->f);
}

static const ee_vm_native_function_t *find(const char *name) {
  for (uint32_t i = 0; i < ee_bridge_hal_module.function_count; ++i) {
    if (strcmp(ee_bridge_hal_module.functions[i].name, name) == 0) {
      return &ee_bridge_hal_module.functions[i];
    }
  }
  fprintf(stderr, "no function %s\n", name);
  exit(1);
}

typedef struct outcome {
  eerie_status_t status;
  ee_vm_value_t results[2];
  eerie_error_t err;
  ee_object_t *wait_object; // held
  int64_t deadline;
} outcome_t;

static outcome_t call_function(host_t *h, const ee_vm_native_function_t *function,
                               const ee_vm_value_t *arguments) {
  outcome_t o = {.err = {.code = EERIE_OK}};
  ee_vm_call_t call = {
      .state = h->state,
      .arguments = arguments,
      .results = o.results,
      .program = h->program,
      .heap = &h->f.heap,
      .err = &o.err,
      .wait_deadline_ns = INT64_MAX,
  };
  o.status = function->function(&call);
  o.wait_object = call.wait_object;
  o.deadline = call.wait_deadline_ns;
  const char *letters = strchr(function->calling_convention, '_') + 1;
  if (o.status == EERIE_OK || strcmp(letters, "v") == 0) return o;
  for (size_t i = 0; letters[i]; ++i) {
    if (letters[i] == 'r') ee_object_release(o.results[i].ref);
    o.results[i].i64 = 0;
  }
  return o;
}

#define CALL(h, name, ...) call_function((h), find(name), (const ee_vm_value_t[]){__VA_ARGS__})
#define REF(object)                                                                                \
  { .ref = (ee_object_t *)(object) }
#define NONE                                                                                       \
  { .ref = NULL }
#define I32(value)                                                                                 \
  { .i32 = (value) }
#define I64(value)                                                                                 \
  { .i64 = (value) }

static void release(void *object) {
  ee_object_release(object);
}

static ee_vm_buffer_t *text(host_t *h, const char *content) {
  ee_vm_buffer_t *buffer = NULL;
  CHECK_OK(ee_vm_buffer_create(&h->f.heap, strlen(content), 0, &buffer, NULL));
  if (buffer) memcpy(buffer->data, content, strlen(content));
  return buffer;
}

static ee_hal_allocator_t *allocator_of(host_t *h) {
  return (ee_hal_allocator_t *)CALL(h, "device.allocator", REF(h->f.device)).results[0].ref;
}

// ---- The table ---------------------------------------------------------------------------------

static void the_table_is_sorted_and_complete(void) {
  CHECK_STR(ee_bridge_hal_module.name, "hal");
  CHECK_EQ_INT(ee_bridge_hal_module.version, 7);
  CHECK(ee_bridge_hal_module.function_count >= 58);
  for (uint32_t i = 1; i < ee_bridge_hal_module.function_count; ++i) {
    const ee_vm_native_function_t *a = &ee_bridge_hal_module.functions[i - 1], *b = a + 1;
    const int order = strcmp(a->name, b->name);
    CHECK(order < 0 || (order == 0 && strcmp(a->calling_convention, b->calling_convention) < 0));
  }
  for (uint32_t i = 0; i < ee_bridge_hal_module.function_count; ++i) {
    ee_signature_t signature;
    CHECK(ee_signature_parse(ee_str_from(ee_bridge_hal_module.functions[i].calling_convention),
                             &signature));
  }
}

// ---- Buffers -----------------------------------------------------------------------------------

static void allocates_and_inspects_buffers(void) {
  host_t h;
  host_open(&h);
  ee_hal_allocator_t *allocator = allocator_of(&h);
  outcome_t o = CALL(&h, "allocator.allocate", REF(allocator), I64(-1), I32(0), I32(0), I64(40));
  REQUIRE_OK(o.status);
  ee_hal_buffer_t *buffer = (ee_hal_buffer_t *)o.results[0].ref;
  memset(buffer->data, 0, 40);
  CHECK_EQ_INT(CALL(&h, "buffer.length", REF(buffer)).results[0].i64, 40);
  CHECK_OK(CALL(&h, "buffer.store", I32(0x01020304), REF(buffer), I64(8), I32(4)).status);
  CHECK_EQ_INT(CALL(&h, "buffer.load", REF(buffer), I64(8), I32(4)).results[0].i32, 0x01020304);
  CHECK_EQ_INT(CALL(&h, "buffer.load", REF(buffer), I64(9), I32(2)).results[0].i32, 0x0203);
  CHECK_EQ_INT(CALL(&h, "buffer.load", REF(buffer), I64(11), I32(1)).results[0].i32, 1);
  CHECK_STATUS(CALL(&h, "buffer.load", REF(buffer), I64(37), I32(4)).status, EERIE_OUT_OF_RANGE);
  CHECK_STATUS(CALL(&h, "buffer.load", REF(buffer), I64(-1), I32(1)).status, EERIE_OUT_OF_RANGE);
  CHECK_STATUS(CALL(&h, "buffer.load", REF(buffer), I64(0), I32(5)).status, EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(CALL(&h, "buffer.store", I32(0), REF(buffer), I64(40), I32(1)).status,
               EERIE_OUT_OF_RANGE);
  o = CALL(&h, "buffer.subspan", REF(buffer), I64(8), I64(4));
  CHECK_EQ_INT(CALL(&h, "buffer.load", o.results[0], I64(0), I32(4)).results[0].i32, 0x01020304);
  // Owners are those of the storage.
  CHECK_EQ_INT(CALL(&h, "buffer.allocation.is_terminal", o.results[0]).results[0].i32, 1);
  CALL(&h, "buffer.allocation.preserve", REF(buffer));
  CHECK_EQ_INT(CALL(&h, "buffer.allocation.is_terminal", o.results[0]).results[0].i32, 0);
  CHECK_EQ_INT(CALL(&h, "buffer.allocation.discard", o.results[0]).results[0].i32, 0);
  CHECK_EQ_INT(CALL(&h, "buffer.allocation.discard", REF(buffer)).results[0].i32, 1);
  release(o.results[0].ref);
  o = CALL(&h, "allocator.allocate", REF(allocator), I64(-1), I32(0), I32(0), I64(-40));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  o = CALL(&h, "allocator.allocate", REF(allocator), I64(-1), I32(0), I32(0), I64(INT64_MAX));
  CHECK_STATUS(o.status, EERIE_RESOURCE_EXHAUSTED);
  ee_vm_buffer_t *name = text(&h, "input7");
  CHECK_OK(
      CALL(&h, "buffer.assert", REF(buffer), REF(name), REF(allocator), I64(40), I32(16), I32(3075))
          .status);
  o = CALL(&h, "buffer.assert", REF(buffer), REF(name), REF(allocator), I64(41), I32(16),
           I32(3075));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  CHECK_STR(o.err.message, "input7: expected at least 41 bytes, got 40");
  o = CALL(&h, "buffer.assert", REF(buffer), REF(name), REF(allocator), I64(0), I32(1 << 20),
           I32(0));
  CHECK_STATUS(o.status, EERIE_PERMISSION_DENIED);
  o = CALL(&h, "buffer.assert", REF(buffer), REF(name), REF(allocator), I64(0), I32(0),
           I32(1 << 30));
  CHECK_STATUS(o.status, EERIE_PERMISSION_DENIED);
  release(name);
  release(buffer);
  release(allocator);
  host_close(&h);
}

static void imports_constants_in_place(void) {
  host_t h;
  host_open(&h);
  ee_hal_allocator_t *allocator = allocator_of(&h);
  static _Alignas(64) uint8_t rodata[256] = {1, 2, 3};
  const int32_t immutable = 1 << 19;
  ee_vm_buffer_t *source = NULL;
  REQUIRE_OK(ee_vm_buffer_wrap(&h.f.heap, rodata, 256, false, NULL, &source, NULL));
#define IMPORT(try, usage, offset, length)                                                         \
  CALL(&h, "allocator.import", REF(allocator), I32(try), I64(-1), I32(0), I32(usage), REF(source), \
       I64(offset), I64(length))
  outcome_t o = IMPORT(1, immutable, 64, 128);
  REQUIRE_OK(o.status);
  ee_hal_buffer_t *buffer = (ee_hal_buffer_t *)o.results[0].ref;
  REQUIRE(buffer);
  CHECK(buffer->data == rodata + 64);
  CHECK_STATUS(CALL(&h, "buffer.store", I32(9), REF(buffer), I64(0), I32(1)).status,
               EERIE_PERMISSION_DENIED);
  release(source); // the buffer keeps it
  source = NULL;
  release(buffer);
  REQUIRE_OK(ee_vm_buffer_wrap(&h.f.heap, rodata, 256, false, NULL, &source, NULL));
  // Badly aligned: null when it is a try, a copy when it is not.
  o = IMPORT(1, immutable, 1, 2);
  CHECK_OK(o.status);
  CHECK(!o.results[0].ref);
  o = IMPORT(0, immutable, 1, 2);
  REQUIRE_OK(o.status);
  buffer = (ee_hal_buffer_t *)o.results[0].ref;
  CHECK_BYTES(buffer->data, ((uint8_t[]){2, 3}), 2);
  CHECK_EQ_INT(buffer->access & EE_HAL_ACCESS_ALL, EE_HAL_ACCESS_READ);
  release(buffer);
  CHECK_STATUS(IMPORT(1, 0, 0, 256).status, EERIE_PERMISSION_DENIED);
  CHECK_STATUS(IMPORT(1, immutable, 0, 257).status, EERIE_OUT_OF_RANGE);
  CHECK_STATUS(IMPORT(1, immutable, 257, -1).status, EERIE_OUT_OF_RANGE);
  CHECK_STATUS(IMPORT(1, immutable, -64, 64).status, EERIE_OUT_OF_RANGE);
  o = IMPORT(1, immutable, 192, -1); // to the end
  REQUIRE_OK(o.status);
  CHECK_EQ_INT(((ee_hal_buffer_t *)o.results[0].ref)->size, 64);
  release(o.results[0].ref);
  release(source);
  release(allocator);
  host_close(&h);
}

// ---- Tensors -----------------------------------------------------------------------------------

static void views_say_what_is_wrong_with_them(void) {
  host_t h;
  host_open(&h);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, 64);
  ee_vm_buffer_t *name = text(&h, "input0");
  outcome_t o = CALL(&h, "buffer_view.create", REF(buffer), I64(16), I64(24), I32((int32_t)F32),
                     I32(1), I32(2), I64(2), I64(3));
  REQUIRE_OK(o.status);
  ee_hal_buffer_view_t *view = (ee_hal_buffer_view_t *)o.results[0].ref;
  CHECK(view->buffer->data == buffer->data + 16);
  CHECK_EQ_INT(CALL(&h, "buffer_view.rank", REF(view)).results[0].i32, 2);
  CHECK_EQ_INT(CALL(&h, "buffer_view.dim", REF(view), I32(1)).results[0].i64, 3);
  CHECK_STATUS(CALL(&h, "buffer_view.dim", REF(view), I32(2)).status, EERIE_OUT_OF_RANGE);
  CHECK_EQ_INT(CALL(&h, "buffer_view.element_type", REF(view)).results[0].i32, (int32_t)F32);
  CHECK_EQ_INT(CALL(&h, "buffer_view.encoding_type", REF(view)).results[0].i32, 1);
#define ASSERT_VIEW(dtype, encoding, ...)                                                          \
  CALL(&h, "buffer_view.assert", REF(view), REF(name), I32((int32_t)(dtype)), I32(encoding),       \
       __VA_ARGS__)
  CHECK_OK(ASSERT_VIEW(F32, 1, I32(2), I64(2), I64(3)).status);
  o = ASSERT_VIEW(0x21000040, 1, I32(2), I64(2), I64(3));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  CHECK_STR(o.err.message, "input0: wrong element type: expected 2x3xf64, got 2x3xf32");
  o = ASSERT_VIEW(F32, 1, I32(1), I64(6));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  CHECK_STR(o.err.message, "input0: wrong rank: expected 6xf32, got 2x3xf32");
  o = ASSERT_VIEW(F32, 1, I32(2), I64(2), I64(4));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  CHECK_STR(o.err.message,
            "input0: wrong size of dimension 1 (3, not 4): expected 2x4xf32, got 2x3xf32");
  CHECK_STATUS(ASSERT_VIEW(F32, 2, I32(2), I64(2), I64(3)).status, EERIE_INVALID_ARGUMENT);
  view->element_type = 0x11000020; // a signed integer passes for a signless one
  CHECK_OK(ASSERT_VIEW(0x10000020, 1, I32(2), I64(2), I64(3)).status);
  CHECK_STATUS(ASSERT_VIEW(0x10000010, 1, I32(2), I64(2), I64(3)).status, EERIE_INVALID_ARGUMENT);
  view->element_type = 0x00000020; // opaque bytes pass for anything
  view->encoding = 0;
  CHECK_OK(ASSERT_VIEW(F32, 1, I32(2), I64(2), I64(3)).status);
  view->element_type = F32;
  CALL(&h, "buffer_view.trace", REF(name), I32(1), REF(view));
  CHECK_CONTAINS(h.traced, "input0");
  CHECK_CONTAINS(h.traced, "2x3xf32");
  o = CALL(&h, "buffer_view.buffer", REF(view));
  CHECK(o.results[0].ref == &view->buffer->object);
  release(o.results[0].ref);
  // A shape that its bytes do not fill.
  o = CALL(&h, "buffer_view.create", REF(buffer), I64(16), I64(24), I32((int32_t)F32), I32(1),
           I32(2), I64(2), I64(4));
  CHECK_STATUS(o.status, EERIE_OUT_OF_RANGE);
  o = CALL(&h, "buffer_view.create", REF(buffer), I64(48), I64(24), I32((int32_t)F32), I32(1),
           I32(0));
  CHECK_STATUS(o.status, EERIE_OUT_OF_RANGE);
  release(view);
  release(name);
  release(buffer);
  host_close(&h);
}

// ---- Fences ------------------------------------------------------------------------------------

static ee_hal_fence_t *new_fence(host_t *h) {
  return (ee_hal_fence_t *)CALL(h, "fence.create", REF(h->f.device), I64(0)).results[0].ref;
}

static void awaiting_defers_until_signaled(void) {
  host_t h;
  host_open(&h);
  ee_hal_fence_t *a = new_fence(&h), *b = new_fence(&h);
  CHECK_EQ_INT(CALL(&h, "fence.query", REF(a)).results[0].i32, EERIE_DEFERRED);
  outcome_t o = CALL(&h, "fence.await", I32(-1), I64(0), I32(3), REF(a), NONE, REF(b));
  CHECK_STATUS(o.status, EERIE_DEFERRED);
  CHECK(o.wait_object == (ee_object_t *)a);
  CHECK_EQ_INT(o.deadline, INT64_MAX);
  release(o.wait_object);
  CALL(&h, "fence.signal", REF(a));
  o = CALL(&h, "fence.await", I32(-1), I64(0), I32(3), REF(a), NONE, REF(b));
  CHECK_STATUS(o.status, EERIE_DEFERRED);
  CHECK(o.wait_object == (ee_object_t *)b);
  release(o.wait_object);
  CALL(&h, "fence.signal", REF(b));
  o = CALL(&h, "fence.await", I32(-1), I64(0), I32(3), REF(a), NONE, REF(b));
  CHECK_OK(o.status);
  CHECK_EQ_INT(o.results[0].i32, 0);
  release(a);
  release(b);
  host_close(&h);
}

static void awaiting_ends_at_its_deadline(void) {
  host_t h;
  host_open(&h);
  ee_hal_fence_t *fence = new_fence(&h);
  outcome_t o = CALL(&h, "fence.await", I32(0), I64(0), I32(1), REF(fence));
  CHECK_OK(o.status);
  CHECK_EQ_INT(o.results[0].i32, EERIE_DEADLINE_EXCEEDED);
  o = CALL(&h, "fence.await", I32(5), I64(0), I32(1), REF(fence));
  REQUIRE(o.status == EERIE_DEFERRED);
  const int64_t deadline = o.deadline;
  CHECK(deadline != INT64_MAX);
  release(o.wait_object);
  // Asked again, the time goes on.
  o = CALL(&h, "fence.await", I32(5), I64(0), I32(1), REF(fence));
  if (o.status == EERIE_DEFERRED) {
    CHECK_EQ_INT(o.deadline, deadline);
    release(o.wait_object);
    CHECK_STATUS(ee_bridge_wait(NULL, (ee_object_t *)fence, deadline, NULL),
                 EERIE_DEADLINE_EXCEEDED);
    o = CALL(&h, "fence.await", I32(5), I64(0), I32(1), REF(fence));
  }
  CHECK_OK(o.status);
  CHECK_EQ_INT(o.results[0].i32, EERIE_DEADLINE_EXCEEDED);
  release(fence);
  host_close(&h);
}

static void failed_fences_fail_the_call(void) {
  host_t h;
  host_open(&h);
  ee_hal_fence_t *fence = new_fence(&h), *other = new_fence(&h);
  CALL(&h, "fence.fail", REF(fence), I32(EERIE_DATA_LOSS));
  outcome_t o = CALL(&h, "fence.await", I32(-1), I64(0), I32(2), REF(other), REF(fence));
  CHECK_STATUS(o.status, EERIE_DATA_LOSS);
  CHECK_CONTAINS(o.err.message, "DATA_LOSS");
  CHECK_EQ_INT(CALL(&h, "fence.query", REF(fence)).results[0].i32, EERIE_DATA_LOSS);
  release(fence);
  fence = new_fence(&h);
  CALL(&h, "fence.fail", REF(fence), I32(0)); // failed, but not saying how
  CHECK_EQ_INT(CALL(&h, "fence.query", REF(fence)).results[0].i32, EERIE_UNKNOWN);
  release(fence);
  release(other);
  host_close(&h);
}

static void joins_leave_out_what_is_over(void) {
  host_t h;
  host_open(&h);
  ee_hal_fence_t *a = new_fence(&h), *b = new_fence(&h);
  CHECK(!CALL(&h, "fence.join", I64(0), I32(0)).results[0].ref);
  CHECK(!CALL(&h, "fence.join", I64(0), I32(2), NONE, NONE).results[0].ref);
  outcome_t o = CALL(&h, "fence.join", I64(0), I32(2), REF(a), NONE);
  CHECK(o.results[0].ref == (ee_object_t *)a);
  release(o.results[0].ref);
  o = CALL(&h, "fence.join", I64(0), I32(2), REF(a), REF(b));
  CHECK_EQ_INT(CALL(&h, "fence.query", o.results[0]).results[0].i32, EERIE_DEFERRED);
  CALL(&h, "fence.signal", REF(a));
  CALL(&h, "fence.signal", REF(b));
  CHECK_EQ_INT(CALL(&h, "fence.query", o.results[0]).results[0].i32, 0);
  release(o.results[0].ref);
  ee_vm_value_t many[102] = {I64(0), I32(100)};
  for (int i = 0; i < 100; ++i)
    many[2 + i].ref = (ee_object_t *)new_fence(&h);
  o = call_function(&h, find("fence.join"), many);
  REQUIRE_OK(o.status);
  for (int i = 0; i < 100; ++i) {
    CHECK_EQ_INT(CALL(&h, "fence.query", o.results[0]).results[0].i32, EERIE_DEFERRED);
    CALL(&h, "fence.signal", many[2 + i]);
    release(many[2 + i].ref);
  }
  CHECK_EQ_INT(CALL(&h, "fence.query", o.results[0]).results[0].i32, 0);
  release(o.results[0].ref);
  release(a);
  release(b);
  host_close(&h);
}

// ---- Queue and command buffers -----------------------------------------------------------------

static void queues_run_after_their_fence(void) {
  host_t h;
  host_open(&h);
  ee_hal_fence_t *wait = new_fence(&h), *signal = new_fence(&h);
  outcome_t o = CALL(&h, "device.queue.alloca", REF(h.f.device), I64(-1), REF(wait), REF(signal),
                     I64(0), I32(48), I32(3075), I64(32), I64(0));
  REQUIRE_OK(o.status);
  ee_hal_buffer_t *buffer = (ee_hal_buffer_t *)o.results[0].ref;
  CHECK_EQ_INT(CALL(&h, "fence.query", REF(signal)).results[0].i32, EERIE_DEFERRED);
  CHECK_OK(CALL(&h, "device.queue.fill", REF(h.f.device), I64(-1), REF(signal), NONE, REF(buffer),
                I64(0), I64(32), I64(0x55), I32(1), I64(0))
               .status);
  CALL(&h, "fence.signal", REF(wait));
  CHECK_EQ_INT(CALL(&h, "fence.query", REF(signal)).results[0].i32, 0);
  CHECK_EQ_INT(buffer->data[31], 0x55);
  ee_vm_buffer_t *bytes = text(&h, "abcdef");
  CHECK_OK(CALL(&h, "device.queue.update", REF(h.f.device), I64(-1), NONE, NONE, REF(bytes), I64(2),
                REF(buffer), I64(4), I64(3), I64(0))
               .status);
  CHECK_BYTES(buffer->data + 4, "cde", 3);
  CHECK_STATUS(CALL(&h, "device.queue.update", REF(h.f.device), I64(-1), NONE, NONE, REF(bytes),
                    I64(4), REF(buffer), I64(4), I64(3), I64(0))
                   .status,
               EERIE_OUT_OF_RANGE);
  CHECK_OK(CALL(&h, "device.queue.copy", REF(h.f.device), I64(-1), NONE, NONE, REF(buffer), I64(4),
                REF(buffer), I64(16), I64(3), I64(0))
               .status);
  CHECK_BYTES(buffer->data + 16, "cde", 3);
  o = CALL(&h, "ex.file.from_memory", REF(h.f.device), I64(-1), I32(1), REF(bytes), I64(1), I64(4),
           I32(0));
  REQUIRE_OK(o.status);
  ee_object_t *file = o.results[0].ref;
  CHECK_OK(CALL(&h, "device.queue.read", REF(h.f.device), I64(-1), NONE, NONE, REF(file), I64(1),
                REF(buffer), I64(0), I64(3), I64(0))
               .status);
  CHECK_BYTES(buffer->data, "cde", 3);
  CHECK_STATUS(CALL(&h, "device.queue.write", REF(h.f.device), I64(-1), NONE, NONE, REF(buffer),
                    I64(0), REF(file), I64(0), I64(3), I64(0))
                   .status,
               EERIE_PERMISSION_DENIED);
  CHECK_OK(CALL(&h, "device.queue.barrier", REF(h.f.device), I64(-1), NONE, NONE, I64(0)).status);
  CHECK_OK(CALL(&h, "device.queue.flush", REF(h.f.device), I64(-1)).status);
  CHECK_OK(
      CALL(&h, "device.queue.dealloca", REF(h.f.device), I64(-1), NONE, NONE, REF(buffer), I64(0))
          .status);
  o = CALL(&h, "device.queue.alloca", REF(h.f.device), I64(-1), NONE, NONE, I64(1), I32(48),
           I32(3075), I64(32), I64(0));
  CHECK_STATUS(o.status, EERIE_UNIMPLEMENTED);
  release(file);
  release(bytes);
  release(buffer);
  release(wait);
  release(signal);
  host_close(&h);
}

// Reads from a file over `bytes` into a new buffer; what the buffer's bytes are then tells whether
// they are shared or copied.
typedef struct read_case {
  const char *what;
  uint32_t usage;
  bool writable; // bytes
  bool waits, held;
  int64_t size, file_offset, target_offset;
  bool shared;
} read_case_t;

static void read_constants(host_t *h, const read_case_t *c) {
  _Alignas(64) static uint8_t contents[3 * 4096];
  for (size_t i = 0; i < sizeof contents; ++i)
    contents[i] = (uint8_t)(i * 7 + i / 256);
  ee_vm_buffer_t *bytes = NULL;
  REQUIRE_OK(
      ee_vm_buffer_wrap(&h->f.heap, contents, sizeof contents, c->writable, NULL, &bytes, NULL));
  ee_hal_allocator_t *allocator = allocator_of(h);
  outcome_t o = CALL(h, "allocator.allocate", REF(allocator), I64(-1), I32(48),
                     I32((int32_t)c->usage), I64(c->size));
  REQUIRE_OK(o.status);
  ee_hal_buffer_t *buffer = (ee_hal_buffer_t *)o.results[0].ref;
  o = CALL(h, "ex.file.from_memory", REF(h->f.device), I64(-1), I32(1), REF(bytes), I64(0),
           I64(sizeof contents), I32(0));
  REQUIRE_OK(o.status);
  ee_object_t *file = o.results[0].ref;
  ee_hal_fence_t *wait = c->waits ? new_fence(h) : NULL;
  if (c->held) ee_hal_buffer_retain(buffer);
  const int64_t length = c->size - c->target_offset;
  CHECK_OK(CALL(h, "device.queue.read", REF(h->f.device), I64(-1), REF(wait), NONE, REF(file),
                I64(c->file_offset), REF(buffer), I64(c->target_offset), I64(length), I64(0))
               .status);
  if (wait) CALL(h, "fence.signal", REF(wait));
  release(wait);
  release(file);
  release(bytes); // the buffer keeps what it shares
  const bool shared = buffer->data == contents + c->file_offset;
  if (!CHECK_EQ_INT(shared, c->shared)) fprintf(stderr, "  %s\n", c->what);
  CHECK(memcmp(buffer->data + c->target_offset, contents + c->file_offset, (size_t)length) == 0);
  const eerie_status_t filled = CALL(h, "device.queue.fill", REF(h->f.device), I64(-1), NONE, NONE,
                                     REF(buffer), I64(0), I64(64), I64(0), I32(1), I64(0))
                                    .status;
  CHECK_EQ_INT(filled, shared ? EERIE_PERMISSION_DENIED : EERIE_OK);
  if (c->held) ee_hal_buffer_release(buffer);
  release(buffer);
  release(allocator);
}

static void constants_are_read_in_place(void) {
  enum { CONSTANT = 527363, STATE = 3075 };
  static const read_case_t cases[] = {
      {"as compilers do it", CONSTANT, false, false, false, 8192, 64, 0, true},
      {"bytes that may change", CONSTANT, true, false, false, 8192, 64, 0, false},
      {"a buffer for state", STATE, false, false, false, 8192, 64, 0, false},
      {"not aligned", CONSTANT, false, false, false, 8192, 32, 0, false},
      {"a part", CONSTANT, false, false, false, 8192, 64, 64, false},
      {"later", CONSTANT, false, true, false, 8192, 64, 0, false},
      {"known to others", CONSTANT, false, false, true, 8192, 64, 0, false},
      {"small", CONSTANT, false, false, false, 64, 128, 0, true},
  };
  host_t h;
  host_open(&h);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    read_constants(&h, &cases[i]);
  host_close(&h);
}

static outcome_t file_over(host_t *h, ee_vm_buffer_t *bytes, uint32_t access, int64_t offset,
                           int64_t length) {
  return CALL(h, "ex.file.from_memory", REF(h->f.device), I64(-1), I32((int32_t)access), REF(bytes),
              I64(offset), I64(length), I32(0));
}

static eerie_status_t write_file(host_t *h, ee_hal_fence_t *wait, ee_hal_buffer_t *buffer,
                                 int64_t offset, ee_object_t *file, int64_t file_offset,
                                 int64_t length) {
  return CALL(h, "device.queue.write", REF(h->f.device), I64(-1), REF(wait), NONE, REF(buffer),
              I64(offset), REF(file), I64(file_offset), I64(length), I64(0))
      .status;
}

static void files_are_written(void) {
  host_t h;
  host_open(&h);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, 16);
  memcpy(buffer->data, "0123456789abcdef", 16);
  ee_vm_buffer_t *bytes = text(&h, "................"), *fixed = NULL;
  REQUIRE_OK(ee_vm_buffer_wrap(&h.f.heap, bytes->data, 16, false, &bytes->object, &fixed, NULL));
  outcome_t o = file_over(&h, bytes, 3, 4, 8);
  REQUIRE_OK(o.status);
  ee_object_t *file = o.results[0].ref;
  CHECK_OK(write_file(&h, NULL, buffer, 3, file, 1, 5));
  CHECK_BYTES(bytes->data, ".....34567......", 16);
  ee_hal_fence_t *wait = new_fence(&h);
  CHECK_OK(write_file(&h, wait, buffer, 15, file, 7, 1)); // up to the ends
  CHECK_BYTES(bytes->data, ".....34567......", 16);
  CALL(&h, "fence.signal", REF(wait));
  CHECK_BYTES(bytes->data, ".....34567.f....", 16);
  CHECK_OK(write_file(&h, NULL, buffer, 16, file, 8, 0));
  CHECK_STATUS(write_file(&h, NULL, buffer, 0, file, 4, 5), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(write_file(&h, NULL, buffer, 0, file, -1, 2), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(write_file(&h, NULL, buffer, 12, file, 0, 5), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(write_file(&h, NULL, buffer, 0, file, 0, -2), EERIE_OUT_OF_RANGE);
  CHECK_BYTES(bytes->data, ".....34567.f....", 16);
  release(file);
  CHECK_STATUS(file_over(&h, bytes, 3, 9, 8).status, EERIE_OUT_OF_RANGE);
  CHECK_STATUS(file_over(&h, fixed, 3, 0, 8).status, EERIE_PERMISSION_DENIED);
  release(wait);
  release(fixed);
  release(bytes);
  release(buffer);
  host_close(&h);
}

// Copies, updates and fills of every small length between all offsets in a word, overlapping too.
static void transfers_at_every_alignment(void) {
  enum { SIZE = 48 };
  host_t h;
  host_open(&h);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, SIZE);
  uint8_t model[SIZE], source[SIZE];
  for (int i = 0; i < SIZE; ++i)
    model[i] = source[i] = (uint8_t)(i * 5 + 1);
  memcpy(buffer->data, model, SIZE);
  ee_vm_buffer_t *bytes = NULL;
  REQUIRE_OK(ee_vm_buffer_wrap(&h.f.heap, source, SIZE, false, NULL, &bytes, NULL));
  bool same = true;
  for (int64_t from = 0; from < 9; ++from) {
    for (int64_t to = 0; to < 9; ++to) {
      for (int64_t length = 0; length < 19; ++length) {
        CHECK_OK(CALL(&h, "device.queue.copy", REF(h.f.device), I64(-1), NONE, NONE, REF(buffer),
                      I64(from), REF(buffer), I64(to), I64(length), I64(0))
                     .status);
        memmove(model + to, model + from, (size_t)length);
        CHECK_OK(CALL(&h, "device.queue.update", REF(h.f.device), I64(-1), NONE, NONE, REF(bytes),
                      I64(from), REF(buffer), I64(to + 20), I64(length), I64(0))
                     .status);
        memcpy(model + to + 20, source + from, (size_t)length);
        same = same && memcmp(buffer->data, model, SIZE) == 0;
      }
    }
  }
  CHECK(same);
  const int64_t pattern = 0x7F70605040302010;
  for (int32_t width = 1; width <= 8; width *= 2) {
    for (int64_t at = 0; at + 2 * width <= SIZE; at += width) {
      CHECK_OK(CALL(&h, "device.queue.fill", REF(h.f.device), I64(-1), NONE, NONE, REF(buffer),
                    I64(at), I64(2 * width), I64(pattern), I32(width), I64(0))
                   .status);
      memcpy(model + at, &pattern, (size_t)width);
      memcpy(model + at + width, &pattern, (size_t)width);
      same = same && memcmp(buffer->data, model, SIZE) == 0;
    }
  }
  CHECK(same);
  release(bytes);
  release(buffer);
  host_close(&h);
}

static EE_CPU_KERNEL int add_constant(const ee_cpu_environment_t *environment,
                                      const ee_cpu_dispatch_state_t *d,
                                      const ee_cpu_workgroup_state_t *w) {
  (void)environment;
  if ((w->id_x + 1u) * 4u > d->binding_sizes[0]) return 1;
  ((uint32_t *)d->bindings[0])[w->id_x] += d->constants[0];
  return 0;
}
static const ee_cpu_library_header_t header = {.version = 6, .name = "test"};
static const ee_cpu_kernel_t kernels[] = {add_constant};
static const ee_cpu_kernel_attributes_t attributes[] = {{.constant_count = 1, .binding_count = 1}};
static const char *const names[] = {"add_constant"};
static const ee_cpu_library_t library = {
    .header = &header,
    .exports = {.count = 1, .kernels = kernels, .attributes = attributes, .names = names},
};

static void records_and_replays_with_a_table(void) {
  host_t h;
  host_open(&h);
  ee_hal_executable_t *executable = make_executable(&h.f, &library);
  ee_vm_buffer_t *name = text(&h, "add_constant"), *label = text(&h, "group");
  outcome_t o = CALL(&h, "executable.lookup.function", REF(executable), REF(name));
  REQUIRE_OK(o.status);
  const int64_t function = o.results[0].i64;
  ee_object_t *list =
      CALL(&h, "command_buffer.create", REF(h.f.device), I32(0), I32(3), I64(-1), I32(30))
          .results[0]
          .ref;
  CHECK_OK(CALL(&h, "command_buffer.begin_debug_group", REF(list), REF(label)).status);
  CHECK_OK(CALL(&h, "command_buffer.dispatch", REF(list), REF(executable), I64(function), I32(4),
                I32(1), I32(1), I64(0), I32(1), I32(7), I32(1), I32(0), I32(29), NONE, I64(0),
                I64(16))
               .status);
  CHECK_OK(
      CALL(&h, "command_buffer.execution_barrier", REF(list), I32(28), I32(13), I64(0)).status);
  CHECK_OK(CALL(&h, "command_buffer.fill_buffer", REF(list), NONE, I64(16), I64(4), I32(29),
                I64(-1), I32(4), I64(0))
               .status);
  CHECK_OK(CALL(&h, "command_buffer.copy_buffer", REF(list), I32(29), I32(29), NONE, I64(0), NONE,
                I64(20), I64(4), I64(0))
               .status);
  CHECK_OK(CALL(&h, "command_buffer.update_buffer", REF(list), REF(name), I64(0), NONE, I64(24),
                I64(3), I32(29), I64(0))
               .status);
  CHECK_OK(CALL(&h, "command_buffer.end_debug_group", REF(list)).status);
  CHECK_STATUS(CALL(&h, "command_buffer.dispatch", REF(list), REF(executable), I64(1), I32(4),
                    I32(1), I32(1), I64(0), I32(1), I32(7), I32(1), I32(0), I32(29), NONE, I64(0),
                    I64(16))
                   .status,
               EERIE_OUT_OF_RANGE);
  CHECK_STATUS(CALL(&h, "command_buffer.dispatch", REF(list), REF(executable), I64(0), I32(4),
                    I32(1), I32(1), I64(4), I32(1), I32(7), I32(1), I32(0), I32(29), NONE, I64(0),
                    I64(16))
                   .status,
               EERIE_UNIMPLEMENTED); // custom arguments
  CHECK_OK(CALL(&h, "command_buffer.finalize", REF(list)).status);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, 32);
  ee_vm_value_t execute[7 + 3 * 30] = {REF(h.f.device), I64(-1), NONE,   NONE,
                                       REF(list),       I64(0),  I32(30)};
  for (int i = 0; i < 30; ++i) {
    execute[7 + 3 * i] = (ee_vm_value_t)REF(buffer);
    execute[8 + 3 * i] = (ee_vm_value_t)I64(0);
    execute[9 + 3 * i] = (ee_vm_value_t)I64(32);
  }
  CHECK_OK(call_function(&h, find("device.queue.execute.indirect"), execute).status);
  CHECK_EQ_INT(((uint32_t *)buffer->data)[3], 7);
  CHECK_EQ_INT(((uint32_t *)buffer->data)[4], UINT32_MAX);
  CHECK_EQ_INT(((uint32_t *)buffer->data)[5], 7);
  CHECK_BYTES(buffer->data + 24, "add", 3);
  CHECK_STATUS(
      CALL(&h, "device.queue.execute", REF(h.f.device), I64(-1), NONE, NONE, REF(list), I64(0))
          .status,
      EERIE_INVALID_ARGUMENT); // no table
  release(buffer);
  release(list);
  release(name);
  release(label);
  release(executable);
  host_close(&h);
}

static const ee_vm_native_function_t *find_as(const char *name, const char *convention) {
  for (uint32_t i = 0; i < ee_bridge_hal_module.function_count; ++i) {
    const ee_vm_native_function_t *function = &ee_bridge_hal_module.functions[i];
    if (strcmp(function->name, name) == 0 && strcmp(function->calling_convention, convention) == 0)
      return function;
  }
  return NULL;
}

// As version 6 has it: kernels are named by an i32, whose slot says nothing above its 32 bits.
static void dispatches_by_number_as_version_6(void) {
  host_t h;
  host_open(&h);
  const ee_vm_native_function_t *direct =
      find_as("command_buffer.dispatch", "0rriiiiICiDCiirIID_v");
  const ee_vm_native_function_t *indirect =
      find_as("command_buffer.dispatch.indirect", "0rriirIICiDCiirIID_v");
  REQUIRE(direct && indirect);
  ee_hal_executable_t *executable = make_executable(&h.f, &library);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, 32), *counts = make_buffer(&h.f, 16);
  const uint32_t two[] = {0, 2, 1, 1}, expected[] = {12, 12, 5, 5, 0, 0, 0, 0};
  memset(buffer->data, 0, 32);
  memcpy(counts->data, two, sizeof two);
  ee_object_t *list =
      CALL(&h, "command_buffer.create", REF(h.f.device), I32(0), I32(3), I64(-1), I32(0))
          .results[0]
          .ref;
  ee_vm_value_t number = I64(-1);
  number.i32 = 0;
  const ee_vm_value_t four[] = {REF(list), REF(executable), number,      I32(4), I32(1),
                                I32(1),    I64(0),          I32(1),      I32(5), I32(1),
                                I32(0),    I32(0),          REF(buffer), I64(0), I64(32)};
  CHECK_OK(call_function(&h, direct, four).status);
  const ee_vm_value_t counted[] = {REF(list), REF(executable), number,      I32(0), REF(counts),
                                   I64(4),    I64(0),          I32(1),      I32(7), I32(1),
                                   I32(0),    I32(0),          REF(buffer), I64(0), I64(32)};
  CHECK_OK(call_function(&h, indirect, counted).status);
  ee_vm_value_t absent[sizeof four / sizeof four[0]];
  memcpy(absent, four, sizeof four);
  absent[2].i32 = 1;
  CHECK_STATUS(call_function(&h, direct, absent).status, EERIE_OUT_OF_RANGE);
  absent[2].i32 = -1;
  CHECK_STATUS(call_function(&h, direct, absent).status, EERIE_OUT_OF_RANGE);
  // What 3.13 added to version 7: nothing to do here, but the arguments are looked at.
  CHECK_OK(CALL(&h, "command_buffer.flush_buffer", REF(list), I32(0), REF(buffer), I64(0), I64(32))
               .status);
  CHECK_OK(CALL(&h, "command_buffer.invalidate_buffer", REF(list), I32(3), NONE, I64(0), I64(32))
               .status);
  CHECK_STATUS(
      CALL(&h, "command_buffer.flush_buffer", REF(list), I32(0), REF(list), I64(0), I64(32)).status,
      EERIE_INVALID_ARGUMENT);
  CHECK_OK(CALL(&h, "command_buffer.finalize", REF(list)).status);
  CHECK_OK(CALL(&h, "device.queue.execute", REF(h.f.device), I64(-1), NONE, NONE, REF(list), I64(0))
               .status);
  CHECK_BYTES(buffer->data, expected, sizeof expected);
  release(list);
  release(counts);
  release(buffer);
  release(executable);
  host_close(&h);
}

// A list that is run again reads the number of workgroups again.
static void indirect_dispatches_count_anew(void) {
  host_t h;
  host_open(&h);
  ee_hal_executable_t *executable = make_executable(&h.f, &library);
  ee_hal_buffer_t *buffer = make_buffer(&h.f, 32), *counts = make_buffer(&h.f, 16);
  memset(buffer->data, 0, 32);
  static const uint32_t first[] = {9, 3, 1, 1}, second[] = {9, 5, 1, 2}, none[] = {9, 5, 0, 1};
  for (int i = 0; i < 2; ++i) { // counts in a fixed buffer, then in a slot
    ee_object_t *list =
        CALL(&h, "command_buffer.create", REF(h.f.device), I32(0), I32(3), I64(-1), I32(2))
            .results[0]
            .ref;
    CHECK_OK(CALL(&h, "command_buffer.dispatch.indirect", REF(list), REF(executable), I64(0),
                  I32(i ? 1 : 0), REF(i ? NULL : counts), I64(4), I64(0), I32(1), I32(7), I32(1),
                  I32(0), I32(0), NONE, I64(0), I64(32))
                 .status);
    CHECK_STATUS(CALL(&h, "command_buffer.dispatch.indirect", REF(list), REF(executable), I64(0),
                      I32(0), REF(counts), I64(8), I64(0), I32(1), I32(7), I32(1), I32(0), I32(0),
                      NONE, I64(0), I64(32))
                     .status,
                 EERIE_OUT_OF_RANGE);
    CHECK_OK(CALL(&h, "command_buffer.finalize", REF(list)).status);
    const uint32_t *const runs[] = {first, second, none};
    static const uint32_t expected[] = {21, 21, 21, 14, 14, 0, 0, 0};
    memset(buffer->data, 0, 32);
    for (size_t run = 0; run < 3; ++run) {
      memcpy(counts->data, runs[run], 16);
      CHECK_OK(CALL(&h, "device.queue.execute.indirect", REF(h.f.device), I64(-1), NONE, NONE,
                    REF(list), I64(0), I32(2), REF(buffer), I64(0), I64(32), REF(counts), I64(0),
                    I64(16))
                   .status);
    }
    CHECK_BYTES(buffer->data, expected, sizeof expected);
    release(list);
  }
  release(counts);
  release(buffer);
  release(executable);
  host_close(&h);
}

static void devices_and_queries(void) {
  host_t h;
  host_open(&h);
  CHECK_EQ_INT(CALL(&h, "devices.count", NONE).results[0].i32, 1);
  outcome_t o = CALL(&h, "devices.get", I32(0));
  CHECK(o.results[0].ref == (ee_object_t *)h.f.device);
  release(o.results[0].ref);
  CHECK(!CALL(&h, "devices.get", I32(1)).results[0].ref);
  CHECK(!CALL(&h, "devices.get", I32(-1)).results[0].ref);
  ee_vm_buffer_t *category = text(&h, "hal.device.id"), *key = text(&h, "local*");
  o = CALL(&h, "device.query.i64", REF(h.f.device), REF(category), REF(key));
  CHECK_OK(o.status);
  CHECK_EQ_INT(o.results[0].i32, 1);
  CHECK_EQ_INT(o.results[1].i64, 1);
  o = CALL(&h, "allocator.select", I32(0), I32(0), I64(0), I32(1), REF(h.f.device), I64(5));
  CHECK(o.results[0].ref == (ee_object_t *)h.f.device);
  CHECK_EQ_INT(o.results[1].i64, 5);
  release(o.results[0].ref);
  o = CALL(&h, "allocator.select", I32(0), I32(0), I64(0), I32(0));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  o = CALL(&h, "channel.create", REF(h.f.device), I64(0), I64(0), NONE, NONE, I32(0), I32(1));
  CHECK_STATUS(o.status, EERIE_UNIMPLEMENTED);
  CHECK_CONTAINS(o.err.message, "collectives");
  o = CALL(&h, "executable.create", REF(h.f.device), I64(-1), REF(key), REF(key), NONE);
  CHECK_STATUS(o.status, EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(o.err.message, "'local*'");
  ee_vm_buffer_t *odd = text(&h, "12345");
  o = CALL(&h, "executable.create", REF(h.f.device), I64(-1), REF(key), REF(key), REF(odd));
  CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT);
  release(odd);
  release(category);
  release(key);
  host_close(&h);
}

// ---- Wrong types, hostile values ---------------------------------------------------------------

// Lays out arguments for a calling convention; `choose` gives each value. Returns the slots used.
typedef ee_vm_value_t (*choose_t)(void *user, char letter);

static uint32_t lay_out(const char *convention, choose_t choose, void *user, uint32_t tuples,
                        ee_vm_value_t *slots) {
  uint32_t count = 0;
  for (const char *c = convention + 1; *c != '_'; ++c) {
    if (*c == 'v') break;
    if (*c != 'C') {
      slots[count++] = choose(user, *c);
      continue;
    }
    slots[count++] = (ee_vm_value_t)I64(tuples);
    const char *first = c + 1;
    for (uint32_t i = 0; i < tuples; ++i) {
      for (c = first; *c != 'D'; ++c)
        slots[count++] = choose(user, *c);
    }
    while (*c != 'D')
      ++c;
  }
  return count;
}

static ee_vm_value_t choose_null(void *user, char letter) {
  (void)user, (void)letter;
  return (ee_vm_value_t)I64(0);
}

static ee_vm_value_t choose_wrong(void *user, char letter) {
  return letter == 'r' ? (ee_vm_value_t)REF(user) : (ee_vm_value_t)I64(0);
}

static void references_of_another_type_are_refused(void) {
  host_t h;
  host_open(&h);
  ee_vm_list_t *list = NULL;
  REQUIRE_OK(ee_vm_list_create(&h.f.heap, EE_VM_VALUE_NONE, NULL, 0, &list, NULL));
  for (uint32_t i = 0; i < ee_bridge_hal_module.function_count; ++i) {
    const ee_vm_native_function_t *function = &ee_bridge_hal_module.functions[i];
    if (!strchr(function->calling_convention, 'r') || function->calling_convention[1] != 'r') {
      continue;
    }
    ee_vm_value_t slots[64];
    lay_out(function->calling_convention, choose_null, NULL, 1, slots);
    outcome_t o = call_function(&h, function, slots);
    if (o.status != EERIE_UNIMPLEMENTED && !CHECK_STATUS(o.status, EERIE_INVALID_ARGUMENT)) {
      fprintf(stderr, "  %s of null\n", function->name);
    }
    if (o.status == EERIE_INVALID_ARGUMENT) CHECK_CONTAINS(o.err.message, "it is null");
    lay_out(function->calling_convention, choose_wrong, list, 1, slots);
    o = call_function(&h, function, slots);
    if (o.status == EERIE_INVALID_ARGUMENT) CHECK_CONTAINS(o.err.message, "it is vm.list");
    CHECK(o.status == EERIE_INVALID_ARGUMENT || o.status == EERIE_UNIMPLEMENTED);
  }
  release(list);
  host_close(&h);
}

// A stream of calls with arguments drawn from live objects and extreme numbers. Under the
// sanitizers this says that no argument reads or writes outside of a buffer, leaks or hangs.
enum { POOL = 48 };
typedef struct hostile {
  uint32_t random;
  ee_object_t *objects[POOL];
} hostile_t;

static uint32_t next_random(hostile_t *s) {
  s->random = s->random * 1664525u + 1013904223u;
  return s->random >> 8;
}

static ee_vm_value_t choose_hostile(void *user, char letter) {
  static const int64_t numbers[] = {
      0,   0,  0,  0, 1,         2,         4,         8,         16, 32, 64, 100,       255,
      256, -1, -2, 7, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 4,  1,  1,  0x21000020};
  hostile_t *s = user;
  if (letter == 'r') return (ee_vm_value_t)REF(s->objects[next_random(s) % POOL]);
  return (ee_vm_value_t)I64(numbers[next_random(s) % (sizeof numbers / sizeof *numbers)]);
}

// One object of each type, so that calls get somewhere; the others come from results.
static void seed_objects(host_t *h, hostile_t *s, ee_hal_executable_t *executable) {
  ee_hal_buffer_t *buffer = make_buffer(&h->f, 64);
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(h->f.device, 0, 2, &list, NULL));
  ee_hal_device_retain(h->f.device);
  ee_object_retain(&executable->object);
  ee_hal_file_t *file = NULL;
  static uint8_t contents[64];
  CHECK_OK(ee_hal_file_from_memory(&h->f.heap, contents, 64, EE_HAL_ACCESS_ALL, NULL, &file, NULL));
  ee_hal_buffer_view_t *view = NULL;
  CHECK_OK(ee_hal_buffer_view_create(buffer, F32, 1, 1, (int64_t[]){16}, &view, NULL));
  ee_object_t *seeds[] = {
      (ee_object_t *)h->f.device,
      &buffer->object,
      &list->object,
      &executable->object,
      (ee_object_t *)new_fence(h),
      &file->object,
      &view->object,
      (ee_object_t *)text(h, "local*"),
      (ee_object_t *)allocator_of(h),
  };
  for (size_t i = 0; i < sizeof seeds / sizeof *seeds; ++i) {
    release(s->objects[i]);
    s->objects[i] = seeds[i];
  }
}

static void hostile_arguments_do_no_harm(void) {
  host_t h;
  host_open(&h);
  h.f.heap.limit = 4 << 20; // allocations of extreme sizes end here
  ee_hal_executable_t *executable = make_executable(&h.f, &library);
  hostile_t s = {.random = 1};
  uint32_t succeeded = 0;
  for (uint32_t round = 0; round < 300000; ++round) {
    if (round % 200 == 0) seed_objects(&h, &s, executable);
    const ee_vm_native_function_t *function =
        &ee_bridge_hal_module.functions[next_random(&s) % ee_bridge_hal_module.function_count];
    ee_vm_value_t slots[64];
    lay_out(function->calling_convention, choose_hostile, &s, next_random(&s) % 4, slots);
    outcome_t o = call_function(&h, function, slots);
    release(o.wait_object);
    if (o.status != EERIE_OK) continue;
    ++succeeded;
    const char *letters = strchr(function->calling_convention, '_') + 1;
    for (size_t i = 0; letters[i] && letters[i] != 'v'; ++i) {
      if (letters[i] != 'r') continue;
      ee_object_t **place = &s.objects[next_random(&s) % POOL];
      release(*place);
      *place = o.results[i].ref;
    }
    h.traced[0] = 0;
  }
  CHECK(succeeded > 10000);
  for (size_t i = 0; i < POOL; ++i)
    release(s.objects[i]);
  release(executable);
  host_close(&h);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(the_table_is_sorted_and_complete),
      RUN(allocates_and_inspects_buffers),
      RUN(imports_constants_in_place),
      RUN(views_say_what_is_wrong_with_them),
      RUN(awaiting_defers_until_signaled),
      RUN(awaiting_ends_at_its_deadline),
      RUN(failed_fences_fail_the_call),
      RUN(joins_leave_out_what_is_over),
      RUN(queues_run_after_their_fence),
      RUN(constants_are_read_in_place),
      RUN(files_are_written),
      RUN(transfers_at_every_alignment),
      RUN(records_and_replays_with_a_table),
      RUN(dispatches_by_number_as_version_6),
      RUN(indirect_dispatches_count_anew),
      RUN(devices_and_queries),
      RUN(references_of_another_type_are_refused),
      RUN(hostile_arguments_do_no_harm),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
