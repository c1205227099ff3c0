"""Products of matrices and tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.families import broadcast_operand_shapes
from ryft_core.primitives.manipulation import broadcast_to, transpose
from ryft_core.primitives.operands import as_value, promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = ["DotGeneral", "dot_general", "matmul"]

Axes = tuple[int, ...]
PRECISIONS = ("default", "high", "highest")

# Measured: up to here, products in the kernel of a loop are faster than calls of the library.
_LARGEST_FACTOR_IN_KERNEL = 2**16
_LARGEST_SIZE_IN_KERNEL = 32
_MOST_PRODUCTS_IN_KERNEL = 2**14


class DotGeneral(Primitive):
    """Sum of products over contracted axes of two arrays, for every index of shared batch axes.

    The result has the batch axes, then the left's remaining axes, then the right's. `precision` may be "default",
    "high" or "highest"; `preferred_dtype`, if given, is the element type that is accumulated and returned.
    """

    left_contracting: Axes
    right_contracting: Axes
    left_batch: Axes = ()
    right_batch: Axes = ()
    precision: str = "default"
    preferred_dtype: numpy.dtype[Any] | None = None

    name = "dot_general"
    in_kernel = True
    linear = True

    def free_axes(self, left_rank: int, right_rank: int) -> tuple[Axes, Axes]:
        """Returns the axes of each operand that are neither contracted nor batch axes."""
        left_used, right_used = self.left_contracting + self.left_batch, self.right_contracting + self.right_batch
        return (
            tuple(axis for axis in range(left_rank) if axis not in left_used),
            tuple(axis for axis in range(right_rank) if axis not in right_used),
        )

    def fits_kernel(self, operands: Sequence[ArrayType], results: Sequence[ArrayType]) -> bool:
        if self.left_batch:
            return False
        left, right = operands
        depth = math.prod(left.shape[axis] for axis in self.left_contracting)
        rows, columns = left.size // max(depth, 1), right.size // max(depth, 1)
        # Products of larger matrices are much faster in a library, which a kernel cannot call.
        if min(rows, columns, depth) == 1:
            return max(left.size, right.size) <= _LARGEST_FACTOR_IN_KERNEL
        within = max(rows, columns, depth) <= _LARGEST_SIZE_IN_KERNEL
        return within and rows * columns * depth <= _MOST_PRODUCTS_IN_KERNEL

    def infer(self, *types: ArrayType) -> ArrayType:
        left, right = types
        if left.dtype != right.dtype:
            raise DataTypeError(
                f"`dot_general` expected operands of one element type, but got {left.dtype.name} and {right.dtype.name}"
            )
        pairs = [
            *zip(self.left_contracting, self.right_contracting, strict=True),
            *zip(self.left_batch, self.right_batch, strict=True),
        ]
        for left_axis, right_axis in pairs:
            if not (0 <= left_axis < left.ndim and 0 <= right_axis < right.ndim):
                raise ShapeError(
                    f"`dot_general` has no axes {left_axis} and {right_axis} in {left.shape}, {right.shape}"
                )
            if left.shape[left_axis] != right.shape[right_axis]:
                raise ShapeError(
                    f"`dot_general` expected axis {left_axis} of the left operand, with shape {left.shape}, to be as "
                    f"long as axis {right_axis} of the right operand, with shape {right.shape}"
                )
        left_free, right_free = self.free_axes(left.ndim, right.ndim)
        shape = (
            tuple(left.shape[axis] for axis in self.left_batch)
            + tuple(left.shape[axis] for axis in left_free)
            + tuple(right.shape[axis] for axis in right_free)
        )
        if self.preferred_dtype is not None:
            return ArrayType(shape, self.preferred_dtype)
        return ArrayType(shape, left.dtype, left.weak and right.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        dimensions = builder.stable_hlo.dot_dimensions(
            builder.context,
            lhs_batching=self.left_batch,
            rhs_batching=self.right_batch,
            lhs_contracting=self.left_contracting,
            rhs_contracting=self.right_contracting,
        )
        precision = None if self.precision == "default" else (self.precision.upper(),) * 2
        values, _ = builder.widened(operands)
        (wide,) = types = builder.widened_results()
        product = builder.emit("dot_general", *values, dimensions, builder.type(wide), precision=precision)
        return builder.narrowed((product,), types)[0]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (x, y), (dx, dy) = primals, tangents
        result = self.bind(x, y)
        parts = []
        if type(dx) is not Zero:
            parts.append(self.bind(dx, y))
        if type(dy) is not Zero:
            parts.append(self.bind(x, dy))
        return result, parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        left, right = operands
        left_free, right_free = self.free_axes(left.type.ndim, right.type.ndim)
        batch_count = len(self.left_batch)
        batch = tuple(range(batch_count))
        result: list[Any] = [None, None]
        if is_linear(left):
            free = tuple(range(batch_count + len(left_free), cotangents.type.ndim))
            dtype = self._transposed_dtype(left.type)
            product = DotGeneral(free, right_free, batch, self.right_batch, self.precision, dtype).bind(
                *promote(cotangents, right)
            )
            # The product's axes: batch, left's free, then the contracted ones in the order they have in the right.
            contracted = _in_order_of(self.left_contracting, self.right_contracting)
            result[0] = _arranged(product, self.left_batch + left_free + contracted)
        else:
            free = tuple(range(batch_count, batch_count + len(left_free)))
            dtype = self._transposed_dtype(right.type)
            product = DotGeneral(free, left_free, batch, self.left_batch, self.precision, dtype).bind(
                *promote(cotangents, left)
            )
            contracted = _in_order_of(self.right_contracting, self.left_contracting)
            result[1] = _arranged(product, self.right_batch + right_free + contracted)
        return result

    def _transposed_dtype(self, type: ArrayType) -> numpy.dtype[Any] | None:
        return None if self.preferred_dtype is None else type.dtype

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        left, right = operands
        left_axis, right_axis = axes
        left_batch, right_batch = _shifted(self.left_batch, left_axis), _shifted(self.right_batch, right_axis)
        left_contracting = _shifted(self.left_contracting, left_axis)
        right_contracting = _shifted(self.right_contracting, right_axis)
        if left_axis is not None and right_axis is not None:
            left_batch, right_batch = (left_axis, *left_batch), (right_axis, *right_batch)
            position = 0
        elif left_axis is not None:
            used = left_contracting + left_batch
            position = len(left_batch) + sum(axis not in used for axis in range(left_axis))
        else:
            assert right_axis is not None
            used = right_contracting + right_batch
            left_free = left.type.ndim - len(left_contracting) - len(left_batch)
            position = len(right_batch) + left_free + sum(axis not in used for axis in range(right_axis))
        batched = DotGeneral(
            left_contracting, right_contracting, left_batch, right_batch, self.precision, self.preferred_dtype
        )
        return batched.bind(left, right), position

    def reference(self, x: Any, y: Any) -> Any:
        left_free, right_free = self.free_axes(x.ndim, y.ndim)
        symbols = iter("abcdefghijklmnopqrstuvwxyz")
        left, right = {axis: next(symbols) for axis in range(x.ndim)}, {}
        pairs = zip(self.left_contracting + self.left_batch, self.right_contracting + self.right_batch, strict=True)
        right.update({right_axis: left[left_axis] for left_axis, right_axis in pairs})
        right.update({axis: next(symbols) for axis in right_free})
        output = "".join(left[axis] for axis in self.left_batch + left_free) + "".join(right[a] for a in right_free)
        formula = "".join(left.values()) + "," + "".join(right[axis] for axis in range(y.ndim)) + "->" + output
        result = numpy.einsum(formula, x, y)
        return result if self.preferred_dtype is None else result.astype(self.preferred_dtype)


def _shifted(axes: Axes, inserted: int | None) -> Axes:
    return axes if inserted is None else tuple(axis + (axis >= inserted) for axis in axes)


def _in_order_of(axes: Axes, partners: Axes) -> Axes:
    return tuple(axis for _, axis in sorted(zip(partners, axes, strict=True)))


def _arranged(x: Any, targets: Axes) -> Any:
    """Returns `x` with axis `i` moved to position `targets[i]`."""
    return transpose(x, tuple(int(axis) for axis in numpy.argsort(targets)))


def dot_general(
    x: ArrayLike,
    y: ArrayLike,
    contracting: tuple[Axes, Axes],
    batch: tuple[Axes, Axes] = ((), ()),
    *,
    precision: str = "default",
    preferred_dtype: Any = None,
) -> Array:
    """Returns the sum of products of `x` and `y` over pairs of contracted axes, for every index of the batch axes."""
    if precision not in PRECISIONS:
        raise ArgumentError(f"`dot_general` expected a precision among {', '.join(PRECISIONS)}, but got {precision!r}")
    preferred = None if preferred_dtype is None else canonical_dtype(preferred_dtype)
    axes = tuple(tuple(int(axis) for axis in group) for group in (*contracting, *batch))
    return DotGeneral(axes[0], axes[1], axes[2], axes[3], precision, preferred).bind(*promote(x, y))


def matmul(x: ArrayLike, y: ArrayLike, /, *, precision: str = "default", preferred_dtype: Any = None) -> Array:
    """Returns the matrix product of `x` and `y`; leading axes are broadcast, one-dimensional operands are vectors.

    Raises:
        ShapeError: If an operand is a scalar, or the contracted sizes differ.
    """
    x, y = as_value(x), as_value(y)
    a, b = x.type.shape, y.type.shape
    if not a or not b:
        raise ShapeError(f"`matmul` expected operands with at least one axis, but got shapes {a} and {b}")
    left, right = len(a) - 1, max(len(b) - 2, 0)
    if a[left] != b[right]:
        raise ShapeError(
            f"`matmul` expected the last axis of the left operand, with shape {a}, to be as long as "
            f"axis {right} of the right operand, with shape {b}, but got {a[left]} and {b[right]}"
        )
    options: dict[str, Any] = {"precision": precision, "preferred_dtype": preferred_dtype}
    if len(b) <= 2 or len(a) == 1:
        return dot_general(x, y, ((left,), (right,)), **options)
    lead_a, lead_b = a[:-2], b[:-2]
    if lead_a == lead_b:
        batch = tuple(range(len(lead_a)))
        return dot_general(x, y, ((left,), (right,)), (batch, batch), **options)
    lead = broadcast_operand_shapes("matmul", (lead_a, lead_b))
    x, y = broadcast_to(x, (*lead, *a[-2:])), broadcast_to(y, (*lead, *b[-2:]))
    batch = tuple(range(len(lead)))
    rank = len(lead)
    return dot_general(x, y, ((rank + 1,), (rank,)), (batch, batch), **options)
