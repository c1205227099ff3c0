"""Slices whose position is a value: reading them, and writing over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives import indexing, manipulation
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value, literal, promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "DynamicSlice",
    "DynamicUpdateSlice",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
]

_INT32 = numpy.dtype("int32")


def _check_starts(name: str, rank: int, starts: tuple[ArrayType, ...]) -> None:
    if len(starts) != rank:
        raise ShapeError(f"`{name}` expected {rank} start indices, but got {len(starts)}")
    for index, start in enumerate(starts):
        if start.shape != ():
            raise ShapeError(f"`{name}` expected scalar start indices, but got shape {start.shape} for number {index}")
        if start.kind not in "iu" or start.dtype != starts[0].dtype:
            listed = ", ".join(other.dtype.name for other in starts)
            raise DataTypeError(f"`{name}` expected start indices of one integer type, but got {listed}")


class DynamicSlice(Primitive):
    """Slice of fixed `sizes` that starts at the scalars behind the first operand, moved to lie inside it."""

    sizes: tuple[int, ...]

    name = "dynamic_slice"
    exact = "biuf"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        operand, *starts = types
        if len(self.sizes) != operand.ndim or not all(
            0 <= size <= length for size, length in zip(self.sizes, operand.shape, strict=True)
        ):
            raise ShapeError(f"`dynamic_slice` of sizes {self.sizes} does not fit shape {operand.shape}")
        _check_starts(self.name, operand.ndim, tuple(starts))
        return operand.with_shape(self.sizes)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("dynamic_slice", operands[0], operands[1:], self.sizes, result_type=builder.results[0])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        tangent = tangents[0]
        return result, Zero(result.type.tangent) if type(tangent) is Zero else self.bind(tangent, *primals[1:])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        operand, *starts = operands
        zeros = manipulation.zeros_of(operand.type)
        return [DynamicUpdateSlice().bind(zeros, cotangents, *starts), *[None] * len(starts)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        operand, *starts = operands
        axis, *start_axes = axes
        if all(start_axis is None for start_axis in start_axes):
            assert axis is not None
            sizes = (*self.sizes[:axis], size, *self.sizes[axis:])
            zero = literal(0, starts[0].type.dtype if starts else _INT32)
            return DynamicSlice(sizes).bind(operand, *starts[:axis], zero, *starts[axis:]), axis
        moved = operand if axis is None else manipulation.moveaxis(operand, axis, 0)
        mapped = axis is not None
        rank = len(self.sizes)
        numbers = indexing.GatherDimensions(
            offset=tuple(range(1, rank + 1)),
            collapsed=(),
            start_index_map=tuple(range(mapped, rank + mapped)),
            operand_batching=(0,) if mapped else (),
            indices_batching=(0,) if mapped else (),
        )
        sizes = (1, *self.sizes) if mapped else self.sizes
        return indexing.Gather(numbers, sizes).bind(moved, _start_vectors(size, starts, start_axes)), 0

    def reference(self, x: Any, *starts: Any) -> Any:
        return x[_window(x.shape, self.sizes, starts)]


class DynamicUpdateSlice(Primitive):
    """First operand with the second written over the slice that starts at the scalars behind them.

    The slice is moved to lie inside the first operand.
    """

    name = "dynamic_update_slice"
    exact = "biuf"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        operand, update, *starts = types
        if update.ndim != operand.ndim or any(
            size > length for size, length in zip(update.shape, operand.shape, strict=True)
        ):
            raise ShapeError(
                f"`dynamic_update_slice` expected an update that fits into shape {operand.shape}, "
                f"but got {update.shape}"
            )
        if update.dtype != operand.dtype:
            raise DataTypeError(
                f"`dynamic_update_slice` expected an update of element type {operand.dtype.name}, "
                f"but got {update.dtype.name}"
            )
        _check_starts(self.name, operand.ndim, tuple(starts))
        return ArrayType(operand.shape, operand.dtype, operand.weak and update.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        operand, update, *starts = operands
        return builder.emit("dynamic_update_slice", operand, update, starts, result_type=builder.results[0])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        parts = [manipulation.zeros_of(tangent.type) if type(tangent) is Zero else tangent for tangent in tangents[:2]]
        return self.bind(*primals), self.bind(*parts, *primals[2:])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        operand, update, *starts = operands
        result: list[Any] = [None] * len(operands)
        if is_linear(operand):
            result[0] = self.bind(cotangents, manipulation.zeros_of(update.type), *starts)
        if is_linear(update):
            result[1] = DynamicSlice(update.type.shape).bind(cotangents, *starts)
        return result

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        operand, update = (
            manipulation.broadcast_to(value, (size, *value.type.shape))
            if axis is None
            else manipulation.moveaxis(value, axis, 0)
            for value, axis in zip(operands[:2], axes[:2], strict=True)
        )
        starts, start_axes = operands[2:], axes[2:]
        if all(start_axis is None for start_axis in start_axes):
            zero = literal(0, starts[0].type.dtype if starts else _INT32)
            return self.bind(operand, update, zero, *starts), 0
        rank = len(starts)
        numbers = indexing.ScatterDimensions(
            window=tuple(range(1, rank + 1)),
            inserted=(),
            scattered=tuple(range(1, rank + 1)),
            operand_batching=(0,),
            indices_batching=(0,),
        )
        vectors = _start_vectors(size, starts, start_axes)
        limits = [length - extent for length, extent in zip(operand.type.shape[1:], update.type.shape[1:], strict=True)]
        vectors = indexing.clamped_indices(vectors, limits)
        scatter = indexing.Scatter(numbers, "set", indices_are_sorted=True, unique_indices=True, in_bounds=True)
        return scatter.bind(operand, vectors, update), 0

    def reference(self, x: Any, update: Any, *starts: Any) -> Any:
        result = x.copy()
        result[_window(x.shape, update.shape, starts)] = update
        return result


def _start_vectors(size: int, starts: Sequence[Any], axes: Sequence[int | None]) -> Any:
    """Returns the start indices of `size` slices as the rows of a matrix."""
    columns = [
        manipulation.broadcast_in_dimensions(start, (size, 1), () if axis is None else (0,))
        for start, axis in zip(starts, axes, strict=True)
    ]
    return manipulation.concatenate(columns, 1)


def _window(shape: tuple[int, ...], sizes: tuple[int, ...], starts: tuple[Any, ...]) -> tuple[slice, ...]:
    positions = [
        min(max(int(start), 0), length - size) for start, length, size in zip(starts, shape, sizes, strict=True)
    ]
    return tuple(slice(position, position + size) for position, size in zip(positions, sizes, strict=True))


def start_indices(x: Any, starts: Any) -> tuple[Any, ...]:
    """Returns the scalars of `starts`, a sequence or a vector, with negative ones counted from the end of `x`."""
    if not isinstance(starts, tuple | list):
        vector = as_value(starts)
        if vector.type.ndim != 1:
            raise ShapeError(f"`dynamic_slice` expected a vector of start indices, but got shape {vector.type.shape}")
        starts = [
            manipulation.reshape(manipulation.slice_along(vector, 0, axis, axis + 1), ())
            for axis in range(vector.type.shape[0])
        ]
    if len(starts) != x.type.ndim:
        raise ShapeError(f"expected {x.type.ndim} start indices for shape {x.type.shape}, but got {len(starts)}")
    if not starts:
        return ()
    return promote(*[indexing.wrapped_index(start, length) for start, length in zip(starts, x.type.shape, strict=True)])


def dynamic_slice(x: ArrayLike, starts: Any, sizes: Sequence[int]) -> Array:
    """Returns the slice of `x` of `sizes` that begins at `starts`, scalars or a vector, moved to lie inside `x`.

    Negative indices count from the end of their axis.
    """
    x = as_value(x)
    return DynamicSlice(tuple(int(size) for size in sizes)).bind(x, *start_indices(x, starts))


def dynamic_update_slice(x: ArrayLike, update: Any, starts: Any) -> Array:
    """Returns `x` with `update` written over the slice that begins at `starts`, moved to lie inside `x`.

    Negative indices count from the end of their axis.
    """
    x, update = promote(x, update)
    return DynamicUpdateSlice().bind(x, update, *start_indices(x, starts))


def dynamic_slice_in_dim(x: ArrayLike, start: Any, size: int, axis: int = 0) -> Array:
    """Returns the `size` elements of `x` along `axis` that begin at `start`, and all along the other axes."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "dynamic_slice_in_dim")
    starts: list[Any] = [0] * x.type.ndim
    sizes = list(x.type.shape)
    starts[axis], sizes[axis] = start, size
    return dynamic_slice(x, starts, sizes)


def dynamic_index_in_dim(x: ArrayLike, index: Any, axis: int = 0, keepdims: bool = True) -> Array:
    """Returns the elements of `x` at `index` along `axis`, which stays with size 1 if `keepdims`."""
    result = dynamic_slice_in_dim(x, index, 1, axis)
    return result if keepdims else manipulation.squeeze(result, axis)


def dynamic_update_slice_in_dim(x: ArrayLike, update: Any, start: Any, axis: int) -> Array:
    """Returns `x` with `update` written over the elements along `axis` that begin at `start`."""
    x = as_value(x)
    starts: list[Any] = [0] * x.type.ndim
    starts[manipulation.canonical_axis(axis, x.type.ndim, "dynamic_update_slice_in_dim")] = start
    return dynamic_update_slice(x, update, starts)


def dynamic_update_index_in_dim(x: ArrayLike, update: Any, index: Any, axis: int) -> Array:
    """Returns `x` with `update` written over the elements at `index` along `axis`, which `update` may lack."""
    x, update = as_value(x), as_value(update)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "dynamic_update_index_in_dim")
    if update.type.ndim != x.type.ndim:
        update = manipulation.expand_dims(update, axis)
    return dynamic_update_slice_in_dim(x, update, index, axis)
