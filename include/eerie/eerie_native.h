// eerie_native.h: functions in C that compiled models call.
//
// A model may leave functions open, as declarations without a body in its MLIR:
//
//   func.func private @host.lookup(%keys: tensor<?xi32>, %limit: i32) -> tensor<?xf32>
//
// The program that runs it provides a module "host" with a function "lookup". Its signature is what
// the model declares; arguments and results are eerie_value_t as in eerie_call: tensors on the
// level of models, and scalars, bytes, lists, fences and objects on that of the VM.
//
//   static eerie_status_t lookup(eerie_native_call_t *call) {
//     const eerie_tensor_t *keys = call->inputs[0].as.tensor;
//     const int32_t *key = eerie_tensor_data(keys);
//     eerie_tensor_t *found = NULL;
//     eerie_status_t status = eerie_native_output_tensor(
//         call, 0, EERIE_F32, 1, eerie_tensor_shape(keys), NULL, &found);
//     if (status != EERIE_OK) return status;
//     float *value = eerie_tensor_mutable_data(found);
//     for (uint64_t i = 0; i < eerie_tensor_count(keys); ++i) {
//       if (key[i] >= call->inputs[1].as.i32)
//         return eerie_native_fail(call, EERIE_NOT_FOUND, "no key %d", key[i]);
//       value[i] = ((const float *)call->user)[key[i]];
//     }
//     return EERIE_OK;
//   }
//
//   static const eerie_native_function_t functions[] = {
//       {"lookup", "(tensor<?xi32>, i32) -> tensor<?xf32>", lookup},
//   };
//   eerie_native_module_t host = {"host", functions, 1, .user = table};
//
//   eerie_program_create(instance, &(eerie_program_options_t){
//       .module = model, .device = device, .natives = &(const eerie_native_module_t *){&host},
//       .native_count = 1}, &program, &err);
//
// What can be known of a signature when the program is linked is compared then; dtype and
// dimensions of tensors are checked at each call, both ways, before the function sees them and
// before the model does. docs/native.md tells more.
#ifndef EERIE_EERIE_NATIVE_H_
#define EERIE_EERIE_NATIVE_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- Functions ---------------------------------------------------------------------------------

// One call of a native function, on the thread that calls the program. Valid until the function
// returns; not to be copied.
typedef struct eerie_native_call {
  void *user;                  // of the module
  eerie_instance_t *instance;  // for what the function creates; borrowed
  eerie_device_t *device;      // the program's first device; borrowed
  const eerie_value_t *inputs; // borrowed: retain what outlives the call (eerie_value_retain)
  size_t input_count;
  eerie_value_t *outputs; // NONE at first; references put here are handed over to the model
  size_t output_count;
  eerie_error_t *err; // for functions of Eerie that the function calls, and eerie_native_fail
  // Of an "async" function where the model uses fences; NULL elsewhere. Borrowed.
  eerie_fence_t *wait;   // tensors of the arguments are there when this is signaled; may be NULL
  eerie_fence_t *signal; // to be signaled when those of the results are
} eerie_native_call_t;

// Returns EERIE_OK, or a status which fails the model's call; outputs that were set are then
// released. The message is that of call->err, by eerie_native_fail or by the function of Eerie that
// failed with this status. It may call other programs; one that it is called from is busy
// (UNAVAILABLE), and must not be released here.
typedef eerie_status_t (*eerie_native_fn_t)(eerie_native_call_t *call);

