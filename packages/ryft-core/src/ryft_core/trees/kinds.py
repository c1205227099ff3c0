"""Kinds of nodes: what has to be known of a container type so that its values can be taken apart and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ryft_core.errors import StructureError
from ryft_core.trees.paths import Entry, Index

__all__ = ["Getter", "NodeKind", "getter_of", "index_entries"]

T = TypeVar("T")
Getter = Callable[[Any], Sequence[Any]]


class NodeKind:
    """How values of one container type are taken apart and put together.

    Attributes:
        type: The container type.
        flatten: Returns the children of a container and the hashable rest of it.
        unflatten: Returns a container, given that rest and its new children.
        entries: Returns the step of a path to each child, given that rest and the number of children.
        holds_statics: Whether leaves below that are not arrays belong to the structure and not to the leaves.
        is_immutable: Whether a container always has the same children. If these are immutable as well, what `flatten`
            found is kept with the instance (of a class) for the next time.
        static_names: Names of the static fields of a class, whose metadata is their values and what tells these apart.
        attributes: Names under which `unflatten` of a class stores the children and the static values in `__dict__`;
            `None` if it does anything else.
    """

    __slots__ = (
        "attributes",
        "entries",
        "flatten",
        "holds_statics",
        "is_immutable",
        "static_names",
        "type",
        "unflatten",
    )

    def __init__(
        self,
        type: type[Any],
        flatten: Callable[[Any], tuple[Sequence[Any], Any]],
        unflatten: Callable[[Any, Sequence[Any]], Any],
        entries: Callable[[Any, int], Iterable[Entry]],
        *,
        holds_statics: bool = False,
        is_immutable: bool = False,
        static_names: tuple[str, ...] = (),
        attributes: tuple[str, ...] | None = None,
    ) -> None:
        self.type = type
        self.flatten = flatten
        self.unflatten = unflatten
        self.entries = entries
        self.holds_statics = holds_statics
        self.is_immutable = is_immutable
        self.static_names = static_names
        self.attributes = attributes

    def __repr__(self) -> str:
        return self.type.__qualname__

    def __reduce__(self) -> tuple[Callable[..., NodeKind], tuple[Any, ...]]:
        return _unpickle_kind, (self.type,)


def index_entries(_: Any, count: int) -> Iterable[Entry]:
    """Returns the steps to the children of a sequence."""
    return map(Index, range(count))


def getter_of(make: Callable[..., Callable[[Any], Any]], names: Sequence[Any]) -> Getter:
    """Returns a function that gets several items or attributes as a tuple, whatever their number."""
    if len(names) > 1:
        return make(*names)
    if not names:
        return lambda _: ()
    get = make(names[0])
    return lambda container: (get(container),)


def _unpickle_kind(cls: type) -> NodeKind:
    """Returns the kind of a container type when a structure is unpickled."""
    from ryft_core.trees.nodes import kind_of_type  # Only here, because the kinds are what the nodes are made of.

    kind = kind_of_type(cls)
    if kind is None:
        error = StructureError(f"`{cls.__qualname__}` is not a container here")
        error.add_note("hint: register it before a structure that contains it is unpickled")
        raise error
    return kind
