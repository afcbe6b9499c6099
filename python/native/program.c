// program.c: eerie.Program and eerie.Function.
//
// A program serves one call at a time. Threads of Python that call it at once wait for each other
// here, without holding the interpreter, instead of being told that it is busy.
#include "binding.h"

#include <string.h>

typedef struct program_object {
  PyObject ob_base;
  eerie_program_t *program;
  eerie_device_t **devices; // arrays go to the first
  size_t device_count;
  PyThread_type_lock lock;
} program_object_t;

typedef struct function_object {
  PyObject ob_base;
  program_object_t *program; // kept alive
  eerie_function_t *function;
} function_object_t;

// ---- Loading -----------------------------------------------------------------------------------

static void release_bytes(void *user, const void *data, size_t size) {
  (void)data;
  (void)size;
  const PyGILState_STATE gil = PyGILState_Ensure();
  PyBuffer_Release(user);
  PyMem_Free(user);
  PyGILState_Release(gil);
}

static eerie_status_t load_bytes(PyObject *object, eerie_module_t **out_module,
                                 eerie_error_t *err) {
  Py_buffer *view = PyMem_Calloc(1, sizeof *view);
  if (!view) {
    PyErr_NoMemory();
    return EERIE_UNKNOWN;
  }
  if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0) {
    PyMem_Free(view);
    return EERIE_UNKNOWN;
  }
  const eerie_status_t status = eerie_module_load_memory(
      binding.instance, view->buf, (size_t)view->len,
      &(eerie_module_options_t){.release = release_bytes, .user = view}, out_module, err);
  if (status != EERIE_OK) {
    PyBuffer_Release(view);
    PyMem_Free(view);
  }
  return status;
}

// The path of a str or path-like object as bytes of the file system.
static PyObject *path_bytes(PyObject *object) {
  PyObject *bytes = NULL;
  return PyUnicode_FSConverter(object, &bytes) ? bytes : NULL;
}

// `source` is bytes, or the path of a file.
static eerie_module_t *load_module(PyObject *source) {
  eerie_module_t *module = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = EERIE_UNKNOWN;
  if (PyObject_CheckBuffer(source)) {
    status = load_bytes(source, &module, &err);
  } else {
    PyObject *path = path_bytes(source);
    if (!path) return NULL;
    const char *text = PyBytes_AsString(path);
    Py_BEGIN_ALLOW_THREADS status =
        eerie_module_load_file(binding.instance, text, NULL, &module, &err);
    Py_END_ALLOW_THREADS Py_DECREF(path);
  }
  if (status == EERIE_OK) return module;
  if (!PyErr_Occurred()) binding_raise(status, &err);
  return NULL;
}

// `pair` is (scope, path of an archive).
static eerie_parameters_t *load_parameters(PyObject *pair) {
  const char *scope = NULL;
  PyObject *source = NULL;
  if (!PyArg_ParseTuple(pair, "sO", &scope, &source)) return NULL;
  PyObject *path = path_bytes(source);
  if (!path) return NULL;
  eerie_parameters_t *parameters = NULL;
  eerie_error_t err = {0};
  const char *text = PyBytes_AsString(path);
  eerie_status_t status = eerie_parameters_create(binding.instance, scope, &parameters, &err);
  if (status == EERIE_OK) {
    Py_BEGIN_ALLOW_THREADS status = eerie_parameters_add_file(parameters, text, NULL, &err);
    Py_END_ALLOW_THREADS
  }
  Py_DECREF(path);
  if (status == EERIE_OK) return parameters;
  eerie_parameters_release(parameters);
  binding_raise(status, &err);
  return NULL;
}

// What a program is made of while it is being made.
typedef struct ingredients {
  eerie_module_t **modules;
  size_t module_count;
  eerie_parameters_t **parameters;
  size_t parameters_count;
} ingredients_t;

static void ingredients_release(ingredients_t *all) {
  for (size_t i = 0; i < all->module_count; ++i) {
    eerie_module_release(all->modules[i]);
  }
  for (size_t i = 0; i < all->parameters_count; ++i) {
    eerie_parameters_release(all->parameters[i]);
  }
  PyMem_Free(all->modules);
  PyMem_Free(all->parameters);
}

