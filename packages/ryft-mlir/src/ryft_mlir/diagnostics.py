"""What MLIR reports: diagnostics with severity, location and notes, and how they become exceptions."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .errors import MlirError

__all__ = ["Diagnostic", "DiagnosticSeverity", "translate"]

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


def translate(error: Exception, kind: type[E], subject: str) -> E:
    """Returns an exception of class `kind` that says what failed (`subject`) and everything that MLIR reported."""
    raw = getattr(error, "error_diagnostics", None)
    diagnostics = [Diagnostic.from_bindings(diagnostic) for diagnostic in raw or ()]
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
