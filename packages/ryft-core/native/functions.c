// Jitted functions.
#include "dispatch.h"

// ------------------------------------------------- Dispatcher -------------------------------------------------

// Function whose calls are looked up. `_miss(args, kwargs)` is called for those that are not found.
typedef struct {
  PyObject_HEAD
  Table table;
  PyObject *static_positions;  // tuple of booleans, one for each leading positional argument
  PyObject *static_names;      // frozenset of names
  unsigned long long hits;
  char donates;
} Dispatcher;

static int dispatcher_traverse(PyObject *object, visitproc visit, void *arg) {
  Dispatcher *self = (Dispatcher *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->static_positions);
  Py_VISIT(self->static_names);
  return table_traverse(&self->table, visit, arg);
}

static int dispatcher_clear(PyObject *object) {
  Dispatcher *self = (Dispatcher *)object;
  Py_CLEAR(self->static_positions);
  Py_CLEAR(self->static_names);
  table_clear(&self->table);
  return 0;
}

static void dispatcher_dealloc(PyObject *object) {
  PyObject_GC_UnTrack(object);
  dispatcher_clear(object);
  free_object(object);
}

static int visit_arguments(Dispatcher *self, Signature *s, PyObject *args, PyObject *kwargs) {
  Py_ssize_t count = PyTuple_Size(args);
  Py_ssize_t known = self->static_positions ? PyTuple_Size(self->static_positions) : 0;
  s->only_arrays = self->donates;
  int status = push_number(s, (size_t)count);
  for (Py_ssize_t i = 0; !status && i < count; i++) {
    PyObject *value = PyTuple_GetItem(args, i);
    bool is_static = i < known && PyTuple_GetItem(self->static_positions, i) == Py_True;
    status = is_static ? visit_static(s, value) : visit(s, value, false);
  }
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (!status && kwargs && PyDict_Next(kwargs, &position, &key, &value)) {
    status = push_equal(s, key);
    int is_static = status || !self->static_names ? 0 : PySet_Contains(self->static_names, key);
    if (is_static < 0) return VISIT_FAILED;
    if (!status) status = is_static ? visit_static(s, value) : visit(s, value, false);
  }
  return status ? status : push_identity(s, s->device ? s->device : Py_None);
}

static PyObject *call_miss(PyObject *self, PyObject *args, PyObject *kwargs) {
  static PyObject *name = NULL;
  if (!name && !(name = PyUnicode_InternFromString("_miss"))) return NULL;
  PyObject *keywords = kwargs ? Py_NewRef(kwargs) : PyDict_New();
  if (!keywords) return NULL;
  PyObject *result = PyObject_CallMethodObjArgs(self, name, args, keywords, NULL);
  Py_DECREF(keywords);
  return result;
}

static PyObject *dispatcher_call(PyObject *object, PyObject *args, PyObject *kwargs) {
  Dispatcher *self = (Dispatcher *)object;
  if (current_trace) return call_miss(object, args, kwargs);
  Signature s;
  signature_begin(&s);
  PyObject *result = NULL;
  Entry *entry = NULL;
  int status = visit_arguments(self, &s, args, kwargs);
  if (status == VISIT_OK) entry = table_find(&self->table, &s);
  if (entry) {
    self->hits++;
    int refusal = 0;
    result = run_entry(entry, s.leaves, object, &refusal);
    if (refusal) result = refuse(entry, object, refusal, s.leaves);
    Py_DECREF((PyObject *)entry);
    signature_end(&s);
    return result;
  }
  bool serious = is_serious(status);
  signature_end(&s);
  return serious ? NULL : call_miss(object, args, kwargs);
}

static PyObject *dispatcher_remember(PyObject *object, PyObject *arguments) {
  Dispatcher *self = (Dispatcher *)object;
  PyObject *args, *kwargs, *entry;
  if (!PyArg_ParseTuple(arguments, "O!O!O!:_remember", &PyTuple_Type, &args, &PyDict_Type, &kwargs, entry_type, &entry))
    return NULL;
  Signature s;
  signature_begin(&s);
  bool added = false;
  int status = visit_arguments(self, &s, args, PyDict_Size(kwargs) ? kwargs : NULL);
  if (status == VISIT_OK && s.leaf_count == ((Entry *)entry)->leaf_count) {
    Entry *found = table_find(&self->table, &s);
    if (!found && !PyErr_Occurred()) added = table_add(&self->table, &s, (Entry *)entry) == 0;
    Py_XDECREF((PyObject *)found);
  }
  bool serious = is_serious(status);
  signature_end(&s);
  return serious ? NULL : PyBool_FromLong(added);
}

static PyObject *dispatcher_forget(PyObject *object, PyObject *unused) {
  (void)unused;
  table_clear(&((Dispatcher *)object)->table);
  ((Dispatcher *)object)->hits = 0;
  Py_RETURN_NONE;
}

static PyObject *dispatcher_get(PyObject *self, PyObject *instance, PyObject *owner) {
  (void)owner;
  static PyObject *method_type = NULL;
  if (!instance || instance == Py_None) return Py_NewRef(self);
  if (!method_type) {
    PyObject *types = PyImport_ImportModule("types");
    method_type = types ? PyObject_GetAttrString(types, "MethodType") : NULL;
    Py_XDECREF(types);
    if (!method_type) return NULL;
  }
  return PyObject_CallFunctionObjArgs(method_type, self, instance, NULL);
}

static PyMethodDef dispatcher_methods[] = {
    {"_remember", dispatcher_remember, METH_VARARGS, "Adds the entry for the signature of a call; returns whether it did."},
    {"_forget", dispatcher_forget, METH_NOARGS, "Removes all entries."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef dispatcher_members[] = {
    {"_static_positions", T_OBJECT, offsetof(Dispatcher, static_positions), 0, "Whether each argument is static."},
    {"_static_names", T_OBJECT, offsetof(Dispatcher, static_names), 0, "Names of static keyword arguments."},
    {"_hits", T_ULONGLONG, offsetof(Dispatcher, hits), READONLY, "Number of calls whose signature was found."},
    {"_donates", T_BOOL, offsetof(Dispatcher, donates), 0, "Whether some arguments are donated."},
    {"_entries", T_PYSSIZET, offsetof(Dispatcher, table.count), READONLY, "Number of signatures."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot dispatcher_slots[] = {
    {Py_tp_new, PyType_GenericNew},          {Py_tp_dealloc, dispatcher_dealloc},
    {Py_tp_traverse, dispatcher_traverse},   {Py_tp_clear, dispatcher_clear},
    {Py_tp_call, dispatcher_call},           {Py_tp_methods, dispatcher_methods},
    {Py_tp_members, dispatcher_members},     {Py_tp_descr_get, dispatcher_get},
    {0, NULL},
};

PyType_Spec dispatcher_spec = {
    "ryft_core._dispatch.Dispatcher", sizeof(Dispatcher), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, dispatcher_slots,
};
