"""Array types: what they are made of, and that equal ones are the same object."""

from __future__ import annotations

import pickle
from typing import Any

import numpy
import pytest

from ryft_core.errors import DataTypeError, ShapeError
from ryft_core.types.array_types import FLOAT0, ArrayType

F32 = numpy.dtype("float32")


def test_equal_types_are_one_object_however_they_are_made() -> None:
    expected = ArrayType((2, 7001), F32)
    assert ArrayType([2, 7001], F32) is expected  # pyright: ignore[reportArgumentType]
    assert ArrayType((numpy.int64(2), numpy.int32(7001)), F32) is expected  # pyright: ignore[reportArgumentType]
    assert ArrayType((2, 7001), F32.newbyteorder(">")) is expected
    assert pickle.loads(pickle.dumps(expected)) is expected
    assert all(type(size) is int for size in ArrayType((numpy.int64(5), True), F32).shape)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("shape", [(-1,), (2.5,), ("a",), 3, None])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ShapeError, match="expected non-negative integers for the shape of an array type, but got"):
        ArrayType(shape, F32)


@pytest.mark.parametrize("dtype", ["float32", float, None])
def test_what_is_no_dtype_is_refused_with_a_cure(dtype: Any) -> None:
    with pytest.raises(DataTypeError, match=r"expected a `numpy\.dtype` for an array type") as caught:
        ArrayType((2,), dtype)
    assert "hint: make one, as in `numpy.dtype('float32')`" in caught.value.__notes__


def test_tangents_of_integers_hold_nothing() -> None:
    assert ArrayType((2,), numpy.dtype("int32")).tangent is ArrayType((2,), FLOAT0)
    assert ArrayType((2,), F32).tangent is ArrayType((2,), F32)
