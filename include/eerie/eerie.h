// eerie.h: load and run compiled models.
//
// A model from any framework is compiled once, on the workbench, by the IREE compiler into one
// module file (`eerie compile`, or eerie_compiler.h). This header runs that file:
//
//   instance   memory and drivers; one for a process is usual
//   device     where tensors live and kernels run: "local-sync" is the CPU
//   module     a loaded file: immutable, shared by any number of threads
//   program    modules linked together with their state; one caller at a time
//   function   an export of a program, with its tensor types
//   tensor     dtype, shape and storage
//
// A whole program:
//
//   #include <eerie/eerie.h>
//   #include <stdio.h>
//
//   int main(void) {
//     eerie_error_t err = {0};
//     eerie_instance_t *instance = NULL;
//     eerie_device_t *device = NULL;
//     eerie_module_t *module = NULL;
//     eerie_program_t *program = NULL;
//     eerie_function_t *multiply = NULL;
//     eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
//     const float a[4] = {1, 2, 3, 4}, b[4] = {10, 20, 30, 40};
//     const int64_t shape[1] = {4};
//     if (eerie_instance_create(NULL, &instance, &err) ||
//         eerie_device_open(instance, "local-sync", &device, &err) ||
//         eerie_module_load_file(instance, "multiply.vmfb", NULL, &module, &err) ||
//         eerie_program_create(instance,
//                              &(eerie_program_options_t){.module = module, .device = device},
//                              &program, &err) ||
//         eerie_program_find(program, "multiply", &multiply, &err) ||
//         eerie_tensor_create(device, EERIE_F32, 1, shape, a, &in[0], &err) ||
//         eerie_tensor_create(device, EERIE_F32, 1, shape, b, &in[1], &err) ||
//         eerie_call_tensors(multiply, in, 2, &out, 1, &err)) {
//       fprintf(stderr, "%s: %s\n", eerie_status_name(err.code), err.message);
//     } else {
//       printf("%g\n", ((const float *)eerie_tensor_data(out))[3]);
//     }
//     eerie_tensor_release(out);
//     eerie_tensor_release(in[1]);
//     eerie_tensor_release(in[0]);
//     eerie_program_release(program);
//     eerie_module_release(module);
//     eerie_device_release(device);
//     eerie_instance_release(instance);
//   }
//
// Ownership: create, load and open give the caller one reference; retain adds one, release takes
// one away, release(NULL) is harmless. Objects keep alive what they need (a program its modules, a
// tensor its device, everything its instance), so the order of releases does not matter. Functions,
// names and infos are borrowed from their parent. On failure every output is NULL or zero and
// nothing leaks.
//
// Errors: each function that can fail returns an eerie_status_t and, when `err` is not NULL, writes
// code and message there. No input makes the library exit, abort or crash, except native kernels of
// a module from an untrusted source, which are machine code.
//
// Threads: "any thread" in a comment means what it says. Instances, devices, modules, tensors and
// fences may be used from any thread; a program and its functions serve one call at a time and
// answer UNAVAILABLE to a second one. Tensor contents are the caller's to order.
#ifndef EERIE_EERIE_H_
#define EERIE_EERIE_H_

#include "eerie/eerie_base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EERIE_VERSION_MAJOR 0
#define EERIE_VERSION_MINOR 1
#define EERIE_VERSION_PATCH 0

typedef struct eerie_instance eerie_instance_t;
typedef struct eerie_device eerie_device_t;
typedef struct eerie_module eerie_module_t;
typedef struct eerie_program eerie_program_t;
typedef struct eerie_function eerie_function_t;
typedef struct eerie_tensor eerie_tensor_t;
typedef struct eerie_buffer eerie_buffer_t;
typedef struct eerie_list eerie_list_t;
typedef struct eerie_fence eerie_fence_t;
typedef struct eerie_parameters eerie_parameters_t;       // eerie_parameters.h
typedef struct eerie_native_module eerie_native_module_t; // eerie_native.h

// "0.1.0": the library's version, which may differ from the header's. Static. Any thread.
EERIE_API const char *eerie_version(void);

