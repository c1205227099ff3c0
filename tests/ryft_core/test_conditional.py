"""`cond` and `switch`, with JAX as the oracle, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

from ryft_core.errors import ArgumentError, OperandError, ShapeError, StructureError
from ryft_core.primitives.control_flow.conditional import Conditional, cond, switch
from ryft_core.tracing.tracers import trace_program
from ryft_core.transforms import programs
from ryft_core.transforms.jit import jit
from ryft_core.types.array_types import ArrayType

X = numpy.array([0.1, -0.4, 0.7], "float32")
Y = numpy.array([1.3, 0.2, -0.5], "float32")
PREDICATES = numpy.array([1.0, -1.0, 2.0], "float32")
INDICES = numpy.array([0, 0, 1])


def choosing(library: Any) -> Any:
    def function(p: Any, x: Any, y: Any) -> Any:
        result = library.cond(p > 0, lambda x: {"a": library.sin(x) * y, "b": x}, lambda x: {"a": x * x, "b": y}, x)
        return (result["a"] * result["b"]).sum()

    return function


def switching(library: Any) -> Any:
    def function(index: Any, x: Any) -> Any:
        branches = [lambda x: x * x, lambda x: library.sin(x), lambda x: x * 0 + 1]
        return (library.switch(index, branches, x) * x).sum()

    return function


@pytest.mark.parametrize("p", [1.0, -1.0])
def test_cond_and_its_derivatives_agree_with_jax(p: float) -> None:
    both(lambda lib: lib.jit(choosing(lib))(p, X, Y))
    both(lambda lib: lib.jit(lib.grad(choosing(lib), (1, 2)))(p, X, Y))
    both(lambda lib: lib.grad(lib.jit(choosing(lib)), (0, 1, 2))(p, X, Y))
    both(lambda lib: lib.jit(lambda p, x, y: lib.jvp(choosing(lib), (p, x, y), (p, y, x)))(p, X, Y))
    both(lambda lib: lib.jit(lib.hessian(choosing(lib), 1))(p, X, Y))


def test_cond_with_a_batched_predicate_runs_both_branches() -> None:
    both(lambda lib: lib.vmap(choosing(lib), (0, None, None))(PREDICATES, X, Y))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(choosing(lib), (1, 2)), (0, None, None)))(PREDICATES, X, Y))
    batched = lambda lib, p, x, y: lib.vmap(choosing(lib), (0, None, 0))(p, x, y).sum()  # noqa: E731
    ys = numpy.stack([Y, Y + 1, Y * 2])
    both(lambda lib: lib.grad(lambda x, y: batched(lib, PREDICATES, x, y), (0, 1))(X, ys))


def test_cond_with_batched_operands_stays_a_conditional() -> None:
    xs = numpy.stack([X, Y])
    both(lambda lib: lib.jit(lambda p: lib.vmap(lib.grad(choosing(lib), 1), (None, 0, None))(p, xs, Y))(2.0))
    program, _ = trace_program(
        lambda p, x: [RYFT.vmap(lambda x: cond(p, lambda x: x * 2, lambda x: x, x))(x)],
        [ArrayType((), numpy.dtype("bool")), ArrayType((2, 3), numpy.dtype("float32"))],
    )
    assert sum(isinstance(equation.primitive, Conditional) for equation in program.equations) == 1


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 7])
def test_switch_clamps_its_index(index: int) -> None:
    both(lambda lib: lib.jit(switching(lib))(index, X))
    both(lambda lib: lib.jit(lib.grad(switching(lib), 1))(index, X))
    agree(switch(index, [lambda: 1.0, lambda: 2.0, lambda: 3.0]), float(min(max(index, 0), 2) + 1))


def test_switch_with_a_batched_index_selects() -> None:
    indices = numpy.array([2, 0, 1, 0], "int32")
    both(lambda lib: lib.vmap(switching(lib), (0, None))(indices, X))
    both(lambda lib: lib.vmap(lib.grad(switching(lib), 1), (0, None))(indices, X))


def test_concrete_predicate_calls_one_branch() -> None:
    called = []
    branch = lambda name: lambda x: (called.append(name), x)[1]  # noqa: E731
    cond(True, branch("yes"), branch("no"), X)
    RYFT.grad(lambda x: cond(x > 0, branch("yes"), branch("no"), x))(-1.0)
    assert called == ["yes", "no"]


def test_branches_keep_what_they_captured_apart() -> None:
    def function(lib: Any, p: Any, a: Any, b: Any) -> Any:
        return lib.cond(p, lambda: lib.sin(a) * b, lambda: b * b)

    for p in (True, False):
        both(lambda lib, p=p: lib.jit(lib.grad(lambda a, b: function(lib, p, a, b), (0, 1)))(0.3, 0.7))
        both(lambda lib, p=p: lib.jit(lambda p: lib.grad(lambda a, b: function(lib, p, a, b), (0, 1))(0.3, 0.7))(p))


def test_residuals_of_branches_share_their_places() -> None:
    def function(x: Any, p: Any) -> Any:
        return cond(p, lambda x: RYFT.sin(RYFT.sin(x)), lambda x: RYFT.cos(x) * RYFT.exp(x), x).sum()

    types = [ArrayType((3,), numpy.dtype("float32")), ArrayType((), numpy.dtype("bool"))]
    program, _ = trace_program(lambda x, p: [RYFT.grad(function)(x, p)], types)
    first = next(e.primitive for e in program.equations if isinstance(e.primitive, Conditional))
    # One result and at most two vectors of residuals; not the sum of what the branches need.
    assert len(first.branches[0].outputs) <= 4


def test_weakly_typed_results_give_way() -> None:
    both(lambda lib: lib.jit(lambda p, x: lib.cond(p, lambda: x, lambda: 0.0))(True, numpy.float32(2)))
    result = RYFT.jit(lambda p, x: cond(p, lambda: x, lambda: 0))(False, numpy.float32(2))
    assert (result.dtype.name, result.type.weak) == ("float32", False)


def test_cond_accepts_numbers_as_predicates() -> None:
    assert float(RYFT.jit(lambda p: cond(p, lambda: 1.0, lambda: 2.0))(3)) == 1.0
    assert float(RYFT.jit(lambda p: cond(p, lambda: 1.0, lambda: 2.0))(0.0)) == 2.0


def test_branches_of_different_structure_are_refused() -> None:
    with pytest.raises(StructureError, match="the false branch to return the structure that the true branch does"):
        RYFT.jit(lambda p: cond(p, lambda: {"a": 1.0}, lambda: [1.0]))(True)


def test_branches_of_different_types_name_the_path_and_both_types() -> None:
    with pytest.raises(StructureError, match=r"`result\[\"a\"\]` is float32\[3\].* and float32\[2\]") as info:
        RYFT.jit(lambda p, x: cond(p, lambda: {"a": x}, lambda: {"a": x[:2]}))(True, X)
    assert any("astype" in note for note in info.value.__notes__)


def test_predicate_that_is_not_a_scalar_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"`cond` expected a scalar predicate, but got one of shape \(3,\)"):
        cond(X > 0, lambda: 1, lambda: 2)


def test_switch_refuses_what_is_no_index() -> None:
    with pytest.raises(OperandError, match=r"`switch` expected an integer index, but got one of type float32"):
        switch(1.0, [lambda: 1])
    with pytest.raises(OperandError, match="`switch` expected at least one branch"):
        switch(0, [])


def test_branches_and_operands_must_be_functions_and_arrays() -> None:
    with pytest.raises(OperandError, match="`cond` expected a function for `true_fun`, but got a `float`") as info:
        cond(True, 1.0, lambda: 2.0)
    assert "wrap a value in a function" in info.value.__notes__[0]
    with pytest.raises(OperandError, match=r"`switch` expected a function for `branches\[1\]`"):
        switch(0, [lambda: 1, 2])
    with pytest.raises(OperandError, match=r"`cond` expected arrays, but `operands\[0\]` is a `str`: 'text'"):
        RYFT.jit(lambda p: cond(p, lambda x: 1.0, lambda x: 2.0, "text"))(True)


def test_conditional_checks_its_operands() -> None:
    program, _ = trace_program(lambda x: [x], [ArrayType((), numpy.dtype("float32"))])
    with pytest.raises(TypeError, match=r"`conditional` expected an index of type int32\[\]"):
        Conditional((program,)).bind(numpy_value(1.0), numpy_value(1.0))
    with pytest.raises(ShapeError, match="`conditional` expected 1 operands, but got 0"):
        Conditional((program,)).bind(RYFT.array(numpy.int32(0)))


def numpy_value(x: float) -> Any:
    return RYFT.array(numpy.float32(x))


def test_a_branch_that_an_element_does_not_choose_adds_no_nan_to_derivatives() -> None:
    # The square root has an infinite derivative at 0, and none below: it is not chosen there.
    root = lambda lib: lambda x: lib.cond(x > 0, lambda x: x**0.5, lambda x: 0 * x, x)  # noqa: E731
    x = numpy.array([-1.0, 0.0, 4.0], "float32")
    both(lambda lib: lib.grad(lambda x: lib.vmap(root(lib))(x).sum())(x))
    both(lambda lib: lib.grad(lambda x: lib.jit(lib.vmap(root(lib)))(x).sum())(x))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(root(lib))))(x))
    both(lambda lib: lib.hessian(lambda x: lib.vmap(root(lib))(x).sum())(x))
    # What all elements share has no NaN either.
    scaled = lambda lib, w: lambda x: lib.cond(x > 0, lambda: x**0.5 * w, lambda: x * w)  # noqa: E731
    both(lambda lib: lib.grad(lambda w: lib.vmap(scaled(lib, w))(x).sum())(numpy.float32(3)))
    branches = [lambda x: x, lambda x: x**0.5, lambda x: x**1.5]
    both(lambda lib: lib.grad(lambda x: lib.vmap(lambda i, x: lib.switch(i, branches, x))(INDICES, x).sum())(x))


def test_a_batched_conditional_can_be_transposed() -> None:
    choice = numpy.array([True, False, True])
    linear = lambda x: RYFT.vmap(lambda p, x: cond(p, lambda x: 2 * x, lambda x: 3 * x, x))(choice, x)  # noqa: E731
    for function in (linear, RYFT.jit(linear)):
        agree(RYFT.linear_transpose(function, X)(Y)[0], Y * numpy.array([2, 3, 2], "float32"))


def test_what_all_elements_share_is_not_repeated_for_a_batched_conditional() -> None:
    matrix = numpy.ones((5, 3), "float32")
    function = lambda p, x: cond(p > 0, lambda x: (matrix @ x).sum(), lambda x: x.sum(), x)  # noqa: E731
    program, _ = trace_program(
        lambda p, x: [RYFT.vmap(function)(p, x)], [ArrayType((4,), X.dtype), ArrayType((4, 3), X.dtype)]
    )
    assert not [
        value.type.shape
        for part in (program, *program.subprograms())
        for equation in part.equations
        for value in equation.outputs
        if value.type.shape == (4, 5, 3)
    ]


def test_tracing_the_derivative_of_nested_conditionals_takes_linear_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    def nested(depth: int, x: Any) -> Any:
        return x * x if depth == 0 else cond(x > depth, lambda x: nested(depth - 1, RYFT.sin(x)), lambda x: x + 2, x)

    counts: list[int] = []

    def counting(*arguments: Any) -> Any:
        counts[-1] += 1
        return trace_program(*arguments)

    monkeypatch.setattr(programs, "trace_program", counting)
    for depth in (4, 8):
        counts.append(0)
        RYFT.jit(RYFT.grad(lambda x, depth=depth: nested(depth, x))).trace(numpy.float32(1))
    assert 0 < counts[1] <= 2.5 * counts[0]


def test_cond_takes_a_single_operand_by_name() -> None:
    assert cond(True, lambda x: x + 1, lambda x: x, operand=1.0).item() == 2
    assert jit(lambda p: cond(p, lambda _: 1, lambda _: 2, operand=None))(False).item() == 2
    with pytest.raises(ArgumentError, match="`cond` expected no operands beside `operand`, but got 1 by position"):
        cond(True, lambda x: x, lambda x: x, 1.0, operand=2.0)
