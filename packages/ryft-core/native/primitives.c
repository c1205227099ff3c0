// Primitives that are applied to arrays at once.
#include "dispatch.h"

// ------------------------------------------------- Primitives -------------------------------------------------

static Table kernels = {NULL, 0, 0};  // of primitives applied to arrays at once
PyTypeObject *literal_class = NULL;

enum { LITERALS = 4096, LITERALS_LIMIT = LITERALS / 2, KERNELS_LIMIT = 65536 };

// Arrays of literals, by identity.
static struct {
  PyObject *literal, *array;
} literals[LITERALS];
static size_t literal_count = 0;

static void forget_literals(void) {
  for (size_t i = 0; i < LITERALS; i++) {
    Py_CLEAR(literals[i].literal);
    Py_CLEAR(literals[i].array);
  }
  literal_count = 0;
}

// Returns a new reference to the array of a literal.
static PyObject *array_of_literal(PyObject *literal) {
  size_t i = ((uintptr_t)literal >> 4) % LITERALS;
  for (; literals[i].literal; i = (i + 1) % LITERALS)
    if (literals[i].literal == literal) return Py_NewRef(literals[i].array);
  PyObject *array = PyObject_CallFunctionObjArgs(convert_leaf, literal, NULL);
  if (!array || Py_TYPE(array) != array_class) return array;
  if (literal_count >= LITERALS_LIMIT) forget_literals();
  i = ((uintptr_t)literal >> 4) % LITERALS;
  while (literals[i].literal) i = (i + 1) % LITERALS;
  literals[i].literal = Py_NewRef(literal);
  literals[i].array = Py_NewRef(array);
  literal_count++;
  return array;
}

static int visit_application(Signature *s, PyObject *primitive, PyObject *operands) {
  int status = push_identity(s, Py_TYPE(primitive));
  PyObject *parameters = status ? NULL : PyObject_GenericGetDict(primitive, NULL);
  if (!parameters) return VISIT_FAILED;
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (!status && PyDict_Next(parameters, &position, &key, &value)) {
    status = push_identity(s, Py_TYPE(value));
    if (!status) status = push_equal(s, value);
  }
  Py_DECREF(parameters);
  Py_ssize_t count = PyTuple_Size(operands);
  if (!status) status = push_number(s, (size_t)count);
  for (Py_ssize_t i = 0; !status && i < count; i++) {
    PyObject *operand = PyTuple_GetItem(operands, i);
    if (Py_TYPE(operand) == array_class) {
      status = push_leaf(s, Py_NewRef(operand));
    } else if (Py_TYPE(operand) == literal_class) {
      PyObject *array = array_of_literal(operand);
      if (!array) return VISIT_FAILED;
      status = push_leaf(s, array);
    } else {
      status = VISIT_UNUSUAL;
    }
  }
  return status ? status : push_identity(s, s->device ? s->device : Py_None);
}

static PyObject *call_process(PyObject *trace, PyObject *primitive, PyObject *operands) {
  static PyObject *name = NULL;
  if (!name && !(name = PyUnicode_InternFromString("process"))) return NULL;
  if (!trace) {
    PyErr_SetString(PyExc_RuntimeError, "there is no base trace yet");
    return NULL;
  }
  Py_INCREF(trace);
  PyObject *result = PyObject_CallMethodObjArgs(trace, name, primitive, operands, NULL);
  Py_DECREF(trace);
  return result;
}

static PyObject *primitive_bind(PyObject *self, PyObject *operands) {
  if (current_trace) return call_process(current_trace, self, operands);
  Signature s;
  signature_begin(&s);
  int status = visit_application(&s, self, operands);
  Entry *entry = status == VISIT_OK ? table_find(&kernels, &s) : NULL;
  PyObject *result = NULL;
  bool serious = false;
  if (entry) {
    int refusal = 0;
    result = run_entry(entry, s.leaves, self, &refusal);
    if (refusal) result = refuse(entry, self, refusal, s.leaves);
  } else {
    serious = is_serious(status);
  }
  signature_end(&s);
  if (!entry) return serious ? NULL : call_process(base_trace, self, operands);
  Py_DECREF((PyObject *)entry);
  return result;
}

static PyMethodDef primitive_methods[] = {
    {"bind", primitive_bind, METH_VARARGS,
     "Applies the primitive to arrays under the current trace; returns one array, or a tuple of them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot primitive_slots[] = {
    {Py_tp_new, PyType_GenericNew}, {Py_tp_methods, primitive_methods}, {0, NULL},
};

PyType_Spec primitive_spec = {
    "ryft_core._dispatch.PrimitiveBase", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, primitive_slots,
};


PyObject *remember_kernel(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *primitive, *operands, *entry;
  if (!PyArg_ParseTuple(arguments, "OO!O!:remember_kernel", &primitive, &PyTuple_Type, &operands, entry_type, &entry))
    return NULL;
  if (kernels.count >= KERNELS_LIMIT) table_clear(&kernels);
  Signature s;
  signature_begin(&s);
  bool added = false;
  int status = visit_application(&s, primitive, operands);
  if (status == VISIT_OK && s.leaf_count == ((Entry *)entry)->leaf_count) {
    Entry *found = table_find(&kernels, &s);
    if (!found && !PyErr_Occurred()) added = table_add(&kernels, &s, (Entry *)entry) == 0;
    Py_XDECREF((PyObject *)found);
  }
  bool serious = is_serious(status);
  signature_end(&s);
  return serious ? NULL : PyBool_FromLong(added);
}

PyObject *forget_kernels(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  table_clear(&kernels);
  forget_literals();
  Py_RETURN_NONE;
}
