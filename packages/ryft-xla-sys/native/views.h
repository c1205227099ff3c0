// Device memory lent to, or borrowed from, other libraries by DLPack (https://dmlc.github.io/dlpack, versions 0.8 and 1).
#ifndef RYFT_VIEWS_H
#define RYFT_VIEWS_H

#include "transfers.h"

typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct {
  uint32_t major;
  uint32_t minor;
} DLPackVersion;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

// Returns a `DLManagedTensor *`, or a `DLManagedTensorVersioned *`, for the memory of a buffer on which a view was begun
// with `ryft_view_begin`; its deleter ends that view, on any thread. Returns null without memory.
void *ryft_dlpack_new(const ryft_transfer_functions *functions, ryft_owner *buffer, const DLTensor *tensor,
                      bool versioned, uint64_t flags);

#endif
