"""Reductions, named as in NumPy."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, DataTypeError, ShapeError
from ryft_core.numpy.fusion import fused
from ryft_core.primitives import (
    arithmetic,
    comparison,
    complex_numbers,
    conversions,
    exponential,
    manipulation,
    sorting,
)
from ryft_core.primitives.operands import as_value, constant_like
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
    extreme_value,
    reduce_with,
)
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import bit_width, default_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "max",
    "mean",
    "median",
    "min",
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "std",
    "sum",
    "var",
]


def _masked(x: Any, where: Any, neutral: Any) -> Any:
    """Returns `x` with the `neutral` element where `where` is false."""
    return comparison.select(comparison.truth(where), x, constant_like(neutral, x))


def _prepared(x: Any, dtype: Any) -> Any:
    x = as_value(x)
    if dtype is not None:
        return conversions.convert(x, dtype)
    return conversions.convert(x, _summed_dtype(x.type)) if x.type.kind in "biu" else x


def _summed_dtype(type: ArrayType) -> numpy.dtype[Any]:
    """Returns the element type of sums and products: integers narrower than the default ones would soon overflow."""
    default = default_dtype(int)
    if type.kind not in "iu":
        return default if type.kind == "b" else type.dtype
    if bit_width(type.dtype) >= bit_width(default):
        return type.dtype
    return numpy.dtype(f"u{default.name}") if type.kind == "u" else default


@fused
def _sum(x: Any, where: Any, initial: Any, /, *, axis: Any, dtype: Any, keepdims: bool) -> Any:
    x = _prepared(x, dtype)
    x = x if where is None else _masked(x, where, 0)
    result = reduce_with(ReduceSum, x, axis, keepdims)
    return result if initial is None else arithmetic.add(result, initial)


@fused
def _prod(x: Any, where: Any, initial: Any, /, *, axis: Any, dtype: Any, keepdims: bool) -> Any:
    x = _prepared(x, dtype)
    x = x if where is None else _masked(x, where, 1)
    result = reduce_with(ReduceProduct, x, axis, keepdims)
    return result if initial is None else arithmetic.multiply(result, initial)


@fused
def _extremum(x: Any, where: Any, initial: Any, /, *, axis: Any, keepdims: bool, largest: bool) -> Any:
    x = as_value(x)
    if x.type.kind == "c":
        raise DataTypeError(f"`{'max' if largest else 'min'}` cannot order complex numbers")
    if where is not None:
        x = _masked(x, where, extreme_value(x.type.dtype, smallest=largest).item())
    axes = canonical_axes(axis, x.type.ndim, "max" if largest else "min")
    if initial is None and where is None and builtins.any(x.type.shape[index] == 0 for index in axes):
        raise ShapeError(f"`{'max' if largest else 'min'}` of no elements is not defined, but got shape {x.type.shape}")
    result = reduce_with(ReduceMaximum if largest else ReduceMinimum, x, axes, keepdims)
    if initial is None:
        return result
    return arithmetic.maximum(result, initial) if largest else arithmetic.minimum(result, initial)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def sum(
    x: ArrayLike,
    /,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Returns the sum of `x` along `axis` (all axes, if `None`), plus `initial`.

    Booleans and integers narrower than the default integer type are added in that type, signed or unsigned as they are.

    Args:
        x: Array.
        axis: Axis, or several.
        dtype: Element type to add in.
        keepdims: Whether reduced axes stay with size 1.
        initial: What the sum starts with.
        where: Mask of the elements that count.
    """
    if where is None and initial is None and dtype is None:
        value = as_value(x)
        if _summed_dtype(value.type) == value.type.dtype:
            return reduce_with(ReduceSum, value, axis, keepdims)
    return _sum(as_value(x), where, initial, axis=_axes(axis), dtype=dtype, keepdims=keepdims)


