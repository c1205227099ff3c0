// Ownership of PJRT objects, execution, and completion of events, as C that needs no Python lock.
//
// An owner holds one PJRT object. A call into the plugin pins the owners of the objects it uses; closing an owner
// closes its children, and destroys its object as soon as nothing pins it. So no thread can destroy an object that
// another thread's call is using, and an object is always destroyed before the object it was created from.
#ifndef RYFT_EXECUTE_H
#define RYFT_EXECUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pjrt_c_api.h"

typedef struct ryft_owner ryft_owner;

// Creates the owner of `object`, which `destroy` (a `PJRT_X_Destroy` function, or null) will destroy. Where the parent
// is closed already, the object is destroyed at once and the owner is born closed.
ryft_owner *ryft_owner_new(ryft_owner *parent, void *object, void *destroy);
// The same for a buffer, whose interned array type and device are kept for the checks before an execution.
ryft_owner *ryft_owner_new_buffer(ryft_owner *client, void *buffer, void *destroy, int32_t type, void *device);
// Returns the object and keeps it alive until `ryft_owner_unpin`, or returns null if the owner is closed.
void *ryft_owner_pin(ryft_owner *owner);
void ryft_owner_unpin(ryft_owner *owner);
// Closes the owner and its children. Objects in use are destroyed when their last use ends.
void ryft_owner_close(ryft_owner *owner);
// Closes the owner and frees its memory once nothing uses it. The caller must not use `owner` after that.
void ryft_owner_release(ryft_owner *owner);
bool ryft_owner_is_closed(ryft_owner *owner);
// Takes the object away for a consuming call: the owner is closed, but its object is neither destroyed nor freed.
// Returns null if it is closed, or in use by another call or by a view of its memory.
void *ryft_owner_claim(ryft_owner *owner);
// Ends a consuming call: destroys the object (`consumed`), or gives it back to the open owner.
void ryft_owner_settle(ryft_owner *owner, bool consumed);
// Returns the object of an owner that the caller has pinned, or null in the child of a fork.
void *ryft_owner_object(ryft_owner *owner);
// Number of calls, children and views that keep the object alive now.
int64_t ryft_owner_pins(ryft_owner *owner);
// Number of objects that are owned and not destroyed yet.
int64_t ryft_owner_live_count(void);
// Whether the owner was created before a fork of which this process is the child.
bool ryft_owner_is_forked(ryft_owner *owner);
// In the child of a fork no thread of a plugin exists: disowns, without destroying, everything that was created before.
void ryft_owner_forked(void);

// Why `ryft_execute` did not execute. `ryft_execute_error` has the plugin's error after `RYFT_EXECUTE_ERROR`.
enum {
  RYFT_EXECUTE_OK = 0,
  RYFT_EXECUTE_ERROR = 1,
  RYFT_EXECUTE_CLOSED = 2,
  RYFT_EXECUTE_ARGUMENT = 3,
  RYFT_EXECUTE_NO_MEMORY = 4,
};

// What stays the same from one execution to the next.
typedef struct ryft_launcher {
  ryft_owner *client;
  ryft_owner *executable;
  void *execute;         // PJRT_LoadedExecutable_Execute
  void *destroy_buffer;  // PJRT_Buffer_Destroy
  void *is_deleted;      // PJRT_Buffer_IsDeleted
  size_t device_count;
  void **devices;        // device of each row of arguments
  void *execute_device;  // or null: the devices chosen at compile time
  size_t argument_count;
  const int32_t *argument_types;
  size_t output_count;
  const int32_t *output_types;
  size_t non_donatable_count;
  const int64_t *non_donatable;
  size_t donated_count;
  const size_t *donated;
} ryft_launcher;

// Executes once. `arguments` and `outputs` hold one row for each device. `options` replaces the default options and
// `events` receives one completion event for each device; both may be null. Safe to call from any number of threads.
int ryft_execute(const ryft_launcher *launcher, ryft_owner **arguments, size_t argument_count, ryft_owner **outputs,
                 PJRT_ExecuteOptions *options, PJRT_Event **events);
PJRT_Error *ryft_execute_error(void);

// A waiter is told when an event completes. It belongs to two parties: the one that waits, and the pending callback.
typedef struct ryft_waiter ryft_waiter;

ryft_waiter *ryft_waiter_new(void);
// Callback for `PJRT_Event_OnReady`, with the waiter as its argument.
void ryft_waiter_ready(PJRT_Error *error, void *waiter);
// Waits for at most `seconds`; returns whether the event has completed.
bool ryft_waiter_wait(ryft_waiter *waiter, double seconds);
// Takes the completed event's error, or null.
PJRT_Error *ryft_waiter_take_error(ryft_waiter *waiter);
void ryft_waiter_drop(ryft_waiter *waiter);

// Completions of events, as a queue that one Python thread drains: no thread of a plugin ever runs Python code for them.
void *ryft_completion_new(int64_t token);
// Callback for `PJRT_Event_OnReady`, with the completion as its argument.
void ryft_completion_ready(PJRT_Error *error, void *completion);
// Callback for `PJRT_Client_CreateViewOfDeviceBuffer`, with the completion as its argument.
void ryft_completion_deleted(void *device_pointer, void *completion);
// Waits for the next completion and returns its token.
int64_t ryft_completion_next(PJRT_Error **error);
int64_t ryft_completion_token(void *completion);
void ryft_completion_drop(void *completion);

#endif
