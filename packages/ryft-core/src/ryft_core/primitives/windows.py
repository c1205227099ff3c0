"""Reductions over sliding windows, and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.convolution import dilated, input_padding, padding_pairs, windows
from ryft_core.primitives.manipulation import broadcast_to, concatenate, expand_dims, moveaxis, pad, slice_
from ryft_core.primitives.operands import as_value, constant_like
from ryft_core.primitives.reductions import ReduceMaximum, ReduceMinimum, ReduceProduct, ReduceSum
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "ReduceWindowMaximum",
    "ReduceWindowMinimum",
    "ReduceWindowProduct",
    "ReduceWindowSum",
    "SelectAndGather",
    "SelectAndScatter",
    "reduce_window_max",
    "reduce_window_min",
    "reduce_window_product",
    "reduce_window_sum",
]

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Windowed(Primitive, abstract=True):
    """Operation on windows of an array. All parameters have one entry for each axis."""

    window: Sizes
    strides: Sizes
    padding: Pairs
    base_dilation: Sizes
    window_dilation: Sizes

    def result_shape(self, shape: Sizes) -> Sizes:
        """Returns the number of windows along each axis of an array of `shape`."""
        parameters = (self.window, self.strides, self.padding, self.base_dilation, self.window_dilation)
        if any(len(values) != len(shape) for values in parameters):
            raise ShapeError(f"`{self.name}` expected {len(shape)} entries in each parameter, but got {self.text()}")
        if any(value < 1 for values in (self.window, self.strides, *parameters[3:]) for value in values):
            raise ShapeError(f"`{self.name}` expected positive windows, strides and dilations, but got {self.text()}")
        return tuple(map(windows, shape, *parameters))

    def with_axis(self, axis: int) -> Any:
        """Returns the operation with one more axis, at position `axis`, along which windows have size 1."""
        values: list[Any] = []
        for parameter, one in (
            (self.window, 1),
            (self.strides, 1),
            (self.padding, (0, 0)),
            (self.base_dilation, 1),
            (self.window_dilation, 1),
        ):
            values.append((*parameter[:axis], one, *parameter[axis:]))
        return values

    def places(self, shape: Sizes) -> Iterator[tuple[Sizes, list[Sizes]]]:
        """Yields each window of an array of `shape`, and the places of its elements, those in the padding left out."""
        for index in numpy.ndindex(*self.result_shape(shape)):
            inside: list[Sizes] = []
            for offset in numpy.ndindex(*self.window):
                wide = [
                    i * stride + o * hole - low
                    for i, o, stride, hole, (low, _) in zip(
                        index, offset, self.strides, self.window_dilation, self.padding, strict=True
                    )
                ]
                place = tuple(position // step for position, step in zip(wide, self.base_dilation, strict=True))
                real = all(position % step == 0 for position, step in zip(wide, self.base_dilation, strict=True))
                if real and all(0 <= position < size for position, size in zip(place, shape, strict=True)):
                    inside.append(place)
            yield index, inside

    def options(self) -> dict[str, Any]:
        """Returns the parameters under the names that the builder gives them."""
        return {
            "window_strides": self.strides,
            "base_dilations": self.base_dilation,
            "window_dilations": self.window_dilation,
            "padding": numpy.asarray(self.padding, numpy.int64).reshape(-1, 2),
        }


class ReduceWindow(Windowed, abstract=True):
    """Combination of all elements of each window by an associative operation; padding holds its neutral element."""

    reduction: ClassVar[Any]
    """The reduction that does the same along axes."""

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        if operand.kind not in self.reduction.kinds:
            raise DataTypeError(f"`{self.name}` is not defined for element type {operand.dtype.name}")
        return operand.with_shape(self.result_shape(operand.shape))

    def lower(self, builder: Builder, *operands: Any) -> Any:
        (type,) = builder.operand_types
        combine = getattr(builder.stable_hlo, self.reduction.operation)
        initial = builder.constant(self.reduction((0,)).initial(type.dtype))
        (result,) = builder.emit(
            "reduce_window",
            [operands[0]],
            [initial],
            self.window,
            lambda block, left, right: combine(block, left, right),
            result_types=builder.results,
            **self.options(),
        )
        return result

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (axis,) = axes
        assert axis is not None
        return type(self)(*self.with_axis(axis)).bind(operands[0]), axis

    def reference(self, x: Any) -> Any:
        neutral = self.reduction((0,)).initial(x.dtype)
        result = numpy.zeros(self.result_shape(x.shape), x.dtype)
        for index, places in self.places(x.shape):
            values = numpy.array([neutral, *(x[place] for place in places)], x.dtype)
            result[index] = self.reduction((0,)).reference(values)
        return result


class ReduceWindowSum(ReduceWindow):
    """Sum of each window."""

    name = "reduce_window_sum"
    reduction = ReduceSum
    linear = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), self.bind(*tangents)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        shape = operands[0].type.shape
        pairs = input_padding(
            shape,
            self.window,
            self.strides,
            cotangents.type.shape,
            self.padding,
            self.base_dilation,
            self.window_dilation,
        )
        configuration = [(low, high, stride - 1) for (low, high), stride in zip(pairs, self.strides, strict=True)]
        spread = pad(cotangents, constant_like(0, cotangents), configuration)
        ones = (1,) * len(shape)
        return [
            ReduceWindowSum(self.window, self.base_dilation, ((0, 0),) * len(shape), ones, self.window_dilation).bind(
                spread
            )
        ]


class ReduceWindowProduct(ReduceWindow):
    """Product of each window. Its derivative is not defined here; use `exp` of a windowed sum of logarithms."""

    name = "reduce_window_product"
    reduction = ReduceProduct
    differentiable = False


class ReduceWindowExtremum(ReduceWindow, abstract=True):
    """Largest or smallest element of each window. The first one that is, in row-major order, has the derivative."""

    direction: ClassVar[str]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (x,), (tangent,) = primals, tangents
        parameters = (self.window, self.strides, self.padding, self.base_dilation, self.window_dilation)
        return self.bind(x), SelectAndGather(*parameters, self.direction).bind(tangent, x)


class ReduceWindowMaximum(ReduceWindowExtremum):
    """Largest element of each window."""

    name = "reduce_window_maximum"
    reduction = ReduceMaximum
    direction = "GE"


class ReduceWindowMinimum(ReduceWindowExtremum):
    """Smallest element of each window."""

    name = "reduce_window_minimum"
    reduction = ReduceMinimum
    direction = "LE"


class Selecting(Windowed, abstract=True):
    """Linear operation on its first operand, steered by where the second has the extreme of each window."""

    direction: str
    """Comparison that the selected element wins: "GE" for the largest, "LE" for the smallest."""

    linear = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        change = tangents[0]
        return result, Zero(result.type) if type(change) is Zero else self.bind(change, primals[1])

    def chosen(self, places: list[Sizes], keys: Any) -> Sizes:
        """Returns the place of the extreme key, the first of equal ones."""
        extreme = max if self.direction == "GE" else min
        return extreme(places, key=lambda place: keys[place])

    def parameters(self) -> tuple[Any, ...]:
        """Returns all parameters in the order of the constructor."""
        return (
            self.window,
            self.strides,
            self.padding,
            self.base_dilation,
            self.window_dilation,
            self.direction,
        )

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = [
            broadcast_to(operand, (size, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        make: Any = type(self)
        return make(*self.with_axis(0), self.direction).bind(*moved), 0


class SelectAndGather(Selecting):
    """Element of the first operand at the place of the second operand's extreme element in each window."""

    name = "select_and_gather"

    def infer(self, *types: ArrayType) -> ArrayType:
        values, keys = types
        if values.shape != keys.shape:
            raise ShapeError(f"`{self.name}` expected operands of one shape, but got {values} and {keys}")
        return values.with_shape(self.result_shape(values.shape))

    def lower(self, builder: Builder, *operands: Any) -> Any:
        values, keys = builder.operand_types
        hlo = builder.stable_hlo
        reduction = ReduceMaximum if self.direction == "GE" else ReduceMinimum
        start = builder.constant(reduction((0,)).initial(keys.dtype))
        zero = builder.constant(numpy.zeros((), values.dtype))

        def choose(block: Any, key: Any, value: Any, other_key: Any, other: Any) -> Any:
            left = hlo.compare(block, key, other_key, self.direction)
            return hlo.select(block, left, key, other_key), hlo.select(block, left, value, other)

        shape = builder.result_types[0].shape
        results = [builder.type(keys.with_shape(shape)), builder.results[0]]
        return builder.emit(
            "reduce_window",
            [operands[1], operands[0]],
            [start, zero],
            self.window,
            choose,
            result_types=results,
            **self.options(),
        )[1]

    def reference(self, x: Any, keys: Any) -> Any:
        result = numpy.zeros(self.result_shape(x.shape), x.dtype)
        for index, places in self.places(x.shape):
            if places:
                result[index] = x[self.chosen(places, keys)]
        return result

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [SelectAndScatter(*self.parameters()).bind(cotangents, operands[1]), None]


