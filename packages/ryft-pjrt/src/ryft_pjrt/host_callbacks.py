"""Callbacks of running programs: data that a program sends to the host, and data that it receives from there.

A plugin calls them on threads of its own and waits for them, so they should be short. What they raise
fails the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, PjrtError
from ryft_pjrt.events import Event
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client

__all__ = ["CopyToDeviceStream", "ReceiveCallback", "SendCallback", "make_error"]


def make_error(callback_error: CData, error: BaseException) -> CData:
    """Returns a new `PJRT_Error *` for what a callback has raised."""
    code = error.code if isinstance(error, PjrtError) else 13
    message = f"{type(error).__name__}: {error}".encode()
    return lib.ryft_callback_error(callback_error, code, message, len(message))


class SendCallback:
    """Receives the data that a program sends to the host.

    Attributes:
        channel_id: Channel of the program's send operation.
    """

    kind: ClassVar[str] = "send"

    def __init__(self, channel_id: int, function: Callable[[bytes, int, bool], object]) -> None:
        """Makes a callback from `function(data, total_size, is_last)`, which is called for each chunk."""
        self.channel_id = channel_id
        self._function = function

    def fill(self, target: CData, keep: list[object]) -> None:
        """Writes the callback to a `PJRT_SendCallbackInfo`."""
        handle = ffi.new_handle(self)
        keep += [self, handle]
        target.channel_id, target.user_arg, target.send_callback = self.channel_id, handle, lib.ryft_send


@ffi.def_extern()
def ryft_send(chunk: CData, callback_error: CData, total_size: int, done: bool, callback: CData) -> CData:
    """Hands one chunk to the Python function of a send callback."""
    try:
        data = bytes(ffi.buffer(chunk.data, chunk.size)) if chunk.size else b""
        if chunk.deleter != NULL:
            chunk.deleter(chunk.data, chunk.deleter_arg)
        ffi.from_handle(callback)._function(data, total_size, bool(done))
    except BaseException as error:  # Nothing may leave a function that C calls.
        return make_error(callback_error, error)
    return NULL


class CopyToDeviceStream(OwnedObject):
    """Stream of data to a program that receives it from the host."""

    __slots__ = ()

    _subject = "copy-to-device stream"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(api, pointer, "PJRT_CopyToDeviceStream_Destroy")

    def _get(self, function: str) -> CData:
        with self._pin() as pointer:
            return self._api.call(f"PJRT_CopyToDeviceStream_{function}", stream=pointer)

    @property
    def total_byte_count(self) -> int:
        """Number of bytes that the program expects."""
        return self._get("TotalBytes").total_bytes

    @property
    def granule_byte_count(self) -> int:
        """Number of bytes that the size of each chunk must be a multiple of."""
        return self._get("GranuleSize").granule_size_in_bytes

    @property
    def current_byte_count(self) -> int:
        """Number of bytes that were added so far."""
        return self._get("CurrentBytes").current_bytes

    def add_chunk(self, data: bytes | bytearray | memoryview) -> Event[None]:
        """Adds a copy of `data` to the stream, and returns the event of its transfer.

        Raises:
            ArgumentTypeError: If `data` has no contiguous bytes.
            ArgumentError: If its size is not a multiple of the granule, or exceeds what the program expects.
        """
        try:
            view = memoryview(data).cast("B")
        except TypeError as error:
            raise ArgumentTypeError(f"a chunk expected contiguous bytes, but got `{type(data).__name__}`") from error
        granule, left = self.granule_byte_count, self.total_byte_count - self.current_byte_count
        if view.nbytes > left or (granule and view.nbytes % granule):
            raise ArgumentError(
                f"a chunk expected at most {left} byte(s) in granules of {granule}, but got {view.nbytes}"
            )
        chunk = ffi.new("PJRT_Chunk *")
        chunk.data = lib.ryft_copy_value(ffi.from_buffer("char[]", view), view.nbytes)
        chunk.size = view.nbytes
        chunk.deleter = ffi.addressof(lib, "ryft_delete_chunk")
        if chunk.data == NULL:
            raise MemoryError(f"cannot allocate a chunk of {view.nbytes} bytes")
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_CopyToDeviceStream_AddChunk", stream=pointer, chunk=chunk)
        return Event(self._api, arguments.transfer_complete, None)


class ReceiveCallback:
    """Gives a program the data that it receives from the host.

    Attributes:
        channel_id: Channel of the program's receive operation.
    """

    kind: ClassVar[str] = "receive"

    def __init__(self, client: Client, channel_id: int, function: Callable[[CopyToDeviceStream], object]) -> None:
        """Makes a callback from `function(stream)`, which is called once for each execution."""
        self.channel_id = channel_id
        self._api = client._api
        self._function = function

    def fill(self, target: CData, keep: list[object]) -> None:
        """Writes the callback to a `PJRT_RecvCallbackInfo`."""
        handle = ffi.new_handle(self)
        keep += [self, handle]
        target.channel_id, target.user_arg, target.recv_callback = self.channel_id, handle, lib.ryft_receive


@ffi.def_extern()
def ryft_receive(stream: CData, callback: CData) -> None:
    """Hands the stream to the Python function of a receive callback; cffi prints what it raises."""
    receiver = ffi.from_handle(callback)
    receiver._function(CopyToDeviceStream(receiver._api, stream))
