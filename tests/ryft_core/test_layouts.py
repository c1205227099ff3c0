"""Tests of layouts where they meet shapes and data types, with NumPy's strides as the oracle."""

from __future__ import annotations

import doctest
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core.errors import ShapeError
from ryft_core.types import layouts
from ryft_core.types.layouts import (
    StridedLayout,
    Tile,
    TiledLayout,
    check_layout,
    column_major,
    is_contiguous,
    layout_rank,
    parse_layout,
    row_major,
    strided,
)

SHAPES = st.lists(st.integers(1, 5), max_size=4).map(tuple)


def test_docstrings_hold() -> None:
    assert doctest.testmod(layouts).failed == 0


@given(SHAPES, st.sampled_from(["int8", "float32", "complex128"]))
def test_strides_are_those_of_numpy(shape: tuple[int, ...], dtype: str) -> None:
    rank = len(shape)

    assert strided(row_major(rank), shape, dtype).strides == numpy.empty(shape, dtype).strides
    assert strided(column_major(rank), shape, dtype).strides == numpy.empty(shape, dtype, order="F").strides


@given(SHAPES, st.randoms())
def test_any_order_of_axes_is_a_transposed_array(shape: tuple[int, ...], random: Any) -> None:
    order = list(range(len(shape)))
    random.shuffle(order)
    array = numpy.empty([shape[axis] for axis in order], "float32").transpose(numpy.argsort(order))
    layout = TiledLayout(tuple(reversed(order)))

    assert strided(layout, shape, "float32").strides == array.strides
    assert is_contiguous(layout, shape, "float32")
    assert is_contiguous(StridedLayout(array.strides), shape, "float32")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (numpy.empty((4, 6), "float32")[:, ::2], False),
        (numpy.empty((4, 6), "float32")[::-1], False),
        (numpy.empty((4, 6), "float32").T, True),
        (numpy.empty((4, 6), "float32")[:1], True),
        (numpy.broadcast_to(numpy.empty((1, 6), "float32"), (4, 6)), False),
        (numpy.empty((0, 6), "float32"), True),
        (numpy.empty((), "float32"), True),
    ],
)
def test_contiguity_of_strided_layouts(array: Any, expected: bool) -> None:
    assert is_contiguous(StridedLayout(array.strides), array.shape, array.dtype) is expected


def test_tiled_layout_is_not_contiguous_and_has_no_strides() -> None:
    layout = parse_layout("{1,0:T(8,128)}")

    assert layout == TiledLayout((1, 0), (Tile((8, 128)),))
    assert not is_contiguous(layout, (8, 128), "float32")
    with pytest.raises(ShapeError, match=r"layout `\{1,0:T\(8,128\)\}` has tiles, so there is no one stride"):
        strided(layout, (8, 128), "float32")


def test_strided_layout_is_its_own() -> None:
    layout = StridedLayout((24, -4))

    assert strided(layout, (2, 3), "float32") is layout
    assert layout_rank(layout) == layout_rank(row_major(2)) == 2


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (row_major(3), r"layout `\{2,1,0\}` expected an array with 3 axes, but got one of shape \(2, 3\)"),
        (StridedLayout((4,)), r"layout `strides\(4\)` expected an array with 1 axes, but got one of shape \(2, 3\)"),
        (TiledLayout((1, 0), (Tile((2, 2, 2)),)), r"tile `\(2,2,2\)` expected an array with at least 3 axes"),
    ],
)
def test_layout_that_does_not_fit_is_rejected(layout: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        check_layout(layout, (2, 3))
