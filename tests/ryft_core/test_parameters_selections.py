"""Tests of what one does with a tree of parameters: partition, combine, get and replace by path, count and print."""

from __future__ import annotations

import dataclasses
import doctest
from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core import trees
from ryft_core.errors import StructureError
from ryft_core.parameters import (
    AmbiguousCombinationError,
    MissingLeavesError,
    UnusedLeavesError,
    combine,
    filter,  # noqa: A004
    format_leaf,
    format_tree,
    from_named_leaves,
    get,
    named_leaves,
    naming,
    parameter_bytes,
    parameter_count,
    parameterized,
    partition,
    replace,
    selections,
    static,
    summaries,
    summarize,
)
from ryft_core.trees import Index, Path


@parameterized
class Linear:
    weight: Any
    bias: Any = None
    features: int = 2
    activation: Any = numpy.tanh
    secret: str = static(default="hidden", repr=False)


class Point(NamedTuple):
    x: Any
    y: Any


LINEARS = st.builds(Linear, st.floats(allow_nan=False), st.none() | st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    st.integers() | st.floats(allow_nan=False) | st.none() | LINEARS,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(max_size=2), children, max_size=3)
        | st.builds(Point, children, children)
        | st.builds(Linear, children, children)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize("module", [naming, selections, summaries], ids=lambda module: module.__name__)
def test_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# --- partition and combine --------------------------------------------------------------------------------------------


@given(TREES, st.randoms())
def test_combine_inverts_partition(tree: Any, random: Any) -> None:
    selected, others = partition(tree, lambda _: random.random() < 0.5)

    for parts in ((selected, others), (others, selected)):
        assert trees.flatten(combine(*parts)) == trees.flatten(tree)


@given(TREES)
def test_partition_selects_by_value(tree: Any) -> None:
    def is_float(leaf: Any) -> bool:
        return isinstance(leaf, float)

    selected, others = partition(tree, is_float)

    assert trees.leaves(selected) == [leaf for leaf in trees.leaves(tree) if is_float(leaf)]
    assert trees.leaves(others) == [leaf for leaf in trees.leaves(tree) if not is_float(leaf)]
    assert trees.leaves(filter(tree, is_float)) == trees.leaves(selected)


def test_partition_by_a_prefix_of_booleans() -> None:
    tree = {"a": [1, 2], "b": Linear(3, 4)}
    selected, others = partition(tree, {"a": True, "b": Linear(False, True)})

    assert trees.leaves(selected) == [1, 2, 4]
    assert trees.leaves(others) == [3]
    with pytest.raises(StructureError, match="`selector` expected the same keys in the `dict` at the root"):
        partition(tree, {"a": True})


def test_partition_keeps_static_values() -> None:
    selected, others = partition(Linear(1, 2), lambda leaf: leaf == 1)

    assert (selected.activation, others.features) == (numpy.tanh, 2)
    assert (selected.bias, others.weight) == (None, None)


def test_combine_of_several_trees_and_of_subtrees() -> None:
    assert combine([1, None, None], [None, 2, None], [None, None, 3]) == [1, 2, 3]
    assert combine([None, 1], [{"a": 2}, None]) == [{"a": 2}, 1]
    assert combine([None], [None]) == [None]


def test_combine_rejects_two_values_for_one_leaf() -> None:
    with pytest.raises(AmbiguousCombinationError, match=r"got more than one value for `\[1\]`: 2 and 3"):
        combine([1, 2], [None, 3])


def test_combine_names_the_tree_that_differs() -> None:
    with pytest.raises(
        StructureError, match="`tree 2` expected a list of length 2 at the root, but got one of length 1"
    ):
        combine([1, None], [None, 2], [None])


# --- get and replace --------------------------------------------------------------------------------------------------


@given(TREES)
def test_every_leaf_can_be_got_and_replaced_by_its_path(tree: Any) -> None:
    leaves, structure = trees.flatten(tree)
    for i, path in enumerate(structure.paths):
        assert get(tree, path) is leaves[i]
        assert get(tree, str(path)) is leaves[i]
        replaced = replace(tree, path, 123)
        assert trees.flatten(replaced) == ([*leaves[:i], 123, *leaves[i + 1 :]], structure)


def test_replace_reaches_subtrees_static_fields_and_the_root() -> None:
    model = {"layers": [Linear(1), Linear(2)]}

    assert trees.leaves(replace(model, '["layers"][1]', [3, 4])) == [1, 3, 4]
    assert get(replace(model, '["layers"][1].features', 7), '["layers"][1].features') == 7
    assert get(replace(model, '["layers"][0].activation', numpy.sin), '["layers"][0].activation') is numpy.sin
    assert replace(model, Path(), 5) == 5
    assert replace([1, 2], Path([Index(0)]), 5) == [5, 2]


def test_replace_leaves_the_original_alone() -> None:
    model = [Linear(1), {"a": 2}]
    replace(model, "[0].weight", 3)

    assert trees.leaves(model) == [1, 2]


@pytest.mark.parametrize("path", ["layers[2].weight", "layers[0].wieght", "layers[0].weight.x", "layers[0]weight", "x"])
def test_paths_that_lead_nowhere_come_with_suggestions(path: str) -> None:
    @parameterized
    class Model:
        layers: Any

    with pytest.raises(StructureError, match="there is nothing at `") as caught:
        replace(Model([Linear(1), Linear(2)]), path, 0)
    assert "`layers[0].weight`" in caught.value.__notes__[0]


