// dlpack.c: tensors in and out by DLPack, the protocol by which frameworks lend each other memory.
//
// Layout of the structs: dlpack.h of DLPack 1.0; the names of the fields here are ours. The older,
// unversioned capsule is given where the asker names no version, and both are taken.
#include "binding.h"

#include <string.h>

enum { DEVICE_HOST = 1, DEVICE_HOST_PINNED = 3 };
enum { CODE_INT, CODE_UINT, CODE_FLOAT, CODE_OPAQUE, CODE_BFLOAT, CODE_COMPLEX, CODE_BOOL };
enum { CODE_F8E4M3FN = 10, CODE_F8E4M3FNUZ, CODE_F8E5M2, CODE_F8E5M2FNUZ, CODE_F8E8M0FNU };
#define FLAG_READ_ONLY 1u

typedef struct dl_tensor {
  void *data;
  struct {
    int32_t type;
    int32_t index;
  } device;
  int32_t rank;
  struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
  } dtype;
  int64_t *shape;
  int64_t *strides; // in elements; NULL: row-major
  uint64_t byte_offset;
} dl_tensor_t;

typedef struct dl_managed {
  dl_tensor_t tensor;
  void *user;
  void (*deleter)(struct dl_managed *self);
} dl_managed_t;

typedef struct dl_versioned {
  struct {
    uint32_t major;
    uint32_t minor;
  } version;
  void *user;
  void (*deleter)(struct dl_versioned *self);
  uint64_t flags;
  dl_tensor_t tensor;
} dl_versioned_t;

typedef struct dl_type {
  eerie_dtype_t dtype;
  uint8_t code;
  uint8_t bits;
} dl_type_t;

