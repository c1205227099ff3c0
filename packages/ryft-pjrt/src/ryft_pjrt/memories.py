"""Memories that devices can use, and the statistics of their use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ryft_pjrt.errors import ClosedError
from ryft_xla_sys.ffi import CData, ffi, text

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device

__all__ = ["Memory", "MemoryStatistics", "read_memory_statistics"]


class Memory:
    """Memory that one or more devices of a client can use. It is valid as long as that client is open.

    Attributes:
        client: Client that the memory belongs to.
    """

    def __init__(self, client: Client, handle: CData) -> None:
        self.client = client
        self._api = client._api
        self._handle = handle

    @cached_property
    def id(self) -> int:
        """Number of the memory, unique among the client's memories."""
        with self.client._pin():
            return self._api.call("PJRT_Memory_Id", memory=self._handle).id

    @cached_property
    def kind(self) -> str:
        """Name of the kind of memory, for example `device` or `pinned_host`."""
        with self.client._pin():
            arguments = self._api.call("PJRT_Memory_Kind", memory=self._handle)
            return text(arguments.kind, arguments.kind_size)

    @cached_property
    def kind_id(self) -> int:
        """Number of the kind of memory."""
        with self.client._pin():
            return self._api.call("PJRT_Memory_Kind_Id", memory=self._handle).kind_id

    @cached_property
    def addressable_by_devices(self) -> tuple[Device, ...]:
        """Devices that can use the memory."""
        with self.client._pin():
            arguments = self._api.call("PJRT_Memory_AddressableByDevices", memory=self._handle)
            return tuple(self.client._device(arguments.devices[i]) for i in range(arguments.num_devices))

    @property
    def default_memory(self) -> Memory:
        """This memory itself, so that functions take a device or a memory alike."""
        return self

    @cached_property
    def _strings(self) -> tuple[str, str]:
        with self.client._pin():
            short = self._api.call("PJRT_Memory_ToString", memory=self._handle)
            debug = self._api.call("PJRT_Memory_DebugString", memory=self._handle)
            return text(short.to_string, short.to_string_size), text(debug.debug_string, debug.debug_string_size)

    def __str__(self) -> str:
        try:
            return self._strings[0]
        except ClosedError:
            return "Memory(closed)"

    def __repr__(self) -> str:
        try:
            return f"Memory[{self._strings[1]}]"
        except ClosedError:
            return "Memory(closed)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Memory):
            return NotImplemented
        return self is other or (self.client is other.client and self._handle == other._handle)

    def __hash__(self) -> int:
        return hash(int(ffi.cast("intptr_t", self._handle)))


@dataclass(frozen=True, kw_only=True)
class MemoryStatistics:
    """Use of a device's memory. What the platform does not count is `None`."""

    bytes_in_use: int
    peak_bytes_in_use: int | None = None
    allocation_count: int | None = None
    largest_allocation_size: int | None = None
    bytes_limit: int | None = None
    reserved_bytes: int | None = None
    peak_reserved_bytes: int | None = None
    reservable_bytes_limit: int | None = None
    largest_free_block_bytes: int | None = None
    pool_bytes: int | None = None
    peak_pool_bytes: int | None = None


_STATISTICS: dict[str, str] = {
    "peak_bytes_in_use": "peak_bytes_in_use",
    "allocation_count": "num_allocs",
    "largest_allocation_size": "largest_alloc_size",
    "bytes_limit": "bytes_limit",
    "reserved_bytes": "bytes_reserved",
    "peak_reserved_bytes": "peak_bytes_reserved",
    "reservable_bytes_limit": "bytes_reservable_limit",
    "largest_free_block_bytes": "largest_free_block_bytes",
    "pool_bytes": "pool_bytes",
    "peak_pool_bytes": "peak_pool_bytes",
}


def read_memory_statistics(arguments: CData) -> MemoryStatistics:
    """Returns the statistics in a filled `PJRT_Device_MemoryStats_Args`."""
    optional = {
        name: getattr(arguments, field) for name, field in _STATISTICS.items() if getattr(arguments, f"{field}_is_set")
    }
    return MemoryStatistics(bytes_in_use=arguments.bytes_in_use, **optional)
