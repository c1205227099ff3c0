"""Traces: what leaks, what cannot be converted, and what the errors say."""

from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.primitives.exponential import sin

X = np.array([1.0, 2.0], np.float32)


@pytest.mark.parametrize("transform", [ryft.jit, lambda f: ryft.grad(lambda x: f(x).sum()), ryft.vmap])
def test_a_leaked_tracer_raises(transform: Any) -> None:
    leaks: list[Any] = []

    def function(x: Any) -> Any:
        leaks.append(sin(x))
        return sin(x)

    transform(function)(X)
    with pytest.raises(ryft.LeakedTracerError, match="was used after the function that it was traced in had returned"):
        sin(leaks[0])


def test_a_tracer_that_leaks_into_another_trace_raises() -> None:
    leaks: list[Any] = []
    ryft.jit(lambda x: (leaks.append(x), x)[1])(X)
    with pytest.raises(ryft.LeakedTracerError, match="traced value of type float32"):
        ryft.jit(lambda x: x + leaks[0])(X)


@pytest.mark.parametrize("use", [bool, int, float, complex, np.asarray, range])
def test_a_concrete_use_of_a_traced_value_raises(use: Any) -> None:
    with pytest.raises(ryft.TracerError, match="needs a concrete value, but got a traced one of type") as caught:
        ryft.jit(lambda x: use(x))(np.int32(1))
    assert caught.value.__notes__[0].startswith("hint: inside `jit` and `vmap`, ")


def test_python_control_flow_works_under_grad() -> None:
    gradient = ryft.grad(lambda x: x * x if x > 0 else -x)
    assert float(gradient(3.0)) == 6.0
    assert float(gradient(-3.0)) == -1.0


def test_side_effects_happen_once_per_signature() -> None:
    calls: list[int] = []
    function = ryft.jit(lambda x: (calls.append(1), x + 1)[1])
    for _ in range(3):
        function(X)
    function(X[:1])
    assert len(calls) == 2


def test_an_exception_in_a_traced_function_leaves_no_trace_behind() -> None:
    def fail(x: Any) -> Any:
        raise KeyError("mine")

    for transform in (ryft.jit, ryft.vmap, ryft.grad):
        with pytest.raises(KeyError, match="mine"):
            transform(fail)(X)
    np.testing.assert_allclose(ryft.numpy.sin(X), np.sin(X), rtol=1e-6)


@pytest.mark.parametrize("leaf", ["text", object(), [1, "two"]])
def test_jit_refuses_a_leaf_that_is_not_an_array(leaf: Any) -> None:
    with pytest.raises(
        ryft.OperandError, match=r"argument `args\[0\].*` of `<lambda>` is a `.*`, which is not an array"
    ):
        ryft.jit(lambda x: x)(leaf)


def test_jit_refuses_a_result_that_is_not_an_array() -> None:
    with pytest.raises(ryft.OperandError, match="`<lambda>` returned a `str`, which is not an array: 'text'"):
        ryft.jit(lambda x: "text")(X)


def test_mismatched_shapes_name_both_and_the_axis() -> None:
    with pytest.raises(ryft.ShapeError, match=r"got \(2,\) and \(3,\): axis -1 has sizes 2 and 3"):
        ryft.numpy.add(X, np.ones(3, np.float32))


def test_a_non_array_operand_is_refused() -> None:
    with pytest.raises(ryft.OperandError, match="expected an array or a number, but got a `str`: 'a'"):
        ryft.numpy.sin("a")
