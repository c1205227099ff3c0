"""Operations of StableHLO on matrices and signals, and those that gather elements or normalize."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ryft_xla_sys.mlir import ir

from ..._arguments import array
from ..._conversions import Integers, boolean, boolean_array, given, integer, integer_array, integer_pairs
from ...attributes import Attribute
from ...building import build, build_value, context_of
from ...values import type_of
from .attributes import FftType, Precision, Transpose, enumeration

if TYPE_CHECKING:
    from ...blocks import Block
    from ...context import Context
    from ...locations import Location
    from ...types import Type
    from ...values import Value

__all__ = [
    "batch_norm_grad",
    "batch_norm_inference",
    "batch_norm_training",
    "cholesky",
    "convolution",
    "dot",
    "dot_general",
    "dynamic_conv",
    "dynamic_gather",
    "fft",
    "gather",
    "triangular_solve",
]

PrecisionLike = Precision | str
"""A member of `Precision`, or its name."""


def dot_general(
    block: Block,
    lhs: Value,
    rhs: Value,
    dimensions: Attribute,
    result_type: Type,
    *,
    precision: Sequence[PrecisionLike] | None = None,
    algorithm: Attribute | None = None,
    location: Location | None = None,
) -> Value:
    """Multiplies tensors and sums over the contracted dimensions.

    Dimensions that are batched or contracted together have the same size; all elements have one type, but `result_type`
    may have a wider one.

    Args:
        block: Block to append to.
        lhs: Left-hand side.
        rhs: Right-hand side.
        dimensions: What to batch over and what to contract, see `dot_dimensions`.
        result_type: Type of the result: batching dimensions, then the rest of `lhs`, then the rest of `rhs`.
        precision: Precision of `lhs` and of `rhs`.
        algorithm: The algorithm to use, see `dot_algorithm`.
        location: Where the operation comes from.

    Raises:
        ValueError: If `precision` names no member of `Precision`.

    Specification: `dot_general`.
    """
    context = context_of(block)
    attributes = {"dot_dimension_numbers": given(context, dimensions)}
    if precision is not None:
        attributes["precision_config"] = _precisions(context, precision)
    if algorithm is not None:
        attributes["algorithm"] = given(context, algorithm)
    return build_value(block, "stablehlo.dot_general", (lhs, rhs), attributes, result_type, location)


def dot(
    block: Block,
    lhs: Value,
    rhs: Value,
    result_type: Type,
    *,
    precision: Sequence[PrecisionLike] | None = None,
    location: Location | None = None,
) -> Value:
    """Multiplies vectors and matrices. StableHLO deprecates it in favour of `dot_general`.

    Each operand is a vector or a matrix; the last dimension of `lhs` and the first one of `rhs` have the same size.

    Raises:
        ValueError: If `precision` names no member of `Precision`.

    Specification: none (deprecated; see `dot_general`).
    """
    attributes = None if precision is None else {"precision_config": _precisions(context_of(block), precision)}
    return build_value(block, "stablehlo.dot", (lhs, rhs), attributes, result_type, location)


def convolution(
    block: Block,
    lhs: Value,
    rhs: Value,
    dimensions: Attribute,
    result_type: Type,
    *,
    window_strides: Integers | None = None,
    padding: ArrayLike | Attribute | None = None,
    lhs_dilation: Integers | None = None,
    rhs_dilation: Integers | None = None,
    window_reversal: Sequence[bool] | Attribute | None = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Sequence[PrecisionLike] | None = None,
    location: Location | None = None,
) -> Value:
    """Slides the kernel `rhs` over `lhs` and sums products.

    Operands and result have the same rank, two more than there are spatial dimensions. The input has
    `feature_group_count` times as many features as the kernel takes, and the output features are a multiple of both
    counts, of which one is 1.

    Args:
        block: Block to append to.
        lhs: Input.
        rhs: Kernel.
        dimensions: What each dimension means, see `convolution_dimensions`.
        result_type: Type of the result.
        window_strides: Steps of the window in each spatial dimension. Default 1.
        padding: For each spatial dimension, how many zeros to add before and after. Default none.
        lhs_dilation: Distances between neighbouring elements of the input. Default 1.
        rhs_dilation: Distances between neighbouring elements of the kernel. Default 1.
        window_reversal: Whether to reverse the kernel in each spatial dimension.
        feature_group_count: Number of groups of features that are convolved separately.
        batch_group_count: Number of groups of the batch that are convolved separately.
        precision: Precision of `lhs` and of `rhs`.
        location: Where the operation comes from.

    Raises:
        ValueError: If `precision` names no member of `Precision`, or `padding` has not two columns.

    Specification: `convolution`.
    """
    context = context_of(block)
    attributes = _convolution_attributes(
        context, dimensions, window_strides, lhs_dilation, rhs_dilation, window_reversal, precision
    )
    attributes["feature_group_count"] = integer(context, feature_group_count)
    attributes["batch_group_count"] = integer(context, batch_group_count)
    if padding is not None:
        attributes["padding"] = integer_pairs(context, padding)
    return build_value(block, "stablehlo.convolution", (lhs, rhs), attributes, result_type, location)


def dynamic_conv(
    block: Block,
    lhs: Value,
    rhs: Value,
    padding: Value,
    dimensions: Attribute,
    result_type: Type,
    *,
    window_strides: Integers | None = None,
    lhs_dilation: Integers | None = None,
    rhs_dilation: Integers | None = None,
    window_reversal: Sequence[bool] | Attribute | None = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Sequence[PrecisionLike] | None = None,
    location: Location | None = None,
) -> Value:
    """Convolves like `convolution`, with a padding that is a value.

    `padding` is a matrix of integers with two columns and a row for each spatial dimension; everything else is as for
    `convolution`.

    Raises:
        ValueError: If `precision` names no member of `Precision`.

    Specification: `dynamic_conv`.
    """
    context = context_of(block)
    attributes = _convolution_attributes(
        context, dimensions, window_strides, lhs_dilation, rhs_dilation, window_reversal, precision
    )
    attributes["feature_group_count"] = integer(context, feature_group_count)
    attributes["batch_group_count"] = integer(context, batch_group_count)
    return build_value(block, "stablehlo.dynamic_conv", (lhs, rhs, padding), attributes, result_type, location)


def cholesky(block: Block, operand: Value, *, lower: bool = False, location: Location | None = None) -> Value:
    """Returns the Cholesky factors of Hermitian positive-definite matrices: `L L*`, or `U* U` unless `lower`.

    `operand` is a batch of square matrices of floating-point or complex numbers, and the result has its type; the other
    triangle of the result is left to the implementation.

    Specification: `cholesky`.
    """
    attributes = {"lower": boolean(context_of(block), lower)}
    return build_value(block, "stablehlo.cholesky", (operand,), attributes, type_of(operand), location)


def triangular_solve(
    block: Block,
    matrix: Value,
    right: Value,
    *,
    left_side: bool = True,
    lower: bool = True,
    unit_diagonal: bool = False,
    transpose: Transpose | str = Transpose.NO_TRANSPOSE,
    location: Location | None = None,
) -> Value:
    """Solves `op(matrix) x = right`, or `x op(matrix) = right` unless `left_side`, for triangular matrices.

    `matrix` is a batch of square matrices with the batch dimensions and the element type of `right`, floating-point or
    complex numbers; the result has the type of `right`.

    Raises:
        ValueError: If `transpose` names no member of `Transpose`.

    Specification: `triangular_solve`.
    """
    context = context_of(block)
    attributes = {
        "left_side": boolean(context, left_side),
        "lower": boolean(context, lower),
        "unit_diagonal": boolean(context, unit_diagonal),
        "transpose_a": enumeration(context, Transpose, transpose),
    }
    return build_value(block, "stablehlo.triangular_solve", (matrix, right), attributes, None, location)


def fft(
    block: Block,
    operand: Value,
    kind: FftType | str,
    length: Integers,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Computes a Fourier transform over the last dimensions, as many as `length` has sizes.

    `length` holds 1 to 3 sizes, those of the last dimensions. `FFT` and `IFFT` map complex numbers to complex ones;
    `RFFT` takes real numbers, and `IRFFT` returns them, and there the complex side keeps `length[-1] // 2 + 1` elements
    of the last dimension.

    Raises:
        ValueError: If `kind` names no member of `FftType`.

    Specification: `fft`.
    """
    context = context_of(block)
    attributes = {"fft_type": enumeration(context, FftType, kind), "fft_length": integer_array(context, length)}
    return build_value(block, "stablehlo.fft", (operand,), attributes, result_type, location)


