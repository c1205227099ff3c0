// Signatures: the words and the leaves of the arguments of a call.
#include "dispatch.h"

// ---------------------------------------------------- Plan ----------------------------------------------------


static PyObject *plan_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"code", "kind", "flatten", "fields", "statics", "holds_statics", NULL};
  int code, holds_statics = 0;
  PyObject *kind = Py_None, *flatten = Py_None, *fields = empty_tuple, *statics = empty_tuple;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "i|OOO!O!p:Plan", names, &code, &kind, &flatten, &PyTuple_Type,
                                   &fields, &PyTuple_Type, &statics, &holds_statics))
    return NULL;
  Plan *self = (Plan *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (!self) return NULL;
  self->code = code;
  self->kind = Py_NewRef(kind);
  self->flatten = Py_NewRef(flatten);
  self->fields = Py_NewRef(fields);
  self->statics = Py_NewRef(statics);
  self->holds_statics = holds_statics;
  return (PyObject *)self;
}

static void plan_dealloc(PyObject *object) {
  Plan *self = (Plan *)object;
  Py_CLEAR(self->kind);
  Py_CLEAR(self->flatten);
  Py_CLEAR(self->fields);
  Py_CLEAR(self->statics);
  free_object(object);
}

static PyType_Slot plan_slots[] = {{Py_tp_new, plan_new}, {Py_tp_dealloc, plan_dealloc}, {0, NULL}};

PyType_Spec plan_spec = {"ryft_core._dispatch.Plan", sizeof(Plan), 0, Py_TPFLAGS_DEFAULT, plan_slots};

// -------------------------------------------------- Signature -------------------------------------------------



void signature_begin(Signature *s) {
  s->words = s->inline_words;
  s->word_count = 0;
  s->word_capacity = INLINE_WORDS;
  s->hash = 0x9E3779B97F4A7C15u;
  s->leaves = s->inline_leaves;
  s->leaf_count = 0;
  s->leaf_capacity = INLINE_LEAVES;
  s->device = NULL;
  s->held = NULL;
  s->holds_all = false;
  s->only_arrays = false;
}

void signature_end(Signature *s) {
  while (s->leaf_count > 0) Py_DECREF(s->leaves[--s->leaf_count]);
  if (s->leaves != s->inline_leaves) PyMem_Free(s->leaves);
  if (s->words != s->inline_words) PyMem_Free(s->words);
  Py_CLEAR(s->held);
}

// Makes room for one more item in an array that starts out inline.
bool grow_array(void **items, void *inline_items, size_t count, size_t *capacity, size_t item_size) {
  size_t wanted = 2 * *capacity;
  void *larger = PyMem_Malloc(wanted * item_size);
  if (!larger) {
    PyErr_NoMemory();
    return false;
  }
  memcpy(larger, *items, count * item_size);
  if (*items != inline_items) PyMem_Free(*items);
  *items = larger;
  *capacity = wanted;
  return true;
}

int push_equal(Signature *s, PyObject *object) {
  Py_hash_t hash = PyObject_Hash(object);
  if (hash == -1) return VISIT_FAILED;
  return push(s, (uintptr_t)object | WORD_EQUAL, (uint64_t)hash);
}

// Keeps an object alive as long as the signature; takes the reference over.
int hold(Signature *s, PyObject *object) {
  if (!s->held && !(s->held = PyList_New(0))) {
    Py_DECREF(object);
    return VISIT_FAILED;
  }
  int status = PyList_Append(s->held, object);
  Py_DECREF(object);
  return status < 0 ? VISIT_FAILED : VISIT_OK;
}

// Must be called before anything that may run code of the user: it could remove from a dictionary the keys that the
// words point to.
int expect_user_code(Signature *s) {
  if (s->holds_all) return VISIT_OK;
  s->holds_all = true;
  for (size_t i = 0; i < s->word_count; i++)
    if ((s->words[i] & 3) == WORD_EQUAL && hold(s, Py_NewRef((PyObject *)(s->words[i] - WORD_EQUAL)))) return VISIT_FAILED;
  return VISIT_OK;
}

// Takes the reference over.
int push_leaf(Signature *s, PyObject *leaf) {
  if (s->leaf_count == s->leaf_capacity &&
      !grow_array((void **)&s->leaves, s->inline_leaves, s->leaf_count, &s->leaf_capacity, sizeof(PyObject *))) {
    Py_DECREF(leaf);
    return VISIT_FAILED;
  }
  s->leaves[s->leaf_count++] = leaf;
  ArrayBase *array = (ArrayBase *)leaf;
  if (array->device != s->device) {
    if (s->device) return VISIT_UNUSUAL;
    s->device = array->device;
  }
  return push_identity(s, array->type);
}

