"""Indexing of arrays: `x[index]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from ryft_core.numpy.fusion import fused
from ryft_core.numpy.selections import IndexingError, Lookup, Position, Range, Selection, parse_index
from ryft_core.primitives import conversions, manipulation
from ryft_core.primitives.dynamic_slicing import DynamicSlice
from ryft_core.primitives.indexing import GatherDimensions, gather, wrapped_index
from ryft_core.primitives.operands import as_value, literal, promote
from ryft_core.tracing.traces import STATE

__all__ = ["get", "select", "unstack_eagerly"]

_INT32 = numpy.dtype("int32")


def get(x: Any, index: Any) -> Any:
    """Returns `x[index]`, by NumPy's rules; an index in an array that is out of bounds is moved inside."""
    if type(index) is int and STATE.trace is STATE.base:
        shape = x.type.shape
        if not shape:
            raise IndexingError("too many indices for an array of shape (): got 1")
        size = shape[0]
        if not -size <= index < size:
            raise IndexingError(f"index {index} is out of bounds for axis 0 with size {size}")
        return _row(x, index + size if index < 0 else index)
    selection, arrays = parse_index(index, x.type.shape)
    if STATE.trace is not STATE.base:
        return select(x, selection, arrays)
    if arrays or any(isinstance(item, Range) and item.step != 1 for item in selection.items):
        return _select(x, tuple(arrays), selection=selection)
    if selection.result_shape() == x.type.shape and all(
        not isinstance(item, Range) or item.count == x.type.shape[item.axis] for item in selection.items
    ):
        return x
    starts = tuple(item.index if isinstance(item, Position) else item.start for item in selection.items if item)  # type: ignore[union-attr]
    sizes = tuple(1 if isinstance(item, Position) else item.count for item in selection.items if item)  # type: ignore[union-attr]
    return _window(x, starts, sizes=sizes, shape=selection.result_shape())


@fused
def _row(x: Any, index: Any, /) -> Any:
    # The index is an operand, so that one kernel serves all of them.
    shape = x.type.shape
    start = conversions.convert(index, _INT32)
    starts = [start, *[literal(0, _INT32)] * (len(shape) - 1)]
    return manipulation.reshape(DynamicSlice((1, *shape[1:])).bind(x, *starts), shape[1:])


