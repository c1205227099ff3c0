"""Programs, as text or bytes."""

from __future__ import annotations

from dataclasses import dataclass

from ryft_pjrt.errors import ArgumentError, ArgumentTypeError
from ryft_xla_sys.ffi import CData, ffi, lib

__all__ = ["Program"]

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
        """Makes a program.

        Raises:
            ArgumentError: If there is no such format.
            ArgumentTypeError: If the code is neither text nor bytes.
        """
        if not isinstance(code, (bytes, bytearray, memoryview, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(f"`Program` expected text or bytes, but got `{type(code).__name__}`")
        if format not in _FORMATS:
            raise ArgumentError(f"`Program` expected a format among {_FORMATS}, but got {format!r}")
        object.__setattr__(self, "code", code.encode() if isinstance(code, str) else bytes(code))
        object.__setattr__(self, "format", format)

    @classmethod
    def of(cls, program: Program | str | bytes) -> Program:
        """Returns `program` itself, or the MLIR program with that text or bytecode."""
        return program if isinstance(program, Program) else cls(program)

    def to_c(self) -> tuple[CData, list[CData]]:
        """Returns a `PJRT_Program *`, and the C objects that must stay alive as long as it is used."""
        code, form = ffi.from_buffer("char[]", self.code), ffi.from_buffer("char[]", self.format.encode())
        target = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE})
        target.code, target.code_size = code, len(code)
        target.format, target.format_size = form, len(form)
        return target, [target, code, form]

    def __repr__(self) -> str:
        return f"Program({len(self.code)} bytes, format={self.format!r})"
