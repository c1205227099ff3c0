"""Options of clients, typed for each platform: plugins ignore unknown options, or crash on values of a wrong type."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import SupportsIndex, TypeAlias

from ryft_pjrt._arguments import check_integer
from ryft_pjrt.errors import OptionError
from ryft_pjrt.values import Value

__all__ = [
    "ClientOptions",
    "CpuClientOptions",
    "GpuAllocator",
    "GpuClientOptions",
    "GpuPlatform",
    "MockGpuTopology",
    "TpuClientOptions",
    "option_values",
]


@dataclass(frozen=True, kw_only=True)
class CpuClientOptions:
    """Options of the CPU plugin.

    Attributes:
        device_count: Number of devices that the processor is presented as. The plugin's default is 4.
    """

    device_count: int | None = None

    def values(self) -> dict[str, object]:
        """Returns the options by the names that the plugin knows."""
        return {} if self.device_count is None else {"cpu_device_count": self.device_count}


class GpuPlatform(StrEnum):
    """Platform of a GPU, as the plugin names it."""

    CUDA = "cuda"
    ROCM = "ROCM"


class GpuAllocator(StrEnum):
    """Allocator of a GPU's memory."""

    DEFAULT = "default"
    PLATFORM = "platform"
    BFC = "bfc"
    CUDA_ASYNC = "cuda_async"
    VMM = "vmm"


@dataclass(frozen=True)
class MockGpuTopology:
    """GPUs that a client pretends to have.

    Attributes:
        partition_count: Number of groups of hosts with a fast interconnect.
        host_count_per_partition: Number of hosts in each group.
        device_count_per_host: Number of GPUs of each host.
    """

    partition_count: int
    host_count_per_partition: int
    device_count_per_host: int

    def __post_init__(self) -> None:
        for item in fields(self):
            check_integer(item.name, getattr(self, item.name), 1, 2**31 - 1)

    def __str__(self) -> str:
        return f"{self.partition_count}x{self.host_count_per_partition}x{self.device_count_per_host}"


@dataclass(frozen=True, kw_only=True)
class GpuClientOptions:
    """Options of the CUDA and ROCm plugins. What is `None` is left to the plugin.

    Attributes:
        platform: Platform to use.
        visible_devices: GPUs to use, by number.
        node_id: Number of this process among those that make the client together.
        node_count: Number of those processes. More than one needs a key-value store.
        partition_index: Group of hosts, with a fast interconnect, that this one belongs to.
        should_stage_host_to_device_transfers: Whether transfers go through pinned memory.
        allocator: Allocator of the GPU's memory.
        memory_fraction: Part of the free memory that the allocator takes, between 0 and 1.
        preallocate: Whether it takes that memory at once.
        collective_memory_size: Bytes to set aside for collective operations.
        abort_collectives_on_failure: Whether collective operations are aborted when a process fails.
        use_tfrt_gpu_client: Whether to use the other implementation of the client.
        mock_gpu_topology: GPUs to pretend to have.
    """

    platform: GpuPlatform | None = None
    visible_devices: Sequence[int] | None = None
    node_id: int | None = None
    node_count: int | None = None
    partition_index: int | None = None
    should_stage_host_to_device_transfers: bool | None = None
    allocator: GpuAllocator | None = None
    memory_fraction: float | None = None
    preallocate: bool | None = None
    collective_memory_size: int | None = None
    abort_collectives_on_failure: bool | None = None
    use_tfrt_gpu_client: bool | None = None
    mock_gpu_topology: MockGpuTopology | None = None

    def values(self) -> dict[str, object]:
        """Returns the options by the names that the plugin knows."""
        renamed = {"platform": "platform_name", "node_count": "num_nodes"}
        values: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, MockGpuTopology):
                values |= {"enable_mock_nccl": True, "mock_gpu_topology": str(value)}
            elif value is not None:
                values[renamed.get(item.name, item.name)] = value
        return values


@dataclass(frozen=True, kw_only=True)
class TpuClientOptions:
    """Options of the TPU plugin. What is `None` is left to the plugin."""

    max_inflight_computations: int | None = None
    use_tf_pjrt_client: bool | None = None
    ml_framework_name: str | None = None
    ml_framework_version: str | None = None
    use_global_tpu_system: bool | None = None
    tpu_allow_async_allocations: bool | None = None
    executable_compatibility_check_on_deserialization: bool | None = None
    throttle_low_priority_host_transfers: bool | None = None
    pinned_host_allocation_mode: str | None = None
    premapped_buffer_size: int | None = None
    maximum_premapped_buffer_size_for_transfers_in_bytes: int | None = None
    num_premapped_partitions: int | None = None
    skip_megascale_pjrt_client: bool | None = None

    def values(self) -> dict[str, object]:
        """Returns the options by the names that the plugin knows."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}


ClientOptions: TypeAlias = CpuClientOptions | GpuClientOptions | TpuClientOptions | Mapping[str, object]
"""Options of a client: those of a platform, or a mapping with the plugin's own names."""

