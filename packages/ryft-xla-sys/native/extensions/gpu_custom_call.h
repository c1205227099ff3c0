// Handlers of custom calls in programs for GPUs. `api_version` is 0 for an untyped handler, of which only
// `handler_execute` is used, and 1 for the four stages of an XLA FFI handler, of which all but the last may be null.
// Extension type 0.
#ifndef RYFT_EXTENSION_GPU_CUSTOM_CALL_H
#define RYFT_EXTENSION_GPU_CUSTOM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

struct PJRT_Gpu_Register_Custom_Call_Args {
  size_t struct_size;
  const char *function_name;
  size_t function_name_size;
  int api_version;
  void *handler_instantiate;
  void *handler_prepare;
  void *handler_initialize;
  void *handler_execute;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Gpu_Register_Custom_Call_Args, handler_execute);
typedef PJRT_Error *PJRT_Gpu_Register_Custom_Call(PJRT_Gpu_Register_Custom_Call_Args *args);

struct PJRT_Gpu_Custom_Call {
  PJRT_Extension_Base base;
  PJRT_Gpu_Register_Custom_Call *custom_call;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Gpu_Custom_Call, custom_call);

#endif
