"""Errors of tracing, differentiation and compilation. Each subclasses `RyftError` and the nearest builtin.

RyftError
├── ShapeError (ValueError)             shapes do not fit together
├── DataTypeError (TypeError)           element types do not fit an operation or one another
├── OperandError (TypeError)            a value that is no array was handed to an operation or transformation
│   └── IntegerRangeError (OverflowError)   a Python integer does not fit the element type that it was to get
├── ArgumentError (ValueError)          an option has a value that it cannot have
├── ArgumentTypeError (TypeError)       an option has a type that it cannot have
├── TracerError (TypeError)             a traced value was used where a concrete one is needed
│   └── LeakedTracerError               a traced value outlived its trace
├── DifferentiationError (TypeError)    a derivative that is not defined was asked for
├── BatchingError (ValueError)          axes to map do not fit the arguments
├── DonatedError (RuntimeError)         an array was used whose memory had been given away
├── StructureError (ValueError)         two structures that must agree differ, or a tree is not as it should be
└── ProgramError (ValueError)           a program breaks a rule that every program keeps

The notes of an error tell the cure (`hint: ...`) and the place: the line of the user's code, and the transformations
that were at work. `docs/errors.md` has a section for each class.
"""

from __future__ import annotations

from typing import TypeVar

from ryft_pjrt.errors import ArgumentError, ArgumentTypeError
from ryft_xla_sys.errors import ClosedError, DataTypeError, PjrtError, RyftError

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BatchingError",
    "ClosedError",
    "DataTypeError",
    "DifferentiationError",
    "DonatedError",
    "IntegerRangeError",
    "LeakedTracerError",
    "OperandError",
    "PjrtError",
    "ProgramError",
    "RyftError",
    "ShapeError",
    "StructureError",
    "TracerError",
    "hinted",
    "noted",
]

E = TypeVar("E", bound=BaseException)


class ShapeError(RyftError, ValueError):
    """The shapes of an operation's operands do not fit together, or a parameter does not fit a shape."""


class OperandError(RyftError, TypeError):
    """A value that is not an array, a NumPy array or a Python number was given where an array is expected."""


class IntegerRangeError(OperandError, OverflowError):
    """A Python integer does not fit the element type that it was to get. Nothing is wrapped around silently."""


class TracerError(RyftError, TypeError):
    """A traced value was used where only a concrete one can be: in `if`, `int()`, NumPy, or as a static argument."""


class LeakedTracerError(TracerError):
    """A traced value was used after the function that it was traced in had returned."""


class DifferentiationError(RyftError, TypeError):
    """A derivative that is not defined was asked for: of a result that is no scalar, or with respect to an integer."""


class BatchingError(RyftError, ValueError):
    """The axes that `vmap` is to map do not exist, or their sizes differ."""


class StructureError(RyftError, ValueError):
    """Two structures that must agree differ, or a tree cannot be taken apart or put together."""


class DonatedError(RyftError, RuntimeError):
    """An array was used whose memory had been donated to the results of an earlier call."""


class ProgramError(RyftError, ValueError):
    """A program breaks one of the rules that every program keeps."""


def hinted(error: E, hint: str) -> E:
    """Returns `error` with a note that tells the cure."""
    error.add_note(f"hint: {hint}")
    return error


def noted(error: E, note: str) -> E:
    """Returns `error` with a note, unless it has that note already, as it may after passing through several layers."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error
