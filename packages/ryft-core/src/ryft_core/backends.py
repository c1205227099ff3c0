"""The client that runs programs: the CPU plugin's, unless another is chosen."""

from __future__ import annotations

from threading import Lock
from typing import Any

import ryft_pjrt

__all__ = ["default_client", "set_default_client"]

_LOCK = Lock()
_CLIENT: list[Any] = []


def default_client() -> Any:
    """Returns the client that arrays are made on and programs are compiled for; the CPU's is made on first use."""
    if not _CLIENT:
        with _LOCK:
            if not _CLIENT:
                _CLIENT.append(ryft_pjrt.load_cpu_plugin().client())
    return _CLIENT[0]


def set_default_client(client: Any) -> None:
    """Makes `client` the one that new arrays and programs use."""
    with _LOCK:
        _CLIENT[:] = [client]
