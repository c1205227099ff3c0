"""Comparison, logic and selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy

from ryft_core.errors import DataTypeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.families import Elementwise, broadcast_operand_shapes, broadcast_value, sum_to_shape
from ryft_core.primitives.operands import as_value, constant_like, promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Compare",
    "IsFinite",
    "Select",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "is_finite",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "select",
    "where",
]

_BOOLEAN = numpy.dtype("bool")
_COMPARISONS = {
    "EQ": numpy.equal,
    "NE": numpy.not_equal,
    "LT": numpy.less,
    "LE": numpy.less_equal,
    "GT": numpy.greater,
    "GE": numpy.greater_equal,
}


class Compare(Elementwise):
    """Comparison of two arrays; any comparison with NaN but "not equal" is false. Complex numbers have no order."""

    direction: Literal["EQ", "NE", "LT", "LE", "GT", "GE"]

    name = "compare"
    exact = "biuf"
    operation = "compare"
    kinds = "biufc"
    differentiable = False

    def infer(self, *types: ArrayType) -> ArrayType:
        if self.direction not in ("EQ", "NE") and types[0].kind == "c":
            raise DataTypeError(f"`compare` cannot order complex numbers ({types[0].dtype.name})")
        return ArrayType(super().infer(*types).shape, _BOOLEAN)

    def emit(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("compare", *operands, self.direction, result_type=builder.results[0])

    def reference(self, x: Any, y: Any) -> Any:
        return _COMPARISONS[self.direction](x, y)


class IsFinite(Elementwise):
    """Whether each element is neither infinite nor NaN."""

    name = "is_finite"
    exact = "f"
    operation = "is_finite"
    kinds = "f"
    differentiable = False

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        return _BOOLEAN

    def reference(self, x: Any) -> Any:
        return numpy.isfinite(x)


class BitwiseAnd(Elementwise):
    """Bit-wise "and" of integers, logical "and" of booleans."""

    name = "bitwise_and"
    exact = "biu"
    operation = "and_"
    kinds = "biu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        return x & y


class BitwiseOr(Elementwise):
    """Bit-wise "or" of integers, logical "or" of booleans."""

    name = "bitwise_or"
    exact = "biu"
    operation = "or_"
    kinds = "biu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        return x | y


class BitwiseXor(Elementwise):
    """Bit-wise exclusive "or" of integers, logical exclusive "or" of booleans."""

    name = "bitwise_xor"
    exact = "biu"
    operation = "xor"
    kinds = "biu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        return x ^ y


class BitwiseNot(Elementwise):
    """Bit-wise complement of integers, logical "not" of booleans."""

    name = "bitwise_not"
    exact = "biu"
    operation = "not_"
    kinds = "biu"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return ~x


class Select(Primitive):
    """Element-wise choice: of the second operand where the first, a boolean, is true, otherwise of the third.

    The three operands are broadcast to one shape.
    """

    name = "select"
    exact = "biuf"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        predicate, on_true, on_false = types
        if predicate.dtype != _BOOLEAN:
            raise DataTypeError(f"`select` expected a boolean predicate, but got {predicate.dtype.name}")
        if on_true.dtype != on_false.dtype:
            raise DataTypeError(
                f"`select` expected cases of one element type, but got {on_true.dtype.name} and {on_false.dtype.name}"
            )
        shape = on_true.shape
        if predicate.shape != shape or on_false.shape != shape:
            shape = broadcast_operand_shapes("select", (predicate.shape, shape, on_false.shape))
        return ArrayType(shape, on_true.dtype, on_true.weak and on_false.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        shape = builder.result_types[0].shape
        values = [
            value
            if (type.shape in (shape, ()) and index == 0) or type.shape == shape
            else builder.broadcast(value, type, shape)
            for index, (value, type) in enumerate(zip(operands, builder.operand_types, strict=True))
        ]
        return builder.emit("select", *values)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        predicate = primals[0]
        result = self.bind(*primals)
        cases = [tangent if type(tangent) is not Zero else constant_like(0, result) for tangent in tangents[1:]]
        tangent = _SELECT.bind(predicate, *cases)
        if tangent.type.shape != result.type.shape:
            tangent = broadcast_value(tangent, result.type.shape)
        return result, tangent

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        predicate, on_true, on_false = operands
        zero = constant_like(0, cotangents)
        result: list[Any] = [None, None, None]
        if is_linear(on_true):
            result[1] = sum_to_shape(_SELECT.bind(predicate, cotangents, zero), on_true.type)
        if is_linear(on_false):
            result[2] = sum_to_shape(_SELECT.bind(predicate, zero, cotangents), on_false.type)
        return result

    batch = Elementwise.batch

    def reference(self, predicate: Any, on_true: Any, on_false: Any) -> Any:
        return numpy.where(predicate, on_true, on_false)


_SELECT = Select()
_DIRECTIONS = {direction: Compare(direction) for direction in _COMPARISONS}  # pyright: ignore[reportArgumentType]


def equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x == y`, element by element."""
    return _DIRECTIONS["EQ"].bind(*promote(x, y))


