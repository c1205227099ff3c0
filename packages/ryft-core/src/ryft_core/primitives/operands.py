"""From what a user passes to what a primitive takes: conversion and promotion of operands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import IntegerRangeError, OperandError, hinted
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracing.traces import STATE
from ryft_core.types.array_types import ArrayType, kind_of
from ryft_core.types.data_types import canonical_dtype, iinfo, promote_types

if TYPE_CHECKING:
    from ryft_core.arrays import Array

__all__ = [
    "LITERAL_SIZE_LIMIT",
    "as_value",
    "check_range",
    "constant_like",
    "literal",
    "promote",
    "scalar_for",
    "value_or_literal",
]

LITERAL_SIZE_LIMIT = 1024
"""Bytes up to which a NumPy array is embedded in a program as a literal; a larger one becomes a device's array."""

_PYTHON_SCALARS: frozenset[type] = frozenset({bool, int, float, complex})
_SCALARS: dict[tuple[Any, ...], Literal] = {}
_SCALARS_LIMIT = 4096


def literal(value: Any, dtype: numpy.dtype[Any], weak: bool = False) -> Literal:
    """Returns the scalar literal of `value` in `dtype`. Equal scalars share one literal."""
    # The sign of zero and the type are part of the key: 0.0 == -0.0 and 1 == True.
    key = (value, type(value), dtype, weak, str(value) if value == 0 else None)
    found = _SCALARS.get(key)
    if found is None:
        if len(_SCALARS) >= _SCALARS_LIMIT:
            _SCALARS.clear()
        if isinstance(value, int):
            check_range(value, dtype)
        with numpy.errstate(all="ignore"):  # What is too large becomes infinite.
            array = numpy.asarray(value).astype(dtype) if dtype.kind == "V" else numpy.asarray(value, dtype)
        found = _SCALARS[key] = Literal(array, ArrayType((), dtype, weak))
    return found


def check_range(value: int, dtype: numpy.dtype[Any]) -> None:
    """Checks that a Python integer fits an element type: its range, or, if that has a point, that of Python's floats.

    Raises:
        IntegerRangeError: If it does not.
    """
    if kind_of(dtype) in "iu":
        limits = iinfo(dtype)
        if limits.min <= value <= limits.max:
            return
    elif abs(value) <= _LARGEST_FLOAT:
        return
    number = str(value) if value.bit_length() <= 256 else f"of {value.bit_length()} bits"
    raise hinted(
        IntegerRangeError(f"the Python integer {number} does not fit the element type {dtype.name}"),
        "convert it, or the other operand, to a wider type explicitly, as in `asarray(value, dtype='int64')`",
    )


_LARGEST_FLOAT = int(sys.float_info.max)


def as_value(value: Any) -> Array:
    """Returns `value` as something that primitives take: an array, or, while something is traced, a literal.

    Python scalars become weakly typed values of the default element type; NumPy arrays keep their element type.

    Raises:
        OperandError: If `value` is not an array or a number.
    """
    if isinstance(value, Value):
        return value  # pyright: ignore[reportReturnType] (a literal has the operators of an array)
    found: Any = value_or_literal(value)
    if STATE.trace is STATE.base and type(found) is Literal:
        from ryft_core.dispatch import concrete  # dispatch needs primitives

        return concrete(found)
    return found


def value_or_literal(value: Any) -> Value:
    """Returns `value` as an array or a literal; refer to `as_value`."""
    if isinstance(value, Value):
        return value
    kind = type(value)
    if kind in _PYTHON_SCALARS:
        return literal(value, canonical_dtype(kind), kind is not bool)
    if isinstance(value, numpy.ndarray | numpy.generic):
        return _from_numpy(numpy.asarray(value))
    convert = getattr(value, "__ryft_array__", None)
    if convert is not None:
        return as_value(convert())
    if isinstance(value, int | float | complex):  # Subclasses, such as members of an `IntEnum`.
        base: Any = next(each for each in type(value).__mro__ if each in _PYTHON_SCALARS)
        return as_value(base(value))
    if hasattr(value, "__array__"):
        return _from_numpy(numpy.asarray(value))
    error = OperandError(f"expected an array or a number, but got a `{kind.__name__}`: {value!r:.100}")
    raise hinted(error, "convert it with `ryft.numpy.asarray`")


def _from_numpy(array: numpy.ndarray[Any, Any]) -> Value:
    if array.dtype.kind in "OSUmM" or array.dtype.names is not None:
        raise OperandError(f"expected an array of numbers, but got one of element type `{array.dtype}`")
    if not array.dtype.isnative:
        array = array.astype(canonical_dtype(array.dtype))
    if array.nbytes <= LITERAL_SIZE_LIMIT:
        return Literal(array.copy())
    from ryft_core.arrays import device_array  # arrays need primitives

    return device_array(array)


def promote(*operands: Any) -> tuple[Any, ...]:
    """Returns the operands as values of one common element type, by the promotion lattice.

    Shapes are left as they are: elementwise primitives broadcast by themselves.
    """
    if len(operands) == 2:
        x, y = operands
        if isinstance(x, Value):
            if isinstance(y, Value):
                if x.type.dtype is y.type.dtype:
                    return operands
            elif type(y) in _PYTHON_SCALARS:
                scalar = scalar_for(y, x.type)
                if scalar is not None:
                    return x, scalar
        elif isinstance(y, Value) and type(x) in _PYTHON_SCALARS:
            scalar = scalar_for(x, y.type)
            if scalar is not None:
                return scalar, y
    values = [value_or_literal(operand) for operand in operands]
    dtype, weak = values[0].type.dtype, values[0].type.weak
    for value in values[1:]:
        dtype, weak = promote_types(dtype, weak, value.type.dtype, value.type.weak)
    like = ArrayType((), dtype, weak)
    return tuple(
        value if value.type.dtype == dtype else _scalar_or_converted(operand, value, like)
        for operand, value in zip(operands, values, strict=True)
    )


def _scalar_or_converted(operand: Any, value: Value, like: ArrayType) -> Value:
    """Returns a value converted to the element type of `like`; a Python scalar directly, without rounding it first."""
    scalar = scalar_for(operand, like) if type(operand) in _PYTHON_SCALARS else None
    return _converted(value, like.dtype, like.weak) if scalar is None else scalar


def constant_like(value: Any, like: Any) -> Literal:
    """Returns the scalar `value` in the element type of the array `like`."""
    return literal(value, like.type.dtype, like.type.weak)


_FITTING: dict[type, str] = {bool: "b", int: "iufc", float: "fc", complex: "c"}


def scalar_for(value: Any, like: ArrayType) -> Literal | None:
    """Returns the literal of a Python scalar where it simply takes the array's element type, otherwise `None`."""
    return literal(value, like.dtype, True) if like.kind in _FITTING[type(value)] else None


def _converted(value: Value, dtype: numpy.dtype[Any], weak: bool) -> Value:
    if isinstance(value, Literal):
        return Literal(value.value.astype(dtype), ArrayType(value.type.shape, dtype, value.type.weak))
    from ryft_core.primitives.conversions import convert  # conversions are built on operands

    return convert(value, dtype, weak=value.type.weak and weak)
