// Entries: how to execute the calls of one signature; and tables of them.
#include "dispatch.h"

// --------------------------------------------------- Entry ----------------------------------------------------


static bool is_object(uintptr_t word) { return !(word & WORD_NUMBER); }

static PyObject *object_of(uintptr_t word) { return (PyObject *)(word & ~(uintptr_t)WORD_EQUAL); }

static int entry_traverse(PyObject *object, visitproc visit, void *arg) {
  Entry *self = (Entry *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->keep);
  Py_VISIT(self->captured);
  Py_VISIT(self->types);
  Py_VISIT(self->origins);
  Py_VISIT(self->build);
  for (size_t i = 0; i < self->word_count; i++)
    if (is_object(self->words[i])) Py_VISIT(object_of(self->words[i]));
  return 0;
}

static int entry_clear(PyObject *object) {
  Entry *self = (Entry *)object;
  uintptr_t *words = self->words;
  size_t count = self->word_count;
  self->words = NULL;
  self->word_count = 0;
  for (size_t i = 0; i < count; i++)
    if (is_object(words[i])) Py_DECREF(object_of(words[i]));
  PyMem_Free(words);
  self->launcher = NULL;
  Py_CLEAR(self->keep);
  Py_CLEAR(self->captured);
  Py_CLEAR(self->types);
  Py_CLEAR(self->origins);
  Py_CLEAR(self->build);
  return 0;
}

static void entry_dealloc(PyObject *object) {
  Entry *self = (Entry *)object;
  PyObject_GC_UnTrack(object);
  entry_clear(object);
  PyMem_Free(self->order);
  PyMem_Free(self->donated);
  PyTypeObject *type = Py_TYPE(object);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

// Reads a tuple of integers between `low` and `high` (exclusive).
static Py_ssize_t *read_numbers(PyObject *tuple, Py_ssize_t low, Py_ssize_t high) {
  Py_ssize_t count = PyTuple_Size(tuple);
  Py_ssize_t *numbers = PyMem_Malloc((size_t)(count ? count : 1) * sizeof(Py_ssize_t));
  if (!numbers) return (Py_ssize_t *)PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < count; i++) {
    numbers[i] = PyLong_AsSsize_t(PyTuple_GetItem(tuple, i));
    if (numbers[i] < low || numbers[i] >= high) {
      if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "expected a number of a leaf, but got %zd", numbers[i]);
      PyMem_Free(numbers);
      return NULL;
    }
  }
  return numbers;
}

static PyObject *entry_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"launcher", "keep", "leaf_count", "order", "captured",
                          "types",    "origins", "build",   "donated", NULL};
  unsigned long long launcher;
  PyObject *keep, *order, *captured, *types, *origins, *build, *donated;
  Py_ssize_t leaf_count;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "KOnO!O!O!O!OO!:Entry", names, &launcher, &keep, &leaf_count,
                                   &PyTuple_Type, &order, &PyTuple_Type, &captured, &PyTuple_Type, &types,
                                   &PyTuple_Type, &origins, &build, &PyTuple_Type, &donated))
    return NULL;
  Py_ssize_t captured_count = PyTuple_Size(captured);
  for (Py_ssize_t i = 0; i < captured_count; i++)
    if (Py_TYPE(PyTuple_GetItem(captured, i)) != array_class) {
      PyErr_SetString(PyExc_TypeError, "expected arrays of the device to be captured");
      return NULL;
    }
  if (PyTuple_Size(types) != PyTuple_Size(origins)) {
    PyErr_SetString(PyExc_ValueError, "expected as many origins as types");
    return NULL;
  }
  Py_ssize_t *order_numbers = read_numbers(order, -captured_count, leaf_count);
  Py_ssize_t *donated_numbers = order_numbers ? read_numbers(donated, 0, leaf_count) : NULL;
  Entry *self = donated_numbers ? (Entry *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0) : NULL;
  if (!self) {
    PyMem_Free(order_numbers);
    PyMem_Free(donated_numbers);
    return NULL;
  }
  self->launcher = (const void *)(uintptr_t)launcher;
  self->keep = Py_NewRef(keep);
  self->captured = Py_NewRef(captured);
  self->types = Py_NewRef(types);
  self->origins = Py_NewRef(origins);
  self->build = Py_NewRef(build);
  self->input_count = (size_t)PyTuple_Size(order);
  self->order = order_numbers;
  self->donated_count = (size_t)PyTuple_Size(donated);
  self->donated = donated_numbers;
  self->leaf_count = (size_t)leaf_count;
  return (PyObject *)self;
}

