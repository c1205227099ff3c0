// The CPU plugin with functions of newer versions of the PJRT C API in front of it, made of what it has itself.
//
// A promise is an alias buffer of one element, which is fulfilled later: its ready event serves as an event that we can
// complete, and it becomes ready with the error that it is given.
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt_c_api.h"

static const PJRT_Api *base;
static PJRT_Api api;

// Counters for the tests: tracking events alive, attribute deleters called, serialized options alive, maps of memory.
int newer_tracking_events, newer_attribute_deletions, newer_options_alive, newer_mapped, newer_cleared;
// What the last execution was poisoned with.
int newer_poison_launch_id, newer_poison_payloads;

#define CALL(name, args) base->name(args)
#define INIT(type, var) \
  type var;             \
  memset(&var, 0, sizeof(var)); \
  var.struct_size = type##_STRUCT_SIZE

static PJRT_Client *last_client;

static PJRT_Memory *default_memory(void) {
  INIT(PJRT_Client_AddressableDevices_Args, devices);
  devices.client = last_client;
  CALL(PJRT_Client_AddressableDevices, &devices);
  INIT(PJRT_Device_DefaultMemory_Args, memory);
  memory.device = devices.addressable_devices[0];
  CALL(PJRT_Device_DefaultMemory, &memory);
  return memory.memory;
}

static PJRT_Error *make_alias(PJRT_Memory *memory, const int64_t *dims, size_t rank, PJRT_Buffer_Type type,
                              PJRT_Buffer **buffer, PJRT_FulfillAliasBufferCallback **callback) {
  INIT(PJRT_Client_CreateAliasBuffer_Args, args);
  args.client = last_client;
  args.memory = memory;
  args.shape_dims = dims;
  args.shape_num_dims = rank;
  args.shape_element_type = type;
  PJRT_Error *error = CALL(PJRT_Client_CreateAliasBuffer, &args);
  *buffer = args.alias_buffer;
  *callback = args.fulfill_alias_buffer_cb;
  return error;
}

static void destroy_error(PJRT_Error *error) {
  if (!error) return;
  INIT(PJRT_Error_Destroy_Args, args);
  args.error = error;
  CALL(PJRT_Error_Destroy, &args);
}

// The plugin gives the error that it is handed back to us as well.
static void fulfill(PJRT_FulfillAliasBufferCallback *callback, PJRT_Buffer *buffer, PJRT_Error_Code code,
                    const char *message, size_t size) {
  INIT(PJRT_Client_FulfillAliasBuffer_Args, args);
  args.client = last_client;
  args.buffer = buffer;
  args.status_code = code;
  args.error_message = message;
  args.error_message_size = size;
  args.fulfill_alias_buffer_cb = callback;
  destroy_error(CALL(PJRT_Client_FulfillAliasBuffer, &args));
}

typedef struct promise {
  PJRT_Event *event;
  PJRT_Buffer *alias;
  PJRT_FulfillAliasBufferCallback *callback;
  struct promise *next;
} promise;

static promise *promises;

static promise *make_promise(void) {
  promise *made = calloc(1, sizeof(promise));
  static const int64_t one = 1;
  destroy_error(make_alias(default_memory(), &one, 1, PJRT_Buffer_Type_S8, &made->alias, &made->callback));
  INIT(PJRT_Buffer_ReadyEvent_Args, ready);
  ready.buffer = made->alias;
  destroy_error(CALL(PJRT_Buffer_ReadyEvent, &ready));
  made->event = ready.event;
  made->next = promises;
  promises = made;
  return made;
}

static void keep_promise(promise *kept, PJRT_Error_Code code, const char *message, size_t size) {
  PJRT_Buffer *contents = NULL;
  if (code == PJRT_Error_Code_OK) {
    static const int64_t one = 1;
    static const char zero = 0;
    INIT(PJRT_Client_BufferFromHostBuffer_Args, args);
    args.client = last_client;
    args.data = &zero;
    args.type = PJRT_Buffer_Type_S8;
    args.dims = &one;
    args.num_dims = 1;
    args.memory = default_memory();
    destroy_error(CALL(PJRT_Client_BufferFromHostBuffer, &args));
    contents = args.buffer;
  }
  fulfill(kept->callback, contents, code, message, size);
  // The address may be used for another event from now on.
  kept->event = NULL;
}

