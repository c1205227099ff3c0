"""Complex numbers: their parts, and their conjugates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.primitives import arithmetic, conversions, creation
from ryft_core.primitives.families import Elementwise, sum_to_shape
from ryft_core.primitives.operands import as_value, constant_like, promote
from ryft_core.primitives.symbolic import is_linear
from ryft_core.types.data_types import complex_dtype, real_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = ["Complex", "Imaginary", "Real", "conj", "imag", "make_complex", "real"]


class Complex(Elementwise):
    """Complex number from its real and its imaginary part."""

    name = "complex"
    operation = "complex"
    kinds = "f"
    linear = True

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        return complex_dtype(dtype)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        zero = constant_like(0, tangent)
        return self.bind(tangent, zero) if index == 0 else self.bind(zero, tangent)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        # The derivative is linear over the reals and paired without conjugation: Re(c * (x + iy)).
        parts = (lambda: real(cotangents), lambda: arithmetic.negative(imag(cotangents)))
        return [
            sum_to_shape(part(), operand.type) if is_linear(operand) else None
            for part, operand in zip(parts, operands, strict=True)
        ]

    def reference(self, x: Any, y: Any) -> Any:
        return x + 1j * y


class Real(Elementwise):
    """Real part of a complex number."""

    name = "real"
    operation = "real"
    kinds = "c"
    linear = True

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        return real_dtype(dtype)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return self.bind(tangent)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [Complex().bind(cotangents, constant_like(0, cotangents))]

    def reference(self, x: Any) -> Any:
        return x.real


class Imaginary(Elementwise):
    """Imaginary part of a complex number."""

    name = "imaginary"
    operation = "imag"
    kinds = "c"
    linear = True

    def result_dtype(self, dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
        return real_dtype(dtype)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return self.bind(tangent)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [Complex().bind(constant_like(0, cotangents), arithmetic.negative(cotangents))]

    def reference(self, x: Any) -> Any:
        return x.imag


def make_complex(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the complex numbers with real parts `x` and imaginary parts `y`; those of narrow parts have 64 bits."""
    parts = promote(x, y)
    if parts[0].type.kind == "f":
        parts = [conversions.convert(part, real_dtype(complex_dtype(part.type.dtype))) for part in parts]
    return Complex().bind(*parts)


def real(x: ArrayLike, /) -> Array:
    """Returns the real part of `x`, element by element; `x` itself if it is real."""
    x = as_value(x)
    return Real().bind(x) if x.type.kind == "c" else x


def imag(x: ArrayLike, /) -> Array:
    """Returns the imaginary part of `x`, element by element; zeros if it is real."""
    x = as_value(x)
    return Imaginary().bind(x) if x.type.kind == "c" else creation.full(x.type.shape, 0, x.type.dtype)


def conj(x: ArrayLike, /) -> Array:
    """Returns the complex conjugate of `x`, element by element; `x` itself if it is real."""
    x = as_value(x)
    return Complex().bind(Real().bind(x), arithmetic.negative(Imaginary().bind(x))) if x.type.kind == "c" else x
