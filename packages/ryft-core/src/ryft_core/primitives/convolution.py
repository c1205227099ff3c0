"""Convolution of any rank, with strides, dilations and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from ryft_core.errors import DataTypeError, ShapeError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.manipulation import broadcast_to, moveaxis, reshape, reverse
from ryft_core.primitives.operands import promote
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "ConvDimensionNumbers",
    "Convolution",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_transpose",
    "padding_pairs",
]

Pairs = tuple[tuple[int, int], ...]


class ConvDimensionNumbers(NamedTuple):
    """Which axis of each array is what.

    Attributes:
        lhs_spec: Axes of the input: batch, feature, then spatial ones.
        rhs_spec: Axes of the kernel: output feature, input feature, then spatial ones.
        out_spec: Axes of the result: batch, feature, then spatial ones.
    """

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


def dilated(size: int, dilation: int) -> int:
    """Returns the length of `size` elements with `dilation - 1` holes between neighbours."""
    return 0 if size == 0 else 1 + dilation * (size - 1)


def windows(size: int, window: int, stride: int, padding: tuple[int, int], base: int = 1, dilation: int = 1) -> int:
    """Returns how many windows fit into an axis of `size` elements."""
    room = dilated(size, base) + sum(padding) - dilated(window, dilation)
    return 0 if room < 0 else room // stride + 1


def input_padding(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    results: Sequence[int],
    padding: Pairs,
    base: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Returns the padding under which windows slid over strided cotangents of the results give those of the input."""
    pairs: list[tuple[int, int]] = []
    for size, length, stride, result, (low, _), own, hole in zip(
        sizes, window, strides, results, padding, base, dilation, strict=True
    ):
        reach = dilated(length, hole)
        before = reach - low - 1
        pairs.append((before, dilated(size, own) + reach - 1 - dilated(result, stride) - before))
    return tuple(pairs)


