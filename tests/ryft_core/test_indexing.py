"""Indexing and updates of indexed elements, compared with NumPy's."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import ryft_core
from ryft_core.arrays import device_array
from ryft_core.errors import DataTypeError, OperandError, ShapeError, TracerError
from ryft_core.numpy.selections import IndexingError

X = numpy.arange(2 * 3 * 4 * 5, dtype="float32").reshape(2, 3, 4, 5)
MASK = X[:, :, 0, 0] > 10

BASIC = [
    0, -1, (0,), (0, 1), numpy.s_[1:], numpy.s_[:, 1:3], numpy.s_[::-1], numpy.s_[..., 0], numpy.s_[:, None, 1],
    numpy.s_[None, ..., None], numpy.s_[1, ::2, ::-2], numpy.s_[:, 0:0], (), numpy.s_[...], numpy.s_[:, -9:9, 3:1:-1],
    numpy.s_[0, 1, 2, 3], numpy.array(1), numpy.s_[1:2, ..., -1],
]  # fmt: skip

ADVANCED = [
    numpy.array([0, 1]), numpy.s_[:, numpy.array([0, 2])], numpy.s_[numpy.array([0, 1]), numpy.array([[0], [2]])],
    numpy.s_[:, numpy.array([0, 2]), :, numpy.array([1, 4])], numpy.s_[numpy.array([0, 1]), :, 1],
    numpy.s_[:, numpy.array([0, 2]), 1], numpy.s_[..., numpy.array([0, 2])], numpy.s_[:, [0, -1], None, 1:3],
    numpy.s_[::-1, [0, 1], ::3], [], numpy.s_[1:, :, [[0, 1], [2, 3]], ::2], numpy.s_[0, :, None, [1, 2]],
    numpy.s_[[1], [2], [3], [4]], numpy.s_[:, 1:, numpy.array([3, 0], "uint8")],
]  # fmt: skip

MASKS = [MASK, numpy.s_[:, numpy.array([True, False, True])], numpy.s_[0, :, [True, False, True, True]], X > 50,
         True, False, numpy.bool_(True), numpy.s_[True, 1], numpy.s_[:, False], numpy.s_[[0, 1], True],
         numpy.s_[..., True, [0, 2]], numpy.s_[None, False, ..., 1], numpy.s_[True, MASK]]  # fmt: skip

INDICES = BASIC + ADVANCED + MASKS


def check(result: Any, expected: Any) -> None:
    result = numpy.asarray(result)
    assert result.shape == expected.shape
    numpy.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_agrees_with_numpy(index: Any) -> None:
    check(device_array(X)[index], X[index])
    check(ryft_core.jit(lambda x: x[index])(X), X[index])


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_updates_agree_with_numpy(index: Any) -> None:
    values = numpy.random.default_rng(0).random(X[index].shape).astype("float32")
    assigned, added = X.copy(), X.copy()
    assigned[index] = values
    numpy.add.at(added, index, values)

    check(device_array(X).at[index].set(values), assigned)
    check(ryft_core.jit(lambda x: x.at[index].add(values))(X), added)


@pytest.mark.parametrize("index", [BASIC[4], ADVANCED[4], MASKS[1]], ids=repr)
@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("multiply", numpy.multiply),
        ("subtract", numpy.subtract),
        ("divide", numpy.divide),
        ("power", numpy.power),
        ("min", numpy.minimum),
        ("max", numpy.maximum),
    ],
)
def test_update_methods_agree_with_numpy(index: Any, method: str, function: Any) -> None:
    x = X / 50 + 1
    expected = x.copy()
    function.at(expected, index, numpy.float32(1.5))

    check(getattr(device_array(x).at[index], method)(1.5), expected)


def test_narrow_integers_are_indices() -> None:
    for dtype in ("int4", "uint4", "int2"):
        index = numpy.array([1, 0], dtype)
        check(device_array(X)[index], X[[1, 0]])
        check(device_array(X)[device_array(index)], X[[1, 0]])


def test_repeated_indices_combine_all_updates() -> None:
    x = device_array(numpy.ones(3, "float32"))
    index = numpy.array([1, 1, 2])

    check(x.at[index].add(numpy.array([1, 2, 3], "float32")), numpy.array([1, 4, 4]))
    check(x.at[index].multiply(numpy.array([2, 3, 4], "float32")), numpy.array([1, 6, 4]))
    check(x.at[index].max(numpy.array([5, 2, 3], "float32")), numpy.array([1, 5, 3]))


def test_apply_applies_a_function_once() -> None:
    x = device_array(numpy.array([1.0, 2.0, 3.0], "float32"))

    check(x.at[1:].apply(lambda y: y * y), numpy.array([1, 4, 9]))
    check(x.at[numpy.array([1, 1])].apply(lambda y: y * y), numpy.array([1, 4, 3]))


@pytest.mark.parametrize("index", [0, 2, -1])
def test_traced_scalars_index_like_constants(index: int) -> None:
    check(ryft_core.jit(lambda x, i: x[:, i])(X, index), X[:, index])
    check(ryft_core.jit(lambda x, i: x[1, i, ::-1])(X, index), X[1, index, ::-1])
    check(ryft_core.jit(lambda x, i: x[:, i, [0, 1]])(X, index), X[:, index, [0, 1]])
    expected = X.copy()
    expected[:, index] += 1
    check(ryft_core.jit(lambda x, i: x.at[:, i].add(1.0))(X, index), expected)


def test_modes_for_indices_out_of_bounds() -> None:
    x = numpy.arange(5, dtype="float32")
    index = numpy.array([1, 9, -7, -1])

    read = {mode: ryft_core.jit(lambda x, i, mode=mode: x.at[i].get(mode=mode))(x, index) for mode in ("clip", "fill")}
    check(ryft_core.jit(lambda x, i: x[i])(x, index), numpy.array([1, 4, 0, 4]))
    check(read["clip"], numpy.array([1, 4, 0, 4]))
    check(read["fill"], numpy.array([1, numpy.nan, numpy.nan, 4]))
    check(ryft_core.jit(lambda x, i: x.at[i].get(fill_value=-1.0))(x, index), numpy.array([1, -1, -1, 4]))
    check(ryft_core.jit(lambda x, i: x.at[i].set(-1.0))(x, index), numpy.array([0, -1, 2, 3, -1]))
    check(ryft_core.jit(lambda x, i: x.at[i].set(-1.0, mode="clip"))(x, index), numpy.array([-1, -1, 2, 3, -1]))
    check(ryft_core.jit(lambda x, i: x.at[i].set(-1.0))(x, 9), x)
    check(ryft_core.jit(lambda x, i: x.at[i].get(mode="fill"))(x, 9), numpy.array(numpy.nan))
    check(ryft_core.jit(lambda x, i: x.at[i].add(1.0, mode="clip"))(x, 9), numpy.array([0, 1, 2, 3, 5]))


@pytest.mark.parametrize("index", [BASIC[10], ADVANCED[2], ADVANCED[6], MASKS[0]], ids=repr)
def test_gradients_of_indexing_and_updates(index: Any) -> None:
    weights = numpy.random.default_rng(1).random(X[index].shape).astype("float32")
    expected = numpy.zeros_like(X)
    numpy.add.at(expected, index, weights)

    check(ryft_core.grad(lambda x: (x[index] * weights).sum())(X), expected)

    def updated(x: Any, y: Any) -> Any:
        return (x.at[index].set(y) * X).sum()

    to_x, to_y = ryft_core.grad(updated, argnums=(0, 1))(X, weights)
    kept = X.copy()
    kept[index] = 0
    check(to_x, kept)
    check(to_y, X[index])


def test_vmap_of_indexing_with_mapped_indices() -> None:
    index = numpy.array([[0, 2], [1, 1]])
    check(ryft_core.vmap(lambda x, i: x[i])(X, index), numpy.stack([X[0][index[0]], X[1][index[1]]]))
    check(ryft_core.vmap(lambda i: device_array(X)[0, i])(index), X[0][index])
    expected = numpy.zeros((2, 3), "float32")
    expected[0, [0, 2]] += 1
    expected[1, 1] += 2
    check(ryft_core.vmap(lambda i: ryft_core.numpy.zeros(3).at[i].add(1.0))(index), expected)


@given(
    st.data(),
    arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4),
)
@settings(max_examples=40, deadline=None)
def test_basic_indexing_law(data: Any, shape: tuple[int, ...]) -> None:
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True))
    x = numpy.arange(numpy.prod(shape), dtype="int32").reshape(shape)

    check(device_array(x)[index], x[index])


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_integer_array_indexing_law(data: Any) -> None:
    index = data.draw(arrays.integer_array_indices((3, 4, 2), result_shape=arrays.array_shapes(max_dims=2, max_side=3)))
    x = numpy.arange(24, dtype="int32").reshape(3, 4, 2)

    check(device_array(x)[index], x[index])


def test_booleans_are_updated_by_logic() -> None:
    x = device_array(numpy.array([True, False, True]))

    check(x.at[:2].set(False), numpy.array([False, False, True]))
    check(x.at[numpy.array([1])].add(True), numpy.array([True, True, True]))
    check(x.at[numpy.array([0])].multiply(False), numpy.array([False, False, True]))


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (7, IndexingError, "index 7 is out of bounds for axis 0 with size 2"),
        ((0, -4), IndexingError, "index -4 is out of bounds for axis 1 with size 3"),
        (numpy.array([0, 2]), IndexingError, "index 2 is out of bounds for axis 0 with size 2"),
        ((0,) * 5, IndexingError, r"too many indices for an array of shape \(2, 3, 4, 5\): got 5"),
        (numpy.s_[..., 0, ...], IndexingError, "a single ellipsis"),
        (1.5, OperandError, "integers, slices and arrays, but got 1.5"),
        ("a", OperandError, "but got 'a'"),
        (numpy.array([0.5]), OperandError, "integers, slices and arrays"),
        (numpy.array([True, False, True]), IndexingError, r"a mask of shape \(3,\) does not fit"),
        (numpy.s_[[0, 1], :, [0, 1, 2]], IndexingError, "broadcast together"),
        ([device_array(numpy.int32(0))], OperandError, "a list of arrays"),
    ],
)
def test_bad_indices_are_refused(index: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        device_array(X)[index]
    with pytest.raises(error, match=message):
        ryft_core.jit(lambda x: x[index])(X)


def test_a_scalar_cannot_be_indexed() -> None:
    with pytest.raises(IndexingError, match="too many indices"):
        device_array(numpy.float32(1))[0]


def test_traced_masks_and_bounds_are_refused() -> None:
    with pytest.raises(TracerError, match="cannot index with a traced mask") as error:
        ryft_core.jit(lambda x: x[x > 1])(X)
    assert "where" in error.value.__notes__[0]
    with pytest.raises(TracerError, match="index") as error:
        ryft_core.jit(lambda x, i: x[i:])(X, 1)
    assert any("dynamic_slice" in note for note in error.value.__notes__)


def test_bad_updates_are_refused() -> None:
    x = device_array(X)
    with pytest.raises(ShapeError, match=r"cannot broadcast values of shape \(4,\) to the shape \(3, 4, 5\)"):
        x.at[0].set(numpy.ones(4, "float32"))
    with pytest.raises(DataTypeError, match="elements of type int32 with values of type float32"):
        x.astype("int32").at[0].set(1.5)
    with pytest.raises(ValueError, match="as the indexing mode, but got 'wrong'"):
        x.at[0].set(1.0, mode="wrong")


def test_arrays_cannot_be_modified() -> None:
    with pytest.raises(OperandError, match="arrays cannot be modified") as error:
        device_array(X)[0] = 1.0
    assert ".at[index].set(value)" in error.value.__notes__[0]
