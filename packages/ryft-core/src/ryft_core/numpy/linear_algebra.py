"""Products of vectors, matrices and tensors, named as in NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_core.errors import ArgumentError, ShapeError
from ryft_core.numpy import manipulation as shapes
from ryft_core.numpy import reductions
from ryft_core.numpy.creation import diagonal_of
from ryft_core.numpy.fusion import fused
from ryft_core.primitives import arithmetic, complex_numbers, exponential, linear_algebra, manipulation
from ryft_core.primitives.operands import as_value

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "cov",
    "cross",
    "diagonal",
    "dot",
    "inner",
    "kron",
    "matmul",
    "matvec",
    "norm",
    "outer",
    "tensordot",
    "trace",
    "vdot",
    "vecdot",
]

matmul = linear_algebra.matmul


def dot(x: ArrayLike, y: ArrayLike, /, *, precision: str = "default", preferred_element_type: Any = None) -> Array:
    """Returns the sum of products over the last axis of `x` and the last but one (or only) axis of `y`."""
    x, y = as_value(x), as_value(y)
    if x.type.ndim == 0 or y.type.ndim == 0:
        return arithmetic.multiply(x, y)
    contracting = ((x.type.ndim - 1,), (max(y.type.ndim - 2, 0),))
    _check_lengths("dot", x, contracting[0][0], y, contracting[1][0])
    return linear_algebra.dot_general(x, y, contracting, precision=precision, preferred_dtype=preferred_element_type)


def _check_lengths(name: str, x: Any, x_axis: int, y: Any, y_axis: int) -> None:
    if x.type.shape[x_axis] != y.type.shape[y_axis]:
        raise ShapeError(
            f"`{name}` expected axis {x_axis} of shape {x.type.shape} to be as long as axis {y_axis} of shape "
            f"{y.type.shape}"
        )


def vdot(x: ArrayLike, y: ArrayLike, /, *, precision: str = "default") -> Array:
    """Returns the sum of the products of all elements; those of `x` are conjugated."""
    x, y = (manipulation.reshape(as_value(value), (-1,)) for value in (x, y))
    return dot(complex_numbers.conj(x), y, precision=precision)


def vecdot(x: ArrayLike, y: ArrayLike, /, axis: int = -1) -> Array:
    """Returns the sums of products along `axis`; the elements of `x` are conjugated."""
    return reductions.sum(arithmetic.multiply(complex_numbers.conj(as_value(x)), y), axis)


def inner(x: ArrayLike, y: ArrayLike, /, *, precision: str = "default") -> Array:
    """Returns the sums of products over the last axes of `x` and `y`."""
    x, y = as_value(x), as_value(y)
    if x.type.ndim == 0 or y.type.ndim == 0:
        return arithmetic.multiply(x, y)
    last = (x.type.ndim - 1, y.type.ndim - 1)
    _check_lengths("inner", x, last[0], y, last[1])
    return linear_algebra.dot_general(x, y, ((last[0],), (last[1],)), precision=precision)


@fused
def outer(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the matrix of all products of an element of `x` and one of `y`, both flattened."""
    x, y = (manipulation.reshape(as_value(value), (-1,)) for value in (x, y))
    return arithmetic.multiply(manipulation.expand_dims(x, 1), y)


def tensordot(
    x: ArrayLike, y: ArrayLike, axes: Any = 2, *, precision: str = "default", preferred_element_type: Any = None
) -> Array:
    """Returns the sums of products over pairs of axes.

    Args:
        x: Left operand.
        y: Right operand.
        axes: A pair of axes, or sequences of axes, of `x` and of `y`; or a number of axes, the last ones of `x` and the
            first ones of `y`.
        precision: "default", "high" or "highest".
        preferred_element_type: Element type to add in and to return.
    """
    x, y = as_value(x), as_value(y)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.type.ndim, y.type.ndim):
            raise ShapeError(f"`tensordot` cannot contract {axes} axes of shapes {x.type.shape} and {y.type.shape}")
        left = tuple(range(x.type.ndim - axes, x.type.ndim))
        right = tuple(range(axes))
    else:
        left, right = ((group,) if isinstance(group, int) else tuple(group) for group in axes)
        left = tuple(manipulation.canonical_axis(axis, x.type.ndim, "tensordot") for axis in left)
        right = tuple(manipulation.canonical_axis(axis, y.type.ndim, "tensordot") for axis in right)
        if len(left) != len(right):
            raise ShapeError(f"`tensordot` expected as many axes of the left as of the right operand, but got {axes}")
    for left_axis, right_axis in zip(left, right, strict=True):
        _check_lengths("tensordot", x, left_axis, y, right_axis)
    return linear_algebra.dot_general(x, y, (left, right), precision=precision, preferred_dtype=preferred_element_type)


