#include "callbacks.h"

#include <stdlib.h>
#include <string.h>

char *ryft_copy_value(const char *value, size_t size) {
  char *copy = malloc(size ? size : 1);
  if (copy && size) memcpy(copy, value, size);
  return copy;
}

void ryft_free_value(char *value) { free(value); }

PJRT_Error *ryft_callback_error(PJRT_CallbackError *callback_error, int code, const char *message, size_t size) {
  return (*callback_error)((PJRT_Error_Code)code, message, size);
}

void ryft_delete_chunk(void *data, void *argument) {
  (void)argument;
  free(data);
}
