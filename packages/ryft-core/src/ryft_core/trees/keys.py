"""Keys: what a structure is made of, as nested tuples, which hash and compare in C.

The key of a leaf is `LEAF`. That of a container has three parts: its kind, its metadata, and the keys of its children,
or just their number if all of them are leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ryft_core.trees.kinds import NodeKind
from ryft_core.trees.nodes import NODE_KINDS
from ryft_core.trees.paths import Field, Path

__all__ = [
    "FLAT",
    "LEAF",
    "MEMO",
    "STATIC",
    "NodeKey",
    "argument_keys",
    "canonical_key",
    "child_keys",
    "count_leaves",
    "describe_key",
    "holds_statics",
    "is_immutable",
    "leaf_paths",
]

NodeKey: TypeAlias = Any
"""Key of a structure."""

LEAF: Final = "*"
"""Key of a leaf."""

MEMO: Final = "_ryft_structure"
"""Attribute in which an instance that holds unusual leaves remembers its key. See `build_remembering`."""

FLAT: Final = "_ryft_flat"
"""Attribute in which an instance that cannot change remembers its key and its leaves."""


class _Static:
    """Stands for the type of all nodes that are a value of the structure, and not a leaf or a container."""


# The metadata is the value and, before it, what tells it apart from equal ones.
STATIC: Final = NodeKind(
    _Static, lambda _: ((), None), lambda metadata, _: metadata[1], lambda _, __: (), is_immutable=True
)
NODE_KINDS[_Static] = STATIC


def child_keys(key: NodeKey) -> tuple[NodeKey, ...]:
    """Returns the keys of the children of a node."""
    children = key[2]
    return (LEAF,) * children if isinstance(children, int) else children


def argument_keys(key: NodeKey) -> list[tuple[Path, NodeKey]]:
    """Returns the keys of both parts of `(arguments, keywords)`, each with what messages call it."""
    return list(zip((Path((Field("args"),)), Path((Field("kwargs"),))), child_keys(key), strict=True))


def canonical_key(kind: NodeKind, metadata: Any, children: tuple[NodeKey, ...]) -> NodeKey:
    """Returns the key of a node whose children have these keys."""
    return kind, metadata, len(children) if all([child is LEAF for child in children]) else children


def count_leaves(key: NodeKey) -> int:
    """Returns the number of leaves."""
    if key == LEAF:
        return 1
    children = key[2]
    return children if isinstance(children, int) else sum(map(count_leaves, children))


def holds_statics(key: NodeKey) -> bool:
    """Returns whether a node is a class, in which the values decide what is a leaf."""
    return key != LEAF and (key[0].holds_statics or (type(key[2]) is tuple and any(map(holds_statics, key[2]))))


def is_immutable(key: NodeKey) -> bool:
    """Returns whether a tree always has the same leaves, however long it lives."""
    return key == LEAF or (key[0].is_immutable and (type(key[2]) is int or all(map(is_immutable, key[2]))))


def leaf_paths(key: NodeKey, path: Path) -> Iterator[Path]:
    """Yields the paths of all leaves below `path`."""
    if key == LEAF:
        yield path
        return
    children = child_keys(key)
    for entry, child in zip(key[0].entries(key[1], len(children)), children, strict=True):
        yield from leaf_paths(child, path / entry)


def describe_key(key: NodeKey) -> str:
    """Returns a structure as text in the style of Python, with a star for each leaf."""
    if key == LEAF:
        return "*"
    kind, metadata, _ = key
    if kind is STATIC:
        return f"static({metadata[1]!r})"
    children = [describe_key(child) for child in child_keys(key)]
    if kind.type is list:
        return f"[{', '.join(children)}]"
    if kind.type is tuple:
        return f"({', '.join(children)}{',' * (len(children) == 1)})"
    if kind.type is type(None):
        return "None"
    entries = [str(entry).removeprefix(".") for entry in kind.entries(metadata, len(children))]
    if kind.type is dict:
        return "{" + ", ".join(f"{entry[1:-1]}: {child}" for entry, child in zip(entries, children, strict=True)) + "}"
    values = metadata[0] if kind.static_names else ()
    fields = [*zip(entries, children, strict=True), *zip(kind.static_names, map(repr, values), strict=True)]
    return f"{kind.type.__qualname__}({', '.join(map('='.join, fields))})"
