"""Modules: whole programs."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from ._arguments import check_context, check_nesting
from ._conversions import symbol_name
from ._ownership import Owner
from ._server import SERVER, ServerError
from .blocks import Block
from .diagnostics import translate
from .errors import ParseError, SerializationError
from .locations import raw_location as find_location
from .operations import Attributes, Operation
from .symbols import SymbolTable
from .versions import check_version
from .walks import WalkOrder, WalkResult

if TYPE_CHECKING:
    from .context import Context
    from .locations import Location
    from .printing import PrintingOptions

__all__ = ["Module"]


class Module:
    """A program: the root of a tree of operations, which it owns."""

    __slots__ = ("__weakref__", "_body", "_context", "_owner", "_raw")

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw
        self._owner = Owner(context, raw, is_module=True)
        self._body = Block(context, self._owner, raw.body)

    @classmethod
    def create(cls, context: Context, *, name: str | None = None, location: Location | None = None) -> Module:
        """Returns a new, empty module, optionally with a name."""
        check_context(context, "`Module.create`")
        raw = ir.Module.create(find_location(context, location))
        if name is not None:
            raw.operation.attributes["sym_name"] = symbol_name(context, name)
        return cls(context, raw)

    @classmethod
    def parse(cls, context: Context, source: str | bytes, *, trusted: bool = False) -> Module:
        """Returns the module that text, or MLIR bytecode, spells.

        Args:
            context: Context to build the module in.
            source: Text or bytecode.
            trusted: Whether bytecode is known to be whole. MLIR's reader may end the process on damaged bytecode, so it
                is otherwise first read in another process.

        Raises:
            ParseError: If `source` is not a valid module.
        """
        check_context(context, "`Module.parse`")
        source = source if isinstance(source, str) else _bytes(source, "a module")
        if isinstance(source, str) or source[: len(_MAGIC)] != _MAGIC:
            check_nesting(source, "the module")
        elif not trusted:
            reason = _damage(context, source, is_artifact=False)
            if reason:
                raise ParseError(f"cannot parse the module: {reason}")
        try:
            return cls(context, ir.Module.parse(source, context._raw))
        except (ir.MLIRError, ValueError) as error:
            raise translate(error, ParseError, "cannot parse the module") from None

    @classmethod
    def from_portable_artifact(cls, context: Context, artifact: bytes, *, trusted: bool = False) -> Module:
        """Returns the module in a StableHLO portable artifact, upgraded to the newest version.

        Args:
            context: Context to build the module in.
            artifact: The artifact.
            trusted: Whether the artifact is known to be whole, see `parse`.

        Raises:
            SerializationError: If `artifact` is not one, or was written by a version that is too new.
        """
        check_context(context, "`Module.from_portable_artifact`")
        artifact = _bytes(artifact, "a portable artifact")
        if artifact[:4] != _MAGIC or b"StableHLO_v" not in artifact[:64]:
            raise SerializationError(f"expected a StableHLO portable artifact, but got {artifact[:16]!r}")
        reason = "" if trusted else _damage(context, artifact, is_artifact=True)
        if reason:
            raise SerializationError(f"cannot read the portable artifact: {reason}")
        try:
            return cls(context, dialect("stablehlo").deserialize_portable_artifact(context._raw, artifact))
        except (ir.MLIRError, ValueError) as error:
            raise translate(error, SerializationError, "cannot read the portable artifact") from None

    @property
    def context(self) -> Context:
        """The context that the module belongs to."""
        return self._context

    @property
    def body(self) -> Block:
        """The block that holds the functions."""
        return self._body

    @property
    def operation(self) -> Operation:
        """The module as an operation."""
        return Operation(self._context, self._owner, self._raw.operation)

    @property
    def name(self) -> str | None:
        """The name of the module, or `None`."""
        attributes = self.attributes
        return attributes["sym_name"].to_python() if "sym_name" in attributes else None

    @property
    def attributes(self) -> Attributes:
        """The attributes of the module by name."""
        return self.operation.attributes

    @property
    def symbols(self) -> SymbolTable:
        """The functions and other symbols by name."""
        return SymbolTable(self)

    def to_bindings(self) -> Any:
        """Returns the module object of the upstream bindings."""
        return self._raw

    def verify(self) -> None:
        """Checks the rules of MLIR and of the dialects.

        Raises:
            VerificationError: If the module breaks one, with the operation, the types and the location.
        """
        self.operation.verify()

    def walk(
        self, callback: Callable[[Operation], WalkResult | None], order: WalkOrder = WalkOrder.POST_ORDER
    ) -> WalkResult:
        """Calls `callback` with every operation of the module; see `walk_operation`."""
        return self.operation.walk(callback, order)

    def clone(self) -> Module:
        """Returns a copy.

        Raises:
            VerificationError: If the module is not valid.
        """
        return type(self)(self._context, ir.Module.parse(self.bytecode(), self._context._raw))

    def text(self, options: PrintingOptions | None = None) -> str:
        """Returns the program as text, by default with all constants in full."""
        return self.operation.text(options)

    def bytecode(self, version: int | None = None) -> bytes:
        """Returns the program as MLIR bytecode, of the newest version unless another is given.

        Raises:
            SerializationError: If MLIR cannot write that version.
            VerificationError: If the module is not valid.
        """
        return self.operation.bytecode(version)

    def portable_artifact(self, version: str | None = None) -> bytes:
        """Returns the program as a StableHLO portable artifact, which other versions of StableHLO can read.

        Args:
            version: The version of StableHLO to write for, for example `"1.13.3"`. Defaults to the newest.

        Raises:
            SerializationError: If the program uses something that cannot be serialized for that version.
            VerificationError: If the module is not valid.
        """
        hlo = dialect("stablehlo")
        target = hlo.get_current_version() if version is None else check_version(version)
        # Serialization rewrites the functions of the module that it is given.
        copy = ir.Module.parse(self.bytecode(), self._context._raw)
        try:
            return hlo.serialize_portable_artifact(copy, target)
        except (ir.MLIRError, ValueError) as error:
            raise translate(error, SerializationError, f"cannot serialize for StableHLO `{target}`") from None

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Module[{self}]"


def _damage(context: Context, data: bytes, *, is_artifact: bool) -> str:
    """Reads bytes in another process and returns what is wrong with them, or an empty text."""
    try:
        request = ("check", data, is_artifact, context.allows_unregistered_dialects)
        return SERVER.request(request, _PATIENCE, end_after=bool)
    except ServerError as error:
        return f"the bytes are damaged, and reading them {error}"


def _bytes(source: bytes, subject: str) -> bytes:
    try:
        return bytes(memoryview(source))
    except TypeError:
        raise TypeError(f"{subject} expected text or bytes, but got {reprlib.repr(source)}") from None


_PATIENCE = 60.0
_MAGIC = b"ML\xefR"
