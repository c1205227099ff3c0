"""Sorting along an axis, and the largest elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives import creation, indexing, manipulation
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["Sort", "TopK", "argsort", "sort", "sort_together", "take_along", "top_k"]

_INT32 = numpy.dtype("int32")


class Sort(Primitive):
    """Arrays of one shape, sorted together along `axis` by the first `key_count` of them.

    Later keys decide between equal earlier ones; elements with equal keys keep their order. NaN counts as larger than
    every number, and the two zeros as equal. With `descending`, the order of the keys is reversed.
    """

    axis: int
    key_count: int = 1
    descending: bool = False

    name = "sort"
    multiple_results = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        if not 1 <= self.key_count <= len(types):
            raise ShapeError(f"`sort` expected between 1 and {len(types)} keys, but got {self.key_count}")
        shape = types[0].shape
        if not 0 <= self.axis < len(shape):
            raise ShapeError(f"`sort` expected an axis of shape {shape}, but got {self.axis}")
        for index, type in enumerate(types):
            if type.shape != shape:
                raise ShapeError(
                    f"`sort` expected operands of one shape, but got {shape} for operand 0 and {type.shape} "
                    f"for operand {index}"
                )
            if index < self.key_count and type.kind not in "biuf":
                raise DataTypeError(f"`sort` cannot order elements of type {type.dtype.name}")
        return types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        hlo = builder.stable_hlo
        kinds = [type.kind for type in builder.operand_types]

        def before(block: Any, kind: str, left: Any, right: Any) -> Any:
            less = hlo.compare(block, left, right, "LT")
            if kind != "f":
                return less
            is_number = hlo.compare(block, left, left, "EQ")
            return hlo.or_(block, less, hlo.and_(block, is_number, hlo.compare(block, right, right, "NE")))

        def comparator(block: Any, *elements: Any) -> Any:
            result = None
            for key in reversed(range(self.key_count)):
                left, right = elements[2 * key], elements[2 * key + 1]
                if self.descending:
                    left, right = right, left
                first = before(block, kinds[key], left, right)
                if result is not None:
                    later = before(block, kinds[key], right, left)
                    equal = hlo.not_(block, hlo.or_(block, first, later))
                    first = hlo.or_(block, first, hlo.and_(block, equal, result))
                result = first
            return result

        values, types = builder.widened(operands)
        return builder.narrowed(builder.emit("sort", values, self.axis, comparator, is_stable=True), types)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        positions = creation.iota(_INT32, primals[0].type.shape, self.axis)
        *results, order = self.bind(*primals, positions)
        changes = [
            Zero(tangent.type) if type(tangent) is Zero else take_along(tangent, order, self.axis)
            for tangent in tangents
        ]
        return tuple(results), tuple(changes)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = [
            manipulation.broadcast_to(operand, (size, *operand.type.shape))
            if axis is None
            else manipulation.moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        results = Sort(self.axis + 1, self.key_count, self.descending).bind(*moved)
        return results, (0,) * len(results)

    def reference(self, *operands: Any) -> Any:
        ranks = []
        for key in operands[: self.key_count]:
            values = key.astype("float64") if key.dtype.name in ("bfloat16", "float16") else key
            _, rank = numpy.unique(values, return_inverse=True)
            rank = rank.reshape(key.shape).astype("int64")
            ranks.append(-rank if self.descending else rank)
        order = numpy.lexsort(ranks[::-1], axis=self.axis)
        return tuple(numpy.take_along_axis(operand, order, self.axis) for operand in operands)


class TopK(Primitive):
    """The `k` largest elements along the last axis, largest first, and their positions as 32-bit integers.

    Of equal elements, the first come first. NaN counts as larger than every number.
    """

    k: int

    name = "top_k"
    multiple_results = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        (operand,) = types
        if operand.ndim == 0 or not 0 <= self.k <= operand.shape[-1]:
            raise ShapeError(f"`top_k` cannot take {self.k} elements along the last axis of shape {operand.shape}")
        if operand.kind not in "iuf":
            raise DataTypeError(f"`top_k` cannot order elements of type {operand.dtype.name}")
        shape = (*operand.shape[:-1], self.k)
        return operand.with_shape(shape), ArrayType(shape, _INT32)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.chlo.top_k(builder.block, operands[0], self.k, location=builder.location)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        values, positions = self.bind(*primals)
        axis = positions.type.ndim - 1
        return (values, positions), (take_along(tangents[0], positions, axis), Zero(positions.type.tangent))

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        return self.bind(manipulation.moveaxis(operands[0], axis, 0)), (0, 0)

    def reference(self, x: Any) -> Any:
        _, ranks = numpy.unique(x, return_inverse=True)
        order = numpy.argsort(-ranks.reshape(x.shape).astype("int64"), axis=-1, kind="stable")[..., : self.k]
        return numpy.take_along_axis(x, order, -1), order.astype("int32")


def take_along(x: Any, positions: Any, axis: int) -> Any:
    """Returns the elements of `x` at `positions` along `axis`, which must lie inside; other axes run along."""
    rank = x.type.ndim
    indices = manipulation.reshape(positions, (*positions.type.shape, 1))
    others = tuple(other for other in range(rank) if other != axis)
    dimensions = indexing.GatherDimensions((), (axis,), (axis,), others, others)
    sizes = tuple(min(length, 1) for length in x.type.shape)
    return indexing.gather(x, indices, dimensions, sizes, mode="promise_in_bounds")


def sort_together(operands: Any, axis: int = -1, *, key_count: int = 1, descending: bool = False) -> tuple[Any, ...]:
    """Returns arrays of one shape, sorted along `axis` by the first `key_count` of them; see `Sort`."""
    values = [as_value(operand) for operand in operands]
    if not values:
        raise ShapeError("`sort` expected at least one operand, but got none")
    axis = manipulation.canonical_axis(axis, values[0].type.ndim, "sort")
    return Sort(axis, key_count, descending).bind(*values)


def sort(x: Any, /, axis: int = -1, *, descending: bool = False) -> Any:
    """Returns `x` sorted along `axis`; NaN is last, or first if `descending`."""
    return sort_together((x,), axis, descending=descending)[0]


def argsort(x: Any, /, axis: int = -1, *, descending: bool = False) -> Any:
    """Returns the positions that sort `x` along `axis`; equal elements keep their order."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "argsort")
    positions = creation.iota(_INT32, x.type.shape, axis)
    return sort_together((x, positions), axis, descending=descending)[1]


def top_k(x: Any, /, k: int) -> tuple[Any, Any]:
    """Returns the `k` largest elements of `x` along its last axis, largest first, and their positions."""
    return TopK(k).bind(as_value(x))
