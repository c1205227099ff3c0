"""The native dispatcher: arguments of every kind, also hostile ones, and objects that it shares with Python."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ryft_core as ryft
from ryft_core import _native
from ryft_core.arrays import DeviceArray, device_array
from ryft_core.dispatch import concrete, raw_order, results_plan
from ryft_core.errors import LeakedTracerError, OperandError, RyftError

X = np.arange(4, dtype=np.float32)


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any
    activation: Any = abs
    name: str = "layer"


@dataclass
class Slotted:
    __slots__ = ("value",)
    value: Any


@dataclass
class WithProperty:
    inner: Any

    @property
    def doubled(self) -> Any:
        return self.inner * 2


def arrays_in(tree: Any) -> Any:
    leaves, structure = ryft.trees.flatten(tree)
    return structure.unflatten([device_array(np.float32(number)) for number in range(len(leaves))])


TREES = st.recursive(
    st.just(0.0) | st.none(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=2).map(deque),
        st.dictionaries(st.sampled_from("dbac"), inner, max_size=3),
        st.dictionaries(st.integers(0, 3) | st.sampled_from("ab"), inner, max_size=3),
        st.dictionaries(st.tuples(st.integers(0, 2)), inner, max_size=2),
        inner.map(lambda value: defaultdict(None, k=value)),
        st.builds(Layer, inner, inner, st.sampled_from([abs, min]), st.sampled_from(["a", "b"])),
        st.builds(Slotted, inner),
        st.builds(WithProperty, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_any_structure_goes_through_a_jitted_function_and_back(tree: Any) -> None:
    given_arrays = arrays_in(tree)
    f = ryft.jit(lambda t: t)
    for _ in range(2):
        leaves, structure = ryft.trees.flatten(f(given_arrays))
        assert structure == ryft.trees.flatten(given_arrays)[1]
        assert [float(leaf) for leaf in leaves] == list(range(len(leaves)))
    assert f.cache_info().hits == 1


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_raw_order_is_a_permutation_that_sorts_dictionaries(tree: Any) -> None:
    order = raw_order((tree,), {"z": 1.0, "y": tree}, lambda _: False)
    assert sorted(order) == list(range(len(order)))
    assert len(order) == len(ryft.trees.flatten(((tree,), {"z": 1.0, "y": tree}))[0])


def test_static_fields_of_a_class_are_part_of_the_signature() -> None:
    f = ryft.jit(lambda layer: layer.activation(layer.weight) if layer.name == "a" else layer.bias)
    x = device_array(-X)
    for _ in range(2):
        np.testing.assert_array_equal(f(Layer(x, x, abs, "a")), X)
        np.testing.assert_array_equal(f(Layer(x, x, abs, "b")), -X)
        np.testing.assert_array_equal(f(Layer(x, x, lambda y: y * 2, "a")), -2 * X)
    assert f.cache_info().traces == 4  # Each lambda is another one.


def test_one_and_true_are_different_static_fields() -> None:
    @ryft.parameters.parameterized
    class Scaled:
        value: Any
        factor: Any

    f = ryft.jit(lambda s: s.value)
    f(Scaled(device_array(X), "1"))
    f(Scaled(device_array(X), "true"))
    assert f.cache_info().traces == 2


class Hostile:
    """Key whose comparison changes the dictionary that it is in."""

    target: Any = None

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        if Hostile.target is not None:
            Hostile.target.clear()
        return isinstance(other, Hostile)

    def __lt__(self, other: object) -> bool:
        return False


def test_keys_that_change_their_dictionary_do_no_harm() -> None:
    f = ryft.jit(lambda a, b: a["x"])
    for _ in range(3):
        first = {"x": device_array(X), "y": device_array(X)}
        second = {Hostile(): device_array(X), "z": device_array(X)}
        Hostile.target = first
        with contextlib.suppress(KeyError, ryft.RyftError, RuntimeError):
            f(first, second)
        Hostile.target = None
    np.testing.assert_array_equal(f({"x": device_array(X), "y": device_array(X)}, {}), X)


def test_static_argument_whose_comparison_clears_the_cache_does_no_harm() -> None:
    class Clears:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            f.clear_cache()
            return False

    f = ryft.jit(lambda x, s: x, static_argnums=1)
    for _ in range(5):
        np.testing.assert_array_equal(f(device_array(X), Clears()), X)


def test_static_argument_whose_comparison_fails_raises_its_error() -> None:
    class Fails:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError("cannot compare")

    f = ryft.jit(lambda x, s: x, static_argnums=1)
    f(device_array(X), Fails())
    with pytest.raises(ZeroDivisionError, match="cannot compare"):
        f(device_array(X), Fails())


def test_a_structure_that_contains_itself_is_an_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RyftError, match="nested too deeply"):
        ryft.jit(lambda t: 1)(endless)


def test_deep_structures_raise_or_work_but_do_not_crash() -> None:
    deep: Any = device_array(X)
    for _ in range(200):
        deep = (deep,)
    result = ryft.jit(lambda t: t)(deep)
    for _ in range(200):
        (result,) = result
    np.testing.assert_array_equal(result, X)


@pytest.mark.parametrize("count", [40, 200, 1000])
def test_many_arguments(count: int) -> None:
    values = [device_array(np.float32(number)) for number in range(count)]
    f = ryft.jit(lambda xs: [x + 1 for x in xs])
    for _ in range(2):
        assert [float(value) for value in f(values)] == [number + 1 for number in range(count)]


def test_numbers_and_numpy_arrays_are_arguments() -> None:
    f = ryft.jit(lambda x, y: x + y)
    for _ in range(2):
        np.testing.assert_array_equal(f(X, 1), X + 1)
        np.testing.assert_array_equal(f(X, 2), X + 2)
        np.testing.assert_array_equal(f(X + 1, np.float32(2)), X + 3)
        np.testing.assert_array_equal(f(1.5, device_array(X)), X + 1.5)
    big = np.ones((100, 100), np.float32)
    np.testing.assert_array_equal(f(big, big), 2 * big)


@pytest.mark.parametrize("bad", ["text", b"bytes", object(), {1, 2}, np.array(["a"]), np.array([None])])
def test_what_is_no_array_is_refused(bad: Any) -> None:
    f = ryft.jit(lambda x: x)
    for _ in range(2):
        with pytest.raises(OperandError, match=r"is not an array|array of numbers"):
            f(bad)


def test_concrete_refuses_tracers() -> None:
    leaks: list[Any] = []
    ryft.jit(lambda x: (leaks.append(x), x)[1])(X)
    with pytest.raises(LeakedTracerError, match="was used after"):
        concrete(leaks[0])


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_an_array_makes_its_buffer_when_it_is_asked_for() -> None:
    x = ryft.jit(lambda x: x + 1)(device_array(X))
    buffer = x.buffer
    assert x.buffer is buffer
    assert x.device is buffer.device
    del x
    np.testing.assert_array_equal(buffer.to_numpy(), X + 1)


def test_arrays_can_be_weakly_referenced_and_are_freed() -> None:
    from ryft_pjrt.testing import live_objects

    f = ryft.jit(lambda x: [x + 1, x + 2])
    x = device_array(X)
    f(x)
    before = live_objects()
    results = f(x)
    seen = weakref.ref(results[0])
    assert live_objects() == before + 2
    del results
    assert seen() is None
    assert live_objects() == before


def test_an_array_needs_a_buffer() -> None:
    with pytest.raises((TypeError, AttributeError)):
        DeviceArray(None, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        DeviceArray()  # pyright: ignore[reportCallIssue]


def test_results_plans_name_what_they_build() -> None:
    structure = ryft.trees.flatten((1, [2, {"b": 3, "a": None}]))[1]
    assert results_plan(structure) == (
        0,
        2,
        (None, (1, 2, (None, (2, 2, ((5, 0, None, None, None), None), ("a", "b"), None)), None, None)),
        None,
        None,
    )


def test_the_native_module_refuses_wrong_arguments() -> None:
    with pytest.raises(TypeError):
        _native.Entry(0)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValueError, match="expected a number of a leaf"):
        _native.Entry(0, None, 1, (1,), (), (), (), None, ())
    with pytest.raises(TypeError, match="arrays of the device"):
        _native.Entry(0, None, 1, (0,), (1,), (), (), None, ())  # pyright: ignore[reportArgumentType]
    entry = _native.Entry(0, None, 1, (0,), (), (), (), None, ())
    with pytest.raises(ValueError, match="expected 1 arrays, but got 0"):
        entry.run(None, ())


def test_references_are_counted_exactly() -> None:
    f = ryft.jit(lambda x, d: {"y": x + d["k"][0]})
    x, d = device_array(X), {"k": [device_array(X)]}
    for _ in range(3):
        f(x, d)
        ryft.numpy.sin(x)
    kind = x.type
    before = [sys.getrefcount(item) for item in (x, d, d["k"], d["k"][0], kind, x.device)]
    for _ in range(1000):
        f(x, d)
        ryft.numpy.sin(x)
    after = [sys.getrefcount(item) for item in (x, d, d["k"], d["k"][0], kind, x.device)]
    assert after == before
