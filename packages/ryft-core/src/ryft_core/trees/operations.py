"""Operations on trees: mapping, reducing, transposing. The names are those of `jax.tree`, and so shadow builtins."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

from ryft_core.errors import StructureError
from ryft_core.trees.paths import Path
from ryft_core.trees.prefixes import flatten_prefix, flatten_up_to, structure_difference, structure_of
from ryft_core.trees.structures import IsLeaf, Structure, flatten

__all__ = [
    "all",
    "flatten_with_path",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "structure",
    "transpose",
]

_MISSING: Any = object()


def leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """Returns the leaves of a tree, in order. Refer to `flatten`."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf | None = None) -> Structure:
    """Returns the structure of a tree. Refer to `flatten`."""
    return flatten(tree, is_leaf)[1]


def leaves_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> list[tuple[Path, Any]]:
    """Returns the leaves of a tree, each with its path.

    Example:
        >>> [(str(path), leaf) for path, leaf in leaves_with_path({"layers": [1, 2]})]
        [('["layers"][0]', 1), ('["layers"][1]', 2)]
    """
    return flatten_with_path(tree, is_leaf)[0]


def flatten_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[tuple[Path, Any]], Structure]:
    """Returns the leaves of a tree, each with its path, and the structure of the tree."""
    tree_leaves, tree_structure = flatten(tree, is_leaf)
    return list(zip(tree_structure.paths, tree_leaves, strict=True)), tree_structure


def map(  # noqa: A001
    function: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None, prefix: bool = False
) -> Any:
    """Returns a tree of what `function` returns for each leaf of `tree` and the corresponding leaves of `rest`.

    Example:
        >>> map(lambda x, y: x + y, {"a": 1, "b": 2}, {"a": 10, "b": 20})
        {'a': 11, 'b': 22}

    Args:
        function: Function of one leaf of each tree.
        tree: Tree that decides the structure.
        rest: Trees of the same structure, except that they may have a whole subtree where `tree` has a leaf.
        is_leaf: Called with every node of `tree`; where it returns true, that node is a leaf.
        prefix: Whether the trees in `rest` are prefixes, whose leaves stand for all leaves below them.

    Raises:
        StructureError: If a tree in `rest` does not fit. It says where.
    """
    first, tree_structure = flatten(tree, is_leaf)
    others = [_align(tree_structure, other, prefix, is_leaf, i) for i, other in enumerate(rest, start=1)]
    return tree_structure.unflatten(list(builtins.map(function, first, *others)))


def map_with_path(
    function: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None, prefix: bool = False
) -> Any:
    """Does what `map` does, with the path of the leaf as the first argument of `function`."""
    first, tree_structure = flatten(tree, is_leaf)
    others = [_align(tree_structure, other, prefix, is_leaf, i) for i, other in enumerate(rest, start=1)]
    return tree_structure.unflatten(list(builtins.map(function, tree_structure.paths, first, *others)))


def _align(tree_structure: Structure, other: Any, prefix: bool, is_leaf: IsLeaf | None, position: int) -> list[Any]:
    name = f"rest[{position - 1}]"
    if prefix:
        return flatten_prefix(other, tree_structure, is_leaf, name=name)
    return flatten_up_to(tree_structure, other, name=name)


def reduce(
    function: Callable[[Any, Any], Any], tree: Any, initializer: Any = _MISSING, is_leaf: IsLeaf | None = None
) -> Any:
    """Returns the leaves of a tree combined from left to right by `function`.

    Raises:
        StructureError: If the tree has no leaves and there is no `initializer`.
    """
    tree_leaves = leaves(tree, is_leaf)
    if initializer is not _MISSING:
        return functools.reduce(function, tree_leaves, initializer)
    if not tree_leaves:
        error = StructureError("`reduce` expected at least one leaf, but the tree has none")
        error.add_note("hint: pass an `initializer`")
        raise error
    return functools.reduce(function, tree_leaves)


def reduce_associative(
    function: Callable[[Any, Any], Any], tree: Any, *, identity: Any = _MISSING, is_leaf: IsLeaf | None = None
) -> Any:
    """Returns the leaves of a tree combined pairwise by an associative `function`, in logarithmic depth.

    Raises:
        StructureError: If the tree has no leaves and there is no `identity`.
    """
    values = leaves(tree, is_leaf)
    if not values:
        return reduce(function, values, identity)
    while len(values) > 1:
        paired = [function(values[i], values[i + 1]) for i in range(0, len(values) - 1, 2)]
        values = paired + values[len(values) - len(values) % 2 :]
    return values[0]


def all(tree: Any, *, is_leaf: IsLeaf | None = None) -> bool:  # noqa: A001
    """Returns whether all leaves of a tree are true. They must be concrete."""
    return builtins.all(leaves(tree, is_leaf))


def transpose(outer: Any, inner: Any, tree: Any) -> Any:
    """Returns a tree of the structure `inner` of trees of the structure `outer`, given the reverse.

    Example:
        >>> transpose(structure([0, 0]), None, [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
        {'a': [1, 3], 'b': [2, 4]}

    Args:
        outer: Structure of the outer tree, or a tree that has it.
        inner: Structure of the trees in its leaves, or a tree that has it. If `None`, that of the first of them.
        tree: Tree of the structure `outer`, with trees of the structure `inner` in the place of its leaves.

    Raises:
        StructureError: If `tree` does not have these structures.
    """
    outer_structure = structure_of(outer)
    subtrees = flatten_up_to(outer_structure, tree)
    if inner is None and not subtrees:
        raise StructureError("`transpose` cannot infer the inner structure from an outer structure without leaves")
    inner_structure = structure(subtrees[0]) if inner is None else structure_of(inner)
    rows: list[list[Any]] = []
    for path, subtree in zip(outer_structure.paths, subtrees, strict=True):
        try:
            rows.append(flatten_up_to(inner_structure, subtree))
        except StructureError as error:
            difference = structure_difference(inner_structure, subtree) or error
            raise StructureError(
                f"the tree at {path.describe()} does not have the inner structure: {difference}"
            ) from error
    columns = [outer_structure.unflatten([row[i] for row in rows]) for i in range(inner_structure.num_leaves)]
    return inner_structure.unflatten(columns)
