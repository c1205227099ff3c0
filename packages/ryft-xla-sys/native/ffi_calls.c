#include "ffi_calls.h"

#include <string.h>

bool ryft_ffi_answer_metadata(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Extension_Base *extension = frame->extension_start;
  while (extension != NULL && extension->type != XLA_FFI_Extension_Metadata) extension = extension->next;
  if (extension == NULL) return false;
  XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)extension)->metadata;
  int minor = frame->api ? frame->api->api_version.minor_version : XLA_FFI_API_MINOR;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = minor < RYFT_FFI_NEWEST_MINOR ? minor : RYFT_FFI_NEWEST_MINOR;
  metadata->traits = 0;
  return true;
}

bool ryft_ffi_handler_version(XLA_FFI_Handler *handler, const XLA_FFI_Api *api, int *major, int *minor) {
  XLA_FFI_Metadata metadata = {.struct_size = XLA_FFI_Metadata_STRUCT_SIZE};
  metadata.api_version.struct_size = XLA_FFI_Api_Version_STRUCT_SIZE;
  metadata.api_version.major_version = -1;
  XLA_FFI_Metadata_Extension extension = {.metadata = &metadata};
  extension.extension_base.struct_size = XLA_FFI_Metadata_Extension_STRUCT_SIZE;
  extension.extension_base.type = XLA_FFI_Extension_Metadata;
  XLA_FFI_CallFrame frame = {.struct_size = XLA_FFI_CallFrame_STRUCT_SIZE, .api = api};
  frame.extension_start = &extension.extension_base;
  frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
  frame.args.struct_size = XLA_FFI_Args_STRUCT_SIZE;
  frame.rets.struct_size = XLA_FFI_Rets_STRUCT_SIZE;
  frame.attrs.struct_size = XLA_FFI_Attrs_STRUCT_SIZE;
  if (handler(&frame) != NULL || metadata.api_version.major_version < 0) return false;
  *major = metadata.api_version.major_version;
  *minor = metadata.api_version.minor_version;
  return true;
}

static int64_t describe(const XLA_FFI_Buffer *buffer, int64_t *words, int64_t position, int64_t capacity) {
  int64_t end = position + 3 + buffer->rank;
  if (end <= capacity) {
    words[position] = (int64_t)(intptr_t)buffer->data;
    words[position + 1] = buffer->dtype;
    words[position + 2] = buffer->rank;
    for (int64_t i = 0; i < buffer->rank; ++i) words[position + 3 + i] = buffer->dims[i];
  }
  return end;
}

int64_t ryft_ffi_describe(const XLA_FFI_CallFrame *frame, int64_t *words, int64_t capacity) {
  int64_t position = 0;
  for (int64_t i = 0; i < frame->args.size; ++i) {
    if (frame->args.types[i] != XLA_FFI_ArgType_BUFFER) return -1;
    position = describe(frame->args.args[i], words, position, capacity);
  }
  for (int64_t i = 0; i < frame->rets.size; ++i) {
    if (frame->rets.types[i] != XLA_FFI_RetType_BUFFER) return -1;
    position = describe(frame->rets.rets[i], words, position, capacity);
  }
  return position;
}

XLA_FFI_Error *ryft_ffi_error(const XLA_FFI_CallFrame *frame, int code, const char *message) {
  XLA_FFI_Error_Create_Args arguments = {.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE};
  arguments.message = message;
  arguments.errc = (XLA_FFI_Error_Code)code;
  return frame->api->XLA_FFI_Error_Create(&arguments);
}

// Attributes are sorted by name, but there are so few of them that a search from the start is as fast.
static const XLA_FFI_Scalar *find_integer(const XLA_FFI_Attrs *attributes, const char *name) {
  size_t length = strlen(name);
  for (int64_t i = 0; i < attributes->size; ++i) {
    const XLA_FFI_ByteSpan *span = attributes->names[i];
    if (span->len != length || memcmp(span->ptr, name, length) != 0) continue;
    const XLA_FFI_Scalar *scalar = attributes->attrs[i];
    return attributes->types[i] == XLA_FFI_AttrType_SCALAR && scalar->dtype == XLA_FFI_DataType_S64 ? scalar : NULL;
  }
  return NULL;
}

XLA_FFI_Error *ryft_ffi_callback(XLA_FFI_CallFrame *frame) {
  if (ryft_ffi_answer_metadata(frame)) return NULL;
  const XLA_FFI_Scalar *callback = find_integer(&frame->attrs, "callback");
  if (callback == NULL) {
    return ryft_ffi_error(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT,
                          "the custom call expected an attribute `callback` that is a 64-bit integer, but has none");
  }
  return ryft_ffi_call_python(*(const int64_t *)callback->value, frame);
}
