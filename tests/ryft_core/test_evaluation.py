"""Primitives applied at once: on the host and by kernels, with the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import Sample, all_samples

import ryft_core as ryft
from ryft_core.arrays import device_array
from ryft_core.primitives.arithmetic import Add, Divide, Multiply, Remainder
from ryft_core.primitives.base import PRIMITIVES
from ryft_core.tracing import evaluation
from ryft_core.tracing.evaluation import clear_kernels, run_compiled, run_eagerly

X = np.arange(6, dtype=np.float32)
SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, 3.25e30, -7e-30, np.inf, -np.inf, np.nan, 1 / 3], np.float32)
EXACT = [s for s in all_samples() if s.primitive.exact and {o.dtype.kind for o in s.operands} <= set(s.primitive.exact)]


@pytest.fixture(autouse=True)
def fresh_kernels() -> Any:
    clear_kernels()
    yield
    clear_kernels()


def on_host(primitive: Any, *operands: Any) -> Any:
    return evaluation._run_on_host(primitive, tuple(map(device_array, operands)))


def bits(result: Any) -> list[bytes]:
    results = result if isinstance(result, tuple) else (result,)
    return [(each.type, np.asarray(each).tobytes()) for each in results]


@pytest.mark.parametrize("sample", EXACT, ids=str)
def test_host_gives_the_bits_of_the_kernel(sample: Sample) -> None:
    hosted = on_host(sample.primitive, *sample.operands)
    if hosted is None:
        types = sample.primitive.infer(*[device_array(operand).type for operand in sample.operands])
        kinds = types if isinstance(types, tuple) else (types,)
        dtypes = [each.dtype for each in (*kinds, *sample.operands)]
        assert any(dtype.kind in "cV" or dtype == np.float16 for dtype in dtypes)
        return
    assert bits(hosted) == bits(run_compiled(sample.primitive, tuple(map(device_array, sample.operands))))


@pytest.mark.parametrize("name", sorted(name for name, kind in PRIMITIVES.items() if "f" in kind.exact and kind.rounds))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_host_gives_the_bits_of_the_kernel_for_special_values(name: str, dtype: Any) -> None:
    primitive = PRIMITIVES[name]()
    x, y = (each.ravel().astype(dtype) for each in np.meshgrid(SPECIAL, SPECIAL))
    operands = (x,) if name == "square_root" else (x, y)
    hosted = on_host(primitive, *operands)
    assert hosted is not None
    compiled = np.asarray(run_compiled(primitive, tuple(map(device_array, operands))))
    hosted = np.asarray(hosted)
    np.testing.assert_array_equal(np.isnan(hosted), np.isnan(compiled))
    assert hosted[~np.isnan(hosted)].tobytes() == compiled[~np.isnan(compiled)].tobytes()


def test_denormals_are_left_to_the_kernel() -> None:
    tiny = np.array([1e-30], np.float32)
    assert on_host(Multiply(), tiny, tiny * 1e-8) is None
    assert on_host(Add(), np.array([1e-40], np.float32), tiny) is None
    assert on_host(Add(), tiny, tiny) is not None


@pytest.mark.parametrize("primitive", [Divide(), Remainder()])
def test_division_of_integers_is_left_to_the_kernel(primitive: Any) -> None:
    assert on_host(primitive, np.array([1], np.int32), np.array([0], np.int32)) is None


def test_large_operands_are_left_to_the_kernel() -> None:
    assert on_host(Add(), np.ones(2000, np.float32), np.ones(2000, np.float32)) is None


def test_a_kernel_is_compiled_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    x = device_array(X)
    np.testing.assert_array_equal(run_eagerly(Add(), (x, x)), 2 * X)
    assert not evaluation._KERNELS
    monkeypatch.setattr(evaluation, "HOST_SECONDS", 0.0)
    np.testing.assert_array_equal(run_eagerly(Add(), (x, x)), 2 * X)
    assert len(evaluation._KERNELS) == 1
    np.testing.assert_array_equal(Add().bind(x, x), 2 * X)
    assert len(evaluation._KERNELS) == 1


def test_kernels_are_found_by_parameters_types_and_literals() -> None:
    x = device_array(X)
    for _ in range(3):
        np.testing.assert_array_equal(ryft.numpy.exp(x * 0), np.ones(6))
        np.testing.assert_allclose(ryft.numpy.exp(device_array(X[:2])), np.exp(X[:2]), rtol=1e-6)
        np.testing.assert_array_equal(x.sum(), 15)
        np.testing.assert_array_equal(x.reshape(2, 3).sum(0), [3, 5, 7])
        np.testing.assert_array_equal(x.reshape(2, 3).sum(1), [3, 12])
        for number in (2, 2.5, 3):
            np.testing.assert_array_equal(x * number, X * number)


def test_type_errors_are_raised_before_anything_runs() -> None:
    with pytest.raises(ryft.ShapeError):
        Add().bind(device_array(X), device_array(X[:4]))


def test_host_does_not_wait_for_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    x = device_array(X)
    monkeypatch.setattr(type(x.buffer), "to_numpy_if_ready", lambda self: None)
    assert on_host(Add(), X, X) is None
    np.testing.assert_array_equal(run_eagerly(Add(), (x, x)), 2 * X)
