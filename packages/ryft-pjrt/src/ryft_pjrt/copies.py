"""What a buffer can be turned into: copies in other memories, raw bytes, reinterpretations, donations."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy

from ryft_pjrt._arguments import check_element_type, check_type
from ryft_pjrt._objects import BufferBase
from ryft_pjrt._owners import Owned
from ryft_pjrt.data_types import array_type, dimensions, element_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, PjrtError, error_to_c
from ryft_pjrt.events import Event
from ryft_pjrt.layouts import Layout, TiledLayout, layout_to_c, read_layout
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device
    from ryft_pjrt.memories import Memory

__all__ = ["Claim", "Copies", "Dependency", "RawCopy"]


class Copies(BufferBase, Owned):
    """Base of `Buffer` with the functions that copy it or turn it into another buffer."""

    __slots__ = ()

    def to_numpy(self) -> numpy.ndarray:
        """Waits for the array, and returns a new copy of it on the host."""
        raise NotImplementedError

    def copy_to_device(self, device: Device) -> Buffer:
        """Returns a copy in the default memory of another device of the same client, ready at some later time.

        Raises:
            ArgumentError: If the device belongs to another client, or the buffer is on it already.
        """
        device, memory = self.client._placement(device)
        if memory is not None:
            return self.copy_to_memory(memory)
        if device is self.device:
            raise ArgumentError(f"`copy_to_device` expected another device, but the buffer is on {device} already")
        if self._is_arranged():
            return self.client.buffer(self.to_numpy(), device)
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Buffer_CopyToDevice", buffer=pointer, dst_device=device._handle)
            return self.client._own_buffer(arguments.dst_buffer, self.type, device)

    def copy_to_memory(self, memory: Memory) -> Buffer:
        """Returns a copy in a memory of the same client, ready at some later time.

        Raises:
            ArgumentError: If the memory belongs to another client.
        """
        device, memory_or_none = self.client._placement(memory)
        target = device.default_memory if memory_or_none is None else memory_or_none
        if self._is_arranged():
            return self.client.buffer(self.to_numpy(), target)
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Buffer_CopyToMemory", buffer=pointer, dst_memory=target._handle)
            return self.client._own_buffer(arguments.dst_buffer, self.type, device)

    def _is_arranged(self) -> bool:
        """Returns whether the CPU plugin would forget the order of the dimensions when it copies the array."""
        if self.client.platform_name != "cpu":
            return False
        layout = self.layout
        return isinstance(layout, TiledLayout) and not layout.is_row_major

    @property
    def layout(self) -> Layout:
        """Layout of the array in its memory."""
        with self._pin() as pointer:
            return read_layout(self._api.call("PJRT_Buffer_GetMemoryLayout", buffer=pointer).layout)

    @property
    def size_in_bytes(self) -> int:
        """Number of bytes that the array takes on its device, with its padding."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Buffer_OnDeviceSizeInBytes", buffer=pointer).on_device_size_in_bytes

    def _raw_range(self, offset: int, size: int | None) -> tuple[int, int]:
        total = self.size_in_bytes
        try:
            start = operator.index(offset)
            count = total - start if size is None else operator.index(size)
        except TypeError:
            raise ArgumentTypeError(f"expected integers, but got offset {offset!r} and size {size!r}") from None
        if start < 0 or count < 0 or start + count > total:
            raise ArgumentError(
                f"a raw copy expected a range within the {total} byte(s) of the buffer, "
                f"but got offset {start} and size {count}"
            )
        return start, count

    def copy_raw_to_host(self, offset: int = 0, size: int | None = None) -> Event[numpy.ndarray]:
        """Starts to copy bytes of the array, as they are in the memory of the device.

        Args:
            offset: First byte to copy.
            size: Number of bytes to copy. Defaults to all that follow.

        Returns:
            Event whose result is the array of bytes, which must not be read before the event has completed.

        Raises:
            ArgumentError: If the range is not within the array.
        """
        start, count = self._raw_range(offset, size)
        target = numpy.empty(count, numpy.uint8)
        with self._pin() as pointer:
            arguments = self._api.call(
                "PJRT_Buffer_CopyRawToHost",
                buffer=pointer,
                dst=ffi.cast("void *", target.__array_interface__["data"][0]),
                offset=start,
                transfer_size=count,
            )
        return Event(self._api, arguments.event, target, keep=target)

    def copy_raw_to_host_later(self) -> RawCopy:
        """Prepares to copy all bytes of the array into memory that is given later: see `RawCopy`.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.84.
        """
        with self._pin() as pointer:
            return RawCopy(self, pointer, self.size_in_bytes)

    def bitcast(self, dtype: object, shape: Sequence[int], layout: Layout | None = None) -> Buffer:
        """Returns a buffer that shares the memory of this one, as an array of another type and shape.

        Raises:
            ArgumentError: If the new array would not have the same number of bytes.
            UnimplementedError: If the plugin is older than PJRT API 0.98.
        """
        target = array_type(element_type(dtype), dimensions(shape))
        check_element_type(target.element_type, self._api)
        if target.size_in_bits != self.type.size_in_bits:
            raise ArgumentError(
                f"`bitcast` expected a type of {self.type.size_in_bits} bits like {self.type}, "
                f"but {target} has {target.size_in_bits}"
            )
        sizes = ffi.new("int64_t[]", target.shape)
        layout_pointer, _keep = (NULL, ()) if layout is None else layout_to_c(layout, len(target.shape))
        with self._pin() as pointer:
            arguments = self._api.call(
                "PJRT_Buffer_Bitcast",
                buffer=pointer,
                element_type=target.element_type,
                dims=sizes,
                num_dims=len(target.shape),
                device_layout=layout_pointer,
            )
            return self.client._own_buffer(arguments.out_buffer, target, self.device)

    def donate_with_control_dependency(self) -> tuple[Buffer, Dependency]:
        """Gives this buffer up for a new one, which is ready once this one was and the dependency is fulfilled.

        Raises:
            BufferInUseError: If a call or a view of its memory is using this buffer.
            UnimplementedError: If the plugin is older than PJRT API 0.88, or does not offer it.
        """
        self._api.function("PJRT_Buffer_DonateWithControlDependency")
        with Claim(self) as claim:
            dependency = Dependency(self.client, claim.pointer)
            claim.consumed = True
            buffer = self.client._own_buffer(dependency._out_buffer, self.type, self.device)
        return buffer, dependency


