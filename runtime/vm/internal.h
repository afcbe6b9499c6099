// internal.h: what the files of vm/ share with each other and with nobody else.
//
// The stack of a program is one block of memory that grows by moving, so everything that outlives
// a call of a function refers to it by offset. A frame is laid out as
//
//   ee_vm_frame_t | 32-bit registers (64-bit ones take two, the first even) | reference registers
//
// and the arguments of a native call stand behind the innermost frame while it runs.
#ifndef EE_VM_INTERNAL_H_
#define EE_VM_INTERNAL_H_

#include "module/opcodes.h"
#include "vm/vm.h"

#if EERIE_THREADS
#include <stdatomic.h>
#endif

// clang-format off
// The lists are in the order of the numbers, so that an END is one more than the highest.
#define EE_OP(number, NAME, mnemonic, operands) EE_VM_OP_##NAME = (number),
typedef enum ee_vm_opcode { EE_OPCODES_CORE(EE_OP) } ee_vm_opcode_t;
#undef EE_OP
#define EE_OP(number, NAME, mnemonic, operands) EE_VM_F32_##NAME = (number),
typedef enum ee_vm_opcode_f32 { EE_OPCODES_F32(EE_OP) EE_VM_F32_OPCODE_END } ee_vm_opcode_f32_t;
#undef EE_OP
#define EE_OP(number, NAME, mnemonic, operands) EE_VM_F64_##NAME = (number),
typedef enum ee_vm_opcode_f64 { EE_OPCODES_F64(EE_OP) EE_VM_F64_OPCODE_END } ee_vm_opcode_f64_t;
#undef EE_OP
// clang-format on

#define EE_VM_NO_FRAME UINT32_MAX

// An entry of a module's type table. `ref` NULL: any reference. Value types have a `ref` that no
// object has, so that one comparison refuses every object where such a type stands.
typedef struct ee_vm_type {
  const ee_object_type_t *ref;
  ee_vm_value_type_t kind; // NONE: anything (vm.list<?>)
} ee_vm_type_t;

typedef struct ee_vm_linked_module ee_vm_linked_module_t;

// An import: native, compiled, or (both NULL) optional and absent.
typedef struct ee_vm_linked_import {
  const ee_vm_native_function_t *native;
  void *state;
  ee_vm_linked_module_t *module;
  const ee_module_function_t *function;
  uint32_t spans; // groups C...D among the arguments
  uint32_t fixed; // arguments before the first of them
} ee_vm_linked_import_t;

struct ee_vm_linked_module {
  ee_module_t *module; // NULL: native
  const ee_vm_native_module_t *native;
  void *user;
  void *state; // native's
  bool has_state;
  bool initialized; // "__init" has run
  ee_vm_linked_import_t *imports;
  ee_vm_type_t *types;
  ee_object_t **global_refs;
  uint8_t *globals;
  void *block; // holds the four arrays above
  size_t block_size;
  ee_vm_buffer_t *rodata;    // module->rodata_count of them, in a block of their own
  struct ee_vm_loops *loops; // module->function_count of them, once a loop was seen; or NULL
};

typedef struct ee_vm_frame {
  ee_vm_linked_module_t *module;
  const ee_module_function_t *function;
  const uint8_t *pc;      // where to go on
  const uint8_t *results; // the caller's list of result registers; NULL: called from outside
  uint32_t previous;      // offset of the caller's frame
  uint32_t size;          // bytes, registers included
} ee_vm_frame_t;

_Static_assert(sizeof(ee_vm_frame_t) % 8 == 0, "registers behind a frame are aligned to 8 bytes");

enum { EE_VM_IDLE, EE_VM_RUNNING, EE_VM_WAITING };

