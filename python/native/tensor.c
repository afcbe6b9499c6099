// tensor.c: eerie.Tensor: a tensor of the library that Python can look into.
//
// It offers its memory by the buffer protocol and by DLPack, without a copy. Types that buffers
// have no name for (bf16, the 8-bit floats, 4-bit integers) are reached through DLPack or as bytes.
#include "binding.h"

#include <string.h>

// Names of element types in the buffer protocol: those of Python's struct module.
typedef struct format {
  eerie_dtype_t dtype;
  const char *text;
} format_t;

static const format_t formats[] = {
    {EERIE_BOOL, "?"}, {EERIE_I8, "b"},  {EERIE_I16, "h"},        {EERIE_I32, "i"},
    {EERIE_I64, "q"},  {EERIE_S8, "b"},  {EERIE_S16, "h"},        {EERIE_S32, "i"},
    {EERIE_S64, "q"},  {EERIE_U8, "B"},  {EERIE_U16, "H"},        {EERIE_U32, "I"},
    {EERIE_U64, "Q"},  {EERIE_F16, "e"}, {EERIE_F32, "f"},        {EERIE_F64, "d"},
    {EERIE_I64, "l"},  {EERIE_U64, "L"}, {EERIE_COMPLEX64, "Zf"}, {EERIE_COMPLEX128, "Zd"},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

static const char *format_of(eerie_dtype_t dtype) {
  for (size_t i = 0; i < FORMAT_COUNT; ++i) {
    if (formats[i].dtype == dtype) return formats[i].text;
  }
  return NULL;
}

bool binding_tensor_on_host(const eerie_tensor_t *tensor) {
  return eerie_tensor_data(tensor) || eerie_tensor_size(tensor) == 0;
}

bool binding_tensor_has_buffer(const eerie_tensor_t *tensor) {
  return format_of(eerie_tensor_dtype(tensor)) && binding_tensor_on_host(tensor);
}

static eerie_dtype_t dtype_of(const char *format, Py_ssize_t item_size) {
  if (!format) return EERIE_U8; // by the protocol's rule
  if (*format == '<' || *format == '=' || *format == '@') ++format;
  for (size_t i = 0; i < FORMAT_COUNT; ++i) {
    if (strcmp(formats[i].text, format) != 0) continue;
    if (eerie_dtype_bits(formats[i].dtype) == (unsigned)item_size * 8) return formats[i].dtype;
  }
  // What C calls long is 4 bytes on some systems.
  if (item_size == 4 && strcmp(format, "l") == 0) return EERIE_I32;
  if (item_size == 4 && strcmp(format, "L") == 0) return EERIE_U32;
  return EERIE_DTYPE_NONE;
}

eerie_dtype_t binding_dtype_of_buffer(const Py_buffer *view) {
  return dtype_of(view->format, view->itemsize);
}

// ---- Making ------------------------------------------------------------------------------------

PyObject *binding_tensor_new(eerie_tensor_t *take_tensor) {
  tensor_object_t *self = PyObject_New(tensor_object_t, binding.tensor_type);
  if (!self) {
    eerie_tensor_release(take_tensor);
    return NULL;
  }
  self->tensor = take_tensor;
  self->strides = NULL;
  return (PyObject *)self;
}

// The last user of a buffer's memory may be on any thread.
static void release_buffer(void *user, void *data) {
  (void)data;
  const PyGILState_STATE gil = PyGILState_Ensure();
  PyBuffer_Release(user);
  PyMem_Free(user);
  PyGILState_Release(gil);
}

bool binding_in_place(const eerie_device_t *device, const void *data) {
  const bool cpu = strncmp(eerie_device_name(device), "local", 5) == 0;
  return cpu && data && (uintptr_t)data % EERIE_BUFFER_ALIGNMENT == 0;
}

// The elements of a buffer that is not in one piece, for a device whose memory the host does not
// see. UNKNOWN: with Python's exception.
static eerie_status_t copy_strided(eerie_device_t *device, Py_buffer *view, eerie_dtype_t dtype,
                                   const int64_t *shape, eerie_tensor_t **out_tensor,
                                   eerie_error_t *err) {
  void *elements = PyMem_Malloc((size_t)view->len);
  eerie_status_t status = EERIE_UNKNOWN;
  if (!elements) {
    PyErr_NoMemory();
  } else if (PyBuffer_ToContiguous(elements, view, view->len, 'C') == 0) {
    status =
        eerie_tensor_create(device, dtype, (size_t)view->ndim, shape, elements, out_tensor, err);
  }
  PyMem_Free(elements);
  return status;
}

// Copies the elements of a buffer that is not used in place, or not in one piece. UNKNOWN: with
// Python's exception.
static eerie_status_t copy_buffer(eerie_device_t *device, Py_buffer *view, eerie_dtype_t dtype,
                                  const int64_t *shape, eerie_tensor_t **out_tensor,
                                  eerie_error_t *err) {
  const size_t rank = (size_t)view->ndim;
  if (PyBuffer_IsContiguous(view, 'C')) {
    return eerie_tensor_create(device, dtype, rank, shape, view->buf, out_tensor, err);
  }
  eerie_status_t status = eerie_tensor_create(device, dtype, rank, shape, NULL, out_tensor, err);
  if (status != EERIE_OK) return status;
  void *data = eerie_tensor_mutable_data(*out_tensor);
  if (data && PyBuffer_ToContiguous(data, view, view->len, 'C') == 0) return EERIE_OK;
  eerie_tensor_release(*out_tensor);
  *out_tensor = NULL;
  return data ? EERIE_UNKNOWN : copy_strided(device, view, dtype, shape, out_tensor, err);
}

static eerie_status_t take_buffer(eerie_device_t *device, Py_buffer **view, eerie_dtype_t dtype,
                                  eerie_tensor_t **out_tensor, eerie_error_t *err) {
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
  for (int i = 0; i < (*view)->ndim; ++i) {
    shape[i] = (*view)->shape[i];
  }
  if (!binding_in_place(device, (*view)->buf) || !PyBuffer_IsContiguous(*view, 'C')) {
    return copy_buffer(device, *view, dtype, shape, out_tensor, err);
  }
  const eerie_status_t status =
      eerie_tensor_wrap(device, dtype, (size_t)(*view)->ndim, shape, (*view)->buf,
                        (size_t)(*view)->len, release_buffer, *view, out_tensor, err);
  if (status == EERIE_OK) *view = NULL; // the tensor's now
  return status;
}

eerie_tensor_t *binding_tensor_from_buffer(eerie_device_t *device, PyObject *object,
                                           eerie_dtype_t dtype) {
  Py_buffer *view = PyMem_Calloc(1, sizeof *view);
  if (!view) {
    PyErr_NoMemory();
    return NULL;
  }
  if (PyObject_GetBuffer(object, view, PyBUF_FULL_RO) < 0) {
    PyMem_Free(view);
    return NULL;
  }
  eerie_tensor_t *tensor = NULL;
  eerie_error_t err = {0};
  if (dtype == EERIE_DTYPE_NONE) dtype = dtype_of(view->format, view->itemsize);
  if (dtype == EERIE_DTYPE_NONE) {
    PyErr_Format(PyExc_TypeError, "an array of type '%s', which no tensor has", view->format);
  } else if (view->ndim > EERIE_TENSOR_RANK_LIMIT) {
    PyErr_Format(PyExc_ValueError, "an array of %d dimensions; the limit is %d", view->ndim,
                 EERIE_TENSOR_RANK_LIMIT);
  } else {
    const eerie_status_t status = take_buffer(device, &view, dtype, &tensor, &err);
    if (status != EERIE_OK && !PyErr_Occurred()) binding_raise(status, &err);
  }
  if (view) {
    PyBuffer_Release(view);
    PyMem_Free(view);
  }
  return tensor;
}

// ---- The buffer protocol -----------------------------------------------------------------------

static bool make_strides(tensor_object_t *self, size_t item_size) {
  const size_t rank = eerie_tensor_rank(self->tensor);
  if (self->strides || rank == 0) return true;
  self->strides = PyMem_Calloc(rank, sizeof *self->strides);
  if (!self->strides) {
    PyErr_NoMemory();
    return false;
  }
  const int64_t *shape = eerie_tensor_shape(self->tensor);
  Py_ssize_t stride = (Py_ssize_t)item_size;
  for (size_t i = rank; i-- > 0;) {
    self->strides[i] = stride;
    stride *= (Py_ssize_t)(shape[i] > 1 ? shape[i] : 1);
  }
  return true;
}

static int tensor_get_buffer(PyObject *object, Py_buffer *view, int flags) {
  tensor_object_t *self = (tensor_object_t *)object;
  const eerie_dtype_t dtype = eerie_tensor_dtype(self->tensor);
  const char *format = format_of(dtype);
  const size_t item_size = eerie_dtype_bits(dtype) / 8;
  static char nothing[1]; // the address of no elements
  void *data = eerie_tensor_mutable_data(self->tensor);
  const bool read_only = !data;
  if (!data) data = (void *)(uintptr_t)eerie_tensor_data(self->tensor);
  if (!data && eerie_tensor_size(self->tensor) == 0) data = nothing;
  view->obj = NULL;
  if (!format) {
    PyErr_Format(PyExc_BufferError, "buffers have no name for elements of type %s",
                 eerie_dtype_name(dtype));
    return -1;
  }
  if (!data) {
    PyErr_SetString(PyExc_BufferError, BINDING_NOT_ON_HOST);
    return -1;
  }
  if (read_only && (flags & PyBUF_WRITABLE) == PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError, "the tensor is read-only");
    return -1;
  }
  if (!make_strides(self, item_size)) return -1;
  *view = (Py_buffer){
      .buf = data,
      .obj = Py_NewRef(object),
      .len = (Py_ssize_t)eerie_tensor_size(self->tensor),
      .itemsize = (Py_ssize_t)item_size,
      .readonly = read_only,
      .ndim = (int)eerie_tensor_rank(self->tensor),
      .format = flags & PyBUF_FORMAT ? (char *)(uintptr_t)format : NULL,
      // Sizes are int64_t in the library, and Py_ssize_t is as wide where Python runs it.
      .shape = flags & PyBUF_ND ? (Py_ssize_t *)(uintptr_t)eerie_tensor_shape(self->tensor) : NULL,
      .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? self->strides : NULL,
  };
  return 0;
}
_Static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "shapes are lent to Python as they are");

