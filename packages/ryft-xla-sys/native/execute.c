#include "execute.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Every `PJRT_X_Destroy_Args` has this form.
typedef struct {
  size_t struct_size;
  void *extension_start;
  void *object;
} destroy_args;

typedef PJRT_Error *destroy_function(destroy_args *args);

struct ryft_owner {
  void *object;
  destroy_function *destroy;
  ryft_owner *parent;
  ryft_owner *children;
  ryft_owner *previous;
  ryft_owner *next;
  void *device;
  int64_t pins;  // calls in flight, views, and children whose object is not destroyed
  uint64_t generation;
  int32_t type;
  bool closed;
  bool released;
};

// One lock for the whole tree of owners: it is held for a few instructions, never during a call into a plugin.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t current_generation = 0;
static int64_t live_count = 0;

static void link_child(ryft_owner *owner) {
  ryft_owner *parent = owner->parent;
  owner->next = parent->children;
  if (owner->next) owner->next->previous = owner;
  parent->children = owner;
}

static void unlink_child(ryft_owner *owner) {
  if (owner->previous)
    owner->previous->next = owner->next;
  else if (owner->parent && owner->parent->children == owner)
    owner->parent->children = owner->next;
  if (owner->next) owner->next->previous = owner->previous;
  owner->previous = owner->next = NULL;
}

// With the lock held: destroys `owner` and those of its ancestors that waited for it, as far as nothing uses them.
// The lock is released during each destruction.
static void settle(ryft_owner *owner) {
  while (owner && owner->pins == 0) {
    ryft_owner *parent = NULL;
    if (owner->closed && owner->object) {
      void *object = owner->object;
      owner->object = NULL;
      owner->pins++;
      bool alive = owner->generation == current_generation;
      if (alive && owner->destroy) {
        pthread_mutex_unlock(&lock);
        destroy_args args = {sizeof(destroy_args), NULL, object};
        owner->destroy(&args);
        pthread_mutex_lock(&lock);
      }
      owner->pins--;
      if (alive) live_count--;
      unlink_child(owner);
      parent = owner->parent;
      owner->parent = NULL;
    }
    if (owner->released && owner->pins == 0 && !owner->object) free(owner);
    if (parent) parent->pins--;
    owner = parent;
  }
}

// With the lock held: closes `owner` and everything below it.
static void close_tree(ryft_owner *owner) {
  if (owner->closed) return;
  owner->closed = true;
  owner->pins++;
  ryft_owner *child = owner->children;
  while (child) {
    if (child->closed) {
      child = child->next;
    } else {
      close_tree(child);
      child = owner->children;  // The lock was released: start over.
    }
  }
  owner->pins--;
  settle(owner);
}

static ryft_owner *new_locked(ryft_owner *parent, void *object, void *destroy) {
  ryft_owner *owner = calloc(1, sizeof(ryft_owner));
  if (!owner) return NULL;
  owner->object = object;
  owner->destroy = (destroy_function *)destroy;
  owner->parent = parent;
  owner->generation = current_generation;
  live_count++;
  if (parent) {
    parent->pins++;
    link_child(owner);
    if (parent->closed) close_tree(owner);
  }
  return owner;
}

ryft_owner *ryft_owner_new_buffer(ryft_owner *client, void *buffer, void *destroy, int32_t type, void *device) {
  pthread_mutex_lock(&lock);
  ryft_owner *owner = new_locked(client, buffer, destroy);
  if (owner) {
    owner->type = type;
    owner->device = device;
  }
  pthread_mutex_unlock(&lock);
  return owner;
}

ryft_owner *ryft_owner_new(ryft_owner *parent, void *object, void *destroy) {
  return ryft_owner_new_buffer(parent, object, destroy, 0, NULL);
}

static bool usable(const ryft_owner *owner) {
  return !owner->closed && owner->object && owner->generation == current_generation;
}

void *ryft_owner_pin(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  void *object = NULL;
  if (usable(owner)) {
    owner->pins++;
    object = owner->object;
  }
  pthread_mutex_unlock(&lock);
  return object;
}

static void unpin_locked(ryft_owner *owner) {
  owner->pins--;
  settle(owner);
}

void ryft_owner_unpin(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  unpin_locked(owner);
  pthread_mutex_unlock(&lock);
}

