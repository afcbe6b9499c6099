// convert.c: Python objects to values of a model's functions, and back.
#include "binding.h"

#include <string.h>

// ---- To the model ------------------------------------------------------------------------------

// Anything that is no array yet, such as a list of numbers or an array of a type that buffers have
// no name for, goes through Python code, which gives (object with a buffer, dtype name).
static eerie_tensor_t *tensor_from_other(eerie_device_t *device, PyObject *object,
                                         const eerie_type_t *type) {
  if (!binding.from_other) {
    PyErr_SetString(PyExc_TypeError, "not an array");
    return NULL;
  }
  const eerie_dtype_t wanted = type ? type->dtype : EERIE_DTYPE_NONE;
  PyObject *pair = PyObject_CallFunction(binding.from_other, "Os", object,
                                         wanted ? eerie_dtype_name(wanted) : "");
  if (!pair) return NULL;
  PyObject *array = NULL;
  const char *name = NULL;
  eerie_tensor_t *tensor = NULL;
  if (PyArg_ParseTuple(pair, "Os", &array, &name)) {
    tensor = binding_tensor_from_buffer(device, array, eerie_dtype_parse(name, strlen(name)));
  }
  Py_DECREF(pair);
  return tensor;
}

static eerie_tensor_t *to_tensor(eerie_device_t *device, PyObject *object,
                                 const eerie_type_t *type) {
  if (Py_TYPE(object) == binding.tensor_type) {
    eerie_tensor_t *tensor = ((tensor_object_t *)object)->tensor;
    eerie_tensor_retain(tensor);
    return tensor;
  }
  if (PyObject_CheckBuffer(object)) {
    eerie_tensor_t *tensor = binding_tensor_from_buffer(device, object, EERIE_DTYPE_NONE);
    if (tensor || PyErr_ExceptionMatches(binding.error)) return tensor;
    // Arrays may be unable to describe themselves as a buffer; Python code knows a way round.
    PyErr_Clear();
    return tensor_from_other(device, object, type);
  }
  if (PyObject_HasAttrString(object, "__dlpack__")) {
    return binding_tensor_from_dlpack(device, object);
  }
  return tensor_from_other(device, object, type);
}

static eerie_buffer_t *to_buffer(PyObject *object) {
  Py_buffer view;
  PyObject *encoded = PyUnicode_Check(object) ? PyUnicode_AsUTF8String(object) : Py_NewRef(object);
  if (!encoded) return NULL;
  eerie_buffer_t *buffer = NULL;
  if (PyObject_GetBuffer(encoded, &view, PyBUF_SIMPLE) == 0) {
    eerie_error_t err = {0};
    const eerie_status_t status =
        eerie_buffer_create(binding.instance, view.buf, (size_t)view.len, &buffer, &err);
    if (status != EERIE_OK) binding_raise(status, &err);
    PyBuffer_Release(&view);
  }
  Py_DECREF(encoded);
  return buffer;
}

// A value whose type nothing declares, such as an element of a list.
static bool to_undeclared(eerie_device_t *device, PyObject *object, eerie_value_t *out_value) {
  eerie_type_t type = {.kind = EERIE_KIND_TENSOR, .rank = SIZE_MAX};
  if (PyFloat_Check(object)) {
    type.kind = EERIE_KIND_F64;
  } else if (PyLong_Check(object)) {
    type.kind = EERIE_KIND_I64;
  } else if (PyUnicode_Check(object) || PyBytes_Check(object)) {
    type.kind = EERIE_KIND_BUFFER;
  } else if (PyList_Check(object) || PyTuple_Check(object)) {
    type.kind = EERIE_KIND_LIST;
  }
  return binding_to_value(device, object, &type, NULL, out_value);
}

static eerie_list_t *to_list(eerie_device_t *device, PyObject *object) {
  const Py_ssize_t count = PySequence_Size(object);
  if (count < 0 || Py_EnterRecursiveCall(" while a list is converted")) return NULL;
  eerie_list_t *list = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = eerie_list_create(binding.instance, (size_t)count, &list, &err);
  for (Py_ssize_t i = 0; status == EERIE_OK && i < count; ++i) {
    PyObject *item = PySequence_GetItem(object, i);
    eerie_value_t value = {0};
    if (!item || !to_undeclared(device, item, &value)) {
      status = EERIE_UNKNOWN; // with Python's exception
    } else {
      status = eerie_list_set(list, (size_t)i, value, &err);
      eerie_value_release(&value);
    }
    Py_XDECREF(item);
  }
  Py_LeaveRecursiveCall();
  if (status == EERIE_OK) return list;
  if (!PyErr_Occurred()) binding_raise(status, &err);
  eerie_list_release(list);
  return NULL;
}

