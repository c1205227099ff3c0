"""Nodes: which types are containers, how each is taken apart and put together, and which other values are arrays.

Containers are `dict`, `list`, `tuple`, `None` (which contains nothing), named tuples, `OrderedDict`, `defaultdict`,
`deque`, dataclasses, parameterized classes, and what is registered with `register_tree_node`. All else is a leaf.
"""

from __future__ import annotations

import collections
import enum
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy

from ryft_core.errors import StructureError
from ryft_core.trees.classes import PARAMETERIZED, class_kind
from ryft_core.trees.kinds import Getter, NodeKind, getter_of, index_entries
from ryft_core.trees.paths import Entry, Field, Key

__all__ = [
    "ARRAY_TYPES",
    "DICTIONARY",
    "LEAF_TYPES",
    "LIST",
    "NODE_KINDS",
    "TUPLE",
    "dictionary_plan",
    "is_array",
    "is_array_leaf",
    "kind_of",
    "kind_of_type",
    "register_tree_leaf",
    "register_tree_node",
]

T = TypeVar("T")

# --- leaves -----------------------------------------------------------------------------------------------------------

ARRAY_TYPES: set[type] = {numpy.ndarray, bool, int, float, complex}
"""Types known to be arrays, or numbers that stand for arrays. Grows as values of other types are met."""

LEAF_TYPES: set[type] = {*ARRAY_TYPES, str, bytes}
"""Types known not to be containers, arrays among them. Grows as values of other types are met."""

_BUILTIN_LEAVES = frozenset(LEAF_TYPES)
_DECLARED_LEAVES: set[type] = set()


def is_array_leaf(value: Any) -> bool:
    """Returns whether `value` is an array or a number: has a `shape` and a `dtype`, or is a Python scalar."""
    kind = type(value)
    if kind in ARRAY_TYPES:
        return True
    if isinstance(value, (type, enum.Enum)) or kind in NODE_KINDS or hasattr(kind, PARAMETERIZED):
        return False
    if isinstance(value, (numpy.generic, bool, int, float, complex)) or (
        hasattr(value, "shape") and hasattr(value, "dtype")
    ):
        ARRAY_TYPES.add(kind)
        LEAF_TYPES.add(kind)
        return True
    return False


def is_array(value: Any) -> bool:
    """Returns whether `value` is an array, and not just a number."""
    return not isinstance(value, (numpy.generic, bool, int, float, complex)) and is_array_leaf(value)


def register_tree_leaf(*types: type) -> None:
    """Declares that values of these types are leaves, although they are dataclasses or named tuples.

    Raises:
        StructureError: If one of the types is registered as a container.
    """
    for cls in types:
        if cls in NODE_KINDS:
            raise StructureError(f"`{cls.__qualname__}` is a container already, so it cannot be declared a leaf")
    _DECLARED_LEAVES.update(types)


# --- containers -------------------------------------------------------------------------------------------------------

_DICTIONARIES: dict[tuple[Any, ...], tuple[Getter, tuple[Any, ...]]] = {}
_MAXIMUM_DICTIONARIES = 16384


