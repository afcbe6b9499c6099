// hal_module.h: what the files of the `hal` module share, and the modules beside it that work on
// the same objects (inline_module.c, loader_module.c, check_module.c).
//
//   hal_module.c   the table, the state, devices   hal_command.c  command_buffer.*
//   hal_buffer.c   allocator, buffer, buffer_view  hal_queue.c    device.queue.*
//   hal_device.c   device, executable, file        hal_fence.c    fence.*
//   hal_target.c   what CPU a module was compiled for
//   hal_pieces.c   lists run a command at a time
//   hal_share.c    reads that copy nothing         hal_trace.c    buffer_view.trace
//   hal_places.c   several devices
//
// Semantics: compiler/Dialect/HAL/hal.imports.mlir of 3.11 to 3.13. Arguments lie flat, a slot
// each; the numbers in each function count slots in the calling convention that stands in the
// table.
#ifndef EE_BRIDGE_HAL_MODULE_H_
#define EE_BRIDGE_HAL_MODULE_H_

#include "bridge/bridge.h"
#include "hal/driver.h"

typedef struct ee_bridge_hal_device {
  ee_hal_device_t *device;       // retained
  ee_hal_allocator_t *allocator; // retained
} ee_bridge_hal_device_t;

// The state of the module in one program.
typedef struct ee_bridge_hal_state {
  void (*trace)(void *user, ee_str_t line);
  void *trace_user;
#if EERIE_EVICT
  bool (*between)(void *user); // ee_bridge_hal_options_t
  void *between_user;
#endif
  bool target_checked;
  bool no_native;
#if EERIE_THREADS
  const bool *later; // may be NULL
#endif
  // The fence.await that is under way with a deadline; see hal_fence.c.
  const void *await_fence;
  int64_t await_deadline_ns;
  size_t allocation_size;
  size_t device_count;
  ee_bridge_hal_device_t devices[];
} ee_bridge_hal_state_t;

// create_state and destroy_state of every module whose `user` is an ee_bridge_hal_options_t.
eerie_status_t ee_bridge_state_create(void *user, ee_heap_t *heap, void **out_state,
                                      eerie_error_t *err);
void ee_bridge_state_destroy(void *user, ee_heap_t *heap, void *state);

#if EERIE_EVICT
// Submits a command list; a command at a time where somebody looks in between (hal_pieces.c).
eerie_status_t ee_bridge_execute(ee_vm_call_t *call, ee_hal_device_t *device, ee_hal_fence_t *wait,
                                 ee_hal_fence_t *signal, const ee_hal_operation_t *operation);
#endif

// The device of modules that know of one only. FAILED_PRECONDITION: the program has none.
eerie_status_t ee_bridge_first_device(ee_vm_call_t *call, ee_hal_device_t **out_device);

// ---- Arguments ---------------------------------------------------------------------------------

// INVALID_ARGUMENT: argument `index` is null or of another type.
EE_COLD eerie_status_t ee_bridge_wrong_type(ee_vm_call_t *call, uint32_t index,
                                            const ee_object_type_t *expected);

// ee_bridge_X(call, index, &x) takes a reference argument; ee_bridge_X_or_null lets null pass.
// Where size counts, the check is a call.
#if defined(__OPTIMIZE_SIZE__)
// NULL when the argument is null or of another type.
ee_object_t *ee_bridge_reference(ee_vm_call_t *call, uint32_t index, const ee_object_type_t *type);
#else
static inline ee_object_t *ee_bridge_reference(ee_vm_call_t *call, uint32_t index,
                                               const ee_object_type_t *type) {
  ee_object_t *object = call->arguments[index].ref;
  if (EE_LIKELY(object && object->type == type)) return object;
  (void)ee_bridge_wrong_type(call, index, type);
  return NULL;
}
#endif
#define EE_BRIDGE_ARGUMENT(name, ctype, object_type)                                               \
  static inline eerie_status_t ee_bridge_##name(ee_vm_call_t *call, uint32_t index,                \
                                                ctype **out_value) {                               \
    *out_value = (ctype *)ee_bridge_reference(call, index, &object_type);                          \
    return *out_value ? EERIE_OK : EERIE_INVALID_ARGUMENT;                                         \
  }                                                                                                \
  static inline eerie_status_t ee_bridge_##name##_or_null(ee_vm_call_t *call, uint32_t index,      \
                                                          ctype **out_value) {                     \
    *out_value = NULL;                                                                             \
    return call->arguments[index].ref ? ee_bridge_##name(call, index, out_value) : EERIE_OK;       \
  }
