// A plugin for tests: one device, buffers in host memory, and extensions that do something simple or misbehave.
#include "plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#ifndef MINOR_VERSION
#define MINOR_VERSION 115
#endif

// Objects, errors, and what the tests ask for.

static _Atomic int live = 0;
static _Atomic int next_code = 0;
static _Atomic bool null_handles = false;
static _Atomic bool late_events = false;

int test_live(void) { return live; }
void test_fail_next(int code) { next_code = code; }
void test_return_null(bool null) { null_handles = null; }
void test_late_events(bool late) { late_events = late; }

void *make(size_t size) {
  ++live;
  return calloc(1, size ? size : 1);
}

void drop(void *object) {
  if (object == NULL) return;
  --live;
  free(object);
}

char *copy_text(const char *text) {
  char *copy = make(strlen(text) + 1);
  strcpy(copy, text);
  return copy;
}

PJRT_Error *fail(int code, const char *message) {
  PJRT_Error *error = make(sizeof(PJRT_Error));
  error->code = code;
  snprintf(error->message, sizeof error->message, "%s", message);
  return error;
}

PJRT_Error *pending_error(void) {
  int code = next_code;
  next_code = 0;
  return code ? fail(code, "the plugin misbehaves") : NULL;
}

bool returns_null(void) { return null_handles; }

static void error_destroy(PJRT_Error_Destroy_Args *args) { drop(args->error); }

static void error_message(PJRT_Error_Message_Args *args) {
  args->message = args->error->message;
  args->message_size = strlen(args->error->message);
}

static PJRT_Error *error_code(PJRT_Error_GetCode_Args *args) {
  args->code = args->error->code;
  return NULL;
}

static PJRT_Error *error_payload(PJRT_Error_ForEachPayload_Args *args) {
  args->visitor("type.test/reason", 16, "misbehaviour", 12, args->user_arg);
  return NULL;
}

// Events.

struct PJRT_Event {
  bool ready;
  bool destroyed;
  int code;
  PJRT_Event_OnReadyCallback callbacks[8];
  void *arguments[8];
  int count;
  PJRT_Event *next;
};

static PJRT_Event *pending_events = NULL;
static pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;

PJRT_Event *new_event(void) {
  PJRT_Event *event = make(sizeof(PJRT_Event));
  event->ready = !late_events;
  if (!event->ready) {
    pthread_mutex_lock(&event_lock);
    event->next = pending_events;
    pending_events = event;
    pthread_mutex_unlock(&event_lock);
  }
  return event;
}

// Completes every late event, with an error if `code` is not zero.
void test_complete(int code) {
  pthread_mutex_lock(&event_lock);
  PJRT_Event *event = pending_events;
  pending_events = NULL;
  while (event != NULL) {
    PJRT_Event *next = event->next;
    event->ready = true;
    event->code = code;
    for (int i = 0; i < event->count; ++i) {
      event->callbacks[i](code ? fail(code, "it failed late") : NULL, event->arguments[i]);
    }
    if (event->destroyed) drop(event);
    event = next;
  }
  pthread_mutex_unlock(&event_lock);
}

static PJRT_Error *event_destroy(PJRT_Event_Destroy_Args *args) {
  pthread_mutex_lock(&event_lock);
  bool ready = args->event->ready;
  args->event->destroyed = true;
  pthread_mutex_unlock(&event_lock);
  if (ready) drop(args->event);
  return NULL;
}

static PJRT_Error *event_is_ready(PJRT_Event_IsReady_Args *args) {
  args->is_ready = args->event->ready;
  return NULL;
}

static PJRT_Error *event_error(PJRT_Event_Error_Args *args) {
  return args->event->code ? fail(args->event->code, "it failed late") : NULL;
}

static PJRT_Error *event_on_ready(PJRT_Event_OnReady_Args *args) {
  pthread_mutex_lock(&event_lock);
  PJRT_Event *event = args->event;
  bool ready = event->ready;
  if (!ready) {
    event->callbacks[event->count] = args->callback;
    event->arguments[event->count++] = args->user_arg;
  }
  pthread_mutex_unlock(&event_lock);
  if (ready) args->callback(event->code ? fail(event->code, "it failed late") : NULL, args->user_arg);
  return NULL;
}

static PJRT_Error *event_create(PJRT_Event_Create_Args *args) {
  args->event = make(sizeof(PJRT_Event));
  return NULL;
}

static PJRT_Error *event_set(PJRT_Event_Set_Args *args) {
  args->event->ready = true;
  args->event->code = args->error_code;
  return NULL;
}

// The plugin, its client, its device and its memory.

static PJRT_Error *initialize(PJRT_Plugin_Initialize_Args *args) { return NULL; }

static PJRT_Error *plugin_attributes(PJRT_Plugin_Attributes_Args *args) {
#ifdef CRASHES
  abort();
#endif
#ifdef HANGS
  for (;;) pause();
#endif
#ifdef FAILS
  return fail(13, "the plugin does not know its attributes");
#endif
  args->num_attributes = 0;
  return NULL;
}

