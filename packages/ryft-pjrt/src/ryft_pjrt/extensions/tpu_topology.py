"""The TPU topology extension: chips, processes, and how they are connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ryft_pjrt._arguments import check_plugin, check_type
from ryft_pjrt.extensions._handles import borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.topologies import OwnedTopology, Topology
from ryft_xla_sys.ffi import CData, ffi

__all__ = [
    "PlatformConfiguration",
    "SliceConfiguration",
    "TpuTopology",
    "platform_configuration",
    "slice_configuration",
    "slice_configurations",
]

_DIMENSIONS = 4
_ROUTING_SIZE = 64


@dataclass(frozen=True)
class SliceConfiguration:
    """Shape of a slice of TPUs.

    Attributes:
        dimensions: Chips along each dimension.
        wrap: Whether the ends of each dimension are connected.
        twist: Whether the torus is twisted.
    """

    dimensions: tuple[int, ...]
    wrap: tuple[bool, ...]
    twist: bool


@dataclass(frozen=True)
class PlatformConfiguration:
    """How the chips of a kind of TPU are mounted."""

    chips_per_tray: int
    tray_count: int


class TpuTopology:
    """What is known of a topology of TPUs, beyond what every topology tells.

    Attributes:
        topology: The topology.
    """

    def __init__(self, topology: Topology) -> None:
        """Looks at a topology.

        Raises:
            UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
        """
        check_type("topology", topology, Topology, "a topology")
        topology._api.extension_table("TpuTopology")
        self.topology = topology

    def _call(self, function: str, **fields: object) -> CData:
        with self.topology._pin() as pinned:
            pointer = self.topology._pointer(pinned)
            return self.topology._api.call_extension("TpuTopology", function, topology=pointer, **fields)

    def subslice(self, chips_per_host_bounds: Sequence[int], host_bounds: Sequence[int]) -> OwnedTopology:
        """Returns the topology of a part, given as chips along each dimension of a host, and hosts along each."""
        found = self._call(
            "subslice",
            chips_per_host_bounds=ffi.new("int32_t[]", list(chips_per_host_bounds)),
            chips_per_host_bounds_num_dims=len(chips_per_host_bounds),
            host_bounds=ffi.new("int32_t[]", list(host_bounds)),
            host_bounds_num_dims=len(host_bounds),
        )
        return OwnedTopology(self.topology._api, found.subslice_topology)

    def replace_host_bounds(self, host_bounds: Sequence[int]) -> OwnedTopology:
        """Returns the topology with another number of hosts along each dimension."""
        found = self._call(
            "replace_host_bounds",
            host_bounds=ffi.new("int32_t[]", list(host_bounds)),
            host_bounds_dim_num=len(host_bounds),
        )
        return OwnedTopology(self.topology._api, found.new_topology)

    def subslice_device_id(self, subslice: Topology, origin: Sequence[int], device_id: int) -> int:
        """Returns the number that a device of this topology has in a part of it that begins at `origin`."""
        check_type("subslice", subslice, Topology, "a topology")
        check_plugin("subslice", subslice._api, self.topology._api)
        with self.topology._pin() as pinned, subslice._pin() as other:
            found = self.topology._api.call_extension(
                "TpuTopology",
                "subslice_device_id_from_full_device_id",
                client_topology=self.topology._pointer(pinned),
                subslice_topology=subslice._pointer(other),
                subslice_origin=ffi.new("int32_t[]", list(origin)),
                subslice_origin_dim_num=len(origin),
                full_device_id=device_id,
            )
        return found.subslice_device_id

    @property
    def is_subslice(self) -> bool:
        """Whether this is a part of a larger topology."""
        return self._call("is_subslice_topology").is_subslice_topology

    @property
    def is_enhanced_barrier_enabled(self) -> bool:
        """Whether the chips have the enhanced barrier."""
        return self._call("is_enhanced_barrier_enabled").is_enhanced_barrier_enabled

    @property
    def has_limited_interconnect(self) -> bool:
        """Whether some chips cannot reach each other over the interconnect."""
        return self._call("has_limited_ici_connectivity").has_limited_ici_connectivity

    def is_reachable_over_limited_interconnect(self, source_chip_id: int, destination_chip_id: int) -> bool:
        """Returns whether a chip can reach another one over a limited interconnect."""
        found = self._call(
            "is_reachable_over_limited_ici", source_chip_id=source_chip_id, dest_chip_id=destination_chip_id
        )
        return found.is_reachable_over_limited_ici

    @property
    def process_count(self) -> int:
        """Number of processes."""
        return self._call("process_count").process_count

    @property
    def chip_count(self) -> int:
        """Number of chips."""
        return self._call("chip_count").chip_count

    @property
    def core_count(self) -> int:
        """Number of cores."""
        return self._call("core_count").core_count_of_default_type

    @property
    def logical_device_count(self) -> int:
        """Number of devices that programs see."""
        return self._call("logical_device_count").logical_device_count_of_default_type

    @property
    def chips_per_process(self) -> int:
        """Number of chips of each process."""
        return self._call("chips_per_process").chips_per_process

    @property
    def cores_per_chip(self) -> int:
        """Number of cores of each chip."""
        return self._call("core_count_per_chip").core_count_of_default_type_per_chip

    @property
    def cores_per_process(self) -> int:
        """Number of cores of each process."""
        return self._call("core_count_per_process").core_count_of_default_type_per_process

    @property
    def logical_devices_per_process(self) -> int:
        """Number of devices of each process."""
        found = self._call("logical_device_count_per_process")
        return found.logical_device_count_of_default_type_per_process

    @property
    def logical_devices_per_chip(self) -> int:
        """Number of devices of each chip."""
        return self._call("logical_device_count_per_chip").logical_device_count_of_default_type_per_chip

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Numbers of the processes."""
        capacity = self.process_count
        target = ffi.new("int32_t[]", capacity)
        found = self._call("process_ids", max_process_ids=capacity, process_ids=target)
        return _checked(target, found.num_process_ids, capacity)

    def logical_device_ids(self, process_id: int) -> tuple[int, ...]:
        """Returns the numbers of the devices of a process."""
        capacity = self.logical_devices_per_process
        target = ffi.new("int32_t[]", capacity)
        found = self._call(
            "logical_device_ids_on_process",
            process_id=process_id,
            max_logical_device_ids=capacity,
            logical_device_of_default_type_ids=target,
        )
        return _checked(target, found.num_logical_device_ids, capacity)

    def process_of_chip(self, chip_id: int) -> tuple[int, int]:
        """Returns the process of a chip, and the chip's number among those of the process."""
        found = self._call("proc_id_and_idx_on_proc_for_chip", chip_id=chip_id)
        return found.process_id, found.index_on_process

    def process_of_logical_device(self, device_id: int) -> tuple[int, int]:
        """Returns the process of a device, and the device's number among those of the process."""
        found = self._call("proc_id_and_idx_on_proc_for_logi_device", device_id=device_id)
        return found.process_id, found.index_on_process

    def process_coordinates(self, process_id: int) -> tuple[int, ...]:
        """Returns the place of a process."""
        return self._coordinates("process_coord_from_id", "coords", process_id=process_id)

    def chip_id(self, coordinates: Sequence[int]) -> int:
        """Returns the number of the chip at a place."""
        target = ffi.new("int32_t[]", list(coordinates))
        return self._call("chip_id_from_coord", coords=target, coords_num_dims=len(coordinates)).chip_id

    def logical_device_id(self, chip_coordinates: Sequence[int], index_on_chip: int) -> int:
        """Returns the number of a device, given its chip's place and its number on the chip."""
        found = self._call(
            "logical_device_id_from_chip_coord_and_idx",
            chip_coords=ffi.new("int32_t[]", list(chip_coordinates)),
            chip_coords_num_dims=len(chip_coordinates),
            logical_device_index_on_chip=index_on_chip,
        )
        return found.logical_device_of_default_type_id

    def chip_coordinates(self, device_id: int) -> tuple[tuple[int, ...], int]:
        """Returns the place of a device's chip, and the device's number on the chip."""
        target = ffi.new("int32_t[]", _DIMENSIONS)
        found = self._call(
            "chip_coord_and_idx_for_logi_device",
            device_id=device_id,
            chip_coords=target,
            chip_coords_max_dims=_DIMENSIONS,
        )
        return _checked(target, found.chip_coords_num_dims, _DIMENSIONS), found.device_index_on_chip

    @property
    def chips_per_process_bounds(self) -> tuple[int, ...]:
        """Number of chips of a process along each dimension."""
        return self._coordinates("chips_per_process_bounds", "chip_per_process_bounds")

    @property
    def chip_bounds(self) -> tuple[int, ...]:
        """Number of chips along each dimension."""
        return self._coordinates("chip_bounds", "chip_bounds")

    @property
    def process_bounds(self) -> tuple[int, ...]:
        """Number of processes along each dimension."""
        return self._coordinates("process_bounds", "process_bounds")

    def _coordinates(self, function: str, field: str, **fields: object) -> tuple[int, ...]:
        target = ffi.new("int32_t[]", _DIMENSIONS)
        found = self._call(function, **{field: target, f"{field}_max_dims": _DIMENSIONS}, **fields)
        return _checked(target, getattr(found, f"{field}_num_dims"), _DIMENSIONS)

    @property
    def routing_strategy(self) -> str:
        """Name of the way that messages take."""
        target = ffi.new("char[]", _ROUTING_SIZE)
        found = self._call("get_routing_strategy", routing_strategy=target, routing_strategy_len=_ROUTING_SIZE)
        size = min(found.routing_strategy_len, _ROUTING_SIZE)
        return bytes(ffi.buffer(target, size)).partition(b"\0")[0].decode("utf-8", "backslashreplace")


