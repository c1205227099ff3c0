"""Gathering slices from, and scattering updates into, places that arrays of indices tell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy

from ryft_core.errors import ArgumentError, DataTypeError, ShapeError
from ryft_core.primitives import arithmetic, comparison, conversions, manipulation, reductions
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value, constant_like, literal, promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import iinfo

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "Gather",
    "GatherDimensions",
    "Scatter",
    "ScatterDimensions",
    "clamped_indices",
    "gather",
    "scatter",
    "wrapped_index",
]

Axes = tuple[int, ...]
Combiner = Literal["set", "add", "multiply", "minimum", "maximum"]
MODES = ("clip", "fill", "drop", "promise_in_bounds")


def _shift(axes: Axes) -> Axes:
    return tuple(axis + 1 for axis in axes)


@dataclass(frozen=True)
class GatherDimensions:
    """How `Gather` maps vectors of indices, which lie along the last axis, to slices, and slices to the result.

    Attributes:
        offset: Axes of the result that run inside a slice; the others run over the vectors of indices.
        collapsed: Axes of the operand, of slice size 1, that the result does not have.
        start_index_map: Axis of the operand that each component of a vector of indices belongs to.
        operand_batching: Axes of the operand, of slice size 1, that run along with axes of the indices.
        indices_batching: These axes of the indices.
    """

    offset: Axes
    collapsed: Axes
    start_index_map: Axes
    operand_batching: Axes = ()
    indices_batching: Axes = ()


@dataclass(frozen=True)
class ScatterDimensions:
    """How `Scatter` maps vectors of indices, which lie along the last axis, and updates to elements of the operand.

    Attributes:
        window: Axes of the updates that run inside a slice; the others run over the vectors of indices.
        inserted: Axes of the operand that the slices lack; along them a slice has size 1.
        scattered: Axis of the operand that each component of a vector of indices belongs to.
        operand_batching: Axes of the operand that run along with axes of the indices.
        indices_batching: These axes of the indices.
    """

    window: Axes
    inserted: Axes
    scattered: Axes
    operand_batching: Axes = ()
    indices_batching: Axes = ()


class Gather(Primitive):
    """Slices of the first operand of `sizes`, one for each vector of indices in the second.

    A slice starts where its vector of indices points, moved to lie inside the operand.
    """

    dimensions: GatherDimensions
    sizes: tuple[int, ...]
    indices_are_sorted: bool = False
    unique_indices: bool = False
    in_bounds: bool = False
    """Whether the caller promises that no slice has to be moved."""

    name = "gather"
    linear = True

    def infer(self, *types: ArrayType) -> ArrayType:
        operand, indices = types
        numbers = self.dimensions
        _check_indices(self.name, indices)
        gone = (*numbers.collapsed, *numbers.operand_batching)
        fits = (
            len(self.sizes) == operand.ndim
            and all(0 <= size <= length for size, length in zip(self.sizes, operand.shape, strict=True))
            and all(0 <= axis < operand.ndim and self.sizes[axis] <= 1 for axis in gone)
            and indices.shape[-1] == len(numbers.start_index_map)
            and len(numbers.offset) == operand.ndim - len(gone)
            and all(
                operand.shape[axis] == indices.shape[other]
                for axis, other in zip(numbers.operand_batching, numbers.indices_batching, strict=True)
            )
        )
        if not fits:
            raise ShapeError(
                f"`gather` of slices of sizes {self.sizes} from shape {operand.shape} at indices of shape "
                f"{indices.shape} does not fit {numbers}"
            )
        offsets = iter(size for axis, size in enumerate(self.sizes) if axis not in gone)
        batch = iter(indices.shape[:-1])
        rank = len(numbers.offset) + indices.ndim - 1
        return operand.with_shape(
            tuple(next(offsets) if axis in numbers.offset else next(batch) for axis in range(rank))
        )

    def lower(self, builder: Builder, *operands: Any) -> Any:
        numbers = self.dimensions
        attribute = builder.stable_hlo.gather_dimensions(
            builder.context,
            offset=numbers.offset,
            collapsed_slice=numbers.collapsed,
            operand_batching=numbers.operand_batching,
            start_indices_batching=numbers.indices_batching,
            start_index_map=numbers.start_index_map,
            index_vector=builder.operand_types[1].ndim - 1,
        )
        return builder.emit(
            "gather",
            *operands,
            attribute,
            self.sizes,
            indices_are_sorted=self.indices_are_sorted,
            result_type=builder.results[0],
        )

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        tangent = tangents[0]
        return result, Zero(result.type.tangent) if type(tangent) is Zero else self.bind(tangent, primals[1])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        operand, indices = operands
        numbers = self.dimensions
        if not self.in_bounds:
            shape = operand.type.shape
            indices = clamped_indices(indices, [shape[axis] - self.sizes[axis] for axis in numbers.start_index_map])
        scattered = ScatterDimensions(
            numbers.offset,
            numbers.collapsed,
            numbers.start_index_map,
            numbers.operand_batching,
            numbers.indices_batching,
        )
        # Slices that were moved may coincide even if the indices differ.
        unique = self.unique_indices and self.in_bounds
        rule = Scatter(scattered, "add", self.indices_are_sorted and self.in_bounds, unique, True)
        return [rule.bind(manipulation.zeros_of(operand.type), indices, cotangents), None]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        operand, indices = operands
        axis, indices_axis = axes
        numbers = self.dimensions
        offset, batching, other = _shift(numbers.offset), numbers.operand_batching, numbers.indices_batching
        collapsed, mapped, sizes = numbers.collapsed, numbers.start_index_map, self.sizes
        if axis is not None:
            operand = manipulation.moveaxis(operand, axis, 0)
            collapsed, mapped, batching = _shift(collapsed), _shift(mapped), _shift(batching)
            sizes = (size if indices_axis is None else min(size, 1), *sizes)
        if indices_axis is not None:
            indices = manipulation.moveaxis(indices, indices_axis, 0)
            other = _shift(other)
        if axis is not None and indices_axis is None:
            offset = (0, *offset)
        elif axis is not None:
            batching, other = (0, *batching), (0, *other)
        batched = GatherDimensions(offset, collapsed, mapped, batching, other)
        unique = self.unique_indices and (indices_axis is None or axis is not None)
        is_sorted = self.indices_are_sorted and indices_axis is None
        return Gather(batched, sizes, is_sorted, unique, self.in_bounds).bind(operand, indices), 0

    def reference(self, x: Any, indices: Any) -> Any:
        numbers = self.dimensions
        result = numpy.empty(
            self.infer(ArrayType(x.shape, x.dtype), ArrayType(indices.shape, indices.dtype)).shape, x.dtype
        )
        for batch in itertools.product(*map(range, indices.shape[:-1])):
            window = _window(
                numbers.start_index_map, numbers.operand_batching, numbers.indices_batching, indices, batch
            )
            starts = [min(max(window.get(axis, 0), 0), x.shape[axis] - size) for axis, size in enumerate(self.sizes)]
            piece = x[tuple(slice(start, start + size) for start, size in zip(starts, self.sizes, strict=True))]
            piece = piece.squeeze((*numbers.collapsed, *numbers.operand_batching))
            result[_placed(numbers.offset, batch, result.ndim)] = piece
        return result


class Scatter(Primitive):
    """First operand with updates, the third, combined into the slices that vectors of indices, the second, point to.

    An update that does not lie wholly inside the operand is dropped. Where several updates meet, all are combined, in
    an order that is not fixed; of several that are "set", one remains.
    """

    dimensions: ScatterDimensions
    combiner: Combiner
    indices_are_sorted: bool = False
    unique_indices: bool = False
    in_bounds: bool = False
    """Whether the caller promises that no update has to be dropped."""

    name = "scatter"
    linear = True

    def infer(self, *types: ArrayType) -> ArrayType:
        operand, indices, updates = types
        numbers = self.dimensions
        _check_indices(self.name, indices)
        if updates.dtype != operand.dtype:
            raise DataTypeError(
                f"`scatter` expected updates of element type {operand.dtype.name}, but got {updates.dtype.name}"
            )
        gone = (*numbers.inserted, *numbers.operand_batching)
        batch = tuple(size for axis, size in enumerate(updates.shape) if axis not in numbers.window)
        kept = [size for axis, size in enumerate(operand.shape) if axis not in gone]
        window = [updates.shape[axis] for axis in numbers.window if axis < updates.ndim]
        fits = (
            batch == indices.shape[:-1]
            and indices.shape[-1] == len(numbers.scattered)
            and len(window) == len(kept) == len(numbers.window)
            and all(size <= length for size, length in zip(window, kept, strict=True))
        )
        if not fits:
            raise ShapeError(
                f"`scatter` of updates of shape {updates.shape} into shape {operand.shape} at indices of shape "
                f"{indices.shape} does not fit {numbers}"
            )
        return ArrayType(operand.shape, operand.dtype, operand.weak and updates.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        operand, indices, updates = operands
        numbers = self.dimensions
        hlo = builder.stable_hlo
        attribute = hlo.scatter_dimensions(
            builder.context,
            update_window=numbers.window,
            inserted_window=numbers.inserted,
            input_batching=numbers.operand_batching,
            scatter_indices_batching=numbers.indices_batching,
            scattered_to_operand=numbers.scattered,
            index_vector=builder.operand_types[1].ndim - 1,
        )
        combiner = self.combiner

        def combine(block: Any, old: Any, new: Any) -> Any:
            return new if combiner == "set" else getattr(hlo, combiner)(block, old, new)

        options = {"indices_are_sorted": self.indices_are_sorted, "unique_indices": self.unique_indices}
        return builder.emit("scatter", operand, indices, updates, attribute, combine, **options)[0]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        operand, indices, updates = primals
        result = self.bind(*primals)
        change, _, update_change = tangents
        if self.combiner == "multiply":
            return result, self._product_tangent(primals, tangents)
        change = manipulation.zeros_of(change.type) if type(change) is Zero else change
        update_change = manipulation.zeros_of(update_change.type) if type(update_change) is Zero else update_change
        if self.combiner == "add" or (self.combiner == "set" and self._is_unique(indices)):
            return result, self.bind(change, indices, update_change)
        if self.combiner == "set":
            # Which of several updates remained is found by scattering their numbers in the same way.
            count = updates.type.size
            numbers = manipulation.reshape(as_value(numpy.arange(1, count + 1, dtype="int32")), updates.type.shape)
            winners = self.bind(manipulation.zeros_of(operand.type.with_dtype(numpy.dtype("int32"))), indices, numbers)
            untouched = comparison.equal(winners, constant_like(0, winners))
            remained = comparison.equal(self.taken(winners, indices, updates.type), numbers)
            zero = constant_like(0, result)
            return result, self._with("add").bind(
                comparison.select(untouched, change, zero), indices, comparison.select(remained, update_change, zero)
            )
        zero = constant_like(0, result)
        chosen = comparison.equal(operand, result)
        update_chosen = comparison.equal(updates, self.taken(result, indices, updates.type))
        dtype = result.type.dtype
        add = self._with("add")
        count = add.bind(conversions.convert(chosen, dtype), indices, conversions.convert(update_chosen, dtype))
        total = add.bind(
            comparison.select(chosen, change, zero), indices, comparison.select(update_chosen, update_change, zero)
        )
        return result, total / count

    def _product_tangent(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        operand, indices, updates = primals
        change, _, update_change = tangents
        parts = [] if type(change) is Zero else [self.bind(change, indices, updates)]
        if type(update_change) is not Zero:
            # The product of the other updates at the same place, also where updates are zero.
            one, zero = constant_like(1, updates), constant_like(0, updates)
            is_zero = comparison.equal(updates, zero)
            ones = manipulation.broadcast_to(constant_like(1, operand), operand.type.shape)
            zeros = manipulation.zeros_of(operand.type)
            nonzero = comparison.select(is_zero, one, updates)
            product = self.taken(self.bind(ones, indices, nonzero), indices, updates.type)
            count = self._with("add").bind(zeros, indices, conversions.convert(is_zero, updates.type.dtype))
            count = self.taken(count, indices, updates.type)
            others = comparison.select(
                comparison.equal(count, conversions.convert(is_zero, count.type.dtype)), product / nonzero, zero
            )
            factor = others * self.taken(operand, indices, updates.type)
            parts.append(self._with("add").bind(zeros, indices, update_change * factor))
        return parts[0] if len(parts) == 1 else arithmetic.add(*parts)

    def _is_unique(self, indices: Any) -> bool:
        return self.unique_indices or indices.type.size <= indices.type.shape[-1]

    def _with(self, combiner: Combiner) -> Scatter:
        return Scatter(self.dimensions, combiner, self.indices_are_sorted, self.unique_indices, self.in_bounds)

    def taken(self, operand: Any, indices: Any, updates: ArrayType) -> Any:
        """Returns what `operand` has where each of the updates goes; zero for updates that are dropped."""
        numbers = self.dimensions
        gone = (*numbers.inserted, *numbers.operand_batching)
        window = iter(numbers.window)
        sizes = tuple(
            min(length, 1) if axis in gone else updates.shape[next(window)]
            for axis, length in enumerate(operand.type.shape)
        )
        dimensions = GatherDimensions(
            numbers.window,
            numbers.inserted,
            numbers.scattered,
            numbers.operand_batching,
            numbers.indices_batching,
        )
        mode = "promise_in_bounds" if self.in_bounds else "fill"
        return gather(
            operand,
            indices,
            dimensions,
            sizes,
            mode=mode,
            fill_value=0,
            indices_are_sorted=self.indices_are_sorted,
            unique_indices=self.unique_indices,
        )

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        operand, indices, updates = operands
        result: list[Any] = [None, None, None]
        if self.combiner == "multiply":
            result[0] = self.bind(cotangents, indices, updates)
            return result
        if is_linear(operand):
            kept = self.combiner == "add"
            result[0] = cotangents if kept else self.bind(cotangents, indices, manipulation.zeros_of(updates.type))
        if is_linear(updates):
            result[2] = self.taken(cotangents, indices, updates.type)
        return result

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        operand, updates = (
            manipulation.broadcast_to(value, (size, *value.type.shape))
            if axis is None
            else manipulation.moveaxis(value, axis, 0)
            for value, axis in ((operands[0], axes[0]), (operands[2], axes[2]))
        )
        indices = operands[1]
        numbers = self.dimensions
        window, batching, other = _shift(numbers.window), _shift(numbers.operand_batching), numbers.indices_batching
        if axes[1] is None:
            window = (0, *window)
        else:
            indices = manipulation.moveaxis(indices, axes[1], 0)
            batching, other = (0, *batching), (0, *_shift(other))
        batched = ScatterDimensions(window, _shift(numbers.inserted), _shift(numbers.scattered), batching, other)
        is_sorted = self.indices_are_sorted and axes[1] is None
        batched_rule = Scatter(batched, self.combiner, is_sorted, self.unique_indices, self.in_bounds)
        return batched_rule.bind(operand, indices, updates), 0

    def reference(self, x: Any, indices: Any, updates: Any) -> Any:
        numbers = self.dimensions
        result = x.copy()
        gone = (*numbers.inserted, *numbers.operand_batching)
        kept = [axis for axis in range(x.ndim) if axis not in gone]
        sizes = dict.fromkeys(gone, 1) | {
            axis: updates.shape[window] for axis, window in zip(kept, numbers.window, strict=True)
        }
        for batch in itertools.product(*map(range, indices.shape[:-1])):
            window = _window(numbers.scattered, numbers.operand_batching, numbers.indices_batching, indices, batch)
            starts = [window.get(axis, 0) for axis in range(x.ndim)]
            if all(0 <= start <= x.shape[axis] - sizes[axis] for axis, start in enumerate(starts)):
                target = tuple(slice(start, start + sizes[axis]) for axis, start in enumerate(starts))
                piece = numpy.expand_dims(updates[_placed(numbers.window, batch, updates.ndim)], gone)
                result[target] = _COMBINE[self.combiner](result[target], piece)
        return result


_COMBINE: dict[str, Any] = {
    "set": lambda old, new: new,
    "add": numpy.add,
    "multiply": numpy.multiply,
    "minimum": numpy.minimum,
    "maximum": numpy.maximum,
}


def _check_indices(name: str, indices: ArrayType) -> None:
    if indices.kind not in "iu":
        raise DataTypeError(f"`{name}` expected integer indices, but got {indices.dtype.name}")
    if indices.ndim == 0:
        raise ShapeError(f"`{name}` expected vectors of indices along the last axis, but got a scalar")


def _window(mapped: Axes, batching: Axes, other: Axes, indices: Any, batch: tuple[int, ...]) -> dict[int, int]:
    starts = {axis: int(indices[batch][component]) for component, axis in enumerate(mapped)}
    starts.update({axis: batch[source] for axis, source in zip(batching, other, strict=True)})
    return starts


def _placed(inside: Axes, batch: tuple[int, ...], rank: int) -> tuple[Any, ...]:
    remaining = iter(batch)
    return tuple(slice(None) if axis in inside else next(remaining) for axis in range(rank))


def wrapped_index(index: Any, length: int) -> Any:
    """Returns an integer, or an array of them, with negative ones counted from the end of `length` elements."""
    if isinstance(index, int):
        return literal(index + length if index < 0 else index, numpy.dtype("int32"), True)
    index = as_value(index)
    if index.type.kind not in "iu":
        raise DataTypeError(f"expected integers as indices, but got {index.type.dtype.name}")
    if index.type.kind == "u":
        return index
    if index.type.dtype.itemsize < 4:  # The length may not fit narrow integers.
        index = conversions.convert(index, numpy.dtype("int32"))
    negative = comparison.less(index, constant_like(0, index))
    return comparison.select(negative, arithmetic.add(index, constant_like(length, index)), index)


def clamped_indices(indices: Any, limits: Sequence[int]) -> Any:
    """Returns vectors of indices moved between zero and `limits`, one for each component."""
    dtype = indices.type.dtype
    upper = as_value(numpy.asarray(limits).clip(0, numpy.iinfo(dtype).max).astype(dtype))
    return arithmetic.maximum(arithmetic.minimum(indices, upper), constant_like(0, indices))


def _inside(indices: Any, limits: Sequence[int]) -> Any:
    """Returns whether each vector of indices lies between zero and `limits`."""
    dtype = indices.type.dtype
    upper = as_value(numpy.asarray(limits).clip(0, numpy.iinfo(dtype).max).astype(dtype))
    fits = comparison.logical_and(
        comparison.less_equal(indices, upper), comparison.greater_equal(indices, constant_like(0, indices))
    )
    return reductions.ReduceAnd((indices.type.ndim - 1,)).bind(fits)


def check_mode(mode: str) -> str:
    """Returns the mode for indices that are out of bounds.

    Raises:
        ValueError: If there is no such mode.
    """
    if mode not in MODES:
        raise ArgumentError(f"expected one of {', '.join(map(repr, MODES))} as the indexing mode, but got {mode!r}")
    return "fill" if mode == "drop" else mode


def gather(
    x: ArrayLike,
    indices: Any,
    dimensions: GatherDimensions,
    sizes: Sequence[int],
    *,
    mode: str = "clip",
    fill_value: Any = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Returns slices of `x` of `sizes`, one for each vector of indices along the last axis of `indices`.

    Args:
        x: Array to take slices from.
        indices: Vectors of integers.
        dimensions: What the axes of `x`, of `indices`, and of the result mean.
        sizes: Sizes of a slice along each axis of `x`.
        mode: For a slice that does not lie inside `x`: "clip" moves it, "fill" gives `fill_value` for all of it, and
            "promise_in_bounds" promises that there is none.
        fill_value: Value for "fill". The default is NaN for inexact types, the smallest signed or largest unsigned
            integer, or true.
        indices_are_sorted: Promise that the vectors of indices ascend.
        unique_indices: Promise that no two slices overlap.
    """
    x, indices = as_value(x), as_value(indices)
    mode = check_mode(mode)
    primitive = Gather(dimensions, tuple(sizes), indices_are_sorted, unique_indices, mode == "promise_in_bounds")
    result = primitive.bind(x, indices)
    if mode != "fill":
        return result
    limits = [x.type.shape[axis] - sizes[axis] for axis in dimensions.start_index_map]
    present = _inside(indices, limits)
    kept = tuple(axis for axis in range(result.type.ndim) if axis not in dimensions.offset)
    present = manipulation.broadcast_in_dimensions(present, result.type.shape, kept)
    fill = default_fill(result.type) if fill_value is None else fill_value
    filling = as_value(numpy.asarray(fill).astype(result.type.dtype)) if not hasattr(fill, "type") else fill
    return comparison.select(present, result, filling)