def _sorted_keys(keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns keys in their own order; those of several types, type by type; those without an order, as they come."""
    try:
        return tuple(sorted(keys))
    except TypeError:
        pass
    try:
        return tuple(sorted(keys, key=lambda key: (type(key).__module__, type(key).__qualname__, key)))
    except TypeError:
        return keys


def dictionary_plan(keys: tuple[Any, ...]) -> tuple[Getter, tuple[Any, ...]]:
    """Returns what gets the values of a dictionary with these keys in the order of the sorted keys, and the latter."""
    plan = _DICTIONARIES.get(keys)
    if plan is None:
        ordered = _sorted_keys(keys)
        if len(_DICTIONARIES) >= _MAXIMUM_DICTIONARIES:
            _DICTIONARIES.clear()
        plan = _DICTIONARIES[keys] = getter_of(operator.itemgetter, ordered), ordered
    return plan


def _flatten_dictionary(dictionary: dict[Any, Any]) -> tuple[Sequence[Any], tuple[Any, ...]]:
    getter, ordered = dictionary_plan(tuple(dictionary))
    return getter(dictionary), ordered


def _flatten_default_dictionary(dictionary: collections.defaultdict[Any, Any]) -> tuple[Sequence[Any], Any]:
    values, keys = _flatten_dictionary(dictionary)
    return values, (dictionary.default_factory, keys)


def _key_entries(keys: tuple[Any, ...], _: int) -> Iterable[Entry]:
    return map(Key, keys)


def _nothing(_: Any) -> tuple[Sequence[Any], None]:
    return (), None


TUPLE = NodeKind(tuple, lambda x: (x, None), lambda _, children: tuple(children), index_entries, is_immutable=True)
LIST = NodeKind(list, lambda x: (x, None), lambda _, children: list(children), index_entries)
DICTIONARY = NodeKind(
    dict, _flatten_dictionary, lambda keys, children: dict(zip(keys, children, strict=True)), _key_entries
)
_NONE = NodeKind(type(None), _nothing, lambda _, __: None, index_entries, is_immutable=True)

NODE_KINDS: dict[type, NodeKind] = {
    type(None): _NONE,
    tuple: TUPLE,
    list: LIST,
    dict: DICTIONARY,
    collections.OrderedDict: NodeKind(
        collections.OrderedDict,
        lambda x: (tuple(x.values()), tuple(x)),
        lambda keys, children: collections.OrderedDict(zip(keys, children, strict=True)),
        _key_entries,
    ),
    collections.defaultdict: NodeKind(
        collections.defaultdict,
        _flatten_default_dictionary,
        lambda rest, children: collections.defaultdict(rest[0], zip(rest[1], children, strict=True)),
        lambda rest, count: _key_entries(rest[1], count),
    ),
    collections.deque: NodeKind(
        collections.deque,
        lambda x: (tuple(x), x.maxlen),
        lambda maximum, children: collections.deque(children, maximum),
        index_entries,
    ),
}
"""The kind of each container type met so far."""


def register_tree_node(
    cls: type[T],
    flatten: Callable[[T], tuple[Iterable[Any], Hashable]],
    unflatten: Callable[[Any, Sequence[Any]], T],
    *,
    entries: Callable[[Any, int], Iterable[Entry]] | None = None,
) -> None:
    """Makes a class a container.

    Args:
        cls: The class. Its subclasses are not registered with it.
        flatten: Returns the children of an instance, and the rest of it, which must be hashable and comparable. Two
            instances have the same structure if their rests are equal and their children have the same structures.
        unflatten: Returns an instance, given the rest and new children, which may be anything: do not check them.
        entries: Returns the step of a path to each child, given the rest and the number of children. By default, their
            positions.

    Raises:
        StructureError: If `cls` is no class, is a container already, was declared a leaf, or holds numbers.
    """
    if not isinstance(cls, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StructureError(f"`register_tree_node` expected a class, but got {cls!r}")
    if cls in _BUILTIN_LEAVES:
        raise StructureError(f"`{cls.__qualname__}` is always a leaf, so it cannot be made a container")
    if cls in NODE_KINDS:
        raise StructureError(f"`{cls.__qualname__}` is a container already")
    if cls in _DECLARED_LEAVES:
        raise StructureError(f"`{cls.__qualname__}` was declared a leaf, so it cannot be made a container")

    def flatten_to_tuple(value: Any) -> tuple[Sequence[Any], Any]:
        flat: Any = flatten(value)
        if not isinstance(flat, tuple) or len(flat) != 2:
            text = f"the `flatten` of `{cls.__qualname__}` expected to return its children and the rest of it"
            raise StructureError(f"{text}, but returned {flat!r:.100}")
        return tuple(flat[0]), flat[1]

    LEAF_TYPES.discard(cls)
    ARRAY_TYPES.discard(cls)
    NODE_KINDS[cls] = NodeKind(cls, flatten_to_tuple, unflatten, entries or index_entries)


def _named_tuple_kind(cls: Any) -> NodeKind:
    fields: tuple[str, ...] = cls._fields
    return NodeKind(
        cls,
        lambda x: (tuple(x), None),
        lambda _, children: cls._make(children),
        lambda _, __: map(Field, fields),
        is_immutable=True,
    )


def kind_of(value: Any) -> NodeKind | None:
    """Returns the kind of a container, or `None` if `value` is a leaf. Remembers its type either way."""
    cls = type(value)
    kind = NODE_KINDS.get(cls)
    return kind if kind is not None or is_array_leaf(value) else kind_of_type(cls)


def kind_of_type(cls: type) -> NodeKind | None:
    """Returns the kind of a container type, or `None` if values of this type are leaves."""
    if (kind := NODE_KINDS.get(cls)) is not None or cls in LEAF_TYPES:
        return kind
    if cls not in _DECLARED_LEAVES:
        is_named_tuple = issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make")
        kind = _named_tuple_kind(cls) if is_named_tuple else class_kind(cls)
    if kind is None:
        LEAF_TYPES.add(cls)
    else:
        NODE_KINDS[cls] = kind
    return kind
