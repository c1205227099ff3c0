"""Samples of dynamic slices, gathers and scatters."""

from __future__ import annotations

import numpy
from samples import Sample, distinct, numbers, sample

from ryft_core.primitives.dynamic_slicing import DynamicSlice, DynamicUpdateSlice
from ryft_core.primitives.indexing import Gather, GatherDimensions, Scatter, ScatterDimensions

I32 = numpy.int32

SAMPLES: list[Sample] = [
    sample(DynamicSlice((2, 3)), numbers((4, 3)), I32(1), I32(0)),
    sample(DynamicSlice((2, 2)), numbers((4, 3)), I32(3), I32(-2)),
    sample(DynamicSlice(()), numbers(())),
    sample(DynamicSlice((2,)), numbers((5,), "int8"), numpy.int64(2)),
    sample(DynamicSlice((1, 2)), numbers((2, 3), "bool"), numpy.uint32(7), numpy.uint32(1)),
    sample(DynamicUpdateSlice(), numbers((4, 3)), numbers((2, 2), seed=1), I32(1), I32(1)),
    sample(DynamicUpdateSlice(), numbers((4,)), numbers((3,), seed=1), I32(9)),
    sample(DynamicUpdateSlice(), numbers((3,), "complex64"), numbers((1,), "complex64", seed=1), I32(-5)),
]

ROWS = GatherDimensions(offset=(1,), collapsed=(0,), start_index_map=(0,))
POINTS = GatherDimensions(offset=(), collapsed=(0, 1), start_index_map=(0, 1))
WINDOWS = GatherDimensions(offset=(0, 2), collapsed=(), start_index_map=(1,))
BATCHED = GatherDimensions((1,), (1,), (1,), (0,), (0,))

SAMPLES += [
    sample(Gather(ROWS, (1, 3)), numbers((4, 3)), numpy.array([[2], [0], [9], [-3], [2]], I32)),
    sample(Gather(ROWS, (1, 3), in_bounds=True), numbers((4, 3)), numpy.array([[2], [0], [2]], I32)),
    sample(
        Gather(ROWS, (1, 2), indices_are_sorted=True, unique_indices=True, in_bounds=True),
        numbers((4, 2)),
        numpy.array([[0], [3]], I32),
    ),
    sample(Gather(POINTS, (1, 1)), numbers((3, 4)), numpy.array([[[0, 1], [2, 3]], [[7, -1], [1, 1]]], I32)),
    sample(Gather(WINDOWS, (2, 2)), numbers((2, 5)), numpy.array([[1], [4]], numpy.int64)),
    sample(Gather(BATCHED, (1, 1, 3)), numbers((2, 4, 3)), numpy.array([[1], [3]], I32)),
    sample(Gather(POINTS, (1, 1)), numbers((2, 2), "int16"), numpy.array([1, 0], numpy.uint32)),
]

INTO_ROWS = ScatterDimensions(window=(1,), inserted=(0,), scattered=(0,))
INTO_POINTS = ScatterDimensions(window=(), inserted=(0, 1), scattered=(0, 1))
INTO_WINDOWS = ScatterDimensions(window=(0, 2), inserted=(), scattered=(1,))
INTO_BATCHED = ScatterDimensions((1,), (1,), (1,), (0,), (0,))
REPEATED = numpy.array([[2], [0], [2], [7], [-1]], I32)

for combiner in ("set", "add", "multiply", "minimum", "maximum"):
    # The values of repeated updates do not matter for "set" as long as they are equal: the order is not fixed.
    rows = numpy.tile(numbers((1, 3), seed=2), (5, 1)) if combiner == "set" else distinct((5, 3)) / 3.3
    order = {"vmap": "which of several different updates remains is not fixed"} if combiner == "set" else {}
    smooth = {check: "the derivative jumps where equal updates meet" for check in ("jvp", "transpose")}
    SAMPLES += [
        sample(
            Scatter(INTO_ROWS, combiner),
            numbers((4, 3), low=3.0, high=4.0) if combiner != "maximum" else numbers((4, 3), low=-9.0, high=-8.0),
            REPEATED,
            rows,
            without=order | (smooth if combiner == "set" else {}),
        ),
        sample(
            Scatter(INTO_POINTS, combiner, unique_indices=True),
            distinct((3, 4)) + 0.3,
            numpy.array([[0, 1], [2, 3], [9, 9]], I32),
            distinct((3,)) / 2,
        ),
        sample(
            Scatter(INTO_WINDOWS, combiner, in_bounds=True),
            distinct((2, 5)) + 0.3,
            numpy.array([[1], [3]], I32),
            distinct((2, 2, 2)) / 2,
        ),
        sample(
            Scatter(INTO_BATCHED, combiner),
            distinct((2, 4, 3)) + 0.3,
            numpy.array([[1], [3]], I32),
            distinct((2, 3)) / 2,
        ),
        sample(Scatter(INTO_POINTS, combiner), numbers((2, 2), "int16"), numpy.array([1, 0], I32), numpy.int16(7)),
    ]
SAMPLES.append(
    sample(Scatter(INTO_ROWS, "multiply"), numbers((4, 1)), REPEATED, numpy.array([[0.0], [0.0], [3.0], [1.0], [1.0]]))
)
SAMPLES.append(
    sample(
        Scatter(INTO_ROWS, "set"),
        numbers((4, 1)),
        numpy.array([[3], [1]], I32),
        numbers((2, 1), seed=1),
    )
)
