"""What an index selects: from what a user writes between brackets to items that say it axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from ryft_core.errors import OperandError, RyftError, TracerError, hinted
from ryft_core.programs.atoms import Literal, Value
from ryft_core.types.data_types import DATA_TYPES, is_integer

__all__ = ["IndexingError", "Item", "Lookup", "Position", "Range", "Selection", "parse_index"]


class IndexingError(RyftError, IndexError):
    """An index lies outside of the array, or there are more indices than axes."""


@dataclass(frozen=True, slots=True)
class Range:
    """`count` elements along `axis`, from `start` on, `step` apart."""

    axis: int
    start: int
    count: int
    step: int


@dataclass(frozen=True, slots=True)
class Position:
    """One element along `axis`, which disappears."""

    axis: int
    index: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """The elements along `axis` that the array of indices with a `number` tells.

    If `checked`, the indices are known to lie inside, and not to be negative.
    """

    axis: int
    number: int
    checked: bool


Item = Range | Position | Lookup | None
"""What an index says of one axis; `None` stands for a new axis of size 1."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Elements of an array of a `shape` that an index selects.

    Attributes:
        shape: Shape of the array, with an axis of size 1 where the index has a single boolean.
        items: What is selected, in the order of the index.
        shapes: Shapes of the arrays of indices.
    """

    shape: tuple[int, ...]
    items: tuple[Item, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def has_arrays(self) -> bool:
        """Whether an array of indices has an axis, so that NumPy's rules for advanced indexing hold."""
        return any(self.shapes)

    @property
    def lookup_shape(self) -> tuple[int, ...]:
        """Shape that the arrays of indices broadcast to.

        Raises:
            IndexingError: If they do not.
        """
        try:
            return numpy.broadcast_shapes(*self.shapes)
        except ValueError:
            listed = " and ".join(map(str, self.shapes))
            raise IndexingError(
                f"expected arrays of indices that broadcast together, but got shapes {listed}"
            ) from None

    def layout(self) -> list[Range | str | None]:
        """Returns what each part of the result runs over: a range, a new axis, or, for `"lookup"`, the indices.

        The axes of the arrays of indices are where the first of them is, if they, and integers, are all next to one
        another; otherwise they come first.
        """
        if not self.has_arrays:
            return [item for item in self.items if item is None or isinstance(item, Range)]
        places = [place for place, item in enumerate(self.items) if isinstance(item, Position | Lookup)]
        adjacent = places[-1] - places[0] == len(places) - 1
        result: list[Range | str | None] = [] if adjacent else ["lookup"]
        for place, item in enumerate(self.items):
            if item is None or isinstance(item, Range):
                result.append(item)
            elif adjacent and place == places[0]:
                result.append("lookup")
        return result

    def result_shape(self, *, new_axes: bool = True) -> tuple[int, ...]:
        """Returns the shape of the selected elements, with or without the new axes."""
        shape: list[int] = []
        for part in self.layout():
            if isinstance(part, str):
                shape += self.lookup_shape
            elif part is not None:
                shape.append(part.count)
            elif new_axes:
                shape.append(1)
        return tuple(shape)


def parse_index(index: Any, shape: tuple[int, ...]) -> tuple[Selection, list[Any]]:
    """Returns what `index` selects from an array of `shape`, and the arrays of indices in it.

    Raises:
        IndexingError: If a constant index is out of bounds, or there are too many.
        OperandError: If something is no index.
        TracerError: If a mask is traced, so that the number of elements is not known.
    """
    given = [_simplified(part) for part in (index if isinstance(index, tuple) else (index,))]
    used = sum(_axis_count(part) for part in given)
    if used > len(shape):
        raise IndexingError(f"too many indices for an array of shape {shape}: got {used}")
    ellipses = [place for place, part in enumerate(given) if part is Ellipsis]
    if len(ellipses) > 1:
        raise IndexingError("an index can have a single ellipsis, but got several")
    place = ellipses[0] if ellipses else len(given)
    given[place : place + 1] = [slice(None)] * (len(shape) - used)
    items: list[Item] = []
    arrays: list[Any] = []
    sizes = list(shape)
    axis = 0
    for part in given:
        if part is None:
            items.append(None)
            continue
        if isinstance(part, numpy.ndarray) and part.shape == () and part.dtype == numpy.bool_:
            # It selects from a new axis of size 1: that element, or none.
            sizes.insert(axis, 1)
            part = part.reshape(1)
        if isinstance(part, slice):
            items.append(_range(part, axis, sizes[axis]))
        elif isinstance(part, int):
            items.append(Position(axis, _checked(part, axis, sizes[axis])))
        elif isinstance(part, numpy.ndarray) and part.dtype == numpy.bool_:
            for number, positions in enumerate(_mask_positions(part, axis, sizes)):
                items.append(Lookup(axis + number, len(arrays), True))
                arrays.append(positions)
        else:
            is_known = isinstance(part, numpy.ndarray)
            arrays.append(_checked_array(part, axis, sizes[axis]) if is_known else part)
            items.append(Lookup(axis, len(arrays) - 1, is_known))
        axis += _axis_count(part)
    return Selection(tuple(sizes), tuple(items), tuple(_shape_of(array) for array in arrays)), arrays


