"""Operations that have a name and signature of their own in JAX's `lax`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import OperandError, ShapeError
from ryft_core.primitives import (
    arithmetic,
    comparison,
    creation,
    indexing,
    linear_algebra,
    manipulation,
    reductions,
    sorting,
)
from ryft_core.primitives.operands import as_value, promote

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "argmax",
    "argmin",
    "batch_matmul",
    "broadcast",
    "broadcasted_iota",
    "clamp",
    "dot",
    "full_like",
    "index_in_dim",
    "integer_pow",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_prod",
    "reduce_sum",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "select_n",
    "slice_in_dim",
    "sort",
    "square",
    "top_k",
]

top_k = sorting.top_k


def clamp(low: Any, x: ArrayLike, high: Any) -> Array:
    """Returns `x` moved between `low` and `high`."""
    return arithmetic.minimum(arithmetic.maximum(x, low), high)


def square(x: ArrayLike) -> Array:
    """Returns `x` times `x`."""
    return arithmetic.multiply(x, x)


def integer_pow(x: ArrayLike, exponent: int) -> Array:
    """Returns `x` raised to a constant integer."""
    if exponent < 0:
        return arithmetic.true_divide(1, integer_pow(x, -exponent))
    result: Any = None
    power = as_value(x)
    while exponent:
        if exponent & 1:
            result = power if result is None else arithmetic.multiply(result, power)
        exponent >>= 1
        if exponent:
            power = arithmetic.multiply(power, power)
    return arithmetic.ones_like_value(power) if result is None else result


def select_n(which: Any, *cases: Any) -> Array:
    """Returns, for each element, that of the case whose number `which` holds; booleans choose between two."""
    which = as_value(which)
    if not cases:
        raise OperandError("`select_n` expected at least one case, but got none")
    values: list[Any] = [as_value(cases[0])] if len(cases) == 1 else list(promote(*cases))
    if which.type.kind == "b":
        if len(values) > 2:
            raise OperandError(f"`select_n` by booleans expected at most 2 cases, but got {len(values)}")
        return comparison.select(which, values[-1], values[0])
    result = values[-1]
    for number in range(len(values) - 2, -1, -1):
        result = comparison.select(comparison.less_equal(which, number), values[number], result)
    return result


def full_like(x: ArrayLike, fill_value: Any, dtype: Any = None, shape: Sequence[int] | None = None) -> Array:
    """Returns an array with every element `fill_value`, of the shape and element type of `x`, or others."""
    type = as_value(x).type
    return creation.full(type.shape if shape is None else shape, fill_value, type.dtype if dtype is None else dtype)


def broadcast(x: ArrayLike, sizes: Sequence[int]) -> Array:
    """Returns `x` repeated along new leading axes of `sizes`."""
    x = as_value(x)
    return manipulation.broadcast_to(x, (*sizes, *x.type.shape))


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Array:
    """Returns an array of `shape` whose elements count 0, 1, 2, ... along `dimension`."""
    return creation.iota(dtype, shape, dimension)


def slice_in_dim(x: ArrayLike, start: int | None, limit: int | None, stride: int = 1, axis: int = 0) -> Array:
    """Returns the elements of `x` from `start` to `limit`, every `stride`-th, along one axis."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "slice_in_dim")
    first, last, step = slice(start, limit, stride).indices(x.type.shape[axis])
    return manipulation.slice_along(x, axis, first, max(first, last), step)


def index_in_dim(x: ArrayLike, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    """Returns the elements of `x` at a constant `index` along `axis`, which stays with size 1 if `keepdims`."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "index_in_dim")
    length = x.type.shape[axis]
    if not -length <= index < length:
        raise ShapeError(f"`index_in_dim` has no index {index} along axis {axis} of shape {x.type.shape}")
    place = index % length
    result = manipulation.slice_along(x, axis, place, place + 1)
    return result if keepdims else manipulation.squeeze(result, axis)


def dot(x: ArrayLike, y: ArrayLike, precision: str = "default", preferred_element_type: Any = None) -> Array:
    """Returns the product of vectors or matrices."""
    return linear_algebra.matmul(x, y, precision=precision, preferred_dtype=preferred_element_type)


def batch_matmul(x: ArrayLike, y: ArrayLike, precision: str = "default") -> Array:
    """Returns the products of matrices along the last two axes."""
    return linear_algebra.matmul(x, y, precision=precision)


def reduce_sum(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the sum of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceSum, x, tuple(axes), False)


def reduce_prod(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the product of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceProduct, x, tuple(axes), False)


def reduce_max(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the maximum of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceMaximum, x, tuple(axes), False)


def reduce_min(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the minimum of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceMinimum, x, tuple(axes), False)


def reduce_and(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the bit-wise "and" of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceAnd, x, tuple(axes), False)


def reduce_or(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns the bit-wise "or" of `x` along `axes`."""
    return reductions.reduce_with(reductions.ReduceOr, x, tuple(axes), False)


def argmax(x: ArrayLike, axis: int, index_dtype: Any = numpy.int32) -> Array:
    """Returns the position of the first largest element of `x` along `axis`."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "argmax")
    return reductions.ArgumentMaximum(axis, numpy.dtype(index_dtype)).bind(x)


def argmin(x: ArrayLike, axis: int, index_dtype: Any = numpy.int32) -> Array:
    """Returns the position of the first smallest element of `x` along `axis`."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "argmin")
    return reductions.ArgumentMinimum(axis, numpy.dtype(index_dtype)).bind(x)


def sort(operand: ArrayLike, dimension: int = -1, *, num_keys: int = 1) -> Any:
    """Returns an array sorted along `dimension`, or several, sorted together by the first `num_keys` of them."""
    if isinstance(operand, list | tuple):
        return sorting.sort_together(operand, dimension, key_count=num_keys)
    return sorting.sort(operand, dimension)


def scatter_add(
    x: ArrayLike, indices: Any, updates: Any, dimensions: indexing.ScatterDimensions, **options: Any
) -> Array:
    """Returns `x` with `updates` added to the slices that `indices` point to; refer to `scatter`."""
    return indexing.scatter(x, indices, updates, dimensions, "add", **options)


def scatter_mul(
    x: ArrayLike, indices: Any, updates: Any, dimensions: indexing.ScatterDimensions, **options: Any
) -> Array:
    """Returns `x` with the slices that `indices` point to multiplied by `updates`; refer to `scatter`."""
    return indexing.scatter(x, indices, updates, dimensions, "multiply", **options)


def scatter_min(
    x: ArrayLike, indices: Any, updates: Any, dimensions: indexing.ScatterDimensions, **options: Any
) -> Array:
    """Returns `x` with the smaller of `updates` and the slices that `indices` point to; refer to `scatter`."""
    return indexing.scatter(x, indices, updates, dimensions, "minimum", **options)


def scatter_max(
    x: ArrayLike, indices: Any, updates: Any, dimensions: indexing.ScatterDimensions, **options: Any
) -> Array:
    """Returns `x` with the larger of `updates` and the slices that `indices` point to; refer to `scatter`."""
    return indexing.scatter(x, indices, updates, dimensions, "maximum", **options)