def not_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x != y`, element by element."""
    return _DIRECTIONS["NE"].bind(*promote(x, y))


def less(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x < y`, element by element."""
    return _DIRECTIONS["LT"].bind(*promote(x, y))


def less_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x <= y`, element by element."""
    return _DIRECTIONS["LE"].bind(*promote(x, y))


def greater(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x > y`, element by element."""
    return _DIRECTIONS["GT"].bind(*promote(x, y))


def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns whether `x >= y`, element by element."""
    return _DIRECTIONS["GE"].bind(*promote(x, y))


def is_finite(x: ArrayLike, /) -> Array:
    """Returns whether each element of `x` is neither infinite nor NaN."""
    return IsFinite().bind(as_value(x))


def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the bit-wise "and" of integers, or the logical "and" of booleans."""
    return BitwiseAnd().bind(*promote(x, y))


def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the bit-wise "or" of integers, or the logical "or" of booleans."""
    return BitwiseOr().bind(*promote(x, y))


def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the bit-wise exclusive "or" of integers, or the logical exclusive "or" of booleans."""
    return BitwiseXor().bind(*promote(x, y))


def bitwise_not(x: ArrayLike, /) -> Array:
    """Returns the bit-wise complement of integers, or the logical "not" of booleans."""
    return BitwiseNot().bind(as_value(x))


def truth(x: Any) -> Any:
    """Returns whether each element of `x` is not zero."""
    x = as_value(x)
    return x if x.type.dtype == _BOOLEAN else not_equal(x, constant_like(0, x))


def logical_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the logical "and" of `x` and `y`; elements that are not zero are true."""
    return BitwiseAnd().bind(truth(x), truth(y))


def logical_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the logical "or" of `x` and `y`; elements that are not zero are true."""
    return BitwiseOr().bind(truth(x), truth(y))


def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the logical exclusive "or" of `x` and `y`; elements that are not zero are true."""
    return BitwiseXor().bind(truth(x), truth(y))


def logical_not(x: ArrayLike, /) -> Array:
    """Returns the logical "not" of `x`; elements that are not zero are true."""
    return BitwiseNot().bind(truth(x))


def select(predicate: Any, on_true: Any, on_false: Any, /) -> Array:
    """Returns `on_true` where `predicate` is true and `on_false` elsewhere; the operands are broadcast together."""
    return _SELECT.bind(as_value(predicate), *promote(on_true, on_false))


def where(condition: Any, x: Any, y: Any, /) -> Any:
    """Returns `x` where `condition` is true (not zero) and `y` elsewhere; the operands are broadcast together.

    The derivative flows through both cases: where the case that is not chosen has an infinite or undefined derivative,
    the result's is NaN. Guard the *operand* of such a function with a second `where`.
    """
    return _SELECT.bind(truth(condition), *promote(x, y))


def broadcast_together(*operands: Any) -> tuple[Any, ...]:
    """Returns the operands broadcast to one shape."""
    values = [as_value(operand) for operand in operands]
    shape = broadcast_operand_shapes("broadcast_arrays", tuple(value.type.shape for value in values))
    return tuple(broadcast_value(value, shape) for value in values)
