// Partitioning rules for custom calls, which the partitioner calls while it compiles. The names of the structs say JAX
// because the interface began there; nothing in it depends on JAX. Older plugins have the first function only.
// Extension type 2.
#ifndef RYFT_EXTENSION_CUSTOM_PARTITIONER_H
#define RYFT_EXTENSION_CUSTOM_PARTITIONER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct JAX_CustomCallPartitioner_Callbacks JAX_CustomCallPartitioner_Callbacks;

struct JAX_CustomCallPartitioner_string {
  const char *data;
  size_t size;
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_string, size);

struct JAX_CustomCallPartitioner_aval {
  JAX_CustomCallPartitioner_string shape;
  bool has_sharding;
  JAX_CustomCallPartitioner_string sharding;
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_aval, sharding);

struct JAX_CustomCallPartitioner_version_and_error {
  int64_t api_version;
  void *data;  // out
  void (*cleanup_fn)(void *data);  // out
  bool has_error;
  PJRT_Error_Code code;  // out
  JAX_CustomCallPartitioner_string error_msg;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_version_and_error, error_msg);

struct JAX_CustomCallPartitioner_Partition_Args {
  JAX_CustomCallPartitioner_version_and_error header;
  size_t num_args;
  JAX_CustomCallPartitioner_aval *op_args;
  JAX_CustomCallPartitioner_aval op_result;
  JAX_CustomCallPartitioner_string backend_config;
  JAX_CustomCallPartitioner_string mlir_module;
  JAX_CustomCallPartitioner_string *args_sharding;
  JAX_CustomCallPartitioner_string result_sharding;
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_Partition_Args, result_sharding);

struct JAX_CustomCallPartitioner_InferShardingFromOperands_Args {
  JAX_CustomCallPartitioner_version_and_error header;
  size_t num_args;
  JAX_CustomCallPartitioner_aval *op_args;
  JAX_CustomCallPartitioner_string result_shape;
  JAX_CustomCallPartitioner_string backend_config;
  bool has_result_sharding;
  JAX_CustomCallPartitioner_string result_sharding;
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_InferShardingFromOperands_Args, result_sharding);

struct JAX_CustomCallPartitioner_PropagateUserSharding_Args {
  JAX_CustomCallPartitioner_version_and_error header;
  JAX_CustomCallPartitioner_string backend_config;
  JAX_CustomCallPartitioner_string result_shape;
  JAX_CustomCallPartitioner_string result_sharding;  // in/out
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_PropagateUserSharding_Args, result_sharding);

struct JAX_CustomCallPartitioner_Callbacks {
  int64_t version;
  void *private_data;
  void (*dtor)(struct JAX_CustomCallPartitioner_Callbacks *data);
  void (*partition)(struct JAX_CustomCallPartitioner_Callbacks *data, JAX_CustomCallPartitioner_Partition_Args *args);
  void (*infer_sharding)(
      struct JAX_CustomCallPartitioner_Callbacks *data, JAX_CustomCallPartitioner_InferShardingFromOperands_Args *args);
  void (*propagate_user_sharding)(
      struct JAX_CustomCallPartitioner_Callbacks *data, JAX_CustomCallPartitioner_PropagateUserSharding_Args *args);
  bool can_side_effecting_have_replicated_sharding;
};
PJRT_DEFINE_STRUCT_TRAITS(JAX_CustomCallPartitioner_Callbacks, can_side_effecting_have_replicated_sharding);

struct PJRT_Register_Custom_Partitioner_Args {
  size_t struct_size;
  const char *name;
  size_t name_size;
  JAX_CustomCallPartitioner_Callbacks *callbacks;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Register_Custom_Partitioner_Args, callbacks);
typedef PJRT_Error *PJRT_Register_Custom_Partitioner(PJRT_Register_Custom_Partitioner_Args *args);

struct PJRT_Register_Batch_Partitionable_Args {
  size_t struct_size;
  const char *name;
  size_t name_size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Register_Batch_Partitionable_Args, name_size);
typedef PJRT_Error *PJRT_Register_Batch_Partitionable(PJRT_Register_Batch_Partitionable_Args *args);

struct PJRT_Custom_Partitioner_Extension {
  PJRT_Extension_Base base;
  PJRT_Register_Custom_Partitioner *register_custom_partitioner;
  PJRT_Register_Batch_Partitionable *register_batch_partitionable;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Custom_Partitioner_Extension, register_batch_partitionable);

#endif
