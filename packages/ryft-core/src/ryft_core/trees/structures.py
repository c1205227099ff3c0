"""Structures: a tree without its leaves; how a tree is split into leaves and structure, and how these are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ryft_core.errors import StructureError
from ryft_core.trees.builders import build, build_remembering, compile_builder
from ryft_core.trees.keys import (
    LEAF,
    STATIC,
    NodeKey,
    argument_keys,
    child_keys,
    count_leaves,
    describe_key,
    holds_statics,
    leaf_paths,
)
from ryft_core.trees.nodes import ARRAY_TYPES, LEAF_TYPES, is_array, is_array_leaf
from ryft_core.trees.paths import Field, Path
from ryft_core.trees.splitting import IsLeaf, split, split_slowly

__all__ = [
    "IsLeaf",
    "Structure",
    "flatten",
    "flatten_arguments",
    "structure_of_key",
    "unflatten",
]


class Structure:
    """A tree without its leaves. Hashable, comparable and picklable.

    Attributes:
        num_leaves: Number of leaves.
    """

    __slots__ = ("_builder", "_hash", "_holds_statics", "_paths", "_uses", "key", "num_leaves")

    def __init__(self, key: NodeKey) -> None:
        self.key = key
        self.num_leaves = count_leaves(key)
        self._hash = hash(key)
        self._paths: tuple[Path, ...] | None = None
        self._holds_statics = holds_statics(key)
        self._builder: Callable[[list[Any]], Any] | None = None
        self._uses = 0

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and self._hash == other._hash and self.key == other.key)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Callable[[NodeKey], Structure], tuple[NodeKey]]:
        return structure_of_key, (self.key,)

    def __repr__(self) -> str:
        return f"Structure({describe_key(self.key)})"

    @property
    def is_leaf(self) -> bool:
        """Whether the tree is just one leaf."""
        return self.key == LEAF

    @property
    def children(self) -> tuple[Structure, ...]:
        """Structures of the children of the root."""
        return () if self.is_leaf else tuple(map(structure_of_key, child_keys(self.key)))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths of all leaves, in order."""
        if self._paths is None:
            self._paths = tuple(leaf_paths(self.key, Path()))
        return self._paths

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Returns the tree of this structure with the given leaves. Refer to `unflatten`."""
        return unflatten(self, leaves)


_STRUCTURES: dict[NodeKey, Structure] = {}
_MAXIMUM_STRUCTURES = 16384


def structure_of_key(key: NodeKey, *, arguments: bool = False) -> Structure:
    """Returns the one structure with this key. If it is of `arguments`, errors call these `args` and `kwargs`.

    Raises:
        StructureError: If something that belongs to the structure is not hashable, or is an array.
    """
    try:
        structure = _STRUCTURES.get(key)
    except TypeError as error:
        raise _unhashable(key, arguments) from error
    if structure is None:
        for path, root in argument_keys(key) if arguments else [(Path(), key)]:
            _check_statics(root, path)
        if len(_STRUCTURES) >= _MAXIMUM_STRUCTURES:  # Static values may be large: do not keep them for ever.
            _STRUCTURES.clear()
        structure = _STRUCTURES[key] = Structure(key)
    return structure


def _check_statics(key: NodeKey, path: Path) -> None:
    """Checks that no static field holds an array, which would be compiled into programs, or leak out of its trace."""
    if key == LEAF:
        return
    kind, metadata, _ = key
    fields = zip(kind.static_names, metadata[0], strict=True) if kind.static_names else ()
    for name, value in fields:
        if is_array(value):
            text = f"`{path / Field(name)}` is a static field of `{kind.type.__qualname__}`, but holds an array"
            error = StructureError(f"{text} of shape {tuple(value.shape)}")
            error.add_note("hint: make it a parameter: drop `static()`, annotate it as an array, or use `parameter()`")
            raise error
    children = child_keys(key)
    for entry, child in zip(kind.entries(metadata, len(children)), children, strict=True):
        _check_statics(child, path / entry)


def _unhashable(key: NodeKey, arguments: bool) -> StructureError:
    """Returns the error for a key that cannot be hashed, naming the innermost culprit."""

    def find(key: NodeKey, path: Path) -> tuple[Path, Any] | None:
        if key == LEAF:
            return None
        children = child_keys(key)
        for entry, child in zip(key[0].entries(key[1], len(children)), children, strict=True):
            if (found := find(child, path / entry)) is not None:
                return found
        return None if _is_hashable(key[1]) else (path, key)

    roots = argument_keys(key) if arguments else [(Path(), key)]
    found = (find(root, path) for path, root in roots)
    path, (kind, metadata, _) = next(filter(None, found), (Path(), key))
    if kind is STATIC:
        value = metadata[1]
        text = f"{path.describe()} is neither an array nor a container and so is static, but it is not hashable"
        error = StructureError(f"{text}: {value!r} of type `{type(value).__qualname__}`")
        error.add_note("hint: make it hashable, convert it to an array, or register its class as a container")
        return error
    if kind.static_names:
        pairs = zip(kind.static_names, metadata[0], strict=True)
        name, value = next((name, value) for name, value in pairs if not _is_hashable(value))
        error = StructureError(
            f"`{path / Field(name)}` is a static field of `{kind.type.__qualname__}`, but is not hashable: {value!r}"
        )
    else:
        text = f"{path.describe()} of type `{kind.type.__qualname__}` has data that is not hashable"
        error = StructureError(f"{text}: {metadata!r}")
    error.add_note("hint: static data must be hashable; arrays must be parameters, not static fields")
    return error


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


# --- splitting --------------------------------------------------------------------------------------------------------


def flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], Structure]:
    """Returns the leaves of a tree, in order, and its structure.

    Children come in the order of positions, fields, or sorted keys. `None` contains no leaf. Within a parameterized
    class or a dataclass, what is neither an array nor a number nor a container belongs to the structure, and is not a
    leaf.

    Example:
        >>> flatten({"b": 2, "a": [1, None]})
        ([1, 2], Structure({"a": [*, None], "b": *}))

    Args:
        tree: The tree.
        is_leaf: Called with every node; where it returns true, that node is a leaf, whatever it contains.

    Raises:
        StructureError: If something that belongs to the structure is not hashable, or if the tree contains itself.
    """
    leaves: list[Any] = []
    return leaves, structure_of_key(_split(tree, leaves, is_leaf))


def _split(tree: Any, leaves: list[Any], is_leaf: IsLeaf | None) -> NodeKey:
    try:
        return split(tree, leaves) if is_leaf is None else split_slowly(tree, leaves, is_leaf, False, None)
    except RecursionError as error:
        raise StructureError("the tree is nested too deeply, or contains itself") from error


_POSITIONAL: dict[int, Structure] = {}


def flatten_arguments(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[list[Any], Structure]:
    """Returns the leaves and the structure of `(arguments, keywords)`, faster than `flatten` does for bare leaves."""
    if not keywords and LEAF_TYPES.issuperset(map(type, arguments)):
        count = len(arguments)
        structure = _POSITIONAL.get(count)
        if structure is None:
            structure = _POSITIONAL[count] = flatten(((0,) * count, {}))[1]
        return list(arguments), structure
    leaves: list[Any] = []
    return leaves, structure_of_key(_split((arguments, keywords), leaves, None), arguments=True)


# --- joining ----------------------------------------------------------------------------------------------------------

# Compiling takes about as long as 50 walks.
_USES_BEFORE_COMPILATION = 32
_MAXIMUM_COMPILED_LEAVES = 4096


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Returns the tree with a structure and leaves, the inverse of `flatten`. The leaves may be anything.

    Raises:
        StructureError: If the number of leaves is not that of the structure.
    """
    leaves = leaves if type(leaves) is list else list(leaves)
    if len(leaves) != structure.num_leaves:
        raise _wrong_count(structure, len(leaves))
    if structure._holds_statics and not (ARRAY_TYPES.issuperset(map(type, leaves)) or all(map(is_array_leaf, leaves))):
        return build_remembering(structure.key, iter(leaves))
    if structure._builder is not None:
        return structure._builder(leaves)
    structure._uses += 1
    if structure._uses == _USES_BEFORE_COMPILATION and structure.num_leaves <= _MAXIMUM_COMPILED_LEAVES:
        structure._builder = compile_builder(structure.key)
    return build(structure.key, iter(leaves))


def _wrong_count(structure: Structure, count: int) -> StructureError:
    expected = structure.num_leaves
    if count > expected:
        return StructureError(f"got too many leaves: expected {expected}, but got {count}")
    error = StructureError(f"got too few leaves: expected {expected}, but got {count}")
    missing = ", ".join(path.describe() for path in structure.paths[count : count + 5])
    error.add_note(f"the missing leaves are {missing}{', …' if expected > count + 5 else ''}")
    return error
