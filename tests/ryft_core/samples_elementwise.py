"""Samples of the elementwise primitives."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy
from samples import Sample, distinct, numbers, sample

from ryft_core.primitives import arithmetic, comparison, exponential
from ryft_core.primitives.conversions import Convert
from ryft_core.primitives.families import Elementwise

SAMPLES: list[Sample] = []


def unary(primitive: Elementwise, low: float = -2.0, high: float = 2.0, *, narrow: bool = True, **options: Any) -> None:
    """Adds samples of a primitive of one operand, for the element types that it takes."""
    kinds = primitive.kinds
    if "f" in kinds:
        SAMPLES.append(sample(primitive, numbers((2, 3), low=low, high=high), **options))
        SAMPLES.append(sample(primitive, numbers((), "float32", low, high)))
        if narrow:
            SAMPLES.append(sample(primitive, numbers((4,), ml_dtypes.bfloat16, low, high)))
    if "c" in kinds:
        SAMPLES.append(sample(primitive, numbers((2, 2), "complex128", low, high), **options))
    if "i" in kinds:
        SAMPLES.append(sample(primitive, numbers((3,), "int8", -5, 5)))
    if "u" in kinds:
        SAMPLES.append(sample(primitive, numbers((3,), "uint32", 0, 9)))
    if "b" in kinds:
        SAMPLES.append(sample(primitive, numbers((5,), "bool")))


def binary(primitive: Elementwise, low: float = -2.0, high: float = 2.0, **options: Any) -> None:
    """Adds samples of a primitive of two operands: equal shapes, broadcast ones, and every kind of element type."""

    def pair(first: Any, second: Any, dtype: Any, low: float = low, high: float = high) -> Sample:
        return sample(primitive, numbers(first, dtype, low, high), numbers(second, dtype, low, high, seed=1), **options)

    kinds = primitive.kinds
    if "f" in kinds:
        SAMPLES.extend([pair((2, 3), (2, 3), "float64"), pair((2, 1), (3,), "float64"), pair((), (2,), "float64")])
        SAMPLES.append(sample(primitive, numbers((3,), "float32", low, high), numbers((3,), "float32", low, high, 1)))
    if "c" in kinds:
        SAMPLES.append(pair((2, 1), (2,), "complex128"))
    if "i" in kinds:
        SAMPLES.append(sample(primitive, numbers((6,), "int32", -9, 9), numbers((6,), "int32", 1, 5, 1)))
    if "u" in kinds:
        SAMPLES.append(sample(primitive, numbers((2, 2), "uint8", 0, 99), numbers((2, 1), "uint8", 1, 3, 1)))
    if "b" in kinds:
        SAMPLES.append(sample(primitive, numbers((2, 4), "bool"), numbers((4,), "bool", seed=1)))


for each in (arithmetic.Add(), arithmetic.Subtract(), arithmetic.Multiply(), arithmetic.Divide()):
    binary(each, 0.5, 2.5)
for each in (arithmetic.Maximum(), arithmetic.Minimum()):
    binary(each)
SAMPLES += [
    sample(
        arithmetic.Clamp(), numbers((3,), "float32"), numbers((2, 3), "float32", -3, 3, 1), numbers((), "float32", 2, 3)
    ),
    sample(arithmetic.Clamp(), [-1.0, 2.0, 0.0], [[-3.0, 0.5, 4.0], [0.1, 3.0, 0.5]], [1.0, 1.5, 1.0]),
    sample(arithmetic.Clamp(), numbers((4,), "int8", -5, 0), numbers((4,), "int8", -9, 9), numbers((4,), "int8", 1, 5)),
]
binary(arithmetic.Power(), 0.5, 2.0, without={})
binary(arithmetic.Remainder(), 1.2, 1.9)
SAMPLES.append(sample(arithmetic.Remainder(), [7.5, -7.5, 7.5, -7.5], [2.0, 2.0, -2.0, -2.0]))
for each in (arithmetic.Negative(), arithmetic.Sign(), arithmetic.Absolute()):
    unary(each)
for each in (arithmetic.Floor(), arithmetic.Ceil(), arithmetic.RoundToEven(), arithmetic.RoundAwayFromZero()):
    unary(each)
    SAMPLES.append(sample(each, [-1.5, -0.5, 0.5, 1.5, 2.5, -0.0]))

for direction in ("EQ", "NE", "LT", "LE", "GT", "GE"):
    SAMPLES.append(sample(comparison.Compare(direction), numbers((2, 1)), numbers((3,))))
    SAMPLES.append(sample(comparison.Compare(direction), [1.0, numpy.nan, 3.0, -0.0], [1.0, numpy.nan, 2.0, 0.0]))
    SAMPLES.append(sample(comparison.Compare(direction), numbers((4,), "int32"), numbers((4,), "int32", seed=1)))
    SAMPLES.append(sample(comparison.Compare(direction), numbers((4,), "bool"), numbers((4,), "bool", seed=1)))
for direction in ("EQ", "NE"):
    pair = numbers((3,), "complex64")
    SAMPLES.append(sample(comparison.Compare(direction), pair, pair[::-1]))
SAMPLES.append(sample(comparison.IsFinite(), [1.0, numpy.inf, -numpy.inf, numpy.nan]))
for each in (comparison.BitwiseAnd(), comparison.BitwiseOr(), comparison.BitwiseXor()):
    binary(each)
unary(comparison.BitwiseNot())

SAMPLES.append(sample(comparison.Select(), numbers((2, 3), "bool"), numbers((2, 3)), numbers((2, 3), seed=1)))
SAMPLES.append(sample(comparison.Select(), numbers((3,), "bool"), numbers((2, 1)), numbers((), seed=1)))
SAMPLES.append(sample(comparison.Select(), True, numbers((2,), "int8"), numbers((2,), "int8", seed=1)))
SAMPLES.append(sample(comparison.Select(), numbers((2,), "bool"), numbers((), "complex128"), numbers((), "complex128")))

for each in (
    exponential.Exponential(),
    exponential.ExponentialMinusOne(),
    exponential.Logistic(),
    exponential.Sine(),
    exponential.Cosine(),
    exponential.Tanh(),
):
    unary(each)
unary(exponential.Tangent(), -1.0, 1.0)
for each in (exponential.Logarithm(), exponential.LogarithmOnePlus(), exponential.SquareRoot(), exponential.CubeRoot()):
    unary(each, 0.25, 3.0)
unary(exponential.ReciprocalSquareRoot(), 0.25, 3.0)

for source, target in (
    ("float64", "float32"),
    ("float32", "float64"),
    ("float32", "int32"),
    ("int32", "float32"),
    ("int8", "uint8"),
    ("bool", "float32"),
    ("float32", "bool"),
    ("float32", "complex64"),
    ("float64", "bfloat16"),
    ("uint8", "int64"),
):
    rounded = {check: "the result is rounded to a narrower type" for check in ("jvp", "transpose")}
    SAMPLES.append(sample(Convert(numpy.dtype(target)), numbers((2, 3), source), tolerance=1e-2, without=rounded))
SAMPLES.append(sample(Convert(numpy.dtype("float64")), numbers((2,)), tolerance=1e-12))
SAMPLES.append(sample(Convert(numpy.dtype("complex128")), numbers((2,))))
SAMPLES.append(sample(Convert(numpy.dtype("float64")), numbers((2,), "complex128")))
SAMPLES.append(sample(arithmetic.Maximum(), distinct((4,), "float16"), distinct((4,), "float16", 1)))
