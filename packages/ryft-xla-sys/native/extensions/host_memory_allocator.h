// Host memory that a device can transfer from fast. Memory is freed by `deleter(ptr, deleter_arg)`. Extension type 23.
#ifndef RYFT_EXTENSION_HOST_MEMORY_ALLOCATOR_H
#define RYFT_EXTENSION_HOST_MEMORY_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_HostMemoryAllocator_Allocate_Args PJRT_HostMemoryAllocator_Allocate_Args;

typedef PJRT_Error *(*PJRT_HostMemoryAllocator_Allocate)(PJRT_HostMemoryAllocator_Allocate_Args *args);

struct PJRT_HostMemoryAllocator_Allocate_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Client *client;
  size_t size;
  int numa_node;
  uint8_t *ptr;  // out
  void (*deleter)(void *ptr, void *arg);  // out
  void *deleter_arg;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostMemoryAllocator_Allocate_Args, deleter_arg);

struct PJRT_HostMemoryAllocator_Extension {
  PJRT_Extension_Base base;
  PJRT_HostMemoryAllocator_Allocate allocate;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_HostMemoryAllocator_Extension, allocate);

#endif
