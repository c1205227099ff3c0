"""Element-wise operations of StableHLO: arithmetic, rounding, logic, bits, exponentials and trigonometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._conversions import given
from ...building import build_value, context_of

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
    """Adds elements; the logical or of booleans.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans, integers, floating-point
    or complex numbers.

    Specification: `add`.
    """
    return build_value(block, "stablehlo.add", (lhs, rhs), None, result_type, location)


def subtract(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Subtracts the elements of `rhs` from those of `lhs`.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers, floating-point or complex
    numbers.

    Specification: `subtract`.
    """
    return build_value(block, "stablehlo.subtract", (lhs, rhs), None, result_type, location)


def multiply(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Multiplies elements; the logical and of booleans.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans, integers, floating-point
    or complex numbers.

    Specification: `multiply`.
    """
    return build_value(block, "stablehlo.multiply", (lhs, rhs), None, result_type, location)


def divide(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Divides elements; integers are rounded towards zero.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers, floating-point or complex
    numbers.

    Specification: `divide`.
    """
    return build_value(block, "stablehlo.divide", (lhs, rhs), None, result_type, location)


def remainder(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the remainder of the division of elements, with the sign of the dividend.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers, floating-point or complex
    numbers.

    Specification: `remainder`.
    """
    return build_value(block, "stablehlo.remainder", (lhs, rhs), None, result_type, location)


def power(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Raises each element of `lhs` to the power of the one of `rhs`.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers, floating-point or complex
    numbers.

    Specification: `power`.
    """
    return build_value(block, "stablehlo.power", (lhs, rhs), None, result_type, location)


def atan2(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the angle in radians of the point (`rhs`, `lhs`), between -pi and pi.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of floating-point or complex numbers.

    Specification: `atan2`.
    """
    return build_value(block, "stablehlo.atan2", (lhs, rhs), None, result_type, location)


def maximum(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the larger of two elements; NaN if either is NaN.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans, integers, floating-point
    or complex numbers; complex numbers are ordered by the real part, then the imaginary one.

    Specification: `maximum`.
    """
    return build_value(block, "stablehlo.maximum", (lhs, rhs), None, result_type, location)


def minimum(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the smaller of two elements; NaN if either is NaN.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans, integers, floating-point
    or complex numbers; complex numbers are ordered by the real part, then the imaginary one.

    Specification: `minimum`.
    """
    return build_value(block, "stablehlo.minimum", (lhs, rhs), None, result_type, location)


def and_(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical and of booleans, or the bitwise one of integers.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans or integers.

    Specification: `and`.
    """
    return build_value(block, "stablehlo.and", (lhs, rhs), None, result_type, location)


def or_(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical or of booleans, or the bitwise one of integers.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans or integers.

    Specification: `or`.
    """
    return build_value(block, "stablehlo.or", (lhs, rhs), None, result_type, location)


def xor(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logical exclusive or of booleans, or the bitwise one of integers.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of booleans or integers.

    Specification: `xor`.
    """
    return build_value(block, "stablehlo.xor", (lhs, rhs), None, result_type, location)


def shift_left(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` left by as many places as `rhs` says.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers.

    Specification: `shift_left`.
    """
    return build_value(block, "stablehlo.shift_left", (lhs, rhs), None, result_type, location)


def shift_right_arithmetic(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` right, filling with the sign bit.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers.

    Specification: `shift_right_arithmetic`.
    """
    return build_value(block, "stablehlo.shift_right_arithmetic", (lhs, rhs), None, result_type, location)


def shift_right_logical(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Shifts the bits of `lhs` right, filling with zeros.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of integers.

    Specification: `shift_right_logical`.
    """
    return build_value(block, "stablehlo.shift_right_logical", (lhs, rhs), None, result_type, location)


def complex(  # noqa: A001
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns complex numbers with the real parts `lhs` and the imaginary parts `rhs`.

    `lhs` and `rhs` have the same type, tensors of 32-bit or 64-bit floating-point numbers; the result has their shape.

    Specification: `complex`.
    """
    return build_value(block, "stablehlo.complex", (lhs, rhs), None, result_type, location)


def abs(  # noqa: A001
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the element-wise absolute value; the modulus of complex numbers.

    `operand` is a tensor of signed integers, floating-point or complex numbers; the result has its type, but is real
    for complex numbers.

    Specification: `abs`.
    """
    return build_value(block, "stablehlo.abs", (operand,), None, result_type, location)


def negate(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise negation; it wraps around for unsigned integers.

    The result has the type of `operand`, a tensor of integers, floating-point or complex numbers.

    Specification: `negate`.
    """
    return build_value(block, "stablehlo.negate", (operand,), None, result_type, location)


def sign(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise sign: -1, 0 or 1, or `x / abs(x)` for complex numbers.

    The result has the type of `operand`, a tensor of signed integers, floating-point or complex numbers.

    Specification: `sign`.
    """
    return build_value(block, "stablehlo.sign", (operand,), None, result_type, location)


def ceil(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Rounds each element up to an integer.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Specification: `ceil`.
    """
    return build_value(block, "stablehlo.ceil", (operand,), None, result_type, location)


def floor(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Rounds each element down to an integer.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Specification: `floor`.
    """
    return build_value(block, "stablehlo.floor", (operand,), None, result_type, location)


def round_nearest_afz(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Rounds each element to the nearest integer, and ties away from zero.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Specification: `round_nearest_afz`.
    """
    return build_value(block, "stablehlo.round_nearest_afz", (operand,), None, result_type, location)


def round_nearest_even(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Rounds each element to the nearest integer, and ties to the even one.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Specification: `round_nearest_even`.
    """
    return build_value(block, "stablehlo.round_nearest_even", (operand,), None, result_type, location)


def is_finite(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is neither infinite nor NaN.

    `operand` is a tensor of floating-point numbers; the result has its shape and holds booleans.

    Specification: `is_finite`.
    """
    return build_value(block, "stablehlo.is_finite", (operand,), None, result_type, location)


def not_(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Negates each boolean, or each bit of each integer.

    The result has the type of `operand`, a tensor of booleans or integers.

    Specification: `not`.
    """
    return build_value(block, "stablehlo.not", (operand,), None, result_type, location)


def popcnt(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Counts the bits that are set in each element.

    The result has the type of `operand`, a tensor of integers.

    Specification: `popcnt`.
    """
    return build_value(block, "stablehlo.popcnt", (operand,), None, result_type, location)


def count_leading_zeros(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Counts the leading zero bits of each element.

    The result has the type of `operand`, a tensor of integers.

    Specification: `count_leading_zeros`.
    """
    return build_value(block, "stablehlo.count_leading_zeros", (operand,), None, result_type, location)


def real(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the real part of each element.

    `operand` is a tensor of floating-point or complex numbers; the result has its shape and is real.

    Specification: `real`.
    """
    return build_value(block, "stablehlo.real", (operand,), None, result_type, location)


def imag(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the imaginary part of each element; zero for real numbers.

    `operand` is a tensor of floating-point or complex numbers; the result has its shape and is real.

    Specification: `imag`.
    """
    return build_value(block, "stablehlo.imag", (operand,), None, result_type, location)


def sqrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise square root. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `sqrt`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.sqrt", (operand,), attributes, result_type, location)


def rsqrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns one over the element-wise square root. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `rsqrt`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.rsqrt", (operand,), attributes, result_type, location)


def cbrt(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise cube root. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `cbrt`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.cbrt", (operand,), attributes, result_type, location)


def exponential(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns e to the power of each element. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `exponential`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.exponential", (operand,), attributes, result_type, location)


def exponential_minus_one(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns e to the power of each element, minus one, accurate near 0. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `exponential_minus_one`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.exponential_minus_one", (operand,), attributes, result_type, location)


def log(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise natural logarithm. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `log`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.log", (operand,), attributes, result_type, location)


def log_plus_one(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the logarithm of one plus each element, accurate near zero. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `log_plus_one`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.log_plus_one", (operand,), attributes, result_type, location)


def logistic(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns `1 / (1 + exp(-x))` for each element. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `logistic`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.logistic", (operand,), attributes, result_type, location)


def sine(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise sine of angles in radians. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `sine`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.sine", (operand,), attributes, result_type, location)


def cosine(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise cosine of angles in radians. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `cosine`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.cosine", (operand,), attributes, result_type, location)


def tan(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise tangent of angles in radians. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `tan`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.tan", (operand,), attributes, result_type, location)


def tanh(
    block: Block,
    operand: Value,
    *,
    accuracy: Attribute | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns the element-wise hyperbolic tangent. For `accuracy`, see `result_accuracy`.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Specification: `tanh`.
    """
    attributes = None if accuracy is None else {"result_accuracy": given(context_of(block), accuracy)}
    return build_value(block, "stablehlo.tanh", (operand,), attributes, result_type, location)
