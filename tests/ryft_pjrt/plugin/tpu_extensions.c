// Extensions of the test plugin that only plugins for TPUs have otherwise: a topology of 2 x 2 chips on one host.
#include <stdio.h>

#include "extensions/collectives.h"
#include "extensions/megascale.h"
#include "extensions/multi_slice.h"
#include "extensions/tpu_executable.h"
#include "extensions/tpu_topology.h"
#include "plugin.h"

#define EXTENSION(name) PJRT_Extension_Type_##name

// The configuration of slices.
static PJRT_Error *config_destroy(PJRT_MultiSlice_Config_Destroy_Args *args) {
  drop(args->config);
  return NULL;
}

static PJRT_Error *config_count(PJRT_MultiSlice_Config_NumSlices_Args *args) {
  BEGIN;
  args->num_slices = 2;
  return NULL;
}

static PJRT_Error *config_id(PJRT_MultiSlice_Config_SliceId_Args *args) {
  args->slice_id = 1;
  return NULL;
}

static void delete_map(PJRT_MultiSlice_NumDevicesPerSlice *map) { drop(map); }

static PJRT_Error *config_devices(PJRT_MultiSlice_Config_NumDevicesPerSlice_Args *args) {
  static const int32_t slices[] = {0, 1}, counts[] = {4, 8};
  args->slice_ids = slices, args->num_devices = counts, args->num_devices_per_slice_map = 2;
  args->devices_per_slice_map = make(1);
  args->devices_per_slice_map_deleter = delete_map;
  return NULL;
}

static void delete_config(PJRT_MultiSlice_SerializedConfig *serialized) { drop(serialized); }

static PJRT_Error *config_serialize(PJRT_MultiSlice_Config_Serialize_Args *args) {
  args->serialized = "slices";
  args->size = 6;
  args->serialized_config = make(1);
  args->serialized_config_deleter = delete_config;
  return NULL;
}

static PJRT_MultiSlice_Extension multi_slice = {
    .base = BASE(PJRT_MultiSlice_Extension, EXTENSION(MultiSlice), NULL),
    .config_destroy = F(config_destroy),
    .config_num_slices = F(config_count),
    .config_slice_id = F(config_id),
    .config_num_devices_per_slice = F(config_devices),
    .config_serialize = F(config_serialize),
};

// Collectives of one member: everything is a copy.
static PJRT_Error *collectives_destroy(PJRT_Collectives_Destroy_Args *args) {
  drop(args->collectives);
  return NULL;
}

static void delete_holder(PJRT_Collectives_Communicators *holder) { drop(holder); }

static PJRT_Error *create_communicators(PJRT_Collectives_CreateCommunicators_Args *args) {
  BEGIN;
  for (size_t i = 0; i < args->num_device_ranks; ++i) args->communicators[i] = HANDLE(PJRT_Collectives_Communicator);
  args->num_communicators = args->num_device_ranks;
  args->communicators_holder = make(1);
  args->communicators_holder_deleter = delete_holder;
  return NULL;
}

static PJRT_Error *communicator_destroy(PJRT_Collectives_Communicator_Destroy_Args *args) {
  drop(args->communicator);
  return NULL;
}

#define COPYING(function, type)                                                                     \
  static PJRT_Error *function(PJRT_Collectives_Communicator_##type##_Args *args) {                  \
    BEGIN;                                                                                          \
    if (args->cpu_executor->num_global_device_ids != 1) return fail(3, "there is only one member"); \
    memcpy(args->recv_buffer_ptr, args->send_buffer_ptr, args->send_buffer_size);                   \
    args->event = new_event();                                                                      \
    return NULL;                                                                                    \
  }
COPYING(all_reduce, AllReduce)
COPYING(reduce_scatter, ReduceScatter)
COPYING(all_gather, AllGather)
COPYING(collective_permute, CollectivePermute)

static PJRT_Error *all_to_all(PJRT_Collectives_Communicator_AllToAll_Args *args) {
  BEGIN;
  for (size_t i = 0; i < args->num_send_buffers; ++i) {
    memcpy(args->recv_buffers_ptrs[i], args->send_buffers_ptrs[i], args->send_buffers_sizes[i]);
  }
  args->event = new_event();
  return NULL;
}

static void delete_string(PJRT_Collectives_ToString_Holder *holder) { drop(holder); }

static PJRT_Error *communicator_string(PJRT_Collectives_Communicator_ToString_Args *args) {
  char *text = copy_text("communicator of one");
  args->str = text;
  args->str_size = strlen(text);
  args->str_holder = (PJRT_Collectives_ToString_Holder *)text;
  args->str_holder_deleter = delete_string;
  return NULL;
}