EE_BRIDGE_ARGUMENT(device, ee_hal_device_t, ee_hal_device_type)
EE_BRIDGE_ARGUMENT(allocator, ee_hal_allocator_t, ee_hal_allocator_type)
EE_BRIDGE_ARGUMENT(buffer, ee_hal_buffer_t, ee_hal_buffer_type)
EE_BRIDGE_ARGUMENT(view, ee_hal_buffer_view_t, ee_hal_buffer_view_type)
EE_BRIDGE_ARGUMENT(fence, ee_hal_fence_t, ee_hal_fence_type)
EE_BRIDGE_ARGUMENT(commands, ee_hal_command_list_t, ee_hal_command_list_type)
EE_BRIDGE_ARGUMENT(executable, ee_hal_executable_t, ee_hal_executable_type)
EE_BRIDGE_ARGUMENT(file, ee_hal_file_t, ee_hal_file_type)
EE_BRIDGE_ARGUMENT(bytes, ee_vm_buffer_t, ee_vm_buffer_type)

// Bytes [offset, offset + size) of a host buffer, or OUT_OF_RANGE.
eerie_status_t ee_bridge_bytes_range(ee_vm_call_t *call, uint32_t index, uint64_t offset,
                                     uint64_t size, uint8_t **out_data);

// A buffer of the memory types, for the uses and of the size in slot `index` and the two after it;
// goes into results[0].
eerie_status_t ee_bridge_allocate(ee_vm_call_t *call, ee_hal_device_t *device, uint32_t index);

#if EERIE_ASYNC_DEVICES
// Refuses a buffer of another device for work of `device` in this program, unless that device is
// one of the program's too, or `device` uses the buffer where it is (hal_places.c).
eerie_status_t ee_bridge_check_place(ee_vm_call_t *call, const ee_hal_device_t *device,
                                     const ee_hal_buffer_t *buffer);
#endif

// A binding made of slots: of `buffer` (or null) at `index`, which of `slot` it takes then.
static inline eerie_status_t ee_bridge_binding(ee_vm_call_t *call, uint32_t index, uint32_t slot,
                                               int64_t offset, int64_t size,
                                               ee_hal_binding_t *out_binding) {
  ee_hal_buffer_t *buffer;
  EE_TRY(ee_bridge_buffer_or_null(call, index, &buffer));
  *out_binding = (ee_hal_binding_t){buffer, slot, (uint64_t)offset, (uint64_t)size};
  return EERIE_OK;
}

// Refuses a module whose kernels need CPU features that `device` lacks; asked once a program.
eerie_status_t ee_bridge_check_target(ee_vm_call_t *call, ee_hal_device_t *device, ee_str_t format);

// After `device` said no to a module's question: fails when a module of the program finds nothing
// that it could run, in words of the driver.
eerie_status_t ee_bridge_explain_refusal(ee_vm_call_t *call, ee_hal_device_t *device);

// Loads an executable for `device` from format, data and constants (or null) in slot `index` and
// the two after it; the result goes into results[0].
eerie_status_t ee_bridge_executable_create(ee_vm_call_t *call, ee_hal_device_t *device,
                                           uint32_t index);
// Whether `device` runs kernels of a format that the bridge itself knows.
bool ee_bridge_runs_format(const ee_hal_device_t *device, ee_str_t format);

// Instead of reading a file into a buffer (`operation`, after `wait`): lets the buffer have the
// file's bytes where they are, read-only. False, and nothing happens: they may change or are not
// aligned, the buffer was not allocated for constants, is not read whole, or is known to others.
bool ee_bridge_share_constants(const ee_hal_operation_t *operation, ee_hal_fence_t *wait);

// ---- The functions -----------------------------------------------------------------------------

eerie_status_t ee_bridge_hal_allocator_allocate(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_allocator_import(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_allocator_select(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_discard(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_is_terminal(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_preserve(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_assert(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_length(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_load(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_store(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_buffer_subspan(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_assert(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_buffer(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_create(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_dim(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_element_type(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_encoding_type(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_rank(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_view_trace(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_no_collectives(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_advise(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_note(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_barrier(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_copy(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_create(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_dispatch(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_dispatch_indirect(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_dispatch_indirect_ordinal(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_dispatch_ordinal(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_visibility(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_fill(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_finalize(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_commands_update(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_device_allocator(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_device_query(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_alloca(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_barrier(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_copy(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_dealloca(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_execute(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_execute_indirect(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_fill(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_flush(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_read(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_update(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_queue_write(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_devices_count(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_devices_get(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_file_from_memory(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_executable_create(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_executable_lookup(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_await(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_create(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_fail(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_join(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_query(ee_vm_call_t *call);
eerie_status_t ee_bridge_hal_fence_signal(ee_vm_call_t *call);

#endif // EE_BRIDGE_HAL_MODULE_H_