struct ee_vm_program {
  ee_heap_t *heap;
  size_t allocation_size;
  ee_vm_linked_module_t *modules; // behind the program in its block
  uint32_t module_count;          // linked so far
  uint32_t depth;
  uint32_t depth_limit;
  uint32_t stack_limit;
  uint8_t *stack;
  uint32_t stack_size;
  uint32_t frame; // offset of the innermost frame, EE_VM_NO_FRAME: none
  uint32_t top;   // first free byte
  uint64_t step_limit;
  uint64_t steps_left;
  const ee_module_function_t *entry; // what the call from outside called
  ee_object_t *pending;
  int64_t pending_deadline_ns;
  void (*trace)(void *user, ee_str_t line);
  void *trace_user;
  eerie_status_t (*wait)(void *user, ee_object_t *object, int64_t deadline_ns, eerie_error_t *err);
  void *wait_user;
  struct ee_vm_notes *notes; // failures that did not end the call; NULL: none
#if EERIE_THREADS
  atomic_int state;
#else
  int state;
#endif
};

static inline ee_vm_frame_t *ee_vm_frame_at(const ee_vm_program_t *program, uint32_t offset) {
  return (ee_vm_frame_t *)(void *)(program->stack + offset);
}
static inline uint32_t *ee_vm_frame_registers(ee_vm_frame_t *frame) {
  return (uint32_t *)(void *)(frame + 1);
}
static inline ee_object_t **ee_vm_frame_refs(ee_vm_frame_t *frame) {
  return (ee_object_t **)(void *)(ee_vm_frame_registers(frame) + frame->function->register_count);
}

static inline uint64_t ee_vm_load64(const uint32_t *registers) {
  uint64_t value;
  memcpy(&value, registers, sizeof value);
  return value;
}
static inline void ee_vm_store64(uint32_t *registers, uint64_t value) {
  memcpy(registers, &value, sizeof value);
}

// The reference in `reg` as a reference of the caller's: given away with the move bit, shared
// without.
static inline ee_object_t *ee_vm_take_ref(ee_object_t **refs, uint32_t reg) {
  ee_object_t **slot = &refs[reg & EE_REGISTER_REF_MASK];
  ee_object_t *object = *slot;
  if (reg & EE_REGISTER_MOVE_BIT) {
    *slot = NULL;
  } else {
    ee_object_retain(object);
  }
  return object;
}
// Stores a reference that the caller owns.
static inline void ee_vm_put_ref(ee_object_t **refs, uint32_t reg, ee_object_t *take_object) {
  ee_object_t **slot = &refs[reg & EE_REGISTER_REF_MASK];
  ee_object_t *old = *slot;
  *slot = take_object;
  ee_object_release(old);
}

// invoke.c ----------------------------------------------------------------------------------------

// Makes room for `size` bytes above the frames. Moves the stack.
eerie_status_t ee_vm_stack_reserve(ee_vm_program_t *program, size_t size, eerie_error_t *err);
// Pushes a frame with zeroed registers. Moves the stack.
eerie_status_t ee_vm_push_frame(ee_vm_program_t *program, ee_vm_linked_module_t *module,
                                const ee_module_function_t *function, eerie_error_t *err);
// Pops the innermost frame and releases what its registers hold.
void ee_vm_pop_frame(ee_vm_program_t *program);
// Puts "module.function+offset" before the message.
void ee_vm_annotate_location(const ee_vm_frame_t *frame, const uint8_t *pc, eerie_error_t *err);
// Runs until DEFERRED is settled by the program's wait hook; for initialisers.
eerie_status_t ee_vm_invoke_blocking(ee_vm_program_t *program, ee_vm_function_t function,
                                     eerie_error_t *err);

// interpreter.c, interpreter_compact.c ------------------------------------------------------------

// Runs from the innermost frame until the function called from outside returns (its frame is then
// gone and `results` written), fails (frames stay for unwinding), or defers.
eerie_status_t ee_vm_interpret(ee_vm_program_t *program, ee_vm_value_t *results,
                               eerie_error_t *err);

// loops.c -----------------------------------------------------------------------------------------

