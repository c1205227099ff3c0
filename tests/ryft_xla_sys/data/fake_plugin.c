// A plugin that does nothing but fail: it has what the CPU plugin lacks, so that tests can reach it.
#include <stdlib.h>
#include <string.h>

#include "extensions/executable_metadata.h"
#include "extensions/phase_compile.h"
#include "extensions/profiler.h"
#include "extensions/shardings.h"

#ifndef MAJOR_VERSION
#define MAJOR_VERSION 0
#endif
#ifndef MINOR_VERSION
#define MINOR_VERSION 115
#endif

struct PJRT_Error {
  int code;
  char message[64];
};

static int live_errors = 0;

int fake_live_errors(void) { return live_errors; }

static PJRT_Error *fail(int code, const char *message) {
  PJRT_Error *error = malloc(sizeof(PJRT_Error));
  error->code = code;
  strncpy(error->message, message, sizeof error->message - 1);
  error->message[sizeof error->message - 1] = 0;
  ++live_errors;
  return error;
}

static void error_destroy(PJRT_Error_Destroy_Args *args) {
  --live_errors;
  free(args->error);
}

static void error_message(PJRT_Error_Message_Args *args) {
  args->message = args->error->message;
  args->message_size = strlen(args->message);
}

static PJRT_Error *error_code(PJRT_Error_GetCode_Args *args) {
  args->code = args->error->code;
  return args->error->code == 99 ? fail(13, "no code") : NULL;
}

static PJRT_Error *error_payload(PJRT_Error_ForEachPayload_Args *args) {
  args->visitor("type.example/first", 18, "\x00\xff", 2, args->user_arg);
  args->visitor("type.example/empty", 18, NULL, 0, args->user_arg);
  return args->error->code == 3 ? fail(13, "no more payloads") : NULL;
}

static PJRT_Error *initialize(PJRT_Plugin_Initialize_Args *args) {
#ifdef INITIALIZE_FAILS
  return fail(14, "no device");
#else
  return NULL;
#endif
}

// The code of the error is the identifier of the event.
static PJRT_Error *event_set(PJRT_Event_Set_Args *args) {
  return fail(args->error_code, "it failed");
}

static PJRT_Error *memory_statistics(PJRT_Device_MemoryStats_Args *args) {
  args->bytes_in_use = args->struct_size;
  return NULL;
}

static PJRT_Error *get_metadata(PJRT_ExecutableMetadata_GetExecutableMetadata_Args *args) {
  if (args->executable == NULL) return fail(3, "no executable");
  args->metadata = malloc(sizeof(PJRT_ExecutableMetadata));
  args->metadata->serialized_metadata = "bytes";
  args->metadata->serialized_metadata_size = 5;
  return NULL;
}

static void destroy_metadata(PJRT_ExecutableMetadata_DestroySerializedMetadata_Args *args) { free(args->metadata); }

static void destroy_compiler(PJRT_PhaseCompile_Destroy_Compiler_Args *args) { args->struct_size = 4321; }

static PLUGIN_Profiler_Error *profiler_create(PLUGIN_Profiler_Create_Args *args) {
  if (args->options_size == 0) return (PLUGIN_Profiler_Error *)fail(5, "no options");
  args->profiler = (PLUGIN_Profiler *)&live_errors;
  return NULL;
}

static void profiler_error_message(PLUGIN_Profiler_Error_Message_Args *args) {
  args->message = ((const PJRT_Error *)args->error)->message;
  args->message_size = strlen(args->message);
}

static PLUGIN_Profiler_Error *profiler_error_code(PLUGIN_Profiler_Error_GetCode_Args *args) {
  args->code = ((const PJRT_Error *)args->error)->code;
  return NULL;
}

static void profiler_error_destroy(PLUGIN_Profiler_Error_Destroy_Args *args) {
  --live_errors;
  free(args->error);
}

static PLUGIN_Profiler_Api profiler_api = {
    .struct_size = offsetof(PLUGIN_Profiler_Api, serialize),
    .error_destroy = profiler_error_destroy,
    .error_message = profiler_error_message,
    .error_get_code = profiler_error_code,
    .create = profiler_create,
};

// It ends before its second function.
static PJRT_Shardings_Extension shardings = {
    .base = {.struct_size = offsetof(PJRT_Shardings_Extension, PJRT_Shardings_PJRT_Executable_OutputShardings),
             .type = PJRT_Extension_Type_Shardings},
};
static PJRT_Extension_Base cross_host_transfers = {
    .struct_size = 56, .type = PJRT_Extension_Type_CrossHostTransfers, .next = &shardings.base};
static PJRT_Profiler_Extension profiler = {
    .base = {.struct_size = PJRT_Profiler_Extension_STRUCT_SIZE,
             .type = PJRT_Extension_Type_Profiler,
             .next = &cross_host_transfers},
    .profiler_api = &profiler_api,
};
static PJRT_PhaseCompile_Extension phase_compile = {
    .base = {.struct_size = PJRT_PhaseCompile_Extension_STRUCT_SIZE,
             .type = PJRT_Extension_Type_PhaseCompile,
             .next = &profiler.base},
    .phase_compile_destroy_compiler = destroy_compiler,
};
static PJRT_ExecutableMetadata_Extension metadata = {
    .base = {.struct_size = PJRT_ExecutableMetadata_Extension_STRUCT_SIZE,
             .type = PJRT_Extension_Type_ExecutableMetadata,
             .next = &phase_compile.base},
    .get_executable_metadata = get_metadata,
    .destroy_serialized_metadata = destroy_metadata,
};

static PJRT_Api api = {
    .struct_size = PJRT_Api_STRUCT_SIZE,
    .extension_start = &metadata.base,
    .pjrt_api_version = {.struct_size = PJRT_Api_Version_STRUCT_SIZE,
                         .major_version = MAJOR_VERSION,
                         .minor_version = MINOR_VERSION},
    .PJRT_Error_Destroy = error_destroy,
    .PJRT_Error_Message = error_message,
    .PJRT_Error_GetCode = error_code,
    .PJRT_Error_ForEachPayload = error_payload,
    .PJRT_Plugin_Initialize = initialize,
    .PJRT_Event_Set = event_set,
    .PJRT_Device_MemoryStats = memory_statistics,
};

#ifdef RETURNS_NULL
const PJRT_Api *GetPjrtApi(void) { return NULL; }
#elif !defined(EXPORTS_NOTHING)
const PJRT_Api *GetPjrtApi(void) { return &api; }
#endif
