// Extensions of the test plugin that clients, buffers and executables have.
#include <stdio.h>

#include "extensions/abi_version.h"
#include "extensions/callback.h"
#include "extensions/cross_host_transfers.h"
#include "extensions/custom_partitioner.h"
#include "extensions/executable_metadata.h"
#include "extensions/gpu_custom_call.h"
#include "extensions/host_allocator.h"
#include "extensions/host_memory_allocator.h"
#include "extensions/phase_compile.h"
#include "extensions/profiler.h"
#include "extensions/raw_buffer.h"
#include "extensions/shardings.h"
#include "extensions/stream.h"
#include "extensions/triton.h"
#include "plugin.h"

#define EXTENSION(name) PJRT_Extension_Type_##name

// Shardings: mode 0 has two, 1 has none, 2 lacks an array, 3 has a null pointer, 4 is malformed.
static int sharding_mode = 0;
void test_sharding_mode(int mode) { sharding_mode = mode; }

static PJRT_Error *parameter_shardings(PJRT_Shardings_PJRT_Executable_ParameterShardings_Args *args) {
  static const char *good[] = {"\x08\x01", ""}, *null[] = {NULL, ""}, *bad[] = {"\xff\xff", ""};
  static const size_t sizes[] = {2, 0};
  BEGIN;
  args->num_parameters = 2;
  args->sharding_sizes = sharding_mode == 1 || sharding_mode == 2 ? NULL : sizes;
  args->shardings = sharding_mode == 1 ? NULL : sharding_mode == 3 ? null : sharding_mode == 4 ? bad : good;
  return NULL;
}

static PJRT_Shardings_Extension shardings = {
    .base = BASE(PJRT_Shardings_Extension, EXTENSION(Shardings), NULL),
    .PJRT_Shardings_PJRT_Executable_ParameterShardings = F(parameter_shardings),
};

// Streams.
static intptr_t waited_stream = 0;
intptr_t test_waited_stream(void) { return waited_stream; }

static PJRT_Error *get_stream(PJRT_Get_Stream_For_External_Ready_Events_Args *args) {
  BEGIN;
  args->stream = 4711;
  return NULL;
}

static PJRT_Error *wait_stream(PJRT_Wait_Until_Buffer_Ready_On_Stream_Args *args) {
  BEGIN;
  waited_stream = args->buffer ? args->stream : 0;
  return NULL;
}

static PJRT_Stream_Extension streams = {
    .base = BASE(PJRT_Stream_Extension, EXTENSION(Stream), &shardings.base),
    .get_stream = F(get_stream),
    .wait_stream = F(wait_stream),
};

// Triton: the assembly tells what was asked for.
static PJRT_Error *triton_compile(PJRT_Triton_Compile_Args *args) {
  static char assembly[128];
  BEGIN;
  if (returns_null()) return NULL;
  snprintf(assembly, sizeof assembly, "%.*s for %.*s, %d %d %d", (int)args->module_size, args->module,
           (int)args->arch_name_size, args->arch_name, args->num_warps, args->num_ctas, args->num_stages);
  args->out_asm = assembly;
  args->out_asm_size = strlen(assembly);
  args->out_smem_bytes = 1024;
  return NULL;
}

static PJRT_Triton_Extension triton = {
    .base = BASE(PJRT_Triton_Extension, EXTENSION(Triton), &streams.base), .compile = F(triton_compile)};

// GPU custom calls.
static char registered[128];
const char *test_registered(void) { return registered; }

static PJRT_Error *custom_call(PJRT_Gpu_Register_Custom_Call_Args *args) {
  BEGIN;
  snprintf(registered, sizeof registered, "%.*s %d %p %p %p %p", (int)args->function_name_size, args->function_name,
           args->api_version, args->handler_instantiate, args->handler_prepare, args->handler_initialize,
           args->handler_execute);
  return NULL;
}

static PJRT_Gpu_Custom_Call custom_calls = {
    .base = BASE(PJRT_Gpu_Custom_Call, EXTENSION(Gpu_Custom_Call), &triton.base), .custom_call = F(custom_call)};