// ---- Instances ---------------------------------------------------------------------------------

typedef struct eerie_instance_options {
  eerie_allocator_t allocator; // zero: malloc, where there is one
  size_t memory_limit;         // bytes that may be in use at once; 0: no limit
} eerie_instance_options_t;

// Pages of the system's memory. Large tensors are faster there in huge pages (Linux;
// docs/memory.md), which are 2 MiB.
typedef enum eerie_pages {
  EERIE_PAGES_DEFAULT,  // blocks of 4 MiB and more ask for them, and get what the system has
  EERIE_PAGES_SMALL,    // never huge
  EERIE_PAGES_RESERVED, // blocks of 2 MiB and more from those set aside by the administrator
                        // (vm.nr_hugepages); a block that finds too few left is as with DEFAULT
} eerie_pages_t;

// For `allocator` above: the system's memory in such pages. Without it it is DEFAULT. Where there
// is no malloc: all zero. Any thread.
EERIE_API eerie_allocator_t eerie_system_allocator(eerie_pages_t pages);

// Creates an instance. `options` NULL: all defaults. RESOURCE_EXHAUSTED: no memory.
// FAILED_PRECONDITION: no allocator given on a system without malloc.
EERIE_API eerie_status_t eerie_instance_create(const eerie_instance_options_t *options,
                                               eerie_instance_t **out_instance, eerie_error_t *err);
EERIE_API void eerie_instance_retain(eerie_instance_t *instance);
EERIE_API void eerie_instance_release(eerie_instance_t *instance);

// Bytes in use now and at most so far, by everything made under the instance. Any thread.
EERIE_API void eerie_instance_memory(const eerie_instance_t *instance, size_t *out_current,
                                     size_t *out_peak);

// ---- Devices -----------------------------------------------------------------------------------

typedef struct eerie_device_info {
  const char *name;        // what eerie_device_open takes: "local-sync"
  const char *driver;      // "cpu"
  const char *description; // one line
  const char *target;      // what `eerie compile --target` takes for it, "vulkan:rdna3"; or NULL
  const char *uuid;        // the same device in every process and order; or NULL
  const char *limits;      // one line for people; or NULL
  bool emulated;           // a GPU only by its interface: a CPU does its work
} eerie_device_info_t;

// Describes device number `index` of those that could be opened; false past the last. Strings are
// static or live as long as the instance. Any thread.
EERIE_API bool eerie_device_list(eerie_instance_t *instance, size_t index,
                                 eerie_device_info_t *out_info);

// Opens a device by name ("local-sync"), by number in eerie_device_list ("0"), or by path
// ("vulkan://0"). NULL opens the first. NOT_FOUND names the device and those that exist. Any
// thread.
EERIE_API eerie_status_t eerie_device_open(eerie_instance_t *instance, const char *name,
                                           eerie_device_t **out_device, eerie_error_t *err);

// Which cores a device with threads works on. Where all are alike, FAST and SLOW are ALL.
typedef enum eerie_cores {
  EERIE_CORES_ALL = 0, // one thread for each core, the fastest first
  EERIE_CORES_FAST,    // performance cores only
  EERIE_CORES_SLOW,    // efficiency cores only
  EERIE_CORES_LOGICAL, // one thread for each hardware thread of each core
} eerie_cores_t;

// How "local-task" works; the docs (devices.md) say when which is better. Other devices have no
// threads and ignore it.
typedef struct eerie_device_options {
  size_t threads;      // that work on a call together, the caller among them. 0: one for each core
                       // that the process may use, and no more than its quota of time. 1: none
                       // beside the caller. As many more run what asynchronous calls leave to do
  size_t max_threads;  // the most that 0 may mean; 0: no limit
  const char *cpus;    // "0-3,8": pins threads there, the first is left to callers; NULL: any
  eerie_cores_t cores; // which to count, where `cpus` is NULL
  bool pin;            // pins threads to the cores that were chosen
  int32_t spin_us;     // how long a thread without work looks for more before it sleeps; 0:
                       // default, -1: not at all
  eerie_device_t *share; // a "local-task" device, of any instance, whose threads to use; the other
                         // options are then ignored. The threads' memory is that of the instance
                         // which made them, and is kept until the last device is gone
} eerie_device_options_t;