static PJRT_Collectives_Extension collectives = {
    .base = BASE(PJRT_Collectives_Extension, EXTENSION(Collectives), &multi_slice.base),
    .collectives_destroy = F(collectives_destroy),
    .collectives_create_communicators = F(create_communicators),
    .communicator_destroy = F(communicator_destroy),
    .communicator_all_reduce = F(all_reduce),
    .communicator_reduce_scatter = F(reduce_scatter),
    .communicator_all_gather = F(all_gather),
    .communicator_collective_permute = F(collective_permute),
    .communicator_all_to_all = F(all_to_all),
    .communicator_to_string = F(communicator_string),
};

// Megascale.
static PJRT_Error *context_of_client(PJRT_Megascale_CreateClientContextFromPjRtClient_Args *args) {
  BEGIN;
  args->client_context = HANDLE(PJRT_Megascale_ClientContext);
  return NULL;
}

static PJRT_Error *default_context(PJRT_Megascale_CreateDefaultClientContext_Args *args) {
  BEGIN;
  args->client_context = HANDLE(PJRT_Megascale_ClientContext);
  return NULL;
}

static PJRT_Error *delete_context(PJRT_Megascale_DeleteClientContext_Args *args) {
  drop(args->client_context);
  return NULL;
}

static PJRT_Error *aot_config(PJRT_Megascale_CreateAoTConfig_Args *args) {
  BEGIN;
  args->multi_slice_config = HANDLE(PJRT_MultiSlice_Config);
  return NULL;
}

static PJRT_Error *multi_slice_config(PJRT_Megascale_CreateMultiSliceConfig_Args *args) {
  BEGIN;
  if (memcmp(args->endpoint_addresses, "a:1", 3) != 0) return fail(3, "the addresses are malformed");
  args->multi_slice_config = HANDLE(PJRT_MultiSlice_Config);
  return NULL;
}

static PJRT_Error *context_initialize(PJRT_Megascale_ClientContext_Initialize_Args *args) {
  BEGIN;
  return NULL;
}

static PJRT_Error *context_unblock(PJRT_Megascale_ClientContext_UnblockPendingWork_Args *args) {
  return args->launch_id == 3 && args->expire_after_ms == 500 ? NULL : fail(3, "nothing is pending");
}

static PJRT_Error *context_port(PJRT_Megascale_ClientContext_MegascalePort_Args *args) {
  args->port = 8471;
  return NULL;
}

static PJRT_Error *create_collectives(PJRT_Megascale_CreateMegascaleCollectives_Args *args) {
  BEGIN;
  if (args->processes_info->num_addresses != 1 || args->processes_info->num_devices_per_process != 4) {
    return fail(3, "there is only one process");
  }
  args->collectives = HANDLE(PJRT_Collectives);
  return NULL;
}

static PJRT_Error *to_megascale(PJRT_Megascale_DeviceId_To_MegascaleId_Args *args) {
  args->megascale_id = args->slice_id * 100000 + args->per_slice_device_id;
  return NULL;
}

static PJRT_Error *from_megascale(PJRT_Megascale_MegascaleId_To_DeviceId_Args *args) {
  args->slice_id = args->megascale_id / 100000;
  args->per_slice_device_id = args->megascale_id % 100000;
  return NULL;
}

static PJRT_Megascale_ErrorHandler error_handler = NULL;
static void *error_data = NULL;
void test_megascale_error(const char *error) {
  if (error_handler) error_handler(error, strlen(error), error_data);
}

static PJRT_Error *register_handler(PJRT_Megascale_RegisterErrorHandler_Args *args) {
  BEGIN;
  error_handler = args->handler;
  error_data = args->user_data;
  return NULL;
}

static PJRT_Error *unregister_handler(PJRT_Megascale_UnregisterErrorHandler_Args *args) {
  if (!error_handler) return fail(5, "there is no such handler");
  error_handler = NULL;
  return NULL;
}

struct PJRT_Megascale_ErrorAggregator {
  size_t count;
  bool finished;
};

static PJRT_Error *aggregator_create(PJRT_Megascale_ErrorAggregator_Create_Args *args) {
  BEGIN;
  args->aggregator = HANDLE(PJRT_Megascale_ErrorAggregator);
  return NULL;
}

static PJRT_Error *aggregator_delete(PJRT_Megascale_ErrorAggregator_Delete_Args *args) {
  drop(args->aggregator);
  return NULL;
}

static PJRT_Error *digest_delete(PJRT_Megascale_ErrorDigest_Delete_Args *args) {
  drop(args->digest);
  return NULL;
}

static PJRT_Error *aggregator_add(PJRT_Megascale_ErrorAggregator_AddError_Args *args) {
  if (args->aggregator->finished) return fail(9, "the aggregator has finished");
  args->aggregator->count++;
  return NULL;
}