def default_fill(type: ArrayType) -> Any:
    """Returns what an element that is out of bounds reads as: NaN, or the smallest signed, largest unsigned integer."""
    if type.kind in "fc":
        return numpy.nan
    if type.kind == "b":
        return True
    limits = iinfo(type.dtype)
    return limits.max if type.kind == "u" else limits.min


def scatter(
    x: Any,
    indices: Any,
    updates: Any,
    dimensions: ScatterDimensions,
    combiner: Combiner = "set",
    *,
    mode: str = "drop",
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Returns `x` with `updates` combined into the slices that the vectors of indices point to.

    Args:
        x: Array to update.
        indices: Vectors of integers along the last axis.
        updates: One slice for each vector of indices.
        dimensions: What the axes of `x`, of `indices`, and of `updates` mean.
        combiner: "set", "add", "multiply", "minimum" or "maximum".
        mode: For an update that does not lie inside `x`: "drop" leaves it out, "clip" moves it, and
            "promise_in_bounds" promises that there is none.
        indices_are_sorted: Promise that the vectors of indices ascend.
        unique_indices: Promise that no two updates overlap.
    """
    x, updates = promote(x, updates)
    indices = as_value(indices)
    mode = check_mode(mode)
    if mode == "clip":
        gone = (*dimensions.inserted, *dimensions.operand_batching)
        kept = [axis for axis in range(x.type.ndim) if axis not in gone]
        sizes = {axis: updates.type.shape[window] for axis, window in zip(kept, dimensions.window, strict=True)}
        limits = [x.type.shape[axis] - sizes.get(axis, 1) for axis in dimensions.scattered]
        indices = clamped_indices(indices, limits)
        unique_indices = False
    in_bounds = mode != "fill"
    return Scatter(dimensions, combiner, indices_are_sorted, unique_indices, in_bounds).bind(x, indices, updates)
