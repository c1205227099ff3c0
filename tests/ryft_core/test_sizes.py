"""Tests of sizes and shapes: static and dynamic ones, their bounds, their text, and what is rejected."""

from __future__ import annotations

import copy
import doctest
import math
import pickle
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core.errors import ShapeError
from ryft_core.types import sizes
from ryft_core.types.sizes import Shape, Size

SIZES = st.integers(0, 50).map(Size) | st.none().map(Size.dynamic) | st.integers(0, 50).map(Size.dynamic)


def test_docstrings_hold() -> None:
    assert doctest.testmod(sizes).failed == 0


@given(st.integers(0, 2**40))
def test_static_size_stands_for_its_number(number: int) -> None:
    size = Size(number)

    assert (size.value, size.bound, size.is_static, size.is_dynamic) == (number, number, True, False)
    assert size == number
    assert hash(size) == hash(number)
    assert int(size) == size.__index__() == number
    assert str(size) == str(number)


def test_dynamic_sizes() -> None:
    bounded, unbounded = Size.dynamic(10), Size.dynamic()

    assert (bounded.value, bounded.bound, bounded.is_dynamic) == (None, 10, True)
    assert (unbounded.value, unbounded.bound, unbounded.is_static) == (None, None, False)
    assert bounded == Size.dynamic(10) != Size.dynamic(11)
    assert unbounded == Size.dynamic() != bounded
    assert bounded != 10
    assert unbounded != "?"
    assert (repr(bounded), repr(unbounded), repr(Size(3))) == ("Size.dynamic(10)", "Size.dynamic()", "Size(3)")


@given(SIZES)
def test_sizes_copy_pickle_and_hash(size: Size) -> None:
    for other in (copy.copy(size), copy.deepcopy(size), pickle.loads(pickle.dumps(size)), Size(size)):
        assert other == size
        assert hash(other) == hash(size)


def test_sizes_are_immutable() -> None:
    size = Size(3)

    with pytest.raises(AttributeError, match="cannot assign to `value`: sizes are immutable"):
        size.value = 4
    with pytest.raises(AttributeError, match="cannot delete `bound`: sizes are immutable"):
        del size.bound


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "expected a size not to be negative, but got -1"),
        (1.5, r"expected an integer for a size, but got 1\.5"),
        ("3", "expected an integer for a size, but got '3'"),
        (None, "expected an integer for a size, but got None"),
    ],
)
def test_what_is_no_size_is_rejected(value: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Size(value)
    with pytest.raises(ShapeError, match=message):
        Shape([2, value])


def test_bound_is_checked() -> None:
    with pytest.raises(ShapeError, match="expected the bound of a size not to be negative, but got -2"):
        Size.dynamic(-2)


def test_dynamic_size_is_no_number() -> None:
    with pytest.raises(ShapeError, match="expected a static size, but got the dynamic size `<=10`") as caught:
        int(Size.dynamic(10))
    assert "use its `bound`" in caught.value.__notes__[0]


@given(st.lists(st.integers(0, 9), max_size=4))
def test_static_shape_is_like_a_tuple_of_integers(numbers: list[int]) -> None:
    shape = Shape(numbers)

    assert shape == tuple(numbers)
    assert hash(shape) == hash(tuple(numbers))
    assert shape.to_tuple() == tuple(numbers)
    assert (shape.rank, shape.elements, shape.bound) == (len(numbers), math.prod(numbers), math.prod(numbers))
    assert str(shape) == str(numbers)


def test_dynamic_shape() -> None:
    shape = Shape([2, Size.dynamic(10), numpy.int64(3)])

    assert (shape.is_static, shape.elements, shape.bound) == (False, None, 60)
    assert (Shape([2, Size.dynamic()]).bound, Shape([0, Size.dynamic()]).bound) == (None, 0)
    assert Shape([0, Size.dynamic()]).elements == 0
    assert (str(shape), repr(shape)) == ("[2, <=10, 3]", "Shape([2, <=10, 3])")
    assert pickle.loads(pickle.dumps(shape)) == shape
    with pytest.raises(ShapeError, match="expected a static size, but got the dynamic size `<=10`"):
        shape.to_tuple()


def test_dimension_counts_from_both_ends() -> None:
    shape = Shape([2, 3])

    assert [shape.dimension(axis) for axis in (0, 1, -1, -2)] == [2, 3, 3, 2]
    with pytest.raises(ShapeError, match=r"expected an axis between -2 and 1 of shape `\[2, 3\]`, but got 2"):
        shape.dimension(2)
    with pytest.raises(ShapeError, match=r"expected an axis of shape `\[\]`, but it has none"):
        Shape().dimension(0)
