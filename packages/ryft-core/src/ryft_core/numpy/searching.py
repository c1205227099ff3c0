"""Sorting, searching, counting and sets, named as in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, ShapeError, TracerError, hinted
from ryft_core.numpy import manipulation as shapes
from ryft_core.numpy.fusion import fused
from ryft_core.primitives import (
    arithmetic,
    comparison,
    complex_numbers,
    conversions,
    creation,
    cumulative,
    indexing,
    manipulation,
    sorting,
)
from ryft_core.primitives.operands import as_value, constant_like, promote

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "argsort",
    "argwhere",
    "bincount",
    "cumprod",
    "cumsum",
    "diff",
    "digitize",
    "extract",
    "flatnonzero",
    "interp",
    "lexsort",
    "nonzero",
    "searchsorted",
    "sort",
    "unique",
]

_INT32 = numpy.dtype("int32")


def sort(x: Any, axis: int | None = -1, *, descending: bool = False) -> Array:
    """Returns `x` sorted along `axis` (flattened, if `None`); equal elements keep their order, NaN is last."""
    x = as_value(x)
    if axis is None:
        x, axis = manipulation.reshape(x, (-1,)), 0
    return _sorted(x, axis=manipulation.canonical_axis(axis, x.type.ndim, "sort"), descending=descending)


@fused
def _sorted(x: Any, /, *, axis: int, descending: bool) -> Any:
    if x.type.kind == "c":
        parts = (complex_numbers.real(x), complex_numbers.imag(x))
        return complex_numbers.make_complex(*sorting.Sort(axis, 2, descending).bind(*parts))
    return sorting.sort(x, axis, descending=descending)


@fused
def argsort(x: Any, /, axis: int | None = -1, descending: bool = False) -> Array:
    """Returns the positions that sort `x` along `axis` (flattened, if `None`); equal elements keep their order."""
    x = as_value(x)
    if axis is None:
        x, axis = manipulation.reshape(x, (-1,)), 0
    if x.type.kind == "c":
        positions = creation.iota(_INT32, x.type.shape, axis)
        parts = (complex_numbers.real(x), complex_numbers.imag(x), positions)
        return sorting.sort_together(parts, axis, key_count=2, descending=descending)[2]
    return sorting.argsort(x, axis, descending=descending)


def lexsort(keys: Any, axis: int = -1) -> Array:
    """Returns the positions that sort by several keys, the last of which counts most."""
    operands = [as_value(key) for key in (keys if isinstance(keys, list | tuple) else shapes.unstack(keys))]
    if not operands:
        raise ShapeError("`lexsort` expected at least one key, but got none")
    axis = manipulation.canonical_axis(axis, operands[0].type.ndim, "lexsort")
    positions = creation.iota(_INT32, operands[0].type.shape, axis)
    return sorting.sort_together((*operands[::-1], positions), axis, key_count=len(operands))[-1]


@fused
def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: Any = None) -> Array:
    """Returns the sums of all elements up to and including each one along `axis` (flattened, if `None`)."""
    x, axis = _line(x, axis, dtype)
    return cumulative.cumsum(x, axis)


@fused
def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: Any = None) -> Array:
    """Returns the products of all elements up to and including each one along `axis` (flattened, if `None`)."""
    x, axis = _line(x, axis, dtype)
    return cumulative.cumprod(x, axis)


def diff(x: ArrayLike, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Returns the differences of neighbours along `axis`, taken `n` times; of booleans, whether they differ.

    Args:
        x: Array.
        n: How often differences are taken. Each time, there is one element less.
        axis: Axis along which elements are neighbours.
        prepend: Scalar or array to put in front of `x` along `axis`.
        append: Scalar or array to put behind it.

    Raises:
        ArgumentError: If `n` is no integer from 0 on.
        ShapeError: If `x` has no such axis, or what is put beside it does not fit.
    """
    x = as_value(x)
    if not isinstance(n, int) or n < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"`diff` expected a number of times from 0 on, but got {n!r}")
    if not x.type.shape:
        raise ShapeError("`diff` expected an array with at least one axis, but got a scalar")
    axis = manipulation.canonical_axis(axis, x.type.ndim, "diff")
    if n == 0:
        return x
    parts = promote(*(part for part in (prepend, x, append) if part is not None))
    if len(parts) > 1:
        edge = (*x.type.shape[:axis], 1, *x.type.shape[axis + 1 :])
        x = manipulation.concatenate(
            [part if part.type.shape else manipulation.broadcast_to(part, edge) for part in parts], axis
        )
    return _differences(x, axis=axis, times=n)


