"""Tests of trees: splitting into leaves and structure, joining, mapping, paths, and what counts as a container."""

from __future__ import annotations

import collections
import copy
import dataclasses
import doctest
import enum
import pickle
from collections import OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import jax
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core import trees
from ryft_core.errors import StructureError
from ryft_core.trees import Field, Index, Key, Path, builders, nodes, operations, paths, structures
from ryft_core.types.array_types import ArrayType


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any = None
    features: int = 3
    activation: Any = None


@dataclasses.dataclass(slots=True)
class Slotted:
    weight: Any
    name: str


class Registered:
    def __init__(self, children: Any, rest: Any) -> None:
        self.children, self.rest = children, rest


trees.register_tree_node(Registered, lambda x: (x.children, x.rest), lambda rest, children: Registered(children, rest))

numbers = st.integers() | st.floats(allow_nan=False) | st.booleans()
keys = st.text(max_size=3)


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    dictionaries = st.dictionaries(keys, children, max_size=4)
    sequences = st.lists(children, max_size=4)
    return st.one_of(
        sequences,
        sequences.map(tuple),
        sequences.map(deque),
        dictionaries,
        dictionaries.map(OrderedDict),
        dictionaries.map(lambda x: defaultdict(list, x)),
        st.builds(Point, children, children),
        st.builds(Layer, children, children, st.integers(0, 3), st.sampled_from([None, "relu", numpy.tanh])),
    )