static bool gather(PyObject *modules, PyObject *parameters, ingredients_t *all) {
  const Py_ssize_t module_count = PySequence_Size(modules);
  const Py_ssize_t parameters_count = PySequence_Size(parameters);
  if (module_count < 0 || parameters_count < 0) return false;
  all->modules = PyMem_Calloc((size_t)module_count + 1, sizeof(eerie_module_t *));
  all->parameters = PyMem_Calloc((size_t)parameters_count + 1, sizeof(eerie_parameters_t *));
  if (!all->modules || !all->parameters) {
    PyErr_NoMemory();
    return false;
  }
  for (Py_ssize_t i = 0; i < module_count; ++i) {
    PyObject *source = PySequence_GetItem(modules, i);
    eerie_module_t *module = source ? load_module(source) : NULL;
    Py_XDECREF(source);
    if (!module) return false;
    all->modules[all->module_count++] = module;
  }
  for (Py_ssize_t i = 0; i < parameters_count; ++i) {
    PyObject *pair = PySequence_GetItem(parameters, i);
    eerie_parameters_t *set = pair ? load_parameters(pair) : NULL;
    Py_XDECREF(pair);
    if (!set) return false;
    all->parameters[all->parameters_count++] = set;
  }
  return true;
}

// Where a program runs, and how.
typedef struct surroundings {
  PyObject *devices; // names; none: the first, or where threads are asked for the one that has them
  eerie_device_options_t device_options;
  unsigned wait_limit_ms;
} surroundings_t;

// `name` NULL: the first.
static bool open_device(program_object_t *self, const char *name,
                        const eerie_device_options_t *options) {
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_device_open_with(binding.instance, name, options,
                                                       &self->devices[self->device_count], &err);
  if (status == EERIE_OK) {
    ++self->device_count;
    return true;
  }
  binding_raise(status, &err);
  return false;
}

static bool open_devices(program_object_t *self, const surroundings_t *where) {
  const Py_ssize_t count = PySequence_Size(where->devices);
  if (count < 0) return false;
  self->devices = PyMem_Calloc(count ? (size_t)count : 1, sizeof(eerie_device_t *));
  if (!self->devices) return PyErr_NoMemory() != NULL;
  const eerie_device_options_t *options = &where->device_options;
  if (count == 0) return open_device(self, options->threads ? "local-task" : NULL, options);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject *item = PySequence_GetItem(where->devices, i);
    PyObject *encoded = item ? PyUnicode_AsUTF8String(item) : NULL;
    const char *name = encoded ? PyBytes_AsString(encoded) : NULL;
    const bool done = name && open_device(self, name, options);
    Py_XDECREF(encoded);
    Py_XDECREF(item);
    if (!done) return false;
  }
  return true;
}

static bool create(program_object_t *self, const ingredients_t *all, const surroundings_t *where) {
  if (!open_devices(self, where)) return false;
  eerie_error_t err = {0};
  const eerie_program_options_t options = {
      .modules = all->modules,
      .module_count = all->module_count,
      .devices = self->devices,
      .device_count = self->device_count,
      .wait_limit_ms = where->wait_limit_ms,
      .parameters = all->parameters,
      .parameters_count = all->parameters_count,
  };
  eerie_status_t status = EERIE_OK;
  Py_BEGIN_ALLOW_THREADS status =
      eerie_program_create(binding.instance, &options, &self->program, &err);
  Py_END_ALLOW_THREADS;
  if (status == EERIE_OK) return true;
  binding_raise(status, &err);
  return false;
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
  static char *names[] = {"modules", "device",  "parameters", "wait_limit_ms",
                          "threads", "spin_us", NULL};
  PyObject *modules = NULL, *parameters = NULL;
  surroundings_t where = {.devices = NULL};
  Py_ssize_t threads = 0;
  int spin_us = 0;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|OOIni", names, &modules, &where.devices,
                                   &parameters, &where.wait_limit_ms, &threads, &spin_us)) {
    return NULL;
  }
  if (threads < 0) {
    PyErr_Format(PyExc_ValueError, "threads: %zd is not 0 (one for each core) or more", threads);
    return NULL;
  }
  where.device_options = (eerie_device_options_t){.threads = (size_t)threads, .spin_us = spin_us};
  const allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  program_object_t *self = (program_object_t *)allocate(type, 0);
  if (!self) return NULL;
  PyObject *none = PyTuple_New(0);
  ingredients_t all = {0};
  if (!where.devices) where.devices = none;
  const bool done = none && (self->lock = PyThread_allocate_lock()) != NULL &&
                    gather(modules, parameters ? parameters : none, &all) &&
                    create(self, &all, &where);
  ingredients_release(&all);
  Py_XDECREF(none);
  if (done) return (PyObject *)self;
  if (!PyErr_Occurred()) PyErr_NoMemory();
  Py_DECREF(self);
  return NULL;
}

static void program_dealloc(PyObject *object) {
  program_object_t *self = (program_object_t *)object;
  PyTypeObject *type = Py_TYPE(object);
  eerie_program_release(self->program);
  for (size_t i = 0; i < self->device_count; ++i)
    eerie_device_release(self->devices[i]);
  PyMem_Free(self->devices);
  if (self->lock) PyThread_free_lock(self->lock);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

// ---- Functions of a program --------------------------------------------------------------------

// A function for the outside: one that keeps its program alive.
static PyObject *bind(program_object_t *self, eerie_function_t *function) {
  function_object_t *bound = PyObject_New(function_object_t, binding.function_type);
  if (!bound) return NULL;
  bound->program = (program_object_t *)Py_NewRef((PyObject *)self);
  bound->function = function;
  return (PyObject *)bound;
}

static PyObject *program_find(PyObject *object, PyObject *args) {
  program_object_t *self = (program_object_t *)object;
  const char *name = NULL;
  if (!PyArg_ParseTuple(args, "|z", &name)) return NULL;
  eerie_function_t *function = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_program_find(self->program, name, &function, &err);
  return status == EERIE_OK ? bind(self, function) : binding_raise(status, &err);
}

static PyObject *program_get_names(PyObject *object, void *unused) {
  (void)unused;
  const program_object_t *self = (program_object_t *)object;
  PyObject *names = PyList_New(0);
  for (size_t i = 0; names && eerie_program_function(self->program, i); ++i) {
    PyObject *name =
        PyUnicode_FromString(eerie_function_name(eerie_program_function(self->program, i)));
    if (!name || PyList_Append(names, name) < 0) Py_CLEAR(names);
    Py_XDECREF(name);
  }
  return names;
}

static PyMethodDef program_methods[] = {
    {"find", program_find, METH_VARARGS,
     "The function of that name, or the only one when no name is given."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef program_properties[] = {
    {"names", program_get_names, NULL, "names of the functions that can be called", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot program_slots[] = {
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_methods, program_methods},
    {Py_tp_getset, program_properties},
    {0, NULL},
};

PyType_Spec binding_program_spec = {
    .name = "eerie._native.Program",
    .basicsize = sizeof(program_object_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = program_slots,
};

// ---- Calls -------------------------------------------------------------------------------------

// Values of a call that fit here need no allocation.
enum { FEW_VALUES = 16 };

static void release_values(eerie_value_t *values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    eerie_value_release(&values[i]);
  }
}

static bool to_inputs(const function_object_t *self, PyObject *args, size_t count,
                      eerie_value_t *inputs) {
  for (size_t i = 0; i < count; ++i) {
    const eerie_type_t *type = eerie_function_input(self->function, i);
    PyObject *argument = PyTuple_GetItem(args, (Py_ssize_t)i);
    if (!binding_to_value(self->program->devices[0], argument, type, type->name, &inputs[i])) {
      release_values(inputs, i);
      return false;
    }
  }
  return true;
}

static PyObject *from_outputs(eerie_value_t *outputs, size_t count) {
  if (count == 1) return binding_from_value(&outputs[0]);
  if (count == 0) return Py_NewRef(Py_None);
  PyObject *results = PyTuple_New((Py_ssize_t)count);
  for (size_t i = 0; results && i < count; ++i) {
    PyObject *item = binding_from_value(&outputs[i]);
    if (!item || PyTuple_SetItem(results, (Py_ssize_t)i, item) < 0) Py_CLEAR(results);
  }
  release_values(outputs, count);
  return results;
}

static void lock_program(program_object_t *program) {
  if (PyThread_acquire_lock(program->lock, 0)) return;
  Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(program->lock, 1);
  Py_END_ALLOW_THREADS
}

static PyObject *call_with(function_object_t *self, PyObject *args, eerie_value_t *values,
                           size_t input_count, size_t output_count) {
  eerie_value_t *outputs = values + input_count;
  if (!to_inputs(self, args, input_count, values)) return NULL;
  eerie_error_t err;
  err.message[0] = 0;
  eerie_status_t status;
  lock_program(self->program);
  Py_BEGIN_ALLOW_THREADS status =
      eerie_call(self->function, values, input_count, outputs, output_count, &err);
  Py_END_ALLOW_THREADS PyThread_release_lock(self->program->lock);
  release_values(values, input_count);
  return status == EERIE_OK ? from_outputs(outputs, output_count) : binding_raise(status, &err);
}

static PyObject *function_call(PyObject *object, PyObject *args, PyObject *keywords) {
  function_object_t *self = (function_object_t *)object;
  if (keywords && PyDict_Size(keywords) != 0) {
    return PyErr_Format(PyExc_TypeError, "%s takes no keyword arguments",
                        eerie_function_name(self->function));
  }
  const size_t input_count = eerie_function_input_count(self->function);
  const size_t output_count = eerie_function_output_count(self->function);
  if ((size_t)PyTuple_Size(args) != input_count) {
    return PyErr_Format(PyExc_TypeError, "%s takes %zu arguments, got %zd",
                        eerie_function_name(self->function), input_count, PyTuple_Size(args));
  }
  if (input_count + output_count <= FEW_VALUES) {
    eerie_value_t values[FEW_VALUES];
    return call_with(self, args, values, input_count, output_count);
  }
  eerie_value_t *values = PyMem_Calloc(input_count + output_count, sizeof *values);
  if (!values) return PyErr_NoMemory();
  PyObject *result = call_with(self, args, values, input_count, output_count);
  PyMem_Free(values);
  return result;
}

// ---- The class Function ------------------------------------------------------------------------

static void function_dealloc(PyObject *object) {
  function_object_t *self = (function_object_t *)object;
  PyTypeObject *type = Py_TYPE(object);
  Py_XDECREF((PyObject *)self->program);
  PyObject_Free(object);
  Py_DECREF(type);
}

static PyObject *function_get_name(PyObject *object, void *unused) {
  (void)unused;
  return PyUnicode_FromString(eerie_function_name(((function_object_t *)object)->function));
}

static PyObject *function_get_declaration(PyObject *object, void *unused) {
  (void)unused;
  return PyUnicode_FromString(eerie_function_declaration(((function_object_t *)object)->function));
}

static PyObject *describe_type(const eerie_type_t *type) {
  PyObject *shape = Py_NewRef(Py_None);
  if (type->kind == EERIE_KIND_TENSOR && type->rank != SIZE_MAX) {
    Py_DECREF(shape);
    shape = PyTuple_New((Py_ssize_t)type->rank);
    for (size_t i = 0; shape && i < type->rank; ++i) {
      PyObject *size =
          type->shape[i] < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(type->shape[i]);
      if (!size || PyTuple_SetItem(shape, (Py_ssize_t)i, size) < 0) Py_CLEAR(shape);
    }
  }
  if (!shape) return NULL;
  const bool known = type->kind == EERIE_KIND_TENSOR && type->dtype != EERIE_DTYPE_NONE;
  return Py_BuildValue("(sszN)", type->name, type->text,
                       known ? eerie_dtype_name(type->dtype) : NULL, shape);
}

static PyObject *describe_all(const eerie_function_t *function, size_t count,
                              const eerie_type_t *(*get)(const eerie_function_t *, size_t)) {
  PyObject *all = PyTuple_New((Py_ssize_t)count);
  for (size_t i = 0; all && i < count; ++i) {
    PyObject *item = describe_type(get(function, i));
    if (!item || PyTuple_SetItem(all, (Py_ssize_t)i, item) < 0) Py_CLEAR(all);
  }
  return all;
}

static PyObject *function_get_inputs(PyObject *object, void *unused) {
  (void)unused;
  const eerie_function_t *function = ((function_object_t *)object)->function;
  return describe_all(function, eerie_function_input_count(function), eerie_function_input);
}

static PyObject *function_get_outputs(PyObject *object, void *unused) {
  (void)unused;
  const eerie_function_t *function = ((function_object_t *)object)->function;
  return describe_all(function, eerie_function_output_count(function), eerie_function_output);
}

static PyObject *function_repr(PyObject *object) {
  const eerie_function_t *function = ((function_object_t *)object)->function;
  const char *text = eerie_function_declaration(function);
  return PyUnicode_FromFormat("<eerie.Function %s>", *text ? text : eerie_function_name(function));
}

static PyGetSetDef function_properties[] = {
    {"name", function_get_name, NULL, "name", NULL},
    {"declaration", function_get_declaration, NULL, "as the compiler wrote it; may be ''", NULL},
    {"inputs", function_get_inputs, NULL,
     "(name, type, dtype, shape) of each argument; a dynamic size is None", NULL},
    {"outputs", function_get_outputs, NULL, "the same of each result", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot function_slots[] = {
    {Py_tp_doc, "A function of a program: call it with arrays and numbers."},
    {Py_tp_dealloc, function_dealloc},
    {Py_tp_repr, function_repr},
    {Py_tp_call, function_call},
    {Py_tp_getset, function_properties},
    {0, NULL},
};

PyType_Spec binding_function_spec = {
    .name = "eerie.Function",
    .basicsize = sizeof(function_object_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = function_slots,
};
