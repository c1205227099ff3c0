"""The stream extension: ordering the work of other libraries before or after that of the plugin."""

from __future__ import annotations

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.devices import Device
from ryft_xla_sys.ffi import ffi

__all__ = ["stream_for_external_ready_events", "wait_until_ready_on_stream"]


def stream_for_external_ready_events(device: Device) -> int:
    """Returns the stream of a device on which other libraries signal that their data is ready.

    A stream is the platform's own handle, for example a `CUstream`, as an integer.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    check_type("device", device, Device, "a device")
    with device.client._pin():
        return int(device._api.call_extension("Stream", "get_stream", device=device._handle).stream)


def wait_until_ready_on_stream(buffer: Buffer, stream: int) -> None:
    """Makes a stream wait for the contents of a buffer. It returns at once.

    Unsafe in that nothing can tell whether a number is a stream.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    check_type("buffer", buffer, Buffer, "a buffer")
    check_integer("stream", stream, 0, 2**64 - 1)
    with buffer._pin() as pointer:
        buffer._api.call_extension("Stream", "wait_stream", stream=int(ffi.cast("intptr_t", stream)), buffer=pointer)
