"""The executable metadata extension: what a plugin tells about a compiled program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ryft_pjrt.errors import InvalidArgumentError
from ryft_pjrt.executables import Executable
from ryft_pjrt.extensions._handles import compiled
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_xla_sys.ffi import ffi

if TYPE_CHECKING:
    from ryft_xla_sys.protos import PjRtExecutableMetadata

__all__ = ["executable_metadata"]


def executable_metadata(executable: Executable | LoadedExecutable) -> PjRtExecutableMetadata:
    """Returns the metadata of a program.

    Raises:
        InvalidArgumentError: If the plugin returns something else.
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    from google.protobuf.message import DecodeError

    from ryft_xla_sys.protos import PjRtExecutableMetadata

    program = compiled(executable)
    api = program._api
    destroy = api.extension_function("ExecutableMetadata", "destroy_serialized_metadata")
    with program._pin() as pointer:
        found = api.call_extension("ExecutableMetadata", "get_executable_metadata", executable=pointer).metadata
    if not found:
        raise InvalidArgumentError("the provided PJRT executable metadata handle is a null pointer")
    try:
        size = found.serialized_metadata_size
        data = bytes(ffi.buffer(found.serialized_metadata, size)) if size else b""
    finally:
        destroy(ffi.new("PJRT_ExecutableMetadata_DestroySerializedMetadata_Args *", {"metadata": found}))
    try:
        return PjRtExecutableMetadata.FromString(data)
    except DecodeError as error:
        raise InvalidArgumentError(f"the metadata of `{program.name}` are malformed: {error}") from None
