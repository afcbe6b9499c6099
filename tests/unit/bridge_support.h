// bridge_support.h: what the tests of the native modules share: a module with its state over a CPU
// device, calls by name, host bytes.
#ifndef EERIE_TESTS_UNIT_BRIDGE_SUPPORT_H_
#define EERIE_TESTS_UNIT_BRIDGE_SUPPORT_H_

#include "bridge/bridge.h"
#include "unit/hal_support.h"
#include "vm/internal.h"

typedef struct bridge {
  fixture_t f;
  const ee_vm_native_module_t *module;
  void *state;
  ee_vm_program_t *program; // gives its limits to programs made for it
  ee_vm_value_t results[2];
  eerie_error_t err;
} bridge_t;

// Exits when the machine has no memory for it.
CHECK_HELPER void bridge_open(bridge_t *b, const ee_vm_native_module_t *module,
                              uint64_t step_limit) {
  memset(b, 0, sizeof *b);
  fixture_open(&b->f);
  b->module = module;
  const ee_bridge_hal_options_t options = {.devices = &b->f.device, .device_count = 1};
  const ee_vm_program_options_t program = {.step_limit = step_limit};
  if ((module->create_state && module->create_state((void *)(uintptr_t)&options, &b->f.heap,
                                                    &b->state, &b->err) != EERIE_OK) ||
      ee_vm_program_create(&b->f.heap, &program, &b->program, &b->err) != EERIE_OK) {
    fprintf(stderr, "no module: %s\n", b->err.message);
    exit(1);
  }
}

CHECK_HELPER void bridge_close(bridge_t *b) {
  ee_vm_program_destroy(b->program);
  if (b->module->destroy_state) b->module->destroy_state(NULL, &b->f.heap, b->state);
  fixture_close(&b->f);
}

// Calls the function of that name and, unless NULL, calling convention.
CHECK_HELPER eerie_status_t bridge_call_as(bridge_t *b, const char *name, const char *convention,
                                           const ee_vm_value_t *arguments) {
  memset(b->results, 0, sizeof b->results);
  b->err.message[0] = 0;
  for (uint32_t i = 0; i < b->module->function_count; ++i) {
    const ee_vm_native_function_t *function = &b->module->functions[i];
    if (strcmp(function->name, name) != 0 ||
        (convention && strcmp(function->calling_convention, convention) != 0)) {
      continue;
    }
    ee_vm_call_t call = {
        .state = b->state,
        .arguments = arguments,
        .results = b->results,
        .program = b->program,
        .heap = &b->f.heap,
        .err = &b->err,
        .wait_deadline_ns = INT64_MAX,
    };
    eerie_status_t status = function->function(&call);
    if (b->program->notes) status = ee_vm_settle_notes(b->program, status, &b->err);
    if (status == EERIE_OK) return status;
    // As the virtual machine does: what a failed function left goes.
    for (size_t r = 0; r < 2; ++r) {
      const char *letters = strchr(function->calling_convention, '_') + 1;
      if (strlen(letters) > r && letters[r] == 'r') ee_object_release(b->results[r].ref);
    }
    memset(b->results, 0, sizeof b->results);
    return status;
  }
  fprintf(stderr, "module %s has no function %s\n", b->module->name, name);
  exit(1);
}

CHECK_HELPER eerie_status_t bridge_call(bridge_t *b, const char *name,
                                        const ee_vm_value_t *arguments) {
  return bridge_call_as(b, name, NULL, arguments);
}

// ---- Arguments ---------------------------------------------------------------------------------

CHECK_HELPER ee_vm_value_t of_i32(int32_t value) {
  ee_vm_value_t v = {.i64 = 0};
  v.i32 = value;
  return v;
}

CHECK_HELPER ee_vm_value_t of_f32(float value) {
  ee_vm_value_t v = {.i64 = 0};
  v.f32 = value;
  return v;
}

CHECK_HELPER ee_vm_value_t of_i64(int64_t value) {
  return (ee_vm_value_t){.i64 = value};
}

CHECK_HELPER ee_vm_value_t of_ref(const void *object) {
  return (ee_vm_value_t){.ref = (ee_object_t *)(uintptr_t)object};
}

// Host bytes over `data`, which stays the caller's.
CHECK_HELPER ee_vm_buffer_t *make_bytes(bridge_t *b, const void *data, size_t size, bool writable) {
  ee_vm_buffer_t *bytes = NULL;
  CHECK_OK(ee_vm_buffer_wrap(&b->f.heap, (uint8_t *)(uintptr_t)data, size, writable, NULL, &bytes,
                             NULL));
  return bytes;
}

CHECK_HELPER ee_vm_buffer_t *make_text(bridge_t *b, const char *text) {
  return make_bytes(b, text, strlen(text), false);
}

CHECK_HELPER void drop(void *object) {
  ee_object_release(object);
}

// A dense tensor with `data` copied in.
CHECK_HELPER ee_hal_buffer_view_t *make_tensor(bridge_t *b, uint32_t element_type, uint32_t rank,
                                               const int64_t *dims, const void *data) {
  uint64_t size = 0;
  ee_hal_buffer_view_t *view = NULL;
  CHECK(ee_hal_shape_size(element_type, rank, dims, &size));
  ee_hal_buffer_t *buffer = make_buffer(&b->f, (size_t)size);
  if (!buffer) return NULL;
  if (size) memcpy(buffer->data, data, (size_t)size);
  CHECK_OK(ee_hal_buffer_view_create(buffer, element_type, EE_HAL_ENCODING_DENSE, rank, dims, &view,
                                     NULL));
  ee_hal_buffer_release(buffer);
  return view;
}

#endif // EERIE_TESTS_UNIT_BRIDGE_SUPPORT_H_
