// Handlers of the XLA FFI that call Python, and what they need to read a call frame quickly.
#ifndef RYFT_FFI_CALLS_H
#define RYFT_FFI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "xla_ffi.h"

// Newest minor version of the XLA FFI whose call frame is the one that is declared here.
enum { RYFT_FFI_NEWEST_MINOR = 3 };

// Answers a call that asks for the metadata of a handler, and returns whether it was one. The handler claims the version
// of the plugin that asks, up to the newest one whose call frame is known.
bool ryft_ffi_answer_metadata(XLA_FFI_CallFrame *frame);

// Asks `handler` which version of the XLA FFI it was compiled for. Returns whether it answered.
bool ryft_ffi_handler_version(XLA_FFI_Handler *handler, const XLA_FFI_Api *api, int *major, int *minor);

// Writes the data pointer, element type, rank and dimensions of each operand, and then of each result, to `words`, where
// they fit. Returns how many words there are, or -1 if one of the values is not a buffer.
int64_t ryft_ffi_describe(const XLA_FFI_CallFrame *frame, int64_t *words, int64_t capacity);

// Creates an error that the handler which was given `frame` can return.
XLA_FFI_Error *ryft_ffi_error(const XLA_FFI_CallFrame *frame, int code, const char *message);

// Handler that calls the Python function whose number is in the integer attribute `callback`.
XLA_FFI_Error *ryft_ffi_callback(XLA_FFI_CallFrame *frame);

#ifdef RYFT_CFFI_DECLARATIONS
extern "Python+C" XLA_FFI_Error *ryft_ffi_call_python(int64_t callback, XLA_FFI_CallFrame *frame);
#else
XLA_FFI_Error *ryft_ffi_call_python(int64_t callback, XLA_FFI_CallFrame *frame);
#endif

#endif
