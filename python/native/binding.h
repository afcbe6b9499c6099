// binding.h: what the files of the Python extension share.
//
// The extension speaks eerie.h on one side and Python's stable ABI (3.11) on the other, so one
// wheel serves every Python from 3.11 on. Arrays cross by the buffer protocol and by DLPack; NumPy
// is not needed to build it.
//
//   module.c   the module, devices               errors.c   exceptions
//   program.c  programs, parameters, functions   dlpack.c   capsules of other frameworks
//   tensor.c   tensors as Python objects         convert.c  arguments and results
//   parameters.c   writing archives of weights
#ifndef EERIE_PYTHON_BINDING_H_
#define EERIE_PYTHON_BINDING_H_

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "eerie/eerie.h"
#include "eerie/eerie_parameters.h"

// What the module knows; there is one for a process.
typedef struct binding_state {
  eerie_instance_t *instance;
  PyTypeObject *tensor_type;
  PyTypeObject *program_type;
  PyTypeObject *function_type;
  PyObject *error;          // eerie.Error
  PyObject *errors[19];     // by status: a class derived from it
  PyObject *to_array;       // makes an array of a tensor that has a buffer; NULL: it stays a tensor
  PyObject *to_array_other; // the same for one of a type that buffers have no name for
  PyObject *from_other; // called with (object, dtype name) that has no buffer; gives one that has
} binding_state_t;

extern binding_state_t binding;

// ---- errors.c ----------------------------------------------------------------------------------

// Makes eerie.Error and its family, and adds them to the module.
int binding_add_errors(PyObject *module);
// Raises the exception of `err`; returns NULL.
PyObject *binding_raise(eerie_status_t status, const eerie_error_t *err);

// ---- tensor.c ----------------------------------------------------------------------------------

typedef struct tensor_object {
  PyObject ob_base;
  eerie_tensor_t *tensor;
  Py_ssize_t *strides; // in bytes, for the buffer protocol; made when first asked for
} tensor_object_t;

extern PyType_Spec binding_tensor_spec;

// NONE: a type that no tensor has.
eerie_dtype_t binding_dtype_of_buffer(const Py_buffer *view);
// Whether buffers have a name for the tensor's elements.
bool binding_tensor_has_buffer(const eerie_tensor_t *tensor);
// Whether there is an address to lend: GPUs may have memory of their own.
bool binding_tensor_on_host(const eerie_tensor_t *tensor);
#define BINDING_NOT_ON_HOST                                                                        \
  "the tensor's memory is not visible to the host; numpy.asarray(tensor) copies it"

// Takes over the reference.
PyObject *binding_tensor_new(eerie_tensor_t *take_tensor);
// Whether tensors of the device read such memory in place. Kernels of other devices may reach it
// slowly, and whenever they read it.
bool binding_in_place(const eerie_device_t *device, const void *data);
// A tensor that reads the memory of a buffer: in place where that is good, else copied. A
// dtype other than NONE stands for bytes of that type, where buffers have no name for it.
eerie_tensor_t *binding_tensor_from_buffer(eerie_device_t *device, PyObject *object,
                                           eerie_dtype_t dtype);

// ---- dlpack.c ----------------------------------------------------------------------------------

// A tensor over what `object.__dlpack__()` gives.
eerie_tensor_t *binding_tensor_from_dlpack(eerie_device_t *device, PyObject *object);
PyObject *binding_tensor_to_dlpack(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *binding_tensor_dlpack_device(PyObject *self, PyObject *unused);

// ---- convert.c ---------------------------------------------------------------------------------

// Python to a value of the declared type; references in it are the caller's to release. false: an
// exception is set. `name` is for its text.
bool binding_to_value(eerie_device_t *device, PyObject *object, const eerie_type_t *type,
                      const char *name, eerie_value_t *out_value);
// Takes over what `value` holds.
PyObject *binding_from_value(eerie_value_t *value);

// ---- program.c ---------------------------------------------------------------------------------

extern PyType_Spec binding_program_spec;
extern PyType_Spec binding_function_spec;

// ---- parameters.c ------------------------------------------------------------------------------

// (path, [(key, array), ...], "irpa" or "safetensors")
PyObject *binding_write_parameters(PyObject *module, PyObject *args);

#endif // EERIE_PYTHON_BINDING_H_