// Opens a device as eerie_device_open does. `options` NULL: defaults. INVALID_ARGUMENT: `cpus` is
// no list, or names a CPU that this process may not use; `share` has no threads.
// RESOURCE_EXHAUSTED: the system makes no more threads. They end when the device is released for
// the last time, which must be before the library is unloaded. A forked process has none of them:
// there the device works on the calling thread. Hosts only. Any thread.
EERIE_API eerie_status_t eerie_device_open_with(eerie_instance_t *instance, const char *name,
                                                const eerie_device_options_t *options,
                                                eerie_device_t **out_device, eerie_error_t *err);
// The release of the last reference waits for asynchronous calls that run, not for those that wait
// for a fence.
EERIE_API void eerie_device_retain(eerie_device_t *device);
EERIE_API void eerie_device_release(eerie_device_t *device);
// Borrowed from the device.
EERIE_API const char *eerie_device_name(const eerie_device_t *device);

// ---- Tensors -----------------------------------------------------------------------------------

// Element types. The values are those of IREE's HAL: kind of number in the top byte, bits in the
// lowest, so types that this list does not name work too.
typedef enum eerie_dtype {
  EERIE_DTYPE_NONE = 0,
  EERIE_BOOL = 0x13000008,
  EERIE_I4 = 0x10000004, // signless integers: what MLIR calls i4, i8, ...
  EERIE_I8 = 0x10000008,
  EERIE_I16 = 0x10000010,
  EERIE_I32 = 0x10000020,
  EERIE_I64 = 0x10000040,
  EERIE_S4 = 0x11000004, // signed: si4, si8, ...
  EERIE_S8 = 0x11000008,
  EERIE_S16 = 0x11000010,
  EERIE_S32 = 0x11000020,
  EERIE_S64 = 0x11000040,
  EERIE_U4 = 0x12000004,
  EERIE_U8 = 0x12000008,
  EERIE_U16 = 0x12000010,
  EERIE_U32 = 0x12000020,
  EERIE_U64 = 0x12000040,
  EERIE_F16 = 0x21000010,
  EERIE_F32 = 0x21000020,
  EERIE_F64 = 0x21000040,
  EERIE_BF16 = 0x22000010,
  EERIE_COMPLEX64 = 0x23000040, // two f32
  EERIE_COMPLEX128 = 0x23000080,
  EERIE_F8E5M2 = 0x24000008,
  EERIE_F8E4M3FN = 0x25000008,
  EERIE_F8E5M2FNUZ = 0x26000008,
  EERIE_F8E4M3FNUZ = 0x27000008,
  EERIE_F8E8M0FNU = 0x28000008,
} eerie_dtype_t;

// "f32", "i8", "bool", "bf16", ...: the spelling of MLIR; "?" for one that has no name. Static.
EERIE_API const char *eerie_dtype_name(eerie_dtype_t dtype);
// Bits of one element; 0 for NONE.
EERIE_API unsigned eerie_dtype_bits(eerie_dtype_t dtype);
// The dtype of a name of `length` characters ("f32", "i1" and "bool", "si8", "ui8" and "u8", ...),
// or EERIE_DTYPE_NONE.
EERIE_API eerie_dtype_t eerie_dtype_parse(const char *name, size_t length);

// Creates a dense row-major tensor of `rank` dimensions `shape` on `device`, copying its elements
// from `data`; NULL leaves them zero. Sub-byte elements are packed, lowest bits first.
// INVALID_ARGUMENT: a negative dimension, a rank above EERIE_TENSOR_RANK_LIMIT, a size past 2^63.
// RESOURCE_EXHAUSTED: no memory. Any thread.
EERIE_API eerie_status_t eerie_tensor_create(eerie_device_t *device, eerie_dtype_t dtype,
                                             size_t rank, const int64_t *shape, const void *data,
                                             eerie_tensor_t **out_tensor, eerie_error_t *err);

