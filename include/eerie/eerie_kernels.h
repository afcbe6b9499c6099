// eerie_kernels.h: kernels that do not travel in the module, and functions that kernels call.
//
// Three kinds, all of them for devices that run kernels on the host ("local-sync", "local-task"):
//
//   libraries  The compiler can write the kernels of a module as an object file
//              (--iree-llvmcpu-link-static) that is linked into the program: give its query
//              function to the device, and modules with executables of format "static" run.
//   imports    Kernels may import functions by name: the way to hand a matrix product to a tuned
//              library. Give the device a table of them.
//   plugins    The same, in a shared library that is opened at run time; those made for
//              `iree-run-module --executable_plugin=` are understood.
//
// All must be given before the program that needs them is created: kernels are looked up, and their
// imports resolved, while they load. They stay with the device. docs/kernels.md has the flags, the
// layout of arguments, and what the processor's words mean.
#ifndef EERIE_EERIE_KERNELS_H_
#define EERIE_EERIE_KERNELS_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// The function that the compiler's header declares: `<module>_linked_library_query`, cast to this.
typedef const void *(*eerie_kernel_library_query_t)(uint32_t max_version, const void *environment);

// Makes the kernels of a library known to `device` under the name in its header. The code must
// outlive the device. INCOMPATIBLE: the library is of no version that this build runs, or built for
// a sanitizer. INVALID_ARGUMENT: no function, or a library without a name. ALREADY_EXISTS: a
// library of this name. UNIMPLEMENTED: not a device for host kernels. Any thread.
EERIE_API eerie_status_t eerie_device_add_library(eerie_device_t *device,
                                                  eerie_kernel_library_query_t query,
                                                  eerie_error_t *err);

// A function that kernels call. `params` points to a struct of the results, then the arguments that
// the kernel declares, then the fields of the processor that it asks for, each aligned as C does;
// `reserved` is NULL. Returns 0, or anything else to fail the dispatch (INTERNAL, with the number).
// Called from the threads that run kernels, several at once.
// Source of the convention: iree_hal_executable_import_v0_t in executable_library.h.
typedef int (*eerie_kernel_import_fn_t)(void *params, void *context, void *reserved);

typedef struct eerie_kernel_import {
  const char *symbol; // as the kernel imports it
  eerie_kernel_import_fn_t function;
  void *context; // handed to each call
} eerie_kernel_import_t;

// Lets the kernels of `device` import these functions. Copied; functions, symbols and contexts must
// outlive the device. All or none. Asked before what was given earlier, plugins included.
// ALREADY_EXISTS: a symbol that an earlier table has. INVALID_ARGUMENT: no symbol or no function.
// UNIMPLEMENTED: not a device for host kernels. Any thread.
EERIE_API eerie_status_t eerie_device_add_imports(eerie_device_t *device,
                                                  const eerie_kernel_import_t *imports,
                                                  size_t count, eerie_error_t *err);

// Opens a shared library of kernel imports and keeps it open as long as the device. A path without
// a slash is looked for where the system looks for libraries. "embedded:" before the path, or
// ".sos" at its end, stands for an image that needs no system and is loaded as kernels are.
// NOT_FOUND: the file, or it is no plugin. INCOMPATIBLE: an interface or a feature that this build
// does not know. Otherwise what the plugin failed with. UNIMPLEMENTED: not a device for host
// kernels, or no shared libraries on this system. Any thread.
EERIE_API eerie_status_t eerie_device_add_plugin(eerie_device_t *device, const char *path,
                                                 eerie_error_t *err);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_KERNELS_H_
