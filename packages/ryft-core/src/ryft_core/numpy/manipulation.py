"""Changing shapes, and cutting and joining arrays, named as in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, ShapeError
from ryft_core.numpy import indexing
from ryft_core.numpy.fusion import fused
from ryft_core.numpy.selections import Lookup, Range, Selection
from ryft_core.primitives import (
    arithmetic,
    comparison,
    conversions,
    creation,
    cumulative,
    manipulation,
    reductions,
    sorting,
)
from ryft_core.primitives.families import broadcast_operand_shapes
from ryft_core.primitives.indexing import check_mode, default_fill, wrapped_index
from ryft_core.primitives.operands import as_value

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "append",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "matrix_transpose",
    "moveaxis",
    "ndim",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "shape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tile",
    "transpose",
    "unstack",
    "vsplit",
    "vstack",
]

Axes = int | Sequence[int]


def shape(x: ArrayLike) -> tuple[int, ...]:
    """Returns the sizes of the axes of `x`."""
    return as_value(x).type.shape


def ndim(x: ArrayLike) -> int:
    """Returns the number of axes of `x`."""
    return as_value(x).type.ndim


def size(x: ArrayLike, axis: int | None = None) -> int:
    """Returns the number of elements of `x`, or its size along `axis`."""
    type = as_value(x).type
    return type.size if axis is None else type.shape[manipulation.canonical_axis(axis, type.ndim, "size")]


def reshape(x: ArrayLike, shape: Axes, order: str = "C") -> Array:
    """Returns the elements of `x` in another shape, in which one size may be -1, to be inferred.

    Args:
        x: Array.
        shape: The new shape.
        order: "C" reads and writes elements with the last index fastest, "F" with the first.
    """
    x = as_value(x)
    if order == "C":
        return manipulation.reshape(x, shape)
    if order != "F":
        raise ArgumentError(f"`reshape` expected 'C' or 'F' as `order`, but got {order!r}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    return manipulation.transpose(manipulation.reshape(manipulation.transpose(x), sizes[::-1]))


def ravel(x: ArrayLike, order: str = "C") -> Array:
    """Returns the elements of `x` as a vector."""
    return reshape(x, (-1,), order)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Returns `x` with its axes permuted; reversed, if no axes are given."""
    return manipulation.transpose(x, axes)


permute_dims = transpose


def matrix_transpose(x: ArrayLike, /) -> Array:
    """Returns `x` with its last two axes exchanged."""
    return swapaxes(x, -1, -2)


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Array:
    """Returns `x` with two axes exchanged."""
    x = as_value(x)
    rank = x.type.ndim
    first, second = (manipulation.canonical_axis(axis, rank, "swapaxes") for axis in (axis1, axis2))
    order = list(range(rank))
    order[first], order[second] = second, first
    return manipulation.transpose(x, order)


def moveaxis(x: ArrayLike, source: Axes, destination: Axes) -> Array:
    """Returns `x` with axes moved to new positions; the others keep their order."""
    x = as_value(x)
    rank = x.type.ndim
    sources, destinations = (
        [manipulation.canonical_axis(a, rank, "moveaxis") for a in ((axes,) if isinstance(axes, int) else axes)]
        for axes in (source, destination)
    )
    if len(sources) != len(destinations):
        raise ShapeError(f"`moveaxis` expected as many destinations as sources, but got {source} and {destination}")
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return manipulation.transpose(x, order)


