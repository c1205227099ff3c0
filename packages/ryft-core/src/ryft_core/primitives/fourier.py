"""Discrete Fourier transforms over the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.complex_numbers import conj, real
from ryft_core.primitives.conversions import convert
from ryft_core.primitives.manipulation import Pad, moveaxis
from ryft_core.primitives.operands import as_value, constant_like
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import complex_dtype, real_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = ["FourierTransform", "fft"]

KINDS = ("FFT", "IFFT", "RFFT", "IRFFT")


class FourierTransform(Primitive):
    """Discrete Fourier transform over the last `len(lengths)` axes.

    `kind` is "FFT" (forwards), "IFFT" (its inverse, with the factor 1/n), "RFFT" (of real data, non-negative
    frequencies only) or "IRFFT" (its inverse). `lengths` are the sizes of the axes in the signal's domain.
    """

    kind: str
    lengths: tuple[int, ...]

    name = "fft"
    linear = True

    def infer(self, *types: ArrayType) -> ArrayType:
        (operand,) = types
        wanted = "f" if self.kind == "RFFT" else "c"
        if operand.kind != wanted:
            name = "floating-point" if wanted == "f" else "complex"
            raise DataTypeError(f"`fft` of kind {self.kind} expected {name} elements, but got {operand.dtype.name}")
        if self.kind not in KINDS or not 1 <= len(self.lengths) <= 3:
            raise ShapeError(f"`fft` expected a kind among {KINDS} and 1 to 3 lengths, but got {self.text()}")
        own = list(self.lengths)
        if self.kind == "IRFFT":
            own[-1] = own[-1] // 2 + 1
        if operand.ndim < len(own) or list(operand.shape[operand.ndim - len(own) :]) != own:
            raise ShapeError(f"`fft` of kind {self.kind} expected last axes of sizes {own}, but got {operand.shape}")
        lead = operand.shape[: operand.ndim - len(own)]
        if self.kind == "RFFT":
            return ArrayType((*lead, *self.lengths[:-1], self.lengths[-1] // 2 + 1), complex_dtype(operand.dtype))
        if self.kind == "IRFFT":
            return ArrayType((*lead, *self.lengths), real_dtype(operand.dtype))
        return operand

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("fft", operands[0], self.kind, self.lengths, result_type=builder.results[0])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        change = tangents[0]
        return result, Zero(result.type) if type(change) is Zero else self.bind(change)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        if self.kind in ("FFT", "IFFT"):  # The matrix of the transform is symmetric.
            return [self.bind(cotangents)]
        length, count = self.lengths[-1], self.lengths[-1] // 2 + 1
        lead = [(0, 0, 0)] * (cotangents.type.ndim - 1)
        if self.kind == "RFFT":
            # RFFT is the first half of FFT: fill with zeros, transform, and keep what is real.
            full = Pad((*lead, (0, length - count, 0))).bind(cotangents, constant_like(0, cotangents))
            return [real(FourierTransform("FFT", self.lengths).bind(full))]
        # IRFFT reads each frequency but the first (and, for even lengths, the last) twice: itself and its conjugate.
        scale = numpy.ones(count)
        scale[1 : length - length // 2] = 2
        scale /= numpy.prod(self.lengths)
        spectrum = FourierTransform("RFFT", self.lengths).bind(cotangents)
        return [conj(spectrum) * as_value(scale.astype(real_dtype(spectrum.type.dtype)))]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(moveaxis(operands[0], axes[0], 0)), 0  # pyright: ignore[reportArgumentType] (the only operand is mapped)

    def reference(self, x: Any) -> Any:
        axes = tuple(range(x.ndim - len(self.lengths), x.ndim))
        transform = {"FFT": numpy.fft.fftn, "IFFT": numpy.fft.ifftn, "RFFT": numpy.fft.rfftn, "IRFFT": numpy.fft.irfftn}
        result = transform[self.kind](x, self.lengths, axes)
        return result.astype(self.infer(ArrayType(x.shape, x.dtype)).dtype)


def fft(x: ArrayLike, fft_type: str, fft_lengths: Sequence[int]) -> Array:
    """Returns the Fourier transform of `x` over its last axes.

    Args:
        x: Array; real for "RFFT", otherwise complex (a real one is converted).
        fft_type: "FFT", "IFFT", "RFFT" or "IRFFT".
        fft_lengths: Sizes of the transformed axes in the signal's domain.
    """
    x = as_value(x)
    kind = str(getattr(fft_type, "name", fft_type)).upper()
    if x.type.kind in "iub":
        x = convert(x, "float32")
    if kind != "RFFT" and x.type.kind == "f":
        x = convert(x, complex_dtype(x.type.dtype))
    return FourierTransform(kind, tuple(int(length) for length in fft_lengths)).bind(x)
