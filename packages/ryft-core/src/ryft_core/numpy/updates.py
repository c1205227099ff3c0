"""Updates of elements: `x.at[index].set(values)` and its relatives, which return a new array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError, hinted
from ryft_core.numpy import indexing
from ryft_core.numpy.fusion import fused
from ryft_core.numpy.selections import Lookup, Position, Range, Selection, parse_index
from ryft_core.primitives import arithmetic, comparison, conversions, creation, manipulation
from ryft_core.primitives.dynamic_slicing import DynamicSlice, DynamicUpdateSlice
from ryft_core.primitives.indexing import Combiner, ScatterDimensions, check_mode, scatter
from ryft_core.primitives.operands import as_value, literal, promote
from ryft_core.tracing.traces import STATE

if TYPE_CHECKING:
    from ryft_core.arrays import Array

__all__ = ["IndexedElements", "UpdateHelper"]

_INT32 = numpy.dtype("int32")


class UpdateHelper:
    """What `x.at` is: indexing it says which elements to update."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> IndexedElements:
        return IndexedElements(self.array, index)

    def __repr__(self) -> str:
        return f"UpdateHelper({self.array!r})"


class IndexedElements:
    """Elements of an array, which the methods update. Each returns a new array; the old one does not change.

    The options of every method:

    - `mode`: what happens to an index in an array that is out of bounds. With "drop" (or "fill", the default), its
      update is left out; "clip" moves it inside; "promise_in_bounds" promises that there is none.
    - `indices_are_sorted`, `unique_indices`: promises about the indices that may save time.

    Values are broadcast to the selected elements and converted to the array's element type. Where an element is
    selected several times, `set` leaves one of the values, and the others combine all of them.
    """

    __slots__ = ("array", "index")

    def __init__(self, array: Any, index: Any) -> None:
        self.array = array
        self.index = index

    def __repr__(self) -> str:
        return f"IndexedElements({self.array!r}, {self.index!r})"

    def get(
        self,
        *,
        mode: str | None = None,
        fill_value: Any = None,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
    ) -> Array:
        """Returns the elements; for `mode="fill"` with `fill_value` (default NaN) for those out of bounds."""
        selection, arrays = parse_index(self.index, self.array.type.shape)
        chosen = "fill" if mode is None and fill_value is not None else check_mode(mode or "clip")
        return indexing.select(
            self.array,
            selection,
            arrays,
            mode=chosen,
            fill_value=fill_value,
            indices_are_sorted=indices_are_sorted,
            unique_indices=unique_indices,
        )

    def set(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with `values` for the elements."""
        return self._update("set", values, mode, indices_are_sorted, unique_indices)

    def add(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with `values` added to the elements."""
        return self._update("add", values, mode, indices_are_sorted, unique_indices)

    def subtract(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with `values` subtracted from the elements."""
        negated = arithmetic.negative(self._converted(values))
        return self._update("add", negated, mode, indices_are_sorted, unique_indices)

    def multiply(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with the elements multiplied by `values`."""
        return self._update("multiply", values, mode, indices_are_sorted, unique_indices)

    mul = multiply

    def divide(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with the elements divided by `values`."""
        ones = IndexedElements(arithmetic.ones_like_value(self.array), self.index)
        divisors = ones._update("multiply", values, mode, indices_are_sorted, unique_indices)
        return arithmetic.divide(self.array, divisors)

    def power(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with the elements raised to `values`."""
        ones = IndexedElements(arithmetic.ones_like_value(self.array), self.index)
        exponents = ones._update("multiply", values, mode, indices_are_sorted, unique_indices)
        return arithmetic.power(self.array, exponents)

    def min(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with the smaller of each element and its value."""
        return self._update("minimum", values, mode, indices_are_sorted, unique_indices)

    def max(
        self, values: Any, *, mode: str | None = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        """Returns the array with the larger of each element and its value."""
        return self._update("maximum", values, mode, indices_are_sorted, unique_indices)

    def apply(
        self,
        function: Callable[[Any], Any],
        *,
        mode: str | None = None,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
    ) -> Array:
        """Returns the array with `function` applied to the elements, once to each, however often it is selected."""
        options = {"indices_are_sorted": indices_are_sorted, "unique_indices": unique_indices}
        values = function(self.get(mode="clip", **options))
        return self.set(values, mode=mode, **options)

    def _converted(self, values: Any) -> Any:
        if type(values) in (bool, int, float) and self.array.type.kind in "fc":
            return creation.scalar(values, self.array.type.dtype)
        if type(values) is int and self.array.type.kind in "iu":
            return creation.scalar(values, self.array.type.dtype)
        values = as_value(values)
        kinds = "buifc"
        source, target = values.type, self.array.type
        if kinds.index(source.kind) > kinds.index(target.kind) and not (source.kind == "i" and target.kind == "u"):
            error = DataTypeError(
                f"cannot update elements of type {target.dtype.name} with values of type {source.dtype.name}"
            )
            raise hinted(error, "convert the array, or the values, with `astype`")
        return conversions.convert(values, target.dtype, weak=target.weak)

    def _update(
        self, combiner: Combiner, values: Any, mode: str | None, indices_are_sorted: bool, unique_indices: bool
    ) -> Any:
        selection, arrays = parse_index(self.index, self.array.type.shape)
        values = self._converted(values)
        apply = _updated if STATE.trace is STATE.base else update
        return apply(
            self.array,
            values,
            tuple(arrays),
            selection=selection,
            combiner=combiner,
            mode=check_mode(mode or "drop"),
            indices_are_sorted=indices_are_sorted,
            unique_indices=unique_indices,
        )


_LOGICAL: dict[str, Combiner] = {"add": "maximum", "multiply": "minimum"}
_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "multiply": arithmetic.multiply,
    "minimum": arithmetic.minimum,
    "maximum": arithmetic.maximum,
}


def update(
    x: Any,
    values: Any,
    arrays: Sequence[Any],
    /,
    *,
    selection: Selection,
    combiner: Combiner,
    mode: str,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Any:
    """Returns `x` with `values`, of its element type, combined with the elements that a selection tells."""
    if x.type.shape != selection.shape:
        promises = {"indices_are_sorted": indices_are_sorted, "unique_indices": unique_indices}
        whole = manipulation.reshape(x, selection.shape)
        updated = update(whole, values, arrays, selection=selection, combiner=combiner, mode=mode, **promises)
        return manipulation.reshape(updated, x.type.shape)
    shape = selection.result_shape()
    try:
        values = manipulation.broadcast_to(values, shape)
    except ShapeError:
        raise ShapeError(
            f"cannot broadcast values of shape {values.type.shape} to the shape {shape} of the indexed elements"
        ) from None
    if x.type.kind == "b":
        combiner = _LOGICAL.get(combiner, combiner)
    if values.type.size == 0:
        return x
    flat = manipulation.reshape(values, selection.result_shape(new_axes=False))
    if not selection.has_arrays and not any(isinstance(i, Range) and i.step != 1 for i in selection.items):
        return _window_update(x, flat, arrays, selection, combiner, mode)
    options = {"indices_are_sorted": indices_are_sorted, "unique_indices": unique_indices}
    return _scattered(x, flat, arrays, selection, combiner, mode, **options)


_updated = fused(update)


def _window_update(
    x: Any, values: Any, arrays: Sequence[Any], selection: Selection, combiner: Combiner, mode: str
) -> Any:
    """Returns `x` with one window updated: reads it, combines it, and writes it back."""
    shape = x.type.shape
    starts: list[Any] = [literal(0, _INT32)] * len(shape)
    sizes = list(shape)
    inside: Any = None
    for item in selection.items:
        if isinstance(item, Range):
            starts[item.axis], sizes[item.axis] = literal(item.start, _INT32), item.count
        elif isinstance(item, Position | Lookup):
            array = arrays[item.number] if isinstance(item, Lookup) else None
            start = starts[item.axis] = indexing._component(array, item, shape)
            sizes[item.axis] = 1
            if isinstance(item, Lookup) and mode == "fill":
                fits = comparison.logical_and(
                    comparison.greater_equal(start, 0), comparison.less(start, shape[item.axis])
                )
                inside = fits if inside is None else comparison.logical_and(inside, fits)
    starts = list(promote(*starts)) if len(starts) > 1 else starts
    window = manipulation.reshape(values, sizes)
    if combiner != "set" or inside is not None:
        current = DynamicSlice(tuple(sizes)).bind(x, *starts)
        if combiner != "set":
            window = _COMBINE[combiner](current, window)
        if inside is not None:
            window = comparison.select(inside, window, current)
    if window.type.shape == shape:
        return window
    return DynamicUpdateSlice().bind(x, window, *starts)


def _scattered(
    x: Any,
    values: Any,
    arrays: Sequence[Any],
    selection: Selection,
    combiner: Combiner,
    mode: str,
    *,
    indices_are_sorted: bool,
    unique_indices: bool,
) -> Any:
    """Returns `x` with updates scattered. Ranges without steps are windows; with steps, each element has an index."""
    window: list[int] = []  # Axes of the values that run inside a window,
    batch: list[int] = []  # and lengths of the others,
    places: dict[Any, int] = {}  # which the indices have in this order.
    flipped: list[int] = []
    place = 0
    for part in selection.layout():
        if isinstance(part, str):
            places["lookup"] = len(batch)
            batch += selection.lookup_shape
            place += len(selection.lookup_shape)
        elif part is not None:
            if part.step == 1:
                window.append(place)
            else:
                places[part] = len(batch)
                batch.append(part.count)
                if part.step < 0:
                    flipped.append(place)
            place += 1
    parts: list[tuple[Any, tuple[int, ...]]] = []
    axes: list[int] = []
    inserted: list[int] = []
    for item in selection.items:
        if isinstance(item, Range):
            if item.step == 1 and item.start == 0 and item.count == x.type.shape[item.axis]:
                continue
            axes.append(item.axis)
            if item.step == 1:
                parts.append((literal(item.start, _INT32), ()))
            else:
                first, step = item.start, item.step
                if step < 0:
                    first, step = first + (item.count - 1) * step, -step
                parts.append((as_value(numpy.arange(item.count, dtype="int32") * step + first), (places[item],)))
                inserted.append(item.axis)
        elif item is not None:
            array = arrays[item.number] if isinstance(item, Lookup) else None
            value = indexing._component(array, item, selection.shape)
            common = selection.lookup_shape
            axes.append(item.axis)
            inserted.append(item.axis)
            parts.append((value, indexing.trailing_axes(value, common, places["lookup"]) if value.type.ndim else ()))
    indices = indexing.stacked_components(parts, tuple(batch))
    lookups = [item for item in selection.items if isinstance(item, Lookup)]
    return scatter(
        x,
        indices,
        manipulation.reverse(values, flipped) if flipped else values,
        ScatterDimensions(tuple(window), tuple(sorted(inserted)), tuple(axes)),
        combiner,
        mode="promise_in_bounds" if all(lookup.checked for lookup in lookups) else mode,
        indices_are_sorted=indices_are_sorted,
        unique_indices=unique_indices or not lookups,
    )