void ryft_owner_close(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  close_tree(owner);
  pthread_mutex_unlock(&lock);
}

void ryft_owner_release(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  owner->released = true;
  if (owner->closed) {
    settle(owner);
  } else {
    close_tree(owner);
  }
  pthread_mutex_unlock(&lock);
}

bool ryft_owner_is_closed(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  bool closed = !usable(owner);
  pthread_mutex_unlock(&lock);
  return closed;
}

static bool claim_locked(ryft_owner *owner) {
  if (!usable(owner) || owner->pins != 0) return false;
  owner->closed = true;
  owner->pins++;
  return true;
}

void *ryft_owner_claim(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  void *object = claim_locked(owner) ? owner->object : NULL;
  pthread_mutex_unlock(&lock);
  return object;
}

static void settle_claim_locked(ryft_owner *owner, bool consumed) {
  // Its parent, or Python's object, may have gone in the meantime.
  bool orphan = owner->released || (owner->parent && owner->parent->closed);
  if (!consumed && !orphan) owner->closed = false;
  unpin_locked(owner);
}

void ryft_owner_settle(ryft_owner *owner, bool consumed) {
  pthread_mutex_lock(&lock);
  settle_claim_locked(owner, consumed);
  pthread_mutex_unlock(&lock);
}

void *ryft_owner_object(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  void *object = owner->generation == current_generation ? owner->object : NULL;
  pthread_mutex_unlock(&lock);
  return object;
}

int64_t ryft_owner_pins(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  int64_t pins = owner->pins;
  pthread_mutex_unlock(&lock);
  return pins;
}

bool ryft_owner_is_forked(ryft_owner *owner) {
  pthread_mutex_lock(&lock);
  bool forked = owner->generation != current_generation;
  pthread_mutex_unlock(&lock);
  return forked;
}

int64_t ryft_owner_live_count(void) {
  pthread_mutex_lock(&lock);
  int64_t count = live_count;
  pthread_mutex_unlock(&lock);
  return count;
}

// ------------------------------------------------- Execution -------------------------------------------------

static _Thread_local PJRT_Error *execute_error = NULL;

PJRT_Error *ryft_execute_error(void) {
  PJRT_Error *error = execute_error;
  execute_error = NULL;
  return error;
}

static bool is_donated(const ryft_launcher *launcher, size_t argument) {
  for (size_t i = 0; i < launcher->donated_count; i++)
    if (launcher->donated[i] == argument) return true;
  return false;
}

// With the lock held: pins or claims the arguments of all devices, or undoes it all and returns false.
static bool take_arguments(const ryft_launcher *launcher, ryft_owner **arguments, PJRT_Buffer **buffers) {
  size_t columns = launcher->argument_count;
  size_t count = launcher->device_count * columns;
  size_t taken = 0;
  for (; taken < count; taken++) {
    ryft_owner *owner = arguments[taken];
    size_t column = taken % columns;
    if (!usable(owner) || owner->type != launcher->argument_types[column] ||
        owner->device != launcher->devices[taken / columns])
      break;
    if (launcher->donated_count && is_donated(launcher, column)) {
      if (!claim_locked(owner)) break;
    } else {
      owner->pins++;
    }
    buffers[taken] = owner->object;
  }
  if (taken == count) return true;
  while (taken-- > 0) {
    if (launcher->donated_count && is_donated(launcher, taken % columns))
      settle_claim_locked(arguments[taken], false);
    else
      unpin_locked(arguments[taken]);
  }
  return false;
}

static bool is_deleted(const ryft_launcher *launcher, PJRT_Buffer *buffer) {
  PJRT_Buffer_IsDeleted_Args args = {PJRT_Buffer_IsDeleted_Args_STRUCT_SIZE, NULL, buffer, false};
  PJRT_Error *error = ((PJRT_Buffer_IsDeleted *)launcher->is_deleted)(&args);
  return error != NULL || args.is_deleted;
}

// With the lock held: gives the arguments back. Donated ones stay closed, unless a failed execution left them alone.
static void give_arguments(const ryft_launcher *launcher, ryft_owner **arguments, const bool *consumed) {
  size_t columns = launcher->argument_count;
  size_t count = launcher->device_count * columns;
  for (size_t i = 0; i < count; i++) {
    if (launcher->donated_count && is_donated(launcher, i % columns))
      settle_claim_locked(arguments[i], consumed == NULL || consumed[i]);
    else
      unpin_locked(arguments[i]);
  }
}

