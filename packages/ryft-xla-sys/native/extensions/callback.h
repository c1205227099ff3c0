// Callbacks for events of the runtime. `args` of a callback is the struct that belongs to its type. Extension type 14.
#ifndef RYFT_EXTENSION_CALLBACK_H
#define RYFT_EXTENSION_CALLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_Callback_RegisterCallback_Args PJRT_Callback_RegisterCallback_Args;

typedef enum {
  PJRT_Callback_Type_Unknown = 0,
  PJRT_Callback_Type_Tpu_SliceBuilder = 1,
  PJRT_Callback_Type_Prefatal = 2,
} PJRT_Callback_Type;

typedef enum {
  PJRT_Callback_Tpu_SliceFailureType_UNKNOWN = 0,
  PJRT_Callback_Tpu_SliceFailureType_INIT_ERROR = 1,
  PJRT_Callback_Tpu_SliceFailureType_WORKER_UNAVAILABLE = 2,
  PJRT_Callback_Tpu_SliceFailureType_FLAPPING_TASK_ERROR = 3,
  PJRT_Callback_Tpu_SliceFailureType_SW_INJECT_ERROR = 4,
  PJRT_Callback_Tpu_SliceFailureType_CHIP_DRIVER_ERROR = 5,
} PJRT_Callback_Tpu_SliceFailureType;

typedef PJRT_Error *PJRT_Register_Callback(PJRT_Callback_RegisterCallback_Args *args);
typedef void PJRT_Callback_Function(void *args, void *user_arg);

struct PJRT_Callback_Tpu_SliceBuilderArgs {
  size_t struct_size;
  PJRT_Callback_Tpu_SliceFailureType failure_type;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Callback_Tpu_SliceBuilderArgs, failure_type);

struct PJRT_Callback_PrefatalArgs {
  size_t struct_size;
  PJRT_Error_Code error_code;
  const char *error_message;
  size_t error_message_size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Callback_PrefatalArgs, error_message_size);

struct PJRT_Callback_RegisterCallback_Args {
  size_t struct_size;
  PJRT_Client *client;
  PJRT_Callback_Type type;
  PJRT_Callback_Function *callback;
  void *user_arg;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Callback_RegisterCallback_Args, user_arg);

struct PJRT_Callback_InvokeCallback_Args {
  size_t struct_size;
  PJRT_Client *client;
  PJRT_Callback_Type type;
  void *args;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Callback_InvokeCallback_Args, args);
typedef PJRT_Error *PJRT_Callback_InvokeCallback(PJRT_Callback_InvokeCallback_Args *args);

struct PJRT_Callback_Extension {
  PJRT_Extension_Base base;
  PJRT_Register_Callback *register_callback;
  PJRT_Callback_InvokeCallback *invoke_callback;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Callback_Extension, invoke_callback);

#endif
