#include "views.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  union {
    DLManagedTensor old;
    DLManagedTensorVersioned versioned;
  } managed;
  const ryft_transfer_functions *functions;
  ryft_owner *buffer;
  int64_t sizes[];  // shape, then strides
} lent_tensor;

static void give_back(lent_tensor *lent) {
  ryft_view_end(lent->functions, lent->buffer);
  free(lent);
}

static void delete_old(DLManagedTensor *self) { give_back(self->manager_ctx); }

static void delete_versioned(DLManagedTensorVersioned *self) { give_back(self->manager_ctx); }

void *ryft_dlpack_new(const ryft_transfer_functions *functions, ryft_owner *buffer, const DLTensor *tensor,
                      bool versioned, uint64_t flags) {
  size_t rank = (size_t)tensor->ndim;
  lent_tensor *lent = calloc(1, sizeof(lent_tensor) + 2 * rank * sizeof(int64_t));
  if (!lent) return NULL;
  lent->functions = functions;
  lent->buffer = buffer;
  DLTensor copy = *tensor;
  copy.shape = lent->sizes;
  copy.strides = lent->sizes + rank;
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    copy.shape[i] = tensor->shape[i];
    copy.strides[i] = stride;
    stride *= tensor->shape[i];
  }
  if (versioned) {
    DLManagedTensorVersioned managed = {{1, 0}, lent, delete_versioned, flags, copy};
    lent->managed.versioned = managed;
  } else {
    DLManagedTensor managed = {copy, lent, delete_old};
    lent->managed.old = managed;
  }
  return &lent->managed;
}
