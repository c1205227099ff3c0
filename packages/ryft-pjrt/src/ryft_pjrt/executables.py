"""Executables: compiled programs, what is known of them, and their serialized form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from ryft_pjrt._arguments import check_type
from ryft_pjrt._hlo import parameter_types as read_parameter_types
from ryft_pjrt._owners import OwnedObject, Owner
from ryft_pjrt.data_types import ArrayType, array_type
from ryft_pjrt.errors import DataLossError, UnavailableError
from ryft_pjrt.programs import Program
from ryft_pjrt.values import Value, read_named_values
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text

if TYPE_CHECKING:
    from ryft_pjrt.compilation_options import CompilationOptions
    from ryft_pjrt.topologies import Topology
    from ryft_xla_sys.protos import CompileOptionsProto

__all__ = ["Executable", "ExecutableMemoryStatistics", "compile_for_topology", "take_serialized", "unseal"]

_MAGIC = b"RYFTEXE1"


@dataclass(frozen=True, kw_only=True)
class ExecutableMemoryStatistics:
    """Memory that a program needs, in bytes. What an older plugin cannot tell is zero."""

    device_generated_code_size_in_bytes: int
    device_input_size_in_bytes: int
    device_output_size_in_bytes: int
    device_alias_size_in_bytes: int
    device_temporary_size_in_bytes: int
    device_peak_memory_in_bytes: int
    device_total_memory_in_bytes: int
    device_total_allocation_bytes: int
    device_indefinite_allocations: int
    device_peak_unpadded_heap_bytes: int
    host_generated_code_size_in_bytes: int
    host_input_size_in_bytes: int
    host_output_size_in_bytes: int
    host_alias_size_in_bytes: int
    host_temporary_size_in_bytes: int


_STATISTICS: dict[str, str] = {
    "device_generated_code_size_in_bytes": "generated_code_size_in_bytes",
    "device_input_size_in_bytes": "argument_size_in_bytes",
    "device_output_size_in_bytes": "output_size_in_bytes",
    "device_alias_size_in_bytes": "alias_size_in_bytes",
    "device_temporary_size_in_bytes": "temp_size_in_bytes",
    "device_peak_memory_in_bytes": "peak_memory_in_bytes",
    "device_total_memory_in_bytes": "total_size_in_bytes",
    "device_total_allocation_bytes": "total_allocation_bytes",
    "device_indefinite_allocations": "indefinite_allocations",
    "device_peak_unpadded_heap_bytes": "peak_unpadded_heap_bytes",
    "host_generated_code_size_in_bytes": "host_generated_code_size_in_bytes",
    "host_input_size_in_bytes": "host_argument_size_in_bytes",
    "host_output_size_in_bytes": "host_output_size_in_bytes",
    "host_alias_size_in_bytes": "host_alias_size_in_bytes",
    "host_temporary_size_in_bytes": "host_temp_size_in_bytes",
}


def take_serialized(pointer: CData, size: int, backing: CData, delete: Callable[[CData], object]) -> bytes:
    """Returns a copy of bytes that a plugin has made, and frees them."""
    try:
        return bytes(ffi.buffer(pointer, size)) if size else b""
    finally:
        if delete != NULL:
            delete(backing)


@cache
def _identity(api: Api) -> bytes:
    """Returns what tells versions of plugins apart: they crash on executables of each other."""
    arguments = api.call("PJRT_Plugin_Attributes")
    attributes = read_named_values(arguments.attributes, arguments.num_attributes)
    return repr((api.path.name, api.version, sorted(attributes.items()))).encode()


def _digest(api: Api, payload: bytes) -> bytes:
    digest = hashlib.sha256(_identity(api))
    digest.update(payload)
    return digest.digest()


def unseal(api: Api, data: bytes) -> bytes:
    """Returns the plugin's own bytes in what `Executable.serialize` returned.

    Raises:
        DataLossError: If the bytes are not an executable of this plugin, or were changed.
    """
    check_type("data", data, (bytes, bytearray, memoryview), "bytes")
    data = bytes(data)
    payload = data[40:]
    if data[:8] != _MAGIC or _digest(api, payload) != data[8:40]:
        raise DataLossError(
            f"the {len(data)} byte(s) are not a serialized executable of plugin `{api.path.name}`, or were changed"
        )
    return payload


class Executable(OwnedObject):
    """Compiled program. It must be loaded by a client before it can be executed."""

    __slots__ = ("__dict__",)

    _subject = "executable"

    def __init__(self, api: Api, pointer: CData, loaded: Owner | None = None) -> None:
        super().__init__(api, pointer, "PJRT_Executable_Destroy", NULL if loaded is None else loaded.pointer)
        # What a loaded executable tells of itself is only valid as long as that exists.
        self._loaded = loaded

    def _get(self, function: str) -> CData:
        with self._pin() as pointer:
            return self._api.call(f"PJRT_Executable_{function}", executable=pointer)

    @cached_property
    def name(self) -> str:
        """Name of the program."""
        with self._pin():
            arguments = self._get("Name")
            return text(arguments.executable_name, arguments.executable_name_size)

    @cached_property
    def replica_count(self) -> int:
        """Number of copies of the program that run together on different data."""
        return self._get("NumReplicas").num_replicas

    @cached_property
    def partition_count(self) -> int:
        """Number of devices that each copy is split over."""
        return self._get("NumPartitions").num_partitions

    @cached_property
    def output_count(self) -> int:
        """Number of outputs on each device."""
        return self._get("NumOutputs").num_outputs

    @cached_property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each output on one device."""
        with self._pin():
            types = self._get("OutputElementTypes")
            sizes = self._get("OutputDimensions")
            result: list[ArrayType] = []
            position = 0
            for i in range(types.num_output_types):
                shape = tuple(sizes.dims[position + j] for j in range(sizes.dim_sizes[i]))
                result.append(array_type(types.output_types[i], shape))
                position += len(shape)
            return tuple(result)

    @cached_property
    def parameter_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each parameter on one device."""
        program = self.optimized_program()
        return tuple(read_parameter_types(program.code, with_config=program.format == "hlo_with_config"))

    def _memory_kinds(self, function: str, count_field: str) -> tuple[str, ...]:
        with self._pin():
            arguments = self._get(function)
            return tuple(
                text(arguments.memory_kinds[i], arguments.memory_kind_sizes[i])
                for i in range(getattr(arguments, count_field))
            )

    @property
    def output_memory_kinds(self) -> tuple[str, ...]:
        """Kind of memory of each output.

        Raises:
            UnimplementedError: If the plugin cannot tell, as on the CPU.
        """
        return self._memory_kinds("OutputMemoryKinds", "num_outputs")

    @property
    def parameter_memory_kinds(self) -> tuple[str, ...]:
        """Kind of memory of each parameter.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.102, or cannot tell.
        """
        return self._memory_kinds("ParameterMemoryKinds", "num_parameters")

    @property
    def generated_code_size_in_bytes(self) -> int:
        """Size of the machine code.

        Raises:
            UnavailableError: If the plugin does not know it.
        """
        size = self._get("SizeOfGeneratedCodeInBytes").size_in_bytes
        if size <= 0:
            raise UnavailableError(f"the plugin does not know the size of the code of `{self.name}`")
        return size

    @cached_property
    def fingerprint(self) -> bytes:
        """Bytes that are equal for executables made of the same program with the same options and compiler."""
        with self._pin():
            arguments = self._get("Fingerprint")
            return bytes(ffi.buffer(arguments.executable_fingerprint, arguments.executable_fingerprint_size))

    @cached_property
    def cost_analysis(self) -> dict[str, Value]:
        """Costs that the compiler estimates, by name, for example `flops`."""
        with self._pin():
            arguments = self._get("GetCostAnalysis")
            return read_named_values(arguments.properties, arguments.num_properties)

    def memory_statistics(self) -> ExecutableMemoryStatistics:
        """Returns the memory that the program needs."""
        arguments = self._get("GetCompiledMemoryStats")
        return ExecutableMemoryStatistics(**{name: getattr(arguments, field) for name, field in _STATISTICS.items()})

    def compilation_options(self) -> CompileOptionsProto:
        """Returns the options that the program was compiled with.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.87.
        """
        from ryft_xla_sys.protos import CompileOptionsProto

        arguments = self._get("GetCompileOptions")
        data = take_serialized(
            arguments.serialized_bytes,
            arguments.serialized_bytes_size,
            arguments.serialized_compile_options,
            arguments.serialized_compile_options_deleter,
        )
        return CompileOptionsProto.FromString(data)

    def optimized_program(self) -> Program:
        """Returns the program as the compiler has optimized it."""
        with self._pin() as pointer:
            program = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE})
            self._api.call("PJRT_Executable_OptimizedProgram", executable=pointer, program=program)
            code = ffi.new("char[]", program.code_size)
            program.code = code
            self._api.call("PJRT_Executable_OptimizedProgram", executable=pointer, program=program)
            return Program(bytes(ffi.buffer(code, program.code_size)), text(program.format, program.format_size))

    def serialize(self) -> bytes:
        """Returns the executable in a form that the same version of the same plugin can load.

        The plugin's bytes are sealed with a checksum, as plugins crash on bytes that were changed or are not theirs.
        """
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Executable_Serialize", executable=pointer)
            payload = take_serialized(
                arguments.serialized_bytes,
                arguments.serialized_bytes_size,
                arguments.serialized_executable,
                arguments.serialized_executable_deleter,
            )
        return _MAGIC + _digest(self._api, payload) + payload

    def __repr__(self) -> str:
        return "Executable(closed)" if self.closed else f"Executable({self.name})"


def compile_for_topology(
    api: Api, program: Program | str | bytes, topology: Topology, options: CompilationOptions
) -> Executable:
    """Implements `Plugin.compile`."""
    target, _keep = Program.of(program).to_c()
    serialized = options.serialize()
    with topology._pin() as pinned:
        arguments = api.call(
            "PJRT_Compile",
            topology=topology._pointer(pinned),
            program=target,
            compile_options=ffi.from_buffer("char[]", serialized),
            compile_options_size=len(serialized),
        )
    return Executable(api, arguments.executable)
