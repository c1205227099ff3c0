"""Functions of single elements, named as in NumPy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError
from ryft_core.numpy.fusion import fused
from ryft_core.numpy.searching import nonzero
from ryft_core.primitives import (
    arithmetic,
    bits,
    comparison,
    complex_numbers,
    conversions,
    exponential,
    reductions,
    special_functions,
)
from ryft_core.primitives.operands import as_value, constant_like, literal, promote
from ryft_core.types.data_types import finfo

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "allclose",
    "angle",
    "around",
    "array_equal",
    "clip",
    "copysign",
    "deg2rad",
    "degrees",
    "divmod",
    "exp2",
    "fabs",
    "float_power",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "invert",
    "isclose",
    "iscomplexobj",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isrealobj",
    "ldexp",
    "left_shift",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "mod",
    "modf",
    "nan_to_num",
    "positive",
    "pow",
    "rad2deg",
    "radians",
    "reciprocal",
    "right_shift",
    "round",
    "signbit",
    "sinc",
    "square",
    "trunc",
    "where",
]


def positive(x: ArrayLike, /) -> Array:
    """Returns `x`."""
    return as_value(x)


@fused
def fabs(x: ArrayLike, /) -> Array:
    """Returns the absolute value of `x` as a floating-point number."""
    return arithmetic.absolute(*arithmetic.inexact(x))


@fused
def square(x: ArrayLike, /) -> Array:
    """Returns `x` times `x`."""
    return arithmetic.multiply(x, x)


@fused
def reciprocal(x: ArrayLike, /) -> Array:
    """Returns one divided by `x`."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.divide(constant_like(1, x), x)