def _shape_of(array: Any) -> tuple[int, ...]:
    return array.type.shape if isinstance(array, Value) else array.shape


def _simplified(part: Any) -> Any:
    """Returns a part of an index as an integer, a slice, `None`, an ellipsis, a NumPy array, or an array of ours."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if type(part) is int:
        return part
    if isinstance(part, Literal):
        part = part.value
    if isinstance(part, Value):
        if part.type.kind == "b":
            return _mask(part)
        if part.type.kind not in "iu":
            raise OperandError(f"an array is indexed by integers or booleans, but got an array of {part.type}")
        return part
    if isinstance(part, list | tuple) and any(isinstance(item, Value) for item in part):
        error = OperandError("an array cannot be indexed with a list of arrays")
        raise hinted(error, "join them to one array with `ryft.numpy.stack`")
    if isinstance(part, str | bytes | float | complex):
        raise OperandError(f"an array is indexed by integers, slices and arrays, but got {part!r}")
    array = numpy.asarray(part)
    if array.size == 0 and array.dtype == numpy.float64 and isinstance(part, list | tuple):
        array = array.astype("int32")  # What NumPy makes of an empty list.
    if array.dtype == numpy.bool_:
        return array
    if array.dtype.kind not in "iu":
        if array.dtype not in _NARROW_INTEGERS:
            raise OperandError(f"an array is indexed by integers, slices and arrays, but got {part!r:.100}")
        array = array.astype("int32")
    return int(array) if array.ndim == 0 else array


_NARROW_INTEGERS = frozenset(dtype for dtype in DATA_TYPES if is_integer(dtype) and dtype.kind not in "iu")


def _mask(part: Value) -> numpy.ndarray[Any, Any]:
    try:
        return numpy.asarray(part)
    except TracerError:
        error = TracerError(
            f"cannot index with a traced mask of type {part.type}: the number of selected elements is not known"
        )
        raise hinted(
            error, "use `ryft.numpy.where(mask, x, other)`, or `ryft.numpy.nonzero(mask, size=...)` for indices"
        ) from None


def _axis_count(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, numpy.ndarray) and part.dtype == numpy.bool_ else 1


def _range(part: slice, axis: int, size: int) -> Range:
    for bound in (part.start, part.stop, part.step):
        if isinstance(bound, Value) and not isinstance(bound, Literal):
            try:
                bound.__index__()  # type: ignore[attr-defined]
            except TracerError as error:
                error.add_note("hint: use `ryft.lax.dynamic_slice` for a slice of constant size that starts anywhere")
                raise
    start, stop, step = part.indices(size)
    return Range(axis, start, len(range(start, stop, step)), step)


def _checked(index: int, axis: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexingError(f"index {index} is out of bounds for axis {axis} with size {size}")
    return index + size if index < 0 else index


def _checked_array(indices: numpy.ndarray[Any, Any], axis: int, size: int) -> numpy.ndarray[Any, Any]:
    if indices.size:
        for extreme in (int(indices.min()), int(indices.max())):
            _checked(extreme, axis, size)
    wrapped = numpy.where(indices < 0, indices + size, indices) if indices.dtype.kind == "i" else indices
    return wrapped.astype("int64" if size > 2**31 else "int32")


def _mask_positions(mask: numpy.ndarray[Any, Any], axis: int, shape: Sequence[int]) -> list[numpy.ndarray[Any, Any]]:
    covered = tuple(shape[axis : axis + mask.ndim])
    if mask.shape != covered:
        raise IndexingError(f"a mask of shape {mask.shape} does not fit axes {axis} and following, of sizes {covered}")
    return [positions.astype("int32") for positions in numpy.nonzero(mask)]