_CPU: dict[str, type] = {"cpu_device_count": int}
_GPU: dict[str, type] = {
    "platform_name": str,
    "allocator": str,
    "memory_fraction": float,
    "preallocate": bool,
    "collective_memory_size": int,
    "visible_devices": list,
    "node_id": int,
    "num_nodes": int,
    "should_stage_host_to_device_transfers": bool,
    "abort_collectives_on_failure": bool,
    "use_tfrt_gpu_client": bool,
    "enable_mock_nccl": bool,
    "mock_gpu_topology": str,
    "partition_index": int,
}
_TPU: dict[str, type] = {
    "max_inflight_computations": int,
    "use_tf_pjrt_client": bool,
    "ml_framework_name": str,
    "ml_framework_version": str,
    "use_global_tpu_system": bool,
    "tpu_allow_async_allocations": bool,
    "executable_compatibility_check_on_deserialization": bool,
    "throttle_low_priority_host_transfers": bool,
    "pinned_host_allocation_mode": str,
    "premapped_buffer_size": int,
    "maximum_premapped_buffer_size_for_transfers_in_bytes": int,
    "num_premapped_partitions": int,
    "skip_megascale_pjrt_client": bool,
}
_KNOWN: dict[str, dict[str, type]] = {"cpu": _CPU, "gpu": _GPU, "tpu": _TPU}
# For a plugin of an unknown platform: what is known of an option's type anywhere is checked.
_EVERY: dict[str, type] = _CPU | _GPU | _TPU

# The plugin takes seconds for thousands of devices, and hours for tens of thousands.
_LIMITS: dict[str, tuple[float, float]] = {"cpu_device_count": (1, 2**12), "memory_fraction": (0.0, 1.0)}


def _check(name: str, value: object, kind: type) -> Value:
    if kind is float and type(value) is int:
        value = float(value)
    if kind is int and isinstance(value, SupportsIndex) and not isinstance(value, bool):
        value = operator.index(value)  # Also an integer of NumPy.
    if kind is list and isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        value = list(value)
    matches = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not matches or (isinstance(value, list) and any(type(item) is not int for item in value)):
        expected = "list of int" if kind is list else kind.__name__
        raise OptionError(f"option `{name}` expected {expected}, but got {value!r} of type `{type(value).__name__}`")
    low, high = _LIMITS.get(name, (None, None))
    if low is not None and high is not None and not low <= value <= high:  # pyright: ignore[reportOperatorIssue]
        raise OptionError(f"option `{name}` expected a number from {low} to {high}, but got {value}")
    return str(value) if kind is str else value  # pyright: ignore[reportReturnType]


def option_values(options: ClientOptions | None, platform: str | None) -> dict[str, Value]:
    """Returns the options that a plugin takes, by name, after checking them.

    Args:
        options: Options.
        platform: `cpu`, `gpu` or `tpu`, or `None` for a platform whose options are not known.

    Raises:
        OptionError: If the options are of another platform, unknown, or of a wrong type.
    """
    if options is None:
        return {}
    if not isinstance(options, (Mapping, CpuClientOptions, GpuClientOptions, TpuClientOptions)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OptionError(f"`options` expected options or a mapping, but got `{type(options).__name__}`")
    if isinstance(options, Mapping):
        own, values = platform, options
    else:
        own, values = _platform_of(options), options.values()
    if platform is not None and own != platform:
        raise OptionError(f"`options` expected options for the platform `{platform}`, but got those for `{own}`")
    known = _EVERY if own is None else _KNOWN[own]
    checked: dict[str, Value] = {}
    for name, value in values.items():
        if name in known:
            checked[name] = _check(name, value, known[name])
        elif own is None:
            checked[name] = value  # pyright: ignore[reportArgumentType]
        else:
            error = OptionError(f"there is no option named `{name}` for clients of the platform `{own}`")
            error.add_note(f"hint: the options are {', '.join(sorted(known))}")
            raise error
    return checked


def _platform_of(options: CpuClientOptions | GpuClientOptions | TpuClientOptions) -> str:
    if isinstance(options, CpuClientOptions):
        return "cpu"
    return "gpu" if isinstance(options, GpuClientOptions) else "tpu"
