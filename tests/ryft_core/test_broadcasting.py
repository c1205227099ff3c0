"""Tests of broadcasting: shapes against NumPy, the laws, dynamic sizes, types, trees of types, and the messages."""

from __future__ import annotations

import doctest
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from ryft_core import broadcasting
from ryft_core.broadcasting import (
    Broadcastable,
    broadcast,
    broadcast_all,
    broadcast_shape_to,
    broadcast_shapes,
    broadcast_to,
    is_broadcastable_to,
)
from ryft_core.errors import DataTypeError, ShapeError, StructureError
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import DATA_TYPES
from ryft_core.types.sizes import Shape, Size

SHAPES = st.lists(st.integers(0, 3), max_size=4).map(tuple)
FITTING = st_numpy.mutually_broadcastable_shapes(num_shapes=3, max_dims=4)
SIZES = st.integers(0, 3).map(Size) | st.sampled_from([Size.dynamic(), Size.dynamic(2), Size.dynamic(3)])
DYNAMIC_SHAPES = st.lists(SIZES, max_size=3).map(Shape)
TYPES = st.builds(ArrayType, SHAPES, st.sampled_from(DATA_TYPES), st.just(False))

f32, i32, bf16 = numpy.dtype("float32"), numpy.dtype("int32"), numpy.dtype("bfloat16")


def attempt(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (ValueError, TypeError):
        return None


def test_docstrings_hold() -> None:
    assert doctest.testmod(broadcasting).failed == 0


# --- shapes -----------------------------------------------------------------------------------------------------------


@given(st.lists(SHAPES, max_size=4))
def test_broadcast_shapes_agrees_with_numpy(shapes: list[tuple[int, ...]]) -> None:
    assert attempt(broadcast_shapes, *shapes) == attempt(numpy.broadcast_shapes, *shapes)


@given(FITTING)
def test_broadcast_shapes_of_shapes_that_fit(shapes: Any) -> None:
    result = broadcast_shapes(*shapes.input_shapes)

    assert result == shapes.result_shape
    assert broadcast_shapes(*map(Shape, shapes.input_shapes)) == Shape(shapes.result_shape)
    assert all(is_broadcastable_to(Shape(shape), Shape(result)) for shape in shapes.input_shapes)


@given(SHAPES, SHAPES)
def test_broadcast_shape_to_agrees_with_numpy(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    expected = attempt(lambda: numpy.broadcast_to(numpy.empty(shape), target).shape)

    assert attempt(broadcast_shape_to, shape, target) == expected


@given(DYNAMIC_SHAPES, DYNAMIC_SHAPES)
def test_broadcasting_of_dynamic_shapes_is_commutative(a: Shape, b: Shape) -> None:
    assert attempt(broadcast, a, b) == attempt(broadcast, b, a)


@given(DYNAMIC_SHAPES, DYNAMIC_SHAPES, DYNAMIC_SHAPES)
def test_broadcasting_of_dynamic_shapes_is_associative(a: Shape, b: Shape, c: Shape) -> None:
    left, right = attempt(broadcast, a, b), attempt(broadcast, b, c)
    if left is not None and right is not None:
        assert attempt(broadcast, left, c) == attempt(broadcast, a, right)


@given(DYNAMIC_SHAPES, DYNAMIC_SHAPES)
def test_operands_can_grow_to_what_they_combine_to(a: Shape, b: Shape) -> None:
    result = attempt(broadcast, a, b)
    if result is not None:
        assert is_broadcastable_to(a, result)
        assert is_broadcastable_to(b, result)


@given(DYNAMIC_SHAPES)
def test_broadcasting_is_idempotent_and_has_an_identity(shape: Shape) -> None:
    assert broadcast(shape, shape) == broadcast(shape, Shape()) == shape


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Size.dynamic(), 1, Size.dynamic()),
        (Size.dynamic(3), Size.dynamic(3), Size.dynamic(3)),
        (Size.dynamic(3), Size.dynamic(), None),
        (Size.dynamic(3), 3, None),
        (0, 1, 0),
    ],
)
def test_dynamic_sizes_combine_with_one_and_with_their_like(first: Any, second: Any, expected: Any) -> None:
    assert attempt(broadcast, Shape([first]), Shape([second])) == (None if expected is None else (expected,))


def test_error_names_operands_axis_and_cure() -> None:
    with pytest.raises(ShapeError) as caught:
        broadcast_shapes((2, 3), (1,), (4, 3), operation="add")

    assert str(caught.value) == (
        "`add` cannot broadcast shapes (2, 3) of operand 0 and (4, 3) of operand 2: axis -2 has sizes 2 and 4"
    )
    assert caught.value.__notes__ == [
        "hint: sizes must be equal, or one of them must be 1; axes are aligned at the last"
    ]


def test_error_names_named_operands_and_suggests_an_axis() -> None:
    with pytest.raises(
        ShapeError, match=r"shapes \(3,\) of `x` and \(3, 4\) of `y`: axis -1 has sizes 3 and 4"
    ) as caught:
        broadcast_shapes((3,), (3, 4), names=["x", "y"])
    assert "insert an axis, as in `reshape(x, (3, 1))`" in caught.value.__notes__[0]


