"""Reductions, named as in NumPy."""

from __future__ import annotations

import builtins
from typing import Any

import numpy

from ryft_core.primitives import arithmetic, comparison, conversions, exponential, manipulation
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.reductions import (
    ArgumentMaximum,
    ArgumentMinimum,
    ReduceAnd,
    ReduceMaximum,
    ReduceMinimum,
    ReduceOr,
    ReduceProduct,
    ReduceSum,
    canonical_axes,
    reduce_with,
)

__all__ = ["all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var"]


def _summable(x: Any, dtype: Any) -> Any:
    x = as_value(x)
    if dtype is not None:
        return conversions.convert(x, dtype)
    return conversions.convert(x, int) if x.type.kind == "b" else x


def sum(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """Returns the sum of `x` along `axis` (all axes, if `None`); booleans are counted as integers."""
    return reduce_with(ReduceSum, _summable(x, dtype), axis, keepdims)


def prod(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """Returns the product of `x` along `axis` (all axes, if `None`)."""
    return reduce_with(ReduceProduct, _summable(x, dtype), axis, keepdims)


def max(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Returns the largest element of `x` along `axis` (all axes, if `None`); NaN if there is one."""
    return reduce_with(ReduceMaximum, x, axis, keepdims)


def min(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Returns the smallest element of `x` along `axis` (all axes, if `None`); NaN if there is one."""
    return reduce_with(ReduceMinimum, x, axis, keepdims)


def all(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Returns whether all elements of `x` along `axis` are not zero."""
    return reduce_with(ReduceAnd, comparison.truth(x), axis, keepdims)


def any(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Returns whether some element of `x` along `axis` is not zero."""
    return reduce_with(ReduceOr, comparison.truth(x), axis, keepdims)


def mean(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Returns the arithmetic mean of `x` along `axis` (all axes, if `None`); NaN of no elements."""
    (x,) = arithmetic.inexact(x)
    axes = canonical_axes(axis, x.type.ndim, "mean")
    count = 1
    for index in axes:
        count *= x.type.shape[index]
    total = reduce_with(ReduceSum, x, axes, keepdims)
    return arithmetic.divide(total, float(count))


def var(x: Any, /, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Returns the variance of `x` along `axis`; the divisor is the number of elements less `correction`."""
    (x,) = arithmetic.inexact(x)
    axes = canonical_axes(axis, x.type.ndim, "var")
    count = 1
    for index in axes:
        count *= x.type.shape[index]
    deviation = arithmetic.absolute(arithmetic.subtract(x, mean(x, axes, keepdims=True)))
    total = reduce_with(ReduceSum, arithmetic.multiply(deviation, deviation), axes, keepdims)
    return arithmetic.divide(total, builtins.max(count - correction, 0.0))


def std(x: Any, /, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Returns the standard deviation of `x` along `axis`; see `var`."""
    return exponential.sqrt(var(x, axis, correction=correction, keepdims=keepdims))


def argmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Returns the position of the first largest element of `x` along `axis` (of the flattened array, if `None`)."""
    return _argument(ArgumentMaximum, x, axis, keepdims)


def argmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Returns the position of the first smallest element of `x` along `axis` (of the flattened array, if `None`)."""
    return _argument(ArgumentMinimum, x, axis, keepdims)


def _argument(primitive: Any, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = as_value(x)
    flat = manipulation.reshape(x, (-1,)) if axis is None else x
    position = 0 if axis is None else manipulation.canonical_axis(axis, x.type.ndim, primitive.name)
    result = primitive(position, numpy.dtype("int32")).bind(flat)
    if keepdims:
        shape = (1,) * x.type.ndim if axis is None else (*x.shape[:position], 1, *x.shape[position + 1 :])
        result = manipulation.reshape(result, shape)
    return result
