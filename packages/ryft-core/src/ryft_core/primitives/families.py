"""Families of primitives: what all elementwise operations have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ryft_core.errors import DataTypeError, ShapeError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    import numpy

    from ryft_core.lowering import Builder

__all__ = ["Elementwise", "broadcast_operand_shapes", "sum_to_shape"]


def broadcast_operand_shapes(name: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Returns the shape that operands of `shapes` broadcast to, aligned at the last axis.

    Raises:
        ShapeError: If two sizes differ and neither is 1; the message names the operands and the axis.
    """
    rank = max(map(len, shapes))
    result = [1] * rank
    for shape in shapes:
        offset = rank - len(shape)
        for axis, size in enumerate(shape, offset):
            if size != 1 and size != result[axis]:
                if result[axis] != 1:
                    listed = " and ".join(str(s) for s in shapes)
                    raise hinted(
                        ShapeError(
                            f"`{name}` expected operands whose shapes broadcast together, but got {listed}: "
                            f"axis {axis - rank} has sizes {result[axis]} and {size}"
                        ),
                        "sizes must be equal or 1, counted from the last axis; "
                        "add a missing axis with `x[:, None]` or `expand_dims`",
                    )
                result[axis] = size
    return tuple(result)


class Elementwise(Primitive, abstract=True):
    """Operation that is applied to each element, with operands broadcast to one shape as in NumPy.

    All operands have one element type. A subclass names its StableHLO `operation`, and, if it is differentiable, gives
    its `differential`: the part of the result's tangent that one operand's tangent contributes.
    """

    operation: ClassVar[str]
    """Name of the builder in `ryft_mlir.dialects.stable_hlo`, or `"chlo.NAME"`."""
    kinds: ClassVar[str] = "iufc"
    """Kinds of element types that are accepted: b boolean, i signed, u unsigned, f floating, c complex."""

    in_kernel = True

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        """Returns the element type of the result for operands of `dtype`."""
        return dtype

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        """Returns what the `tangent` of operand `index` adds to the tangent of the result; it must be linear in it."""
        raise NotImplementedError

    def infer(self, *types: ArrayType) -> ArrayType:
        first = types[0]
        dtype, shape, weak = first.dtype, first.shape, first.weak
        for other in types[1:]:
            if other is not first:
                if other.dtype != dtype:
                    raise DataTypeError(
                        f"`{self.name}` expected operands of one element type, but got "
                        + " and ".join(type.dtype.name for type in types)
                    )
                if other.shape != shape:
                    shape = broadcast_operand_shapes(self.name, tuple(type.shape for type in types))
                weak = weak and other.weak
        if first.kind not in self.kinds:
            accepted = ", ".join(_KIND_NAMES[kind] for kind in self.kinds)
            raise DataTypeError(f"`{self.name}` is defined for {accepted} elements, but got {dtype.name}")
        return ArrayType(shape, self.result_dtype(dtype), weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        shape = builder.result_types[0].shape
        values = [
            value if type.shape == shape else builder.broadcast(value, type, shape)
            for value, type in zip(operands, builder.operand_types, strict=True)
        ]
        return self.emit(builder, *values)

    def emit(self, builder: Builder, *operands: Any) -> Any:
        """Appends the operation for operands that have the result's shape."""
        return builder.emit(self.operation, *operands)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        if not self.differentiable:
            return result, Zero(result.type.tangent)
        total: Any = None
        for index, tangent in enumerate(tangents):
            if type(tangent) is not Zero:
                part = self.differential(index, tangent, primals, result)
                if type(part) is not Zero:
                    total = part if total is None else arithmetic.add(total, part)
        if total is None:
            return result, Zero(result.type.tangent)
        if total.type.shape != result.type.shape:
            total = broadcast_value(total, result.type.shape)
        return result, total

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        shared: tuple[int, int] | None = None
        for operand, axis in zip(operands, axes, strict=True):
            if axis is None:
                if operand.type.shape != ():
                    break
            elif shared is None:
                shared = (axis, operand.type.ndim)
            elif shared != (axis, operand.type.ndim):
                break
        else:
            assert shared is not None
            return self.bind(*operands), shared[0]
        rank = max(operand.type.ndim - (axis is not None) for operand, axis in zip(operands, axes, strict=True))
        aligned = [
            operand if axis is None else lead_batch_axis(operand, axis, rank)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        return self.bind(*aligned), 0


_KIND_NAMES = {"b": "boolean", "i": "signed integer", "u": "unsigned integer", "f": "floating-point", "c": "complex"}


def lead_batch_axis(operand: Any, axis: int, rank: int) -> Any:
    """Returns `operand` with its mapped axis first and then axes of size 1, so that `rank` unmapped axes follow."""

    moved = manipulation.moveaxis(operand, axis, 0)
    missing = rank - (moved.type.ndim - 1)
    if missing:
        shape = moved.type.shape
        moved = manipulation.reshape(moved, (shape[0],) + (1,) * missing + shape[1:])
    return moved


def broadcast_value(value: Any, shape: tuple[int, ...]) -> Any:
    """Returns `value` broadcast to `shape`, aligned at the last axis."""

    return manipulation.broadcast_to(value, shape)


def sum_to_shape(value: Any, type: ArrayType) -> Any:
    """Returns `value` summed over the axes that were broadcast from `type`: the transpose of broadcasting."""
    shape = type.shape
    current = value.type.shape
    if current == shape:
        return value

    offset = len(current) - len(shape)
    axes = tuple(
        axis for axis, size in enumerate(current) if axis < offset or (shape[axis - offset] == 1 and size != 1)
    )
    reduced = reductions.ReduceSum(axes).bind(value) if axes else value
    return manipulation.reshape(reduced, shape) if reduced.type.shape != shape else reduced


def linear_cotangents(primitive: Elementwise, cotangent: Any, operands: tuple[Any, ...]) -> list[Any]:
    """Returns the cotangents of an operation that is the sum of differentials in its linear operands."""
    return [
        sum_to_shape(primitive.differential(index, cotangent, operands, None), operand.type)
        if is_linear(operand)
        else None
        for index, operand in enumerate(operands)
    ]


# The families use operations that are themselves members of them, so these imports come last.
from ryft_core.primitives import arithmetic, manipulation, reductions  # noqa: E402