// ------------------------------------------------ The functions ------------------------------------------------

static PJRT_Error *client_create(PJRT_Client_Create_Args *args) {
  PJRT_Error *error = CALL(PJRT_Client_Create, args);
  last_client = args->client;
  return error;
}

static PJRT_Error *create_error_buffer(PJRT_Client_CreateErrorBuffer_Args *args) {
  PJRT_FulfillAliasBufferCallback *callback = NULL;
  PJRT_Error *error = make_alias(args->memory, args->shape_dims, args->shape_num_dims, args->shape_element_type,
                                 &args->buffer, &callback);
  if (!error) fulfill(callback, NULL, args->error_code, args->error_message, args->error_message_size);
  return error;
}

static PJRT_Error *transfer_literal(PJRT_AsyncHostToDeviceTransferManager_TransferLiteral_Args *args) {
  INIT(PJRT_AsyncHostToDeviceTransferManager_BufferSize_Args, size);
  size.transfer_manager = args->transfer_manager;
  size.buffer_index = args->buffer_index;
  CALL(PJRT_AsyncHostToDeviceTransferManager_BufferSize, &size);
  INIT(PJRT_AsyncHostToDeviceTransferManager_TransferData_Args, data);
  data.transfer_manager = args->transfer_manager;
  data.buffer_index = args->buffer_index;
  data.data = args->data;
  data.transfer_size = size.buffer_size;
  data.is_last_transfer = true;
  PJRT_Error *error = CALL(PJRT_AsyncHostToDeviceTransferManager_TransferData, &data);
  args->done_with_h2d_transfer = data.done_with_h2d_transfer;
  return error;
}

typedef struct {
  promise *done;
  PJRT_Buffer *buffer;
  int64_t size;
} raw_copy;

static void raw_copy_ready(PJRT_Buffer_CopyRawToHostFuture_Callback_Args *args) {
  raw_copy *copy = args->callback_data;
  if (args->error_code == PJRT_Error_Code_OK) {
    INIT(PJRT_Buffer_CopyRawToHost_Args, raw);
    raw.buffer = copy->buffer;
    raw.dst = args->dst;
    raw.transfer_size = copy->size;
    destroy_error(CALL(PJRT_Buffer_CopyRawToHost, &raw));
    INIT(PJRT_Event_Await_Args, await);
    await.event = raw.event;
    destroy_error(CALL(PJRT_Event_Await, &await));
    INIT(PJRT_Event_Destroy_Args, destroy);
    destroy.event = raw.event;
    CALL(PJRT_Event_Destroy, &destroy);
  }
  keep_promise(copy->done, args->error_code, args->error_message, args->error_message_size);
  free(copy);
}

static PJRT_Error *copy_raw_later(PJRT_Buffer_CopyRawToHostFuture_Args *args) {
  raw_copy *copy = calloc(1, sizeof(raw_copy));
  copy->done = make_promise();
  copy->buffer = args->buffer;
  copy->size = args->transfer_size;
  args->event = copy->done->event;
  args->callback_data = copy;
  args->future_ready_callback = raw_copy_ready;
  return NULL;
}

static PJRT_Error *poison(PJRT_Device_PoisonExecution_Args *args) {
  newer_poison_launch_id = args->launch_id;
  newer_poison_payloads = (int)args->num_payload;
  args->poisoned = args->launch_id == 7;
  return NULL;
}

static PJRT_Error *create_tracking_event(PJRT_Device_CreateAsyncTrackingEvent_Args *args) {
  newer_tracking_events++;
  args->event = malloc(1);
  return NULL;
}

static PJRT_Error *destroy_tracking_event(PJRT_AsyncTrackingEvent_Destroy_Args *args) {
  newer_tracking_events--;
  free(args->event);
  return NULL;
}

static void delete_options(PJRT_SerializedCompileOptions *options) {
  newer_options_alive--;
  free(options);
}

static PJRT_Error *get_compile_options(PJRT_Executable_GetCompileOptions_Args *args) {
  static const char message[] = "\x28\x05";  // profile_version: 5
  newer_options_alive++;
  char *copy = malloc(2);
  memcpy(copy, message, 2);
  args->serialized_bytes = copy;
  args->serialized_bytes_size = 2;
  args->serialized_compile_options = (PJRT_SerializedCompileOptions *)copy;
  args->serialized_compile_options_deleter = delete_options;
  return NULL;
}

