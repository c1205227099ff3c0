"""The host memory allocator extension: memory of the host, near one processor, that a device can transfer from fast."""

from __future__ import annotations

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.clients import Client
from ryft_pjrt.extensions._handles import HostMemory
from ryft_xla_sys.ffi import NULL, CData

__all__ = ["allocate_host_memory"]


def allocate_host_memory(client: Client, size: int, numa_node: int = -1) -> HostMemory:
    """Allocates memory.

    Args:
        client: Client whose devices will use the memory.
        size: Number of bytes.
        numa_node: Node of processors that the memory should be near to, or -1 for any.

    Raises:
        ArgumentError: If the size or the node is not valid.
        InvalidArgumentError: If the plugin returns no memory.
        ResourceExhaustedError: If there is not enough memory.
        UnimplementedError: If the plugin does not have the extension.
    """
    check_type("client", client, Client, "a client")
    check_integer("size", size, 1, 2**63 - 1)
    check_integer("numa_node", numa_node, -1, 2**31 - 1)
    with client._pin() as owner:
        found = client._api.call_extension(
            "HostMemoryAllocator", "allocate", client=owner, size=size, numa_node=numa_node
        )
    deleter, argument = found.deleter, found.deleter_arg

    def free(pointer: CData) -> None:
        if deleter != NULL:
            deleter(pointer, argument)

    return HostMemory(client._api, found.ptr, size, free, client)
