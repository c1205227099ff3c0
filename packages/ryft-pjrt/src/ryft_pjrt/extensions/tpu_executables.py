"""The TPU executable extension: what can be told of a serialized program for TPUs, without loading it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ryft_pjrt.executables import Executable, take_serialized, unseal
from ryft_pjrt.extensions._handles import borrowed_bytes, compiled
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.values import Value, read_named_values
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi

if TYPE_CHECKING:
    from ryft_xla_sys.protos import CompiledMemoryStatsProto

__all__ = [
    "compilation_environment_field",
    "compiled_memory_statistics",
    "cost_analysis",
    "hlo_module_with_config",
    "is_predetermined_error",
    "set_compilation_environment",
    "target_arguments",
]


def target_arguments(executable: Executable) -> bytes:
    """Returns what `cost_analysis` needs to know of the TPU that a program was compiled for.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    return _of_executable(executable, "get_target_arguments", "target_arguments")


def hlo_module_with_config(executable: Executable) -> bytes:
    """Returns the optimized program as a serialized `HloModuleProtoWithConfig`.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    return _of_executable(executable, "get_hlo_module_with_config", "hlo_module_with_config")


def compiled_memory_statistics(executable: Executable) -> CompiledMemoryStatsProto:
    """Returns how much memory a program needs.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    from ryft_xla_sys.protos import CompiledMemoryStatsProto

    data = _of_executable(executable, "get_compiled_memory_stats", "compiled_memory_stats")
    return CompiledMemoryStatsProto.FromString(data)


def cost_analysis(source: Source, target: bytes, modules: Sequence[bytes]) -> dict[str, Value]:
    """Returns the costs that the compiler estimates for programs.

    Args:
        source: Plugin, or client of the plugin.
        target: The TPU, as `target_arguments` describes it.
        modules: Serialized `HloModuleProtoWithConfig`s, as `hlo_module_with_config` returns them.

    Raises:
        PjrtError: If something is malformed.
        UnimplementedError: If the plugin does not have the extension.
    """
    keep = [borrowed_bytes(module) for module in modules]
    found = api_of(source).call_extension(
        "TpuExecutable",
        "run_hlo_cost_analysis",
        target_arguments=borrowed_bytes(target),
        target_arguments_size=len(target),
        hlo_module=ffi.new("const char *[]", keep),
        hlo_module_size=ffi.new("size_t[]", list(map(len, modules))),
        num_hlo_modules=len(modules),
    )
    try:
        return read_named_values(found.analysis_results, found.num_analysis_results)
    finally:
        if found.analysis_results_deleter != NULL:
            found.analysis_results_deleter(found.analysis_results_ptr)


def set_compilation_environment(source: Source, environments: bytes) -> bytes:
    """Returns serialized compilation environments, completed with those of the TPU's compiler.

    Raises:
        PjrtError: If they are malformed.
        UnimplementedError: If the plugin does not have the extension.
    """
    found = api_of(source).call_extension(
        "TpuExecutable",
        "set_tpu_compilation_env",
        serialized_compilation_environments=borrowed_bytes(environments),
        serialized_compilation_environments_size=len(environments),
    )
    return _take(found, "result_compilation_environments")


def compilation_environment_field(source: Source, environments: bytes, name: str) -> str:
    """Returns the value of one field of the TPU's compilation environment, as text.

    Raises:
        PjrtError: If there is no such field, or the environments are malformed.
        UnimplementedError: If the plugin does not have the extension.
    """
    encoded = name.encode()
    found = api_of(source).call_extension(
        "TpuExecutable",
        "get_tpu_compilation_env_field_as_string",
        serialized_compilation_environments=borrowed_bytes(environments),
        serialized_compilation_environments_size=len(environments),
        field_name=borrowed_bytes(encoded),
        field_name_size=len(encoded),
    )
    return _take(found, "field_value").decode("utf-8", "backslashreplace")


def is_predetermined_error(source: Source, status: bytes) -> bool:
    """Returns whether a serialized status is an error that repeating will not help against.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    found = api_of(source).call_extension(
        "TpuExecutable",
        "is_tpu_predetermined_error",
        serialized_status=borrowed_bytes(status),
        serialized_status_size=len(status),
    )
    return found.is_predetermined


def _of_executable(executable: Executable, function: str, field: str) -> bytes:
    executable = compiled(executable)
    api: Api = executable._api
    api.extension_function("TpuExecutable", function)
    serialized = unseal(executable._api, executable.serialize())
    found = api.call_extension(
        "TpuExecutable",
        function,
        serialized_executable=borrowed_bytes(serialized),
        serialized_executable_size=len(serialized),
    )
    return _take(found, field)


def _take(found: CData, field: str) -> bytes:
    """Returns a copy of the bytes in an argument struct, and frees them."""
    return take_serialized(
        getattr(found, field),
        getattr(found, f"{field}_size"),
        getattr(found, f"{field}_ptr"),
        getattr(found, f"{field}_deleter"),
    )