static PJRT_Error *aggregator_process(PJRT_Megascale_ErrorAggregator_ProcessAndShutdown_Args *args) {
  BEGIN;
  args->aggregator->finished = true;
  args->digest = HANDLE(PJRT_Megascale_ErrorDigest);
  return NULL;
}

static PJRT_Error *aggregator_log(PJRT_Megascale_ErrorAggregator_LogErrorDigest_Args *args) {
  return args->digest ? NULL : fail(3, "there is no digest");
}

static PJRT_Error *aggregator_size(PJRT_Megascale_ErrorAggregator_Size_Args *args) {
  args->size = args->aggregator->count;
  return NULL;
}

static PJRT_Error *aggregator_active(PJRT_Megascale_ErrorAggregator_Active_Args *args) {
  args->active = !args->aggregator->finished;
  return NULL;
}

static void delete_addresses(PJRT_Megascale_SerializedAddresses *addresses) { drop(addresses); }

static PJRT_Error *interface_addresses(PJRT_Megascale_GetInterfaceAddressesHelper_Args *args) {
  static const char *addresses[] = {"lo:1", "eth0:1"};
  static size_t sizes[] = {4, 6};
  BEGIN;
  args->serialized_addresses = addresses, args->serialized_addresses_sizes = sizes;
  args->num_addresses = args->use_all_interfaces ? 2 : args->num_interface_prefixes;
  args->addresses = make(1);
  args->addresses_deleter = delete_addresses;
  return NULL;
}

static void delete_error(PJRT_Megascale_SerializedError *error) { drop(error); }

static PJRT_Error *runtime_error(PJRT_Megascale_GetOrCreateRuntimeError_Args *args) {
  char text[128];
  BEGIN;
  snprintf(text, sizeof text, "%d %.*s %d", args->status_code, (int)args->status_message_size, args->status_message,
           args->has_unrecoverable_error_type ? args->unrecoverable_error_type : -1);
  char *copy = copy_text(text);
  args->serialized_error = copy, args->serialized_error_size = strlen(copy);
  args->is_new_error = true;
  args->error = (PJRT_Megascale_SerializedError *)copy;
  args->error_deleter = delete_error;
  return NULL;
}

static PJRT_Megascale_Extension megascale = {
    .base = BASE(PJRT_Megascale_Extension, EXTENSION(Megascale), &collectives.base),
    .create_client_context_from_pjrt_client = F(context_of_client),
    .create_default_client_context = F(default_context),
    .delete_client_context = F(delete_context),
    .create_aot_config = F(aot_config),
    .create_multi_slice_config = F(multi_slice_config),
    .client_context_initialize = F(context_initialize),
    .client_context_unblock_pending_work = F(context_unblock),
    .client_context_megascale_port = F(context_port),
    .create_megascale_collectives = F(create_collectives),
    .device_id_to_megascale_id = F(to_megascale),
    .megascale_id_to_device_id = F(from_megascale),
    .register_megascale_error_handler = F(register_handler),
    .unregister_megascale_error_handler = F(unregister_handler),
    .error_aggregator_create = F(aggregator_create),
    .error_aggregator_delete = F(aggregator_delete),
    .error_digest_delete = F(digest_delete),
    .error_aggregator_add_error = F(aggregator_add),
    .error_aggregator_process_and_shutdown = F(aggregator_process),
    .error_aggregator_log_error_digest = F(aggregator_log),
    .error_aggregator_size = F(aggregator_size),
    .error_aggregator_active = F(aggregator_active),
    .get_interface_addresses_helper = F(interface_addresses),
    .get_or_create_runtime_error = F(runtime_error),
};

// Executables: each answer is the serialized program, after a word that tells the question.
static void *answer(const char **target, size_t *size, const char *word, const char *content, size_t content_size) {
  char *text = make(strlen(word) + content_size + 1);
  memcpy(text, word, strlen(word));
  memcpy(text + strlen(word), content, content_size);
  *target = text, *size = strlen(word) + content_size;
  return text;
}

static void delete_target(PJRT_TpuExecutable_TargetArguments *pointer) { drop(pointer); }
static void delete_module(PJRT_TpuExecutable_HloModuleWithConfig *pointer) { drop(pointer); }
static void delete_statistics(PJRT_TpuExecutable_CompiledMemoryStats *pointer) { drop(pointer); }
static void delete_costs(PJRT_TpuExecutable_CostAnalysisResult *pointer) { drop(pointer); }
static void delete_environments(PJRT_TpuExecutable_CompilationEnvironments *pointer) { drop(pointer); }
static void delete_value(PJRT_TpuExecutable_FieldValue *pointer) { drop(pointer); }

