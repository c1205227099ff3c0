// Topology of TPUs. Arrays are allocated by the caller, who gives their capacity. Topologies that are returned belong
// to the caller. Extension type 16.
#ifndef RYFT_EXTENSION_TPU_TOPOLOGY_H
#define RYFT_EXTENSION_TPU_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

struct PJRT_TpuTopology_Subslice_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  const int32_t *chips_per_host_bounds;
  size_t chips_per_host_bounds_num_dims;
  const int32_t *host_bounds;
  size_t host_bounds_num_dims;
  PJRT_TopologyDescription *subslice_topology;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_Subslice_Args, subslice_topology);
typedef PJRT_Error *PJRT_TpuTopology_Subslice(PJRT_TpuTopology_Subslice_Args *args);

struct PJRT_TpuTopology_IsSubsliceTopology_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  bool is_subslice_topology;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_IsSubsliceTopology_Args, is_subslice_topology);
typedef PJRT_Error *PJRT_TpuTopology_IsSubsliceTopology(PJRT_TpuTopology_IsSubsliceTopology_Args *args);

struct PJRT_TpuTopology_SubsliceDeviceIdFromFullDeviceId_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *client_topology;
  const PJRT_TopologyDescription *subslice_topology;
  const int32_t *subslice_origin;
  size_t subslice_origin_dim_num;
  int32_t full_device_id;
  int32_t subslice_device_id;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_SubsliceDeviceIdFromFullDeviceId_Args, subslice_device_id);
typedef PJRT_Error *PJRT_TpuTopology_SubsliceDeviceIdFromFullDeviceId(
    PJRT_TpuTopology_SubsliceDeviceIdFromFullDeviceId_Args *args);

struct PJRT_TpuTopology_ReplaceHostBounds_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  const int32_t *host_bounds;
  size_t host_bounds_dim_num;
  PJRT_TopologyDescription *new_topology;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ReplaceHostBounds_Args, new_topology);
typedef PJRT_Error *PJRT_TpuTopology_ReplaceHostBounds(PJRT_TpuTopology_ReplaceHostBounds_Args *args);

struct PJRT_TpuTopology_IsEnhancedBarrierEnabled_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  bool is_enhanced_barrier_enabled;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_IsEnhancedBarrierEnabled_Args, is_enhanced_barrier_enabled);
typedef PJRT_Error *PJRT_TpuTopology_IsEnhancedBarrierEnabled(PJRT_TpuTopology_IsEnhancedBarrierEnabled_Args *args);

struct PJRT_TpuTopology_HasLimitedIciConnectivity_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  bool has_limited_ici_connectivity;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_HasLimitedIciConnectivity_Args, has_limited_ici_connectivity);
typedef PJRT_Error *PJRT_TpuTopology_HasLimitedIciConnectivity(PJRT_TpuTopology_HasLimitedIciConnectivity_Args *args);

struct PJRT_TpuTopology_IsReachableOverLimitedIci_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t source_chip_id;
  int32_t dest_chip_id;
  bool is_reachable_over_limited_ici;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_IsReachableOverLimitedIci_Args, is_reachable_over_limited_ici);
typedef PJRT_Error *PJRT_TpuTopology_IsReachableOverLimitedIci(PJRT_TpuTopology_IsReachableOverLimitedIci_Args *args);

struct PJRT_TpuTopology_ProcessCount_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t process_count;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcessCount_Args, process_count);
typedef PJRT_Error *PJRT_TpuTopology_ProcessCount(PJRT_TpuTopology_ProcessCount_Args *args);

struct PJRT_TpuTopology_ChipsPerProcess_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t chips_per_process;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipsPerProcess_Args, chips_per_process);
typedef PJRT_Error *PJRT_TpuTopology_ChipsPerProcess(PJRT_TpuTopology_ChipsPerProcess_Args *args);

struct PJRT_TpuTopology_CoreCountPerChip_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t core_count_of_default_type_per_chip;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_CoreCountPerChip_Args, core_count_of_default_type_per_chip);
typedef PJRT_Error *PJRT_TpuTopology_CoreCountPerChip(PJRT_TpuTopology_CoreCountPerChip_Args *args);

