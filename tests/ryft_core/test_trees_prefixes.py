"""Tests of prefixes: values for whole subtrees, flattening along another structure, and where structures differ."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, deque
from typing import Any, NamedTuple

import jax
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core import trees
from ryft_core.errors import StructureError


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any = None
    features: int = 3
    activation: Any = None


def is_none(value: Any) -> bool:
    return value is None


TREES = st.recursive(
    st.integers(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=2), children, max_size=3),
    max_leaves=12,
)


@given(TREES, st.data())
def test_prefix_gives_each_leaf_the_value_above_it(tree: Any, data: st.DataObject) -> None:
    def cut(subtree: Any) -> Any:
        if not isinstance(subtree, (list, dict)) or data.draw(st.booleans()):
            return data.draw(st.integers())
        if isinstance(subtree, list):
            return [cut(child) for child in subtree]
        return {key: cut(child) for key, child in subtree.items()}

    prefix = cut(tree)

    assert trees.broadcast(prefix, tree) == jax.tree.broadcast(prefix, tree)
    assert trees.flatten_prefix(prefix, trees.structure(tree)) == jax.tree.leaves(jax.tree.broadcast(prefix, tree))


@given(TREES)
def test_single_leaf_is_a_prefix_of_everything(tree: Any) -> None:
    assert trees.flatten_prefix("x", tree) == ["x"] * len(trees.leaves(tree))


def test_prefix_with_none_as_a_value() -> None:
    tree = ({"a": 1.0, "b": 2.0}, 3.0)

    assert trees.flatten_prefix((0, None), tree, is_leaf=is_none) == [0, 0, None]
    assert trees.flatten_prefix(None, tree, is_leaf=is_none) == [None, None, None]
    assert trees.broadcast((None, 1), (2, 3), is_leaf=is_none) == (None, 1)


def test_prefix_of_a_dataclass_needs_not_have_its_static_values() -> None:
    layer = Layer([1.0, 2.0], 3.0, 5, numpy.tanh)

    assert trees.flatten_prefix(Layer(0, 1), layer) == [0, 0, 1]
    assert trees.broadcast(Layer("a", "b"), layer) == Layer(["a", "a"], "b", 5, numpy.tanh)


@pytest.mark.parametrize(
    ("prefix", "tree", "message"),
    [
        ((0, 1), (1, 2, 3), r"`in_axes` expected a tuple of length 3 at the root, but got one of length 2"),
        (
            (0, [1]),
            (1, {"a": 1}),
            r"`in_axes` has a list of length 1 at `\[1\]`, where the tree has a dict with keys 'a'",
        ),
        ((0, [1]), (1, 2), r"`in_axes` has a list of length 1 at `\[1\]`, where the tree has a leaf"),
        ({"a": 1}, {"a": 1, "b": 2}, r"expected the same keys in the `dict` at the root, but it is missing \[\"b\"\]"),
        (
            (0, {"c": 1}),
            (0, {"b": 1}),
            r"keys in the `dict` at `\[1\]`, but it is missing \[\"b\"\] and has unexpected \[\"c",
        ),
        ((None,), (1,), r"`in_axes` has `None` at `\[0\]`, where the tree has a leaf"),
        (
            Point(0, (1,)),
            Point(0, [1]),
            r"`in_axes` has a tuple of length 1 at `y`, where the tree has a list of length 1",
        ),
        ({}, [1], r"`in_axes` has an empty dict at the root, where the tree has a list of length 1"),
    ],
)
def test_what_is_no_prefix_is_explained(prefix: Any, tree: Any, message: str) -> None:
    with pytest.raises(StructureError, match=message) as caught:
        trees.flatten_prefix(prefix, tree, name="in_axes")

    assert "hint" in "".join(getattr(caught.value, "__notes__", ["hint"]))


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        ([1, 2], [1], "expected a list of length 2 at the root, but got one of length 1"),
        ({"a": (1,)}, {"a": [1]}, 'expected a tuple of length 1 at `["a"]`, but got a list of length 1'),
        ({"a": 1}, {"a": None}, 'expected a leaf at `["a"]`, but got `None`'),
        ({"a": 1}, {"b": 1}, 'expected the same keys in the `dict` at the root, but it is missing ["a"] and has '
         'unexpected ["b"]'),
        (Layer(1.0), Layer(1.0, features=4), "expected the static `features` to be 3, but got 4"),
        ([Layer(1.0)], [Layer(1.0, 2.0)], "expected `None` at `[0].bias`, but got a leaf"),
        (Layer(1.0, activation="a"), Layer(1.0, activation="b"),
         "expected the static 'a' at `activation`, but got 'b'"),
        (OrderedDict(a=1, b=2), OrderedDict(b=1, a=2),
         'expected the keys of the `OrderedDict` at the root in the order ["a"], ["b"], but got another order'),
        (Point(1, 2), [1, 2], "expected a `Point` at the root, but got a list of length 2"),
    ],
)  # fmt: skip
def test_structure_difference_names_place_and_difference(expected: Any, actual: Any, message: str) -> None:
    assert trees.structure_difference(expected, actual) == message
    assert trees.structure_difference(trees.structure(expected), trees.structure(actual)) == message


def test_structure_difference_lists_several_differences() -> None:
    difference = trees.structure_difference({key: 1 for key in "abcd"}, {key: [1] for key in "abcd"}, limit=2)

    assert difference is not None
    assert difference.splitlines() == [
        'expected a leaf at `["a"]`, but got a list of length 1',
        'expected a leaf at `["b"]`, but got a list of length 1',
        "and 2 more differences",
    ]


def test_metadata_that_differs_is_shown() -> None:
    first, second = trees.structure(deque([1], 3)), trees.structure(deque([1], 4))

    assert trees.structure_difference(first, second) == ("expected static data 3 in the `deque` at the root, but got 4")


def test_flatten_up_to_takes_subtrees() -> None:
    structure = trees.structure({"a": 1, "b": Layer(1.0)})

    assert trees.flatten_up_to(structure, {"a": [1, 2], "b": Layer({"x": 1})}) == [[1, 2], {"x": 1}]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": 1, "b": 2}, r"`state` expected a `Layer` at `\[\"b\"\]`, but got 2 of type `int`"),
        (
            {"a": 1, "b": Layer(1.0, features=4)},
            r"`state` expected the static `\[\"b\"\]\.features` to be 3, but got 4",
        ),
        (
            {"a": 1, "b": Layer(1.0, activation="tanh")},
            r"expected the static 'relu' at `\[\"b\"\]\.activation`, but got 'tanh'",
        ),
        (
            {"a": 1, "b": Layer(1.0, 2.0, activation="relu")},
            r"expected `None` at `\[\"b\"\]\.bias`, but got 2.0 of type",
        ),
        ({"a": 1}, r"`state` expected the same keys in the `dict` at the root, but it is missing \[\"b\"\]"),
        ("x" * 100, r"`state` expected a dict with keys 'a', 'b' at the root, but got a value of type `str`"),
    ],
)
def test_flatten_up_to_explains_what_differs(tree: Any, message: str) -> None:
    structure = trees.structure({"a": 1, "b": Layer(1.0, activation="relu")})

    with pytest.raises(StructureError, match=message):
        trees.flatten_up_to(structure, tree, name="state")
