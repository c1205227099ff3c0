"""Samples of counting, sorting and cumulative operations."""

from __future__ import annotations

import numpy
from samples import Sample, distinct, numbers, sample

from ryft_core.primitives import cumulative
from ryft_core.primitives.creation import Iota
from ryft_core.primitives.sorting import Sort, TopK

ALONE = {"vmap": "it has no operands"}

SAMPLES: list[Sample] = [
    sample(Iota(numpy.dtype("int32"), (2, 3), 1), without=ALONE),
    sample(Iota(numpy.dtype("float64"), (4,), 0), without=ALONE),
    sample(Iota(numpy.dtype("complex64"), (2,), 0), without=ALONE),
    sample(Sort(1), distinct((2, 5))),
    sample(Sort(0, descending=True), distinct((5, 2))),
    sample(Sort(0), numpy.array([1.0, numpy.nan, -numpy.inf, 0.0, numpy.nan, numpy.inf]), without={"jvp": "NaN"}),
    sample(Sort(0, 2), numbers((8,), "int32", 0, 2), distinct((8,)), numbers((8,))),
    sample(Sort(1, 1), numbers((2, 6), "uint8", 0, 2), numpy.arange(12, dtype="int32").reshape(2, 6)),
    sample(Sort(0, 1, True), numbers((9,), "int8", 0, 2), numpy.arange(9, dtype="int32")),
    sample(Sort(0), numbers((7,), "bool")),
    sample(Sort(0), distinct((6,), "float16")),
    sample(TopK(2), distinct((3, 5))),
    sample(TopK(3), numpy.array([4, 7, 4, 7], "int32")),
    sample(TopK(0), numbers((3,), "float32")),
]

for rule in (
    cumulative.CumulativeSum,
    cumulative.CumulativeProduct,
    cumulative.CumulativeMaximum,
    cumulative.CumulativeMinimum,
    cumulative.CumulativeLogSumExp,
):
    SAMPLES += [
        sample(rule(0), distinct((7,)) / 2 + 0.25),
        sample(rule(0, True), distinct((5, 2)) / 2 + 0.25),
        sample(rule(1), distinct((2, 4)) / 2 + 0.25),
        sample(rule(0), numbers((0, 2), "float32")),
        sample(rule(0), numbers((40,), "float32", 0.5, 1.5)),
    ]
    if rule is not cumulative.CumulativeLogSumExp:
        SAMPLES.append(sample(rule(0), numbers((6,), "int32", -4, 4)))
SAMPLES.append(sample(cumulative.CumulativeProduct(0), numpy.array([2.0, 0.0, 3.0, 0.0, 1.0])))
SAMPLES.append(
    sample(
        cumulative.CumulativeLogSumExp(0),
        numpy.array([-numpy.inf, -numpy.inf, 1.0]),
        without={"jvp": "inf", "transpose": "inf"},
    )
)
SAMPLES.append(sample(cumulative.CumulativeMaximum(0), numpy.array([1.0, numpy.nan, 2.0]), without={"jvp": "NaN"}))
