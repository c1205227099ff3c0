"""Arithmetic: addition to powers, signs, extrema and rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import OperandError, hinted
from ryft_core.primitives import comparison, exponential
from ryft_core.primitives.families import Elementwise, linear_cotangents, sum_to_shape
from ryft_core.primitives.operands import as_value, constant_like, literal, promote
from ryft_core.types.data_types import default_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "Absolute",
    "Add",
    "Ceil",
    "Clamp",
    "Divide",
    "Floor",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Power",
    "Remainder",
    "RoundAwayFromZero",
    "RoundToEven",
    "Sign",
    "Subtract",
    "absolute",
    "add",
    "ceil",
    "divide",
    "floor",
    "floor_divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "remainder",
    "round_away_from_zero",
    "round_to_even",
    "sign",
    "subtract",
    "true_divide",
]


class Add(Elementwise):
    """Sum of two arrays; logical "or" has its own primitive."""

    name = "add"
    exact = "iuf"
    rounds = True
    operation = "add"
    linear = True

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return linear_cotangents(self, cotangents, operands)

    def reference(self, x: Any, y: Any) -> Any:
        return x + y


class Subtract(Elementwise):
    """Difference of two arrays."""

    name = "subtract"
    exact = "iuf"
    rounds = True
    operation = "subtract"
    linear = True

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent if index == 0 else negative(tangent)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return linear_cotangents(self, cotangents, operands)

    def reference(self, x: Any, y: Any) -> Any:
        return x - y


class Multiply(Elementwise):
    """Product of two arrays."""

    name = "multiply"
    exact = "iuf"
    rounds = True
    operation = "multiply"
    linear = True

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return multiply(tangent, operands[1 - index])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return linear_cotangents(self, cotangents, operands)

    def reference(self, x: Any, y: Any) -> Any:
        return x * y


class Divide(Elementwise):
    """Quotient of two arrays; for integers it is truncated towards zero."""

    name = "divide"
    exact = "f"
    rounds = True
    operation = "divide"
    linear = True

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        if index == 0:
            return divide(tangent, operands[1])
        return divide(multiply(negative(tangent), result), operands[1])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [sum_to_shape(divide(cotangents, operands[1]), operands[0].type), None]

    def reference(self, x: Any, y: Any) -> Any:
        return x / y if x.dtype.kind in "fc" else numpy.trunc(x / y).astype(x.dtype)


class Remainder(Elementwise):
    """Remainder of truncated division: it has the sign of the dividend."""

    name = "remainder"
    exact = "f"
    rounds = True
    operation = "remainder"
    kinds = "iuf"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        if index == 0:
            return tangent
        quotient = divide(operands[0], operands[1])
        return multiply(negative(tangent), multiply(sign(quotient), floor(absolute(quotient))))

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.fmod(x, y)


class Negative(Elementwise):
    """Negated array."""

    name = "negative"
    exact = "iuf"
    operation = "negate"
    linear = True

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return negative(tangent)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [negative(cotangents)]

    def reference(self, x: Any) -> Any:
        return -x


class Sign(Elementwise):
    """Sign of each element: -1, 0 or 1, `x / |x|` for complex numbers; NaN stays NaN."""

    name = "sign"
    exact = "iuf"
    operation = "sign"
    kinds = "ifc"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return numpy.where(x == 0, x, numpy.sign(x))  # NumPy's sign of -0.0 is 0.0.


class Absolute(Elementwise):
    """Absolute value; the modulus, which is real, of complex numbers. The derivative at zero is zero."""

    name = "absolute"
    exact = "iuf"
    operation = "abs"
    kinds = "ifc"

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        return dtype.type(0).real.dtype if dtype.kind == "c" else dtype

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        if x.type.kind == "c":
            from ryft_core.primitives.complex_numbers import conj, real  # complex numbers need signs

            return real(multiply(conj(sign(x)), tangent))
        return multiply(tangent, sign(x))

    def reference(self, x: Any) -> Any:
        return numpy.abs(x)


class Extremum(Elementwise, abstract=True):
    """Larger or smaller of two elements. Where they are equal, each gets half of the derivative."""

    kinds = "biufc"

    def emit(self, builder: Builder, *operands: Any) -> Any:
        if builder.operand_types[0].kind != "c":
            return builder.emit(self.operation, *operands)
        # Complex numbers are ordered by their real parts, then by their imaginary parts. XLA cannot always do it.
        direction = "GT" if self.operation == "maximum" else "LT"
        x, y = operands
        parts = [(builder.emit("real", value), builder.emit("imag", value)) for value in operands]
        (real, imaginary), (other_real, other_imaginary) = parts
        equal = builder.emit("compare", real, other_real, "EQ")
        later = builder.emit("compare", imaginary, other_imaginary, direction)
        first = builder.emit(
            "or_", builder.emit("compare", real, other_real, direction), builder.emit("and_", equal, later)
        )
        return builder.emit("select", builder.emit("or_", first, builder.emit("compare", x, x, "NE")), x, y)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        chosen, other = operands[index], operands[1 - index]
        half = comparison.select(
            comparison.equal(chosen, other), constant_like(0.5, result), constant_like(1.0, result)
        )
        weight = comparison.select(comparison.equal(chosen, result), half, constant_like(0.0, result))
        return multiply(tangent, weight)


class Maximum(Extremum):
    """Larger of two elements; NaN if one of them is NaN."""

    name = "maximum"
    exact = "iu"
    operation = "maximum"

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.maximum(x, y)


class Minimum(Extremum):
    """Smaller of two elements; NaN if one of them is NaN."""

    name = "minimum"
    exact = "iu"
    operation = "minimum"

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.minimum(x, y)


class Clamp(Elementwise):
    """Second of three elements, moved between the first and the third; NaN stays NaN.

    The derivative goes to the second element strictly between the others, and otherwise to the one that it passes; at
    the edges it is zero.
    """

    name = "clamp"
    exact = "iu"
    kinds = "biuf"

    def emit(self, builder: Builder, *operands: Any) -> Any:
        low, x, high = operands
        return builder.emit("minimum", builder.emit("maximum", x, low), high)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        low, x, high = operands
        if index == 0:
            chosen = comparison.less(x, low) & comparison.less_equal(low, high)
        elif index == 1:
            chosen = comparison.less(low, x) & comparison.less(x, high)
        else:
            chosen = comparison.less(high, x) | comparison.less(high, low)  # The upper edge wins.
        weight = comparison.select(chosen, constant_like(1.0, result), constant_like(0.0, result))
        return multiply(tangent, weight)

    def reference(self, low: Any, x: Any, high: Any) -> Any:
        return numpy.minimum(numpy.maximum(x, low), high)


class Power(Elementwise):
    """First operand raised to the second."""

    name = "power"
    operation = "power"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        x, y = operands
        if index == 0:
            # Safe where y is zero: the derivative of a constant is zero, even at x = 0.
            one = constant_like(1, y)
            exponent = comparison.select(comparison.equal(y, constant_like(0, y)), one, subtract(y, one))
            return multiply(tangent, multiply(y, power_values(x, exponent)))
        safe = comparison.select(comparison.equal(x, constant_like(0, x)), constant_like(1, x), x)
        return multiply(tangent, multiply(exponential.Logarithm().bind(safe), result))

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.power(x, y)


class Floor(Elementwise):
    """Largest integer that is not larger, as a floating-point number."""

    name = "floor"
    exact = "f"
    operation = "floor"
    kinds = "f"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return numpy.floor(x)


class Ceil(Elementwise):
    """Smallest integer that is not smaller, as a floating-point number."""

    name = "ceil"
    exact = "f"
    operation = "ceil"
    kinds = "f"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return numpy.ceil(x)


class RoundToEven(Elementwise):
    """Nearest integer, halves to the even one, as a floating-point number."""

    name = "round_to_even"
    exact = "f"
    operation = "round_nearest_even"
    kinds = "f"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return numpy.round(x)


class RoundAwayFromZero(Elementwise):
    """Nearest integer, halves to the one that is farther from zero, as a floating-point number."""

    name = "round_away_from_zero"
    exact = "f"
    operation = "round_nearest_afz"
    kinds = "f"
    differentiable = False

    def reference(self, x: Any) -> Any:
        whole = numpy.trunc(x)
        return numpy.where(numpy.abs(x - whole) >= 0.5, whole + numpy.copysign(1, x), whole).astype(x.dtype)


_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = Add(), Subtract(), Multiply(), Divide()
_NEGATIVE, _SIGN, _ABSOLUTE, _POWER = Negative(), Sign(), Absolute(), Power()


def add(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise sum of `x` and `y`."""
    operands = promote(x, y)
    if operands[0].type.kind == "b":
        return comparison.logical_or(*operands)
    return _ADD.bind(*operands)


