"""Inverse trigonometric and hyperbolic functions, the error function, and the gamma function and its relatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError
from ryft_core.primitives import arithmetic, comparison, conversions, exponential
from ryft_core.primitives.families import Elementwise
from ryft_core.primitives.operands import constant_like
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import bit_width

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "ArcCosine",
    "ArcHyperbolicCosine",
    "ArcHyperbolicSine",
    "ArcHyperbolicTangent",
    "ArcSine",
    "ArcTangent",
    "ArcTangentOfQuotient",
    "BesselI1Exponential",
    "Digamma",
    "ErrorFunction",
    "ErrorFunctionComplement",
    "ErrorFunctionInverse",
    "HyperbolicCosine",
    "HyperbolicSine",
    "LogGamma",
    "NextAfter",
    "Polygamma",
    "Zeta",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "bessel_i0e",
    "bessel_i1e",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "gammaln",
    "nextafter",
    "polygamma",
    "sinh",
    "zeta",
]


class ArcSine(Elementwise):
    """Inverse sine, in radians."""

    name = "arc_sine"
    operation = "chlo.asin"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return tangent * exponential.rsqrt(constant_like(1, x) - x * x)

    def reference(self, x: Any) -> Any:
        return numpy.arcsin(x)


class ArcCosine(Elementwise):
    """Inverse cosine, in radians."""

    name = "arc_cosine"
    operation = "chlo.acos"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return -(tangent * exponential.rsqrt(constant_like(1, x) - x * x))

    def reference(self, x: Any) -> Any:
        return numpy.arccos(x)


class ArcTangent(Elementwise):
    """Inverse tangent, in radians."""

    name = "arc_tangent"
    operation = "chlo.atan"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return tangent / (constant_like(1, x) + x * x)

    def reference(self, x: Any) -> Any:
        return numpy.arctan(x)


class ArcTangentOfQuotient(Elementwise):
    """Angle, in radians, of the point whose ordinate is the first operand and whose abscissa is the second."""

    name = "arc_tangent_of_quotient"
    operation = "atan2"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        y, x = operands
        return tangent * ((x if index == 0 else arithmetic.negative(y)) / arithmetic.add(x * x, y * y))

    def reference(self, y: Any, x: Any) -> Any:
        return numpy.arctan2(y, x)


class HyperbolicSine(Elementwise):
    """Hyperbolic sine."""

    name = "hyperbolic_sine"
    operation = "chlo.sinh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * HyperbolicCosine().bind(operands[0])

    def reference(self, x: Any) -> Any:
        return numpy.sinh(x)


class HyperbolicCosine(Elementwise):
    """Hyperbolic cosine."""

    name = "hyperbolic_cosine"
    operation = "chlo.cosh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * HyperbolicSine().bind(operands[0])

    def reference(self, x: Any) -> Any:
        return numpy.cosh(x)


class ArcHyperbolicSine(Elementwise):
    """Inverse hyperbolic sine."""

    name = "arc_hyperbolic_sine"
    operation = "chlo.asinh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return tangent * exponential.rsqrt(x * x + constant_like(1, x))

    def reference(self, x: Any) -> Any:
        return numpy.arcsinh(x)


class ArcHyperbolicCosine(Elementwise):
    """Inverse hyperbolic cosine."""

    name = "arc_hyperbolic_cosine"
    operation = "chlo.acosh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        one = constant_like(1, x)
        return tangent * (exponential.rsqrt(x - one) * exponential.rsqrt(x + one))

    def reference(self, x: Any) -> Any:
        return numpy.arccosh(x)


class ArcHyperbolicTangent(Elementwise):
    """Inverse hyperbolic tangent."""

    name = "arc_hyperbolic_tangent"
    operation = "chlo.atanh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return tangent / (constant_like(1, x) - x * x)

    def reference(self, x: Any) -> Any:
        return numpy.arctanh(x)


class Widened(Elementwise, abstract=True):
    """Function of floating-point numbers that is not known for 8 bits or fewer: it is computed in 32 bits."""

    kinds = "f"

    def emit(self, builder: Builder, *operands: Any) -> Any:
        (result,) = builder.result_types
        if bit_width(result.dtype) > 8:
            return super().emit(builder, *operands)
        wide = builder.type(ArrayType(result.shape, numpy.dtype("float32")))
        values = [builder.emit("convert", operand, wide) for operand in operands]
        return builder.emit("convert", super().emit(builder, *values), builder.results[0])


def _gaussian(x: Any) -> Any:
    """Returns `2 / sqrt(pi) * exp(-x²)`, the derivative of the error function."""
    return constant_like(2 / math.sqrt(math.pi), x) * exponential.exp(-(x * x))


class ErrorFunction(Elementwise):
    """Error function: twice the integral of the Gaussian `exp(-t²) / sqrt(pi)` from zero."""

    name = "error_function"
    operation = "chlo.erf"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * _gaussian(operands[0])

    def reference(self, x: Any) -> Any:
        return numpy.vectorize(math.erf, otypes=[x.dtype])(x)


class ErrorFunctionComplement(Widened):
    """One minus the error function, precise for large arguments."""

    name = "error_function_complement"
    operation = "chlo.erfc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return -(tangent * _gaussian(operands[0]))

    def reference(self, x: Any) -> Any:
        return numpy.vectorize(math.erfc, otypes=[x.dtype])(x)


class ErrorFunctionInverse(Elementwise):
    """Inverse of the error function."""

    name = "error_function_inverse"
    operation = "chlo.erf_inv"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (constant_like(math.sqrt(math.pi) / 2, result) * exponential.exp(result * result))


class LogGamma(Elementwise):
    """Natural logarithm of the absolute value of the gamma function."""

    name = "log_gamma"
    operation = "chlo.lgamma"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * Digamma().bind(operands[0])

    def reference(self, x: Any) -> Any:
        return numpy.vectorize(math.lgamma, otypes=[x.dtype])(x)


class Digamma(Elementwise):
    """Derivative of the logarithm of the gamma function."""

    name = "digamma"
    operation = "chlo.digamma"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        (x,) = operands
        return tangent * Polygamma().bind(constant_like(1, x), x)


class Polygamma(Elementwise):
    """Derivative of the digamma function, of the order that the first operand gives, at the second."""

    name = "polygamma"
    operation = "chlo.polygamma"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        order, x = operands
        if index == 0:
            return Zero(result.type)  # The order is an integer, and not differentiated.
        return tangent * Polygamma().bind(arithmetic.add(order, constant_like(1, order)), x)


class Zeta(Elementwise):
    """Hurwitz zeta function: the sum of `(k + q)^(-x)` over non-negative integers `k`, for operands `x` and `q`."""

    name = "zeta"
    operation = "chlo.zeta"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        x, q = operands
        if index == 0:
            raise DataTypeError("`zeta` has no derivative in closed form with respect to its first operand")
        return -(tangent * (x * Zeta().bind(arithmetic.add(x, constant_like(1, x)), q)))


class BesselI1Exponential(Widened):
    """Modified Bessel function of the first kind of order 1, times `exp(-|x|)`. Its derivative needs order 0."""

    name = "bessel_i1_exponential"
    operation = "chlo.bessel_i1e"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        # I1' = I0 - I1 / x, so that I1e' = I0e - I1e (sign(x) + 1 / x); at zero it is 1 / 2.
        (x,) = operands
        zero = comparison.equal(x, constant_like(0, x))
        safe = comparison.select(zero, constant_like(1, x), x)
        slope = bessel_i0e(safe) - result * (arithmetic.sign(safe) + constant_like(1, safe) / safe)
        return tangent * comparison.select(zero, constant_like(0.5, x), slope)


class NextAfter(Elementwise):
    """Next representable number after the first operand in the direction of the second."""

    name = "next_after"
    operation = "chlo.next_after"
    kinds = "f"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.nextafter(x, y)


# Chebyshev series of I0e(4 (t + 1)) and, beyond 8, of sqrt(x) I0e(x) at x = 16 / (t + 1), from SciPy's `i0e` with
# `numpy.polynomial.chebyshev.chebinterpolate`; the error is below 1e-15.
_I0E_NEAR = (
    0.33839763720473803,
    -0.30468267234319846,
    0.17162090152220871,
    -0.094901097048047542,
    0.04930528423967051,
    -0.023737414805899248,
    0.010546460394594625,
    -0.0043243099950502047,
    0.0016394756169407442,
    -0.00057637557453806834,
    0.00018850288509510108,
    -5.7541950100176549e-05,
    1.6448448069798088e-05,
    -4.416738357605159e-06,
    1.117387537852288e-06,
    -2.6707938430768432e-07,
    6.0469948676145077e-08,
    -1.300024885916454e-08,
    2.6598218484861848e-09,
    -5.1897803514983874e-10,
    9.6755923907819248e-11,
    -1.7266576264012606e-11,
    2.9526758022717965e-12,
    -4.8387028510938583e-13,
    7.4377805501870044e-14,
    -9.9440297266336781e-15,
    -5.6898930012039273e-16,
    1.3965019616892148e-15,
    -2.0681868915874346e-15,
    1.5519331851367366e-15,
    -2.0412243324179664e-15,
    1.5796887607523655e-15,
    -2.1855533256192369e-15,
    1.7069679003611782e-15,
    -2.227979705488841e-15,
)
_I0E_FAR = (
    0.40224520550705439,
    0.0033691164782556869,
    6.8897583469169682e-05,
    2.8913705208207556e-06,
    2.0489185888897462e-07,
    2.2666689898539943e-08,
    3.3962319589570489e-09,
    4.9406024887484466e-10,
    1.1889117824856503e-11,
    -3.1499180487008711e-11,
    -1.3215939091335238e-11,
    -1.7941692468632443e-12,
    7.1766282092932193e-13,
    3.8528228705001401e-13,
    1.4939481351627572e-14,
    -4.1494063249042923e-14,
    -1.0065819988799251e-14,
    3.8055290609919874e-15,
    9.0264214639197802e-16,
    -3.5982726542052422e-16,
    -1.4362764873047449e-15,
    1.6628801204261526e-17,
    -9.099419230547619e-16,
    -2.1826791303634906e-17,
    -9.4387745779804775e-16,
    3.2340997021324477e-18,
    -1.020191843660216e-15,
    -9.0097150831249109e-18,
    -7.3221608387172815e-16,
)


def _chebyshev(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Returns the Chebyshev series at `x` in [-1, 1], by Clenshaw's recurrence."""
    following, current = constant_like(0, x) * x, constant_like(0, x) * x
    for coefficient in coefficients[:0:-1]:
        following, current = current, constant_like(2, x) * x * current - following + constant_like(coefficient, x)
    return x * current - following + constant_like(coefficients[0], x)