typedef struct eerie_native_function {
  const char *name; // without the module; may have dots
  // Types in the spelling of MLIR, "(tensor<?x4xf32>, i32) -> (tensor<4xf32>, index)", with names
  // for messages if wanted: "(%keys: tensor<?xi32>) -> tensor<?xf32>". Known are
  //   tensor<...>, and tensor or !hal.buffer_view for any tensor
  //   i1 to i32, si/ui: EERIE_KIND_I32; i64, index: EERIE_KIND_I64; f32; f64
  //   !util.buffer, !util.list<?>, !hal.fence: null references are let through as NONE
  //   !name.name of a type that a native module of the program has, and others of !hal: OTHER
  //
  // Models that are compiled with --iree-execution-model=async-external hand a function two fences:
  // one that is signaled when the tensors of its arguments are there, and one to be signaled when
  // those of its results are. A function need not know: it is called when the first is signaled,
  // and the second is signaled when it has returned. One that wants to go on while the model does
  // says so: "async (tensor<4xf32>) -> tensor<4xf32>". It may return before it has begun, must not
  // read its arguments before `call->wait`, and sees to it that `call->signal` is signaled in the
  // end, from any thread; when it fails `signal` is failed for it. Where the model has no fences
  // both are NULL, the arguments are there, and the results must be on return.
  const char *signature;
  eerie_native_fn_t function;
} eerie_native_function_t;

// ---- Modules -----------------------------------------------------------------------------------

// A type of references that only native functions look into: !custom.string in MLIR.
typedef struct eerie_native_type {
  const char *name;            // "custom.string"
  void (*destroy)(void *data); // when the last reference goes, on its thread; may be NULL
} eerie_native_type_t;

// A module in C. Everything in it is borrowed and must live as long as programs that use it, and
// objects of its types.
//
// eerie_program_create answers, besides what it says itself: ALREADY_EXISTS: a name that a module
// of Eerie ("hal"), another native module or a compiled one has, or two functions of one name.
// INVALID_ARGUMENT: a signature that cannot be read, with the place; a function that the model
// imports with other types. NOT_FOUND: one that the model imports and the module lacks.
struct eerie_native_module {
  const char *name;
  const eerie_native_function_t *functions;
  size_t function_count;
  const eerie_native_type_t *types;
  size_t type_count;
  void *user; // handed to each function
};

// ---- Inside of a function ----------------------------------------------------------------------

// Writes a message, in the manner of printf, to the call's error record, and returns `status`:
//   return eerie_native_fail(call, EERIE_NOT_FOUND, "no key %d", key);
// Knows %s %d %i %u %x %X %c %p %%, with h, l, ll, z and j, widths and %.*s; no floats. The name of
// the function is put before it.
EERIE_API eerie_status_t eerie_native_fail(eerie_native_call_t *call, eerie_status_t status,
                                           const char *format, ...)
#if defined(__MINGW32__)
    __attribute__((format(gnu_printf, 3, 4)))
#elif defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

// Creates a tensor on the call's device, as eerie_tensor_create does, and makes it output `index`.
// `out_tensor` is borrowed from there and may be NULL. OUT_OF_RANGE: no such output.
EERIE_API eerie_status_t eerie_native_output_tensor(eerie_native_call_t *call, size_t index,
                                                    eerie_dtype_t dtype, size_t rank,
                                                    const int64_t *shape, const void *data,
                                                    eerie_tensor_t **out_tensor);

// For a function that cannot finish before `fence` is signaled or failed: `return
// eerie_native_wait(call, fence);`. It is called again from its beginning, with the same inputs,
// when that has happened; meanwhile the program's caller is free (eerie_call_async answers
// DEFERRED) or waits (eerie_call).
EERIE_API eerie_status_t eerie_native_wait(eerie_native_call_t *call, eerie_fence_t *fence);

// Makes an object of `type`, one of the module's own, around `data`. The reference is the caller's:
// put it in an output, or eerie_value_release it. On failure `data` is not destroyed.
// INVALID_ARGUMENT: a type of another module. RESOURCE_EXHAUSTED.
EERIE_API eerie_status_t eerie_native_object_create(eerie_native_call_t *call,
                                                    const eerie_native_type_t *type, void *data,
                                                    eerie_value_t *out_value);
// The data of an object of `type`; NULL when `value` is anything else. Any thread.
EERIE_API void *eerie_native_object_data(const eerie_value_t *value,
                                         const eerie_native_type_t *type);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_NATIVE_H_
