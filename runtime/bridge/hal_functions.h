// hal_functions.h: what modules import of `hal`, one list for hal_functions.c, which has all of it,
// and hal_functions_bare.c, which does without HOSTED.
#ifndef EE_BRIDGE_HAL_FUNCTIONS_H_
#define EE_BRIDGE_HAL_FUNCTIONS_H_

#include "bridge/hal_module.h"

// Sorted by name. Version 6 is that of compiler 3.11, 7 that of 3.12 and 3.13; a function whose
// signature changed between versions gets a line for each, the newest first. 3.13 added
// flush_buffer and invalidate_buffer without a new version.
#define EE_BRIDGE_HAL_FUNCTIONS(FUNCTION, HOSTED)                                                  \
  FUNCTION("allocator.allocate", "0rIiiI_r", ee_bridge_hal_allocator_allocate)                     \
  FUNCTION("allocator.import", "0riIiirII_r", ee_bridge_hal_allocator_import)                      \
  HOSTED("allocator.select", "0iiICrID_rI", ee_bridge_hal_allocator_select)                        \
  HOSTED("buffer.allocation.discard", "0r_i", ee_bridge_hal_buffer_discard)                        \
  HOSTED("buffer.allocation.is_terminal", "0r_i", ee_bridge_hal_buffer_is_terminal)                \
  HOSTED("buffer.allocation.preserve", "0r_v", ee_bridge_hal_buffer_preserve)                      \
  FUNCTION("buffer.assert", "0rrrIii_v", ee_bridge_hal_buffer_assert)                              \
  FUNCTION("buffer.length", "0r_I", ee_bridge_hal_buffer_length)                                   \
  FUNCTION("buffer.load", "0rIi_i", ee_bridge_hal_buffer_load)                                     \
  FUNCTION("buffer.store", "0irIi_v", ee_bridge_hal_buffer_store)                                  \
  FUNCTION("buffer.subspan", "0rII_r", ee_bridge_hal_buffer_subspan)                               \
  FUNCTION("buffer_view.assert", "0rriiCID_v", ee_bridge_hal_view_assert)                          \
  FUNCTION("buffer_view.buffer", "0r_r", ee_bridge_hal_view_buffer)                                \
  FUNCTION("buffer_view.create", "0rIIiiCID_r", ee_bridge_hal_view_create)                         \
  FUNCTION("buffer_view.dim", "0ri_I", ee_bridge_hal_view_dim)                                     \
  FUNCTION("buffer_view.element_type", "0r_i", ee_bridge_hal_view_element_type)                    \
  FUNCTION("buffer_view.encoding_type", "0r_i", ee_bridge_hal_view_encoding_type)                  \
  FUNCTION("buffer_view.rank", "0r_i", ee_bridge_hal_view_rank)                                    \
  HOSTED("buffer_view.trace", "0rCrD_v", ee_bridge_hal_view_trace)                                 \
  HOSTED("channel.create", "0rIIrrii_r", ee_bridge_hal_no_collectives)                             \
  HOSTED("channel.rank_and_count", "0r_ii", ee_bridge_hal_no_collectives)                          \
  HOSTED("channel.split", "0riiI_r", ee_bridge_hal_no_collectives)                                 \
  HOSTED("command_buffer.advise_buffer", "0rrIIIi_v", ee_bridge_hal_commands_advise)               \
  HOSTED("command_buffer.begin_debug_group", "0rr_v", ee_bridge_hal_commands_note)                 \
  HOSTED("command_buffer.collective", "0rriiiirrIIIII_v", ee_bridge_hal_no_collectives)            \
  FUNCTION("command_buffer.copy_buffer", "0riirIrIII_v", ee_bridge_hal_commands_copy)              \
  FUNCTION("command_buffer.create", "0riiIi_r", ee_bridge_hal_commands_create)                     \
  FUNCTION("command_buffer.dispatch", "0rrIiiiICiDCiirIID_v", ee_bridge_hal_commands_dispatch)     \
  FUNCTION("command_buffer.dispatch", "0rriiiiICiDCiirIID_v",                                      \
           ee_bridge_hal_commands_dispatch_ordinal)                                                \
  FUNCTION("command_buffer.dispatch.indirect", "0rrIirIICiDCiirIID_v",                             \
           ee_bridge_hal_commands_dispatch_indirect)                                               \
  FUNCTION("command_buffer.dispatch.indirect", "0rriirIICiDCiirIID_v",                             \
           ee_bridge_hal_commands_dispatch_indirect_ordinal)                                       \
  HOSTED("command_buffer.end_debug_group", "0r_v", ee_bridge_hal_commands_note)                    \
  FUNCTION("command_buffer.execution_barrier", "0riiI_v", ee_bridge_hal_commands_barrier)          \
  FUNCTION("command_buffer.fill_buffer", "0rrIIiIiI_v", ee_bridge_hal_commands_fill)               \
  FUNCTION("command_buffer.finalize", "0r_v", ee_bridge_hal_commands_finalize)                     \
  HOSTED("command_buffer.flush_buffer", "0rirII_v", ee_bridge_hal_commands_visibility)             \
  HOSTED("command_buffer.invalidate_buffer", "0rirII_v", ee_bridge_hal_commands_visibility)        \
  FUNCTION("command_buffer.update_buffer", "0rrIrIIiI_v", ee_bridge_hal_commands_update)           \
  FUNCTION("device.allocator", "0r_r", ee_bridge_hal_device_allocator)                             \
  FUNCTION("device.query.i64", "0rrr_iI", ee_bridge_hal_device_query)                              \
  FUNCTION("device.queue.alloca", "0rIrrIiiII_r", ee_bridge_hal_queue_alloca)                      \
  FUNCTION("device.queue.barrier", "0rIrrI_v", ee_bridge_hal_queue_barrier)                        \
  FUNCTION("device.queue.copy", "0rIrrrIrIII_v", ee_bridge_hal_queue_copy)                         \
  FUNCTION("device.queue.dealloca", "0rIrrrI_v", ee_bridge_hal_queue_dealloca)                     \
  FUNCTION("device.queue.execute", "0rIrrrI_v", ee_bridge_hal_queue_execute)                       \
  FUNCTION("device.queue.execute.indirect", "0rIrrrICrIID_v",                                      \
           ee_bridge_hal_queue_execute_indirect)                                                   \
  FUNCTION("device.queue.fill", "0rIrrrIIIiI_v", ee_bridge_hal_queue_fill)                         \
  HOSTED("device.queue.flush", "0rI_v", ee_bridge_hal_queue_flush)                                 \
  FUNCTION("device.queue.read", "0rIrrrIrIII_v", ee_bridge_hal_queue_read)                         \
  FUNCTION("device.queue.update", "0rIrrrIrIII_v", ee_bridge_hal_queue_update)                     \
  HOSTED("device.queue.write", "0rIrrrIrIII_v", ee_bridge_hal_queue_write)                         \
  FUNCTION("devices.count", "0v_i", ee_bridge_hal_devices_count)                                   \
  FUNCTION("devices.get", "0i_r", ee_bridge_hal_devices_get)                                       \
  FUNCTION("ex.file.from_memory", "0rIirIIi_r", ee_bridge_hal_file_from_memory)                    \
  FUNCTION("executable.create", "0rIrrr_r", ee_bridge_hal_executable_create)                       \
  FUNCTION("executable.lookup.function", "0rr_I", ee_bridge_hal_executable_lookup)                 \
  FUNCTION("fence.await", "0iICrD_i", ee_bridge_hal_fence_await)                                   \
  FUNCTION("fence.create", "0rI_r", ee_bridge_hal_fence_create)                                    \
  HOSTED("fence.fail", "0ri_v", ee_bridge_hal_fence_fail)                                          \
  FUNCTION("fence.join", "0ICrD_r", ee_bridge_hal_fence_join)                                      \
  HOSTED("fence.query", "0r_i", ee_bridge_hal_fence_query)                                         \
  FUNCTION("fence.signal", "0r_v", ee_bridge_hal_fence_signal)

#define EE_BRIDGE_HAL_FUNCTION(name, signature, function) EE_VM_NATIVE(name, signature, function),

// The module over a table of these.
#define EE_BRIDGE_HAL_MODULE(table)                                                                \
  {                                                                                                \
    .name = "hal", .oldest_version = 6, .version = 7, .functions = (table),                        \
    .function_count = sizeof(table) / sizeof(table)[0], .types = ee_bridge_hal_types,              \
    .type_count = EE_BRIDGE_HAL_TYPE_COUNT, .create_state = ee_bridge_state_create,                \
    .destroy_state = ee_bridge_state_destroy,                                                      \
  }

enum { EE_BRIDGE_HAL_TYPE_COUNT = 9 };
extern const ee_object_type_t *const ee_bridge_hal_types[EE_BRIDGE_HAL_TYPE_COUNT];

#endif // EE_BRIDGE_HAL_FUNCTIONS_H_