typedef struct {
  PJRT_FulfillAliasBufferCallback *callback;
  PJRT_Buffer *donated;
} donation;

static void donation_ready(PJRT_Buffer_DonateWithControlDependency_Callback_Args *args) {
  donation *given = args->callback_data;
  bool ok = args->error_code == PJRT_Error_Code_OK;
  fulfill(given->callback, ok ? given->donated : NULL, args->error_code, args->error_message, args->error_message_size);
  free(given);
}

static PJRT_Error *donate(PJRT_Buffer_DonateWithControlDependency_Args *args) {
  INIT(PJRT_Buffer_Dimensions_Args, dims);
  dims.buffer = args->buffer;
  CALL(PJRT_Buffer_Dimensions, &dims);
  INIT(PJRT_Buffer_ElementType_Args, type);
  type.buffer = args->buffer;
  CALL(PJRT_Buffer_ElementType, &type);
  INIT(PJRT_Buffer_Memory_Args, memory);
  memory.buffer = args->buffer;
  CALL(PJRT_Buffer_Memory, &memory);
  // The caller destroys its buffer: keep the memory by a copy.
  donation *given = calloc(1, sizeof(donation));
  INIT(PJRT_Buffer_CopyToMemory_Args, copy);
  copy.buffer = args->buffer;
  copy.dst_memory = memory.memory;
  PJRT_Error *error = CALL(PJRT_Buffer_CopyToMemory, &copy);
  if (error) return error;
  given->donated = copy.dst_buffer;
  args->callback_data = given;
  args->dependency_ready_callback = donation_ready;
  return make_alias(memory.memory, dims.dims, dims.num_dims, type.type, &args->out_buffer, &given->callback);
}

static PJRT_Error *event_create(PJRT_Event_Create_Args *args) {
  args->event = make_promise()->event;
  return NULL;
}

static PJRT_Error *event_set(PJRT_Event_Set_Args *args) {
  for (promise *found = promises; found; found = found->next)
    if (found->event == args->event)
      keep_promise(found, args->error_code, args->error_message, args->error_message_size);
  return NULL;
}

static void delete_attributes(PJRT_Device_Attributes *attributes) {
  newer_attribute_deletions++;
  free(attributes);
}

static PJRT_Error *get_attributes(PJRT_Device_GetAttributes_Args *args) {
  PJRT_NamedValue *value = calloc(1, sizeof(PJRT_NamedValue));
  value->struct_size = PJRT_NamedValue_STRUCT_SIZE;
  value->name = "compute_capability";
  value->name_size = strlen(value->name);
  value->type = PJRT_NamedValue_kString;
  value->string_value = "9.0";
  value->value_size = 3;
  args->attributes = value;
  args->num_attributes = 1;
  args->device_attributes = (PJRT_Device_Attributes *)value;
  args->attributes_deleter = delete_attributes;
  return NULL;
}

static PJRT_Error *client_load(PJRT_Client_Load_Args *args) {
  INIT(PJRT_Executable_Serialize_Args, serialize);
  serialize.executable = args->executable;
  PJRT_Error *error = CALL(PJRT_Executable_Serialize, &serialize);
  if (error) return error;
  INIT(PJRT_Executable_DeserializeAndLoad_Args, load);
  load.client = args->client;
  load.serialized_executable = serialize.serialized_bytes;
  load.serialized_executable_size = serialize.serialized_bytes_size;
  error = CALL(PJRT_Executable_DeserializeAndLoad, &load);
  args->loaded_executable = load.loaded_executable;
  serialize.serialized_executable_deleter(serialize.serialized_executable);
  return error;
}

static PJRT_Error *logical_ids(PJRT_LoadedExecutable_AddressableDeviceLogicalIds_Args *args) {
  static PJRT_LogicalDeviceIds ids[] = {{3, 4}};
  args->addressable_device_logical_ids = ids;
  args->num_addressable_device_logical_ids = 1;
  return NULL;
}

static void ignore_deletion(void *memory, void *argument) {
  (void)memory;
  (void)argument;
}