// ---- The class ---------------------------------------------------------------------------------

static void tensor_dealloc(PyObject *object) {
  tensor_object_t *self = (tensor_object_t *)object;
  PyTypeObject *type = Py_TYPE(object);
  eerie_tensor_release(self->tensor);
  PyMem_Free(self->strides);
  PyObject_Free(object);
  Py_DECREF(type);
}

static PyObject *tensor_get_shape(PyObject *object, void *unused) {
  (void)unused;
  const eerie_tensor_t *tensor = ((tensor_object_t *)object)->tensor;
  const size_t rank = eerie_tensor_rank(tensor);
  PyObject *shape = PyTuple_New((Py_ssize_t)rank);
  for (size_t i = 0; shape && i < rank; ++i) {
    PyObject *size = PyLong_FromLongLong(eerie_tensor_shape(tensor)[i]);
    if (!size || PyTuple_SetItem(shape, (Py_ssize_t)i, size) < 0) Py_CLEAR(shape);
  }
  return shape;
}

static PyObject *tensor_get_dtype(PyObject *object, void *unused) {
  (void)unused;
  return PyUnicode_FromString(
      eerie_dtype_name(eerie_tensor_dtype(((tensor_object_t *)object)->tensor)));
}

static PyObject *tensor_get_nbytes(PyObject *object, void *unused) {
  (void)unused;
  return PyLong_FromUnsignedLongLong(eerie_tensor_size(((tensor_object_t *)object)->tensor));
}