static PJRT_Error *call_execute(const ryft_launcher *launcher, PJRT_Buffer **buffers, PJRT_Buffer **results,
                                PJRT_ExecuteOptions *options, PJRT_Event **events) {
  PJRT_ExecuteOptions defaults;
  if (!options) {
    memset(&defaults, 0, sizeof(defaults));
    defaults.struct_size = PJRT_ExecuteOptions_STRUCT_SIZE;
    defaults.non_donatable_input_indices = launcher->non_donatable;
    defaults.num_non_donatable_input_indices = launcher->non_donatable_count;
    options = &defaults;
  }
  size_t rows = launcher->device_count;
  PJRT_Buffer *const *inputs[rows];
  PJRT_Buffer **outputs[rows];
  for (size_t row = 0; row < rows; row++) {
    inputs[row] = buffers + row * launcher->argument_count;
    outputs[row] = results + row * launcher->output_count;
  }
  PJRT_LoadedExecutable_Execute_Args args;
  memset(&args, 0, sizeof(args));
  args.struct_size = PJRT_LoadedExecutable_Execute_Args_STRUCT_SIZE;
  args.executable = launcher->executable->object;
  args.options = options;
  args.argument_lists = inputs;
  args.num_devices = rows;
  args.num_args = launcher->argument_count;
  args.output_lists = outputs;
  args.device_complete_events = events;
  args.execute_device = launcher->execute_device;
  return ((PJRT_LoadedExecutable_Execute *)launcher->execute)(&args);
}

int ryft_execute(const ryft_launcher *launcher, ryft_owner **arguments, size_t argument_count, ryft_owner **outputs,
                 PJRT_ExecuteOptions *options, PJRT_Event **events) {
  size_t rows = launcher->device_count;
  size_t input_count = rows * launcher->argument_count;
  size_t output_count = rows * launcher->output_count;
  if (argument_count != input_count) return RYFT_EXECUTE_ARGUMENT;
  // Small calls work on the stack; an argument list of thousands must not overflow it.
  PJRT_Buffer *stack[64];
  size_t total = input_count + output_count;
  PJRT_Buffer **buffers = total <= 64 ? stack : malloc(total * sizeof(PJRT_Buffer *));
  if (!buffers) return RYFT_EXECUTE_NO_MEMORY;
  PJRT_Buffer **results = buffers + input_count;
  memset(results, 0, output_count * sizeof(PJRT_Buffer *));

  pthread_mutex_lock(&lock);
  int status = RYFT_EXECUTE_OK;
  if (!usable(launcher->executable) || !usable(launcher->client)) {
    status = RYFT_EXECUTE_CLOSED;
  } else if (!take_arguments(launcher, arguments, buffers)) {
    status = RYFT_EXECUTE_ARGUMENT;
  } else {
    launcher->executable->pins++;
    launcher->client->pins++;
  }
  pthread_mutex_unlock(&lock);
  if (status != RYFT_EXECUTE_OK) {
    if (buffers != stack) free(buffers);
    return status;
  }

  PJRT_Error *error = call_execute(launcher, buffers, results, options, events);
  bool *consumed = NULL;
  if (error) {
    execute_error = error;
    status = RYFT_EXECUTE_ERROR;
    if (launcher->donated_count) {
      consumed = calloc(input_count, sizeof(bool));
      for (size_t i = 0; consumed && i < input_count; i++) consumed[i] = is_deleted(launcher, buffers[i]);
    }
  }
  pthread_mutex_lock(&lock);
  give_arguments(launcher, arguments, consumed);
  for (size_t i = 0; !error && i < output_count; i++) {
    outputs[i] = new_locked(launcher->client, results[i], launcher->destroy_buffer);
    if (!outputs[i]) {
      status = RYFT_EXECUTE_NO_MEMORY;
      continue;
    }
    outputs[i]->type = launcher->output_types[i % launcher->output_count];
    outputs[i]->device = launcher->devices[i / launcher->output_count];
  }
  unpin_locked(launcher->executable);
  unpin_locked(launcher->client);
  pthread_mutex_unlock(&lock);
  free(consumed);
  if (buffers != stack) free(buffers);
  return status;
}

