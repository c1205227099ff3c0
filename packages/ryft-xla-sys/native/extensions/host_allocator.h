// Host memory that a device can transfer from fast. The host memory allocator extension replaces it. Extension type 15.
#ifndef RYFT_EXTENSION_HOST_ALLOCATOR_H
#define RYFT_EXTENSION_HOST_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_HostAllocator_Allocate_Args PJRT_HostAllocator_Allocate_Args;
typedef struct PJRT_HostAllocator_Free_Args PJRT_HostAllocator_Free_Args;
typedef struct PJRT_HostAllocator_GetPreferredAlignment_Args PJRT_HostAllocator_GetPreferredAlignment_Args;

typedef PJRT_Error *(*PJRT_HostAllocator_GetPreferredAlignment)(PJRT_HostAllocator_GetPreferredAlignment_Args *args);
typedef PJRT_Error *(*PJRT_HostAllocator_Allocate)(PJRT_HostAllocator_Allocate_Args *args);
typedef PJRT_Error *(*PJRT_HostAllocator_Free)(PJRT_HostAllocator_Free_Args *args);

struct PJRT_HostAllocator_GetPreferredAlignment_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Client *client;
  size_t preferred_alignment;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostAllocator_GetPreferredAlignment_Args, preferred_alignment);

struct PJRT_HostAllocator_Allocate_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Client *client;
  size_t size;
  size_t alignment;
  void *ptr;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostAllocator_Allocate_Args, ptr);

struct PJRT_HostAllocator_Free_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Client *client;
  void *ptr;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostAllocator_Free_Args, ptr);

struct PJRT_HostAllocator_Extension {
  PJRT_Extension_Base base;
  PJRT_HostAllocator_GetPreferredAlignment get_preferred_alignment;
  PJRT_HostAllocator_Allocate allocate;
  PJRT_HostAllocator_Free free;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostAllocator_Extension, free);

#endif
