// Dispatch: from the arguments of a call to its results without running Python code in between.
//
// A call is taken apart into its leaves and its *signature*, a sequence of words that says what the containers, the
// types of the arrays and the static values are. The signature is looked up; an entry that is found says how to
// execute: which leaf is which parameter, what the results' types are, and how to put them together. Whatever is
// unusual (a signature that is not known, a tracer, an argument that is no array, an error) is left to Python.
//
// Ownership of device buffers is that of `ryft-xla-sys` (`execute.h` there): what is used here of it is called
// through the addresses that `configure` got.
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

typedef int execute_function(const void *launcher, void **arguments, size_t count, void **outputs, void *options,
                             void **events);
typedef void release_function(void *owner);

static execute_function *execute_buffers = NULL;
static release_function *release_owner = NULL;
static PyObject *adopt_buffer = NULL;        // callable: address of an owner, client, type, device -> buffer
static PyTypeObject *array_class = NULL;     // the class of arrays, which extends `ArrayBase`
static PyObject *convert_leaf = NULL;        // callable: NumPy array or number -> array
static PyObject *plan_leaf = NULL;           // callable: value of a type not met yet -> Plan
static PyObject *plans = NULL;               // Plan of each type met
static PyObject *empty_tuple = NULL;
static PyObject *own_directory = NULL;       // path that the names of this package's files start with

static PyTypeObject *array_base = NULL;
static PyTypeObject *entry_type = NULL;
static PyTypeObject *plan_type = NULL;
static newfunc new_object = NULL;