static PJRT_Error *bitcast(PJRT_Buffer_Bitcast_Args *args) {
  INIT(PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args, pointer);
  pointer.buffer = args->buffer;
  PJRT_Error *error = CALL(PJRT_Buffer_OpaqueDeviceMemoryDataPointer, &pointer);
  if (error) return error;
  INIT(PJRT_Client_CreateViewOfDeviceBuffer_Args, view);
  view.client = last_client;
  view.device_buffer_ptr = pointer.device_memory_ptr;
  view.dims = args->dims;
  view.num_dims = args->num_dims;
  view.element_type = args->element_type;
  view.layout = args->device_layout;
  view.memory = default_memory();
  view.on_delete_callback = ignore_deletion;
  error = CALL(PJRT_Client_CreateViewOfDeviceBuffer, &view);
  args->out_buffer = view.buffer;
  return error;
}

static PJRT_Error *for_each_payload(PJRT_Error_ForEachPayload_Args *args) {
  args->visitor("type.url/a", 10, "first", 5, args->user_arg);
  args->visitor("type.url/b", 10, "", 0, args->user_arg);
  return NULL;
}

static PJRT_Error *fingerprint(PJRT_TopologyDescription_Fingerprint_Args *args) {
  args->fingerprint = 0xFEDCBA9876543210u;
  return NULL;
}

static PJRT_Error *parameter_memory_kinds(PJRT_Executable_ParameterMemoryKinds_Args *args) {
  static const char *kinds[] = {"device", "pinned_host"};
  static const size_t sizes[] = {6, 11};
  args->num_parameters = 2;
  args->memory_kinds = kinds;
  args->memory_kind_sizes = sizes;
  return NULL;
}

static PJRT_Error *clear_memory_stats(PJRT_Device_ClearMemoryStats_Args *args) {
  (void)args;
  newer_cleared++;
  return NULL;
}

static PJRT_Error *memory_stats(PJRT_Device_MemoryStats_Args *args) {
  args->bytes_in_use = 100;
  args->peak_bytes_in_use = 200;
  args->peak_bytes_in_use_is_set = true;
  args->bytes_limit = 0;
  args->bytes_limit_is_set = true;
  return NULL;
}

static PJRT_Error *dma_map(PJRT_Client_DmaMap_Args *args) {
  (void)args;
  newer_mapped++;
  return NULL;
}

static PJRT_Error *dma_unmap(PJRT_Client_DmaUnmap_Args *args) {
  (void)args;
  newer_mapped--;
  return NULL;
}

// ---------------------------------------------- Sending and receiving ----------------------------------------------

// A stream of 8 bytes in granules of 4.
typedef struct {
  int64_t bytes;
  char data[8];
} stream;

char newer_received[8];
int newer_streams;

static PJRT_Error *stream_destroy(PJRT_CopyToDeviceStream_Destroy_Args *args) {
  newer_streams--;
  memcpy(newer_received, ((stream *)args->stream)->data, 8);
  free(args->stream);
  return NULL;
}

static PJRT_Error *stream_add(PJRT_CopyToDeviceStream_AddChunk_Args *args) {
  stream *target = (stream *)args->stream;
  memcpy(target->data + target->bytes, args->chunk->data, args->chunk->size);
  target->bytes += args->chunk->size;
  args->chunk->deleter(args->chunk->data, args->chunk->deleter_arg);
  promise *done = make_promise();
  args->transfer_complete = done->event;
  keep_promise(done, PJRT_Error_Code_OK, NULL, 0);
  return NULL;
}

static PJRT_Error *stream_total(PJRT_CopyToDeviceStream_TotalBytes_Args *args) {
  args->total_bytes = 8;
  return NULL;
}

static PJRT_Error *stream_granule(PJRT_CopyToDeviceStream_GranuleSize_Args *args) {
  args->granule_size_in_bytes = 4;
  return NULL;
}

static PJRT_Error *stream_current(PJRT_CopyToDeviceStream_CurrentBytes_Args *args) {
  args->current_bytes = ((stream *)args->stream)->bytes;
  return NULL;
}

static PJRT_Error_Code sent_code;
static char sent_message[200];

static PJRT_Error *make_callback_error(PJRT_Error_Code code, const char *message, size_t size) {
  sent_code = code;
  memset(sent_message, 0, sizeof(sent_message));
  memcpy(sent_message, message, size < sizeof(sent_message) ? size : sizeof(sent_message) - 1);
  return (PJRT_Error *)sent_message;
}

