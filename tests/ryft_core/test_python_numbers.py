"""Python numbers among arrays: none is rounded or wrapped around silently on its way to an element type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core.errors import IntegerRangeError

LARGE = 2**40
F64, I64 = numpy.ones(1), numpy.ones(1, "int64")


@pytest.mark.parametrize(
    "function",
    [
        lambda: rnp.asarray(0.1, "float64"),
        lambda: rnp.asarray([0.1], "float64"),
        lambda: rnp.full((2,), 0.1, "float64"),
        lambda: rnp.full_like(rnp.asarray(F64), 0.1),
        lambda: rnp.arange(0.1, 0.3, 0.1, "float64")[0],
        lambda: rnp.linspace(0.1, 1.0, 3, dtype="float64")[0],
        lambda: rnp.asarray([rnp.asarray(F64)[0], 0.1])[1],
        lambda: rnp.asarray(F64).at[0].set(0.1),
        lambda: rnp.clip(rnp.asarray(F64), None, 0.1),
        lambda: rnp.pad(rnp.asarray(F64), (0, 1), constant_values=0.1)[1],
        lambda: ryft_core.lax.select(rnp.asarray([True]), 0.1, rnp.asarray(F64)),
        lambda: ryft_core.jit(lambda: rnp.full((2,), 0.1, "float64"))(),
        lambda: rnp.asarray(0.1j, "complex128").imag,
    ],
)
def test_python_floats_keep_64_bits_where_64_bits_are_meant(function: Callable[[], Any]) -> None:
    result = function()

    assert result.dtype == numpy.float64
    assert (numpy.asarray(result) == 0.1).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda: rnp.asarray(LARGE, "int64"),
        lambda: rnp.asarray([LARGE], "int64"),
        lambda: rnp.full((2,), LARGE, "int64"),
        lambda: rnp.arange(LARGE, LARGE + 1, dtype="int64"),
        lambda: rnp.linspace(0, LARGE, 3, dtype="int64")[2],
        lambda: rnp.asarray(I64).at[0].set(LARGE),
        lambda: rnp.clip(rnp.asarray(I64), LARGE),
        lambda: rnp.asarray(I64) + (LARGE - 1),
    ],
)
def test_python_integers_keep_64_bits_where_64_bits_are_meant(function: Callable[[], Any]) -> None:
    result = function()

    assert result.dtype == numpy.int64
    assert (numpy.asarray(result) == LARGE).all()


def test_unsigned_64_bit_integers_reach_their_end() -> None:
    assert rnp.asarray(2**64 - 1, "uint64").item() == 2**64 - 1
    assert rnp.asarray([2**64 - 1, 0], "uint64").tolist() == [2**64 - 1, 0]
    assert rnp.arange(2**64 - 2, 2**64, dtype="uint64").tolist() == [2**64 - 2, 2**64 - 1]
    assert rnp.arange(5, 0, -2, dtype="uint8").tolist() == [5, 3, 1]


@pytest.mark.parametrize(
    ("function", "number", "dtype"),
    [
        (lambda: rnp.asarray(LARGE), LARGE, "int32"),
        (lambda: rnp.asarray([1, LARGE]), LARGE, "int32"),
        (lambda: rnp.asarray([2**63, 1]), 2**63, "int32"),
        (lambda: rnp.asarray(300, "int8"), 300, "int8"),
        (lambda: rnp.asarray([-1], "uint8"), -1, "uint8"),
        (lambda: rnp.asarray(8, "int4"), 8, "int4"),
        (lambda: rnp.full((2,), LARGE), LARGE, "int32"),
        (lambda: rnp.full((2,), 300, "int8"), 300, "int8"),
        (lambda: rnp.arange(2**31 - 1, 2**31 + 1), 2**31, "int32"),
        (lambda: rnp.ones(2, "int8") + 300, 300, "int8"),
        (lambda: rnp.ones(2, "int4") * 8, 8, "int4"),
        (lambda: rnp.clip(rnp.ones(2, "int8"), 0, 300), 300, "int8"),
        (lambda: rnp.ones(2, "int8").at[0].set(300), 300, "int8"),
        (lambda: ryft_core.jit(lambda x: x + LARGE)(rnp.ones(2, "int32")), LARGE, "int32"),
        (lambda: ryft_core.jit(lambda x: x)(LARGE), LARGE, "int32"),
    ],
)
def test_integers_that_do_not_fit_are_refused(function: Callable[[], Any], number: int, dtype: str) -> None:
    message = rf"^the Python integer {number} does not fit the element type {dtype}"
    with pytest.raises(IntegerRangeError, match=message) as caught:
        function()
    assert isinstance(caught.value, OverflowError)
    assert isinstance(caught.value, TypeError)


def test_the_argument_that_does_not_fit_is_named() -> None:
    with pytest.raises(IntegerRangeError) as caught:
        ryft_core.jit(lambda x, y: x)(1, {"a": LARGE})
    assert 'in argument `args[1]["a"]` of `<lambda>`' in caught.value.__notes__


def test_huge_integers_are_refused_without_printing_them() -> None:
    with pytest.raises(
        IntegerRangeError, match=r"the Python integer of 33220 bits does not fit the element type float"
    ):
        rnp.ones(1) + 10**10000


def test_integers_that_are_too_large_for_a_float_type_become_infinite() -> None:
    assert (rnp.ones(1) + 10**40).tolist() == [numpy.inf]
    assert rnp.asarray([10**300], "float32").tolist() == [numpy.inf]


def test_a_numpy_array_in_foreign_byte_order_gets_the_native_type() -> None:
    for dtype in (">i4", ">f8", ">c8"):
        x = rnp.asarray(numpy.arange(3).astype(dtype))
        assert x.dtype == numpy.dtype(dtype).newbyteorder("=")
        assert x.dtype.isnative
        assert (x + x).tolist() == [0, 2, 4]
        assert ryft_core.jit(lambda y: y + y)(numpy.arange(3).astype(dtype)).dtype.isnative
    large = numpy.arange(1000, dtype=">i4")
    assert rnp.asarray(large).dtype.isnative
    assert ryft_core.device_put(large).dtype.isnative
