"""What an equation's operands are: variables and literals."""

from __future__ import annotations

from typing import Any

import numpy

from ryft_core.types.array_types import ArrayType, dtype_expression

__all__ = ["Atom", "Literal", "Value", "Variable"]


class Value:
    """Root of everything that has an array type: arrays, tracers, literals and variables."""

    __slots__ = ()  # Each subclass has `type` as a slot of its own: that of `DeviceArray` is in a native object.

    type: ArrayType


class Variable(Value):
    """Typed variable of a program. It has no name; one is given when the program is printed."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    def __repr__(self) -> str:
        return f"Variable({self.type})"


class Literal(Value):
    """Constant inside a program: a scalar, or an array so small that it is better embedded than passed.

    Attributes:
        value: The constant as a NumPy array of `type.shape` and `type.dtype`. It must not be modified.
    """

    __slots__ = ("_key", "type", "value")

    def __init__(self, value: numpy.ndarray[Any, Any] | numpy.generic, type: ArrayType | None = None) -> None:
        self.type = ArrayType(value.shape, value.dtype) if type is None else type
        self.value = value
        self._key: tuple[ArrayType, bytes] | None = None

    @property
    def key(self) -> tuple[ArrayType, bytes]:
        """Type and bytes of the constant: what two equal literals share."""
        if self._key is None:
            self._key = (self.type, self.value.tobytes())
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        elements = f"asarray({self.value.tolist()}, {dtype_expression(self.type.dtype)})"
        shape = f".reshape({self.type.shape})" if 0 in self.type.shape else ""
        return f"Literal({elements}{shape}, {self.type!r})"


Atom = Variable | Literal
"""Operand of an equation."""
