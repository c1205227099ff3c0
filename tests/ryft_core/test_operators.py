"""The operators of arrays: special operands, and operands of other libraries."""

from __future__ import annotations

import operator
from typing import Any

import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core.errors import OperandError

X = numpy.array([1.0, -1.0, 5.0, -5.0, 7.5, -7.5, 0.0, -0.0, numpy.inf, numpy.nan], "float32")
Y = numpy.array([0.1, 3.0, -2.5, numpy.inf, -numpy.inf, 1.0], "float32")


REFLECTED = {
    "add": "__radd__", "sub": "__rsub__", "mul": "__rmul__", "truediv": "__rtruediv__", "floordiv": "__rfloordiv__",
    "mod": "__rmod__", "pow": "__rpow__", "matmul": "__rmatmul__", "and_": "__rand__", "or_": "__ror__",
    "xor": "__rxor__", "lshift": "__rlshift__", "rshift": "__rrshift__", "lt": "__gt__", "le": "__ge__",
    "gt": "__lt__", "ge": "__le__", "eq": "__eq__", "ne": "__ne__",
}  # fmt: skip


@pytest.mark.parametrize("name", REFLECTED)
def test_an_operand_of_another_library_decides_what_an_operator_gives(name: str) -> None:
    foreign = type("Foreign", (), {REFLECTED[name]: lambda self, other: (name, other.shape), "__hash__": None})()

    assert getattr(operator, name)(rnp.ones(3, int), foreign) == (name, (3,))
    assert divmod(rnp.ones(3), type("F", (), {"__rdivmod__": lambda self, other: "divmod"})()) == "divmod"


def test_arrays_are_unequal_to_what_is_no_array() -> None:
    for x in (rnp.ones(3), rnp.ones(())):
        for other in (None, "text", object(), {}):
            assert (x == other) is False
            assert (x != other) is True
            assert (other == x) is False
    assert ryft_core.jit(lambda x: x * 2 if x != None else x)(1.0) == 2.0  # noqa: E711


@pytest.mark.parametrize("name", ["add", "mul", "matmul", "lt", "eq", "ne"])
def test_lists_and_unknown_operands_are_refused_with_a_cure(name: str) -> None:
    for other in ([1.0, 2.0], (1.0, 2.0)):
        with pytest.raises(OperandError, match=r"expected an array or a number, but got a `(list|tuple)`") as caught:
            getattr(operator, name)(rnp.ones(2), other)
        assert "hint: convert it with `ryft.numpy.asarray`" in caught.value.__notes__
    with pytest.raises(OperandError, match="got a `NoneType`: None"):
        operator.add(rnp.ones(2), None)


@pytest.mark.parametrize("function", [operator.floordiv, operator.mod, divmod])
def test_floored_division_agrees_with_numpy(function: Any) -> None:
    x, y = numpy.repeat(X, len(Y)), numpy.tile(Y, len(X))
    with numpy.errstate(all="ignore"):
        expected = function(x, y)
    for result in (function(rnp.asarray(x), rnp.asarray(y)), ryft_core.jit(lambda x, y: function(x, y))(x, y)):
        numpy.testing.assert_array_equal(result, expected)
        if function is operator.floordiv:  # The sign of a zero remainder is that of the dividend, so that it varies.
            known = ~numpy.isnan(expected)
            numpy.testing.assert_array_equal(numpy.signbit(result)[known], numpy.signbit(expected)[known])


def test_floored_division_by_zero() -> None:
    x = rnp.asarray([1.0, -1.0, 0.0])
    numpy.testing.assert_array_equal(x // 0.0, [numpy.inf, -numpy.inf, numpy.nan])
    numpy.testing.assert_array_equal(x % 0.0, [numpy.nan] * 3)
    assert (rnp.asarray([5, -5, 0]) % 0).tolist() == [0, 0, 0]
    assert (rnp.asarray([5, 1], "uint8") % 0).tolist() == [0, 0]


def test_the_derivative_of_floored_division_is_that_of_a_step() -> None:
    assert ryft_core.grad(lambda x, y: x // y, argnums=(0, 1))(7.5, 2.0) == (0.0, 0.0)
    assert ryft_core.grad(lambda x, y: x % y, argnums=(0, 1))(7.5, 2.0) == (1.0, -3.0)


def test_booleans_are_counted_in_arithmetic_that_has_no_logical_meaning() -> None:
    x = rnp.asarray([True, False])
    for result in (x**2, x // rnp.asarray(True), x**x, x % rnp.asarray(True)):
        assert result.dtype == numpy.int32
    assert (x**2).tolist() == [1, 0]


def test_an_integer_is_not_raised_to_a_negative_number() -> None:
    with pytest.raises(OperandError, match="an integer of type int32 cannot be raised to the power -1"):
        rnp.asarray([2]) ** -1
    assert (rnp.asarray([2.0]) ** -1).tolist() == [0.5]


def test_the_imaginary_part_of_a_real_number_is_zero() -> None:
    assert rnp.imag(rnp.asarray([numpy.nan, numpy.inf, 1.0])).tolist() == [0.0, 0.0, 0.0]
    assert rnp.ones(2, bool).imag.tolist() == [False, False]


def test_signs_keep_the_sign_of_zero_and_are_defined_for_unsigned_integers() -> None:
    zero = numpy.array([0.0, -0.0], "float32")
    for function in (rnp.sign, ryft_core.jit(rnp.sign)):
        assert numpy.signbit(numpy.asarray(function(rnp.asarray(zero)))).tolist() == [False, True]
    assert rnp.sign(rnp.asarray([0, 1, 7], "uint8")).tolist() == [0, 1, 1]
