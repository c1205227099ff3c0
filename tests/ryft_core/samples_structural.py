"""Samples of the primitives that move elements, of the reductions, of products, and of calls."""

from __future__ import annotations

from typing import Any

import numpy
from samples import Sample, distinct, numbers, sample

from ryft_core.primitives import linear_algebra, manipulation, reductions
from ryft_core.primitives.calls import Call
from ryft_core.primitives.comparison import select
from ryft_core.primitives.exponential import exp, log
from ryft_core.primitives.general_reductions import Reduce
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

INT32 = numpy.dtype("int32")

SAMPLES: list[Sample] = [
    sample(manipulation.BroadcastInDimensions((2, 3, 4), (1, 2)), numbers((3, 4))),
    sample(manipulation.BroadcastInDimensions((2, 3), (0, 1)), numbers((2, 1))),
    sample(manipulation.BroadcastInDimensions((2, 3), ()), numbers(())),
    sample(manipulation.BroadcastInDimensions((0, 3), (1,)), numbers((3,), "int8")),
    sample(manipulation.Reshape((3, 2)), numbers((2, 3))),
    sample(manipulation.Reshape(()), numbers((1, 1))),
    sample(manipulation.Reshape((4,)), numbers((2, 2), "complex64")),
    sample(manipulation.Transpose((1, 2, 0)), numbers((2, 3, 4))),
    sample(manipulation.Transpose(()), numbers(())),
    sample(manipulation.Slice((1, 0), (4, 3), (2, 1)), numbers((5, 3))),
    sample(manipulation.Slice((2,), (2,), (1,)), numbers((3,))),
    sample(manipulation.Slice((0, 1), (3, 4), (2, 3)), numbers((3, 5), "bool")),
    sample(manipulation.Reverse((1,)), numbers((2, 3))),
    sample(manipulation.Reverse((0, 2)), numbers((2, 1, 2), "int16")),
    sample(manipulation.Pad(((1, 2, 1), (0, 0, 0))), numbers((3, 2)), numbers(())),
    sample(manipulation.Pad(((-1, 1, 0),)), numbers((4,)), numbers(())),
    sample(manipulation.Pad(((-1, -1, 2),)), numbers((4,)), numbers(())),
    sample(manipulation.Pad(()), numbers(()), numbers(())),
    sample(manipulation.Pad(((0, 1, 0),)), numbers((2,), "int32"), numpy.int32(7)),
    sample(manipulation.Concatenate(0), numbers((2, 3)), numbers((1, 3), seed=1)),
    sample(manipulation.Concatenate(1), numbers((2, 1)), numbers((2, 0)), numbers((2, 2), seed=1)),
    sample(manipulation.Concatenate(0), numbers((2,), "bool"), numbers((2,), "bool", seed=1)),
    sample(reductions.ArgumentMaximum(1, INT32), distinct((2, 4))),
    sample(reductions.ArgumentMaximum(0, INT32), numpy.array([1.0, numpy.nan, 5.0, numpy.nan])),
    sample(reductions.ArgumentMaximum(0, INT32), numpy.array([[2, 7], [7, 7], [7, 2]], "uint8")),
    sample(reductions.ArgumentMaximum(0, INT32), numpy.array([False, True, True])),
    sample(reductions.ArgumentMaximum(0, INT32), numpy.array([-numpy.inf, -numpy.inf])),
    sample(reductions.ArgumentMinimum(1, INT32), distinct((2, 4))),
    sample(reductions.ArgumentMinimum(0, numpy.dtype("int64")), numpy.array([1.0, numpy.nan, -5.0, numpy.nan])),
    sample(reductions.ArgumentMinimum(0, INT32), numpy.array([127, 127], "int8")),
]

for primitive in (reductions.ReduceSum, reductions.ReduceProduct):
    SAMPLES += [
        sample(primitive((1,)), numbers((2, 3), low=0.5)),
        sample(primitive((0, 2)), numbers((2, 2, 3), low=0.5)),
        sample(primitive((0,)), numbers((0, 2))),
        sample(primitive((0,)), numbers((4,), "int8", -3, 3)),
        sample(primitive((0,)), numbers((3,), "complex128")),
    ]
