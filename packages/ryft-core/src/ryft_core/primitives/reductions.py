"""Reductions over axes: sums, products, extrema, logic, and the positions of extrema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType, kind_of
from ryft_core.types.data_types import finfo, iinfo

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = [
    "ArgumentMaximum",
    "ArgumentMinimum",
    "ReduceAnd",
    "ReduceMaximum",
    "ReduceMinimum",
    "ReduceOr",
    "ReduceProduct",
    "ReduceSum",
]


class Reduction(Primitive, abstract=True):
    """Combination of all elements along `axes`, which disappear, by an associative operation."""

    axes: tuple[int, ...]

    operation: ClassVar[str]
    """Name of the StableHLO operation that combines two elements."""
    kinds: ClassVar[str] = "iufc"
    in_kernel = True

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        """Returns the neutral element of the operation, a scalar."""
        raise NotImplementedError

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if len(set(self.axes)) != len(self.axes) or not all(0 <= axis < operand.ndim for axis in self.axes):
            raise ShapeError(f"`{self.name}` expected distinct axes of shape {operand.shape}, but got {self.axes}")
        if operand.kind not in self.kinds:
            raise DataTypeError(f"`{self.name}` is not defined for element type {operand.dtype.name}")
        return operand.with_shape(tuple(size for axis, size in enumerate(operand.shape) if axis not in self.axes))

    def lower(self, builder: Builder, *operands: Any) -> Any:
        (type,) = builder.operand_types
        initial = builder.constant(self.initial(type.dtype))
        return builder.reduce(operands[0], initial, self.axes, self.operation)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        reduced = tuple(own + (own >= axis) for own in self.axes)
        return type(self)(reduced).bind(operands[0]), axis - sum(own < axis for own in reduced)

    def restore(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Returns a reduced `value` broadcast back to the operand's `shape`."""
        kept = tuple(axis for axis in range(len(shape)) if axis not in self.axes)
        return manipulation.broadcast_in_dimensions(value, shape, kept)


class ReduceSum(Reduction):
    """Sum along axes; zero for no elements."""

    name = "reduce_sum"
    exact = "iu"
    operation = "add"
    linear = True

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.zeros((), dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), self.bind(*tangents)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [self.restore(cotangents, operands[0].type.shape)]

    def reference(self, x: Any) -> Any:
        return numpy.sum(x, self.axes, dtype=x.dtype)


