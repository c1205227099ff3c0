"""Exponentials, logarithms, powers by fixed exponents, and trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.primitives.families import Elementwise
from ryft_core.primitives.operands import constant_like

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "CubeRoot",
    "Cosine",
    "Exponential",
    "ExponentialMinusOne",
    "Logarithm",
    "LogarithmOnePlus",
    "Logistic",
    "ReciprocalSquareRoot",
    "Sine",
    "SquareRoot",
    "Tangent",
    "Tanh",
    "cbrt",
    "cos",
    "exp",
    "expm1",
    "log",
    "log1p",
    "logistic",
    "rsqrt",
    "sin",
    "sqrt",
    "tan",
    "tanh",
]


class Exponential(Elementwise):
    """Natural exponential."""

    name = "exponential"
    operation = "exponential"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * result

    def reference(self, x: Any) -> Any:
        return numpy.exp(x)


class ExponentialMinusOne(Elementwise):
    """Natural exponential minus one, precise near zero."""

    name = "exponential_minus_one"
    operation = "exponential_minus_one"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (result + constant_like(1, result))

    def reference(self, x: Any) -> Any:
        return numpy.expm1(x)


class Logarithm(Elementwise):
    """Natural logarithm."""

    name = "logarithm"
    operation = "log"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent / operands[0]

    def reference(self, x: Any) -> Any:
        return numpy.log(x)


class LogarithmOnePlus(Elementwise):
    """Natural logarithm of one plus the operand, precise near zero."""

    name = "logarithm_one_plus"
    operation = "log_plus_one"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent / (operands[0] + constant_like(1, operands[0]))

    def reference(self, x: Any) -> Any:
        return numpy.log1p(x)


class SquareRoot(Elementwise):
    """Principal square root."""

    name = "square_root"
    exact = "f"
    rounds = True
    operation = "sqrt"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (constant_like(0.5, result) / result)

    def reference(self, x: Any) -> Any:
        return numpy.sqrt(x)


class ReciprocalSquareRoot(Elementwise):
    """Reciprocal of the square root."""

    name = "reciprocal_square_root"
    operation = "rsqrt"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (constant_like(-0.5, result) * (result / operands[0]))

    def reference(self, x: Any) -> Any:
        return 1 / numpy.sqrt(x)


class CubeRoot(Elementwise):
    """Real cube root."""

    name = "cube_root"
    operation = "cbrt"
    kinds = "f"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent / (constant_like(3, result) * result * result)  # Infinite at zero.

    def reference(self, x: Any) -> Any:
        return numpy.cbrt(x)


class Logistic(Elementwise):
    """Logistic function `1 / (1 + exp(-x))`."""

    name = "logistic"
    operation = "logistic"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (result * (constant_like(1, result) - result))

    def reference(self, x: Any) -> Any:
        return 1 / (1 + numpy.exp(-x))


class Sine(Elementwise):
    """Sine of an angle in radians."""

    name = "sine"
    operation = "sine"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * Cosine().bind(operands[0])

    def reference(self, x: Any) -> Any:
        return numpy.sin(x)


class Cosine(Elementwise):
    """Cosine of an angle in radians."""

    name = "cosine"
    operation = "cosine"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return -(tangent * Sine().bind(operands[0]))

    def reference(self, x: Any) -> Any:
        return numpy.cos(x)


class Tangent(Elementwise):
    """Tangent of an angle in radians."""

    name = "tangent"
    operation = "tan"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (constant_like(1, result) + result * result)

    def reference(self, x: Any) -> Any:
        return numpy.tan(x)


class Tanh(Elementwise):
    """Hyperbolic tangent."""

    name = "hyperbolic_tangent"
    operation = "tanh"
    kinds = "fc"

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent * (constant_like(1, result) - result * result)

    def reference(self, x: Any) -> Any:
        return numpy.tanh(x)


_EXPONENTIAL, _LOGARITHM, _SQUARE_ROOT, _TANH, _SINE, _COSINE = (
    Exponential(),
    Logarithm(),
    SquareRoot(),
    Tanh(),
    Sine(),
    Cosine(),
)


def exp(x: ArrayLike, /) -> Array:
    """Returns the natural exponential of `x`, element by element."""
    return _EXPONENTIAL.bind(*arithmetic.inexact(x))


def expm1(x: ArrayLike, /) -> Array:
    """Returns `exp(x) - 1`, precise near zero, element by element."""
    return ExponentialMinusOne().bind(*arithmetic.inexact(x))


def log(x: ArrayLike, /) -> Array:
    """Returns the natural logarithm of `x`, element by element; NaN for negative real numbers."""
    return _LOGARITHM.bind(*arithmetic.inexact(x))


def log1p(x: ArrayLike, /) -> Array:
    """Returns `log(1 + x)`, precise near zero, element by element."""
    return LogarithmOnePlus().bind(*arithmetic.inexact(x))


def sqrt(x: ArrayLike, /) -> Array:
    """Returns the principal square root of `x`, element by element; NaN for negative real numbers."""
    return _SQUARE_ROOT.bind(*arithmetic.inexact(x))


def rsqrt(x: ArrayLike, /) -> Array:
    """Returns the reciprocal of the square root of `x`, element by element."""
    return ReciprocalSquareRoot().bind(*arithmetic.inexact(x))


def cbrt(x: ArrayLike, /) -> Array:
    """Returns the real cube root of `x`, element by element."""
    return CubeRoot().bind(*arithmetic.inexact(x))


def logistic(x: ArrayLike, /) -> Array:
    """Returns `1 / (1 + exp(-x))`, element by element."""
    return Logistic().bind(*arithmetic.inexact(x))


def sin(x: ArrayLike, /) -> Array:
    """Returns the sine of `x` in radians, element by element."""
    return _SINE.bind(*arithmetic.inexact(x))


def cos(x: ArrayLike, /) -> Array:
    """Returns the cosine of `x` in radians, element by element."""
    return _COSINE.bind(*arithmetic.inexact(x))


def tan(x: ArrayLike, /) -> Array:
    """Returns the tangent of `x` in radians, element by element."""
    return Tangent().bind(*arithmetic.inexact(x))


def tanh(x: ArrayLike, /) -> Array:
    """Returns the hyperbolic tangent of `x`, element by element."""
    return _TANH.bind(*arithmetic.inexact(x))


from ryft_core.primitives import arithmetic  # noqa: E402 (arithmetic uses the logarithm)