class SelectAndScatter(Selecting):
    """Each element of the first operand added at the place of the second operand's extreme element in its window."""

    name = "select_and_scatter"

    def infer(self, *types: ArrayType) -> ArrayType:
        source, keys = types
        expected = self.result_shape(keys.shape)
        if source.shape != expected:
            raise ShapeError(f"`{self.name}` expected a source of shape {expected} for {keys}, but got {source.shape}")
        return source.with_shape(keys.shape)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        source, keys = builder.operand_types
        if max((*self.base_dilation, *self.window_dilation), default=1) > 1:
            raise ShapeError("the transpose of a windowed extremum with dilation cannot be lowered to StableHLO")
        hlo = builder.stable_hlo
        reduction = ReduceMaximum if self.direction == "GE" else ReduceMinimum
        # The operation does not allow a window without an element: pad by hand, and cut the padding off afterwards.
        low, high = [pair[0] for pair in self.padding], [pair[1] for pair in self.padding]
        none = [0] * len(low)
        wide = builder.emit("pad", operands[1], builder.constant(reduction((0,)).initial(keys.dtype)), low, high, none)
        kind = source.dtype
        scattered = builder.emit(
            "select_and_scatter",
            wide,
            operands[0] if kind == keys.dtype else builder.emit("convert", operands[0], keys.dtype),
            builder.constant(numpy.zeros((), keys.dtype)),
            lambda block, left, right: hlo.compare(block, left, right, self.direction),
            lambda block, left, right: hlo.add(block, left, right),
            window_dimensions=self.window,
            window_strides=self.strides,
        )
        limits = [a + size for size, a in zip(keys.shape, low, strict=True)]
        return builder.emit("slice", scattered, low, limits, [1] * len(low), result_type=builder.results[0])

    def reference(self, x: Any, keys: Any) -> Any:
        result = numpy.zeros(keys.shape, x.dtype)
        for index, places in self.places(keys.shape):
            if places:
                result[self.chosen(places, keys)] += x[index]
        return result

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [SelectAndGather(*self.parameters()).bind(cotangents, operands[1]), None]


