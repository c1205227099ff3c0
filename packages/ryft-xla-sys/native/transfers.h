// Moving data between host and device with one call each: from a host array to a buffer, and from a buffer to the host.
#ifndef RYFT_TRANSFERS_H
#define RYFT_TRANSFERS_H

#include "execute.h"

// Functions of a plugin, looked up once; null where it lacks one.
typedef struct ryft_transfer_functions {
  void *buffer_from_host_buffer;  // PJRT_Client_BufferFromHostBuffer
  void *destroy_buffer;           // PJRT_Buffer_Destroy
  void *destroy_event;            // PJRT_Event_Destroy
  void *destroy_error;            // PJRT_Error_Destroy
  void *is_ready;                 // PJRT_Event_IsReady
  void *on_ready;                 // PJRT_Event_OnReady
  void *event_error;              // PJRT_Event_Error
  void *ready_event;              // PJRT_Buffer_ReadyEvent
  void *is_on_cpu;                // PJRT_Buffer_IsOnCpu
  void *memory_layout;            // PJRT_Buffer_GetMemoryLayout
  void *data_pointer;             // PJRT_Buffer_OpaqueDeviceMemoryDataPointer
  void *increase_references;      // PJRT_Buffer_IncreaseExternalReferenceCount
  void *decrease_references;      // PJRT_Buffer_DecreaseExternalReferenceCount
} ryft_transfer_functions;

// Makes a buffer from `arguments`, whose client need not be set. Returns its owner, or null after a failure, for which
// `*error` has the plugin's error, or null where the client is closed. `*done` receives the event that completes when
// the host array is no longer used; where `done` is null that event is dropped.
ryft_owner *ryft_buffer_from_host(const ryft_transfer_functions *functions, ryft_owner *client,
                                  PJRT_Client_BufferFromHostBuffer_Args *arguments, int32_t type, void *device,
                                  PJRT_Event **done, PJRT_Error **error);

// The same for a dense row-major array of `size` bytes, which is copied here, into aligned memory that the buffer then
// shares. Where device memory is host memory, this is faster for large arrays than the copy that a plugin makes.
ryft_owner *ryft_buffer_from_host_copy(const ryft_transfer_functions *functions, ryft_owner *client,
                                       PJRT_Client_BufferFromHostBuffer_Args *arguments, int32_t type, void *device,
                                       size_t size, PJRT_Error **error);

enum {
  RYFT_VIEW_OK = 0,
  RYFT_VIEW_ERROR = 1,      // the plugin failed, or what computes the buffer did
  RYFT_VIEW_CLOSED = 2,     // the buffer is closed
  RYFT_VIEW_NOT_READY = 3,  // the buffer has not been computed yet
  RYFT_VIEW_NOT_HOST = 4,   // the host cannot read the memory as a dense row-major array
};

// Pins a buffer and gives the address of its memory, which stays valid until `ryft_view_end`. Fails unless the buffer is
// ready and the host can read it (`device_memory` leaves the latter out).
int ryft_view_begin(const ryft_transfer_functions *functions, ryft_owner *buffer, bool device_memory, void **address,
                    PJRT_Error **error);
void ryft_view_end(const ryft_transfer_functions *functions, ryft_owner *buffer);
// Copies `size` bytes of a buffer that the host can read.
int ryft_view_read(const ryft_transfer_functions *functions, ryft_owner *buffer, void *target, size_t size,
                   PJRT_Error **error);

#endif