def _kernel_padding(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    results: Sequence[int],
    padding: Pairs,
    base: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    pairs: list[tuple[int, int]] = []
    for size, length, stride, result, (low, _), own, hole in zip(
        sizes, window, strides, results, padding, base, dilation, strict=True
    ):
        needed = dilated(result, stride) + dilated(length, hole) - 1
        pairs.append((low, needed - dilated(size, own) - low))
    return tuple(pairs)


def _pick(values: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(values[axis] for axis in axes)


def _split_axis(x: Any, axis: int, parts: int) -> Any:
    """Returns `x` with `axis` split into an axis of `parts` and, behind it, one of the rest."""
    shape = x.type.shape
    return reshape(x, (*shape[:axis], parts, shape[axis] // parts, *shape[axis + 1 :]))


def _merge_into(x: Any, source: int, target: int) -> Any:
    """Returns `x` without axis `source`, which becomes the major part of what is then axis `target`."""
    moved = moveaxis(x, source, target)
    shape = moved.type.shape
    return reshape(moved, (*shape[:target], shape[target] * shape[target + 1], *shape[target + 2 :]))


class Convolution(Primitive):
    """Sums of products of a kernel with windows of an input, as StableHLO defines `convolution`."""

    dimensions: ConvDimensionNumbers
    strides: tuple[int, ...]
    padding: Pairs
    lhs_dilation: tuple[int, ...]
    rhs_dilation: tuple[int, ...]
    feature_groups: int = 1
    batch_groups: int = 1
    precision: str = "default"
    preferred_dtype: numpy.dtype[Any] | None = None

    name = "convolution"
    linear = True

    def infer(self, *types: ArrayType) -> ArrayType:
        lhs, rhs = types
        spec = self.dimensions
        if lhs.dtype != rhs.dtype:
            raise DataTypeError(
                f"`convolution` expected operands of one element type, but got {lhs.dtype.name} and {rhs.dtype.name}"
            )
        if not lhs.ndim == rhs.ndim == len(spec.lhs_spec) or lhs.ndim < 2:
            raise ShapeError(f"`convolution` expected operands of equal rank, at least 2, but got {lhs} and {rhs}")
        batch, feature = lhs.shape[spec.lhs_spec[0]], lhs.shape[spec.lhs_spec[1]]
        outputs, inputs = rhs.shape[spec.rhs_spec[0]], rhs.shape[spec.rhs_spec[1]]
        if feature != inputs * self.feature_groups or outputs % self.feature_groups:
            raise ShapeError(
                f"`convolution` expected a kernel for {feature} input features in {self.feature_groups} group(s), but "
                f"got one of shape {rhs.shape} with {inputs} input and {outputs} output features"
            )
        if batch % self.batch_groups or outputs % self.batch_groups:
            raise ShapeError(
                f"`convolution` cannot split {batch} examples, {outputs} features into {self.batch_groups}"
            )
        counts = map(
            windows,
            _pick(lhs.shape, spec.lhs_spec[2:]),
            _pick(rhs.shape, spec.rhs_spec[2:]),
            self.strides,
            self.padding,
            self.lhs_dilation,
            self.rhs_dilation,
        )
        shape = [0] * lhs.ndim
        for axis, size in zip(spec.out_spec, (batch // self.batch_groups, outputs, *counts), strict=True):
            shape[axis] = size
        if self.preferred_dtype is not None:
            return ArrayType(tuple(shape), self.preferred_dtype)
        return ArrayType(tuple(shape), lhs.dtype, lhs.weak and rhs.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        lhs, rhs, out = self.dimensions
        dimensions = builder.stable_hlo.convolution_dimensions(
            builder.context,
            input_batch=lhs[0],
            input_feature=lhs[1],
            input_spatial=lhs[2:],
            kernel_output_feature=rhs[0],
            kernel_input_feature=rhs[1],
            kernel_spatial=rhs[2:],
            output_batch=out[0],
            output_feature=out[1],
            output_spatial=out[2:],
        )
        return builder.emit(
            "convolution",
            *operands,
            dimensions,
            builder.results[0],
            window_strides=self.strides,
            padding=numpy.asarray(self.padding, numpy.int64).reshape(-1, 2),
            lhs_dilation=self.lhs_dilation,
            rhs_dilation=self.rhs_dilation,
            feature_group_count=self.feature_groups,
            batch_group_count=self.batch_groups,
            precision=None if self.precision == "default" else (self.precision.upper(),) * 2,
        )

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (x, y), (dx, dy) = primals, tangents
        parts = [
            self.bind(*operands) for change, operands in ((dx, (dx, y)), (dy, (x, dy))) if type(change) is not Zero
        ]
        return self.bind(x, y), parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _spatial(self, x: Any, y: Any, result: Any) -> tuple[Any, ...]:
        spec = self.dimensions
        return (
            _pick(x.type.shape, spec.lhs_spec[2:]),
            _pick(y.type.shape, spec.rhs_spec[2:]),
            self.strides,
            _pick(result.type.shape, spec.out_spec[2:]),
            self.padding,
            self.lhs_dilation,
            self.rhs_dilation,
        )

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        x, y = operands
        if is_linear(x):
            return [self._transpose_input(cotangents, x, y), None]
        return [None, self._transpose_kernel(cotangents, x, y)]

    def _transpose_input(self, cotangent: Any, x: Any, y: Any) -> Any:
        lhs, rhs, out = self.dimensions
        groups = max(self.feature_groups, self.batch_groups)
        if groups > 1:  # Each group's output features become input features of the transposed kernel.
            split = _split_axis(y, rhs[0], groups)
            # With the group's axis moved away, axes are where they were, so it merges into the input features' place.
            kernel = _merge_into(split, rhs[0], rhs[1])
        else:
            kernel = y
        transposed = Convolution(
            ConvDimensionNumbers(out, (rhs[1], rhs[0], *rhs[2:]), lhs),
            self.lhs_dilation,
            input_padding(*self._spatial(x, y, cotangent)),
            self.strides,
            self.rhs_dilation,
            groups,
            1,
            self.precision,
            None if self.preferred_dtype is None else x.type.dtype,
        )
        result = transposed.bind(*promote(cotangent, reverse(kernel, rhs[2:]) if len(rhs) > 2 else kernel))
        if self.batch_groups > 1:
            split = _split_axis(result, lhs[1], self.batch_groups)
            result = _merge_into(split, lhs[1], lhs[0])
        return result

    def _transpose_kernel(self, cotangent: Any, x: Any, y: Any) -> Any:
        lhs, rhs, out = ((spec[1], spec[0], *spec[2:]) for spec in self.dimensions)
        transposed = Convolution(
            ConvDimensionNumbers(lhs, out, rhs),
            self.rhs_dilation,
            _kernel_padding(*self._spatial(x, y, cotangent)),
            self.lhs_dilation,
            self.strides,
            self.batch_groups,
            self.feature_groups,
            self.precision,
            None if self.preferred_dtype is None else y.type.dtype,
        )
        return transposed.bind(*promote(x, cotangent))

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        x, y = operands
        x_axis, y_axis = axes
        lhs, rhs, out = self.dimensions
        if y_axis is None and self.batch_groups == 1:
            # A larger batch.
            assert x_axis is not None
            merged = _merge_into(moveaxis(x, x_axis, 0), 0, lhs[0])
            return _split_axis(self.bind(merged, y), out[0], size), out[0]
        if x_axis is None and self.feature_groups == self.batch_groups == 1:
            # More output features.
            assert y_axis is not None
            merged = _merge_into(moveaxis(y, y_axis, 0), 0, rhs[0])
            return _split_axis(self.bind(x, merged), out[1], size), out[1]
        x = broadcast_to(x, (size, *x.type.shape)) if x_axis is None else moveaxis(x, x_axis, 0)
        y = broadcast_to(y, (size, *y.type.shape)) if y_axis is None else moveaxis(y, y_axis, 0)
        kernel = _merge_into(y, 0, rhs[0])
        if self.batch_groups > 1:
            grouped = replace(self, batch_groups=self.batch_groups * size)
            merged = _merge_into(x, 0, lhs[0])
        else:
            grouped = replace(self, feature_groups=self.feature_groups * size)
            merged = _merge_into(x, 0, lhs[1])
        return _split_axis(grouped.bind(merged, kernel), out[1], size), out[1]

    def reference(self, x: Any, y: Any) -> Any:
        lhs, rhs, out = self.dimensions
        if self.batch_groups > 1:
            parts = zip(
                numpy.split(x, self.batch_groups, lhs[0]), numpy.split(y, self.batch_groups, rhs[0]), strict=True
            )
            single = replace(self, batch_groups=1)
            return numpy.concatenate([single.reference(*part) for part in parts], out[1])
        x, y = x.transpose(lhs), y.transpose(rhs)
        rank, groups = x.ndim - 2, self.feature_groups
        wide = numpy.zeros((*x.shape[:2], *map(dilated, x.shape[2:], self.lhs_dilation)), x.dtype)
        wide[(..., *(slice(None, None, step) for step in self.lhs_dilation))] = x
        wide = numpy.pad(wide, ((0, 0), (0, 0), *((max(low, 0), max(high, 0)) for low, high in self.padding)))
        counts = [
            windows(size, *rest)
            for size, *rest in zip(
                x.shape[2:], y.shape[2:], self.strides, self.padding, self.lhs_dilation, self.rhs_dilation, strict=True
            )
        ]
        result = numpy.zeros((x.shape[0], y.shape[0], *counts), x.dtype)
        inputs, outputs = y.shape[1], y.shape[0] // groups
        for index in numpy.ndindex(*counts):
            window = tuple(
                slice(i * stride + max(-low, 0), i * stride + max(-low, 0) + dilated(length, hole), hole)
                for i, stride, (low, _), length, hole in zip(
                    index, self.strides, self.padding, y.shape[2:], self.rhs_dilation, strict=True
                )
            )
            for group in range(groups):
                part = wide[(slice(None), slice(group * inputs, (group + 1) * inputs), *window)]
                kernel = y[group * outputs : (group + 1) * outputs]
                value = numpy.tensordot(part, kernel, (range(1, rank + 2), range(1, rank + 2)))
                result[(slice(None), slice(group * outputs, (group + 1) * outputs), *index)] = value
        return result.transpose(tuple(int(axis) for axis in numpy.argsort(out)))


def conv_dimension_numbers(rank: int, dimension_numbers: Any) -> ConvDimensionNumbers:
    """Returns which axis is what for arrays of `rank` axes.

    Args:
        rank: Number of axes.
        dimension_numbers: A `ConvDimensionNumbers`; three strings such as `("NHWC", "HWIO", "NHWC")`, in which N is the
            batch, C the feature, O and I the kernel's output and input features, and other letters spatial axes; or
            `None` for `("NCHW", "OIHW", "NCHW")`.

    Raises:
        ShapeError: If a string does not fit the rank or misses a letter.
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    if dimension_numbers is None:
        order = tuple(range(rank))
        return ConvDimensionNumbers(order, order, order)
    lhs, rhs, out = dimension_numbers
    for text, letters in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        if len(text) != rank or len(set(text)) != rank or not set(letters) <= set(text):
            raise ShapeError(
                f"`conv_general_dilated` expected {rank} distinct letters with {letters[0]} and {letters[1]} among "
                f"them in `dimension_numbers`, but got {text!r}"
            )
    spatial = [letter for letter in rhs if letter not in "OI"]
    return ConvDimensionNumbers(
        tuple(lhs.index(letter) for letter in ("N", "C", *spatial)),
        tuple(rhs.index(letter) for letter in ("O", "I", *spatial)),
        tuple(out.index(letter) for letter in ("N", "C", *spatial)),
    )


def padding_pairs(
    padding: Any, sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pairs:
    """Returns the (low, high) padding of each spatial axis.

    Args:
        padding: "SAME", "SAME_LOWER", "VALID", or the pairs themselves.
        sizes: Sizes of the axes, dilated.
        window: Sizes of the windows.
        strides: Distances between windows.
        dilation: Distances between the elements of a window.

    Raises:
        ShapeError: If it is none of these, or there are too few or too many pairs.
    """
    if isinstance(padding, str):
        if padding.upper() == "VALID":
            return ((0, 0),) * len(sizes)
        if padding.upper() not in ("SAME", "SAME_LOWER"):
            raise ShapeError(
                f"expected padding 'SAME', 'SAME_LOWER', 'VALID' or (low, high) pairs, but got {padding!r}"
            )
        pairs: list[tuple[int, int]] = []
        for size, length, stride, hole in zip(sizes, window, strides, dilation, strict=True):
            needed = max((-(-size // stride) - 1) * stride + dilated(length, hole) - size, 0)
            small, large = needed // 2, needed - needed // 2
            pairs.append((small, large) if padding.upper() == "SAME" else (large, small))
        return tuple(pairs)
    result = tuple((int(low), int(high)) for low, high in padding)
    if len(result) != len(sizes):
        raise ShapeError(f"expected a (low, high) pair of padding for each of {len(sizes)} axes, but got {padding!r}")
    return result


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: str = "default",
    preferred_element_type: Any = None,
) -> Array:
    """Returns the convolution of `lhs` with the kernel `rhs` (a cross-correlation: the kernel is not reversed).

    Args:
        lhs: Input, with a batch, a feature and spatial axes.
        rhs: Kernel, with an output feature, an input feature and spatial axes.
        window_strides: Distance between windows along each spatial axis.
        padding: "SAME", "SAME_LOWER", "VALID", or a (low, high) pair for each spatial axis.
        lhs_dilation: Distance between elements of the input; default 1.
        rhs_dilation: Distance between elements of the kernel; default 1.
        dimension_numbers: Which axis is what; see `conv_dimension_numbers`.
        feature_group_count: Number of groups that features are split into.
        batch_group_count: Number of groups that the batch is split into.
        precision: "default", "high" or "highest".
        preferred_element_type: Element type to accumulate in and return.

    Raises:
        ShapeError: If shapes, groups or the lengths of arguments do not fit together.
    """
    lhs, rhs = promote(lhs, rhs)
    rank = lhs.type.ndim
    if rhs.type.ndim != rank:
        raise hinted(
            ShapeError(f"`conv_general_dilated` expected operands of equal rank, but got {lhs.type} and {rhs.type}"),
            "add a batch axis or feature axes with `expand_dims`",
        )
    spec = conv_dimension_numbers(rank, dimension_numbers)
    ones = (1,) * (rank - 2)
    base = ones if lhs_dilation is None else tuple(lhs_dilation)
    dilation = ones if rhs_dilation is None else tuple(rhs_dilation)
    strides = tuple(window_strides)
    for what, values in (("window_strides", strides), ("lhs_dilation", base), ("rhs_dilation", dilation)):
        if len(values) != rank - 2 or any(value < 1 for value in values):
            raise ShapeError(f"`conv_general_dilated` expected {rank - 2} positive `{what}`, but got {values}")
    sizes = [dilated(lhs.type.shape[axis], hole) for axis, hole in zip(spec.lhs_spec[2:], base, strict=True)]
    pairs = padding_pairs(padding, sizes, _pick(rhs.type.shape, spec.rhs_spec[2:]), strides, dilation)
    preferred = None if preferred_element_type is None else canonical_dtype(preferred_element_type)
    return Convolution(
        spec, strides, pairs, base, dilation, feature_group_count, batch_group_count, precision, preferred
    ).bind(lhs, rhs)


def conv(
    lhs: ArrayLike, rhs: ArrayLike, window_strides: Sequence[int], padding: Any, precision: str = "default"
) -> Array:
    """Returns the convolution of `lhs` with the kernel `rhs` in the default order of axes, NCHW and OIHW."""
    return conv_general_dilated(lhs, rhs, window_strides, padding, precision=precision)


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Any,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: str = "default",
) -> Array:
    """Returns the convolution that enlarges `lhs` by `strides`: the gradient of one that shrinks, up to a reversal.

    The arguments are those of `conv_general_dilated`. The kernel is not reversed.
    """
    lhs, rhs = promote(lhs, rhs)
    spec = conv_dimension_numbers(lhs.type.ndim, dimension_numbers)
    ones = (1,) * (lhs.type.ndim - 2)
    dilation = ones if rhs_dilation is None else tuple(rhs_dilation)
    pairs = padding
    if isinstance(padding, str):
        lengths = [dilated(rhs.type.shape[a], hole) for a, hole in zip(spec.rhs_spec[2:], dilation, strict=True)]
        pairs = [_transposed_pair(length, stride, padding) for length, stride in zip(lengths, strides, strict=True)]
    return conv_general_dilated(lhs, rhs, ones, pairs, strides, dilation, spec, precision=precision)


def _transposed_pair(length: int, stride: int, padding: str) -> tuple[int, int]:
    if padding.upper() == "SAME":
        total = length + stride - 2
        low = length - 1 if stride > length - 1 else -(-total // 2)
    elif padding.upper() == "VALID":
        total, low = length + stride - 2 + max(length - stride, 0), length - 1
    else:
        raise ShapeError(f"`conv_transpose` expected padding 'SAME', 'VALID' or (low, high) pairs, but got {padding!r}")
    return low, total - low
