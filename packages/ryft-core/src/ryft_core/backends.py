"""The client that runs programs: the CPU plugin's, unless another is chosen."""

from __future__ import annotations

from threading import Lock

from ryft_core.errors import ArgumentError, ArgumentTypeError, hinted
from ryft_pjrt import Client, CpuClientOptions, load_cpu_plugin

__all__ = ["default_client", "set_default_client"]

_LOCK = Lock()
_CLIENT: list[Client] = []


def default_client() -> Client:
    """Returns the client that arrays are made on and programs are compiled for.

    Unless `set_default_client` chose another, it is one of the CPU plugin with one device, made on first use. More
    devices would make its threads compete for the processor.
    """
    if not _CLIENT:
        with _LOCK:
            if not _CLIENT:
                _CLIENT.append(load_cpu_plugin().client(CpuClientOptions(device_count=1)))
    return _CLIENT[0]


def set_default_client(client: Client) -> None:
    """Makes `client` the one that arrays are made on and programs are compiled for.

    To be called before the first array is made: arrays and compiled programs stay with their client. For example,
    `set_default_client(ryft.pjrt.load_cuda_13_plugin().client())` runs everything on GPUs, and
    `set_default_client(ryft.pjrt.load_cpu_plugin().client(CpuClientOptions(device_count=8)))` on eight CPU devices.

    Raises:
        ArgumentTypeError: If `client` is no client.
        ArgumentError: If another client is in use already, or `client` is closed.
    """
    if not isinstance(client, Client):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise hinted(
            ArgumentTypeError(f"`set_default_client` expected a `Client`, but got a `{type(client).__name__}`"),
            "make one of a plugin: `ryft.pjrt.load_cuda_13_plugin().client()`",
        )
    if client.closed:
        raise ArgumentError("`set_default_client` expected a client that is open, but got one that was closed")
    with _LOCK:
        if _CLIENT and _CLIENT[0] is not client:
            raise hinted(
                ArgumentError(
                    f"`set_default_client` was called with a client of platform `{client.platform_name}`, but one of "
                    f"platform `{_CLIENT[0].platform_name}` is in use already"
                ),
                "call it before the first array is made, or put arrays on a device with `device_put`",
            )
        _CLIENT[:] = [client]
