"""Views of device memory: they keep the memory alive and prevent its donation, without copying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_pjrt._transfer_functions import transfer_functions
from ryft_pjrt.errors import UnimplementedError
from ryft_xla_sys.ffi import CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer

__all__ = ["DeviceMemory", "view_on_host"]


class DeviceMemory:
    """Use of the memory of a buffer by something other than PJRT. The memory lives at least as long as this object.

    Attributes:
        address: Address of the memory on its device.
        size: Number of bytes.
        buffer: Buffer that the memory belongs to.
    """

    __slots__ = ("_functions", "_owner", "address", "buffer", "size")

    def __init__(self, buffer: Buffer, *, on_host: bool) -> None:
        """Waits until `buffer` is ready, and takes a reference to its memory.

        Raises:
            UnimplementedError: If the memory has no address, or `on_host` and the host cannot read it as a row-major
                array.
            PjrtError: If what computes the buffer failed.
        """
        self._owner: CData = None
        self._functions = transfer_functions(buffer._api)
        owner = buffer._owner
        address, error = ffi.new("void **"), ffi.new("PJRT_Error **")
        status = lib.ryft_view_begin(self._functions, owner, not on_host, address, error)
        if status == lib.RYFT_VIEW_NOT_READY:
            buffer.block_until_ready()
            status = lib.ryft_view_begin(self._functions, owner, not on_host, address, error)
        if status != lib.RYFT_VIEW_OK:
            buffer._check_view(status, error[0])
            raise UnimplementedError(f"the memory of a buffer on {buffer.device} cannot be read by the host directly")
        self._owner = owner
        self.buffer = buffer
        self.address = int(ffi.cast("uintptr_t", address[0]))
        self.size = buffer.type.size_in_bytes

    def __repr__(self) -> str:
        return f"DeviceMemory({self.buffer!r}, address={self.address:#x})"

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "shape": (self.size,), "typestr": "|u1", "data": (self.address, True)}

    def __del__(self, end: CData = lib.ryft_view_end) -> None:
        if self._owner is not None:
            end(self._functions, self._owner)


def view_on_host(buffer: Buffer) -> numpy.ndarray:
    """Implements `Buffer.host_view`."""
    kind = buffer.type
    if 0 < kind.element_type.bits < 8:
        raise UnimplementedError(f"elements of {kind.element_type} are packed in memory, so NumPy cannot view them")
    memory = DeviceMemory(buffer, on_host=True)
    if not memory.size:
        empty = numpy.empty(kind.shape, kind.dtype)
        empty.flags.writeable = False
        return empty
    return numpy.asarray(memory).view(kind.dtype).reshape(kind.shape)