def matvec(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the products of matrices, the last two axes of `x`, and vectors, the last axis of `y`."""
    return manipulation.squeeze(matmul(x, shapes.expand_dims(y, -1)), -1)


@fused
def kron(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the Kronecker product: every element of `x` times the whole of `y`."""
    x, y = as_value(x), as_value(y)
    rank = max(x.type.ndim, y.type.ndim)
    left = (1,) * (rank - x.type.ndim) + x.type.shape
    right = (1,) * (rank - y.type.ndim) + y.type.shape
    x = manipulation.reshape(x, [size for pair in left for size in (pair, 1)])
    y = manipulation.reshape(y, [size for pair in right for size in (1, pair)])
    return manipulation.reshape(arithmetic.multiply(x, y), [a * b for a, b in zip(left, right, strict=True)])


def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Returns the diagonals of two axes of `x`, along a new last axis."""
    x = as_value(x)
    return diagonal_of(shapes.moveaxis(x, (axis1, axis2), (-2, -1)), offset)


def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """Returns the sums of the diagonals of two axes of `x`."""
    return reductions.sum(diagonal(x, offset, axis1, axis2), -1, dtype)


def cross(x: ArrayLike, y: ArrayLike, axis: int = -1) -> Array:
    """Returns the cross products of vectors of three elements along `axis`."""
    x, y = as_value(x), as_value(y)
    for operand in (x, y):
        if operand.type.shape[manipulation.canonical_axis(axis, operand.type.ndim, "cross")] != 3:
            raise ShapeError(f"`cross` expected vectors of 3 elements along axis {axis}, but got {operand.type.shape}")
    return _cross(x, y, axis=axis)


@fused
def _cross(x: Any, y: Any, /, *, axis: int) -> Any:
    def turned(value: Any, steps: int) -> Any:
        return shapes.roll(value, -steps, axis)

    return arithmetic.subtract(
        arithmetic.multiply(turned(x, 1), turned(y, 2)), arithmetic.multiply(turned(x, 2), turned(y, 1))
    )


@fused
def norm(x: Any, /, ord: Any = None, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """Returns the norm of vectors along one axis, or of matrices along two.

    Args:
        x: Array.
        ord: Order: for vectors any number, for matrices 1, -1, `inf`, `-inf` or "fro". The default is the root of the
            sum of squares of all elements.
        axis: Axis of the vectors, or pair of axes of the matrices. The default is all elements.
        keepdims: Whether reduced axes stay with size 1.
    """
    (x,) = arithmetic.inexact(x)
    rank = x.type.ndim
    if ord is None or (ord == 2 and (isinstance(axis, int) or (axis is None and rank == 1))) or ord == "fro":
        squares = arithmetic.multiply(x, x)
        if x.type.kind == "c":
            squares = complex_numbers.real(arithmetic.multiply(x, complex_numbers.conj(x)))
        return exponential.sqrt(reductions.sum(squares, axis, keepdims=keepdims))
    size = arithmetic.absolute(x)
    axes = tuple(range(rank)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if len(axes) == 1:
        return _vector_norm(size, ord, axes[0], keepdims)
    if len(axes) != 2 or ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(f"`norm` has no order {ord!r} for {len(axes)} axes")
    row, column = (manipulation.canonical_axis(a, rank, "norm") for a in axes)
    summed, other = (row, column) if abs(ord) == 1 else (column, row)
    sums = reductions.sum(size, summed, keepdims=True)
    result = (reductions.max if ord > 0 else reductions.min)(sums, other, keepdims=True)
    return result if keepdims else manipulation.squeeze(result, (row, column))


def _vector_norm(size: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord == math.inf:
        return reductions.max(size, axis, keepdims=keepdims)
    if ord == -math.inf:
        return reductions.min(size, axis, keepdims=keepdims)
    if ord == 0:
        return reductions.sum(size != 0, axis, size.type.dtype, keepdims=keepdims)
    if ord == 1:
        return reductions.sum(size, axis, keepdims=keepdims)
    return reductions.sum(size**ord, axis, keepdims=keepdims) ** (1.0 / ord)


@fused
def cov(x: Any, /, rowvar: bool = True, ddof: int = 1) -> Array:
    """Returns the covariance matrix of variables, the rows of `x` (the columns, unless `rowvar`)."""
    (x,) = arithmetic.inexact(x)
    x = manipulation.reshape(x, (1, -1)) if x.type.ndim == 1 else x if rowvar else manipulation.transpose(x)
    centered = arithmetic.subtract(x, reductions.mean(x, 1, keepdims=True))
    product = matmul(centered, manipulation.transpose(complex_numbers.conj(centered)))
    return manipulation.squeeze(arithmetic.divide(product, float(x.type.shape[1] - ddof)))
