"""The raw buffer extension: the memory of a buffer, without its data type and shape."""

from __future__ import annotations

import numpy

from ryft_pjrt._arguments import check_type
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError
from ryft_pjrt.events import Event
from ryft_pjrt.extensions._handles import Handle
from ryft_pjrt.memories import Memory
from ryft_xla_sys.ffi import CData, ffi

__all__ = ["RawBuffer"]


class RawBuffer(Handle):
    """Memory of a buffer. It stays valid after the buffer is closed.

    What is written to it is seen by the buffer, which is otherwise immutable: write only to what nothing reads.

    Attributes:
        client: Client that the memory belongs to.
    """

    _subject = "raw buffer"

    def __init__(self, buffer: Buffer) -> None:
        """Makes a raw buffer over the memory of `buffer`.

        Raises:
            UnimplementedError: If the plugin does not have the extension, as on the CPU.
        """
        check_type("buffer", buffer, Buffer, "a buffer")
        api = buffer._api
        api.extension_function("RawBuffer", "PJRT_RawBuffer_Destroy")
        with buffer._pin() as pointer:
            found = api.call_extension("RawBuffer", "PJRT_RawBuffer_CreateRawAliasOfBuffer", buffer=pointer)
        self.client = buffer.client
        super().__init__(
            api,
            found.raw_buffer,
            lambda pointer: api.call_extension("RawBuffer", "PJRT_RawBuffer_Destroy", buffer=pointer),
            buffer.client,
        )

    def _call(self, function: str, **fields: object) -> CData:
        with self._pin() as pointer:
            return self._api.call_extension("RawBuffer", f"PJRT_RawBuffer_{function}", buffer=pointer, **fields)

    @property
    def size_in_bytes(self) -> int:
        """Number of bytes on the device, with padding."""
        return self._call("GetOnDeviceSizeInBytes").on_device_size_in_bytes

    @property
    def memory(self) -> Memory:
        """Memory that the bytes are in."""
        with self._pin():
            return self.client._memory(self._call("GetMemorySpace").memory_space)

    def unsafe_host_pointer(self) -> int:
        """Returns the address of the bytes, or 0 if the host cannot access them. Unsafe: nothing keeps it valid.

        Raises:
            UnimplementedError: If the plugin cannot tell.
        """
        return int(ffi.cast("uintptr_t", self._call("GetHostPointer").host_pointer))

    def copy_from_host(self, data: object, offset: int = 0) -> Event[None]:
        """Starts to copy contiguous bytes to the device, at `offset`. They are kept alive, and must not be changed.

        Raises:
            ArgumentError: If the bytes do not fit.
            ArgumentTypeError: If `data` has no contiguous bytes.
        """
        try:
            source = numpy.frombuffer(memoryview(data).cast("B"), numpy.uint8)  # pyright: ignore[reportArgumentType]
        except (TypeError, BufferError) as error:
            raise ArgumentTypeError(f"`data` expected contiguous bytes, but got `{type(data).__name__}`") from error
        self._check(offset, source.nbytes)
        address = ffi.cast("void *", source.__array_interface__["data"][0])
        found = self._call("CopyRawHostToDevice", src=address, offset=offset, transfer_size=source.nbytes)
        return Event(self._api, found.event, None, keep=(source, self))

    def copy_to_host(self, offset: int = 0, size: int | None = None) -> Event[numpy.ndarray]:
        """Starts to copy bytes to the host.

        Args:
            offset: First byte.
            size: Number of bytes, by default all after `offset`.

        Returns:
            Event whose result is an array of the bytes, which must not be read before the event has completed.

        Raises:
            ArgumentError: If there are not so many bytes.
        """
        count = max(self.size_in_bytes - offset, 0) if size is None else size
        self._check(offset, count)
        target = numpy.empty(count, numpy.uint8)
        address = ffi.cast("void *", target.__array_interface__["data"][0])
        found = self._call("CopyRawDeviceToHost", dst=address, offset=offset, transfer_size=count)
        return Event(self._api, found.event, target, keep=(target, self))

    def _check(self, offset: int, size: int) -> None:
        available = self.size_in_bytes
        if not 0 <= offset <= available or not 0 <= size <= available - offset:
            raise ArgumentError(f"expected a range of {available} byte(s), but got {size} from {offset}")
