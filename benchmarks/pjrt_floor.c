// The floor: executes a program with one argument and one output in a loop, and destroys each output.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "pjrt_c_api.h"

// Returns the mean time of one execution, in microseconds, or -1 where one fails.
double execute_loop(const PJRT_Api *api, PJRT_LoadedExecutable *executable, PJRT_Buffer *argument, int64_t count) {
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int64_t i = 0; i < count; i++) {
    const int64_t kept[] = {0};
    PJRT_ExecuteOptions options;
    memset(&options, 0, sizeof(options));
    options.struct_size = PJRT_ExecuteOptions_STRUCT_SIZE;
    options.non_donatable_input_indices = kept;
    options.num_non_donatable_input_indices = 1;
    PJRT_Buffer *output = NULL;
    PJRT_Buffer **outputs[] = {&output};
    PJRT_Buffer *const inputs[] = {argument};
    PJRT_Buffer *const *argument_lists[] = {inputs};
    PJRT_LoadedExecutable_Execute_Args args;
    memset(&args, 0, sizeof(args));
    args.struct_size = PJRT_LoadedExecutable_Execute_Args_STRUCT_SIZE;
    args.executable = executable;
    args.options = &options;
    args.argument_lists = argument_lists;
    args.num_devices = 1;
    args.num_args = 1;
    args.output_lists = outputs;
    if (api->PJRT_LoadedExecutable_Execute(&args) != NULL) return -1;
    PJRT_Buffer_Destroy_Args destroy = {PJRT_Buffer_Destroy_Args_STRUCT_SIZE, NULL, output};
    api->PJRT_Buffer_Destroy(&destroy);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  return ((end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) * 1e-3) / count;
}
