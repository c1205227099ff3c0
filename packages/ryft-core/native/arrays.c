// The state of each thread, and arrays.
#include "dispatch.h"

// --------------------------------------------------- State ----------------------------------------------------

// The current trace of each thread; null stands for the base trace, which evaluates.
_Thread_local PyObject *current_trace = NULL;
PyObject *base_trace = NULL;

static PyObject *state_trace(PyObject *self, void *closure) {
  (void)self, (void)closure;
  PyObject *trace = current_trace ? current_trace : base_trace;
  if (trace) return Py_NewRef(trace);
  PyErr_SetString(PyExc_AttributeError, "there is no base trace yet");
  return NULL;
}

static int state_set_trace(PyObject *self, PyObject *value, void *closure) {
  (void)self, (void)closure;
  if (!value) {
    PyErr_SetString(PyExc_AttributeError, "the current trace cannot be deleted");
    return -1;
  }
  PyObject *previous = current_trace;
  current_trace = value == base_trace ? NULL : Py_NewRef(value);
  Py_XDECREF(previous);
  return 0;
}

static PyObject *state_base(PyObject *self, void *closure) {
  (void)self, (void)closure;
  if (base_trace) return Py_NewRef(base_trace);
  PyErr_SetString(PyExc_AttributeError, "there is no base trace yet");
  return NULL;
}

static int state_set_base(PyObject *self, PyObject *value, void *closure) {
  (void)self, (void)closure;
  PyObject *previous = base_trace;
  base_trace = Py_XNewRef(value);
  Py_XDECREF(previous);
  return 0;
}

static PyGetSetDef state_properties[] = {
    {"trace", state_trace, state_set_trace, "The trace that is current in this thread.", NULL},
    {"base", state_base, state_set_base, "The trace that evaluates.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot state_slots[] = {{Py_tp_getset, state_properties}, {Py_tp_new, PyType_GenericNew}, {0, NULL}};

PyType_Spec state_spec = {
    "ryft_core._dispatch.State", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, state_slots,
};

// ------------------------------------------------- ArrayBase --------------------------------------------------


static void array_dealloc(PyObject *object) {
  ArrayBase *self = (ArrayBase *)object;
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  // The client, which the origin holds, outlives the buffer: nothing that is released here waits for other threads.
  if (self->owner && !self->buffer) release_owner(self->owner);
  self->owner = NULL;
  Py_CLEAR(self->buffer);
  Py_CLEAR(self->origin);
  Py_CLEAR(self->device);
  Py_CLEAR(self->type);
  Py_CLEAR(self->donation);
  free_object(object);
}

static PyObject *array_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"buffer", "type", NULL};
  PyObject *buffer, *array_type;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:DeviceArray", names, &buffer, &array_type)) return NULL;
  PyObject *device = PyObject_GetAttrString(buffer, "device");
  PyObject *address = device ? PyObject_GetAttrString(buffer, "_owner_address") : NULL;
  void *owner = address ? PyLong_AsVoidPtr(address) : NULL;
  Py_XDECREF(address);
  ArrayBase *self = NULL;
  if (!owner && !PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "expected a buffer that has an owner");
  if (!PyErr_Occurred()) self = (ArrayBase *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (!self) {
    Py_XDECREF(device);
    return NULL;
  }
  self->owner = owner;
  self->type = Py_NewRef(array_type);
  self->buffer = Py_NewRef(buffer);
  self->device = device;
  return (PyObject *)self;
}

// Returns a new array that takes over an owner (in any case), or null.
PyObject *wrap_owner(void *owner, PyObject *type, PyObject *origin) {
  static allocfunc allocate = NULL;
  if (!allocate) allocate = (allocfunc)PyType_GetSlot(array_class, Py_tp_alloc);
  ArrayBase *self = (ArrayBase *)allocate(array_class, 0);
  if (!self) {
    release_owner(owner);
    return NULL;
  }
  self->owner = owner;
  self->type = Py_NewRef(type);
  self->origin = Py_NewRef(origin);
  self->device = Py_NewRef(PyTuple_GetItem(origin, 2));
  return (PyObject *)self;
}

static PyObject *array_buffer(PyObject *object, void *closure) {
  (void)closure;
  ArrayBase *self = (ArrayBase *)object;
  if (!self->buffer) {
    PyObject *origin = self->origin;
    // A garbage collection could let another thread in, which would adopt the owner as well.
    int collects = PyGC_Disable();
    PyObject *buffer = PyObject_CallFunction(adopt_buffer, "KOOO", (unsigned long long)(uintptr_t)self->owner,
                                             PyTuple_GetItem(origin, 0), PyTuple_GetItem(origin, 1),
                                             PyTuple_GetItem(origin, 2));
    if (collects) PyGC_Enable();
    if (!buffer) return NULL;
    self->buffer = buffer;
    self->origin = NULL;
    Py_DECREF(origin);
  }
  return Py_NewRef(self->buffer);
}

static PyGetSetDef array_properties[] = {
    {"buffer", array_buffer, NULL, "Buffer that holds the elements.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef array_members[] = {
    {"type", T_OBJECT_EX, offsetof(ArrayBase, type), READONLY, "Shape and element type."},
    {"device", T_OBJECT_EX, offsetof(ArrayBase, device), READONLY, "Device whose memory holds the elements."},
    {"_donation", T_OBJECT, offsetof(ArrayBase, donation), 0, "Where the elements' memory was donated, if it was."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ArrayBase, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot array_slots[] = {
    {Py_tp_new, array_new}, {Py_tp_dealloc, array_dealloc}, {Py_tp_getset, array_properties},
    {Py_tp_members, array_members}, {0, NULL},
};

PyType_Spec array_spec = {
    "ryft_core._dispatch.ArrayBase", sizeof(ArrayBase), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, array_slots,
};