// Makes a tensor of the caller's memory, without a copy. `size` is checked against the shape.
// `data` must stay valid and in place until `release` is called with `user` and `data` (once, from
// whichever thread lets go last); NULL: the caller knows when. A model may write into memory that
// it is given only if the tensor is an output of it; inputs are read. `data` must be aligned to
// EERIE_BUFFER_ALIGNMENT, because kernels load whole vectors from it: INVALID_ARGUMENT if it is
// not; eerie_tensor_create copies from anywhere. On failure `release` is not called. Any thread.
//
// CPUs use all memory in place. A GPU may use this memory and not that; UNIMPLEMENTED says why it
// does not, and eerie_tensor_create copies then as well. There (docs/gpu.md):
// - `data` may have to be aligned to more, 256 bytes at most; pages are aligned enough everywhere.
// - The device sees the whole pages that the bytes lie in, which must be the process's own, and
//   writable unless the device takes others. Kernels touch the tensor's bytes, and the three behind
//   them where the size is not a multiple of 4.
// - The host may touch the bytes while no call that uses them is under way; nothing is flushed.
// - Where the GPU has memory of its own, kernels reach these bytes slowly, each time anew: it is
//   for what is read or written once.
// - RESOURCE_EXHAUSTED: the device cannot have more pieces of memory (Vulkan grants 4096 or more).
EERIE_API eerie_status_t eerie_tensor_wrap(eerie_device_t *device, eerie_dtype_t dtype, size_t rank,
                                           const int64_t *shape, void *data, size_t size,
                                           void (*release)(void *user, void *data), void *user,
                                           eerie_tensor_t **out_tensor, eerie_error_t *err);

EERIE_API void eerie_tensor_retain(eerie_tensor_t *tensor);
EERIE_API void eerie_tensor_release(eerie_tensor_t *tensor);

EERIE_API eerie_dtype_t eerie_tensor_dtype(const eerie_tensor_t *tensor);
EERIE_API size_t eerie_tensor_rank(const eerie_tensor_t *tensor);
// `eerie_tensor_rank` sizes, borrowed.
EERIE_API const int64_t *eerie_tensor_shape(const eerie_tensor_t *tensor);
// Number of elements, and bytes that they take.
EERIE_API uint64_t eerie_tensor_count(const eerie_tensor_t *tensor);
EERIE_API uint64_t eerie_tensor_size(const eerie_tensor_t *tensor);
// Address of the first element, for reading: borrowed while the tensor lives. NULL on a device
// whose memory the host does not see: use eerie_tensor_read. Of a result that a fence guards, read
// only after that fence.
EERIE_API const void *eerie_tensor_data(const eerie_tensor_t *tensor);
// The same for writing; NULL also for read-only memory (constants of a module).
EERIE_API void *eerie_tensor_mutable_data(eerie_tensor_t *tensor);
// Copies `size` bytes from byte `offset` of the tensor to `target`, or from `source` into it. On a
// device without host-visible memory this transfers. OUT_OF_RANGE past the end; PERMISSION_DENIED
// writing read-only memory.
EERIE_API eerie_status_t eerie_tensor_read(const eerie_tensor_t *tensor, uint64_t offset,
                                           void *target, size_t size, eerie_error_t *err);
EERIE_API eerie_status_t eerie_tensor_write(eerie_tensor_t *tensor, uint64_t offset,
                                            const void *source, size_t size, eerie_error_t *err);

// Where the tensor lies; borrowed from it. Hosts only.
EERIE_API eerie_device_t *eerie_tensor_device(const eerie_tensor_t *tensor);
// Makes a tensor of the same dtype, shape and contents on `device`, which may be any, and waits for
// it. A function takes tensors of its program's devices and, on a CPU, those whose memory the host
// sees; others must be copied first. RESOURCE_EXHAUSTED: no memory there. Hosts only. Any thread.
EERIE_API eerie_status_t eerie_tensor_copy(const eerie_tensor_t *tensor, eerie_device_t *device,
                                           eerie_tensor_t **out_tensor, eerie_error_t *err);