def rollaxis(x: ArrayLike, axis: int, start: int = 0) -> Array:
    """Returns `x` with `axis` moved before the position `start`."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "rollaxis")
    start = start + x.type.ndim if start < 0 else start
    return moveaxis(x, axis, start - (start > axis))


def expand_dims(x: ArrayLike, axis: Axes) -> Array:
    """Returns `x` with new axes of size 1 at the positions `axis` of the result."""
    x = as_value(x)
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = x.type.ndim + len(given)
    places = {manipulation.canonical_axis(a, rank, "expand_dims") for a in given}
    if len(places) != len(given):
        raise ShapeError(f"`expand_dims` expected distinct axes, but got {axis}")
    sizes = iter(x.type.shape)
    return manipulation.reshape(x, tuple(1 if place in places else next(sizes) for place in range(rank)))


def squeeze(x: ArrayLike, axis: Axes | None = None) -> Array:
    """Returns `x` without the given axes, which must have size 1; without all such axes, if none are given."""
    return manipulation.squeeze(x, axis)


def broadcast_to(x: ArrayLike, shape: Axes) -> Array:
    """Returns `x` repeated to `shape`, axes aligned at the last."""
    return manipulation.broadcast_to(x, creation.shape_of(shape))


def broadcast_arrays(*xs: Any) -> list[Any]:
    """Returns the operands broadcast to one shape."""
    return list(comparison.broadcast_together(*xs))


def broadcast_shapes(*shapes: Axes) -> tuple[int, ...]:
    """Returns the shape that operands of `shapes` broadcast to."""
    return broadcast_operand_shapes("broadcast_shapes", tuple(creation.shape_of(shape) for shape in shapes))


def atleast_1d(*xs: Any) -> Any:
    """Returns each operand with at least one axis; a list, if there are several."""
    return _each(xs, lambda x: manipulation.reshape(x, (1,)) if x.type.ndim == 0 else x)


def atleast_2d(*xs: Any) -> Any:
    """Returns each operand with at least two axes, new ones in front; a list, if there are several."""
    return _each(xs, lambda x: manipulation.reshape(x, (1,) * (2 - x.type.ndim) + x.type.shape))


def atleast_3d(*xs: Any) -> Any:
    """Returns each operand with at least three axes, vectors along the second; a list, if there are several."""

    def extended(x: Any) -> Any:
        lead, trail = {0: (2, 1), 1: (1, 1), 2: (0, 1)}.get(x.type.ndim, (0, 0))
        return manipulation.reshape(x, (1,) * lead + x.type.shape + (1,) * trail)

    return _each(xs, extended)


def _each(xs: Sequence[Any], function: Any) -> Any:
    results = [function(as_value(x)) for x in xs]
    return results[0] if len(results) == 1 else results


# --- joining ----------------------------------------------------------------------------------------------------------


def _operands(arrays: Any) -> list[Any]:
    if isinstance(arrays, list | tuple):
        return [as_value(x) for x in arrays]
    x = as_value(arrays)
    return list(unstack(x))


def concatenate(arrays: Sequence[Any], axis: int | None = 0, dtype: Any = None) -> Array:
    """Returns arrays joined along `axis`, or, if that is `None`, joined after flattening them."""
    operands = _operands(arrays)
    if axis is None:
        operands, axis = [manipulation.reshape(x, (-1,)) for x in operands], 0
    result = manipulation.concatenate(operands, axis)
    return result if dtype is None else conversions.convert(result, dtype)


concat = concatenate


def stack(arrays: Sequence[Any], axis: int = 0, dtype: Any = None) -> Array:
    """Returns arrays of one shape joined along a new axis at position `axis` of the result."""
    operands = _operands(arrays)
    if not operands:
        raise ShapeError("`stack` expected at least one array, but got none")
    shapes = [x.type.shape for x in operands]
    if len(set(shapes)) > 1:
        raise ShapeError(f"`stack` expected arrays of one shape, but got {', '.join(map(str, shapes))}")
    result = _stacked(tuple(operands), axis=manipulation.canonical_axis(axis, len(shapes[0]) + 1, "stack"))
    return result if dtype is None else conversions.convert(result, dtype)


@fused
def _stacked(operands: Any, /, *, axis: int) -> Any:
    return manipulation.concatenate([manipulation.expand_dims(x, axis) for x in operands], axis)


def vstack(arrays: Sequence[Any]) -> Array:
    """Returns arrays joined along their first axis, vectors as rows."""
    return concatenate([atleast_2d(x) for x in _operands(arrays)], 0)


def hstack(arrays: Sequence[Any]) -> Array:
    """Returns arrays joined along their second axis, vectors along their only one."""
    operands = [atleast_1d(x) for x in _operands(arrays)]
    return concatenate(operands, 0 if operands and operands[0].type.ndim == 1 else 1)


def dstack(arrays: Sequence[Any]) -> Array:
    """Returns arrays joined along their third axis."""
    return concatenate([atleast_3d(x) for x in _operands(arrays)], 2)


def column_stack(arrays: Sequence[Any]) -> Array:
    """Returns arrays joined along their second axis, vectors as columns."""
    columns = [manipulation.reshape(x, (-1, 1)) if x.type.ndim < 2 else x for x in _operands(arrays)]
    return concatenate(columns, 1)


def append(x: ArrayLike, values: Any, axis: int | None = None) -> Array:
    """Returns `x` with `values` behind it along `axis`; both flattened, if that is `None`."""
    return concatenate([x, values], axis)


# --- cutting ----------------------------------------------------------------------------------------------------------


def split(x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Returns `x` cut along `axis` into a number of equal parts, or at the given positions."""
    x = as_value(x)
    length = x.type.shape[manipulation.canonical_axis(axis, x.type.ndim, "split")]
    if isinstance(indices_or_sections, int) and (indices_or_sections < 1 or length % indices_or_sections):
        raise ShapeError(f"`split` cannot cut an axis of size {length} into {indices_or_sections} equal parts")
    return array_split(x, indices_or_sections, axis)