// Custom partitioners: `test_partition` asks all three questions, and writes the answers.
static JAX_CustomCallPartitioner_Callbacks *partitioner = NULL;
static char batch_partitionable[64];
const char *test_batch_partitionable(void) { return batch_partitionable; }

static PJRT_Error *register_partitioner(PJRT_Register_Custom_Partitioner_Args *args) {
  BEGIN;
  partitioner = args->callbacks;
  return NULL;
}

static PJRT_Error *register_batch(PJRT_Register_Batch_Partitionable_Args *args) {
  BEGIN;
  snprintf(batch_partitionable, sizeof batch_partitionable, "%.*s", (int)args->name_size, args->name);
  return NULL;
}

static char *append(char *target, const char *name, JAX_CustomCallPartitioner_string text) {
  return target + sprintf(target, "%s=%.*s;", name, (int)text.size, text.data ? text.data : "");
}

#define STRING(text) {text, strlen(text)}
#define FINISH(args)                                                                 \
  if ((args).header.has_error) {                                                     \
    target += sprintf(target, "error %d:", (int)(args).header.code);                 \
    target = append(target, "", (args).header.error_msg);                            \
  }                                                                                  \
  if ((args).header.cleanup_fn) (args).header.cleanup_fn((args).header.data)

void test_partition(char *target) {
  JAX_CustomCallPartitioner_aval operands[] = {{STRING("s0"), true, STRING("h0")}, {STRING("s1"), false}};
  JAX_CustomCallPartitioner_Partition_Args partition = {
      .num_args = 2, .op_args = operands, .op_result = {STRING("s2"), true, STRING("h2")}, .backend_config = STRING("c")};
  partitioner->partition(partitioner, &partition);
  if (!partition.header.has_error) {
    target = append(target, "module", partition.mlir_module);
    target = append(target, "first", partition.args_sharding[0]);
    target = append(target, "second", partition.args_sharding[1]);
    target = append(target, "result", partition.result_sharding);
  }
  FINISH(partition);
  JAX_CustomCallPartitioner_InferShardingFromOperands_Args infer = {
      .num_args = 2, .op_args = operands, .result_shape = STRING("s2"), .backend_config = STRING("c")};
  partitioner->infer_sharding(partitioner, &infer);
  if (infer.has_result_sharding) target = append(target, "inferred", infer.result_sharding);
  FINISH(infer);
  JAX_CustomCallPartitioner_PropagateUserSharding_Args propagate = {
      .result_shape = STRING("s2"), .result_sharding = STRING("h2"), .backend_config = STRING("c")};
  partitioner->propagate_user_sharding(partitioner, &propagate);
  if (!propagate.header.has_error) target = append(target, "propagated", propagate.result_sharding);
  FINISH(propagate);
  *target = 0;
}

static PJRT_Custom_Partitioner_Extension partitioners = {
    .base = BASE(PJRT_Custom_Partitioner_Extension, EXTENSION(Custom_Partitioner), &custom_calls.base),
    .register_custom_partitioner = F(register_partitioner),
    .register_batch_partitionable = F(register_batch),
};

// Cross-host transfers: what is sent is forgotten, what is received is zero.
static PJRT_Error *send_buffers(PJRT_Transfers_PJRT_Client_CrossHostSendBuffers_Args *args) {
  BEGIN;
  for (size_t i = 0; i < args->num_buffers; ++i) args->send_events[i] = new_event();
  return NULL;
}

static PJRT_Error *receive_buffers(PJRT_Transfers_PJRT_Client_CrossHostReceiveBuffers_Args *args) {
  BEGIN;
  for (size_t i = 0; i < args->num_shapes; ++i) {
    if (args->shape_num_dims[i] != 1 || args->num_dims[i][0] != 8) return fail(3, "only eight numbers can be received");
    args->buffers[i] = make(32);
  }
  return NULL;
}