static bool to_integer(PyObject *object, bool wide, eerie_value_t *out_value) {
  const long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred()) return false;
  if (wide) {
    out_value->as.i64 = value;
    return true;
  }
  // Both readings of 32 bits are welcome: VM registers have no sign.
  if (value < INT32_MIN || value > (long long)UINT32_MAX) {
    PyErr_Format(PyExc_OverflowError, "%lld does not fit in 32 bits", value);
    return false;
  }
  out_value->as.i32 = (int32_t)(uint32_t)value;
  return true;
}

static bool to_float(PyObject *object, bool wide, eerie_value_t *out_value) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred()) return false;
  if (wide) {
    out_value->as.f64 = value;
  } else {
    out_value->as.f32 = (float)value;
  }
  return true;
}

// Puts the name of the argument before the text of the exception that is set.
static void name_argument(const char *name) {
  if (!name || !PyErr_Occurred() || PyErr_ExceptionMatches(binding.error)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  PyErr_Format(type, "argument %s: %S", name, value);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
}

bool binding_to_value(eerie_device_t *device, PyObject *object, const eerie_type_t *type,
                      const char *name, eerie_value_t *out_value) {
  *out_value = (eerie_value_t){0};
  if (object == Py_None) return true; // a null reference
  bool done = false;
  switch (type->kind) {
  case EERIE_KIND_I32: done = to_integer(object, false, out_value); break;
  case EERIE_KIND_I64: done = to_integer(object, true, out_value); break;
  case EERIE_KIND_F32: done = to_float(object, false, out_value); break;
  case EERIE_KIND_F64: done = to_float(object, true, out_value); break;
  case EERIE_KIND_BUFFER: done = (out_value->as.buffer = to_buffer(object)) != NULL; break;
  case EERIE_KIND_LIST: done = (out_value->as.list = to_list(device, object)) != NULL; break;
  case EERIE_KIND_TENSOR:
    done = (out_value->as.tensor = to_tensor(device, object, type)) != NULL;
    break;
  case EERIE_KIND_OTHER:
    // A module without declarations tells only that it takes a reference.
    if (type->text && *type->text == 0) return to_undeclared(device, object, out_value);
    // fallthrough
  default:
    PyErr_Format(PyExc_TypeError, "values of type %s cannot be given from Python",
                 type->text ? type->text : "?");
    break;
  }
  if (done) {
    out_value->kind = type->kind;
  } else {
    name_argument(name && *name ? name : NULL);
  }
  return done;
}

// ---- From the model ----------------------------------------------------------------------------

static PyObject *from_tensor(eerie_tensor_t *take_tensor) {
  PyObject *hook =
      binding_tensor_has_buffer(take_tensor) ? binding.to_array : binding.to_array_other;
  PyObject *tensor = binding_tensor_new(take_tensor);
  if (!tensor || !hook) return tensor;
  PyObject *array = PyObject_CallFunctionObjArgs(hook, tensor, NULL);
  Py_DECREF(tensor);
  return array;
}

static PyObject *from_list(const eerie_list_t *list) {
  const size_t count = eerie_list_count(list);
  PyObject *items = PyList_New(0);
  if (items && Py_EnterRecursiveCall(" while a list is converted")) Py_CLEAR(items);
  if (!items) return NULL;
  for (size_t i = 0; items && i < count; ++i) {
    eerie_value_t value = {0};
    eerie_error_t err = {0};
    const eerie_status_t status = eerie_list_get(list, i, &value, &err);
    PyObject *item = status == EERIE_OK ? binding_from_value(&value) : binding_raise(status, &err);
    if (!item || PyList_Append(items, item) < 0) Py_CLEAR(items);
    Py_XDECREF(item);
  }
  Py_LeaveRecursiveCall();
  return items;
}

PyObject *binding_from_value(eerie_value_t *value) {
  PyObject *object = NULL;
  switch (value->kind) {
  case EERIE_KIND_NONE: return Py_NewRef(Py_None);
  case EERIE_KIND_I32: return PyLong_FromLong(value->as.i32);
  case EERIE_KIND_I64: return PyLong_FromLongLong(value->as.i64);
  case EERIE_KIND_F32: return PyFloat_FromDouble((double)value->as.f32);
  case EERIE_KIND_F64: return PyFloat_FromDouble(value->as.f64);
  case EERIE_KIND_TENSOR:
    object = from_tensor(value->as.tensor);
    *value = (eerie_value_t){0};
    return object;
  case EERIE_KIND_BUFFER:
    object = PyBytes_FromStringAndSize(eerie_buffer_data(value->as.buffer),
                                       (Py_ssize_t)eerie_buffer_size(value->as.buffer));
    break;
  case EERIE_KIND_LIST: object = from_list(value->as.list); break;
  default: PyErr_SetString(PyExc_TypeError, "a result of a type that Python cannot hold"); break;
  }
  eerie_value_release(value);
  return object;
}
