"""The extensions of the PJRT C API: which there are, and the profiler, whose functions are in a table of their own.

`Api.call_extension` calls the functions of every other extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ryft_xla_sys.errors import PJRT_ERRORS, PjrtError, UnknownError
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text

if TYPE_CHECKING:
    from ryft_xla_sys.api import Api

__all__ = ["EXTENSIONS", "Extension", "call_profiler"]


class Extension(NamedTuple):  # A data class would take longer to create than the rest of the module.
    """One extension of the PJRT C API.

    Attributes:
        name: Name, without the prefix `PJRT_Extension_Type_`.
        kind: Number of its type.
        struct: C name of the struct that holds its functions.
        minimum: Oldest minor version of the API whose plugins have the layout that is declared here, where the layout
            changed in a way that the plugin cannot tell; otherwise `None`.
    """

    name: str
    kind: int
    struct: str
    minimum: int | None = None


EXTENSIONS: Mapping[str, Extension] = {
    extension.name: extension
    for extension in (
        Extension("Gpu_Custom_Call", 0, "PJRT_Gpu_Custom_Call"),
        Extension("Profiler", 1, "PJRT_Profiler_Extension"),
        Extension("Custom_Partitioner", 2, "PJRT_Custom_Partitioner_Extension"),
        Extension("Stream", 3, "PJRT_Stream_Extension"),
        Extension("Layouts", 4, "PJRT_Layouts_Extension"),
        Extension("FFI", 5, "PJRT_FFI_Extension"),
        Extension("MemoryDescriptions", 6, "PJRT_MemoryDescriptions_Extension"),
        Extension("Triton", 7, "PJRT_Triton_Extension"),
        Extension("RawBuffer", 8, "PJRT_RawBuffer_Extension"),
        Extension("PhaseCompile", 9, "PJRT_PhaseCompile_Extension"),
        Extension("CrossHostTransfers", 12, "PJRT_CrossHostTransfers_Extension", minimum=114),
        Extension("ExecutableMetadata", 13, "PJRT_ExecutableMetadata_Extension"),
        Extension("Callback", 14, "PJRT_Callback_Extension"),
        Extension("HostAllocator", 15, "PJRT_HostAllocator_Extension"),
        Extension("TpuTopology", 16, "PJRT_TpuTopology_Extension"),
        Extension("TpuExecutable", 17, "PJRT_TpuExecutable_Extension"),
        Extension("Megascale", 18, "PJRT_Megascale_Extension"),
        Extension("Shardings", 19, "PJRT_Shardings_Extension"),
        Extension("AbiVersion", 20, "PJRT_AbiVersion_Extension"),
        Extension("Collectives", 21, "PJRT_Collectives_Extension"),
        Extension("MultiSlice", 22, "PJRT_MultiSlice_Extension"),
        Extension("HostMemoryAllocator", 23, "PJRT_HostMemoryAllocator_Extension"),
        Extension("XlaTransform", 24, "PJRT_Xla_Transform_Extension"),
        Extension("Rma", 25, "PJRT_Rma_Extension"),
    )
}
"""Every extension that is declared, by name."""


def call_profiler(api: Api, name: str, /, **fields: object) -> CData:
    """Calls the function `PLUGIN_Profiler_{name}` of the profiler of a plugin, for example `"CollectData"`.

    Args:
        api: The plugin.
        name: Name of the argument struct, without the prefix `PLUGIN_Profiler_` and the suffix `_Args`.
        fields: Fields of the argument struct.

    Returns:
        The argument struct, which holds the results.

    Raises:
        PjrtError: If the profiler returns an error; the class says which status code.
        UnimplementedError: If the plugin has no profiler, or its profiler lacks the function.
    """
    if name not in _PROFILER_FIELDS:
        raise AttributeError(f"the profiler has no function `PLUGIN_Profiler_{name}`")
    extension = api.extension_table("Profiler")
    covered = ffi.offsetof("PJRT_Profiler_Extension", "profiler_api") < extension.base.struct_size
    table = extension.profiler_api if covered else NULL
    arguments = ffi.new(f"PLUGIN_Profiler_{name}_Args *", fields)
    arguments.struct_size = getattr(lib, f"PLUGIN_Profiler_{name}_Args_STRUCT_SIZE")
    error = _profiler_function(api, table, name)(arguments)
    if error == NULL:
        return arguments
    raise _profiler_exception(api, table, error, f"PLUGIN_Profiler_{name}")


def _profiler_function(api: Api, table: CData, name: str) -> CData:
    """Returns a function of the profiler's table."""
    field = _PROFILER_FIELDS[name]
    covered = table != NULL and ffi.offsetof("PLUGIN_Profiler_Api", field) + ffi.sizeof("void *") <= table.struct_size
    function = getattr(table, field) if covered else NULL
    if function == NULL:
        raise api.unimplemented(f"`PLUGIN_Profiler_{name}` of extension `Profiler`", f"PLUGIN_Profiler_{name}")
    return function


def _profiler_exception(api: Api, table: CData, error: CData, function: str) -> PjrtError:
    """Returns the exception for an error of the profiler, and destroys that error."""
    message = ffi.new("PLUGIN_Profiler_Error_Message_Args *", {"error": error})
    message.struct_size = lib.PLUGIN_Profiler_Error_Message_Args_STRUCT_SIZE
    _profiler_function(api, table, "Error_Message")(message)
    content = text(message.message, message.message_size)
    code = ffi.new("PLUGIN_Profiler_Error_GetCode_Args *", {"error": error})
    code.struct_size = lib.PLUGIN_Profiler_Error_GetCode_Args_STRUCT_SIZE
    failure = _profiler_function(api, table, "Error_GetCode")(code)
    kind = PJRT_ERRORS.get(code.code, UnknownError) if failure == NULL else UnknownError
    destroy = ffi.new("PLUGIN_Profiler_Error_Destroy_Args *", {"error": error})
    destroy.struct_size = lib.PLUGIN_Profiler_Error_Destroy_Args_STRUCT_SIZE
    _profiler_function(api, table, "Error_Destroy")(destroy)
    return kind(content, function)


_PROFILER_FIELDS: Mapping[str, str] = {
    "Error_Destroy": "error_destroy",
    "Error_Message": "error_message",
    "Error_GetCode": "error_get_code",
    "Create": "create",
    "Destroy": "destroy",
    "Start": "start",
    "Stop": "stop",
    "CollectData": "collect_data",
    "Consume": "consume",
    "ConsumeResult_Destroy": "consume_result_destroy",
    "Serialize": "serialize",
}
