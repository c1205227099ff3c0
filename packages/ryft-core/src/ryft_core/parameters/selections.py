"""Selections: taking a tree apart by its leaves, putting it together again, and replacing a leaf or a subtree."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeAlias

from ryft_core.errors import StructureError
from ryft_core.trees.builders import put_together
from ryft_core.trees.kinds import NodeKind
from ryft_core.trees.nodes import kind_of
from ryft_core.trees.paths import Field, Path
from ryft_core.trees.prefixes import flatten_prefix, flatten_up_to
from ryft_core.trees.statics import distinction
from ryft_core.trees.structures import IsLeaf, Structure, flatten, unflatten

__all__ = ["AmbiguousCombinationError", "combine", "filter", "get", "partition", "replace"]

Selector: TypeAlias = Callable[[Any], bool] | Any
"""A function of a leaf that says whether to select it, or a tree of booleans that is a prefix of the tree."""


class AmbiguousCombinationError(StructureError):
    """Trees that are to be combined have different values for the same leaf."""


def _is_none(value: Any) -> bool:
    return value is None


def _select(tree: Any, selector: Selector, is_leaf: IsLeaf | None) -> tuple[list[Any], list[bool], Structure]:
    leaves, structure = flatten(tree, is_leaf)
    selected = map(selector, leaves) if callable(selector) else flatten_prefix(selector, structure, name="selector")
    return leaves, [bool(choice) for choice in selected], structure


def partition(tree: Any, selector: Selector, is_leaf: IsLeaf | None = None) -> tuple[Any, Any]:
    """Returns two trees like `tree`: one with the selected leaves, one with the others, and `None` for what each lacks.

    Example:
        >>> partition({"a": 1, "b": 2.0}, lambda leaf: isinstance(leaf, float))
        ({'a': None, 'b': 2.0}, {'a': 1, 'b': None})

    Args:
        tree: Tree to take apart. `combine` puts it together again.
        selector: Function of a leaf, or prefix of `tree` with booleans.
        is_leaf: Called with every node; where it returns true, that node is a leaf.
    """
    leaves, choices, structure = _select(tree, selector, is_leaf)
    selected = [leaf if choice else None for leaf, choice in zip(leaves, choices, strict=True)]
    others = [None if choice else leaf for leaf, choice in zip(leaves, choices, strict=True)]
    return unflatten(structure, selected), unflatten(structure, others)


def filter(tree: Any, selector: Selector, is_leaf: IsLeaf | None = None) -> Any:  # noqa: A001
    """Returns a tree like `tree`, with `None` for the leaves that are not selected. Refer to `partition`."""
    return partition(tree, selector, is_leaf)[0]


def combine(first: Any, *rest: Any) -> Any:
    """Returns the tree whose leaves are in one of several trees of the same structure, with `None` in the others.

    Example:
        >>> combine({"a": None, "b": 2.0}, {"a": 1, "b": None})
        {'a': 1, 'b': 2.0}

    Args:
        first: Tree that decides the structure.
        rest: Other trees. They may have a subtree where `first` has `None`.

    Raises:
        AmbiguousCombinationError: If two trees have different values for the same leaf.
        StructureError: If the trees do not have the same structure.
    """
    leaves, structure = flatten(first, _is_none)
    for position, other in enumerate(rest, start=1):
        candidates = flatten_up_to(structure, other, name=f"tree {position}")
        for i, candidate in enumerate(candidates):
            if candidate is None or candidate is leaves[i]:
                continue
            if leaves[i] is not None:
                where = structure.paths[i].describe()
                text = f"got more than one value for {where}: {leaves[i]!r} and {candidate!r}"
                error = AmbiguousCombinationError(text)
                error.add_note("hint: each leaf must be `None` in all trees but one")
                raise error
            leaves[i] = candidate
    return unflatten(structure, leaves)


def get(tree: Any, path: Path | str) -> Any:
    """Returns the leaf, subtree or static field of `tree` at `path`.

    Example:
        >>> get({"layers": [1, 2]}, '["layers"][1]')
        2

    Raises:
        StructureError: If there is nothing at `path`.
    """
    found: list[Any] = []
    _rebuild(tree, Path(), str(path), lambda value: found.append(value) or value, tree)
    return found[0]


def replace(tree: Any, path: Path | str, value: Any) -> Any:
    """Returns a copy of `tree` with `value` in the place of the leaf, subtree or static field at `path`.

    Example:
        >>> replace({"layers": [1, 2]}, '["layers"][1]', 3)
        {'layers': [1, 3]}

    Raises:
        StructureError: If there is nothing at `path`.
    """
    return _rebuild(tree, Path(), str(path), lambda _: value, tree)


def _rebuild(tree: Any, at: Path, target: str, change: Callable[[Any], Any], root: Any) -> Any:
    if str(at) == target:
        return change(tree)
    kind = kind_of(tree)
    if kind is None:
        raise _nothing_there(root, target)
    children, metadata = kind.flatten(tree)
    children = list(children)
    for i, entry in enumerate(kind.entries(metadata, len(children))):
        if _leads_to(at / entry, target):
            children[i] = _rebuild(children[i], at / entry, target, change, root)
            return put_together(kind, metadata, children, tree)
    return put_together(kind, _change_static(kind, metadata, at, target, change, root), children, tree)


def _change_static(
    kind: NodeKind, metadata: Any, at: Path, target: str, change: Callable[[Any], Any], root: Any
) -> Any:
    for i, name in enumerate(kind.static_names):
        if str(at / Field(name)) == target:
            values = (*metadata[0][:i], change(metadata[0][i]), *metadata[0][i + 1 :])
            return values, tuple(map(distinction, values))
    raise _nothing_there(root, target)


def _leads_to(path: Path, target: str) -> bool:
    text = str(path)
    return target == text or (target.startswith(text) and target[len(text)] in ".[")


def _nothing_there(root: Any, target: str) -> StructureError:
    paths = [str(path) for path in flatten(root)[1].paths]
    error = StructureError(f"there is nothing at `{target}` in this tree")
    close = difflib.get_close_matches(target, paths, n=3, cutoff=0.4) or paths[:3]
    if close:
        error.add_note(f"hint: there are {', '.join(f'`{path}`' for path in close)}{', …' if len(paths) > 3 else ''}")
    return error
