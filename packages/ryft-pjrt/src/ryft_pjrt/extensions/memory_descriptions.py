"""The memory descriptions extension: memories of a device that is only described, without a client."""

from __future__ import annotations

from dataclasses import dataclass

from ryft_pjrt._arguments import check_type
from ryft_pjrt.devices import DeviceDescription
from ryft_xla_sys.ffi import text

__all__ = ["MemoryDescription", "default_memory_description", "memory_descriptions"]


@dataclass(frozen=True)
class MemoryDescription:
    """Kind of memory that a device has.

    Attributes:
        kind: Name of the kind, for example `device` or `pinned_host`.
        kind_id: Number of the kind.
    """

    kind: str
    kind_id: int


def memory_descriptions(device: DeviceDescription) -> tuple[MemoryDescription, ...]:
    """Returns the memories that a device can use.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    return _describe(device)[0]


def default_memory_description(device: DeviceDescription) -> MemoryDescription | None:
    """Returns the memory that arrays on a device are in unless another one is asked for, or `None` if there is none.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    descriptions, index = _describe(device)
    return descriptions[index] if index < len(descriptions) else None


def _describe(device: DeviceDescription) -> tuple[tuple[MemoryDescription, ...], int]:
    check_type("device", device, DeviceDescription, "the description of a device")
    with device._pin():
        found = device._api.call_extension(
            "MemoryDescriptions", "PJRT_DeviceDescription_MemoryDescriptions", device_description=device._handle
        )
        descriptions: list[MemoryDescription] = []
        for i in range(found.num_memory_descriptions):
            kind = device._api.call_extension(
                "MemoryDescriptions", "PJRT_MemoryDescription_Kind", memory_description=found.memory_descriptions[i]
            )
            descriptions.append(MemoryDescription(text(kind.kind, kind.kind_size), kind.kind_id))
        return tuple(descriptions), found.default_memory_index
