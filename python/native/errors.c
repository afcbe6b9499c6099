// errors.c: a status of the library as a Python exception.
//
// Each status has its class, derived from eerie.Error and, where Python has one that people expect,
// from that too: a wrong shape is a ValueError, a missing file or function a LookupError.
#include "binding.h"

#include <string.h>

typedef struct error_class {
  eerie_status_t status;
  const char *name;
  PyObject **also; // second base, or NULL
} error_class_t;

static const error_class_t classes[] = {
    {EERIE_CANCELLED, "eerie.CancelledError", NULL},
    {EERIE_INVALID_ARGUMENT, "eerie.InvalidArgumentError", &PyExc_ValueError},
    {EERIE_DEADLINE_EXCEEDED, "eerie.DeadlineExceededError", &PyExc_TimeoutError},
    {EERIE_NOT_FOUND, "eerie.NotFoundError", &PyExc_LookupError},
    {EERIE_ALREADY_EXISTS, "eerie.AlreadyExistsError", NULL},
    {EERIE_PERMISSION_DENIED, "eerie.PermissionDeniedError", &PyExc_PermissionError},
    {EERIE_RESOURCE_EXHAUSTED, "eerie.ResourceExhaustedError", &PyExc_MemoryError},
    {EERIE_FAILED_PRECONDITION, "eerie.FailedPreconditionError", NULL},
    {EERIE_ABORTED, "eerie.AbortedError", NULL},
    {EERIE_OUT_OF_RANGE, "eerie.OutOfRangeError", &PyExc_IndexError},
    {EERIE_UNIMPLEMENTED, "eerie.UnimplementedError", &PyExc_NotImplementedError},
    {EERIE_INTERNAL, "eerie.InternalError", NULL},
    {EERIE_UNAVAILABLE, "eerie.UnavailableError", NULL},
    {EERIE_DATA_LOSS, "eerie.DataLossError", &PyExc_ValueError},
    {EERIE_DEFERRED, "eerie.DeferredError", NULL},
    {EERIE_INCOMPATIBLE, "eerie.IncompatibleError", NULL},
};

static int add_class(PyObject *module, const error_class_t *entry) {
  PyObject *bases =
      entry->also ? PyTuple_Pack(2, binding.error, *entry->also) : PyTuple_Pack(1, binding.error);
  if (!bases) return -1;
  PyObject *type = PyErr_NewException(entry->name, bases, NULL);
  Py_DECREF(bases);
  if (!type) return -1;
  binding.errors[entry->status] = type;
  return PyModule_AddObjectRef(module, entry->name + sizeof "eerie." - 1, type);
}

int binding_add_errors(PyObject *module) {
  binding.error = PyErr_NewExceptionWithDoc(
      "eerie.Error",
      "A call of Eerie failed. `status` is the name of its code, such as 'INVALID_ARGUMENT'.",
      PyExc_RuntimeError, NULL);
  if (!binding.error || PyModule_AddObjectRef(module, "Error", binding.error) < 0) return -1;
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; ++i) {
    if (add_class(module, &classes[i]) < 0) return -1;
  }
  return 0;
}

PyObject *binding_raise(eerie_status_t status, const eerie_error_t *err) {
  const size_t known = sizeof binding.errors / sizeof binding.errors[0];
  PyObject *type = (size_t)status < known ? binding.errors[status] : NULL;
  if (!type) type = binding.error;
  const char *text = err && err->message[0] ? err->message : eerie_status_name(status);
  // A message may quote bytes of a file.
  PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
  PyObject *exception = message ? PyObject_CallFunctionObjArgs(type, message, NULL) : NULL;
  Py_XDECREF(message);
  if (!exception) return NULL;
  PyObject *name = PyUnicode_FromString(eerie_status_name(status));
  if (name && PyObject_SetAttrString(exception, "status", name) == 0) {
    PyErr_SetObject(type, exception);
  }
  Py_XDECREF(name);
  Py_DECREF(exception);
  return NULL;
}
