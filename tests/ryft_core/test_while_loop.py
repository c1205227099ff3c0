"""`while_loop` and `fori_loop`, with JAX as the oracle, bounded reverse derivatives, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

import ryft_core
from ryft_core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DifferentiationError,
    OperandError,
    ShapeError,
    StructureError,
)
from ryft_core.primitives.checkpointing import Checkpoint
from ryft_core.primitives.control_flow.loops import fori_loop, while_loop
from ryft_core.primitives.control_flow.scan import Scan
from ryft_core.primitives.control_flow.while_loop import While
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

X = numpy.array([0.3, 0.5, 0.2], "float32")
XS = numpy.stack([X, X * 2, X + 3])
FLOAT = numpy.dtype("float32")


def growing(lib: Any, rate: Any = 1.5, **options: Any) -> Any:
    def function(x: Any) -> Any:
        def step(state: Any) -> Any:
            value, factor, count = state
            return value * rate + lib.sin(factor), factor * 1.1, count + 1

        value, factor, count = lib.while_loop(lambda s: s[0].sum() < 20, step, (x, x, 0), **options)
        return value * factor + count

    return function


def test_while_loop_and_its_forward_derivatives_agree_with_jax() -> None:
    both(lambda lib: growing(lib)(X))
    both(lambda lib: lib.jit(lambda x: lib.jvp(growing(lib), (x,), (x + 1,)))(X))
    both(lambda lib: lib.jvp(lambda r: growing(lib, r)(X), (1.5,), (1.0,)))
    both(lambda lib: lib.jacfwd(growing(lib))(X))
    both(lambda lib: lib.jacfwd(lib.jacfwd(growing(lib)))(X), tolerance=1e-4)


def test_batched_while_loop_runs_each_element_for_its_own_number_of_steps() -> None:
    both(lambda lib: lib.vmap(growing(lib))(XS))
    both(lambda lib: lib.jit(lib.vmap(lib.jacfwd(growing(lib))))(XS))
    both(lambda lib: lib.vmap(lambda r: growing(lib, r)(X))(numpy.array([1.2, 1.5, 2.0], "float32")))
    both(lambda lib: lib.jvp(lib.vmap(growing(lib)), (XS,), (XS,)))


def test_batched_carry_with_a_shared_condition_stays_shared() -> None:
    def function(lib: Any, x: Any) -> Any:
        return lib.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))

    both(lambda lib: lib.vmap(lambda x: function(lib, x))(X))
    program, _ = trace_program(
        lambda x: RYFT.vmap(lambda x: function(RYFT, x), out_axes=(None, 0))(x), [ArrayType((3,), FLOAT)]
    )
    (loop,) = [equation for equation in program.equations if isinstance(equation.primitive, While)]
    assert [variable.type.shape for variable in loop.outputs] == [(), (3,)]


@pytest.mark.parametrize("bound", [12, 16, 17, 40, 300])
def test_reverse_derivative_of_a_bounded_loop_agrees_with_the_forward_one(bound: int) -> None:
    expected = RYFT.jacfwd(growing(RYFT))(X)
    agree(RYFT.jacrev(growing(RYFT, bound=bound))(X), expected)


def test_bounded_loop_composes_with_other_transformations() -> None:
    bounded = growing(RYFT, bound=20)
    agree(bounded(X), growing(RYFT)(X))
    agree(RYFT.vmap(RYFT.jacrev(bounded))(XS), RYFT.vmap(RYFT.jacfwd(growing(RYFT)))(XS))
    agree(RYFT.jacrev(RYFT.vmap(bounded))(XS), RYFT.jacfwd(RYFT.vmap(growing(RYFT)))(XS))
    agree(
        RYFT.hessian(lambda x: bounded(x).sum())(X), RYFT.jacfwd(RYFT.jacfwd(lambda x: growing(RYFT)(x).sum()))(X), 1e-3
    )
    gradient = RYFT.grad(lambda r: growing(RYFT, r, bound=20)(X).sum())
    agree(RYFT.jit(gradient)(1.5), RYFT.jacfwd(lambda r: growing(RYFT, r)(X).sum())(1.5))


def test_bound_ends_the_loop() -> None:
    agree(while_loop(lambda x: x < 100, lambda x: x + 1, 0, bound=7), 7)
    agree(while_loop(lambda x: x < 5, lambda x: x + 1, 0, bound=7), 5)
    agree(RYFT.grad(lambda y: while_loop(lambda x: x < 100, lambda x: x * y, 2.0, bound=3))(1.5), 2 * 3 * 1.5**2)


def test_bounded_loop_keeps_a_logarithmic_number_of_states() -> None:
    def function(x: Any) -> Any:
        return while_loop(lambda s: s[0] < 1e9, lambda s: RYFT.sin(s) + s, x, bound=100_000).sum()

    program, _ = trace_program(lambda x: [RYFT.grad(function)(x)], [ArrayType((8,), FLOAT)])
    stacked = [
        variable.type.size
        for inner in [program, *program.subprograms()]
        for equation in inner.equations
        if isinstance(equation.primitive, Scan)
        for variable in equation.outputs
    ]
    assert max(stacked) <= 32 * 8
    assert any(isinstance(e.primitive, Checkpoint) for p in program.subprograms() for e in p.equations)


def test_unbounded_reverse_derivative_tells_the_cure() -> None:
    with pytest.raises(DifferentiationError, match="number of steps has no bound has no reverse-mode") as info:
        RYFT.grad(lambda x: growing(RYFT)(x).sum())(X)
    assert "pass `bound`" in info.value.__notes__[0]


def test_gradient_does_not_need_the_derivative_of_an_integer_loop() -> None:
    def function(lib: Any, x: Any) -> Any:
        count = lib.while_loop(lambda i: i < 7, lambda i: i + 2, 0)
        return (x * count).sum()

    both(lambda lib: lib.grad(lambda x: function(lib, x))(X))


@pytest.mark.parametrize(("lower", "upper"), [(0, 4), (2, 5), (3, 3), (5, 2)])
def test_fori_loop_agrees_with_jax(lower: int, upper: int) -> None:
    def function(lib: Any, x: Any) -> Any:
        return lib.fori_loop(lower, upper, lambda i, c: lib.sin(c) * x + i, x)

    both(lambda lib: function(lib, X))
    both(lambda lib: lib.jit(lib.grad(lambda x: function(lib, x).sum()))(X))
    both(lambda lib: lib.vmap(lib.grad(lambda x: function(lib, x).sum()))(XS))


def test_fori_loop_with_traced_limits_is_a_while_loop() -> None:
    def function(lib: Any, n: Any, x: Any, **options: Any) -> Any:
        return lib.fori_loop(0, n, lambda i, c: c * x + i, 1.0, **options)

    both(lambda lib: lib.jit(lambda n, x: function(lib, n, x))(4, 0.5))
    both(lambda lib: lib.jit(lambda n, x: lib.jvp(lambda x: function(lib, n, x), (x,), (1.0,)))(4, 0.5))
    both(lambda lib: lib.vmap(lambda n: function(lib, n, 0.5))(numpy.array([3, 0, 5], "int32")))
    gradient = RYFT.jit(lambda n, x: RYFT.grad(lambda x: function(RYFT, n, x, bound=10))(x))(4, 0.5)
    agree(gradient, RYFT.grad(lambda x: function(RYFT, 4, x))(0.5))


@pytest.mark.parametrize("unroll", [1, 2, 5, True])
def test_fori_loop_unrolled_gives_the_same(unroll: Any) -> None:
    agree(fori_loop(0, 5, lambda i, c: c * 2 + i, 1, unroll=unroll), fori_loop(0, 5, lambda i, c: c * 2 + i, 1))


def test_fori_loop_refuses_limits_that_are_no_integers() -> None:
    with pytest.raises(OperandError, match="expected an integer for `upper`, but got one of type float32"):
        fori_loop(0, 2.5, lambda i, c: c, 1.0)
    with pytest.raises(ShapeError, match="`fori_loop` expected a scalar lower limit"):
        fori_loop(X, 3, lambda i, c: c, 1.0)
    with pytest.raises(OperandError, match="cannot unroll a loop whose limits are not known"):
        RYFT.jit(lambda n: fori_loop(0, n, lambda i, c: c, 1.0, unroll=2))(3)


def test_weakly_typed_carry_takes_the_type_of_the_result() -> None:
    result = while_loop(lambda x: x < 3, lambda x: x + numpy.float32(0.5), 0)
    assert (result.dtype.name, float(result)) == ("float32", 3.0)


def test_carry_of_another_type_or_structure_is_refused() -> None:
    with pytest.raises(StructureError, match=r"`carry\[0\]` is float32\[3\] before it and float32\[\] after it"):
        while_loop(lambda s: True, lambda s: (s[0].sum(),), (X,))
    with pytest.raises(StructureError, match="`while_loop` expected a step to return the carry's structure"):
        while_loop(lambda s: True, lambda s: [s], 1.0)


def test_condition_that_is_no_boolean_scalar_is_refused() -> None:
    with pytest.raises(StructureError, match=r"expected `cond_fun` to return one boolean scalar, but got bool\[3\]"):
        while_loop(lambda x: x < 1, lambda x: x, X)
    with pytest.raises(StructureError, match=r"one boolean scalar, but got float32\[\]\*"):
        while_loop(lambda x: x, lambda x: x, 1.0)


def test_functions_and_arrays_are_checked() -> None:
    with pytest.raises(OperandError, match="`while_loop` expected a function for `cond_fun`, but got a `bool`"):
        while_loop(True, lambda x: x, 1.0)
    with pytest.raises(OperandError, match="`fori_loop` expected a function for `body_fun`"):
        fori_loop(0, 2, 1.0, 1.0)
    with pytest.raises(OperandError, match="`while_loop` expected arrays, but `init_val` is a `str`"):
        while_loop(lambda x: True, lambda x: x, "text")


def test_while_checks_its_operands() -> None:
    condition, _ = trace_program(lambda x: [x < 1], [ArrayType((), FLOAT)])
    body, _ = trace_program(lambda x: [x + 1], [ArrayType((), FLOAT)])
    with pytest.raises(ShapeError, match=r"`while` expected carries .* float32\[\], but got float32\[3\]"):
        While(condition, body, 0, 0).bind(RYFT.array(X))


def test_loops_leave_arrays_of_the_batch_alone_that_are_done() -> None:
    # The step of a finished element would divide by zero; its value must not be touched by it.
    def function(x: Any) -> Any:
        return while_loop(lambda c: c > 0, lambda c: c - 1 + 0 / c, x)

    agree(ryft_core.vmap(function)(numpy.array([1.0, 3.0, 2.0], "float32")), numpy.zeros(3, "float32"))


def test_steps_after_the_end_of_an_element_add_no_nan_to_derivatives() -> None:
    # Another step at 0.5, where the loop of the first element has ended, would have an infinite derivative.
    x = numpy.array([0.5, 0.7, 3.0], "float32")
    loop = lambda x: while_loop(lambda c: c > 0.5, lambda c: (c - 0.5) ** 0.5, x, bound=8)  # noqa: E731
    expected = [ryft_core.grad(loop)(each) for each in x]
    agree(ryft_core.jit(ryft_core.vmap(ryft_core.grad(loop)))(x), numpy.array(expected))
    agree(ryft_core.grad(lambda x: ryft_core.vmap(loop)(x).sum())(x), numpy.array(expected))


def test_bounds_are_integers_that_are_not_negative() -> None:
    with pytest.raises(ArgumentTypeError, match="`bound` expected an integer, but got a `str`: 'a'"):
        while_loop(lambda c: c < 1, lambda c: c, 0.0, bound="a")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"`bound` expected an integer, but got a `float`: 1\.5"):
        while_loop(lambda c: c < 1, lambda c: c, 0.0, bound=1.5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`while_loop` expected a `bound` that is not negative, but got -1"):
        while_loop(lambda c: c < 1, lambda c: c, 0.0, bound=-1)