def prod(
    x: ArrayLike,
    /,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Returns the product of `x` along `axis` (all axes, if `None`), times `initial`; refer to `sum`."""
    return _prod(as_value(x), where, initial, axis=_axes(axis), dtype=dtype, keepdims=keepdims)


def max(x: ArrayLike, /, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Array:
    """Returns the largest element of `x`, and `initial`, along `axis` (all axes, if `None`); NaN if there is one.

    Raises:
        ShapeError: If there are no elements and neither `initial` nor `where` is given.
    """
    return _extremum(as_value(x), where, initial, axis=_axes(axis), keepdims=keepdims, largest=True)


def min(x: ArrayLike, /, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Array:
    """Returns the smallest element of `x`, and `initial`, along `axis` (all axes, if `None`); NaN if there is one.

    Raises:
        ShapeError: If there are no elements and neither `initial` nor `where` is given.
    """
    return _extremum(as_value(x), where, initial, axis=_axes(axis), keepdims=keepdims, largest=False)


def ptp(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns the difference of the largest and the smallest element of `x` along `axis`."""
    return arithmetic.subtract(max(x, axis, keepdims), min(x, axis, keepdims))


@fused
def all(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns whether all elements of `x` along `axis` are not zero."""
    return reduce_with(ReduceAnd, comparison.truth(x), axis, keepdims)


@fused
def any(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns whether some element of `x` along `axis` is not zero."""
    return reduce_with(ReduceOr, comparison.truth(x), axis, keepdims)


@fused
def count_nonzero(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns the number of elements of `x` along `axis` that are not zero."""
    return reduce_with(ReduceSum, conversions.convert(comparison.truth(x), numpy.int32), axis, keepdims)


def _count(x: Any, where: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Returns the number of elements that are reduced: a constant, or an array if there is a mask."""
    if where is None:
        return float(math.prod(x.type.shape[index] for index in axes))
    mask = manipulation.broadcast_to(comparison.truth(where), x.type.shape)
    return reduce_with(ReduceSum, conversions.convert(mask, x.type.dtype), axes, keepdims)


@fused
def _mean(x: Any, where: Any, /, *, axis: Any, dtype: Any, keepdims: bool) -> Any:
    (x,) = arithmetic.inexact(x if dtype is None else conversions.convert(x, dtype))
    axes = canonical_axes(axis, x.type.ndim, "mean")
    total = reduce_with(ReduceSum, x if where is None else _masked(x, where, 0), axes, keepdims)
    return arithmetic.divide(total, _count(x, where, axes, keepdims))


@fused
def _var(x: Any, where: Any, /, *, axis: Any, dtype: Any, correction: float, keepdims: bool) -> Any:
    (x,) = arithmetic.inexact(x if dtype is None else conversions.convert(x, dtype))
    axes = canonical_axes(axis, x.type.ndim, "var")
    deviation = arithmetic.subtract(x, _mean.function(x, where, axis=axes, dtype=None, keepdims=True))  # type: ignore[attr-defined]
    if x.type.kind == "c":
        squares = complex_numbers.real(arithmetic.multiply(deviation, complex_numbers.conj(deviation)))
    else:
        squares = arithmetic.multiply(deviation, deviation)
    squares = squares if where is None else _masked(squares, where, 0)
    total = reduce_with(ReduceSum, squares, axes, keepdims)
    divisor = arithmetic.maximum(arithmetic.subtract(_count(squares, where, axes, keepdims), correction), 0.0)
    return arithmetic.divide(total, conversions.convert(divisor, total.type.dtype))


def mean(x: ArrayLike, /, axis: Any = None, dtype: Any = None, keepdims: bool = False, where: Any = None) -> Array:
    """Returns the arithmetic mean of `x` along `axis` (all axes, if `None`); NaN of no elements. Refer to `sum`."""
    return _mean(as_value(x), where, axis=_axes(axis), dtype=dtype, keepdims=keepdims)


def var(
    x: ArrayLike,
    /,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = None,
    *,
    correction: float | None = None,
) -> Array:
    """Returns the variance of `x` along `axis`; the divisor is the number of elements less `ddof`, or `correction`."""
    chosen = float(ddof if correction is None else correction)
    return _var(as_value(x), where, axis=_axes(axis), dtype=dtype, correction=chosen, keepdims=keepdims)


def std(
    x: ArrayLike,
    /,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = None,
    *,
    correction: float | None = None,
) -> Array:
    """Returns the standard deviation of `x` along `axis`; refer to `var`."""
    return exponential.sqrt(var(x, axis, dtype, ddof, keepdims, where, correction=correction))


def average(x: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    """Returns the mean of `x` along `axis`, weighted if there are `weights`, of the shape of `x` or of that axis."""
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    x, weights = arithmetic.inexact(x, weights)
    if weights.type.ndim == 1 and x.type.ndim > 1 and isinstance(axis, int):
        place = manipulation.canonical_axis(axis, x.type.ndim, "average")
        weights = manipulation.reshape(weights, [-1 if index == place else 1 for index in range(x.type.ndim)])
    weights = manipulation.broadcast_to(weights, x.type.shape)
    total = sum(arithmetic.multiply(x, weights), axis, keepdims=keepdims)
    return arithmetic.divide(total, sum(weights, axis, keepdims=keepdims))


def argmax(x: ArrayLike, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Returns the position of the first largest element of `x` along `axis` (of the flattened array, if `None`)."""
    return _argument(x, axis=axis, keepdims=keepdims, largest=True)


def argmin(x: ArrayLike, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Returns the position of the first smallest element of `x` along `axis` (of the flattened array, if `None`)."""
    return _argument(x, axis=axis, keepdims=keepdims, largest=False)


@fused
def _argument(x: Any, /, *, axis: int | None, keepdims: bool, largest: bool) -> Any:
    x = as_value(x)
    primitive = ArgumentMaximum if largest else ArgumentMinimum
    flat = manipulation.reshape(x, (-1,)) if axis is None else x
    place = 0 if axis is None else manipulation.canonical_axis(axis, x.type.ndim, primitive.name)
    result = primitive(place, numpy.dtype("int32")).bind(flat)
    if keepdims:
        shape = (1,) * x.type.ndim if axis is None else (*x.type.shape[:place], 1, *x.type.shape[place + 1 :])
        result = manipulation.reshape(result, shape)
    return result


# --- without NaN ------------------------------------------------------------------------------------------------------


def _present(x: Any) -> Any:
    return comparison.equal(x, x)


def nansum(x: ArrayLike, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Returns the sum of the elements of `x` along `axis` that are not NaN."""
    return sum(x, axis, dtype, keepdims, where=_present(x))


def nanprod(x: ArrayLike, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Returns the product of the elements of `x` along `axis` that are not NaN."""
    return prod(x, axis, dtype, keepdims, where=_present(x))


def nanmean(x: ArrayLike, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Returns the mean of the elements of `x` along `axis` that are not NaN."""
    return mean(x, axis, dtype, keepdims, where=_present(x))


def nanvar(x: ArrayLike, /, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """Returns the variance of the elements of `x` along `axis` that are not NaN."""
    return var(x, axis, dtype, ddof, keepdims, where=_present(x))


def nanstd(x: ArrayLike, /, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """Returns the standard deviation of the elements of `x` along `axis` that are not NaN."""
    return std(x, axis, dtype, ddof, keepdims, where=_present(x))


def nanmax(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns the largest element of `x` along `axis` that is not NaN; NaN, if all are."""
    return _nan_if_none(max(x, axis, keepdims, where=_present(x)), x, axis, keepdims)


def nanmin(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns the smallest element of `x` along `axis` that is not NaN; NaN, if all are."""
    return _nan_if_none(min(x, axis, keepdims, where=_present(x)), x, axis, keepdims)


def _nan_if_none(result: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if result.type.kind != "f":
        return result
    return comparison.where(any(_present(x), axis, keepdims), result, constant_like(math.nan, result))


def nanargmax(x: ArrayLike, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Returns the position of the first largest element of `x` along `axis` that is not NaN; 0, if all are."""
    x = as_value(x)
    return argmax(_masked(x, _present(x), extreme_value(x.type.dtype, smallest=True).item()), axis, keepdims)


def nanargmin(x: ArrayLike, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Returns the position of the first smallest element of `x` along `axis` that is not NaN; 0, if all are."""
    x = as_value(x)
    return argmin(_masked(x, _present(x), extreme_value(x.type.dtype, smallest=False).item()), axis, keepdims)


# --- quantiles --------------------------------------------------------------------------------------------------------


def median(x: ArrayLike, /, axis: Any = None, keepdims: bool = False) -> Array:
    """Returns the median of `x` along `axis`: of an even number of elements, the mean of the middle two."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def percentile(x: ArrayLike, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Array:
    """Returns the percentiles `q`, between 0 and 100, of `x` along `axis`; refer to `quantile`."""
    return quantile(x, arithmetic.true_divide(q, 100.0), axis, method=method, keepdims=keepdims)


_METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def quantile(x: ArrayLike, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Array:
    """Returns the quantiles `q`, between 0 and 1, of `x` along `axis`; NaN where there is one.

    Args:
        x: Array.
        q: Number or vector; the axis of a vector is the first of the result.
        axis: Axis, or several; all, if `None`.
        method: What a quantile between two elements is: "linear" interpolates, "lower", "higher" and "nearest" choose
            one, "midpoint" is their mean.
        keepdims: Whether reduced axes stay with size 1.
    """
    if method not in _METHODS:
        raise ArgumentError(f"`quantile` expected one of {', '.join(_METHODS)} as `method`, but got {method!r}")
    return _quantile(as_value(x), as_value(q), axis=_axes(axis), method=method, keepdims=keepdims)


@fused
def _quantile(x: Any, q: Any, /, *, axis: Any, method: str, keepdims: bool) -> Any:
    x, q = arithmetic.inexact(x, q)
    axes = canonical_axes(axis, x.type.ndim, "quantile")
    kept = tuple(index for index in range(x.type.ndim) if index not in axes)
    shape = tuple(x.type.shape[index] for index in kept)
    flat = manipulation.reshape(manipulation.transpose(x, (*kept, *axes)), (*shape, -1))
    length = flat.type.shape[-1]
    if length == 0:
        raise ShapeError("`quantile` of no elements is not defined")
    ordered = sorting.sort(flat)
    has_nan = reduce_with(ReduceOr, comparison.not_equal(flat, flat), -1, False)
    place = arithmetic.multiply(manipulation.reshape(q, (-1,)), float(length - 1))
    lower, upper = arithmetic.floor(place), arithmetic.ceil(place)

    def at(position: Any) -> Any:
        indices = conversions.convert(position, numpy.int32)
        indices = arithmetic.minimum(arithmetic.maximum(indices, 0), length - 1)
        count = indices.type.shape[0]
        chosen = manipulation.broadcast_to(indices, (*shape, count))
        return sorting.take_along(ordered, chosen, len(shape))

    if method == "linear":
        fraction = arithmetic.subtract(place, lower)
        result = at(lower) * arithmetic.subtract(1.0, fraction) + at(upper) * fraction
    elif method == "midpoint":
        result = (at(lower) + at(upper)) * 0.5
    else:
        result = at({"lower": lower, "higher": upper}.get(method, arithmetic.round_to_even(place)))
    nans = manipulation.expand_dims(has_nan, len(shape))
    result = comparison.select(nans, constant_like(math.nan, result), result)
    result = manipulation.moveaxis(result, len(shape), 0)
    if keepdims:
        sizes = [1 if index in axes else size for index, size in enumerate(x.type.shape)]
        result = manipulation.reshape(result, (-1, *sizes))
    return manipulation.reshape(result, (*q.type.shape, *result.type.shape[1:]))