struct PJRT_TpuTopology_ChipCount_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t chip_count;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipCount_Args, chip_count);
typedef PJRT_Error *PJRT_TpuTopology_ChipCount(PJRT_TpuTopology_ChipCount_Args *args);

struct PJRT_TpuTopology_CoreCount_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t core_count_of_default_type;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_CoreCount_Args, core_count_of_default_type);
typedef PJRT_Error *PJRT_TpuTopology_CoreCount(PJRT_TpuTopology_CoreCount_Args *args);

struct PJRT_TpuTopology_LogiDeviceCount_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t logical_device_count_of_default_type;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_LogiDeviceCount_Args, logical_device_count_of_default_type);
typedef PJRT_Error *PJRT_TpuTopology_LogiDeviceCount(PJRT_TpuTopology_LogiDeviceCount_Args *args);

struct PJRT_TpuTopology_LogiDeviceCountPerProcess_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t logical_device_count_of_default_type_per_process;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(
    PJRT_TpuTopology_LogiDeviceCountPerProcess_Args, logical_device_count_of_default_type_per_process);
typedef PJRT_Error *PJRT_TpuTopology_LogiDeviceCountPerProcess(PJRT_TpuTopology_LogiDeviceCountPerProcess_Args *args);

struct PJRT_TpuTopology_LogiDeviceCountPerChip_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t logical_device_count_of_default_type_per_chip;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_LogiDeviceCountPerChip_Args, logical_device_count_of_default_type_per_chip);
typedef PJRT_Error *PJRT_TpuTopology_LogiDeviceCountPerChip(PJRT_TpuTopology_LogiDeviceCountPerChip_Args *args);

struct PJRT_TpuTopology_CoreCountPerProcess_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t core_count_of_default_type_per_process;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_CoreCountPerProcess_Args, core_count_of_default_type_per_process);
typedef PJRT_Error *PJRT_TpuTopology_CoreCountPerProcess(PJRT_TpuTopology_CoreCountPerProcess_Args *args);

struct PJRT_TpuTopology_ProcessIds_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t max_process_ids;
  int32_t *process_ids;
  size_t num_process_ids;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcessIds_Args, num_process_ids);
typedef PJRT_Error *PJRT_TpuTopology_ProcessIds(PJRT_TpuTopology_ProcessIds_Args *args);

struct PJRT_TpuTopology_LogiDeviceIdsOnProcess_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t process_id;
  int32_t max_logical_device_ids;
  int32_t *logical_device_of_default_type_ids;
  size_t num_logical_device_ids;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_LogiDeviceIdsOnProcess_Args, num_logical_device_ids);
typedef PJRT_Error *PJRT_TpuTopology_LogiDeviceIdsOnProcess(PJRT_TpuTopology_LogiDeviceIdsOnProcess_Args *args);

struct PJRT_TpuTopology_ProcIdAndIdxOnProcForChip_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t chip_id;
  int32_t process_id;  // out
  int32_t index_on_process;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcIdAndIdxOnProcForChip_Args, index_on_process);
typedef PJRT_Error *PJRT_TpuTopology_ProcIdAndIdxOnProcForChip(PJRT_TpuTopology_ProcIdAndIdxOnProcForChip_Args *args);

struct PJRT_TpuTopology_ProcIdAndIdxOnProcForLogiDevice_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t device_id;
  int32_t process_id;  // out
  int32_t index_on_process;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcIdAndIdxOnProcForLogiDevice_Args, index_on_process);
typedef PJRT_Error *PJRT_TpuTopology_ProcIdAndIdxOnProcForLogiDevice(
    PJRT_TpuTopology_ProcIdAndIdxOnProcForLogiDevice_Args *args);

struct PJRT_TpuTopology_ProcessCoordFromId_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t process_id;
  size_t coords_max_dims;
  int32_t *coords;
  size_t coords_num_dims;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcessCoordFromId_Args, coords_num_dims);
