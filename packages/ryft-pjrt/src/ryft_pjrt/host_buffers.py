"""Buffers made from arrays on the host."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy
from ryft_xla_sys.ffi import NULL, CData, ffi

from ryft_pjrt._completions import on_completion
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.data_types import array_type, element_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device
    from ryft_pjrt.memories import Memory

__all__ = ["HostBufferSemantics", "buffer_from_host"]


class HostBufferSemantics(IntEnum):
    """How long a plugin may use the host array that a buffer is made from."""

    IMMUTABLE_ONLY_DURING_CALL = 0
    """Until the call returns: the array may be changed at once."""

    IMMUTABLE_UNTIL_TRANSFER_COMPLETES = 1
    """Until the buffer is ready: the array must not be changed before."""

    IMMUTABLE_ZERO_COPY = 2
    """As long as the buffer lives: where the plugin can, the buffer shares the memory of the array."""

    MUTABLE_ZERO_COPY = 3
    """As above, and the plugin may also write results into it, when the buffer is donated."""


def _host_array(array_like: object, dtype: object) -> numpy.ndarray:
    """Returns `array_like` as an array of a data type that a device can have, without copying where possible."""
    if dtype is not None:
        dtype = element_type(dtype).dtype
    try:
        array = numpy.asarray(array_like, dtype=dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"cannot make an array of `{type(array_like).__name__}`: {error}") from None
    element_type(array.dtype)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def buffer_from_host(
    client: Client,
    array_like: object,
    device: Device | Memory | None,
    dtype: object,
    semantics: HostBufferSemantics,
) -> Buffer:
    """Implements `Client.buffer`."""
    array = _host_array(array_like, dtype)
    type = array_type(element_type(array.dtype), array.shape)  # noqa: A001
    placed, memory = client._placement(device)
    if semantics is HostBufferSemantics.MUTABLE_ZERO_COPY and not array.flags.writeable:
        raise ArgumentError("`MUTABLE_ZERO_COPY` expected a writeable array, but got a read-only one")
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Client_BufferFromHostBuffer",
            client=pointer,
            data=ffi.cast("void *", array.ctypes.data),
            type=int(type.element_type),
            dims=ffi.new("int64_t[]", array.shape),
            num_dims=array.ndim,
            byte_strides=NULL if array.flags.c_contiguous else ffi.new("int64_t[]", array.strides),
            num_byte_strides=0 if array.flags.c_contiguous else array.ndim,
            host_buffer_semantics=int(semantics),
            device=placed._handle if memory is None else NULL,
            memory=NULL if memory is None else memory._handle,
        )
        _release_later(client, arguments.done_with_host_buffer, array, semantics)
        return client._own_buffer(arguments.buffer, type, placed)


def _release_later(client: Client, event: CData, array: numpy.ndarray, semantics: HostBufferSemantics) -> None:
    """Keeps the host array alive until the plugin is done with it."""
    if event == NULL:
        return
    try:
        if semantics is not HostBufferSemantics.IMMUTABLE_ONLY_DURING_CALL:
            on_completion(client._api, event, lambda error, array=array: None)
    finally:
        client._api.call("PJRT_Event_Destroy", event=event)