static void free_object(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

// --------------------------------------------------- State ----------------------------------------------------

// The current trace of each thread; null stands for the base trace, which evaluates.
static _Thread_local PyObject *current_trace = NULL;
static PyObject *base_trace = NULL;

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

static PyType_Spec state_spec = {
    "ryft_core._dispatch.State", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, state_slots,
};

// ------------------------------------------------- ArrayBase --------------------------------------------------

// An array owns its device buffer itself, until somebody asks for the object that wraps the buffer.
typedef struct {
  PyObject_HEAD
  void *owner;
  PyObject *type;
  PyObject *origin;    // client, type of the buffer, and device; null once `buffer` is there
  PyObject *buffer;
  PyObject *device;
  PyObject *donation;  // where the buffer was donated
  PyObject *weak_references;
} ArrayBase;

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
static PyObject *wrap_owner(void *owner, PyObject *type, PyObject *origin) {
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
    PyObject *buffer = PyObject_CallFunction(adopt_buffer, "KOOO", (unsigned long long)(uintptr_t)self->owner,
                                             PyTuple_GetItem(origin, 0), PyTuple_GetItem(origin, 1),
                                             PyTuple_GetItem(origin, 2));
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

static PyType_Spec array_spec = {
    "ryft_core._dispatch.ArrayBase", sizeof(ArrayBase), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, array_slots,
};

// ---------------------------------------------------- Plan ----------------------------------------------------

// What to do with a value of a type.
enum {
  PLAN_ARRAY = 0,    // an array or a number: convert it
  PLAN_STATIC = 1,   // no array and no container: static within a class, and refused elsewhere
  PLAN_UNUSUAL = 2,  // leave the call to Python
  PLAN_FLATTEN = 3,  // container: `flatten(value)` returns its children and its metadata
  PLAN_CLASS = 4,    // container: its children and its metadata are attributes
};

typedef struct {
  PyObject_HEAD
  int code;
  PyObject *kind;
  PyObject *flatten;
  PyObject *fields;
  PyObject *statics;
  int holds_statics;
} Plan;

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

static PyType_Spec plan_spec = {"ryft_core._dispatch.Plan", sizeof(Plan), 0, Py_TPFLAGS_DEFAULT, plan_slots};

// -------------------------------------------------- Signature -------------------------------------------------

// A word is a pointer to an object that is compared by identity, a pointer with the lowest bit set to one that is
// compared by equality, or a number with the second lowest bit set.
enum { WORD_EQUAL = 1, WORD_NUMBER = 2, INLINE_WORDS = 96, INLINE_LEAVES = 48 };

typedef struct {
  uintptr_t *words;
  size_t word_count, word_capacity;
  uint64_t hash;
  PyObject **leaves;  // strong references
  size_t leaf_count, leaf_capacity;
  PyObject *device;   // of the leaves; borrowed
  PyObject *held;     // list of what the words point to, where nothing else keeps it alive
  bool holds_all;     // whether code of the user may have run, which may change the containers
  uintptr_t inline_words[INLINE_WORDS];
  PyObject *inline_leaves[INLINE_LEAVES];
} Signature;

enum { VISIT_FAILED = -1, VISIT_OK = 0, VISIT_UNUSUAL = 1 };

static void signature_begin(Signature *s) {
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
}

static void signature_end(Signature *s) {
  while (s->leaf_count > 0) Py_DECREF(s->leaves[--s->leaf_count]);
  if (s->leaves != s->inline_leaves) PyMem_Free(s->leaves);
  if (s->words != s->inline_words) PyMem_Free(s->words);
  Py_CLEAR(s->held);
}

// Makes room for one more item in an array that starts out inline.
static bool grow(void **items, void *inline_items, size_t count, size_t *capacity, size_t item_size) {
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

static inline int push(Signature *s, uintptr_t word, uint64_t hash) {
  if (s->word_count == s->word_capacity &&
      !grow((void **)&s->words, s->inline_words, s->word_count, &s->word_capacity, sizeof(uintptr_t)))
    return VISIT_FAILED;
  s->words[s->word_count++] = word;
  uint64_t mixed = (s->hash ^ hash) * 0xFF51AFD7ED558CCDu;
  s->hash = mixed ^ (mixed >> 32);
  return VISIT_OK;
}

static inline int push_identity(Signature *s, void *object) { return push(s, (uintptr_t)object, (uintptr_t)object >> 4); }

static inline int push_number(Signature *s, size_t number) {
  return push(s, (uintptr_t)number << 2 | WORD_NUMBER, (uintptr_t)number);
}

static int push_equal(Signature *s, PyObject *object) {
  Py_hash_t hash = PyObject_Hash(object);
  if (hash == -1) return VISIT_FAILED;
  return push(s, (uintptr_t)object | WORD_EQUAL, (uint64_t)hash);
}

// Keeps an object alive as long as the signature; takes the reference over.
static int hold(Signature *s, PyObject *object) {
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
static int expect_user_code(Signature *s) {
  if (s->holds_all) return VISIT_OK;
  s->holds_all = true;
  for (size_t i = 0; i < s->word_count; i++)
    if ((s->words[i] & 3) == WORD_EQUAL && hold(s, Py_NewRef((PyObject *)(s->words[i] - WORD_EQUAL)))) return VISIT_FAILED;
  return VISIT_OK;
}

// Takes the reference over.
static inline int push_leaf(Signature *s, PyObject *leaf) {
  if (s->leaf_count == s->leaf_capacity &&
      !grow((void **)&s->leaves, s->inline_leaves, s->leaf_count, &s->leaf_capacity, sizeof(PyObject *))) {
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

static int visit(Signature *s, PyObject *value, bool statics);

static int visit_static(Signature *s, PyObject *value) {
  // The type is part of the signature, because 1 == 1.0 == True.
  int status = expect_user_code(s);
  if (!status) status = push_identity(s, Py_TYPE(value));
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
  if (plan->code == PLAN_ARRAY) {
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
  } else if (plan->code != PLAN_UNUSUAL && !Py_EnterRecursiveCall(" while taking arguments apart")) {
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
static int visit(Signature *s, PyObject *value, bool statics) {
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

// --------------------------------------------------- Entry ----------------------------------------------------

typedef struct {
  PyObject_HEAD
  const void *launcher;     // ryft_launcher
  PyObject *keep;           // the object that owns the launcher
  PyObject *captured;       // tuple of arrays that are parameters as well
  PyObject *types;          // of the outputs
  PyObject *origins;        // of the outputs
  PyObject *build;          // how to put the results together; refer to `build_results`
  size_t input_count;
  Py_ssize_t *order;        // of each parameter: the number of a leaf, or -1 - the number of a captured array
  size_t donated_count;
  Py_ssize_t *donated;      // numbers of leaves
  size_t leaf_count;
  // The signature under which the entry is found.
  uint64_t hash;
  size_t word_count;
  uintptr_t *words;
} Entry;

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
static PyObject *run_entry(Entry *entry, PyObject **leaves, PyObject *function, int *status) {
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
static PyObject *refuse(Entry *entry, PyObject *function, int status, PyObject **leaves) {
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

static PyType_Spec entry_spec = {
    "ryft_core._dispatch.Entry", sizeof(Entry), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, entry_slots,
};

// --------------------------------------------------- Table ----------------------------------------------------

// Hash table of entries with open addressing; they are never removed one by one.
typedef struct {
  Entry **slots;
  size_t count, capacity;
} Table;

static void table_clear(Table *table) {
  Entry **slots = table->slots;
  size_t capacity = table->capacity;
  table->slots = NULL;
  table->count = table->capacity = 0;
  for (size_t i = 0; i < capacity; i++) Py_XDECREF((PyObject *)slots[i]);
  PyMem_Free(slots);
}

static int table_traverse(Table *table, visitproc visit, void *arg) {
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
static Entry *table_find(Table *table, const Signature *s) {
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

static int table_add(Table *table, const Signature *s, Entry *entry) {
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

// ------------------------------------------------- Dispatcher -------------------------------------------------

// Function whose calls are looked up. `_miss(args, kwargs)` is called for those that are not found.
typedef struct {
  PyObject_HEAD
  Table table;
  PyObject *static_positions;  // tuple of booleans, one for each leading positional argument
  PyObject *static_names;      // frozenset of names
  unsigned long long hits;
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

// Returns whether an exception is set that is more than a reason to take the slow path, which will explain it.
static bool is_serious(int status) {
  if (status != VISIT_FAILED && !PyErr_Occurred()) return false;
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return true;
  PyErr_Clear();
  return false;
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

static PyType_Spec dispatcher_spec = {
    "ryft_core._dispatch.Dispatcher", sizeof(Dispatcher), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, dispatcher_slots,
};

// ------------------------------------------------- Primitives -------------------------------------------------

static Table kernels = {NULL, 0, 0};  // of primitives applied to arrays at once
static PyTypeObject *literal_class = NULL;

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

static PyType_Spec primitive_spec = {
    "ryft_core._dispatch.PrimitiveBase", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, primitive_slots,
};

// --------------------------------------------------- Module ---------------------------------------------------

static PyObject *remember_kernel(PyObject *module, PyObject *arguments) {
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

static PyObject *forget_kernels(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  table_clear(&kernels);
  forget_literals();
  Py_RETURN_NONE;
}

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
