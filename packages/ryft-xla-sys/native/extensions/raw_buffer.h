// Memory of a buffer without its type and shape, and the events that tell when it can be used. Raw buffers, device
// events and their promises begin with a pointer to a table of functions. Extension type 8.
#ifndef RYFT_EXTENSION_RAW_BUFFER_H
#define RYFT_EXTENSION_RAW_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_DeviceEvent PJRT_DeviceEvent;
typedef struct PJRT_DeviceEventPromise PJRT_DeviceEventPromise;
typedef struct PJRT_DeviceEventVector PJRT_DeviceEventVector;
typedef struct PJRT_DeviceEvent_FunctionTable PJRT_DeviceEvent_FunctionTable;
typedef struct PJRT_RawBuffer PJRT_RawBuffer;

typedef enum {
  PJRT_DeviceEvent_State_Unavailable = 0,
  PJRT_DeviceEvent_State_Ready = 1,
  PJRT_DeviceEvent_State_Error = 2,
} PJRT_DeviceEvent_State;

typedef void (*PJRT_DeviceEvent_AndThen)(void *user_arg);

struct PJRT_RawBuffer_FunctionTable {
  size_t struct_size;
  size_t instance_size;
  PJRT_Extension_Base *extension_start;
  void (*inc_ref)(PJRT_RawBuffer *raw_buffer);
  void (*dec_ref)(PJRT_RawBuffer *raw_buffer);
  size_t (*get_on_device_size_in_bytes)(const PJRT_RawBuffer *raw_buffer);
  PJRT_Memory *(*get_memory_space)(const PJRT_RawBuffer *raw_buffer);
  void *(*get_host_pointer)(const PJRT_RawBuffer *raw_buffer);
  PJRT_Error *(*copy_raw_host_to_device_and_return_event)(
      PJRT_RawBuffer *raw_buffer, const void *src, int64_t offset, int64_t transfer_size,
      PJRT_DeviceEventVector *dependencies, PJRT_DeviceEvent *event);
  PJRT_Error *(*copy_raw_device_to_host_and_return_event)(
      PJRT_RawBuffer *raw_buffer, void *dst, int64_t offset, int64_t transfer_size,
      PJRT_DeviceEventVector *dependencies, PJRT_DeviceEvent *event);
  void *(*opaque_device_memory_data_pointer)(const PJRT_RawBuffer *raw_buffer);
  PJRT_Error *(*make_allocation_ready_event)(PJRT_RawBuffer *raw_buffer, PJRT_DeviceEvent *event);
  PJRT_Error *(*get_raw_buffer_async_value)(PJRT_RawBuffer *raw_buffer, PJRT_DeviceEvent *event);
  bool (*is_mutable)(const PJRT_RawBuffer *raw_buffer);
  PJRT_Error *(*slice)(PJRT_RawBuffer *raw_buffer, int64_t offset, int64_t slice_size, PJRT_RawBuffer **sliced_buffer);
  void (*schedule_copy_to)(
      PJRT_RawBuffer *src_buffer, PJRT_DeviceEventVector *transfer_dependency_events, PJRT_RawBuffer *dst_buffer,
      PJRT_DeviceEventPromise *definition_event_promise, PJRT_DeviceEventPromise *src_usage_event_promise,
      void (*allocation_event_callback)(PJRT_Error *status, void *user_data), void *allocation_event_user_data);
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_FunctionTable, schedule_copy_to);

struct PJRT_RawBuffer {
  const PJRT_RawBuffer_FunctionTable *vtable;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer, vtable);

struct PJRT_RawBuffer_CreateRawAliasOfBuffer_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_Buffer *buffer;
  PJRT_RawBuffer *raw_buffer;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_CreateRawAliasOfBuffer_Args, raw_buffer);
typedef PJRT_Error *PJRT_RawBuffer_CreateRawAliasOfBuffer(PJRT_RawBuffer_CreateRawAliasOfBuffer_Args *args);

struct PJRT_RawBuffer_Destroy_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_Destroy_Args, buffer);
typedef PJRT_Error *PJRT_RawBuffer_Destroy(PJRT_RawBuffer_Destroy_Args *args);

struct PJRT_RawBuffer_GetHostPointer_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  void *host_pointer;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_GetHostPointer_Args, host_pointer);
typedef PJRT_Error *PJRT_RawBuffer_GetHostPointer(PJRT_RawBuffer_GetHostPointer_Args *args);