def slice_configuration(source: Source, platform: str, name: str) -> SliceConfiguration:
    """Returns the shape of a slice, given its platform's and its own name, as `v5e` and `2x2`."""
    target = ffi.new("PJRT_TpuTopology_SliceConfig *")
    encoded = name.encode()
    api_of(source).call_extension(
        "TpuTopology",
        "get_slice_config",
        **_platform(platform),
        slice_name=borrowed_bytes(encoded),
        slice_name_len=len(encoded),
        slice_config=target,
    )
    return _read(target[0])


def slice_configurations(source: Source, platform: str) -> tuple[SliceConfiguration, ...]:
    """Returns the shapes of all slices of a platform."""
    capacity = 256
    target = ffi.new("PJRT_TpuTopology_SliceConfig[]", capacity)
    found = api_of(source).call_extension(
        "TpuTopology",
        "get_slice_configs",
        **_platform(platform),
        slice_configs=target,
        max_slice_configs=capacity,
    )
    return tuple(_read(target[i]) for i in range(min(found.num_slice_configs, capacity)))


def platform_configuration(source: Source, platform: str) -> PlatformConfiguration:
    """Returns how the chips of a platform are mounted."""
    found = api_of(source).call_extension("TpuTopology", "get_default_platform_config", **_platform(platform))
    return PlatformConfiguration(found.num_chips_per_tray, found.num_trays)


def _platform(name: str) -> dict[str, object]:
    encoded = name.encode()
    return {"platform_type_name": borrowed_bytes(encoded), "platform_type_name_len": len(encoded)}


def _read(source: CData) -> SliceConfiguration:
    count = min(source.dim_size, _DIMENSIONS)
    return SliceConfiguration(
        tuple(source.dimensions[i] for i in range(count)), tuple(source.wrap[i] for i in range(count)), source.twist
    )


def _checked(array: CData, count: int, capacity: int) -> tuple[int, ...]:
    return tuple(array[i] for i in range(min(count, capacity)))