def subtract(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise difference of `x` and `y`."""
    return _SUBTRACT.bind(*promote(x, y))


def multiply(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise product of `x` and `y`."""
    operands = promote(x, y)
    if operands[0].type.kind == "b":
        return comparison.logical_and(*operands)
    return _MULTIPLY.bind(*operands)


def divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise quotient of `x` and `y`; of integers, truncated towards zero."""
    return _DIVIDE.bind(*promote(x, y))


def true_divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise quotient of `x` and `y`; integers are converted to floating-point numbers first."""
    return _DIVIDE.bind(*promote(*inexact(x, y)))


def inexact(*operands: Any) -> tuple[Any, ...]:
    """Returns the operands promoted, and converted to a floating-point type if they are integers or booleans."""
    values = (as_value(operands[0]),) if len(operands) == 1 else promote(*operands)
    type = values[0].type
    if type.kind in "iub":
        return promote(*values, literal(0.0, default_dtype(float), True))[:-1]
    return values


def remainder(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the remainder of truncated division, which has the sign of `x`."""
    return Remainder().bind(*promote(x, y))


def counted(*operands: Any) -> tuple[Any, ...]:
    """Returns the operands promoted, and converted to the default integer type if they are booleans."""
    values = promote(*operands)
    if values[0].type.kind == "b":
        return promote(*values, literal(0, default_dtype(int), True))[:-1]
    return values


def floor_divide(x: Any, y: Any, /) -> Array:
    """Returns the quotient of `x` and `y` rounded towards negative infinity, as Python's `//`.

    Of floating-point numbers it is that of the exact quotient, not of the rounded one: `1.0 // 0.1` is 9, because the
    number that 0.1 stands for is a little larger. What division by zero gives is that of `/`; of integers, undefined.
    """
    x, y = counted(x, y)
    if x.type.kind == "u":
        return divide(x, y)
    rest = remainder(x, y)
    zero = constant_like(0, rest)
    wrong = comparison.logical_and(
        comparison.not_equal(rest, zero), comparison.not_equal(comparison.less(rest, zero), comparison.less(y, zero))
    )
    quotient = divide(x, y)
    if x.type.kind == "i":
        return comparison.select(wrong, subtract(quotient, constant_like(1, quotient)), quotient)
    whole = divide(subtract(x, rest), y)
    whole = round_to_even(comparison.select(wrong, subtract(whole, constant_like(1, whole)), whole))
    whole = comparison.select(comparison.equal(whole, zero), multiply(quotient, zero), whole)  # With the right sign.
    return comparison.select(comparison.equal(y, zero), quotient, whole)


def modulo(x: Any, y: Any, /) -> Array:
    """Returns the remainder of floored division, which has the sign of `y`, as Python's `%`.

    That of division by zero is zero for integers and NaN for floating-point numbers.
    """
    x, y = counted(x, y)
    rest = remainder(x, y)
    zero = constant_like(0, rest)
    if rest.type.kind in "iu":
        rest = comparison.select(comparison.equal(y, zero), zero, rest)
    if rest.type.kind == "u":
        return rest
    wrong = comparison.logical_and(
        comparison.not_equal(rest, zero), comparison.not_equal(comparison.less(rest, zero), comparison.less(y, zero))
    )
    return comparison.select(wrong, add(rest, y), rest)


def negative(x: ArrayLike, /) -> Array:
    """Returns the element-wise negation of `x`."""
    return _NEGATIVE.bind(as_value(x))


def sign(x: ArrayLike, /) -> Array:
    """Returns the element-wise sign of `x`."""
    x = as_value(x)
    if x.type.kind == "u":
        return minimum(x, constant_like(1, x))
    return _SIGN.bind(x)


def absolute(x: ArrayLike, /) -> Array:
    """Returns the element-wise absolute value of `x`."""
    x = as_value(x)
    return x if x.type.kind in "bu" else _ABSOLUTE.bind(x)


def maximum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise maximum of `x` and `y`; NaN wins."""
    return Maximum().bind(*promote(x, y))


def minimum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the element-wise minimum of `x` and `y`; NaN wins."""
    return Minimum().bind(*promote(x, y))


def clamp(low: ArrayLike, x: ArrayLike, high: ArrayLike, /) -> Array:
    """Returns `x` moved between `low` and `high`. Unlike that of `clip`, its derivative at these is zero."""
    return Clamp().bind(*promote(low, x, high))


def power_values(x: Any, y: Any, /) -> Any:
    """Returns `x` raised to `y`, both of one element type already."""
    return _POWER.bind(x, y)


def power(x: Any, y: Any, /) -> Any:
    """Returns `x` raised to `y`, element by element. A small Python integer becomes repeated multiplication.

    Raises:
        OperandError: If `x` is an integer and `y` a negative Python integer: the result would be no integer.
    """
    if type(y) is int and y <= 4:
        x = as_value(x)
        if x.type.kind == "b":
            (x, _) = counted(x, x)
        if y < 0:
            if x.type.kind in "iu":
                error = OperandError(f"an integer of type {x.type.dtype.name} cannot be raised to the power {y}")
                raise hinted(error, "convert it to a floating-point type, or divide by the positive power")
            return _POWER.bind(*promote(x, y))
        if y == 0:
            return ones_like_value(x)
        square = multiply(x, x) if y > 1 else x
        return square if y <= 2 else multiply(square, x if y == 3 else square)
    return _POWER.bind(*counted(x, y))


def ones_like_value(x: Any) -> Any:
    """Returns ones of the type of `x`."""
    return manipulation.broadcast_to(constant_like(1, x), x.type.shape)


def floor(x: ArrayLike, /) -> Array:
    """Returns the largest integer not larger than `x`, element by element."""
    x = as_value(x)
    return x if x.type.kind in "iub" else Floor().bind(x)


def ceil(x: ArrayLike, /) -> Array:
    """Returns the smallest integer not smaller than `x`, element by element."""
    x = as_value(x)
    return x if x.type.kind in "iub" else Ceil().bind(x)


def round_to_even(x: ArrayLike, /) -> Array:
    """Returns the integer nearest to `x`, halves to the even one, element by element."""
    x = as_value(x)
    return x if x.type.kind in "iub" else RoundToEven().bind(x)


def round_away_from_zero(x: ArrayLike, /) -> Array:
    """Returns the integer nearest to `x`, halves to the one that is farther from zero, element by element."""
    x = as_value(x)
    return x if x.type.kind in "iub" else RoundAwayFromZero().bind(x)


from ryft_core.primitives import manipulation  # noqa: E402 (manipulation is built on the families)