TREES = st.recursive(numbers | st.none(), containers, max_leaves=20)
JAX_TREES = st.recursive(
    numbers | st.none(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.lists(children, max_size=4).map(tuple)
        | st.dictionaries(keys, children, max_size=4)
        | st.dictionaries(keys, children, max_size=4).map(OrderedDict)
        | st.builds(Point, children, children)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("module", [paths, structures, operations, trees.prefixes], ids=lambda module: module.__name__)
def test_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# --- laws -------------------------------------------------------------------------------------------------------------


@given(TREES)
def test_unflatten_inverts_flatten(tree: Any) -> None:
    leaves, structure = trees.flatten(tree)

    assert structure.unflatten(leaves) == tree
    assert trees.flatten(structure.unflatten(leaves)) == (leaves, structure)


@given(TREES)
def test_any_leaves_can_be_put_into_a_structure_and_taken_out_again(tree: Any) -> None:
    structure = trees.structure(tree)
    labels = [f"leaf {i}" for i in range(structure.num_leaves)]

    assert trees.flatten(structure.unflatten(labels)) == (labels, structure)
    assert trees.flatten_up_to(structure, structure.unflatten(labels)) == labels


@given(TREES)
def test_structures_hash_compare_pickle_and_copy(tree: Any) -> None:
    structure = trees.structure(tree)
    other = trees.structure(copy.deepcopy(tree))

    assert structure == other
    assert hash(structure) == hash(other)
    assert pickle.loads(pickle.dumps(structure)) == structure
    assert trees.structure_difference(structure, other) is None


@given(TREES, TREES)
def test_structures_differ_exactly_if_a_difference_is_named(first: Any, second: Any) -> None:
    difference = trees.structure_difference(first, second)

    assert (trees.structure(first) == trees.structure(second)) == (difference is None)


@given(JAX_TREES)
def test_flatten_agrees_with_jax(tree: Any) -> None:
    assert trees.leaves(tree) == jax.tree.leaves(tree)
    assert trees.map(lambda x: (x,), tree) == jax.tree.map(lambda x: (x,), tree)
    assert len(trees.structure(tree).paths) == len(jax.tree.leaves_with_path(tree))


@given(TREES)
def test_paths_lead_to_their_leaves(tree: Any) -> None:
    for path, leaf in trees.leaves_with_path(tree):
        value = tree
        for entry in path:
            value = getattr(value, entry.name) if isinstance(entry, Field) else value[step_of(entry)]
        assert value is leaf


def step_of(entry: Any) -> Any:
    return entry.index if isinstance(entry, Index) else entry.key


class Unmet:
    """Leaf of a type that is met for the first time."""


SIBLINGS = st.one_of(
    st.lists(st.tuples(numbers, numbers) | st.tuples(numbers), min_size=4, max_size=8),
    st.lists(st.lists(numbers | st.none(), max_size=3), min_size=4, max_size=8),
    st.lists(st.dictionaries(keys, numbers | st.lists(numbers, max_size=2), max_size=3), min_size=4, max_size=8),
    st.lists(st.dictionaries(keys, numbers, max_size=3) | st.lists(numbers, max_size=2), min_size=4, max_size=8),
)


@given(SIBLINGS)
def test_siblings_are_split_as_if_one_by_one(siblings: list[Any]) -> None:
    leaves, structure = trees.flatten(siblings)

    assert (leaves, structure) == trees.flatten(siblings, lambda _: False)
    assert leaves == [leaf for sibling in siblings for leaf in trees.leaves(sibling)]
    assert structure.children == tuple(map(trees.structure, siblings))
    assert structure.unflatten(leaves) == siblings


def test_siblings_with_leaves_of_a_new_type() -> None:
    first = Unmet()
    siblings = [(1, 2), (3, first), (4, 5), (6, 7), (8, 9)]

    assert trees.leaves(siblings) == trees.leaves(siblings) == [1, 2, 3, first, 4, 5, 6, 7, 8, 9]


@given(TREES)
def test_predicate_of_everything_makes_the_tree_a_leaf(tree: Any) -> None:
    leaves, structure = trees.flatten(tree, lambda _: True)

    assert leaves == [tree]
    assert structure.is_leaf


@given(TREES)
def test_predicate_of_nothing_changes_nothing(tree: Any) -> None:
    assert trees.flatten(tree, lambda _: False) == trees.flatten(tree)


@given(st.lists(numbers | st.lists(numbers, max_size=2), max_size=3), st.dictionaries(keys, numbers, max_size=2))
def test_flatten_arguments_is_flatten(arguments: list[Any], keywords: dict[str, Any]) -> None:
    assert trees.flatten_arguments(tuple(arguments), keywords) == trees.flatten((tuple(arguments), keywords))


# --- containers -------------------------------------------------------------------------------------------------------


def test_order_of_leaves_in_every_container() -> None:
    tree = {
        "b": [1, (2, 3)],
        "a": Point(4, OrderedDict([("z", 5), ("y", 6)])),
        "c": defaultdict(int, {"y": 7, "x": 8}),
        "d": deque([9]),
        "e": None,
        "f": Layer(10, 11),
        "g": Registered([12, {"h": 13}], "rest"),
    }

    assert trees.leaves(tree) == [4, 5, 6, 1, 2, 3, 8, 7, 9, 10, 11, 12, 13]
    assert [str(path) for path in trees.structure(tree).paths] == [
        '["a"].x',
        '["a"].y["z"]',
        '["a"].y["y"]',
        '["b"][0]',
        '["b"][1][0]',
        '["b"][1][1]',
        '["c"]["x"]',
        '["c"]["y"]',
        '["d"][0]',
        '["f"].weight',
        '["f"].bias',
        '["g"][0]',
        '["g"][1]["h"]',
    ]


@pytest.mark.parametrize(
    "tree",
    [
        defaultdict(list, a=1),
        deque([1, 2], maxlen=3),
        OrderedDict(b=1, a=2),
        Point(1, 2),
        Slotted(1.0, "name"),
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_containers_come_back_as_they_were(tree: Any) -> None:
    leaves, structure = trees.flatten(tree)
    rebuilt = structure.unflatten(leaves)

    assert type(rebuilt) is type(tree)
    assert rebuilt == tree
    assert getattr(rebuilt, "default_factory", None) == getattr(tree, "default_factory", None)
    assert getattr(rebuilt, "maxlen", None) == getattr(tree, "maxlen", None)


def test_dictionaries_with_keys_of_several_types_and_without_order() -> None:
    keys = [object(), object()]

    assert trees.leaves({"b": 1, 2: 2, "a": 3, 1: 4}) == [4, 2, 3, 1]
    assert trees.leaves({keys[0]: 1, keys[1]: 2}) == [1, 2]
    assert trees.structure({}) == trees.structure({}) != trees.structure([])


@pytest.mark.parametrize("leaf", [1, 2.0, "text", b"bytes", numpy.ones(2), numpy.float32(1), print, {1, 2}, object()])
def test_everything_else_is_a_leaf(leaf: Any) -> None:
    assert trees.structure(leaf).is_leaf
    assert trees.leaves([leaf])[0] is leaf


def test_subclasses_of_containers_are_leaves() -> None:
    class Special(dict[str, int]):
        pass

    assert trees.structure(Special(a=1)).is_leaf
    assert trees.structure(collections.Counter("aab")).is_leaf


def test_array_leaves() -> None:
    class Color(enum.IntEnum):
        RED = 1

    arrays = [
        1,
        True,
        2.0,
        3j,
        numpy.float32(1),
        numpy.ones(2),
        ArrayType((2,), numpy.dtype("int8")),
        jax.numpy.ones(2),
    ]

    assert all(map(trees.is_array_leaf, arrays))
    assert not any(map(trees.is_array_leaf, ["a", None, print, object(), numpy.float32, Color.RED, [1]]))


def test_registered_class_joins_in_and_its_rest_belongs_to_the_structure() -> None:
    first, second = Registered([1, 2], "a"), Registered([1, 2], "b")

    assert trees.structure(first) != trees.structure(second)
    assert trees.map(lambda x: x + 1, first).children == (2, 3)


def test_register_tree_node_with_entries() -> None:
    class Pair:
        def __init__(self, left: Any, right: Any) -> None:
            self.left, self.right = left, right

    trees.register_tree_node(
        Pair,
        lambda pair: ((pair.left, pair.right), None),
        lambda _, children: Pair(*children),
        entries=lambda _, __: (Field("left"), Field("right")),
    )

    assert [str(path) for path in trees.structure([Pair(1, (2, 3))]).paths] == [
        "[0].left",
        "[0].right[0]",
        "[0].right[1]",
    ]


def test_register_tree_node_rejects_containers_and_declared_leaves() -> None:
    class Declared:
        pass

    trees.register_tree_leaf(Declared)
    trees.leaves(Point(1, 2))

    with pytest.raises(StructureError, match="`list` is a container already"):
        trees.register_tree_node(list, lambda x: (x, None), lambda _, children: list(children))
    with pytest.raises(StructureError, match=r"`.*Declared` was declared a leaf, so it cannot be made a container"):
        trees.register_tree_node(Declared, lambda _: ((), None), lambda _, __: Declared())
    with pytest.raises(StructureError, match="`Point` is a container already, so it cannot be declared a leaf"):
        trees.register_tree_leaf(Point)


def test_register_tree_leaf_keeps_a_dataclass_whole() -> None:
    @dataclasses.dataclass(frozen=True)
    class Name:
        text: str

    trees.register_tree_leaf(Name)

    assert trees.leaves([Name("a"), 1]) == [Name("a"), 1]


# --- dataclasses ------------------------------------------------------------------------------------------------------


def test_dataclass_fields_are_static_by_annotation_or_by_value() -> None:
    leaves, structure = trees.flatten(Layer(1.0, [2.0, print, {"a": 3.0}], 4, numpy.tanh))

    assert leaves == [1.0, 2.0, 3.0]
    assert repr(structure) == (
        'Structure(Layer(weight=*, bias=[*, static(<built-in function print>), {"a": *}], '
        "activation=static(<ufunc 'tanh'>), features=4))"
    )


def test_static_values_of_other_types_make_other_structures() -> None:
    structures = {trees.structure(Layer(1.0, features=value)) for value in (1, True, 1.0, 2)}  # pyright: ignore

    assert len(structures) == 4


def test_instance_with_unusual_leaves_remembers_them() -> None:
    layer = Layer(1.0, [2.0, print], 3)
    names = trees.map(lambda _: "name", layer)

    assert names == Layer("name", ["name", print], 3)
    assert trees.structure(names) == trees.structure(layer)
    assert trees.map(lambda value, name: (value, name), layer, names).weight == (1.0, "name")
    assert trees.leaves(trees.map(lambda _: ("a", None), layer)) == ["a", "a"]


def test_slotted_dataclass_is_a_container() -> None:
    tree = Slotted((1, 2), "name")

    assert trees.map(lambda x: x + 1, tree) == Slotted((2, 3), "name")


def test_unhashable_static_value_is_named() -> None:
    with pytest.raises(
        StructureError, match=r"`\[0\]\.activation` is neither an array nor a container.*\{1\} of type `set`"
    ):
        trees.flatten([Layer(1.0, activation={1})])
    with pytest.raises(StructureError, match=r"`features` is a static field of `Layer`, but is not hashable: \[1\]"):
        trees.flatten(Layer(1.0, features=[1]))  # pyright: ignore[reportArgumentType]
    with pytest.raises(StructureError, match=r"the root of type `Registered` has data that is not hashable: \[\]"):
        trees.flatten(Registered((), []))


def test_field_that_was_never_set_is_named() -> None:
    layer = Layer(1.0)
    del layer.weight

    with pytest.raises(StructureError, match="the field `weight` of this `Layer` was never set"):
        trees.flatten(layer)


def test_dataclass_with_annotations_that_cannot_be_evaluated() -> None:
    @dataclasses.dataclass
    class Local:
        value: Unknown  # noqa: F821  # pyright: ignore
        count: int

    assert trees.leaves(Local(1.0, 2)) == [1.0]


# --- joining ----------------------------------------------------------------------------------------------------------


def test_unflatten_counts_its_leaves() -> None:
    structure = trees.structure({"a": 1, "b": [2, 3]})

    with pytest.raises(StructureError, match="got too few leaves: expected 3, but got 1") as caught:
        structure.unflatten([1])
    with pytest.raises(StructureError, match="got too many leaves: expected 3, but got 4"):
        structure.unflatten(iter(range(4)))

    assert caught.value.__notes__ == ['the missing leaves are `["b"][0]`, `["b"][1]`']


def test_tree_that_contains_itself_is_an_error() -> None:
    tree: list[Any] = []
    tree.append(tree)

    with pytest.raises(StructureError, match="the tree is nested too deeply, or contains itself"):
        trees.flatten(tree)


@given(TREES)
def test_compiled_builder_builds_the_same(tree: Any) -> None:
    leaves, structure = trees.flatten(tree)
    build = builders.compile_builder(structure.key)

    assert build is not None
    assert build(leaves) == tree
    assert trees.flatten(build(leaves)) == (leaves, structure)


def test_structure_in_frequent_use_is_compiled_and_builds_the_same() -> None:
    tree = {"a": [(i, [i] * 30) for i in range(20)], "b": Layer(1.0, [2.0, print], 3)}
    leaves, structure = trees.flatten(tree)
    built = [structure.unflatten(leaves) for _ in range(100)]

    assert structure._builder is not None
    assert all(result == tree for result in built)
    assert built[-1]["a"][0][1] is not built[-2]["a"][0][1]
    assert structure.unflatten(["x"] * len(leaves))["b"].weight == "x"


def test_structure_that_is_too_deep_to_compile_is_walked() -> None:
    tree: Any = 1
    for _ in range(60):
        tree = [tree, 2]
    leaves, structure = trees.flatten(tree)

    assert builders.compile_builder(structure.key) is None
    assert all(structure.unflatten(leaves) == tree for _ in range(50))


# --- operations -------------------------------------------------------------------------------------------------------


def test_map_over_several_trees_and_over_prefixes() -> None:
    tree = {"a": 1, "b": (2, 3)}

    assert trees.map(lambda x, y: x * y, tree, {"a": 10, "b": (20, 30)}) == {"a": 10, "b": (40, 90)}
    assert trees.map(lambda x, y: (x, y), tree, {"a": [0], "b": ({}, 1)}) == {"a": (1, [0]), "b": ((2, {}), (3, 1))}
    assert trees.map(lambda x, y: x * y, tree, {"a": 10, "b": 20}, prefix=True) == {"a": 10, "b": (40, 60)}


def test_map_names_the_tree_and_the_place_that_do_not_fit() -> None:
    with pytest.raises(
        StructureError, match=r"`rest\[1\]` expected a tuple of length 2 at `\[\"b\"\]`, but got 3 of type `int`"
    ):
        trees.map(max, {"b": (1, 2)}, {"b": (1, 2)}, {"b": 3})


def test_map_with_path_passes_the_path_first() -> None:
    assert trees.map_with_path(lambda path, x: f"{path}={x}", [1, {"a": 2}]) == ["[0]=1", {"a": '[1]["a"]=2'}]


@pytest.mark.parametrize("tree", [[1, 2, 3, 4, 5], {"a": 1}, (1, (2, 3)), [[1, 2], [3, 4]]])
def test_reductions_agree_with_sum(tree: Any) -> None:
    expected = sum(trees.leaves(tree))

    assert trees.reduce(lambda x, y: x + y, tree) == expected
    assert trees.reduce(lambda x, y: x + y, tree, 10) == expected + 10
    assert trees.reduce_associative(lambda x, y: x + y, tree) == expected


def test_reductions_keep_the_order() -> None:
    letters = list("abcdefg")

    assert trees.reduce(lambda x, y: x + y, letters) == "abcdefg"
    assert trees.reduce_associative(lambda x, y: x + y, letters) == "abcdefg"


def test_reductions_of_nothing() -> None:
    assert trees.reduce(max, (), 1) == 1
    assert trees.reduce_associative(max, (), identity=1) == 1
    with pytest.raises(StructureError, match="`reduce` expected at least one leaf, but the tree has none"):
        trees.reduce(max, [None])


def test_all_leaves_are_true() -> None:
    assert trees.all([True, {"a": 1}])
    assert not trees.all([True, {"a": 0}])
    assert trees.all(None)


@pytest.mark.parametrize("inner", [{"a": 0, "b": 0}, None], ids=["given", "inferred"])
def test_transpose_agrees_with_jax(inner: Any) -> None:
    tree = [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]
    outer = [0, 0, 0]
    inner_structure = None if inner is None else trees.structure(inner)

    expected = jax.tree.transpose(jax.tree.structure(outer), jax.tree.structure({"a": 0, "b": 0}), tree)
    assert trees.transpose(trees.structure(outer), inner_structure, tree) == expected


def test_transpose_names_the_subtree_that_differs() -> None:
    with pytest.raises(
        StructureError, match=r"the tree at `\[1\]` does not have the inner structure: .* is missing \[\"a\"\]"
    ):
        trees.transpose([0, 0], None, [{"a": 1}, {"b": 1}])
    with pytest.raises(
        StructureError, match="`transpose` cannot infer the inner structure from an outer structure without"
    ):
        trees.transpose([], None, [])


# --- paths ------------------------------------------------------------------------------------------------------------


def test_paths_are_values() -> None:
    path = Path([Field("layers"), Index(2)]) / Key("a")

    assert str(path) == 'layers[2]["a"]'
    assert path.suffix == '.layers[2]["a"]'
    assert repr(path) == "Path('layers[2][\"a\"]')"
    assert path == Path([Field("layers"), Index(2), Key("a")])
    assert {path: 1}[Path(tuple(path))] == 1
    assert (Path().describe(), path.describe()) == ("the root", '`layers[2]["a"]`')


def test_key_text_does_not_confuse_types_or_quotes() -> None:
    assert [str(Key(key)) for key in ("1", 1, 'a"b', (1, 2))] == ['["1"]', "[1]", '["a\\"b"]', "[(1, 2)]"]


# --- structures -------------------------------------------------------------------------------------------------------


def test_structure_has_children_and_text() -> None:
    structure = trees.structure({"a": [1, None], "b": (2,), "c": Point(1, 2)})

    assert repr(structure) == 'Structure({"a": [*, None], "b": (*,), "c": Point(x=*, y=*)})'
    assert [repr(child) for child in structure.children] == [
        "Structure([*, None])",
        "Structure((*,))",
        "Structure(Point(x=*, y=*))",
    ]
    assert structure.num_leaves == 4
    assert trees.structure(1).children == ()
    assert structure != "something else"


def test_equal_structures_are_equal_after_the_cache_was_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    first = trees.structure({"a": [1, 2]})
    monkeypatch.setattr(structures, "_STRUCTURES", {})
    second = trees.structure({"a": [1, 2]})

    assert first is not second
    assert (first, hash(first)) == (second, hash(second))


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structures, "_MAXIMUM_STRUCTURES", 5)
    monkeypatch.setattr(structures, "_STRUCTURES", cache := {})
    monkeypatch.setattr(nodes, "_MAXIMUM_DICTIONARIES", 5)
    monkeypatch.setattr(nodes, "_DICTIONARIES", plans := {})
    for i in range(20):
        trees.structure({f"key {i}": 1})

    assert len(cache) <= 5
    assert len(plans) <= 5


def test_structure_of_an_unknown_class_cannot_be_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(trees.structure(Registered([1], "rest")))
    monkeypatch.delitem(nodes.NODE_KINDS, Registered)

    with pytest.raises(StructureError, match="`Registered` is not a container here"):
        pickle.loads(data)
    nodes.LEAF_TYPES.discard(Registered)


def test_registration_refuses_what_is_no_class_and_what_is_always_a_leaf() -> None:
    def flatten(value: Any) -> Any:
        return (), None

    with pytest.raises(StructureError, match="`register_tree_node` expected a class, but got 3"):
        trees.register_tree_node(3, flatten, lambda rest, children: 3)  # pyright: ignore[reportArgumentType]
    for cls in (int, float, bool, complex, str, numpy.ndarray):
        with pytest.raises(StructureError, match=f"`{cls.__name__}` is always a leaf"):
            trees.register_tree_node(cls, flatten, lambda rest, children: 3)


def test_a_registered_function_that_returns_anything_else_is_named() -> None:
    class Odd:
        pass

    trees.register_tree_node(Odd, lambda value: 5, lambda rest, children: Odd())  # pyright: ignore[reportArgumentType]
    with pytest.raises(StructureError, match=r"the `flatten` of `.*Odd` expected to return its children .* returned 5"):
        trees.flatten([Odd()])
