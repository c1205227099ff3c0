"""Options of compilations, with every field of XLA's messages.

They are serialized here, field by field, because loading the protobuf runtime would cost more than most compilations.
Fields that hold whole messages take them from `ryft_xla_sys.protos`, or anything else with `SerializeToString`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from ryft_pjrt import _wire
from ryft_pjrt._arguments import check_integer
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, OptionError
from ryft_pjrt.layouts import BufferSpecification

if TYPE_CHECKING:
    from ryft_xla_sys.protos import CompileOptionsProto, ExecutableBuildOptionsProto

__all__ = ["CompilationOptions", "EffortLevel", "ExecutableCompilationOptions", "Message", "Precision"]


class Message(Protocol):
    """Protobuf message."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802


class EffortLevel(IntEnum):
    """How hard the compiler works."""

    UNKNOWN = 0
    O0 = 9
    O1 = 19
    O2 = 29
    O3 = 39


class Precision(IntEnum):
    """Precision of the matrix units of a device."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


def _integer(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _wire.encode_integer, "kind": int}


def _boolean(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _wire.encode_integer, "kind": bool}


def _real(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _wire.encode_float, "kind": float}


def _data(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _wire.encode_bytes, "kind": bytes}


def _integers(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _wire.encode_packed, "kind": tuple}


def _message(number: int) -> dict[str, Any]:
    return {"number": number, "encode": _encode_message, "kind": None}


def _encode_message(number: int, value: Any) -> bytes:
    if hasattr(value, "serialize"):
        return _wire.encode_bytes(number, value.serialize())
    if hasattr(value, "SerializeToString"):
        return _wire.encode_bytes(number, value.SerializeToString())
    raise ArgumentTypeError(f"a compilation option expected a message, but got `{type(value).__name__}`")


def _encode_messages(number: int, values: Iterable[Any]) -> bytes:
    return b"".join(_encode_message(number, value) for value in values)


def _encode_overrides(number: int, values: Mapping[str, object]) -> bytes:
    encoded: list[bytes] = []
    for name, value in values.items():
        match value:
            case bool():
                inner = _wire.encode_integer(2, value)
            case int():
                inner = _wire.encode_integer(3, value)
            case float():
                inner = _wire.encode_double(4, value)
            case str():
                inner = _wire.encode_bytes(1, value.encode())
            case _:
                raise OptionError(
                    f"option override `{name}` expected a bool, int, float or str, but got {value!r} "
                    f"of type `{type(value).__name__}`"
                )
        entry = _wire.encode_bytes(1, name.encode()) + _wire.encode_bytes(2, inner)
        encoded.append(_wire.encode_bytes(number, entry))
    return b"".join(encoded)


class _Options:
    """Base of option classes: checks the fields' types, and serializes the fields that differ from zero."""

    def __post_init__(self) -> None:
        for item in fields(self):  # pyright: ignore[reportArgumentType]
            self._check(item)

    def _check(self, item: Field[Any]) -> None:
        value, kind = getattr(self, item.name), item.metadata["kind"]
        if kind is tuple:
            object.__setattr__(self, item.name, tuple(value))
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            object.__setattr__(self, item.name, float(value))
        elif kind is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise ArgumentTypeError(
                f"`{item.name}` expected `{kind.__name__}`, but got {value!r} of type `{type(value).__name__}`"
            )
        elif kind is int:
            check_integer(item.name, value, -(2**63), 2**63 - 1)

    def serialize(self) -> bytes:
        """Returns the options as a serialized message."""
        return b"".join(
            item.metadata["encode"](item.metadata["number"], value)
            for item in fields(self)  # pyright: ignore[reportArgumentType]
            if (value := getattr(self, item.name))
        )