static int visit_static_items(Signature *s, PyObject *tuple) {
  if (Py_EnterRecursiveCall(" while comparing static values")) return VISIT_FAILED;
  Py_ssize_t count = PyTuple_Size(tuple);
  int status = push_number(s, (size_t)count);
  for (Py_ssize_t i = 0; !status && i < count; i++) status = visit_static(s, PyTuple_GetItem(tuple, i));
  Py_LeaveRecursiveCall();
  return status;
}

// Must tell apart what `distinction` in Python does: 1 == 1.0 == True, and 0.0 == -0.0, also within tuples.
int visit_static(Signature *s, PyObject *value) {
  PyTypeObject *type = Py_TYPE(value);
  int status = expect_user_code(s);
  if (!status) status = push_identity(s, type);
  if (status) return status;
  if (type == &PyTuple_Type) return visit_static_items(s, value);
  if (type == &PyFloat_Type) {
    status = push_number(s, signbit(PyFloat_AsDouble(value)) != 0);
  } else if (PyTuple_Check(value) || PyFrozenSet_Check(value)) {
    return VISIT_UNUSUAL;
  } else if (PyNumber_Check(value) && !PyIndex_Check(value)) {
    return VISIT_UNUSUAL;  // Complex numbers, and those of NumPy.
  }
  return status ? status : push_equal(s, value);
}

// Whether hashing and comparing a key runs no code of the user.
static bool is_plain_key(PyObject *key) { return PyUnicode_CheckExact(key) || PyLong_CheckExact(key); }

static bool has_plain_keys(PyObject *dictionary) {
  PyObject *key;
  Py_ssize_t position = 0;
  while (PyDict_Next(dictionary, &position, &key, NULL))
    if (!is_plain_key(key)) return false;
  return true;
}

static int visit_dictionary(Signature *s, PyObject *dictionary, bool statics) {
  int status = push_identity(s, &PyDict_Type);
  if (!status) status = push_number(s, (size_t)PyDict_Size(dictionary));
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (!status && PyDict_Next(dictionary, &position, &key, &value)) {
    if (!is_plain_key(key)) return VISIT_UNUSUAL;  // Somebody changes it meanwhile.
    Py_INCREF(value);
    if (s->holds_all) status = hold(s, Py_NewRef(key));
    if (!status) status = push_equal(s, key);  // Runs no code of the user: see `is_plain_key`.
    if (!status) status = visit(s, value, statics);
    Py_DECREF(value);
  }
  return status;
}

static int visit_sequence(Signature *s, PyObject *sequence, bool statics) {
  Py_ssize_t count = PyTuple_Size(sequence);
  int status = VISIT_OK;
  for (Py_ssize_t i = 0; !status && i < count; i++) status = visit(s, PyTuple_GetItem(sequence, i), statics);
  return status;
}

static int visit_list(Signature *s, PyObject *list, bool statics) {
  int status = push_identity(s, &PyList_Type);
  Py_ssize_t count = PyList_Size(list);
  if (!status) status = push_number(s, (size_t)count);
  for (Py_ssize_t i = 0; !status && i < count; i++) {
    if (i >= PyList_Size(list)) return VISIT_UNUSUAL;  // Somebody changes it meanwhile.
    PyObject *item = Py_NewRef(PyList_GetItem(list, i));
    status = visit(s, item, statics);
    Py_DECREF(item);
  }
  return status;
}

static int visit_flattened(Signature *s, PyObject *value, Plan *plan, bool statics) {
  int status = expect_user_code(s);
  PyObject *pair = status ? NULL : PyObject_CallFunctionObjArgs(plan->flatten, value, NULL);
  if (!pair) return VISIT_FAILED;
  status = hold(s, pair);
  if (status) return status;
  if (!PyTuple_CheckExact(pair) || PyTuple_Size(pair) != 2) return VISIT_UNUSUAL;
  PyObject *children = PyTuple_GetItem(pair, 0);
  if (!PyTuple_CheckExact(children)) {
    children = PySequence_Tuple(children);
    if (!children) return VISIT_FAILED;
    status = hold(s, children);
  }
  if (!status) status = push_number(s, (size_t)PyTuple_Size(children));
  if (!status) status = push_equal(s, PyTuple_GetItem(pair, 1));
  return status ? status : visit_sequence(s, children, statics);
}

