"""The type of an array: what a trace knows of a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy

from ryft_core.errors import DataTypeError, ShapeError, hinted
from ryft_core.types.data_types import canonical_dtype, is_boolean, is_complex, is_floating, is_signed

__all__ = ["FLOAT0", "ArrayType", "dtype_expression", "kind_of"]

FLOAT0: numpy.dtype[Any] = numpy.dtype([("float0", numpy.void, 0)])
"""dtype of the tangents of integers and booleans, which can only be zero: it holds no data (as in JAX)."""


def kind_of(dtype: numpy.dtype[Any]) -> str:
    """Returns the kind of an element type: b boolean, i signed, u unsigned, f floating, c complex, V `FLOAT0`."""
    if dtype == FLOAT0:
        return "V"
    if is_boolean(dtype):
        return "b"
    if is_floating(dtype):
        return "f"
    if is_complex(dtype):
        return "c"
    return "i" if is_signed(dtype) else "u"


def dtype_expression(dtype: numpy.dtype[Any]) -> str:
    """Returns the Python expression of an element type."""
    return "FLOAT0" if dtype == FLOAT0 else f"dtype({dtype.name!r})"


class ArrayType:
    """Shape and element type of an array.

    Types are interned: two types are equal exactly when they are the same object, so that a signature of many types is
    hashed and compared at the speed of pointers.

    Attributes:
        shape: Sizes of the axes.
        dtype: Element type; NumPy's or one of `ml_dtypes`.
        weak: Whether the element type came from a Python scalar and gives way to the other operand's in promotion.
    """

    __slots__ = ("__weakref__", "dtype", "kind", "shape", "tangent", "weak")

    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]
    weak: bool
    kind: str
    """Kind of the element type: b boolean, i signed, u unsigned, f floating, c complex, V float0."""
    tangent: ArrayType
    """Type of this type's tangents: itself for inexact element types, and `FLOAT0` for the others."""

    def __new__(cls, shape: tuple[int, ...], dtype: numpy.dtype[Any], weak: bool = False) -> ArrayType:
        try:
            return _INTERNED[shape, dtype, weak]
        except (KeyError, TypeError):  # A list is not hashable.
            made = _create(shape, dtype, weak)
        return _INTERNED.setdefault((made.shape, made.dtype, made.weak), made)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to `{name}`: `ArrayType` objects are immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete `{name}`: `ArrayType` objects are immutable")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    def with_shape(self, shape: tuple[int, ...]) -> ArrayType:
        """Returns this type with another shape."""
        return ArrayType(shape, self.dtype, self.weak)

    def with_dtype(self, dtype: numpy.dtype[Any], weak: bool = False) -> ArrayType:
        """Returns this type with another element type."""
        return ArrayType(self.shape, dtype, weak)

    def strong(self) -> ArrayType:
        """Returns this type without the weakness of its element type."""
        return ArrayType(self.shape, self.dtype) if self.weak else self

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.shape, self.dtype, self.weak)

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.shape))
        return f"{self.dtype.name if self.dtype != FLOAT0 else 'float0'}[{sizes}]{'*' if self.weak else ''}"

    def __repr__(self) -> str:
        weak = ", weak=True" if self.weak else ""
        return f"ArrayType({self.shape}, {dtype_expression(self.dtype)}{weak})"


_INTERNED: dict[tuple[tuple[int, ...], numpy.dtype[Any], bool], ArrayType] = {}


def _create(shape: Sequence[SupportsIndex], dtype: numpy.dtype[Any], weak: bool) -> ArrayType:
    if not isinstance(dtype, numpy.dtype):  # pyright: ignore[reportUnnecessaryIsInstance]
        error = DataTypeError(f"expected a `numpy.dtype` for an array type, but got {dtype!r}")
        raise hinted(error, "make one, as in `numpy.dtype('float32')`")
    try:
        sizes = tuple(size.__index__() for size in shape)
    except (TypeError, AttributeError):
        sizes = (-1,)
    if not all(size >= 0 for size in sizes):
        raise ShapeError(f"expected non-negative integers for the shape of an array type, but got {shape!r}")
    self, assign = object.__new__(ArrayType), object.__setattr__
    kind = kind_of(dtype)
    assign(self, "shape", sizes)
    assign(self, "dtype", dtype if kind == "V" else canonical_dtype(dtype))
    assign(self, "weak", bool(weak))
    assign(self, "kind", kind)
    assign(self, "tangent", self if kind in "fcV" else ArrayType(sizes, FLOAT0))
    return self