// How to put results together: `None` for an array, or (code, count, children, first, second), where children is
// `None` if all of them are arrays.
enum { BUILD_TUPLE = 0, BUILD_LIST = 1, BUILD_DICTIONARY = 2, BUILD_CALL = 3, BUILD_INSTANCE = 4, BUILD_VALUE = 5 };

static PyObject *build_results(PyObject *build, PyObject ***next);

static PyObject *build_child(PyObject *children, Py_ssize_t index, PyObject ***next) {
  return children == Py_None ? Py_NewRef(*(*next)++) : build_results(PyTuple_GetItem(children, index), next);
}

static PyObject *build_instance(PyObject *cls, PyObject *names, PyObject *children, Py_ssize_t count,
                                PyObject *statics, PyObject ***next) {
  PyObject *instance = new_object((PyTypeObject *)cls, empty_tuple, NULL);
  for (Py_ssize_t i = 0; instance && i < count; i++) {
    PyObject *child = build_child(children, i, next);
    if (!child || PyObject_GenericSetAttr(instance, PyTuple_GetItem(names, i), child) < 0) Py_CLEAR(instance);
    Py_XDECREF(child);
  }
  // Alternating names and values.
  Py_ssize_t static_count = PyTuple_Size(statics);
  for (Py_ssize_t i = 0; instance && i < static_count; i += 2)
    if (PyObject_GenericSetAttr(instance, PyTuple_GetItem(statics, i), PyTuple_GetItem(statics, i + 1)) < 0)
      Py_CLEAR(instance);
  return instance;
}

static PyObject *build_results(PyObject *build, PyObject ***next) {
  if (build == Py_None) return Py_NewRef(*(*next)++);
  long code = PyLong_AsLong(PyTuple_GetItem(build, 0));
  Py_ssize_t count = PyLong_AsSsize_t(PyTuple_GetItem(build, 1));
  PyObject *children = PyTuple_GetItem(build, 2);
  PyObject *first = PyTuple_GetItem(build, 3);
  PyObject *result;
  if (code == BUILD_VALUE) return Py_NewRef(first);
  if (code == BUILD_INSTANCE) {
    PyObject *second = PyTuple_GetItem(build, 4);
    return build_instance(first, PyTuple_GetItem(second, 0), children, count, PyTuple_GetItem(second, 1), next);
  }
  if (code == BUILD_DICTIONARY) {
    result = PyDict_New();
    for (Py_ssize_t i = 0; result && i < count; i++) {
      PyObject *child = build_child(children, i, next);
      if (!child || PyDict_SetItem(result, PyTuple_GetItem(first, i), child) < 0) Py_CLEAR(result);
      Py_XDECREF(child);
    }
    return result;
  }
  result = code == BUILD_TUPLE ? PyTuple_New(count) : PyList_New(count);
  for (Py_ssize_t i = 0; result && i < count; i++) {
    PyObject *child = build_child(children, i, next);
    if (!child) {
      Py_CLEAR(result);
    } else if (code == BUILD_TUPLE) {
      PyTuple_SetItem(result, i, child);
    } else {
      PyList_SetItem(result, i, child);
    }
  }
  if (code == BUILD_CALL && result) {
    PyObject *values = result;
    result = PyObject_CallFunctionObjArgs(first, PyTuple_GetItem(build, 4), values, NULL);
    Py_DECREF(values);
  }
  return result;
}

// Whether code is of this package.
static bool is_own_code(PyObject *code) {
  PyObject *file = PyObject_GetAttrString(code, "co_filename");
  bool own = file && PyUnicode_Check(file) && PyUnicode_Tailmatch(file, own_directory, 0, PY_SSIZE_T_MAX, -1) == 1;
  Py_XDECREF(file);
  PyErr_Clear();
  return own;
}

