"""Operations that have a name and signature of their own in JAX's `lax`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core import trees
from ryft_core.errors import ArgumentError, OperandError, ShapeError
from ryft_core.primitives import (
    arithmetic,
    comparison,
    conversions,
    creation,
    indexing,
    linear_algebra,
    manipulation,
    reductions,
    sorting,
    windows,
)
from ryft_core.primitives.general_reductions import reduce
from ryft_core.primitives.operands import as_value, promote
from ryft_core.tracing.tracers import Tracer

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "argmax",
    "argmin",
    "batch_matmul",
    "broadcast",
    "broadcasted_iota",
    "dot",
    "dot_general",
    "full_like",
    "index_in_dim",
    "integer_pow",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_prod",
    "reduce_sum",
    "reduce_window",
    "round",
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


def dot_general(
    lhs: ArrayLike,
    rhs: ArrayLike,
    dimension_numbers: Any,
    precision: str | None = None,
    preferred_element_type: Any = None,
) -> Array:
    """Returns the sum of products of `lhs` and `rhs` over pairs of contracted axes, for every index of the batch axes.

    Args:
        lhs: Array.
        rhs: Array.
        dimension_numbers: `((contracted axes of lhs, of rhs), (batch axes of lhs, of rhs))`.
        precision: "default", "high" or "highest".
        preferred_element_type: Element type of the result, in which the products are added.

    Raises:
        ShapeError: If the axes do not exist, or their sizes differ.
        ArgumentError: If `dimension_numbers` is not as above, or there is no such precision.
    """
    try:
        (left, right), (left_batch, right_batch) = (tuple(map(tuple, pair)) for pair in dimension_numbers)
    except (TypeError, ValueError):
        raise ArgumentError(
            "`dot_general` expected `((lhs, rhs), (lhs, rhs))`, the contracted axes and then those of the batch, as "
            f"dimension numbers, but got {dimension_numbers!r}"
        ) from None
    options: dict[str, Any] = {"precision": precision or "default", "preferred_dtype": preferred_element_type}
    return linear_algebra.dot_general(lhs, rhs, (left, right), (left_batch, right_batch), **options)


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


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Returns arrays reduced over each of their windows by a function of two scalars, or of two structures of scalars.

    What is outside of the arrays, in the padding and in the holes of dilation, counts as `init_value`, which has to be
    the neutral element of `computation`: how often it is combined with the elements is not fixed. Sums and extrema by
    the functions of this module are single operations; others take one slice per element of a window.

    Args:
        operand: Array, or structure of arrays of one shape.
        init_value: Neutral scalar, or structure of those.
        computation: Associative function of two elements, as that of `reduce`.
        window_dimensions: Sizes of the windows, one for each axis, as in all arguments below.
        window_strides: Distances between windows.
        padding: "SAME", "SAME_LOWER", "VALID", or (low, high) pairs.
        base_dilation: Distances between the elements of the arrays.
        window_dilation: Distances between the elements of a window.

    Raises:
        ShapeError: If an argument does not have an entry for each axis.
    """
    leaves, structure = trees.flatten(operand)
    values = [as_value(leaf) for leaf in leaves]
    options = (window_dimensions, window_strides, padding, base_dilation, window_dilation)
    known = _WINDOW_REDUCTIONS.get(computation)
    if known is not None and structure.is_leaf and _is_neutral(known, init_value, values[0].type.dtype):
        return windows.reduce_window_by(known, values[0], *options)
    initials = [
        conversions.convert(start, x.type.dtype) for start, x in zip(trees.leaves(init_value), values, strict=True)
    ]
    stacked = [windows.stacked_windows(x, start, *options) for x, start in zip(values, initials, strict=True)]
    return reduce(structure.unflatten(stacked), init_value, computation, (0,))


_WINDOW_REDUCTIONS: dict[Any, Any] = {
    arithmetic.add: windows.ReduceWindowSum,
    arithmetic.multiply: windows.ReduceWindowProduct,
    arithmetic.maximum: windows.ReduceWindowMaximum,
    arithmetic.minimum: windows.ReduceWindowMinimum,
}


def _is_neutral(primitive: Any, value: Any, dtype: numpy.dtype[Any]) -> bool:
    """Returns whether a reduction of windows may start with `value`: whether that is known not to change anything."""
    if isinstance(value, Tracer):
        return False
    return bool(numpy.asarray(value) == primitive.reduction((0,)).initial(dtype)) and primitive.differentiable


def round(x: ArrayLike, rounding_method: int = 0) -> Array:
    """Returns the integer nearest to `x`: halves to the farther from zero (method 0), or to the even one (method 1)."""
    if rounding_method not in (0, 1):
        raise ArgumentError(f"`round` expected 0 or 1 as the rounding method, but got {rounding_method!r}")
    return (arithmetic.round_to_even if rounding_method else arithmetic.round_away_from_zero)(x)


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
