"""The GPU custom call extension: functions in C that programs for GPUs call by name."""

from __future__ import annotations

from ryft_pjrt._arguments import check_type
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.extensions._handles import borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.extensions.ffi import function_address
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = ["register_gpu_custom_call"]


def register_gpu_custom_call(
    source: Source,
    name: str,
    execute: object,
    *,
    instantiate: object = 0,
    prepare: object = 0,
    initialize: object = 0,
    typed: bool = True,
) -> None:
    """Registers a function in C for custom calls to `name`. It stays until the process ends.

    Unsafe in that nothing can tell whether an address is that of such a function.

    Args:
        source: Plugin, or client of the plugin, to register it with.
        name: Name that custom calls use.
        execute: Address of the function: an integer, a cffi pointer, or a function of `ctypes`.
        instantiate: Handler of the FFI for that stage, if there is one.
        prepare: Handler of the FFI for that stage, if there is one.
        initialize: Handler of the FFI for that stage, if there is one.
        typed: Whether the functions are handlers of the XLA FFI (`api_version = 4` in the program). Otherwise
            `execute` is a function of a stream, buffers, opaque data and its size (`api_version = 2`).

    Raises:
        ArgumentError: If an address is not one, or an untyped function has other stages.
        PjrtError: If the plugin refuses it, for example because the name is taken.
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    stages = {"instantiate": instantiate, "prepare": prepare, "initialize": initialize}
    if not typed and any(stages.values()):
        raise ArgumentError("an untyped custom call expected `execute` only, but got other stages")
    check_type("name", name, str, "text")
    encoded = name.encode()
    handlers: dict[str, CData] = {
        f"handler_{stage}": ffi.cast("void *", function_address(stage, function)) if function else NULL
        for stage, function in stages.items()
    }
    api_of(source).call_extension(
        "Gpu_Custom_Call",
        "custom_call",
        function_name=borrowed_bytes(encoded),
        function_name_size=len(encoded),
        api_version=1 if typed else 0,
        handler_execute=ffi.cast("void *", function_address("execute", execute)),
        **handlers,
    )
