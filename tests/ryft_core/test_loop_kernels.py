"""Loops that become one kernel on the CPU."""

from __future__ import annotations

from typing import Any

import jax
import numpy
import pytest
from samples import Sample, all_samples

import ryft_core.numpy as np
from ryft_core import eval_shape, grad, jit, lax
from ryft_core.arrays import device_array
from ryft_core.loop_kernels import has_only_small_loops

MARK = "xla_cpu_small_call"


def looped(sample: Sample) -> Any:
    """Returns a function that applies the primitive in each step of a loop, and returns the results of the last one."""

    def step(*operands: Any) -> list[Any]:
        results = sample.primitive.bind(*operands)
        return list(results) if sample.primitive.multiple_results else [results]

    def loop(*operands: Any) -> Any:
        types = eval_shape(step, *operands)
        zeros = [np.zeros(type.shape, type.dtype) for type in types]
        return lax.fori_loop(0, len(operands) + 2, lambda _, __: step(*operands), zeros)

    return jit(loop)


def fits(sample: Sample) -> bool:
    if not sample.primitive.in_kernel:
        return False
    return has_only_small_loops(looped(sample).trace(*map(device_array, sample.operands)).program)


def is_one_kernel(function: Any, *arguments: Any) -> bool:
    """Returns whether we want every loop to be a kernel; then it must be one."""
    traced = function.trace(*arguments)
    wanted = has_only_small_loops(traced.program)
    # The compiler makes kernels of the smallest loops in any case.
    assert not wanted or MARK in traced.lower().compile().as_text()
    return wanted


KERNEL_SAMPLES = [sample for sample in all_samples() if fits(sample)]


def test_samples_cover_every_primitive_that_may_be_in_a_kernel() -> None:
    possible = {sample.primitive.name for sample in all_samples() if sample.primitive.in_kernel}
    covered = {sample.primitive.name for sample in KERNEL_SAMPLES}

    # No kernel of a loop computes with complex numbers.
    assert possible - covered == {"complex", "imaginary", "real"}


@pytest.mark.parametrize("sample", KERNEL_SAMPLES, ids=str)
def test_primitive_in_a_kernel_agrees_with_the_primitive_alone(sample: Sample) -> None:
    operands = list(map(device_array, sample.operands))
    alone = sample.primitive.bind(*operands)

    results = looped(sample)(*operands)

    for result, expected in zip(results, alone if sample.primitive.multiple_results else [alone], strict=True):
        numpy.testing.assert_allclose(numpy.asarray(result), numpy.asarray(expected), rtol=2e-6, atol=1e-6)


def test_loop_above_the_threshold_of_the_compiler_is_one_kernel() -> None:
    function = jit(lambda x: lax.fori_loop(0, 3, lambda _, x: np.sin(x) + x, x))

    assert is_one_kernel(function, numpy.ones(2**12, "float32"))


@pytest.mark.parametrize(
    ("function", "operand"),
    [
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sin(x), x), numpy.zeros(2**15, "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: x @ x, x), numpy.zeros((64, 64), "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sort(x), x), numpy.zeros(8, "float32")),
        (lambda x: lax.fori_loop(0, 3, lambda _, x: np.sin(x), x), numpy.zeros(8, "float16")),
    ],
    ids=["many elements", "product of matrices", "sorting", "half precision"],
)
def test_other_loops_stay_loops_of_kernels(function: Any, operand: numpy.ndarray[Any, Any]) -> None:
    assert not is_one_kernel(jit(function), operand)


def test_one_loop_that_is_not_small_keeps_the_others_from_being_kernels() -> None:
    small = jit(lambda x: lax.fori_loop(0, 3, lambda _, x: x * 2, x))
    both = jit(lambda x: (small(x), lax.fori_loop(0, 3, lambda _, x: np.sort(x), x)))
    x = numpy.zeros(64, "float32")

    assert is_one_kernel(small, x)
    assert not is_one_kernel(both, x)


def test_loops_are_no_kernels_where_the_compiler_adds_loops_of_its_own() -> None:
    function = jit(lambda x: lax.fori_loop(0, 3, lambda _, x: x * 2, np.linalg.cholesky(x)))

    assert not is_one_kernel(function, numpy.eye(4, dtype="float32"))


def test_loops_in_a_small_loop_are_part_of_its_kernel() -> None:
    def inner(x: Any) -> Any:
        return lax.while_loop(lambda x: x.sum() < 10, lambda x: 2 * x + 1, x)

    function = jit(lambda x: lax.scan(lambda c, _: (inner(c) / 7, c), x, None, length=4))
    x = numpy.asarray([0.5, -0.25], "float32")

    state, seen = function(x)

    assert is_one_kernel(function, x)
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


def test_gradient_of_a_scan_is_made_of_kernels_and_agrees_with_finite_differences() -> None:
    def loss(w: Any) -> Any:
        final, _ = lax.scan(lambda h, _: (np.tanh(w @ h), None), np.ones(3, w.dtype), None, length=20)
        return final.sum()

    w = numpy.random.default_rng(0).normal(size=(3, 3))
    slope = jit(grad(loss))

    assert is_one_kernel(slope, w)
    for place in [(0, 0), (1, 2)]:
        change = numpy.zeros((3, 3))
        change[place] = 1e-6
        difference = (loss(w + change) - loss(w - change)) / 2e-6
        numpy.testing.assert_allclose(slope(w)[place], difference, rtol=1e-5)


def test_gradient_with_accumulated_products_is_made_of_kernels_and_agrees_with_jax() -> None:
    def loss(np: Any, lax: Any, w: Any, xs: Any) -> Any:
        # The stacked results start as zeros that are one array, and the initial carry is used by both loops.
        _, states = lax.scan(lambda h, x: (np.tanh(w @ h + x), h), np.zeros(8, "float32"), xs)
        return (states**2).sum()

    w = numpy.random.default_rng(0).normal(size=(8, 8)).astype("float32") / 3
    xs = numpy.random.default_rng(1).normal(size=(20, 8)).astype("float32")
    slope = jit(grad(lambda w, xs: loss(np, lax, w, xs)))

    assert is_one_kernel(slope, w, xs)
    expected = jax.grad(lambda w, xs: loss(jax.numpy, jax.lax, w, xs))(w, xs)
    numpy.testing.assert_allclose(slope(w, xs), expected, rtol=1e-4, atol=1e-5)
