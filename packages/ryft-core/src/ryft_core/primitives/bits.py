"""Operations on bits: shifts, counts, reinterpretation, and reduced precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, DataTypeError, ShapeError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.families import Elementwise
from ryft_core.primitives.operands import as_value, promote
from ryft_core.types.array_types import ArrayType, kind_of
from ryft_core.types.data_types import bit_width, canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = [
    "BitcastConvert",
    "CountLeadingZeros",
    "PopulationCount",
    "ReducePrecision",
    "ShiftLeft",
    "ShiftRightArithmetic",
    "ShiftRightLogical",
    "bitcast_convert_type",
    "clz",
    "population_count",
    "reduce_precision",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
]


def _unsigned(x: Any) -> Any:
    return x.view(f"uint{x.dtype.itemsize * 8}")


class ShiftLeft(Elementwise):
    """Bits moved towards the most significant one by as many places as the second operand says; zeros fill up."""

    name = "shift_left"
    operation = "shift_left"
    kinds = "iu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        return numpy.where(_unsigned(y) < x.dtype.itemsize * 8, numpy.left_shift(x, y), 0).astype(x.dtype)


class ShiftRightArithmetic(Elementwise):
    """Bits moved towards the least significant one; copies of the sign bit fill up."""

    name = "shift_right_arithmetic"
    operation = "shift_right_arithmetic"
    kinds = "iu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        signed = x.view(f"int{x.dtype.itemsize * 8}")
        places = numpy.minimum(_unsigned(y), x.dtype.itemsize * 8 - 1).astype(signed.dtype)
        return numpy.right_shift(signed, places).view(x.dtype)


class ShiftRightLogical(Elementwise):
    """Bits moved towards the least significant one; zeros fill up."""

    name = "shift_right_logical"
    operation = "shift_right_logical"
    kinds = "iu"
    differentiable = False

    def reference(self, x: Any, y: Any) -> Any:
        shifted = numpy.right_shift(_unsigned(x), _unsigned(y))
        return numpy.where(_unsigned(y) < x.dtype.itemsize * 8, shifted, 0).astype(shifted.dtype).view(x.dtype)


class PopulationCount(Elementwise):
    """Number of bits that are set."""

    name = "population_count"
    operation = "popcnt"
    kinds = "iu"
    differentiable = False

    def reference(self, x: Any) -> Any:
        return numpy.bitwise_count(_unsigned(x)).astype(x.dtype)


class CountLeadingZeros(Elementwise):
    """Number of zero bits before the most significant bit that is set."""

    name = "count_leading_zeros"
    operation = "count_leading_zeros"
    kinds = "iu"
    differentiable = False

    def reference(self, x: Any) -> Any:
        width = x.dtype.itemsize * 8
        return numpy.vectorize(lambda value: width - int(value).bit_length(), otypes=[x.dtype])(_unsigned(x))


class BitcastConvert(Primitive):
    """Same bits, read as another element type. A narrower type adds a last axis, a wider one takes it away."""

    dtype: numpy.dtype[Any]

    name = "bitcast_convert"
    differentiable = False

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        old, new = bit_width(operand.dtype), bit_width(self.dtype)
        if "b" in (operand.kind, self.dtype.kind) and operand.dtype != self.dtype:
            raise DataTypeError("`bitcast_convert` is not defined for booleans, whose representation may vary")
        if (operand.kind == "c") != (kind_of(self.dtype) == "c"):
            error = DataTypeError(f"`bitcast_convert` is not defined from {operand.dtype.name} to {self.dtype.name}")
            raise hinted(error, "take the real and the imaginary part of complex numbers one by one")
        if old > new:
            return ArrayType((*operand.shape, old // new), self.dtype)
        if old < new:
            if not operand.shape or operand.shape[-1] != new // old:
                raise ShapeError(
                    f"`bitcast_convert` from {operand.dtype.name} to {self.dtype.name} expected a last axis of size "
                    f"{new // old}, but got shape {operand.shape}"
                )
            return ArrayType(operand.shape[:-1], self.dtype)
        return ArrayType(operand.shape, self.dtype)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("bitcast_convert", operands[0], builder.results[0])

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(manipulation.moveaxis(operands[0], axes[0], 0)), 0  # pyright: ignore[reportArgumentType] (the only operand is mapped)

    def reference(self, x: Any) -> Any:
        if x.dtype.itemsize == self.dtype.itemsize:
            return x.view(self.dtype)
        shape = self.infer(ArrayType(x.shape, x.dtype)).shape
        return numpy.ascontiguousarray(x).reshape(-1).view(self.dtype).reshape(shape)


class ReducePrecision(Elementwise):
    """Value rounded to a floating-point format with fewer bits, kept in its own element type.

    Rounding is a step function; its derivative is taken to be that of the identity.
    """

    exponent_bits: int
    mantissa_bits: int

    name = "reduce_precision"
    operation = "reduce_precision"
    kinds = "f"

    def infer(self, *types: ArrayType) -> ArrayType:
        if self.exponent_bits < 1 or self.mantissa_bits < 0:
            raise ArgumentError(
                f"`reduce_precision` expected at least one exponent bit and no negative number of mantissa bits, "
                f"but got {self.exponent_bits} and {self.mantissa_bits}"
            )
        return super().infer(*types)

    def emit(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("reduce_precision", operands[0], self.exponent_bits, self.mantissa_bits)

    def differential(self, index: int, tangent: Any, operands: tuple[Any, ...], result: Any) -> Any:
        return tangent

    def reference(self, x: Any) -> Any:
        # For exponents that the format has.
        fraction, exponent = numpy.frexp(x)
        scale = 2.0 ** (self.mantissa_bits + 1)
        return numpy.ldexp(numpy.rint(fraction * scale) / scale, exponent).astype(x.dtype)


def shift_left(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns `x` with its bits moved left by `y` places."""
    return ShiftLeft().bind(*promote(x, y))


def shift_right_arithmetic(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns `x` with its bits moved right by `y` places, filled with copies of the sign bit."""
    return ShiftRightArithmetic().bind(*promote(x, y))


def shift_right_logical(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Returns `x` with its bits moved right by `y` places, filled with zeros."""
    return ShiftRightLogical().bind(*promote(x, y))


def population_count(x: ArrayLike, /) -> Array:
    """Returns the number of bits that are set in each element of `x`."""
    return PopulationCount().bind(as_value(x))


def clz(x: ArrayLike, /) -> Array:
    """Returns the number of leading zero bits of each element of `x`."""
    return CountLeadingZeros().bind(as_value(x))


def bitcast_convert_type(x: ArrayLike, dtype: Any) -> Array:
    """Returns the bits of `x` read as elements of `dtype`."""
    return BitcastConvert(canonical_dtype(dtype)).bind(as_value(x))


def reduce_precision(x: ArrayLike, exponent_bits: int, mantissa_bits: int) -> Array:
    """Returns `x` rounded to a format with the given numbers of exponent and mantissa bits."""
    return ReducePrecision(exponent_bits, mantissa_bits).bind(as_value(x))


from ryft_core.primitives import manipulation  # noqa: E402 (the families use manipulation)
