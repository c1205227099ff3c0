"""Functions of neural networks, compared with JAX's, and initializers, by what they promise."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy
import pytest

import ryft_core
from ryft_core import nn
from ryft_core.errors import DataTypeError, ShapeError

X = numpy.random.default_rng(0).uniform(-4, 4, (3, 6)).astype("float32")
X[0, :3] = 0.0, 7.5, -7.5
MASK = numpy.array([[True, False, True, True, False, True]] * 3)

SAME_NAMES = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax",
    "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus", "swish", "tanh",
]  # fmt: skip


@pytest.mark.parametrize("name", SAME_NAMES)
def test_function_and_its_gradient_agree_with_jax(name: str) -> None:
    ours, theirs = getattr(nn, name), getattr(jax.nn, name)

    numpy.testing.assert_allclose(ours(X), theirs(X), rtol=2e-5, atol=2e-6)
    weights = numpy.linspace(-1, 1, 6, dtype="float32")[: ours(X).shape[1]]
    gradient = ryft_core.grad(lambda x: (ours(x) * weights).sum())(X)
    numpy.testing.assert_allclose(gradient, jax.grad(lambda x: (theirs(x) * weights).sum())(X), rtol=2e-4, atol=2e-5)


def test_options_agree_with_jax() -> None:
    cases = [
        (nn.gelu(X, approximate=False), jax.nn.gelu(X, approximate=False)),
        (nn.softmax(X, axis=0), jax.nn.softmax(X, axis=0)),
        (nn.softmax(X, where=MASK), jax.nn.softmax(X, where=MASK)),
        (nn.log_softmax(X, axis=(0, 1)), jax.nn.log_softmax(X, axis=(0, 1))),
        (nn.logsumexp(X), jax.nn.logsumexp(X)),
        (nn.logsumexp(X, axis=1, keepdims=True), jax.nn.logsumexp(X, axis=1, keepdims=True)),
        (nn.logsumexp(X, axis=0, b=numpy.abs(X)), jax.nn.logsumexp(X, axis=0, b=jnp.abs(X))),
        (nn.leaky_relu(X, 0.2), jax.nn.leaky_relu(X, 0.2)),
        (nn.elu(X, 0.5), jax.nn.elu(X, 0.5)),
        (nn.standardize(X, axis=0), jax.nn.standardize(X, axis=0)),
        (nn.glu(X, axis=1), jax.nn.glu(X, axis=1)),
    ]
    for ours, theirs in cases:
        numpy.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_extreme_inputs_do_not_overflow() -> None:
    large = numpy.array([1000.0, 1000.0, -1000.0], "float32")
    infinite = numpy.array([-numpy.inf, -numpy.inf], "float32")

    numpy.testing.assert_allclose(nn.softmax(large), [0.5, 0.5, 0.0])
    numpy.testing.assert_allclose(nn.logsumexp(large), 1000 + math.log(2.0), rtol=1e-6)
    assert float(nn.logsumexp(infinite)) == -numpy.inf
    numpy.testing.assert_allclose(nn.softplus(large), [1000, 1000, 0])
    assert numpy.isfinite(numpy.asarray(ryft_core.grad(lambda x: nn.elu(x).sum())(large))).all()


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot_agrees_with_jax(axis: int) -> None:
    classes = numpy.array([[0, 2, 1], [3, -1, 7]])

    numpy.testing.assert_array_equal(nn.one_hot(classes, 4, axis=axis), jax.nn.one_hot(classes, 4, axis=axis))
    assert nn.one_hot(classes, 4, dtype=bool).dtype == "bool"


def test_one_hot_refuses_floats() -> None:
    with pytest.raises(DataTypeError, match="`one_hot` expected integers, but got float32"):
        nn.one_hot(X, 3)


def test_relu_has_no_derivative_at_zero_and_keeps_nan() -> None:
    assert float(ryft_core.grad(nn.relu)(0.0)) == 0.0
    assert numpy.isnan(float(nn.relu(numpy.float32(numpy.nan))))
    assert nn.relu(numpy.array([-1, 2], "int32")).tolist() == [0, 2]


def test_normalizations() -> None:
    scale, offset = numpy.arange(6, dtype="float32"), numpy.float32(2)
    centered = (X - X.mean(1, keepdims=True)) / numpy.sqrt(X.var(1, keepdims=True) + 1e-5)
    rooted = X / numpy.sqrt((X**2).mean(1, keepdims=True) + 1e-6)

    numpy.testing.assert_allclose(nn.layer_norm(X, scale, offset), centered * scale + offset, rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(nn.rms_norm(X, scale), rooted * scale, rtol=1e-4, atol=1e-5)


INITIALIZERS: dict[str, tuple[Any, float]] = {
    "normal": (nn.initializers.normal(0.5), 0.25),
    "truncated_normal": (nn.initializers.truncated_normal(1.0), 0.87962566**2),
    "uniform": (nn.initializers.uniform(2.0), 4 / 12),
    "glorot_uniform": (nn.initializers.glorot_uniform(), 2 / 300),
    "glorot_normal": (nn.initializers.glorot_normal(), 2 / 300),
    "he_normal": (nn.initializers.he_normal(), 2 / 100),
    "he_uniform": (nn.initializers.he_uniform(), 2 / 100),
    "lecun_normal": (nn.initializers.lecun_normal(), 1 / 100),
    "lecun_uniform": (nn.initializers.lecun_uniform(), 1 / 100),
    "variance_scaling": (nn.initializers.variance_scaling(3.0, "fan_out", "normal"), 3 / 200),
    "zeros": (nn.initializers.zeros, 0.0),
    "ones": (nn.initializers.ones, 0.0),
    "constant": (nn.initializers.constant(3.0), 0.0),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializer_has_its_variance(name: str) -> None:
    initializer, variance = INITIALIZERS[name]
    values = numpy.asarray(initializer(numpy.random.default_rng(0), (100, 200)))

    assert values.shape == (100, 200)
    assert values.dtype == "float32"
    numpy.testing.assert_allclose(values.var(), variance, rtol=0.05)


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (2, 3, 4)])
def test_orthogonal_initializer_is_orthogonal(shape: tuple[int, ...]) -> None:
    values = numpy.asarray(nn.initializers.orthogonal(2.0)(numpy.random.default_rng(0), shape, "float64"))
    matrix = values.reshape(-1, shape[-1])
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T

    numpy.testing.assert_allclose(gram, 4 * numpy.eye(len(gram)), atol=1e-6)


def test_initializers_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="'fan_in', 'fan_out' or 'fan_avg', but got 'fan'"):
        nn.initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ValueError, match="but got 'cauchy'"):
        nn.initializers.variance_scaling(1.0, "fan_in", "cauchy")
    with pytest.raises(ShapeError, match="at least two axes"):
        nn.initializers.he_normal()(numpy.random.default_rng(0), (3,))
    with pytest.raises(ShapeError, match="at least two axes"):
        nn.initializers.orthogonal()(numpy.random.default_rng(0), (3,))
