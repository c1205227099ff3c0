// The profiler of a plugin. Its functions are in a table of their own, with errors of their own. Data is collected in
// two calls: a null buffer asks for the size. A plugin may leave the last functions of the table null although its size
// covers them. As an extension of an argument struct the same struct carries a trace context, and `profiler_api` may be
// null. Extension type 1.
#ifndef RYFT_EXTENSION_PROFILER_H
#define RYFT_EXTENSION_PROFILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PLUGIN_Profiler PLUGIN_Profiler;
typedef struct PLUGIN_Profiler_Api PLUGIN_Profiler_Api;
typedef struct PLUGIN_Profiler_ConsumeResult PLUGIN_Profiler_ConsumeResult;
typedef struct PLUGIN_Profiler_Error PLUGIN_Profiler_Error;

struct PLUGIN_Profiler_Error_Destroy_Args {
  size_t struct_size;
  void *priv;
  PLUGIN_Profiler_Error *error;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Error_Destroy_Args, error);
typedef void PLUGIN_Profiler_Error_Destroy(PLUGIN_Profiler_Error_Destroy_Args *args);

struct PLUGIN_Profiler_Error_Message_Args {
  size_t struct_size;
  void *priv;
  const PLUGIN_Profiler_Error *error;
  const char *message;  // out
  size_t message_size;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Error_Message_Args, message_size);
typedef void PLUGIN_Profiler_Error_Message(PLUGIN_Profiler_Error_Message_Args *args);

struct PLUGIN_Profiler_Error_GetCode_Args {
  size_t struct_size;
  void *priv;
  const PLUGIN_Profiler_Error *error;
  int code;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Error_GetCode_Args, code);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Error_GetCode(PLUGIN_Profiler_Error_GetCode_Args *args);

struct PLUGIN_Profiler_Create_Args {
  size_t struct_size;
  const char *options;
  size_t options_size;
  PLUGIN_Profiler *profiler;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Create_Args, profiler);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Create(PLUGIN_Profiler_Create_Args *args);

struct PLUGIN_Profiler_Destroy_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Destroy_Args, profiler);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Destroy(PLUGIN_Profiler_Destroy_Args *args);

struct PLUGIN_Profiler_Start_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Start_Args, profiler);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Start(PLUGIN_Profiler_Start_Args *args);

struct PLUGIN_Profiler_Stop_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Stop_Args, profiler);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Stop(PLUGIN_Profiler_Stop_Args *args);

struct PLUGIN_Profiler_CollectData_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
  uint8_t *buffer;  // in/out
  size_t buffer_size_in_bytes;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_CollectData_Args, buffer_size_in_bytes);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_CollectData(PLUGIN_Profiler_CollectData_Args *args);

struct PLUGIN_Profiler_Consume_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
  PLUGIN_Profiler_ConsumeResult *result;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Consume_Args, result);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Consume(PLUGIN_Profiler_Consume_Args *args);

struct PLUGIN_Profiler_ConsumeResult_Destroy_Args {
  size_t struct_size;
  PLUGIN_Profiler_ConsumeResult *consume_result;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_ConsumeResult_Destroy_Args, consume_result);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_ConsumeResult_Destroy(PLUGIN_Profiler_ConsumeResult_Destroy_Args *args);

struct PLUGIN_Profiler_Serialize_Args {
  size_t struct_size;
  PLUGIN_Profiler *profiler;
  PLUGIN_Profiler_ConsumeResult *consume_result;
  const uint8_t *serialized_bytes;  // out
  size_t serialized_size;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Serialize_Args, serialized_size);
typedef PLUGIN_Profiler_Error *PLUGIN_Profiler_Serialize(PLUGIN_Profiler_Serialize_Args *args);

struct PLUGIN_Profiler_Api {
  size_t struct_size;
  void *priv;
  PLUGIN_Profiler_Error_Destroy *error_destroy;
  PLUGIN_Profiler_Error_Message *error_message;
  PLUGIN_Profiler_Error_GetCode *error_get_code;
  PLUGIN_Profiler_Create *create;
  PLUGIN_Profiler_Destroy *destroy;
  PLUGIN_Profiler_Start *start;
  PLUGIN_Profiler_Stop *stop;
  PLUGIN_Profiler_CollectData *collect_data;
  PLUGIN_Profiler_Consume *consume;
  PLUGIN_Profiler_ConsumeResult_Destroy *consume_result_destroy;
  PLUGIN_Profiler_Serialize *serialize;
};
PJRT_DEFINE_STRUCT_TRAITS(PLUGIN_Profiler_Api, serialize);

struct PJRT_Profiler_Extension {
  PJRT_Extension_Base base;
  PLUGIN_Profiler_Api *profiler_api;
  int64_t traceme_context_id;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Profiler_Extension, traceme_context_id);

#endif