def gather(
    block: Block,
    operand: Value,
    start_indices: Value,
    dimensions: Attribute,
    slice_sizes: Integers,
    *,
    indices_are_sorted: bool = False,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Takes the slices of `operand` that start where `start_indices` point; see `gather_dimensions`.

    `start_indices` holds integers, and indices that point too far are moved so that the slice lies inside.
    `slice_sizes` has one size for each dimension of `operand`, at most its own; collapsed and batching dimensions have
    at most 1. The result has the element type of `operand`.

    Specification: `gather`.
    """
    context = context_of(block)
    attributes = {
        "dimension_numbers": given(context, dimensions),
        "slice_sizes": integer_array(context, slice_sizes),
        "indices_are_sorted": boolean(context, indices_are_sorted),
    }
    return build_value(block, "stablehlo.gather", (operand, start_indices), attributes, result_type, location)


def dynamic_gather(
    block: Block,
    operand: Value,
    start_indices: Value,
    slice_sizes: Value,
    dimensions: Attribute,
    *,
    indices_are_sorted: bool = False,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Gathers like `gather`, with slices of a size that is a value.

    `start_indices` holds integers, and `slice_sizes` is a vector of integers with one size for each dimension of
    `operand`; everything else is as for `gather`.

    Specification: `dynamic_gather`.
    """
    context = context_of(block)
    attributes = {
        "dimension_numbers": given(context, dimensions),
        "indices_are_sorted": boolean(context, indices_are_sorted),
    }
    operands = (operand, start_indices, slice_sizes)
    return build_value(block, "stablehlo.dynamic_gather", operands, attributes, result_type, location)


def batch_norm_inference(
    block: Block,
    operand: Value,
    scale: Value,
    offset: Value,
    mean: Value,
    variance: Value,
    *,
    epsilon: float,
    feature_index: int,
    location: Location | None = None,
) -> Value:
    """Normalizes a batch with a given mean and variance of each feature.

    `feature_index` is a dimension of `operand`, a tensor of floating-point numbers; all others are vectors of its
    element type with one element for each feature.

    Specification: `batch_norm_inference`.
    """
    attributes = _normalization(context_of(block), epsilon, feature_index)
    operands = (operand, scale, offset, mean, variance)
    return build_value(block, "stablehlo.batch_norm_inference", operands, attributes, None, location)


def batch_norm_training(
    block: Block,
    operand: Value,
    scale: Value,
    offset: Value,
    *,
    epsilon: float,
    feature_index: int,
    location: Location | None = None,
) -> tuple[Value, Value, Value]:
    """Normalizes a batch with its own mean and variance; returns it, the means and the variances.

    `feature_index` is a dimension of `operand`, a tensor of floating-point numbers; all others are vectors of its
    element type with one element for each feature.

    Specification: `batch_norm_training`.
    """
    attributes = _normalization(context_of(block), epsilon, feature_index)
    operands = (operand, scale, offset)
    output, mean, variance = build(block, "stablehlo.batch_norm_training", operands, attributes, None, location)
    return output, mean, variance


def batch_norm_grad(
    block: Block,
    operand: Value,
    scale: Value,
    mean: Value,
    variance: Value,
    grad_output: Value,
    *,
    epsilon: float,
    feature_index: int,
    location: Location | None = None,
) -> tuple[Value, Value, Value]:
    """Returns the gradients of `batch_norm_training` with respect to its operand, scale and offset.

    `grad_output` has the type of `operand`, a tensor of floating-point numbers of which `feature_index` is a dimension;
    all others are vectors of its element type with one element for each feature.

    Specification: `batch_norm_grad`.
    """
    attributes = _normalization(context_of(block), epsilon, feature_index)
    operands = (operand, scale, mean, variance, grad_output)
    first, second, third = build(block, "stablehlo.batch_norm_grad", operands, attributes, None, location)
    return first, second, third


def _precisions(context: Context, precisions: Sequence[PrecisionLike]) -> Any:
    return ir.ArrayAttr.get(
        [enumeration(context, Precision, item) for item in array(precisions, "a product", "precisions")], context._raw
    )


def _normalization(context: Context, epsilon: float, feature_index: int) -> dict[str, Any]:
    single = ir.F32Type.get(context._raw)
    return {
        "epsilon": ir.FloatAttr.get(single, float(epsilon), context._unknown),
        "feature_index": integer(context, feature_index),
    }


def _convolution_attributes(
    context: Context,
    dimensions: Attribute,
    window_strides: Integers | None,
    lhs_dilation: Integers | None,
    rhs_dilation: Integers | None,
    window_reversal: Sequence[bool] | Attribute | None,
    precision: Sequence[PrecisionLike] | None,
) -> dict[str, Any]:
    attributes = {"dimension_numbers": given(context, dimensions)}
    optional = {"window_strides": window_strides, "lhs_dilation": lhs_dilation, "rhs_dilation": rhs_dilation}
    attributes.update({key: integer_array(context, value) for key, value in optional.items() if value is not None})
    if window_reversal is not None:
        attributes["window_reversal"] = boolean_array(context, window_reversal)
    if precision is not None:
        attributes["precision_config"] = _precisions(context, precision)
    return attributes
