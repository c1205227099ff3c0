"""Buffers: arrays in the memory of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import CData, ffi, lib

from ryft_pjrt._objects import BufferBase
from ryft_pjrt._owners import Owned
from ryft_pjrt.data_types import BufferType, array_type
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.events import Event

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.memories import Memory

__all__ = ["Buffer"]


class Buffer(BufferBase, Owned):
    """Array in the memory of one device. Use it as a context manager to free that memory early.

    A buffer is immutable, and ready at some later time: functions that read it wait for it. It is dead once closed,
    donated, or once its client is closed; using it then raises `ClosedError`.

    Attributes:
        type: Element type and shape.
        device: Device whose memory holds the array.
        client: Client that the buffer belongs to.
    """

    __slots__ = ()

    _subject = "buffer"

    @property
    def _owner(self) -> CData:
        return ffi.cast("ryft_owner *", self._owner_address)

    @property
    def _api(self) -> Api:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.client._api

    @classmethod
    def from_c_api(cls, client: Client, pointer: CData) -> Buffer:
        """Wraps and takes ownership of a `PJRT_Buffer *`. Unsafe: the pointer must not be owned by anything else."""
        api = client._api
        try:
            code = api.call("PJRT_Buffer_ElementType", buffer=pointer).type
            sizes = api.call("PJRT_Buffer_Dimensions", buffer=pointer)
            type = array_type(code, tuple(ffi.unpack(sizes.dims, sizes.num_dims)) if sizes.num_dims else ())  # noqa: A001
            device = client._device(api.call("PJRT_Buffer_Device", buffer=pointer).device)
        except BaseException:
            api.call("PJRT_Buffer_Destroy", buffer=pointer)
            raise
        return client._own_buffer(pointer, type, device)

    @property
    def element_type(self) -> BufferType:
        """Element type of the array."""
        return self.type.element_type

    @property
    def dtype(self) -> numpy.dtype:
        """NumPy data type of the array."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the array."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the array."""
        return len(self.type.shape)

    @property
    def memory(self) -> Memory:
        """Memory that holds the array."""
        with self._pin() as pointer:
            return self.client._memory(self._api.call("PJRT_Buffer_Memory", buffer=pointer).memory)

    def ready(self) -> Event[Buffer]:
        """Returns the event that completes when the array has been computed or transferred."""
        with self._pin() as pointer:
            event = self._api.call("PJRT_Buffer_ReadyEvent", buffer=pointer).event
            return Event(self._api, event, self)

    def block_until_ready(self) -> Buffer:
        """Waits until the array has been computed or transferred, and returns this buffer.

        Raises:
            PjrtError: If what computes the array failed.
        """
        with self.ready() as event:
            event.wait()
        return self

    def copy_to_host(self, out: numpy.ndarray | None = None) -> Event[numpy.ndarray]:
        """Starts to copy the array to the host, in row-major order.

        Args:
            out: C-contiguous array of the same data type and shape to copy into. Without one, a new array is made.

        Returns:
            Event whose result is the array on the host, which must not be read before the event has completed.

        Raises:
            ArgumentError: If `out` does not fit.
        """
        target = numpy.empty(self.shape, self.dtype) if out is None else out
        if out is not None and (out.dtype != self.dtype or out.shape != self.shape or not out.flags.carray):
            raise ArgumentError(
                f"`out` expected a writeable C-contiguous array of {self.dtype} {self.shape}, "
                f"but got {out.dtype} {out.shape}"
            )
        with self._pin() as pointer:
            event = self._start_copy(pointer, target)
        return Event(self._api, event, target, keep=target)

    def _start_copy(self, pointer: CData, target: numpy.ndarray) -> CData:
        layout = ffi.new("PJRT_Buffer_MemoryLayout *")
        layout.struct_size = lib.PJRT_Buffer_MemoryLayout_STRUCT_SIZE
        layout.type = lib.PJRT_Buffer_MemoryLayout_Type_Tiled
        layout.tiled.struct_size = lib.PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE
        order = ffi.new("int64_t[]", list(range(target.ndim - 1, -1, -1)))
        layout.tiled.minor_to_major, layout.tiled.minor_to_major_size = order, target.ndim
        arguments = self._api.call(
            "PJRT_Buffer_ToHostBuffer",
            src=pointer,
            host_layout=layout,
            dst=ffi.cast("void *", target.ctypes.data),
            dst_size=target.nbytes,
        )
        return arguments.event

    def to_numpy(self) -> numpy.ndarray:
        """Waits for the array, and returns a new copy of it on the host.

        Raises:
            PjrtError: If what computes the array failed.
        """
        with self.copy_to_host() as event:
            return event.wait()

    def __array__(self, dtype: object = None, copy: bool | None = None) -> numpy.ndarray:
        array = self.to_numpy()
        return array if dtype is None else array.astype(dtype, copy=False)  # pyright: ignore[reportArgumentType]

    def delete(self) -> None:
        """Frees the memory of the array, the same as `close`."""
        self.close()

    def __repr__(self) -> str:
        return f"Buffer({self.type}{', closed' if self.closed else ''})"
