"""Sums, products and extrema of all elements up to each one along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives import arithmetic, comparison, creation, exponential, manipulation, sorting
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value, constant_like
from ryft_core.primitives.reductions import extreme_value
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "CumulativeLogSumExp",
    "CumulativeMaximum",
    "CumulativeMinimum",
    "CumulativeProduct",
    "CumulativeSum",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
]


class Cumulative(Primitive, abstract=True):
    """Combination of all elements up to and including each one along `axis`; from there on, if `reverse`."""

    axis: int
    reverse: bool = False

    operation: ClassVar[str]
    kinds: ClassVar[str] = "iufc"
    accumulate: ClassVar[Any]

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        """Returns the neutral element of the operation, a scalar."""
        raise NotImplementedError

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if not 0 <= self.axis < operand.ndim:
            raise ShapeError(f"`{self.name}` expected an axis of shape {operand.shape}, but got {self.axis}")
        if operand.kind not in self.kinds:
            raise DataTypeError(f"`{self.name}` is not defined for element type {operand.dtype.name}")
        return operand

    def lower(self, builder: Builder, *operands: Any) -> Any:
        # XLA turns a window as long as the axis into a tree of short ones, so this takes O(n log n).
        (type,) = builder.operand_types
        length = type.shape[self.axis]
        if length == 0:
            return operands[0]
        window = [1] * type.ndim
        window[self.axis] = length
        padding = [[0, 0] for _ in window]
        padding[self.axis] = [0, length - 1] if self.reverse else [length - 1, 0]
        initial = builder.constant(self.initial(type.dtype))
        return builder.emit(
            "reduce_window",
            operands[0],
            initial,
            window,
            lambda block, left, right: self.combine(builder, block, left, right),
            padding=padding,
            result_types=builder.results,
        )[0]

    def combine(self, builder: Builder, block: Any, left: Any, right: Any) -> Any:
        """Appends the combination of two scalars to `block`."""
        return getattr(builder.stable_hlo, self.operation)(block, left, right)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        return type(self)(self.axis + (self.axis >= axis), self.reverse).bind(operands[0]), axis

    def reference(self, x: Any) -> Any:
        values = numpy.flip(x, self.axis) if self.reverse else x
        result = self.accumulate(values, self.axis, dtype=x.dtype)
        return numpy.flip(result, self.axis) if self.reverse else result

    def doubling(self, x: Any, tangent: Any, combine: Callable[[Any, Any, Any, Any], tuple[Any, Any]]) -> Any:
        """Returns the tangent of an operation on pairs of an element and its tangent, by steps of doubled length."""
        length = x.type.shape[self.axis]
        step = 1
        while step < length:
            earlier = self.shifted(x, step, self.initial(x.type.dtype))
            x, tangent = combine(x, tangent, earlier, self.shifted(tangent, step, 0))
            step *= 2
        return tangent

    def shifted(self, x: Any, step: int, value: Any) -> Any:
        """Returns `x` moved by `step` along the axis, away from where it starts, with `value` coming in."""
        configuration = [(0, 0, 0)] * x.type.ndim
        configuration[self.axis] = (-step, step, 0) if self.reverse else (step, -step, 0)
        return manipulation.pad(x, as_value(numpy.asarray(value, x.type.dtype)), configuration)


class CumulativeSum(Cumulative):
    """Sum of all elements up to and including each one."""

    name = "cumulative_sum"
    operation = "add"
    linear = True
    accumulate = numpy.add.accumulate

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.zeros((), dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), self.bind(*tangents)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [CumulativeSum(self.axis, not self.reverse).bind(cotangents)]


class CumulativeProduct(Cumulative):
    """Product of all elements up to and including each one."""

    name = "cumulative_product"
    operation = "multiply"
    accumulate = numpy.multiply.accumulate

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.ones((), dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        def combine(x: Any, change: Any, earlier: Any, earlier_change: Any) -> tuple[Any, Any]:
            return x * earlier, change * earlier + x * earlier_change

        return self.bind(*primals), self.doubling(primals[0], tangents[0], combine)


class CumulativeExtremum(Cumulative, abstract=True):
    """Extreme element up to and including each one. The first of equal elements has the derivative."""

    kinds = "biuf"

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        earlier = self.shifted(result, 1, self.initial(result.type.dtype))
        positions = creation.iota(numpy.dtype("int32"), result.type.shape, self.axis)
        length = result.type.shape[self.axis]
        unset = constant_like(length if self.reverse else -1, positions)
        fresh = comparison.select(comparison.not_equal(result, earlier), positions, unset)
        rule = CumulativeMinimum if self.reverse else CumulativeMaximum
        latest = rule(self.axis, self.reverse).bind(fresh)
        inside = arithmetic.minimum(arithmetic.maximum(latest, 0), length - 1)
        return result, sorting.take_along(tangents[0], inside, self.axis)


class CumulativeMaximum(CumulativeExtremum):
    """Largest of all elements up to and including each one; NaN from the first NaN on."""

    name = "cumulative_maximum"
    operation = "maximum"
    accumulate = numpy.maximum.accumulate

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return extreme_value(dtype, smallest=True)


class CumulativeMinimum(CumulativeExtremum):
    """Smallest of all elements up to and including each one; NaN from the first NaN on."""

    name = "cumulative_minimum"
    operation = "minimum"
    accumulate = numpy.minimum.accumulate

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return extreme_value(dtype, smallest=False)


class CumulativeLogSumExp(Cumulative):
    """Logarithm of the sum of the exponentials of all elements up to and including each one."""

    name = "cumulative_log_sum_exp"
    kinds = "f"
    accumulate = numpy.logaddexp.accumulate

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.asarray(-numpy.inf).astype(dtype)

    def combine(self, builder: Builder, block: Any, left: Any, right: Any) -> Any:
        hlo = builder.stable_hlo
        larger = hlo.maximum(block, left, right)
        distance = hlo.abs(block, hlo.subtract(block, left, right))
        total = hlo.add(block, larger, hlo.log_plus_one(block, hlo.exponential(block, hlo.negate(block, distance))))
        # Two equal infinities have no distance.
        return hlo.select(block, hlo.compare(block, left, right, "EQ"), self._doubled(builder, block, left), total)

    def _doubled(self, builder: Builder, block: Any, value: Any) -> Any:
        hlo = builder.stable_hlo
        return hlo.add(block, value, hlo.constant(block, numpy.log(2.0).astype(builder.operand_types[0].dtype)))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        def combine(x: Any, change: Any, earlier: Any, earlier_change: Any) -> tuple[Any, Any]:
            larger = arithmetic.maximum(x, earlier)
            safe = comparison.select(comparison.is_finite(larger), larger, constant_like(0, larger))
            weight, earlier_weight = exponential.exp(x - safe), exponential.exp(earlier - safe)
            total = weight + earlier_weight
            return safe + exponential.log(total), (change * weight + earlier_change * earlier_weight) / total

        return self.bind(*primals), self.doubling(primals[0], tangents[0], combine)


def _apply(rule: type[Cumulative], x: Any, axis: int, reverse: bool) -> Any:
    x = as_value(x)
    return rule(manipulation.canonical_axis(axis, x.type.ndim, rule.name), reverse).bind(x)


def cumsum(x: ArrayLike, axis: int = 0, reverse: bool = False) -> Array:
    """Returns the sums of all elements up to and including each one along `axis`; from there on, if `reverse`."""
    return _apply(CumulativeSum, x, axis, reverse)


def cumprod(x: ArrayLike, axis: int = 0, reverse: bool = False) -> Array:
    """Returns the products of all elements up to and including each one along `axis`; from there on, if `reverse`."""
    return _apply(CumulativeProduct, x, axis, reverse)


def cummax(x: ArrayLike, axis: int = 0, reverse: bool = False) -> Array:
    """Returns the largest of all elements up to and including each one along `axis`; from there on, if `reverse`."""
    return _apply(CumulativeMaximum, x, axis, reverse)


def cummin(x: ArrayLike, axis: int = 0, reverse: bool = False) -> Array:
    """Returns the smallest of all elements up to and including each one along `axis`; from there on, if `reverse`."""
    return _apply(CumulativeMinimum, x, axis, reverse)


def cumlogsumexp(x: ArrayLike, axis: int = 0, reverse: bool = False) -> Array:
    """Returns the logarithms of the sums of the exponentials of all elements up to and including each one."""
    (x,) = arithmetic.inexact(x)
    return _apply(CumulativeLogSumExp, x, axis, reverse)
