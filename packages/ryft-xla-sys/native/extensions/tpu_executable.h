// Facts about a serialized executable for TPUs. What is returned is freed by the deleter that comes with it. Extension
// type 17.
#ifndef RYFT_EXTENSION_TPU_EXECUTABLE_H
#define RYFT_EXTENSION_TPU_EXECUTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct PJRT_TpuExecutable_CompilationEnvironments PJRT_TpuExecutable_CompilationEnvironments;
typedef struct PJRT_TpuExecutable_CompiledMemoryStats PJRT_TpuExecutable_CompiledMemoryStats;
typedef struct PJRT_TpuExecutable_CostAnalysisResult PJRT_TpuExecutable_CostAnalysisResult;
typedef struct PJRT_TpuExecutable_FieldValue PJRT_TpuExecutable_FieldValue;
typedef struct PJRT_TpuExecutable_HloModuleWithConfig PJRT_TpuExecutable_HloModuleWithConfig;
typedef struct PJRT_TpuExecutable_TargetArguments PJRT_TpuExecutable_TargetArguments;

struct PJRT_TpuExecutable_GetTargetArguments_Args {
  size_t struct_size;
  const char *serialized_executable;
  size_t serialized_executable_size;
  const char *target_arguments;  // out
  size_t target_arguments_size;  // out
  PJRT_TpuExecutable_TargetArguments *target_arguments_ptr;  // out
  void (*target_arguments_deleter)(PJRT_TpuExecutable_TargetArguments *args);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_GetTargetArguments_Args, target_arguments_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_GetTargetArguments(PJRT_TpuExecutable_GetTargetArguments_Args *args);

struct PJRT_TpuExecutable_GetHloModuleWithConfig_Args {
  size_t struct_size;
  const char *serialized_executable;
  size_t serialized_executable_size;
  const char *hlo_module_with_config;  // out
  size_t hlo_module_with_config_size;  // out
  PJRT_TpuExecutable_HloModuleWithConfig *hlo_module_with_config_ptr;  // out
  void (*hlo_module_with_config_deleter)(PJRT_TpuExecutable_HloModuleWithConfig *module);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_GetHloModuleWithConfig_Args, hlo_module_with_config_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_GetHloModuleWithConfig(PJRT_TpuExecutable_GetHloModuleWithConfig_Args *args);

struct PJRT_TpuExecutable_RunHloCostAnalysis_Args {
  size_t struct_size;
  const char *target_arguments;
  size_t target_arguments_size;
  const char **hlo_module;
  size_t *hlo_module_size;
  size_t num_hlo_modules;
  const PJRT_NamedValue *analysis_results;  // out
  size_t num_analysis_results;  // out
  PJRT_TpuExecutable_CostAnalysisResult *analysis_results_ptr;  // out
  void (*analysis_results_deleter)(PJRT_TpuExecutable_CostAnalysisResult *results);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_RunHloCostAnalysis_Args, analysis_results_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_RunHloCostAnalysis(PJRT_TpuExecutable_RunHloCostAnalysis_Args *args);

struct PJRT_TpuExecutable_GetCompiledMemoryStats_Args {
  size_t struct_size;
  const char *serialized_executable;
  size_t serialized_executable_size;
  const char *compiled_memory_stats;  // out
  size_t compiled_memory_stats_size;  // out
  PJRT_TpuExecutable_CompiledMemoryStats *compiled_memory_stats_ptr;  // out
  void (*compiled_memory_stats_deleter)(PJRT_TpuExecutable_CompiledMemoryStats *stats);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_GetCompiledMemoryStats_Args, compiled_memory_stats_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_GetCompiledMemoryStats(PJRT_TpuExecutable_GetCompiledMemoryStats_Args *args);

struct PJRT_TpuExecutable_SetTpuCompilationEnv_Args {
  size_t struct_size;
  const char *serialized_compilation_environments;
  size_t serialized_compilation_environments_size;
  const char *result_compilation_environments;  // out
  size_t result_compilation_environments_size;  // out
  PJRT_TpuExecutable_CompilationEnvironments *result_compilation_environments_ptr;  // out
  void (*result_compilation_environments_deleter)(PJRT_TpuExecutable_CompilationEnvironments *envs);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_SetTpuCompilationEnv_Args, result_compilation_environments_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_SetTpuCompilationEnv(PJRT_TpuExecutable_SetTpuCompilationEnv_Args *args);

struct PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString_Args {
  size_t struct_size;
  const char *serialized_compilation_environments;
  size_t serialized_compilation_environments_size;
  const char *field_name;
  size_t field_name_size;
  const char *field_value;  // out
  size_t field_value_size;  // out
  PJRT_TpuExecutable_FieldValue *field_value_ptr;  // out
  void (*field_value_deleter)(PJRT_TpuExecutable_FieldValue *value);  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString_Args, field_value_deleter);
typedef PJRT_Error *PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString(
    PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString_Args *args);

struct PJRT_TpuExecutable_IsTpuPredeterminedError_Args {
  size_t struct_size;
  const char *serialized_status;
  size_t serialized_status_size;
  bool is_predetermined;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_IsTpuPredeterminedError_Args, is_predetermined);
typedef PJRT_Error *PJRT_TpuExecutable_IsTpuPredeterminedError(PJRT_TpuExecutable_IsTpuPredeterminedError_Args *args);

struct PJRT_TpuExecutable_Extension {
  PJRT_Extension_Base base;
  PJRT_TpuExecutable_GetTargetArguments *get_target_arguments;
  PJRT_TpuExecutable_GetHloModuleWithConfig *get_hlo_module_with_config;
  void *get_core_program_abi_version;  // retired
  PJRT_TpuExecutable_GetCompiledMemoryStats *get_compiled_memory_stats;
  PJRT_TpuExecutable_RunHloCostAnalysis *run_hlo_cost_analysis;
  PJRT_TpuExecutable_SetTpuCompilationEnv *set_tpu_compilation_env;
  PJRT_TpuExecutable_GetTpuCompilationEnvFieldAsString *get_tpu_compilation_env_field_as_string;
  PJRT_TpuExecutable_IsTpuPredeterminedError *is_tpu_predetermined_error;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_TpuExecutable_Extension, is_tpu_predetermined_error);

#endif
