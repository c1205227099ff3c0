"""Operations of StableHLO that make constants, convert types, compare and select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._conversions import elements, given, integer
from ...attributes import Attribute
from ...building import build_value, context_of
from ...types import ShapedType, Type
from ...values import type_of
from .attributes import ComparisonDirection, ComparisonType, enumeration

if TYPE_CHECKING:
    from ...blocks import Block
    from ...locations import Location
    from ...values import Value

__all__ = [
    "bitcast_convert",
    "clamp",
    "compare",
    "constant",
    "convert",
    "dynamic_iota",
    "iota",
    "reduce_precision",
    "select",
    "uniform_dequantize",
    "uniform_quantize",
]


def constant(block: Block, value: Any, type: Type | None = None, *, location: Location | None = None) -> Value:
    """Returns a constant.

    The result has a static shape; its elements are booleans, integers, floating-point or complex numbers.

    Args:
        block: Block to append to.
        value: A number, an array, a nested sequence, or an attribute. One number fills a tensor of any shape.
        type: Type of the constant. Defaults to the shape and data type of `value`; Python numbers become 32 bits wide.
        location: Where the operation comes from.

    Raises:
        BuildError: If `value` does not have the shape of `type`.

    Specification: `constant`.
    """
    context = context_of(block)
    if isinstance(value, Attribute):
        raw = given(context, value)
        result_type = value.type if type is None else type
    else:
        if type is not None and not isinstance(type, ShapedType):
            raise TypeError(f"`constant` expected the type of a tensor, but got `{type}`")
        raw = elements(context, value, type)
        result_type = type
    return build_value(block, "stablehlo.constant", (), {"value": raw}, result_type, location)


def iota(block: Block, result_type: Type, dimension: int, *, location: Location | None = None) -> Value:
    """Returns a tensor whose elements count 0, 1, 2, ... along `dimension`.

    `result_type` is a tensor of integers, floating-point or complex numbers with a static shape and at least one
    dimension; `dimension` is one of its dimensions.

    Specification: `iota`.
    """
    attributes = {"iota_dimension": integer(context_of(block), dimension)}
    return build_value(block, "stablehlo.iota", (), attributes, result_type, location)


def dynamic_iota(
    block: Block, output_shape: Value, result_type: Type, dimension: int, *, location: Location | None = None
) -> Value:
    """Returns a tensor of the shape that `output_shape` holds, whose elements count along `dimension`.

    `output_shape` is a vector of integers with one size for each dimension of `result_type`, a tensor of integers,
    floating-point or complex numbers; `dimension` is one of its dimensions.

    Specification: `dynamic_iota`.
    """
    attributes = {"iota_dimension": integer(context_of(block), dimension)}
    return build_value(block, "stablehlo.dynamic_iota", (output_shape,), attributes, result_type, location)


def convert(block: Block, operand: Value, type: Any, *, location: Location | None = None) -> Value:
    """Converts elements to another type.

    Operand and result have the same shape; elements are booleans, integers, floating-point or complex numbers. Numbers
    that do not fit are rounded, or are left to the implementation where integers overflow.

    Args:
        block: Block to append to.
        operand: Tensor to convert.
        type: The new element type, as a data type or a type, or the type of the whole result.
        location: Where the operation comes from.

    Raises:
        TypeError: If `operand` is no tensor, or `type` is no data type.

    Specification: `convert`.
    """
    return build_value(block, "stablehlo.convert", (operand,), None, _result_type(block, operand, type), location)


def bitcast_convert(block: Block, operand: Value, result_type: Type, *, location: Location | None = None) -> Value:
    """Reads the bits of elements as another type; a change of width adds or removes a last dimension.

    The result has the shape of `operand` where elements are equally wide. Wider elements of the result take up the last
    dimension of `operand`, and narrower ones add one, whose size is the ratio of the widths. Either both are complex,
    or neither.

    Specification: `bitcast_convert`.
    """
    return build_value(block, "stablehlo.bitcast_convert", (operand,), None, result_type, location)


def uniform_quantize(block: Block, operand: Value, result_type: Type, *, location: Location | None = None) -> Value:
    """Converts floating-point or quantized elements to a quantized type.

    Operand and result have the same shape; `result_type` has quantized elements.

    Specification: `uniform_quantize`.
    """
    return build_value(block, "stablehlo.uniform_quantize", (operand,), None, result_type, location)


def uniform_dequantize(block: Block, operand: Value, result_type: Type, *, location: Location | None = None) -> Value:
    """Converts quantized elements to floating point.

    `operand` has quantized elements; the result has its shape and the floating-point type that they express.

    Specification: `uniform_dequantize`.
    """
    return build_value(block, "stablehlo.uniform_dequantize", (operand,), None, result_type, location)


def reduce_precision(
    block: Block, operand: Value, exponent_bits: int, mantissa_bits: int, *, location: Location | None = None
) -> Value:
    """Rounds elements as if they were stored with fewer bits, without changing their type.

    The result has the type of `operand`, a tensor of floating-point numbers; `exponent_bits` is at least 1, and
    `mantissa_bits` at least 0.

    Specification: `reduce_precision`.
    """
    context = context_of(block)
    attributes = {
        "exponent_bits": integer(context, exponent_bits, 32),
        "mantissa_bits": integer(context, mantissa_bits, 32),
    }
    return build_value(block, "stablehlo.reduce_precision", (operand,), attributes, None, location)


def compare(
    block: Block,
    lhs: Value,
    rhs: Value,
    direction: ComparisonDirection | str,
    compare_type: ComparisonType | str | None = None,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Compares elements and returns booleans.

    `lhs` and `rhs` have the same type, and the result their shape. Complex numbers can only be compared with `EQ` and
    `NE`.

    Args:
        block: Block to append to.
        lhs: Left-hand sides.
        rhs: Right-hand sides, of the same type.
        direction: `"EQ"`, `"NE"`, `"GE"`, `"GT"`, `"LE"` or `"LT"`.
        compare_type: How elements are ordered. Defaults to what the element type implies.
        result_type: Type of the result. Defaults to what StableHLO infers.
        location: Where the operation comes from.

    Raises:
        ValueError: If `direction` or `compare_type` names no member.

    Specification: `compare`.
    """
    attributes = {"comparison_direction": enumeration(context_of(block), ComparisonDirection, direction)}
    if compare_type is not None:
        attributes["compare_type"] = enumeration(context_of(block), ComparisonType, compare_type)
    return build_value(block, "stablehlo.compare", (lhs, rhs), attributes, result_type, location)


