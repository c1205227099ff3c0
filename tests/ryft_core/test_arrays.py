"""Arrays: operators, methods, conversion, formatting, iteration, placement."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core.arrays import device_array
from ryft_core.errors import ArgumentError, ArgumentTypeError, ClosedError, OperandError, TracerError

A = numpy.array([[1.5, -2.0, 3.25], [0.5, 4.0, -1.0]], "float32")
X = device_array(A)
I = numpy.array([6, -7, 3], "int32")

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.eq,
    operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


def check(result: Any, expected: Any) -> None:
    assert isinstance(result, ryft_core.Array)
    assert result.shape == numpy.shape(expected)
    numpy.testing.assert_allclose(numpy.asarray(result), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", BINARY)
def test_binary_operators_agree_with_numpy(function: Any) -> None:
    check(function(X, X[:1]), function(A, A[:1]))
    check(function(X, 2.0), function(A, 2.0))
    check(function(2.0, X), function(2.0, A))
    check(function(X, A), function(A, A))


@pytest.mark.parametrize("function", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift])
def test_integer_operators_agree_with_numpy(function: Any) -> None:
    x = device_array(I)
    other = numpy.array([1, 2, 3], "int32")

    check(function(x, other), function(I, other))
    check(function(x, 2), function(I, 2))
    check(function(2, device_array(other)), function(2, other))


def test_unary_operators_and_powers_agree_with_numpy() -> None:
    check(-X, -A)
    check(+X, A)
    check(abs(X), abs(A))
    check(~device_array(I), ~I)
    check(X**2, A**2)
    check(2.0**X, 2.0**A)
    check(X @ X.T, A @ A.T)
    check(A @ X.T, A @ A.T)
    for result, expected in zip(divmod(X, 2.0), divmod(A, 2.0), strict=True):
        check(result, expected)
    for result, expected in zip(divmod(2.0, X), divmod(2.0, A), strict=True):
        check(result, expected)
    check(round(X, 1), A.round(1))
    assert round(X[0, 0]).dtype == "int32"


METHODS: dict[str, tuple[Any, ...]] = {
    "all": (1,), "any": (), "argmax": (1,), "argmin": (), "argsort": (1,), "clip": (-1, 1), "conj": (),
    "conjugate": (), "copy": (), "cumprod": (1,), "cumsum": (0,), "diagonal": (), "dot": (A.T,), "flatten": (),
    "max": (0,), "mean": (), "min": (1,), "prod": (0,), "ravel": (), "repeat": (2, 1), "reshape": (3, 2),
    "round": (1,), "squeeze": (), "std": (1,), "sum": (0,), "swapaxes": (0, 1), "take": (numpy.array([1, 0]), 1),
    "trace": (), "transpose": (1, 0), "var": (),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_method_agrees_with_numpy(name: str) -> None:
    arguments = METHODS[name]

    check(getattr(X, name)(*arguments), getattr(A, name)(*arguments))


def test_other_methods() -> None:
    check(X.sort(1), numpy.sort(A, 1))
    check(X.ptp(1), numpy.ptp(A, 1))
    check(X.astype("int32"), A.astype("int32"))
    check(X.view("int32"), A.view("int32"))
    check(X.view("int16"), A.view("int16"))
    check(device_array(A.view("int16")).view("float32"), A)
    check(X.real, A)
    check(X.imag, A * 0)
    check(X.T, A.T)
    check(X[None].mT, A[None].swapaxes(-1, -2))
    check(X.flat, A.ravel())
    check(device_array(numpy.arange(4)).searchsorted(2), 2)
    assert [part.tolist() for part in (X > 1).nonzero()] == [part.tolist() for part in (A > 1).nonzero()]
    assert (X.nbytes, X.itemsize, X.ndim, X.size, len(X)) == (24, 4, 2, 6, 2)
    assert X.item(0, 1) == -2.0
    assert X.tolist() == A.tolist()


def test_conversion_to_python_scalars() -> None:
    x = rnp.asarray(3)

    assert (int(x), float(x), complex(x), bool(x), [0, 1, 2, 3][x]) == (3, 3.0, 3.0 + 0j, True, 3)
    assert x.item() == 3
    with pytest.raises(ValueError, match="ambiguous"):
        bool(X)


def test_conversion_to_numpy() -> None:
    assert numpy.asarray(X).dtype == "float32"
    assert numpy.asarray(X, "float64").dtype == "float64"
    numpy.testing.assert_array_equal(numpy.array(X), A)


def test_dlpack_exchanges_elements_both_ways() -> None:
    numpy.testing.assert_array_equal(numpy.from_dlpack(X), A)
    check(rnp.from_dlpack(A), A)
    assert rnp.from_dlpack(X) is X
    assert X.__dlpack_device__()[0] == 1


def test_array_namespace_is_the_numpy_surface() -> None:
    assert X.__array_namespace__() is rnp
    assert X.__array_namespace__(api_version="2023.12") is rnp
    with pytest.raises(ValueError, match="a version of the array API"):
        X.__array_namespace__(api_version="1999.12")


def test_iteration_gives_the_rows() -> None:
    rows = list(X)
    long = device_array(numpy.arange(150))

    assert [row.tolist() for row in rows] == A.tolist()
    assert [int(x) for x in long] == list(range(150))
    assert [row.tolist() for row in reversed(X)] == A[::-1].tolist()
    first, second = X
    check(first + second, A[0] + A[1])
    with pytest.raises(TypeError, match="a scalar array cannot be iterated over"):
        iter(X[0, 0])


def test_iteration_inside_jit() -> None:
    check(ryft_core.jit(lambda x: sum(row * i for i, row in enumerate(x)))(X), A[1])


def test_membership() -> None:
    assert 4.0 in X
    assert 9.0 not in X


def test_formatting() -> None:
    assert repr(X[0]) == "Array([ 1.5 , -2.  ,  3.25], dtype=float32)"
    assert str(X[0]) == str(A[0])
    assert f"{X[0, 2]:.1f}" == "3.2"
    assert f"{X[0]}" == str(A[0])
    with pytest.raises(TypeError, match="only scalars can be formatted"):
        f"{X:.1f}"


def test_pickling_and_copying() -> None:
    weak = X[0, 0] * 0 + rnp.asarray(1.0)

    check(pickle.loads(pickle.dumps(X)), A)
    assert pickle.loads(pickle.dumps(weak)).type is weak.type
    assert copy.copy(X) is X
    assert copy.deepcopy([X])[0] is X


def test_arrays_are_not_hashable() -> None:
    with pytest.raises(TypeError, match="arrays are not hashable"):
        hash(X)


def test_placement() -> None:
    devices = ryft_core.devices()
    moved = ryft_core.device_put({"x": X, "n": 2.0, "a": A}, devices[-1])

    assert all(leaf.devices() == {devices[-1]} for leaf in moved.values())
    assert ryft_core.device_put(X) is X
    assert ryft_core.device_put(X, X.device) is X
    back = ryft_core.device_get(moved)
    assert all(type(leaf) is numpy.ndarray for leaf in back.values())
    numpy.testing.assert_array_equal(back["a"], A)
    assert ryft_core.block_until_ready(moved) is moved
    assert X.block_until_ready() is X
    assert X.is_ready()


def test_device_put_of_traced_values_leaves_them_on_the_device_of_the_program() -> None:
    tree = ryft_core.jit(lambda tree: ryft_core.device_put({"doubled": tree["x"] * 2, "n": 3}))({"x": X})
    check(tree["doubled"], numpy.asarray(X) * 2)
    assert tree["n"].item() == 3
    check(ryft_core.grad(lambda x: ryft_core.device_put(x * x).sum())(X), numpy.asarray(X) * 2)


def test_device_put_moves_traced_values_to_no_other_device() -> None:
    devices = ryft_core.devices()
    move = ryft_core.jit(lambda x: ryft_core.device_put(x, devices[-1]))
    if len(devices) == 1:
        check(move(X), X)
    else:
        with pytest.raises(OperandError, match=r"`device_put` cannot move a traced array of type .* to "):
            move(X)


def test_tracers_have_the_methods_and_refuse_to_be_converted() -> None:
    check(ryft_core.jit(lambda x: x.reshape(-1).cumsum().at[0].set(5.0).astype("int32").max())(X), 7)
    for convert in (float, bool, numpy.asarray, lambda x: x.item(), lambda x: x.tolist()):
        with pytest.raises(TracerError):
            ryft_core.jit(lambda x, convert=convert: convert(x[0, 0]))(X)


@pytest.mark.parametrize(
    "name",
    [
        "sum", "prod", "max", "min", "mean", "std", "var", "all", "any", "argmax", "argmin", "cumsum", "cumprod", "ptp",
        "median", "sort", "argsort", "ravel", "transpose", "clip", "round", "take", "dot",
    ],
)  # fmt: skip
def test_functions_of_numpy_take_arrays(name: str) -> None:
    function = getattr(numpy, name)
    x = numpy.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
    rest: Any = {"clip": (2.0, 3.0), "take": ([0, 1],), "dot": (x.T,)}.get(name, ())

    numpy.testing.assert_allclose(numpy.asarray(function(device_array(x), *rest)), function(x, *rest), rtol=1e-6)


def test_methods_refuse_an_array_for_their_result() -> None:
    x = device_array(numpy.ones(3, "float32"))
    for name in ("sum", "prod", "max", "min", "mean", "std", "var", "all", "any"):
        with pytest.raises(ArgumentError, match="arrays are immutable, so `out` expected `None`, but got a `ndarray`"):
            getattr(x, name)(out=numpy.ones(()))


def test_deletion_frees_the_memory_at_once() -> None:
    x = device_array(numpy.ones(3, "float32"))
    assert not x.is_deleted()
    x.delete()
    assert x.is_deleted()
    assert x.shape == (3,)
    with pytest.raises(ClosedError, match="closed"):
        x + 1


def test_moving_to_a_device() -> None:
    x = device_array(numpy.ones(3, "float32"))
    assert x.to_device(x.device) is x
    with pytest.raises(ArgumentError, match="expected no stream, but got 1"):
        x.to_device(x.device, stream=1)
    with pytest.raises(ArgumentTypeError, match="`device_put` expected a device, but got 'cpu'"):
        ryft_core.device_put(x, "cpu")


def test_elements_cannot_be_deleted_and_scalars_have_no_order() -> None:
    with pytest.raises(OperandError, match="elements of arrays cannot be deleted"):
        del device_array(numpy.ones(3))[0]
    with pytest.raises(ArgumentTypeError, match="a scalar array cannot be iterated over"):
        reversed(device_array(numpy.ones(())))


def test_conversion_to_another_type_needs_a_copy() -> None:
    x = device_array(numpy.ones(3, "float32"))
    assert numpy.array(x, dtype="float32", copy=False).dtype == numpy.float32
    with pytest.raises(ArgumentError, match="an array of float32 cannot become one of float64 without a copy"):
        numpy.array(x, dtype="float64", copy=False)


def test_the_text_of_an_empty_array_tells_its_shape() -> None:
    assert repr(device_array(numpy.zeros((0, 3), "float32"))) == "Array([], shape=(0, 3), dtype=float32)"
    assert repr(device_array(numpy.zeros(0, "float32"))) == "Array([], dtype=float32)"
