"""Arrays that are made from nothing: counting, and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives import manipulation
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.conversions import convert
from ryft_core.primitives.operands import as_value, literal
from ryft_core.types.array_types import ArrayType, kind_of
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array
    from ryft_core.lowering import Builder

__all__ = ["Iota", "full", "iota", "scalar", "shape_of"]


class Iota(Primitive):
    """Array of a type, whose elements count 0, 1, 2, ... along `axis`."""

    dtype: numpy.dtype[Any]
    shape: tuple[int, ...]
    axis: int

    name = "iota"
    exact = "biuf"
    differentiable = False
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        if not 0 <= self.axis < len(self.shape):
            raise ShapeError(f"`iota` expected an axis of shape {self.shape}, but got {self.axis}")
        if kind_of(self.dtype) not in "iufc":
            raise DataTypeError(f"`iota` expected a numerical element type, but got {self.dtype.name}")
        return ArrayType(self.shape, self.dtype)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("iota", builder.results[0], self.axis)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(), None  # Without operands, nothing can be mapped.

    def reference(self) -> Any:
        shape = [1] * len(self.shape)
        shape[self.axis] = self.shape[self.axis]
        return numpy.broadcast_to(numpy.arange(self.shape[self.axis]).reshape(shape), self.shape).astype(self.dtype)


def shape_of(shape: int | Sequence[int]) -> tuple[int, ...]:
    """Returns a shape, which may be given as one integer, as a tuple.

    Raises:
        ShapeError: If a size is negative.
    """
    sizes = tuple(size.__index__() for size in shape) if isinstance(shape, Sequence) else (shape.__index__(),)
    if any(size < 0 for size in sizes):
        raise ShapeError(f"expected a shape of sizes that are not negative, but got {sizes}")
    return sizes


def iota(dtype: Any, shape: int | Sequence[int], axis: int = 0) -> Array:
    """Returns an array of `shape` whose elements count 0, 1, 2, ... along `axis`."""
    sizes = shape_of(shape)
    axis = manipulation.canonical_axis(axis, len(sizes), "iota")
    dtype = canonical_dtype(dtype)
    return Iota(dtype, sizes, axis).bind() if kind_of(dtype) != "b" else convert(Iota(_INT32, sizes, axis).bind(), bool)


_INT32 = numpy.dtype("int32")


def full(shape: int | Sequence[int], value: Any, dtype: Any = None) -> Array:
    """Returns an array of `shape` with every element `value`, which is broadcast; its element type is the default."""
    sizes = shape_of(shape)
    if dtype is None:
        filling = as_value(value)
        if filling.type.weak:
            filling = convert(filling, filling.type.dtype)
    else:
        dtype = canonical_dtype(dtype)
        filling = scalar(value, dtype) if type(value) in _SCALARS else convert(value, dtype)
    if filling.type.shape == sizes == ():
        # A literal would be taken for weakly typed input elsewhere; an array is what a creation function returns.
        return manipulation.Reshape(()).bind(filling)
    return manipulation.broadcast_to(filling, sizes)


_SCALARS = (bool, int, float, complex)


def scalar(value: complex, dtype: numpy.dtype[Any]) -> Any:
    """Returns a Python scalar as one of an element type, without rounding it to the default one of its kind first."""
    kind = kind_of(dtype)
    if kind == "b":
        return literal(bool(value), dtype)
    if (isinstance(value, complex) and kind != "c") or (isinstance(value, float) and kind not in "fc"):
        return convert(value, dtype)
    return literal(value, dtype)