struct PJRT_RawBuffer_GetOnDeviceSizeInBytes_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  size_t on_device_size_in_bytes;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_GetOnDeviceSizeInBytes_Args, on_device_size_in_bytes);
typedef PJRT_Error *PJRT_RawBuffer_GetOnDeviceSizeInBytes(PJRT_RawBuffer_GetOnDeviceSizeInBytes_Args *args);

struct PJRT_RawBuffer_GetMemorySpace_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  PJRT_Memory *memory_space;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_GetMemorySpace_Args, memory_space);
typedef PJRT_Error *PJRT_RawBuffer_GetMemorySpace(PJRT_RawBuffer_GetMemorySpace_Args *args);

struct PJRT_RawBuffer_CopyRawDeviceToHost_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  void *dst;
  int64_t offset;
  int64_t transfer_size;
  PJRT_Event *event;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_CopyRawDeviceToHost_Args, event);
typedef PJRT_Error *PJRT_RawBuffer_CopyRawDeviceToHost(PJRT_RawBuffer_CopyRawDeviceToHost_Args *args);

struct PJRT_RawBuffer_CopyRawHostToDevice_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  PJRT_RawBuffer *buffer;
  const void *src;
  int64_t offset;
  int64_t transfer_size;
  PJRT_Event *event;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_CopyRawHostToDevice_Args, event);
typedef PJRT_Error *PJRT_RawBuffer_CopyRawHostToDevice(PJRT_RawBuffer_CopyRawHostToDevice_Args *args);

struct PJRT_DeviceEvent_FunctionTable {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  void (*inc_ref)(void *device_event);
  void (*dec_ref)(void *device_event);
  void (*and_then)(void *device_event, PJRT_DeviceEvent_AndThen callback, void *user_arg);
  int (*get_error_if_present)(void *device_event, PJRT_Error_Code *code, const char **message, size_t *message_size);
  const struct PJRT_DeviceEvent_FunctionTable *parent;
  PJRT_DeviceEvent_State (*get_state)(void *device_event);
  intptr_t (*get_definition_stream)(void *device_event, uint64_t *sequence_number);
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_DeviceEvent_FunctionTable, get_definition_stream);

struct PJRT_DeviceEvent {
  const struct PJRT_DeviceEvent_FunctionTable *vtable;
  void *device_event;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_DeviceEvent, device_event);

struct PJRT_DeviceEventVector {
  PJRT_DeviceEvent *data;
  size_t size;
  size_t capacity;
  void (*destroy)(PJRT_DeviceEvent *data);
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_DeviceEventVector, destroy);

struct PJRT_DeviceEventPromise_FunctionTable {
  size_t struct_size;
  size_t instance_size;
  PJRT_Extension_Base *extension_start;
  void (*inc_ref)(PJRT_DeviceEventPromise *promise);
  void (*dec_ref)(PJRT_DeviceEventPromise *promise);
  PJRT_DeviceEvent (*event)(PJRT_DeviceEventPromise *promise);
  void (*set)(PJRT_DeviceEventPromise *promise, PJRT_DeviceEvent event);
  void (*set_error)(PJRT_DeviceEventPromise *promise, PJRT_Error *error);
  void (*set_ready)(PJRT_DeviceEventPromise *promise);
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_DeviceEventPromise_FunctionTable, set_ready);

struct PJRT_DeviceEventPromise {
  const struct PJRT_DeviceEventPromise_FunctionTable *vtable;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_DeviceEventPromise, vtable);

struct PJRT_RawBuffer_Extension {
  PJRT_Extension_Base base;
  PJRT_RawBuffer_CreateRawAliasOfBuffer *PJRT_RawBuffer_CreateRawAliasOfBuffer;
  PJRT_RawBuffer_Destroy *PJRT_RawBuffer_Destroy;
  PJRT_RawBuffer_GetOnDeviceSizeInBytes *PJRT_RawBuffer_GetOnDeviceSizeInBytes;
  PJRT_RawBuffer_GetMemorySpace *PJRT_RawBuffer_GetMemorySpace;
  PJRT_RawBuffer_CopyRawHostToDevice *PJRT_RawBuffer_CopyRawHostToDevice;
  PJRT_RawBuffer_CopyRawDeviceToHost *PJRT_RawBuffer_CopyRawDeviceToHost;
  PJRT_RawBuffer_GetHostPointer *PJRT_RawBuffer_GetHostPointer;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_RawBuffer_Extension, PJRT_RawBuffer_GetHostPointer);

#endif