typedef PJRT_Error *PJRT_TpuTopology_ProcessCoordFromId(PJRT_TpuTopology_ProcessCoordFromId_Args *args);

struct PJRT_TpuTopology_ChipIdFromCoord_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  const int32_t *coords;
  size_t coords_num_dims;
  int32_t chip_id;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipIdFromCoord_Args, chip_id);
typedef PJRT_Error *PJRT_TpuTopology_ChipIdFromCoord(PJRT_TpuTopology_ChipIdFromCoord_Args *args);

struct PJRT_TpuTopology_LogiDeviceIdFromChipCoordAndIdx_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  const int32_t *chip_coords;
  size_t chip_coords_num_dims;
  int32_t logical_device_index_on_chip;
  int32_t logical_device_of_default_type_id;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_LogiDeviceIdFromChipCoordAndIdx_Args, logical_device_of_default_type_id);
typedef PJRT_Error *PJRT_TpuTopology_LogiDeviceIdFromChipCoordAndIdx(
    PJRT_TpuTopology_LogiDeviceIdFromChipCoordAndIdx_Args *args);

struct PJRT_TpuTopology_ChipCoordAndIdxForLogiDevice_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  int32_t device_id;
  size_t chip_coords_max_dims;
  int32_t *chip_coords;
  size_t chip_coords_num_dims;  // out
  int32_t device_index_on_chip;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipCoordAndIdxForLogiDevice_Args, device_index_on_chip);
typedef PJRT_Error *PJRT_TpuTopology_ChipCoordAndIdxForLogiDevice(
    PJRT_TpuTopology_ChipCoordAndIdxForLogiDevice_Args *args);

struct PJRT_TpuTopology_ChipsPerProcessBounds_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  size_t chip_per_process_bounds_max_dims;
  int32_t *chip_per_process_bounds;
  size_t chip_per_process_bounds_num_dims;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipsPerProcessBounds_Args, chip_per_process_bounds_num_dims);
typedef PJRT_Error *PJRT_TpuTopology_ChipsPerProcessBounds(PJRT_TpuTopology_ChipsPerProcessBounds_Args *args);

struct PJRT_TpuTopology_ChipBounds_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  size_t chip_bounds_max_dims;
  int32_t *chip_bounds;
  size_t chip_bounds_num_dims;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ChipBounds_Args, chip_bounds_num_dims);
typedef PJRT_Error *PJRT_TpuTopology_ChipBounds(PJRT_TpuTopology_ChipBounds_Args *args);

struct PJRT_TpuTopology_ProcessBounds_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  size_t process_bounds_max_dims;
  int32_t *process_bounds;
  size_t process_bounds_num_dims;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_ProcessBounds_Args, process_bounds_num_dims);
typedef PJRT_Error *PJRT_TpuTopology_ProcessBounds(PJRT_TpuTopology_ProcessBounds_Args *args);

struct PJRT_TpuTopology_GetRoutingStrategy_Args {
  size_t struct_size;
  const PJRT_TopologyDescription *topology;
  char *routing_strategy;
  size_t routing_strategy_len;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_GetRoutingStrategy_Args, routing_strategy_len);
typedef PJRT_Error *PJRT_TpuTopology_GetRoutingStrategy(PJRT_TpuTopology_GetRoutingStrategy_Args *args);

struct PJRT_TpuTopology_SliceConfig {
  size_t dim_size;
  int32_t dimensions[4];
  bool wrap[4];
  bool twist;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_SliceConfig, twist);

