"""Topologies: descriptions of sets of devices that need not exist on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ryft_pjrt._arguments import check_type
from ryft_pjrt._owners import OwnedObject, Pin
from ryft_pjrt.devices import DeviceDescription
from ryft_pjrt.errors import NotFoundError
from ryft_pjrt.executables import take_serialized
from ryft_pjrt.values import Value, named_values, read_named_values
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import CData, ffi, text

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client

__all__ = ["ClientTopology", "OwnedTopology", "Topology", "create_topology", "deserialize_topology"]


class Topology:
    """Description of a set of devices, which programs can be compiled for."""

    _api: Api

    def _pin(self) -> Pin:
        raise NotImplementedError

    def _pointer(self, pinned: CData) -> CData:
        return pinned

    def _get(self, function: str) -> CData:
        with self._pin() as pinned:
            return self._api.call(f"PJRT_TopologyDescription_{function}", topology=self._pointer(pinned))

    @cached_property
    def platform_name(self) -> str:
        """Name of the platform, for example `cpu`."""
        with self._pin():
            arguments = self._get("PlatformName")
            return text(arguments.platform_name, arguments.platform_name_size)

    @cached_property
    def platform_version(self) -> str:
        """Version of the platform, in the platform's own form."""
        with self._pin():
            arguments = self._get("PlatformVersion")
            return text(arguments.platform_version, arguments.platform_version_size)

    @cached_property
    def device_descriptions(self) -> tuple[DeviceDescription, ...]:
        """Descriptions of all devices."""
        with self._pin():
            arguments = self._get("GetDeviceDescriptions")
            return tuple(
                DeviceDescription(self._api, arguments.descriptions[i], self) for i in range(arguments.num_descriptions)
            )

    @cached_property
    def attributes(self) -> dict[str, Value]:
        """What the platform says about the topology, by name."""
        with self._pin():
            arguments = self._get("Attributes")
            return read_named_values(arguments.attributes, arguments.num_attributes)

    def attribute(self, name: str) -> Value:
        """Returns the attribute called `name`.

        Raises:
            NotFoundError: If the topology has no such attribute.
        """
        if name not in self.attributes:
            raise NotFoundError(f"the topology has no attribute named `{name}`, only {sorted(self.attributes)}")
        return self.attributes[name]

    @property
    def fingerprint(self) -> int:
        """Number that is equal for equal topologies.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.101.
        """
        return self._get("Fingerprint").fingerprint

    def serialize(self) -> bytes:
        """Returns the topology in the plugin's own serialized form."""
        arguments = self._get("Serialize")
        return take_serialized(
            arguments.serialized_bytes,
            arguments.serialized_bytes_size,
            arguments.serialized_topology,
            arguments.serialized_topology_deleter,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Topology):
            return NotImplemented
        return self is other or self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash(self.serialize())


class ClientTopology(Topology):
    """Topology of a client's devices. It belongs to the client."""

    def __init__(self, client: Client, handle: CData) -> None:
        self.client = client
        self._api = client._api
        self._handle = handle

    def _pin(self) -> Pin:
        return self.client._pin()

    def _pointer(self, pinned: CData) -> CData:
        return self._handle

    def __repr__(self) -> str:
        return f"Topology({self.client!r})"


class OwnedTopology(OwnedObject, Topology):
    """Topology that was made by name, or read from bytes."""

    _subject = "topology"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(api, pointer, "PJRT_TopologyDescription_Destroy")

    def __repr__(self) -> str:
        return "Topology(closed)" if self.closed else f"Topology({self.platform_name})"


def create_topology(api: Api, name: str, options: Mapping[str, object]) -> OwnedTopology:
    """Implements `Plugin.topology`."""
    check_type("name", name, str, "text")
    array, _keep = named_values(options)
    encoded = name.encode()
    arguments = api.call(
        "PJRT_TopologyDescription_Create",
        topology_name=ffi.from_buffer("char[]", encoded),
        topology_name_size=len(encoded),
        create_options=array,
        num_options=len(options),
    )
    return OwnedTopology(api, arguments.topology)


def deserialize_topology(api: Api, data: bytes) -> OwnedTopology:
    """Implements `Plugin.deserialize_topology`."""
    check_type("data", data, bytes, "bytes")
    arguments = api.call(
        "PJRT_TopologyDescription_Deserialize",
        serialized_topology=ffi.from_buffer("char[]", data),
        serialized_topology_size=len(data),
    )
    return OwnedTopology(api, arguments.topology)
