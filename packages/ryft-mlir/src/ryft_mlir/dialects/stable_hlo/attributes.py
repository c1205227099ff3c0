"""Attributes and enumerations of StableHLO."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect

from ..._arguments import array, check_context, member, number, numbers, own
from ...attributes import Attribute, wrap_attribute

if TYPE_CHECKING:
    from ...context import Context

__all__ = [
    "ChannelType",
    "ComparisonDirection",
    "ComparisonType",
    "CustomCallApiVersion",
    "FftType",
    "Precision",
    "ResultAccuracyMode",
    "RngAlgorithm",
    "RngDistribution",
    "Transpose",
    "channel_handle",
    "convolution_dimensions",
    "dot_algorithm",
    "dot_dimensions",
    "enumeration",
    "gather_dimensions",
    "output_operand_alias",
    "result_accuracy",
    "scatter_dimensions",
    "type_extensions",
]

hlo: Any = dialect("stablehlo")


class ComparisonDirection(enum.Enum):
    """Which comparison `compare` makes."""

    EQ = "EQ"
    NE = "NE"
    GE = "GE"
    GT = "GT"
    LE = "LE"
    LT = "LT"


class ComparisonType(enum.Enum):
    """How `compare` orders elements; `TOTALORDER` orders NaNs and signed zeros too."""

    FLOAT = "FLOAT"
    TOTALORDER = "TOTALORDER"
    SIGNED = "SIGNED"
    UNSIGNED = "UNSIGNED"
    NOTYPE = "NOTYPE"


class Precision(enum.Enum):
    """How accurate a product of matrices or a convolution should be."""

    DEFAULT = "DEFAULT"
    HIGH = "HIGH"
    HIGHEST = "HIGHEST"


class ResultAccuracyMode(enum.Enum):
    """How accurate an elementary function should be."""

    DEFAULT = "DEFAULT"
    HIGHEST = "HIGHEST"
    TOLERANCE = "TOLERANCE"


class Transpose(enum.Enum):
    """What `triangular_solve` does with its matrix before it solves."""

    NO_TRANSPOSE = "NO_TRANSPOSE"
    TRANSPOSE = "TRANSPOSE"
    ADJOINT = "ADJOINT"


class FftType(enum.Enum):
    """Which Fourier transform `fft` computes."""

    FFT = "FFT"
    IFFT = "IFFT"
    RFFT = "RFFT"
    IRFFT = "IRFFT"


class RngDistribution(enum.Enum):
    """Which distribution `rng` draws from."""

    UNIFORM = "UNIFORM"
    NORMAL = "NORMAL"


class RngAlgorithm(enum.Enum):
    """Which algorithm `rng_bit_generator` uses."""

    DEFAULT = "DEFAULT"
    THREE_FRY = "THREE_FRY"
    PHILOX = "PHILOX"


class ChannelType(enum.IntEnum):
    """What a channel connects."""

    UNKNOWN = 0
    DEVICE_TO_DEVICE = 1
    DEVICE_TO_HOST = 2
    HOST_TO_DEVICE = 3


class CustomCallApiVersion(enum.IntEnum):
    """Calling convention of the function behind a `custom_call`."""

    UNSPECIFIED = 0
    ORIGINAL = 1
    STATUS_RETURNING = 2
    STATUS_RETURNING_UNIFIED = 3
    TYPED_FFI = 4


_CLASSES: dict[type[enum.Enum], Any] = {
    ComparisonDirection: hlo.ComparisonDirectionAttr,
    ComparisonType: hlo.ComparisonTypeAttr,
    Precision: hlo.PrecisionAttr,
    ResultAccuracyMode: hlo.ResultAccuracyModeAttr,
    Transpose: hlo.TransposeAttr,
    FftType: hlo.FftTypeAttr,
    RngDistribution: hlo.RngDistributionAttr,
    RngAlgorithm: hlo.RngAlgorithmAttr,
}


def enumeration(context: Context, kind: type[enum.Enum], value: Any) -> Any:
    """Returns the bindings' attribute of a member of an enumeration, given as the member, its name, or an attribute.

    Raises:
        ValueError: If `value` names no member.
    """
    if isinstance(value, Attribute):
        return own(context, value, Attribute, "attribute")._raw
    return _CLASSES[kind].get(member(kind, value).value, context._raw)


def dot_dimensions(
    context: Context,
    *,
    lhs_batching: Sequence[int] = (),
    rhs_batching: Sequence[int] = (),
    lhs_contracting: Sequence[int] = (),
    rhs_contracting: Sequence[int] = (),
) -> Attribute:
    """Returns which dimensions `dot_general` batches over and which it contracts."""
    check_context(context, "`dot_dimensions`")
    lists = (lhs_batching, rhs_batching, lhs_contracting, rhs_contracting)
    arguments = [numbers(item, "`dot_dimensions`") for item in lists]
    return wrap_attribute(context, hlo.DotDimensionNumbers.get(*arguments, context._raw))


def dot_algorithm(
    context: Context,
    *,
    lhs_precision: Any,
    rhs_precision: Any,
    accumulation: Any,
    lhs_component_count: int = 1,
    rhs_component_count: int = 1,
    primitive_operation_count: int = 1,
    allow_imprecise_accumulation: bool = False,
) -> Attribute:
    """Returns the algorithm that `dot_general` must use; precisions are data types or types."""
    check_context(context, "`dot_algorithm`")
    types = [context.element_type(item)._raw for item in (lhs_precision, rhs_precision, accumulation)]
    counts = numbers((lhs_component_count, rhs_component_count, primitive_operation_count), "`dot_algorithm`")
    raw = hlo.DotAlgorithm.get(*types, *counts, bool(allow_imprecise_accumulation), context._raw)
    return wrap_attribute(context, raw)


def convolution_dimensions(
    context: Context,
    *,
    input_batch: int,
    input_feature: int,
    input_spatial: Sequence[int],
    kernel_input_feature: int,
    kernel_output_feature: int,
    kernel_spatial: Sequence[int],
    output_batch: int,
    output_feature: int,
    output_spatial: Sequence[int],
) -> Attribute:
    """Returns what each dimension of the operands and the result of a convolution means."""
    check_context(context, "`convolution_dimensions`")
    subject = "`convolution_dimensions`"
    raw = hlo.ConvDimensionNumbers.get(
        *numbers((input_batch, input_feature), subject),
        numbers(input_spatial, subject),
        *numbers((kernel_input_feature, kernel_output_feature), subject),
        numbers(kernel_spatial, subject),
        *numbers((output_batch, output_feature), subject),
        numbers(output_spatial, subject),
        context._raw,
    )
    return wrap_attribute(context, raw)


def gather_dimensions(
    context: Context,
    *,
    offset: Sequence[int],
    collapsed_slice: Sequence[int] = (),
    operand_batching: Sequence[int] = (),
    start_indices_batching: Sequence[int] = (),
    start_index_map: Sequence[int],
    index_vector: int,
) -> Attribute:
    """Returns how `gather` maps indices to slices of its operand, and slices to its result."""
    check_context(context, "`gather_dimensions`")
    subject = "`gather_dimensions`"
    given_lists = (offset, collapsed_slice, operand_batching, start_indices_batching, start_index_map)
    lists = [numbers(item, subject) for item in given_lists]
    raw = hlo.GatherDimensionNumbers.get(*lists, number(index_vector, subject), context._raw)
    return wrap_attribute(context, raw)


def scatter_dimensions(
    context: Context,
    *,
    update_window: Sequence[int],
    inserted_window: Sequence[int] = (),
    input_batching: Sequence[int] = (),
    scatter_indices_batching: Sequence[int] = (),
    scattered_to_operand: Sequence[int],
    index_vector: int,
) -> Attribute:
    """Returns how `scatter` maps indices and updates to elements of its inputs."""
    check_context(context, "`scatter_dimensions`")
    subject = "`scatter_dimensions`"
    given_lists = (update_window, inserted_window, input_batching, scatter_indices_batching, scattered_to_operand)
    lists = [numbers(item, subject) for item in given_lists]
    raw = hlo.ScatterDimensionNumbers.get(*lists, number(index_vector, subject), context._raw)
    return wrap_attribute(context, raw)


def channel_handle(
    context: Context, identifier: int, kind: ChannelType | int = ChannelType.DEVICE_TO_DEVICE
) -> Attribute:
    """Returns the handle of a channel for communication."""
    check_context(context, "`channel_handle`")
    number(identifier, "`channel_handle`")
    return wrap_attribute(context, hlo.ChannelHandle.get(identifier, int(member(ChannelType, kind)), context._raw))


def output_operand_alias(
    context: Context,
    *,
    output_tuple_indices: Sequence[int] = (),
    operand_index: int,
    operand_tuple_indices: Sequence[int] = (),
) -> Attribute:
    """Returns that a result of a `custom_call` shares the memory of one of its operands."""
    check_context(context, "`output_operand_alias`")
    subject = "`output_operand_alias`"
    outputs, operands = numbers(output_tuple_indices, subject), numbers(operand_tuple_indices, subject)
    arguments = (outputs, number(operand_index, subject), operands)
    return wrap_attribute(context, hlo.OutputOperandAlias.get(*arguments, context._raw))


def result_accuracy(
    context: Context,
    mode: ResultAccuracyMode | str = ResultAccuracyMode.TOLERANCE,
    *,
    absolute: float = 0.0,
    relative: float = 0.0,
    units_of_least_precision: int = 0,
) -> Attribute:
    """Returns how accurate an elementary function should be; the numbers count in the mode `TOLERANCE` only."""
    check_context(context, "`result_accuracy`")
    name = member(ResultAccuracyMode, mode).value
    units = number(units_of_least_precision, "`result_accuracy`")
    raw = hlo.ResultAccuracyAttr.get(float(absolute), float(relative), units, name, context._raw)
    return wrap_attribute(context, raw)


def type_extensions(context: Context, bounds: Sequence[int | None]) -> Attribute:
    """Returns the encoding of a tensor type that bounds its dynamic dimensions; `None` stands for no bound."""
    check_context(context, "`type_extensions`")
    dynamic = -(2**63)
    given_bounds = array(bounds, "`type_extensions`", "bounds")
    raw_bounds = [dynamic if bound is None else number(bound, "`type_extensions`", 0) for bound in given_bounds]
    raw = hlo.TypeExtensions.get(raw_bounds, context._raw)
    return wrap_attribute(context, raw)
