// The module: what it calls, and its types.
#include "dispatch.h"

execute_function *execute_buffers = NULL;
release_function *release_owner = NULL;
PyObject *adopt_buffer = NULL;
PyTypeObject *array_class = NULL;
PyObject *convert_leaf = NULL;
PyObject *plan_leaf = NULL;
PyObject *plans = NULL;
PyObject *empty_tuple = NULL;
PyObject *own_directory = NULL;
PyTypeObject *entry_type = NULL;
PyTypeObject *plan_type = NULL;
newfunc new_object = NULL;
static PyTypeObject *array_base = NULL;

void free_object(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

// --------------------------------------------------- Module ---------------------------------------------------

static void replace(PyObject **place, PyObject *value) {
  PyObject *previous = *place;
  *place = Py_NewRef(value);
  Py_XDECREF(previous);
}

static PyObject *configure(PyObject *module, PyObject *arguments, PyObject *keywords) {
  (void)module;
  static char *names[] = {"execute", "release", "adopt", "array", "literal", "convert", "plan", "directory", NULL};
  unsigned long long execute, release;
  PyObject *adopt, *array, *literal, *convert, *plan, *directory;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "KKOO!O!OOU:configure", names, &execute, &release, &adopt,
                                   &PyType_Type, &array, &PyType_Type, &literal, &convert, &plan,
                                   &directory))
    return NULL;
  if (!PyType_IsSubtype((PyTypeObject *)array, array_base)) {
    PyErr_SetString(PyExc_TypeError, "expected a class that extends `ArrayBase`");
    return NULL;
  }
  execute_buffers = (execute_function *)(uintptr_t)execute;
  release_owner = (release_function *)(uintptr_t)release;
  replace(&adopt_buffer, adopt);
  replace((PyObject **)&array_class, array);
  replace((PyObject **)&literal_class, literal);
  replace(&convert_leaf, convert);
  replace(&plan_leaf, plan);
  replace(&own_directory, directory);
  Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"configure", (PyCFunction)(void (*)(void))configure, METH_VARARGS | METH_KEYWORDS, "Sets what is called from here."},
    {"remember_kernel", remember_kernel, METH_VARARGS, "Adds the entry for a primitive and its operands."},
    {"forget_kernels", forget_kernels, METH_NOARGS, "Removes all entries of primitives, and the arrays of literals."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject *add_type(PyObject *module, const char *name, PyType_Spec *spec) {
  PyObject *type = PyType_FromSpec(spec);
  if (type && PyModule_AddObjectRef(module, name, type) < 0) Py_CLEAR(type);
  return (PyTypeObject *)type;
}

static int execute_module(PyObject *module) {
  if (array_base) {
    PyErr_SetString(PyExc_ImportError, "`ryft_core._dispatch` can be loaded only once in a process");
    return -1;
  }
  new_object = (newfunc)PyType_GetSlot(&PyBaseObject_Type, Py_tp_new);
  empty_tuple = PyTuple_New(0);
  plans = PyDict_New();
  array_base = add_type(module, "ArrayBase", &array_spec);
  entry_type = add_type(module, "Entry", &entry_spec);
  plan_type = add_type(module, "Plan", &plan_spec);
  if (!empty_tuple || !plans || !array_base || !entry_type || !plan_type) return -1;
  if (!add_type(module, "State", &state_spec) || !add_type(module, "Dispatcher", &dispatcher_spec)) return -1;
  return add_type(module, "PrimitiveBase", &primitive_spec) ? 0 : -1;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute_module}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_dispatch", "Dispatch of calls.", 0, module_methods, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__dispatch(void) { return PyModuleDef_Init(&module_definition); }