// After a branch back to `pc` in `frame`, the innermost one: does what instructions it can from
// there in a form that is quicker to execute, once there were enough of such branches; returns
// where the interpreter goes on. Steps are counted.
const uint8_t *ee_vm_run_loop(ee_vm_program_t *program, ee_vm_frame_t *frame, const uint8_t *pc);
// Frees what ee_vm_run_loop made for a module.
void ee_vm_drop_loops(ee_heap_t *heap, ee_vm_linked_module_t *linked);

// ops_f32.c, ops_f64.c ----------------------------------------------------------------------------

// Float instructions that only move bits are instructions of the integer set with another number:
// the tables give that number plus one, or 0 for all others.
extern const uint8_t ee_vm_f32_aliases[EE_VM_F32_OPCODE_END];
extern const uint8_t ee_vm_f64_aliases[EE_VM_F64_OPCODE_END];
// Does one instruction. `pc` is at its number, behind the prefix; *out_size is the number of bytes
// from there to the next instruction.
eerie_status_t ee_vm_step_f32(const uint8_t *pc, uint32_t *regs, ee_object_t **refs,
                              uint32_t *out_size, eerie_error_t *err);
eerie_status_t ee_vm_step_f64(const uint8_t *pc, uint32_t *regs, ee_object_t **refs,
                              uint32_t *out_size, eerie_error_t *err);

// buffer.c ----------------------------------------------------------------------------------------

// What buffer instructions do. Objects may be anything; ranges are checked. Offsets and lengths of
// fills are in elements of 1 << shift bytes, all others in bytes.
eerie_status_t ee_vm_bad_object(ee_object_t *object, const char *expected, eerie_error_t *err);
eerie_status_t ee_vm_bad_range(const ee_vm_buffer_t *buffer, uint64_t offset, uint64_t length,
                               unsigned shift, eerie_error_t *err);
eerie_status_t ee_vm_bad_write(const ee_vm_buffer_t *buffer, eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_fill(ee_object_t *target, uint64_t offset, uint64_t length,
                                    unsigned shift, uint64_t value, eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_copy(ee_object_t *source, uint64_t source_offset,
                                    ee_object_t *target, uint64_t target_offset, uint64_t length,
                                    eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_compare(ee_object_t *a, uint64_t a_offset, ee_object_t *b,
                                       uint64_t b_offset, uint64_t length, uint32_t *out_equal,
                                       eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_alloc(ee_heap_t *heap, uint64_t length, uint32_t alignment,
                                     ee_object_t **out_buffer, eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_clone(ee_heap_t *heap, ee_object_t *source, uint64_t offset,
                                     uint64_t length, uint32_t alignment, ee_object_t **out_buffer,
                                     eerie_error_t *err);
eerie_status_t ee_vm_buffer_op_hash(ee_object_t *source, uint64_t offset, uint64_t length,
                                    uint64_t *out_hash, eerie_error_t *err);
// Buffers over the rodata segments of `module`, in one block that keeps it alive and outlives the
// program when one of them does. NULL when there are none.
eerie_status_t ee_vm_rodata_create(ee_heap_t *heap, ee_module_t *module,
                                   ee_vm_buffer_t **out_buffers, eerie_error_t *err);
void ee_vm_rodata_release(ee_vm_buffer_t *buffers, uint32_t count);

// trace.c -----------------------------------------------------------------------------------------

// vm.trace and vm.print: `text` is the string operand, `list` the list of registers behind it.
// References in registers with the move bit are given away.
void ee_vm_trace_line(const ee_vm_program_t *program, const uint8_t *text, const uint8_t *list,
                      const uint32_t *regs, ee_object_t **refs);

// note.c ------------------------------------------------------------------------------------------

// At the end of a call with status `status`: forgets the failures noted; what the call fails with.
eerie_status_t ee_vm_settle_notes(ee_vm_program_t *program, eerie_status_t status,
                                  eerie_error_t *err);

#endif // EE_VM_INTERNAL_H_
