"""Linear algebra, named as in `numpy.linalg`. Factorizations beside Cholesky's belong to a later part of Ryft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_core.errors import ArgumentError, ShapeError
from ryft_core.numpy.creation import eye
from ryft_core.numpy.einsum import einsum
from ryft_core.numpy.linear_algebra import cross, diagonal, matmul, norm, outer, tensordot, trace, vecdot
from ryft_core.numpy.manipulation import matrix_transpose, ravel
from ryft_core.primitives import arithmetic, matrix_factorizations
from ryft_core.primitives.operands import as_value

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "cholesky",
    "cross",
    "diagonal",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]

cholesky = matrix_factorizations.cholesky


def vector_norm(x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """Returns the norm of vectors along `axis`; of all elements, if that is `None`."""
    x = as_value(x)
    if axis is None and x.type.ndim != 1:
        result = norm(ravel(x), ord, 0)
        return result.reshape((1,) * x.type.ndim) if keepdims else result
    return norm(x, ord, 0 if axis is None else axis, keepdims)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Returns the norm of matrices along the last two axes; refer to `norm`."""
    return norm(x, ord, (-2, -1), keepdims)


def matrix_power(x: ArrayLike, n: int) -> Array:
    """Returns square matrices multiplied by themselves `n` times, by repeated squaring; `n` is not negative."""
    x = as_value(x)
    if x.type.ndim < 2 or x.type.shape[-1] != x.type.shape[-2]:
        raise ShapeError(f"`matrix_power` expected square matrices, but got shape {x.type.shape}")
    if n < 0:
        raise ArgumentError(f"`matrix_power` expected an exponent that is not negative, but got {n}")
    if n == 0:
        return arithmetic.add(arithmetic.multiply(x, 0), eye(x.type.shape[-1], dtype=x.type.dtype))
    result: Any = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result


def multi_dot(arrays: Any) -> Array:
    """Returns the product of several matrices, in the order that costs least; the ends may be vectors."""
    operands = [as_value(array) for array in arrays]
    if len(operands) < 2:
        raise ShapeError(f"`multi_dot` expected at least two arrays, but got {len(operands)}")
    letters = [chr(97 + number) for number in range(len(operands) + 1)]
    groups = [letters[number] + letters[number + 1] for number in range(len(operands))]
    output = [letters[0], letters[-1]]
    if operands[0].type.ndim == 1:
        groups[0], output[0] = letters[1], ""
    if operands[-1].type.ndim == 1:
        groups[-1], output[1] = letters[-2], ""
    return einsum(f"{','.join(groups)}->{''.join(output)}", *operands)
