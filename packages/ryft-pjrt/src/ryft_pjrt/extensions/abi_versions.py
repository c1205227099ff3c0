"""The ABI version extension: whether a runtime can load a program that was compiled elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from ryft_pjrt._arguments import check_type
from ryft_pjrt.clients import Client
from ryft_pjrt.executables import Executable, take_serialized
from ryft_pjrt.extensions._handles import Handle, borrowed_bytes, compiled
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import CData

if TYPE_CHECKING:
    from ryft_xla_sys.protos import PjRtExecutableAbiVersionProto, PjRtRuntimeAbiVersionProto

__all__ = ["ExecutableAbiVersion", "RuntimeAbiVersion", "executable_abi_version", "runtime_abi_version"]


class _AbiVersion(Handle):
    _prefix: ClassVar[str]

    def __init__(self, api: Api, pointer: CData) -> None:
        name = f"{self._prefix}_destroy"
        super().__init__(api, pointer, lambda pointer: api.call_extension("AbiVersion", name, abi_version=pointer))

    @classmethod
    def deserialize(cls, source: Source, data: bytes) -> Self:
        """Returns the version in bytes that `serialize` returned.

        Args:
            source: Plugin, or client of the plugin, that the version is for.
            data: The bytes.

        Raises:
            PjrtError: If the plugin cannot read them.
            UnimplementedError: If the plugin does not have the extension.
        """
        api = api_of(source)
        arguments = api.call_extension(
            "AbiVersion",
            f"{cls._prefix}_from_proto",
            serialized_proto=borrowed_bytes(data),
            serialized_proto_size=len(data),
        )
        return cls(api, arguments.abi_version)

    def _call(self, function: str) -> CData:
        with self._pin() as pointer:
            return self._api.call_extension("AbiVersion", f"{self._prefix}_{function}", abi_version=pointer)

    @property
    def platform_id(self) -> int:
        """Number of the platform."""
        return self._call("platform_id").platform_id

    def serialize(self) -> bytes:
        """Returns the version as a serialized message."""
        with self._pin():
            found = self._call("to_proto")
            return take_serialized(
                found.serialized_proto,
                found.serialized_proto_size,
                found.serialized_proto_holder,
                found.serialized_proto_deleter,
            )


class ExecutableAbiVersion(_AbiVersion):
    """What a compiled program needs from the runtime."""

    _subject = "executable ABI version"
    _prefix = "executable_abi_version"

    def proto(self) -> PjRtExecutableAbiVersionProto:
        """Returns the version as a message."""
        from ryft_xla_sys.protos import PjRtExecutableAbiVersionProto

        return PjRtExecutableAbiVersionProto.FromString(self.serialize())


class RuntimeAbiVersion(_AbiVersion):
    """What a runtime can load."""

    _subject = "runtime ABI version"
    _prefix = "runtime_abi_version"

    def proto(self) -> PjRtRuntimeAbiVersionProto:
        """Returns the version as a message."""
        from ryft_xla_sys.protos import PjRtRuntimeAbiVersionProto

        return PjRtRuntimeAbiVersionProto.FromString(self.serialize())

    def check_compatible(self, other: RuntimeAbiVersion | ExecutableAbiVersion) -> None:
        """Checks that this runtime can load what `other` describes.

        Raises:
            PjrtError: If it cannot; the message says why.
        """
        kind, field = (
            ("executable", "executable_abi_version")
            if isinstance(other, ExecutableAbiVersion)
            else ("runtime", "other_abi_version")
        )
        with self._pin() as pointer, other._pin() as second:
            self._api.call_extension(
                "AbiVersion",
                f"runtime_abi_version_is_compatible_with_{kind}",
                **{"abi_version": pointer, field: second},
            )


def runtime_abi_version(client: Client) -> RuntimeAbiVersion:
    """Returns the version of the runtime of a client.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    check_type("client", client, Client, "a client")
    with client._pin() as pointer:
        found = client._api.call_extension("AbiVersion", "client_runtime_abi_version", client=pointer)
    return RuntimeAbiVersion(client._api, found.abi_version)


def executable_abi_version(executable: Executable | LoadedExecutable) -> ExecutableAbiVersion:
    """Returns the version that a compiled program needs.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    program = compiled(executable)
    with program._pin() as pointer:
        found = program._api.call_extension("AbiVersion", "executable_get_abi_version", executable=pointer)
    return ExecutableAbiVersion(program._api, found.abi_version)