// The same, begun when `wait` is signaled (NULL: now), with `signal` (NULL: nobody) signaled at its
// end, and never blocking. The new tensor may be used at once in what waits for `signal`. A
// failure, now or later, fails `signal`. Hosts only. Any thread.
EERIE_API eerie_status_t eerie_tensor_copy_async(const eerie_tensor_t *tensor,
                                                 eerie_device_t *device, eerie_fence_t *wait,
                                                 eerie_fence_t *signal, eerie_tensor_t **out_tensor,
                                                 eerie_error_t *err);

// ---- Modules -----------------------------------------------------------------------------------

typedef struct eerie_module_options {
  // For eerie_module_load_memory: called once with `user` when the bytes are no longer needed.
  // NULL: the caller keeps them until the module and everything made from it is gone.
  void (*release)(void *user, const void *data, size_t size);
  void *user;
} eerie_module_options_t;

// Loads, checks and verifies a module file. The file is mapped, not copied, and must not be changed
// while in use. `options` may be NULL.
// NOT_FOUND, PERMISSION_DENIED: the file. INVALID_ARGUMENT: not a module. DATA_LOSS: truncated or
// damaged; the message names the part. INCOMPATIBLE: a format version that this build does not
// know. Any thread.
EERIE_API eerie_status_t eerie_module_load_file(eerie_instance_t *instance, const char *path,
                                                const eerie_module_options_t *options,
                                                eerie_module_t **out_module, eerie_error_t *err);
// The same from memory, which is borrowed and never written: it may sit in flash. Aligned to 64
// bytes its constants are used in place.
EERIE_API eerie_status_t eerie_module_load_memory(eerie_instance_t *instance, const void *data,
                                                  size_t size,
                                                  const eerie_module_options_t *options,
                                                  eerie_module_t **out_module, eerie_error_t *err);
EERIE_API void eerie_module_retain(eerie_module_t *module);
EERIE_API void eerie_module_release(eerie_module_t *module);

// What is in a module. Strings are borrowed from it.
typedef struct eerie_module_info_s {
  const char *name;
  uint32_t bytecode_version; // major in the upper 16 bits: 17.0 is 0x00110000
  uint32_t hal_version;      // version of the `hal` module it wants; 0: none
  size_t export_count;
  size_t import_count;
  size_t function_count; // with a body, exported or not
  size_t constant_count; // read-only segments: weights, kernels, strings
  size_t global_bytes;
  size_t global_ref_count;
  uint64_t constant_bytes;
  uint64_t file_size;
  // Which compiler releases it may come from, as its imports tell: "3.11 or older", "3.12 or newer"
  // or "3.13 or newer"; "" if they don't. Static.
  const char *release;
  // What `eerie compile` stamped: a JSON object of `provenance_size` characters, or NULL.
  const char *provenance;
  size_t provenance_size;
} eerie_module_info_t;
EERIE_API void eerie_module_info(const eerie_module_t *module, eerie_module_info_t *out_info);

typedef struct eerie_export_info {
  const char *name;
  const char *declaration; // "sync func @f(%input0: tensor<4xf32>) -> (...)"; "" when unknown
  const char *calling_convention; // of the VM: "rr_r"
  size_t function;                // for eerie_module_disassemble
} eerie_export_info_t;
// False past the last.
EERIE_API bool eerie_module_export(const eerie_module_t *module, size_t index,
                                   eerie_export_info_t *out_info);

typedef struct eerie_import_info {
  const char *name; // "hal.fence.create"
  const char *calling_convention;
  bool optional;
} eerie_import_info_t;
EERIE_API bool eerie_module_import(const eerie_module_t *module, size_t index,
                                   eerie_import_info_t *out_info);

// A read-only segment: borrowed bytes.
EERIE_API bool eerie_module_constant(const eerie_module_t *module, size_t index,
                                     const void **out_data, size_t *out_size);

