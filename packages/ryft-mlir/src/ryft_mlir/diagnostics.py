"""What MLIR reports: diagnostics with severity, location and notes, and how they become exceptions."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .context import Context
    from .errors import MlirError

__all__ = ["Diagnostic", "DiagnosticHandler", "DiagnosticSeverity", "translate"]

_LIMIT = 100

E = TypeVar("E", bound="MlirError")


class DiagnosticSeverity(enum.Enum):
    """How bad a diagnostic is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    REMARK = "remark"


@dataclass(frozen=True)
class Diagnostic:
    """One message from MLIR.

    Attributes:
        severity: How bad it is.
        message: The text.
        location: The place in the source that it is about, as MLIR prints locations, for example `loc("f.py":3:1)`.
        notes: Further diagnostics attached to it.
    """

    severity: DiagnosticSeverity
    message: str
    location: str
    notes: tuple[Diagnostic, ...] = ()

    @classmethod
    def from_bindings(cls, diagnostic: Any) -> Diagnostic:
        """Copies a diagnostic of the bindings, which is valid only while its handler runs."""
        severity = DiagnosticSeverity[str(diagnostic.severity).rpartition(".")[2]]
        notes = tuple(cls.from_bindings(note) for note in diagnostic.notes)
        return cls(severity, diagnostic.message, str(diagnostic.location), notes)

    def __str__(self) -> str:
        text = f"{self.severity.value}: {self.message} at {self.location}"
        return "\n".join([text, *(f"  {note}" for note in self.notes)])


# Errors that a handler of this thread saw, and that the bindings therefore leave out of the exception they raise.
_seen = threading.local()


class DiagnosticHandler:
    """A function that sees diagnostics; see `Context.attach_diagnostic_handler`."""

    __slots__ = ("_context", "_raw")

    def __init__(self, context: Context, handler: Callable[[Diagnostic], bool | None]) -> None:
        if not callable(handler):
            raise TypeError(f"expected a function as a handler of diagnostics, but got {handler!r}")

        def handle(diagnostic: Any) -> bool:
            copy = Diagnostic.from_bindings(diagnostic)
            if copy.severity is DiagnosticSeverity.ERROR:
                _seen.errors = [*getattr(_seen, "errors", ()), copy][-_LIMIT:]
            return bool(handler(copy))

        raw_context = context._raw
        raw_context.emit_error_diagnostics = True
        context._handlers += 1
        self._context = context
        self._raw: Any = raw_context.attach_diagnostic_handler(handle)

    @property
    def is_attached(self) -> bool:
        """Whether the function still sees diagnostics."""
        return self._raw.attached

    @property
    def had_error(self) -> bool:
        """Whether the function raised an exception, which MLIR drops."""
        return self._raw.had_error

    def detach(self) -> None:
        """Stops calling the function. Doing so again has no effect."""
        if self._raw.attached:
            self._raw.detach()
            context = self._context
            context._handlers -= 1
            context._raw.emit_error_diagnostics = context._handlers > 0

    def __enter__(self) -> DiagnosticHandler:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()


def translate(error: Exception, kind: type[E], subject: str) -> E:
    """Returns an exception of class `kind` that says what failed (`subject`) and everything that MLIR reported."""
    raw = getattr(error, "error_diagnostics", None)
    seen = getattr(_seen, "errors", [])
    _seen.errors = []
    diagnostics = [Diagnostic.from_bindings(diagnostic) for diagnostic in raw] if raw else seen
    if diagnostics:
        message = f"{subject}: " + "; ".join(_line(diagnostic) for diagnostic in diagnostics)
    else:
        message = f"{subject}: {str(error).splitlines()[0] if str(error) else 'MLIR gave no reason'}"
    result = kind(message, diagnostics)
    for diagnostic in diagnostics:
        for note in diagnostic.notes:
            result.add_note(f"note: {note.message} at {note.location}")
    return result


def _line(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.message} at {diagnostic.location}"