def bessel_i0e(x: ArrayLike, /) -> Array:
    """Returns the modified Bessel function of the first kind of order 0, times `exp(-|x|)`, element by element."""
    (value,) = arithmetic.inexact(x)
    if bit_width(value.type.dtype) < 32:
        return conversions.convert(bessel_i0e(conversions.convert(value, "float32")), value.type.dtype)
    size = arithmetic.absolute(value)
    eight = constant_like(8, value)
    near = _chebyshev(arithmetic.minimum(size, eight) / constant_like(4, value) - constant_like(1, value), _I0E_NEAR)
    large = arithmetic.maximum(size, eight)
    far = _chebyshev(constant_like(16, value) / large - constant_like(1, value), _I0E_FAR) * exponential.rsqrt(large)
    return comparison.select(comparison.less(size, eight), near, far)


def _unary(primitive: Elementwise, x: Any) -> Any:
    return primitive.bind(*arithmetic.inexact(x))


def arcsin(x: ArrayLike, /) -> Array:
    """Returns the inverse sine of `x` in radians, element by element; NaN outside [-1, 1]."""
    return _unary(ArcSine(), x)


def arccos(x: ArrayLike, /) -> Array:
    """Returns the inverse cosine of `x` in radians, element by element; NaN outside [-1, 1]."""
    return _unary(ArcCosine(), x)