// Calls `sink` with each instruction of function number `function`, a line at a time.
// UNIMPLEMENTED in builds without the disassembler.
EERIE_API eerie_status_t eerie_module_disassemble(const eerie_module_t *module, size_t function,
                                                  void (*sink)(void *user, const char *line),
                                                  void *user, eerie_error_t *err);

// ---- Programs ----------------------------------------------------------------------------------

typedef struct eerie_program_options {
  eerie_module_t *module;         // the only module, or NULL and the array below
  eerie_module_t *const *modules; // in order: each may import from those before it
  size_t module_count;
  eerie_device_t *device;         // the only device, or NULL and the array below
  eerie_device_t *const *devices; // what the modules see as their devices, in order
  size_t device_count;            // no device at all: "local-sync" is opened if a module needs one
  uint32_t stack_limit;           // bytes; 0: EERIE_VM_STACK_LIMIT
  uint32_t call_depth_limit;      // 0: EERIE_VM_CALL_DEPTH_LIMIT
  uint64_t step_limit;            // branches and calls in one call of a function; 0: none
  // Lines that the modules trace; NULL drops them. Called on the calling thread.
  void (*trace)(void *user, const char *line, size_t length);
  void *trace_user;
  uint32_t wait_limit_ms; // that a synchronous call may wait for fences in all; 0: none
  eerie_parameters_t *const *parameters; // weights outside of the modules: eerie_parameters.h
  size_t parameters_count;
  const eerie_native_module_t *const *natives; // functions in C that modules import: eerie_native.h
  size_t native_count;
  bool no_native; // refuse kernels of machine code (PERMISSION_DENIED); those of vmvx still run
} eerie_program_options_t;

// Links modules and runs their initialisers, which load the kernels onto the devices.
// NOT_FOUND: an import that nothing provides, by name and signature. INCOMPATIBLE: kernels for
// another CPU or device. RESOURCE_EXHAUSTED: memory or a limit. Any thread.
EERIE_API eerie_status_t eerie_program_create(eerie_instance_t *instance,
                                              const eerie_program_options_t *options,
                                              eerie_program_t **out_program, eerie_error_t *err);
EERIE_API void eerie_program_retain(eerie_program_t *program);
EERIE_API void eerie_program_release(eerie_program_t *program);

// Finds a function: "name", or "module.name". Borrowed from the program. NOT_FOUND lists what there
// is. NULL finds the only one there is, or fails; the asynchronous twin of a function ("f$async",
// which comes with models from ONNX) does not count.
EERIE_API eerie_status_t eerie_program_find(eerie_program_t *program, const char *name,
                                            eerie_function_t **out_function, eerie_error_t *err);
// Function number `index` of those that can be called from outside; NULL past the last.
EERIE_API eerie_function_t *eerie_program_function(eerie_program_t *program, size_t index);

// ---- Functions ---------------------------------------------------------------------------------

// What an argument or a result is.
typedef enum eerie_kind {
  EERIE_KIND_NONE = 0, // a null reference
  EERIE_KIND_TENSOR,
  EERIE_KIND_I32, // also i1, i8 and i16 scalars
  EERIE_KIND_I64, // also index
  EERIE_KIND_F32,
  EERIE_KIND_F64,
  EERIE_KIND_BUFFER, // host bytes, strings: !util.buffer
  EERIE_KIND_LIST,   // !util.list<?>
  EERIE_KIND_FENCE,
  EERIE_KIND_OTHER, // a reference of a type that this interface does not show
} eerie_kind_t;

// Type of one argument or result. Strings and shape are borrowed from the function.
typedef struct eerie_type {
  eerie_kind_t kind;
  const char *name;     // "input0"
  const char *text;     // "tensor<?x4xf32>", "i32": as declared
  eerie_dtype_t dtype;  // tensors; NONE: not declared
  size_t rank;          // tensors; SIZE_MAX: not declared
  const int64_t *shape; // rank sizes; -1: dynamic
} eerie_type_t;

