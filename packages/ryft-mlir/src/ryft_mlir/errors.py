"""Errors of the MLIR layer.

RyftError
├── ClosedError (ValueError)
│   └── ErasedError                 an operation, block or value was used after it was erased
├── OwnershipError (ValueError)     an operation would break the rules of who owns what
├── ContextError (ValueError)       objects of two contexts were mixed
└── MlirError (ValueError)          MLIR refused something; carries MLIR's diagnostics
    ├── BuildError                  an operation, type or attribute could not be built
    ├── ParseError                  text or bytecode could not be parsed
    ├── VerificationError           a program breaks a rule of MLIR or of a dialect
    ├── PassError                   a pass pipeline is not valid, or a pass failed
    ├── SerializationError          a program could not be serialized or deserialized
    └── InterpreterError            the reference interpreter could not evaluate a program
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ryft_xla_sys.errors import ClosedError, RyftError

if TYPE_CHECKING:
    from .diagnostics import Diagnostic

__all__ = [
    "BuildError",
    "ContextError",
    "ErasedError",
    "InterpreterError",
    "MlirError",
    "OwnershipError",
    "ParseError",
    "PassError",
    "SerializationError",
    "VerificationError",
]


class ErasedError(ClosedError):
    """An operation, block or value was used after it was erased, or after a pass may have removed it."""


class OwnershipError(RyftError, ValueError):
    """An operation would break the rules of who owns what, for example erase a value that is still used."""


class ContextError(RyftError, ValueError):
    """Objects that belong to two different contexts were mixed."""


class MlirError(RyftError, ValueError):
    """MLIR refused something.

    Attributes:
        diagnostics: What MLIR reported, with severities, locations and notes.
    """

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class BuildError(MlirError):
    """An operation, type or attribute could not be built from what it was given."""


class ParseError(MlirError):
    """Text or bytecode is not a valid MLIR program, type or attribute."""


class VerificationError(MlirError):
    """A program breaks a rule of MLIR or of one of its dialects."""


class PassError(MlirError):
    """A pass pipeline is not valid, or one of its passes failed."""


class SerializationError(MlirError):
    """A program could not be serialized for, or deserialized from, another version."""


class InterpreterError(MlirError):
    """The reference interpreter could not evaluate a program."""
