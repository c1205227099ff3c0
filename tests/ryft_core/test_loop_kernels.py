"""Loops that become one kernel on the CPU."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from samples import Sample, all_samples

import ryft_core.numpy as np
from ryft_core import grad, jit, lax
from ryft_core.arrays import device_array
from ryft_core.primitives.control_flow.loop_kernels import is_kernel
from ryft_core.tracing.tracers import trace_program

MARK = "xla_cpu_small_call"


def step_of(sample: Sample) -> Any:
    """Returns a step of a loop that applies the primitive, and returns its results beside the count of steps."""

    def step(*operands: Any) -> list[Any]:
        results = sample.primitive.bind(*operands)
        return list(results) if sample.primitive.multiple_results else [results]

    return step


def fitting(sample: Sample) -> bool:
    types = [device_array(operand).type for operand in sample.operands]
    program, captured = trace_program(step_of(sample), types, "step")
    return not captured and is_kernel(program)


KERNEL_SAMPLES = [sample for sample in all_samples() if fitting(sample)]


def test_samples_cover_every_primitive_that_may_be_in_a_kernel() -> None:
    possible = {sample.primitive.name for sample in all_samples() if sample.primitive.in_kernel}

    covered = {sample.primitive.name for sample in KERNEL_SAMPLES}

    # No kernel of a loop computes with complex numbers.
    assert possible - covered == {"complex", "imaginary", "real"}
    assert "dot_general" in covered


@pytest.mark.parametrize("sample", KERNEL_SAMPLES, ids=str)
def test_primitive_in_a_kernel_agrees_with_the_primitive_alone(sample: Sample) -> None:
    step = step_of(sample)
    alone = [numpy.asarray(result) for result in step(*map(device_array, sample.operands))]
    zeros = [np.zeros(result.shape, result.dtype) for result in alone]

    @jit
    def loop(*operands: Any) -> Any:
        return lax.fori_loop(0, len(operands) + 2, lambda _, __: step(*operands), zeros)

    assert MARK in loop.trace(*sample.operands).lower().as_text()
    for result, expected in zip(loop(*sample.operands), alone, strict=True):
        numpy.testing.assert_allclose(numpy.asarray(result), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "operand"),
    [
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sin(x), x), numpy.zeros(2**14, "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: x @ x, x), numpy.zeros((64, 64), "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sort(x), x), numpy.zeros(8, "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sin(x), x), numpy.zeros(8, "float16")),
    ],
    ids=["many elements", "product of matrices", "sorting", "half precision"],
)
def test_other_loops_stay_loops_of_kernels(function: Any, operand: numpy.ndarray[Any, Any]) -> None:
    assert MARK not in jit(function).trace(operand).lower().as_text()


def test_loops_in_a_small_loop_are_part_of_its_kernel() -> None:
    def inner(x: Any) -> Any:
        return lax.while_loop(lambda x: x.sum() < 10, lambda x: 2 * x + 1, x)

    function = jit(lambda x: lax.scan(lambda c, _: (inner(c) / 7, c), x, None, length=4))
    x = numpy.asarray([0.5, -0.25], "float32")

    state, seen = function(x)

    assert function.trace(x).lower().as_text().count(MARK) == 1
    expected = [x]
    for _ in range(4):
        step = expected[-1]
        while step.sum() < 10:
            step = 2 * step + 1
        expected.append(step / 7)
    numpy.testing.assert_allclose(seen, expected[:4], rtol=1e-6)
    numpy.testing.assert_allclose(state, expected[4], rtol=1e-6)


def test_function_with_a_loop_is_called_outside_and_inside_a_kernel() -> None:
    double = jit(lambda x: lax.fori_loop(0, 3, lambda _, x: x * 2, x))
    function = jit(lambda x: (double(x), lax.fori_loop(0, 2, lambda _, x: double(x) - 1, x)))

    outside, inside = function(numpy.ones(3, "float32"))

    assert outside.tolist() == [8.0] * 3
    assert inside.tolist() == [55.0] * 3


def test_kernel_keeps_nan_in_maxima() -> None:
    function = jit(lambda x: lax.fori_loop(0, 2, lambda _, c: np.maximum(c, x).max() + 0 * c, np.zeros(3)))

    assert numpy.isnan(function(numpy.asarray([1.0, numpy.nan, 0.0], "float32"))).all()


def test_gradient_of_a_scan_is_two_kernels_and_agrees_with_finite_differences() -> None:
    def loss(w: Any) -> Any:
        final, _ = lax.scan(lambda h, _: (np.tanh(w @ h), None), np.ones(3, w.dtype), None, length=20)
        return final.sum()

    w = numpy.random.default_rng(0).normal(size=(3, 3))
    slope = jit(grad(loss))

    assert slope.trace(w).lower().as_text().count(MARK) == 2
    for place in [(0, 0), (1, 2)]:
        change = numpy.zeros((3, 3))
        change[place] = 1e-6
        difference = (loss(w + change) - loss(w - change)) / 2e-6
        numpy.testing.assert_allclose(slope(w)[place], difference, rtol=1e-5)
