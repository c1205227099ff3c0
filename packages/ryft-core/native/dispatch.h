// Dispatch: from the arguments of a call to its results without running Python code in between.
//
// A call is taken apart into its leaves and its *signature*, a sequence of words that says what the containers, the
// types of the arrays and the static values are. The signature is looked up; an entry that is found says how to
// execute: which leaf is which parameter, what the results' types are, and how to put them together. Whatever is
// unusual (a signature that is not known, a tracer, an argument that is no array, an error) is left to Python.
//
// Ownership of device buffers is that of `ryft-xla-sys` (`execute.h` there): what is used here of it is called
// through the addresses that `configure` got.
#ifndef RYFT_DISPATCH_H
#define RYFT_DISPATCH_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

typedef int execute_function(const void *launcher, void **arguments, size_t count, void **outputs, void *options,
                             void **events);
typedef void release_function(void *owner);

// What `configure` was given; see module.c.
extern execute_function *execute_buffers;
extern release_function *release_owner;
extern PyObject *adopt_buffer;      // callable: address of an owner, client, type, device -> buffer
extern PyTypeObject *array_class;   // the class of arrays, which extends `ArrayBase`
extern PyTypeObject *literal_class;
extern PyObject *convert_leaf;      // callable: NumPy array, number or literal -> array
extern PyObject *plan_leaf;         // callable: value of a type not met yet -> Plan
extern PyObject *own_directory;     // path that the names of this package's files start with

extern PyObject *plans;             // Plan of each type met
extern PyObject *empty_tuple;
extern PyTypeObject *entry_type;
extern PyTypeObject *plan_type;
extern newfunc new_object;          // `object.__new__`

// The current trace of each thread; null stands for the base trace, which evaluates.
extern _Thread_local PyObject *current_trace;
extern PyObject *base_trace;

extern PyType_Spec state_spec, array_spec, plan_spec, entry_spec, dispatcher_spec, primitive_spec;

// --- arrays.c ---

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

// Returns a new array that takes over an owner (in any case), or null.
PyObject *wrap_owner(void *owner, PyObject *type, PyObject *origin);

// --- signatures.c ---

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
  bool only_arrays;   // whether numbers are left to Python, because their arrays are shared and may be donated
  uintptr_t inline_words[INLINE_WORDS];
  PyObject *inline_leaves[INLINE_LEAVES];
} Signature;

enum { VISIT_FAILED = -1, VISIT_OK = 0, VISIT_UNUSUAL = 1 };

void signature_begin(Signature *s);
void signature_end(Signature *s);
// Makes room for more items in an array that starts out inline.
bool grow_array(void **items, void *inline_items, size_t count, size_t *capacity, size_t item_size);
// Keeps an object alive as long as the signature; takes the reference over.
int hold(Signature *s, PyObject *object);
// Must be called before anything that may run code of the user: it could remove from a dictionary the keys that the
// words point to.
int expect_user_code(Signature *s);
int push_equal(Signature *s, PyObject *object);
// Appends an array; takes the reference over.
int push_leaf(Signature *s, PyObject *leaf);
int visit_static(Signature *s, PyObject *value);
// Appends the words and the leaves of a value. `statics` says whether what is no array is static.
int visit(Signature *s, PyObject *value, bool statics);
// Whether an exception is set that is more than a reason to take the slow path, which will explain it. Clears others.
bool is_serious(int status);

static inline int push(Signature *s, uintptr_t word, uint64_t hash) {
  if (s->word_count == s->word_capacity &&
      !grow_array((void **)&s->words, s->inline_words, s->word_count, &s->word_capacity, sizeof(uintptr_t)))
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

// --- entries.c ---

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

// Hash table of entries with open addressing; they are never removed one by one.
typedef struct {
  Entry **slots;
  size_t count, capacity;
} Table;

// Executes with leaves that the caller holds. Returns the results, or null with `*status` set if the execution was
// refused (then no exception is set), or with an exception.
PyObject *run_entry(Entry *entry, PyObject **leaves, PyObject *function, int *status);
// Raises the error of an execution that was refused: calls `refused(function, status, inputs)` of the kernel.
PyObject *refuse(Entry *entry, PyObject *function, int status, PyObject **leaves);
// Returns a new reference, or null; without an exception if there is no such entry.
Entry *table_find(Table *table, const Signature *s);
int table_add(Table *table, const Signature *s, Entry *entry);
void table_clear(Table *table);
int table_traverse(Table *table, visitproc visit, void *arg);

// --- primitives.c ---

PyObject *remember_kernel(PyObject *module, PyObject *arguments);
PyObject *forget_kernels(PyObject *module, PyObject *unused);

// --- module.c ---

void free_object(PyObject *self);

#endif