class ReduceProduct(Reduction):
    """Product along axes; one for no elements."""

    name = "reduce_product"
    operation = "multiply"

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.ones((), dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (x,), (tangent,) = primals, tangents
        # The product of all other elements, without a division: right where elements are zero.
        total, tangent_total = _products(x, tangent, self.axes)
        return total, tangent_total

    def reference(self, x: Any) -> Any:
        return numpy.prod(x, self.axes, dtype=x.dtype)


class ReduceExtremum(Reduction, abstract=True):
    """Largest or smallest element along axes. Elements that tie for it share the derivative equally."""

    kinds = "biuf"

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (x,), (tangent,) = primals, tangents
        result = self.bind(x)
        chosen = comparison.equal(x, self.restore(result, x.type.shape))
        weights = conversions.convert(chosen, x.type.dtype)
        count = ReduceSum(self.axes).bind(weights)
        return result, ReduceSum(self.axes).bind(tangent * weights) / count


class ReduceMaximum(ReduceExtremum):
    """Largest element along axes; NaN if there is one. For no elements, the smallest value of the element type."""

    name = "reduce_maximum"
    exact = "iu"
    operation = "maximum"

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return extreme_value(dtype, smallest=True)

    def reference(self, x: Any) -> Any:
        return numpy.max(x, self.axes, initial=self.initial(x.dtype).item())


class ReduceMinimum(ReduceExtremum):
    """Smallest element along axes; NaN if there is one. For no elements, the largest value of the element type."""

    name = "reduce_minimum"
    exact = "iu"
    operation = "minimum"

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return extreme_value(dtype, smallest=False)

    def reference(self, x: Any) -> Any:
        return numpy.min(x, self.axes, initial=self.initial(x.dtype).item())


class ReduceAnd(Reduction):
    """Bit-wise (for booleans, logical) "and" along axes."""

    name = "reduce_and"
    exact = "b"
    operation = "and_"
    kinds = "biu"
    differentiable = False

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.asarray(True) if dtype.kind == "b" else ~numpy.zeros((), dtype)

    def reference(self, x: Any) -> Any:
        return numpy.bitwise_and.reduce(x, self.axes)


class ReduceOr(Reduction):
    """Bit-wise (for booleans, logical) "or" along axes."""

    name = "reduce_or"
    exact = "b"
    operation = "or_"
    kinds = "biu"
    differentiable = False

    def initial(self, dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
        return numpy.zeros((), dtype)

    def reference(self, x: Any) -> Any:
        return numpy.bitwise_or.reduce(x, self.axes)


class ArgumentExtremum(Primitive, abstract=True):
    """Position of the first extreme element along `axis`, as `dtype`; NaN counts as the extreme."""

    axis: int
    dtype: numpy.dtype[Any]

    direction: ClassVar[str]
    differentiable = False

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if not 0 <= self.axis < operand.ndim or operand.shape[self.axis] == 0:
            raise ShapeError(
                f"`{self.name}` expected an axis with at least one element, but got axis {self.axis} of {operand.shape}"
            )
        return ArrayType(operand.shape[: self.axis] + operand.shape[self.axis + 1 :], self.dtype)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        hlo = builder.stable_hlo
        (values,), (type,) = builder.widened(operands)
        positions = builder.emit("iota", builder.type(type.with_dtype(self.dtype)), self.axis)
        extreme = builder.constant(extreme_value(type.dtype, smallest=self.direction == "GT"))
        zero = builder.constant(numpy.zeros((), self.dtype))
        results = [builder.type(type.with_dtype(dtype).with_shape(builder.result_types[0].shape))
                   for dtype in (type.dtype, self.dtype)]  # fmt: skip

        def choose(block: Any, value: Any, position: Any, other: Any, other_position: Any) -> Any:
            better = hlo.compare(block, value, other, self.direction)
            if type.kind == "f":  # NaN, which differs from itself, is the extreme.
                better = hlo.or_(block, better, hlo.compare(block, value, value, "NE"))
                same = hlo.compare(block, value, other, "EQ")
                both = hlo.and_(block, hlo.compare(block, value, value, "NE"), hlo.compare(block, other, other, "NE"))
                same = hlo.or_(block, same, both)
                better = hlo.and_(block, better, hlo.not_(block, both))
            else:
                same = hlo.compare(block, value, other, "EQ")
            first = hlo.and_(block, same, hlo.compare(block, position, other_position, "LT"))
            keep = hlo.or_(block, better, first)
            return hlo.select(block, better, value, other), hlo.select(block, keep, position, other_position)

        return builder.emit("reduce", [values, positions], [extreme, zero], [self.axis], choose, result_types=results)[
            1
        ]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        own = self.axis + (self.axis >= axis)
        return type(self)(own, self.dtype).bind(operands[0]), axis - (own < axis)


class ArgumentMaximum(ArgumentExtremum):
    """Position of the first largest element along an axis."""

    name = "argument_maximum"
    exact = "iu"
    direction = "GT"

    def reference(self, x: Any) -> Any:
        return numpy.argmax(x, self.axis).astype(self.dtype)


class ArgumentMinimum(ArgumentExtremum):
    """Position of the first smallest element along an axis."""

    name = "argument_minimum"
    exact = "iu"
    direction = "LT"

    def reference(self, x: Any) -> Any:
        return numpy.argmin(x, self.axis).astype(self.dtype)


def extreme_value(dtype: numpy.dtype[Any], *, smallest: bool) -> numpy.ndarray[Any, Any]:
    """Returns the smallest or largest value of an element type, infinities included, as a scalar."""
    kind = kind_of(dtype)  # Not that of NumPy, which is "V" for the types of `ml_dtypes`.
    if kind == "b":
        return numpy.asarray(not smallest)
    if kind in "iu":
        return numpy.asarray(iinfo(dtype).min if smallest else iinfo(dtype).max).astype(dtype)
    infinity = numpy.asarray(-numpy.inf if smallest else numpy.inf).astype(dtype)
    if numpy.isinf(infinity):
        return infinity
    return numpy.asarray(finfo(dtype).min if smallest else finfo(dtype).max, dtype)  # There are no infinities.


def _products(x: Any, tangent: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Returns the product along `axes` and its tangent, by halving: (ab)' = a'b + ab'."""
    shape = x.type.shape
    kept = tuple(axis for axis in range(len(shape)) if axis not in axes)
    size = 1
    for axis in axes:
        size *= shape[axis]
    order = (*axes, *kept)
    rest = tuple(shape[axis] for axis in kept)
    x = manipulation.reshape(manipulation.transpose(x, order), (size, *rest))
    tangent = manipulation.reshape(manipulation.transpose(tangent, order), (size, *rest))
    if size == 0:
        result = ReduceProduct((0,)).bind(x)
        return result, Zero(result.type)
    while size > 1:
        half = size // 2
        a, b = (manipulation.slice_along(x, 0, 0, half), manipulation.slice_along(x, 0, half, 2 * half))
        da, db = (manipulation.slice_along(tangent, 0, 0, half), manipulation.slice_along(tangent, 0, half, 2 * half))
        product, change = a * b, da * b + a * db
        if size % 2:
            product = manipulation.concatenate([product, manipulation.slice_along(x, 0, size - 1, size)])
            change = manipulation.concatenate([change, manipulation.slice_along(tangent, 0, size - 1, size)])
        x, tangent, size = product, change, half + size % 2
    return manipulation.reshape(x, rest), manipulation.reshape(tangent, rest)


def canonical_axes(axis: Any, rank: int, name: str) -> tuple[int, ...]:
    """Returns the axes that `axis` names (`None` for all, one integer, or several), from the front, in order."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(sorted(manipulation.canonical_axis(a, rank, name) for a in given))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"`{name}` expected distinct axes, but got {axis}")
    return axes


def reduce_with(primitive: type[Reduction], x: Any, axis: Any, keepdims: bool) -> Any:
    """Returns `x` reduced by `primitive` along `axis`; with `keepdims`, reduced axes stay with size 1."""
    x = as_value(x)
    axes = canonical_axes(axis, x.type.ndim, primitive.name)
    result = primitive(axes).bind(x) if axes else x
    if keepdims:
        shape = tuple(1 if index in axes else size for index, size in enumerate(x.type.shape))
        result = manipulation.reshape(result, shape)
    return result


from ryft_core.primitives import comparison, conversions, manipulation  # noqa: E402 (built on reductions)
