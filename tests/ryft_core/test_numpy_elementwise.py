"""Functions of single elements, compared with NumPy's."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core.errors import DataTypeError, OperandError

X = numpy.random.default_rng(0).uniform(-2.0, 2.0, (2, 3)).astype("float32")
Y = numpy.random.default_rng(1).uniform(0.5, 2.0, (2, 3)).astype("float32")
UNIT = numpy.random.default_rng(2).uniform(-0.9, 0.9, (5,)).astype("float32")
SPECIAL = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0, 1.5], "float32")
INTEGERS = numpy.array([-7, -2, 0, 3, 8], "int32")

UNARY: dict[str, Any] = {
    **dict.fromkeys(
        [
            "abs", "absolute", "ceil", "floor", "negative", "positive", "sign", "square", "trunc", "rint", "fabs",
            "exp", "expm1", "exp2", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsinh", "arctan", "cbrt",
            "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "sinc", "deg2rad", "rad2deg", "degrees",
            "radians", "nan_to_num", "real", "imag", "conj", "conjugate", "angle", "reciprocal", "round", "logical_not",
        ],
        X,
    ),
    **dict.fromkeys(["log", "log1p", "log2", "log10", "sqrt"], Y),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], UNIT),
    "arccosh": Y + 1,
}  # fmt: skip

BINARY = [
    "add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "mod", "remainder", "fmod", "power",
    "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "arctan2", "copysign", "heaviside",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "float_power", "nextafter",
]  # fmt: skip


def check(result: Any, expected: Any, tolerance: float = 2e-6) -> None:
    result = numpy.asarray(result)
    assert result.shape == numpy.shape(expected)
    numpy.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", UNARY)
def test_unary_function_agrees_with_numpy(name: str) -> None:
    x = UNARY[name]
    function = getattr(rnp, name)

    check(function(x), getattr(numpy, name)(x))
    check(ryft_core.jit(function)(x), getattr(numpy, name)(x))


@pytest.mark.parametrize("name", BINARY)
def test_binary_function_agrees_with_numpy(name: str) -> None:
    function, expected = getattr(rnp, name), getattr(numpy, name)
    positive = name in ("power", "float_power")

    check(function(Y, X[:1]), expected(Y, X[:1]))
    check(function(Y[0] if positive else X[0], 1.5), expected(Y[0] if positive else X[0], 1.5))


SPECIAL_UNARY = [
    "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "nan_to_num", "sign", "trunc", "floor", "abs",
    "rint", "sinc", "round",
]  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL_UNARY)
def test_unary_function_agrees_with_numpy_for_special_values(name: str) -> None:
    with numpy.errstate(all="ignore"):
        check(getattr(rnp, name)(SPECIAL), getattr(numpy, name)(SPECIAL))


@pytest.mark.parametrize("name", ["fmax", "fmin", "maximum", "minimum", "hypot", "logaddexp", "copysign", "heaviside"])
def test_binary_function_agrees_with_numpy_for_special_values(name: str) -> None:
    x, y = SPECIAL[:, None], SPECIAL
    with numpy.errstate(all="ignore"):
        check(getattr(rnp, name)(x, y), getattr(numpy, name)(x, y))


INTEGER_BINARY = [
    "add", "subtract", "multiply", "divide", "floor_divide", "mod", "maximum", "bitwise_and", "bitwise_or",
    "bitwise_xor", "equal", "less",
]  # fmt: skip


@pytest.mark.parametrize("name", INTEGER_BINARY)
def test_binary_function_agrees_with_numpy_for_integers(name: str) -> None:
    y = numpy.array([2, -3, 5, -4, 3], "int32")

    check(getattr(rnp, name)(INTEGERS, y), getattr(numpy, name)(INTEGERS, y))


def test_shifts_agree_with_numpy() -> None:
    amounts = numpy.array([1, 0, 3, 2, 1], "int32")

    check(rnp.left_shift(INTEGERS, amounts), numpy.left_shift(INTEGERS, amounts))
    check(rnp.right_shift(INTEGERS, amounts), numpy.right_shift(INTEGERS, amounts))
    unsigned = numpy.array([200, 3], "uint8")
    check(rnp.right_shift(unsigned, numpy.uint8(1)), numpy.right_shift(unsigned, numpy.uint8(1)))


def test_invert_agrees_with_numpy() -> None:
    check(rnp.invert(INTEGERS), ~INTEGERS)
    check(rnp.invert(INTEGERS > 0), ~(INTEGERS > 0))


@pytest.mark.parametrize("decimals", [0, 1, 2, -1])
def test_round_agrees_with_numpy(decimals: int) -> None:
    values = numpy.array([1.25, -17.5, 0.125, 99.995], "float32")

    check(rnp.round(values, decimals), numpy.round(values, decimals), 1e-5)
    check(rnp.round(numpy.array([14, 15, 25], "int32"), decimals), numpy.round(numpy.array([14, 15, 25]), decimals))


def test_clip_agrees_with_numpy() -> None:
    check(rnp.clip(X, -1, 1), numpy.clip(X, -1, 1))
    check(rnp.clip(X, 0.5), numpy.clip(X, 0.5, None))
    check(rnp.clip(X, max=0.5), numpy.clip(X, None, 0.5))
    assert rnp.clip(INTEGERS, -1, 1).dtype == "int32"


def test_divmod_and_modf_agree_with_numpy() -> None:
    for result, expected in zip(rnp.divmod(X, Y), numpy.divmod(X, Y), strict=True):
        check(result, expected)
    for result, expected in zip(rnp.modf(X), numpy.modf(X), strict=True):
        check(result, expected)


def test_ldexp_agrees_with_numpy() -> None:
    check(rnp.ldexp(X, numpy.array([1, -2, 3], "int32")), numpy.ldexp(X, [1, -2, 3]))


def test_isclose_agrees_with_numpy() -> None:
    x = numpy.array([1.0, 1.000001, numpy.nan, numpy.inf, -numpy.inf, 2.0], "float32")
    y = numpy.array([1.0, 1.0, numpy.nan, numpy.inf, numpy.inf, 2.1], "float32")

    for equal_nan in (False, True):
        check(rnp.isclose(x, y, equal_nan=equal_nan), numpy.isclose(x, y, equal_nan=equal_nan))
        assert bool(rnp.allclose(x, x, equal_nan=equal_nan)) == numpy.allclose(x, x, equal_nan=equal_nan)


def test_array_equal_compares_shapes_and_elements() -> None:
    assert bool(rnp.array_equal(X, X))
    assert not bool(rnp.array_equal(X, X[0]))
    assert not bool(rnp.array_equal(X, Y))
    assert bool(rnp.array_equal(SPECIAL, SPECIAL, equal_nan=True))


def test_complex_functions_agree_with_numpy() -> None:
    z = (X[0] + 1j * Y[0]).astype("complex64")

    for name in ("real", "imag", "conj", "angle", "abs", "exp", "isnan", "isinf", "square", "round"):
        check(getattr(rnp, name)(z), getattr(numpy, name)(z))
    assert rnp.iscomplexobj(z)
    assert rnp.isrealobj(X)


def test_where_agrees_with_numpy() -> None:
    check(rnp.where(X > 0, X, 0.0), numpy.where(X > 0, X, 0.0))
    for result, expected in zip(rnp.where(X > 0), numpy.where(X > 0), strict=True):
        check(result, expected)


def test_where_rejects_one_case() -> None:
    with pytest.raises(DataTypeError, match="expected both cases"):
        rnp.where(X > 0, X)


def test_fused_functions_reject_lists() -> None:
    with pytest.raises(OperandError, match="`square` expected an array or a number, but got a `list`"):
        rnp.square([1.0, 2.0])


def test_sinc_has_derivatives_at_zero() -> None:
    derivative = ryft_core.grad(rnp.sinc)
    second = ryft_core.grad(derivative)

    assert float(derivative(0.0)) == 0.0
    numpy.testing.assert_allclose(float(second(0.0)), -(numpy.pi**2) / 3, rtol=1e-5)


def test_logaddexp_and_hypot_have_finite_derivatives() -> None:
    numpy.testing.assert_allclose(ryft_core.grad(rnp.logaddexp)(1000.0, 1000.0), 0.5, rtol=1e-6)
    numpy.testing.assert_allclose(ryft_core.grad(rnp.hypot)(3.0, 4.0), 0.6, rtol=1e-6)
