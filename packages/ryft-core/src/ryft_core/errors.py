"""Errors of tracing, differentiation and compilation. Each subclasses `RyftError` and the nearest builtin.

RyftError
├── ShapeError (ValueError)             shapes do not fit together
├── DataTypeMismatchError (TypeError)   element types do not fit an operation or one another
├── OperandError (TypeError)            a value that is no array was handed to an operation or transformation
├── TracerError (TypeError)             a traced value was used where a concrete one is needed
│   └── LeakedTracerError               a traced value outlived its trace
├── DifferentiationError (TypeError)    a derivative that is not defined was asked for
├── BatchingError (ValueError)          axes to map do not fit the arguments
└── StructureError (ValueError)         two structures that must agree differ
"""

from __future__ import annotations

from typing import TypeVar

from ryft_xla_sys.errors import RyftError

__all__ = [
    "BatchingError",
    "DataTypeMismatchError",
    "DifferentiationError",
    "LeakedTracerError",
    "OperandError",
    "RyftError",
    "ShapeError",
    "StructureError",
    "TracerError",
    "hinted",
]

E = TypeVar("E", bound=Exception)


class ShapeError(RyftError, ValueError):
    """The shapes of an operation's operands do not fit together, or a parameter does not fit a shape."""


class DataTypeMismatchError(RyftError, TypeError):
    """The element types of an operation's operands differ, or are not ones that the operation is defined for."""


class OperandError(RyftError, TypeError):
    """A value that is not an array, a NumPy array or a Python number was given where an array is expected."""


class TracerError(RyftError, TypeError):
    """A traced value was used where only a concrete one can be: in `if`, `int()`, NumPy, or as a static argument."""


class LeakedTracerError(TracerError):
    """A traced value was used after the function that it was traced in had returned."""


class DifferentiationError(RyftError, TypeError):
    """A derivative was asked for that is not defined: of a non-scalar or integer output, or of a primitive without one."""


class BatchingError(RyftError, ValueError):
    """The axes that `vmap` is to map do not exist, or their sizes differ."""


class StructureError(RyftError, ValueError):
    """Two structures that must agree, such as the branches' results of a conditional, differ."""


def hinted(error: E, hint: str) -> E:
    """Returns `error` with a note that tells the cure."""
    error.add_note(f"hint: {hint}")
    return error