static PJRT_Error *target_arguments(PJRT_TpuExecutable_GetTargetArguments_Args *args) {
  BEGIN;
  args->target_arguments_ptr = answer(&args->target_arguments, &args->target_arguments_size, "target of ",
                                      args->serialized_executable, args->serialized_executable_size);
  args->target_arguments_deleter = delete_target;
  return NULL;
}

static PJRT_Error *module_with_config(PJRT_TpuExecutable_GetHloModuleWithConfig_Args *args) {
  args->hlo_module_with_config_ptr = answer(&args->hlo_module_with_config, &args->hlo_module_with_config_size,
                                            "module of ", args->serialized_executable, args->serialized_executable_size);
  args->hlo_module_with_config_deleter = delete_module;
  return NULL;
}

static PJRT_Error *memory_statistics(PJRT_TpuExecutable_GetCompiledMemoryStats_Args *args) {
  args->compiled_memory_stats_ptr =
      answer(&args->compiled_memory_stats, &args->compiled_memory_stats_size, "\x10\x07", "", 0);
  args->compiled_memory_stats_deleter = delete_statistics;
  return NULL;
}

static PJRT_Error *run_cost_analysis(PJRT_TpuExecutable_RunHloCostAnalysis_Args *args) {
  static PJRT_NamedValue flops = {
      .struct_size = PJRT_NamedValue_STRUCT_SIZE, .name = "flops", .name_size = 5, .type = PJRT_NamedValue_kFloat};
  BEGIN;
  flops.float_value = args->num_hlo_modules;
  args->analysis_results = &flops;
  args->num_analysis_results = 1;
  args->analysis_results_ptr = make(1);
  args->analysis_results_deleter = delete_costs;
  return NULL;
}

static PJRT_Error *set_environment(PJRT_TpuExecutable_SetTpuCompilationEnv_Args *args) {
  args->result_compilation_environments_ptr =
      answer(&args->result_compilation_environments, &args->result_compilation_environments_size, "complete ",
             args->serialized_compilation_environments, args->serialized_compilation_environments_size);
  args->result_compilation_environments_deleter = delete_environments;
  return NULL;
}

static PJRT_Error *environment_field(PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString_Args *args) {
  if (args->field_name_size != 4) return fail(5, "there is no such field");
  args->field_value_ptr = answer(&args->field_value, &args->field_value_size, "value of ", args->field_name, 4);
  args->field_value_deleter = delete_value;
  return NULL;
}

static PJRT_Error *predetermined(PJRT_TpuExecutable_IsTpuPredeterminedError_Args *args) {
  args->is_predetermined = args->serialized_status_size == 3;
  return NULL;
}

static PJRT_TpuExecutable_Extension tpu_executable = {
    .base = BASE(PJRT_TpuExecutable_Extension, EXTENSION(TpuExecutable), &megascale.base),
    .get_target_arguments = F(target_arguments),
    .get_hlo_module_with_config = F(module_with_config),
    .get_compiled_memory_stats = F(memory_statistics),
    .run_hlo_cost_analysis = F(run_cost_analysis),
    .set_tpu_compilation_env = F(set_environment),
    .get_tpu_compilation_env_field_as_string = F(environment_field),
    .is_tpu_predetermined_error = F(predetermined),
};

// The topology. The real plugin answers most of it without its hardware, too; here is what misbehaves.
static PJRT_Error *subslice(PJRT_TpuTopology_Subslice_Args *args) {
  BEGIN;
  args->subslice_topology = HANDLE(PJRT_TopologyDescription);
  return NULL;
}

static PJRT_Error *process_count(PJRT_TpuTopology_ProcessCount_Args *args) {
  BEGIN;
  args->process_count = 1;
  return NULL;
}

// Claims more processes than there is room for.
static PJRT_Error *process_ids(PJRT_TpuTopology_ProcessIds_Args *args) {
  for (int32_t i = 0; i < args->max_process_ids; ++i) args->process_ids[i] = i + 5;
  args->num_process_ids = 1000;
  return NULL;
}

static PJRT_Error *chip_bounds(PJRT_TpuTopology_ChipBounds_Args *args) {
  args->chip_bounds[0] = args->chip_bounds[1] = 2;
  args->chip_bounds_num_dims = 2;
  return NULL;
}

static PJRT_TpuTopology_Extension tpu_topology = {
    .base = BASE(PJRT_TpuTopology_Extension, EXTENSION(TpuTopology), &tpu_executable.base),
    .subslice = F(subslice),
    .process_count = F(process_count),
    .process_ids = F(process_ids),
    .chip_bounds = F(chip_bounds),
};

PJRT_Extension_Base *test_tpu_extensions(void) { return &tpu_topology.base; }
