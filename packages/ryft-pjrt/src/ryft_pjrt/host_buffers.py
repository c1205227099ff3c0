"""Buffers made from arrays on the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy

from ryft_pjrt._arguments import check_element_type, check_type
from ryft_pjrt._completions import on_completion
from ryft_pjrt._transfer_functions import transfer_functions
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.data_types import ArrayType, array_type, dimensions, element_type
from ryft_pjrt.device_buffers import create_view
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, UnimplementedError
from ryft_pjrt.layouts import Layout, TiledLayout, layout_to_c
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device
    from ryft_pjrt.memories import Memory

__all__ = ["HostBufferSemantics", "array_from_bytes", "buffer_from_host", "shareable_array"]


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


_ALIGNMENT = 64  # What the CPU plugin needs of memory that it shares.
_LARGE = 2**20  # Bytes from which on our own copy is worth its overhead.

_NEW_ARGUMENTS = ffi.typeof("PJRT_Client_BufferFromHostBuffer_Args *")
_NEW_SIZES = ffi.typeof("int64_t[]")


def _host_array(array_like: object, dtype: object) -> numpy.ndarray:
    """Returns `array_like` as an array of a data type that a device can have, without copying where possible."""
    if type(array_like) is numpy.ndarray and dtype is None:
        array = array_like
    else:
        if dtype is not None:
            dtype = element_type(dtype).dtype
        try:
            array = numpy.asarray(array_like, dtype=dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
        except (TypeError, ValueError, OverflowError) as error:
            name = type(array_like).__name__
            raise ArgumentTypeError(f"cannot make an array of device data from `{name}`: {error}") from None
    if array.dtype.isnative and array.flags.aligned:
        return array
    element_type(array.dtype)
    return numpy.require(array, array.dtype.newbyteorder("="), "A")


def array_from_bytes(data: object, dtype: object, shape: object) -> numpy.ndarray:
    """Returns the array of a data type and shape that lies in an object with bytes, without copying it.

    Raises:
        ArgumentError: If the object has another number of bytes than such an array.
        ArgumentTypeError: If the object has no bytes.
    """
    code = element_type(dtype)
    sizes = dimensions(shape)  # pyright: ignore[reportArgumentType]
    try:
        view = memoryview(data).cast("B")  # pyright: ignore[reportArgumentType]
    except TypeError as error:
        raise ArgumentTypeError(f"expected contiguous bytes, but got `{type(data).__name__}`: {error}") from None
    expected = math.prod(sizes) * code.dtype.itemsize
    if view.nbytes != expected:
        raise ArgumentError(f"{array_type(code, sizes)} expected {expected} byte(s), but got {view.nbytes}")
    return numpy.frombuffer(view, numpy.uint8).view(code.dtype).reshape(sizes)


def _fill(arguments: CData, array: numpy.ndarray, array_kind: ArrayType) -> CData:
    """Describes the host array in the arguments, and returns what must stay alive during the call."""
    rank = array.ndim
    sizes = ffi.new(_NEW_SIZES, 2 * rank)
    for i, size in enumerate(array.shape):
        sizes[i] = size
    arguments.data = ffi.cast("void *", array.__array_interface__["data"][0])
    arguments.type = array_kind.element_type
    arguments.dims = sizes
    arguments.num_dims = rank
    if not array.flags.c_contiguous:
        for i, stride in enumerate(array.strides):
            sizes[rank + i] = stride
        arguments.byte_strides = sizes + rank
        arguments.num_byte_strides = rank
    return sizes


def buffer_from_host(
    client: Client,
    array_like: object,
    place: Device | Memory | None,
    dtype: object,
    semantics: HostBufferSemantics,
    layout: Layout | None,
) -> Buffer:
    """Implements `Client.buffer`."""
    check_type("host_buffer_semantics", semantics, HostBufferSemantics, "one of `HostBufferSemantics`")
    array = _host_array(array_like, dtype)
    array_kind = array_type(element_type(array.dtype), array.shape)
    check_element_type(array_kind.element_type, client._api)
    if array_kind.element_type.bits < 8 and not array.flags.c_contiguous:
        # Packing elements of less than a byte needs them side by side.
        array = numpy.ascontiguousarray(array)
    if semantics is HostBufferSemantics.MUTABLE_ZERO_COPY and not array.flags.writeable:
        raise ArgumentError("`MUTABLE_ZERO_COPY` expected a writeable array, but got a read-only one")
    if isinstance(layout, TiledLayout) and array.size and not layout.is_row_major and client.platform_name == "cpu":
        return _arranged(client, array, array_kind, place, layout)
    device, memory = client._placement(place)
    arguments = ffi.new(_NEW_ARGUMENTS)
    keep = [_fill(arguments, array, array_kind)]
    if layout is not None:
        arguments.device_layout, kept = layout_to_c(layout, array.ndim)
        keep += kept
    if memory is None:
        arguments.device = device._handle
    else:
        arguments.memory = memory._handle
    arguments.host_buffer_semantics = semantics
    error = ffi.new("PJRT_Error **")
    done = NULL
    if layout is None and memory is None and _is_better_copied_here(client, array, semantics):
        owner = lib.ryft_buffer_from_host_copy(
            transfer_functions(client._api),
            client._owner,
            arguments,
            array_kind.index,
            device._handle,
            array.nbytes,
            error,
        )
    else:
        if semantics != HostBufferSemantics.IMMUTABLE_ONLY_DURING_CALL:
            done = ffi.new("PJRT_Event **")
        owner = lib.ryft_buffer_from_host(
            transfer_functions(client._api), client._owner, arguments, array_kind.index, device._handle, done, error
        )
    if owner == NULL:
        raise client._failure(error[0], "PJRT_Client_BufferFromHostBuffer")
    buffer = client._adopt_buffer(owner, array_kind, device)
    if done != NULL:
        _release_later(client, done[0], array)
    return buffer


def _arranged(
    client: Client, array: numpy.ndarray, array_kind: ArrayType, place: Device | Memory | None, layout: TiledLayout
) -> Buffer:
    """Returns a buffer with another order of its dimensions: the CPU plugin notes the order, but does not apply it."""
    layout_to_c(layout, array.ndim)
    if layout.tiles or array_kind.element_type.bits < 8:
        raise UnimplementedError(f"the CPU plugin cannot have host data in the layout {layout} of {array_kind}")
    axes = layout.minor_to_major[::-1]
    storage = shareable_array([array.shape[axis] for axis in axes], array.dtype)
    storage[...] = array.transpose(axes)
    address = storage.__array_interface__["data"][0]
    return create_view(
        client,
        address,
        array_kind.element_type,
        array.shape,
        place,
        layout=layout,
        stream=0,
        on_delete=lambda kept=storage: None,
    )


def _is_better_copied_here(client: Client, array: numpy.ndarray, semantics: HostBufferSemantics) -> bool:
    """Returns whether the plugin would copy a large array: where device memory is the host's, we do that faster."""
    if array.nbytes < _LARGE or not array.flags.c_contiguous or client.platform_name != "cpu":
        return False
    if element_type(array.dtype).bits < 8:
        return False
    shareable = array.__array_interface__["data"][0] % _ALIGNMENT == 0
    return semantics < HostBufferSemantics.IMMUTABLE_ZERO_COPY or not shareable


def shareable_array(shape: int | Sequence[int], dtype: object = numpy.float32) -> numpy.ndarray:
    """Returns an uninitialized host array whose memory buffers can share: NumPy's own arrays are often not aligned so.

    Raises:
        ArgumentError: If a dimension is negative.
        ArgumentTypeError: If no device array can have the data type.
    """
    sizes = dimensions(shape)
    target = element_type(dtype).dtype
    size = math.prod(sizes) * target.itemsize
    memory = numpy.empty(size + _ALIGNMENT, numpy.uint8)
    start = -memory.__array_interface__["data"][0] % _ALIGNMENT
    return memory[start : start + size].view(target).reshape(sizes)


def _release_later(client: Client, event: CData, array: numpy.ndarray) -> None:
    """Keeps the host array alive until the plugin is done with it."""
    if event == NULL:
        return
    try:
        on_completion(client._api, event, lambda error, array=array: None)
    finally:
        client._api.call("PJRT_Event_Destroy", event=event)