class Claim:
    """Takes a buffer for a call that consumes it. Unless `consumed` is set, it is given back when the block ends."""

    __slots__ = ("_buffer", "consumed", "pointer")

    def __init__(self, buffer: Copies) -> None:
        self._buffer = buffer
        self.consumed = False

    def __enter__(self) -> Self:
        self.pointer = lib.ryft_owner_claim(self._buffer._owner)
        if self.pointer == NULL:
            if self._buffer.closed:
                raise self._buffer._closed_error()
            raise BufferInUseError("a buffer cannot be donated because a view of its memory, or a call, is using it")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        lib.ryft_owner_settle(self._buffer._owner, self.consumed)


class _Promise:
    """Callback of the plugin that must be called once, and before its client is destroyed, which waits for that."""

    __slots__ = ("__weakref__", "_arguments", "_client")

    _struct: ClassVar[str]
    _callback: ClassVar[str]
    _again: ClassVar[str]
    _dropped: ClassVar[str]

    def __init__(self, client: Client, function: str, **fields: object) -> None:
        self._client = client
        self._arguments: CData | None = None
        pin = client._pin()
        pin.__enter__()
        try:
            self._arguments = client._api.call(function, **fields)
        except BaseException:
            pin.__exit__(None, None, None)
            raise
        client._promises.add(self)

    def _keep(self, error: PjrtError | None, **fields: object) -> None:
        code, message, size = (0, NULL, 0) if error is None else error_to_c(error)
        if lib.ryft_owner_is_forked(self._client._owner):
            raise self._client._closed_error()
        arguments, self._arguments = self._arguments, None
        if arguments is None:
            raise self._client._closed_error() if self._client.closed else ArgumentError(self._again)
        values = {"error_code": code, "error_message": message, "error_message_size": size, **fields}
        call = ffi.new(f"{self._struct} *", {"callback_data": arguments.callback_data, **values})
        call.struct_size = getattr(lib, f"{self._struct}_STRUCT_SIZE")
        try:
            getattr(arguments, self._callback)(call)
        finally:
            lib.ryft_owner_unpin(self._client._owner)

    def drop(self) -> None:
        """Gives the promise up, if it was not kept: what waits for it fails."""
        if self._arguments is not None and not lib.ryft_owner_is_forked(self._client._owner):
            self._keep(PjrtError(self._dropped))

    def __del__(self) -> None:
        if getattr(self, "_arguments", None) is not None:
            self.drop()


