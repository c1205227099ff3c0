// Remote memory access: a process writes into the memory of another. Extension type 25.
#ifndef RYFT_EXTENSION_RMA_H
#define RYFT_EXTENSION_RMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_RawBuffer PJRT_RawBuffer;
typedef struct PJRT_Rma_RemoteWindow PJRT_Rma_RemoteWindow;

struct PJRT_Rma_ExportWindow_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  const char *serialized_descriptor;  // out
  size_t serialized_descriptor_size;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_ExportWindow_Args, serialized_descriptor_size);
typedef PJRT_Error *PJRT_Rma_ExportWindow(PJRT_Rma_ExportWindow_Args *args);

struct PJRT_Rma_ImportWindow_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Client *client;
  const char *serialized_descriptor;
  size_t serialized_descriptor_size;
  PJRT_Rma_RemoteWindow *remote_window;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_ImportWindow_Args, remote_window);
typedef PJRT_Error *PJRT_Rma_ImportWindow(PJRT_Rma_ImportWindow_Args *args);

struct PJRT_Rma_DestroyRemoteWindow_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Rma_RemoteWindow *remote_window;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_DestroyRemoteWindow_Args, remote_window);
typedef PJRT_Error *PJRT_Rma_DestroyRemoteWindow(PJRT_Rma_DestroyRemoteWindow_Args *args);

struct PJRT_Rma_Put_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *src_buffer;
  int64_t src_offset_bytes;
  PJRT_Rma_RemoteWindow *dst_remote_window;
  int64_t dst_offset_bytes;
  int64_t transfer_size_bytes;
  PJRT_Event *event;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_Put_Args, event);
typedef PJRT_Error *PJRT_Rma_Put(PJRT_Rma_Put_Args *args);

struct PJRT_Rma_Signal_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Rma_RemoteWindow *dst_remote_window;
  uint64_t signal_id;
  PJRT_Event *event;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_Signal_Args, event);
typedef PJRT_Error *PJRT_Rma_Signal(PJRT_Rma_Signal_Args *args);

struct PJRT_Rma_WaitSignal_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *local_buffer;
  uint64_t signal_id;
  PJRT_Event *event;  // out
  const char *local_window_descriptor;
  size_t local_window_descriptor_size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_WaitSignal_Args, local_window_descriptor_size);
typedef PJRT_Error *PJRT_Rma_WaitSignal(PJRT_Rma_WaitSignal_Args *args);

struct PJRT_Rma_DestroyDescriptor_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const char *serialized_descriptor;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_DestroyDescriptor_Args, serialized_descriptor);
typedef PJRT_Error *PJRT_Rma_DestroyDescriptor(PJRT_Rma_DestroyDescriptor_Args *args);

struct PJRT_Rma_Extension {
  PJRT_Extension_Base base;
  PJRT_Rma_ExportWindow *PJRT_Rma_ExportWindow;
  PJRT_Rma_ImportWindow *PJRT_Rma_ImportWindow;
  PJRT_Rma_DestroyRemoteWindow *PJRT_Rma_DestroyRemoteWindow;
  PJRT_Rma_Put *PJRT_Rma_Put;
  PJRT_Rma_Signal *PJRT_Rma_Signal;
  PJRT_Rma_WaitSignal *PJRT_Rma_WaitSignal;
  PJRT_Rma_DestroyDescriptor *PJRT_Rma_DestroyDescriptor;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Rma_Extension, PJRT_Rma_DestroyDescriptor);

#endif
