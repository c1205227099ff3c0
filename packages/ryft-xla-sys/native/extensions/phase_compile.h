// Compilation in phases. A plugin may leave the function that creates a compiler null, as the CPU plugin does; then
// there is nothing to run phases with. `PJRT_PhaseCompile_C_Buffers_Destroy` frees what the other functions return.
// Extension type 9.
#ifndef RYFT_EXTENSION_PHASE_COMPILE_H
#define RYFT_EXTENSION_PHASE_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

struct PJRT_PhaseCompile_Get_Compiler_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const PJRT_PhaseCompiler *phase_compiler;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_Get_Compiler_Args, phase_compiler);
typedef PJRT_Error *PJRT_PhaseCompile_Get_Compiler(PJRT_PhaseCompile_Get_Compiler_Args *args);

struct PJRT_PhaseCompile_Destroy_Compiler_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const PJRT_PhaseCompiler *phase_compiler;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_Destroy_Compiler_Args, phase_compiler);
typedef void PJRT_PhaseCompile_Destroy_Compiler(PJRT_PhaseCompile_Destroy_Compiler_Args *args);

struct PJRT_PhaseCompile_Run_Phase_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const PJRT_PhaseCompiler *phase_compiler;
  const char **input_programs;
  const size_t *input_programs_sizes;
  size_t num_input_programs;
  const char **phases_to_run;
  const size_t *phases_to_run_sizes;
  size_t num_phases_to_run;
  const char *compile_options;
  size_t compile_options_size;
  PJRT_TopologyDescription *topology;
  const char **output_programs;  // out
  const size_t *output_programs_sizes;  // out
  size_t num_output_programs;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_Run_Phase_Args, num_output_programs);
typedef PJRT_Error *PJRT_PhaseCompile_Run_Phase(PJRT_PhaseCompile_Run_Phase_Args *args);

struct PJRT_PhaseCompile_Get_PhaseNames_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const PJRT_PhaseCompiler *phase_compiler;
  const char **phase_names;  // out
  const size_t *phase_names_sizes;  // out
  size_t num_phase_names;  // out
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_Get_PhaseNames_Args, num_phase_names);
typedef PJRT_Error *PJRT_PhaseCompile_Get_PhaseNames(PJRT_PhaseCompile_Get_PhaseNames_Args *args);

struct PJRT_PhaseCompile_C_Buffers_Destroy_Args {
  size_t struct_size;
  PJRT_Extension_Base *extension_start;
  const char **char_buffers;
  const size_t *char_buffer_sizes;
  size_t num_char_buffers;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_C_Buffers_Destroy_Args, num_char_buffers);
typedef void PJRT_PhaseCompile_C_Buffers_Destroy(PJRT_PhaseCompile_C_Buffers_Destroy_Args *args);

struct PJRT_PhaseCompile_Extension {
  PJRT_Extension_Base base;
  PJRT_PhaseCompile_Get_Compiler *phase_compile_get_compiler;
  PJRT_PhaseCompile_Destroy_Compiler *phase_compile_destroy_compiler;
  PJRT_PhaseCompile_Run_Phase *phase_compile_run_phases;
  PJRT_PhaseCompile_Get_PhaseNames *phase_compile_get_phase_names;
  PJRT_PhaseCompile_C_Buffers_Destroy *phase_compile_c_buffers_destroy;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_PhaseCompile_Extension, phase_compile_c_buffers_destroy);

#endif
