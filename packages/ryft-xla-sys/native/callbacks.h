// Callbacks that a plugin waits for, and which therefore run Python code on the thread that calls them.
#ifndef RYFT_CALLBACKS_H
#define RYFT_CALLBACKS_H

#include <stddef.h>

#include "pjrt_c_api.h"

// Returns a copy of `size` bytes, which `ryft_free_value` frees, or null without memory.
char *ryft_copy_value(const char *value, size_t size);
void ryft_free_value(char *value);
// Makes the error that a callback returns.
PJRT_Error *ryft_callback_error(PJRT_CallbackError *callback_error, int code, const char *message, size_t size);
// Deleter of the chunks that Ryft makes; they were copied with `ryft_copy_value`.
void ryft_delete_chunk(void *data, void *argument);

#ifdef RYFT_CFFI_DECLARATIONS
extern "Python" PJRT_Error *ryft_key_value_get(PJRT_KeyValueGetCallback_Args *args);
extern "Python" PJRT_Error *ryft_key_value_try_get(PJRT_KeyValueTryGetCallback_Args *args);
extern "Python" PJRT_Error *ryft_key_value_put(PJRT_KeyValuePutCallback_Args *args);
extern "Python" PJRT_Error *ryft_send(
    PJRT_Chunk *chunk, PJRT_CallbackError *callback_error, size_t total_size, bool done, void *callback);
extern "Python" void ryft_receive(PJRT_CopyToDeviceStream *stream, void *callback);
#endif

#endif
