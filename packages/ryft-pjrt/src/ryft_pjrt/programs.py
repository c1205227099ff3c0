"""Programs as text or bytes, and the options that they are compiled with."""

from __future__ import annotations

from dataclasses import dataclass, field

from ryft_pjrt.errors import ArgumentError, ArgumentTypeError

__all__ = ["CompilationOptions", "ExecutableCompilationOptions", "Program"]

_FORMATS = ("mlir", "hlo", "hlo_with_config")


@dataclass(frozen=True)
class Program:
    """Program that a plugin can compile.

    Attributes:
        code: MLIR text, MLIR bytecode or a StableHLO portable artifact for `mlir`; a serialized `HloModuleProto` for
            `hlo`; a serialized `HloModuleProtoWithConfig` for `hlo_with_config`.
        format: One of `mlir`, `hlo` and `hlo_with_config`.
    """

    code: bytes
    format: str = "mlir"

    def __init__(self, code: bytes | str, format: str = "mlir") -> None:  # noqa: A002
        if not isinstance(code, (bytes, bytearray, memoryview, str)):
            raise ArgumentTypeError(f"`Program` expected text or bytes, but got `{type(code).__name__}`")
        if format not in _FORMATS:
            raise ArgumentError(f"`Program` expected a format among {_FORMATS}, but got {format!r}")
        object.__setattr__(self, "code", code.encode() if isinstance(code, str) else bytes(code))
        object.__setattr__(self, "format", format)

    def __repr__(self) -> str:
        return f"Program({len(self.code)} bytes, format={self.format!r})"


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    encoded = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        encoded.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(encoded)


@dataclass(frozen=True, kw_only=True)
class ExecutableCompilationOptions:
    """How the program is split over devices."""

    device_ordinal: int = -1
    replica_count: int = 1
    partition_count: int = 1

    def serialize(self) -> bytes:
        """Returns the options as a serialized `ExecutableBuildOptionsProto`."""
        return b"".join(
            (
                b"\x08" + _varint(self.device_ordinal),
                b"\x20" + _varint(self.replica_count),
                b"\x28" + _varint(self.partition_count),
            )
        )


@dataclass(frozen=True, kw_only=True)
class CompilationOptions:
    """Options of a compilation."""

    executable_build_options: ExecutableCompilationOptions = field(default_factory=ExecutableCompilationOptions)

    def serialize(self) -> bytes:
        """Returns the options as a serialized `CompileOptionsProto`."""
        inner = self.executable_build_options.serialize()
        return b"\x1a" + _varint(len(inner)) + inner
