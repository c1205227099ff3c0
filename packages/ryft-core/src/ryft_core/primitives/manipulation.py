"""Operations that move elements: broadcasting, reshaping, transposing, slicing, joining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value, constant_like, promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "BroadcastInDimensions",
    "Concatenate",
    "Pad",
    "Reshape",
    "Reverse",
    "Slice",
    "Structural",
    "Transpose",
    "broadcast_in_dimensions",
    "broadcast_to",
    "canonical_axis",
    "concatenate",
    "expand_dims",
    "moveaxis",
    "pad",
    "reshape",
    "reverse",
    "slice_",
    "squeeze",
    "transpose",
]


def canonical_axis(axis: Any, rank: int, name: str) -> int:
    """Returns `axis` counted from the front.

    Raises:
        ShapeError: If there is no such axis.
    """
    axis = int(axis.__index__())
    if not -rank <= axis < rank:
        raise ShapeError(f"`{name}` expected an axis between {-rank} and {rank - 1}, but got {axis}")
    return axis + rank if axis < 0 else axis


class Structural(Primitive, abstract=True):
    """Linear operation on one array that only moves elements: its tangent is the operation applied to the tangent."""

    linear = True
    in_kernel = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        tangent = tangents[0]
        return result, Zero(result.type.tangent) if type(tangent) is Zero else self.bind(tangent)


class BroadcastInDimensions(Structural):
    """Array repeated along new axes and along axes of size 1; operand axis `i` becomes axis `dimensions[i]`."""

    shape: tuple[int, ...]
    dimensions: tuple[int, ...]

    name = "broadcast_in_dimensions"
    exact = "biuf"

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        fits = len(self.dimensions) == operand.ndim and all(
            0 <= target < len(self.shape) and size in (1, self.shape[target])
            for size, target in zip(operand.shape, self.dimensions, strict=False)
        )
        if not fits or any(a >= b for a, b in zip(self.dimensions, self.dimensions[1:], strict=False)):
            raise ShapeError(
                f"`broadcast_in_dimensions` cannot broadcast shape {operand.shape} to {self.shape} "
                f"along dimensions {self.dimensions}"
            )
        return operand.with_shape(self.shape)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("broadcast_in_dim", operands[0], builder.results[0], self.dimensions)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        shape = operands[0].type.shape
        kept = {target: size for target, size in zip(self.dimensions, shape, strict=True)}
        axes = tuple(axis for axis, size in enumerate(self.shape) if axis not in kept or kept[axis] != size)
        reduced = reductions.ReduceSum(axes).bind(cotangents) if axes else cotangents
        return [reshape(reduced, shape)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = moveaxis(operands[0], axes[0], 0)  # pyright: ignore[reportArgumentType] (the only operand is mapped)
        dimensions = (0, *(target + 1 for target in self.dimensions))
        return BroadcastInDimensions((size, *self.shape), dimensions).bind(moved), 0

    def reference(self, x: Any) -> Any:
        shape = [1] * len(self.shape)
        for size, target in zip(x.shape, self.dimensions, strict=True):
            shape[target] = size
        return numpy.broadcast_to(x.reshape(shape), self.shape)


class Reshape(Structural):
    """Same elements, in row-major order, in another shape."""

    shape: tuple[int, ...]

    name = "reshape"
    exact = "biuf"

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        result = operand.with_shape(self.shape)
        if operand.size != result.size:
            raise ShapeError(
                f"`reshape` cannot turn shape {operand.shape} with {operand.size} elements "
                f"into {self.shape} with {result.size}"
            )
        return result

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("reshape", operands[0], builder.results[0])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [reshape(cotangents, operands[0].type.shape)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = moveaxis(operands[0], axes[0], 0)  # pyright: ignore[reportArgumentType] (the only operand is mapped)
        return reshape(moved, (size, *self.shape)), 0

    def reference(self, x: Any) -> Any:
        return x.reshape(self.shape)


class Transpose(Structural):
    """Axes in another order: axis `i` of the result is axis `permutation[i]` of the operand."""

    permutation: tuple[int, ...]

    name = "transpose"
    exact = "biuf"

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if sorted(self.permutation) != list(range(operand.ndim)):
            raise ShapeError(
                f"`transpose` expected a permutation of {tuple(range(operand.ndim))} for shape {operand.shape}, "
                f"but got {self.permutation}"
            )
        return operand.with_shape(tuple(operand.shape[axis] for axis in self.permutation))

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("transpose", operands[0], self.permutation, result_type=builder.results[0])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        inverse = tuple(int(axis) for axis in numpy.argsort(self.permutation))
        return [Transpose(inverse).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        permutation = (axis, *(source + (source >= axis) for source in self.permutation))
        return Transpose(permutation).bind(operands[0]), 0

    def reference(self, x: Any) -> Any:
        return x.transpose(self.permutation)


class Slice(Structural):
    """Elements from `starts` up to, not including, `limits`, every `strides`-th along each axis."""

    starts: tuple[int, ...]
    limits: tuple[int, ...]
    strides: tuple[int, ...]

    name = "slice"
    exact = "biuf"

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        ranges = (self.starts, self.limits, self.strides)
        fits = all(len(values) == operand.ndim for values in ranges) and all(
            0 <= start <= limit <= size and stride > 0
            for start, limit, stride, size in zip(*ranges, operand.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"`slice` with starts {self.starts}, limits {self.limits} and strides {self.strides} "
                f"does not fit shape {operand.shape}"
            )
        sizes = tuple(-((start - limit) // stride) for start, limit, stride in zip(*ranges, strict=True))
        return operand.with_shape(sizes)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit(
            "slice", operands[0], self.starts, self.limits, self.strides, result_type=builder.results[0]
        )

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        sizes = cotangents.type.shape
        shape = operands[0].type.shape
        ends = [
            start + (size - 1) * stride + 1 if size else start
            for start, size, stride in zip(self.starts, sizes, self.strides, strict=True)
        ]
        configuration = tuple(
            (start, length - end, stride - 1)
            for start, length, end, stride in zip(self.starts, shape, ends, self.strides, strict=True)
        )
        return [pad(cotangents, constant_like(0, cotangents), configuration)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        starts, limits, strides = list(self.starts), list(self.limits), list(self.strides)
        for values, value in ((starts, 0), (limits, size), (strides, 1)):
            values.insert(axis, value)
        return Slice(tuple(starts), tuple(limits), tuple(strides)).bind(operands[0]), axis

    def reference(self, x: Any) -> Any:
        return x[tuple(map(slice, self.starts, self.limits, self.strides))]


class Reverse(Structural):
    """Order of the elements reversed along `axes`."""

    axes: tuple[int, ...]

    name = "reverse"
    exact = "biuf"

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if len(set(self.axes)) != len(self.axes) or not all(0 <= axis < operand.ndim for axis in self.axes):
            raise ShapeError(f"`reverse` expected distinct axes of shape {operand.shape}, but got {self.axes}")
        return operand

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("reverse", operands[0], self.axes, result_type=builder.results[0])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [self.bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        return Reverse(tuple(own + (own >= axis) for own in self.axes)).bind(operands[0]), axis

    def reference(self, x: Any) -> Any:
        return numpy.flip(x, self.axes)


class Pad(Primitive):
    """Array with the second operand, a scalar, before, behind and between its elements.

    `configuration` holds (low, high, interior) for each axis; negative `low` and `high` remove elements.
    """

    configuration: tuple[tuple[int, int, int], ...]

    name = "pad"
    exact = "biuf"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        operand, value = types
        if value.shape != () or len(self.configuration) != operand.ndim:
            raise ShapeError(
                f"`pad` expected a scalar padding value and {operand.ndim} (low, high, interior) triples, "
                f"but got a value of shape {value.shape} and {self.configuration}"
            )
        if value.dtype != operand.dtype:
            raise DataTypeError(
                f"`pad` expected a padding value of element type {operand.dtype.name}, but got {value.dtype.name}"
            )
        shape = tuple(
            low + high + size + max(size - 1, 0) * interior
            for size, (low, high, interior) in zip(operand.shape, self.configuration, strict=True)
        )
        if min(shape, default=0) < 0 or any(interior < 0 for _, _, interior in self.configuration):
            raise ShapeError(f"`pad` of shape {operand.shape} with {self.configuration} would give shape {shape}")
        return ArrayType(shape, operand.dtype, operand.weak and value.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        low, high, interior = (
            (tuple(column) for column in zip(*self.configuration, strict=True))
            if (self.configuration)
            else ((), (), ())
        )
        return builder.emit("pad", *operands, low, high, interior, result_type=builder.results[0])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        operand, value = (zeros_of(tangent.type) if type(tangent) is Zero else tangent for tangent in tangents)
        return result, self.bind(operand, value)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        operand, value = operands
        zero = constant_like(0, cotangents)
        # Elements of the operand that are in the result: undo the padding.
        trimmed = pad(cotangents, zero, tuple((-low, -high, 0) for low, high, _ in self.configuration))
        for axis, (_, _, interior) in enumerate(self.configuration):
            if interior:
                trimmed = slice_along(trimmed, axis, 0, trimmed.type.shape[axis], interior + 1)
        result: list[Any] = [trimmed if is_linear(operand) else None, None]
        if is_linear(value):
            axes = tuple(range(cotangents.type.ndim))
            total = reductions.ReduceSum(axes).bind(cotangents)
            result[1] = total - reductions.ReduceSum(axes).bind(trimmed)
        return result

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        operand, value = operands
        axis, value_axis = axes
        if value_axis is None:
            assert axis is not None
            configuration = list(self.configuration)
            configuration.insert(axis, (0, 0, 0))
            return Pad(tuple(configuration)).bind(operand, value), axis
        # Each element pads with a value of its own: pad a mask as well, and choose.
        operand = broadcast_to(operand, (size, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
        batched = Pad(((0, 0, 0), *self.configuration))
        padded = batched.bind(operand, constant_like(0, operand))
        present = broadcast_to(as_value(numpy.True_), operand.type.shape)
        mask = batched.bind(present, as_value(numpy.False_))
        values = reshape(moveaxis(value, value_axis, 0), (size,) + (1,) * len(self.configuration))
        return comparison.select(mask, padded, values), 0

    def reference(self, x: Any, value: Any) -> Any:
        shape = self.infer(ArrayType(x.shape, x.dtype), ArrayType((), x.dtype)).shape
        result = numpy.full(shape, value, x.dtype)
        for index in numpy.ndindex(x.shape):
            target = tuple(
                low + i * (interior + 1) for i, (low, _, interior) in zip(index, self.configuration, strict=True)
            )
            if all(0 <= t < size for t, size in zip(target, shape, strict=True)):
                result[target] = x[index]
        return result


class Concatenate(Primitive):
    """Arrays joined along `axis`."""

    axis: int

    name = "concatenate"
    exact = "biuf"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        first = types[0]
        rest = _without(first.shape, self.axis)
        for index, other in enumerate(types[1:], 1):
            if other.ndim != first.ndim:
                error = ShapeError(
                    f"`concatenate` expected operands of equal rank, but got {first.shape} for operand 0 "
                    f"and {other.shape} for operand {index}"
                )
                raise hinted(error, "add the missing axis with `expand_dims`")
            if _without(other.shape, self.axis) != rest:
                raise ShapeError(
                    f"`concatenate` expected operands whose shapes agree but for axis {self.axis}, but got "
                    f"{first.shape} for operand 0 and {other.shape} for operand {index}"
                )
            if other.dtype != first.dtype:
                raise DataTypeError(
                    f"`concatenate` expected operands of one element type, but got {first.dtype.name} for operand 0 "
                    f"and {other.dtype.name} for operand {index}"
                )
        shape = list(first.shape)
        shape[self.axis] = sum(other.shape[self.axis] for other in types)
        return ArrayType(tuple(shape), first.dtype, all(other.weak for other in types))

    def lower(self, builder: Builder, *operands: Any) -> Any:
        values, types = builder.widened(operands)
        result = builder.type(builder.result_types[0].with_dtype(types[0].dtype))
        return builder.narrowed([builder.emit("concatenate", values, self.axis, result_type=result)], types[:1])[0]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        parts = [zeros_of(tangent.type) if type(tangent) is Zero else tangent for tangent in tangents]
        return self.bind(*primals), self.bind(*parts)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        result: list[Any] = []
        start = 0
        for operand in operands:
            limit = start + operand.type.shape[self.axis]
            result.append(slice_along(cotangents, self.axis, start, limit) if is_linear(operand) else None)
            start = limit
        return result

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = [
            broadcast_to(operand, (size, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        return Concatenate(self.axis + 1).bind(*moved), 0

    def reference(self, *operands: Any) -> Any:
        return numpy.concatenate(operands, self.axis)


def zeros_of(type: ArrayType) -> Any:
    """Returns zeros of a type."""
    return broadcast_to(as_value(numpy.zeros((), type.dtype)), type.shape)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def broadcast_in_dimensions(x: ArrayLike, shape: Sequence[int], dimensions: Sequence[int]) -> Array:
    """Returns `x` broadcast to `shape`, with axis `i` of `x` as axis `dimensions[i]`."""
    return BroadcastInDimensions(tuple(shape), tuple(dimensions)).bind(as_value(x))


def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Array:
    """Returns `x` broadcast to `shape`, with axes aligned at the last."""
    x = as_value(x)
    shape = tuple(shape)
    if x.type.shape == shape:
        return x
    missing = len(shape) - x.type.ndim
    return BroadcastInDimensions(shape, tuple(range(missing, len(shape)))).bind(x)


def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Array:
    """Returns `x` in another shape, elements in row-major order; one size may be -1, which is then inferred."""
    x = as_value(x)
    sizes = (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)
    if -1 in sizes:
        known = 1
        for size in sizes:
            known *= size if size != -1 else 1
        if sizes.count(-1) > 1 or known == 0 or x.type.size % known:
            raise ShapeError(f"`reshape` cannot infer the size -1 in {sizes} for shape {x.type.shape}")
        sizes = tuple(x.type.size // known if size == -1 else size for size in sizes)
    return x if x.type.shape == sizes else Reshape(sizes).bind(x)


def transpose(x: ArrayLike, permutation: Sequence[int] | None = None) -> Array:
    """Returns `x` with its axes permuted; reversed, if no permutation is given."""
    x = as_value(x)
    rank = x.type.ndim
    axes = (
        tuple(range(rank - 1, -1, -1))
        if permutation is None
        else tuple(canonical_axis(axis, rank, "transpose") for axis in permutation)
    )
    return x if axes == tuple(range(rank)) else Transpose(axes).bind(x)


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """Returns `x` with axis `source` moved to position `destination`, both counted from the front."""
    if source == destination:
        return x
    order = [axis for axis in range(x.type.ndim) if axis != source]
    order.insert(destination, source)
    return Transpose(tuple(order)).bind(x)


def expand_dims(x: ArrayLike, axis: int) -> Array:
    """Returns `x` with a new axis of size 1 at position `axis` of the result."""
    x = as_value(x)
    axis = canonical_axis(axis, x.type.ndim + 1, "expand_dims")
    shape = x.type.shape
    return Reshape((*shape[:axis], 1, *shape[axis:])).bind(x)


def squeeze(x: ArrayLike, axes: Sequence[int] | int | None = None) -> Array:
    """Returns `x` without the given axes, which must have size 1; without all such axes, if none are given."""
    x = as_value(x)
    shape = x.type.shape
    if axes is None:
        removed = {axis for axis, size in enumerate(shape) if size == 1}
    else:
        given = (axes,) if isinstance(axes, int) else axes
        removed = {canonical_axis(axis, len(shape), "squeeze") for axis in given}
    for axis in removed:
        if shape[axis] != 1:
            raise ShapeError(f"`squeeze` cannot remove axis {axis} of shape {shape}: its size is not 1")
    return reshape(x, tuple(size for axis, size in enumerate(shape) if axis not in removed))


def slice_(x: ArrayLike, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int] | None = None) -> Array:
    """Returns the elements of `x` from `starts` up to `limits`, every `strides`-th (default 1) along each axis."""
    x = as_value(x)
    steps = (1,) * x.type.ndim if strides is None else tuple(strides)
    return Slice(tuple(starts), tuple(limits), steps).bind(x)


def slice_along(x: Any, axis: int, start: int, limit: int, stride: int = 1) -> Any:
    """Returns the elements of `x` from `start` to `limit` along one axis, and all along the others."""
    shape = x.type.shape
    starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], limits[axis], strides[axis] = start, limit, stride
    return x if (start, limit, stride) == (0, shape[axis], 1) else slice_(x, starts, limits, strides)


def pad(x: Any, value: Any, configuration: Sequence[tuple[int, int, int]]) -> Any:
    """Returns `x` padded with the scalar `value`; (low, high, interior) counts are given for each axis."""
    x, value = promote(x, value)
    triples = tuple(tuple(int(count) for count in triple) for triple in configuration)
    if all(triple == (0, 0, 0) for triple in triples) and len(triples) == x.type.ndim:
        return x
    return Pad(triples).bind(x, value)  # pyright: ignore[reportArgumentType]


def reverse(x: ArrayLike, axes: Sequence[int]) -> Array:
    """Returns `x` with the order of elements reversed along `axes`."""
    x = as_value(x)
    return Reverse(tuple(canonical_axis(axis, x.type.ndim, "reverse") for axis in axes)).bind(x)


def concatenate(operands: Sequence[Any], axis: int = 0) -> Array:
    """Returns the operands, promoted to one element type, joined along `axis`."""
    if len(operands) == 0:
        raise ShapeError("`concatenate` expected at least one operand, but got none")
    values = promote(*operands) if len(operands) > 1 else (as_value(operands[0]),)
    if values[0].type.ndim == 0:
        raise ShapeError("`concatenate` expected operands with at least one axis, but got scalars")
    axis = canonical_axis(axis, values[0].type.ndim, "concatenate")
    return values[0] if len(values) == 1 else Concatenate(axis).bind(*values)


from ryft_core.primitives import comparison, reductions  # noqa: E402 (they are built on these operations)