static PyObject *tensor_get_on_host(PyObject *object, void *unused) {
  (void)unused;
  return PyBool_FromLong(binding_tensor_on_host(((tensor_object_t *)object)->tensor));
}

static PyObject *tensor_repr(PyObject *object) {
  PyObject *shape = tensor_get_shape(object, NULL);
  if (!shape) return NULL;
  PyObject *text = PyUnicode_FromFormat(
      "eerie.Tensor(shape=%R, dtype=%s)", shape,
      eerie_dtype_name(eerie_tensor_dtype(((tensor_object_t *)object)->tensor)));
  Py_DECREF(shape);
  return text;
}

static PyObject *tensor_to_bytes(PyObject *object, PyObject *unused) {
  (void)unused;
  const eerie_tensor_t *tensor = ((tensor_object_t *)object)->tensor;
  const uint64_t size = eerie_tensor_size(tensor);
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
  if (!bytes) return NULL;
  eerie_error_t err = {0};
  const eerie_status_t status =
      eerie_tensor_read(tensor, 0, PyBytes_AsString(bytes), (size_t)size, &err);
  if (status == EERIE_OK) return bytes;
  Py_DECREF(bytes);
  return binding_raise(status, &err);
}

static PyObject *tensor_read_into(PyObject *object, PyObject *target) {
  const eerie_tensor_t *tensor = ((tensor_object_t *)object)->tensor;
  const uint64_t size = eerie_tensor_size(tensor);
  Py_buffer view;
  if (PyObject_GetBuffer(target, &view, PyBUF_WRITABLE) < 0) return NULL;
  if ((uint64_t)view.len != size) {
    PyErr_Format(PyExc_ValueError, "readinto: the buffer has %zd bytes, the tensor %llu", view.len,
                 (unsigned long long)size);
    PyBuffer_Release(&view);
    return NULL;
  }
  eerie_error_t err = {0};
  eerie_status_t status;
  Py_BEGIN_ALLOW_THREADS status = eerie_tensor_read(tensor, 0, view.buf, (size_t)size, &err);
  Py_END_ALLOW_THREADS PyBuffer_Release(&view);
  if (status != EERIE_OK) return binding_raise(status, &err);
  Py_RETURN_NONE;
}