static PJRT_Error *make_receive_buffers(PJRT_Transfers_PJRT_Client_MakeCrossHostReceiveBuffers_Args *args) {
  static const char *descriptors[] = {"first", "second"};
  static size_t sizes[] = {5, 6};
  BEGIN;
  for (size_t i = 0; i < args->num_shapes; ++i) args->buffers[i] = make(32);
  args->num_buffers = args->num_shapes;
  PJRT_Error *error = returns_null() ? fail(14, "nobody listens") : NULL;
  args->notifier.notifier(error, descriptors, sizes, args->num_shapes, args->notifier.user_arg, NULL, NULL);
  return NULL;
}

static void copy_to_remote(PJRT_Transfers_PJRT_Buffer_CopyToRemoteDevice_Args *args) {
  bool known = *args->serialized_descriptor_size == 5 && memcmp(*args->serialized_descriptor, "first", 5) == 0;
  args->on_done.on_done(known ? NULL : fail(5, "no such descriptor"), known, args->on_done.user_arg);
  args->descriptor_destructor(args->serialized_descriptor, args->serialized_descriptor_size);
}

static PJRT_CrossHostTransfers_Extension transfers = {
    .base = BASE(PJRT_CrossHostTransfers_Extension, EXTENSION(CrossHostTransfers), &partitioners.base),
    .PJRT_Transfers_PJRT_Client_MakeCrossHostReceiveBuffers = F(make_receive_buffers),
    .PJRT_Transfers_PJRT_Buffer_CopyToRemoteDevice = F(copy_to_remote),
    .PJRT_Transfers_PJRT_Client_CrossHostReceiveBuffers = F(receive_buffers),
    .PJRT_Transfers_PJRT_Client_CrossHostSendBuffers = F(send_buffers),
};

// Executable metadata.
static bool malformed_metadata = false;
void test_malformed_metadata(bool malformed) { malformed_metadata = malformed; }

static PJRT_Error *get_metadata(PJRT_ExecutableMetadata_GetExecutableMetadata_Args *args) {
  BEGIN;
  args->metadata = HANDLE(PJRT_ExecutableMetadata);
  if (args->metadata == NULL) return NULL;
  args->metadata->serialized_metadata = malformed_metadata ? "\xff\xff" : "\x0a\x02\x10\x07";
  args->metadata->serialized_metadata_size = malformed_metadata ? 2 : 4;
  return NULL;
}

static void destroy_metadata(PJRT_ExecutableMetadata_DestroySerializedMetadata_Args *args) { drop(args->metadata); }

static PJRT_ExecutableMetadata_Extension metadata = {
    .base = BASE(PJRT_ExecutableMetadata_Extension, EXTENSION(ExecutableMetadata), &transfers.base),
    .get_executable_metadata = F(get_metadata),
    .destroy_serialized_metadata = F(destroy_metadata),
};

// Host memory.
static PJRT_Error *get_alignment(PJRT_HostAllocator_GetPreferredAlignment_Args *args) {
  BEGIN;
  args->preferred_alignment = 64;
  return NULL;
}

static PJRT_Error *host_allocate(PJRT_HostAllocator_Allocate_Args *args) {
  BEGIN;
  args->ptr = returns_null() ? NULL : make(args->size);
  return NULL;
}

static PJRT_Error *host_free(PJRT_HostAllocator_Free_Args *args) {
  drop(args->ptr);
  return NULL;
}

static PJRT_HostAllocator_Extension host_allocator = {
    .base = BASE(PJRT_HostAllocator_Extension, EXTENSION(HostAllocator), &metadata.base),
    .get_preferred_alignment = F(get_alignment),
    .allocate = F(host_allocate),
    .free = F(host_free),
};

static void delete_memory(void *pointer, void *argument) {
  if (argument == pointer) drop(pointer);
}

static PJRT_Error *host_memory_allocate(PJRT_HostMemoryAllocator_Allocate_Args *args) {
  BEGIN;
  args->ptr = returns_null() ? NULL : make(args->size);
  args->deleter = delete_memory;
  args->deleter_arg = args->ptr;
  return NULL;
}

static PJRT_HostMemoryAllocator_Extension host_memory = {
    .base = BASE(PJRT_HostMemoryAllocator_Extension, EXTENSION(HostMemoryAllocator), &host_allocator.base),
    .allocate = F(host_memory_allocate),
};

