"""Factorizations and triangular systems against NumPy and JAX."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.primitives.matrix_factorizations import cholesky, triangular_solve

GENERATOR = np.random.default_rng(0)
MATRIX = GENERATOR.normal(size=(2, 4, 4)) + 4 * np.eye(4)
POSITIVE = MATRIX @ MATRIX.swapaxes(-1, -2)


@pytest.fixture
def jax() -> Iterator[Any]:
    import jax

    with jax.enable_x64(True):
        yield jax


def test_cholesky_agrees_with_numpy_under_vmap_and_jit() -> None:
    for function in (cholesky, ryft.vmap(cholesky), ryft.jit(cholesky)):
        np.testing.assert_allclose(function(POSITIVE), np.linalg.cholesky(POSITIVE), rtol=1e-10, atol=1e-12)


def test_cholesky_of_an_indefinite_matrix_is_not_a_number() -> None:
    assert np.isnan(np.asarray(cholesky(-np.eye(2)))[0, 0])


def test_gradient_of_cholesky_agrees_with_jax(jax: Any) -> None:
    weights = GENERATOR.normal(size=(2, 4, 4))
    ours = ryft.grad(lambda x: (cholesky(x) * weights).sum())(POSITIVE)
    theirs = jax.grad(lambda x: (jax.lax.linalg.cholesky(x) * weights).sum())(POSITIVE)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)))
def test_triangular_solve_agrees_with_jax(jax: Any, flags: tuple[bool, ...]) -> None:
    options = dict(zip(("left_side", "lower", "transpose_a", "unit_diagonal"), flags, strict=True))
    right = GENERATOR.normal(size=(2, 4, 3) if flags[0] else (2, 3, 4))

    def ours(a: Any, b: Any) -> Any:
        return triangular_solve(a, b, **options)

    def theirs(a: Any, b: Any) -> Any:
        return jax.lax.linalg.triangular_solve(a, b, **options)

    np.testing.assert_allclose(ours(MATRIX, right), theirs(MATRIX, right), rtol=1e-9, atol=1e-12)
    for a, b in zip(ryft.vjp(ours, MATRIX, right)[1](right), jax.vjp(theirs, MATRIX, right)[1](right), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_triangular_solve_takes_vectors() -> None:
    lower = np.tril(MATRIX[0])
    right = np.arange(4.0)
    np.testing.assert_allclose(lower @ np.asarray(triangular_solve(lower, right, left_side=True, lower=True)), right)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3)])
def test_cholesky_refuses_what_is_not_square(shape: tuple[int, ...]) -> None:
    with pytest.raises(ryft.ShapeError, match="`cholesky` expected square matrices in the last two axes"):
        cholesky(np.ones(shape))


def test_cholesky_refuses_integers() -> None:
    with pytest.raises(ryft.DataTypeError, match="`cholesky` is defined for floating-point and complex"):
        cholesky(np.eye(2, dtype=np.int32))


def test_triangular_solve_refuses_wrong_right_sides() -> None:
    with pytest.raises(ryft.ShapeError, match=r"cannot solve a system with matrices \(4, 4\) and right sides \(3, 2\)"):
        triangular_solve(MATRIX[0], np.ones((3, 2)), left_side=True)