// NumPy asks here when there is no buffer.
static PyObject *tensor_to_array(PyObject *object, PyObject *args, PyObject *keywords) {
  static char *names[] = {"dtype", "copy", NULL};
  PyObject *dtype = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$O", names, &dtype, &copy)) return NULL;
  if (!binding.to_array_other) {
    PyErr_SetString(PyExc_TypeError, "NumPy is not installed");
    return NULL;
  }
  PyObject *array = PyObject_CallFunctionObjArgs(binding.to_array_other, object, NULL);
  if (!array || dtype == Py_None) return array;
  PyObject *converted = PyObject_CallMethod(array, "astype", "O", dtype);
  Py_DECREF(array);
  return converted;
}

static PyGetSetDef tensor_properties[] = {
    {"shape", tensor_get_shape, NULL, "sizes of the dimensions: a tuple", NULL},
    {"dtype", tensor_get_dtype, NULL, "name of the element type, such as 'f32'", NULL},
    {"nbytes", tensor_get_nbytes, NULL, "bytes that the elements take", NULL},
    {"on_host", tensor_get_on_host, NULL,
     "whether the host sees the memory, so that buffers and DLPack can lend it", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef tensor_methods[] = {
    {"__dlpack__", (PyCFunction)(void (*)(void))binding_tensor_to_dlpack,
     METH_VARARGS | METH_KEYWORDS, "A DLPack capsule over the tensor's memory."},
    {"__dlpack_device__", binding_tensor_dlpack_device, METH_NOARGS, "(1, 0): the host."},
    {"__array__", (PyCFunction)(void (*)(void))tensor_to_array, METH_VARARGS | METH_KEYWORDS,
     "A NumPy array of what the buffer protocol cannot lend."},
    {"tobytes", tensor_to_bytes, METH_NOARGS, "The elements' bytes, copied."},
    {"readinto", tensor_read_into, METH_O,
     "Copies the elements' bytes to a buffer of just as many, from whichever device."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tensor_slots[] = {
    {Py_tp_doc,
     "A tensor: dtype, shape and memory of the library.\n\n"
     "NumPy and others read it in place: numpy.asarray(tensor), torch.from_dlpack(tensor);\n"
     "NumPy gets a copy where the memory is a GPU's own (on_host is False)."},
    {Py_tp_dealloc, tensor_dealloc},
    {Py_tp_repr, tensor_repr},
    {Py_tp_getset, tensor_properties},
    {Py_tp_methods, tensor_methods},
    {Py_bf_getbuffer, tensor_get_buffer},
    {0, NULL},
};

PyType_Spec binding_tensor_spec = {
    .name = "eerie.Tensor",
    .basicsize = sizeof(tensor_object_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tensor_slots,
};
