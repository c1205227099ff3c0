// What the parts of the test plugin share: objects that are counted, and errors that the tests ask for.
#ifndef RYFT_TEST_PLUGIN_H
#define RYFT_TEST_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt_c_api.h"

struct PJRT_Error {
  int code;
  char message[128];
};

// Returns a new object of `size` bytes that are zero; `drop` frees it. `test_live` tells how many there are.
void *make(size_t size);
void drop(void *object);
// Returns a new error.
PJRT_Error *fail(int code, const char *message);
// Returns the error that a test has asked for with `test_fail_next`, once, or null.
PJRT_Error *pending_error(void);
// Whether the test has asked for null handles.
bool returns_null(void);
// Returns an event that is complete, or, if the test has asked for late events, one that `test_complete` completes.
PJRT_Event *new_event(void);
// Allocates a counted copy of a text.
char *copy_text(const char *text);

#define BEGIN                             \
  do {                                    \
    PJRT_Error *wanted = pending_error(); \
    if (wanted != NULL) return wanted;    \
  } while (0)
#define HANDLE(kind) ((kind *)(returns_null() ? NULL : make(16)))

// Extensions are listed head to tail in `extensions.c` and `tpu_extensions.c`.
extern PJRT_Extension_Base *test_extensions(void);
extern PJRT_Extension_Base *test_tpu_extensions(void);

#ifdef SHORT_STRUCTS
#define SIZE(struct_name) sizeof(PJRT_Extension_Base)
#else
#define SIZE(struct_name) sizeof(struct_name)
#endif
#ifdef NULL_FUNCTIONS
#define F(function) NULL
#else
#define F(function) function
#endif
#define BASE(struct_name, kind, following) {.struct_size = SIZE(struct_name), .type = kind, .next = following}

#endif
