"""Prefixes: flattening one tree along the structure of another, and explaining where two structures differ.

A prefix of a tree is what is left if some of its subtrees are replaced by single leaves. It gives a value to every leaf
of the tree: the `(0, None)` of `vmap(..., in_axes=(0, None))` is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ryft_core.errors import StructureError
from ryft_core.trees.keys import LEAF, STATIC, NodeKey, argument_keys, child_keys, count_leaves
from ryft_core.trees.kinds import NodeKind
from ryft_core.trees.nodes import NODE_KINDS, kind_of
from ryft_core.trees.paths import Field, Path
from ryft_core.trees.statics import distinction
from ryft_core.trees.structures import IsLeaf, Structure, flatten

__all__ = ["broadcast", "flatten_prefix", "flatten_up_to", "structure_difference"]


def structure_of(tree_or_structure: Any) -> Structure:
    """Returns a structure as it is, and the structure of anything else."""
    return tree_or_structure if isinstance(tree_or_structure, Structure) else flatten(tree_or_structure)[1]


def flatten_up_to(structure: Structure, tree: Any, *, name: str = "tree") -> list[Any]:
    """Returns the subtrees of `tree` that are where `structure` has its leaves. The inverse of `structure.unflatten`.

    Args:
        structure: Structure to follow. `tree` must have it, but may have anything in the place of each leaf.
        tree: Tree to take apart.
        name: What to call the tree in errors.

    Raises:
        StructureError: If `tree` does not have this structure. It says where.
    """
    subtrees: list[Any] = []
    _collect(structure.key, tree, Path(), subtrees, name)
    return subtrees


def _collect(key: NodeKey, tree: Any, path: Path, subtrees: list[Any], name: str) -> None:
    if key == LEAF:
        subtrees.append(tree)
        return
    kind, metadata, _ = key
    if kind is STATIC:
        _check_static(metadata, tree, path, name)
        return
    if NODE_KINDS.get(type(tree)) is not kind and kind_of(tree) is not kind:
        raise StructureError(
            f"`{name}` expected {describe_node(key)} at {path.describe()}, but got {describe_value(tree)}"
        )
    children, found = kind.flatten(tree)
    keys = child_keys(key)
    if found != metadata or len(children) != len(keys):
        raise StructureError(f"`{name}` {_explain_node(key, (kind, found, len(children)), path)}")
    for entry, child_key, child in zip(kind.entries(metadata, len(keys)), keys, children, strict=True):
        _collect(child_key, child, path / entry, subtrees, name)


def _check_static(metadata: Any, value: Any, path: Path, name: str) -> None:
    if metadata[1] is not value and metadata != (distinction(value), value):
        raise StructureError(f"`{name}` expected the static {metadata[1]!r} at {path.describe()}, but got {value!r}")


def flatten_prefix(prefix: Any, tree: Any, is_leaf: IsLeaf | None = None, *, name: str = "prefix") -> list[Any]:
    """Returns one value for each leaf of `tree`: that which `prefix` has there or above.

    Example:
        >>> flatten_prefix((0, None), ({"a": 1.0, "b": 2.0}, 3.0), is_leaf=lambda x: x is None)
        [0, 0, None]

    Args:
        prefix: Prefix of `tree`. A single leaf is a prefix of everything.
        tree: Tree, or its structure.
        is_leaf: Called with every node of `prefix`; where it returns true, that node is a leaf. Use it where `None` is
            a value and not an empty container.
        name: What to call the prefix in errors.

    Raises:
        StructureError: If `prefix` is not a prefix of `tree`. It says where and why.
    """
    values: list[Any] = []
    _spread(prefix, structure_of(tree).key, is_leaf, Path(), values, name)
    return values


def _spread(prefix: Any, key: NodeKey, is_leaf: IsLeaf | None, path: Path, values: list[Any], name: str) -> None:
    kind = None if is_leaf is not None and is_leaf(prefix) else kind_of(prefix)
    if kind is None:
        values.extend([prefix] * count_leaves(key))
        return
    if key == LEAF or key[0] is not kind:
        if key != LEAF and key[0] is STATIC:
            return
        found = describe_value(prefix)
        error = StructureError(f"`{name}` has {found} at {path.describe()}, where the tree has {describe_node(key)}")
        error.add_note(f"hint: give one value for all of it, or {describe_node(key)} of values")
        raise error
    children, metadata = kind.flatten(prefix)
    keys = child_keys(key)
    if len(children) != len(keys) or (metadata != key[1] and not kind.holds_statics):
        error = StructureError(f"`{name}` {_explain_node(key, (kind, metadata, len(children)), path)}")
        if kind.type is tuple and not path:
            error.add_note("hint: the outermost tuple has one element for each positional argument")
        raise error
    for entry, child_key, child in zip(kind.entries(key[1], len(keys)), keys, children, strict=True):
        _spread(child, child_key, is_leaf, path / entry, values, name)


def broadcast(prefix: Any, tree: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Returns a tree with the structure of `tree`, in which each leaf is what `prefix` has there or above.

    Example:
        >>> broadcast((1, 2), (0, {"a": 0, "b": 0}))
        (1, {'a': 2, 'b': 2})

    Args:
        prefix: Prefix of `tree`.
        tree: Tree, or its structure.
        is_leaf: Called with every node of `prefix`; where it returns true, that node is a leaf.

    Raises:
        StructureError: If `prefix` is not a prefix of `tree`.
    """
    structure = structure_of(tree)
    return structure.unflatten(flatten_prefix(prefix, structure, is_leaf))