static const dl_type_t types[] = {
    {EERIE_BOOL, CODE_BOOL, 8},
    {EERIE_I8, CODE_INT, 8},
    {EERIE_I16, CODE_INT, 16},
    {EERIE_I32, CODE_INT, 32},
    {EERIE_I64, CODE_INT, 64},
    {EERIE_S8, CODE_INT, 8},
    {EERIE_S16, CODE_INT, 16},
    {EERIE_S32, CODE_INT, 32},
    {EERIE_S64, CODE_INT, 64},
    {EERIE_U8, CODE_UINT, 8},
    {EERIE_U16, CODE_UINT, 16},
    {EERIE_U32, CODE_UINT, 32},
    {EERIE_U64, CODE_UINT, 64},
    {EERIE_F16, CODE_FLOAT, 16},
    {EERIE_F32, CODE_FLOAT, 32},
    {EERIE_F64, CODE_FLOAT, 64},
    {EERIE_BF16, CODE_BFLOAT, 16},
    {EERIE_COMPLEX64, CODE_COMPLEX, 64},
    {EERIE_COMPLEX128, CODE_COMPLEX, 128},
    {EERIE_F8E4M3FN, CODE_F8E4M3FN, 8},
    {EERIE_F8E4M3FNUZ, CODE_F8E4M3FNUZ, 8},
    {EERIE_F8E5M2, CODE_F8E5M2, 8},
    {EERIE_F8E5M2FNUZ, CODE_F8E5M2FNUZ, 8},
    {EERIE_F8E8M0FNU, CODE_F8E8M0FNU, 8},
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

// ---- Out ---------------------------------------------------------------------------------------

// Both kinds of capsule hold a reference to the Python tensor, which any thread may give back.
static void let_go(PyObject *object, void *managed) {
  const PyGILState_STATE gil = PyGILState_Ensure();
  Py_DECREF(object);
  PyMem_Free(managed);
  PyGILState_Release(gil);
}

static void delete_managed(dl_managed_t *self) {
  let_go(self->user, self);
}

static void delete_versioned(dl_versioned_t *self) {
  let_go(self->user, self);
}

// A capsule that nobody took: its name is still the one that it was made with.
static void capsule_destroy(PyObject *capsule) {
  if (PyCapsule_IsValid(capsule, "dltensor")) {
    delete_managed(PyCapsule_GetPointer(capsule, "dltensor"));
  } else if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    delete_versioned(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
  }
}

static bool describe(const eerie_tensor_t *tensor, dl_tensor_t *out, bool *out_read_only) {
  const eerie_dtype_t dtype = eerie_tensor_dtype(tensor);
  if (!binding_tensor_on_host(tensor)) {
    PyErr_SetString(PyExc_BufferError, BINDING_NOT_ON_HOST);
    return false;
  }
  for (size_t i = 0; i < TYPE_COUNT; ++i) {
    if (types[i].dtype != dtype) continue;
    // Opaque to the library, so that const goes; FLAG_READ_ONLY tells.
    void *data = eerie_tensor_mutable_data((eerie_tensor_t *)(uintptr_t)tensor);
    *out_read_only = !data;
    if (!data) data = (void *)(uintptr_t)eerie_tensor_data(tensor);
    *out = (dl_tensor_t){
        .data = data,
        .device = {DEVICE_HOST, 0},
        .rank = (int32_t)eerie_tensor_rank(tensor),
        .dtype = {types[i].code, types[i].bits, 1},
        .shape = (int64_t *)(uintptr_t)eerie_tensor_shape(tensor),
    };
    return true;
  }
  PyErr_Format(PyExc_BufferError, "DLPack has no name for elements of type %s",
               eerie_dtype_name(dtype));
  return false;
}

static PyObject *versioned_capsule(PyObject *self, const dl_tensor_t *tensor, bool read_only) {
  dl_versioned_t *managed = PyMem_Calloc(1, sizeof *managed);
  if (!managed) return PyErr_NoMemory();
  managed->version.major = 1;
  managed->user = self;
  managed->deleter = delete_versioned;
  managed->flags = read_only ? FLAG_READ_ONLY : 0;
  managed->tensor = *tensor;
  PyObject *capsule = PyCapsule_New(managed, "dltensor_versioned", capsule_destroy);
  if (!capsule) PyMem_Free(managed);
  return capsule;
}

static PyObject *plain_capsule(PyObject *self, const dl_tensor_t *tensor) {
  dl_managed_t *managed = PyMem_Calloc(1, sizeof *managed);
  if (!managed) return PyErr_NoMemory();
  managed->tensor = *tensor;
  managed->user = self;
  managed->deleter = delete_managed;
  PyObject *capsule = PyCapsule_New(managed, "dltensor", capsule_destroy);
  if (!capsule) PyMem_Free(managed);
  return capsule;
}

PyObject *binding_tensor_to_dlpack(PyObject *self, PyObject *args, PyObject *keywords) {
  static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
  PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OOOO", names, &stream, &version, &device,
                                   &copy)) {
    return NULL;
  }
  if (stream != Py_None) {
    PyErr_SetString(PyExc_BufferError, "tensors of the host have no stream");
    return NULL;
  }
  if (copy == Py_True) {
    PyErr_SetString(PyExc_BufferError, "a capsule lends the tensor's memory; copy it afterwards");
    return NULL;
  }
  long major = 0, minor = 0;
  if (version != Py_None && !PyArg_ParseTuple(version, "ll", &major, &minor)) return NULL;
  dl_tensor_t tensor;
  bool read_only;
  if (!describe(((tensor_object_t *)self)->tensor, &tensor, &read_only)) return NULL;
  PyObject *capsule =
      major >= 1 ? versioned_capsule(self, &tensor, read_only) : plain_capsule(self, &tensor);
  if (capsule) Py_INCREF(self); // the capsule's
  return capsule;
}

PyObject *binding_tensor_dlpack_device(PyObject *self, PyObject *unused) {
  (void)self;
  (void)unused;
  return Py_BuildValue("(ii)", DEVICE_HOST, 0);
}

// ---- In ----------------------------------------------------------------------------------------

// Deleters of other frameworks may touch Python.
static void release_managed(void *user, void *data) {
  (void)data;
  dl_managed_t *managed = user;
  const PyGILState_STATE gil = PyGILState_Ensure();
  if (managed->deleter) managed->deleter(managed);
  PyGILState_Release(gil);
}

