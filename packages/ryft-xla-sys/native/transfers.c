#include "transfers.h"

#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

static void destroy_event(const ryft_transfer_functions *functions, PJRT_Event *event) {
  PJRT_Event_Destroy_Args args = {PJRT_Event_Destroy_Args_STRUCT_SIZE, NULL, event};
  ((PJRT_Event_Destroy *)functions->destroy_event)(&args);
}

ryft_owner *ryft_buffer_from_host(const ryft_transfer_functions *functions, ryft_owner *client,
                                  PJRT_Client_BufferFromHostBuffer_Args *arguments, int32_t type, void *device,
                                  PJRT_Event **done, PJRT_Error **error) {
  *error = NULL;
  arguments->client = ryft_owner_pin(client);
  if (!arguments->client) return NULL;
  arguments->struct_size = PJRT_Client_BufferFromHostBuffer_Args_STRUCT_SIZE;
  *error = ((PJRT_Client_BufferFromHostBuffer *)functions->buffer_from_host_buffer)(arguments);
  ryft_owner *owner = NULL;
  if (!*error) {
    owner = ryft_owner_new_buffer(client, arguments->buffer, functions->destroy_buffer, type, device);
    if (done)
      *done = arguments->done_with_host_buffer;
    else if (arguments->done_with_host_buffer)
      destroy_event(functions, arguments->done_with_host_buffer);
  }
  ryft_owner_unpin(client);
  return owner;
}

typedef struct {
  const ryft_transfer_functions *functions;
  void *memory;
} host_copy;

static void free_host_copy(PJRT_Error *error, void *argument) {
  host_copy *copy = argument;
  if (error) {
    PJRT_Error_Destroy_Args destroy = {PJRT_Error_Destroy_Args_STRUCT_SIZE, NULL, error};
    ((PJRT_Error_Destroy *)copy->functions->destroy_error)(&destroy);
  }
  free(copy->memory);
  free(copy);
}