def arctan(x: ArrayLike, /) -> Array:
    """Returns the inverse tangent of `x` in radians, element by element."""
    return _unary(ArcTangent(), x)


def arctan2(y: ArrayLike, x: ArrayLike, /) -> Array:
    """Returns the angle in radians of the point with ordinate `y` and abscissa `x`, element by element."""
    return ArcTangentOfQuotient().bind(*arithmetic.inexact(y, x))


def sinh(x: ArrayLike, /) -> Array:
    """Returns the hyperbolic sine of `x`, element by element."""
    return _unary(HyperbolicSine(), x)


def cosh(x: ArrayLike, /) -> Array:
    """Returns the hyperbolic cosine of `x`, element by element."""
    return _unary(HyperbolicCosine(), x)


def arcsinh(x: ArrayLike, /) -> Array:
    """Returns the inverse hyperbolic sine of `x`, element by element."""
    return _unary(ArcHyperbolicSine(), x)


def arccosh(x: ArrayLike, /) -> Array:
    """Returns the inverse hyperbolic cosine of `x`, element by element; NaN below 1."""
    return _unary(ArcHyperbolicCosine(), x)


def arctanh(x: ArrayLike, /) -> Array:
    """Returns the inverse hyperbolic tangent of `x`, element by element; NaN outside [-1, 1]."""
    return _unary(ArcHyperbolicTangent(), x)


def erf(x: ArrayLike, /) -> Array:
    """Returns the error function of `x`, element by element."""
    return _unary(ErrorFunction(), x)


def erfc(x: ArrayLike, /) -> Array:
    """Returns one minus the error function of `x`, element by element."""
    return _unary(ErrorFunctionComplement(), x)


def erfinv(x: ArrayLike, /) -> Array:
    """Returns the inverse of the error function of `x`, element by element; NaN outside [-1, 1]."""
    return _unary(ErrorFunctionInverse(), x)


def gammaln(x: ArrayLike, /) -> Array:
    """Returns the logarithm of the absolute value of the gamma function of `x`, element by element."""
    return _unary(LogGamma(), x)


def digamma(x: ArrayLike, /) -> Array:
    """Returns the derivative of `gammaln` at `x`, element by element."""
    return _unary(Digamma(), x)


def polygamma(n: Any, x: ArrayLike, /) -> Array:
    """Returns the `n`-th derivative of the digamma function at `x`, element by element."""
    return Polygamma().bind(*arithmetic.inexact(n, x))


def zeta(x: ArrayLike, q: Any = 1.0, /) -> Array:
    """Returns the Hurwitz zeta function of `x` and `q`, element by element."""
    return Zeta().bind(*arithmetic.inexact(x, q))


def bessel_i1e(x: ArrayLike, /) -> Array:
    """Returns the modified Bessel function of order 1, times `exp(-|x|)`, element by element."""
    return _unary(BesselI1Exponential(), x)


def nextafter(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the next representable number after `x` in the direction of `y`, element by element."""
    return NextAfter().bind(*arithmetic.inexact(x, y))
