// The floor: executes a program in a loop, and destroys the outputs of each execution.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "pjrt_c_api.h"

enum { MOST = 256 };

// Returns the mean processor time of one execution by this thread, in microseconds, or -1 where one fails.
double execute_loop(const PJRT_Api *api, PJRT_LoadedExecutable *executable, PJRT_Buffer *const *arguments,
                    int64_t argument_count, int64_t output_count, int64_t count) {
  if (argument_count > MOST || output_count > MOST) return -1;
  int64_t kept[MOST];
  for (int64_t i = 0; i < argument_count; i++) kept[i] = i;
  struct timespec start, end;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  for (int64_t i = 0; i < count; i++) {
    PJRT_ExecuteOptions options;
    memset(&options, 0, sizeof(options));
    options.struct_size = PJRT_ExecuteOptions_STRUCT_SIZE;
    options.non_donatable_input_indices = kept;
    options.num_non_donatable_input_indices = (size_t)argument_count;
    PJRT_Buffer *outputs[MOST];
    PJRT_Buffer **output_lists[] = {outputs};
    PJRT_LoadedExecutable_Execute_Args args;
    memset(&args, 0, sizeof(args));
    args.struct_size = PJRT_LoadedExecutable_Execute_Args_STRUCT_SIZE;
    args.executable = executable;
    args.options = &options;
    args.argument_lists = &arguments;
    args.num_devices = 1;
    args.num_args = (size_t)argument_count;
    args.output_lists = output_lists;
    if (api->PJRT_LoadedExecutable_Execute(&args) != NULL) return -1;
    for (int64_t j = 0; j < output_count; j++) {
      PJRT_Buffer_Destroy_Args destroy = {PJRT_Buffer_Destroy_Args_STRUCT_SIZE, NULL, outputs[j]};
      api->PJRT_Buffer_Destroy(&destroy);
    }
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return ((end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) * 1e-3) / count;
}