static char the_device, the_memory;
static PJRT_Device *devices[] = {(PJRT_Device *)&the_device};
static PJRT_Memory *memories[] = {(PJRT_Memory *)&the_memory};

// Uses the store as a plugin of several processes does: `client` is stored, and `peer` is waited for. The size of the
// argument structs is left unset, as some plugins do.
static char peer[64];
const char *test_peer(void) { return peer; }

static PJRT_Error *callback_error(PJRT_Error_Code code, const char *message, size_t size) {
  char text[128];
  snprintf(text, sizeof text, "%.*s", (int)size, message);
  return fail(code, text);
}

static PJRT_Error *meet(PJRT_Client_Create_Args *args) {
  PJRT_CallbackError make_error = callback_error;
  PJRT_KeyValuePutCallback_Args put = {.key = "client", .key_size = 6, .value = "here", .value_size = 4};
  put.callback_error = &make_error, put.user_arg = args->kv_put_user_arg;
  PJRT_Error *error = args->kv_put_callback(&put);
  if (error != NULL) return error;
  PJRT_KeyValueTryGetCallback_Args try_get = {.key = "client", .key_size = 6, .callback_error = &make_error};
  try_get.user_arg = args->kv_try_get_user_arg;
  error = args->kv_try_get_callback(&try_get);
  if (error != NULL) return error;
  try_get.value_deleter_callback(try_get.value);
  PJRT_KeyValueGetCallback_Args get = {.key = "peer", .key_size = 4, .timeout_in_ms = 500};
  get.callback_error = &make_error, get.user_arg = args->kv_get_user_arg;
  error = args->kv_get_callback(&get);
  if (error != NULL) return error;
  snprintf(peer, sizeof peer, "%.*s", (int)get.value_size, get.value);
  get.value_deleter_callback(get.value);
  return NULL;
}

static PJRT_Error *client_create(PJRT_Client_Create_Args *args) {
  BEGIN;
  if (args->kv_put_callback != NULL) {
    PJRT_Error *error = meet(args);
    if (error != NULL) return error;
  }
  args->client = HANDLE(PJRT_Client);
  return NULL;
}

static char states[64];
const char *test_states(void) { return states; }

static PJRT_Error *update_processes(PJRT_Client_UpdateGlobalProcessInfo_Args *args) {
  BEGIN;
  char *target = states;
  for (size_t i = 0; i < args->num_process_infos; ++i) {
    const PJRT_ProcessInfo *process = args->process_infos + i;
    target += sprintf(target, "%d:%d:%d ", process->task_id, (int)process->state, process->error_code);
  }
  return NULL;
}

static PJRT_Error *client_destroy(PJRT_Client_Destroy_Args *args) {
  drop(args->client);
  return NULL;
}

#define NAME(function, type, field, value)         \
  static PJRT_Error *function(type##_Args *args) { \
    args->field = value;                           \
    args->field##_size = strlen(value);            \
    return NULL;                                   \
  }
NAME(platform_name, PJRT_Client_PlatformName, platform_name, "test")
NAME(topology_name, PJRT_TopologyDescription_PlatformName, platform_name, "test")
NAME(device_kind, PJRT_DeviceDescription_Kind, device_kind, "test device")
NAME(device_string, PJRT_DeviceDescription_ToString, to_string, "TestDevice(id=0)")
NAME(device_debug, PJRT_DeviceDescription_DebugString, debug_string, "TestDevice(id=0)")
NAME(memory_kind, PJRT_Memory_Kind, kind, "device")
NAME(executable_name, PJRT_Executable_Name, executable_name, "test")

static PJRT_Error *client_devices(PJRT_Client_Devices_Args *args) {
  args->devices = devices;
  args->num_devices = 1;
  return NULL;
}

static PJRT_Error *client_addressable_devices(PJRT_Client_AddressableDevices_Args *args) {
  args->addressable_devices = devices;
  args->num_addressable_devices = 1;
  return NULL;
}

static PJRT_Error *device_description(PJRT_Device_GetDescription_Args *args) {
  args->device_description = (PJRT_DeviceDescription *)&the_device;
  return NULL;
}

static PJRT_Error *device_is_addressable(PJRT_Device_IsAddressable_Args *args) {
  args->is_addressable = true;
  return NULL;
}

static PJRT_Error *device_memories(PJRT_Device_AddressableMemories_Args *args) {
  args->memories = memories;
  args->num_memories = 1;
  return NULL;
}

static PJRT_Error *device_default_memory(PJRT_Device_DefaultMemory_Args *args) {
  args->memory = memories[0];
  return NULL;
}

static PJRT_Error *device_id(PJRT_DeviceDescription_Id_Args *args) {
  args->id = 0;
  return NULL;
}

static PJRT_NamedValue capability = {
    .struct_size = PJRT_NamedValue_STRUCT_SIZE,
    .name = "compute_capability",
    .name_size = 18,
    .type = PJRT_NamedValue_kString,
    .string_value = "9.0",
    .value_size = 3,
};

static PJRT_Error *device_attributes(PJRT_Device_GetAttributes_Args *args) {
  args->attributes = &capability;
  args->num_attributes = 1;
  return NULL;
}