static PJRT_CallbackError callback_error = make_callback_error;
int newer_send_code(void) { return sent_code; }
const char *newer_send_message(void) { return sent_message; }
static int deleted_chunks;
int newer_deleted_chunks(void) { return deleted_chunks; }
static void count_deletion(void *data, void *argument) {
  (void)data;
  (void)argument;
  deleted_chunks++;
}

// Sends two chunks to each send callback and opens a stream for each receive callback, then executes.
static PJRT_Error *execute(PJRT_LoadedExecutable_Execute_Args *args) {
  PJRT_ExecuteOptions options = *args->options;
  for (size_t i = 0; i < options.num_send_ops; i++) {
    PJRT_SendCallbackInfo *info = &options.send_callbacks[0][i];
    PJRT_Chunk first = {"abcd", 4, count_deletion, NULL}, second = {"ef", 2, count_deletion, NULL};
    sent_code = 0;
    if (!info->send_callback(&first, &callback_error, 6, false, info->user_arg))
      info->send_callback(&second, &callback_error, 6, true, info->user_arg);
  }
  for (size_t i = 0; i < options.num_recv_ops; i++) {
    newer_streams++;
    PJRT_RecvCallbackInfo *info = &options.recv_callbacks[0][i];
    info->recv_callback((PJRT_CopyToDeviceStream *)calloc(1, sizeof(stream)), info->user_arg);
  }
  options.num_send_ops = options.num_recv_ops = 0;
  PJRT_LoadedExecutable_Execute_Args copy = *args;
  copy.options = &options;
  return CALL(PJRT_LoadedExecutable_Execute, &copy);
}

const PJRT_Api *GetPjrtApi(void) {
  if (base) return &api;
  void *library = dlopen(getenv("NEWER_PLUGIN_BASE"), RTLD_NOW | RTLD_LOCAL);
  const PJRT_Api *(*get)(void) = library ? (const PJRT_Api *(*)(void))dlsym(library, "GetPjrtApi") : NULL;
  if (!get) return NULL;
  base = get();
  memcpy(&api, base, base->struct_size);
  api.struct_size = PJRT_Api_STRUCT_SIZE;
  api.pjrt_api_version.minor_version = PJRT_API_MINOR;
  api.PJRT_Client_Create = client_create;
  api.PJRT_Client_CreateErrorBuffer = create_error_buffer;
  api.PJRT_AsyncHostToDeviceTransferManager_TransferLiteral = transfer_literal;
  api.PJRT_Buffer_CopyRawToHostFuture = copy_raw_later;
  api.PJRT_Device_PoisonExecution = poison;
  api.PJRT_Device_CreateAsyncTrackingEvent = create_tracking_event;
  api.PJRT_AsyncTrackingEvent_Destroy = destroy_tracking_event;
  api.PJRT_Executable_GetCompileOptions = get_compile_options;
  api.PJRT_Buffer_DonateWithControlDependency = donate;
  api.PJRT_Event_Create = event_create;
  api.PJRT_Event_Set = event_set;
  api.PJRT_Device_GetAttributes = get_attributes;
  api.PJRT_Client_Load = client_load;
  api.PJRT_LoadedExecutable_AddressableDeviceLogicalIds = logical_ids;
  api.PJRT_Buffer_Bitcast = bitcast;
  api.PJRT_Error_ForEachPayload = for_each_payload;
  api.PJRT_TopologyDescription_Fingerprint = fingerprint;
  api.PJRT_Executable_ParameterMemoryKinds = parameter_memory_kinds;
  api.PJRT_Device_ClearMemoryStats = clear_memory_stats;
  api.PJRT_Device_MemoryStats = memory_stats;
  api.PJRT_Client_DmaMap = dma_map;
  api.PJRT_Client_DmaUnmap = dma_unmap;
  api.PJRT_CopyToDeviceStream_Destroy = stream_destroy;
  api.PJRT_CopyToDeviceStream_AddChunk = stream_add;
  api.PJRT_CopyToDeviceStream_TotalBytes = stream_total;
  api.PJRT_CopyToDeviceStream_GranuleSize = stream_granule;
  api.PJRT_CopyToDeviceStream_CurrentBytes = stream_current;
  api.PJRT_LoadedExecutable_Execute = execute;
  return &api;
}
