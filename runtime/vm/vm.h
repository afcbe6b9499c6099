// vm.h: programs, values, native modules, calls.
//
// A program links modules in order: each import "module.function" is looked up in the modules
// before it, native ones (tables of C functions) or compiled ones. A program holds the mutable
// state (globals) and one stack; it serves one call at a time. The VM knows nothing of tensors or
// devices: those come in as objects behind reference registers.
//
//   program.c      linking, state, initialisers
//   invoke.c       calls from outside, resume, the stack of frames
//   interpreter.c  one function: a case for each opcode
//   interpreter_compact.c  the same, smaller and slower, in its place
//   ops_f32.c, ops_f64.c, buffer.c, list.c   what the cases call
//   trace.c, note.c  what a program tells while it runs
#ifndef EE_VM_VM_H_
#define EE_VM_VM_H_

#include "base/allocator.h"
#include "base/object.h"
#include "module/module.h"
#include "vm/native_key.h"

// One argument, result, list element. 8 bytes; which member counts is told by the signature.
typedef union ee_vm_value {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  ee_object_t *ref;
} ee_vm_value_t;

typedef struct ee_vm_program ee_vm_program_t;

// ---- Native modules ----------------------------------------------------------------------------

// One call of a native function. Arguments are laid out flat, one slot each; a variadic argument
// C...D takes one slot with the number of tuples in i32, then the elements of all tuples.
typedef struct ee_vm_call {
  void *state;                    // what the native module's create_state made for this program
  const ee_vm_value_t *arguments; // references are borrowed: retain what outlives the call
  ee_vm_value_t *results;         // zeroed; references stored here are handed to the caller
  ee_vm_program_t *program;
  ee_heap_t *heap;
  eerie_error_t *err;                         // may be NULL
  const struct ee_vm_native_function *native; // the entry of the table that is called
  // A function that cannot finish yet retains the object to wait for here, and returns
  // EERIE_DEFERRED: the call is made again with the same arguments when the program is resumed.
  ee_object_t *wait_object;
  int64_t wait_deadline_ns; // monotonic clock, INT64_MAX: none
} ee_vm_call_t;

typedef eerie_status_t (*ee_vm_native_fn_t)(ee_vm_call_t *call);

#if EERIE_NATIVE_NAMES
typedef struct ee_vm_native_function {
  const char *name;               // without the module: "fence.create"
  const char *calling_convention; // "0rI_r"; the import's must be equal, letter by letter
  ee_vm_native_fn_t function;
} ee_vm_native_function_t;
#define EE_VM_NATIVE(name, calling_convention, function)                                           \
  { name, calling_convention, function }
#else
typedef struct ee_vm_native_function {
  uint32_t key; // of both
  ee_vm_native_fn_t function;
} ee_vm_native_function_t;
#define EE_VM_NATIVE(name, calling_convention, function)                                           \
  { EE_VM_NATIVE_KEY(name, calling_convention), function }
#endif

// A table of functions in C. Static and immutable; names may repeat with different signatures,
// which is how the ABI of several compiler releases lives in one table.
typedef struct ee_vm_native_module {
  const char *name; // "hal"
  // Compared with the version that a module declares, which must be one of these or 0: any.
  uint32_t version;
  uint32_t oldest_version;
  const ee_vm_native_function_t *functions;
  uint32_t function_count;
  const ee_object_type_t *const *types; // reference types that the module brings
  uint32_t type_count;
  // Both may be NULL. `user` comes from ee_vm_module_ref_t.
  eerie_status_t (*create_state)(void *user, ee_heap_t *heap, void **out_state, eerie_error_t *err);
  void (*destroy_state)(void *user, ee_heap_t *heap, void *state);
} ee_vm_native_module_t;

// For a native function whose failure should not end the call (an expectation of a test that does
// not hold): puts the place in the bytecode before the message of `failure` and gives the line
// "failed: <place>: <message>" to the program's trace sink. When the function called from outside
// is over and has not failed otherwise, it fails with the code and the text of the first failure
// noted, "<n> failures, the first: ..." if there are several. `failure` may lose its text.
// RESOURCE_EXHAUSTED: no memory to note it, put into `err`.
eerie_status_t ee_vm_note_failure(ee_vm_program_t *program, eerie_error_t *failure,
                                  eerie_error_t *err);

// ---- Programs ----------------------------------------------------------------------------------