def test_error_explains_dynamic_sizes() -> None:
    with pytest.raises(ShapeError, match=r"shapes \[<=5\] of operand 0 and \[3\] of operand 1: .* <=5 and 3") as caught:
        broadcast_shapes(Shape([Size.dynamic(5)]), Shape([3]))
    assert "a dynamic size combines only with 1" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((2, 3), (3,), r"cannot broadcast shape \(2, 3\) to shape \(3,\): it has 2 axes, which is more than 1"),
        ((2,), (3,), r"`where` cannot broadcast shape \(2,\) to shape \(3,\): axis -1 has sizes 2 and 3"),
        (
            Shape([Size.dynamic()]),
            Shape([1]),
            r"cannot broadcast shape \[\?\] to shape \[1\]: axis -1 has sizes \? and 1",
        ),
    ],
)
def test_shape_that_cannot_grow_is_explained(shape: Any, target: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        broadcast_shape_to(shape, target, operation="where" if "where" in message else None)


# --- types ------------------------------------------------------------------------------------------------------------


@given(TYPES, TYPES)
def test_array_types_combine_in_shape_and_data_type(a: ArrayType, b: ArrayType) -> None:
    result = attempt(broadcast, a, b)
    shape, dtype = attempt(broadcast_shapes, a.shape, b.shape), attempt(broadcast, a.dtype, b.dtype)

    assert (result is None) == (shape is None or dtype is None)
    if result is not None:
        assert (result.shape, result.dtype) == (shape, dtype)
        assert attempt(broadcast, b, a) == result


def test_weak_array_types_give_way() -> None:
    assert broadcast(ArrayType((2, 1), f32, True), ArrayType((3,), bf16)) == ArrayType((2, 3), bf16)
    assert broadcast_to(ArrayType((), f32, True), ArrayType((3,), bf16)) == ArrayType((3,), bf16)


def test_data_types_combine_and_grow() -> None:
    assert broadcast(i32, bf16) == bf16
    assert broadcast_to(i32, bf16) == bf16
    with pytest.raises(DataTypeError, match="cannot promote data type `float32` to `bfloat16`"):
        broadcast_to(f32, bf16)
    with pytest.raises(DataTypeError, match="cannot promote data type `float32` to `int32`"):
        broadcast_to(ArrayType((), f32), ArrayType((), i32))
    with pytest.raises(DataTypeError, match="cannot promote data types `float8_e5m2` and `float32`"):
        broadcast(numpy.dtype("float8_e5m2"), f32)


def test_is_broadcastable_to_never_raises_for_types() -> None:
    assert is_broadcastable_to(ArrayType((1, 3), i32), ArrayType((2, 3), f32))
    assert not is_broadcastable_to(ArrayType((2, 3), i32), ArrayType((1, 3), f32))
    assert not is_broadcastable_to(f32, i32)
    assert not is_broadcastable_to([f32], {"a": f32})
    assert not is_broadcastable_to(numpy.dtype("float8_e5m2"), numpy.dtype("float8_e4m3fn"))


def test_trees_combine_leaf_by_leaf_and_by_prefix() -> None:
    column, row = ArrayType((2, 1), i32), ArrayType((3,), f32)
    both = ArrayType((2, 3), f32)

    assert broadcast({"a": column, "b": row}, {"a": row, "b": row}) == {"a": both, "b": row}
    assert broadcast(column, {"a": row, "b": (row,)}) == {"a": both, "b": (both,)}
    assert broadcast({"a": row, "b": (row,)}, column) == {"a": both, "b": (both,)}
    assert broadcast_to(column, {"a": both}) == {"a": both}
    assert broadcast_all([column, row, (row, column)]) == (both, both)


def test_trees_that_do_not_fit_report_the_first_direction() -> None:
    with pytest.raises(StructureError, match=r"`first` has a list of length 1 at the root, where the tree has a dict"):
        broadcast([f32], {"a": f32})
    with pytest.raises(StructureError, match="`value` has a list of length 1 at the root, where the tree has a leaf"):
        broadcast_to([f32], f32)


def test_objects_that_define_broadcasting_join_in() -> None:
    class Named:
        def __init__(self, text: str) -> None:
            self.text = text

        def broadcast(self, other: Named) -> Named:
            return Named(self.text + other.text)

        def broadcast_to(self, other: Named) -> Named:
            return other

    assert isinstance(Named("a"), Broadcastable)
    assert broadcast([Named("a")], [Named("b")])[0].text == "ab"
    assert broadcast_to(Named("a"), Named("b")).text == "b"


def test_what_cannot_be_broadcast_is_named() -> None:
    with pytest.raises(DataTypeError, match="cannot broadcast a `str` with a `ArrayType`"):
        broadcast("a", ArrayType((), f32))
    with pytest.raises(DataTypeError, match="cannot broadcast a `ArrayType` with a `Shape`"):
        broadcast_to(ArrayType((), f32), Shape([1]))
    with pytest.raises(ShapeError, match="cannot broadcast an empty collection of types"):
        broadcast_all([])
