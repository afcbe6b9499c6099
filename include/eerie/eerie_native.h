// eerie_native.h: functions in C that compiled models call.
//
// A model may leave functions open, as declarations without a body in its MLIR:
//
//   func.func private @host.lookup(%keys: tensor<?xi32>, %limit: i32) -> tensor<?xf32>
//
// The program that runs it provides a module "host" with a function "lookup". Arguments and results
// are eerie_value_t as in eerie_call: tensors on the level of models, and scalars, buffers, lists
// and fences on that of the VM, so one interface serves both:
//
//   static eerie_status_t lookup(eerie_native_call_t *call) { ... call->inputs[0].as.tensor ... }
//
//   static const eerie_native_function_t functions[] = {
//       {"lookup", "(tensor<?xi32>, i32) -> tensor<?xf32>", lookup},
//   };
//   static const eerie_native_module_t host = {"host", functions, 1};
//
//   eerie_program_create(instance, &(eerie_program_options_t){
//       .module = model, .device = device, .natives = &(const eerie_native_module_t *){&host},
//       .native_count = 1}, &program, &err);
//
// The signature is compared with what the model imports when the program is linked; what only a
// call can tell, dtype and dimensions of a tensor, is checked at each call, both ways.
#ifndef EERIE_EERIE_NATIVE_H_
#define EERIE_EERIE_NATIVE_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// One call of a native function, on the thread that calls the program.
typedef struct eerie_native_call {
  void *user;                  // of the module
  eerie_instance_t *instance;  // for what the function creates; borrowed
  eerie_device_t *device;      // the program's first device, or NULL; borrowed
  const eerie_value_t *inputs; // borrowed: retain what outlives the call
  size_t input_count;
  eerie_value_t *outputs; // NONE at first; what is put here is handed to the model
  size_t output_count;
  eerie_error_t *err; // for eerie_native_fail
} eerie_native_call_t;

// Returns EERIE_OK, or a status which fails the model's call. Outputs that were set are then
// released.
typedef eerie_status_t (*eerie_native_fn_t)(eerie_native_call_t *call);

typedef struct eerie_native_function {
  const char *name; // without the module
  // Types in the spelling of MLIR, "(tensor<?x4xf32>, i32) -> (tensor<4xf32>, index)". Known are
  // tensor<...> and !hal.buffer_view (any tensor), i1 to i64, si/ui, index, f32, f64, !util.buffer,
  // !util.list<?>, !hal.fence, and tensor without brackets.
  const char *signature;
  eerie_native_fn_t function;
} eerie_native_function_t;

// A module in C. Everything in it is borrowed and must live as long as programs that use it.
typedef struct eerie_native_module {
  const char *name;
  const eerie_native_function_t *functions;
  size_t function_count;
  void *user;
} eerie_native_module_t;

// Writes a message, in the manner of printf, to the call's error record, and returns `status`:
//   return eerie_native_fail(call, EERIE_NOT_FOUND, "no key %d", key);
// Knows %s %d %u %x %c %%, with l, ll and z, and %.*s.
EERIE_API eerie_status_t eerie_native_fail(eerie_native_call_t *call, eerie_status_t status,
                                           const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_NATIVE_H_
