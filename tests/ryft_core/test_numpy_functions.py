"""Creation, manipulation, reductions, products and searching, compared with NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core.errors import ArgumentError, OperandError, ShapeError, TracerError

GENERATOR = numpy.random.default_rng(0)
V = GENERATOR.uniform(-2, 2, 5).astype("float32")
W = GENERATOR.uniform(-2, 2, 5).astype("float32")
M = GENERATOR.uniform(-2, 2, (3, 4)).astype("float32")
N = GENERATOR.uniform(-2, 2, (4, 2)).astype("float32")
T = GENERATOR.uniform(-2, 2, (2, 3, 4)).astype("float32")
C = (M + 1j * M[::-1]).astype("complex64")
INTEGERS = numpy.array([3, 1, 2, 1, 0, 3], "int32")
WITH_NAN = numpy.array([[1.0, numpy.nan, 3.0], [4.0, 5.0, -6.0]], "float32")

Case = Callable[[Any], Any]

CREATION: dict[str, Case] = {
    "zeros": lambda np: np.zeros((2, 3), "float32"),
    "ones": lambda np: np.ones(4, "int32"),
    "full": lambda np: np.full((2, 2), 7.5, "float32"),
    "full_of_vector": lambda np: np.full((2, 5), V),
    "zeros_like": lambda np: np.zeros_like(M),
    "ones_like": lambda np: np.ones_like(M, dtype="int32"),
    "full_like": lambda np: np.full_like(M, 3),
    "arange": lambda np: np.arange(2, 10, 3, dtype="int32"),
    "arange_down": lambda np: np.arange(5, 0, -2, dtype="int32"),
    "arange_floats": lambda np: np.arange(0.0, 1.0, 0.25, dtype="float32"),
    "arange_empty": lambda np: np.arange(3, 1, dtype="int32"),
    "linspace": lambda np: np.linspace(0.0, 2.0, 7, dtype="float32"),
    "linspace_open": lambda np: np.linspace(-1.0, 2.0, 4, endpoint=False, dtype="float32"),
    "linspace_one": lambda np: np.linspace(3.0, 4.0, 1, dtype="float32"),
    "linspace_integers": lambda np: np.linspace(0, 10, 4, dtype="int32"),
    "linspace_vectors": lambda np: np.linspace(V[:2], W[:2], 3, axis=1, dtype="float32"),
    "logspace": lambda np: np.logspace(0.0, 2.0, 3, dtype="float32"),
    "geomspace": lambda np: np.geomspace(1.0, 100.0, 3, dtype="float32"),
    "eye": lambda np: np.eye(3, 4, 1, dtype="float32"),
    "identity": lambda np: np.identity(3, dtype="float32"),
    "tri": lambda np: np.tri(3, 4, 1, dtype="float32"),
    "tril": lambda np: np.tril(M, -1),
    "triu": lambda np: np.triu(T, 1),
    "diag": lambda np: np.diag(V, 1),
    "diag_below": lambda np: np.diag(V, -2),
    "diag_of_matrix": lambda np: np.diag(M, 1),
    "diag_of_matrix_below": lambda np: np.diag(M, -1),
    "diag_beyond": lambda np: np.diag(M, 7),
    "diagflat": lambda np: np.diagflat(M[:2, :2]),
    "meshgrid": lambda np: np.meshgrid(V, W[:2]),
    "meshgrid_ij": lambda np: np.meshgrid(V, W[:2], indexing="ij", sparse=True),
    "indices": lambda np: np.indices((2, 3), dtype="int32"),
    "vander": lambda np: np.vander(V, 3),
}

MANIPULATION: dict[str, Case] = {
    "reshape": lambda np: np.reshape(M, (2, -1)),
    "reshape_f": lambda np: np.reshape(M, (2, 6), order="F"),
    "ravel": lambda np: np.ravel(M),
    "transpose": lambda np: np.transpose(T, (1, 0, 2)),
    "swapaxes": lambda np: np.swapaxes(T, 0, -1),
    "moveaxis": lambda np: np.moveaxis(T, (0, 1), (-1, 0)),
    "rollaxis": lambda np: np.rollaxis(T, 2),
    "expand_dims": lambda np: np.expand_dims(M, (0, -1)),
    "squeeze": lambda np: np.squeeze(M[None, :, None], (0, 2)),
    "broadcast_to": lambda np: np.broadcast_to(M[:1], (3, 4)),
    "broadcast_arrays": lambda np: list(np.broadcast_arrays(M[:1], M[:, :1])),
    "atleast_1d": lambda np: np.atleast_1d(numpy.float32(1)),
    "atleast_2d": lambda np: list(np.atleast_2d(V, M)),
    "atleast_3d": lambda np: np.atleast_3d(M),
    "concatenate": lambda np: np.concatenate([M, M[:1]], 0),
    "concatenate_flat": lambda np: np.concatenate([M, V], None),
    "stack": lambda np: np.stack([V, W], 1),
    "vstack": lambda np: np.vstack([V, W]),
    "hstack": lambda np: np.hstack([M, M]),
    "hstack_vectors": lambda np: np.hstack([V, W]),
    "dstack": lambda np: np.dstack([M, M]),
    "column_stack": lambda np: np.column_stack([V, W]),
    "append": lambda np: np.append(M, M, axis=1),
    "split": lambda np: np.split(M, 2, 1),
    "split_at": lambda np: np.split(V, [1, 3, 9]),
    "array_split": lambda np: np.array_split(V, 3),
    "hsplit": lambda np: np.hsplit(M, 2),
    "vsplit": lambda np: np.vsplit(T, 2),
    "flip": lambda np: np.flip(M),
    "flipud": lambda np: np.flipud(M),
    "fliplr": lambda np: np.fliplr(M),
    "rot90": lambda np: np.rot90(M, 1),
    "rot270": lambda np: np.rot90(M, 3),
    "rot180": lambda np: np.rot90(M, 2),
    "roll": lambda np: np.roll(M, 3),
    "roll_axes": lambda np: np.roll(M, (1, -2), (0, 1)),
    "tile": lambda np: np.tile(M, (2, 1, 3)),
    "tile_more_axes": lambda np: np.tile(T, 2),
    "repeat": lambda np: np.repeat(M, 2, 1),
    "repeat_flat": lambda np: np.repeat(M, 3),
    "repeat_each": lambda np: np.repeat(V, [0, 2, 1, 0, 3]),
    "pad": lambda np: np.pad(M, 2, constant_values=7),
    "pad_pairs": lambda np: np.pad(M, ((1, 0), (0, 2))),
    "pad_edge": lambda np: np.pad(M, 2, mode="edge"),
    "pad_reflect": lambda np: np.pad(V, 3, mode="reflect"),
    "pad_symmetric": lambda np: np.pad(V, 3, mode="symmetric"),
    "pad_wrap": lambda np: np.pad(V, 3, mode="wrap"),
    "take": lambda np: np.take(M, numpy.array([[0, 2], [1, -1]]), 0),
    "take_flat": lambda np: np.take(M, numpy.array([0, 7])),
    "take_wrap": lambda np: np.take(V, numpy.array([-7, 11]), mode="wrap"),
    "take_clip": lambda np: np.take(V, numpy.array([0, 11]), mode="clip"),
    "take_along_axis": lambda np: np.take_along_axis(M, numpy.argsort(M, 1), 1),
    "take_along_axis_broadcast": lambda np: np.take_along_axis(M, numpy.array([[1], [0], [3]]), 1),
}

REDUCTIONS: dict[str, Case] = {
    "sum": lambda np: np.sum(T, (0, 2)),
    "sum_where": lambda np: np.sum(M, 1, where=M > 0, initial=10.0),
    "sum_of_booleans": lambda np: np.sum(M > 0, 0, dtype="int32"),
    "prod": lambda np: np.prod(M, -1, keepdims=True),
    "max": lambda np: np.max(T, 1),
    "max_initial": lambda np: np.max(M, 1, initial=1.0, where=M < 1),
    "min": lambda np: np.min(T),
    "ptp": lambda np: np.ptp(M, 1),
    "all": lambda np: np.all(M > -1, 1),
    "any": lambda np: np.any(M > 1.5, 0, keepdims=True),
    "count_nonzero": lambda np: np.count_nonzero(INTEGERS),
    "mean": lambda np: np.mean(T, (0, 1)),
    "mean_where": lambda np: np.mean(M, 1, where=M > -1),
    "var": lambda np: np.var(T, 1, ddof=1),
    "var_of_complex": lambda np: np.var(C, 1),
    "std": lambda np: np.std(M, 1, keepdims=True),
    "average": lambda np: np.average(M, 1, weights=numpy.abs(V[:4])),
    "argmax": lambda np: np.argmax(M, 1),
    "argmax_flat": lambda np: np.argmax(M),
    "argmin": lambda np: np.argmin(M, 0, keepdims=True),
    "median": lambda np: np.median(M, 1),
    "quantile": lambda np: np.quantile(M, numpy.array([0.1, 0.5, 0.9], "float32"), axis=1),
    "quantile_keepdims": lambda np: np.quantile(T, 0.25, axis=(0, 2), keepdims=True),
    "quantile_lower": lambda np: np.quantile(V, 0.3, method="lower"),
    "quantile_midpoint": lambda np: np.quantile(V, 0.3, method="midpoint"),
    "percentile": lambda np: np.percentile(V, 30.0, method="nearest"),
    "nansum": lambda np: np.nansum(WITH_NAN, 1),
    "nanprod": lambda np: np.nanprod(WITH_NAN, 1),
    "nanmean": lambda np: np.nanmean(WITH_NAN, 0),
    "nanvar": lambda np: np.nanvar(WITH_NAN, 1),
    "nanstd": lambda np: np.nanstd(WITH_NAN),
    "nanmax": lambda np: np.nanmax(WITH_NAN, 1),
    "nanmin": lambda np: np.nanmin(WITH_NAN, 0),
    "nanargmax": lambda np: np.nanargmax(WITH_NAN, 1),
    "nanargmin": lambda np: np.nanargmin(WITH_NAN, 1),
    "cumsum": lambda np: np.cumsum(M, 1),
    "cumsum_flat": lambda np: np.cumsum(M),
    "diff": lambda np: np.diff(M),
    "diff_twice": lambda np: np.diff(T, 2, 1),
    "diff_too_often": lambda np: np.diff(M, 9, 0),
    "diff_not_at_all": lambda np: np.diff(M, 0),
    "diff_of_integers": lambda np: np.diff(INTEGERS, prepend=2, append=INTEGERS[:2]),
    "diff_of_booleans": lambda np: np.diff(M > 0, axis=0),
    "diff_between": lambda np: np.diff(M, axis=0, prepend=M[:2], append=numpy.float32(1)),
    "diff_of_nothing": lambda np: np.diff(V[:0]),
    "cumprod": lambda np: np.cumprod(M, 0),
}

PRODUCTS: dict[str, Case] = {
    "dot": lambda np: np.dot(M, N),
    "dot_tensor": lambda np: np.dot(T, N),
    "dot_vectors": lambda np: np.dot(V, W),
    "dot_scalar": lambda np: np.dot(numpy.float32(2), V),
    "matmul": lambda np: np.matmul(T, N),
    "vdot": lambda np: np.vdot(C, C[::-1]),
    "inner": lambda np: np.inner(T, M),
    "outer": lambda np: np.outer(V, W),
    "tensordot": lambda np: np.tensordot(T, M, ((2, 1), (1, 0))),
    "tensordot_number": lambda np: np.tensordot(T, N, 1),
    "tensordot_outer": lambda np: np.tensordot(V, W, 0),
    "kron": lambda np: np.kron(M, N),
    "trace": lambda np: np.trace(M, 1),
    "trace_axes": lambda np: np.trace(T, 0, 1, 2),
    "diagonal": lambda np: np.diagonal(T, 1, 0, 2),
    "cross": lambda np: np.cross(M[:, :3], M[:, 1:]),
    "cov": lambda np: np.cov(M),
    "einsum": lambda np: np.einsum("ij,jk->ik", M, N),
    "einsum_implicit": lambda np: np.einsum("ij,jk", M, N),
    "einsum_trace": lambda np: np.einsum("ii", M[:, :3]),
    "einsum_diagonal": lambda np: np.einsum("ii->i", M[:, :3]),
    "einsum_batch": lambda np: np.einsum("bij,bkj->bik", T, T),
    "einsum_three": lambda np: np.einsum("bij,jk,kl->bil", T, N, N.T),
    "einsum_sum": lambda np: np.einsum("bij->j", T),
    "einsum_transpose": lambda np: np.einsum("bij->jib", T),
    "einsum_ellipsis": lambda np: np.einsum("...ij,...jk->...ik", T, numpy.broadcast_to(N, (2, 4, 2))),
    "einsum_ellipsis_broadcast": lambda np: np.einsum("...j,j->...", T, V[:4]),
    "einsum_elementwise": lambda np: np.einsum("ij,ij->ij", M, M),
    "einsum_outer": lambda np: np.einsum("i,j->ji", V, W),
    "einsum_scalar": lambda np: np.einsum("ij,ij->", M, M),
}

SEARCHING: dict[str, Case] = {
    "sort": lambda np: np.sort(M, 0),
    "sort_flat": lambda np: np.sort(M, None),
    "sort_complex": lambda np: np.sort(C, 1),
    "argsort": lambda np: np.argsort(INTEGERS, kind="stable") if np is numpy else np.argsort(INTEGERS),
    "argsort_axis": lambda np: np.argsort(M, axis=0),
    "lexsort": lambda np: np.lexsort((V, numpy.array([1, 0, 1, 0, 1]))),
    "searchsorted": lambda np: np.searchsorted(numpy.sort(V), W),
    "searchsorted_right": lambda np: np.searchsorted(numpy.array([1, 1, 2]), numpy.array([0, 1, 2, 3]), side="right"),
    "digitize": lambda np: np.digitize(W, numpy.sort(V)),
    "nonzero": lambda np: list(np.nonzero(M > 0)),
    "flatnonzero": lambda np: np.flatnonzero(M > 0),
    "argwhere": lambda np: np.argwhere(M > 0),
    "extract": lambda np: np.extract(M > 0, M),
    "unique": lambda np: np.unique(INTEGERS),
    "bincount": lambda np: np.bincount(INTEGERS),
    "bincount_weights": lambda np: np.bincount(INTEGERS, numpy.arange(6, dtype="float32"), 6),
    "interp": lambda np: np.interp(W, numpy.sort(V), V),
}

CASES = {
    f"{group}-{name}": case
    for group, cases in (
        ("creation", CREATION),
        ("manipulation", MANIPULATION),
        ("reductions", REDUCTIONS),
        ("products", PRODUCTS),
        ("searching", SEARCHING),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_function_agrees_with_numpy(name: str) -> None:
    results, expected = CASES[name](rnp), CASES[name](numpy)

    if not isinstance(expected, list | tuple):
        results, expected = [results], [expected]
    assert len(results) == len(expected)
    for result, value in zip(results, expected, strict=True):
        assert isinstance(result, ryft_core.Array)
        assert result.shape == value.shape
        numpy.testing.assert_allclose(numpy.asarray(result), value, rtol=2e-5, atol=2e-5)


NORMS: list[tuple[Any, Any]] = [
    (None, None), (None, 0), (1, 1), (2, 1), (3, 0), (numpy.inf, 0), (-numpy.inf, 1), (0, 1), ("fro", (0, 1)),
    (1, (0, 1)), (-1, (0, 1)), (numpy.inf, (0, 1)), (-numpy.inf, (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("order", "axis"), NORMS)
def test_norm_agrees_with_numpy(order: Any, axis: Any) -> None:
    result = rnp.norm(M, order, axis, keepdims=True)

    numpy.testing.assert_allclose(result, numpy.linalg.norm(M, order, axis, keepdims=True), rtol=1e-5)


LINALG: dict[str, Case] = {
    "vector_norm": lambda np: np.linalg.vector_norm(M, axis=1, ord=1),
    "vector_norm_of_all": lambda np: np.linalg.vector_norm(T, keepdims=True),
    "matrix_norm": lambda np: np.linalg.matrix_norm(T, ord=1),
    "matrix_power": lambda np: np.linalg.matrix_power(M[:, :3], 5),
    "matrix_power_zero": lambda np: np.linalg.matrix_power(M[:, :3], 0),
    "multi_dot": lambda np: np.linalg.multi_dot([M, N, N.T, V[:4]]),
    "cholesky": lambda np: np.linalg.cholesky(M @ M.T + 3 * numpy.eye(3, dtype="float32")),
}


@pytest.mark.parametrize("name", LINALG)
def test_linear_algebra_agrees_with_numpy(name: str) -> None:
    result, expected = LINALG[name](rnp), LINALG[name](numpy)

    assert result.shape == expected.shape
    numpy.testing.assert_allclose(numpy.asarray(result), expected, rtol=1e-4, atol=1e-4)


def test_default_element_types() -> None:
    assert rnp.zeros(2).dtype == "float32"
    assert rnp.arange(3).dtype == "int32"
    assert rnp.array([1, 2]).dtype == "int32"
    assert rnp.array([1.0]).dtype == "float32"
    assert rnp.array([True]).dtype == "bool"
    assert rnp.array(numpy.ones(2)).dtype == "float64"
    assert rnp.asarray(1.5).dtype == "float32"
    assert not rnp.asarray(1.5).weak_type
    assert rnp.array([1, 2], dtype="int64").dtype == "int64"
    assert rnp.mean(INTEGERS).dtype == "float32"
    assert rnp.result_type(numpy.int32, numpy.float64) == "float64"
    assert rnp.promote_types("int8", "float32") == "float32"


def test_array_joins_arrays_in_nested_lists() -> None:
    x = rnp.arange(2.0)

    assert rnp.array([x, [5.0, 6.0]]).tolist() == [[0.0, 1.0], [5.0, 6.0]]
    result = ryft_core.jit(lambda x: rnp.array([[x[0], 1.0], [2.0, x[1]]]))(x)
    assert result.tolist() == [[0.0, 1.0], [2.0, 1.0]]


def test_array_refuses_ragged_lists_and_integers_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="nested sequences of equal lengths"):
        rnp.array([[1, 2], [3]])
    with pytest.raises(OverflowError, match="does not fit the element type int32"):
        rnp.array([2**40])
    with pytest.raises(OperandError, match="expected an array of numbers"):
        rnp.array(["a"])


def test_size_makes_searching_possible_inside_jit() -> None:
    nonzero = ryft_core.jit(lambda x: rnp.nonzero(x > 1, size=4, fill_value=-1))(INTEGERS)
    assert nonzero[0].tolist() == [0, 2, 5, -1]
    assert ryft_core.jit(lambda x: rnp.unique(x, size=5, fill_value=9))(INTEGERS).tolist() == [0, 1, 2, 3, 9]
    assert ryft_core.jit(lambda x: rnp.bincount(x, length=3))(INTEGERS).tolist() == [1, 2, 1]
    repeated = ryft_core.jit(lambda x, n: rnp.repeat(x, n, total_repeat_length=6))(V, numpy.array([2, 0, 1, 1, 1]))
    numpy.testing.assert_allclose(repeated, V[[0, 0, 2, 3, 4, 4]])


@pytest.mark.parametrize("function", [rnp.nonzero, rnp.unique])
def test_searching_without_size_is_refused_inside_jit(function: Any) -> None:
    with pytest.raises(TracerError) as error:
        ryft_core.jit(function)(INTEGERS)
    assert any("pass `size`" in note for note in error.value.__notes__)


def test_roll_and_take_by_traced_values() -> None:
    numpy.testing.assert_allclose(ryft_core.jit(lambda x, n: rnp.roll(x, n, 1))(M, 3), numpy.roll(M, 3, 1))
    result = ryft_core.jit(rnp.take)(V, numpy.array([1, 9]))
    assert float(result[0]) == float(V[1])
    assert numpy.isnan(float(result[1]))


def test_gradients_of_functions_that_move_elements() -> None:
    weights = GENERATOR.uniform(0, 1, (6, 4)).astype("float32")
    tiled = ryft_core.grad(lambda x: (rnp.tile(x, (2, 1)) * weights).sum())(M)
    numpy.testing.assert_allclose(tiled, weights[:3] + weights[3:], rtol=1e-6)
    sorted_ = ryft_core.grad(lambda x: (rnp.sort(x) * numpy.arange(5, dtype="float32")).sum())(V)
    numpy.testing.assert_allclose(sorted_, numpy.argsort(numpy.argsort(V)))
    product = ryft_core.grad(lambda x: rnp.einsum("ij,jk->", x, N))(M)
    numpy.testing.assert_allclose(product, numpy.tile(N.sum(1), (3, 1)), rtol=1e-5)


def test_element_type_queries() -> None:
    assert rnp.issubdtype("float32", numpy.floating)
    assert not rnp.issubdtype("int8", numpy.floating)
    assert rnp.issubdtype("int8", "int8")
    assert rnp.isdtype("int8", ("real floating", "integral"))
    assert not rnp.isdtype("int8", "float32")
    assert rnp.can_cast("int8", "float32")
    assert rnp.float32(1.5) == 1.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rnp.arange(0, 1, 0), ValueError, "a step that is not zero"),
        (lambda: rnp.linspace(0, 1, -1), ValueError, "not negative, but got -1"),
        (lambda: rnp.zeros((2, -1)), ShapeError, "sizes that are not negative"),
        (lambda: rnp.tril(V), ShapeError, r"`tril` expected a matrix, or several, but got shape \(5,\)"),
        (lambda: rnp.triu(V), ShapeError, "`triu` expected a matrix"),
        (lambda: rnp.diag(T), ShapeError, "`diag` expected a vector or a matrix"),
        (lambda: rnp.meshgrid(V, indexing="ab"), ValueError, "'xy' or 'ij'"),
        (lambda: rnp.stack([V, M]), ShapeError, "`stack` expected arrays of one shape"),
        (lambda: rnp.stack([]), ShapeError, "at least one array"),
        (lambda: rnp.split(V, 2), ShapeError, "cannot cut an axis of size 5 into 2 equal parts"),
        (lambda: rnp.reshape(M, (5, -1)), ShapeError, "cannot infer the size -1"),
        (lambda: rnp.reshape(M, 12, order="A"), ValueError, "'C' or 'F'"),
        (lambda: rnp.moveaxis(T, (0, 1), 0), ShapeError, "as many destinations as sources"),
        (lambda: rnp.expand_dims(M, (0, 0)), ShapeError, "distinct axes"),
        (lambda: rnp.roll(M, (1, 2), 0), ShapeError, "one shift for each of 1 axes"),
        (lambda: rnp.pad(V, -1), ShapeError, "widths that are not negative"),
        (lambda: rnp.pad(V, 1, mode="other"), ValueError, "as `mode`, but got 'other'"),
        (lambda: rnp.take_along_axis(M, INTEGERS, 0), ShapeError, "indices with as many axes"),
        (lambda: rnp.max(numpy.zeros((0,), "float32")), ShapeError, "`max` of no elements is not defined"),
        (lambda: rnp.min(numpy.zeros((2, 0), "float32"), 1), ShapeError, "`min` of no elements is not defined"),
        (lambda: rnp.quantile(V, 0.5, method="other"), ValueError, "as `method`, but got 'other'"),
        (lambda: rnp.dot(M, M), ShapeError, "`dot` expected axis 1"),
        (lambda: rnp.tensordot(M, N, 3), ShapeError, "cannot contract 3 axes"),
        (lambda: rnp.tensordot(M, N, ((0, 1), (0,))), ShapeError, "as many axes of the left"),
        (lambda: rnp.cross(M, M), ShapeError, "vectors of 3 elements"),
        (lambda: rnp.norm(M, 7, (0, 1)), ValueError, "has no order 7 for 2 axes"),
        (lambda: rnp.einsum("ij,jk->ik", M), ShapeError, "expected 2 operands"),
        (lambda: rnp.einsum("ij->k", M), ShapeError, "distinct letters of the operands"),
        (lambda: rnp.einsum("i->i", M), ShapeError, "to name the axes of operand 0"),
        (lambda: rnp.einsum("ij,jk->ik", M, M), ShapeError, "all axes 'j' to be as long, but got 4 and 3"),
        (lambda: rnp.linalg.matrix_power(M, 2), ShapeError, "square matrices"),
        (lambda: rnp.linalg.matrix_power(M[:, :3], -1), ValueError, "not negative, but got -1"),
        (lambda: rnp.linalg.multi_dot([M]), ShapeError, "at least two arrays, but got 1"),
        (lambda: rnp.searchsorted(M, V), ShapeError, "a vector to search in"),
        (lambda: rnp.searchsorted(V, V, "middle"), ValueError, "'left' or 'right'"),
        (lambda: rnp.nonzero(numpy.float32(1)), ShapeError, "at least one axis, but got a scalar"),
        (lambda: rnp.interp(V, M, M), ShapeError, "vectors of one length"),
        (lambda: rnp.view(numpy.float32(1), "int8"), ShapeError, "cannot change the width"),
        (lambda: rnp.view(numpy.zeros(3, "int8"), "int32"), ShapeError, "a last axis that 4 divides"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", ["int2", "uint2", "int4", "uint4", "float4_e2m1fn", "float8_e4m3fn"])
@pytest.mark.parametrize(
    "function",
    [
        lambda xp, x: xp.concatenate([x, x], 0), lambda xp, x: xp.sort(x), lambda xp, x: xp.sort(x, axis=0),
        lambda xp, x: xp.argsort(x, axis=1)[1:, :1], lambda xp, x: xp.stack([x, x], 1),
        lambda xp, x: xp.take(x, numpy.array([1, 0]), axis=0), lambda xp, x: xp.roll(x, 1, 0),
        lambda xp, x: xp.pad(x, ((1, 0), (0, 1))), lambda xp, x: xp.flip(x), lambda xp, x: xp.where(x > 0, x, x[:1]),
    ],
)  # fmt: skip
def test_narrow_types_are_moved_like_others(dtype: str, function: Any) -> None:
    values = numpy.array([[1, 0, 1], [0, 1, 0]])
    if not dtype.startswith("u"):
        values[1] = [-2, -1, 1]
    result = function(rnp, rnp.asarray(values.astype(dtype)))

    numpy.testing.assert_array_equal(numpy.asarray(result).astype("float32"), function(numpy, values))


def test_diff_tells_what_it_cannot_do() -> None:
    with pytest.raises(ArgumentError, match="`diff` expected a number of times from 0 on, but got -1"):
        rnp.diff(V, -1)
    with pytest.raises(ShapeError, match="`diff` expected an array with at least one axis, but got a scalar"):
        rnp.diff(1.0)
    with pytest.raises(ShapeError, match="concatenate"):
        rnp.diff(M, prepend=V)