@fused
def _window(x: Any, starts: Any, /, *, sizes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    starts = [conversions.convert(start, _INT32) for start in starts]
    return manipulation.reshape(DynamicSlice(sizes).bind(x, *starts), shape)


@fused
def _select(x: Any, arrays: Any, /, *, selection: Selection) -> Any:
    return select(x, selection, list(arrays))


def select(
    x: Any,
    selection: Selection,
    arrays: Sequence[Any],
    *,
    mode: str = "clip",
    fill_value: Any = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Any:
    """Returns the elements of `x` that a selection tells; refer to `gather` for the options."""
    lookups = [item for item in selection.items if isinstance(item, Lookup)]
    by_gather = selection.has_arrays or (bool(lookups) and mode == "fill")
    ranges = [item for item in selection.items if isinstance(item, Range)]
    positions = [] if by_gather else [item for item in selection.items if isinstance(item, Position)]
    if x.type.shape != selection.shape:
        x = manipulation.reshape(x, selection.shape)
    x = _sliced(x, ranges, positions)
    if by_gather:
        options = {"indices_are_sorted": indices_are_sorted, "unique_indices": unique_indices}
        if all(lookup.checked for lookup in lookups):
            mode = "promise_in_bounds"
        x = _gathered(x, selection, arrays, mode=mode, fill_value=fill_value, **options)
    elif lookups:
        sizes = list(x.type.shape)
        starts: list[Any] = [literal(0, _INT32)] * len(sizes)
        for lookup in lookups:
            starts[lookup.axis] = _component(arrays[lookup.number], lookup, selection.shape)
            sizes[lookup.axis] = 1
        x = DynamicSlice(tuple(sizes)).bind(x, *promote(*starts))
    return manipulation.reshape(x, selection.result_shape())


def _sliced(x: Any, ranges: Sequence[Range], positions: Sequence[Position]) -> Any:
    """Returns `x` restricted to ranges, and to positions, whose axes stay."""
    shape = x.type.shape
    starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
    flipped: list[int] = []
    for item in ranges:
        first, step = item.start, item.step
        if step < 0:
            first, step = first + (item.count - 1) * step, -step
            if item.count > 1:
                flipped.append(item.axis)
        # An empty range may have any start.
        starts[item.axis] = first if item.count else 0
        limits[item.axis] = first + (item.count - 1) * step + 1 if item.count else 0
        strides[item.axis] = step if item.count > 1 else 1
    for position in positions:
        starts[position.axis], limits[position.axis] = position.index, position.index + 1
    if any(starts) or tuple(limits) != shape or any(stride != 1 for stride in strides):
        x = manipulation.slice_(x, starts, limits, strides)
    return manipulation.reverse(x, flipped) if flipped else x


def _component(value: Any, item: Position | Lookup, shape: tuple[int, ...]) -> Any:
    """Returns indices along one axis, not negative unless out of bounds, as 32 or 64 bit integers."""
    if isinstance(item, Position):
        return literal(item.index, _INT32)
    value = as_value(value)
    if not item.checked:
        value = wrapped_index(value, shape[item.axis])
    if value.type.dtype.itemsize < 4:
        return conversions.convert(value, _INT32)
    return conversions.convert(value, numpy.int64) if value.type.dtype == numpy.uint32 else value


def stacked_components(parts: Sequence[tuple[Any, tuple[int, ...]]], shape: tuple[int, ...]) -> Any:
    """Returns the components of vectors of indices, each given with the axes of `shape` that it runs over, stacked."""
    values = promote(*[value for value, _ in parts]) if len(parts) > 1 else (as_value(parts[0][0]),)
    columns = [
        manipulation.broadcast_in_dimensions(value, (*shape, 1), axes)
        for value, (_, axes) in zip(values, parts, strict=True)
    ]
    return manipulation.concatenate(columns, len(shape))


def trailing_axes(value: Any, shape: tuple[int, ...], offset: int) -> tuple[int, ...]:
    """Returns the axes, from `offset` on, that `value` has when it is broadcast to `shape`."""
    return tuple(range(offset + len(shape) - value.type.ndim, offset + len(shape)))


def _gathered(x: Any, selection: Selection, arrays: Sequence[Any], **options: Any) -> Any:
    indexed = [item for item in selection.items if isinstance(item, Position | Lookup)]
    common = selection.lookup_shape
    parts: list[tuple[Any, tuple[int, ...]]] = []
    for item in indexed:
        value = _component(arrays[item.number] if isinstance(item, Lookup) else None, item, selection.shape)
        parts.append((value, trailing_axes(value, common, 0)))
    indices = stacked_components(parts, common)
    axes = tuple(item.axis for item in indexed)
    offset: list[int] = []
    place = 0
    for part in selection.layout():
        if isinstance(part, str):
            place += len(common)
        elif part is not None:
            offset.append(place)
            place += 1
    if not selection.has_arrays:
        offset = list(range(x.type.ndim - len(axes)))
    sizes = tuple(min(1, size) if axis in axes else size for axis, size in enumerate(x.type.shape))
    return gather(x, indices, GatherDimensions(tuple(offset), axes, axes), sizes, **options)


def unstack_eagerly(x: Any) -> Any:
    """Yields the elements of a concrete array along its first axis; a few at a time are taken by one kernel."""
    size = x.type.shape[0]
    for start in range(0, size, _CHUNK):
        count = min(_CHUNK, size - start)
        yield from _rows(x, start, count=count)


_CHUNK = 64


@fused
def _rows(x: Any, start: Any, /, *, count: int) -> tuple[Any, ...]:
    shape = x.type.shape
    zero = literal(0, _INT32)
    chunk = DynamicSlice((count, *shape[1:])).bind(x, conversions.convert(start, _INT32), *[zero] * (len(shape) - 1))
    return tuple(
        manipulation.reshape(manipulation.slice_along(chunk, 0, index, index + 1), shape[1:]) for index in range(count)
    )