def pow(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns `x` raised to `y`."""
    return arithmetic.power(x, y)


@fused
def float_power(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns `x` raised to `y`, both converted to floating-point numbers."""
    return arithmetic.power(*arithmetic.inexact(x, y))


def fmod(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the remainder of truncated division, which has the sign of `x`."""
    return arithmetic.remainder(x, y)


def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the quotient of `x` and `y` rounded towards negative infinity, as Python's `//`."""
    return _floor_divide(*promote(x, y))


def mod(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the remainder of floored division, which has the sign of `y`, as Python's `%`."""
    return _modulo(*promote(x, y))


def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Any, Any]:
    """Returns the quotient rounded towards negative infinity and the remainder, which has the sign of `y`."""
    return _divmod(*promote(x, y))


_floor_divide, _modulo = fused(arithmetic.floor_divide), fused(arithmetic.modulo)


@fused
def _divmod(x: Any, y: Any, /) -> tuple[Any, Any]:
    return arithmetic.floor_divide(x, y), arithmetic.modulo(x, y)


@fused
def modf(x: ArrayLike, /) -> tuple[Any, Any]:
    """Returns the fractional and the integral part of `x`, both with the sign of `x`."""
    (x,) = arithmetic.inexact(x)
    whole = _truncated(x)
    return arithmetic.subtract(x, whole), whole


def _truncated(x: Any) -> Any:
    return comparison.select(comparison.less(x, constant_like(0, x)), arithmetic.ceil(x), arithmetic.floor(x))


@fused
def trunc(x: ArrayLike, /) -> Array:
    """Returns the integer next to `x` towards zero."""
    x = as_value(x)
    return x if x.type.kind in "biu" else _truncated(x)


@fused
def round(x: ArrayLike, /, decimals: int = 0) -> Array:
    """Returns `x` rounded to a number of decimal places, halves to the even digit."""
    x = as_value(x)
    if x.type.kind == "c":
        return complex_numbers.make_complex(
            round(complex_numbers.real(x), decimals=decimals), round(complex_numbers.imag(x), decimals=decimals)
        )
    if x.type.kind in "biu":
        if decimals >= 0 or x.type.kind == "b":
            return x
        unit = constant_like(10**-decimals, x)
        floats = arithmetic.true_divide(x, unit)
        return conversions.convert(arithmetic.multiply(arithmetic.round_to_even(floats), unit), x.type.dtype)
    if decimals == 0:
        return arithmetic.round_to_even(x)
    factor = constant_like(10.0**decimals, x)
    return arithmetic.divide(arithmetic.round_to_even(arithmetic.multiply(x, factor)), factor)


around = round


@fused
def _clip(x: Any, low: Any, high: Any, /) -> Any:
    if low is not None:
        x = arithmetic.maximum(x, low)
    return x if high is None else arithmetic.minimum(x, high)


def clip(x: ArrayLike, /, min: Any = None, max: Any = None) -> Array:
    """Returns `x` moved between `min` and `max`, either of which may be missing."""
    x = as_value(x)
    if x.type.kind in "iu":  # A bound that is none of the type's numbers must not be wrapped around.
        min, max = (literal(bound, x.type.dtype) if type(bound) is int else bound for bound in (min, max))
    return _clip(x, min, max)


@fused
def exp2(x: ArrayLike, /) -> Array:
    """Returns two raised to `x`."""
    (x,) = arithmetic.inexact(x)
    return exponential.exp(arithmetic.multiply(x, constant_like(math.log(2.0), x)))


@fused
def log2(x: ArrayLike, /) -> Array:
    """Returns the logarithm of `x` to base two."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.divide(exponential.log(x), constant_like(math.log(2.0), x))


@fused
def log10(x: ArrayLike, /) -> Array:
    """Returns the logarithm of `x` to base ten."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.divide(exponential.log(x), constant_like(math.log(10.0), x))


@fused
def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the logarithm of the sum of the exponentials of `x` and `y`, without overflow."""
    x, y = arithmetic.inexact(x, y)
    larger = arithmetic.maximum(x, y)
    distance = arithmetic.subtract(x, y)
    # Two equal infinities have no distance, and their sum no finite logarithm.
    same = comparison.equal(x, y)
    safe = comparison.select(same, constant_like(0, distance), distance)
    total = exponential.log1p(exponential.exp(arithmetic.negative(arithmetic.absolute(safe))))
    doubled = arithmetic.add(comparison.select(same, arithmetic.add(x, y) * 0.5, larger), total)
    return comparison.select(comparison.logical_and(same, isinf(x)), x, doubled)


@fused
def logaddexp2(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the logarithm to base two of the sum of the powers of two of `x` and `y`."""
    x, y = arithmetic.inexact(x, y)
    scale = constant_like(math.log(2.0), x)
    return arithmetic.divide(logaddexp(arithmetic.multiply(x, scale), arithmetic.multiply(y, scale)), scale)


@fused
def hypot(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the length of the vector (`x`, `y`), without overflow."""
    x, y = (arithmetic.absolute(value) for value in arithmetic.inexact(x, y))
    larger, smaller = arithmetic.maximum(x, y), arithmetic.minimum(x, y)
    zero, one = constant_like(0, larger), constant_like(1, larger)
    is_zero = comparison.equal(larger, zero)
    ratio = arithmetic.divide(smaller, comparison.select(is_zero, one, larger))
    length = arithmetic.multiply(larger, exponential.sqrt(arithmetic.add(one, arithmetic.multiply(ratio, ratio))))
    infinite = comparison.logical_or(isinf(x), isinf(y))
    infinity = constant_like(math.inf, larger)
    return comparison.select(infinite, infinity, comparison.select(is_zero, arithmetic.add(x, y), length))


@fused
def sinc(x: ArrayLike, /) -> Array:
    """Returns `sin(pi x) / (pi x)`, which is one at zero."""
    (x,) = arithmetic.inexact(x)
    scaled = arithmetic.multiply(x, constant_like(math.pi, x))
    is_zero = comparison.equal(x, constant_like(0, x))
    safe = comparison.select(is_zero, constant_like(1, x), scaled)
    # Near zero the series keeps the derivatives right, at zero as well.
    series = arithmetic.subtract(constant_like(1, x), arithmetic.multiply(scaled, scaled) / 6.0)
    return comparison.select(is_zero, series, arithmetic.divide(exponential.sin(safe), safe))


@fused
def heaviside(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns 0 for negative `x`, 1 for positive, `y` for zero, and NaN for NaN."""
    x, y = arithmetic.inexact(x, y)
    zero, one = constant_like(0, x), constant_like(1, x)
    result = comparison.select(comparison.less(x, zero), zero, comparison.select(comparison.equal(x, zero), y, one))
    return comparison.select(comparison.not_equal(x, x), x, result)


@fused
def deg2rad(x: ArrayLike, /) -> Array:
    """Returns an angle in degrees converted to radians."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, constant_like(math.pi / 180.0, x))


@fused
def rad2deg(x: ArrayLike, /) -> Array:
    """Returns an angle in radians converted to degrees."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, constant_like(180.0 / math.pi, x))


degrees = rad2deg
radians = deg2rad


@fused
def angle(x: Any, /) -> Array:
    """Returns the argument of complex numbers; zero or pi for real ones."""
    (x,) = arithmetic.inexact(x)
    if x.type.kind == "c":
        return special_functions.arctan2(complex_numbers.imag(x), complex_numbers.real(x))
    negative = comparison.less(x, constant_like(0, x))
    result = comparison.select(negative, constant_like(math.pi, x), constant_like(0, x))
    return comparison.select(isnan(x), x, result)


@fused
def isnan(x: ArrayLike, /) -> Array:
    """Returns whether each element is NaN."""
    x = as_value(x)
    return comparison.not_equal(x, x)


@fused
def isinf(x: ArrayLike, /) -> Array:
    """Returns whether each element is infinite."""
    x = as_value(x)
    if x.type.kind == "c":
        return comparison.logical_or(isinf(complex_numbers.real(x)), isinf(complex_numbers.imag(x)))
    if x.type.kind != "f":
        return comparison.not_equal(x, x)
    return comparison.equal(arithmetic.absolute(x), constant_like(math.inf, x))


@fused
def isposinf(x: ArrayLike, /) -> Array:
    """Returns whether each element is positive infinity."""
    x = as_value(x)
    return comparison.equal(x, constant_like(math.inf, x)) if x.type.kind == "f" else comparison.not_equal(x, x)


@fused
def isneginf(x: ArrayLike, /) -> Array:
    """Returns whether each element is negative infinity."""
    x = as_value(x)
    return comparison.equal(x, constant_like(-math.inf, x)) if x.type.kind == "f" else comparison.not_equal(x, x)


def iscomplexobj(x: ArrayLike, /) -> bool:
    """Returns whether the elements of `x` are complex."""
    return as_value(x).type.kind == "c"


def isrealobj(x: ArrayLike, /) -> bool:
    """Returns whether the elements of `x` are not complex."""
    return not iscomplexobj(x)


@fused
def signbit(x: ArrayLike, /) -> Array:
    """Returns whether each element has its sign bit set: negative numbers, negative zero, some NaNs."""
    x = as_value(x)
    if x.type.kind != "f":
        return comparison.less(x, constant_like(0, x)) if x.type.kind == "i" else comparison.not_equal(x, x)
    integers = bits.bitcast_convert_type(x, numpy.dtype(f"int{8 * x.type.dtype.itemsize}"))
    return comparison.less(integers, constant_like(0, integers))


@fused
def copysign(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the absolute value of `x` with the sign of `y`."""
    x, y = arithmetic.inexact(x, y)
    size = arithmetic.absolute(x)
    return comparison.select(signbit(y), arithmetic.negative(size), size)


@fused
def ldexp(x: Any, exponent: Any, /) -> Array:
    """Returns `x` times two raised to the integer `exponent`."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, exp2(conversions.convert(exponent, x.type.dtype)))


def left_shift(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the bits of the integer `x` moved left by `y` places."""
    return bits.shift_left(x, y)


def right_shift(x: Any, y: Any, /) -> Array:
    """Returns the bits of the integer `x` moved right by `y` places; a negative number stays negative."""
    x, y = promote(x, y)
    return (bits.shift_right_logical if x.type.kind == "u" else bits.shift_right_arithmetic)(x, y)


def invert(x: ArrayLike, /) -> Array:
    """Returns the bit-wise complement of integers, or the logical "not" of booleans."""
    return comparison.bitwise_not(x)


@fused
def fmax(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the larger of `x` and `y`; the other one where one of them is NaN."""
    x, y = promote(x, y)
    missing = comparison.logical_or(comparison.not_equal(y, y), comparison.greater(x, y))
    return comparison.select(missing, x, y)


@fused
def fmin(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns the smaller of `x` and `y`; the other one where one of them is NaN."""
    x, y = promote(x, y)
    missing = comparison.logical_or(comparison.not_equal(y, y), comparison.less(x, y))
    return comparison.select(missing, x, y)


@fused
def _nan_to_num(x: Any, nan: Any, posinf: Any, neginf: Any, /) -> Any:
    x = as_value(x)
    if x.type.kind == "c":
        parts = (complex_numbers.real(x), complex_numbers.imag(x))
        return complex_numbers.make_complex(*(_nan_to_num(part, nan, posinf, neginf) for part in parts))
    if x.type.kind != "f":
        return x
    limits = finfo(x.type.dtype)
    dtype = x.type.dtype
    high = conversions.convert(limits.max if posinf is None else posinf, dtype)
    low = conversions.convert(limits.min if neginf is None else neginf, dtype)
    x = comparison.select(isnan(x), conversions.convert(nan, dtype), x)
    return comparison.select(isposinf(x), high, comparison.select(isneginf(x), low, x))


def nan_to_num(x: ArrayLike, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    """Returns `x` with NaN replaced by `nan`, and infinities by the largest finite numbers or those given."""
    return _nan_to_num(as_value(x), nan, posinf, neginf)


def where(condition: Any, x: Any = None, y: Any = None, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Returns `x` where `condition` is true (not zero) and `y` elsewhere; the operands are broadcast together.

    With the condition alone, returns the positions of its true elements: refer to `nonzero`.

    The derivative flows through both cases: where the case that is not chosen has an infinite or undefined derivative,
    the result's is NaN. Guard the *operand* of such a function with a second `where`.
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise DataTypeError("`where` expected both cases, or neither, but got one")
    return comparison.where(condition, x, y)


@fused
def _isclose(x: Any, y: Any, rtol: Any, atol: Any, /, *, equal_nan: bool) -> Any:
    x, y = promote(x, y)
    same = comparison.equal(x, y)
    if equal_nan:
        same = comparison.logical_or(same, comparison.logical_and(isnan(x), isnan(y)))
    if x.type.kind == "b":
        return same
    x, y = arithmetic.inexact(x, y)
    allowed = arithmetic.add(atol, arithmetic.multiply(rtol, arithmetic.absolute(y)))
    near = comparison.less_equal(arithmetic.absolute(arithmetic.subtract(x, y)), allowed)
    return comparison.logical_or(same, comparison.logical_and(near, comparison.logical_not(isinf(y))))


def isclose(x: ArrayLike, y: ArrayLike, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    """Returns whether `x` and `y` differ by at most `atol` plus `rtol` times the absolute value of `y`."""
    return _isclose(as_value(x), as_value(y), rtol, atol, equal_nan=equal_nan)


def allclose(x: ArrayLike, y: ArrayLike, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    """Returns whether all elements of `x` and `y` are close; refer to `isclose`."""
    close = isclose(x, y, rtol, atol, equal_nan)
    return reductions.ReduceAnd(tuple(range(close.type.ndim))).bind(close)


def array_equal(x: ArrayLike, y: ArrayLike, equal_nan: bool = False) -> Array:
    """Returns whether `x` and `y` have the same shape and equal elements."""
    x, y = as_value(x), as_value(y)
    if x.type.shape != y.type.shape:
        return as_value(numpy.False_)
    same = comparison.equal(x, y)
    if equal_nan:
        same = comparison.logical_or(same, comparison.logical_and(isnan(x), isnan(y)))
    return reductions.ReduceAnd(tuple(range(same.type.ndim))).bind(same)
