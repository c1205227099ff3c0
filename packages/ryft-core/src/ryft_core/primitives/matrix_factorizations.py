"""Factorizations of matrices, and linear systems with triangular ones. Leading axes are batch axes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.comparison import select
from ryft_core.primitives.complex_numbers import conj
from ryft_core.primitives.linear_algebra import matmul
from ryft_core.primitives.manipulation import broadcast_to, moveaxis
from ryft_core.primitives.operands import as_value, constant_like, promote
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = ["Cholesky", "TriangularSolve", "cholesky", "triangular_solve"]


def _check_matrices(name: str, operand: ArrayType) -> None:
    if operand.ndim < 2 or operand.shape[-1] != operand.shape[-2]:
        raise ShapeError(f"`{name}` expected square matrices in the last two axes, but got shape {operand.shape}")
    if operand.kind not in "fc":
        raise DataTypeError(f"`{name}` is defined for floating-point and complex elements, but got {operand}")


def _adjoint(x: Any) -> Any:
    return conj(moveaxis(x, x.type.ndim - 1, x.type.ndim - 2))


def _triangle(x: Any, *, half_diagonal: bool) -> Any:
    """Returns the lower triangle of the matrices `x`, with half of the diagonal if asked."""
    weights = numpy.tril(numpy.ones(x.type.shape[-2:], x.type.dtype), -1 if half_diagonal else 0)
    if half_diagonal:
        weights = weights + numpy.eye(weights.shape[0], dtype=weights.dtype) / 2
    # Chosen, not multiplied: what lies above the diagonal may not be a number.
    return select(as_value(weights != 0), x * as_value(weights), constant_like(0, x))


class Cholesky(Primitive):
    """Lower triangular matrix whose product with its adjoint is the operand, of which the lower triangle is read.

    The result is NaN where the operand is not positive definite.
    """

    name = "cholesky"

    def infer(self, *types: ArrayType) -> ArrayType:
        _check_matrices(self.name, types[0])
        return types[0]

    def lower(self, builder: Builder, *operands: Any) -> Any:
        factor = builder.emit("cholesky", operands[0], lower=True)
        # What lies above the diagonal is not specified by StableHLO; NumPy's and ours is zero.
        shape = builder.operand_types[0].shape
        mask = builder.constant(numpy.tril(numpy.ones(shape[-2:], bool)))
        mask = builder.broadcast(mask, ArrayType(shape[-2:], numpy.dtype("bool")), shape)
        dtype = builder.operand_types[0].dtype
        zero = builder.broadcast(builder.constant(numpy.zeros((), dtype)), ArrayType((), dtype), shape)
        return builder.emit("select", mask, factor, zero)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        # dL = L phi(L⁻¹ dA L⁻ᴴ), with phi the lower triangle with half of the diagonal (Murray, 2016).
        factor = self.bind(*primals)
        (change,) = tangents
        symmetric = (change + _adjoint(change)) * constant_like(0.5, change)
        left = TriangularSolve(left_side=False, conjugate_a=True, transpose_a=True).bind(factor, symmetric)
        inner = TriangularSolve(left_side=True).bind(factor, left)
        return factor, matmul(factor, _triangle(inner, half_diagonal=True))

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(moveaxis(operands[0], axes[0], 0)), 0  # pyright: ignore[reportArgumentType] (the only operand is mapped)

    def reference(self, x: Any) -> Any:
        return numpy.linalg.cholesky(x)


class TriangularSolve(Primitive):
    """Solution `x` of `op(a) x = b` (of `x op(a) = b`, unless `left_side`), with a triangular matrix `a`.

    `op` conjugates and transposes as the parameters say; `unit_diagonal` takes the diagonal of `a` to be ones.
    """

    left_side: bool = True
    lower_triangular: bool = True
    transpose_a: bool = False
    conjugate_a: bool = False
    unit_diagonal: bool = False

    name = "triangular_solve"
    linear = True

    def infer(self, *types: ArrayType) -> ArrayType:
        a, b = types
        _check_matrices(self.name, a)
        if a.dtype != b.dtype:
            raise DataTypeError(f"`{self.name}` expected operands of one element type, but got {a} and {b}")
        side = -2 if self.left_side else -1
        if b.ndim != a.ndim or b.shape[:-2] != a.shape[:-2] or b.shape[side] != a.shape[-1]:
            raise ShapeError(f"`{self.name}` cannot solve a system with matrices {a.shape} and right sides {b.shape}")
        return b

    def lower(self, builder: Builder, *operands: Any) -> Any:
        a, b = operands
        transpose = "NO_TRANSPOSE"
        if self.transpose_a:
            transpose = "ADJOINT" if self.conjugate_a else "TRANSPOSE"
        elif self.conjugate_a and builder.operand_types[0].kind == "c":
            a = builder.emit("chlo.conj", a)
        return builder.emit(
            "triangular_solve",
            a,
            b,
            left_side=self.left_side,
            lower=self.lower_triangular,
            unit_diagonal=self.unit_diagonal,
            transpose=transpose,
        )

    def _applied(self, a: Any) -> Any:
        """Returns `op` of the triangle of `a` that is read, with zeros on the diagonal if that is taken as ones."""
        shape = a.type.shape[-2:]
        offset = -1 if self.unit_diagonal else 0
        ones = numpy.ones(shape, bool)
        mask = numpy.tril(ones, offset) if self.lower_triangular else numpy.triu(ones, -offset)
        part = select(as_value(mask), a, constant_like(0, a))
        part = conj(part) if self.conjugate_a else part
        return moveaxis(part, part.type.ndim - 1, part.type.ndim - 2) if self.transpose_a else part

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (a, b), (da, db) = primals, tangents
        result = self.bind(a, b)
        right = None if type(db) is Zero else db
        if type(da) is not Zero:
            change = self._applied(da)
            product = matmul(change, result) if self.left_side else matmul(result, change)
            right = -product if right is None else right - product
        return result, self.bind(a, right)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        # The pairing is without conjugation, so the transpose solves with the transposed, not the adjoint matrix.
        return [None, replace(self, transpose_a=not self.transpose_a).bind(operands[0], cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        a, b = (
            broadcast_to(operand, (size, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        )
        return self.bind(a, b), 0

    def reference(self, a: Any, b: Any) -> Any:
        part = numpy.tril(a) if self.lower_triangular else numpy.triu(a)
        if self.unit_diagonal:
            part = part - part * numpy.eye(part.shape[-1]) + numpy.eye(part.shape[-1], dtype=part.dtype)
        part = part.conj() if self.conjugate_a else part
        part = part.swapaxes(-1, -2) if self.transpose_a else part
        if self.left_side:
            return numpy.linalg.solve(part, b)
        return numpy.linalg.solve(part.swapaxes(-1, -2), b.swapaxes(-1, -2)).swapaxes(-1, -2)


def cholesky(x: ArrayLike, *, symmetrize_input: bool = True) -> Array:
    """Returns the lower Cholesky factors of the matrices in the last two axes of `x`.

    With `symmetrize_input`, the mean of `x` and its adjoint is factorized; otherwise the lower triangle of `x` is read.
    """
    x = as_value(x)
    _check_matrices("cholesky", x.type)
    return Cholesky().bind((x + _adjoint(x)) * constant_like(0.5, x) if symmetrize_input else x)


def triangular_solve(
    a: Any,
    b: Any,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Array:
    """Returns the solutions of linear systems with triangular matrices `a`; `b` may be vectors or matrices.

    Args:
        a: Triangular matrices in the last two axes.
        b: Right sides, in the last two axes; in the last one, if `b` has one axis fewer than `a`.
        left_side: Whether `op(a) x = b` is solved, and not `x op(a) = b`.
        lower: Whether the lower triangle of `a` is read, and not the upper one.
        transpose_a: Whether `op` transposes.
        conjugate_a: Whether `op` conjugates.
        unit_diagonal: Whether the diagonal of `a` is taken to be ones.
    """
    a, b = promote(a, b)
    solve = TriangularSolve(left_side, lower, transpose_a, conjugate_a, unit_diagonal)
    if b.type.ndim == a.type.ndim - 1:
        axis = b.type.ndim if left_side else b.type.ndim - 1
        shape = b.type.shape
        expanded = b.reshape((*shape[:axis], 1, *shape[axis:]))
        return solve.bind(a, expanded).reshape(shape)
    return solve.bind(a, b)
