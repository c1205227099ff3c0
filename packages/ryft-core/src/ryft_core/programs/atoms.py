"""What an equation's operands are: variables and literals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy

from ryft_core.types.array_types import ArrayType, dtype_expression

__all__ = ["Atom", "Immutable", "Literal", "Value", "Variable"]

assign = object.__setattr__


class Immutable:
    """Objects whose attributes are assigned once, by `assign`, when they are made."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to `{name}`: `{type(self).__name__}` objects are immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete `{name}`: `{type(self).__name__}` objects are immutable")


class Value:
    """Root of everything that has an array type: arrays, tracers, literals and variables."""

    __slots__ = ()  # Each subclass has `type` as a slot of its own: that of `DeviceArray` is in a native object.

    type: ArrayType


class Variable(Immutable, Value):
    """Typed variable of a program. It has no name; one is given when the program is printed."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        _set_variable_type(self, type)

    def __reduce__(self) -> tuple[Any, ...]:
        return Variable, (self.type,)

    def __repr__(self) -> str:
        return f"Variable({self.type})"


_set_variable_type = vars(Variable)["type"].__set__  # Faster than `assign`: tracing makes one for every operation.


class Literal(Immutable, Value):
    """Constant inside a program: a scalar, or an array so small that it is better embedded than passed.

    Attributes:
        value: The constant as a NumPy array of `type.shape` and `type.dtype`, which cannot be modified.
    """

    __slots__ = ("_key", "type", "value")

    def __init__(self, value: numpy.ndarray[Any, Any] | numpy.generic, type: ArrayType | None = None) -> None:
        if isinstance(value, numpy.ndarray) and value.flags.writeable:
            value = value.view()
            value.flags.writeable = False
        assign(self, "type", ArrayType(value.shape, value.dtype) if type is None else type)
        assign(self, "value", value)
        assign(self, "_key", None)

    if TYPE_CHECKING:
        value: numpy.ndarray[Any, Any] | numpy.generic
        _key: tuple[ArrayType, bytes] | None

    @property
    def key(self) -> tuple[ArrayType, bytes]:
        """Type and bytes of the constant: what two equal literals share."""
        if self._key is None:
            assign(self, "_key", (self.type, self.value.tobytes()))
        return cast("tuple[ArrayType, bytes]", self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Literal, (self.value, self.type)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray[Any, Any]:
        return numpy.array(self.value, dtype, copy=copy)

    def __repr__(self) -> str:
        elements = f"asarray({self.value.tolist()}, {dtype_expression(self.type.dtype)})"
        shape = f".reshape({self.type.shape})" if 0 in self.type.shape else ""
        return f"Literal({elements}{shape}, {self.type!r})"


Atom = Variable | Literal
"""Operand of an equation."""