EERIE_API const char *eerie_function_name(const eerie_function_t *function);
EERIE_API size_t eerie_function_input_count(const eerie_function_t *function);
EERIE_API size_t eerie_function_output_count(const eerie_function_t *function);
// NULL past the last.
EERIE_API const eerie_type_t *eerie_function_input(const eerie_function_t *function, size_t index);
EERIE_API const eerie_type_t *eerie_function_output(const eerie_function_t *function, size_t index);
// As the compiler wrote it: "sync func @f(%input0: tensor<4xf32>) -> (%output0: tensor<4xf32>)"; ""
// when the module does not tell.
EERIE_API const char *eerie_function_declaration(const eerie_function_t *function);
// Compiled with `iree.abi.model = "coarse-fences"`: takes and gives fences.
EERIE_API bool eerie_function_is_async(const eerie_function_t *function);

// ---- Calls -------------------------------------------------------------------------------------

// One argument or result.
typedef struct eerie_value {
  eerie_kind_t kind;
  union {
    eerie_tensor_t *tensor;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    eerie_buffer_t *buffer;
    eerie_list_t *list;
    eerie_fence_t *fence;
    void *other; // opaque; may be passed back to a function of the same program
  } as;
} eerie_value_t;

// Calls a function and waits for its results. Arguments are borrowed. Results belong to the caller:
// release each with eerie_value_release or by its kind.
// INVALID_ARGUMENT: a count, kind, dtype, rank or dimension that is not the declared one; the
// message names the argument, what it expected and what it got. UNAVAILABLE: the program is busy
// with another call. Otherwise what the function itself failed with.
EERIE_API eerie_status_t eerie_call(eerie_function_t *function, const eerie_value_t *inputs,
                                    size_t input_count, eerie_value_t *outputs, size_t output_count,
                                    eerie_error_t *err);

// The same for functions from tensors to tensors.
EERIE_API eerie_status_t eerie_call_tensors(eerie_function_t *function,
                                            eerie_tensor_t *const *inputs, size_t input_count,
                                            eerie_tensor_t **outputs, size_t output_count,
                                            eerie_error_t *err);

// A call with its inputs bound, for loops: they are checked once, and each run does only what the
// function itself takes. One thread at a time.
typedef struct eerie_prepared_call eerie_prepared_call_t;

// Checks the inputs as eerie_call does and retains them, and the function's program. Errors as
// eerie_call's, of its inputs.
EERIE_API eerie_status_t eerie_call_prepare(eerie_function_t *function, const eerie_value_t *inputs,
                                            size_t input_count, eerie_prepared_call_t **out_call,
                                            eerie_error_t *err);
// Puts another value in the place of input `index`. After an error the old one is still there.
EERIE_API eerie_status_t eerie_prepared_call_bind(eerie_prepared_call_t *call, size_t index,
                                                  const eerie_value_t *value, eerie_error_t *err);
// Calls the function with what is bound now, contents of tensors as they are now, and waits for its
// results, which belong to the caller. The function may be called in other ways in between.
EERIE_API eerie_status_t eerie_prepared_call_run(eerie_prepared_call_t *call,
                                                 eerie_value_t *outputs, size_t output_count,
                                                 eerie_error_t *err);
EERIE_API void eerie_prepared_call_release(eerie_prepared_call_t *call);

// Starts a call that begins when `wait` is signaled (NULL: now) and signals `signal` when its
// results are there (NULL: nobody). The results are given at once, as handles; read tensors only
// after `signal`. A failure, now or later, fails `signal`; UNAVAILABLE, of a program that is busy,
// leaves it as it was. Calls may be made before those that signal what they wait for. Never blocks
// for an asynchronous function. On "local-task" longer work goes on on other threads after this has
// returned, calls overlap, and only fences order them. A synchronous function
// (eerie_function_is_async false) is run to its end before this returns, after waiting for `wait`.
// DEFERRED: the function waits in its middle (shapes that depend on data); outputs are not there
// yet: call eerie_call_resume with the same outputs later.
EERIE_API eerie_status_t eerie_call_async(eerie_function_t *function, const eerie_value_t *inputs,
                                          size_t input_count, eerie_fence_t *wait,
                                          eerie_fence_t *signal, eerie_value_t *outputs,
                                          size_t output_count, eerie_error_t *err);