def select(
    block: Block,
    predicate: Value,
    on_true: Value,
    on_false: Value,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Takes elements of `on_true` where `predicate` holds and of `on_false` elsewhere; `predicate` may be a scalar.

    `predicate` is a tensor of booleans, a scalar or of the shape of the others; `on_true`, `on_false` and the result
    have the same type.

    Specification: `select`.
    """
    return build_value(block, "stablehlo.select", (predicate, on_true, on_false), None, result_type, location)


def clamp(
    block: Block,
    minimum: Value,
    operand: Value,
    maximum: Value,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Limits elements to the range from `minimum` to `maximum`, which may be scalars.

    `minimum` and `maximum` are scalars, or have the shape of `operand`; all have its element type, and the result has
    its type.

    Specification: `clamp`.
    """
    return build_value(block, "stablehlo.clamp", (minimum, operand, maximum), None, result_type, location)


def _result_type(block: Block, operand: Value, given_type: Any) -> Type:
    if isinstance(given_type, ShapedType):
        return given_type
    context = context_of(block)
    operand_type = type_of(operand)
    if not isinstance(operand_type, ShapedType):
        raise TypeError(f"`convert` expected a tensor, but got `{operand_type}`")
    return context.tensor_type(operand_type.shape, context.element_type(given_type))