static void release_versioned(void *user, void *data) {
  (void)data;
  dl_versioned_t *managed = user;
  const PyGILState_STATE gil = PyGILState_Ensure();
  if (managed->deleter) managed->deleter(managed);
  PyGILState_Release(gil);
}

static bool is_row_major(const dl_tensor_t *tensor) {
  int64_t stride = 1;
  for (int32_t i = tensor->rank; tensor->strides && i-- > 0;) {
    if (tensor->shape[i] != 1 && tensor->strides[i] != stride) return false;
    stride *= tensor->shape[i];
  }
  return true;
}

// Of the names that share a code and a width the first is taken: signless integers.
static eerie_dtype_t dtype_of(const dl_tensor_t *tensor) {
  for (size_t i = 0; i < TYPE_COUNT; ++i) {
    if (types[i].code == tensor->dtype.code && types[i].bits == tensor->dtype.bits &&
        tensor->dtype.lanes == 1) {
      return types[i].dtype;
    }
  }
  return EERIE_DTYPE_NONE;
}

static bool can_take(const dl_tensor_t *tensor) {
  if (tensor->device.type != DEVICE_HOST && tensor->device.type != DEVICE_HOST_PINNED) {
    PyErr_Format(PyExc_ValueError, "an array on device type %d; move it to the CPU first",
                 (int)tensor->device.type);
  } else if (dtype_of(tensor) == EERIE_DTYPE_NONE) {
    PyErr_Format(PyExc_TypeError,
                 "an array of DLPack type code %d with %d bits, which no tensor has",
                 (int)tensor->dtype.code, (int)tensor->dtype.bits);
  } else if (tensor->rank < 0 || tensor->rank > EERIE_TENSOR_RANK_LIMIT) {
    PyErr_Format(PyExc_ValueError, "an array of %d dimensions; the limit is %d", (int)tensor->rank,
                 EERIE_TENSOR_RANK_LIMIT);
  } else if (!is_row_major(tensor)) {
    PyErr_SetString(PyExc_ValueError,
                    "an array whose elements are not in row-major order; make it contiguous first");
  } else {
    return true;
  }
  return false;
}

static uint64_t size_of(const dl_tensor_t *tensor) {
  uint64_t size = eerie_dtype_bits(dtype_of(tensor)) / 8;
  for (int32_t i = 0; i < tensor->rank; ++i) {
    size *= (uint64_t)tensor->shape[i];
  }
  return size;
}

eerie_tensor_t *binding_tensor_from_dlpack(eerie_device_t *device, PyObject *object) {
  PyObject *capsule = PyObject_CallMethod(object, "__dlpack__", NULL);
  if (!capsule) return NULL;
  eerie_tensor_t *tensor = NULL;
  const char *name = PyCapsule_GetName(capsule);
  const bool versioned = name && strcmp(name, "dltensor_versioned") == 0;
  void *managed = PyCapsule_GetPointer(capsule, versioned ? name : "dltensor");
  const dl_tensor_t *source = NULL;
  if (managed) {
    source = versioned ? &((dl_versioned_t *)managed)->tensor : &((dl_managed_t *)managed)->tensor;
  }
  if (source && can_take(source)) {
    eerie_error_t err = {0};
    uint8_t *data = source->data ? (uint8_t *)source->data + source->byte_offset : NULL;
    eerie_status_t status;
    if (binding_in_place(device, data)) {
      status = eerie_tensor_wrap(device, dtype_of(source), (size_t)source->rank, source->shape,
                                 data, (size_t)size_of(source),
                                 versioned ? release_versioned : release_managed, managed, &tensor,
                                 &err);
      // Renaming says that the memory is taken: the capsule no longer frees it.
      if (status == EERIE_OK) {
        PyCapsule_SetName(capsule, versioned ? "used_dltensor_versioned" : "used_dltensor");
      }
    } else {
      status = eerie_tensor_create(device, dtype_of(source), (size_t)source->rank, source->shape,
                                   data, &tensor, &err);
    }
    if (status != EERIE_OK) binding_raise(status, &err);
  }
  Py_DECREF(capsule);
  return tensor;
}
