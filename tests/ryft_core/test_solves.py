"""`custom_linear_solve` and `custom_root`, with NumPy and JAX as oracles, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

from ryft_core.errors import DifferentiationError, OperandError, StructureError
from ryft_core.primitives.control_flow.solves import custom_linear_solve, custom_root

MATRIX = (numpy.eye(3) * 3 + numpy.arange(9).reshape(3, 3) / 7).astype("float32")
B = numpy.array([1.0, 2.0, 3.0], "float32")
BS = numpy.stack([B, B + 1])


def iterations(lib: Any) -> Any:
    return lambda matvec, b: lib.fori_loop(0, 80, lambda i, x: x + 0.2 * (b - matvec(x)), b * 0)


def solution(lib: Any, **options: Any) -> Any:
    solve = iterations(lib)
    options = options or {"transpose_solve": solve}
    return lambda a, b: lib.custom_linear_solve(lambda x: lib.matmul(a, x), b, solve, **options)


def loss(lib: Any) -> Any:
    return lambda a, b: (solution(lib)(a, b) ** 2).sum()


def test_linear_solve_agrees_with_numpy_and_jax() -> None:
    agree(solution(RYFT)(MATRIX, B), numpy.linalg.solve(MATRIX, B))
    both(lambda lib: lib.jit(lib.grad(loss(lib), (0, 1)))(MATRIX, B))
    both(lambda lib: lib.jvp(solution(lib), (MATRIX, B), (MATRIX, B)))
    both(lambda lib: lib.hessian(loss(lib), 1)(MATRIX, B), tolerance=1e-4)
    both(lambda lib: lib.jit(lib.vmap(lib.grad(loss(lib), (0, 1)), (None, 0)))(MATRIX, BS))
    both(lambda lib: lib.grad(lambda a: lib.vmap(loss(lib), (0, None))(a, B).sum())(numpy.stack([MATRIX, MATRIX + 1])))


def test_symmetric_solve_is_its_own_transpose() -> None:
    symmetric = (MATRIX + MATRIX.T) / 2
    both(lambda lib: lib.grad(lambda b: solution(lib, symmetric=True)(symmetric, b)[0])(B))


def test_linear_solve_passes_auxiliary_results_on() -> None:
    solve = lambda matvec, b: (iterations(RYFT)(matvec, b), {"steps": 80})  # noqa: E731
    x, auxiliary = custom_linear_solve(lambda x: RYFT.matmul(MATRIX, x), B, solve, has_aux=True)
    agree((x, auxiliary["steps"]), (numpy.linalg.solve(MATRIX, B), 80))


def test_linear_solve_without_a_transpose_has_no_reverse_derivative() -> None:
    with pytest.raises(DifferentiationError, match="without `transpose_solve` has no reverse derivative"):
        RYFT.grad(lambda b: solution(RYFT, transpose_solve=None)(MATRIX, b).sum())(B)


def test_linear_solve_refuses_other_structures() -> None:
    with pytest.raises(StructureError, match="expected `matvec` to return the structure of `b`"):
        custom_linear_solve(lambda x: (x, x), B, lambda _, b: b)
    with pytest.raises(StructureError, match="expected a solution of the structure of `b`"):
        custom_linear_solve(lambda x: x, B, lambda _, b: [b])


def root(lib: Any) -> Any:
    def solve(f: Any, x: Any) -> Any:
        return lib.fori_loop(0, 60, lambda _, x: x - 0.1 * f(x), x)

    return lambda a: lib.custom_root(lambda x: x**3 + x - a, 1.0, solve, lambda g, y: y / g(1.0))


def test_root_agrees_with_jax() -> None:
    x = float(root(RYFT)(2.5))
    assert abs(x**3 + x - 2.5) < 1e-5
    both(lambda lib: lib.grad(root(lib))(2.5))
    both(lambda lib: lib.jit(lib.grad(lib.grad(root(lib))))(2.5))
    both(lambda lib: lib.jacfwd(root(lib))(2.5))
    both(lambda lib: lib.vmap(lib.grad(root(lib)))(B))


def test_derivative_of_batched_roots() -> None:
    # d x / d a = 1 / (3 x^2 + 1). (JAX 0.9 agrees for the gradient of each element.)
    x = numpy.asarray(RYFT.vmap(root(RYFT))(B))
    agree(RYFT.grad(lambda a: RYFT.vmap(root(RYFT))(a).sum())(B), 1 / (3 * x**2 + 1))


def test_root_of_a_structure_by_a_linear_solve() -> None:
    def function(a: Any) -> Any:
        def solve(f: Any, x: Any) -> Any:
            step = lambda _, x: {k: x[k] - 0.2 * r for k, r in f(x).items()}  # noqa: E731
            return RYFT.fori_loop(0, 100, step, x)

        def run(matvec: Any, b: Any) -> Any:
            return RYFT.fori_loop(0, 100, lambda _, x: {k: x[k] + 0.2 * (b[k] - matvec(x)[k]) for k in x}, b)

        equations = lambda x: {"p": x["p"] * 2 - x["q"] - a, "q": x["q"] + x["p"] ** 3 - 1}  # noqa: E731
        guess = {"p": a * 0, "q": a * 0}
        return custom_root(equations, guess, solve, lambda g, y: custom_linear_solve(g, y, run, run))

    result = {name: float(value) for name, value in function(0.5).items()}
    p, q = result["p"], result["q"]
    assert abs(2 * p + p**3 - 1.5) < 1e-5
    assert abs(q - (1 - p**3)) < 1e-5
    # From 2 p + p^3 = 1 + a and q = 1 - p^3.
    dp = 1 / (2 + 3 * p**2)
    agree(RYFT.jacrev(function)(0.5), {"p": dp, "q": -3 * p**2 * dp}, 1e-4)
    agree(RYFT.jacfwd(function)(0.5), {"p": dp, "q": -3 * p**2 * dp}, 1e-4)


def test_root_passes_auxiliary_results_on() -> None:
    x, steps = custom_root(lambda x: x - 2, 0.0, lambda f, x: (x - f(x), 1), lambda g, y: y, has_aux=True)
    agree((x, steps), (2.0, 1))


def test_root_refuses_other_structures_and_types() -> None:
    with pytest.raises(StructureError, match="expected `f` to return the structure of its argument"):
        custom_root(lambda x: [x], 1.0, lambda f, x: x, lambda g, y: y)
    with pytest.raises(StructureError, match="expected `solve` to return the structure of the guess"):
        custom_root(lambda x: x, 1.0, lambda f, x: [x], lambda g, y: y)
    with pytest.raises(
        StructureError, match=r"types of its argument, but `result` is float32\[\] instead of float32\[3\]"
    ):
        custom_root(lambda x: x.sum(), B, lambda f, x: x, lambda g, y: y)
    with pytest.raises(StructureError, match="expected `tangent_solve` to return the root's structure"):
        RYFT.grad(lambda a: custom_root(lambda x: x - a, 1.0, lambda f, x: x - f(x), lambda g, y: (y, y)))(1.0)


def test_linear_solve_refuses_other_types_and_what_is_no_function() -> None:
    keep = lambda _, b: b  # noqa: E731
    with pytest.raises(StructureError, match=r"`matvec` .* but `result` is float32\[1\] instead of float32\[3\]"):
        custom_linear_solve(lambda x: x[:1], B, keep)
    with pytest.raises(StructureError, match=r"a solution .* but `\[0\]` is float32\[\] instead of float32\[3\]"):
        custom_linear_solve(lambda x: x, (B,), lambda _, b: (b[0].sum(),))
    with pytest.raises(StructureError, match="with `has_aux=True` expected `solve` to return a pair"):
        custom_linear_solve(lambda x: x, B, keep, has_aux=True)
    with pytest.raises(OperandError, match="`custom_linear_solve` expected a function for `solve`, but got a `int`: 3"):
        custom_linear_solve(lambda x: x, B, 3)  # type: ignore[arg-type]
    with pytest.raises(OperandError, match="`custom_root` expected a function for `tangent_solve`"):
        custom_root(lambda x: x, B, lambda f, x: x, None)  # type: ignore[arg-type]
