"""Random programs under random stacks of transformations agree with JAX's, and with themselves untransformed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy
import pytest
from checks import run_program, types_of
from hypothesis import given, settings
from hypothesis import strategies as st

import ryft_core
import ryft_core.nn
import ryft_core.numpy as rnp
from ryft_core.tracing.tracers import trace_program

X = numpy.random.default_rng(0).uniform(-1.5, 1.5, (2, 3))
MATRIX = numpy.random.default_rng(1).uniform(-1, 1, (3, 3))
PICK = numpy.array([2, 0, 0])

# Each maps arrays of shape (..., 3), given a module like NumPy and one like `nn`, to another one of that shape.
UNARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sin": lambda np, nn, x: np.sin(x),
    "tanh": lambda np, nn, x: np.tanh(2.0 * x),
    "exp": lambda np, nn, x: np.exp(-x * x),
    "log1p": lambda np, nn, x: np.log1p(x * x),
    "sqrt": lambda np, nn, x: np.sqrt(1.0 + x**2),
    "reciprocal": lambda np, nn, x: 1.0 / (2.0 + np.cos(x)),
    "logistic": lambda np, nn, x: nn.sigmoid(x),
    "softmax": lambda np, nn, x: nn.softmax(x),
    "gelu": lambda np, nn, x: nn.gelu(x),
    "logsumexp": lambda np, nn, x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "mean": lambda np, nn, x: x - x.mean(-1, keepdims=True),
    "sum": lambda np, nn, x: x + x.sum(-1, keepdims=True) * 0.3,
    "max": lambda np, nn, x: x - x.max(-1, keepdims=True),
    "cumsum": lambda np, nn, x: np.cumsum(x, axis=-1) * 0.5,
    "flip": lambda np, nn, x: x[..., ::-1] * 0.9,
    "pick": lambda np, nn, x: x[..., PICK],
    "roll": lambda np, nn, x: np.concatenate([x[..., 1:], x[..., :1]], -1),
    "sort": lambda np, nn, x: np.sort(x + 0.1 * numpy.arange(3)),
    "matmul": lambda np, nn, x: x @ MATRIX,
    "einsum": lambda np, nn, x: np.einsum("...i,ij->...j", x, MATRIX) * 0.7,
    "update": lambda np, nn, x: x.at[..., 1].set(0.5 * x[..., 0]),
    "accumulate": lambda np, nn, x: x.at[..., PICK].add(x * 0.2),
    "pad": lambda np, nn, x: np.where(x > 0.1, x, 0.4 * x),
    "reshape": lambda np, nn, x: x.reshape((*x.shape[:-1], 3, 1)).swapaxes(-1, -2)[..., 0, :],
    "integers": lambda np, nn, x: x + (x > 0.0371).astype("int32"),  # Not at zero, which rounding would tell from it.
}
BINARY: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "add": lambda np, nn, x, y: 0.5 * (x + y),
    "multiply": lambda np, nn, x, y: x * y,
    "divide": lambda np, nn, x, y: x / (1.5 + y * y),
    "maximum": lambda np, nn, x, y: np.maximum(x, y + 0.01),
    "where": lambda np, nn, x, y: np.where(x > y, np.sin(x), np.cos(y)),
    "arctan2": lambda np, nn, x, y: np.arctan2(x, 2.0 + y),
    "inner": lambda np, nn, x, y: x * (x * y).sum(-1, keepdims=True),
}

STEPS = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 9), st.none()),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 9), st.integers(0, 9)),
)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=7)


def program_of(steps: list[Any], np: Any, nn: Any) -> Callable[[Any], Any]:
    """Returns the function that does the steps; each takes earlier values by number and adds one."""

    def function(x: Any) -> Any:
        values = [np.asarray(x)]
        for name, first, second in steps:
            if second is None:
                values.append(UNARY[name](np, nn, values[first % len(values)]))
            else:
                values.append(BINARY[name](np, nn, values[first % len(values)], values[second % len(values)]))
        return np.tanh(values[-1])

    return function


# Each turns a function on arrays of shape (..., 3) into another one, with the transformations of a library.
TRANSFORMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "jit": lambda library, np, f: library.jit(f),
    "grad": lambda library, np, f: library.grad(lambda x: f(x).sum()),
    "jvp": lambda library, np, f: lambda x: library.jvp(f, (x,), (np.cos(x),))[1],
    "vjp": lambda library, np, f: lambda x: library.vjp(f, x)[1](np.sin(x))[0],
    "vmap": lambda library, np, f: lambda x: library.vmap(f)(np.stack([x, 0.5 * x])).sum(0),
    "vmap_last": lambda library, np, f: lambda x: library.vmap(f, -1, -1)(np.stack([x, 0.5 * x], -1)).sum(-1),
    "checkpoint": lambda library, np, f: library.checkpoint(f),
    "linearize": lambda library, np, f: lambda x: library.linearize(f, x)[1](x),
}
STACKS = st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=0, max_size=3)


def transformed(steps: list[Any], stack: list[str], library: Any, np: Any, nn: Any) -> Callable[[Any], Any]:
    function = program_of(steps, np, nn)
    for name in stack:
        function = TRANSFORMS[name](library, np, function)
    return function


@pytest.mark.slow
@given(PROGRAMS, STACKS)
@settings(max_examples=40, deadline=None)
def test_transformed_programs_agree_with_jax(steps: list[Any], stack: list[str]) -> None:
    ours = transformed(steps, stack, ryft_core, rnp, ryft_core.nn)(X)

    with jax.enable_x64(True):
        theirs = jax.jit(transformed(steps, stack, jax, jnp, jax.nn))(X)

    numpy.testing.assert_allclose(numpy.asarray(ours), numpy.asarray(theirs), rtol=1e-6, atol=1e-8)


@given(PROGRAMS, STACKS)
@settings(max_examples=60, deadline=None)
def test_traced_programs_agree_with_eager_ones(steps: list[Any], stack: list[str]) -> None:
    function = transformed(steps, stack, ryft_core, rnp, ryft_core.nn)
    eager = numpy.asarray(function(X))

    program, captured = trace_program(lambda x: [function(x)], types_of([X]))
    program.verify()
    (by_references,) = run_program(program, [*[numpy.asarray(value) for value in captured], X])

    numpy.testing.assert_allclose(by_references, eager, rtol=1e-8, atol=1e-9)


@given(PROGRAMS)
@settings(max_examples=30, deadline=None)
def test_vmap_of_a_program_agrees_with_a_loop(steps: list[Any]) -> None:
    function = program_of(steps, rnp, ryft_core.nn)
    batch = numpy.stack([X, -X, 0.3 * X])

    mapped = numpy.asarray(ryft_core.jit(ryft_core.vmap(function))(batch))

    looped = numpy.stack([numpy.asarray(function(x)) for x in batch])
    # Sums in another order may leave a rest where the terms cancel.
    numpy.testing.assert_allclose(mapped, looped, rtol=1e-8, atol=1e-12)


@given(PROGRAMS)
@settings(max_examples=30, deadline=None)
def test_forward_and_reverse_derivatives_of_a_program_agree(steps: list[Any]) -> None:
    function = program_of(steps, rnp, ryft_core.nn)
    x = ryft_core.numpy.asarray(X)
    tangent, cotangent = numpy.cos(X), numpy.sin(X)

    change = numpy.asarray(ryft_core.jvp(function, (x,), (tangent,))[1])
    (gradient,) = ryft_core.vjp(function, x)[1](cotangent)

    numpy.testing.assert_allclose((change * cotangent).sum(), (numpy.asarray(gradient) * tangent).sum(), rtol=1e-8)