SAMPLES.append(sample(reductions.ReduceProduct((0,)), [0.0, 2.0, 3.0]))
SAMPLES.append(sample(reductions.ReduceProduct((0,)), [0.0, 2.0, 0.0, 5.0]))
for extremum in (reductions.ReduceMaximum, reductions.ReduceMinimum):
    SAMPLES += [
        sample(extremum((1,)), distinct((2, 3))),
        sample(extremum((0, 1)), distinct((2, 3))),
        sample(extremum((0,)), numpy.array([1.0, numpy.nan]), without={"jvp": "NaN", "transpose": "NaN"}),
        sample(extremum((0,)), numbers((5,), "int32", -9, 9)),
        sample(extremum((0,)), numbers((0, 2), "float32")),
        sample(extremum((0,)), numbers((5,), "bool")),
    ]
for logical in (reductions.ReduceAnd, reductions.ReduceOr):
    SAMPLES += [
        sample(logical((1,)), numbers((2, 3), "bool")),
        sample(logical((0,)), numbers((3, 2), "int32", -9, 9)),
        sample(logical((0,)), numbers((3,), "uint8", 0, 255)),
    ]

SAMPLES += [
    sample(linear_algebra.DotGeneral((1,), (0,)), numbers((2, 3)), numbers((3, 4))),
    sample(linear_algebra.DotGeneral((2,), (1,), (0,), (0,)), numbers((2, 3, 4)), numbers((2, 4, 2))),
    sample(linear_algebra.DotGeneral((0, 2), (2, 0), (1,), (1,)), numbers((2, 3, 4)), numbers((4, 3, 2))),
    sample(linear_algebra.DotGeneral((), ()), numbers((2,)), numbers((3,))),
    sample(linear_algebra.DotGeneral((0,), (0,)), numbers((3,), "complex128"), numbers((3,), "complex128", seed=1)),
    sample(linear_algebra.DotGeneral((1,), (0,)), numbers((2, 3), "int32", -9, 9), numbers((3, 2), "int32", -9, 9)),
    sample(
        linear_algebra.DotGeneral((0,), (0,), preferred_dtype=numpy.dtype("float32")),
        numbers((3,), "float16"),
        numbers((3,), "float16", seed=1),
    ),
    sample(linear_algebra.DotGeneral((1,), (0,), precision="highest"), numbers((2, 3)), numbers((3, 2))),
    sample(
        linear_algebra.DotGeneral((1,), (0,)),
        numbers((2, 0)),
        numbers((0, 2)),
        without={"interpreter": "it ends the process for a sum of no products"},
    ),
]


def _product_and_sum(x: Any, y: Any) -> list[Any]:
    return [x * y, x + y]


_PROGRAM, _ = trace_program(_product_and_sum, [ArrayType((2, 3), numpy.dtype("float64"))] * 2, "product_and_sum")
SAMPLES.append(sample(Call(_PROGRAM), numbers((2, 3)), numbers((2, 3), seed=1)))


def _larger_with_payload(x: Any, i: Any, y: Any, j: Any) -> list[Any]:
    first = x >= y
    return [select(first, x, y), select(first, i, j)]


def _reduction(function: Any, *dtypes: str) -> Any:
    scalars = [ArrayType((), numpy.dtype(dtype)) for dtype in dtypes]
    return trace_program(function, scalars * 2, "body")[0]


_ADD_EXPONENTIALS = _reduction(lambda x, y: [log(exp(x) + exp(y))], "float64")
_LARGER = _reduction(_larger_with_payload, "float64", "int32")
SAMPLES += [
    sample(Reduce(_ADD_EXPONENTIALS, (1,)), numbers((2, 5)), numpy.float64(-1.0)),
    sample(Reduce(_ADD_EXPONENTIALS, (0, 2)), numbers((2, 2, 3)), numpy.float64(0.5)),
    sample(Reduce(_ADD_EXPONENTIALS, (0,)), numbers((0, 2)), numpy.float64(0.5)),
    sample(
        Reduce(_LARGER, (0,)), distinct((7,)), numpy.arange(7, dtype="int32"), numpy.float64(-99.0), numpy.int32(-1)
    ),
]