enum { PLUGIN_ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

static void *allocate_copy(size_t size) {
  size_t alignment = size >= 2 * HUGE_PAGE ? HUGE_PAGE : PLUGIN_ALIGNMENT;
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
#ifdef __linux__
  // Most of the time of a large copy goes into the faults of pages that are touched first.
  if (alignment == HUGE_PAGE) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

ryft_owner *ryft_buffer_from_host_copy(const ryft_transfer_functions *functions, ryft_owner *client,
                                       PJRT_Client_BufferFromHostBuffer_Args *arguments, int32_t type, void *device,
                                       size_t size, PJRT_Error **error) {
  *error = NULL;
  host_copy *copy = malloc(sizeof(host_copy));
  void *memory = allocate_copy(size);
  if (!copy || !memory) {
    free(copy);
    free(memory);
    return NULL;
  }
  copy->functions = functions;
  copy->memory = memory;
  memcpy(memory, arguments->data, size);
  arguments->data = memory;
  arguments->host_buffer_semantics = PJRT_HostBufferSemantics_kMutableZeroCopy;
  PJRT_Event *done = NULL;
  ryft_owner *owner = ryft_buffer_from_host(functions, client, arguments, type, device, &done, error);
  if (!done) {
    // Without the event nothing tells when the memory is free, unless there is no buffer at all.
    if (!owner) free_host_copy(NULL, copy);
    return owner;
  }
  PJRT_Event_OnReady_Args on_ready = {PJRT_Event_OnReady_Args_STRUCT_SIZE, NULL, done, free_host_copy, copy};
  PJRT_Error *failure = ((PJRT_Event_OnReady *)functions->on_ready)(&on_ready);
  if (failure) {
    PJRT_Error_Destroy_Args destroy = {PJRT_Error_Destroy_Args_STRUCT_SIZE, NULL, failure};
    ((PJRT_Error_Destroy *)functions->destroy_error)(&destroy);
  }
  destroy_event(functions, done);
  return owner;
}

static bool is_row_major(const PJRT_Buffer_MemoryLayout *layout) {
  if (layout->type != PJRT_Buffer_MemoryLayout_Type_Tiled || layout->tiled.num_tiles != 0) return false;
  size_t rank = layout->tiled.minor_to_major_size;
  for (size_t i = 0; i < rank; i++)
    if (layout->tiled.minor_to_major[i] != (int64_t)(rank - 1 - i)) return false;
  return true;
}

// Returns whether the host can read the memory of the buffer, which the caller has pinned, as a row-major array.
static int check_host(const ryft_transfer_functions *functions, PJRT_Buffer *buffer, PJRT_Error **error) {
  // A plugin may lack the functions that views need; copies are made in another way then.
  if (!functions->is_on_cpu || !functions->memory_layout || !functions->data_pointer) return RYFT_VIEW_NOT_HOST;
  PJRT_Buffer_IsOnCpu_Args on_cpu = {PJRT_Buffer_IsOnCpu_Args_STRUCT_SIZE, NULL, buffer, false};
  if ((*error = ((PJRT_Buffer_IsOnCpu *)functions->is_on_cpu)(&on_cpu))) return RYFT_VIEW_ERROR;
  if (!on_cpu.is_on_cpu) return RYFT_VIEW_NOT_HOST;
  PJRT_Buffer_GetMemoryLayout_Args layout;
  memset(&layout, 0, sizeof(layout));
  layout.struct_size = PJRT_Buffer_GetMemoryLayout_Args_STRUCT_SIZE;
  layout.buffer = buffer;
  if ((*error = ((PJRT_Buffer_GetMemoryLayout *)functions->memory_layout)(&layout))) return RYFT_VIEW_ERROR;
  return is_row_major(&layout.layout) ? RYFT_VIEW_OK : RYFT_VIEW_NOT_HOST;
}

static int check_ready(const ryft_transfer_functions *functions, PJRT_Buffer *buffer, PJRT_Error **error) {
  PJRT_Buffer_ReadyEvent_Args ready = {PJRT_Buffer_ReadyEvent_Args_STRUCT_SIZE, NULL, buffer, NULL};
  if ((*error = ((PJRT_Buffer_ReadyEvent *)functions->ready_event)(&ready))) return RYFT_VIEW_ERROR;
  int status = RYFT_VIEW_OK;
  PJRT_Event_IsReady_Args is_ready = {PJRT_Event_IsReady_Args_STRUCT_SIZE, NULL, ready.event, false};
  if ((*error = ((PJRT_Event_IsReady *)functions->is_ready)(&is_ready))) {
    status = RYFT_VIEW_ERROR;
  } else if (!is_ready.is_ready) {
    status = RYFT_VIEW_NOT_READY;
  } else {
    PJRT_Event_Error_Args failure = {PJRT_Event_Error_Args_STRUCT_SIZE, NULL, ready.event};
    if ((*error = ((PJRT_Event_Error *)functions->event_error)(&failure))) status = RYFT_VIEW_ERROR;
  }
  destroy_event(functions, ready.event);
  return status;
}

static int get_address(const ryft_transfer_functions *functions, PJRT_Buffer *buffer, void **address,
                       PJRT_Error **error) {
  PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args pointer = {
      PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args_STRUCT_SIZE, NULL, buffer, NULL};
  *error = ((PJRT_Buffer_OpaqueDeviceMemoryDataPointer *)functions->data_pointer)(&pointer);
  *address = pointer.device_memory_ptr;
  return *error ? RYFT_VIEW_ERROR : RYFT_VIEW_OK;
}

static PJRT_Error *increase(const ryft_transfer_functions *functions, PJRT_Buffer *buffer) {
  PJRT_Buffer_IncreaseExternalReferenceCount_Args args = {
      PJRT_Buffer_IncreaseExternalReferenceCount_Args_STRUCT_SIZE, NULL, buffer};
  return ((PJRT_Buffer_IncreaseExternalReferenceCount *)functions->increase_references)(&args);
}

static PJRT_Error *decrease(const ryft_transfer_functions *functions, PJRT_Buffer *buffer) {
  PJRT_Buffer_DecreaseExternalReferenceCount_Args args = {
      PJRT_Buffer_DecreaseExternalReferenceCount_Args_STRUCT_SIZE, NULL, buffer};
  return ((PJRT_Buffer_DecreaseExternalReferenceCount *)functions->decrease_references)(&args);
}

int ryft_view_begin(const ryft_transfer_functions *functions, ryft_owner *owner, bool device_memory, void **address,
                    PJRT_Error **error) {
  *error = NULL;
  if (!functions->data_pointer || !functions->increase_references || !functions->decrease_references)
    return RYFT_VIEW_NOT_HOST;
  PJRT_Buffer *buffer = ryft_owner_pin(owner);
  if (!buffer) return RYFT_VIEW_CLOSED;
  int status = device_memory ? RYFT_VIEW_OK : check_host(functions, buffer, error);
  // Taking a reference would block until the buffer is ready, where Ctrl-C could not interrupt it.
  if (status == RYFT_VIEW_OK) status = check_ready(functions, buffer, error);
  if (status == RYFT_VIEW_OK && (*error = increase(functions, buffer))) status = RYFT_VIEW_ERROR;
  if (status == RYFT_VIEW_OK && (status = get_address(functions, buffer, address, error)) != RYFT_VIEW_OK)
    decrease(functions, buffer);
  if (status != RYFT_VIEW_OK) ryft_owner_unpin(owner);
  return status;
}

void ryft_view_end(const ryft_transfer_functions *functions, ryft_owner *owner) {
  PJRT_Buffer *buffer = ryft_owner_object(owner);
  PJRT_Error *error = buffer ? decrease(functions, buffer) : NULL;
  if (error) {
    PJRT_Error_Destroy_Args destroy = {PJRT_Error_Destroy_Args_STRUCT_SIZE, NULL, error};
    ((PJRT_Error_Destroy *)functions->destroy_error)(&destroy);
  }
  ryft_owner_unpin(owner);
}

int ryft_view_read(const ryft_transfer_functions *functions, ryft_owner *owner, void *target, size_t size,
                   PJRT_Error **error) {
  *error = NULL;
  PJRT_Buffer *buffer = ryft_owner_pin(owner);
  if (!buffer) return RYFT_VIEW_CLOSED;
  void *address = NULL;
  int status = check_host(functions, buffer, error);
  if (status == RYFT_VIEW_OK) status = check_ready(functions, buffer, error);
  if (status == RYFT_VIEW_OK) status = get_address(functions, buffer, &address, error);
  if (status == RYFT_VIEW_OK && size) memcpy(target, address, size);
  ryft_owner_unpin(owner);
  return status;
}