// One module of a program: exactly one of `module` and `native` is set.
typedef struct ee_vm_module_ref {
  ee_module_t *module; // retained by the program
  const ee_vm_native_module_t *native;
  void *user; // for native
} ee_vm_module_ref_t;

typedef struct ee_vm_program_options {
  const ee_vm_module_ref_t *modules;
  size_t module_count;
  uint32_t stack_limit;      // bytes; 0: EERIE_VM_STACK_LIMIT
  uint32_t call_depth_limit; // frames; 0: EERIE_VM_CALL_DEPTH_LIMIT
  uint64_t step_limit;       // branches and calls in one invocation; 0: none
  // vm.trace, vm.print and buffer_view.trace lines; NULL drops them.
  void (*trace)(void *user, ee_str_t line);
  void *trace_user;
  // Called when an initialiser defers: waits for `object` (borrowed). NULL: that is an error.
  eerie_status_t (*wait)(void *user, ee_object_t *object, int64_t deadline_ns, eerie_error_t *err);
  void *wait_user;
} ee_vm_program_options_t;

// Links the modules and runs each one's "__init" in order.
// NOT_FOUND: an import that no module provides, named with its signature. INVALID_ARGUMENT: an
// import whose signature differs from the export's; both are named. FAILED_PRECONDITION: a module
// version below the declared minimum. Otherwise what an initialiser returned.
eerie_status_t ee_vm_program_create(ee_heap_t *heap, const ee_vm_program_options_t *options,
                                    ee_vm_program_t **out_program, eerie_error_t *err);
// Runs "__deinit" of each module, last first, and lets everything go. NULL is harmless.
void ee_vm_program_destroy(ee_vm_program_t *program);

// Copies stack, depth and step limits into `options`: for a program that works for this one.
void ee_vm_program_get_limits(const ee_vm_program_t *program, ee_vm_program_options_t *options);

// A function of a program: index of its module, and ordinal there.
typedef struct ee_vm_function {
  uint32_t module;
  uint32_t ordinal;
} ee_vm_function_t;

uint32_t ee_vm_program_module_count(const ee_vm_program_t *program);
// NULL for native modules.
const ee_module_t *ee_vm_program_module(const ee_vm_program_t *program, uint32_t index);
// Tells of constants of compiled modules that nobody holds: `unused` gets each with its module.
void ee_vm_program_unused_constants(const ee_vm_program_t *program,
                                    void (*unused)(const ee_module_t *module, ee_bytes_t bytes));

// Finds "module.function", or "function" in the last compiled module that exports it.
bool ee_vm_program_find(const ee_vm_program_t *program, ee_str_t name, ee_vm_function_t *out);

const ee_module_function_t *ee_vm_program_function(const ee_vm_program_t *program,
                                                   ee_vm_function_t function);

// The reference type that linked modules call by `name` ("hal.buffer"), or NULL. "vm.buffer" and
// "vm.list" are always known.
const ee_object_type_t *ee_vm_program_type(const ee_vm_program_t *program, ee_str_t name);

// ---- Calls -------------------------------------------------------------------------------------

// Calls a function from outside. `arguments` and `results` have one slot for each letter of the
// signature. References in arguments are borrowed; those in results belong to the caller.
// DEFERRED: the function waits; ee_vm_pending tells for what, ee_vm_resume goes on (with the same
// result slots, which must stay valid until then), ee_vm_cancel drops the call.
// UNAVAILABLE: the program is in the middle of another call. On failure results are zero.
eerie_status_t ee_vm_invoke(ee_vm_program_t *program, ee_vm_function_t function,
                            const ee_vm_value_t *arguments, ee_vm_value_t *results,
                            eerie_error_t *err);
eerie_status_t ee_vm_resume(ee_vm_program_t *program, ee_vm_value_t *results, eerie_error_t *err);
void ee_vm_cancel(ee_vm_program_t *program);
// What a deferred call waits for: borrowed until resume or cancel; NULL when it merely yielded.
ee_object_t *ee_vm_pending(ee_vm_program_t *program, int64_t *out_deadline_ns);

// ---- Buffers -----------------------------------------------------------------------------------

