// Compilation of Triton kernels. `out_path` came with the second version of the extension. Nothing frees what `out_asm`
// and `out_path` point to. Extension type 7.
#ifndef RYFT_EXTENSION_TRITON_H
#define RYFT_EXTENSION_TRITON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

struct PJRT_Triton_Compile_Args {
  size_t struct_size;
  const char *module;
  size_t module_size;
  const char *arch_name;
  size_t arch_name_size;
  int num_warps;
  int num_ctas;
  int num_stages;
  const char *out_asm;
  size_t out_asm_size;
  int64_t out_smem_bytes;
  const char *out_path;
  size_t out_path_size;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Triton_Compile_Args, out_path_size);
typedef PJRT_Error *PJRT_Triton_Compile(PJRT_Triton_Compile_Args *args);

struct PJRT_Triton_Extension {
  PJRT_Extension_Base base;
  PJRT_Triton_Compile *compile;
};
PJRT_DEFINE_STRUCT_TRAITS(PJRT_Triton_Extension, compile);

#endif