// ABI versions: a version is compatible with itself.
struct PJRT_RuntimeAbiVersion {
  char content[64];
  size_t size;
};
struct PJRT_ExecutableAbiVersion {
  struct PJRT_RuntimeAbiVersion version;
};

static void *new_version(const char *content, size_t size) {
  struct PJRT_RuntimeAbiVersion *version = make(sizeof *version);
  memcpy(version->content, content, size);
  version->size = size;
  return version;
}

static PJRT_Error *runtime_version(PJRT_Client_RuntimeAbiVersion_Args *args) {
  BEGIN;
  args->abi_version = returns_null() ? NULL : new_version("\x08\x07\x12\x01\x61", 5);
  return NULL;
}

static PJRT_Error *executable_version(PJRT_Executable_GetAbiVersion_Args *args) {
  BEGIN;
  args->abi_version = returns_null() ? NULL : new_version("\x08\x07\x12\x01\x61", 5);
  return NULL;
}

static PJRT_Error *runtime_destroy(PJRT_RuntimeAbiVersion_Destroy_Args *args) {
  drop(args->abi_version);
  return NULL;
}

static PJRT_Error *executable_destroy(PJRT_ExecutableAbiVersion_Destroy_Args *args) {
  drop(args->abi_version);
  return NULL;
}

static PJRT_Error *compare(const struct PJRT_RuntimeAbiVersion *first, const struct PJRT_RuntimeAbiVersion *second) {
  bool same = first->size == second->size && memcmp(first->content, second->content, first->size) == 0;
  return same ? NULL : fail(9, "the versions differ");
}

static PJRT_Error *with_runtime(PJRT_RuntimeAbiVersion_IsCompatibleWithRuntime_Args *args) {
  return compare(args->abi_version, args->other_abi_version);
}

static PJRT_Error *with_executable(PJRT_RuntimeAbiVersion_IsCompatibleWithExecutable_Args *args) {
  return compare(args->abi_version, &args->executable_abi_version->version);
}

static void delete_proto(PJRT_SerializedProto *holder) { drop(holder); }

#define TO_PROTO(function, type)                                                                                 \
  static PJRT_Error *function(type##_ToProto_Args *args) {                                                       \
    const struct PJRT_RuntimeAbiVersion *version = (const struct PJRT_RuntimeAbiVersion *)args->abi_version;     \
    args->serialized_proto_holder = make(1);                                                                     \
    args->serialized_proto_deleter = delete_proto;                                                               \
    args->serialized_proto = version->content;                                                                   \
    args->serialized_proto_size = version->size;                                                                 \
    return NULL;                                                                                                 \
  }                                                                                                              \
  static PJRT_Error *function##_platform(type##_PlatformId_Args *args) {                                         \
    args->platform_id = 7;                                                                                       \
    return NULL;                                                                                                 \
  }                                                                                                              \
  static PJRT_Error *function##_from(type##_FromProto_Args *args) {                                              \
    if (args->serialized_proto_size > 64) return fail(3, "the version is too long");                             \
    args->abi_version = new_version(args->serialized_proto, args->serialized_proto_size);                        \
    return NULL;                                                                                                 \
  }
TO_PROTO(runtime_proto, PJRT_RuntimeAbiVersion)
TO_PROTO(executable_proto, PJRT_ExecutableAbiVersion)

static PJRT_AbiVersion_Extension abi_version = {
    .base = BASE(PJRT_AbiVersion_Extension, EXTENSION(AbiVersion), &host_memory.base),
    .client_runtime_abi_version = F(runtime_version),
    .executable_get_abi_version = F(executable_version),
    .runtime_abi_version_destroy = F(runtime_destroy),
    .runtime_abi_version_is_compatible_with_runtime = F(with_runtime),
    .runtime_abi_version_is_compatible_with_executable = F(with_executable),
    .runtime_abi_version_to_proto = F(runtime_proto),
    .runtime_abi_version_platform_id = F(runtime_proto_platform),
    .runtime_abi_version_from_proto = F(runtime_proto_from),
    .executable_abi_version_destroy = F(executable_destroy),
    .executable_abi_version_to_proto = F(executable_proto),
    .executable_abi_version_platform_id = F(executable_proto_platform),
    .executable_abi_version_from_proto = F(executable_proto_from),
};