def _parameters(
    name: str,
    shape: Sizes,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None,
    padding: Any,
    base_dilation: Sequence[int] | None,
    window_dilation: Sequence[int] | None,
) -> tuple[Sizes, Sizes, Pairs, Sizes, Sizes]:
    """Returns the parameters of `Windowed` for what a user gave for an array of `shape`."""
    ones = (1,) * len(shape)
    window = tuple(window_dimensions)
    strides = ones if window_strides is None else tuple(window_strides)
    base = ones if base_dilation is None else tuple(base_dilation)
    holes = ones if window_dilation is None else tuple(window_dilation)
    if not len(window) == len(strides) == len(base) == len(holes) == len(shape):
        raise ShapeError(
            f"`{name}` expected {len(shape)} entries for an array of shape {shape}, but got windows "
            f"{window}, strides {strides}, base dilation {base} and window dilation {holes}"
        )
    return window, strides, padding_pairs(padding, list(map(dilated, shape, base)), window, strides, holes), base, holes


def reduce_window_by(primitive: Any, x: ArrayLike, *options: Any) -> Any:
    """Returns `x` with its windows reduced by a primitive; the options are those of `reduce_window_sum`, in order."""
    x = as_value(x)
    return primitive(*_parameters(primitive.name, x.type.shape, *options)).bind(x)


def stacked_windows(x: Any, filling: Any, *options: Any) -> Any:
    """Returns the elements of the windows of `x` along a new first axis, with `filling` for those that are outside."""
    parameters = _parameters("reduce_window", x.type.shape, *options)
    window, strides, padding, base, holes = parameters
    counts = ReduceWindowSum(*parameters).result_shape(x.type.shape)
    if 0 in counts:
        return broadcast_to(filling, (1, *counts))
    x = pad(x, filling, [(low, high, step - 1) for (low, high), step in zip(padding, base, strict=True)])
    parts: list[Any] = []
    for offset in numpy.ndindex(*window):
        starts = [place * hole for place, hole in zip(offset, holes, strict=True)]
        limits = [
            start + (count - 1) * stride + 1 for start, count, stride in zip(starts, counts, strides, strict=True)
        ]
        parts.append(expand_dims(slice_(x, starts, limits, strides), 0))
    return concatenate(parts, 0)


def reduce_window_sum(
    x: ArrayLike,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Array:
    """Returns the sum of each window of `x`; every argument has one entry for each axis of `x`."""
    return reduce_window_by(
        ReduceWindowSum, x, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )


def reduce_window_product(
    x: ArrayLike,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Array:
    """Returns the product of each window of `x`; the arguments are those of `reduce_window_sum`."""
    return reduce_window_by(
        ReduceWindowProduct, x, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )


def reduce_window_max(
    x: ArrayLike,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Array:
    """Returns the largest element of each window of `x`; the arguments are those of `reduce_window_sum`."""
    return reduce_window_by(
        ReduceWindowMaximum, x, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )


def reduce_window_min(
    x: ArrayLike,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Array:
    """Returns the smallest element of each window of `x`; the arguments are those of `reduce_window_sum`."""
    return reduce_window_by(
        ReduceWindowMinimum, x, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )
