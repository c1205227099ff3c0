// Python types for the hot path: buffers, and the launcher that turns buffers into buffers with one call.
//
// They are a second extension module, `_objects`, in the same library as the cffi module: both must share the one tree
// of owners. Everything that is not executed for each launch is in Python, in the subclasses that `ryft_pjrt` defines.
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>
#include <structmember.h>

#include "views.h"

typedef struct {
  PyObject_HEAD
  ryft_owner *owner;
  PyObject *client;
  PyObject *type;
  PyObject *device;
  PyObject *weak_references;
} BufferBase;

typedef struct {
  PyObject_HEAD
  const ryft_launcher *launcher;
  PyTypeObject *buffer_class;
  PyObject *client;
  PyObject *types;    // of the outputs of one device
  PyObject *devices;
} LauncherBase;

static PyTypeObject *buffer_base = NULL;

static void free_object(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

// ------------------------------------------------- BufferBase -------------------------------------------------

static void buffer_dealloc(PyObject *object) {
  BufferBase *self = (BufferBase *)object;
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  ryft_owner *owner = self->owner;
  self->owner = NULL;
  if (owner) {
    // Destroying may end in the destruction of a client, which waits for threads that may want the Python lock.
    Py_BEGIN_ALLOW_THREADS
    ryft_owner_release(owner);
    Py_END_ALLOW_THREADS
  }
  Py_CLEAR(self->client);
  Py_CLEAR(self->type);
  Py_CLEAR(self->device);
  free_object(object);
}

// Returns a new buffer of the class `type`, or null; it takes the owner over in any case.
static PyObject *new_buffer(PyTypeObject *type, ryft_owner *owner, PyObject *client, PyObject *array_type,
                            PyObject *device) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  BufferBase *self = (BufferBase *)allocate(type, 0);
  if (!self) {
    ryft_owner_release(owner);
    return NULL;
  }
  self->owner = owner;
  self->client = Py_NewRef(client);
  self->type = Py_NewRef(array_type);
  self->device = Py_NewRef(device);
  return (PyObject *)self;
}

static PyObject *buffer_adopt(PyObject *type, PyObject *arguments) {
  unsigned long long address;
  PyObject *client, *array_type, *device;
  if (!PyArg_ParseTuple(arguments, "KOOO:_adopt", &address, &client, &array_type, &device)) return NULL;
  return new_buffer((PyTypeObject *)type, (ryft_owner *)(uintptr_t)address, client, array_type, device);
}

static PyObject *buffer_address(PyObject *self, void *closure) {
  (void)closure;
  return PyLong_FromVoidPtr(((BufferBase *)self)->owner);
}

