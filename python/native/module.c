// module.c: eerie._native, the part of the Python package that is written in C.
#include "binding.h"

binding_state_t binding;

static PyObject *list_devices(PyObject *module, PyObject *unused) {
  (void)module;
  (void)unused;
  PyObject *list = PyList_New(0);
  eerie_device_info_t info;
  for (size_t i = 0; list && eerie_device_list(binding.instance, i, &info); ++i) {
    PyObject *item = Py_BuildValue("(sss)", info.name, info.driver, info.description);
    if (!item || PyList_Append(list, item) < 0) Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static void set_hook(PyObject **hook, PyObject *function) {
  PyObject *old = *hook;
  *hook = function == Py_None ? NULL : Py_NewRef(function);
  Py_XDECREF(old);
}

static PyObject *set_hooks(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *to_array, *to_array_other, *from_other;
  if (!PyArg_ParseTuple(args, "OOO", &to_array, &to_array_other, &from_other)) return NULL;
  set_hook(&binding.to_array, to_array);
  set_hook(&binding.to_array_other, to_array_other);
  set_hook(&binding.from_other, from_other);
  Py_RETURN_NONE;
}

static PyObject *memory(PyObject *module, PyObject *unused) {
  (void)module;
  (void)unused;
  size_t current, peak;
  eerie_instance_memory(binding.instance, &current, &peak);
  return Py_BuildValue("(nn)", (Py_ssize_t)current, (Py_ssize_t)peak);
}

static PyMethodDef methods[] = {
    {"devices", list_devices, METH_NOARGS, "(name, driver, description) of each device."},
    {"set_hooks", set_hooks, METH_VARARGS,
     "What makes arrays of result tensors, and buffers of arguments that have none."},
    {"memory", memory, METH_NOARGS, "Bytes in use by the library: now, and at most so far."},
    {"write_parameters", binding_write_parameters, METH_VARARGS,
     "Writes (path, [(key, array), ...], format): an archive of parameters."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "eerie._native", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec, const char *name) {
  PyObject *type = PyType_FromSpec(spec);
  if (!type || PyModule_AddObjectRef(module, name, type) < 0) return NULL;
  return (PyTypeObject *)type;
}

PyMODINIT_FUNC PyInit__native(void) {
  PyObject *module = PyModule_Create(&definition);
  if (!module) return NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_instance_create(NULL, &binding.instance, &err);
  if (binding_add_errors(module) == 0 && status != EERIE_OK) binding_raise(status, &err);
  if (!PyErr_Occurred() &&
      (binding.tensor_type = add_type(module, &binding_tensor_spec, "Tensor")) != NULL &&
      (binding.program_type = add_type(module, &binding_program_spec, "Program")) != NULL &&
      (binding.function_type = add_type(module, &binding_function_spec, "Function")) != NULL &&
      PyModule_AddStringConstant(module, "version", eerie_version()) == 0 &&
      PyModule_AddIntConstant(module, "alignment", EERIE_BUFFER_ALIGNMENT) == 0) {
    return module;
  }
  Py_DECREF(module);
  return NULL;
}
