"""Stand-ins for arrays in derivative rules: symbolic zeros, and operands that a linear program is transposed over."""

from __future__ import annotations

from typing import Any

from ryft_core.errors import DifferentiationError, hinted
from ryft_core.programs.atoms import Value
from ryft_core.types.array_types import ArrayType

__all__ = ["Linear", "Zero", "is_linear", "is_zero", "not_linear"]


class Zero(Value):
    """Tangent or cotangent that is known to be zero; `type` is its type."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    def __repr__(self) -> str:
        return f"Zero({self.type})"


class Linear(Value):
    """Operand that a linear program is being transposed with respect to: it has a type and no value."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    def __repr__(self) -> str:
        return f"Linear({self.type})"


def is_zero(value: Any) -> bool:
    """Returns whether a tangent or cotangent is symbolically zero."""
    return type(value) is Zero


def is_linear(value: Any) -> bool:
    """Returns whether an operand of a transpose rule is one to give a cotangent for."""
    return type(value) is Linear


def not_linear() -> DifferentiationError:
    """Returns the error for a `Linear` operand whose value is asked for: something multiplies it by another one."""
    return hinted(
        DifferentiationError("expected a linear function, but it multiplies values that depend on its arguments"),
        "use `vjp` for a function that is not linear; a derivative rule of your own must be linear in the tangents",
    )
