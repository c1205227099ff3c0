// Handlers of the XLA FFI in C, as somebody would write them who has our headers only.
#include "xla_ffi.h"

static XLA_FFI_Metadata *metadata(const XLA_FFI_CallFrame *frame) {
  XLA_FFI_Extension_Base *extension = frame->extension_start;
  if (extension == NULL || extension->type != XLA_FFI_Extension_Metadata) return NULL;
  return ((XLA_FFI_Metadata_Extension *)extension)->metadata;
}

// Writes `scale` times the operand, and fails if `scale` is zero.
XLA_FFI_Error *scale(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Metadata *asked = metadata(frame);
  if (asked != NULL) {
    asked->api_version.major_version = XLA_FFI_API_MAJOR;
    asked->api_version.minor_version = XLA_FFI_API_MINOR;
    return NULL;
  }
  const XLA_FFI_Scalar *scalar = frame->attrs.attrs[0];
  float factor = *(const float *)scalar->value;
  if (factor == 0) {
    XLA_FFI_Error_Create_Args arguments = {.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE};
    arguments.message = "the factor is zero";
    arguments.errc = XLA_FFI_Error_Code_OUT_OF_RANGE;
    return frame->api->XLA_FFI_Error_Create(&arguments);
  }
  const XLA_FFI_Buffer *operand = frame->args.args[0];
  const XLA_FFI_Buffer *result = frame->rets.rets[0];
  int64_t count = 1;
  for (int64_t i = 0; i < operand->rank; ++i) count *= operand->dims[i];
  for (int64_t i = 0; i < count; ++i) ((float *)result->data)[i] = factor * ((const float *)operand->data)[i];
  return NULL;
}

// Says that it was compiled for a version that nobody has.
XLA_FFI_Error *from_the_future(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Metadata *asked = metadata(frame);
  if (asked != NULL) {
    asked->api_version.major_version = 9;
    asked->api_version.minor_version = 4;
  }
  return NULL;
}

// Does not know of metadata.
XLA_FFI_Error *silent(XLA_FFI_CallFrame *frame) {
  (void)frame;
  return NULL;
}