// Raw buffers: the memory of a buffer is 32 bytes, which are copied for simplicity when the alias is made.
static PJRT_Error *raw_create(PJRT_RawBuffer_CreateRawAliasOfBuffer_Args *args) {
  BEGIN;
  args->raw_buffer = returns_null() ? NULL : make(32);
  return NULL;
}

static PJRT_Error *raw_destroy(PJRT_RawBuffer_Destroy_Args *args) {
  drop(args->buffer);
  return NULL;
}

static PJRT_Error *raw_size(PJRT_RawBuffer_GetOnDeviceSizeInBytes_Args *args) {
  args->on_device_size_in_bytes = 32;
  return NULL;
}

static PJRT_Error *raw_host_pointer(PJRT_RawBuffer_GetHostPointer_Args *args) {
  args->host_pointer = args->buffer;
  return NULL;
}

static PJRT_Error *raw_from_host(PJRT_RawBuffer_CopyRawHostToDevice_Args *args) {
  BEGIN;
  memcpy((char *)args->buffer + args->offset, args->src, args->transfer_size);
  args->event = new_event();
  return NULL;
}

static PJRT_Error *raw_to_host(PJRT_RawBuffer_CopyRawDeviceToHost_Args *args) {
  BEGIN;
  memcpy(args->dst, (char *)args->buffer + args->offset, args->transfer_size);
  args->event = new_event();
  return NULL;
}

static PJRT_RawBuffer_Extension raw_buffer = {
    .base = BASE(PJRT_RawBuffer_Extension, EXTENSION(RawBuffer), &abi_version.base),
    .PJRT_RawBuffer_CreateRawAliasOfBuffer = F(raw_create),
    .PJRT_RawBuffer_Destroy = F(raw_destroy),
    .PJRT_RawBuffer_GetOnDeviceSizeInBytes = F(raw_size),
    .PJRT_RawBuffer_CopyRawHostToDevice = F(raw_from_host),
    .PJRT_RawBuffer_CopyRawDeviceToHost = F(raw_to_host),
    .PJRT_RawBuffer_GetHostPointer = F(raw_host_pointer),
};

// Compilation in phases: a phase returns its name, and the programs it was given.
static PJRT_Error *get_compiler(PJRT_PhaseCompile_Get_Compiler_Args *args) {
  BEGIN;
  args->phase_compiler = HANDLE(PJRT_PhaseCompiler);
  return NULL;
}

static void destroy_compiler(PJRT_PhaseCompile_Destroy_Compiler_Args *args) { drop((void *)args->phase_compiler); }

static PJRT_Error *phase_names(PJRT_PhaseCompile_Get_PhaseNames_Args *args) {
  const char **names = make(2 * sizeof *names);
  size_t *sizes = make(2 * sizeof *sizes);
  names[0] = copy_text("parse"), names[1] = copy_text("optimize");
  sizes[0] = 5, sizes[1] = 8;
  args->phase_names = names, args->phase_names_sizes = sizes, args->num_phase_names = 2;
  return NULL;
}

static PJRT_Error *run_phases(PJRT_PhaseCompile_Run_Phase_Args *args) {
  BEGIN;
  const char **programs = make(sizeof *programs);
  size_t *sizes = make(sizeof *sizes);
  char text[128];
  int size = snprintf(text, sizeof text, "%.*s(%.*s)", (int)args->phases_to_run_sizes[0], args->phases_to_run[0],
                      (int)args->input_programs_sizes[0], args->input_programs[0]);
  programs[0] = copy_text(text), sizes[0] = size;
  args->output_programs = programs, args->output_programs_sizes = sizes, args->num_output_programs = 1;
  return NULL;
}

static void destroy_buffers(PJRT_PhaseCompile_C_Buffers_Destroy_Args *args) {
  for (size_t i = 0; i < args->num_char_buffers; ++i) drop((void *)args->char_buffers[i]);
  drop(args->char_buffers);
  drop((void *)args->char_buffer_sizes);
}