// --------------------------------------------------- Waiters ---------------------------------------------------

struct ryft_waiter {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  PJRT_Error *error;
  int parties;
  bool done;
};

ryft_waiter *ryft_waiter_new(void) {
  ryft_waiter *waiter = calloc(1, sizeof(ryft_waiter));
  if (!waiter) return NULL;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&waiter->mutex, NULL);
  pthread_cond_init(&waiter->condition, &attributes);
  pthread_condattr_destroy(&attributes);
  waiter->parties = 2;
  return waiter;
}

static void leave(ryft_waiter *waiter) {
  bool last = --waiter->parties == 0;
  pthread_mutex_unlock(&waiter->mutex);
  if (!last) return;
  pthread_cond_destroy(&waiter->condition);
  pthread_mutex_destroy(&waiter->mutex);
  free(waiter);
}

void ryft_waiter_ready(PJRT_Error *error, void *argument) {
  ryft_waiter *waiter = argument;
  pthread_mutex_lock(&waiter->mutex);
  waiter->error = error;
  waiter->done = true;
  pthread_cond_broadcast(&waiter->condition);
  leave(waiter);
}

bool ryft_waiter_wait(ryft_waiter *waiter, double seconds) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  int64_t nanoseconds = deadline.tv_nsec + (int64_t)(seconds * 1e9);
  deadline.tv_sec += nanoseconds / 1000000000;
  deadline.tv_nsec = nanoseconds % 1000000000;
  pthread_mutex_lock(&waiter->mutex);
  int result = 0;
  while (!waiter->done && result != ETIMEDOUT)
    result = pthread_cond_timedwait(&waiter->condition, &waiter->mutex, &deadline);
  bool done = waiter->done;
  pthread_mutex_unlock(&waiter->mutex);
  return done;
}

PJRT_Error *ryft_waiter_take_error(ryft_waiter *waiter) {
  pthread_mutex_lock(&waiter->mutex);
  PJRT_Error *error = waiter->error;
  waiter->error = NULL;
  pthread_mutex_unlock(&waiter->mutex);
  return error;
}

void ryft_waiter_drop(ryft_waiter *waiter) {
  pthread_mutex_lock(&waiter->mutex);
  leave(waiter);
}

// ------------------------------------------------- Completions -------------------------------------------------

typedef struct completion {
  int64_t token;
  PJRT_Error *error;
  struct completion *next;
} completion;

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static completion *queue_first = NULL;
static completion *queue_last = NULL;

void *ryft_completion_new(int64_t token) {
  completion *item = calloc(1, sizeof(completion));
  if (item) item->token = token;
  return item;
}

void ryft_completion_ready(PJRT_Error *error, void *argument) {
  completion *item = argument;
  item->error = error;
  pthread_mutex_lock(&queue_lock);
  if (queue_last)
    queue_last->next = item;
  else
    queue_first = item;
  queue_last = item;
  pthread_cond_signal(&queue_filled);
  pthread_mutex_unlock(&queue_lock);
}

void ryft_completion_deleted(void *device_pointer, void *argument) {
  (void)device_pointer;
  ryft_completion_ready(NULL, argument);
}

int64_t ryft_completion_next(PJRT_Error **error) {
  pthread_mutex_lock(&queue_lock);
  while (!queue_first) pthread_cond_wait(&queue_filled, &queue_lock);
  completion *item = queue_first;
  queue_first = item->next;
  if (!queue_first) queue_last = NULL;
  pthread_mutex_unlock(&queue_lock);
  int64_t token = item->token;
  *error = item->error;
  free(item);
  return token;
}

int64_t ryft_completion_token(void *argument) { return ((completion *)argument)->token; }

void ryft_completion_drop(void *completion) { free(completion); }

// --------------------------------------------------- Forking ---------------------------------------------------

void ryft_owner_forked(void) {
  // A thread that no longer exists may have held them.
  pthread_mutex_init(&lock, NULL);
  pthread_mutex_init(&queue_lock, NULL);
  pthread_cond_init(&queue_filled, NULL);
  queue_first = queue_last = NULL;
  current_generation++;
  live_count = 0;
}