def test_paths_into_a_tree_without_leaves() -> None:
    with pytest.raises(StructureError, match="there is nothing at `x` in this tree") as caught:
        get({}, "x")
    assert not hasattr(caught.value, "__notes__")


# --- naming -----------------------------------------------------------------------------------------------------------


@given(TREES, st.randoms())
def test_tree_comes_back_from_its_named_leaves_in_any_order(tree: Any, random: Any) -> None:
    pairs = list(named_leaves(tree).items())
    random.shuffle(pairs)

    assert trees.flatten(from_named_leaves(tree, dict(pairs))) == trees.flatten(tree)
    assert trees.flatten(from_named_leaves(trees.structure(tree), dict(pairs))) == trees.flatten(tree)


def test_longest_prefix_wins() -> None:
    tree = {"a": Linear(0, [0, 0]), "b": 0}
    rebuilt = from_named_leaves(tree, {"": 1, '["a"].bias': 2, '["a"].bias[1]': 3}, prefix=True)

    assert trees.leaves(rebuilt) == [1, 2, 3, 1]


def test_missing_leaves_are_listed_before_unused_ones() -> None:
    tree = {"a": Linear(0, 0), "b": 0}

    with pytest.raises(
        MissingLeavesError, match=r"expected 3 leaves, but got no value for `\[\"a\"\].weight`, `"
    ) as caught:
        from_named_leaves(tree, {'["a"].wieght': 1, '["b"]': 2})
    assert caught.value.paths == ('["a"].weight', '["a"].bias')
    assert caught.value.__notes__ == ['hint: there is a value for `["a"].wieght`, which is not in the structure']


def test_unused_leaves_are_listed() -> None:
    with pytest.raises(
        UnusedLeavesError, match=r"got values for `\[1\]`, `x`, which are not in the structure"
    ) as caught:
        from_named_leaves([0], {"x": 1, "[0]": 2, "[1]": 3})
    assert caught.value.paths == ("[1]", "x")
    with pytest.raises(UnusedLeavesError, match="got values for the root, which is not in the structure"):
        from_named_leaves([0], {"": 1, "[0]": 2}, prefix=True)


def test_long_lists_of_missing_leaves_are_cut() -> None:
    with pytest.raises(MissingLeavesError, match=r"`\[9\]` and 5 more$"):
        from_named_leaves(list(range(15)), {})


# --- summaries --------------------------------------------------------------------------------------------------------


def test_counts_and_bytes() -> None:
    tree = [
        numpy.ones((2, 3), "float32"),
        Linear(numpy.ones(5, "int8")),
        numpy.ones(3, numpy.dtype("int4")),
        1.0,
        "text",
    ]

    assert parameter_count(tree) == 6 + 5 + 3 + 1
    assert parameter_bytes(tree) == 24 + 5 + 2 + 4
    assert (parameter_count(None), parameter_bytes(())) == (0, 0)


def test_bytes_of_what_is_no_number() -> None:
    class Keys:
        shape = (2,)
        dtype = numpy.dtype([("float0", numpy.void, 0)])

    assert parameter_bytes([Keys()]) == 0


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (numpy.ones((2, 3)), "float64[2, 3]"),
        (numpy.float32(1.5), "np.float32(1.5)"),
        (1.5, "1.5"),
        (len, "<builtin_function_or_method len>"),
        (numpy.float32, "<type float32>"),
        ("a", "'a'"),
    ],
)
def test_text_of_leaves(leaf: Any, text: str) -> None:
    assert format_leaf(leaf) == text


def test_tree_is_printed_on_one_line_if_it_fits() -> None:
    tree = {"a": [1, (2,), None], "p": Point(1, numpy.ones(2)), "l": Linear(3)}

    assert format_tree(tree, width=200) == (
        "{'a': [1, (2,), None], 'l': Linear(weight=3, bias=None, features=2, activation=<ufunc tanh>), "
        "'p': Point(x=1, y=float64[2])}"
    )


def test_tree_is_broken_into_lines_if_it_does_not_fit() -> None:
    assert format_tree([Linear(numpy.ones((100, 100))), {"key": (1, 2)}], width=70).splitlines() == [
        "[",
        "    Linear(",
        "        weight=float64[100, 100],",
        "        bias=None,",
        "        features=2,",
        "        activation=<ufunc tanh>,",
        "    ),",
        "    {'key': (1, 2)},",
        "]",
    ]


def test_repr_of_a_parameterized_instance_is_its_tree() -> None:
    assert repr(Linear(1.0)) == "Linear(weight=1.0, bias=None, features=2, activation=<ufunc tanh>)"


def test_own_repr_is_kept() -> None:
    @parameterized
    class Model:
        weight: Any

        def __repr__(self) -> str:
            return "mine"

    @dataclasses.dataclass
    class Plain:
        weight: Any

    assert repr(Model(1)) == "mine"
    assert repr(parameterized(Plain)(1)).endswith("Plain(weight=1)")


def test_summary_lists_leaves_and_totals() -> None:
    assert summarize([Linear(numpy.ones((20, 30), "float32"), 1.0)]).splitlines() == [
        "path        type             elements  bytes",
        "[0].weight  float32[20, 30]       600  2,400",
        "[0].bias    1.0                     1      4",
        "total       2 leaves              601  2,404",
    ]


def test_a_tree_that_contains_itself_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    for function in (format_tree, summarize, parameter_count):
        with pytest.raises(StructureError, match="nested too deeply, or contains itself"):
            function(cycle)