static PJRT_PhaseCompile_Extension phase_compile = {
    .base = BASE(PJRT_PhaseCompile_Extension, EXTENSION(PhaseCompile), &raw_buffer.base),
    .phase_compile_get_compiler = F(get_compiler),
    .phase_compile_destroy_compiler = F(destroy_compiler),
    .phase_compile_run_phases = F(run_phases),
    .phase_compile_get_phase_names = F(phase_names),
    .phase_compile_c_buffers_destroy = F(destroy_buffers),
};

// Callbacks.
static struct {
  PJRT_Callback_Function *function;
  void *argument;
} callbacks[3];

static PJRT_Error *register_callback(PJRT_Callback_RegisterCallback_Args *args) {
  BEGIN;
  callbacks[args->type].function = args->callback;
  callbacks[args->type].argument = args->user_arg;
  return NULL;
}

static PJRT_Error *invoke_callback(PJRT_Callback_InvokeCallback_Args *args) {
  BEGIN;
  if (!callbacks[args->type].function) return fail(5, "there is no callback of that type");
  callbacks[args->type].function(args->args, callbacks[args->type].argument);
  return NULL;
}

static PJRT_Callback_Extension callback = {
    .base = BASE(PJRT_Callback_Extension, EXTENSION(Callback), &phase_compile.base),
    .register_callback = F(register_callback),
    .invoke_callback = F(invoke_callback),
};

// The profiler: what it collects is a profile with one host, and one byte too many.
static PLUGIN_Profiler_Error *profiler_create(PLUGIN_Profiler_Create_Args *args) {
  PJRT_Error *error = pending_error();
  if (error != NULL) return (PLUGIN_Profiler_Error *)error;
  args->profiler = HANDLE(PLUGIN_Profiler);
  return NULL;
}

static PLUGIN_Profiler_Error *profiler_destroy(PLUGIN_Profiler_Destroy_Args *args) {
  drop(args->profiler);
  return NULL;
}

static PLUGIN_Profiler_Error *profiler_start(PLUGIN_Profiler_Start_Args *args) {
  return (PLUGIN_Profiler_Error *)pending_error();
}

static PLUGIN_Profiler_Error *profiler_stop(PLUGIN_Profiler_Stop_Args *args) {
  return (PLUGIN_Profiler_Error *)pending_error();
}

static PLUGIN_Profiler_Error *profiler_collect(PLUGIN_Profiler_CollectData_Args *args) {
  static uint8_t data[] = "\x22\x04host";
  PJRT_Error *error = pending_error();
  if (error != NULL) return (PLUGIN_Profiler_Error *)error;
  if (args->buffer != NULL) memcpy(args->buffer, data, sizeof data);
  args->buffer_size_in_bytes = sizeof data;
  return NULL;
}

static void profiler_error_destroy(PLUGIN_Profiler_Error_Destroy_Args *args) { drop(args->error); }

static void profiler_error_message(PLUGIN_Profiler_Error_Message_Args *args) {
  args->message = ((const PJRT_Error *)args->error)->message;
  args->message_size = strlen(args->message);
}

static PLUGIN_Profiler_Error *profiler_error_code(PLUGIN_Profiler_Error_GetCode_Args *args) {
  args->code = ((const PJRT_Error *)args->error)->code;
  return NULL;
}

static PLUGIN_Profiler_Api profiler_api = {
    .struct_size = sizeof(PLUGIN_Profiler_Api),
    .error_destroy = profiler_error_destroy,
    .error_message = profiler_error_message,
    .error_get_code = profiler_error_code,
    .create = F(profiler_create),
    .destroy = profiler_destroy,
    .start = profiler_start,
    .stop = profiler_stop,
    .collect_data = profiler_collect,
};

static PJRT_Profiler_Extension profiler = {
    .base = BASE(PJRT_Profiler_Extension, EXTENSION(Profiler), &callback.base), .profiler_api = &profiler_api};

PJRT_Extension_Base *test_extensions(void) {
  shardings.base.next = test_tpu_extensions();
  return &profiler.base;
}