static PJRT_Error *memory_devices(PJRT_Memory_AddressableByDevices_Args *args) {
  args->devices = devices;
  args->num_devices = 1;
  return NULL;
}

// Buffers: the first field is what the raw buffer extension looks at.

struct PJRT_Buffer {
  float values[8];
};

static int64_t dimensions[] = {8};

static PJRT_Error *buffer_create(PJRT_Client_CreateUninitializedBuffer_Args *args) {
  args->buffer = make(sizeof(PJRT_Buffer));
  return NULL;
}

static PJRT_Error *buffer_destroy(PJRT_Buffer_Destroy_Args *args) {
  drop(args->buffer);
  return NULL;
}

static PJRT_Error *buffer_type(PJRT_Buffer_ElementType_Args *args) {
  args->type = PJRT_Buffer_Type_F32;
  return NULL;
}

static PJRT_Error *buffer_dimensions(PJRT_Buffer_Dimensions_Args *args) {
  args->dims = dimensions;
  args->num_dims = 1;
  return NULL;
}

static PJRT_Error *buffer_device(PJRT_Buffer_Device_Args *args) {
  args->device = devices[0];
  return NULL;
}

// Topologies and executables.

static PJRT_Error *topology_create(PJRT_TopologyDescription_Create_Args *args) {
  BEGIN;
  args->topology = HANDLE(PJRT_TopologyDescription);
  return NULL;
}

static PJRT_Error *topology_destroy(PJRT_TopologyDescription_Destroy_Args *args) {
  drop(args->topology);
  return NULL;
}

static PJRT_Error *compile(PJRT_Compile_Args *args) {
  BEGIN;
  args->executable = HANDLE(PJRT_Executable);
  return NULL;
}

static PJRT_Error *executable_destroy(PJRT_Executable_Destroy_Args *args) {
  drop(args->executable);
  return NULL;
}

static void delete_serialized(PJRT_SerializedExecutable *serialized) { drop(serialized); }

static PJRT_Error *executable_serialize(PJRT_Executable_Serialize_Args *args) {
  char *content = copy_text("program");
  args->serialized_bytes = content;
  args->serialized_bytes_size = strlen(content);
  args->serialized_executable = (PJRT_SerializedExecutable *)content;
  args->serialized_executable_deleter = delete_serialized;
  return NULL;
}

static PJRT_Api api = {
    .struct_size = PJRT_Api_STRUCT_SIZE,
    .pjrt_api_version = {.struct_size = PJRT_Api_Version_STRUCT_SIZE, .minor_version = MINOR_VERSION},
    .PJRT_Error_Destroy = error_destroy,
    .PJRT_Error_Message = error_message,
    .PJRT_Error_GetCode = error_code,
    .PJRT_Error_ForEachPayload = error_payload,
    .PJRT_Event_Destroy = event_destroy,
    .PJRT_Event_IsReady = event_is_ready,
    .PJRT_Event_Error = event_error,
    .PJRT_Event_OnReady = event_on_ready,
    .PJRT_Event_Create = event_create,
    .PJRT_Event_Set = event_set,
    .PJRT_Plugin_Initialize = initialize,
    .PJRT_Plugin_Attributes = plugin_attributes,
    .PJRT_Client_Create = client_create,
    .PJRT_Client_Destroy = client_destroy,
    .PJRT_Client_UpdateGlobalProcessInfo = update_processes,
    .PJRT_Client_PlatformName = platform_name,
    .PJRT_Client_Devices = client_devices,
    .PJRT_Client_AddressableDevices = client_addressable_devices,
    .PJRT_Client_CreateUninitializedBuffer = buffer_create,
    .PJRT_Device_GetDescription = device_description,
    .PJRT_Device_IsAddressable = device_is_addressable,
    .PJRT_Device_AddressableMemories = device_memories,
    .PJRT_Device_DefaultMemory = device_default_memory,
    .PJRT_Device_GetAttributes = device_attributes,
    .PJRT_DeviceDescription_Id = device_id,
    .PJRT_DeviceDescription_Kind = device_kind,
    .PJRT_DeviceDescription_ToString = device_string,
    .PJRT_DeviceDescription_DebugString = device_debug,
    .PJRT_Memory_Kind = memory_kind,
    .PJRT_Memory_AddressableByDevices = memory_devices,
    .PJRT_Buffer_Destroy = buffer_destroy,
    .PJRT_Buffer_ElementType = buffer_type,
    .PJRT_Buffer_Dimensions = buffer_dimensions,
    .PJRT_Buffer_Device = buffer_device,
    .PJRT_TopologyDescription_Create = topology_create,
    .PJRT_TopologyDescription_Destroy = topology_destroy,
    .PJRT_TopologyDescription_PlatformName = topology_name,
    .PJRT_Compile = compile,
    .PJRT_Executable_Destroy = executable_destroy,
    .PJRT_Executable_Name = executable_name,
    .PJRT_Executable_Serialize = executable_serialize,
};

const PJRT_Api *GetPjrtApi(void) {
  api.extension_start = test_extensions();
  return &api;
}
