"""Modules: whole programs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from ._ownership import Owner
from .blocks import Block
from .diagnostics import translate
from .errors import ParseError, SerializationError, VerificationError

if TYPE_CHECKING:
    from .context import Context
    from .locations import Location

__all__ = ["Module"]


class Module:
    """A program: the root of a tree of operations, which it owns."""

    __slots__ = ("_body", "_context", "_owner", "_raw")

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw
        self._owner = Owner(context, raw, is_module=True)
        self._body = Block(context, self._owner, raw.body)

    @classmethod
    def create(cls, context: Context, *, name: str | None = None, location: Location | None = None) -> Module:
        """Returns a new, empty module, optionally with a name."""
        raw = ir.Module.create(context._location if location is None else location._raw)
        if name is not None:
            raw.operation.attributes["sym_name"] = ir.StringAttr.get(name, context._raw)
        return cls(context, raw)

    @classmethod
    def parse(cls, context: Context, source: str | bytes) -> Module:
        """Returns the module that text, or MLIR bytecode, spells.

        Raises:
            ParseError: If `source` is not a valid module.
        """
        try:
            return cls(context, ir.Module.parse(source, context._raw))
        except ir.MLIRError as error:
            raise translate(error, ParseError, "cannot parse the module") from None

    @property
    def context(self) -> Context:
        """The context that the module belongs to."""
        return self._context

    @property
    def body(self) -> Block:
        """The block that holds the functions."""
        return self._body

    def to_bindings(self) -> Any:
        """Returns the module object of the upstream bindings."""
        return self._raw

    def verify(self) -> None:
        """Checks the rules of MLIR and of the dialects.

        Raises:
            VerificationError: If the module breaks one, with the operation, the types and the location.
        """
        try:
            valid = self._raw.operation.verify()
        except ir.MLIRError as error:
            raise translate(error, VerificationError, "the module is not valid") from None
        if not valid:
            raise VerificationError("the module is not valid: MLIR gave no reason")

    def clone(self) -> Module:
        """Returns a copy."""
        return type(self).parse(self._context, self.bytecode())

    def text(self) -> str:
        """Returns the program as text, with all constants in full."""
        return str(self._raw)

    def bytecode(self, version: int | None = None) -> bytes:
        """Returns the program as MLIR bytecode, of the newest version unless another is given.

        Raises:
            SerializationError: If MLIR cannot write that version.
        """
        file = io.BytesIO()
        try:
            self._raw.operation.write_bytecode(file, version)
        except ValueError as error:
            raise SerializationError(f"cannot write bytecode of version {version}: {error}") from None
        return file.getvalue()

    def portable_artifact(self, version: str | None = None) -> bytes:
        """Returns the program as a StableHLO portable artifact, which other versions of StableHLO can read.

        Args:
            version: The version of StableHLO to write for, for example `"1.13.3"`. Defaults to the newest.

        Raises:
            SerializationError: If the program uses something that cannot be serialized for that version.
        """
        hlo = dialect("stablehlo")
        target = hlo.get_current_version() if version is None else version
        # Serialization rewrites the functions of the module that it is given.
        copy = ir.Module.parse(self.bytecode(), self._context._raw)
        try:
            return hlo.serialize_portable_artifact(copy, target)
        except (ir.MLIRError, ValueError) as error:
            raise translate(error, SerializationError, f"cannot serialize for StableHLO `{target}`") from None

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"Module[{self._raw}]"