// Goes on with a deferred call if what it waits for has happened; DEFERRED again if not.
EERIE_API eerie_status_t eerie_call_resume(eerie_function_t *function, eerie_value_t *outputs,
                                           size_t output_count, eerie_error_t *err);

// Adds a reference to whatever `value` holds, for a second eerie_value_release. NULL is harmless.
EERIE_API void eerie_value_retain(const eerie_value_t *value);
// Releases whatever `value` holds and makes it NONE. NULL is harmless.
EERIE_API void eerie_value_release(eerie_value_t *value);
// What kind of object a value refers to, as modules call it: "hal.buffer_view" for a tensor,
// "hal.buffer", "vm.list"; "" for numbers and NONE. Static.
EERIE_API const char *eerie_value_type_name(const eerie_value_t *value);
// The bytes of a value that has some: a tensor, host bytes, a "hal.buffer" of kind OTHER. Borrowed
// from it. NULL and 0: nothing of the kind, or memory that the host does not see.
EERIE_API const void *eerie_value_bytes(const eerie_value_t *value, uint64_t *out_size);

// ---- Fences ------------------------------------------------------------------------------------

// A point in time: pending until signaled or failed, once and for ever. Any thread.
EERIE_API eerie_status_t eerie_fence_create(eerie_instance_t *instance, eerie_fence_t **out_fence,
                                            eerie_error_t *err);
EERIE_API void eerie_fence_retain(eerie_fence_t *fence);
EERIE_API void eerie_fence_release(eerie_fence_t *fence);
// Signals (EERIE_OK) or fails a fence. What waited for it on an inline device runs now, on this
// thread.
EERIE_API void eerie_fence_signal(eerie_fence_t *fence, eerie_status_t status);
// OK: signaled. DEFERRED: pending. Otherwise what it failed with.
EERIE_API eerie_status_t eerie_fence_query(eerie_fence_t *fence, eerie_error_t *err);
// Blocks until signaled, or for `timeout_ns` nanoseconds (negative: for ever; DEADLINE_EXCEEDED).
EERIE_API eerie_status_t eerie_fence_wait(eerie_fence_t *fence, int64_t timeout_ns,
                                          eerie_error_t *err);

// ---- Host bytes and lists ----------------------------------------------------------------------

// Bytes for !util.buffer arguments, copied from `data` (NULL: zeros).
EERIE_API eerie_status_t eerie_buffer_create(eerie_instance_t *instance, const void *data,
                                             size_t size, eerie_buffer_t **out_buffer,
                                             eerie_error_t *err);
EERIE_API void eerie_buffer_retain(eerie_buffer_t *buffer);
EERIE_API void eerie_buffer_release(eerie_buffer_t *buffer);
EERIE_API const void *eerie_buffer_data(const eerie_buffer_t *buffer);
EERIE_API size_t eerie_buffer_size(const eerie_buffer_t *buffer);

// A list of values of any kind for !util.list<?> arguments. Not for several threads at once.
EERIE_API eerie_status_t eerie_list_create(eerie_instance_t *instance, size_t count,
                                           eerie_list_t **out_list, eerie_error_t *err);
EERIE_API void eerie_list_retain(eerie_list_t *list);
EERIE_API void eerie_list_release(eerie_list_t *list);
EERIE_API size_t eerie_list_count(const eerie_list_t *list);
// A reference is retained for the caller: eerie_value_release it. OUT_OF_RANGE.
EERIE_API eerie_status_t eerie_list_get(const eerie_list_t *list, size_t index,
                                        eerie_value_t *out_value, eerie_error_t *err);
// The list retains a reference. OUT_OF_RANGE; FAILED_PRECONDITION: a kind that the list does not
// take, or a list that would contain itself; RESOURCE_EXHAUSTED: lists in lists beyond 32 levels.
EERIE_API eerie_status_t eerie_list_set(eerie_list_t *list, size_t index, eerie_value_t value,
                                        eerie_error_t *err);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_H_
