"""The shardings extension: how a compiled program splits its parameters and outputs over devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ryft_pjrt.errors import InvalidArgumentError
from ryft_pjrt.executables import Executable
from ryft_pjrt.extensions._handles import compiled
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_xla_sys.ffi import NULL, ffi

if TYPE_CHECKING:
    from ryft_xla_sys.protos import OpSharding

__all__ = ["output_shardings", "parameter_shardings"]


def parameter_shardings(executable: Executable | LoadedExecutable) -> tuple[OpSharding, ...] | None:
    """Returns the sharding of each parameter of a program, or `None` where the plugin cannot tell.

    Raises:
        InvalidArgumentError: If the plugin returns something else than shardings.
        UnimplementedError: If the plugin does not have the extension.
    """
    return _shardings(compiled(executable), "Parameter", "num_parameters")


def output_shardings(executable: Executable | LoadedExecutable) -> tuple[OpSharding, ...] | None:
    """Returns the sharding of each output of a program, or `None` where the plugin cannot tell.

    Raises:
        InvalidArgumentError: If the plugin returns something else than shardings.
        UnimplementedError: If the plugin does not have the extension.
    """
    return _shardings(compiled(executable), "Output", "num_outputs")


def _shardings(executable: Executable, which: str, count: str) -> tuple[OpSharding, ...] | None:
    # Not at the top: the protobuf runtime takes its time to load.
    from google.protobuf.message import DecodeError

    from ryft_xla_sys.protos import OpSharding

    with executable._pin() as pointer:
        name = f"PJRT_Shardings_PJRT_Executable_{which}Shardings"
        arguments = executable._api.call_extension("Shardings", name, executable=pointer)
        shardings, sizes = arguments.shardings, arguments.sharding_sizes
        if shardings == NULL and sizes == NULL:
            return None
        if shardings == NULL or sizes == NULL:
            raise InvalidArgumentError(f"the plugin returned only one of the two arrays of {which.lower()} shardings")
        result: list[OpSharding] = []
        for i in range(getattr(arguments, count)):
            if shardings[i] == NULL and sizes[i]:
                raise InvalidArgumentError(f"the plugin returned a null pointer for {which.lower()} sharding {i}")
            try:
                result.append(OpSharding.FromString(bytes(ffi.buffer(shardings[i], sizes[i])) if sizes[i] else b""))
            except DecodeError as error:
                raise InvalidArgumentError(f"{which.lower()} sharding {i} is malformed: {error}") from None
        return tuple(result)
