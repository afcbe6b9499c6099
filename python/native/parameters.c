// parameters.c: writing archives of parameters.
#include "binding.h"

#include <stdio.h>
#include <string.h>

static void release_buffer(void *user, const void *data, size_t size) {
  (void)data;
  (void)size;
  PyBuffer_Release(user);
  PyMem_Free(user);
}

// Adds (key, array) or (key, array, dtype): bytes in row-major order, which the set borrows. The
// name of a type is for those that buffers have no format for.
static bool add_entry(eerie_parameters_t *parameters, PyObject *pair) {
  const char *key = NULL, *dtype = NULL;
  PyObject *array = NULL;
  if (!PyArg_ParseTuple(pair, "sO|s", &key, &array, &dtype)) return false;
  Py_buffer *view = PyMem_Calloc(1, sizeof *view);
  if (!view) {
    PyErr_NoMemory();
    return false;
  }
  if (PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
    PyMem_Free(view);
    return false;
  }
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
  const bool shaped = view->ndim <= EERIE_TENSOR_RANK_LIMIT;
  for (int i = 0; shaped && i < view->ndim; ++i) {
    shape[i] = view->shape[i];
  }
  const eerie_parameter_info_t info = {
      .key = key,
      .size = (uint64_t)view->len,
      .data = view->buf,
      .dtype = dtype ? eerie_dtype_parse(dtype, strlen(dtype)) : binding_dtype_of_buffer(view),
      .rank = shaped ? (size_t)view->ndim : SIZE_MAX,
      .shape = shaped ? shape : NULL,
  };
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_parameters_add(
      parameters, &info, &(eerie_parameters_options_t){.release = release_buffer, .user = view},
      &err);
  if (status == EERIE_OK) return true;
  PyBuffer_Release(view);
  PyMem_Free(view);
  binding_raise(status, &err);
  return false;
}

static eerie_status_t write_file(void *user, const void *data, size_t size) {
  return fwrite(data, 1, size, user) == size ? EERIE_OK : EERIE_UNAVAILABLE;
}

static bool write_set(const eerie_parameters_t *parameters, const char *path,
                      eerie_parameters_format_t format) {
  FILE *file = fopen(path, "wb");
  if (!file) {
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return false;
  }
  eerie_error_t err = {0};
  const eerie_status_t status =
      eerie_parameters_write(parameters, format, write_file, file, NULL, &err);
  const bool failed = ferror(file) != 0;
  if ((fclose(file) != 0 || failed) && !PyErr_Occurred()) {
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return false;
  }
  if (status != EERIE_OK) binding_raise(status, &err);
  return status == EERIE_OK;
}

PyObject *binding_write_parameters(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *path = NULL, *entries = NULL;
  const char *name = NULL;
  if (!PyArg_ParseTuple(args, "O&Os", PyUnicode_FSConverter, &path, &entries, &name)) return NULL;
  const eerie_parameters_format_t format =
      strcmp(name, "safetensors") == 0 ? EERIE_PARAMETERS_SAFETENSORS : EERIE_PARAMETERS_IRPA;
  eerie_parameters_t *parameters = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_parameters_create(binding.instance, "", &parameters, &err);
  if (status != EERIE_OK) binding_raise(status, &err);
  const Py_ssize_t count = status == EERIE_OK ? PySequence_Size(entries) : -1;
  bool done = count >= 0;
  for (Py_ssize_t i = 0; done && i < count; ++i) {
    PyObject *pair = PySequence_GetItem(entries, i);
    done = pair && add_entry(parameters, pair);
    Py_XDECREF(pair);
  }
  done = done && write_set(parameters, PyBytes_AsString(path), format);
  eerie_parameters_release(parameters);
  Py_DECREF(path);
  if (!done) return NULL;
  Py_RETURN_NONE;
}