class Dependency(_Promise):
    """What a donated buffer waits for. It must be fulfilled, or failed, once; if collected before, it fails."""

    __slots__ = ("_out_buffer",)

    _struct = "PJRT_Buffer_DonateWithControlDependency_Callback_Args"
    _callback = "dependency_ready_callback"
    _again = "`Dependency` expected to be fulfilled once, but it was fulfilled before"
    _dropped = "the dependency of a donated buffer was dropped without being fulfilled"

    def __init__(self, client: Client, pointer: CData) -> None:
        """Donates the buffer behind a pointer that the caller has claimed."""
        super().__init__(client, "PJRT_Buffer_DonateWithControlDependency", buffer=pointer)
        self._out_buffer: CData = self._arguments.out_buffer if self._arguments is not None else NULL

    def fulfill(self, error: PjrtError | None = None) -> None:
        """Lets the new buffer become ready, or gives it an error.

        Raises:
            ArgumentError: If that was done before.
        """
        self._keep(error)


class RawCopy(_Promise):
    """Copy of a buffer's bytes into memory that is given later, with `start` or `fail`, once.

    Attributes:
        done: Event that completes when the bytes have been copied, or when that failed.
        size: Number of bytes that will be copied.
    """

    __slots__ = ("_kept", "done", "size")

    _struct = "PJRT_Buffer_CopyRawToHostFuture_Callback_Args"
    _callback = "future_ready_callback"
    _again = "`RawCopy` expected to be started or failed once, but it was before"
    _dropped = "a raw copy was dropped without being started"

    def __init__(self, buffer: Copies, pointer: CData, size: int) -> None:
        """Prepares the copy of the buffer behind a pointer that the caller has pinned."""
        super().__init__(buffer.client, "PJRT_Buffer_CopyRawToHostFuture", buffer=pointer, transfer_size=size)
        self.size = size
        self._kept: list[object] = [buffer]
        event = self._arguments.event if self._arguments is not None else NULL
        self.done: Event[None] = Event(buffer._api, event, None, keep=self._kept)

    def start(self, target: numpy.ndarray) -> None:
        """Copies the bytes into a writeable C-contiguous array of bytes.

        Raises:
            ArgumentError: If the array does not fit, or the copy was started or failed before.
        """
        check_type("target", target, numpy.ndarray, "a NumPy array")
        if target.nbytes != self.size or not target.flags.carray:
            raise ArgumentError(
                f"`target` expected a writeable C-contiguous array of {self.size} bytes, but got {target.nbytes} bytes"
            )
        self._kept.append(target)
        self._keep(None, dst=ffi.cast("void *", target.__array_interface__["data"][0]))

    def fail(self, error: PjrtError) -> None:
        """Gives the copy up: the event completes with the error.

        Raises:
            ArgumentError: If the copy was started or failed before.
        """
        check_type("error", error, PjrtError, "a `PjrtError`")
        self._keep(error)