struct PJRT_TpuTopology_GetSliceConfig_Args {
  size_t struct_size;
  const char *platform_type_name;
  size_t platform_type_name_len;
  const char *slice_name;
  size_t slice_name_len;
  PJRT_TpuTopology_SliceConfig *slice_config;  // in/out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_GetSliceConfig_Args, slice_config);
typedef PJRT_Error *PJRT_TpuTopology_GetSliceConfig(PJRT_TpuTopology_GetSliceConfig_Args *args);

struct PJRT_TpuTopology_GetSliceConfigs_Args {
  size_t struct_size;
  const char *platform_type_name;
  size_t platform_type_name_len;
  PJRT_TpuTopology_SliceConfig *slice_configs;
  size_t max_slice_configs;
  size_t num_slice_configs;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_GetSliceConfigs_Args, num_slice_configs);
typedef PJRT_Error *PJRT_TpuTopology_GetSliceConfigs(PJRT_TpuTopology_GetSliceConfigs_Args *args);

struct PJRT_TpuTopology_GetDefaultPlatformConfig_Args {
  size_t struct_size;
  const char *platform_type_name;
  size_t platform_type_name_len;
  int64_t num_chips_per_tray;  // out
  int64_t num_trays;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_GetDefaultPlatformConfig_Args, num_trays);
typedef PJRT_Error *PJRT_TpuTopology_GetDefaultPlatformConfig(PJRT_TpuTopology_GetDefaultPlatformConfig_Args *args);

struct PJRT_TpuTopology_Extension {
  PJRT_Extension_Base base;
  PJRT_TpuTopology_Subslice *subslice;
  PJRT_TpuTopology_IsSubsliceTopology *is_subslice_topology;
  PJRT_TpuTopology_SubsliceDeviceIdFromFullDeviceId *subslice_device_id_from_full_device_id;
  PJRT_TpuTopology_ReplaceHostBounds *replace_host_bounds;
  PJRT_TpuTopology_IsEnhancedBarrierEnabled *is_enhanced_barrier_enabled;
  PJRT_TpuTopology_HasLimitedIciConnectivity *has_limited_ici_connectivity;
  PJRT_TpuTopology_IsReachableOverLimitedIci *is_reachable_over_limited_ici;
  PJRT_TpuTopology_ProcessCount *process_count;
  PJRT_TpuTopology_ChipsPerProcess *chips_per_process;
  PJRT_TpuTopology_CoreCountPerChip *core_count_per_chip;
  PJRT_TpuTopology_ChipCount *chip_count;
  PJRT_TpuTopology_CoreCount *core_count;
  PJRT_TpuTopology_LogiDeviceCountPerProcess *logical_device_count_per_process;
  PJRT_TpuTopology_LogiDeviceCount *logical_device_count;
  PJRT_TpuTopology_LogiDeviceCountPerChip *logical_device_count_per_chip;
  PJRT_TpuTopology_CoreCountPerProcess *core_count_per_process;
  PJRT_TpuTopology_ProcessIds *process_ids;
  PJRT_TpuTopology_LogiDeviceIdsOnProcess *logical_device_ids_on_process;
  PJRT_TpuTopology_ProcIdAndIdxOnProcForChip *proc_id_and_idx_on_proc_for_chip;
  PJRT_TpuTopology_ProcIdAndIdxOnProcForLogiDevice *proc_id_and_idx_on_proc_for_logi_device;
  PJRT_TpuTopology_ProcessCoordFromId *process_coord_from_id;
  PJRT_TpuTopology_ChipIdFromCoord *chip_id_from_coord;
  PJRT_TpuTopology_LogiDeviceIdFromChipCoordAndIdx *logical_device_id_from_chip_coord_and_idx;
  PJRT_TpuTopology_ChipCoordAndIdxForLogiDevice *chip_coord_and_idx_for_logi_device;
  PJRT_TpuTopology_ChipsPerProcessBounds *chips_per_process_bounds;
  PJRT_TpuTopology_ChipBounds *chip_bounds;
  PJRT_TpuTopology_ProcessBounds *process_bounds;
  PJRT_TpuTopology_GetRoutingStrategy *get_routing_strategy;
  PJRT_TpuTopology_GetSliceConfig *get_slice_config;
  PJRT_TpuTopology_GetSliceConfigs *get_slice_configs;
  PJRT_TpuTopology_GetDefaultPlatformConfig *get_default_platform_config;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuTopology_Extension, get_default_platform_config);

#endif
