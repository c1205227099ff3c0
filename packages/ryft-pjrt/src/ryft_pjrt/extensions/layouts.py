"""The layouts extension: layouts that a device prefers, and those that a compiled program has chosen."""

from __future__ import annotations

from collections.abc import Sequence

from ryft_pjrt._arguments import check_element_type, check_type
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.clients import Client
from ryft_pjrt.data_types import dimensions, element_type
from ryft_pjrt.errors import InvalidArgumentError
from ryft_pjrt.executables import Executable, take_serialized
from ryft_pjrt.extensions._handles import compiled
from ryft_pjrt.layouts import TiledLayout, parse_layout
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_pjrt.topologies import Topology
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import CData, ffi

__all__ = ["buffer_layout", "default_layout", "output_layouts", "parameter_layouts"]


def default_layout(source: Client | Topology, dtype: object, shape: Sequence[int]) -> TiledLayout:
    """Returns the layout that arrays of a data type and shape have unless another one is asked for.

    Args:
        source: Client or topology whose devices hold the arrays.
        dtype: Data type of the elements.
        shape: Dimensions of the array.

    Raises:
        UnimplementedError: If the plugin does not have the extension, or the function.
    """
    check_type("source", source, (Client, Topology), "a client or a topology")
    sizes, code = dimensions(shape), element_type(dtype)
    check_element_type(code, source._api)
    described = {
        "type": code,
        "dims": ffi.new("int64_t[]", sizes),
        "num_dims": len(sizes),
    }
    with source._pin() as pinned:
        if isinstance(source, Topology):
            function, owner = (
                "PJRT_Layouts_PJRT_Topology_GetDefaultLayout",
                {"topology_description": source._pointer(pinned)},
            )
        else:
            function, owner = "PJRT_Layouts_PJRT_Client_GetDefaultLayout", {"client": pinned}
        arguments = source._api.call_extension("Layouts", function, **owner, **described)
        return _take(source._api, arguments.layout)


def buffer_layout(buffer: Buffer) -> TiledLayout:
    """Returns the layout of a buffer.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    check_type("buffer", buffer, Buffer, "a buffer")
    with buffer._pin() as pointer:
        api = buffer._api
        arguments = api.call_extension("Layouts", "PJRT_Layouts_PJRT_Buffer_MemoryLayout", buffer=pointer)
        return _take(api, arguments.layout)


def parameter_layouts(executable: Executable | LoadedExecutable) -> tuple[TiledLayout, ...]:
    """Returns the layout that a program expects of each parameter.

    Raises:
        UnimplementedError: If the plugin does not have the extension, or is older than PJRT API 0.93.
    """
    return _layouts(compiled(executable), "PJRT_Layouts_PJRT_Executable_GetParameterLayouts", "num_parameters")


def output_layouts(executable: Executable | LoadedExecutable) -> tuple[TiledLayout, ...]:
    """Returns the layout of each output of a program.

    Raises:
        UnimplementedError: If the plugin does not have the extension.
    """
    return _layouts(compiled(executable), "PJRT_Layouts_PJRT_Executable_GetOutputLayouts", "num_outputs")


def _layouts(executable: Executable, function: str, count: str) -> tuple[TiledLayout, ...]:
    with executable._pin() as pointer:
        arguments = executable._api.call_extension("Layouts", function, executable=pointer)
        # They belong to the executable.
        return tuple(_read(executable._api, arguments.layouts[i]) for i in range(getattr(arguments, count)))


def _take(api: Api, pointer: CData) -> TiledLayout:
    """Returns the layout behind a pointer that the caller owns, and destroys what it points to."""
    try:
        return _read(api, pointer)
    finally:
        if pointer:
            api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Destroy", layout=pointer)


def _read(api: Api, pointer: CData) -> TiledLayout:
    if not pointer:
        raise InvalidArgumentError("the provided PJRT memory layout handle is a null pointer")
    arguments = api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Serialize", layout=pointer)
    text = take_serialized(
        arguments.serialized_bytes,
        arguments.serialized_bytes_size,
        arguments.serialized_layout,
        arguments.serialized_layout_deleter,
    )
    layout = parse_layout(text.decode())
    if not isinstance(layout, TiledLayout):
        raise InvalidArgumentError(f"the plugin returned the layout {text!r}, which is not one of a tiled array")
    return layout