// Notes in donated arrays who took them, and where in the user's code.
static void note_donation(Entry *entry, PyObject **leaves, PyObject *function) {
  PyObject *frame = Py_XNewRef((PyObject *)PyEval_GetFrame());
  PyObject *code = NULL;
  while (frame && frame != Py_None && !code) {
    code = (PyObject *)PyFrame_GetCode((PyFrameObject *)frame);
    if (!is_own_code(code)) break;
    Py_CLEAR(code);
    PyObject *outer = PyObject_GetAttrString(frame, "f_back");
    Py_DECREF(frame);
    frame = outer;
  }
  int line = code ? PyFrame_GetLineNumber((PyFrameObject *)frame) : 0;
  PyErr_Clear();
  Py_XDECREF(frame);
  if (!code) code = Py_NewRef(Py_None);
  for (size_t i = 0; i < entry->donated_count; i++) {
    ArrayBase *array = (ArrayBase *)leaves[entry->donated[i]];
    PyObject *note = Py_BuildValue("(OOin)", function, code, line, entry->donated[i]);
    PyObject *previous = array->donation;
    if (!note) PyErr_Clear();
    array->donation = note;
    Py_XDECREF(previous);
  }
  Py_DECREF(code);
}

enum { INLINE_POINTERS = 96 };

// Executes with leaves that the caller holds. Returns the results, or null with `*status` set if the execution was
// refused (then no exception is set), or with an exception.
PyObject *run_entry(Entry *entry, PyObject **leaves, PyObject *function, int *status) {
  size_t inputs = entry->input_count;
  size_t outputs = (size_t)PyTuple_Size(entry->types);
  void *inline_pointers[INLINE_POINTERS];
  void **pointers = inputs + outputs <= INLINE_POINTERS ? inline_pointers
                                                        : PyMem_Malloc((inputs + outputs) * sizeof(void *));
  if (!pointers) return PyErr_NoMemory();
  void **results = pointers + inputs;
  for (size_t i = 0; i < inputs; i++) {
    Py_ssize_t number = entry->order[i];
    PyObject *array = number >= 0 ? leaves[number] : PyTuple_GetItem(entry->captured, -1 - number);
    pointers[i] = ((ArrayBase *)array)->owner;
  }
  memset(results, 0, outputs * sizeof(void *));
  const void *launcher = entry->launcher;
  int code;
  Py_BEGIN_ALLOW_THREADS
  code = execute_buffers(launcher, pointers, inputs, results, NULL, NULL);
  Py_END_ALLOW_THREADS
  PyObject *tree = NULL;
  if (code) {
    *status = code;
  } else {
    if (entry->donated_count) note_donation(entry, leaves, function);
    bool complete = true;
    for (size_t i = 0; i < outputs; i++) {
      PyObject *array = NULL;
      if (complete)
        array = wrap_owner(results[i], PyTuple_GetItem(entry->types, (Py_ssize_t)i),
                           PyTuple_GetItem(entry->origins, (Py_ssize_t)i));
      else
        release_owner(results[i]);
      complete = complete && array;
      results[i] = array;
    }
    PyObject **next = (PyObject **)results;
    if (complete) tree = build_results(entry->build, &next);
    for (size_t i = 0; i < outputs; i++) Py_XDECREF((PyObject *)results[i]);
  }
  if (pointers != inline_pointers) PyMem_Free(pointers);
  return tree;
}

// Raises the error of an execution that was refused: calls `refused(function, status, inputs)` of the kernel.
PyObject *refuse(Entry *entry, PyObject *function, int status, PyObject **leaves) {
  PyObject *inputs = PyList_New((Py_ssize_t)entry->input_count);
  if (!inputs) return NULL;
  for (size_t i = 0; i < entry->input_count; i++) {
    Py_ssize_t number = entry->order[i];
    PyObject *array = number >= 0 ? leaves[number] : PyTuple_GetItem(entry->captured, -1 - number);
    PyList_SetItem(inputs, (Py_ssize_t)i, Py_NewRef(array));
  }
  PyObject *result = PyObject_CallMethod(entry->keep, "refused", "OiO", function, status, inputs);
  Py_DECREF(inputs);
  return result;
}

static PyObject *entry_run(PyObject *object, PyObject *arguments) {
  Entry *self = (Entry *)object;
  PyObject *function, *leaves;
  if (!PyArg_ParseTuple(arguments, "OO!:run", &function, &PyTuple_Type, &leaves)) return NULL;
  size_t count = (size_t)PyTuple_Size(leaves);
  if (count != self->leaf_count || !self->launcher) {
    PyErr_Format(PyExc_ValueError, "expected %zu arrays, but got %zu", self->leaf_count, count);
    return NULL;
  }
  PyObject **items = PyMem_Malloc((count ? count : 1) * sizeof(PyObject *));
  if (!items) return PyErr_NoMemory();
  for (size_t i = 0; i < count; i++) {
    items[i] = PyTuple_GetItem(leaves, (Py_ssize_t)i);
    if (Py_TYPE(items[i]) == array_class) continue;
    PyErr_SetString(PyExc_TypeError, "expected arrays of the device");
    PyMem_Free(items);
    return NULL;
  }
  int status = 0;
  PyObject *result = run_entry(self, items, function, &status);
  if (status) result = refuse(self, function, status, items);
  PyMem_Free(items);
  return result;
}