// Host bytes: constants of a module, strings, !util.buffer. Either owns its bytes (allocated with
// it), or borrows them from `owner`, an object that it retains.
typedef struct ee_vm_buffer {
  ee_object_t object;
  ee_heap_t *heap;
  uint8_t *data;
  size_t size;
  size_t allocation_size;
  ee_object_t *owner;
  bool writable;
  bool private_bytes; // a constant that kernels may overwrite: ee_module_load_options_t
  bool verified;      // shares bytes with what the verifier read: kernels get a copy
} ee_vm_buffer_t;

extern const ee_object_type_t ee_vm_buffer_type;

// Zeroed bytes, aligned to `alignment` (0 or a power of two up to 4096; default 16).
eerie_status_t ee_vm_buffer_create(ee_heap_t *heap, size_t size, size_t alignment,
                                   ee_vm_buffer_t **out_buffer, eerie_error_t *err);
// Borrows `data`; retains `owner` (may be NULL).
eerie_status_t ee_vm_buffer_wrap(ee_heap_t *heap, uint8_t *data, size_t size, bool writable,
                                 ee_object_t *owner, ee_vm_buffer_t **out_buffer,
                                 eerie_error_t *err);
// NULL when `object` is NULL or of another type.
static inline ee_vm_buffer_t *ee_vm_buffer_cast(ee_object_t *object) {
  return object && object->type == &ee_vm_buffer_type ? (ee_vm_buffer_t *)object : NULL;
}
static inline ee_str_t ee_vm_buffer_str(const ee_vm_buffer_t *buffer) {
  return buffer ? (ee_str_t){(const char *)buffer->data, buffer->size} : (ee_str_t){NULL, 0};
}

// ---- Lists -------------------------------------------------------------------------------------

typedef enum ee_vm_value_type {
  EE_VM_VALUE_NONE = 0, // an element never set
  EE_VM_VALUE_I8,
  EE_VM_VALUE_I16,
  EE_VM_VALUE_I32,
  EE_VM_VALUE_I64,
  EE_VM_VALUE_F32,
  EE_VM_VALUE_F64,
  EE_VM_VALUE_REF,
} ee_vm_value_type_t;

typedef struct ee_vm_variant {
  ee_vm_value_t value;
  ee_vm_value_type_t type;
} ee_vm_variant_t;

// A growable list. `element_type` NONE takes anything (vm.list<?>), a value type only that (values
// are converted as vm.list.get/set of another width do), REF only references, of `ref_type` when
// set.
typedef struct ee_vm_list {
  ee_object_t object;
  ee_heap_t *heap;
  ee_vm_variant_t *items;
  size_t count;
  size_t capacity;
  ee_vm_value_type_t element_type;
  const ee_object_type_t *ref_type;
  struct ee_vm_list *next_to_free; // list.c: nested lists are freed without recursion
} ee_vm_list_t;

extern const ee_object_type_t ee_vm_list_type;

eerie_status_t ee_vm_list_create(ee_heap_t *heap, ee_vm_value_type_t element_type,
                                 const ee_object_type_t *ref_type, size_t capacity,
                                 ee_vm_list_t **out_list, eerie_error_t *err);
eerie_status_t ee_vm_list_reserve(ee_vm_list_t *list, size_t capacity, eerie_error_t *err);
// New elements are zero / NULL. Limited to 2^31 - 1 elements.
eerie_status_t ee_vm_list_resize(ee_vm_list_t *list, size_t count, eerie_error_t *err);
// Reads element `index` as `type`; a reference is borrowed. OUT_OF_RANGE, INVALID_ARGUMENT.
eerie_status_t ee_vm_list_get(const ee_vm_list_t *list, size_t index, ee_vm_value_type_t type,
                              ee_vm_value_t *out_value, eerie_error_t *err);
// Writes; a reference is retained by the list, the old one released.
eerie_status_t ee_vm_list_set(ee_vm_list_t *list, size_t index, ee_vm_value_type_t type,
                              ee_vm_value_t value, eerie_error_t *err);
// FAILED_PRECONDITION when storing `value` in `list` would make a list (indirectly) contain itself,
// which counting references could never free.
eerie_status_t ee_vm_list_check_acyclic(const ee_vm_list_t *list, const ee_object_t *value,
                                        eerie_error_t *err);
static inline ee_vm_list_t *ee_vm_list_cast(ee_object_t *object) {
  return object && object->type == &ee_vm_list_type ? (ee_vm_list_t *)object : NULL;
}

#endif // EE_VM_VM_H_
