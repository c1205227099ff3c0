// Transformations of a program by the caller, while the plugin compiles it. The callback reports through `header`.
// Extension type 24.
#ifndef RYFT_EXTENSION_XLA_TRANSFORM_H
#define RYFT_EXTENSION_XLA_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_Clear_Xla_Transform_Args PJRT_Clear_Xla_Transform_Args;
typedef struct PJRT_Register_Xla_Transform_Args PJRT_Register_Xla_Transform_Args;
typedef struct PJRT_XlaTransform_Callbacks PJRT_XlaTransform_Callbacks;

typedef enum {
  PJRT_XlaTransform_PipelineStage_kPreScheduler = 0,
  PJRT_XlaTransform_PipelineStage_kPostScheduler = 1,
} PJRT_XlaTransform_PipelineStage;

typedef PJRT_Error *(*PJRT_Register_Xla_Transform_Fn)(PJRT_Register_Xla_Transform_Args *args);
typedef PJRT_Error *(*PJRT_Clear_Xla_Transform_Fn)(PJRT_Clear_Xla_Transform_Args *args);

struct PJRT_XlaTransform_string {
  const char *data;
  size_t size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_XlaTransform_string, size);

struct PJRT_XlaTransform_version_and_error {
  int64_t api_version;
  void *data;  // out
  void (*cleanup_fn)(void *data);  // out
  bool has_error;  // out
  PJRT_Error_Code code;  // out
  PJRT_XlaTransform_string error_msg;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_XlaTransform_version_and_error, error_msg);

struct PJRT_XlaTransform_Args {
  size_t struct_size;
  PJRT_XlaTransform_version_and_error header;
  PJRT_XlaTransform_string hlo_module;
  PJRT_XlaTransform_string transformed_hlo_module;
  bool changed;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_XlaTransform_Args, changed);

struct PJRT_XlaTransform_Callbacks {
  int64_t version;
  void (*dtor)(struct PJRT_XlaTransform_Callbacks *data);
  void (*transform_hlo_module)(struct PJRT_XlaTransform_Callbacks *data, PJRT_XlaTransform_Args *args);
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_XlaTransform_Callbacks, transform_hlo_module);

struct PJRT_Register_Xla_Transform_Args {
  size_t struct_size;
  const char *name;
  size_t name_size;
  PJRT_XlaTransform_PipelineStage stage;
  PJRT_XlaTransform_Callbacks *callbacks;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Register_Xla_Transform_Args, callbacks);

struct PJRT_Clear_Xla_Transform_Args {
  size_t struct_size;
  PJRT_XlaTransform_PipelineStage stage;
  const char *name;
  size_t name_size;
  PJRT_XlaTransform_Callbacks *callbacks;
  bool cleared;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Clear_Xla_Transform_Args, cleared);

struct PJRT_Xla_Transform_Extension {
  PJRT_Extension_Base base;
  PJRT_Register_Xla_Transform_Fn register_xla_transform;
  PJRT_Clear_Xla_Transform_Fn clear_xla_transform;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Xla_Transform_Extension, clear_xla_transform);

#endif