static PyMethodDef entry_methods[] = {
    {"run", entry_run, METH_VARARGS, "Executes with a tuple of arrays, on behalf of a function."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef entry_members[] = {
    {"keep", T_OBJECT_EX, offsetof(Entry, keep), READONLY, "The launcher."},
    {"captured", T_OBJECT_EX, offsetof(Entry, captured), READONLY, "Arrays that are parameters as well."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot entry_slots[] = {
    {Py_tp_new, entry_new},     {Py_tp_dealloc, entry_dealloc}, {Py_tp_traverse, entry_traverse},
    {Py_tp_clear, entry_clear}, {Py_tp_methods, entry_methods}, {Py_tp_members, entry_members},
    {0, NULL},
};

PyType_Spec entry_spec = {
    "ryft_core._dispatch.Entry", sizeof(Entry), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, entry_slots,
};

// --------------------------------------------------- Table ----------------------------------------------------


void table_clear(Table *table) {
  Entry **slots = table->slots;
  size_t capacity = table->capacity;
  table->slots = NULL;
  table->count = table->capacity = 0;
  for (size_t i = 0; i < capacity; i++) Py_XDECREF((PyObject *)slots[i]);
  PyMem_Free(slots);
}

int table_traverse(Table *table, visitproc visit, void *arg) {
  for (size_t i = 0; i < table->capacity; i++) Py_VISIT(table->slots[i]);
  return 0;
}

// Returns 1 if the signatures are equal, 0 if not, -1 if comparing them failed.
static int same_words(const Entry *entry, const Signature *s) {
  if (entry->hash != s->hash || entry->word_count != s->word_count) return 0;
  for (size_t i = 0; i < s->word_count; i++) {
    uintptr_t mine = entry->words[i], other = s->words[i];
    if (mine == other) continue;
    if ((mine & 3) != WORD_EQUAL || (other & 3) != WORD_EQUAL) return 0;
    int equal = PyObject_RichCompareBool(object_of(mine), object_of(other), Py_EQ);
    if (equal <= 0) return equal;
  }
  return 1;
}

// Returns a new reference, or null without an exception if there is no such entry.
Entry *table_find(Table *table, const Signature *s) {
  size_t capacity = table->capacity;
  if (!capacity) return NULL;
  for (size_t i = s->hash & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
    if (table->capacity != capacity) return NULL;  // A comparison ran code that changed the table.
    Entry *entry = table->slots[i];
    if (!entry) return NULL;
    Py_INCREF((PyObject *)entry);
    int same = same_words(entry, s);
    if (same > 0) return entry;
    Py_DECREF((PyObject *)entry);
    if (same < 0) return NULL;
  }
}

static void table_put(Entry **slots, size_t capacity, Entry *entry) {
  size_t i = entry->hash & (capacity - 1);
  while (slots[i]) i = (i + 1) & (capacity - 1);
  slots[i] = entry;
}

int table_add(Table *table, const Signature *s, Entry *entry) {
  if (entry->words) {
    PyErr_SetString(PyExc_ValueError, "the entry is in a table already");
    return -1;
  }
  if (2 * (table->count + 1) > table->capacity) {
    size_t capacity = table->capacity ? 2 * table->capacity : 8;
    Entry **slots = PyMem_Calloc(capacity, sizeof(Entry *));
    if (!slots) {
      PyErr_NoMemory();
      return -1;
    }
    for (size_t i = 0; i < table->capacity; i++)
      if (table->slots[i]) table_put(slots, capacity, table->slots[i]);
    PyMem_Free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
  }
  entry->words = PyMem_Malloc((s->word_count ? s->word_count : 1) * sizeof(uintptr_t));
  if (!entry->words) {
    PyErr_NoMemory();
    return -1;
  }
  memcpy(entry->words, s->words, s->word_count * sizeof(uintptr_t));
  entry->word_count = s->word_count;
  entry->hash = s->hash;
  for (size_t i = 0; i < s->word_count; i++)
    if (is_object(s->words[i])) Py_INCREF(object_of(s->words[i]));
  table_put(table->slots, table->capacity, (Entry *)Py_NewRef((PyObject *)entry));
  table->count++;
  return 0;
}
