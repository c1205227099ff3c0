"""Splitting: walking a tree to gather its leaves and to find its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from ryft_core.trees.keys import FLAT, LEAF, MEMO, STATIC, NodeKey, canonical_key, child_keys, is_immutable
from ryft_core.trees.kinds import NodeKind
from ryft_core.trees.nodes import (
    ARRAY_TYPES,
    DICTIONARY,
    LEAF_TYPES,
    LIST,
    NODE_KINDS,
    TUPLE,
    dictionary_plan,
    is_array_leaf,
    kind_of,
)
from ryft_core.trees.statics import distinction

__all__ = ["IsLeaf", "split", "split_slowly"]

IsLeaf: TypeAlias = Callable[[Any], bool]
"""Says of a node whether it is a leaf, whatever it contains."""


def split(tree: Any, leaves: list[Any]) -> NodeKey:
    """Appends the leaves of a tree to `leaves` and returns its key."""
    cls = type(tree)
    if cls is tuple or cls is list:
        kind, children, metadata = TUPLE if cls is tuple else LIST, tree, None
    else:
        kind = NODE_KINDS.get(cls) or kind_of(tree)
        if kind is None:
            leaves.append(tree)
            return LEAF
        if kind.holds_statics:
            return _split_instance(kind, tree, leaves)
        children, metadata = kind.flatten(tree)
    if LEAF_TYPES.issuperset(map(type, children)):
        leaves += children
        return kind, metadata, len(children)
    if len(children) >= _WORTH_SPLITTING_TOGETHER:
        keys = _split_together(children, leaves)
        if keys is not None:
            return kind, metadata, keys
    return canonical_key(kind, metadata, tuple([split(child, leaves) for child in children]))


def _split_together(containers: Sequence[Any], leaves: list[Any]) -> tuple[NodeKey, ...] | None:
    """Does the work of `split` for several containers at once, if they are of one builtin type and contain leaves only.

    This is what parameters usually look like: a list of pairs, or a dictionary of dictionaries. All loops are in C.

    Returns:
        The key of each container, or `None` if they have to be looked at one by one.
    """
    cls = type(containers[0])
    if cls not in _TOGETHER:
        return _recall_together(containers, leaves)
    if len(set(map(type, containers))) != 1:
        return None
    if cls is dict:
        plans = [dictionary_plan(keys) for keys in map(tuple, containers)]
        containers = [plan[0](container) for plan, container in zip(plans, containers, strict=True)]
        keys = tuple([(DICTIONARY, plan[1], len(plan[1])) for plan in plans])
    else:
        keys = tuple(map((_TUPLES if cls is tuple else _LISTS).__getitem__, map(len, containers)))
    found = list(chain.from_iterable(containers))
    if not LEAF_TYPES.issuperset(map(type, found)):
        return None
    leaves += found
    return keys


def _recall_together(instances: Sequence[Any], leaves: list[Any]) -> tuple[NodeKey, ...] | None:
    """Does the work of `split` for several instances at once, if they are of one class and remember their leaves."""
    kind = NODE_KINDS.get(type(instances[0]))
    if kind is None or not (kind.is_immutable and kind.holds_statics) or len(set(map(type, instances))) != 1:
        return None
    flats = [instance.__dict__.get(FLAT) for instance in instances]
    if not all(flats):
        return None
    for flat in flats:
        leaves += flat[1]
    return tuple([flat[0] for flat in flats])


class _KeysByLength(dict[int, NodeKey]):
    """Keys of the sequences of a kind that contain leaves only, by their length."""

    def __init__(self, kind: NodeKind) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, length: int) -> NodeKey:
        key = self[length] = (self.kind, None, length)
        return key


_TUPLES, _LISTS = _KeysByLength(TUPLE), _KeysByLength(LIST)
_TOGETHER = frozenset({tuple, list, dict})
_WORTH_SPLITTING_TOGETHER = 4


def _split_instance(kind: NodeKind, instance: Any, leaves: list[Any]) -> NodeKey:
    """Does the work of `split` for an instance of a class."""
    if kind.is_immutable and (flat := instance.__dict__.get(FLAT)) is not None:
        leaves += flat[1]
        return flat[0]
    children, metadata = kind.flatten(instance)
    if ARRAY_TYPES.issuperset(map(type, children)):
        leaves += children
        key = kind, metadata, len(children)
    else:
        start, guide = len(leaves), getattr(instance, MEMO, None)
        key = _split_children(kind, metadata, children, leaves, None, True, guide)
        children = leaves[start:]
    if kind.is_immutable and is_immutable(key):
        instance.__dict__[FLAT] = key, tuple(children)
    return key


def split_slowly(tree: Any, leaves: list[Any], is_leaf: IsLeaf | None, statics: bool, guide: NodeKey | None) -> NodeKey:
    """Does the work of `split` in the cases that it leaves out.

    Args:
        tree: Tree to split.
        leaves: Where to append the leaves.
        is_leaf: Predicate of the user.
        statics: Whether leaves that are not arrays belong to the structure.
        guide: Key that this tree had when it was put together. What was put in the place of a leaf remains one.
    """
    if is_leaf is not None and is_leaf(tree):
        leaves.append(tree)
        return LEAF
    kind = NODE_KINDS.get(type(tree)) or kind_of(tree)
    if kind is None:
        if statics and guide != LEAF and not is_array_leaf(tree):
            return STATIC, (distinction(tree), tree), 0
        leaves.append(tree)
        return LEAF
    if kind.holds_statics:
        if is_leaf is None:
            return _split_instance(kind, tree, leaves)
        statics, guide = True, getattr(tree, MEMO, None)
    elif guide == LEAF:
        statics = False
    children, metadata = kind.flatten(tree)
    return _split_children(kind, metadata, children, leaves, is_leaf, statics, guide)


def _split_children(
    kind: NodeKind,
    metadata: Any,
    children: Sequence[Any],
    leaves: list[Any],
    is_leaf: IsLeaf | None,
    statics: bool,
    guide: NodeKey | None,
) -> NodeKey:
    if is_leaf is None and len(children) >= _WORTH_SPLITTING_TOGETHER:
        recalled = _recall_together(children, leaves)
        if recalled is not None:
            return kind, metadata, recalled
    guides: Sequence[NodeKey | None] = (None,) * len(children)
    if guide is not None and guide != LEAF and guide[0] is kind and len(child_keys(guide)) == len(children):
        guides = child_keys(guide)
    keys = [split_slowly(child, leaves, is_leaf, statics, guide) for child, guide in zip(children, guides, strict=True)]
    return canonical_key(kind, metadata, tuple(keys))