static PyMethodDef buffer_methods[] = {
    {"_adopt", buffer_adopt, METH_VARARGS | METH_CLASS,
     "Returns a buffer that takes over the `ryft_owner *` at an address."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef buffer_properties[] = {
    {"_owner_address", buffer_address, NULL, "Address of the `ryft_owner`.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef buffer_members[] = {
    {"client", T_OBJECT_EX, offsetof(BufferBase, client), READONLY, "Client that the buffer belongs to."},
    {"type", T_OBJECT_EX, offsetof(BufferBase, type), READONLY, "Element type and shape."},
    {"device", T_OBJECT_EX, offsetof(BufferBase, device), READONLY, "Device whose memory holds the array."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(BufferBase, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_dealloc, buffer_dealloc}, {Py_tp_methods, buffer_methods}, {Py_tp_getset, buffer_properties},
    {Py_tp_members, buffer_members}, {0, NULL},
};

static PyType_Spec buffer_spec = {
    "ryft_pjrt._objects.BufferBase", sizeof(BufferBase), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, buffer_slots,
};

// ------------------------------------------------ LauncherBase ------------------------------------------------

static int launcher_init(PyObject *object, PyObject *arguments, PyObject *keywords) {
  LauncherBase *self = (LauncherBase *)object;
  unsigned long long address;
  PyObject *buffer_class, *client, *types, *devices;
  if (keywords && PyDict_Size(keywords)) {
    PyErr_SetString(PyExc_TypeError, "`LauncherBase` takes no keyword arguments");
    return -1;
  }
  if (!PyArg_ParseTuple(arguments, "KOOO!O!:LauncherBase", &address, &buffer_class, &client, &PyTuple_Type, &types,
                        &PyTuple_Type, &devices))
    return -1;
  if (self->launcher || !PyType_Check(buffer_class) || !PyType_IsSubtype((PyTypeObject *)buffer_class, buffer_base)) {
    PyErr_SetString(PyExc_TypeError, "`LauncherBase` expected a class of buffers, once");
    return -1;
  }
  self->launcher = (const ryft_launcher *)(uintptr_t)address;
  self->buffer_class = (PyTypeObject *)Py_NewRef(buffer_class);
  self->client = Py_NewRef(client);
  self->types = Py_NewRef(types);
  self->devices = Py_NewRef(devices);
  return 0;
}

static void launcher_dealloc(PyObject *object) {
  LauncherBase *self = (LauncherBase *)object;
  Py_CLEAR(self->buffer_class);
  Py_CLEAR(self->client);
  Py_CLEAR(self->types);
  Py_CLEAR(self->devices);
  free_object(object);
}

// Calls the method that raises the error which says what was wrong.
static PyObject *fail(PyObject *self, int status, PyObject *arguments) {
  PyObject *result = PyObject_CallMethod(self, "_fail", "iO", status, arguments);
  if (result) {
    Py_DECREF(result);
    PyErr_SetString(PyExc_SystemError, "`_fail` returned");
  }
  return NULL;
}

static PyObject *wrap_outputs(LauncherBase *self, ryft_owner **outputs) {
  Py_ssize_t columns = (Py_ssize_t)self->launcher->output_count;
  Py_ssize_t count = (Py_ssize_t)self->launcher->device_count * columns;
  PyObject *result = PyList_New(count);
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *buffer = NULL;
    if (!outputs[i]) continue;
    if (result) {
      buffer = new_buffer(self->buffer_class, outputs[i], self->client, PyTuple_GetItem(self->types, i % columns),
                          PyTuple_GetItem(self->devices, i / columns));
    } else {
      ryft_owner_release(outputs[i]);
    }
    if (buffer)
      PyList_SetItem(result, i, buffer);
    else
      Py_CLEAR(result);
  }
  return result;
}

enum { STACK_OWNERS = 32 };

static PyObject *launch(LauncherBase *self, PyObject *arguments, PJRT_ExecuteOptions *options, PJRT_Event **events) {
  PyObject *list = PyList_Check(arguments) || PyTuple_Check(arguments) ? Py_NewRef(arguments)
                                                                        : PySequence_List(arguments);
  if (!list) return NULL;
  bool is_list = PyList_Check(list);
  Py_ssize_t count = is_list ? PyList_Size(list) : PyTuple_Size(list);
  size_t output_count = self->launcher->device_count * self->launcher->output_count;
  size_t expected = self->launcher->device_count * self->launcher->argument_count;
  PyObject *result = NULL;
  PyObject *stack[3 * STACK_OWNERS];
  size_t total = 2 * (size_t)count + output_count;
  void **storage = total <= 3 * STACK_OWNERS ? (void **)stack : PyMem_Malloc(total * sizeof(void *));
  if (!storage) {
    Py_DECREF(list);
    return PyErr_NoMemory();
  }
  PyObject **buffers = (PyObject **)storage;
  ryft_owner **owners = (ryft_owner **)(storage + count);
  ryft_owner **outputs = owners + count;
  memset(outputs, 0, output_count * sizeof(ryft_owner *));
  Py_ssize_t held = 0;
  int status = (size_t)count == expected ? RYFT_EXECUTE_OK : RYFT_EXECUTE_ARGUMENT;
  for (; status == RYFT_EXECUTE_OK && held < count; held++) {
    PyObject *item = is_list ? PyList_GetItem(list, held) : PyTuple_GetItem(list, held);
    if (!PyObject_TypeCheck(item, buffer_base)) {
      status = RYFT_EXECUTE_ARGUMENT;
      break;
    }
    // Another thread could drop it from the list while the Python lock is released.
    buffers[held] = Py_NewRef(item);
    owners[held] = ((BufferBase *)item)->owner;
  }
  if (status == RYFT_EXECUTE_OK) {
    Py_BEGIN_ALLOW_THREADS
    status = ryft_execute(self->launcher, owners, (size_t)count, outputs, options, events);
    Py_END_ALLOW_THREADS
  }
  if (status == RYFT_EXECUTE_OK)
    result = wrap_outputs(self, outputs);
  else
    fail((PyObject *)self, status, list);
  while (held-- > 0) Py_DECREF(buffers[held]);
  if (storage != (void **)stack) PyMem_Free(storage);
  Py_DECREF(list);
  return result;
}

static PyObject *launcher_call(PyObject *self, PyObject *arguments, PyObject *keywords) {
  if (PyTuple_Size(arguments) != 1 || (keywords && PyDict_Size(keywords))) {
    PyErr_SetString(PyExc_TypeError, "a launcher takes one argument: the sequence of buffers");
    return NULL;
  }
  if (!((LauncherBase *)self)->launcher) {
    PyErr_SetString(PyExc_TypeError, "the launcher is not initialized");
    return NULL;
  }
  return launch((LauncherBase *)self, PyTuple_GetItem(arguments, 0), NULL, NULL);
}

static PyObject *launcher_launch(PyObject *self, PyObject *arguments) {
  PyObject *buffers;
  unsigned long long options, events;
  if (!PyArg_ParseTuple(arguments, "OKK:_launch", &buffers, &options, &events)) return NULL;
  if (!((LauncherBase *)self)->launcher) {
    PyErr_SetString(PyExc_TypeError, "the launcher is not initialized");
    return NULL;
  }
  return launch((LauncherBase *)self, buffers, (PJRT_ExecuteOptions *)(uintptr_t)options,
                (PJRT_Event **)(uintptr_t)events);
}

static PyMethodDef launcher_methods[] = {
    {"_launch", launcher_launch, METH_VARARGS,
     "Executes with the options and the array of events at the given addresses; zero stands for none."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot launcher_slots[] = {
    {Py_tp_init, launcher_init},       {Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, launcher_dealloc},
    {Py_tp_methods, launcher_methods}, {Py_tp_call, launcher_call},    {0, NULL},
};

static PyType_Spec launcher_spec = {
    "ryft_pjrt._objects.LauncherBase", sizeof(LauncherBase), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    launcher_slots,
};

// -------------------------------------------------- Capsules --------------------------------------------------

// A capsule that nobody has taken still owns its tensor.
static void delete_capsule(PyObject *capsule) {
  if (PyCapsule_IsValid(capsule, "dltensor")) {
    DLManagedTensor *tensor = PyCapsule_GetPointer(capsule, "dltensor");
    if (tensor->deleter) tensor->deleter(tensor);
  } else if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    DLManagedTensorVersioned *tensor = PyCapsule_GetPointer(capsule, "dltensor_versioned");
    if (tensor->deleter) tensor->deleter(tensor);
  }
}

static PyObject *new_capsule(PyObject *module, PyObject *arguments) {
  (void)module;
  unsigned long long address;
  int versioned;
  if (!PyArg_ParseTuple(arguments, "Kp:new_capsule", &address, &versioned)) return NULL;
  return PyCapsule_New((void *)(uintptr_t)address, versioned ? "dltensor_versioned" : "dltensor", delete_capsule);
}

static PyObject *take_capsule(PyObject *module, PyObject *capsule) {
  (void)module;
  int versioned = PyCapsule_IsValid(capsule, "dltensor_versioned");
  const char *name = versioned ? "dltensor_versioned" : "dltensor";
  void *pointer = PyCapsule_GetPointer(capsule, name);
  if (!pointer) return NULL;
  if (PyCapsule_SetName(capsule, versioned ? "used_dltensor_versioned" : "used_dltensor") < 0) return NULL;
  return Py_BuildValue("KO", (unsigned long long)(uintptr_t)pointer, versioned ? Py_True : Py_False);
}

static PyMethodDef module_functions[] = {
    {"new_capsule", new_capsule, METH_VARARGS, "Returns a DLPack capsule that owns the tensor at an address."},
    {"take_capsule", take_capsule, METH_O, "Takes the tensor out of a DLPack capsule: its address, and whether it is versioned."},
    {NULL, NULL, 0, NULL},
};

// --------------------------------------------------- Module ---------------------------------------------------

static int execute_module(PyObject *module) {
  PyObject *buffer = PyType_FromSpec(&buffer_spec);
  if (!buffer) return -1;
  // One type for the whole process: objects are recognized by it.
  buffer_base = (PyTypeObject *)Py_NewRef(buffer);
  if (PyModule_AddObjectRef(module, "BufferBase", buffer) < 0) return -1;
  Py_DECREF(buffer);
  PyObject *launcher = PyType_FromSpec(&launcher_spec);
  if (!launcher || PyModule_AddObjectRef(module, "LauncherBase", launcher) < 0) return -1;
  Py_DECREF(launcher);
  return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute_module}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_objects", "Python types for the hot path, and DLPack capsules.", 0, module_functions, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__objects(void) { return PyModuleDef_Init(&module_definition); }
