"""The methods of arrays, named as in NumPy: each calls the function of `ryft_core.numpy` with its name.

These functions are built on arrays, so they are looked up when a method is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ryft_core
from ryft_core.errors import ArgumentError
from ryft_core.programs.atoms import Value

if TYPE_CHECKING:
    import ryft_core.numpy.creation
    import ryft_core.numpy.elementwise
    import ryft_core.numpy.linear_algebra
    import ryft_core.numpy.manipulation
    import ryft_core.numpy.reductions
    import ryft_core.numpy.searching
    from ryft_core.arrays import Array

__all__ = ["ArrayMethods"]


class ArrayMethods(Value):
    """Methods of arrays. What they do is told by the functions of `ryft_core.numpy` with their names."""

    __slots__ = ()

    @property
    def T(self) -> Array:  # noqa: N802 (NumPy's names)
        """The array with its axes reversed."""
        return ryft_core.numpy.transpose(self)

    @property
    def mT(self) -> Array:  # noqa: N802
        """The array with its last two axes exchanged."""
        return ryft_core.numpy.manipulation.swapaxes(self, -1, -2)

    @property
    def real(self) -> Array:
        """Real parts of the elements."""
        return ryft_core.numpy.real(self)

    @property
    def imag(self) -> Array:
        """Imaginary parts of the elements; zeros, if they are real."""
        return ryft_core.numpy.imag(self)

    @property
    def flat(self) -> Array:
        """The elements as a vector."""
        return ryft_core.numpy.manipulation.ravel(self)

    @property
    def itemsize(self) -> int:
        """Number of bytes of an element."""
        return self.type.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Number of bytes of all elements."""
        return self.type.size * self.type.dtype.itemsize

    @property
    def weak_type(self) -> bool:
        """Whether the element type gives way to that of another operand, because it came from a Python number."""
        return self.type.weak

    def reshape(self, *shape: Any, order: str = "C") -> Array:
        """Returns the same elements in another shape, given as one tuple or as several integers."""
        return ryft_core.numpy.manipulation.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Array:
        """Returns the array with its axes permuted; reversed, if no axes are given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return ryft_core.numpy.transpose(self, order or None)

    def swapaxes(self, axis1: int, axis2: int) -> Array:
        """Returns the array with two axes exchanged."""
        return ryft_core.numpy.manipulation.swapaxes(self, axis1, axis2)

    def ravel(self, order: str = "C") -> Array:
        """Returns the elements as a vector."""
        return ryft_core.numpy.manipulation.ravel(self, order)

    def flatten(self, order: str = "C") -> Array:
        """Returns the elements as a vector."""
        return ryft_core.numpy.manipulation.ravel(self, order)

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Array:
        """Returns the array without axes of size 1."""
        return ryft_core.numpy.manipulation.squeeze(self, axis)

    def repeat(self, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Array:
        """Returns the array with each element along `axis` repeated."""
        return ryft_core.numpy.manipulation.repeat(self, repeats, axis, total_repeat_length=total_repeat_length)

    def take(self, indices: Any, axis: int | None = None, mode: str | None = None, fill_value: Any = None) -> Array:
        """Returns the elements at `indices` along `axis`."""
        return ryft_core.numpy.manipulation.take(self, indices, axis, mode, fill_value)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
        """Returns the diagonals of two axes, along a new last axis."""
        return ryft_core.numpy.linear_algebra.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
        """Returns the sums of the diagonals of two axes."""
        return ryft_core.numpy.linear_algebra.trace(self, offset, axis1, axis2, dtype)

    def dot(self, other: Any, *, precision: str = "default", preferred_element_type: Any = None) -> Array:
        """Returns the sum of products over the last axis of this and the last but one axis of the other array."""
        return ryft_core.numpy.linear_algebra.dot(
            self, other, precision=precision, preferred_element_type=preferred_element_type
        )

    def astype(self, dtype: Any, copy: bool = False) -> Array:
        """Returns the array with its elements converted to `dtype`."""
        result = ryft_core.numpy.astype(self, dtype)
        return ryft_core.numpy.creation.copy(result) if copy and result is self else result

    def view(self, dtype: Any) -> Array:
        """Returns the bits of the elements read as another element type; one of another width changes the last axis."""
        return ryft_core.numpy.creation.view(self, dtype)

    def copy(self) -> Array:
        """Returns a copy in memory of its own."""
        return ryft_core.numpy.creation.copy(self)

    def conj(self) -> Array:
        """Returns the complex conjugates of the elements."""
        return ryft_core.numpy.conj(self)

    def conjugate(self) -> Array:
        """Returns the complex conjugates of the elements."""
        return ryft_core.numpy.conj(self)

    def clip(self, min: Any = None, max: Any = None) -> Array:  # noqa: A002 (NumPy's names)
        """Returns the elements moved between `min` and `max`."""
        return ryft_core.numpy.elementwise.clip(self, min, max)

    def round(self, decimals: int = 0) -> Array:
        """Returns the elements rounded to a number of decimal places, halves to the even digit."""
        return ryft_core.numpy.elementwise.round(self, decimals)

    def sum(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, out: None = None, **options: Any
    ) -> Array:
        """Returns the sum along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.sum(self, axis, dtype, keepdims, **options)

    def prod(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, out: None = None, **options: Any
    ) -> Array:
        """Returns the product along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.prod(self, axis, dtype, keepdims, **options)

    def max(self, axis: Any = None, keepdims: bool = False, out: None = None, **options: Any) -> Array:
        """Returns the maximum along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.max(self, axis, keepdims, **options)

    def min(self, axis: Any = None, keepdims: bool = False, out: None = None, **options: Any) -> Array:
        """Returns the minimum along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.min(self, axis, keepdims, **options)

    def ptp(self, axis: Any = None, keepdims: bool = False) -> Array:
        """Returns the difference of maximum and minimum along `axis` (all axes, if `None`)."""
        return ryft_core.numpy.reductions.ptp(self, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False, out: None = None) -> Array:
        """Returns whether all elements along `axis` are not zero."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.all(self, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False, out: None = None) -> Array:
        """Returns whether some element along `axis` is not zero."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.any(self, axis, keepdims)

    def mean(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, out: None = None, **options: Any
    ) -> Array:
        """Returns the mean along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.mean(self, axis, dtype, keepdims, **options)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        out: None = None,
        **options: Any,
    ) -> Array:
        """Returns the variance along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.var(self, axis, dtype, ddof, keepdims, **options)

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        out: None = None,
        **options: Any,
    ) -> Array:
        """Returns the standard deviation along `axis` (all axes, if `None`)."""
        _refuse_out(out)
        return ryft_core.numpy.reductions.std(self, axis, dtype, ddof, keepdims, **options)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Array:
        """Returns the position of the first largest element along `axis` (in the flattened array, if `None`)."""
        return ryft_core.numpy.reductions.argmax(self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Array:
        """Returns the position of the first smallest element along `axis` (in the flattened array, if `None`)."""
        return ryft_core.numpy.reductions.argmin(self, axis, keepdims)

    def cumsum(self, axis: int | None = None, dtype: Any = None) -> Array:
        """Returns the sums of all elements up to and including each one."""
        return ryft_core.numpy.searching.cumsum(self, axis, dtype)

    def cumprod(self, axis: int | None = None, dtype: Any = None) -> Array:
        """Returns the products of all elements up to and including each one."""
        return ryft_core.numpy.searching.cumprod(self, axis, dtype)

    def sort(self, axis: int | None = -1, *, descending: bool = False) -> Array:
        """Returns the elements sorted along `axis`. (The array itself does not change.)"""
        return ryft_core.numpy.searching.sort(self, axis, descending=descending)

    def argsort(self, axis: int | None = -1, *, descending: bool = False) -> Array:
        """Returns the positions that sort along `axis`."""
        return ryft_core.numpy.searching.argsort(self, axis, descending)

    def searchsorted(self, v: Any, side: str = "left") -> Array:
        """Returns where the elements of `v` belong in this sorted vector."""
        return ryft_core.numpy.searching.searchsorted(self, v, side)

    def nonzero(self, *, size: int | None = None, fill_value: Any = None) -> tuple[Any, ...]:
        """Returns the positions along each axis of the elements that are not zero."""
        return ryft_core.numpy.searching.nonzero(self, size=size, fill_value=fill_value)


def _refuse_out(out: Any) -> None:
    """Refuses an array for the result. NumPy's functions, such as `numpy.mean(x)`, pass `out=None` to methods."""
    if out is not None:
        raise ArgumentError(f"arrays are immutable, so `out` expected `None`, but got a `{type(out).__name__}`")