def array_split(x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Returns `x` cut along `axis` into a number of nearly equal parts, or at the given positions."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "array_split")
    length = x.type.shape[axis]
    if isinstance(indices_or_sections, int):
        base, extra = divmod(length, indices_or_sections)
        counts = [base + (part < extra) for part in range(indices_or_sections)]
        bounds = [0, *itertools.accumulate(counts)]
    else:
        bounds = [0, *[slice(int(place)).indices(length)[1] for place in indices_or_sections], length]
    pairs = tuple((start, max(start, stop)) for start, stop in itertools.pairwise(bounds))
    return list(_parts(x, bounds=pairs, axis=axis))


@fused
def _parts(x: Any, /, *, bounds: tuple[tuple[int, int], ...], axis: int) -> tuple[Any, ...]:
    return tuple(manipulation.slice_along(x, axis, start, stop) for start, stop in bounds)


def vsplit(x: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """Returns `x` cut along its first axis."""
    return split(x, indices_or_sections, 0)


def hsplit(x: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """Returns `x` cut along its second axis, or the only one."""
    return split(x, indices_or_sections, 0 if as_value(x).type.ndim == 1 else 1)


def unstack(x: ArrayLike, axis: int = 0) -> tuple[Any, ...]:
    """Returns the elements of `x` along `axis`, which they lack."""
    x = as_value(x)
    return _unstacked(x, axis=manipulation.canonical_axis(axis, x.type.ndim, "unstack"))


@fused
def _unstacked(x: Any, /, *, axis: int) -> tuple[Any, ...]:
    shape = x.type.shape
    rest = shape[:axis] + shape[axis + 1 :]
    return tuple(
        manipulation.reshape(manipulation.slice_along(x, axis, index, index + 1), rest) for index in range(shape[axis])
    )


# --- rearranging ------------------------------------------------------------------------------------------------------


def flip(x: ArrayLike, axis: Axes | None = None) -> Array:
    """Returns `x` with the order of its elements reversed along `axis` (all axes, if `None`)."""
    x = as_value(x)
    return manipulation.reverse(x, reductions.canonical_axes(axis, x.type.ndim, "flip"))


def flipud(x: ArrayLike) -> Array:
    """Returns `x` with the order of its elements reversed along its first axis."""
    return flip(x, 0)


def fliplr(x: ArrayLike) -> Array:
    """Returns `x` with the order of its elements reversed along its second axis."""
    return flip(x, 1)


def rot90(x: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Returns `x` turned `k` times by 90 degrees, from the first of two axes towards the second."""
    x = as_value(x)
    first, second = (manipulation.canonical_axis(axis, x.type.ndim, "rot90") for axis in axes)
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(x, (first, second))
    return flip(swapaxes(x, first, second), first) if turns == 1 else swapaxes(flip(x, first), first, second)


def roll(x: ArrayLike, shift: Any, axis: Axes | None = None) -> Array:
    """Returns `x` with its elements moved by `shift` along `axis`; those that leave come back at the other end.

    Without an axis, the elements are moved in row-major order. Shifts are constants, one for each axis, or traced.
    """
    x = as_value(x)
    if axis is None:
        return manipulation.reshape(roll(manipulation.reshape(x, (-1,)), shift, 0), x.type.shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"`roll` expected one shift for each of {len(axes)} axes, but got {len(shifts)}")
    canonical = tuple(manipulation.canonical_axis(a, x.type.ndim, "roll") for a in axes)
    if all(isinstance(amount, int) for amount in shifts):
        return _rolled(x, shifts=tuple(shifts), axes=canonical)
    return _rolled_by_values(x, tuple(shifts), axes=canonical)


@fused
def _rolled(x: Any, /, *, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    for amount, axis in zip(shifts, axes, strict=True):
        length = x.type.shape[axis]
        place = -amount % length if length else 0
        if place:
            parts = (
                manipulation.slice_along(x, axis, place, length),
                manipulation.slice_along(x, axis, 0, place),
            )
            x = manipulation.concatenate(parts, axis)
    return x


@fused
def _rolled_by_values(x: Any, shifts: Any, /, *, axes: tuple[int, ...]) -> Any:
    for amount, axis in zip(shifts, axes, strict=True):
        length = max(x.type.shape[axis], 1)
        positions = creation.iota(numpy.int32, (x.type.shape[axis],))
        source = arithmetic.modulo(arithmetic.subtract(positions, conversions.convert(amount, numpy.int32)), length)
        x = take(x, source, axis, mode="promise_in_bounds")
    return x


def tile(x: ArrayLike, reps: Axes) -> Array:
    """Returns `x` repeated as a whole, `reps` times along each axis."""
    x = as_value(x)
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    rank = max(x.type.ndim, len(counts))
    return _tiled(x, counts=(1,) * (rank - len(counts)) + counts)


@fused
def _tiled(x: Any, /, *, counts: tuple[int, ...]) -> Any:
    shape = (1,) * (len(counts) - x.type.ndim) + x.type.shape
    interleaved = [size for pair in zip(counts, shape, strict=True) for size in pair]
    places = tuple(range(1, 2 * len(shape), 2))
    repeated = manipulation.broadcast_in_dimensions(manipulation.reshape(x, shape), interleaved, places)
    return manipulation.reshape(repeated, tuple(count * size for count, size in zip(counts, shape, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Array:
    """Returns `x` with each element along `axis` repeated; flattened first, if that is `None`.

    Args:
        x: Array.
        repeats: How often to repeat each element, or a number for each of them.
        axis: Axis to repeat along.
        total_repeat_length: Length of the result, for numbers of repetitions that are traced: what is too long is cut,
            and the last element fills up what is too short.
    """
    x = as_value(x)
    if axis is None:
        x, axis = manipulation.reshape(x, (-1,)), 0
    axis = manipulation.canonical_axis(axis, x.type.ndim, "repeat")
    if isinstance(repeats, int):
        return _repeated(x, count=repeats, axis=axis)
    length = x.type.shape[axis]
    if total_repeat_length is None:
        counts = numpy.broadcast_to(numpy.asarray(repeats), (length,))
        return take(x, numpy.repeat(numpy.arange(length, dtype="int32"), counts), axis)
    counts = manipulation.broadcast_to(conversions.convert(repeats, numpy.int32), (length,))
    ends = cumulative.cumsum(counts)
    positions = creation.iota(numpy.int32, (total_repeat_length, 1))
    ended = conversions.convert(comparison.greater_equal(positions, ends), numpy.int32)
    source = reductions.ReduceSum((1,)).bind(ended)
    return take(x, arithmetic.minimum(source, max(length - 1, 0)), axis)


@fused
def _repeated(x: Any, /, *, count: int, axis: int) -> Any:
    shape = x.type.shape
    places = tuple(place + (place > axis) for place in range(len(shape)))
    longer = (*shape[: axis + 1], count, *shape[axis + 1 :])
    repeated = manipulation.broadcast_in_dimensions(x, longer, places)
    return manipulation.reshape(repeated, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


_PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Array:
    """Returns `x` with elements before and behind its own.

    Args:
        x: Array.
        pad_width: How many: one number, one (before, behind) pair, or a pair for each axis.
        mode: "constant" pads with `constant_values`, "edge" with the outermost elements, "reflect" and "symmetric" with
            the elements mirrored without and with the outermost one, "wrap" with those of the other end.
        constant_values: Scalar for the mode "constant".
    """
    x = as_value(x)
    widths = numpy.broadcast_to(numpy.asarray(pad_width), (x.type.ndim, 2))
    if (widths < 0).any():
        raise ShapeError(f"`pad` expected widths that are not negative, but got {pad_width}")
    if mode not in _PAD_MODES:
        raise ArgumentError(f"`pad` expected one of {', '.join(_PAD_MODES)} as `mode`, but got {mode!r}")
    pairs = tuple((int(before), int(behind)) for before, behind in widths)
    if mode != "constant":
        return _padded_with_elements(x, widths=pairs, mode=mode)
    return _padded(x, constant_values, widths=pairs)


@fused
def _padded(x: Any, value: Any, /, *, widths: tuple[tuple[int, int], ...]) -> Any:
    value = conversions.convert(value, x.type.dtype)
    return manipulation.pad(x, value, [(before, behind, 0) for before, behind in widths])


@fused
def _padded_with_elements(x: Any, /, *, widths: tuple[tuple[int, int], ...], mode: str) -> Any:
    for axis, pair in enumerate(widths):
        if any(pair):
            positions = numpy.pad(numpy.arange(x.type.shape[axis], dtype="int32"), pair, mode=mode)  # type: ignore[call-overload]
            x = take(x, positions, axis)
    return x


# --- taking -----------------------------------------------------------------------------------------------------------


def take(x: Any, indices: Any, axis: int | None = None, mode: str | None = None, fill_value: Any = None) -> Array:
    """Returns the elements of `x` at `indices` along `axis`; of the flattened array, if that is `None`.

    Args:
        x: Array.
        indices: Integers of any shape, which takes the place of the axis.
        axis: Axis to take from.
        mode: For an index out of bounds: "fill" (the default) gives `fill_value`, "clip" moves it inside, "wrap" counts
            on from the other end, "promise_in_bounds" promises that there is none.
        fill_value: Value for "fill"; NaN, or for integers their extreme, if it is not given.
    """
    x = as_value(x)
    if axis is None:
        x, axis = manipulation.reshape(x, (-1,)), 0
    axis = manipulation.canonical_axis(axis, x.type.ndim, "take")
    indices = as_value(indices)
    if mode == "wrap":
        indices, mode = arithmetic.modulo(indices, max(x.type.shape[axis], 1)), "promise_in_bounds"
    mode = check_mode(mode or "fill")
    return _taken(x, indices, fill_value, axis=axis, mode=mode)


@fused
def _taken(x: Any, indices: Any, fill_value: Any, /, *, axis: int, mode: str) -> Any:
    items = [Range(place, 0, size, 1) for place, size in enumerate(x.type.shape)]
    items[axis] = Lookup(axis, 0, mode == "promise_in_bounds")  # type: ignore[call-overload]
    selection = Selection(x.type.shape, tuple(items), (indices.type.shape,))
    return indexing.select(x, selection, [indices], mode=mode, fill_value=fill_value)


@fused
def _taken_along(x: Any, indices: Any, fill_value: Any, /, *, axis: int, mode: str) -> Any:
    rank = x.type.ndim
    sizes = [
        max(own, other) if 1 in (own, other) and 0 not in (own, other) else own
        for own, other in zip(x.type.shape, indices.type.shape, strict=True)
    ]
    x = manipulation.broadcast_to(x, [x.type.shape[a] if a == axis else sizes[a] for a in range(rank)])
    indices = manipulation.broadcast_to(
        indices, [indices.type.shape[a] if a == axis else sizes[a] for a in range(rank)]
    )
    length = x.type.shape[axis]
    indices = wrapped_index(indices, length)
    inside = arithmetic.maximum(arithmetic.minimum(indices, max(length - 1, 0)), 0)
    result = sorting.take_along(x, inside, axis)
    if mode != "fill":
        return result
    fill = default_fill(x.type) if fill_value is None else fill_value
    return comparison.select(comparison.equal(indices, inside), result, conversions.convert(fill, x.type.dtype))


def take_along_axis(
    x: Any, indices: Any, axis: int | None = -1, mode: str | None = None, fill_value: Any = None
) -> Array:
    """Returns the elements of `x` at `indices` along `axis`, with the other axes running along; refer to `take`."""
    x, indices = as_value(x), as_value(indices)
    if axis is None:
        x, axis = manipulation.reshape(x, (-1,)), 0
    if x.type.ndim != indices.type.ndim:
        raise ShapeError(
            f"`take_along_axis` expected indices with as many axes as the array, but got {indices.type.ndim} "
            f"and {x.type.ndim}"
        )
    axis = manipulation.canonical_axis(axis, x.type.ndim, "take_along_axis")
    return _taken_along(x, indices, fill_value, axis=axis, mode=check_mode(mode or "fill"))