# --- explanations -----------------------------------------------------------------------------------------------------


def structure_difference(expected: Any, actual: Any, *, limit: int = 5, arguments: bool = False) -> str | None:
    """Returns where and how two structures differ, one difference a line, or `None` if they are equal.

    Example:
        >>> structure_difference({"a": [1, 2]}, {"a": [1, 2, 3]})
        'expected a list of length 2 at `["a"]`, but got one of length 3'

    Args:
        expected: Structure, or tree.
        actual: Structure, or tree.
        limit: Number of differences to list.
        arguments: Whether both are `(arguments, keywords)`, which are then called `args` and `kwargs`.
    """
    keys = [structure_of(tree).key for tree in (expected, actual)]
    pairs = zip(*map(argument_keys, keys), strict=True) if arguments else [[(Path(), key) for key in keys]]
    differences = [text for (path, before), (_, now) in pairs for text in _differences(before, now, path)]
    more = [f"and {len(differences) - limit} more differences"] if len(differences) > limit else []
    return "\n".join(differences[:limit] + more) or None


def _differences(expected: NodeKey, actual: NodeKey, path: Path) -> Iterator[str]:
    if expected == actual:
        return
    if expected == LEAF or actual == LEAF or expected[0] is not actual[0]:
        yield f"expected {describe_node(expected)} at {path.describe()}, but got {describe_node(actual)}"
        return
    kind: NodeKind = expected[0]
    expected_children, actual_children = child_keys(expected), child_keys(actual)
    if expected[1] != actual[1] or len(expected_children) != len(actual_children):
        yield _explain_node(expected, actual, path)
        return
    entries = kind.entries(expected[1], len(expected_children))
    for entry, expected_child, actual_child in zip(entries, expected_children, actual_children, strict=True):
        yield from _differences(expected_child, actual_child, path / entry)


def _explain_node(expected: NodeKey, actual: NodeKey, path: Path) -> str:
    """Returns how two nodes of the same kind differ in their metadata or their number of children."""
    kind: NodeKind = expected[0]
    where = path.describe()
    if kind is STATIC:
        return f"expected the static {expected[1][1]!r} at {where}, but got {actual[1][1]!r}"
    wanted, found = len(child_keys(expected)), len(child_keys(actual))
    wanted_entries, found_entries = list(kind.entries(expected[1], wanted)), list(kind.entries(actual[1], found))
    type_name = kind.type.__qualname__
    if kind.static_names:
        pairs = zip(kind.static_names, expected[1][0], actual[1][0], strict=True)
        texts = [f"`{path / Field(name)}` to be {a!r}, but got {b!r}" for name, a, b in pairs if not _is_same(a, b)]
        return f"expected the static {' and '.join(texts)}"
    if kind.type in (list, tuple) or (wanted != found and expected[1] == actual[1]):
        return f"expected a {type_name} of length {wanted} at {where}, but got one of length {found}"
    missing = [str(entry) for entry in wanted_entries if entry not in found_entries]
    extra = [str(entry) for entry in found_entries if entry not in wanted_entries]
    if missing or extra:
        texts = [f"is missing {', '.join(missing)}"] * bool(missing) + [f"has unexpected {', '.join(extra)}"] * bool(
            extra
        )
        return f"expected the same keys in the `{type_name}` at {where}, but it {' and '.join(texts)}"
    if wanted_entries != found_entries:
        order = ", ".join(map(str, wanted_entries))
        return f"expected the keys of the `{type_name}` at {where} in the order {order}, but got another order"
    return f"expected static data {expected[1]!r} in the `{type_name}` at {where}, but got {actual[1]!r}"


def _is_same(a: Any, b: Any) -> bool:
    return a == b and distinction(a) == distinction(b)


def describe_node(key: NodeKey) -> str:
    """Returns what a node is, for a message, such as `a tuple of length 2`."""
    if key == LEAF:
        return "a leaf"
    kind, metadata, _ = key
    if kind is STATIC:
        return f"the static {metadata[1]!r}"
    if kind.type is type(None):
        return "`None`"
    count = len(child_keys(key))
    if kind.type in (tuple, list):
        return f"a {kind.type.__name__} of length {count}"
    if kind.type is dict:
        return f"a dict with keys {', '.join(map(repr, metadata))}" if metadata else "an empty dict"
    return f"a `{kind.type.__qualname__}`"


def describe_value(value: Any) -> str:
    """Returns what the root of a tree is, for a message."""
    kind = kind_of(value)
    if kind is not None:
        children, metadata = kind.flatten(value)
        return describe_node((kind, metadata, len(children)))
    text = repr(value)
    return f"{text if len(text) <= 60 else 'a value'} of type `{type(value).__qualname__}`"
