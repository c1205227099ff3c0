"""Reductions of windows by any function, and rounding, compared with JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy
import pytest

import ryft_core
from ryft_core import lax
from ryft_core.errors import ArgumentError, ShapeError

X = numpy.random.default_rng(0).uniform(-2, 2, (5, 7)).astype("float32")

OPTIONS: list[dict[str, Any]] = [
    {"window_strides": (1, 1), "padding": "VALID"},
    {"window_strides": (2, 1), "padding": "SAME"},
    {"window_strides": (1, 2), "padding": ((1, 2), (0, -1))},
    {"window_strides": (1, 1), "padding": ((2, 2), (2, 2)), "base_dilation": (2, 1), "window_dilation": (1, 3)},
    {"window_strides": (3, 3), "padding": "VALID", "window_dilation": (4, 4)},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("name", "start"), [("add", 0.0), ("max", -numpy.inf), ("min", numpy.inf), ("mul", 1.0)])
def test_windows_reduced_by_an_operation_agree_with_jax(options: dict[str, Any], name: str, start: float) -> None:
    expected = jax.lax.reduce_window(X, numpy.float32(start), getattr(jax.lax, name), (2, 3), **options)

    def ours(x: Any) -> Any:
        return lax.reduce_window(x, start, getattr(lax, name), (2, 3), **options)

    numpy.testing.assert_allclose(ours(X), expected, rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(ryft_core.jit(ours)(X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_windows_reduced_by_any_function_agree_with_jax(options: dict[str, Any]) -> None:
    def smooth(x: Any, y: Any) -> Any:
        return x + y + 0.1 * x * y

    def ours(x: Any) -> Any:
        return lax.reduce_window(x, 0.0, smooth, (2, 3), **options)

    expected = jax.lax.reduce_window(X, numpy.float32(0), smooth, (2, 3), **options)
    numpy.testing.assert_allclose(ours(X), expected, rtol=2e-3, atol=1e-3)
    numpy.testing.assert_allclose(ryft_core.jit(ours)(X), ours(X), rtol=1e-5, atol=1e-5)
    mapped = ryft_core.vmap(ours)(numpy.stack([X, 2 * X]))
    numpy.testing.assert_allclose(mapped[1], ours(2 * X), rtol=1e-5, atol=1e-5)
    direction = numpy.ones_like(X)
    _, tangent = ryft_core.jvp(ours, (X,), (direction,))
    step = 1e-2
    difference = (numpy.asarray(ours(X + step)) - numpy.asarray(ours(X - step))) / (2 * step)
    numpy.testing.assert_allclose(tangent, difference, rtol=1e-2, atol=1e-2)


def test_windows_of_several_arrays_are_reduced_together() -> None:
    positions = numpy.arange(X.size, dtype="int32").reshape(X.shape)

    def larger(x: Any, y: Any) -> Any:
        first = x[0] >= y[0]
        return lax.select(first, x[0], y[0]), lax.select(first, x[1], y[1])

    values, places = lax.reduce_window((X, positions), (-numpy.inf, -1), larger, (2, 3), (1, 1), "VALID")
    numpy.testing.assert_array_equal(values, lax.reduce_window(X, -numpy.inf, lax.max, (2, 3)))
    numpy.testing.assert_array_equal(X.reshape(-1)[numpy.asarray(places)], values)


def test_windows_refuse_options_of_another_rank() -> None:
    with pytest.raises(ShapeError, match="`reduce_window` expected 2 entries for an array of shape"):
        lax.reduce_window(X, 0.0, lambda x, y: x + y, (2,))


def test_rounding_agrees_with_jax() -> None:
    x = numpy.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, 8388609.0, numpy.nan, -numpy.inf, -0.2], "float32")
    for method in (0, 1):
        expected = jax.lax.round(jnp.asarray(x), jax.lax.RoundingMethod(method))
        for result in (lax.round(x, method), ryft_core.jit(lambda y, method=method: lax.round(y, method))(x)):
            numpy.testing.assert_array_equal(result, expected)
            numpy.testing.assert_array_equal(numpy.signbit(result), numpy.signbit(expected))
    with pytest.raises(ArgumentError, match="expected 0 or 1 as the rounding method, but got 2"):
        lax.round(x, 2)
