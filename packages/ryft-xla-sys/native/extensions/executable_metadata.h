// Serialized facts about an executable. The argument structs have no `struct_size`. Extension type 13.
#ifndef RYFT_EXTENSION_EXECUTABLE_METADATA_H
#define RYFT_EXTENSION_EXECUTABLE_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_ExecutableMetadata PJRT_ExecutableMetadata;
typedef struct PJRT_ExecutableMetadata_DestroySerializedMetadata_Args
    PJRT_ExecutableMetadata_DestroySerializedMetadata_Args;
typedef struct PJRT_ExecutableMetadata_GetExecutableMetadata_Args PJRT_ExecutableMetadata_GetExecutableMetadata_Args;

typedef PJRT_Error *(*PJRT_ExecutableMetadata_GetExecutableMetadata)(
    PJRT_ExecutableMetadata_GetExecutableMetadata_Args *args);
typedef void (*PJRT_ExecutableMetadata_DestroySerializedMetadata)(
    PJRT_ExecutableMetadata_DestroySerializedMetadata_Args *args);

struct PJRT_ExecutableMetadata {
  const char *serialized_metadata;
  size_t serialized_metadata_size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_ExecutableMetadata, serialized_metadata_size);

struct PJRT_ExecutableMetadata_GetExecutableMetadata_Args {
  PJRT_Executable *executable;
  PJRT_ExecutableMetadata *metadata;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_ExecutableMetadata_GetExecutableMetadata_Args, metadata);

struct PJRT_ExecutableMetadata_DestroySerializedMetadata_Args {
  PJRT_ExecutableMetadata *metadata;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_ExecutableMetadata_DestroySerializedMetadata_Args, metadata);

struct PJRT_ExecutableMetadata_Extension {
  PJRT_Extension_Base base;
  PJRT_ExecutableMetadata_GetExecutableMetadata get_executable_metadata;
  PJRT_ExecutableMetadata_DestroySerializedMetadata destroy_serialized_metadata;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_ExecutableMetadata_Extension, destroy_serialized_metadata);

#endif