@dataclass(frozen=True, kw_only=True)
class ExecutableCompilationOptions(_Options):
    """How a program is split over devices, and how hard the compiler works on it (`ExecutableBuildOptionsProto`).

    Attributes:
        device_ordinal: Device to compile for, or -1 to leave it open.
        replica_count: Number of copies of the program that run together on different data.
        partition_count: Number of devices that each copy is split over.
        result_layout: Type and layout of the result.
        debug_options: XLA's debug options, as a whole: they replace the plugin's defaults. To change single ones, use
            `CompilationOptions.environment_option_overrides`.
        use_spmd_partitioning: Whether the compiler splits the program according to its sharding annotations.
        use_shardy_partitioner: Whether Shardy does that.
        device_assignment: Device of each partition of each replica. Chosen by the plugin by default.
    """

    device_ordinal: int = field(default=-1, metadata=_integer(1))
    result_layout: BufferSpecification | Message | None = field(default=None, metadata=_message(2))
    debug_options: Message | None = field(default=None, metadata=_message(3))
    replica_count: int = field(default=1, metadata=_integer(4))
    partition_count: int = field(default=1, metadata=_integer(5))
    use_spmd_partitioning: bool = field(default=False, metadata=_boolean(6))
    use_auto_spmd_partitioning: bool = field(default=False, metadata=_boolean(7))
    deduplicate_hlo: bool = field(default=False, metadata=_boolean(8))
    device_assignment: DeviceAssignment | None = field(default=None, metadata=_message(9))
    alias_passthrough_parameters: bool = field(default=False, metadata=_boolean(10))
    run_backend_only: bool = field(default=False, metadata=_boolean(11))
    allow_spmd_sharding_propagation_to_output: tuple[bool, ...] = field(default=(), metadata=_integers(12))
    compilation_environments: Message | None = field(default=None, metadata=_message(13))
    fdo_profile: bytes = field(default=b"", metadata=_data(14))
    device_memory_size: int = field(default=0, metadata=_integer(15))
    auto_spmd_partitioning_mesh_shape: tuple[int, ...] = field(default=(), metadata=_integers(16))
    auto_spmd_partitioning_mesh_ids: tuple[int, ...] = field(default=(), metadata=_integers(17))
    allow_spmd_sharding_propagation_to_parameters: tuple[bool, ...] = field(default=(), metadata=_integers(18))
    use_shardy_partitioner: bool = field(default=False, metadata=_boolean(19))
    optimization_effort: float = field(default=0.0, metadata=_real(20))
    memory_fitting_effort: float = field(default=0.0, metadata=_real(21))
    process_index: int = field(default=0, metadata=_integer(22))
    process_count: int = field(default=0, metadata=_integer(23))
    optimization_level: EffortLevel = field(default=EffortLevel.UNKNOWN, metadata=_integer(24))
    memory_fitting_level: EffortLevel = field(default=EffortLevel.UNKNOWN, metadata=_integer(25))
    slice_size: int = field(default=0, metadata=_integer(26))
    gpu_topology: Message | None = field(default=None, metadata=_message(27))

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("replica_count", "partition_count"):
            if not 0 < getattr(self, name) < 2**31:
                raise ArgumentError(f"`{name}` expected a positive 32-bit number, but got {getattr(self, name)}")
        assignment = self.device_assignment
        counts = (self.replica_count, self.partition_count)
        if assignment is not None and (assignment.replica_count, assignment.computation_count) != counts:
            raise ArgumentError(
                f"`device_assignment` expected {counts[0]} replica(s) of {counts[1]} partition(s), "
                f"but got {assignment.replica_count} of {assignment.computation_count}"
            )

    def proto(self) -> ExecutableBuildOptionsProto:
        """Returns the options as a message."""
        from ryft_xla_sys.protos import ExecutableBuildOptionsProto

        return ExecutableBuildOptionsProto.FromString(self.serialize())


@dataclass(frozen=True, kw_only=True)
class CompilationOptions(_Options):
    """Options of a compilation (`CompileOptionsProto`).

    Attributes:
        argument_layouts: Type and layout of each argument.
        parameter_is_tupled_arguments: Whether the program takes all arguments as one tuple.
        executable_build_options: How the program is split over devices.
        compile_portable_executable: Whether the result can be executed on any one device, chosen at execution.
        environment_option_overrides: Values of single debug options and flags, by name, as `xla_cpu_enable_fast_math`.
        target_config: Description of the GPU to compile for, without having it.
        matrix_unit_operand_precision: Precision of matrix units.
    """

    argument_layouts: tuple[BufferSpecification | Message, ...] = field(
        default=(), metadata={"number": 1, "encode": _encode_messages, "kind": tuple}
    )
    parameter_is_tupled_arguments: bool = field(default=False, metadata=_boolean(2))
    executable_build_options: ExecutableCompilationOptions = field(
        default_factory=ExecutableCompilationOptions, metadata=_message(3)
    )
    compile_portable_executable: bool = field(default=False, metadata=_boolean(4))
    profile_version: int = field(default=0, metadata=_integer(5))
    serialized_multi_slice_configuration: bytes = field(default=b"", metadata=_data(6))
    environment_option_overrides: Mapping[str, object] = field(
        default_factory=dict, metadata={"number": 7, "encode": _encode_overrides, "kind": Mapping}
    )
    target_config: Message | None = field(default=None, metadata=_message(8))
    allow_in_place_mlir_modification: bool = field(default=False, metadata=_boolean(9))
    matrix_unit_operand_precision: Precision = field(default=Precision.DEFAULT, metadata=_integer(10))
    compiler_variant: str | None = field(
        default=None,
        metadata={"number": 11, "encode": lambda n, text: _wire.encode_bytes(n, text.encode()), "kind": None},
    )
    individually_defined_output_indices: tuple[int, ...] = field(default=(), metadata=_integers(12))

    def proto(self) -> CompileOptionsProto:
        """Returns the options as a message."""
        from ryft_xla_sys.protos import CompileOptionsProto

        return CompileOptionsProto.FromString(self.serialize())
