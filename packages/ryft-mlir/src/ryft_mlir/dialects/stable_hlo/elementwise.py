"""Element-wise operations of StableHLO: arithmetic, rounding, logic, bits, exponentials and trigonometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._conversions import given
from ...building import build_value

if TYPE_CHECKING:
    from ...attributes import Attribute
    from ...blocks import Block
    from ...locations import Location
    from ...types import Type
    from ...values import Value

__all__ = [
    "abs",
    "add",
    "and_",
    "atan2",
    "cbrt",
    "ceil",
    "complex",
    "cosine",
    "count_leading_zeros",
    "divide",
    "exponential",
    "exponential_minus_one",
    "floor",
    "imag",
    "is_finite",
    "log",
    "log_plus_one",
    "logistic",
    "maximum",
    "minimum",
    "multiply",
    "negate",
    "not_",
    "or_",
    "popcnt",
    "power",
    "real",
    "remainder",
    "round_nearest_afz",
    "round_nearest_even",
    "rsqrt",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "sign",
    "sine",
    "sqrt",
    "subtract",
    "tan",
    "tanh",
    "xor",
]


def add(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Adds elements; the logical or of booleans."""
    return build_value(block, "stablehlo.add", (lhs, rhs), None, result_type, location)


def subtract(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Subtracts the elements of `rhs` from those of `lhs`."""
    return build_value(block, "stablehlo.subtract", (lhs, rhs), None, result_type, location)


def multiply(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Multiplies elements; the logical and of booleans."""
    return build_value(block, "stablehlo.multiply", (lhs, rhs), None, result_type, location)


def divide(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Divides elements; integers are rounded towards zero."""
    return build_value(block, "stablehlo.divide", (lhs, rhs), None, result_type, location)


def remainder(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the remainder of the division of elements, with the sign of the dividend."""
    return build_value(block, "stablehlo.remainder", (lhs, rhs), None, result_type, location)


def power(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Raises each element of `lhs` to the power of the one of `rhs`."""
    return build_value(block, "stablehlo.power", (lhs, rhs), None, result_type, location)


def atan2(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the angle in radians of the point (`rhs`, `lhs`), between -pi and pi."""
    return build_value(block, "stablehlo.atan2", (lhs, rhs), None, result_type, location)


def maximum(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the larger of two elements; NaN if either is NaN."""
    return build_value(block, "stablehlo.maximum", (lhs, rhs), None, result_type, location)


def minimum(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the smaller of two elements; NaN if either is NaN."""
    return build_value(block, "stablehlo.minimum", (lhs, rhs), None, result_type, location)


def and_(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical and of booleans, or the bitwise one of integers."""
    return build_value(block, "stablehlo.and", (lhs, rhs), None, result_type, location)


def or_(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical or of booleans, or the bitwise one of integers."""
    return build_value(block, "stablehlo.or", (lhs, rhs), None, result_type, location)


def xor(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical exclusive or of booleans, or the bitwise one of integers."""
    return build_value(block, "stablehlo.xor", (lhs, rhs), None, result_type, location)


def shift_left(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` left by as many places as `rhs` says."""
    return build_value(block, "stablehlo.shift_left", (lhs, rhs), None, result_type, location)


def shift_right_arithmetic(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` right, filling with the sign bit."""
    return build_value(block, "stablehlo.shift_right_arithmetic", (lhs, rhs), None, result_type, location)


def shift_right_logical(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` right, filling with zeros."""
    return build_value(block, "stablehlo.shift_right_logical", (lhs, rhs), None, result_type, location)


def complex(  # noqa: A001
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns complex numbers with the real parts `lhs` and the imaginary parts `rhs`."""
    return build_value(block, "stablehlo.complex", (lhs, rhs), None, result_type, location)


def abs(  # noqa: A001
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the element-wise absolute value; the modulus of complex numbers."""
    return build_value(block, "stablehlo.abs", (operand,), None, result_type, location)


def negate(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise negation; it wraps around for unsigned integers."""
    return build_value(block, "stablehlo.negate", (operand,), None, result_type, location)


def sign(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise sign: -1, 0 or 1, or `x / abs(x)` for complex numbers."""
    return build_value(block, "stablehlo.sign", (operand,), None, result_type, location)


def ceil(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Rounds each element up to an integer."""
    return build_value(block, "stablehlo.ceil", (operand,), None, result_type, location)


def floor(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Rounds each element down to an integer."""
    return build_value(block, "stablehlo.floor", (operand,), None, result_type, location)


def round_nearest_afz(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Rounds each element to the nearest integer, and ties away from zero."""
    return build_value(block, "stablehlo.round_nearest_afz", (operand,), None, result_type, location)


def round_nearest_even(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Rounds each element to the nearest integer, and ties to the even one."""
    return build_value(block, "stablehlo.round_nearest_even", (operand,), None, result_type, location)


def is_finite(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is neither infinite nor NaN."""
    return build_value(block, "stablehlo.is_finite", (operand,), None, result_type, location)


def not_(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Negates each boolean, or each bit of each integer."""
    return build_value(block, "stablehlo.not", (operand,), None, result_type, location)


def popcnt(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Counts the bits that are set in each element."""
    return build_value(block, "stablehlo.popcnt", (operand,), None, result_type, location)


def count_leading_zeros(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Counts the leading zero bits of each element."""
    return build_value(block, "stablehlo.count_leading_zeros", (operand,), None, result_type, location)


def real(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the real part of each element."""
    return build_value(block, "stablehlo.real", (operand,), None, result_type, location)


def imag(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the imaginary part of each element; zero for real numbers."""
    return build_value(block, "stablehlo.imag", (operand,), None, result_type, location)


def sqrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise square root. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.sqrt", (operand,), attributes, result_type, location)


def rsqrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns one over the element-wise square root. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.rsqrt", (operand,), attributes, result_type, location)


def cbrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise cube root. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.cbrt", (operand,), attributes, result_type, location)


def exponential(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns e to the power of each element. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.exponential", (operand,), attributes, result_type, location)


def exponential_minus_one(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns e to the power of each element, minus one, accurate near 0. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.exponential_minus_one", (operand,), attributes, result_type, location)


def log(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise natural logarithm. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.log", (operand,), attributes, result_type, location)


def log_plus_one(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the logarithm of one plus each element, accurate near zero. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.log_plus_one", (operand,), attributes, result_type, location)


def logistic(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns `1 / (1 + exp(-x))` for each element. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.logistic", (operand,), attributes, result_type, location)


def sine(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise sine of angles in radians. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.sine", (operand,), attributes, result_type, location)


def cosine(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise cosine of angles in radians. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.cosine", (operand,), attributes, result_type, location)


def tan(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise tangent of angles in radians. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.tan", (operand,), attributes, result_type, location)


def tanh(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise hyperbolic tangent. For `accuracy`, see `result_accuracy`."""
    attributes = None if accuracy is None else {"result_accuracy": given(block.context, accuracy)}
    return build_value(block, "stablehlo.tanh", (operand,), attributes, result_type, location)