static int visit_instance(Signature *s, PyObject *instance, Plan *plan) {
  int status = expect_user_code(s);
  Py_ssize_t count = PyTuple_Size(plan->statics);
  for (Py_ssize_t i = 0; !status && i < count; i++) {
    PyObject *value = PyObject_GetAttr(instance, PyTuple_GetItem(plan->statics, i));
    if (!value) return VISIT_FAILED;
    status = hold(s, value);
    if (!status) status = visit_static(s, value);
  }
  count = PyTuple_Size(plan->fields);
  for (Py_ssize_t i = 0; !status && i < count; i++) {
    PyObject *child = PyObject_GetAttr(instance, PyTuple_GetItem(plan->fields, i));
    if (!child) return VISIT_FAILED;
    if (Py_TYPE(child) == array_class) {
      status = push_leaf(s, child);
    } else {
      status = visit(s, child, true);
      Py_DECREF(child);
    }
  }
  return status;
}

static Plan *plan_of(PyObject *value) {
  PyObject *plan = PyDict_GetItemWithError(plans, (PyObject *)Py_TYPE(value));
  if (plan) return (Plan *)Py_NewRef(plan);
  if (PyErr_Occurred()) return NULL;
  plan = PyObject_CallFunctionObjArgs(plan_leaf, value, NULL);
  if (!plan) return NULL;
  if (Py_TYPE(plan) != plan_type) {
    PyErr_SetString(PyExc_TypeError, "expected a plan");
    Py_DECREF(plan);
    return NULL;
  }
  // A class of the user that is a leaf now may become a container later.
  bool final = ((Plan *)plan)->code >= PLAN_FLATTEN || !(PyType_GetFlags(Py_TYPE(value)) & Py_TPFLAGS_HEAPTYPE);
  if (final && PyDict_SetItem(plans, (PyObject *)Py_TYPE(value), plan) < 0) Py_CLEAR(plan);
  return (Plan *)plan;
}

static int visit_planned(Signature *s, PyObject *value, bool statics) {
  Plan *plan = plan_of(value);
  if (!plan) return VISIT_FAILED;
  int status = VISIT_UNUSUAL;
  if (plan->code == PLAN_ARRAY && !s->only_arrays) {
    PyObject *array = expect_user_code(s) ? NULL : PyObject_CallFunctionObjArgs(convert_leaf, value, NULL);
    if (!array)
      status = VISIT_FAILED;
    else if (Py_TYPE(array) == array_class)
      status = push_leaf(s, array);
    else
      Py_DECREF(array);
  } else if (plan->code == PLAN_STATIC) {
    if (statics) {
      status = hold(s, Py_NewRef(value));
      if (!status) status = visit_static(s, value);
    }
  } else if (plan->code >= PLAN_FLATTEN && !Py_EnterRecursiveCall(" while taking arguments apart")) {
    status = push_identity(s, plan->kind);
    if (!status && plan->code == PLAN_CLASS)
      status = visit_instance(s, value, plan);
    else if (!status)
      status = visit_flattened(s, value, plan, statics || plan->holds_statics);
    Py_LeaveRecursiveCall();
  }
  Py_DECREF(plan);
  return status;
}

// Appends the words and the leaves of a value. `statics` says whether what is no array is static.
int visit(Signature *s, PyObject *value, bool statics) {
  PyTypeObject *type = Py_TYPE(value);
  if (type == array_class) return push_leaf(s, Py_NewRef(value));
  if (value == Py_None) return push_identity(s, Py_None);
  bool is_container = type == &PyTuple_Type || type == &PyList_Type || (type == &PyDict_Type && has_plain_keys(value));
  if (!is_container) return visit_planned(s, value, statics);
  if (Py_EnterRecursiveCall(" while taking arguments apart")) return VISIT_FAILED;
  int status;
  if (type == &PyTuple_Type) {
    status = push_identity(s, &PyTuple_Type);
    if (!status) status = push_number(s, (size_t)PyTuple_Size(value));
    if (!status) status = visit_sequence(s, value, statics);
  } else if (type == &PyList_Type) {
    status = visit_list(s, value, statics);
  } else {
    status = visit_dictionary(s, value, statics);
  }
  Py_LeaveRecursiveCall();
  return status;
}

// Returns whether an exception is set that is more than a reason to take the slow path, which will explain it.
bool is_serious(int status) {
  if (status != VISIT_FAILED && !PyErr_Occurred()) return false;
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return true;
  PyErr_Clear();
  return false;
}