@fused
def _differences(x: ArrayLike, /, axis: int, times: int) -> Array:
    x = as_value(x)
    subtract = comparison.not_equal if x.type.kind == "b" else arithmetic.subtract
    for _ in range(min(times, x.type.shape[axis])):
        size = x.type.shape[axis]
        later = manipulation.slice_along(x, axis, min(1, size), size)
        x = subtract(later, manipulation.slice_along(x, axis, 0, max(size - 1, 0)))
    return x


def _line(x: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    x = as_value(x)
    if dtype is not None:
        x = conversions.convert(x, dtype)
    elif x.type.kind == "b":
        x = conversions.convert(x, int)
    return (manipulation.reshape(x, (-1,)), 0) if axis is None else (x, axis)


@fused
def _searchsorted(a: Any, v: Any, /, *, side: str) -> Any:
    a, v = promote(a, v)
    length = a.type.shape[0]
    # Bisection: after k steps the answer is known to within length / 2**k.
    low = conversions.convert(manipulation.broadcast_to(as_value(numpy.int32(0)), v.type.shape), _INT32)
    high = arithmetic.add(low, constant_like(length, low))
    for _ in range(length.bit_length()):
        middle = arithmetic.divide(arithmetic.add(low, high), constant_like(2, low))
        indices = manipulation.reshape(arithmetic.minimum(middle, max(length - 1, 0)), (*v.type.shape, 1))
        values = indexing.gather(a, indices, indexing.GatherDimensions((), (0,), (0,)), (1,))
        before = _before(values, v) if side == "left" else comparison.logical_not(_before(v, values))
        inside = comparison.less(low, high)
        right = comparison.logical_and(inside, before)
        left = comparison.logical_and(inside, comparison.logical_not(before))
        low = comparison.select(right, arithmetic.add(middle, constant_like(1, middle)), low)
        high = comparison.select(left, middle, high)
    return low


def _before(x: Any, y: Any) -> Any:
    """Returns whether `x` is sorted before `y`; NaN is behind all numbers."""
    less = comparison.less(x, y)
    if x.type.kind != "f":
        return less
    return comparison.logical_or(less, comparison.logical_and(comparison.equal(x, x), comparison.not_equal(y, y)))


def searchsorted(a: ArrayLike, v: ArrayLike, side: str = "left") -> Array:
    """Returns where the elements of `v` belong in the sorted vector `a`: before ("left") or behind equal elements."""
    if side not in ("left", "right"):
        raise ArgumentError(f"`searchsorted` expected 'left' or 'right' as `side`, but got {side!r}")
    a, v = as_value(a), as_value(v)
    if a.type.ndim != 1:
        raise ShapeError(f"`searchsorted` expected a vector to search in, but got shape {a.type.shape}")
    return _searchsorted(a, v, side=side)


def digitize(x: ArrayLike, bins: Any, right: bool = False) -> Array:
    """Returns the number of the interval between ascending `bins` that each element of `x` lies in."""
    return searchsorted(bins, x, "left" if right else "right")


def nonzero(x: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> tuple[Any, ...]:
    """Returns the positions along each axis of the elements of `x` that are not zero, in row-major order.

    Args:
        x: Array. Without `size`, its values must be known: inside `jit` they are not.
        size: Length of the results. What is too many is cut; what is missing is `fill_value`.
        fill_value: One integer, or one for each axis; zero, if it is not given.
    """
    x = as_value(x)
    if x.type.ndim == 0:
        raise ShapeError("`nonzero` expected an array with at least one axis, but got a scalar")
    if size is None:
        try:
            positions = numpy.nonzero(numpy.asarray(x))
        except TracerError as error:
            error.add_note("hint: pass `size` to `nonzero`, so that the shape of its results is known")
            raise
        return tuple(as_value(each.astype("int32")) for each in positions)
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value,) * x.type.ndim
    return _nonzero(x, tuple(0 if fill is None else fill for fill in fills), size=size)


@fused
def _nonzero(x: Any, fills: Any, /, *, size: int) -> tuple[Any, ...]:
    mask = comparison.truth(x)
    flat = conversions.convert(manipulation.reshape(mask, (-1,)), _INT32)
    length = flat.type.shape[0]
    # The n-th true element is where the running count first reaches n.
    counts = cumulative.cumsum(flat)
    wanted = arithmetic.add(creation.iota(_INT32, (size,)), 1)
    places = _searchsorted(counts, wanted, side="left") if length else wanted
    found = comparison.less(places, length)
    results: list[Any] = []
    stride = length
    for axis_size, fill in zip(x.type.shape, fills, strict=True):
        stride = stride // axis_size if axis_size else 0
        along = arithmetic.remainder(arithmetic.divide(places, max(stride, 1)), max(axis_size, 1))
        results.append(comparison.select(found, along, conversions.convert(fill, _INT32)))
    return tuple(results)


def flatnonzero(x: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Returns the positions in row-major order of the elements of `x` that are not zero; refer to `nonzero`."""
    return nonzero(manipulation.reshape(as_value(x), (-1,)), size=size, fill_value=fill_value)[0]


def argwhere(x: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Returns the positions of the elements of `x` that are not zero as the rows of a matrix; refer to `nonzero`."""
    return shapes.stack(nonzero(x, size=size, fill_value=fill_value), 1)


def extract(condition: Any, x: Any, *, size: int | None = None, fill_value: Any = 0) -> Array:
    """Returns the elements of `x` where `condition` is not zero, as a vector; refer to `nonzero` for `size`."""
    x = manipulation.reshape(as_value(x), (-1,))
    places = flatnonzero(condition, size=size, fill_value=x.type.shape[0])
    return shapes.take(x, places, mode="fill", fill_value=fill_value)


def unique(x: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Returns the distinct elements of `x` in ascending order.

    Args:
        x: Array. Without `size`, its values must be known: inside `jit` they are not.
        size: Length of the result. What is too much is cut; what is missing is `fill_value`, or the smallest element.
        fill_value: What fills up the result.
    """
    x = as_value(x)
    if size is None:
        try:
            return as_value(numpy.unique(numpy.asarray(x)))
        except TracerError as error:
            raise hinted(error, "pass `size` to `unique`, so that the shape of its result is known") from None
    ordered = sort(x, None)
    length = ordered.type.shape[0]
    if length == 0:
        raise ShapeError("`unique` with a `size` expected at least one element, but got none")
    first = comparison.not_equal(
        manipulation.slice_along(ordered, 0, 1, length), manipulation.slice_along(ordered, 0, 0, length - 1)
    )
    fresh = manipulation.concatenate([numpy.ones((1,), "bool"), first])
    places = nonzero(fresh, size=size, fill_value=length)[0]
    fill = ordered[0] if fill_value is None else fill_value
    return shapes.take(ordered, places, mode="fill", fill_value=conversions.convert(fill, ordered.type.dtype))


def bincount(x: ArrayLike, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Array:
    """Returns how often each non-negative integer occurs in the vector `x`, or the sum of its `weights`.

    Without `length`, the values of `x` must be known. With it, larger integers are left out.
    """
    x = as_value(x)
    if length is None:
        known = numpy.asarray(x)
        length = max(int(known.max()) + 1 if known.size else 0, minlength)
    amounts = as_value(numpy.ones((), "int32")) if weights is None else as_value(weights)
    amounts = manipulation.broadcast_to(amounts, x.type.shape)
    zeros = manipulation.zeros_of(amounts.type.with_shape((length,)))
    indices = manipulation.reshape(x, (*x.type.shape, 1))
    return indexing.scatter(zeros, indices, amounts, indexing.ScatterDimensions((), (0,), (0,)), "add")


@fused
def interp(x: Any, xp: Any, fp: Any, /) -> Array:
    """Returns the piecewise linear function with values `fp` at ascending `xp`, at `x`; constant outside."""
    x, xp, fp = arithmetic.inexact(x, xp, fp)
    if xp.type.ndim != 1 or xp.type.shape != fp.type.shape or xp.type.size == 0:
        raise ShapeError(f"`interp` expected vectors of one length, but got shapes {xp.type.shape} and {fp.type.shape}")
    last = xp.type.shape[0] - 1
    upper = arithmetic.minimum(arithmetic.maximum(_searchsorted(xp, x, side="right"), 1), max(last, 0))
    lower = arithmetic.maximum(arithmetic.subtract(upper, 1), 0)
    x0, x1 = shapes.take(xp, lower), shapes.take(xp, upper)
    y0, y1 = shapes.take(fp, lower), shapes.take(fp, upper)
    width = arithmetic.subtract(x1, x0)
    flat = comparison.equal(width, constant_like(0, width))
    safe = comparison.select(flat, constant_like(1, width), width)
    values = arithmetic.add(y0, arithmetic.multiply(arithmetic.subtract(y1, y0), arithmetic.subtract(x, x0) / safe))
    values = comparison.select(flat, y0, values)
    ends = (manipulation.slice_along(fp, 0, 0, 1), manipulation.slice_along(fp, 0, last, last + 1))
    first, final = (manipulation.reshape(end, ()) for end in ends)
    values = comparison.select(comparison.less(x, shapes.take(xp, 0)), first, values)
    return comparison.select(comparison.greater(x, shapes.take(xp, last)), final, values)
