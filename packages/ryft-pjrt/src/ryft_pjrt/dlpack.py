"""Exchange of arrays with other libraries by DLPack, without copying them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy

from ryft_pjrt._arguments import check_type
from ryft_pjrt._objects import new_capsule, take_capsule
from ryft_pjrt._transfer_functions import transfer_functions
from ryft_pjrt.data_types import BufferType, array_type
from ryft_pjrt.device_buffers import create_view
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, PjrtError, UnimplementedError
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device

__all__ = ["dlpack_device", "from_dlpack", "to_dlpack"]

_CPU, _CUDA, _ROCM = 1, 2, 10
_DEVICE_TYPES: dict[str, int] = {"cpu": _CPU, "cuda": _CUDA, "rocm": _ROCM}

_READ_ONLY, _IS_COPIED = 1, 2

# Kinds of elements, by their DLPack code.
_INTEGER, _UNSIGNED, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6
_CODES: dict[BufferType, int] = {
    kind: {"I": _INTEGER, "U": _UNSIGNED, "F": _FLOAT, "C": _COMPLEX}[kind.name[0]]
    for kind in BufferType
    if kind.name[1:].isdigit()
} | {
    BufferType.BF16: _BFLOAT,
    BufferType.PREDICATE: _BOOL,
    BufferType.F8E3M4: 7,
    BufferType.F8E4M3: 8,
    BufferType.F8E4M3B11FNUZ: 9,
    BufferType.F8E4M3FN: 10,
    BufferType.F8E4M3FNUZ: 11,
    BufferType.F8E5M2: 12,
    BufferType.F8E5M2FNUZ: 13,
    BufferType.F8E8M0FNU: 14,
    BufferType.F6E2M3FN: 15,
    BufferType.F6E3M2FN: 16,
    BufferType.F4E2M1FN: 17,
}
_TYPES: dict[tuple[int, int], BufferType] = {(code, kind.bits): kind for kind, code in _CODES.items()}


def dlpack_device(device: Device) -> tuple[int, int]:
    """Returns the type and the number of a device as DLPack has them.

    Raises:
        UnimplementedError: If DLPack has no number for devices of that platform.
    """
    platform = device.client.platform_name.lower()
    if platform not in _DEVICE_TYPES:
        raise UnimplementedError(f"DLPack has no devices of the platform `{platform}`")
    number = 0 if platform == "cpu" else device.local_hardware_id
    return _DEVICE_TYPES[platform], number or 0


def to_dlpack(
    buffer: Buffer,
    *,
    stream: object,
    max_version: tuple[int, int] | None,
    dl_device: tuple[int, int] | None,
    copy: bool | None,
) -> object:
    """Implements `Buffer.__dlpack__`: waits until the buffer is ready, so any `stream` may read it at once."""
    own_device = dlpack_device(buffer.device)
    for name, pair in (("dl_device", dl_device), ("max_version", max_version)):
        if pair is not None:
            check_type(name, pair, tuple, "a pair of integers")
    if own_device[0] == _CPU and stream is not None:
        raise ArgumentError(f"`stream` expected `None` for a buffer on the CPU, but got {stream!r}")
    if dl_device is not None and tuple(dl_device) != own_device:
        raise BufferError(f"cannot lend a buffer on {buffer.device} to the DLPack device {tuple(dl_device)}")
    if copy:
        with buffer.client.buffer(buffer.to_numpy(), buffer.device) as copied:
            return _lend(copied, own_device, max_version, _IS_COPIED)
    return _lend(buffer, own_device, max_version, _READ_ONLY)


def _lend(buffer: Buffer, own_device: tuple[int, int], max_version: tuple[int, int] | None, flags: int) -> object:
    kind = buffer.type
    if kind.element_type not in _CODES:
        raise UnimplementedError(f"DLPack has no element type `{kind.element_type}`")
    functions = transfer_functions(buffer._api)
    address, error = ffi.new("void **"), ffi.new("PJRT_Error **")
    on_host = own_device[0] == _CPU
    owner = buffer._owner
    status = lib.ryft_view_begin(functions, owner, not on_host, address, error)
    if status == lib.RYFT_VIEW_NOT_READY:
        buffer.block_until_ready()
        status = lib.ryft_view_begin(functions, owner, not on_host, address, error)
    if status != lib.RYFT_VIEW_OK:
        buffer._check_view(status, error[0])
        raise UnimplementedError(f"the memory of a buffer on {buffer.device} is not a dense row-major array")
    shape = ffi.new("int64_t[]", kind.shape)
    tensor = ffi.new(
        "DLTensor *",
        {
            "data": address[0],
            "device": {"device_type": own_device[0], "device_id": own_device[1]},
            "ndim": len(kind.shape),
            "dtype": {"code": _CODES[kind.element_type], "bits": kind.element_type.bits, "lanes": 1},
            "shape": shape,
        },
    )
    versioned = max_version is not None and max_version[0] >= 1
    managed = lib.ryft_dlpack_new(functions, owner, tensor, versioned, flags)
    if managed == NULL:
        lib.ryft_view_end(functions, owner)
        raise MemoryError("cannot allocate a DLPack tensor")
    return new_capsule(int(ffi.cast("uintptr_t", managed)), versioned)


def from_dlpack(client: Client, source: object, device: Device | None, copy: bool | None) -> Buffer:
    """Implements `Client.from_dlpack`."""
    if not hasattr(source, "__dlpack__") or not hasattr(source, "__dlpack_device__"):
        raise ArgumentTypeError(f"`from_dlpack` expected an array with DLPack, but got `{type(source).__name__}`")
    place = _matching_device(client, device, source.__dlpack_device__())  # pyright: ignore[reportAttributeAccessIssue]
    try:
        capsule = source.__dlpack__(max_version=(1, 0))  # pyright: ignore[reportAttributeAccessIssue]
    except TypeError:
        # Producers older than DLPack 1 do not know the argument.
        capsule = source.__dlpack__()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        address, versioned = take_capsule(capsule)
    except ValueError:
        raise ArgumentTypeError(
            f"`from_dlpack` expected `{type(source).__name__}` to lend a DLPack capsule that nobody has taken, "
            f"but got {capsule!r}"
        ) from None
    managed = ffi.cast("DLManagedTensorVersioned *" if versioned else "DLManagedTensor *", address)

    def give_back() -> None:
        if managed.deleter != NULL:
            managed.deleter(managed)

    try:
        buffer, borrowed = _borrow(client, managed.dl_tensor, place, copy, give_back)
    except BaseException:
        give_back()
        raise
    if not borrowed:
        give_back()
    return buffer


def _matching_device(client: Client, device: Device | None, described: tuple[int, int]) -> Device:
    candidates = client.addressable_devices if device is None else (client._placement(device)[0],)
    for candidate in candidates:
        kind, number = dlpack_device(candidate)
        if kind == described[0] and (kind == _CPU or number == described[1]):
            return candidate
    raise ArgumentError(
        f"`from_dlpack` expected an array on a device of client `{client.platform_name}`, "
        f"but got one on the DLPack device {tuple(described)}"
    )


def _borrow(
    client: Client, tensor: CData, device: Device, copy: bool | None, give_back: Callable[[], None]
) -> tuple[Buffer, bool]:
    """Returns a buffer with the contents of the tensor, and whether it borrows the tensor's memory."""
    code = _TYPES.get((tensor.dtype.code, tensor.dtype.bits))
    if code is None or tensor.dtype.lanes != 1:
        raise ArgumentTypeError(
            f"no buffer can have the DLPack data type with code {tensor.dtype.code}, {tensor.dtype.bits} bits "
            f"and {tensor.dtype.lanes} lane(s)"
        )
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = _dense_strides(shape)
    if tensor.strides != NULL:
        strides = tuple(tensor.strides[i] for i in range(tensor.ndim))
    address = int(ffi.cast("uintptr_t", tensor.data)) + tensor.byte_offset
    kind = array_type(code, shape)
    dense = math.prod(shape) == 0 or all(
        size == 1 or stride == expected
        for size, stride, expected in zip(shape, strides, _dense_strides(shape), strict=True)
    )
    if dense and kind.size_in_bits and not copy:
        try:
            buffer = create_view(client, address, code, shape, device, layout=None, stream=0, on_delete=give_back)
        except PjrtError as error:
            # The memory is not aligned as the plugin needs it.
            if copy is False:
                refused = ArgumentError(f"cannot borrow an array of shape {shape} without copying it: {error}")
                refused.add_note("hint: an array of `ryft_pjrt.shareable_array` is aligned as plugins need it")
                raise refused from None
        else:
            return buffer, True
    if copy is False and kind.size_in_bits:
        raise ArgumentError(f"cannot borrow an array of shape {shape} with strides {strides} without copying it")
    if tensor.device.device_type != _CPU:
        raise UnimplementedError(f"cannot copy an array of shape {shape} with strides {strides} on its device")
    if not kind.size_in_bytes:
        return client.buffer(numpy.empty(shape, code.dtype), device), False
    if code.bits < 8:
        raise UnimplementedError(f"cannot copy packed elements of {code}")
    return client.buffer(_host_array(address, code, shape, strides), device), False


def _host_array(address: int, code: BufferType, shape: tuple[int, ...], strides: tuple[int, ...]) -> numpy.ndarray:
    """Returns a view of memory on the host, whose strides count elements."""
    item_size = code.dtype.itemsize
    extents = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    lowest = sum(extent for extent in extents if extent < 0)
    span = sum(abs(extent) for extent in extents) + 1
    memory = ffi.buffer(ffi.cast("char *", address + lowest * item_size), span * item_size)
    return numpy.ndarray(
        shape,
        code.dtype,
        memory,
        offset=-lowest * item_size,
        strides=tuple(stride * item_size for stride in strides),
    )


def _dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
