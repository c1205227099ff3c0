"""The host allocator extension: memory of the host that a device can transfer from fast."""

from __future__ import annotations

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.clients import Client
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.extensions._handles import HostMemory
from ryft_xla_sys.ffi import CData

__all__ = ["allocate_host_memory", "preferred_alignment"]


def preferred_alignment(client: Client) -> int:
    """Returns the alignment, in bytes, that memory should have.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    check_type("client", client, Client, "a client")
    with client._pin() as pointer:
        arguments = client._api.call_extension("HostAllocator", "get_preferred_alignment", client=pointer)
        return arguments.preferred_alignment


def allocate_host_memory(client: Client, size: int, alignment: int | None = None) -> HostMemory:
    """Allocates memory.

    Args:
        client: Client whose devices will use the memory.
        size: Number of bytes.
        alignment: Alignment in bytes, a power of two. Defaults to the preferred one.

    Raises:
        ArgumentError: If the size or the alignment is not valid.
        ResourceExhaustedError: If there is not enough memory.
        UnimplementedError: If the plugin does not have the extension.
    """
    check_type("client", client, Client, "a client")
    check_integer("size", size, 1, 2**63 - 1)
    api = client._api
    api.extension_function("HostAllocator", "free")
    chosen = preferred_alignment(client) if alignment is None else alignment
    if check_integer("alignment", chosen, 1, 2**63 - 1) & (chosen - 1):
        raise ArgumentError(f"`alignment` expected a power of two, but got {chosen}")
    with client._pin() as owner:
        memory = api.call_extension("HostAllocator", "allocate", client=owner, size=size, alignment=chosen).ptr

    def free(pointer: CData) -> None:
        api.call_extension("HostAllocator", "free", client=owner, ptr=pointer)

    return HostMemory(api, memory, size, free, client)
